"""Conservation: hours and rows read = the work classes + quarantined, to the last entry."""

import json

import numpy as np
import pytest

import rhem_lib as rhem
from rhem_lib.simulate import write_sample

BATCHES = 10


def test_the_sample_reconciles_with_the_truth_that_was_planted(sample_work, sample_folder):
    account = sample_work.account
    assert account.balanced
    truth = json.loads((sample_folder / "truth.json").read_text())
    for work_class, hours in truth["hours"].items():
        assert float(account.table.loc[work_class, "hours"]) == pytest.approx(hours, abs=0.005), work_class


def test_every_planted_damage_of_the_sample_is_set_aside_with_its_reason(sample_work, sample_folder):
    truth = json.loads((sample_folder / "truth.json").read_text())
    planted = {
        (f"exports/{d['archive']}/{d['file']}", d["row"]): d["reason"]
        for d in truth["damage"]
        if d["kind"] == "quarantine"
    }
    rows = sample_work.quarantine[["source_file", "source_row", "reason"]].itertuples(index=False)
    assert {(file, row): reason for file, row, reason in rows} == planted


@pytest.mark.parametrize("batch", range(BATCHES))
def test_200_random_dirty_samples_conserve_hours_and_rows(tmp_path, batch):
    rng = np.random.default_rng(batch)
    for number in range(200 // BATCHES):
        folder = tmp_path / str(number)
        seed = int(rng.integers(1_000_000))
        write_sample(folder, clients=int(rng.integers(1, 4)), months=3, seed=seed, dirt="much")
        account = rhem.load(folder).account
        parts = account.table.drop(index="read")
        assert parts["hours"].sum() == account.table.loc["read", "hours"], seed
        assert parts["rows"].sum() == account.table.loc["read", "rows"], seed


def test_a_lost_row_is_noticed(sample_work):
    """Negative control: the balance must be able to fail."""
    account = sample_work.account
    table = account.table.copy()
    table.loc["reactive", "rows"] -= 1
    broken = type(account)(table, account.files, account.quarantine, account.warnings, account.suggestions)
    assert not broken.balanced
    assert "DOES NOT BALANCE" in broken.text


def test_json_has_one_object_with_the_promised_keys(sample_work):
    made = json.loads(json.dumps(sample_work.account.as_json()))
    assert list(made) == ["files", "hours", "rows", "quarantine", "warnings", "suggestions"]
    assert set(made["files"][0]) == {"path", "profile", "table", "rows"}
    assert made["hours"].keys() == made["rows"].keys() == set(sample_work.account.table.index)
    assert {"text", "toml"} <= set(made["suggestions"][0])


def test_a_collapse_in_volume_is_warned_about(workspace):
    days = [f"2026-{m:02d}-{d:02d}" for m in range(1, 7) for d in range(1, 29)] + ["2026-07-01", "2026-07-02"]
    text = "client,worked_on,hours\n" + "".join(f"Nord,{day},1\n" for day in days)
    warnings = rhem.load(workspace({"time.csv": text})).account.warnings
    cut = warnings[warnings["code"] == "coverage"]
    assert cut["month"].tolist() == ["2026-07"]
    assert "2026-07 holds 2 time entries where 28 are usual" in cut["text"].iloc[0]


def test_unclassified_values_come_with_the_rule_that_settles_them(workspace):
    text = "client,worked_on,hours,work_type\nNord,2026-01-05,3,Remote\n"
    folder = workspace({"time.csv": text})
    suggestion = rhem.load(folder).account.suggestions.iloc[0]
    assert suggestion["text"] == "3.0 hours with work_type 'Remote' match no rule."
    (folder / "rhem.toml").write_text('name = "T"\n' + suggestion["toml"])
    assert float(rhem.load(folder).account.table.loc["reactive", "hours"]) == 3


def test_a_suggested_rule_never_moves_what_is_classified_already(workspace):
    tickets = "ticket_id,type,category\n1,incident,Email\n2,,Quote\n"
    header = "entry_id,ticket_id,client,worked_on,hours,work_type\n"
    text = header + "1,1,Nord,2026-01-05,3,Remote\n2,2,Nord,2026-01-05,1,Remote\n"
    suggestion = rhem.load(workspace({"time.csv": text, "tickets.csv": tickets})).account.suggestions.iloc[0]
    assert suggestion["text"] == "1.0 hours with work_type 'Remote', category 'Quote' match no rule."
