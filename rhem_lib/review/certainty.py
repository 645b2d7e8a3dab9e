"""How sure a difference is, and the words for it: one table for all degrees of certainty.

A difference of two standard errors or more is firm, one of one or more is likely (a change: of 1.645 or more; of
a client's quarter: none under 3), anything less is within normal ups and downs. No other module compares a
difference with its error.
"""

from dataclasses import dataclass

import numpy as np

from rhem_lib.language import mark, t

FIRM, LIKELY = 2.0, 1.0  # standard errors
MOVED = 1.645  # for a change to be likely: most quarters do not move, and a tenth of those may seem to
# Of one client's quarter, never likely: where one in ten brings a change, of those at 2.5 to 3 errors that also
# miss their forecast six of ten are true, of those at 3 or more nine of ten.
QUARTER = 3.0
Z95 = 1.96  # half-width of a 95% interval in standard errors
STEPS = {"unclear": 0, "likely": 1, "firm": 2}  # away from the middle of a ladder
Ladder = tuple[str, str, str, str, str]  # firm and likely less, unclear, likely and firm more

LADDERS: dict[str, Ladder] = {
    "change": (
        mark("down from {before}"),
        mark("probably down from {before}"),
        mark("within normal ups and downs"),
        mark("probably up from {before}"),
        mark("up from {before}"),
    ),
    "goal": (
        mark("under our goal of {line}"),
        mark("probably under our goal of {line}"),
        mark("not clearly above or under our goal of {line}"),
        mark("probably above our goal of {line}"),
        mark("above our goal of {line}"),
    ),
    "goal, mark": (
        mark("● Under the goal of {line}"),
        mark("● Probably under the goal of {line}"),
        mark("○ Not clearly above or under the goal of {line}"),
        mark("▲ Probably above the goal of {line}"),
        mark("▲ Above the goal of {line}"),
    ),
    "together": (
        mark("more than chance explains"),
        mark("probably more than chance"),
        mark("may be chance"),
        mark("probably more than chance"),
        mark("more than chance explains"),
    ),
    "cause": (
        mark("Fell"),
        mark("Fell, but may be chance"),
        mark("Too early to tell"),
        mark("Rose, but may be chance"),
        mark("Rose"),
    ),
}


@dataclass(frozen=True)
class Difference:
    """One number less another, with its standard error.

    >>> Difference(-3.0, se=1.0).sure
    'firm'
    >>> Difference(-3.0, se=1.0).say("goal", line=15)
    'under our goal of 15'
    """

    value: float
    se: float
    likely: float = LIKELY
    firm: float = FIRM

    @property
    def sure(self) -> str:
        """Return 'firm', 'likely' or 'unclear'; without any spread at most 'likely'."""
        size = abs(self.value)
        if not np.isfinite(size) or size == 0 or not self.se >= 0:
            return "unclear"
        if self.se > 0 and size >= self.firm * self.se:
            return "firm"
        return "likely" if size >= self.likely * self.se else "unclear"

    @property
    def more(self) -> bool:
        """Whether it is likely or firmly above zero."""
        return self.value > 0 and self.sure != "unclear"

    @property
    def less(self) -> bool:
        """Whether it is likely or firmly below zero."""
        return self.value < 0 and self.sure != "unclear"

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.value - Z95 * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95% interval."""
        return self.value + Z95 * self.se

    def say(self, ladder: str, **values: object) -> str:
        """Return the ladder's message for this difference, with its {values}."""
        step = STEPS[self.sure]
        return t(LADDERS[ladder][2 - step if self.value < 0 else 2 + step], **values)
