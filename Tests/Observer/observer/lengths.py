"""Lengths of flights, handshakes and writes: none constant, flights evenly spread, and how they look."""

from collections import Counter
from dataclasses import dataclass

from .capture import ANSWER, FIRST_WORD, LAST, OPENING, TURN_NAMES, Connection, Side
from .positions import CELL_MIN, FALSE_ALARM, ROWS_MIN
from .report import Judgement
from .statistics import chi_square, chi_square_limit, percentile

# The most of the connections that may have the same length of something.
SHARE_MAX = 0.2
# The first writes of each side are looked at one by one.
WRITES_LOOKED_AT = 12
BINS = 16
# Of so many lengths one at either end is left out of the question whether they are even.
STRAYS_ONE_IN = 500


@dataclass(frozen=True)
class Lengths:
    """Of one thing, over all connections."""

    name: str
    values: list[int]
    # Whether each length of the range should be as likely as any other.
    is_even: bool = False

    def text(self) -> str:
        ordered = sorted(self.values)
        value, times = Counter(ordered).most_common(1)[0]
        return (
            f"{self.name}: {ordered[0]} to {ordered[-1]}, median {percentile(ordered, 0.5)}, "
            f"{len(set(ordered))} different, the commonest ({value}) {times} times")

    def histogram(self) -> list[str]:
        edges = bounds(min(self.values), max(self.values))
        counts = counts_between(edges, self.values)
        most = max(counts)
        return [
            f"{start:7} … {end - 1:<7} {count:6} {'#' * round(count * 40 / most)}"
            for start, end, count in zip(edges, edges[1:], counts) if end > start
        ]

    def unevenness(self) -> str | None:
        """What is wrong where all lengths of the range should be equally likely; `None` if nothing or too few."""
        if not self.is_even or len(self.values) < BINS * CELL_MIN:
            return None
        # A record that came within the same moment as a flight is taken for its end: rare, and far off.
        strays = len(self.values) // STRAYS_ONE_IN
        ordered = sorted(self.values)[strays : len(self.values) - strays]
        low, high = ordered[0], ordered[-1]
        edges = bounds(low, high)
        shares = [(end - start) / (high + 1 - low) for start, end in zip(edges, edges[1:])]
        if min(shares) == 0:
            return f"{self.name}: a range of {high + 1 - low} lengths only"
        statistic = chi_square(counts_between(edges, ordered), shares)
        limit = chi_square_limit(BINS - 1, FALSE_ALARM / 8)
        return f"{self.name}: chi-square {statistic:.1f}, {limit:.1f} at most by chance" if statistic > limit else None


def bounds(low: int, high: int) -> list[int]:
    """Where the parts of a range begin, and its end."""
    return [low + (high + 1 - low) * index // BINS for index in range(BINS + 1)]


def counts_between(edges: list[int], values: list[int]) -> list[int]:
    return [sum(start <= value < end for value in values) for start, end in zip(edges, edges[1:])]


def of_handshakes(connections: list[Connection]) -> list[Lengths]:
    """Each flight, the whole handshake, and the responder's first word behind it."""
    turns = [(one.kind, turns) for one in connections if len(turns := one.turns()) > LAST]
    found = [
        Lengths(TURN_NAMES[index], [len(turn[index].data) for _, turn in turns], is_even=True)
        for index in (OPENING, ANSWER)
    ]
    # A last flight with a proof of resumption is 48 bytes longer; behind any stands a record of noise, where levels have
    # that, so that the sum is not even.
    for kind in sorted({kind for kind, _ in turns}):
        lengths = [len(turn[LAST].data) for its_kind, turn in turns if its_kind == kind]
        found.append(Lengths(f"{TURN_NAMES[LAST]}, {kind}", lengths))
    found.append(Lengths("whole handshake", [sum(len(one.data) for one in turn[: LAST + 1]) for _, turn in turns]))
    words = [len(turn[FIRST_WORD].data) for _, turn in turns if len(turn) > FIRST_WORD]
    found.append(Lengths(TURN_NAMES[FIRST_WORD], words))
    return [lengths for lengths in found if lengths.values]


def of_writes(connections: list[Connection]) -> list[Lengths]:
    """The first writes of each side, each by its number; whole connections."""
    found = []
    for side in Side:
        sizes = [one.sizes_of(side) for one in connections]
        for number in range(WRITES_LOOKED_AT):
            found.append(Lengths(f"write {number + 1} of the {side.word}", [
                row[number] for row in sizes if len(row) > number
            ]))
        found.append(Lengths(f"all of the {side.word}", [sum(row) for row in sizes]))
    return [lengths for lengths in found if lengths.values]


def judge(connections: list[Connection]) -> list[Judgement]:
    judged = [one for one in of_handshakes(connections) + of_writes(connections) if len(one.values) >= ROWS_MIN]
    constants = []
    for lengths in judged:
        value, times = Counter(lengths.values).most_common(1)[0]
        if times > SHARE_MAX * len(lengths.values):
            constants.append(f"{lengths.name}: {value} bytes in {times} of {len(lengths.values)}")
    if not judged:
        constants.append("there were too few connections")
    flights = [one for one in judged if one.is_even]
    enough = sum(len(one.values) >= BINS * CELL_MIN for one in flights)
    uneven = [fault for one in flights if (fault := one.unevenness())]
    return [
        Judgement("no constant length", f"{len(judged)} lengths, at most {SHARE_MAX:.0%} alike", constants),
        Judgement("flights evenly long (chi-square)", f"{enough} of {len(flights)} with connections enough", uneven),
    ]
