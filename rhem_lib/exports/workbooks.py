"""Workbooks, JSON and Parquet files -> the same text cells that a CSV file gives."""

import datetime as dt
import html
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from rhem_lib.errors import InputError, leave_out
from rhem_lib.interfaces import is_pulled
from rhem_lib.storage import check_disk

JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
SHEET_SUFFIXES = {".xlsx", ".ods", ".parquet"} | JSON_SUFFIXES
OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # what a workbook with a password is wrapped in, and an old .xls
MAX_UNPACKED_RATIO, MAX_UNPACKED_ALWAYS = 100, 1 << 30  # text packs ten to thirty times
MOST_CELLS = 8_000_000  # that the cells of a sheet span
HIDDEN = re.compile(rb"<row\b[^>]*\bhidden=.(?:1|true)")
FAR = re.compile(
    rb"<(?:\w+:)?c\b[^>]*?\br=[\"'][A-Z]{1,4}(\d{4,9})[\"'](?:[^>]*[^>/])?>"
)  # cells with something in them
WIDE = re.compile(rb"<(?:\w+:)?c\b[^>]*?\br=[\"']([A-Z]{2,4})\d+[\"'](?:[^>]*[^>/])?>")
REPEATED_ROW = re.compile(
    rb"<table:table-row\b[^>]*number-rows-repeated=[\"'](\d{3,9})[^>]*>(?:(?!</table:table-row>).)*?<text:p",
    re.DOTALL,
)
REPEATED_CELL = re.compile(rb"<table:table-cell\b[^>]*number-columns-repeated=[\"'](\d{3,9})(?:[^>]*[^>/])?>")
NO_RECORDS = "it holds no list of records with fields"
PAGING = """
page pages paging per total totals totalcount count next prev previous link links meta metadata cursor offset limit
size max self odata success status error message more first last start end after before expand include extra
""".split()  # words in the names of what stands beside a list of records; no record has such fields alone
Row = tuple[int, list[str | None]]  # number in the file, and cells
Sheet = tuple[str, list[str], list[Row]]
TOTALS = {"total", "count", "total count", "record count", "total records", "total entries", "total results"}
Page = tuple[bool, int]  # whether more pages follow this one, and how many records all have, or 0
Skip = Callable[[str], bool]  # asked of each label before anything of it is read


def sheets(path: Path, label: str, skip: Skip, pages: dict[str, Page]) -> Iterator[Sheet]:
    """Label, header and rows as text of each table in a file, but for those to skip and sheets without two rows.

    Of a page of an interface, `pages` gets what it says of the others.

    Raises
    ------
    InputError
        The file cannot be opened: damaged, locked with a password, or not what its name says.
    """
    kind = path.suffix.lower()
    try:
        if kind in JSON_SUFFIXES:
            yield from _json(path, label, skip, pages)
        elif kind == ".parquet":
            frame = duckdb.read_parquet(unpatterned(path)).df()
            yield label, *_from_records(frame.astype(object).where(frame.notna(), None).to_dict("records"))
        else:
            yield from _workbook(path, label, skip)
    except InputError:
        raise
    except Exception as problem:  # every reader has errors of its own; all mean the same to the user
        check_disk(problem)
        raise InputError(
            f"this file cannot be opened as {kind[1:].upper()}: {str(problem)[:120]}.",
            where=label,
            fix=f"Export it again, or {leave_out(label)}",
        ) from None


def unpatterned(path: Path | None) -> str:
    """Return a path for the engine's readers, for which `[ ] * ?` would make a pattern of it."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def check_unpacked(parts: list[zipfile.ZipInfo], path: Path, label: str) -> None:
    """Refuse an archive that would unpack to far more than text and tables do.

    Raises
    ------
    InputError
        It would.
    """
    check_size(sum(part.file_size for part in parts), most_unpacked(path), label)


def most_unpacked(path: Path) -> int:
    """Return the bytes that an archive of this size may unpack to."""
    return max(MAX_UNPACKED_RATIO * path.stat().st_size, MAX_UNPACKED_ALWAYS)


def check_size(size: int, most: int, label: str) -> None:
    """Refuse to unpack more bytes than `most`.

    Raises
    ------
    InputError
        It would be more.
    """
    if size > most:
        what = f"this archive would unpack to {size / 1e9:,.1f} GB."
        raise InputError(what, where=label, fix=f"Unpack and check it by hand, or {leave_out(label)}")


def _check_package(path: Path, label: str) -> None:
    """Say what a workbook is that is no package of sheets; the reader itself can hang on such a file."""
    with path.open("rb") as source:
        start = source.read(len(OLE))
    if start == OLE:
        raise InputError(
            "this workbook is locked with a password, or in the old .xls format.",
            where=label,
            fix="Open it, take the password off (File > Info > Protect Workbook), and save it as .xlsx or CSV, "
            f"or {leave_out(label)}",
        )
    with zipfile.ZipFile(path) as package:
        check_unpacked(package.infolist(), path, label)
        for part in package.namelist():
            _check_span(package, part, label)  # a sheet may have any name


def _blocks(package: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield a part of a package in blocks that end with a tag, so that its size does not matter."""
    rest = b""
    with package.open(part) as stream:
        while block := stream.read(1 << 24):
            block = rest + block
            end = block.rfind(b">") + 1
            rest = block[end:]
            yield block[:end]


def _check_span(package: zipfile.ZipFile, part: str, label: str) -> None:
    """Refuse a sheet whose cells span more than memory holds: one at XFD1048576 would end the process.

    Empty cells that are formatted do not count; up to row 999 and column Z nothing needs to.
    """
    rows, columns = 999, 26
    for block in _blocks(package, part):
        if part == "content.xml":  # of ODS, where a cell or a row is written once and repeated
            rows = max([rows, *map(int, REPEATED_ROW.findall(block))])
            columns = max([columns, *map(int, REPEATED_CELL.findall(block))])
            continue
        rows = max([rows, *map(int, set(FAR.findall(block)))])
        columns = max([columns, *map(_column_number, set(WIDE.findall(block)))])
    if rows * columns > MOST_CELLS:
        what = f"the cells of a sheet span {rows:,} rows and {columns:,} columns."
        fix = "Take out what stands far away from the table, or export it as CSV, or " + leave_out(label)
        raise InputError(what, where=label, fix=fix)


def _column_number(letters: bytes) -> int:
    """Return the number of a spreadsheet's column.

    >>> _column_number(b"AA")
    27
    """
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _workbook(path: Path, label: str, skip: Skip) -> Iterator[Sheet]:
    """Every sheet of a workbook whose first row with cells is taken as the header."""
    from python_calamine import CalamineWorkbook

    _check_package(path, label)
    workbook = CalamineWorkbook.from_path(str(path))
    found = False
    for name in workbook.sheet_names:
        if skip(f"{label}/{name}"):
            found = True
            continue
        sheet = workbook.get_sheet_by_name(name)
        first = sheet.start[0] + 1 if sheet.start else 1  # empty rows above the first are not in the sheet
        texts = [(number, [text_of(cell) for cell in row]) for number, row in enumerate(sheet.to_python(), first)]
        rows = [row for row in texts if any(row[1])]
        if len(rows) > 1:
            found = True
            yield f"{label}/{name}", [cell or "" for cell in rows[0][1]], rows[1:]
    if not found:
        what = "no sheet of this workbook has a row below its header."
        raise InputError(what, where=label, fix=f"Export it again, or {leave_out(label)}")


def hidden_parts(path: Path, label: str) -> dict[str, str]:
    """Return what a workbook does not show, by the label of the sheet: the sheet, or how many of its rows.

    Filters hide rows as well, and nothing tells those that were taken out from those not looked at: all count.
    """
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    sheets = CalamineWorkbook.from_path(str(path)).sheets_metadata
    shown = SheetVisibleEnum.Visible
    found = {f"{label}/{sheet.name}": "the sheet is hidden" for sheet in sheets if sheet.visible != shown}
    if path.suffix.lower() != ".xlsx":
        return found
    with zipfile.ZipFile(path) as package:
        links = _attributes(package, "xl/_rels/workbook.xml.rels", b"Relationship", "Id", "Target")
        targets = {link[0]: link[1] for link in links}
        for name, key in _attributes(package, "xl/workbook.xml", b"sheet", "name", "r:id"):
            part = f"xl/{targets[key]}" if targets[key][0] != "/" else targets[key][1:]
            rows = sum(len(HIDDEN.findall(block)) for block in _blocks(package, part))
            if rows and f"{label}/{name}" not in found:
                found[f"{label}/{name}"] = (
                    f"{rows:,} row{'s' * (rows > 1)} of the sheet are hidden, as by a filter"
                )
    return found


def _attributes(package: zipfile.ZipFile, part: str, tag: bytes, *names: str) -> Iterator[tuple[str, ...]]:
    """The attributes of each element of a part of a workbook."""
    for element in re.findall(rb"<" + tag + rb"\s[^>]*>", package.read(part)):
        given = dict(re.findall(r"([\w:]+)\s*=\s*[\"']([^\"']*)", html.unescape(element.decode("utf-8"))))
        yield tuple(given[name] for name in names)


def _json(path: Path, label: str, skip: Skip, pages: dict[str, Page]) -> Iterator[Sheet]:
    """Each list of records of a JSON file; where there are several, under the name of the list."""
    documents = list(_documents(path.read_text(encoding="utf-8-sig")))
    one = len(documents) == 1 and path.suffix.lower() == ".json"
    found = _lists(documents[0] if one else documents)
    full = {name: records for name, records in found.items() if records}
    if not full:
        raise InputError("this file holds no records.", where=label, fix=f"Export it again, or {leave_out(label)}")
    for name, records in full.items():
        part = f"{label}/{name}" if len(full) > 1 else label
        if not skip(part):
            last = documents[0] if one else documents[-1]
            pages[part] = _page(last[-1] if isinstance(last, list) else last)
            yield part, *_from_records(records, settled=is_pulled(label))


def _documents(text: str) -> Iterator[Any]:
    """Each JSON document of a text: one, one a line, or one after another, whatever the file is called."""
    decoder, position = json.JSONDecoder(object_pairs_hook=_unique), 0
    while start := re.compile(r"\s*").match(text, position):
        position = start.end()
        if position == len(text):
            return
        document, position = decoder.raw_decode(text, position)
        yield document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose fields are each there once: of two values nobody knows the right one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field '{twice}' is there twice in one record")
    return found


def _lists(document: Any) -> dict[str, list[dict[str, Any]]]:
    """Records by the name of their list: of a list, of an envelope of lists, or of a list of such pages."""
    if isinstance(document, dict):
        lists = _enveloped(document)
        alone = "id" not in document and any(lists.values())  # a title or a day beside the list is no record
        return lists if alone or _is_page(document) else {"": [document]}
    if not isinstance(document, list) or len({type(part) for part in document} - {dict, list}):
        raise ValueError(NO_RECORDS)
    if all(isinstance(part, dict) for part in document) and not all(map(_is_page, document)):
        return {"": document}
    joined: dict[str, list[dict[str, Any]]] = {}
    for page in document:
        for name, records in _lists(page).items():
            joined.setdefault(name, []).extend(records)
    return joined


def _page(document: Any) -> Page:
    """What a page says of those after it, as interfaces write it: a link to the next, or how many are in all."""
    more, most = False, 0
    for path, value in _flatten(document if isinstance(document, dict) and _enveloped(document) else {}):
        name = path.rpartition(".")[2].replace("odata", "")
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)]
        more |= bool(value) and ("next" in words or (words[:1] == ["has"] and "more" in words))
        if value is True and words[:1] == ["end"]:
            return False, 0
        if " ".join(words) in TOTALS and isinstance(value, int):
            most = max(most, value)
    return more, most


def _enveloped(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lists of objects that a document holds, but not its links to other pages."""
    return {
        name: value
        for name, value in document.items()
        if isinstance(value, list) and all(isinstance(v, dict) for v in value) and name.strip("_") != "links"
    }


def _is_page(document: dict[str, Any]) -> bool:
    """Whether a document is a page of an API: lists of records, and beside them nothing but where it stands."""
    lists = _enveloped(document)
    words = [re.findall(r"[A-Z]?[a-z]+", name) for name in document.keys() - lists]
    return bool(lists) and all(any(word.lower() in PAGING for word in part) for part in words)


def _from_records(records: list[dict[str, Any]], *, settled: bool = False) -> tuple[list[str], list[Row]]:
    """Header and rows of records; `settled` gives all pages of a list one header, whatever is null in them."""
    flat = [dict(_flatten(one)) for record in records for one in _options(record)]
    header = list(dict.fromkeys(key for record in flat for key in record))
    if settled:  # files of one header are read in one scan
        nested = {key.rpartition(".")[0] for key in header}
        header = sorted(key for key in header if key not in nested or any(record.get(key) for record in flat))
    if records and len(header) < 2:
        raise ValueError(NO_RECORDS)
    return header, [
        (number, [text_of(record.get(key)) for key in header]) for number, record in enumerate(flat, 2)
    ]


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
        minutes, seconds = divmod(round(abs(cell.total_seconds())), 60)
        sign = "-" if cell < dt.timedelta(0) else ""
        return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat(" ") if isinstance(cell, dt.datetime) else cell.isoformat()
    return str(cell).encode("utf-8", "replace").decode()  # JSON may hold half a character
