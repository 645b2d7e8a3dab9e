"""Warm kernels: what a notebook sees is what an ordinary kernel shows, and nothing survives its owner."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from rhem_lib.runs import kernels

pytestmark = pytest.mark.skipif(bool(kernels.unavailable()), reason="kernels cannot be forked here")

Manager = type[AsyncKernelManager]


@pytest.fixture(scope="module")
def warm() -> Iterator[Manager]:
    KernelProvisionerFactory.instance()  # reads its environment once, so warm kernels may not depend on that
    with kernels.warm() as manager:
        yield manager


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., list[list[dict]]]:
    """Run cells as a notebook through papermill; gives the outputs of each cell."""

    def _execute(cells: list[str], manager: Manager | None = None, **options) -> list[list[dict]]:
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        if manager:
            options |= {"kernel_manager_class": manager, "shutdown_kernel": "immediate"}
        done = papermill.execute_notebook(book, tmp_path / "out.ipynb", progress_bar=False, **options)
        return [cell.outputs for cell in done.cells]

    return _execute


def texts(path: Path) -> list[str]:
    """What the cells of an executed notebook printed."""
    return [out.text for cell in nbformat.read(path, 4).cells for out in cell.get("outputs", []) if "text" in out]


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends in so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":  # ended, and nobody has asked for its exit code
            return True
        time.sleep(0.05)
    return False


BY_IMPORTS = {"PYARROW_IGNORE_TIMEZONE", "SPARK_LOCAL_IP"}
SAME = [
    "import sys, os\nprint('shown')\nprint('warned', file=sys.stderr)\n!echo from the shell",
    "import numpy as np, pandas as pd\n"
    "table = pd.DataFrame({'age': np.arange(6.0), 'hours': [1, .8, .6, .5, .4, .35]})\ntable",
    "table.groupby(table['age'] > 2)['hours'].agg(['sum', 'mean', 'std'])",
    "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
    "ax.plot(table['age'], table['hours'])\nax.set_title('Stunden für $x^2$');",
    "from IPython.display import HTML, Markdown, display\n"
    "display(HTML('<b>bold</b>'), display_id='one')\ndisplay(Markdown('*text*'))\n42",
    "from tqdm.auto import tqdm\ntqdm.__module__",
    "import asyncio\nawait asyncio.sleep(0)\nsys.path, sys.argv[0], os.getcwd(), __name__, plt.get_backend()",
    f"sorted(set(os.environ) - {BY_IMPORTS | set(kernels.own_environment(''))!r})",
    "import signal\nsignal.getsignal(signal.SIGCHLD), os.getpgid(0) == os.getpid(), os.fstat(0).st_size",
]

HEAVY = [
    "import numpy as np, pandas as pd, scipy.optimize, seaborn as sns, statsmodels.formula.api as smf, duckdb\n"
    "data = pd.DataFrame({'age': np.arange(6.0), 'hours': [1, .8, .6, .5, .4, .35]})",
    "smf.ols('hours ~ age', data).fit().summary().tables[1]",
    "scipy.optimize.curve_fit(lambda t, a, b, h: a + b * 0.5 ** (t / h), data.age, data.hours, [0.2, 1, 3])",
    "sns.regplot(data, x='age', y='hours', seed=1);",
    "pd.DataFrame(np.ones((2, 19)))",
    "duckdb.sql('select age, hours / 2 as half from data where age > 2')",
]


def settled(outputs):
    """Outputs with what was printed in one piece: the pieces in which it arrives differ from run to run."""
    printed = {}
    for output in outputs:
        if output.output_type == "stream":
            printed[output.name] = printed.get(output.name, "") + output.text
    return printed, [output for output in outputs if output.output_type != "stream"]


@pytest.mark.slow
def test_outputs_are_those_of_plain_papermill(warm, execute):
    forked, plain = execute(SAME, warm), execute(SAME)
    for cell, left, right in zip(SAME, forked, plain, strict=True):
        assert settled(left) == settled(right), cell
    assert [list(output.data) for output in forked[3]] == [["text/plain", "image/png"]]
    assert "text/html" in forked[1][0].data


@pytest.mark.slow
def test_outputs_of_the_heavy_packages_are_those_of_plain_papermill(warm, execute):
    forked, plain = execute(HEAVY, warm), execute(HEAVY)
    for cell, left, right in zip(HEAVY, forked, plain, strict=True):
        assert left == right, cell
    assert "image/png" in forked[3][0].data


def test_kernels_are_forked_from_a_parent_without_threads(warm, execute, tmp_path):
    execute(["import os\nprint(os.getppid())"], warm)
    parent = int(texts(tmp_path / "out.ipynb")[0])
    assert parent != os.getpid()
    assert b"kernel_server.py" in Path(f"/proc/{parent}/cmdline").read_bytes()
    assert len(os.listdir(f"/proc/{parent}/task")) == 1


def test_imports_are_done_but_for_those_that_look_for_the_shell(warm, execute, tmp_path):
    execute(["import sys\nprint(*sys.modules)"], warm)
    loaded = set(texts(tmp_path / "out.ipynb")[0].split())
    assert {"pandas", "scipy.stats", "statsmodels.api", "matplotlib.pyplot", "seaborn", "duckdb"} <= loaded
    assert {"debugpy.server", "rhem_lib.settings"} <= loaded
    assert not loaded & {"matplotlib_inline", "matplotlib_inline.backend_inline", "ipywidgets", "tqdm", "polars"}


def test_kernels_do_not_see_each_other(warm, execute, tmp_path):
    execute(
        [
            "import pandas, os, builtins\npandas.set_option('display.max_rows', 3)\n"
            "os.environ['LEFT'] = builtins.left = 'x'"
        ],
        warm,
    )
    look = "import pandas, os, builtins\nprint(pandas.get_option('display.max_rows'), 'LEFT' in os.environ, "
    execute([look + "hasattr(builtins, 'left'))"], warm)
    assert texts(tmp_path / "out.ipynb") == ["1000 False False\n"]


def test_random_streams_differ(warm, execute, tmp_path):
    drawn = set()
    for _ in range(2):
        execute(["import numpy, random\nprint(numpy.random.random(), random.random())"], warm)
        drawn |= set(texts(tmp_path / "out.ipynb")[0].split())
    assert len(drawn) == 4


def test_error_stops_the_notebook_and_keeps_it(warm, execute, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="no hours"):
        execute(["print('before')", "raise ValueError('no hours')", "print('after')"], warm)
    assert texts(tmp_path / "out.ipynb") == ["before\n"]
    assert "no hours" in (tmp_path / "out.ipynb").read_text()


def test_killed_kernel_is_an_error_and_the_next_one_works(warm, execute, tmp_path):
    started = time.monotonic()
    with pytest.raises(DeadKernelError):
        execute(["import os\nos.kill(os.getpid(), 9)"], warm)
    assert time.monotonic() - started < 15
    execute(["print('next')"], warm)
    assert texts(tmp_path / "out.ipynb") == ["next\n"]


def test_time_out_ends_the_kernel(warm, execute, tmp_path):
    started = time.monotonic()
    with pytest.raises(CellTimeoutError):
        execute(
            ["import os\nprint(os.getpid(), flush=True)\nimport time\ntime.sleep(60)"], warm, execution_timeout=1
        )
    assert time.monotonic() - started < 15
    assert gone(int(texts(tmp_path / "out.ipynb")[0]))


def test_two_kernels_at_once_in_a_folder_given_as_path(warm, tmp_path):
    async def ask(cwd: Path | None) -> str:
        manager, wording = warm(), []
        await manager.start_kernel(**({"cwd": cwd} if cwd else {}))
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            await client.execute_interactive(
                "import os; print(os.getcwd())", output_hook=lambda m: wording.append(m["content"].get("text", ""))
            )
        finally:
            client.stop_channels()
            await manager.shutdown_kernel()
        assert manager.transport == "ipc"
        return "".join(wording).strip()

    async def both() -> list[str]:
        return await asyncio.gather(ask(tmp_path), ask(None))

    assert asyncio.run(both()) == [str(tmp_path), os.getcwd()]


# Where only a parent's end matters, it need not import much at its start.
BARE = (
    "from rhem_lib.runs import kernel_server as server\n"
    "server.modules = lambda: ['ipykernel.kernelapp', 'ipykernel.debugger']\nserver.main()"
)
OWNER = f"""
import asyncio, os, sys
from rhem_lib.runs import kernels
kernels.START = {BARE!r}
async def main():
    with kernels.warm() as manager:
        kernel = manager()
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        client.execute("sum(range(10**12))")  # holds the lock that the kernel's own watch for its parent needs
        await asyncio.sleep(1)
        print(kernel.provisioner.pid, os.path.dirname(kernel.ip), flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_parent_and_kernels_end_when_their_owner_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    kernel, folder = owner.stdout.readline().split()
    parent = int(Path(f"/proc/{kernel}/stat").read_text().rpartition(")")[2].split()[1])
    assert Path(folder, "parent").is_socket()
    owner.kill()
    owner.wait()
    assert gone(parent)
    assert gone(int(kernel))
    assert not Path(folder).exists()


def test_when_the_parent_dies_ordinary_kernels_take_over_with_one_line(execute, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kernels, "START", BARE)
    with kernels.warm() as manager:
        with pytest.raises(DeadKernelError):
            execute(["import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)"], manager)
        for _ in range(2):
            execute(["import os\nprint(os.getppid())"], manager)
            assert texts(tmp_path / "out.ipynb") == [f"{os.getpid()}\n"]
    assert [
        r.message for r in caplog.records if r.levelno >= logging.WARNING and r.name == "rhem_lib.runs.kernels"
    ] == [
        "Warm kernels stopped working ([Errno 111] Connection refused): going on with ordinary kernels (slower)."
    ]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_fork_is_unsafe_ordinary_kernels_run_with_one_line(platform, execute, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        reason = kernels.unavailable()
    assert platform in reason
    monkeypatch.setattr(kernels, "unavailable", lambda: reason)
    with kernels.warm() as manager:
        if platform == "darwin":
            execute(["import os\nprint(os.getppid())"], manager)
            assert texts(tmp_path / "out.ipynb") == [f"{os.getpid()}\n"]
    assert caplog.messages.count(reason) == 1


def run_parent(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process where a package `polars` starts a thread, and so does `other`; `user` needs both."""
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
    (tmp_path / "polars.py").write_text(thread)
    (tmp_path / "other.py").write_text(thread)
    (tmp_path / "user.py").write_text("try:\n    import polars\nexcept ImportError:\n    pass\n")
    code = f"import os, sys\nfrom rhem_lib.runs import kernel_server as server\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("server.preload(['user'])\nprint('user' in sys.modules, len(os.listdir('/proc/self/task')))", "True 1"),
        ("server.preload(['user'])\nimport polars\nprint(polars.__name__)", "polars"),
        (
            "server.preload(['matplotlib_inline.config', 'tqdm.auto', 'json.tool'])\n"
            "print(*(n for n in sys.modules if n.startswith(('matplotlib_inline', 'tqdm', 'json.tool'))))",
            "json.tool",
        ),
    ],
    ids=["no thread before the fork", "polars after it", "what looks for the shell is left to the kernel"],
)
def test_parent_imports_ahead_what_is_safe_to_fork(tmp_path, code, shown):
    done = run_parent(tmp_path, code)
    assert done.stdout == f"{shown}\n", done.stderr


def test_parent_refuses_to_fork_when_an_import_started_a_thread(tmp_path):
    done = run_parent(
        tmp_path,
        "import socket\nserver.modules = lambda: ['other']\n"
        "listener = socket.socket(socket.AF_UNIX)\nsys.argv = ['', str(listener.detach()), '']\nserver.main()",
    )
    assert done.returncode == 1
    assert done.stderr == "An imported package started 1 thread(s), so kernels cannot be forked safely.\n"


def test_nothing_is_left_when_the_context_ends(execute, tmp_path):
    with kernels.warm() as manager:
        kernel = manager()
        folder = Path(kernel.ip).parent
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.is_dir()
    assert not folder.exists()


def test_request_cut_short_does_not_stop_the_parent(warm, execute, tmp_path):
    address = warm.kernel_spec.metadata["kernel_provisioner"]["config"]["address"]
    with kernels.socket.socket(kernels.socket.AF_UNIX) as link:
        link.connect(address)
        link.sendall(b'{"argv": [')
    execute(["import os\nprint(os.getppid())"], warm)
    assert texts(tmp_path / "out.ipynb") != [f"{os.getpid()}\n"]
