"""Any client-level column: planted effects are found, chance ones are not, all questions counted."""

from dataclasses import replace

import numpy as np
import pytest
from scenarios import SCENARIOS, simulate_panel

from rhem_lib.billing.comparison import compare_billing
from rhem_lib.billing.groups import cohort_of, compare_groups
from rhem_lib.decay.client_months import fitted_months
from rhem_lib.errors import NotEnoughData, ParameterError


@pytest.fixture(scope="module")
def panel():
    """Fixed-fee clients have 0.35 times the half-life; industry and score are dealt by lot."""
    made = simulate_panel(replace(SCENARIOS["S7"], clients=30, fixed_tau_ratio=0.35), seed=4)
    number = made["client"].str[-3:].astype(int)
    industry = number.map(lambda i: ("dental", "legal", "retail")[(i * 7) % 3])
    return made.assign(industry=industry, score=np.cos(number * 12.9898) * 10)


@pytest.fixture(scope="module")
def found(panel):
    return compare_groups(panel, by=["billing", "industry", "score", "endpoints"])


def test_the_planted_difference_stands_and_lots_do_not(found):
    table = found.table.set_index(["by", "group"])
    assert table.loc[("billing", "fixed-fee"), "verdict"] == "faster"
    assert (found.table.loc[found.table["by"] != "billing", "verdict"] == "no clear difference").sum() >= 4
    assert len(found.table) == 1 + 3 + 1 + 1
    assert "billing fixed-fee improves faster" in found.text
    assert f"{found.table['smallest_ratio'].min():.2f}" in found.text


@pytest.mark.slow
def test_billing_is_one_case_of_it(panel, found):
    own = found.table.set_index(["by", "group"]).loc[("billing", "fixed-fee")]
    whole = compare_billing(panel)
    assert own["ratio"] == pytest.approx(whole.ratio, rel=1e-9)
    assert own["p_value"] == pytest.approx(whole.p_value, rel=1e-9)


def test_q_values_by_hand(found):
    """Benjamini-Hochberg: the least of p times tests over rank, of this test and all with a larger p."""
    p_values, rows = np.sort(found.table["p_value"]), len(found.table)
    scaled = p_values * rows / np.arange(1, rows + 1)
    by_hand = [min(1.0, scaled[i:].min()) for i in range(rows)]
    assert found.table.sort_values("p_value")["q_value"].tolist() == pytest.approx(by_hand)


def test_small_groups_are_left_out_and_named(panel):
    rare = panel.assign(team=np.where(panel["client"] < "client 003", "a", "b"))
    result = compare_groups(rare, by="team")
    assert result.table.empty
    assert "team (no two sides of 6 clients" in result.text


def test_unknown_column_and_flat_book_are_refused(panel):
    with pytest.raises(ParameterError, match="no column 'region'"):
        compare_groups(panel, by="region")
    with pytest.raises(NotEnoughData, match="no decline"):
        compare_groups(simulate_panel(replace(SCENARIOS["S4"], clients=24), seed=3), by="billing")


def test_the_season_is_taken_out_of_two_years_and_left_in_less(panel):
    """A wave of 60% planted on all clients: what is left varies less by calendar month."""
    wave = 1 + 0.6 * np.sin(2 * np.pi * panel["month"].dt.month / 12)
    cohort = cohort_of(fitted_months(panel.assign(reactive_hours=panel["reactive_hours"] * wave)), "billing")

    def spread(rows):
        sums = rows.groupby(rows["month"].dt.month)[["reactive_hours", "exposure"]].sum()
        return (sums["reactive_hours"] / sums["exposure"]).std()

    assert spread(cohort.without_season().rows) < 0.5 * spread(cohort.rows)
    short = panel[panel["month"] < "2023-06-01"]
    cohort = cohort_of(fitted_months(short), "billing")
    assert cohort.without_season() is cohort
