"""A section of a review, and the words that all sections share."""

from dataclasses import dataclass, field

import pandas as pd

from rhem_lib.language import month_name, t
from rhem_lib.review.facts import Facts


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
        promises: table, chart, box. plan: a wide table. table: table and boxes. text: paragraphs alone.
    charts : tuple of str
        Head and unit of each chart, as "Head: unit".
    heads : dict of str
        Headings of the columns of the table that a reader sees, in their order.
    footnote : str
        One line below: what ranges are, what is left out.
    left : int
        How many of the paragraphs are in the left of two boxes.
    appendix, shown : bool
        A section that is not shown has no slide.

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


def spell(f: Facts) -> str:
    """The quarter's months in service, in words."""
    served = f.served["month"].tolist()
    first, last, year = month_name(served[0]), month_name(served[-1]), f.start.year
    if len(served) == 3:
        return t("{first} to {last} {year}", first=first, last=last, year=year)
    return t("{first} and {last} {year}", first=first, last=last, year=year) if served[1:] else f"{first} {year}"
