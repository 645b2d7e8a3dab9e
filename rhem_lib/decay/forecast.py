"""What the coming months of a client will be measured at: prediction intervals around its fitted path.

A coming month differs from the path's average for four reasons, all of which are drawn: the path is not known
exactly, months have shocks, hours come as tickets, and the future is only as noisy as the past was seen to be.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import curves, posterior
from rhem_lib.decay.laplace import split
from rhem_lib.decay.mixed_model import Fit

Array = NDArray[np.float64]

DRAWS, COVERAGE = 2000, 0.9
MOST = 2.0  # times the highest month seen: where little is known, a drawn path may run off


def forecast_months(fit: Fit, client: int, months: int, exposure: float | None = None) -> pd.DataFrame:
    """Coming months of the client at that place: see `decay.DecayFit.forecast`."""
    book = fit.model.months
    last = int(book.used[client].sum()) - 1
    width = book.age_end[client, last] - book.age_start[client, last]
    weight = float(book.weight[client, last] / width) if exposure is None else exposure
    start = book.age_end[client, last] + np.arange(months)[None]
    full = np.full_like(start, weight)
    rng = np.random.default_rng(0)
    draws = draw_months(fit, start, start + 1, full, rng, clients=np.array([client]))[:, 0]
    columns = {"months_ahead": np.arange(1, months + 1), "age_months": start[0] + 0.5, "exposure": full[0]}
    low, high = limits(draws, COVERAGE)
    return pd.DataFrame(columns | {"rhem_h": np.median(draws, axis=0), "low": low, "high": high})


def draw_months(
    fit: Fit,
    age_start: Array,
    age_end: Array,
    weight: Array,
    rng: np.random.Generator,
    clients: NDArray[np.intp] | None = None,
) -> Array:
    """Observed rates of future months, drawn for every client.

    Parameters
    ----------
    fit : mixed.Fit
    age_start, age_end : array (clients, months), months since onboarding
    weight : array (clients, months), endpoint-months
    rng : Generator
    clients : array of int, optional
        Places of the clients, if not all.

    Returns
    -------
    array (DRAWS, clients, months), h per endpoint per month
    """
    months = fit.model.months
    draws = posterior.draw_clients(fit, DRAWS, rng, clients).whole
    start, floor, tau = np.moveaxis(np.exp(draws), -1, 0)[..., None]
    share = curves.AVERAGES[fit.model.shape](age_start, age_end, tau)[0]
    rate = np.minimum((floor + (start - floor) * share) / months.scale, MOST * months.rate.max())
    _, _, phi, kappa = split(fit.point.theta, months.design.shape[1])
    dispersion = _noise(fit, rng, slice(None) if clients is None else clients) * (
        phi / weight + kappa * np.sqrt(rate)
    )
    tickets = rng.poisson(2 * np.sqrt(rate) / dispersion)
    hours = rng.gamma(np.maximum(tickets, 1), dispersion * np.sqrt(rate) / 2) * (tickets > 0)
    return hours * months.scale


def _noise(fit: Fit, rng: np.random.Generator, clients: slice | NDArray[np.intp]) -> Array:
    """Draws of every client's noise, (DRAWS, clients, 1), inverse gamma around its estimate.

    Its own months count where clients differ in noise, else all months of the book do.
    """
    book = fit.model.months
    known = book.used.sum(1) if (book.noise != 1).any() else np.full(len(book.used), book.used.sum())
    freedom = np.maximum(known - 3, 3.0)[clients]
    return (book.noise[clients, 0] * freedom / rng.chisquare(freedom, (DRAWS, len(freedom))))[..., None]


def limits(draws: Array, coverage: float) -> Array:
    """Lower and upper order statistic of draws over the first axis."""
    tail = (1 - coverage) / 2
    return np.quantile(draws, [tail, 1 - tail], axis=0, method="inverted_cdf")


def crps(draws: Array, observed: Array) -> Array:
    """Continuous ranked probability score of draws (first axis) against what came: E|x - y| - E|x - x'| / 2.

    In the unit of the observation; smaller is better, and for a single draw it is the absolute error. Gneiting &
    Raftery (2007), Strictly proper scoring rules, eq. 21.
    """
    size = len(draws)
    ranked = np.sort(draws, axis=0)
    order = (2 * np.arange(1, size + 1) - size - 1).reshape(-1, *[1] * (draws.ndim - 1))
    return np.abs(draws - observed).mean(0) - (order * ranked).sum(0) / size**2
