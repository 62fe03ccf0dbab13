"""Bytes of whole flights laid end to end: what `ent` tells of a file, and whether anything returns."""

import math
from collections import Counter
from dataclasses import dataclass

from .capture import ANSWER, LAST, OPENING, TURN_NAMES, Connection, Side
from .positions import FALSE_ALARM
from .report import Judgement
from .statistics import chi_square, chi_square_tail, normal_tail

# Stretches of so many bytes that are found twice are no accident: one pair in 2^64.
WINDOW_BYTES = 8
WINDOWS_MAX = 3_000_000
REPEAT_DEPTH = 4096


@dataclass(frozen=True)
class ByteFigures:
    """The figures of `ent`: entropy, chi-square, mean and serial correlation."""

    byte_count: int
    entropy: float
    chi_square: float
    mean: float
    serial_correlation: float

    @staticmethod
    def of(data: bytes) -> "ByteFigures":
        count = len(data)
        counts = Counter(data)
        entropy = -sum(times / count * math.log2(times / count) for times in counts.values())
        total = sum(value * times for value, times in counts.items())
        squares = sum(value * value * times for value, times in counts.items())
        products = sum(map(int.__mul__, data, data[1:] + data[:1]))
        correlation = (count * products - total * total) / ((count * squares - total * total) or 1)
        return ByteFigures(
            count, entropy, chi_square([counts[value] for value in range(256)]), total / count, correlation)

    def chances(self) -> dict[str, float]:
        """How likely uniform bytes are at least so far off."""
        root = math.sqrt(self.byte_count)
        return {
            "chi-square": chi_square_tail(self.chi_square, 255),
            "mean": normal_tail((self.mean - 127.5) / (math.sqrt((256**2 - 1) / 12) / root)),
            "serial correlation": normal_tail(self.serial_correlation * root),
        }

    def text(self) -> str:
        return (
            f"{self.byte_count} bytes, {self.entropy:.6f} bits per byte, chi-square {self.chi_square:.1f} "
            f"(p {self.chances()['chi-square']:.3f}), mean {self.mean:.3f}, "
            f"serial correlation {self.serial_correlation:+.6f}")


def flights(connections: list[Connection], index: int) -> bytes:
    """That turn of all connections, laid end to end."""
    return b"".join(turns[index].data for one in connections if len(turns := one.turns()) > index)


def judge(connections: list[Connection]) -> list[Judgement]:
    judgements = []
    stretches = {TURN_NAMES[index]: flights(connections, index) for index in (OPENING, ANSWER, LAST)}
    stretches |= {f"all of the {side.word}": b"".join(one.sent_by(side) for one in connections) for side in Side}
    for name, data in stretches.items():
        if not data:
            judgements.append(Judgement(f"random as a whole, {name}", "nothing", ["there are no bytes"]))
            continue
        figures = ByteFigures.of(data)
        unlikely = [
            f"{test}: chance {chance:.1e}" for test, chance in figures.chances().items()
            if chance < FALSE_ALARM / (3 * len(stretches))
        ]
        judgements.append(Judgement(f"random as a whole, {name}", figures.text(), unlikely))
    return [*judgements, judge_repeats(connections)]


def judge_repeats(connections: list[Connection]) -> Judgement:
    """A key, certificate, name or nonce that comes again anywhere, in whatever place."""
    stretches = [one.sent_by(side)[:REPEAT_DEPTH] for one in connections for side in Side]
    # Where there are too many windows those are kept whose first bits are zero, wherever they stand: what returns is
    # long, so that some of its windows are among them.
    sieve = 0
    while sum(map(len, stretches)) > WINDOWS_MAX * (sieve + 1):
        sieve = sieve * 2 + 1
    seen: set[int] = set()
    findings = []
    for stretch in stretches:
        for shift in range(WINDOW_BYTES):
            whole = (len(stretch) - shift) // WINDOW_BYTES * WINDOW_BYTES
            for window in memoryview(stretch)[shift : shift + max(whole, 0)].cast("Q"):
                if window & sieve:
                    continue
                if window in seen:
                    findings.append(f"{window.to_bytes(8, 'little').hex()} comes again")
                seen.add(window)
    looked_at = f"{len(seen)} windows of {WINDOW_BYTES} bytes, one of {sieve + 1}"
    return Judgement("nothing comes again", looked_at, findings)
