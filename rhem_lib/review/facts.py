"""The numbers of one client's quarter, from the panel, the decay fits and the client's entries."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData
from rhem_lib.language import locale, mark, month, sentence_case, t
from rhem_lib.metric import (
    NOT_RECORDED,
    PatchEffect,
    cause_names,
    cause_table,
    computer_table,
    hour_limits,
    month_spread,
)
from rhem_lib.review.certainty import MOVED, QUARTER, Z95, Difference
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import ClientSettings, QuarterSettings, Settings

MONTH_COLUMNS = (
    "endpoints exposure age_start age_end age_months reactive_hours reactive_tickets unclassified_hours "
    "outside_hours squared_hours rhem_h flags"
).split()
FIRST_MONTHS = 3
SHOWN_MONTHS = 12  # of a single cause
CLASSIFIED = 0.9  # of the hours; with less there is no level, only the least that it can be
LEAST_START = 2  # months before age 3 that must be in the data for a start to be measured
SMALL, YOUNG = 10, 3.0  # computers and months, below which a client gets the short deck
WEEKS = 52 / 12  # in a month
Z90 = 1.645
PREDICTION = (0.05, 0.95)
PLAIN = {
    "backup": mark("Backup"),
    "email": mark("Email"),
    "hardware": mark("Hardware"),
    "line of business app": mark("Business software"),
    "network": mark("Network"),
    "password": mark("Passwords"),
    "password reset": mark("Password resets"),
    "printing": mark("Printing"),
    "security": mark("Security"),
    "server": mark("Servers"),
    "workstation": mark("Workstations"),
}


@dataclass(frozen=True)
class Range:
    """A number with its limits, minutes per computer a month unless it says otherwise."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is such a number."""
        return bool(np.isfinite(self.value))

    def side(self, value: float) -> int:
        """Return on which side of the range a value is: -1 below, 1 above, 0 inside or where it is not known."""
        return int(value > self.high) - int(value < self.low)

    @property
    def rounded(self) -> "Range":
        """Return the range in whole numbers, where its larger limit has two digits and the smaller one is no 0."""
        ends = sorted((abs(self.low), abs(self.high)))
        return Range(*map(float, np.round([*vars(self).values()]))) if ends[0] >= 0.5 and ends[1] >= 10 else self

    def times(self, factor: float) -> "Range":
        """Return the range times 1 or -1."""
        return self if factor > 0 else Range(-self.value, -self.high, -self.low)


UNKNOWN = Range(np.nan, np.nan, np.nan)
NO_HOURS = pd.DataFrame({"scheduled": [], "project": []}, pd.DatetimeIndex([], name="month"))


@dataclass(frozen=True)
class Level:
    """Some months, pooled: `minutes` per computer a month = 60 x sum of hours / sum of exposure.

    `low` to `high` is the 95% interval by the chance of tickets (`hour_limits`), `se` its standard error.
    `spread` is how much single months differ beyond that, as a share (`month_spread`).
    """

    label: str
    months: int
    exposure: float
    hours: float
    tickets: float
    low: float
    high: float
    spread: float = 0.0

    @property
    def minutes(self) -> float:
        """Minutes per computer a month."""
        return 60 * self.hours / self.exposure

    @property
    def se(self) -> float:
        """Standard error of `minutes`."""
        return (self.high - self.low) / (2 * Z95)

    @property
    def tickets_per_computer(self) -> float:
        """Tickets per computer a month."""
        return self.tickets / self.exposure

    @property
    def minutes_per_ticket(self) -> float:
        """Minutes per ticket, NaN without any."""
        return 60 * self.hours / self.tickets if self.tickets else np.nan

    def beyond(self, target: float) -> Difference:
        """Return the level less the target."""
        return Difference(self.minutes - target, self.se)

    def since(self, before: "Level", se: float | None = None) -> Difference:
        """Return the change from an earlier level, by the chance of tickets and by how much months differ."""
        months = [level.spread * level.minutes / np.sqrt(level.months) for level in (self, before)]
        error = float(np.linalg.norm([self.se, before.se, *months])) if se is None else se
        return Difference(self.minutes - before.minutes, error, MOVED)

    def hours_given_back(self, start: "Level") -> Range:
        """Return the hours that this took less than at the pace of the start, with a 95% range."""
        spared = start.minutes * self.exposure / 60 - self.hours
        error = Z95 * self.since(start).se * self.exposure / 60
        return Range(spared, spared - error, spared + error)


@dataclass(frozen=True)
class Past:
    """What an earlier edition printed: hours and exposure of its quarter, its forecast of the next."""

    quarter: str
    hours: float
    exposure: float
    ahead: Range = UNKNOWN

    @property
    def minutes(self) -> float:
        """Minutes per computer a month, as printed."""
        return 60 * self.hours / self.exposure if self.exposure > 0 else np.nan


@dataclass(frozen=True)
class Fits:
    """What all clients say: the fit up to the quarter's end, the one before it, the effect of patches."""

    fit: DecayFit
    earlier: DecayFit | None = None
    patches: PatchEffect | None = None


@dataclass(frozen=True)
class Facts:
    """The numbers behind a review.

    Attributes
    ----------
    months : DataFrame, a row per calendar month, gaps are empty rows
    ahead_months : DataFrame
        month, minutes, normal_low, normal_high of the next quarter; no rows without a forecast.
    now, before : Level
        This quarter and the one before.
    first : Level or None
        The first months, where at least two before age 3 are in the data.
    year, since : Level or None
        The calendar year up to here; everything after the first months.
    at_goal : Level or None
        Around the month for which the goal is set, where that is in the past.
    forecast, ahead : Range
        Of this quarter, from the data before it; of the next one, from the data up to here. 90%.
    by_age : bool
        Whether over all clients a fall comes with age, and not with the calendar or the recording.
    goal_path : Range
        The client's path in the month of the goal, where that is ahead.
    causes : DataFrame
        As `cause_table`, with minutes_before, change_se, usual (minutes in the four quarters before), excess
        (minutes of work a week above usual, with excess_low and excess_high, 90%).
    past : tuple of Past
        What earlier editions printed, oldest first.
    planned : DataFrame
        Hours of scheduled and of project work by month (`planned_hours`).
    cause_months : DataFrame
        Minutes per computer of every cause (columns) in the last year's months, empty where they have no figure.
    """

    client: str
    quarter: str
    settings: Settings
    start: pd.Timestamp
    end: pd.Timestamp
    months: pd.DataFrame
    ahead_months: pd.DataFrame
    now: Level
    before: Level | None
    first: Level | None
    year: Level | None
    since: Level | None
    at_goal: Level | None
    forecast: Range
    ahead: Range
    goal_path: Range
    follows: str
    by_age: bool
    left: bool
    entries: pd.DataFrame
    causes: pd.DataFrame
    computers: pd.DataFrame
    patches: PatchEffect | None = None
    past: tuple[Past, ...] = ()
    planned: pd.DataFrame = field(default_factory=lambda: NO_HOURS)
    cause_months: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def own(self) -> ClientSettings:
        """The client's own settings."""
        return self.settings.clients.get(self.client, ClientSettings())

    def edition(self, back: int = 0) -> QuarterSettings:
        """What an analyst added to this quarter, or to one some quarters back."""
        return self.own.quarters.get(str(pd.Period(self.start, "Q") - back), QuarterSettings())

    @property
    def age(self) -> float:
        """Months since onboarding at the end of the quarter's exposed part."""
        return float(self.in_quarter["age_end"].max())

    @property
    def age_month(self) -> int:
        """The month of service that ends the quarter, counted from 1."""
        return max(int(np.ceil(round(self.age, 1))), 1) if np.isfinite(self.age) else 0

    @cached_property
    def in_quarter(self) -> pd.DataFrame:
        """The quarter's rows of `months`."""
        return self.months[self.months["month"] >= self.start]

    @cached_property
    def served(self) -> pd.DataFrame:
        """The quarter's months with a figure."""
        return self.in_quarter[self.in_quarter["exposure"] > 0]

    @property
    def computers_now(self) -> int:
        """Computers of the last month's list."""
        return round(float(self.served["endpoints"].iloc[-1]))

    @property
    def short(self) -> bool:
        """Whether the client is too small or too young for more than the short deck."""
        return self.computers_now < SMALL or self.age < YOUNG

    @property
    def words(self) -> dict[str, str]:
        """What the time is: `words` of the settings."""
        return words(self.settings.hours_are)

    @property
    def target(self) -> float:
        """The target in minutes per computer a month."""
        return 60 * self.settings.targets.target_h

    @property
    def classified(self) -> float:
        """The share of the quarter's hours that could be classified."""
        return share_classified(self.in_quarter)

    @cached_property
    def change(self) -> Difference | None:
        """The quarter less the quarter before; None without one, or where too few hours could be classified."""
        return change_of(self.now, self.before, self.months, self.start, self.forecast, self.follows)

    @property
    def beyond_target(self) -> Difference:
        """The quarter less the target; uncertain where the hours that could not be classified decide."""
        beyond, most = self.now.beyond(self.target), self.now.minutes / max(self.classified, 0.01)
        decide = (
            beyond.less and self.classified < CLASSIFIED and not Difference(most - self.target, beyond.se).less
        )
        return Difference(beyond.value, np.inf) if decide else beyond

    def cause_row(self, name: str) -> pd.Series | None:
        """Return the row of a cause by its own name or a reader's, also in English; None where there is none."""
        names = [[one.casefold() for one in (own, self.cause(own), PLAIN.get(own.casefold(), own))]
                 for own in self.causes["name"]]  # fmt: skip
        found = self.causes[[bool(name) and name.casefold() in known for known in names]]
        return found.iloc[0] if len(found) else None

    def cause(self, name: str, inside: bool = False) -> str:
        """Return a cause as a reader sees it, at the start of a sentence or inside it."""
        return plain_cause(name, inside)


def share_classified(months: pd.DataFrame) -> float:
    """Return the share of the hours of some months that could be classified."""
    counted, open_hours = months[["reactive_hours", "unclassified_hours"]].sum().tolist()
    return counted / (counted + open_hours) if counted + open_hours > 0 else 1.0


def change_of(
    now: Level, before: Level | None, months: pd.DataFrame, start: pd.Timestamp, forecast: Range, follows: str
) -> Difference | None:
    """Return the change of a client's quarter; None where too few hours of either are classified.

    The quarter before may have been an odd one: a change that the forecast, made from all months, allowed for is
    uncertain, but for the fall of a client whose path falls.
    """
    last = months["month"].between(start - pd.DateOffset(months=3), start, inclusive="left")
    known = min(share_classified(months[m]) for m in (last, months["month"] >= start)) >= CLASSIFIED
    if before is None or not known:
        return None
    change = replace(now.since(before), likely=QUARTER, firm=QUARTER)
    side = forecast.side(now.minutes)
    beyond = side > 0 if change.value > 0 else side < 0 or follows == "decaying"
    return change if beyond or not forecast.known else replace(change, likely=np.inf, firm=np.inf)


def plain_cause(name: str, inside: bool = False) -> str:
    """Return a cause as a reader sees it, at the start of a sentence or inside it."""
    plain = t(NOT_RECORDED) if name == NOT_RECORDED else t(PLAIN.get(name.casefold(), "{name}"), name=name)
    lower = inside and locale().language == "en" and plain[1:].islower()
    return plain[:1].lower() + plain[1:] if lower else plain


def noun(hours_are: str) -> str:
    """Return what the time is: 'support' for technician hours, 'outage' for outage hours."""
    if hours_are == mark("technician hours"):
        return t("support")
    return hours_are.removesuffix("hours").strip() or hours_are


def words(hours_are: str) -> dict[str, str]:
    """Return the words for the time, in a sentence ('what') and at its start ('What'), and its unit."""
    what = noun(hours_are)
    unit = t("minutes of {what} per computer and month", what=what)
    return {"what": what, "What": sentence_case(what), "unit": unit}


def gather(
    settings: Settings, panel: pd.DataFrame, fits: Fits, entries: pd.DataFrame, client: str, quarter: str
) -> Facts:
    """Gather the numbers of one client and quarter; `entries` are the client's reactive ones."""
    start, end = quarter_bounds(quarter)
    panel = panel[panel["month"] < end]
    months, left = _calendar(panel, client, start, end)
    served = months[months["exposure"] > 0]
    entries = entries[entries["worked_on"].dt.to_period("M").isin(served["month"].dt.to_period("M"))]
    level, month_of, age = levels_of(panel, client, served), served["month"], served["age_end"]
    now = level(mark("this quarter"), month_of >= start)
    if now is None:
        raise _no_exposure(panel, client, quarter)
    young, goal = (served["age_start"] < FIRST_MONTHS) & (month_of < start), settings.targets.months
    forecast, ahead, ahead_months, months = _forecasts(fits, client, months, start, left)
    return Facts(
        client=client,
        quarter=str(quarter).upper(),
        settings=settings,
        start=start,
        end=end,
        months=months,
        ahead_months=ahead_months,
        now=now,
        before=level("", month_of.between(start - pd.DateOffset(months=3), start, inclusive="left")),
        first=level("", young) if young.sum() >= LEAST_START else None,
        year=level("", month_of >= pd.Timestamp(start.year, 1, 1)),
        since=level("", ~young),
        at_goal=level("", age.between(goal - 0.5, goal + 2.5) & (month_of < start)),
        forecast=forecast,
        ahead=ahead,
        goal_path=_goal_path(fits.fit, client, goal, float(age.max())),
        follows=_follows(fits.fit, client),
        by_age=_by_age(fits.fit),
        left=left,
        entries=entries[entries["worked_on"] >= start],
        causes=_causes(entries, served, start),
        computers=computer_table(entries[entries["worked_on"] >= start]),
        patches=fits.patches,
        cause_months=_cause_months(entries, served),
    )


def _cause_months(entries: pd.DataFrame, served: pd.DataFrame) -> pd.DataFrame:
    """Return the minutes per computer of every cause in the last months, empty in months without a figure."""
    exposure = served.set_index("month")["exposure"].asfreq("MS").tail(SHOWN_MONTHS)
    month_of = entries["worked_on"].dt.to_period("M").dt.to_timestamp()
    hours = entries["hours"].groupby([month_of, cause_names(entries)]).sum().unstack(fill_value=0.0)
    return 60 * hours.reindex(exposure.index, fill_value=0.0).div(exposure, axis=0)


def _causes(entries: pd.DataFrame, served: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Return the quarter's causes beside the quarter before and the usual level of the year before."""
    since = {"now": start, "before": start - pd.DateOffset(months=3), "usual": start - pd.DateOffset(months=12)}
    until = {"now": pd.Timestamp.max, "before": start, "usual": start}
    spans, exposure = {}, {}
    for key, begin in since.items():
        inside = entries["worked_on"].between(begin, until[key], inclusive="left")
        spans[key] = entries[inside]
        months = served["month"].between(begin, until[key], inclusive="left")
        exposure[key] = float(served.loc[months, "exposure"].sum())
    table = cause_table(spans["now"], spans["before"], exposure["now"], exposure["before"])
    table = _with_gone(table, spans["before"], spans["usual"])
    sums = {key: _by_cause(spans[key], table["name"], exposure[key] or np.nan) for key in spans}
    table["minutes_before"], table["usual"] = sums["before"][0], sums["usual"][0]
    table["change_se"] = np.sqrt(sums["now"][1] + sums["before"][1])
    error = Z90 * np.sqrt(sums["now"][1] + sums["usual"][1])
    excess, fleet = table["minutes"] - table["usual"], float(served["endpoints"].iloc[-1])
    for column, shift in (("excess", 0.0), ("excess_low", -error), ("excess_high", error)):
        table[column] = (excess + shift).clip(lower=0) * fleet / WEEKS
    return table


def _with_gone(table: pd.DataFrame, before: pd.DataFrame, usual: pd.DataFrame) -> pd.DataFrame:
    """Return the causes with those of the year before that had no work now, so that changes add up."""
    gone = sorted({*cause_names(usual)} - {*table["name"]})
    tickets = before["first"].groupby(cause_names(before)).sum().reindex(gone, fill_value=0).to_numpy(float)
    none = dict.fromkeys(["hours", "problems", "minutes", "share", "rate"], 0.0)
    rows = pd.DataFrame({"name": gone, "problems_before": tickets}).assign(**none, rose=False)
    return pd.concat([table, rows], ignore_index=True) if gone else table


def _by_cause(entries: pd.DataFrame, names: pd.Series, exposure: float) -> tuple[np.ndarray, np.ndarray]:
    """Return minutes by cause, and their variance: squared tickets and one more of the cause's usual size."""
    cause, ticket = cause_names(entries), entries["ticket_id"].fillna(entries.index.to_series().astype(str))
    groups = entries.groupby([cause, ticket])["hours"].sum().groupby(level=0)
    squares = groups.apply(lambda hours: float((hours**2).sum() + hours.mean() ** 2))
    hours, squares = (part.reindex(names).fillna(0.0).to_numpy(float) for part in (groups.sum(), squares))
    return 60 * hours / exposure, squares * (60 / exposure) ** 2


def _calendar(
    panel: pd.DataFrame, client: str, start: pd.Timestamp, end: pd.Timestamp
) -> tuple[pd.DataFrame, bool]:
    """Return the client's months, a row per calendar month, gaps empty, and whether it left.

    They end with the quarter, or with the client's service; months without data are no end of it.
    """
    own = panel[panel["client"] == client].set_index("month")[MONTH_COLUMNS]
    own = own[own.index >= own.index[own["exposure"] > 0].min()] if (own["exposure"] > 0).any() else own[:0]
    if own.empty or own.index.max() < start:
        raise _no_exposure(panel, client, f"{start.year}Q{start.quarter}")
    last, everyone = own.index[own["age_end"].notna()].max(), panel.loc[panel["age_end"].notna(), "month"].max()
    until = last if (left := bool(last < everyone)) else end - pd.DateOffset(months=1)
    every = pd.date_range(own.index.min(), until, freq="MS", name="month")
    months = own.reindex(every).reset_index()
    served = months["exposure"] > 0
    months["flags"] = months["flags"].fillna("").astype("str")
    months["minutes"] = (months["rhem_h"] * 60).clip(lower=0).where(served)  # a month of credits is drawn as 0
    months["tickets_per_computer"] = months["reactive_tickets"] / months["exposure"].where(served)
    tickets = months["reactive_tickets"].where(months["reactive_tickets"] > 0)
    months["minutes_per_ticket"] = months["reactive_hours"] * 60 / tickets
    return months.drop(columns="rhem_h"), left


def _no_exposure(panel: pd.DataFrame, client: str, quarter: str) -> NotEnoughData:
    own = panel[(panel["client"] == client) & (panel["exposure"] > 0)]
    if own.empty:
        fix = "Check the name, its onboarding date and its computer list with `rhem check`."
    else:
        spell = f"{month(own['month'].min())} to {month(own['month'].max())}"
        fix = f"There is data from {spell}; choose a quarter in it."
    what = f"no computer was in service in {quarter}, so there is nothing to review."
    return NotEnoughData(what, where=client, fix=fix)


def levels_of(
    panel: pd.DataFrame, client: str, served: pd.DataFrame, spread: float | None = None
) -> Callable[[str, pd.Series], Level | None]:
    """Return the function that pools some months in service; None where there are none."""
    spread = month_spread(panel) if spread is None else spread
    sums = ["exposure", "reactive_hours", "reactive_tickets", "squared_hours"]
    history = panel.loc[panel["exposure"] > 0, ["client", *sums]]

    def level(label: str, chosen: pd.Series) -> Level | None:
        total = served.loc[chosen, sums].sum()
        if total["exposure"] <= 0:
            return None
        limits = hour_limits(total.to_frame().T.assign(client=client), history, ["client"]).iloc[0]
        ends = (60 * limits / total["exposure"]).tolist()
        months = Level(label, int(chosen.sum()), *total[sums[:3]].tolist(), *ends)
        return replace(months, spread=spread)

    return level


def _forecasts(
    fits: Fits, client: str, months: pd.DataFrame, start: pd.Timestamp, left: bool
) -> tuple[Range, Range, pd.DataFrame, pd.DataFrame]:
    """Return the quarter as forecast before it, the next one's forecast, its months, and months with a band."""
    slots, known = np.arange(len(months)), (months["exposure"] > 0).to_numpy()
    begin, end, weight = (
        np.interp(slots, slots[known], months.loc[known, name]) for name in ("age_start", "age_end", "exposure")
    )
    past = slots[known][-1]
    late = np.clip(slots - past, 0, None)
    draws = _draws(fits.earlier, client, begin + late, end + late, weight)
    months = months.join(_band(draws, months.index))
    quarter = months[known & (months["month"] >= start).to_numpy()]
    coming = pd.date_range(start + pd.DateOffset(months=3), periods=3, freq="MS", name="month")
    ages = end[past] + np.arange(3.0)
    full = np.full(3, float(months.loc[known, "endpoints"].iloc[-1]))
    after = None if left else _draws(fits.fit, client, ages, ages + 1, full)
    ahead_months = coming.to_frame(index=False).join(_band(after, pd.RangeIndex(3)))
    ahead_months["minutes"] = np.nan if after is None else np.median(after, axis=0)
    return forecast_of(fits.earlier, client, quarter), _pooled(after, full), ahead_months.dropna(), months


def _draws(fit: DecayFit | None, client: str, *months: np.ndarray) -> np.ndarray | None:
    """Return draws of the minutes of months; None where the fit does not know the client."""
    if fit is None or not fit.usable or client not in fit.clients.index:
        return None
    return 60 * fit.month_draws(client, *months)


def _band(draws: np.ndarray | None, index: pd.Index) -> pd.DataFrame:
    """Return the range that nine of ten months fall into."""
    names = ["normal_low", "normal_high"]
    values = np.nan if draws is None else np.quantile(draws, PREDICTION, axis=0).T
    return pd.DataFrame(values, index, names, dtype=float)


def forecast_of(earlier: DecayFit | None, client: str, months: pd.DataFrame) -> Range:
    """Return what a fit without some months says of them taken together, in minutes; 90% limits."""
    begin, end, weight = (months[name].to_numpy(float) for name in ("age_start", "age_end", "exposure"))
    return _pooled(_draws(earlier, client, begin, end, weight), weight)


def _pooled(draws: np.ndarray | None, weight: np.ndarray) -> Range:
    """Return the prediction of some months taken together."""
    if draws is None:
        return UNKNOWN
    total = np.average(draws, axis=1, weights=weight)
    low, high = np.quantile(total, PREDICTION).tolist()
    return Range(float(np.median(total)), low, high)


def _follows(fit: DecayFit, client: str) -> str:
    """Return what the client's path does."""
    return str(fit.clients["follows"].get(client, "too-early")) if fit.usable else "too-early"


def _by_age(fit: DecayFit) -> bool:
    """Whether over all clients there is a fall, and it comes with age: not with the calendar or the recording."""
    return fit.usable and fit.gate.declines and fit.calendar.verdict in ("none", "drift") and not fit.fades


def _goal_path(fit: DecayFit, client: str, month: int, age: float) -> Range:
    """Return the client's path in the month of the goal, where that is ahead."""
    if not fit.usable or client not in fit.clients.index or age >= month:
        return UNKNOWN
    return Range(*(60 * fit.predict(client, age_months=month)[["estimate", "low", "high"]].iloc[0]).tolist())
