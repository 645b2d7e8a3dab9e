"""The notebooks as functions: where they are, what they ask, which parameters they take."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from rhem_lib.errors import ParameterError, nearest, one_of

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}


@dataclass(frozen=True)
class Parameter:
    """Type, default and help of one parameter, as written in the notebook."""

    kind: str
    default: Any
    help: str = ""


def _cells(name: str) -> list[Any]:
    path = NOTEBOOKS / f"{name}.ipynb"
    if not path.is_file():
        raise ParameterError(f"there is no notebook '{name}'.", where=str(NOTEBOOKS), fix=nearest(name, names()))
    return nbformat.read(path, as_version=4).cells


def title_of(name: str) -> str:
    """Question that a notebook answers: its first heading."""
    return _cells(name)[0].source.splitlines()[0].lstrip("# ")


def names() -> list[str]:
    """Names of the notebooks, in order."""
    return sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def parameters_of(name: str) -> dict[str, Parameter]:
    """Parameters of a notebook, by name, as written in the cell tagged `parameters`.

    Raises
    ------
    ParameterError
        There is no such cell, or a line of it is not `name: type = literal`.
    """
    tagged = [c for c in _cells(name) if c.cell_type == "code" and "parameters" in c.metadata.get("tags", [])]
    if not tagged:
        raise ParameterError("no cell is tagged 'parameters'.", where=f"{name}.ipynb")
    found, written = {}, tagged[0].source.splitlines()
    for line in ast.parse(tagged[0].source).body:
        if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None):
            raise ParameterError(
                f"'{ast.unparse(line)}' is not a parameter.",
                where=f"{name}.ipynb",
                fix="Write name: type = literal.",
            )
        said = written[(line.end_lineno or 1) - 1].encode()[line.end_col_offset :].decode().strip(" #")
        found[line.target.id] = Parameter(ast.unparse(line.annotation), ast.literal_eval(line.value), said)
    return found


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
