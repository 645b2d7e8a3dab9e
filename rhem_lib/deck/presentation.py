"""`Review` -> .pptx: one slide per section, from the layouts of a template by the names of their placeholders."""

from pathlib import Path
from typing import Any

import pandas as pd
from pptx.presentation import Presentation as Deck
from pptx.util import Emu, Inches

from rhem_lib.deck import charts, table, template
from rhem_lib.deck.slide import add, note, put, slide
from rhem_lib.language import day, mark, number, percent, sentence_case, speaking, t
from rhem_lib.review import Review, Section
from rhem_lib.settings import Brand

APPENDIX_SIZE = 18
MOST_COMPUTERS = 5
WIDE = {1: 0.7, 2: 0.56, 3: 0.4}  # share of the first column, by the number of others
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
    "client": mark("Client"),
    "direction": mark("Direction"),
    "minutes": mark("Minutes"),
    "expected": mark("Expected"),
    "excess": mark("Hours above the line"),
    "contract": mark("Contract"),
    "clients": mark("Clients"),
    "start": mark("Minutes at the start"),
    "halving": mark("Months to halve"),
    "hours": mark("Hours"),
    "share": mark("Share"),
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
    deck = template.open_template(brand)
    with speaking(review.language):
        _cover(deck, review, brand)
        for section in review.sections:
            if section.shown:
                _WRITERS.get(section.key, _text)(deck, review, section)
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


def _quarter(deck: Deck, review: Review, section: Section) -> None:
    places = slide(deck, "Headline", review, section)
    put(places["Number"], [number(review.minutes)])
    put(places["Number label"], [review.unit, *_beside(section)])
    put(places["Body"], section.paragraphs)


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
    if section.table is None:
        return _text(deck, review, section)
    places = slide(deck, "Chart", review, section)
    charts.minutes_chart(places["Chart"], section, review.target_minutes, review.unit)
    put(places["Body"], section.paragraphs)
    return None


def _directions(deck: Deck, review: Review, section: Section) -> None:
    """Clients by direction as bars; those that do not improve by name."""
    of_kind = dict(iter(section.table.groupby("kind"))) if section.table is not None else {}
    places = slide(deck, "Chart and table" if "client" in of_kind else "Chart", review, section)
    charts.bar_chart(places["Chart"], of_kind["direction"], "clients", t("Clients by direction"))
    if "client" in of_kind:
        rows = [[row["name"], row["direction"], number(row["minutes"])] for _, row in of_kind["client"].iterrows()]
        heads = [t(HEADS[name]) for name in ("client", "direction", "minutes")]
        table.fill(places["Table"], heads, rows, (0.5, 0.28, 0.22), t("Table: {title}", title=section.title))
    put(places["Body"], section.paragraphs)


def _parts(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    places = slide(deck, "Two charts", review, section)
    for place, (_, rows) in zip(("Left chart", "Right chart"), section.table.groupby("measure"), strict=True):
        charts.part_chart(places[place], rows, rows["unit"].iloc[0])
    put(places["Body"], section.paragraphs)
    return None


def _causes(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    title = t("Top causes: {unit}", unit=review.unit)
    of_kind = dict(iter(section.table.groupby("kind")))
    if "computer" not in of_kind:
        places = slide(deck, "Chart", review, section)
    else:
        places = slide(deck, "Chart and table", review, section)
        rows = [[row["name"], number(row["minutes"]), percent(row["share"]), number(row["problems"])]
                for _, row in of_kind["computer"].head(MOST_COMPUTERS).iterrows()]  # fmt: skip
        heads = [t("Noisiest computers"), t("Minutes"), t("Share"), t("Problems")]
        table.fill(places["Table"], heads, rows, (0.4, 0.19, 0.17, 0.24), t("Table: noisiest computers"))
    charts.bar_chart(places["Chart"], of_kind["cause"], "minutes", title)
    put(places["Body"], section.paragraphs)
    return None


def _worth(deck: Deck, review: Review, section: Section) -> None:
    if section.table is None:
        return _text(deck, review, section)
    places = slide(deck, "Text and table", review, section)
    rows = [
        [t("{item} (assumption)", item=row["item"]), number(row["own_start"], 2), number(row["reference"], 2)]
        if row["kind"] == "assumption"
        else [row["item"], number(row["own_start"]), number(row["reference"])]
        for _, row in section.table.iterrows()
    ]
    strong = [i for i, kind in enumerate(section.table["kind"]) if kind == "result"]
    heads = ["", t("Your own start"), t("Reference start")]
    table.fill(places["Table"], heads, rows, (0.6, 0.2, 0.2), t("Table: what the time is worth"), strong)
    put(places["Body"], section.paragraphs)
    return None


def _listed(deck: Deck, review: Review, section: Section) -> None:
    """A wide table with room in its rows: findings, actions, decisions."""
    if section.table is None:
        return _text(deck, review, section)
    places = slide(deck, "Table", review, section)
    heads = [t(HEADS[name]) for name in section.table]
    rows = [[_cell(value) for value in row] for row in section.table.itertuples(index=False)]
    widths = {4: (0.4, 0.34, 0.12, 0.14)}.get(len(heads), (0.6, 0.4))
    table.fill(places["Table"], heads, rows, widths, t("Table: {title}", title=section.title), tall=True)
    said = section.paragraphs if section.key == "next" else (section.notes,)
    put(places["Body"], said)
    return None


def _cell(value: object, column: str = "") -> str:
    if isinstance(value, float):
        return percent(value) if column == "share" else number(value, 1 if column == "value" else 0)
    return day(value) if isinstance(value, pd.Timestamp) else str(value)


def _beside_table(deck: Deck, review: Review, section: Section) -> None:
    """Paragraphs with a table beside them; the first column is the widest if numbers follow."""
    if section.table is None:
        return _text(deck, review, section)
    places = slide(deck, "Text and table", review, section)
    heads = [t(HEADS[name]) for name in section.table]
    rows = [
        [_cell(value, name) for name, value in row.items()]
        for row in section.table.astype(object).to_dict("records")
    ]
    rest = len(heads) - 1
    first = 0.3 if rest == 1 and not pd.api.types.is_numeric_dtype(section.table.iloc[:, -1]) else WIDE[rest]
    widths = (first, *[(1 - first) / rest] * rest)
    table.fill(places["Table"], heads, rows, widths, t("Table: {title}", title=section.title))
    put(places["Body"], section.paragraphs)
    return None


def _text(deck: Deck, review: Review, section: Section) -> None:
    largest = APPENDIX_SIZE if section.appendix else None
    put(slide(deck, "Text", review, section)["Body"], section.paragraphs, largest)


_WRITERS = {
    "quarter": _quarter,
    "minutes": _minutes,
    "fewer_or_faster": _parts,
    "causes": _causes,
    "worth": _worth,
    "less_well": _listed,
    "next": _listed,
    "decisions": _listed,
    "counted": _beside_table,
    "quality": _beside_table,
    "curve": _minutes,
    "directions": _directions,
    "above": _beside_table,
    "billing": _beside_table,
    "data": _beside_table,
}


def _properties(deck: Deck, review: Review) -> None:
    """Fixed dates: those of the quarter, not of the run."""
    core = deck.core_properties
    end = pd.Period(review.quarter, freq="Q").end_time.floor("s").to_pydatetime()
    core.title, core.author, core.last_modified_by = f"{review.client}: {review.quarter}", review.msp, review.msp
    core.subject, core.keywords, core.comments = f"{review.noun.capitalize()} review", "", ""
    core.created = core.modified = core.last_printed = end
    core.revision = 1
