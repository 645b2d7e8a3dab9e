"""How dates, numbers and durations are written: SQL that reads them, and the choice of one way per column.

A column is read in one way as a whole, never row by row: the way that reads the most cells. Where two ways read
all cells but mean different things, the user is asked. The way may be chosen from the first rows of a large file:
`Reading.doubt` then finds the cells further down that could have changed the choice.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from rhem_lib.errors import InputError, first_of, say
from rhem_lib.exports.files import quote

HALF_DAY = ["%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p"]
DATES = {"spreadsheet-month": ["%y-%b", "%b-%y"]}
# what a format of a profile may be made of: the directives that the engine reads, and marks between them
OWN_FORMAT = re.compile(r"(?=.*%)(?:%[aAbBdHIjmMpSyYzf]|%-[dHImMSjy]|[ /.,:TZ_-])+")
RESAVED = (
    "month-first",
    "day-first",
    "named-month",
    "serial",
    "compact",
)  # as a spreadsheet may write an ISO date
SCATTERED = 4  # months of a file whose days would all be of one month if they were read the other way
BLANK, APOSTROPHE = r"[ \x{A0}\x{202F}]", r"[\x27\x{2019}]"
WEEKDAY = "^(?:[A-Za-z]{3}[a-z]*,? )?"
CLOCK = rf"(?:,?(?: at)?{BLANK}+(\d\d?:\d\d(?::\d\d)?))?(?:{BLANK}*[AaPp][./]?{BLANK}?[Mm][./]?)?$"
SLASHED = rf"{WEEKDAY}(\d\d?)/(\d\d?)/(\d{{4}}){CLOCK}"
SHORT_YEARS = {"20": r"^([^:]*/)([0-6]\d)([ ,]|$)", "19": r"^([^:]*/)([7-9]\d)([ ,]|$)"}
SHORT = r"^(\d\d)[-/](\d\d)[-/](\d\d)(\D.*)?$"  # either end may be the year
RECENT = "current_date - INTERVAL 10 YEAR AND current_date + 1"
# ISO of the parts, and what may stand for /: nobody puts a month and a dot first
ORDERS = {"month-first": (r"\3-\1-\2 \4", "-"), "day-first": (r"\3-\2-\1 \4", "-.")}
MONTHS = [  # the first letters in English, German and French, Dutch, Swedish, Spanish, Italian and Portuguese
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    "", "fév", "mär", "avr", "mai", "", "", "aoû", "", "okt", "", "dez",
    "", "", "mrt", "", "mei", "", "", "", "", "", "", "déc",
    "", "", "", "", "maj", "", "", "", "", "", "", "",
    "ene", "", "", "abr", "mag", "giu", "lug", "ago", "set", "ott", "", "dic",
    "gen", "fev", "", "", "", "", "", "", "", "out", "", "des",
]  # fmt: skip
NAMED = {  # a date with the name of its month -> month/day/year
    rf"{WEEKDAY}(\d\d?)[-/ .]+([A-Za-zäéû]{{3}})[a-zçéû]*[-/., ]+(\d{{4}}|\d\d)\b": r"\2/\1/\3",
    rf"{WEEKDAY}([A-Za-zäéû]{{3}})[a-zçéû]*\.? (\d\d?),? (\d{{4}}|\d\d)\b": r"\1/\2/\3",
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
NEGATIVE = r"^\((.*)\)$|^\x{2212}(.*)$|^([^-]*)-$"  # (1.5), a typographic minus, 1.5-
Files = tuple[int, ...]  # numbers of files; none stands for all of a table
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Column:
    """One text column of a raw table: the relation, the SQL of its text, its header, and labels by file number.

    It is `sure` where the first way to read it is known to read every cell.
    """

    relation: str
    text: str
    header: str
    labels: Mapping[int, str]
    sure: bool = False

    def of(self, files: Files) -> "Column":
        """Return the column in some files alone."""
        if not files:
            return self
        labels = {number: self.labels[number] for number in files}
        return replace(self, relation=f"(FROM {self.relation} WHERE {in_files(files)})", labels=labels)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{first_of([*self.labels.values()], 1)}, column '{self.header}'"

    def refused(self, problem: str, answer: str, examples: Sequence[Any] = (), advice: str = "") -> InputError:
        """Return the error of a column that can be read in several ways, with the line that says in which."""
        return InputError(
            problem, where=self.place, examples=examples, fix=advice + say(self.labels.values(), answer)
        )


@dataclass(frozen=True)
class Reading:
    """How a column is read: SQL of the value, and SQL tests that hold for cells which speak for another way.

    `then` is what is made of the value, where {0} stands for it. A test matters where the cell has no value, or
    says `any` cell that it holds for.
    """

    sql: str
    unread: tuple[str, ...] = ()
    any: str = ""
    then: str = "{0}"

    def of(self, name: str) -> str:
        """Return the SQL of what is made of the value, which a level below is called read_<name>."""
        return self.then.replace("{0}", f'"read_{name}"')

    def doubt(self, text: str, value: str) -> str:
        """Return the SQL test of a cell for which `text` stood there and `value` was read."""
        tests = " OR ".join(f"coalesce({test}, false)" for test in self.unread)
        unread = (
            f"CASE WHEN {value} IS NULL AND {text} IS NOT NULL THEN {tests} ELSE false END" if tests else "false"
        )
        return f"({unread} OR coalesce({self.any}, false))" if self.any else unread


@dataclass(frozen=True)
class Question:
    """Two ways that may read the same cells differently, the problem in words, and the setting that answers it."""

    ways: dict[str, str]
    problem: str
    answer: str


Readings = list[tuple[Files, Reading]]


def in_files(files: Files) -> str:
    """Return the SQL test of a row of some files, or of all."""
    return f"file IN ({', '.join(map(str, files))})" if files else "true"


def date_ways(text: str, families: Sequence[str], date_order: str = "") -> dict[str, str]:
    """Return the SQL of each way to read a date, in order of preference; see `read_date`."""
    names = [*families, *RESAVED, "dotnet", "year-first"]
    orders = {*ORDERS, "year-first"}
    return {name: _date_way(text, name) for name in names if name not in orders or date_order in ("", name)}


def read_date(con: Connection, column: Column, families: Sequence[str], date_order: str = "") -> Readings:
    """Return how the timestamps of a date column are read, by file.

    Parameters
    ----------
    families : sequence of str
        `iso` (a UTC offset is taken off), `epoch` (seconds or milliseconds since 1970), `serial` (days since
        1899-12-30, as spreadsheets count), keys of DATES, or strptime formats, in order of preference; RESAVED
        are tried after them.
    date_order : str
        The user's answer where the order of day, month and year is not clear: day-first, month-first,
        year-first or empty.

    Raises
    ------
    InputError
        They cannot be told apart and there is no answer.
    """
    ways = date_ways(column.text, families, date_order)
    question = Question(
        {} if date_order else {name: ways[name] for name in ORDERS},
        "day and month cannot be told apart: no part of any date is above 12.",
        'date_order = "day-first"  # or "month-first"',
    )
    found = _readings(con, column, ways, question)
    if date_order:
        return found
    return [part for files, how in found for part in _years_of(con, column.of(files), ways, files, how)]


def _years_of(con: Connection, column: Column, ways: dict[str, str], files: Files, read: Reading) -> Readings:
    """Return how dates such as 26-05-04 are read, by file: with the year first if that alone gives recent days.

    Where both ends may be the year, the one of fewer values is, if that is the last; else the user is asked.
    """
    orders = [order for order in ORDERS if ways[order] == read.sql]
    if not orders:
        return [(files, read)]
    first, last = (f"count(DISTINCT regexp_extract(t, '{SHORT}', {place}))" for place in (1, 3))
    recent = ", ".join(f"coalesce(bool_and({value} BETWEEN {RECENT}), false)" for value in "vw")
    cells = f"(SELECT {column.text} AS t, {read.sql} AS v, {ways['year-first']} AS w, file FROM {column.relation})"
    facts = f"bool_and(regexp_matches(t, '{SHORT}')), {recent}, {first} > {last}, min(t)"
    by_file = "WHERE t IS NOT NULL GROUP BY ROLLUP (file) ORDER BY file NULLS FIRST"
    (_, *every), *each = con.execute(f"SELECT file, {facts} FROM {cells} {by_file}").fetchall()
    places = {file: _year_place(*found[:-1]) for file, *found in each}
    whole = _year_place(*every[:-1])
    if every[1] or whole == "first":  # else long ago, or not all files are written alike
        places = dict.fromkeys(places, whole)
    if unknown := tuple(file for file, place in places.items() if place == "unknown"):
        problem, answer = "either end may be the year.", f'date_order = "{orders[0]}"  # or "year-first"'
        raise column.of(unknown).refused(problem, answer, every[-1:])
    turned = tuple(file for file, place in places.items() if place == "first")
    rest = tuple(sorted(column.labels.keys() - {*turned}))  # some may have no date at all
    if not turned:
        return [(files, read)]
    found = [(turned if rest else files, replace(read, sql=ways["year-first"]))]
    return [*found, (rest, read)] if rest else found


def _year_place(short: bool, as_read: bool, turned: bool, many_days: bool) -> str:
    """Return where the year is: of dates with short years, whether either reading is recent, and days are many."""
    if not short or not turned or (as_read and many_days):
        return "last"
    return "unknown" if as_read else "first"


def _readings(con: Connection, column: Column, ways: dict[str, str], question: Question) -> Readings:
    """Return the best way by file, after asking where two ways read every cell of it and differ."""
    found, settled = [], _settle(con, column, ways)
    for best, files in settled.items():
        differ = ""
        if best in question.ways:  # where files differ, each must show which of the two is its own
            each = question.ways.keys() <= settled.keys()
            parts: list[Files] = [(file,) for file in files] if each else [files]
            tests = [_undecided(con, column.of(part), question) for part in parts]
            differ = " OR ".join(filter(None, dict.fromkeys(tests)))
            _check_scattered(con, column.of(files), question, best)
        found.append((files, Reading(ways[best], _unread(ways, best), differ)))
    return found


def _undecided(con: Connection, column: Column, question: Question) -> str:
    """Return the test of a cell that would be read differently, if none is yet; ask if one is."""
    first, second = question.ways.values()
    differ = f"{first} <> {second}"
    *read, open_ = _counts(con, column.relation, first, second, f"CASE WHEN {differ} THEN 1 END")
    if read[0] != read[1]:
        return ""
    if not open_:
        return differ
    shown = con.execute(
        f"SELECT DISTINCT {column.text} AS cell FROM {column.relation} ORDER BY 1 LIMIT 3"
    ).fetchall()
    raise column.refused(question.problem, question.answer, [row[0] for row in shown])


def _check_scattered(con: Connection, column: Column, question: Question, best: str) -> None:
    """Ask where other files decide on a way by which the days of a file are of many months, and else of one."""
    if len(column.labels) < 2:
        return
    this, other = question.ways[best], next(sql for name, sql in question.ways.items() if name != best)
    months, one = (f"count(DISTINCT date_trunc('month', {sql}))" for sql in (this, other))
    read = " AND ".join(f"count({sql}) = count({column.text})" for sql in (this, other))
    having = f"HAVING {read} AND {months} >= {SCATTERED} AND {one} = 1 ORDER BY file"
    found = con.execute(f"SELECT file FROM {column.relation} GROUP BY file {having}").fetchall()
    if found:
        problem = f"by the {best} dates of other files these days are of {SCATTERED} months or more, else of one."
        raise column.of(tuple(file for (file,) in found)).refused(problem, question.answer)


def _unread(ways: dict[str, str], best: str) -> tuple[str, ...]:
    """Tests for cells that another way reads."""
    return tuple(f"{sql} IS NOT NULL" for name, sql in ways.items() if name != best)


def _date_way(text: str, family: str) -> str:
    if family == "iso":  # the engine's own reader is many times faster than a list of formats
        half = f"ends_with({text}, 'M') OR ends_with({text}, 'm')"  # it passes PM over
        clock = f"CASE WHEN {text} LIKE '____-%' THEN try_strptime({text}, {HALF_DAY}) END"
        zoned = f"strlen({text}) > 19 AND regexp_matches({text}, '{ZONE}')"  # and offsets
        instant = f"try_cast(replace(replace({text}, ' +', '+'), ' -', '-') AS TIMESTAMPTZ)"
        whens = (
            f"WHEN strlen({text}) <= 10 THEN try_cast({text} AS TIMESTAMP) WHEN {half} THEN {clock} "
            f"WHEN {zoned} THEN timezone('UTC', {instant}) ELSE try_cast({text} AS TIMESTAMP)"
        )
        read = f"greatest(CASE {whens} END, {NO_YEAR})"
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
    if family == "compact":  # 20260504
        return f"CASE WHEN regexp_full_match({text}, '(19|20)\\d{{6}}') THEN try_strptime({text}, '%Y%m%d') END"
    if family == "year-first":
        return _date_way(f"regexp_replace({text}, '{SHORT}', '20\\1-\\2-\\3\\4')", "iso")
    if family in ORDERS:  # a spreadsheet has dates beside text
        return f"coalesce({_slashed(text, *ORDERS[family])}, {_date_way(text, 'iso')})"
    if family == "named-month":
        text = f"regexp_replace(regexp_replace({text}, '(?i) del? ', ' ', 'g'), '(?i)jui([ln])', 'ju\\1')"
        for written, slashed in NAMED.items():
            text = f"regexp_replace({text}, '{written}', '{slashed}')"
        number = f"(list_position({MONTHS}, lower({text}[:3])) - 1) % 12 + 1"
        return _slashed(f"({number} || {text}[4:])", *ORDERS["month-first"])
    formats = ", ".join(map(quote, DATES.get(family, [family])))
    read = f"try_strptime({text}, [{formats}])"
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


def number_ways(text: str, decimal: str = "") -> dict[str, str]:
    """Return the SQL of each way to read a number; only the one of the decimal sign that the user gave."""
    plain = _double(text)
    bare = f"regexp_replace({text}, '{BLANK}+$', '')"
    signed = f"regexp_replace({bare}, '{NEGATIVE}', '-\\1\\2\\3')"
    grouped = {sign: _grouped(signed, sign, group) for sign, group in ((".", ","), (",", "."))}
    if decimal:
        return {decimal: grouped[decimal]}
    return {"plain": plain, "negative in ()": f"coalesce({plain}, {_double(signed)})", **grouped}


def read_number(con: Connection, column: Column, decimal: str = "") -> Readings:
    """Return how the numbers of a column are read, by file: plain, grouped, with decimal commas, in parentheses.

    Raises
    ------
    InputError
        A comma may be either and `decimal` ("," or ".") does not say which.
    """
    ways = number_ways(column.text, decimal)
    question = Question(
        {} if decimal else {sign: ways[sign] for sign in ".,"},
        "a comma may be a decimal or a thousands sign.",
        'decimal = ","  # or "."',
    )
    return _readings(con, column, ways, question)


def _double(text: str) -> str:
    """SQL of a plain number; the engine would take 1_0 for 10."""
    return f"CASE WHEN NOT contains({text}, '_') THEN try_cast({text} AS DOUBLE) END"


def _grouped(text: str, decimal: str, group: str) -> str:
    """SQL of a number with thousands apart, by a sign, a blank or an apostrophe."""
    groups = f"(?:[{group}]|{BLANK}|{APOSTROPHE})"
    pattern = rf"^-?([1-9]\d{{0,2}}({groups}\d{{3}})+|\d+)([{decimal}]\d*)?$"
    number = f"try_cast(replace(regexp_replace({text}, '{groups}', '', 'g'), '{decimal}', '.') AS DOUBLE)"
    return f"CASE WHEN regexp_matches({text}, '{pattern}') THEN {number} END"


def duration_ways(text: str, forms: Sequence[str], day_hours: float = 24.0) -> dict[str, str]:
    """Return the SQL of each way to read a duration; of a plain `number`, a test without its value."""
    ways = {
        "number": f"CASE WHEN {_simple(text)} THEN 1 END",
        "clock": _clock(text),
        "words": _words(text, day_hours),
        "epoch": _epoch(text),
    }
    return {form: sql for form, sql in ways.items() if form in forms}


def read_duration(
    con: Connection, column: Column, forms: Sequence[str], unit: str, decimal: str = "", day_hours: float = 24.0
) -> Readings:
    """Return how the hours of a duration column are read, by file.

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
    ways, found = duration_ways(column.text, forms, day_hours), []
    for best, files in _settle(con, column, ways).items():
        others = _unread(ways, best)
        if best != "number":
            found.append((files, Reading(ways[best], others)))
            continue
        for own, number in read_number(con, column.of(files), decimal):
            reading = Reading(f"({number.sql}) * {UNITS[unit]!r}", number.unread + others)
            found.append((own or files, reading))
    return found


def has_numbers(con: Connection, column: Column) -> bool:
    """Return whether a column has plain numbers, which need a unit to be durations."""
    return _counts(con, column.relation, f"CASE WHEN {_simple(column.text)} THEN 1 END")[0] > 0


def _simple(text: str) -> str:
    """SQL test for a cell that is a plain number."""
    return f"regexp_matches({text}, '^[(\\x{{2212}}-]?([\\d.,]|{BLANK}|{APOSTROPHE})+[)-]?$')"


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
    low = f"regexp_replace(regexp_replace(lower({text}), '^pt', ''), '(\\d),(\\d)', '\\1.\\2', 'g')"
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


def _settle(con: Connection, column: Column, ways: dict[str, str]) -> dict[str, Files]:
    """Return the files of each way: the way that reads all cells of all files, else of each the most of its cells.

    The earlier one counts where two read as many. Others are counted only where they read a cell that the first
    does not: most are slow.
    """
    first, *others = ways
    if column.sure or not others:
        return {first: ()}
    unread = f"{column.relation} WHERE {column.text} IS NOT NULL AND {ways[first]} IS NULL"
    more = _counts(con, unread, *(ways[name] for name in others))
    names = [first, *(name for name, count in zip(others, more, strict=True) if count)]
    if len(names) == 1:
        return {first: ()}
    counted = ", ".join(f"count({sql})" for sql in (column.text, *(ways[name] for name in names)))
    rows = con.execute(f"SELECT file, {counted} FROM {column.relation} GROUP BY file ORDER BY file").fetchall()
    there, *read = (sum(counts) for counts in list(zip(*rows, strict=True))[1:])
    if there in read:
        return {names[read.index(there)]: ()}
    found: dict[str, Files] = {}
    for file, _, *counts in rows:
        best = names[counts.index(max(counts))]
        found[best] = (*found.get(best, ()), file)
    return found if len(found) > 1 else dict.fromkeys(found, ())


def _counts(con: Connection, relation: str, *expressions: str) -> tuple[int, ...]:
    """How many rows each expression has a value for."""
    return con.execute(f"SELECT {', '.join(f'count({sql})' for sql in expressions)} FROM {relation}").fetchall()[0]
