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
from rhem_lib.read import RawTable
from rhem_lib.settings import Settings

UNIT_HOURS = {"hours": 1.0, "minutes": 1 / 60, "seconds": 1 / 3600, "days": 24.0}
CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
DATE_FAMILIES = {
    "iso": ["%Y-%m-%d" + clock for clock in CLOCKS[:3]]
    + ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%gZ"],
    "month-first": ["%m/%d/%Y" + clock for clock in CLOCKS],
    "day-first": [d + clock for d in ("%d/%m/%Y", "%d.%m.%Y") for clock in CLOCKS],
    "spreadsheet-month": ["%y-%b", "%b-%y"],
}
DAY_ORDERS = ("month-first", "day-first")
TOTAL_ROW = "^(grand |sub-?)?totals?:?$"
KEYS = {
    "time_entries": "entry_id",
    "tickets": "ticket_id",
    "endpoints": "",
    "agreements": "",
    "clients": "client",
}


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
    """Type every cell, set aside what cannot be used, drop exact and keyed duplicates.

    Parameters
    ----------
    raws : list of RawTable
        What `read_exports` found, in the same connection.
    today : date, optional
        Days after it are impossible.

    Raises
    ------
    InputError
        Day and month of a date column cannot be told apart.
    """
    latest = today or dt.date.today()
    for table in KEYS:
        parts = [_typed_select(con, raw, settings, latest) for raw in raws if raw.spec.table == table]
        empty = _empty_select(table)
        con.execute(f"CREATE TABLE typed_{table} AS {' UNION ALL BY NAME '.join([empty, *parts])}")
        _mark_duplicates(con, table)
    entries = [raw for raw in raws if raw.spec.table == "time_entries"]
    lost = [raw.damaged for raw in raws if len(raw.damaged)]
    quarantine = pd.concat([*(_set_aside(con, table) for table in KEYS), *lost], ignore_index=True)
    return Cleaned(
        tables={t: con.sql(f"SELECT * EXCLUDE ({DROPPED}) FROM typed_{t} WHERE reason IS NULL") for t in KEYS},
        quarantine=schema.check(quarantine.reindex(columns=schema.columns("quarantine")), "quarantine"),
        files=pd.DataFrame([(r.label, r.profile.name, r.spec.table, r.rows + len(r.damaged)) for r in raws],
                           columns=["path", "profile", "table", "rows"]),
        hours_read=sum((exact_hours(con, _hours(raw), raw.relation) for raw in entries), Decimal(0)),
        hours_aside=exact_hours(con, "hours", "typed_time_entries WHERE reason IS NOT NULL"),
        rows_read=sum(raw.rows + len(raw.damaged) for raw in entries),
    )  # fmt: skip


DROPPED = "reason, bad_column, bad_value, row_hash, keyed, profile"


def exact_hours(con: duckdb.DuckDBPyConnection, hours: str, rows: str) -> Decimal:
    """Sum of hours in units of a billionth, so that parts add up to the whole exactly."""
    return con.execute(f"SELECT sum(({hours})::DECIMAL(18, 9)) FROM {rows}").fetchall()[0][0] or Decimal(0)


def _hours(raw: RawTable) -> str:
    return f"try_cast(hours AS DOUBLE) * {UNIT_HOURS[raw.spec.hours_unit]!r}"


def _empty_select(table: str) -> str:
    """No rows, all canonical columns: what a table is when no file serves it."""
    kinds = {
        "datetime64": "TIMESTAMP",
        "float64": "DOUBLE",
        "int64": "BIGINT",
        "string": "VARCHAR",
        "str": "VARCHAR",
    }
    columns = schema.TABLES[table].to_schema().columns.items()
    typed = [f"NULL::{next(v for k, v in kinds.items() if str(c.dtype).startswith(k))} AS {n}" for n, c in columns]
    extra = [
        f"NULL::{'BIGINT' if n in ('source_row',) else 'VARCHAR'} AS {n}" for n in ("source_file", "source_row")
    ]
    known = {n for n, _ in columns}
    typed += [e for e, n in zip(extra, ("source_file", "source_row"), strict=True) if n not in known]
    return f"SELECT {', '.join(typed)} WHERE false"


def _typed_select(con: duckdb.DuckDBPyConnection, raw: RawTable, settings: Settings, latest: dt.date) -> str:
    """SQL that types the columns of one raw table and gives each unusable row its reason."""
    columns = schema.TABLES[raw.spec.table].to_schema().columns
    names = [row[0] for row in con.execute(f"DESCRIBE {raw.relation}").fetchall()]
    typed, dates = [], {}
    for name in [n for n in names if n not in ("record", "row_hash")]:
        kind = str(columns[name].dtype) if name in columns else "str"
        if kind.startswith("datetime") or name in ("onboarded_on", "ended_on"):
            dates[name] = _date_sql(con, raw, name, settings)
            typed.append(f"{dates[name]} AS {name}")
        elif name == "hours":
            typed.append(f"{_hours(raw)} AS hours")
        elif name == "technician":
            typed.append("'T' || upper(substr(md5(lower(technician)), 1, 6)) AS technician")
        elif kind == "float64":
            typed.append(f'try_cast("{name}" AS DOUBLE) AS {name}')
        else:
            typed.append(f'{_mapped(raw, name)} AS "{name}"')
    cases = _reasons(raw, dates, settings, latest, names)
    for slot, label in enumerate(("reason", "bad_column", "bad_value")):
        whens = " ".join(f"WHEN {case[0]} THEN {(case[1], case[2], case[3])[slot]}" for case in cases)
        typed.append(f"CASE {whens or 'WHEN false THEN NULL'} END AS {label}")
    keyed = KEYS[raw.spec.table] if KEYS[raw.spec.table] in raw.headers else ""
    typed += [f"{_text(raw.label)} AS source_file", "record AS source_row", "row_hash"]
    typed += [f"{keyed or 'NULL'}::VARCHAR AS keyed", f"{_text(raw.profile.name)} AS profile"]
    return f"(SELECT {', '.join(typed)} FROM {raw.relation})"


def _reasons(
    raw: RawTable, dates: dict[str, str], settings: Settings, latest: dt.date, names: list[str]
) -> list[tuple[str, str, str, str]]:
    """Why a row cannot be used: condition, reason, column and value as SQL; the first that holds decides."""
    heads = [c for c in raw.spec.requires if c in raw.headers][:2]
    header = " AND ".join(f"lower({c}) = lower({_text(raw.headers[c])})" for c in heads) or "false"
    marks = [c for c in ("entry_id", "ticket_id", "client", "technician", "worked_on") if c in raw.headers]
    total = " OR ".join(f"regexp_matches(lower(trim({c})), '{TOTAL_ROW}')" for c in marks) or "false"
    cases = [(header, "'repeated-header'", "''", heads[0] if heads else "''")]
    cases += [(total, "'total-row'", "''", f"concat_ws(' ', {', '.join(marks)})")] if marks else []
    if raw.spec.table == "time_entries":
        day = dates["worked_on"]
        hours = f"abs({_hours(raw)}) > {settings.limits.max_hours_per_entry}"
        cases += [
            ("worked_on IS NULL", "'no-date'", "'worked_on'", "''"),
            (f"{day} IS NULL", "'unreadable-date'", "'worked_on'", "worked_on"),
            (f"{day} < DATE '{settings.limits.earliest}'", "'impossible-date'", "'worked_on'", "worked_on"),
            (f"{day} >= DATE '{latest}' + 1", "'impossible-date'", "'worked_on'", "worked_on"),
            (f"{_hours(raw)} IS NULL", "'unreadable-hours'", "'hours'", "coalesce(hours, '')"),
            (hours, "'impossible-hours'", "'hours'", "hours"),
        ]
    elif raw.spec.table == "endpoints":
        cases += [
            ("as_of IS NULL", "'no-date'", "'as_of'", "''"),
            (f"{dates['as_of']} IS NULL", "'unreadable-date'", "'as_of'", "as_of"),
            ("try_cast(count AS DOUBLE) IS NULL", "'no-count'", "'count'", "coalesce(count, '')"),
        ]
    elif raw.spec.table == "tickets":
        return [*cases, ("ticket_id IS NULL", "'no-ticket-number'", "'ticket_id'", "''")]
    elif raw.spec.table == "agreements":
        models = ", ".join(map(_text, schema.BILLING_MODELS))
        unknown = f"coalesce({_mapped(raw, 'billing')}, '') NOT IN ({models})"
        cases += [(unknown, "'unknown-billing-model'", "'billing'", "coalesce(billing, '')")]
    return [*cases, ("client IS NULL", "'no-client'", "'client'", "''")]


def _mapped(raw: RawTable, name: str) -> str:
    """SQL of a text column with the profile's values put in place of the system's own, case forgiven."""
    whens = []
    for value, canonical in raw.spec.values.get(name, {}).items():
        test = f"LIKE {_text(value.lower().replace('*', '%'))}" if "*" in value else f"= {_text(value.lower())}"
        whens.append(f'WHEN lower("{name}") {test} THEN {_text(canonical)}')
    return f'CASE {" ".join(whens)} ELSE "{name}" END' if whens else f'"{name}"'


def _date_sql(con: duckdb.DuckDBPyConnection, raw: RawTable, column: str, settings: Settings) -> str:
    """SQL timestamp of a date column in one family of formats, settled for the whole column of the file."""
    text = _mapped(raw, column)
    parsed = {name: f"try_strptime({text}, {DATE_FAMILIES.get(name, [name])})" for name in raw.spec.dates}
    written, *read = _counts(con, raw.relation, text, parsed[raw.spec.dates[0]])
    best = raw.spec.dates[0]
    if read[0] < written and len(parsed) > 1:
        counts = dict(zip(parsed, _counts(con, raw.relation, *parsed.values()), strict=True))
        best = max(counts, key=lambda name: counts[name])
        if best in DAY_ORDERS and counts.get("month-first") == counts.get("day-first"):
            best = raw.date_order or _ask_order(con, raw, column)
    if column in raw.spec.utc:
        return f"timezone('{settings.time_zone}', timezone('UTC', {parsed[best]}))"
    return parsed[best]


def _counts(con: duckdb.DuckDBPyConnection, relation: str, *expressions: str) -> tuple[int, ...]:
    """How many rows each expression has a value for."""
    return con.execute(f"SELECT {', '.join(f'count({sql})' for sql in expressions)} FROM {relation}").fetchall()[0]


def _ask_order(con: duckdb.DuckDBPyConnection, raw: RawTable, column: str) -> str:
    shown = con.execute(f"SELECT DISTINCT {column} FROM {raw.relation} ORDER BY 1 LIMIT 3").fetchall()
    raise InputError(
        "day and month cannot be told apart: no part of any date is above 12.",
        where=f"{raw.label}, column '{raw.headers.get(column, column)}'",
        examples=[row[0] for row in shown],
        fix=f'Say in rhem.toml [[files]]: path = "{raw.label}", date_order = "day-first" or "month-first".',
    )


def _mark_duplicates(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give rows that repeat an earlier one in full, or repeat its key, the reason 'duplicate'."""
    if "row_hash" not in con.table(f"typed_{table}").columns:
        con.execute(f"CREATE OR REPLACE TABLE typed_{table} AS SELECT *, {EMPTY_FACTS} FROM typed_{table}")
        return
    order = "ORDER BY source_file, source_row"
    day = ", as_of" if table == "endpoints" else ""  # the same device on two days is two facts
    full = f"row_hash <> 0 AND row_number() OVER (PARTITION BY reason, row_hash{day} {order}) > 1"
    key = f"keyed IS NOT NULL AND row_number() OVER (PARTITION BY reason, keyed, profile {order}) > 1"
    con.execute(
        f"CREATE OR REPLACE TABLE typed_{table} AS SELECT * REPLACE (CASE WHEN reason IS NULL AND "
        f"({full} OR {key}) THEN 'duplicate' ELSE reason END AS reason) FROM typed_{table}"
    )


EMPTY_FACTS = ", ".join(f"NULL::VARCHAR AS {name}" for name in DROPPED.split(", "))


def _set_aside(con: duckdb.DuckDBPyConnection, table: str) -> pd.DataFrame:
    hours = "hours" if table == "time_entries" else "NULL::DOUBLE"
    return con.sql(
        f'SELECT source_file, source_row, \'{table}\' AS "table", bad_column AS "column", bad_value AS value, '
        f"reason, {hours} AS hours FROM typed_{table} WHERE reason IS NOT NULL ORDER BY source_file, source_row"
    ).df()


def _text(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"
