"""One notebook of a batch, as a worker process runs it; nothing here raises across the wire."""

import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhem_lib import kernels, page
from rhem_lib.notebooks import NOTEBOOKS, check_parameters

TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Job:
    """One notebook to run: where it goes, with which parameters, and the key of all it depends on."""

    kind: str
    name: str
    notebook: str
    folder: str
    stem: str
    parameters: dict[str, Any]
    outputs: tuple[str, ...]
    key: str = ""


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


def open_kernels(ordinary: bool) -> None:
    """Start this worker's parent of warm kernels; it ends with the process."""
    stack = ExitStack()
    _KERNELS["manager"] = stack.enter_context(kernels.warm(ordinary=ordinary))
    _KERNELS["stack"] = stack


def run_job(job: Job, target: str) -> Record:
    """Run one notebook in a worker and make its page; returns a record, never raises.

    A failed notebook is kept, with the error in it, in place of the finished one.
    """
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    begin = time.perf_counter()
    root = Path(target)
    folder = root / job.folder
    folder.mkdir(parents=True, exist_ok=True)
    notebook, made = folder / f"{job.stem}.ipynb", folder / f".{job.stem}.part.ipynb"
    error = ""
    try:
        check_parameters(job.notebook, job.parameters)
        execute_notebook(
            NOTEBOOKS / f"{job.notebook}.ipynb",
            made,
            job.parameters,
            cwd=str(folder),
            progress_bar=False,
            execution_timeout=TIMEOUT_SECONDS,
            kernel_manager_class=_KERNELS["manager"],
            shutdown_kernel="immediate",
        )
        _strip_metadata(made)
        page.write(made, folder / f"{job.stem}.html", title=job.name)
    except PapermillExecutionError as problem:
        error = f"{problem.ename}: {problem.evalue}"
    except Exception as problem:  # a record must come back whatever happens in a worker
        error = f"{type(problem).__name__}: {problem}"
    if made.exists():
        os.replace(made, notebook)
    seconds = time.perf_counter() - begin
    return Record(job.kind, job.name, "failed" if error else "done", list(job.outputs), job.key, seconds, error)


def _strip_metadata(path: Path) -> None:
    """Take out what papermill notes of paths and machines."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for holder in [notebook, *notebook["cells"]]:
        holder["metadata"].pop("papermill", None)
        holder["metadata"].pop("execution", None)
    write_whole(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
