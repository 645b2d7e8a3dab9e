"""What the portfolio looks like where every hour hangs on a ticket, and how such systems write times and hours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rhem_lib.simulate.export import CATCH_ALL, OWN_COMPANY, Cells, drawn, moments, planted, time_facts, utc
from rhem_lib.simulate.msp import Portfolio

TIME_OFF = "Time off"


@dataclass(frozen=True)
class Desk:
    """Entries and tickets, each with `company`, the client's name in this system.

    The MSP's own time and leave stand on two tickets of its own; `catch_all` is the number of a ticket of the
    catch-all company.
    """

    entries: pd.DataFrame
    tickets: pd.DataFrame
    catch_all: int


def desk(portfolio: Portfolio, *, untyped: bool) -> Desk:
    """The portfolio as a service desk has it, without the work that has no type unless `untyped`."""
    entries, tickets = drawn(portfolio, untyped=untyped)
    names = portfolio.clients.set_index("client")["psa_name"]
    last = int(portfolio.tickets["ticket_id"].max())
    own = {"internal": last + 1, "excluded": last + 2}
    number = entries["ticket_id"].fillna(entries["work_class"].map(own).astype("Int64"))
    extra = pd.DataFrame(
        {
            "ticket_id": [*own.values(), last + 3],
            "company": [OWN_COMPANY, OWN_COMPANY, CATCH_ALL],
            "category": ["Internal", TIME_OFF, ""],
            "summary": ["Own work", TIME_OFF, "Unmatched mail"],
            "opened_at": entries["started_at"].min().normalize(),
            "priority": "Priority 4 - Low",
        }
    )
    text = ["board", "type", "source", "device", "work_class"]
    tickets = pd.concat([tickets.assign(company=tickets["client"].map(names)), extra], ignore_index=True)
    tickets[text] = tickets[text].fillna("")
    company = entries["client"].map(names).fillna(OWN_COMPANY)
    return Desk(entries.assign(ticket_id=number, company=company), tickets, last + 3)


def on_tickets(
    desk: Desk,
    files: tuple[str, str, str],
    columns: tuple[str, str, str, str],
    write_hours: Callable[[pd.Series], pd.Series],
    moment: str,
    **damage: list[Cells],
) -> dict[str, Any]:
    """Return what exports of time on tickets have in common, with the damage that can be done to a row.

    `files` are archive, stem and suffix; `columns` number, hours, date and ticket; `moment` writes a day.
    """
    archive, stem, suffix = files
    key, hours, date, ticket = columns
    common: dict[str, list[Cells]] = {
        "unreadable_hours": [{hours: ""}, {hours: "n/a"}],
        "impossible_date": [{date: moment.format(day)} for day in ("1899-12-30", "2099-01-01")],
        "no_date": [{date: ""}],
        "no_client": [{ticket: ""}],
        "catch_all": [{ticket: str(desk.catch_all)}],
    }
    return {
        "facts": time_facts(desk.entries, stem, suffix),
        "time_archive": archive,
        "entry_column": key,
        "hours_column": hours,
        "client_column": "",
        "write_hours": write_hours,
        "damage": planted(**common | damage),
    }


def whole_minutes(portfolio: Portfolio) -> Portfolio:
    """The portfolio of an MSP whose system takes nothing finer than a minute."""
    minutes = (portfolio.entries["hours"] * 60).round().clip(lower=1)
    entries = portfolio.entries.assign(hours=minutes / 60)
    month = entries["worked_on"].dt.to_period("M").dt.to_timestamp()
    sums = entries.assign(month=month).groupby(["client", "month", "work_class"])["hours"].sum()
    panel = portfolio.panel.copy()
    for name in [column for column in panel if column.endswith("_hours")]:
        keys = panel[["client", "month"]].assign(work_class=name.removesuffix("_hours"))
        panel[name] = sums.reindex(pd.MultiIndex.from_frame(keys)).fillna(0.0).to_numpy()
    return Portfolio(
        portfolio.clients, panel, portfolio.tickets, entries, portfolio.computers, portfolio.population
    )


def rules_text(column: str, pairs: list[tuple[str, str]]) -> str:
    """Lines of rhem.toml that give a value of a column its work class."""
    return "".join(
        f'\n\n[[rules]]\nwhen = {{ {column} = "{value}" }}\nwork_class = "{name}"' for value, name in pairs
    )


def iso(local: pd.Series, fraction: str = "") -> pd.Series:
    """Moments in UTC as 2026-06-30T18:05:00Z; empty where there is none."""
    text = moments(utc(local)).str.replace(" ", "T")
    return text + np.where(text == "", "", f"{fraction}Z")


def quarters_up(hours: pd.Series) -> pd.Series:
    """Hours rounded up to the quarter, as they are billed."""
    return np.ceil(hours * 4 - 1e-9) / 4


def seconds(hours: pd.Series) -> pd.Series:
    """Hours as whole seconds."""
    return (hours * 3600).round().astype("int64").astype("str")


def clock(hours: pd.Series) -> pd.Series:
    """Hours as HH:MM."""
    minutes = (hours.abs() * 60).round().astype("int64")
    sign = pd.Series(np.where(hours < 0, "-", ""), hours.index)
    return sign + (minutes // 60).map("{:02d}".format) + ":" + (minutes % 60).map("{:02d}".format)


def epoch(hours: pd.Series) -> pd.Series:
    """Hours as the moment so long after 1970 began."""
    return moments(pd.Timestamp(0) + pd.to_timedelta((hours * 3600).round(), unit="s"))


def number(column: pd.Series) -> pd.Series:
    """Whole numbers as text; empty where there is none."""
    return column.astype("Int64").astype("str").fillna("")


def flag(column: pd.Series) -> pd.Series:
    """Logical values as true and false."""
    return column.map({True: "true", False: "false"})
