"""Which profile, and which of its tables, a header belongs to; and the day of a snapshot."""

import calendar
import datetime as dt
import difflib
import re
from collections import ChainMap
from collections.abc import Collection, Iterable
from contextlib import suppress
from fnmatch import fnmatchcase

import pandas as pd

from rhem_lib.errors import InputError, SettingsError, leave_out, nearest, say, toml_text
from rhem_lib.exports.guessed_columns import guessed_columns
from rhem_lib.exports.profiles import Profile, TableProfile, normal_header
from rhem_lib.interfaces import PULLED
from rhem_lib.settings import FileSettings, Settings, masked

# Columns that no list of endpoints has: of work, of products, of scripts and alerts on devices.
WORK = {normal_header(name) for name in (
    "ticket_id", "Ticket Number", "Ticket #", "ticketNumber", "hours", "hours worked", "duration", "time spent",
    "worked_on", "work date", "opened", "opened_at", "opened on", "closed_at", "due date", "invoice number",
    "quantity", "product", "sku", "license", "licence", "licenses", "licences", "seats", "subscription",
    "script", "script name", "ScriptName", "message", "severity",
    "alert", "alert time", "alert date", "AlertDate", "alert message", "event time",
)}  # fmt: skip
PERSONS = {"email", "e mail", "mailbox", "upn", "username"}  # the same, where it has no column of devices
WORKED = {"time_entries", "tickets"}  # tables of which one report may serve as both
LIKE_COLUMNS, LIKE_MISSING, LIKE_TABLES = 4, 2, 3  # known columns of a table, columns missing in it, tables named
ISO_DAY = re.compile(r"(?<!\d)(?P<y>20\d\d)-?(?P<m>\d\d)-?(?P<d>\d\d)(?=(?:\d{4}|\d{6})?(?!\d))")  # or a clock
MONTHS = "jan feb mar|mär apr may|mai jun jul aug sep oct|okt nov dec|dez".split()
WORD = (  # a whole one: maintenance-2026 is no May
    rf"(?<![a-zä])(?P<w>{'|'.join(MONTHS)})(?:r?uary?|ch|z|il|[eiyt]|ust|[to]?(?:em)?ber)?(?![a-zä])"
)
# What changes from one file of a source to the next: days, copies, downloads, months by name.
CHANGING = re.compile(rf"\bv\d+|\d+|\b(copy|kopie|final|new|latest)\b|{WORD}|[^a-z]+")
NAME_DAYS = [re.compile(way, re.IGNORECASE) for way in (  # days and months in names of files, the surest first
    r"(?<!\d)(?P<d>\d\d)(?P<mark>[._-])(?P<m>\d\d)(?P=mark)(?P<y>20\d\d)(?!\d)",
    r"(?<!\d)(?P<y>20\d\d)[-_. ]?(?P<m>0[1-9]|1[0-2])(?![-_.]?\d)",
    r"(?<!\d)(?<!\d[-_.])(?P<m>0[1-9]|1[0-2])[-_. ](?P<y>20\d\d)(?!\d)",
    rf"{WORD}[-_. ]*(?P<y>20\d\d)(?!\d)",
    rf"(?<!\d)(?P<y>20\d\d)[-_. ]*{WORD}",
    r"(?<!\d)(?P<y>20\d\d)[-_. ]*q(?P<q>[1-4])(?!\d)",
    r"(?<![a-z\d])q(?P<q>[1-4])[-_. ]*(?P<y>20\d\d)(?!\d)",
)]  # fmt: skip


def recognise(
    header: list[str], label: str, help_: FileSettings, profiles: dict[str, Profile]
) -> tuple[Profile, list[TableProfile]]:
    """Profile and tables whose required columns the header has; the best covered table wins."""
    names = {normal_header(name) for name in header} | ({"@as_of"} if as_of_day(label, help_) else set())
    scores: list[tuple[int, Profile, TableProfile]] = []
    undated = False
    for profile in profiles.values():
        for spec in profile.tables:
            if help_.profile not in ("", profile.name) or help_.table not in ("", spec.table):
                continue
            devices = {normal_header(head) for column in ("device_id", "kind") for head in spec.headers(column)}
            other = not WORK.isdisjoint(names) or (not PERSONS.isdisjoint(names) and devices.isdisjoint(names))
            if spec.table == "endpoints" and other and spec.missing_in(names - {"@as_of"}):
                continue  # the day in a file's name makes no list of endpoints of a list of work
            missing = spec.missing_in(names)
            undated |= missing == ["as_of"]
            if not missing:
                scores.append((len(spec.known & names), profile, spec))
    if not scores:
        raise _unknown(header, label, undated, _nearest(names, label, help_, profiles))
    best = max(scores, key=lambda s: (s[0], s[1].own))
    rivals = {p.name: p for score, p, _ in scores if (score, p.own) == (best[0], best[1].own)}
    if len(rivals) > 1:
        raise _undecided(header, label, list(rivals.values()))
    inside = names - {"@as_of"}
    own = {  # the best last, the first listed last among equals
        spec.table: spec
        for _, profile, spec in sorted(reversed(scores), key=lambda s: s[0])
        if profile is best[1] and (spec is best[2] or _serves_too(spec, best[2], profile, inside))
    }
    serving = [spec for spec in best[1].tables if own.get(spec.table) is spec]
    if own.keys() >= WORKED:  # a ticket's columns are repeated on each of its entries
        serving = [s.model_copy(update={"distinct": s.distinct or s.table == "tickets"}) for s in serving]
    return best[1], serving


def _serves_too(spec: TableProfile, best: TableProfile, profile: Profile, inside: set[str]) -> bool:
    """Whether a file serves a table beside its best: tickets with days and hours of work are time as well."""
    both = {spec.table, best.table} == WORKED and all({"client", "hours"} & {*s.requires} for s in (spec, best))
    return (profile.one_file or both) and not spec.missing_in(inside)


def looked_below(
    problem: InputError,
    below: Iterable[tuple[int, list[str]]],
    label: str,
    help_: FileSettings,
    profiles: dict[str, Profile],
) -> InputError:
    """The error of a header that is none, or the same with the line below it that a profile knows."""
    for number, header in below:
        with suppress(InputError):
            recognise(header, label, help_, profiles)
            fix = f"Line {number} looks like the header: take out the lines above it."
            return InputError(problem.what, where=label, examples=problem.examples, fix=fix)
    return problem


def _undecided(header: list[str], label: str, rivals: list[Profile]) -> InputError:
    first, *others = (toml_text(profile.name) for profile in rivals)
    return InputError(
        f"these columns fit {' and '.join(profile.title for profile in rivals)} alike.",
        where=label,
        examples=header,
        fix=say(label, f"profile = {first}  # or {', '.join(others)}"),
    )


def _nearest(names: set[str], label: str, help_: FileSettings, profiles: dict[str, Profile]) -> str:
    """Return which tables a header looks like and what is missing in it, if most of its columns are known."""
    likes: list[tuple[bool, int, int, str, str]] = []
    for profile in profiles.values():
        for spec in (s for s in profile.tables if help_.profile in ("", profile.name)):
            known = spec.known & names
            missing = spec.missing_in(names)
            wanted = [" or ".join(spec.headers(c)[:2]) for c in missing if spec.headers(c)]
            if missing and len(known) >= LIKE_COLUMNS and len(wanted) == len(missing) <= LIKE_MISSING:
                table = f"{profile.title} {spec.table.replace('_', ' ')} ({' and '.join(wanted)} is missing)"
                called = spec.table.split("_")[0] in label.lower()  # a file is mostly called by what it holds
                likes.append((called, -len(missing), len(known), spec.table, table))
    # The nearest of each kind of table: the columns alone do not tell tickets from agreements.
    nearest = {kind: table for *_, kind, table in sorted(likes)}
    best = [table for *_, table in sorted((like for like in likes if like[-1] in nearest.values()), reverse=True)]
    best = best[:LIKE_TABLES]
    return f"It looks like {' or '.join(best)}. " if best else ""


def _unknown(header: list[str], label: str, undated: bool, like: str) -> InputError:
    if undated and not like:
        day, pattern = day_of_name(label)
        if day:
            line = 'as_of = "from-name"  # of a month, its last day'
            fix = f"Take it from the name. {say(pattern, line)}"
        else:
            fix = "Put the day into its name (devices-2026-06-30.csv), or give it in rhem.toml. "
            fix += say(label, "as_of = 2026-06-30  # put its day here")
        return InputError("this is a list of endpoints, but not of which day.", where=label, fix=fix)
    if label == "clients.csv":
        return InputError(
            "a list of clients needs the columns client and onboarded_on.",
            where=label,
            examples=header,
            fix="Add the column that is missing; a cell of onboarded_on may stay empty.",
        )
    held, titled = _held(header), sum(re.fullmatch(r"column \d+", name) is None for name in header) < 2
    return InputError(
        "the first line is not a header of several columns." if titled else "no profile knows these columns.",
        where=label,
        examples=[name for name in header if not re.fullmatch(r"column \d+", name)],
        fix=f"{like}`rhem profiles` lists the columns that each system's exports need; `rhem profile FILE` writes "
        "what to correct and save as profiles/<name>.toml for another system. "
        + (
            f"{held} If not, take it out of the folder."
            if held
            else f"If this file is not needed, as invoices are, {leave_out(label)}"
        ),
    )


def _held(header: list[str]) -> str:
    """What would be missing without the file, if its columns look like time or devices: such a file is kept."""
    if {"client", "hours"} <= guessed_columns("time_entries", header).keys():
        return "Its columns look like hours worked, which count."
    if {"device_id", "last_seen"} <= guessed_columns("endpoints", header).keys():
        return "Its columns look like a list of devices, which count."
    return ""


def _speaks_of(entry: FileSettings, label: str) -> bool:
    """Whether an entry of rhem.toml is the file's path, a folder or archive that it is in, or a pattern with *."""
    return label == entry.path or label.startswith(entry.path.rstrip("/") + "/") or _matches(label, entry.path)


def _matches(label: str, pattern: str) -> bool:
    """Return whether a label fits a pattern, in which * alone is a wildcard: file names have brackets."""
    return fnmatchcase(label, pattern.replace("[", "[[]").replace("?", "[?]"))


def file_settings(label: str, settings: Settings) -> FileSettings:
    """What rhem.toml says of a file: of all entries that speak of it, the first that has a key counts.

    Whether it is skipped is told by entries of the first one's path alone: an entry that asks for a sheet goes
    before one that skips its workbook.
    """
    entries = [entry for entry in settings.files if _speaks_of(entry, label)]
    pulled = PULLED.match(label)
    known = {"profile": pulled["profile"], "table": pulled["table"]} if pulled else {}
    if label == "clients.csv":  # its other columns are the user's own
        known = {"table": "clients"}
    keys = dict(ChainMap(*(entry.model_dump(exclude_unset=True) for entry in entries), known))
    skip = any(entry.skip for entry in entries if entry.path == entries[0].path)
    return FileSettings.model_validate(keys | {"path": label, "skip": skip})


def skipped(label: str, settings: Settings) -> bool:
    """Whether rhem.toml skips a file, and no entry of it asks for a part of that file (a sheet, a member)."""
    part = any(entry.path.startswith(f"{label}/") and not entry.skip for entry in settings.files)
    return file_settings(label, settings).skip and not part


def check_files(settings: Settings, labels: Collection[str], profiles: Collection[str]) -> None:
    """Stop where rhem.toml helps with a file, or names a profile, that is not there.

    Raises
    ------
    SettingsError
        Names the nearest.
    """
    for entry in settings.files:
        if entry.profile and entry.profile not in profiles:
            raise SettingsError(f"there is no profile '{entry.profile}'.", fix=nearest(entry.profile, profiles),
                                where=f"rhem.toml, [[files]] path = '{masked(entry.path)}'")  # fmt: skip
        if "://" not in entry.path and not any(_speaks_of(entry, label) for label in labels):
            near = difflib.get_close_matches(entry.path, labels, 3, cutoff=0.0)
            raise SettingsError("there is no such file.", where=f"rhem.toml, [[files]] path = '{entry.path}'",
                                fix=f"Did you mean {' or '.join(map(repr, near))}?" if near else "")  # fmt: skip


def as_of_day(label: str, help_: FileSettings) -> str:
    """Day of a snapshot: from rhem.toml, else from the file name; of `month-end`, the last one of its month."""
    if isinstance(help_.as_of, dt.date):
        return help_.as_of.isoformat()
    found = "" if help_.as_of is None else day_of_name(label)[0]
    for parts in reversed([*ISO_DAY.finditer(label)]):
        with suppress(ValueError):  # not every number of eight digits is a day
            found = dt.date(*map(int, parts.groups())).isoformat()
            break
    if found and help_.as_of == "month-end":
        return f"{found[:8]}{calendar.monthrange(int(found[:4]), int(found[5:7]))[1]}"
    return found


def day_of_name(label: str) -> tuple[str, str]:
    """Return the day in a file's name however it is written, and the name with * in its place; else "", the name.

    A month or quarter is its last day. A day that may be a month is none.

    >>> day_of_name("exports/devices June 2026.csv")
    ('2026-06-30', 'exports/devices *.csv')
    """
    for found in (match for way in (ISO_DAY, *NAME_DAYS) for match in reversed([*way.finditer(label)])):
        parts = found.groupdict()
        year, word = int(parts["y"]), parts.get("w", "").lower()
        month = 3 * int(parts.get("q") or 0) or int(
            parts.get("m") or next(n for n, words in enumerate(MONTHS, 1) if word in words)
        )
        day = int(parts.get("d") or calendar.monthrange(year, month)[1])
        if parts.get("mark", ".") != "." and day != month:  # dots go with the day first; other marks with either
            if day <= 12 and month <= 12:
                continue
            day, month = max(day, month), min(day, month)
        with suppress(ValueError):
            return dt.date(year, month, day).isoformat(), f"{label[: found.start()]}*{label[found.end() :]}"
    return "", label


def source_stem(name: str) -> str:
    """Return what does not change in a file's name from one export of a source to the next."""
    return " ".join(CHANGING.sub(" ", name.lower()).split())


def source_of_files(files: pd.DataFrame) -> pd.DataFrame:
    """Return which files are of one source: names alike but for days and numbers, or never of the same month.

    From source_file and month (a number), one row per pair, to source_file and source (a number).
    """
    stems = files.assign(stem=[source_stem(str(name)) for name in files["source_file"]])
    months = stems.groupby("stem")["month"].agg(set)
    # A list renamed along the way goes on: a stem joins the first source that has none of its months.
    sources: list[set[int]] = []
    place = {}
    for stem in months.map(min).sort_values(kind="stable").index:
        free = (n for n, taken in enumerate(sources) if not taken & months[stem])
        place[stem] = next(free, len(sources))
        if place[stem] == len(sources):
            sources.append(set())
        sources[place[stem]] |= months[stem]
    found = stems.assign(source=stems["stem"].map(place))
    return found[["source_file", "source"]].drop_duplicates(ignore_index=True)
