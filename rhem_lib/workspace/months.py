"""Months as numbers, which engines group by, and as the first days that tables have."""

import narwhals as nw
import pandas as pd


def month_number(column: str) -> nw.Expr:
    """Return months since the year 0: engines group by small numbers much faster than by names and dates."""
    return nw.col(column).dt.year() * 12 + nw.col(column).dt.month() - 1


def month_sql(day: str) -> str:
    """SQL of the same, as a column `month`."""
    return f"12 * year({day}) + month({day}) - 1 AS month"


def month_name(number: int) -> str:
    """Return a month as people write it.

    >>> month_name(2026 * 12 + 4)
    '2026-05'
    """
    return f"{number // 12}-{number % 12 + 1:02d}"


def first_days(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the first day of the month in place of its number."""
    number = table["month"].astype("int64")
    days = (number - 1970 * 12).to_numpy().astype("datetime64[M]").astype("datetime64[us]")
    return table.assign(month=days)
