"""What a client's entries say about a quarter: causes, whether any of them rose, and the noisiest computers."""

import numpy as np
import pandas as pd

from rhem_lib.words import mark

RISE_Z = 2.5  # stricter than 2, because a quarter has about ten categories to look through
MIN_RISE_PROBLEMS = 5
NOT_RECORDED = mark("Not recorded")


def cause_table(
    entries: pd.DataFrame, before: pd.DataFrame, exposure: float, exposure_before: float
) -> pd.DataFrame:
    """One row per cause: minutes and problems per computer a month, share of the time, and whether problems rose.

    Parameters
    ----------
    entries, before : DataFrame
        Reactive entries of the quarter and of the quarter before (measure.reactive_entries).
    exposure, exposure_before : float
        Endpoint-months of the two.

    Returns
    -------
    DataFrame
        name, hours, problems, problems_before, minutes, share, rate, rate_before (problems per computer a month),
        rise_z, rose; most hours first. rise_z compares two Poisson rates a / A and b / B:
        (a/A - b/B) / sqrt(a/A^2 + b/B^2); NaN without an earlier quarter.
    """
    table = entries.groupby(_cause(entries)).agg(hours=("hours", "sum"), problems=("ticket_id", "nunique"))
    earlier = before.groupby(_cause(before))["ticket_id"].nunique()
    table["problems_before"] = earlier.reindex(table.index).fillna(0)
    total = table["hours"].sum()
    table["minutes"] = 60 * table["hours"] / exposure
    table["share"] = table["hours"] / total if total > 0 else np.nan
    known = exposure_before if exposure_before > 0 else np.nan
    a, b = table["problems"] / exposure, table["problems_before"] / known
    table["rate"], table["rate_before"] = a, b
    table["rise_z"] = (a - b) / np.sqrt(a / exposure + b / known)
    table["rose"] = (table["rise_z"] >= RISE_Z) & (table["problems"] >= MIN_RISE_PROBLEMS)
    return _ordered(table).astype({"problems_before": float})


def computer_table(entries: pd.DataFrame) -> pd.DataFrame:
    """Hours, problems and share of all hours per computer, noisiest first; work without a computer is left out."""
    total = entries["hours"].sum()
    table = entries.groupby("device_id").agg(hours=("hours", "sum"), problems=("ticket_id", "nunique"))
    table["share"] = table["hours"] / total if total > 0 else np.nan
    return _ordered(table)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    ordered = table.sort_values("hours", ascending=False, kind="stable").rename_axis("name").reset_index()
    return ordered.astype({"problems": float, "name": "str"})


def _cause(entries: pd.DataFrame) -> pd.Series:
    """Category of each entry; the ticket's type where no category was recorded at all."""
    column = "category" if entries["category"].notna().any() else "type"
    text = entries[column].astype("str").str.strip()
    text = text.str[:1].str.upper() + text.str[1:]
    return text.where(text.notna() & (text != ""), NOT_RECORDED).rename("name")
