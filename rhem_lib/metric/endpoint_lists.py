"""Endpoints per client and month, from lists that may come from several sources.

A source is one list that arrives again and again: an RMM, a second RMM for servers, a hand-kept sheet. Sources are
added, the same device once. A source that is missing in a month is carried, since its computers did not vanish.
"""

from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib.exports import source_of_files
from rhem_lib.settings import Settings
from rhem_lib.workspace import alongside, first_days, month_number, to_pandas


def monthly_endpoints(endpoints: Any, settings: Settings) -> pd.DataFrame:
    """Return the endpoints that count: client, month (first day), endpoints, carried.

    A device counts if its kind is supported and the RMM saw it within `seen_within_days` of the snapshot, with
    the weight of its kind (1 if none is set). Per source it is the mean over the month's snapshots, the same
    device twice in a snapshot counting once; then the sources are added, the same device once. Endpoints are
    NaN where a source is missing for longer than it may be carried, or for a client that it lists first after the
    gap. Without a column `source_file` all rows of
    the frame (of any engine) are of one source.
    """
    rows = _weighted(endpoints, settings)
    held = to_pandas(rows.group_by("client", "source_file", "month").agg(nw.len()))
    sources = source_of_files(held[["source_file", "month"]].drop_duplicates())
    held = held.merge(sources, on="source_file")
    carried = carried_months(held, settings.limits.carry_forward_months)
    first = (
        held.groupby(["client", "source"], as_index=False)["month"].min().rename(columns={"month": "next_month"})
    )
    if len(set(sources["source"])) > 1:
        table = to_pandas(_of_sources(rows, sources, carried))
    else:
        months = carried.drop(columns="source")
        table = (
            to_pandas(_of_one(rows)).rename(columns={"month": "snapshot_month"}).merge(months, on="snapshot_month")
        )
    table["endpoints"] = table.pop("one").where(table.pop("lost") == 0)
    unknown = first.merge(_gaps(carried), on=["source", "next_month"])[["client", "month"]]
    joined = pd.MultiIndex.from_frame(table[["client", "month"]]).isin(pd.MultiIndex.from_frame(unknown))
    table["endpoints"] = table["endpoints"].where(~joined)
    return first_days(table.assign(carried=table["carried"] == 1))


def _of_one(rows: nw.LazyFrame) -> nw.LazyFrame:
    """Return what a month's snapshots of a single source hold on average, by client: one."""
    days = _once(rows, "weight", "client", "as_of").group_by("client", "as_of").agg(nw.col("one").sum())
    days = days.with_columns(month=month_number("as_of"))
    return days.group_by("client", "month").agg(nw.col("one").mean())


def _of_sources(rows: nw.LazyFrame, sources: pd.DataFrame, carried: pd.DataFrame) -> nw.LazyFrame:
    """Return the sum of what the sources hold, by client and month, a device in several counting once."""
    rows = rows.join(_small(rows, sources), on="source_file", how="inner")
    devices = _once(rows, "weight", "client", "source", "month", "as_of")
    snapshots = rows.group_by("client", "source", "month").agg(snapshots=nw.col("as_of").n_unique())
    share = devices.group_by("client", "source", "month", "device_id").agg(nw.col("one").sum())
    share = share.join(snapshots, on=["client", "source", "month"], how="inner")
    share = share.with_columns(one=nw.col("one") / nw.col("snapshots")).rename({"month": "snapshot_month"})
    months = share.join(_small(share, carried), on=["source", "snapshot_month"], how="inner")
    marks = nw.col("carried").max(), nw.col("lost").max()
    sums = _once(months, "one", "client", "month", also=marks).group_by("client", "month")
    return sums.agg(nw.col("one").sum(), *marks)


def _once(rows: nw.LazyFrame, value: str, *keys: str, also: tuple[nw.Expr, ...] = ()) -> nw.LazyFrame:
    """What each device counts for (`one`), however often it is listed; rows without a device add up."""
    devices = rows.group_by(*keys, "device_id").agg(*also, most=nw.col(value).max(), total=nw.col(value).sum())
    one = nw.when(nw.col("device_id").is_null()).then(nw.col("total")).otherwise(nw.col("most"))
    return devices.with_columns(one=one)


def _weighted(endpoints: Any, settings: Settings) -> nw.LazyFrame:
    """Return the rows with their month, file, and what each counts for."""
    rows = nw.from_native(endpoints).lazy()
    days = pd.Timedelta(days=settings.limits.seen_within_days).to_pytimedelta()
    recent = nw.col("last_seen").is_null() | (nw.col("last_seen") >= nw.col("as_of") - days)
    weight = nw.lit(0.0)
    for kind in settings.endpoint_kinds:
        worth = nw.col("count") * settings.endpoint_weights.get(kind, 1.0)  # type: ignore[call-overload]
        weight = nw.when((nw.col("kind") == kind) & recent).then(worth).otherwise(weight)
    named = "source_file" in rows.collect_schema().names()
    file = nw.col("source_file") if named else nw.lit("")
    device = nw.col("device_id").str.to_lowercase()  # systems differ in the case of one name
    return rows.with_columns(weight=weight, month=month_number("as_of"), source_file=file, device_id=device)


def _small(large: nw.LazyFrame, table: pd.DataFrame) -> nw.LazyFrame:
    return nw.from_native(alongside(large.to_native(), table)).lazy()


def carried_months(sources: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the month whose snapshots are used for each month of a source: its own, or the last before a gap.

    From source and month (a number) of every file, and the most months that a snapshot may be carried, to source,
    month, snapshot_month, carried (0 or 1), lost (1 in a gap longer than that, which has no number).
    """
    last = int(sources["month"].max()) if len(sources) else 0
    rows = []
    for source, months in sources.groupby("source")["month"]:
        held = sorted(set(months))
        for month, following in zip(held, [*held[1:], min(held[-1] + most, last) + 1], strict=True):
            gap = range(month + 1, following)
            rows += [(source, month, month, 0, 0)]
            rows += [(source, missing, month, 1, int(missing - month > most)) for missing in gap]
    return pd.DataFrame(rows, columns=["source", "month", "snapshot_month", "carried", "lost"], dtype="int64")


def _gaps(carried: pd.DataFrame) -> pd.DataFrame:
    """Return source, month and next_month, in which the source is back, of each month that a source is missing."""
    gaps, held = (
        carried.loc[carried["carried"] == which, ["source", "month"]].sort_values("month") for which in (1, 0)
    )
    return pd.merge_asof(gaps, held.assign(next_month=held["month"]), on="month", by="source", direction="forward")
