"""A new workspace is complete, is never written over, and moves no number; check says what is missing."""

import json
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

import rhem_lib as rhem
from rhem_lib import cli
from rhem_lib.errors import ParameterError
from rhem_lib.routine import start, still_missing
from rhem_lib.settings import read_settings

TIME = """client,worked_on,hours,work_type
Nord,2026-01-05,1,incident
Ost,2026-02-05,2,incident
Us,2026-02-06,3,incident
"""
SORTED = 'name = "T"\n[[rules]]\nwhen = { work_type = "incident" }\nwork_class = "reactive"\n'
LISTS = "client,as_of,count\nNord,2026-01-31,10\nNord,2026-02-28,10\n"


def test_a_new_workspace_is_one_that_check_reads(tmp_path):
    system = "connectwise=https://api-na.myconnectwise.net/v4_6_release/apis/3.0"
    made = start(tmp_path / "mine", 'Us & Them "IT"', "Europe/Vienna", [system])
    assert made.written == ("exports/", "rhem.toml", ".gitignore") and made.kept == ()
    given = read_settings(tmp_path / "mine")
    assert (given.name, given.time_zone) == ('Us & Them "IT"', "Europe/Vienna")
    assert "exports/" in (tmp_path / "mine" / ".gitignore").read_text().split()
    assert "put exports into" not in made.text and "CONNECTWISE_PRIVATE_KEY" in made.text
    assert [f"{source.system}={source.url}" for source in given.sources] == [system]
    other = start(tmp_path / "other", "M", systems=["jira"])
    assert "put exports into" in other.text and "Jira" in other.text and "time_entries" in other.text


def test_nothing_is_written_over(tmp_path):
    start(tmp_path, "First")
    (tmp_path / "clients.csv").write_text("client,onboarded_on\nNord,2025-01-01\n")
    (tmp_path / "exports" / "time.csv").write_text(TIME)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    made = start(tmp_path, "Second", "Europe/Vienna")
    assert made.written == () and made.kept == ("rhem.toml", ".gitignore", "clients.csv")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_exports_that_are_there_name_the_clients(tmp_path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "time.csv").write_text(TIME)
    (tmp_path / "exports" / "pcs.csv").write_text(LISTS)
    made = start(tmp_path, "Us")
    assert "clients.csv" in made.written and "1 clients have no start" in made.text
    table = pd.read_csv(tmp_path / "clients.csv")
    assert table[["client", "onboarded_on", "onboarding_source"]].to_numpy().tolist() == [
        ["Nord", "2026-01-31", "first snapshot"]
    ]
    assert read_settings(tmp_path).own_company == ["Us"]  # its own work is no client's


def test_clients_are_named_once_the_systems_were_pulled(tmp_path):
    """Before, a list of computers would be the start of a client whose agreement is older."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "pcs.csv").write_text(LISTS)
    for systems in (["connectwise=https://cw.example.com/v4"], []):
        made = start(tmp_path, "Us", systems=systems)
        assert "clients.csv" not in made.written and "put exports" not in made.text
        assert f"CONNECTWISE_CLIENT_ID and `rhem pull {tmp_path}`, then `rhem new {tmp_path}` again" in made.text
    (tmp_path / "exports" / "connectwise").mkdir()
    assert start(tmp_path, "Us").written == ("clients.csv",)


def test_the_list_of_clients_moves_no_number(workspace):
    folder = workspace({"time.csv": TIME, "pcs.csv": LISTS}, SORTED)
    before = rhem.load(folder)
    assert start(folder, "x").written == (".gitignore", "clients.csv")
    after = rhem.load(folder)
    pd.testing.assert_frame_equal(rhem.measure(before), rhem.measure(after))
    assert after.clients["onboarding_source"].tolist() == ["first snapshot", "unknown", "unknown"]


def test_a_source_that_a_user_writes_is_no_source(workspace):
    lists = "client,onboarded_on,onboarding_source\nNord,2026-01-01,\nOst,2026-01-01,me\nUs,2026-01-01,agreement\n"
    work = rhem.load(workspace({"time.csv": TIME, "clients.csv": lists}))
    assert work.clients["onboarding_source"].tolist() == ["clients", "clients", "agreement"]


def test_new_asks_with_defaults(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "_attended", lambda: True)
    monkeypatch.setenv("TZ", "Europe/Zurich")
    shown = CliRunner().invoke(cli.app, ["new", str(tmp_path / "acme-msp")], input="\n\nautotask, halopsa\n")
    assert shown.exit_code == 0 and "Name of your company [Acme Msp]:" in shown.output
    found = tomllib.loads((tmp_path / "acme-msp" / "rhem.toml").read_text())
    sources = [{"system": "autotask"}, {"system": "halopsa"}]  # no address is guessed: secrets go there
    assert found == {"name": "Acme Msp", "time_zone": "Europe/Zurich", "sources": sources}
    assert "AUTOTASK_SECRET" in shown.output and "HALOPSA_CLIENT_ID" in shown.output


def test_new_takes_flags_and_names_the_nearest_system(tmp_path):
    folder = str(tmp_path / "mine")
    with pytest.raises(ParameterError, match="Did you mean 'autotask'"):
        raise CliRunner().invoke(cli.app, ["new", folder, "--system", "autotusk"]).exception
    assert not (tmp_path / "mine").exists()
    shown = CliRunner().invoke(cli.app, ["new", folder, "--name", "A", "--time-zone", "Europe/Vienna"])
    assert shown.exit_code == 0 and read_settings(tmp_path / "mine").time_zone == "Europe/Vienna"


def test_what_is_missing_comes_in_the_order_of_its_hours(workspace):
    lists = "client,onboarded_on,billing\nNord,2025-12-01,hourly\nOst,2025-12-01,\nUs,2025-12-01,hourly\n"
    folder = workspace({"time.csv": TIME, "pcs.csv": LISTS, "clients.csv": lists}, SORTED)
    found = still_missing(rhem.load(folder))
    assert found.table[["code", "hours"]].to_numpy().tolist() == [["no-endpoints", 5.0], ["no-billing", 2.0]]
    assert found.table["clients"].tolist() == [["Us", "Ost"], ["Ost"]]
    shown = CliRunner().invoke(cli.app, ["check", str(folder)]).output
    assert "Still missing, most costly first:\n5.0 reactive hours have no computers beside them" in shown
    printed = CliRunner().invoke(cli.app, ["check", str(folder), "--json"]).output
    made = json.loads(printed, parse_constant=pytest.fail)
    assert [row["code"] for row in made["missing"]] == ["no-endpoints", "no-billing"]


def test_nothing_is_missing_where_all_is_there(workspace):
    lists = "client,onboarded_on,billing\nNord,2025-12-01,hourly\n"
    time = "client,worked_on,hours,work_type\nNord,2026-01-05,1,incident\n"
    files = {"time.csv": time, "pcs.csv": LISTS, "clients.csv": lists}
    found = still_missing(rhem.load(workspace(files, SORTED)))
    assert found.text == "Nothing is missing." and found.summary().empty


def test_new_sees_exports_in_a_linked_folder(tmp_path):
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "pcs.csv").write_text(LISTS)
    (tmp_path / "mine" / "exports").mkdir(parents=True)
    (tmp_path / "mine" / "exports" / "share").symlink_to(tmp_path / "share")
    assert "clients.csv" in start(tmp_path / "mine", "A").written


def test_months_with_a_list_carried_on_are_named(workspace):
    time = "client,worked_on,hours,work_type\nNord,2026-01-05,1,incident\nNord,2026-02-05,3,incident\n"
    pcs = "client,as_of,count\nNord,2026-01-31,4\n"
    folder = workspace({"time.csv": time, "pcs.csv": pcs, "clients.csv": "client,onboarded_on,billing\n"
                        "Nord,2025-12-01,hourly\n"}, SORTED)  # fmt: skip
    found = still_missing(rhem.load(folder)).table
    assert found[["code", "hours"]].to_numpy().tolist() == [["carried-endpoints", 3.0]]
    assert found["text"].iloc[0].endswith("(2026-02).")
