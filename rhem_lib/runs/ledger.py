"""What moved between editions: figures that were restated and why, forecasts against what came, promises."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from rhem_lib.errors import NotEnoughData
from rhem_lib.language import number
from rhem_lib.review import Review
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import Settings, normal_name, read_settings
from rhem_lib.storage import find_reports

COLUMNS = ["client", "quarter", "kind", "item", "before", "now", "text"]
RESTATED = 0.05  # minutes; less is not seen in a deck


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
    names = _names(read_settings(folder))
    made: dict[str, dict[str, Review]] = {}
    for path in sorted(find_reports(folder).glob("[0-9]*Q[1-4]/clients/*/review.json")):
        review = Review.from_json(path.read_text(encoding="utf-8"))
        client = names.get(normal_name(review.client), review.client)
        if review.quarter >= first:
            made.setdefault(client, {})[review.quarter] = review
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


def _names(settings: Settings) -> dict[str, str]:
    """Today's name of every client by its names of before, so that a ledger survives a change of name."""
    return {normal_name(alias): name for name, own in settings.clients.items() for alias in own.aliases}


def _restated(old: Review, new: Review) -> list[tuple]:
    """The earlier edition's quarter, as it was printed and as its months are now."""
    start, end = quarter_bounds(old.quarter)
    inside = [r.table[r.table["month"].between(start, end, inclusive="left")] for r in (old, new)]
    sums = [months[["reactive_hours", "exposure"]].sum() for months in inside]
    hours, computers = (np.array([s[name] for s in sums]) for name in ("reactive_hours", "exposure"))
    before, now = 60 * hours / np.where(computers > 0, computers, np.nan)
    if not abs(now - before) >= RESTATED:
        return []
    parts = (("hours", hours), ("computer-months", computers))
    moved = [f"{what} {number(a, 1)}, now {number(b, 1)}" for what, (a, b) in parts if abs(a - b) >= RESTATED]
    figures = f"restates {old.quarter}: {number(before)} minutes, now {number(now)}"
    text = f"{figures}; records were added or corrected ({'; '.join(moved)})"
    return [("restated", old.quarter, before, now, text)]


def _forecast(old: Review, new: Review) -> list[tuple]:
    """What the earlier edition forecast of the quarter that followed it, against what came."""
    levels = old["quarter"].table
    ahead = levels[levels["key"] == "ahead"] if levels is not None else pd.DataFrame()
    if ahead.empty or pd.Period(new.quarter, "Q") != pd.Period(old.quarter, "Q") + 1:
        return []
    value, low, high = ahead[["minutes", "low", "high"]].iloc[0]
    held = "held" if low <= new.minutes <= high else "did not hold"
    said = f"forecast {number(value)} ({number(low)} to {number(high)}), {number(new.minutes)} came: it {held}"
    return [("forecast", new.quarter, float(value), new.minutes, said)]


def _promises(new: Review) -> list[tuple]:
    """Promises kept and open, and what became of their cause."""
    table = next((s.table for s in new.sections if s.key == "promises"), None)
    if table is None:
        return []
    return [
        (
            "promise", row.promise, row.before, row.now,
            f"promise '{row.promise}' ({row.owner}, due {row.due:%Y-%m-%d}): {row.state}; its cause: "
            f"{str(row.effect).lower()}",
        )
        for row in table.itertuples()
    ]  # fmt: skip
