"""Figures of one client's review for notebook and page; the deck has the same as native charts."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from rhem_lib.figures.theme import (
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    axes,
    beside,
    head,
    level_line,
    month_axis,
    say_missing,
    short,
    styled,
    title,
)
from rhem_lib.language import number, sentence_case, speaking, t
from rhem_lib.review import Review

FEW_MONTHS = 40


@styled
def review_minutes(review: Review, ax: Axes | None = None) -> Axes:
    """Draw minutes per computer by month with gaps, the expected path with band, and the target."""
    ax = axes(ax, 8, 4)
    section, table = review["minutes"], review["minutes"].table
    if table is None:
        return say_missing(ax, section.title)
    with speaking(review.language):
        expected, goal = t("expected"), t("{line}-minute line", line=number(review.target_minutes))
    month = table["month"]
    if table["expected"].notna().any():
        ax.fill_between(month, table["expected_low"], table["expected_high"], color=BLUE, alpha=0.15, lw=0)
        ax.plot(month, table["expected"], color=GREY, lw=1.4, ls=(0, (4, 3)))
        beside(ax, expected, (month.iloc[-1], table["expected"].iloc[-1]), (6, 0), color=GREY)
    ax.plot(month, table["minutes"], color=BLUE, lw=2.2, marker="o" if len(table) <= FEW_MONTHS else ".", ms=4)
    level_line(ax, review.target_minutes, goal, ORANGE)
    month_axis(ax)
    ax.set(ylim=(0, None), ylabel=review.unit)
    ax.yaxis.label.set_fontsize(9)
    title(ax, section.title)
    return ax


@styled
def review_parts(review: Review) -> np.ndarray:
    """Draw problems per 10 computers and minutes per problem, base period and this quarter."""
    section = review["fewer_or_faster"]
    if section.table is None:
        return np.array([say_missing(axes(None, 8, 1), f"{section.title}. {' '.join(section.paragraphs)}")])
    figure, pair = plt.subplots(1, 2, figsize=(8, 3))
    for ax, (_, rows) in zip(pair, section.table.groupby("measure"), strict=True):
        labels = [sentence_case(text) for text in rows["period"]]
        bars = ax.bar(labels, rows["value"], color=[LIGHT, BLUE], width=0.55)
        ax.bar_label(bars, [number(v) for v in rows["value"]], padding=2, fontweight="bold")
        ax.set_title(rows["unit"].iloc[0], fontweight="normal", fontsize=10)
        ax.set_yticks([])
        ax.margins(y=0.14)
        ax.grid(visible=False)
        ax.spines["left"].set_visible(False)
    head(figure, section.title)
    return pair


@styled
def review_causes(review: Review, ax: Axes | None = None) -> Axes:
    """Draw the top causes in minutes per computer a month, the largest on top."""
    ax = axes(ax, 8, 2.4)
    section = review["causes"]
    if section.table is None:
        return say_missing(ax, f"{section.title}.")
    rows = section.table[section.table["kind"] == "cause"].iloc[::-1]
    bars = ax.barh([short(name, 34) for name in rows["name"]], rows["minutes"], color=BLUE, height=0.6)
    ax.bar_label(bars, [number(v) for v in rows["minutes"]], padding=4, fontweight="bold")
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(review.unit)
    title(ax, section.title)
    return ax
