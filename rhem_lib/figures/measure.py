"""Figures of the measure: other definitions, the parts of a change, and how few computers hold the hours."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from rhem_lib.figures.theme import BLUE, GREY, LIGHT, ORANGE, say_missing, short, styled, takeaway, title
from rhem_lib.figures.theme import axes as _axes

if TYPE_CHECKING:
    from rhem_lib.metric import Concentration, Definitions, Moved

MOST_CAUSES = 8


@styled
def definitions(found: "Definitions", ax: Axes | None = None) -> Axes:
    """Minutes under every definition with 95 % intervals; the one in force in colour, presets above the line."""
    rows = found.table.iloc[::-1].reset_index(drop=True)
    ax = _axes(ax, 7.5, 1.2 + 0.32 * len(rows))
    now = rows["definition"] == found.chosen
    colours = np.where(now, BLUE, GREY)
    ax.hlines(rows.index, 60 * rows["low"], 60 * rows["high"], color=colours, lw=2.5)
    ax.scatter(rows["minutes"], rows.index, s=38, color=colours, zorder=3)
    for y, minutes in enumerate(rows["minutes"]):
        ax.annotate(f"{minutes:.1f}", (60 * rows["high"][y], y), xytext=(6, 0), textcoords="offset points",
                    va="center", fontsize=9)  # fmt: skip
    names = rows["definition"] + np.where(rows["published_by"] != "", "  (" + rows["published_by"] + ")", "")
    ax.set_yticks(rows.index, names)
    ax.axvline(rows.loc[now, "minutes"].iloc[0], color=LIGHT, lw=1.2, zorder=0)
    ax.axhline(len(rows) - 3.5, color=LIGHT, lw=0.8)
    ax.set(xlim=(0, 1.12 * 60 * rows["high"].max()), xlabel="minutes per endpoint a month")
    ax.grid(visible=False)
    title(ax, takeaway(found.text).split(";")[0] + ", with other definitions beside it")
    return ax


@styled
def moved(found: "Moved", ax: Axes | None = None) -> Axes:
    """Change by cause in minutes per endpoint a month, split into the number of tickets and the time for each."""
    rows = found.causes.head(MOST_CAUSES).iloc[::-1]
    ax = _axes(ax, 7.5, 1.6 + 0.34 * len(rows))
    if rows.empty:
        return say_missing(ax, found.text)
    at = np.arange(len(rows))
    for offset, name, colour in ((0.2, "by_tickets", BLUE), (-0.2, "by_hours_per_ticket", ORANGE)):
        ax.barh(at + offset, 60 * rows[name], height=0.36, color=colour)
    ax.set_yticks(at, [short(name) for name in rows.index])
    ax.axvline(0, color=GREY, lw=0.8)
    ax.grid(visible=False)
    ax.set_xlabel("change in minutes per endpoint a month")
    for y, words, colour in ((0.06, "by the number of tickets", BLUE), (0.0, "by the time for each", ORANGE)):
        ax.text(1, y, words, transform=ax.transAxes, ha="right", va="bottom", color=colour, fontsize=9,
                fontweight="bold")  # fmt: skip
    title(ax, takeaway(found.text).split(":")[0])
    return ax


@styled
def concentration(found: "Concentration", ax: Axes | None = None) -> Axes:
    """Share of all hours held by the noisiest computers, the largest first."""
    ax = _axes(ax, 7.5, 3.4)
    rows = found.table[found.table["kind"] == "computer"]
    if rows.empty:
        return say_missing(ax, "The work was not booked on computers, so none can be called noisy.")
    fleet = max(found.endpoints, len(rows))
    x = np.append(0, 100 * np.arange(1, len(rows) + 1) / fleet)
    y = np.append(0, 100 * rows["so_far"])
    ax.plot(x, y, color=BLUE, lw=2.4)
    ax.plot([0, 100], [0, y[-1]], color=LIGHT, lw=1.2)
    tenth = np.interp(10, x, y)
    ax.annotate(f"a tenth of the endpoints: {tenth:.0f} %", (10, tenth), xytext=(10, -4), va="top",
                textcoords="offset points", color=BLUE, fontsize=9, fontweight="bold")  # fmt: skip
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="share of the endpoints, noisiest first [%]",
           ylabel="share of the reactive hours [%]")  # fmt: skip
    title(ax, f"A tenth of the endpoints takes {tenth:.0f} % of the reactive hours")
    return ax
