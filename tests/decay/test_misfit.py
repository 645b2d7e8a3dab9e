"""Where a fit misses its own data: nothing where it is right, the place where it is not."""

from dataclasses import replace

import numpy as np
import pytest
from scenarios import SCENARIOS, simulate_panel
from scipy.stats import kstest

from rhem_lib.decay.fit import fit_decay
from rhem_lib.errors import ParameterError

BOOK = replace(SCENARIOS["S1"], clients=30, endpoints=(20.0, 0.5))


@pytest.fixture(scope="module")
def panel():
    return simulate_panel(BOOK, seed=4)


def test_residuals_of_the_right_model_are_standard_normal(panel):
    found = fit_decay(panel).misfit(panel)
    assert kstest(found.residuals["residual"], "norm").pvalue > 0.01
    assert len(found.residuals) == len(panel)
    for name in ("age", "calendar", "size"):
        assert f"By {name} hours lie on the curves" in found.text
    for seen, low, high in (found.zeros, found.highest):
        assert low <= seen <= high


def test_hours_off_the_curve_are_named_where_they_are(panel):
    factor = np.where(panel["age_months"].between(6, 12), 2.0, 1.0)
    wrong = panel.assign(reactive_hours=panel["reactive_hours"] * factor)
    text = fit_decay(wrong).misfit(wrong).text
    assert "By age hours lie off the curves, in standard deviations: " in text
    assert "months 6 to 12 (+" in text
    assert "By size hours lie on the curves" in text


def test_more_months_without_hours_than_the_model_draws_are_seen(panel):
    hours = np.where(np.arange(len(panel)) % 7 == 3, 0.0, panel["reactive_hours"])
    wrong = panel.assign(reactive_hours=hours)
    seen, _, high = fit_decay(wrong).misfit(wrong).zeros
    assert seen == pytest.approx(1 / 7, abs=0.02)
    assert seen > high


def test_without_a_fit_there_is_no_misfit(panel):
    few = panel[panel["client"] == panel["client"].iloc[0]]
    with pytest.raises(ParameterError, match="there is no fit"):
        fit_decay(few).misfit(few)
