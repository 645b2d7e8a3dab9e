"""What a fitted mixed model says: clients, levels with intervals, effects of covariates, and draws of curves."""

import numpy as np
from numpy.typing import NDArray

from rhem_lib.mixed import Fit

Array = NDArray[np.float64]

TINY = 1e-300
SANDWICH_ERRORS = 2.0


def clients(fit: Fit) -> tuple[Array, Array]:
    """Log parameters of every client, (clients, 3), and their covariance given all the data, (clients, 3, 3).

    The covariance adds that of the coefficients and the spreads to the conditional one.
    """
    eta = fit.model.months.design @ fit.coefficients.T + fit.own
    return eta, fit.spread + fit.by_theta @ fit.covariance[:-2, :-2] @ fit.by_theta.transpose(0, 2, 1)


def draw_population(fit: Fit, size: int, rng: np.random.Generator) -> Array:
    """Coefficients from their multivariate t distribution, (size, 3 * covariates), as shifts from the estimate."""
    return _normal(fit.coefficient_covariance, size, rng) * _stretch(fit, size, rng)


def _normal(covariance: Array, size: int, rng: np.random.Generator) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(rng.standard_normal((size, len(root))) @ root.T)


def _stretch(fit: Fit, size: int, rng: np.random.Generator) -> Array:
    """What makes a t distribution of a normal one, (size, 1)."""
    return np.sqrt(fit.df / rng.chisquare(fit.df, (size, 1)))


def draw_clients(fit: Fit, size: int, rng: np.random.Generator, which: NDArray[np.intp] | None = None) -> Array:
    """Log parameters of clients together, (size, clients, 3): what they share, then each client's own.

    Multivariate t, as the intervals of single clients are. All clients, or those at the places `which`.
    """
    some = slice(None) if which is None else which
    shifts = _normal(fit.covariance[:-2, :-2], size, rng)
    eta = clients(fit)[0][some]
    root = np.linalg.cholesky(fit.spread[some])
    own = np.einsum("nij,knj->kni", root, rng.standard_normal((size, *eta.shape)))
    together = np.einsum("nij,kj->kni", fit.by_theta[some], shifts) + own
    return eta + together * _stretch(fit, size, rng)[..., None]


def log_level(age: Array | float, eta: Array) -> tuple[Array, Array]:
    """Log of the exponential at an age, (...), and its gradient in (log start, log floor, log tau), (..., 3).

    Ages and the leading axes of eta are broadcast against each other.
    """
    start, floor, tau = np.moveaxis(np.exp(eta), -1, 0)
    share = np.exp(-age / tau)
    level = np.maximum(floor + (start - floor) * share, TINY)
    parts = np.stack([start * share, floor * (1 - share), (start - floor) * share * age / tau], axis=-1)
    return np.log(level), parts / level[..., None]


def level_interval(
    age: Array | float, eta: Array, covariance: Array, quantile: float
) -> tuple[Array, Array, Array]:
    """Level of a curve at an age with its interval, built on the log scale (delta method)."""
    value, gradient = log_level(age, eta)
    variance = np.einsum("...i,...ij,...j->...", gradient, covariance, gradient)
    error = quantile * np.sqrt(np.maximum(variance, 0.0))
    return np.exp(value), np.exp(value - error), np.exp(value + error)


def at_covariates(fit: Fit, row: Array) -> tuple[Array, Array]:
    """Log parameters of the typical client with these covariates, (3,), and their covariance, (3, 3)."""
    slope = np.kron(np.eye(3), row)
    return fit.coefficients @ row, slope @ fit.coefficient_covariance @ slope.T


def effect(fit: Fit, parameter: int, column: int) -> tuple[float, float]:
    """A coefficient (0 log start, 1 log floor, 2 log tau; column of the design) and its standard error.

    That of the inverse Hessian, stretched as far as the sandwich's variance is larger by more than two of its own
    standard errors: the larger of two noisy estimates is too large, and costs a tenth of the power.
    """
    clients, columns = fit.model.months.design.shape
    place = parameter * columns + column
    excess = fit.stretch[place] ** 2
    chance = 1 + SANDWICH_ERRORS * np.sqrt(2 / clients)
    error = np.sqrt(fit.coefficient_covariance[place, place] / excess * max(excess / chance, 1.0))
    return float(fit.coefficients[parameter, column]), float(error)
