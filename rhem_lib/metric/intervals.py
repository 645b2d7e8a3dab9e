"""Pooled RHEM, and an interval for reactive hours that come as tickets: few or many, short or long."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rhem_lib.errors import ParameterError, one_of

USUAL_TICKETS = 20  # tickets of the usual size that are added to those seen, so that a few do not decide
SUMMED = ["exposure", "reactive_hours", "unclassified_hours", "reactive_tickets", "squared_hours"]
POOLED = ["exposure", "reactive_hours", "rhem_h", "low", "high", "rhem_high_h", "mean_client_rhem_h"]
PERIODS = {"quarter": "Q", "year": "Y"}


def pooled_rhem(panel: pd.DataFrame, by: str | Sequence[str] | None = None) -> Any:
    """Return pooled RHEM, sum of hours over sum of exposure, in hours per endpoint per month.

    Parameters
    ----------
    panel : DataFrame
        From `measure`; months without exposure are left out, hours and all.
    by : str or list of str, optional
        Columns to group by; `quarter` and `year` are understood. An empty list gives one row for everything.

    Returns
    -------
    float, or DataFrame
        The groups, exposure, reactive_hours, rhem_h with its 95% interval low to high (chance of how many tickets
        come and how long they take), rhem_high_h (all unclassified hours counted) and mean_client_rhem_h (the mean
        of client RHEMs, which gives a small client the weight of a large one).

    Raises
    ------
    ParameterError
        The panel has no such column, or was measured by one that is not named.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> panel = rhem.measure(rhem.load("data/sample"))
    >>> rhem.pooled_rhem(panel, by="year")["rhem_h"].round(2).tolist()
    [0.35, 0.27, 0.24]
    """
    exposed = panel[panel["exposure"] > 0]
    names = [by] if isinstance(by, str) else list(by or [])
    keys = exposed.columns.intersection(["client", "month", *names])
    if {"client", "month"} <= {*keys} and exposed.duplicated(keys).any():
        what = "this panel is split, so its exposure would count several times."
        raise ParameterError(what, where="by", fix="Name the column it was measured by: by=['month', 'category'].")
    if by is None:
        return float(exposed["reactive_hours"].sum() / exposed["exposure"].sum()) if len(exposed) else float("nan")
    periods = {n: exposed["month"].dt.to_period(PERIODS[n]).astype(str) for n in names if n in PERIODS}
    exposed = exposed.assign(**periods)
    for name in names:
        one_of(name, [*exposed, *PERIODS], "by")
    parts = exposed.groupby([*names, *(["client"] if "client" not in names else [])], dropna=False)[SUMMED].sum()
    parts["mean_client_rhem_h"] = parts["reactive_hours"] / parts["exposure"]
    groups = parts.groupby(names, dropna=False) if names else parts.groupby(np.zeros(len(parts)))
    table = groups[SUMMED].sum()
    table["rhem_h"] = table["reactive_hours"] / table["exposure"]
    limits = hour_limits(parts.reset_index(), exposed, names)
    for end in ("low", "high"):
        table[end] = limits[f"{end}_hours"].to_numpy() / table["exposure"]
    table["rhem_high_h"] = (table["reactive_hours"] + table["unclassified_hours"]) / table["exposure"]
    table["mean_client_rhem_h"] = groups["mean_client_rhem_h"].mean()
    return table.reset_index()[[*names, *POOLED]]


def hour_limits(parts: pd.DataFrame, panel: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """95% limits of the expected hours of each group of client parts: low_hours, high_hours, indexed by `by`.

    Hours are taken as compound Poisson: so many tickets by chance, each as long as it happens
    to be. Their total S then has the variance Q, the sum of squared hours per ticket, and S and
    Q give a gamma interval in the way of Fay and Feuer (1997), with the mean ticket m as the
    weight of the next one (Tiwari, Clegg and Zou, 2006): from the gamma distributions with mean
    S and variance Q, and with mean S + m and variance Q + m^2. With no ticket at all the upper
    limit is exactly that of a Poisson count of m-hour tickets.

    Q and m of a few tickets are unsure, and a short interval without a long ticket would miss the truth. So
    USUAL_TICKETS of the client's own usual size (from `panel`) are added to the tickets seen, and to the client's
    as many of all clients'.

    Measured coverage at nominal 95% for 5 to 200 endpoints (docs/accuracy.md): 94 to 97% where four tickets or
    more are expected, up to 99% where fewer are: there the interval must allow for none.
    """
    sizes = ["reactive_hours", "squared_hours", "reactive_tickets"]
    history = panel.groupby("client")[sizes].sum()
    typical = history.sum() / max(float(history["reactive_tickets"].sum()), 1.0)
    usual = history + USUAL_TICKETS * typical
    usual = usual.div(usual["reactive_tickets"], axis=0)
    seen = parts[sizes].clip(lower=0)
    near = seen + USUAL_TICKETS * usual.reindex(parts["client"])[sizes].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        long = (near["squared_hours"] / near["reactive_hours"]).fillna(0.0)
        mean = (near["reactive_hours"] / near["reactive_tickets"]).clip(upper=long)
    keys: list[Any] = [parts[name] for name in by] or [pd.Series(0, parts.index)]
    work = pd.DataFrame({"s": seen["reactive_hours"], "q": seen["reactive_hours"] * long, "m": mean})
    sums = work.groupby(keys, dropna=False).agg({"s": "sum", "q": "sum", "m": "mean"})
    low = _gamma(0.025, sums["s"], sums["q"])
    high = _gamma(0.975, sums["s"] + sums["m"], sums["q"] + sums["m"] ** 2)
    return pd.DataFrame({"low_hours": low.fillna(0.0), "high_hours": high}, index=sums.index)


def month_spread(panel: pd.DataFrame) -> float:
    """Return how much months of one client differ beyond the chance of their tickets, as a share of their level.

    The squared bends of three months that follow each other, less what chance brings, over all clients: a fall in
    a straight line is no spread.

    >>> import rhem_lib as rhem
    >>> round(month_spread(rhem.measure(rhem.load("data/sample"))), 1)
    0.2
    """
    rows = panel[(panel["exposure"] > 0) & panel["rhem_h"].notna()].sort_values(["client", "month"])
    last = rows.shift(2)
    joined = (last["client"] == rows["client"]) & (last["month"] + pd.DateOffset(months=2) == rows["month"])
    level, chance = rows["rhem_h"], rows["squared_hours"] / rows["exposure"] ** 2
    bend = level - 2 * level.shift(1) + level.shift(2)
    by_chance = chance + 4 * chance.shift(1) + chance.shift(2)
    beyond = float((bend**2 - by_chance)[joined].sum())
    scale = float((3 * level.shift(1) * (level + level.shift(2)))[joined].sum())
    return float(np.sqrt(max(beyond, 0.0) / scale)) if scale > 0 else 0.0


def _gamma(probability: float, mean: pd.Series, variance: pd.Series) -> pd.Series:
    """Quantile of the gamma distribution with that mean and variance; NaN where the mean is 0."""
    scale = variance / mean.where(mean > 0)
    from scipy import special  # as in causes

    return pd.Series(special.gammaincinv(mean / scale, probability) * scale, mean.index)
