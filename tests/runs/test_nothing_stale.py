"""Whatever changes in a workspace: what is redone, what goes, and what the index says."""

import re
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from rhem_lib.deck import pdf
from rhem_lib.errors import InputError
from rhem_lib.runs import edition, pool
from rhem_lib.simulate.sample import write_sample
from rhem_lib.storage import alone, digest, files_under

QUIET = {"tell": lambda *_: None}
DESK = 'path = "sqlite:///desk.db"\nquery = "SELECT * FROM work"\n'
STUDY, ALL = {"study"}, {"study", "client"}


def light(job, folder):
    """Write what a notebook would, in no time: files that depend on its parameters alone."""
    for output in job.outputs:
        (folder / Path(output).name).write_bytes(f"{job.key} {output}".encode())
    nbformat.write(nbformat.v4.new_notebook(), folder / f"{job.stem}.ipynb")
    return ""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with a link, a database, a logo, a profile and a client's settings, and its first edition."""
    root = tmp_path_factory.mktemp("stale")
    folder = root / "data/small"
    write_sample(folder, clients=3, months=14, seed=11)
    shutil.move(folder / "exports", root / "elsewhere")
    (folder / "exports").symlink_to(root / "elsewhere", target_is_directory=True)
    with closing(sqlite3.connect(folder / "desk.db")) as database:
        database.executescript(
            "CREATE TABLE work (entry_id, client, worked_on, hours);"
            "INSERT INTO work VALUES ('x1', 'Desk Only', '2026-05-04', 1.0);"
        )
    with (folder / "rhem.toml").open("a") as settings:
        settings.write(f'\n[[files]]\n{DESK}\n[brand]\nlogo = "../logo.png"\ntemplate = "../own.pptx"\n')
    ours = Path(pool.__file__).parents[1] / "templates/review.pptx"
    shutil.copy(ours, root / "data/own.pptx")
    shutil.copy(Path(__file__).parents[2] / "docs/pictures/deck-01.png", root / "data/logo.png")
    (folder / "profiles").mkdir()
    (folder / "clients").mkdir()
    edit(folder / "rhem.toml", f'[clients."Summit Foods"]\n{OWN}', "")
    (folder / "clients/one.toml").write_text(f'client = "Summit Foods"\n{OWN}')
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setattr(
            edition, "run_jobs", lambda jobs, target, **_: (pool.run_job(j, str(target)) for j in jobs)
        )
        patched.setattr(pool, "_run", light)
        yield root, folder, edition.review(folder, "2026Q2", **QUIET)


def names_of(made):
    return sorted(made.table.loc[made.table["kind"] == "client", "name"])


def edit(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def change_rows(folder):
    """Take the last five entries out."""
    path = next((folder / "exports").glob("*time*.zip"))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    last = max(parts)
    parts[last] = b"".join(parts[last].splitlines(keepends=True)[:-5])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def change_database(folder):
    with closing(sqlite3.connect(folder / "desk.db")) as database:
        database.execute("UPDATE work SET hours = 2.0")
        database.commit()


OWN = 'aliases = ["Summit Foods LLC", "Summit Foods LLC, Inc."]\n'


CHANGES = {  # what is changed: how, and the kinds of outputs that are made again (all of the study, some clients)
    "file": (change_rows, ALL),
    "database": (change_database, STUDY),
    "setting": (lambda f: edit(f / "rhem.toml", 'name = "', 'name = "New '), ALL),
    "client's settings": (lambda f: edit(f / "clients/one.toml", OWN, f'{OWN}goals = ["Open an office"]\n'), ALL),
    "profile": (lambda f: (f / "profiles/more.toml").write_text(PROFILE), STUDY),
    "logo": (lambda f: shutil.copy(f.parents[1] / "logo2.png", f.parent / "logo.png"), ALL),
    "template": (lambda f: zipfile.ZipFile(f.parent / "own.pptx", "a").writestr("x.txt", "x"), ALL),
    "linked folder": (
        lambda f: (f.parents[1] / "elsewhere/more-2026-05-31.csv").write_text("client,device_id\n"),
        STUDY,
    ),
}
PROFILE = """name = "more"
title = "More"
[[tables]]
table = "time_entries"
requires = ["client", "worked_on", "hours"]
columns = { client = "x", worked_on = "y", hours = "z" }
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANGES)
def test_what_depends_on_an_input_is_made_again_when_it_changes(made, kind):
    root, folder, _ = made
    shutil.copy(Path(__file__).parents[2] / "docs/pictures/deck-02.png", root / "logo2.png")
    edition.review(folder, "2026Q2", **QUIET)
    again = edition.review(folder, "2026Q2", **QUIET)
    assert set(again.table["status"]) == {"kept"}
    change, kinds = CHANGES[kind]
    change(folder)
    after = edition.review(folder, "2026Q2", **QUIET)
    redone = after.table[after.table["status"] == "done"]
    assert set(redone["kind"]) == kinds
    assert (redone["kind"] == "study").sum() == 5, "all of the study but the notebook on simulated data"
    assert "made from data of" not in index_of(root)


def index_of(root):
    return re.sub(r"<[^>]+>", " ", (root / "reports/small/2026Q2/index.html").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("part", ["code", "packages"])
def test_code_and_packages_make_everything_again(made, part, monkeypatch):
    _, folder, _ = made
    edition.review(folder, "2026Q2", **QUIET)
    if part == "code":
        monkeypatch.setattr(edition, "METRIC_VERSION", 99)
    else:
        monkeypatch.setattr(edition, "version", lambda name: "99.0")
    assert set(edition.review(folder, "2026Q2", **QUIET).table["status"]) == {"done"}


@pytest.mark.slow
def test_the_index_marks_what_one_client_alone_left_behind_and_lists_former_clients_apart(made):
    root, folder, _ = made
    first, second, third = names_of(edition.review(folder, "2026Q2", **QUIET))
    change_rows(folder)
    one = edition.review(folder, "2026Q2", clients=[first], **QUIET)
    assert names_of(one) == [first]
    text = index_of(root)
    assert text.count("made from data of 20") == 2, "the two clients that were not asked for"
    edition.review(folder, "2026Q2", **QUIET)
    assert "made from data of" not in index_of(root)
    edit(folder / "clients/one.toml", OWN, f"{OWN}exclude = true\n")
    edit(folder / "rhem.toml", f'"{third}"]\naliases = [', f'"{third} Renamed"]\naliases = ["{third}", ')
    after = edition.review(folder, "2026Q2", **QUIET)
    assert names_of(after) == [first, f"{third} Renamed"]
    now, former = index_of(root).split("Former clients")
    assert second not in now and third in former and second in former and f"{third} Renamed" in now
    assert former.count("made from data of 20") == 2


@pytest.mark.slow
def test_kept_means_the_same_bytes_and_force_reads_the_exports_again(made):
    root, folder, _ = made
    before = edition.review(folder, "2026Q2", **QUIET)
    outputs = before.table.loc[before.table["kind"] == "client", "outputs"].iloc[0]
    deck = root / "reports/small/2026Q2" / next(one for one in outputs if one.endswith(".pptx"))
    as_made, lines = deck.read_bytes(), []
    for number in (1, 2):
        deck.write_bytes(as_made + b" by hand")
        again = edition.review(folder, "2026Q2", tell=lambda line, *_: lines.append(line))
        assert (again.table["status"] == "done").sum() == 1
        kept = deck.with_name(f"{deck.stem} edited {number}.pptx")
        assert deck.read_bytes() == as_made and kept.read_bytes() == as_made + b" by hand"
        assert any(line.endswith(f"is kept as {kept.name}") for line in lines)
    lines.clear()
    edition.review(folder, "2026Q2", force=True, tell=lambda line, *_: lines.append(line))
    assert any(line.endswith(f"Reading {folder}") for line in lines)


def test_a_pdf_counts_by_its_content_never_by_a_clock(tmp_path, monkeypatch):
    deck, made = tmp_path / "d.pptx", tmp_path / "d.pdf"
    deck.write_bytes(b"deck")
    monkeypatch.setattr(pdf, "office", lambda: "soffice")
    monkeypatch.setattr(
        pdf.subprocess, "run", lambda command, **_: Path(command[7]).with_suffix(".pdf").write_bytes(b"%PDF")
    )
    assert pdf.convert([deck], **QUIET) == [made] and pdf.is_current(deck)
    deck.touch()
    assert pdf.is_current(deck), "a newer time is no newer deck"
    deck.write_bytes(b"other")
    assert not pdf.is_current(deck)
    deck.write_bytes(b"deck")
    made.write_bytes(b"%PDF of another")
    assert not pdf.is_current(deck)
    made.unlink()
    assert not pdf.is_current(deck)
    (tmp_path / "e.pptx").write_bytes(b"deck")
    (tmp_path / "e.pdf").write_bytes(b"%PDF")
    assert not pdf.is_current(tmp_path / "e.pptx"), "a PDF without a record is nobody's"


def test_a_deck_that_is_made_anew_or_fails_leaves_no_pdf(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_run", lambda *_: "ValueError: x")
    for name in ("review.pdf", "review.pdf.json"):
        (tmp_path / "c").mkdir(exist_ok=True)
        (tmp_path / "c" / name).write_text("old")
    job = pool.Job("client", "A", "10_client_review", "c", "review", {"no": "such"}, ("c/review.pptx",))
    record = pool.run_job(job, str(tmp_path))
    assert record.status == "failed"
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["review.run.json"]


def test_a_key_covers_files_behind_links_and_ends_at_a_circle(tmp_path):
    inside, outside = tmp_path / "w", tmp_path / "far/deep"
    inside.mkdir()
    outside.mkdir(parents=True)
    (outside / "a.csv").write_text("1")
    (inside / "exports").symlink_to(tmp_path / "far", target_is_directory=True)
    (outside / "back").symlink_to(inside, target_is_directory=True)
    before = digest([inside])
    assert files_under(inside) == [inside / "exports/deep/a.csv"]
    (outside / "a.csv").write_text("2")
    assert digest([inside]) != before
    assert digest([inside], without=[outside]) != before


def test_a_lock_that_nothing_was_written_under_leaves_no_folder(tmp_path):
    with pytest.raises(InputError), alone(tmp_path / "reports/new"):
        raise InputError("x")
    assert not (tmp_path / "reports").exists()
    with alone(tmp_path / "reports/new"):
        (tmp_path / "reports/new/x").write_text("x")
    assert (tmp_path / "reports/new/x").is_file()


def test_two_clients_never_share_a_folder_and_names_of_devices_are_marked(monkeypatch):
    names = [
        "株式会社東京",
        "株式会社大阪",
        "Con",
        "LPT1",
        "nul",
        "Aux",
        "Nord",
        "Nörd",
        "Nord!",
        "N o r d",
        "n-o-r-d",
        "%",
        "&",
    ]
    names += [chr(0x4E00 + i) + "社" for i in range(3000)]
    slugs = [edition.slug(name) for name in names]
    assert len({slug.lower() for slug in slugs}) == len(names)
    assert edition.slug("Nord") == "nord" and not {"con", "lpt1", "nul", "aux"} & set(slugs)
    edition._check_folders(names)
    monkeypatch.setattr(edition, "slug", lambda name: "same")
    with pytest.raises(InputError, match="'Nord' and 'Süd' would have the same folder, 'same'"):
        edition._check_folders(["Nord", "Süd"])


def test_a_file_that_changes_while_it_is_read_is_named(workspace, monkeypatch):
    import rhem_lib as rhem
    from rhem_lib.workspace import workspace as module

    folder = workspace({"time.csv": "client,worked_on,hours\nNord,2026-05-04,1\n"})
    reads = module.clean_tables

    def slow(*given):
        with (folder / "exports/time.csv").open("a") as file:
            file.write("Nord,2026-05-05,1\n")
        return reads(*given)

    monkeypatch.setattr(module, "clean_tables", slow)
    with pytest.raises(
        InputError, match=r"exports/time.csv: this file changed while it was read. \(1 times\) Wait"
    ):
        rhem.load(folder)
