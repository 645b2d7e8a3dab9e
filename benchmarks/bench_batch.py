"""Time of client notebooks: plain papermill against `rhem review`'s batch, one and two workers, in one run.

    python benchmarks/bench_batch.py --clients 40 --plain 40

Ours includes the start of workers and warm kernels, and each client's page; plain papermill makes no page. The
reviews that the notebooks show are written beforehand, for both. `--plain` is how many of the notebooks plain
papermill runs (0 for none): its time per notebook does not depend on their number.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil

import rhem_lib as rhem
from rhem_lib.runs import edition
from rhem_lib.runs import pool as batch
from rhem_lib.runs.notebooks import NOTEBOOKS
from rhem_lib.simulate.sample import write_sample

QUARTER = "2026Q2"


def plain(job, target):
    """One notebook by plain papermill, in an ordinary kernel."""
    from papermill import execute_notebook

    folder = Path(target) / job.folder
    source = NOTEBOOKS / f"{job.notebook}.ipynb"
    execute_notebook(source, folder / "plain.ipynb", job.parameters, cwd=str(folder), progress_bar=False)


def plain_jobs(jobs, target, workers):
    """Plain papermill over all jobs, in one process or several."""
    if workers == 1:
        for job in jobs:
            plain(job, target)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(plain, jobs, [str(target)] * len(jobs)))


def our_jobs(jobs, target, workers):
    """The product's batch over all jobs."""
    records = list(batch.run_jobs(jobs, target, workers=workers, tell=lambda *_: None))
    failed = [record for record in records if record.status != "done"]
    if failed:
        raise SystemExit(f"{len(failed)} notebooks failed: {failed[0].error}")


def memory(samples, stop):
    """Note the memory of this process and its children, shared pages counted once, every two seconds."""
    here = psutil.Process()
    while not stop.wait(2):
        total = 0
        for process in (here, *here.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        samples.append(total / 1e6)


def timed(way, jobs, target, workers):
    """Seconds of wall time and of processors (all processes), and megabytes in each third of the run."""
    samples, stop = [], threading.Event()
    watch = threading.Thread(target=memory, args=(samples, stop))
    watch.start()
    begin, before = time.perf_counter(), sum(os.times()[:4])
    way(jobs, target, workers)
    seconds, processor = time.perf_counter() - begin, sum(os.times()[:4]) - before
    stop.set()
    watch.join()
    third = max(len(samples) // 3, 1)
    return seconds, processor, [max(samples[i : i + third], default=0) for i in (0, third, 2 * third)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--plain", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="rhem-bench-"))
    begin = time.perf_counter()
    write_sample(scratch / "data", clients=given.clients, months=24, seed=7)
    work = rhem.load(scratch / "data")
    made = rhem.study(work)
    target = scratch / "reports" / QUARTER
    clients = edition.clients_in(made.panel, QUARTER, ())
    jobs = list(edition.client_jobs(work, made, clients, target, (QUARTER, clients, True)))
    print(f"{len(jobs)} clients in service; simulated, read, fitted and reviewed in "
          f"{time.perf_counter() - begin:.0f} s; load average {os.getloadavg()[0]:.1f}")  # fmt: skip
    each = {}
    for workers in given.workers:
        for name, way, some in (("plain papermill", plain_jobs, jobs[: given.plain]), ("ours", our_jobs, jobs)):
            if not some:
                continue
            seconds, processor, peaks = timed(way, some, target, workers)
            each[name, workers] = seconds / len(some), processor / len(some)
            wording = f"{seconds / len(some):.2f} s each, {processor / len(some):.2f} s of processors"
            third = ", ".join(f"{peak:.0f}" for peak in peaks)
            print(f"{name}, workers {workers}: {len(some)} notebooks in {seconds:.1f} s, {wording}")
            print(f"  MB at most in each third: {third}; load average {os.getloadavg()[0]:.1f}", flush=True)
    for workers in given.workers if given.plain else ():
        for against in given.workers:
            pairs = zip(each["plain papermill", against], each["ours", workers], strict=True)
            wall, processor = (theirs / ours for theirs, ours in pairs)
            print(f"ours with {workers} against plain with {against}: {wall:.2f} times as fast, "
                  f"{processor:.2f} times less of processors")  # fmt: skip
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
