"""Jobs -> records, in parallel on `concurrent.futures`: worker processes or a Dask cluster.

A job is one notebook of a batch; what runs it in a worker raises nothing across the wire.
"""

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

from rhem_lib.deck import forget_pdf
from rhem_lib.errors import ParameterError
from rhem_lib.runs import kernels, page
from rhem_lib.runs.notebooks import NOTEBOOKS, check_parameters
from rhem_lib.storage import Scratch, file_digest, write_whole

WIDGET = re.compile(r'"(?:model_id": "|IPY_MODEL_)?([0-9a-f]{32})"')
TIMEOUT_SECONDS = 900.0
ANSWER_SECONDS = 15  # in which a scheduler answers
FRUITLESS_ROUNDS = 2  # without a record, after which the jobs of killed workers have failed


@dataclass(frozen=True)
class Job:
    """One notebook to run: where it goes, with which parameters, and the key of all it depends on.

    `about` goes into the record on disk: what the output was made from, and with what.
    """

    kind: str
    name: str
    notebook: str
    folder: str
    stem: str
    parameters: dict[str, Any]
    outputs: tuple[str, ...]
    key: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: float = TIMEOUT_SECONDS

    @property
    def record(self) -> str:
        """File of the job's record, under the edition's folder."""
        return f"{self.folder}/{self.stem}.run.json"


@dataclass(frozen=True)
class Record:
    """What became of a job: `status` is done, kept or failed.

    `hashes` are those of its files; `edition` is the key of the data that it was last found to be made from, and
    `as_of` when that was.
    """

    kind: str
    name: str
    status: str
    outputs: list[str]
    key: str
    seconds: float = 0.0
    error: str = ""
    hashes: dict[str, str] = field(default_factory=dict)
    edition: str = ""
    as_of: str = ""


_KERNELS: dict[str, Any] = {}
_ONE_AT_A_TIME = threading.Lock()  # papermill changes the current folder of the process


def start_worker(place: tuple[str, str]) -> None:
    """Make this process a worker of its parent: share its warm kernels and end with it."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # as in cli.main
    _KERNELS["manager"] = kernels.manager_class(*place)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _manager() -> Any:
    """Return this process's kernel manager; a cluster's worker starts its own warm kernels."""
    if "manager" not in _KERNELS:
        _KERNELS["stack"] = ExitStack()
        _KERNELS["manager"] = _KERNELS["stack"].enter_context(kernels.warm())
    return _KERNELS["manager"]


def run_job(job: Job, target: str) -> Record:
    """Run one notebook in a worker and make its page and its record; never raises.

    A failed notebook is kept, with the error in it, in place of the finished one; older pages and decks go,
    so that none is taken for a new one.
    """
    begin, root, error = time.perf_counter(), Path(target), ""
    record_file = root / job.record
    with _ONE_AT_A_TIME:
        try:
            record_file.parent.mkdir(parents=True, exist_ok=True)
            record_file.unlink(missing_ok=True)
            for output in job.outputs:
                forget_pdf(root / output)
            error = _run(job, root / job.folder)
        except Exception as problem:  # a record must come back whatever happens in a worker
            error = f"{type(problem).__name__}: {problem}"
    status = "failed" if error else "done"
    seconds = time.perf_counter() - begin
    record = Record(job.kind, job.name, status, list(job.outputs), job.key, seconds, error)
    with suppress(OSError):
        for output in job.outputs if error else ():
            if not output.endswith(".ipynb"):
                (root / output).unlink(missing_ok=True)
        files = (*job.outputs, f"{job.folder}/{job.stem}.json")  # what a client's page of numbers is made from
        there = {file: file_digest(root / file) for file in files if (root / file).is_file()}
        record = replace(record, hashes=there)
        facts = {**asdict(record), "notebook": job.notebook, "parameters": job.parameters, **job.about}
        write_whole(record_file, json.dumps(facts, indent=1))
    return record


def _run(job: Job, folder: Path) -> str:
    """Execute the notebook, write it and its page; return what went wrong in it, if anything."""
    # takes seconds to import, and only workers need it
    from rhem_lib.runs.papermill_engine import KERNEL_ENDED, execute

    check_parameters(job.notebook, job.parameters)
    source = NOTEBOOKS / f"{job.notebook}.ipynb"
    with Scratch() as scratch:
        made = scratch / f"{job.stem}.ipynb"
        limits = {"manager": _manager(), "seconds": job.timeout_seconds}
        error = execute(source, made, job.parameters, folder=folder, **limits)
        if error == KERNEL_ENDED and kernels.lost_parent(limits["manager"]):  # no fault of the notebook
            error = execute(source, made, job.parameters, folder=folder, **limits)
        error = error or _without_pictures(json.loads(made.read_text(encoding="utf-8")))
        text = settled(made.read_text(encoding="utf-8"), error)
    write_whole(folder / f"{job.stem}.ipynb", text)
    if not error and job.kind == "client":
        page.client(folder / job.parameters["source"], folder / f"{job.stem}.ipynb", folder / f"{job.stem}.html")
    elif not error:
        page.write(folder / f"{job.stem}.ipynb", folder / f"{job.stem}.html", title=job.name)
    return error


def _without_pictures(notebook: dict[str, Any]) -> str:
    """Return what is wrong with an executed notebook that draws figures and has none."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    draws = any("figures." in "".join(c["source"]) and not c["metadata"].get("tags") for c in cells)
    drawn = any("image/png" in output.get("data", {}) for c in cells for output in c["outputs"])
    return "Its figures are missing: matplotlib drew them elsewhere." if draws and not drawn else ""


def settled(text: str, error: str = "") -> str:
    """Return an executed notebook without papermill's paths and times; an error comes first."""
    notebook = json.loads(text)
    for holder in [notebook, *notebook["cells"]]:
        holder["metadata"].pop("papermill", None)
        holder["metadata"].pop("execution", None)
    banner = "papermill-error-cell-tag"  # papermill puts such a cell in to point at an error
    notebook["cells"] = [cell for cell in notebook["cells"] if banner not in cell["metadata"].get("tags", [])]
    if error:
        cell = {"cell_type": "markdown", "id": "error", "metadata": {}, "source": f"**Not finished.** {error}"}
        notebook["cells"].insert(0, cell)
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = cell["id"] if cell.get("id") == "error" else f"cell-{number}"
    written = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    for number, name in enumerate(dict.fromkeys(WIDGET.findall(written))):  # else no two runs are alike
        written = written.replace(name, f"{number:032x}")
    if error:  # the lines of a traceback name files of this machine
        for place in (str(NOTEBOOKS.parent), sys.prefix, sys.base_prefix, str(Path.home())):
            written = written.replace(f"{place}/", "") if len(place) > 1 else written
    return written


def run_jobs(jobs: Iterable[Job], target: Path, *, workers: int | str, tell: Callable = print) -> Iterator[Record]:
    """Run jobs as they are handed over; yield a record each, in the order in which they end.

    Jobs whose worker process was killed run again, last first, so that one that kills its worker every time
    does not stop the others; what is left after `FRUITLESS_ROUNDS` without a record has failed. `jobs` may still
    be planning while the first run. `workers` are processes here, or the address of a Dask scheduler. `target` is
    the edition's folder, on storage that all workers share; `tell` takes a line, and how many of how many are
    done.
    """
    jobs = iter(jobs)
    first = next(jobs, None)
    if first is None:
        return
    jobs = chain([first], jobs)
    done = total = fruitless = 0
    while fruitless < FRUITLESS_ROUNDS:
        lost: list[tuple[Job, Exception]] = []
        before = done
        with _executor(workers, tell) as pool:
            futures = dict(_submit(pool, jobs, target, lost))
            total = total or len(futures) + len(lost)
            for future in as_completed(futures):
                try:
                    record = future.result()
                except Exception as problem:  # the worker is gone, and each library has its own error for it
                    lost.append((futures[future], problem))
                    continue
                done += 1
                tell(_line(record, done, total), done, total)
                yield record
        if not lost:
            return
        fruitless = 0 if done > before else fruitless + 1
        if fruitless < FRUITLESS_ROUNDS:
            tell(f"A worker process was killed: notebooks without a result run again ({len(lost)})")
        jobs = iter([job for job, _ in lost[::-1]])
    for job, reason in lost:
        error = f"Its worker process was killed each time ({type(reason).__name__})."
        record = Record(job.kind, job.name, "failed", list(job.outputs), job.key, error=error)
        done += 1
        tell(_line(record, done, total), done, total)
        yield record


def _submit(pool: Executor, jobs: Iterator[Job], target: Path, lost: list) -> Iterator[tuple]:
    for job in jobs:
        try:
            yield pool.submit(run_job, job, str(target.resolve())), job
        except RuntimeError as problem:  # a broken pool takes no more
            lost.append((job, problem))


def _line(record: Record, done: int, total: int) -> str:
    outcome = f"{record.status} in {record.seconds:.1f} s" + (f": {record.error}" if record.error else "")
    return f"[{done}/{total}] {record.name}: {outcome}"


@contextmanager
def _executor(workers: int | str, tell: Callable) -> Iterator[Executor]:
    """Worker processes that share one parent of warm kernels, or the workers of a cluster."""
    if isinstance(workers, str):
        with _cluster(workers) as pool:
            yield pool
        return
    reason = kernels.unavailable()
    if reason:
        tell(reason)
    with kernels.warm(ordinary=bool(reason)) as manager:
        others = set(active_children())
        pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (manager.place,))
        try:
            yield pool
        except BaseException:  # Ctrl-C as well
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - others:
                process.terminate()
            raise
        pool.shutdown()


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        fix = "Install it: pip install 'rhem[cluster]'."
        raise ParameterError("this needs the package distributed.", where="--workers", fix=fix) from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS)
    except (OSError, ValueError):
        fix = "Start one with `dask scheduler`, and workers with `dask worker --nthreads 1`."
        raise ParameterError(f"no scheduler answers at '{address}'.", where="--workers", fix=fix) from None
    with client:
        pool = client.get_executor(retries=1)
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False)  # cancels what has not begun
            raise
