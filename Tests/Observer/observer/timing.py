"""How long each side takes to answer. Told, not judged: nothing hides it."""

from .capture import ANSWER, FIRST_WORD, LAST, OPENING, TURN_NAMES, Connection
from .statistics import percentile


def lines(connections: list[Connection]) -> list[str]:
    turns = [(one.kind, one.turns()) for one in connections]
    found = []
    for before, after in ((OPENING, ANSWER), (ANSWER, LAST), (LAST, FIRST_WORD)):
        for kind in sorted({kind for kind, _ in turns}):
            gaps = sorted(
                1000 * (turn[after].moment - turn[before].moment)
                for its_kind, turn in turns if its_kind == kind and len(turn) > after)
            if gaps:
                figures = ", ".join(
                    f"{name} {percentile(gaps, share):.2f}"
                    for name, share in (("least", 0), ("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1)))
                found.append(f"{TURN_NAMES[before]} to {TURN_NAMES[after]}, {kind}, ms: {figures}")
    return found
