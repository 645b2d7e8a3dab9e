"""Files as received -> cells as text: archives, encodings, delimiters, damaged lines.

Nothing is guessed row by row: encoding and delimiter are settled for the whole file, and a line that cannot
be split into the header's number of cells is kept apart with its reason.
"""

import codecs
import datetime as dt
import gzip
import json
import os
import re
import shutil
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import duckdb
import pandas as pd
import pyarrow as pa

from rhem_lib.errors import UNSEEN, InputError, leave_out
from rhem_lib.exports.damaged_lines import MAX_LINE, UNDAMAGED, cells_of, split_lines
from rhem_lib.exports.workbooks import (
    JSON_SUFFIXES,
    SHEET_SUFFIXES,
    Page,
    Row,
    Skip,
    check_size,
    check_unpacked,
    hidden_parts,
    most_unpacked,
    sheets,
    unpatterned,
)
from rhem_lib.storage import Scratch, check_disk, files_under

DELIMITERS = ",;\t|"
MARKUP = (b"<!doctype", b"<html", b"<table", b"<?xml")
TEXT_SUFFIXES = {".csv", ".tsv", ".txt"}
# what Export-Csv and Excel write above the header
PREAMBLE = re.compile(r'^"?(?:#TYPE .*|sep=([^\w\s"\'\\]|\t)[,;\t]*)"?$', re.IGNORECASE)
MEMORY = "1400MB"  # of DuckDB; Python and its libraries come on top
MOST_COLUMNS = 2000
EMPTY_LINE = b"\n\n"
LOOKED_AT = 10  # lines, in which the header is looked for where the first is none
LARGE = 20_000_000  # bytes of a text file, from which on it is worth reading it straight


@dataclass(frozen=True)
class Source:
    """The text cells of one table of a file, in columns c0, c1, ... in the order of its header.

    They are in the UTF-8 text file `path`, to be scanned by the engine, with `above` lines above its header, or in
    `rows`, with `record`, each row's number. `damaged` holds lines that could not be split into cells (source_row,
    value, reason); `below` has the next few rows by their number, for one of them may be the header.
    """

    label: str
    header: list[str]
    path: Path | None = None
    delimiter: str = ""
    above: int = 0
    rows: pa.Table = field(default=None, repr=False)
    damaged: pd.DataFrame = field(default_factory=lambda: UNDAMAGED, repr=False)
    below: tuple[tuple[int, list[str]], ...] = ()
    hidden: str = ""  # what a workbook does not show of it
    page: Page | None = None  # of JSON
    saved: int = 0  # when the file was last saved, in seconds, as the file system or its archive has it

    @property
    def large(self) -> bool:
        """Whether it is worth reading the file straight, without storing its text."""
        return self.path is not None and self.path.stat().st_size > LARGE

    def split(self) -> "Source":
        """Return the same with its text file split into rows here, and damaged lines apart."""
        if self.path is None:
            return self
        rows, damaged = split_lines(self.path, self.delimiter, len(self.header), self.above + 1)
        return replace(self, path=None, rows=_table(rows, len(self.header)), damaged=damaged)


def connect() -> tuple[duckdb.DuckDBPyConnection, Path]:
    """Open an in-memory DuckDB that never reaches for the network, and the folder to which it may spill.

    The folder goes with the connection, which every relation holds. `lock` must follow when the inputs are known.
    """
    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    scratch = Scratch()
    con = duckdb.connect(config={**offline, "memory_limit": MEMORY, "temp_directory": str(scratch.path)})
    weakref.finalize(con, scratch.__exit__)
    con.execute("ATTACH ':memory:' AS work (COMPRESS)")  # a third of the memory for columns that repeat themselves
    con.execute("USE work")
    return con, scratch.path


def lock(con: duckdb.DuckDBPyConnection, files: Iterable[Path], folders: Iterable[Path] = ()) -> None:
    """Let a connection reach these files and folders and its own scratch, and nothing else, for good.

    Settings and cells are data, never SQL: this holds even where that should fail. Frames of Python are out of
    reach too; see `inline`.
    """
    for kind, paths in (("paths", files), ("directories", folders)):
        forms = {form for path in paths for p in (path, path.resolve()) for form in (str(p), unpatterned(p))}
        con.execute(f"SET allowed_{kind} = ?", [sorted(forms)])
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def inline(frame: pd.DataFrame) -> str:
    """Return SQL of the rows of a small frame, for a connection that is locked: a text of JSON for each column."""
    kinds = {"i": "BIGINT", "f": "DOUBLE", "M": "TIMESTAMP", "b": "BOOLEAN"}
    columns = []
    for name in frame:
        texts = frame[name].astype("str").astype(object).where(frame[name].notna(), None)
        cells = quote(json.dumps(texts.tolist()))
        kind = kinds.get(frame[name].dtype.kind, "VARCHAR")
        columns.append(f"unnest(from_json({cells}, '[\"VARCHAR\"]')::{kind}[]) AS {identifier(name)}")
    return f"SELECT {', '.join(columns)}"


def codes(con: duckdb.DuckDBPyConnection, rows: str, column: str) -> str:
    """Return SQL of a column of text as codes (ENUM) of its values: they are joined and written faster.

    A column without values stays text: nothing can be bound to a type without members.
    """
    values = f"FROM {rows} WHERE {column} IS NOT NULL"
    if not con.execute(f"SELECT 1 {values} LIMIT 1").fetchall():
        return column
    con.execute(f"CREATE TYPE {column}_code AS ENUM (SELECT DISTINCT {column} {values})")
    return f"{column}::{column}_code"


def members(found: list[Path], folder: Path, scratch: Path, skip: Skip) -> Iterator[tuple[str, Path]]:
    """Each file with the label it is known by; archives are unpacked into `scratch`."""
    for path in found:
        label = path.relative_to(folder).as_posix()
        kind = path.suffix.lower()
        if skip(label):
            continue
        if kind == ".zip":
            yield from _unzip(path, label, scratch, skip)
        elif kind == ".gz":
            yield label, _gunzip(path, label, scratch)
        elif kind in TEXT_SUFFIXES | SHEET_SUFFIXES:
            yield label, path
        else:
            raise _not_read(label, ", or as ZIP of these")


def _gunzip(path: Path, label: str, scratch: Path) -> Path:
    """Return the one file in a .gz, which is named after it: time.csv.gz."""
    kind = Path(path.stem).suffix.lower()
    if kind not in TEXT_SUFFIXES | SHEET_SUFFIXES:
        raise _not_read(label, ", with that ending before .gz (time.csv.gz)")
    target = scratch / f"{uuid4().hex}{kind}"
    most = most_unpacked(path)
    try:
        with gzip.open(path) as source, target.open("wb") as copy:
            while block := source.read(1 << 20):
                copy.write(block)
                check_size(copy.tell(), most, label)
    except (OSError, EOFError, zlib.error) as problem:
        check_disk(problem)
        fix = f"Export it again, or {leave_out(label)}"
        raise InputError(f"this archive cannot be opened: {problem}.", where=label, fix=fix) from None
    _set_time(target, path.stat().st_mtime)
    return target


def _set_time(path: Path, seconds: float) -> None:
    """Give an unpacked file the time that its archive has for it."""
    os.utime(path, (seconds, seconds))


def _not_read(label: str, instead: str = "") -> InputError:
    kind = Path(label).suffix
    if kind.lower() == ".xls":
        instead += ", or open it in a spreadsheet and save it as .xlsx (some systems name a web page .xls)"
    fix = f"Export it as CSV, XLSX or JSON{instead}, or {leave_out(label)}"
    return InputError(f"'{kind}' files are not read.", where=label, fix=fix)


def _is_export(part: zipfile.ZipInfo) -> bool:
    """Whether a file in an archive is one that the user put there; hidden ones are passed over, as in a folder."""
    parents, name = Path(part.filename).parent.parts, Path(part.filename).name
    return not part.is_dir() and "__MACOSX" not in parents and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a file is one that systems hide, or the mark of an office program that another is open."""
    return name.startswith((".", "~$"))


def export_files(folder: Path) -> list[Path]:
    """Return the files in the exports of a workspace, but for hidden ones."""
    return [path for path in files_under(folder / "exports") if not is_hidden(path.name)]


def _unzip(path: Path, label: str, scratch: Path, skip: Skip) -> Iterator[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [i for i in archive.infolist() if _is_export(i)]
            if not inside:
                fix = f"Export it again, or {leave_out(label)}"
                raise InputError("this archive holds no files.", where=label, fix=fix)
            names = [part.filename for part in inside]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                what, fix = "this archive holds two files of one name.", f"Pack it again, or {leave_out(label)}"
                raise InputError(what, where=label, examples=twice, fix=fix)
            check_unpacked(inside, path, label)
            for part in sorted(inside, key=lambda i: i.filename):
                if skip(f"{label}/{part.filename}"):
                    continue
                kind = Path(part.filename).suffix.lower()
                if kind not in TEXT_SUFFIXES | SHEET_SUFFIXES:
                    raise _not_read(f"{label}/{part.filename}")
                target = scratch / f"{uuid4().hex}{kind}"
                with archive.open(part) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                _set_time(target, dt.datetime(*part.date_time).timestamp())
                yield f"{label}/{part.filename}", target
    except InputError:
        raise
    except Exception as problem:  # a damaged archive can fail in any part of the standard library's reader
        check_disk(problem)
        raise InputError(
            f"this archive cannot be opened: {problem}.",
            where=label,
            fix=f"If it has a password, pack it without; otherwise export it again, or {leave_out(label)}",
        ) from None


def sources(path: Path, label: str, scratch: Path, skip: Skip) -> Iterator[Source]:
    """Yield each table of a file."""
    _check_markup(path, label)
    kind = path.suffix.lower()
    if kind not in SHEET_SUFFIXES - JSON_SUFFIXES:
        path = as_utf8(path, label, scratch)
    if kind in SHEET_SUFFIXES:
        hidden, pages = None, dict[str, Page]()
        for part, header, rows in sheets(path, label, skip, pages):
            if hidden is None:  # asked for when the reader has found the workbook to be whole
                hidden = hidden_parts(path, label) if kind in (".xlsx", ".ods") else {}
            source = of_rows(part, header, rows)
            yield replace(source, hidden=hidden.get(part, ""), page=pages.get(part))
    else:
        source = dialect(path, label)
        yield source.split() if _has_empty_lines(path) else source


def _check_markup(path: Path, label: str) -> None:
    """Refuse a web page or a table in XML, whatever its name says; a spreadsheet can open such a table."""
    with path.open("rb") as source:
        start = source.read(4096).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n").lower()
    if not start.startswith(MARKUP):
        return
    if b"<table" in start or not (b"<html" in start or b"<!doctype" in start):
        what, fix = "this is a table in HTML or XML under another name.", "Open it"
    else:
        what = "this is a web page, not a table."
        fix = "Sign in, export again, and look at the file before you put it here. If it shows the table, open it"
    fix += f" in a spreadsheet and save it as .xlsx or .csv, or {leave_out(label)}"
    raise InputError(what, where=label, fix=fix)


def of_rows(label: str, header: Sequence[str], rows: Sequence[Row]) -> Source:
    """Return the cells of rows that are in memory already, each with its number."""
    found = named(header)
    below = tuple((number, [cell or "" for cell in row]) for number, row in rows[:LOOKED_AT])
    return Source(label, found, rows=_table(rows, len(found)), below=below)


def _table(rows: Sequence[Row], width: int) -> pa.Table:
    texts = [[cells[i] if i < len(cells) else None for _, cells in rows] for i in range(width)]
    columns = {f"c{i}": pa.array(text, pa.string()) for i, text in enumerate(texts)}
    return pa.table({**columns, "record": pa.array([row[0] for row in rows], pa.int64())})


def as_utf8(path: Path, label: str, scratch: Path) -> Path:
    """Return the file if it is UTF-8, else a UTF-8 copy (UTF-16 by its mark; otherwise see `_encoding`)."""
    with path.open("rb") as source:
        start = source.read(4096)
    if not start.strip():
        raise InputError("the file is empty.", where=label, fix=f"Export it again, or {leave_out(label)}")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in start or start.startswith((b"%PDF", b"PK\x03\x04")):
        fix = f"Export it as CSV; renaming is not enough. Otherwise {leave_out(label)}"
        raise InputError("this is not a text file.", where=label, fix=fix)
    elif _is_utf8(path):
        _check_filled(path, label)
        return path
    else:
        encoding = _encoding(path)
    target = scratch / f"{uuid4().hex}{path.suffix}"
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        while block := source.read(1 << 20):
            copy.write(block)
    return target


def _check_filled(path: Path, label: str) -> None:
    """Refuse a file that is mostly empty lines: no export is, and reading it takes minutes."""
    empty, size = 0, path.stat().st_size
    with path.open("rb") as source:
        while size > LARGE and (block := source.read(1 << 20)):
            empty += 2 * block.replace(b"\r", b"").count(EMPTY_LINE)
    if empty > size / 4:
        fix = f"Export it again, or {leave_out(label)}"
        raise InputError("this file is mostly empty lines.", where=label, fix=fix)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                if not block.isascii() or decoder.getstate()[0]:
                    decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _encoding(path: Path) -> str:
    """UTF-8 with damage if more of its characters beyond ASCII are whole than broken, else Windows-1252."""
    whole = broken = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as source:
        while block := source.read(1 << 20):
            broken += len(re.findall("[\udc80-\udcff]", block))
            whole += len(re.findall("[^\0-\x7f\udc80-\udcff]", block))
    return "utf-8" if whole > broken else "cp1252"


def dialect(path: Path, label: str) -> Source:
    """Return a file of text; its header is the first line, but for those that Excel or PowerShell add above it."""
    with path.open(encoding="utf-8-sig", errors="replace") as source:
        lines = [source.readline(MAX_LINE) for _ in range(LOOKED_AT)]
    delimiter, above = "", 0
    while added := PREAMBLE.match(lines[above].rstrip("\n")):
        delimiter, above = added[1] or delimiter, above + 1
    line = lines[above]
    delimiter = delimiter or max(
        DELIMITERS, key=lambda mark: [part.count(mark) for part in (line, "".join(lines))]
    )
    below = tuple(
        (number, cells_of(other, delimiter))
        for number, other in enumerate(lines[above + 1 :], above + 2)
        if other.strip()
    )
    header = named(cells_of(line, delimiter) or [line])
    if len(header) > MOST_COLUMNS:
        what, fix = f"its first line has {len(header):,} columns.", f"Export fewer, or {leave_out(label)}"
        raise InputError(what, where=label, fix=fix)
    return Source(label, header, path, delimiter, above, below=below)


def named(header: Sequence[str]) -> list[str]:
    """Return a header with a name for every column, without characters that no text shows."""
    return [UNSEEN.sub("", cell).strip() or f"column {i}" for i, cell in enumerate(header, 1)]


def scan(sources: Sequence[Source]) -> str:
    """Return SQL that reads UTF-8 text files of one header, in order, each row with its `filename`.

    Every option is given, so that nothing is guessed, and strict, so that a damaged line never passes unseen.
    """
    first = sources[0]
    paths = ", ".join(quote_path(source.path) for source in sources)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(first.header)))
    return (
        f"read_csv([{paths}], delim={quote(first.delimiter)}, header=true, skip={first.above}, "
        f"columns={{{columns}}}, quote='\"', "
        f"escape='\"', auto_detect=false, strict_mode=true, max_line_size={MAX_LINE}, filename=true)"
    )


def _has_empty_lines(path: Path) -> bool:
    """Whether a file has empty lines between its records, which the strict reader passes over uncounted."""
    if path.stat().st_size > LARGE:
        return False  # reading a large file once more would cost more than right row numbers are worth
    text = path.read_bytes().rstrip()
    found = [mark for mark in (b"\n\n", b"\n\r\n", b"\r\r") if mark in text]
    outside = b'"'.join(text.split(b'"')[::2]) if found else b""  # of quotes, where notes have empty lines
    return any(mark in outside for mark in found)


def quote(text: str) -> str:
    """Return a text as an SQL literal: the one door for values of settings, headers and file names."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an SQL identifier: the one door for names that are not ours."""
    return '"' + name.replace('"', '""') + '"'


def quote_path(path: Path | None) -> str:
    """Return a path as an SQL literal for the engine's readers."""
    return quote(unpatterned(path))
