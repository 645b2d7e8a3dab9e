"""Files as received: encodings, delimiters, archives, damaged lines, and files that are none of ours."""

import errno
import io
import json
import os
import re
import warnings
import zipfile
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rhem_lib as rhem
from rhem_lib.errors import InputError, SettingsError
from rhem_lib.exports import files, text_tables
from rhem_lib.exports.damaged_lines import split_lines
from rhem_lib.exports.match_profile import as_of_day
from rhem_lib.exports.profiles import normal_header, read_profiles
from rhem_lib.settings import FileSettings

HEADER = "entry_id,client,worked_on,hours,technician\n"
ROWS = "1,Café Nord,2026-01-05,1.5,ann\n2,Café Nord,2026-01-06,0.25,ben\n"


LOCKED = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)  # the container of a workbook with a password


def hours(folder):
    return rhem.load(folder).account.table["hours"].astype(float)


@pytest.mark.many_cases
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_encoding_and_delimiter_gives_the_same_rows(workspace, encoding, delimiter):
    text = (HEADER + ROWS).replace(",", delimiter)
    work = rhem.load(workspace({"time.csv": text.encode(encoding)}))
    entries = work.time_entries.df()
    assert entries["hours"].tolist() == [1.5, 0.25]
    assert set(entries["client"]) == {"Café Nord"}
    assert entries["source_row"].tolist() == [2, 3]


def test_archives_are_read_member_by_member(workspace):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("jan.csv", HEADER + ROWS)
        archive.writestr("feb.csv", HEADER + "3,Café Nord,2026-02-02,2,ann\n")
        archive.writestr("__MACOSX/._jan.csv", b"\0\5\x16\7")
        archive.writestr("__MACOSX/jan.csv", b"\0")
        archive.writestr("old/.DS_Store", b"\0")
        archive.writestr("~$jan.xlsx", b"\0")
    work = rhem.load(workspace({"year.zip": packed.getvalue()}))
    assert sorted(work.account.files["path"]) == ["exports/year.zip/feb.csv", "exports/year.zip/jan.csv"]
    assert hours(work.folder)["read"] == 3.75


@pytest.mark.parametrize(
    ("name", "wording"),
    [
        (
            "old/june.xls",
            "exports/year.zip/old/june.xls: '.xls' files are not read. Export it as CSV, XLSX or JSON, or",
        ),
        ("july.zip", "exports/year.zip/july.zip: '.zip' files are not read."),
        ("aug.csv.gz", "exports/year.zip/aug.csv.gz: '.gz' files are not read."),
    ],
)
def test_a_file_of_an_archive_that_is_not_read_is_named(workspace, name, wording):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("jan.csv", HEADER + ROWS)
        archive.writestr(name, b"\x1f")
    with pytest.raises(InputError, match=re.escape(wording)):
        rhem.load(workspace({"year.zip": packed.getvalue()}))


def test_an_archive_of_hidden_files_alone_is_empty(workspace):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__MACOSX/._jan.csv", b"\0")
        archive.mkdir("exports")
    with pytest.raises(InputError, match=r"exports/year\.zip: this archive holds no files\. Export it again"):
        rhem.load(workspace({"year.zip": packed.getvalue()}))


def test_one_flat_file_gives_time_and_its_tickets(workspace):
    """A sheet made by hand repeats the ticket on each of its entries: no hour is lost or counted twice."""
    text = "client,worked_on,hours,ticket_id,type\nA,2026-01-05,1,7,incident\nA,2026-01-06,2,7,incident\n"
    work = rhem.load(workspace({"time.csv": text + "A,2026-01-07,4,8,change\nA,2026-01-08,8,,\n"}))
    assert hours(work.folder)[["read", "reactive", "unclassified"]].tolist() == [15, 3, 8]
    assert sorted(work.tickets.df()["ticket_id"]) == ["7", "8"]
    assert work.account.balanced


def test_a_day_in_the_name_of_a_list_of_work_makes_no_endpoints_of_it(workspace):
    """Ten computers by the list of computers: time and tickets name clients and devices, but count none."""
    devices = "client,device_id\nA,pc1\nclient,device_id\n,pc2\nA,\n"
    files = {
        "time-2026-06-30.csv": "client,worked_on,hours,technician\nA,2026-06-29,1,ann\nA,2026-06-30,2,ann\n",
        "tickets-2026-06-30.csv": "ticket_id,type,client,device_id\n7,incident,A,pc1\n",
        "pcs-2026-06-30.csv": "client,count\nA,10\n",
        "pcs-2026-05-31.csv": devices,
    }
    work = rhem.load(workspace(files))
    counted = work.endpoints.df().groupby("as_of")["count"].sum()
    assert counted.tolist() == [2, 10]
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[3, "repeated-header"], [4, "no-client"]]


def test_line_breaks_inside_quotes_do_not_shift_rows(workspace):
    text = HEADER + '1,"Café\nNord",2026-01-05,1.5,ann\n2,Café Nord,2026-01-06,x,ben\n'
    work = rhem.load(workspace({"time.csv": text}))
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[3, "unreadable-hours"]]


def test_damaged_lines_are_kept_apart_with_their_row_and_swallow_nothing(workspace):
    text = HEADER + ROWS + '3,"Nord,2026-01-07,1,ann\n4,Nord,2026-01-08,1\n5,Nord,2026-01-09,4,ann,x\n'
    text += "6,Nord,2026-01-10,8,ann\n"
    work = rhem.load(workspace({"time.csv": text}))
    damaged = work.quarantine[["source_row", "reason"]].values.tolist()
    assert damaged == [[4, "unclosed-quote"], [5, "wrong-number-of-cells"], [6, "wrong-number-of-cells"]]
    assert hours(work.folder)["unclassified"] == 9.75
    assert work.account.balanced


OPEN = '1,Nord,2026-01-05,1,"open\n2,Nord,2026-01-06,2,x\n3,Nord,2026-01-07,4,"open\n4,Nord,2026-01-08,8,z\n'
INCHES = (
    '1,Nord,2026-01-05,1,Monitor 24" broken\n2,Nord,2026-01-06,2,x\n3,Nord,2026-01-07,3,y\n'
    '4,Nord,2026-01-08,4,Disk 3.5" broken\n5,Nord,2026-01-09\n'
)
BROKEN = '1,"Nord\nSouth",2026-01-05,1,ann,x,y\n2,Nord,2026-01-06,2,"a"b\n3,Nord,2026-01-07,4," ""c"" " \n'


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("rows", "entries", "hours", "damaged"),
    [
        (OPEN, "24", 10, [[2, "unclosed-quote"], [4, "unclosed-quote"]]),
        (INCHES, "1234", 10, [[6, "wrong-number-of-cells"]]),
        (BROKEN, "3", 4, [[2, "wrong-number-of-cells"], [3, "wrong-number-of-cells"], [4, "unclosed-quote"]]),
        ("1,Nord,2026-01-05,1,a\u2028b\n2,Nord\n", "1", 1, [[3, "wrong-number-of-cells"]]),
        ("1,Nord,2026-01-05,1,ann,,\n2,Nord\n", "1", 1, [[3, "wrong-number-of-cells"]]),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_quote_swallows_no_rows(workspace, monkeypatch, rows, entries, hours, damaged, large):
    monkeypatch.setattr(files, "LARGE", 0 if large else files.LARGE)
    work = rhem.load(workspace({"time.csv": HEADER + rows}))
    read = work.time_entries.df()
    assert "".join(read["entry_id"]) == entries and read["hours"].sum() == hours
    assert work.quarantine[["source_row", "reason"]].values.tolist() == damaged
    assert work.account.balanced


PIECES = st.lists(st.sampled_from(['"', '""', ",", '","', '",', ' "', " ", "x", "\u2028"]), max_size=5)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PIECES, PIECES), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_line_is_in_a_row_or_damaged(tmp_path, made, end):
    lines = [f"{''.join(before)}id{i}{''.join(after)}" for i, (before, after) in enumerate(made)]
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(["a,b", *lines]).encode())
    rows, damaged = split_lines(path, ",", 2)
    texts = ["\n".join(cell or "" for cell in cells) for _, cells in rows]
    found = [re.findall(r"id(\d+)", text) for text in texts]
    numbers = sorted([record for record, _ in rows] + damaged["source_row"].tolist())
    assert sum(map(len, found)) + len(damaged) == len(lines)
    assert numbers == list(range(2, 2 + len(numbers))), "no record number is left out"
    assert [int(i) for part in found for i in part] == sorted({int(i) for part in found for i in part})


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("pcs-2026-06-30", "2026-06-30"),
        ("2026-05-31/pcs_20260630", "2026-06-30"),
        ("pcs_20260630153000", "2026-06-30"),
        ("pcs-2026-06-30-118", "2026-06-30"),
        ("pcs-2026-06-31", ""),
        ("pcs06302026", ""),
        ("pcs-120260630", ""),
    ],
)
def test_only_a_day_that_there_is_is_taken_from_a_name(name, day):
    assert as_of_day(f"exports/{name}.csv", FileSettings(path="")) == day


TABLE_PAGE = "a table in HTML or XML under another name. Open it in a spreadsheet and save it as .xlsx or .csv"


@pytest.mark.parametrize(
    ("name", "content", "wording"),
    [
        ("empty.csv", b"", "exports/empty.csv: the file is empty. Export it again"),
        ("blank.csv", b"  \n\n", "the file is empty"),
        ("report.csv", b"%PDF-1.7 ...", "this is not a text file. Export it as CSV; renaming is not enough."),
        ("book.xlsx", b"PK\x03\x04", "this file cannot be opened as XLSX"),
        (
            "locked.xlsx",
            LOCKED,
            "this workbook is locked with a password, or in the old .xls format. Open it, take",
        ),
        ("old.xls", LOCKED, "'.xls' files are not read. Export it as CSV, XLSX or JSON"),
        (
            "page.csv",
            b"\n<!DOCTYPE html><title>Sign in, please</title>",
            "this is a web page, not a table. Sign in",
        ),
        ("x.csv", "\ufeff\n<table border=1><tr><td>Member".encode(), TABLE_PAGE),
        ("x.csv", "<html><body><table>".encode("utf-16"), TABLE_PAGE),
        ("x.xlsx", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook>', TABLE_PAGE),
        ("x.xlsx", b"<html><body><TABLE>", TABLE_PAGE),
        ("x.json", b"<html><body><h1>Sign in</h1>", "this is a web page, not a table. Sign in, export again"),
        ("x.xls", b"<table>", "or open it in a spreadsheet and save it as .xlsx (some systems name a web page"),
        ("page.json", b'{"error": "unauthorized"}', "cannot be opened as JSON: it holds no list of records"),
        ("half.json", b'[{"id": 1, "client":', "this file cannot be opened as JSON"),
        (
            "title.csv",
            b"Time report,,\nclient,worked_on,hours\n",
            "Line 2 looks like the header: take out the lines above it",
        ),
        (
            "time.csv",
            b"Time report,My MSP,2026-06\n\nclient,worked_on,hours\nA,2026-06-01,1\n",
            "no profile knows these columns. For example: Time report, My MSP, 2026-06. "
            "Line 3 looks like the header: take out the lines above it.",
        ),
        ("memo.docx", b"PK\x03\x04", "'.docx' files are not read"),
        ("year.zip", b"PK\x03\x04 not really", "this archive cannot be opened"),
        ("one.csv", b"hello\nworld\n", "the first line is not a header of several columns"),
        (
            "pcs.csv",
            b"client,device_id,kind\nA,pc,server\n",
            "a list of endpoints, but not of which day. Put the day",
        ),
        ("sums.csv", b"Client,Sum of hours\nA,3\n", "no profile knows these columns"),
        ("invoices-2026-06-30.csv", b"Client,Invoice Number,Amount\nA,1,9\n", "no profile knows these columns"),
        (
            "clients.csv",
            b"client,billing\nA,hourly\n",
            "clients.csv: a list of clients needs the columns client and onboarded_on. For example",
        ),
        (
            "invoice.csv",
            b"Invoice,Total,Due\n1,2,3\n",
            "no profile knows these columns. For example: Invoice, Total, Due. `rhem profiles` lists the columns",
        ),
    ],
)
def test_the_wrong_file_gives_one_clear_message(workspace, name, content, wording):
    with pytest.raises(InputError) as raised:
        rhem.load(workspace({name: content}))
    assert wording in str(raised.value)


SPENT = [
    {"id": i, "ticket_id": 7, "time_spent": "01:00", "executed_at": "2026-05-01T12:00:00Z", "department_name": "C"}
    for i in range(3)
]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "document",
    [
        SPENT,
        [record | {"tags": tags} for record, tags in zip(SPENT, [["vip"], [], []], strict=True)],
        [record | {"tags": []} for record in SPENT],
        [record | {"parts": [{"id": 1, "price": 2}]} for record in SPENT],
        {"time_entries": SPENT, "meta": {"page": 1}, "exported_by": "Ann", "links": [{"rel": "self"}]},
        [{"time_entries": SPENT[:2], "nextPage": 2}, {"time_entries": SPENT[2:]}, {"time_entries": []}],
        [SPENT[:2], SPENT[2:], []],
        {"time_entries": SPENT, "tickets": []},
    ],
)
def test_json_records_pages_and_envelopes_give_the_same_rows(workspace, document):
    work = rhem.load(workspace({"time.json": json.dumps(document)}))
    assert work.time_entries.df()["entry_id"].tolist() == ["0", "1", "2"]
    assert work.account.files["path"].tolist() == ["exports/time.json"]
    assert hours(work.folder)["read"] == 3


def test_each_list_of_a_json_file_is_a_table_of_its_own(workspace):
    ticket = {"id": 7, "subject": "x", "type": "Incident", "category": "Mail", "department_name": "C"}
    ticket |= {"created_at": "2026-05-01T12:00:00Z", "workspace_id": 1, "source": 2}
    lines = [{"time_entries": SPENT[:2], "tickets": [ticket]}, {"time_entries": SPENT[2:], "tickets": []}]
    work = rhem.load(workspace({"all.jsonl": "\n".join(map(json.dumps, lines))}))
    assert work.account.files["path"].tolist() == ["exports/all.jsonl/time_entries", "exports/all.jsonl/tickets"]
    assert hours(work.folder)[["read", "reactive"]].tolist() == [3, 3]


@pytest.mark.parametrize("document", ["[]", "[[]]", '{"items": [], "page": 1}', '[{"items": []}]'])
def test_json_without_records_is_named(workspace, document):
    with pytest.raises(
        InputError, match=r"exports/time\.json: this file holds no records\. Export it again, or take"
    ):
        rhem.load(workspace({"time.json": document}))


def workbook(*rows, **others):
    """A workbook of the sheet `time` and of others, by name, each of rows."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        for name, lines in {**others, "time": rows}.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(lines):
                sheet.write_row(number, 0, row)
    return packed.getvalue()


def archive(**parts):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return packed.getvalue()


def test_a_negative_duration_of_a_workbook_keeps_its_size(workspace):
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        sheet, form = book.add_worksheet(), book.add_format({"num_format": "[h]:mm"})
        sheet.write_row(0, 0, ["Client", "Date", "Time Taken", "Ticket ID", "Agent"])
        for row, days in enumerate([-0.0625, 26 / 24, 0.25], 1):
            sheet.write_row(row, 0, ["Nord", f"2026-01-0{row}", None, 40, "Ann"])
            sheet.write_number(row, 2, days, form)
    work = rhem.load(workspace({"time.xlsx": packed.getvalue()}))
    assert work.time_entries.df()["hours"].tolist() == [-1.5, 6]
    assert work.quarantine[["value", "reason"]].values.tolist() == [["26:00:00", "impossible-hours"]]


def test_a_workbook_of_a_header_alone_is_named(workspace):
    with pytest.raises(InputError, match="no sheet of this workbook has a row below its header"):
        rhem.load(workspace({"time.xlsx": workbook(HEADER.strip().split(","))}))


def test_rows_of_a_workbook_are_named_by_their_place_in_the_sheet(workspace):
    rows = [line.split(",") for line in (HEADER + ROWS).splitlines()]
    made = workbook([], [], *rows, [], ["3", "Nord", "2026-01-07", "x", "ann"])
    work = rhem.load(workspace({"time.xlsx": made}))
    assert work.time_entries.df()["source_row"].tolist() == [4, 5]
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[7, "unreadable-hours"]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_lines_shift_no_row(workspace, end):
    text = HEADER + "\n1,Nord,2026-01-05,1,ann\n\n2,Nord,2026-01-06,x,ben\n\n"
    work = rhem.load(workspace({"time.csv": text.replace("\n", end)}))
    assert work.time_entries.df()["source_row"].tolist() == [3]
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[5, "unreadable-hours"]]


def test_a_bad_byte_leaves_the_rest_of_utf_8_as_it_is(workspace):
    text = HEADER + "1,Müller,2026-01-05,1,ann\n2,Café,2026-01-06,2,b?n\n3,Nørd,2026-01-07,4,ann\n"
    work = rhem.load(workspace({"time.csv": text.encode().replace(b"b?n", b"b\xe9n")}))
    entries = work.time_entries.df()
    assert entries["client"].tolist() == ["Müller", "Café", "Nørd"]
    assert entries["hours"].sum() == 7


def test_the_lock_file_of_an_open_workbook_is_passed_over(workspace):
    rows = [line.split(",") for line in (HEADER + ROWS).splitlines()]
    work = rhem.load(
        workspace({"time.xlsx": workbook(*rows), "~$time.xlsx": b"\x03Ann" + bytes(50), ".DS_Store": b""})
    )
    assert work.account.files["path"].tolist() == ["exports/time.xlsx/time"]
    assert hours(work.folder)["read"] == 1.75


def test_only_hidden_files_and_marks_of_open_ones_are_passed_over(workspace):
    files = {
        "~time.csv": HEADER + ROWS,
        ".time.csv": HEADER + ROWS,
        "packed.zip": archive(**{"~t.csv": HEADER + ROWS}),
    }
    found = rhem.load(workspace(files)).account.files["path"].tolist()
    assert found == ["exports/packed.zip/~t.csv", "exports/~time.csv"]


@pytest.mark.many_cases
@pytest.mark.parametrize("place", ["exports/time.csv", "exports/share", "clients.csv"])
def test_a_link_that_leads_nowhere_is_named(workspace, place):
    folder = workspace({"t.csv": HEADER + ROWS})
    (folder / "exports" / ".lock").symlink_to("ann@desk.1")  # as some editors lock a file
    rhem.load(folder)
    (folder / place).symlink_to("/mnt/not-there/x")
    with pytest.raises(InputError, match=place):
        rhem.load(folder)


def test_a_folder_that_may_not_be_read_is_named(workspace, monkeypatch):
    folder, scan = workspace({"t.csv": HEADER + ROWS}), os.scandir
    (folder / "exports" / "old").mkdir()

    def refuse(path):
        if str(path).endswith("old"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="exports/old: this cannot be read: Permission denied"):
        rhem.load(folder)


def test_a_file_that_may_not_be_read_is_named(workspace, monkeypatch):
    folder, opened = workspace({"t.csv": HEADER + ROWS}), Path.open

    def refuse(path, *args, **options):
        if path.name == "t.csv":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"t\.csv: this cannot be read: Permission denied\. Close it"):
        rhem.load(folder)


def test_two_files_of_one_name_in_an_archive_are_refused(workspace):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.writestr("t.csv", HEADER + ROWS)
        made.writestr("t.csv", HEADER)
    with pytest.raises(InputError, match=r"two files of one name\. For example: t\.csv\. Pack it again"):
        rhem.load(workspace({"packed.zip": packed.getvalue()}))


def test_no_files_at_all(workspace):
    with pytest.raises(InputError, match=r"no export files\. Put the files of your PSA and RMM in this folder"):
        rhem.load(workspace({}))


def test_headers_match_whatever_their_case_spaces_and_order():
    assert (
        normal_header("SR_Service_RecID")
        == normal_header("recid sr service")
        == normal_header("\ufeffSR Service-RecID")
    )


def test_every_profile_of_the_package_requires_columns_it_maps():
    profiles = read_profiles()
    assert {"connectwise", "automate", "generic"} <= set(profiles)
    for profile in profiles.values():
        for table in profile.tables:
            assert set(table.requires) <= set(table.columns), (profile.name, table.table)


def test_a_workspace_adds_its_own_system_without_python(workspace):
    folder = workspace({"zeiten.csv": "Nr;Kunde;Tag;Minuten\n7;Nord;31.01.2026;90\n"})
    (folder / "profiles").mkdir()
    (folder / "profiles" / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\n[[tables]]\ntable = "time_entries"\nrequires = ["client", "hours"]\n'
        'hours_unit = "minutes"\ndates = ["day-first"]\n[tables.columns]\nentry_id = "Nr"\nclient = "Kunde"\n'
        'worked_on = "Tag"\nhours = "Minuten"\n'
    )
    entry = rhem.load(folder).time_entries.df().iloc[0]
    assert (entry["client"], entry["hours"], str(entry["worked_on"].date())) == ("Nord", 1.5, "2026-01-31")


def test_a_list_that_is_of_no_use_is_left_out_where_settings_say_so(workspace):
    """Zendesk sends its users along with the tickets; a workbook may have a sheet about itself."""
    entry = {"client": "Nord", "worked_on": "2026-06-01", "hours": 1.5, "ticket_id": 7}
    files = {"page.json": json.dumps({"entries": [entry], "users": [{"nick": "ann", "shoe": 38}]})}
    with pytest.raises(InputError, match=r'path = "exports/page\.json/users"\nskip = true') as raised:
        rhem.load(workspace(files))
    assert "exports/page.json/users: no profile knows these columns" in str(raised.value)
    settings = 'name = "T"\n[[files]]\npath = "exports/page.json/users"\nskip = true\n'
    assert rhem.load(workspace({}, settings)).account.table.loc["read", "hours"] == 1.5


GRID = [line.split(",") for line in (HEADER + ROWS).splitlines()]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ('a "plan".csv', b"%PDF-1.7"),
        ("page.csv", b"<table><tr>"),
        ("page.csv", b"<!DOCTYPE html>"),
        ("title.csv", b"Time report\n"),
        ("logo.png", b"\x89PNG"),
        ("old.xls", LOCKED),
        ("locked.xlsx", LOCKED),
        ("book.xlsx", b"PK"),
        ("book.xlsx", workbook(["a", "b"])),
        ("page.json", b"[]"),
        ("old.zip", b"PK"),
        ("old.zip", archive()),
        ("mail.zip", archive(**{"mail/b.msg": b"\0"})),
        ("book.xlsx", workbook(*GRID, Cover=[["Our report"], ["of June"]])),
    ],
)
def test_the_lines_that_a_message_gives_are_enough_to_go_on(workspace, name, content):
    with pytest.raises(InputError) as raised:
        rhem.load(folder := workspace({"time.csv": HEADER + ROWS, name: content}))
    lines = str(raised.value).split("rhem.toml:\n")[1]
    (folder / "rhem.toml").write_text('name = "T"\n' + lines)
    assert hours(folder)["read"] in (1.75, 3.5)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("name", "content", "path", "read"),
    [
        ("readme.txt", b"Read me first.\n", "exports/readme.txt", 1.75),
        ("logo.png", b"\x89PNG", "exports/logo.png", 1.75),
        ("2026/Thumbs.db", LOCKED, "*/Thumbs.db", 1.75),
        ("locked.xlsx", LOCKED, "exports/locked.xlsx", 1.75),
        ("old.zip", b"PK\x03\x04 not really", "exports/old.zip", 1.75),
        ("part.zip", archive(**{"a.csv": HEADER + ROWS, "mail/b.msg": b"\0"}), "exports/part.zip/mail", 3.5),
        ("book.xlsx", workbook(*GRID, Cover=[["Our report"], [], ["of June"]]), "exports/book.xlsx/Cover", 3.5),
        ("book.xlsx", workbook(*GRID, Title=[["Our report"]]), "exports/book.xlsx/Title", 3.5),
        ("book.xlsx", workbook(["Our report"]), "exports/book.xlsx/time", 1.75),
        ("page.json", json.dumps({"rows": [{"a": 1}], "time_entries": []}), "exports/page.json", 1.75),
        ("page.json", json.dumps({"rows": [{"a": 1}], "time_entries": SPENT}), "exports/page.json/rows", 4.75),
    ],
)
def test_what_settings_skip_is_not_opened(workspace, name, content, path, read):
    settings = f'name = "T"\n[[files]]\npath = "{path}"\nskip = true\n'
    (folder := workspace({"time.csv": HEADER + ROWS}, settings)).joinpath("exports/2026").mkdir()
    (folder / "exports" / name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert hours(folder)["read"] == read


def test_a_part_is_read_that_settings_ask_for_before_the_rest_is_skipped(workspace):
    settings = 'name = "T"\n[[files]]\npath = "exports/book.xlsx/time"\nprofile = "generic"\n'
    settings += '[[files]]\npath = "exports/book.xlsx"\nskip = true\n'
    made = workbook(*GRID, Cover=[["Our report"], [], ["of June"]])
    assert hours(workspace({"book.xlsx": made}, settings))["read"] == 1.75


def test_settings_cannot_skip_what_is_not_there(workspace):
    settings = 'name = "T"\n[[files]]\npath = "exports/book.xlsx/Cover"\nskip = true\n'
    with pytest.raises(SettingsError, match=r"Did you mean 'exports/book\.xlsx/Notes'"):
        rhem.load(workspace({"book.xlsx": workbook(*GRID, Notes=[["a", "b"]])}, settings))


def test_a_fault_of_the_engine_that_all_parts_share_ends_the_reading(workspace, monkeypatch):
    def fail(*_, **__):
        raise duckdb.InvalidInputException("broken")

    monkeypatch.setattr(text_tables, "_canonical", fail)
    with pytest.raises(duckdb.InvalidInputException, match="broken"):
        rhem.load(workspace({"a.csv": "client,worked_on,hours\nNord,2026-05-04,1\n"}))
