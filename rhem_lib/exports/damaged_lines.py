"""Text files with damaged lines -> their rows, record by record, and the damaged lines apart."""

import re
from pathlib import Path

import pandas as pd

from rhem_lib.exports.workbooks import Row

MAX_LINES_PER_RECORD = 200
MAX_LINE = 10_000_000  # characters
LINES = ["source_row", "value", "reason"]
UNDAMAGED = pd.DataFrame([], columns=LINES)


def split_lines(path: Path, delimiter: str, width: int, header: int = 1) -> tuple[list[Row], pd.DataFrame]:
    """Rows of a UTF-8 file below its header, with their record numbers, and its damaged lines.

    Of a record that is no row only the first line is set aside, and reading goes on with the next line, so that
    a quote that is never closed cannot swallow the rows after it. What stands in a damaged line is not kept: it
    may be a note. An empty line counts as a record, as it does in a spreadsheet.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace("\0", "")
    cell = _cell(delimiter)
    rows: list[Row] = []
    damaged: list[tuple[int, str, str]] = []
    position, record = 0, 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        line, record = text[position:end], record + 1
        cells, after = (
            _quoted(text, position, cell) if '"' in line else (line.removesuffix("\n").split(delimiter), end)
        )
        if not any(cells[width:]):
            del cells[width:]  # delimiters that end the line, which the strict reader lets pass
        whole = len(line) <= MAX_LINE and len(cells) == width
        position = after if whole else end
        if record <= header or not line.strip():
            continue
        if whole:
            rows.append((record, [part or None for part in cells]))
        elif len(line) > MAX_LINE:
            damaged.append((record, f"{len(line):,} characters", "line-too-long"))
        elif not cells:
            damaged.append((record, f"{len(line):,} characters", "unclosed-quote"))
        else:
            damaged.append((record, f"{len(cells)} cells, not {width}", "wrong-number-of-cells"))
    return rows, pd.DataFrame(damaged, columns=LINES)


def cells_of(line: str, delimiter: str) -> list[str]:
    """Cells of a line; none where a quoted cell does not end in it."""
    return _quoted(line, 0, _cell(delimiter))[0]


def _cell(delimiter: str) -> re.Pattern[str]:
    """One cell and what ends it; a quote opens only at its start, and closes only at its end."""
    mark = re.escape(delimiter)
    return re.compile(rf' *"([^"]*+(?:""[^"]*+)*+)" *({mark}|\n|\Z)|(?!")([^{mark}\n]*)({mark}|\n|\Z)')


def _quoted(text: str, start: int, cell: re.Pattern[str]) -> tuple[list[str], int]:
    """Cells of the record that starts here, and where it ends; none where a quoted cell does not end as such."""
    cells: list[str] = []
    position = start
    while found := cell.match(text, position):
        quoted, end, plain, plain_end = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if (end or plain_end or "\n") == "\n":
            return (cells, position) if text.count("\n", start, position) <= MAX_LINES_PER_RECORD else ([], start)
    return [], start
