"""How vendors' fields are read: `make vendors` writes docs/vendors.md from the profiles and docs/vendors.toml."""

import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from rhem_lib import exports, schema
from rhem_lib.exports import Profile, read_profiles
from rhem_lib.exports.profiles import PLACEHOLDER, TableProfile

HERE = Path(__file__).parent
PROFILES = Path(exports.__file__).parent / "profiles"
WHY = tomllib.loads((HERE / "vendors.toml").read_text(encoding="utf-8"))
LISTS = {"id": "key of a list of names", "name": "name in its place", "of": "column that the names are for",
         "parent": "account above", "sign": "what such a list is known by"}  # fmt: skip
INTRO = """# How vendors' fields are read

Generated from `rhem_lib/exports/profiles/*.toml` and `docs/vendors.toml` by `make vendors`; do not edit.

A column takes the first of its fields that has a value. `{Field?a*}` is a condition: the text around it counts
where the field is a..., `{Field?}` where it is filled and not no, `{Field?|}` where it is empty, `{Field?*}` in
any file that has it. `@row` is file and row, `@ticket` the client of the ticket, `@as_of` the day in rhem.toml or
in the file's name, `=x` a constant. Of every system rows are set aside that a column such as `isDeleted` or
`deleted_at`, or a status, calls deleted, and devices that one calls inactive or retired.
Sums of hours from Power BI (`Sum of Field`) are read like the field.
S: seen in a public source. R: recalled, to be confirmed by a real export.
"""


def headers(table: TableProfile) -> set[str]:
    """Return the fields that a table reads, or sets rows aside by."""
    named = {header for column in table.columns for header in table.headers(column)}
    return named | {rule.header for rule in table.aside}


def document() -> str:
    """Return docs/vendors.md."""
    return "\n".join([INTRO, *(line for profile in read_profiles().values() for line in _section(profile))]) + "\n"


def _section(profile: Profile) -> Iterator[str]:
    told = WHY[profile.name]
    yield f"## {profile.title}\n"
    lines = (PROFILES / f"{profile.name}.toml").read_text(encoding="utf-8").splitlines()
    yield " ".join(line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("#"), lines)) + "\n"
    yield f"Source: {told['source']}.\n"
    for number, table in enumerate(profile.tables, 1):
        yield f"### {profile.name} {number}: {table.table}\n"
        needs = ", ".join(table.requires)
        yield f"Needs {needs}.{f' {table.note}' if table.note else ''}\n"
        yield "| column | field | meaning | read as | why |"
        yield "|---|---|---|---|---|"
        yield from (_row(*cells) for cells in _fields(table, told["fields"]))
        yield ""
    if told.get("not_read"):
        yield "| not read | why |\n|---|---|"
        yield from (_row(f"`{field}`", why) for field, why in told["not_read"].items())
        yield ""


def _fields(table: TableProfile, why: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for column, given in table.columns.items():
        specs = [given] if isinstance(given, str) else given
        named = dict.fromkeys(
            part.partition("?")[0] for spec in specs for part in PLACEHOLDER.findall(spec) or [spec]
        )
        reasons = " ".join(f"`{name}`: {why[name]}" for name in named if name in why)
        yield (
            column,
            ", ".join(f"`{spec}`" for spec in specs),
            _meaning(table, column),
            _how(table, column),
            reasons,
        )
    for rule in table.aside:
        values = ", ".join(f"`{value}`" if value else "empty" for value in rule.values) or "yes"
        yield "set aside", f"`{rule.header}`", rule.reason, values, why.get(rule.header, "")


def _how(table: TableProfile, column: str) -> str:
    """Return the unit, time zone and values of a column."""
    told = []
    if column == "hours":
        told = ["unit asked" if table.hours_unit == "ask" else table.hours_unit]
    if column in table.utc:
        told.append("UTC")
    told += [f"`{value}` {canonical}" for value, canonical in table.values.get(column, {}).items()]
    return ", ".join(told)


def _meaning(table: TableProfile, column: str) -> str:
    if table.table == "names":
        return LISTS[column]
    known = schema.TABLES.get(table.table, {}).get(column)
    return known.meaning if known else ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    (HERE / "vendors.md").write_text(document(), encoding="utf-8")
