"""The accuracy tables and the timings can be made: a small version of each, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_accuracy_tables_are_written(tmp_path):
    out = tmp_path / "accuracy.md"
    command = [sys.executable, BENCHMARKS / "accuracy.py", "--small", "--workers", "1", "--out", out]
    subprocess.run(command, check=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    text = out.read_text()
    for words in (
        "this package",
        "curve_fit per client",
        "pooled NLS",
        "| S2z |",
        "## Forecasts",
        "months to 0.25 h",
        "# Accuracy of RHEM intervals",
        "# Do fixed-fee clients improve faster?",
        "MixedLM",
    ):
        assert words in text


def test_a_section_is_replaced_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from report import replace_section

    path = tmp_path / "accuracy.md"
    path.write_text("# A\n\na\n")
    replace_section(path, ["# B", "", "one", ""])
    path.write_text(path.read_text() + "# C\n\nc\n")
    replace_section(path, ["# B", "", "two", ""])
    assert path.read_text() == "# A\n\na\n\n# B\n\ntwo\n\n# C\n\nc\n"


@pytest.mark.slow
def test_timings_run_side_by_side():
    command = [sys.executable, BENCHMARKS / "bench_decay.py", "--most", "12"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "fit_decay, all tables [s]" in done.stdout
    assert "curve_fit per client [s]" in done.stdout
