"""Captures made up of random bytes pass; doctored ones are refused, each by the judgement that it is made for."""

import random
from collections.abc import Callable
from dataclasses import replace

from . import lengths, packets, plaintext, positions, randomness
from .capture import ANSWER, FIRST_WORD, OPENING, Connection, Piece, Side
from .judging import judge
from .plaintext import Pattern
from .report import Judgement

# Enough for every test of positions but that of whole bytes.
CONNECTIONS = 420
SECRET = Pattern("a secret", b"what only the two ends may know")
KEY = Pattern("a key", bytes(range(100, 132)), is_text=False)

Doctor = Callable[[random.Random, Connection], None]


def made_up(source: random.Random) -> Connection:
    """As a connection looks whose bytes are random and whose lengths are random within ranges."""
    ranges = [(1298, 3346), (1459, 3507), (371, 2419), (60, 316), (50, 306), (6000, 6256), (5000, 5256)]
    pieces = [
        Piece(float(number), Side(number % 2), source.randbytes(source.randint(*bounds)))
        for number, bounds in enumerate(ranges)
    ]
    return Connection("resumed", pieces)


def change(one: Connection, index: int, edit: Callable[[bytearray], None]) -> None:
    data = bytearray(one.pieces[index].data)
    edit(data)
    one.pieces[index] = replace(one.pieces[index], data=bytes(data))


def set_byte(index: int, position: int, value: int) -> Doctor:
    return lambda _, one: change(one, index, lambda data: data.__setitem__(position, value))


def set_bit(index: int, position: int, bit: int) -> Doctor:
    return lambda _, one: change(one, index, lambda data: data.__setitem__(position, data[position] | 1 << bit))


def lean_bit(source: random.Random, one: Connection) -> None:
    """A bit that is set in three of four."""
    if source.random() < 0.5:
        set_bit(ANSWER, 500, 3)(source, one)


def favour_value(source: random.Random, one: Connection) -> None:
    """A byte with a value that comes in one of ten."""
    if source.random() < 0.1:
        set_byte(ANSWER, 501, 0x16)(source, one)


def skip_values(source: random.Random, one: Connection) -> None:
    """A quarter of all values never comes; each bit is as likely as before."""
    values = [value for value in range(256) if value >> 4 not in (0, 5, 10, 15)]
    set_byte(OPENING, 502, source.choice(values))(source, one)


def cut_to(index: int, count: int) -> Doctor:
    return lambda _, one: change(one, index, lambda data: data.__delitem__(slice(count, None)))


def lean_length(source: random.Random, one: Connection) -> None:
    """The lower half of the lengths comes more often than the upper."""
    if len(one.pieces[OPENING].data) > 2300 and source.random() < 0.5:
        cut_to(OPENING, source.randint(1298, 2300))(source, one)


def plant(index: int, pattern: bytes) -> Doctor:
    """Somewhere else in each, in one of fifty."""
    def doctor(source: random.Random, one: Connection) -> None:
        if source.random() < 0.02:
            data = one.pieces[index].data
            place = source.randrange(len(data) - len(pattern))
            whole = data[:place] + pattern + data[place + len(pattern) :]
            one.pieces[index] = replace(one.pieces[index], data=whole)
    return doctor


def spell(source: random.Random, one: Connection) -> None:
    """A hundred bytes of letters in each answer, anywhere."""
    place = source.randrange(1000)
    letters = bytes(source.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(100))
    change(one, ANSWER, lambda data: data.__setitem__(slice(place, place + 100), letters))


def judge_plaintext(connections: list[Connection]) -> list[Judgement]:
    return plaintext.judge(connections, [SECRET, KEY])


# What is doctored, how, who judges it, and by which judgement it has to be refused.
DOCTORED: list[tuple[str, Doctor, Callable[[list[Connection]], list[Judgement]], str]] = [
    ("a constant byte", set_byte(OPENING, 40, 0x51), positions.judge, "no constant byte"),
    ("a constant byte at an end", set_byte(ANSWER, -17, 0), positions.judge, "no constant byte"),
    ("a constant byte of a later record", set_byte(FIRST_WORD, 7, 9), positions.judge, "no constant byte"),
    ("a constant bit", set_bit(OPENING, 63, 7), positions.judge, "no constant bit"),
    ("a biased bit", lean_bit, positions.judge, "no biased bit (exact binomial)"),
    ("a favoured value", favour_value, positions.judge, "no frequent byte value (exact binomial)"),
    ("values that never come", skip_values, positions.judge, "every position even (chi-square)"),
    ("a constant length", cut_to(OPENING, 1298), lengths.judge, "no constant length"),
    ("a constant length of a write", cut_to(5, 6000), lengths.judge, "no constant length"),
    ("shorter flights more often", lean_length, lengths.judge, "flights evenly long (chi-square)"),
    ("plaintext", plant(5, SECRET.data.title()), judge_plaintext, "no plaintext, name or key"),
    ("a known key", plant(4, KEY.data), judge_plaintext, "no plaintext, name or key"),
    ("an unknown key that returns", plant(ANSWER, bytes(range(200, 232))), randomness.judge, "nothing comes again"),
    ("letters anywhere", spell, randomness.judge, "random as a whole, answer"),
]


def run() -> list[str]:
    """What went wrong; nothing, if every judgement can tell."""
    # Always the same bytes: what is tried are the judgements.
    source = random.Random(2026)
    original = [made_up(source) for _ in range(CONNECTIONS)]
    faults = [
        f"random bytes are refused: {one.name}: {one.findings[0]}"
        for one in judge(original, [SECRET, KEY]) if not one.is_passed
    ]
    for name, doctor, judge_part, judgement in DOCTORED:
        connections = [Connection(one.kind, list(one.pieces)) for one in original]
        for one in connections:
            doctor(source, one)
        if judgement not in [one.name for one in judge_part(connections) if not one.is_passed]:
            faults.append(f"{name} is not seen by '{judgement}'")
    if not packets.judge([source.randint(261_120, 262_144) for _ in range(200)]).is_passed:
        faults.append("large writes of random lengths are refused")
    if packets.judge([262_144] * 60 + [source.randint(60_000, 262_144) for _ in range(140)]).is_passed:
        faults.append("large writes of one length are not seen")
    if all(one.is_passed for one in judge([], [SECRET])):
        faults.append("an empty capture passes")
    return faults
