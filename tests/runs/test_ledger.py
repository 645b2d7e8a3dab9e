"""From edition to edition: what was restated and why, forecasts against what came, promises, a changed name."""

import json

import pytest
from review_data import make_entries, make_fit, make_panel, make_review

from rhem_lib import cli
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.runs import changes
from rhem_lib.settings import Action, ClientSettings, QuarterSettings, Settings
from rhem_lib.storage import own_reports


def promise(action, cause, done):
    return Action(action=action, owner="Ana", due="2026-05-15", cause=cause, done=done)


PROMISES = QuarterSettings(actions=[promise("Move the mailboxes", "Email", True),
                                    promise("Clean the printers", "Printing", False)])  # fmt: skip


@pytest.fixture
def editions(tmp_path, monkeypatch):
    """Two editions of a client that is renamed in between; late entries reach the first quarter afterwards."""
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (folder / "rhem.toml").write_text('name = "M"\n[clients."New Name"]\naliases = ["Old Name"]\n')
    home = tmp_path / "reports" / "mine"
    own_reports(home, folder)
    panel = make_panel("Old Name", endpoints=100.0, start_h=0.3, floor_h=0.3)
    write(home / "2026Q1", make_review(panel, client="Old Name", quarter="2026Q1"))
    late = make_panel("New Name", endpoints=100.0, start_h=0.3, floor_h=0.3)
    march = late["month"] == "2026-03-01"
    late.loc[march, ["reactive_hours", "rhem_h"]] *= 1.5
    entries = make_entries(late)
    email = (entries["category"] == "Email") & (entries["worked_on"] >= "2026-04-01")
    entries.loc[email, "hours"] *= 0.05
    settings = Settings(name="M", clients={"New Name": ClientSettings(quarters={"2026Q1": PROMISES})})
    write(home / "2026Q2", make_review(late, make_fit(("New Name",)), entries, settings, "New Name"))
    return folder


def write(edition, review):
    folder = edition / "clients" / "one"
    folder.mkdir(parents=True)
    (folder / "review.json").write_text(review.to_json(), encoding="utf-8")


def test_restatement_forecast_and_promises_of_a_renamed_client(editions):
    found = changes(editions)
    assert set(found.table["client"]) == {"New Name"}
    kinds = found.table.groupby("kind")["text"].apply(list)
    assert len(kinds["restated"]) == 1
    assert kinds["restated"][0].startswith("restates 2026Q1: ") and "(hours " in kinds["restated"][0]
    assert "computer-months" not in kinds["restated"][0]  # they did not move
    assert "came: it held" in kinds["forecast"][0] or "came: it did not hold" in kinds["forecast"][0]
    kept, broken = kinds["promise"]
    assert "'Move the mailboxes' (Ana, due 2026-05-15): kept; its cause: fell" in kept
    assert "'Clean the printers' (Ana, due 2026-05-15): late" in broken and not broken.endswith("its cause: fell")
    assert "New Name\n  2026Q2 restates" in found.text


def test_nothing_is_restated_where_no_record_changed(editions):
    one = make_review(make_panel("New Name"), make_fit(("New Name",)), client="New Name", quarter="2026Q1")
    two = make_review(make_panel("New Name"), make_fit(("New Name",)), client="New Name")
    for quarter, review in (("2026Q1", one), ("2026Q2", two)):
        path = editions.parents[1] / "reports" / "mine" / quarter / "clients" / "one" / "review.json"
        path.write_text(review.to_json(), encoding="utf-8")
    assert changes(editions).table["kind"].tolist() == ["forecast"]


def test_one_edition_has_nothing_to_compare(editions):
    with pytest.raises(NotEnoughData, match="two editions"):
        changes(editions, since="2026Q2")
    with pytest.raises(ParameterError, match="not a quarter"):
        changes(editions, since="last year")


def test_the_command_prints_lines_or_json(editions, capsys):
    cli.changes(editions)
    assert "promise 'Clean the printers'" in capsys.readouterr().out
    cli.changes(editions, as_json=True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["kind"] for row in rows} == {"restated", "forecast", "promise"}
