"""What PowerShell, Excel and time trackers write: encodings, lines above the header, durations, instants."""

import gzip
import json

import duckdb
import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError
from rhem_lib.exports.value_formats import Column, read_duration, read_number

SETTINGS = 'name = "Test MSP"\ntime_zone = "America/New_York"\n'
RECORDS = [
    {"client": "Nord", "worked_on": "2026-05-01", "hours": 1, "work_type": "Remote"},
    {"client": "Süd", "worked_on": "2026-05-20", "hours": 2, "work_type": "Vor Ort"},
]
TEXT = json.dumps(RECORDS, ensure_ascii=False)
LINES = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS) + "\n"
CSV = "client;worked_on;hours;work_type\nNord;2026-05-01;1;Remote\nSüd;2026-05-20;2;Vor Ort\n"
EXPECTED = [["Nord", "2026-05-01", 1.0, "Remote"], ["Süd", "2026-05-20", 2.0, "Vor Ort"]]


def rows(folder):
    frame = rhem.load(folder).time_entries.df().sort_values("source_row")
    frame["worked_on"] = frame["worked_on"].dt.strftime("%Y-%m-%d")
    return frame[["client", "worked_on", "hours", "work_type"]].values.tolist()


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", TEXT.encode("utf-16")),
        ("t.json", b"\xfe\xff" + TEXT.encode("utf-16-be")),
        ("t.json", TEXT.encode("utf-8-sig")),
        ("t.json", TEXT.encode("cp1252")),
        ("t.json", LINES.encode()),
        ("t.json", LINES.replace("\n", "\r\n").encode("utf-16")),
        ("t.json", "\n".join(json.dumps([record], indent=2) for record in RECORDS).encode()),
        ("t.jsonl", LINES.encode()),
        ("t.ndjson", LINES.encode()),
        ("t.ndjson.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("t.json.gz", gzip.compress(TEXT.encode("utf-16"), mtime=0)),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("t.csv", ("sep=;\n" + CSV).encode()),
        ("t.csv", ("sep=|\r\n" + CSV.replace(";", "|").replace("\n", "\r\n")).encode("utf-8-sig")),
        ("t.csv", ('"sep=;"\n' + CSV).encode("cp1252")),
        ("t.csv", ("#TYPE System.Data.DataRow\n" + CSV).encode("utf-16")),
        ("t.csv", ("#TYPE Selected.System.String;;;\nsep=;\n" + CSV).encode()),
    ],
)
def test_reads_json_and_text_in_every_common_encoding_and_form(workspace, name, content):
    assert rows(workspace({name: content}, SETTINGS)) == EXPECTED


@pytest.mark.parametrize("damage", ["", ";;;;;"])
def test_rows_below_a_type_line_keep_their_line_numbers(workspace, damage):
    work = rhem.load(workspace({"t.csv": f"#TYPE X\n{CSV}Nord;x;1;y{damage}\n"}, SETTINGS))
    assert sorted(work.time_entries.df()["source_row"]) == [3, 4]
    assert work.quarantine["source_row"].tolist() == [5]


@pytest.mark.parametrize("content", [gzip.compress(CSV.encode(), mtime=0)[:-12], b"no archive", b""])
def test_refuses_a_damaged_gz(workspace, content):
    with pytest.raises(InputError, match=r"t\.csv\.gz: this (archive cannot be opened|file is empty)|is empty"):
        rhem.load(workspace({"t.csv.gz": content}, SETTINGS))


def test_refuses_a_gz_of_something_else(workspace):
    with pytest.raises(InputError, match=r"'\.gz' files are not read"):
        rhem.load(workspace({"t.tar.gz": gzip.compress(b"x", mtime=0)}, SETTINGS))


OBJECT = "@{id=1; identifier=NORD; name=Nord Dental}"
TIME = {"id": 9, "chargeToId": 5, "chargeToType": "ServiceTicket", "timeStart": "2026-04-01T02:30:00Z",
        "actualHours": 1, "company": OBJECT, "member": OBJECT, "workType": "@{id=2; name=Remote}"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        ("t.json", json.dumps([TIME]), "company"),
        ("t.csv", ",".join(TIME) + "\n" + ",".join(f'"{value}"' for value in TIME.values()) + "\n", "company"),
        ("a.csv", 'Id,Items\n1,"System.Object[]"\n', "Items"),
    ],
)
def test_asks_for_another_export_where_powershell_wrote_objects_as_text(workspace, name, content, column):
    with pytest.raises(InputError) as raised:
        rhem.load(workspace({name: content}, SETTINGS))
    assert f"exports/{name}, column '{column}': these cells hold the names of objects" in str(raised.value)
    assert "ConvertTo-Json -Depth" in str(raised.value)


def test_objects_in_columns_that_nobody_reads_do_no_harm(workspace):
    records = [record | {"extra": "@{a=1}"} for record in RECORDS]
    assert rows(workspace({"t.json": json.dumps(records)}, SETTINGS)) == EXPECTED


def hours_of(*cells, forms=("number", "clock", "words"), unit="hours"):
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT 0 AS file, unnest(?) AS cell", [list(cells)])
    [(_, reading)] = read_duration(con, Column("t", "cell", "x", {0: "t.csv"}), forms, unit)
    return [row[0] for row in con.execute(f"SELECT {reading.sql} FROM t").fetchall()]


@pytest.mark.parametrize(
    ("cells", "hours"),
    [
        (["18:25 min", "47:06 min", "40 sec", "1:05:30"], [1105 / 3600, 2826 / 3600, 40 / 3600, 3930 / 3600]),
        (["2 Std. 30 Min.", "45 Min.", "1,5 Std.", "1 Tag 2 Std."], [2.5, 0.75, 1.5, 26]),
        (["2 Stunden und 5 Minuten", "1 Stunde", "30 Sekunden"], [2 + 5 / 60, 1, 30 / 3600]),
        (["1 heure 5 minutes", "2 heures", "1 jour"], [1 + 5 / 60, 2, 24]),
        (["1:30 h", "0:15 h", "10:00 hours"], [1.5, 0.25, 10]),
        (["3 uur 5 min.", "1 hora 30 minutos"], [3 + 5 / 60, 1.5]),
        (["1:05:30", "0:18:25"], [3930 / 3600, 1105 / 3600]),
    ],
)
def test_durations_as_trackers_write_them(cells, hours):
    assert hours_of(*cells) == pytest.approx(hours, abs=1e-12)


def test_minutes_and_seconds_without_a_unit_are_not_guessed():
    assert hours_of("18:25 min", "40 sec", "1:30") == [pytest.approx(1105 / 3600), pytest.approx(40 / 3600), None]


@pytest.mark.parametrize("cell", ["1_0", "1_000.5", "(1_0)"])
def test_digits_with_an_underscore_are_no_number(cell):
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT 0 AS file, unnest(?) AS cell", [[cell, "1", "(2)"]])
    [(_, reading)] = read_number(con, Column("t", "cell", "x", {0: "t.csv"}))
    assert con.execute(f"SELECT {reading.sql} FROM t").fetchall() == [(None,), (1.0,), (-2.0,)]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("stamps", "days"),
    [
        (["/Date(1777608000000)/", "/Date(1779249600000)/"], ["2026-05-01", "2026-05-20"]),  # midnights here
        (["/Date(1777593600000)/", "/Date(1779235200000)/"], ["2026-05-01", "2026-05-20"]),  # midnights in UTC
        (["/Date(1777602600000-0400)/", "/Date(1779289200000)/"], ["2026-04-30", "2026-05-20"]),  # 10:30 PM, 11 AM
    ],
)
def test_instants_of_dotnet_are_days_of_the_msp(workspace, stamps, days):
    records = [record | {"worked_on": stamp} for record, stamp in zip(RECORDS, stamps, strict=True)]
    assert [row[1] for row in rows(workspace({"t.json": json.dumps(records)}, SETTINGS))] == days
