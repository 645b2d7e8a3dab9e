"""What is written about people stays outside: planted notes, names, mails and addresses are found nowhere."""

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import pytest
import test_profiles as systems
from typer.testing import CliRunner
from vendors import write_vendor_sample

import rhem_lib as rhem
from rhem_lib.cli import app
from rhem_lib.runs import edition

MARK = "PLANTED"
FREE = (
    "notes", "note", "summary", "subject", "Title", "summaryNotes", "internalNotes", "internal_note", "Resolution",
    "detail_description", "description", "content", "comment", "Work description", "customerNotes",
)  # fmt: skip
PEOPLE = (
    "contactName",
    "contact_email",
    "Contact Phone",
    "requester",
    "Assigned To",
    "email",
    "addressLine1",
    "city",
)


def planted_record(record):
    """A record of an API with text about people at every level, in objects and in lists."""
    more = {name: f"{MARK} the password is hunter2" for name in FREE}
    more |= {name: f"{MARK}@example.org" for name in PEOPLE}
    more["contact"] = {"id": 4, "name": f"{MARK} Person", "email": f"{MARK}@example.org", "_info": {"x": MARK}}
    more["site"] = {"name": "Main", "addressLine1": f"{MARK} Street 5"}
    more["customFields"] = [{"caption": "Home phone", "value": MARK}, {"caption": "Note", "value": MARK}]
    return record | {name: value for name, value in more.items() if name not in record or record[name] == "x"}


def planted_json(document):
    if isinstance(document, list):
        return [planted_json(part) for part in document]
    lists = [name for name, value in document.items() if isinstance(value, list) and value]
    if lists and len(document) <= 3:
        return document | {name: planted_json(document[name]) for name in lists}
    return planted_record(document)


def planted_csv(text):
    header, *rows = csv.reader(io.StringIO(text))
    new = [name for name in (*FREE, *PEOPLE) if name not in header]
    made = io.StringIO()
    out = csv.writer(made)
    out.writerow([*header, *new])
    for row in rows:
        old = [
            f"{MARK} Person" if name in PEOPLE or name in FREE else cell
            for name, cell in zip(header, row, strict=True)
        ]
        out.writerow([*old, *([f'{MARK} "as said",\nby phone'] * len(new))])
    return made.getvalue()


def planted(name, text):
    return planted_csv(text) if name.endswith(".csv") else json.dumps(planted_json(json.loads(text)))


def everything(work):
    """All that the library holds of a workspace, as text."""
    tables = [work.time_entries.df(), work.tickets.df(), work.endpoints.df()]
    tables += [work.clients, work.agreements, work.quarantine, rhem.measure(work)]
    shown = [table.to_csv() for table in tables]
    return "\n".join([*shown, json.dumps(work.account.as_json()), work.account.text, work.note])


SYSTEMS = {name: getattr(systems, name) for name in dir(systems) if name.startswith((
    "CONNECTWISE_", "AUTOTASK_", "HALOPSA_", "SYNCRO", "FRESHSERVICE", "ZENDESK", "GLPI", "ITFLOW", "ATERA",
)) and isinstance(getattr(systems, name), dict) and all("." in key for key in getattr(systems, name))}  # fmt: skip


@pytest.mark.many_cases
@pytest.mark.parametrize("name", SYSTEMS)
def test_no_text_about_people_gets_past_the_door(workspace, name, monkeypatch, tmp_path):
    files = systems.written(SYSTEMS[name])
    plain = rhem.load(workspace(files, systems.SETTINGS))
    work = rhem.load(workspace({name: planted(name, text) for name, text in files.items()}, systems.SETTINGS))
    assert systems.entries(work) == systems.entries(plain), "the planted text changed a number"
    assert all(MARK in planted(name, text) for name, text in files.items()), "nothing was planted"
    assert MARK not in everything(work)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rhem_lib.workspace.load", lambda folder: work)  # as it has just been read
    shown = CliRunner().invoke(app, ["check", str(work.folder)])
    assert shown.exit_code == 0 and MARK not in shown.output
    assert all(MARK not in path.read_text() for path in (tmp_path / "reports").rglob("*.csv"))


HEADER = "entry_id,client,worked_on,hours,technician,notes\n"
DAMAGED = [
    f'1,Nord,2026-01-05,1,Bo {MARK},"{MARK} never closed\n',
    f"2,Nord,2026-01-05,1,Bo {MARK},{MARK} said, {MARK}\n",
    f"3,Nord,2026-01-05,{MARK} wrote a long note into the cell where the hours of the work should be,ann,\n",
    f"4,Nord,{MARK} {'x' * 60},1,ann,{MARK}\n",
    f"Total,,,12,Bo {MARK},{MARK}\n",
    f"5,,2026-01-05,1,Bo {MARK},{MARK}\n",
    f"6,Nord,2026-01-05,99,Bo {MARK},{MARK}\n",
    f"7,Nord,2026-01-05,1,Bo {MARK},{MARK}\n",
]


def test_a_damaged_row_is_told_by_its_place_and_not_by_its_text(workspace):
    work = rhem.load(workspace({"time.csv": HEADER + "".join(DAMAGED)}))
    assert work.quarantine[["source_row", "value", "reason"]].values.tolist() == [
        [4, "(77 characters of text)", "unreadable-hours"],
        [5, "(68 characters of text)", "unreadable-date"],
        [6, "Total", "total-row"],
        [7, "", "no-client"],
        [8, "99", "impossible-hours"],
        [2, "53 characters", "unclosed-quote"],
        [3, "7 cells, not 6", "wrong-number-of-cells"],
    ]
    assert MARK not in everything(work)


def test_columns_of_clients_csv_are_kept_but_not_those_of_people(workspace):
    text = f"client,onboarded_on,seats_sold,Contact Name,e-mail,Notes\nNord,2026-01-01,40,{MARK},{MARK},{MARK}\n"
    work = rhem.load(workspace({"clients.csv": text, "time.csv": "client,worked_on,hours\nNord,2026-01-05,1\n"}))
    assert work.clients["seats_sold"].tolist() == ["40"]
    assert MARK not in everything(work)


def test_pseudonyms_are_the_same_in_every_run_and_every_file(workspace):
    text = "client,worked_on,hours,technician\nNord,2026-01-05,1,Ann Example\nNord,2026-01-06,1,Bo\n"
    first = rhem.load(workspace({"a.csv": text})).time_entries.df()
    second = rhem.load(workspace({"b.csv": text.replace("Ann Example", " ANN example ")})).time_entries.df()
    assert set(first["technician"]) == set(second["technician"]) and first["technician"].nunique() == 2
    assert not first["technician"].str.contains("ann|bo", case=False).any()


def test_names_are_kept_where_they_are_asked_for(workspace):
    """Negative control: what is dropped above is there to be found."""
    text = "client,worked_on,hours,technician\nNord,2026-01-05,1,Ann Example\n"
    work = rhem.load(workspace({"t.csv": text}, 'name = "T"\n[privacy]\ntechnician_names = true\n'))
    assert "Ann Example" in everything(work)


def replant(archive):
    """Write an archive of exports again with text about people in every record."""
    with zipfile.ZipFile(archive) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in texts.items():
            packed.writestr(name, planted(name, text))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["connectwise", "freshservice"])
def test_no_text_about_people_is_in_any_notebook_page_or_deck(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("data/planted")
    write_vendor_sample(folder, source, clients=6, months=14, seed=11, dirt="none")
    for archive in (folder / "exports").glob("*.zip"):
        replant(archive)
    assert edition.review(folder, "2026Q2", tell=lambda *_: None).failed == ()
    seen = 0
    for path in [path for path in Path("reports").rglob("*") if path.is_file()]:
        data = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                data = b"".join(packed.read(name) for name in packed.namelist())
        assert MARK.encode() not in data, path
        seen += path.suffix in (".html", ".ipynb", ".pptx")
    assert seen >= 10
    assert os.listdir("data") == ["planted"]
