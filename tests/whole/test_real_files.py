"""Real exports: a ServiceNow incident log (and as a spreadsheet re-saved it) and a software firm's tasks."""

import zipfile

import pandas as pd
import pytest
from conftest import REAL_DATA

import rhem_lib as rhem

INCIDENTS = """
name = "uci498"
title = "ServiceNow incident event log (UCI 498)"
[[tables]]
table = "tickets"
requires = ["ticket_id", "opened_at", "board"]
dates = ["day-first"]
missing = ["?"]
[tables.columns]
ticket_id = "number"
client = "=One company"
opened_at = "opened_at"
closed_at = "closed_at"
category = "category"
subcategory = "subcategory"
board = "assignment_group"
source = "contact_type"
priority = "priority"
device_id = "cmdb_ci"
"""
TASKS = """
name = "sip"
title = "Task records with hours per developer"
[[tables]]
table = "time_entries"
requires = ["ticket_id", "hours", "technician"]
[tables.columns]
entry_id = "@row"
ticket_id = "TaskNumber"
client = "Project {ProjectCode}"
worked_on = "=2010-01-01"
hours = "DeveloperHoursActual"
work_type = "SubCategory"
technician = "DeveloperID"
[[rules]]
when = { work_type = ["Bug", "*Support*"] }
work_class = "reactive"
[[rules]]
when = { work_type = "*" }
work_class = "project"
"""


def real(*parts):
    path = REAL_DATA.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"real data not found: {path} (set RHEM_REAL_DATA)")
    return path


def workspace_of(workspace, profile, source, settings='name = "T"\n[limits]\nmax_hours_per_entry = 3000\n'):
    folder = workspace({source.name: source.read_bytes()}, settings)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "own.toml").write_text(profile)
    return folder


@pytest.fixture
def incidents(workspace):
    return rhem.load(workspace_of(workspace, INCIDENTS, real("uci498-incidents", "incident_event_log.zip")))


def test_events_become_one_row_per_incident_and_question_marks_are_missing(incidents):
    with zipfile.ZipFile(real("uci498-incidents", "incident_event_log.zip")) as archive:
        raw = pd.read_csv(archive.open(archive.namelist()[0]), dtype=str)
    tickets = incidents.tickets.df().set_index("ticket_id")
    assert len(tickets) == raw["number"].nunique() == 24_918
    assert len(tickets) + len(incidents.quarantine) == len(raw) == 141_712
    assert set(incidents.quarantine["reason"]) == {"superseded"}
    last = raw.drop_duplicates("number", keep="last").set_index("number")
    assert tickets["board"].isna().sum() == (last["assignment_group"] == "?").sum()
    assert not tickets.isin(["?"]).any().any()
    opened = pd.to_datetime(last["opened_at"], dayfirst=True, format="%d/%m/%Y %H:%M")
    assert (tickets["opened_at"].sort_index() == opened.sort_index()).all()


def test_the_collapse_of_an_export_cut_off_is_warned_about(incidents):
    warned = incidents.account.warnings.query("code == 'coverage'")
    assert {"2016-06", "2016-07"} <= set(warned["month"])
    assert warned["text"].str.contains("an export cut off is not an improvement").all()


def test_a_copy_resaved_by_a_spreadsheet_gives_the_same_tickets(incidents, tmp_path_factory):
    source = real("uci498-incidents", "incident_event_log_resaved_by_excel_5998rows.csv")
    folder = tmp_path_factory.mktemp("resaved")
    (folder / "exports").mkdir()
    (folder / "profiles").mkdir()
    (folder / "rhem.toml").write_text('name = "T"\n')
    (folder / "profiles" / "own.toml").write_text(INCIDENTS)
    (folder / "exports" / "resaved.csv").write_bytes(source.read_bytes())
    resaved = rhem.load(folder).tickets.df().set_index("ticket_id")
    whole = incidents.tickets.df().set_index("ticket_id")
    rows = pd.read_csv(source, dtype=str).groupby("number").size()
    with zipfile.ZipFile(real("uci498-incidents", "incident_event_log.zip")) as archive:
        events = pd.read_csv(archive.open(archive.namelist()[0]), dtype=str).groupby("number").size()
    complete = rows.index[rows == events.reindex(rows.index)]  # the last incident of the copy may be cut
    assert len(complete) >= len(rows) - 1
    columns = ["opened_at", "closed_at", "category", "subcategory", "board", "source", "priority", "device_id"]
    pd.testing.assert_frame_equal(resaved.loc[complete, columns], whole.loc[complete, columns])


def test_hours_per_developer_sum_to_the_task_total_without_double_counting(workspace):
    source = real("sip", "Sip-task-info.csv")
    raw = pd.read_csv(source, encoding="cp1252")
    work = rhem.load(workspace_of(workspace, TASKS, source))
    assert work.account.balanced
    total = float(work.account.table.loc["read", "hours"])
    once_per_task = raw.drop_duplicates("TaskNumber")["HoursActual"].sum()
    assert total == pytest.approx(raw["DeveloperHoursActual"].sum(), abs=1e-6)
    assert total == pytest.approx(once_per_task, rel=0.005)
    assert total < 0.9 * raw["HoursActual"].sum(), "summing the task total on each row would double count"
