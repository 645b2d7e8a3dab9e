"""A table of the client deck: measured rows, thin lines, readable in any brand colour."""

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.placeholder import TablePlaceholder
from pptx.util import Emu, Pt

from rhem_lib.deck.charts import describe
from rhem_lib.deck.fit_text import SAFETY, line_height, plain, shorten, text_width, wrap

NUMBER = re.compile(r"^([\s,.%+−-]*\d[\d,.%-]*[\s,.%-]*|–)$")
LARGEST, SMALLEST, SECOND = 16, 10, 2  # points; how much smaller the second line of a cell is
FEW, LARGE = 2, 20  # rows, and points of theirs at most
WRAPPED = 14  # points, down to which smaller text that does not wrap is better
PADDING = Pt(5)  # on each side of a cell but the left of the first, which meets the other left edges
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
MOST_LINES, ANY_LINES = 3, 999  # per cell; longer text is cut at the smallest size alone
Cell = tuple[str, str]  # text, and a second line in grey
Face = tuple[str, str, bool]  # and whether the text is bold
MARKS = {"●": "accent1", "▲": "accent3", "○": "tx1"}  # colours of states
TINT = '<a:schemeClr val="accent1"><a:lumMod val="10000"/><a:lumOff val="90000"/></a:schemeClr>'
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
    cells = [
        [(plain(a), plain(b), r == 0 or r - 1 in strong or c in lead or bool(b) or a[:1] in MARKS)
         for c, (a, b) in enumerate(row)]
        for r, row in enumerate(([(head, "") for head in heads], *rows))
    ]  # fmt: skip
    size, widths = _fit(cells, width, height)
    lines = next(n for n in (MOST_LINES, 2, 1) if n == 1 or sum(_needed(cells, widths, size, n)) <= height)
    heights = _heights(cells, widths, size, lines, height, tall)
    frame = place.insert_table(rows=1, cols=len(heads))
    table = frame.table
    table._tbl.remove(table._tbl.tr_lst[0])
    table._tbl.tblPr.find(qn("a:tableStyleId")).text = NO_STYLE
    numeric = [all(NUMBER.match(row[c][0]) for row in rows) for c in range(len(heads))]
    for c, column_width in enumerate(widths):
        table.columns[c].width = Emu(int(column_width))
    for r, row in enumerate(cells):
        rule, made = "head" if r == 0 or r in strong else "row", ""
        for c, (text, second, bold) in enumerate(row):
            room = ((widths[c] - 2 * PADDING) / Pt(1), lines * size * line_height())
            texts = [shorten(part, room, size, bold) for part in (text, second)[: 1 + bool(second)]]
            look = "head" if r == 0 else "asked" if (r - 1, c) in tinted else ""
            made += _cell(texts, size, strong=bold, right=numeric[c], rule=rule, look=look, first=c == 0)
        table._tbl.append(parse_xml(f'<a:tr {nsdecls("a")} h="{heights[r]:.0f}">{made}</a:tr>'))
    frame.left, frame.top, frame.width = left, top, width
    frame.height = Emu(sum(row.height for row in table.rows))
    rest = "; ".join(", ".join(text for pair in row for text in pair if text) for row in rows)
    describe(frame, alt_text, f"{alt_text}. {rest}")


def _widths(cells: Sequence[Sequence[Face]], width: float, size: float) -> list[float]:
    """Return the columns' widths: what their texts take, the widest cut to one level where that is too much.

    Where heads must wrap, of a head its longest word counts; what is left over goes to all alike.
    """
    for whole in (True, False):
        natural = np.array([_natural(head, body, size, whole) for head, *body in zip(*cells, strict=True)])
        if (spare := width - natural.sum()) >= 0:
            return (natural + spare / len(natural)).tolist()
    level = np.sort(natural)
    for k, least in enumerate(level):  # the columns narrower than the level keep their width
        rest = (width - level[:k].sum()) / (len(level) - k)
        if least > rest:
            break
    return np.minimum(natural, rest).tolist()


def _natural(head: Face, body: Sequence[Face], size: float, whole: bool) -> float:
    """Return the width in EMU at which no text of a column wraps, its head only where it is to be `whole`."""
    heads = [head[0]] if whole else [*head[0].split(), head[0][: len(head[0]) // 2 + 2]]  # in two lines
    texts = [(text, size - SECOND, True) for text in heads]
    texts += [(text, size, bold) for text, _, bold in body]
    texts += [(text, size - SECOND, False) for _, text, _ in body]
    widest = max((text_width(*text) for text in texts), default=0.0)
    return Pt(widest / SAFETY + 1) + 2 * PADDING


def _lines(cell: Face, width: float, size: float) -> float:
    """How many lines of the first text's size a cell takes."""
    second = len(wrap(cell[1], width, size - SECOND)) * (size - SECOND) / size if cell[1] else 0
    return len(wrap(cell[0], width, size, cell[2])) + second


def _row_height(row: Sequence[Face], widths: Sequence[float], size: float, most: int) -> float:
    """Height in EMU of a row of at most so many lines a text."""
    inner = [(width - 2 * PADDING) / Pt(1) for width in widths]
    pairs = zip(row, inner, strict=True)
    lines = max(min(_lines(cell, w, size), most + (most if cell[1] else 0)) for cell, w in pairs)
    return Pt(lines * size * line_height()) + 2 * PADDING


def _heights(
    cells: Sequence[Sequence[Face]], widths: Sequence[float], size: float, most: int, height: float, tall: float
) -> list[float]:
    """Heights of the rows: as their texts need, and the shorter ones as tall as the box leaves room for."""
    needed = _needed(cells, widths, size, most)
    least = float(tall)
    while least > min(needed) and sum(max(h, least) for h in needed[1:]) + needed[0] > height:
        least *= 0.95
    return [needed[0], *(max(h, least) for h in needed[1:])]


def _needed(cells: Sequence[Sequence[Face]], widths: Sequence[float], size: float, most: int) -> list[float]:
    """Heights that the texts need; the head is smaller."""
    return [_row_height(row, widths, size - SECOND * (not r), most) for r, row in enumerate(cells)]


def _fit(cells: Sequence[Sequence[Face]], width: float, height: float) -> tuple[float, list[float]]:
    """Return the largest size at which the rows fit and no word breaks, and the widths of its columns.

    A slightly smaller one is taken where at that no cell of text wraps.
    """
    largest, wrapped = (LARGE, LARGEST) if len(cells) <= FEW + 1 else (LARGEST, WRAPPED)
    for size in map(float, range(largest, wrapped - 1, -1)):
        widths = _widths(cells, width, size)
        lines = [_row_height(row, widths, size, 1) for row in cells[1:]]
        needed = _needed(cells, widths, size, MOST_LINES)
        if needed[1:] == lines and sum(needed) <= height:
            return size, widths
    for size in map(float, range(largest, SMALLEST - 1, -1)):
        widths = _widths(cells, width, size)
        needed = _needed(cells, widths, size, MOST_LINES)
        whole = needed == _needed(cells, widths, size, ANY_LINES)
        if whole and sum(needed) <= height and not _breaks_a_word(cells, widths, size):
            break
    return size, widths


def _breaks_a_word(cells: Sequence[Sequence[Face]], widths: Sequence[float], size: float) -> bool:
    inner = [(width - 2 * PADDING) / Pt(1) * SAFETY for width in widths]
    return any(
        text_width(word, size - SECOND * (not r), bold) > width  # the head is smaller
        for r, row in enumerate(cells)
        for (text, _, bold), width in zip(row, inner, strict=True)
        for word in text.split()
    )


def _cell(
    texts: Sequence[str], size: float, *, strong: bool, right: bool, rule: str, look: str, first: bool
) -> str:
    """Return the XML of a cell: its text, a second line smaller and grey, and the rule below it.

    `look`: head, asked (it waits for an answer) or nothing. In one piece, which is faster than part by part.
    """
    paragraphs = ""
    for i, text in enumerate(texts):
        grey = look == "head" or i > 0
        colour = "accent4" if grey else "accent1" if look == "asked" else MARKS.get(text[:1])
        paint = f'<a:solidFill><a:schemeClr val="{colour}"/></a:solidFill>' if colour else ""
        face = f'sz="{(size - SECOND * grey) * 100:.0f}" b="{int((strong or look == "asked") and not i)}"'
        run = f"<a:r><a:rPr {face}>{paint}</a:rPr><a:t>{escape(text)}</a:t></a:r>"
        paragraphs += f'<a:p><a:pPr algn="{"r" if right else "l"}"/>{run}</a:p>'
    width, colour = RULES[rule]
    fill = f"<a:solidFill>{TINT}</a:solidFill>" if look == "asked" else ""
    pad = " ".join(f'mar{side}="{0 if side == "L" and first else PADDING}"' for side in "LRTB")
    return (
        f"<a:tc><a:txBody><a:bodyPr/><a:lstStyle/>{paragraphs}</a:txBody>"
        f'<a:tcPr {pad} anchor="{"b" if look == "head" else "ctr"}"><a:lnB w="{width}">'
        f'<a:solidFill><a:schemeClr val="{colour}"/></a:solidFill></a:lnB>{fill}</a:tcPr></a:tc>'
    )
