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

EVERYBODY = "all clients"
MINUTES = {"min": 5, "max": 60, "step": 5}  # targets that can be chosen


def explore_definition(work: Workspace) -> Any:
    """Show minutes by month under a preset, for all clients or one client."""
    panel_of = cache(lambda preset: measure(work, preset=preset))
    clients = sorted(panel_of(work.settings.preset)["client"].unique())

    def draw(client: str, preset: Any) -> Any:
        panel = panel_of(preset)
        return plots.rhem_by_month(panel if client == EVERYBODY else panel[panel["client"] == client], client)

    return _panel(draw, client=[EVERYBODY, *clients], preset=[work.settings.preset, *PRESETS])


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
    return widgets.VBox([widgets.HBox(list(made.values())), figure])
