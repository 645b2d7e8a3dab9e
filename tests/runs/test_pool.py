"""The executor under the batch: killed workers, Ctrl-C, timeouts, full and read-only disks, two runs at once."""

import os
import subprocess
import sys
from contextlib import nullcontext
from multiprocessing.connection import wait
from pathlib import Path
from types import SimpleNamespace

import pytest

from rhem_lib import storage
from rhem_lib.errors import OutputError, ParameterError, RhemError
from rhem_lib.runs import pool
from rhem_lib.runs.pool import Job, Record


def job(name, **parameters):
    return Job("client", name, "10_client_review", name, "review", parameters, (f"{name}/review.html",))


def pretend(given, target):
    """Stand for `run_job`: leaves a mark for each time it began, and may kill its worker."""
    marks = Path(target) / given.name
    marks.mkdir(exist_ok=True)
    (marks / f"{len(list(marks.iterdir()))}").touch()
    times = given.parameters.get("kill", 0)
    if len(list(marks.iterdir())) <= times:
        os.kill(os.getpid(), 9)
    return Record(given.kind, given.name, "done", list(given.outputs), given.key, 0.1)


@pytest.fixture
def light(monkeypatch):
    """Workers without kernels, which run `pretend`."""
    none = SimpleNamespace(place=("", ""))
    monkeypatch.setattr(pool.kernels, "warm", lambda **_: nullcontext(none))
    monkeypatch.setattr(pool, "run_job", pretend)


def run(given, target, workers=2):
    lines = []
    records = pool.run_jobs(given, target, workers=workers, tell=lambda line, *_: lines.append(line))
    return {record.name: record for record in records}, lines


@pytest.mark.slow
def test_jobs_of_a_killed_worker_run_again_and_one_that_kills_every_time_fails_alone(light, tmp_path):
    given = [job("once", kill=1), job("always", kill=99), *(job(f"good {i}") for i in range(4))]
    records, lines = run(given, tmp_path)
    assert {name for name, record in records.items() if record.status == "failed"} == {"always"}
    assert records["always"].error.startswith("Its worker process was killed each time")
    assert len(records) == len(given)
    assert any(line.startswith("A worker process was killed: ") for line in lines)
    assert [line.split("]")[0] for line in lines if line.startswith("[")] == [f"[{i}/6" for i in range(1, 7)]


def test_nothing_to_do_starts_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "ProcessPoolExecutor", None)
    assert run([], tmp_path) == ({}, [])


def test_stopping_leaves_no_worker(light, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    before = set(pool.active_children())
    with pytest.raises(KeyboardInterrupt):
        list(pool.run_jobs([job(f"j{i}") for i in range(20)], tmp_path, workers=1, tell=stop))
    for process in set(pool.active_children()) - before:
        assert wait([process.sentinel], 10)  # `is_alive` may say yes while the pool's own thread reaps the process
    assert len(list(tmp_path.iterdir())) < 20


def test_no_scheduler_and_no_package_are_one_message(monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "ANSWER_SECONDS", 0.2)
    with pytest.raises(ParameterError, match=r"--workers: no scheduler answers at 'tcp://127.0.0.1:9'. Start one"):
        run([job("a")], tmp_path, workers="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ParameterError, match=r"needs the package distributed. Install it: pip install 'rhem"):
        run([job("a")], tmp_path, workers="tcp://127.0.0.1:9")


def test_a_notebook_that_takes_too_long_is_stopped_kept_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_KERNELS", {})
    slow = Job("study", "Slow", "05_known_truth", "study", "slow", {"dirt": "none", "portfolios": 500},
               ("study/slow.html", "study/slow.ipynb"), timeout_seconds=3)  # fmt: skip
    (tmp_path / "study").mkdir()
    (tmp_path / "study/slow.html").write_text("old")
    record = pool.run_job(slow, str(tmp_path))
    pool._KERNELS["stack"].close()
    assert (record.status, record.error) == ("failed", "It took longer than 3 seconds and was stopped.")
    assert "**Not finished.** It took longer than 3 seconds" in (tmp_path / "study/slow.ipynb").read_text()
    assert not (tmp_path / "study/slow.html").exists()
    assert '"status": "failed"' in (tmp_path / "study/slow.run.json").read_text()


def test_a_job_never_raises(tmp_path):
    record = pool.run_job(job("a", sauce="review.json"), str(tmp_path))
    assert record.status == "failed"
    assert record.error.startswith("ParameterError: 10_client_review.ipynb: 'sauce' is not known here.")


def test_tracebacks_in_kept_notebooks_name_no_place_of_the_machine():
    text = (
        '{"metadata": {}, "cells": [{"metadata": {}, "outputs": ["'
        + f'{sys.prefix}/x.py {pool.NOTEBOOKS}/y"]}}]}}'
    )
    assert sys.prefix not in pool.settled(text, "ValueError")
    assert str(pool.NOTEBOOKS) not in pool.settled(text, "ValueError")


def test_two_runs_do_not_mix_and_a_killed_one_leaves_no_lock(tmp_path):
    code = "import sys, time\nfrom pathlib import Path\nfrom rhem_lib.storage import alone\n"
    code += "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(OutputError, match=r"another run is writing these reports. Wait for it to end"):
        with storage.alone(tmp_path):
            pass
    other.kill()
    other.communicate()
    with storage.alone(tmp_path):
        pass


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    storage.write_whole(path, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    wording = f"{tmp_path}: cannot be written: no space left on device. Make room, and run the same command again"
    with pytest.raises(RhemError, match=wording), storage.writing(tmp_path):
        storage.write_whole(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    assert path.read_text() == "old"


def test_what_a_killed_run_left_half_written_is_swept(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.review.pptx.77.part").touch()
    (tmp_path / "a/review.part").touch()
    storage.sweep(tmp_path)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["review.part"]
