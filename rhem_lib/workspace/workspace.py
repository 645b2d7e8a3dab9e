"""A workspace folder -> canonical tables, classified, with the account that reconciles to the last entry."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from rhem_lib.errors import InputError, OutputError
from rhem_lib.exports import (
    Profile,
    agreement_table,
    check_aliases,
    clean_tables,
    client_table,
    codes,
    connect,
    drop_typed,
    empty_columns,
    identifier,
    lock,
    null_columns,
    quote,
    quote_path,
    read_exports,
    read_profiles,
    read_queries,
    unify,
)
from rhem_lib.settings import Preset, Settings, masked, read_settings
from rhem_lib.storage import FULL, PART, Scratch, file_digest, file_states, write_whole
from rhem_lib.workspace.frames import Workspace, large_tables, open_spark, spark_tables
from rhem_lib.workspace.reconciliation import Account, reconcile
from rhem_lib.workspace.work_classes import PLACE, TICKET_COLUMNS, LabelledRule, decide, outcomes, rules_for

PREPARED = "prepared.json"  # in a folder of prepared tables, written last
RELATIONS = ("time_entries", "tickets", "endpoints")
FILED = ("time_entries", "tickets")  # they may be large
FEW_ROWS = 20_000  # up to which a table is kept in memory; larger ones take less of it as files
WORDS = ("type", "category", "subcategory", "board", "source", "priority")  # of tickets, from short lists
FRAMES = ("clients", "agreements", "quarantine")
ACCOUNT = ("table", "files", "quarantine", "warnings", "suggestions")


def load(folder: str | Path, *, until: str = "", answers: Sequence[Any] | None = None) -> Workspace:
    """Read, clean and classify everything in a workspace folder, or open the tables prepared from one.

    Where rhem.toml names an `[engine]`, the canonical tables are those in Spark, and stay there.

    Parameters
    ----------
    folder : str or Path
        A workspace, or a folder that `save` wrote.
    until : str
        A quarter such as '2026Q2', after which nothing is used; by default everything is.
    answers : sequence, optional
        Of the database queries (`read_queries`), where they have been asked already.

    Raises
    ------
    SettingsError
        rhem.toml is missing or says something that cannot be followed.
    InputError
        A file cannot be used, or changed while it was read; the message names it and what to do.
    OutputError
        The disk has no room for the time entries.
    """
    folder = Path(folder)
    # A workspace by mail may hold prepared tables, which would be its sender's figures: exports go before them.
    prepared = (folder / PREPARED).is_file() and not (folder / "rhem.toml").exists()
    work = _open(folder) if prepared else _made(folder, answers)
    return work.as_of(until) if until else work


def _made(folder: Path, answers: Sequence[Any] | None, given: Settings | None = None) -> Workspace:
    """Read, clean and classify a workspace folder, under its own settings or those given."""
    settings = given or read_settings(folder)
    if settings.engine:
        return open_spark(settings, folder)
    check_aliases(settings)
    answers = read_queries(settings, folder) if answers is None else answers
    con, scratch = connect()
    with _explained(), Scratch() as unpacked:  # free text in it goes as soon as it can
        before = file_states(folder / "exports")
        raws = read_exports(con, folder, settings, read_profiles(folder), unpacked, answers)
        found = clean_tables(con, raws, settings)
    _check_unchanged(before, folder)
    cleaned = unify(con, found, settings)
    agreements = agreement_table(cleaned)
    clients = client_table(cleaned, agreements, settings)
    profiles = tuple({raw.profile.name: raw.profile for raw in raws}.values())
    empty = {name: empty_columns(con, name) for name in FILED}
    read = cleaned.files.groupby("table")["rows"].sum()
    small = {table: read.get(table, 0) <= FEW_ROWS for table in FILED}
    tickets = _filed(con, cleaned.tickets, "tickets", empty["tickets"], scratch, small=small["tickets"])
    classified = _classified(
        cleaned.time_entries,
        _coded(con, tickets, empty["tickets"]),
        rules_for(settings, profiles, settings.preset),
        settings.preset,
        found.time_entries,
    )
    nothing = [*empty["time_entries"], *(name for name in TICKET_COLUMNS if name in empty["tickets"])]
    entries = _filed(con, classified, "time_entries", nothing, scratch, small=small["time_entries"])
    con.execute("DROP TABLE IF EXISTS people")  # names of technicians
    account = reconcile(replace(cleaned, time_entries=entries, tickets=tickets), clients, settings)
    return Workspace(
        folder, settings, entries, tickets, cleaned.endpoints, clients, agreements, cleaned.quarantine,
        lambda: account, profiles, scratch, again=lambda other: _made(folder, None, other),
    )  # fmt: skip


@contextmanager
def _explained() -> Iterator[None]:
    """Name what this computer refused while files were read, which is no fault of the files."""
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError):
        fix = "Read fewer files at once, or export fewer columns."
        raise OutputError(
            "the tables of these files do not fit into the memory of this computer.", fix=fix
        ) from None
    except FileNotFoundError as problem:
        where, fix = str(problem.filename), "Wait until its files are in place, and run the command again."
        raise InputError("this file vanished while it was read.", where=where, fix=fix) from None
    except (PermissionError, IsADirectoryError) as problem:
        raise InputError.of(problem) from None
    except (duckdb.IOException, OSError) as problem:
        full = isinstance(problem, OSError) and problem.errno in FULL
        if not full and "No space left" not in str(problem):
            raise
        fix = "Make room there, or name another folder: export TMPDIR=/path/with/room."
        raise OutputError("the temporary folder is full.", where=tempfile.gettempdir(), fix=fix) from None


def _check_unchanged(before: dict[Path, tuple[int, int]], folder: Path) -> None:
    """Refuse files that came, went, grew or were written while they were read."""
    after = file_states(folder / "exports")
    changed = sorted(before.keys() ^ after.keys()) + [file for file in before if before[file] != after.get(file)]
    if changed:
        where, fix = (
            changed[0].relative_to(folder).as_posix(),
            "Wait until it is written, and run the command again.",
        )
        raise InputError("this file changed while it was read.", where=where, count=len(changed), fix=fix)


def _coded(
    con: duckdb.DuckDBPyConnection, tickets: duckdb.DuckDBPyRelation, empty: list[str]
) -> duckdb.DuckDBPyRelation:
    """Tickets with codes in place of words that are joined to every entry."""
    rows = f"({tickets.sql_query()})"
    coded = [f"{codes(con, rows, name)} AS {name}" for name in WORDS if name not in empty]
    return tickets.select(f"* REPLACE ({', '.join(coded)})") if coded else tickets


def _classified(
    entries: duckdb.DuckDBPyRelation,
    tickets: duckdb.DuckDBPyRelation,
    rules: list[LabelledRule],
    preset: Preset,
    unnamed: duckdb.DuckDBPyRelation,
) -> duckdb.DuckDBPyRelation:
    """What `classify` gives, with codes in place of work class and rule."""
    found = []
    for name, values in zip(("work_class", "rule"), outcomes(rules, preset), strict=True):
        kind = f"ENUM({', '.join(map(quote, dict.fromkeys(values)))})"
        found.append(f"CAST([{', '.join(map(quote, values))}] AS {kind}[])[{PLACE} + 1] AS {name}")
    return decide(entries, tickets, rules, unnamed).select(f"* EXCLUDE ({PLACE}), {', '.join(found)}")


def _filed(
    con: duckdb.DuckDBPyConnection,
    rows: duckdb.DuckDBPyRelation,
    table: str,
    empty: list[str],
    folder: Path,
    *,
    small: bool,
) -> duckdb.DuckDBPyRelation:
    """Rows of a table, less empty columns, in a file and read from there; its typed rows are forgotten.

    A small table stays in memory, where each question about it takes half as long. Dictionaries are kept small:
    most columns of text hold either the same few values or all different ones.
    """
    columns = ", ".join(identifier(name) for name in rows.columns if name not in empty)
    path = folder / f"{table}.parquet"
    kept = f"SELECT {columns} FROM ({rows.sql_query()})"
    with _naming_refusals(folder):
        if small:
            con.execute(f"CREATE TABLE kept_{table} AS {_with_all_columns(table, kept)}")
        else:
            con.execute(f"COPY ({kept}) TO {quote(str(path))} (FORMAT parquet, DICTIONARY_SIZE_LIMIT 4000)")
    drop_typed(con, table)
    return con.table(f"kept_{table}") if small else _read_file(con, table, path)


@contextmanager
def _naming_refusals(folder: Path) -> Iterator[None]:
    """Say what the disk refused to the engine, whose errors are its own kind."""
    try:
        yield
    except duckdb.IOException as problem:
        raise OutputError(f"cannot be written: {problem}.", where=str(folder)) from None


def _read_file(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> duckdb.DuckDBPyRelation:
    """Rows of a file that `_filed` wrote, with all columns of their table."""
    return con.sql(_with_all_columns(table, f"FROM read_parquet({quote_path(path)})"))


def _with_all_columns(table: str, rows: str) -> str:
    """SQL of the rows with the columns of their table that they are without, in its order; codes become text."""
    added = (*TICKET_COLUMNS, "work_class", "rule") if table == "time_entries" else ()
    columns = [*null_columns(table), *(f"NULL::VARCHAR AS {name}" for name in added)]
    return f"SELECT {', '.join(columns)} WHERE false UNION ALL BY NAME {rows}"


def save(work: Workspace, folder: Path, key: str) -> None:
    """Write the tables of a workspace as Parquet, to be opened by `load` in a fraction of the time.

    Parameters
    ----------
    work : Workspace
    folder : Path
        Made if need be.
    key : str
        Of all that the tables depend on; `is_prepared` compares it.

    Raises
    ------
    OutputError
        The disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PREPARED).unlink(missing_ok=True)
    frames = {name: getattr(work, name) for name in FRAMES}
    frames |= {f"account_{name}": getattr(work.account, name) for name in ACCOUNT}
    relations = () if work.settings.engine else RELATIONS  # tables of a lake stay there
    for name in (*relations, *frames):
        part = folder / f".{name}.{os.getpid()}{PART}"
        if name in frames:
            frames[name].to_parquet(part)
        elif name in FILED and work.files and (work.files / f"{name}.parquet").is_file():
            shutil.copyfile(work.files / f"{name}.parquet", part)
        else:
            with _naming_refusals(folder):  # a locked connection writes into its own folder
                written = (work.files or folder) / part.name
                getattr(work, name).write_parquet(str(written))
                shutil.move(written, part)
        os.replace(part, folder / f"{name}.parquet")
    facts = {
        "key": key,
        "workspace": os.path.relpath(work.folder, folder),
        "settings": _without_secrets(work.settings).model_dump(mode="json"),
        "profiles": [profile.model_dump(mode="json") for profile in work.profiles],
        "files": {file.name: file_digest(file) for file in _kept(folder)},
    }
    write_whole(folder / PREPARED, json.dumps(facts, indent=1))


def _without_secrets(settings: Settings) -> Settings:
    """Return the settings as they may be written: a query has been answered, and its address is not needed."""
    files = [file.model_copy(update={"path": masked(file.path)}) if "://" in file.path else file
             for file in settings.files]  # fmt: skip
    return settings.model_copy(update={"files": files})


def _kept(folder: Path) -> list[Path]:
    """Files that belong to prepared tables: the tables, and what was made of them."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".parquet", ".pickle"))


def is_prepared(folder: Path, key: str) -> bool | None:
    """Whether the prepared tables are those of the key; None if they are damaged."""
    try:
        facts = json.loads((folder / PREPARED).read_text(encoding="utf-8"))
        if facts["key"] != key:
            return False
        whole = all(file_digest(folder / name) == digest for name, digest in facts["files"].items())
    except FileNotFoundError as problem:
        return False if str(problem.filename).endswith(PREPARED) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return whole or None


def _open(folder: Path) -> Workspace:
    facts = json.loads((folder / PREPARED).read_text(encoding="utf-8"))
    settings = Settings.model_validate(facts["settings"])
    frame = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet") if path.stem not in RELATIONS}
    large = large_tables(settings, spark_tables(settings)) if settings.engine else _open_relations(folder)
    account = Account(**{name: frame[f"account_{name}"] for name in ACCOUNT})
    work = Workspace(
        folder / facts["workspace"],
        settings,
        **dict(zip(RELATIONS, large, strict=True)),
        **{name: frame[name] for name in FRAMES},
        reconciled=lambda: account,
        profiles=tuple(Profile.model_validate(given) for given in facts["profiles"]),
        files=folder,
        again=lambda other: _made(folder / facts["workspace"], None, other),
    )
    object.__setattr__(work, "prepared", folder)
    return work


def _open_relations(folder: Path) -> Iterator[duckdb.DuckDBPyRelation]:
    con, _ = connect()
    lock(con, (), [folder])
    for name in RELATIONS:
        path = folder / f"{name}.parquet"
        (
            _read_file(con, name, path) if name in FILED else con.sql(f"FROM read_parquet({quote_path(path)})")
        ).create(name)
        yield con.table(name)
