"""Does everyone's load move with the calendar, whatever the age of clients? Does one month stand out for all?

Age, calendar month and month of onboarding are one sum, so that a fall with the calendar looks like a fall with
age. Told apart they are by clients that reached the same age at different times, if those who joined late are
like those who joined early (no cohort effect): only then is a common drift by calendar month identified, beside
what the bend of the curve says.

References
----------
Carstensen (2007), Age-period-cohort models for the Lexis diagram, doi 10.1002/sim.2764; Fosse & Winship (2019),
Bounding analyses of age-period-cohort effects, Demography 56(5).
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from rhem_lib.decay import mixed_model, posterior, quadrature
from rhem_lib.decay.client_months import padded
from rhem_lib.decay.curves import Array
from rhem_lib.decay.decline_test import Gate, check_decline
from rhem_lib.decay.laplace import Model, Point, evaluate
from rhem_lib.decay.mixed_model import Drift, Fit
from rhem_lib.decay.residuals import expected, residuals
from rhem_lib.decay.season import harmonics, newton_step
from rhem_lib.decay.target_check import FEWEST, WHO
from rhem_lib.settings import Target

STRONG = 3.0  # standard errors of the score; flat and decaying portfolios without drift pass it in 1%
MISFIT = 0.001  # a month, what a wave, lasting shocks and clients that leave pass for with 5,000 clients and more
ROUNDS, STEPS_END, LARGEST_STEP, MOST_DRIFT, DIFFERENCE = 8, 3e-4, 0.03, 0.1, 1e-4
MONTHS_FOR_WAVE, LONGEST_STEP, FAR = 24, 3.0, 8.0
CURVES = 4  # parameters that curves have beyond flat lines
MARGIN, FAR_WORSE = 4.0, 50.0  # of 2 x log likelihood
LEAST_SPREAD = (
    2.0  # months, standard deviation of onboarding: below it only the curve's bend tells age from calendar
)
COHORT = 0.01  # log change per month of onboarding, for the bounds
STANDOUT_RATIO, STANDOUT_ERRORS, STANDOUT_SHARE, STANDOUT_CLIENTS = 1.5, 5.0, 0.25, 5
COLUMNS = ["start_h", "level_h"]


@dataclass(frozen=True)
class Calendar:
    """What calendar time does to everyone's hours, and to the claim.

    Attributes
    ----------
    drift, low, high : float
        Change of everyone's hours per calendar month, with 95% interval: -0.03 is 3% less every month.
    evidence : float
        2 x the difference in log likelihood that the drift makes; where it is not in the curves, the square of the
        score statistic.
    verdict : str
        none; drift (it is taken out of all curves, which are then at the level of `reference`); open (the data
        cannot tell a fall with age from one with the calendar); unknown (the panel has no months).
    table : DataFrame, indexed by quantity (start_h, level_h at the target's month) and of (typical, mean)
        estimate, low, high with the drift left in, and with_estimate, with_low, with_high with it taken out; of
        the typical client alone, and approximately, where it is not taken out of the fit.
    standouts : DataFrame
        month, ratio (hours over those expected on the clients' own paths), share (of clients far above or below
        theirs), clients: months that stand out for everybody; they are left out of the fit.
    reference : Timestamp
        The month at whose level curves without drift are: the first of the data.
    start_seen : bool
        Whether clients were seen from the start, so that a start may be given.
    of : str
        Of whom the claim is in words: typical, or mean where clients are of two kinds and none is typical.
    """

    drift: float = np.nan
    low: float = np.nan
    high: float = np.nan
    evidence: float = np.nan
    verdict: str = "unknown"
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    standouts: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["month", "ratio", "share", "clients"])
    )
    reference: pd.Timestamp | None = None
    start_seen: bool = True
    of: str = "typical"

    @property
    def text(self) -> str:
        """Whether hours drift for everybody, what that does to the claim, and which months stand out."""
        return " ".join(filter(None, [self._drift(), *self._standouts()]))

    def _drift(self) -> str:
        if self.verdict == "unknown":
            return ""
        reach = f"95% interval {self.low:+.1%} to {self.high:+.1%}"
        if self.verdict == "none" and self.low * self.high > 0:
            return f"A drift of everyone's hours of {self.drift:+.1%} a month ({reach}) is in doubt, and left in."
        if self.verdict == "none":
            return f"No drift of everyone's hours by calendar time is seen ({self.drift:+.1%} a month, {reach})."
        if self.verdict == "open":
            what = "Whether hours fall with the age of a client or for everyone with the calendar cannot be told"
            if not np.isfinite(self.high):
                return f"{what}, since all clients joined at about the same time."
            return (
                f"{what}: a drift of {self.drift:+.1%} a month ({reach}) fits these data. {self._claim()}".strip()
            )
        low, high = np.expm1(np.log1p(self.drift) + np.array([-COHORT, COHORT]))
        return (
            f"Whatever the age of a client, hours {'fall' if self.drift < 0 else 'rise'} by "
            f"{abs(self.drift):.1%} a month for everyone ({reach}, 2 x log likelihood {self.evidence:.0f}). "
            f"That is taken out: all levels are those of {self.reference:%B %Y}. {self._claim()} No cohort "
            "effect is assumed: were clients that join a year later 11% lower or higher by themselves, the "
            f"drift would be {high:+.1%} or {low:+.1%} a month."
        )

    def _claim(self) -> str:
        """The claim with and without the drift; nothing where it is not known without."""
        start, level = (60 * self.table.loc[(name, self.of)] for name in COLUMNS)
        if np.isnan(level["with_estimate"]):
            return ""
        plain, without = (
            f"from {start[name]:.0f} to {level[name]:.0f}" if self.start_seen else f"to {level[name]:.0f}"
            for name in ("estimate", "with_estimate")
        )
        return f"With the drift left in, {WHO[self.of]} seems to go {plain} minutes; without it, {without}."

    def _standouts(self) -> list[str]:
        return [
            f"{row.month:%B %Y} is left out of the fit: hours were {row.ratio:.1f} times those expected, with "
            f"{row.share:.0%} of {row.clients} clients far off their path."
            for row in self.standouts.itertuples()
        ]

    def summary(self) -> pd.DataFrame:
        """Table, rounded."""
        return self.table.round(3)


def calendar_months(months: pd.Series) -> pd.Series:
    """Return calendar months as numbers since the first of them."""
    number = 12.0 * months.dt.year + months.dt.month
    return number - number.min()


class Gates(NamedTuple):
    """Whether hours fall, without a drift, and with it in doubt."""

    plain: Gate
    doubted: Gate


def calendar_of(drift: Drift, gates: Gates, month: pd.Series, odd: pd.DataFrame, table: pd.DataFrame) -> Calendar:
    """Verdict on a drift: `table` has the claim's numbers."""
    # Where all joined together, only the bend of the curve speaks, which is an assumption and no evidence.
    reach = norm.ppf(0.975) * drift.error if drift.identified else np.inf
    middle, low, high = (float(np.expm1(drift.log + side * reach)) for side in (0, -1, 1))
    # What a likely drift leaves of a fall, clients must show by themselves.
    falls = gates.doubted.own or (gates.doubted.declines and low <= 0 <= high)
    verdict = "none"
    if drift.taken_out:
        verdict = "drift"
    elif gates.plain.declines and not (drift.identified and falls):
        verdict = "open"
    seen = gates.plain.seen >= FEWEST
    return Calendar(middle, low, high, drift.evidence, verdict, table, odd, month.min(), seen)


def claim_numbers(plain: pd.DataFrame, adjusted: pd.DataFrame, level: str) -> pd.DataFrame:
    """Start and level of two population tables side by side, of the typical client and the mean of the clients."""
    lines = {}
    for row, name in (("start_h", "start_h"), (level, "level_h")):
        for who, prefix in (("typical", ""), ("mean", "mean_")):
            columns = [f"{prefix}{end}" for end in ("estimate", "low", "high")]
            lines[name, who] = [*plain.loc[row, columns], *adjusted.loc[row, columns]]
    names = [f"{kind}{end}" for kind in ("", "with_") for end in ("estimate", "low", "high")]
    table = pd.DataFrame.from_dict(lines, "index", columns=names, dtype=float)
    return table.set_axis(pd.MultiIndex.from_tuples(table.index, names=["quantity", "of"]))


def if_taken_out(fit: Fit, drift: Drift, population: pd.DataFrame, target: Target) -> pd.DataFrame:
    """The population table if a drift in doubt were taken out, of the typical client alone."""
    theta = fit.point.theta.copy()
    theta[:-5] += drift.coefficients * drift.log
    moved = replace(fit, point=replace(fit.point, theta=theta), drift=drift)
    curve = posterior.at_covariates(moved, [1.0])
    table = population * np.nan
    columns = ["estimate", "low", "high"]
    table.loc["start_h", columns] = posterior.parameter_interval(*curve, fit.quantile)[0]
    table.loc[target.level_column, columns] = posterior.level_interval(target.months, *curve, fit.quantile)
    return table


def drift_of(fit: Fit, rows: pd.DataFrame, names: list[str]) -> tuple[Drift, pd.Series]:
    """Return the common drift of fitted months, and their calendar months as numbers since the first.

    Parameters
    ----------
    fit : Fit
        Of these months, without drift.
    rows : DataFrame from `fitted_months`, with months
    names : list of str
        Clients, in the order of the fit.
    """
    number = calendar_months(rows["month"])
    return find_drift(fit, padded(rows, names, number, 0.0)), number


def find_drift(fit: Fit, calendar: Array) -> Drift:
    """Return the common drift per calendar month, with all curves free to follow and a yearly wave taken out.

    From the score at no drift; where that is beyond doubt, by secant steps to the maximum of the likelihood. A
    curve can take up a drift and a drift a curve, so that the likelihood has two hills: the other is that of the
    drift which alone explains what the gate sees. The search starts from the higher one; while the other is not
    ruled out, the standard error covers both.

    Parameters
    ----------
    fit : Fit
        Without drift.
    calendar : array (clients, months)
        Calendar months since the first of the data.
    """
    curves = _Curves(_without_wave(fit, calendar), calendar)
    none = curves.best(0.0, fit.point.theta)
    slope, variance = curves.slope(0.0, none), curves.variance(0.0, none)
    if not np.isfinite(variance):
        return Drift(identified=False, error=np.inf)
    joined = calendar[:, 0] - curves.model.months.age_start[:, 0]
    apart = bool(joined.std() >= LEAST_SPREAD)
    error = float(np.hypot(np.sqrt(variance), MISFIT))
    found = Drift(slope * variance, error, slope**2 * variance, identified=apart)
    if not found.identified:
        return _followed(found, curves, none, slope)
    gate, at, top = check_decline(curves.model.months), 0.0, none
    value, (rival, other) = curves.here(0.0, none).value, _rival(found, curves, none, gate)
    other_gain = 2 * (curves.here(rival, other).value - value)
    if max(found.evidence, other_gain) >= STRONG**2:
        at, top = (rival, other) if other_gain > found.evidence else (0.0, none)
        at, top, error = curves.climb(at, top, variance)
        found = Drift(at, error, 2 * (curves.here(at, top).value - value))
    if (level := _flat(curves, gate, {0.0: none, found.log: top})) is not None:
        return level
    # The likelihood knows little of shocks that last; the error over clients does.
    if top is not none and min(found.evidence, (at / found.error) ** 2) >= STRONG**2:
        return _taken_out(_covering(found, rival, other_gain), curves, top)
    return _covering(_followed(found, curves, none, slope), rival, other_gain)


@dataclass(frozen=True)
class _Curves:
    """The curves of one shape, free to follow every common drift; `best` and what follows are at a drift."""

    model: Model
    calendar: Array

    def without(self, drift: float) -> Model:
        """The model of hours with a drift taken out."""
        return replace(self.model, months=self.model.months.divided(np.exp(drift * self.calendar)))

    def best(self, drift: float, theta: Array, gain: float = 1e-8) -> Point:
        """The maximum over the curves."""
        return mixed_model.maximise(self.without(drift), theta, gain=gain)

    def here(self, drift: float, point: Point) -> Point:
        """With the objective of the hours as they are: dividing a month's by s multiplies their density by s."""
        moved, months = self.without(drift), self.model.months
        found = quadrature.integrated(moved, evaluate(moved, point.theta, point.modes))
        density = drift * float(self.calendar[(months.rate > 0) & (months.used > 0)].sum())
        return replace(found, value=found.value - density, loglik=found.loglik - density)

    def loglik(self, drift: float, point: Point) -> float:
        """Without priors and restriction, to compare shapes by."""
        return replace(self, model=replace(self.model, restricted=False)).here(drift, point).loglik

    def slope(self, drift: float, point: Point) -> float:
        """Derivative in the drift: at a maximum over theta that of the profile is the partial one."""
        up, down = (self.here(drift + side * DIFFERENCE, point).value for side in (1, -1))
        return (up - down) / (2 * DIFFERENCE)

    def variance(self, drift: float, point: Point) -> float:
        """Variance of a step along the drift: the model's own or, if greater, that from the clients' scores."""
        try:
            _, scored, own = newton_step(self.without(drift), point, self.calendar[..., None])
        except np.linalg.LinAlgError:
            return np.inf
        return float(max(scored[0, 0], own[0, 0])) if own[0, 0] > 0 else np.inf

    def climb(self, at: float, point: Point, variance: float) -> tuple[float, Point, float]:
        """From a drift and the curves there to the maximum over both, by secant steps; with the standard error."""
        before = self.slope(at, point)
        step = before * variance
        for _ in range(ROUNDS):
            step = float(np.clip(step, -LARGEST_STEP, LARGEST_STEP))
            at += step
            point = self.best(at, point.theta)
            slope = self.slope(at, point)
            variance = step / (before - slope) if 0 < step / (before - slope) < variance * 4 else variance
            before, step = slope, slope * variance
            if abs(step) < STEPS_END:
                break
        return at, point, float(np.hypot(np.sqrt(max(variance, self.variance(at, point))), MISFIT))


def _without_wave(fit: Fit, calendar: Array) -> Model:
    """The model without a yearly wave, which passes for a drift; as it is where the data span under two years."""
    model, harmonic = fit.slow, harmonics(calendar + 1)
    if calendar.max() < MONTHS_FOR_WAVE - 1:
        return model
    try:
        step = newton_step(model, fit.point, np.dstack([calendar, harmonic]))[0]
    except np.linalg.LinAlgError:
        return model
    return replace(model, months=model.months.divided(np.exp(harmonic @ np.clip(step[1:], -0.5, 0.5))))


def _whole(gate: Gate) -> float:
    """The drift that explains all of a fall or rise between first and last months."""
    drift = np.nan_to_num(gate.log_ratio / gate.lag) if gate.lag > 0 else 0.0
    return float(np.clip(drift, -MOST_DRIFT, MOST_DRIFT))


def _rival(found: Drift, curves: _Curves, point: Point, gate: Gate) -> tuple[float, Point]:
    """The drift that explains all of what the gate sees, with curves anew.

    None, 0, where there is no change to explain, or where it is out of reach of the drift found.
    """
    at = _whole(gate)
    seen = (gate.declines or found.evidence >= STRONG**2) and gate.lag > 0
    if not seen or abs(at - found.log) > FAR * found.error:
        return 0.0, point
    start = mixed_model.starting_values(curves.without(at))[:-5]
    return at, curves.best(at, np.r_[start, point.theta[-5:]])


def _flat(curves: _Curves, gate: Gate, rivals: dict[float, Point]) -> Drift | None:
    """The drift of hours that move with the calendar alone, where that describes them as well as curves do.

    Starts and floors of curves are drawn apart, so that clients which are flat each at a level of its own cost a
    curve more than a slow fall does, and a drift would be shared out between the two. `rivals` are the curves
    without drift, and last those at the drift found.
    """
    flat, own = replace(curves, model=replace(curves.model, shape="flat")), _whole(gate)
    point, at = rivals[0.0], [*rivals][-1]
    level = flat.best(own, point.theta)
    others = np.array([curves.loglik(*rival) for rival in rivals.items()])
    if 2 * (flat.loglik(own, level) - others.max()) < -FAR_WORSE:
        return None
    own, level, error = flat.climb(own, level, flat.variance(own, level))
    gains = 2 * (flat.loglik(own, level) - others)
    if gains.min() < -2 * CURVES - MARGIN:
        return None
    if gains.min() < -2 * CURVES + MARGIN:
        error = max(error, abs(own - at) / norm.ppf(0.975))
    # The end of a fall of which nobody's beginning was seen looks like a drift.
    if abs(own) < STRONG * error or gains[0] < STRONG**2 or gate.seen < FEWEST:
        moved = curves.best(own, point.theta, gain=1e-7)
        return Drift(own, error, gains[0], coefficients=(moved.theta[:-5] - point.theta[:-5]) / (own or 1.0))
    # What a fall with age would explain as well is in doubt, however sure the slope of the flat lines is.
    error = max(error, abs(own) / float(np.sqrt(gains[0])))
    found = _taken_out(Drift(own, error, gains[0]), flat, level)
    same = [0, 0, 2]  # start and floor of a flat line move as one
    coefficients = found.coefficients.reshape(3, -1)[same].ravel()
    return replace(found, coefficients=coefficients, clients=found.clients[:, same])


def _covering(found: Drift, rival: float, gain: float) -> Drift:
    """The drift, its error such that the interval takes in the rival where that is not ruled out."""
    reach = norm.ppf(0.975)
    open_still = found.evidence - gain < reach**2
    return replace(found, error=max(found.error, abs(found.log - rival) / reach)) if open_still else found


def _taken_out(found: Drift, curves: _Curves, point: Point) -> Drift:
    """The drift beyond doubt, with what coefficients and clients do as it moves."""
    model, moved = curves.model, curves.best(found.log + found.error, point.theta)
    centres = [model.centre(x.theta) + x.modes for x in (point, moved)]
    coefficients = (moved.theta[:-5] - point.theta[:-5]) / found.error
    onboarded = curves.calendar[:, 0] + 1 - model.months.age_end[:, 0]
    clients = (centres[1] - centres[0]) / found.error
    return replace(found, taken_out=True, coefficients=coefficients, clients=clients, onboarded=onboarded)


def _followed(found: Drift, curves: _Curves, point: Point, slope: float) -> Drift:
    """The drift with what the coefficients would do if it were taken out.

    Curves that took up a part of it give that back slowly, so the step is lengthened by the slope where it ends.
    """
    moved = curves.best(found.log, point.theta, gain=1e-7)
    left = curves.slope(found.log, moved) / (slope or 1.0)
    longer = 1 / max(1 - left, 1 / LONGEST_STEP)
    coefficients = (moved.theta[:-5] - point.theta[:-5]) / (found.log or 1.0)
    return replace(found, log=found.log * longer, error=found.error * np.sqrt(longer), coefficients=coefficients)


def standouts(fit: Fit, calendar: Array, first: pd.Timestamp) -> pd.DataFrame:
    """Calendar months in which hours are far from everyone's paths: see `Calendar.standouts`."""
    months = fit.model.months
    residual = residuals(fit.model, fit.point)[0]
    used, place = months.used > 0, calendar.astype(int)
    size = int(place[used].max()) + 1

    def total(values: Array | NDArray[np.bool_]) -> Array:
        return np.bincount(place[used], values[used], size).astype(float)

    hours, due = (total(months.weight * x) for x in (months.rate, expected(fit.model, fit.point)))
    count = total(used)
    ratio = np.divide(hours, due, out=np.ones(size), where=due > 0)
    enough = count >= STANDOUT_CLIENTS
    log = np.log(np.maximum(ratio, 1e-3))
    middle = np.median(log[enough]) if enough.any() else 0.0
    scatter = np.median(np.abs(log[enough] - middle)) / 0.6745 if enough.any() else np.inf
    share = total(np.abs(residual) > 2) / np.maximum(count, 1)
    far = (np.abs(log) > np.log(STANDOUT_RATIO)) & (np.abs(log - middle) > STANDOUT_ERRORS * scatter)
    found = np.flatnonzero(enough & far & (share >= STANDOUT_SHARE))
    month = [first + pd.DateOffset(months=int(i)) for i in found]
    return pd.DataFrame(
        {"month": month, "ratio": ratio[found], "share": share[found], "clients": count[found].astype(int)}
    )
