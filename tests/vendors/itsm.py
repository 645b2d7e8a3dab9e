"""The portfolio of the made-up MSP as it comes out of Freshservice and ServiceNow; neither has agreements."""

import pandas as pd

from rhem_lib.simulate.connectwise import automate_computers
from rhem_lib.simulate.export import Export, moments, utc
from rhem_lib.simulate.msp import Portfolio
from vendors.desk import TIME_OFF, Desk, clock, desk, epoch, flag, iso, number, on_tickets, rules_text
from vendors.rmm import datto_devices


def freshservice(portfolio: Portfolio, *, untyped: bool) -> Export:
    """API of Freshservice: HH:MM on tickets of departments; devices of Datto RMM."""
    fresh = desk(portfolio, untyped=untyped)
    names = sorted(set(fresh.tickets["company"]))
    key = {name: str(i) for i, name in enumerate(names, 19001)}
    departments = pd.DataFrame({"id": list(key.values()), "name": names, "head_user_id": ""})
    files, columns = (
        ("freshservice-time-entries.zip", "time_entries", "json"),
        ("id", "time_spent", "executed_at", "ticket_id"),
    )
    return Export(
        _fresh_time(fresh),
        **on_tickets(
            fresh,
            files,
            columns,
            clock,
            "{}T12:00:00Z",
            no_date=[{"executed_at": "", "start_time": "", "created_at": ""}],
            running_timer=[{"time_spent": "00:00", "timer_running": "true"}],
        ),
        archives={
            "freshservice-tickets.zip": {"tickets.json": _fresh_tickets(fresh, key)},
            "freshservice-departments.zip": {"departments.json": departments},
            "datto-devices.zip": datto_devices(portfolio),
        },
        names=("freshservice-departments.zip", "departments.json", "name"),
        settings=rules_text(
            "category", [(TIME_OFF, "excluded"), ("Project", "project"), ("Onboarding", "onboarding")]
        ),
    )


def _fresh_time(fresh: Desk) -> pd.DataFrame:
    entries = fresh.entries
    return pd.DataFrame(
        {
            "id": number(entries["entry_id"]),
            "ticket_id": number(entries["ticket_id"]),
            "agent_id": entries["technician"].str.replace("tech", "170000"),
            "start_time": iso(entries["started_at"]),
            "executed_at": iso(entries["started_at"]),
            "created_at": iso(entries["entered_at"]),
            "timer_running": "false",
            "billable": flag(entries["billing"] != "fixed-fee"),
            "time_spent": clock(entries["hours"]),
            "task_id": "",
            "note": "",
        }
    )


def _fresh_tickets(fresh: Desk, key: dict[str, str]) -> pd.DataFrame:
    tickets = fresh.tickets
    kinds = {"Maintenance": "Change", "Project": "Service Request", "Onboarding": "Service Request"}
    planned = tickets["type"].where(tickets["type"].isin(["Project", "Onboarding"]), "")
    return pd.DataFrame(
        {
            "id": number(tickets["ticket_id"]),
            "subject": tickets["summary"],
            "type": tickets["type"].replace(kinds),
            "status": tickets["closed_at"].isna().map({True: "2", False: "5"}),
            "priority": tickets["priority"].str.extract(r"(\d)")[0],
            "source": tickets["source"].map({"Email": "1", "Portal": "2", "Phone": "3"}).fillna("10"),
            "category": tickets["category"].where(planned == "", planned),
            "sub_category": "",
            "department_id": tickets["company"].map(key),
            "workspace_id": "2",
            "created_at": iso(tickets["opened_at"]),
            "resolved_at": iso(tickets["closed_at"]),
            "deleted": "false",
            "spam": "false",
        }
    )


_TASKS = {  # ticket type: prefix of the number, table
    "Incident": ("INC", "incident"), "Alert": ("INC", "incident"), "Service Request": ("RITM", "sc_req_item"),
    "Problem": ("PRB", "problem"), "Maintenance": ("CHG", "change_request"),
    "Project": ("PRJTASK", "pm_project_task"), "Onboarding": ("PRJTASK", "pm_project_task"), "": ("TKT", "ticket"),
}  # fmt: skip


def servicenow(portfolio: Portfolio, *, untyped: bool) -> Export:
    """CSV lists of ServiceNow: task_time_worked with durations as moments of 1970; computers of Automate."""
    now = desk(portfolio, untyped=untyped)
    numbers = _task_numbers(now)
    files, columns = (
        ("servicenow-time-worked.zip", "task_time_worked", "csv"),
        ("sys_id", "time_worked", "sys_created_on", "task"),
    )
    return Export(
        pd.DataFrame(
            {
                "sys_id": number(now.entries["entry_id"]),
                "task": now.entries["ticket_id"].map(numbers),
                "user": now.entries["technician"],
                "time_worked": epoch(now.entries["hours"]),
                "sys_created_on": moments(utc(now.entries["ended_at"])),
                "comments": "",
            }
        ),
        **on_tickets(now, files, columns, epoch, "{} 12:00:00", catch_all=[{"task": numbers[now.catch_all]}]),
        archives={
            "servicenow-task.zip": {"task.csv": _tasks(now, numbers)},
            "automate-computers.zip": automate_computers(portfolio),
        },
        names=("servicenow-task.zip", "task.csv", "company"),
        settings=rules_text("category", [(TIME_OFF, "excluded")])
        + rules_text("board", [("Projects", "project"), ("Onboarding", "onboarding")]),
    )


def _task_numbers(now: Desk) -> pd.Series:
    prefix = now.tickets["type"].map({kind: pair[0] for kind, pair in _TASKS.items()})
    return pd.Series((prefix + "0" + number(now.tickets["ticket_id"])).to_numpy(), now.tickets["ticket_id"])


def _tasks(now: Desk, numbers: pd.Series) -> pd.DataFrame:
    tickets = now.tickets
    wording = {"Phone": "phone", "Email": "email", "Portal": "self-service", "RMM": "event", "": ""}
    return pd.DataFrame(
        {
            "number": numbers.to_numpy(),
            "sys_class_name": tickets["type"].map({kind: pair[1] for kind, pair in _TASKS.items()}),
            "short_description": tickets["summary"],
            "company": tickets["company"],
            "opened_at": moments(utc(tickets["opened_at"])),
            "closed_at": moments(utc(tickets["closed_at"])),
            "category": tickets["category"],
            "subcategory": "",
            "contact_type": tickets["source"].map(wording),
            "priority": tickets["priority"].str.replace("Priority ", ""),
            "assignment_group": tickets["board"],
            "parent_incident": tickets["parent_id"].map(numbers).fillna(""),
            "cmdb_ci": tickets["device"],
        }
    )
