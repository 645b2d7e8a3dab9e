"""Business hours: which part of the reactive hours fell into the time in which a client's staff are at work."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.errors import SettingsError
from rhem_lib.metric.causes import DAYS
from rhem_lib.metric.panel import counted_entries
from rhem_lib.settings import BusinessHours, Settings
from rhem_lib.workspace import Workspace, to_pandas

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WorkingTime:
    """Business hours of one client as instants: how many of them lie before any moment.

    `knots` are the openings and closings in hours since 1970 UTC, `elapsed` the business hours up to each.
    """

    knots: Array
    elapsed: Array

    def between(self, start: Array, end: Array) -> Array:
        """Business hours from one instant to another, both in hours since 1970 UTC."""
        return np.interp(end, self.knots, self.elapsed) - np.interp(start, self.knots, self.elapsed)


def working_time(hours: BusinessHours, zone: str, first: dt.date, last: dt.date) -> WorkingTime:
    """Business hours of every day in a span, without weekends and public holidays."""
    days = pd.date_range(first, last, freq="D")
    open_ = days.day_of_week.isin([DAYS.index(day) for day in hours.days])
    free = public_holidays(hours, range(days[0].year, days[-1].year + 1))
    open_ &= ~pd.Index(days.date).isin(list(free))
    days, zone = days[open_], hours.time_zone or zone
    ends = [instants(days + pd.Timedelta(str(t)), zone) for t in (hours.opens, hours.closes)]
    knots = np.column_stack(ends).ravel()
    elapsed = np.column_stack([np.zeros(len(days)), ends[1] - ends[0]]).ravel().cumsum()
    return WorkingTime(knots, elapsed) if len(days) else WorkingTime(np.zeros(1), np.zeros(1))


def instants(local: Any, zone: str) -> Array:
    """Local times as hours since 1970 UTC; of an hour that comes twice the first, one that is skipped goes on."""
    times = pd.DatetimeIndex(local).tz_localize(
        zone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
    )
    return (times.tz_convert("UTC").tz_localize(None) - pd.Timestamp(0)) / pd.Timedelta(hours=1)


def public_holidays(hours: BusinessHours, years: range) -> set[dt.date]:
    """Public holidays of the country and region, none where no country is given."""
    if not hours.country:
        return set()
    import holidays

    try:
        return set(holidays.country_holidays(hours.country, subdiv=hours.region or None, years=years))
    except NotImplementedError as problem:
        raise SettingsError(
            f"there is no calendar of public holidays for this country or region ({problem}).",
            where="rhem.toml, business_hours",
            fix='Give the ISO code, such as country = "US", region = "CA", or leave them out.',
        ) from None


def calendars(settings: Settings, clients: list[str], first: dt.date, last: dt.date) -> dict[str, WorkingTime]:
    """Business hours of each client: its own, or those of all."""
    own = {name: client.business_hours for name, client in settings.clients.items() if name in clients}
    shared = working_time(settings.business_hours, settings.time_zone, first, last)
    made = {name: working_time(hours, settings.time_zone, first, last) for name, hours in own.items() if hours}
    return dict.fromkeys(clients, shared) | made


def timed_work(work: Workspace) -> pd.DataFrame:
    """Reactive entries on days in service: client, worked_on, hours, start, end, business_hours.

    Start and end are in hours since 1970 UTC; an entry lasts from its start for its hours. Without a start, or
    with one at midnight to the second (a date without a clock), it has no place in the day: NaN.
    """
    columns = ["client", "worked_on", "started_at", "hours"]
    table = to_pandas(counted_entries(work).select(*columns)).sort_values(columns, ignore_index=True)
    table["start"], table["business_hours"] = np.nan, np.nan
    known = table["started_at"].notna() & (table["started_at"] != table["started_at"].dt.normalize())
    table.loc[known, "start"] = instants(table.loc[known, "started_at"], work.settings.time_zone)
    table["end"] = table["start"] + table["hours"]
    if known.any():
        first, last = table.loc[known, "started_at"].agg(["min", "max"])
        until = last + pd.Timedelta(hours=float(table["hours"].max()) + 48)
        names = table["client"].unique().tolist()
        made = calendars(work.settings, names, first.date() - dt.timedelta(days=2), until.date())
        for client, own in table[known].groupby("client"):
            table.loc[own.index, "business_hours"] = made[str(client)].between(*own[["start", "end"]].to_numpy().T)
    return table.drop(columns="started_at")


@dataclass(frozen=True)
class BusinessShare:
    """Reactive hours inside business hours.

    Attributes
    ----------
    table : DataFrame, indexed by client
        reactive_hours, timed_hours (with a start), business_hours, share (of the timed), minutes_lost (of the
        working day per endpoint and month, all hours taken to fall as the timed ones).
    hours : str
        What business hours are.
    total : Series
        The same of all clients.
    """

    table: pd.DataFrame
    hours: str
    total: pd.Series

    @property
    def text(self) -> str:
        """The share and the minutes of the working day, with what is assumed."""
        if not self.total["timed_hours"] > 0:
            return "No reactive entry says at what time it began, so none can be placed in the working day."
        timed = self.total["timed_hours"] / self.total["reactive_hours"]
        return (
            f"{self.total['share']:.0%} of the reactive hours fell into business hours ({self.hours}): "
            f"{self.total['minutes_lost']:.1f} minutes of the working day per endpoint and month. "
            f"{timed:.0%} of the hours have a start; the rest is taken to fall as they do."
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded, most minutes first."""
        table = self.table.round(1).assign(share=self.table["share"].round(3))
        return table.sort_values("minutes_lost", ascending=False)


def business_share(work: Workspace, panel: pd.DataFrame) -> BusinessShare:
    """Return the share of reactive hours inside business hours, and minutes of the working day lost.

    Parameters
    ----------
    work : Workspace
    panel : DataFrame
        From `measure`; only months with exposure count, as in RHEM.

    Raises
    ------
    SettingsError
        There is no calendar of holidays for the country or region.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> rhem.metric.business_share(work, rhem.measure(work)).table["share"].between(0, 1).all().item()
    True
    """
    rows, exposed = timed_work(work), panel[panel["exposure"] > 0]
    rows["month"] = rows["worked_on"].dt.to_period("M").dt.to_timestamp().astype(exposed["month"].dtype)
    rows["timed_hours"] = rows["hours"].where(rows["start"].notna())
    rows = rows.merge(exposed[["client", "month"]])
    sums = rows.groupby("client")[["timed_hours", "business_hours"]].sum()
    served = exposed.groupby("client")[["reactive_hours", "exposure"]].sum()
    table = _with_share(served.join(sums).fillna(0.0))
    total = _with_share(table.drop(columns=["share", "minutes_lost"]).sum().to_frame().T).iloc[0]
    return BusinessShare(table.drop(columns="exposure"), _words(work.settings.business_hours), total)


def _with_share(table: pd.DataFrame) -> pd.DataFrame:
    share = table["business_hours"] / table["timed_hours"].where(table["timed_hours"] > 0)
    return table.assign(share=share, minutes_lost=60 * share * table["reactive_hours"] / table["exposure"])


def _words(hours: BusinessHours) -> str:
    free = f"without public holidays of {' '.join(filter(None, (hours.country, hours.region)))}"
    days = " ".join(hours.days)
    return f"{days} {hours.opens:%H:%M} to {hours.closes:%H:%M}, {free if hours.country else 'holidays not known'}"
