"""The few distributions that the judgements need."""

import math
from functools import lru_cache


def chi_square_tail(statistic: float, freedom: int) -> float:
    """How likely chance alone makes a chi-square statistic at least as large: the regularised upper gamma function."""
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        # The series of the lower function.
        term = total = 1 / a
        index = a
        while term > total * 1e-16:
            index += 1
            term *= x / index
            total += term
        return max(0.0, 1 - total * scale)
    # Lentz's continued fraction of the upper one.
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for step in range(1, 10_000):
        factor = -step * (step - a)
        b += 2
        d = factor * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + factor / c
        c = c if abs(c) > tiny else tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return fraction * scale


@lru_cache
def chi_square_limit(freedom: int, chance: float) -> float:
    """The statistic that chance exceeds with that probability."""
    low, high = 0.0, 100.0 * freedom + 1000
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square_tail(middle, freedom) > chance else (low, middle)
    return high


def chi_square(counts: list[int], shares: list[float] | None = None) -> float:
    """Of counts against even shares, or those given."""
    total = sum(counts)
    shares = shares or [1 / len(counts)] * len(counts)
    return sum((count - total * share) ** 2 / (total * share) for count, share in zip(counts, shares))


@lru_cache(maxsize=None)
def count_limit(trials: int, share: float, chance: float) -> int:
    """The most successes of so many trials that come with a probability above `chance`: more are no accident."""
    mean = trials * share
    most = min(trials, int(mean + 20 * math.sqrt(mean) + 60))
    tail = 0.0
    for count in range(most, -1, -1):
        tail += math.exp(
            math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
            + count * math.log(share) + (trials - count) * math.log1p(-share))
        if tail > chance:
            return count
    return 0


def normal_tail(deviations: float) -> float:
    """How likely chance is at least so many standard deviations off, to either side."""
    return math.erfc(abs(deviations) / math.sqrt(2))


def percentile(sorted_values: list, share: float):
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]
