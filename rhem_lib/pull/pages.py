"""A list read page by page until it is proven whole: silent truncation is the classic fault of such clients.

Proof is the system's own count where there is one, else two passes that find the same; and pages that go by number
may shift while they are read, so their count must stand still over a span that is closed, or a second pass agree.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rhem_lib.errors import SourceError
from rhem_lib.interfaces import ApiList
from rhem_lib.pull.client import MARK, Client, dig, fill, keys_of, list_of
from rhem_lib.pull.stage import Read, Stage, stem_of

PASSES = 5
Tell = Callable[[str, int, int], None]  # list, records so far, records in all or 0


@dataclass(frozen=True)
class Span:
    """What is proven whole at once: a list, from `start` on or in a month, with the values of its templates."""

    list: ApiList
    start: str = ""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """How its pages are called."""
        return stem_of(self.list.name, self.start)


@dataclass
class Pass:
    """One reading of a span, as far as it has come."""

    number: int = 1
    pages: int = 0  # stored
    asked: int = 0
    rows: int = 0
    seen: set[str] = field(default_factory=set)
    totals: list[int] = field(default_factory=list)
    next_link: str = ""
    after: str = ""
    before: str = ""  # digest of what the pass before found

    @property
    def found(self) -> str:
        """Digest of the keys that were found."""
        return hashlib.sha256("\n".join(sorted(self.seen)).encode()).hexdigest()


def read_whole(client: Client, span: Span, stage: Stage, tell: Tell) -> Read:
    """Read a span until it is proven whole, from where a killed run left it.

    Raises
    ------
    SourceError
        The system does not answer, gives fewer records than it counts, or changes all the while.
    """
    at = _resumed(span, stage, client.api.records)
    for number in range(at.number, PASSES + 1):
        _read_pass(client, span, stage, at, tell)
        proof = _proof(client, span, at)
        if proof:
            read = Read(span.list.name, span.start, len(at.seen), at.pages, proof)
            stage.finish(read, client.pace.count)
            return read
        have, counted, at = len(at.seen), at.totals[-1:], Pass(number=number + 1, before=at.found)
        _note(client, span, stage, at)
        for page in stage.pages(span.stem):
            page.unlink()
    count = f" and {counted[0]:,} are counted" if counted else ""
    raise SourceError(
        f"its {PASSES} passes do not agree: {have:,} records came in the last{count}.",
        where=f"{client.title}, {span.list.path}",
        fix="Run the same command again at a quieter hour.",
    )


def _resumed(span: Span, stage: Stage, path: str) -> Pass:
    """Where the reading of a span stands: its stored pages, and what the notes say of the next."""
    now = stage.state["now"]
    pages = stage.pages(span.stem)
    if now.get("stem") != span.stem:
        for page in pages:
            page.unlink()
        return Pass()
    at = Pass(**now["at"])
    for page in pages[at.pages :]:
        page.unlink()  # stored, but not noted
    at.seen = set()
    for page in pages[: at.pages]:
        records = list_of(json.loads(page.read_bytes()), span.list.records or path)
        at.seen |= set(keys_of(records, span.list.key))
    return at


def _read_pass(client: Client, span: Span, stage: Stage, at: Pass, tell: Tell) -> None:
    """Read the pages of a span to the end."""
    api, wanted = client.api, span.list
    if api.count and not at.totals and not wanted.once:
        at.totals.append(_count(client, span))
    while True:
        answer = client.get(*_request(client, span, at))
        records = list_of(answer.body, wanted.records or api.records)
        keys = list(keys_of(records, wanted.key))
        total = dig(answer.body, api.total) if api.total else None
        at.totals += [int(total)] if total is not None else []
        at.asked, at.rows = at.asked + 1, at.rows + len(records)
        if records:
            if not at.totals and at.seen.issuperset(keys):
                raise _repeats(client, span)
            at.pages, at.after = at.pages + 1, keys[-1]
            at.seen.update(keys)
            stage.keep(span.stem, at.pages, answer.content)
        at.next_link = (
            answer.next_link if api.paging == "link" else str(dig(answer.body, api.next_url or "-") or "")
        )
        tell(wanted.name, len(at.seen), at.totals[-1] if at.totals else 0)
        if wanted.once or _ended(api.paging, at, records):
            return
        _note(client, span, stage, at)


def _note(client: Client, span: Span, stage: Stage, at: Pass) -> None:
    """Remember where the reading stands; what was seen is in the pages."""
    stage.note(client.pace.count, stem=span.stem, at={**vars(at), "seen": []})


def _ended(paging: str, at: Pass, records: list[dict[str, Any]]) -> bool:
    """Whether the last page has been read; a short page proves nothing, for servers cap the size of pages."""
    if paging in ("link", "next"):
        return not at.next_link
    return not records or (paging == "page" and bool(at.totals) and at.rows >= at.totals[-1])


def _request(client: Client, span: Span, at: Pass) -> tuple[str, dict[str, str]]:
    """Path and parameters of the next page."""
    if at.next_link:
        return at.next_link, {}
    values = {**span.values, "page": str(at.asked + 1), **({"after": at.after} if at.after else {})}
    params = {
        name: fill(" ".join(text.split()), values) for name, text in (client.api.params | span.list.params).items()
    }
    return fill(span.list.path, values), {name: text for name, text in params.items() if not MARK.search(text)}


def _count(client: Client, span: Span) -> int:
    """How many records the system counts."""
    path, name = client.api.count or ("", "")
    own, params = _request(client, span, Pass())
    return int(dig(client.get(fill(path, {"path": own}), params).body, name) or 0)


def _proof(client: Client, span: Span, at: Pass) -> str:
    """Return why what was read is all of it; nothing where it is not proven."""
    api, have = client.api, len(at.seen)
    if span.list.once:
        return "one answer"
    if at.totals and have < min(at.totals) and api.count:  # records may have been deleted meanwhile
        at.totals.append(_count(client, span))
    if at.totals and have < min(at.totals):
        return ""
    closed = at.asked == 1 or any("{until}" in text for text in span.list.params.values())
    still = len(set(at.totals)) == 1 and have == at.totals[0] and closed
    if at.totals and (api.steady or still):
        return f"{have:,} of {at.totals[-1]:,} counted"
    return "two passes agree" if at.before == at.found else ""


def _repeats(client: Client, span: Span) -> SourceError:
    return SourceError(
        "it gives the same page again and again, so its records cannot be read to the end.",
        where=f"{client.title}, {span.list.path}",
        fix="Export this list by hand, and leave its table out: skip in [[sources]] of rhem.toml.",
    )
