"""The tables of a decay fit: the typical and the mean client, and every client by itself."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import curves, mixed_model, posterior
from rhem_lib.settings import Target

MONTHS_TO_FOLLOW = 6
TOO_NOISY = 3.0  # times the noise of the book: no path to be seen
POPULATION_DRAWS = 4000
CLIENT_DRAWS, FEWEST_DRAWS, MOST_DRAWN = 1000, 200, 4_000_000
LONGEST_MONTHS = 1200.0

POPULATION_COLUMNS = ["estimate", "low", "high", "mean_estimate", "mean_low", "mean_high"]


def population_rows(target: Target) -> list[str]:
    """Quantities of a curve, in the order of the tables."""
    return ["start_h", "floor_h", "half_life_months", target.level_column, "months_to_target"]


def client_numbers(target: Target) -> list[str]:
    """Quantities of one client, each of which has an interval."""
    return [*population_rows(target), "rhem_now_h"]


def with_limits(names: list[str]) -> list[str]:
    """Each name, and the columns of its interval."""
    return [name + end for name in names for end in ("", "_low", "_high")]


def limits(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """2.5 % and 97.5 % order statistics over the first axis; inf stays inf."""
    return np.quantile(draws, [0.025, 0.975], axis=0, method="inverted_cdf")


def typical(core: mixed_model.Fit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log parameters of the typical client and their covariance."""
    return core.coefficients[:, 0], core.coefficient_covariance


def population(
    core: mixed_model.Fit, target: Target, rng: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.float64], posterior.Draws]:
    """Population table, and the draws of log parameters behind it: (draws, 3) typical, and of all clients."""
    eta, covariance = typical(core)
    reach = core.quantile * np.sqrt(np.diag(covariance))
    own = np.exp(np.stack([eta, eta - reach, eta + reach]))
    own[:, 2] = curves.half_life(own[:, 2])
    level = posterior.level_interval(target.months, eta, covariance, core.quantile)
    arrival = eta + posterior.draw_population(core, POPULATION_DRAWS, rng)
    times = curves.time_to_level(target.target_h, *np.exp(arrival).T)
    months = [float(curves.time_to_level(target.target_h, *np.exp(eta))), *limits(times)]
    size = int(np.clip(MOST_DRAWN / len(core.point.modes), FEWEST_DRAWS, CLIENT_DRAWS))
    draws = posterior.draw_clients(core, size, rng)
    whole, alone = (_means(x, target.months) for x in (draws.whole, draws.own))
    arrivals = _mean_arrival(draws.whole, target.target_h)
    reached = [np.quantile(arrivals, 0.5, method="inverted_cdf"), *limits(arrivals)]
    right = np.column_stack([np.array(posterior.interval(whole, alone)), reached])
    left = np.column_stack([own, np.array(level), months])
    values = np.column_stack([left.T, right.T])
    return pd.DataFrame(values, population_rows(target), POPULATION_COLUMNS), arrival, draws


def _means(draws: NDArray[np.float64], months: float) -> NDArray[np.float64]:
    """Of the clients in every draw: mean start, floor, half-life (geometric) and level at the target's month."""
    start, floor = np.exp(draws[:, :, :2]).mean(axis=1).T
    half_life = curves.half_life(np.exp(draws[:, :, 2].mean(axis=1)))
    level = np.exp(posterior.log_level(months, draws)[0]).mean(axis=1)
    return np.column_stack([start, floor, half_life, level])


def _mean_arrival(draws: NDArray[np.float64], target_h: float) -> NDArray[np.float64]:
    """Age at which the mean of all clients' curves comes down to the target, per draw, by bisection."""
    start, floor, tau = np.moveaxis(np.exp(draws), -1, 0)
    low, high = np.zeros(len(draws)), np.full(len(draws), LONGEST_MONTHS)
    for _ in range(30):
        middle = (low + high) / 2
        above = curves.exponential(middle[:, None], start, floor, tau).mean(axis=1) > target_h
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    never = floor.mean(axis=1) >= target_h  # also of a mean that starts below the target and rises
    return np.where(never, np.inf, np.where(start.mean(axis=1) <= target_h, 0.0, high))


def clients(
    core: mixed_model.Fit, names: list[str], changed: list[str], target: Target, draws: posterior.Draws
) -> pd.DataFrame:
    """Per-client table; `changed` are the clients that left their path."""
    months = core.model.months
    eta, covariance = posterior.clients(core)
    reach = core.quantile * np.sqrt(np.einsum("nii->ni", covariance))
    values = np.exp(np.stack([eta, eta - reach, eta + reach], axis=-1))
    values[:, 2] = curves.half_life(values[:, 2])
    last = (months.age_end * months.used).max(axis=1)
    times = curves.time_to_level(target.target_h, *np.moveaxis(np.exp(draws.whole), -1, 0))
    arrival = curves.time_to_level(target.target_h, *np.exp(eta).T)
    parts = [
        *np.moveaxis(values, 1, 0),
        np.column_stack(posterior.level_interval(target.months, eta, covariance, core.quantile)),
        np.column_stack([arrival, *limits(times)]),
        np.column_stack(posterior.level_interval(last, eta, covariance, core.quantile)),
    ]
    table = pd.DataFrame(np.hstack(parts), pd.Index(names, name="client"), with_limits(client_numbers(target)))
    table[target.chance_column] = (times <= 2 * target.months).mean(axis=0)
    table["months"] = months.used.sum(axis=1).astype(int)
    table["follows"] = _follows(core, np.isin(names, changed), eta, covariance)
    return table


def _follows(
    core: mixed_model.Fit, changed: NDArray[np.bool_], eta: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.str_]:
    """What each client does: the sign of its change from first to last month (middles) where that is beyond doubt.

    Irregular are those that left their path, and those far noisier than the book.
    """
    months = core.model.months
    middle = (months.age_start + months.age_end) / 2
    first, last = middle[:, 0], (middle * months.used).max(axis=1)
    (at_first, slope_first), (at_last, slope_last) = (posterior.log_level(age, eta) for age in (first, last))
    change, slope = at_last - at_first, slope_last - slope_first
    reach = core.quantile * np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", slope, covariance, slope), 0.0))
    conditions = [
        months.used.sum(axis=1) < MONTHS_TO_FOLLOW,
        changed | (months.noise[:, 0] > TOO_NOISY),
        change + reach < 0,
        change - reach > 0,
    ]
    return np.select(conditions, ["too-early", "irregular", "decaying", "rising"], "flat")
