"""A book of clients as the fit sees it: client-months laid out as padded arrays (clients, months)."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.errors import InputError

Array = NDArray[np.float64]

NUMBERS = ("exposure", "age_start", "age_end", "reactive_hours")
SHORTEST_MONTH, MOST_OVERLAP = 1e-3, 0.05


@dataclass(frozen=True)
class Months:
    """Client-months as arrays (clients, months), the months of a client in order of age.

    Attributes
    ----------
    age_start, age_end : months since onboarding
    rate : hours per endpoint per month, divided by `scale`, so that hours may have any unit
    weight : exposure, endpoint-months
    used : 1, or 0 where padded
    design : array (clients, covariates), first column 1
    scale : float
        Pooled rate of the book.
    noise : array (clients, 1)
        Multiplier of each client's dispersion; 1 where clients are equally noisy.
    shock : array (clients, months)
        Multiplier of the shocks' dispersion: a shock multiplies hours, so it grows with the root of the rate.
    """

    age_start: Array
    age_end: Array
    rate: Array
    weight: Array
    used: Array
    design: Array
    scale: float
    noise: Array
    shock: Array

    def part(self, clients: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Months":
        """The same of some clients."""
        names = ("age_start", "age_end", "rate", "weight", "used", "design", "noise", "shock")
        return replace(self, **{name: getattr(self, name)[clients] for name in names})


def typed_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Panel with names as text, numbers as floats and months as timestamps, such as one read back from a file.

    Raises
    ------
    InputError
        A column is missing, or a cell cannot be what its column holds; an unknown number or month is no error.
    """
    absent = [name for name in ("client", *NUMBERS) if name not in panel]
    if absent:
        fix = "data/codebook.md describes the panel that `rhem measure` writes."
        raise InputError(f"there is no column '{absent[0]}'.", where="panel", examples=panel.columns, fix=fix)
    typed = {name: pd.to_numeric(panel[name], errors="coerce").astype(float) for name in NUMBERS}
    for name, numbers in typed.items():
        _refuse(panel, (panel[name].notna() & ~np.isfinite(numbers)), name, "this is not a number")
    _refuse(panel, panel["client"].isna(), "client", "a row has no client")
    typed["client"] = panel["client"].astype(str)
    if "month" in panel:
        month = panel["month"].astype(str) if isinstance(panel["month"].dtype, pd.PeriodDtype) else panel["month"]
        typed["month"] = pd.to_datetime(month, errors="coerce")
        _refuse(panel, typed["month"].isna() & panel["month"].notna(), "month", "this is not a month")
    return panel.assign(**typed)


def fitted_months(panel: pd.DataFrame) -> pd.DataFrame:
    """Rows of a panel that can be fitted: exposure above 0, ages and hours known; ordered by client and age.

    A month whose corrections leave fewer than 0 hours hands them to the month before, whose work they correct.

    Raises
    ------
    InputError
        See `typed_panel`; or ages are below 0, run backwards, or are covered by two rows of a client.
    """
    panel = typed_panel(panel)
    known = panel[[*NUMBERS]].notna().all(axis=1)
    rows = panel[known & (panel["exposure"] > 0)].sort_values(["client", "age_start"], kind="stable")
    before = rows["age_start"] < -SHORTEST_MONTH
    _refuse(rows, before, "age_start", "a month before onboarding has no age")
    _refuse(rows, rows["age_end"] < rows["age_start"], "age_end", "a month ends before it starts")
    last = rows["age_end"].shift().where(rows["client"] == rows["client"].shift())
    _refuse(rows, rows["age_start"] < last - MOST_OVERLAP, "age_start", "two rows of a client cover the same time")
    return rows.assign(reactive_hours=_corrected(rows)) if (rows["reactive_hours"] < 0).any() else rows


def _corrected(rows: pd.DataFrame) -> Array:
    hours, first = rows["reactive_hours"].to_numpy(copy=True), ~rows["client"].duplicated().to_numpy()
    for place in range(len(hours) - 1, -1, -1):
        if hours[place] < 0 and not first[place]:
            hours[place - 1] += hours[place]
            hours[place] = 0.0
    return hours


def _refuse(rows: pd.DataFrame, wrong: pd.Series, name: str, what: str) -> None:
    """Say which cells cannot be used, if any."""
    if wrong.any():
        found = [f"{client}: {cell}" for client, cell in rows.loc[wrong, ["client", name]].to_numpy()]
        found = [] if name == "client" else found
        where = f"panel, column '{name}', row {wrong.idxmax()}"
        raise InputError(f"{what}.", where=where, count=int(wrong.sum()), examples=found, fix="Mend or drop it.")


def client_order(rows: pd.DataFrame) -> list[str]:
    """Clients in an order that depends on their data and not on their names, so that no name moves a digit."""
    keys = rows.groupby("client").agg(
        months=("exposure", "size"),
        exposure=("exposure", "sum"),
        hours=("reactive_hours", "sum"),
        age=("age_end", "max"),
    )
    return keys.sort_values(list(keys.columns), kind="stable").index.tolist()


def lay_out(rows: pd.DataFrame, names: list[str], design: Array | None = None) -> Months:
    """Padded arrays of fitted months.

    Parameters
    ----------
    rows : DataFrame from `fitted_months`
        A first month whose corrections leave fewer than 0 hours counts as 0.
    names : list of str
        Clients, in the order of the arrays.
    design : array (clients, covariates), optional
        By default a column of ones.
    """
    client = pd.Index(names).get_indexer(rows["client"])
    place = rows.groupby("client").cumcount().to_numpy()
    shape = (len(names), int(place.max()) + 1)
    start, end, hours, weight = (
        rows[c].to_numpy(float) for c in ("age_start", "age_end", "reactive_hours", "exposure")
    )
    hours = np.maximum(hours, 0.0)
    scale = float(hours.sum() / weight.sum())

    def lay(values: Array, fill: float) -> Array:
        out = np.full(shape, fill)
        out[client, place] = values
        return out

    return Months(
        lay(start, 0.0),
        lay(np.maximum(end, start + SHORTEST_MONTH), 1.0),
        lay(hours / weight / scale, 0.0),
        lay(weight, 1.0),
        lay(np.ones(len(rows)), 0.0),
        np.ones((len(names), 1)) if design is None else design,
        scale,
        np.ones((len(names), 1)),
        np.ones(shape),
    )
