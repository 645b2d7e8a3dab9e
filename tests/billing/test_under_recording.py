"""Is it the recording? Controls that must warn, and must not; changes of contract with speed and jump apart."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel

from rhem_lib.billing import contract_changes, under_recording
from rhem_lib.billing.analysis_plan import billing_plan, history, register
from rhem_lib.billing.comparison import billing_cohort, primary_fit
from rhem_lib.billing.groups import cohort_of, effect_of
from rhem_lib.billing.sensitivity import tickets
from rhem_lib.decay.client_months import fitted_months
from rhem_lib.settings import Settings


def control(name, seed):
    return tickets(billing_cohort(fitted_months(simulate_panel(replace(SCENARIOS[name], clients=40), seed=seed))))[
        1
    ]


@pytest.mark.many_cases
@pytest.mark.parametrize("seed", [1, 2])
def test_growing_under_recording_is_warned_of_and_a_true_improvement_is_not(seed):
    ramp, true = control("S8r", seed), control("S7", seed)
    assert ramp.warns and ramp.low < 0.7 < ramp.high
    assert ramp.text.startswith("Warning")
    assert not true.warns and "no sign" in true.text


def test_a_book_without_tickets_says_so():
    panel = simulate_panel(replace(SCENARIOS["S7"], clients=12), seed=1).assign(reactive_tickets=0.0)
    lines, found = tickets(billing_cohort(fitted_months(panel)))
    assert "No tickets are counted" in found.text and not found.warns
    assert [line["note"] for line in lines] == ["no tickets"] * 2


def test_e_value_of_published_example_and_of_nothing():
    """VanderWeele & Ding (2017): risk ratio 3.9 has E-value 7.26; its limit 1.8 has 3.0."""
    assert under_recording.e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert under_recording.e_value(1 / 1.8) == pytest.approx(3.0, abs=0.005)
    assert under_recording.e_value(1.0) == 1.0


def test_the_share_that_erases_a_finding_does_erase_it():
    """A made ramp looks like speed; hours divided by the share found, fitted afresh, show none."""
    panel = simulate_panel(replace(SCENARIOS["S8r"], clients=24, recorded=0.5), seed=10)
    cohort = billing_cohort(fitted_months(panel))
    core = primary_fit(cohort)
    effect = effect_of(core)
    limit, whole = under_recording.erasing_share(core, replace(effect, high=1.05 * effect.ratio))
    assert 0.5 < whole < limit < 1
    progress = np.minimum(cohort.rows["age_months"] / 12, 1)
    fixed = cohort.rows["billing"] == "fixed-fee"
    true = cohort.rows["reactive_hours"] / np.where(fixed, 1 - (1 - whole) * progress, 1)
    erased = effect_of(primary_fit(replace(cohort, rows=cohort.rows.assign(reactive_hours=true))))
    assert effect.ratio < 0.95
    assert erased.ratio == pytest.approx(1, abs=0.03)
    assert np.isnan(under_recording.erasing_share(core, replace(effect, high=1.0))).all()


@pytest.fixture(scope="module")
def changed():
    """A hundred clients, no true effect, 40% of the hours of switchers unwritten from the change on."""
    rows = fitted_months(simulate_panel(replace(SCENARIOS["S9u"], clients=80, recorded=0.6), seed=3))
    since = contract_changes.switch_ages(rows)
    return cohort_of(contract_changes.hourly_rows(rows, since), "billing"), since, rows


def test_a_pure_recording_jump_is_a_jump_and_no_speed(changed):
    cohort, since, _ = changed
    found = contract_changes.fit_change(cohort, since)
    assert found.jump[1] < 0.6 < found.jump[2] < 1
    assert found.speed[1] < 1 < found.speed[2]
    false = contract_changes.fit_change(*contract_changes.placebo(cohort, since))
    assert false.jump[1] < 1 < false.jump[2]


def test_against_clients_that_had_not_changed_hours_fall_and_tickets_do_not(changed):
    cohort, since, _ = changed
    hours = contract_changes.against_like(cohort, since, "reactive_hours")
    calls = contract_changes.against_like(cohort, since, "reactive_tickets")
    assert hours[2] < 1 and hours[1] < 0.6 < hours[2]
    assert calls[1] < 1 < calls[2]


def test_switchers_need_three_months_on_both_sides_and_the_month_of_change_is_dropped(changed):
    cohort, since, rows = changed
    assert since.between(*(4, 9)).all()
    kept = cohort.rows.merge(since.rename("since"), left_on="client", right_index=True)
    assert (kept["age_start"] != kept["since"]).all()
    assert contract_changes.until_switch(rows).groupby("client")["billing"].nunique().max() == 1
    short = rows[rows["age_start"] < 6]
    late = since[since >= 4]
    assert not set(contract_changes.switch_ages(short).index) & set(late.index)


def test_a_plan_is_registered_once_and_a_change_of_it_is_shown(tmp_path):
    settings = Settings(name="A")
    plan, first = billing_plan(settings), tmp_path / "2026Q1" / "run.json"
    first.parent.mkdir()
    assert "not registered" in history(plan, first)
    before = register(plan, first)
    assert register(plan, first) == before
    assert "It has not been changed" in history(plan, first)
    other = billing_plan(replace_preset(settings))
    assert other.digest != plan.digest
    later = tmp_path / "2026Q2" / "run.json"
    later.parent.mkdir()
    assert len(register(other, later)) == 2
    wording = history(other, later)
    assert "CHANGED" in wording and "- Reactive hours: preset 'unscheduled'" in wording
    assert "+ Reactive hours: preset 'incidents'" in wording
    assert [entry["digest"] for entry in json.loads(later.read_text())["plans"]] == [plan.digest, other.digest]


def replace_preset(settings):
    return settings.model_copy(update={"preset": "incidents"})


def test_hourly_months_of_clients_that_never_changed_are_all_there(changed):
    cohort, since, rows = changed
    first = rows.groupby("client")["billing"].first()
    stayed = first[(first == "hourly") & ~first.index.isin(since.index)].index
    own = rows[rows["client"].isin(stayed) & (rows["billing"] == "hourly")]
    pd.testing.assert_series_equal(
        cohort.rows[cohort.rows["client"].isin(stayed)].groupby("client").size(), own.groupby("client").size()
    )
