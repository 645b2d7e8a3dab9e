"""The claim under test, `Target`: for whom does it hold, and is it an effect of who stayed?

Three averages that must not be mixed up: the typical client (median log parameters), the mean of the clients, and
the portfolio (clients weighted by endpoints). An average over those who are still there is a fourth thing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import posterior
from rhem_lib.decay.curves import Array
from rhem_lib.decay.mixed_model import Fit
from rhem_lib.decay.residuals import expected
from rhem_lib.settings import Target

LAST_MONTHS = 3
FEWEST = 3  # clients in a group whose mean is worth a number
CALENDAR = {
    "drift": " Everyone's drift by calendar time is taken out, to the level of the first month of the data.",
    "open": " Whether hours fall with age or with the calendar cannot be told; any drift is left in.",
}
WHO = {"typical": "the typical client", "mean": "the mean of the clients", "portfolio": "the portfolio"}


@dataclass(frozen=True)
class Sight:
    """Whether hours fall with age at all, how many clients were seen from the start, and of whom to speak.

    And whether everyone's drift by calendar time was taken out (drift) or cannot be told from age (open), and
    which share of the hours was worked at least, and whether less and less may be written down per ticket.
    """

    declines: bool
    seen: int
    who: dict[str, str]
    calendar: str = "none"
    least: float = 1.0
    fades: bool = False

    @property
    def start(self) -> bool:
        """Whether a path from a start may be claimed."""
        return self.declines and self.seen >= FEWEST and self.calendar != "open"


@dataclass(frozen=True)
class Claim:
    """Whether the target's claim holds, and for whom. Intervals are 95%; levels in h per endpoint per month.

    Attributes
    ----------
    table : DataFrame, indexed by quantity and of (typical, mean, portfolio)
        start_h, level_h (at the target's month) and share_at_target (of clients, of endpoints; for the typical
        client the probability that it is there): estimate, low, high; and if_stayed, the estimate if every client
        that left earlier had stayed at the level at which it left.
    leaving : DataFrame, indexed by group (stayed, left)
        clients, level_h at the target's month (mean of clients) with low and high, and last_ratio: hours of
        the last 3 months over those expected on the client's own path; NaN where a group has fewer than 3
        clients. No rows where it is not known who left.
    target : Target
        The claim.
    sight : Sight
        What may be claimed at all.
    """

    table: pd.DataFrame
    leaving: pd.DataFrame
    target: Target
    sight: Sight

    @property
    def text(self) -> str:
        """Start, level and share for each of the three, then what leaving does to it."""
        minutes, shares = 60 * self.table, 100 * self.table.loc["share_at_target"]

        def shown(row: pd.Series, unit: str = "") -> str:
            return f"{row['estimate']:.0f}{unit} ({row['low']:.0f} to {row['high']:.0f})"

        seen = self.sight.seen >= FEWEST
        start, months = self.sight.start, self.target.months
        paths = "; ".join(
            f"{name} goes from {shown(minutes.loc[('start_h', key)])} to {shown(minutes.loc[('level_h', key)])}"
            if start
            else f"{name} is at {shown(minutes.loc[('level_h', key)])}"
            for key, name in self.sight.who.items()
        )
        when = f"from onboarding to month {months}" if start else f"at month {months}"
        unseen = "" if seen else " The start is not seen."
        whose = "" if "typical" in self.sight.who else " of their mean"
        none = "" if self.sight.declines else f" No decline{whose} is detected."
        none += CALENDAR.get(self.sight.calendar, "")
        none += (
            " All of it is of recorded hours, of which there are ever fewer a ticket." if self.sight.fades else ""
        )
        return (
            f"The claim is {self.target.text}.{none}{unseen} Minutes per endpoint and month {when}, with 95% "
            f"intervals: {paths}. At or under {60 * self.target.target_h:.0f} "
            f"minutes by then: {shown(shares.loc['mean'], '%')} of the clients, with "
            f"{shown(shares.loc['portfolio'], '%')} of the endpoints. {self._leaving()}"
        )

    def _leaving(self) -> str:
        if self.leaving.empty:
            return "It is not known who left."
        left, stayed = self.leaving.loc["left"], self.leaving.loc["stayed"]
        if not left["clients"]:
            return "Nobody is known to have left before the last two months."
        if self.leaving["level_h"].isna().any():
            return (
                f"{left['clients']:.0f} of {self.leaving['clients'].sum():.0f} clients left: too few left, or "
                "stayed, to compare them."
            )
        now, then = (f"{60 * self.table.loc[('level_h', 'mean'), of]:.0f}" for of in ("estimate", "if_stayed"))
        moved = f"would be {then} minutes instead of {now}" if then != now else f"would still be {now} minutes"
        return (
            f"The {left['clients']:.0f} clients that left are put at {60 * left['level_h']:.0f} minutes at month "
            f"{self.target.months}, the {stayed['clients']:.0f} that stayed at {60 * stayed['level_h']:.0f}; in "
            f"their last {LAST_MONTHS} months those that left ran at {left['last_ratio']:.0%} of their own path. "
            f"Had those who left sooner stayed at the level at which they left, the mean of the clients {moved}."
        )

    def summary(self) -> pd.DataFrame:
        """Table, rounded."""
        return self.table.round(3)


def clients_left(panel: pd.DataFrame) -> pd.Series:
    """Return which clients are no longer served: without endpoints and hours in the panel's last two months.

    Hours alone count, since a list of endpoints can end before a client does.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)

    Returns
    -------
    Series of bool, indexed by client

    Examples
    --------
    >>> months = pd.to_datetime(["2026-01-01", "2026-06-01"])
    >>> panel = pd.DataFrame({"client": ["A", "B"], "month": months, "exposure": 1.0, "reactive_hours": 0.0})
    >>> clients_left(panel).to_dict()
    {'A': True, 'B': False}
    """
    served = (panel["exposure"] > 0) | (panel["reactive_hours"] > 0)
    last = panel[served].groupby("client")["month"].max()
    return last < last.max() - pd.DateOffset(months=1)


def check_claim(
    fit: Fit,
    draws: posterior.Draws,
    typical: Array,
    population: pd.DataFrame,
    left: NDArray[np.bool_] | None,
    target: Target,
    sight: Sight,
) -> Claim:
    """Test the claim on a fit.

    Draws are of all clients, `typical` (draws, 3) are those of the typical client, whose intervals are those of
    the population table; `left` (clients,) marks clients that are no longer served, None where it is not known.
    """
    months = fit.model.months
    size = (months.weight * months.used).sum(1) / ((months.age_end - months.age_start) * months.used).sum(1)
    weights = {"mean": np.full(len(size), 1 / len(size)), "portfolio": size / size.sum()}
    last = (months.age_end * months.used).max(1)
    gone = np.zeros(len(last), bool) if left is None else left & (last < target.months)
    level, own = (posterior.level(target.months, x) for x in (draws.whole, draws.own))
    stayed, own_stayed = (
        np.where(gone, posterior.level(last, x), at) for x, at in ((draws.whole, level), (draws.own, own))
    )
    start, own_start = np.exp(draws.whole[..., 0]), np.exp(draws.own[..., 0])
    there = posterior.level(target.months, typical) <= target.target_h
    names = ["estimate", "low", "high"]
    rows = {
        ("start_h", "typical"): [*population.loc["start_h", names], np.nan],
        ("level_h", "typical"): [*population.loc[target.level_column, names], np.nan],
        ("share_at_target", "typical"): [there.mean(), np.nan, np.nan, np.nan],
    }
    for of, weight in weights.items():
        starts = posterior.interval(start @ weight, own_start @ weight)
        shares = posterior.order_statistics((level <= target.target_h) @ weight, 0.5, 0.025, 0.975)
        shares[2] = posterior.order_statistics((level * sight.least <= target.target_h) @ weight, 0.975)[0]
        middle, low, high = posterior.interval(level @ weight, own @ weight)
        rows["start_h", of] = [starts[0], starts[1] * sight.least, starts[2], starts[0]]
        rows["level_h", of] = [middle, low * sight.least, high, _median(own_stayed @ weight)]
        rows["share_at_target", of] = [*shares, _median((stayed <= target.target_h) @ weight)]
    table = pd.DataFrame.from_dict(rows, "index", columns=[*names, "if_stayed"], dtype=float)
    order = pd.MultiIndex.from_product([["start_h", "level_h", "share_at_target"], WHO], names=["quantity", "of"])
    leaving = _compare(fit, level, own, left)
    return Claim(table.reindex(order), leaving, target, sight)


def _median(draws: Array) -> float:
    return float(posterior.order_statistics(draws, 0.5)[0])


def _compare(fit: Fit, level: Array, own: Array, left: NDArray[np.bool_] | None) -> pd.DataFrame:
    """Those who left against those who stayed."""
    table = pd.DataFrame(
        columns=["clients", "level_h", "low", "high", "last_ratio"], index=pd.Index([], name="group"), dtype=float
    )
    if left is None:
        return table
    months = fit.model.months
    count = months.used.sum(1, keepdims=True)
    order = np.arange(months.used.shape[1])
    weight = months.weight * months.used * ((order >= count - LAST_MONTHS) & (order < count))
    rate = expected(fit.model, fit.point)
    for name, group in (("stayed", ~left), ("left", left)):
        levels, ratio = np.full(3, np.nan), np.nan
        if group.sum() >= FEWEST:
            levels = posterior.interval(level[:, group].mean(axis=1), own[:, group].mean(axis=1))
            ratio = (weight * months.rate)[group].sum() / (weight * rate)[group].sum()
        table.loc[name] = [group.sum(), *levels, ratio]
    return table
