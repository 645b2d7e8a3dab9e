"""Damaged files: only a RhemError or success, hours conserved, no hang. `-s` prints the count and the seed."""

import csv
import faulthandler
import io
import json
import os
import random
import signal
import zipfile
from collections import Counter
from contextlib import contextmanager

import pytest
import xlsxwriter

import rhem_lib as rhem
from rhem_lib.errors import RhemError
from rhem_lib.exports import clean, files

SEED = int(os.environ.get("RHEM_FUZZ_SEED", "20261123"))
HANG = 60  # seconds after which a case counts as hung
HEADER = ["entry_id", "ticket_id", "client", "worked_on", "started_at", "hours", "technician"]
NASTY = [
    '"',
    '""',
    "\0",
    "\r",
    "\n",
    ";",
    "\t",
    ",",
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "NaN",
    "1e999",
    "-0",
    "é",
    "株",
    "\ufeff",
]


def clean_rows(rng, count):
    days = [f"2026-0{rng.randint(1, 6)}-{rng.randint(10, 28)}" for _ in range(count)]
    return [
        [
            str(i),
            str(i // 3),
            rng.choice(["Nord", "Süd Ltd"]),
            day,
            f"{day} 09:00:00",
            f"{rng.random() * 4:.2f}",
            "ann",
        ]
        for i, day in enumerate(days)
    ]


def csv_bytes(rows, delimiter=",", encoding="utf-8"):
    return "\n".join(delimiter.join(row) for row in [HEADER, *rows]).encode(encoding, errors="replace") + b"\n"


def flip_bytes(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def cut(rng, data):
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:] if rng.random() < 0.7 else data[: a + 1]


def inject(rng, data):
    text = data.decode("utf-8", errors="replace")
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(NASTY) + text[at:]
    return text.encode("utf-8", errors="replace")


def swap_columns(rng, data):
    text = data.decode(errors="replace")
    mark = max(",;\t", key=text.count)
    lines = [line.split(mark) for line in text.splitlines()]
    order = rng.sample(range(len(HEADER)), len(HEADER))
    return "\n".join(mark.join(line[i] for i in order) for line in lines if len(line) == len(HEADER)).encode()


def mix_encodings(rng, data):
    half = data.find(b"\n", len(data) // 2) + 1
    return data[:half] + data[half:].decode(errors="replace").encode(
        rng.choice(["utf-16", "cp1252", "utf-8-sig"]), "replace"
    )


def repeat_lines(rng, data):
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:1] + rng.choices(lines, k=len(lines) + 5))


def long_cell(rng, data):
    at = rng.randrange(len(data))
    return data[:at] + b"x" * rng.choice([200_000, 1_000_000, 10_500_000]) + data[at:]


MUTATIONS = [flip_bytes, cut, inject, swap_columns, mix_encodings, repeat_lines] * 8 + [long_cell]


def mutated_csv(rng):
    rows = clean_rows(rng, rng.randint(1, 25))
    data = csv_bytes(rows, rng.choice(",;\t"), rng.choice(["utf-8", "utf-8", "cp1252", "utf-16"]))
    head = (
        data.find(b"\n") + 1 if rng.random() < 0.7 else 0
    )  # a damaged header is refused at once: mostly spare it
    for _ in range(rng.randint(1, 3)):
        data = data[:head] + (rng.choice(MUTATIONS)(rng, data[head:] or b"x") or b"x")
    return "time.csv", data


def mutated_zip(rng):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(rng.choice(["time.csv", "../../time.csv", "a/b.csv"]), mutated_csv(rng)[1])
    data = packed.getvalue()
    return "time.zip", flip_bytes(rng, data) if rng.random() < 0.5 else data


def zip_bomb(rng):
    """Zeros packed a thousandfold, whose size is told rightly, or as any other number, up to 4 GB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("time.csv", b"0" * rng.choice([1_000, 11_000_000]))
    data = bytearray(packed.getvalue())
    entry = data.rfind(b"PK\x01\x02")  # the central directory, where the unpacked size is four bytes from 24 on
    if rng.random() < 0.7:
        data[entry + 24 : entry + 28] = rng.randrange(1 << 32).to_bytes(4, "little")
    return rng.choice(["bomb.zip", "bomb.xlsx"]), bytes(data)


def mutated_workbook(rng):
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADER, *clean_rows(rng, rng.randint(1, 25))]):
            sheet.write_row(number, 0, [rng.choice(NASTY) if rng.random() < 0.05 else cell for cell in row])
        sheet.write_formula(1, 5, "=1+1", value=rng.choice([2, "x", "#DIV/0!"]))
    return "time.xlsx", rng.choice([flip_bytes, cut, lambda _, data: data])(rng, packed.getvalue())


def mutated_json(rng):
    records = [dict(zip(HEADER, row, strict=True)) for row in clean_rows(rng, rng.randint(1, 25))]
    for record in records:
        record[rng.choice(HEADER)] = rng.choice([None, [], {}, {"id": 1}, 1e308, -1, True, "x", ["a"], [{"b": 1}]])
    data = json.dumps(rng.choice([records, {"items": records}, [{"items": records}], records[0]])).encode()
    return "time.json", rng.choice([flip_bytes, cut, inject, lambda _, data: data])(rng, data)


def unharmed(rng):
    """Rows in another order of lines and columns, some twice: all can be read, and what they sum to is known."""
    data = swap_columns(rng, csv_bytes(clean_rows(rng, rng.randint(1, 25)), rng.choice(",;\t")))
    head, *lines = data.splitlines(keepends=True)
    return "time.csv", b"".join(
        [head.strip() + b"\n", *(line.strip() + b"\n" for line in rng.choices(lines, k=30))]
    )


KINDS = [mutated_csv] * 14 + [mutated_zip, mutated_workbook, mutated_json, unharmed] * 2 + [zip_bomb]


@contextmanager
def no_hang(case):
    """Fail a case that takes too long; where not even Python gets a word in, end the process with its stack."""

    def stop(*_):
        raise AssertionError(f"case {case} hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG)
    faulthandler.dump_traceback_later(2 * HANG, exit=True)
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def one_case(rng, kind, folder):
    """Write a mutated file and load it; tell whether it was refused."""
    name, data = kind(rng)
    path = folder / "exports" / name
    path.write_bytes(data)
    try:
        account = rhem.load(folder).account
    except RhemError as problem:
        assert str(problem) and kind is not unharmed, problem
        return True
    finally:
        path.unlink()
    assert account.balanced, "hours or rows are lost"
    if kind is unharmed:
        text = data.decode()
        rows = list(csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=text.splitlines()[0].count)))
        read = account.table.loc["read"]
        assert (read["rows"], float(read["hours"])) == (
            len(rows),
            pytest.approx(sum(float(r["hours"]) for r in rows)),
        )
    return False


@contextmanager
def reading(large):
    """Text files read as large ones are, straight and told by their first rows, or as small ones."""
    before = files.LARGE, clean.FIRST_ROWS
    files.LARGE, clean.FIRST_ROWS = (0, 5) if large else before
    try:
        yield
    finally:
        files.LARGE, clean.FIRST_ROWS = before


def fuzz(workspace_folder, seed, count):
    refused, made = 0, Counter()
    for number in range(count):
        case = f"{seed}-{number}"
        rng = random.Random(case)
        kind = rng.choice(KINDS)
        made[kind.__name__] += 1
        try:
            with no_hang(case), reading(large=number % 2 == 1):
                refused += one_case(rng, kind, workspace_folder)
        except BaseException as problem:  # a panic of a reader is no Exception
            raise AssertionError(f"case {case}: {kind.__name__}: {type(problem).__name__}: {problem}") from problem
    kinds = ", ".join(f"{name} {n:,}" for name, n in made.most_common())
    print(
        f"\n{count:,} mutated files with seed {seed}: {refused:,} refused with a message, the rest read. {kinds}"
    )


@pytest.mark.many_cases
@pytest.mark.parametrize("part", range(2))
def test_20_mutated_files(workspace, part):
    fuzz(workspace({}), SEED + part, 10)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_10000_mutated_files(workspace, part):
    fuzz(workspace({}), SEED + 100 + part, 1000)


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_unpacks(workspace):
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("t.csv", "w", force_zip64=True) as out,
    ):
        for _ in range(1100):
            out.write(b"0" * (1 << 20))
    with pytest.raises(RhemError, match=r"this archive would unpack to 1\.2 GB"):
        rhem.load(workspace({"bomb.zip": packed.getvalue()}))


def test_a_10_mb_cell_is_set_aside_and_its_neighbours_are_kept(workspace):
    rows = csv_bytes(
        [
            ["1", "1", "Nord", "2026-01-05", "", "1", "ann"],
            ["2", "1", "x" * 10_500_000, "2026-01-05", "", "2", "b"],
        ]
    )
    work = rhem.load(workspace({"time.csv": rows + b"3,1,Nord,2026-01-05,,4,ann\n"}))
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[3, "line-too-long"]]
    assert work.time_entries.df()["hours"].sum() == 5


def test_a_hang_is_noticed(monkeypatch):
    """Negative control: the guard ends a case that never ends."""
    monkeypatch.setattr("test_fuzz.HANG", 1)
    with pytest.raises(AssertionError, match="case 7-1 hangs"), no_hang("7-1"):
        signal.pause()
