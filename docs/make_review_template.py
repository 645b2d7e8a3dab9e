"""Make review.pptx, the 16:9 template of the client deck: `python docs/make_review_template.py`.

Starts from the default presentation of python-pptx and rewrites its master, theme and layouts, so that every
placeholder of a layout has a name that the deck writer asks for. One grid of twelve columns holds all layouts:
their left edges are those of its columns, and text boxes have no insets, so that texts, charts and tables meet.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Cm

WIDTH, HEIGHT = 33.867, 19.05  # cm
COLUMN, MARGIN, GUTTER = 2.6, 1.633, 0.6
FONT = "Arial"
FIELD = "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}"
COLOURS = {
    "dk2": "1F2933", "lt2": "F3F5F8", "accent1": "0B5FA5", "accent2": "8A96A3", "accent3": "A84200",
    "accent4": "52606D", "accent5": "C5CDD5", "accent6": "DDE3E9",
}  # fmt: skip


def left(column: int) -> float:
    """Left edge of a column of the grid, in cm."""
    return MARGIN + COLUMN * column


def wide(columns: int) -> float:
    """Width of some columns of the grid, in cm."""
    return COLUMN * columns - GUTTER


@dataclass(frozen=True)
class Box:
    """A placeholder: name, type, index, place in cm, size in points, and how its text looks."""

    name: str
    kind: str
    idx: int
    place: tuple[float, float, float, float]
    size: int = 16
    colour: str = "tx1"
    bold: bool = False
    bullet: str = ""
    anchor: str = "t"


TITLE = Box("Title", "title", 0, (left(0), 1.3, wide(12), 2.5), 28, bold=True)
NOTE = Box("Note", "body", 19, (left(0), 16.85, wide(12), 0.6), 10, "accent4", anchor="b")
FOOTER = Box("Footer", "ftr", 20, (left(0), 17.95, wide(9), 0.6), 10, "accent4")
NUMBER = Box("Slide Number", "sldNum", 21, (left(11), 17.95, wide(1), 0.6), 10, "accent4")
DISC = '<a:buFont typeface="Arial"/><a:buChar char="•"/>'


def chart(name: str, idx: int, column: int, columns: int, tall: float) -> tuple[Box, Box]:
    """A chart and the line above it."""
    return (
        Box(f"{name} head".strip().capitalize(), "body", idx, (left(column), 4.1, wide(columns), 0.75)),
        Box(name or "Chart", "chart", idx + 1, (left(column), 4.95, wide(columns), tall)),
    )


LAYOUTS = {
    "Cover": (
        Box("Title", "ctrTitle", 0, (left(0), 4.3, wide(8), 3.6), 44, "bg1", bold=True, anchor="b"),
        Box("Subtitle", "subTitle", 1, (left(0), 8.2, wide(8), 1.2), 24, "bg1"),
        Box("Prepared by", "body", 10, (left(0), 10.2, wide(8), 2.6), 16, "bg1"),
        Box("Agenda", "body", 11, (left(8), 3.6, wide(4), 11.5), 18, "bg1"),
    ),
    "Quarter": (
        Box("Number", "body", 10, (left(0), 3.8, wide(4), 3.9), 88, "accent1", bold=True, anchor="ctr"),
        Box("Number label", "body", 11, (left(0), 7.8, wide(4), 4.1), 18),
        *chart("Chart", 12, 4, 8, 6.9),
        *(Box(f"Box {i + 1}", "body", 14 + i, (left(4 * i), 12.75, wide(4), 3.9)) for i in range(3)),
        NOTE,
    ),
    "Chart": (*chart("Chart", 10, 0, 12, 11.75), NOTE),
    "Two charts": (
        *chart("Left chart", 10, 0, 6, 6.8),
        *chart("Right chart", 12, 6, 6, 6.8),
        Box("Left text", "body", 14, (left(0), 12.5, wide(6), 4.2)),
        Box("Right text", "body", 15, (left(6), 12.5, wide(6), 4.2)),
        NOTE,
    ),
    "Table": (Box("Table", "tbl", 10, (left(0), 4.1, wide(12), 12.5)), NOTE),
    "Table over text": (
        Box("Table", "tbl", 10, (left(0), 4.1, wide(12), 6.5)),
        Box("Left text", "body", 14, (left(0), 11.3, wide(6), 5.4)),
        Box("Right text", "body", 15, (left(6), 11.3, wide(6), 5.4)),
        NOTE,
    ),
    "Table and text": (
        Box("Table", "tbl", 10, (left(0), 4.1, wide(8), 12.5)),
        Box("Body", "body", 11, (left(8), 4.1, wide(4), 12.5)),
        NOTE,
    ),
    "Text": (Box("Body", "body", 10, (left(0), 4.3, wide(12), 12.3), 22, bullet=DISC), NOTE),
}
RULES = {  # above the texts of a layout: left, top, width in cm
    "Quarter": tuple((left(4 * i), 12.35, wide(4)) for i in range(3)),
    "Two charts": ((left(0), 12.1, wide(6)), (left(6), 12.1, wide(6))),
    "Table over text": ((left(0), 10.9, wide(6)), (left(6), 10.9, wide(6))),
}


def _geometry(place: tuple[float, float, float, float]) -> str:
    x, y, w, h = (int(Cm(v)) for v in place)
    shape = '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
    return f'<a:xfrm><a:off x="{x}" y="{y}"/><a:ext cx="{w}" cy="{h}"/></a:xfrm>{shape}'


def shape_xml(box: Box, number: int) -> str:
    """The placeholder as it stands on the master or a layout."""
    indent = box.size * 19050 if box.bullet else 0
    bullet = f'<a:buClr><a:schemeClr val="accent1"/></a:buClr>{box.bullet}' if box.bullet else "<a:buNone/>"
    text = f'<a:r><a:rPr lang="en-US"/><a:t>{box.name}</a:t></a:r>'
    if box.kind == "sldNum":
        text = f'<a:fld id="{FIELD}" type="slidenum"><a:rPr lang="en-US"/><a:t>‹#›</a:t></a:fld>'
    idx = f' idx="{box.idx}"' if box.idx else ""
    return f"""<p:sp {nsdecls("p", "a")}>
      <p:nvSpPr><p:cNvPr id="{number}" name="{box.name}"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr>
        <p:nvPr><p:ph type="{box.kind}"{idx}/></p:nvPr></p:nvSpPr>
      <p:spPr>{_geometry(box.place)}</p:spPr>
      <p:txBody><a:bodyPr vert="horz" wrap="square" lIns="0" tIns="0" rIns="0" bIns="0" anchor="{box.anchor}">
        <a:noAutofit/></a:bodyPr>
      <a:lstStyle><a:lvl1pPr marL="{indent}" indent="{-indent}" algn="{"r" if box.kind == "sldNum" else "l"}">
        <a:lnSpc><a:spcPct val="{90000 if box.kind == "title" else 100000}"/></a:lnSpc>
        <a:spcBef><a:spcPts val="0"/></a:spcBef>
        <a:spcAft><a:spcPts val="{box.size * 50 if box.kind == "body" else 0}"/></a:spcAft>{bullet}
        <a:defRPr sz="{box.size * 100}" b="{int(box.bold)}">
          <a:solidFill><a:schemeClr val="{box.colour}"/></a:solidFill></a:defRPr>
      </a:lvl1pPr></a:lstStyle><a:p>{text}</a:p></p:txBody></p:sp>"""


def panel_xml(name: str, number: int, place: tuple[float, float, float, float], colour: str) -> str:
    """A plain filled rectangle, for decoration only."""
    return f"""<p:sp {nsdecls("p", "a")}>
      <p:nvSpPr><p:cNvPr id="{number}" name="{name}"/><p:cNvSpPr/><p:nvPr userDrawn="1"/></p:nvSpPr>
      <p:spPr>{_geometry(place)}<a:solidFill><a:schemeClr val="{colour}"/></a:solidFill>
        <a:ln><a:noFill/></a:ln></p:spPr>
      <p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:endParaRPr lang="en-US"/></a:p></p:txBody></p:sp>"""


def fill_tree(element: etree._Element, shapes: list[str]) -> None:
    """Put the shapes in place of all that stood on the master or layout."""
    tree = element.find(qn("p:cSld")).find(qn("p:spTree"))
    for child in list(tree)[2:]:
        tree.remove(child)
    tree.extend(parse_xml(shape) for shape in shapes)


def write_theme(master_part: object) -> None:
    """Our colours and font in the theme."""
    theme = master_part.part_related_by(RELATIONSHIP_TYPE.THEME)  # type: ignore[attr-defined]
    xml = theme.blob.decode("utf-8")
    for name, colour in COLOURS.items():
        xml = re.sub(rf"<a:{name}>.*?</a:{name}>", f'<a:{name}><a:srgbClr val="{colour}"/></a:{name}>', xml)
    xml = re.sub(r"<a:dk1>.*?</a:dk1>", '<a:dk1><a:srgbClr val="1F2933"/></a:dk1>', xml)
    xml = xml.replace('<a:latin typeface="Calibri"/>', f'<a:latin typeface="{FONT}"/>')
    theme._blob = xml.encode("utf-8")


def main(path: Path) -> None:
    """Write the template."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Cm(WIDTH), Cm(HEIGHT)
    write_theme(deck.slide_master.part)
    body = Box("Body", "body", 1, (left(0), 4.3, wide(12), 12.3), 20)
    parts = [
        panel_xml("Rule", 9, (left(0), 0.85, wide(12), 0.03), "tx1"),
        panel_xml("Accent", 10, (left(0), 0.85, 1.2, 0.2), "accent1"),
        panel_xml("Foot rule", 11, (left(0), 17.7, wide(12), 0.02), "accent5"),
    ]
    fill_tree(
        deck.slide_master._element,
        parts + [shape_xml(b, i + 2) for i, b in enumerate((TITLE, body, FOOTER, NUMBER))],
    )
    layouts = list(deck.slide_layouts)
    for layout in layouts[len(LAYOUTS) :]:
        deck.slide_layouts.remove(layout)
    for layout, (name, boxes) in zip(layouts, LAYOUTS.items(), strict=False):
        element = layout._element
        element.attrib.pop("type", None)
        element.set("preserve", "1")
        layout.name = name
        rules = RULES.get(name, ())
        shapes = [panel_xml(f"Rule {i}", 40 + i, (*r, 0.02), "accent5") for i, r in enumerate(rules)]
        if name == "Cover":
            element.set("showMasterSp", "0")
            shapes = [
                panel_xml("Ground", 40, (0, 0, WIDTH + 0.01, HEIGHT), "tx2"),
                panel_xml("Accent", 41, (left(0), 3.0, 1.2, 0.2), "accent1"),
                panel_xml("Rule", 42, (left(8), 3.0, wide(4), 0.03), "accent5"),
            ]
        else:
            boxes = (TITLE, *boxes, FOOTER, NUMBER)
        fill_tree(element, shapes + [shape_xml(b, i + 2) for i, b in enumerate(boxes)])
    deck.core_properties.title = "Review template"
    deck.save(str(path))


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "rhem_lib" / "templates" / "review.pptx")
