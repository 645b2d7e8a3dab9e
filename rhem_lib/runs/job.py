"""One notebook of a batch, as a worker runs it; nothing here raises across the wire."""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from rhem_lib.runs import kernels, page
from rhem_lib.runs.parameters import NOTEBOOKS, check_parameters
from rhem_lib.storage import write_whole

TIMEOUT_SECONDS = 900.0


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
    """What became of a job: `status` is done, kept or failed."""

    kind: str
    name: str
    status: str
    outputs: list[str]
    key: str
    seconds: float = 0.0
    error: str = ""


_KERNELS: dict[str, Any] = {}
_ONE_AT_A_TIME = threading.Lock()  # papermill changes the current folder of the process


def start_worker(place: tuple[str, str]) -> None:
    """Make this process a worker of its parent: it shares the parent's warm kernels and ends with it."""
    _KERNELS["manager"] = kernels.manager_class(*place)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _manager() -> Any:
    """Kernel manager of this process; a worker of a cluster starts its own warm kernels at its first job."""
    if "manager" not in _KERNELS:
        _KERNELS["stack"] = ExitStack()
        _KERNELS["manager"] = _KERNELS["stack"].enter_context(kernels.warm())
    return _KERNELS["manager"]


def run_job(job: Job, target: str) -> Record:
    """Run one notebook in a worker and make its page and its record; never raises.

    A failed notebook is kept, with the error in it, in place of the finished one; older pages and decks go,
    so that none is taken for a new one.
    """
    begin = time.perf_counter()
    root = Path(target)
    record_file = root / job.record
    error = ""
    with _ONE_AT_A_TIME:
        try:
            record_file.parent.mkdir(parents=True, exist_ok=True)
            record_file.unlink(missing_ok=True)
            error = _run(job, root / job.folder)
        except Exception as problem:  # a record must come back whatever happens in a worker
            error = f"{type(problem).__name__}: {problem}"
    status = "failed" if error else "done"
    seconds = time.perf_counter() - begin
    record = Record(job.kind, job.name, status, list(job.outputs), job.key, seconds, error)
    facts = {**asdict(record), "notebook": job.notebook, "parameters": job.parameters, **job.about}
    with suppress(OSError):
        for output in job.outputs if error else ():
            if not output.endswith(".ipynb"):
                (root / output).unlink(missing_ok=True)
        write_whole(record_file, json.dumps(facts, indent=1))
    return record


def _run(job: Job, folder: Path) -> str:
    """Execute the notebook and write it and its page; gives what went wrong in the notebook, if anything."""
    from rhem_lib.runs.papermill_engine import (
        execute,  # papermill takes seconds to import, and only workers need it
    )

    check_parameters(job.notebook, job.parameters)
    source = NOTEBOOKS / f"{job.notebook}.ipynb"
    with tempfile.TemporaryDirectory(prefix="rhem-") as scratch:
        made = Path(scratch) / f"{job.stem}.ipynb"
        limits = {"manager": _manager(), "seconds": job.timeout_seconds}
        error = execute(source, made, job.parameters, folder=folder, **limits)
        text = settled(made.read_text(encoding="utf-8"), error)
    write_whole(folder / f"{job.stem}.ipynb", text)
    if not error:
        page.write(folder / f"{job.stem}.ipynb", folder / f"{job.stem}.html", title=job.name)
    return error


def settled(text: str, error: str = "") -> str:
    """An executed notebook without what papermill notes of paths, times and machines; an error stands first."""
    notebook = json.loads(text)
    for holder in [notebook, *notebook["cells"]]:
        holder["metadata"].pop("papermill", None)
        holder["metadata"].pop("execution", None)
    notebook["cells"] = [cell for cell in notebook["cells"] if not _is_banner(cell)]
    if error:
        said = {"cell_type": "markdown", "id": "error", "metadata": {}, "source": f"**Not finished.** {error}"}
        notebook["cells"].insert(0, said)
    written = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if error:  # the lines of a traceback name files of this machine
        for place in (str(NOTEBOOKS.parent), sys.prefix, sys.base_prefix, str(Path.home())):
            written = written.replace(f"{place}/", "") if len(place) > 1 else written
    return written


def _is_banner(cell: dict[str, Any]) -> bool:
    """Whether papermill put the cell in to point at an error."""
    return bool({"papermill-error-cell-tag"} & set(cell["metadata"].get("tags", [])))
