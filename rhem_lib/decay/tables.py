"""The tables of a decay fit: the typical and the mean client, and every client by itself."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import curves, mixed_model, posterior
from rhem_lib.decay.change_points import discoveries
from rhem_lib.decay.curves import Array
from rhem_lib.settings import Target

MONTHS_TO_FOLLOW = 6
TOO_NOISY = 3.0  # times the noise of all clients: no path to be seen
POPULATION_DRAWS = 4000
CLIENT_DRAWS, FEWEST_DRAWS, MOST_DRAWN = 1000, 200, 4_000_000
LONGEST_MONTHS = 1200.0

POPULATION_COLUMNS = ["estimate", "low", "high", "mean_estimate", "mean_low", "mean_high"]


def population_rows(target: Target) -> list[str]:
    """Quantities of a curve, in the order of the tables."""
    return ["start_h", "floor_h", "half_life_months", target.level_column, "months_to_target"]


def client_columns(target: Target) -> list[str]:
    """Quantities of one client, each with the limits of its interval."""
    return [name + end for name in [*population_rows(target), "rhem_now_h"] for end in ("", "_low", "_high")]


def population(
    core: mixed_model.Fit, target: Target, rng: np.random.Generator
) -> tuple[pd.DataFrame, Array, posterior.Draws]:
    """Population table, and the draws of log parameters behind it: (draws, 3) typical, and of all clients."""
    curve = posterior.at_covariates(core, [1.0])
    level = posterior.level_interval(target.months, *curve, core.quantile)
    arrival = curve[0] + posterior.draw_population(core, POPULATION_DRAWS, rng)
    times = curves.time_to_level(target.target_h, *np.exp(arrival).T)
    months = [curves.time_to_level(target.target_h, *np.exp(curve[0])), *_limits(times)]
    size = int(np.clip(MOST_DRAWN / len(core.point.modes), FEWEST_DRAWS, CLIENT_DRAWS))
    draws = posterior.draw_clients(core, size, rng)
    whole, alone = (_means(x, target.months) for x in (draws.whole, draws.own))
    reached = posterior.order_statistics(_mean_arrival(draws.whole, target.target_h), 0.5, 0.025, 0.975)
    typical = np.vstack([posterior.parameter_interval(*curve, core.quantile), level, months])
    mean = np.vstack([posterior.interval(whole, alone), reached])
    return pd.DataFrame(np.hstack([typical, mean]), population_rows(target), POPULATION_COLUMNS), arrival, draws


def _limits(times: Array) -> Array:
    return posterior.order_statistics(times, 0.025, 0.975)


def _means(draws: Array, months: float) -> Array:
    """Of the clients in every draw: mean start, floor, half-life (geometric) and level at the target's month."""
    start, floor = np.exp(draws[:, :, :2]).mean(axis=1).T
    half_life = curves.half_life(np.exp(draws[:, :, 2].mean(axis=1)))
    return np.column_stack([start, floor, half_life, posterior.level(months, draws).mean(axis=1)])


def _mean_arrival(draws: Array, target_h: float) -> Array:
    """Age at which the mean of all clients' curves comes down to the target, per draw, by bisection."""
    low, high = np.zeros(len(draws)), np.full(len(draws), LONGEST_MONTHS)
    for _ in range(30):
        middle = (low + high) / 2
        above = posterior.level(middle[:, None], draws).mean(axis=1) > target_h
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    start, floor = np.exp(draws[:, :, :2]).mean(axis=1).T
    never = floor >= target_h  # also of a mean that starts below the target and rises
    return np.where(never, np.inf, np.where(start <= target_h, 0.0, high))


def clients(
    core: mixed_model.Fit, names: list[str], changed: list[str], target: Target, draws: posterior.Draws, own: Array
) -> pd.DataFrame:
    """Per-client table; `changed` are the clients that left their path, `own` the p-values that they fall."""
    months = core.model.months
    eta, covariance = posterior.clients(core)
    last = (months.age_end * months.used).max(axis=1)
    times = curves.time_to_level(target.target_h, *np.moveaxis(np.exp(draws.whole), -1, 0))
    arrival = curves.time_to_level(target.target_h, *np.exp(eta).T)
    parts = [
        posterior.parameter_interval(eta, covariance, core.quantile).reshape(len(eta), -1),
        posterior.level_interval(target.months, eta, covariance, core.quantile),
        np.column_stack([arrival, *_limits(times)]),
        posterior.own_level(core, slice(None), last),
    ]
    table = pd.DataFrame(np.hstack(parts), pd.Index(names, name="client"), client_columns(target))
    table[target.chance_column] = (times <= 2 * target.months).mean(axis=0)
    table["months"] = months.used.sum(axis=1).astype(int)
    change, error = _change(core, eta, covariance)
    table["follows"] = _follows(core, np.isin(names, changed), change, core.quantile * error)
    table["falls"] = discoveries(own) & (change < 0)
    return table


def _change(core: mixed_model.Fit, eta: Array, covariance: Array) -> tuple[Array, Array]:
    """Log change of each client's curve from first to last month (middles), and its standard error."""
    months = core.model.months
    middle = (months.age_start + months.age_end) / 2
    first, last = middle[:, 0], (middle * months.used).max(axis=1)
    (at_first, slope_first), (at_last, slope_last) = (posterior.log_level(age, eta) for age in (first, last))
    slope = slope_last - slope_first
    variance = np.einsum("ni,nij,nj->n", slope, covariance, slope)
    return at_last - at_first, np.sqrt(np.maximum(variance, 0.0))


def _follows(core: mixed_model.Fit, changed: NDArray[np.bool_], change: Array, reach: Array) -> NDArray[np.str_]:
    """What each client does: the sign of its change where that is beyond doubt.

    Irregular are those that left their path, and those far noisier than the others.
    """
    months = core.model.months
    conditions = [
        months.used.sum(axis=1) < MONTHS_TO_FOLLOW,
        changed | (months.noise[:, 0] > TOO_NOISY),
        change + reach < 0,
        change - reach > 0,
    ]
    return np.select(conditions, ["too-early", "irregular", "decaying", "rising"], "flat")
