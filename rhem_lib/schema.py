"""Canonical tables: the one place where columns, units and allowed values are defined.

`python -m rhem_lib.schema` prints the codebook that is kept in data/codebook.md.
"""

from typing import Any

import pandas as pd
import pandera.pandas as pa

from rhem_lib.errors import InputError

METRIC_VERSION = 1

WORK_CLASSES = ("reactive", "scheduled", "project", "onboarding", "internal", "excluded", "unclassified")
BILLING_MODELS = ("fixed-fee", "hourly", "block-hours", "hybrid")
ENDPOINT_KINDS = ("workstation", "server", "other")

FLAGS = {
    "partial-month": "The client was in service for a part of the month, or the export ends inside it.",
    "carried-endpoints": "No endpoint snapshot this month; the last one was carried forward.",
    "contracted-endpoints": "No endpoint list covers this month; the contracted number of clients.csv stands in.",
    "no-endpoints": "No endpoint count is known, so there is no RHEM for this month.",
    "inferred-onboarding": "No onboarding date was given; the first agreement or snapshot stands in for it.",
    "outside-hours": "Reactive hours before onboarding or after the end; they are listed, not counted.",
    "hours-without-exposure": "Reactive hours, but no exposure to divide them by; they are in no RHEM.",
    "coverage-gap": "The export holds no time entry of any client for this month, so it is not counted.",
    "thin-month": "The export holds far fewer time entries than usual for this month; RHEM may be too low.",
    "zero-hours": "Computers in service and an export that covers the month, but no reactive entry.",
    "billing-switch": "The billing model changed inside the month; the model with more days is shown.",
}

REASONS = {
    "duplicate": "the same as another row, which is counted",
    "superseded": "an earlier state of a ticket or time entry; its last row is counted",
    "total-row": "a sum of other rows, not work",
    "repeated-header": "the header again, in the middle of a file",
    "unclosed-quote": "a line that is damaged: a quote never ends",
    "wrong-number-of-cells": "a line that is damaged: its cells do not fit the header",
    "line-too-long": "a line of more than 10 million characters",
    "no-date": "no day",
    "unreadable-date": "what stands there is no day, or is written otherwise than most of its column",
    "impossible-date": "in the future, or before the earliest day of [limits]",
    "unreadable-hours": "no hours, or what stands there is no duration, or not one as most of its column",
    "impossible-hours": "more hours than one entry can have, see [limits]",
    "no-count": "no number of endpoints",
    "no-ticket-number": "a ticket without its number",
    "no-client": "no client; where a ticket is shown, no file says whose it is",
    "unknown-billing-model": "a type of agreement that no profile knows",
    "running-timer": "a timer that has not been stopped",
    "rejected-entry": "time that was rejected and is to be corrected",
    "deleted-entry": "deleted in the source system",
    "deleted-ticket": "deleted in the source system",
    "merged-ticket": "merged into another ticket",
    "spam-ticket": "marked as spam",
    "deleted-device": "deleted in the RMM",
    "retired-device": "retired or inactive",
    "never-seen-device": "never seen by the RMM",
    "unapproved-device": "waiting for approval in the RMM, or refused",
    "probe-device": "a probe, not a computer of a client",
    "no-rmm-agent": "not watched by the RMM: a licence, a domain or a spare",
    "project-contract": "pays for a project, not for support",
    "umbrella-contract": "only holds other contracts",
}


def _column(meaning: str, unit: str = "", **checks: Any) -> Any:
    """A nullable column with its meaning and unit, unless told otherwise."""
    return pa.Field(**{"nullable": True, "description": meaning, "metadata": {"unit": unit}, **checks})


class _Table(pa.DataFrameModel):
    class Config:
        strict = "filter"
        coerce = True


class TimeEntries(_Table):
    """One row per time entry of a technician."""

    entry_id: str = _column("key of the entry in the source system", nullable=False)
    ticket_id: str = _column("ticket the time was booked on")
    client: str = _column("client, under its canonical name", nullable=False)
    worked_on: pd.Timestamp = _column("calendar day worked, in the MSP's time zone", "date", nullable=False)
    started_at: pd.Timestamp = _column("start of the work, in the MSP's time zone", "local time")
    ended_at: pd.Timestamp = _column("end of the work, in the MSP's time zone", "local time")
    hours: float = _column("hours worked, not billed; corrections may be negative", "h", nullable=False)
    work_type: str = _column("work type or labour code of the source system")
    technician: str = _column("stable pseudonym of the technician")
    billable: str = _column("billing option of the source system")
    entered_at: pd.Timestamp = _column("when the entry was written down", "local time")
    source_file: str = _column("file the row came from", nullable=False)
    source_row: int = _column("row in that file; the header is row 1", nullable=False)


class Tickets(_Table):
    """One row per ticket."""

    ticket_id: str = _column("key of the ticket", nullable=False)
    client: str = _column("client, under its canonical name")
    opened_at: pd.Timestamp = _column("when it was opened", "local time")
    closed_at: pd.Timestamp = _column("when it was closed", "local time")
    type: str = _column("incident, problem, alert, request, change, or the source system's own word")
    category: str = _column("category")
    subcategory: str = _column("subcategory")
    board: str = _column("board, queue or team")
    source: str = _column("how it came in")
    priority: str = _column("priority")
    parent_id: str = _column("parent ticket; a child counts with its parent")
    device_id: str = _column("device it concerns")
    source_file: str = _column("file the row came from", nullable=False)
    source_row: int = _column("row in that file", nullable=False)


class Endpoints(_Table):
    """One row per device and snapshot, or one per client and snapshot with a count."""

    client: str = _column("client, under its canonical name", nullable=False)
    as_of: pd.Timestamp = _column("day the list was taken", "date", nullable=False)
    device_id: str = _column("device; empty where the row carries a count")
    kind: str = _column("workstation, server or other", isin=ENDPOINT_KINDS)
    last_seen: pd.Timestamp = _column("when the RMM last saw it", "local time")
    count: float = _column("number of endpoints the row stands for", "endpoints", nullable=False, ge=0)
    source_file: str = _column("file the row came from", nullable=False)
    source_row: int = _column("row in that file", nullable=False)


class Clients(_Table):
    """One row per client."""

    client: str = _column("client, under its canonical name", nullable=False, unique=True)
    onboarded_on: pd.Timestamp = _column("month 0 starts here", "date")
    onboarding_source: str = _column(
        "where that date came from",
        isin=("clients", "agreement", "first snapshot", "unknown"),
        nullable=False,
    )
    ended_on: pd.Timestamp = _column("first day no longer in service", "date")
    industry: str = _column("industry, if given")


class Agreements(_Table):
    """One row per client, billing model and period."""

    client: str = _column("client, under its canonical name", nullable=False)
    billing: str = _column("who pays how", isin=BILLING_MODELS, nullable=False)
    start: pd.Timestamp = _column("first day", "date")
    end: pd.Timestamp = _column("last day in force", "date")


class Quarantine(_Table):
    """One row per row that could not be used."""

    source_file: str = _column("file the row came from", nullable=False)
    source_row: int = _column("row in that file", nullable=False)
    table: str = _column("canonical table it was meant for", nullable=False)
    column: str = _column("column that could not be used")
    value: str = _column("what stood there")
    reason: str = _column("why the row was set aside", nullable=False)
    hours: float = _column("hours on the row, where they could be read", "h")


class Panel(_Table):
    """One row per client and month: the central table of the product."""

    client: str = _column("client", nullable=False)
    month: pd.Timestamp = _column("first day of the month", "date", nullable=False)
    endpoints: float = _column("mean of the month's snapshots", "endpoints", ge=0)
    exposure: float = _column("endpoints x share of month in service", "endpoint-months", ge=0, nullable=False)
    age_start: float = _column("age at the start of the exposed part", "months since onboarding", ge=0)
    age_end: float = _column("age at the end of the exposed part", "months since onboarding", ge=0)
    age_months: float = _column("age at the middle of the exposed part", "months since onboarding", ge=0)
    reactive_hours: float = _column("reactive hours on days in service", "h", nullable=False)
    reactive_tickets: float = _column("tickets whose first reactive hour is in the month", "tickets", ge=0)
    unclassified_hours: float = _column("hours no rule could place", "h", nullable=False)
    rhem_h: float = _column("reactive hours / exposure, if any exposure", "h per endpoint per month")
    rhem_high_h: float = _column("the same if all unclassified hours were reactive", "h per endpoint per month")
    billing: str = _column("billing model in force for most of the month")
    flags: str = _column("what to know about the row, separated by spaces", nullable=False)
    outside_hours: float = _column("reactive hours on days not in service", "h", nullable=False)
    squared_hours: float = _column("sum of squared hours of the month's tickets, for intervals", "h2", ge=0)


TABLES: dict[str, type[_Table]] = {
    "time_entries": TimeEntries,
    "tickets": Tickets,
    "endpoints": Endpoints,
    "clients": Clients,
    "agreements": Agreements,
    "quarantine": Quarantine,
    "panel": Panel,
}


def columns(table: str) -> list[str]:
    """Names of the columns of a canonical table, in order."""
    return list(TABLES[table].to_schema().columns)


def check(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with the canonical dtypes, or say what does not fit.

    Raises
    ------
    InputError
        A column is missing or holds values that the table does not allow (up to five are shown).
    """
    try:
        return TABLES[table].validate(frame)
    except (pa.errors.SchemaError, pa.errors.SchemaErrors) as problem:
        cases = getattr(problem, "failure_cases", None)
        shown = cases["failure_case"].tolist() if isinstance(cases, pd.DataFrame) else []
        raise InputError(
            str(problem).splitlines()[0], where=f"table {table}", count=len(shown), examples=shown
        ) from None


def codebook() -> str:
    """Every table, column, meaning and unit, as Markdown."""
    lines = ["# Codebook", "", "Generated from `rhem_lib/schema.py` by `make codebook`; do not edit.", ""]
    lines += [f"METRIC_VERSION = {METRIC_VERSION}", ""]
    for name, model in TABLES.items():
        lines += [f"## {name}", "", (model.__doc__ or "").strip(), ""]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        for column, spec in model.to_schema().columns.items():
            unit = (spec.metadata or {}).get("unit", "")
            lines.append(f"| {column} | {spec.dtype} | {unit} | {spec.description} |")
        lines.append("")
    lines += ["## Flags of the panel", "", "| flag | meaning |", "|---|---|"]
    lines += [f"| {flag} | {meaning} |" for flag, meaning in FLAGS.items()]
    lines += ["", "## Reasons in quarantine", "", "| reason | meaning |", "|---|---|"]
    lines += [f"| {reason} | {meaning} |" for reason, meaning in REASONS.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(codebook())
