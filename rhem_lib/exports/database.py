"""Rows of an SQL database, read by URL, as the same text cells that a file gives."""

from pathlib import Path

from rhem_lib.errors import InputError, say
from rhem_lib.exports.workbooks import Sheet, text_of
from rhem_lib.settings import FileSettings

QUERY = 'query = "select ... from ..."'


def query(entry: FileSettings, folder: Path, number: int) -> Sheet:
    """Label (without the password), header and rows of a query of rhem.toml.

    Parameters
    ----------
    entry : FileSettings
        `path` is a SQLAlchemy address, such as sqlite:///helpdesk.db or postgresql://user:password@host/name.
    folder : Path
        Workspace, from which the path of an SQLite file counts.
    number : int
        Which of the workspace's queries it is, counted from 1.

    Raises
    ------
    InputError
        The address cannot be read, its driver is not installed, there is no such database, or the query fails.
    """
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    try:
        url = make_url(entry.path)
        label = f"{url.render_as_string(hide_password=True)}, query {number}"
        if not entry.query.strip():
            raise InputError("no query is given for this database.", where=label, fix=say(label, QUERY))
        if url.get_backend_name() == "sqlite" and url.database:
            file = folder / url.database
            _check_sqlite(file, label)
            url = url.set(database=str(file))
        with create_engine(url).connect() as connection:
            found = connection.execute(text(entry.query))
            rows = [(number, [text_of(cell) for cell in row]) for number, row in enumerate(found, 2)]
            return label, list(found.keys()), rows
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InputError(
            "this is not the address of a database.",
            where=entry.path.split("://")[0] + "://...",
            fix="Write it like this in rhem.toml:\n[[files]]\n"
            f'path = "sqlite:///file.db"  # or "postgresql://user:password@host/name"\n{QUERY}',
        ) from None
    except ModuleNotFoundError as problem:
        raise InputError(
            f"the driver of this database, '{problem.name}', is not installed.",
            where=label,
            fix="Install it into the environment of rhem with pip, or export the tables as CSV.",
        ) from None
    except SQLAlchemyError as problem:
        said = str(getattr(problem, "orig", None) or problem).splitlines()[0][:200]
        raise InputError(
            f"the database does not answer the query: {said}.",
            where=label,
            fix="Mend the address or the query of this entry of [[files]] in rhem.toml.",
        ) from None


def _check_sqlite(path: Path, label: str) -> None:
    """Refuse a file that is not there: the driver would make an empty one."""
    if not path.is_file():
        fix = "The path counts from the workspace folder: sqlite:///helpdesk.db lies beside rhem.toml."
        raise InputError("there is no such database file.", where=label, fix=fix)
