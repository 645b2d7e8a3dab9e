"""Any export -> text columns under canonical names, with file and row number.

Nothing is interpreted here: every cell stays text until `clean`. A file that no profile knows is an error
that says what to do.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from rhem_lib.errors import InputError
from rhem_lib.files import as_utf8, dialect, members, text_relation
from rhem_lib.profiles import PLACEHOLDER, Profile, TableProfile, normal_header
from rhem_lib.settings import FileSettings, Settings

FILE_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


@dataclass(frozen=True)
class RawTable:
    """Text rows of one file for one canonical table, held in DuckDB under `relation`.

    `headers` maps canonical columns to the first header they were found under; `damaged` holds the lines that
    could not be split into cells (columns of schema.Quarantine).
    """

    label: str
    relation: str
    profile: Profile
    spec: TableProfile
    headers: dict[str, str]
    rows: int
    date_order: str
    damaged: pd.DataFrame = field(repr=False)


def read_exports(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    settings: Settings,
    profiles: dict[str, Profile],
    scratch: Path,
) -> list[RawTable]:
    """Text tables of every file of a workspace (`exports/` and `clients.csv`).

    Raises
    ------
    InputError
        No file at all, or a file that is empty, not text, or matches no profile (its headers are shown).
    """
    found = sorted(p for p in (folder / "exports").rglob("*") if p.is_file() and p.name[0] not in "~.")
    if (folder / "clients.csv").is_file():
        found.append(folder / "clients.csv")
    if not found:
        raise InputError(
            "no export files.",
            where=str(folder / "exports"),
            fix="Put the files of your PSA and RMM in this folder.",
        )
    tables: list[RawTable] = []
    for label, path in members(found, folder, scratch):
        help_ = _file_settings(label, settings)
        tables += _read_file(con, label, path, help_, profiles, scratch, len(tables))
    return tables


def _file_settings(label: str, settings: Settings) -> FileSettings:
    for entry in settings.files:
        if label == entry.path or label.startswith(entry.path.rstrip("/") + "/"):
            return entry
    return FileSettings(path=label)


def _read_file(
    con: duckdb.DuckDBPyConnection,
    label: str,
    path: Path,
    help_: FileSettings,
    profiles: dict[str, Profile],
    scratch: Path,
    number: int,
) -> list[RawTable]:
    """Read one text file into DuckDB, once per canonical table it serves."""
    path = as_utf8(path, label, scratch)
    delimiter, header = dialect(path, label)
    profile, specs = _recognise(header, label, help_, profiles)
    source = f"text_{number}"
    damaged = text_relation(con, path, delimiter, header, source)
    cells = ", ".join(f"c{i}" for i in range(len(header)))
    tables = []
    for offset, spec in enumerate(specs):
        relation = f"raw_{number + offset}"
        select, found = _canonical_select(spec, header, label, _as_of(label, help_))
        facts = (
            ["min(record) AS record", "0 AS row_hash"]
            if spec.distinct
            else ["record", f"hash({cells}) AS row_hash"]
        )
        group = " GROUP BY ALL" if spec.distinct else ""
        con.execute(f"CREATE TABLE {relation} AS SELECT {', '.join(select + facts)} FROM {source}{group}")
        rows = con.table(relation).count("*").fetchall()[0][0]
        lost = (damaged if offset == 0 else damaged.iloc[:0]).assign(table=spec.table, source_file=label)
        tables.append(RawTable(label, relation, profile, spec, found, rows, help_.date_order, lost))
    con.execute(f"DROP TABLE {source}")
    return tables


def _recognise(
    header: list[str], label: str, help_: FileSettings, profiles: dict[str, Profile]
) -> tuple[Profile, list[TableProfile]]:
    """Profile and tables whose required columns the header has; the best covered table wins."""
    names = {normal_header(name) for name in header} | ({"@as_of"} if _as_of(label, help_) else set())
    scores: list[tuple[int, Profile, TableProfile]] = []
    undated = False
    for profile in profiles.values():
        for spec in profile.tables:
            if help_.profile not in ("", profile.name) or help_.table not in ("", spec.table):
                continue
            missing = [column for column in spec.requires if not _resolves(spec, column, names)]
            undated |= missing == ["as_of"]
            if not missing:
                known = {normal_header(h) for column in spec.columns for h in spec.headers(column)}
                scores.append((len(known & names), profile, spec))
    if not scores:
        raise _unknown(header, label, undated)
    best = max(scores, key=lambda s: s[0])
    if not best[1].one_file:
        return best[1], [best[2]]
    return best[1], [spec for _, profile, spec in scores if profile is best[1]]


def _resolves(spec: TableProfile, column: str, names: set[str]) -> bool:
    """Tell whether a required column is found under one of its headers."""
    for option in spec.specs(column):
        parts = PLACEHOLDER.findall(option) or [option]
        wanted = [option] if option[0] in "=@" else [normal_header(part) for part in parts]
        if names.issuperset(wanted):
            return True
    return False


def _unknown(header: list[str], label: str, undated: bool) -> InputError:
    if undated:
        return InputError(
            "this is a list of endpoints, but not of which day.",
            where=label,
            fix="Put the day into its name (devices-2026-06-30.csv), or into rhem.toml: [[files]] path, as_of.",
        )
    return InputError(
        "no profile knows these columns.",
        where=label,
        examples=header,
        fix="Name the profile in rhem.toml ([[files]] path = ..., profile = ...), or describe the columns in "
        "profiles/<name>.toml. A file that is not needed can be taken out of exports/.",
    )


def _canonical_select(
    spec: TableProfile, header: list[str], label: str, as_of: str
) -> tuple[list[str], dict[str, str]]:
    """SQL expression per canonical column, and the header each was first found under."""
    position = {normal_header(name): i for i, name in reversed(list(enumerate(header)))}
    select, found = [], {}
    for column in spec.columns:
        options = [_cell(option, position, label, as_of) for option in spec.specs(column)]
        known = [option for option in options if option]
        select.append(f"coalesce({', '.join([*known, 'NULL'])}) AS {column}")
        present = [h for h in spec.headers(column) if normal_header(h) in position]
        if present:
            found[column] = header[position[normal_header(present[0])]]
    if spec.extras:
        claimed = {normal_header(h) for column in spec.columns for h in spec.headers(column)}
        free = [(i, name) for i, name in enumerate(header) if normal_header(name) not in claimed]
        select += [f'c{i} AS "{name.replace(chr(34), "")}"' for i, name in free]
    return select, found


def _cell(option: str, position: dict[str, int], label: str, as_of: str) -> str:
    """SQL of one column option; empty where the file does not have it."""
    if option == "@row":
        return f"{_quote(label)} || ':' || record"
    if option == "@as_of":
        return _quote(as_of) if as_of else ""
    if option.startswith("="):
        return _quote(option[1:])
    names = PLACEHOLDER.findall(option) or [option]
    if not all(normal_header(name) in position for name in names):
        return ""
    cells = [f"nullif(trim(c{position[normal_header(name)]}), '')" for name in names]
    texts = PLACEHOLDER.split(option)[::2] if PLACEHOLDER.search(option) else ["", ""]
    pieces = [
        part for text, cell in zip(texts, [*cells, ""], strict=True) for part in (text and _quote(text), cell)
    ]
    return "(" + " || ".join(piece for piece in pieces if piece) + ")"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _as_of(label: str, help_: FileSettings) -> str:
    """Day of a snapshot: from rhem.toml, else from the file name."""
    if help_.as_of:
        return help_.as_of.isoformat()
    dated = FILE_DATE.findall(label)
    return "-".join(dated[-1]) if dated else ""
