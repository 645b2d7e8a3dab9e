"""Figures of the data and the measure: where hours went, minutes by month, definitions, causes, busy hours."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rhem_lib.figures.theme import (
    BLUE,
    GREY,
    LIGHT,
    MINUTES_LABEL,
    ORANGE,
    axes,
    month_axis,
    say_missing,
    short,
    styled,
    takeaway,
    title,
)
from rhem_lib.metric import pooled_rhem

if TYPE_CHECKING:
    from rhem_lib.metric import Concentration, Definitions, Moved
    from rhem_lib.workspace import Account

MOST_CAUSES = 8
CLASS_COLOURS = {"reactive": ORANGE, "unclassified": "#E69F00", "quarantined": GREY}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@styled
def account(kept: "Account", ax: Axes | None = None) -> Axes:
    """Hours read, by where they went; reactive, unclassified and quarantined stand out."""
    ax = axes(ax, 7.5, 3.4)
    hours = kept.table["hours"].astype(float).drop("read")[::-1]
    read = float(kept.table["hours"]["read"])
    ax.barh(hours.index, hours, color=[CLASS_COLOURS.get(name, LIGHT) for name in hours.index], height=0.7)
    for y, value in enumerate(hours):
        share = f"{value / read:.1%}" if read else "–"
        text = f"{value:,.0f} h  ({share})"
        ax.annotate(text, (value, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set(xlabel="hours", xlim=(min(0, hours.min()), 1.22 * max(hours.max(), 1)))
    ax.grid(visible=False)
    title(ax, f"Of {read:,.0f} hours read, {hours['reactive']:,.0f} are reactive; "
              f"{hours['unclassified']:,.0f} could not be classified")  # fmt: skip
    return ax


@styled
def rhem_by_month(panel: pd.DataFrame, whose: str = "all clients", ax: Axes | None = None) -> Axes:
    """Pooled minutes per calendar month (sum of hours / sum of exposure), with the clients' spread."""
    ax = axes(ax)
    served = panel[panel["exposure"] > 0]
    months = pd.date_range(served["month"].min(), served["month"].max(), freq="MS")
    table = 60 * pooled_rhem(served, by="month").set_index("month")[["rhem_h", "low", "high"]].reindex(months)
    pooled = table["rhem_h"]
    spread = 60 * served.groupby("month")["rhem_h"].quantile([0.25, 0.75]).unstack().reindex(months)
    ax.fill_between(months, spread[0.25], spread[0.75], color=LIGHT, alpha=0.5, lw=0)
    ax.vlines(months, table["low"], table["high"], color=BLUE, lw=1)
    ax.plot(months, pooled, color=BLUE, lw=2.2, marker="o", ms=3.5)
    top = 1.1 * max(pooled.max(), spread[0.75].max())  # a month of few endpoints has an interval without end
    ax.set(ylim=(0, top), ylabel=MINUTES_LABEL)
    month_axis(ax)
    key = "line: all clients pooled, old and new, with 95 % intervals; band: middle half of them"
    ax.text(0.99, 0.98, key, transform=ax.transAxes, ha="right", va="top", fontsize=9, color=GREY)
    now, then = (f"{pooled.iloc[i]:.0f} in {months[i]:%B %Y}" for i in (-1, 0))
    title(ax, f"Minutes per endpoint a month, {whose}: {now}, {then}")
    return ax


@styled
def definitions(found: "Definitions", ax: Axes | None = None) -> Axes:
    """Minutes under every definition with 95 % intervals; the one in force in colour, presets above the line."""
    rows = found.table.iloc[::-1].reset_index(drop=True)
    ax = axes(ax, 7.5, 1.2 + 0.32 * len(rows))
    now = rows["definition"] == found.chosen
    reach = rows["high"].fillna(rows["rhem_h"])  # without tickets there is no interval
    colours = np.where(now, BLUE, GREY)
    ax.hlines(rows.index, 60 * rows["low"], 60 * rows["high"], color=colours, lw=2.5)
    ax.scatter(rows["minutes"], rows.index, s=38, color=colours, zorder=3)
    for y, minutes in enumerate(rows["minutes"]):
        ax.annotate(f"{minutes:.1f}", (60 * reach[y], y), xytext=(6, 0), textcoords="offset points",
                    va="center", fontsize=9)  # fmt: skip
    names = rows["definition"] + np.where(rows["published_by"] != "", "  (" + rows["published_by"] + ")", "")
    ax.set_yticks(rows.index, names)
    ax.axvline(rows.loc[now, "minutes"].iloc[0], color=LIGHT, lw=1.2, zorder=0)
    ax.axhline(len(rows) - 3.5, color=LIGHT, lw=0.8)
    ax.set(xlim=(0, 1.12 * 60 * reach.max()), xlabel="minutes per endpoint a month")
    ax.grid(visible=False)
    title(ax, takeaway(found.text).split(";")[0] + ", with other definitions beside it")
    return ax


@styled
def moved(found: "Moved", ax: Axes | None = None) -> Axes:
    """Change by cause in minutes per endpoint a month, split into the number of tickets and the time for each."""
    rows = found.causes.head(MOST_CAUSES).iloc[::-1]
    ax = axes(ax, 7.5, 1.6 + 0.34 * len(rows))
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
    ax = axes(ax, 7.5, 3.4)
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


@styled
def hours_of_week(found: "Concentration", ax: Axes | None = None) -> Axes:
    """Share of the reactive hours by hour and weekday, in the MSP's time zone; empty cells have none."""
    from seaborn import heatmap  # takes most of a second, and only few figures need it

    ax = axes(ax, 7.5, 2.9)
    rows = found.table[found.table["kind"] == "hour of week"]
    if rows.empty:
        return say_missing(ax, "No time of day was recorded, so busy hours cannot be shown.")
    day, hour = rows["name"].str[:3], rows["name"].str[4:6].astype(int)
    hours = range(hour.min(), hour.max() + 1)
    grid = (100 * rows["share"]).groupby([day, hour]).sum().unstack().reindex(index=DAYS, columns=hours)
    heatmap(grid, ax=ax, cmap="Blues", linewidths=0.5, cbar=False, annot=True, fmt=".1f", annot_kws={"size": 7})
    ax.set_yticks(np.arange(7) + 0.5, DAYS, rotation=0)
    ax.set_xticks(np.arange(0, len(hours), 3) + 0.5, [f"{hour}:00" for hour in hours[::3]], rotation=0)
    ax.set(xlabel="start of the work; numbers: % of the reactive hours", ylabel="")
    ax.grid(visible=False)
    busy = rows[day.isin(DAYS[:5]) & hour.between(8, 17)]["share"].sum() / rows["share"].sum()
    finding = f"{busy:.0%} of the reactive hours start on weekdays between 8:00 and 18:00; the busiest hour is"
    title(ax, f"{finding} {rows['name'].iloc[0]}")
    return ax
