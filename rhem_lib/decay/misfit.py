"""Where a fit misses its own data: residuals by age, calendar and size, months without hours, the highest month.

Every month is ranked among months drawn from the client's fitted curve with its tickets and shocks; ranks at
random where hours are equal (randomised quantile residuals). In a right model residuals are standard normal
everywhere.

References
----------
Dunn & Smyth (1996), Randomized quantile residuals, Journal of Computational and Graphical Statistics 5(3).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from rhem_lib.decay.client_months import places
from rhem_lib.decay.curves import Array
from rhem_lib.decay.forecast import draw_hours
from rhem_lib.decay.mixed_model import Fit
from rhem_lib.decay.residuals import expected

DRAWS = 400
AGES, SIZES, QUARTERS = [0, 3, 6, 12, 24, np.inf], 3, "Q"
LARGE, SURE = 0.25, 3.0  # mean residual, and standard errors over clients


@dataclass(frozen=True)
class Misfit:
    """How a fit misses its data.

    Attributes
    ----------
    residuals : DataFrame, one row per client and month
        client, month (where known), age_months, exposure, residual (standard normal in a right model).
    by : DataFrame, indexed by of (age, calendar, size) and bin
        mean residual, error (over clients), months.
    zeros, highest : (float, float, float)
        Share of months without hours and the highest month [h per endpoint]: observed, and the 95% range of the
        model.
    """

    residuals: pd.DataFrame
    by: pd.DataFrame
    zeros: tuple[float, float, float]
    highest: tuple[float, float, float]

    @property
    def text(self) -> str:
        """One sentence on each."""
        parts = [self._by(name) for name in self.by.index.unique("of")]
        seen, low, high = (100 * x for x in self.zeros)
        parts.append(f"{seen:.1f}% of months have no hours; the model draws {low:.1f} to {high:.1f}%.")
        seen, low, high = (60 * x for x in self.highest)
        parts.append(
            f"The highest month is {seen:.0f} minutes per endpoint; the model draws {low:.0f} to {high:.0f}."
        )
        return " ".join(parts)

    def _by(self, name: str) -> str:
        table = self.by.loc[name]
        far = table[(table["mean"].abs() > LARGE) & (table["mean"].abs() > SURE * table["error"])]
        if far.empty:
            low, high = table["mean"].min(), table["mean"].max()
            return f"By {name} hours lie on the curves (mean residuals {low:+.2f} to {high:+.2f})."
        shown = ", ".join(f"{place} ({mean:+.2f})" for place, mean in far["mean"].items())
        return f"By {name} hours lie off the curves, in standard deviations: {shown}."

    def summary(self) -> pd.DataFrame:
        """Mean residuals, rounded."""
        return self.by.round(2)


def check_misfit(fit: Fit, rows: pd.DataFrame, names: list[str], seed: int = 0) -> Misfit:
    """Draw every month from its fitted curve and rank what was seen; `rows` are the fitted months."""
    at = places(rows, names)
    months, rng = fit.model.months, np.random.default_rng(seed)
    rate, dispersion = (x[at] for x in (expected(fit.model, fit.point), fit.model.dispersion(fit.point.theta)[0]))
    seen = months.rate[at]
    drawn = draw_hours(np.tile(rate, (DRAWS, 1)), dispersion, rng)
    below, equal = (drawn < seen).sum(axis=0), (drawn == seen).sum(axis=0)
    rank = (below + rng.random(len(seen)) * (equal + 1)) / (DRAWS + 1)
    known = [name for name in ("client", "month", "exposure") if name in rows]
    table = rows[known].assign(age_months=(rows["age_start"] + rows["age_end"]) / 2, residual=norm.ppf(rank))
    spans = {"age": pd.cut(table["age_months"], AGES, right=False).map(_span)}
    if "month" in table:
        spans["calendar"] = table["month"].dt.to_period(QUARTERS).astype(str)
    spans["size"] = pd.qcut(table["exposure"].rank(method="first"), SIZES, labels=["small", "middle", "large"])
    by = pd.concat({name: _means(table, span) for name, span in spans.items()}, names=["of", "bin"])
    none = _seen((seen == 0).mean(), (drawn == 0).mean(axis=1))
    return Misfit(table, by, none, _seen(seen.max() * months.scale, drawn.max(axis=1) * months.scale))


def _seen(value: float, draws: Array) -> tuple[float, float, float]:
    """What was seen, and the 95% range of what was drawn."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(value), float(low), float(high)


def _span(ages: pd.Interval) -> str:
    return f"months {ages.left:.0f} on" if np.isinf(ages.right) else f"months {ages.left:.0f} to {ages.right:.0f}"


def _means(table: pd.DataFrame, span: pd.Series) -> pd.DataFrame:
    """Mean residual of each bin, its error over clients, and its months."""
    grouped = table.groupby(span, observed=True)["residual"]
    sums = table["residual"].groupby([span, table["client"]], observed=True).sum()
    out = pd.DataFrame({"mean": grouped.mean(), "months": grouped.size()})
    out["error"] = np.sqrt(sums.pow(2).groupby(level=0, observed=True).sum()) / out["months"]
    return out[["mean", "error", "months"]].set_index(out.index.astype(str))
