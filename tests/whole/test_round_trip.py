"""What a system exports comes back as the truth, and every damaged row is set aside for its own reason."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from vendors import WRITERS, vendor_portfolio, write_vendor_sample

import rhem_lib as rhem
from rhem_lib.simulate.export import CATCH_ALL, OWN_COMPANY, agreement_periods

SEEDS = 50
SYSTEMS_WITH_AGREEMENTS = ("connectwise", "autotask", "halopsa")
PLACE = ["source_file", "source_row"]


def planted(truth):
    """Damage with the place at which the product would report it."""
    path = "exports/" + truth.damage["archive"] + "/" + truth.damage["file"]
    return truth.damage.assign(source_file=path, source_row=truth.damage["row"])


def check_quarantine(work, damage):
    """Exactly the rows planted for it, each with its own reason and hours."""
    wanted = damage[damage["kind"] == "quarantine"]
    columns = [*PLACE, "reason", "hours"]
    found, wanted = (
        frame[columns].fillna({"hours": 0.0}).sort_values(PLACE, ignore_index=True)
        for frame in (work.quarantine, wanted)
    )
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, atol=1e-9)


def check_entries(work, damage, book):
    """Row by row in file order: client, local day, work class and hours of the book.

    A row overstated by an hour is taken back by the correction planted for it, on the same ticket and day.
    """
    found = work.time_entries.df().sort_values(PLACE)
    added = damage[damage["reason"].isin(["catch-all", "negative-correction"])]
    found = found.merge(added[[*PLACE, "reason"]], on=PLACE, how="left")
    caught = found[found["reason"] == "catch-all"]
    assert (caught["client"] == CATCH_ALL).all() and (caught["work_class"] == "excluded").all()
    back = found[found["reason"] == "negative-correction"]
    assert len(caught) + len(back) == len(added) and (back["hours"] == -1).all()
    kept = found[found["reason"].isna()]
    compared = ["client", "worked_on", "work_class"]
    true = book.entries.assign(client=book.entries["client"].fillna(OWN_COMPANY))
    pd.testing.assert_frame_equal(
        kept[compared].reset_index(drop=True), true[compared].reset_index(drop=True), check_dtype=False
    )
    more = kept["hours"].to_numpy() - true["hours"].to_numpy()
    over = np.abs(more) > 1e-9
    np.testing.assert_allclose(more[over], 1.0, atol=1e-9)
    key = ["ticket_id", "technician", *compared]
    pairs = [frame[key].sort_values(key, ignore_index=True) for frame in (kept[over], back)]
    pd.testing.assert_frame_equal(*pairs)


def check_totals(work, truth):
    """Hours per work class in the account, and endpoints and reactive hours per client and month."""
    hours = work.account.table["hours"].astype(float)
    assert work.account.balanced
    for name, value in truth.hours.items():
        assert hours[name] == pytest.approx(value, abs=1e-4), name
    panel = rhem.measure(work).set_index(["client", "month"])
    known = truth.table.set_index(["client", "month"]).sort_index()
    for column in ("endpoints", "reactive_hours", "unclassified_hours"):
        given = panel[column].reindex(known.index).to_numpy()
        np.testing.assert_allclose(given, known[column].to_numpy(), atol=1e-6, err_msg=column)


def check_agreements(work, book):
    """Who pays how and when, with both agreements of a client that switched."""
    columns = ["client", "billing", "start", "end"]
    true = agreement_periods(book.clients.assign(psa_name=book.clients["client"]))[columns]
    found, true = (f[columns].sort_values(["client", "start"], ignore_index=True) for f in (work.agreements, true))
    pd.testing.assert_frame_equal(found, true, check_dtype=False)


def round_trip(folder, source, seed):
    size = {"clients": 2 + seed % 2, "months": 3 + seed % 2, "seed": seed, "source": source}
    truth = write_vendor_sample(folder, dirt="much", **size)
    work, book, damage = rhem.load(folder), vendor_portfolio(**size), planted(truth)
    assert set(damage["reason"]) >= {"duplicate", "unreadable-hours", "impossible-date", "no-client", "catch-all"}
    check_quarantine(work, damage)
    check_entries(work, damage, book)
    check_totals(work, truth)
    if source in SYSTEMS_WITH_AGREEMENTS:
        check_agreements(work, book)


@pytest.mark.many_cases
@pytest.mark.parametrize("source", WRITERS)
def test_clean_rows_are_the_truth_and_damaged_rows_are_set_aside(source, tmp_path):
    round_trip(tmp_path, source, seed=1)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "source", [*list(WRITERS)[:3], *(pytest.param(source, marks=pytest.mark.slow) for source in list(WRITERS)[3:])]
)
def test_the_smallest_msp_and_one_without_dirt_come_back_too(source, tmp_path):
    for dirt, clients in (("much", 1), ("none", 2)):
        folder = tmp_path / dirt
        truth = write_vendor_sample(folder, clients=clients, months=1, seed=0, dirt=dirt, source=source)
        work = rhem.load(folder)
        check_quarantine(work, planted(truth))
        check_totals(work, truth)
        assert (len(truth.damage) > 0) == (dirt == "much")


def test_a_wrong_time_zone_or_one_row_less_in_quarantine_would_be_noticed(tmp_path):
    size = {"clients": 3, "months": 3, "seed": 2, "source": "halopsa"}
    damage = planted(write_vendor_sample(tmp_path, dirt="much", **size))
    settings = tmp_path / "rhem.toml"
    settings.write_text(settings.read_text().replace("America/New_York", "UTC"))
    work = rhem.load(tmp_path)
    check_quarantine(work, damage)
    with pytest.raises(AssertionError):
        check_entries(work, damage, vendor_portfolio(**size))
    with pytest.raises(AssertionError):
        check_quarantine(work, damage[damage["reason"] != "no-date"])


def first_time_record(folder, archive):
    """Header and first row, or the first record, of the first file of an archive."""
    with zipfile.ZipFile(folder / "exports" / archive) as packed:
        name = packed.namelist()[0]
        text = packed.read(name).decode()
    if name.endswith(".json"):
        page = json.loads(text)[0]
        return next(value for value in page.values() if isinstance(value, list))[0]
    head, row = text.splitlines()[:2]
    return dict(zip(head.split(","), row.split(","), strict=True))


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("source", "archive", "column", "write"),
    [
        ("autotask", "autotask-time-entries.zip", "hoursWorked", lambda h: round(h, 2)),
        ("halopsa", "halopsa-actions.zip", "timetaken", lambda h: round(h, 2)),
        ("syncro", "syncro-ticket-timers.zip", "active_duration", lambda h: round(h * 3600)),
        ("freshservice", "freshservice-time-entries.zip", "time_spent", lambda h: f"00:{round(h * 60):02d}"),
        ("jira", "jira-worklogs.zip", "timeSpentSeconds", lambda h: round(h * 3600)),
        ("tempo", "tempo-timesheets.zip", "Logged time (h)", lambda h: f"{h:.2f}"),
        ("servicenow", "servicenow-time-worked.zip", "time_worked",
         lambda h: f"{pd.Timestamp(round(h * 3600), unit='s')}"),
    ],
)  # fmt: skip
def test_each_system_writes_time_in_its_own_way(source, archive, column, write, tmp_path):
    size = {"clients": 2, "months": 1, "seed": 0, "source": source}
    write_vendor_sample(tmp_path, dirt="none", **size)
    entries = vendor_portfolio(**size).entries
    first = entries[entries["work_class"] != "unclassified"].iloc[0]
    assert first["hours"] < 1
    assert first_time_record(tmp_path, archive)[column] == write(first["hours"])


@pytest.mark.slow
@pytest.mark.parametrize("source", WRITERS)
def test_the_same_holds_for_many_seeds(source, tmp_path):
    failed = {}
    for seed in range(SEEDS):
        try:
            round_trip(tmp_path / str(seed), source, seed)
        except Exception as problem:  # any kind of failure counts against the source
            failed[seed] = f"{type(problem).__name__}: {problem}"[:400]
    print(f"{source}: {SEEDS} seeds, {len(failed)} failed")
    assert not failed
