"""What the coming months of a client will be measured at: prediction intervals around its fitted path.

A coming month differs from the path's average for four reasons, all of which are drawn: the path is not known
exactly, months have shocks, hours come as tickets, and the future is only as noisy as the past was seen to be.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import curves, posterior
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import split
from rhem_lib.decay.mixed_model import Drift, Fit

DRAWS, NEW_DRAWS, COVERAGE = 2000, 20_000, (0.05, 0.95)
USUAL_DRIFT = 0.03  # log per month, standard deviation: drifts of up to 3% a month are usual
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


@dataclass(frozen=True)
class NewClient:
    """Predicted hours of a client not seen yet, with 90% prediction intervals.

    Attributes
    ----------
    table : DataFrame, one row per month of service
        month_of_service, hours (median), low, high.
    hours, low, high : float
        Of all months together.
    endpoints : float
    """

    table: pd.DataFrame
    hours: float
    low: float
    high: float
    endpoints: float

    @property
    def text(self) -> str:
        """Hours in all, with their range."""
        months = len(self.table)
        span = "year" if months == 12 else f"{months} months"
        return (
            f"A new client of {self.endpoints:.0f} endpoints takes {self.hours:.0f} reactive hours in its "
            f"first {span} (90% prediction interval {self.low:.0f} to {self.high:.0f})."
        )

    def summary(self) -> pd.DataFrame:
        """Table, rounded."""
        return self.table.round(1)


def forecast_new(fit: Fit, endpoints: float, months: int, rng: np.random.Generator) -> NewClient:
    """Hours of a client not seen yet: see `decay.DecayFit.new_client`."""
    seen = fit.model.months
    eta, drift = posterior.draw_new(fit, NEW_DRAWS, rng)
    start, floor, tau = np.exp(eta).T[:, :, None]
    age = np.arange(months, dtype=float)
    rate = (floor + (start - floor) * curves.AVERAGES[fit.model.shape](age, age + 1, tau)[0]) / seen.scale
    if fit.drift is not None:
        joins = float((fit.drift.onboarded + (seen.age_end * seen.used).max(1)).max())
        rate = rate * np.exp(drift * (joins + age))
    rate = np.minimum(rate, MOST * seen.rate.max())
    phi, kappa = split(fit.point.theta)[2:]
    noise = rng.choice(seen.noise[:, 0], (NEW_DRAWS, 1))
    # Shocks that last make a year's sum as uncertain as if each month's were larger.
    lasting = float((fit.slow.months.shock / seen.shock).mean())
    by_month = draw_hours(rate, noise * (phi / endpoints + kappa * np.sqrt(rate)), rng)
    in_all = draw_hours(rate, noise * (phi / endpoints + lasting * kappa * np.sqrt(rate)), rng).sum(axis=1)
    unit = seen.scale * endpoints
    low, high = unit * posterior.order_statistics(by_month, *COVERAGE)
    middle = unit * np.median(by_month, axis=0)
    table = pd.DataFrame({"month_of_service": 1 + age.astype(int), "hours": middle, "low": low, "high": high})
    whole = unit * posterior.order_statistics(in_all, 0.5, *COVERAGE)
    return NewClient(table, float(whole[0]), float(whole[1]), float(whole[2]), float(endpoints))


def draw_hours(rate: Array, dispersion: Array, rng: np.random.Generator) -> Array:
    """Draws of observed rates: a Poisson number of exponential tickets."""
    tickets = rng.poisson(2 * np.sqrt(rate) / dispersion)
    return rng.gamma(np.maximum(tickets, 1), dispersion * np.sqrt(rate) / 2) * (tickets > 0)


def draw_months(
    fit: Fit,
    age_start: Array,
    age_end: Array,
    weight: Array,
    rng: np.random.Generator,
    clients: NDArray[np.intp] | None = None,
    size: int = DRAWS,
) -> Array:
    """Observed rates of future months, (size, clients, months) in h per endpoint per month.

    Ages [months since onboarding] and weight [endpoint-months] are (clients, months); `clients` are the places of
    the clients, if not all.
    """
    seen = fit.model.months
    draws = posterior.draw_clients(fit, size, rng, clients)
    start, floor, tau = np.moveaxis(np.exp(draws.whole), -1, 0)[..., None]
    share = curves.AVERAGES[fit.model.shape](age_start, age_end, tau)[0]
    rate = (floor + (start - floor) * share) / seen.scale
    if fit.drift is not None:
        middle, onboarded = (
            (age_start + age_end) / 2,
            fit.drift.onboarded[slice(None) if clients is None else clients],
        )
        rate = rate * np.exp(draws.drift[..., None] * (onboarded[:, None] + middle - 0.5))
    elif fit.doubt is not None:
        last = (seen.age_end * seen.used).max(axis=1)[slice(None) if clients is None else clients]
        ahead = np.maximum((age_start + age_end) / 2 - last[:, None], 0.0)
        rate = rate * np.exp(_doubtful(fit.doubt, rng, size)[..., None] * ahead)
    rate = np.minimum(rate, MOST * seen.rate.max())
    _, _, phi, kappa = split(fit.point.theta)
    noise = _noise(fit, rng, slice(None) if clients is None else clients, size)
    dispersion = noise * (phi / weight + kappa * np.sqrt(rate))
    return draw_hours(rate, dispersion, rng) * seen.scale


def draw_near(fit: Fit, client: int, middle: Array, weight: Array, rng: np.random.Generator, size: int) -> Array:
    """Observed rates of months beside those seen, of the client at that place, (size, months).

    Its path is that of its level with its error, one for all months: a curve drawn by its parameters may run off
    where these are not known, as of a client that is flat, and a rare month could then not be told from it.
    """
    level = np.log(posterior.own_level(fit, client, middle))
    error = (level[:, 2] - level[:, 1]) / (2 * fit.quantile)
    rate = np.exp(level[:, 0] + error * rng.standard_normal((size, 1))) / fit.model.months.scale
    _, _, phi, kappa = split(fit.point.theta)
    noise = _noise(fit, rng, np.array([client]), size)[:, 0]
    return draw_hours(rate, noise * (phi / weight + kappa * np.sqrt(rate)), rng) * fit.model.months.scale


def _doubtful(drift: Drift, rng: np.random.Generator, size: int) -> Array:
    """Draws of a drift that may be none, (size, 1): shrunk towards it by how large drifts usually are."""
    known = USUAL_DRIFT**2 / (USUAL_DRIFT**2 + drift.error**2)
    return known * drift.log + np.sqrt(known) * drift.error * rng.standard_normal((size, 1))


def _noise(fit: Fit, rng: np.random.Generator, clients: slice | NDArray[np.intp], size: int) -> Array:
    """Draws of every client's noise, (size, clients, 1), inverse gamma around its estimate.

    Its own months count where clients differ in noise, else all months of all clients do.
    """
    seen = fit.model.months
    known = seen.used.sum(1) if (seen.noise != 1).any() else np.full(len(seen.used), seen.used.sum())
    freedom = np.maximum(known - 3, 3.0)[clients]
    return (seen.noise[clients, 0] * freedom / rng.chisquare(freedom, (size, len(freedom))))[..., None]
