"""What the coming months of a client will be measured at: prediction intervals around its fitted path.

A coming month differs from the path's average for four reasons, all of which are drawn: the path is not known
exactly, months have shocks, hours come as tickets, and the future is only as noisy as the past was seen to be.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import curves, posterior
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import split
from rhem_lib.decay.mixed_model import Fit

DRAWS, COVERAGE = 2000, (0.05, 0.95)
MOST = 2.0  # times the highest month seen: where little is known, a drawn path may run off


def forecast_months(fit: Fit, client: int, months: int, exposure: float | None = None) -> pd.DataFrame:
    """Coming months of the client at that place: see `decay.DecayFit.forecast`."""
    seen = fit.model.months
    last = int(seen.used[client].sum()) - 1
    width = seen.age_end[client, last] - seen.age_start[client, last]
    weight = float(seen.weight[client, last] / width) if exposure is None else exposure
    start = seen.age_end[client, last] + np.arange(months)[None]
    rng = np.random.default_rng(0)
    draws = draw_months(fit, start, start + 1, np.full_like(start, weight), rng, np.array([client]))[:, 0]
    low, high = posterior.order_statistics(draws, *COVERAGE)
    columns = {"months_ahead": np.arange(1, months + 1), "age_months": start[0] + 0.5, "exposure": weight}
    return pd.DataFrame(columns | {"rhem_h": np.median(draws, axis=0), "low": low, "high": high})


def draw_months(
    fit: Fit,
    age_start: Array,
    age_end: Array,
    weight: Array,
    rng: np.random.Generator,
    clients: NDArray[np.intp] | None = None,
) -> Array:
    """Observed rates of future months, (DRAWS, clients, months) in h per endpoint per month.

    Ages [months since onboarding] and weight [endpoint-months] are (clients, months); `clients` are the places of
    the clients, if not all.
    """
    seen = fit.model.months
    draws = posterior.draw_clients(fit, DRAWS, rng, clients).whole
    start, floor, tau = np.moveaxis(np.exp(draws), -1, 0)[..., None]
    share = curves.AVERAGES[fit.model.shape](age_start, age_end, tau)[0]
    rate = np.minimum((floor + (start - floor) * share) / seen.scale, MOST * seen.rate.max())
    _, _, phi, kappa = split(fit.point.theta)
    noise = _noise(fit, rng, slice(None) if clients is None else clients)
    dispersion = noise * (phi / weight + kappa * np.sqrt(rate))
    tickets = rng.poisson(2 * np.sqrt(rate) / dispersion)
    hours = rng.gamma(np.maximum(tickets, 1), dispersion * np.sqrt(rate) / 2) * (tickets > 0)
    return hours * seen.scale


def _noise(fit: Fit, rng: np.random.Generator, clients: slice | NDArray[np.intp]) -> Array:
    """Draws of every client's noise, (DRAWS, clients, 1), inverse gamma around its estimate.

    Its own months count where clients differ in noise, else all months of all clients do.
    """
    seen = fit.model.months
    known = seen.used.sum(1) if (seen.noise != 1).any() else np.full(len(seen.used), seen.used.sum())
    freedom = np.maximum(known - 3, 3.0)[clients]
    return (seen.noise[clients, 0] * freedom / rng.chisquare(freedom, (DRAWS, len(freedom))))[..., None]
