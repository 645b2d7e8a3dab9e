"""A table of the client deck: measured rows, thin lines, readable in any brand colour."""

import re
from collections.abc import Sequence

import numpy as np
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.placeholder import TablePlaceholder
from pptx.table import _Cell
from pptx.util import Emu, Pt

from rhem_lib.deck.charts import describe
from rhem_lib.deck.fit_text import SAFETY, line_height, plain, shorten, text_width, wrap

NUMBER = re.compile(r"^([\s,.%+−-]*\d[\d,.%-]*[\s,.%-]*|–)$")
LARGEST, SMALLEST, SECOND = 16, 10, 2  # points; how much smaller the second line of a cell is
PADDING = Pt(5)  # on each side of a cell but the left of the first, which meets the other left edges
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
MOST_LINES = 3  # per cell at the smallest size; longer text is cut
Cell = tuple[str, str]  # text, and a second line in grey
RULES = {"head": (15875, "tx1"), "row": (9525, "accent5"), "sum": (15875, "tx1")}


def fill(  # noqa: PLR0913  each is a way to show rows or cells
    place: TablePlaceholder,
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    alt_text: str,
    *,
    strong: Sequence[int] = (),
    lead: Sequence[int] = (),
    tinted: Sequence[tuple[int, int]] = (),
    tall: int = 0,
) -> None:
    """Fill a table placeholder: `strong` rows, `lead` columns, `tinted` cells; rows grow to `tall`."""
    left, top, width, height = place.left, place.top, place.width, place.height
    cells = [[(plain(a), plain(b)) for a, b in row] for row in ([(head, "") for head in heads], *rows)]
    size, widths = _fit(cells, width, height)
    lines = next(n for n in (MOST_LINES, 2, 1) if n == 1 or _tall(cells, widths, size, n) <= height)
    heights = _heights(cells, widths, size, lines, height, tall)
    frame = place.insert_table(rows=len(cells), cols=len(heads))
    table = frame.table
    table._tbl.tblPr.find(qn("a:tableStyleId")).text = NO_STYLE
    numeric = [all(NUMBER.match(row[c][0]) for row in rows) for c in range(len(heads))]
    for c, column_width in enumerate(widths):
        table.columns[c].width = Emu(int(column_width))
    for r, row in enumerate(cells):
        table.rows[r].height = Emu(int(heights[r]))
        rule = "head" if r == 0 or r in strong else "row"
        for c, cell in enumerate(row):
            room = ((widths[c] - 2 * PADDING) / Pt(1), lines * size * line_height())
            texts = [shorten(text, room, size, bold=True) for text in cell if text]
            made = table.cell(r, c)
            _write(made, texts or [""], size, strong=r == 0 or r - 1 in strong or c in lead or bool(cell[1]),
                   align=PP_ALIGN.RIGHT if numeric[c] else PP_ALIGN.LEFT, rule=rule, head=r == 0)  # fmt: skip
            made.margin_left = PADDING if c else Emu(0)
            if (r - 1, c) in tinted:
                _tint(made)
    frame.left, frame.top, frame.width = left, top, width
    frame.height = Emu(sum(row.height for row in table.rows))
    rest = "; ".join(", ".join(text for pair in row for text in pair if text) for row in rows)
    describe(frame, alt_text, f"{alt_text}. {rest}")


def _widths(cells: Sequence[Sequence[Cell]], width: float, size: float) -> list[float]:
    """Return the columns' widths: what their texts take, the widest cut to one level where that is too much.

    Heads may wrap, so of a head its longest word counts; what is left over goes to all alike.
    """
    columns = zip(*cells, strict=True)
    natural = np.array([_natural(head, body, size) for head, *body in columns])
    level = np.sort(natural)
    for k, least in enumerate(level):  # the columns narrower than the level keep their width
        rest = (width - level[:k].sum()) / (len(level) - k)
        if least > rest:
            return np.minimum(natural, rest).tolist()
    spare = (width - natural.sum()) / len(natural)
    return (natural + spare).tolist()


def _natural(head: Cell, body: Sequence[Cell], size: float) -> float:
    """Return the width in EMU at which no text of a column wraps."""
    texts = [(word, size) for word in (*head[0].split(), head[0][: len(head[0]) // 2 + 2])]  # in two lines
    texts += [(text, size - SECOND * k) for pair in body for k, text in enumerate(pair)]
    widest = max((text_width(text, points, True) for text, points in texts), default=0.0)
    return Pt(widest / SAFETY + 1) + 2 * PADDING


def _lines(cell: Cell, width: float, size: float) -> float:
    """How many lines of the first text's size a cell takes."""
    second = len(wrap(cell[1], width, size - SECOND)) * (size - SECOND) / size if cell[1] else 0
    return len(wrap(cell[0], width, size, True)) + second


def _row_height(row: Sequence[Cell], widths: Sequence[float], size: float, most: int) -> float:
    """Height in EMU of a row of at most so many lines a text; measured in bold, the wider face."""
    inner = [(width - 2 * PADDING) / Pt(1) for width in widths]
    pairs = zip(row, inner, strict=True)
    lines = max(min(_lines(cell, w, size), most + (most if cell[1] else 0)) for cell, w in pairs)
    return Pt(lines * size * line_height()) + 2 * PADDING


def _heights(
    cells: Sequence[Sequence[Cell]], widths: Sequence[float], size: float, most: int, height: float, tall: float
) -> list[float]:
    """Heights of the rows: as their texts need, and the shorter ones as tall as the box leaves room for."""
    needed = [_row_height(row, widths, size, most) for row in cells]
    least = float(tall)
    while least > min(needed) and sum(max(h, least) for h in needed[1:]) + needed[0] > height:
        least *= 0.95
    return [needed[0], *(max(h, least) for h in needed[1:])]


def _tall(cells: Sequence[Sequence[Cell]], widths: Sequence[float], size: float, most: int) -> float:
    return sum(_row_height(row, widths, size, most) for row in cells)


def _fit(cells: Sequence[Sequence[Cell]], width: float, height: float) -> tuple[float, list[float]]:
    """Return the largest size at which the rows fit and no word breaks, and the widths of its columns."""
    for size in map(float, range(LARGEST, SMALLEST - 1, -1)):
        widths = _widths(cells, width, size)
        if _tall(cells, widths, size, MOST_LINES) <= height and not _breaks_a_word(cells, widths, size):
            break
    return size, widths


def _breaks_a_word(cells: Sequence[Sequence[Cell]], widths: Sequence[float], size: float) -> bool:
    inner = [(width - 2 * PADDING) / Pt(1) * SAFETY for width in widths]
    words = (
        (word, width)
        for row in cells
        for (text, _), width in zip(row, inner, strict=True)
        for word in text.split()
    )
    return any(text_width(word, size, bold=True) > width for word, width in words)


def _write(
    cell: _Cell, texts: Sequence[str], size: float, *, strong: bool, align: PP_ALIGN, rule: str, head: bool
) -> None:
    """Write a cell: its text, a second line smaller and grey, and the rule below it."""
    cell.text = texts[0]
    for text in texts[1:]:
        cell.text_frame.add_paragraph().text = text
    cell.vertical_anchor = MSO_ANCHOR.BOTTOM if head else MSO_ANCHOR.MIDDLE
    cell.margin_left = cell.margin_right = cell.margin_top = cell.margin_bottom = PADDING
    for i, paragraph in enumerate(cell.text_frame.paragraphs):
        paragraph.alignment = align
        for run in paragraph.runs:
            run.font.size, run.font.bold = Pt(size - SECOND * bool(i)), strong and not i
            if head or i:
                run.font.color.theme_color = MSO_THEME_COLOR.ACCENT_4
    width, colour = RULES[rule]
    line = f'<a:solidFill><a:schemeClr val="{colour}"/></a:solidFill>'
    cell._tc.get_or_add_tcPr().insert(0, parse_xml(f'<a:lnB {nsdecls("a")} w="{width}">{line}</a:lnB>'))


def _tint(cell: _Cell) -> None:
    """Mark a cell that waits for an answer."""
    fill = '<a:schemeClr val="accent1"><a:lumMod val="10000"/><a:lumOff val="90000"/></a:schemeClr>'
    cell._tc.get_or_add_tcPr().append(parse_xml(f"<a:solidFill {nsdecls('a')}>{fill}</a:solidFill>"))
    for run in cell.text_frame.paragraphs[0].runs:
        run.font.bold, run.font.color.theme_color = True, MSO_THEME_COLOR.ACCENT_1
