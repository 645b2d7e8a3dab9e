"""Work class per time entry, with the rule that decided.

Rules are tried in order and the first match wins: those of rhem.toml, own company and catch-all, those of the
profile, then the preset's reading of the ticket type. What nothing matches is unclassified, never silently in
or out.
"""

import re
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from rhem_lib.errors import SettingsError
from rhem_lib.profiles import Profile
from rhem_lib.settings import Preset, Rule, Settings, WorkClass

TICKET_COLUMNS = ("type", "category", "subcategory", "board", "source", "priority", "parent_id", "device_id")
ENTRY_COLUMNS = ("ticket_id", "client", "work_type", "technician", "billable", "source_file")
MATCHABLE = (*ENTRY_COLUMNS, *TICKET_COLUMNS)
BREAK_FIX = ["incident", "problem", "alert"]

LabelledRule = tuple[str, Rule]


def rules_for(settings: Settings, profiles: Sequence[Profile], preset: Preset) -> list[LabelledRule]:
    """All rules in the order in which they are tried, each with the name that `rule` will show."""
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
    facts = nw.from_native(tickets).select("ticket_id", *TICKET_COLUMNS)
    work = nw.from_native(entries).join(facts, on="ticket_id", how="left")  # type: ignore[arg-type]
    work_class, label = nw.lit("unclassified"), nw.lit("no rule")
    for name, rule in reversed(rules):
        met = _condition(rule, name)
        work_class = nw.when(met).then(nw.lit(rule.work_class)).otherwise(work_class)
        label = nw.when(met).then(nw.lit(name)).otherwise(label)
    if preset == "all-support":
        open_ = work_class.is_in(["scheduled", "unclassified"])
        work_class = nw.when(open_).then(nw.lit("reactive")).otherwise(work_class)
    return work.with_columns(work_class=work_class, rule=label).to_native()


def _condition(rule: Rule, label: str) -> nw.Expr:
    """All columns of `when` must match; of a list of values any one may."""
    unknown = [column for column in rule.when if column not in MATCHABLE]
    if unknown:
        raise SettingsError(
            f"a rule cannot match on '{unknown[0]}'.",
            where=label,
            fix="Columns: " + ", ".join(MATCHABLE) + ".",
        )
    tests = []
    for column, wanted in rule.when.items():
        tests.append(_matches(nw.col(column), [wanted] if isinstance(wanted, str) else wanted))
    return nw.all_horizontal(*tests, ignore_nulls=True)


def _matches(column: nw.Expr, wanted: Sequence[str]) -> nw.Expr:
    """Any of the wanted values, case forgiven; regular expressions only where a * is not at the end."""
    lower = column.str.to_lowercase()
    whole = [value.lower() for value in wanted if "*" not in value]
    starts = [value.lower()[:-1] for value in wanted if value.endswith("*") and "*" not in value[:-1]]
    other = [value for value in wanted if "*" in value[:-1]]
    tests = [lower.is_in(whole)] if whole else []
    tests += [lower.str.starts_with(start) for start in starts]
    tests += [column.str.contains("(?is)^(?:" + "|".join(map(_regex, other)) + ")$")] if other else []
    return nw.any_horizontal(*(test.fill_null(False) for test in tests), ignore_nulls=True)


def _regex(value: str) -> str:
    """Turn a value with * as wildcard into a regular expression every engine reads alike."""
    return ".*".join(re.escape(part) for part in value.split("*"))
