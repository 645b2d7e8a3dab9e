"""Are the forecasts any good? Rolling origins: fit on what was known then, score on the months that came.

Rivals are what an analyst would do instead: the last value, the client's own mean, one pooled curve, and a curve
of its own for every client by `scipy.optimize.curve_fit`. Each is a single number; to be scored like a forecast,
it is given the scatter that its own errors had in the months known at the origin.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from rhem_lib.decay.client_months import client_order, fitted_months, lay_out
from rhem_lib.decay.curves import exponential_average
from rhem_lib.decay.forecast import COVERAGE, DRAWS, draw_months
from rhem_lib.decay.mixed_model import fit as fit_mixed_model
from rhem_lib.decay.posterior import order_statistics

Array = NDArray[np.float64]

HORIZONS = (3, 6)
OURS = "this fit"
RIVALS = ("last value", "own mean", "pooled curve", "curve_fit per client")
LEAST_MONTHS = 4
LEAST_RATE = 0.05  # of the portfolio's, so that a quiet client's errors have a scale


@dataclass(frozen=True)
class Backtest:
    """Scores of forecasts.

    Attributes
    ----------
    table : DataFrame
        One row per method, origin, client and horizon: observed, point (median), crps, absolute_error (h per
        endpoint per month), inside (the 90% prediction interval held it).
    """

    table: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Per horizon and method: forecasts, mean crps, absolute error of the point, coverage in percent."""
        groups = self.table.groupby(["horizon", "method"], sort=False)
        means = groups.agg(
            forecasts=("crps", "size"), crps=("crps", "mean"), absolute_error=("absolute_error", "mean"),
            covered_percent=("inside", "mean"),
        )  # fmt: skip
        means["covered_percent"] *= 100
        return means.round({"crps": 4, "absolute_error": 4, "covered_percent": 1})

    @property
    def text(self) -> str:
        """How our forecasts do against the best rival."""
        if self.table.empty:
            return "No origin has enough months before and after it to score a forecast."
        lines = []
        for horizon, block in self.summary().groupby(level="horizon"):
            scores = block.droplevel("horizon")
            rival = scores["crps"].drop(OURS).idxmin()
            gain = 100 * (1 - scores.loc[OURS, "crps"] / scores.loc[rival, "crps"])
            lines.append(
                f"{horizon} months ahead the error score of this fit is {abs(gain):.0f}% "
                f"{'lower' if gain > 0 else 'higher'} than that of the best of the others ({rival}), and its 90% "
                f"prediction interval held {scores.loc[OURS, 'covered_percent']:.0f}% of the months"
            )
        return "; ".join(lines) + "."


def backtest(panel: pd.DataFrame, *, origins: int = 6, seed: int = 0) -> Backtest:
    """Forecast a panel's own later months from its earlier ones.

    Parameters
    ----------
    panel : DataFrame (schema.Panel)
        Uses month besides what `fit_decay` uses.
    origins : int
        Calendar months, spread evenly over the later part of the portfolio, at which to stand.
    seed : int
    """
    rows = fitted_months(panel)
    calendar = rows["month"].drop_duplicates().sort_values().to_numpy()
    first, last = len(calendar) // 3, len(calendar) - 1 - min(HORIZONS)
    parts = []
    for place in np.unique(np.linspace(first, last, origins).astype(int)) if last >= first else []:
        known = rows[rows["month"] <= calendar[place]]
        wanted = _coming(rows, known, pd.Timestamp(calendar[place]))
        if len(wanted) and known.groupby("client").size().ge(LEAST_MONTHS).sum() >= LEAST_MONTHS:
            parts.append(_score(known, wanted, np.random.default_rng(seed)).assign(origin=calendar[place]))
    columns = ["method", "origin", "client", "horizon", "observed", "point", "crps", "absolute_error", "inside"]
    return Backtest(pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns))


def _coming(rows: pd.DataFrame, known: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """Months to forecast: those at a horizon, of clients with enough months that were served at the origin."""
    ahead = (rows["month"].dt.year - origin.year) * 12 + rows["month"].dt.month - origin.month
    counts = known.groupby("client").size()
    serving = known.loc[known["month"] == origin, "client"]
    ready = counts.index[counts >= LEAST_MONTHS].intersection(serving)
    wanted = rows.assign(horizon=ahead)
    return wanted[wanted["horizon"].isin(HORIZONS) & wanted["client"].isin(ready)]


def _score(known: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Scores of all methods at one origin."""
    observed = (wanted["reactive_hours"].clip(lower=0) / wanted["exposure"]).to_numpy()
    parts = []
    for method in (OURS, *RIVALS):
        draws = _ours(known, wanted, rng) if method == OURS else _dressed(method, known, wanted, rng)
        low, high = order_statistics(draws, *COVERAGE)
        point = np.median(draws, axis=0)
        scores = {"observed": observed, "point": point, "crps": crps(draws, observed)}
        scores |= {"absolute_error": abs(point - observed), "inside": (low <= observed) & (observed <= high)}
        parts.append(wanted[["client", "horizon"]].assign(method=method, **scores))
    return pd.concat(parts)


def _ours(known: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> Array:
    names = client_order(known)
    fit = fit_mixed_model(lay_out(known, names))
    client, place = pd.Index(names).get_indexer(wanted["client"]), pd.factorize(wanted["horizon"])[0]
    grids = []
    for column, fill in (("age_start", 0.0), ("age_end", 1.0), ("exposure", 1.0)):
        grid = np.full((len(names), place.max() + 1), fill)
        grid[client, place] = wanted[column]
        grids.append(grid)
    return draw_months(fit, grids[0], grids[1], grids[2], rng)[:, client, place]


def crps(draws: Array, observed: Array) -> Array:
    """Continuous ranked probability score of draws (first axis) against what came: E|x - y| - E|x - x'| / 2.

    In the unit of the observation; smaller is better, and for a single draw it is the absolute error. Gneiting &
    Raftery (2007), Strictly proper scoring rules, eq. 21.
    """
    size = len(draws)
    ranked = np.sort(draws, axis=0)
    order = (2 * np.arange(1, size + 1) - size - 1).reshape(-1, *[1] * (draws.ndim - 1))
    return np.abs(draws - observed).mean(0) - (order * ranked).sum(0) / size**2


def _dressed(method: str, known: pd.DataFrame, wanted: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Draws of a rival: its number plus errors it made before, scaled by number^0.75 as hours scatter."""
    past = known.assign(rate=known["reactive_hours"].clip(lower=0) / known["exposure"])
    point, fitted = POINTS[method](past, wanted)
    least = LEAST_RATE * past["reactive_hours"].sum() / past["exposure"].sum()
    errors = ((past["rate"] - fitted) / np.maximum(fitted, least) ** 0.75).dropna().to_numpy()
    drawn = rng.choice(errors, (DRAWS, len(point)))
    return np.maximum(point + drawn * np.maximum(point, least) ** 0.75, 0.0)


def _last_value(past: pd.DataFrame, wanted: pd.DataFrame) -> tuple[Array, Array]:
    groups = past.groupby("client")["rate"]
    return groups.last().loc[wanted["client"]].to_numpy(), groups.shift(min(HORIZONS)).to_numpy()


def _own_mean(past: pd.DataFrame, wanted: pd.DataFrame) -> tuple[Array, Array]:
    groups = past.groupby("client")[["reactive_hours", "exposure"]]
    means = groups.sum().pipe(lambda sums: sums["reactive_hours"] / sums["exposure"])
    return means.loc[wanted["client"]].to_numpy(), means.loc[past["client"]].to_numpy()


def _pooled_curve(past: pd.DataFrame, wanted: pd.DataFrame) -> tuple[Array, Array]:
    curve = _curve(past)
    return _along(curve, wanted), _along(curve, past)


def _own_curves(past: pd.DataFrame, wanted: pd.DataFrame) -> tuple[Array, Array]:
    curve = {client: _curve(own) for client, own in past.groupby("client")}
    return tuple(
        np.concatenate([_along(curve[c], rows.iloc[[i]]) for i, c in enumerate(rows["client"])])
        for rows in (wanted, past)
    )  # type: ignore[return-value]


def _curve(rows: pd.DataFrame) -> Array:
    """Exponential to a floor by `curve_fit`, or the mean where it finds none."""
    mean = rows["reactive_hours"].clip(lower=0).sum() / rows["exposure"].sum()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            return curve_fit(
                lambda age, *p: _level(age, np.array(p)),
                rows[["age_start", "age_end"]].to_numpy(float).T,
                rows["rate"].to_numpy(float),
                p0=[rows["rate"].iloc[:3].mean(), rows["rate"].iloc[-3:].mean(), 4.0],
                sigma=rows["exposure"].to_numpy(float) ** -0.5,
                bounds=([0, 0, 0.1], [np.inf, np.inf, 120]),
            )[0]
    except (RuntimeError, TypeError, ValueError):
        return np.array([mean, mean, 4.0])


def _level(age: Array, curve: Array) -> Array:
    return curve[1] + (curve[0] - curve[1]) * exponential_average(age[0], age[1], curve[2])[0]


def _along(curve: Array, rows: pd.DataFrame) -> Array:
    return _level(rows[["age_start", "age_end"]].to_numpy(float).T, curve)


POINTS = dict(zip(RIVALS, (_last_value, _own_mean, _pooled_curve, _own_curves), strict=True))
