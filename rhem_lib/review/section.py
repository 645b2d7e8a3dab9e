"""A section of a review, and the words that all sections share."""

from dataclasses import dataclass

import pandas as pd

from rhem_lib.language import minutes, month_name, number, problems, t
from rhem_lib.review.facts import Facts


@dataclass(frozen=True, eq=False)
class Section:
    """One topic of a review: a full-sentence title, paragraphs, an optional tidy table, notes for the speaker.

    A section that is not `shown` has no slide.
    In the table, columns named key, kind or measure are for programs; all other words are for the reader.
    """

    key: str
    title: str
    paragraphs: tuple[str, ...]
    table: pd.DataFrame | None = None
    notes: str = ""
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
        hours=number(f.now.hours, 1),
        hours_are=t(f.settings.hours_are),
        problems=problems(f.now.tickets),
        exposure=number(f.now.exposure, 1),
        period=spell(f),
        minutes=minutes(f.now.se),
    )
