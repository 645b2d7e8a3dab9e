"""Any export -> text columns under canonical names, with file and row number.

Nothing is interpreted here: every cell stays text until `clean`. A file that no profile knows is an error
that says what to do.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd

from rhem_lib.errors import InputError
from rhem_lib.exports.database import query
from rhem_lib.exports.files import Cells, cells, damaged_lines, members, of_rows, quote
from rhem_lib.exports.match_profile import as_of_day, check_files, file_settings, looked_below, recognise, skipped
from rhem_lib.exports.profiles import PERSONAL, PLACEHOLDER, Profile, TableProfile, normal_header
from rhem_lib.settings import FileSettings, Settings

# No, as databases and spreadsheets write it in many languages; and numbers of what there is not.
NO = """
0 -1 0.0 false f no n none null falsch nein faux non falso não nao onwaar nee falsk falskt nej nei fałsz nie
""".split()
KEYS = {"time_entries": "entry_id", "tickets": "ticket_id", "clients": "client"}


@dataclass(frozen=True)
class RawTable:
    """Text rows of one file for one canonical table: SQL `relation` over the DuckDB relation `cells`.

    `headers` maps canonical columns to the first header they were found under; `damaged` holds the lines that
    could not be split into cells (columns of schema.Quarantine); `help` is what rhem.toml says of the file. With
    `store`, the cells are still read straight from the file, in its order, and `record` is NULL: see `stored`.
    """

    label: str
    cells: str
    relation: str
    profile: Profile
    spec: TableProfile
    headers: dict[str, str]
    help: FileSettings
    damaged: pd.DataFrame = field(repr=False)
    store: Callable[[], pd.DataFrame] | None = None


def stored(con: duckdb.DuckDBPyConnection, raw: RawTable) -> RawTable:
    """The table with its cells in DuckDB, with their record numbers, and damaged lines set apart."""
    if raw.store is None:
        return raw
    con.execute(f"DROP VIEW {raw.cells}")
    damaged = raw.store().assign(table=raw.spec.table, source_file=raw.label)
    return replace(raw, damaged=damaged, store=None)


def read_exports(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    settings: Settings,
    profiles: dict[str, Profile],
    scratch: Path,
) -> list[RawTable]:
    """Text tables of every file of a workspace (`exports/` and `clients.csv`).

    Files of text are read when their rows are asked for, so `scratch` must stay until then.

    Raises
    ------
    InputError
        No file at all, or a file that is empty, not text, or matches no profile (its headers are shown).
    SettingsError
        rhem.toml speaks of a file that is not there.
    """
    found = sorted(p for p in (folder / "exports").rglob("*") if p.is_file() and p.name[0] not in "~.")
    if (folder / "clients.csv").is_file():
        found.append(folder / "clients.csv")
    if not found and not any("://" in entry.path for entry in settings.files):
        raise InputError(
            "no export files.",
            where=str(folder / "exports"),
            fix="Put the files of your PSA and RMM in this folder.",
        )
    tables: list[RawTable] = []
    labels: set[str] = set()

    def skip(label: str) -> bool:
        labels.add(label)
        return skipped(label, settings)

    for label, path in members(found, folder, scratch, skip):
        for part in cells(con, path, label, scratch, skip):
            tables += _canonical(con, part, file_settings(part.label, settings), profiles, len(tables))
    for number, entry in enumerate([entry for entry in settings.files if "://" in entry.path], 1):
        tables += _canonical(con, of_rows(con, *query(entry, folder, number)), entry, profiles, len(tables))
    check_files(settings, labels)
    tables = [stored(con, raw) if _serves(raw, tables) else raw for raw in tables]
    _parents(con, tables)
    return [_looked_up(raw, tables) for raw in tables]


def _canonical(
    con: duckdb.DuckDBPyConnection, part: Cells, help_: FileSettings, profiles: dict[str, Profile], number: int
) -> list[RawTable]:
    """Give the cells of one table canonical names for each canonical table that they serve."""
    try:
        profile, specs = recognise(part.header, part.label, help_, profiles)
    except InputError as problem:
        _check_objects(part, {*part.header})
        raise looked_below(problem, part.below, part.label, help_, profiles) from None
    _check_objects(
        part, {head.partition(".")[0] for spec in specs for c in spec.columns for head in spec.headers(c)}
    )
    views = [_canonical_select(spec, part.header, part.label, as_of_day(part.label, help_)) for spec in specs]
    mentioned = {int(i) for select, _ in views for i in re.findall(r"\bc(\d+)\b", " ".join(select))}
    used = sorted(mentioned & {*range(len(part.header))})
    bare = [f"{_bare(f'c{i}')} AS c{i}" for i in used]
    name = f"cells_{number}"
    text = ", ".join([*bare, f"{_row_hash(specs, part.header, part.label)} AS row_hash"])
    store = partial(part.store, name, text)
    if part.scan and len(specs) == 1 and _can_wait(specs[0]):
        con.execute(f"CREATE VIEW {name} AS SELECT {text}, NULL::BIGINT AS record FROM {part.scan}")
        damaged, later = damaged_lines([]), store
    else:
        damaged, later = store(), None
    tables = []
    for position, (spec, (select, found)) in enumerate(zip(specs, views, strict=True)):
        facts = "min(record) AS record, 0 AS row_hash" if spec.distinct else "record, row_hash"
        relation = f"(SELECT {', '.join(select)}, {facts} FROM {name}{' GROUP BY ALL' if spec.distinct else ''})"
        lost = (damaged if position == 0 else damaged.iloc[:0]).assign(table=spec.table, source_file=part.label)
        tables.append(RawTable(part.label, name, relation, profile, spec, found, help_, lost, later))
    return tables


def _check_objects(part: Cells, wanted: set[str]) -> None:
    """Refuse cells in which PowerShell wrote @{id=1; name=Nord} for an object, in a column that is wanted."""
    names = {normal_header(name) for name in wanted}
    marks = ("@{", "System.Object[", "System.Collections.")
    for place, name in enumerate(part.header):
        lost = [row[place] for _, row in part.below if len(row) > place and row[place].startswith(marks)]
        if lost and normal_header(name) in names:
            fix = "Export it again as JSON with ConvertTo-Json -Depth 10, or write out each field that is needed, "
            fix += f"as with Select-Object *, @{{n='{name}.name'; e={{$_.{name}.name}}}}, before Export-Csv."
            raise InputError(
                "these cells hold the names of objects, not what is in them: PowerShell did not write them out.",
                where=f"{part.label}, column '{name}'",
                examples=lost,
                fix=fix,
            )


def _can_wait(spec: TableProfile) -> bool:
    """Whether the rows of a table can be typed before their record numbers are known."""
    numbered = {column for column in spec.columns if "@row" in spec.specs(column)} - {KEYS["time_entries"]}
    return not (spec.distinct or spec.hours_from_times or spec.table == "names" or numbered)


def _row_hash(specs: list[TableProfile], header: list[str], label: str) -> str:
    """SQL that is alike for rows with the same cells; not made for a time entry with a key, which says as much."""
    every = f"hash({', '.join(f'c{i}' for i in range(len(header)))})"
    position = _positions(header)
    options = [option for option in specs[0].specs(KEYS["time_entries"]) if option[0] not in "@="]
    keys = [cell for option in options if (cell := _cell(option, position, label, "", specs[0].missing))]
    if [spec.table for spec in specs] != ["time_entries"] or not keys:
        return every
    return f"CASE WHEN coalesce({', '.join(keys)}, '') < '!' THEN {every} END"  # empty, or blanks in front


def _serves(raw: RawTable, tables: list[RawTable]) -> bool:
    """Whether a table is to be joined with others of its system, which keeps no order."""
    peers = [other for other in tables if other.profile.name == raw.profile.name]
    if raw.spec.table in ("time_entries", "tickets") and any("@ticket" in t.spec.specs("client") for t in peers):
        return True
    named = {column for t in peers if t.spec.table == "names" for column in t.spec.names_of}
    return not named.isdisjoint(raw.spec.columns)


def _looked_up(raw: RawTable, tables: list[RawTable]) -> RawTable:
    """With what other files of the same system know: the client of a ticket, names in place of ids."""
    peers = [other for other in tables if other.profile.name == raw.profile.name]
    if "@ticket" in raw.spec.specs("client"):
        known = [(t.relation, "ticket_id", "client") for t in peers if t.spec.table == "tickets"]
        raw = _filled(raw, "client", "ticket_id", "coalesce(r.client, k.value)", known)
    lists = sorted((t for t in peers if t.spec.table == "names"), key=lambda t: not t.spec.names_by)
    for column in dict.fromkeys(name for part in lists for name in part.spec.names_of):
        serving = [part for part in lists if column in part.spec.names_of and column in raw.spec.columns]
        known = [(_names_of(part, column), "id", "name") for part in serving]
        key = " || '/' || r.".join(serving[0].spec.names_by or [column]) if serving else ""
        raw = _filled(raw, column, key, f"coalesce(k.value, r.{column})", known)
    return raw


def _names_of(raw: RawTable, column: str) -> str:
    """SQL of the names that a list has for one canonical column."""
    return f"(FROM {raw.relation} WHERE of = {quote(column)})" if "of" in raw.spec.columns else raw.relation


def _parents(con: duckdb.DuckDBPyConnection, tables: list[RawTable]) -> None:
    """Table `parents`: client and the account above it, where a list of accounts says so by id or by name."""
    con.execute("CREATE TABLE parents (client VARCHAR, parent VARCHAR)")
    lists = [t for t in tables if t.spec.table == "names" and "parent" in t.headers]
    for profile in {raw.profile.name for raw in lists}:
        rows = " UNION ALL ".join(
            f"FROM {t.relation} SELECT id, name, parent" for t in lists if t.profile.name == profile
        )
        con.execute(
            f"INSERT INTO parents WITH account AS ({rows}) SELECT DISTINCT c.name, p.name FROM account c "
            "JOIN account p ON c.parent = p.id OR c.parent = p.name WHERE c.name <> p.name"
        )


def _filled(raw: RawTable, column: str, on: str, value: str, known: list[tuple[str, str, str]]) -> RawTable:
    """Raw table with a column anew from key and value columns of other relations; the last row of a key counts."""
    parts = [f"SELECT {key} AS key, {name} AS value, {i} AS part, record FROM {table}"
             for i, (table, key, name) in enumerate(known)]  # fmt: skip
    if not parts:
        return raw
    last = f"SELECT key, max_by(value, part * 10000000000 + record) AS value FROM ({' UNION ALL '.join(parts)})"
    relation = (
        f"(SELECT r.* REPLACE ({value} AS {column}) FROM {raw.relation} r "
        f"LEFT JOIN ({last} GROUP BY key) k ON r.{on} = k.key)"
    )
    return replace(raw, relation=relation)


def _canonical_select(
    spec: TableProfile, header: list[str], label: str, as_of: str
) -> tuple[list[str], dict[str, str]]:
    """SQL expression per canonical column, and the header each was first found under."""
    position = _positions(header)
    select, found = [], {}
    for column in spec.columns:
        options = [_cell(option, position, label, as_of, spec.missing) for option in spec.specs(column)]
        known = [option for option in options if option]
        select.append(f"coalesce({', '.join([*known, 'NULL'])}) AS {column}")
        present = [h for h in spec.headers(column) if normal_header(h) in position]
        if present:
            found[column] = header[position[normal_header(present[0])]]
    select.append(f"{_aside(spec, position)} AS aside")
    if spec.extras:
        claimed = {normal_header(h) for column in spec.columns for h in spec.headers(column)}
        free = [
            (i, name)
            for i, name in enumerate(header)
            if normal_header(name) not in claimed and PERSONAL.isdisjoint(normal_header(name).split())
        ]
        select += [f'c{i} AS "{name.replace(chr(34), "")}"' for i, name in free]
    return select, found


def _positions(header: list[str]) -> dict[str, int]:
    return {normal_header(name): i for i, name in reversed(list(enumerate(header)))}


def _cell(option: str, position: dict[str, int], label: str, as_of: str, missing: list[str]) -> str:
    """SQL of one column option; empty where the file does not have it."""
    if option == "@row":
        return f"{quote(label)} || ':' || record"
    if option == "@as_of":
        return quote(as_of) if as_of else ""
    if option == "@ticket":
        return ""
    if option.startswith("="):
        return quote(option[1:])
    marks = [part.partition("?") for part in PLACEHOLDER.findall(option)] or [(option, "", "")]
    if not all(normal_header(name) in position for name, _, _ in marks):
        return ""
    cells = [_known(f"c{position[normal_header(name)]}", missing) for name, _, _ in marks]
    cells = [
        f"CASE WHEN {_holds(cell, wanted.split('|') if wanted else [])} THEN '' END" if mark else cell
        for cell, (_, mark, wanted) in zip(cells, marks, strict=True)
    ]
    texts = PLACEHOLDER.split(option)[::2] if PLACEHOLDER.search(option) else ["", ""]
    pieces = [
        part for text, cell in zip(texts, [*cells, ""], strict=True) for part in (text and quote(text), cell)
    ]
    return "(" + " || ".join(piece for piece in pieces if piece) + ")"


def _aside(spec: TableProfile, position: dict[str, int]) -> str:
    """SQL of the reason for which the source system itself takes a row out: deleted, merged, still running."""
    whens = []
    for rule in spec.aside:
        if normal_header(rule.header) in position:
            cell = _known(f"c{position[normal_header(rule.header)]}", spec.missing)
            whens.append(f"WHEN {_holds(cell, rule.values)} THEN {quote(rule.reason)}")
    return f"CASE {' '.join(whens)} END" if whens else "NULL::VARCHAR"


def _holds(cell: str, wanted: list[str]) -> str:
    """SQL test whether a cell is one of the values (* as wildcard); without values, whether it is a yes."""
    if not wanted:
        return f"coalesce(lower({cell}) NOT IN {tuple(NO)}, false)"
    tests = [
        f"lower(coalesce({cell}, '')) LIKE {quote(value.lower().replace('*', '%'))}"
        if "*" in value
        else f"lower(coalesce({cell}, '')) = {quote(value.lower())}"
        for value in wanted
    ]
    return f"({' OR '.join(tests)})"


def _bare(cell: str) -> str:
    """SQL of a cell without blanks around it and without the apostrophe that keeps spreadsheets from computing.

    Few cells start with a sign before "(", or end in a blank: all others are left alone, which is faster. NULL, as
    database tools write an empty cell, is empty.
    """
    guarded = f"starts_with({cell}, '''')"
    text = f"CASE WHEN {guarded} THEN regexp_replace({cell}, '^''([=+@-])', '\\1') ELSE {cell} END"
    rare = f"{cell} < '(' OR ends_with({cell}, ' ')"
    return f"CASE WHEN {rare} THEN nullif(trim({text}), '') ELSE nullif({cell}, 'NULL') END"


def _known(cell: str, missing: list[str]) -> str:
    """SQL of a cell without what stands for nothing in this system."""
    for mark in missing:
        cell = f"nullif({cell}, {quote(mark)})"
    return cell
