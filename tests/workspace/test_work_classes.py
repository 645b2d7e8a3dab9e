"""Work class per entry: order of rules, wildcards, presets, and the same answer from pandas and DuckDB."""

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhem_lib.errors import SettingsError
from rhem_lib.exports.profiles import read_profiles
from rhem_lib.settings import Rule, Settings
from rhem_lib.workspace.work_classes import classify, rules_for

CONNECTWISE = [read_profiles()["connectwise"]]
TICKET = {
    "category": None,
    "subcategory": None,
    "source": None,
    "priority": None,
    "parent_id": None,
    "device_id": None,
}


def work_class(settings=None, preset="unscheduled", **facts):
    """Class and deciding rule of one entry, in pandas."""
    settings = settings or Settings(name="T", own_company=["Me"], catch_all=["Catchall"])
    ticket = {**TICKET, "type": None, "board": None} | {
        k: v for k, v in facts.items() if k in ("type", "board", *TICKET)
    }
    entry = {"client": "Nord", "work_type": None} | {
        k: v for k, v in facts.items() if k in ("client", "work_type")
    }
    entries = pd.DataFrame(
        [entry | {"ticket_id": "1", "technician": "T", "billable": "B", "source_file": "f", "hours": 1.0}]
    )
    tickets = pd.DataFrame([ticket | {"ticket_id": "1"}])
    for frame in (entries, tickets):
        for column in frame.columns.difference(["hours"]):
            frame[column] = frame[column].astype("str")
    done = classify(entries, tickets, rules_for(settings, CONNECTWISE, preset), preset)
    return done["work_class"].iloc[0], done["rule"].iloc[0]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"type": "incident", "board": "Help Desk"}, "reactive"),
        ({"type": "problem"}, "reactive"),
        ({"type": "alert"}, "reactive"),
        ({"type": "request"}, "reactive"),
        ({"type": "change"}, "scheduled"),
        ({"type": "incident", "board": "Projects - Migration"}, "project"),
        ({"type": "incident", "board": "Onboarding"}, "onboarding"),
        ({"type": "Maintenance", "board": "Help Desk"}, "scheduled"),
        ({"client": "Me", "type": "incident"}, "internal"),
        ({"client": "Me", "work_type": "Vacation"}, "excluded"),
        ({"client": "Catchall", "type": "incident"}, "excluded"),
        ({"type": None}, "unclassified"),
        ({"type": "Quote"}, "unclassified"),
    ],
)
def test_presets_native_markers_and_own_company(facts, expected):
    assert work_class(**facts)[0] == expected


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("preset", "kind", "expected"),
    [
        ("incidents", "request", "scheduled"),
        ("incidents", "alert", "reactive"),
        ("unscheduled", "request", "reactive"),
        ("all-support", "change", "reactive"),
        ("all-support", "Quote", "reactive"),
    ],
)
def test_presets_differ_where_the_definition_says_so(preset, kind, expected):
    assert work_class(preset=preset, type=kind)[0] == expected
    assert work_class(preset=preset, type=kind, client="Me")[0] == "internal"


def test_rules_of_the_workspace_come_first_and_the_first_match_wins():
    rules = [
        Rule(when={"board": "help*", "type": ["alert", "prob*"]}, work_class="scheduled"),
        Rule(when={"board": "Help Desk"}, work_class="project"),
    ]
    settings = Settings(name="T", rules=rules)
    assert work_class(settings, board="Help Desk", type="Problem") == ("scheduled", "rhem.toml rule 1")
    assert work_class(settings, board="HELP DESK", type="incident") == ("project", "rhem.toml rule 2")
    assert work_class(settings, board="Other", type="incident") == ("reactive", "ticket type")


def test_a_rule_on_an_unknown_column_says_which_there_are():
    settings = Settings(name="T", rules=[Rule(when={"bord": "x"}, work_class="project")])
    with pytest.raises(
        SettingsError, match=r"rhem.toml rule 1: a rule cannot match on 'bord'. Columns: ticket_id"
    ):
        work_class(settings)


@settings(deadline=None, max_examples=15)  # machines differ
@given(st.text(min_size=1, max_size=12))
def test_a_value_always_matches_itself_whatever_signs_it_holds(value):
    settings = Settings(name="T", rules=[Rule(when={"board": value.replace("*", "")}, work_class="project")])
    if value.replace("*", ""):
        assert work_class(settings, board=value.replace("*", ""))[0] == "project"


def test_duckdb_and_pandas_agree_on_the_sample(sample_work):
    rules = rules_for(sample_work.settings, sample_work.profiles, "unscheduled")
    entries = sample_work.time_entries.df().drop(columns=["work_class", "rule", *TICKET, "type", "board"])
    made = classify(entries, sample_work.tickets.df(), rules)
    key = ["source_file", "source_row"]
    ours = sample_work.time_entries.df().sort_values(key, ignore_index=True)
    theirs = made.sort_values(key, ignore_index=True)
    assert (ours["work_class"] == theirs["work_class"]).all()
    assert (ours["rule"] == theirs["rule"]).all()


def test_escaped_signs_mean_the_same_to_duckdb():
    con = duckdb.connect()
    odd = "A+B (x) [y] \\d #1 & co. - ~"
    entries = con.sql(
        f"SELECT '1' ticket_id, 'N' client, $${odd}$$ work_type, 'T' technician, 'B' billable, 'f' source_file"
    )
    tickets = con.sql(
        "SELECT '1' ticket_id, " + ", ".join(f"NULL::VARCHAR {c}" for c in (*TICKET, "type", "board"))
    )
    rules = [("r", Rule(when={"work_type": odd}, work_class="project"))]
    assert classify(entries, tickets, rules).df()["work_class"].tolist() == ["project"]
