"""Work class per time entry, with the rule that decided.

Rules are tried in order and the first match wins: those of rhem.toml, own company and catch-all, those of the
profile, then the preset's reading of the ticket type. What nothing matches is unclassified, never silently in
or out.
"""

import re
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from rhem_lib import schema
from rhem_lib.errors import SettingsError, one_of
from rhem_lib.exports import Profile
from rhem_lib.settings import PRESETS, Preset, Rule, Settings, WorkClass

TICKET_COLUMNS = ("type", "category", "subcategory", "board", "source", "priority", "parent_id", "device_id")
ENTRY_COLUMNS = ("ticket_id", "client", "work_type", "technician", "billable", "source_file")
NAMES = {"client", "technician"}
MATCHABLE = (*ENTRY_COLUMNS, *TICKET_COLUMNS)
PLACE = "_rule"  # of the rule that decided
BREAK_FIX = ["incident", "problem", "alert"]

LabelledRule = tuple[str, Rule]


def rules_for(settings: Settings, profiles: Sequence[Profile], preset: Preset) -> list[LabelledRule]:
    """All rules in the order in which they are tried, each with the name that `rule` will show."""
    one_of(preset, PRESETS, "preset")
    rules = [(f"rhem.toml rule {i}", rule) for i, rule in enumerate(settings.rules, 1)]
    rules += _client_rule("excluded", settings.catch_all + _excluded(settings))
    known = [(f"profile {p.name} rule {i}", rule) for p in profiles for i, rule in enumerate(p.rules, 1)]
    rules += [item for item in known if item[1].work_class == "excluded"]  # leave is no work, whoever's it is
    rules += _client_rule("internal", settings.own_company)
    rules += [item for item in known if item[1].work_class != "excluded"]
    requests: WorkClass = "scheduled" if preset == "incidents" else "reactive"
    return [
        *rules,
        ("ticket type", Rule(when={"type": BREAK_FIX}, work_class="reactive")),
        ("ticket type", Rule(when={"type": "request"}, work_class=requests)),
        ("ticket type", Rule(when={"type": ["change", "maintenance"]}, work_class="scheduled")),
    ]


def _client_rule(work_class: WorkClass, names: list[str]) -> list[LabelledRule]:
    return [(f"{work_class} client", Rule(when={"client": names}, work_class=work_class))] if names else []


def _excluded(settings: Settings) -> list[str]:
    return [name for name, given in settings.clients.items() if given.exclude]


def classify(entries: Any, tickets: Any, rules: Sequence[LabelledRule], preset: Preset = "unscheduled") -> Any:
    """Time entries with the columns of their ticket, `work_class` and `rule`; frame in, frame out.

    Parameters
    ----------
    entries, tickets : pandas, polars, DuckDB or Spark frame
        Canonical tables time_entries and tickets.
    rules : sequence of (label, Rule)
        From `rules_for`.
    preset : str
        `all-support` takes scheduled and unclassified client work as reactive as well.

    Returns
    -------
    frame of the same kind, one row per entry
    """
    work_class, rule = outcomes(rules, preset)
    decided = nw.from_native(decide(entries, tickets, rules))
    found = decided.with_columns(work_class=_looked_up(work_class), rule=_looked_up(rule))
    return found.drop(PLACE).to_native()


def decide(entries: Any, tickets: Any, rules: Sequence[LabelledRule], unnamed: Any = None) -> Any:
    """Time entries with the columns of their ticket and the place of the first rule that matches, in `PLACE`.

    It is the number of rules where none does. `unnamed` are the entries before clients and technicians were named,
    whose other values are found without those joins.
    """
    numbered = list(enumerate(rules))
    by_ticket, by_entry = (
        [item for item in numbered if {*_columns(item[1])} <= {*of}] for of in (TICKET_COLUMNS, ENTRY_COLUMNS)
    )
    last = len(rules)
    by_both = [item for item in numbered if item not in by_ticket and item not in by_entry]
    facts, work = nw.from_native(tickets), nw.from_native(entries)
    known = {*schema.columns("tickets"), *work.collect_schema().names()}
    kept = [name for name in facts.collect_schema().names() if name not in known]
    facts = facts.select("ticket_id", *TICKET_COLUMNS, *kept)
    bare = None if unnamed is None else nw.from_native(unnamed)
    work = _first_match(work, by_entry, "_by_entry", last, bare)  # type: ignore[arg-type]
    facts = _first_match(facts, by_ticket, "_by_ticket", last)  # there are fewer tickets than entries
    joined = _first_match(work.join(facts, on="ticket_id", how="left"), by_both, "_by_both", last)
    places = ("_by_entry", "_by_ticket", "_by_both")
    return joined.with_columns(nw.min_horizontal(*places).alias(PLACE)).drop(*places).to_native()


def outcomes(rules: Sequence[LabelledRule], preset: Preset) -> tuple[list[str], list[str]]:
    """Work class and name of each rule, by its place, and of none."""
    classes: list[str] = [*(rule.work_class for _, rule in rules), "unclassified"]
    if preset == "all-support":
        classes = ["reactive" if name in ("scheduled", "unclassified") else name for name in classes]
    return classes, [*(label for label, _ in rules), "no rule"]


def _first_match(
    frame: Any, rules: Sequence[tuple[int, LabelledRule]], name: str, none: int, unnamed: Any = None
) -> Any:
    """Frame with the place of the first of these rules that matches, `none` where none does.

    Rules are tried on the values of their columns, of which there are far fewer than rows.
    """
    if not rules:
        return frame.with_columns(nw.lit(none).alias(name))
    groups: dict[tuple[str, ...], list[tuple[int, Rule]]] = {}
    for number, labelled in rules:
        groups.setdefault(tuple(_columns(labelled)), []).append((number, labelled[1]))
    found, places = frame, [nw.lit(none)]
    for group, (columns, own) in enumerate(groups.items()):
        place = nw.lit(none)
        for number, rule in reversed(own):
            place = nw.when(condition(rule)).then(nw.lit(number)).otherwise(place)
        rows = frame if unnamed is None or not NAMES.isdisjoint(columns) else unnamed
        values = rows.group_by(*columns).agg(nw.len().alias("_rows"))  # unique() would number every row
        matched = values.select(*columns, place.alias(f"{name}_{group}"))
        found = found.join(matched, on=list(columns), how="left")
        places.append(nw.col(f"{name}_{group}"))
    return found.select(*frame.columns, nw.min_horizontal(*places).alias(name))


def _looked_up(values: Sequence[str]) -> nw.Expr:
    """Value at the place of the rule that decided."""
    found = nw.lit(values[-1])
    for place, value in enumerate(values[:-1]):
        found = nw.when(nw.col(PLACE) == place).then(nw.lit(value)).otherwise(found)
    return found


def _columns(labelled: LabelledRule) -> list[str]:
    label, rule = labelled
    unknown = [column for column in rule.when if column not in MATCHABLE]
    if unknown:
        raise SettingsError(
            f"a rule cannot match on '{unknown[0]}'.",
            where=label,
            fix="Columns: " + ", ".join(MATCHABLE) + ".",
        )
    return sorted(rule.when)


def condition(rule: Rule) -> nw.Expr:
    """All columns of `when` must match; of a list of values any one may, case forgiven.

    Engines differ in the lower case of other scripts, so a value of theirs is tried as it is written too.
    """
    tests = []
    for column, given in rule.when.items():
        wanted = [given] if isinstance(given, str) else given
        test = _matches(nw.col(column).str.to_lowercase(), [value.lower() for value in wanted])
        odd = [value for value in wanted if not value.isascii()]
        tests.append(test | _matches(nw.col(column), odd) if odd else test)
    return nw.all_horizontal(*tests, ignore_nulls=True)


def _matches(text: nw.Expr, wanted: Sequence[str]) -> nw.Expr:
    """Any of the wanted values; regular expressions only where a * is inside."""
    tests = []
    for value in dict.fromkeys(wanted):
        core = value.strip("*")
        if "*" in core or core == "":
            tests.append(text.str.contains(f"(?s)^{_regex(value)}$"))
        elif value == core:
            tests.append(text == value)
        elif value == f"{core}*":
            tests.append(text.str.starts_with(core))
        elif value == f"*{core}":
            tests.append(text.str.ends_with(core))
        else:
            tests.append(text.str.contains(core, literal=True))
    return nw.any_horizontal(*(test.fill_null(False) for test in tests), ignore_nulls=True)


def _regex(value: str) -> str:
    """Turn a value with * as wildcard into a regular expression every engine reads alike."""
    return ".*".join(re.escape(part) for part in value.split("*"))
