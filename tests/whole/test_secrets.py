"""Databases: a query only reads, and no password is in any byte that is written or shown."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rhem_lib as rhem
from rhem_lib.cli import app
from rhem_lib.errors import InputError, RhemError, SettingsError
from rhem_lib.exports.database import _check_query
from rhem_lib.settings import Engine, masked, secret
from rhem_lib.workspace import save

PLANTED = "hun%ter2&Zq9"
ENTRIES = "SELECT 'a;b -- :x' AS entry_id, 'Nord' AS client, '2026-03-02' AS worked_on, 1.5 AS hours"


@pytest.fixture
def asked(workspace):
    """Write a workspace whose only input is a query of an SQLite file; return its folder."""

    def write(query=ENTRIES, path="sqlite:///desk.db", more=""):
        folder = workspace({}, f'name = "T"\n[[files]]\npath = "{path}"\nquery = """{query}"""\n{more}')
        (folder / "desk.db").unlink(missing_ok=True)
        with closing(sqlite3.connect(folder / "desk.db")) as database:
            database.executescript("CREATE TABLE tasks (id, note); INSERT INTO tasks VALUES (1, 'x');")
        return folder

    return write


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE tasks",
        "DELETE FROM tasks",
        "SELECT 1; DROP TABLE tasks",
        "WITH a AS (SELECT 1) DELETE FROM tasks",
        "/* SELECT */ UPDATE tasks SET id = 2",
        "ATTACH 'new.db' AS n",
        "VACUUM INTO 'new.db'",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x.so')",
        "SELECT * INTO other FROM tasks",
        "SELECT 1 DROP TABLE tasks",
        "REPLACE INTO tasks VALUES (1, 2)",
        "EXPLAIN SELECT 1",
        "-- only a comment",
        "BEGIN; SELECT 1",
    ],
)
def test_a_query_is_one_select(asked, query):
    folder = asked(query)
    before = (folder / "desk.db").read_bytes()
    with pytest.raises(InputError, match="a query only reads, by one SELECT"):
        rhem.load(folder)
    assert (folder / "desk.db").read_bytes() == before and not (folder / "new.db").exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT array[lo_import('/etc/passwd')]",
        """SELECT "pg_read_file"('/etc/passwd')""",
        """SELECT "lo_import" /* x */ ('/etc/passwd')""",
        "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
        "SELECT 2 --1 INTO OUTFILE '/tmp/x'",
        r"SELECT '\'' INTO OUTFILE '/tmp/x', ' '",
        "SELECT $$'$$, lo_import('/etc/passwd'), $$'$$",
        r"""SELECT U&"lo\005fimport"('/etc/passwd')""",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "SELECT * FROM openquery(other, 'DROP TABLE x')",
        "SELECT 1 BACKUP DATABASE x TO DISK = 'x'",
        "SELECT pg_create_physical_replication_slot('x', true)",
        "SELECT pg_terminate_backend(1), pg_reload_conf()",
        "SELECT lo_create(0)",
        "SELECT database_to_xml(true, true, '')",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT `sleep`(86400)",
        "SELECT get_lock('a', 86400)",
    ],
)
def test_no_system_reads_a_word_that_the_check_leaves_out(query):
    with pytest.raises(InputError, match="a query only reads, by one SELECT"):
        _check_query(query, "desk")


@pytest.mark.parametrize(
    "query",
    [
        'SELECT "update", [drop] FROM [dbo].[delete] -- into',
        "SELECT 'into /* it''s */' AS a, count(\"drop\") FROM t /* update */",
        r"SELECT backup, a[1], replace(a, 'x', 'y') FROM t WHERE p LIKE 'C:\temp%'",
    ],
)
def test_names_literals_and_comments_may_hold_any_word(query):
    _check_query(query, "desk")


@pytest.mark.parametrize("words", [("ATTACH 'new.db' AS n",), ("VACUUM INTO 'new.db'",), ("DROP TABLE tasks",),
                                   ("CREATE TABLE n (x)",), ("PRAGMA query_only = OFF",)])  # fmt: skip
def test_sqlite_itself_refuses_to_write(asked, words, monkeypatch):
    monkeypatch.setattr("rhem_lib.exports.database._check_query", lambda *_: None)
    folder = asked(words[0])
    before = (folder / "desk.db").read_bytes()
    with pytest.raises(InputError, match=r"not authorized|authorization denied"):
        rhem.load(folder)
    assert (folder / "desk.db").read_bytes() == before
    assert not list(folder.rglob("new.db")) and not Path("new.db").exists()


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "path", ["sqlite:///desk.db?mode=rwc", "sqlite:///desk.db?uri=true", "sqlite+pysqlite:///desk.db"]
)
def test_literals_and_names_may_hold_any_word(asked, path):
    words = """, 'DROP :x %s ?' AS work_type, 1 AS "delete" /* ; UPDATE */"""
    work = rhem.load(asked(f"  {ENTRIES}{words} -- done\n;", path))
    entries = work.time_entries.df()
    assert entries["entry_id"].tolist() == ["a;b -- :x"]
    assert entries["work_type"].tolist() == ["DROP :x %s ?"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:pw@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann:p@w/d:x@db:5432/x", "postgresql://ann:***@db:5432/x"),
        ("mysql://:pw@db/x", "mysql://:***@db/x"),
        ("mssql://db/x?driver=ODBC&PWD=pw&password=pw", "mssql://db/x?driver=ODBC&PWD=***&password=***"),
        ("mssql+pyodbc:///?odbc_connect=Driver%3Da%3BPWD%3Dpw", "mssql+pyodbc:///?odbc_connect=***"),
        ("sc://host:15002/;token=pw;use_ssl=true", "sc://host:15002/;token=***;use_ssl=***"),
        ("snowflake://u:pw@acc/db?private_key=pw&warehouse=w", "snowflake://u:***@acc/db?private_key=***&warehouse=***"),
        ("sqlite:///a b.db", "sqlite:///a b.db"),
    ],
)  # fmt: skip
def test_addresses_are_masked(address, shown):
    assert masked(address) == shown


def test_a_secret_is_masked_however_it_is_written():
    for text in (PLANTED, "hun%25ter2%26Zq9"):
        assert masked(f"cannot log in with {text} here", PLANTED) == "cannot log in with *** here"


def test_secrets_come_from_the_environment(monkeypatch, asked):
    monkeypatch.setenv("DESK", PLANTED)
    assert secret("env:DESK") == PLANTED and secret("") == ""
    with pytest.raises(SettingsError, match=r"this secret is not there\. Set it before the command: export NONE="):
        secret("env:NONE")
    for written in (PLANTED, "env:", "env:a b", "ENV:DESK", "keyring:x"):
        with pytest.raises(SettingsError, match="write where the secret is") as raised:
            rhem.load(asked(more=f'password = "{written}"'))
        assert PLANTED not in str(raised.value)
    with pytest.raises(ValueError, match="take the token out"):
        Engine(spark="sc://host/;token=abc", tables={})


ADDRESSES = {
    "user": f"sqlite://ann:{PLANTED}@/desk.db",
    "query": f"sqlite:///desk.db?password={PLANTED}",
    "env": "sqlite:///desk.db",
    "driver": f"postgresql+psycopg2://ann:{PLANTED}@db/x?sslpassword={PLANTED}",
    "kind": f"nosuch://ann:{PLANTED}@db/x",
    "no query": f"sqlite:///desk.db?password={PLANTED}",
}


@pytest.mark.many_cases
@pytest.mark.parametrize("kind", ADDRESSES)
def test_no_byte_that_is_written_holds_a_password(asked, kind, tmp_path, monkeypatch):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    for folder in (home, temporary):
        folder.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("DESK", PLANTED)
    query = "" if kind == "no query" else ENTRIES
    folder = asked(query, ADDRESSES[kind], 'password = "env:DESK"' if kind == "env" else "")
    run = CliRunner()
    shown = [run.invoke(app, ["check", str(folder)]), run.invoke(app, ["check", str(folder), "--json"]),
             run.invoke(app, ["measure", str(folder), "--out", str(home / "panel.csv")]),
             run.invoke(app, ["measure", str(folder)])]  # fmt: skip
    try:
        save(rhem.load(folder), home / "data", "key")
        assert rhem.load(home / "data").time_entries.df()["hours"].tolist() == [1.5]
    except RhemError as problem:
        assert kind not in ("user", "query", "env"), problem
    texts = [f"{one.output} {one.exception!r}".encode() for one in shown]
    texts += [path.read_bytes() for root in (home, temporary) for path in root.rglob("*") if path.is_file()]
    assert len(texts) > 4 or kind not in ("user", "query", "env")
    for text in texts:
        for written in (PLANTED, "hun%25ter2%26Zq9", "hunter2", PLANTED[:6]):
            assert written.encode() not in text


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_database_is_read_though_it_may_not_be_written(asked):
    folder = asked()
    (folder / "desk.db").chmod(0o444)
    assert rhem.load(folder).time_entries.df()["hours"].tolist() == [1.5]
