"""The Los Alamos failure log, whole: every row accounted for, dates mended, systems told apart."""

import pandas as pd
import pytest

import rhem_lib as rhem


def test_every_row_is_kept_or_set_aside_with_its_reason(lanl_folder):
    work = rhem.load(lanl_folder)
    account = work.account
    raw = pd.read_csv(next((lanl_folder / "exports").iterdir()), dtype=str)
    assert account.balanced
    assert account.table.loc["read", "rows"] == len(raw)
    minutes = float(account.table.loc["read", "hours"]) * 60
    assert minutes == pytest.approx(raw["Down Time"].astype(float).sum(), abs=1e-5)
    kept = work.time_entries.df()["source_row"].tolist()
    aside = work.quarantine.loc[work.quarantine["table"] == "time_entries", "source_row"].tolist()
    assert sorted(kept + aside) == list(range(2, len(raw) + 2))
    assert len(aside) == raw.duplicated().sum()


def test_2_mar_became_march_2002_and_nothing_was_invented(lanl_folder):
    work = rhem.load(lanl_folder)
    installed = work.endpoints.df().set_index("client")["as_of"]
    assert installed["System 18"] == pd.Timestamp("2002-03-01")
    clients = work.clients.set_index("client")
    assert clients.loc["System 18", "onboarded_on"] == pd.Timestamp("2002-05-01")
    assert clients.loc["System 21", "ended_on"] == pd.Timestamp("2002-01-01")
    unknown = clients.index[clients["onboarded_on"].isna()]
    assert set(unknown) == {"System 17", "System 22"}
    assert (clients.loc[unknown, "onboarding_source"] == "unknown").all()


def test_planned_work_is_scheduled_and_what_has_no_cause_is_unclassified(lanl_folder):
    work = rhem.load(lanl_folder)
    raw = pd.read_csv(next((lanl_folder / "exports").iterdir()), dtype=str)
    entries = work.time_entries.df().set_index("source_row")
    planned = raw["Hardware"].eq("Maintenance") | raw["Software"].str.startswith(("DST", "Upgrade"), na=False)
    alone = (
        raw[["Facilities", "Hardware", "Human Error", "Network", "Undetermined", "Software"]].notna().sum(axis=1)
        == 1
    )
    for row in raw.index[planned & alone] + 2:
        if row in entries.index:
            assert entries.loc[row, "work_class"] == "scheduled"
    assert (entries.loc[entries["category"].isna(), "work_class"] == "unclassified").all()


def test_systems_without_counts_or_ages_are_named_not_guessed(lanl_folder):
    work = rhem.load(lanl_folder)
    panel = rhem.measure(work)
    assert panel.loc[panel["client"] == "System 17", "rhem_h"].isna().all()
    assert panel.loc[panel["client"] == "System 22", "age_months"].isna().all()
    assert "System 17 has" in " ".join(work.account.warnings["text"])
    fit = rhem.fit_decay(panel)
    assert set(fit.clients.index) == set(panel["client"]) - {"System 17", "System 22"}


@pytest.mark.slow
def test_the_words_say_outage_hours(lanl_folder):
    work = rhem.load(lanl_folder)
    panel = rhem.measure(work)
    review = rhem.build_review(work, panel, rhem.fit_decay(panel), client="System 18", quarter="2005Q2")
    assert review.text.startswith("Outage was") and "support" not in review.text.lower()
