"""Mail and webhooks: messages whose headers are checked, servers reached over TLS, no secret in any message."""

import email.policy
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rhem_lib.errors import OutputError, SettingsError
from rhem_lib.settings import LOOPBACK, MAILBOX, Mail, Settings, known_mailbox, masked, secret

SECONDS = 30  # that a server may take to answer
POLICY = email.policy.SMTP.clone(raise_on_defect=True)
KINDS = {
    ".pptx": ("application", "vnd.openxmlformats-officedocument.presentationml.presentation"),
    ".pdf": ("application", "pdf"),
}
EXAMPLE = '[mail]\nserver = "smtp.example.com"\nuser = "reviews"\npassword = "keyring:rhem/reviews"\nsender = "{}"'
Files = Sequence[tuple[str, Path]]  # name as it is sent, and the file


def message_to(
    sender: str, to: Sequence[str], subject: str, text: str, *, copies: Sequence[str] = (), files: Files = ()
) -> EmailMessage:
    """Return a mail; a name, an address or a subject that could start another header raises a ValueError."""
    mail = EmailMessage(POLICY)
    for header, names in (("From", [sender]), ("To", to), ("Cc", copies)):
        if names:
            mail[header] = [_address(name) for name in names]
    mail["Subject"] = subject
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=mail["From"].addresses[0].domain)
    mail.set_content(text)
    for name, path in files:
        main, sub = KINDS[path.suffix]
        mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=name)
    return mail


def _address(text: str) -> Address:
    found = MAILBOX.fullmatch(known_mailbox(text))
    return Address((found[1] or "").strip(), addr_spec=found[2])  # type: ignore[index]


def mail_settings(settings: Settings) -> Mail:
    """Return the server that mail goes out by.

    Raises
    ------
    SettingsError
        rhem.toml has no [mail].
    """
    if settings.mail is None:
        fix = f"Add to rhem.toml:\n{EXAMPLE.format(f'{settings.name} <reviews@example.com>')}"
        raise SettingsError("no mail server is named.", where="rhem.toml", fix=fix)
    return settings.mail


@contextmanager
def connected(given: Mail) -> Iterator[smtplib.SMTP]:
    """Open the server, signed in; what it refuses is an OutputError without the password."""
    password, where = secret(given.password), f"{given.server}:{given.port}"
    trusted = ssl.create_default_context()
    server: smtplib.SMTP | None = None
    try:
        if given.tls == "tls":
            server = smtplib.SMTP_SSL(given.server, given.port, timeout=SECONDS, context=trusted)
        else:
            server = smtplib.SMTP(given.server, given.port, timeout=SECONDS)
        if given.tls == "starttls":
            server.starttls(context=trusted)
        if given.user:
            server.login(given.user, password)
    except (smtplib.SMTPException, OSError) as problem:
        if server:
            server.close()
        what = f"the mail server cannot be used: {masked(str(problem), password)}."
        raise OutputError(what, where=where, fix="Nothing was sent. Check [mail] of rhem.toml.") from None
    with server:
        yield server


def notify(settings: Settings, title: str, lines: Sequence[str]) -> list[str]:
    """Send some lines to the webhook and by the mail of [notify]; return where they went.

    Parameters
    ----------
    settings : Settings
    title : str
    lines : sequence of str

    Raises
    ------
    SettingsError
        rhem.toml has no [notify], or mail is asked for without [mail].
    OutputError
        The webhook or the mail server refuses.

    Examples
    --------
    >>> notify(settings, "June 2026: 1 alert", ["..."])  # doctest: +SKIP
    ['env:TEAMS_WEBHOOK']
    """
    given = settings.notify
    if not (given.webhook or given.mail):
        fix = 'Add to rhem.toml:\n[notify]\nwebhook = "env:TEAMS_WEBHOOK"\nmail = ["ops@example.com"]'
        raise SettingsError("nobody is named to notify.", where="rhem.toml", fix=fix)
    if given.mail:
        server = mail_settings(settings)
        mail = message_to(server.sender, given.mail, " ".join(title.split()), "\n".join([title, "", *lines]))
        with connected(server) as open_server:
            open_server.send_message(mail)
    if given.webhook:
        send_card(given.webhook, title, lines)
    return [*given.mail, *([given.webhook] if given.webhook else [])]


def send_card(reference: str, title: str, lines: Sequence[str]) -> None:
    """Post an Adaptive Card to the webhook that a reference (env:NAME) names; its texts are shown as they are.

    Raises
    ------
    SettingsError
        The address is not https.
    OutputError
        The webhook refuses, or cannot be reached.
    """
    import httpx2

    address = secret(reference)
    url = urlsplit(address)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
        raise SettingsError("the webhook must be an https address.", where=f"[notify] webhook = {reference}")
    try:
        answer = httpx2.post(address, json=card(title, lines), timeout=SECONDS)
        answer.raise_for_status()
    except httpx2.HTTPStatusError:
        raise OutputError(f"the webhook answered {answer.status_code}.", where=reference) from None
    except httpx2.HTTPError as problem:
        raise OutputError(f"the webhook cannot be reached ({type(problem).__name__}).", where=reference) from None


def card(title: str, lines: Sequence[str]) -> dict[str, Any]:
    """Return a message with an Adaptive Card; rich text has no markup, so that no name becomes a link."""

    def block(text: str, **style: Any) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}

    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block(title, weight="Bolder", size="Medium"), *map(block, lines)],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}
