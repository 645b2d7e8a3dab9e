"""Alerts by webhook and mail: an Adaptive Card whose names are no links, https alone, no address in a message."""

import json
import subprocess
import sys
from contextlib import nullcontext

import pandas as pd
import pytest
from conftest import ROOT
from typer.testing import CliRunner

from rhem_lib import cli, review, routine, workspace
from rhem_lib.errors import OutputError, SettingsError
from rhem_lib.review import Alerts
from rhem_lib.review.alerts import COLUMNS
from rhem_lib.routine import mail, notify
from rhem_lib.settings import Mail, Notify, Settings

JUNE = pd.Timestamp("2026-06-01")
HOOK = Notify(webhook="env:HOOK")
LINES = ["Nord: 60 tickets in June 2026; 20 to 40 were expected.", "[click](https://evil.example): **bold**"]


def test_a_webhook_gets_an_adaptive_card_without_markup(httpserver, monkeypatch):
    httpserver.expect_request("/secret-token", method="POST").respond_with_data("1")
    monkeypatch.setenv("HOOK", httpserver.url_for("/secret-token"))
    assert notify(Settings(name="M", notify=HOOK), "June 2026: 2 alerts", LINES) == ["env:HOOK"]
    ((request, _),) = httpserver.log
    sent = json.loads(request.data)
    content = sent["attachments"][0]["content"]
    assert (sent["type"], content["type"], content["version"]) == ("message", "AdaptiveCard", "1.4")
    assert {block["type"] for block in content["body"]} == {"RichTextBlock"}  # text runs know no markup
    assert [block["inlines"][0]["text"] for block in content["body"]] == ["June 2026: 2 alerts", *LINES]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_webhook_that_refuses_is_named_without_its_address(httpserver, monkeypatch, status):
    httpserver.expect_request("/secret-token").respond_with_data("no", status=status)
    monkeypatch.setenv("HOOK", httpserver.url_for("/secret-token"))
    with pytest.raises(OutputError, match=rf"env:HOOK: the webhook answered {status}\.") as found:
        notify(Settings(name="M", notify=HOOK), "t", LINES)
    assert "secret-token" not in str(found.value)


def test_a_webhook_that_is_not_there_is_named_without_its_address(monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/secret-token")
    with pytest.raises(OutputError, match="cannot be reached") as found:
        notify(Settings(name="M", notify=HOOK), "t", LINES)
    assert "secret-token" not in str(found.value)


@pytest.mark.parametrize("address", ["http://example.com/x", "file:///etc/passwd", "example.com"])
def test_a_webhook_is_https(monkeypatch, address):
    monkeypatch.setenv("HOOK", address)
    with pytest.raises(SettingsError, match="must be an https address"):
        notify(Settings(name="M", notify=HOOK), "t", LINES)


def test_a_mail_has_one_line_for_each_alert(monkeypatch):
    sent = []
    server = type("Server", (), {"send_message": lambda self, message: sent.append(message)})()
    monkeypatch.setattr(mail, "connected", lambda given: nullcontext(server))
    given = Mail(server="mail.example", sender="Us <us@example.com>")
    settings = Settings(name="M", mail=given, notify=Notify(mail=["ops@example.com"]))
    notify(settings, "June 2026:\n2 alerts", LINES)
    assert sent[0]["Subject"] == "June 2026: 2 alerts" and sent[0]["To"] == "ops@example.com"
    assert sent[0].get_content().splitlines()[-2:] == LINES


def test_nobody_to_notify_is_said_with_the_lines_to_paste():
    with pytest.raises(SettingsError, match="nobody is named to notify") as found:
        notify(Settings(name="M"), "t", LINES)
    assert 'webhook = "env:TEAMS_WEBHOOK"' in found.value.fix


def test_alerts_notifies_only_if_there_are_any(monkeypatch, sample_work):
    sent, table = [], pd.DataFrame([["Nord", JUNE, *[None] * 8, LINES[0]]], columns=COLUMNS)
    monkeypatch.setattr(workspace, "load", lambda folder: sample_work)
    monkeypatch.setattr(routine, "notify", lambda *given: sent.append(given) or ["env:HOOK"])
    for rows in (table, table[:0]):
        monkeypatch.setattr(
            review, "find_alerts", lambda *_, rows=rows: Alerts(pd.Timestamp("2026-06-01"), rows, 20)
        )
        shown = CliRunner().invoke(cli.app, ["alerts", "data/sample", "--notify", "--json"])
        assert shown.exit_code == 0, shown.exception
    assert len(sent) == 1 and sent[0][2] == [LINES[0]]
    assert sent[0][1].startswith("Northwind IT: June 2026: 1 alert;")


def test_importing_the_command_loads_no_http_client():
    code = "import sys, rhem_lib.cli; assert not {'httpx2', 'smtplib', 'rhem_lib.routine'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
