"""Working copies of the notebooks for JupyterLab, beside a workspace and with its parameters filled in."""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
from papermill.iorw import load_notebook_node, write_ipynb

from rhem_lib.runs.parameters import NOTEBOOKS, names
from rhem_lib.settings import read_settings
from rhem_lib.storage import digest, write_whole, writing

MADE = ".made.json"  # in the folder of the copies: digest of each as it was written
FOLDER = ("workspace", "source")  # parameters that name the workspace: the folder above, for a copy


def working_copies(folder: Path, tell: Callable = print) -> Path:
    """Write a working copy of every notebook to `folder`/notebooks, and keep those that an analyst has edited.

    Parameters
    ----------
    folder : Path
        Workspace.
    tell : callable
        Takes a line for each edited copy that is kept.

    Returns
    -------
    Path
        The folder of the copies.

    Raises
    ------
    SettingsError
        The folder is no workspace.
    OutputError
        The copies cannot be written.
    """
    read_settings(folder)
    target = Path(folder) / "notebooks"
    record = target / MADE
    with writing(target):
        target.mkdir(exist_ok=True)
        made = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        for name in names():
            copy = target / f"{name}.ipynb"
            if copy.exists() and _content(copy) != made.get(name):
                tell(f"{copy} was edited and is kept; delete or rename it to get the original back")
                continue
            write_ipynb(_filled(name), str(copy))
            made[name] = _content(copy)
        write_whole(record, json.dumps(made, indent=1))
    return target


def _filled(name: str) -> nbformat.NotebookNode:
    """Return a notebook with the workspace in its parameters cell, which stays the only one of its kind."""
    notebook = load_notebook_node(str(NOTEBOOKS / f"{name}.ipynb"))
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(map(_filled_line, cell.source.splitlines()))
    return notebook


def _filled_line(line: str) -> str:
    """Return a line of the parameters cell with the workspace in it, and files to write beside the copy."""
    if line.partition(":")[0] in FOLDER:
        return line.replace('"../data/sample"', '".."')
    return line.replace('"../reports/', '"')


def _content(path: Path) -> str:
    """Return a digest of what a person writes in a notebook: its cells, without outputs."""
    cells = nbformat.read(path, as_version=4).cells
    return digest([[cell.cell_type, cell.source] for cell in cells])
