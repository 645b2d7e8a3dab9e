"""Clients as the fit sees them: client-months laid out as padded arrays (clients, months)."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay.curves import Array
from rhem_lib.errors import InputError

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
        Pooled rate of all clients.
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

    def part(self, clients: NDArray[np.intp] | NDArray[np.bool_]) -> "Months":
        """The same of some clients."""
        arrays = {name: value[clients] for name, value in vars(self).items() if name != "scale"}
        return replace(self, **arrays)

    def divided(self, factor: Array) -> "Months":
        """The same without a factor on the rates.

        Hours with factor s are Tweedie (power 1.5) with dispersion phi, so hours / s are so with dispersion
        phi / sqrt(s): dividing stays inside the model when exposure counts sqrt(s) times.
        """
        return replace(self, rate=self.rate / factor, weight=self.weight * np.sqrt(factor))


def typed_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Panel with names as text, numbers as floats and months as timestamps, such as one read back from a file.

    An unknown number or month is no error; a cell that cannot be what its column holds is an InputError.
    """
    absent = [name for name in ("client", *NUMBERS) if name not in panel]
    if absent:
        fix = "data/codebook.md describes the panel that `rhem measure` writes."
        raise InputError(f"there is no column '{absent[0]}'.", where="panel", examples=panel.columns, fix=fix)
    typed = {name: pd.to_numeric(panel[name], errors="coerce").astype(float) for name in NUMBERS}
    for name, numbers in typed.items():
        _refuse(panel, panel[name].notna() & ~np.isfinite(numbers), name, "this is not a number")
    _refuse(panel, panel["client"].isna(), "client", "a row has no client")
    typed["client"] = panel["client"].astype(str)
    if "month" in panel:
        month = panel["month"].astype(str) if isinstance(panel["month"].dtype, pd.PeriodDtype) else panel["month"]
        typed["month"] = pd.to_datetime(month, errors="coerce")
        _refuse(panel, typed["month"].isna() & panel["month"].notna(), "month", "this is not a month")
    return panel.assign(**typed)


def fitted_months(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a panel that can be fitted, ordered by client and age.

    A month whose corrections leave fewer than 0 hours hands them to the month before, whose work they correct.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)

    Returns
    -------
    DataFrame
        The rows with exposure above 0 and known ages and hours, with their types corrected.

    Raises
    ------
    InputError
        A column is missing, a cell is not what its column holds, or ages are below 0, run backwards, or are
        covered by two rows of a client.
    """
    panel = typed_panel(panel)
    known = panel[[*NUMBERS]].notna().all(axis=1)
    rows = panel[known & (panel["exposure"] > 0)].sort_values(["client", "age_start"], kind="stable")
    before = rows["age_start"] < -SHORTEST_MONTH
    _refuse(rows, before, "age_start", "a month before onboarding has no age")
    _refuse(rows, rows["age_end"] < rows["age_start"], "age_end", "a month ends before it starts")
    last = rows["age_end"].shift().where(rows["client"] == rows["client"].shift())
    _refuse(rows, rows["age_start"] < last - MOST_OVERLAP, "age_start", "two rows of a client cover the same time")
    hours, first = rows["reactive_hours"].to_numpy(copy=True), ~rows["client"].duplicated().to_numpy()
    for place in np.arange(len(hours))[::-1] if (hours < 0).any() else []:
        if hours[place] < 0 and not first[place]:
            hours[place - 1] += hours[place]
            hours[place] = 0.0
    return rows.assign(reactive_hours=hours)


def _refuse(rows: pd.DataFrame, wrong: pd.Series, name: str, what: str) -> None:
    """Say which cells cannot be used, if any."""
    if wrong.any():
        found = [f"{client}: {cell}" for client, cell in rows.loc[wrong, ["client", name]].to_numpy()]
        found = [] if name == "client" else found
        where = f"panel, column '{name}', row {wrong.idxmax()}"
        raise InputError(f"{what}.", where=where, count=int(wrong.sum()), examples=found, fix="Mend or drop it.")


def client_order(rows: pd.DataFrame) -> list[str]:
    """Return clients in an order that depends on their data and not on their names, so no name moves a digit."""
    clients = rows.groupby("client")
    keys = (
        clients[["exposure", "reactive_hours"]].sum().assign(months=clients.size(), age=clients["age_end"].max())
    )
    return keys.sort_values(["months", "exposure", "reactive_hours", "age"], kind="stable").index.tolist()


def lay_out(rows: pd.DataFrame, names: list[str], *covariates: Array) -> Months:
    """Return fitted months as padded arrays.

    Parameters
    ----------
    rows : DataFrame from `fitted_months`
        A first month whose corrections leave fewer than 0 hours counts as 0.
    names : list of str
        Clients, in the order of the arrays.
    covariates : arrays (clients,)
        Columns of the design beside that of ones.
    """
    start, weight = (rows[name].to_numpy(float) for name in ("age_start", "exposure"))
    hours = np.maximum(rows["reactive_hours"].to_numpy(float), 0.0)
    end = np.maximum(rows["age_end"].to_numpy(float), start + SHORTEST_MONTH)
    scale = float(hours.sum() / weight.sum())
    filled = zip(
        (start, end, hours / weight / scale, weight, np.ones(len(rows))), (0.0, 1.0, 0.0, 1.0, 0.0), strict=True
    )
    age_start, age_end, rate, exposure, used = (padded(rows, names, values, fill) for values, fill in filled)
    ones = np.ones((len(names), 1))
    design = np.column_stack([ones, *covariates])
    return Months(age_start, age_end, rate, exposure, used, design, scale, ones, np.ones(used.shape))


def padded(rows: pd.DataFrame, names: list[str], values: Array | pd.Series, fill: float = 1.0) -> Array:
    """Values of fitted months as an array (clients, months), `fill` where a client has no more months."""
    client, place = places(rows, names)
    out = np.full((len(names), int(place.max()) + 1), fill)
    out[client, place] = values
    return out


def places(rows: pd.DataFrame, names: list[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of each fitted month in the padded arrays."""
    return pd.Index(names).get_indexer(rows["client"]), rows.groupby("client", observed=True).cumcount().to_numpy()
