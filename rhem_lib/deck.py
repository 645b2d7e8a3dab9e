"""`Review` -> .pptx: one slide per section, from the layouts of a template by the names of their placeholders."""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.slide import Slide
from pptx.util import Emu, Inches, Pt

from rhem_lib import deck_charts, deck_table, deck_template, deck_text
from rhem_lib.review import Review
from rhem_lib.review_words import Section
from rhem_lib.settings import Brand
from rhem_lib.words import day, mark, number, percent, sentence_case, speaking, t

SMALLEST = {"Title": 18, "Footer": 9, "Number": 40}
SMALLEST_BODY = 11
APPENDIX_SIZE = 18
MOST_COMPUTERS = 5
HEADS = {
    "finding": mark("Finding"),
    "evidence": mark("Evidence"),
    "action": mark("Action"),
    "why": mark("Why"),
    "owner": mark("Owner"),
    "due": mark("Due"),
    "decision": mark("Decision"),
    "answer": mark("Answer"),
    "item": mark("Item"),
    "value": mark("Value"),
    "month": mark("Month"),
    "remark": mark("Remark"),
}
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
        The brand's template or logo is missing, or the template lacks layouts or placeholders.
    """
    brand = brand or review.brand
    deck = deck_template.open_template(brand)
    with speaking(review.language):
        _cover(deck, review, brand)
        for section in review.sections:
            if section.shown:
                _WRITERS.get(section.key, _text)(deck, review, section)
    _properties(deck, review)
    deck_template.save(deck, Path(path))
    return Path(path)


def _cover(deck: Deck, review: Review, brand: Brand) -> None:
    slide, places = _add(deck, "Cover")
    _put(places["Title"], [review.client])
    _put(places["Subtitle"], [t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)])
    _put(places["Prepared by"], [t("Prepared by {msp}", msp=review.msp)])
    _note(slide, t("Send the deck a day or two before the meeting."))
    if brand.logo:
        left, top, widest, highest = (Inches(v) for v in LOGO_BOX)
        picture: Any = slide.shapes.add_picture(brand.logo, left, top)
        scale = min(widest / picture.width, highest / picture.height)
        picture.width, picture.height = Emu(int(picture.width * scale)), Emu(int(picture.height * scale))
        picture._pic.nvPicPr.cNvPr.set("descr", t("Logo of {msp}", msp=review.msp))


def _note(slide: Slide, text: str) -> None:
    frame = slide.notes_slide.notes_text_frame
    if frame is not None:
        frame.text = text


def _quarter(deck: Deck, review: Review, section: Section) -> None:
    places = _slide(deck, "Headline", review, section)
    _put(places["Number"], [number(review.minutes)])
    _put(places["Number label"], [review.unit, *_beside(section)])
    _put(places["Body"], section.paragraphs)


def _beside(section: Section) -> list[str]:
    """What stands below the number: the quarter before, the expected minutes, the goal."""
    if section.table is None:
        return []
    said = []
    for _, row in section.table[section.table["key"] != "now"].iterrows():
        line = f"{sentence_case(row['item'])}: {number(row['minutes'])}"
        if pd.notna(row["low"]):
            line += " " + t("({low} to {high})", low=number(row["low"]), high=number(row["high"]))
        said.append(line)
    return said


def _minutes(deck: Deck, review: Review, section: Section) -> None:
    places = _slide(deck, "Chart", review, section)
    deck_charts.minutes_chart(places["Chart"], review)
    _put(places["Body"], section.paragraphs)


def _parts(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    places = _slide(deck, "Two charts", review, section)
    for place, (_, rows) in zip(("Left chart", "Right chart"), section.table.groupby("measure"), strict=True):
        deck_charts.part_chart(places[place], rows, rows["unit"].iloc[0])
    _put(places["Body"], section.paragraphs)
    return None


def _causes(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    title = t("Top causes: {unit}", unit=review.unit)
    of_kind = dict(iter(section.table.groupby("kind")))
    if "computer" not in of_kind:
        places = _slide(deck, "Chart", review, section)
    else:
        places = _slide(deck, "Chart and table", review, section)
        rows = [[row["name"], number(row["minutes"]), percent(row["share"]), number(row["problems"])]
                for _, row in of_kind["computer"].head(MOST_COMPUTERS).iterrows()]  # fmt: skip
        heads = [t("Noisiest computers"), t("Minutes"), t("Share"), t("Problems")]
        deck_table.fill(places["Table"], heads, rows, (0.4, 0.19, 0.17, 0.24), t("Table: noisiest computers"))
    deck_charts.cause_chart(places["Chart"], of_kind["cause"], title)
    _put(places["Body"], section.paragraphs)
    return None


def _worth(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    places = _slide(deck, "Text and table", review, section)
    rows = [
        [f"{row['item']} (assumption)", number(row["own_start"], 2), number(row["reference"], 2)]
        if row["kind"] == "assumption"
        else [row["item"], number(row["own_start"]), number(row["reference"])]
        for _, row in section.table.iterrows()
    ]
    strong = [i for i, kind in enumerate(section.table["kind"]) if kind == "result"]
    heads = ["", "Your own start", "Reference start"]
    deck_table.fill(places["Table"], heads, rows, (0.6, 0.2, 0.2), "Table: what the time is worth", strong)
    _put(places["Body"], section.paragraphs)
    return None


def _listed(deck: Deck, review: Review, section: Section) -> None:
    """A wide table with room in its rows: findings, actions, decisions."""
    if section.table is None:
        return _text(deck, review, section)
    places = _slide(deck, "Table", review, section)
    heads = [t(HEADS[name]) for name in section.table]
    rows = [[_cell(value) for value in row] for row in section.table.itertuples(index=False)]
    widths = {4: (0.4, 0.34, 0.12, 0.14)}.get(len(heads), (0.6, 0.4))
    deck_table.fill(places["Table"], heads, rows, widths, t("Table: {title}", title=section.title), tall=True)
    said = section.paragraphs if section.key == "next" else (section.notes,)
    _put(places["Body"], said)
    return None


def _cell(value: object) -> str:
    return day(value) if isinstance(value, pd.Timestamp) else str(value)


def _appendix(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    places = _slide(deck, "Text and table", review, section)
    heads = [t(HEADS[name]) for name in section.table]
    rows = [
        [number(v, 1) if isinstance(v, float) else str(v) for v in row]
        for row in section.table.to_numpy().tolist()
    ]
    widths = (0.7, 0.3) if pd.api.types.is_numeric_dtype(section.table.iloc[:, -1]) else (0.3, 0.7)
    deck_table.fill(places["Table"], heads, rows, widths, t("Table: {title}", title=section.title))
    _put(places["Body"], section.paragraphs)
    return None


def _text(deck: Deck, review: Review, section: Section) -> None:
    largest = APPENDIX_SIZE if section.appendix else None
    _put(_slide(deck, "Text", review, section)["Body"], section.paragraphs, largest)


_WRITERS = {
    "quarter": _quarter,
    "minutes": _minutes,
    "fewer_or_faster": _parts,
    "causes": _causes,
    "worth": _worth,
    "less_well": _listed,
    "next": _listed,
    "decisions": _listed,
    "counted": _appendix,
    "quality": _appendix,
}


def _add(deck: Deck, layout_name: str) -> tuple[Slide, dict[str, Any]]:
    """A slide from a layout, with its placeholders under the names they have on the layout."""
    layout: Any = deck.slide_layouts.get_by_name(layout_name)
    slide = deck.slides.add_slide(layout)
    names = {shape.placeholder_format.idx: shape.name for shape in layout.placeholders}
    places: dict[str, Any] = {}
    for shape in slide.placeholders:
        shape.name = names[shape.placeholder_format.idx]
        places[shape.name] = shape
    return slide, places


def _slide(deck: Deck, layout_name: str, review: Review, section: Section) -> dict[str, Any]:
    """A slide with title, footer, number and notes; the caller fills the other placeholders."""
    slide, places = _add(deck, layout_name)
    title = t("Appendix: {title}", title=section.title) if section.appendix else section.title
    _put(places["Title"], [title])
    layout: Any = slide.slide_layout
    for shape in layout.placeholders:
        if shape.name in ("Footer", "Slide Number"):
            slide.shapes._spTree.append(copy.deepcopy(shape._element))
    definition = t("definition {n}", n=review.metric_version)
    footer = f"{review.msp}  ·  {review.period}  ·  {definition}  ·  {review.client}"
    for shape in slide.placeholders:
        if shape.name == "Footer":
            _put(shape, [footer])
    _note(slide, section.notes or t("The figures behind this slide stand in the workbook beside the deck."))
    return places


def _put(place: Any, paragraphs: tuple[str, ...] | list[str], largest: float | None = None) -> None:
    """Write paragraphs at the largest size that fits; text too long even for the smallest size is cut."""
    usual, bold, indent = _style(place)
    box = ((place.width - indent) / Pt(1), place.height / Pt(1))
    largest = largest or usual
    smallest = min(SMALLEST.get(place.name, SMALLEST_BODY), largest)
    texts = [deck_text.plain(text) or "–" for text in paragraphs]
    size = deck_text.fit_size(texts, box, largest, smallest, bold)
    if len(texts) == 1:
        texts = [deck_text.shorten(texts[0], box, size, bold)]
    frame = place.text_frame
    frame.text = texts[0]
    for text in texts[1:]:
        frame.add_paragraph().text = text
    if size != usual:
        for paragraph in frame.paragraphs:
            paragraph.font.size = Pt(size)
            for run in paragraph.runs:
                run.font.size = Pt(size)


def _style(place: Any) -> tuple[float, bool, int]:
    """Size in points, weight and left indent (EMU) that the layout, or else the master, gives the placeholder."""
    for shape in place.part.slide.slide_layout.placeholders:
        if shape.placeholder_format.idx == place.placeholder_format.idx:
            level = shape._element.find(f".//{qn('a:lvl1pPr')}")
            style = None if level is None else level.find(qn("a:defRPr"))
            if style is not None and style.get("sz"):
                return int(style.get("sz")) / 100, style.get("b") == "1", int(level.get("marL", 0))
    return 18.0, False, 0


def _properties(deck: Deck, review: Review) -> None:
    """Fixed dates: those of the quarter, not of the run."""
    core = deck.core_properties
    end = pd.Period(review.quarter, freq="Q").end_time.floor("s").to_pydatetime()
    core.title, core.author, core.last_modified_by = f"{review.client}: {review.quarter}", review.msp, review.msp
    core.subject, core.keywords, core.comments = f"{review.noun.capitalize()} review", "", ""
    core.created = core.modified = core.last_printed = end
    core.revision = 1
