"""One text table -> SQL of typed columns, with the reason of every row that cannot be used."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace

import duckdb

from rhem_lib import schema
from rhem_lib.errors import InputError, first_of, say
from rhem_lib.exports.files import quote
from rhem_lib.exports.profiles import normal_header
from rhem_lib.exports.text_tables import KEYS, RawTable
from rhem_lib.exports.value_formats import (
    DOTNET,
    ORDERS,
    ZONE,
    Column,
    Files,
    Reading,
    Readings,
    date_ways,
    duration_ways,
    has_numbers,
    in_files,
    number_ways,
    read_date,
    read_duration,
    read_number,
)
from rhem_lib.settings import Settings

TOTAL = (
    "(grand |sub-?)?tot(als?|aal|ales?)( hours| time)?:?|total g[eé]n[eé]ral:?|"
    "gesamt(summe|ergebnis)?:?|(zwischen)?summe:?"
)
SUM_OF = (  # in a row where a fact is missing
    "(grand )?total *[:(].*|.+ (sub-?)?totals?:?|sub-?total .*|(gesamt|zwischen)?summe *[:(].*|"
    "(suma|somm[ae]) *(total|:).*"
)
OF_PERSON = "|(.+ totals?|totals?:? .+)"  # in the place of a technician
SUMMED = ("worked_on", "opened_at", "ticket_id", "device_id")  # what a sum has none of
NAMES = ("entry_id", "ticket_id", "client", "technician", "worked_on", "work_type")
PEOPLE = ("technician",)
NUMBERED = ("entry_id", "ticket_id", "worked_on")
# Comparisons are many times faster than ILIKE and a part of a text.
LIKE_TOTAL = ["contains({0}, 'ota')", "contains({0}, 'OTA')"]
LIKE_TOTAL += [f"{{0}} BETWEEN '{word}' AND '{word}~'" for word in ("Ges", "Zwi", "Sum", "Som")]
BRIEF = 60  # characters of a cell that quarantine shows
NEVER = "(never|nie|jamais|nunca|nooit|mai|0|0001-01-01.*|0?1/0?1/0001.*)"
UNREADABLE = (
    """new_{0} IS NULL AND regexp_matches("{0}", '\\d')"""  # words such as 'online' or 'open-ended' are no day
)
SHOWN = ("work_type", "type", "category", "subcategory", "board", "source", "priority", "industry")  # in decks
UNSEEN_SQL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}]"  # errors.UNSEEN, as the engine writes it
CHANGED = "changed_at"  # when a record was changed last
CHANGED_WAYS = ("iso", "serial")  # before the ways of the profile; then seconds, which are numbers of any size
NEAREST = "date_trunc('day', {0} + INTERVAL 12 HOUR)::TIMESTAMP"  # the midnight next to a clock
EVENING = 13  # hour from which on a clock may be midnight of the next day
FEW_CELLS, OWN_CELLS = 3, 8  # from which on a pattern of all cells, or of those of one file of many, is no chance
LONG_CELLS = 12  # the same of different values of more than an hour that never end in .60 or more
BREAKS = {"break", "breaks", "pause", "pausen", "pauses", "lunch"}
MANY_ODD = 40  # entries from which on a third of those values are enough
BARE_DAY = "date_trunc('day', {0})::TIMESTAMP"
UNITS = 'hours_unit = "minutes"  # or "hours", "quarter-hours", "seconds", "days"'
# 'fixed-fee + block-hours' and 'managed (hourly overage)' are neither of the two; 'time and material' is one
MODELS = ("fixed|flat|managed|all.you.can", "hourly|per hour|t&m|material|break.?fix", "block|pre.?paid|retainer")
TWO_MODELS = "regexp_matches(billing, '[+,;]| and | und | plus ') AND NOT contains(lower(billing), 'material') OR "
TWO_MODELS += " + ".join(f"regexp_matches(lower(billing), '{words}')::INT" for words in MODELS) + " > 1"
DATED = ("onboarded_on", "ended_on", "start")
# Days outside are these: systems write 9999-12-31 for no end, and pandas ends in 2262. Neither is a start.
FIRST, LAST = "DATE '1900-01-01'", "DATE '2200-01-01'"
INSTANT = "regexp_matches({0}, '" + DOTNET + "')"
ZONED = "(ends_with({0}, 'Z') OR strlen({0}) > 19 AND regexp_matches({0}, '" + ZONE + "|" + DOTNET + "'))"
BARE_DATE = r"^\w+[-/. ,]+\w+[-/. ,]+\w+$"
Connection = duckdb.DuckDBPyConnection
Case = tuple[str, str, str, str]  # condition, and reason, column and value as SQL


def typed_select(con: Connection, raw: RawTable, settings: Settings, latest: dt.date, look: str = "") -> str:
    """Return SQL of a raw table with typed columns, and reason, bad_column and bad_value of rows set aside.

    How the columns are written is found in all rows or, where given, in those of the relation `look`; `doubt` then
    marks the rows that could speak for another way.

    Raises
    ------
    InputError
        The dates, the decimal sign or the unit of a column cannot be told.
    """
    read = _readings(con, raw, settings, look or raw.relation)
    cases = _cases(raw, settings, latest)
    return f"({' UNION ALL '.join(_typed(raw, files, own, cases, bool(look)) for files, own in _by_file(read))})"


def _by_file(read: dict[str, Readings]) -> list[tuple[Files, dict[str, Reading]]]:
    """Files whose columns are all read alike, with how each column is read; nearly always all files."""
    apart = {file for found in read.values() for files, _ in found for file in files}
    groups: dict[tuple, list[int]] = {}
    for file in sorted(apart) or [-1]:
        own = tuple(next(how for files, how in found if not files or file in files) for found in read.values())
        groups.setdefault(own, []).append(file)
    return [
        (tuple(files) if len(groups) > 1 else (), dict(zip(read, own, strict=True)))
        for own, files in groups.items()
    ]


def _typed(raw: RawTable, files: Files, read: dict[str, Reading], cases: list[Case], doubted: bool) -> str:
    """SQL of the typed rows of some files.

    In the conditions a bare name is the text that stood there and new_<name> its typed value. Each level of the
    query names what the next one uses, so that no expression is worked out, or parsed, twice.
    """
    values = ", ".join(f'{how.sql} AS "read_{name}"' for name, how in read.items())
    made = ", ".join(f'{how.of(name)} AS "new_{name}"' for name, how in read.items())
    first = " ".join(f"WHEN {case[0]} THEN {number}" for number, case in enumerate(cases, 1))
    doubts = [how.doubt(_mapped(raw, name), f'"new_{name}"') for name, how in read.items()] if doubted else []
    outer = [f'"new_{name}" AS "{name}"' for name in read if name != CHANGED]
    changed = f'"new_{CHANGED}" AS {CHANGED}' if CHANGED in read else f"NULL::TIMESTAMP AS {CHANGED}"
    for slot, (label, own) in enumerate({"reason": "aside", "bad_column": "NULL", "bad_value": "NULL"}.items(), 1):
        whens = " ".join(f"WHEN {number} THEN {case[slot]}" for number, case in enumerate(cases, 1))
        outer.append(f"CASE WHEN bad IS NOT NULL THEN CASE bad WHEN 0 THEN {own} {whens} END END AS {label}")
    return (
        f"SELECT {', '.join(outer)}, source_file, record, row_hash, {changed}, doubt FROM ("
        f"SELECT *, CASE WHEN aside IS NOT NULL THEN 0 {first} END AS bad, "
        f"{' OR '.join(doubts) or 'false'} AS doubt "
        f"FROM (SELECT *, {made} FROM (SELECT *, {values} FROM {raw.relation} WHERE {in_files(files)})))"
    )


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
    return f"SELECT {', '.join(columns)}, NULL::UBIGINT AS row_hash, NULL::TIMESTAMP AS changed_at WHERE false"


def _kind(raw: RawTable, name: str) -> str:
    """What a column holds: text, number, time, date (a time of which the day counts) or duration."""
    known = schema.TABLES[raw.spec.table].get(name) if raw.spec.table in schema.TABLES else None
    if name == "hours" and raw.spec.table == "time_entries":
        return "duration"
    if name in DATED:
        return "date"
    kinds = {"float64": "number", "datetime64[ns]": known.unit if known and known.unit == "date" else "time"}
    return kinds.get(known.kind, "text") if known else "text"


def _readings(con: Connection, raw: RawTable, settings: Settings, look: str) -> dict[str, Readings]:
    """How each column is read, by file."""
    found: dict[str, Readings] = {}
    survey = _survey(con, raw, look)
    orders: set[str] = set()
    for name in raw.columns:
        kind, (sure, *clocks) = _kind(raw, name), survey.get(name, (True, 0, 0))
        column = Column(look, _mapped(raw, name), raw.headers.get(name, name), raw.labels, sure)
        if kind == "text":
            found[name] = [((), Reading(_shown(column.text) if name in SHOWN else column.text))]
        elif kind == "number":
            found[name] = read_number(con, column, raw.help.decimal)
        elif kind == "duration":
            found[name] = _read_hours(con, raw, column)
        else:
            column = _swapped_back(con, raw, column)
            read = read_date(con, column, raw.spec.dates, raw.help.date_order)
            ways = date_ways(column.text, raw.spec.dates)
            orders |= {order for order in ORDERS if ways[order] in [how.sql for _, how in read]}
            known = clocks if sure else None
            found[name] = [
                (files, _bounded(_localised(con, raw, name, column.of(files), how, settings, known)))
                for files, how in read
            ]
    if CHANGED in raw.headers:
        order = raw.help.date_order or (orders.pop() if len(orders) == 1 else "")
        found[CHANGED] = _read_changed(con, raw, look, order)
    return found


def _read_changed(con: Connection, raw: RawTable, look: str, order: str) -> Readings:
    """How the moment of the last change is read; asks for the order only where it decides which state is last."""
    column = Column(look, CHANGED, raw.headers[CHANGED], raw.labels)
    try:
        return read_date(con, column, (*CHANGED_WAYS, *raw.spec.dates, "epoch"), order)
    except InputError:
        key, ways = KEYS.get(raw.spec.table, CHANGED), date_ways(CHANGED, ())
        first, second = (f"arg_max((file, record), {ways[order]})" for order in ORDERS)
        differ = f"WHERE {key} IS NOT NULL GROUP BY {key} HAVING {first} <> {second} LIMIT 1"
        if look != raw.relation or con.execute(f"SELECT {key} FROM {look} {differ}").fetchall():
            raise
        return [((), Reading(ways["month-first"]))]


def _survey(con: Connection, raw: RawTable, look: str) -> dict[str, tuple[bool, int, int]]:
    """Whether the first way to read a column reads all its cells, as it mostly does; clocks in UTC, all clocks."""
    inner, outer, names = [], [], []
    for name in raw.columns:
        text, kind, clock, late = _mapped(raw, name), _kind(raw, name), "false", "false"
        if kind in ("date", "time"):
            ways = date_ways(text, raw.spec.dates, raw.help.date_order)
            clock = _clock_test(raw, name, f'"{name}"', f'"read_{name}"')
            late = f""""read_{name}" <> date_trunc('day', "read_{name}")"""
        elif kind == "duration" and "number" not in raw.spec.durations:
            ways = duration_ways(text, raw.spec.durations, raw.spec.day_hours)
        elif kind != "text":
            ways = number_ways(text, raw.help.decimal)
        else:
            continue
        names.append(name)
        inner.append(f'{text} AS "{name}", {next(iter(ways.values()))} AS "read_{name}"')
        counts = f"count(*) FILTER ({clock}), count(*) FILTER ({late})"
        outer.append(f'count("{name}") = count("read_{name}"), {counts}')
    if not names:
        return {}
    sql = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {look})"
    row = con.execute(sql).fetchall()[0]
    return dict(zip(names, zip(row[::3], row[1::3], row[2::3], strict=True), strict=True))


def _read_hours(con: Connection, raw: RawTable, column: Column) -> Readings:
    """How hours are read; from start and end where the profile says so and the cell is empty."""
    spec = raw.spec
    unit = raw.help.hours_unit or spec.hours_unit
    if unit == "ask":
        if has_numbers(con, column):
            raise InputError(
                f"{raw.profile.title} does not say in which unit time is written.",
                where=first_of([*raw.labels.values()], 1),
                fix=say(raw.labels.values(), UNITS),
            )
        unit = "hours"
    elif unit == "hours" and not raw.help.hours_unit:
        _check_fractions(con, raw, column)
    found = read_duration(con, column, spec.durations, unit, raw.help.decimal, spec.day_hours)
    if not spec.hours_from_times:
        return found
    unread = {*raw.header} - {*raw.headers.values()}
    breaks = [head for head in sorted(unread) if BREAKS & {*normal_header(head).split()}]
    if breaks and "hours" not in raw.headers:
        text = f"{column.place}: hours are from start to end, and '{breaks[0]}' is not taken off: "
        raw.notes.append(("magnitude", text + "export hours worked."))
    span = 'epoch("read_ended_at" - "read_started_at") / 3600'
    clocks = any("} {" in option for option in spec.specs("ended_at"))  # of the day on which the work began
    worked = f"coalesce({{0}}, CASE WHEN {span} >= 0 THEN {span} {f'ELSE {span} + 24' * clocks} END)"
    return [(files, replace(how, then=worked)) for files, how in found]


def _check_fractions(con: Connection, raw: RawTable, column: Column) -> None:
    """Ask for the unit where hours look like fractions of a day, as which a spreadsheet keeps 1:30.

    Of a fraction of a day 1,440 times make whole minutes; of hours, 120 times make whole halves of them. Asks as
    well where 1.30 seems to be 1:30, as all that is not whole ends in .15, .30 or .45, or much of it in less than
    .60 and nothing in more; or where hours are whole beside a column of minutes.
    """
    value = f"(SELECT file, try_cast(replace({column.text}, ',', '.') AS DOUBLE) AS v FROM {column.relation})"
    cents = f"(SELECT *, round(100 * (abs(v) % 1), 3) AS cents FROM {value} WHERE v <> 0)"
    tests = [f"abs(v * {n} - round(v * {n})) < 0.002" for n in (1440, 120)]
    tests += ["abs(v) < 1", "cents IN (0, 15, 30, 45)", "cents IN (15, 45)"]
    tests += ["cents < 60 AND cents = round(cents)", "cents = 0"]
    counts = ", ".join(f"count(*) FILTER ({test})" for test in ["true", *tests])
    counts += "".join(f", count({v}) FILTER (abs(v) > 1 AND cents % 50 <> 0)" for v in ("DISTINCT v", "*"))
    minutes = [head for head in raw.header if normal_header(head) in ("minutes", "mins", "min")]
    days, clocks, parted = [], [], []
    for file, (n, of_days, of_hours, short, ended, quarters, below, *others) in _by_each(con, counts, cents):
        if n >= FEW_CELLS and 2 * short > n and of_days == n and of_hours < n / 2:
            days.append(file)
        few = OWN_CELLS if file else FEW_CELLS
        whole, long, odd = others
        if minutes and whole == n >= few:
            parted.append(file)
        if (ended == n and quarters >= few) or (below == n and long >= LONG_CELLS / (1 + 2 * (odd >= MANY_ODD))):
            clocks.append(file)
    if days:
        own = column.of(_files(days))
        shown = con.execute(f"SELECT DISTINCT v FROM {value} WHERE v <> 0 AND {in_files(_files(days))} LIMIT 3")
        raise own.refused(
            "these hours look like fractions of a day, as which spreadsheets keep 1:30: times 1,440 all are whole "
            "minutes, times 120 few are whole halves.",
            'hours_unit = "days"  # or "hours", if they are hours after all',
            [value for (value,) in shown.fetchall()],
        )
    if clocks:
        problem = "these hours end in .15, .30 or .45 alone, or never in .60 or more, as where 1.30 is 1 h 30 min."
        advice = "Export them as 1:30. If they are decimal hours: "
        raise column.of(_files(clocks)).refused(problem, 'hours_unit = "hours"', advice=advice)
    if parted:
        problem = (
            f"these hours are whole, and a column '{minutes[0]}' is beside them: are 1 and 30 an hour and a half?"
        )
        advice = "Export them in one column, as 1:30. If the other column is none of time: "
        raise column.of(_files(parted)).refused(problem, 'hours_unit = "hours"', advice=advice)


def _by_each(con: Connection, counts: str, rows: str) -> Iterator[tuple[Files, tuple]]:
    """Counts over all files, as (), and over each if there are several: the sum hides what one of them does."""
    every, *each = con.execute(
        f"SELECT {counts}, file FROM {rows} GROUP BY ROLLUP (file) ORDER BY file NULLS FIRST"
    ).fetchall()
    yield (), every[:-1]
    yield from (((file,), found) for *found, file in each if len(each) > 1)  # type: ignore[misc]


def _files(found: list[Files]) -> Files:
    """Return all files (as ()) if the sum over them is found, else those of which each is."""
    return () if () in found else tuple(file for files in found for file in files)


def _swapped_back(con: Connection, raw: RawTable, column: Column) -> Column:
    """Return a date column with days and months where they belong, if a spreadsheet turned some of them round.

    A spreadsheet of the other order makes dates of the cells that it can, up to the 12th, with day and month
    swapped, and leaves the rest as text.
    """
    if column.sure:
        return column
    iso, slashed = r"^(\d{4})-(\d\d)-(\d\d)", r"^(\d{1,2})([/.-])(\d{1,2})[/.-]\d{2,4}"
    count = "count(*) FILTER (regexp_matches(t, '{0}'){1})"
    above = " AND try_cast(regexp_extract(t, '{0}', {1}) AS INT) > 12"
    facts = [count.format(iso, ""), count.format(iso, above.format(iso, 3)), count.format(slashed, "")]
    facts += [count.format(slashed, above.format(slashed, place)) for place in (1, 3)]
    facts.append(f"max(regexp_extract(t, '{slashed}', 2))")
    rows = f"(SELECT file, {column.text} AS t FROM {column.relation})"
    swapped: dict[tuple[str, str], list[Files]] = {}
    for files, (dates, late, texts, days, months, sign) in _by_each(con, ", ".join(facts), rows):
        if dates and not late and texts and days != months and texts in (days, months):
            swapped.setdefault(("day-first" if texts == days else "month-first", sign), []).append(files)
    for (order, sign), found in swapped.items():
        files = _files(found)
        if not raw.help.date_order:
            raise column.of(files).refused(
                "all dates with the year first are up to the 12th, and all that are text after it: a spreadsheet "
                "of another date order swapped day and month where it could.",
                f'date_order = "{order}"  # swaps them back',
            )
        if raw.help.date_order == order:
            # As text like the rest, so that one way of writing reads them all.
            turned = f"\\2{sign}\\3{sign}\\1" if order == "day-first" else f"\\3{sign}\\2{sign}\\1"
            text = f"regexp_replace({column.text}, '{iso}', '{turned}')"
            text = f"CASE WHEN {in_files(files)} THEN {text} ELSE {column.text} END" if files else text
            return replace(column, text=text, sure=False)
    return column


def _localised(
    con: Connection,
    raw: RawTable,
    name: str,
    column: Column,
    read: Reading,
    settings: Settings,
    clocks: list[int] | None,
) -> Reading:
    """The reading of a date with times in UTC put into the MSP's time zone, and of a day without its clock.

    A day without a clock is that day everywhere, and so are the days of a column of midnights.
    """
    day = BARE_DAY if _kind(raw, name) == "date" else "{0}"
    clock = _clock_test(raw, name, column.text, read.sql)
    if clocks is None:
        clocks = [con.execute(f"SELECT count(*) FROM {column.relation} WHERE {clock}").fetchall()[0][0], 1]
    utc_clocks, any_clocks = clocks
    if not utc_clocks:
        if any_clocks and _kind(raw, name) == "date":
            day = _unshifted(con, raw, column, read, settings) or day
        return replace(read, then=day, any=" OR ".join(filter(None, [read.any, clock])))
    local = f"timezone({quote(settings.time_zone)}, timezone('UTC', {{0}}))"
    utc = _utc_test(raw, name, column.text)
    return replace(read, then=day.replace("{0}", f"CASE WHEN {utc} THEN {local} ELSE {{0}} END"))


def _bounded(read: Reading) -> Reading:
    """The reading of a date, from `FIRST` to `LAST`."""
    return replace(
        read, then=f"CASE WHEN {{0}} < {FIRST} THEN {FIRST} WHEN {{0}} > {LAST} THEN {LAST} ELSE {read.then} END"
    )


def _unshifted(con: Connection, raw: RawTable, column: Column, read: Reading, settings: Settings) -> str:
    """Return SQL of the day where a time zone moved a column of days: every clock is midnight elsewhere.

    Noted either way, and where all clocks are one hour of the evening: midnight in a zone that nobody names.
    """
    if raw.help.moved_days is not None:
        return NEAREST if raw.help.moved_days else ""
    zone, midnight = quote(settings.time_zone), "count(*) FILTER ({0} = date_trunc('day', {0}))"
    moved = (f"timezone('UTC', timezone({zone}, v))", f"timezone({zone}, timezone('UTC', v))")
    clocks = "min(v::TIME), max(v::TIME), count(*) FILTER (v <> date_trunc('hour', v)), min(v)"
    counts = f"count(*), {clocks}, {', '.join(midnight.format(value) for value in ('v', *moved))}"
    rows = f"(SELECT file, {read.sql} AS v FROM {column.relation}) WHERE v IS NOT NULL"
    kinds: dict[str, list[Files]] = {}  # files by how their days are put back; "" is as they are
    for files, (n, first, last, odd, _, bare, *held) in _by_each(con, counts, rows):
        days = [way.replace("v)", "{0})") for way, found in zip(moved, held, strict=True) if found == n > bare]
        evening = n and not odd and first.hour >= EVENING and last.hour - first.hour <= 1
        if n >= (OWN_CELLS if files else 2) and (days or evening):
            kinds.setdefault(days[0] if n >= FEW_CELLS and days else "", []).append(files)
    day = ""
    for back, found in kinds.items():
        files = _files(found)
        if back:
            moving = BARE_DAY.replace("{0}", back)
            day = f"CASE WHEN {in_files(files)} THEN {moving} ELSE {day or BARE_DAY} END" if files else moving
        raw.notes.append(("moved-days", _moved_text(con, column.of(files), rows, files, bool(back))))
        if not files:
            break
    return day


def _moved_text(con: Connection, column: Column, rows: str, files: Files, back: bool) -> str:
    """The warning of days that a time zone moved."""
    done, unless = (
        ("put back by a day", "these are real clocks") if back else ("taken as written", "days were moved")
    )
    shown = con.execute(f"SELECT min(v) FROM {rows} AND {in_files(files)}").fetchall()[0][0]
    return (
        f"{column.place}: every clock is that of {shown:%Y-%m-%d %H:%M}, as a time zone makes of bare days. They "
        f"are {done}. If {unless}, correct it. "
        + say(column.labels.values(), f"moved_days = {str(not back).lower()}")
    )


def _utc_test(raw: RawTable, name: str, text: str) -> str:
    """SQL test of a cell with a time in UTC.

    Where the profile names no columns in UTC, a cell may say so. JSON of .NET has midnight in UTC for a day.
    """
    if name in raw.spec.utc:
        return f"NOT regexp_matches({text}, '{BARE_DATE}')"
    return (INSTANT if raw.spec.utc else ZONED).replace("{0}", text)


def _clock_test(raw: RawTable, name: str, text: str, value: str) -> str:
    """SQL test of a cell in UTC with a clock other than midnight."""
    utc = _utc_test(raw, name, text)
    return f"CASE WHEN {utc} THEN {value} <> date_trunc('day', {value}) END"  # AND would work out both


def _shown(text: str) -> str:
    """SQL of a word without control characters, which no document may hold; few have one."""
    bare = f"nullif(trim(regexp_replace({text}, '{UNSEEN_SQL}', '', 'g')), '')"
    return f"CASE WHEN regexp_matches({text}, '{UNSEEN_SQL}') THEN {bare} ELSE {text} END"


def _mapped(raw: RawTable, name: str) -> str:
    """SQL of a text column with the profile's values put in place of the system's own, case forgiven."""
    whens = []
    for value, canonical in raw.spec.values.get(name, {}).items():
        test = f"LIKE {quote(value.lower().replace('*', '%'))}" if "*" in value else f"= {quote(value.lower())}"
        whens.append(f'WHEN lower("{name}") {test} THEN {quote(canonical)}')
    return f'CASE {" ".join(whens)} ELSE "{name}" END' if whens else f'"{name}"'


def _brief(column: str) -> str:
    """SQL of a cell that could not be used; text too long for a date, a number or a name may be a note."""
    brief = f"'(' || length({column}) || ' characters of text)'"
    return f"CASE WHEN length({column}) > {BRIEF} THEN {brief} ELSE {column} END"


def _no_facts(raw: RawTable) -> list[Case]:
    """Cases, as in `_cases`, of rows that are no facts: the header once more, and totals."""
    heads = [
        (c, quote(raw.headers[c]))
        for c in raw.spec.requires
        if c in raw.headers and normal_header(raw.headers[c]) in map(normal_header, raw.spec.specs(c))
    ]  # of a template, the cell is not what the column holds
    marks = [c for c in NAMES if c in raw.headers]
    shown = [c for c in marks if c not in ("technician", "work_type")]
    header = " AND ".join(  # few cells are as long as the name of their column, or follow the mark of a file
        f"CASE WHEN strlen({c}) - strlen({name}) IN (0, 3) THEN ltrim(lower({c}), '\ufeff') = lower({name}) "
        "ELSE false END"
        for c, name in heads
    )
    bare = " OR ".join(f"{c} IS NULL" for c in SUMMED if c in raw.headers) or "false"
    facts = [f"new_{c}" if c in SUMMED[:2] else c for c in NAMES + SUMMED if c in raw.headers]
    whole = " AND ".join(f"{c} IS NOT NULL" for c in facts) if len(facts) > 2 else "false"
    total = " OR ".join(  # few cells pass the quick tests, and no number or day of a row that is whole is a total
        f"CASE WHEN {whole if c in NUMBERED else 'false'} THEN false "
        f"WHEN {' OR '.join(test.format(c) for test in LIKE_TOTAL)} "
        f"THEN regexp_full_match(lower({c}), '{TOTAL}{OF_PERSON * (c in PEOPLE)}') "
        f"OR (({bare}) AND regexp_full_match(lower({c}), '{SUM_OF}')) ELSE false END"
        for c in marks
    )
    return [
        (header or "false", "'repeated-header'", "NULL", heads[0][0] if heads else "NULL"),
        (total or "false", "'total-row'", "NULL", f"concat_ws(' ', {', '.join(shown)})" if shown else "NULL"),
    ]


def _terms(raw: RawTable, bad: Callable[[str, str, str], None]) -> None:
    """Name what a client's terms cannot be: who pays how, and from when until when."""
    model = f"new_billing NOT IN {schema.BILLING_MODELS}"
    if raw.spec.table == "agreements":
        bad(f"new_billing IS NULL OR {model}", "unknown-billing-model", "billing")
    elif "billing" in raw.spec.columns:
        bad(model, "unknown-billing-model", "billing")
    if "billing" in raw.headers:
        bad(TWO_MODELS, "unknown-billing-model", "billing")
    for day in ("start", "end", "onboarded_on"):
        if day in raw.headers:
            far = "" if day == "end" else f" OR new_{day} NOT BETWEEN {FIRST} + 1 AND {LAST} - 1"
            bad(f"({UNREADABLE.format(day)}){far}", "unreadable-date", day)
    if raw.spec.table == "agreements" and "end" in raw.headers:
        bad("new_end < new_start", "impossible-date", "end")
    if "ended_on" in raw.spec.columns:
        bad("ended_on IS NOT NULL AND new_ended_on IS NULL", "unreadable-date", "ended_on")
        bad("new_ended_on < new_onboarded_on", "impossible-date", "ended_on")


def _cases(raw: RawTable, settings: Settings, latest: dt.date) -> list[Case]:
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
    elif table in ("agreements", "clients"):
        _terms(raw, bad)
    ticket = "'ticket ' || ticket_id" if table == "time_entries" and raw.spec.specs("ticket_id") else "NULL"
    cases.append(("client IS NULL", "'no-client'", "'client'", f"coalesce({ticket}, '')"))
    return cases
