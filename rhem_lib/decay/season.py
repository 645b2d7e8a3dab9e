"""A yearly wave in the hours, told apart from the fall with age. Optional: two more numbers must be worth it.

Onboarding that is concentrated in one quarter makes a season look like a decline; a wave of one calendar harmonic,
fitted together with the clients' curves, takes it out.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import f as fisher

from rhem_lib.decay import mixed_model
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.curves import Array
from rhem_lib.decay.laplace import Model, Point, by_columns
from rhem_lib.decay.residuals import conditional, residuals

ROUNDS, STEPS_END, LARGEST_STEP = 8, 1e-4, 0.3


@dataclass(frozen=True)
class Season:
    """Factor on the rate by calendar month: exp(a sin + b cos), of geometric mean 1.

    wave : (a, b); covariance : (2, 2), over clients
    p_value : of no season at all
    """

    wave: tuple[float, float]
    covariance: Array
    p_value: float

    def factor(self, calendar_month: ArrayLike) -> Array:
        """Factor of calendar months 1 to 12."""
        return np.exp(harmonics(np.asarray(calendar_month, float)) @ np.array(self.wave))

    @property
    def text(self) -> str:
        """Size and place of the wave."""
        peak = pd.Timestamp(2001, int(self.factor(np.arange(1, 13)).argmax()) + 1, 1).strftime("%B")
        size = np.expm1(np.hypot(*self.wave))
        return (
            f"Over the year hours move by {size:.0%} around their path, most in {peak} (p = {self.p_value:.2g})."
        )


def harmonics(month: Array) -> Array:
    """Sine and cosine of the year at calendar months, (..., 2)."""
    angle = 2 * np.pi * (month - 1) / 12
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def find_wave(months: Months, calendar_month: Array) -> Season:
    """Return the yearly wave, with all curves free to follow and every client's months equally noisy.

    By turns: a Newton step for the wave given the clients' freedom, then the curves to hours without that wave.

    Parameters
    ----------
    months : Months
    calendar_month : array (clients, months), 1 to 12
    """
    wave = np.zeros(2)
    harmonic = harmonics(calendar_month)
    model = Model(months)
    point = mixed_model.maximise(model)
    for _ in range(ROUNDS):
        step, covariance, _ = newton_step(model, point, harmonic)
        if np.abs(step).max() < STEPS_END:
            break
        wave = wave + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        model = replace(model, months=months.divided(np.exp(harmonic @ wave)))
        point = mixed_model.maximise(model, point.theta)
    statistic = wave @ np.linalg.solve(covariance, wave) / 2
    p_value = float(fisher.sf(statistic, 2, len(months.used) - 2))
    return Season((float(wave[0]), float(wave[1])), covariance, p_value)


def newton_step(model: Model, point: Point, direction: Array) -> tuple[Array, Array, Array]:
    """Return the Newton step along something that moves the log rates, with all curves free to follow.

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
    series, design = direction * level[..., None], model.months.design
    crossed = slope.transpose(0, 2, 1) @ series
    followed_by = conditional(point, slope) @ crossed
    own = (series.transpose(0, 2, 1) @ series - crossed.transpose(0, 2, 1) @ followed_by).sum(0)
    shared = np.einsum("ia,nak,nj->ijk", point.ridge, followed_by, design).reshape(3 * design.shape[1], -1)
    followed = np.linalg.solve(point.information, shared)
    inverse = np.linalg.inv(own - shared.T @ followed)
    pulls = by_columns(point.modes @ point.ridge, design)
    scores = np.einsum("nti,nt->ni", series, residual) - pulls @ followed
    around = scores - scores.mean(0)
    sandwich = inverse @ around.T @ around @ inverse * len(around) / (len(around) - 1)
    return inverse @ scores.sum(0), sandwich, inverse
