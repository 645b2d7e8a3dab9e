"""The same months under other definitions of RHEM: every preset, and what others who publish one would count."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib.metric.panel import measure, pooled_rhem
from rhem_lib.schema import ENDPOINT_KINDS
from rhem_lib.settings import PRESETS, Preset
from rhem_lib.workspace import Workspace


@dataclass(frozen=True)
class Definitions:
    """RHEM of the same months under each definition.

    `table`: definition, published_by, reactive_hours, exposure, rhem_h, low, high (95 %), minutes, and ratio
    to the definition in force; the presets first, then single changes of the one in force.
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
            f"Under '{self.chosen}' the book stands at {minutes[self.chosen]:.1f} minutes per endpoint per month; "
            f"{others}. Of all definitions shown, '{low}' gives least ({minutes[low]:.1f}) and '{high}' most "
            f"({minutes[high]:.1f}), {minutes[high] / minutes[low]:.1f} times as much.{bare}"
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        digits = {"reactive_hours": 1, "exposure": 1, "rhem_h": 3, "low": 3, "high": 3, "minutes": 1, "ratio": 2}
        return self.table.round(digits)


def definitions(work: Workspace, *, months: int = 12) -> Definitions:
    """Pooled RHEM of the last `months` months under each preset and each change of the one in force."""
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
    return pooled.assign(definition=name, published_by=who, minutes=60 * pooled["rhem_h"])[
        ["definition", "published_by", *pooled, "minutes"]
    ]


def _without(*types: str) -> Callable[[Workspace], Workspace]:
    """Reactive work on tickets of these types taken as scheduled."""

    def change(work: Workspace) -> Workspace:
        out = (nw.col("work_class") == "reactive") & nw.col("type").is_in(list(types)).fill_null(False)
        return _entries(work, work_class=nw.when(out).then(nw.lit("scheduled")).otherwise(nw.col("work_class")))

    return change


def _with_onboarding(work: Workspace) -> Workspace:
    joining = nw.col("work_class") == "onboarding"
    return _entries(work, work_class=nw.when(joining).then(nw.lit("reactive")).otherwise(nw.col("work_class")))


def _by_day_entered(work: Workspace) -> Workspace:
    entered = nw.col("entered_at").dt.truncate("1d")
    return _entries(work, worked_on=nw.coalesce(entered, nw.col("worked_on")))


def _entries(work: Workspace, **columns: Any) -> Workspace:
    return replace(work, time_entries=nw.from_native(work.time_entries).with_columns(**columns).to_native())


def _servers_twice(work: Workspace) -> Workspace:
    return replace(work, settings=work.settings.model_copy(update={"endpoint_weights": {"server": 2.0}}))


def _every_device(work: Workspace) -> Workspace:
    return replace(work, settings=work.settings.model_copy(update={"endpoint_kinds": list(ENDPOINT_KINDS)}))


CHANGES: tuple[tuple[str, str, Callable[[Workspace], Workspace]], ...] = (
    ("without user requests", "", _without("request")),
    ("without alerts", "", _without("alert")),
    ("without requests and alerts", "Advanced Global MSP Coaching", _without("request", "alert")),
    ("with onboarding hours", "", _with_onboarding),
    ("by the day entered", "Ener Systems", _by_day_entered),
    ("servers count twice", "MSPCFO", _servers_twice),
    ("every listed device", "HUM", _every_device),
)
