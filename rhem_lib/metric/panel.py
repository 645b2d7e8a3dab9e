"""The client-month panel: exposure, reactive hours, RHEM, and what to know about each row.

Definitions (METRIC_VERSION 2): RHEM = reactive hours / exposure, in hours per endpoint per month; exposure =
mean endpoints of the month x share of the month in service. Several months or clients are pooled: sum of hours
over sum of exposure. The heavy half (entries to client-months) is written once in narwhals, frame in, frame
out; from the panel on everything is pandas.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import NotEnoughData, one_of
from rhem_lib.metric.endpoint_lists import first_days, month_number, monthly_endpoints
from rhem_lib.metric.exposure import (
    Window,
    row_flags,
    service_months,
    service_windows,
    with_billing,
    with_coverage,
    with_endpoints,
    with_exposure,
)
from rhem_lib.metric.intervals import hour_limits
from rhem_lib.settings import Preset, Settings
from rhem_lib.workspace import Workspace, alongside, to_pandas

SUMMED = ["exposure", "reactive_hours", "unclassified_hours", "reactive_tickets", "squared_hours"]
POOLED = ["exposure", "reactive_hours", "rhem_h", "low", "high", "rhem_high_h", "mean_client_rhem_h"]


def measure(work: Workspace, *, preset: Preset | None = None) -> pd.DataFrame:
    """Panel of a workspace: one row per client and month (schema.Panel).

    Parameters
    ----------
    work : Workspace
        From `load`, or from `from_frames`: pandas, polars, DuckDB or Spark frames.
    preset : str, optional
        What counts as reactive; the workspace's own by default.

    Returns
    -------
    DataFrame
        rhem_h [hours per endpoint per month] is NaN, never 0, where exposure is 0.

    Raises
    ------
    NotEnoughData
        No time entry could be used.
    """
    entries = work.time_entries if preset is None else work.classified(preset)
    window = coverage(entries, work.settings)
    service = service_windows(work.clients, window)
    hours = monthly_hours(entries, service)
    panel = service_months(service, window).merge(hours, on=["client", "month"], how="outer")
    panel = panel[panel["client"].isin(work.clients["client"])]
    panel = with_endpoints(panel, monthly_endpoints(work.endpoints, work.settings), work)
    panel = with_exposure(with_coverage(panel.merge(service, on="client"), days_worked(entries), window))
    panel = with_billing(panel, work.agreements)
    panel["flags"] = row_flags(panel, work.clients)
    return schema.check(panel.sort_values(["client", "month"], ignore_index=True), "panel")


def coverage(entries: Any, settings: Settings) -> Window:
    """First and last day that the export covers."""
    days = nw.from_native(entries).select(
        nw.col("worked_on").min().alias("a"), nw.col("worked_on").max().alias("b")
    )
    first, last = to_pandas(days).iloc[0]
    if pd.isna(first):
        raise NotEnoughData("no time entry could be used.", fix="`rhem check` lists what was set aside, and why.")
    until = settings.limits.data_until
    return pd.Timestamp(first), min(pd.Timestamp(last), pd.Timestamp(until)) if until else pd.Timestamp(last)


def days_worked(entries: Any) -> pd.Series:
    """Return the number of days with entries, per month: how much of the month arrived."""
    days = nw.from_native(entries).lazy().select("worked_on").unique()
    days = days.with_columns(month=month_number("worked_on")).group_by("month").agg(nw.len().alias("days"))
    return first_days(to_pandas(days)).set_index("month")["days"]


def in_service(entries: Any, service: Any) -> tuple[nw.LazyFrame, nw.Expr]:
    """Entries of the clients with month and head (the ticket that counts), and whether the day is in service."""
    work = nw.from_native(entries).lazy().join(nw.from_native(service).lazy(), on="client", how="inner")
    inside = (nw.col("worked_on") >= nw.col("start")) & (nw.col("worked_on") < nw.col("stop"))
    head = nw.coalesce(nw.col("parent_id"), nw.col("ticket_id"))
    return work.with_columns(month=month_number("worked_on"), head=head), inside


def counted_entries(work: Workspace) -> nw.LazyFrame:
    """Reactive entries on days in service, with month and head: what the panel's reactive_hours are the sum of."""
    entries = work.time_entries
    service = service_windows(work.clients, coverage(entries, work.settings))
    rows, inside = in_service(entries, alongside(entries, service))
    return rows.filter((nw.col("work_class") == "reactive") & inside)


def monthly_hours(entries: Any, service: pd.DataFrame) -> pd.DataFrame:
    """Hours and reactive tickets per client and month; a frame of any engine in, a pandas frame out.

    Reactive hours count on days in service; those outside are kept apart as `outside_hours`. A ticket counts
    once, in the month of its first reactive hour, and a child counts with its parent; `squared_hours` is the sum
    over these tickets of their hours squared, an entry without a ticket standing alone.
    """
    numbered = service.reset_index(drop=True).rename_axis("number").reset_index()
    work, inside = in_service(entries, alongside(entries, numbered))
    is_reactive, is_open = nw.col("work_class") == "reactive", nw.col("work_class") == "unclassified"
    counted, loose = is_reactive & inside, nw.col("head").is_null()
    sums = {
        "reactive_hours": nw.when(counted).then(nw.col("hours")).otherwise(0.0),
        "outside_hours": nw.when(is_reactive & ~inside).then(nw.col("hours")).otherwise(0.0),
        "unclassified_hours": nw.when(is_open & inside).then(nw.col("hours")).otherwise(0.0),
        "loose_squares": nw.when(counted & loose).then(nw.col("hours") * nw.col("hours")).otherwise(0.0),
    }
    totals = work.with_columns(**sums).group_by("number", "month")
    hours = to_pandas(totals.agg(*(nw.col(name).sum() for name in sums), nw.len().alias("entries")))
    tickets = work.filter(counted, ~loose).with_columns(
        first=nw.when(nw.col("hours") > 0).then(nw.col("worked_on"))
    )
    tickets = tickets.group_by("number", "head").agg(nw.col("first").min(), nw.col("hours").sum())
    squares = tickets.filter(~nw.col("first").is_null()).with_columns(
        month=month_number("first"), squares=nw.col("hours") * nw.col("hours")
    )
    counts = squares.group_by("number", "month").agg(
        nw.len().alias("reactive_tickets"), nw.col("squares").sum().alias("ticket_squares")
    )
    table = hours.merge(to_pandas(counts), on=["number", "month"], how="left").fillna({"ticket_squares": 0.0})
    table["squared_hours"] = table["loose_squares"] + table["ticket_squares"]
    return first_days(table.assign(client=numbered["client"].to_numpy()[table.pop("number")]))


def reactive_entries(work: Workspace, client: str) -> pd.DataFrame:
    """Reactive time entries of one client, with what their tickets say about them."""
    columns = (
        "worked_on",
        "started_at",
        "hours",
        "ticket_id",
        "type",
        "category",
        "subcategory",
        "device_id",
        "source",
    )
    rows = nw.from_native(work.time_entries).filter(nw.col("work_class") == "reactive", nw.col("client") == client)
    return to_pandas(rows.select(*columns)).sort_values(["worked_on", "ticket_id", "hours"], ignore_index=True)


def pooled_rhem(panel: pd.DataFrame, by: str | Sequence[str] | None = None) -> Any:
    """Pooled RHEM, sum of hours over sum of exposure, in hours per endpoint per month.

    Parameters
    ----------
    panel : DataFrame
        From `measure`; months without exposure are left out, hours and all.
    by : str or list of str, optional
        Columns to group by; `quarter` and `year` are understood. An empty list gives one row for everything.

    Returns
    -------
    float, or DataFrame with the groups, exposure, reactive_hours, rhem_h with its 95 % interval low to high
    (chance of how many tickets come and how long they take: `interval.hour_limits`), rhem_high_h (all
    unclassified hours counted) and mean_client_rhem_h (the mean of client RHEMs, which gives a small client the
    weight of a large one).
    """
    exposed = panel[panel["exposure"] > 0]
    if by is None:
        return float(exposed["reactive_hours"].sum() / exposed["exposure"].sum()) if len(exposed) else float("nan")
    names = [by] if isinstance(by, str) else list(by)
    periods = {"quarter": "Q", "year": "Y"}
    exposed = exposed.assign(
        **{n: exposed["month"].dt.to_period(p).astype(str) for n, p in periods.items() if n in names}
    )
    for name in names:
        one_of(name, [*exposed, *periods], "by")
    parts = exposed.groupby([*names, *(["client"] if "client" not in names else [])], dropna=False)[SUMMED].sum()
    parts["mean_client_rhem_h"] = parts["reactive_hours"] / parts["exposure"]
    groups = parts.groupby(names, dropna=False) if names else parts.groupby(np.zeros(len(parts)))
    table = groups[SUMMED].sum()
    table["rhem_h"] = table["reactive_hours"] / table["exposure"]
    limits = hour_limits(parts.reset_index(), exposed, names)
    table["low"], table["high"] = (
        limits[f"{end}_hours"].to_numpy() / table["exposure"] for end in ("low", "high")
    )
    table["rhem_high_h"] = (table["reactive_hours"] + table["unclassified_hours"]) / table["exposure"]
    table["mean_client_rhem_h"] = groups["mean_client_rhem_h"].mean()
    return table.reset_index()[[*names, *POOLED]]
