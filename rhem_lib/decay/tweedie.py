"""Tweedie density with power 1.5: the exact likelihood of hours that are a Poisson number of exponential tickets.

Tickets ~ Poisson(2 sqrt(r) / phi), hours of each ~ Exponential(mean phi sqrt(r) / 2): mean r, variance phi r^1.5,
and a point mass exp(-2 sqrt(r) / phi) at zero. At this power the density has a closed form (Bessel I1), no series.

References
----------
Jorgensen (1987), Exponential dispersion models; Dunn & Smyth (2005), Series evaluation of Tweedie densities.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

Array = NDArray[np.float64]


def fit_term(hours: Array, rate: Array, precision: Array) -> Array:
    """Part of the log density that depends on the rate: -2 precision (y / sqrt(r) + sqrt(r)).

    Parameters
    ----------
    hours : array, any shape, at least 0
        Observed hours per endpoint per month, y.
    rate : array, above 0
        Expected hours per endpoint per month, r.
    precision : array, at least 0
        1 / dispersion; 0 drops the cell.
    """
    root = np.sqrt(rate)
    return -2 * precision * (hours / root + root)


def norm_term(hours: Array, precision: Array) -> tuple[Array, Array]:
    """The rest of the log density, free of the rate, and its derivative in log precision.

    0 where the hours are 0 (point mass), else log(2 p / sqrt(y)) + log I1(4 p sqrt(y)).
    """
    root = np.sqrt(hours)
    positive = (hours > 0) & (precision > 0)
    z = np.where(positive, 4 * precision * root, 1.0)
    scaled = i1e(z)
    value = np.log(z * scaled / (2 * np.where(positive, hours, 1.0))) + z
    return np.where(positive, value, 0.0), np.where(positive, z * i0e(z) / scaled, 0.0)


def log_density(hours: Array, rate: Array, dispersion: Array) -> Array:
    """Log density (log probability at 0 hours) of a month's rate.

    Parameters
    ----------
    hours : array, h per endpoint per month, at least 0
    rate : array, h per endpoint per month, above 0
        Expected value.
    dispersion : array, above 0
        phi in variance = phi r^1.5.
    """
    precision = 1 / np.asarray(dispersion, float)
    return fit_term(hours, rate, precision) + norm_term(hours, precision)[0]
