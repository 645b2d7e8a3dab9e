"""Make review.pptx, the 16:9 template of the client deck: `python docs/make_review_template.py`.

Starts from the default presentation of python-pptx and rewrites its master, theme and layouts, so that every
placeholder of a layout has a name that the deck writer asks for.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Inches

WIDTH, HEIGHT = 13.333, 7.5
FONT = "Arial"
FIELD = "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}"
COLOURS = {
    "dk2": "1B2A41", "lt2": "F3F5F8", "accent1": "1F6FEB", "accent2": "8A94A3", "accent3": "C8501E",
    "accent4": "3B7A57", "accent5": "6B4FA0", "accent6": "B58900",
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """A placeholder: name, type, index, place in inches, size in points, and how its text looks."""

    name: str
    kind: str
    idx: int
    place: tuple[float, float, float, float]
    size: int = 18
    colour: str = "tx1"
    bold: bool = False
    bullet: str = ""
    anchor: str = "t"


TITLE = Box("Title", "title", 0, (0.6, 0.58, 12.13, 0.98), 28, "tx2", bold=True, anchor="ctr")
FOOTER = Box("Footer", "ftr", 20, (0.6, 6.98, 10.5, 0.3), 10, "tx1")
NUMBER = Box("Slide Number", "sldNum", 21, (11.73, 6.98, 1.0, 0.3), 10, "tx1")
DISC = '<a:buFont typeface="Arial"/><a:buChar char="•"/>'

LAYOUTS = {
    "Cover": (
        Box("Title", "ctrTitle", 0, (0.9, 2.2, 11.5, 1.7), 40, "bg1", bold=True, anchor="b"),
        Box("Subtitle", "subTitle", 1, (0.9, 4.2, 11.5, 0.7), 22, "bg1"),
        Box("Prepared by", "body", 10, (0.9, 5.9, 11.5, 0.6), 14, "bg1"),
    ),
    "Headline": (
        Box("Number", "body", 10, (0.9, 2.05, 3.5, 1.5), 88, "accent1", bold=True, anchor="b"),
        Box("Number label", "body", 11, (0.9, 3.75, 3.5, 2.6), 16, "tx2"),
        Box("Body", "body", 1, (5.2, 1.85, 7.53, 4.75), 22, anchor="ctr"),
    ),
    "Chart": (
        Box("Chart", "chart", 10, (0.6, 1.65, 8.6, 5.15)),
        Box("Body", "body", 1, (9.5, 1.85, 3.23, 4.75), 18, anchor="ctr"),
    ),
    "Two charts": (
        Box("Left chart", "chart", 10, (0.6, 1.65, 5.9, 3.55)),
        Box("Right chart", "chart", 11, (6.83, 1.65, 5.9, 3.55)),
        Box("Body", "body", 1, (0.6, 5.35, 12.13, 1.45), 18, bullet=DISC),
    ),
    "Chart and table": (
        Box("Chart", "chart", 10, (0.6, 1.65, 6.2, 3.35)),
        Box("Table", "tbl", 11, (7.1, 1.85, 5.63, 3.15), 14),
        Box("Body", "body", 1, (0.6, 5.2, 12.13, 1.6), 18, bullet=DISC),
    ),
    "Text and table": (
        Box("Body", "body", 1, (0.6, 1.75, 5.0, 4.95), 18, bullet=DISC),
        Box("Table", "tbl", 10, (6.0, 1.85, 6.73, 4.85), 14),
    ),
    "Table": (
        Box("Table", "tbl", 10, (0.6, 1.75, 12.13, 4.25), 16),
        Box("Body", "body", 1, (0.6, 6.15, 12.13, 0.65), 14),
    ),
    "Text": (Box("Body", "body", 1, (0.6, 1.85, 12.13, 4.85), 24, bullet=DISC),),
}


def _geometry(place: tuple[float, float, float, float]) -> str:
    x, y, w, h = (int(Inches(v)) for v in place)
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
        <a:lnSpc><a:spcPct val="100000"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef>
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
    xml = re.sub(r"<a:dk1>.*?</a:dk1>", '<a:dk1><a:srgbClr val="333F4D"/></a:dk1>', xml)
    xml = xml.replace('<a:latin typeface="Calibri"/>', f'<a:latin typeface="{FONT}"/>')
    theme._blob = xml.encode("utf-8")


def main(path: Path) -> None:
    """Write the template."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    write_theme(deck.slide_master.part)
    body = Box("Body", "body", 1, (0.6, 1.85, 12.13, 4.85), 20)
    parts = [panel_xml("Accent", 9, (0.6, 0.42, 0.7, 0.06), "accent1")]
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
        shapes = [] if name != "Headline" else [panel_xml("Card", 30, (0.6, 1.85, 4.1, 4.75), "bg2")]
        if name == "Cover":
            element.set("showMasterSp", "0")
            shapes = [
                panel_xml("Ground", 30, (0, 0, WIDTH + 0.01, HEIGHT), "tx2"),
                panel_xml("Accent", 31, (0.9, 4.02, 1.6, 0.06), "accent1"),
            ]
        else:
            boxes = (TITLE, *boxes, FOOTER, NUMBER)
        fill_tree(element, shapes + [shape_xml(b, i + 2) for i, b in enumerate(boxes)])
    deck.core_properties.title = "Review template"
    deck.save(str(path))


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "rhem_lib" / "templates" / "review.pptx")
