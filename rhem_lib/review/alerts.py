"""Between quarters: clients clearly above their expected path, causes that rose, and data that stopped.

Every client is looked at every month, so each look is held to a chance so small that all of them together give at
most one false alarm for 20 clients in a year (`benchmarks/alerts_accuracy.py` measures it).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.language import count, mark, month, month_span, number, speaking, t
from rhem_lib.metric import NOT_RECORDED, cause_table, measure, reactive_entries, why_unmeasured
from rhem_lib.review.facts import PREDICTION, plain_cause
from rhem_lib.schema import has_flag, last_whole
from rhem_lib.workspace import Workspace

YEARLY = 1 / 20  # false alarms a client
# What is watched, with the chance of a false alarm that each look may have, over one month and over two; with
# CAUSE they sum to 0.0035, below 1/240. A doubling of hours per ticket is hardest to see and has most of it.
WATCHED = {
    "tickets": (0.0001, 0.0009),
    "hours per ticket": (0.0001, 0.0015),
    "hours": (0.0001, 0.0005),
}
CAUSE = 0.0003  # of one client's causes together
CAUSE_MONTHS = 12  # before the month, to compare a cause with
LEAST_TICKETS = 5  # of a client's month; its causes are then looked at
SILENT = 0.001  # chance of a month without any hours, below which they are missing
COLUMNS = ["client", "month", "kind", "what", "months", "value", "expected", "low", "high", "chance", "text"]
SENTENCES = {
    "tickets": mark("{client}: {value} tickets in {span}; {low} to {high} were expected"),
    "hours per ticket": mark("{client}: {value} minutes a ticket in {span}; {low} to {high} were expected"),
    "hours": mark("{client}: {value} minutes per computer and month in {span}; {low} to {high} were expected"),
}
GONE = {  # flags of the panel
    "coverage-gap": mark("{names}: the time entries of {span} are missing, or nearly all of them"),
    "thin-month": mark("{names}: the time entries of {span} are far fewer than usual"),
    "carried-endpoints": mark("{names}: no list of computers of {span}; without one, months soon have no figure"),
    "no-endpoints": mark("{names}: no list of computers of {span}, which has no figure without one"),
    "silent": mark("{names}: no hours at all in {span}, which is not likely: is their work recorded elsewhere?"),
}
NAMED = 5  # clients in one sentence


@dataclass(frozen=True)
class Alerts:
    """What needs a look before the next review.

    Attributes
    ----------
    table : DataFrame
        client (empty: all of them), month, kind (above, cause, stopped), what (tickets, hours per ticket, hours, a
        cause, or a flag of the panel), months (taken together), value and expected with low and high (90%
        prediction interval; minutes for hours), chance (of such a value if nothing had changed), text.
    month : Timestamp
    watched : int
        Clients with an expected path.
    """

    month: pd.Timestamp
    table: pd.DataFrame
    watched: int
    language: str = "en"

    @property
    def text(self) -> str:
        """A line for each, and how many were looked at."""
        return "\n".join([self.title, *self.table["text"]])

    @property
    def title(self) -> str:
        """How many clients were looked at, and how many false alarms that gives."""
        with speaking(self.language):
            every = number(12 / (YEARLY * max(self.watched, 1)))
            given = {
                "month": month(self.month),
                "alerts": count(len(self.table), "{n} alert", "{n} alerts"),
                "watched": self.watched,
                "every": every,
            }
            return t("{month}: {alerts}; {watched} clients were looked at, which by chance gives one "
                     "false alarm in {every} months or more.", **given)  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """One object for scripts: month, watched, alerts."""
        rows = self.table.assign(month=self.table["month"].astype(str).str[:7]).astype(object)
        records = rows.where(rows.notna(), None).to_dict("records")
        return {"month": f"{self.month:%Y-%m}", "watched": self.watched, "alerts": records}

    def summary(self) -> pd.DataFrame:
        """Return the table without sentences, rounded."""
        numbers = dict.fromkeys(["value", "expected", "low", "high"], 1)
        return self.table.drop(columns="text").astype(dict.fromkeys(numbers, float)).round(numbers)


def find_alerts(work: Workspace, when: str = "") -> Alerts:
    """Return what needs a look in a month: clients above their path, causes that rose, data that stopped.

    Parameters
    ----------
    work : Workspace
    when : str
        Such as 2026-06; by default the last month that the data cover to its end, but for a few days.

    Raises
    ------
    ParameterError
        It is not a month.
    NotEnoughData
        The data do not reach so far.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> find_alerts(rhem.load("data/sample"), "2026-06").watched  # doctest: +SKIP
    28
    """
    this = _month(work, when)
    panel = measure(work)
    panel = panel[panel["month"] <= this]
    if panel.empty or panel["month"].max() < this:
        raise NotEnoughData(f"there are no time entries in {this:%Y-%m}.", fix="Put that month's export in place.")
    measured = panel[why_unmeasured(panel, work.clients) == ""]
    with speaking(work.settings.language):
        above, silent, watched = above_path(measured, this)
        rose = dict(_causes(work, panel, this))
        found = [*_above(above, rose, this), *_rose(rose, this), *_stopped(panel, silent, this)]
    table = pd.DataFrame(found, columns=COLUMNS).sort_values(["kind", "chance"], kind="stable", ignore_index=True)
    return Alerts(this, table, watched, work.settings.language)


def _month(work: Workspace, when: str) -> pd.Timestamp:
    if not when:
        return last_whole(work.last_day, "M").start_time
    try:
        return pd.Period(pd.to_datetime(when, format="%Y-%m"), "M").start_time
    except ValueError:
        raise ParameterError(f"'{when}' is not a month.", where="--month", fix="Write it like 2026-06.") from None


def above_path(panel: pd.DataFrame, this: pd.Timestamp) -> tuple[pd.DataFrame, list[str], int]:
    """Return the clients whose month, or last two months together, lie above what the months before foretell.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
    this : Timestamp
        First day of the month.

    Returns
    -------
    DataFrame
        client, what, months, value, expected, low, high, chance, exposure: of each client the surest.
    list of str
        Clients without any hours, which their path nearly rules out.
    int
        Clients with a path.
    """
    served = panel[panel["exposure"] > 0]
    first = this - pd.DateOffset(months=1)
    rows, silent, watched = [], [], 0
    for what, limits in WATCHED.items():
        seen = _as_seen(served, what)
        late = seen[seen["month"] >= first]
        coming = late[late["client"].isin(late.loc[late["month"] == this, "client"])]
        draws = DecayFit.coming_draws(seen[seen["month"] < first], coming)
        for client, places in coming.reset_index(drop=True).groupby("client").groups.items():
            own, drawn = coming.iloc[places], draws[:, places]
            if not np.isfinite(drawn).all():
                continue
            watched += what == "hours"
            rows += [
                {"client": client, "what": what, "months": n} | tried
                for n, limit in zip((1, 2), limits, strict=True)
                if len(own) >= n and (tried := _compared(own[-n:], drawn[:, -n:]))["chance"] <= limit
            ]
            if what == "hours" and own["reactive_hours"].iloc[-1] == 0 and (drawn[:, -1] == 0).mean() <= SILENT:
                silent.append(str(client))
    found = pd.DataFrame(rows, columns=["client", *COLUMNS[3:-1], "exposure"]).sort_values("chance", kind="stable")
    return found.drop_duplicates("client").sort_values("client", ignore_index=True), silent, watched


def _as_seen(panel: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the panel with what is watched in the place of hours per computer."""
    tickets = panel["reactive_tickets"].astype(float)
    if what == "tickets":
        return panel.assign(reactive_hours=tickets)
    return panel.assign(exposure=tickets)[tickets > 0] if what == "hours per ticket" else panel


def _compared(months: pd.DataFrame, draws: Any) -> dict[str, float]:
    """Compare some months, taken together, with draws of them."""
    weight = months["exposure"].to_numpy(float)
    drawn = np.average(draws, axis=1, weights=weight)
    value = float(months["reactive_hours"].sum() / weight.sum())
    low, high = np.quantile(drawn, PREDICTION).tolist()
    chance = float((1 + (drawn >= value).sum()) / (len(drawn) + 1))
    return {"value": value, "expected": float(np.median(drawn)), "low": low, "high": high, "chance": chance,
            "exposure": float(weight.sum())}  # fmt: skip


def _above(above: pd.DataFrame, rose: dict[str, pd.Series], this: pd.Timestamp) -> Iterator[dict[str, Any]]:
    """A row for each client above its path, with the cause that rose, which then has no row of its own."""
    for row in above.to_dict("records"):
        exposure = row.pop("exposure")
        unit = exposure if row["what"] == "tickets" else 60.0
        row |= {name: row[name] * unit for name in ("value", "expected", "low", "high")}
        span = _span(this - pd.DateOffset(months=row["months"] - 1), this)
        given = {"span": span} | {name: row[name] for name in ("client", "value", "low", "high")}
        sentence, cause = SENTENCES[row["what"]], rose.pop(row["client"], None)
        more = "" if cause is None else f"; {_cause(cause)}"
        yield row | {"month": this, "kind": "above", "text": f"{t(sentence, **given)}{more}."}


def _span(first: pd.Timestamp, last: pd.Timestamp) -> str:
    return month(last) if first == last else f"{month_span(first, last)} {last.year}"


def _causes(work: Workspace, panel: pd.DataFrame, this: pd.Timestamp) -> Iterator[tuple[str, pd.Series]]:
    """Of each client in service the cause that rose beyond chance, against the year before."""
    since = this - pd.DateOffset(months=CAUSE_MONTHS)
    served = panel[(panel["exposure"] > 0) & (panel["month"] >= since)]
    for client, own in served.groupby("client"):
        now = own["month"] == this
        if not now.any() or now.all() or own.loc[now, "reactive_tickets"].iloc[0] < LEAST_TICKETS:
            continue
        found = rising_cause(reactive_entries(work, str(client)), own, this)
        if found is not None:
            yield str(client), found


def rising_cause(entries: pd.DataFrame, own: pd.DataFrame, this: pd.Timestamp) -> pd.Series | None:
    """Return the row of `cause_table` of the cause that rose beyond chance, with its usual number of tickets.

    `entries` are the client's reactive ones, `own` its months with a figure: this one and those before it.
    """
    months = entries["worked_on"].dt.to_period("M").dt.to_timestamp()
    now, before = own["month"] == this, own.loc[own["month"] != this, "month"]
    exposure = float(own.loc[now, "exposure"].sum())
    after, earlier = entries[months == this], entries[months.isin(before)]
    table = cause_table(after, earlier, exposure, float(own.loc[~now, "exposure"].sum()))
    table = table[table["rose"] & (table["rise_p"] <= CAUSE) & (table["name"] != NOT_RECORDED)]
    if table.empty:
        return None
    first = table.sort_values("rise_p").iloc[0]
    return pd.concat([first, pd.Series({"usual": first["rate_before"] * exposure})])


def _cause(row: pd.Series) -> str:
    name = plain_cause(row["name"])
    return t("{cause} rose: {n} tickets, usual {usual}", cause=name, n=row["problems"], usual=row["usual"])


def _rose(rose: dict[str, pd.Series], this: pd.Timestamp) -> Iterator[dict[str, Any]]:
    for client, row in rose.items():
        text = t("{client}: {cause} in {span}.", client=client, cause=_cause(row), span=month(this))
        yield {"client": client, "month": this, "kind": "cause", "what": row["name"], "months": 1, "text": text,
               "value": row["problems"], "expected": row["usual"], "chance": row["rise_p"]}  # fmt: skip


def _stopped(panel: pd.DataFrame, silent: list[str], this: pd.Timestamp) -> Iterator[dict[str, Any]]:
    """A row for each kind of data that stopped, with the clients of whom it did."""
    now = panel[panel["month"] == this]
    for flag, message in GONE.items():
        names = silent if flag == "silent" else now.loc[has_flag(now, flag), "client"].tolist()
        if names:
            more = [t("{n} more", n=len(names) - NAMED)] if len(names) > NAMED else []
            text = t(message, names=", ".join([*names[:NAMED], *more]), span=month(this))
            client = names[0] if len(names) == 1 else ""
            yield {"client": client, "month": this, "kind": "stopped", "what": flag, "months": 1,
                   "value": float(len(names)), "text": f"{text}."}  # fmt: skip
