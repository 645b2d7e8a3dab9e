"""The billing comparison in words."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.billing.groups import RATIO_TO_SHOW
from rhem_lib.settings import Target

OWNER = {
    "faster": "Fixed-fee clients improve faster than hourly clients of the same size",
    "slower": "Fixed-fee clients improve more slowly than hourly clients of the same size",
    "no clear difference": "There is no clear difference in how fast fixed-fee and hourly clients improve",
}
HALF_LIFE = "half-life ratio"


@dataclass(frozen=True)
class Power:
    """What a book can show: at 80 % power and a two-sided test at 5 %.

    smallest_ratio : the half-life ratio nearest to 1 that this book would find four times in five
    bound : the same if the same clients were watched for ever
    clients : clients compared; clients_needed : clients needed to show `ratio`, at this book's mix
    """

    smallest_ratio: float
    bound: float
    clients: int
    clients_needed: int
    ratio: float = RATIO_TO_SHOW

    @property
    def text(self) -> str:
        """What could have been seen, and how many clients another answer takes."""
        needed = f"to show a half-life ratio of {self.ratio} takes about {self.clients_needed} clients"
        if not np.isfinite(self.smallest_ratio):
            return f"No comparison was possible; {needed}."
        return (
            f"With {self.clients} clients this book shows a half-life ratio of {self.smallest_ratio:.2f} or less "
            f"four times in five; {needed}. More months of the same clients bring that to {self.bound:.2f} at "
            "best."
        )


def too_early(missing: str, power: Power) -> str:
    """Nothing can be said yet, and what is missing."""
    return (
        f"Whether fixed-fee clients improve faster: too early to tell, because {missing}. To show a half-life "
        f"ratio of {power.ratio} takes about {power.clients_needed} clients."
    )


def finding(
    verdict: str, found: tuple[float, float, float, float], sooner: tuple[float, float, float], target: Target
) -> str:
    """The verdict for an owner, then the ratio, then months."""
    ratio, low, high, p_value = found
    story = (
        f"{OWNER[verdict]}: under a fixed fee the distance to the floor halves in {ratio:.2f} times the months "
        f"(95 % interval {low:.2f} to {high:.2f}, p = {p_value:.2g})."
    )
    months, first, last = sooner
    goal = f"{60 * target.target_h:.0f} minutes"
    if not np.isfinite(months):
        return f"{story} Their floor may not lie under {goal}, so months to it are not compared."
    reach = f" ({first:+.1f} to {last:+.1f})" if np.isfinite(first) else " (how sure is open)"
    when = "sooner" if months >= 0 else "later"
    return (
        f"{story} From the same start to the same floor fixed-fee clients come to {goal} "
        f"{abs(months):.1f} months {when}{reach}."
    )


def notes(table: pd.DataFrame) -> str:
    """What to know of each analysis, and why some could not be made."""
    told = table[table["note"] != ""].groupby("note", sort=False)["analysis"].agg(", ".join)
    return "\n".join(f"{names}: {note}." for note, names in told.items())


def agreement(table: pd.DataFrame) -> str:
    """Whether the analyses of the half-life ratio agree with the primary one, in one sentence."""
    judged = table[(table["quantity"] == HALF_LIFE) & (table["verdict"] != "")]
    if judged.empty:
        return "There is no analysis to compare."
    first, rest = judged["verdict"].iloc[0], judged.iloc[1:]
    away = rest[rest["verdict"] != first]
    if away.empty:
        return f"All {len(judged)} analyses of the half-life agree: {first}."
    told = "; ".join(f"'{name}' says {', '.join(rows['analysis'])}" for name, rows in away.groupby("verdict"))
    opposed = {"faster", "slower"} <= set(judged["verdict"])
    return (
        f"Of {len(judged)} analyses of the half-life {len(judged) - len(away)} say '{first}', "
        f"{'and others say the opposite' if opposed else 'none says the opposite'}: {told}."
    )
