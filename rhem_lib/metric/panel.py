"""The client-month panel: exposure, reactive hours, RHEM, and what to know about each row.

Definitions (METRIC_VERSION 2): RHEM = reactive hours / exposure, in hours per endpoint per month;
exposure = mean endpoints of the month x share of the month in service. The heavy half (entries to
client-months) is written once in narwhals, frame in, frame out; from there on, a row per client and
month, everything is pandas.
"""

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import NotEnoughData, SettingsError, one_of
from rhem_lib.language import mark
from rhem_lib.metric.endpoint_lists import monthly_endpoints
from rhem_lib.metric.measured import confirmed_zero
from rhem_lib.schema import DAYS_PER_MONTH
from rhem_lib.settings import Preset
from rhem_lib.workspace import (
    COLLAPSE,
    COVERED,
    USUAL_ENTRIES,
    Workspace,
    alongside,
    first_days,
    kept,
    month_number,
    to_pandas,
)

NEARLY_NONE = 0.1  # share of the usual entries, below which what arrived is a rest, as a second system's
WHOLE = 20  # days of a month within the data, from which it says what is usual
OWN_ENTRIES = 20  # usual entries of a client, from which a month of it without any is missing and not quiet
FEWEST_DAYS = 6  # usual working days a month, below which a month is not judged by its days
COUNTED = ("reactive_hours", "outside_hours", "unclassified_hours", "reactive_tickets", "squared_hours", "entries")
NOT_RECORDED = mark("Not recorded")
SINGLE = ("entry_id", "ticket_id", "parent_id", "client", "source_row")  # of entries; too fine to measure by
PLANNED = ["scheduled", "project"]
PARTS = ("reactive_hours", "reactive_tickets", "unclassified_hours", "squared_hours")
Window = tuple[pd.Timestamp, pd.Timestamp]


def measure(work: Workspace, *, preset: Preset | None = None, by: str | None = None) -> pd.DataFrame:
    """Return the panel of a workspace: one row per client and month (schema.Panel).

    Parameters
    ----------
    work : Workspace
        From `load`, or from `from_frames`: pandas, polars, DuckDB or Spark frames.
    preset : str, optional
        What counts as reactive; the workspace's own by default.
    by : str, optional
        A column of the clients (industry, or any other of clients.csv), which each row then has; or of the time
        entries and their tickets (category, technician, a column that `[keep]` in rhem.toml keeps), by which the
        hours are then split: a row per client, month and value. Exposure stays that of the client, so that the
        parts add up to its RHEM; a value that no two clients share, such as a site, has rows at its client alone.

    Returns
    -------
    DataFrame
        rhem_h [hours per endpoint per month] is NaN, never 0, where exposure is 0. Ask its column of flags by
        `rhem.flagged`: `panel.flags` is an attribute of pandas.

    Raises
    ------
    NotEnoughData
        No time entry could be used.
    ParameterError
        The preset or the column is not known.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> panel = rhem.measure(work)
    >>> panel.loc[panel["exposure"] == 0, "rhem_h"].isna().all().item()
    True
    >>> causes = rhem.measure(work, by="category")
    >>> rhem.pooled_rhem(causes, by=["year", "category"]).columns[:2].tolist()
    ['year', 'category']
    """
    days, entries, window, lost = work.days, work.time_entries, coverage(work), work.uncovered
    if preset is not None:
        entries = work.classified(preset)
        work = replace(work, time_entries=entries)
    service = service_windows(work.clients, window)
    joined = preset is not None or (work.files is None and work.tickets is not None)
    hours = monthly_hours(entries, service, joined=joined)
    panel = service_months(service, window).merge(hours, on=["client", "month"], how="outer")
    panel = panel[panel["client"].isin(work.clients["client"])]
    panel = with_endpoints(panel, monthly_endpoints(work.endpoints, work.settings), work)
    panel = with_coverage(panel.merge(service, on="client"), days_worked(days), window)
    panel = with_exposure(panel, work.clients, lost)
    panel = with_billing(panel, work.agreements)
    panel["flags"] = row_flags(panel, work.clients)
    panel = schema.check(panel.sort_values(["client", "month"], ignore_index=True), "panel")
    return panel if by is None else split_panel(work, panel, by)


def split_panel(work: Workspace, panel: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the panel with a column of the clients, or its hours split by one of the entries; see `measure`."""
    schema_ = nw.from_native(work.time_entries).collect_schema()
    entries = [name for name, kind in schema_.items() if name not in SINGLE and not kind.is_numeric()
               and not kind.is_temporal()]  # fmt: skip
    one_of(by, dict.fromkeys([*work.clients.columns, *panel, *entries]), "by")
    if by in panel:
        return panel
    if by in work.clients:
        return panel.merge(work.clients[["client", by]], on="client", how="left")
    parts = hours_by(work, by)
    parts[by] = parts[by].astype("str").fillna(NOT_RECORDED)
    named = parts[parts[by] != NOT_RECORDED]
    nested = (named.groupby(by)["client"].nunique() <= 1).all()
    values = parts[["client", by]].drop_duplicates() if nested else parts[[by]].drop_duplicates()
    rows = panel.drop(columns=["outside_hours", *PARTS])
    rows = rows.merge(values, on="client") if nested else rows.merge(values, how="cross")
    table = rows.merge(parts, on=["client", "month", by], how="left")
    table[[*PARTS]] = table[[*PARTS]].fillna(0.0)
    exposure = table["exposure"].where(table["exposure"] > 0)
    table["rhem_h"] = table["reactive_hours"] / exposure
    table["rhem_high_h"] = (table["reactive_hours"] + table["unclassified_hours"]) / exposure
    table.insert(2, by, table.pop(by))
    return table.sort_values(["client", "month", by], ignore_index=True)


def coverage(work: Workspace) -> Window:
    """First and last day that the export covers, of the days with entries."""
    first = work.days["worked_on"].min()
    if pd.isna(first):
        raise NotEnoughData("no time entry could be used.", fix="`rhem check` lists what was set aside, and why.")
    return pd.Timestamp(first), work.last_day


def days_worked(days: pd.DataFrame) -> pd.Series:
    """Return the number of days with entries (worked_on, each once), per month: how much of the month arrived."""
    return days.groupby(days["worked_on"].dt.to_period("M").dt.to_timestamp())["worked_on"].size()


def in_service(entries: Any, service: Any) -> tuple[nw.LazyFrame, nw.Expr]:
    """Entries of the clients with month and head (the ticket that counts), and whether the day is in service."""
    work = nw.from_native(entries).lazy().join(nw.from_native(service).lazy(), on="client", how="inner")
    inside = (nw.col("worked_on") >= nw.col("start")) & (nw.col("worked_on") < nw.col("stop"))
    head = nw.coalesce(nw.col("parent_id"), nw.col("ticket_id"))
    return work.with_columns(month=month_number("worked_on"), head=head), inside


def served_entries(work: Workspace) -> nw.LazyFrame:
    """Entries on days in service, with month and head."""
    service = service_windows(work.clients, coverage(work))
    rows, inside = in_service(work.time_entries, alongside(work.time_entries, service))
    return rows.filter(inside)


def counted_entries(work: Workspace) -> nw.LazyFrame:
    """Reactive entries on days in service: what the panel's reactive_hours are the sum of."""
    return served_entries(work).filter(nw.col("work_class") == "reactive")


def hours_by(work: Workspace, *columns: str) -> pd.DataFrame:
    """Return the panel's hours and tickets split by columns of the entries: client, month, the columns, PARTS.

    A ticket counts once, as in the panel: in the month of its first reactive hour, with one value of each column.
    """
    reactive, loose = nw.col("work_class") == "reactive", nw.col("head").is_null()
    hours, keys = nw.col("hours"), ["client", "month", *columns]
    parts = {
        "reactive_hours": (reactive, hours),
        "unclassified_hours": (~reactive, hours),
        "squares": (reactive & loose, hours * hours),
    }
    rows = served_entries(work).filter(nw.col("work_class").is_in(["reactive", "unclassified"]))
    sums = {name: nw.when(which).then(value).otherwise(0.0) for name, (which, value) in parts.items()}
    totals = to_pandas(rows.with_columns(**sums).group_by(*keys).agg(*(nw.col(name).sum() for name in sums)))
    begun = {name: nw.when(hours > 0).then(nw.col(name)) for name in columns} | {
        "first": nw.when(hours > 0).then(nw.col("month"))
    }
    heads = rows.filter(reactive, ~loose).with_columns(**begun).group_by("client", "head")
    tickets = heads.agg(hours.sum(), *(nw.col(name).min() for name in begun))
    tickets = tickets.filter(~nw.col("first").is_null()).rename({"first": "month"})
    sizes = nw.len().alias("reactive_tickets"), nw.col("squares").sum().alias("squared_hours")
    counts = to_pandas(tickets.with_columns(squares=hours * hours).group_by(*keys).agg(*sizes))
    table = totals.merge(counts, on=keys, how="outer").fillna(dict.fromkeys([*PARTS, "squares"], 0.0))
    table["squared_hours"] += table.pop("squares")
    return first_days(table)


def monthly_hours(entries: Any, service: pd.DataFrame, *, joined: bool = False) -> pd.DataFrame:
    """Hours and reactive tickets per client and month; a frame of any engine in, a pandas frame out.

    Reactive hours count on days in service; those outside are kept apart as `outside_hours`. A ticket counts
    once, in the month of its first reactive hour, and a child counts with its parent; `squared_hours` is the sum
    over these tickets of their hours squared, an entry without a ticket standing alone. Entries that are `joined`
    with their tickets whenever they are asked for are asked for once.
    """
    numbered = service[["client", "start", "stop"]].reset_index(drop=True).rename_axis("number").reset_index()
    work, inside = in_service(entries, alongside(entries, numbered))
    reactive, open_ = nw.col("work_class") == "reactive", nw.col("work_class") == "unclassified"
    marks = {"counted": reactive & inside, "outside": reactive & ~inside, "open": open_ & inside}
    rows = work.select(nw.col("number").cast(nw.Int32), "month", "worked_on", "hours", "head", **marks)
    if joined:
        rows = nw.from_native(kept(rows)).lazy()
    counted, loose = nw.col("counted"), nw.col("head").is_null()
    parts = {
        "reactive_hours": (counted, nw.col("hours")),
        "outside_hours": (nw.col("outside"), nw.col("hours")),
        "unclassified_hours": (nw.col("open"), nw.col("hours")),
        "loose_squares": (counted & loose, nw.col("hours") * nw.col("hours")),
    }
    sums = {name: nw.when(which).then(value).otherwise(0.0) for name, (which, value) in parts.items()}
    totals = rows.with_columns(**sums).group_by("number", "month")
    hours = to_pandas(totals.agg(*(nw.col(name).sum() for name in sums), nw.len().alias("entries")))
    first = nw.when(nw.col("hours") > 0).then(nw.col("worked_on"))
    heads = rows.filter(counted, ~loose).with_columns(first=first).group_by("number", "head")
    tickets = heads.agg(nw.col("first").min(), nw.col("hours").sum()).filter(~nw.col("first").is_null())
    squares = tickets.with_columns(month=month_number("first"), squares=nw.col("hours") * nw.col("hours"))
    sizes = nw.len().alias("reactive_tickets"), nw.col("squares").sum().alias("ticket_squares")
    counts = squares.group_by("number", "month").agg(*sizes)
    table = hours.merge(to_pandas(counts), on=["number", "month"], how="left").fillna({"ticket_squares": 0.0})
    table["squared_hours"] = table["loose_squares"] + table["ticket_squares"]
    return first_days(table.assign(client=numbered["client"].to_numpy()[table.pop("number")]))


def reactive_entries(work: Workspace, client: str) -> pd.DataFrame:
    """Return the reactive time entries of one client in service, with what their tickets say about them.

    Parameters
    ----------
    work : Workspace
    client : str

    Returns
    -------
    DataFrame
        worked_on, started_at, hours, ticket_id, type, category, subcategory, device_id, source, first; by day.
        `first` marks one entry of each ticket, its first, with which the panel counts it; a child counts with its
        parent.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.metric.reactive_entries(rhem.load("data/sample"), "Nobody").empty
    True
    """
    rows = counted_entries(work).filter(nw.col("client") == client)
    columns = "worked_on started_at hours ticket_id type category subcategory device_id source head".split()
    table = to_pandas(rows.select(columns)).sort_values(["worked_on", "ticket_id", "hours"], ignore_index=True)
    begun = table["head"].where(table["hours"] > 0).dropna().drop_duplicates()
    return table.assign(first=table.index.isin(begun.index)).drop(columns="head")


def planned_hours(work: Workspace, client: str) -> pd.DataFrame:
    """Return one client's hours of planned work by month, on days in service.

    Parameters
    ----------
    work : Workspace
    client : str

    Returns
    -------
    DataFrame
        scheduled, project; indexed by the first day of the month.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.metric.planned_hours(rhem.load("data/sample"), "Nobody").empty
    True
    """
    rows = served_entries(work).filter(nw.col("client") == client, nw.col("work_class").is_in(PLANNED))
    table = first_days(to_pandas(rows.group_by("client", "month", "work_class").agg(nw.col("hours").sum())))
    planned = table.pivot_table("hours", "month", "work_class", "sum", observed=True).reindex(columns=PLANNED)
    return planned.round(6)  # whatever the order in which the engine adds


def service_windows(clients: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Service within the data: client, start, stop (first day no longer in service), onboarded_on."""
    first, after = window[0], window[1] + pd.Timedelta(days=1)
    start = clients["onboarded_on"].fillna(first).clip(lower=first)
    stop = clients["ended_on"].fillna(after).clip(upper=after)
    return clients[["client", "onboarded_on"]].assign(start=start, stop=stop)


def first_days_of(window: Window) -> pd.DatetimeIndex:
    """First days of the months within the data."""
    return pd.date_range(window[0].to_period("M").to_timestamp(), window[1], freq="MS")


def service_months(service: pd.DataFrame, window: Window) -> pd.DataFrame:
    """All months of each client's service within the data."""
    pairs = service.merge(first_days_of(window).to_frame(name="month"), how="cross")
    overlap = (pairs["month"] < pairs["stop"]) & (pairs["month"] + pd.offsets.MonthBegin(1) > pairs["start"])
    return pairs.loc[overlap, ["client", "month"]].astype({"month": "datetime64[us]"})


def with_endpoints(panel: pd.DataFrame, snapshots: pd.DataFrame, work: Workspace) -> pd.DataFrame:
    """Endpoints of each month; a month without a snapshot takes the last one, a few months old at most.

    Where that is too old as well, the contracted number of clients.csv is used, if rhem.toml says so.
    """
    dated = snapshots.assign(snapshot_month=snapshots["month"]).sort_values("month")
    dated = dated.astype({"client": panel["client"].dtype})  # a type that no list at all does not have
    joined = pd.merge_asof(panel.sort_values("month"), dated, on="month", by="client")
    now, then = joined["month"].dt, joined["snapshot_month"].dt
    age = (now.year - then.year) * 12 + now.month - then.month
    joined["endpoints"] = joined["endpoints"].where(age <= work.settings.limits.carry_forward_months)
    joined["carried"] = ((age > 0) | joined["carried"].eq(True)) & joined["endpoints"].notna()
    joined["contracted"] = False
    if work.settings.contracted_endpoints:
        if "contracted_endpoints" not in work.clients:
            raise SettingsError(
                "contracted endpoints are asked for, but no client has any.",
                where="rhem.toml, contracted_endpoints",
                fix="Give clients.csv a column contracted_endpoints.",
            )
        given = pd.to_numeric(work.clients.set_index("client")["contracted_endpoints"], errors="coerce")
        stand_in = joined["client"].map(given)
        joined["contracted"] = joined["endpoints"].isna() & stand_in.notna()
        joined["endpoints"] = joined["endpoints"].fillna(stand_in)
    return joined.drop(columns="snapshot_month")


def with_coverage(panel: pd.DataFrame, days_worked: pd.Series, window: Window) -> pd.DataFrame:
    """Mark months that the export does not cover (`gap`) or covers thinly (`thin`).

    A month is covered if it has entries on at least a third of the working days usual for this MSP: the median of
    the months that have any, in proportion to the days that the data reach; and if it has a tenth of the usual
    entries a day. A covered month with far fewer than the six months before it is thin.
    """
    months = first_days_of(window)
    ends = months + pd.offsets.MonthBegin(1)
    last = window[1] + pd.Timedelta(days=1)
    days = (ends.where(ends < last, last) - months.where(months > window[0], window[0])).days
    count = panel.groupby("month")["entries"].sum().reindex(months, fill_value=0)
    worked = days_worked.reindex(months, fill_value=0)
    whole = (worked > 0) & (days >= WHOLE)
    usual_days = (worked / days)[whole].median() * days if whole.sum() > 1 else 0.0 * days
    rate = count / days
    usual = rate.where(rate > 0).rolling(6, min_periods=2).median().ffill().shift(1)
    judged = usual * days >= USUAL_ENTRIES
    # Where work is done on a few days a month, a month without entries may be a quiet one.
    gap = (worked < COVERED * usual_days) & (usual_days >= FEWEST_DAYS) | judged & (rate < NEARLY_NONE * usual)
    thin = ~gap & judged & (rate < COLLAPSE * usual)
    return panel.assign(gap=panel["month"].map(gap).eq(True), thin=panel["month"].map(thin).eq(True))


def with_exposure(panel: pd.DataFrame, clients: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """Exposure, ages at both ends and the middle of the exposed part of the month, and RHEM."""
    month_end = panel["month"] + pd.offsets.MonthBegin(1)
    begin = panel[["month", "start"]].max(axis=1)
    end = month_end.where(month_end < panel["stop"], panel["stop"])
    days = (end - begin).dt.days.clip(lower=0)
    panel = panel.fillna(dict.fromkeys(COUNTED, 0))
    panel["share"] = days / (month_end - panel["month"]).dt.days
    keys, own = (pd.MultiIndex.from_frame(table[["client", "month"]]) for table in (panel, lost))
    panel["gap"] |= (_silent(panel) | keys.isin(own)) & ~confirmed_zero(panel, clients)
    panel["exposure"] = (panel["endpoints"] * panel["share"]).fillna(0.0).where(~panel["gap"], 0.0)
    in_service = days > 0
    for name, day in (("age_start", begin), ("age_end", end)):
        panel[name] = ((day - panel["onboarded_on"]).dt.days / DAYS_PER_MONTH).where(in_service)
    panel["age_months"] = (panel["age_start"] + panel["age_end"]) / 2
    exposure = panel["exposure"].where(panel["exposure"] > 0)
    panel["rhem_h"] = panel["reactive_hours"] / exposure
    panel["rhem_high_h"] = (panel["reactive_hours"] + panel["unclassified_hours"]) / exposure
    return panel


def _silent(panel: pd.DataFrame) -> pd.Series:
    """Mark months without any entry of clients of whom the six months before them let expect many."""
    ordered = panel.sort_values("month")
    rate = (ordered["entries"] / ordered["share"]).where((ordered["entries"] > 0) & (ordered["share"] > 0))
    usual = rate.groupby(ordered["client"]).rolling(6, min_periods=2).median().droplevel(0)
    usual = usual.groupby(ordered["client"]).ffill().groupby(ordered["client"]).shift()
    return ((panel["entries"] == 0) & (usual * ordered["share"] >= OWN_ENTRIES)).reindex(panel.index)


def with_billing(panel: pd.DataFrame, agreements: pd.DataFrame) -> pd.DataFrame:
    """Billing model with the most days of the month, and whether it changed inside the month."""
    spans = panel[["client", "month"]].merge(agreements, on="client")
    begin = spans[["month", "start"]].max(axis=1)
    ends = {"month": spans["month"] + pd.offsets.MonthBegin(1), "after": spans["end"] + pd.Timedelta(days=1)}
    end = pd.DataFrame(ends).min(axis=1)
    spans["days"] = (end - begin).dt.days.clip(lower=0)
    spans = spans[spans["days"] > 0].groupby(["client", "month", "billing"], as_index=False)["days"].sum()
    spans["switched"] = spans.groupby(["client", "month"])["billing"].transform("size") > 1
    spans = spans.sort_values(["client", "month", "days", "billing"], ascending=[True, True, False, True])
    most = spans.drop_duplicates(["client", "month"])[["client", "month", "billing", "switched"]]
    return panel.merge(most, on=["client", "month"], how="left")


def row_flags(panel: pd.DataFrame, clients: pd.DataFrame) -> pd.Series:
    """Names of schema.FLAGS that hold for each row, separated by spaces."""
    stated = set(clients.loc[clients["onboarding_source"] == "clients", "client"])
    held = {
        "partial-month": (panel["share"] > 0) & (panel["share"] < 1),
        "carried-endpoints": panel["carried"],
        "contracted-endpoints": panel["contracted"],
        "no-endpoints": panel["endpoints"].isna() & (panel["share"] > 0),
        "inferred-onboarding": ~panel["client"].isin(stated),
        "outside-hours": panel["outside_hours"] != 0,
        "hours-without-exposure": (panel["exposure"] == 0) & (panel["reactive_hours"] != 0),
        "coverage-gap": panel["gap"] & (panel["share"] > 0),
        "thin-month": panel["thin"] & (panel["share"] > 0),
        "negative-hours": panel["reactive_hours"] < 0,
        "zero-hours": (panel["exposure"] > 0) & (panel["reactive_hours"] == 0),
        "billing-switch": panel["switched"].fillna(False).astype(bool),
    }
    key = sum(mask.to_numpy().astype(int) << bit for bit, mask in enumerate(held.values()))
    codes, combined = pd.factorize(np.asarray(key))
    texts = [" ".join(name for bit, name in enumerate(held) if one >> bit & 1) for one in combined]
    return pd.Series(np.array(texts, dtype=object)[codes], index=panel.index, dtype=str)
