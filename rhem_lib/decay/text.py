"""The decay finding in words: does support load fall as the target claims?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rhem_lib.decay.client_months import Months
from rhem_lib.decay.decline_test import Gate
from rhem_lib.decay.season import Season
from rhem_lib.settings import Target

SHAPE_MARGIN = 4.0
TAUS_TO_SEE_FLOOR, TAUS_TO_MISS_START = 2.5, 0.5
ONE_SEASON = 2  # calendar months of onboarding


def tell(population: pd.DataFrame, shapes: pd.DataFrame, gate: Gate, target: Target, months: Months) -> str:
    """From onboarding to the target, or that there is no decline; in minutes per endpoint per month.

    Parameters are those of `decay.DecayFit`, and the months that were fitted.
    """
    minutes = population * 60
    counts = f"{len(months.used)} clients, {int(months.used.sum()):,} client-months"
    if not gate.declines:
        return _flat(minutes, gate, target, counts)
    level = population.loc[target.level_column]
    verdict = "the data cannot tell whether it is there by then"
    if level["high"] <= target.target_h:
        verdict = "it is at or under that by then"
    elif level["low"] > target.target_h:
        verdict = "it has not come down to that by then"
    return (
        f"Over {counts}, the typical client goes from {_range(minutes, 'start_h')} minutes per endpoint and month "
        f"at onboarding to {_range(minutes, target.level_column)} after {target.months} months; the claim is "
        f"{target.text}, and {verdict}. The mean of the clients is "
        f"{_range(minutes, target.level_column, 'mean_')} minutes at {target.months} months. "
        f"The distance to the floor halves every {_range(population, 'half_life_months', '', '.1f')} months. "
        f"{_arrival(population.loc['months_to_target'])} {_caveats(population, shapes, months)}"
    )


def tell_season(season: Season | None, gate: Gate, calendar: pd.DataFrame | None) -> str:
    """The wave taken out; or that a season may pass for a decline, where all clients start at one time of year."""
    if season is not None:
        return f"A yearly wave was taken out. {season.text}"
    starts = set() if calendar is None else set(calendar["first"].dt.month.dropna())
    doubtful = gate.declines and 0 < len(starts) <= ONE_SEASON
    return "All clients start at one time of the year, so a season can pass for a decline." if doubtful else ""


def tell_clients(names: Sequence[str], follows: pd.Series, months: Months) -> str:
    """How many clients do what, and who has no hours at all."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in follows.value_counts().items())
    silent = sorted(name for name, rate in zip(names, months.rate.sum(axis=1), strict=True) if not rate)
    elsewhere = f" No reactive hours at all, perhaps because they are kept elsewhere: {', '.join(silent)}."
    return f"Client by client: {kinds}.{elsewhere if silent else ''}"


def _flat(minutes: pd.DataFrame, gate: Gate, target: Target, counts: str) -> str:
    if not np.isfinite(gate.log_ratio):
        return f"No decline detected: over {counts}, no two clients have early and late months to compare."
    return (
        f"No decline detected over {counts}, so no half-life is given. {gate.text} The typical client is at "
        f"{_range(minutes, target.level_column)} minutes per endpoint and month at month {target.months}."
    )


def _range(table: pd.DataFrame, row: str, who: str = "", form: str = ".0f") -> str:
    estimate, low, high = table.loc[row, [f"{who}estimate", f"{who}low", f"{who}high"]]
    return f"{estimate:{form}} (95 % interval {low:{form}} to {high:{form}})"


def _arrival(months: pd.Series) -> str:
    """When the typical client is at the target."""
    when = months.map(lambda value: f"{value:.0f}" if np.isfinite(value) else "never")
    if when["low"] == "never":
        return "The target is never reached, nor at any point of the 95 % interval."
    said = "is never reached" if when["estimate"] == "never" else f"is reached in month {when['estimate']}"
    return f"The target {said} (95 % interval month {when['low']} to {when['high']})."


def _caveats(population: pd.DataFrame, shapes: pd.DataFrame, months: Months) -> str:
    """Which curve the data support, and whether start and floor were seen."""
    rivals = shapes["aic"].drop("exponential")
    lead, rival = rivals.min() - shapes.loc["exponential", "aic"], rivals.idxmin()
    told = f"A {rival} curve describes the data better than an exponential one."
    if lead >= SHAPE_MARGIN:
        told = "An exponential fall describes the data best of the curves tried."
    elif lead > -SHAPE_MARGIN:
        told = f"The data do not tell an exponential fall from a {rival} one."
    tau, first = population.loc["half_life_months", "estimate"] / np.log(2), months.age_start[:, 0].min()
    if (months.age_end * months.used).max() < TAUS_TO_SEE_FLOOR * tau:
        told += " No client was followed long enough to see its floor, so that is a guess."
    if first > TAUS_TO_MISS_START * tau:
        told += f" No client was seen in its first {first:.0f} months, so the start is a guess."
    return told
