"""What a fitted mixed model says: clients, levels with intervals, effects of covariates, and draws of curves.

Intervals are arrays with a last axis of three: estimate, low, high.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rhem_lib.decay import curves, quadrature
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import mixing
from rhem_lib.decay.mixed_model import MOST_SD, Drift, Fit

TINY = 1e-300
SANDWICH_ERRORS = 2.0
CORRELATION_SD, MOST_CORRELATION = 0.5, 0.95  # of start and floor over clients: spread of what is likely


@dataclass(frozen=True)
class Draws:
    """Log parameters of clients together, (draws, clients, 3).

    whole : what the clients share is drawn, and each client's own
    own : what they share is at its estimate
    drift : of log hours per calendar month, (draws, 1)
    """

    whole: Array
    own: Array
    drift: Array


def order_statistics(draws: Array, *shares: float) -> Array:
    """Quantiles of draws over the first axis that are draws themselves, so that inf stays inf."""
    return np.quantile(draws, shares, axis=0, method="inverted_cdf")


def interval(whole: Array, own: Array) -> Array:
    """Estimate and 95% limits of positive averages over clients, from both kinds of draws, (draws, ...).

    Built on the log scale around the estimate, as those of the typical client are: curves bend
    as what they share is drawn, so that the draws of a level lie above its estimate, which
    itself is as much too high for that. The lower limit may lie below every draw, and must: of
    100 portfolios of 20 clients seen for 3 to 8 months, the mean at month 12 was below the
    draws' own lower limit in 19, and below this one in 5.
    """
    middle = order_statistics(own, 0.5)[0]
    low, high = order_statistics(whole, 0.025, 0.975)
    reach = np.sqrt(high / low)
    return np.stack([middle, middle / reach, middle * reach], axis=-1)


def clients(fit: Fit) -> tuple[Array, Array]:
    """Log parameters of every client, (clients, 3), and their covariance given all the data, (clients, 3, 3).

    The covariance adds that of the coefficients and the spreads to the conditional one.
    """
    eta = fit.model.months.design @ fit.coefficients.T + fit.own
    covariance = fit.spread + fit.by_theta @ fit.covariance[:-2, :-2] @ fit.by_theta.transpose(0, 2, 1)
    if fit.drift is not None:
        covariance = covariance + fit.drift.error**2 * np.einsum("ni,nj->nij", *[fit.drift.clients] * 2)
    return eta, covariance


def draw_population(fit: Fit, size: int, rng: np.random.Generator) -> Array:
    """Draw coefficients from their multivariate t distribution, as shifts from the estimate.

    Returns
    -------
    array (size, 3 * covariates), coefficients by rows
    """
    return _normal(fit.coefficient_covariance, size, rng) * _stretch(fit, size, rng)


def _normal(covariance: Array, size: int, rng: np.random.Generator) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(rng.standard_normal((size, len(root))) @ root.T)


def _stretch(fit: Fit, size: int, rng: np.random.Generator) -> Array:
    """What makes a t distribution of a normal one, (size, 1)."""
    return np.sqrt(fit.df / rng.chisquare(fit.df, (size, 1)))


def draw_new(fit: Fit, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draws of log parameters of clients not seen yet, (size, 3), and of everyone's drift, (size, 1)."""
    shifts = _normal(fit.covariance[:-2, :-2], size, rng) * _stretch(fit, size, rng)
    sd = fit.sd * np.exp(np.minimum(shifts[:, -3:], np.log(MOST_SD / fit.sd)))
    own = sd * rng.standard_normal((size, 3)) @ mixing(fit.model.lean).T
    if not fit.model.lean:  # its start says little of a floor in the fit, but much of both together
        share = _correlation(fit, size, rng)
        own[:, 1] = share * own[:, 0] * sd[:, 1] / sd[:, 0] + np.sqrt(1 - share**2) * own[:, 1]
    drift = fit.drift or Drift()
    moved = drift.error * rng.standard_normal((size, 1))
    eta = fit.coefficients[:, 0] + shifts[:, :-3] + moved * drift.coefficients + own
    return eta, drift.log + moved


def _correlation(fit: Fit, size: int, rng: np.random.Generator) -> Array:
    """Draws of the correlation of start and floor where the fit has none, from one step and a prior around 0."""
    step, information = quadrature.lean_step(fit.slow, fit.point)
    information *= (fit.point.sd[1] / fit.point.sd[0]) ** 2
    known = information / (information + CORRELATION_SD**-2)
    middle, error = known * step * fit.point.sd[0] / fit.point.sd[1], CORRELATION_SD * np.sqrt(1 - known)
    return np.clip(middle + error * rng.standard_normal(size), -MOST_CORRELATION, MOST_CORRELATION)


def draw_clients(fit: Fit, size: int, rng: np.random.Generator, which: NDArray[np.intp] | None = None) -> Draws:
    """Draws of what clients share, then of each client's own, as wide as the spread drawn with it lets it be.

    Multivariate t, as the intervals of single clients are. All clients, or those at the places `which`.
    """
    some = slice(None) if which is None else which
    shifts = _normal(fit.covariance[:-2, :-2], size, rng)
    eta, spread, drift = clients(fit)[0][some], fit.spread[some], fit.drift or Drift()
    root = np.linalg.cholesky(spread)
    own = np.einsum("nij,knj->kni", root, rng.standard_normal((size, *eta.shape)))
    together = np.einsum("nij,kj->kni", fit.by_theta[some], shifts) + own * _widened(
        fit.point.root, spread, shifts
    )
    moved = np.zeros((size, 1)) if fit.drift is None else drift.error * rng.standard_normal((size, 1))
    along = moved[..., None] * (drift.clients if fit.drift is None else drift.clients[some])
    return Draws(eta + (together + along) * _stretch(fit, size, rng)[..., None], eta + own, drift.log + moved)


def _widened(root: Array, spread: Array, shifts: Array) -> Array:
    """By what each client's own standard errors grow with the spreads drawn, (draws, clients, 3).

    As precisions add up, 1 / variance = 1 / sd^2 + data: a client known by its data does not mind the spread, one
    known by the population is as uncertain as that is wide.
    """
    leaning = np.minimum(np.einsum("nii->ni", spread) / (root**2).sum(1), 1.0)
    growth = np.exp(2 * np.minimum(shifts[:, None, -3:], np.log(MOST_SD / np.diag(root))))
    return 1 / np.sqrt(1 - leaning + leaning / growth)


def level(age: Array | float, eta: Array) -> Array:
    """Exponential at an age, (...), of log parameters (..., 3)."""
    return curves.exponential(age, *np.moveaxis(np.exp(eta), -1, 0))


def log_level(age: Array | float, eta: Array) -> tuple[Array, Array]:
    """Log of `level`, and its gradient in (log start, log floor, log tau), (..., 3)."""
    start, floor, tau = np.moveaxis(np.exp(eta), -1, 0)
    share = np.exp(-age / tau)
    value = np.maximum(floor + (start - floor) * share, TINY)
    parts = np.stack([start * share, floor * (1 - share), (start - floor) * share * age / tau], axis=-1)
    return np.log(value), parts / value[..., None]


def level_interval(age: Array | float, eta: Array, covariance: Array, quantile: float) -> Array:
    """Return the level of curves at an age with its interval, built on the log scale (delta method).

    Parameters
    ----------
    age : float or array (...), months
    eta, covariance : arrays (..., 3), (..., 3, 3)
        Log start, log floor and log tau.
    quantile : float
        Multiplier of a standard error, such as `Fit.quantile`.

    Returns
    -------
    array (..., 3): estimate, low, high
    """
    value, gradient = log_level(age, eta)
    variance = np.einsum("...i,...ij,...j->...", gradient, covariance, gradient)
    error = quantile * np.sqrt(np.maximum(variance, 0.0))
    return np.exp(np.stack([value, value - error, value + error], axis=-1))


def own_level(fit: Fit, which: int | slice, age: Array) -> Array:
    """Level of a client at ages, or of every client at its own age, with everyone's drift in it."""
    eta, covariance = (x[which] for x in clients(fit))
    if fit.drift is None:
        return level_interval(age, eta, covariance, fit.quantile)
    value, gradient = log_level(age, eta)
    month, along = fit.drift.month(age, which), (gradient * fit.drift.clients[which]).sum(axis=-1)
    variance = np.einsum("...i,...ij,...j->...", gradient, covariance, gradient)
    variance = variance + fit.drift.error**2 * month * (month + 2 * along)
    middle, reach = value + fit.drift.log * month, fit.quantile * np.sqrt(np.maximum(variance, 0.0))
    return np.exp(np.stack([middle, middle - reach, middle + reach], axis=-1))


def parameter_interval(eta: Array, covariance: Array, quantile: float) -> Array:
    """Return start, floor and half-life of curves with their intervals, (..., 3, 3); see `level_interval`."""
    error = quantile * np.sqrt(np.einsum("...ii->...i", covariance))
    values = np.exp(np.stack([eta, eta - error, eta + error], axis=-1))
    values[..., 2, :] = curves.half_life(values[..., 2, :])
    return values


def at_covariates(fit: Fit, row: ArrayLike) -> tuple[Array, Array]:
    """Return the log parameters of the typical client with these covariates, (3,), and their covariance.

    Parameters
    ----------
    fit : Fit
    row : array (covariates,)
        Of the design, the first 1.
    """
    slope = np.kron(np.eye(3), np.asarray(row, float))
    return fit.coefficients @ np.asarray(row), slope @ fit.coefficient_covariance @ slope.T


def effect(fit: Fit, parameter: int, column: int) -> tuple[float, float]:
    """Return a coefficient and its standard error.

    That of the inverse Hessian, stretched as far as the sandwich's variance is larger by more than two of its own
    standard errors: the larger of two noisy estimates is too large, and costs a tenth of the power.

    Parameters
    ----------
    fit : Fit
    parameter : int
        0 log start, 1 log floor, 2 log tau.
    column : int
        Of the design.
    """
    clients, columns = fit.model.months.design.shape
    place = parameter * columns + column
    excess = fit.stretch[place] ** 2
    chance = 1 + SANDWICH_ERRORS * np.sqrt(2 / clients)
    error = np.sqrt(fit.coefficient_covariance[place, place] / excess * max(excess / chance, 1.0))
    return float(fit.coefficients[parameter, column]), float(error)
