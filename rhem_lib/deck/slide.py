"""One slide of a deck: the layout's placeholders by name, text at the largest size that fits, footer and notes."""

import copy
from typing import Any

from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.shapes.shapetree import SlideShapeFactory
from pptx.slide import Slide
from pptx.util import Pt

from rhem_lib.deck import fit_text
from rhem_lib.language import t
from rhem_lib.review import Review, Section

SMALLEST = {"Title": 18, "Footer": 9, "Number": 40}
SMALLEST_BODY, USUAL = 11, 18.0  # points


def note(on: Slide, text: str) -> None:
    """Write the speaker notes."""
    frame = on.notes_slide.notes_text_frame
    if frame is not None:
        frame.text = text


def add(deck: Deck, layout_name: str) -> tuple[Slide, dict[str, Any]]:
    """A slide from a layout, with its placeholders under the names they have on the layout."""
    layout: Any = deck.slide_layouts.get_by_name(layout_name)
    made = deck.slides.add_slide(layout)
    names = {_idx(element): element.shape_name for element in layout._element.iter(qn("p:sp"))}
    places: dict[str, Any] = {}
    for shape in made.shapes:  # a new slide has placeholders only
        shape.name = names[_idx(shape._element)]
        places[shape.name] = shape
    return made, places


def _idx(element: Any) -> str:
    """Index of a placeholder's element, '0' for the title; empty for what is no placeholder."""
    place = element.find(f".//{qn('p:ph')}")
    return "" if place is None else place.get("idx", "0")


def slide(deck: Deck, layout_name: str, review: Review, section: Section) -> dict[str, Any]:
    """A slide with title, footer, number and notes; the caller fills the other placeholders."""
    made, places = add(deck, layout_name)
    title = t("Appendix: {title}", title=section.title) if section.appendix else section.title
    put(places["Title"], [title])
    definition = t("definition {n}", n=review.metric_version)
    footer = f"{review.msp}  ·  {review.period}  ·  {definition}  ·  {review.client}"
    layout: Any = made.slide_layout
    for base in layout._element.iter(qn("p:sp")):
        if base.shape_name in ("Footer", "Slide Number"):
            element = copy.deepcopy(base)
            made.shapes._spTree.append(element)
            if base.shape_name == "Footer":
                put(SlideShapeFactory(element, made.shapes), [footer])
    note(made, section.notes or t("The figures behind this slide are in the workbook beside the deck."))
    return places


def put(place: Any, paragraphs: tuple[str, ...] | list[str], largest: float | None = None) -> None:
    """Write paragraphs at the largest size that fits; text too long even for the smallest size is cut."""
    base = place._base_placeholder  # asked once: each of its properties would look it up again
    usual, bold, indent = style(base)
    box = ((base.width - indent) / Pt(1), base.height / Pt(1))
    largest = largest or usual or USUAL
    smallest = min(SMALLEST.get(place.name, SMALLEST_BODY), largest)
    texts = [fit_text.plain(text) or "–" for text in paragraphs]
    size = fit_text.fit_size(texts, box, largest, smallest, bold)
    if len(texts) == 1:
        texts = [fit_text.shorten(texts[0], box, size, bold)]
    frame = place.text_frame
    frame.text = texts[0]
    for text in texts[1:]:
        frame.add_paragraph().text = text
    if size != usual:
        for paragraph in frame.paragraphs:
            for run in paragraph.runs:
                run.font.size = Pt(size)


def style(base: Any) -> tuple[float, bool, int]:
    """Size in points (0 if it has none of its own), weight and left indent (EMU) of a layout's placeholder."""
    level = base._element.find(f".//{qn('a:lvl1pPr')}")
    given = None if level is None else level.find(qn("a:defRPr"))
    if given is None or not given.get("sz"):
        return 0.0, False, 0
    return int(given.get("sz")) / 100, given.get("b") == "1", int(level.get("marL", 0))
