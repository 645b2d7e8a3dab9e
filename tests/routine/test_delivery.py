"""Approved decks as mails: to the right person, in the right language, equal to the byte; nothing unasked."""

import datetime
import email
import json
import socket
from email.policy import SMTP
from functools import cache
from zipfile import ZipFile

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from review_data import make_review
from typer.testing import CliRunner

from rhem_lib import cli
from rhem_lib.deck import pdf
from rhem_lib.errors import InputError, NotEnoughData, OutputError, ParameterError, SettingsError
from rhem_lib.routine import approve, decks, delivery, draft, due, send
from rhem_lib.routine.approvals import record
from rhem_lib.settings import Settings, read_settings
from rhem_lib.storage import alone, find_reports, own_reports

SECRET = "open-sesame-7731"
CLIENTS = {"Nord": ("Ana Lopez <ana@nord.example>", "en"), "Süd GmbH": ("Jörg <joerg@sued.example>", "de")}


class Box:
    """What a mail server took; one address is refused."""

    def __init__(self):
        self.mails, self.logins = [], []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"

    def sign_in(self, server, session, envelope, mechanism, data):
        self.logins.append(data.password.decode())
        return AuthResult(success=data.password.decode() == SECRET, handled=False)


@pytest.fixture
def box():
    handler = Box()
    options = {"authenticator": handler.sign_in, "auth_require_tls": False}
    with socket.create_server(("127.0.0.1", 0)) as free:
        handler.port = free.getsockname()[1]
    server = Controller(handler, hostname="127.0.0.1", port=handler.port, **options)
    server.start()
    yield handler
    server.stop()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A workspace with an edition of two clients, whose decks and PDF files are bytes of every value."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "mine"
    (folder / "clients").mkdir(parents=True)
    configure(folder, port=9)
    own_reports(tmp_path / "reports" / "mine", folder)
    for number, (client, (contact, language)) in enumerate(CLIENTS.items()):
        lines = f'client = "{client}"\ncontacts = ["{contact}"]\n'
        (folder / "clients" / f"{number}.toml").write_text(lines, encoding="utf-8")
        home = tmp_path / "reports" / "mine" / "2026Q2" / "clients" / f"c{number}"
        home.mkdir(parents=True)
        (home / "review.json").write_text(review_of(client, language), encoding="utf-8")
        make(home / "review.pptx", f"deck of {client}\r\n.\r\n")
    return folder


@cache
def review_of(client, language):
    return make_review(client=client, settings=Settings(name="Northwind IT", language=language)).to_json()


def configure(folder, port, more="copies = []\n"):
    folder.joinpath("rhem.toml").write_text(
        'name = "Northwind IT"\n[mail]\nserver = "127.0.0.1"\ntls = "none"\nuser = "reviews"\n'
        f'password = "env:MAIL_PASSWORD"\nsender = "Northwind IT <reviews@northwind.example>"\nport = {port}\n'
    )


def make(deck, text):
    deck.write_bytes(bytes(range(256)) + text.encode())
    make_pdf(deck, text)


def make_pdf(deck, text=""):
    deck.with_suffix(".pdf").write_bytes(b"%PDF\x00\xff\r\n" + text.encode())
    deck.with_suffix(pdf.RECORD).write_text(pdf._facts(deck, deck.with_suffix(".pdf")))


def run(*args):
    return CliRunner().invoke(cli.app, [str(arg) for arg in args])


def parts(content):
    mail = email.message_from_bytes(content, policy=SMTP)
    return mail, {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}


def test_each_client_gets_its_own_deck_in_its_language_equal_to_the_byte(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    configure(mine, box.port)
    made = approve(mine, ["nord", "Süd GmbH"], by="Ana")
    assert made.table["state"].tolist() == ["approved", "approved"]
    shown = run("deliver", mine, "--send", "--yes")
    assert shown.exit_code == 0, shown.output
    assert [(sender, to) for sender, to, _ in box.mails] == [
        ("reviews@northwind.example", ["ana@nord.example"]),
        ("reviews@northwind.example", ["joerg@sued.example"]),
    ]
    for (client, _), (_, _, content), row in zip(CLIENTS.items(), box.mails, made.table.itertuples(), strict=True):
        mail, files = parts(content)
        assert list(files) == [f"{client} 2026Q2.pptx", f"{client} 2026Q2.pdf"]
        assert list(files.values()) == [row.deck.read_bytes(), row.deck.with_suffix(".pdf").read_bytes()]
        assert "X-Unsent" not in mail
    english, german = (parts(content)[0] for _, _, content in box.mails)
    assert english["Subject"] == "Northwind IT: your review of April to June 2026"
    assert english.get_body().get_content().startswith("Dear Ana Lopez,")
    assert "April bis Juni 2026" in german["Subject"] and "Kind regards" not in german.get_body().get_content()
    assert german["To"].addresses[0].display_name == "Jörg"
    assert box.logins == [SECRET]
    assert SECRET not in shown.output
    assert not [p for p in mine.parents[1].rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]


def test_what_was_sent_is_not_sent_twice_unless_asked(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    configure(mine, box.port)
    approve(mine, ["Nord"])
    assert run("deliver", mine, "--client", "Nord", "--send", "--yes").exit_code == 0
    again = run("deliver", mine, "--client", "Nord", "--send", "--yes")
    assert again.exit_code == 0 and "Nord: sent" in again.output
    assert len(box.mails) == 1
    run("deliver", mine, "--client", "Nord", "--again", "--send", "--yes")
    assert len(box.mails) == 2


def test_drafts_alone_are_written_without_send(mine, monkeypatch):
    approve(mine, list(CLIENTS))  # no server answers, and no password is set
    made = draft(mine)
    assert made.complete and made.table["state"].tolist() == ["ready", "ready"]
    mail, files = parts(made.table["draft"][0].read_bytes())
    assert mail["X-Unsent"] == "1" and mail["To"] == "Ana Lopez <ana@nord.example>" and len(files) == 2


def test_nothing_is_sent_without_confirmation(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    configure(mine, box.port)
    approve(mine, list(CLIENTS))
    nobody = run("deliver", mine, "--send")
    assert isinstance(nobody.exception, ParameterError) and "nothing was sent" in str(nobody.exception)
    monkeypatch.setattr(cli, "_attended", lambda: True)
    for answer in ("n\n", "\n"):
        refused = CliRunner().invoke(cli.app, ["deliver", str(mine), "--send"], input=answer)
        assert "Send 2 mails?" in refused.output and "Nothing was sent." in refused.output
    assert box.mails == []
    assert "2 sent" in CliRunner().invoke(cli.app, ["deliver", str(mine), "--send"], input="y\n").output
    assert len(box.mails) == 2


def test_a_deck_that_is_not_approved_is_refused(mine):
    approve(mine, ["Nord"], by="Ana")
    shown = run("deliver", mine)
    assert shown.exit_code == 1
    assert "Süd GmbH: refused: its deck is not approved. `rhem approve" in shown.output
    assert "Nord: ready, to Ana Lopez <ana@nord.example>" in shown.output


def test_a_deck_made_anew_is_unapproved_and_its_draft_goes(mine):
    approve(mine, list(CLIENTS), by="Ana")
    (kept, old) = draft(mine).table["draft"]
    deck = decks(mine).table["deck"][1]
    make(deck, "made anew")
    assert decks(mine).table["state"].tolist() == ["approved", "changed"]
    made = draft(mine)
    assert made.table["state"].tolist() == ["ready", "refused"]
    assert "not the one that Ana approved on" in made.table["why"][1]
    assert kept.is_file() and not old.exists()


def test_a_client_without_contacts_is_refused_with_the_lines_to_paste(mine):
    (mine / "clients" / "0.toml").unlink()
    approve(mine, ["Nord"])
    why = draft(mine, clients=["Nord"]).table["why"][0]
    (mine / "clients" / "new.toml").write_text(why.partition("\n")[2].replace("Name <name@", "Ana <ana@"))
    assert draft(mine, clients=["Nord"]).table["to"][0] == ["Ana <ana@example.com>"]


def test_a_stale_pdf_is_not_sent(mine, monkeypatch):
    approve(mine, ["Nord"])
    decks(mine).table["deck"][0].with_suffix(".pdf").write_bytes(b"of another deck")
    monkeypatch.setattr(pdf, "office", lambda: "")
    made = draft(mine, clients=["Nord"], tell=lambda *_: None)
    assert made.table["state"].tolist() == ["refused"] and "PDF" in made.table["why"][0]


def test_words_of_the_quarter_come_before_those_of_the_client(mine):
    path = mine / "clients" / "0.toml"
    text = path.read_text() + 'message = ["As every quarter."]\n'
    path.write_text(text)
    approve(mine, ["Nord"])

    def body():
        mail, _ = parts(draft(mine, clients=["Nord"]).table["draft"][0].read_bytes())
        return mail.get_body().get_content()

    assert "As every quarter." in body() and "attached" not in body()
    path.write_text(text + '[quarters.2026Q2]\nmessage = ["This one is about May."]\n')
    assert "This one is about May." in body() and "As every quarter." not in body()


@pytest.mark.parametrize(
    "contact",
    [
        "ana@nord.example\\r\\nBcc: x@evil.example",
        "Ana\\nBcc: x@evil.example <ana@nord.example>",
        "Ana <ana@nord.example>, x@evil.example",
        "boss@nord.example <x@evil.example>",
        "Ana <ana@nord.example",
        "Ana\\u2028Bcc: <ana@nord.example>",
        "ana@nörd.example",
        "ana",
    ],
)
def test_an_address_that_could_start_another_header_is_refused(mine, contact):
    (mine / "clients" / "0.toml").write_text(f'client = "Nord"\ncontacts = ["{contact}"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"'contacts\.0' cannot be used: .* is not a mail address"):
        read_settings(mine)


def test_a_name_with_line_ends_makes_no_header(mine):
    path = decks(mine).table["deck"][0].with_name("review.json")
    facts = json.loads(path.read_text()) | {"msp": "Evil\r\nBcc: x@evil.example"}
    path.write_text(json.dumps(facts))
    approve(mine, ["Nord"])
    with pytest.raises(SettingsError, match="no mail can be made"):
        draft(mine, clients=["Nord"])
    assert not list(mine.parents[1].rglob("*.eml"))


def test_a_refused_address_fails_and_the_others_go(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    configure(mine, box.port)
    (mine / "clients" / "0.toml").write_text('client = "Nord"\ncontacts = ["nobody@nord.example"]\n')
    approve(mine, list(CLIENTS))
    shown = run("deliver", mine, "--send", "--yes")
    assert shown.exit_code == 1 and "1 sent, 1 failed." in shown.output
    assert [to for _, to, _ in box.mails] == [["joerg@sued.example"]]
    assert decks(mine).table["sent"].astype(bool).tolist() == [False, True]


def test_a_server_that_refuses_the_password_is_named_without_it(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-word")
    configure(mine, box.port)
    approve(mine, ["Nord"])
    with pytest.raises(OutputError, match="the mail server cannot be used") as found:
        send(mine, draft(mine, clients=["Nord"]))
    assert "wrong-word" not in str(found.value) and box.mails == []


def test_a_server_without_encryption_gets_no_deck(mine, box, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    configure(mine, box.port)
    path = mine / "rhem.toml"
    path.write_text(path.read_text().replace('tls = "none"', 'tls = "starttls"'))
    approve(mine, ["Nord"])
    with pytest.raises(OutputError, match="STARTTLS"):
        send(mine, draft(mine, clients=["Nord"]))
    assert box.mails == [] and box.logins == []
    path.write_text(
        path.read_text().replace('tls = "starttls"', 'tls = "none"').replace("127.0.0.1", "mail.example")
    )
    with pytest.raises(SettingsError, match="do not go out unencrypted"):
        read_settings(mine)


def test_without_a_mail_server_the_lines_for_it_are_given(mine):
    (mine / "rhem.toml").write_text('name = "Northwind IT"\n')
    with pytest.raises(SettingsError, match=r"no mail server is named") as found:
        draft(mine)
    (mine / "rhem.toml").write_text('name = "Northwind IT"\n' + found.value.fix.partition("\n")[2])
    assert read_settings(mine).mail.sender == "Northwind IT <reviews@example.com>"


def test_approve_lists_and_names_the_nearest(mine):
    shown = run("approve", mine)
    assert shown.output.splitlines() == ["0 of 2 decks of 2026Q2 are approved.", "  Nord: not approved",
                                         "  Süd GmbH: not approved"]  # fmt: skip
    assert "Nord: approved by Ana on 20" in run("approve", mine, "Nord", "--by", "Ana").output
    with pytest.raises(ParameterError, match="Did you mean 'Nord'"):
        approve(mine, ["Nort"])
    with pytest.raises(NotEnoughData, match="no decks of 2026Q1"):
        decks(mine, "2026Q1")
    (decks(mine).table["deck"][0].with_name("approved.json")).write_text("[]")
    assert decks(mine).table["state"][0] == "open"


@pytest.mark.parametrize("content", [None, b"{", b"[]", b"{}", b'{"client": "N\xff"}'])
def test_a_deck_whose_client_is_unknown_is_named(mine, tmp_path, content):
    facts = tmp_path / "reports/mine/2026Q2/clients/c0/review.json"
    facts.unlink() if content is None else facts.write_bytes(content)
    with pytest.raises(InputError, match=r"c0/review\.json: whose deck .* Make the deck again"):
        decks(mine)


def test_a_delivery_says_what_goes_to_whom(mine):
    approve(mine, ["Nord"])
    made = draft(mine)
    assert made.text.splitlines()[0] == "2026Q2: 1 ready, 1 refused"
    assert "[Nord 2026Q2.pptx, Nord 2026Q2.pdf]" in made.text
    assert made.summary().columns.tolist() == ["client", "state", "to", "why"]
    assert delivery.Delivery(made.quarter, made.table[made.table["state"] == "ready"]).complete


def test_speaker_notes_that_go_along_are_named(mine):
    approve(mine, ["Nord"])
    deck = decks(mine).table["deck"][0]
    assert "with speaker notes" not in draft(mine, clients=["Nord"]).text
    with ZipFile(deck, "w") as packed:
        packed.writestr("ppt/notesSlides/notesSlide1.xml", "")
    make_pdf(deck)
    approve(mine, ["Nord"])
    assert "Nord 2026Q2.pdf, with speaker notes]" in draft(mine, clients=["Nord"]).text


def test_decks_to_read_and_to_send_are_due(mine):
    (mine / "exports").mkdir()
    time = "client,worked_on,hours\n" + "".join(f"Nord,2026-0{month}-27,1\n" for month in range(1, 7))
    (mine / "exports" / "time.csv").write_text(time)
    (mine / "exports" / "pcs.csv").write_text("client,as_of,count\nNord,2026-06-30,10\n")
    day = datetime.date(2026, 7, 2)
    assert due(mine, day).table["kind"].tolist() == ["approve"]
    approve(mine, list(CLIENTS))
    assert due(mine, day).table["kind"].tolist() == ["deliver"]
    for deck in decks(mine).table["deck"]:
        record(deck, "sent.json", by="me")
    assert due(mine, day).table.empty


def test_no_draft_is_made_while_a_run_writes_the_decks(mine):
    approve(mine, ["Nord"])
    with alone(find_reports(mine)), pytest.raises(OutputError, match="another run is writing"):
        draft(mine)


def test_a_client_with_contacts_and_no_deck_stops_nobody(mine):
    (mine / "clients" / "left.toml").write_text('client = "Left"\ncontacts = ["x@left.example"]\n')
    approve(mine, list(CLIENTS))
    assert draft(mine).table["state"].tolist() == ["ready", "ready"]
