"""How sure a difference is, and the words for it: one table for all degrees of certainty.

A difference of two standard errors or more is firm, one of one or more is likely, anything less is too early to
call. No other module compares a difference with its error.
"""

from dataclasses import dataclass

import numpy as np

from rhem_lib.language import mark, t

FIRM, LIKELY = 2.0, 1.0  # standard errors
STEPS = {"too early": 1, "likely": 2, "firm": 3}  # away from "about the same", the middle of a ladder
Ladder = tuple[str, str, str, str, str, str, str]  # firm, likely, early less; same; early, likely, firm more


def _ladder(less: tuple[str, str], same: str, more: tuple[str, str]) -> Ladder:
    """A ladder that says the same of every difference that it is too early to call."""
    return (*less, same, same, same, *more)


LADDERS: dict[str, Ladder] = {
    "change, title": (
        mark("{What} fell to {minutes} per computer a month"),
        mark("{What} likely fell, to {minutes} per computer a month"),
        mark("{What} took {minutes} per computer a month"),
        mark("{What} stayed at about {minutes} per computer a month"),
        mark("{What} took {minutes} per computer a month"),
        mark("{What} likely rose, to {minutes} per computer a month"),
        mark("{What} rose to {minutes} per computer a month"),
    ),
    "change": (
        mark("That is {by} less than the quarter before, clearly a real change."),
        mark("That is {by} less than the quarter before, likely a real change."),
        mark("The quarter before took {before}; it is too early to call that a real change."),
        mark("The quarter before took {before}: too small a change to tell from chance."),
        mark("The quarter before took {before}; it is too early to call that a real change."),
        mark("That is {by} more than the quarter before, likely a real change."),
        mark("That is {by} more than the quarter before, clearly a real change."),
    ),
    "target": (
        mark("That is clearly under our {line}-minute line."),
        mark("That is likely under our {line}-minute line."),
        mark("It is too early to tell whether it is really under our {line}-minute line."),
        mark("That is close to our {line}-minute line."),
        mark("It is too early to tell whether it is really above our {line}-minute line."),
        mark("That is likely above our {line}-minute line."),
        mark("That is clearly above our {line}-minute line."),
    ),
    "expected, title": _ladder(
        (
            mark("The quarter was clearly better than the path we expected"),
            mark("The quarter was likely better than the path we expected"),
        ),
        mark("The quarter was in line with the path we expected"),
        (
            mark("The quarter was likely worse than the path we expected"),
            mark("The quarter was clearly worse than the path we expected"),
        ),
    ),
    "above what was expected": _ladder(
        ("", ""),
        "",
        (
            mark("The quarter was likely above what we expected."),
            mark("The quarter was clearly above what we expected."),
        ),
    ),
    "typical client": _ladder(
        (mark("Other clients of this age usually need more, about {usual}."),) * 2,
        mark("Other clients of this age usually need about {usual}: much the same."),
        (mark("Other clients of this age usually need less, about {usual}."),) * 2,
    ),
}


@dataclass(frozen=True)
class Difference:
    """One number less another, with its standard error; up to `near` it is about the same.

    >>> Difference(-3.0, se=1.0).sure
    'firm'
    >>> Difference(-3.0, se=1.0).say("target", line=15)
    'That is clearly under our 15-minute line.'
    """

    value: float
    se: float
    near: float = 0.0

    @property
    def sure(self) -> str:
        """Return 'firm', 'likely' or 'too early'; without any spread at most 'likely'."""
        size = abs(self.value)
        if not np.isfinite(size) or size == 0 or self.se < 0:
            return "too early"
        if self.se > 0 and size >= FIRM * self.se:
            return "firm"
        return "likely" if size >= LIKELY * self.se else "too early"

    @property
    def more(self) -> bool:
        """Whether it is likely or firmly above zero."""
        return self.value > 0 and self.sure != "too early"

    def say(self, ladder: str, **values: object) -> str:
        """Return the ladder's message for this difference, '' where it has none, with its {values}."""
        same = self.sure == "too early" and abs(self.value) <= self.near
        step = 0 if same else STEPS[self.sure]
        message = LADDERS[ladder][3 - step if self.value < 0 else 3 + step]
        return t(message, **values) if message else ""
