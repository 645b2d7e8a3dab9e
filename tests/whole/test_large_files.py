"""Large files are typed straight from the file, told by its first rows; out comes what small files give."""

import pandas as pd
import pytest
from test_round_trip import round_trip
from vendors import WRITERS

import rhem_lib as rhem
from rhem_lib.errors import InputError
from rhem_lib.exports import clean, files

HEADER = "entry_id,ticket_id,client,worked_on,hours,technician\n"
EARLY = [f"{i},{i // 2},Nord,2026-01-{10 + i % 9},1,Ann" for i in range(30)]


@pytest.fixture
def straight(monkeypatch):
    """Every text file counts as large, and its first ten rows tell how it is written."""
    monkeypatch.setattr(files, "LARGE", 0)
    monkeypatch.setattr(clean, "FIRST_ROWS", 10)


def both_ways(folder, monkeypatch):
    """The workspace read as small files, and as large ones; and how many tables were stored for the latter."""
    small, stores = rhem.load(folder), []
    monkeypatch.setattr(files, "LARGE", 0)
    monkeypatch.setattr(clean, "FIRST_ROWS", 10)
    stored = clean.stored
    monkeypatch.setattr(clean, "stored", lambda con, raw: stores.append(raw.label) or stored(con, raw))
    return small, rhem.load(folder), stores


def check_equal(small, large):
    for name in ("time_entries", "tickets"):
        pd.testing.assert_frame_equal(
            *(
                getattr(w, name).df().sort_values(["source_file", "source_row"], ignore_index=True)
                for w in (small, large)
            )
        )
    pd.testing.assert_frame_equal(small.quarantine, large.quarantine)
    assert small.account.table.equals(large.account.table) and large.account.balanced


@pytest.mark.many_cases
@pytest.mark.parametrize("source", WRITERS)
def test_the_exports_of_every_system_come_back_as_the_truth(source, tmp_path, straight):
    round_trip(tmp_path, source, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("source", WRITERS)
def test_the_same_holds_for_ten_seeds(source, tmp_path, straight):
    for seed in range(2, 12):
        round_trip(tmp_path / str(seed), source, seed)


def test_a_plain_file_is_not_stored_and_rows_keep_their_numbers(workspace, monkeypatch):
    rows = [*EARLY, "Total,,,,99,", "31,,Nord,2026-01-05,n/a,Ann", ",9,Nord,2026-01-05,2,Ben", EARLY[3]]
    small, large, stores = both_ways(workspace({"time.csv": HEADER + "\n".join(rows) + "\n"}), monkeypatch)
    check_equal(small, large)
    assert stores == []
    assert large.quarantine[["source_row", "reason"]].values.tolist() == [
        [32, "total-row"], [33, "unreadable-hours"], [35, "duplicate"],
    ]  # fmt: skip
    entries = large.time_entries.df().set_index("source_row")
    assert entries.loc[34, "entry_id"] == "exports/time.csv:34"
    assert entries["entry_id"].drop(34).tolist() == [str(i) for i in range(30)]


LATE = {
    "a decimal comma": ('"1,5"', "2026-01-05"),
    "a negative number in parentheses": ("(1)", "2026-01-05"),
    "a day above 12": ("1", "25/01/2026"),
    "a damaged line": ("1", '"2026-01-05'),
}


@pytest.mark.many_cases
@pytest.mark.parametrize("late", LATE)
def test_what_stands_far_down_counts_as_in_a_small_file(late, workspace, monkeypatch):
    hours, day = LATE[late]
    early = (
        [row.replace("2026-01-1", "0").replace(",1,Ann", "/01/2026,1,Ann") for row in EARLY]
        if "/" in day
        else EARLY
    )
    text = HEADER + "\n".join([*early, f"99,9,Nord,{day},{hours},Ann", "100,9,Nord,2026-01-05,1,Ann"]) + "\n"
    small, large, stores = both_ways(workspace({"time.csv": text}), monkeypatch)
    check_equal(small, large)
    assert stores == ["exports/time.csv"], "the whole file must have been looked at"


def test_days_that_no_row_can_tell_are_still_asked_about(workspace, straight):
    rows = [f"{i},,Nord,0{1 + i % 5}/0{1 + i % 5}/2026,1,Ann" for i in range(20)] + ["99,,Nord,03/04/2026,1,Ann"]
    with pytest.raises(InputError, match="day and month cannot be told apart"):
        rhem.load(workspace({"time.csv": HEADER + "\n".join(rows) + "\n"}))


def test_lookups_between_large_files_keep_row_numbers(workspace, monkeypatch):
    tickets = "Ticket #,Company,Board,Type\n" + "".join(
        f"{i},Client {i % 3},Help Desk,Incident\n" for i in range(40)
    )
    head = "Date,Member,Ticket #,Hours,Bill,Charge Code\n"
    time = head + "".join(f"2026-01-{10 + i % 9},ann,{i},1,B,\n" for i in range(40))
    small, large, _ = both_ways(workspace({"tickets.csv": tickets, "time.csv": time}), monkeypatch)
    check_equal(small, large)
    entries = large.time_entries.df()
    assert (entries["client"] == [f"Client {(row - 2) % 3}" for row in entries["source_row"]]).all()
