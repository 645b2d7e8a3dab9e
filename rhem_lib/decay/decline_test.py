"""Is there a decline at all?

The question comes before any half-life: where hours do not fall, tau has no meaning, and a likelihood-ratio test
of it has no chi-square distribution (Davies 1987). So first months are compared with last ones, client by client.
A client counts by how much of the young ages it was seen in: those that joined years before the data begin have
little of a decline left to show, and must not hide it. Where few were seen young, they say more by their own
months than by how their ratios scatter.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import combine_pvalues
from scipy.stats import t as student

from rhem_lib.decay import tweedie
from rhem_lib.decay.change_points import discoveries
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.curves import Array
from rhem_lib.decay.mixed_model import Drift, Fit
from rhem_lib.decay.residuals import expected
from rhem_lib.decay.target_check import FEWEST

EARLY_MONTHS, LATE_MONTHS = 3, 4
CLIENT_VARIANCE, SAMPLING_VARIANCE = 0.15, 3.0
ROUNDING = 1e-9
FROM_START = 3.0  # months of age: a client seen younger is seen from the start
FISHER_ROUNDS, LOG_RANGE = 25, 8.0
LEVEL = 0.025  # one-sided, as of the 95% interval
LEAST_SHARE = 0.1
YOUNG_MONTHS = 6.0  # age at which half of what there is to see has been missed


@dataclass(frozen=True)
class Gate:
    """Test of any decline: log ratio of late to early rates, with a 95% interval and a two-sided p-value.

    lag is the time between the early and the late months; seen are the clients that were seen from the start, most
    the p-value that no more than half of these fall, each by its own months, and some whether a tenth of all do.
    """

    log_ratio: float
    low: float
    high: float
    p_value: float
    lag: float = 0.0
    seen: int = 0
    df: float = np.inf
    most: float = 1.0
    some: bool = False

    @property
    def declines(self) -> bool:
        """Late months are below early ones, or most clients seen from the start fall, beyond chance at 5%."""
        return bool(self.high < -ROUNDING or self.most <= LEVEL)

    @property
    def own(self) -> bool:
        """Enough clients fall beyond doubt by their own months."""
        return self.some or self.most <= LEVEL

    @property
    def text(self) -> str:
        """How the last months of a client compare with its first."""
        if not np.isfinite(self.log_ratio):
            return "No two clients have early and late months to compare."
        ratio, low, high = np.exp([self.log_ratio, self.low, self.high])
        fall = "a fall" if self.high < -ROUNDING else "no fall beyond chance"
        change = "a rise" if self.low > ROUNDING else fall
        own = f" Most of the {self.seen} clients seen from the start fall beyond doubt by their own months."
        return (
            f"The last months of a client run at {ratio:.0%} of its first months (95% interval {low:.0%} to "
            f"{high:.0%}), which is {change}.{own if self.most <= LEVEL else ''}"
        )

    def with_drift(self, drift: Drift, *, taken_out: bool = False) -> "Gate":
        """The same with a drift by calendar month taken out, and the doubt about it added."""
        quantile = student.ppf(0.975, self.df)
        reach = np.hypot((self.high - self.low) / 2, quantile * drift.error * self.lag)
        mean = self.log_ratio - (0.0 if taken_out else drift.log * self.lag)
        p_value = 2 * student.sf(abs(mean) * quantile / reach, self.df) if reach > 0 else float(mean == 0)
        return replace(self, log_ratio=mean, low=mean - reach, high=mean + reach, p_value=float(p_value))

    def with_own(self, falls: Array, months: Months) -> "Gate":
        """The same with the clients' own evidence, the p-values of `own_falls`.

        That at least u of n fall is tested by Fisher's sum over the n - u + 1 greatest (Benjamini & Heller 2008).
        """
        own = np.sort(falls[months.age_start[:, 0] < FROM_START])
        most = float(combine_pvalues(own[len(own) // 2 :]).pvalue) if len(own) >= FEWEST else 1.0
        some = bool(discoveries(falls).sum() >= max(FEWEST, LEAST_SHARE * len(falls)))
        return replace(self, most=most, some=some)


UNDEFINED = Gate(np.nan, np.nan, np.nan, np.nan)


def check_decline(months: Months) -> Gate:
    """Compare first with last months: mean over clients of the log ratio, with a cluster-robust t test.

    The ratio is that of the last 4 months to the first 3. A client with fewer than 7 months gives its first and
    its last half, at most 3 and 4 months; one month gives nothing. Half an endpoint-month at everyone's rate is
    added to both sides, so that a client without hours counts.

    Parameters
    ----------
    months : Months
    """
    seen = int((months.age_start[:, 0] < FROM_START).sum())
    months = months.part(months.used.sum(1) > 1)
    if len(months.used) < 2:
        return replace(UNDEFINED, seen=seen)
    ratio, early, late = first_and_last(months)
    middle = (months.age_start + months.age_end) / 2
    ages = [(middle * part).sum(1) / part.sum(1) for part in (late, early)]
    late_share, early_share = map(_to_see, ages)
    weight = (early_share - late_share) / (
        CLIENT_VARIANCE + SAMPLING_VARIANCE / np.sqrt(early.sum(1) * late.sum(1))
    )
    part = weight / weight.sum()
    mean, lag = part @ ratio, part @ (ages[0] - ages[1])
    # Each client is one cluster, so its months may be correlated in any way. A client with much weight pulls the
    # mean towards itself, for which its residual is enlarged (CR2); t counts clients by their weights.
    error = np.sqrt((part**2 * (ratio - mean) ** 2 / np.maximum(1 - part, ROUNDING)).sum())
    df = max(1 / (part**2).sum() - 1, 1.0)
    reach = student.ppf(0.975, df) * error
    p_value = 2 * student.sf(abs(mean) / error, df) if error > 0 else float(mean == 0)
    mean, reach = float(mean), float(reach)
    return Gate(mean, mean - reach, mean + reach, float(p_value), float(lag), seen, float(df))


def _to_see(age: Array) -> Array:
    """Share of a decline that is still to be seen at an age.

    Fixed beforehand, since a curve fitted to the same hours would look where chance makes them fall.
    """
    return 1 / (1 + age / YOUNG_MONTHS)


def own_falls(fit: Fit, calendar: Array | None = None) -> Array:
    """One-sided p-value that a client falls, from its own months alone, (clients,).

    A drift that was taken out counts with its doubt; so does, with the calendar months, one that is in doubt.

    Signed root of the likelihood ratio of a log rate that follows what there is to see against one that stays, at
    the fitted dispersions, with no help from other clients: a small client among large falling ones leans on them.
    Divided by the client's own scatter where that is greater, with t for its months.
    """
    months, drift = fit.slow.months, fit.drift
    if drift is not None:
        calendar = drift.month(months.age_end.T).T
    elif calendar is not None and fit.doubt is not None:
        drift, months = fit.doubt, months.divided(np.exp(fit.doubt.log * calendar))
    precision = months.used / fit.slow.dispersion(fit.point.theta)[0]
    total = precision.sum(1, keepdims=True)
    mean = np.maximum((precision * months.rate).sum(1, keepdims=True) / total, ROUNDING)
    share = _to_see((months.age_start + months.age_end) / 2)
    share = share - (precision * share).sum(1, keepdims=True) / total
    path = np.stack([np.ones_like(share), share], axis=-1)
    at = np.zeros((len(mean), 2))
    for _ in range(FISHER_ROUNDS):
        rate = mean * np.exp(np.clip(np.einsum("ntk,nk->nt", path, at), -LOG_RANGE, LOG_RANGE))
        score = np.einsum("ntk,nt->nk", path, precision * (months.rate - rate) / np.sqrt(rate))
        weight = np.einsum("ntk,nt,ntl->nkl", path, precision * np.sqrt(rate), path) + ROUNDING * np.eye(2)
        step = np.linalg.solve(weight, score[..., None])[..., 0]
        at = at + step / np.maximum(np.abs(step).max(1, keepdims=True), 1.0)
    gain = (tweedie.fit_term(months.rate, rate, precision) - tweedie.fit_term(months.rate, mean, precision)).sum(1)
    df = np.maximum(months.used.sum(1) - 2, 1)
    scatter = np.maximum((precision * (months.rate - rate) ** 2 / rate**1.5).sum(1) / df, 1.0)
    if drift is not None:
        along = (share * precision * np.sqrt(rate) * calendar).sum(1)
        scatter = scatter + (drift.error * along) ** 2 / weight[:, 1, 1]
    root = np.sign(at[:, 1]) * np.sqrt(2 * np.maximum(gain, 0) / scatter)
    return np.asarray(student.sf(root, df))


def first_and_last(months: Months) -> tuple[Array, Array, Array]:
    """Log ratio of each client's last to its first months, (clients,), and the weights of both, (clients, months).

    Half an endpoint-month at everyone's rate is added to both sides.
    """
    count, order = months.used.sum(1, keepdims=True), np.arange(months.used.shape[1])
    early = (order < np.minimum(EARLY_MONTHS, count // 2)) * months.used * months.weight
    late = (order >= count - np.minimum(LATE_MONTHS, count - count // 2)) * months.used * months.weight
    levels = [np.log(((months.rate * part).sum(1) + 0.5) / (part.sum(1) + 0.5)) for part in (late, early)]
    return levels[0] - levels[1], early, late


def log_ratio_variance(fit: Fit, early: Array, late: Array) -> Array:
    """Variance of each client's log ratio of last to first months, by chance and by shocks that last."""
    rate = expected(fit.slow, fit.point)
    dispersion = fit.slow.dispersion(fit.point.theta)[0]
    out = np.zeros(len(rate))
    for part in (early, late):
        total = np.maximum((part * rate).sum(1), ROUNDING)
        out += (part**2 * dispersion * rate**1.5).sum(1) / total**2
    return out
