"""Is there a decline at all, and which clients do not follow the fitted curve?

The first question comes before any half-life: in a flat book tau has no meaning, and a likelihood-ratio test of it
has no chi-square distribution (Davies 1987). So first months are compared with last months, client by client.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from rhem_lib.book import Months
from rhem_lib.mixed import Fit, residuals

Array = NDArray[np.float64]

EARLY_MONTHS, LATE_MONTHS = 3, 4
CLIENT_VARIANCE, SAMPLING_VARIANCE = 0.15, 3.0
MONTHS_TO_JUDGE = 12
FALSE_DISCOVERY = 0.1


@dataclass(frozen=True)
class Gate:
    """Test of any decline: log ratio of late to early rates, with a 95 % interval and a two-sided p-value."""

    log_ratio: float
    low: float
    high: float
    p_value: float

    @property
    def declines(self) -> bool:
        """Late months are below early ones, beyond chance at 5 %."""
        return self.high < 0


def decline_test(months: Months) -> Gate:
    """Mean over clients of log(rate of the last 4 months / rate of the first 3), with a cluster-robust t test.

    A client with fewer than 7 months gives its first and its last half, at most 3 and 4 months; one month gives
    nothing. Half an endpoint-month at the book's own rate is added to both sides, so that a client without hours
    counts.
    """
    count = months.used.sum(1).astype(int)
    order = np.arange(months.used.shape[1])
    early = (order < np.minimum(EARLY_MONTHS, count // 2)[:, None]) & (months.used > 0)
    late_count = np.minimum(LATE_MONTHS, count - count // 2)
    late = (order >= (count - late_count)[:, None]) & (months.used > 0) & (count > 1)[:, None]
    sums = [((months.rate * months.weight * part).sum(1), (months.weight * part).sum(1)) for part in (early, late)]
    (early_hours, early_weight), (late_hours, late_weight) = sums
    judged = count > 1
    if judged.sum() < 2:
        return Gate(np.nan, np.nan, np.nan, np.nan)
    ratio = np.log((late_hours + 0.5) / (late_weight + 0.5)) - np.log((early_hours + 0.5) / (early_weight + 0.5))
    weight = 1 / (CLIENT_VARIANCE + SAMPLING_VARIANCE / np.sqrt(early_weight * late_weight)[judged])
    ratio = ratio[judged]
    mean = np.average(ratio, weights=weight)
    n = len(ratio)
    error = np.sqrt(n / (n - 1) * (weight**2 * (ratio - mean) ** 2).sum()) / weight.sum()
    reach = student.ppf(0.975, n - 1) * error
    p_value = 2 * student.sf(abs(mean) / error, n - 1) if error > 0 else float(mean == 0)
    return Gate(float(mean), float(mean - reach), float(mean + reach), float(p_value))


def irregular(fit: Fit) -> NDArray[np.bool_]:
    """Clients whose months leave their fitted curve: a late rise, or a shift of level half-way.

    Pearson residuals at the mode are tested along two directions, after projecting out what the curve's own
    parameters can take up. Only clients with 12 months are judged, and names are given under Benjamini-Hochberg at
    10 % over all tests, because one test in twenty is wrong by design.

    Returns
    -------
    array of bool (clients,)
    """
    months = fit.model.months
    residual, slope, level = residuals(fit.model, fit.point)
    penalised = slope.transpose(0, 2, 1) @ slope + np.diag(fit.sd**-2)
    age = (months.age_start + months.age_end) / 2 - months.age_start[:, :1]
    half = (age * months.used).max(1, keepdims=True) / 2
    tests = []
    for direction in (np.maximum(age - half, 0), age > half):
        x = direction * level
        x = x - np.einsum(
            "nti,ni->nt", slope, np.linalg.solve(penalised, np.einsum("nti,nt->ni", slope, x)[..., None])[..., 0]
        )
        size = np.sqrt((x**2).sum(1) * fit.memory)
        tests.append((x * residual).sum(1) / np.where(size > 0, size, 1.0))
    late_rise, shift = tests
    judged = months.used.sum(1) >= MONTHS_TO_JUDGE
    p_values = np.where(judged, np.stack([norm.sf(late_rise), 2 * norm.sf(np.abs(shift))]), np.nan)
    found = discoveries(p_values.ravel()).reshape(p_values.shape)
    return found[0] | found[1]


def discoveries(p_values: Array, rate: float = FALSE_DISCOVERY) -> NDArray[np.bool_]:
    """Which tests stand after Benjamini-Hochberg at a false-discovery rate; NaN was not tested."""
    tested = np.sort(p_values[np.isfinite(p_values)])
    limits = rate * np.arange(1, len(tested) + 1) / max(len(tested), 1)
    below = tested[tested <= limits]
    return p_values <= (float(below[-1]) if len(below) else -1.0)
