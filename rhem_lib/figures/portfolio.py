"""Figures of a whole book of clients: results in, axes out. matplotlib stays in this room.

Every function takes `ax` and draws on it, or makes a figure of its own, and returns the axes. The title is the
finding; levels are minutes per endpoint a month.
"""

import textwrap
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter

from rhem_lib.billing import HALF_LIFE
from rhem_lib.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    band,
    level_line,
    say_missing,
    short,
    styled,
    takeaway,
    title,
)
from rhem_lib.figures.theme import axes as _axes
from rhem_lib.metric import pooled_rhem

if TYPE_CHECKING:
    from rhem_lib.billing import BillingComparison
    from rhem_lib.decay import DecayFit
    from rhem_lib.simulate import Recovery
    from rhem_lib.workspace import Account

REFERENCE_MINUTES = 60
LIKELY, NOT_LIKELY = 0.8, 0.2
AGE_LABEL = "months since onboarding"
MINUTES_LABEL = "reactive minutes per endpoint a month"
SHOWN_SHARE = 0.97  # share of the single months that the vertical axis must hold
CLASS_COLOURS = {"reactive": ORANGE, "unclassified": "#E69F00", "quarantined": GREY}


@styled
def decay(fit: "DecayFit", panel: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """The typical client's curve with its band, over every client's months and fitted curve."""
    ax = _axes(ax, 8, 4.6)
    if not fit.usable:
        return say_missing(ax, fit.text)
    rows = panel[(panel["exposure"] > 0) & panel["age_months"].notna()]
    ax.scatter(rows["age_months"], 60 * rows["rhem_h"], s=7, color="#9aa5b1", alpha=0.55, lw=0, zorder=1)
    for client, ages in rows.groupby("client")["age_months"]:
        if client in fit.clients.index:
            x = np.linspace(ages.min(), ages.max(), 40)
            ax.plot(
                x, 60 * fit.predict(str(client), age_months=x.tolist())["estimate"], color=GREY, lw=0.7, alpha=0.45
            )
    x = np.linspace(0, rows["age_months"].max(), 200)
    band(ax, x, fit.predict(age_months=x.tolist()), BLUE, "typical\nclient")
    level_line(ax, REFERENCE_MINUTES, "1 hour", GREY, side="right")
    level_line(ax, 60 * fit.target_h, f"{60 * fit.target_h:.0f} minutes", ORANGE)
    top = max(1.2 * REFERENCE_MINUTES, 60 * rows["rhem_h"].quantile(SHOWN_SHARE))
    ax.set(xlim=(0, x[-1]), ylim=(0, top), xlabel=AGE_LABEL, ylabel=MINUTES_LABEL)
    title(ax, takeaway(fit.text))
    return ax


@styled
def clients(fit: "DecayFit", panel: pd.DataFrame, columns: int = 6) -> np.ndarray:
    """Small multiples: every client's months and, where there is one, its fitted curve with band; same scales."""
    rows = panel[(panel["exposure"] > 0) & panel["age_months"].notna()]
    names = sorted(rows["client"].unique())
    columns = min(columns, max(len(names), 1))
    lines = max(1, -(-len(names) // columns))
    size = (1.65 * columns + 0.6, 1.35 * lines + 0.5)
    grid = plt.subplots(lines, columns, figsize=size, sharex=True, sharey=True, squeeze=False)[1]
    top = max(1.2 * REFERENCE_MINUTES, 60 * rows["rhem_h"].quantile(SHOWN_SHARE)) if len(rows) else 1
    for ax, name in zip(grid.flat, names, strict=False):
        own = rows[rows["client"] == name]
        ax.scatter(own["age_months"], 60 * own["rhem_h"], s=5, color=GREY, lw=0, zorder=2)
        if fit.usable and name in fit.clients.index:
            x = np.linspace(0, own["age_months"].max(), 60)
            table = 60 * fit.predict(name, age_months=x.tolist())
            ax.fill_between(x, table["low"], table["high"], color=BLUE, alpha=0.22, lw=0)
            ax.plot(x, table["estimate"], color=BLUE, lw=1.6)
        ax.axhline(60 * fit.target_h, color=ORANGE, lw=1, ls=(0, (4, 3)))
        ax.set_ylim(0, top)
        ax.set_title(short(name, 22), fontsize=8, fontweight="normal", pad=3)
        ax.tick_params(labelsize=7)
    for ax in grid.flat[len(names) :]:
        ax.set_axis_off()
    follows = fit.clients["follows"].value_counts()
    counts = ", ".join(f"{n} {word}" for word, n in follows.items())
    grid[0, 0].figure.suptitle(f"The paths of {len(names)} clients: {counts}", x=0.01, ha="left", fontsize=11,
                               fontweight="bold")  # fmt: skip
    grid[0, 0].figure.supxlabel(AGE_LABEL, fontsize=9)
    grid[0, 0].figure.supylabel(MINUTES_LABEL, fontsize=9)
    return grid


@styled
def half_lives(fit: "DecayFit", ax: Axes | None = None) -> Axes:
    """Half-life of every client with its 95 % interval, on a logarithmic axis, over the typical client's."""
    known = fit.clients.dropna(subset=["half_life_months"]).sort_values("half_life_months", ascending=False)
    ax = _axes(ax, 7.5, 1.4 + 0.2 * max(len(known), 8))
    if known.empty:
        return say_missing(ax, takeaway(fit.text))
    typical = fit.population.loc["half_life_months"]
    _forest(ax, known["half_life_months"], known["half_life_months_low"], known["half_life_months_high"])
    ax.axvspan(typical["low"], typical["high"], color=BLUE, alpha=0.12, lw=0)
    ax.axvline(typical["estimate"], color=BLUE, lw=1.2)
    ax.set(xlabel="half-life of the distance to the floor, months (bar: 95 % interval)")
    title(ax, f"The typical client halves its distance to the floor in {typical['estimate']:.1f} months "
              f"({typical['low']:.1f} to {typical['high']:.1f})")  # fmt: skip
    return ax


def _forest(ax: Axes, estimate: pd.Series, low: pd.Series, high: pd.Series) -> None:
    """Estimates and intervals, one line per label, on a logarithmic axis."""
    y = np.arange(len(estimate))
    ax.hlines(y, low, high, color=GREY, lw=1.4, alpha=0.7)
    ax.scatter(estimate, y, s=22, color=BLUE, zorder=3)
    ax.set_xscale("log")
    ticks = [
        t
        for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 10, 20, 50, 100)
        if low.min() * 0.8 <= t <= high.max() * 1.25
    ]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(y, [short(str(name), 44) for name in estimate.index], fontsize=8)
    ax.set_ylim(-0.8, len(estimate) - 0.2)
    ax.grid(axis="x")
    ax.grid(visible=False, axis="y")


@styled
def months_to_target(fit: "DecayFit", ax: Axes | None = None) -> Axes:
    """How likely each client reaches the target within 24 months of onboarding."""
    known = fit.clients["p_target_24"].dropna().sort_values()
    ax = _axes(ax, 7.5, 1.4 + 0.2 * max(len(known), 8))
    if known.empty:
        return say_missing(ax, takeaway(fit.text))
    y = np.arange(len(known))
    colours = np.where(known >= LIKELY, GREEN, np.where(known <= NOT_LIKELY, ORANGE, GREY))
    ax.axvspan(LIKELY, 1.02, color=GREEN, alpha=0.08, lw=0)
    ax.axvspan(-0.02, NOT_LIKELY, color=ORANGE, alpha=0.08, lw=0)
    ax.hlines(y, 0, known, color=LIGHT, lw=1)
    ax.scatter(known, y, s=26, color=colours, zorder=3)
    for x, word, colour in ((0.09, "not likely", ORANGE), (0.5, "open", GREY), (0.91, "likely", GREEN)):
        ax.text(x, len(known) - 0.3, word, ha="center", va="bottom", color=colour, fontsize=9, fontweight="bold")
    ax.set_yticks(y, [short(str(name), 34) for name in known.index], fontsize=8)
    ax.set(
        xlim=(-0.02, 1.02), ylim=(-0.8, len(known) + 0.6), xlabel="probability, given this model and these data"
    )
    ax.set_xticks([0, 0.2, 0.5, 0.8, 1], ["0%", "20%", "50%", "80%", "100%"])
    ax.grid(visible=False, axis="y")
    likely, unlikely = int((known >= LIKELY).sum()), int((known <= NOT_LIKELY).sum())
    title(ax, f"{likely} of {len(known)} clients likely reach {60 * fit.target_h:.0f} minutes within 24 months of "
              f"onboarding, {unlikely} likely do not")  # fmt: skip
    return ax


@styled
def rhem_by_month(panel: pd.DataFrame, whose: str = "the whole book", ax: Axes | None = None) -> Axes:
    """Pooled minutes per calendar month (sum of hours / sum of exposure), with the clients' spread."""
    ax = _axes(ax)
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
    ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
    key = "line: all clients pooled, old and new, with 95 % intervals; band: middle half of them"
    ax.text(0.99, 0.98, key, transform=ax.transAxes, ha="right", va="top", fontsize=9, color=GREY)
    now, then = (f"{pooled.iloc[i]:.0f} in {months[i]:%B %Y}" for i in (-1, 0))
    title(ax, f"Minutes per endpoint a month, {whose}: {now}, {then}")
    return ax


@styled
def account(kept: "Account", ax: Axes | None = None) -> Axes:
    """Hours read, by where they went; reactive, unclassified and quarantined stand out."""
    ax = _axes(ax, 7.5, 3.4)
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
def billing(comparison: "BillingComparison", ax: Axes | None = None) -> Axes:
    """Curves of the typical fixed-fee and the typical hourly client of the same size, with bands."""
    ax = _axes(ax)
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
    ax = _axes(ax, 7.5, 1.4 + 0.35 * max(len(table), 2))
    if table.empty:
        return say_missing(ax, comparison.text)
    _forest(ax, table["ratio"], table["low"].fillna(table["ratio"]), table["high"].fillna(table["ratio"]))
    ax.axvline(1, color=ORANGE, lw=1.2)
    ax.set_xlabel("fixed-fee half-life / hourly half-life; under 1: fixed-fee clients improve faster")
    title(ax, takeaway(comparison.text))
    return ax


@styled
def recovery(found: "Recovery") -> np.ndarray:
    """Interval and truth per simulated book, a panel per quantity; intervals that miss the truth are heavier."""
    groups = list(found.table.groupby("quantity", sort=False))
    height = 1.3 + 0.16 * found.table["seed"].nunique()
    grid = plt.subplots(1, len(groups), figsize=(8, max(height, 2.2)), sharey=True, squeeze=False)[1][0]
    for ax, (quantity, rows) in zip(grid, groups, strict=True):
        y = np.arange(len(rows))
        colours = np.where(rows["inside"], GREY, ORANGE)
        ax.hlines(y, rows["low"], rows["high"], color=colours, lw=np.where(rows["inside"], 1.4, 3))
        ax.scatter(rows["truth"], y, s=34, color=BLUE, marker="|", zorder=3)
        ax.set_title(str(quantity), fontweight="normal")
        ax.set_yticks(y, rows["seed"])
        ax.set_ylim(-0.7, len(rows) - 0.3)
        ax.grid(visible=False)
    grid[0].set_ylabel("seed of the book")
    figure = grid[0].figure
    figure.suptitle(textwrap.fill(takeaway(found.text), 80), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return grid
