"""Nonlinear mixed model of hours by age: marginal likelihood by Laplace, with the exact inner Hessian.

Client i has eta_i = (log start, log floor, log tau) = B z_i + b_i, b_i = L N(0, diag(sd^2)), where L lets log
floor follow log start (`mixing`; the identity unless there are many clients); a month's rate is Tweedie (power
1.5) around the curve's average over the month, with dispersion noise_i (phi / exposure + kappa shock_it), where
shock is the root of everyone's rate at that age.
Parameters are theta = (B by rows, log sd, log phi, log kappa).

References
----------
Pinheiro & Bates (1995), Approximations to the log-likelihood in nonlinear mixed-effects models; Zhang (2013),
Tweedie compound Poisson mixed models; Chung et al. (2013), boundary-avoiding variance penalty.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rhem_lib.decay import curves, tweedie
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.curves import Array

ETA_LOW, ETA_HIGH = np.array([-12.0, -12.0, -3.0]), np.array([6.0, 6.0, 6.0])
SOFT, SOFT_WIDTH = 0.25, 0.01
PRIOR_LOG_TAU, PRIOR_LOG_FLOOR_RATIO = np.log(4.0), np.log(0.25)
PRIOR_SD, COEFFICIENT_SD = 0.5, 2.0


@dataclass(frozen=True)
class Model:
    """What is fitted: the months, the decay shape by name, and whether the likelihood is restricted (REML).

    lean : by how much a client's log floor lies higher for each unit by which its log start does
    """

    months: Months
    shape: str = "exponential"
    restricted: bool = True
    lean: float = 0.0

    def share(self, tau: Array) -> curves.Derivatives:
        """Falling share of every month, (clients, months), with its derivatives in log tau."""
        return curves.AVERAGES[self.shape](self.months.age_start, self.months.age_end, tau)

    def rate(self, eta: Array) -> Array:
        """Expected rate of every month, (clients, months), at log parameters (clients, 3)."""
        start, floor, tau = np.exp(eta.T)[:, :, None]
        return floor + (start - floor) * self.share(tau)[0]

    def centre(self, theta: Array) -> Array:
        """Log parameters that covariates alone lead to, (clients, 3)."""
        return self.months.design @ split(theta)[0].T

    def dispersion(self, theta: Array) -> tuple[Array, Array]:
        """Dispersion of every month, (clients, months), and the shares of tickets and shocks in it, (2, ...)."""
        _, _, phi, kappa = split(theta)
        parts = np.stack([phi / self.months.weight, kappa * self.months.shock])
        total = parts.sum(0)
        return self.months.noise * total, parts / total


@dataclass(frozen=True)
class Point:
    """The objective at one theta.

    loglik is the (restricted) marginal log likelihood, value adds the log priors; scores are per client, (clients,
    parameters); modes are b_i, (clients, 3), and hessian the exact inner one there, (clients, 3, 3);
    information is that on the coefficients, and lean the model's.
    """

    theta: Array
    value: float
    loglik: float
    gradient: Array
    scores: Array
    modes: Array
    hessian: Array
    information: Array
    lean: float

    @property
    def sd(self) -> Array:
        """Spread of clients around the coefficients, log start, log floor (given the start), log tau."""
        return np.exp(self.theta[-5:-2])

    @property
    def root(self) -> Array:
        """Root of the clients' covariance, (3, 3): b = root @ N(0, 1)."""
        return mixing(self.lean) * self.sd

    @property
    def ridge(self) -> Array:
        """Inverse of the clients' covariance, (3, 3)."""
        turn = np.linalg.inv(self.root)
        return np.asarray(turn.T @ turn)

    def widths(self) -> tuple[Array, Array]:
        """Eigenvalues of each client's Hessian relative to the population's precision, and vectors in units of b.

        b = vectors @ x / sqrt(values) has that Hessian's inverse as its covariance.
        """
        values, vectors = np.linalg.eigh(self.root.T @ self.hessian @ self.root)
        return values, self.root @ vectors


def split(theta: Array) -> tuple[Array, Array, float, float]:
    """Coefficients (3, columns), sd (3,), phi and kappa of a parameter vector."""
    sd, (phi, kappa) = np.exp(theta[-5:-2]), np.exp(theta[-2:])
    return theta[:-5].reshape(3, -1), sd, float(phi), float(kappa)


def mixing(lean: float) -> Array:
    """L, which makes b of independent normals: log floor follows log start by `lean`."""
    out = np.eye(3)
    out[1, 0] = lean
    return out


def by_columns(by_centre: Array, design: Array) -> Array:
    """From derivatives in each client's centre, (..., 3) by clients, to those in the coefficients by rows."""
    return np.einsum("n...i,nj->n...ij", by_centre, design).reshape(*by_centre.shape[:-1], -1)


@dataclass(frozen=True)
class _Local:
    """Curve and likelihood of every month at given eta: (clients, months), with leading axes 3 or 3 x 3."""

    value: Array
    share: curves.Derivatives
    eta: Array
    rate: Array
    jacobian: Array
    second: Array
    score: Array
    curvature: Array
    fisher: Array
    gradient: Array
    exact: Array
    expected: Array


def _local(model: Model, eta: Array, centre: Array, ridge: Array, precision: Array) -> _Local:
    """Penalised log likelihood of each client (without the normaliser), its gradient and both Hessians."""
    months = model.months
    start, floor, tau = np.exp(eta.T)[:, :, None]
    share = model.share(tau)
    rate, jacobian, second = curves.derivatives(share, start, floor)
    weight = precision / (rate * np.sqrt(rate))  # a general power costs as much as the curve
    score = (months.rate - rate) * weight
    curvature = weight + 1.5 * score / rate
    gap = eta - centre
    pull = gap @ ridge
    value = tweedie.fit_term(months.rate, rate, precision).sum(1) - (gap * pull).sum(1) / 2
    gradient = np.einsum("int,nt->ni", jacobian, score) - pull
    across = jacobian.transpose(1, 0, 2)
    along = jacobian.transpose(1, 2, 0)
    expected = (across * weight[:, None, :]) @ along + ridge
    exact = (across * curvature[:, None, :]) @ along - np.einsum("ijnt,nt->nij", second, score) + ridge
    return _Local(value, share, eta, rate, jacobian, second, score, curvature, weight, gradient, exact, expected)


def _positive(matrix: Array) -> NDArray[np.bool_]:
    """Which 3 x 3 matrices are positive definite, by leading minors."""
    a, b, c, d, e, f = (matrix[:, i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    minor = a * d - b * b
    whole = f * minor - a * e * e + 2 * b * c * e - d * c * c
    return (a > 0) & (minor > 0) & (whole > 0)


def _search(model: Model, centre: Array, ridge: Array, precision: Array, modes: Array) -> _Local:
    """Mode of every client's penalised likelihood: Newton where the exact Hessian allows, else Fisher scoring.

    Clients that have arrived drop out of the search, so that a few awkward ones do not cost everyone's time.
    """
    eta = np.clip(centre + modes, ETA_LOW, ETA_HIGH)
    here = _local(model, eta, centre, ridge, precision)
    active = np.arange(len(eta))
    for _ in range(30):
        matrix = np.where(_positive(here.exact)[:, None, None], here.exact, here.expected)
        step = np.linalg.solve(matrix, here.gradient[:, :, None])[:, :, 0]
        moving = (step * here.gradient).sum(1) > 1e-20
        if not moving.any():
            break
        active, step, value = active[moving], step[moving], here.value[moving]
        part = replace(model, months=model.months.part(active))
        step *= np.minimum(1.0, 1.5 / np.maximum(np.abs(step).max(1), 1e-300))[:, None]
        for _ in range(12):
            trial = np.clip(eta[active] + step, ETA_LOW, ETA_HIGH)
            here = _local(part, trial, centre[active], ridge, precision[active])
            worse = here.value < value - 1e-9
            if not worse.any():
                break
            step[worse] *= 0.4
        eta[active] = trial
    return here if len(active) == len(eta) else _local(model, eta, centre, ridge, precision)


def evaluate(model: Model, theta: Array, modes: Array) -> Point:
    """Return the penalised marginal log likelihood at theta, its gradient and the clients' modes.

    Parameters
    ----------
    model : Model
    theta : array (3 * covariates + 5,)
        Coefficients by rows, log sd, log phi, log kappa.
    modes : array (clients, 3)
        Where the inner searches start. Give the modes of the best point so far, never those of a rejected trial:
        only then is the objective a function of theta.
    """
    months, sd, centre = model.months, split(theta)[1], model.centre(theta)
    dispersion, shares = model.dispersion(theta)
    precision = months.used / dispersion
    turn = np.linalg.inv(mixing(model.lean) * sd)
    ridge = turn.T @ turn
    at = _search(model, centre, ridge, precision, modes)
    norm, norm_slope = tweedie.norm_term(months.rate, precision)
    vectors, values, soft, slope = _spectrum(at)
    # Laplace: the integral over b is that of a normal with the curvature found at the mode.
    log_determinant = np.linalg.slogdet(at.expected)[1] + np.log(soft).sum(1)
    clients = at.value + norm.sum(1) - np.log(sd).sum() - log_determinant / 2
    information, log_information, pull, direct = _restriction(months, at, ridge)
    if not model.restricted:
        log_information, pull, direct = 0.0, 0 * pull, 0 * direct
    loglik = float(clients.sum()) - log_information / 2

    # The gradient: theta moves the determinant directly and, `implicit`, by moving the mode.
    by_exact = np.einsum("nik,nk,njk->nij", vectors, slope / soft, vectors)
    by_fisher = np.einsum("nik,nk,njk->nij", vectors, 1 - slope / soft * values, vectors)
    by_fisher = by_fisher + pull
    along_eta = _along_eta(at, by_exact, by_fisher, months)
    implicit = np.einsum("nik,nk,njk,nj->ni", vectors, 1 / np.maximum(values, 0.02), vectors, along_eta)
    gap = at.eta - centre
    by_centre = (gap - implicit / 2) @ ridge
    spread = gap[:, :, None] * (gap - implicit)[:, None, :] + by_exact + by_fisher - pull + direct
    by_sd = np.einsum("ij,njk,ik->ni", turn, spread, turn) - 1
    by_precision = _along_precision(at, by_exact, by_fisher, implicit) + norm_slope
    by_precision += tweedie.fit_term(months.rate, at.rate, precision)
    by_dispersion = -np.einsum("knt,nt,nt->nk", shares, by_precision, months.used)
    scores = np.hstack([by_columns(by_centre, months.design), by_sd, by_dispersion])
    prior, prior_gradient = log_prior(theta)
    gradient = scores.sum(0) + prior_gradient
    return Point(theta, loglik + prior, loglik, gradient, scores, gap, at.exact, information, model.lean)


def _spectrum(at: _Local) -> tuple[Array, Array, Array, Array]:
    """Eigenvectors V of exact against Fisher Hessian (V V' = Fisher^-1), eigenvalues, softened ones, their slope.

    The exact Hessian of a few clients may be indefinite; a hard switch to the Fisher one would make the objective
    jump, so eigenvalues are bent smoothly to stay above 0.
    """
    inverse_root = np.linalg.inv(np.linalg.cholesky(at.expected))
    values, rotation = np.linalg.eigh(inverse_root @ at.exact @ inverse_root.transpose(0, 2, 1))
    root = np.sqrt((values - SOFT) ** 2 + SOFT_WIDTH)
    vectors = inverse_root.transpose(0, 2, 1) @ rotation
    return vectors, values, (values + SOFT + root) / 2, (1 + (values - SOFT) / root) / 2


def _restriction(months: Months, at: _Local, ridge: Array) -> tuple[Array, float, Array, Array]:
    """Information on the coefficients (REML term), its log determinant, and what the gradient needs of it."""
    design, columns = months.design, months.design.shape[1]
    inverse = np.linalg.inv(at.expected)
    shrink = inverse @ ridge
    inner = ridge - ridge @ shrink
    information = np.einsum("nab,nj,nk->ajbk", inner, design, design).reshape(3 * columns, -1)
    information = information + prior_precision(columns)
    blocks = np.linalg.inv(information).reshape(3, columns, 3, columns)
    spread = np.einsum("nj,ajbk,nk->nab", design, blocks, design)
    pull = shrink @ spread @ shrink.transpose(0, 2, 1)
    keep = np.eye(3) - shrink
    direct = keep @ spread @ keep.transpose(0, 2, 1)
    return information, float(np.linalg.slogdet(information)[1]), pull, direct


def _pull(form: Array, jacobian: Array) -> Array:
    """Each client's 3 x 3 form times the slopes of its months, (3, clients, months)."""
    return (form @ jacobian.transpose(1, 0, 2)).transpose(1, 0, 2)


def _along_eta(at: _Local, by_exact: Array, by_fisher: Array, months: Months) -> Array:
    """Derivative in eta of tr(by_exact . exact Hessian) + tr(by_fisher . Fisher Hessian), (clients, 3)."""
    jacobian, second, rate = at.jacobian, at.second, at.rate
    exact_pull, fisher_pull = _pull(by_exact, jacobian), _pull(by_fisher, jacobian)
    steepness = at.fisher * (0.75 * rate - 3.75 * months.rate) / rate**2
    exact_form = steepness * (jacobian * exact_pull).sum(0)
    exact_form += at.curvature * np.einsum("nij,ijnt->nt", by_exact, second)
    fisher_form = -1.5 * at.fisher / rate * (jacobian * fisher_pull).sum(0)
    out = jacobian * (exact_form + fisher_form)
    out += 2 * np.einsum("ijnt,jnt->int", second, at.curvature * exact_pull + at.fisher * fisher_pull)
    return (out - at.score * _third(at, by_exact)).sum(2).T


def _third(at: _Local, form: Array) -> Array:
    """Third derivatives of the rate in (a, b, j), summed over a, b with weights form_ab: (3, clients, months)."""
    average, first, second, third = at.share
    start, floor, _ = np.exp(at.eta.T)[:, :, None]
    ss, ff, tt, st, ft = (form[:, i, j, None] for i, j in ((0, 0), (1, 1), (2, 2), (0, 2), (1, 2)))
    by_start = start * (ss * average + 2 * st * first + tt * second)
    by_floor = floor * (ff * (1 - average) - 2 * ft * first - tt * second)
    by_tau = start * (ss * first + 2 * st * second) - floor * (ff * first + 2 * ft * second)
    return np.stack([by_start, by_floor, by_tau + tt * (start - floor) * third])


def _along_precision(at: _Local, by_exact: Array, by_fisher: Array, implicit: Array) -> Array:
    """Derivative in each month's log precision of -1/2 (the two traces), through the Hessians and the mode."""
    exact_form = at.curvature * (at.jacobian * _pull(by_exact, at.jacobian)).sum(0)
    exact_form -= at.score * np.einsum("nij,ijnt->nt", by_exact, at.second)
    fisher_form = at.fisher * (at.jacobian * _pull(by_fisher, at.jacobian)).sum(0)
    shift = at.score * np.einsum("int,ni->nt", at.jacobian, implicit)
    return -(exact_form + fisher_form + shift) / 2


@cache
def prior_precision(columns: int) -> Array:
    """Precision of the weak normal priors on the coefficients, (3 * columns, 3 * columns)."""
    out = np.diag(np.tile(np.r_[0.0, np.full(columns - 1, COEFFICIENT_SD**-2)], 3))
    start, floor, tau = 0, columns, 2 * columns
    out[tau, tau] = 1.0
    out[np.ix_([start, floor], [start, floor])] = [[1.0, -1.0], [-1.0, 1.0]]  # of their difference alone
    out.flags.writeable = False  # it is made once
    return out


def log_prior(theta: Array) -> tuple[float, Array]:
    """Weak priors, meant to count only where the data are silent, and their gradient.

    log tau ~ N(log 4, 1), log floor - log start ~ N(log .25, 1), each sd: log sd - sd / 0.5, further coefficients
    ~ N(0, 2^2).
    """
    mean = np.zeros((3, (len(theta) - 5) // 3))
    mean[1:, 0] = PRIOR_LOG_FLOOR_RATIO, PRIOR_LOG_TAU
    gap, sd = theta[:-5] - mean.ravel(), split(theta)[1]
    pull = prior_precision(mean.shape[1]) @ gap
    value = -gap @ pull / 2 + float((np.log(sd) - sd / PRIOR_SD).sum())
    return float(value), np.concatenate([-pull, 1 - sd / PRIOR_SD, [0.0, 0.0]])
