"""The notebooks as functions: where they are, what they ask, which parameters they take."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from rhem_lib.errors import ParameterError, nearest, one_of

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the repository's notebooks/ inside the package; a checkout has them beside it.
NOTEBOOKS = next((p for p in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks") if p.is_dir()), _PACKAGE)
TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}


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
    """Return the question that a notebook answers: its first heading."""
    return nbformat.read(_path(name), as_version=4).cells[0].source.splitlines()[0].lstrip("# ")


def names() -> list[str]:
    """Return the names of the notebooks, in order."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def parameters_of(name: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook, by name, as its cell tagged `parameters` declares them.

    Raises
    ------
    ParameterError
        There is no such notebook.
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
