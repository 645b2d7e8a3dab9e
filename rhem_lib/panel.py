"""Pieces of the client-month panel: months in service, endpoints, exposure, age, billing model, flags.

Light: a row per client and month, in pandas. `measure` puts them together.
"""

import numpy as np
import pandas as pd

DAYS_PER_MONTH = 30.4375
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


def with_endpoints(panel: pd.DataFrame, snapshots: pd.DataFrame, carry: int) -> pd.DataFrame:
    """Endpoints of each month; a month without a snapshot takes the last one, at most `carry` months old."""
    dated = snapshots.assign(snapshot_month=snapshots["month"]).sort_values("month")
    dated = dated.astype({"client": panel["client"].dtype})  # which a book without any endpoint list does not have
    joined = pd.merge_asof(panel.sort_values("month"), dated, on="month", by="client")
    age = (joined["month"].dt.year - joined["snapshot_month"].dt.year) * 12
    age += joined["month"].dt.month - joined["snapshot_month"].dt.month
    joined["endpoints"] = joined["endpoints"].where(age <= carry)
    joined["carried"] = (age > 0) & joined["endpoints"].notna()
    return joined.drop(columns="snapshot_month")


def with_exposure(panel: pd.DataFrame) -> pd.DataFrame:
    """Exposure, ages at both ends and the middle of the exposed part of the month, and RHEM."""
    month_end = panel["month"] + pd.offsets.MonthBegin(1)
    begin = panel[["month", "start"]].max(axis=1)
    end = pd.concat([month_end, panel["stop"]], axis=1).min(axis=1)
    days = (end - begin).dt.days.clip(lower=0)
    share = days / (month_end - panel["month"]).dt.days
    panel = panel.fillna({"reactive_hours": 0, "outside_hours": 0, "unclassified_hours": 0, "reactive_tickets": 0})
    panel["share"] = share
    panel["exposure"] = (panel["endpoints"] * share).fillna(0.0)
    in_service = days > 0
    for name, day in (("age_start", begin), ("age_end", end)):
        panel[name] = ((day - panel["onboarded_on"]).dt.days / DAYS_PER_MONTH).where(in_service)
    panel["age_months"] = (panel["age_start"] + panel["age_end"]) / 2
    panel["rhem_h"] = (panel["reactive_hours"] / panel["exposure"]).where(panel["exposure"] > 0)
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
        "no-endpoints": panel["endpoints"].isna() & (panel["share"] > 0),
        "inferred-onboarding": ~panel["client"].isin(stated),
        "outside-hours": panel["outside_hours"] != 0,
        "zero-hours": (panel["exposure"] > 0) & (panel["reactive_hours"] == 0),
        "billing-switch": panel["switched"].fillna(False).astype(bool),
    }
    table = np.column_stack([np.where(mask, name, "") for name, mask in held.items()])
    return pd.Series([" ".join(filter(None, row)) for row in table], index=panel.index, dtype=str)
