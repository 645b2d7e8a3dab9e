"""Why RHEM moved between two periods: exact parts of the change, which add up to the whole.

A product a * b changes by (change of a) * (mean of b) + (change of b) * (mean of a), without a remainder and
without an order of the two.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.errors import NotEnoughData, ParameterError, one_of
from rhem_lib.metric.causes import ALARM, chance_of_rise

SHOWN = 3


@dataclass(frozen=True)
class Moved:
    """The change of RHEM between two periods and its parts, in hours per endpoint per month.

    Attributes
    ----------
    table : DataFrame, indexed by period
        exposure, reactive_hours, tickets, rhem_h, tickets_per_endpoint, hours_per_ticket.
    causes : DataFrame, indexed by cause, largest change first
        before_h, after_h, by_tickets, by_hours_per_ticket, change, and rise_p: the chance of such a rise in
        tickets if none rose, corrected for looking at many. The changes add up to that of RHEM.
    clients : DataFrame, indexed by client
        before_h, after_h, within (the client's own change), mix (its share of the endpoints, joining and leaving),
        change. They add up to that of RHEM.
    parts : Series
        tickets_per_endpoint and hours_per_ticket; for several clients also within and mix; change. Each pair adds
        up to the change.
    """

    table: pd.DataFrame
    causes: pd.DataFrame
    clients: pd.DataFrame
    parts: pd.Series
    client: str | None

    @property
    def text(self) -> str:
        """The change and its parts, in minutes."""
        (before, then), (after, now) = self.table["rhem_h"].items()
        if before == after:
            return f"The data hold {after} alone, with which nothing can be compared."
        minutes = 60 * self.parts
        mix = (
            f" Clients themselves changed it by {minutes['within']:+.1f}, and who is a client, with how many "
            f"endpoints, by {minutes['mix']:+.1f}."
            if self.client is None
            else ""
        )
        top = ", ".join(f"{name} {60 * change:+.1f}" for name, change in self.causes["change"].head(SHOWN).items())
        rose = ", ".join(self.causes.index[self.causes["rise_p"] <= ALARM])
        alarm = f"Tickets rose beyond chance in {rose}" if rose else "No cause rose beyond chance in tickets"
        return (
            f"From {before} to {after}, {self.client or 'the portfolio'} went from {60 * then:.1f} to "
            f"{60 * now:.1f} minutes per endpoint and month: {minutes['change']:+.1f}, "
            f"{minutes['tickets_per_endpoint']:+.1f} of it by the number of tickets and "
            f"{minutes['hours_per_ticket']:+.1f} by the time for each.{mix} Most of it: {top}. {alarm} (corrected "
            f"for looking at {len(self.causes)})."
        )

    def summary(self) -> pd.DataFrame:
        """The causes in minutes per endpoint and month, rounded."""
        table = (60 * self.causes.drop(columns="rise_p")).round(2).assign(rise_p=self.causes["rise_p"].round(4))
        return table.rename(columns={"before_h": "before", "after_h": "after"})


def why_moved(
    panel: pd.DataFrame, causes: pd.DataFrame, *, before: str, after: str, client: str | None = None
) -> Moved:
    """Return exact parts of the change of RHEM from one period to another.

    Parameters
    ----------
    panel, causes : DataFrame
        From `measure` and `cause_months`.
    before, after : str
        Periods such as '2026Q1', '2026' or '2026-03'.
    client : str, optional
        One client alone; all together by default.

    Raises
    ------
    ParameterError
        A period cannot be read, or the client is not in the panel.
    NotEnoughData
        No exposure in one of the periods.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> panel, causes = rhem.measure(work), rhem.metric.cause_months(work)
    >>> moved = rhem.metric.why_moved(panel, causes, before="2025Q2", after="2026Q2")
    >>> abs(float(moved.causes["change"].sum() - moved.parts["change"])) < 1e-9
    True
    """
    if client is not None:
        one_of(client, panel["client"].unique(), "client")
    own = panel if client is None else panel[panel["client"] == client]
    own = own[own["exposure"] > 0]
    spans = [own[_within(own["month"], period)] for period in (before, after)]
    for period, span in zip((before, after), spans, strict=True):
        if span.empty:
            raise NotEnoughData(f"no endpoint was in service in {period}.", where=client or "")
    sums = [span[["exposure", "reactive_hours", "reactive_tickets"]].sum() for span in spans]
    table = pd.DataFrame(sums, index=[before, after]).rename(columns={"reactive_tickets": "tickets"})
    hours, tickets = table["reactive_hours"], table["tickets"]
    table["rhem_h"], table["tickets_per_endpoint"] = hours / table["exposure"], tickets / table["exposure"]
    table["hours_per_ticket"] = hours / tickets.where(tickets > 0)
    by_cause = _causes([causes.merge(span[["client", "month"]]) for span in spans], table["exposure"])
    by_client = _clients(*(span.groupby("client")[["exposure", "reactive_hours"]].sum() for span in spans))
    numbers, times = split(*(table[c].to_numpy()[:, None] for c in ("tickets_per_endpoint", "rhem_h")))
    parts = {"tickets_per_endpoint": numbers[0], "hours_per_ticket": times[0]}
    if client is None:
        parts |= by_client[["within", "mix"]].sum()
    parts["change"] = table["rhem_h"].iloc[1] - table["rhem_h"].iloc[0]
    return Moved(table, by_cause, by_client, pd.Series(parts), client)


def last_periods(panel: pd.DataFrame) -> tuple[str, str]:
    """Return the same quarter a year ago (or the first) and the last one; months where there is one quarter.

    Parameters
    ----------
    panel : DataFrame
        From `measure`.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.metric.last_periods(rhem.measure(rhem.load("data/sample")))
    ('2025Q2', '2026Q2')
    """
    months = panel.loc[panel["exposure"] > 0, "month"]
    exposed = pd.PeriodIndex(months, freq="Q" if months.dt.to_period("Q").nunique() > 1 else "M")
    if exposed.freqstr == "M":
        return str(exposed.min()), str(exposed.max())
    return str(max(exposed.max() - 4, exposed.min())), str(exposed.max())


def split(tickets: np.ndarray, rhem: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the change of rhem = tickets per endpoint x hours per ticket into that by the one and by the other.

    Parameters
    ----------
    tickets, rhem : arrays (2, any number)
        Tickets and hours per endpoint; rows are the two periods.

    Notes
    -----
    Where one period has no ticket, its hours per ticket are taken to be the other's; where neither has one, the
    change is one of hours (of work on older tickets).

    Examples
    --------
    >>> [part.tolist() for part in split(np.array([[1.0], [2.0]]), np.array([[0.5], [1.0]]))]
    [[0.5], [0.0]]
    """
    each = np.divide(rhem, tickets, out=np.full(rhem.shape, np.nan), where=tickets > 0)
    each = np.where(np.isnan(each), each[::-1], each)
    by_tickets = np.nan_to_num((tickets[1] - tickets[0]) * each.mean(axis=0))
    return by_tickets, rhem[1] - rhem[0] - by_tickets


def _within(months: pd.Series, period: str) -> pd.Series:
    try:
        span = pd.Period(period)
    except ValueError:
        raise ParameterError(f"'{period}' is not a period.", fix="Write it as 2026Q3, 2026 or 2026-07.") from None
    return (months >= span.start_time) & (months <= span.end_time)


def _causes(spans: list[pd.DataFrame], exposure: pd.Series) -> pd.DataFrame:
    sums = [span.groupby("cause")[["hours", "tickets"]].sum() for span in spans]
    names = sums[0].index.union(sums[1].index)
    both = [part.reindex(names, fill_value=0.0).div(e) for part, e in zip(sums, exposure, strict=True)]
    rhem, tickets = (np.array([part[column] for part in both]) for column in ("hours", "tickets"))
    table = pd.DataFrame({"before_h": rhem[0], "after_h": rhem[1]}, index=names.rename("cause"))
    table["by_tickets"], table["by_hours_per_ticket"] = split(tickets, rhem)
    table["change"] = table["after_h"] - table["before_h"]
    months = [span.pivot_table(index="cause", columns="month", values="tickets", aggfunc="sum", fill_value=0)
              .reindex(names, fill_value=0) for span in spans]  # fmt: skip
    table["rise_p"] = chance_of_rise(months[1], months[0], exposure.iloc[1], exposure.iloc[0])
    return table.sort_values("change", key=abs, ascending=False)


def _clients(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Each client's own change and the effect of its share, against the mean level of both periods."""
    level = np.mean([part["reactive_hours"].sum() / part["exposure"].sum() for part in (before, after)])
    names = before.index.union(after.index)
    sizes = (part["exposure"] / part["exposure"].sum() for part in (before, after))
    share = [size.reindex(names, fill_value=0.0) for size in sizes]
    rhem = [(part["reactive_hours"] / part["exposure"]).reindex(names) for part in (before, after)]
    table = pd.DataFrame({"before_h": rhem[0], "after_h": rhem[1]})
    table["within"] = ((share[0] + share[1]) / 2 * (rhem[1] - rhem[0])).fillna(0.0)
    typical = table[["before_h", "after_h"]].mean(axis=1)
    table["mix"] = (share[1] - share[0]) * (typical - level)
    table["change"] = table["within"] + table["mix"]
    return table.sort_values("change", key=abs, ascending=False)
