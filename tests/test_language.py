"""Words for clients: one catalogue, complete in every language, numbers and dates as the region writes them."""

import ast
import datetime as dt
import re
import string
import subprocess
import sys
from dataclasses import replace

import pytest
from babel.messages.pofile import read_po
from conftest import ROOT
from pptx import Presentation
from review_data import CATEGORIES, make_fit, make_panel, make_review

from rhem_lib import language as words
from rhem_lib.deck.presentation import write
from rhem_lib.errors import SettingsError
from rhem_lib.language import speaking
from rhem_lib.settings import Settings, Value, read_settings

CATALOGUES = sorted((ROOT / "rhem_lib" / "locale").glob("*.po"))


def catalogue(path):
    with path.open("rb") as text:
        return {message.id: message for message in read_po(text) if message.id}


@pytest.fixture(scope="module")
def in_code(tmp_path_factory):
    path = tmp_path_factory.mktemp("messages") / "messages.pot"
    keywords = ["-k", "t", "-k", "mark", "-k", "count:2,3"]
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", *keywords, "-o", path, "rhem_lib"]
    subprocess.run(command, check=True, cwd=ROOT)
    return catalogue(path)


def test_there_is_a_second_language():
    assert words.languages() == ["de", "en"]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_every_message_of_the_code_is_translated_and_none_is_left_over(path, in_code):
    there = catalogue(path)
    assert set(there) == set(in_code), "run `make messages` and translate what is new"
    for key, message in there.items():
        wording = message.string if isinstance(message.string, tuple) else (message.string,)
        asked = key if isinstance(key, tuple) else (key,)
        assert all(wording), key
        assert not message.fuzzy, key
        assert {fields(text) for text in wording} == {fields(text) for text in asked}, key


def test_no_message_hides_in_a_formatted_string():
    """Messages in f-strings are not extracted, so they would stay English."""
    for path in (ROOT / "rhem_lib").rglob("*.py"):
        for text in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.JoinedStr)):
            calls = [node for node in ast.walk(text) if isinstance(node, ast.Call)]
            hidden = [
                c
                for c in calls
                if getattr(c.func, "id", "") in ("t", "mark") and isinstance(c.args[0], ast.Constant)
            ]
            assert not hidden, f"{path.name}:{text.lineno}"


def test_a_sentence_that_ends_with_a_name_has_one_full_stop():
    assert words.t("Needs attention: {clients}.", clients="Acme Inc.") == "Needs attention: Acme Inc."
    assert words.t("And so on: {name}...", name="Acme") == "And so on: Acme..."


def fields(message):
    inner = message.replace("{{", "{").replace("}}", "}")
    return frozenset(name for _, name, _, _ in string.Formatter().parse(inner) if name)


def test_a_german_review_says_nothing_in_english(in_code):
    english = {text.split("{")[0].strip() for key in in_code for text in ([key] if isinstance(key, str) else key)}
    english = {text for text in english if len(text.split()) >= 3}
    assert len(english) > 100
    review = make_review(settings=Settings(name="Northwind IT", language="de"))
    wording = [text for s in review.sections for text in (s.title, *s.paragraphs, s.notes)]
    assert review.noun == "Support"
    assert "je Computer und Monat" in review.text
    assert not [text for text in wording if any(text.startswith(start) for start in english)]


def test_a_german_review_has_the_numbers_of_the_english_one():
    one, other = make_review(), make_review(settings=Settings(name="Northwind IT", language="de"))
    assert one.minutes == other.minutes
    assert [s.key for s in one.sections] == [s.key for s in other.sections]
    digits = re.compile(r"\d+")
    for here, there in zip(one.sections, other.sections, strict=True):
        if here.key != "counted" and here.key != "next":
            assert sorted(digits.findall(here.title)) == sorted(digits.findall(there.title))


@pytest.mark.parametrize(
    ("tag", "thousand", "decimal", "share", "day", "month"),
    [
        ("en", "1,235", "3.5", "45%", "June 30, 2026", "June 2026"),
        ("en-GB", "1,235", "3.5", "45%", "30 June 2026", "June 2026"),
        ("de", "1.235", "3,5", "45\N{NO-BREAK SPACE}%", "30. Juni 2026", "Juni 2026"),
        ("de-CH", "1’235", "3.5", "45%", "30. Juni 2026", "Juni 2026"),
    ],
)
def test_numbers_and_dates_by_region(tag, thousand, decimal, share, day, month):
    with speaking(tag):
        assert words.number(1234.6) == thousand
        assert words.number(3.46) == decimal
        assert words.percent(0.45) == share
        assert words.day(dt.date(2026, 6, 30)) == day
        assert words.month(dt.date(2026, 6, 30)) == month
    assert words.number(3.46) == "3.5"


def test_one_and_many():
    assert [words.minutes(n) for n in (0, 1, 1.04, 1.5, 2)] == [
        "0 minutes", "1 minute", "1 minute", "1.5 minutes", "2 minutes",
    ]  # fmt: skip
    with speaking("de"):
        assert [words.months(n) for n in (1, 2)] == ["1 Monat", "2 Monate"]


@pytest.mark.parametrize("tag", ["fr", "de-XX", "English", ""])
def test_a_language_we_do_not_write_is_named(tmp_path, tag):
    (tmp_path / "rhem.toml").write_text(f'name = "M"\nlanguage = "{tag}"\n')
    with pytest.raises(SettingsError, match=r"'language' cannot be used.*de, en"):
        read_settings(tmp_path)


@pytest.mark.parametrize("fit", [make_fit(("other",)), replace(make_fit(), usable=False)], ids=["new", "no fit"])
def test_a_young_client_is_told_in_german_to_the_last_message(tmp_path, fit):
    review = make_review(make_panel(months=2), fit, settings=Settings(name="N", language="de-AT"))
    assert "{" not in review.story
    assert write(review, tmp_path / "d.pptx").is_file()


def texts(path):
    for slide in Presentation(path).slides:
        for shape in slide.shapes:
            yield shape._element.xpath(".//p:cNvPr")[0].get("descr", "")
            if shape.has_table:
                yield from (cell.text_frame.text for row in shape.table.rows for cell in row.cells)
            elif shape.has_chart:
                yield from (s.name for plot in shape.chart.plots for s in plot.series)
            elif shape.has_text_frame:
                yield from (paragraph.text for paragraph in shape.text_frame.paragraphs)


def test_a_german_deck_shares_only_names_with_the_english_one(tmp_path):
    both = []
    for language in ("en", "de"):
        given = Settings(name="Northwind IT", language=language, value=Value(wage_per_hour=38.5))
        both.append(set(texts(write(make_review(settings=given), tmp_path / f"{language}.pptx"))))
    shared = {text for text in both[0] & both[1] if re.search("[a-z]{2}", text)}
    shared = {text for text in shared if not text.startswith("●")}
    assert shared <= {"Harbour Dental", "April", *CATEGORIES}  # the causes have names of their own
