"""Pieces of the client-month panel: months in service, endpoints, exposure, age, billing model, flags.

Light: a row per client and month, in pandas. `measure` puts them together.
"""

import numpy as np
import pandas as pd

from rhem_lib.errors import SettingsError
from rhem_lib.workspace import COLLAPSE, USUAL_ENTRIES, Workspace

COUNTED = ("reactive_hours", "outside_hours", "unclassified_hours", "reactive_tickets", "squared_hours", "entries")
DAYS_PER_MONTH = 30.4375
COVERED = 1 / 3  # share of the usual working days that a covered month has at least
WHOLE = 20  # days of a month within the data, from which it says what is usual
FEWEST_DAYS = 6  # usual working days a month, below which a month is not judged by its days
Window = tuple[pd.Timestamp, pd.Timestamp]


def service_windows(clients: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Service within the data: client, start, stop (first day no longer in service), onboarded_on."""
    first, after = window[0], window[1] + pd.Timedelta(days=1)
    start = clients["onboarded_on"].fillna(first).clip(lower=first)
    stop = clients["ended_on"].fillna(after).clip(upper=after)
    return pd.DataFrame(
        {"client": clients["client"], "start": start, "stop": stop, "onboarded_on": clients["onboarded_on"]}
    )


def service_months(service: pd.DataFrame, window: Window) -> pd.DataFrame:
    """All months of each client's service within the data."""
    months = pd.DataFrame({"month": pd.date_range(window[0].to_period("M").to_timestamp(), window[1], freq="MS")})
    pairs = service.merge(months, how="cross")
    overlap = (pairs["month"] < pairs["stop"]) & (pairs["month"] + pd.offsets.MonthBegin(1) > pairs["start"])
    return pairs.loc[overlap, ["client", "month"]].astype({"month": "datetime64[us]"})


def with_endpoints(panel: pd.DataFrame, snapshots: pd.DataFrame, work: Workspace) -> pd.DataFrame:
    """Endpoints of each month; a month without a snapshot takes the last one, a few months old at most.

    Where that is too old as well, the contracted number of clients.csv stands in, if rhem.toml says so.
    """
    dated = snapshots.assign(snapshot_month=snapshots["month"]).sort_values("month")
    dated = dated.astype({"client": panel["client"].dtype})  # which a book without any endpoint list does not have
    joined = pd.merge_asof(panel.sort_values("month"), dated, on="month", by="client")
    age = (joined["month"].dt.year - joined["snapshot_month"].dt.year) * 12
    age += joined["month"].dt.month - joined["snapshot_month"].dt.month
    joined["endpoints"] = joined["endpoints"].where(age <= work.settings.limits.carry_forward_months)
    joined["carried"] = ((age > 0) | joined["carried"].eq(True)) & joined["endpoints"].notna()
    joined["contracted"] = False
    if work.settings.contracted_endpoints:
        if "contracted_endpoints" not in work.clients:
            raise SettingsError(
                "contracted endpoints are asked for, but no client has any.",
                where="rhem.toml, contracted_endpoints",
                fix="Give clients.csv a column contracted_endpoints.",
            )
        given = pd.to_numeric(work.clients.set_index("client")["contracted_endpoints"], errors="coerce")
        stand_in = joined["client"].map(given)
        joined["contracted"] = joined["endpoints"].isna() & stand_in.notna()
        joined["endpoints"] = joined["endpoints"].fillna(stand_in)
    return joined.drop(columns="snapshot_month")


def with_coverage(panel: pd.DataFrame, days_worked: pd.Series, window: Window) -> pd.DataFrame:
    """Mark months that the export does not cover (`gap`) or covers thinly (`thin`).

    A month is covered if it has entries on at least a third of the working days usual for this MSP: the median of
    the months that have any, in proportion to the days that the data reach. A covered month with far fewer
    entries a day than the six months before it is thin.
    """
    months = pd.date_range(window[0].to_period("M").to_timestamp(), window[1], freq="MS")
    ends = months + pd.offsets.MonthBegin(1)
    last = window[1] + pd.Timedelta(days=1)
    days = (ends.where(ends < last, last) - months.where(months > window[0], window[0])).days
    count = panel.groupby("month")["entries"].sum().reindex(months, fill_value=0)
    worked = days_worked.reindex(months, fill_value=0)
    whole = (worked > 0) & (days >= WHOLE)
    usual_days = (worked / days)[whole].median() * days if whole.sum() > 1 else 0.0 * days
    rate = count / days
    usual = rate.where(rate > 0).rolling(6, min_periods=2).median().ffill().shift(1)
    judged = usual * days >= USUAL_ENTRIES
    # Where work is done on a few days a month, a month without entries may be a quiet one.
    gap = (worked < COVERED * usual_days) & (usual_days >= FEWEST_DAYS) | judged & (count == 0)
    thin = ~gap & judged & (rate < COLLAPSE * usual)
    return panel.assign(gap=panel["month"].map(gap).eq(True), thin=panel["month"].map(thin).eq(True))


def with_exposure(panel: pd.DataFrame) -> pd.DataFrame:
    """Exposure, ages at both ends and the middle of the exposed part of the month, and RHEM."""
    month_end = panel["month"] + pd.offsets.MonthBegin(1)
    begin = panel[["month", "start"]].max(axis=1)
    end = pd.concat([month_end, panel["stop"]], axis=1).min(axis=1)
    days = (end - begin).dt.days.clip(lower=0)
    share = days / (month_end - panel["month"]).dt.days
    panel = panel.fillna(dict.fromkeys(COUNTED, 0))
    panel["share"] = share
    panel["exposure"] = (panel["endpoints"] * share).fillna(0.0).where(~panel["gap"], 0.0)
    in_service = days > 0
    for name, day in (("age_start", begin), ("age_end", end)):
        panel[name] = ((day - panel["onboarded_on"]).dt.days / DAYS_PER_MONTH).where(in_service)
    panel["age_months"] = (panel["age_start"] + panel["age_end"]) / 2
    exposure = panel["exposure"].where(panel["exposure"] > 0)
    panel["rhem_h"] = panel["reactive_hours"] / exposure
    panel["rhem_high_h"] = (panel["reactive_hours"] + panel["unclassified_hours"]) / exposure
    return panel


def with_billing(panel: pd.DataFrame, agreements: pd.DataFrame) -> pd.DataFrame:
    """Billing model with the most days of the month, and whether it changed inside the month."""
    month_end = panel["month"] + pd.offsets.MonthBegin(1)
    spans = panel[["client", "month"]].assign(month_end=month_end).merge(agreements, on="client")
    begin = spans[["month", "start"]].max(axis=1)
    end = spans[["month_end"]].assign(after=spans["end"] + pd.Timedelta(days=1)).min(axis=1)
    spans["days"] = (end - begin).dt.days.clip(lower=0)
    spans = spans[spans["days"] > 0].groupby(["client", "month", "billing"], as_index=False)["days"].sum()
    spans["switched"] = spans.groupby(["client", "month"])["billing"].transform("size") > 1
    spans = spans.sort_values(["client", "month", "days", "billing"], ascending=[True, True, False, True])
    most = spans.drop_duplicates(["client", "month"])[["client", "month", "billing", "switched"]]
    return panel.merge(most, on=["client", "month"], how="left")


def row_flags(panel: pd.DataFrame, clients: pd.DataFrame) -> pd.Series:
    """Names of schema.FLAGS that hold for each row, separated by spaces."""
    stated = set(clients.loc[clients["onboarding_source"] == "clients", "client"])
    held = {
        "partial-month": (panel["share"] > 0) & (panel["share"] < 1),
        "carried-endpoints": panel["carried"],
        "contracted-endpoints": panel["contracted"],
        "no-endpoints": panel["endpoints"].isna() & (panel["share"] > 0),
        "inferred-onboarding": ~panel["client"].isin(stated),
        "outside-hours": panel["outside_hours"] != 0,
        "hours-without-exposure": (panel["exposure"] == 0) & (panel["reactive_hours"] != 0),
        "coverage-gap": panel["gap"] & (panel["share"] > 0),
        "thin-month": panel["thin"] & (panel["share"] > 0),
        "negative-hours": panel["reactive_hours"] < 0,
        "zero-hours": (panel["exposure"] > 0) & (panel["reactive_hours"] == 0),
        "billing-switch": panel["switched"].fillna(False).astype(bool),
    }
    key = sum(mask.to_numpy().astype(int) << bit for bit, mask in enumerate(held.values()))
    codes, combined = pd.factorize(np.asarray(key))
    texts = [" ".join(name for bit, name in enumerate(held) if one >> bit & 1) for one in combined]
    return pd.Series(np.array(texts, dtype=object)[codes], index=panel.index, dtype=str)
