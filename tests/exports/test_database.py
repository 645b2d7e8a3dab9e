"""A help desk's database read by URL: tables, and every way in which the entry in rhem.toml can be wrong."""

import sqlite3
from contextlib import closing

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError

SETTINGS = 'name = "T"\ntime_zone = "America/New_York"\n'
SECONDS_OF_GLPI = "SELECT id, tickets_id, begin, date, actiontime, users_id_tech FROM tasks"
TICKETS_OF_GLPI = "SELECT id, entities_id, date, itilcategories_id, type FROM tickets"


def asked(path, query):
    return f'[[files]]\npath = "{path}"\nquery = "{query}"\n'


@pytest.fixture
def helpdesk(workspace):
    """Workspace with the tables of a GLPI, and a function that writes the entries of [[files]]."""
    folder = workspace({})
    with closing(sqlite3.connect(folder / "helpdesk.db")) as database:
        database.executescript(
            "CREATE TABLE tasks (id, tickets_id, date, begin, actiontime, users_id_tech, content);"
            "INSERT INTO tasks VALUES (1, 50, '2026-03-31 23:10:00', '2026-03-31 23:00:00', 1440, 3, 'a note'),"
            "(2, 50, '2026-04-01 09:00:00', NULL, 5400, 3, 'more'),"
            "(3, 50, '2026-04-01 09:00:00', NULL, NULL, 3, '');"
            "CREATE TABLE tickets (id, entities_id, name, date, itilcategories_id, type);"
            "INSERT INTO tickets VALUES (50, 'Nord Dental', 'x', '2026-03-30 10:00:00', 4, 1);"
        )

    def write(*entries):
        (folder / "rhem.toml").write_text(SETTINGS + "".join(entries))
        return folder

    return write


def test_tables_of_a_database_become_entries_and_tickets(helpdesk):
    url = "sqlite:///helpdesk.db"
    work = rhem.load(helpdesk(asked(url, SECONDS_OF_GLPI), asked(url, TICKETS_OF_GLPI)))
    entries = work.time_entries.df().sort_values("source_row")
    assert entries[["client", "hours", "work_class"]].values.tolist() == [
        ["Nord Dental", 0.4, "reactive"],
        ["Nord Dental", 1.5, "reactive"],
    ]
    assert entries["worked_on"].dt.strftime("%Y-%m-%d").tolist() == ["2026-03-31", "2026-04-01"]
    assert work.account.files["path"].tolist() == [f"{url}, query 1", f"{url}, query 2"]
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[4, "unreadable-hours"]]


@pytest.mark.parametrize(
    ("path", "query", "wording"),
    [
        (
            "sqlite:///helpdesk.db",
            "",
            "query 1: no query is given for this database. Add to its entry of [[files]]",
        ),
        (
            "sqlite:///typo.db",
            "SELECT 1",
            "there is no such database file. The path counts from the workspace folder",
        ),
        ("sqlite:///helpdesk.db", "SELECT * FROM gone", "does not answer the query: no such table: gone. Mend"),
        ("sqlite:///helpdesk.db", "SELEKT", "by one SELECT, and 'SELEKT' is something else. Ask"),
        (
            "sqlite:///helpdesk.db",
            "SELECT id, content FROM tasks",
            "no profile knows these columns. For example: id",
        ),
        ("sqlite:///helpdesk.db", "SELECT id FROM tasks", "the first line is not a header of several columns"),
        (
            "http://example.org/x.csv",
            "SELECT 1",
            "http://...: this is not the address of a database. Write it like",
        ),
        ("postgresql+psycopg2://ann:secret@db/x", "SELECT 1", "the driver of this database, 'psycopg2', is not"),
    ],
)
def test_a_wrong_entry_gives_one_clear_message(helpdesk, path, query, wording):
    folder = helpdesk(asked(path, query))
    with pytest.raises(InputError) as raised:
        rhem.load(folder)
    assert wording in str(raised.value)
    assert "secret" not in str(raised.value)
    assert not (folder / "typo.db").exists()


def test_the_password_of_a_database_is_in_no_message(helpdesk):
    with pytest.raises(InputError) as raised:
        rhem.load(helpdesk(asked("sqlite://ann:secret@/helpdesk.db", "SELECT 1")))
    assert "secret" not in str(raised.value)
