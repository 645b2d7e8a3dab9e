"""The decay finding in words: does support load go from 1 hour to 15 minutes in 12 months?"""

import numpy as np
import pandas as pd

from rhem_lib.decline import Gate

TARGET_MONTHS = 12
SHAPE_MARGIN = 4.0
TAUS_TO_SEE_FLOOR = 2.5


def tell(
    population: pd.DataFrame,
    shapes: pd.DataFrame,
    gate: Gate,
    target_h: float,
    counts: str,
    followed_months: float,
) -> str:
    """Paragraph for analysts; levels in minutes per endpoint per month.

    Parameters
    ----------
    population, shapes, gate, target_h
        As in `decay.DecayFit`.
    counts : str
        How many clients and months.
    followed_months : float
        Greatest age in the data.
    """
    minutes = population * 60
    if not gate.declines:
        return _flat(minutes, gate, counts)
    level, months = population.loc["rhem_12_h"], population.loc["months_to_target"]
    verdict = "the data cannot tell whether it is at the target by then"
    if level["high"] <= target_h:
        verdict = "so it is at or under the target by then"
    elif level["low"] > target_h:
        verdict = "so it has not reached the target by then"
    return (
        f"Over {counts}, the typical client goes from {_range(minutes, 'start_h')} minutes per endpoint and month "
        f"at onboarding to {_range(minutes, 'rhem_12_h')} after {TARGET_MONTHS} months; the target is "
        f"{60 * target_h:.0f} minutes, and {verdict}. The mean of the clients is "
        f"{_range(minutes, 'rhem_12_h', 'mean_')} minutes at {TARGET_MONTHS} months. The distance to the floor "
        f"halves every {_range(population, 'half_life_months', '', '.1f')} months, and the target is reached "
        f"after {_months(months['estimate'])} (95 % interval {_months(months['low'])} to "
        f"{_months(months['high'])}). {_caveats(population, shapes, followed_months)}"
    )


def _flat(minutes: pd.DataFrame, gate: Gate, counts: str) -> str:
    if not np.isfinite(gate.log_ratio):
        return f"No decline detected: over {counts}, no two clients have early and late months to compare."
    return (
        f"No decline detected over {counts}, so no half-life is given. {gate.text} The typical client stands at "
        f"{_range(minutes, 'rhem_12_h')} minutes per endpoint and month at month {TARGET_MONTHS}."
    )


def _range(table: pd.DataFrame, row: str, who: str = "", form: str = ".0f") -> str:
    estimate, low, high = table.loc[row, [f"{who}estimate", f"{who}low", f"{who}high"]]
    return f"{estimate:{form}} (95 % interval {low:{form}} to {high:{form}})"


def _months(value: float) -> str:
    return f"{value:.0f} months" if np.isfinite(value) else "never"


def _caveats(population: pd.DataFrame, shapes: pd.DataFrame, followed_months: float) -> str:
    """Which curve the data support, and whether the floor was seen."""
    rivals = shapes["aic"].drop("exponential")
    lead, rival = rivals.min() - shapes.loc["exponential", "aic"], rivals.idxmin()
    curve = f"A {rival} curve describes the data better than an exponential one."
    if lead >= SHAPE_MARGIN:
        curve = "An exponential fall describes the data best of the curves tried."
    elif lead > -SHAPE_MARGIN:
        curve = f"The data do not tell an exponential fall from a {rival} one."
    tau = population.loc["half_life_months", "estimate"] / np.log(2)
    seen = followed_months >= TAUS_TO_SEE_FLOOR * tau
    return curve if seen else f"{curve} No client was followed long enough to see its floor, so that is a guess."
