"""Workbooks, JSON, Parquet and SQL databases -> the same text cells that a CSV file gives."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from rhem_lib.errors import InputError

SHEET_SUFFIXES = {".xlsx", ".xls", ".ods", ".json", ".jsonl", ".parquet"}
Sheet = tuple[str, list[str], list[list[str | None]]]


def sheets(path: Path, label: str) -> Iterator[Sheet]:
    """Label, header and rows as text of each table in a file; sheets without a header and a row are left out.

    Raises
    ------
    InputError
        The file cannot be opened: damaged, locked with a password, or not what its name says.
    """
    kind = path.suffix.lower()
    try:
        if kind in (".json", ".jsonl"):
            yield label, *_from_records(_json_records(path, kind))
        elif kind == ".parquet":
            frame = duckdb.read_parquet(str(path)).df()
            yield label, *_from_records(frame.astype(object).where(frame.notna(), None).to_dict("records"))
        else:
            yield from _workbook(path, label)
    except InputError:
        raise
    except Exception as problem:  # every reader has errors of its own; all mean the same to the user
        raise InputError(
            f"this file cannot be opened as {kind[1:].upper()}: {str(problem)[:120]}.",
            where=label,
            fix="If it has a password, save it without; otherwise export it again.",
        ) from None


def query(url: str, sql: str) -> Sheet:
    """Rows of a database as text: `url` is a SQLAlchemy address such as sqlite:///helpdesk.db."""
    from sqlalchemy import create_engine, text

    try:
        with create_engine(url).connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(text(sql))]
    except Exception as problem:
        raise InputError(
            f"the database cannot be read: {str(problem).splitlines()[0][:200]}.",
            where=url,
            fix='Give the query in rhem.toml: [[files]] path = "<url>", query = "select ... from ...".',
        ) from None
    return url, *_from_records(rows)


def _workbook(path: Path, label: str) -> Iterator[Sheet]:
    """Every sheet of a workbook whose first row with cells is taken as the header."""
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_path(str(path))
    for name in workbook.sheet_names:
        rows = [[_text(cell) for cell in row] for row in workbook.get_sheet_by_name(name).to_python()]
        rows = [row for row in rows if any(row)]
        if len(rows) > 1:
            yield f"{label}/{name}", [cell or "" for cell in rows[0]], rows[1:]


def _json_records(path: Path, kind: str) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    documents = (
        [json.loads(line) for line in text.splitlines() if line.strip()] if kind == ".jsonl" else json.loads(text)
    )
    return [record for page in _pages(documents) for record in page]


def _pages(document: Any) -> list[list[dict[str, Any]]]:
    """Lists of records in a document: a list, an envelope that holds one, or a list of such envelopes."""
    if isinstance(document, dict):
        lists = [
            value
            for value in document.values()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        ]
        return (
            [max(lists, key=len)] if lists else ([] if any(v == [] for v in document.values()) else [[document]])
        )
    if isinstance(document, list) and all(isinstance(part, dict) for part in document):
        paged = [
            _pages(part)
            for part in document
            if len(part) <= ENVELOPE_KEYS and any(isinstance(v, list) for v in part.values())
        ]
        return (
            [page for pages in paged for page in pages] if len(paged) == len(document) and document else [document]
        )
    raise ValueError("it holds no list of records")


ENVELOPE_KEYS = 6


def _from_records(records: list[dict[str, Any]]) -> tuple[list[str], list[list[str | None]]]:
    flat = [dict(_flatten(record)) for record in records]
    header = list(dict.fromkeys(key for record in flat for key in record))
    return header, [[_text(record.get(key)) for key in header] for record in flat]


def _flatten(record: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested references as `company.name`; lists have no place in a table."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield f"{path}{key}", value


def _text(cell: Any) -> str | None:
    """A cell as a person would have typed it; numbers keep all their digits."""
    if cell is None or cell is pd.NaT:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat(" ") if isinstance(cell, dt.datetime) else cell.isoformat()
    return str(cell)
