"""What moved between editions: figures that were restated and why, forecasts against what came, promises."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from rhem_lib.errors import InputError, NotEnoughData
from rhem_lib.language import number
from rhem_lib.review import Review, moved
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import Settings, normal_name, read_settings
from rhem_lib.storage import find_reports

COLUMNS = ["client", "quarter", "kind", "item", "before", "now", "text"]
LEAST = 0.05  # hours or computer-months; less is not seen in a deck


@dataclass(frozen=True)
class Changes:
    """What moved from edition to edition.

    Attributes
    ----------
    table : DataFrame
        client, quarter (of the edition in which it is seen), kind (restated, forecast, promise), item, before, now
        (minutes per computer and month), text.
    """

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """A line each, by client."""
        lines = [f"{client}\n" + "\n".join(f"  {row.quarter} {row.text}" for row in rows.itertuples())
                 for client, rows in self.table.groupby("client", sort=True)]  # fmt: skip
        return "\n".join(lines) or "Nothing moved between the editions."

    def summary(self) -> pd.DataFrame:
        """How many of each kind, by edition."""
        return self.table.groupby(["quarter", "kind"]).size().unstack(fill_value=0)


def changes(folder: Path, since: str = "") -> Changes:
    """Return what moved between the editions of a workspace.

    Parameters
    ----------
    folder : Path
        Workspace.
    since : str
        The first edition to look at, such as 2026Q1; all by default.

    Raises
    ------
    ParameterError
        The quarter is not one.
    NotEnoughData
        There are not two editions to compare.

    Examples
    --------
    >>> changes(Path("data/sample"), since="2026Q1").summary()  # doctest: +SKIP
    """
    first = since.strip().upper()
    if first:
        quarter_bounds(first)
    made = {
        client: {quarter: review for quarter, review in found.items() if quarter >= first}
        for client, found in editions(find_reports(folder), read_settings(folder)).items()
    }
    pairs = [
        (client, *pair)
        for client, found in made.items()
        for pair in pairwise(found[quarter] for quarter in sorted(found))
    ]
    if not pairs:
        raise NotEnoughData("there are not two editions to compare.", where=str(folder),
                            fix="Make them: `rhem review DIR --quarter 2026Q1`, then the next.")  # fmt: skip
    rows = [
        (client, new.quarter, *row)
        for client, old, new in pairs
        for row in (*_restated(old, new), *_forecast(old, new), *_promises(new))
    ]
    return Changes(pd.DataFrame(rows, columns=COLUMNS))


def editions(home: Path, settings: Settings) -> dict[str, dict[str, Review]]:
    """Return the reviews that were made before, by client under today's name, and by quarter."""
    names = {normal_name(alias): name for name, own in settings.clients.items() for alias in own.aliases}
    made: dict[str, dict[str, Review]] = {}
    for path in sorted(home.glob("[0-9]*Q[1-4]/clients/*/review.json")):
        try:
            review = Review.from_json(path.read_bytes())
        except InputError:  # of another version of this software
            continue
        made.setdefault(names.get(normal_name(review.client), review.client), {})[review.quarter] = review
    return made


def _restated(old: Review, new: Review) -> list[tuple]:
    """The earlier edition's quarter, as it was printed and as its months are now."""
    past = old.printed
    now = moved(past, new.table)
    if now is None:
        return []
    parts = (("hours", past.hours, now.hours), ("computer-months", past.exposure, now.exposure))
    by = [f"{what} {number(a, 1)}, now {number(b, 1)}" for what, a, b in parts if abs(a - b) >= LEAST]
    figures = f"restates {old.quarter}: {number(past.minutes, 1)} minutes, now {number(now.minutes, 1)}"
    text = f"{figures}; records were added or corrected ({'; '.join(by)})"
    return [("restated", old.quarter, past.minutes, now.minutes, text)]


def _forecast(old: Review, new: Review) -> list[tuple]:
    """What the earlier edition forecast of the quarter that followed it, against what came."""
    ahead = old.printed.ahead
    if not ahead.known or pd.Period(new.quarter, "Q") != pd.Period(old.quarter, "Q") + 1:
        return []
    held = "held" if ahead.low <= new.minutes <= ahead.high else "did not hold"
    spread = f"{number(ahead.value)} ({number(ahead.low)} to {number(ahead.high)})"
    return [("forecast", new.quarter, ahead.value, new.minutes,
             f"forecast {spread}, {number(new.minutes)} came: it {held}")]  # fmt: skip


def _promises(new: Review) -> list[tuple]:
    """Promises kept and open, and what became of their cause."""
    tables = [s.table for s in new.sections if s.key == "promises" and s.table is not None]
    return [
        (
            "promise", row.promise, row.before, row.now,
            f"promise '{row.promise}' ({row.owner}, due {row.due:%Y-%m-%d}): {row.state}; its cause: "
            f"{str(row.effect).lower()}",
        )
        for table in tables
        for row in table[table["kind"] == "promise"].itertuples()
    ]  # fmt: skip
