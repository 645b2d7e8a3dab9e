"""Text tables -> typed canonical tables and quarantine; nothing is lost on the way.

Every raw row ends either in a canonical table or in quarantine with one reason, the first that applies.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import InputError
from rhem_lib.exports.duplicates import mark_repeats
from rhem_lib.exports.files import quote
from rhem_lib.exports.text_tables import KEYS, RawTable, stored
from rhem_lib.exports.typed_tables import empty_select, typed_select
from rhem_lib.settings import Settings

TABLES = ("time_entries", "tickets", "endpoints", "agreements", "clients")
WORKING = "reason, bad_column, bad_value, row_hash, keyed, profile, part, place"  # no canonical table has them
FIRST_ROWS = 20_000  # from which the ways of writing of a file are told, and then held against the rest
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Cleaned:
    """Typed tables, by canonical name, as DuckDB relations; rows set aside; rows per file and table."""

    tables: dict[str, duckdb.DuckDBPyRelation]
    quarantine: pd.DataFrame
    files: pd.DataFrame
    hours_read: Decimal
    hours_aside: Decimal
    rows_read: int


def clean_tables(
    con: Connection, raws: list[RawTable], settings: Settings, today: dt.date | None = None
) -> Cleaned:
    """Type every cell, set aside what cannot be used, drop what repeats an earlier row.

    Parameters
    ----------
    raws : list of RawTable
        What `read_exports` found, in the same connection.
    today : date, optional
        Days after it are impossible.

    Raises
    ------
    InputError
        The dates, the decimal sign or the unit of a column cannot be told, or a list of clients has a billing
        model or an end that cannot be.
    """
    latest = today or dt.date.today()
    raws = [_read(con, raw, f"part_{number}", settings, latest) for number, raw in enumerate(raws)]
    for table in TABLES:
        parts = {f"part_{number}": raw for number, raw in enumerate(raws) if raw.spec.table == table}
        _make_typed(con, table, parts, settings, latest)
        keyed = all(KEYS.get(table) in raw.headers for raw in parts.values())
        mark_repeats(con, table, keyed, settings)
    _check_clients(con)
    rows = [_rows(con, raw, f"part_{number}") for number, raw in enumerate(raws)]
    for raw in raws:
        con.execute(f"DROP VIEW IF EXISTS {raw.cells}")
        con.execute(f"DROP TABLE IF EXISTS {raw.cells}_text")
    lost = [raw.damaged for raw in raws if len(raw.damaged)]
    numbers = _ticket_numbers(con)
    quarantine = pd.concat([*(_set_aside(con, table) for table in TABLES), *lost], ignore_index=True)
    files = [(r.label, r.profile.name, r.spec.table, n, r.spec.note) for r, n in zip(raws, rows, strict=True)]
    return Cleaned(
        {
            t: con.sql(f"SELECT * EXCLUDE ({WORKING}) {numbers.get(t, '')} FROM typed_{t} WHERE reason IS NULL")
            for t in TABLES
        },
        schema.check(quarantine.reindex(columns=schema.columns("quarantine")), "quarantine"),
        pd.DataFrame(files, columns=["path", "profile", "table", "rows", "note"]),
        _exact_hours(con, "typed_time_entries"),
        _exact_hours(con, "typed_time_entries WHERE reason IS NOT NULL"),
        sum(n for raw, n in zip(raws, rows, strict=True) if raw.spec.table == "time_entries"),
    )


def drop_typed(con: Connection, table: str) -> None:
    """Forget the typed rows of a table, and the view of them under its name."""
    parts = con.execute(f"SELECT DISTINCT part FROM typed_{table}").fetchall()
    con.execute(f"DROP VIEW {table}; DROP VIEW typed_{table}")
    for name in {f"stored_{table}"} | {part for (part,) in parts}:
        con.execute(f"DROP TABLE {name}")


def _read(con: Connection, raw: RawTable, part: str, settings: Settings, latest: dt.date) -> RawTable:
    """Type the rows of a large file straight from it if its first rows tell how all are written; else store it."""
    if raw.store is None:
        return raw
    try:
        con.execute(f"CREATE OR REPLACE TABLE first_rows AS FROM {raw.relation} LIMIT {FIRST_ROWS}")
        con.execute(f"CREATE TABLE {part} AS FROM {typed_select(con, raw, settings, latest, 'first_rows')}")
        if not con.execute(f"FROM {part} SELECT 1 WHERE doubt LIMIT 1").fetchall():
            return raw
    except (duckdb.InvalidInputException, InputError):
        pass  # damaged lines, or something that the first rows leave open
    con.execute(f"DROP TABLE IF EXISTS {part}")
    return stored(con, raw)


def _make_typed(
    con: Connection, table: str, parts: dict[str, RawTable], settings: Settings, latest: dt.date
) -> None:
    """View `typed_<table>`: all typed rows, each with its own table and row there (part, place), to be marked.

    The rows of files that were read straight have a table each, in the order of the file; all others share one.
    """
    apart = [_placed(raw, f"(SELECT *, '{name}' AS part, rowid AS place FROM {name})", "place + 2")
             for name, raw in parts.items() if raw.store]  # fmt: skip
    shared = [_placed(raw, typed_select(con, raw, settings, latest), "record")
              for raw in parts.values() if not raw.store]  # fmt: skip
    con.execute(f"CREATE TABLE stored_{table} AS {' UNION ALL BY NAME '.join([empty_select(table), *shared])}")
    marked = [f"SELECT *, 'stored_{table}' AS part, rowid AS place FROM stored_{table}", *apart]
    con.execute(f"CREATE VIEW typed_{table} AS {' UNION ALL BY NAME '.join(marked)}")


def _rows(con: Connection, raw: RawTable, part: str) -> int:
    """Rows of a file, damaged lines included."""
    read = part if raw.store else raw.relation
    return int(con.execute(f"SELECT count(*) FROM {read}").fetchall()[0][0]) + len(raw.damaged)


def _placed(raw: RawTable, rows: str, row: str) -> str:
    """SQL of a file's typed rows with where they stood, and their key where the file has one."""
    key = KEYS.get(raw.spec.table, "")
    filled = key
    if "@row" in raw.spec.specs(key):
        filled = f"coalesce({key}, {quote(raw.label)} || ':' || {row})"
    return (
        f"SELECT * EXCLUDE (record, doubt) {f'REPLACE ({filled} AS {key})' if filled != key else ''}, "
        f"{row} AS source_row, {quote(raw.label)} AS source_file, {quote(raw.profile.name)} AS profile, "
        f"{filled if key in raw.headers else 'NULL'}::VARCHAR AS keyed FROM {rows}"
    )


def _exact_hours(con: Connection, rows: str) -> Decimal:
    """Sum of hours in units of a billionth, so that parts add up to the whole exactly."""
    exact = "try_cast(hours AS DECIMAL(28, 9))"
    return con.execute(f"SELECT sum({exact}) FROM {rows}").fetchall()[0][0] or Decimal(0)


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


def _set_aside(con: Connection, table: str) -> pd.DataFrame:
    hours = "CASE WHEN isfinite(hours) THEN hours END" if table == "time_entries" else "NULL::DOUBLE"
    return con.sql(
        f'SELECT source_file, source_row, \'{table}\' AS "table", bad_column AS "column", '
        f"bad_value AS value, reason, {hours} AS hours FROM typed_{table} WHERE reason IS NOT NULL "
        "ORDER BY source_file, source_row"
    ).df()
