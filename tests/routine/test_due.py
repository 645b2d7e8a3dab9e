"""What is due, day by day: a month's list, a month's hours, a quarter's reviews, decks to read and to send."""

import datetime as dt
import json

import pytest
from typer.testing import CliRunner

from rhem_lib import cli
from rhem_lib.errors import ParameterError
from rhem_lib.routine import due
from rhem_lib.storage import own_reports

DAYS = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in (3, 12, 27)]
TIME = "client,worked_on,hours,work_type\n" + "".join(f"Nord,{day},1,incident\n" for day in DAYS)
ENDS = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]


def lists(ends=ENDS):
    return "client,as_of,count\n" + "".join(f"Nord,{day},10\n" for day in ends)


@pytest.fixture
def mine(workspace, monkeypatch):
    folder = workspace({"time.csv": TIME, "pcs.csv": lists()})
    monkeypatch.chdir(folder)
    return folder


def kinds(folder, day):
    return due(folder, dt.date.fromisoformat(day)).table[["kind", "since"]].astype(str).to_numpy().tolist()


def test_today_is_the_day_where_the_msp_is(mine):
    days = []
    for zone in ("Pacific/Pago_Pago", "Pacific/Kiritimati"):  # a day and an hour apart
        (mine / "rhem.toml").write_text(f'name = "T"\ntime_zone = "{zone}"\n')
        days.append(due(mine).day)
    assert days[1] - days[0] >= dt.timedelta(days=1)


def done(folder):
    """An edition of the quarter without decks: nothing is to be read."""
    home = folder / "reports" / folder.name
    own_reports(home, folder)
    for quarter in ("2026Q1", "2026Q2"):
        (home / quarter).mkdir()
        (home / quarter / "run.json").write_text("{}")


def test_reviews_are_due_when_the_quarter_is_over(mine):
    assert kinds(mine, "2026-07-01") == [["review", "2026-07-01"]]
    done(mine)
    found = due(mine, dt.date(2026, 7, 1))
    assert found.table.empty and found.text == "Nothing is due on 2026-07-01."


def test_hours_of_a_month_are_due_after_three_days(mine):
    done(mine)
    assert kinds(mine, "2026-08-03") == []
    assert kinds(mine, "2026-08-04") == [["data", "2026-08-04"], ["list", "2026-08-04"]]
    first = due(mine, dt.date(2026, 8, 4)).text.splitlines()[0]
    assert first == "generic: time entries of 2026-07 are missing; the last is of 2026-06-27."


def test_a_missing_list_is_due_and_the_coming_one_is_asked_for_in_time(mine):
    done(mine)
    (mine / "exports" / "pcs.csv").write_text(lists(ENDS[:-1]))
    assert kinds(mine, "2026-06-25") == []
    early = due(mine, dt.date(2026, 6, 28)).table
    assert early["text"].tolist()[0].startswith("generic: take the list of computers of 2026-06 by 2026-06-30;")
    assert kinds(mine, "2026-07-10") == [["list", "2026-07-04"]]


def test_a_system_that_was_given_up_is_not_waited_for(mine):
    done(mine)
    old = "client,worked_on,hours,work_type\nNord,2025-06-03,1,incident\n"
    (mine / "exports" / "old.csv").write_text(old)
    (mine / "exports" / "pcs.csv").write_text(lists(ENDS[:1]))
    assert kinds(mine, "2026-07-10") == []


def test_a_pull_is_due_once_a_month(mine):
    done(mine)
    (mine / "rhem.toml").write_text('name = "M"\n[[sources]]\nsystem = "ninjaone"\nurl = "https://x.example"\n')
    assert due(mine, dt.date(2026, 7, 3)).table.empty
    never = due(mine, dt.date(2026, 7, 4)).table
    assert never["kind"].tolist() == ["pull"] and never["text"][0].startswith("ninjaone: it was never pulled.")
    folder = mine / "exports" / "ninjaone" / "2026-07-01T060000"
    folder.mkdir(parents=True)
    (folder / ".pull.json").write_text('{"started": "2026-07-01T06:00:00+00:00", "requests": 1, "done": []}')
    assert due(mine, dt.date(2026, 7, 4)).table.empty
    assert "the last pull was on 2026-07-01" in due(mine, dt.date(2026, 8, 4)).text


def test_a_workspace_without_lists_says_so(workspace, monkeypatch):
    folder = workspace({"time.csv": TIME})
    monkeypatch.chdir(folder)
    assert "There is no list of computers" in due(folder, dt.date(2026, 7, 10)).text


def test_due_is_an_exit_code_for_a_scheduler(mine):
    shown = CliRunner().invoke(cli.app, ["due", str(mine), "--on", "2026-07-10", "--json"])
    assert shown.exit_code == 1
    made = json.loads(shown.output)
    assert made["day"] == "2026-07-10" and made["due"][0]["kind"] == "review"
    done(mine)
    assert CliRunner().invoke(cli.app, ["due", str(mine), "--on", "2026-07-10"]).exit_code == 0
    wrong = CliRunner().invoke(cli.app, ["due", str(mine), "--on", "July"])
    assert isinstance(wrong.exception, ParameterError) and "Write it like 2026-07-03" in str(wrong.exception)
