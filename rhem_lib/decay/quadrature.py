"""The model of `laplace` with each client's curve integrated out by adaptive Gauss-Hermite, not by Laplace.

Five nodes a direction around every client's mode; the score comes in the same pass by Fisher's identity: the mean,
over what the client's curve may be, of the score with the curve known.

References
----------
Pinheiro & Bates (1995), Approximations to the log-likelihood in nonlinear mixed-effects models.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.polynomial.hermite import hermgauss

from rhem_lib.decay import tweedie
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import ETA_HIGH, ETA_LOW, Model, Point, by_columns, evaluate, log_prior

NODES = 5


@dataclass(frozen=True)
class _Integral:
    """Log of the integral over each client's curve, and means over what the curve may be, with b = root @ z.

    mean of z (clients, 3), of z z' (clients, 3, 3), of z_i z_j^2 (clients, 3, 3), and of the derivative of each
    month's log density in its log precision (clients, months)
    """

    log: Array
    mean: Array
    pairs: Array
    cubes: Array
    by_precision: Array


def integrated(model: Model, point: Point) -> Point:
    """The point with its likelihood, gradient and scores by quadrature; restriction and priors as they are."""
    laplace = evaluate(replace(model, restricted=False), point.theta, point.modes)
    found = _integrate(model, point)
    own = _scores(model, point, found)
    gain = float(found.log.sum()) - laplace.loglik
    scores = point.scores + own - laplace.scores
    gradient = point.gradient + (own - laplace.scores).sum(0)
    return replace(point, value=point.value + gain, loglik=point.loglik + gain, gradient=gradient, scores=scores)


def steady_gradient(model: Model, point: Point, theta: Array) -> Array:
    """The gradient at theta, without the restriction's, on the nodes of a point close by: smooth in theta."""
    moved = replace(point, theta=theta, modes=point.modes + model.centre(point.theta) - model.centre(theta))
    return _scores(model, moved, _integrate(model, moved)).sum(0) + log_prior(theta)[1]


def _scores(model: Model, point: Point, found: _Integral) -> Array:
    """Scores of every client, (clients, parameters)."""
    months, shares = model.months, model.dispersion(point.theta)[1]
    by_sd = np.einsum("nii->ni", found.pairs) - 1
    by_dispersion = -np.einsum("knt,nt,nt->nk", shares, found.by_precision, months.used)
    by_centre = found.mean @ np.linalg.inv(point.root)
    return np.hstack([by_columns(by_centre, months.design), by_sd, by_dispersion])


def lean_step(model: Model, point: Point) -> tuple[float, float]:
    """Step of `lean` to the maximum of its likelihood, with everything else free to follow, and its information.

    That is the variance of the clients' scores that those in the other parameters do not explain.
    """
    score = _integrate(model, point).pairs[:, 1, 0] * point.sd[0] / point.sd[1]
    others = np.linalg.lstsq(point.scores, score, rcond=None)[0]
    information = float(((score - point.scores @ others) ** 2).sum())
    return float(score.sum()) / information, information


def moments(model: Model, point: Point) -> tuple[Array, Array, Array]:
    """Each client's b given its months: mean (clients, 3), covariance (clients, 3, 3), and the mean's derivative.

    That is in (coefficients by rows, log sd), (clients, 3, parameters): the covariance of b with the scores.
    """
    found, root = _integrate(model, point), point.root
    mean = found.mean
    spread = found.pairs - mean[:, :, None] * mean[:, None, :]
    by_sd = found.cubes - mean[:, :, None] * np.einsum("njj->nj", found.pairs)[:, None, :]
    by_theta = np.concatenate([by_columns(spread @ np.linalg.inv(root), model.months.design), by_sd], axis=2)
    return mean @ root.T, root @ spread @ root.T, root @ by_theta


def _integrate(model: Model, point: Point) -> _Integral:
    """Sum over the nodes, which lie along each client's inverse Hessian, no wider than the population."""
    months, turn, centre = model.months, np.linalg.inv(point.root), model.centre(point.theta)
    precision = months.used / model.dispersion(point.theta)[0]
    norm, norm_slope = tweedie.norm_term(months.rate, precision)
    values, vectors = point.widths()
    frame = vectors / np.sqrt(np.maximum(values, 1.0))[:, None, :]
    sums: list[Array] = []
    top = np.zeros(len(centre))
    for node, weight in _grid():
        eta = np.clip(centre + point.modes + frame @ node, ETA_LOW, ETA_HIGH)
        term = tweedie.fit_term(months.rate, model.rate(eta), precision)
        gap = (eta - centre) @ turn.T
        log_joint = term.sum(1) - (gap**2).sum(1) / 2 + np.log(weight)
        if not sums:
            top = log_joint  # of the first node, which is the mode: keeps exp from overflowing
        share = np.exp(log_joint - top)
        pairs = share[:, None, None] * (gap[:, :, None] * gap[:, None, :])
        new = [share, share[:, None] * gap, pairs, pairs * gap[:, None, :], share[:, None] * term]
        sums = [total + more for total, more in zip(sums, new, strict=True)] if sums else new
    total, mean, pairs, cubes, fit = sums
    volume = np.linalg.slogdet(turn @ frame)[1] - 1.5 * np.log(2 * np.pi)
    log = np.log(total) + top + norm.sum(1) + volume
    one, two = total[:, None], total[:, None, None]
    return _Integral(log, mean / one, pairs / two, cubes / two, fit / one + norm_slope)


def _grid() -> list[tuple[Array, float]]:
    """Nodes (3,) and weights with exp(x'x / 2) inside, the middle first."""
    x, weight = hermgauss(NODES)
    places = sorted(product(range(NODES), repeat=3), key=lambda at: float((x[list(at)] ** 2).sum()))
    scaled = np.sqrt(2) * weight * np.exp(x**2)
    return [(np.sqrt(2) * x[list(at)], float(scaled[list(at)].prod())) for at in places]
