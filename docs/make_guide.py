"""Pages of the guide from the code: `make guide` writes settings.md; the others are made when it is built."""

import re
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import make_vendors
import typer.main
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from rhem_lib import exports, schema
from rhem_lib.cli import app
from rhem_lib.exports import read_profiles
from rhem_lib.settings import ClientFile, Settings

HERE = Path(__file__).parent
REFERENCE = HERE / "guide" / "reference"
TEXTS = tomllib.loads((HERE / "settings.toml").read_text(encoding="utf-8"))
INTRO = """# Settings: rhem.toml

Generated from `rhem_lib/settings.py` and `docs/settings.toml` by `make guide`; do not edit.

Every key has a default but `name`. An unknown key is an error that names the nearest known one. In a notebook,
`work.with_settings(preset="incidents")` changes settings without the file. `rhem help KEY` prints its line.
"""


def models(kind: Any) -> list[type[BaseModel]]:
    """Return the settings models inside a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in get_args(kind) for model in models(part)]


def keys(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every key of rhem.toml with its field, as a path of names."""
    for name, field in model.model_fields.items():
        yield (*path, name), field
        for inner in models(field.annotation):
            if name != "business_hours" or not path:  # that of a client is the one above
                yield from keys(ClientFile if name == "clients" else inner, (*path, name))


def text_of(path: tuple[str, ...]) -> str:
    """Return what a key is for; the text of a section for one that only holds others."""
    table = TEXTS[path[0]]
    return table if isinstance(table, str) else table[".".join(path[1:])]


def kind_of(kind: Any) -> str:
    """Return a type in words that a person writes."""
    if get_origin(kind) is Annotated:
        return kind_of(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind_of(part) for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind) if value)
    if get_origin(kind) is list:
        return f"list of {kind_of(get_args(kind)[0])}"
    if get_origin(kind) is dict or models(kind):
        return "section"
    return {str: "text", bool: "true or false", int: "number", float: "number"}.get(kind, kind.__name__)


def settings_page() -> str:
    """Return the reference of rhem.toml."""
    found: dict[str, list[str]] = {}
    for path, field in keys():
        top = path[0] if isinstance(TEXTS[path[0]], dict) else ""
        if top and len(path) == 1:
            continue
        value = None if field.default is PydanticUndefined else field.default
        shown = "required" if field.is_required() else "" if value in (None, "", [], {}) else f"`{value}`"
        if isinstance(value, BaseModel):
            shown = ""
        name = ".".join(path[1:] if top else path)
        cells = (f"`{name}`", kind_of(field.annotation), shown, text_of(path))
        found.setdefault(top, []).append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines = [INTRO]
    for top, rows in found.items():
        many = {"rules", "files", "systems", "sources"}
        head = f"[[{top}]]" if top in many else f"[{top}]" if top else "Top of the file"
        lines += [f"## {head}\n", TEXTS[top][""] if top else TEXTS[""], ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def commands() -> dict[str, click.Command]:
    """Return the commands of `rhem` by name."""
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def cli_page() -> str:
    """Return the reference of the command."""
    lines = [
        "# The command\n",
        "Exit codes: 0 done, 1 done but some clients failed (named), 2 bad usage or input.\n",
    ]
    for name, command in commands().items():
        usage = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        lines += [f"## rhem {name}\n", f"`rhem {name} {usage}`\n", f"{command.help}\n"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        if options:
            lines += ["| option | default | meaning |", "|---|---|---|"]
        for option in options:
            default = "" if option.default in (None, False, "", ()) else f"`{option.default}`"
            text = (getattr(option, "help", "") or "").replace("|", "\\|")
            lines.append(f"| `{', '.join(option.opts)}` | {default} | {text} |")
        lines.append("")
    return "\n".join(lines)


def systems_section() -> str:
    """Return what each system's exports need, as its profile says."""
    folder = Path(exports.__file__).parent / "profiles"
    lines = []
    for profile in read_profiles().values():
        head = re.match(r"(?:#.*\n)*", (folder / f"{profile.name}.toml").read_text(encoding="utf-8"))[0]
        lines += [
            f"({profile.name})=",
            f"### {profile.title}\n",
            re.sub(r"^# ?", "", head, flags=re.M).strip(),
            "",
        ]
        for table in profile.tables:
            if table.table == "names":
                continue
            needs = ", ".join(f"{c} (`{'` or `'.join(table.headers(c)[:3])}`)" for c in table.requires
                              if table.headers(c))  # fmt: skip
            lines.append(f"- **{table.table}** needs {needs or 'the day in the file name'}")
        lines.append("")
    return "\n".join(lines)


def write_pages() -> None:
    """Write the pages that are made when the guide is built."""
    (REFERENCE / "cli.md").write_text(cli_page(), encoding="utf-8")
    (REFERENCE / "codebook.md").write_text(schema.codebook(), encoding="utf-8")
    (REFERENCE / "profiles.md").write_text(make_vendors.document(), encoding="utf-8")
    (HERE / "guide" / "howto" / "systems-list.md").write_text(systems_section(), encoding="utf-8")


if __name__ == "__main__":
    (REFERENCE / "settings.md").write_text(settings_page(), encoding="utf-8")
