"""A section of a review, and the words that all sections share."""

from dataclasses import dataclass, field

import pandas as pd

from rhem_lib.language import month_name, number, t
from rhem_lib.review.facts import Facts


@dataclass(frozen=True, eq=False)
class Section:
    """One topic of a review: a full-sentence title, paragraphs, a tidy table, and their layout.

    Attributes
    ----------
    key, title : str
    paragraphs : tuple of str
    table : DataFrame, optional
        Columns named key, kind or measure are for programs; all other words are for the reader.
    notes : str
        For the speaker.
    layout : str
        headline: the review's number and the table's levels. lines: a chart by month or age. columns: a small
        chart per measure. bars: a chart of the rows of the first kind, a table of the others. table: beside the
        paragraphs. plan: a wide table above them. list: a wide table that repeats them. text: no table.
    chart : str
        Title of the chart of lines or bars.
    heads : dict of str
        Headings of the columns of the table that a reader sees, in their order.
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
    chart: str = ""
    heads: dict[str, str] = field(default_factory=dict)
    appendix: bool = False
    shown: bool = True


def spell(f: Facts) -> str:
    """The quarter's months in service, in words."""
    served = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].tolist()
    first, last, year = month_name(served[0]), month_name(served[-1]), f.start.year
    if len(served) == 3:
        return t("{first} to {last} {year}", first=first, last=last, year=year)
    return t("{first} and {last} {year}", first=first, last=last, year=year) if served[1:] else f"{first} {year}"


def evidence(f: Facts) -> str:
    """What the headline rests on, for the speaker notes."""
    return t(
        "Evidence: {hours} {hours_are} and {problems} over {exposure} computer-months ({period}). "
        "By chance alone the figure moves by about {minutes} either way.",
        hours=number(f.now.hours, 1), hours_are=t(f.settings.hours_are), problems=f.now.tickets,
        exposure=number(f.now.exposure, 1), period=spell(f), minutes=f.now.se,
    )  # fmt: skip
