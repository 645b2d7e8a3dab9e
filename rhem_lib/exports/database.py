"""Rows of an SQL database, read by URL, as the same text cells that a file gives; a query only reads."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from rhem_lib.errors import InputError, say
from rhem_lib.exports.workbooks import Sheet, text_of
from rhem_lib.settings import SHOWN_KEYS, FileSettings, masked, secret

QUERY = 'query = "select ... from ..."'
ASIDE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[\w .-]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
# What systems read otherwise than `ASIDE`, which could hide a word: then no part of the query is left out.
OPEN = re.compile(r"\\|\$\w*\$|/\*!|--\S|[\"`\]](?:\s|/\*.*?\*/|--[^\n]*)*\(", re.DOTALL)
READS = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)
CHANGES = re.compile(
    r";\s*\S|\b(?:insert|update|delete|merge|into|drop|alter|create|truncate|attach|vacuum|grant|exec|execute|"
    r"load_extension|load_file|(?:pg|lo|xp|utl|dbms)_\w+|dblink\w*|set_config|\w+_to_xml\w*|"
    r"sleep|benchmark|(?:get|release)(?:_all)?_locks?|waitfor|"  # act on the server outside of a transaction
    r"open(?:rowset|query|datasource)|shutdown|dbcc|(?:backup|restore)\s+(?:database|log))\b|\bu&['\"]",
    re.IGNORECASE,
)
READ_ONLY = {  # of a transaction, where a system has such a thing; others are held by the words of the query alone
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}
ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def query(entry: FileSettings, folder: Path, number: int) -> Sheet:
    """Label (without secrets), header and rows of a query of rhem.toml.

    Parameters
    ----------
    entry : FileSettings
        `path` is a SQLAlchemy address, such as sqlite:///helpdesk.db or postgresql://user@host/name, and
        `password` says where its password is.
    folder : Path
        Workspace, from which the path of an SQLite file counts.
    number : int
        Which of the workspace's queries it is, counted from 1.

    Raises
    ------
    InputError
        The address cannot be read, its driver is not installed, there is no such database, the query is not one
        SELECT, or it fails.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    label, password = f"{masked(entry.path)}, query {number}", secret(entry.password)
    _check_query(entry.query, label)
    try:
        url = make_url(entry.path)
        password = password or str(url.password or "")
        hidden = [password, *(str(v) for k, v in url.query.items() if k.lower() not in SHOWN_KEYS)]
        header, rows = _answer(url.set(password=password or None), entry.query, folder, label)
        return label, header, [(number, [text_of(cell) for cell in row]) for number, row in enumerate(rows, 2)]
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InputError(
            "this is not the address of a database.",
            where=entry.path.split("://")[0] + "://...",
            fix="Write it like this in rhem.toml:\n[[files]]\n"
            f'path = "sqlite:///file.db"  # or "postgresql://user@host/name"\n'
            f'password = "env:HELPDESK"  # the variable that holds it\n{QUERY}',
        ) from None
    except ModuleNotFoundError as problem:
        raise InputError(
            f"the driver of this database, '{problem.name}', is not installed.",
            where=label,
            fix="Install it into the environment of rhem with pip, or export the tables as CSV.",
        ) from None
    except (SQLAlchemyError, sqlite3.Error) as problem:
        reason = masked(str(getattr(problem, "orig", None) or problem).splitlines()[0][:200], *hidden)
        raise InputError(
            f"the database does not answer the query: {reason}.",
            where=label,
            fix="Mend the address or the query of this entry of [[files]] in rhem.toml.",
        ) from None


def _check_query(given: str, label: str) -> None:
    """Refuse what is not one SELECT; literals, quoted names and comments may hold any word."""
    if not given.strip():
        raise InputError("no query is given for this database.", where=label, fix=say(label, QUERY))
    bare = given if OPEN.search(given) else ASIDE.sub(" ", given)
    found = CHANGES.search(bare)
    if not READS.match(bare) or found:
        word = f"'{found[0].strip()}'" if found else f"'{bare.split()[0] if bare.split() else ''}'"
        raise InputError(
            f"a query only reads, by one SELECT, and {word} is something else.",
            where=label,
            fix=f"Ask for the rows alone: {QUERY}. A column of that name is written in quotes.",
        )


def _answer(url: Any, given: str, folder: Path, label: str) -> tuple[list[str], list[Any]]:
    """Header and rows of a query on a connection that cannot write."""
    from sqlalchemy import create_engine

    if url.get_backend_name() == "sqlite":
        with closing(_sqlite(folder / url.database if url.database else None, label)) as database:
            found = database.execute(given)
            return [column[0] for column in found.description], found.fetchall()
    engine = create_engine(url)
    with engine.connect() as connection:
        held = READ_ONLY.get(engine.dialect.name)
        if held:
            connection.exec_driver_sql(held)
            if "SESSION" in held:
                connection.rollback()  # it counts from the next transaction on
        result = connection.execution_options(no_parameters=True).exec_driver_sql(given)
        return list(result.keys()), list(result)


def _sqlite(path: Path | None, label: str) -> sqlite3.Connection:
    """Open an SQLite file read-only, for nothing but SELECT: no ATTACH, VACUUM INTO, PRAGMA or extension."""
    if path is None or not path.is_file():
        fix = "The path counts from the workspace folder: sqlite:///helpdesk.db lies beside rhem.toml."
        raise InputError("there is no such database file.", where=label, fix=fix)
    opened = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)

    def allow(action: int, _: Any, name: Any, *__: Any) -> int:
        fine = action in ALLOWED and str(name).lower() != "load_extension"
        return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY

    opened.execute("PRAGMA query_only = ON")
    opened.set_authorizer(allow)
    return opened
