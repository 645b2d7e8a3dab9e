"""What to settle first, by hours at stake, with the lines of rhem.toml that settle it; nothing is done unasked."""

from collections.abc import Iterator

import duckdb
import narwhals as nw
import pandas as pd

from rhem_lib.errors import toml_text
from rhem_lib.exports import Cleaned
from rhem_lib.settings import Rule, Settings, normal_name
from rhem_lib.workspace.classify import condition

SHOWN = 12
LIKENESS = 85  # of 100, above which two names may be one client
Relation = duckdb.DuckDBPyRelation


def suggestions(facts: Cleaned, clients: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return what to settle, most hours first: text, the TOML that settles it, hours at stake."""
    found = [*_rules(facts.time_entries), *_aliases(facts, clients, settings)]
    table = pd.DataFrame(found, columns=["text", "toml", "hours"])
    return table.sort_values("hours", ascending=False, kind="stable", ignore_index=True)


def _rules(entries: Relation) -> list[tuple[str, str, float]]:
    """Values behind the unclassified hours, each with the rule that would place them and nothing else.

    Rules of rhem.toml go before all others; one that also met classified work would move that as well.
    """
    columns = ("board", "type", "work_type", "category", "source_file")
    open_ = entries.filter("work_class = 'unclassified'")
    rows = open_.aggregate(f"{', '.join(columns)}, sum(hours)").fetchall()
    hours: dict[tuple, float] = {}
    for *values, sum_ in rows:
        given = [(column, value) for column, value in zip(columns, values, strict=True) if value is not None]
        keys = [tuple(pair for pair in given if pair[0] in columns[:width]) for width in (3, 4, 5)]
        key = next((key for key in keys if key and not _meets_others(entries, key)), None)
        if key:
            hours[key] = hours.get(key, 0.0) + sum_
    found = []
    for key, sum_ in sorted(hours.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]:
        pairs = ", ".join(f"{column} = {toml_text(value)}" for column, value in key)
        words = ", ".join(f"{column} '{value}'" for column, value in key)
        toml = f'[[rules]]\nwhen = {{ {pairs} }}\nwork_class = "reactive"  # or scheduled, project, ...'
        found.append((f"{sum_:,.1f} hours with {words} match no rule.", toml, sum_))
    return found


def _meets_others(entries: Relation, key: tuple[tuple[str, str], ...]) -> bool:
    """Whether a rule on these values would also match classified work or, by a * in them, other values."""
    others = [nw.col("work_class") != "unclassified", *(nw.col(c) != value for c, value in key if "*" in value)]
    rule = Rule(when=dict(key), work_class="reactive")
    met = nw.from_native(entries).filter(condition(rule), nw.any_horizontal(*others, ignore_nulls=True))
    return bool(met.head(1).to_native().fetchall())


def _aliases(facts: Cleaned, clients: pd.DataFrame, settings: Settings) -> Iterator[tuple[str, str, float]]:
    """Names that may be one client, with the one section that joins them; never joined unasked."""
    joins = [*_near_names(facts, clients), *_families(facts.parents, clients, settings)]
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while name in above:
            name = above[name]
        return name

    for client, names, _, _ in joins:
        for name in names:
            if top(name) != top(client):
                above[top(name)] = top(client)
    groups = pd.DataFrame(joins, columns=["client", "names", "text", "hours"])
    for client, group in groups.groupby(groups["client"].map(top), sort=False):
        names = [name for name in above if top(name) == client]
        yield " ".join(group["text"]), _section(str(client), names, settings), float(group["hours"].sum())


def _section(client: str, names: list[str], settings: Settings) -> str:
    """TOML that gives a client more names; a comment where some of them have settings, which TOML takes once."""
    given = [name for name in (client, *names) if name in settings.clients]
    kept = [alias for name in given for alias in settings.clients[name].aliases]
    lines = f"[clients.{toml_text(client)}]\naliases = [{', '.join(map(toml_text, [*kept, *names]))}]"
    if not given:
        return lines
    told = " and ".join(f"[clients.{toml_text(name)}]" for name in given)
    return "\n".join(
        f"# {line}" for line in (f"{told} is there already; all in one section:", *lines.splitlines())
    )


def _near_names(facts: Cleaned, clients: pd.DataFrame) -> Iterator[tuple[str, list[str], str, float]]:
    """Names with hours alone, each with the name with endpoints alone that is most like it; best pairs first."""
    counted = {name for (name,) in facts.endpoints.project("client").distinct().fetchall()}
    worked = dict(facts.time_entries.aggregate("client, sum(hours)").fetchall())
    known = set(clients["client"])
    lonely = sorted((counted - set(worked)) & known)
    if not lonely:
        return
    from rapidfuzz import fuzz, process, utils

    pairs = [
        (-likeness, -worked[name], name, near)
        for name in (set(worked) - counted) & known
        for near, likeness, _ in process.extract(
            name, lonely, scorer=fuzz.WRatio, processor=utils.default_process, score_cutoff=LIKENESS, limit=None
        )
    ]
    taken: set[str] = set()
    for _, _, name, near in sorted(pairs):
        if taken.isdisjoint((name, near)):
            taken |= {name, near}
            text = f"'{near}' in the RMM may be '{name}' in the PSA ({worked[name]:,.1f} hours without endpoints)."
            yield name, [near], text, worked[name]


def _families(
    parents: pd.DataFrame, clients: pd.DataFrame, settings: Settings
) -> Iterator[tuple[str, list[str], str, float]]:
    """Accounts below another account; nothing is lost while they stay apart, so no hours are at stake."""
    known = {normal_name(name): name for name in clients["client"]}
    named = {
        normal_name(n): client for client, given in settings.clients.items() for n in (client, *given.aliases)
    }
    families: dict[str, dict[str, None]] = {}
    for child, parent in parents.itertuples(index=False):
        name = (known | named).get(normal_name(parent), parent)
        own = known.get(normal_name(child), name)
        if own != name:
            families.setdefault(name, {})[own] = None
    for name, children in sorted(families.items()):
        text = (
            f"'{name}' is the parent account of {', '.join(map(repr, children))}; each is counted as a client "
            "of its own. If they are one client to you, join them."
        )
        yield name, [*children], text, 0.0
