"""Files as received -> cells as text: archives, encodings, delimiters, damaged lines.

Nothing is guessed row by row: encoding and delimiter are settled for the whole file, and a line that cannot
be split into the header's number of cells is kept apart with its reason.
"""

import codecs
import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from rhem_lib.errors import InputError

DELIMITERS = ",;\t|"
TEXT_SUFFIXES = {".csv", ".tsv", ".txt"}
MAX_LINES_PER_RECORD = 200


def connect() -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that never reaches for the network."""
    offline = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    return duckdb.connect(config={**offline})


def members(found: list[Path], folder: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Each text file with the label it is known by; archives are unpacked into `scratch`."""
    for path in found:
        label = path.relative_to(folder).as_posix()
        if path.suffix.lower() == ".zip":
            yield from _unzip(path, label, scratch)
        elif path.suffix.lower() in TEXT_SUFFIXES:
            yield label, path
        else:
            raise InputError(
                f"'{path.suffix}' files are not read.",
                where=label,
                fix="Export it as CSV (or a ZIP of CSV files).",
            )


def _unzip(path: Path, label: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for number, name in enumerate(sorted(archive.namelist())):
                if Path(name).suffix.lower() in TEXT_SUFFIXES:
                    target = scratch / f"{path.stem}-{number}{Path(name).suffix.lower()}"
                    target.write_bytes(archive.read(name))
                    yield f"{label}/{name}", target
    except (zipfile.BadZipFile, RuntimeError) as problem:
        raise InputError(
            f"this archive cannot be opened: {problem}.", where=label, fix="Export it again."
        ) from None


def as_utf8(path: Path, label: str, scratch: Path) -> Path:
    """Return the file if it is UTF-8, else a UTF-8 copy (UTF-16 by its mark, Windows-1252 otherwise)."""
    start = path.open("rb").read(4096)
    if not start.strip():
        raise InputError("the file is empty.", where=label, fix="Export it again, or take it out of the folder.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in start or start.startswith((b"%PDF", b"PK\x03\x04")):
        raise InputError("this is not a text file.", where=label, fix="Export it as CSV; renaming is not enough.")
    elif _is_utf8(path):
        return path
    else:
        encoding = "cp1252"
    target = scratch / f"utf8-{len(list(scratch.iterdir()))}.csv"
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        target.open("w", newline="") as copy,
    ):
        while block := source.read(1 << 20):
            copy.write(block)
    return target


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def dialect(path: Path, label: str) -> tuple[str, list[str]]:
    """Delimiter and header cells; the header is the first line."""
    with path.open(encoding="utf-8-sig", newline="") as source:
        line = source.readline()
        delimiter = max(DELIMITERS, key=line.count)
        source.seek(0)
        header = [cell.strip() for cell in next(csv.reader(source, delimiter=delimiter), [])]
    if len(header) < 2:
        raise InputError(
            "the first line is not a header of several columns.",
            where=label,
            examples=[line.strip()],
            fix="Export with column names in the first line.",
        )
    return delimiter, [name or f"column {i}" for i, name in enumerate(header, 1)]


def text_relation(
    con: duckdb.DuckDBPyConnection, path: Path, delimiter: str, header: list[str], name: str
) -> pd.DataFrame:
    """Load cells as text in columns c0, c1, ... with `record` (the header is 1); damaged lines are returned.

    Every option is given, so that nothing is guessed, and strict, so that a damaged line never passes unseen.
    """
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(header)))
    try:
        con.execute(
            f"CREATE TABLE {name} AS SELECT *, row_number() OVER () + 1 AS record "
            f"FROM read_csv(?, delim=?, header=true, columns={{{columns}}}, quote='\"', escape='\"', "
            "auto_detect=false, strict_mode=true, max_line_size=10000000)",
            [str(path), delimiter],
        )
        return pd.DataFrame({"source_row": [], "value": [], "reason": []})
    except duckdb.Error:
        rows, damaged = _split_lines(path, delimiter, len(header))
        cells = pd.DataFrame(rows, columns=[f"c{i}" for i in range(len(header))] + ["record"], dtype=object)
        con.register("split_cells", cells)
        con.execute(f"CREATE TABLE {name} AS SELECT * REPLACE (record::BIGINT AS record) FROM split_cells")
        con.unregister("split_cells")
        return damaged


def _split_lines(path: Path, delimiter: str, width: int) -> tuple[list[list], pd.DataFrame]:
    """Split a file that has damaged lines, record by record, and keep the damaged ones apart.

    A record ends where its quotes balance; a line whose quote is never closed stands alone, so that it cannot
    swallow the rows after it.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines(keepends=True)
    rows: list[list] = []
    damaged: list[tuple[int, str, str]] = []
    position, record = 0, 0
    while position < len(lines):
        end = _record_end(lines, position)
        text = "".join(lines[position:end]).replace("\0", "")
        position, record = end, record + 1
        cells = next(csv.reader(text.splitlines(keepends=True), delimiter=delimiter), [])
        if record == 1 or not text.strip():
            continue
        if text.count('"') % 2:
            damaged.append((record, text.strip()[:200], "unclosed-quote"))
        elif len(cells) != width:
            damaged.append((record, text.strip()[:200], "wrong-number-of-cells"))
        else:
            rows.append([cell or None for cell in cells] + [record])
    return rows, pd.DataFrame(damaged, columns=["source_row", "value", "reason"])


def _record_end(lines: list[str], start: int) -> int:
    """Line after the record that starts here; the next line if its quotes never balance."""
    quotes = 0
    for end in range(start, min(start + MAX_LINES_PER_RECORD, len(lines))):
        quotes += lines[end].count('"')
        if quotes % 2 == 0:
            return end + 1
    return start + 1
