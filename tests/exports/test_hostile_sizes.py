"""Inputs that are small to send and large to read: each is one sentence, or is read in bounded memory."""

import io
import subprocess
import sys
import zipfile

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError, OutputError, RhemError, SettingsError
from rhem_lib.exports.workbooks import _column_number
from rhem_lib.settings import read_settings
from rhem_lib.workspace import workspace as module

HEAD, ROW = b"entry_id,client,worked_on,hours\n", b"1,Nord,2026-05-04,1\n"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.{}+xml"


def packed(parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return made.getvalue()


def xlsx(cells, part="xl/worksheets/sheet1.xml"):
    types = f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE.format("sheet.main")}"/>'
    types += f'<Override PartName="/{part}" ContentType="{SHEET_TYPE.format("worksheet")}"/>'
    link = '<Relationships xmlns="{}"><Relationship Id="rId1" Type="{}" Target="{}"/></Relationships>'
    return packed({
        "[Content_Types].xml": f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{types}</Types>',
        "_rels/.rels": link.format(PACKAGE, f"{OFFICE}/officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": link.format(PACKAGE, f"{OFFICE}/worksheet", f"/{part}"),
        part: f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
    })  # fmt: skip


def row(number, cells):
    inside = "".join(
        f'<c r="{"ABCD"[i]}{number}" t="inlineStr"><is><t>{c}</t></is></c>' for i, c in enumerate(cells)
    )
    return f'<row r="{number}">{inside}</row>'


TABLE = row(1, ["entry_id", "client", "worked_on", "hours"]) + row(2, ["1", "Nord", "2026-05-04", "1"])


def ods(rows):
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    body = f'<table:table table:name="S">{rows}</table:table>'
    content = f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return packed({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": manifest,
        "content.xml": f"<office:document-content{names}>{content}</office:document-content>",
    })  # fmt: skip


def oasis(cells, repeated="", more=""):
    text = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    return f"<table:table-row{repeated}>{''.join(map(text.format, cells))}{more}</table:table-row>"


TEXT = oasis(["entry_id", "client", "worked_on", "hours"]) + oasis(["1", "Nord", "2026-05-04", "1"])
LAST = ' table:number-rows-repeated="1048000"'
WIDE = '<table:table-cell {}table:number-columns-repeated="16384"{}'
FILLED = WIDE.format('office:value-type="string" ', "><text:p>x</text:p></table:table-cell>")
FAR = '<c r="XFD1048576"><v>1</v></c>'
CELLS = {
    "last cell": f'<row r="1048576">{FAR}</row>',
    "order of attributes": '<row r="1048576"><c s="1" r="XFD1048576" t="n"><v>1</v></c></row>',
    "single quotes": "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>",
    "row without number": f"<row>{FAR}</row>",
    "beyond the last cell": '<row r="999999999"><c r="ZZZZ999999999"><v>1</v></c></row>',
    "60,000 x 256": "".join(f'<row r="{n}"><c r="IV{n}"><v>1</v></c></row>' for n in (3, 60000)),
}
SPANS = {
    **{kind: ("t.xlsx", xlsx(TABLE + cells)) for kind, cells in CELLS.items()},
    "part of another name": ("t.xlsx", xlsx(f"{TABLE}<row>{FAR}</row>", "xl/x.xml")),
    "repeated rows": ("t.ods", ods(TEXT + oasis(["2", "Nord", "2026-05-04", "1"], LAST))),
    "repeated cells": ("t.ods", ods(TEXT + oasis([], LAST, FILLED))),
}


@pytest.mark.parametrize("kind", SPANS)
def test_a_sheet_that_spans_more_than_memory_is_a_sentence(workspace, kind):
    name, content = SPANS[kind]
    with pytest.raises(
        InputError, match=rf"exports/{name}: the cells of a sheet span [\d,]+ rows and [\d,]+ columns"
    ):
        rhem.load(workspace({name: content}))


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "content",
    [
        xlsx(TABLE),
        xlsx(f'{TABLE}<row r="1048576"><c r="XFD1048576" s="1"/></row>'),
        xlsx(TABLE).replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>'),
        ods(TEXT + oasis([], LAST, WIDE.format("", "/>"))),
    ],
)
def test_empty_cells_that_are_formatted_span_nothing(workspace, content):
    name = "t.xlsx" if b"xl/workbook" in content else "t.ods"
    assert rhem.load(workspace({name: content})).time_entries.df()["hours"].tolist() == [1.0]


def test_columns_have_numbers():
    assert [_column_number(name) for name in (b"A", b"Z", b"AA", b"XFD")] == [1, 26, 27, 16384]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("lines", "wording"),
    [
        (HEAD + ROW + b"\n" * 25_000_000, "this file is mostly empty lines"),
        (HEAD + ROW + b"\r\n" * 12_000_000, "this file is mostly empty lines"),
        (HEAD + (ROW + b"\n" * 1000) * 25_000, "this file is mostly empty lines"),
        (b"\n" * 25_000_000, "the file is empty"),
        (b",".join(b"c%d" % n for n in range(20_004)) + b"\n", "its first line has 20,004 columns"),
        (b"x" * 12_000_000, "the first line is not a header of several columns"),
    ],
    ids=["empty lines", "crlf", "rows between", "nothing", "columns", "one line"],
)
def test_text_that_unpacks_to_nothing_is_a_sentence(workspace, lines, wording):
    with pytest.raises(InputError, match=wording):
        rhem.load(workspace({"a.zip": packed({"time.csv": lines})}))


def test_a_line_of_many_megabytes_is_set_aside_and_the_others_stay(workspace):
    long = b"2," + b"x" * 11_000_000 + b",2026-05-04,1\n"
    work = rhem.load(workspace({"time.csv": HEAD + ROW + long + ROW.replace(b"1,", b"3,", 1)}))
    assert work.time_entries.df()["entry_id"].tolist() == ["1", "3"]
    assert work.quarantine["reason"].tolist() == ["line-too-long"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("text", "hours"),
    [
        (
            r'[{"entry_id":"1","client":"N\ud800ord","worked_on":"2026-05-04","hours":1,"x\udfff":"\udfff\ud800"}]',
            1,
        ),
        ('[{"entry_id":"1","client":"Nord","worked_on":"2026-05-04","hours":1e999}]', 0),
        ('[{"entry_id":"1","client":"Nord","worked_on":"2026-05-04","hours":Infinity}]', 0),
        ('[{"entry_id":"1","client":"Nord","worked_on":"2026-05-04","hours":NaN}]', 0),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
        ('[{"entry_id":%s,"client":"Nord","worked_on":"2026-05-04","hours":1}]' % ("9" * 5000), None),
    ],
)
def test_json_with_values_that_are_none(workspace, text, hours):
    folder = workspace({"time.json": text})
    if hours is None:
        with pytest.raises(InputError, match="this file cannot be opened as JSON"):
            rhem.load(folder)
    else:
        work = rhem.load(folder)
        assert work.time_entries.df()["hours"].sum() == hours and len(work.quarantine) == 1 - hours


@pytest.mark.parametrize(
    ("more", "wording"),
    [
        ("x = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("x = " + "{a=" * 5000 + "1" + "}" * 5000, "nested too deep"),
        (".".join("a" * 5000) + " = 1", "nested too deep"),
        ("[limits]\nmax_hours_per_entry = " + "9" * 5000, "not valid TOML"),
        ("[limits]\nmax_hours_per_entry = inf", "inf is no number to count with"),
        ("[limits]\nmax_hours_per_entry = nan", "nan is no number to count with"),
        ("[limits]\nmax_hours_per_entry = 1e308", r"1e\+308 is no number to count with"),
        ("[endpoint_weights]\nserver = -inf", "-inf is no number to count with"),
        ("[limits]\ncarry_forward_months = 900000000", "less than or equal to 1200"),
        ("[limits]\nseen_within_days = 99999999999999", "is no number to count with"),
        ("[targets]\nmonths = 999999", "less than or equal to 1200"),
        ("[value]\nwage_per_hour = inf", "inf is no number to count with"),
    ],
)
def test_settings_without_end_are_a_sentence(workspace, more, wording):
    with pytest.raises(SettingsError, match=wording):
        read_settings(workspace({}, f'name = "T"\n{more}\n'))


def test_settings_of_many_megabytes_are_not_read(workspace):
    with pytest.raises(SettingsError, match="settings of more than 10 MB are not read"):
        read_settings(workspace({}, 'name = "T"\n' + "#" * 10_000_001))


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), MemoryError(),
                                     FileNotFoundError(2, "gone", "exports/b.csv")])  # fmt: skip
@pytest.mark.parametrize("place", ["read_exports", "clean_tables"])
def test_what_the_computer_refuses_is_not_blamed_on_a_file(workspace, monkeypatch, problem, place):
    folder = workspace({"time.csv": HEAD + ROW})

    def refuse(*_):
        raise problem

    monkeypatch.setattr(module, place, refuse)
    with pytest.raises(RhemError) as raised:
        rhem.load(folder)
    kinds = {28: "the temporary folder is full. Make room there, or name another folder: export TMPDIR=", None:
             "do not fit into the memory", 2: "exports/b.csv: this file vanished while it was read."}  # fmt: skip
    assert kinds[getattr(problem, "errno", None)] in str(raised.value) and "skip = true" not in str(raised.value)
    assert isinstance(raised.value, InputError if isinstance(problem, FileNotFoundError) else OutputError)


@pytest.mark.parametrize("kind", ["zip", "gz", "xlsx", "json"])
def test_a_full_temporary_folder_while_unpacking_is_no_fault_of_the_archive(workspace, monkeypatch, kind):
    import gzip

    from rhem_lib.exports import files, workbooks

    contents = {
        "zip": packed({"time.csv": HEAD + ROW}),
        "gz": gzip.compress(HEAD + ROW),
        "xlsx": xlsx(TABLE),
        "json": b"[]",
    }
    folder = workspace({f"time.{'csv.gz' if kind == 'gz' else kind}": contents[kind]})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    if kind in ("zip", "gz"):
        monkeypatch.setattr(files, "_set_time", full)
    else:
        monkeypatch.setattr(workbooks, "_check_package" if kind == "xlsx" else "_documents", full)
    if kind == "zip":
        monkeypatch.setattr(files.shutil, "copyfileobj", full)
    with pytest.raises(OutputError, match="the temporary folder is full"):
        rhem.load(folder)


@pytest.mark.slow
def test_the_memory_of_hostile_files_is_bounded(workspace):
    """Each in a process of its own takes less than 3 GB, and none is ended by the system."""
    line = b'2,"' + b"x" * 200_000_000 + b'",2026-05-04,1\n'
    files = [SPANS["last cell"], SPANS["repeated cells"]]
    files += [("a.zip", packed({"time.csv": HEAD + ROW + more})) for more in (b"\n" * 200_000_000, line)]
    for name, content in files:
        folder = workspace({name: content})
        code = f"import rhem_lib as r, resource as m\ntry: r.load({str(folder)!r})\n"
        code += "except r.RhemError as e: print(e)\nprint(m.getrusage(0).ru_maxrss)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert int(done.stdout.splitlines()[-1]) < 3_000_000
        (folder / "exports" / name).unlink()
