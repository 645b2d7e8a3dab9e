"""Words, numbers and dates for clients, in the language of their review (gettext catalogues).

English is in the code; `locale/<language>.po` has the others (`make messages` brings them up to date). The
language is that of the innermost `speaking` block, so that no function has to hand it on.
"""

import datetime as dt
import difflib
import gettext
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import cache
from importlib.resources import files

import numpy as np
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

ENGLISH = "en"
STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")  # of a sentence that ends with a name with a full stop, as Inc.
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def languages() -> list[str]:
    """Return the languages that there is a catalogue for."""
    found = [path.name.removesuffix(".po") for path in (files("rhem_lib") / "locale").iterdir()]
    return sorted([ENGLISH, *found])


def known_language(tag: str) -> str:
    """Return the tag, such as 'de' or 'de-CH'; the region decides how numbers are written.

    Raises
    ------
    ValueError
        There is no catalogue for the language, or no such region; the nearest language is named.
    """
    try:
        if Locale.parse(tag, sep="-").language in languages():
            return tag
    except (ValueError, UnknownLocaleError):
        pass
    near = difflib.get_close_matches(tag, languages(), 1, cutoff=0)
    raise ValueError(f"'{tag}' is not a language we write; there are {', '.join(languages())}; nearest: {near[0]}")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write everything inside the block in a language."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


@cache
def _messages(language: str) -> gettext.NullTranslations:
    if language == ENGLISH:
        return gettext.NullTranslations()
    with (files("rhem_lib") / "locale" / f"{language}.po").open("rb") as text:
        catalogue = read_po(text, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


def locale() -> Locale:
    """Return the locale in force."""
    return _locale(_language.get())


def mark(message: str) -> str:
    """Return a message as it is: the catalogue finds it here, `t` translates it where it is used."""
    return message


SPELLED = (
    mark("zero"), mark("one"), mark("two"), mark("three"), mark("four"), mark("five"), mark("six"), mark("seven"),
    mark("eight"), mark("nine"), mark("ten"),
)  # fmt: skip


def t(message: str, **values: object) -> str:
    """Return a message in the language in force, with its {values} put in.

    A float is written as a person would, by the name of its value: {share} as percent, {minutes}, {months} and
    {problems} with their unit, all others as `number` does.

    >>> t("{share} of {hours} hours", share=0.25, hours=1234.4)
    '25% of 1,234 hours'
    """
    text = _messages(locale().language).gettext(message)
    return STOPS.sub(".", text.format(**_written(values))) if values else text


def count(value: float, one: str, many: str, **values: object) -> str:
    """Return the message for one or for many, with {n} and its {values} put in; {word}, {Word}: n in letters."""
    n = number(value)
    text = _messages(locale().language).ngettext(one, many, 1 if n == "1" else 2)
    word = _messages(locale().language).gettext(SPELLED[int(n)]) if n.isdigit() and int(n) < len(SPELLED) else n
    return text.format(n=n, word=word, Word=sentence_case(word), **_written(values))


def _written(values: dict[str, object]) -> dict[str, object]:
    units = {"minutes": minutes, "months": months, "problems": problems, "share": percent}
    return {k: units.get(k, number)(v) if isinstance(v, float) else v for k, v in values.items()}


def number(value: float, decimals: int = 0) -> str:
    """Return a number for people: one decimal below ten, or as many as asked for, a dash for NaN."""
    if not np.isfinite(value):
        return "–"
    digits = max(decimals, 1) if abs(value) < 9.95 else decimals
    rounded = Decimal(f"{value:.{digits}f}")
    form = f"#,##0.{'0' * decimals}" if decimals else None
    return str(format_decimal(rounded if rounded else Decimal(0), form, locale=locale()))


def signed(value: float, decimals: int = 0) -> str:
    """Return a change with its sign; none for what rounds to zero."""
    text = number(abs(value), decimals)
    return f"{'+' if value > 0 else '−'}{text}" if abs(value) >= 0.05 else text


def percent(share: float) -> str:
    """Return a share as whole percent."""
    return str(format_percent(Decimal(f"{share:.2f}"), locale=locale())) if np.isfinite(share) else "–"


def minutes(value: float) -> str:
    """'1 minute', '3.5 minutes', '14 minutes'."""
    return count(value, "{n} minute", "{n} minutes")


def months(value: float) -> str:
    """'1 month', '3 months'."""
    return count(value, "{n} month", "{n} months")


def problems(value: float) -> str:
    """'1 problem', '12 problems'."""
    return count(value, "{n} problem", "{n} problems")


def month_name(day: dt.date) -> str:
    """Return the name of the month alone."""
    return str(format_date(day, "LLLL", locale=locale()))


def month_span(first: dt.date, last: dt.date) -> str:
    """Return two months, short: Jan–Mar."""
    short = [str(format_date(day, "LLL", locale=locale())).rstrip(".") for day in (first, last)]
    return "–".join(dict.fromkeys(short))


def month(day: dt.date) -> str:
    """Return month and year."""
    return str(format_date(day, "LLLL y", locale=locale()))


def day(when: dt.date) -> str:
    """Return a day with the name of its month."""
    return str(format_date(when, "long", locale=locale()))


def short_day(when: dt.date) -> str:
    """Return a day without its year, for dates that are near."""
    return str(format_skeleton("MMMd", dt.datetime(when.year, when.month, when.day), locale=locale()))


def first_line(text: str) -> str:
    """Return the first line of a text."""
    return text.partition("\n")[0]


def sentence_case(text: str) -> str:
    """Return the text with its first letter large."""
    return text[:1].upper() + text[1:]
