"""Every figure: of all clients (data, measure, fall after onboarding, groups) and of one client's review."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rhem_lib.billing import HALF_LIFE
from rhem_lib.decay import clients_left
from rhem_lib.figures.theme import (
    AGE_LABEL,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    MINUTES_LABEL,
    MOST_NAMES,
    ORANGE,
    axes,
    band,
    beside,
    curve,
    forest,
    head,
    level_line,
    mark_above,
    month_axis,
    name_rows,
    say_missing,
    short,
    styled,
    takeaway,
    title,
)
from rhem_lib.language import number, signed, speaking, t
from rhem_lib.metric import pooled_rhem
from rhem_lib.review import Review

if TYPE_CHECKING:
    from rhem_lib.billing import BillingComparison
    from rhem_lib.decay import Claim, DecayFit
    from rhem_lib.metric import Concentration, Definitions, Moved
    from rhem_lib.simulate import Recovery
    from rhem_lib.workspace import Account

MOST_CAUSES = 8
CLASS_COLOURS = {"reactive": ORANGE, "unclassified": "#E69F00", "quarantined": GREY}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LIKELY, NOT_LIKELY = 0.8, 0.2
ABOVE = "triangles: above the axis"
SHOWN_SHARE = 0.97  # share of the single months that the vertical axis must hold
WHO = {"typical": "typical client", "mean": "mean of the clients", "portfolio": "portfolio, by endpoints"}
SHOWN_MONTHS, AHEAD_MONTHS = 12, 24
FEW_TICKS, FINE = 5, 3  # months, below which each has a tick; minutes, below which a tenth is shown
FEW_MONTHS = 40  # up to which a review's months are dots
MOST_PANELS = 60  # small multiples, beyond which only the largest clients are drawn


@styled
def account(kept: "Account", ax: Axes | None = None) -> Axes:
    """Draw the hours read, by where they went; reactive, unclassified and quarantined are in colour."""
    ax = axes(ax, 7.5, 3.4)
    hours = kept.table["hours"].astype(float).drop("read")[::-1]
    read = float(kept.table["hours"]["read"])
    ax.barh(hours.index, hours, color=[CLASS_COLOURS.get(name, LIGHT) for name in hours.index], height=0.7)
    for y, value in enumerate(hours):
        beside(ax, f"{value:,.0f} h  ({value / read:.1%})" if read else f"{value:,.0f} h  (–)", (value, y), (4, 0))
    ax.set(xlabel="hours", xlim=(min(0, hours.min()), 1.22 * max(hours.max(), 1)))
    ax.grid(visible=False)
    title(ax, f"Of {read:,.0f} hours read, {hours['reactive']:,.0f} are reactive; "
              f"{hours['unclassified']:,.0f} could not be classified")  # fmt: skip
    return ax


@styled
def rhem_by_month(panel: pd.DataFrame, whose: str = "all clients", ax: Axes | None = None) -> Axes:
    """Draw pooled minutes per calendar month (sum of hours / sum of exposure), and the clients' spread."""
    ax = axes(ax)
    served = panel[panel["exposure"] > 0]
    if served.empty:
        return say_missing(ax, f"No endpoint of {whose} was in service then.")
    months = pd.date_range(served["month"].min(), served["month"].max(), freq="MS")
    table = 60 * pooled_rhem(served, by="month").set_index("month")[["rhem_h", "low", "high"]].reindex(months)
    pooled = table["rhem_h"].clip(lower=0)
    spread = 60 * served.groupby("month")["rhem_h"].quantile([0.25, 0.75]).unstack().reindex(months)
    ax.fill_between(months, spread[0.25], spread[0.75], color=LIGHT, alpha=0.5, lw=0)
    ax.vlines(months, table["low"], table["high"], color=BLUE, lw=1)
    ax.plot(months, pooled, color=BLUE, lw=2.2, marker="o", ms=3.5)
    top = 1.1 * max(pooled.max(), spread[0.75].max())  # a month of few endpoints has an interval without end
    ax.set(ylim=(0, top), ylabel=MINUTES_LABEL)
    if len(months) < FEW_TICKS:  # else days would be ticks
        ax.set_xticks(months, [f"{month:%b %Y}" for month in months])
    else:
        month_axis(ax)
    several = served["client"].nunique() > 1
    key = "line: all clients pooled, old and new, with 95% intervals; band: middle half of them"
    key = key if several else "line: months, with 95% intervals"
    ax.text(0.99, 0.98, key, transform=ax.transAxes, ha="right", va="top", fontsize=9, color=GREY)
    digits = 0 if pooled.max() >= FINE else 1
    now, then = (f"{pooled.iloc[i]:.{digits}f} in {months[i]:%B %Y}" for i in (-1, 0))
    title(ax, f"Minutes per endpoint a month, {whose}: {now}, {then}")
    return ax


@styled
def definitions(found: "Definitions", ax: Axes | None = None) -> Axes:
    """Draw minutes under every definition with 95% intervals; the one in force is in colour."""
    rows = found.table.iloc[::-1].reset_index(drop=True)
    ax = axes(ax, 7.5, 1.2 + 0.32 * len(rows))
    now = rows["definition"] == found.chosen
    reach = rows["high"].fillna(rows["rhem_h"])  # without tickets there is no interval
    colours = np.where(now, BLUE, GREY)
    ax.hlines(rows.index, 60 * rows["low"], 60 * rows["high"], color=colours, lw=2.5)
    ax.scatter(rows["minutes"], rows.index, s=38, color=colours, zorder=3)
    for y, minutes in enumerate(rows["minutes"]):
        beside(ax, f"{minutes:.1f}", (60 * reach[y], y), (6, 0))
    names = rows["definition"] + np.where(rows["published_by"] != "", "  (" + rows["published_by"] + ")", "")
    ax.set_yticks(rows.index, names)
    ax.axvline(rows.loc[now, "minutes"].iloc[0], color=LIGHT, lw=1.2, zorder=0)
    ax.axhline(len(rows) - 3.5, color=LIGHT, lw=0.8)
    ax.set(xlim=(0, 1.12 * 60 * reach.max()), xlabel="minutes per endpoint a month")
    ax.grid(visible=False)
    title(ax, takeaway(found.text).split(";")[0] + ", with other definitions beside it")
    return ax


@styled
def concentration(found: "Concentration", ax: Axes | None = None) -> Axes:
    """Draw the share of all hours of the noisiest computers, the largest first."""
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
    label = f"a tenth of the endpoints: {tenth:.0f}%"
    beside(ax, label, (10, tenth), (10, -4), va="top", color=BLUE, fontweight="bold")
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="share of the endpoints, noisiest first [%]",
           ylabel="share of the reactive hours [%]")  # fmt: skip
    title(ax, f"A tenth of the endpoints takes {tenth:.0f}% of the reactive hours")
    return ax


@styled
def moved(found: "Moved", ax: Axes | None = None) -> Axes:
    """Draw the change by cause in minutes per endpoint a month: by tickets and by time per ticket."""
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
def hours_of_week(found: "Concentration", ax: Axes | None = None) -> Axes:
    """Draw the share of reactive hours by hour and weekday, in the MSP's time zone."""
    from seaborn import heatmap  # takes most of a second, and only few figures need it

    rows = found.table[found.table["kind"] == "hour of week"]
    ax = axes(ax, 7.5, 2.9)
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


@styled
def billing(comparison: "BillingComparison", ax: Axes | None = None) -> Axes:
    """Draw the curves of the typical fixed-fee and hourly client of one size, with bands."""
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
    """Draw fixed-fee half-life / hourly half-life by every analysis, with 95% intervals."""
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


@styled
def decay(fit: "DecayFit", panel: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the typical client's curve with its band, over every client's months and curve; of two kinds none."""
    ax = axes(ax, 8, 4.6)
    if not fit.usable:
        return say_missing(ax, fit.text)
    rows = panel[(panel["exposure"] > 0) & panel["age_months"].notna()]
    ax.scatter(
        rows["age_months"], 60 * rows["rhem_h"].clip(lower=0), s=7, color="#9aa5b1", alpha=0.55, lw=0, zorder=1
    )
    colours, label = pd.Series(GREY, fit.clients.index), AGE_LABEL
    if (two := fit.two_kinds) is not None:
        label = f"{AGE_LABEL}; blue: clients that improve, orange: others"
        colours = two.improves.map(lambda p: GREY if np.isnan(p) else BLUE if p > 0.5 else ORANGE)
    for client, ages in rows.groupby("client")["age_months"]:
        if client in fit.clients.index:
            x = np.linspace(ages.min(), ages.max(), 40)
            fitted = 60 * fit.predict(str(client), age_months=x.tolist())["estimate"]
            ax.plot(x, fitted, color=colours[client], lw=0.7, alpha=0.45)
    x = np.linspace(0, rows["age_months"].max(), 200)
    if two is None:
        month = f",\n{fit.calendar.reference:%b %Y}" if fit.calendar.verdict == "drift" else ""
        doubt = "" if fit.gate.declines else ",\nif hours\nfall at all"
        band(ax, x, fit.predict(age_months=x.tolist()), BLUE, f"typical\nclient{month}{doubt}")
    start, goal = 60 * fit.target.start_h, 60 * fit.target.target_h
    level_line(ax, start, f"{start:.0f} minutes", GREY, side="right")
    level_line(ax, goal, f"{goal:.0f} minutes", ORANGE)
    top = max(1.2 * start, 60 * rows["rhem_h"].quantile(SHOWN_SHARE))
    ax.set(xlim=(0, x[-1]), xlabel=label, ylabel=MINUTES_LABEL)
    if above := mark_above(ax, top):
        ax.set_xlabel(f"{label} ({ABOVE}: {above})")
    title(ax, takeaway((two or fit).text))
    return ax


@styled
def clients(fit: "DecayFit", panel: pd.DataFrame, columns: int = 6) -> np.ndarray:
    """Draw every client's months and fitted curve with band, as small multiples on one scale: at most 60."""
    rows = panel[(panel["exposure"] > 0) & panel["age_months"].notna()]

    def draw(ax: Axes, name: str) -> None:
        own = _months(ax, rows, name)
        if fit.usable and name in fit.clients.index:
            x = np.linspace(0, own["age_months"].max(), 60)
            curve(ax, x, fit.predict(name, age_months=x.tolist()), BLUE, lw=1.6)
        level_line(ax, 60 * fit.target.target_h, "", ORANGE)

    top = 60 * max(1.2 * fit.target.start_h, rows["rhem_h"].quantile(SHOWN_SHARE)) if len(rows) else 1
    counts = ", ".join(f"{n} {word}" for word, n in fit.clients["follows"].value_counts().items())
    finding = f"The paths of {rows['client'].nunique()} clients: {counts}"
    return _multiples(rows, draw, columns, top, finding, AGE_LABEL)


@styled
def forecasts(fit: "DecayFit", panel: pd.DataFrame, months: int = 6, columns: int = 6) -> np.ndarray:
    """Draw every served client's last year and coming months with 90% intervals: the 60 largest at most."""
    names = fit.clients.index[~clients_left(panel)[fit.clients.index]].tolist() if fit.usable else []
    if not names:
        return np.array([say_missing(axes(None, 7.5, 1), fit.text)])
    served = panel[(panel["exposure"] > 0) & panel["client"].isin(names)]

    def draw(ax: Axes, name: str) -> None:
        now, ahead = served.loc[served["client"] == name, "age_end"].max(), fit.forecast(name, months=months)
        _months(ax, served, name, since=now)
        curve(ax, ahead["age_months"] - now, ahead.rename(columns={"rhem_h": "estimate"}), BLUE, lw=1.6)
        level_line(ax, 60 * fit.target.target_h, "", ORANGE)
        ax.set_xlim(-SHOWN_MONTHS, months)

    finding = f"The next {months} months: nine in ten should fall into the band"
    top = 60 * panel["rhem_h"].quantile(SHOWN_SHARE)
    return _multiples(served, draw, columns, top, finding, "months from each client's last")


def _months(ax: Axes, rows: pd.DataFrame, client: str, *, since: float = 0, size: int = 5) -> pd.DataFrame:
    """Dots of a client's months by age; returns the months."""
    own = rows[rows["client"] == client]
    ax.scatter(own["age_months"] - since, 60 * own["rhem_h"].clip(lower=0), s=size, color=GREY, lw=0, zorder=2)
    return own


def _multiples(
    rows: pd.DataFrame, draw: Callable[[Axes, str], None], columns: int, top: float, finding: str, label: str
) -> np.ndarray:
    """One small panel per client, on the same scales: of many clients the largest, as the title then says."""
    from seaborn import FacetGrid  # takes most of a second, and only few figures need it

    months = rows.groupby("client")["exposure"].sum()
    names = sorted(months.nlargest(MOST_PANELS).index)
    if len(names) < len(months):
        finding += f" (drawn: the {len(names)} largest of {len(months):,}; fit.clients has all)"
    if not names:
        return np.array([say_missing(axes(None, 7.5, 1), "No client has a month in service.")])
    with mpl.rc_context({"figure.constrained_layout.use": False}):  # seaborn lays out with its own engine
        frame, wrap = pd.DataFrame({"client": names}), min(columns, len(names))
        grid = FacetGrid(frame, col="client", col_wrap=wrap, height=1.35, aspect=1.22)
    grid.figure.set_layout_engine("constrained")
    for ax, name in zip(grid.axes.flat, names, strict=True):
        draw(ax, name)
        ax.set_title(short(name, 22), fontsize=8, fontweight="normal", pad=3)
        ax.tick_params(labelsize=7)
    grid.set(xlabel="", ylabel="")
    above = sum([mark_above(ax, top) for ax in grid.axes.flat])
    head(grid.figure, finding)
    grid.figure.supxlabel(f"{label} ({ABOVE}: {above})" if above else label, fontsize=9)
    grid.figure.supylabel(MINUTES_LABEL, fontsize=9)
    return np.asarray(grid.axes)


@styled
def half_lives(fit: "DecayFit", ax: Axes | None = None) -> Axes:
    """Draw every client's half-life with 95% interval on a logarithmic axis, over the typical one."""
    known = fit.clients.dropna(subset=["half_life_months"]).sort_values("half_life_months", ascending=False)
    ax = axes(ax, 7.5, 1.4 + 0.2 * min(max(len(known), 8), MOST_NAMES))
    if known.empty:
        return say_missing(ax, takeaway(fit.text))
    who = "the typical client"
    if (two := fit.two_kinds) is not None:
        who, known = "a client that improves", known[two.improves[known.index] > 0.5]
    if fit.calendar.verdict == "open" or fit.fades:
        who = f"if its hours fall by its age, {who}"
    typical = fit.population.loc["half_life_months"]
    forest(ax, known["half_life_months"], known["half_life_months_low"], known["half_life_months_high"])
    ax.axvspan(typical["low"], typical["high"], color=BLUE, alpha=0.12, lw=0)
    ax.axvline(typical["estimate"], color=BLUE, lw=1.2)
    ax.set(xlabel="half-life of the distance to the floor, months (bar: 95% interval)")
    title(ax, f"{who[0].upper()}{who[1:]} halves its distance to the floor in {typical['estimate']:.1f} months "
              f"({typical['low']:.1f} to {typical['high']:.1f})")  # fmt: skip
    return ax


@styled
def months_to_target(fit: "DecayFit", ax: Axes | None = None) -> Axes:
    """Draw how likely each client reaches the target within twice its months."""
    known = fit.clients[fit.target.chance_column].dropna().sort_values()
    ax = axes(ax, 7.5, 1.4 + 0.2 * min(max(len(known), 8), MOST_NAMES))
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
    name_rows(ax, known.index, 34)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.8, len(known) + 0.6))
    ax.set_xlabel("probability, given this model and these data")
    ax.set_xticks([0, 0.2, 0.5, 0.8, 1], ["0%", "20%", "50%", "80%", "100%"])
    ax.grid(visible=False, axis="y")
    likely, unlikely = int((known >= LIKELY).sum()), int((known <= NOT_LIKELY).sum())
    title(ax, f"{likely} of {len(known)} clients likely reach {60 * fit.target.target_h:.0f} minutes within "
              f"{2 * fit.target.months} months of onboarding, {unlikely} likely do not")  # fmt: skip
    return ax


@styled
def claim(tested: "Claim | None", ax: Axes | None = None) -> Axes:
    """Draw start and level at the claimed month with 95% intervals, for the three averages."""
    ax = axes(ax, 7.5, 2.8)
    if tested is None:
        return say_missing(ax, "The claim cannot be tested: there is no fit.")
    minutes, month = 60 * tested.table, tested.target.months
    sight = tested.sight
    for y, key in enumerate(reversed(sight.who)):
        for row, colour in (("start_h", GREY), ("level_h", BLUE))[0 if sight.start else 1 :]:
            value = minutes.loc[(row, key)]
            ax.hlines(y, value["low"], value["high"], color=colour, lw=3, alpha=0.5)
            ax.scatter(value["estimate"], y, s=40, color=colour, zorder=3)
        beside(ax, WHO[key], (0, y), (2, 12), va="baseline", color=GREY)
    ax.axvline(60 * tested.target.target_h, color=ORANGE, lw=1.2, ls=(0, (4, 3)))
    ax.set_yticks([])
    ax.set(ylim=(-0.5, 2.8), xlim=(0, None))
    start = "grey: at onboarding, " if sight.start else ""
    ax.set_xlabel(f"minutes; {start}blue: month {month}, dashed: target; bars: 95% intervals")
    ends = [(name, minutes.loc[("level_h", key), "estimate"]) for key, name in sight.who.items()]
    rest = ", ".join(f"{name} at {level:.0f}" for name, level in ends[1:])
    title(ax, f"At month {month} {ends[0][0]} is at {ends[0][1]:.0f} minutes, {rest}")
    return ax


@styled
def path(fit: "DecayFit", panel: pd.DataFrame, client: str, *, target_h: float, ax: Axes | None = None) -> Axes:
    """Draw one client's months and curve, two years ahead, and when it comes down to a target."""
    ax = axes(ax, 7.5, 4)
    if not fit.usable:
        return say_missing(ax, fit.text)
    own = _months(ax, panel[panel["exposure"] > 0], client, size=14)
    ages = np.linspace(0, own["age_months"].max() + AHEAD_MONTHS, 400)
    fitted = fit.predict(client, age_months=ages.tolist())
    curve(ax, ages, fitted, BLUE, lw=2)
    level_line(ax, 60 * target_h, "", ORANGE)
    ax.set(ylim=(0, None), xlim=(0, ages[-1]), xlabel=AGE_LABEL, ylabel=MINUTES_LABEL)
    over = int((fitted["estimate"] > target_h).to_numpy().nonzero()[0].max(initial=-1)) + 1  # a path may also rise
    goal = f"{60 * target_h:.0f} minutes"
    title(ax, f"{short(client, 40)} comes down to {goal} in month {ages[over]:.0f}" if over < len(ages)
          else f"{short(client, 40)} does not come down to {goal} by month {ages[-1]:.0f}")  # fmt: skip
    return ax


@styled
def paths(fit: "DecayFit", panel: pd.DataFrame, clients: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw months and curves of two or a few clients side by side, by age."""
    ax = axes(ax, 7.5, 4)
    served = panel[panel["exposure"] > 0]
    for name, colour in zip(clients, (BLUE, ORANGE, GREEN, GREY), strict=False):
        own = served[served["client"] == name]
        ax.scatter(
            own["age_months"], 60 * own["rhem_h"].clip(lower=0), s=12, color=colour, lw=0, label=short(name)
        )
        if fit.usable and name in fit.clients.index:
            ages = np.linspace(0, own["age_months"].max(), 100)
            curve(ax, ages, fit.predict(name, age_months=ages.tolist()), colour, lw=2)
    level_line(ax, 60 * fit.target.target_h, "", ORANGE)
    ax.set(ylim=(0, None), xlim=(0, None), xlabel=AGE_LABEL, ylabel=MINUTES_LABEL)
    ax.legend(frameon=False)
    pooled = 60 * pooled_rhem(served, by="client").set_index("client")["rhem_h"]
    title(
        ax, " and ".join(f"{short(n)} {pooled.get(n, np.nan):.0f}" for n in clients) + " minutes over all months"
    )
    return ax


@styled
def recovery(found: "Recovery") -> np.ndarray:
    """Draw interval and truth per simulated portfolio, a panel per quantity; misses are heavier."""
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
    grid[0].set_ylabel("seed of the sample")
    head(grid[0].figure, textwrap.fill(takeaway(found.text), 80))
    return grid


@styled
def review_minutes(review: Review, ax: Axes | None = None) -> Axes:
    """Draw minutes per computer by month with gaps, the normal range, the forecast, and the target."""
    ax = axes(ax, 8, 4)
    section, table = review["minutes"], review["minutes"].table
    if table is None or len(table) == 1:
        return say_missing(ax, section.title)
    with speaking(review.language):
        goal, ahead = t("{line}-minute line", line=number(review.target_minutes)), t("Forecast")
    known, coming = table[table["kind"] == "month"], table[table["kind"] == "ahead"]
    if known["normal_low"].notna().any():
        ax.fill_between(table["month"], table["normal_low"], table["normal_high"], color=BLUE, alpha=0.15, lw=0)
    ax.plot(
        known["month"], known["minutes"], color=BLUE, lw=2.2, marker="o" if len(known) <= FEW_MONTHS else ".", ms=4
    )
    if len(coming):
        joined = pd.concat([known.dropna(subset=["minutes"]).tail(1), coming])
        ax.plot(joined["month"], joined["minutes"], color=BLUE, lw=1.8, ls=(0, (4, 3)))
        end = joined["minutes"].iloc[-1]
        va = "bottom" if end >= review.target_minutes else "top"  # the label keeps off the line of the goal
        beside(ax, ahead, (joined["month"].iloc[-1], end), (6, 0), va=va, color=BLUE)
    level_line(ax, review.target_minutes, goal, ORANGE)
    month_axis(ax)
    ax.set(ylim=(0, None), ylabel=review.unit)
    ax.yaxis.label.set_fontsize(9)
    title(ax, section.title)
    return ax


@styled
def review_parts(review: Review, ax: Axes | None = None) -> Axes:
    """Draw the bridge from the quarter before: tickets, time for each, this quarter."""
    ax = axes(ax, 8, 3)
    table = next((s.table for s in review.sections if s.key == "why"), None)
    if table is None:
        with speaking(review.language):
            return say_missing(ax, t("There is no earlier quarter to explain the change from."))
    rows = table[table["kind"] == "bridge"]
    change = rows["change"].to_numpy()
    base = np.array([0.0, change[0], change[0] + change[1], 0.0])
    more, less = (GREY, GREY) if np.all(rows.get("state") == "unclear") else (ORANGE, BLUE)  # they may be chance
    colours = [LIGHT, *(more if part > 0 else less for part in change[1:3]), BLUE]
    names = [short(name, 24) for name in rows["name"]]
    bars = ax.bar(names, change, bottom=base, width=0.55, color=colours)
    with speaking(review.language):
        texts = [signed(v, 1) if 0 < i < 3 else number(v, 1) for i, v in enumerate(change)]
    ax.bar_label(bars, texts, fontweight="bold")
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    title(ax, review["why"].title)
    return ax


@styled
def review_causes(review: Review, ax: Axes | None = None) -> Axes:
    """Draw the causes in minutes per computer and month, the largest on top."""
    ax = axes(ax, 8, 2.8)
    section = next((s for s in review.sections if s.key == "causes"), None)
    if section is None or section.table is None:
        return say_missing(ax, f"{review['quarter'].title}.")
    rows = section.table[section.table["kind"] == "row"].iloc[::-1]
    bars = ax.barh([short(name, 34) for name in rows["cause"]], rows["minutes"], color=BLUE, height=0.6)
    with speaking(review.language):
        ax.bar_label(bars, [number(v, 1) for v in rows["minutes"]], padding=4, fontweight="bold")
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(review.unit)
    title(ax, section.title)
    return ax
