"""How long each side takes to answer. Told, not judged: nothing hides it."""

from .capture import ANSWER, FIRST_WORD, LAST, OPENING, TURN_NAMES, Connection
from .statistics import percentile


def lines(connections: list[Connection]) -> list[str]:
    turns = [one.turns() for one in connections]
    found = []
    for before, after in ((OPENING, ANSWER), (ANSWER, LAST), (LAST, FIRST_WORD)):
        gaps = sorted(
            1000 * (turn[after].first_moment - turn[before].last_moment) for turn in turns if len(turn) > after)
        if gaps:
            figures = ", ".join(
                f"{name} {percentile(gaps, share):.2f}"
                for name, share in (("least", 0), ("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1)))
            found.append(f"{TURN_NAMES[before]} to {TURN_NAMES[after]}, ms: {figures}")
    return found
