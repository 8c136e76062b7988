"""Least squares with Newey-West standard errors, for daily values with gaps.

Days that follow each other resemble each other, so ordinary standard errors are too small. Newey and West (1987,
Econometrica 55:703) add the covariances of the errors up to a lag, with falling weights. Lags are counted in calendar days: a
missing day contributes nothing (the "amplitude modulated" estimator of Datta & Du 2012, "Nonparametric HAC estimation for
time series data with missing observations"). Without gaps the result is that of statsmodels' `cov_type="HAC"` with
`use_correction=True`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whoop_assets.journal.student_t import t_quantile, two_sided_p

LAG_DAYS = 7
"""A week: a habit and its effect can come back with the weekday."""

_NEXT_TO_NOTHING = 1e-9


class NotIdentified(Exception):
    """The regressors are linearly dependent, so the coefficient is not defined."""


class NoSpread(Exception):
    """The regression leaves no residuals, so there is no standard error."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient with its confidence interval and p-value.

    Attributes:
        value: The coefficient, in the unit of the outcome per unit of the regressor.
        low: Lower end of the confidence interval.
        high: Upper end.
        p_value: Probability of a value at least so far from 0 if the true one is 0, 0 to 1.
    """

    value: float
    low: float
    high: float
    p_value: float


def coefficient(
    outcome: Sequence[float],
    regressors: Sequence[Sequence[float]],
    days: Sequence[int],
    *,
    lag: int = LAG_DAYS,
    confidence: float = 0.95,
) -> Coefficient:
    """The coefficient of the first regressor in a regression with a constant.

    Args:
        outcome: One value per observation.
        regressors: One row per observation, without the constant.
        days: The day number of each observation, all different.
        lag: Up to how many days apart errors may be correlated.
        confidence: Of the interval, 0 to 1. Quantiles are those of Student's t.

    Raises:
        NotIdentified: The regressors are not linearly independent.
        NoSpread: The outcome, or what the regression leaves of it, does not vary.
    """
    y = np.asarray(outcome, dtype=np.float64)
    x = np.column_stack([np.ones(len(y)), np.asarray(regressors, dtype=np.float64)])
    count, width = x.shape
    if count <= width or np.linalg.matrix_rank(x) < width:
        raise NotIdentified
    inverse = np.linalg.inv(x.T @ x)
    weights = inverse @ (x.T @ y)
    residuals = y - x @ weights
    if np.sqrt((residuals**2).mean()) <= _NEXT_TO_NOTHING * max(1.0, float(np.abs(y).max())):
        raise NoSpread
    meat = _long_run_covariance(x * residuals[:, None], np.asarray(days), lag)
    covariance = inverse @ meat @ inverse * (count / (count - width))
    error = float(np.sqrt(covariance[1, 1]))
    value, freedom = float(weights[1]), float(count - width)
    reach = t_quantile((1 + confidence) / 2, freedom) * error
    return Coefficient(value, value - reach, value + reach, two_sided_p(value / error, freedom))


def _long_run_covariance(
    scores: NDArray[np.float64], days: NDArray[np.int64], lag: int
) -> NDArray[np.float64]:
    """The sum of the scores' products up to that lag, with Bartlett's weights 1 - lag / (lag + 1)."""
    first = int(days.min())
    calendar = np.zeros((int(days.max()) - first + 1, scores.shape[1]))
    calendar[days - first] = scores
    total: NDArray[np.float64] = calendar.T @ calendar
    for apart in range(1, min(lag, len(calendar) - 1) + 1):
        products = calendar[apart:].T @ calendar[:-apart]
        total += (1 - apart / (lag + 1)) * (products + products.T)
    return total


def false_discovery_rates(p_values: Sequence[float]) -> list[float]:
    """The q-value of each p-value: Benjamini and Hochberg (1995, J R Stat Soc B 57:289).

    To accept all with q at most 0.05 means that about 5% of those accepted are false alarms.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found, smallest = [1.0] * len(p_values), 1.0
    for rank in range(len(order), 0, -1):
        place = order[rank - 1]
        smallest = min(smallest, p_values[place] * len(order) / rank)
        found[place] = smallest
    return found
