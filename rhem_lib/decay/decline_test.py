"""Is there a decline at all?

The question comes before any half-life: where hours do not fall, tau has no meaning, and a likelihood-ratio test
of it has no chi-square distribution (Davies 1987). So first months are compared with last ones, client by client.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from rhem_lib.decay.client_months import Months

EARLY_MONTHS, LATE_MONTHS = 3, 4
CLIENT_VARIANCE, SAMPLING_VARIANCE = 0.15, 3.0
ROUNDING = 1e-9


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
        return self.high < -ROUNDING

    @property
    def text(self) -> str:
        """How the last months of a client compare with its first."""
        if not np.isfinite(self.log_ratio):
            return "No two clients have early and late months to compare."
        ratio, low, high = np.exp([self.log_ratio, self.low, self.high])
        change = "a rise" if self.low > ROUNDING else "a fall" if self.declines else "no fall beyond chance"
        return (
            f"The last months of a client run at {ratio:.0%} of its first months (95 % interval {low:.0%} to "
            f"{high:.0%}), which is {change}."
        )


def check_decline(months: Months) -> Gate:
    """Compare first with last months: mean over clients of the log ratio, with a cluster-robust t test.

    The ratio is that of the last 4 months to the first 3. A client with fewer than 7 months gives its first and
    its last half, at most 3 and 4 months; one month gives nothing. Half an endpoint-month at everyone's rate is
    added to both sides, so that a client without hours counts.

    Parameters
    ----------
    months : Months
    """
    months = months.part(months.used.sum(1) > 1)
    n = len(months.used)
    if n < 2:
        return Gate(np.nan, np.nan, np.nan, np.nan)
    count, order = months.used.sum(1, keepdims=True), np.arange(months.used.shape[1])
    early = (order < np.minimum(EARLY_MONTHS, count // 2)) * months.used * months.weight
    late = (order >= count - np.minimum(LATE_MONTHS, count - count // 2)) * months.used * months.weight
    levels = [np.log(((months.rate * part).sum(1) + 0.5) / (part.sum(1) + 0.5)) for part in (late, early)]
    ratio = levels[0] - levels[1]
    weight = 1 / (CLIENT_VARIANCE + SAMPLING_VARIANCE / np.sqrt(early.sum(1) * late.sum(1)))
    mean = np.average(ratio, weights=weight)
    # Each client is one cluster, so its months may be correlated in any way.
    error = np.sqrt(n / (n - 1) * (weight**2 * (ratio - mean) ** 2).sum()) / weight.sum()
    reach = student.ppf(0.975, n - 1) * error
    p_value = 2 * student.sf(abs(mean) / error, n - 1) if error > 0 else float(mean == 0)
    return Gate(float(mean), float(mean - reach), float(mean + reach), float(p_value))
