"""The numbers of the portfolio in a quarter: levels, change, clients, and where the time above the line goes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.billing import BillingComparison
from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData
from rhem_lib.review.facts import Level, quarter_bounds
from rhem_lib.settings import Settings
from rhem_lib.workspace import Account


@dataclass(frozen=True)
class PortfolioFacts:
    """The numbers behind the portfolio.

    months : DataFrame, one row per calendar month: month, minutes, computers, clients
    clients : DataFrame, one row per client in service: client, minutes, expected, follows, excess (hours above the
        target line in the quarter), most excess first
    change_se : standard error of the change from the quarter before, over clients
    stayed : minutes a year ago and now of the clients in service at both times; NaN without any
    inferred : clients whose onboarding date is not given
    """

    settings: Settings
    quarter: str
    start: pd.Timestamp
    months: pd.DataFrame
    clients: pd.DataFrame
    now: Level
    before: Level | None
    change_se: float
    stayed: tuple[float, float]
    inferred: int
    fit: DecayFit
    test: BillingComparison
    account: Account

    @property
    def target(self) -> float:
        """The line, in minutes per computer a month."""
        return 60 * self.settings.targets.target_h


def gather_portfolio(
    settings: Settings, panel: pd.DataFrame, fit: DecayFit, test: BillingComparison, account: Account, quarter: str
) -> PortfolioFacts:
    """Gather the numbers of the portfolio.

    Raises
    ------
    NotEnoughData
        No client had a computer in service in the quarter.
    """
    start, end = quarter_bounds(quarter)
    served = panel[(panel["exposure"] > 0) & (panel["month"] < end)]
    now = _sums(served, start, end)
    before = _sums(served, start - pd.DateOffset(months=3), start)
    year = _sums(served, start - pd.DateOffset(months=12), end - pd.DateOffset(months=12))
    if now.empty:
        raise NotEnoughData("no client had a computer in service in the quarter.", where=quarter)
    both = now.index.intersection(year.index)
    stayed = (_minutes(year.loc[both]), _minutes(now.loc[both])) if len(both) else (np.nan, np.nan)
    flags = served.loc[served["month"] >= start].groupby("client")["flags"].agg(" ".join)
    return PortfolioFacts(
        settings=settings,
        quarter=str(quarter).upper(),
        start=start,
        months=_by_month(served, end),
        clients=_by_client(now, fit, 60 * settings.targets.target_h),
        now=_level("this quarter", now),
        before=_level("the quarter before", before) if len(before) else None,
        change_se=_change_se(now, before),
        stayed=stayed,
        inferred=int(flags.str.contains("inferred-onboarding").sum()),
        fit=fit,
        test=test,
        account=account,
    )


def _sums(served: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Hours and exposure per client between two days."""
    rows = served[(served["month"] >= start) & (served["month"] < end)]
    return rows.groupby("client")[["reactive_hours", "reactive_tickets", "exposure"]].sum()


def _minutes(sums: pd.DataFrame) -> float:
    return 60 * float(sums["reactive_hours"].sum() / sums["exposure"].sum())


def _level(label: str, sums: pd.DataFrame) -> Level:
    """A quarter of all clients, pooled; its standard error is that of a ratio of two sums over clients."""
    hours, exposure, tickets = (float(sums[c].sum()) for c in ("reactive_hours", "exposure", "reactive_tickets"))
    return Level(label, 3, exposure, hours, tickets, se=float(np.sqrt((_influence(sums) ** 2).sum())))


def _influence(sums: pd.DataFrame) -> pd.Series:
    """How far each client moves the pooled minutes: 60 (h - r e) / E, the linearised ratio of two sums."""
    hours, exposure = sums["reactive_hours"], sums["exposure"]
    return 60 * (hours - exposure * hours.sum() / exposure.sum()) / exposure.sum()


def _change_se(now: pd.DataFrame, before: pd.DataFrame) -> float:
    """Standard error of the change; a client in both quarters counts once, with its own change."""
    if before.empty:
        return float("nan")
    moved = _influence(now).sub(_influence(before), fill_value=0.0)
    return float(np.sqrt((moved**2).sum()))


def _by_month(served: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Pooled minutes, computers and clients by calendar month; a month without service is an empty row."""
    groups = served.groupby("month")
    every = pd.date_range(served["month"].min(), end - pd.DateOffset(months=1), freq="MS", name="month")
    table = pd.DataFrame(
        {
            "minutes": 60 * groups["reactive_hours"].sum() / groups["exposure"].sum(),
            "computers": groups["exposure"].sum(),
            "clients": groups["client"].nunique().astype(float),
        }
    )
    return table.reindex(every).reset_index()


def _by_client(now: pd.DataFrame, fit: DecayFit, target: float) -> pd.DataFrame:
    table = pd.DataFrame({"minutes": 60 * now["reactive_hours"] / now["exposure"]})
    table["excess"] = (table["minutes"] - target).clip(lower=0) / 60 * now["exposure"]
    known = fit.clients.reindex(now.index)
    table["expected"] = 60 * known["rhem_now_h"] if fit.usable else np.nan
    table["follows"] = known["follows"].fillna("too-early") if fit.usable else "too-early"
    ordered = table.sort_values("excess", ascending=False, kind="stable").rename_axis("client").reset_index()
    return ordered[["client", "minutes", "expected", "follows", "excess"]]
