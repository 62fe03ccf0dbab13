"""Every position of the bytes on the wire, over all connections: no constant, no bias."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .capture import ANSWER, FIRST_WORD, LAST, OPENING, TURN_NAMES, Connection, Side
from .report import Judgement
from .statistics import chi_square, chi_square_limit, count_limit

# Bytes of each direction that are looked at from its first, and of each turn from its end.
DIRECTION_DEPTH = 4096
TURN_DEPTH = 2048
# A position that fewer connections reach says too little.
ROWS_MIN = 40
# A chi-square test wants so many expected in each cell; below, the exact tests are alone.
CELL_MIN = 25
# How likely a whole run refuses what is truly random, over all tests of all positions together.
FALSE_ALARM = 1e-4
TESTS_PER_POSITION = 12

LOW_NIBBLE = bytes(value & 15 for value in range(256))
HIGH_NIBBLE = bytes(value >> 4 for value in range(256))


@dataclass(frozen=True)
class Alignment:
    """Stretches of different connections, laid over each other."""

    name: str
    rows: list[bytes]
    depth: int


def alignments(connections: list[Connection]) -> list[Alignment]:
    """Both directions from their first byte, later turns from theirs, and all turns from their last byte backwards."""
    found = [
        Alignment(f"{side.word}, from its first byte", [one.sent_by(side) for one in connections], DIRECTION_DEPTH)
        for side in Side
    ]
    turns = [one.turns() for one in connections]
    for index in (LAST, FIRST_WORD):
        rows = [turn[index].data for turn in turns if len(turn) > index]
        found.append(Alignment(f"{TURN_NAMES[index]}, from its first byte", rows, TURN_DEPTH))
    for index in (OPENING, ANSWER, LAST, FIRST_WORD):
        rows = [turn[index].data[::-1] for turn in turns if len(turn) > index]
        found.append(Alignment(f"{TURN_NAMES[index]}, from its last byte backwards", rows, TURN_DEPTH))
    return found


def columns(alignment: Alignment) -> Iterator[tuple[int, bytes]]:
    """The bytes at each position that enough rows reach."""
    depth = alignment.depth
    rows = sorted((row[:depth] for row in alignment.rows), key=len, reverse=True)
    if len(rows) < ROWS_MIN:
        return
    buffer = b"".join(row.ljust(depth, b"\0") for row in rows)
    count = len(rows)
    for position in range(len(rows[ROWS_MIN - 1])):
        while len(rows[count - 1]) <= position:
            count -= 1
        yield position, buffer[position::depth][:count]


def judge(connections: list[Connection]) -> list[Judgement]:
    found = alignments(connections)
    chance = FALSE_ALARM / (TESTS_PER_POSITION * sum(alignment.depth for alignment in found))
    judge = PositionJudge(chance)
    for alignment in found:
        for position, column in columns(alignment):
            judge.look(f"{alignment.name}, position {position}", column)
    return judge.judgements()


class PositionJudge:
    """Takes one column after the other. Each test may err with the probability `chance`."""

    def __init__(self, chance: float):
        self.chance = chance
        self.position_count = 0
        self.sample_counts = Counter()
        self.constant_bytes: list[str] = []
        self.constant_bits: list[str] = []
        self.biased_bits: list[str] = []
        self.frequent_values: list[str] = []
        self.uneven: list[str] = []

    def look(self, where: str, column: bytes) -> None:
        count = len(column)
        self.position_count += 1
        if column.count(column[0]) == count:
            self.constant_bytes.append(f"{where}: always {column[0]:#04x}")
        self._look_at_bits(where, column)
        value, times = Counter(column).most_common(1)[0]
        if times > (limit := count_limit(count, 1 / 256, self.chance / 256)):
            self.frequent_values.append(f"{where}: {value:#04x} in {times} of {count}, {limit} at most by chance")
        if count >= 16 * CELL_MIN:
            for name, table in (("low", LOW_NIBBLE), ("high", HIGH_NIBBLE)):
                nibbles = column.translate(table)
                self._chi_square(f"{where}, {name} nibble", [nibbles.count(value) for value in range(16)])
        if count >= 256 * CELL_MIN:
            self._chi_square(where, [column.count(value) for value in range(256)])

    def _look_at_bits(self, where: str, column: bytes) -> None:
        count = len(column)
        number = int.from_bytes(column)
        ones_mask = int.from_bytes(b"\1" * count)
        limit = count_limit(count, 0.5, self.chance / 2)
        for bit in range(8):
            ones = (number >> bit & ones_mask).bit_count()
            if ones in (0, count):
                self.constant_bits.append(f"{where}: bit {bit} is always {ones // count}")
            elif max(ones, count - ones) > limit:
                self.biased_bits.append(f"{where}: bit {bit} is set in {ones} of {count}")

    def _chi_square(self, where: str, counts: list[int]) -> None:
        self.sample_counts[len(counts)] += 1
        statistic, limit = chi_square(counts), chi_square_limit(len(counts) - 1, self.chance)
        if statistic > limit:
            self.uneven.append(f"{where}: chi-square {statistic:.1f}, {limit:.1f} at most by chance")

    def judgements(self) -> list[Judgement]:
        looked = f"{self.position_count} positions, chance {self.chance:.1e} for each test"
        squares = f"{self.sample_counts[16]} nibbles and {self.sample_counts[256]} bytes with cells enough"
        judgements = [
            Judgement("no constant byte", looked, self.constant_bytes),
            Judgement("no constant bit", looked, self.constant_bits),
            Judgement("no biased bit (exact binomial)", looked, self.biased_bits),
            Judgement("no frequent byte value (exact binomial)", looked, self.frequent_values),
            Judgement("every position even (chi-square)", squares, self.uneven),
        ]
        if not self.position_count:
            judgements[0].findings.append("no position was reached by enough connections")
        return judgements
