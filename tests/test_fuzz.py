"""Damaged files: only a RhemError or success, hours conserved. `-s` prints the count and the seed."""

import io
import os
import random
import zipfile

import pytest

import rhem_lib as rhem
from rhem_lib.errors import RhemError

SEED = int(os.environ.get("RHEM_FUZZ_SEED", "20261123"))
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
    order = rng.sample(range(len(HEADER)), len(HEADER))
    lines = [line.split(",") for line in data.decode(errors="replace").splitlines()]
    return "\n".join(",".join(line[i] for i in order) for line in lines if len(line) == len(HEADER)).encode()


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
    return data[:at] + b"x" * rng.choice([200_000, 1_000_000]) + data[at:]


MUTATIONS = [flip_bytes, cut, inject, swap_columns, mix_encodings, repeat_lines] * 8 + [long_cell]


def one_case(rng, workspace_folder):
    """Write a mutated file, plain or packed, and load it; tell whether it was refused."""
    data = csv_bytes(
        clean_rows(rng, rng.randint(1, 25)), rng.choice(",;\t"), rng.choice(["utf-8", "utf-8", "cp1252", "utf-16"])
    )
    head = (
        data.find(b"\n") + 1 if rng.random() < 0.7 else 0
    )  # a damaged header is refused at once: mostly spare it
    for _ in range(rng.randint(1, 3)):
        data = data[:head] + (rng.choice(MUTATIONS)(rng, data[head:] or b"x") or b"x")
    name = "time.csv"
    if rng.random() < 0.1:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(rng.choice(["time.csv", "../../time.csv", "a/b.csv"]), data)
        data, name = packed.getvalue(), "time.zip"
        data = flip_bytes(rng, data) if rng.random() < 0.5 else data
    (workspace_folder / "exports" / name).write_bytes(data)
    try:
        account = rhem.load(workspace_folder).account
        assert account.balanced, "hours or rows are lost"
        return False
    except RhemError as problem:
        assert str(problem)
        return True
    finally:
        (workspace_folder / "exports" / name).unlink()


def fuzz(workspace_folder, seed, count):
    refused = 0
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        try:
            refused += one_case(rng, workspace_folder)
        except Exception as problem:
            raise AssertionError(f"case {seed}-{number}: {type(problem).__name__}: {problem}") from problem
    print(f"\n{count:,} mutated files with seed {seed}: {refused:,} refused with a message, the rest read in full")


@pytest.mark.parametrize("part", range(2))
def test_150_mutated_files(workspace, part):
    fuzz(workspace({}), SEED + part, 75)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_10000_mutated_files(workspace, part):
    fuzz(workspace({}), SEED + 100 + part, 1000)


def test_a_zip_bomb_is_refused_before_it_unpacks(workspace):
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
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
