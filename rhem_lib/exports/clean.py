"""Text tables -> typed canonical tables and quarantine; nothing is lost on the way.

Every raw row ends either in a canonical table or in quarantine with one reason, the first that applies.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import InputError
from rhem_lib.exports.duplicates import Repeats, mark_on_deleted, mark_repeats, one_name
from rhem_lib.exports.files import quote
from rhem_lib.exports.profiles import normal_header
from rhem_lib.exports.text_tables import KEYS, UNSPLIT, RawTable, parents, stored
from rhem_lib.exports.typed_tables import empty_select, typed_select
from rhem_lib.settings import Settings

TABLES = ("time_entries", "tickets", "endpoints", "agreements", "clients")
# Columns of typed rows that no canonical table has.
WORKING = "reason, bad_column, bad_value, row_hash, keyed, profile, part, place, changed_at"
GROUPS = {*"site location branch office building region team department dept group contract product".split()}
KEYED = {"id", "recid", "uid", "guid"}
NEW_SHARE, BY_CHANCE = 0.1, 0.01  # share of a kind of device since its first list, and chance of none before
NEW_STATES = 0.5  # the same of states; those of records that are still open are no news
OPEN = "new|open|progress|pending|wait|submit|assign|offen|neu|ouvert|nieuw"
COMPUTER = "note-?book|computer|laptop|desktop|windows|workstation|server|macbook|rechner|ordinateur|portable"
# Kinds that are called otherwise than these may be computers.
NO_COMPUTER = (
    "phone|mobil|tablet|ipad|android|print|druck|imprim|switch|router|gateway|fire ?wall|access|wi-?fi|wlan|net|"
    "snmp|nas$|storage|ups$|usv|cam|voip|scan|monitor|display|projector|probe|sensor|licen|lizenz|domains?$|mail|"
    "user|host|hyper|esx|vmware|proxmox|other|site|cloud|cert|dock|peripher|appliance|iot|tv|retired|spare|stock|"
    "decom|dispos"
)
DELETED = "delet|trash|removed|spam|gelöscht|supprim|verwijderd"
TAKEN_OUT = {
    "tickets": DELETED,
    "time_entries": f"{DELETED}|reject|declin|void|cancel|discard|invalid|abgelehnt|storn|"
    "plan(ned|ifi)|draft|tentativ|estimate|forecast|geplant|entwurf|brouillon|gepland|concept",
}
DAYS = {"time_entries": "worked_on", "tickets": "opened_at", "endpoints": "as_of"}
FIRST_ROWS = 20_000  # in which the ways of writing of a file are found, and then held against the rest
Connection = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation


class NewKind(NamedTuple):
    """A value of `kind` or `state` that nothing names: where it is first, and in how many rows."""

    column: str
    value: str
    path: str
    rows: int
    since: float  # its share of the rows since it began in a later file, else 0


@dataclass(frozen=True)
class Cleaned:
    """Canonical tables as DuckDB relations, what was set aside, and what else the files hold.

    Attributes
    ----------
    quarantine : DataFrame
        Rows set aside.
    files : DataFrame
        Rows per file and table.
    tickets_aside : DataFrame
        Reason by ticket_id.
    parents : DataFrame
        Client and the account above it, where a list of accounts names one.
    hours_read, hours_aside : Decimal
        Exact sums of time entries.
    repeats : Repeats
        Entries with the number of an entry of another client or ticket, those without a number in two files, and
        those of which no state is the last.
    corrections : tuple of int and float
        Negative entries, and their hours, that were dated back to the work that they correct.
    missing_columns : DataFrame
        path, table, column and others (how many files of its kind have it): columns that one file is without.
    new_kinds : list of NewKind
        Kinds of device and states of records that nothing names.
    notes : sequence of tuple
        Code and text of warnings from reading the files.
    unread : mapping
        Columns of ticket and time files that no profile reads and by which work can be measured, with a name each.
    names, spellings : sequence of str
        All clients, and all that files call them less case and blanks, once `unify` has been there.
    """

    time_entries: Relation
    tickets: Relation
    endpoints: Relation
    agreements: Relation
    clients: Relation
    quarantine: pd.DataFrame
    files: pd.DataFrame
    tickets_aside: pd.DataFrame
    parents: pd.DataFrame
    hours_read: Decimal
    hours_aside: Decimal
    repeats: Repeats
    corrections: tuple[int, float]
    missing_columns: pd.DataFrame
    new_kinds: list[NewKind]
    notes: Sequence[tuple[str, str]] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    spellings: Sequence[str] = ()

    @property
    def rows_read(self) -> int:
        """Rows of time entries in all files."""
        return int(self.files.loc[self.files["table"] == "time_entries", "rows"].sum())


def clean_tables(
    con: Connection, raws: list[RawTable], settings: Settings, today: dt.date | None = None
) -> Cleaned:
    """Type every cell, set aside what cannot be used, drop what repeats an earlier row.

    Parameters
    ----------
    con : DuckDBPyConnection
        The one in which `read_exports` left the text; it keeps the typed rows (see `drop_typed`), not the text.
    raws : list of RawTable
        What `read_exports` found.
    settings : Settings
    today : date, optional
        Days after it are impossible.

    Raises
    ------
    InputError
        The dates, the decimal sign or the unit of a column cannot be told, or a list of clients has a billing
        model or an end that cannot be.
    """
    latest = today or settings.today
    above = parents(con, raws)
    parts = {f"part_{n}": _read(con, raw, f"part_{n}", settings, latest) for n, raw in enumerate(raws)}
    for table in TABLES:
        _make_typed(con, table, parts, settings, latest)
    files, kinds = _rows(con, [*parts.values()]), new_kinds(con, raws)
    for raw in parts.values():
        raw.drop(con)  # its memory serves what follows
    repeats = {table: _marked(con, table, parts.values(), settings) for table in TABLES}
    mark_on_deleted(con)
    corrections = _date_back(con, settings)
    _check_clients(con)
    numbers = _ticket_numbers(con)
    kept: dict[str, Any] = {
        name: con.sql(
            f"SELECT * EXCLUDE ({WORKING}) {numbers.get(name, '')} FROM typed_{name} WHERE reason IS NULL"
        )
        for name in TABLES
    }
    quarantine = _quarantine(con, list(parts.values()))
    return Cleaned(
        **kept,
        quarantine=quarantine,
        files=files,
        tickets_aside=con.execute(
            "SELECT ticket_id, min(reason) AS reason FROM typed_tickets WHERE reason IS NOT NULL GROUP BY 1"
        ).df(),
        parents=above,
        hours_read=_exact_hours(con, "true"),
        hours_aside=_exact_hours(con, "reason IS NOT NULL"),
        repeats=repeats["time_entries"],
        corrections=corrections,
        missing_columns=missing_columns(raws),
        new_kinds=kinds,
        notes=[*_notes(parts.values(), repeats["tickets"]), *_other_headers(quarantine, raws)],
        unread=unread_columns(raws),
    )


def _notes(raws: Collection[RawTable], repeats: Repeats) -> Iterator[tuple[str, str]]:
    """Warnings of what was read, and of tickets that have one number."""
    yield from (note for raw in raws for note in raw.notes)
    if repeats.shared.entries:
        text = (
            f"{repeats.shared.entries:,} ticket numbers are of two clients in one file, and the last row counts: "
        )
        yield "shared-number", text + "did a spreadsheet round them? Export them again as text."


def _other_headers(quarantine: pd.DataFrame, raws: list[RawTable]) -> Iterator[tuple[str, str]]:
    """Headers further down in a file whose columns are others, as where two reports were put into one file."""
    names: dict[str, set[str]] = {}
    for raw in raws:
        own = {normal_header(head) for column in raw.spec.columns for head in raw.spec.headers(column)}
        for label in raw.labels.values():
            names.setdefault(label, set()).update(own, map(normal_header, raw.header))
    lost = quarantine[quarantine["reason"].isin(("unreadable-date", "unreadable-hours"))]
    for row in lost.drop_duplicates(["source_file", "value"]).itertuples():
        if (name := normal_header(row.value)) and name in names.get(row.source_file, ()):
            yield (
                "few-lost",
                f"{row.source_file}: row {row.source_row} is a header again, of other columns, and what is below "
                "it is read as below the first one. Make a file of its own of it.",
            )


def _marked(con: Connection, table: str, raws: Collection[RawTable], settings: Settings) -> Repeats:
    """Mark the typed rows of a table that repeat others."""
    own = [raw for raw in raws if raw.spec.table == table]
    if not own:
        return Repeats()
    keyed = all(KEYS.get(table) in raw.headers for raw in own)
    saved = {label: when for raw in own for label, when in raw.saved.items()}
    timed = {label for raw in raws if raw.spec.table == "time_entries" for label in raw.saved}
    gone = {rule.reason for raw in own for rule in raw.spec.taken_out if table == "time_entries"}
    return mark_repeats(con, table, keyed, settings, saved, timed, gone)


def _date_back(con: Connection, settings: Settings) -> tuple[int, float]:
    """Date negative entries back to the work that they correct, where another month holds it: count and hours.

    That is work of the same number, else on the same ticket; best the entry of just as many hours, else the last
    one before the correction, else the first after it.
    """
    rows = "SELECT part, place, profile, client, {} AS thing, worked_on, hours FROM typed_time_entries"
    kept = "WHERE reason IS NULL AND {0} IS NOT NULL AND hours {1} 0"
    things = {"keyed": "keyed || ' '", "ticket_id": "ticket_id"}  # an entry's number is no ticket's
    found = {
        sign: " UNION ALL ".join(f"{rows.format(sql)} {kept.format(name, sign)}" for name, sql in things.items())
        for sign in "<>"
    }
    con.execute(
        "CREATE OR REPLACE TABLE dated_back AS SELECT c.part, c.place, c.hours, "
        "arg_min(w.worked_on, (w.thing NOT LIKE '% ', w.hours <> -c.hours, w.worked_on > c.worked_on, "
        "abs(date_diff('day', w.worked_on, c.worked_on)))) AS day "
        f"FROM ({found['<']}) c JOIN ({found['>']}) w USING (profile, thing) "
        f"WHERE c.client = w.client OR {one_name(settings, 'c.client')} = {one_name(settings, 'w.client')} "
        "GROUP BY c.part, c.place, c.hours, c.worked_on "
        "HAVING date_trunc('month', day) <> date_trunc('month', c.worked_on)"
    )
    for (part,) in con.execute("SELECT DISTINCT part FROM dated_back").fetchall():
        where = f"d.part = '{part}' AND d.place = {part}.rowid"
        con.execute(f"UPDATE {part} SET worked_on = day FROM dated_back d WHERE {where}")
    count, hours = con.execute("SELECT count(*), coalesce(sum(hours), 0) FROM dated_back").fetchall()[0]
    return count, hours


def missing_columns(raws: list[RawTable]) -> pd.DataFrame:
    """Return the columns that most files of a kind have and one is without: somebody changed its report.

    Columns count that a profile or a rule could ask for; all others may come and go.
    """
    ours = {normal_header(name) for table in schema.TABLES for name in schema.columns(table)}
    found: dict[str, dict[str, str]] = {}
    kinds: dict[tuple[str, str], list[str]] = {}
    serves: dict[str, set[str]] = {}  # canonical columns by header
    for raw in raws:
        for column in raw.spec.columns:
            for head in raw.spec.headers(column):
                serves.setdefault(normal_header(head), set()).add(column)
        names = {key: name for name in raw.header if (key := normal_header(name)) in serves.keys() | ours}
        for label in raw.labels.values():
            if label not in found:  # a flat file serves several tables, of which the first names its kind
                kinds.setdefault((raw.profile.name, raw.spec.table), []).append(label)
            found.setdefault(label, {}).update(names)
    rows = []
    for (_, table), labels in kinds.items():
        counts = Counter(key for label in labels for key in found[label])
        usual = {key for key, count in counts.items() if 2 * count > len(labels)}
        for key, name in sorted({pair for label in labels for pair in found[label].items() if pair[0] in usual}):
            for label in (label for label in labels if key not in found[label]):
                other = {column for k in found[label].keys() - usual for column in serves.get(k, ())}
                if other.isdisjoint(serves.get(key, ())):  # else it has the column under another name
                    rows.append((label, table, name, counts[key]))
    return pd.DataFrame(rows, columns=["path", "table", "column", "others"])


def unread_columns(raws: list[RawTable]) -> dict[str, str]:
    """Return the columns that say where or by whom work is done and are not read, with a name for each."""
    own = [raw for raw in raws if raw.spec.table in ("time_entries", "tickets")]
    read = {normal_header(head) for raw in own for column in raw.spec.columns for head in raw.spec.headers(column)}
    names = dict.fromkeys(name for raw in own for name in raw.header if normal_header(name) not in read)
    named = {name: re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names}  # siteName is site_name
    named = {name: re.sub("[^a-z0-9]+", "_", text).strip("_") for name, text in named.items()}
    words = {name: {*key.split("_")} for name, key in named.items()}
    return {name: named[name] for name in names if words[name] & GROUPS and not words[name] & KEYED}


def new_kinds(con: Connection, raws: list[RawTable]) -> list[NewKind]:
    """Return kinds of device and states of records as a system wrote them that nothing names and that look wrong.

    They begin in a later file, so that a label may only be called otherwise than before; or the kind is called as
    a computer is, and does not count; or the state is called as records are that were taken out, and they count.
    """
    found = []
    for raw in raws:
        column = "kind" if raw.spec.table == "endpoints" else "state"
        if column not in raw.headers or raw.spec.table not in ("endpoints", *TAKEN_OUT):
            continue
        named = [value.lower() for value in raw.spec.values.get("kind", {}) if value != "*"]
        sql = f"SELECT {column} AS value, source_file, count(*) AS n FROM {raw.relation} WHERE aside IS NULL"
        since = f"coalesce(min({DAYS[raw.spec.table]}), '1900-01-01') AS since"
        days = f"SELECT source_file, {since} FROM typed_{raw.spec.table} GROUP BY ALL"
        rows = con.execute(f"FROM ({sql} GROUP BY ALL) JOIN ({days}) USING (source_file) ORDER BY ALL").df()
        share, odd = (NEW_SHARE, COMPUTER) if column == "kind" else (NEW_STATES, TAKEN_OUT[raw.spec.table])
        for value, own in rows.groupby("value"):
            text, first = str(value).lower(), own["since"].min()
            own_share = own["n"].sum() / rows.loc[rows["since"] >= first, "n"].sum()
            before = rows.loc[rows["since"] < first, "n"].sum()
            late = own_share >= share and (1 - own_share) ** before < BY_CHANCE
            late &= column == "kind" or not re.search(OPEN, text)
            wide = column == "kind" and own_share >= share and not re.search(NO_COMPUTER, text)
            if (late or wide or re.search(odd, text)) and not any(fnmatchcase(text, one) for one in named):
                path = str(own.sort_values("since")["source_file"].iloc[0])
                found.append(NewKind(column, str(value), path, int(own["n"].sum()), own_share * late))
    return found


def empty_columns(con: Connection, table: str) -> list[str]:
    """Return the columns of a typed table without any value; none of a table without rows."""
    columns = schema.columns(table)
    counts = con.execute(f"SELECT {', '.join(f'count({name})' for name in columns)} FROM typed_{table}").fetchall()
    return [name for name, count in zip(columns, counts[0], strict=True) if not count and any(counts[0])]


def drop_typed(con: Connection, table: str) -> None:
    """Forget the typed rows of a table, kept and set aside."""
    parts = con.execute(f"SELECT DISTINCT part FROM typed_{table}").fetchall()
    con.execute(f"DROP VIEW typed_{table}")
    for name in {f"stored_{table}"} | {part for (part,) in parts}:
        con.execute(f"DROP TABLE {name}")


def _read(con: Connection, raw: RawTable, part: str, settings: Settings, latest: dt.date) -> RawTable:
    """Type the rows of a large file straight from it if its first rows tell how all are written; else store it."""
    if raw.straight is None:
        return raw
    try:
        con.execute(f"CREATE OR REPLACE TABLE first_rows AS FROM {raw.relation} LIMIT {FIRST_ROWS}")
        con.execute(f"CREATE TABLE {part} AS FROM {typed_select(con, raw, settings, latest, 'first_rows')}")
        if not con.execute(f"FROM {part} SELECT 1 WHERE doubt LIMIT 1").fetchall():
            return raw
    except (*UNSPLIT, InputError):
        pass  # damaged lines, or something that the first rows leave open
    con.execute(f"DROP TABLE IF EXISTS {part}")
    return stored(con, raw)


def _make_typed(
    con: Connection, table: str, parts: dict[str, RawTable], settings: Settings, latest: dt.date
) -> None:
    """View `typed_<table>`: all typed rows, each with its own table and row there (part, place), to be marked.

    The rows of files that were read straight have a table each, in the order of the file; all others share one.
    """
    own = {part: raw for part, raw in parts.items() if raw.spec.table == table}
    apart = [_placed(raw, f"(SELECT *, '{name}' AS part, rowid AS place FROM {name})",
                     f"place + {raw.straight.source.above + 2}")
             for name, raw in own.items() if raw.straight]  # fmt: skip
    shared = [_placed(raw, typed_select(con, raw, settings, latest), "record")
              for raw in own.values() if not raw.straight]  # fmt: skip
    con.execute(f"CREATE TABLE stored_{table} AS {' UNION ALL BY NAME '.join([empty_select(table), *shared])}")
    marked = [f"SELECT *, 'stored_{table}' AS part, rowid AS place FROM stored_{table}", *apart]
    con.execute(f"CREATE VIEW typed_{table} AS {' UNION ALL BY NAME '.join(marked)}")


def _rows(con: Connection, raws: list[RawTable]) -> pd.DataFrame:
    """Rows of each file and table, damaged lines included, in the order of the files."""
    read = [f"SELECT '{table}' AS \"table\", source_file FROM typed_{table}" for table in TABLES]
    read += [f"SELECT 'names', source_file FROM {raw.relation}" for raw in raws if raw.spec.table == "names"]
    rows = con.execute(f'SELECT "table", source_file, count(*) FROM ({" UNION ALL ".join(read)}) GROUP BY ALL')
    counts = {(table, file): count for table, file, count in rows.fetchall()}
    damaged = Counter((raw.spec.table, label) for raw in raws for label in raw.damaged["source_file"])
    found = [
        (
            number,
            place,
            label,
            raw.profile.name,
            table,
            counts.get((table, label), 0) + damaged[table, label],
            raw.spec.note,
            raw.hidden[label],
        )
        for place, raw in enumerate(raws)
        for number, label in raw.labels.items()
        for table in [raw.spec.table]
    ]
    columns = ["path", "profile", "table", "rows", "note", "hidden"]
    return pd.DataFrame([row[2:] for row in sorted(found)], columns=columns)


def _placed(raw: RawTable, rows: str, row: str) -> str:
    """SQL of typed rows with their number in the file, and their key where the file has one."""
    key = KEYS.get(raw.spec.table, "")
    late = raw.straight and "@row" in raw.spec.specs(key)
    filled = f"coalesce({key}, source_file || ':' || {row})" if late else key
    return (
        f"SELECT * EXCLUDE (record, doubt) {f'REPLACE ({filled} AS {key})' if filled != key else ''}, "
        f"{row} AS source_row, {quote(raw.profile.name)} AS profile, "
        f"{filled if key in raw.headers else 'NULL'}::VARCHAR AS keyed FROM {rows}"
    )


def _exact_hours(con: Connection, where: str) -> Decimal:
    """Sum of hours in units of a billionth, so that parts add up to the whole exactly."""
    exact = "sum(try_cast(hours AS DECIMAL(28, 9)))"
    return con.execute(f"SELECT {exact} FROM typed_time_entries WHERE {where}").fetchall()[0][0] or Decimal(0)


def _ticket_numbers(con: Connection) -> dict[str, str]:
    """SQL that tells the tickets of several systems apart, which may all start at 1: numbers become system:number.

    An entry is on a ticket of its own system; where that has none, of the one system that has its number.
    """
    held = "FROM typed_tickets WHERE reason IS NULL"
    systems = [name for (name,) in con.execute(f"SELECT DISTINCT profile {held} ORDER BY 1").fetchall()]
    if len(systems) < 2:
        return {}
    con.execute(
        f"CREATE TABLE ticket_systems AS SELECT ticket_id AS number, min(profile) AS system {held} "
        "GROUP BY number HAVING count(DISTINCT profile) = 1"
    )
    known = ", ".join(map(quote, systems))
    other = "(SELECT system FROM ticket_systems WHERE number = ticket_id)"
    system = f"CASE WHEN profile IN ({known}) THEN profile ELSE {other} END"
    own = "profile || ':' || ticket_id AS ticket_id, profile || ':' || parent_id AS parent_id"
    return {
        "tickets": f"REPLACE ({own})",
        "time_entries": f"REPLACE (coalesce({system} || ':' || ticket_id, ticket_id) AS ticket_id)",
    }


def _check_clients(con: Connection) -> None:
    """Stop where a list of clients, which is short and written by hand, says what cannot be followed."""
    fixes = {
        "unknown-billing-model": ("is no billing model.", f"Known: {', '.join(schema.BILLING_MODELS)}."),
        "unreadable-date": ("is no day.", "Write it like 2026-06-30, or leave the cell empty."),
        "impossible-date": ("is before the onboarding.", "Mend one of the two days."),
    }
    found = con.execute(
        "SELECT source_file, source_row, bad_column, bad_value, reason FROM typed_clients "
        f"WHERE reason IN {tuple(fixes)} ORDER BY ALL LIMIT 1"
    ).fetchall()
    for file, row, column, value, reason in found:
        what, fix = fixes[reason]
        raise InputError(f"'{value}' {what}", where=f"{file}, row {row}, column '{column}'", fix=fix)


def _quarantine(con: Connection, raws: list[RawTable]) -> pd.DataFrame:
    """All rows set aside, table by table in the order of their files, and damaged lines after them."""
    rows = [
        f'SELECT {order} AS n, source_file, source_row, \'{table}\' AS "table", bad_column AS "column", '
        f"bad_value AS value, reason, {'hours' if table == 'time_entries' else 'NULL::DOUBLE'} AS hours "
        f"FROM typed_{table} WHERE reason IS NOT NULL"
        for order, table in enumerate(TABLES)
    ]
    read = con.execute(
        "SELECT * EXCLUDE (n) REPLACE (CASE WHEN isfinite(hours) THEN hours END AS hours) "
        f"FROM ({' UNION ALL '.join(rows)}) ORDER BY n, source_file, source_row"
    ).df()
    damaged = [raw.damaged.sort_values(["source_file", "source_row"]) for raw in raws if len(raw.damaged)]
    found = pd.concat([read, *damaged], ignore_index=True)
    return schema.check(found.reindex(columns=schema.columns("quarantine")), "quarantine")
