"""Typed rows that say again what another row says: duplicates, earlier states, and what only looks alike."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from rhem_lib.exports.files import quote
from rhem_lib.exports.match_profile import day_of_name, source_stem
from rhem_lib.exports.profiles import GONE
from rhem_lib.interfaces import PULLED
from rhem_lib.settings import Settings, normal_name

NUMBER = "keyed, profile"
FACT = "hash(worked_on, started_at, ended_at, hours, work_type, lower(technician), billable, entered_at)"
VISIT = "ticket_id, client, lower(technician), started_at, ended_at, hours, work_type"
ROW = "source_file || ':' || source_row"  # in place of a key where the cell is empty
CLOCK = "started_at <> date_trunc('day', started_at)"  # a start that is a bare day tells no visits apart
# Rows of which one file may hold several that are alike: a rounded quarter of an hour, a computer without a name.
TWINS = {
    "time_entries": f"coalesce(keyed = {ROW}, true) AND ({CLOCK} AND technician IS NOT NULL) IS NOT TRUE",
    "endpoints": "device_id IS NULL AND count = 1",
}
SAME_SUMS, SAME_ROWS = 3, 20  # clients and months with the same hours in two files, and their entries
SAME_WORK = "profile, ticket_id, started_at, hours, technician"  # of a deleted entry without its number
# How browsers number the downloads of one name, and systems name copies: a (1).csv, a - Copy.csv, Copy of a.csv
COPY = re.compile(
    r"\((\d+)\)|(?<![a-z])(?:copy|kopie|copie|copia|kopia)(?![a-z])(?: (?:of|von|de|di)\b)?(?: (\d+))?",
    re.IGNORECASE,
)
Connection = duckdb.DuckDBPyConnection


class Suspects(NamedTuple):
    """Time entries that count, although they may be others once more."""

    entries: int = 0
    hours: float = 0.0


class Undecided(NamedTuple):
    """Time entries in different states of two files, or of one (no other), where nothing says which is later."""

    entries: int = 0
    first: str = ""
    other: str = ""


class Repeats(NamedTuple):
    """Time entries that may be one: with one number, alike without a number, in two states.

    Those without a number are `twins` in one file, `sums` where they are those of rows above them (set aside),
    `again` in another file with all cells the same (set aside), and `alike` in another file but for cells that
    nobody reads. `same` are files whose hours by client and month another file has as well, and whether of all.
    """

    shared: Suspects = Suspects()
    alike: Suspects = Suspects()
    twins: Suspects = Suspects()
    again: Suspects = Suspects()
    sums: Suspects = Suspects()
    undecided: Undecided = Undecided()
    same: tuple[tuple[str, str, bool], ...] = ()


def file_ages(saved: Mapping[str, int]) -> pa.Table:
    """Return the age of each file by its own time: the day in its name where all have one, else when it was saved.

    Parameters
    ----------
    saved : mapping
        When each file was saved, in seconds, by label.

    Returns
    -------
    Table
        source_file, age: a number that rises, and is the same for files of one time.
    """
    days = {name: pulled["at"] if (pulled := PULLED.match(name)) else day_of_name(name)[0] for name in saved}
    named = all(days.values())
    copies = {label: max((int(max(n) or 1) for n in COPY.findall(label)), default=0) for label in saved}
    times = {label: (days[label] if named else f"{when:012}", copies[label]) for label, when in saved.items()}
    ranks = {time: rank for rank, time in enumerate(sorted(set(times.values())))}
    return pa.table({"source_file": list(times), "age": [ranks[time] for time in times.values()]})


def mark_repeats(
    con: Connection,
    table: str,
    keyed: bool,
    settings: Settings,
    saved: Mapping[str, int],
    timed: Collection[str],
    gone: Collection[str],
) -> Repeats:
    """Give rows that repeat another one the reason 'duplicate', or 'superseded' for earlier states of it.

    A row repeats an earlier one when all its cells are the same, when its key is (monthly files that overlap),
    or, in exports without a key, when one technician has the same start, end and hours on the same ticket. Two
    technicians on one visit are two entries, and so are rows of one file that are alike and have no key, and no
    clock or nobody named: of two files that hold such rows, the one with more of them counts. Of tickets and time
    entries with one key, the state that was changed last counts, else that of the later file (`file_ages`); an
    entry of another client or ticket is another entry.

    Parameters
    ----------
    table : str
        View typed_<table>, whose rows are marked where they are stored (part, place).
    keyed : bool
        Whether all files of the table have keys.
    saved : mapping
        When each file was saved, in seconds, by label.
    timed : collection of str
        Files with time entries. What they repeat of a ticket counts where no list of tickets holds it.
    gone : collection of str
        Reasons for which the systems themselves take a record out.
    """
    found = Repeats()
    work = table == "time_entries"
    facts = f"hours, client, ticket_id, {FACT} AS fact" if work else "client, NULL AS hours"
    con.register("file_ages", file_ages(saved))
    twin = TWINS.get(table, "false")
    copy = f"IF({twin}, row_number() OVER (PARTITION BY row_hash, source_file ORDER BY source_row), 0) AS copy"
    if work:
        found = found._replace(sums=_mark_sums(con))
    if table == "endpoints":
        _mark_copies(con, saved)
    _mark_deleted(con, table, gone)
    for what, when, reasons in _repeat_tests(table, keyed, settings, timed):
        rows = f"SELECT *, hash({what}) AS digest FROM typed_{table} WHERE reason IS NULL AND {when}"
        digests = np.sort(con.execute(f"SELECT digest FROM ({rows})").fetchnumpy()["digest"])
        twice = np.unique(digests[1:][digests[1:] == digests[:-1]])
        if not len(twice):
            continue
        con.register("repeated", pa.table({"digest": twice}))
        con.execute(
            f"CREATE OR REPLACE TABLE repeats AS SELECT part, place, {NUMBER}, {facts}, source_file, changed_at, "
            f"age, copy, CASE {reasons} END AS reason FROM (SELECT *, {copy} FROM ({rows}) "
            "SEMI JOIN repeated USING (digest) JOIN file_ages USING (source_file))"
        )
        _mark(con)
        found = _counted(con, found, what, work=work)
    if work and not keyed:
        found = found._replace(alike=_alike(con))
    return found._replace(same=_same_sums(con, saved)) if work else found


def _counted(con: Connection, found: Repeats, what: str, *, work: bool) -> Repeats:
    """Return what is found with what the rows of the table `repeats`, marked, say of it."""
    if work and what == NUMBER:
        again = f"FROM repeats WHERE reason IS NULL QUALIFY count(*) OVER (PARTITION BY {NUMBER}, hours < 0) > 1"
        return found._replace(shared=_suspects(con, again), undecided=_undecided(con))
    if what == NUMBER:
        of_two = "HAVING count(DISTINCT lower(trim(client))) > 1 AND count(changed_at) = 0"
        rows = f"SELECT 0 AS hours FROM repeats GROUP BY {NUMBER}, source_file {of_two}"
        return found._replace(shared=_suspects(con, rows))
    if work and what != VISIT:
        return found._replace(
            twins=_suspects(con, "FROM repeats WHERE copy > 1 AND reason IS NULL"),
            again=_suspects(con, "FROM repeats WHERE copy > 0 AND reason IS NOT NULL"),
        )
    return found


def _mark(con: Connection) -> None:
    """Give the rows of the table `repeats` their reason where they are stored."""
    for part, reason in con.execute("SELECT DISTINCT part, reason FROM repeats WHERE reason <> ''").fetchall():
        places = f"SELECT place FROM repeats WHERE part = '{part}' AND reason = '{reason}'"
        con.execute(f"UPDATE {part} SET reason = '{reason}' WHERE rowid IN ({places})")


def _mark_sums(con: Connection) -> Suspects:
    """Set aside the rows of a file that miss most values if each is the sum of the rows since another, or of all.

    Half hours add up by chance: sums of few rows must miss two values that all other rows have.
    """
    number = f"CASE WHEN starts_with(keyed, source_file) THEN nullif(keyed, {ROW}) ELSE keyed END"
    blank = ("ticket_id", "technician", "work_type", "started_at", number)
    mask = " + ".join(f"({sql} IS NULL)::INT * {1 << place}" for place, sql in enumerate(blank))
    rows = f"(SELECT *, {mask} AS mask FROM typed_time_entries WHERE reason IS NULL)"
    others = "ORDER BY bit_count(mask), n DESC, mask ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    near = "abs({0}) < 1e-6 + 0.006 * sqrt({1})"  # each may be rounded to hundredths
    con.execute(
        "CREATE OR REPLACE TABLE repeats AS WITH barest AS ("
        f"SELECT source_file, mask AS bare, top, n, bit_count(mask & ~bit_or(mask) OVER (file {others})) AS lost "
        f"FROM (SELECT source_file, mask, count(*) AS n, min(source_row) AS top FROM {rows} GROUP BY ALL) "
        "WINDOW file AS (PARTITION BY source_file) "
        "QUALIFY row_number() OVER (file ORDER BY bit_count(mask) DESC, n, mask DESC) = 1 AND lost > 0), "
        # Nearly all files end here, before their rows are put in order: the first of these rows is no sum.
        "summed AS (SELECT source_file, bare, lost FROM barest JOIN "
        f"{rows} USING (source_file) WHERE source_row <= top GROUP BY ALL "
        f"HAVING {near.format('sum(IF(source_row = top, -hours, hours))', 'count(*)')}), "
        "sums AS (SELECT *, coalesce(lag(upto) OVER file, 0) AS before, coalesce(lag(seen) OVER file, 0) AS known "
        "FROM (SELECT *, sum(IF(mask = bare, 0, hours)) OVER file AS upto, "
        f"count(*) FILTER (mask <> bare) OVER file AS seen FROM {rows} JOIN summed USING (source_file) "
        "WINDOW file AS (PARTITION BY source_file ORDER BY source_row)) "
        "WHERE mask = bare WINDOW file AS (PARTITION BY source_file ORDER BY source_row)) "
        "SELECT part, place, hours, 'total-row' AS reason FROM sums WINDOW file AS (PARTITION BY source_file) "
        f"QUALIFY bool_and({near.format('upto - before - hours', 'seen')} "
        f"OR {near.format('upto - hours', 'seen')}) OVER file "
        "AND max(seen) OVER file > IF(lost > 1, 1, 2) * count(*) FILTER (seen > known) OVER file"
    )
    _mark(con)
    return _suspects(con, "FROM repeats")


def _mark_copies(con: Connection, saved: Mapping[str, int]) -> None:
    """Set endpoints aside where a later download of the same list, `pcs (1).csv`, has the client and day as well.

    Downloads that share no device of a client are parts of a list, and both count.
    """
    series = {label: re.sub("[ _-]", "", COPY.sub("", label)) for label in saved}
    if len({*series.values()}) == len(series):
        return
    con.register("series", pa.table({"source_file": list(series), "series": list(series.values())}))
    rows = "FROM typed_endpoints JOIN series USING (source_file) JOIN file_ages USING (source_file)"
    con.execute(
        f"CREATE OR REPLACE TABLE repeats AS SELECT part, place, 'superseded' AS reason FROM typed_endpoints "
        f"SEMI JOIN (SELECT o.source_file, o.client, o.as_of FROM (SELECT * {rows}) o JOIN (SELECT * {rows}) n "
        "USING (series, profile, client, as_of) "
        "WHERE o.age < n.age AND o.device_id IS NOT DISTINCT FROM n.device_id) "
        "USING (source_file, client, as_of) WHERE reason IS NULL"
    )
    _mark(con)


def _mark_deleted(con: Connection, table: str, reasons: Collection[str]) -> None:
    """Set aside the states of a record before it was deleted or rejected; one restored since counts."""
    if table not in ("time_entries", "tickets"):
        return
    listed = ", ".join(map(quote, sorted({*reasons, GONE[table]})))
    gone = f"FROM typed_{table} JOIN file_ages USING (source_file) WHERE reason IN ({listed})"
    if not con.execute(f"SELECT 1 {gone} LIMIT 1").fetchall():
        return
    con.execute(f"CREATE OR REPLACE TABLE gone AS {gone}")
    tests = [(NUMBER, "keyed IS NOT NULL")]
    if table == "time_entries":
        tests.append((SAME_WORK, "keyed IS NULL"))
    for same, when in tests:
        if con.execute(f"FROM gone SELECT 1 WHERE {when} LIMIT 1").fetchall():
            con.execute(
                "CREATE OR REPLACE TABLE repeats AS SELECT t.part, t.place, min(g.reason) AS reason "
                f"FROM typed_{table} t JOIN file_ages f USING (source_file) JOIN gone g USING ({same}) "
                f"WHERE t.reason IS NULL AND g.{when} "
                f"AND IF(g.reason = '{GONE[table]}', coalesce(t.changed_at <= g.changed_at, f.age <= g.age), "
                "coalesce(t.changed_at < g.changed_at, f.age < g.age)) GROUP BY ALL"
            )
            _mark(con)


def mark_on_deleted(con: Connection) -> None:
    """Set time on deleted tickets aside: it went with them."""
    gone = f"SELECT ticket_id, profile FROM typed_tickets WHERE reason = '{GONE['tickets']}'"
    if con.execute(f"{gone} LIMIT 1").fetchall():
        con.execute(
            f"CREATE OR REPLACE TABLE repeats AS SELECT part, place, '{GONE['tickets']}' AS reason "
            f"FROM typed_time_entries SEMI JOIN ({gone}) USING (ticket_id, profile) "
            "ANTI JOIN (FROM typed_tickets WHERE reason IS NULL) USING (ticket_id, profile) WHERE reason IS NULL"
        )
        _mark(con)


def _undecided(con: Connection) -> Undecided:
    """Entries whose last states, by change and by file, are several."""
    entry = "keyed, profile, client, ticket_id, hours < 0"
    last = f"rank() OVER (PARTITION BY {entry} ORDER BY changed_at DESC NULLS LAST, age DESC)"
    found = con.execute(
        "SELECT count(*), min(first), coalesce(max(other), '') FROM ("
        "SELECT min(source_file) AS first, nullif(max(source_file), first) AS other "
        f"FROM (FROM repeats QUALIFY {last} = 1) GROUP BY {entry} HAVING count(DISTINCT fact) > 1)"
    ).fetchall()[0]
    return Undecided(*found) if found[0] else Undecided()


def _suspects(con: Connection, rows: str, entries: str = "count(*)") -> Suspects:
    return Suspects(
        *con.execute(f"SELECT coalesce({entries}, 0), coalesce(sum(hours), 0) FROM ({rows})").fetchall()[0]
    )


def _repeat_tests(
    table: str, keyed: bool, settings: Settings, timed: Collection[str]
) -> list[tuple[str, str, str]]:
    """What rows that may be one have in common, which rows may be, and why all but one of them are left out."""
    first = "age, source_row"
    # Of states of one record; where nothing tells them apart, the rows' own content and no name decides.
    last = (
        f"changed_at DESC NULLS LAST, age DESC, source_row DESC, {FACT if table == 'time_entries' else 'row_hash'}"
    )

    def all_but_one(what: str, order: str, reason: str) -> str:
        return f"WHEN row_number() OVER (PARTITION BY {what} ORDER BY {order}) > 1 THEN '{reason}'"

    if table == "tickets" and timed:
        last = f"source_file IN ({', '.join(map(quote, sorted(timed)))}), {last}"
    day = ", as_of" if table == "endpoints" else ""  # the same device on two days is two facts
    states = all_but_one(NUMBER, last, "superseded")
    if (
        table == "time_entries"
    ):  # lists made by hand may all start at 1; a credit has the number of what it corrects
        entry = f"{NUMBER}, {one_name(settings)}, coalesce(ticket_id, lower(technician)), hours < 0"
        whole = (
            f"OVER (PARTITION BY {entry} ORDER BY {last} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
        )
        states = f"WHEN {FACT} <> first({FACT}) {whole} THEN 'superseded' "
        states += all_but_one(f"{entry}, {FACT}", first, "duplicate")
    cells = f"row_hash, profile{day}"
    tests = [(cells, "row_hash <> 0", all_but_one(f"{cells}, copy", first, "duplicate"))]
    if table in ("time_entries", "tickets"):
        tests.append((NUMBER, "keyed IS NOT NULL", states))
    if table == "time_entries" and not keyed:
        bare = f"keyed IS NULL AND {CLOCK} AND technician IS NOT NULL"
        tests.append((VISIT, bare, all_but_one(VISIT, first, "duplicate")))
    return tests


def one_name(settings: Settings, client: str = "client") -> str:
    """SQL of a client's name, case and blanks forgiven: the one that rhem.toml gives to its aliases."""
    name = f"lower(regexp_replace(trim({client}), '\\s+', ' ', 'g'))"
    whens = [
        f"WHEN {quote(normal_name(alias))} THEN {quote(normal_name(client))}"
        for client, given in settings.clients.items()
        for alias in given.aliases
    ]
    return f"CASE {name} {' '.join(whens)} ELSE {name} END" if whens else name


def _alike(con: Connection) -> Suspects:
    """Count the rows without a key that are in another file as well, but for cells that nobody reads.

    Such a row may be one exported twice, or another quarter of an hour on the same ticket: it counts, and the
    user is warned.
    """
    per_file = (
        f"SELECT profile, lower(client) AS client, ticket_id, {FACT} AS fact, source_file, count(*) AS n, "
        "min(row_hash) AS cells, any_value(hours) AS hours FROM typed_time_entries "
        "WHERE reason IS NULL AND keyed IS NULL AND coalesce(ticket_id, technician) IS NOT NULL GROUP BY ALL"
    )
    twice = (
        "SELECT sum(n) - max(n) AS entries, any_value(hours) * (sum(n) - max(n)) AS hours "
        f"FROM ({per_file}) GROUP BY profile, client, ticket_id, fact HAVING count(DISTINCT cells) > 1"
    )
    return _suspects(con, twice, "sum(entries)::BIGINT")


def _same_sums(con: Connection, files: Collection[str]) -> tuple[tuple[str, str, bool], ...]:
    """Files with the hours of others for each client and month that both have, and whether that is all of them.

    One is a summary of the other, the same with other columns, or from another system with other numbers. Files
    of one source have different days.
    """
    stems = {file: source_stem(file) for file in files}
    if len({*stems.values()}) < 2:
        return ()
    con.register("stems", pa.table({"source_file": list(stems), "stem": list(stems.values())}))
    sums = (
        "SELECT stem, lower(trim(client)) AS client, date_trunc('month', worked_on) AS month, "
        "sum(hours) AS hours, min(source_file) AS file, count(*) AS n, count(keyed) AS numbers "
        "FROM typed_time_entries JOIN stems USING (source_file) WHERE reason IS NULL GROUP BY ALL"
    )
    alike = "abs(a.hours - b.hours) < 0.001"
    pairs = con.execute(
        f"WITH sums AS MATERIALIZED (SELECT *, count(*) OVER (PARTITION BY stem) AS total FROM ({sums})) "
        f"SELECT min(a.file), min(b.file), count(*) FILTER ({alike} AND a.n <= b.n) = a.total AS whole, "
        "a.stem, b.stem FROM sums a JOIN sums b USING (client, month) WHERE a.stem <> b.stem "
        "GROUP BY a.stem, b.stem, a.total HAVING (whole AND sum(a.numbers) = 0 AND sum(a.n + b.n) > 2) "
        f"OR (bool_and({alike}) AND count(*) >= {SAME_SUMS} AND sum(a.n) >= {SAME_ROWS}) ORDER BY ALL"
    ).fetchall()
    whole = {(one, other) for *_, all_of_it, one, other in pairs if all_of_it}
    return tuple(
        (file, second, all_of_it)
        for file, second, all_of_it, one, other in pairs
        if (all_of_it and (one > other or (other, one) not in whole))
        or (not all_of_it and one > other and (other, one) not in whole)
    )
