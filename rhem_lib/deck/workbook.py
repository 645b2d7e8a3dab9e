"""Every number of a review as .xlsx and .csv beside its deck, safe to open in a spreadsheet."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xlsxwriter

from rhem_lib.errors import UNSEEN
from rhem_lib.storage import write_whole, writing

if TYPE_CHECKING:
    from rhem_lib.review import Review

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}  # of every workbook
SHEET_NAME = 31  # longest that spreadsheets take


def safe_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before every text that a spreadsheet would take for a formula.

    >>> safe_cells(pd.DataFrame({"name": ["=1+1", "PC-1"]}))["name"].tolist()
    ["'=1+1", 'PC-1']
    """

    def safe(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = f"'{value}" if value.startswith(FORMULA) else value
        return text.replace("\r\n", "\n").replace("\r", "\n")  # which alone would end a row unquoted

    words = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    return frame.assign(**{c: frame[c].map(safe) for c in words}).rename(columns=safe)


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV that is safe to open in a spreadsheet: the one writer of CSV for people.

    >>> csv_text(pd.DataFrame({"name": ["@x"], "hours": [-1.5]})).split()
    ['name,hours', "'@x,-1.5"]
    """
    return safe_cells(frame).to_csv(index=False)


def numbers(review: "Review") -> pd.DataFrame:
    """Return every number of the review, one a row: section, item, measure, value."""
    rows = [row for name, table in _tables(review) for row in _rows(name, table)]
    return pd.DataFrame(rows, columns=["section", "item", "measure", "value"]).astype({"item": "str"})


def write_numbers(review: "Review", path: str | Path) -> Path:
    """Write the workbook, a sheet per section, and all its numbers in one .csv beside it.

    Parameters
    ----------
    review : Review
    path : str or Path
        Its ending is replaced by .xlsx and .csv, so that the deck's path can be given.

    Examples
    --------
    >>> write_numbers(review, folder / "review.pptx").name
    'review.xlsx'
    """
    path = Path(path).with_suffix(".xlsx")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".csv"), "\ufeff" + csv_text(numbers(review)))
    end = pd.Period(review.quarter, freq="Q").end_time.floor("s").to_pydatetime()
    _book(path, _tables(review), title=f"{review.client}: {review.quarter}", author=review.msp, created=end)
    return path


def write_tables(path: str | Path, **tables: Any) -> Path:
    """Write tables and results into one workbook, a sheet each, safe to open in a spreadsheet.

    Parameters
    ----------
    path : str or Path
        Its ending is replaced by .xlsx.
    **tables : DataFrame, DuckDB relation, or result with a `summary()`
        By the name of the sheet, of at most 31 characters; an index with a name becomes columns.

    Examples
    --------
    >>> write_tables(folder / "mine.xlsx", panel=study.panel, fit=study.fit, clients=work.clients).name
    'mine.xlsx'
    """
    path = Path(path).with_suffix(".xlsx")
    frames, made = ((name, _frame(given)) for name, given in tables.items()), BytesIO()
    _book(made, frames, title=path.stem)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, made.getvalue())
    return path


def _frame(given: Any) -> pd.DataFrame:
    """Return a table: a relation is fetched, a result gives its summary, a named index becomes columns."""
    table = given.df() if hasattr(given, "df") else given if hasattr(given, "columns") else given.summary()
    table = pd.DataFrame(table)
    return table.reset_index() if any(table.index.names) or table.index.dtype == "str" else table


def _book(path: Path | BytesIO, tables: Iterable[tuple[str, pd.DataFrame]], **properties: Any) -> None:
    with xlsxwriter.Workbook(path, PLAIN) as book:
        book.set_properties(properties)
        bold, date = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        for name, table in tables:
            sheet = book.add_worksheet(name[:SHEET_NAME])
            sheet.write_row(0, 0, list(map(str, table)), bold)
            for r, row in enumerate(table.itertuples(index=False), 1):
                for c, value in enumerate(row):
                    _cell(sheet, (r, c), value, date)
            sheet.freeze_panes(1, 0)
            sheet.autofit()


def _tables(review: "Review") -> Iterator[tuple[str, pd.DataFrame]]:
    """The headline, every section's table, and the months behind them."""
    head = {"client": review.client, "quarter": review.quarter, "minutes": review.minutes}
    yield "headline", pd.DataFrame([head | {"target_minutes": review.target_minutes, "unit": review.unit}])
    yield from ((s.key, s.table) for s in review.sections if s.table is not None)
    yield "months", review.table


def _rows(name: str, table: pd.DataFrame) -> Iterator[tuple[str, str, str, float]]:
    figures = [c for c in table if pd.api.types.is_numeric_dtype(table[c])]
    words = [c for c in table if c not in figures]
    for row in table.to_dict("records"):
        item = ", ".join(_text(row[c]) for c in words if pd.notna(row[c]) and row[c] != "")
        yield from ((name, item, c, float(row[c])) for c in figures if pd.notna(row[c]))


def _text(value: Any) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, dt.date) else str(value)


def _cell(sheet: Any, place: tuple[int, int], value: Any, date: Any) -> None:
    """One cell by its kind; text is only ever text."""
    if pd.isna(value):
        return
    if isinstance(value, dt.date):
        sheet.write_datetime(*place, pd.Timestamp(value).to_pydatetime(), date)
    elif isinstance(value, Real) and math.isfinite(value):
        sheet.write_number(*place, float(value))
    else:
        sheet.write_string(*place, UNSEEN.sub("", str(value)))
