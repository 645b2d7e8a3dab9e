"""What an analyst adds to a client's review: goals, actions, words, slides; and the files beside a deck."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from pptx import Presentation
from review_data import make_panel, make_review

from rhem_lib.deck import pdf, workbook
from rhem_lib.deck.presentation import write
from rhem_lib.errors import SettingsError
from rhem_lib.review.review import Review, brand_of, open_review
from rhem_lib.settings import Brand, Settings, check_names, read_settings

FILE = """
client = "Harbour Dental"
language = "en-GB"
goals = ["Open the second practice in October"]
hide = ["worth"]
[[quarters.2026Q2.actions]]
action = "Replace the printer at the desk"
owner = "Ana"
due = 2026-09-15
[quarters.2026Q2.text.why]
title = "The printer failed us"
paragraphs = ["It stood still for two days."]
[[quarters.2026q1.actions]]
action = "Update the server"
owner = "Ben"
due = 2026-05-01
done = true
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "rhem.toml").write_text('name = "Northwind IT"')
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "harbour.toml").write_text(FILE)
    return read_settings(tmp_path)


def titles(path):
    return [slide.shapes.title.text_frame.text.replace("\v", " ") for slide in Presentation(path).slides]


def test_goals_actions_and_words_of_a_client_stand_in_its_deck(settings, tmp_path):
    review = make_review(settings=settings)
    assert review["goals"].paragraphs == ("Open the second practice in October",)
    rows = review["next"].table
    assert rows[["action", "owner"]].to_numpy().tolist() == [["Replace the printer at the desk", "Ana"]]
    assert review["next"].title.startswith(
        "We plan one action for next quarter, with owner and date; nothing needs"
    )
    assert review["promises"].title == "We kept 1 of 1 promise"
    shown = titles(write(review, tmp_path / "d.pptx"))
    computed = make_review()["why"].title
    notes = [s.notes_slide.notes_text_frame.text for s in Presentation(tmp_path / "d.pptx").slides]
    assert not [text for text in [*shown, *notes] if computed in text]
    assert "The printer failed us" in shown
    assert "worth" in [s.key for s in review.sections] and review["worth"].title not in shown
    cells = [c.text for s in Presentation(tmp_path / "d.pptx").slides for x in s.shapes if x.has_table
             for row in x.table.rows for c in row.cells]  # fmt: skip
    assert "15 Sept" in cells or "15 Sep" in cells
    assert Review.from_json(review.to_json()).to_json() == review.to_json()


def test_another_quarter_and_another_client_are_left_alone(settings):
    earlier = make_review(settings=settings, quarter="2026Q1")
    assert earlier["why"].title != "The printer failed us"
    assert earlier["next"].table["action"].tolist() == ["Update the server"]
    other = make_review(make_panel("Other"), client="Other", settings=settings)
    assert "goals" not in [s.key for s in other.sections]
    assert other["worth"].shown


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ('client = "A"\ngaols = []', "'gaols' is not a setting. Did you mean 'goals'"),
        ('goals = ["x"]', "'client' cannot be used"),
        ('client = "Harbour Dental"', "is in another settings file too"),
        ('client = "A"\n[quarters.2026]\nhide = ["worth"]', "quarters.2026"),
        ('client = "A"\n[[quarters.2026Q2.actions]]\naction = "x"', "owner"),
        ('client = "A"\nhide = ["wroth"]', "'worth'"),
    ],
)
def test_slips_are_named_with_their_file(settings, tmp_path, text, wording):
    (tmp_path / "clients" / "slip.toml").write_text(text)
    with pytest.raises(SettingsError) as raised:
        read_settings(tmp_path)
    assert "slip.toml" in str(raised.value)
    assert wording in str(raised.value)


def test_words_for_a_client_that_is_not_there_stop_the_run(settings):
    check_names(settings, ["Harbour Dental"])
    with pytest.raises(SettingsError, match=r"no such client.*Did you mean 'Harbor Dental'"):
        check_names(settings, ["Harbor Dental", "Mill"])


def test_review_json_names_brand_files_from_its_own_folder(tmp_path):
    (tmp_path / "logo.png").write_bytes(b"x")
    settings = Settings(name="M", brand=Brand(logo="logo.png"))
    review = brand_of(make_review(settings=settings), tmp_path)
    folder = tmp_path / "reports" / "a"
    folder.mkdir(parents=True)
    (folder / "review.json").write_text(review.to_json(folder))
    assert str(tmp_path) not in (folder / "review.json").read_text()
    assert json.loads((folder / "review.json").read_text())["brand"]["logo"] == "../../logo.png"
    assert Path(open_review(folder / "review.json").brand.logo) == (tmp_path / "logo.png").resolve()


def test_workbook_and_csv_hold_every_number_and_no_formula(tmp_path):
    review = make_review(client="=cmd()", settings=Settings(name="@M"))
    path = workbook.write_numbers(review, tmp_path / "d.pptx")
    rows = list(csv.reader(path.with_suffix(".csv").open(encoding="utf-8-sig")))
    assert not [cell for row in rows for cell in row if cell[:1] in "=+@" and cell]
    values = [float(row[3]) for row in rows[1:]]
    expected = workbook.numbers(review)["value"].tolist()
    assert values == expected
    assert review.minutes in values
    for section in review.sections:
        if section.table is not None:
            numeric = section.table.select_dtypes("number").stack().dropna()
            assert set(numeric) <= set(values), section.key
    with zipfile.ZipFile(path) as package:
        sheets = [package.read(n).decode() for n in package.namelist() if n.startswith("xl/worksheets/sheet")]
    assert not any("<f>" in sheet for sheet in sheets)
    first = path.read_bytes()
    assert workbook.write_numbers(review, tmp_path / "d.pptx").read_bytes() == first


def test_without_libreoffice_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    lines = []
    assert pdf.convert([write(make_review(), tmp_path / "d.pptx")], lines.append) == []
    assert len(lines) == 1
    assert "LibreOffice" in lines[0]


@pytest.mark.slow
def test_one_call_for_many_decks_of_one_name(tmp_path, monkeypatch):
    decks = [write(make_review(), tmp_path / name / "review.pptx") for name in "abc"]
    calls = []

    def office(command, **_):
        calls.append(command)
        for name in command[6:]:
            Path(name).with_suffix(".pdf").write_bytes(b"%PDF")

    monkeypatch.setattr(pdf, "office", lambda: "soffice")
    monkeypatch.setattr(pdf.subprocess, "run", office)
    quiet = {"tell": lambda *_: None}
    assert pdf.convert(decks, **quiet) == [d.with_suffix(".pdf") for d in decks]
    assert len(calls) == 1
    assert pdf.convert(decks, **quiet) == []
