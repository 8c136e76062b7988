"""Least squares with Newey-West standard errors, for daily values with gaps.

Values of consecutive days are correlated, so ordinary standard errors are too small. Newey and West (1987,
Econometrica 55:703) add the covariances of the errors up to a lag, with decreasing weights. Lags are calendar
days: a missing day contributes nothing (the "amplitude modulated" estimator of Datta & Du 2012,
"Nonparametric HAC estimation for time series data with missing observations"). Without gaps the result equals
that of statsmodels' `cov_type="HAC"` with `use_correction=True`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAG_DAYS = 7
"""One week, because habits and their effects can depend on the weekday."""

CONFIDENCE = 0.95
"""Probability that the interval covers the coefficient, by Student's t."""

_RELATIVE_ROUNDING_ERROR = 1e-9


class NotIdentified(Exception):
    """The regressors are linearly dependent, so the coefficient is undefined."""


class NoSpread(Exception):
    """The residuals are all zero, so there is no standard error."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient with its confidence interval and p-value.

    Attributes:
        value: The coefficient, in the unit of the outcome per unit of the regressor.
        low: Lower end of the confidence interval.
        high: Upper end.
        p_value: Probability of a coefficient at least this far from 0 if the true one is 0, 0 to 1.
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
) -> Coefficient:
    """Estimate the coefficient of the first regressor in a regression with a constant.

    Args:
        outcome: One value per observation.
        regressors: One row per observation, without the constant.
        days: The day number of each observation; each occurs once.
        lag: Largest distance of correlated errors, in days.

    Raises:
        NotIdentified: The regressors are not linearly independent.
        NoSpread: The outcome or the residuals do not vary.
    """
    y = np.asarray(outcome, dtype=np.float64)
    x = np.column_stack([np.ones(len(y)), np.asarray(regressors, dtype=np.float64)])
    count, width = x.shape
    if count <= width or np.linalg.matrix_rank(x) < width:
        raise NotIdentified
    inverse = np.linalg.inv(x.T @ x)
    weights = inverse @ (x.T @ y)
    residuals = y - x @ weights
    if np.sqrt((residuals**2).mean()) <= _RELATIVE_ROUNDING_ERROR * max(1.0, float(np.abs(y).max())):
        raise NoSpread
    meat = _long_run_covariance(x * residuals[:, None], np.asarray(days), lag)
    covariance = inverse @ meat @ inverse * (count / (count - width))
    error, value = float(np.sqrt(covariance[1, 1])), float(weights[1])
    # Imported here because it takes 0.6 s, and most processes compute no effects.
    from scipy import stats

    distribution = stats.t(df=count - width)
    margin = float(distribution.ppf((1 + CONFIDENCE) / 2)) * error
    p_value = float(2 * distribution.sf(abs(value) / error))
    return Coefficient(value, value - margin, value + margin, p_value)


def _long_run_covariance(
    scores: NDArray[np.float64], days: NDArray[np.int64], lag: int
) -> NDArray[np.float64]:
    """Add up the products of the scores up to the lag, with Bartlett weights 1 - distance / (lag + 1)."""
    first = int(days.min())
    calendar = np.zeros((int(days.max()) - first + 1, scores.shape[1]))
    calendar[days - first] = scores
    total: NDArray[np.float64] = calendar.T @ calendar
    for apart in range(1, min(lag, len(calendar) - 1) + 1):
        products = calendar[apart:].T @ calendar[:-apart]
        total += (1 - apart / (lag + 1)) * (products + products.T)
    return total


def false_discovery_rates(p_values: Sequence[float]) -> list[float]:
    """Return the q-value of each p-value: Benjamini and Hochberg (1995, J R Stat Soc B 57:289).

    Of the effects with q at most 0.05, about 5% are false alarms.
    """
    from scipy import stats

    return [float(q_value) for q_value in stats.false_discovery_control(p_values)] if p_values else []
