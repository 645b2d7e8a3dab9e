"""What to be wary of in the data; nothing here changes a number."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import duckdb
import pandas as pd

from rhem_lib.errors import first_of, leave_out, say, toml_text
from rhem_lib.exports import Cleaned
from rhem_lib.interfaces import is_pulled
from rhem_lib.settings import Settings, normal_name
from rhem_lib.workspace.day_warnings import Warning_, day_warnings
from rhem_lib.workspace.list_warnings import list_warnings
from rhem_lib.workspace.months import month_name
from rhem_lib.workspace.parts import ENOUGH, LEFT, MONTH, SUPPORT, lost_parts, other_units, part_rows
from rhem_lib.workspace.time_sources import USUAL_ENTRIES, uncovered_months
from rhem_lib.workspace.work_classes import TICKET_COLUMNS

SHOWN = 3  # names in a warning about many clients
ROUNDED, LATE, LATE_DAYS, LONG_ENTRY_HOURS = 0.8, 0.05, 14, 8.0
REPEATS = {
    "shared": (
        "shared-number",
        "have the number of an entry of another client or ticket: all count. One that was moved since its first "
        "export counts twice.",
    ),
    "twins": (
        "twins",
        "have no number and are alike another of their file in every cell: all count, for rounded times are often "
        "alike. If rows were exported twice, export them with each entry's number.",
    ),
    "again": (
        "alike-rows",
        "have no number and are alike one of another file in every cell: they are set aside as exported twice. If "
        "the files do not overlap, export them with each entry's number.",
    ),
    "sums": (
        "total-row",
        "miss values that others of their file have, and are the sums of rows above them: they are set aside. If "
        "they are work, export them with each entry's number.",
    ),
    "alike": (
        "alike-rows",
        "have no number and are in two files, alike but for cells that are not read: all count. If the files "
        "overlap, export them with each entry's number.",
    ),
}
GONE = dt.timedelta(days=45)  # without list and time, while others have both
REPEATED = ("duplicate", "superseded", "deleted-entry", "deleted-ticket")  # reasons of which a file may be full
NEW_SHARE, NEW_ROWS, BY_CHANCE = 0.05, 5, 0.01  # of a value since it begins; chance of none before, by its share
PAGE = 500  # exports cut off by a page limit have round row counts
NOTHING = ("nan", "nat", "none", "null", "(blank)", "(leer)", "undefined", "n/a", "na", "-", "--", "?")
PAGES = (25, 30, 50, 100, 200, 250)  # the same of interfaces
UNREAD = "no-date unreadable-date unreadable-hours impossible-date impossible-hours".split()
UNREAD += "wrong-number-of-cells unclosed-quote line-too-long".split()  # damaged lines
MANY = 0.1  # of the rows of a file, from which on such a reason is named
NAMELESS = 1 / 3  # the same of rows without a client: internal time has none
FILLED = {"time_entries": ("ticket_id", "work_type", "technician"), "tickets": ("type", "category", "board")}
MINUTES = 'hours_unit = "minutes"'
OVER_CLOCK = 1.5  # times the hours from start to end
SAMPLE, ALIKE = 20_000, 0.9  # entries that are looked at, and share of tickets whose entries are all alike
OTHERS = 0.3  # of these entries, on tickets of other clients
USUAL = {"minutes": 600, "seconds": 36_000}  # at most, of the middle entry of more than a day of hours
DECIDING = ("type", "board", "work_type", "category")  # columns by which work is classified
Relation = duckdb.DuckDBPyRelation


MISSING = {
    "time_entries": "No file holds time entries: without hours worked there is nothing to measure",
    "tickets": "No file holds tickets: the type, board and category of the work are unknown",
    "endpoints": "No file lists endpoints: there are hours, but no client has a RHEM",
}


class ByClient(NamedTuple):
    """What the tables hold of each client: hours, reactive hours, first and last day; kinds and last list."""

    hours: dict[str, float]
    reactive: dict[str, float]
    worked: dict[str, tuple[dt.date, dt.date]]
    kinds: dict[str, set[str]]
    listed: dict[str, dt.date]


def by_client(facts: Cleaned) -> ByClient:
    """Ask the tables once for what warnings and suggestions compare."""
    reactive = "sum(hours) FILTER (work_class = 'reactive')"
    entries = facts.time_entries.aggregate(
        f"client, sum(hours), {reactive}, min(worked_on)::DATE, max(worked_on)::DATE"
    )
    sums = entries.fetchall()
    lists = "client, list(DISTINCT kind) FILTER (count > 0), max(as_of)::DATE"
    kinds = facts.endpoints.aggregate(lists).fetchall()
    return ByClient(
        {client: hours for client, hours, *_ in sums},
        {client: reactive or 0.0 for client, _, reactive, *_ in sums},
        {client: (first, last) for client, *_, first, last in sums},
        {client: {*(found or ())} for client, found, _ in kinds},
        {client: last for client, _, last in kinds},
    )


def warnings(facts: Cleaned, clients: pd.DataFrame, known: ByClient, settings: Settings) -> pd.DataFrame:
    """Return reasons for doubt, by client and month where they apply: code, text, client, month."""
    files = facts.files
    found = [*_file_warnings(facts, settings), *_client_warnings(clients, known)]
    found += [
        *_billing_warnings(facts),
        *_name_warnings(clients, known),
        *_kind_warnings(clients, known, settings),
    ]
    volume = [*day_warnings(facts), *_missing_parts(facts, clients)]
    named = {month for *_, month in volume}
    parts, kinds = part_rows(facts.time_entries), _kinds_of_work(facts.time_entries)
    if len(kinds):
        volume += [one for one in _lost_parts(parts, kinds, clients, known) if one[-1] not in named]
        volume += _other_units(parts)
    found += [*volume, *_habit_warnings(facts), *_idle_settings(facts, settings)]
    found += [*_new_values(kinds, settings), *_new_kinds(facts)]
    found += [(code, text, "", "") for code, text in facts.notes]
    for profile, note in (
        files.loc[files["note"] != "", ["profile", "note"]].drop_duplicates().itertuples(index=False)
    ):
        found.append(("source", f"{profile}: {note}", "", ""))
    return pd.DataFrame(found, columns=["code", "text", "client", "month"], dtype=str)


def _file_warnings(facts: Cleaned, settings: Settings) -> Iterator[Warning_]:
    """What is missing, empty, cut off, or in two systems."""
    files, quarantine = facts.files, facts.quarantine
    lost = quarantine[(quarantine["reason"] == "no-client") & quarantine["value"].str.startswith("ticket ")]
    no_client = f"{len(lost):,} entries ({lost['hours'].sum():,.1f} hours) name a ticket and no client"
    for table, text in MISSING.items():
        if not (files["table"] == table).any():
            more = f", and {no_client}, so they are set aside" if table == "tickets" and len(lost) else ""
            yield "missing-table", f"{text}{more}.", "", ""
    yield from _repeat_warnings(facts)
    for row in facts.missing_columns.itertuples():
        if is_pulled(row.path):  # interfaces leave empty fields out
            continue
        text = (
            f"{row.path} is without '{row.column}', which {row.others} other files of its kind have: rules that "
            "ask for it find nothing there. Export it again with that column."
        )
        yield "missing-column", text, "", ""
    if len(lost) and (files["table"] == "tickets").any():
        yield "no-ticket", f"{no_client}, and no ticket file holds it: export older tickets as well.", "", ""
    for path, rows in files.loc[files["table"] != "clients", ["path", "rows"]].itertuples(index=False):
        if not rows:
            yield "empty-file", f"{path} has a header and no rows.", "", ""
        elif (rows % PAGE == 0 or (rows in PAGES and ".json" in path)) and not is_pulled(path):
            yield "round-count", f"{path} has exactly {rows:,} rows, as an export cut off has.", "", ""
    hidden = files.loc[files["hidden"] != "", ["path", "hidden"]].drop_duplicates()
    for path, what in hidden.itertuples(index=False):
        yield "hidden", f"{path}: {what}: all that is there counts. Otherwise {leave_out(path)}", "", ""
    yield from _none_kept(files, quarantine)
    yield from _emptied_columns(facts)
    for noun, rows, day in (
        ("time entries", facts.time_entries, "worked_on"),
        ("endpoints", facts.endpoints, "as_of"),
    ):
        yield from _two_systems(rows, files, day, noun, settings)
    yield from list_warnings(facts.endpoints, files, settings)


def _repeat_warnings(facts: Cleaned) -> Iterator[Warning_]:
    """Time entries that may be others once more."""
    for name, (code, text) in REPEATS.items():
        entries, hours = getattr(facts.repeats, name)
        if entries:
            yield code, f"{entries:,} time entries ({hours:,.1f} hours) {text}", "", ""
    for one, other, whole in facts.repeats.same:
        text = f"{one} has as many hours as {other} for each of its clients and months"
        if whole:
            text += f": if it is a summary of it, or the same with other columns, {leave_out(one)}"
        else:
            text += " that both have, under other numbers: if it is the same work, leave it out of one of them."
        yield "alike-rows", text, "", ""
    corrected, credit = facts.corrections
    if corrected:
        text = (
            f"{corrected:,} corrections ({credit:,.1f} hours) are counted on the day of the work that they "
            "correct, in another month than their own."
        )
        yield "dated-back", text, "", ""
    undecided = facts.repeats.undecided
    if undecided.entries:
        text = f"{undecided.entries:,} time entries are in {undecided.first} "
        if undecided.other:
            text += (
                f"and {undecided.other} in different states, and nothing says which is later: take the older out, "
            )
            text += "or put each one's day into its name."
        else:
            text += (
                "in several rows that differ: the last counts. If each is work, export them without that number."
            )
        yield "undecided-state", text, "", ""


def _none_kept(files: pd.DataFrame, quarantine: pd.DataFrame) -> Iterator[Warning_]:
    """Tables of a file that were lost, whole or as unreadable in part; one that repeats other files is not."""
    quarantine = quarantine[~quarantine["value"].str.startswith("1 cells")]  # a line of text, as at the end
    aside, few = dict([*quarantine.groupby(["source_file", "table"])]), []
    for (path, table), rows in files.groupby(["path", "table"], sort=False)["rows"].sum().items():
        if (own := aside.get((path, table))) is None:
            continue
        lost, whole = own["reason"], 0 < rows <= len(own)
        nameless = ((lost == "no-client") & (own["value"] == "")).sum()
        lost = lost if whole or nameless >= NAMELESS * rows else lost[lost.isin(UNREAD)]
        most = lost.mode().min()
        if not len(lost) or len(lost) < MANY * rows or most in REPEATED:
            few.append(own.loc[lost.index])
            continue
        could = "none of its {} could" if whole else f"{len(lost):,} of its {{}} could not"
        what = f"{rows:,} row{'s' * (rows != 1)} of {table}"
        text = f"{path}: {could.format(what)} be used; most: {most}."
        if most in ("unreadable-date", "unreadable-hours"):
            text += " Tell how that column is written in profiles/<name>.toml (keys dates and durations)."
        elif most == "no-client":
            text += " If names are only in the first of several rows, as in merged cells, fill them in."
        elif most == "impossible-hours":
            hours = pd.to_numeric(own["value"][own["reason"] == most], errors="coerce").abs().median()
            unit = next((unit for unit, usual in USUAL.items() if hours <= usual), "")
            text += f" If these are {unit}: {say(str(path), f'hours_unit = {toml_text(unit)}')}" if unit else ""
        if whole:
            yield "none-kept", text, "", ""
        else:
            yield "many-lost", text, "", ""
    lost = pd.concat([quarantine.head(0), *few])
    for (table, reason), rows in lost[lost["reason"].isin(UNREAD)].groupby(["table", "reason"]):
        where = first_of(sorted(rows["source_file"].unique()), 1)
        worth = f" ({rows['hours'].sum():,.1f} hours)" if rows["hours"].any() else ""
        text = f"{where}: {len(rows):,} rows of {table}{worth} could not be used: {reason}, such as "
        yield "few-lost", f"{text}'{rows['value'].iloc[0]}' in row {rows['source_row'].iloc[0]}.", "", ""


def _emptied_columns(facts: Cleaned) -> Iterator[Warning_]:
    """Columns that are empty in one file, and filled in most files of its kind."""
    profiles = facts.files.drop_duplicates("path").set_index("path")["profile"]
    for table, columns in FILLED.items():
        counts = ", ".join(f"count({column}) / count(*) AS {column}" for column in columns)
        rows = getattr(facts, table).aggregate(f"source_file, count(*) AS n, {counts}").df()
        for _, kind in rows.groupby(rows["source_file"].map(profiles)):
            for column in columns:
                filled = (kind[column] > 1 / 2).sum()
                empty = kind[(kind[column] == 0) & (kind["n"] >= NEW_ROWS) & (2 * filled > len(kind))]
                for path in sorted(empty["source_file"]):
                    text = (
                        f"in {path} '{column}' is empty, which {filled} other files of its kind fill: rules that "
                        "ask for it find nothing there. Export it again with that column."
                    )
                    yield "missing-column", text, "", ""


def _two_systems(
    rows: Relation, files: pd.DataFrame, day: str, noun: str, settings: Settings
) -> Iterator[Warning_]:
    """Systems with facts of one client and month, unless rhem.toml says that each holds a part."""
    profiles = files.drop_duplicates("path").set_index("path")["profile"]
    if profiles[profiles.index.isin(files.loc[files["table"] == noun.replace(" ", "_"), "path"])].nunique() < 2:
        return
    found = rows.project(f"client, strftime({day}, '%Y-%m') AS month, source_file").distinct().df()
    found["profile"] = found["source_file"].map(profiles)
    systems = found.groupby(["client", "month"])["profile"].agg(lambda names: tuple(sorted({*names})))
    both = systems[systems.map(len) > 1].reset_index().drop_duplicates(["client", "profile"])
    unless = ", unless by the same id" if noun == "endpoints" else ""
    for names, group in both.groupby("profile"):
        if any({*names} <= {*known.separate} for known in settings.systems):
            continue
        client, first = group[["client", "month"]].iloc[0]
        more = f" and {len(group) - 1:,} more clients have" if len(group) > 1 else " has"
        both_of = f"{client}{more} {noun} of {first} from {' and '.join(names)}"
        line = f"[[systems]]\nseparate = [{', '.join(map(toml_text, names))}]"
        text = f"{both_of}: what both hold counts twice{unless}. If each holds a part, add to rhem.toml:\n{line}"
        yield "two-systems", text, str(client) if len(group) == 1 else "", str(first)


def _client_warnings(clients: pd.DataFrame, known: ByClient) -> Iterator[Warning_]:
    counted, worked = known.kinds, known.reactive
    last = {name: day for name, (_, day) in known.worked.items()}
    ends = [max(days.values(), default=dt.date.min) for days in (known.listed, last)]
    for row in clients.itertuples():
        name = str(row.client)
        if counted and name not in counted and name in worked:
            text = f"{name} has {worked[name]:,.1f} reactive hours but no endpoint list, so it has no RHEM."
            yield "no-endpoints", text, name, ""
        if worked and name in counted and name not in worked:
            text = f"{name} has endpoints but no time entry; is it named otherwise in the PSA?"
            yield "no-hours", text, name, ""
        first, final = map(pd.Timestamp, known.worked.get(name, (None, None)))
        given = row.onboarding_source == "clients"
        if (given and row.onboarded_on > final) or row.ended_on < first:
            text = f"{name} has time from {first:%Y-%m-%d} to {final:%Y-%m-%d} and none in its service, by its "
            yield "no-hours", text + "days in clients.csv, so it has no RHEM.", name, ""
        if pd.isna(row.ended_on) and name in known.listed and name in last:
            days = known.listed[name], last[name]
            if all(end - day > GONE for end, day in zip(ends, days, strict=True)):
                text = (
                    f"{name} has no list of computers after {days[0]} and no time after {days[1]}, as a client "
                    "that left. If it did, give ended_on in clients.csv; until then its last list is carried on."
                )
                yield "left", text, name, ""
        if name not in counted and name not in worked and row.onboarding_source == "clients":
            text = f"{name} is listed in clients.csv, but no time entry and no endpoint list names it."
            yield "no-data", text, name, ""


def _name_warnings(clients: pd.DataFrame, known: ByClient) -> Iterator[Warning_]:
    """Clients whose name is none, and those with a stand-in for their first day."""
    numbers = [name for name in known.worked if name.isdigit()]
    if 0 < len(numbers) < len(known.worked):
        text = f"{first_of(numbers, SHOWN)}: a number where other clients have names. Did a report change, or is "
        yield "no-name", text + "a list of companies missing?", "", ""
    for name in clients["client"][clients["client"].str.lower().isin(NOTHING)]:
        text = f"'{name}' is how programs write an empty cell, and is taken for a client with "
        text += f"{known.hours.get(name, 0):,.1f} hours. If it is none: catch_all = [{toml_text(name)}]"
        yield "no-name", text, name, ""
    stand_ins = {"agreement": "taken from the first agreement", "first snapshot": "taken from the first snapshot"}
    for source, group in clients[clients["onboarding_source"] != "clients"].groupby("onboarding_source"):
        what = stand_ins.get(str(source), "unknown, so their age is unknown")
        names = [*group["client"][:SHOWN], f"{len(group) - SHOWN:,} more"][: len(group)]
        text = f"{len(group):,} client{'s' * (len(group) > 1)} ({', '.join(names)}): onboarding date {what}."
        yield "onboarding-date", text, names[0] if len(group) == 1 else "", ""


def _billing_warnings(facts: Cleaned) -> Iterator[Warning_]:
    """Clients that pay in two ways at one time, by their agreements or beside clients.csv."""
    terms, listed = facts.agreements.df(), facts.clients.df()
    if terms.empty:
        return
    pairs = terms.merge(terms, on="client", suffixes=("", "_other"))
    pairs = pairs[(pairs["billing"] < pairs["billing_other"])]
    far = pd.Timestamp("2200-01-01")
    both = (pairs["start"] <= pairs["end_other"].fillna(far)) & (pairs["start_other"] <= pairs["end"].fillna(far))
    if len(names := sorted(pairs["client"][both].unique())):
        text = (
            f"{len(names):,} clients ({first_of(names, SHOWN)}) have agreements of two billing models at one time:"
        )
        yield "two-billings", f"{text} of each month, the one of most of its days counts.", "", ""
    listed = listed[listed["client"].isin(terms["client"])] if "billing" in listed else listed.head(0)
    for client, rows in listed.dropna(subset="billing").groupby("client") if len(listed) else ():
        own = sorted({*terms.loc[terms["client"] == client, "billing"]})
        if not {*rows["billing"]} & {*own}:
            text = f"{client} is {rows['billing'].iloc[0]} in clients.csv and {first_of(own)} by its agreements: "
            yield "two-billings", f"{text}these count.", str(client), ""


def _idle_settings(facts: Cleaned, settings: Settings) -> Iterator[Warning_]:
    """What rhem.toml says of work and clients that no file has: a slip, or a rule behind another."""
    deciding = {rule for (rule,) in facts.time_entries.project("rule").distinct().fetchall()}
    if deciding:
        for number, rule in enumerate(settings.rules, 1):
            if f"rhem.toml rule {number}" not in deciding:
                asked = ", ".join(f"{column} = {toml_text(str(value))}" for column, value in rule.when.items())
                text = (
                    f"rule {number} of rhem.toml ({asked}) places no entry: nothing matches, or a rule above it."
                )
                yield "idle-rule", text, "", ""
    known = set(facts.spellings)
    for client, given in settings.clients.items():
        idle = [name for name in given.aliases if normal_name(name) not in known]
        if client not in facts.names and normal_name(client) not in known:
            text = f"'{client}' has settings, but no file names it{' or its aliases' * bool(idle)}."
            yield "idle-client", text, "", ""
        elif idle:
            yield (
                "idle-alias",
                f"no file has {', '.join(map(repr, idle))}, named as aliases of '{client}'.",
                "",
                "",
            )
    for key in ("own_company", "catch_all"):
        for name in getattr(settings, key):
            if normal_name(name) not in known and name not in facts.names:
                yield "idle-client", f"'{name}' is in {key} of rhem.toml, but no file names it.", "", ""
    for name in {name for known in settings.systems for name in known.separate} - {*facts.files["profile"]}:
        yield "idle-system", f"'{name}' is in [[systems]] of rhem.toml, but no file is of that profile.", "", ""


def _kinds_of_work(entries: Relation) -> pd.DataFrame:
    """Hours and entries by month (a number), all columns that decide the class of work, and that class."""
    parts = f"{MONTH}, {', '.join(DECIDING)}, work_class::VARCHAR AS work_class"
    return entries.aggregate(f"{parts}, sum(hours) AS hours, count(*) AS n, min(source_file) AS file").df()


def _new_values(rows: pd.DataFrame, settings: Settings) -> Iterator[Warning_]:
    """Values that decide the class of much work and begin in some month: a label is new, or renamed.

    One that a rule of rhem.toml names is known.
    """
    asked = [wanted for rule in settings.rules for wanted in rule.when.values()]
    known = {value.lower() for wanted in asked for value in ([wanted] if isinstance(wanted, str) else wanted)}
    for column in DECIDING:
        spans = rows.groupby(column)["month"].agg(["min", "max"])
        for value, first in spans.loc[spans["min"] > rows["month"].min(), "min"].items():
            before, since = rows[rows["month"] < first], rows[rows["month"] >= first]
            own, filled = since[since[column] == value], before[before[column].notna()]
            share = own["hours"].sum() / since["hours"].sum()
            if (
                share < NEW_SHARE
                or own["n"].sum() < NEW_ROWS
                or (1 - own["n"].sum() / since["n"].sum()) ** before["n"].sum() > BY_CHANCE
                or str(value).lower() in known
                or 2 * filled["n"].sum() < before["n"].sum()
            ):
                continue
            gone = filled[filled[column].map(spans["max"]) < first].groupby(column)["hours"].sum()
            gone = gone[gone >= NEW_SHARE * before["hours"].sum()].sort_values()
            place = own.groupby("work_class")["hours"].sum().idxmax()
            month = month_name(first)
            text = (
                f"{column} '{value}' begins in {month} ({own['file'].min()}) and has {100 * share:.0f}% of the "
                f"hours since{f'; {gone.index[-1]!r} ends before it' if len(gone) else ''}. It counts as {place}: "
                "a rule that names it confirms or mends that."
            )
            yield "new-value", text, "", month


def _new_kinds(facts: Cleaned) -> Iterator[Warning_]:
    """Kinds of device that do not count and states of records that do, as nothing names them."""
    meaning = {
        "kind": "Its profile does not name it, so it does not count: name it there under [tables.values.kind] if "
        "it should.",
        "state": "Its profile does not name it, so they count: name it there under [[tables.aside]] if they "
        "should not.",
    }
    for kind in facts.new_kinds:
        begins = f"begins in {kind.path} and has {100 * kind.since:.0f}% of the rows since"
        where = begins if kind.since else f"is in {kind.path} ({kind.rows:,} rows)"
        name = {"kind": "kind of device"}.get(kind.column, kind.column)
        yield "new-value", f"the {name} '{kind.value}' {where}. {meaning[kind.column]}", "", ""


def _kind_warnings(clients: pd.DataFrame, known: ByClient, settings: Settings) -> Iterator[Warning_]:
    """Clients with endpoints of which none is of a kind that counts."""
    for client in sorted(known.kinds.keys() & {*clients["client"]}):
        found = known.kinds[client]
        if found and not {*settings.endpoint_kinds} & found:
            counting = " and ".join(settings.endpoint_kinds)
            text = f"{client} has endpoints, but none of a kind that counts ({counting}), so it has no RHEM."
            yield "no-endpoints", text, client, ""


def _lost_parts(
    parts: dict[str, pd.DataFrame], kinds: pd.DataFrame, clients: pd.DataFrame, known: ByClient
) -> Iterator[Warning_]:
    """Months in which a client, a technician, a kind of work or a report is left out while others go on."""
    files = parts["source"].sort_values("source_file")
    tables = {"client": parts["client"], "technician": parts["technician"]}
    tables |= {name: kinds.rename(columns={name: "value"}) for name in DECIDING}
    found = [("source", lost) for lost in lost_parts(parts["source"], before=LEFT)]
    found += [("source", lost) for lost in lost_parts(parts["source"], goes_over=False, after=0)]
    for part, rows in tables.items():
        found += [(part, lost) for lost in lost_parts(rows, goes_over=part != "client")]
    served = {**known.listed, **clients.set_index("client")["ended_on"].dropna()}  # to the last list, or the end
    # What several parts are without, as a technician with a file of its own, is named once.
    once = {(tuple(lost.months), lost.usual): (part, lost) for part, lost in reversed(found)}
    for part, (value, months, usual) in reversed(once.values()):
        names = [month_name(month) for month in months]
        if part == "client" and names[0] >= f"{served.get(value, dt.date.max):%Y-%m}":
            continue
        own = files[(files["value"] == value) & (files["month"] < months[0])]["source_file"].tolist()
        what = f"no file like {own[-1]}" if own else "no file like later ones"
        what = f"{what} holds" if part == "source" else f"{part} '{value}' has hardly any"
        text = (
            f"{what} time entries of {first_of(names)}, where {usual:,.0f} are usual and others go on: was a part "
        )
        yield "coverage", text + "left out of the export?", value if part == "client" else "", names[0]


def _missing_parts(facts: Cleaned, clients: pd.DataFrame) -> Iterator[Warning_]:
    """Months that the files of a part of the clients miss while others have them."""
    if (facts.files["table"] == "time_entries").sum() < 2:
        return
    lost = uncovered_months(facts.time_entries).merge(clients[["client", "onboarded_on", "ended_on"]], on="client")
    before = lost["month"] + pd.offsets.MonthEnd() < lost["onboarded_on"]
    for file, rows in lost[~before & ~(lost["month"] > lost["ended_on"])].groupby("file"):
        months, names = sorted(rows["month"].dt.strftime("%Y-%m").unique()), sorted(rows["client"].unique())
        text = (
            f"files such as {file} hold hardly any time entry of {first_of(months)}, where "
            f"{rows['usual'].max():,.0f} a month are usual and others go on: these months do not count for "
            f"{len(names):,} of their clients ({first_of(names, SHOWN)}). Export them, or write confirmed_zero in "
            "clients.csv."
        )
        yield "coverage", text, names[0] if len(names) == 1 else "", months[0]


def _habit_warnings(facts: Cleaned) -> Iterator[Warning_]:
    """How time is written down: rounded, late, on tickets that are not there, in another unit."""
    clocks = "FILTER (ended_at > started_at)"
    rows, rounded, late, dated, median, longest, timed, span = facts.time_entries.aggregate(
        "count(*), count(*) FILTER (abs(hours * 4 - round(hours * 4)) < 1e-6), "
        f"count(*) FILTER (entered_at > worked_on + INTERVAL {LATE_DAYS + 1} DAY), count(entered_at), "
        f"median(hours) FILTER ({SUPPORT}), max(abs(hours)), sum(hours) {clocks}, "
        f"sum(epoch(ended_at - started_at)) {clocks} / 3600"
    ).fetchall()[0]
    if rows >= USUAL_ENTRIES and rounded > ROUNDED * rows:
        text = f"{100 * rounded / rows:.0f}% of entries are whole quarters of an hour: rounded time."
        yield "rounded", text, "", ""
    if dated and late > LATE * dated:
        text = f"{100 * late / dated:.0f}% of entries were written down more than {LATE_DAYS} days after the work."
        yield "late-entry", text, "", ""
    if (facts.files["table"] == "tickets").any():
        yield from _lost_tickets(facts)
    if median and median > LONG_ENTRY_HOURS:
        text = f"the middle entry is {median:,.0f} hours long: are these minutes read as hours?"
        yield "magnitude", text, "", ""
    if span and timed > OVER_CLOCK * span:
        text = f"entries are {timed / span:,.1f} times as long as from their start to their end: "
        yield "magnitude", text + "are hours billed, or in another unit?", "", ""
    yield from _other_tickets(facts)
    if longest == 0:
        text = "no entry has any hours: are they hours billed, or formulas that were never calculated?"
        yield "magnitude", text, "", ""


def _other_tickets(facts: Cleaned) -> Iterator[Warning_]:
    """Hours that seem to be those of the ticket, on each of its entries; tickets that are of other clients."""
    first = facts.time_entries.filter("ticket_id IS NOT NULL AND hours > 0").limit(SAMPLE).set_alias("e")
    tickets = first.aggregate("ticket_id, count(*) AS n, min(hours) AS low, max(hours) AS high").filter("n > 1")
    count, alike, kinds = tickets.aggregate(
        "count(*), count(*) FILTER (low = high), count(DISTINCT low) FILTER (low = high)"
    ).fetchall()[0]
    if alike >= ENOUGH and alike > ALIKE * count and kinds >= NEW_ROWS:
        text = f"all entries of a ticket have the same hours, on {alike:,} of {count:,} tickets with several: "
        yield "magnitude", text + "are they those of the whole ticket, on each of its entries?", "", ""
    both = first.join(facts.tickets.set_alias("t"), "e.ticket_id = t.ticket_id AND t.client IS NOT NULL")
    count, other = both.aggregate("count(*), count(*) FILTER (e.client <> t.client)").fetchall()[0]
    if other >= ENOUGH and other > OTHERS * count:
        text = f"{other:,} of {count:,} time entries are on a ticket of another client: are its numbers those of "
        yield "shared-number", text + "another system, or from before a migration?", "", ""


def _other_units(parts: dict[str, pd.DataFrame]) -> Iterator[Warning_]:
    """Parts whose entries are so much longer or shorter than usual that their hours may be of another unit."""
    for part, rows in (parts | {"month": parts["technician"]}).items():
        if part == "source" or (part != "month" and rows["value"].nunique() < 2):
            continue
        for value, mean, clock, usual in other_units(rows, part).itertuples():
            name = month_name(value) if part == "month" else value
            others = f"other {part.removeprefix('source_')}s"
            text = f"{name if part == 'source_file' else f'{part} {name}'}: its "
            if clock:
                text += f"hours never end in .60 or more, those of {others} do: is 1.30 an hour and a half there?"
            else:
                text += f"entries are {mean:,.2f} hours long, those of {others} {usual:,.2f}: in another unit?"
            if part == "source_file" and mean > usual:
                text += f" If these are minutes: {say(name, MINUTES)}"
            yield "magnitude", text, name if part == "client" else "", name if part == "month" else ""


def _lost_tickets(facts: Cleaned) -> Iterator[Warning_]:
    """Tickets of entries that no file holds, or that were set aside."""
    bare = " AND ".join(f"{column} IS NULL" for column in TICKET_COLUMNS)  # few can be without their ticket
    doubtful = facts.time_entries.filter(f"{bare} AND ticket_id IS NOT NULL").project("ticket_id, hours")
    lost = doubtful.join(facts.tickets.project("ticket_id"), "ticket_id", how="anti").df()  # type: ignore[union-attr]
    reasons = lost["ticket_id"].map(facts.tickets_aside.set_index("ticket_id")["reason"])
    orphans, aside = lost["hours"][reasons.isna()].sum(), lost["hours"][reasons.notna()].sum()
    if orphans and len(facts.tickets):
        yield "no-ticket", f"{orphans:,.1f} hours are on tickets that the ticket export does not hold.", "", ""
    if aside:
        why = ", ".join(sorted(reasons.dropna().unique()))
        text = f"{aside:,.1f} hours are on tickets that were set aside ({why}), so their type is unknown."
        yield "no-ticket", text, "", ""
