"""Does anything known of a client go with faster improvement? One engine for billing, industry, region.

A client-level column is a group effect on start, floor and half-life in the mixed model, adjusted for size and
season. Tests of slopes reject a true null in 12 to 25% of portfolios and are not offered. What is found is an
association.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm
from scipy.stats import t as student

from rhem_lib import decay
from rhem_lib.errors import NotEnoughData, ParameterError

Array = NDArray[np.float64]
Values = tuple[float, float, float, float]  # ratio, low, high, p_value

NOTHING: Values = (np.nan, np.nan, np.nan, np.nan)
SIZE_MONTHS, MONTHS_FOR_SEASON = 3, 24
MIN_GROUP, MIN_MONTHS = 6, 4
POWER, RATIO_TO_SHOW = 0.8, 0.7
ERROR_PER_CLIENT = 1.45  # standard error of the log ratio is about this / sqrt(clients), half of them in the group
FALSE_DISCOVERY, MOST_LEVELS = 0.05, 12
LOG_TAU, GROUP = 2, 1
ONLY_CALENDAR = "hours may fall for everyone with the calendar, and not with the age of a client"


@dataclass(frozen=True)
class Cohort:
    """Clients to compare: their fitted months and who they are.

    rows : DataFrame from `fitted_months`, of these clients alone
    clients : DataFrame, indexed by client in the order of `client_order`
        group, endpoints (mean of the first three months), months, start_year (of onboarding, with fractions).
    """

    rows: pd.DataFrame
    clients: pd.DataFrame

    @property
    def size(self) -> Array:
        """Log endpoints at onboarding, centred."""
        log = np.log(self.clients["endpoints"].to_numpy())
        return log - log.mean()

    def of(self, name: str) -> Array:
        """1/2 for clients of a group, -1/2 for others, so that the priors favour neither."""
        return (self.clients["group"] == name).to_numpy(float) - 0.5

    def keep(self, which: pd.Series) -> "Cohort":
        """Only the clients for which the mask, indexed by client, holds."""
        clients = self.clients[which.reindex(self.clients.index).to_numpy(bool)]
        return Cohort(self.rows[self.rows["client"].isin(clients.index)], clients)

    def months(self, *columns: Array) -> decay.Months:
        """Padded arrays with these covariates."""
        return decay.lay_out(self.rows, self.clients.index.tolist(), *columns)

    def fit(self, *columns: Array, shape: str = "exponential") -> decay.Fit:
        """Mixed model with these covariates on start, floor and half-life."""
        return decay.fit_mixed_model(self.months(*columns), shape)

    def without_season(self) -> "Cohort":
        """The same with the yearly wave taken out; as it is, where it spans less than two years.

        It narrows intervals of half-life ratios by about 5%.
        """
        month = self.rows["month"]
        if month.dt.to_period("M").nunique() < MONTHS_FOR_SEASON:
            return self
        calendar = decay.padded(self.rows, self.clients.index.tolist(), month.dt.month)
        return self._divided(decay.find_wave(self.months(self.size), calendar).factor(month.dt.month))

    def without_drift(self) -> tuple["Cohort", str]:
        """The same with a drift of everyone's hours by calendar month taken out, where one is beyond doubt.

        And why no speed can be compared: where hours may fall with the calendar alone; else empty.
        """
        drift, month = decay.drift_of(self.fit(self.size), self.rows, self.clients.index.tolist())
        plain = self._divided(np.exp(drift.log * month)) if drift.taken_out else self
        gate = decay.check_decline(plain.months()).with_drift(drift, taken_out=drift.taken_out)
        # Groups that joined at the same time share a drift, which then makes no difference between them.
        return plain, "" if gate.declines or not drift.identified else ONLY_CALENDAR

    def _divided(self, factor: Array | pd.Series) -> "Cohort":
        """The same with a factor on the hours taken out: see `Months.divided`."""
        root = np.sqrt(factor)
        hours, exposure = self.rows["reactive_hours"] / root, self.rows["exposure"] * root
        return replace(self, rows=self.rows.assign(reactive_hours=hours, exposure=exposure))


def cohort_of(rows: pd.DataFrame, by: str) -> Cohort:
    """Clients of fitted months with a known value of a column: the first known one of each."""
    if by not in rows:
        raise ParameterError(
            f"the panel has no column '{by}'.",
            examples=[name for name in rows if name not in ("client", "month")],
            fix="Join it first, e.g. panel.merge(work.clients[['client', 'industry']]).",
        )
    grouped = rows.groupby("client", observed=True)
    early = rows[grouped.cumcount() < SIZE_MONTHS].groupby("client", observed=True)
    first = grouped[["month", "age_start"]].first()
    onboarded = first["month"].dt.year + (first["month"].dt.month - 1 - first["age_start"]) / 12
    group = rows.dropna(subset=by).groupby("client", observed=True)[by].first()
    columns = {"group": group, "endpoints": early["endpoints"].mean(), "months": grouped.size()}
    clients = pd.DataFrame(columns | {"start_year": onboarded}).dropna()
    clients = clients[clients["endpoints"] > 0]
    rows = rows[rows["client"].isin(clients.index)]
    return Cohort(rows, clients.loc[decay.client_order(rows)])


@dataclass(frozen=True)
class Effect:
    """Half-life ratio with its 95% interval; `error` is the standard error of its log."""

    ratio: float
    low: float
    high: float
    p_value: float
    error: float
    reach: float

    @property
    def values(self) -> Values:
        """Ratio, limits and p-value."""
        return self.ratio, self.low, self.high, self.p_value

    @property
    def smallest(self) -> float:
        """The ratio below 1 that clients with this error show four times in five."""
        return float(np.exp(-self.reach * self.error))


def ratio_interval(estimate: float, error: float, df: float) -> Values:
    """Ratio with its 95% interval and two-sided p-value, from its log and the standard error of that, by t."""
    low, ratio, high = np.exp(estimate + np.array([-1, 0, 1]) * student.ppf(0.975, df) * error)
    return float(ratio), float(low), float(high), float(2 * student.sf(abs(estimate) / error, df))


def effect_of(fit: decay.Fit, column: int = GROUP) -> Effect:
    """Half-life ratio of a column of the design: t with clients - coefficients - 3 degrees of freedom."""
    estimate, error = decay.covariate_effect(fit, LOG_TAU, column)
    reach = fit.quantile + float(student.ppf(POWER, fit.df))
    return Effect(*ratio_interval(estimate, error, fit.df), error, reach)


def verdict(low: float, high: float) -> str:
    """Words of a half-life ratio's interval: faster under 1, slower over 1, else no clear difference.

    An interval that ends at 1 does not leave it out.
    """
    if not np.isfinite([low, high]).all():
        return "too early to tell"
    return "faster" if high < 1 else "slower" if low > 1 else "no clear difference"


def clients_needed(error: float, clients: int) -> int:
    """Clients at which the ratio to show is found at the stated power, the error falling as 1 / sqrt(clients)."""
    reach = norm.ppf(0.975) + norm.ppf(POWER)
    return int(np.ceil(clients * (reach * error / np.log(RATIO_TO_SHOW)) ** 2))


def no_decline(cohort: Cohort) -> str:
    """Why there is no speed to compare; empty where hours fall."""
    declines = decay.check_decline(cohort.months()).declines
    return "" if declines else "no decline is detected in these clients, so there is no speed to compare"


@dataclass(frozen=True)
class GroupComparison:
    """What goes with faster improvement.

    Attributes
    ----------
    table : DataFrame, one row per group
        by, group, ratio, low, high, p_value, q_value (Benjamini-Hochberg over all rows), clients, others,
        smallest_ratio, verdict. The ratio is the group's half-life over that of all other clients of the same
        size; for a column of numbers, that of a client one standard deviation above another.
    left_out : tuple of str
        Columns without two sides of enough clients.
    """

    table: pd.DataFrame
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Which differences stand after all have been counted, and what could have been seen."""
        if self.table.empty:
            return f"No group could be compared: {'; '.join(self.left_out) or 'no column was given'}."
        found = self.table[self.table["verdict"].isin(["faster", "slower"])]
        names = [
            f"{r.by} {r.group} improves {r.verdict} (ratio {r.ratio:.2f}, {r.low:.2f} to {r.high:.2f})"
            for r in found.itertuples()
        ]
        smallest = self.table["smallest_ratio"]
        rest = f" to {smallest.max():.2f}, depending on the group" if len(smallest) > 1 else ""
        return (
            f"Of {len(self.table)} comparisons {len(found) or 'none'} stand{'s' * (len(found) < 2)} with at "
            f"most {FALSE_DISCOVERY:.0%} of findings expected false{': ' + '; '.join(names) if names else ''}. "
            f"The smallest ratio that could have been seen four times in five is {smallest.min():.2f}{rest}. "
            "These are associations: nobody assigned clients to groups by lot."
            + (f" Left out: {'; '.join(self.left_out)}." if self.left_out else "")
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        return self.table.round(3)


def compare_groups(panel: pd.DataFrame, by: str | Sequence[str], *, min_group: int = MIN_GROUP) -> GroupComparison:
    """Compare how fast clients improve by the values of client-level columns, all questions counted.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel), with the columns to group by
        `endpoints` asks about size itself; every other column is adjusted for it.
    by : str or list of str
        Words (each value is held against all other clients) or numbers (effect of one standard deviation).
    min_group : int
        Fewest clients with 4 months in a group, and outside it.

    Returns
    -------
    GroupComparison

    Raises
    ------
    ParameterError
        A column is not in the panel.
    NotEnoughData
        No decline is detected, so there is no speed to compare.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> panel = rhem.measure(rhem.load("data/sample"))
    >>> rhem.compare_groups(panel, by="endpoints").table["clients"].item()
    30
    """
    rows = decay.fitted_months(panel)
    lines, left_out = [], []
    for column in [by] if isinstance(by, str) else by:
        cohort = cohort_of(rows, column)
        if reason := no_decline(cohort):
            raise NotEnoughData(f"{reason}.", where=column)
        cohort = cohort.without_season()
        found = _by_number(cohort, column) if _is_number(cohort, column) else _by_word(cohort, column, min_group)
        if not found:
            left_out.append(f"{column} (no two sides of {min_group} clients with {MIN_MONTHS} months)")
        lines += found
    columns = "by group ratio low high p_value clients others smallest_ratio".split()
    table = pd.DataFrame(lines, columns=columns)
    # Many questions are asked at once: Benjamini-Hochberg bounds the share of false answers among those given.
    table.insert(6, "q_value", false_discovery_control(table["p_value"]) if lines else np.nan)
    found_at = table["q_value"] <= FALSE_DISCOVERY
    table["verdict"] = np.where(found_at, np.where(table["ratio"] < 1, "faster", "slower"), "no clear difference")
    return GroupComparison(table.sort_values("p_value", ignore_index=True), tuple(left_out))


def _is_number(cohort: Cohort, column: str) -> bool:
    values = cohort.clients["group"]
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return column == "endpoints" or (numeric and values.nunique() > MOST_LEVELS)


def _by_number(cohort: Cohort, column: str) -> list[tuple]:
    values, adjusted = cohort.size, []
    if column != "endpoints":
        values, adjusted = cohort.clients["group"].to_numpy(float), [cohort.size]
    effect = effect_of(cohort.fit((values - values.mean()) / values.std(), *adjusted))
    return [(column, "one standard deviation more", *effect.values, len(values), 0, effect.smallest)]


def _by_word(cohort: Cohort, column: str, min_group: int) -> list[tuple]:
    """A line per value with enough clients; of two values the second says nothing new."""
    groups = cohort.clients["group"]
    counts = groups[cohort.clients["months"] >= MIN_MONTHS].value_counts().sort_index()
    names = [name for name, n in counts.items() if n >= min_group and counts.sum() - n >= min_group]
    lines = []
    for name in names[: 1 if len(counts) == 2 else None]:
        effect = effect_of(cohort.fit(cohort.of(name), cohort.size))
        inside = int((groups == name).sum())
        lines.append((column, name, *effect.values, inside, len(groups) - inside, effect.smallest))
    return lines
