"""Source systems as data: one TOML file each, read here; no code per vendor.

A profile says, per canonical table, under which headers a column is found, how dates and durations are
written, what values mean, and which rules give a work class by default. A workspace may add its own in
`<workspace>/profiles/*.toml`.

A column is one spec or a list of them; the first that yields a value wins, row by row:
`Header name` (case, spaces, punctuation and word order forgiven), `=constant`, `@row` (file and row, for
exports without a key), `@as_of` (the snapshot date of the file), or `Text {Header}` (a template).

`dates` names the families of formats to try, one for the whole column: iso, month-first, day-first,
spreadsheet-month (`2-Mar` for March 2002), or a strptime format. `utc` lists columns that are in UTC.
`distinct` reads facts repeated on many rows once; `extras` keeps columns that no canonical name claims.
"""

import re
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rhem_lib.errors import SettingsError
from rhem_lib.settings import Rule

Unit = Literal["hours", "minutes", "seconds", "days"]
PLACEHOLDER = re.compile(r"{([^}]+)}")


class TableProfile(BaseModel):
    """How one canonical table is found in a file of this system."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    table: str
    requires: list[str] = Field(min_length=1)
    columns: dict[str, str | list[str]]
    hours_unit: Unit = "hours"
    dates: list[str] = ["iso", "month-first", "day-first"]
    utc: list[str] = []
    values: dict[str, dict[str, str]] = {}
    distinct: bool = False
    extras: bool = False

    def headers(self, column: str) -> list[str]:
        """Headers that the specs of a column name, templates included."""
        found: list[str] = []
        for spec in self.specs(column):
            found += PLACEHOLDER.findall(spec) or ([] if spec[:1] in "=@" else [spec])
        return found

    def specs(self, column: str) -> list[str]:
        """Specs of a column, in order of preference."""
        spec = self.columns.get(column, [])
        return [spec] if isinstance(spec, str) else spec


class Profile(BaseModel):
    """One source system."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    one_file: bool = False
    tables: list[TableProfile]
    rules: list[Rule] = []


def normal_header(header: str) -> str:
    """Header with case, punctuation, spacing and word order taken out."""
    return " ".join(sorted(re.findall(r"[^\W_]+|#", header.casefold())))


def read_profiles(workspace: Path | None = None) -> dict[str, Profile]:
    """Profiles that come with the package, then those of the workspace, by name.

    Raises
    ------
    SettingsError
        A profile is not valid TOML or names an unknown key.
    """
    folders = [Path(__file__).parent] + ([Path(workspace) / "profiles"] if workspace else [])
    found: dict[str, Profile] = {}
    for path in [file for folder in folders for file in sorted(folder.glob("*.toml"))]:
        try:
            profile = Profile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as problem:
            raise SettingsError(f"this profile cannot be used: {problem}.", where=str(path)) from None
        found[profile.name] = profile
    return found
