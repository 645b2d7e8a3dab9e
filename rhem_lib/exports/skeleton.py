"""A file that no profile knows -> the skeleton of a profile for it, for a person to correct."""

import re
from pathlib import Path

from rhem_lib import schema
from rhem_lib.errors import InputError, toml_text
from rhem_lib.exports.files import Source, members, sources
from rhem_lib.exports.guessed_columns import guessed_columns
from rhem_lib.exports.profiles import NEEDED
from rhem_lib.storage import Scratch

TABLES = ("time_entries", "tickets", "endpoints", "agreements")
SAMPLES, BRIEF = 3, 24  # values shown of a column, and their characters
# Where a file has no such column; a unit is never guessed.
MADE = {"entry_id": "@row", "as_of": "@as_of", "count": "=1", "kind": "=workstation"}


def profile_skeleton(path: Path) -> str:
    r"""Return the skeleton of a profile for a file: columns guessed by their headers, with values of each.

    Parameters
    ----------
    path : Path
        Any file that can be read; of an archive or a workbook, each of its tables.

    Raises
    ------
    InputError
        There is no such file, or no table in it.

    Examples
    --------
    >>> file = folder / "visits.csv"
    >>> _ = file.write_text("Customer,Date,Time spent,Mood\nNord,2026-05-04,90,good\n")
    >>> print("\n".join(profile_skeleton(file).splitlines()[-6:]))
    [tables.columns]
    entry_id = "@row"
    client = "Customer"  # Nord
    worked_on = "Date"  # 2026-05-04
    hours = "Time spent"  # 90
    # not used: Mood (good)
    """
    if not path.is_file():
        raise InputError("there is no such file.", where=str(path), fix="Give the path of an export.")
    name = re.sub(r"\W+", "-", path.name.partition(".")[0].lower()).strip("-") or "mine"
    lines = [f"# Correct it and save it as profiles/{name}.toml in the workspace."]
    lines += [f"name = {toml_text(name)}", f"title = {toml_text(path.name.partition('.')[0])}"]
    with Scratch() as scratch:
        for label, part in members([path], path.parent, scratch, lambda _: False):
            for source in sources(part, label, scratch, lambda _: False):
                lines += ["", *_table(source)]
    return "\n".join(lines)


def _table(source: Source) -> list[str]:
    """Lines of one table: time where client and hours are found, else that of which most columns are."""
    guesses = {table: guessed_columns(table, source.header) for table in TABLES}
    lost = {table: len({*NEEDED[table]} - {*guesses[table], *MADE}) for table in TABLES}
    timed = "time_entries" if {"client", "hours"} <= guesses["time_entries"].keys() else ""
    table = timed or max(TABLES, key=lambda table: len(guesses[table]) - 2 * lost[table])
    found = guesses[table]
    lines = [
        f"# {source.label}",
        "[[tables]]",
        f'table = "{table}"  # or {", ".join(t for t in TABLES if t != table)}',
    ]
    lines.append(f"requires = [{', '.join(map(toml_text, NEEDED[table]))}]")
    if table == "time_entries":
        lines.append('hours_unit = "ask"  # "hours", "quarter-hours", "minutes", "seconds" or "days"')
    lines.append("[tables.columns]")
    for column in schema.columns(table):
        if column in found:
            place = found[column]
            lines.append(f"{column} = {toml_text(source.header[place])}{_values(source, place, '  # {}')}")
        elif column in MADE and (column in NEEDED[table] or column == "entry_id"):
            lines.append(f'{column} = "{MADE[column]}"')
        elif column in NEEDED[table]:
            lines.append(f'{column} = "?"  # not found: write its header in')
    rest = [place for place in range(len(source.header)) if place not in found.values()]
    unused = ", ".join(source.header[place] + _values(source, place, " ({})") for place in rest)
    return [*lines, f"# not used: {unused}"] if rest else lines


def _values(source: Source, place: int, shown: str) -> str:
    """The first values of a column, put into `shown`; nothing where there are none."""
    cells = [" ".join(row[place].split())[:BRIEF] for _, row in source.below if len(row) > place]
    values = [cell for cell in dict.fromkeys(cells) if cell][:SAMPLES]
    return shown.format(", ".join(values)) if values else ""
