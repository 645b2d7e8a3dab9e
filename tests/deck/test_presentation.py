"""Deck: the saved file is opened again and held against its review."""

import re
import shutil
import zipfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import make_review_template
import numpy as np
import pandas as pd
import pytest
from deck_check import problems
from lxml import etree
from PIL import Image
from pptx import Presentation
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml.ns import qn
from pptx.util import Cm, Emu, Pt
from review_data import make_entries, make_fit, make_panel, make_review

from rhem_lib.deck import convert, fit_text, table, template
from rhem_lib.deck.places import Places
from rhem_lib.deck.presentation import write
from rhem_lib.errors import SettingsError
from rhem_lib.language import number, percent
from rhem_lib.settings import Brand, ClientSettings, QuarterSettings, Settings, Value

NAMES = (
    "../../etc/passwd",
    "=HYPERLINK(\"http://x\",\"y\")",
    "<script>alert(1)</script>",
    "Precision Manufacturing and International Logistics Company of Southern Jutland A/S",
    "W" * 80,
    "東京都港区赤坂株式会社ネットワークサービス" * 3,
    "شركة الخدمات التقنية المحدودة في الشرق الأوسط",
    "Café 🏥🏥🏥 & Søn ‘Quotes’ \"Double\"",
)  # fmt: skip


def gappy():
    panel = make_panel().drop(index=[5, 16])
    panel.loc[17, ["exposure", "flags"]] = [20.0, "partial-month carried-endpoints"]
    panel["unclassified_hours"] = 3.0
    return panel


def quiet():
    panel = make_panel()
    panel.loc[panel.index[-3:], ["reactive_hours", "reactive_tickets", "rhem_h"]] = 0.0
    return panel


@pytest.fixture(scope="module")
def reviews():
    return {
        "usual": make_review(settings=Settings(name="Northwind IT", value=Value(wage_per_hour=38.5))),
        "gaps": make_review(gappy()),
        "zero": make_review(quiet()),
        "new": make_review(make_panel(months=2, endpoints=1.0), make_fit(("other",))),
        "old": make_review(make_panel(months=130), make_fit(half_life_months=30.0)),
        "no computers": make_review(entries=make_entries(make_panel()).assign(device_id=None, category=None)),
        "no fit": make_review(fit=replace(make_fit(), usable=False)),
        **{name: make_review(make_panel(name), client=name) for name in NAMES},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory, reviews):
    target = tmp_path_factory.mktemp("decks")
    for i, review in enumerate(reviews.values()):
        write(review, target / f"{i}.pptx")
    return target


@pytest.fixture(scope="module")
def decks(folder, reviews):
    return {name: Presentation(folder / f"{i}.pptx") for i, name in enumerate(reviews)}


def slide(presentation, section_title):
    titles = (section_title, f"Appendix: {section_title}")
    return next(s for s in presentation.slides if s.shapes.title.text_frame.text.replace("\v", " ") in titles)


def charts(one):
    return [shape.chart for shape in one.shapes if shape.has_chart]


def series(chart):
    return {s.name: list(s.values) for plot in chart.plots for s in plot.series}


def test_a_slide_per_section_with_full_titles(decks, reviews):
    for name, presentation in decks.items():
        titles = [s.shapes.title.text_frame.text.replace("\v", " ") for s in presentation.slides]
        sections = reviews[name].sections
        assert titles[1:] == [f"{'Appendix: ' if s.appendix else ''}{s.title}" for s in sections]


def test_minutes_chart_holds_the_reviews_numbers_and_gaps(decks, reviews):
    for name, presentation in decks.items():
        section = reviews[name]["minutes"]
        drawn = series(charts(slide(presentation, section.title))[0])
        table = section.table
        minutes = table["minutes"].where(table["kind"] == "month")
        assert [v is None for v in drawn["Minutes per computer"]] == minutes.isna().tolist()
        np.testing.assert_allclose(pd.Series(drawn["Minutes per computer"], dtype=float), minutes)
        np.testing.assert_allclose(drawn["Goal"], table["target"])
        if name == "no fit":
            assert {"Normal range, from", "Forecast"}.isdisjoint(drawn)
        else:
            known = table["normal_low"].notna().to_numpy()
            if known.all():
                np.testing.assert_allclose(drawn["Normal range, from"], table["normal_low"])
            ahead = (table["kind"] == "ahead").to_numpy()
            assert ("Forecast" in drawn) == ahead.any()
            if ahead.any():
                np.testing.assert_allclose(np.array(drawn["Forecast"], float)[ahead], table["minutes"][ahead])


def test_months_are_never_drawn_as_zero(folder, decks, reviews):
    chart = charts(slide(decks["gaps"], reviews["gaps"]["minutes"].title))[0]
    assert series(chart)["Minutes per computer"].count(None) == 2 + 3  # and the months ahead
    assert 'dispBlanksAs val="gap"' in chart._chartSpace.xml


def test_every_chart_has_its_children_in_the_order_of_the_schema(decks):
    """PowerPoint repairs, or refuses, a series whose elements are in another order."""
    order = "idx order tx spPr invertIfNegative marker dPt dLbls trendline cat val smooth".split()
    for presentation in decks.values():
        for one in presentation.slides:
            for chart in charts(one):
                for element in chart._chartSpace.iter("{*}ser"):
                    places = [order.index(child.tag.rpartition("}")[2]) for child in element]
                    assert places == sorted(places)


def test_bridge_and_causes_add_up_in_the_deck(decks, reviews):
    review, presentation = reviews["usual"], decks["usual"]
    bridge, causes = charts(slide(presentation, review["why"].title))
    drawn = series(bridge)
    table = review["why"].table
    steps = table[table["kind"] == "bridge"]["change"].tolist()
    assert drawn["Level"] == pytest.approx([steps[0], 0, 0, steps[-1]])
    moved = sum(drawn["More"]) - sum(drawn["Less"])
    assert moved == pytest.approx(steps[-1] - steps[0])
    changes = next(iter(series(causes).values()))
    assert sum(changes) == pytest.approx(moved, abs=0.05 * len(changes))


def test_other_numbers_equal_the_reviews(decks, reviews):
    review, presentation = reviews["usual"], decks["usual"]
    first = presentation.slides[1]
    assert any(number(review.minutes) == s.text_frame.text for s in first.shapes if s.has_text_frame)
    levels = review["quarter"].table.dropna(subset=["low"])
    drawn = series(charts(first)[0])
    assert drawn["Estimate"][:-1] == pytest.approx(levels["minutes"].tolist())
    assert drawn["Range"][:-1] == pytest.approx(levels["high"].tolist())
    causes = review["causes"].table
    rows = next(s.table for s in slide(presentation, review["causes"].title).shapes if s.has_table).rows
    shown = [[cell.text_frame.text for cell in row.cells] for row in rows][1:]
    assert [row[0] for row in shown] == causes["cause"].tolist()
    assert [row[-1] for row in shown] == causes["share"].map(percent).tolist()


def test_no_placeholder_is_empty(decks):
    for presentation in decks.values():
        for one in presentation.slides:
            for shape in one.placeholders:
                filled = shape.has_chart or shape.has_table or bool(shape.text_frame.text.strip())
                assert filled, (one.shapes.title.text_frame.text, shape.name)


def test_footer_number_notes_and_alt_text(decks, reviews):
    for name, presentation in decks.items():
        for i, one in enumerate(presentation.slides):
            assert one.notes_slide.notes_text_frame.text.strip()
            if i:
                assert {"Footer", "Slide Number"} <= {s.name for s in one.placeholders}
                footer = next(s.text_frame.text for s in one.placeholders if s.name == "Footer")
                assert reviews[name].period in footer and "definition" not in footer
            for shape in one.shapes:
                if shape.has_chart or shape.has_table:
                    assert len(shape._element.nvGraphicFramePr.cNvPr.get("descr")) > 20


def boxes(one):
    return [(s.name, s.left, s.top, s.left + s.width, s.top + s.height) for s in one.shapes]


def test_nothing_leaves_the_slide_or_overlaps(decks):
    for presentation in decks.values():
        width, height = presentation.slide_width, presentation.slide_height
        for one in presentation.slides:
            every = boxes(one)
            assert all(l >= 0 and t >= 0 and r <= width and b <= height for _, l, t, r, b in every)  # noqa: E741
            for i, (a, l1, t1, r1, b1) in enumerate(every):
                for b, l2, t2, r2, b2 in every[i + 1 :]:
                    assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1, (a, b, one.shapes.title.text_frame.text)


@pytest.mark.slow
def test_decks_pass_the_check(folder):
    assert {path.name: found for path in folder.glob("*.pptx") if (found := problems(path))} == {}


def test_no_notes_where_the_deck_is_sent(tmp_path, reviews):
    made = Presentation(write(reviews["usual"], tmp_path / "d.pptx", notes=False))
    assert not any(one.has_notes_slide for one in made.slides)


def test_package_is_valid(folder):
    for path in folder.glob("*.pptx"):
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            for name in names:
                if name.endswith((".xml", ".rels")):
                    root = ElementTree.fromstring(package.read(name))
                if name.endswith(".rels"):
                    base = name.replace("_rels/", "").removesuffix(".rels")
                    for relation in root:
                        if relation.get("TargetMode") != "External":
                            assert _target(base, relation.get("Target")) in names, (name, relation.get("Target"))


def _target(source, target):
    parts = [] if target.startswith("/") else source.split("/")[:-1]
    for step in target.strip("/").split("/"):
        parts = parts[:-1] if step == ".." else [*parts, step]
    return "/".join(parts)


def test_same_review_same_bytes(tmp_path, reviews):
    first, second = (write(reviews["usual"], tmp_path / f"{i}.pptx").read_bytes() for i in range(2))
    assert first == second
    with zipfile.ZipFile(tmp_path / "0.pptx") as package:
        assert {entry.date_time for entry in package.infolist()} == {template.ZIP_DATE}
        assert b"2026-06-30T23:59:59Z" in package.read("docProps/core.xml")


def test_committed_template_is_what_its_script_makes(tmp_path):
    make_review_template.main(tmp_path / "made.pptx")
    committed = files("rhem_lib") / "templates" / "review.pptx"
    with zipfile.ZipFile(tmp_path / "made.pptx") as made, zipfile.ZipFile(committed) as kept:
        assert made.namelist() == kept.namelist()
        assert all(made.read(name) == kept.read(name) for name in made.namelist())


@pytest.mark.parametrize("colour", ["#1f6feb", "#ffcc00", "#ffffff", "#000000", "#c8102e", "#7fdbda"])
def test_any_brand_colour_is_readable(tmp_path, colour, reviews):
    path = write(reviews["new"], tmp_path / "d.pptx", Brand(colour=colour))
    with zipfile.ZipFile(path) as package:
        theme = package.read("ppt/theme/theme1.xml").decode()
    shade = {k: re.search(rf'<a:{k}><a:srgbClr val="(\w+)"', theme)[1] for k in ("dk1", "dk2", "accent1")}
    assert template.contrast(shade["accent1"], template.CARD) >= 4.5
    assert template.contrast(shade["dk2"], "FFFFFF") >= 4.5
    assert template.contrast(shade["dk1"], template.CARD) >= 4.5


def test_contrast_of_black_and_white():
    assert template.contrast("000000", "FFFFFF") == pytest.approx(21)
    assert template.contrast("777777", "FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_missing_brand_files_and_layouts_are_named(tmp_path, reviews):
    with pytest.raises(SettingsError, match=r"brand\.logo.*nowhere\.png"):
        write(reviews["new"], tmp_path / "d.pptx", Brand(logo="nowhere.png"))
    Presentation().save(tmp_path / "bare.pptx")
    with pytest.raises(SettingsError, match=r"Cover: Agenda, Prepared by, Subtitle, Title.*Two charts"):
        write(reviews["new"], tmp_path / "d.pptx", Brand(template=str(tmp_path / "bare.pptx")))
    assert not (tmp_path / "d.pptx").exists()


def test_a_template_of_ones_own_is_used_and_its_faults_are_named(tmp_path, reviews):
    ours = template.files("rhem_lib") / "templates" / "review.pptx"
    own = Presentation(str(ours))
    chart = next(s for s in own.slide_layouts.get_by_name("Chart").placeholders if s.name == "Chart")
    own.slide_layouts.get_by_name("Cover").placeholders[0].left = 0
    own.save(tmp_path / "own.pptx")
    made = Presentation(write(reviews["new"], tmp_path / "d.pptx", Brand(template=str(tmp_path / "own.pptx"))))
    assert made.slides[0].shapes.title.left == 0
    chart._element.xpath(".//p:ph")[0].set("type", "body")
    own.save(tmp_path / "wrong.pptx")
    with pytest.raises(SettingsError, match="placeholders are missing from the template: Chart: Chart"):
        write(reviews["new"], tmp_path / "e.pptx", Brand(template=str(tmp_path / "wrong.pptx")))
    with pytest.raises(SettingsError, match="the template has slides"):
        write(reviews["new"], tmp_path / "e.pptx", Brand(template=str(tmp_path / "d.pptx")))
    (tmp_path / "no.pptx").write_text("no")
    with pytest.raises(SettingsError, match=r"not a \.pptx presentation"):
        write(reviews["new"], tmp_path / "e.pptx", Brand(template=str(tmp_path / "no.pptx")))


def test_logo_stands_on_the_cover(tmp_path, reviews):
    Image.new("RGB", (400, 90), "white").save(tmp_path / "logo.png")
    path = write(reviews["new"], tmp_path / "d.pptx", Brand(logo=str(tmp_path / "logo.png")))
    picture = next(s for s in Presentation(path).slides[0].shapes if s.shape_type == 13)
    assert picture._element.nvPicPr.cNvPr.get("descr") == "Logo of Northwind IT"
    assert picture.width / picture.height == pytest.approx(400 / 90, rel=0.01)


def test_text_is_measured():
    assert fit_text.text_width("mm", 10) == pytest.approx(2 * fit_text.text_width("m", 10))
    assert fit_text.text_width("漢字", 10) == 20
    assert fit_text.wrap("aa bb", 1000, 10) == ["aa bb"]
    assert fit_text.wrap("aa bb", fit_text.text_width("aa b", 10), 10) == ["aa", "bb"]
    assert "".join(fit_text.wrap("W" * 50, 100, 10)) == "W" * 50
    assert fit_text.fit_size(["word " * 100], (200, 100), 30, 10) < 30
    assert fit_text.shorten("word " * 100, (200, 24), 10).endswith("…")


def edited(**given):
    quarter = QuarterSettings(**given)
    return make_review(settings=Settings(name="M", clients={"Harbour Dental": {"quarters": {"2026Q2": quarter}}}))


def test_edited_text_that_does_not_fit_names_page_and_paragraph(tmp_path):
    texts = ["Short.", "The printer failed again. " * 90]
    with pytest.raises(SettingsError, match=r"'The printer failed.*on the page 'Printers' \(paragraph 2\)"):
        write(edited(text={"why": {"title": "Printers", "paragraphs": texts}}), tmp_path / "d.pptx")
    with pytest.raises(SettingsError, match=r"does not fit.*\(paragraph 1\)"):
        write(edited(text={"minutes": {"title": "A long title " * 30}}), tmp_path / "d.pptx")
    fits = edited(text={"why": {"title": "Printers", "paragraphs": texts[:1]}})
    assert problems(write(fits, tmp_path / "d.pptx")) == []


@pytest.mark.slow
def test_a_page_of_ones_own_has_its_picture_and_is_on_the_agenda(tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "plan.png")
    page = {
        "title": "We move on August 8",
        "paragraphs": ["Ana is on site."],
        "picture": str(tmp_path / "plan.png"),
    }
    path = write(edited(pages=[page, {"title": "Only words", "paragraphs": ["One."]}]), tmp_path / "d.pptx")
    assert problems(path) == []
    slides = list(Presentation(path).slides)
    own = next(s for s in slides if s.shapes.title.text_frame.text == "We move on August 8")
    picture = next(s for s in own.shapes if s.shape_type == 13)
    assert picture._element.nvPicPr.cNvPr.get("descr") == "Picture: We move on August 8"
    assert slides.index(own) < next(
        i for i, s in enumerate(slides) if "Appendix" in s.shapes.title.text_frame.text
    )
    agenda = next(s for s in slides[0].placeholders if s.name == "Agenda").text_frame.text
    assert "We move on August 8" in agenda and "Only words" in agenda
    with pytest.raises(SettingsError, match="cannot be opened as a picture"):
        write(edited(pages=[{**page, "picture": "nowhere.png"}]), tmp_path / "e.pptx")


def own_template(path, *, major, minor):
    deck = Presentation(str(files("rhem_lib") / "templates" / "review.pptx"))
    theme = template._theme(deck)
    named = iter((major, minor))
    xml = re.sub(
        '<a:latin typeface="Arial"/>', lambda _: f'<a:latin typeface="{next(named)}"/>', theme.blob.decode()
    )
    theme._blob = xml.encode()
    deck.save(path)
    return str(path)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("major", "minor"),
    [("DejaVu Serif", "DejaVu Serif"), ("DejaVu Sans", "DejaVu Sans"), ("DejaVu Sans Mono", "DejaVu Sans"),
     ("Arial", "DejaVu Serif"), ("No Such Face", "DejaVu Sans")],
)  # fmt: skip
def test_templates_with_other_faces_are_measured_in_them(tmp_path, major, minor, reviews):
    brand = Brand(template=own_template(tmp_path / "own.pptx", major=major, minor=minor))
    for name in ("usual", "gaps", NAMES[3]):
        path = write(reviews[name], tmp_path / "d.pptx", brand)
        with fit_text.measured_in([major, minor]):
            assert problems(path) == []


def test_months_without_a_figure_are_gaps_in_the_chart_of_a_cause(tmp_path):
    action = {"action": "Move the mailboxes", "owner": "Ana", "due": "2026-08-01", "cause": "Email"}
    settings = Settings(name="M", clients={"Harbour Dental": {"quarters": {"2026Q2": {"actions": [action]}}}})
    review = make_review(gappy(), entries=make_entries(make_panel()), settings=settings)  # May 2026 is missing
    made = write(review, tmp_path / "d.pptx")
    (chart,) = charts(slide(Presentation(made), review["next"].title))
    whole = make_review(entries=make_entries(make_panel()), settings=settings)
    shown, full = (
        r["next"].table.query("kind == 'evidence'").set_index("month")["minutes"].astype(float)
        for r in (review, whole)
    )
    assert shown.index.equals(full.index) and shown[shown.isna()].index.strftime("%Y-%m").tolist() == ["2026-05"]
    assert shown["2026-04-01"] == pytest.approx(full["2026-04-01"])
    values = series(chart)["Email by month: minutes per computer"]
    assert values[10] is None and values[9] == pytest.approx(full["2026-04-01"])


def test_a_narrow_template_has_room_for_logos_footer_and_number(tmp_path, reviews):
    deck = Presentation(own_template(tmp_path / "own.pptx", major="Arial", minor="Arial"))
    narrow = Emu(9144000)
    for holder in (deck.slide_master, *deck.slide_layouts):
        for shape in holder.shapes:
            if shape._element.find(f".//{qn('a:off')}") is not None:
                shape.left, shape.width = (v * narrow // deck.slide_width for v in (shape.left, shape.width))
    deck.slide_width = narrow
    deck.save(tmp_path / "narrow.pptx")
    Image.new("RGB", (300, 60), "red").save(tmp_path / "logo.png")
    logo = str(tmp_path / "logo.png")
    brand = Brand(template=str(tmp_path / "narrow.pptx"), logo=logo)
    assert problems(write(replace(reviews["usual"], logo=logo), tmp_path / "d.pptx", brand)) == []


def test_a_wide_face_takes_more_room_than_arial():
    text, arial = "Support was 26 minutes", fit_text.text_width("Support was 26 minutes", 20)
    with fit_text.measured_in(["DejaVu Sans"]):
        assert fit_text.text_width(text, 20) > 1.05 * arial
        assert len(fit_text.wrap("word " * 40, 200, 20)) > 0
    assert fit_text.text_width(text, 20) == arial


def test_a_brand_colour_is_applied_to_a_template_of_ones_own(tmp_path, reviews):
    own = own_template(tmp_path / "own.pptx", major="Arial", minor="Arial")
    accents = {}
    for name, brand in (("given", Brand(template=own, colour="#7a0019")), ("none", Brand(template=own))):
        with zipfile.ZipFile(write(reviews["new"], tmp_path / "d.pptx", brand)) as package:
            theme = package.read("ppt/theme/theme1.xml").decode()
        accents[name] = re.search(r'<a:accent1><a:srgbClr val="(\w+)"', theme)[1]
    assert accents == {"given": "7A0019", "none": "0B5FA5"}


def test_a_template_whose_text_is_hardly_seen_is_an_error(tmp_path, reviews):
    own = own_template(tmp_path / "own.pptx", major="Arial", minor="Arial")
    write(reviews["new"], tmp_path / "d.pptx", Brand(template=own))  # control: as it is
    deck = Presentation(own)
    roles = deck.slide_master._element.find(qn("p:clrMap"))
    roles.set("bg1", "dk1")
    roles.set("tx1", "lt1")
    deck.save(own)
    with pytest.raises(SettingsError, match="hardly seen") as caught:
        write(reviews["new"], tmp_path / "d.pptx", Brand(template=own))
    assert "accent4 52606D on 1F2933" in str(caught.value) and "tx1" not in str(caught.value)


def test_texts_beside_each_other_have_one_size(tmp_path, reviews):
    quarter = reviews["usual"]["quarter"]
    long = replace(quarter, paragraphs=("One: " + "many words " * 30, "Two: few.", "Three: few."))
    for section, same in ((long, False), (replace(quarter, paragraphs=("One: a.", "Two: b.", "Three: c.")), True)):
        path = write(replace(reviews["usual"], sections=(section,)), tmp_path / "d.pptx")
        boxes = [s for s in Presentation(path).slides[1].shapes if s.name.startswith("Box ")]
        sizes = {run.font.size for box in boxes for line in box.text_frame.paragraphs for run in line.runs}
        assert len(boxes) == 3 and len(sizes) == 1 and (sizes == {None}) == same


def test_every_text_of_a_deck_has_its_language(tmp_path, reviews):
    path = write(replace(reviews["usual"], language="de"), tmp_path / "d.pptx")
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if re.match("ppt/(slides|charts|notesSlides)/[^/]+xml$", name):
                text = package.read(name).decode()
                assert set(re.findall(r'<a:rPr lang="([^"]*)"', text)) <= {"de"}, name
                assert not re.search("<a:r>(?!<a:rPr lang)", text), name


def test_labels_keep_clear_of_lines_and_of_each_other():
    peak = np.array([2.0, 2.0, 9.0, 2.0, 2.0])
    free = Places((400, 200), 12, [peak])
    assert free.put(2, 9.0, ("September 9",), 14, "btlr") == "t"
    assert free.put(2, 9.0, ("again",), 14, "tb") == "b"  # above is taken
    assert Places((400, 200), 10, [peak]).put(2, 9.0, ("9",), 14, "tlr") in "lr"  # no room above
    wide = free.box(2, 9.0, ("Long second line",), 14, "t")
    small = free.box(2, 9.0, ("9", "Long second line"), 14, "t")
    assert small[2] - small[0] < 0.9 * (wide[2] - wide[0])  # lines below the first are drawn smaller
    last = np.array([2.0, 8.0, 9.0])
    assert Places((400, 200), 12, [last]).put(2, 9.0, ("9.5",), 14, "tlb") != "t"  # its half is past the edge
    assert Places((400, 200), 12, [last], 60).put(2, 9.0, ("9.5",), 14, "tlb") == "t"


def test_numbers_of_steep_small_months_go_where_no_line_is():
    steep = np.array([10.0, 100.0, 8.0, 2.0, 9.0])
    lines = [steep, np.full(5, 15.0)]
    free = Places((100, 200), 120, lines, 60)
    assert all(free.cost(free.box(3, 2.0, ("2",), 14, place)) for place in "tbrl")  # no room at the point
    heights = [free.nearest(i, steep[i], (number(steep[i]),), 14) for i in (2, 3, 4)]
    assert [Places((100, 200), 120, lines, 60).cost(box) for box in free.taken] == [0, 0, 0]
    assert free.nearest(3, 2.0, ("2",), 14) > heights[1]  # that place is taken
    wide = Places((800, 200), 120, [steep])
    assert wide.nearest(3, 60.0, ("60",), 14) == pytest.approx(60.0, abs=2.0)  # free where it is


def test_few_actions_have_their_evidence_in_a_chart(tmp_path):
    action = {"action": "Move the mailboxes", "owner": "Ana", "due": "2026-08-01", "cause": "Email"}
    review = edited(actions=[action])
    made = write(review, tmp_path / "d.pptx")
    assert problems(made) == []
    page = slide(Presentation(made), review["next"].title)
    (chart,) = charts(page)
    shown = review["next"].table.query("kind == 'evidence'")["minutes"].astype(float).tolist()
    np.testing.assert_allclose(series(chart)["Email by month: minutes per computer"][:12], shown)
    text = " ".join(shape.text_frame.text for shape in page.placeholders if shape.has_text_frame)
    assert "For the next quarter we expect" in text and "goal of 15 minutes" in text


def test_columns_get_what_their_texts_take_before_the_long_one_gives_way():
    cells = [[("Action", "", True), ("By", "", True)], [("words " * 40, "", True), ("Jul 31", "", True)]]
    wide, narrow = table._widths(cells, Cm(20), table.LARGEST)
    assert (
        wide + narrow == pytest.approx(Cm(20)) and len(fit_text.wrap("Jul 31", narrow / Pt(1) - 10, 16, True)) == 1
    )


def test_parts_of_a_change_that_may_be_chance_are_grey(tmp_path, reviews):
    made = {}
    for state in ("firm", "unclear"):
        why = reviews["usual"]["why"]
        review = replace(reviews["usual"], sections=(replace(why, table=why.table.assign(state=state)),))
        deck = Presentation(write(review, tmp_path / "d.pptx"))
        xml = [etree.tostring(s.chart._chartSpace) for s in deck.slides[1].shapes if s.has_chart]
        made[state] = [b'"accent3"' in chart for chart in xml]
    assert made == {"firm": [True, True], "unclear": [False, False]}


def test_a_long_name_does_not_make_all_rows_small():
    """Heads are smaller than rows: a column as wide as its head's longest word breaks no word."""
    heads = [("Client", "", True), ("Minutes before", "", True), ("Direction", "", True)]
    rows = [[("A name of many words " * 5, "", False), ("20.2", "", False), ("level", "", False)]] * 6
    assert table._fit([heads, *rows], Cm(20), Cm(12.6))[0] >= 14
    rows[0][0] = ("A name of many words " * 12, "", False)  # in three lines of 14 points it would be cut
    assert table._fit([heads, *rows], Cm(20), Cm(12.6))[0] < 14


def test_a_table_is_a_little_smaller_where_no_cell_then_wraps():
    def fitted(text):
        cells = [[("Action", "", True)], *[[(text, "", False)]] * 3]
        return table._fit(cells, Cm(10), Cm(12))[0]

    width = (Cm(10) - 2 * table.PADDING) / Pt(1) * 0.98
    long = next(text for n in range(99) if fit_text.text_width(text := "w " + "i " * n, 16) > width)
    assert fitted("short") == 16 and fitted(long) == 15 and fitted(f"{long} {long}") == 16


def test_states_have_the_colour_of_their_mark(tmp_path):
    goals = [{"goal": "An audit\nin October", "state": state} for state in ("reached", "on-the-way", "at-risk")]
    own = Settings(name="M", clients={"Harbour Dental": ClientSettings(goals=goals)})
    path = write(make_review(settings=own), tmp_path / "d.pptx")
    frames = [s for slide in Presentation(path).slides for s in slide.shapes if s.has_table]
    cells = [c for f in frames for row in f.table.rows for c in row.cells if c.text[:1] in table.MARKS]
    found = {c.text[:1]: c.text_frame.paragraphs[0].runs[0].font.color.theme_color for c in cells}
    assert {mark: MSO_THEME_COLOR.to_xml(colour) for mark, colour in found.items()} == table.MARKS
    assert any(c.text == "An audit\nin October" for f in frames for c in f.table.iter_cells())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_every_deck(folder, tmp_path):
    paths = [shutil.copy(path, tmp_path) for path in folder.glob("*.pptx")]
    made = convert([Path(path) for path in paths], lambda *_: None)
    assert len(made) == len(paths)
    for path in made:  # a tree of tags, in the deck's language
        content = path.read_bytes()
        assert b"/StructTreeRoot" in content and b"/Marked true" in content and b"/Lang(en-US)" in content
        assert all(b"/S/" + tag in content for tag in (b"H", b"P", b"Figure", b"Table", b"TH"))
