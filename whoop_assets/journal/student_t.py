"""Student's t distribution, by the incomplete beta function.

DLMF 8.17 (https://dlmf.nist.gov/8.17): I_x(a, b) by its continued fraction (8.17.22), evaluated by Lentz's method.
"""

import math


def t_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t with these degrees of freedom stays below with this probability, 0.5 to 1."""
    low, high = 0.0, 1.0
    while t_below(high, freedom) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if t_below(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_below(value: float, freedom: float) -> float:
    """The probability that Student's t stays below this value, which is not negative."""
    return 1 - two_sided_p(value, freedom) / 2


def two_sided_p(value: float, freedom: float) -> float:
    """The probability that Student's t lies at least so far from 0."""
    return _beta(freedom / (freedom + value * value), freedom / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    ratio, below = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    fraction = below
    for m in range(1, 1000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            below = 1 / _away_from_zero(1 + step * below, tiny)
            ratio = _away_from_zero(1 + step / ratio, tiny)
            fraction *= below * ratio
        if abs(below * ratio - 1) < 1e-15:
            break
    return front * fraction / a


def _away_from_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
