"""The wheel in a fresh environment, in another folder, does what the checkout does."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

QUARTER = "2026Q2"


@pytest.mark.slow
def test_the_wheel_runs_everything_from_a_folder_with_blanks_and_umlauts(tmp_path):
    here = tmp_path / "Büro West"
    here.mkdir()
    uv = shutil.which("uv", path=str(os.path.dirname(sys.executable))) or "uv"
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*command):
        return subprocess.run(command, cwd=here, env=environ, check=True, capture_output=True, text=True).stdout

    source = tmp_path / "source"  # what git has, without anything built or made beside it
    source.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    run(
        uv, "build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable, str(source), "-o", "dist"
    )
    run(uv, "venv", "-q", "--python", sys.executable, "env")
    python = here / "env/bin/python"
    run(uv, "pip", "install", "-q", "--python", python, "-r", str(ROOT / "requirements.lock"))
    run(uv, "pip", "install", "-q", "--python", python, "--no-deps", *map(str, (here / "dist").glob("*.whl")))
    rhem = str(here / "env/bin/rhem")
    run(rhem, "sample", "mü x", "--clients", "4", "--months", "14")
    assert "Every entry is accounted for" in run(rhem, "check", "mü x")
    assert "02_rhem:" in run(rhem, "notebooks")
    run(rhem, "review", "mü x", "--quarter", QUARTER, "-q")
    edition = here / "reports/mü x" / QUARTER
    assert (edition / "index.html").is_file()
    assert len(list(edition.glob("clients/*/review.pptx"))) >= 1
    code = "from pathlib import Path; from rhem_lib.runs import working_copies as w; print(w(Path('mü x')))"
    assert run(str(python), "-c", code).strip().endswith("notebooks")
