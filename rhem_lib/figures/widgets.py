"""Widgets in JupyterLab: choose a client, a definition or a target, and the figure follows.

The same cells run in a batch, without a browser; pages leave them out.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from rhem_lib.figures import plots, theme
from rhem_lib.metric import measure
from rhem_lib.settings import PRESETS
from rhem_lib.workspace import Workspace

if TYPE_CHECKING:
    from rhem_lib.decay import DecayFit

EVERYBODY, EVERYTHING, ALL_MONTHS = "all clients", "all causes", "all months"
WEIGHTS = (1.0, 1.5, 2.0, 3.0)  # of a server, against 1 of a workstation
MINUTES = {"min": 5, "max": 60, "step": 5}  # targets that can be chosen


def explore_definition(work: Workspace) -> Any:
    """Show minutes by month of a client, category and period, under a preset and a weight of servers."""
    own = work.settings.endpoint_weights.get("server", 1.0)

    @cache
    def split(preset: Any, server: float) -> pd.DataFrame:
        weights = {"server": server}
        return measure(work.with_settings(endpoint_weights=weights), preset=preset, by="category")

    start = split(work.settings.preset, own)
    months = start.loc[start["exposure"] > 0, "month"]
    periods = sorted({*months.dt.to_period("Y").astype(str), *months.dt.to_period("Q").astype(str)}, reverse=True)

    def draw(client: str, category: str, period: str, preset: Any, server: float) -> Any:
        panel = split(preset, server)
        panel = panel[(client == EVERYBODY) | (panel["client"] == client)]
        panel = panel[(category == EVERYTHING) | (panel["category"] == category)]
        if period != ALL_MONTHS:
            panel = panel[panel["month"].dt.to_period(pd.Period(period).freqstr) == pd.Period(period)]
        keys, sums = (
            ["client", "month", "exposure"],
            ["reactive_hours", "reactive_tickets", "unclassified_hours", "squared_hours"],
        )
        panel = panel.groupby(keys, as_index=False)[sums].sum()
        panel["rhem_h"] = panel["reactive_hours"] / panel["exposure"].where(panel["exposure"] > 0)
        whose = ", ".join(word for word in (client, category) if word != EVERYTHING)
        return plots.rhem_by_month(panel, whose)

    return _panel(
        draw,
        client=[EVERYBODY, *sorted(start["client"].unique())],
        category=[EVERYTHING, *sorted(start["category"].unique())],
        period=[ALL_MONTHS, *periods],
        preset=[work.settings.preset, *PRESETS],
        server=[own, *WEIGHTS],
    )


def explore_pair(fit: "DecayFit", panel: pd.DataFrame) -> Any:
    """Show months and curves of two clients side by side."""
    names = list(fit.clients.index)
    return _panel(lambda client, other: plots.paths(fit, panel, [client, other]), client=names, other=names[::-1])


def explore_path(fit: "DecayFit", panel: pd.DataFrame) -> Any:
    """Show one client's months and curve, and when it comes down to a target in minutes."""

    def draw(client: str, target: int) -> Any:
        return plots.path(fit, panel, client, target_h=target / 60)

    return _panel(draw, client=list(fit.clients.index), target=round(60 * fit.target.target_h))


def _panel(draw: Callable, **knobs: Any) -> Any:
    """Dropdown per list and slider per number over the figure that they move."""
    import ipywidgets as widgets  # looks for the running shell

    wide = widgets.Layout(width="auto", min_width="300px")
    made: dict[str, Any] = {}
    for name, start in knobs.items():
        if isinstance(start, list):
            made[name] = widgets.Dropdown(options=list(dict.fromkeys(start)), description=name, layout=wide)
        else:
            slider = {**MINUTES, "description": name, "continuous_update": False, "layout": wide}
            made[name] = widgets.IntSlider(start, **slider)
    # An image, since nbclient answers an output widget in a way that now and then stalls a cell for ever.
    figure = widgets.Image(layout=widgets.Layout(width="760px"))

    def update(*_: Any) -> None:
        figure.value = theme.png(draw(**{name: knob.value for name, knob in made.items()}))

    for knob in made.values():
        knob.observe(update, names="value")
    update()
    row = widgets.Layout(flex_flow="row wrap")
    return widgets.VBox([widgets.HBox(list(made.values()), layout=row), figure])
