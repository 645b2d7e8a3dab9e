"""Exports that were read wrongly without a word: each is read right now, or stops with what to do."""

import calendar
import datetime as dt
import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter

import rhem_lib as rhem
from rhem_lib.errors import InputError
from rhem_lib.exports import profile_skeleton
from rhem_lib.exports.match_profile import day_of_name

HEAD = "entry_id,client,worked_on,hours,work_type,ticket_id\n"
RULES = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'


def days_of(work):
    return work.time_entries.df().sort_values("entry_id")["worked_on"].dt.strftime("%m-%d").tolist()


def book(rows, *, dates):
    """A workbook of time entries, with real dates where `dates` says so."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as made:
        sheet, form = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEAD.strip().split(","))
        for number, (day, real) in enumerate(zip(rows, dates, strict=True), 1):
            sheet.write_row(number, 0, [str(number), "Nord", "", 1, "Remote", str(number)])
            if real:
                sheet.write_datetime(number, 2, dt.datetime.fromisoformat(day), form)
            else:
                sheet.write_string(number, 2, day)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        (["2026-04-05", "2026-06-05", "13/05/2026", "20/05/2026"], "day-first"),  # 5 April is 4 May
        (["2026-05-04", "2026-07-04", "04/13/2026", "04/20/2026"], "month-first"),  # 4 May is 5 April
    ],
)
def test_days_and_months_that_a_spreadsheet_swapped_are_asked_about_and_swapped_back(workspace, rows, order):
    files = {"time.xlsx": book(rows, dates=[True, True, False, False])}
    with pytest.raises(InputError, match=rf'(?s)swapped day and month.*date_order = "{order}"'):
        rhem.load(workspace(files))
    folder = workspace(files, f'name = "T"\n[[files]]\npath = "exports/time.xlsx"\ndate_order = "{order}"\n')
    right = {"day-first": ["05-04", "05-06"], "month-first": ["04-05", "04-07"]}[order]
    assert days_of(rhem.load(folder)) == [*right, f"{right[0][:2]}-13", f"{right[0][:2]}-20"]


def test_real_dates_of_any_day_are_not_swapped(workspace):
    files = {"time.xlsx": book(["2026-05-20", "2026-05-04", "13/05/2026"], dates=[True, True, False])}
    assert days_of(rhem.load(workspace(files)))[:2] == ["05-20", "05-04"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("zone", "clocks"),
    [
        ("America/New_York", ["2026-01-01 19:00", "2026-05-19 20:00", "2026-05-28 20:00"]),
        ("Europe/London", ["2026-01-02 00:00", "2026-05-19 23:00", "2026-05-28 23:00"]),
        ("Europe/Berlin", ["2026-01-01 23:00", "2026-05-19 22:00", "2026-05-28 22:00"]),
    ],
)
def test_a_column_of_days_that_a_time_zone_moved_is_moved_back(workspace, zone, clocks):
    rows = "".join(f"{n},Nord,{clock},1,Remote,{n}\n" for n, clock in enumerate(clocks, 1))
    work = rhem.load(workspace({"time.csv": HEAD + rows}, f'name = "T"\ntime_zone = "{zone}"\n'))
    assert days_of(work) == ["01-02", "05-20", "05-29"]


def test_evening_work_stays_on_its_day(workspace):
    clocks = ["2026-05-19 20:00", "2026-05-20 19:30", "2026-05-28 20:00"]
    rows = "".join(f"{n},Nord,{clock},1,Remote,{n}\n" for n, clock in enumerate(clocks, 1))
    settings = 'name = "T"\ntime_zone = "America/New_York"\n'
    assert days_of(rhem.load(workspace({"time.csv": HEAD + rows}, settings))) == ["05-19", "05-20", "05-28"]


def hours(*values):
    return HEAD + "".join(f"{n},Nord,2026-05-0{n},{value},Remote,{n}\n" for n, value in enumerate(values, 1))


@pytest.mark.parametrize("values", [(0.0625, 0.03125, 0.0208333333), (0.0069444444, 0.0104166667, 0.0138888889)])
def test_fractions_of_a_day_are_asked_about(workspace, values):
    files = {"time.csv": hours(*values)}
    with pytest.raises(InputError, match=r'(?s)fractions of a day.*hours_unit = "days"'):
        rhem.load(workspace(files))
    folder = workspace(files, 'name = "T"\n[[files]]\npath = "exports/time.csv"\nhours_unit = "days"\n')
    assert rhem.load(folder).time_entries.df()["hours"].sum() == pytest.approx(24 * sum(values))


@pytest.mark.many_cases
@pytest.mark.parametrize("values", [(0.25, 0.5, 0.75), (0.1, 0.2, 0.3), (0.0833333333, 0.5, 0.1666666667)])
def test_short_entries_in_hours_are_hours(workspace, values):
    assert rhem.load(workspace({"time.csv": hours(*values)})).time_entries.df()["hours"].sum() == pytest.approx(
        sum(values)
    )


def test_a_wanted_column_that_is_there_twice_is_asked_about(workspace):
    text = "client,worked_on,hours,hours,work_type\nNord,2026-05-04,1,2,Remote\n"
    with pytest.raises(InputError, match=r"'hours' is there twice, with different values\. For example: 1 and 2"):
        rhem.load(workspace({"time.csv": text}))
    records = '[{"client": "Nord", "worked_on": "2026-05-04", "Hours": 1, "hours ": 2, "work_type": "R"}]'
    with pytest.raises(InputError, match="is there twice"):
        rhem.load(workspace({"time.csv": HEAD, "time2.json": records}))


def test_a_column_twice_with_the_same_values_is_no_question(workspace):
    text = "client,worked_on,hours,hours,work_type\nNord,2026-05-04,1,1,Remote\n"
    assert rhem.load(workspace({"time.csv": text})).time_entries.df()["hours"].tolist() == [1]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "written", ["5 732 943", "5\u00a0732\u00a0943", "5\u202f732\u202f943", "#5732943", "5732943.0"]
)
def test_a_ticket_number_as_lists_write_it_is_the_same_number(workspace, written):
    tickets = f'ticket_id,client,opened_at,type\n"{written}",Nord,2026-05-01,incident\n'
    time = "entry_id,client,worked_on,hours,ticket_id\n1,Nord,2026-05-04,1,5732943\n"
    files = {"time.csv": time, "tickets.csv": tickets}
    assert rhem.load(workspace(files)).time_entries.df()["type"].tolist() == ["incident"]


def test_numbers_in_scientific_notation_are_never_joined(workspace):
    rows = "1,Nord,2026-05-04,1,Remote,5.73E+06\n2,Sued,2026-05-04,1,Remote,5.73E+06\n"
    with pytest.raises(InputError, match=r"time\.csv, row 2, column 'ticket_id'.*several may have become one"):
        rhem.load(workspace({"time.csv": HEAD + rows}))


def test_one_run_names_all_files_that_no_profile_knows(workspace):
    files = {f"{name}.csv": "alpha,beta\n1,2\n" for name in ("contacts", "invoices", "surveys")}
    with pytest.raises(InputError) as raised:
        rhem.load(workspace(files | {"time.csv": hours(1)}))
    text = str(raised.value)
    assert text.count("skip = true") == 3 and "exports/surveys.csv" in text and "3 files cannot be read" in text


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("Customer,Ticket No,Started,Duration", True),
        ("Device Hostname,Site,Device Type,Last Seen", True),
        ("Customer,Invoice,Due,Amount", False),
    ],
)
def test_files_that_look_like_time_or_devices_are_not_offered_to_be_left_out(workspace, header, kept):
    with pytest.raises(InputError, match="no profile knows these columns") as raised:
        rhem.load(workspace({"unknown.csv": f"{header}\nA,B,C,D\n"}))
    assert ("skip = true" in str(raised.value)) is not kept
    assert ("which count. If not, take it out" in str(raised.value)) is kept


@pytest.mark.parametrize("header", ["0" * 10_000_000, ",".join(f"c{n} d{n}" for n in range(5_000))])
def test_a_header_without_end_is_compared_with_nothing(workspace, header):
    """It took minutes, character by character and column by column."""
    with pytest.raises(InputError):
        rhem.load(workspace({"unknown.csv": f"{header},x\n1,2\n"}))


def test_the_nearest_table_and_what_it_lacks_are_named(workspace):
    agreement = {"id": 1, "name": "A", "company": {"name": "Nord"}, "type": {"name": "Managed"}, "endDate": None,
                 "agreementStatus": "Active", "applicationUnits": "Hours"}  # fmt: skip
    with pytest.raises(InputError, match=r"looks like ConnectWise PSA agreements \(startDate is missing\)"):
        rhem.load(workspace({"agreements.json": json.dumps([agreement]), "time.csv": hours(1)}))


@pytest.mark.many_cases
@pytest.mark.parametrize("name", ["time [May].csv", "time?.csv", "t*me.csv", "[time].csv"])
def test_signs_in_a_file_name_are_no_patterns(workspace, name):
    work = rhem.load(workspace({name: hours(1, 2), "t1me.csv": hours(4).replace("\n1,", "\n9,")}))
    assert work.time_entries.df()["hours"].sum() == 7
    assert set(work.time_entries.df()["source_file"]) == {f"exports/{name}", "exports/t1me.csv"}


def test_a_hint_for_a_file_with_brackets_is_for_that_file_alone(workspace):
    settings = 'name = "T"\n[[files]]\npath = "exports/t[1].csv"\nskip = true\n'
    work = rhem.load(workspace({"t[1].csv": hours(1), "t1.csv": hours(2, 3)}, settings))
    assert work.time_entries.df()["hours"].sum() == 5


def test_any_column_of_clients_csv_is_the_users_own(workspace):
    clients = "client,onboarded_on,billing,reason,profile,source_file,row_hash\nNord,2026-01-01,hourly,a,b,c,d\n"
    files = {"time.csv": hours(1), "clients.csv": clients, "pcs-2026-05-31.csv": "client,device_id\nNord,a\n"}
    work = rhem.load(workspace(files, RULES))
    assert work.clients[["reason", "profile", "source_file", "row_hash"]].values.tolist() == [list("abcd")]
    assert rhem.measure(work)["reactive_hours"].sum() == 1


@pytest.mark.parametrize("day", ["March 2022x", "2026-02-31", "31.31.2026"])
def test_a_day_of_clients_csv_that_is_none_names_its_row(workspace, day):
    clients = f"client,onboarded_on,billing\nSued,2026-01-01,hourly\nNord,{day},hourly\n"
    with pytest.raises(InputError, match=rf"clients\.csv, row 3, column 'onboarded_on': '{day}' is no day"):
        rhem.load(workspace({"time.csv": hours(1), "clients.csv": clients}))


def test_words_for_an_unknown_day_are_no_error(workspace):
    clients = "client,onboarded_on,billing\nNord,before tracking,hourly\n"
    work = rhem.load(workspace({"time.csv": hours(1), "clients.csv": clients}))
    assert pd.isna(work.clients["onboarded_on"].iloc[0])


@pytest.mark.parametrize("billing", ["fixed-fee + block-hours", "flat and hourly", "managed; hourly"])
def test_two_billing_models_in_one_cell_are_neither(workspace, billing):
    clients = f"client,onboarded_on,billing\nNord,2026-01-01,{billing}\n"
    with pytest.raises(InputError, match="is no billing model"):
        rhem.load(workspace({"time.csv": hours(1), "clients.csv": clients}))


def packed(sheets):
    """Workbook of sheets, each with rows, whether it is hidden, and which rows are."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        for name, (rows, hidden, hidden_rows) in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            for number in hidden_rows:
                sheet.set_row(number, None, None, {"hidden": True})
            if hidden:
                sheet.hide()
    return made.getvalue()


ROWS = [HEAD.strip().split(","), *([str(n), "Nord", f"2026-05-0{n}", 1, "Remote", str(n)] for n in (1, 2))]


def test_hidden_sheets_and_rows_count_and_are_named(workspace):
    more = [ROWS[0], ["3", "Nord", "2026-05-03", 4, "Remote", "3"]]
    work = rhem.load(workspace({"t.xlsx": packed({"A & B": (ROWS, False, [2]), "Old": (more, True, [])})}))
    assert work.time_entries.df()["hours"].sum() == 6
    warned = work.account.warnings.query("code == 'hidden'")["text"].tolist()
    assert "exports/t.xlsx/A & B: 1 row of the sheet are hidden" in warned[0]
    assert (
        "t.xlsx/Old: the sheet is hidden" in warned[1] and 'path = "exports/t.xlsx/Old"\nskip = true' in warned[1]
    )


@pytest.mark.parametrize(
    "above", [[["Time Entry Report"], [], ["From", "2026-05-01"]], [["Who", "", "When", "", "", ""]]]
)
def test_names_the_line_of_the_header_below_a_title_or_a_band(workspace, above):
    rows = above + ROWS
    line = rf"Line {len(above) + 1} looks like the header"
    with pytest.raises(InputError, match=line):
        rhem.load(workspace({"t.xlsx": packed({"T": (rows, False, [])})}))
    text = "\n".join(";".join(map(str, row)) or ";" for row in rows)
    folder = workspace({"t.csv": text})
    (folder / "exports" / "t.xlsx").unlink()
    with pytest.raises(InputError, match=line):
        rhem.load(folder)


def test_a_field_twice_in_one_record_is_asked_about(workspace):
    with pytest.raises(InputError, match="the field 'hours' is there twice in one record"):
        rhem.load(workspace({"t.json": '[{"client": "Nord", "worked_on": "2026-05-04", "hours": 1, "hours": 3}]'}))


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "last",
    [",,,{0},,", ",Nord,2026-05-31,{0},,", ",Total hours,2026-05-31,{0},,", ",Nord,2026-05-31,{0},Grand Total,"],
)
def test_a_sum_in_the_last_row_is_no_work(workspace, last):
    work = rhem.load(workspace({"t.csv": hours(1, 2, 0.5) + last.format(3.5)}))
    assert work.time_entries.df()["hours"].sum() == 3.5 and len(work.quarantine) == 1


def test_a_last_entry_as_long_as_all_others_is_work_where_no_value_is_missing(workspace):
    assert rhem.load(workspace({"t.csv": hours(1, 2, 0.5, 3.5)})).time_entries.df()["hours"].sum() == 7


def test_sums_per_technician_are_no_work(workspace):
    text = (
        "client,worked_on,hours,technician\nNord,2026-05-04,1,Ann\nNord,2026-05-05,2,Ann\nNord,2026-05-31,3,{0}\n"
    )
    for name in ("Ann Total", "Total: Ann"):
        assert rhem.load(workspace({"t.csv": text.format(name)})).time_entries.df()["hours"].sum() == 3


FULL = "entry_id,ticket_id,client,worked_on,hours,technician,work_type\n1,7,Nord,2026-05-04,1,Ann,Remote\n"


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "last",
    ["Total,,,,5,,", "9,9,Total,2026-05-31,5,Ann,Remote", "9,9,Nord,Totaal,5,Ann,Remote",
     "4,,Nord Total,2026-05-31,5,,", "4,5,Nord,2026-05-31,5,Ann,GRAND TOTAL"],
)  # fmt: skip
def test_a_total_is_no_work_whatever_column_names_it(workspace, last):
    work = rhem.load(workspace({"t.csv": f"{FULL}{last}\n"}))
    assert work.quarantine["reason"].tolist() == ["total-row"] and work.time_entries.df()["hours"].sum() == 1


def test_a_whole_entry_is_work_whatever_its_number(workspace):
    work = rhem.load(workspace({"t.csv": f"{FULL}Total,7,Nord,2026-05-05,5,Ann,Remote\n"}))
    assert work.time_entries.df()["hours"].sum() == 6


@pytest.mark.many_cases
@pytest.mark.parametrize("failed", ["#N/A", "#REF!", "#VALUE!"])
def test_what_a_spreadsheet_cannot_compute_is_empty(workspace, failed):
    rows = (
        f"1,{failed},2026-05-04,1,Remote,5\n2,Nord,2026-05-04,2,Remote,{failed}\n3,Sued,2026-05-04,4,R,{failed}\n"
    )
    work = rhem.load(workspace({"t.csv": HEAD + rows}))
    assert work.quarantine["reason"].tolist() == ["no-client"]
    assert work.time_entries.df()["ticket_id"].isna().all()


@pytest.mark.parametrize("columns", ["ticket_id,client,kind,opened", "client,device_id,ticket_id,duration"])
def test_a_list_of_work_with_a_day_in_its_name_is_no_list_of_endpoints(workspace, columns):
    row = ",".join("1" for _ in columns.split(","))
    with pytest.raises(InputError, match="no profile knows these columns"):
        rhem.load(workspace({"work-2026-05-31.csv": f"{columns}\n{row}\n"}))


def test_long_numbers_of_a_workbook_are_never_joined(workspace):
    rows = [*ROWS, ["3", "Nord", "2026-05-04", 1, "Remote", 123456789012345678]]
    with pytest.raises(InputError, match="several may have become one"):
        rhem.load(workspace({"t.xlsx": packed({"T": (rows, False, [])})}))


SWITCH = "client,onboarded_on,billing,from,ended_on\nNord,2025-01-01,hourly,,\nNord,,fixed-fee,2026-03-01,{0}\n"


@pytest.mark.parametrize("ended", ["", "2026-05-01"])
def test_a_second_row_with_a_day_switches_the_billing(workspace, ended):
    work = rhem.load(workspace({"time.csv": hours(1), "clients.csv": SWITCH.format(ended)}))
    terms = work.agreements[["billing", "start", "end"]].astype(str).fillna("NaT").values.tolist()
    last = "2026-04-30" if ended else "NaT"
    assert terms == [["hourly", "2025-01-01", "2026-02-28"], ["fixed-fee", "2026-03-01", last]]
    assert work.clients["ended_on"].astype(str).fillna("NaT").tolist() == [ended or "NaT"]


@pytest.mark.parametrize(
    "text", [SWITCH.replace("2026-03-01", ""), SWITCH.replace(",from", "").replace("2026-03-01,", "")]
)
def test_a_client_listed_twice_without_a_day_of_switch_is_asked_about(workspace, text):
    with pytest.raises(InputError, match=r"clients\.csv, row 2 and clients\.csv, row 3.*a column 'from'"):
        rhem.load(workspace({"time.csv": hours(1), "clients.csv": text.format("")}))


GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("pcs-2026-06", "2026-06-30"),
        ("2026-02/pcs", "2026-02-28"),
        ("pcs 06-2026", "2026-06-30"),
        ("pcs_202606", "2026-06-30"),
        ("pcs 30.06.2026", "2026-06-30"),
        ("pcs 03.06.2026", "2026-06-03"),
        ("pcs 06-30-2026", "2026-06-30"),
        ("pcs 06_06_2026", "2026-06-06"),
        ("PCs June 2026 (2)", "2026-06-30"),
        ("2026 Mai pcs", "2026-05-31"),
        ("märz-2026", "2026-03-31"),
        ("pcs 03-06-2026", ""),
        ("pcs-2026-06-31", ""),
        ("pcs-2026-1", ""),
        *(
            (f"pcs {month} 2026", f"2026-{n:02d}-{28 if n == 2 else 31 - (n in (4, 6, 9, 11))}")
            for n in range(1, 13)
            for month in (calendar.month_name[n], calendar.month_abbr[n], GERMAN[n - 1])
        ),
        ("pcs 2026Q1", "2026-03-31"),
        ("pcs q4-2025", "2025-12-31"),
        ("faq4 2025", ""),
        ("Marketing 2026", ""),
        ("maintenance-2026", ""),
        ("2026 decode", ""),
        ("notebooks", ""),
    ],
)
def test_a_day_or_a_month_in_a_name_is_read_however_it_is_written(name, day):
    assert day_of_name(f"exports/{name}.csv")[0] == day


def test_one_block_dates_all_lists_whose_names_have_a_month(workspace):
    lists = {f"pcs {m} 2026.csv": f"client,device_id\nNord,{m}\n" for m in ("April", "May", "June")}
    with pytest.raises(InputError) as raised:
        rhem.load(workspace({"time.csv": hours(1), **lists}))
    block = '[[files]]\npath = "exports/pcs *.csv"\nas_of = "from-name"  # of a month, its last day'
    assert str(raised.value).endswith(f"\nLines for rhem.toml:\n{block}")
    endpoints = rhem.load(workspace({}, f'name = "T"\n{block}\n')).endpoints.df()
    assert sorted(endpoints["as_of"].dt.strftime("%m-%d")) == ["04-30", "05-31", "06-30"]


def test_a_list_without_any_day_in_its_name_is_asked_for_its_own(workspace):
    settings = 'name = "T"\n[[files]]\npath = "exports/*.csv"\nas_of = "from-name"\n'
    with pytest.raises(InputError, match=r"pcs\.csv: this is a list of endpoints, but not of which day"):
        rhem.load(workspace({"pcs.csv": "client,device_id\nNord,a\n", "time.csv": hours(1)}, settings))


def test_file_names_that_are_not_utf8_are_named(workspace):
    folder = workspace({"time.csv": hours(1)})
    try:
        Path(os.fsdecode(os.fsencode(folder / "exports") + b"/M\xfcller.csv")).write_text(hours(2))
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    with pytest.raises(InputError, match=r"names are not UTF-8.*For example: Müller\.csv\. Rename") as raised:
        rhem.load(folder)
    str(raised.value).encode("utf-8")


@pytest.mark.parametrize(
    ("name", "text", "hours_read"),
    [
        ("visits.csv", "Kunde;Datum;Dauer;Wer\nNord;13.05.2026;90;Ann\nNord;14.05.2026;30;Ann\n", 2),
        (
            "work.csv",
            "Acct Company,Work date,Time spent (min),Work type,Mood\nNord,2026-05-04,60,Remote,good\n",
            1,
        ),
    ],
)
def test_the_skeleton_of_a_profile_reads_its_file_once_the_unit_is_written_in(workspace, name, text, hours_read):
    folder = workspace({name: text})
    with pytest.raises(InputError, match="rhem profile FILE"):
        rhem.load(folder)
    skeleton = profile_skeleton(folder / "exports" / name)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "mine.toml").write_text(skeleton)
    with pytest.raises(InputError, match="in which unit"):
        rhem.load(folder)
    (folder / "profiles" / "mine.toml").write_text(skeleton.replace('"ask"', '"minutes"'))
    assert rhem.load(folder).time_entries.df()["hours"].sum() == hours_read


def test_the_skeleton_takes_no_day_of_a_ticket_for_one_of_work(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("Ref,Client,Start Time,Date Opened,Minutes\n1,Nord,2026-05-04 10:00,2026-05-01,30\n")
    lines = profile_skeleton(file).splitlines()
    assert 'worked_on = "Start Time"  # 2026-05-04 10:00' in lines
    assert not any('= "Date Opened"' in line for line in lines)


def test_the_skeleton_names_what_it_did_not_find_and_shows_values(workspace):
    folder = workspace({"pcs.csv": "Company,Computer Name,Type,Colour\nNord,PC1,Desktop,red\nNord,PC2,Desktop,\n"})
    lines = profile_skeleton(folder / "exports" / "pcs.csv").splitlines()
    assert 'table = "endpoints"  # or time_entries, tickets, agreements' in lines
    assert {'device_id = "Computer Name"  # PC1, PC2', 'as_of = "@as_of"', "# not used: Colour (red)"} <= {*lines}
    (folder / "exports" / "pcs.csv").write_text("Company,Technician,Day,Work Type\nNord,Ann,2026-05-04,Remote\n")
    assert 'hours = "?"  # not found: write its header in' in profile_skeleton(folder / "exports" / "pcs.csv")
    with pytest.raises(InputError, match="there is no such file"):
        profile_skeleton(folder / "other.csv")


BLOCK = HEAD + "".join(f"{n},Nord,2026-05-{n + 1:02},1,Remote,{n}\n" for n in range(1, 20))
OTHER = "entry_id,client,worked_on,billed,work_type,ticket_id\n90,Nord,2026-05-20,3,Remote,9\n"
TURNED = "entry_id,client,hours,worked_on,work_type,ticket_id\n90,Nord,3,2026-05-20,Remote,9\n"


def named(folder, code):
    found = rhem.load(folder).account.warnings
    return found["text"][found["code"] == code].tolist()


@pytest.mark.parametrize("second", [OTHER, TURNED])
def test_a_header_of_other_columns_in_the_middle_of_a_file_is_named(workspace, second):
    *_, text = named(workspace({"time.csv": BLOCK + second}), "few-lost")
    assert "row 21 is a header again, of other columns" in text


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_same_header_again_is_no_other_one(workspace, mark):
    text = (
        BLOCK.replace("entry_id,client", "client,entry_id")
        + mark
        + BLOCK.replace("entry_id,client", "client,entry_id")
    )
    assert not named(workspace({"time.csv": text.replace(",Nord", "")}), "few-lost")


def test_damaged_lines_are_named_and_a_line_of_text_at_the_end_is_not(workspace):
    (text,) = named(
        workspace({"time.csv": BLOCK.replace("1,Remote,4\n", "1,5,Remote,4\n") + "printed by Ann\n"}), "few-lost"
    )
    assert "wrong-number-of-cells, such as '7 cells, not 6' in row 5" in text


@pytest.mark.parametrize(("hours", "asked"), [("1", True), ("1.25", False)])
def test_whole_hours_beside_a_column_of_minutes_are_asked_about(workspace, hours, asked):
    rows = "".join(f"Nord,2026-05-{n:02},{hours if n == 9 else n},30\n" for n in range(2, 10))
    files = {"time.csv": "client,worked_on,hours,minutes\n" + rows}
    if asked:
        with pytest.raises(InputError, match="hours are whole, and a column 'minutes' is beside them"):
            rhem.load(workspace(files))
    else:
        assert rhem.load(workspace(files)).time_entries.df()["hours"].sum() == pytest.approx(36.25)


CLOCKS = """name = "own"
title = "Own"
[[tables]]
table = "time_entries"
requires = ["client", "worked_on"]
hours_from_times = true
[tables.columns]
client = "Who"
worked_on = "Day"
hours = "Worked"
started_at = "{start}"
ended_at = "{end}"
"""


@pytest.mark.parametrize(
    ("profile", "row", "hours"),
    [
        ("{Day} {From}", "2026-05-04,23:00,01:30", [2.5]),
        ("{Day} {From}", "2026-05-04,09:00,10:30", [1.5]),
        ("{From}", "2026-05-04,2026-05-04 11:00,2026-05-04 10:00", []),  # no work ends before it begins
    ],
)
def test_work_over_midnight_has_its_hours_and_none_has_less_than_none(workspace, profile, row, hours):
    folder = workspace({"t.csv": f"Who,Day,From,Until,Break\nNord,{row},0\nSued,{row},0\n"})
    (folder / "profiles").mkdir()
    text = CLOCKS.format(start=profile, end=profile.replace("From", "Until"))
    (folder / "profiles" / "own.toml").write_text(text)
    work = rhem.load(folder)
    assert work.time_entries.df()["hours"].tolist() == 2 * hours
    assert "'Break' is not taken off" in work.account.warnings["text"].str.cat()


def test_hours_far_above_a_day_are_asked_about_in_the_unit_that_they_may_be_of(workspace):
    rows = {"minutes": (30, 90, 45), "seconds": (1800, 5400, 2700)}
    for unit, values in rows.items():
        lines = "".join(f"{n},Nord,2026-05-0{n},{value},Remote,{n}\n" for n, value in enumerate(values, 1))
        (text,) = named(workspace({"time.csv": HEAD + lines}), "none-kept")
        assert f'hours_unit = "{unit}"' in text


@pytest.mark.parametrize(("kind", "warned"), [("All-in-One", True), ("Printer", False), ("Laptop", False)])
def test_a_kind_of_much_of_a_list_that_nothing_names_and_that_may_be_a_computer_is_named(workspace, kind, warned):
    rows = "".join(f"Nord,a{n},{kind if n < 3 else 'desktop'}\n" for n in range(9))
    texts = named(workspace({"pcs-2026-05-31.csv": "client,device_id,kind\n" + rows}), "new-value")
    assert ["does not count" in text for text in texts] == [True] * warned


@pytest.mark.parametrize("header", ["client,user,email,count", "client,mailbox,count"])
def test_a_list_of_people_with_a_day_in_its_name_is_no_list_of_endpoints(workspace, header):
    row = ",".join(["Nord", *["x"] * (header.count(",") - 1), "1"])
    with pytest.raises(InputError, match="no profile knows these columns"):
        rhem.load(workspace({"users-2026-05-31.csv": f"{header}\n{row}\n"}))
