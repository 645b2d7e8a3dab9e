"""Warm kernels: Jupyter kernels forked from a parent that has done the imports.

Most of the time of a short notebook goes into importing pandas, SciPy, statsmodels and matplotlib into a
fresh kernel. Here one parent process imports them once and every kernel is a fork of it: fresh, isolated,
speaking the ordinary protocol. Where forking is not safe, ordinary kernels take their place.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Unicode

from rhem_lib.runs.kernel_server import NUMBER
from rhem_lib.storage import Scratch

PROVISIONER = "rhem-warm"  # the name of the entry point in pyproject.toml
PATIENCE_SECONDS = 120  # the parent's imports take 5 s, and much more from a cold network disk
# The server is run by its path, so that the room's door is not imported first. The current folder may hold files
# named like modules; a kernel adds it to the path only after its imports.
SERVER = Path(__file__).with_name("kernel_server.py")
RUN = f"runpy.run_path({str(SERVER)!r}, run_name='__main__')"
START = f"import runpy, sys; sys.path = [p for p in sys.path if p]; {RUN}"
INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel sets, too late for a parent with matplotlib
# No package of the parent may start a thread before it forks.
SINGLE_THREADED = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}

log = logging.getLogger(__name__)


def unavailable() -> str:
    """Why kernels cannot be forked here, as one sentence; empty where they can."""
    if sys.platform == "linux":
        return ""
    return f"Kernels cannot be forked safely on {sys.platform}: notebooks run in ordinary kernels (slower)."


@contextmanager
def warm(*, ordinary: bool = False) -> Iterator[Any]:
    """Kernel manager class for notebooks that start at once, the imports already done.

    Hand it to papermill: ``execute_notebook(..., kernel_manager_class=manager)``. Every kernel runs this
    interpreter, whichever kernel the notebook names, and is reached over sockets in a private folder, so that
    parallel runs never race for ports. The parent warms up while the caller goes on, and ends with the
    context or with the process that opened it. With `ordinary`, or where `unavailable()` gives a reason, which is
    then logged as a warning, kernels are ordinary ones, each a process of its own.
    """
    reason = unavailable()
    if reason and not ordinary:
        log.warning(reason)
    # A socket's path holds about 100 characters, fewer than some temporary folders have.
    short = "/tmp" if os.name == "posix" and len(tempfile.gettempdir()) > 60 else None  # noqa: S108
    with Scratch(short) as place:
        folder = str(place)
        if reason or ordinary:
            yield manager_class(folder)
        else:
            with _parent(folder) as address:
                yield manager_class(folder, address)


@contextmanager
def _parent(folder: str) -> Iterator[str]:
    """Start the parent of the kernels; gives the path of its socket, open from the start."""
    address = str(Path(folder) / "parent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        parent = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", START, str(listener.fileno()), folder],
            stdin=subprocess.PIPE,
            env={**os.environ, **SINGLE_THREADED, **own_environment(folder)},
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the owner
        )
    try:
        yield address
    finally:
        parent.stdin.close()  # type: ignore[union-attr]
        try:
            parent.wait(1)
        except subprocess.TimeoutExpired:  # still importing
            parent.kill()
            parent.wait()


def own_environment(folder: str) -> dict[str, str]:
    """Return what keeps the analyst's own settings of IPython, matplotlib, locale and clock out of a batch."""
    return {
        "MPLBACKEND": INLINE,
        "MATPLOTLIBRC": os.devnull,
        "IPYTHONDIR": f"{folder}/ipython",
        "PYTHONSTARTUP": "",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "",
        "TZ": "UTC",
        "TQDM_DISABLE": "1",  # nobody watches progress in a batch
    }


def lost_parent(manager: Any) -> bool:
    """Return whether the parent of a manager's warm kernels has ended, and they with it."""
    address = manager.place[1]
    if not address:
        return False
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(address)
        except OSError:
            return True
    return False


def manager_class(folder: str, address: str = "") -> Any:
    """Kernel manager class for this interpreter, its sockets in the folder; warm if a parent's address is given.

    Its `place`, handed to this function in another process, gives that process kernels of the same parent.
    """
    spec = KernelSpec(**get_kernel_dict(), env=own_environment(folder))
    if address:
        warm = {"provisioner_name": PROVISIONER, "config": {"address": address}}
        spec.metadata["kernel_provisioner"] = warm

    class Manager(AsyncKernelManager):
        kernel_spec = spec
        place = (folder, address)

        def __init__(self, **kwargs: Any) -> None:
            if os.name == "posix":
                kwargs |= {"transport": "ipc", "connection_file": f"{folder}/{uuid.uuid4().hex[:12]}.json"}
            super().__init__(**kwargs | {"kernel_name": NATIVE_KERNEL_NAME})

    return Manager


class WarmProvisioner(LocalProvisioner):
    """Asks the parent at `address` to fork a kernel; without one starts an ordinary kernel."""

    address = Unicode("", config=True)
    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch the kernel that the command describes, by a fork if its parent lives."""
        if not os.path.exists(self.address):
            return await super().launch_kernel(cmd, **kwargs)
        argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.cwd = str(kwargs.get("cwd") or Path.cwd())
        try:
            self.process = ForkedKernel(self.address, {"argv": argv, "env": kwargs["env"], "cwd": self.cwd})
        except OSError as problem:
            Path(self.address).unlink(missing_ok=True)  # so that this is said once
            log.warning("Warm kernels stopped working (%s): going on with ordinary kernels (slower).", problem)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel; a fork is gone at once, and who looks later looks 0.1 s later."""
        await super().kill(restart)
        if isinstance(self.process, ForkedKernel):
            self.process.poll(seconds=0.1)


class ForkedKernel:
    """A kernel's process, with what a provisioner uses of `subprocess.Popen`.

    Raises OSError where the parent at `address` has ended, or does not answer.
    """

    stdin = stdout = stderr = None

    def __init__(self, address: str, request: dict[str, Any]) -> None:
        self.returncode: int | None = None
        self._link = socket.socket(socket.AF_UNIX)
        self._link.settimeout(PATIENCE_SECONDS)
        try:
            self._link.connect(address)
            self._link.sendall(json.dumps(request).encode() + b"\n")
            self.pid = self._receive()
        except OSError:
            self._link.close()
            raise
        self._link.settimeout(None)

    def _receive(self) -> int:
        answer = self._link.recv(NUMBER.size)
        if not answer:
            raise ConnectionResetError("their parent process has ended")
        return NUMBER.unpack(answer)[0]

    def poll(self, seconds: float = 0) -> int | None:
        """Exit code, negative for a signal; None if the kernel still runs after so many seconds."""
        if self.returncode is None and select.select([self._link], [], [], seconds)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the kernel's end; gives its exit code."""
        if self.returncode is None:
            try:
                self.returncode = self._receive()
            except OSError:  # the parent was killed, and its kernels end with it
                self.returncode = -signal.SIGKILL
            self._link.close()
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Signal the kernel, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)
