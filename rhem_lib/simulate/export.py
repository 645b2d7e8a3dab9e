"""What exports of the made-up MSP are made of: tables of text, files, possible damage."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from rhem_lib.simulate.msp import Portfolio

OWN_COMPANY, CATCH_ALL, TIME_ZONE = "Northwind IT", "Catchall", "America/New_York"
Cells = dict[str, str]


@dataclass(frozen=True)
class Export:
    """Text tables of one source system, before dirt."""

    time: pd.DataFrame  # one row per time entry, in file order, under the column names of the system
    facts: pd.DataFrame  # the same rows: `file` inside the archive `time_archive`, true `hours`, `of_clients`
    time_archive: str
    entry_column: str  # columns of `time`
    hours_column: str
    client_column: str  # empty where time hangs on tickets and names no client
    write_hours: Callable[[pd.Series], pd.Series]  # hours -> text, as the system writes them
    damage: dict[
        str, list[Cells]
    ]  # kind -> the cells that make a good row into one; several stand in for each other
    archives: dict[str, dict[str, pd.DataFrame]]  # the others: name -> file name -> table
    names: tuple[str, str, str] | None = None  # archive, file and column that name clients if time names none
    ticket_column: str = ""  # there
    lost_tickets: dict[str, Cells] = field(default_factory=dict)  # why a ticket is taken out -> cells that say so
    settings: str = ""  # lines of rhem.toml that an analyst would have to add


def planted(**cells: list[Cells]) -> dict[str, list[Cells]]:
    """Return kinds of damage: of every system, and those whose cells the system decides."""
    common: dict[str, list[Cells]] = {
        kind: [] for kind in ("duplicate", "impossible-hours", "negative-correction", "name-variant")
    }
    return common | {name.replace("_", "-"): value for name, value in cells.items()}


def drawn(portfolio: Portfolio, *, untyped: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Entries and tickets of the portfolio, without the work that has no type unless `untyped`."""
    entries, tickets = portfolio.entries, portfolio.tickets
    if not untyped:
        entries = entries[entries["work_class"] != "unclassified"].reset_index(drop=True)
        tickets = tickets[tickets["work_class"] != "unclassified"]
    return entries, tickets


def time_facts(entries: pd.DataFrame, stem: str, suffix: str) -> pd.DataFrame:
    """File per quarter, hours, and whether the work is for a client, of each time row."""
    quarter = entries["worked_on"].dt.to_period("Q").astype("str")
    of_clients = entries["client"].notna()
    return pd.DataFrame(
        {"file": f"{stem}-" + quarter + f".{suffix}", "hours": entries["hours"], "of_clients": of_clients}
    )


def decimal_hours(hours: pd.Series) -> pd.Series:
    """Hours as 1.50."""
    return hours.map("{:.2f}".format)


def dates(column: pd.Series) -> pd.Series:
    """Days as 2026-06-30; empty where there is none."""
    return moments(column).str.slice(0, 10)


def moments(column: pd.Series) -> pd.Series:
    """Moments as 2026-06-30 14:05:00; empty where there is none."""
    text = np.datetime_as_string(column.to_numpy().astype("datetime64[s]"))
    return pd.Series(text, column.index, dtype="str").str.replace("T", " ").where(column.notna(), "")


def utc(local: pd.Series) -> pd.Series:
    """Moments in UTC of wall-clock times of the MSP."""
    aware = local.dt.tz_localize(TIME_ZONE, nonexistent="shift_forward", ambiguous=True)
    return aware.dt.tz_convert("UTC").dt.tz_localize(None)


def agreement_periods(clients: pd.DataFrame) -> pd.DataFrame:
    """Return client (in the PSA), billing, start, end (last day); two rows for a switch."""
    switched, last = clients["switched_on"], clients["ended_on"] - pd.Timedelta(days=1)
    before_switch = (switched - pd.Timedelta(days=1)).fillna(last)
    first = pd.DataFrame({"client": clients["psa_name"], "billing": clients["billing"]})
    first = first.assign(start=clients["onboarded_on"], end=before_switch)
    second = first.assign(billing="fixed-fee", start=switched, end=last)[switched.notna()]
    return pd.concat([first, second]).sort_index(kind="stable")


def csv_text(_file: str, table: pd.DataFrame) -> str:
    """A table as the text of a file."""
    return table.to_csv(index=False, lineterminator="\n")


def write_zip(path: Path, texts: dict[str, str]) -> None:
    """Write files into one archive, byte for byte the same for the same texts."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            info = zipfile.ZipInfo(name, date_time=(2026, 7, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, text, zipfile.ZIP_DEFLATED, compresslevel=9)
