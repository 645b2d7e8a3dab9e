"""The book of the made-up MSP as export files: one writer per source system."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rhem_lib.simulate_msp import Book

OWN_COMPANY, CATCH_ALL = "Northwind IT", "Catchall"
_MINUTES = np.array([f"{m // 60:02d}:{m % 60:02d}:00" for m in range(24 * 60)], dtype=object)


@dataclass(frozen=True)
class Export:
    """Text tables of one source system, before dirt.

    Attributes
    ----------
    time : DataFrame of text, one row per time entry
        In file order, under the column names of the system.
    members : Series
        The file of each time row, inside the archive `time_archive`.
    roles : dict
        Which columns hold the entry, ticket, client, date and hours.
    archives : dict
        Other archives: name -> file name -> table.
    """

    time: pd.DataFrame
    members: pd.Series
    time_archive: str
    roles: dict[str, str]
    archives: dict[str, dict[str, pd.DataFrame]]


def connectwise(book: Book, *, untyped: bool) -> Export:
    """Reporting views of ConnectWise (time, service, agreements) and computer lists of Automate."""
    entries, tickets = book.entries, book.tickets
    if not untyped:
        entries = entries[entries["work_class"] != "unclassified"].reset_index(drop=True)
        tickets = tickets[tickets["work_class"] != "unclassified"]
    psa = book.clients.set_index("client")["psa_name"]
    quarter = entries["worked_on"].dt.to_period("Q").astype("str")
    roles = {"entry": "Time_RecID", "ticket": "SR_Service_RecID", "client": "company_name"}
    return Export(
        _cw_time(entries, psa),
        "time-" + quarter + ".csv",
        "connectwise-time.zip",
        roles | {"date": "Date_Start", "hours": "hours_actual"},
        {
            "connectwise-service.zip": {"service.csv": _cw_service(tickets, psa)},
            "connectwise-agreements.zip": {"agreements.csv": _cw_agreements(book.clients)},
            "automate-computers.zip": _automate_computers(book),
        },
    )


WRITERS: dict[str, Callable[..., Export]] = {"connectwise": connectwise}

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
    entered = entries["entered_at"].dt.tz_localize("America/New_York", nonexistent="shift_forward", ambiguous=True)
    note = pd.Series("", entries.index).mask(
        entries["entry_id"] % 23 == 0, 'Called back, restarted the "main" switch'
    )
    return pd.DataFrame(
        {
            "Time_RecID": entries["entry_id"].astype("str"),
            "SR_Service_RecID": entries["ticket_id"].astype("str").fillna(""),
            "company_name": entries["client"].map(psa).fillna(OWN_COMPANY),
            "member_id": entries["technician"],
            "Date_Start": _dates(entries["worked_on"]),
            "time_start": _clock(entries["started_at"]),
            "time_end": _clock(entries["ended_at"]),
            "hours_actual": entries["hours"].map("{:.2f}".format),
            "Billable_Hrs": rounded.where(billed, 0.0).map("{:.2f}".format),
            "Agreement": entries["billing"].map({k: v[0] for k, v in _AGREEMENTS.items()}).fillna(""),
            "work_role": pd.Series("Help Desk", entries.index).mask(
                kind.isin(["project", "onboarding"]), "Engineer"
            ),
            "work_type": pd.Series("Remote", entries.index).mask(kind == "onboarding", "On-site").mask(own, ""),
            "charge_to": charge_to.mask(own, "ChargeCode"),
            "Charge_Code": kind.map({"internal": "Internal", "excluded": "Vacation"}).fillna(""),
            "option_id": pd.Series("NB", entries.index).mask(billed, "B").mask(own, "NC"),
            "date_entered_utc": _moments(entered.dt.tz_convert("UTC").dt.tz_localize(None)),
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
            "date_entered": _moments(tickets["opened_at"]),
            "date_closed": _moments(tickets["closed_at"]),
            "Parent": tickets["parent_id"].astype("str").fillna(""),
            "config_recids": tickets["device"],
            "Summary": tickets["summary"],
        }
    )


def _cw_agreements(clients: pd.DataFrame) -> pd.DataFrame:
    """One row per agreement; DateEnd is its last day, and a client that switched has two."""
    switched, last = clients["switched_on"], clients["ended_on"] - pd.Timedelta(days=1)
    before_switch = (switched - pd.Timedelta(days=1)).fillna(last)
    first = pd.DataFrame(
        {
            "client": clients["psa_name"],
            "billing": clients["billing"],
            "start": clients["onboarded_on"],
            "end": before_switch,
        }
    )
    second = first.assign(billing="fixed-fee", start=switched, end=last)[switched.notna()]
    both = pd.concat([first, second]).sort_index(kind="stable")
    status = pd.Series("Active", both.index).mask(both["end"].notna(), "Expired")
    return pd.DataFrame(
        {
            "AGR_Name": both["billing"].map({k: v[0] for k, v in _AGREEMENTS.items()}),
            "agr_type_desc": both["billing"].map({k: v[1] for k, v in _AGREEMENTS.items()}),
            "Company_Name": both["client"],
            "Agreement_Status": status,
            "DateStart": _dates(both["start"]),
            "DateEnd": _dates(both["end"]),
        }
    )


def _automate_computers(book: Book) -> dict[str, pd.DataFrame]:
    listed = book.computers
    systems = {
        "workstation": "Microsoft Windows 11 Pro",
        "server": "Microsoft Windows Server 2022 Standard",
        "network": "",
    }
    table = pd.DataFrame(
        {
            "Id": listed["device_id"].astype("str"),
            "ClientName": listed["client"].map(book.clients.set_index("client")["rmm_name"]),
            "ComputerName": listed["device"],
            "Type": listed["kind"].map(
                {"workstation": "Workstation", "server": "Server", "network": "NetworkDevice"}
            ),
            "OperatingSystemName": listed["kind"].map(systems),
            "SerialNumber": listed["serial"],
            "DateAdded": _dates(listed["added_on"]),
            "RemoteAgentLastContact": _moments(listed["last_seen"]),
        }
    )
    return {f"computers-{day:%Y-%m-%d}.csv": rows for day, rows in table.groupby(listed["as_of"], sort=True)}


def _dates(column: pd.Series) -> pd.Series:
    return _moments(column).str.slice(0, 10)


def _clock(column: pd.Series) -> pd.Series:
    return pd.Series(_MINUTES[column.dt.hour * 60 + column.dt.minute], column.index, dtype="str")


def _moments(column: pd.Series) -> pd.Series:
    text = np.datetime_as_string(column.to_numpy().astype("datetime64[s]"))
    return pd.Series(text, column.index, dtype="str").str.replace("T", " ").where(column.notna(), "")


def write_zip(path: Path, files: dict[str, pd.DataFrame]) -> None:
    """CSV files in one archive, byte for byte the same for the same tables."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, table in files.items():
            info = zipfile.ZipInfo(name, date_time=(2026, 7, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            text = io.StringIO()
            table.to_csv(text, index=False, lineterminator="\n")
            archive.writestr(info, text.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
