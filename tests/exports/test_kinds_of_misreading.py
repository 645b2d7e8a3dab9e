"""Two inputs or more of each kind of misreading, each with its right answer: `pytest -k kind-07` runs one kind.

1 which state of a record counts; 2 the meaning of vendors' fields; 3 one kind of record taken for another; 4
what spreadsheets do; 5 what PowerShell and others write; 6 twins; 7 holes in coverage; 8 drift of columns; 9
advice; 10 clients.csv; 11 file names; 12 corrections and days. More of each are in test_states (1, 6, 12),
test_meaning and test_profiles (2, 3, 5), test_read_wrongly and test_clean (4, 10, 11), test_endpoint_lists (7)
and test_reconciliation (8, 9). Kind 13, studies of small portfolios, has six inputs in test_small_portfolios.

A right answer is `kept`, `reactive` or `endpoints` by client and month, `warned`, words of a warning, `quiet`, a
code that no warning has, `advised`, words of what is suggested, or `refused`, words of the error.
"""

import io
import json
import os
from collections import Counter
from typing import NamedTuple

import pandas as pd
import pytest
import xlsxwriter

import rhem_lib as rhem
from rhem_lib.errors import RhemError

NEW_YORK = 'name = "T"\ntime_zone = "America/New_York"\n'
ALL = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'
TIME = "entry_id,ticket_id,client,worked_on,hours,work_type,technician\n"
STATE = "entry_id,client,worked_on,hours,ticket_id,{}\n1,Nord,{},{},7,{}\n"


class Input(NamedTuple):
    kind: int
    name: str
    files: dict[str, str | bytes]
    right: dict[str, object]
    settings: str = 'name = "T"\n'


def states(header, older, newer, day="2026-05-14"):
    """Two states of an entry, 2 hours and then 3, of which the older is in the file that was saved later."""
    return {
        f"{n}.csv": STATE.format(header, day, h, at) for n, h, at in (("new", 3, newer), ("old", 2, older))
    } | {"old.csv~": "later"}


def time(months, hours="1", work_type="Remote", client="Nord", head=TIME, first=0):
    """One entry for each working day of some months of 2026."""
    days = [day for month in months for day in pd.bdate_range(f"2026-{month:02d}-01", f"2026-{month:02d}-28")]
    rows = [f"{first + n},{n},{client},{day:%Y-%m-%d},{hours},{work_type},Ann" for n, day in enumerate(days)]
    return head + "\n".join(rows) + "\n"


def pcs(count):
    return "client,device_id,kind\n" + "".join(f"Nord,D{n},workstation\n" for n in range(count))


def lists(*counts):
    return {f"pcs-2026-0{month}-28.csv": pcs(count) for month, count in enumerate(counts, 3)}


def monthly(last, months=(1, 2, 3)):
    """Files of three months as they are, and `last` for the fourth."""
    return {f"t-{month}.csv": time([month], first=1000 * month) for month in months} | {"t-4.csv": last}


def days(*written, mark=","):
    rows = [mark.join([str(n), "Nord", day, "1"]) for n, day in enumerate(written)]
    return "\n".join([mark.join(["entry_id", "client", "worked_on", "hours"]), *rows])


def workbook(values, form, **options):
    """Hours as numbers that a spreadsheet shows in some form, on days from 14 May 2026 on."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, **options}) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate(
            [TIME.strip().split(","), *([n, n, "Nord", "", v] for n, v in enumerate(values))]
        ):
            sheet.write_row(row, 0, cells)
            if row:
                sheet.write_datetime(
                    row, 3, pd.Timestamp(2026, 5, 13 + row), book.add_format({"num_format": "yyyy-mm-dd"})
                )
                sheet.write_number(row, 4, cells[4], book.add_format({"num_format": form}))
    return made.getvalue()


def dated(*cells):
    """A workbook of entries whose days are dates, or text."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["entry_id", "client", "hours", "worked_on"])
        for number, cell in enumerate(cells, 1):
            sheet.write_row(number, 0, [number, "Nord", 1, cell])
    return made.getvalue()


def page(records, **beside):
    rows = [{"entry_id": n, "client": "Nord", "worked_on": "2026-05-04", "hours": 1} for n in range(records)]
    return json.dumps({"results": rows, **beside})


def clients(row, head="client,onboarded_on,billing"):
    return {"t.csv": time([5]), "clients.csv": f"{head}\n{row}\n"}


def record(number, hours, status, changed):
    entry = {"chargeToId": 7, "chargeToType": "ServiceTicket", "timeStart": "2026-05-04T15:00:00Z"}
    names = {"company": {"name": "Nord"}, "member": {"identifier": "a"}, "_info": {"lastUpdated": changed}}
    return {"id": number, "actualHours": hours, "status": status, **entry, **names}


APPROVED = {
    "a.json": json.dumps(
        [record(1, 2, "Open", "2026-05-05T00:00:00Z"), record(2, 1, "Open", "2026-05-05T00:00:00Z")]
    ),
    "b.json": json.dumps([record(1, 2, "Rejected", "2026-05-09T00:00:00Z")]),
}
CALLS = "Call ID,Customer,Date,Duration,Agent,Direction\n1,Nord,2026-05-04,0:05:10,Ann,in\n"
PROJECT = {
    "id": 7,
    "name": "Move",
    "company": {"name": "Nord"},
    "board": {"name": "P"},
    "type": {"name": "Install"},
}
PRODUCT = {"id": 1, "company": {"name": "Nord"}, "quantity": 2, "serialNumber": "S1", "type": {"name": "Laptop"}}
DOWNLOADS = {
    "t.csv": time([5]),
    "pcs-2026-05-28.csv": "client,device_id,kind\nNord,a,PC\nNord,b,PC\n",
    "pcs-2026-05-28 (1).csv": "client,device_id,kind\nNord,a,PC\nNord,c,PC\n",
}
PARTS = {name: text.replace("Nord,a,PC\nNord,c", "Nord,c,PC\nNord,d") for name, text in DOWNLOADS.items()}
COUNTS = {
    "t.csv": time([5]),
    "pcs-2026-05-28.csv": "client,count\nNord,10\n",
    "pcs-2026-05-28 (1).csv": "client,count\nNord,12\n",
}
NEWER = {"kept": {"Nord 2026-05": 3}}
INPUTS = [
    Input(1, "day first", states("Last Modified", "12/05/2026 09:00", "28/05/2026 09:00"), NEWER),
    Input(
        1,
        "the order that the days of work have",
        states("Last Updated", "09.05.2026", "12.05.2026", "14.05.2026"),
        NEWER,
    ),
    Input(1, "seconds since 1970", states("updated_at", "1778000000", "1779000000"), NEWER),
    Input(1, "offsets", states("updated_at", "2026-05-04T17:30:00Z", "2026-05-04T14:00:00-04:00"), NEWER),
    Input(1, "month by name", states("Updated", '"Sep 9, 2026 9:00 AM"', '"Oct 2, 2026 9:00 AM"'), NEWER),
    Input(1, "either order, one answer", states("Last Updated", "5/9/26 9:00", "5/12/26 9:00"), NEWER),
    Input(
        1,
        "either order, two answers",
        states("Last Updated", "5/9/2026", "6/8/2026", "2026-05-04"),
        {"refused": "day and month cannot be told apart"},
    ),
    Input(1, "a second download of a list of devices", DOWNLOADS, {"endpoints": {"Nord 2026-05": 2}}),
    Input(1, "a second download of a list of counts", COUNTS, {"endpoints": {"Nord 2026-05": 12}}),
    Input(
        1,
        "a copy of a list of counts",
        {name.replace(" (1)", " - Kopie"): text for name, text in COUNTS.items()},
        {"endpoints": {"Nord 2026-05": 12}},
    ),
    Input(
        1,
        "a second version of a list of counts",
        {name.replace(" (1)", " final v2"): text for name, text in COUNTS.items()},
        {"warned": "Nord has endpoints of 2026-05-28 in exports/pcs-2026-05-28 final v2.csv and exports/pcs-2026"},
    ),
    Input(
        1,
        "lists of counts by kind",
        {"t.csv": time([5])}
        | {f"{kind}s-2026-05-28.csv": f"client,count,kind\nNord,10,{kind}\n" for kind in ("pc", "server")},
        {"endpoints": {"Nord 2026-05": 20}, "quiet": "parted-list"},
    ),
    Input(1, "two downloads that are parts of a list", PARTS, {"endpoints": {"Nord 2026-05": 4}}),
    Input(1, "rejected after it was approved", APPROVED, {"kept": {"Nord 2026-05": 1}}),
    Input(
        2,
        "minutes under a label of hours",
        {
            "t.csv": "Ticket ID,Client,Action Date,Time Taken,Agent\n"
            "5,Nord,2026-05-14,90,Ann\n6,Nord,2026-05-14,15,Ann\n7,Nord,2026-05-15,30,Ann\n"
        },
        {"warned": "2 of its 3 rows of time_entries could not be used; most: impossible-hours. If these"},
    ),
    Input(
        2,
        "ISO durations",
        {
            "t.json": json.dumps(
                [
                    {
                        "id": "a",
                        "clientName": "Nord",
                        "userName": "Ann",
                        "timeInterval": {
                            "start": "2026-05-04T10:00:00Z",
                            "end": "2026-05-04T11:30:00Z",
                            "duration": "PT1H30M",
                        },
                    }
                ]
            )
        },
        {"kept": {"Nord 2026-05": 1.5}},
    ),
    Input(
        2,
        "computers under another name",
        {
            "t.csv": time([5]),
            "pcs-2026-05-28.csv": "client,device_id,kind\nNord,a,Windows 11 Pro\n"
            "Nord,b,Windows Server 2022\nNord,c,iPhone\nNord,d,Printer\n",
        },
        {"endpoints": {"Nord 2026-05": 2}},
    ),
    Input(
        2,
        "servers that are hosts, and devices in stock",
        {
            "t.csv": time([5]),
            "pcs-2026-05-28.csv": "client,device_id,kind,status\nNord,a,VMware ESXi Server,In Use\n"
            "Nord,b,Windows Server,In Use\nNord,c,Laptop,In Stock\n",
        },
        {"endpoints": {"Nord 2026-05": 1}},
    ),
    Input(
        2,
        "computers that do not count",
        {
            "t.csv": time([5]),
            "pcs-2026-05-28.csv": "Client,Computer Name,Type\nNord,a,Workstation\nNord,b,Notebook\n",
        },
        {"warned": "the kind of device 'Notebook' is in exports/pcs-2026-05-28.csv (1 rows)"},
    ),
    Input(
        3,
        "alerts",
        {
            "t.csv": time([5]),
            "alerts-2026-05-31.csv": "Client,ComputerName,Type,Message,AlertDate\n"
            "Nord,PC1,Workstation,Disk full,2026-05-03\n",
        },
        {"refused": "no profile knows these columns"},
    ),
    Input(
        3, "phone calls", {"t.csv": time([5]), "calls.csv": CALLS}, {"refused": "no profile knows these columns"}
    ),
    Input(3, "projects", {"t.csv": time([5]), "p.json": json.dumps([PROJECT])}, {"refused": "no profile knows"}),
    Input(
        3,
        "products",
        {"t.csv": time([5]), "p-2026-05-31.json": json.dumps([PRODUCT])},
        {"refused": "no profile knows"},
    ),
    Input(
        3,
        "licences",
        {"t.csv": time([5]), "office-2026-05-31.csv": "client,count,product\nNord,25,Office\n"},
        {"refused": "no profile knows"},
    ),
    Input(
        3,
        "visits that are planned",
        {"t.csv": time([5], head=TIME.replace("work_type", "status"), work_type="Planned")},
        {"warned": "the state 'Planned' is in exports/t.csv"},
    ),
    Input(
        3,
        "a list of clients with a column of counts",
        clients("Nord,2026-01-01,2026-05-31,25", "client,onboarded_on,as_of,count"),
        {"endpoints": {}},
    ),
    Input(
        4,
        "one ticket number of two clients",
        {
            "t.csv": time([5]),
            "k.csv": "ticket_id,client,opened_at,type\n7,Nord,2026-05-01,incident\n7,Sued,2026-05-01,request\n",
        },
        {"warned": "1 ticket numbers are of two clients in one file"},
    ),
    Input(
        4,
        "days as numbers",
        {"t.csv": days("20260504", "20260612")},
        {"kept": {"Nord 2026-05": 1, "Nord 2026-06": 1}},
    ),
    Input(
        4,
        "subtotals",
        {
            "t.csv": TIME
            + "1,7,Nord,2026-05-04,1,R,a\n2,7,Nord,2026-05-05,2,R,a\n,,Nord Subtotal,2026-05-05,3,,\n"
            "3,7,Sued,2026-05-05,2,R,a\n,,Sued Subtotal,2026-05-05,2,,\n"
        },
        {"kept": {"Nord 2026-05": 3, "Sued 2026-05": 2}},
    ),
    Input(
        4,
        "subtotals without a label, and their total",
        {
            "t.csv": TIME.removeprefix("entry_id,") + "7,Nord,2026-05-04,1,R,a\n8,Nord,2026-05-05,2,R,a\n"
            ",Nord,2026-05-05,3,,\n7,Sued,2026-05-05,2,R,a\n,Sued,2026-05-05,2,,\n,Sued,2026-05-05,5,,\n"
        },
        {"kept": {"Nord 2026-05": 3, "Sued 2026-05": 2}, "warned": "3 time entries (10.0 hours) miss values"},
    ),
    Input(
        4,
        "work without a ticket that is now and then as long as what is above it",
        {
            "t.csv": TIME.removeprefix("entry_id,") + "7,Nord,2026-05-04,1,R,a\n8,Nord,2026-05-05,2,R,a\n"
            ",Nord,2026-05-05,3,,\n7,Sued,2026-05-05,2,R,a\n,Sued,2026-05-05,1.5,,\n"
        },
        {"kept": {"Nord 2026-05": 6, "Sued 2026-05": 3.5}, "quiet": "total-row"},
    ),
    Input(
        4,
        "fractions of a day of which one is above 1",
        {
            "t.csv": days(*["2026-05-04"] * 4)
            .replace(",1", ",{}")
            .format(0.0625, 0.03125, 0.0208333333, 1.0416666667)
        },
        {"refused": 'hours_unit = "days"'},
    ),
    Input(
        4,
        "fractions of a day with a decimal comma",
        {
            "t.csv": days(*["2026-05-04"] * 3, mark=";")
            .replace(";1", ";{}")
            .format("0,0625", "0,03125", "0,0208333")
        },
        {"refused": 'hours_unit = "days"'},
    ),
    Input(
        4,
        "eighths of an hour",
        {"t.csv": days(*["2026-05-04"] * 3).replace(",1", ",{}").format(0.125, 0.375, 1.625)},
        {"kept": {"Nord 2026-05": 2.125}},
    ),
    Input(
        4,
        "hours and minutes with a point between them",
        {"t.csv": days(*["2026-05-04"] * 5).replace(",1", ",{}").format("1.30", "0.15", "0.45", "2.00", "1.15")},
        {"refused": "where 1.30 is 1 h 30 min"},
    ),
    Input(
        4,
        "hours that end in .15 and otherwise",
        {"t.csv": days(*["2026-05-04"] * 5).replace(",1", ",{}").format("1.30", "0.15", "0.45", "2.10", "1.15")},
        {"kept": {"Nord 2026-05": 5.15}},
    ),
    Input(
        4,
        "names only in the first of several rows",
        {"t.csv": "client,worked_on,hours\nNord,2026-05-04,1\n,2026-05-05,2\nSued,2026-05-05,2\n,2026-05-06,1\n"},
        {"warned": "If names are only in the first of several rows"},
    ),
    Input(
        4,
        "years of two digits that come first",
        {"t.csv": days("26-05-04", "26-05-12", "26-06-20 10:30")},
        {"kept": {"Nord 2026-05": 2, "Nord 2026-06": 1}},
    ),
    Input(
        4,
        "years of two digits that come first in one file and last in another",
        {
            "a.csv": days("26-05-04", "26-05-12"),
            "b.csv": days("28-06-26", "29-06-26").replace("\n", "\n9"),
            "c.csv": days(""),
        },
        {"kept": {"Nord 2026-05": 2, "Nord 2026-06": 2}, "warned": "exports/c.csv: none of its 1 row"},
    ),
    Input(
        4,
        "years of two digits that come last",
        {"t.csv": days("18-05-26", "20-05-26", "21-05-26")},
        {"kept": {"Nord 2026-05": 3}},
    ),
    Input(
        4,
        "years of two digits at either end",
        {"t.csv": days("26-05-18", "26-05-20")},
        {"refused": 'date_order = "day-first"  # or "year-first"'},
    ),
    Input(
        4,
        "years of two digits at the end that the user names",
        {"t.csv": days("26-05-18", "26-05-20")},
        {"kept": {"Nord 2026-05": 2}},
        'name = "T"\n[[files]]\npath = "exports/t.csv"\ndate_order = "year-first"\n',
    ),
    Input(
        4,
        "a decimal comma before three digits",
        {"t.csv": "client;worked_on;hours\nNord;2026-05-04;1,500\nNord;2026-05-05;0,250\n"},
        {"kept": {"Nord 2026-05": 1.75}},
    ),
    Input(
        4,
        "swapped days saved as CSV",
        {"t.csv": days("2026-04-05", "2026-12-05", "13/05/2026", "28/05/2026")},
        {"refused": 'date_order = "day-first"'},
    ),
    Input(
        4,
        "months in Spanish, Italian and Portuguese",
        {
            "es.csv": days("4 de mayo de 2026", "1 dic. 2025", "3 ene 2026"),
            "it.csv": days("4 maggio 2026", "1 giu 2026", "2 ott 2025", "9 luglio 2026").replace("\n", "\ni"),
            "pt.csv": days("4 de março de 2026", "2 out 2025", "7 fev 2026").replace("\n", "\np"),
        },
        {
            "kept": dict.fromkeys(("Nord 2025-12", "Nord 2026-01", "Nord 2026-02", "Nord 2026-03"), 1)
            | dict.fromkeys(("Nord 2026-06", "Nord 2026-07"), 1)
            | {"Nord 2025-10": 2, "Nord 2026-05": 2}
        },
    ),
    Input(
        4,
        "hours below zero in three ways, and a sign that is none",
        {
            "t.csv": days(*["2026-05-04"] * 6)
            .replace(",1", ",{}")
            .format("6", "\u22121", "0.50-", "(0.25)", "2026-1", "n/a")
        },
        {"kept": {"Nord 2026-05": 4.25}, "warned": "2 of its 6 rows of time_entries could not be used"},
    ),
    Input(
        4,
        "months in German",
        {"t.csv": days("4. Mai 2026", "14. März 2026", "1. Dez. 2025", mark=";")},
        {"kept": {"Nord 2025-12": 1, "Nord 2026-03": 1, "Nord 2026-05": 1}},
    ),
    Input(
        4,
        "months in French",
        {"t.csv": days("04-juin-26", "05-juil-26", "14-févr.-26", "14-août-26", mark=";")},
        {"kept": {"Nord 2026-02": 1, "Nord 2026-06": 1, "Nord 2026-07": 1, "Nord 2026-08": 1}},
    ),
    Input(
        4,
        "days moved by the zone of the MSP",
        {"t.csv": days("2026-05-31 20:00", "2026-06-30 20:00", "2026-01-31 19:00")},
        {
            "warned": "They are put back by a day.",
            "kept": {"Nord 2026-02": 1, "Nord 2026-06": 1, "Nord 2026-07": 1},
        },
        NEW_YORK,
    ),
    Input(
        4,
        "days moved by another zone",
        {"t.csv": days("2026-05-31 19:00", "2026-06-30 19:00", "2026-07-15 19:00")},
        {"warned": "moved_days = true", "kept": {"Nord 2026-05": 1, "Nord 2026-06": 1, "Nord 2026-07": 1}},
        NEW_YORK,
    ),
    Input(
        4,
        "days that were moved, as the user says",
        {"t.csv": days("2026-05-31 19:00", "2026-06-30 18:00")},
        {"kept": {"Nord 2026-06": 1, "Nord 2026-07": 1}, "quiet": "moved-days"},
        NEW_YORK + '[[files]]\npath = "exports/t.csv"\nmoved_days = true\n',
    ),
    Input(
        4,
        "devices in scientific notation",
        {"t.csv": time([5]), "pcs-2026-05-28.csv": "client,device_id,kind\nNord,8.6E+14,PC\nNord,8.6E+14,PC\n"},
        {"refused": "several may have become one"},
    ),
    Input(
        4,
        "durations of a workbook",
        {"t.xlsx": workbook([0.0625, 0.125, 0.5], "[h]:mm", date_1904=True)},
        {"kept": {"Nord 2026-05": 16.5}},
    ),
    Input(
        5,
        "an object below rows without one",
        {
            "t.csv": "entry_id,client,worked_on,hours\n"
            + "".join(f"{n},{'Nord' if n < 30 else '@{id=1; name=Nord}'},2026-05-04,1\n" for n in range(31))
        },
        {"refused": "the names of objects"},
    ),
    Input(
        5,
        "an empty client in words",
        {"t.csv": TIME + "1,7,nan,2026-05-04,2,R,a\n2,8,Nord,2026-05-04,1,R,a\n"},
        {"warned": "'nan' is how programs write an empty cell, and is taken for a client with 2.0 hours"},
    ),
    Input(
        5,
        "the first page of three",
        {"p1.json": page(3, next="https://example.com/?page=2")},
        {"warned": "the pages after it are not there"},
    ),
    Input(
        5,
        "some records of many",
        {"p1.json": page(3, meta={"total": 900})},
        {"warned": "only 3 of its 900 records are there"},
    ),
    Input(
        5,
        "all pages",
        {
            "p1.json": page(3, next="https://example.com/?page=2"),
            "p2.json": page(3, next=None).replace('"entry_id": ', '"entry_id": 1'),
        },
        {"kept": {"Nord 2026-05": 6}, "quiet": "cut-page"},
    ),
    Input(
        6,
        "two with empty numbers",
        {"t.csv": TIME + 2 * ",7,Nord,2026-05-04,0.25,R,Ann\n" + "3,7,Nord,2026-05-05,0.25,R,Ann\n"},
        {"kept": {"Nord 2026-05": 0.75}, "warned": "are alike another of their file in every cell: all count"},
    ),
    Input(
        6,
        "a summary beside what it sums",
        {"all.csv": time([4, 5]), "sums.csv": "client,worked_on,hours\nNord,2026-04-30,20\nNord,2026-05-31,20\n"},
        {"warned": "exports/sums.csv has as many hours as exports/all.csv for each of its clients and months"},
    ),
    Input(
        6,
        "one report with other columns",
        {
            "year.csv": "client,worked_on,hours,technician\nNord,2026-05-04,1.5,Ann\nNord,2026-05-05,1,Ann\n",
            "may.csv": "client,worked_on,hours,technician,work_type\nNord,2026-05-04,1.5,Ann,R\n"
            "Nord,2026-05-05,1,Ann,R\n",
        },
        {"warned": "exports/year.csv has as many hours as exports/may.csv"},
    ),
    Input(
        6,
        "two reports of one client",
        {
            "a.csv": "client,worked_on,hours\nNord,2026-05-04,1\nNord,2026-06-04,2\n",
            "b.csv": "client,worked_on,hours\nNord,2026-05-05,1\nNord,2026-06-05,3\n",
        },
        {"quiet": "alike-rows", "kept": {"Nord 2026-05": 2, "Nord 2026-06": 5}},
    ),
    Input(
        6,
        "one number of two rows that differ",
        {"t.csv": TIME + "1,7,Nord,2026-05-04,0.25,R,Ann\n1,7,Nord,2026-05-04,0.5,R,Ann\n"},
        {"warned": "exports/t.csv in several rows that differ: the last counts"},
    ),
    Input(
        6,
        "two visits at one time by nobody in particular",
        {
            "t.csv": "ticket_id,client,started_at,worked_on,hours\n"
            + 2 * "7,Nord,2026-05-04 10:00,2026-05-04,0.25\n"
        },
        {"kept": {"Nord 2026-05": 0.5}, "warned": "are alike another of their file in every cell: all count"},
    ),
    Input(
        6,
        "three of a report of hours",
        {
            "t.csv": "Date,Client,Project,Task,Hours,First Name,Last Name\n"
            + 3 * "2026-05-04,Nord,P,S,0.25,Ann,B\n"
        },
        {"kept": {"Nord 2026-05": 0.75}, "warned": "are alike another"},
    ),
    Input(
        7,
        "a list cut off",
        {"t.csv": time([3, 4, 5]), **lists(60, 5, 60)},
        {"warned": "pcs-2026-04-28.csv has 5 endpoints on 2026-04-28 where the list before has 60 (Nord)"},
    ),
    Input(7, "the last list cut off", {"t.csv": time([3, 4, 5]), **lists(60, 60, 5)}, {"warned": "on 2026-05-28"}),
    Input(
        7,
        "half a month without entries",
        {"t.csv": time([1, 3, 4]), "t-2.csv": "\n".join(time([2], first=900).split("\n")[:11])},
        {"warned": "no file holds time entries from 2026-02-16 to 2026-02-27"},
    ),
    Input(
        7,
        "one of two reports is missing in a month",
        {f"help-{m}.csv": time([m], first=100 * m) for m in (1, 2, 3, 4)}
        | {f"noc-{m}.csv": time([m], first=9000 + 100 * m) for m in (1, 2, 4)},
        {"warned": "no file like exports/noc-2.csv holds time entries of 2026-03, where 20 are usual"},
    ),
    Input(
        7,
        "one of two reports is missing in the last month",
        {f"help-{m}.csv": time([m], first=100 * m) for m in (1, 2, 3)}
        | {f"noc-{m}.csv": time([m], first=9000 + 100 * m) for m in (1, 2)},
        {"warned": "time entries of 2026-03"},
    ),
    Input(
        7,
        "a report under a new name",
        {f"{'old' if m < 3 else 'new'}-{m}.csv": time([m], first=100 * m) for m in (1, 2, 3, 4)},
        {"quiet": "coverage"},
    ),
    Input(
        7,
        "a quiet week of few entries",
        {"t.csv": "\n".join(line for line in time([1, 2]).split("\n") if "2026-02-1" not in line)},
        {"quiet": "coverage"},
    ),
    Input(7, "a client that shrinks", {"t.csv": time([3, 4, 5]), **lists(60, 25, 25)}, {"quiet": "cut-list"}),
    Input(
        8,
        "a column that is empty in one file",
        monthly(time([4]).replace("Remote", "")),
        {"warned": "in exports/t-4.csv 'work_type' is empty, which 3 other files of its kind fill"},
    ),
    Input(
        8,
        "minutes in one file",
        monthly(time([4], hours="15", first=9000)),
        {"warned": "exports/t-4.csv: its entries are 15.00 hours long, those of other files 1.00"},
    ),
    Input(
        8,
        "a state that nobody knows",
        {"t.csv": time([5], head=TIME.replace("work_type", "status"), work_type="Declined")},
        {"warned": "the state 'Declined' is in exports/t.csv"},
    ),
    Input(
        8,
        "a value in the third month",
        monthly(time([4]), (1, 2)) | {"t-4.csv": time([3], work_type="On site", first=5000)},
        {"warned": "work_type 'On site' begins in 2026-03"},
    ),
    Input(
        8,
        "a client whose name became its number",
        {"t-1.csv": time([1]), "t-2.csv": time([2], client="1042", first=100)},
        {"warned": "1042: a number where other clients have names"},
    ),
    Input(
        8,
        "clients that all are numbers",
        {"t.csv": time([1], client="1042") + time([2], client="1043", first=100).removeprefix(TIME)},
        {"quiet": "no-name"},
    ),
    Input(
        8,
        "a value in the second of two months",
        {"t-1.csv": time([1]), "t-2.csv": time([2], work_type="On site", first=5000)},
        {"warned": "work_type 'On site' begins in 2026-02"},
    ),
    Input(
        8,
        "a value that few entries before could have had",
        {
            "t-1.csv": "\n".join(time([1]).split("\n")[:5]),
            "t-2.csv": time([2]).replace("Remote", "On site", 6).replace("\n", "\n9", 1),
        },
        {"quiet": "new-value"},
    ),
    Input(
        8,
        "a state that begins in the second file",
        {
            f"t-{m}.csv": time([m], head=TIME.replace("work_type", "status"), work_type=state, first=100 * m)
            for m, state in ((1, "Posted"), (2, "Hold"))
        },
        {"warned": "the state 'Hold' begins in exports/t-2.csv"},
    ),
    Input(
        8,
        "a state of records that are still open",
        {
            f"t-{m}.csv": time([m], head=TIME.replace("work_type", "status"), work_type=state, first=100 * m)
            for m, state in ((1, "Approved"), (2, "Submitted"))
        },
        {"quiet": "new-value"},
    ),
    Input(
        9,
        "words that name a class",
        {"t.csv": time([5], work_type="Onboarding")},
        {"advised": 'work_class = "onboarding"'},
    ),
    Input(
        9,
        "words that name none",
        {"t.csv": time([5], work_type="Schulung")},
        {"advised": 'work_class = ""  # write'},
    ),
    Input(
        9,
        "one company in two spellings",
        {
            "t.csv": time([5], client="Brown & Sons Limited"),
            "pcs-2026-05-28.csv": pcs(3).replace("Nord", "Brown and Sons Ltd."),
        },
        {"advised": "Brown and Sons Ltd."},
    ),
    Input(
        10,
        "a model beside another",
        clients("Nord,2026-01-01,managed (hourly overage)"),
        {"refused": "row 2, column 'billing': 'managed (hourly overage)' is no billing model"},
    ),
    Input(
        10, "one model with another", clients("Nord,2026-01-01,fixed fee with block hours"), {"refused": "billing"}
    ),
    Input(
        10, "a day that is none", clients("Nord,30.02.2026,hourly\nSued,13.01.2026,hourly"), {"refused": "row 2"}
    ),
    Input(
        10,
        "a start after all work",
        clients("Nord,2027-01-01,hourly"),
        {"warned": "none in its service"},
    ),
    Input(
        10,
        "one model in words",
        clients("Nord,2026-01-01,managed services (all you can eat)"),
        {"kept": {"Nord 2026-05": 20}},
    ),
    Input(
        11,
        "shell and patterns",
        {"a[b]*c?.csv": time([5]), "$(x);`{1}.csv": time([6], first=100)},
        {"kept": {"Nord 2026-05": 20, "Nord 2026-06": 20}},
    ),
    Input(
        11,
        "a line break",
        {"a\nb%20.csv": time([5]), "ab.csv": time([6], first=100)},
        {"kept": {"Nord 2026-05": 20, "Nord 2026-06": 20}},
    ),
    Input(
        12,
        "a credit under another spelling",
        {
            "t.csv": TIME + "1,7,Nord,2026-04-10,5,R,a\n2,8,Nord,2026-05-10,1,R,a\n3,7,NORD,2026-05-12,-3,R,a\n",
            **lists(9, 9),
            "clients.csv": "client,onboarded_on\nNord,2026-01-01\n",
        },
        {"reactive": {"Nord 2026-04": 2, "Nord 2026-05": 1}},
        ALL,
    ),
    Input(
        12,
        "a credit in a file of its own",
        {
            "t.csv": TIME + "1,7,Nord,2026-04-10,5,R,a\n2,8,Nord,2026-05-10,1,R,a\n",
            "c.csv": "ticket_id,client,worked_on,hours,work_type\n7,Nord,2026-05-12,-3,R\n",
            **lists(9, 9),
            "clients.csv": "client,onboarded_on\nNord,2026-01-01\n",
        },
        {"reactive": {"Nord 2026-04": 2, "Nord 2026-05": 1}},
        ALL,
    ),
]


def by_month(frame, day, value):
    sums = frame.groupby([frame["client"], frame[day].dt.strftime("%Y-%m")])[value].sum()
    return {f"{client} {month}": float(number) for (client, month), number in sums.items() if number}


def found_in(folder, right):
    """Return what the product says of a workspace, as far as the right answer asks."""
    try:
        work = rhem.load(folder)
    except RhemError as problem:
        return {"refused": str(problem)}
    found = {
        "kept": by_month(work.time_entries.df(), "worked_on", "hours"),
        "warned": work.account.warnings["text"].str.cat(sep="\n"),
        "quiet": set(work.account.warnings["code"]),
        "advised": work.account.suggestions["toml"].str.cat(sep="\n"),
    }
    if {"reactive", "endpoints"} & right.keys():
        panel = rhem.measure(work)
        found |= {
            "reactive": by_month(panel, "month", "reactive_hours"),
            "endpoints": by_month(panel, "month", "endpoints"),
        }
    assert work.account.balanced
    return found


def cases():
    """Every input as a case; those after the first two of a kind run with the slow tests."""
    seen = Counter()
    for one in INPUTS:
        seen[one.kind] += 1
        marks = [pytest.mark.slow] if seen[one.kind] > 2 else []
        yield pytest.param(one, id=f"kind-{one.kind:02d}-{one.name}", marks=marks)


@pytest.mark.parametrize("given", [*cases()])
def test_is_read_right_or_named(workspace, given):
    folder = workspace(
        {name: text for name, text in given.files.items() if not name.endswith("~")}, given.settings
    )
    for name in (name.rstrip("~") for name in given.files if name.endswith("~")):
        os.utime(folder / "exports" / name, (4e9, 4e9))
    found = found_in(folder, given.right)
    for what, wanted in given.right.items():
        if what in ("kept", "reactive", "endpoints"):
            assert found[what] == pytest.approx(wanted)
        elif what == "quiet":
            assert wanted not in found[what]
        else:
            assert wanted in found.get(what, f"nothing was {what}: {found}")


def test_every_kind_has_two_inputs_or_more():
    counts = Counter(one.kind for one in INPUTS)
    assert sorted(counts) == [*range(1, 13)] and min(counts.values()) >= 2
