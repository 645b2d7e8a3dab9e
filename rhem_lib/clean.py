"""Text tables -> typed canonical tables and quarantine; nothing is lost on the way.

Every raw row ends either in a canonical table or in quarantine with one reason, the first that applies.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.read import RawTable
from rhem_lib.settings import Settings
from rhem_lib.typed import empty_select, hours_sql, typed_select

TABLES = ("time_entries", "tickets", "endpoints", "agreements", "clients")
WORKING = "reason, bad_column, bad_value, row_hash, keyed, profile"  # columns that no canonical table has
VISIT = ("ticket_id", "client", "technician", "started_at", "ended_at", "hours")


@dataclass(frozen=True)
class Cleaned:
    """Typed tables, by canonical name, as DuckDB relations; rows set aside; rows per file and table."""

    tables: dict[str, duckdb.DuckDBPyRelation]
    quarantine: pd.DataFrame
    files: pd.DataFrame
    hours_read: Decimal
    hours_aside: Decimal
    rows_read: int


def clean(
    con: duckdb.DuckDBPyConnection, raws: list[RawTable], settings: Settings, today: dt.date | None = None
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
        The dates, the decimal sign or the unit of a column cannot be told.
    """
    entries = [raw for raw in raws if raw.spec.table == "time_entries"]
    hours = {raw.relation: hours_sql(con, raw) for raw in entries}
    hours_read = sum((exact_hours(con, sql, relation) for relation, sql in hours.items()), Decimal(0))
    for table in TABLES:
        parts = [raw for raw in raws if raw.spec.table == table]
        latest = today or dt.date.today()
        selects = [typed_select(con, raw, settings, latest, hours.get(raw.relation, "")) for raw in parts]
        con.execute(f"CREATE TABLE typed_{table} AS {' UNION ALL BY NAME '.join([empty_select(table), *selects])}")
        _mark_repeats(con, table)
        if table == "time_entries":  # the large ones go first
            _drop(con, {raw.cells for raw in parts} - {raw.cells for raw in raws if raw.spec.table != table})
    _drop(con, {raw.cells for raw in raws})
    lost = [raw.damaged for raw in raws if len(raw.damaged)]
    quarantine = pd.concat([*(_set_aside(con, table) for table in TABLES), *lost], ignore_index=True)
    files = [(r.label, r.profile.name, r.spec.table, r.rows + len(r.damaged), r.spec.note) for r in raws]
    return Cleaned(
        {t: con.sql(f"SELECT * EXCLUDE ({WORKING}) FROM typed_{t} WHERE reason IS NULL") for t in TABLES},
        schema.check(quarantine.reindex(columns=schema.columns("quarantine")), "quarantine"),
        pd.DataFrame(files, columns=["path", "profile", "table", "rows", "note"]),
        hours_read,
        exact_hours(con, "hours", "typed_time_entries WHERE reason IS NOT NULL"),
        sum(raw.rows + len(raw.damaged) for raw in entries),
    )


def exact_hours(con: duckdb.DuckDBPyConnection, hours: str, rows: str) -> Decimal:
    """Sum of hours in units of a billionth, so that parts add up to the whole exactly."""
    exact = f"try_cast({hours} AS DECIMAL(28, 9))"
    return con.execute(f"SELECT sum({exact}) FROM {rows}").fetchall()[0][0] or Decimal(0)


def _drop(con: duckdb.DuckDBPyConnection, names: set[str]) -> None:
    for name in names:
        con.execute(f"DROP TABLE IF EXISTS {name}")


def _mark_repeats(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give rows that repeat another one the reason 'duplicate', or 'superseded' for earlier states of a ticket.

    A row repeats an earlier one when all its cells are the same, when its key is (monthly files that overlap), or,
    in exports without a key, when one technician has the same start, end and hours on the same ticket. Two
    technicians on one visit are two entries.
    """
    first, last = "source_file, source_row", "source_file DESC, source_row DESC"
    day = ", as_of" if table == "endpoints" else ""  # the same device on two days is two facts
    tests = [(f"row_hash, profile{day}", "row_hash <> 0", first, "duplicate")]
    newest = table == "tickets"
    tests.append(
        ("keyed, profile", "keyed IS NOT NULL", *((last, "superseded") if newest else (first, "duplicate")))
    )
    if table == "time_entries":
        bare = "keyed IS NULL AND started_at IS NOT NULL AND technician IS NOT NULL"
        tests.append((", ".join(VISIT), bare, first, "duplicate"))
    for what, when, order, reason in tests:
        rows = f"FROM typed_{table} WHERE reason IS NULL AND {when}"
        con.execute(
            f"CREATE OR REPLACE TABLE repeated AS SELECT {what} {rows} GROUP BY {what} HAVING count(*) > 1"
        )
        con.execute(
            f"CREATE OR REPLACE TABLE repeats AS SELECT row_id FROM (SELECT rowid AS row_id, * {rows}) "
            f"SEMI JOIN repeated USING ({what}) "
            f"QUALIFY row_number() OVER (PARTITION BY {what} ORDER BY {order}) > 1"
        )
        con.execute(f"UPDATE typed_{table} SET reason = '{reason}' WHERE rowid IN (FROM repeats)")


def _set_aside(con: duckdb.DuckDBPyConnection, table: str) -> pd.DataFrame:
    hours = "hours" if table == "time_entries" else "NULL::DOUBLE"
    return con.sql(
        f'SELECT source_file, source_row, \'{table}\' AS "table", bad_column AS "column", '
        f"bad_value AS value, reason, {hours} AS hours FROM typed_{table} WHERE reason IS NOT NULL "
        "ORDER BY source_file, source_row"
    ).df()
