"""The parent of warm kernels: imports what notebooks need, then forks a kernel for each request.

`rhem_lib.runs.kernels` starts it as a process of its own and holds its standard input: when that closes, however
the owner ended, the parent kills the kernels that still run, removes their folder and ends. It starts no
thread, since a fork copies only the thread that forks, and a lock that another one holds stays locked in the
copy for ever.
"""

import atexit
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import rhem_lib

NUMBER = struct.Struct("i")  # how a kernel's process id, and later its exit code, travel back to the owner

# ipykernel would import the debugger in every kernel; the rest is what notebooks and rhem_lib import.
PRELOAD = (
    "numpy pandas pyarrow.parquet scipy.stats scipy.optimize statsmodels.api statsmodels.formula.api "
    "matplotlib.pyplot matplotlib.backends.backend_agg seaborn duckdb narwhals pydantic "
    "ipykernel.kernelapp ipykernel.zmqshell ipykernel.debugger debugpy.server rhem_lib.deck.presentation"
).split()
NOT_IN_NOTEBOOKS = {"cli", "runs"}  # of rhem_lib
# These look for the running shell when they are imported, so each kernel has to import them for itself:
# matplotlib_inline would otherwise never send a picture, tqdm and ipywidgets show plain text.
NEEDS_SHELL = {"matplotlib_inline", "ipywidgets", "tqdm"}
STARTS_THREADS = {"polars"}  # imported by statsmodels where it is installed


def main() -> None:
    """Serve on a socket (first argument: its descriptor; second: the folder of the kernels)."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    before = dict(os.environ)
    preload(modules())
    set_by_imports = {name: value for name, value in os.environ.items() if name not in before}
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"An imported package started {threads - 1} thread(s), so kernels cannot be forked safely.")
    gc.collect()
    gc.freeze()  # memory shared with the kernels stays shared: no collection touches it
    request = serve(listener)
    if request is None:
        shutil.rmtree(sys.argv[2], ignore_errors=True)
        os._exit(0)
    request["env"] = set_by_imports | request["env"] | {"JPY_PARENT_PID": str(os.getppid())}
    become_kernel(**request)


def modules() -> list[str]:
    """Names of the modules that notebooks need."""
    own = {module.name for module in pkgutil.iter_modules(rhem_lib.__path__)} - NOT_IN_NOTEBOOKS
    return [*PRELOAD, *(f"rhem_lib.{name}" for name in sorted(own))]


def preload(names: Iterable[str]) -> None:
    """Import modules; what fails here is left to fail in the notebook that needs it."""
    for name in STARTS_THREADS:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in NEEDS_SHELL | STARTS_THREADS:
            del sys.modules[name]


def serve(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for each request: the child returns it, the parent None once its owner has gone."""
    ended, woken = socket.socketpair()
    for end in (ended, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    kernels: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([sys.stdin, listener, ended, *kernels.values()], [], [])
        if sys.stdin in ready:  # nothing is ever written to it, so this is its end
            break
        if ended in ready:
            ended.recv(4096)
            report_ended(kernels)
        for pid, link in kernels.items():
            if link in ready:  # nothing more is ever sent, so the kernel's owner has gone
                kill(pid)
        if listener in ready:
            link, _ = listener.accept()
            try:
                with link.makefile("rb") as stream:
                    request = json.loads(stream.readline())
            except (OSError, ValueError):  # the owner gave up in mid-sentence
                link.close()
                continue
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (listener, ended, woken, link, *kernels.values()):
                    each.close()
                os.setpgid(0, 0)
                return request
            with suppress(OSError):
                os.setpgid(pid, pid)  # here as well, so that the group exists before anyone can signal it
            kernels[pid] = link
            send(link, pid)
    for pid in kernels:
        kill(pid)
    return None


def kill(pid: int) -> None:
    """Kill a kernel and what it started."""
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def report_ended(kernels: dict[int, socket.socket]) -> None:
    """Tell the owners of kernels that have ended the exit code, negative for a signal."""
    while kernels:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        link = kernels.pop(pid)
        send(link, os.waitstatus_to_exitcode(status))
        link.close()


def send(link: socket.socket, number: int) -> None:
    """Send a number to an owner that may have gone."""
    with suppress(OSError):
        link.sendall(NUMBER.pack(number))


def become_kernel(argv: list[str], env: dict[str, str], cwd: str) -> None:
    """Turn this forked process into what `python -m ipykernel_launcher *argv` would be."""
    import matplotlib
    import numpy
    import pandas
    from ipykernel.kernelapp import IPKernelApp

    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    numpy.random.seed()  # noqa: NPY002 - seeded at import, so every kernel would draw the same stream
    # At import pandas saw a terminal and fits its width; on a page all rows and columns have room.
    pandas.set_option("display.max_columns", None, "display.max_rows", 1000)
    matplotlib.rcdefaults()  # a matplotlibrc in the folder where the run was started
    launcher = importlib.util.find_spec("ipykernel_launcher")
    atexit.register(gc.unfreeze)  # frozen objects would be reported as leaks when the kernel ends
    sys.argv = [(launcher and launcher.origin) or "ipykernel_launcher", *argv]
    IPKernelApp.launch_instance([*argv, f"--IPKernelApp.parent_handle={os.getppid()}"])


if __name__ == "__main__":
    main()
