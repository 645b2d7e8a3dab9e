"""`Review` -> .pptx: one slide per section, from a template's layouts and named placeholders.

Titles and sentences come with the sections, from the room `review`; here they are placed.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.presentation import Presentation as Deck
from pptx.shapes.shapetree import SlideShapeFactory
from pptx.slide import Slide
from pptx.util import Cm, Emu, Pt

from rhem_lib.deck import charts, fit_text, table, template
from rhem_lib.language import day, mark, number, percent, sentence_case, speaking, t
from rhem_lib.review import Review, Section
from rhem_lib.settings import Brand

SMALLEST = {"Title": 18, "Footer": 9, "Number": 40, "Note": 8}
SMALLEST_BODY, USUAL, LONGEST_HEAD = 10, 18.0, 40
LAYOUT = {
    "quarter": "Quarter", "months": "Chart", "ages": "Chart", "why": "Two charts", "worth": "Two charts",
    "promises": "Table over text", "plan": "Table", "table": "Table and text", "text": "Text",
}  # fmt: skip
HEADS = {
    "Quarter": ("Chart head",),
    "Chart": ("Chart head",),
    "Two charts": ("Left chart head", "Right chart head"),
}
AGENDA = {
    "quarter": mark("The quarter in one page"),
    "minutes": mark("Month by month"),
    "why": mark("Why it moved"),
    "promises": mark("What we promised"),
    "worth": mark("What you got back"),
    "next": mark("What is next"),
    "goals": mark("Your goals"),
    "curve": mark("After onboarding"),
    "directions": mark("Who needs attention"),
    "above": mark("Where the hours go"),
    "billing": mark("Contracts"),
    "data": mark("The data"),
    "decisions": mark("Decisions"),
}


def write(review: Review, path: Path, brand: Brand | None = None, *, notes: bool = True) -> Path:
    """Write the review's deck; the same review and brand give the same bytes.

    Parameters
    ----------
    review : Review
    path : Path
        The .pptx to write.
    brand : Brand, optional
        Colour, logo and template; the review's own by default.
    notes : bool
        Whether the slides have speaker notes; the copy that is sent has none.

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
    if review.logo:
        template.check_logo(review.logo)
    with speaking(review.language):
        _cover(deck, review, brand, notes)
        for section in review.sections:
            if section.shown:
                _section(deck, review, section, brand, notes)
    _properties(deck, review)
    template.save(deck, Path(path))
    return Path(path)


def _cover(deck: Deck, review: Review, brand: Brand, notes: bool) -> None:
    cover, places = add(deck, "Cover")
    put(places["Title"], [review.client])
    put(places["Subtitle"], [t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)])
    when = [t("Review meeting, {day}", day=day(pd.Timestamp(review.meeting)))] if review.meeting else []
    put(places["Prepared by"], [*when, t("Prepared by {msp}", msp=review.msp)])
    shown = [s for s in review.sections if s.shown]
    lines = [f"{i}   {t(AGENDA[s.key])}" for i, s in enumerate(shown, 2) if s.key in AGENDA and not s.appendix]
    last = t("Appendix")
    appendix = [f"{i}   {last}" for i, s in enumerate(shown, 2) if s.appendix][:1]
    put(places["Agenda"], [t("Today"), *lines, *appendix], strong=(0,))
    if notes:
        note(cover, t("Send the deck a day or two before the meeting."))
    logos = [(path, name, i) for i, (path, name) in enumerate(_logos(review, brand)) if path]
    for path, name, i in logos:
        _logo(cover, path, name, (1.633 + 6.2 * i, 15.6, 5.0, 1.6), white=True)


def _logos(review: Review, brand: Brand) -> tuple[tuple[str, str], tuple[str, str]]:
    """The provider's logo and the client's, with whose they are."""
    return (brand.logo, review.msp), (review.logo, review.client)


def _logo(on: Slide, path: str, name: str, box: tuple[float, float, float, float], white: bool = False) -> None:
    """A picture as large as fits its box (left, top, widest, highest, in cm); `white` on a dark ground."""
    left, top, widest, highest = (Cm(v) for v in box)
    picture: Any = on.shapes.add_picture(path, left, top)
    scale = min(widest / picture.width, highest / picture.height)
    picture.width, picture.height = Emu(int(picture.width * scale)), Emu(int(picture.height * scale))
    picture._pic.nvPicPr.cNvPr.set("descr", t("Logo of {msp}", msp=name))
    if white:
        geometry = picture._pic.spPr.find(qn("a:prstGeom"))
        geometry.addnext(parse_xml(f'<a:solidFill {nsdecls("a")}><a:schemeClr val="bg1"/></a:solidFill>'))


def _section(deck: Deck, review: Review, section: Section, brand: Brand, notes: bool) -> None:
    """One slide, by the section's layout."""
    kind = section.layout if section.table is not None else "text"
    rows = section.table if section.table is not None else pd.DataFrame()
    places = slide(deck, LAYOUT[kind], review, section, brand, notes)
    for name, head in zip(HEADS.get(LAYOUT[kind], ()), section.charts, strict=False):
        put(places[name], [head], heads=True)
    left, right = section.paragraphs[: section.left], section.paragraphs[section.left :]
    match kind:
        case "quarter":
            _quarter(places, review, section, rows)
        case "months":
            charts.months_chart(places["Chart"], section)
        case "ages":
            charts.ages_chart(places["Chart"], section)
        case "why":
            charts.bridge_chart(places["Left chart"], rows[rows["kind"] == "bridge"], section.charts[0])
            charts.change_chart(places["Right chart"], rows[rows["kind"] == "cause"], section.charts[1])
            boxes(places, left, right)
        case "worth":
            _worth(places, section, rows)
            boxes(places, left, right)
        case "promises":
            _fill(places["Table"], section, rows, tall=Cm(1.8))
            boxes(places, section.paragraphs[:1], section.paragraphs[1:])
        case "plan":
            _fill(places["Table"], section, rows, tall=Cm(3.2))
        case "table":
            _fill(places["Table"], section, rows, tall=Cm(1.4))
            put(places["Body"], section.paragraphs, heads=True, own_line=True)
        case _:
            put(places["Body"], section.paragraphs)
    if section.footnote:
        put(places["Note"], [section.footnote])
    else:
        remove(places["Note"])


def _worth(places: dict[str, Any], section: Section, rows: pd.DataFrame) -> None:
    """Pace and hours given back, this quarter in the brand's tint."""
    for name, kind, now, head in zip(
        ("Left chart", "Right chart"), ("pace", "hours"), (-1, 0), section.charts, strict=True
    ):
        part = rows[rows["kind"] == kind]
        kinds = ["before"] * len(part)
        kinds[now] = "now"
        charts.ranges_chart(places[name], part.assign(kind=kinds), head)


def _quarter(places: dict[str, Any], review: Review, section: Section, rows: pd.DataFrame) -> None:
    """The number with its range and goal, the chart of levels, and three boxes."""
    put(places["Number"], [number(review.minutes)])
    levels, goal = rows[rows["key"] != "goal"], rows[rows["key"] == "goal"].iloc[0]
    now = levels[levels["key"] == "now"]
    spread = [t("range {low} to {high}", low=x.low, high=x.high) for x in now.itertuples() if pd.notna(x.low)]
    put(
        places["Number label"],
        [review.unit, *spread, goal["item"]],
        strong=(0,),
        warn=goal["item"].startswith("▲"),
    )
    kinds = levels["key"].map({"now": "now", "forecast": "forecast", "ahead": "forecast"}).fillna("before")
    shown = levels.assign(value=levels["minutes"], kind=kinds).dropna(subset=["low"])
    charts.ranges_chart(places["Chart"], shown, section.charts[0], float(goal["minutes"]))
    for i, text in enumerate(section.paragraphs[:3], 1):
        put(places[f"Box {i}"], [text], heads=True, own_line=True)
    for i in range(len(section.paragraphs) + 1, 4):
        remove(places[f"Box {i}"])


def boxes(places: dict[str, Any], left: Sequence[str], right: Sequence[str]) -> None:
    """Two texts below two charts."""
    for name, texts in (("Left text", left), ("Right text", right)):
        put(places[name], texts, heads=True) if texts else remove(places[name])


def remove(place: Any) -> None:
    """Take an empty placeholder off its slide."""
    place._element.getparent().remove(place._element)


def _fill(place: Any, section: Section, rows: pd.DataFrame, tall: int = 0) -> None:
    """The columns that have a heading; sums bold, second lines grey, decisions tinted; rows grow to `tall`."""
    records = rows.astype(object).to_dict("records")
    cells = [[_cell(record, column) for column in section.heads] for record in records]
    strong = [i for i, record in enumerate(records) if record.get("kind") == "result"]
    asked = [list(section.heads).index("decision")] if "decision" in section.heads else []
    tinted = [(i, c) for i, record in enumerate(records) for c in asked if record["decision"]]
    title = t("Table: {title}", title=section.title)
    table.fill(place, list(section.heads.values()), cells, title, strong=strong, tinted=tinted, tall=tall)


def _cell(record: dict[Any, Any], column: str) -> tuple[str, str]:
    """A cell's text and its second line."""
    value = record[column]
    second = {"found": "evidence", "action": "detail"}.get(column, "")
    if column == "decision":
        return (t("□ Yes   □ No") if value else t("none needed")), ""
    if column == "saves":
        if not np.isfinite(value):
            return "–", ""
        spread = t("{low} to {high}", low=float(record["saves_low"]), high=float(record["saves_high"]))
        return t("{minutes}", minutes=float(value)), spread
    if isinstance(value, pd.Timestamp):
        return day(value), ""
    if not isinstance(value, float):
        return str(value), str(record.get(second, ""))
    return (percent(value) if column == "share" else number(value)), ""


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


def slide(
    deck: Deck, layout_name: str, review: Review, section: Section, brand: Brand, notes: bool
) -> dict[str, Any]:
    """A slide with title, footer, logos, number and notes; the caller fills the other placeholders."""
    made, places = add(deck, layout_name)
    title = t("Appendix: {title}", title=section.title) if section.appendix else section.title
    put(places["Title"], [title], balance=True)
    what = t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)
    layout: Any = made.slide_layout
    logos = _logos(review, brand)
    for base in layout._element.iter(qn("p:sp")):
        if base.shape_name in ("Footer", "Slide Number"):
            element = copy.deepcopy(base)
            made.shapes._spTree.append(element)
            if base.shape_name == "Footer":
                shape: Any = SlideShapeFactory(element, made.shapes)
                if logos[0][0]:
                    shape.left, shape.top, shape.width, shape.height = Cm(5.2), shape.top, Cm(19.0), shape.height
                put(shape, [f"{what}  ·  {review.client}"])
    for (path, name), left in zip(logos, (1.633, 26.4), strict=True):
        if path:
            _logo(made, path, name, (left, 17.9, 3.2, 0.8))
    if notes:
        note(made, section.notes or t("The figures behind this slide are in the workbook beside the deck."))
    return places


def put(
    place: Any,
    paragraphs: Sequence[str],
    *,
    heads: bool = False,
    own_line: bool = False,
    balance: bool = False,
    strong: Sequence[int] = (),
    warn: bool = False,
) -> None:
    """Write paragraphs at the largest size that fits; text too long for the smallest is cut.

    With `heads`, what comes before the first ": " is bold, on a line of its own if asked; `strong` paragraphs are
    bold, and the last has the warning colour with `warn`. A balanced text ends in no lone word.
    """
    base = place._base_placeholder  # asked once: each of its properties would look it up again
    usual, bold, indent = style(base)
    box = ((base.width - indent) / Pt(1), base.height / Pt(1))
    if place.name == "Footer":
        box = (place.width / Pt(1), box[1])
    smallest = min(SMALLEST.get(place.name, SMALLEST_BODY), usual or USUAL)
    texts = [fit_text.plain(text) or "–" for text in paragraphs]
    parts = [_head(text) if heads else ("", text) for text in texts]
    if own_line:
        parts = [
            part for head, text in parts for part in ((("", head + "\0"), ("", text)) if head else (("", text),))
        ]
    lines = [f"{head}: {text}" if head else text.removesuffix("\0") for head, text in parts]
    size = fit_text.fit_size(lines, box, usual or USUAL, smallest, bold or heads)
    if len(parts) == 1:
        parts = [(parts[0][0], fit_text.shorten(parts[0][1], box, size, bold or heads))]
    if balance:
        parts = [("", fit_text.balanced(parts[0][1], box[0], size, bold))]
    frame, given = place.text_frame, size if size != usual else None
    frame.clear()
    for i, (head, text) in enumerate(parts):
        paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
        if head:
            _run(paragraph, f"{head}: ", given, bold=True)
        if text.endswith("\0"):  # a head on its own line
            _run(paragraph, text.removesuffix("\0"), given, bold=True, colour=MSO_THEME_COLOR.ACCENT_1)
            paragraph.space_after = Pt(0)
            continue
        colour = MSO_THEME_COLOR.ACCENT_3 if warn and i == len(parts) - 1 else None
        _run(paragraph, text, given, bold=True if i in strong else None, colour=colour)


def _head(text: str) -> tuple[str, str]:
    """A paragraph's head, before ": ", and the rest; no head where that is long."""
    head, mark, rest = text.partition(": ")
    return (head, rest) if mark and len(head) <= LONGEST_HEAD else ("", text)


def _run(paragraph: Any, text: str, size: float | None, bold: bool | None = None, colour: Any = None) -> None:
    """Add text to a paragraph, in a look of its own where one is given; a line break stays one."""
    for i, line in enumerate(text.split("\v")):
        if i:
            paragraph.add_line_break()
        run = paragraph.add_run()
        run.text = line
        if size is not None:
            run.font.size = Pt(size)
        if bold is not None:
            run.font.bold = bold
        if colour is not None:
            run.font.color.theme_color = colour


def style(base: Any) -> tuple[float, bool, int]:
    """Return size in points (0 if it has none), weight and left indent (EMU) of a placeholder."""
    level = base._element.find(f".//{qn('a:lvl1pPr')}")
    given = None if level is None else level.find(qn("a:defRPr"))
    if given is None or not given.get("sz"):
        return 0.0, False, 0
    return int(given.get("sz")) / 100, given.get("b") == "1", int(level.get("marL", 0))
