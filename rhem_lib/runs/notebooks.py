"""The notebooks: where they are, what they ask, their parameters, and working copies."""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhem_lib.errors import ParameterError, nearest, one_of
from rhem_lib.settings import read_settings
from rhem_lib.storage import digest, write_whole, writing

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the repository's notebooks/ inside the package; a checkout has them beside it.
NOTEBOOKS = next((p for p in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks") if p.is_dir()), _PACKAGE)
TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}

MADE = ".made.json"  # in a folder of working copies: digest of each as it was written
FOLDER = ("workspace", "source")  # parameters that name the workspace: the folder above, for a copy


@dataclass(frozen=True)
class Parameter:
    """Type, default and help of one parameter, as written in the notebook."""

    kind: str
    default: Any
    help: str = ""


def _path(name: str) -> Path:
    path = NOTEBOOKS / f"{name}.ipynb"
    if not path.is_file():
        raise ParameterError(f"there is no notebook '{name}'.", where=str(NOTEBOOKS), fix=nearest(name, names()))
    return path


def title_of(name: str) -> str:
    """Return the question that a notebook answers: its first heading.

    >>> title_of("04_fixed_fee")
    'Do fixed-fee clients improve faster?'
    """
    cells = json.loads(_path(name).read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")


def names() -> list[str]:
    """Return the names of the notebooks, in order.

    >>> names()[0]
    '01_data_account'
    """
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def parameters_of(name: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook, by name, as its cell tagged `parameters` declares them.

    Raises
    ------
    ParameterError
        There is no such notebook.

    Examples
    --------
    >>> list(parameters_of("10_client_review"))
    ['source', 'client', 'quarter', 'deck', 'notes']
    """
    from papermill import inspect_notebook

    return {
        key: Parameter(found["inferred_type_name"], ast.literal_eval(found["default"]), found["help"])
        for key, found in inspect_notebook(_path(name)).items()
    }


def check_parameters(name: str, given: Mapping[str, Any]) -> None:
    """Stop before a notebook runs with parameters that it does not take.

    A default is for a person at the keyboard: a batch gives every parameter that names its data, so that a slip
    never prints the report of somebody else.

    Raises
    ------
    ParameterError
        A parameter is unknown (the nearest is named), a text parameter is missing, or a value has the wrong type.
    """
    known, where = parameters_of(name), f"{name}.ipynb"
    for parameter, value in given.items():
        one_of(parameter, known, where)
        kind = known[parameter].kind
        wrong = isinstance(value, bool) if kind in ("int", "float") else False
        if kind in TYPES and (wrong or not isinstance(value, TYPES[kind])):
            raise ParameterError(f"'{parameter}' takes {kind}, not {value!r}.", where=where)
    missing = [name for name, parameter in known.items() if parameter.kind == "str" and name not in given]
    if missing:
        raise ParameterError(f"'{missing[0]}' is missing.", where=where, fix="Give: " + ", ".join(known) + ".")


def working_copies(folder: Path, tell: Callable = print) -> Path:
    """Write a working copy of every notebook to `folder`/notebooks, and keep edited ones.

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
    from papermill.iorw import write_ipynb

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


def _filled(name: str) -> Any:
    """Return a notebook with the workspace in its only parameters cell."""
    from papermill.iorw import load_notebook_node

    notebook = load_notebook_node(str(NOTEBOOKS / f"{name}.ipynb"))
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(map(_filled_line, cell.source.splitlines()))
    return notebook


def _filled_line(line: str) -> str:
    """Return a line of the parameters cell with the workspace, and files beside the copy."""
    if line.partition(":")[0] in FOLDER:
        return line.replace('"../data/sample"', '".."')
    return line.replace('"../reports/', '"')


def _content(path: Path) -> str:
    """Return a digest of what a person writes in a notebook: its cells, without outputs."""
    import nbformat  # slow: it brings jsonschema

    cells = nbformat.read(path, as_version=4).cells
    return digest([[cell.cell_type, cell.source] for cell in cells])
