"""A file that no profile knows -> the skeleton of a profile for it, for a person to correct."""

import difflib
import re
from functools import cache
from pathlib import Path

from rhem_lib import schema
from rhem_lib.errors import InputError, toml_text
from rhem_lib.exports.files import Source, members, sources
from rhem_lib.exports.profiles import NEEDED, normal_header, read_profiles
from rhem_lib.storage import Scratch

TABLES = ("time_entries", "tickets", "endpoints", "agreements")
SAMPLES, BRIEF = 3, 24  # values shown of a column, and their characters
LIKENESS = 0.8  # from which on a header may be one that a profile knows
# Where a file has no such column; a unit is never guessed.
MADE = {"entry_id": "@row", "as_of": "@as_of", "count": "=1", "kind": "=workstation"}
MORE = dict.fromkeys("dauer stunden minuten minutes mins hrs".split(), "hours") | {"kunde": "client"}
MORE |= {"datum": "worked_on", "techniker": "technician", "mitarbeiter": "technician", "tätigkeit": "work_type"}
# In a longer header, another day than the one of the shorter.
OTHER_DAY = {*"opened created modified updated closed completed resolved due logged billed invoiced".split()}


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
    guesses = {table: _guess(table, tuple(source.header)) for table in TABLES}
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


def _guess(table: str, header: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each column whose header some profile knows: the same, a part of it, one alike."""
    known, found = _known(table), dict[str, int]()

    def inside(head: str) -> list[str]:
        words = {*head.split()}
        parts = [one for one in known if {*one.split()} <= words and OTHER_DAY.isdisjoint(words - {*one.split()})]
        return sorted(parts, key=lambda one: len(one.split()))[-1:]

    def alike(head: str) -> list[str]:
        words = head.split()
        same = [one for one in known if len(one.split()) == len(words)]
        near = (all(map(_near, words, one.split())) for one in same)
        return difflib.get_close_matches(
            head, [one for one, ok in zip(same, near, strict=True) if ok], 1, LIKENESS
        )

    ways = (
        lambda head: [head] if head in known else [],
        inside,
        alike,
    )
    for way in ways:
        for place, head in enumerate(header):
            near = way(normal_header(head))
            if near and place not in found.values():
                found.setdefault(known[near[0]], place)
    if "worked_on" in known.values() and "started_at" in found:
        found.setdefault("worked_on", found["started_at"])
    return found


def _near(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one, other).ratio() >= LIKENESS


@cache
def _known(table: str) -> dict[str, str]:
    """Return the column that most profiles find under each normal header."""
    votes = [(normal_header(column), column) for column in schema.columns(table)]
    for spec in (spec for profile in read_profiles().values() for spec in profile.tables if spec.table == table):
        votes += [(normal_header(head), column) for column in spec.columns for head in spec.headers(column)[:9]]
    votes += [item for item in MORE.items() if item[1] in schema.columns(table)]
    return {head: column for head, column in reversed(votes) if column in schema.columns(table)}
