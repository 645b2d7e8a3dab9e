"""Which decks of an edition are proof-read, by whom and when; a deck that is made or edited since is not."""

import datetime as dt
import getpass
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib.errors import InputError, NotEnoughData, ParameterError, nearest
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import normal_name
from rhem_lib.storage import file_digest, find_reports, write_whole, writing

DECK, REVIEW = "review.pptx", "review.json"
APPROVED, SENT = "approved.json", "sent.json"  # beside a deck, each with the digest of the deck it is about
COLUMNS = ["client", "state", "by", "at", "sent", "deck"]


@dataclass(frozen=True)
class Decks:
    """The clients' decks of one quarter.

    Attributes
    ----------
    table : DataFrame
        client, state (approved; changed: since it was approved; open), by and at (who approved it, and when), sent
        (when this deck was sent, or nothing), deck (path).
    quarter : str
    """

    quarter: str
    table: pd.DataFrame

    @property
    def text(self) -> str:
        """How many are approved, then a line for each client."""
        approved = (self.table["state"] == "approved").sum()
        lines = [f"{approved} of {len(self.table)} decks of {self.quarter} are approved."]
        for row in self.table.itertuples():
            who = f" by {row.by} on {row.at:.10}" if row.by else ""
            sent = f", sent on {row.sent:.10}" if row.sent else ""
            lines.append(f"  {row.client}: {STATES[row.state]}{who}{sent}")
        return "\n".join(lines)

    def summary(self) -> pd.DataFrame:
        """Return the table without paths."""
        return self.table.drop(columns="deck")


STATES = {"approved": "approved", "changed": "changed since it was approved", "open": "not approved"}


def decks(folder: Path, quarter: str = "last", clients: Sequence[str] = ()) -> Decks:
    """Return the decks of an edition, with who approved them.

    Parameters
    ----------
    folder : Path
        Workspace.
    quarter : str
        Such as 2026Q3; the last one that has decks by default.
    clients : sequence of str, optional
        Only these.

    Raises
    ------
    NotEnoughData
        There are no decks.
    ParameterError
        The quarter is not one, or a client has no deck in it.

    Examples
    --------
    >>> decks(Path("data/sample"), "2026Q2").summary()  # doctest: +SKIP
    """
    home, asked = find_reports(folder), quarter.strip().upper()
    if asked != "LAST":
        quarter_bounds(asked)
    pattern = "[0-9]*Q[1-4]" if asked == "LAST" else asked
    found = sorted(home.glob(f"{pattern}/clients/*/{DECK}"))
    if not found:
        fix = "Make them: `rhem review DIR`."
        raise NotEnoughData(
            f"there are no decks{'' if asked == 'LAST' else f' of {asked}'}.", where=str(home), fix=fix
        )
    last = max(deck.parents[2].name for deck in found)
    rows = [_row(deck) for deck in found if deck.parents[2].name == last]
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object).sort_values("client", ignore_index=True)
    if clients:
        table = table[table["client"].map(normal_name).isin(_known(clients, table["client"]))]
    return Decks(last, table.reset_index(drop=True))


def _known(clients: Sequence[str], there: pd.Series) -> set[str]:
    names = {normal_name(name) for name in there}
    for client in clients:
        if normal_name(client) not in names:
            raise ParameterError(f"'{client}' has no deck here.", fix=nearest(client, there, cutoff=0.3))
    return {normal_name(client) for client in clients}


def _row(deck: Path) -> list[Any]:
    try:
        client = str(json.loads((deck.parent / REVIEW).read_bytes())["client"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        what, fix = (
            "whose deck is beside it is not in this file.",
            "Make the deck again: `rhem review DIR --force`.",
        )
        raise InputError(what, where=str(deck.parent / REVIEW), fix=fix) from None
    digest, approved, sent = file_digest(deck), _facts(deck, APPROVED), _facts(deck, SENT)
    state = "open" if not approved else "approved" if approved["deck"] == digest else "changed"
    when = sent["at"] if sent.get("deck") == digest else ""
    return [client, state, approved.get("by", ""), approved.get("at", ""), when, deck]


def _facts(deck: Path, name: str) -> dict[str, Any]:
    """Return the record beside a deck; one that is damaged says nothing."""
    with suppress(OSError, ValueError):
        found = json.loads((deck.parent / name).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) and {"deck", "at", "by"} <= found.keys() else {}
    return {}


def record(deck: Path, name: str, **facts: Any) -> None:
    """Write down beside a deck what was done with it: when, and with which bytes of it."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    with writing(deck.parent):
        write_whole(deck.parent / name, json.dumps({"deck": file_digest(deck), "at": at, **facts}, indent=1))


def approve(folder: Path, clients: Sequence[str], *, quarter: str = "last", by: str = "") -> Decks:
    """Mark decks as proof-read, as they are now, and return the edition's decks.

    Parameters
    ----------
    folder : Path
        Workspace.
    clients : sequence of str
        At least one.
    quarter : str
        As in `decks`.
    by : str
        Who read them; by default the name of the user of this computer.

    Examples
    --------
    >>> approve(Path("data/sample"), ["Birch Foods"], by="Ana").text  # doctest: +SKIP
    """
    for deck in decks(folder, quarter, clients).table["deck"] if clients else ():
        record(deck, APPROVED, by=" ".join((by or _user()).split()))
    return decks(folder, quarter)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no variable and no account has a name
        raise ParameterError("who reads the decks is not known here.", where="--by", fix="Give a name.") from None
