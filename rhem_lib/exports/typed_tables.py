"""One text table -> SQL of typed columns, with the reason of every row that cannot be used."""

import datetime as dt
from dataclasses import replace

import duckdb

from rhem_lib import schema
from rhem_lib.errors import InputError, say
from rhem_lib.exports.files import quote
from rhem_lib.exports.profiles import normal_header
from rhem_lib.exports.text_tables import RawTable
from rhem_lib.exports.value_formats import (
    DOTNET,
    ZONE,
    Column,
    Reading,
    has_numbers,
    read_date,
    read_duration,
    read_number,
)
from rhem_lib.settings import Settings

TOTAL = "(grand |sub-?)?tot(als?|aal|ales?):?|total g[eé]n[eé]ral:?|gesamt(summe|ergebnis)?:?|(zwischen)?summe:?"
SUM_OF = (  # in a row that lacks a fact
    "(grand )?total *[:(].*|sub-?total .*|(gesamt|zwischen)?summe *[:(].*|(suma|somm[ae]) *(total|:).*"
)
SUMMED = ("worked_on", "opened_at", "ticket_id", "device_id")  # what a sum has none of
NAMES = ("entry_id", "ticket_id", "client", "technician", "worked_on")
FACTS = ("record", "row_hash", "aside")
BRIEF = 60  # characters of a cell that quarantine shows
NEVER = "(never|nie|jamais|nunca|nooit|mai|0|0001-01-01.*|0?1/0?1/0001.*)"
UNREADABLE = (
    """new_{0} IS NULL AND regexp_matches("{0}", '\\d')"""  # words such as 'online' or 'open-ended' are no day
)
DATED = ("onboarded_on", "ended_on")
INSTANT = "regexp_matches({0}, '" + DOTNET + "')"
ZONED = "(ends_with({0}, 'Z') OR strlen({0}) > 19 AND regexp_matches({0}, '" + ZONE + "|" + DOTNET + "'))"
BARE_DATE = r"^\w+[-/. ,]+\w+[-/. ,]+\w+$"
Connection = duckdb.DuckDBPyConnection


def typed_select(con: Connection, raw: RawTable, settings: Settings, latest: dt.date, look: str = "") -> str:
    """SQL of a raw table with typed columns, and reason, bad_column and bad_value where a row cannot be used.

    In the conditions a bare name is the text that stood there and new_<name> its typed value. How the columns are
    written is told from all rows or, where given, from those of the relation `look`; `doubt` then marks the rows
    that could have told otherwise.

    Raises
    ------
    InputError
        The dates, the decimal sign or the unit of a column cannot be told.
    """
    names = [row[0] for row in con.execute(f"DESCRIBE FROM {raw.relation}").fetchall() if row[0] not in FACTS]
    read = {name: _reading(con, raw, settings, name, look or raw.relation) for name in names}
    inner = ", ".join(f'{how.sql} AS "new_{name}"' for name, how in read.items())
    cases = _cases(raw, settings, latest)
    first = " ".join(f"WHEN {case[0]} THEN {number}" for number, case in enumerate(cases, 1))
    doubts = [how.doubt(_mapped(raw, name), f'"new_{name}"') for name, how in read.items()] if look else []
    why = (
        f"SELECT *, CASE WHEN aside IS NOT NULL THEN 0 {first} END AS bad, "
        f"{' OR '.join(doubts) or 'false'} AS doubt FROM (SELECT *, {inner} FROM {raw.relation})"
    )
    outer = [f'"new_{name}" AS "{name}"' for name in names]
    for slot, (label, own) in enumerate({"reason": "aside", "bad_column": "NULL", "bad_value": "NULL"}.items(), 1):
        told = " ".join(f"WHEN {number} THEN {case[slot]}" for number, case in enumerate(cases, 1))
        outer.append(f"CASE WHEN bad IS NOT NULL THEN CASE bad WHEN 0 THEN {own} {told} END END AS {label}")
    return f"(SELECT {', '.join(outer)}, record, row_hash, doubt FROM ({why}))"


def _read_hours(con: Connection, raw: RawTable, look: str) -> Reading:
    """How hours are read; from start and end where the profile says so and the cell is empty."""
    spec = raw.spec
    unit, column = raw.help.hours_unit or spec.hours_unit, _column(raw, "hours", look)
    if unit == "ask":
        if has_numbers(con, column):
            raise InputError(
                f"{raw.profile.title} does not say in which unit time is written.",
                where=raw.label,
                fix=say(raw.label, 'hours_unit = "minutes"  # or "hours", "quarter-hours", "seconds", "days"'),
            )
        unit = "hours"
    written = read_duration(con, column, spec.durations, unit, raw.help.decimal, spec.day_hours)
    if not spec.hours_from_times:
        return written
    times = [_column(raw, name, look) for name in ("started_at", "ended_at")]
    start, end = (read_date(con, column, spec.dates, raw.help.date_order).sql for column in times)
    return Reading(f"coalesce({written.sql}, epoch({end} - {start}) / 3600)")


def null_columns(table: str) -> list[str]:
    """SQL of each column of a canonical table without a value."""
    kinds = {"datetime64": "TIMESTAMP", "float64": "DOUBLE", "int64": "BIGINT"}
    columns = schema.TABLES[table].items()
    return [f"NULL::{kinds.get(column.kind.split('[')[0], 'VARCHAR')} AS {name}" for name, column in columns]


def empty_select(table: str) -> str:
    """No rows, all canonical columns: what a table is when no file serves it."""
    texts = ("source_file", "reason", "bad_column", "bad_value", "keyed", "profile")
    own = [f"NULL::VARCHAR AS {name}" for name in texts]
    columns = dict.fromkeys([*null_columns(table), *own, "NULL::BIGINT AS source_row"])
    return f"SELECT {', '.join(columns)}, NULL::UBIGINT AS row_hash WHERE false"


def _reading(con: Connection, raw: RawTable, settings: Settings, name: str, look: str) -> Reading:
    """How one column is read in its canonical type."""
    if name == "hours" and raw.spec.table == "time_entries":
        return _read_hours(con, raw, look)
    known = schema.TABLES[raw.spec.table].get(name, schema.Column("str", "column of the user's own"))
    column = _column(raw, name, look)
    if known.kind.startswith("datetime") or name in DATED:
        read = read_date(con, column, raw.spec.dates, raw.help.date_order)
        if name in raw.spec.utc:
            utc = f"NOT regexp_matches({column.text}, '{BARE_DATE}')"
        else:  # where the profile does not tell, a cell may; a local day in JSON of .NET is its midnight in UTC
            utc = (INSTANT if raw.spec.utc else ZONED).format(column.text)
        read = _localised(con, read, utc, settings, look)
        return replace(read, sql=f"date_trunc('day', {read.sql})::TIMESTAMP") if known.unit == "date" else read
    if known.kind == "float64":
        return read_number(con, column, raw.help.decimal)
    return Reading(column.text)


def _localised(con: Connection, read: Reading, utc: str, settings: Settings, look: str) -> Reading:
    """The reading of times with those for which test `utc` holds in the MSP's time zone.

    A day without a clock is that day everywhere, and so are the days of a column of midnights.
    """
    clock = f"CASE WHEN {utc} THEN {read.sql} <> date_trunc('day', {read.sql}) END"  # AND would work out both
    if not con.execute(f"SELECT count(*) FROM {look} WHERE {clock}").fetchall()[0][0]:
        return replace(read, any=" OR ".join(filter(None, [read.any, clock])))
    local = f"timezone('{settings.time_zone}', timezone('UTC', {read.sql}))"
    return replace(read, sql=f"CASE WHEN {utc} THEN {local} ELSE {read.sql} END")


def _column(raw: RawTable, name: str, look: str) -> Column:
    return Column(look, _mapped(raw, name), f"{raw.label}, column '{raw.headers.get(name, name)}'")


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


def _no_facts(raw: RawTable) -> list[tuple[str, str, str, str]]:
    """Cases, as in `_cases`, of rows that are no facts: the header once more, and totals."""
    heads = [
        (c, quote(raw.headers[c]))
        for c in raw.spec.requires
        if c in raw.headers and normal_header(raw.headers[c]) in map(normal_header, raw.spec.specs(c))
    ][:2]  # of a template, the cell is not what the column holds
    marks = [c for c in NAMES if c in raw.headers]
    shown = [c for c in marks if c != "technician"]
    header = " AND ".join(  # few cells are as long as the name of their column
        f"CASE WHEN strlen({c}) = strlen({name}) THEN lower({c}) = lower({name}) ELSE false END"
        for c, name in heads
    )
    bare = " OR ".join(f"{c} IS NULL" for c in SUMMED if c in raw.headers) or "false"
    total = " OR ".join(  # few cells pass the quick tests: most start with a digit
        f"CASE WHEN {c} < 'G' THEN false WHEN {c} ILIKE '%tota%' OR {c}[:3] IN ('Ges', 'Zwi', 'Sum', 'Som') "
        f"THEN regexp_full_match(lower({c}), '{TOTAL}') "
        f"OR (({bare}) AND regexp_full_match(lower({c}), '{SUM_OF}')) ELSE false END"
        for c in marks
    )
    return [
        (header or "false", "'repeated-header'", "NULL", heads[0][0] if heads else "NULL"),
        (total or "false", "'total-row'", "NULL", f"concat_ws(' ', {', '.join(shown)})" if shown else "NULL"),
    ]


def _cases(raw: RawTable, settings: Settings, latest: dt.date) -> list[tuple[str, str, str, str]]:
    """Why a row cannot be used: condition, reason, column and value as SQL; the first that holds decides."""
    cases = _no_facts(raw)

    def bad(condition: str, reason: str, column: str) -> None:
        cases.append((condition, quote(reason), quote(column), f"""coalesce({_brief(f'"{column}"')}, '')"""))

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
        bad("new_count IS NULL OR new_count < 0 OR NOT isfinite(new_count)", "no-count", "count")
        if "last_seen" in raw.headers:
            never = f"regexp_full_match(lower(last_seen), '{NEVER}') OR new_last_seen < DATE '{limits.earliest}'"
            bad(never, "never-seen-device", "last_seen")
            bad(UNREADABLE.format("last_seen"), "unreadable-date", "last_seen")
    elif table == "tickets":
        bad("ticket_id IS NULL", "no-ticket-number", "ticket_id")
        return cases
    elif table == "agreements":
        bad(f"coalesce(new_billing, '') NOT IN {schema.BILLING_MODELS}", "unknown-billing-model", "billing")
        for day in {"start", "end"} & raw.headers.keys():
            bad(UNREADABLE.format(day), "unreadable-date", day)
    elif table == "clients":
        if "billing" in raw.spec.columns:
            bad(f"new_billing NOT IN {schema.BILLING_MODELS}", "unknown-billing-model", "billing")
        if "ended_on" in raw.spec.columns:
            bad("ended_on IS NOT NULL AND new_ended_on IS NULL", "unreadable-date", "ended_on")
            bad("new_ended_on < new_onboarded_on", "impossible-date", "ended_on")
    ticket = "'ticket ' || ticket_id" if table == "time_entries" and raw.spec.specs("ticket_id") else "NULL"
    cases.append(("client IS NULL", "'no-client'", "'client'", f"coalesce({ticket}, '')"))
    return cases
