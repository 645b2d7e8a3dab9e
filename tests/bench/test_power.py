"""Scenarios hold their truth; power rises with the effect."""

from dataclasses import replace

import numpy as np
import pandas as pd
import power
import pytest
from scenarios import SCENARIOS, simulate_panel

from rhem_lib import schema
from rhem_lib.decay.fit import fit_decay
from rhem_lib.errors import NotEnoughData, ParameterError


@pytest.fixture(scope="module")
def fit():
    return fit_decay(simulate_panel(replace(SCENARIOS["S2"], clients=30), seed=5))


@pytest.mark.parametrize("name", SCENARIOS)
def test_panels_fit_the_schema_and_repeat(name):
    panel = simulate_panel(name, seed=3)
    assert len(schema.check(panel, "panel")) == len(panel)
    assert set(panel.columns) == set(schema.columns("panel"))
    pd.testing.assert_frame_equal(panel, simulate_panel(name, seed=3))
    assert panel["client"].nunique() == SCENARIOS[name].clients
    assert np.allclose(panel["rhem_h"] * panel["exposure"], panel["reactive_hours"])


def test_mean_and_variance_of_simulated_months():
    """No spread and no shocks: E y = r and Var y = phi r^1.5 / w, within four standard errors."""
    scenario = replace(
        SCENARIOS["S1"], clients=4000, months=(1, 1), shock_sd=0.0, shape="flat", endpoints=(40, 0.0)
    )
    panel = simulate_panel(replace(scenario, start=0.5, floor=0.5), seed=1)
    variance = 2.0 * 0.5**1.5 / panel["exposure"].mean()
    assert panel["rhem_h"].mean() == pytest.approx(0.5, abs=4 * np.sqrt(variance / 4000))
    assert panel["rhem_h"].var() == pytest.approx(variance, rel=0.12)


def test_shares_and_sizes_of_billing_groups():
    panel = simulate_panel(replace(SCENARIOS["S7"], clients=400), seed=2)
    first = panel.groupby("client").first()
    assert (first["billing"] == "fixed-fee").sum() == 200
    sizes = first.groupby("billing")["endpoints"].median()
    assert 1.6 < sizes["fixed-fee"] / sizes["hourly"] < 2.6


def test_unknown_scenario_is_named():
    with pytest.raises(ParameterError, match="Known: S1"):
        simulate_panel("S99", seed=1)


def test_scenario_of_a_fit_is_near_the_truth_it_was_fitted_to(fit):
    scenario = power.scenario_of(fit)
    assert scenario.clients == 30
    assert [scenario.start, scenario.floor, scenario.tau] == pytest.approx([1.0, 0.2, 4.328], rel=0.35)
    assert scenario.shock_sd == pytest.approx(0.25, abs=0.08)
    assert scenario.phi == pytest.approx(2.0, rel=0.3)


@pytest.mark.slow
def test_a_large_effect_is_found_more_often_than_none(fit):
    large = power.billing_power(fit, clients=[24], ratio=0.25, runs=6)
    none = power.billing_power(fit, clients=[24], ratio=0.999, runs=6)
    assert large.table["answered"].iloc[0] >= 0.8
    assert none.table["answered"].iloc[0] <= 0.4
    assert large.table.loc[0, "low"] < large.table.loc[0, "answered"] <= large.table.loc[0, "high"]
    assert "24 clients" in large.text


@pytest.mark.slow
def test_a_flat_book_cannot_be_imitated():
    flat = fit_decay(simulate_panel(replace(SCENARIOS["S4"], clients=20), seed=1))
    with pytest.raises(NotEnoughData, match="no fitted decline"):
        power.billing_power(flat, clients=[20])
