"""What should have arrived, or been done, by a day and has not: for a scheduler, whose runs nobody watches."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib.errors import NotEnoughData
from rhem_lib.pull import earlier_pulls
from rhem_lib.routine.approvals import decks
from rhem_lib.runs import last_quarter
from rhem_lib.schema import last_whole
from rhem_lib.storage import find_reports
from rhem_lib.workspace import Workspace, load, to_pandas

GRACE = 3  # days into a month, after which the month before should be there
LAST_DAYS = 5  # of a month, in which its list of computers is asked for
FORGOTTEN = 3  # months, after which a system is taken to be given up
COLUMNS = ["kind", "what", "since", "text"]
TABLES = (("time entries", "are", "time_entries", "worked_on"), ("list of computers", "is", "endpoints", "as_of"))


@dataclass(frozen=True)
class Due:
    """What is due on a day.

    Attributes
    ----------
    table : DataFrame
        kind (data, list, pull, review, approve, deliver), what (a system or a quarter), since (the day from
        which it is due), text.
    day : date
    """

    day: dt.date
    table: pd.DataFrame

    @property
    def text(self) -> str:
        """A line for each."""
        return "\n".join(self.table["text"]) or f"Nothing is due on {self.day}."

    def summary(self) -> pd.DataFrame:
        """Return the table without sentences."""
        return self.table.drop(columns="text")

    def as_json(self) -> dict[str, Any]:
        """One object for scripts: day, due."""
        return {"day": f"{self.day}", "due": json.loads(self.table.astype(str).to_json(orient="records"))}


def due(folder: Path, today: dt.date | None = None) -> Due:
    """Return what should have arrived in a workspace, or been done with it, and has not.

    Parameters
    ----------
    folder : Path
        Workspace.
    today : date, optional

    Examples
    --------
    >>> due(Path("data/sample"), dt.date(2026, 7, 10)).summary()  # doctest: +SKIP
    """
    work = load(folder)
    day = today or work.settings.today
    rows = [*_data(work, day), *_pulls(work, day), *_quarter(work, folder, day)]
    return Due(day, pd.DataFrame(rows, columns=COLUMNS))


def _data(work: Workspace, day: dt.date) -> Iterator[tuple[str, str, dt.date, str]]:
    """What each system that is in use has not delivered of the last month; and of this one, before it is over."""
    now, last = pd.Period(day, "M"), pd.Period(day - dt.timedelta(days=GRACE), "M") - 1
    systems = work.account.files.drop_duplicates("path").set_index("path")["profile"]
    for noun, verb, table, column in TABLES:
        found = nw.from_native(getattr(work, table)).group_by("source_file").agg(nw.col(column).max())
        files = to_pandas(found)
        ends = files.groupby(files["source_file"].map(systems).fillna("the lake"))[column].max()
        if ends.empty:
            yield "data", "", day, f"There {verb} no {noun}: `rhem check` names the files that arrived."
        for system, end in ends.items():
            worked = table == "time_entries"
            have = last_whole(end, "M") if worked else pd.Period(end, "M")
            if (now - have).n > FORGOTTEN + 1:
                continue
            since = (last + 1).start_time.date() + dt.timedelta(days=GRACE)
            if have < last:
                text = f"{system}: {noun} of {last} {verb} missing; the last is of {end:%Y-%m-%d}."
                yield "data" if worked else "list", str(system), since, text
            elif not worked and have < now and (now.end_time.date() - day).days < LAST_DAYS:
                by = f"{now.end_time:%Y-%m-%d}"
                text = f"{system}: take the list of computers of {now} by {by}; it cannot be made later."
                yield "list", str(system), day, text


def _pulls(work: Workspace, day: dt.date) -> Iterator[tuple[str, str, dt.date, str]]:
    """Systems of rhem.toml that were not pulled since the month began."""
    since = day.replace(day=1) + dt.timedelta(days=GRACE)
    for source in work.settings.sources:
        pulls = earlier_pulls(work.folder / "exports" / source.system)
        last = max((record["started"][:10] for record in pulls.values()), default="")
        if day >= since and last < f"{day:%Y-%m-01}":
            seen = f"the last pull was on {last}" if last else "it was never pulled"
            yield "pull", source.system, since, f"{source.system}: {seen}. `rhem pull {work.folder.as_posix()}`"


def _quarter(work: Workspace, folder: Path, day: dt.date) -> Iterator[tuple[str, str, dt.date, str]]:
    """What is to be done with the last quarter that the data cover."""
    if pd.isna(work.last_day):
        return
    quarter = last_quarter(work, day)
    since = (pd.Period(quarter, "Q") + 1).start_time.date()
    try:
        table = decks(folder, quarter).table
    except NotEnoughData:
        if not (find_reports(folder) / quarter / "run.json").is_file():
            text = f"The reviews of {quarter} can be made: `rhem review {folder.as_posix()} --quarter {quarter}`."
            yield "review", quarter, since, text
        return
    command = f"{folder.as_posix()} --quarter {quarter}"
    unread = table[table["state"] != "approved"]
    if len(unread):
        text = f"{len(unread)} of {len(table)} decks of {quarter} are not proof-read: `rhem approve {command}`."
        yield "approve", quarter, since, text
    unsent = table[(table["state"] == "approved") & (table["sent"] == "")]
    if len(unsent) and work.settings.mail:
        text = f"{len(unsent)} approved decks of {quarter} are not delivered: `rhem deliver {command} --send`."
        yield "deliver", quarter, since, text
