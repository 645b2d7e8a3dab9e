"""`Review` -> .pptx: one slide per section, from a template's layouts and named placeholders.

Titles and sentences come with the sections, from the room `review`; here they are placed.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.presentation import Presentation as Deck
from pptx.shapes.placeholder import ChartPlaceholder, TablePlaceholder
from pptx.shapes.shapetree import SlideShapeFactory
from pptx.slide import Slide
from pptx.util import Cm, Emu, Pt

from rhem_lib.deck import charts, fit_text, table, template
from rhem_lib.errors import SettingsError
from rhem_lib.language import count, day, mark, number, sentence_case, speaking, t
from rhem_lib.review import Review, Section
from rhem_lib.settings import Brand

SMALLEST = {"Title": 18, "Footer": 9, "Number": 40, "Note": 8}
SMALLEST_BODY, USUAL, LONGEST_HEAD = 10, 18.0, 40
HEAD_GAP = 5  # points above a head, which has none below it: text is measured with as much between all paragraphs
HALF = 0.48  # of a page, for a picture beside paragraphs
HEAD = Cm(0.75)  # line above a chart
LOGO, GAP = Cm(3.2), Cm(0.5)  # the widest of a footer's logos, and the gap beside it
BELOW = ("Left text", "Right text")  # a table
LEAD = ("found", "action", "goal", "question")  # columns in bold
Write = Callable[..., None]
Box = tuple[int, int, int, int]
LAYOUT = {
    "quarter": "Quarter", "months": "Chart", "ages": "Chart", "why": "Two charts", "worth": "Two charts",
    "promises": "Table over text", "evidence": "Table over text", "plan": "Table", "table": "Table and text",
    "text": "Text",
}  # fmt: skip
HEADS = {
    "Quarter": ("Chart head",),
    "Chart": ("Chart head",),
    "Two charts": ("Left chart head", "Right chart head"),
}
AGENDA = {
    "quarter": mark("The quarter in one page"),
    "minutes": mark("Month by month"),
    "why": mark("Where the time went"),
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
    with speaking(review.language), fit_text.measured_in(template.faces(deck)):
        _cover(deck, review, brand, notes)
        for section in review.sections:
            if section.shown:
                _section(deck, review, section, brand, notes)
    _properties(deck, review)
    template.save(deck, Path(path), review.language)
    return Path(path)


def _cover(deck: Deck, review: Review, brand: Brand, notes: bool) -> None:
    cover, places = add(deck, "Cover")
    put(places["Title"], [review.client])
    put(places["Subtitle"], [t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)])
    when = [t("Review meeting, {day}", day=day(pd.Timestamp(review.meeting)))] if review.meeting else []
    put(places["Prepared by"], [*when, t("Prepared by {msp}", msp=review.msp)])
    shown = [s for s in review.sections if s.shown]
    gap = 3 * "\N{NO-BREAK SPACE}"
    lines = [f"{i}{gap}{_agenda(s)}" for i, s in enumerate(shown, 2) if not s.appendix]
    asks = [i for i, s in enumerate(shown, 1) if not s.appendix and _asked(s)]
    last = t("Appendix")
    appendix = [f"{i}{gap}{last}" for i, s in enumerate(shown, 2) if s.appendix][:1]
    put(places["Agenda"], [t("Today"), *lines, *appendix], strong=(0, *asks))
    if notes:
        note(cover, t("Send the deck a day or two before the meeting."))
    logos = [(path, name, i) for i, (path, name) in enumerate(_logos(review, brand)) if path]
    for path, name, i in logos:
        box = (Cm(1.633 + 6.2 * i), Cm(15.6), Cm(5.0), Cm(1.6))
        _picture(cover, path, t("Logo of {msp}", msp=name), box, white=True)


def _agenda(section: Section) -> str:
    """A line of the agenda; with the number of decisions where some are asked for."""
    line, asked = t(AGENDA[section.key]) if section.key in AGENDA else section.title, _asked(section)
    return count(asked, "{line}: one decision", "{line}: {word} decisions", line=line) if asked else line


def _asked(section: Section) -> int:
    """How many decisions the page on what is next asks for."""
    return int(section.table["decision"].sum()) if section.key == "next" and section.table is not None else 0


def _logos(review: Review, brand: Brand) -> tuple[tuple[str, str], tuple[str, str]]:
    """The provider's logo and the client's, with whose they are."""
    return (brand.logo, review.msp), (review.logo, review.client)


def _picture(on: Slide, path: str, text: str, box: Box, white: bool = False) -> None:
    """A picture as large as fits its box (left, top, widest, highest); `white` on a dark ground."""
    picture: Any = on.shapes.add_picture(path, Emu(box[0]), Emu(box[1]))
    scale = min(box[2] / picture.width, box[3] / picture.height)
    picture.width, picture.height = Emu(int(picture.width * scale)), Emu(int(picture.height * scale))
    picture._pic.nvPicPr.cNvPr.set("descr", text)
    if white:
        geometry = picture._pic.spPr.find(qn("a:prstGeom"))
        geometry.addnext(parse_xml(f'<a:solidFill {nsdecls("a")}><a:schemeClr val="bg1"/></a:solidFill>'))


def _section(deck: Deck, review: Review, section: Section, brand: Brand, notes: bool) -> None:
    """One slide, by the section's layout."""
    kind, footnote = section.layout if section.table is not None else "text", section.footnote
    rows = section.table if section.table is not None else pd.DataFrame()
    places = slide(deck, LAYOUT[kind], review, section, brand, notes)
    headed = list(zip(HEADS.get(LAYOUT[kind], ()), section.charts, strict=False))
    for name, head in headed:
        put(places[name], [head], heads=True, unit=True)
    alike([places[name] for name, _ in headed])
    write = partial(put, whole=section.title if section.edited else "")
    left, right = section.paragraphs[: section.left], section.paragraphs[section.left :]
    match kind:
        case "quarter":
            _quarter(places, review, section, rows, write)
        case "months":
            over = charts.months_chart(places["Chart"], section)
            footnote += " " + t("At its highest it runs above the scale.") if over and not section.edited else ""
        case "ages":
            charts.ages_chart(places["Chart"], section)
        case "why":
            charts.bridge_chart(places["Left chart"], rows[rows["kind"] == "bridge"], section.charts[0])
            charts.change_chart(places["Right chart"], rows[rows["kind"] == "cause"], section.charts[1])
            boxes(places, left, right, write)
        case "worth":
            _worth(places, section, rows)
            boxes(places, left, right, write)
        case "promises":
            _promises(places, section, rows)
            boxes(places, left, right, write)
        case "evidence":
            _evidence(places, section, rows, right, write)
        case "plan":
            _fill(places["Table"], section, rows, tall=min(Cm(6), places["Table"].height // (len(rows) + 1)))
        case "table":
            _fill(places["Table"], section, rows, tall=min(Cm(2.6), places["Table"].height // (len(rows) + 1)))
            write(places["Body"], section.paragraphs, heads=True, own_line=True)
        case _:
            _text(places["Body"], section, write)
    write(places["Note"], [footnote]) if footnote else remove(places["Note"])


def _worth(places: dict[str, Any], section: Section, rows: pd.DataFrame) -> None:
    """Pace and hours given back, this quarter in the brand's tint."""
    for name, kind, now, head in zip(
        ("Left chart", "Right chart"), ("pace", "hours"), (-1, 0), section.charts, strict=True
    ):
        part = rows[(rows["kind"] == kind) & (rows["value"] >= 0)]
        kinds = ["before"] * len(part)
        kinds[now] = "now"
        charts.ranges_chart(places[name], part.assign(kind=kinds), head)


def _promises(places: dict[str, Any], section: Section, rows: pd.DataFrame) -> None:
    """The table of promises; below it our forecasts against what came, or the months of one's cause."""
    made, months = rows[rows["kind"] == "promise"], rows[rows["kind"] == "evidence"]
    _fill(places["Table"], section, made, tall=Cm(2.4))
    if section.charts:
        room = _headed(places.pop("Left text"), section.charts[0])
        if len(months):
            charts.cause_chart(room, months, section.charts[0])
        else:
            charts.forecasts_chart(room, rows[rows["kind"] == "forecast"], section.charts[0])


def _headed(text: Any, head: str) -> charts.Room:
    """Make a text the head of a chart; return the room below it."""
    left, top, width, height = text.left, text.top, text.width, text.height
    _place(text, (left, top, width, HEAD))
    put(text, [head], heads=True, unit=True)
    return charts.Room(text.part.slide, (left, top + HEAD, width, height - HEAD))


def _evidence(
    places: dict[str, Any], section: Section, rows: pd.DataFrame, ahead: Sequence[str], write: Write
) -> None:
    """The table of one or two actions; below it the months of their causes, or what comes."""
    shown = rows[rows["kind"] == "action"]
    _fill(places["Table"], section, shown, tall=Cm(5.2) // len(shown))
    months = [part for _, part in rows[rows["kind"] == "evidence"].groupby("cause", sort=False)]
    for name, part, head in zip(BELOW, months, section.charts, strict=False):
        charts.cause_chart(_headed(places[name], head), part, head)
    texts = [ahead] if len(months) == 1 else [[one] for one in ahead]
    left = [places[name] for name in BELOW[len(months) :]]
    for place, text in zip(left, texts, strict=False):
        write(place, text)
    alike(left)


def _text(place: Any, section: Section, write: Write) -> None:
    """Paragraphs, and a picture beside them or in their place."""
    if not section.picture:
        write(place, section.paragraphs)
        return
    template.check_logo(section.picture)
    slide, left, top, width, height = place.part.slide, place.left, place.top, place.width, place.height
    beside = int(HALF * width) if section.paragraphs else 0
    box = (left + width - (beside or width), top, beside or width, height)
    _picture(slide, section.picture, t("Picture: {title}", title=section.title), box)
    if section.paragraphs:
        _place(place, (left, top, beside, height))
        write(place, section.paragraphs)
    else:
        remove(place)


def _place(shape: Any, box: Box) -> None:
    """Move a shape: left, top, width, height."""
    shape.left, shape.top, shape.width, shape.height = (Emu(v) for v in box)


def _quarter(places: dict[str, Any], review: Review, section: Section, rows: pd.DataFrame, write: Write) -> None:
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
        write(places[f"Box {i}"], [text], heads=True, own_line=True)
    alike([places[f"Box {i + 1}"] for i in range(len(section.paragraphs[:3]))])
    for i in range(len(section.paragraphs) + 1, 4):
        remove(places[f"Box {i}"])


def boxes(places: dict[str, Any], left: Sequence[str], right: Sequence[str], write: Write) -> None:
    """Two texts below two charts, or beside one."""
    written = []
    for name, texts in (("Left text", left), ("Right text", right)):
        if name in places:
            write(places[name], texts, heads=True) if texts else remove(places[name])
            written += [places[name]] if texts else []
    alike(written)


def alike(places: Sequence[Any]) -> None:
    """Give texts beside each other one size, the smallest of theirs."""
    runs = [run for place in places for line in place.text_frame.paragraphs for run in line.runs]
    smaller = [run.font.size for run in runs if run.font.size is not None]  # without one: the usual, larger size
    for run in runs if smaller else []:
        run.font.size = min(smaller)


def remove(place: Any) -> None:
    """Take an empty placeholder off its slide."""
    place._element.getparent().remove(place._element)


def _fill(place: Any, section: Section, rows: pd.DataFrame, tall: int = 0) -> None:
    """The columns that have a heading; sums bold, second lines grey, decisions tinted; rows grow to `tall`."""
    records, cells = rows.to_dict("records"), replace(section, table=rows).cells
    strong = [i for i, record in enumerate(records) if record.get("kind") == "result"]
    asked = [list(section.heads).index("decision")] if "decision" in section.heads else []
    tinted = [(i, c) for i, record in enumerate(records) for c in asked if record["decision"]]
    title = t("Table: {title}", title=section.title)
    lead = [i for i, column in enumerate(section.heads) if column in LEAD]
    heads = list(section.heads.values())
    table.fill(place, heads, cells, title, strong=strong, lead=lead, tinted=tinted, tall=tall)


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
    bases = {_idx(base._element): base for base in layout.placeholders}
    places: dict[str, Any] = {}
    for shape in made.shapes:  # a new slide has placeholders only
        place: Any = shape
        place.base = base = bases[_idx(shape._element)]  # python-pptx looks it up for every property
        place.name = base.name
        places[base.name] = place
        if isinstance(place, ChartPlaceholder | TablePlaceholder):  # asked for its place again and again
            _place(place, (base.left, base.top, base.width, base.height))
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
    put(places["Title"], [title], balance=True, whole=section.title if section.edited else "")
    what = t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)
    head, foot, top = places["Title"], _foot(made), int(deck.slide_height or 0) - Cm(1.1)
    (own, theirs), lefts = _logos(review, brand), (head.left, head.left + head.width - Cm(2.63) - LOGO)
    if foot:
        top = foot.top
        if own[0]:
            _place(foot, (foot.left + LOGO + GAP, top, foot.width - LOGO - GAP, foot.height))
        put(foot, [f"{what}  ·  {review.client}"])
    for (path, name), left in zip((own, theirs), lefts, strict=True):
        if path:
            _picture(made, path, t("Logo of {msp}", msp=name), (left, top - Cm(0.05), LOGO, Cm(0.8)))
    if notes:
        note(made, section.notes or t("The figures behind this slide are in the workbook beside the deck."))
    return places


def _foot(made: Slide) -> Any:
    """Copy footer and number from the layout, which python-pptx leaves out; return the footer, if there is one."""
    layout, foot = cast(Any, made.slide_layout), None
    for base in layout._element.iter(qn("p:sp")):
        if base.shape_name in ("Footer", "Slide Number"):
            element = copy.deepcopy(base)
            made.shapes._spTree.append(element)
            if base.shape_name == "Footer":
                foot = cast(Any, SlideShapeFactory(element, made.shapes))
                foot.base = foot._base_placeholder
    return foot


def put(  # noqa: PLR0913  each is a way to write
    place: Any,
    paragraphs: Sequence[str],
    *,
    heads: bool = False,
    own_line: bool = False,
    unit: bool = False,
    balance: bool = False,
    strong: Sequence[int] = (),
    warn: bool = False,
    whole: str = "",
) -> None:
    """Write paragraphs at the largest size that fits; text too long for the smallest is cut.

    With `heads`, what comes before the first ": " is bold, on a line of its own if asked, and with `unit` the rest
    is grey; `strong` paragraphs are bold, and the last has the warning colour with `warn`. A balanced text ends in
    no lone word. On the slide `whole`, whose words are a person's, text that does not fit is an error.
    """
    base = place.base
    usual, bold, indent = style(base)
    sized = place if place._element.spPr.find(qn("a:xfrm")) is not None else base
    box = ((sized.width - indent) / Pt(1), sized.height / Pt(1))
    smallest = min(SMALLEST.get(place.name, SMALLEST_BODY), usual or USUAL)
    texts = [fit_text.plain(text) or "–" for text in paragraphs]
    parts = [_head(text) if heads else ("", text) for text in texts]
    if own_line:
        parts = [
            part for head, text in parts for part in ((("", head + "\0"), ("", text)) if head else (("", text),))
        ]
    lines = [f"{head}: {text}" if head else text.removesuffix("\0") for head, text in parts]
    size = fit_text.fit_size(lines, box, usual or USUAL, smallest, bold or heads)
    if whole:
        _check_room(lines, box, size, bold or heads, whole)
    texts = fit_text.cut([text for _, text in parts], box, size, bold or heads)
    if balance:
        texts = [fit_text.balanced(texts[0], box[0], size, bold)]
    written = [(head, text) for (head, _), text in zip(parts, texts, strict=True)]
    colours = [MSO_THEME_COLOR.ACCENT_4 if unit and head else None for head, _ in written]
    colours[-1] = MSO_THEME_COLOR.ACCENT_3 if warn else colours[-1]
    place.text_frame.clear()
    _paragraphs(place.text_frame, written, size if size != usual else None, colours, strong)


def _paragraphs(
    frame: Any, parts: list[tuple[str, str]], size: float | None, colours: list[Any], strong: Sequence[int]
) -> None:
    """Write paragraphs; a head is bold, before its text or, where that ends in a null, on a line of its own."""
    for i, ((head, text), colour) in enumerate(zip(parts, colours, strict=True)):
        paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
        if head:
            _run(paragraph, head + ("  " if colour == MSO_THEME_COLOR.ACCENT_4 else ": "), size, bold=True)
        if text.endswith("\0"):
            _run(paragraph, text.removesuffix("\0"), size, bold=True, colour=MSO_THEME_COLOR.ACCENT_1)
            paragraph.space_before, paragraph.space_after = Pt(HEAD_GAP if i else 0), Pt(0)
        else:
            _run(paragraph, text, size, bold=True if i in strong else None, colour=colour)


def _check_room(lines: list[str], box: tuple[float, float], size: float, bold: bool, page: str) -> None:
    """Refuse words of a person that do not fit even small, by the paragraph at which the room ends."""
    for n, line in enumerate(lines, 1):
        if fit_text.text_height(lines[:n], box[0], size, bold) > box[1]:
            shown = f"'{line[:60]}{'…' * (len(line) > 60)}' on the page '{fit_text.plain(page)[:60]}'"
            what = f"this text does not fit, not even at {size:.0f} points: {shown} (paragraph {n})."
            before = f" or the {n - 1} before it" if n > 1 else ""
            raise SettingsError(what, where="text or pages of a client", fix=f"Shorten it{before}.")


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
