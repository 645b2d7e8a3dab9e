"""What is odd in lists of endpoints: parts of a list, lists cut off or doubled, old ones under a new day."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd

from rhem_lib.errors import first_of, leave_out, say
from rhem_lib.exports import day_of_name, quote, source_of_files, source_stem
from rhem_lib.settings import Settings
from rhem_lib.workspace.day_warnings import Warning_
from rhem_lib.workspace.months import month_name, month_sql

SHOWN = 3  # clients in a warning about many; so many in a list make "nearly all" of them
MOVED = 0.9  # of the endpoints with a list, from which on other lists may have taken its devices over
FEW_DEVICES = 10  # in a list from which on the ones next to it are compared
SHRUNK, DIP, FEWER = 0.5, 0.6, 0.75  # of the list next to it: at an end; between two; of nearly all clients
Relation = duckdb.DuckDBPyRelation


def list_warnings(endpoints: Relation, files: pd.DataFrame, settings: Settings) -> Iterator[Warning_]:
    """Yield code, text, client and month of what is odd in the lists of a client, or in one list beside others."""
    lists = _lists(endpoints, settings)
    yield from _repeated_lists(lists[~lists["named"]])
    if lists.duplicated(["client", "month"]).any():
        yield from _parted_lists(endpoints, files)
    lists = lists.dropna(subset="n")
    lists = lists.merge(source_of_files(lists[["source_file", "month"]].drop_duplicates()), on="source_file")
    if lists["day"].nunique() > 1:
        yield from _odd_lists(lists)
        yield from _copied_lists(lists[lists["named"]])
    yield from _cut_lists(lists, settings)
    if lists["source"].nunique() > 1:
        yield from _alike_lists(endpoints, lists, files)


def _parted_lists(endpoints: Relation, files: pd.DataFrame) -> Iterator[Warning_]:
    """Clients with lists of endpoints of one system that, a day apart, may be parts of one: the mean halves them.

    Days next to each other in a month are compared, first by one device of each, which is quick and nearly always
    enough. A day with a row that names no device is not.
    """
    if files.loc[files["table"] == "endpoints", "path"].nunique() < 2:
        return
    found = endpoints.query(
        "endpoints",
        "WITH days AS (SELECT client, as_of, min(source_file) AS file, "
        "CASE WHEN count(*) = count(device_id) THEN min(device_id) END AS device FROM endpoints GROUP BY ALL), "
        "pairs AS (SELECT client, lag(as_of) OVER month AS earlier, as_of, lag(file) OVER month AS part, file, "
        "lag(device) OVER month AS other, device FROM days "
        "WINDOW month AS (PARTITION BY client, date_trunc('month', as_of) ORDER BY as_of)), "
        "doubt AS MATERIALIZED (FROM pairs WHERE other <> device AND part <> file), "
        "shared AS (SELECT DISTINCT client, d.as_of FROM doubt d JOIN endpoints a USING (client) "
        "JOIN endpoints b USING (client, device_id) WHERE a.as_of = d.earlier AND b.as_of = d.as_of) "
        "SELECT client, strftime(earlier, '%Y-%m-%d') AS earlier, strftime(as_of, '%Y-%m-%d') AS day, part, file "
        "FROM doubt ANTI JOIN shared USING (client, as_of) ORDER BY client, as_of",
    )
    rows = found.df()  # type: ignore[union-attr]
    if rows.empty:
        return
    profiles = files.drop_duplicates("path").set_index("path")["profile"]
    rows = rows[rows["part"].map(profiles) == rows["file"].map(profiles)]  # else `_two_systems` tells
    for client, earlier, day, part, file in rows.drop_duplicates("client").itertuples(index=False):
        text = (
            f"{client}: the endpoint lists of {earlier} and {day} share no device, and the mean of both is taken. "
            "If they are parts of one list, give both the same day. "
        )
        days, series = zip(*map(day_of_name, (part, file)), strict=True)
        line = 'as_of = "month-end"' if all(days) else f"as_of = {day}"  # the parts of all months at once
        first, *others = dict.fromkeys(series if all(days) else [part])
        text += say(first, line) + "".join("\n" + say(other, line).partition("\n")[2] for other in others)
        yield "parted-list", text, client, day[:7]


def _lists(endpoints: Relation, settings: Settings) -> pd.DataFrame:
    """Client, file, month (a number), n, the endpoints that count there on one day, and whether they are named.

    n is NaN where none counts.
    """
    counts = f"FILTER (kind IN ({', '.join(map(quote, settings.endpoint_kinds))}))"
    n = f"sum(count) {counts} / count(DISTINCT as_of) {counts}"
    named = "count(device_id) > 0 AS named, count(last_seen) > 0 AS seen"
    cells = "sum(hash(client, device_id, kind, last_seen) & 4294967295)::BIGINT AS cells"
    return endpoints.aggregate(
        f"client, source_file, {month_sql('as_of')}, max(as_of) AS day, {n} AS n, {named}, {cells}"
    ).df()


def _repeated_lists(rows: pd.DataFrame) -> Iterator[Warning_]:
    """Lists of one source and day whose endpoints have no names: one may be the other once more."""
    if not rows.duplicated(["client", "day"]).any():
        return
    stems = rows["source_file"].map(source_stem)
    for (client, day, _), pair in rows.groupby(["client", "day", stems]):
        if len(pair) > 1:
            paths = " and ".join(sorted(pair["source_file"]))
            text = (
                f"{client} has endpoints of {day:%Y-%m-%d} in {paths}, without names, and all count. If one file "
            )
            text += "is a later state of another, take the older out."
            yield "parted-list", text, str(client), f"{day:%Y-%m}"


def _odd_lists(rows: pd.DataFrame) -> Iterator[Warning_]:
    """Lists with far fewer, or more, endpoints of a client than those next to them: cut off, filtered or doubled.

    Where lists begin or end, half of a client's must be missing, or a quarter of those of nearly all clients.
    """
    if (rows["n"] < FEW_DEVICES).all():
        return
    rows = rows.sort_values(["day", "source_file"])
    lists, n = rows.groupby(["client", "source"])["n"], rows["n"]
    before, after = lists.shift(1), lists.shift(-1)
    least, most = np.minimum(before, after), np.maximum(before, after)
    months = rows.groupby(["client", "month"])["n"].transform("sum")  # another list may take over
    ends = after.isna() & (before >= FEW_DEVICES) & (months < MOVED * before)
    begins = before.isna() & (after >= FEW_DEVICES)
    edge = before.where(ends, after.where(begins))
    of_list = (n < FEWER * edge)[edge.notna()].groupby([rows["source"], rows["day"], begins])
    wide = (of_list.transform("mean") >= MOVED) & (of_list.transform("size") >= SHOWN)
    cut = (before >= FEW_DEVICES) & (n < DIP * least) | (ends & (n <= SHRUNK * before))
    cut |= wide.reindex(rows.index, fill_value=False) & (n < FEWER * edge)
    high, other = (n >= FEW_DEVICES) & (DIP * n > most), before.fillna(after)
    for odd, why in (
        (cut, "an export cut off makes RHEM too high."),
        (high, "are computers in it twice, or those of others?"),
    ):
        for (path, day), found in rows[odd].groupby(["source_file", "day"]):
            names = first_of(found["client"].tolist(), SHOWN)
            beside = "before" if before[found.index].notna().any() else "after"
            text = (
                f"{path} has {found['n'].sum():,.0f} endpoints on {day:%Y-%m-%d} where the list {beside} has "
                f"{other[found.index].sum():,.0f} ({names}): {why}"
            )
            yield "cut-list", text, "", f"{day:%Y-%m}"


def _copied_lists(rows: pd.DataFrame) -> Iterator[Warning_]:
    """Lists that are an earlier one in every cell, although several others are between, or devices were seen."""
    days = rows.groupby(["source", "day"], as_index=False).agg(
        path=("source_file", "min"),
        cells=("cells", "sum"),
        seen=("seen", "any"),
        n=("n", "sum"),
    )
    again = days.duplicated(["source", "cells"])
    if not again.any():
        return
    days["kinds"] = (~again).groupby(days["source"]).cumsum()
    first = days.groupby(["source", "cells"])[["kinds", "path"]].shift()
    copied = (days["n"] >= FEW_DEVICES) & (days["kinds"] - first["kinds"] > 1 - 2 * days["seen"])
    for path, day, older in days.assign(older=first["path"])[copied][["path", "day", "older"]].to_numpy():
        text = f"{path} of {day:%Y-%m-%d} is the same as {older} in every cell: is it of that day?"
        yield "cut-list", text, "", f"{day:%Y-%m}"


def _cut_lists(rows: pd.DataFrame, settings: Settings) -> Iterator[Warning_]:
    """Lists that end before, or begin after, the others of their clients, whose endpoints are fewer there."""
    if rows["source"].nunique() < 2:
        return
    sums = rows.groupby(["client", "source", "month"])["n"].mean().rename("n").reset_index()
    all_ = sums.groupby(["client", "month"], as_index=False)["n"].sum()
    carried = settings.limits.carry_forward_months
    for word, at, inside, outside, wording in (
        ("ends", "max", -2, 1 + carried, "from {}. Export the later"),
        ("begins", "min", 2, -1, "up to {}. Export the earlier"),
    ):
        edge = sums[sums["month"] == sums.groupby("source")["month"].transform(at)]
        here, near, beyond = (
            edge[["client"]]
            .assign(month=edge["month"] + step)
            .merge(all_, on=["client", "month"], how="left")["n"]
            for step in (0, inside, outside)
        )
        cut = edge[(beyond < MOVED * near.fillna(here)).to_numpy()]
        for (source, number), group in cut.groupby(["source", "month"]):
            file = rows.loc[(rows["source"] == source) & (rows["month"] == number), "source_file"].min()
            names = first_of(group["client"].tolist(), SHOWN)
            month = month_name(number + outside)
            text = (
                f"the list of {file} {word} there, and other lists of its clients do not: its endpoints "
                f"({group['n'].sum():,.0f}: {names}) are not counted {wording.format(month)} ones, if any."
            )
            yield "cut-list", text, "", month


def _alike_lists(endpoints: Relation, rows: pd.DataFrame, files: pd.DataFrame) -> Iterator[Warning_]:
    """Lists of two sources with as many endpoints of nearly all clients and none in common: maybe the same."""
    profile = rows["source_file"].map(files.drop_duplicates("path").set_index("path")["profile"])
    sums = rows.assign(profile=profile).groupby(["client", "source", "month", "profile"], as_index=False)
    sums = sums.agg(n=("n", "mean"), file=("source_file", "min"))
    pairs = sums.merge(sums, on=["client", "month", "profile"], suffixes=("", "_other"))
    pairs = pairs[pairs["source"] < pairs["source_other"]]
    least, most = (pairs[["n", "n_other"]].agg(how, axis=1) for how in ("min", "max"))
    pairs = pairs.assign(alike=least >= MOVED * most).drop_duplicates(["client", "source", "source_other"])
    for _, pair in pairs.groupby(["source", "source_other"]):
        if len(pair) < SHOWN or pair["alike"].mean() < MOVED or pair["n"].sum() < FEW_DEVICES:
            continue
        one, other = pair[["file", "file_other"]].iloc[0]
        devices = "SELECT DISTINCT lower(device_id) AS device FROM endpoints WHERE source_file = {}"
        shared = f"({devices.format(quote(one))}) JOIN ({devices.format(quote(other))}) USING (device)"
        if not endpoints.query("endpoints", f"SELECT 1 FROM {shared} LIMIT 1").fetchall():  # type: ignore[union-attr]
            text = (
                f"{one} and {other} have as many endpoints of each client and none in common, and both count: if "
            )
            text += f"they are the same under other names, of one of them, {leave_out(day_of_name(one)[1])}"
            yield "parted-list", text, "", ""
