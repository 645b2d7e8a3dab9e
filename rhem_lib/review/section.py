"""A section of a review, and the words that all sections share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rhem_lib.language import month_name, number, percent, short_day, signed, t
from rhem_lib.review.facts import Facts

SECOND = {"found": "evidence", "action": "detail", "goal": None, "helped": None, "step": None}  # line of a cell
CHARTED = ("forecast", "evidence")  # kinds of rows that are in a chart
ONE_DECIMAL = ("usual", "minutes_before", "minutes", "change", "share")  # columns of numbers that compare


@dataclass(frozen=True, eq=False)
class Section:
    """One topic of a review: a full-sentence title, paragraphs, a tidy table, and their layout.

    Attributes
    ----------
    key, title : str
    paragraphs : tuple of str
        A paragraph "Head: text" has its head in bold where the layout is one of boxes.
    table : DataFrame, optional
        Columns named key, kind, state or measure are for programs; all other words are for the reader.
    notes : str
        For the speaker: the evidence, and how sure we are.
    layout : str
        quarter: a number, a chart of levels, three boxes. months, ages: a line. why, worth: two charts, two boxes.
        promises: table, chart, box. plan: a wide table. evidence: that over charts of two causes,
        or of one beside text. table: table and boxes. text: paragraphs, a picture.
    charts : tuple of str
        Head and unit of each chart, as "Head: unit".
    heads : dict of str
        Headings of the columns of the table that a reader sees, in their order.
    footnote : str
        One line below: what ranges are, what is left out.
    left : int
        How many of the paragraphs are in the left of two boxes.
    appendix, shown, edited : bool
        A section that is not shown has no slide. The words of one that is edited are a person's.
    picture : str
        A file beside the paragraphs.

    Examples
    --------
    >>> Section("goals", "This is the goal that we work for", ("Fewer problems with email",)).layout
    'text'
    """

    key: str
    title: str
    paragraphs: tuple[str, ...]
    table: pd.DataFrame | None = None
    notes: str = ""
    layout: str = "text"
    charts: tuple[str, ...] = ()
    heads: dict[str, str] = field(default_factory=dict)
    footnote: str = ""
    left: int = 0
    appendix: bool = False
    shown: bool = True
    edited: bool = False
    picture: str = ""

    @property
    def cells(self) -> list[list[tuple[str, str]]]:
        """The cells of the columns that have a heading, as a reader sees them: text, and a second line."""
        rows = pd.DataFrame() if self.table is None else self.table.astype(object)
        shown = rows[~rows["kind"].isin(CHARTED)] if "kind" in rows else rows
        records = shown.to_dict("records")
        return [[_cell(record, column) for column in self.heads] for record in records]


def _digits(record: dict[Any, Any], column: str) -> int:
    """Decimals of a cell: one for minutes, and for all of a row of which one other number has a fraction."""
    rest = [v for key, v in record.items() if isinstance(v, float) and np.isfinite(v) and key not in ONE_DECIMAL]
    return int(column in ONE_DECIMAL or any(v != round(v) for v in rest))


def _wide(text: str) -> str:
    """Keep the gap between boxes to tick."""
    return text.replace("   ", 3 * "\N{NO-BREAK SPACE}")


def _cell(record: dict[Any, Any], column: str) -> tuple[str, str]:
    """A cell's text and its second line."""
    value = record[column]
    if column == "decision":
        return (_wide(t("□ Yes   □ No")) if value else t("none needed")), ""
    if column == "saves":
        if not np.isfinite(value):
            return "–", ""
        spread = t("{low} to {high}", low=float(record["saves_low"]), high=float(record["saves_high"]))
        return t("{minutes}", minutes=float(value)), spread
    if isinstance(value, pd.Timestamp):
        return short_day(value), ""
    if not isinstance(value, float):
        text, _, rest = str(value).strip().partition("\n") if column in SECOND else (str(value), "", "")
        return _wide(text), rest or str(record.get(SECOND.get(column), ""))
    if column == "change":
        return signed(value, 1), ""
    return (percent(value) if column == "share" else number(value, _digits(record, column))), ""


def spell(f: Facts) -> str:
    """The quarter's months in service, in words."""
    served = f.served["month"].tolist()
    first, last, year = month_name(served[0]), month_name(served[-1]), f.start.year
    if len(served) == 3:
        return t("{first} to {last} {year}", first=first, last=last, year=year)
    return t("{first} and {last} {year}", first=first, last=last, year=year) if served[1:] else f"{first} {year}"
