"""A client's files hold nothing of other clients, nor of the machine: planted names searched in every byte."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import rhem_lib as rhem
from rhem_lib.runs.edition import slug
from rhem_lib.simulate.sample import write_sample

PLANTED = "qzx"  # begins everything that is planted, and occurs nowhere else
RUN = "import sys\nfrom pathlib import Path\nfrom rhem_lib.runs import edition\n"
RUN += "edition.STUDY = ()\n"
RUN += "made = edition.review(Path('data/planted'), '2026Q2', workers=1, tell=print)\nsys.exit(bool(made.failed))"


def plant(folder: Path, clients: list[str]) -> None:
    """Rename clients, computers, technicians and tickets, and give each client's hours digits of its own."""
    names = {client: f"{PLANTED.capitalize()} Client {chr(65 + i) * 4}" for i, client in enumerate(clients)}
    for path in [folder / "clients.csv", folder / "rhem.toml"]:
        path.write_text(renamed(path.read_text(), names))
    for path in (folder / "exports").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            tables = {name: renamed(archive.read(name).decode("utf-8-sig"), names) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in tables.items():
                archive.writestr(name, with_own_hours(text, names))


def renamed(text, names):
    for old, new in names.items():
        text = text.replace(old, new)
    return re.sub(r"\b([A-Z]{2}\d\d-(?:WS|SV|LT|NB|SRV)-\d+)", rf"{PLANTED}-\1", text)


def with_own_hours(text, names):
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or "hours_actual" not in rows[0]:
        return text
    places = {name: place for place, name in enumerate(names.values())}
    for row in rows:
        if row["company_name"] in places and float(row["hours_actual"]) > 0:
            row["hours_actual"] = (
                f"{float(row['hours_actual']) + 0.000137 * (places[row['company_name']] + 1):.6f}"
            )
            row["time_start"] = row["time_end"] = ""
    made = io.StringIO()
    writer = csv.DictWriter(made, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


def every_byte(path: Path) -> bytes:
    """A file with all that it wraps: zip members, zips in zips, and what a page or notebook holds as base64."""
    return unwrapped(path.read_bytes())


def unwrapped(content: bytes) -> bytes:
    parts = [content]
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts += [name.encode() + unwrapped(archive.read(name)) for name in archive.namelist()]
    parts += [base64.b64decode(m + b"=" * (-len(m) % 4)) for m in re.findall(rb"[A-Za-z0-9+/]{200,}", content)]
    return b"\n".join(parts)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Folder of a run on planted data, in a planted environment; the panel; the client of each computer."""
    root = tmp_path_factory.mktemp(f"{PLANTED}place")
    folder = root / "data/planted"
    write_sample(folder, clients=4, months=14, seed=11, dirt="none")
    listed = [row["client"] for row in csv.DictReader((folder / "clients.csv").open())]
    plant(folder, listed)
    (root / f"{PLANTED}home").mkdir()
    own = {"HOME": str(root / f"{PLANTED}home"), "USER": f"{PLANTED}user", "LOGNAME": f"{PLANTED}user"}
    own |= {"SECRET": f"{PLANTED}secret", "TMPDIR": str(tmp_path_factory.mktemp("scratch"))}
    subprocess.run([sys.executable, "-c", RUN], cwd=root, env=os.environ | own, check=True)
    work = rhem.load(folder)
    return root / "reports/planted/2026Q2", rhem.measure(work), work


def of_client(target, name):
    files = [path for path in (target / "clients" / slug(name)).rglob("*") if path.is_file()]
    return {path.name: every_byte(path).lower() for path in files}


@pytest.mark.slow
def test_a_clients_files_hold_its_own_name_and_numbers_and_nobody_elses(planted):
    target, panel, work = planted
    made = [name for name in sorted(panel["client"].unique()) if (target / "clients" / slug(name)).is_dir()]
    assert len(made) >= 3
    devices = work.endpoints.df().groupby("client")["device_id"].unique()
    tickets = work.tickets.df().groupby("client")["ticket_id"].unique()
    for name in made:
        files = of_client(target, name)
        suffixes = ("ipynb", "html", "pptx", "xlsx", "csv", "json", "run.json")
        assert {f"review.{suffix}" for suffix in suffixes} <= set(files)
        own_hours = forms(panel[panel["client"] == name])
        assert any(form in files["review.json"] for form in own_hours), "the search must find what is there"
        for kind in ("review.ipynb", "review.html", "review.pptx"):
            assert name.lower().encode() in files[kind]
        for other in set(panel["client"]) - {name}:
            strange = forms(panel[panel["client"] == other]) - own_hours
            strange |= {other.lower().encode(), slug(other).encode()}
            strange |= {device.lower().encode() for device in devices.get(other, [])}
            strange |= {b'"' + ticket.encode() + b'"' for ticket in tickets.get(other, [])}
            for kind, content in files.items():
                assert not [text for text in strange if text in content], (kind, name, other)


def forms(rows):
    """Hours of client-months as they might be written: per month, per computer, in minutes; eight digits."""
    values = [*rows["reactive_hours"], *rows["rhem_h"], *(60 * rows["rhem_h"]), *(60 * rows["reactive_hours"])]
    return {f"{value:.12g}"[:9].encode() for value in values if value > 0 and len(f"{value:.12g}") >= 9}


@pytest.mark.slow
def test_no_file_holds_a_place_a_user_or_the_environment(planted):
    target, panel, _ = planted
    words = [f"{PLANTED}{word}".encode() for word in ("place", "home", "user", "secret")]
    words += [str(Path(sys.prefix)).lower().encode(), str(Path(rhem.__file__).parent.parent).lower().encode()]
    for name in panel["client"].unique():
        for kind, content in of_client(target, name).items():
            assert not [word for word in words if word in content], (kind, name)


@pytest.mark.slow
def test_deck_and_notebook_properties_name_the_company_and_no_person(planted):
    target, _, work = planted
    for path in target.rglob("review.pptx"):
        with zipfile.ZipFile(path) as deck:
            core = deck.read("docProps/core.xml").decode()
        assert set(re.findall(r"<(?:cp:lastModifiedBy|dc:creator)>([^<]*)<", core)) == {work.settings.name}
    for path in target.rglob("review.ipynb"):
        assert set(json.loads(path.read_text())["metadata"]) <= {"kernelspec", "language_info"}
