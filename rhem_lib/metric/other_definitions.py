"""The same months under other definitions of RHEM: every preset, and what others who publish one would count."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib.metric.intervals import pooled_rhem
from rhem_lib.metric.panel import measure
from rhem_lib.schema import ENDPOINT_KINDS
from rhem_lib.settings import PRESETS, Preset
from rhem_lib.workspace import Workspace


@dataclass(frozen=True)
class Definitions:
    """RHEM of the same months under each definition.

    Attributes
    ----------
    table : DataFrame
        definition, published_by, reactive_hours, exposure, rhem_h, low, high (95%), minutes, and ratio to the
        definition in force; the presets first, then single changes of the one in force.
    chosen : str
        The preset in force.
    """

    table: pd.DataFrame
    chosen: Preset

    @property
    def text(self) -> str:
        """How much the answer depends on what is called reactive and what is counted."""
        table = self.table.set_index("definition")
        minutes = table["minutes"]
        others = "; ".join(f"'{name}' would give {minutes[name]:.1f}" for name in PRESETS if name != self.chosen)
        low, high = minutes.idxmin(), minutes.idxmax()
        bare = "" if table["high"].notna().any() else " Without ticket numbers there is no interval."
        return (
            f"Under '{self.chosen}' RHEM is {minutes[self.chosen]:.1f} minutes per endpoint per month; "
            f"{others}. Of all definitions shown, '{low}' gives least ({minutes[low]:.1f}) and '{high}' most "
            f"({minutes[high]:.1f}), {minutes[high] / minutes[low]:.1f} times as much.{bare}"
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        digits = {"reactive_hours": 1, "exposure": 1, "rhem_h": 3, "low": 3, "high": 3, "minutes": 1, "ratio": 2}
        return self.table.round(digits)


def definitions(work: Workspace, *, months: int = 12) -> Definitions:
    """Return pooled RHEM of the last months under each preset and each change of the one in force.

    Parameters
    ----------
    work : Workspace
    months : int
        How many.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.metric.definitions(rhem.load("data/sample")).chosen
    'unscheduled'
    """
    own = measure(work)
    recent = own["month"].max() - pd.DateOffset(months=months)
    rows = {name: own if name == work.settings.preset else measure(work, preset=name) for name in PRESETS}
    tables = [_row(panel, recent, own, name, "") for name, panel in rows.items()]
    tables += [_row(measure(change(work)), recent, own, name, who) for name, who, change in CHANGES]
    table = pd.concat(tables, ignore_index=True)
    table["ratio"] = table["rhem_h"] / table.loc[table["definition"] == work.settings.preset, "rhem_h"].iloc[0]
    return Definitions(table, work.settings.preset)


def _row(panel: pd.DataFrame, after: pd.Timestamp, own: pd.DataFrame, name: str, who: str) -> pd.DataFrame:
    same = panel[(panel["month"] > after) & (panel["month"] <= own["month"].max())]
    pooled = pooled_rhem(same, by=[])[["reactive_hours", "exposure", "rhem_h", "low", "high"]]
    names = pd.DataFrame({"definition": [name], "published_by": [who]})
    return names.join(pooled.assign(minutes=60 * pooled["rhem_h"]))


def _as_class(work: Workspace, which: nw.Expr, work_class: str) -> Workspace:
    """Entries taken to be of another class."""
    changed = nw.when(which).then(nw.lit(work_class)).otherwise(nw.col("work_class"))
    return _with_entries(work, work_class=changed)


def _without(*types: str) -> Callable[[Workspace], Workspace]:
    """Reactive work on tickets of these types taken as scheduled."""
    out = (nw.col("work_class") == "reactive") & nw.col("type").is_in(list(types)).fill_null(False)
    return lambda work: _as_class(work, out, "scheduled")


def _with_entries(work: Workspace, **columns: Any) -> Workspace:
    return replace(work, time_entries=nw.from_native(work.time_entries).with_columns(**columns).to_native())


def _by_day_entered(work: Workspace) -> Workspace:
    return _with_entries(work, worked_on=nw.coalesce(nw.col("entered_at").dt.truncate("1d"), nw.col("worked_on")))


def _with_settings(**changes: Any) -> Callable[[Workspace], Workspace]:
    return lambda work: replace(work, settings=work.settings.model_copy(update=changes))


CHANGES: tuple[tuple[str, str, Callable[[Workspace], Workspace]], ...] = (
    ("without user requests", "", _without("request")),
    ("without alerts", "", _without("alert")),
    ("without requests and alerts", "Advanced Global MSP Coaching", _without("request", "alert")),
    ("with onboarding hours", "", lambda work: _as_class(work, nw.col("work_class") == "onboarding", "reactive")),
    ("by the day entered", "Ener Systems", _by_day_entered),
    ("servers count twice", "MSPCFO", _with_settings(endpoint_weights={"server": 2.0})),
    ("every listed device", "HUM", _with_settings(endpoint_kinds=list(ENDPOINT_KINDS))),
)
