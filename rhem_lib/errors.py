"""Errors a user can act on: what is wrong, where, how many, examples, what to do."""

import difflib
import json
import os
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

MAX_EXAMPLES = 5
MAX_NAMED = 12
# Control characters save tab and line ends, halves of characters, and the two that are none.
UNSEEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
Word = TypeVar("Word")


class RhemError(Exception):
    """Something the user can mend.

    Parameters
    ----------
    what : str
        What was found, as one sentence.
    where : str
        File, row, column or setting.
    count : int, optional
        How many rows or cells are affected.
    examples : iterable, optional
        A few of the values found; at most five are shown.
    fix : str
        What to do about it.
    """

    def __init__(
        self, what: str, *, where: str = "", count: int = 0, examples: Iterable[Any] = (), fix: str = ""
    ) -> None:
        self.what, self.where, self.count, self.fix = what, where, count, fix
        self.examples = [str(e)[:80] for e in list(examples)[:MAX_EXAMPLES]]
        super().__init__(str(self))

    def __reduce__(self) -> tuple:
        """Survive the trip between worker processes."""
        more: dict[str, Any] = {
            "where": self.where,
            "count": self.count,
            "examples": self.examples,
            "fix": self.fix,
        }
        return partial(type(self), **more), (self.what,)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.count:
            parts.append(f"({self.count:,} times)")
        if self.examples:
            parts.append("For example: " + ", ".join(self.examples) + ".")
        if self.fix:
            parts.append(self.fix)
        return " ".join(parts)


def toml_text(value: str) -> str:
    """Text as a TOML string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON, save for one character


def say(labels: str | Iterable[str], line: str) -> str:
    """Return what to add to rhem.toml about files; a query has its entry there already.

    >>> print(say(["exports/time 2026Q1.csv", "exports/time 2026Q2.csv"], 'hours_unit = "minutes"'))
    Add to rhem.toml:
    [[files]]
    path = "exports/time *.csv"
    hours_unit = "minutes"
    """
    names = [labels] if isinstance(labels, str) else [*labels]
    if "://" in names[0]:
        return f"Add to its entry of [[files]] in rhem.toml:\n{line}"
    return "Add to rhem.toml:\n" + "\n".join(_entry(path, line) for path in _paths(names))


def _paths(labels: list[str]) -> list[str]:
    """Return one path with * for files that are called alike but for a day or number, else each."""
    start = os.path.commonprefix  # of characters, not of folders
    before = re.sub(r"\d+[-_QWqw]*$", "", start(labels))
    after = start([label[::-1] for label in labels])[::-1].lstrip("0123456789")
    parts = [label[len(before) : len(label) - len(after)] for label in labels]
    name = before.rpartition("/")[2] + after.rpartition(".")[0]
    alike = len(labels) > 1 and re.search(r"[^\W\d_]{3}", name) and not any("/" in part for part in parts)
    return [f"{before}*{after}"] if alike and all(re.search(r"\d", part) for part in parts) else labels


def leave_out(label: str) -> str:
    """Return how to go on without a file (or a database query), as the end of a sentence."""
    if "://" in label:
        return "take the query out of rhem.toml."
    return f"take it out of the folder, or add to rhem.toml:\n{_entry(label, 'skip = true')}"


def _entry(label: str, line: str) -> str:
    return f"[[files]]\npath = {toml_text(label)}\n{line}"


class InputError(RhemError):
    """An export or table cannot be used as it is."""

    @classmethod
    def of(cls, problem: OSError) -> "InputError":
        """Return the error of a file or folder that the computer refuses to open."""
        fix = "Close it in other programs, and look at who may read it."
        return cls(f"this cannot be read: {problem.strerror}.", where=str(problem.filename), fix=fix)


def together(problems: list[InputError]) -> InputError:
    """Return one error for all files that cannot be used, with all lines to paste in one block.

    >>> files = [InputError("this is not text.", where=f"{n}.csv", fix=leave_out(f"{n}.csv")) for n in (1, 2)]
    >>> print(together(files))
    2 files cannot be read:
    - 1.csv, 2.csv: this is not text. take it out of the folder, or add to rhem.toml the lines below.
    Lines for rhem.toml:
    [[files]]
    path = "1.csv"
    skip = true
    [[files]]
    path = "2.csv"
    skip = true
    """
    if len(problems) == 1:
        return problems[0]
    alike: dict[str, list[str]] = {}
    entries: dict[str, None] = {}
    for problem in problems:
        fix, mark, entry = problem.fix.partition("\n[[files]]")
        if entry:
            fix, entries[mark[1:] + entry] = f"{fix.removesuffix(':')} the lines below.", None
        text = str(InputError(problem.what, examples=problem.examples, fix=fix))
        alike.setdefault(text, []).append(problem.where)
    texts = "".join(f"\n- {first_of(places)}: {text}" for text, places in alike.items())
    block = "\n".join(["\nLines for rhem.toml:", *entries] if entries else [])
    return InputError(f"{len(problems)} files cannot be read:{texts}{block}")


def first_of(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """Return the first names of many, and how many more there are.

    >>> first_of(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


class SettingsError(RhemError):
    """rhem.toml, clients.csv or a profile says something that cannot be followed."""


class ParameterError(RhemError):
    """A function, command or notebook was given a value that it does not take."""


class SourceError(RhemError):
    """A system does not give its records, or not all of them."""


class OutputError(RhemError):
    """Reports cannot be written where they should be."""


class Stopped(RhemError):
    """The user stopped a run; what was finished is kept."""


class NotEnoughData(RhemError):
    """The data cannot answer the question; says what is missing."""


def nearest(name: object, known: Iterable[object], cutoff: float = 0.6) -> str:
    """Return a hint for an unknown name: the nearest known one, else what is known."""
    names = [str(one) for one in known]
    near = difflib.get_close_matches(str(name), names, 1, cutoff)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(names[:MAX_NAMED])}{', ...' if len(names) > MAX_NAMED else '.'}"


def one_of(value: Word, allowed: Iterable[Word], where: str) -> Word:
    """Return a value that is one of the allowed words, else raise a ParameterError with the nearest.

    >>> one_of("some", ["none", "some", "much"], "dirt")
    'some'
    """
    known = list(allowed)
    if value not in known:
        raise ParameterError(f"'{value}' is not known here.", where=where, fix=nearest(value, known))
    return value
