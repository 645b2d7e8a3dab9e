"""The portfolio of the made-up MSP as it comes out of HaloPSA and Syncro."""

import pandas as pd

from rhem_lib.simulate.export import Export, agreement_periods, dates, decimal_hours
from rhem_lib.simulate.msp import Portfolio
from vendors.desk import TIME_OFF, Desk, desk, flag, iso, number, on_tickets, quarters_up, rules_text, seconds
from vendors.rmm import ninjaone_devices

_ITIL = {
    "Incident": "1",
    "Alert": "1",
    "Maintenance": "1",
    "Service Request": "3",
    "Problem": "4",
} | dict.fromkeys(("Project", "Onboarding"), "22")


def halopsa(portfolio: Portfolio, *, untyped: bool) -> Export:
    """API of HaloPSA in UTC, where an action's number is unique only in its ticket; devices of NinjaOne."""
    halo = desk(portfolio, untyped=untyped)
    hours = "timetaken"
    files, columns = ("halopsa-actions.zip", "actions", "json"), ("id", hours, "datetime", "ticket_id")
    return Export(
        _halo_actions(halo),
        **on_tickets(
            halo,
            files,
            columns,
            decimal_hours,
            "{}T12:00:00Z",
            unreadable_hours=[{hours: ""}, {hours: "-"}],
            no_date=[{"datetime": "", "actionarrivaldate": "", "actiondatecreated": ""}],
        ),
        archives={
            "halopsa-tickets.zip": {"tickets.json": _halo_tickets(halo)},
            "halopsa-contracts.zip": {"contracts.json": _halo_contracts(portfolio)},
            "ninjaone-devices.zip": ninjaone_devices(portfolio),
        },
        names=("halopsa-tickets.zip", "tickets.json", "client_name"),
        ticket_column="id",
        lost_tickets={"deleted-ticket": {"deleted": "true"}, "merged-ticket": {"merged_into_id": "100001"}},
        settings=rules_text("category", [(TIME_OFF, "excluded")])
        + rules_text("board", [("Onboarding", "onboarding")]),
    )


def _halo_actions(halo: Desk) -> pd.DataFrame:
    entries = halo.entries
    return pd.DataFrame(
        {
            "id": number(1 + entries.groupby("ticket_id").cumcount()),
            "ticket_id": number(entries["ticket_id"]),
            "datetime": iso(entries["started_at"]),
            "actionarrivaldate": iso(entries["started_at"]),
            "actioncompletiondate": iso(entries["ended_at"]),
            "actiondatecreated": iso(entries["entered_at"]),
            "timetaken": decimal_hours(entries["hours"]),
            "timetakenadjusted": decimal_hours(quarters_up(entries["hours"])),
            "who": entries["technician"],
            "outcome": "Time entry",
            "actisbillable": flag(entries["billing"] != "fixed-fee"),
        }
    )


def _halo_tickets(halo: Desk) -> pd.DataFrame:
    tickets = halo.tickets
    names = tickets["type"].replace({"Maintenance": "Scheduled Task", "": "Triage"})
    return pd.DataFrame(
        {
            "id": number(tickets["ticket_id"]),
            "summary": tickets["summary"],
            "client_name": tickets["company"],
            "site_name": "Main",
            "dateoccurred": iso(tickets["opened_at"]),
            "dateclosed": iso(tickets["closed_at"]),
            "tickettype_name": names,
            "itil_requesttype_id": tickets["type"].map(_ITIL).fillna(""),
            "category_1": tickets["category"],
            "team": tickets["board"],
            "source": tickets["source"],
            "priority_id": tickets["priority"].str.extract(r"(\d)")[0],
            "parent_id": number(tickets["parent_id"]).replace("", "0"),
            "asset_id": tickets["device"],
            "merged_into_id": "0",
            "deleted": "false",
        }
    )


def _halo_contracts(portfolio: Portfolio) -> pd.DataFrame:
    periods = agreement_periods(portfolio.clients)
    flags = {"allowfixedprice": "fixed-fee", "allowpyg": "hourly", "allowprepay": "block-hours"}
    table = pd.DataFrame(
        {
            "ref": "C-" + number(pd.Series(range(1, len(periods) + 1), periods.index)),
            "client_name": periods["client"],
            "start_date": dates(periods["start"]),
            "end_date": dates(periods["end"]),
            "billingperiod": "2",
        }
    )
    return table.assign(**{name: flag(periods["billing"] == billing) for name, billing in flags.items()})


def syncro(portfolio: Portfolio, *, untyped: bool) -> Export:
    """API of Syncro: timers in seconds, of which some still run; no agreements; devices of NinjaOne."""
    shop = desk(portfolio, untyped=untyped)
    hours, end = "active_duration", "end_time"
    products = pd.DataFrame(
        {"id": ["1", "3"], "name": ["Remote Support Labor", "Project Labor"], "price_retail": "120"}
    )
    files, columns = (
        ("syncro-ticket-timers.zip", "ticket_timers", "json"),
        ("id", hours, "start_time", "ticket_id"),
    )
    return Export(
        _syncro_timers(shop),
        **on_tickets(
            shop,
            files,
            columns,
            seconds,
            "{}T12:00:00.000Z",
            unreadable_hours=[{hours: "n/a", end: "n/a"}, {hours: "", end: "-"}],
            running_timer=[{hours: "", end: ""}],
        ),
        archives={
            "syncro-tickets.zip": {"tickets.json": _syncro_tickets(shop)},
            "syncro-products.zip": {"products.json": products},
            "ninjaone-devices.zip": ninjaone_devices(portfolio),
        },
        names=("syncro-tickets.zip", "tickets.json", "customer_business_then_name"),
        ticket_column="id",
        settings=rules_text("category", [(TIME_OFF, "excluded")])
        + rules_text("board", [("Onboarding", "onboarding")]),
    )


def _syncro_timers(shop: Desk) -> pd.DataFrame:
    entries = shop.entries
    product = (entries["work_class"] == "project").map({True: "3", False: "1"})
    return pd.DataFrame(
        {
            "id": number(entries["entry_id"]),
            "ticket_id": number(entries["ticket_id"]),
            "user_id": entries["technician"].str.replace("tech", "21"),
            "start_time": iso(entries["started_at"], ".000"),
            "end_time": iso(entries["ended_at"], ".000"),
            "recorded": "false",
            "created_at": iso(entries["entered_at"], ".000"),
            "billable": flag(entries["billing"] != "fixed-fee"),
            "product_id": product,
            "active_duration": seconds(entries["hours"]),
            "billable_time": seconds(quarters_up(entries["hours"])),
        }
    )


def _syncro_tickets(shop: Desk) -> pd.DataFrame:
    tickets = shop.tickets
    return pd.DataFrame(
        {
            "id": number(tickets["ticket_id"]),
            "number": number(tickets["ticket_id"] - 99000),
            "subject": tickets["summary"],
            "created_at": iso(tickets["opened_at"], ".000"),
            "resolved_at": iso(tickets["closed_at"], ".000"),
            "customer_business_then_name": tickets["company"],
            "problem_type": tickets["category"],
            "status": tickets["closed_at"].isna().map({True: "New", False: "Resolved"}),
            "priority": tickets["priority"].str.replace("Priority ", ""),
            "ticket_type_name": tickets["type"],
            "recurring": flag(tickets["type"] == "Maintenance"),
            "parent_id": number(tickets["parent_id"]),
        }
    )
