"""Which column of a file that no profile knows holds what, by its headers."""

import difflib
from collections.abc import Sequence
from functools import cache

from rhem_lib import schema
from rhem_lib.exports.profiles import normal_header, read_profiles

LIKENESS = 0.8  # from which on a header may be one that a profile knows
MOST_COLUMNS, LONGEST = 200, 80  # of a header that is looked at, and of the name of a column; more takes minutes
MORE = dict.fromkeys("dauer stunden minuten minutes mins hrs".split(), "hours") | {"kunde": "client"}
MORE |= {"datum": "worked_on", "techniker": "technician", "mitarbeiter": "technician", "tätigkeit": "work_type"}
# In a longer header, another day than the one of the shorter.
OTHER_DAY = {*"opened created modified updated closed completed resolved due logged billed invoiced".split()}


def guessed_columns(table: str, header: Sequence[str]) -> dict[str, int]:
    """Return the place of each column whose header some profile knows: the same, a part of it, one alike."""
    known, found = _known(table), dict[str, int]()

    def inside(head: str) -> list[str]:
        words = {*head.split()}
        parts = [one for one in known if {*one.split()} <= words and OTHER_DAY.isdisjoint(words - {*one.split()})]
        return sorted(parts, key=lambda one: len(one.split()))[-1:]

    def alike(head: str) -> list[str]:
        words = head.split()
        same = [one for one in known if len(one.split()) == len(words)]
        near = (all(map(_near, words, one.split())) for one in same)
        return difflib.get_close_matches(
            head, [one for one, ok in zip(same, near, strict=True) if ok], 1, LIKENESS
        )

    ways = (
        lambda head: [head] if head in known else [],
        inside,
        alike,
    )
    for way in ways:
        for place, head in enumerate(header[:MOST_COLUMNS]):
            near = way(normal_header(head)) if len(head) <= LONGEST else []
            if near and place not in found.values():
                found.setdefault(known[near[0]], place)
    if "worked_on" in known.values() and "started_at" in found:
        found.setdefault("worked_on", found["started_at"])
    return found


def _near(one: str, other: str) -> bool:
    return difflib.SequenceMatcher(None, one, other).ratio() >= LIKENESS


@cache
def _known(table: str) -> dict[str, str]:
    """Return the column that most profiles find under each normal header."""
    votes = [(normal_header(column), column) for column in schema.columns(table)]
    for spec in (spec for profile in read_profiles().values() for spec in profile.tables if spec.table == table):
        votes += [(normal_header(head), column) for column in spec.columns for head in spec.headers(column)[:9]]
    votes += [item for item in MORE.items() if item[1] in schema.columns(table)]
    return {head: column for head, column in reversed(votes) if column in schema.columns(table)}
