"""Time given back: what the same computers would have taken at the starting level, less what they took."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from rhem_lib.settings import TECHNICIAN, Settings, Value

Numbers = TypeVar("Numbers", float, np.ndarray, pd.Series)
FIRST_MONTHS = 3


def given_back(start_h: Numbers, hours: Numbers, exposure: Numbers) -> Numbers:
    """Return the hours given back: what the same computers would have taken at the start, less what they took.

    Parameters
    ----------
    start_h : float, array or Series, h per endpoint per month
    hours : h
    exposure : endpoint-months

    Examples
    --------
    >>> given_back(1.0, 20.0, 50.0)
    30.0
    """
    return start_h * exposure - hours


def staff_hours(hours: Numbers, value: Value) -> Numbers | None:
    """Return the hours of staff for hours of technicians; None unless the workspace gives the ratio.

    How many computers an employee has does not change a total, only over how many people it is spread.

    Parameters
    ----------
    hours : float, array or Series
        Of technicians.
    value : Value
        The table `[value]` of rhem.toml.

    Examples
    --------
    >>> staff_hours(10.0, Value(user_minutes_per_technician_minute=1.5, devices_per_employee=2.0))
    15.0
    """
    ratio = value.user_minutes_per_technician_minute
    return None if ratio is None else hours * ratio


@dataclass(frozen=True)
class GivenBack:
    """Hours given back in the last months, against each client's own start and against the reference start.

    Attributes
    ----------
    table : DataFrame, indexed by client
        start_h (NaN where the data begin later), now_h, exposure, own_start_hours, reference_hours; where the
        workspace gives minutes of users per technician minute also staff_own_start_hours, staff_reference_hours.
    assumptions : Series
        Everything that was not measured, with its value.
    """

    table: pd.DataFrame
    assumptions: pd.Series
    months: int
    hours_are: str

    @property
    def text(self) -> str:
        """Both sums, then what they rest on."""
        known = self.table["start_h"].notna()
        own, reference = (self.table[f"{name}_hours"].sum() for name in ("own_start", "reference"))
        start = 60 * self.assumptions["reference start_h"]
        text = (
            f"In the last {self.months} months {own:,.0f} {self.hours_are} were given back against the clients' "
            f"own starts (known for {known.sum()} of {len(known)} clients), and {reference:,.0f} against "
            f"{start:.0f} minutes per endpoint and month for all."
        )
        if "staff_own_start_hours" in self.table:
            ratio = self.assumptions["user minutes per technician minute"]
            text += (
                f" Assuming {ratio:g} minutes of a user per technician minute, that is "
                f"{self.table['staff_own_start_hours'].sum():,.0f} and "
                f"{self.table['staff_reference_hours'].sum():,.0f} hours of staff."
            )
            wage = self.assumptions.get("wage per hour")
            if wage is not None:
                worth = wage * self.table["staff_own_start_hours"].sum()
                text += f" At {wage:g} {self.assumptions['currency']} an hour, the former is worth {worth:,.0f}."
        return text

    def summary(self) -> pd.DataFrame:
        """The table, rounded, most hours first."""
        hours = {name: 1 for name in self.table if name.endswith("_hours") or name == "exposure"}
        table = self.table.round({"start_h": 3, "now_h": 3} | hours)
        return table.sort_values("own_start_hours", ascending=False)


def time_given_back(
    panel: pd.DataFrame, settings: Settings, *, months: int = 12, starts: pd.Series | None = None
) -> GivenBack:
    """Return the hours given back in the last `months` months.

    Parameters
    ----------
    panel : DataFrame
        From `measure`.
    settings : Settings
        Reference start, assumptions, and what the hours are: no assumption turns other hours into staff time.
    starts : Series indexed by client, optional
        Starting levels [hours per endpoint per month], such as `fit.clients["start_h"]`; by default the pooled
        RHEM of the first FIRST_MONTHS months since onboarding, where the data hold them all.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> rhem.metric.time_given_back(rhem.measure(work), work.settings).months
    12
    """
    exposed = panel[panel["exposure"] > 0]
    recent = exposed[exposed["month"] > exposed["month"].max() - pd.DateOffset(months=months)]
    now = recent.groupby("client")[["reactive_hours", "exposure"]].sum()
    hours, exposure = now["reactive_hours"], now["exposure"]
    own = (_first_levels(exposed) if starts is None else starts).reindex(now.index)
    table = pd.DataFrame({"start_h": own, "now_h": hours / exposure, "exposure": exposure})
    reference = pd.Series(settings.targets.start_h, now.index)
    for name, start in (("own_start", own), ("reference", reference)):
        table[f"{name}_hours"] = given_back(start, hours, exposure)
    assumed: dict[str, object] = {"reference start_h": settings.targets.start_h}
    if settings.hours_are == TECHNICIAN:
        value = settings.value
        ratio = value.user_minutes_per_technician_minute
        if ratio is not None:
            for name in ("own_start", "reference"):
                table[f"staff_{name}_hours"] = staff_hours(table[f"{name}_hours"], value)
            assumed["user minutes per technician minute"] = ratio
        if ratio is not None and value.wage_per_hour:
            assumed |= {"wage per hour": value.wage_per_hour, "currency": value.currency}
    return GivenBack(table, pd.Series(assumed, dtype=object), months, settings.hours_are)


def _first_levels(exposed: pd.DataFrame) -> pd.Series:
    """Pooled RHEM of the first months since onboarding, of clients whose first month is in the data."""
    first = exposed[exposed["age_start"] < FIRST_MONTHS].groupby("client")
    sums = first[["reactive_hours", "exposure"]].sum()
    return (sums["reactive_hours"] / sums["exposure"]).where(first["age_start"].min() == 0)
