"""Are there two kinds of clients, those that improve and those that never do?

Then a typical client is somebody that nobody is: what can be given is the share that improves, and the levels of
each kind. Every client that was seen from the start for a year has a log ratio of its last to its first months,
with a known chance error; these are one normal distribution, or a mixture of one with clients whose ratio is 1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import chi2, norm

from rhem_lib.decay import posterior
from rhem_lib.decay.client_months import Months
from rhem_lib.decay.curves import Array
from rhem_lib.decay.decline_test import FROM_START, first_and_last, log_ratio_variance
from rhem_lib.decay.mixed_model import Drift, Fit
from rhem_lib.settings import Target

LEAST_AGE, LEAST_CLIENTS, LEAST_KIND = 12.0, 8, 3
TINY = 1e-9
EVIDENCE, LEAST_SHARE = 0.5, 0.1  # 2 x log likelihood, beside two groups of clients in `follows`
MEANS, SPREADS = np.linspace(-3.5, -0.05, 16), np.geomspace(0.05, 2.5, 6)
MOST_CLIENTS = 400  # of a profile: more narrow it by little, and take seconds and memory
SHARES, DOUBTS = np.linspace(0.005, 0.995, 100), np.linspace(-2, 2, 9)
NAMES = ("improving", "not improving")


@dataclass(frozen=True)
class Kinds:
    """Clients that improve, and clients that never do.

    Attributes
    ----------
    share, low, high : float
        Share of clients that improve, with 95% interval, of those seen from the start for a year. The interval
        takes in the shares under any drift of everyone's hours that the data allow for.
    evidence : float
        2 x the difference in log likelihood of two kinds against one.
    table : DataFrame, indexed by kind (improving, not improving)
        clients, and start_h and level_h (at the target's month) of their mean, each with _low and _high.
    improves : Series of float, indexed by client
        Probability that a client is one that improves; NaN where it was not seen for long enough.
    followed : (int, int)
        Of these clients, those that decay and those that are flat each by their own path.
    target : Target
    settled : bool
        Whether a fall with age can be separated from one with the calendar; else there are bounds, and no share.
    """

    share: float
    low: float
    high: float
    evidence: float
    table: pd.DataFrame
    improves: pd.Series
    followed: tuple[int, int]
    target: Target
    settled: bool = True

    def summary(self) -> pd.DataFrame:
        """Table, rounded."""
        return self.table.round(3)

    @property
    def two(self) -> bool:
        """Whether clients fall into two groups by their own paths, and two kinds describe all better than one."""
        fewest = min(*self.followed, *self.table["clients"])
        return self.evidence > EVIDENCE and fewest >= max(LEAST_KIND, LEAST_SHARE * self.improves.count())

    @property
    def text(self) -> str:
        """The share that improves, and the levels of each kind; or that no two kinds are seen."""
        known = int(self.improves.notna().sum())
        if not known:
            return (
                f"Fewer than {LEAST_CLIENTS} clients were seen from the start for a year, too few to "
                "distinguish two kinds of clients."
            )
        if not self.two:
            return f"No two kinds of clients are seen among {known} that were seen from the start for a year."
        if not self.settled:
            return (
                f"By their own paths {self.followed[0]} of {known} clients seen from the start for a year fall "
                f"and {self.followed[1]} do not beyond chance, but which share improves with age is unclear: "
                f"{self.low:.0%} to {self.high:.0%} may do so."
            )
        minutes = 60 * self.table.drop(columns="clients")

        def shown(kind: str, name: str) -> str:
            middle, low, high = (minutes.loc[kind, f"{name}{end}"] for end in ("", "_low", "_high"))
            return f"{middle:.0f} ({low:.0f} to {high:.0f})"

        first, then = ([shown(kind, name) for kind in NAMES] for name in ("start_h", "level_h"))
        return (
            f"There are two kinds of clients: {self.share:.0%} (95% interval {self.low:.0%} to "
            f"{self.high:.0%}) of {known} clients seen from the start for a year improve, from {first[0]} to "
            f"{then[0]} minutes per endpoint and month at month {self.target.months}; the others show no fall "
            f"beyond chance, from {first[1]} to {then[1]} by their curves. No client is like their average."
        )


def two_kinds(
    fit: Fit, names: list[str], follows: pd.Series, draws: posterior.Draws, target: Target, *, settled: bool = True
) -> Kinds:
    """Hold one kind of clients against two; `follows` is what each client does by its own path."""
    months = fit.model.months
    ratio, early, late = first_and_last(months)
    last = (months.age_end * months.used).max(axis=1)
    known = (months.age_start[:, 0] < FROM_START) & (last >= LEAST_AGE) & (months.used.sum(1) > 1)
    improves = np.full(len(names), np.nan)
    share = low = high = np.nan
    evidence = 0.0
    if known.sum() >= LEAST_CLIENTS:
        chance = log_ratio_variance(fit, early, late)[known]
        evidence, improves[known] = _mixture(ratio[known], chance)
        lag, share = _lag(months, early, late)[known], float(improves[known].mean())
        low, high = _limits(ratio[known], chance, lag, fit)
        low, high = (min(low, share), max(high, share)) if settled or fit.doubt else (0.0, 1.0)
    sure = np.nan_to_num(improves, nan=-1.0)
    groups = dict(zip(NAMES, (sure > 0.5, (sure >= 0) & (sure <= 0.5)), strict=True))
    table = pd.DataFrame.from_dict({kind: _levels(who, draws, target) for kind, who in groups.items()}, "index")
    own = follows[names][known]
    followed = int((own == "decaying").sum()), int((own == "flat").sum())
    found = pd.Series(improves, pd.Index(names, name="client"))
    return Kinds(share, low, high, evidence, table, found, followed, target, settled)


def _lag(months: Months, early: Array, late: Array) -> Array:
    """Months between each client's first and last months."""
    middle = (months.age_start + months.age_end) / 2
    last, first = ((middle * part).sum(1) / np.maximum(part.sum(1), TINY) for part in (late, early))
    return last - first


def _mixture(ratio: Array, chance: Array) -> tuple[float, Array]:
    """2 x log likelihood of two kinds against one, and each client's probability to be one that improves."""

    def densities(x: Array) -> Array:
        mean, sd = x[:2]
        return norm.logpdf(ratio, mean, np.sqrt(np.exp(2 * sd) + chance))

    def one(x: Array) -> float:
        return -float(densities(x).sum())

    def two(x: Array) -> float:
        return -float(np.logaddexp(densities(x) - np.logaddexp(0, -x[2]), still - np.logaddexp(0, x[2])).sum())

    still = norm.logpdf(ratio, 0.0, np.sqrt(chance))
    bounds = [(-6.0, 6.0), (np.log(0.05), 1.0)]
    single = minimize(one, [ratio.mean(), np.log(0.4)], bounds=bounds)
    starts = [[np.quantile(ratio, q), np.log(0.3), 0.0] for q in (0.1, 0.3)]
    double = min(
        (minimize(two, x0, bounds=[(-6.0, 0.0), bounds[1], (-6.0, 6.0)]) for x0 in starts), key=lambda m: m.fun
    )
    odds = densities(double.x) - still + double.x[2]
    return 2 * float(single.fun - double.fun), 1 / (1 + np.exp(-odds))


def _limits(ratio: Array, chance: Array, lag: Array, fit: Fit) -> tuple[float, float]:
    """95% limits of the share that improves, by its profile likelihood.

    Over how much these improve, and over what drift of everyone's hours may still be in them.
    """
    ratio, chance, lag = (x[:: -(-len(ratio) // MOST_CLIENTS)] for x in (ratio, chance, lag))
    found = fit.drift or fit.doubt or Drift()
    drift = 0.0 if found is fit.drift else found.log
    moved = (_profile(ratio - (drift + z * found.error) * lag, chance) - z**2 / 2 for z in DOUBTS)
    profile = np.max(list(moved), axis=0)
    inside = SHARES[2 * (profile.max() - profile) <= chi2.ppf(0.95, 1)]
    return float(inside.min()), float(inside.max())


def _profile(ratio: Array, chance: Array) -> Array:
    """Log likelihood of every one of SHARES."""
    mean, sd = (x.ravel()[:, None] for x in np.meshgrid(MEANS, SPREADS))
    improving, still = norm.pdf(ratio, mean, np.sqrt(sd**2 + chance)), norm.pdf(ratio, 0.0, np.sqrt(chance))
    share = SHARES[:, None, None]
    return np.asarray(np.log(share * improving + (1 - share) * still + TINY).sum(axis=2).max(axis=1))


def _levels(who: NDArray[np.bool_], draws: posterior.Draws, target: Target) -> dict[str, float]:
    """Clients of a kind, and the start and the level of their mean."""
    out: dict[str, float] = {"clients": int(who.sum())}
    for name, age in (("start_h", 0.0), ("level_h", float(target.months))):
        values = np.full(3, np.nan)
        if who.any():
            whole, own = (posterior.level(age, x[:, who]).mean(axis=1) for x in (draws.whole, draws.own))
            values = posterior.interval(whole, own)
        out |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
    return out
