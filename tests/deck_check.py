"""What is wrong with a saved deck, found by opening it again: package, places, words, contrast."""

import posixpath
import re
import zipfile
from xml.etree import ElementTree

from pptx import Presentation
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.util import Pt

from rhem_lib.deck import fit_text
from rhem_lib.deck.template import contrast

READABLE = 4.5
CT = "{http://schemas.openxmlformats.org/package/2006/content-types}"


def problems(path):
    """Sentences, one per problem; none for a good deck."""
    found = list(package_problems(path))
    presentation = Presentation(path)
    size = (presentation.slide_width, presentation.slide_height)
    colours = Colours(presentation)
    for number, slide in enumerate(presentation.slides, 1):
        checks = (places(slide, size), words(slide), tables(slide), described(slide), colours.problems(slide))
        found += [f"slide {number}: {problem}" for check in checks for problem in check]
    return found


def package_problems(path):
    """Every part well-formed, typed, reachable from the root; every relation leads to a part."""
    with zipfile.ZipFile(path) as package:
        names = package.namelist()
        if len(names) != len(set(names)):
            yield "a part is there twice"
        trees = {n: ElementTree.fromstring(package.read(n)) for n in names if n.endswith((".xml", ".rels"))}
    types = trees["[Content_Types].xml"]
    extensions = {d.get("Extension") for d in types.findall(f"{CT}Default")}
    typed = {d.get("PartName").lstrip("/") for d in types.findall(f"{CT}Override")}
    yield from (f"{name} is typed but missing" for name in typed - set(names))
    reached, todo = set(), [""]
    while todo:
        source = todo.pop()
        folder, name = posixpath.split(source)
        for relation in trees.get(posixpath.join(folder, "_rels", f"{name}.rels"), ()):
            if relation.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target"))).lstrip("/")
            if target not in names:
                yield f"{source} points to {target}, which is missing"
            elif target not in reached:
                reached.add(target)
                todo.append(target)
    parts = {n for n in names if not n.endswith(".rels") and n != "[Content_Types].xml"}
    yield from (f"{name} is not referenced" for name in parts - reached)
    yield from (f"{n} has no type" for n in parts if n not in typed and n.rsplit(".", 1)[-1] not in extensions)


def places(slide, size):
    """No shape leaves the slide, none lies on another, no placeholder is empty, no two have one id."""
    boxes = [(s.name, s.left, s.top, s.left + s.width, s.top + s.height) for s in slide.shapes]
    for i, (a, l1, t1, r1, b1) in enumerate(boxes):
        if l1 < 0 or t1 < 0 or r1 > size[0] or b1 > size[1]:
            yield f"{a} leaves the slide"
        for b, l2, t2, r2, b2 in boxes[i + 1 :]:
            if not (r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1):
                yield f"{a} lies on {b}"
    for shape in slide.placeholders:
        if not (shape.has_chart or shape.has_table or shape.text_frame.text.strip()):
            yield f"{shape.name} is empty"
    ids = [shape.shape_id for shape in slide.shapes]
    if len(ids) != len(set(ids)):
        yield "two shapes have one id"


def style(shape):
    """Size in points, weight, left indent in EMU and colour name that the layout gives a placeholder."""
    for base in shape.part.slide.slide_layout.placeholders:
        if base.placeholder_format.idx == shape.placeholder_format.idx:
            level = base._element.find(f".//{qn('a:lvl1pPr')}")
            run = level.find(qn("a:defRPr"))
            colour = run.find(f"{qn('a:solidFill')}/{qn('a:schemeClr')}").get("val")
            return int(run.get("sz")) / 100, run.get("b") == "1", int(level.get("marL", 0)), colour
    raise AssertionError(f"{shape.name} is not on the layout")


def words(slide):
    """All text fits its box."""
    for shape in slide.placeholders:
        if shape.has_chart or shape.has_table or shape.name == "Slide Number":
            continue
        usual, bold, indent, _ = style(shape)
        texts = [p.text.split("\v") for p in shape.text_frame.paragraphs]
        given = [run.font.size.pt for p in shape.text_frame.paragraphs for run in p.runs if run.font.size]
        size, width = min(given, default=usual), (shape.width - indent) / Pt(1)
        lines = [line for text in texts for line in text]
        tall = sum(fit_text.text_height([line], width, size, bold) for line in lines)
        tall += size * fit_text.SPACE_AFTER * (len(texts) - 1)
        if tall > shape.height / Pt(1):
            yield f"the text of {shape.name} is {tall:.0f} points high: {' '.join(lines)[:60]}"


def tables(slide):
    """All cells hold their text."""
    for table in (shape.table for shape in slide.shapes if shape.has_table):
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                inner = (column.width - cell.margin_left - cell.margin_right) / Pt(1)
                runs = [run for p in cell.text_frame.paragraphs for run in p.runs]
                tall = sum(fit_text.text_height([r.text], inner, r.font.size.pt, r.font.bold) for r in runs)
                if tall > (row.height - cell.margin_top - cell.margin_bottom) / Pt(1) + 0.01:
                    yield f"a cell does not hold '{runs[0].text[:40]}'"


def described(slide):
    """Charts, tables and pictures have alternative text; the slide has notes."""
    if not slide.notes_slide.notes_text_frame.text.strip():
        yield "no notes"
    for shape in slide.shapes:
        if shape.has_chart or shape.has_table or shape.shape_type == 13:
            described = shape._element.xpath(".//p:cNvPr")[0].get("descr", "")
            if len(described) < 8:
                yield f"{shape.name} has no alternative text"


class Colours:
    """Colours of a presentation's texts and of what lies behind them."""

    def __init__(self, presentation):
        master = presentation.slide_master
        theme = master.part.part_related_by(RELATIONSHIP_TYPE.THEME).blob.decode()
        named = dict(re.findall(r"<a:(\w+)><a:(?:srgbClr val|sysClr val=\"\w+\" lastClr)=\"(\w{6})\"", theme))
        mapping = master._element.find(qn("p:clrMap")).attrib
        self.of = {name: named[mapping.get(name, name)] for name in (*mapping, *named)}

    def problems(self, slide):
        """Text less readable than 4.5 : 1."""
        for shape in slide.placeholders:
            if shape.has_chart:
                texts = re.findall(r"<c:txPr>.*?</c:txPr>|<c:rich>.*?</c:rich>", shape.chart._chartSpace.xml, re.S)
                shown = {c for text in texts for c in re.findall(r'srgbClr val="(\w+)"', text)}
            elif shape.has_table:
                shown = {self.of["tx1"]}
            else:
                shown = {self.of[style(shape)[3]]}
            behind = self.behind(slide, shape)
            for colour in shown:
                if contrast(colour, behind) < READABLE:
                    yield f"{shape.name}: {colour} on {behind}"

    def behind(self, slide, shape):
        """Fill of the panel that the shape lies on, white without one."""
        middle = (shape.left + shape.width / 2, shape.top + shape.height / 2)
        for panel in slide.slide_layout.shapes:
            inside = panel.left <= middle[0] <= panel.left + panel.width
            if not panel.is_placeholder and inside and panel.top <= middle[1] <= panel.top + panel.height:
                return self.of[panel._element.find(f".//{qn('a:schemeClr')}").get("val")]
        return self.of["bg1"]
