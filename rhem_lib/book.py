"""A book of clients as the fit sees it: client-months laid out as padded arrays (clients, months)."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHORTEST_MONTH = 1e-3


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


def fitted_months(panel: pd.DataFrame) -> pd.DataFrame:
    """Rows of a panel that can be fitted: exposure above 0, ages and hours known; ordered by client and age."""
    known = panel[["exposure", "age_start", "age_end", "reactive_hours"]].notna().all(axis=1)
    return panel[known & (panel["exposure"] > 0)].sort_values(["client", "age_start"], kind="stable")


def client_order(rows: pd.DataFrame) -> list[str]:
    """Clients in an order that depends on their data and not on their names, so that no name moves a digit."""
    keys = rows.groupby("client", observed=True).agg(
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
        A month whose corrections leave fewer than 0 hours counts as 0.
    names : list of str
        Clients, in the order of the arrays.
    design : array (clients, covariates), optional
        By default a column of ones.
    """
    client = pd.Index(names).get_indexer(rows["client"])
    place = rows.groupby("client", observed=True).cumcount().to_numpy()
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
