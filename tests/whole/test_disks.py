"""Disks that refuse: read-only, full. Small file systems of their own, where they may be mounted."""

import os
import subprocess
import zipfile
from pathlib import Path

import nbformat
import pytest

from rhem_lib.errors import OutputError
from rhem_lib.runs import edition
from rhem_lib.simulate.sample import write_sample

QUIET = {"tell": lambda *_: None, "workers": 1}


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Function that mounts a small file system as reports/, again with other options if it is there."""
    monkeypatch.chdir(tmp_path)
    write_sample(Path("data/small"), clients=3, months=14, seed=11)
    place = tmp_path / "reports"
    place.mkdir()

    def mount(options):
        if place.is_mount():
            options += ",remount"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("file systems cannot be mounted here")

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "-l", place], check=True)


def test_read_only_reports_are_one_message(mounted):
    mounted("ro")
    with pytest.raises(
        OutputError, match=r"reports/small: cannot be written: read-only file system. Reports are wri"
    ):
        edition.review(Path("data/small"), "2026Q2", **QUIET)


def test_somebody_elses_reports_are_one_message(mounted, monkeypatch):
    if os.geteuid() == 0:
        monkeypatch.setattr(
            Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        Path("reports").chmod(0o500)
    with pytest.raises(
        OutputError, match=r"reports/small: cannot be written: permission denied. Reports are written to"
    ):
        edition.review(Path("data/small"), "2026Q2", **QUIET)


@pytest.mark.slow
def test_full_disk_is_one_message_and_the_next_run_goes_on(mounted, monkeypatch):
    monkeypatch.setattr(edition, "STUDY", ("01_data_account",))
    mounted("size=64k")
    with pytest.raises(OutputError, match=r"cannot be written: .*[Nn]o space left"):
        edition.review(Path("data/small"), "2026Q2", **QUIET)
    mounted("size=1200k")
    with pytest.raises(OutputError, match=r"no space left on device. Make room, and run the same command again"):
        edition.review(Path("data/small"), "2026Q2", **QUIET)
    done = whole(Path("reports"))
    mounted("size=50m")
    made = edition.review(Path("data/small"), "2026Q2", **QUIET)
    assert made.failed == ()
    assert (made.table["status"] == "kept").sum() == done
    whole(Path("reports"))


def whole(folder):
    """Number of finished outputs; every deck and notebook can be opened, and nothing is half-written."""
    for path in folder.rglob("*.pptx"):
        assert zipfile.ZipFile(path).testzip() is None
    for path in folder.rglob("*.ipynb"):
        nbformat.read(path, as_version=4)
    assert not list(folder.rglob(".*.part"))
    return sum('"status": "done"' in path.read_text() for path in folder.rglob("*.run.json"))
