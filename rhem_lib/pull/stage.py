"""Pages of a pull: staged beside the exports, resumed after a kill, and published by one rename.

`<workspace>/.pull/<system>/` holds the pages and, in .progress.json, what is done and where the next page is. When
every list is whole the folder becomes `exports/<system>/<time>/`, with a record of the pull in .pull.json.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rhem_lib.storage import sweep, write_whole

STAGED, RECORD, PROGRESS = ".pull", ".pull.json", ".progress.json"
KEPT = timedelta(days=2)  # after which a pull that was left off begins anew


@dataclass(frozen=True)
class Read:
    """One list, or one span of it, that was read whole, and the proof of it."""

    list: str
    start: str
    records: int
    pages: int
    proof: str


class Stage:
    """The staged pages of one system.

    Parameters
    ----------
    folder : Path
        Of the workspace.
    system : str
        Its profile.
    plan : str
        What is asked for: pages staged for another plan are of no use.
    now : datetime
        Start of the pull, where none is resumed.
    """

    def __init__(self, folder: Path, system: str, plan: str, now: datetime) -> None:
        self.folder = folder / STAGED / system
        self.state: dict[str, Any] = {}
        if (self.folder / PROGRESS).is_file():
            self.state = json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))
        fresh = self.state.get("plan") != plan or now - datetime.fromisoformat(self.state["started"]) > KEPT
        self.resumed = not fresh
        sweep(self.folder)
        if fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            self.state = {"plan": plan, "started": now.isoformat(), "requests": 0, "done": [], "now": {}}

    @property
    def started(self) -> datetime:
        """When the pull began, however often it was resumed."""
        return datetime.fromisoformat(self.state["started"])

    @property
    def done(self) -> list[Read]:
        """What is whole."""
        return [Read(**read) for read in self.state["done"]]

    def pages(self, stem: str) -> list[Path]:
        """Return the staged pages of a list or a span of it, in order."""
        return sorted(self.folder.glob(f"{stem}-p[0-9]*.json"))

    def times(self) -> Iterator[float]:
        """Yield when the staged pages were asked for."""
        yield from (page.stat().st_mtime for page in self.folder.glob("*-p[0-9]*.json"))

    def keep(self, stem: str, number: int, content: bytes) -> None:
        """Store a page as it was received, whole or not at all."""
        write_whole(self.folder / f"{stem}-p{number:05}.json", content, settled=True)

    def note(self, requests: int, **now: Any) -> None:
        """Remember where reading stands."""
        self.state |= {"requests": requests, "now": now}
        write_whole(self.folder / PROGRESS, json.dumps(self.state), settled=True)

    def finish(self, read: Read, requests: int) -> None:
        """Remember that a list is whole."""
        self.state["done"].append(asdict(read))
        self.note(requests)

    def publish(self, home: Path, local: datetime) -> None:
        """Make the staged pages exports, all at once, in a folder named after the local time."""
        record = {key: self.state[key] for key in ("started", "requests", "done")}
        write_whole(self.folder / RECORD, json.dumps(record, indent=1), settled=True)
        home.mkdir(parents=True, exist_ok=True)
        while (target := home / f"{local:%Y-%m-%dT%H%M%S}").exists():
            local += timedelta(seconds=1)
        os.rename(self.folder, target)
        _settle(home)
        (target / PROGRESS).unlink()


def earlier_pulls(home: Path) -> dict[Path, dict[str, Any]]:
    """Return the records of the pulls of a system by their folders, oldest first."""
    records = sorted(home.glob(f"*/{RECORD}"))
    return {path.parent: json.loads(path.read_text(encoding="utf-8")) for path in records}


def drop_replaced(home: Path, kinds: Mapping[str, str]) -> None:
    """Remove pages whose place a later pull took.

    A list or span of the same start is replaced; of a list of what `changed` since its start also one that started
    later; of a `snapshot` that of the same week and month, so that daily lists do not pile up.
    """
    newer: set[tuple[str, str]] = set()
    for folder, record in reversed(earlier_pulls(home).items()):
        reads = [(read["list"], read["start"]) for read in record["done"]]
        for name, start in reads:
            later = kinds.get(name) == "changed" and any(other == name and at <= start for other, at in newer)
            if later or (name, _place(start, kinds.get(name))) in newer:
                for page in folder.glob(f"{stem_of(name, start)}-p[0-9]*.json"):
                    page.unlink()
        newer |= {(name, _place(start, kinds.get(name))) for name, start in reads}


def _place(start: str, kind: str | None) -> str:
    """What of a list the span of this start is in the place of.

    >>> _place("2026-11-30", "snapshot"), _place("2026-12-01", "snapshot"), _place("2026-11", "months")
    ('2026-11 week 49', '2026-12 week 49', '2026-11')
    """
    return f"{date.fromisoformat(start):%Y-%m week %V}" if kind == "snapshot" else start


def stem_of(name: str, start: str) -> str:
    """Return how the pages of a list, or of a span of it, are called."""
    return f"{name}-{start.replace(':', '') or 'all'}"


def _settle(folder: Path) -> None:
    """Make renames in a folder last, where the system has such a thing."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
