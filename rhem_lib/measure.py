"""The client-month panel: exposure, reactive hours, RHEM, and what to know about each row.

Definitions (METRIC_VERSION 1): RHEM = reactive hours / exposure, in hours per endpoint per month; exposure =
mean endpoints of the month x share of the month in service. Several months or clients are pooled: sum of hours
over sum of exposure. The heavy half (entries to client-months) is written once in narwhals, frame in, frame
out; from the panel on everything is pandas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.panel import (
    Window,
    row_flags,
    service_months,
    service_windows,
    with_billing,
    with_endpoints,
    with_exposure,
)
from rhem_lib.settings import Preset
from rhem_lib.workspace import Workspace

PRESETS: tuple[Preset, ...] = ("incidents", "unscheduled", "all-support")


def measure(work: Workspace, *, preset: Preset | None = None) -> pd.DataFrame:
    """Panel of a workspace: one row per client and month (schema.Panel).

    Parameters
    ----------
    work : Workspace
        From `load`.
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
    window = coverage(entries, work)
    service = service_windows(work.clients, window)
    hours = monthly_hours(entries, _same_kind(work, service))
    panel = service_months(service, window).merge(hours, on=["client", "month"], how="outer")
    panel = panel[panel["client"].isin(work.clients["client"])]
    snapshots = monthly_endpoints(
        work.endpoints, work.settings.endpoint_kinds, work.settings.limits.seen_within_days
    )
    panel = with_endpoints(panel, snapshots, work.settings.limits.carry_forward_months)
    panel = with_exposure(panel.merge(service, on="client"))
    panel = with_billing(panel, work.agreements)
    panel["flags"] = row_flags(panel, work.clients)
    return schema.check(panel.sort_values(["client", "month"], ignore_index=True), "panel")


def coverage(entries: Any, work: Workspace) -> Window:
    """First and last day that the export covers."""
    days = nw.from_native(entries).select(
        nw.col("worked_on").min().alias("a"), nw.col("worked_on").max().alias("b")
    )
    first, last = _pandas(days).iloc[0]
    if pd.isna(first):
        raise NotEnoughData("no time entry could be used.", fix="`rhem check` lists what was set aside, and why.")
    until = work.settings.limits.data_until
    return pd.Timestamp(first), min(pd.Timestamp(last), pd.Timestamp(until)) if until else pd.Timestamp(last)


def monthly_hours(entries: Any, service: Any) -> pd.DataFrame:
    """Hours and reactive tickets per client and month; frames of one kind in, a pandas frame out.

    Reactive hours count on days in service; those outside are kept apart as `outside_hours`. A ticket counts
    once, in the month of its first reactive hour, and a child counts with its parent.
    """
    work = nw.from_native(entries).join(nw.from_native(service), on="client", how="inner")
    inside = (nw.col("worked_on") >= nw.col("start")) & (nw.col("worked_on") < nw.col("stop"))
    is_reactive, is_open = nw.col("work_class") == "reactive", nw.col("work_class") == "unclassified"
    work = work.with_columns(
        month=nw.col("worked_on").dt.truncate("1mo"),
        reactive_hours=nw.when(is_reactive & inside).then(nw.col("hours")).otherwise(0.0),
        outside_hours=nw.when(is_reactive & ~inside).then(nw.col("hours")).otherwise(0.0),
        unclassified_hours=nw.when(is_open & inside).then(nw.col("hours")).otherwise(0.0),
        head=nw.when(nw.col("parent_id").is_null()).then(nw.col("ticket_id")).otherwise(nw.col("parent_id")),
    )
    sums = ("reactive_hours", "outside_hours", "unclassified_hours")
    hours = work.group_by("client", "month").agg(*(nw.col(name).sum() for name in sums))
    tickets = work.filter(is_reactive & inside & (nw.col("hours") > 0) & ~nw.col("head").is_null())
    firsts = tickets.group_by("client", "head").agg(nw.col("month").min())
    counts = firsts.group_by("client", "month").agg(nw.len().alias("reactive_tickets"))
    return _pandas(hours).merge(_pandas(counts), on=["client", "month"], how="left")


def monthly_endpoints(endpoints: Any, kinds: Sequence[str], seen_within_days: int) -> pd.DataFrame:
    """Mean over the month's snapshots of the endpoints that count: client, month, endpoints.

    A device counts if its kind is supported and the RMM saw it within `seen_within_days` of the snapshot; the
    same device twice in a snapshot counts once.
    """
    rows = nw.from_native(endpoints)
    recent = nw.col("last_seen") >= nw.col("as_of") - pd.Timedelta(days=seen_within_days).to_pytimedelta()
    counted = nw.col("kind").is_in(list(kinds)) & (nw.col("last_seen").is_null() | recent)
    rows = rows.with_columns(weight=nw.when(counted).then(nw.col("count")).otherwise(0.0))
    devices = rows.group_by("client", "as_of", "device_id").agg(
        most=nw.col("weight").max(), total=nw.col("weight").sum()
    )
    one = nw.when(nw.col("device_id").is_null()).then(nw.col("total")).otherwise(nw.col("most"))
    snapshots = devices.with_columns(one=one).group_by("client", "as_of").agg(nw.col("one").sum())
    snapshots = snapshots.with_columns(month=nw.col("as_of").dt.truncate("1mo"))
    return _pandas(snapshots.group_by("client", "month").agg(nw.col("one").mean().alias("endpoints")))


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
    return _pandas(rows.select(*columns)).sort_values(["worked_on", "ticket_id", "hours"], ignore_index=True)


def pooled_rhem(panel: pd.DataFrame, by: str | Sequence[str] | None = None) -> Any:
    """Pooled RHEM, sum of hours over sum of exposure, in hours per endpoint per month.

    Parameters
    ----------
    panel : DataFrame
        From `measure`; months without exposure are left out, hours and all.
    by : str or list of str, optional
        Columns to group by; `quarter` and `year` are understood.

    Returns
    -------
    float, or DataFrame with the groups, exposure, reactive_hours, rhem_h and mean_client_rhem_h (the mean of
    client RHEMs, which gives a small client the weight of a large one).
    """
    exposed = panel[panel["exposure"] > 0]
    if by is None:
        return float(exposed["reactive_hours"].sum() / exposed["exposure"].sum()) if len(exposed) else float("nan")
    names = [by] if isinstance(by, str) else list(by)
    periods = {"quarter": "Q", "year": "Y"}
    exposed = exposed.assign(
        **{n: exposed["month"].dt.to_period(p).astype(str) for n, p in periods.items() if n in names}
    )
    missing = [name for name in names if name not in exposed]
    if missing:
        raise ParameterError(
            f"the panel has no column '{missing[0]}'.", fix="Columns: " + ", ".join(exposed) + "."
        )
    sums = exposed.groupby([*names, *(["client"] if "client" not in names else [])], dropna=False)
    clients = sums[["exposure", "reactive_hours"]].sum()
    clients["mean_client_rhem_h"] = clients["reactive_hours"] / clients["exposure"]
    groups = clients.groupby(level=names, dropna=False)
    table = groups[["exposure", "reactive_hours"]].sum()
    table["rhem_h"] = table["reactive_hours"] / table["exposure"]
    return table.join(groups["mean_client_rhem_h"].mean()).reset_index()


@dataclass(frozen=True)
class Definitions:
    """RHEM of the same months under every preset; `table`: preset, reactive_hours, exposure, rhem_h, minutes."""

    table: pd.DataFrame
    chosen: Preset

    @property
    def text(self) -> str:
        """How much the answer depends on what is called reactive."""
        minutes = self.table.set_index("preset")["minutes"]
        others = "; ".join(
            f"'{name}' would give {minutes[name]:.1f}" for name in minutes.index if name != self.chosen
        )
        now = minutes[self.chosen]
        return f"Under '{self.chosen}' the book stands at {now:.1f} minutes per endpoint per month; {others}."

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        return self.table.round({"reactive_hours": 1, "exposure": 1, "rhem_h": 3, "minutes": 1})


def definitions(work: Workspace, *, months: int = 12) -> Definitions:
    """Pooled RHEM of the last `months` months under each preset."""
    rows = []
    for preset in PRESETS:
        panel = measure(work, preset=preset)
        recent = panel[panel["month"] > panel["month"].max() - pd.DateOffset(months=months)]
        exposed = recent[recent["exposure"] > 0]
        rhem = pooled_rhem(recent)
        rows.append((preset, exposed["reactive_hours"].sum(), exposed["exposure"].sum(), rhem, 60 * rhem))
    table = pd.DataFrame(rows, columns=["preset", "reactive_hours", "exposure", "rhem_h", "minutes"])
    return Definitions(table, work.settings.preset)


def _same_kind(work: Workspace, service: pd.DataFrame) -> Any:
    """Service windows as a relation of the workspace's own connection."""
    return work.connection.from_df(service)


def _pandas(frame: Any) -> pd.DataFrame:
    """Collect a narwhals frame of any engine, dates in microseconds."""
    native = frame.to_native()
    table = native.df() if hasattr(native, "df") else nw.from_native(native).lazy().collect("pandas").to_native()
    return table.astype({name: "datetime64[us]" for name in table.select_dtypes("datetime").columns})
