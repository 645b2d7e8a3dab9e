"""What to settle first, by hours at stake, with the lines of rhem.toml that settle it; nothing is done unasked."""

import datetime as dt
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from operator import itemgetter

import duckdb
import narwhals as nw
import pandas as pd

from rhem_lib.errors import toml_text
from rhem_lib.exports import Cleaned
from rhem_lib.settings import Rule, Settings, normal_name
from rhem_lib.workspace.data_warnings import ByClient
from rhem_lib.workspace.work_classes import condition

SHOWN = 12
COLUMNS = ("type", "board", "work_type", "category", "source_file")
TELLING = {  # words in the value of a column, and the work class that they tell; none tells reactive work
    "onboarding": r"\bon-?boarding",
    "project": r"\bprojects?\b|projekt|\bmigration",
    "internal": r"\bsales\b|\bopportunit|\binternal|vertrieb|\bintern\b|\badmin(istration)?\b",
    "scheduled": r"\bmeetings?\b|maintenance|wartung|\bpatch|\bpreventi|\bproactive|besprechung",
    "excluded": r"\bvacation|\bholiday|\bsick|urlaub|\bleave\b|\bpto\b",
}
FORMS = {
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "gesmbh": "gmbh",
    "und": "and",
}
BARE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
RENAMED = dt.timedelta(days=31)  # between the last entry of one name and the first of another
LIKENESS = 85  # of 100, above which two names may be one client
Relation = duckdb.DuckDBPyRelation
Key = tuple[tuple[str, str], ...]  # columns with the value that a rule asks for


def suggestions(facts: Cleaned, clients: pd.DataFrame, known: ByClient, settings: Settings) -> pd.DataFrame:
    """Return what to settle: text, the TOML that settles it, hours at stake.

    Rules whose class the words tell come first, for of all rules in rhem.toml the first that matches counts.
    """
    found = [
        *_rules(facts.time_entries),
        *_own_company(clients, known, settings),
        *_aliases(facts, clients, known, settings),
        *_columns(facts, settings),
    ]
    return pd.DataFrame(found, columns=["text", "toml", "hours"])


def _own_company(clients: pd.DataFrame, known: ByClient, settings: Settings) -> Iterator[tuple[str, str, float]]:
    """The MSP itself among its clients."""
    for name in clients["client"][clients["client"].map(normal_name) == normal_name(settings.name)]:
        text = f"'{name}' is a client with the MSP's own name ({known.hours.get(name, 0.0):,.1f} hours)."
        line = f"own_company = [{', '.join(map(toml_text, [*settings.own_company, name]))}]  # above all sections"
        yield text, line, known.hours.get(name, 0.0)


def _columns(facts: Cleaned, settings: Settings) -> Iterator[tuple[str, str, float]]:
    """Columns of the files that are not read and could be measured by."""
    if facts.unread:
        text = (
            f"Columns that are not read: {', '.join(facts.unread)}. Keep one to measure by it (`rhem help keep`)."
        )
        lines = [f"{key} = {toml_text(name)}" for name, key in facts.unread.items()]
        yield text, "\n".join([*([] if settings.keep else ["[keep]"]), *lines]), 0.0


def _rules(entries: Relation) -> list[tuple[str, str, float]]:
    """Return as few rules as place the unclassified hours and nothing else, most hours first.

    Rules of rhem.toml go before all others; one that also met classified work would move that as well.
    """
    open_ = entries.filter("work_class = 'unclassified'")
    rows = open_.aggregate(f"{', '.join(COLUMNS)}, sum(hours)").fetchall()
    rows_of = {
        tuple(pair for pair in zip(COLUMNS, values, strict=False) if pair[1]): hours for *values, hours in rows
    }
    left = rows_of
    met: dict[Key, bool] = {}  # whether a rule would also move classified work
    found: list[tuple[bool, float, Key]] = []
    while left and len(found) < SHOWN:
        sums: dict[Key, float] = {}
        for given, hours in left.items():
            for key in _keys(given):
                sums[key] = sums.get(key, 0.0) + hours
        by = {k: (not _class_of(k), k[0][0] == "source_file", len(k), -sums[k], _places(k)) for k in sums}
        for key in sorted(sums, key=by.__getitem__):
            if key not in met:
                met[key] = _meets_others(entries, key)
            if not met[key]:
                break
        else:
            break
        found.append((not _class_of(key), -sums[key], key))
        left = {given: hours for given, hours in left.items() if not {*key} <= {*given}}
    return [
        _rule(key, -hours, sum(moved for given, moved in rows_of.items() if {*key} <= {*given}))
        for _, hours, key in sorted(found)
    ]


def _keys(given: Key) -> list[Key]:
    """Return the sets of values that a rule may ask for: one value, else several together, at last the file."""
    single = [(pair,) for pair in given if pair[0] != "source_file"]
    return [*single, *(given[:width] for width in range(2, len(given) + 1)), given[-1:]]


def _places(key: Key) -> list[tuple[int, str]]:
    return [(COLUMNS.index(column), value) for column, value in key]


def _class_of(key: Key) -> str:
    """Return the one work class that the words of a value tell, if they tell one."""
    classes = {name for name, words in TELLING.items() for _, value in key[:1] if re.search(words, value.lower())}
    return classes.pop() if len(key) == len(classes) == 1 else ""


def _rule(key: Key, hours: float, alone: float) -> tuple[str, str, float]:
    """Return a rule in words, as TOML without a class that nobody knows, and the hours that it moves."""
    pairs = ", ".join(f"{column} = {toml_text(value)}" for column, value in key)
    words = ", ".join(f"{column} '{value}'" for column, value in key)
    known = _class_of(key)
    choice = "" if known else "  # write one in: reactive, scheduled, project, onboarding, internal or excluded"
    toml = f"[[rules]]\nwhen = {{ {pairs} }}\nwork_class = {toml_text(known)}{choice}"
    moved = f"The rule moves them from unclassified to {known or 'the class that you write in'}, and no others"
    moved += f"; without the rules above it, {alone:,.1f} hours." if alone > hours + 1e-9 else "."
    return f"{hours:,.1f} hours with {words} match no rule. {moved}", toml, hours


def _meets_others(entries: Relation, key: Key) -> bool:
    """Whether a rule on these values would also match classified work or, by a * in them, other values."""
    others = [nw.col("work_class") != "unclassified", *(nw.col(c) != value for c, value in key if "*" in value)]
    rule = Rule(when=dict(key), work_class="reactive")
    met = nw.from_native(entries).filter(condition(rule), nw.any_horizontal(*others, ignore_nulls=True))
    return bool(met.head(1).to_native().fetchall())


def _aliases(
    facts: Cleaned, clients: pd.DataFrame, known: ByClient, settings: Settings
) -> Iterator[tuple[str, str, float]]:
    """Names that may be one client, with the one section that joins them; never joined unasked."""
    joins = [
        *_spellings(clients, known),
        *_near_names(clients, known),
        *_renamed(clients, known),
        *_families(facts.parents, clients, settings),
    ]
    if not joins:
        return
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
    there = " and ".join(f"[clients.{toml_text(name)}]" for name in given)
    return "\n".join(
        f"# {line}" for line in (f"{there} is there already; all in one section:", *lines.splitlines())
    )


def _spellings(clients: pd.DataFrame, known: ByClient) -> Iterator[tuple[str, list[str], str, float]]:
    """Names that differ in dots and in how the form of the company is written; the one with most hours stays."""
    alike: dict[str, list[str]] = {}
    for name in sorted(clients["client"], key=lambda name: -known.hours.get(name, 0.0)):
        words = re.findall(r"[^\W_]+", _plain(name).replace(".", "").replace("&", " and "))
        alike.setdefault(" ".join(FORMS.get(word, word) for word in words), []).append(name)
    for name, *others in alike.values():
        if others:
            hours = sum(known.hours.get(other, 0.0) for other in others)
            names = f"'{name}' and {' and '.join(map(repr, others))}"
            text = f"{names} are one name written differently ({hours:,.1f} hours)."
            yield name, others, text, hours


def _plain(name: str) -> str:
    """Return a name without case and accents, as systems of another alphabet write it: Sørensen, Sorensen."""
    return (
        unicodedata.normalize("NFKD", name.casefold().translate(BARE)).encode("ascii", "ignore").decode() or name
    )


def _near_names(clients: pd.DataFrame, known: ByClient) -> Iterator[tuple[str, list[str], str, float]]:
    """Names with hours alone, each with the name with endpoints alone that is most like it; best pairs first."""
    worked, counted, listed = known.hours, known.kinds, set(clients["client"])
    lonely = sorted((counted.keys() - worked.keys()) & listed)
    if not lonely:
        return
    from rapidfuzz import fuzz, process, utils

    pairs = [
        (-likeness, -worked[name], name, near)
        for name in (worked.keys() - counted.keys()) & listed
        for near, likeness, _ in process.extract(
            name,
            lonely,
            scorer=fuzz.WRatio,
            processor=lambda n: utils.default_process(_plain(n)),
            score_cutoff=LIKENESS,
            limit=None,
        )
    ]
    taken: set[str] = set()
    for _, _, name, near in sorted(pairs):
        if taken.isdisjoint((name, near)):
            taken |= {name, near}
            text = f"'{near}' in the RMM may be '{name}' in the PSA ({worked[name]:,.1f} hours without endpoints)."
            yield name, [near], text, worked[name]


def _renamed(clients: pd.DataFrame, known: ByClient) -> Iterator[tuple[str, list[str], str, float]]:
    """Clients whose hours begin where those of another end, but not its computers, as of one renamed.

    Where the computers change their name at the same time, it is renamed only if the names are alike.
    """
    listed = {*clients["client"]}
    spans = {name: span for name, span in known.worked.items() if name in listed}
    begins = sorted((begin, name) for name, (begin, _) in spans.items())
    at = partial(bisect_right, begins, key=itemgetter(0))
    pairs = [
        (begin - end, old, new)
        for old, (_, end) in spans.items()
        for begin, new in begins[at(end) : at(end + RENAMED)]
        if (_alike(old, new) if known.listed.get(old, begin) < begin else not {old, new} <= known.listed.keys())
    ]
    taken: set[str] = set()
    for _, old, new in sorted(pairs):
        if taken.isdisjoint((old, new)):
            taken |= {old, new}
            hours = known.hours[old] + known.hours[new]
            first, last = spans[new][0], spans[old][1]
            text = f"'{new}' may be '{old}' renamed: its time begins on {first}, where the other's ends ({last})."
            yield new, [old], text, hours


def _alike(name: str, other: str) -> bool:
    from rapidfuzz import fuzz, utils

    return fuzz.WRatio(_plain(name), _plain(other), processor=utils.default_process) >= LIKENESS


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
