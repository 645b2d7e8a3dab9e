"""`Review` -> .pptx: one slide per section, from a template's layouts and named placeholders.

Titles and sentences come with the sections, from the room `review`; here they are placed.
"""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.shapes.shapetree import SlideShapeFactory
from pptx.slide import Slide
from pptx.util import Emu, Inches, Pt

from rhem_lib.deck import charts, fit_text, table, template
from rhem_lib.language import day, number, percent, sentence_case, speaking, t
from rhem_lib.review import Review, Section
from rhem_lib.settings import Brand

SMALLEST = {"Title": 18, "Footer": 9, "Number": 40}
SMALLEST_BODY, USUAL, APPENDIX_SIZE = 11, 18.0, 18  # points
LOGO_BOX = (0.9, 0.7, 2.6, 0.9)  # left, top, widest, highest, in inches, on the cover


def write(review: Review, path: Path, brand: Brand | None = None) -> Path:
    """Write the review's deck; the same review and brand give the same bytes.

    Parameters
    ----------
    review : Review
    path : Path
        The .pptx to write.
    brand : Brand, optional
        Colour, logo and template; the review's own by default.

    Raises
    ------
    SettingsError
        The brand's template or logo is missing, or layouts or placeholders are missing from the template.

    Examples
    --------
    >>> write(review, folder / "review.pptx").name
    'review.pptx'
    """
    brand = brand or review.brand
    deck = template.open_template(brand)
    with speaking(review.language):
        _cover(deck, review, brand)
        for section in review.sections:
            if section.shown:
                _section(deck, review, section)
    _properties(deck, review)
    template.save(deck, Path(path))
    return Path(path)


def _cover(deck: Deck, review: Review, brand: Brand) -> None:
    cover, places = add(deck, "Cover")
    put(places["Title"], [review.client])
    put(places["Subtitle"], [t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)])
    put(places["Prepared by"], [t("Prepared by {msp}", msp=review.msp)])
    note(cover, t("Send the deck a day or two before the meeting."))
    if brand.logo:
        left, top, widest, highest = (Inches(v) for v in LOGO_BOX)
        picture: Any = cover.shapes.add_picture(brand.logo, left, top)
        scale = min(widest / picture.width, highest / picture.height)
        picture.width, picture.height = Emu(int(picture.width * scale)), Emu(int(picture.height * scale))
        picture._pic.nvPicPr.cNvPr.set("descr", t("Logo of {msp}", msp=review.msp))


def _section(deck: Deck, review: Review, section: Section) -> None:
    """One slide, by the section's layout."""
    rows = section.table
    if rows is None:
        largest = APPENDIX_SIZE if section.appendix else None
        put(slide(deck, "Text", review, section)["Body"], section.paragraphs, largest)
        return
    match section.layout:
        case "headline":
            places = slide(deck, "Headline", review, section)
            put(places["Number"], [number(review.minutes)])
            put(places["Number label"], [review.unit, *_levels(rows)])
        case "lines":
            places = slide(deck, "Chart", review, section)
            charts.line_chart(places["Chart"], section)
        case "columns":
            places = slide(deck, "Two charts", review, section)
            for place, (_, part) in zip(("Left chart", "Right chart"), rows.groupby("measure"), strict=True):
                charts.column_chart(places[place], part, part["unit"].iloc[0])
        case "bars":
            first = rows["kind"] == rows["kind"].iloc[0]
            places = slide(deck, "Chart" if first.all() else "Chart and table", review, section)
            charts.bar_chart(places["Chart"], rows[first], section.chart)
            if not first.all():
                _fill(places["Table"], section, rows[~first], ", ".join(section.heads.values()))
        case "table":
            places = slide(deck, "Text and table", review, section)
            _fill(places["Table"], section, rows, section.title)
        case _:
            places = slide(deck, "Table", review, section)
            _fill(places["Table"], section, rows, section.title, tall=True)
    put(places["Body"], [section.notes] if section.layout == "list" else section.paragraphs)


def _levels(rows: pd.DataFrame) -> list[str]:
    """What is below the number: the quarter before, the expected minutes, the goal."""
    lines = []
    for _, row in rows[rows["key"] != "now"].iterrows():
        limits = " " + t("({low} to {high})", low=row["low"], high=row["high"]) if pd.notna(row["low"]) else ""
        lines.append(f"{sentence_case(row['item'])}: {number(row['minutes'])}{limits}")
    return lines


def _fill(place: Any, section: Section, rows: pd.DataFrame, name: str, tall: bool = False) -> None:
    """The columns that have a heading; results in bold, assumptions marked."""
    kinds = rows["kind"].tolist() if "kind" in rows else [""] * len(rows)
    records = rows[list(section.heads)].astype(object).to_dict("records")
    cells = [
        [_cell(value, column, kind) for column, value in record.items()]
        for kind, record in zip(kinds, records, strict=True)
    ]
    strong = [i for i, kind in enumerate(kinds) if kind == "result"]
    table.fill(place, list(section.heads.values()), cells, t("Table: {title}", title=name), strong, tall)


def _cell(value: object, column: str, kind: str) -> str:
    if isinstance(value, pd.Timestamp):
        return day(value)
    if kind == "assumption":
        return number(value, 2) if isinstance(value, float) else t("{item} (assumption)", item=value)
    if not isinstance(value, float):
        return str(value)
    return percent(value) if column == "share" else number(value, 1 if column == "value" else 0)


def _properties(deck: Deck, review: Review) -> None:
    """Fixed dates: those of the quarter, not of the run."""
    core = deck.core_properties
    end = pd.Period(review.quarter, freq="Q").end_time.floor("s").to_pydatetime()
    core.title, core.author, core.last_modified_by = f"{review.client}: {review.quarter}", review.msp, review.msp
    core.subject, core.keywords, core.comments = f"{review.noun.capitalize()} review", "", ""
    core.created = core.modified = core.last_printed = end
    core.revision = 1


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
    """Write paragraphs at the largest size that fits; text too long for the smallest is cut."""
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
    """Return size in points (0 if it has none), weight and left indent (EMU) of a placeholder."""
    level = base._element.find(f".//{qn('a:lvl1pPr')}")
    given = None if level is None else level.find(qn("a:defRPr"))
    if given is None or not given.get("sz"):
        return 0.0, False, 0
    return int(given.get("sz")) / 100, given.get("b") == "1", int(level.get("marL", 0))
