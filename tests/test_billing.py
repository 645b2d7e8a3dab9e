"""Billing comparison: known truth, null, swapped labels, refusals."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from rhem_lib.billing import client_profile, compare_billing
from rhem_lib.book import fitted_months
from rhem_lib.scenarios import SCENARIOS, simulate_panel

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
    assert found.table["p_value"].iloc[2] < 0.05
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
    assert first["analysis"].startswith("adjusted for size")
    assert found.groups["half_life_months"].iloc[0] / found.groups["half_life_months"].iloc[1] == pytest.approx(
        found.ratio
    )


def test_swapped_labels_give_the_inverse(panel, found):
    swap = {"fixed-fee": "hourly", "hourly": "fixed-fee"}
    other = compare_billing(panel.assign(billing=panel["billing"].map(swap)))
    assert other.verdict == "slower"
    assert other.ratio == pytest.approx(1 / found.ratio, rel=1e-5)


def test_row_order_and_unit_of_hours_do_not_matter(panel, found):
    other = panel.sample(frac=1, random_state=2)
    other = compare_billing(other.assign(reactive_hours=60 * other["reactive_hours"]))
    assert other.ratio == pytest.approx(found.ratio, rel=1e-6)
    assert other.p_value == pytest.approx(found.p_value, rel=1e-4)


def test_smallest_ratio_and_clients_needed_agree(found):
    """What this book can show and what a ratio of 0.7 needs come from one standard error."""
    error = np.log(found.high / found.ratio) / found.core.quantile
    assert np.log(found.power.smallest_ratio) == pytest.approx(-error * (found.core.quantile + 0.86), rel=0.01)
    assert found.power.clients_needed == pytest.approx(30 * (2.8016 * error / np.log(0.7)) ** 2, abs=1)


def test_curves_by_group_start_and_fall(found):
    curve = found.predict(age_months=[0.0, 12.0])
    assert curve["billing"].tolist() == ["fixed-fee"] * 2 + ["hourly"] * 2
    assert curve["estimate"].iloc[0] == pytest.approx(found.groups.loc["fixed-fee", "start_h"])
    assert (curve["low"] < curve["estimate"]).all()
    assert pickle.loads(pickle.dumps(found)).ratio == found.ratio


@pytest.mark.parametrize("seed", [1, 2])
def test_no_effect_is_not_called_one(seed):
    result = compare_billing(simulate_panel(replace(SCENARIOS["S6"], clients=30), seed=seed))
    assert result.verdict == "no clear difference"
    assert f"{result.power.smallest_ratio:.2f}" in result.text


def test_first_known_billing_counts_and_other_models_are_left_out(panel):
    switched = panel.copy()
    last = switched.groupby("client").cumcount() > 5
    switched.loc[last, "billing"] = "hourly"
    switched.loc[~last & (switched.groupby("client").cumcount() == 0), "billing"] = None
    assert client_profile(fitted_months(switched))["fixed"].sum() == 15
    blocks = panel.assign(billing=panel["billing"].where(panel["client"] > "client 009", "block-hours"))
    assert len(client_profile(fitted_months(blocks))) == 20


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


def test_flat_book_has_no_speed_to_compare():
    result = compare_billing(simulate_panel(replace(SCENARIOS["S4"], clients=24), seed=3))
    assert result.verdict == "too early to tell"
    assert "no decline" in result.text


@pytest.mark.slow
def test_type_one_error_and_coverage():
    """60 null books of 24 clients: rejections no more than chance allows at 5 %."""
    results = [compare_billing(simulate_panel(replace(SCENARIOS["S6"], clients=24), seed=s)) for s in range(60)]
    rejected = sum(r.p_value < 0.05 for r in results)
    assert binomtest(rejected, 60, 0.05, alternative="greater").pvalue > 0.01
    assert abs(np.mean([np.log(r.ratio) for r in results])) < 0.12
