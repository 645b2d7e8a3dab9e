"""Source systems as data: one TOML file each, read here; no code per vendor.

A profile says, per canonical table, under which headers a column is found, how dates and durations are
written, what values mean, and which rules give a work class by default. A workspace may add its own in
`<workspace>/profiles/*.toml`.

A column is one spec or a list of them; the first that yields a value wins, row by row:
`Header name` (case, spaces, punctuation and word order forgiven), `=constant`, `@row` (file and row, for
exports without a key), `@as_of` (the snapshot date of the file), `@ticket` (the client of the ticket, last in the
list), or `Text {Header}` (a template). `{Header?a*|b}` in a template puts nothing in, but lets it hold only where
the cell is a..., or b (`{Header?|}`: where it is empty; `{Header?*}`: in any file that has the column);
`{Header?}` only where it is filled and no no (0, false, N and what else `text_tables.NO` lists).
Nested JSON is read by its path: `company.name`.

`dates` and `durations` name the ways of writing to try (see `formats`), one for the whole column. `utc` lists
columns that are in UTC. `[[tables.aside]]` sets rows aside: when the header holds one of the values (`""` is an
empty cell, * a wildcard), or without values when it is filled and no no. A table called `names`
(columns id, name) gives names in place of the ids in the column `names_of` of the same system: of several columns,
where its column `of` says of which; found by the columns `names_by`, joined by /, if not by the column itself. Its
column `parent`, the id or name of the account above, becomes a suggestion. `note` is what an analyst must know of
the table. `missing` lists what stands for nothing, such as `?`. `distinct` reads facts repeated on many rows once;
`absent` lists headers that such a table must not have; `extras` keeps columns that no canonical name claims, save
those of people (PERSONAL).
`[api]`: see `interfaces`.
"""

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rhem_lib import schema
from rhem_lib.errors import SettingsError
from rhem_lib.exports.value_formats import DATES, OWN_FORMAT, RESAVED
from rhem_lib.interfaces import Api
from rhem_lib.settings import Rule, read_toml, toml_files

Unit = Literal["hours", "quarter-hours", "minutes", "seconds", "days", "ask"]
PERSONAL = frozenset("contact email mail phone mobile address street note notes comment comments".split())
NAMES_LIST = ("id", "name", "of", "parent", "sign")
NEEDED = {
    "time_entries": ("client", "worked_on", "hours"),
    "tickets": ("ticket_id",),
    "endpoints": ("client", "as_of", "count"),
    "agreements": ("client", "billing"),
    "clients": ("client",),
    "names": ("id", "name"),
}
DATE_WAYS = ("iso", "epoch", *RESAVED, *DATES)
DURATIONS = ("number", "clock", "words", "epoch")
PLACEHOLDER = re.compile(r"{([^}]+)}")  # a header, or header?patterns


class Aside(BaseModel):
    """Rows that the source system keeps but that are no facts: deleted, merged, still running."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: str = Field(pattern="^[a-z-]+$")
    header: str
    values: list[str] = []


# Headers under which systems say that a record was taken out, or that a device is no longer in use.
GONE = {
    "time_entries": "deleted-entry",
    "tickets": "deleted-ticket",
    "endpoints": "deleted-device",
    "agreements": "deleted-agreement",
}
DELETED = (
    "deleted isDeleted is_deleted deletedFlag delete_flag deleted_at deletedAt deleted_on deletedDateTime".split()
)
OUT_OF_USE = [
    "retired", "isRetired", "retired_on", "retired_at", "decommissioned", "decommissioned_on", "decommissioned_at",
    "disposed", "disposed_on", "archived", "isArchived", "archived_on", "archived_at", "scrapped",
]  # fmt: skip
ACTIVE = [
    "active", "isActive", "is_active", "activeFlag", "in_use", "inUse", "enabled", "isEnabled", "managed",
    "isManaged", "monitored", "deployed",
]  # fmt: skip
STATUS = ("status", "state", "lifecycle", "Device Status", "Asset Status")
RETIRED = "inactive retired decommissioned disposed scrapped archived spare stock lost stolen".split()
RETIRED += ["in stock", "in storage"]
UNUSED_KIND = "*retired* *decommission* *disposed* *scrapped* *spare* stock* *(stock)*".split()
# Headers under which systems say when a record was last changed: of several states of one, the last counts.
CHANGED = [
    "deletedDateTime", "deleted_at", "deletedAt", "deleted_on",
    "_info.lastUpdated", "lastUpdated", "Last_Update_UTC", "Last Updated", "lastModifiedDateTime",
    "lastActivityDate", "Last Modified", "lastModified", "updated_at", "updatedAt", "updated_on", "Updated",
    "fields.updated", "sys_updated_on", "date_mod", "change_time", "ModifiedOn", "modified_at", "Modified",
    "last_update",
]  # fmt: skip


class TableProfile(BaseModel):
    """How one canonical table is found in a file of this system."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    table: str
    requires: list[str] = Field(min_length=1)
    columns: dict[str, str | list[str]]
    hours_unit: Unit = "hours"
    durations: list[str] = ["number", "clock", "words"]
    day_hours: float = Field(24.0, gt=0, le=24)
    hours_from_times: bool = False
    dates: list[str] = ["iso"]
    utc: list[str] = []
    values: dict[str, dict[str, str]] = {}
    aside: list[Aside] = []
    missing: list[str] = []
    distinct: bool = False
    names_of: list[str] = ["client"]
    names_by: list[str] = []
    note: str = ""
    extras: bool = False
    changed: list[str] = CHANGED
    absent: list[str] = []

    @model_validator(mode="after")
    def _columns_of_the_table(self) -> Self:
        """Hold a profile to the columns that its table has, and to those that it cannot do without."""
        if self.table not in NEEDED:
            raise ValueError(f"there is no table '{self.table}'; tables are {', '.join(NEEDED)}")
        known = [*NAMES_LIST, *schema.columns("clients"), "billing", "start"]
        if self.table in schema.TABLES and self.table != "clients":
            known = schema.columns(self.table)
        named = {name for table in NEEDED if table != "names" for name in schema.columns(table)}
        unknown = [column for column in self.columns if column not in known]
        unknown += [column for column in (*self.names_of, *self.names_by) if column not in named]
        lost = [column for column in (*NEEDED[self.table], *self.requires) if column not in self.columns]
        if unknown or lost:
            what = f"has no column '{unknown[0]}'" if unknown else f"needs the column '{lost[0]}'"
            raise ValueError(f"the table {self.table} {what} (data/codebook.md lists them)")
        return self

    @field_validator("dates", "durations")
    @classmethod
    def _known_ways(cls, ways: list[str], info: ValidationInfo) -> list[str]:
        """Hold a profile to the ways of writing that `formats` reads; a date may have a format of its own."""
        dates = info.field_name == "dates"
        known = DATE_WAYS if dates else DURATIONS
        for way in ways:
            if way not in known and not (dates and OWN_FORMAT.fullmatch(way)):
                own = ", or a format such as %d.%m.%Y" if dates else ""
                raise ValueError(f"there is no way of writing '{way}'; known are {', '.join(known)}{own}")
        return ways

    @property
    def taken_out(self) -> list[Aside]:
        """Rows to set aside: by the rules of the profile, then by what any system may say of a record."""
        if self.table not in GONE:
            return self.aside
        reason = GONE[self.table]
        rules = [Aside(reason=reason, header=header) for header in DELETED]
        rules += [Aside(reason=reason, header=header, values=["deleted"]) for header in STATUS]
        if self.table == "endpoints":
            rules += [Aside(reason="retired-device", header=header) for header in OUT_OF_USE]
            rules += [Aside(reason="retired-device", header=h, values=UNUSED_KIND) for h in self.headers("kind")]
            ids = self.headers("device_id")
            rules += [Aside(reason="no-rmm-agent", header=header, values=["*@*.*"]) for header in ids]  # a mailbox
            unused = ["false", "0", "no", "n", *RETIRED]
            rules += [Aside(reason="retired-device", header=header, values=unused) for header in ACTIVE]
            rules += [Aside(reason="retired-device", header=header, values=RETIRED) for header in STATUS]
        return self.aside + rules

    def headers(self, column: str) -> list[str]:
        """Headers that the specs of a column name, templates included."""
        found: list[str] = []
        for spec in self.specs(column):
            parts = [part.partition("?")[0] for part in PLACEHOLDER.findall(spec)]
            found += parts or ([] if spec[:1] in "=@" else [spec])
        return found

    @cached_property
    def known(self) -> set[str]:
        """All headers that the table may have, normal."""
        claimed = [head for column in self.columns for head in self.headers(column)]
        return {normal_header(head) for head in [*claimed, *(rule.header for rule in self.aside)]}

    @cached_property
    def _required(self) -> dict[str, list[set[str]]]:
        """Per required column: the sets of normal headers of which one is enough."""
        found: dict[str, list[set[str]]] = {}
        for column in self.requires:
            for option in self.specs(column):
                heads = [part.partition("?")[0] for part in PLACEHOLDER.findall(option)] or [option]
                wanted = {option} if option[0] in "=@" else {normal_header(head) for head in heads}
                found.setdefault(column, []).append(wanted)
        return found

    def missing_in(self, names: set[str]) -> list[str]:
        """Return the required columns that none of these normal headers gives, and what it must not have."""
        lost = [f"no {name}" for name in self.absent if normal_header(name) in names]
        return lost + [c for c in self.requires if not any(names.issuperset(w) for w in self._required.get(c, []))]

    def specs(self, column: str) -> list[str]:
        """Specs of a column, in order of preference; of hours, also under the name that Power BI gives to sums."""
        spec = self.columns.get(column, [])
        specs = [spec] if isinstance(spec, str) else spec
        return specs + [f"Sum of {name}" for name in specs if column == "hours" and name[0] not in "=@"]


class Profile(BaseModel):
    """One source system."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    one_file: bool = False
    own: bool = False
    tables: list[TableProfile]
    rules: list[Rule] = []
    api: Api | None = None


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
    found = dict(_of_the_package())
    for profile in _read_folder(Path(workspace) / "profiles") if workspace else []:
        found[profile.name] = profile.model_copy(update={"own": True})
    return found


@cache
def _of_the_package() -> dict[str, Profile]:
    return {profile.name: profile for profile in _read_folder(Path(__file__).parent)}


def _read_folder(folder: Path) -> list[Profile]:
    profiles = []
    for path in toml_files(folder):
        try:
            profiles.append(Profile.model_validate(read_toml(path)))
        except ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
            what = first["msg"].removeprefix("Value error, ")
            raise SettingsError(f"this profile cannot be used: {place}: {what}.", where=str(path)) from None
    return profiles
