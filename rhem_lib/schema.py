"""Canonical tables: the one place where columns, units and allowed values are defined.

`python -m rhem_lib.schema` prints the codebook that is kept in data/codebook.md.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from rhem_lib.errors import InputError, ParameterError, one_of

METRIC_VERSION = 2
DAYS_PER_MONTH = 30.4375
REST = pd.Timedelta(days=5)  # of a month that may have no work: its last weekend and holidays
QUARTER = re.compile(r"^(?:19|20|21)[0-9]{2}Q[1-4]$")

WORK_CLASSES = ("reactive", "scheduled", "project", "onboarding", "internal", "excluded", "unclassified")
BILLING_MODELS = ("fixed-fee", "hourly", "block-hours", "hybrid")
ENDPOINT_KINDS = ("workstation", "server", "other")

FLAGS = {
    "partial-month": "The client was in service for a part of the month, or the export ends inside it.",
    "carried-endpoints": "No snapshot of a source of endpoints this month; its last one was carried forward.",
    "contracted-endpoints": "No endpoint list covers this month; the contracted number of clients.csv stands in.",
    "no-endpoints": "No endpoint count is known, so there is no RHEM for this month.",
    "inferred-onboarding": "No onboarding date was given; the first agreement or snapshot stands in for it.",
    "outside-hours": "Reactive hours before onboarding or after the end; they are listed, not counted.",
    "hours-without-exposure": "Reactive hours, but no exposure to divide them by; they are in no RHEM.",
    "coverage-gap": "Less than a third of the usual working days or a tenth of the usual entries, or no entry of "
    "a client where 20 or more are usual, or its files miss the month while others go on; not counted.",
    "thin-month": "The export holds far fewer time entries than usual for this month; RHEM may be too low.",
    "negative-hours": "Corrections of work of other months exceed the work of this one; drawn as 0.",
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
    "unreadable-date": "not a date, or not in the main format of its column",
    "impossible-date": "in the future, or before the earliest day of [limits]",
    "unreadable-hours": "no hours, not a duration, or not in the main format of its column",
    "impossible-hours": "more hours than one entry can have, see [limits]",
    "no-count": "no number of endpoints",
    "no-ticket-number": "a ticket without its number",
    "no-client": "no client; where a ticket is shown, no file says whose it is",
    "unknown-billing-model": "a type of agreement that no profile knows",
    "running-timer": "a timer that has not been stopped",
    "rejected-entry": "time that was rejected and is to be corrected",
    "deleted-entry": "deleted in the source system",
    "deleted-ticket": "deleted in the source system, and time on it",
    "merged-ticket": "merged into another ticket",
    "spam-ticket": "marked as spam",
    "deleted-device": "deleted in the RMM",
    "deleted-agreement": "deleted in the source system",
    "retired-device": "retired or inactive",
    "never-seen-device": "never seen by the RMM",
    "unapproved-device": "waiting for approval in the RMM, or refused",
    "probe-device": "a probe, not a computer of a client",
    "no-rmm-agent": "not watched by the RMM: a licence, a domain or a spare",
    "project-contract": "pays for a project, not for support",
    "umbrella-contract": "only holds other contracts",
}


@dataclass(frozen=True)
class Column:
    """What a column of a canonical table means and may hold.

    Attributes
    ----------
    kind : str
        pandas dtype.
    meaning, unit : str
        For the codebook; the unit 'date' is a day without a clock.
    required, unique : bool
        No empty cell; no value twice.
    one_of : sequence of str
        Allowed values, any if empty.
    positive : bool
        No value below 0.
    """

    kind: str
    meaning: str
    unit: str = ""
    required: bool = False
    unique: bool = False
    one_of: Sequence[str] = ()
    positive: bool = False

    def misfits(self, values: pd.Series) -> pd.Series:
        """Return values that the column does not allow; an empty cell fits unless required."""
        given = values.notna()
        wrong = ~given & self.required
        if self.one_of:
            wrong |= given & ~values.isin(self.one_of)
        if self.positive:
            wrong |= values < 0
        if self.unique:
            wrong |= values.duplicated()
        return values[wrong]


TEXT, TIME, NUMBER, COUNT = "str", "datetime64[ns]", "float64", "int64"
DATE_SOURCES = ("clients", "agreement", "first snapshot", "unknown")
RHEM_UNIT = "h per endpoint per month"
_POSITIVE = partial(Column, NUMBER, positive=True)
SOURCE = {
    "source_file": Column(TEXT, "file the row came from", required=True),
    "source_row": Column(COUNT, "row in that file; the header is row 1", required=True),
}
ROWS = {  # what a row of each table is
    "time_entries": "One row per time entry of a technician.",
    "tickets": "One row per ticket.",
    "endpoints": "One row per device and snapshot, or one per client and snapshot with a count.",
    "clients": "One row per client.",
    "agreements": "One row per client, billing model and period.",
    "quarantine": "One row per row that could not be used.",
    "panel": "One row per client and month: the central table of the product.",
}
TABLES: dict[str, dict[str, Column]] = {
    "time_entries": {
        "entry_id": Column(TEXT, "key of the entry in the source system", required=True),
        "ticket_id": Column(TEXT, "ticket the time was booked on"),
        "client": Column(TEXT, "client, under its canonical name", required=True),
        "worked_on": Column(
            TIME,
            "calendar day worked, in the MSP's time zone; of a credit, of what it corrects",
            "date",
            required=True,
        ),
        "started_at": Column(TIME, "start of the work, in the MSP's time zone", "local time"),
        "ended_at": Column(TIME, "end of the work, in the MSP's time zone", "local time"),
        "hours": Column(NUMBER, "hours worked, not billed; corrections may be negative", "h", required=True),
        "work_type": Column(TEXT, "work type or labour code of the source system"),
        "technician": Column(TEXT, "stable pseudonym of the technician"),
        "billable": Column(TEXT, "billing option of the source system"),
        "entered_at": Column(TIME, "when the entry was written down", "local time"),
        **SOURCE,
    },
    "tickets": {
        "ticket_id": Column(TEXT, "key of the ticket", required=True),
        "client": Column(TEXT, "client, under its canonical name"),
        "opened_at": Column(TIME, "when it was opened", "local time"),
        "closed_at": Column(TIME, "when it was closed", "local time"),
        "type": Column(TEXT, "incident, problem, alert, request, change, or the source system's own word"),
        "category": Column(TEXT, "category"),
        "subcategory": Column(TEXT, "subcategory"),
        "board": Column(TEXT, "board, queue or team"),
        "source": Column(TEXT, "how it came in"),
        "priority": Column(TEXT, "priority"),
        "parent_id": Column(TEXT, "parent ticket; a child counts with its parent"),
        "device_id": Column(TEXT, "device it concerns"),
        **SOURCE,
    },
    "endpoints": {
        "client": Column(TEXT, "client, under its canonical name", required=True),
        "as_of": Column(TIME, "day the list was taken", "date", required=True),
        "device_id": Column(TEXT, "device; empty where the row carries a count"),
        "kind": Column(TEXT, "workstation, server or other", one_of=ENDPOINT_KINDS),
        "last_seen": Column(TIME, "when the RMM last saw it", "local time"),
        "count": _POSITIVE("number of endpoints the row stands for", "endpoints", required=True),
        **SOURCE,
    },
    "clients": {
        "client": Column(TEXT, "client, under its canonical name", required=True, unique=True),
        "onboarded_on": Column(TIME, "month 0 starts here", "date"),
        "onboarding_source": Column(TEXT, "where that date came from", one_of=DATE_SOURCES, required=True),
        "ended_on": Column(TIME, "first day no longer in service", "date"),
        "industry": Column(TEXT, "industry, if given"),
    },
    "agreements": {
        "client": Column(TEXT, "client, under its canonical name", required=True),
        "billing": Column(
            TEXT,
            "who pays how; a second row in clients.csv with a day in `from` is a switch",
            one_of=BILLING_MODELS,
            required=True,
        ),
        "start": Column(TIME, "first day", "date"),
        "end": Column(TIME, "last day in force", "date"),
    },
    "quarantine": {
        **SOURCE,
        "table": Column(TEXT, "canonical table it was meant for", required=True),
        "column": Column(TEXT, "column that could not be used"),
        "value": Column(TEXT, "the value found"),
        "reason": Column(TEXT, "why the row was set aside", required=True),
        "hours": Column(NUMBER, "hours on the row, where they could be read", "h"),
    },
    "panel": {
        "client": Column(TEXT, "client", required=True),
        "month": Column(TIME, "first day of the month", "date", required=True),
        "endpoints": _POSITIVE("mean of the month's snapshots", "endpoints"),
        "exposure": _POSITIVE("endpoints x share of month in service", "endpoint-months", required=True),
        "age_start": _POSITIVE("age at the start of the exposed part", "months since onboarding"),
        "age_end": _POSITIVE("age at the end of the exposed part", "months since onboarding"),
        "age_months": _POSITIVE("age at the middle of the exposed part", "months since onboarding"),
        "reactive_hours": Column(NUMBER, "reactive hours on days in service", "h", required=True),
        "reactive_tickets": _POSITIVE("tickets whose first reactive hour is in the month", "tickets"),
        "unclassified_hours": Column(NUMBER, "hours no rule could place", "h", required=True),
        "rhem_h": Column(NUMBER, "reactive hours / exposure, if any exposure", RHEM_UNIT),
        "rhem_high_h": Column(NUMBER, "the same if all unclassified hours were reactive", RHEM_UNIT),
        "billing": Column(TEXT, "billing model in force for most of the month"),
        "flags": Column(TEXT, "what to know about the row, separated by spaces", required=True),
        "outside_hours": Column(NUMBER, "reactive hours on days not in service", "h", required=True),
        "squared_hours": _POSITIVE("sum of squared hours of the month's tickets, for intervals", "h2"),
    },
}


def quarter_bounds(quarter: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first day of a quarter such as '2026Q3' and the first day after it."""
    text = str(quarter).strip().upper()
    if not QUARTER.match(text):
        raise ParameterError(f"'{quarter}' is not a quarter.", where="quarter", fix="Write it as 2026Q3.")
    start = pd.Period(text, freq="Q").start_time
    return start, start + pd.DateOffset(months=3)


def columns(table: str) -> list[str]:
    """Return the names of the columns of a canonical table, in order."""
    return list(TABLES[table])


def check(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the columns of a canonical table with their dtypes; other columns are left out.

    Raises
    ------
    InputError
        A column is missing or has values that the table does not allow (up to five are shown).
    """
    known = TABLES[table]
    missing = [name for name in known if name not in frame]
    if missing:
        raise InputError("a column is missing.", where=f"table {table}", examples=missing)
    try:
        checked = frame[[name for name in frame if name in known]].astype({n: c.kind for n, c in known.items()})
    except (ValueError, TypeError) as problem:
        raise InputError(f"a column has values of another kind: {problem}.", where=f"table {table}") from None
    for name, column in known.items() if len(checked) else ():
        wrong = column.misfits(checked[name])
        if len(wrong):
            what = "these values are not allowed here, or missing."
            raise InputError(what, where=f"table {table}, column '{name}'", count=len(wrong), examples=wrong)
    return checked


def flagged(panel: pd.DataFrame, flag: str) -> pd.DataFrame:
    """Return the rows of a panel that carry a flag (FLAGS, explained in the codebook).

    Parameters
    ----------
    panel : DataFrame
        From `measure`.
    flag : str
        Such as 'carried-endpoints'.

    Raises
    ------
    ParameterError
        There is no such flag.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> panel = rhem.measure(rhem.load("data/sample"))
    >>> rhem.flagged(panel, "partial-month")["exposure"].gt(0).any().item()
    True
    """
    return panel[has_flag(panel, one_of(flag, FLAGS, "flag"))]


def has_flag(panel: pd.DataFrame, flag: str) -> pd.Series:
    """Whether each row of a panel carries a flag."""
    return panel["flags"].str.split().map(lambda flags: flag in flags).astype(bool)


def last_whole(day: dt.date | pd.Timestamp, unit: str) -> pd.Period:
    """Return the last month ("M") or quarter ("Q") that work up to a day covers to its end.

    >>> str(last_whole(pd.Timestamp("2026-06-26"), "Q")), str(last_whole(pd.Timestamp("2026-06-20"), "Q"))
    ('2026Q2', '2026Q1')
    """
    return pd.Period(day + REST, unit) - 1


def codebook() -> str:
    """Every table, column, meaning and unit, as Markdown."""
    lines = ["# Codebook", "", "Generated from `rhem_lib/schema.py` by `make codebook`; do not edit.", ""]
    lines += [f"METRIC_VERSION = {METRIC_VERSION}", ""]
    for name, known in TABLES.items():
        lines += [f"## {name}", "", ROWS[name], ""]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| {name} | {c.kind} | {c.unit} | {c.meaning} |" for name, c in known.items()]
        lines.append("")
    lines += ["## Flags of the panel", "", "| flag | meaning |", "|---|---|"]
    lines += [f"| {flag} | {meaning} |" for flag, meaning in FLAGS.items()]
    lines += ["", "## Reasons in quarantine", "", "| reason | meaning |", "|---|---|"]
    lines += [f"| {reason} | {meaning} |" for reason, meaning in REASONS.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(codebook())
