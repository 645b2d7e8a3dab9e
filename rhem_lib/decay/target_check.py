"""The claim under test, `Target`: for whom does it hold, and is it an effect of who stayed?

Three averages that must not be mixed up: the typical client (median log parameters), the mean of the clients, and
the portfolio (clients weighted by endpoints). An average over those who are still there is a fourth thing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import posterior
from rhem_lib.decay.mixed_model import Fit
from rhem_lib.decay.residuals import expected
from rhem_lib.settings import Target

Array = NDArray[np.float64]

LAST_MONTHS = 3
FEWEST = 3  # clients in a group whose mean is worth a number


@dataclass(frozen=True)
class Claim:
    """Intervals are 95 %; levels in h per endpoint per month.

    Attributes
    ----------
    table : DataFrame, indexed by quantity and of (typical, mean, portfolio)
        start_h, level_h (at the target's month) and share_at_target (of clients, of endpoints; for
        the typical client the probability that it is there): estimate, low, high; and if_stayed, the estimate if
        every client that left earlier had stayed at the level at which it left.
    leaving : DataFrame, indexed by group (stayed, left)
        clients, level_h at the target's month (mean of clients) with low and high, and last_ratio: hours of
        the last 3 months over those expected on the client's own path; NaN where a group has fewer than 3
        clients. No rows where it is not known who left.
    target : Target
        The claim.
    """

    table: pd.DataFrame
    leaving: pd.DataFrame
    target: Target

    @property
    def text(self) -> str:
        """Start, level and share for each of the three, then what leaving does to it."""
        minutes, shares = 60 * self.table, 100 * self.table.loc["share_at_target"]

        def tell(row: pd.Series, unit: str = "") -> str:
            return f"{row['estimate']:.0f}{unit} ({row['low']:.0f} to {row['high']:.0f})"

        who = {"typical": "the typical client", "mean": "the mean of the clients", "portfolio": "the portfolio"}
        parts = [
            f"{name} goes from {tell(minutes.loc[('start_h', key)])} to {tell(minutes.loc[('level_h', key)])}"
            for key, name in who.items()
        ]
        return (
            f"The claim is {self.target.text}. Minutes per endpoint and month from onboarding to month "
            f"{self.target.months}, with 95 % intervals: "
            f"{'; '.join(parts)}. At or under {60 * self.target.target_h:.0f} minutes by then: "
            f"{tell(shares.loc['mean'], ' %')} of the clients, with {tell(shares.loc['portfolio'], ' %')} of the "
            f"endpoints. {self._leaving()}"
        )

    def _leaving(self) -> str:
        if self.leaving.empty:
            return "It is not known who left."
        left, stayed = self.leaving.loc["left"], self.leaving.loc["stayed"]
        if not left["clients"]:
            return "Nobody is known to have left."
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


def left_book(panel: pd.DataFrame) -> pd.Series:
    """Which clients are no longer served, by client: without endpoints and hours in the panel's last two months.

    Hours alone count, since a list of endpoints can end before a client does.
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
) -> Claim:
    """Test the claim on a fit.

    Parameters
    ----------
    fit : mixed.Fit
    draws : posterior.Draws
        Of all clients.
    typical : array (draws, 3)
        Those of the typical client.
    population : DataFrame
        Rows start_h and the level at the target's month of the typical client: estimate, low, high.
    left : array of bool (clients,), or None where it is not known
        Clients that are no longer served.
    target : Target
    """
    book = fit.model.months
    equal = np.full(len(book.used), 1 / len(book.used))
    size = (book.weight * book.used).sum(1) / ((book.age_end - book.age_start) * book.used).sum(1)
    weights = {"mean": equal, "portfolio": size / size.sum()}
    last = (book.age_end * book.used).max(1)
    gone = np.zeros(len(last), bool) if left is None else left & (last < target.months)
    level, own = (np.exp(posterior.log_level(target.months, x)[0]) for x in (draws.whole, draws.own))
    ends = (np.exp(posterior.log_level(last, x)[0]) for x in (draws.whole, draws.own))
    frozen, own_frozen = (np.where(gone, end, at) for end, at in zip(ends, (level, own), strict=True))
    start, own_start = np.exp(draws.whole[..., 0]), np.exp(draws.own[..., 0])
    there = np.exp(posterior.log_level(target.months, typical)[0]) <= target.target_h
    rows = {
        ("start_h", "typical"): [*population.loc["start_h", ["estimate", "low", "high"]], np.nan],
        ("level_h", "typical"): [*population.loc[target.level_column, ["estimate", "low", "high"]], np.nan],
        ("share_at_target", "typical"): [there.mean(), np.nan, np.nan, np.nan],
    }
    for of, weight in weights.items():
        starts = posterior.interval(start @ weight, own_start @ weight)
        levels = posterior.interval(level @ weight, own @ weight)
        rows["start_h", of] = [*starts, starts[0]]
        rows["level_h", of] = [*levels, _interval(own_frozen @ weight)[0]]
        shares = _interval((level <= target.target_h) @ weight)
        rows["share_at_target", of] = [*shares, _interval((frozen <= target.target_h) @ weight)[0]]
    index = pd.MultiIndex.from_tuples(rows, names=["quantity", "of"])
    table = pd.DataFrame(list(rows.values()), index, ["estimate", "low", "high", "if_stayed"]).astype(float)
    order = [(q, of) for q in ("start_h", "level_h", "share_at_target") for of in ("typical", "mean", "portfolio")]
    return Claim(table.loc[order], _compare(fit, level, own, left), target)


def _interval(draws: Array) -> list[float]:
    """Median and 95 % limits, as order statistics."""
    return [float(x) for x in np.quantile(draws, [0.5, 0.025, 0.975], method="inverted_cdf")]


def _compare(fit: Fit, level: Array, own: Array, left: NDArray[np.bool_] | None) -> pd.DataFrame:
    """Those who left against those who stayed."""
    columns = ["clients", "level_h", "low", "high", "last_ratio"]
    table = pd.DataFrame(columns=columns, index=pd.Index([], name="group"), dtype=float)
    if left is None:
        return table
    book = fit.model.months
    count = book.used.sum(1, keepdims=True)
    order = np.arange(book.used.shape[1])
    weight = book.weight * book.used * ((order >= count - LAST_MONTHS) & (order < count))
    rate = expected(fit.model, fit.point)[0]
    for name, group in (("stayed", ~left), ("left", left)):
        if group.sum() < FEWEST:
            table.loc[name] = [group.sum(), *[np.nan] * 4]
            continue
        ratio = (weight * book.rate)[group].sum() / (weight * rate)[group].sum()
        table.loc[name] = [
            group.sum(),
            *posterior.interval(level[:, group].mean(axis=1), own[:, group].mean(axis=1)),
            ratio,
        ]
    return table
