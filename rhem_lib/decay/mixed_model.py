"""Fit of the mixed model of `laplace`: starting values, maximisation, intervals, and draws of curves.

References
----------
Golub & Pereyra (1973), variable projection; Pinheiro & Bates (2000), Mixed-Effects Models in S and S-PLUS;
Cameron, Gelbach & Miller (2008), few clusters; Berndt, Hall, Hall & Hausman (1974), covariance from the scores.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls
from scipy.stats import t as student

from rhem_lib.decay import curves, quadrature, residuals
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import PRIOR_SD, Model, Point, evaluate, prior_precision, split

Mask = NDArray[np.bool_]

START_SD, START_PHI, START_KAPPA = 0.3, 2.0, 0.08
SHOCK_VARIANCE = 0.03
NOISE_ROUNDS = 3
FLAT_SD = 0.03
TAU_LIMITS = (0.3, 60.0)
MOST_SD = 2.5
LEAST_CURVATURE = 1e-5
MANY_CLIENTS = 40
CORRELATED_CLIENTS = 200  # from which on the correlation of start and floor is worth its time
LEAN_STEPS, MOST_LEAN = 2, 2.0
MOST_ASYMMETRY = 0.02  # of a Hessian in units of a standard error; under 0.01 where nothing jumps
MOST_INFLATION = 25.0
MOMENT = 1e-3  # months


@dataclass(frozen=True)
class Drift:
    """Common drift of log hours per calendar month, and what curves do as it moves.

    log, error : estimate and standard error
    evidence : 2 x the difference in log likelihood
    identified : whether clients joined at different times, which separates it from age
    taken_out : whether it is beyond doubt, and hours are to be divided by it
    coefficients, clients : derivatives of the coefficients (3,) and of every client's log parameters (clients, 3)
        in the drift
    onboarded : calendar month of every client's onboarding, (clients,), 0 the first month of the data
    """

    log: float = 0.0
    error: float = 0.0
    evidence: float = 0.0
    identified: bool = True
    taken_out: bool = False
    coefficients: Array = field(default_factory=lambda: np.zeros(3))
    clients: Array = field(default_factory=lambda: np.zeros((1, 3)))
    onboarded: Array = field(default_factory=lambda: np.zeros(1))

    def month(self, age: Array | float, client: int | slice | NDArray[np.intp] = slice(None)) -> Array:
        """Calendar month, since the first of the data, of a month whose middle is at an age of each client."""
        return self.onboarded[client] + age - 0.5


@dataclass(frozen=True)
class Fit:
    """A maximised model.

    Attributes
    ----------
    model : Model
    slow : Model
        What coefficients and spreads were fitted to: the model, with shocks that last counting for more.
    point : Point
    covariance : array (parameters, parameters)
        Of theta; rows of dispersions and of parameters on a boundary are 0.
    own, spread : arrays (clients, 3), (clients, 3, 3)
        Conditional mean and covariance of every client's b.
    by_theta : array (clients, 3, parameters - 2)
        Derivative of own + centre in the coefficients and log sd.
    memory : float
        Variance inflation by shocks that last over months, at least 1.
    df : int
        Degrees of freedom of t intervals.
    stretch : array (parameters,)
        By what the sandwich lengthened the standard errors of the inverse Hessian, at least 1.
    regular : bool
        The Hessian was positive definite and no worse than 25 times the variance at known spreads; else the
        covariance is that of the clients' scores or, for few clients, that at known spreads with the sandwich.
    drift : Drift or None
        The drift by calendar month that was taken out of the months.
    doubt : Drift or None
        One that was not, since it may be none: it widens and bends forecasts by what it may be.
    """

    model: Model
    slow: Model
    point: Point
    covariance: Array
    own: Array
    by_theta: Array
    spread: Array
    memory: float
    df: int
    stretch: Array
    regular: bool
    drift: Drift | None = None
    doubt: Drift | None = None

    @property
    def coefficients(self) -> Array:
        """(3, covariates): log start, log floor in the unit of the hours, log tau in months."""
        out = split(self.point.theta)[0].copy()
        out[:2, 0] += np.log(self.model.months.scale)
        return out

    @property
    def coefficient_covariance(self) -> Array:
        """(3 * covariates, 3 * covariates), coefficients by rows; with the doubt about a drift."""
        own = self.covariance[:-5, :-5]
        return own if self.drift is None else own + self.drift.error**2 * np.outer(*[self.drift.coefficients] * 2)

    @property
    def sd(self) -> Array:
        """Spread of clients around the coefficients, log start, log floor, log tau."""
        return self.point.sd

    @property
    def quantile(self) -> float:
        """Multiplier of a standard error for a 95% interval."""
        return float(student.ppf(0.975, self.df))


def starting_values(model: Model) -> Array:
    """Return theta of a pooled curve: over a grid of tau, non-negative least squares for start and floor."""
    months = model.months
    used = months.used > 0
    start, end, rate = months.age_start[used], months.age_end[used], months.rate[used]
    root = (1 / months.weight[used] + SHOCK_VARIANCE) ** -0.5
    best, best_loss = (1.0, 1.0, 4.0), np.inf
    for tau in np.geomspace(1, 36 if model.shape == "linear" else 24, 20):
        share = curves.AVERAGES[model.shape](start, end, tau)[0]
        (top, bottom), loss = nnls(np.column_stack([share * root, (1 - share) * root]), rate * root)
        if loss < best_loss - 1e-12:
            best, best_loss = (top, bottom, tau), loss
    coefficients = np.zeros((3, months.design.shape[1]))
    coefficients[:, 0] = np.log(np.maximum(best, 0.03))
    return np.r_[coefficients.ravel(), np.log([START_SD] * 3), np.log(START_PHI), np.log(START_KAPPA)]


def _bounds(theta: Array) -> tuple[Array, Array]:
    """Least and greatest value of each parameter."""
    wide = [(-4.0, 4.0)] * ((len(theta) - 5) // 3 - 1)
    rows = [(-6.0, 4.0), *wide, (-7.0, 4.0), *wide, tuple(np.log(TAU_LIMITS)), *wide]
    rows += [tuple(np.log([0.01, MOST_SD]))] * 3 + [tuple(np.log([1e-3, 60.0])), tuple(np.log([1e-5, 3.0]))]
    low, high = np.array(rows).T
    return low, high


def _steps(model: Model, point: Point) -> Array:
    """Rough standard error of each parameter: scales the search and the differences of the Hessian."""
    clients, cells = len(model.months.design), model.months.used.sum()
    spread = np.sqrt(np.diag(np.linalg.inv(point.information)))
    return np.r_[np.clip(spread, 1e-3, 1.0), np.full(3, 1 / np.sqrt(clients)), np.full(2, np.sqrt(3 / cells))]


def maximise(model: Model, theta: Array | None = None, gain: float = 1e-12) -> Point:
    """Return the highest point of the objective found by L-BFGS-B from theta.

    For the flat shape only start, its spread and the dispersions move: the others have no effect.

    Parameters
    ----------
    model : Model
    theta : array (3 * covariates + 5,), optional
        By default that of a pooled curve.
    gain : float
        The search ends when a step gains less than this share of the objective.
    """
    theta = starting_values(model) if theta is None else theta
    columns = model.months.design.shape[1]
    free = np.ones(len(theta), bool)
    if model.shape == "flat":
        free[columns : 3 * columns] = free[-4:-2] = False
    best = evaluate(model, theta, np.zeros((len(model.months.design), 3)))
    unit = _steps(model, best)[free]
    origin = theta[free]
    low, high = ((end[free] - origin) / unit for end in _bounds(theta))

    def objective(x: Array) -> tuple[float, Array]:
        nonlocal best
        trial = theta.copy()
        trial[free] = origin + unit * x
        point = evaluate(model, trial, best.modes)
        if point.value > best.value:
            best = point
        return -point.value, -point.gradient[free] * unit

    options = {"maxiter": 400, "ftol": gain, "gtol": 1e-5, "maxls": 40, "maxfun": 200}
    x0, limits = np.clip(np.zeros(len(origin)), low, high), np.column_stack([low, high])
    minimize(objective, x0, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    return best


def fit(months: Months, shape: str = "exponential") -> Fit:
    """Fit a decay shape by restricted maximum likelihood, with intervals.

    Where some clients are noisier than others beyond doubt, the fit is repeated with their
    months counting less. With many clients, floors may follow starts. Then the dispersions are
    held, and coefficients and spreads fitted to months whose shocks last. The covariance is the
    inverse Hessian over these, inflated so that no variance is smaller than the sandwich's over
    clients.

    Parameters
    ----------
    months : Months
    shape : str
        One of exponential, hyperbolic, linear, step, flat.
    """
    theta = starting_values(Model(months, shape))
    model = residuals.with_shocks(Model(months, shape), theta)
    point = maximise(model, theta)
    for _ in range(NOISE_ROUNDS):
        factor = residuals.client_noise(model, point)
        if (factor == 1).all():
            break
        model = replace(model, months=replace(model.months, noise=model.months.noise * factor))
        point = maximise(model, point.theta)
    clients, columns = months.design.shape
    for _ in range(LEAN_STEPS if clients >= CORRELATED_CLIENTS else 0):
        lean = model.lean + quadrature.lean_step(model, point)[0]
        model = replace(model, lean=float(np.clip(lean, -MOST_LEAN, MOST_LEAN)))
        point = maximise(model, point.theta)
    df = max(clients - 4 if columns == 1 else clients - 3 * columns - 3, 2)
    memory, slow = residuals.memory(model, point), residuals.lasting(model, point)
    point = evaluate(slow, point.theta, point.modes)
    free, inner = _with_hessian(point.theta)
    inverse = _inverse(slow, point, free)
    if inverse is not None and inner:
        point = _polish(slow, point, free, inverse)
    point = _integrated(slow, point, free, inverse)
    covariance, stretch, regular = _covariance(slow, point, free)
    own, spread, by_theta = quadrature.moments(slow, point)
    return Fit(model, slow, point, covariance, own, by_theta, spread, memory, df, stretch, regular)


def _covariance(model: Model, point: Point, free: Mask) -> tuple[Array, Array, bool]:
    """Covariance of theta, how far the sandwich stretched it, and whether it is the regular one: see `Fit`."""
    inverse, known = _inverse(model, point, free), np.asarray(np.linalg.inv(point.information), float)
    # A Hessian that is nearly singular gives variances out of all proportion: it is not used.
    if inverse is not None:
        covariance, stretch = _inflated(point, free, inverse)
        if (np.diag(covariance)[: len(known)] <= MOST_INFLATION * np.diag(known)).all():
            return covariance, stretch, True
    if len(point.scores) > free.sum():
        return _outer(point, free), np.ones(len(free)), False
    return *_inflated(point, np.arange(len(free)) < len(known), known), False


def _outer(point: Point, free: Mask) -> Array:
    """Covariance of theta from the outer product of the clients' scores and the precision of the priors.

    It takes more clients than parameters, and no Hessian (Berndt et al. 1974).
    """
    precision = np.zeros((len(free), len(free)))
    precision[:-5, :-5] = prior_precision((len(free) - 5) // 3)
    precision[range(-5, -2), range(-5, -2)] = point.sd / PRIOR_SD
    precision += point.scores.T @ point.scores
    covariance = np.zeros_like(precision)
    covariance[np.ix_(free, free)] = np.linalg.inv(precision[np.ix_(free, free)])
    return covariance


def _inverse(model: Model, point: Point, free: Mask) -> Array | None:
    """Inverse negative Hessian over the free parameters, or nothing where that is not positive definite.

    From central differences of the gradient over a quarter standard error. Laplace's jumps where what a client's
    curve may be has two modes, and the Hessian is then not symmetric: that of fixed nodes takes its place, if one
    client among many does that.
    """
    unit = _steps(model, point)
    scale = np.outer(unit[free], unit[free])

    def hessian(gradient: Callable[[Array], Array]) -> Array:
        rows = []
        for j in np.flatnonzero(free):
            shift = 0.25 * unit * (np.arange(len(unit)) == j)
            up, down = (gradient(point.theta + side * shift) for side in (1, -1))
            rows.append((down - up)[free] / (2 * shift[j]))
        return np.array(rows) * scale

    curvature = hessian(lambda theta: evaluate(model, theta, point.modes).gradient)
    if len(point.scores) >= MANY_CLIENTS and np.abs(curvature - curvature.T).max() > MOST_ASYMMETRY:
        curvature = hessian(lambda theta: quadrature.steady_gradient(model, point, theta))
    curvature = (curvature + curvature.T) / 2
    if np.linalg.eigvalsh(curvature)[0] <= LEAST_CURVATURE:
        return None
    return np.asarray(np.linalg.inv(curvature) * scale, float)


def _inflated(point: Point, free: Mask, inverse: Array) -> tuple[Array, Array]:
    """Covariance of theta: inverse Hessian over the free parameters, no variance smaller than the sandwich's.

    And by what standard errors were stretched for that.
    """
    scores = point.scores[:, free]
    clients = len(scores)
    # The sandwich needs no right model of the months within a client, but with few clients it is noisy and too
    # small on average: it may lengthen a standard error, never shorten one.
    sandwich = inverse @ scores.T @ scores @ inverse * clients / (clients - 1)
    stretch = np.sqrt(np.maximum(np.diag(sandwich) / np.diag(inverse), 1.0))
    covariance, whole = np.zeros((len(free), len(free))), np.ones(len(free))
    covariance[np.ix_(free, free)] = inverse * np.outer(stretch, stretch)
    whole[free] = stretch
    return covariance, whole


def _with_hessian(theta: Array) -> tuple[Mask, bool]:
    """Coefficients, and spreads that are not near 0: they enter the Hessian; and whether none is on a bound."""
    low, high = _bounds(theta)
    low[-5:-2] = np.log(FLAT_SD)
    inside = (theta > low + 1e-6) & (theta < high - 1e-6)
    inside[-2:] = False
    return inside | (np.arange(len(theta)) < len(theta) - 5), bool(inside[:-5].all())


def _polish(model: Model, point: Point, free: Mask, inverse: Array) -> Point:
    """Newton steps to the maximum, so that the answer does not hang on where the search happened to stop."""
    low, high = _bounds(point.theta)
    for _ in range(8):
        step = np.zeros(len(point.theta))
        step[free] = inverse @ point.gradient[free]
        if step @ point.gradient < 1e-18:
            break
        trial = evaluate(model, np.clip(point.theta + step, low, high), point.modes)
        if trial.value < point.value - 1e-9:
            break
        point = trial
    return point


def _integrated(model: Model, point: Point, free: Mask, inverse: Array | None) -> Point:
    """From Laplace's maximum to that of the likelihood integrated by quadrature, to about 0.02 standard errors.

    Laplace's error does not shrink with the number of clients: up to 0.3 standard errors with 80 of them. The
    inverse Hessian, where there is one, is the scale of the search.
    """
    root = np.linalg.cholesky(np.diag(_steps(model, point)[free] ** 2) if inverse is None else inverse)
    low, high = _bounds(point.theta)
    best = quadrature.integrated(model, point)

    def objective(x: Array) -> tuple[float, Array]:
        nonlocal best
        theta = point.theta.copy()
        theta[free] += root @ x
        here = quadrature.integrated(model, evaluate(model, np.clip(theta, low, high), point.modes))
        if here.value > best.value:
            best = here
        return -here.value, -root.T @ here.gradient[free]

    options = {"gtol": 0.02, "ftol": 1e-4 / max(abs(best.value), 1.0), "maxls": 5, "maxfun": 15}
    minimize(objective, np.zeros(len(root)), jac=True, method="L-BFGS-B", options=options)
    return best


def compare_shapes(fit: Fit, shapes: tuple[str, ...], age: float) -> pd.DataFrame:
    """Return Akaike's criterion of each shape, and the level of its typical client at an age.

    By marginal maximum likelihood (not restricted, priors left out). Log likelihoods are divided by the memory of
    the shocks (quasi-AIC): months that follow each other's shocks say less about the shape than as many
    independent ones.
    """
    out = {}
    months = fit.model.months
    for shape in shapes:
        model = Model(months, shape, restricted=False)
        theta = np.r_[starting_values(model)[:-5], fit.point.theta[-5:]]
        point = maximise(model, theta, gain=1e-7)
        parameters = len(point.theta) - (2 * months.design.shape[1] + 2 if shape == "flat" else 0)
        start, floor, tau = np.exp(split(point.theta)[0][:, 0])
        share = float(curves.AVERAGES[shape](age, age + MOMENT, tau)[0])
        level = months.scale * (floor + (start - floor) * share)
        out[shape] = (2 * parameters - 2 * point.loglik / fit.memory, level)
    table = pd.DataFrame.from_dict(out, "index", columns=["aic", "level_h"]).rename_axis("shape")
    table.insert(1, "delta_aic", table["aic"] - table["aic"].min())
    return table
