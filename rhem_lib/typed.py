"""One text table -> SQL of typed columns, with the reason of every row that cannot be used."""

import datetime as dt

import duckdb

from rhem_lib import schema
from rhem_lib.errors import InputError
from rhem_lib.formats import Column, date_sql, duration_sql, number_sql
from rhem_lib.read import RawTable, quote
from rhem_lib.settings import Settings

TOTAL = "(grand |sub-?)?totals?:?"
KEYS = {"time_entries": "entry_id", "tickets": "ticket_id", "clients": "client"}
NAMES = ("entry_id", "ticket_id", "client", "technician", "worked_on")
FACTS = ("record", "row_hash", "aside")
BRIEF = 60  # characters of a cell that quarantine shows
DATED = ("onboarded_on", "ended_on")
BARE_DATE = r"^\w+[-/. ,]+\w+[-/. ,]+\w+$"
Connection = duckdb.DuckDBPyConnection


def typed_select(con: Connection, raw: RawTable, settings: Settings, latest: dt.date, hours: str = "") -> str:
    """SQL of a raw table with typed columns, and reason, bad_column and bad_value where a row cannot be used.

    In the conditions a bare name is the text that stood there and new_<name> its typed value. `hours` is the SQL
    of `hours_sql` for time entries.

    Raises
    ------
    InputError
        The dates, the decimal sign or the unit of a column cannot be told.
    """
    names = [row[0] for row in con.execute(f"DESCRIBE FROM {raw.relation}").fetchall() if row[0] not in FACTS]
    typed = {name: hours if name == "hours" else _typed(con, raw, settings, name) for name in names}
    inner = ", ".join(f'{sql} AS "new_{name}"' for name, sql in typed.items())
    cases = _cases(raw, settings, latest)
    first = " ".join(f"WHEN {case[0]} THEN {number}" for number, case in enumerate(cases, 1))
    rows = f"(SELECT *, {inner} FROM {_with_pseudonyms(raw) if 'technician' in names else raw.relation})"
    why = f"SELECT *, CASE WHEN aside IS NOT NULL THEN 0 {first} END AS bad FROM {rows}"
    key = KEYS.get(raw.spec.table, "")
    outer = [f'"new_{name}" AS "{name}"' for name in names]
    for slot, (label, own) in enumerate({"reason": "aside", "bad_column": "NULL", "bad_value": "NULL"}.items(), 1):
        told = " ".join(f"WHEN {number} THEN {case[slot]}" for number, case in enumerate(cases, 1))
        outer.append(f"CASE WHEN bad IS NOT NULL THEN CASE bad WHEN 0 THEN {own} {told} END END AS {label}")
    outer += [f"{quote(raw.label)} AS source_file", "record AS source_row", "row_hash"]
    outer += [
        f"{key if key in raw.headers else 'NULL'}::VARCHAR AS keyed",
        f"{quote(raw.profile.name)} AS profile",
    ]
    return f"(SELECT {', '.join(outer)} FROM ({why}))"


def hours_sql(con: Connection, raw: RawTable) -> str:
    """SQL hours of a raw time entry; from start and end where the profile says so and the cell is empty."""
    spec = raw.spec
    unit = raw.help.hours_unit or spec.hours_unit
    if unit == "ask":
        raise InputError(
            f"{raw.profile.title} does not say in which unit time is written: it is a setting of that system.",
            where=raw.label,
            fix=f'Say in rhem.toml [[files]]: path = "{raw.label}", hours_unit = "minutes" (or hours ...).',
        )
    written = duration_sql(con, _column(raw, "hours"), spec.durations, unit, raw.help.decimal, spec.day_hours)
    if not spec.hours_from_times:
        return written
    times = [_column(raw, name) for name in ("started_at", "ended_at")]
    start, end = (date_sql(con, column, spec.dates, raw.help.date_order) for column in times)
    return f"coalesce({written}, epoch({end} - {start}) / 3600)"


def empty_select(table: str) -> str:
    """No rows, all canonical columns: what a table is when no file serves it."""
    kinds = {"datetime64": "TIMESTAMP", "float64": "DOUBLE", "int64": "BIGINT"}
    columns = {name: str(spec.dtype) for name, spec in schema.TABLES[table].to_schema().columns.items()}
    columns |= {
        "source_file": "str",
        "source_row": "int64",
        "reason": "str",
        "bad_column": "str",
        "bad_value": "str",
    }
    columns |= {"keyed": "str", "profile": "str"}
    typed = [f"NULL::{kinds.get(kind.split('[')[0], 'VARCHAR')} AS {name}" for name, kind in columns.items()]
    return f"SELECT {', '.join(typed)}, NULL::UBIGINT AS row_hash WHERE false"


def _typed(con: Connection, raw: RawTable, settings: Settings, name: str) -> str:
    """SQL of one column in its canonical type."""
    columns = schema.TABLES[raw.spec.table].to_schema().columns
    kind = str(columns[name].dtype) if name in columns else "str"
    column = _column(raw, name)
    if kind.startswith("datetime") or name in DATED:
        read = date_sql(con, column, raw.spec.dates, raw.help.date_order)
        if name in raw.spec.utc:  # a date without a clock is a day everywhere
            local = f"timezone('{settings.time_zone}', timezone('UTC', {read}))"
            read = f"CASE WHEN regexp_matches({column.text}, '{BARE_DATE}') THEN {read} ELSE {local} END"
        unit = (columns[name].metadata or {}).get("unit") if name in columns else ""
        return f"date_trunc('day', {read})::TIMESTAMP" if unit == "date" else read
    if kind == "float64":
        return number_sql(con, column, raw.help.decimal)
    if name == "technician" and not settings.privacy.technician_names:
        return "pseudonym"
    return column.text


def _with_pseudonyms(raw: RawTable) -> str:
    """SQL of a raw table with the stable pseudonym of each technician, made once for each."""
    made = "'T' || upper(substr(md5(lower(technician)), 1, 6)) AS pseudonym"
    people = f"SELECT technician, {made} FROM (SELECT DISTINCT technician FROM {raw.relation})"
    return f"{raw.relation} LEFT JOIN ({people}) USING (technician)"


def _column(raw: RawTable, name: str) -> Column:
    return Column(raw.relation, _mapped(raw, name), f"{raw.label}, column '{raw.headers.get(name, name)}'")


def _mapped(raw: RawTable, name: str) -> str:
    """SQL of a text column with the profile's values put in place of the system's own, case forgiven."""
    whens = []
    for value, canonical in raw.spec.values.get(name, {}).items():
        test = f"LIKE {quote(value.lower().replace('*', '%'))}" if "*" in value else f"= {quote(value.lower())}"
        whens.append(f'WHEN lower("{name}") {test} THEN {quote(canonical)}')
    return f'CASE {" ".join(whens)} ELSE "{name}" END' if whens else f'"{name}"'


def _brief(column: str) -> str:
    """SQL of a cell that could not be used; text too long for a date, a number or a name may be a note."""
    told = f"'(' || length({column}) || ' characters of text)'"
    return f"CASE WHEN length({column}) > {BRIEF} THEN {told} ELSE {column} END"


def _cases(raw: RawTable, settings: Settings, latest: dt.date) -> list[tuple[str, str, str, str]]:
    """Why a row cannot be used: condition, reason, column and value as SQL; the first that holds decides."""
    heads = [c for c in raw.spec.requires if c in raw.headers][:2]
    marks = [c for c in NAMES if c in raw.headers]
    shown = [c for c in marks if c != "technician"]
    header = " AND ".join(f"lower({c}) = lower({quote(raw.headers[c])})" for c in heads) or "false"
    total = " OR ".join(  # few cells pass the quick test
        f"CASE WHEN {c} ILIKE '%total%' THEN regexp_full_match(lower({c}), '{TOTAL}') ELSE false END"
        for c in marks
    )
    cases = [
        (header, "'repeated-header'", "NULL", heads[0] if heads else "NULL"),
        (total or "false", "'total-row'", "NULL", f"concat_ws(' ', {', '.join(shown)})" if shown else "NULL"),
    ]

    def bad(condition: str, reason: str, column: str) -> None:
        cases.append((condition, quote(reason), quote(column), f"coalesce({_brief(column)}, '')"))

    table, limits = raw.spec.table, settings.limits
    if table in ("time_entries", "endpoints"):
        day = "worked_on" if table == "time_entries" else "as_of"
        bad(f"{day} IS NULL", "no-date", day)
        bad(f"new_{day} IS NULL", "unreadable-date", day)
        bad(f"new_{day} < DATE '{limits.earliest}' OR new_{day} >= DATE '{latest}' + 1", "impossible-date", day)
    if table == "time_entries":
        bad("new_hours IS NULL", "unreadable-hours", "hours")
        bad(f"abs(new_hours) > {limits.max_hours_per_entry}", "impossible-hours", "hours")
    elif table == "endpoints":
        bad("new_count IS NULL OR new_count < 0", "no-count", "count")
    elif table == "tickets":
        bad("ticket_id IS NULL", "no-ticket-number", "ticket_id")
        return cases
    elif table == "agreements":
        models = ", ".join(map(quote, schema.BILLING_MODELS))
        bad(f"coalesce(new_billing, '') NOT IN ({models})", "unknown-billing-model", "billing")
    ticket = "'ticket ' || ticket_id" if table == "time_entries" and raw.spec.specs("ticket_id") else "NULL"
    cases.append(("client IS NULL", "'no-client'", "'client'", f"coalesce({ticket}, '')"))
    return cases
