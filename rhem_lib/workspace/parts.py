"""Parts of the work that the sum over all hides: of a client, a technician, a kind of work, a file or a month."""

from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from rhem_lib.exports import source_of_files
from rhem_lib.workspace.months import month_sql
from rhem_lib.workspace.time_sources import USUAL_ENTRIES

PARTS = ("client", "technician", "source_file")
MONTH = month_sql("worked_on")
SUPPORT = "work_class IN ('reactive', 'unclassified')"  # leave and projects are days
CENTS = "round(abs(hours) * 100)::INTEGER"
ODD = f"FILTER ({CENTS} > 100 AND {CENTS} % 50 <> 0)"
CLOCK = f"IF(min({CENTS} % 100) {ODD} < max({CENTS} % 100) {ODD}, count(*) {ODD}, 0) AS odd, "  # not 1.25 alone
CLOCK += f"count(*) FILTER ({CENTS} % 100 >= 60) AS late"
ODD_HOURS = 12  # such as 1.20, of which in decimals some would end in .60 or more
FEW = 0.1  # of the usual entries, under which a month has hardly any
LEFT = 3  # months next to its own in which a part may be missed
NOISE = 2  # standard deviations of the others, which a part must exceed for its loss to show
LONGER, ENOUGH = 5, 20  # times as long as usual, and entries from which on a mean is no chance
SHORTER = {"client": 6, "month": 6, "technician": 10, "source_file": 10}  # some do nothing but short calls


class Lost(NamedTuple):
    """A part without time entries in some months (as numbers) while others go on, and its usual entries."""

    value: str
    months: list[int]
    usual: float


def part_rows(entries: duckdb.DuckDBPyRelation) -> dict[str, pd.DataFrame]:
    """Return entries and hours of support by month and each value (`value`) of each of `PARTS`."""
    sums = f"count(*) AS n, count(*) FILTER ({SUPPORT}) AS worked, sum(hours) FILTER ({SUPPORT}) AS hours"
    found = {}
    for part in PARTS:
        clock = CLOCK if part == "technician" else "0 AS odd, 0 AS late"  # people write so, one by one
        found[part] = entries.aggregate(f"{part} AS value, {MONTH}, {sums}, {clock}").df()
    files = found["source_file"].rename(columns={"value": "source_file"})
    sources = source_of_files(files[["source_file", "month"]]).set_index("source_file")["source"]
    return found | {"source": files.assign(value=files["source_file"].map(sources))}


def lost_parts(
    rows: pd.DataFrame, *, goes_over: bool = True, before: int = 0, after: int = LEFT
) -> Iterator[Lost]:
    """Yield the values that have hardly any entry in months between others of theirs, or next to them.

    Parameters
    ----------
    rows : DataFrame
        value, month and n, as of `part_rows`.
    goes_over : bool
        Whether others may do the work instead, as of a technician who left: they must not have risen.
    before, after : int
        Months before the first and after the last one with entries that count as well.
    """
    if rows["n"].sum() < 3 * USUAL_ENTRIES or rows["value"].nunique() < 2:
        return
    table = rows.pivot_table(index="month", columns="value", values="n", aggfunc="sum")
    table = table.reindex(range(table.index[0], table.index[-1] + 1)).fillna(0)
    usual = table.where(table > 0).median()
    chosen = (usual >= USUAL_ENTRIES) & ((table > 0).sum() > 1)
    own, usual = table.loc[:, chosen].to_numpy(), usual[chosen].to_numpy()
    others, there = table.sum(axis=1).to_numpy()[:, None] - own, own >= FEW * usual
    known = np.nanmedian(np.where(there, others, np.nan), axis=0)
    month, (first, last) = np.arange(len(own))[:, None], (there.argmax(0), len(own) - 1 - there[::-1].argmax(0))
    low = ~there & (month >= first - before) & (month <= last + after)
    low &= others * usual >= known * USUAL_ENTRIES / 2  # in a part of a month, a part is usual
    if goes_over:
        spread = np.nanstd(np.where(there, others, np.nan), axis=0)
        low &= (others < known + usual / 2) & (usual > NOISE * spread)
    for column in np.flatnonzero(low.any(axis=0) & (known > 0)):
        yield Lost(table.columns[chosen][column], table.index[low[:, column]].tolist(), usual[column])


def other_units(rows: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the values of a part whose entries are far longer or shorter than usual, or end in no .60 or more.

    The columns are mean and usual (hours of an entry) and clock: hours never end in .60 or more there, as where
    1.30 is an hour and a half, and do elsewhere.
    """
    if rows["worked"].sum() <= ENOUGH:
        return pd.DataFrame(columns=["mean", "clock", "usual"])
    counts = ["worked", "hours", "odd", "late"]
    sums = rows.groupby("month" if part == "month" else "value")[counts].sum()
    clock = (sums["odd"] >= ODD_HOURS) & (sums["late"] == 0) & (sums["late"].sum() > 0)
    sums = sums.assign(mean=sums["hours"] / sums["worked"], clock=clock).sort_values("mean")
    many = sums["worked"].where(sums["worked"] >= ENOUGH, 0)
    usual = sums.loc[2 * many.cumsum() >= max(many.sum(), 1), "mean"].head(1).sum()  # of the middle entry
    odd = (sums["mean"] > LONGER * usual) | (sums["mean"] < usual / SHORTER[part])
    odd &= (many > 0) & (usual > 0)
    sums["clock"] &= ~odd
    return sums[sums["clock"] | odd][["mean", "clock"]].assign(usual=usual).sort_index()
