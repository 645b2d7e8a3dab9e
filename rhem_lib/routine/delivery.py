"""One mail per client with its approved deck: drafts by default, sent where that is asked for and confirmed."""

import email
import re
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import pandas as pd

from rhem_lib.deck import convert, is_current
from rhem_lib.errors import SettingsError, toml_text
from rhem_lib.language import day, speaking, t
from rhem_lib.review import Review
from rhem_lib.routine.approvals import REVIEW, SENT, decks, record
from rhem_lib.routine.mail import POLICY, connected, mail_settings, message_to
from rhem_lib.settings import ClientSettings, Settings, read_settings
from rhem_lib.storage import alone, find_reports, write_whole, writing

COLUMNS = ["client", "state", "to", "copies", "subject", "files", "why", "draft", "deck"]
UNSENT = "X-Unsent"  # by which mail programs open a file as a draft


@dataclass(frozen=True)
class Delivery:
    """Mails of one quarter.

    Attributes
    ----------
    quarter : str
    table : DataFrame, a row per client with a deck
        client, state (ready, sent, refused, failed), to, copies (lists), subject, files (names), why (it
        was refused or failed), draft (path of the .eml, None where there is none), deck.
    """

    quarter: str
    table: pd.DataFrame

    @property
    def complete(self) -> bool:
        """Whether no client was refused, and none failed."""
        return not self.table["state"].isin(["refused", "failed"]).any()

    @property
    def text(self) -> str:
        """What goes to whom, and what does not go and why."""
        counts = self.table["state"].value_counts()
        head = f"{self.quarter}: " + ", ".join(f"{n} {state}" for state, n in counts.items())
        return "\n".join([head, *map(_line, self.table.to_dict("records"))])

    def summary(self) -> pd.DataFrame:
        """Client, state, to and why."""
        return self.table[["client", "state", "to", "why"]]


def _line(row: dict[str, Any]) -> str:
    if row["state"] in ("refused", "failed"):
        return f"  {row['client']}: {row['state']}: {row['why']}"
    copies = f", copy to {', '.join(row['copies'])}" if row["copies"] else ""
    notes = ", with speaker notes" if row["state"] == "ready" and has_notes(row["deck"]) else ""
    what = f"to {', '.join(row['to'])}{copies}: {row['subject']} [{', '.join(row['files'])}{notes}]"
    return f"  {row['client']}: {row['state']}, {what}" + (f" ({row['draft']})" if row["draft"] else "")


def has_notes(deck: Path) -> bool:
    """Return whether a deck has speaker notes, which its reader can see."""
    return is_zipfile(deck) and any(name.startswith("ppt/notesSlides/") for name in ZipFile(deck).namelist())


def draft(
    folder: Path,
    quarter: str = "last",
    clients: Sequence[str] = (),
    *,
    again: bool = False,
    tell: Callable = print,
) -> Delivery:
    """Write one mail per approved deck, with the deck and its PDF, as a draft; send nothing.

    Parameters
    ----------
    folder, quarter, clients
        As in `decks`.
    again : bool
        Also decks that were sent already.
    tell : callable
        Takes lines for people.

    Raises
    ------
    SettingsError
        rhem.toml has no [mail].
    OutputError
        A run is writing the reports.

    Examples
    --------
    >>> draft(Path("data/sample"), "2026Q2").summary()  # doctest: +SKIP
    """
    settings = read_settings(folder)
    mail_settings(settings)
    with alone(find_reports(folder)):  # no run makes a deck anew between the look at it and its mail
        found = decks(folder, quarter, clients)
        approved = [row.deck for row in found.table.itertuples() if row.state == "approved"]
        convert([deck for deck in approved if not is_current(deck)], tell)
        rows = [_drafted(row, settings, folder, again) for row in found.table.to_dict("records")]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(object)
    return Delivery(found.quarter, table.where(table.notna(), None))


def _drafted(row: dict[str, Any], settings: Settings, folder: Path, again: bool) -> dict[str, Any]:
    """Return the row of one client, with its draft if it gets a mail."""
    own = settings.clients.get(row["client"], ClientSettings())
    path = row["deck"].parents[2] / "mail" / f"{row['deck'].parent.name}.eml"
    given = {"client": row["client"], "deck": row["deck"], "to": own.contacts, "copies": own.copies}
    if row["sent"] and not again:
        return given | {"state": "sent", "why": f"on {row['sent']:.10}", "subject": "", "files": []}
    path.unlink(missing_ok=True)  # a draft of before, whose deck may not be approved any more
    why = _refused(row, own, folder)
    return given | ({"state": "refused", "why": why} if why else _write(path, row["deck"], settings, own))


def _refused(row: dict[str, Any], own: ClientSettings, folder: Path) -> str:
    """Why a client gets no mail, and what to do."""
    if row["state"] == "open":
        return f"its deck is not approved. `rhem approve {folder.as_posix()} {toml_text(row['client'])}`"
    if row["state"] == "changed":
        return f"its deck is not the one that {row['by']} approved on {row['at']:.10}: read and approve it again"
    if not own.contacts:
        place = f"its settings, such as {(folder / 'clients' / row['deck'].parent.name).as_posix()}.toml"
        lines = f'client = {toml_text(row["client"])}\ncontacts = ["Name <name@example.com>"]'
        return f"nobody is named to send it to. Add to {place}:\n{lines}"
    if not is_current(row["deck"]):
        return "its PDF cannot be made here (LibreOffice)"
    return ""


def _write(path: Path, deck: Path, settings: Settings, own: ClientSettings) -> dict[str, Any]:
    """Write the draft of one client and return its part of the table."""
    review = Review.from_json((deck.parent / REVIEW).read_bytes())
    stem = re.sub(r'[\\/:*?"<>|\s]+', " ", f"{review.client} {review.quarter}").strip(" .")
    files = [(f"{stem}{file.suffix}", file) for file in (deck, deck.with_suffix(".pdf"))]
    with speaking(review.language):
        subject = t("{msp}: your review of {period}", msp=review.msp, period=review.period)
        text = "\n\n".join(_words(review, own))
    try:
        mail = message_to(
            mail_settings(settings).sender, own.contacts, subject, text, copies=own.copies, files=files
        )
    except ValueError as problem:
        raise SettingsError(f"no mail can be made: {problem}.", where=review.client) from None
    mail[UNSENT] = "1"
    with writing(path.parent):
        path.parent.mkdir(exist_ok=True)
        write_whole(path, mail.as_bytes())
    return {"state": "ready", "why": "", "subject": subject, "files": [name for name, _ in files], "draft": path}


def _words(review: Review, own: ClientSettings) -> list[str]:
    """The paragraphs of a mail: the analyst's where there are any."""
    names = ", ".join(name for contact in own.contacts if (name := contact.rpartition("<")[0].strip()))
    edition = own.quarters.get(review.quarter)
    given = (edition.message if edition else []) or own.message
    usual = [
        t("please find attached your review of {period}, as a presentation and as a PDF.", period=review.period)
    ]
    if review.meeting:
        usual.append(t("We would like to go through it with you on {day}.", day=day(pd.Timestamp(review.meeting))))
    greeting = t("Dear {names},", names=names) if names else t("Good day,")
    return [greeting, *(given or usual), t("Kind regards") + f"\n{review.msp}"]


def send(folder: Path, made: Delivery, tell: Callable = print) -> Delivery:
    """Send the drafts that are ready, write down each one that the server took, and return what became of them.

    Parameters
    ----------
    folder : Path
        Workspace.
    made : Delivery
        From `draft`.
    tell : callable
        Takes lines for people.

    Raises
    ------
    OutputError
        The server cannot be used; nothing was sent.

    Examples
    --------
    >>> send(folder, draft(folder)).complete  # doctest: +SKIP
    True
    """
    given, rows = mail_settings(read_settings(folder)), made.table.to_dict("records")
    with connected(given) as server:
        for row in (row for row in rows if row["state"] == "ready"):
            row |= _sent(server, given.sender, row)
            tell(_line(row))
    return Delivery(made.quarter, pd.DataFrame(rows, columns=COLUMNS))


def _sent(server: smtplib.SMTP, sender: str, row: dict[str, Any]) -> dict[str, Any]:
    mail = email.message_from_bytes(row["draft"].read_bytes(), policy=POLICY)
    del mail[UNSENT]
    try:
        refused = server.send_message(mail)
    except (smtplib.SMTPException, OSError) as problem:
        return {"state": "failed", "why": str(problem)}
    record(row["deck"], SENT, by=sender, to=row["to"], copies=row["copies"], message_id=mail["Message-ID"])
    row["draft"].unlink()
    if refused:
        return {"state": "failed", "why": f"sent, but not to {', '.join(refused)}", "draft": None}
    return {"state": "sent", "draft": None}
