"""Signals, kills and the analyst's own environment: nothing stays behind, and nothing of it reaches a report."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rhem_lib.cli import app
from rhem_lib.deck import pdf
from rhem_lib.errors import OutputError
from rhem_lib.runs import edition, kernels, pool
from rhem_lib.storage import Scratch

WAIT = """
import sys, time
from pathlib import Path
from rhem_lib import cli
from rhem_lib.storage import Scratch

@cli.app.command()
def wait():
    with Scratch() as folder:
        (folder / "tickets.csv").write_text("text of clients")
        print("ready", flush=True)
        time.sleep(60)

sys.argv = ["rhem", "wait"]
cli.main()
"""
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def waiting(place):
    """Start a process that holds a temporary folder in a place, and wait until it does."""
    started = subprocess.Popen(
        [sys.executable, "-c", WAIT], env={**os.environ, "TMPDIR": str(place)}, stdout=-1, stderr=-1
    )
    assert started.stdout.readline() == b"ready\n"
    assert len(list(place.glob("rhem-*/tickets.csv"))) == 1
    return started


@pytest.mark.many_cases
@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_the_command_and_its_temporary_folders(tmp_path, name):
    process = waiting(tmp_path)
    process.send_signal(getattr(signal, name))
    assert process.wait(30) != 0
    assert b"Traceback" not in process.stderr.read()
    assert not list(tmp_path.iterdir())


@posix
def test_what_a_killed_process_left_goes_with_the_next_and_what_is_in_use_stays(tmp_path, monkeypatch):
    killed = waiting(tmp_path)
    held = next(tmp_path.glob("rhem-*"))
    killed.kill()
    killed.wait()
    assert held.is_dir()
    for name in ("rhem-other", "else"):  # folders that are not ours have no lock
        (tmp_path / name).mkdir()
    (tmp_path / "rhem-link").symlink_to(tmp_path / "else", target_is_directory=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Scratch() as mine, Scratch() as other:
        assert mine.is_dir() and other.is_dir() and mine != other
        assert not held.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["else", "rhem-link", "rhem-other"]


@posix
def test_a_folder_in_use_is_not_swept(tmp_path, monkeypatch):
    process = waiting(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Scratch():
        assert len(list(tmp_path.glob("rhem-*/tickets.csv"))) == 1
    process.kill()
    process.wait()


@posix
def test_processes_that_sweep_at_once_take_no_folder_from_each_other(tmp_path):
    code = (
        "from rhem_lib.storage import Scratch\nfor _ in range(300):\n with Scratch() as mine: (mine / 'a').touch()"
    )
    many = [
        subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=-1)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[1] for process in many] == [b""] * 4
    assert not list(tmp_path.iterdir())


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "a8f3", "metadata": {}, "source": "# T"},
        {"cell_type": "code", "id": "77aa", "metadata": {}, "source": "rhem.figures.decay(fit);", "outputs": [],
         "execution_count": 1},
    ],
    "metadata": {},
}  # fmt: skip


def shown(kind, **metadata):
    made = json.loads(json.dumps(NOTEBOOK))
    made["cells"][1]["outputs"] = [{"output_type": "display_data", "data": {kind: "x"}, "metadata": {}}]
    made["cells"][1]["metadata"] = metadata
    return made


def test_a_page_without_its_figures_has_failed():
    assert pool._without_pictures(NOTEBOOK) == "Its figures are missing: matplotlib drew them elsewhere."
    assert pool._without_pictures(shown("text/plain"))
    assert not pool._without_pictures(shown("image/png"))
    assert not pool._without_pictures(shown("text/plain", tags=["explore"]))
    assert not pool._without_pictures({"cells": NOTEBOOK["cells"][:1]})


def test_ids_of_cells_and_widgets_are_alike_in_every_run():
    def run(cell, widget):
        made = shown("application/vnd.jupyter.widget-view+json")
        made["cells"][1]["id"] = cell
        made["cells"][1]["outputs"][0]["data"] = {"x": {"model_id": widget}, "y": f"IPY_MODEL_{widget}"}
        made["metadata"]["widgets"] = {"x": {"state": {widget: {}, widget[::-1]: {}}}}
        return pool.settled(json.dumps(made))

    assert run("a1", "0f" * 8 + "1" * 16) == run("b2", "9e" * 8 + "2" * 16)


def test_a_dead_parent_of_kernels_is_seen(tmp_path):
    folder = tempfile.mkdtemp(prefix="k-")
    manager = kernels.manager_class(folder, f"{folder}/parent")
    assert kernels.lost_parent(manager) and not kernels.lost_parent(kernels.manager_class(folder))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/parent")
        listener.listen()
        assert not kernels.lost_parent(manager)
    assert kernels.lost_parent(manager)


@pytest.mark.slow
def test_the_environment_of_the_analyst_does_not_reach_a_notebook(tmp_path, monkeypatch):
    """A backend that shows nothing, a profile that rounds, a matplotlibrc nobody can read, another zone."""
    code = "import time, matplotlib.pyplot as plt\nplt.rcParams['font.size'], 0.145, time.tzname[0]"
    drawn = "fig = plt.figure()\nplt.plot([1, 2])\n'figures.'"
    monkeypatch.chdir(tmp_path)
    profile = tmp_path / "ipython/profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text("c.PlainTextFormatter.float_precision = 0\n")
    (profile / "startup/a.py").write_text("import builtins\nbuiltins.spoilt = True\n")
    for place in (tmp_path, tmp_path / "mpl"):
        place.mkdir(exist_ok=True)
        (place / "matplotlibrc").write_text("font.size: 77\n")
    places = {"IPYTHONDIR": "ipython", "MPLCONFIGDIR": "mpl", "MATPLOTLIBRC": "mpl"}
    strange = {name: str(tmp_path / place) for name, place in places.items()}
    for name, value in {"MPLBACKEND": "Agg", "TZ": "Asia/Tokyo", **strange}.items():
        monkeypatch.setenv(name, value)
    import nbformat

    from rhem_lib.runs.papermill_engine import execute

    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (code, drawn, "spoilt")])
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(made, tmp_path / "n.ipynb")
    with kernels.warm() as manager:
        error = execute(
            tmp_path / "n.ipynb", tmp_path / "o.ipynb", {}, folder=tmp_path, manager=manager, seconds=300
        )
    cells = nbformat.read(tmp_path / "o.ipynb", as_version=4).cells
    assert "NameError" in error, "nothing of the start-up files"
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    assert any(output.get("data", {}).get("text/plain") == "(10.0, 0.145, 'UTC')" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_a_pdf_that_was_asked_for_and_not_made_is_said_and_gives_1(tmp_path, monkeypatch):
    import pandas as pd

    table = pd.DataFrame({"kind": ["client"], "name": ["A"], "status": ["done"], "seconds": [1.0]})
    made = edition.Run(tmp_path, table, without_pdf=3)
    assert "1 made, 3 decks without the PDF that was asked for." in made.text
    monkeypatch.setattr("rhem_lib.runs.edition.review", lambda *_, **__: made)
    done = CliRunner().invoke(app, ["review", str(tmp_path), "--quarter", "2026Q2", "--pdf", "-q"])
    assert done.exit_code == 1 and "without the PDF" in done.output


def test_a_hanging_libreoffice_is_given_up_after_one_call(tmp_path, monkeypatch):
    decks = [tmp_path / f"{n}.pptx" for n in range(45)]
    for deck in decks:
        deck.write_bytes(b"deck")
    calls = []

    def hang(command, timeout, **_):
        calls.append(timeout)
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(pdf, "office", lambda: "soffice")
    monkeypatch.setattr(pdf.subprocess, "run", hang)
    lines = []
    assert pdf.convert(decks, lines.append) == [] and len(calls) == 1 and calls[0] <= 600
    assert "LibreOffice wrote no PDF of 45 decks" in lines[-1]


def test_check_gives_its_advice_where_reports_cannot_be_written(workspace, monkeypatch):
    folder = workspace({"time.csv": "entry_id,client,worked_on,hours\n1,Nord,2026-05-04,1\n2,Nord,x,1\n"})

    def refuse(_):
        raise OutputError("cannot be written: read-only file system.", where="reports/x")

    monkeypatch.setattr("rhem_lib.cli._write_quarantine", refuse)
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert done.exit_code == 0
    assert "reports/x: cannot be written: read-only file system." in done.output
    assert done.output.rstrip().splitlines()[-1] != "" and "in Python: import rhem_lib" in done.output


@posix
@pytest.mark.slow
def test_a_full_temporary_folder_is_named_as_such(workspace, tmp_path):
    """On a file system of its own: the import names it, not a file, and nothing is left there."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        rows = "".join(f"{n},Nord,2026-05-{n % 28 + 1:02d},1.{n % 10}\n" for n in range(60_000))
        folder = workspace({"time.csv.gz": gzip.compress(f"entry_id,client,worked_on,hours\n{rows}".encode())})
        command = [sys.executable, "-m", "rhem_lib.cli", "check", str(folder)]
        environment = {**os.environ, "TMPDIR": str(place)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 2 and f"{place}: the temporary folder is full. Make room there" in done.stderr
        assert "skip = true" not in done.stderr and not list(place.iterdir())
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", "-l", place], check=True)


def test_a_measure_on_a_full_disk_leaves_no_file(workspace, tmp_path, monkeypatch):
    folder = workspace({"time.csv": "entry_id,client,worked_on,hours\n1,Nord,2026-05-04,1\n"})
    out, opened = tmp_path / "panel.csv", Path.open

    def full(self, mode="r", *options, **named):
        stream = opened(self, mode, *options, **named)
        if "w" in mode and "panel.csv" in self.name:
            stream.close()
            raise OSError(28, "No space left on device")
        return stream

    monkeypatch.setattr(Path, "open", full)
    done = CliRunner().invoke(app, ["measure", str(folder), "--out", str(out)])
    assert isinstance(done.exception, OutputError) and "panel.csv: cannot be written: no space left" in str(
        done.exception
    )
    assert not out.exists() and not list(tmp_path.glob(".panel*"))
