"""The portfolio of the made-up MSP as it comes out of Autotask."""

import pandas as pd

from rhem_lib.simulate.export import (
    OWN_COMPANY,
    Export,
    agreement_periods,
    dates,
    decimal_hours,
)
from rhem_lib.simulate.msp import Portfolio
from vendors.desk import Desk, desk, flag, iso, number, on_tickets, quarters_up, rules_text
from vendors.rmm import datto_devices

_QUEUES = {
    "Help Desk": "8", "RMM Alerts": "29683354", "Scheduled Maintenance": "29683355", "Projects": "29683356",
    "Onboarding": "29683357", "Triage": "5", "": "6",
}  # fmt: skip
_AT_TYPES = {"Service Request": "1", "Incident": "2", "Problem": "3", "Change": "4", "Alert": "5"}
_AT_CODES = {"internal": "29682801", "excluded": "29682802"}  # internal billing codes: meeting, vacation
_AT_CONTRACTS = {"hourly": "1", "block-hours": "4", "fixed-fee": "7"}


def autotask(portfolio: Portfolio, *, untyped: bool) -> Export:
    """REST API of Autotask (picklists and companies as numbers), devices of Datto RMM."""
    at = desk(portfolio, untyped=untyped)
    companies = sorted(set(at.tickets["company"]))
    key = {name: str(i) for i, name in enumerate(companies, 174)} | {OWN_COMPANY: "0"}
    listed = pd.DataFrame({"id": [key[name] for name in companies], "companyName": companies, "isActive": "true"})
    files, columns = (
        ("autotask-time-entries.zip", "items", "json"),
        ("id", "hoursWorked", "dateWorked", "ticketID"),
    )
    return Export(
        _at_time(at),
        **on_tickets(at, files, columns, decimal_hours, "{}T00:00:00Z"),
        archives={
            "autotask-tickets.zip": {"items.json": _at_tickets(at, key)},
            "autotask-contracts.zip": {"items.json": _at_contracts(portfolio, key)},
            "autotask-companies.zip": {"items.json": listed},
            "datto-devices.zip": datto_devices(portfolio),
        },
        names=("autotask-companies.zip", "items.json", "companyName"),
        settings=f'\n[clients."{OWN_COMPANY}"]\naliases = ["Internal time"]'
        + rules_text("work_type", [(f"internal: {_AT_CODES['excluded']}", "excluded")])
        + rules_text("board", [(_QUEUES["Onboarding"], "onboarding")]),
    )


def _at_time(at: Desk) -> pd.DataFrame:
    entries = at.entries
    own = entries["client"].isna()
    return pd.DataFrame(
        {
            "id": number(entries["entry_id"]),
            "ticketID": number(entries["ticket_id"]).mask(own, ""),
            "taskID": "",
            "timeEntryType": pd.Series("2", entries.index).mask(own, "10"),
            "dateWorked": dates(entries["worked_on"]) + "T00:00:00Z",
            "startDateTime": iso(entries["started_at"]),
            "endDateTime": iso(entries["ended_at"]),
            "hoursWorked": decimal_hours(entries["hours"]),
            "hoursToBill": decimal_hours(quarters_up(entries["hours"])),
            "offsetHours": "0",
            "billingCodeID": "29683308",
            "internalBillingCodeID": entries["work_class"].map(_AT_CODES).fillna(""),
            "isNonBillable": flag(entries["billing"] == "fixed-fee"),
            "resourceID": entries["technician"].str.replace("tech", "296828"),
            "createDateTime": iso(entries["entered_at"]),
        }
    )


def _at_tickets(at: Desk, key: dict[str, str]) -> pd.DataFrame:
    """Tickets; the number of an instance of a recurring ticket has a third part."""
    tickets = at.tickets
    recurring = (tickets["type"] == "Maintenance").map({True: ".001", False: ""})
    serial = (tickets["ticket_id"] % 10000).map("{:04d}".format)
    project = (tickets["work_class"] == "project").map({True: "501", False: ""})
    return pd.DataFrame(
        {
            "id": number(tickets["ticket_id"]),
            "ticketNumber": "T" + tickets["opened_at"].dt.strftime("%Y%m%d") + "." + serial + recurring,
            "companyID": tickets["company"].map(key),
            "createDate": iso(tickets["opened_at"]),
            "completedDate": iso(tickets["closed_at"]),
            "issueType": tickets["category"],
            "ticketType": tickets["type"].replace("Maintenance", "Service Request").map(_AT_TYPES).fillna(""),
            "queueID": tickets["board"].map(_QUEUES),
            "source": tickets["source"],
            "priority": tickets["priority"].str.extract(r"(\d)")[0],
            "problemTicketId": number(tickets["parent_id"]),
            "projectID": project,
            "configurationItemID": tickets["device"],
            "title": tickets["summary"],
        }
    )


def _at_contracts(portfolio: Portfolio, key: dict[str, str]) -> pd.DataFrame:
    periods = agreement_periods(portfolio.clients)
    return pd.DataFrame(
        {
            "id": number(pd.Series(range(1, len(periods) + 1), periods.index)),
            "companyID": periods["client"].map(key).fillna("0"),
            "contractName": periods["billing"],
            "contractType": periods["billing"].map(_AT_CONTRACTS),
            "startDate": dates(periods["start"]) + "T00:00:00Z",
            "endDate": dates(periods["end"]) + (periods["end"].notna()).map({True: "T00:00:00Z", False: ""}),
            "status": "1",
        }
    )
