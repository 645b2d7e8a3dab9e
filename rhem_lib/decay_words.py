"""The decay finding in words: does support load go from 1 hour to 15 minutes in 12 months?"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rhem_lib.book import Months
from rhem_lib.decline import Gate

if TYPE_CHECKING:
    from rhem_lib.decay import DecayFit

TARGET_MONTHS = 12
SHAPE_MARGIN = 4.0
TAUS_TO_SEE_FLOOR, TAUS_TO_MISS_START = 2.5, 0.5
ONE_SEASON = 2  # calendar months of onboarding


def tell(fit: "DecayFit") -> str:
    """Paragraph for analysts; levels in minutes per endpoint per month."""
    told = [f"The decay after onboarding cannot be estimated: {fit.missing}."]
    if fit.core is not None:
        months = fit.core.model.months
        kinds = ", ".join(f"{n} {kind}" for kind, n in fit.clients["follows"].value_counts().items())
        silent = sorted(name for name, hours in zip(fit.names, months.rate.sum(axis=1), strict=True) if not hours)
        told = [_story(fit, months), _season(fit), f"Client by client: {kinds}."]
        if silent:
            told.append(f"No reactive hours at all, perhaps because they are kept elsewhere: {', '.join(silent)}.")
    if fit.left_out:
        told.append(f"Left out, because age or endpoints are unknown: {', '.join(fit.left_out)}.")
    return " ".join(filter(None, told))


def _story(fit: "DecayFit", months: Months) -> str:
    """From onboarding to the target, or that there is no decline."""
    minutes = fit.population * 60
    counts = f"{len(fit.clients)} clients, {int(months.used.sum()):,} client-months"
    if not fit.gate.declines:
        return _flat(minutes, fit.gate, counts)
    level = fit.population.loc["rhem_12_h"]
    verdict = "the data cannot tell whether it is there by then"
    if level["high"] <= fit.target_h:
        verdict = "it is at or under that by then"
    elif level["low"] > fit.target_h:
        verdict = "it has not come down to that by then"
    return (
        f"Over {counts}, the typical client goes from {_range(minutes, 'start_h')} minutes per endpoint and month "
        f"at onboarding to {_range(minutes, 'rhem_12_h')} after {TARGET_MONTHS} months; the target is "
        f"{60 * fit.target_h:.0f} minutes, and {verdict}. The mean of the clients is "
        f"{_range(minutes, 'rhem_12_h', 'mean_')} minutes at {TARGET_MONTHS} months. The distance to the floor "
        f"halves every {_range(fit.population, 'half_life_months', '', '.1f')} months. "
        f"{_arrival(fit.population.loc['months_to_target'])} {_caveats(fit, months)}"
    )


def _season(fit: "DecayFit") -> str:
    """The wave taken out; or that a season may pass for a decline, where all clients start at one time of year."""
    if fit.season is not None:
        return f"A yearly wave was taken out. {fit.season.text}"
    starts = set() if fit.calendar is None else set(fit.calendar["first"].dt.month.dropna())
    doubtful = fit.gate.declines and 0 < len(starts) <= ONE_SEASON
    return "All clients start at one time of the year, so a season can pass for a decline." if doubtful else ""


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


def _arrival(months: pd.Series) -> str:
    """When the typical client is at the target."""
    when = months.map(lambda value: f"{value:.0f}" if np.isfinite(value) else "never")
    if when["low"] == "never":
        return "The target is never reached, nor at any point of the 95 % interval."
    said = "is never reached" if when["estimate"] == "never" else f"is reached in month {when['estimate']}"
    return f"The target {said} (95 % interval month {when['low']} to {when['high']})."


def _caveats(fit: "DecayFit", months: Months) -> str:
    """Which curve the data support, and whether start and floor were seen."""
    rivals = fit.shapes["aic"].drop("exponential")
    lead, rival = rivals.min() - fit.shapes.loc["exponential", "aic"], rivals.idxmin()
    told = f"A {rival} curve describes the data better than an exponential one."
    if lead >= SHAPE_MARGIN:
        told = "An exponential fall describes the data best of the curves tried."
    elif lead > -SHAPE_MARGIN:
        told = f"The data do not tell an exponential fall from a {rival} one."
    tau, first = fit.population.loc["half_life_months", "estimate"] / np.log(2), months.age_start[:, 0].min()
    if (months.age_end * months.used).max() < TAUS_TO_SEE_FLOOR * tau:
        told += " No client was followed long enough to see its floor, so that is a guess."
    if first > TAUS_TO_MISS_START * tau:
        told += f" No client was seen in its first {first:.0f} months, so the start is a guess."
    return told
