"""Clients that leave their path: when, by how much, with false alarms held down.

A merger or a roll-out lifts a client's level from one month on. Every month is tried as the start
of such a shift (score test against the fitted path); the largest statistic is held against that of
histories drawn from the fit, and names are given under Benjamini-Hochberg over all clients, because
one test in twenty is wrong by design.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import evaluate
from rhem_lib.decay.mixed_model import Fit
from rhem_lib.decay.residuals import conditional, residuals, sloped

MONTHS_TO_JUDGE, LEAST_SIDE = 12, 3
FALSE_DISCOVERY = 0.05  # share of findings about clients that may be false
HISTORIES, CLIENTS_AT_ONCE = 200, 250
COLUMNS = ["client", "age_months", "ratio", "low", "high", "p_value"]


class _Path(NamedTuple):
    """Residuals of the fit (clients, months) and what its curves take up of any series along the months."""

    residual: Array
    slope: Array
    level: Array
    inner: Array


def change_points(fit: Fit, names: list[str], seed: int = 0) -> pd.DataFrame:
    """Clients whose level shifts from one month on, at most one shift each.

    age_months is when the first month of the new level starts, ratio (with low and high, 95%) the hours
    since then over those expected on the path of the months before, p_value that of the search.
    """
    months = fit.model.months
    residual, slope, level = residuals(fit.model, fit.point)
    path = _Path(residual, slope, level, conditional(fit.point, slope))
    size, allowed = _scale(path, months.used)
    observed = np.abs(_statistics(residual, level, size, allowed))
    place = observed.argmax(-1)
    rng = np.random.default_rng(seed)
    drawn = np.empty((HISTORIES, len(names)))
    for first in range(0, len(names), CLIENTS_AT_ONCE):
        part = slice(first, first + CLIENTS_AT_ONCE)
        histories = _histories(fit, _Path(*(array[part] for array in path)), rng)
        drawn[:, part] = np.abs(_statistics(histories, level[part], size[part], allowed[part])).max(-1)
    # A largest statistic follows Gumbel's distribution, whose two parameters need few draws.
    spread = np.maximum(drawn.std(0) * np.sqrt(6) / np.pi, 1e-9)
    height = (observed.max(-1) - drawn.mean(0)) / spread + np.euler_gamma
    p_values = np.where(allowed.any(-1), -np.expm1(-np.exp(-height)), np.nan)
    found = np.flatnonzero(discoveries(p_values))
    ages = months.age_start[found, place[found]]
    ratios = _ratios(fit, found, place[found])
    columns = dict(zip(COLUMNS, ([names[i] for i in found], ages, *ratios, p_values[found]), strict=True))
    return pd.DataFrame(columns).sort_values("p_value", ignore_index=True)


def _scale(path: _Path, used: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Standard deviation of each month's score, and the months at which a shift may start."""
    after = _from_here(path.level**2)
    taken = _from_here((path.level[:, :, None] * path.slope).transpose(0, 2, 1)).transpose(0, 2, 1)
    variance = after - np.einsum("nti,nij,ntj->nt", taken, path.inner, taken)
    count = used.sum(1, keepdims=True)
    order = np.arange(used.shape[1])
    allowed = (order >= LEAST_SIDE) & (order <= count - LEAST_SIDE) & (count >= MONTHS_TO_JUDGE)
    return np.sqrt(np.maximum(variance, 1e-9)), allowed & (variance > 1e-6)


def _from_here(values: Array) -> Array:
    """Sums from each month to the last."""
    return np.cumsum(values[..., ::-1], axis=-1)[..., ::-1]


def _statistics(residual: Array, level: Array, size: Array, allowed: NDArray[np.bool_]) -> Array:
    return np.where(allowed, _from_here(level * residual) / size, 0.0)


def _histories(fit: Fit, path: _Path, rng: np.random.Generator) -> Array:
    """Residuals of histories that follow the fit: tickets, shocks with their memory, clients' own curves.

    In units of its standard deviation, a month's residual depends on level = rate^(1/4) / dispersion^(1/2) alone.
    """
    clients, width = path.level.shape
    mean = np.where(path.level > 0, 2 * path.level**2, 1.0)
    tickets = rng.poisson(mean, (HISTORIES, clients, width))
    series = (rng.gamma(np.maximum(tickets, 1)) * (tickets > 0) - mean) / np.sqrt(2 * mean)
    memory = (fit.memory - 1) / (fit.memory + 1)
    for month in range(1, width):
        series[:, :, month] = memory * series[:, :, month - 1] + np.sqrt(1 - memory**2) * series[:, :, month]
    series = np.where(path.level > 0, series, 0.0)
    own = rng.standard_normal((HISTORIES, clients, 3)) @ fit.point.root.T
    series += np.einsum("nti,kni->knt", path.slope, own)
    # What remains once each client's curve has followed its history, as the fit's curve has followed the data.
    followed = np.einsum("nti,knt->kni", path.slope, series)
    return series - np.einsum("nti,nij,knj->knt", path.slope, path.inner, followed)


def _ratios(fit: Fit, found: NDArray[np.intp], place: NDArray[np.intp]) -> tuple[Array, Array, Array]:
    """Hours from the change on over those expected on the path of the months before it, with 95% limits."""
    if not len(found):
        return np.empty(0), np.empty(0), np.empty(0)
    whole = replace(fit.model, months=fit.model.months.part(found))
    months = whole.months
    before = np.arange(months.used.shape[1]) < place[:, None]
    early = replace(whole, months=replace(months, used=months.used * before))
    known = evaluate(early, fit.point.theta, np.zeros((len(found), 3)))
    rate, slope = sloped(whole, known)
    weight = months.weight * months.used * ~before
    variance = whole.dispersion(known.theta)[0] * rate**1.5
    hours = (weight * rate).sum(1)
    steep = (weight * slope).sum(2).T / hours[:, None]
    chance = fit.memory * (weight**2 * variance).sum(1) / hours**2
    # Conditional covariance of the clients' curves: the data's part is divided by the memory of the shocks, and a
    # client's own months cannot make it less certain than the population does.
    values, vectors = known.widths()
    root = vectors / np.sqrt(1 + np.maximum(values - 1, 0.0) / fit.memory)[:, None, :]
    spread = root @ root.transpose(0, 2, 1)
    error = norm.ppf(0.975) * np.sqrt(np.einsum("ni,nij,nj->n", steep, spread, steep) + chance)
    ratio = (weight * months.rate).sum(1) / hours
    return ratio, ratio * np.exp(-error), ratio * np.exp(error)


def discoveries(p_values: Array, rate: float = FALSE_DISCOVERY) -> NDArray[np.bool_]:
    """Which tests hold after Benjamini-Hochberg at a false-discovery rate; NaN was not tested."""
    tested, found = np.isfinite(p_values), np.zeros(len(p_values), bool)
    if tested.any():
        found[tested] = false_discovery_control(p_values[tested]) <= rate
    return found
