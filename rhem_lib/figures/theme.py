"""Look of all figures, and the marks that several of them share. Levels are drawn in minutes."""

import functools
import io
import logging
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, LIGHT = "#0072B2", "#D55E00", "#009E73", "#5b6673", "#c3cad3"
AGE_LABEL = "months since onboarding"
MINUTES_LABEL = "reactive minutes per endpoint a month"
CHARACTERS_PER_INCH = 10.4  # of a title
MOST_NAMES = 120  # rows of a figure that are named
TEXT_WIDTH = 80
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 10, 20, 50, 100)  # of a logarithmic axis
INTERVAL = re.compile(r" \(95 ?% interval[^)]*\)")
RC: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LIGHT,
    "axes.labelcolor": GREY,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e6eaef",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": "#333f4d",
    "axes.titlecolor": "#1b2a41",
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "rhem",
    "text.parse_math": False,  # a $ in a name is a $
    "text.usetex": False,
}
FALLBACKS = (  # for letters that DejaVu has not, where they are installed
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Droid Sans Fallback", "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Arial Unicode MS", "Noto Emoji", "Segoe UI Emoji", "Symbola",
)  # fmt: skip
F = TypeVar("F", bound=Callable[..., Any])


@functools.cache
def families() -> list[str]:
    """Return our face and those of the fallbacks that this machine has."""
    logging.getLogger(font_manager.__name__).setLevel(logging.ERROR)  # a fallback without bold is no news
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in FALLBACKS if name in installed)]


@contextmanager
def style() -> Iterator[None]:
    """Give figures our look for as long as the block lasts."""
    with mpl.style.context(
        ["default", RC | {"font.family": families()}]
    ):  # whatever a matplotlibrc of this machine says
        yield
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)  # a notebook's backend switches it on with the first figure; it must stay on


def styled(draw: F) -> F:
    """Run a drawing function in our style."""

    @functools.wraps(draw)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with style():
            return draw(*args, **kwargs)

    return wrapped  # type: ignore[return-value]


def axes(ax: Axes | None, width: float = 7.5, height: float = 4.2) -> Axes:
    """The axes given, or those of a new figure of that size in inches."""
    return plt.subplots(figsize=(width, height))[1] if ax is None else ax


def takeaway(text: str) -> str:
    """First sentence of a finding, without the intervals that the figure shows."""
    first = re.split(r"(?<=[a-z0-9%)])\. (?=[A-Z])", INTERVAL.sub("", text), maxsplit=1)[0]
    return first.rstrip(".")


def title(ax: Axes, text: str) -> None:
    """A full-sentence title: across the figure if the axes fill it, else above the axes."""
    figure = ax.get_figure(root=True)
    if figure is None or figure.axes != [ax]:
        ax.set_title(textwrap.fill(text, 48))
        return
    head(figure, textwrap.fill(text, int(CHARACTERS_PER_INCH * figure.get_figwidth())))


def head(figure: Figure, text: str) -> None:
    """The finding as the title of a whole figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=11, fontweight="bold", color=RC["axes.titlecolor"])


def month_axis(ax: Axes) -> None:
    """Calendar months along the axis, written as short as they can be."""
    ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))


def level_line(ax: Axes, minutes: float, label: str, colour: str, side: str = "left") -> None:
    """A dashed level with its name above one end of the line."""
    ax.axhline(minutes, color=colour, lw=1.2, ls=(0, (4, 3)), zorder=1.5)
    x, inset = (0, 4) if side == "left" else (1, -4)
    placed = {"xycoords": ("axes fraction", "data"), "ha": side, "va": "bottom"}
    beside(ax, label, (x, minutes), (inset, 3), color=colour, **placed)


def beside(ax: Axes, text: str, at: tuple[Any, Any], apart: tuple[float, float], **looks: Any) -> None:
    """A small text so many points beside a place."""
    ax.annotate(text, at, xytext=apart, textcoords="offset points", fontsize=9, **{"va": "center", **looks})


def mark_above(ax: Axes, top: float) -> int:
    """End the axis at `top`, with a triangle there for every point beyond it; return how many these are."""
    drawn = [one.get_offsets() for one in ax.collections if isinstance(one, PathCollection)]
    points = np.asarray(np.concatenate(drawn)) if drawn else np.empty((0, 2))
    left, right = ax.get_xlim()
    beyond = points[(points[:, 1] > top) & (points[:, 0] >= left) & (points[:, 0] <= right), 0]
    ax.scatter(beyond, np.full(len(beyond), top), marker="^", s=16, color=ORANGE, lw=0, clip_on=False, zorder=4)
    ax.set_ylim(0, top)
    return len(beyond)


def curve(ax: Axes, x: Any, table: pd.DataFrame, colour: str, lw: float = 2.4) -> None:
    """Estimate with its interval, hours given and minutes drawn."""
    ax.fill_between(x, 60 * table["low"], 60 * table["high"], color=colour, alpha=0.22, lw=0, zorder=2)
    ax.plot(x, 60 * table["estimate"], color=colour, lw=lw, zorder=3)


def band(ax: Axes, x: Any, table: pd.DataFrame, colour: str, label: str, va: str = "center") -> None:
    """Estimate with its interval, hours given and minutes drawn, named at its right-hand end."""
    curve(ax, x, table, colour)
    end = (float(np.asarray(x)[-1]), 60 * float(table["estimate"].iloc[-1]))
    beside(ax, label, end, (4, 0), va=va, color=colour, fontweight="bold", annotation_clip=False)


def forest(ax: Axes, estimate: pd.Series, low: pd.Series, high: pd.Series) -> None:
    """Estimates and intervals, one line per label, on a logarithmic axis."""
    y = np.arange(len(estimate))
    ax.hlines(y, low, high, color=GREY, lw=1.4, alpha=0.7)
    ax.scatter(estimate, y, s=22, color=BLUE, zorder=3)
    ax.set_xscale("log")
    ticks = [t for t in TICKS if low.min() * 0.8 <= t <= high.max() * 1.25]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    name_rows(ax, estimate.index, 44)
    ax.set_ylim(-0.8, len(estimate) - 0.2)
    ax.grid(axis="x")
    ax.grid(visible=False, axis="y")


def name_rows(ax: Axes, names: pd.Index, longest: int) -> None:
    """Name every row of the vertical axis, or of more than can be read how many there are."""
    if len(names) > MOST_NAMES:
        ax.set_yticks([])
        ax.set_ylabel(f"{len(names):,} clients, in this order")
    else:
        ax.set_yticks(range(len(names)), [short(str(name), longest) for name in names], fontsize=8)


def say_missing(ax: Axes, text: str) -> Axes:
    """Axes that say why there is nothing to draw."""
    ax.set_axis_off()
    ax.text(0, 0.5, textwrap.fill(text, TEXT_WIDTH), transform=ax.transAxes, va="center")
    return ax


def short(name: str, longest: int = 26) -> str:
    """A name cut to fit beside an axis."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def png(ax: Axes) -> bytes:
    """Return a finished figure as PNG, and close it so that nothing shows it twice."""
    figure, made = ax.get_figure(root=True), io.BytesIO()
    figure.savefig(made, format="png", bbox_inches="tight", dpi=110)  # type: ignore[union-attr]
    plt.close(figure)  # type: ignore[arg-type]
    return made.getvalue()
