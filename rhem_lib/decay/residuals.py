"""How the months of a fitted model scatter: residuals, shocks that last, clients noisier than others."""

from dataclasses import replace

import numpy as np

from rhem_lib.decay import curves
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import Model, Point

MOST_MEMORY = 0.6
MONTHS_FOR_NOISE, CLIENTS_FOR_NOISE = 6, 3
BEYOND_DOUBT = 4.0  # squared excess over what chance gives
LEAST_NOISE = 0.1


def expected(model: Model, point: Point) -> Array:
    """Return the rates of every client's fitted curve, (clients, months), divided by the months' `scale`."""
    return model.rate(model.centre(point.theta) + point.modes)


def sloped(model: Model, point: Point) -> tuple[Array, Array]:
    """Rates as `expected`, and their slopes in (log start, log floor, log tau), (3, clients, months)."""
    start, floor, tau = np.exp(model.centre(point.theta) + point.modes).T[:, :, None]
    return curves.derivatives(model.share(tau), start, floor)[:2]


def residuals(model: Model, point: Point) -> tuple[Array, Array, Array]:
    """At the modes, in standard deviations of a month: residuals (clients, months), slopes in eta, rates."""
    rate, jacobian = sloped(model, point)
    root = model.months.used / np.sqrt(model.dispersion(point.theta)[0] * rate**1.5)
    return (model.months.rate - rate) * root, np.einsum("int,nt->nti", jacobian, root), rate * root


def conditional(point: Point, slope: Array) -> Array:
    """Covariance of each client's curve given its months, (clients, 3, 3), from the slopes of `residuals`."""
    return np.asarray(np.linalg.inv(slope.transpose(0, 2, 1) @ slope + point.ridge), float)


def with_shocks(model: Model, theta: Array) -> Model:
    """The model with shocks that multiply hours: their dispersion goes with the root of theta's rate at each age.

    That of everyone, not of the client: by its own fitted rate, months with little by chance would count for more.
    """
    return replace(model, months=replace(model.months, shock=np.sqrt(model.rate(model.centre(theta)))))


def lasting(model: Model, point: Point) -> Model:
    """The model with the shocks' dispersion as great as it is for whole curves: (1 + rho) / (1 - rho) times.

    rho is the shocks' own correlation from month to month; tickets have none. Clients fitted to such months are
    not told apart by shocks that last.
    """
    months = model.months
    residual, slope, _ = residuals(model, point)
    part = months.used * np.sqrt(model.dispersion(point.theta)[1][1])
    # A curve that follows its months takes up some of their correlation, which is added back.
    taken = np.einsum("nti,nij,ntj->", slope[:, 1:], conditional(point, slope), slope[:, :-1], optimize=True)
    pairs = max((part[:, 1:] * part[:, :-1]).sum(), 1e-9)
    factor = _inflation(((residual[:, 1:] * residual[:, :-1]).sum() + taken) / pairs)
    return replace(model, months=replace(months, shock=months.shock * factor))


def _inflation(rho: float) -> float:
    """By how much a correlation from month to month inflates the variance of what lasts over many months."""
    rho = float(np.clip(rho, 0.0, MOST_MEMORY))
    return (1 + rho) / (1 - rho)


def _taken(point: Point, slope: Array) -> Array:
    """Parameters that each client's curve takes up, (clients,): between 0 and 3."""
    return np.einsum("nti,nij,ntj->n", slope, conditional(point, slope), slope, optimize=True)


def memory(model: Model, point: Point) -> float:
    """By how much shocks that last over months inflate the variance of a client's curve: (1 + rho) / (1 - rho).

    rho is the lag-one correlation of residuals over all clients, corrected for the parameters that each client's
    curve takes up; at least 0.
    """
    residual, slope, _ = residuals(model, point)
    used = model.months.used
    pairs = max((used[:, 1:] * used[:, :-1]).sum(), 1.0)
    lagged = (residual[:, 1:] * residual[:, :-1]).sum() / pairs
    return _inflation(lagged * used.sum() / (residual**2).sum() + _taken(point, slope).sum() / used.sum())


def client_noise(model: Model, point: Point) -> Array:
    """Each client's dispersion relative to the fitted one, (clients, 1): all 1 where they may well be equal.

    A client's mean squared residual is pulled to 1 by the share of its variance that is chance. The square of a
    Tweedie residual has mean 1 and variance 2 + 3 dispersion / sqrt(rate).
    """
    residual, slope, level = residuals(model, point)
    count = model.months.used.sum(1)
    factor = np.ones((len(count), 1))
    judged = count >= MONTHS_FOR_NOISE
    if judged.sum() < CLIENTS_FOR_NOISE:
        return factor
    excess = (residual**2).sum(1)[judged] / (count - _taken(point, slope))[judged] - 1
    skewed = (3 / np.where(level > 0, level, np.inf) ** 2).sum(1)[judged]
    chance = 2 / count[judged] + skewed / count[judged] ** 2
    if (excess**2 / chance).mean() < BEYOND_DOUBT:
        return factor
    between = max(float((excess**2 - chance).mean()), 0.0)
    factor[judged, 0] = np.maximum(1 + between / (between + chance) * excess, LEAST_NOISE)
    return factor
