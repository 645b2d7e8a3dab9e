"""A table of the client deck: measured rows, thin lines, readable in any brand colour."""

import re
from collections.abc import Sequence

from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.placeholder import TablePlaceholder
from pptx.table import _Cell
from pptx.util import Emu, Inches, Pt

from rhem_lib.deck.charts import describe
from rhem_lib.deck.fit_text import LINE_HEIGHT, SAFETY, plain, shorten, text_width, wrap

NUMBER = re.compile(r"^([\s,.%-]*\d[\d,.%-]*[\s,.%-]*|–)$")
LARGEST, SMALLEST = 18, 10  # points
PADDING = Pt(5)  # on each side of a cell
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
TALL = Inches(0.85)  # highest row of a table that is spread out
MOST_LINES = 3  # per cell at the smallest size; longer text is cut


def fill(
    place: TablePlaceholder,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    alt_text: str,
    strong: Sequence[int] = (),
    tall: bool = False,
) -> None:
    """Fill a table placeholder; `strong` rows are bold, a `tall` table spreads over all of it."""
    left, top, width, height = place.left, place.top, place.width, place.height
    cells = [[plain(text) for text in row] for row in (heads, *rows)]
    widths = [width * share for share in _shares(cells)]
    size = _fit(cells, widths, height)
    lines = next(n for n in (MOST_LINES, 2, 1) if n == 1 or _tall(cells, widths, size, n) <= height)
    least = min(height / len(cells), TALL) if tall else 0
    frame = place.insert_table(rows=len(cells), cols=len(heads))
    table = frame.table
    table._tbl.tblPr.find(qn("a:tableStyleId")).text = NO_STYLE
    numeric = [all(NUMBER.match(row[c]) for row in rows) for c in range(len(heads))]
    for c, column_width in enumerate(widths):
        table.columns[c].width = Emu(int(column_width))
    for r, texts in enumerate(cells):
        table.rows[r].height = Emu(int(max(_row_height(texts, widths, size, lines), least if r else 0)))
        for c, text in enumerate(texts):
            bold = r == 0 or r - 1 in strong
            inner = (widths[c] - 2 * PADDING) / Pt(1)
            cut = shorten(text, (inner, lines * size * LINE_HEIGHT), size, bold=True)
            _write(table.cell(r, c), cut, size, bold, PP_ALIGN.RIGHT if numeric[c] else PP_ALIGN.LEFT)
    frame.left, frame.top, frame.width = left, top, width
    frame.height = Emu(sum(row.height for row in table.rows))
    rest = "; ".join(", ".join(text for text in row if text) for row in rows)
    describe(frame, alt_text, f"{alt_text}. {rest}"[:1000])


def _shares(cells: Sequence[Sequence[str]]) -> list[float]:
    """Return each column's share of the width, by the root of its longest text: few lines wrap.

    A column that is empty but for its head is to be written in: it gets two thirds of the widest.
    """
    columns = list(zip(*cells, strict=True))
    weights = [max(text_width(text, LARGEST, True) for text in column) ** 0.5 for column in columns]
    blank = 2 / 3 * max(weights)
    weights = [w if any(column[1:]) else blank for w, column in zip(weights, columns, strict=True)]
    return [weight / sum(weights) for weight in weights]


def _row_height(texts: Sequence[str], widths: Sequence[float], size: float, most: int) -> float:
    """Height in EMU of a row of at most so many lines; measured in bold, the wider face."""
    inner = [(width - 2 * PADDING) / Pt(1) for width in widths]
    lines = max(len(wrap(text, w, size, True)) for text, w in zip(texts, inner, strict=True))
    return Pt(min(lines, most) * size * LINE_HEIGHT) + 2 * PADDING


def _tall(cells: Sequence[Sequence[str]], widths: Sequence[float], size: float, most: int) -> float:
    return sum(_row_height(row, widths, size, most) for row in cells)


def _fit(cells: Sequence[Sequence[str]], widths: Sequence[float], height: float) -> float:
    size = float(LARGEST)
    while size > SMALLEST:
        if _tall(cells, widths, size, MOST_LINES) <= height and not _breaks_a_word(cells, widths, size):
            break
        size -= 1
    return size


def _breaks_a_word(cells: Sequence[Sequence[str]], widths: Sequence[float], size: float) -> bool:
    inner = [(width - 2 * PADDING) / Pt(1) * SAFETY for width in widths]
    words = (
        (word, width) for row in cells for text, width in zip(row, inner, strict=True) for word in text.split()
    )
    return any(text_width(word, size, bold=True) > width for word, width in words)


def _write(cell: _Cell, text: str, size: float, bold: bool, align: PP_ALIGN) -> None:
    cell.text = text
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    cell.margin_left = cell.margin_right = cell.margin_top = cell.margin_bottom = PADDING
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment = align
    for run in paragraph.runs:
        run.font.size, run.font.bold = Pt(size), bold
    properties = cell._tc.get_or_add_tcPr()
    line = '<a:solidFill><a:schemeClr val="accent2"/></a:solidFill>'
    properties.insert(0, parse_xml(f'<a:lnB {nsdecls("a")} w="9525">{line}</a:lnB>'))
