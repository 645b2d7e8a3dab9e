"""What is odd in the days of time and tickets: months cut off, weeks missing, wrong years, swapped days."""

from collections.abc import Iterator

import pandas as pd

from rhem_lib.errors import first_of
from rhem_lib.exports import Cleaned
from rhem_lib.workspace.time_sources import USUAL_ENTRIES

COLLAPSE = 0.3  # of the usual count
WEEK, WEEKLY = 5, 10  # working days without an entry, and how many are usual in them, to be named
FAR_MONTHS, FAR_SHARE = 3, 0.02  # months without entries, and of all entries, in which years are in doubt
OUT_ROWS, OUT_MONTHS = 8, 4  # entries and months up to the 12th where a file has no later day, to be named
POSTED_WEEKS, POSTED_MONTHS, POSTED = 8, 3, 5  # days alike, and entries on each, to be named
BURST_SHARE, BURST, ENTRIES = 0.1, 15, 40  # of all entries, times a usual day, and entries of one day, to be named
REST_DAYS, RESTS = 12, 0.15  # the same of days at weekends, and their share
Warning_ = tuple[str, str, str, str]  # code, text, client, month


def day_warnings(facts: Cleaned) -> Iterator[Warning_]:
    """Months with far fewer entries or tickets than those before: cut exports and gaps."""
    sources = {"time entries": (facts.time_entries, "worked_on"), "tickets": (facts.tickets, "opened_at")}
    for noun, (table, day) in sources.items():
        rows = table.filter(f"{day} IS NOT NULL").project(f"source_file, date_trunc('day', {day}) AS day")
        by_file = rows.aggregate("source_file, day, count(*) AS n").df()
        days = by_file.groupby("day")["n"].sum().astype(float)
        counts = days.groupby(days.index.strftime("%Y-%m")).sum()
        if noun == "time entries":
            yield from _posting_days(by_file, days)
        if len(counts) < 2:
            continue
        span = pd.period_range(counts.index[0], counts.index[-1], freq="M").astype(str)
        counts = counts.reindex(span, fill_value=0)
        usual = counts.rolling(6, min_periods=2).median().shift(1)
        for month in counts.index[(usual >= USUAL_ENTRIES) & (counts < COLLAPSE * usual)]:
            text = f"{month} holds {counts[month]:,.0f} {noun} where {usual[month]:,.0f} are usual"
            yield "coverage", f"{text}: an export cut off is not an improvement.", "", month
        if noun == "time entries":
            yield from _holes(days)
            yield from _far_days(counts)
            yield from _swapped_days(by_file)


def _holes(days: pd.Series) -> Iterator[Warning_]:
    """Weeks without any entry, on days of the week that mostly have some, in a month that has entries."""
    days = days.reindex(pd.date_range(days.index.min(), days.index.max()), fill_value=0.0)
    worked = days[(days > 0).groupby(days.index.day_of_week).transform("mean") > 1 / 2]
    usual = worked.where(worked > 0).rolling(10, min_periods=1).median()
    least = usual.ffill().clip(upper=usual[::-1].rolling(10, min_periods=1).median()[::-1].bfill())
    for _, hole in worked[worked == 0].groupby((worked > 0).cumsum()):
        first, last = hole.index[0], hole.index[-1]
        if len(hole) >= WEEK and least[hole.index].sum() >= WEEKLY and (last - first).days < 28:
            text = (
                f"no file holds time entries from {first:%Y-%m-%d} to {last:%Y-%m-%d}, where {least[first]:,.0f} "
            )
            text += "a day are usual: an export cut off is not an improvement."
            yield "coverage", text, "", f"{first:%Y-%m}"


def _far_days(counts: pd.Series) -> Iterator[Warning_]:
    """A few entries that are months apart from all others, as where a year is wrong."""
    held = counts[counts > 0]
    place = pd.Series([*map(counts.index.get_loc, held.index)], held.index)
    for _, block in held.groupby((place.diff() > FAR_MONTHS).cumsum()):
        if block.sum() < FAR_SHARE * counts.sum():
            text = (
                f"{block.sum():,.0f} time entries are of {first_of(block.index.tolist())}, months apart from all"
            )
            yield "far-days", f"{text} others: are their years right?", "", block.index[0]


def _swapped_days(rows: pd.DataFrame) -> Iterator[Warning_]:
    """Files in which a spreadsheet seems to have swapped day and month where it could, up to the 12th.

    Such days are in months of which the file has no day after the 12th, and swapped back in those of which it has;
    or they are at weekends, unlike swapped back and unlike the days after the 12th.
    """
    if rows["n"].sum() < OUT_ROWS:
        return
    day = rows["day"].dt
    rows = rows.assign(month=12 * day.year + day.month, turned=12 * day.year + day.day, rest=day.day_of_week > 4)
    late, early = rows[day.day > 12], rows[(day.day <= 12) & (day.day != day.month)]
    if early["n"].groupby(early["source_file"]).sum().max() < OUT_ROWS:
        return
    known = pd.MultiIndex.from_frame(late[["source_file", "month"]])
    there, back = (pd.MultiIndex.from_frame(early[["source_file", m]]).isin(known) for m in ("month", "turned"))
    turned = pd.to_datetime(early["day"].dt.strftime("%Y-%d-%m")).dt
    early = early.assign(out=early["n"].where(~there), months=early["month"].where(~there), wrong=~there & ~back)
    files = early.assign(turned=turned.day_of_week > 4).groupby("source_file")
    out, kept = files[["out", "rest", "turned"]].sum(), late.groupby("source_file")["rest"].mean()
    apart = (out["out"] >= OUT_ROWS) & (files["months"].nunique() >= OUT_MONTHS) & ~files["wrong"].any()
    share = out[["rest", "turned"]].div(files.size(), axis=0).assign(kept=kept.reindex(out.index))
    rests = (share["rest"] > RESTS) & (share[["turned", "kept"]].max(axis=1, skipna=False) < RESTS / 5)
    for path in out.index[apart | (rests & (files.size() >= REST_DAYS))]:
        text = (
            f"{path}: day and month of its days up to the 12th seem to be swapped, as by a spreadsheet of another "
            "date order. Export it again, and do not save it from a spreadsheet."
        )
        yield "swapped-days", text, "", ""


def _posting_days(rows: pd.DataFrame, days: pd.Series) -> Iterator[Warning_]:
    """Files of which all entries are on one day of the week or month, and a day with most: postings, imports."""
    if len(days) and days.max() > max(BURST_SHARE * days.sum(), BURST * days.median(), ENTRIES):
        day, usual = days.idxmax(), days.median()
        text = f"{days.max():,.0f} time entries are on {day:%Y-%m-%d}, where {usual:,.0f} a day are usual: "
        yield "moved-days", text + "is it the day of an import?", "", f"{day:%Y-%m}"
    weekday, month = rows["day"].dt.day_of_week, rows["day"].dt.strftime("%Y-%m")
    files = rows.assign(weekday=weekday, month=month).groupby("source_file")
    sums = files.agg(
        n=("n", "sum"), days=("day", "nunique"), weekdays=("weekday", "nunique"), months=("month", "nunique")
    )
    weekly = (sums["weekdays"] == 1) & (sums["days"] >= POSTED_WEEKS)
    monthly = (sums["days"] == sums["months"]) & (sums["days"] >= POSTED_MONTHS)
    for path in sums.index[(weekly | monthly) & (sums["n"] >= POSTED * sums["days"])]:
        often = "week" if weekly[path] else "month"
        text = f"{path}: all entries are on one day of each {often}: is it that of the work, or of a posting? "
        yield "moved-days", text + "Export the day worked.", "", ""
