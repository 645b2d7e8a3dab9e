"""The batch the hard way: killed at any moment, stopped by hand, on a cluster whose worker is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from test_disks import whole

from rhem_lib.runs import edition
from rhem_lib.simulate.sample import write_sample

pytestmark = pytest.mark.slow
STUDY = ("01_data_account",)
CODE = f"""
from pathlib import Path
from rhem_lib import cli
from rhem_lib.runs import edition
import sys
edition.STUDY = {STUDY!r}
if __name__ == "__main__":
    sys.argv = ["rhem", "review", "data/small", "--quarter", "2026Q2"]
    cli.main()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sample(Path("data/small"), clients=5, months=14, seed=11)
    Path("review.py").write_text(CODE)
    return tmp_path


def start():
    return subprocess.Popen(
        [sys.executable, "review.py"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def finished(target):
    """When each finished output was written."""
    records = [path for path in target.rglob("*.run.json") if '"status": "done"' in path.read_text()]
    stems = [path.with_name(path.name.removesuffix(".run.json")) for path in records]
    files = [stem.with_suffix(suffix) for stem in stems for suffix in (".ipynb", ".html", ".pptx")]
    return {path: path.stat().st_mtime_ns for path in files if path.exists()}


def left_over(place):
    """Processes that still work in the folder."""
    found = []
    for process in psutil.process_iter(["cwd", "pid"]):
        if str(process.info["cwd"]).startswith(str(place)) and process.pid != os.getpid():
            found.append(process)
    return found


def test_killed_at_twenty_moments_nothing_is_half_written_and_nothing_finished_is_redone(place):
    moments, target, before = random.Random(1), place / "reports/small/2026Q2", {}
    kills = 0
    while kills < 20:
        begun = start()
        try:
            begun.wait(moments.uniform(0.3, 20))
        except subprocess.TimeoutExpired:
            os.killpg(begun.pid, signal.SIGKILL)
            begun.wait()
            kills += 1
            done = finished(target)
            assert {path: done.get(path) for path in before} == before, "what was finished stays as it was"
            before = done
            for path in target.rglob("*.ipynb"):
                nbformat.read(path, as_version=4)
            until = time.monotonic() + 20
            while left_over(place) and time.monotonic() < until:
                time.sleep(0.2)
            assert not left_over(place)
        else:
            assert begun.returncode == 0, begun.stderr.read()
            subprocess.run(["rm", "-r", "reports/small/2026Q2"], check=True)  # all done: start over
            before = {}
    last = start()
    assert last.wait(600) == 0, last.stderr.read()
    assert finished(target).items() >= before.items()
    assert whole(target) == len(list(target.glob("clients/*"))) + len(STUDY)


def in_flight(begun):
    """Kernels at work under a run, by the sockets' server that forked them."""
    return [process for process in psutil.Process(begun.pid).children(recursive=True) if kind(process) == "kernel"]


def kind(process):
    """What a process of a run does: a worker, the parent of kernels, or a kernel (a fork of that parent)."""
    try:
        line, above = " ".join(process.cmdline()), " ".join(process.parent().cmdline())
    except (psutil.Error, AttributeError):
        return ""
    server = "kernel_server" in line
    return (
        "kernel" if server and "kernel_server" in above else "parent" if server else "worker" * ("spawn" in line)
    )


def wait_for(what, begun, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until and begun.poll() is None:
        if found := what():
            return found
        time.sleep(0.02)
    return None


def test_killed_in_the_middle_of_notebooks_the_rerun_is_whole_and_sweeps(place, monkeypatch):
    """Twelve kills, each while a notebook runs: what was finished stays, what was left behind goes."""
    temporary = place / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    moments, target, kills = random.Random(2), place / "reports/small/2026Q2", 0
    while kills < 12:
        before = finished(target)
        begun = start()
        if wait_for(lambda begun=begun: in_flight(begun), begun) is None:
            assert begun.wait() == 0, begun.stderr.read()
            subprocess.run(["rm", "-r", str(target)], check=True)  # all done: start over
            continue
        time.sleep(moments.uniform(0, 2))
        if in_flight(begun):
            kills += 1
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
        done = finished(target)
        assert {path: done.get(path) for path in before} == before
    last = start()
    assert last.wait(600) == 0, last.stderr.read()
    assert finished(target).items() >= before.items()
    assert whole(target) == len(list(target.glob("clients/*"))) + len(STUDY)
    assert not list(temporary.glob("rhem-*")), "the next run sweeps"


@pytest.mark.parametrize("victim", ["worker", "parent"] * 3)
def test_a_killed_worker_or_parent_of_kernels_costs_nothing(place, victim):
    begun = start()
    assert wait_for(lambda: in_flight(begun), begun)
    victims = [
        process for process in psutil.Process(begun.pid).children(recursive=True) if kind(process) == victim
    ]
    victims[0].kill()
    assert begun.wait(600) == 0, begun.stderr.read()
    target = place / "reports/small/2026Q2"
    assert whole(target) == len(list(target.glob("clients/*"))) + len(STUDY)


def test_a_whole_review_needs_no_network(place):
    """In a network namespace of its own nothing but the computer itself can be reached."""
    alone = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "review.py"]
    if subprocess.run([*alone[:4], "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces cannot be made here")
    done = subprocess.run(alone, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    target = place / "reports/small/2026Q2"
    assert whole(target) == len(list(target.glob("clients/*"))) + len(STUDY)


def test_two_reviews_of_the_same_data_are_equal_to_the_byte(place):
    """Decks, notebooks, pages and tables; records and the index hold times."""

    def made():
        assert start().wait(900) == 0
        files = [path for path in (place / "reports/small/2026Q2").rglob("*") if path.is_file()]
        timed = ("run.json", "index.html", ".run.json", ".log")
        found = {path.relative_to(place): path.read_bytes() for path in files if not path.name.endswith(timed)}
        subprocess.run(["rm", "-r", "reports"], check=True)
        return found

    first, second = made(), made()
    assert first.keys() == second.keys()
    assert [str(name) for name in first if first[name] != second[name]] == []


def test_ctrl_c_says_what_is_kept_and_leaves_nothing_behind(place):
    begun = start()
    for line in begun.stderr:
        if line.startswith("[1/"):
            break
    os.killpg(begun.pid, signal.SIGINT)
    wording = begun.stderr.read()
    assert begun.wait(60) == 130
    assert "notebooks are finished and kept. The same command goes on from here." in wording
    assert "Traceback" not in wording
    until = time.monotonic() + 20
    while left_over(place) and time.monotonic() < until:
        time.sleep(0.2)
    assert not left_over(place)
    assert start().wait(600) == 0
    whole(place / "reports")


def shown(folder):
    """What a reader gets: bytes of decks, outputs of notebooks."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".pptx":
            found[name] = path.read_bytes()
        elif path.suffix == ".ipynb":
            found[name] = [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells]
        elif path.suffix == ".html":
            found[name] = len(path.read_bytes())
    return found


def test_a_cluster_gives_the_same_files_also_when_a_worker_is_killed(place, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(edition, "STUDY", STUDY)
    here = edition.review(Path("data/small"), "2026Q2", tell=lambda *_: None)
    expected = shown(here.folder)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(host="127.0.0.1", **options) as cluster:
        killed: list[int] = []

        def kill(_, number=0, total=0):
            if number == 1:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        for tell in (lambda *_: None, kill):
            given = {"force": True, "workers": cluster.scheduler_address, "tell": tell}
            there = edition.review(Path("data/small"), "2026Q2", **given)
            assert there.failed == ()
            assert set(there.table["status"]) == {"done"}
            assert shown(there.folder) == expected
        assert killed
