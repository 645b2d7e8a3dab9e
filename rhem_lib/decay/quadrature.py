"""The model of `laplace` with each client's curve integrated out by adaptive Gauss-Hermite, not by Laplace.

Five nodes a direction around every client's mode; the score comes in the same pass by Fisher's identity: the mean,
over what the client's curve may be, of the score with the curve known.

References
----------
Pinheiro & Bates (1995), Approximations to the log-likelihood in nonlinear mixed-effects models.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.polynomial.hermite import hermgauss
from numpy.typing import NDArray

from rhem_lib.decay import curves, tweedie
from rhem_lib.decay.laplace import ETA_HIGH, ETA_LOW, Model, Point, evaluate, split

Array = NDArray[np.float64]

NODES = 5


def _frame(point: Point) -> Array:
    """Where the nodes go: root of each client's inverse Hessian, no wider than the population, (clients, 3, 3)."""
    sd = np.exp(point.theta[-5:-2])
    values, vectors = np.linalg.eigh(point.hessian * np.outer(sd, sd))
    return sd[:, None] * vectors / np.sqrt(np.maximum(values, 1.0))[:, None, :]


def integrated(model: Model, point: Point) -> Point:
    """The point with its likelihood, gradient and scores by quadrature; restriction and priors as they are."""
    laplace = evaluate(replace(model, restricted=False), point.theta, point.modes)
    loglik, own = _likelihood(model, point)
    gain = float(loglik.sum()) - laplace.loglik
    scores = point.scores + own - laplace.scores
    gradient = point.gradient + (own - laplace.scores).sum(0)
    return replace(point, value=point.value + gain, loglik=point.loglik + gain, gradient=gradient, scores=scores)


def _likelihood(model: Model, point: Point) -> tuple[Array, Array]:
    """Marginal log likelihood of each client, (clients,), and its scores, (clients, parameters)."""
    months = model.months
    _, sd, phi, kappa = split(point.theta, months.design.shape[1])
    sampling, shocks = phi / months.weight, kappa * months.shock
    precision = months.used / (months.noise * (sampling + shocks))
    frame, mean, square = _frame(point), np.zeros_like(point.modes), np.zeros_like(point.modes)
    fit, total, top = np.zeros_like(precision), np.zeros(len(mean)), np.full(len(mean), np.nan)
    for gap, term, log_joint in _nodes(model, point, precision):
        top = np.where(np.isnan(top), log_joint, top)  # of the first node, which is the mode
        share = np.exp(log_joint - top)
        total, mean, square = total + share, mean + share[:, None] * gap, square + share[:, None] * gap**2
        fit = fit + share[:, None] * term
    mean, square, fit = (x / total[:, None] for x in (mean, square, fit))
    norm, norm_slope = tweedie.norm_term(months.rate, precision)
    shares = np.stack([sampling, shocks]) / (sampling + shocks)
    by_dispersion = -np.einsum("knt,nt,nt->nk", shares, fit + norm_slope, months.used)
    by_coefficient = np.einsum("ni,nj->nij", mean / sd, months.design).reshape(len(mean), -1)
    volume = np.linalg.slogdet(frame / sd[:, None])[1] - 1.5 * np.log(2 * np.pi)
    return np.log(total) + top + norm.sum(1) + volume, np.hstack([by_coefficient, square - 1, by_dispersion])


def moments(model: Model, point: Point) -> tuple[Array, Array, Array]:
    """Each client's b given its months: mean (clients, 3), covariance (clients, 3, 3), and the mean's derivative.

    That is in (coefficients by rows, log sd), (clients, 3, parameters): the covariance of b with the scores.
    """
    months = model.months
    _, sd, phi, kappa = split(point.theta, months.design.shape[1])
    precision = months.used / (months.noise * (phi / months.weight + kappa * months.shock))
    mean, square, cube = (np.zeros_like(x) for x in (point.modes, point.hessian, point.hessian))
    total, top = np.zeros(len(mean)), np.full(len(mean), np.nan)
    for gap, _, log_joint in _nodes(model, point, precision):
        top = np.where(np.isnan(top), log_joint, top)
        share = np.exp(log_joint - top)
        total, mean = total + share, mean + share[:, None] * gap
        pairs = share[:, None, None] * gap[:, :, None] * gap[:, None, :]
        square, cube = square + pairs, cube + pairs * gap[:, None, :]
    mean, square, cube = mean / total[:, None], *(x / total[:, None, None] for x in (square, cube))
    spread = square - mean[:, :, None] * mean[:, None, :]
    by_sd = cube - mean[:, :, None] * np.einsum("njj->nj", square)[:, None, :]
    by_centre = np.einsum("nij,nk->nijk", spread / sd, months.design).reshape(len(mean), 3, -1)
    return sd * mean, np.outer(sd, sd) * spread, sd[:, None] * np.concatenate([by_centre, by_sd], axis=2)


def _nodes(model: Model, point: Point, precision: Array) -> Iterator[tuple[Array, Array, Array]]:
    """At every node: b / sd, likelihood of months without normaliser, log of the node's share of the integral."""
    months = model.months
    coefficients, sd, _, _ = split(point.theta, months.design.shape[1])
    centre, frame = months.design @ coefficients.T, _frame(point)
    for node, weight in _grid():
        eta = np.clip(centre + point.modes + frame @ node, ETA_LOW, ETA_HIGH)
        start, floor, tau = np.exp(eta.T)[:, :, None]
        rate = floor + (start - floor) * curves.AVERAGES[model.shape](months.age_start, months.age_end, tau)[0]
        term = tweedie.fit_term(months.rate, rate, precision)
        gap = (eta - centre) / sd
        yield gap, term, term.sum(1) - (gap**2).sum(1) / 2 + np.log(weight)


def _grid() -> list[tuple[Array, float]]:
    """Nodes (3,) and weights with exp(x'x / 2) inside, the middle first."""
    x, weight = hermgauss(NODES)
    places = sorted(product(range(NODES), repeat=3), key=lambda at: float((x[list(at)] ** 2).sum()))
    scaled = np.sqrt(2) * weight * np.exp(x**2)
    return [(np.sqrt(2) * x[list(at)], float(scaled[list(at)].prod())) for at in places]
