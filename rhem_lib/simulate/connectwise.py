"""The book of the made-up MSP as reporting views of ConnectWise PSA."""

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
from rhem_lib.simulate.msp import Book
from rhem_lib.simulate.rmm import automate_computers

_MINUTES = np.array([f"{m // 60:02d}:{m % 60:02d}:00" for m in range(24 * 60)], dtype=object)


def connectwise(book: Book, *, untyped: bool) -> Export:
    """Reporting views of ConnectWise (time, service, agreements) and computer lists of Automate."""
    entries, tickets = drawn(book, untyped=untyped)
    psa = book.clients.set_index("client")["psa_name"]
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
            "connectwise-agreements.zip": {"agreements.csv": _cw_agreements(book.clients)},
            "automate-computers.zip": automate_computers(book),
        },
    )


_AGREEMENTS = {
    "fixed-fee": ("Managed Services", "Managed Services - Fixed"),
    "hourly": ("Time and Materials", "Time and Materials"),
    "block-hours": ("Block Hours", "Block Hours"),
}


def _cw_time(entries: pd.DataFrame, psa: pd.Series) -> pd.DataFrame:
    kind = entries["work_class"]
    own = kind.isin(["internal", "excluded"])
    billed = kind.isin(["project", "onboarding"]) | (~own & (entries["billing"] != "fixed-fee"))
    rounded = np.ceil(entries["hours"] * 4 - 1e-9) / 4
    charge_to = pd.Series("ServiceTicket", entries.index).mask(kind == "project", "ProjectTicket")
    note = pd.Series("", entries.index).mask(
        entries["entry_id"] % 23 == 0, 'Called back, restarted the "main" switch'
    )
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
            "work_role": pd.Series("Help Desk", entries.index).mask(
                kind.isin(["project", "onboarding"]), "Engineer"
            ),
            "work_type": pd.Series("Remote", entries.index).mask(kind == "onboarding", "On-site").mask(own, ""),
            "charge_to": charge_to.mask(own, "ChargeCode"),
            "Charge_Code": kind.map({"internal": "Internal", "excluded": "Vacation"}).fillna(""),
            "option_id": pd.Series("NB", entries.index).mask(billed, "B").mask(own, "NC"),
            "date_entered_utc": moments(utc(entries["entered_at"])),
            "Notes": note,
        }
    )


def _cw_service(tickets: pd.DataFrame, psa: pd.Series) -> pd.DataFrame:
    number = tickets["ticket_id"].astype("str")
    return pd.DataFrame(
        {
            "SR_Service_RecID": number,
            "TicketNbr": number,
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
