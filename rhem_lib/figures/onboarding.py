"""Figures of the claim under test and of forecasts; levels in minutes per endpoint a month."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rhem_lib.decay import left_book
from rhem_lib.figures.theme import BLUE, GREY, ORANGE, axes, level_line, say_missing, short, styled, title

if TYPE_CHECKING:
    from rhem_lib.decay import Claim, DecayFit

WHO = {"typical": "typical client", "mean": "mean of the clients", "portfolio": "portfolio, by endpoints"}
SHOWN_MONTHS = 12
AHEAD_MONTHS = 24


@styled
def claim(tested: "Claim | None", ax: Axes | None = None) -> Axes:
    """Start and level at the claimed month with 95 % intervals, for each of the three averages."""
    ax = axes(ax, 7.5, 2.8)
    if tested is None:
        return say_missing(ax, "The claim cannot be tested: there is no fit.")
    minutes = 60 * tested.table
    for y, (key, name) in enumerate(reversed(WHO.items())):
        for row, colour in (("start_h", GREY), ("level_h", BLUE)):
            value = minutes.loc[(row, key)]
            ax.hlines(y, value["low"], value["high"], color=colour, lw=3, alpha=0.5)
            ax.scatter(value["estimate"], y, s=40, color=colour, zorder=3)
        ax.annotate(name, (0, y), xytext=(2, 12), textcoords="offset points", fontsize=9, color=GREY)
    ax.axvline(60 * tested.target_h, color=ORANGE, lw=1.2, ls=(0, (4, 3)))
    ax.set_yticks([])
    ax.set(ylim=(-0.5, 2.8), xlim=(0, None))
    ax.set_xlabel(
        f"minutes; grey: at onboarding, blue: month {tested.months}, dashed: target; bars: 95 % intervals"
    )
    ends = minutes.loc["level_h", "estimate"]
    title(ax, f"At month {tested.months} the typical client stands at {ends['typical']:.0f} minutes, the mean of "
              f"the clients at {ends['mean']:.0f}, the portfolio at {ends['portfolio']:.0f}")  # fmt: skip
    return ax


@styled
def path(fit: "DecayFit", panel: pd.DataFrame, client: str, *, target_h: float, ax: Axes | None = None) -> Axes:
    """One client's months and curve, two years ahead, and when the curve comes down to a target."""
    ax = axes(ax, 7.5, 4)
    if not fit.usable:
        return say_missing(ax, fit.text)
    own = panel[(panel["client"] == client) & (panel["exposure"] > 0)]
    ages = np.linspace(0, own["age_months"].max() + AHEAD_MONTHS, 400)
    curve = fit.predict(client, age_months=ages.tolist())
    ax.scatter(own["age_months"], 60 * own["rhem_h"], s=14, color=GREY, lw=0, zorder=2)
    ax.fill_between(ages, 60 * curve["low"], 60 * curve["high"], color=BLUE, alpha=0.22, lw=0)
    ax.plot(ages, 60 * curve["estimate"], color=BLUE, lw=2)
    level_line(ax, 60 * target_h, "", ORANGE)
    ax.set(ylim=(0, None), xlim=(0, ages[-1]), xlabel="months since onboarding")
    ax.set_ylabel("reactive minutes per endpoint a month")
    over = int((curve["estimate"] > target_h).to_numpy().nonzero()[0].max(initial=-1)) + 1  # a path may also rise
    goal = f"{60 * target_h:.0f} minutes"
    title(ax, f"{short(client, 40)} comes down to {goal} in month {ages[over]:.0f}" if over < len(ages)
          else f"{short(client, 40)} does not come down to {goal} by month {ages[-1]:.0f}")  # fmt: skip
    return ax


@styled
def forecasts(fit: "DecayFit", panel: pd.DataFrame, months: int = 6, columns: int = 6) -> np.ndarray:
    """Small multiples: every client still served, its last year and coming months, with 90 % intervals."""
    names = fit.clients.index[~left_book(panel)[fit.clients.index]].tolist() if fit.usable else []
    columns = min(columns, max(len(names), 1))
    lines = max(1, -(-len(names) // columns))
    size = (1.65 * columns + 0.6, 1.35 * lines + 0.9)
    grid = plt.subplots(lines, columns, figsize=size, sharex=True, sharey=True, squeeze=False)[1]
    for ax in grid.flat[len(names) :]:
        ax.set_axis_off()
    if not names:
        say_missing(grid[0, 0], fit.text)
        return grid
    top = 60 * panel["rhem_h"].quantile(0.97)
    for ax, name in zip(grid.flat, names, strict=False):
        own = panel[(panel["client"] == name) & (panel["exposure"] > 0)].sort_values("age_end")
        now = own["age_end"].max()
        ahead = fit.forecast(name, months=months)
        x = ahead["age_months"] - now
        ax.scatter(own["age_months"] - now, 60 * own["rhem_h"], s=5, color=GREY, lw=0, zorder=2)
        ax.fill_between(
            ahead["age_months"] - now, 60 * ahead["low"], 60 * ahead["high"], color=BLUE, alpha=0.22, lw=0
        )
        ax.plot(x, 60 * ahead["rhem_h"], color=BLUE, lw=1.6)
        level_line(ax, 60 * fit.target_h, "", ORANGE)
        ax.set(xlim=(-SHOWN_MONTHS, months), ylim=(0, top))
        ax.set_title(short(str(name), 22), fontsize=8, fontweight="normal", pad=3)
        ax.tick_params(labelsize=7)
    figure = grid[0, 0].figure
    figure.suptitle(f"The next {months} months: nine in ten should fall into the band", x=0.01, ha="left",
                    fontsize=11, fontweight="bold")  # fmt: skip
    figure.supxlabel("months from each client's last", fontsize=9)
    figure.supylabel("reactive minutes per endpoint a month", fontsize=9)
    return grid
