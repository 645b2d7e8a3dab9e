"""How dates, numbers and durations are written: SQL that reads them, and the choice of one way per column.

A column is read in one way as a whole, never row by row: the way that reads the most cells. Where two ways read
all cells but mean different things, the user is asked. The way may be chosen from the first rows of a large file:
`Reading.doubt` then finds the cells further down that could have changed the choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from rhem_lib.errors import InputError, say

HALF_DAY = ["%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p"]
DATES = {"spreadsheet-month": ["%y-%b", "%b-%y"]}
RESAVED = ("month-first", "day-first", "named-month", "serial")  # as a spreadsheet may write an ISO date
BLANK, APOSTROPHE = r"[ \x{A0}\x{202F}]", r"[\x27\x{2019}]"
WEEKDAY = "^(?:[A-Za-z]{3}[a-z]*,? )?"
CLOCK = rf"(?:,?(?: at)?{BLANK}+(\d\d?:\d\d(?::\d\d)?))?(?:{BLANK}*[AaPp][./]?{BLANK}?[Mm][./]?)?$"
SLASHED = rf"{WEEKDAY}(\d\d?)/(\d\d?)/(\d{{4}}){CLOCK}"
SHORT_YEARS = {"20": r"^([^:]*/)([0-6]\d)([ ,]|$)", "19": r"^([^:]*/)([7-9]\d)([ ,]|$)"}
# ISO of the parts, and what may stand for /: nobody puts a month and a dot first
ORDERS = {"month-first": (r"\3-\1-\2 \4", "-"), "day-first": (r"\3-\2-\1 \4", "-.")}
MONTHS = "['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']"
NAMED = {  # a date with the name of its month -> month/day/year
    rf"{WEEKDAY}(\d\d?)[-/ .]+([A-Za-z]{{3}})[a-z]*[-/., ]+(\d{{4}}|\d\d)\b": r"\2/\1/\3",
    rf"{WEEKDAY}([A-Za-z]{{3}})[a-z]*\.? (\d\d?),? (\d{{4}}|\d\d)\b": r"\1/\2/\3",
}
ZONE = r":\d\d(\.\d+)? ?(UTC|GMT|[+-]\d\d(:?\d\d)?)$"  # after a clock; Z alone is read by the engine
NO_YEAR = "TIMESTAMP '1000-01-01'"
UNITS = {"hours": 1.0, "quarter-hours": 0.25, "minutes": 1 / 60, "seconds": 1 / 3600, "days": 24.0}
WORDS = {  # units of a duration, as English, German, French, Spanish and Dutch software writes them
    "w": "(?:w(?:ks?|eeks?|ochen?|eken?)?|sem(?:anas?|aines?)?)",
    "d": "(?:d(?:[ií]as?|ays?|agen?)?|t(?:age?)?|j(?:ours?)?)",
    "h": "(?:h(?:eures?|ours?|oras?|rs?)?|st(?:un)?d(?:en?)?|u(?:ur|ren)?)",
    "m": "m(?:in(?:ut(?:en?|es?|os?))?s?)?",
    "s": "s(?:e[ckg](?:(?:ond|und)(?:e[ns]?|os?|s)?|s)?)?",
}
UNIT_CLOCKS = {"h": 1.0, "m": 1 / 60}  # hours in the first part of `1:30 h`, `18:25 min`
DOTNET = r"^/Date\((-?\d+)([+-]\d\d\d\d)?\)/$"  # as Windows PowerShell and .NET write an instant in JSON


@dataclass(frozen=True)
class Column:
    """One text column of a raw table: the relation, the SQL of its text, and its name for questions."""

    relation: str
    text: str
    called: str


@dataclass(frozen=True)
class Reading:
    """How a column is read: SQL of the value, and SQL tests that hold for cells which speak for another way.

    A test matters where the cell has no value, or says `any` cell that it holds for.
    """

    sql: str
    unread: tuple[str, ...] = ()
    any: str = ""

    def doubt(self, text: str, value: str) -> str:
        """SQL test of a cell for which `text` stood there and `value` was read."""
        tests = " OR ".join(f"coalesce({test}, false)" for test in self.unread)
        told = (
            f"CASE WHEN {value} IS NULL AND {text} IS NOT NULL THEN {tests} ELSE false END" if tests else "false"
        )
        return f"({told} OR coalesce({self.any}, false))" if self.any else told


Connection = duckdb.DuckDBPyConnection


def read_date(con: Connection, column: Column, families: Sequence[str], date_order: str = "") -> Reading:
    """How the timestamps of a date column are read.

    Parameters
    ----------
    families : sequence of str
        `iso` (a UTC offset is taken off), `epoch` (seconds or milliseconds since 1970), `serial` (days since
        1899-12-30, as spreadsheets count), keys of DATES, or strptime formats, in order of preference; RESAVED
        are tried after them.
    date_order : str
        The user's answer where day and month cannot be told apart: day-first, month-first or empty.

    Raises
    ------
    InputError
        They cannot be told apart and there is no answer.
    """
    names = [name for name in (*families, *RESAVED, "dotnet") if name not in ORDERS or date_order in ("", name)]
    ways = {name: _date_way(column.text, name) for name in names}
    best, either = _settle(con, column, ways), ""
    if best in ORDERS and not date_order:
        month, day = (ways[name] for name in ORDERS)
        read = _counts(con, column.relation, month, day, f"CASE WHEN {month} <> {day} THEN 1 END")
        if read[0] == read[1] and read[2]:
            problem = "day and month cannot be told apart: no part of any date is above 12."
            raise _question(con, column, problem, 'date_order = "day-first"  # or "month-first"')
        if read[0] == read[1]:
            either = f"{month} <> {day}"
    return Reading(ways[best], _unread(ways, best), either)


def _unread(ways: dict[str, str], best: str) -> tuple[str, ...]:
    """Tests for cells that another way reads."""
    return tuple(f"{sql} IS NOT NULL" for name, sql in ways.items() if name != best)


def _date_way(text: str, family: str) -> str:
    if family == "iso":  # the engine's own reader is many times faster than a list of formats
        half = f"ends_with({text}, 'M') OR ends_with({text}, 'm')"  # it passes PM over
        clock = f"CASE WHEN {text} LIKE '____-%' THEN try_strptime({text}, {HALF_DAY}) END"
        zoned = f"strlen({text}) > 19 AND regexp_matches({text}, '{ZONE}')"  # and offsets
        instant = f"try_cast(replace(replace({text}, ' +', '+'), ' -', '-') AS TIMESTAMPTZ)"
        told = (
            f"WHEN {half} THEN {clock} WHEN {zoned} THEN timezone('UTC', {instant}) "
            f"ELSE try_cast({text} AS TIMESTAMP)"
        )
        read = f"greatest(CASE {told} END, {NO_YEAR})"
        return f"nullif({read}, {NO_YEAR})"  # 12-11-24 is no day of the year 12
    if family == "epoch":
        number = f"try_cast({text} AS DOUBLE)"
        return f"CASE WHEN {number} > 0 THEN epoch_ms(({number} * IF({number} > 1e11, 1, 1000))::BIGINT) END"
    if family == "dotnet":
        milliseconds = f"try_cast(regexp_extract({text}, '{DOTNET}', 1) AS BIGINT)"
        return f"CASE WHEN starts_with({text}, '/Date(') THEN epoch_ms({milliseconds}) END"
    if family == "serial":
        days = f"try_cast({text} AS DOUBLE)"
        since = f"TIMESTAMP '1899-12-30' + to_seconds(round({days} * 86400)::BIGINT)"
        return f"CASE WHEN {days} BETWEEN 20000 AND 80000 THEN {since} END"
    if family in ORDERS:
        return _slashed(text, *ORDERS[family])
    if family == "named-month":
        for written, slashed in NAMED.items():
            text = f"regexp_replace({text}, '{written}', '{slashed}')"
        number = f"list_position({MONTHS}, lower({text}[:3]))"
        return _slashed(f"({number} || {text}[4:])", *ORDERS["month-first"])
    read = f"try_strptime({text}, {DATES.get(family, [family])})"
    return f"CASE WHEN regexp_matches({text}, '[A-Za-z]{{3}}') THEN {read} END" if family in DATES else read


def _slashed(text: str, iso: str, marks: str) -> str:
    """Day and month as numbers, put into ISO for the engine's own reader: formats that fail are slow."""
    for mark in marks:
        text = f"replace({text}, '{mark}', '/')"
    for century, written in SHORT_YEARS.items():
        text = f"regexp_replace({text}, '{written}', '\\1{century}\\2\\3')"
    day = f"try_cast(rtrim(regexp_replace({text}, '{SLASHED}', '{iso}')) AS TIMESTAMP)"
    afternoon, noon = f"regexp_matches({text}, '[Pp][./]?{BLANK}?[Mm]')", f"date_part('hour', {day}) >= 12"
    half = (
        f"CASE WHEN {afternoon} <> ({noon}) THEN {day} + IF({afternoon}, 12, -12) * INTERVAL 1 HOUR ELSE {day} END"
    )
    return (
        f"CASE WHEN regexp_matches({text}, '{SLASHED}') "
        f"THEN IF(regexp_matches({text}, '[AaPp][./]?{BLANK}?[Mm][./]?$'), {half}, {day}) END"
    )


def read_number(con: Connection, column: Column, decimal: str = "") -> Reading:
    """How the numbers of a column are read: plain, with thousands separators or decimal commas, in parentheses.

    Raises
    ------
    InputError
        A comma may be either and `decimal` ("," or ".") does not say which.
    """
    plain = _double(column.text)
    bare = f"regexp_replace({column.text}, '{BLANK}+$', '')"
    text = f"regexp_replace({bare}, '^\\((.*)\\)$', '-\\1')"
    point, comma = (_grouped(text, decimal, group) for decimal, group in ((".", ","), (",", ".")))
    ways = {
        "plain": plain,
        "negative in ()": f"coalesce({plain}, {_double(text)})",
        ".": point,
        ",": comma,
    }
    if decimal:
        return Reading(ways[decimal])
    best = _settle(con, column, ways)
    if best in (".", ","):
        read = _counts(con, column.relation, point, comma, f"CASE WHEN {point} <> {comma} THEN 1 END")
        if read[0] == read[1] and read[2]:
            problem = "a comma may be a decimal or a thousands sign."
            raise _question(con, column, problem, 'decimal = ","  # or "."')
    return Reading(ways[best], _unread(ways, best))


def _double(text: str) -> str:
    """SQL of a plain number; the engine would take 1_0 for 10."""
    return f"CASE WHEN NOT contains({text}, '_') THEN try_cast({text} AS DOUBLE) END"


def _grouped(text: str, decimal: str, group: str) -> str:
    """SQL of a number with thousands apart, by a sign, a blank or an apostrophe."""
    groups = f"(?:[{group}]|{BLANK}|{APOSTROPHE})"
    pattern = rf"^-?(\d{{1,3}}({groups}\d{{3}})+|\d+)([{decimal}]\d*)?$"
    number = f"try_cast(replace(regexp_replace({text}, '{groups}', '', 'g'), '{decimal}', '.') AS DOUBLE)"
    return f"CASE WHEN regexp_matches({text}, '{pattern}') THEN {number} END"


def read_duration(
    con: Connection, column: Column, forms: Sequence[str], unit: str, decimal: str = "", day_hours: float = 24.0
) -> Reading:
    """How the hours of a duration column are read.

    Parameters
    ----------
    forms : sequence of str
        Ways to try: `number` (in `unit`), `clock` (1:30, 01:30:00, with days 2 01:30:00), `words` (2h 30m,
        3 Days 12 Hours), `epoch` (1970-01-01 00:30:00).
    unit : str
        Of plain numbers: a key of UNITS.
    day_hours : float
        Hours in a day where a text says days.
    """
    ways = {"clock": _clock(column.text), "words": _words(column.text, day_hours), "epoch": _epoch(column.text)}
    ways = {form: sql for form, sql in ways.items() if form in forms}
    simple = _simple(column.text)
    if "number" in forms:
        plain, *others = _counts(con, column.relation, f"CASE WHEN {simple} THEN 1 END", *ways.values())
        if plain >= max(others, default=0):
            number = read_number(con, column, decimal)
            other = tuple(f"{sql} IS NOT NULL" for sql in ways.values())
            return Reading(f"({number.sql}) * {UNITS[unit]!r}", number.unread + other)
    best = _settle(con, column, ways)
    return Reading(ways[best], (*_unread(ways, best), *([simple] if "number" in forms else [])))


def has_numbers(con: Connection, column: Column) -> bool:
    """Return whether a column has plain numbers, which need a unit to be durations."""
    return _counts(con, column.relation, f"CASE WHEN {_simple(column.text)} THEN 1 END")[0] > 0


def _simple(text: str) -> str:
    """SQL test for a cell that is a plain number."""
    return f"regexp_matches({text}, '^[(-]?([\\d.,]|{BLANK}|{APOSTROPHE})+\\)?$')"


def _clock(text: str) -> str:
    """`[days ][-]h:mm[:ss]` in hours."""
    pattern = r"^(?:(\d+) )?(-?)(\d+):([0-5]?\d)(?::([0-5]?\d(?:\.\d+)?))?$"
    day, sign, hour, minute, second = (f"regexp_extract({text}, '{pattern}', {group})" for group in range(1, 6))
    hours = " + ".join(
        f"coalesce(try_cast({part} AS DOUBLE), 0) * {factor!r}"
        for part, factor in ((day, 24.0), (hour, 1.0), (minute, 1 / 60), (second, 1 / 3600))
    )
    return f"CASE WHEN regexp_matches({text}, '{pattern}') THEN ({hours}) * IF({sign} = '-', -1, 1) END"


def _words(text: str, day_hours: float) -> str:
    """`1w 2d 3h 30m`, `3 Days 12 Hours`, `18:25 min`, `1:05:30` in hours.

    A week has five days where a day is not 24 hours. A clock counts only where nobody can mistake its parts: with
    all three, or with a unit behind it, which is that of its first part.
    """
    factors = {"w": day_hours * (7 if day_hours == 24 else 5), "d": day_hours, **UNIT_CLOCKS, "s": 1 / 3600}
    low = f"regexp_replace(lower({text}), '(\\d),(\\d)', '\\1.\\2', 'g')"
    gap = r"\.?[\s,]*(?:(?:and|und|et|y|en)\s+)?"
    whole = "^(?:" + "".join(rf"(?:\d+(?:\.\d+)?\s*{word}{gap})?" for word in WORDS.values()) + ")$"
    parts = []
    for name, word in WORDS.items():
        found = f"regexp_extract({low}, '(?:^|[\\s,.a-z])(\\d+(?:\\.\\d+)?)\\s*{word}(?:[\\s,.\\d]|$)', 1)"
        parts.append(f"coalesce(try_cast({found} AS DOUBLE), 0) * {factors[name]!r}")
    whens = [f"WHEN regexp_matches({text}, '^\\d+:\\d\\d:\\d\\d$') THEN {_clock(text)}"]
    for name, hours in UNIT_CLOCKS.items():
        clock = f"regexp_extract({low}, '^(\\d+:[0-5]\\d)\\s*{WORDS[name]}\\.?$', 1)"
        whens.append(f"WHEN {clock} <> '' THEN {_clock(clock)} * {hours!r}")
    whens.append(f"WHEN {text} <> '' AND regexp_matches({low}, '{whole}') THEN {' + '.join(parts)}")
    return f"CASE {' '.join(whens)} END"


def _epoch(text: str) -> str:
    return f"epoch(try_strptime({text}, ['%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S'])) / 3600"


def _settle(con: Connection, column: Column, ways: dict[str, str]) -> str:
    """Way that reads the most cells; the earlier one where two read as many.

    Another is counted over all cells only where it reads a cell that the first does not.
    """
    first = next(iter(ways))
    there, read = _counts(con, column.relation, column.text, ways[first])
    if there == read or len(ways) == 1:
        return first
    unread = f"{column.relation} WHERE {column.text} IS NOT NULL AND {ways[first]} IS NULL"
    more = dict(zip(list(ways)[1:], _counts(con, unread, *list(ways.values())[1:]), strict=True))
    if read and any(more.values()):  # cells that the first way reads may be read by others as well
        rivals = [name for name, count in more.items() if count]
        more = dict(zip(rivals, _counts(con, column.relation, *(ways[name] for name in rivals)), strict=True))
    counts = {first: read, **more}
    return max(counts, key=lambda name: counts[name])


def _counts(con: Connection, relation: str, *expressions: str) -> tuple[int, ...]:
    """How many rows each expression has a value for."""
    return con.execute(f"SELECT {', '.join(f'count({sql})' for sql in expressions)} FROM {relation}").fetchall()[0]


def _question(con: Connection, column: Column, problem: str, answer: str) -> InputError:
    shown = con.execute(
        f"SELECT DISTINCT {column.text} AS cell FROM {column.relation} ORDER BY 1 LIMIT 3"
    ).fetchall()
    path = column.called.split(", column ")[0]
    return InputError(
        problem,
        where=column.called,
        examples=[row[0] for row in shown],
        fix=say(path, answer),
    )
