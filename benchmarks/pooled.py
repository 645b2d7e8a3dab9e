"""One curve for all clients by weighted least squares, with errors clustered by client.

What most analysts would do: quick, and answers another question than `decay` (the average of those still there).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from rhem_lib.decay.curves import AVERAGES

Array = NDArray[np.float64]

TIGHT = 1e-15


@dataclass(frozen=True)
class PooledCurve:
    """Least-squares curve.

    start, floor, tau : levels in h per endpoint per month, tau in months
    influence : (months, 3), each month's pull on (start, floor, log tau)
    converged : whether the search ended by a criterion of its own
    """

    start: float
    floor: float
    tau: float
    influence: Array
    converged: bool

    def covariance(self, client: NDArray) -> Array:
        """Covariance of (start, floor, log tau), clustered by client with the CR1 factor, (3, 3)."""
        groups = np.unique(client, return_inverse=True)[1]
        count = int(groups.max()) + 1
        sums = np.stack([np.bincount(groups, column, count) for column in self.influence.T])
        return sums @ sums.T * count / (count - 1)


def fit_curve(
    age_start: Array,
    age_end: Array,
    rate: Array,
    weight: Array,
    guess: tuple[float, float, float],
    *,
    shape: str = "exponential",
    known_start: bool = False,
) -> PooledCurve:
    """Fit start, floor and tau to months by least squares, with exact derivatives.

    Parameters
    ----------
    age_start, age_end : array (months,), months since onboarding
    rate : array (months,), h per endpoint per month
    weight : array (months,), above 0
    guess : (start, floor, tau)
        Where the search begins.
    shape : str
        One of `curves.AVERAGES`.
    known_start : bool
        Hold the start at its guess.
    """
    root = np.sqrt(weight)
    free = np.array([not known_start, True, True])
    begin = np.array([guess[0], guess[1], np.log(guess[2])])

    def parts(x: Array) -> tuple[Array, Array]:
        full = begin.copy()
        full[free] = x
        start, floor, log_tau = full
        share, slope, *_ = AVERAGES[shape](age_start, age_end, np.exp(log_tau))
        jacobian = np.column_stack([share, 1 - share, (start - floor) * slope])[:, free]
        return (floor + (start - floor) * share - rate) * root, jacobian * root[:, None]

    found = least_squares(
        lambda x: parts(x)[0], begin[free], lambda x: parts(x)[1],
        x_scale="jac", ftol=TIGHT, xtol=TIGHT, gtol=TIGHT, max_nfev=2000,
    )  # fmt: skip
    best = begin.copy()
    best[free] = found.x
    residual, jacobian = parts(found.x)
    influence = np.zeros((len(rate), 3))
    influence[:, free] = -residual[:, None] * (jacobian @ np.linalg.pinv(jacobian.T @ jacobian))
    return PooledCurve(float(best[0]), float(best[1]), float(np.exp(best[2])), influence, bool(found.status > 0))
