"""The numbers of one client's quarter, from the panel, the decay fit and the client's entries."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData
from rhem_lib.language import mark, month, sentence_case, t
from rhem_lib.metric import PatchEffect, cause_table, computer_table
from rhem_lib.review.certainty import Difference
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import ClientSettings, QuarterSettings, Settings

MONTH_COLUMNS = ["endpoints", "exposure", "age_start", "age_end", "age_months", "reactive_hours",
                 "reactive_tickets", "unclassified_hours", "outside_hours", "rhem_h", "flags"]  # fmt: skip
Z95 = 1.96  # half-width of a 95 % interval in standard errors


@dataclass(frozen=True)
class Level:
    """Some months, pooled: `minutes` per computer a month = 60 x sum of hours / sum of exposure.

    `se` is the standard error of `minutes`, in the same unit. For one client the sum of squared hours per ticket
    is the unbiased variance of a compound Poisson total; one more ticket of the client's usual size is added, so
    that a quiet quarter is not taken for certain. For all clients the variance is that between clients.
    """

    label: str
    months: int
    exposure: float
    hours: float
    tickets: float
    se: float

    @property
    def minutes(self) -> float:
        """Minutes per computer a month."""
        return 60 * self.hours / self.exposure

    @property
    def tickets_per_computer(self) -> float:
        """Tickets per computer a month."""
        return self.tickets / self.exposure

    @property
    def minutes_per_ticket(self) -> float:
        """Minutes per ticket, NaN without any."""
        return 60 * self.hours / self.tickets if self.tickets else np.nan

    @property
    def fleet(self) -> float:
        """Computers in service, the mean over the months."""
        return self.exposure / self.months

    def beyond(self, target: float) -> Difference:
        """Return the level less the target; within 15 % or a minute of it is about the same."""
        return Difference(self.minutes - target, self.se, near=max(0.15 * target, 1))

    def since(self, before: "Level", se: float | None = None) -> Difference:
        """Return the change from an earlier level; up to a quarter of it is about the same."""
        error = float(np.hypot(self.se, before.se)) if se is None else se
        return Difference(self.minutes - before.minutes, error, near=0.25 * before.minutes)


@dataclass(frozen=True)
class ClientCurve:
    """What the decay fit knows about the client; minutes per computer a month, NaN if unknown.

    `expected` with `low` and `high` is for this quarter, `typical` what a typical client of the same age needs.
    """

    follows: str
    own: bool
    start: float
    expected: float
    low: float
    high: float
    typical: float
    next_expected: float
    next_low: float
    next_high: float
    months_to_target: float
    p_target: float

    @property
    def se(self) -> float:
        """Standard error of `expected`."""
        return (self.high - self.low) / (2 * Z95)


@dataclass(frozen=True)
class Facts:
    """The numbers behind a review; `months` has a row per calendar month, gaps are empty rows."""

    client: str
    quarter: str
    settings: Settings
    start: pd.Timestamp
    end: pd.Timestamp
    months: pd.DataFrame
    now: Level
    before: Level | None
    first: Level | None
    curve: ClientCurve
    left: bool
    entries: int
    causes: pd.DataFrame
    computers: pd.DataFrame
    patches: PatchEffect | None = None

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
    def in_quarter(self) -> pd.DataFrame:
        """The quarter's rows of `months`."""
        return self.months[self.months["month"] >= self.start]

    @property
    def base(self) -> Level | None:
        """Return what to compare with: the first three months if past, else the quarter before."""
        return self.first or self.before

    @property
    def words(self) -> dict[str, str]:
        """What the time is: `words` of the settings."""
        return words(self.settings.hours_are)

    @property
    def target(self) -> float:
        """The target in minutes per computer a month."""
        return 60 * self.settings.targets.target_h

    @property
    def change(self) -> Difference | None:
        """The quarter less the quarter before; None without one."""
        return self.now.since(self.before) if self.before else None

    @property
    def beyond_target(self) -> Difference:
        """The quarter less the target."""
        return self.now.beyond(self.target)

    @property
    def beyond_expected(self) -> Difference:
        """The quarter less what the fit expected of it."""
        return Difference(self.now.minutes - self.curve.expected, float(np.hypot(self.now.se, self.curve.se)))


def noun(hours_are: str) -> str:
    """Return what the time is: 'support' for technician hours, 'outage' for outage hours."""
    if hours_are == mark("technician hours"):
        return t("support")
    return hours_are.removesuffix("hours").strip() or hours_are


def words(hours_are: str) -> dict[str, str]:
    """Return the words for the time, in a sentence ('what') and at its start ('What'), and its unit."""
    what = noun(hours_are)
    unit = t("minutes of {what} per computer a month", what=what)
    return {"what": what, "What": sentence_case(what), "unit": unit}


def gather(
    settings: Settings,
    panel: pd.DataFrame,
    fit: DecayFit,
    entries: pd.DataFrame,
    client: str,
    quarter: str,
    patches: PatchEffect | None = None,
) -> Facts:
    """Gather the numbers of one client and quarter; `entries` are the client's reactive ones."""
    start, end = quarter_bounds(quarter)
    months = _calendar(panel, client, start, end)
    in_service = months[months["exposure"] > 0]
    entries = entries[entries["worked_on"].dt.to_period("M").isin(in_service["month"].dt.to_period("M"))]
    now = _level(mark("this quarter"), in_service[in_service["month"] >= start], entries)
    if now is None:
        raise _no_exposure(panel, client, quarter)
    before_start = start - pd.DateOffset(months=3)
    before = in_service[(in_service["month"] >= before_start) & (in_service["month"] < start)]
    first = in_service[(in_service["age_start"] < 3) & (in_service["month"] < before_start)]
    day = entries["worked_on"]
    this, earlier = entries[(day >= start) & (day < end)], entries[(day >= before_start) & (day < start)]
    known_until = panel.loc[panel["exposure"] > 0, "month"].max()
    months = months.join(_expected_months(fit, client, months))
    return Facts(
        client=client,
        quarter=str(quarter).upper(),
        settings=settings,
        start=start,
        end=end,
        months=months,
        now=now,
        before=_level(mark("the quarter before"), before, entries),
        first=_level(mark("the first three months"), first, entries),
        curve=_curve(fit, client, months, start),
        left=bool(in_service["month"].max() < min(known_until, end - pd.DateOffset(months=1))),
        entries=len(this),
        causes=cause_table(this, earlier, now.exposure, float(before["exposure"].sum())),
        computers=computer_table(this),
        patches=patches,
    )


def _calendar(panel: pd.DataFrame, client: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return the client's months up to the quarter's end, a row per calendar month; gaps are empty."""
    own = panel[(panel["client"] == client) & (panel["month"] < end)].set_index("month")[MONTH_COLUMNS]
    own = own[own.index >= own.index[own["exposure"] > 0].min()] if (own["exposure"] > 0).any() else own[:0]
    if own.empty or own.index.max() < start:
        raise _no_exposure(panel, client, f"{start.year}Q{start.quarter}")
    every = pd.date_range(own.index.min(), end - pd.DateOffset(months=1), freq="MS", name="month")
    months = own.reindex(every).reset_index()
    served = months["exposure"] > 0
    months["flags"] = months["flags"].fillna("").astype("str")
    months["minutes"] = (months["rhem_h"] * 60).clip(lower=0).where(served)  # a month of credits is drawn as 0
    months["tickets_per_computer"] = months["reactive_tickets"] / months["exposure"].where(served)
    tickets = months["reactive_tickets"].where(months["reactive_tickets"] > 0)
    months["minutes_per_ticket"] = months["reactive_hours"] * 60 / tickets
    return months.drop(columns="rhem_h")


def _no_exposure(panel: pd.DataFrame, client: str, quarter: str) -> NotEnoughData:
    own = panel[(panel["client"] == client) & (panel["exposure"] > 0)]
    if own.empty:
        fix = "Check the name, its onboarding date and its computer list with `rhem check`."
    else:
        spell = f"{month(own['month'].min())} to {month(own['month'].max())}"
        fix = f"There is data from {spell}; choose a quarter in it."
    what = f"no computer was in service in {quarter}, so there is nothing to review."
    return NotEnoughData(what, where=client, fix=fix)


def _level(label: str, months: pd.DataFrame, entries: pd.DataFrame) -> Level | None:
    """Return the pooled numbers of some months in service; None if there are none."""
    exposure = float(months["exposure"].sum())
    if exposure <= 0:
        return None
    ticket = entries["ticket_id"].where(entries["ticket_id"].notna(), entries.index.to_series().astype(str))
    squares = entries["hours"].groupby(ticket).sum() ** 2
    inside = entries["worked_on"].dt.to_period("M").isin(months["month"].dt.to_period("M"))
    variance = float((entries["hours"][inside].groupby(ticket[inside]).sum() ** 2).sum())
    variance += float(squares.mean()) if len(squares) else 0.0
    hours, tickets = float(months["reactive_hours"].sum()), float(months["reactive_tickets"].sum())
    return Level(label, len(months), exposure, hours, tickets, se=60 * variance**0.5 / exposure)


def _expected_months(fit: DecayFit, client: str, months: pd.DataFrame) -> pd.DataFrame:
    """Return expected minutes with intervals for every month, gaps too; NaN without a usable fit."""
    names = ["expected", "expected_low", "expected_high"]
    if not fit.usable:
        return pd.DataFrame(np.nan, months.index, names)
    known = months["age_months"].notna().to_numpy()
    slots = np.arange(len(months))
    age = np.interp(slots, slots[known], months.loc[known, "age_months"])
    return _predict(fit, client, age + np.clip(slots - slots[known][-1], 0, None)).set_axis(names, axis=1)


def _predict(fit: DecayFit, client: str, age_months: np.ndarray) -> pd.DataFrame:
    """Return expected minutes at the ages, from the client's own curve or the typical one."""
    known = client if client in fit.clients.index else None
    return fit.predict(known, age_months=age_months.tolist())[["estimate", "low", "high"]] * 60


def _curve(fit: DecayFit, client: str, months: pd.DataFrame, start: pd.Timestamp) -> ClientCurve:
    if not fit.usable:
        return ClientCurve("too-early", False, *[np.nan] * 10)
    quarter = months[(months["month"] >= start) & (months["exposure"] > 0)]
    weights = quarter["exposure"] / quarter["exposure"].sum()
    now = [float((quarter[c] * weights).sum()) for c in ("expected", "expected_low", "expected_high")]
    ahead = _predict(fit, client, quarter["age_end"].max() + np.array([0.5, 1.5, 2.5])).mean()
    usual = fit.predict(age_months=quarter["age_months"].tolist())["estimate"].to_numpy() * 60
    own = client in fit.clients.index
    known = fit.clients.reindex([client]).iloc[0]  # all missing where the client has no curve
    return ClientCurve(
        follows=str(known["follows"]) if own else "too-early",
        own=own,
        start=float(known["start_h"]) * 60,
        expected=now[0],
        low=now[1],
        high=now[2],
        typical=float(np.average(usual, weights=weights)),
        next_expected=float(ahead["estimate"]),
        next_low=float(ahead["low"]),
        next_high=float(ahead["high"]),
        months_to_target=float(known["months_to_target"]),
        p_target=float(known[fit.target.chance_column]),
    )
