"""Every deck of the sample and two hundred hostile ones pass the check of deck_check.py; broken ones do not."""

import itertools
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from deck_check import problems
from pptx import Presentation
from pptx.util import Inches, Pt
from review_data import JARGON, main_text, make_entries, make_fit, make_panel, make_review

import rhem_lib as rhem
from rhem_lib.deck.presentation import write
from rhem_lib.errors import SettingsError
from rhem_lib.language import number, percent
from rhem_lib.settings import Action, ClientSettings, Edit, QuarterSettings, Settings

NAMES = (
    "Harbour Dental", "../../etc/passwd", "..\\..\\windows\\system32", '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0", "+1-800 & Sons", "-@SUM(1+1)", "<script>alert(1)</script>", "a & b < c > d \"e\" 'f'",
    "W" * 80, "i" * 80, "Precision Manufacturing and International Logistics Company of Southern Jutland A/S",
    "東京都港区赤坂株式会社" * 6, "شركة الخدمات التقنية المحدودة في الشرق الأوسط",
    "חברת שירותי מחשוב בע״מ", "Café 🏥🏥🏥 & Søn 👩\N{ZERO WIDTH JOINER}👩\N{ZERO WIDTH JOINER}👧",
    "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente GmbH", "{client} {0} %s %(name)s",
    "a\tb\nc\u200bd\u202ee", "Z\u0334\u0348a\u0337l\u0335go Ltd",
)  # fmt: skip


def hidden(name):
    edits = QuarterSettings(
        actions=[Action(action=name * 3, why=name, owner=name, due="2026-09-30") for _ in range(6)],
        text={"why": Edit(title=name * 3, paragraphs=[name] * 9), "causes": Edit(title=f"{name} " * 9)},
        hide=["worth"],
    )
    own = ClientSettings(goals=[name * 2] * 7, quarters={"2026Q2": edits, "2026Q1": edits}, language="de")
    return Settings(name=name, clients={name: own})


def quiet(panel):
    panel.loc[panel.index[-3:], ["reactive_hours", "reactive_tickets", "rhem_h"]] = 0.0
    return panel


def gaps(panel):
    panel = panel.drop(index=[5, 16])
    panel["unclassified_hours"], panel["flags"] = 3.0, "partial-month carried-endpoints inferred-onboarding"
    return panel


def named_entries(name):
    entries = make_entries(make_panel(name))
    return entries.assign(category=name, device_id=name + entries["device_id"].str[-1])


CASES = {
    "usual": lambda name: make_review(client=name, settings=Settings(name=name)),
    "names in the data": lambda name: make_review(client=name, entries=named_entries(name)),
    "edited, in German": lambda name: make_review(client=name, settings=hidden(name)),
    "zero hours": lambda name: make_review(quiet(make_panel(name)), client=name),
    "empty": lambda name: make_review(quiet(make_panel(name, months=3)), client=name),
    "one endpoint": lambda name: make_review(make_panel(name, endpoints=1.0), client=name),
    "two months": lambda name: make_review(make_panel(name, months=2), make_fit(("x",)), client=name),
    "gaps": lambda name: make_review(gaps(make_panel(name)), client=name),
    "ten years, no fit": lambda name: make_review(
        make_panel(name, months=130), replace(make_fit(), usable=False), client=name
    ),
    "huge": lambda name: make_review(
        make_panel(name, endpoints=9e4, start_h=40.0, floor_h=30.0).assign(reactive_tickets=9e6),
        entries=make_entries(make_panel(name)), client=name,
    ),
}  # fmt: skip
ALL = list(itertools.product(CASES, NAMES))
FEW = [(case, NAMES[2 * i]) for i, case in enumerate(CASES)]


def check(cases, folder):
    """Problems by case; text of a person that cannot fit is refused by name of its page, and only such text."""
    found = {}
    for i, (case, name) in enumerate(cases):
        try:
            found[case, name] = problems(write(CASES[case](name), folder / f"{i}.pptx"))
        except SettingsError as refused:
            fits = case != "edited, in German" or "does not fit" not in str(refused)
            found[case, name] = [str(refused)] if fits else []
    return {key: bad for key, bad in found.items() if bad}


@pytest.mark.slow
def test_some_hostile_decks_pass(tmp_path):
    assert check(FEW, tmp_path) == {}


@pytest.mark.slow
def test_two_hundred_hostile_decks_pass(tmp_path):
    assert len(ALL) == 200
    assert check(ALL, tmp_path) == {}


@pytest.fixture(scope="module", params=[6, pytest.param(1, marks=pytest.mark.slow)], ids=["each sixth", "all"])
def sample_reviews(request, sample_work, sample_panel, sample_study):
    fit = sample_study.fit
    last = sample_panel[(sample_panel["month"] >= "2026-04-01") & (sample_panel["exposure"] > 0)]
    return [
        rhem.build_review(
            sample_work, sample_panel, fit, client=name, quarter="2026Q2", earlier=sample_study.before
        )
        for name in sorted(last["client"].unique())[:: request.param]
    ]


@pytest.fixture(scope="module")
def sample_decks(sample_reviews, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return [write(review, folder / f"{i:02}.pptx") for i, review in enumerate(sample_reviews)]


@pytest.mark.slow
def test_all_decks_of_the_sample_pass(sample_decks):
    assert len(sample_decks) >= 5
    assert {path.name: found for path in sample_decks if (found := problems(path))} == {}


def test_sentences_of_the_sample_are_short_and_plain(sample_reviews):
    texts = [text for review in sample_reviews for text in main_text(review)]
    assert not [text for text in texts if JARGON.search(text)]
    words = [len(wording.split()) for text in texts for wording in re.split(r"(?<=[.?!])\s", text)]
    assert len(words) > 100
    assert np.median(words) <= 18
    assert max(words) <= 35


def every_text(path):
    for slide in Presentation(path).slides:
        for shape in slide.shapes:
            if shape.has_table:
                yield from (cell.text_frame.text for row in shape.table.rows for cell in row.cells)
            elif shape.has_text_frame:
                yield from (paragraph.text for paragraph in shape.text_frame.paragraphs)


def numbers_of(texts):
    return {n for text in texts for n in re.findall(r"(?<![\w-])\d[\d,]*(?:\.\d+)?%?", str(text))}


def test_every_number_of_a_deck_is_the_reviews(sample_reviews, sample_decks):
    """Numbers in texts and tables of the saved file are those of the review's sentences and tables, none else."""
    for review, path in zip(sample_reviews, sample_decks, strict=True):
        known = [review.client, review.period, review.quarter, review.unit, str(review.metric_version)]
        known += [text for s in review.sections for text in (s.title, *s.paragraphs, s.notes, s.footnote)]
        known += [str(page) for page in range(2, 20)]
        known += [number(review.minutes), number(review.target_minutes)]
        for table in (s.table for s in review.sections if s.table is not None):
            for value in table.to_numpy().ravel():
                if isinstance(value, float):
                    wording = (number(value), number(abs(value), 1), percent(value))
                    known += wording if np.isfinite(value) else []
                else:
                    known.append(f"{value:%b %-d}" if isinstance(value, pd.Timestamp) else value)
        assert numbers_of(every_text(path)) <= numbers_of(known), review.client


BREAKS = {
    "leaves the slide": lambda slide: setattr(slide.shapes[1], "left", Inches(13)),
    "lies on": lambda slide: slide.shapes.add_textbox(Inches(1), Inches(3), Inches(3), Inches(1)),
    "is empty": lambda slide: setattr(slide.shapes.title.text_frame, "text", ""),
    "points high": lambda slide: setattr(slide.shapes.title.text_frame, "text", "too long " * 60),
    "no notes": lambda slide: setattr(slide.notes_slide.notes_text_frame, "text", ""),
    "no alternative text": lambda slide: charts(slide)[0]._element.nvGraphicFramePr.cNvPr.set("descr", ""),
    "does not hold": lambda slide: enlarge(slide),
}


def charts(slide):
    return [shape for shape in slide.shapes if shape.has_chart]


def enlarge(slide):
    table = next(shape.table for shape in slide.shapes if shape.has_table)
    table.cell(1, 0).text_frame.paragraphs[0].runs[0].font.size = Pt(60)


@pytest.mark.many_cases
@pytest.mark.parametrize("wording", BREAKS)
def test_the_check_sees_what_is_broken(tmp_path, wording):
    path = write(make_review(), tmp_path / "d.pptx")
    presentation = Presentation(path)
    BREAKS[wording](presentation.slides[-1 if wording == "does not hold" else 4])
    presentation.save(path)
    assert any(wording in problem for problem in problems(path))


def test_the_check_sees_a_pale_text_and_a_lost_part(tmp_path):
    path = write(make_review(), tmp_path / "d.pptx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "broken.pptx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "ppt/theme/theme1.xml":
                content = re.sub(rb'(<a:dk1><a:srgbClr val=")\w+', rb"\g<1>BBBBBB", content)
            new.writestr(name, content)
        new.writestr("ppt/slides/slide99.xml", "<x/>")
    found = problems(tmp_path / "broken.pptx")
    assert any("BBBBBB on FFFFFF" in problem for problem in found)
    assert any("slide99.xml is not referenced" in problem for problem in found)


def boxes(slide):
    return [
        (s.left / Pt(1), s.top / Pt(1), (s.left + s.width) / Pt(1), (s.top + s.height) / Pt(1))
        for s in slide.shapes
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("soffice") and shutil.which("pdftotext")), reason="no LibreOffice, no poppler"
)
def test_libreoffice_shows_every_word_inside_a_box(sample_decks, tmp_path):
    """Another renderer, with its own fonts, puts no word outside the shapes: our measuring holds."""
    hostile = [write(CASES[case](name), tmp_path / f"h{i}.pptx") for i, (case, name) in enumerate(FEW)]
    paths = [*sample_decks, *hostile]
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", tmp_path]
    subprocess.run([*command, *paths], check=True, capture_output=True, timeout=600)
    outside = []
    for path in paths:
        slides = Presentation(path).slides
        pdf = tmp_path / f"{path.stem}.pdf"
        page_words = subprocess.run(
            ["pdftotext", "-bbox", pdf, "-"], check=True, capture_output=True, text=True
        ).stdout
        pages = page_words.split("<page ")[1:]
        assert len(pages) == len(slides)
        for slide, page in zip(slides, pages, strict=True):
            places = boxes(slide)
            for found in re.findall(
                r'xMin="([-.\d]+)" yMin="([-.\d]+)" xMax="([-.\d]+)" yMax="([-.\d]+)">(.*?)<', page
            ):
                x, y = (float(found[0]) + float(found[2])) / 2, (float(found[1]) + float(found[3])) / 2
                if not any(l - 2 <= x <= r + 2 and t - 2 <= y <= b + 2 for l, t, r, b in places):  # noqa: E741
                    outside.append((path.name, slide.shapes.title.text_frame.text[:30], found))
    assert outside == []
