"""Any export -> text columns under canonical names, with file and row number.

Nothing is interpreted here: every cell stays text until `clean`. Files of one header and profile are read in one
scan. A file that no profile knows is an error that says what to do.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from rhem_lib import schema
from rhem_lib.errors import InputError, SettingsError, together
from rhem_lib.exports.damaged_lines import UNDAMAGED
from rhem_lib.exports.database import query
from rhem_lib.exports.files import Source, export_files, lock, members, of_rows, quote, scan, sources
from rhem_lib.exports.match_profile import as_of_day, check_files, file_settings, looked_below, recognise, skipped
from rhem_lib.exports.profiles import PERSONAL, PLACEHOLDER, Profile, TableProfile, normal_header
from rhem_lib.exports.workbooks import Sheet
from rhem_lib.interfaces import is_pulled
from rhem_lib.settings import FileSettings, Settings

# No, as databases and spreadsheets write it in many languages; and numbers and days of what there is not.
NO = """
0 -1 0.0 false f no n none null falsch nein faux non falso não nao onwaar nee falsk falskt nej nei fałsz nie
0000-00-00 0001-01-01 0001-01-01t00:00:00 0001-01-01t00:00:00z
""".split()
OWN = "own:"  # before the name of a column of the user's, which may be called as one of ours
NUMBERS = ("entry_id", "ticket_id", "parent_id")  # by which rows are joined
OBJECTS = ("@{", "System.Object[", "System.Collections.")  # how cells begin in which PowerShell wrote an object
KEYS = {"time_entries": "entry_id", "tickets": "ticket_id", "clients": "client"}
UNSPLIT = (duckdb.InvalidInputException, duckdb.NotImplementedException)  # of lines that the engine does not split
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Recognised:
    """A source with its place among all, its profile and tables, what rhem.toml says of it, and its day."""

    number: int
    source: Source
    profile: Profile
    specs: list[TableProfile]
    help: FileSettings
    as_of: str

    @property
    def kind(self) -> tuple:
        """What files have in common that are read in one scan; a large file is read alone."""
        source, own = self.source, self.help.model_dump(exclude={"path", "as_of", "skip"})
        alone = self.number if source.large or "://" in source.label else None
        tables = map(id, self.specs)
        return (
            alone,
            source.path is None,
            source.delimiter,
            self.profile.name,
            *tables,
            *own.values(),
            *source.header,
        )


@dataclass(frozen=True)
class RawTable:
    """Text rows of files of one kind for one canonical table: SQL `relation` over the DuckDB view `name`.

    The relation has the `columns`, `aside` (a reason of the source system), `state` (what the system says of the
    record), `changed_at` (when it was changed last), `row_hash`, and whence a row comes: `file` (a key of
    `labels`), `source_file`, `record` (its number there; the header is 1). `header` is that of the files, and
    `headers` maps canonical columns to the first of it they were found under; `saved` is when each file was, by
    label, and `hidden` what its workbook does not show; `damaged` holds the lines that could not be split into
    cells (columns of schema.Quarantine); `help` is what rhem.toml says of the files. With `straight`, the cells
    are still read straight from that file, in its order, and `record` is NULL: see `stored`.
    """

    name: str
    relation: str
    columns: list[str]
    profile: Profile
    spec: TableProfile
    headers: dict[str, str]
    help: FileSettings
    labels: dict[int, str]
    saved: dict[str, int]
    hidden: dict[str, str]
    header: list[str]
    damaged: pd.DataFrame = field(repr=False)
    straight: Recognised | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)  # warnings: code and text

    @property
    def label(self) -> str:
        """The first file."""
        return next(iter(self.labels.values()))

    def drop(self, con: Connection) -> None:
        """Forget the text."""
        con.execute(f"DROP VIEW {self.name}; DROP {'VIEW' if self.straight else 'TABLE'} {self.name}_text")


def stored(con: Connection, raw: RawTable) -> RawTable:
    """Return the table with its cells in DuckDB, with their record numbers, and damaged lines apart."""
    if raw.straight is None:
        return raw
    raw.drop(con)
    return _tables(con, [raw.straight], wait=False)[0]


def read_exports(
    con: Connection,
    folder: Path,
    settings: Settings,
    profiles: dict[str, Profile],
    scratch: Path,
    answers: Sequence[Sheet],
) -> list[RawTable]:
    """Return text tables of every file of a workspace (`exports/` and `clients.csv`), and of the answered queries.

    Large files are read when their rows are asked for, so `scratch` must stay until then.

    Raises
    ------
    InputError
        No file at all, or a file that is empty, not text, or matches no profile (its headers are shown).
    SettingsError
        rhem.toml names a file or a profile that is not there.
    """
    known: dict[tuple, tuple[Profile, list[TableProfile]]] = {}  # one header is matched once
    kinds: dict[tuple, list[Recognised]] = {}
    unknown: list[InputError] = []
    for number, (source, help_) in enumerate(_sources(folder, settings, profiles, scratch, answers)):
        as_of = as_of_day(source.label, help_)
        key = (bool(as_of), help_.profile, help_.table, *source.header)
        if key not in known:
            try:
                profile, specs = _recognise(source, help_, profiles)
                known[key] = profile, [_keeping(spec, source.header, settings) for spec in specs]
            except InputError as problem:
                unknown.append(problem)
                continue
        _check_objects(source, _heads(known[key][1]))
        file = Recognised(number, source, *known[key], help_, as_of)
        kinds.setdefault(file.kind, []).append(file)
    if unknown:
        raise together(unknown)
    paths = [file.source.path for files in kinds.values() for file in files if file.source.path]
    lock(con, paths)
    found = [raw for files in kinds.values() for raw in _tables(con, files)]
    tables = [stored(con, raw) if _serves(raw, found) else raw for raw in found]
    if cut := [*_cut_pages([file for files in kinds.values() for file in files])]:
        next(raw for raw in tables if not raw.straight).notes.extend(cut)
    for raw in tables:
        _check_exact(con, raw)
        if raw.spec.table == "names":
            _check_names(con, raw)
    return [_looked_up(raw, tables) for raw in tables]


def _cut_pages(files: list[Recognised]) -> Iterator[tuple[str, str]]:
    """Warn of lists of which not all pages of an interface were saved."""
    lists: dict[tuple, list[Source]] = {}
    for file in files:
        if file.source.page and not is_pulled(file.source.label):
            lists.setdefault((file.profile.name, *map(id, file.specs)), []).append(file.source)
    for pages in lists.values():
        more, totals = zip(*(page.page for page in pages if page.page), strict=True)
        rows, total = sum(len(page.rows) for page in pages), max(totals)
        if all(more) or rows < total:
            first = f"{pages[0].label} is a page of a list"
            rest = f"only {rows:,} of its {total:,} records are" if rows < total else "the pages after it are not"
            yield "cut-page", f"{first}, and {rest} there. Save every page, or use `rhem pull`."


def read_queries(settings: Settings, folder: Path) -> list[Sheet]:
    """Return the answers to the database queries of rhem.toml, in order."""
    queries = [entry for entry in settings.files if "://" in entry.path]
    return [query(entry, folder, number) for number, entry in enumerate(queries, 1)]


def _sources(
    folder: Path, settings: Settings, profiles: dict[str, Profile], scratch: Path, answers: Sequence[Sheet]
) -> Iterator[tuple[Source, FileSettings]]:
    """Each table of each file and query, with what rhem.toml says of it."""
    found = export_files(folder)
    if os.path.lexists(folder / "clients.csv"):  # a link that leads nowhere is named
        found.append(folder / "clients.csv")
    queries = [entry for entry in settings.files if "://" in entry.path]
    if not found and not queries:
        raise InputError(
            "no export files.",
            where=str(folder / "exports"),
            fix="Put the files of your PSA and RMM in this folder.",
        )
    _check_file_names(found)
    labels: set[str] = set()

    def skip(label: str) -> bool:
        labels.add(label)
        return skipped(label, settings)

    for label, path in members(found, folder, scratch, skip):
        for source in sources(path, label, scratch, skip):
            yield replace(source, saved=int(path.stat().st_mtime)), file_settings(source.label, settings)
    for answer, entry in zip(answers, queries, strict=True):
        yield of_rows(*answer), entry
    check_files(settings, labels, profiles)


def _check_file_names(found: list[Path]) -> None:
    """Stop where a name is not UTF-8, as no report, rule or database could show or keep it."""
    odd = [path for path in found if not str(path).isprintable() and "\\udc" in ascii(str(path))]
    if odd:
        raise InputError(
            "these file names are not UTF-8, as if packed on an older Windows.",
            where=os.fsencode(odd[0].parent).decode("cp1252", "replace"),
            count=len(odd),
            examples=[os.fsencode(path.name).decode("cp1252", "replace") for path in odd],
            fix="Rename the files.",
        )


def _recognise(
    source: Source, help_: FileSettings, profiles: dict[str, Profile]
) -> tuple[Profile, list[TableProfile]]:
    try:
        return recognise(source.header, source.label, help_, profiles)
    except InputError as problem:
        _check_objects(source, source.header)
        raise looked_below(problem, source.below, source.label, help_, profiles) from None


def _keeping(spec: TableProfile, header: list[str], settings: Settings) -> TableProfile:
    """Return a table of time entries or tickets with the columns of the header that rhem.toml keeps.

    Raises
    ------
    SettingsError
        One is called as a column of ours.
    """
    ours = {*schema.columns("time_entries"), *schema.columns("tickets"), "work_class", "rule"}
    if taken := sorted(ours & settings.keep.keys()):
        fix = "Give it another name."
        raise SettingsError(f"'{taken[0]}' is a column already.", where="rhem.toml, [keep]", fix=fix)
    if spec.table not in ("time_entries", "tickets"):
        return spec
    kept = spec.model_copy(update={"columns": settings.keep})
    there = {normal_header(name) for name in header}
    found = {c: kept.specs(c) for c in settings.keep if not there.isdisjoint(map(normal_header, kept.headers(c)))}
    return spec.model_copy(update={"columns": spec.columns | found}) if found else spec


def _heads(specs: list[TableProfile]) -> Iterator[str]:
    """The headers that some tables name; of nested fields, the outer one."""
    for spec in specs:
        for column in spec.columns:
            yield from (header.partition(".")[0] for header in spec.headers(column))


def _check_objects(source: Source, wanted: Iterable[str]) -> None:
    """Refuse cells in which PowerShell wrote @{id=1; name=Nord} for an object, in a column that is wanted."""
    for place, name in enumerate(source.header):
        lost = [row[place] for _, row in source.below if len(row) > place and row[place].startswith(OBJECTS)]
        if lost and normal_header(name) in map(normal_header, wanted):
            raise _objects(source.label, name, lost)


def _objects(label: str, name: str, lost: list[str]) -> InputError:
    fix = "Export it again as JSON with ConvertTo-Json -Depth 10, or write out each field that is needed, "
    fix += f"as with Select-Object *, @{{n='{name}.name'; e={{$_.{name}.name}}}}, before Export-Csv."
    what = "these cells hold the names of objects, not what is in them: PowerShell did not write them out."
    return InputError(what, where=f"{label}, column '{name}'", examples=lost, fix=fix)


def _tables(con: Connection, files: list[Recognised], *, wait: bool = True) -> list[RawTable]:
    """Text tables of files of one kind; those with damaged lines are split here, and read apart."""
    specs = files[0].specs
    straight = wait and files[0].source.large and len(specs) == 1 and _can_wait(specs[0])
    try:
        return [_canonical(con, files, position, straight=straight) for position in range(len(specs))]
    except UNSPLIT:
        if files[0].source.path is None:
            raise  # nothing is left to split
        damaged = {file.number for file in _damaged(con, files)} or {file.number for file in files}
    whole = [file for file in files if file.number not in damaged]
    apart = [replace(file, source=file.source.split()) for file in files if file.number in damaged]
    return [raw for part in (whole, apart) if part for raw in _tables(con, part, wait=wait)]


def _damaged(con: Connection, files: list[Recognised]) -> list[Recognised]:
    """Files that the engine cannot split into cells, found by halves."""
    try:
        con.execute(f"SELECT count(*) FROM {scan([file.source for file in files])} WHERE c0 > ''")
    except UNSPLIT:
        half = len(files) // 2
        return _damaged(con, files[:half]) + _damaged(con, files[half:]) if half else files
    return []


def _canonical(con: Connection, files: list[Recognised], position: int, *, straight: bool) -> RawTable:
    """Give the cells of files of one kind the canonical names of one of the tables that they serve."""
    file, spec = files[0], files[0].specs[position]
    header, name = file.source.header, f"cells_{file.number}_{position}"
    select, columns, found = _canonical_select(spec, header)
    used = sorted({int(i) for i in re.findall(r"\bc(\d+)\b", " ".join(select))} & {*range(len(header))})
    bare = ", ".join(f"{_bare(f'c{i}')} AS c{i}" for i in used)
    _check_twice(con, files, spec)
    places = "file, record" if file.source.path is None else "filename"
    if file.source.path is None:
        numbered = [f.source.rows.append_column("file", pa.array([f.number] * len(f.source.rows))) for f in files]
        con.register("loaded_rows", pa.concat_tables(numbered))
    kept = places
    if file.source.path is not None and len(files) > 1:  # codes take less memory than paths
        paths = ", ".join(quote(str(one.source.path)) for one in files)
        con.execute(f"CREATE OR REPLACE TYPE {name}_path AS ENUM ({paths})")
        kept = f"filename::{name}_path AS filename"
    con.execute(
        f"CREATE {'VIEW' if straight else 'TABLE'} {name}_text AS SELECT {', '.join(select)}, row_hash, {kept} "
        f"FROM (SELECT {bare or 'NULL AS c0'}, {_row_hash(file.specs, header)} AS row_hash, {places} "
        f"FROM {'loaded_rows' if file.source.path is None else scan([file.source for file in files])})"
    )
    _number(con, name, files, spec, straight=straight)
    facts, once = "state, record, row_hash, changed_at", ""
    if spec.distinct:
        facts, once = (
            "max(state) AS state, min(record) AS record, 0 AS row_hash, max(changed_at) AS changed_at",
            " GROUP BY ALL",
        )
    own = ", ".join(f'"{column}"' for column in columns)
    relation = f"(SELECT {own}, aside, file, source_file, {facts} FROM {name}{once})"
    sources = [f.source for f in files]
    lost = [s.damaged.assign(table=spec.table, source_file=s.label) for s in sources if len(s.damaged)]
    none = UNDAMAGED.assign(table="", source_file="")
    damaged = pd.concat(lost) if lost and position == 0 else none
    labels = {f.number: f.source.label for f in files}
    saved, hidden = ({source.label: getattr(source, name) for source in sources} for name in ("saved", "hidden"))
    waiting = file if straight else None
    return RawTable(name, relation, columns, file.profile, spec, found, file.help, labels, saved, hidden, header,
                    damaged, waiting)  # fmt: skip


def _check_twice(con: Connection, files: list[Recognised], spec: TableProfile) -> None:
    """Stop where a wanted column is there twice with different values: only a person knows which is right."""
    header = [normal_header(name) for name in files[0].source.header]
    wanted = {normal_header(name) for column in spec.columns for name in spec.headers(column)}
    for name in sorted({name for name in wanted if header.count(name) > 1}):
        first, *others = (i for i, one in enumerate(header) if one == name)
        differs = " OR ".join(f"c{first} IS DISTINCT FROM c{other}" for other in others)
        for file in files:
            rows = scan([file.source]) if file.source.path else "one_file"
            if not file.source.path:
                con.register("one_file", file.source.rows)
            found = con.execute(f"SELECT c{first}, c{others[0]} FROM {rows} WHERE {differs} LIMIT 1").fetchall()
            if found:
                raise InputError(
                    f"the column '{files[0].source.header[first]}' is there twice, with different values.",
                    where=file.source.label,
                    examples=[f"{a} and {b}" for a, b in found],
                    fix="Export it again with the one that holds hours worked, or rename the other in the export.",
                )


def _check_exact(con: Connection, raw: RawTable) -> None:
    """Stop where a spreadsheet rounded numbers by which rows are joined, or clients are objects of PowerShell."""
    if raw.straight:
        return
    if "client" in raw.headers:  # the first rows may have none
        rows = f"SELECT source_file, client FROM {raw.relation} WHERE starts_with(client, '{OBJECTS[0]}') LIMIT 3"
        if lost := con.execute(rows).fetchall():
            raise _objects(lost[0][0], raw.headers["client"], [cell for _, cell in lost])
    for column in [c for c in (*NUMBERS, "device_id", "client", "id") if c in raw.headers]:
        rounded = f"contains({column}, '+') AND regexp_full_match({column}, '\\d([.,]\\d+)?[eE]\\+\\d+')"
        rows = f"SELECT {column}, source_file, record FROM {raw.relation} WHERE {rounded} LIMIT 5"
        found = con.execute(rows).fetchall()
        if found:
            raise InputError(
                "a spreadsheet wrote these numbers in short, and several may have become one.",
                where=f"{found[0][1]}, row {found[0][2]}, column '{raw.headers[column]}'",
                examples=[value for value, _, _ in found],
                fix="Export the file again without a spreadsheet in between, or format the column as text.",
            )


def _check_names(con: Connection, raw: RawTable) -> None:
    """Stop where one list has two names for one number: nobody knows whose the records are."""
    of = ", of" if "of" in raw.spec.columns else ""
    found = con.execute(
        f"SELECT source_file, id, min(name), max(name) FROM {raw.relation} WHERE aside IS NULL AND id IS NOT NULL "
        f"GROUP BY source_file, id{of} HAVING count(DISTINCT lower(trim(name))) > 1 ORDER BY ALL LIMIT 3"
    ).fetchall()
    if found:
        raise InputError(
            "one number has two names, so what names it alone may be of either.",
            where=found[0][0],
            examples=[f"{number}: {one} and {other}" for _, number, one, other in found],
            fix="Export the list again without a spreadsheet in between, or take out the row that is wrong.",
        )


def _number(con: Connection, name: str, files: list[Recognised], spec: TableProfile, *, straight: bool) -> None:
    """View of the stored rows with file and record; the engine keeps the order of files and of their rows."""
    file, scanned, many = files[0], files[0].source.path is not None, len(files) > 1
    number, label, day = str(file.number), quote(file.source.label), quote(file.as_of)
    above = file.source.above
    record, joined = f"rowid + {above + 2}" if scanned else "record", ""
    if many:
        columns = {
            "file": [f.number for f in files],
            "source_file": [f.source.label for f in files],
            "day": [f.as_of for f in files],
            "filename": [str(f.source.path) for f in files],
        }
        con.register("loaded_files", pa.table(columns))
        first = f"SELECT filename, min(rowid) AS first FROM {name}_text GROUP BY filename"
        coded = f"SELECT * REPLACE (filename::{name}_path AS filename) FROM loaded_files"
        more = f"FROM ({coded}) JOIN ({first}) USING (filename)" if scanned else "FROM loaded_files"
        con.execute(f"CREATE TABLE {name}_files AS {more}")
        number, label, day = "s.file", "s.source_file", "s.day"
        record = f"t.rowid - s.first + {above + 2}" if scanned else "t.record"
        joined = f"JOIN {name}_files s USING ({'filename' if scanned else 'file'})"
    late = {"as_of": f"nullif({day}, '')"} if "@as_of" in spec.specs("as_of") else {}
    if not straight:
        late |= {column: f"{label} || ':' || {record}" for column in spec.columns if "@row" in spec.specs(column)}
    filled = ", ".join(f"coalesce({column}, {value}) AS {column}" for column, value in late.items())
    con.execute(
        f"CREATE VIEW {name} AS SELECT t.* EXCLUDE ({'filename' if scanned else 'file, record'}) "
        f"{f'REPLACE ({filled})' if late else ''}, "
        f"{number} AS file, {label} AS source_file, {'NULL::BIGINT' if straight else record} AS record "
        f"FROM {name}_text t {joined}"
    )


def _can_wait(spec: TableProfile) -> bool:
    """Whether the rows of a table can be typed before their record numbers are known."""
    numbered = {column for column in spec.columns if "@row" in spec.specs(column)} - {KEYS["time_entries"]}
    return not (spec.distinct or spec.hours_from_times or spec.table == "names" or numbered)


def _row_hash(specs: list[TableProfile], header: list[str]) -> str:
    """SQL that is alike for rows with the same cells; not made for a time entry with a key, which says as much."""
    every = f"hash({', '.join(f'c{i}' for i in range(len(header)))})"
    position = _positions(header)
    options = [option for option in specs[0].specs(KEYS["time_entries"]) if option[0] not in "@="]
    keys = [cell for option in options if (cell := _cell(option, position, specs[0].missing))]
    if [spec.table for spec in specs] != ["time_entries"] or not keys:
        return every
    return f"CASE WHEN coalesce({', '.join(keys)}, '') < '!' THEN {every} END"  # empty, or blanks in front


def _serves(raw: RawTable, tables: list[RawTable]) -> bool:
    """Whether a table is to be joined with others of its system, which keeps no order."""
    peers = [other for other in tables if other.profile.name == raw.profile.name]
    if raw.spec.table in ("time_entries", "tickets") and any("@ticket" in t.spec.specs("client") for t in tables):
        return True
    named = {column for t in peers if t.spec.table == "names" for column in t.spec.names_of}
    return not named.isdisjoint(raw.spec.columns)


def _looked_up(raw: RawTable, tables: list[RawTable]) -> RawTable:
    """With what other files of the same system know: the client of a ticket, names in place of ids."""
    peers = [other for other in tables if other.profile.name == raw.profile.name]
    if "@ticket" in raw.spec.specs("client"):
        lists = [t for t in tables if t.spec.table == "tickets"]  # of another system, where it has none of its own
        lists = [t for t in lists if t.profile.name == raw.profile.name] or lists
        known = [(t.relation, "ticket_id", "client", 0) for t in lists]
        raw = _filled(raw, "client", "ticket_id", "coalesce(r.client, k.value)", known)
    named = sorted((t for t in peers if t.spec.table == "names"), key=lambda t: not t.spec.names_by)
    for column in dict.fromkeys(name for part in named for name in part.spec.names_of):
        serving = [part for part in named if column in part.spec.names_of and column in raw.spec.columns]
        known = [(_names_of(part, column), "id", "name", int(not part.spec.names_by)) for part in serving]
        key = " || '/' || r.".join(serving[0].spec.names_by or [column]) if serving else ""
        raw = _filled(raw, column, key, f"coalesce(k.value, r.{column})", known)
    return raw


def _names_of(raw: RawTable, column: str) -> str:
    """SQL of the names that a list has for one canonical column."""
    return f"(FROM {raw.relation} WHERE of = {quote(column)})" if "of" in raw.spec.columns else raw.relation


def parents(con: Connection, tables: list[RawTable]) -> pd.DataFrame:
    """Return client and the account above it (`parent`), where a list of accounts names one by id or by name."""
    found = [pd.DataFrame(columns=["client", "parent"])]
    lists = [t for t in tables if t.spec.table == "names" and "parent" in t.headers]
    for profile in {raw.profile.name for raw in lists}:
        own = [t.relation for t in lists if t.profile.name == profile]
        rows = " UNION ALL ".join(f"FROM {relation} SELECT id, name, parent" for relation in own)
        joined = (
            f"WITH account AS ({rows}) SELECT DISTINCT c.name AS client, p.name AS parent FROM account c "
            "JOIN account p ON c.parent = p.id OR c.parent = p.name WHERE c.name <> p.name"
        )
        found.append(con.execute(joined).df())
    return pd.concat(found).drop_duplicates().sort_values(["client", "parent"], ignore_index=True)


def _filled(raw: RawTable, column: str, on: str, value: str, known: list[tuple[str, str, str, int]]) -> RawTable:
    """Raw table with a column anew from key and value columns of other relations.

    Of several rows of a key the last counts: of the relation of the highest rank, then in the order of files.
    """
    parts = [
        f"SELECT {key} AS key, {name} AS value, {rank} AS rank, file, record FROM {table}"
        for table, key, name, rank in known
    ]
    if not parts:
        return raw
    last = f"SELECT key, max_by(value, (rank, file, record)) AS value FROM ({' UNION ALL '.join(parts)})"
    relation = (
        f"(SELECT r.* REPLACE ({value} AS {column}) FROM {raw.relation} r "
        f"LEFT JOIN ({last} GROUP BY key) k ON r.{on} = k.key)"
    )
    return replace(raw, relation=relation)


def _canonical_select(spec: TableProfile, header: list[str]) -> tuple[list[str], list[str], dict[str, str]]:
    """SQL expressions, the columns they give, and the header that each was first found under.

    Some columns come later: the client of the ticket, the day of the file, and keys made of file and record.
    """
    position = _positions(header)
    select, columns, found = [], [*spec.columns], {}
    for column in spec.columns:
        options = [_cell(option, position, spec.missing) for option in spec.specs(column)]
        known = list(dict.fromkeys(option for option in options if option))
        cell = f"coalesce({', '.join(known)})" if len(known) > 1 else "".join(known) or "NULL::VARCHAR"
        select.append(f"{_number_text(cell) if column in NUMBERS and known else cell} AS {column}")
        present = [h for h in spec.headers(column) if normal_header(h) in position]
        if present:
            found[column] = header[position[normal_header(present[0])]]
    select.append(f"{_aside(spec, position)} AS aside")
    changed = [name for name in spec.changed if normal_header(name) in position]
    cells = [_cell(name, position, spec.missing) for name in changed]
    select.append(f"coalesce({', '.join([*cells, 'NULL::VARCHAR'])}) AS changed_at")
    if changed:
        found["changed_at"] = header[position[normal_header(changed[0])]]
    states = [rule.header for rule in spec.taken_out if any(value.strip("*-") for value in rule.values)]
    states = [name for name in states if normal_header(name) in position and not spec.distinct]
    cells = [_cell(name, position, spec.missing) for name in states]
    select.append(f"coalesce({', '.join([*cells, 'NULL::VARCHAR'])}) AS state")
    if states:
        found["state"] = header[position[normal_header(states[0])]]
    if spec.extras:
        claimed = {normal_header(h) for column in spec.columns for h in spec.headers(column)}
        free: dict[str, str] = {}
        for i, name in enumerate(header):
            if normal_header(name) not in claimed and PERSONAL.isdisjoint(normal_header(name).split()):
                free.setdefault(OWN + name.replace('"', ""), f"c{i}")
        columns += free
        select += [f'{cell} AS "{name}"' for name, cell in free.items()]
    return select, columns, found


def _number_text(cell: str) -> str:
    """SQL of a number by which rows are joined, without what lists and spreadsheets add: 5 732 943, #12, 12.0."""
    odd = f"contains({cell}, ' ') OR strlen({cell}) <> length({cell})"
    odd += f" OR {cell} < '$' OR ends_with({cell}, '.0')"  # to compare is faster than to look for a #
    bare = f"regexp_replace({cell}, '^#\\s*|\\.0$', '', 'g')"
    grouped = f"regexp_full_match({bare}, '\\d{{1,3}}([ \u00a0\u202f]\\d{{3}})+')"
    plain = f"CASE WHEN {grouped} THEN regexp_replace({bare}, '[ \u00a0\u202f]', '', 'g') ELSE {bare} END"
    return f"CASE WHEN {odd} THEN {plain} ELSE {cell} END"


def _positions(header: list[str]) -> dict[str, int]:
    return {normal_header(name): i for i, name in reversed(list(enumerate(header)))}


def _cell(option: str, position: dict[str, int], missing: list[str]) -> str:
    """SQL of one column option; empty where the file does not have it, or it comes later."""
    if option.startswith("@"):
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
    for rule in spec.taken_out:
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
    database tools write an empty cell, is empty, and so is #N/A, as a spreadsheet writes what it cannot compute.
    """
    failed = f"regexp_full_match({cell}, '#(N/A|REF!|VALUE!|NAME\\?|DIV/0!|NULL!|NUM!)')"
    text = f"CASE WHEN {failed} THEN NULL ELSE regexp_replace({cell}, '^''([=+@-])', '\\1') END"
    rare = f"{cell} < '(' OR ends_with({cell}, ' ')"
    return f"CASE WHEN {rare} THEN nullif(trim({text}), '') ELSE nullif({cell}, 'NULL') END"


def _known(cell: str, missing: list[str]) -> str:
    """SQL of a cell without what stands for nothing in this system."""
    for mark in missing:
        cell = f"nullif({cell}, {quote(mark)})"
    return cell
