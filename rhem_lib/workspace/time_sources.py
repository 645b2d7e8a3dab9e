"""Months in which files of a part of the clients are missing, as of one team or system, while others go on."""

from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib.exports import source_of_files, source_stem
from rhem_lib.workspace.months import first_days, month_number

USUAL_ENTRIES = 20  # below so many a month, a low count says nothing
BELONGS = 0.1  # of a client's entries, from which on a source is one of its own
COVERED = 1 / 3  # of the usual days, under which a month is covered by hardly any file
HALF = 0.5  # of the usual entries, under which such a month is cut off; of a source's work that others took over


def uncovered_months(entries: Any) -> pd.DataFrame:
    """Return the client-months whose files are missing or cut off, which are no months without work.

    Files are of one source if their names are alike but for days and numbers (`source_of_files`). A month is
    missing in a source where it has no entries, or under half of the usual ones on under a third of the usual
    days, while other sources have the month, and unless most of its clients' work goes on elsewhere, as after a
    change of systems.

    Parameters
    ----------
    entries : frame of any engine
        client, worked_on, source_file; without files there is nothing to find.

    Returns
    -------
    DataFrame
        client, month (its first day), file (one of the source) and usual (entries of the source in a month).

    Examples
    --------
    >>> days = pd.date_range("2026-01-01", "2026-03-31")
    >>> rows = [(name, day, f"{name}-{day:%Y-%m}.csv") for name in ("east", "west") for day in days]
    >>> entries = pd.DataFrame(rows, columns=["client", "worked_on", "source_file"])
    >>> lost = uncovered_months(entries[entries["source_file"] != "west-2026-02.csv"])
    >>> lost[["client", "month", "usual"]].astype(str).to_numpy().tolist()
    [['west', '2026-02-01', '31.0']]
    """
    nothing = pd.DataFrame(columns=["client", "month", "file", "usual"]).astype({"month": "datetime64[us]"})
    if "source_file" not in nw.from_native(entries).collect_schema().names():
        return nothing
    files = nw.from_native(entries).lazy().select("source_file").unique().collect("pandas").to_native()
    if files["source_file"].map(source_stem).nunique() < 2:  # nearly always, and the rest takes longer
        return nothing
    rows = _by_file(entries)
    rows = rows.merge(source_of_files(rows[["source_file", "month"]].drop_duplicates()), on="source_file")
    if rows["source"].nunique() < 2:
        return nothing
    holes = _holes(rows)
    return _of_clients(rows, holes) if len(holes) else nothing


def _by_file(entries: Any) -> pd.DataFrame:
    """Entries by client, file and month (a number), with the days of the first and the last."""
    days = (
        nw.from_native(entries)
        .lazy()
        .with_columns(month=month_number("worked_on"), day=nw.col("worked_on").dt.day())
    )
    groups = days.group_by("client", "source_file", "month")
    table = groups.agg(nw.len().alias("n"), nw.col("day").min().alias("first"), nw.col("day").max().alias("last"))
    return table.collect("pandas").to_native()


def _holes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return source, month and usual of every month that a source misses while another one has it."""
    months = rows.groupby(["source", "month"]).agg(n=("n", "sum"), first=("first", "min"), last=("last", "max"))
    usual = months["n"].groupby("source").median()
    every = pd.MultiIndex.from_product([usual.index[usual >= USUAL_ENTRIES], sorted(rows["month"].unique())])
    reach = rows.groupby("month").agg(first=("first", "min"), last=("last", "max"))
    span = (months["last"] - months["first"] + 1) / (reach["last"] - reach["first"] + 1)
    table = (
        pd.DataFrame({"n": months["n"], "span": span}).reindex(every, fill_value=0).rename_axis(months.index.names)
    )
    of_source = table.index.get_level_values("source")
    short = table["span"] < COVERED * span.groupby("source").median().reindex(of_source).to_numpy()
    few = table["n"] < HALF * usual.reindex(of_source).to_numpy()
    held = months["n"].groupby("month").sum() - table["n"].groupby("month").sum()  # of sources too small to judge
    whole = table["n"].where(~(short & few)).groupby("month").sum() + held.reindex(reach.index, fill_value=0)
    found = table[short & few].reset_index().assign(usual=lambda t: t["source"].map(usual))
    return found[found["month"].map(whole) > 0]


def _of_clients(rows: pd.DataFrame, holes: pd.DataFrame) -> pd.DataFrame:
    """Return the months of clients that all their sources miss, unless most of the work goes on elsewhere."""
    own = rows.groupby(["client", "source"])["n"].sum().rename("own").reset_index()
    own = own[own["own"] >= BELONGS * own.groupby("client")["own"].transform("sum")]
    lost = own.merge(holes[["source", "month", "usual"]], on="source")
    elsewhere = rows.merge(holes[["source", "month"]], how="left", indicator="kept")
    elsewhere = (
        elsewhere[elsewhere["kept"] == "left_only"][["client", "month"]].drop_duplicates().assign(went_on=True)
    )
    lost = lost.merge(elsewhere, how="left", on=["client", "month"])
    went_on = (
        lost["own"].where(lost["went_on"].notna(), 0).groupby([lost["source"], lost["month"]]).transform("sum")
    )
    lost = lost[went_on < HALF * lost.groupby(["source", "month"])["own"].transform("sum")]
    every = own.groupby("client")["source"].size()
    all_lost = lost.groupby(["client", "month"])["source"].transform("size") == lost["client"].map(every)
    lost = lost[all_lost & lost["went_on"].isna()].drop_duplicates(["client", "month"])
    files = rows.groupby("source")["source_file"].min()
    found = first_days(lost.assign(file=lost["source"].map(files)))
    return found[["client", "month", "file", "usual"]].reset_index(drop=True)
