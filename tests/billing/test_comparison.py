"""Billing comparison: known truth, null, swapped labels, refusals."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel
from scipy.stats import binomtest
from worlds import WORLDS, simulate_world

from rhem_lib.billing import comparison, naive_methods, sensitivity
from rhem_lib.billing import groups as cohorts
from rhem_lib.billing.comparison import billing_cohort, compare_billing
from rhem_lib.billing.groups import verdict
from rhem_lib.billing.sensitivity import ANALYSES
from rhem_lib.decay.client_months import fitted_months
from rhem_lib.settings import Target

STRONG = replace(SCENARIOS["S7"], clients=30, fixed_tau_ratio=0.35)


@pytest.fixture(scope="module")
def panel():
    return simulate_panel(STRONG, seed=4)


@pytest.fixture(scope="module")
def found(panel):
    return compare_billing(panel)


def test_a_strong_effect_is_found_and_holds_the_truth(found):
    assert found.verdict == "faster"
    assert found.low < 0.35 < found.high < 1
    assert found.p_value < 0.01
    by_name = found.table.set_index("analysis")
    assert by_name.loc["labels permuted among clients of like size", "p_value"] < 0.05
    assert by_name.loc["labels permuted among clients of like size", "verdict"] == "faster"
    assert found.groups["clients"].tolist() == [15, 15]
    assert "association" in found.text
    assert "faster" in found.text


def test_table_leads_with_the_primary_analysis(found):
    first = found.table.iloc[0]
    assert [first["ratio"], first["low"], first["high"], first["p_value"]] == [
        found.ratio,
        found.low,
        found.high,
        found.p_value,
    ]
    assert first["analysis"] == "adjusted for size and season (primary)"
    assert found.groups["half_life_months"].iloc[0] / found.groups["half_life_months"].iloc[1] == pytest.approx(
        found.ratio
    )


@pytest.mark.slow
def test_swapped_labels_give_the_inverse(panel, found):
    swap = {"fixed-fee": "hourly", "hourly": "fixed-fee"}
    other = compare_billing(panel.assign(billing=panel["billing"].map(swap)))
    assert other.verdict == "slower"
    assert other.ratio == pytest.approx(1 / found.ratio, rel=1e-5)


@pytest.mark.slow
def test_row_order_and_unit_of_hours_do_not_matter(panel, found):
    other = panel.sample(frac=1, random_state=2)
    other = compare_billing(other.assign(reactive_hours=60 * other["reactive_hours"]))
    assert other.ratio == pytest.approx(found.ratio, rel=1e-6)
    assert other.p_value == pytest.approx(found.p_value, rel=1e-4)


def test_smallest_ratio_and_clients_needed_agree(found):
    """What this book can show and what a ratio of 0.7 needs come from one standard error."""
    error = np.log(found.high / found.ratio) / found.core.quantile
    assert found.power.smallest_ratio < found.power.bound < 1
    assert np.log(found.power.smallest_ratio) == pytest.approx(-error * (found.core.quantile + 0.86), rel=0.01)
    assert found.power.clients_needed == pytest.approx(30 * (2.8016 * error / np.log(0.7)) ** 2, abs=1)


def test_curves_by_group_start_and_fall(found):
    curve = found.predict(age_months=[0.0, 12.0])
    assert curve["billing"].tolist() == ["fixed-fee"] * 2 + ["hourly"] * 2
    assert curve["estimate"].iloc[0] == pytest.approx(found.groups.loc["fixed-fee", "start_h"])
    assert (curve["low"] < curve["estimate"]).all()
    assert pickle.loads(pickle.dumps(found)).ratio == found.ratio


@pytest.mark.slow
def test_no_effect_is_not_called_one():
    result = compare_billing(simulate_panel(replace(SCENARIOS["S6"], clients=24), seed=1))
    assert result.verdict == "no clear difference"
    assert f"{result.power.smallest_ratio:.2f}" in result.text


def test_first_known_billing_counts_until_it_changes_and_other_models_are_left_out(panel):
    switched = panel.copy()
    place = switched.groupby("client").cumcount()
    switched.loc[place > 5, "billing"] = "hourly"
    switched.loc[place == 0, "billing"] = None
    cohort = billing_cohort(fitted_months(switched))
    assert (cohort.clients["group"] == "fixed-fee").sum() == 15
    months = cohort.rows.groupby("client").size()[cohort.clients["group"] == "fixed-fee"]
    assert (months == 6).all()
    blocks = panel.assign(billing=panel["billing"].where(panel["client"] > "client 009", "block-hours"))
    assert len(billing_cohort(fitted_months(blocks)).clients) == 20


def test_too_few_clients_is_too_early_and_says_what_is_missing(panel):
    fixed = panel.groupby("client")["billing"].first()
    some = [*fixed[fixed == "fixed-fee"].index[:4], *fixed[fixed == "hourly"].index]
    result = compare_billing(panel[panel["client"].isin(some)])
    assert result.verdict == "too early to tell"
    assert "2 more fixed-fee clients" in result.text
    assert np.isnan(result.ratio)
    assert result.predict(age_months=[0.0]).empty
    nobody = compare_billing(panel.assign(billing=pd.Series([None] * len(panel), dtype="str")))
    assert "6 more fixed-fee and 6 more hourly" in nobody.text


@pytest.mark.parametrize(
    ("low", "high", "wording"),
    [
        (0.5, np.nextafter(1, 0), "faster"),
        (0.5, 1.0, "no clear difference"),
        (1.0, 1.5, "no clear difference"),
        (np.nextafter(1, 2), 1.5, "slower"),
        (0.9, 1.1, "no clear difference"),
        (np.nan, np.nan, "too early to tell"),
    ],
)
def test_words_of_the_verdict_at_their_boundaries(low, high, wording):
    assert verdict(low, high) == wording


def test_a_book_of_five_clients_is_too_early_and_says_what_is_missing():
    result = compare_billing(simulate_panel(replace(SCENARIOS["S7"], clients=5), seed=1))
    assert result.verdict == "too early to tell"
    assert "4 more fixed-fee and 3 more hourly clients with 4 months of data are needed" in result.text
    assert f"about {result.power.clients_needed} clients" in result.text


def test_table_holds_the_analyses_of_the_plan_and_each_row_without_data_says_why(found):
    assert found.table["analysis"].tolist()[1:] == list(ANALYSES)
    empty = found.table[found.table[["ratio", "p_value"]].isna().all(axis=1)]
    assert (empty["note"].str.len() > 10).all()
    assert {"block-hours against hourly", "clients that changed: jump at the change"} <= set(empty["analysis"])
    usual = found.table[found.table["analysis"].str.startswith("usual")]
    assert usual["note"].str.startswith("known fault").all() and (usual["verdict"] == "").all()


def test_one_sentence_says_whether_the_analyses_agree(found):
    def agreement(table):
        return replace(found, table=table).agreement

    table = pd.DataFrame({"analysis": ["a", "b", "c"], "quantity": "half-life ratio", "verdict": "faster"})
    assert agreement(table) == "All 3 analyses of the half-life agree: faster."
    weaker = table.assign(verdict=["faster", "no clear difference", "faster"])
    assert "2 say 'faster', none says the opposite: 'no clear difference' says b." in agreement(weaker)
    assert "others say the opposite" in agreement(table.assign(verdict=["faster", "slower", "faster"]))
    assert "All 2" in agreement(table.assign(quantity=["half-life ratio", "half-life ratio", "E-value"]))


@pytest.mark.slow
def test_leavers_are_dropped_and_in_the_worst_case_held_at_their_level(panel):
    gone = sorted(panel["client"].unique())[:6]
    last = panel["client"].isin(gone) & (panel["age_start"] > 4)
    table = compare_billing(panel[~last]).table.set_index("analysis")
    dropped = table.loc["without clients that left within 6 months"]
    worst = table.loc["leavers of the first year never improve further"]
    assert dropped["clients"] == 24 and worst["clients"] == 30
    assert np.isfinite([dropped["ratio"], worst["ratio"]]).all() and dropped["ratio"] != worst["ratio"]


@pytest.mark.slow
def test_block_hours_stand_as_a_group_of_their_own(panel):
    some = sorted(panel["client"].unique())[:8]
    blocks = panel.assign(billing=panel["billing"].where(~panel["client"].isin(some), "block-hours"))
    table = compare_billing(blocks).table.set_index("analysis")
    assert table.loc["block-hours as a group of its own", "clients"] == 30
    assert np.isfinite(table.loc["block-hours against hourly", "ratio"])


def test_flat_book_has_no_speed_to_compare():
    result = compare_billing(simulate_panel(replace(SCENARIOS["S4"], clients=24), seed=3))
    assert result.verdict == "too early to tell"
    assert "no decline" in result.text


@pytest.mark.slow
def test_type_one_error_and_coverage():
    """60 null books of 24 clients: rejections no more than chance allows at 5%."""
    results = [compare_billing(simulate_panel(replace(SCENARIOS["S6"], clients=24), seed=s)) for s in range(60)]
    rejected = sum(r.p_value < 0.05 for r in results)
    assert binomtest(rejected, 60, 0.05, alternative="greater").pvalue > 0.01
    assert abs(np.mean([np.log(r.ratio) for r in results])) < 0.12


@pytest.mark.slow
def test_follows_another_target(panel, found):
    other = compare_billing(panel, target=Target(start_h=2.0, target_h=0.5, months=18))
    assert other.target.months == 18
    assert "months to 30 minutes" in other.text
    assert "months to 15 minutes" not in other.text
    assert other.ratio == found.ratio
    assert other.sooner != found.sooner


def test_the_year_of_onboarding_is_in_the_primary_model_where_the_groups_differ_in_it():
    rows = fitted_months(simulate_world(replace(WORLDS["late fee, decay"], clients=24), seed=3)[0])
    cohort = comparison.billing_cohort(rows)
    cores = comparison._Cores(cohort, sensitivity.primary_fit(cohort), sensitivity.year_fit(cohort))
    assert sensitivity.years_differ(cohort)
    assert cores.primary is cores.by_year
    assert cores.verdict == "no clear difference"
    lines = sensitivity.years(cohort, cores.without, cores.by_year)
    assert lines[0]["note"] == "in the primary analysis, since the groups joined at different times"


@pytest.mark.parametrize(
    ("without", "by_year", "verdict", "flips"),
    [
        ((0.6, 0.9), (0.6, 0.9), "faster", ""),
        ((0.6, 0.9), (0.8, 1.3), "no clear difference", sensitivity.BY_YEAR),
        ((0.8, 1.3), (0.6, 0.9), "no clear difference", sensitivity.NO_YEAR),
        ((0.6, 0.9), (1.1, 1.4), "no clear difference", sensitivity.BY_YEAR),
        ((0.8, 1.3), (0.7, 1.2), "no clear difference", ""),
        ((0.6, 0.99), (0.61, 1.01), "faster", ""),
    ],
)
def test_a_finding_that_the_year_of_onboarding_turns_is_withheld(monkeypatch, without, by_year, verdict, flips):
    ratios = {"without": without, "by_year": by_year}

    def effect(name):
        return cohorts.Effect(np.sqrt(np.prod(ratios[name])), *ratios[name], 0.5, 0.1, 2.8)

    monkeypatch.setattr(cohorts, "effect_of", effect)
    monkeypatch.setattr(sensitivity, "years_differ", lambda cohort: False)
    cores = comparison._Cores(None, "without", "by_year")
    assert cores.flips == flips
    assert cores.verdict == verdict


@pytest.mark.slow
def test_bad_months_before_a_change_of_contract_are_no_effect_of_it():
    """All change after three bad months, and the fee does nothing: the placebo sees the same, and vetoes."""
    rows = fitted_months(simulate_world(replace(WORLDS["bad months"], clients=40), seed=3)[0])
    lines = {str(line["analysis"]): line for line in sensitivity.changed(rows)}
    assert lines["placebo change 3 months earlier: jump"]["p_value"] < 0.05
    row = lines["changed against like clients that had not: hours"]
    assert np.isnan(row["ratio"])
    assert row["note"].startswith("withheld: a change that never was")


def test_a_usual_method_that_did_not_converge_gives_no_number():
    class Model:
        def fit(self):
            return SimpleNamespace(converged=False)

    assert np.isnan(naive_methods._log_linear(Model())).all()


@pytest.mark.many_cases
@pytest.mark.parametrize(("onboarded", "refused"), [((0.0, 30.0), True), ((0.0, 1.0), False)])
def test_speeds_are_compared_only_where_hours_fall_with_age(onboarded, refused):
    """Everyone falls with the calendar; clients that joined together share that, so it makes no difference."""
    world = replace(WORLDS["A1"], onboarded=onboarded, clients=30)
    cohort = comparison.billing_cohort(fitted_months(simulate_world(world, seed=2)[0]))
    assert bool(cohort.without_drift()[1]) == refused


@pytest.mark.slow
def test_sizes_that_are_all_equal_are_compared_as_well(panel):
    alike = panel.assign(endpoints=20.0)
    found = compare_billing(alike)
    assert found.low < found.ratio < found.high
    assert 0 < found.power.smallest_ratio < 1 and 0 < found.power.bound < 1
