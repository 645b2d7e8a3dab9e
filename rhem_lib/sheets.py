"""Workbooks, JSON and Parquet files -> the same text cells that a CSV file gives."""

import datetime as dt
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from rhem_lib.errors import InputError

SHEET_SUFFIXES = {".xlsx", ".ods", ".json", ".jsonl", ".parquet"}
OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # what a workbook with a password is wrapped in, and an old .xls
MAX_UNPACKED_RATIO, MAX_UNPACKED_ALWAYS = 100, 1 << 30  # text packs ten to thirty times
AGAIN = "Export it again, or take it out of the folder."
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
            fix=AGAIN,
        ) from None


def check_unpacked(parts: list[zipfile.ZipInfo], path: Path, label: str) -> None:
    """Refuse an archive that would unpack to far more than text and tables do.

    Raises
    ------
    InputError
        It would.
    """
    size = sum(part.file_size for part in parts)
    if size > max(MAX_UNPACKED_RATIO * path.stat().st_size, MAX_UNPACKED_ALWAYS):
        said = f"this archive would unpack to {size / 1e9:,.1f} GB."
        raise InputError(said, where=label, fix="Unpack and check it by hand.")


def _check_package(path: Path, label: str) -> None:
    """Say what a workbook is that is no package of sheets; the reader itself can hang on such a file."""
    with path.open("rb") as source:
        start = source.read(len(OLE))
    if start == OLE:
        raise InputError(
            "this workbook is locked with a password, or in the old .xls format.",
            where=label,
            fix="Open it, take the password off (File > Info > Protect Workbook), and save it as .xlsx or CSV.",
        )
    with zipfile.ZipFile(path) as package:
        check_unpacked(package.infolist(), path, label)


def _workbook(path: Path, label: str) -> Iterator[Sheet]:
    """Every sheet of a workbook whose first row with cells is taken as the header."""
    from python_calamine import CalamineWorkbook

    _check_package(path, label)
    workbook = CalamineWorkbook.from_path(str(path))
    found = False
    for name in workbook.sheet_names:
        rows = [[text_of(cell) for cell in row] for row in workbook.get_sheet_by_name(name).to_python()]
        rows = [row for row in rows if any(row)]
        if len(rows) > 1:
            found = True
            yield f"{label}/{name}", [cell or "" for cell in rows[0]], rows[1:]
    if not found:
        raise InputError("no sheet of this workbook has a row below its header.", where=label, fix=AGAIN)


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
    raise ValueError(NO_RECORDS)


ENVELOPE_KEYS = 6
NO_RECORDS = "it holds no list of records with fields"


def _from_records(records: list[dict[str, Any]]) -> tuple[list[str], list[list[str | None]]]:
    flat = [dict(_flatten(one)) for record in records for one in _options(record)]
    header = list(dict.fromkeys(key for record in flat for key in record))
    if records and len(header) < 2:
        raise ValueError(NO_RECORDS)
    return header, [[text_of(record.get(key)) for key in header] for record in flat]


def _options(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A field that lists its options (value and label) as a record per option; any other record as it is."""
    for key, values in record.items():
        if (
            isinstance(values, list)
            and values
            and all(isinstance(v, dict) and {"value", "label"} <= {*v} for v in values)
        ):
            return [{**record, key: value} for value in values]
    return [record]


def _flatten(record: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested references as `company.name`; lists have no place in a table."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield f"{path}{key}", value


def text_of(cell: Any) -> str | None:
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
