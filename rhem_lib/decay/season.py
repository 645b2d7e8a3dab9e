"""A yearly wave in the hours, told apart from the fall with age. Optional: two more numbers must be worth it.

Onboarding that is concentrated in one quarter makes a season look like a decline; a wave of one calendar harmonic,
fitted together with the clients' curves, takes it out.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import f as fisher

from rhem_lib.decay import mixed_model
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.laplace import Model, Point
from rhem_lib.decay.residuals import residuals

Array = NDArray[np.float64]

ROUNDS, STEPS_END, LARGEST_STEP = 8, 1e-4, 0.3


@dataclass(frozen=True)
class Season:
    """Factor on the rate by calendar month: exp(a sin + b cos), of geometric mean 1.

    wave : (a, b); covariance : (2, 2), over clients
    p_value : of no season at all
    """

    wave: tuple[float, float]
    covariance: NDArray[np.float64]
    p_value: float

    def factor(self, calendar_month: ArrayLike) -> Array:
        """Factor of calendar months 1 to 12."""
        return np.exp(_harmonic(np.asarray(calendar_month, float)) @ np.array(self.wave))

    @property
    def text(self) -> str:
        """Size and place of the wave."""
        months = np.arange(1, 13)
        peak = int(months[self.factor(months).argmax()])
        name = pd.Timestamp(2001, peak, 1).strftime("%B")
        size = np.expm1(np.hypot(*self.wave))
        return (
            f"Over the year hours move by {size:.0%} around their path, most in {name} (p = {self.p_value:.2g})."
        )


def _harmonic(month: Array) -> Array:
    angle = 2 * np.pi * (month - 1) / 12
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def fit_season(months: Months, calendar_month: Array) -> tuple[mixed_model.Fit, Season]:
    """Fit the mixed model and the wave together, by turns: Newton steps for the wave given the clients' freedom.

    Hours with factor s are Tweedie of power 1.5 with dispersion phi, so hours / s are so with dispersion
    phi / sqrt(s): dividing by the wave stays inside the model.

    Parameters
    ----------
    months : Months
    calendar_month : array (clients, months), 1 to 12
    """
    season = find_wave(months, calendar_month)
    return mixed_model.fit(_without(months, _harmonic(calendar_month) @ np.array(season.wave))), season


def find_wave(months: Months, calendar_month: Array) -> Season:
    """The wave alone, with all curves free to follow and every client's months equally noisy."""
    wave = np.zeros(2)
    harmonic = _harmonic(calendar_month)
    model = Model(months)
    point = mixed_model.maximise(model, mixed_model.starting_values(model))
    for _ in range(ROUNDS):
        step, covariance, _ = newton_step(model, point, harmonic)
        if np.abs(step).max() < STEPS_END:
            break
        wave = wave + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        model = replace(model, months=_without(months, harmonic @ wave))
        point = mixed_model.maximise(model, point.theta)
    clients = len(months.used)
    statistic = wave @ np.linalg.solve(covariance, wave) / 2
    return Season((float(wave[0]), float(wave[1])), covariance, float(fisher.sf(statistic, 2, clients - 2)))


def _without(months: Months, log_factor: Array) -> Months:
    factor = np.exp(log_factor)
    return replace(months, rate=months.rate / factor, weight=months.weight * np.sqrt(factor))


def newton_step(model: Model, point: Point, direction: Array) -> tuple[Array, Array, Array]:
    """Newton step along something that moves the log rates, with all curves free to follow.

    Parameters
    ----------
    model, point : what is fitted, and its maximum
    direction : array (clients, months, k)
        Derivatives of the log rate in k parameters at 0.

    Returns
    -------
    step (k,), its covariance (k, k) from scores of clients, and its covariance (k, k) by the model alone
    """
    residual, slope, level = residuals(model, point)
    series = direction * level[..., None]
    precision = np.exp(-2 * point.theta[-5:-2])
    inner = np.linalg.inv(slope.transpose(0, 2, 1) @ slope + np.diag(precision))
    crossed = slope.transpose(0, 2, 1) @ series
    own = (series.transpose(0, 2, 1) @ series - crossed.transpose(0, 2, 1) @ inner @ crossed).sum(0)
    design = model.months.design
    shared = np.einsum("i,nik,nj->ijk", precision, inner @ crossed, design).reshape(3 * design.shape[1], -1)
    followed = np.linalg.solve(point.information, shared)
    inverse = np.linalg.inv(own - shared.T @ followed)
    pulls = np.einsum("ni,nj->nij", point.modes * precision, design).reshape(len(design), -1)
    scores = np.einsum("nti,nt->ni", series, residual) - pulls @ followed
    step = inverse @ scores.sum(0)
    around = scores - scores.mean(0)
    return step, inverse @ around.T @ around @ inverse * len(around) / (len(around) - 1), inverse
