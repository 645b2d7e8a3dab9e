"""The portfolio of the made-up MSP as it comes out of Jira and Tempo, which know no agreements."""

import pandas as pd

from rhem_lib.simulate.connectwise import automate_computers
from rhem_lib.simulate.export import CATCH_ALL, Export, dates, decimal_hours, planted, time_facts
from rhem_lib.simulate.msp import Portfolio
from vendors.desk import TIME_OFF, Desk, desk, iso, number, on_tickets, rules_text, seconds
from vendors.rmm import ninjaone_devices

_ISSUE_TYPES = {"Maintenance": "Change", "": "Task"}
_ISSUE_RULES = [(TIME_OFF, "excluded"), ("Project", "project"), ("Onboarding", "onboarding")]


def jira(portfolio: Portfolio, *, untyped: bool) -> Export:
    """API of Jira: worklogs with an offset, issues of one project per client; computers of Automate."""
    board = desk(portfolio, untyped=untyped)
    hours, words = "timeSpentSeconds", "timeSpent"
    files, columns = ("jira-worklogs.zip", "worklogs", "json"), ("id", hours, "started", "issueId")
    return Export(
        _worklogs(board),
        **on_tickets(
            board,
            files,
            columns,
            seconds,
            "{}T12:00:00.000+0000",
            unreadable_hours=[{hours: "", words: ""}, {hours: "", words: "n/a"}],
        ),
        archives={
            "jira-issues.zip": {"issues.json": _issues(board, portfolio)},
            "automate-computers.zip": automate_computers(portfolio),
        },
        names=("jira-issues.zip", "issues.json", "fields.project.name"),
        settings=rules_text("type", _ISSUE_RULES),
    )


def _worklogs(board: Desk) -> pd.DataFrame:
    entries = board.entries
    minutes = (entries["hours"] * 60).round().clip(lower=1).astype("int64")
    spent = (minutes // 60).astype("str") + "h " + (minutes % 60).astype("str") + "m"
    return pd.DataFrame(
        {
            "id": number(entries["entry_id"]),
            "issueId": number(entries["ticket_id"]),
            "author.accountId": "712020:" + entries["technician"],
            "author.displayName": entries["technician"],
            "started": _offset(entries["started_at"]),
            "created": _offset(entries["entered_at"]),
            "timeSpent": spent,
            "timeSpentSeconds": seconds(entries["hours"]),
        }
    )


def _offset(local: pd.Series) -> pd.Series:
    return iso(local, ".000").str.replace("Z", "+0000")


def _issue_types(board: Desk) -> pd.Series:
    tickets = board.tickets
    return tickets["type"].replace(_ISSUE_TYPES).mask(tickets["category"] == TIME_OFF, TIME_OFF)


def _project_keys(board: Desk, portfolio: Portfolio) -> pd.Series:
    """Keys such as MM02; INT is the MSP's own project."""
    return board.tickets["client"].map(portfolio.clients.set_index("client")["code"]).fillna("INT")


def _issues(board: Desk, portfolio: Portfolio) -> pd.DataFrame:
    tickets, project = board.tickets, _project_keys(board, portfolio)
    return pd.DataFrame(
        {
            "id": number(tickets["ticket_id"]),
            "key": project + "-" + number(tickets["ticket_id"]),
            "fields.summary": tickets["summary"],
            "fields.issuetype.name": _issue_types(board),
            "fields.project.key": project,
            "fields.project.name": tickets["company"],
            "fields.priority.name": tickets["priority"].str.replace(r".* - ", "", regex=True),
            "fields.created": _offset(tickets["opened_at"]),
            "fields.resolutiondate": _offset(tickets["closed_at"]),
            "fields.parent.id": number(tickets["parent_id"]),
        }
    )


def tempo(portfolio: Portfolio, *, untyped: bool) -> Export:
    """CSV of Tempo timesheets, by account, with the issues as Jira writes them; devices of NinjaOne."""
    board = desk(portfolio, untyped=untyped)
    hours, date, client = "Logged time (h)", "Date", "Account Name"
    nobody = {client: "", "Issue Key": "", "Project Key": ""}
    return Export(
        _tempo_time(board, portfolio),
        time_facts(board.entries, "timesheet", "csv"),
        "tempo-timesheets.zip",
        "Work ID",
        hours,
        client,
        decimal_hours,
        planted(
            unreadable_hours=[{hours: "-"}, {hours: ""}],
            impossible_date=[{date: "1899-12-30"}, {date: "2099-01-01"}],
            no_date=[{date: ""}],
            no_client=[nobody],
            catch_all=[nobody | {client: CATCH_ALL}],
        ),
        {
            "jira-issues.zip": {"issues.csv": _issue_list(board, portfolio)},
            "ninjaone-devices.zip": ninjaone_devices(portfolio),
        },
        settings=rules_text("type", _ISSUE_RULES),
    )


def _tempo_time(board: Desk, portfolio: Portfolio) -> pd.DataFrame:
    entries = board.entries
    key = pd.Series(_project_keys(board, portfolio).to_numpy(), board.tickets["ticket_id"])
    project = entries["ticket_id"].map(key)
    return pd.DataFrame(
        {
            "Issue Key": project + "-" + number(entries["ticket_id"]),
            "Issue summary": entries["ticket_id"].map(board.tickets.set_index("ticket_id")["summary"]),
            "Date": dates(entries["worked_on"]),
            "Logged time (h)": decimal_hours(entries["hours"]),
            "Work description": "",
            "Project Key": project,
            "Account Name": entries["company"],
            "Work author": entries["technician"],
            "Work ID": number(entries["entry_id"]),
        }
    )


def _issue_list(board: Desk, portfolio: Portfolio) -> pd.DataFrame:
    """Issues as CSV; dates such as 30/Jun/26 2:05 PM are Jira's default."""
    tickets, project = board.tickets, _project_keys(board, portfolio)
    day = "%d/%b/%y %-I:%M %p"
    return pd.DataFrame(
        {
            "Summary": tickets["summary"],
            "Issue key": project + "-" + number(tickets["ticket_id"]),
            "Issue Type": _issue_types(board),
            "Project key": project,
            "Project name": tickets["company"],
            "Priority": tickets["priority"].str.replace(r".* - ", "", regex=True),
            "Created": tickets["opened_at"].dt.strftime(day).fillna(""),
            "Resolved": tickets["closed_at"].dt.strftime(day).fillna(""),
        }
    )
