"""One notebook through papermill: parameters in, executed notebook out, whatever becomes of it."""

import time
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill import execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb

ENGINE = "rhem"
KERNEL_ENDED = "Its kernel ended: it was killed, or the memory ran out."


class Engine(NBClientEngine):
    """Saves once, however the notebook ends; papermill would save before and after every cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, made: Path, **kwargs: Any) -> None:
        """Execute the notebook and save it."""
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        finally:
            write_ipynb(nb_man.nb, str(made))


papermill_engines.register(ENGINE, Engine)


def execute(
    notebook: Path, made: Path, parameters: dict[str, Any], *, folder: Path, manager: Any, seconds: float
) -> str:
    """Execute a notebook in a folder, within so many seconds; return what went wrong, if anything.

    The executed copy `made` is written in any case. `manager` is a kernel manager class of `kernels`.
    """
    until = time.monotonic() + seconds
    options = {"made": made, "kernel_manager_class": manager, "shutdown_kernel": "immediate"}
    options |= {"progress_bar": False, "request_save_on_cell_execute": False}
    options["timeout_func"] = lambda _: max(until - time.monotonic(), 0.1)
    try:
        execute_notebook(notebook, made, parameters, engine_name=ENGINE, cwd=str(folder), **options)
    except PapermillExecutionError as problem:
        return f"{problem.ename}: {problem.evalue}"
    except CellTimeoutError:
        return f"It took longer than {seconds:g} seconds and was stopped."
    except RuntimeError as problem:
        if not isinstance(problem, DeadKernelError) and "Kernel died" not in str(problem):
            raise
        return KERNEL_ENDED  # in a cell, or before it answered for the first time
    return ""
