"""rhem.toml -> validated settings; every default of the product is here."""

import datetime as dt
import math
import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from rhem_lib.errors import UNSEEN, ParameterError, SettingsError, nearest, toml_text
from rhem_lib.language import known_language

WorkClass = Literal["reactive", "scheduled", "project", "onboarding", "internal", "excluded", "unclassified"]
Preset = Literal["incidents", "unscheduled", "all-support"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
SectionKey = Literal["quarter", "minutes", "why", "promises", "worth", "next", "goals", "causes", "counted"]
MAX_SETTINGS = 10_000_000  # bytes
TECHNICIAN = "technician hours"  # what hours are, unless rhem.toml says otherwise
LARGEST = 10**9  # whole number that a setting may be
JOINERS = str.maketrans("", "", "\u200c\u200d")  # not seen, but they shape letters of some scripts


def shown_name(name: str) -> str:
    """Return the name of a client as it is shown: composed characters, and none that are not seen.

    >>> shown_name("Cafe\u0301\u200b  Nord")
    'Café Nord'
    """
    if name.isascii() and name.isprintable():  # as nearly all are
        return " ".join(name.split())
    seen = unicodedata.normalize("NFC", UNSEEN.sub("", " ".join(name.split())))
    kept = (
        sign for sign in seen if sign in "\u200c\u200d" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs")
    )
    return " ".join("".join(kept).split())


def normal_name(name: str) -> str:
    """Return the name of a client without what may differ: case, blanks and characters that are not seen."""
    return shown_name(name).translate(JOINERS).lower()


ClientName = Annotated[str, AfterValidator(shown_name)]
SECRET = re.compile(r"env:[A-Za-z_]\w*|keyring:[^/]+/.+")
# of the query part of an address, what may be shown; any other value may be a secret
SHOWN_KEYS = {
    "host",
    "port",
    "driver",
    "charset",
    "sslmode",
    "encrypt",
    "encoding",
    "schema",
    "service_name",
    "timeout",
}
MASK = "***"


def masked(text: str, *secrets: str) -> str:
    """Return an address, or a message with one in it, without passwords, tokens and the secrets given.

    >>> masked("postgresql://ann:x@y@db/tickets?sslmode=require&sslpassword=z")
    'postgresql://ann:***@db/tickets?sslmode=require&sslpassword=***'
    """
    for one in secrets:
        for written in (one, quote_plus(one), quote(one, safe="")) if one else ():
            text = text.replace(written, MASK)
    text = re.sub(r"(://[^:/?#@\s]*:)[^\s]*@", rf"\1{MASK}@", text)

    def parameter(found: re.Match) -> str:
        name, equals, _ = found[2].partition("=")
        return found[0] if name.lower() in SHOWN_KEYS else f"{found[1]}{(name + equals) if equals else ''}{MASK}"

    return re.sub(r"([?&;])([^?&;\s,]+)", parameter, text) if "://" in text else text


def secret(reference: str) -> str:
    """Return the secret that "env:NAME" or "keyring:service/user" refers to; nothing for nothing.

    Raises
    ------
    SettingsError
        The variable is not set, or the keyring has no such entry or is not installed.
    """
    kind, _, name = reference.partition(":")
    found: str | None = ""
    if kind == "env":
        found = os.environ.get(name)
    elif kind == "keyring":
        try:
            import keyring
        except ImportError:
            raise SettingsError("the package keyring is not installed.", where=reference,
                                fix="pip install keyring, or write env:NAME.") from None  # fmt: skip
        found = keyring.get_password(*name.split("/", 1))
    if found is None:
        fix = f"Set it before the command: export {name}=..." if kind == "env" else "Store it: keyring set ..."
        raise SettingsError("this secret is not there.", where=reference, fix=fix)
    return found


def known_secret(reference: str) -> str:
    """Return a reference to a secret; a secret itself is refused, for settings travel with the workspace."""
    if reference and not SECRET.fullmatch(reference):
        raise ValueError('write where the secret is: "env:NAME" (a variable) or "keyring:service/user"')
    return reference


# A name, and an address of plain characters: nothing in it can end a header or start another.
MAILBOX = re.compile(
    r"(?:([^<>@\"\x00-\x1f\x7f-\x9f\u2028\u2029]*)<)?([\w.!#$%&'*+/=?^`{|}~-]+@(?:[a-z0-9-]+\.)+[a-z0-9-]+)(>?)",
    re.I | re.A,
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def known_mailbox(text: str) -> str:
    """Return a mail address, such as 'Ana Lopez <ana@example.com>', or raise a ValueError.

    >>> known_mailbox("Ana Lopez <ana@example.com>")
    'Ana Lopez <ana@example.com>'
    """
    found = MAILBOX.fullmatch(text.strip())
    if not found or (found[1] is None) != (found[3] == "") or len(found[2]) > 254:
        raise ValueError(f'{text!r} is not a mail address; write "name@example.com" or "Name <name@example.com>"')
    return text.strip()


Mailbox = Annotated[str, AfterValidator(known_mailbox)]
KeptName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Quarter = Annotated[str, StringConstraints(to_upper=True, pattern=r"^\d{4}[Qq][1-4]$")]
Language = Annotated[str, AfterValidator(known_language)]


def known_zone(zone: str) -> str:
    """Return the name of a time zone, or raise a ValueError that names the nearest."""
    try:
        return ZoneInfo(zone).key
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError, and folders of the zone database
        near = nearest(zone, sorted(available_timezones()))
        raise ValueError(f"'{zone}' is not a time zone. {near}") from None


Zone = Annotated[str, AfterValidator(known_zone)]
OtherZone = Annotated[str, AfterValidator(lambda zone: known_zone(zone) if zone else zone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Section):
    """The claim under test: RHEM falls from `start_h` to `target_h` within `months` of onboarding.

    Its only home: from `[targets]` of rhem.toml it is handed to the fit, the comparison, reviews and figures.

    Attributes
    ----------
    start_h, target_h : float
        Hours per endpoint per month.
    months : int
        Months since onboarding.

    Examples
    --------
    >>> Target(target_h=0.5, months=18).level_column
    'rhem_18_h'
    """

    start_h: float = Field(1.0, gt=0, le=1e6, allow_inf_nan=False)
    target_h: float = Field(0.25, gt=0, le=1e6, allow_inf_nan=False)
    months: int = Field(12, gt=0, le=1200)

    @property
    def level_column(self) -> str:
        """Name of the column or row with the level at `months`."""
        return f"rhem_{self.months}_h"

    @property
    def chance_column(self) -> str:
        """Return the name of the column with the chance to reach the target in twice the months."""
        return f"p_target_{2 * self.months}"

    @property
    def text(self) -> str:
        """The claim, to follow "the claim is"."""
        start, end = 60 * self.start_h, 60 * self.target_h
        return f"a fall from {start:.0f} to {end:.0f} minutes within {self.months} months"


DEFAULT_TARGET = Target()


def as_target(value: Target | float) -> Target:
    """Return a target as it is, a number of hours as `target_h` of an else default target.

    Raises
    ------
    ParameterError
        The value is neither, or the number is not above 0 and finite.
    """
    if isinstance(value, Target):
        return value
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
        fix = "Write target=0.25, or target=Target(start_h=1.0, target_h=0.25, months=12)."
        raise ParameterError("a target is a Target or hours above 0.", where="target", examples=[value], fix=fix)
    return Target(target_h=float(value))


class Rule(_Section):
    """First match wins; `when` maps canonical columns to a value or values, with * as wildcard."""

    when: dict[str, str | list[str]] = Field(min_length=1)
    work_class: WorkClass

    @field_validator("when")
    @classmethod
    def _values(cls, when: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        for column, wanted in when.items():
            if not wanted and wanted != "":
                raise ValueError(f"no value is given for {column}; write one or take {column} out")
        return when


class Action(_Section):
    """Something agreed with a client: what, who and by when."""

    action: str = Field(min_length=1, description="a second line is smaller, here as in `why`")
    why: str = ""
    owner: str = Field(min_length=1)
    due: dt.date
    cause: str = Field(
        "", description="as in the review's causes: what it takes, and whether it fell, is reported"
    )
    decision: bool = Field(False, description="whether the client is asked for a yes or no")
    done: bool | dt.date = Field(False, description="true, or the day on which it was done")


class Goal(_Section):
    """What a client wants to achieve, and where that is."""

    goal: str = Field(min_length=1, description="a second line is smaller, here as below")
    state: Literal["", "reached", "on-the-way", "at-risk"] = ""
    helped: str = Field("", description="how support helped")
    next: str = Field("", description="next step")


def _as_goal(given: Any) -> Any:
    """Take a text for a goal without a state."""
    return {"goal": given} if isinstance(given, str) else given


class Page(_Section):
    """A page of one's own, before the appendix."""

    title: str = Field(min_length=1)
    paragraphs: list[str] = []
    picture: str = Field("", description="PNG or JPEG, named from the workspace")


class Edit(_Section):
    """Words in place of the computed ones."""

    title: str = ""
    paragraphs: list[str] = []


class QuarterSettings(_Section):
    """What an analyst adds to one quarter's review of a client."""

    actions: list[Action] = []
    pages: list[Page] = []
    text: dict[SectionKey, Edit] = {}
    hide: list[SectionKey] = []
    meeting: dt.date | None = Field(None, description="day of the review meeting, for the cover")
    message: list[str] = Field([], description="paragraphs of the mail with this quarter's deck")


class BusinessHours(_Section):
    """When staff of a client are at work; public holidays of the country (and region) are free."""

    opens: dt.time = dt.time(8)
    closes: dt.time = dt.time(17)
    days: list[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]] = ["Mon", "Tue", "Wed", "Thu", "Fri"]
    country: str = Field("", description="ISO code, such as US or DE; none: no public holidays")
    region: str = ""
    time_zone: OtherZone = Field("", description="of the client, where it is not the MSP's")


class ClientSettings(_Section):
    """A client's names in exports, whether to leave it out, what its reviews say beside data.

    In rhem.toml under [clients."Name"], or in a file clients/*.toml whose first line is client = "Name".
    """

    aliases: list[str] = []
    exclude: bool = False
    business_hours: BusinessHours | None = None
    language: Language | None = None
    logo: str = Field("", description="of the client, for the pages of its deck")
    contacts: list[Mailbox] = Field([], description="to whom its decks go")
    copies: list[Mailbox] = Field([], description="who gets a copy")
    message: list[str] = Field([], description="paragraphs of the mail with a deck, in place of the usual ones")
    goals: list[Annotated[Goal, BeforeValidator(_as_goal)]] = []
    hide: list[SectionKey] = []
    quarters: dict[Quarter, QuarterSettings] = {}


class ClientFile(ClientSettings):
    """One client's settings in a file of their own."""

    client: ClientName = Field(min_length=1)


class FileSettings(_Section):
    """Help for a file that is not recognised by its header and name."""

    path: str
    profile: str = ""
    table: str = ""
    as_of: dt.date | Literal["from-name", "month-end"] | None = None  # in names, a month is its last day
    date_order: Literal["", "day-first", "month-first", "year-first"] = ""
    decimal: Literal["", ",", "."] = ""
    hours_unit: Literal["", "hours", "quarter-hours", "minutes", "seconds", "days"] = ""
    moved_days: bool | None = None
    query: str = ""
    password: Annotated[str, AfterValidator(known_secret)] = Field("", description="of a database, as env:NAME")
    skip: bool = False  # a sheet or a list beside others that is of no use


class Source(_Section):
    """A system that `rhem pull` reads, by its profile; a secret is the variable SYSTEM_NAME unless it is given.

    `first` is the day from which on records are read the first time; by default three years back.
    """

    system: str
    url: str = ""
    secrets: dict[str, Annotated[str, AfterValidator(known_secret)]] = {}
    share: float = Field(0.25, gt=0, le=1, description="of the vendor's limit on requests that a pull may use")
    first: dt.date | None = None
    skip: list[str] = Field([], description="tables that are not pulled, as endpoints where an RMM has them")

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        host = url.partition("://")[2].partition("/")[0]
        here = host.partition(":")[0] in ("localhost", "127.0.0.1") or host.startswith("[::1]")
        if url and not (url.startswith("https://") or (here and url.startswith("http://"))):
            raise ValueError("an address starts with https://, for secrets are sent to it")
        if "@" in host or "?" in url or "#" in url:
            raise ValueError('an address holds no secrets; write them as secrets = { name = "env:NAME" }')
        return url.rstrip("/")


class Systems(_Section):
    """Systems, by their profiles, of which each holds a part: no fact is in two of them."""

    separate: list[str] = Field(min_length=2)


class Brand(_Section):
    """How decks and pages look."""

    logo: str = ""
    colour: str = Field("#1f6feb", pattern="^#[0-9a-fA-F]{6}$")
    template: str = ""


class Value(_Section):
    """Assumptions that turn technician minutes into user minutes and, with a wage, into money: none by default."""

    user_minutes_per_technician_minute: float | None = Field(None, gt=0)
    devices_per_employee: float | None = Field(None, gt=0)
    wage_per_hour: float | None = Field(None, gt=0)
    currency: str = "USD"


class Engine(_Section):
    """Spark, if the canonical tables are there: master or Connect URL, its token, and name of each table."""

    spark: str = Field(min_length=1)
    token: Annotated[str, AfterValidator(known_secret)] = Field("", description="of a Connect URL, as env:NAME")
    tables: dict[Literal["time_entries", "tickets", "endpoints", "clients", "agreements"], str]

    @field_validator("spark")
    @classmethod
    def _without_token(cls, address: str) -> str:
        if masked(address) != address:
            raise ValueError('take the token out of the address and write token = "env:NAME" below it')
        return address


class Mail(_Section):
    """The server that mail goes out by."""

    server: str = Field(min_length=1)
    port: int = Field(587, gt=0, le=65535)
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="none: on this computer alone")
    user: str = ""
    password: Annotated[str, AfterValidator(known_secret)] = Field("", description="as env:NAME")
    sender: Mailbox

    @field_validator("tls")
    @classmethod
    def _encrypted(cls, tls: str, given: ValidationInfo) -> str:
        if tls == "none" and given.data.get("server") not in LOOPBACK:
            raise ValueError('decks do not go out unencrypted; write "starttls" or "tls"')
        return tls


class Notify(_Section):
    """Where `rhem alerts --notify` goes."""

    webhook: Annotated[str, AfterValidator(known_secret)] = Field("", description="address, as env:NAME")
    mail: list[Mailbox] = []


class Privacy(_Section):
    """What is kept of people: by default pseudonyms of technicians, and no free text."""

    technician_names: bool = False


class Limits(_Section):
    """What counts as a plausible row, and how endpoint counts are made."""

    earliest: dt.date = Field(dt.date(1990, 1, 1), ge=dt.date(1900, 1, 2))
    max_hours_per_entry: float = Field(24.0, gt=0)
    seen_within_days: int = Field(30, gt=0, le=36_500)
    carry_forward_months: int = Field(2, ge=0, le=1200)
    data_until: dt.date | None = None


class Settings(_Section):
    """All of rhem.toml."""

    name: str = Field(min_length=1)
    time_zone: Zone = "UTC"
    preset: Preset = "unscheduled"
    hours_are: str = TECHNICIAN
    language: Language = "en"
    own_company: list[ClientName] = []
    catch_all: list[ClientName] = []
    endpoint_kinds: list[str] = ["workstation", "server"]
    endpoint_weights: dict[Literal["workstation", "server", "other"], float] = {}
    contracted_endpoints: bool = False
    business_hours: BusinessHours = BusinessHours()
    patch_categories: list[str] = []
    actions: dict[str, str] = Field({}, description="wording of what to do, by a part of the cause's name")
    engine: Engine | None = None
    targets: Target = Target()
    rules: list[Rule] = []
    keep: dict[KeptName, str | list[str]] = Field(
        {}, description="columns of ticket and time files, by their headers"
    )
    clients: dict[ClientName, ClientSettings] = {}
    files: list[FileSettings] = []
    systems: list[Systems] = []
    sources: list[Source] = []
    brand: Brand = Brand()
    value: Value = Value()
    mail: Mail | None = None
    notify: Notify = Notify()
    limits: Limits = Limits()
    privacy: Privacy = Privacy()

    @property
    def today(self) -> dt.date:
        """The day where the MSP is, whatever this computer's time zone."""
        return dt.datetime.now(ZoneInfo(self.time_zone)).date()


def read_settings(folder: Path) -> Settings:
    """Return the settings of a workspace folder: rhem.toml and clients/*.toml, a client each.

    Raises
    ------
    SettingsError
        The folder or its rhem.toml is missing, a file is not TOML, holds an unknown key (the nearest known one
        is named) or a value of the wrong kind, or a client is in two places.
    """
    path = Path(folder) / "rhem.toml"
    if not path.is_file():
        raise SettingsError(
            "there is no rhem.toml here, so this folder is not a workspace.",
            where=str(folder),
            fix="Make it one with `rhem new DIR`; `rhem sample DIR` makes a complete example.",
        )
    settings = _read(path, Settings)
    clients = dict(settings.clients)
    for file in toml_files(Path(folder) / "clients"):
        given = _read(file, ClientFile)
        there = clients.get(given.client, ClientSettings())
        twice = there.model_fields_set & given.model_fields_set
        if twice or isinstance(there, ClientFile):  # rhem.toml may hold the aliases, and the file the rest
            fix = "Keep each setting of a client in one place."
            what = f"'{given.client}' is in another settings file too."
            raise SettingsError(what, where=str(file), fix=fix, examples=sorted(twice))
        clients[given.client] = given.model_copy(update={k: getattr(there, k) for k in there.model_fields_set})
    return settings.model_copy(update={"clients": clients})


def _read(path: Path, model: type[Any]) -> Any:
    try:
        return model.model_validate(read_toml(path))
    except ValidationError as problem:
        raise _explain(problem, path, model) from None


def changed_settings(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Return settings with keys in place of others, validated as rhem.toml is; a section keeps its other keys.

    Raises
    ------
    SettingsError
        A key is unknown (the nearest is named), or a value cannot be used.

    Examples
    --------
    >>> changed_settings(Settings(name="Acme"), {"limits": {"seen_within_days": 60}}).limits.seen_within_days
    60
    """
    try:
        return Settings.model_validate(_merged(settings.model_dump(exclude_unset=True), changes))
    except ValidationError as problem:
        raise _explain(problem, Path("with_settings"), Settings) from None


def _merged(given: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(given[key], value) for key, value in changes.items()
            if isinstance(value, dict) and isinstance(given.get(key), dict)}  # fmt: skip
    return given | changes | both


def toml_files(folder: Path) -> list[Path]:
    """Return the TOML files of a folder, in order; none where there is no such folder.

    Raises
    ------
    SettingsError
        The folder may not be read: settings would be missing without a word.
    """
    try:
        files = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as problem:
        raise SettingsError(f"this folder cannot be read: {problem.strerror}.", where=str(folder)) from None
    return [file for file in files if file.suffix.lower() == ".toml" and file.name[0] != "."]


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds; every name and value in it is text that can be shown.

    Raises
    ------
    SettingsError
        It cannot be read or is no TOML, or holds characters that no text shows, numbers without end or too many
        levels.
    """
    try:
        if path.exists() and not path.is_file():
            raise SettingsError("this is not a file.", where=str(path))
        if path.stat().st_size > MAX_SETTINGS:
            raise SettingsError("settings of more than 10 MB are not read.", where=str(path))
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        _check_values(found, path)
    except OSError as problem:
        raise SettingsError(f"this file cannot be read: {problem.strerror}.", where=str(path)) from None
    except RecursionError:
        raise SettingsError("its values are nested too deep.", where=str(path)) from None
    except ValueError as problem:  # also of numbers with thousands of digits
        raise SettingsError(f"this is not valid TOML: {problem}.", where=str(path)) from None
    return found


def _check_values(value: Any, path: Path, key: str = "") -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_values(name, path, key)
            _check_values(inner, path, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            _check_values(inner, path, f"{key}.{number}")
    elif isinstance(value, str) and (found := UNSEEN.search(value)):
        what = f"the control character U+{ord(found[0]):04X} is in this value."
        fix = "Take it out: names and values are text that can be shown."
        raise SettingsError(what, where=f"{path}, {toml_text(key)}", fix=fix)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:  # nan is neither more nor less
        what = f"'{key}' cannot be used: {str(value)[:20]} is no number to count with."
        raise SettingsError(what, where=str(path))


def _explain(problem: ValidationError, path: Path, model: type[Any]) -> SettingsError:
    """Return the first validation error as a sentence with the key and the nearest known one."""
    first = min(problem.errors(), key=lambda e: e["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        hint = nearest(first["loc"][-1], sorted(_known_keys(model, first["loc"])), cutoff=0.5)
        fix = f"{hint} `rhem help settings` lists all."
        return SettingsError(f"'{key}' is not a setting.", where=str(path), fix=fix)
    reason = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"'{key}' cannot be used: {reason}.", where=str(path))


def _known_keys(model: Any, location: tuple[Any, ...]) -> list[str]:
    """Return the names of the settings that may be where the unknown key is."""
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            continue
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        model = next((m for m in inner if isinstance(m, type) and issubclass(m, BaseModel)), model)
    return list(model.model_fields)


def check_names(settings: Settings, known: Iterable[str]) -> None:
    """Raise a SettingsError with the nearest client if words for a review are of an unknown one."""
    there = set(known)
    for name, given in settings.clients.items():
        words = given.goals or given.hide or given.quarters or given.contacts or given.message
        if name not in there and not given.exclude and words:
            fix = nearest(name, sorted(there), cutoff=0.0)
            raise SettingsError("there is no such client in the data.", where=f"client '{name}'", fix=fix)
