"""Tweedie density with power 1.5: the exact likelihood of hours that are a Poisson number of exponential tickets.

Tickets ~ Poisson(2 sqrt(r) / phi), hours of each ~ Exponential(mean phi sqrt(r) / 2): mean r, variance phi r^1.5,
and a point mass exp(-2 sqrt(r) / phi) at zero. At this power the density has a closed form (Bessel I1), no series.
The log density is `fit_term` + `norm_term` at precision 1 / phi.

References
----------
Jorgensen (1987), Exponential dispersion models; Dunn & Smyth (2005), Series evaluation of Tweedie densities.
"""

import numpy as np
from scipy.special import i0e, i1e

from rhem_lib.decay.curves import Array


def fit_term(hours: Array, rate: Array, precision: Array) -> Array:
    """Part of the log density of observed hours that depends on the expected rate; 0 where the precision is 0."""
    root = np.sqrt(rate)
    return -2 * precision * (hours / root + root)


def norm_term(hours: Array, precision: Array) -> tuple[Array, Array]:
    """The rest of the log density, free of the rate, and its derivative in log precision.

    0 where the hours are 0 (point mass), else log(2 p / sqrt(y)) + log I1(4 p sqrt(y)).
    """
    positive = (hours > 0) & (precision > 0)
    z = np.where(positive, 4 * precision * np.sqrt(hours), 1.0)
    scaled = i1e(z)  # I1 itself overflows for large clients: exp(-z) I1(z), with z added back
    value = np.log(z * scaled / (2 * np.where(positive, hours, 1.0))) + z
    return np.where(positive, value, 0.0), np.where(positive, z * i0e(z) / scaled, 0.0)
