"""The made-up MSP as reporting views of ConnectWise PSA and computer lists of Automate."""

from functools import partial

import numpy as np
import pandas as pd

from rhem_lib.simulate.export import (
    CATCH_ALL,
    OWN_COMPANY,
    Export,
    agreement_periods,
    dates,
    decimal_hours,
    drawn,
    moments,
    planted,
    time_facts,
    utc,
)
from rhem_lib.simulate.msp import Portfolio

_MINUTES = np.array([f"{m // 60:02d}:{m % 60:02d}:00" for m in range(24 * 60)], dtype=object)
_NOTE = 'Called back, restarted the "main" switch'
_AGREEMENTS = {
    "fixed-fee": ("Managed Services", "Managed Services - Fixed"),
    "hourly": ("Time and Materials", "Time and Materials"),
    "block-hours": ("Block Hours", "Block Hours"),
}
SYSTEMS = {
    "workstation": "Microsoft Windows 11 Pro",
    "server": "Microsoft Windows Server 2022 Standard",
    "network": "",
}


def connectwise(portfolio: Portfolio, *, untyped: bool) -> Export:
    """Reporting views of ConnectWise (time, service, agreements) and computer lists of Automate."""
    entries, tickets = drawn(portfolio, untyped=untyped)
    psa = portfolio.clients.set_index("client")["psa_name"]
    date, hours, client, ticket = "Date_Start", "hours_actual", "company_name", "SR_Service_RecID"
    return Export(
        _cw_time(entries, psa),
        time_facts(entries, "time", "csv"),
        "connectwise-time.zip",
        "Time_RecID",
        hours,
        client,
        decimal_hours,
        planted(
            unreadable_hours=[{hours: "n/a"}, {hours: ""}],
            impossible_date=[{date: "1899-12-30"}, {date: "2099-01-01"}],
            no_date=[{date: ""}],
            no_client=[{client: "", ticket: ""}],
            catch_all=[{client: CATCH_ALL, ticket: ""}],
        ),
        {
            "connectwise-service.zip": {"service.csv": _cw_service(tickets, psa)},
            "connectwise-agreements.zip": {"agreements.csv": _cw_agreements(portfolio.clients)},
            "automate-computers.zip": automate_computers(portfolio),
        },
    )


def _cw_time(entries: pd.DataFrame, psa: pd.Series) -> pd.DataFrame:
    kind = entries["work_class"]
    own = kind.isin(["internal", "excluded"])
    billed = kind.isin(["project", "onboarding"]) | (~own & (entries["billing"] != "fixed-fee"))
    rounded = np.ceil(entries["hours"] * 4 - 1e-9) / 4
    everywhere = partial(pd.Series, index=entries.index)
    return pd.DataFrame(
        {
            "Time_RecID": entries["entry_id"].astype("str"),
            "SR_Service_RecID": entries["ticket_id"].astype("str").fillna(""),
            "company_name": entries["client"].map(psa).fillna(OWN_COMPANY),
            "member_id": entries["technician"],
            "Date_Start": dates(entries["worked_on"]),
            "time_start": _clock(entries["started_at"]),
            "time_end": _clock(entries["ended_at"]),
            "hours_actual": decimal_hours(entries["hours"]),
            "Billable_Hrs": rounded.where(billed, 0.0).map("{:.2f}".format),
            "Agreement": entries["billing"].map({k: v[0] for k, v in _AGREEMENTS.items()}).fillna(""),
            "work_role": everywhere("Help Desk").mask(kind.isin(["project", "onboarding"]), "Engineer"),
            "work_type": everywhere("Remote").mask(kind == "onboarding", "On-site").mask(own, ""),
            "charge_to": everywhere("ServiceTicket")
            .mask(kind == "project", "ProjectTicket")
            .mask(own, "ChargeCode"),
            "Charge_Code": kind.map({"internal": "Internal", "excluded": "Vacation"}).fillna(""),
            "option_id": everywhere("NB").mask(billed, "B").mask(own, "NC"),
            "date_entered_utc": moments(utc(entries["entered_at"])),
            "Notes": everywhere("").mask(entries["entry_id"] % 23 == 0, _NOTE),
        }
    )


def _cw_service(tickets: pd.DataFrame, psa: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "SR_Service_RecID": tickets["ticket_id"].astype("str"),
            "TicketNbr": tickets["ticket_id"].astype("str"),
            "company_name": tickets["client"].map(psa),
            "Board_Name": tickets["board"],
            "ServiceType": tickets["type"],
            "ServiceSubType": tickets["category"],
            "ServiceSubTypeItem": "",
            "Source": tickets["source"],
            "Priority_Description": tickets["priority"],
            "date_entered": moments(tickets["opened_at"]),
            "date_closed": moments(tickets["closed_at"]),
            "Parent": tickets["parent_id"].astype("str").fillna(""),
            "config_recids": tickets["device"],
            "Summary": tickets["summary"],
        }
    )


def _cw_agreements(clients: pd.DataFrame) -> pd.DataFrame:
    both = agreement_periods(clients)
    status = pd.Series("Active", both.index).mask(both["end"].notna(), "Expired")
    return pd.DataFrame(
        {
            "AGR_Name": both["billing"].map({k: v[0] for k, v in _AGREEMENTS.items()}),
            "agr_type_desc": both["billing"].map({k: v[1] for k, v in _AGREEMENTS.items()}),
            "Company_Name": both["client"],
            "Agreement_Status": status,
            "DateStart": dates(both["start"]),
            "DateEnd": dates(both["end"]),
        }
    )


def _clock(column: pd.Series) -> pd.Series:
    return pd.Series(_MINUTES[column.dt.hour * 60 + column.dt.minute], column.index, dtype="str")


def automate_computers(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    """ConnectWise Automate: computers by client, local times."""
    listed = portfolio.computers
    kinds = {"workstation": "Workstation", "server": "Server", "network": "NetworkDevice"}
    table = pd.DataFrame(
        {
            "Id": listed["device_id"].astype("str"),
            "ClientName": rmm_names(portfolio),
            "ComputerName": listed["device"],
            "Type": listed["kind"].map(kinds),
            "OperatingSystemName": listed["kind"].map(SYSTEMS),
            "SerialNumber": listed["serial"],
            "DateAdded": dates(listed["added_on"]),
            "RemoteAgentLastContact": moments(listed["last_seen"]),
        }
    )
    return by_day("computers", "csv", table, listed["as_of"])


def rmm_names(portfolio: Portfolio) -> pd.Series:
    """Client of each computer, as the RMM writes it."""
    return portfolio.computers["client"].map(portfolio.clients.set_index("client")["rmm_name"])


def by_day(stem: str, suffix: str, table: pd.DataFrame, day: pd.Series) -> dict[str, pd.DataFrame]:
    """One file for each day."""
    return {f"{stem}-{at:%Y-%m-%d}.{suffix}": rows for at, rows in table.groupby(day, sort=True)}
