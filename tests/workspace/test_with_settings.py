"""Settings changed in a notebook act as if they were in rhem.toml, and are validated as they are there."""

import datetime as dt

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import SettingsError
from rhem_lib.settings import Settings
from rhem_lib.workspace import from_frames

SETTINGS = 'name = "Test MSP"\nown_company = ["Own"]\n'
FILES = {
    "h.csv": "entry_id,ticket_id,client,worked_on,hours,work_type\n"
    "a,1,Nord,2026-01-05,2,\nb,2,Nord,2026-04-06,1,Van\n",
    "t.csv": "ticket_id,client,type\n1,Nord,incident\n2,Nord,\n",
    "d.csv": "client,as_of,device_id,kind\nNord,2026-01-31,PC1,workstation\nNord,2026-01-31,SRV,server\n",
    "clients.csv": "client,onboarded_on\nNord,2025-01-01\n",
}
RULE = [{"when": {"work_type": "Van"}, "work_class": "reactive"}]


@pytest.fixture
def work(workspace):
    return rhem.load(workspace(FILES, SETTINGS))


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("changes", "toml"),
    [
        ({"endpoint_weights": {"server": 3}}, "[endpoint_weights]\nserver = 3\n"),
        ({"rules": RULE}, '[[rules]]\nwhen = { work_type = "Van" }\nwork_class = "reactive"\n'),
        ({"limits": {"carry_forward_months": 0}}, "[limits]\ncarry_forward_months = 0\n"),
        ({"clients": {"Nord": {"aliases": ["N"]}}}, '[clients.Nord]\naliases = ["N"]\n'),
    ],
)
def test_acts_as_the_same_lines_in_rhem_toml(changes, toml, work, workspace):
    changed = work.with_settings(**changes)
    (work.folder / "rhem.toml").write_text(SETTINGS + toml)
    written = rhem.load(work.folder)
    assert changed.settings == written.settings
    pd.testing.assert_frame_equal(rhem.measure(changed), rhem.measure(written))
    pd.testing.assert_frame_equal(changed.account.table, written.account.table)


def test_a_section_keeps_its_other_keys_and_the_workspace_is_left_as_it_is(work):
    first = work.with_settings(limits={"carry_forward_months": 0})
    both = first.with_settings(limits={"seen_within_days": 60}, targets={"months": 6})
    assert (both.settings.limits.carry_forward_months, both.settings.limits.seen_within_days) == (0, 60)
    assert both.settings.own_company == ["Own"] and both.settings.targets.months == 6
    assert work.settings == rhem.load(work.folder).settings


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"endpoint_weigths": {}}, "Did you mean 'endpoint_weights'"),
        ({"preset": "incident"}, "'preset' cannot be used"),
        ({"limits": {"carry": 1}}, "'limits.carry' is not a setting"),
    ],
)
def test_refuses_what_rhem_toml_would_refuse(changes, text, work):
    with pytest.raises(SettingsError, match=text):
        work.with_settings(**changes)


def test_what_was_cut_stays_cut(work):
    cut = work.as_of("2026Q1").with_settings(rules=RULE)
    assert cut.time_entries.df()["worked_on"].max() == pd.Timestamp("2026-01-05")
    assert cut.settings.limits.data_until == dt.date(2026, 3, 31)


def test_frames_are_classified_again():
    entries = pd.DataFrame({"client": ["Nord"], "worked_on": pd.to_datetime(["2026-01-05"]), "hours": [2.0],
                            "ticket_id": ["1"], "work_type": ["Van"]})  # fmt: skip
    tickets = pd.DataFrame({"ticket_id": ["1"], "type": [None]}, dtype=str)
    endpoints = pd.DataFrame({"client": ["Nord"], "as_of": pd.to_datetime(["2026-01-31"]), "count": [2.0]})
    clients = pd.DataFrame({"client": ["Nord"], "onboarded_on": [pd.Timestamp("2025-01-01")]})
    frames = {"time_entries": entries, "tickets": tickets, "endpoints": endpoints, "clients": clients}
    work = from_frames(Settings(name="Test"), frames)
    assert rhem.measure(work)["reactive_hours"].sum() == 0
    assert rhem.measure(work.with_settings(rules=RULE))["reactive_hours"].sum() == 2
