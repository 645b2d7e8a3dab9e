"""Typed rows that say again what another row says: duplicates, earlier states, and what only looks alike."""

from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from rhem_lib.exports.files import quote
from rhem_lib.settings import Settings, normal_name

NUMBER = "keyed, profile"
FACT = "hash(worked_on, started_at, ended_at, hours, work_type, lower(technician), billable, entered_at)"
VISIT = "ticket_id, client, lower(technician), started_at, ended_at, hours, work_type"
DAYS = {"time_entries": "max(worked_on)", "tickets": "max(opened_at)"}  # the last of a file tells its age
Connection = duckdb.DuckDBPyConnection


class Suspects(NamedTuple):
    """Time entries that count, although they may be others once more."""

    entries: int = 0
    hours: float = 0.0


def mark_repeats(con: Connection, table: str, keyed: bool, settings: Settings) -> tuple[Suspects, Suspects]:
    """Give rows that repeat another one the reason 'duplicate', or 'superseded' for earlier states of it.

    A row repeats an earlier one when all its cells are the same, when its key is (monthly files that overlap), or,
    in exports without a key, when one technician has the same start, end and hours on the same ticket. Two
    technicians on one visit are two entries. Of tickets and time entries with one key, the last row counts, in the
    file that goes on longest; but an entry of another client or ticket is another entry.

    Parameters
    ----------
    table : str
        View typed_<table>, whose rows are marked where they are stored (part, place).
    keyed : bool
        Whether all files of the table have keys.

    Returns
    -------
    Entries that share the number of another one, and entries without a number that are in two files.
    """
    shared = Suspects()
    hours = "hours" if table == "time_entries" else "NULL AS hours"
    ages = (
        "SELECT source_file, row_number() OVER (ORDER BY last, source_file) AS age FROM "
        f"(SELECT source_file, {DAYS.get(table, 'NULL')} AS last FROM typed_{table} GROUP BY source_file)"
    )
    for what, when, reasons in _repeat_tests(table, keyed, settings):
        rows = f"SELECT *, hash({what}) AS digest FROM typed_{table} WHERE reason IS NULL AND {when}"
        digests = np.sort(con.execute(f"SELECT digest FROM ({rows})").fetchnumpy()["digest"])
        twice = np.unique(digests[1:][digests[1:] == digests[:-1]])
        if not len(twice):
            continue
        con.register("repeated", pa.table({"digest": twice}))
        con.execute(
            f"CREATE OR REPLACE TABLE repeats AS SELECT part, place, {NUMBER}, {hours}, "
            f"CASE {reasons} END AS reason FROM ({rows}) SEMI JOIN repeated USING (digest) "
            f"JOIN ({ages}) USING (source_file)"
        )
        found = con.execute("SELECT DISTINCT part, reason FROM repeats WHERE reason IS NOT NULL").fetchall()
        for part, reason in found:
            places = f"SELECT place FROM repeats WHERE part = '{part}' AND reason = '{reason}'"
            con.execute(f"UPDATE {part} SET reason = '{reason}' WHERE rowid IN ({places})")
        if table == "time_entries" and what == NUMBER:
            shared = _suspects(
                con, f"FROM repeats WHERE reason IS NULL QUALIFY count(*) OVER (PARTITION BY {NUMBER}) > 1"
            )
    return shared, _alike(con) if table == "time_entries" and not keyed else Suspects()


def _suspects(con: Connection, rows: str, entries: str = "count(*)") -> Suspects:
    return Suspects(
        *con.execute(f"SELECT coalesce({entries}, 0), coalesce(sum(hours), 0) FROM ({rows})").fetchall()[0]
    )


def _repeat_tests(table: str, keyed: bool, settings: Settings) -> list[tuple[str, str, str]]:
    """What rows that may be one have in common, which rows may be, and why all but one of them are left out."""
    first, last = "age, source_row", "age DESC, source_row DESC"

    def all_but_one(what: str, order: str, reason: str) -> str:
        return f"WHEN row_number() OVER (PARTITION BY {what} ORDER BY {order}) > 1 THEN '{reason}'"

    day = ", as_of" if table == "endpoints" else ""  # the same device on two days is two facts
    states = all_but_one(NUMBER, last, "superseded")
    if table == "time_entries":  # lists made by hand may all start at 1
        entry = f"{NUMBER}, {_one_name(settings)}, coalesce(ticket_id, lower(technician))"
        whole = (
            f"OVER (PARTITION BY {entry} ORDER BY {last} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
        )
        states = f"WHEN {FACT} <> first({FACT}) {whole} THEN 'superseded' "
        states += all_but_one(f"{entry}, {FACT}", first, "duplicate")
    elif table != "tickets":
        states = all_but_one(NUMBER, first, "duplicate")
    cells = f"row_hash, profile{day}"
    tests = [
        (cells, "row_hash <> 0", all_but_one(cells, first, "duplicate")),
        (NUMBER, "keyed IS NOT NULL", states),
    ]
    if table == "time_entries" and not keyed:  # a start that is a bare day tells no visits apart
        clock = "started_at <> date_trunc('day', started_at)"
        bare = f"keyed IS NULL AND {clock} AND technician IS NOT NULL"
        tests.append((VISIT, bare, all_but_one(VISIT, first, "duplicate")))
    return tests


def _one_name(settings: Settings) -> str:
    """SQL of a client's name, case and blanks forgiven: the one that rhem.toml gives to its aliases."""
    name = "lower(regexp_replace(trim(client), '\\s+', ' ', 'g'))"
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
        "any_value(hours) AS hours FROM typed_time_entries WHERE reason IS NULL AND keyed IS NULL "
        "AND coalesce(ticket_id, technician) IS NOT NULL GROUP BY ALL"
    )
    twice = (
        "SELECT sum(n) - max(n) AS entries, any_value(hours) * (sum(n) - max(n)) AS hours "
        f"FROM ({per_file}) GROUP BY profile, client, ticket_id, fact HAVING count(*) > 1"
    )
    return _suspects(con, twice, "sum(entries)::BIGINT")
