"""Does anything known of a client go with faster improvement? One engine for billing, industry, region.

A client-level column is a group effect on start, floor and half-life in the mixed model, adjusted for size and
season. Tests of slopes reject a true null in 12 to 25 % of books and are not offered. What is found is an
association.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from rhem_lib.billing.cohort import Cohort, cohort_of, without_season
from rhem_lib.decay import Fit, check_decline, covariate_effect, fitted_months, lay_out
from rhem_lib.errors import NotEnoughData

Array = NDArray[np.float64]

MIN_GROUP, MIN_MONTHS = 6, 4
POWER, RATIO_TO_SHOW = 0.8, 0.7
ERROR_PER_CLIENT = 1.45  # standard error of the log ratio is about this / sqrt(clients), half of them in the group
FALSE_DISCOVERY, MOST_LEVELS = 0.05, 12
LOG_TAU, GROUP = 2, 1


@dataclass(frozen=True)
class Effect:
    """Half-life ratio with its 95 % interval; `error` is the standard error of its log."""

    ratio: float
    low: float
    high: float
    p_value: float
    error: float
    reach: float

    @property
    def smallest(self) -> float:
        """The ratio below 1 that a book with this error finds four times in five."""
        return float(np.exp(-self.reach * self.error))


@dataclass(frozen=True)
class GroupComparison:
    """What goes with faster improvement.

    `table` has a row per group: by, group, ratio, low, high, p_value, q_value (Benjamini-Hochberg over all rows),
    clients, others, smallest_ratio, verdict. The ratio is the group's half-life over that of all other clients of
    the same size; for a column of numbers, that of a client one standard deviation above another.
    """

    table: pd.DataFrame
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Which differences stand after all have been counted, and what could have been seen."""
        if self.table.empty:
            return f"No group could be compared: {'; '.join(self.left_out) or 'no column was given'}."
        stands = self.table[self.table["verdict"].isin(["faster", "slower"])]
        told = [f"{r.by} {r.group} improves {r.verdict} (ratio {r.ratio:.2f}, {r.low:.2f} to {r.high:.2f})"
                for r in stands.itertuples()]  # fmt: skip
        smallest = self.table["smallest_ratio"]
        rest = f"The smallest ratio that could have been seen four times in five is {smallest.min():.2f}"
        rest += f" to {smallest.max():.2f}, depending on the group." if len(smallest) > 1 else "."
        return (
            f"Of {len(self.table)} comparisons {len(stands) or 'none'} stand{'s' * (len(stands) < 2)} with at "
            f"most {FALSE_DISCOVERY:.0%} of findings expected false{': ' + '; '.join(told) if told else ''}. "
            f"{rest} These are associations: nobody assigned clients to groups by lot."
            + (f" Left out: {'; '.join(self.left_out)}." if self.left_out else "")
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        return self.table.round(3)


def verdict(low: float, high: float) -> str:
    """Words of a half-life ratio's interval: faster under 1, slower over 1, else no clear difference.

    An interval that ends at 1 does not leave it out.
    """
    if not np.isfinite([low, high]).all():
        return "too early to tell"
    return "faster" if high < 1 else "slower" if low > 1 else "no clear difference"


def effect_of(fit: Fit, column: int = GROUP) -> Effect:
    """Half-life ratio of a column of the design: t with clients - coefficients - 3 degrees of freedom."""
    estimate, error = covariate_effect(fit, LOG_TAU, column)
    ratio, low, high = np.exp(estimate + np.array([0, -1, 1]) * fit.quantile * error)
    p_value = float(2 * student.sf(abs(estimate) / error, fit.df))
    reach = fit.quantile + float(student.ppf(POWER, fit.df))
    return Effect(float(ratio), float(low), float(high), p_value, error, reach)


def clients_needed(error: float, clients: int) -> int:
    """Clients at which the ratio to show is found at the stated power, the error falling as 1 / sqrt(clients)."""
    reach = norm.ppf(0.975) + norm.ppf(POWER)
    return int(np.ceil(clients * (reach * error / np.log(RATIO_TO_SHOW)) ** 2))


def no_decline(cohort: Cohort) -> str:
    """Why there is no speed to compare; empty where hours fall."""
    gate = check_decline(lay_out(cohort.rows, cohort.clients.index.tolist()))
    return "" if gate.declines else "no decline is detected in this book, so there is no speed to compare"


def compare_groups(panel: pd.DataFrame, by: str | Sequence[str], *, min_group: int = MIN_GROUP) -> GroupComparison:
    """Which values of client-level columns go with faster improvement, all questions counted.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel), with the columns to group by
        `endpoints` asks about size itself; every other column is adjusted for it.
    by : str or list of str
        Words (each value is held against all other clients) or numbers (effect of one standard deviation).
    min_group : int
        Fewest clients with 4 months in a group, and outside it.

    Raises
    ------
    ParameterError
        A column is not in the panel.
    NotEnoughData
        No decline is detected, so there is no speed to compare.
    """
    rows = fitted_months(panel)
    lines, left_out = [], []
    for column in [by] if isinstance(by, str) else by:
        cohort = cohort_of(rows, column)
        if reason := no_decline(cohort):
            raise NotEnoughData(f"{reason}.", where=column)
        cohort = without_season(cohort)
        found = _by_number(cohort, column) if _is_number(cohort, column) else _by_word(cohort, column, min_group)
        if not found:
            left_out.append(f"{column} (no two sides of {min_group} clients with {MIN_MONTHS} months)")
        lines += found
    columns = "by group ratio low high p_value clients others smallest_ratio".split()
    table = pd.DataFrame(lines, columns=columns)
    table.insert(6, "q_value", q_values(table["p_value"].to_numpy(float)))
    stands = table["q_value"] <= FALSE_DISCOVERY
    table["verdict"] = np.where(stands, np.where(table["ratio"] < 1, "faster", "slower"), "no clear difference")
    return GroupComparison(table.sort_values("p_value", ignore_index=True), tuple(left_out))


def _is_number(cohort: Cohort, column: str) -> bool:
    values = cohort.clients["group"]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return column == "endpoints" or (numeric and values.nunique() > MOST_LEVELS)


def _by_number(cohort: Cohort, column: str) -> list[tuple]:
    if column == "endpoints":
        values, adjusted = cohort.size, []
    else:
        values, adjusted = cohort.clients["group"].to_numpy(float), [cohort.size]
    effect = effect_of(cohort.fit((values - values.mean()) / values.std(), *adjusted))
    name = "one standard deviation more"
    shown = (effect.ratio, effect.low, effect.high, effect.p_value)
    return [(column, name, *shown, len(values), 0, effect.smallest)]


def _by_word(cohort: Cohort, column: str, min_group: int) -> list[tuple]:
    """A line per value with enough clients; of two values the second says nothing new."""
    long = cohort.clients.loc[cohort.clients["months"] >= MIN_MONTHS, "group"]
    counts = long.value_counts().sort_index()
    names = [name for name, n in counts.items() if n >= min_group and len(long) - n >= min_group]
    lines = []
    for name in names[: 1 if len(counts) == 2 else None]:
        effect = effect_of(cohort.fit(cohort.of(name), cohort.size))
        inside = int((cohort.clients["group"] == name).sum())
        shown = (effect.ratio, effect.low, effect.high, effect.p_value)
        lines.append((column, name, *shown, inside, len(cohort.clients) - inside, effect.smallest))
    return lines


def q_values(p_values: Array) -> Array:
    """Benjamini-Hochberg: the smallest false-discovery rate at which each test stands."""
    order = np.argsort(p_values)
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    out = np.empty(len(p_values))
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out
