"""Figures of the comparison of groups of clients: fixed fee against hourly."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from rhem_lib.billing import HALF_LIFE
from rhem_lib.figures.theme import (
    AGE_LABEL,
    BLUE,
    MINUTES_LABEL,
    ORANGE,
    axes,
    band,
    forest,
    say_missing,
    styled,
    takeaway,
    title,
)

if TYPE_CHECKING:
    from rhem_lib.billing import BillingComparison


@styled
def billing(comparison: "BillingComparison", ax: Axes | None = None) -> Axes:
    """Curves of the typical fixed-fee and the typical hourly client of the same size, with bands."""
    ax = axes(ax)
    ages = np.linspace(0, 30, 121)
    table = comparison.predict(age_months=ages.tolist())
    if table.empty:
        return say_missing(ax, comparison.text)
    last = table[table["age_months"] == ages[-1]].set_index("billing")["estimate"]
    for name, colour in (("fixed-fee", BLUE), ("hourly", ORANGE)):
        label = f"{name} ({comparison.groups.loc[name, 'clients']})"
        place = "bottom" if name == last.idxmax() else "top"
        band(ax, ages, table[table["billing"] == name], colour, label, place)
    ax.set(xlim=(0, 30), ylim=(0, None), xlabel=AGE_LABEL, ylabel=MINUTES_LABEL)
    title(ax, takeaway(comparison.text))
    return ax


@styled
def billing_ratios(comparison: "BillingComparison", ax: Axes | None = None) -> Axes:
    """Fixed-fee half-life / hourly half-life by every analysis, with 95 % intervals."""
    table = comparison.table[comparison.table["quantity"] == HALF_LIFE]
    table = table.dropna(subset=["ratio"]).iloc[::-1].set_index("analysis")
    ax = axes(ax, 7.5, 1.4 + 0.35 * max(len(table), 2))
    if table.empty:
        return say_missing(ax, comparison.text)
    forest(ax, table["ratio"], table["low"].fillna(table["ratio"]), table["high"].fillna(table["ratio"]))
    ax.axvline(1, color=ORANGE, lw=1.2)
    ax.set_xlabel("fixed-fee half-life / hourly half-life; under 1: fixed-fee clients improve faster")
    title(ax, takeaway(comparison.text))
    return ax
