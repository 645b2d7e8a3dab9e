"""Signs that hours are not what they seem, and none where they are."""

from dataclasses import replace

import pytest
from scenarios import SCENARIOS, simulate_panel
from worlds import WORLDS, simulate_world

from rhem_lib.decay.client_months import fitted_months
from rhem_lib.decay.fit import fit_decay
from rhem_lib.decay.recording import check_recording


def found(panel, declines=True):
    return check_recording(fitted_months(panel), declines=declines)


FAULTS = {
    "F": ("hours per ticket", "Less may be written down from month to month, or tickets are solved faster"),
    "G": ("rounded times", "All times are multiples of 15 minutes."),
    "D": ("hump", "Hours rise before they fall"),
    "E": ("growth", "a client falls more slowly than an endpoint does"),
}


@pytest.mark.parametrize("world", FAULTS)
def test_each_fault_of_the_record_is_named(world):
    finding, words = FAULTS[world]
    check = found(simulate_world(world, seed=6)[0], declines=world != "F")
    assert check.found == (finding,)
    assert words in check.text


@pytest.mark.parametrize("scenario", ["S1", "S2", "S3", "S6"])
def test_nothing_is_found_in_a_record_without_faults(scenario):
    for seed in range(4):
        assert found(simulate_panel(scenario, seed=seed)).text == ""


def test_the_bound_of_rounding_is_a_quarter_hour_a_ticket():
    panel = simulate_world("G", seed=2)[0]
    line = found(panel).table.set_index("finding").loc["rounded times"]
    late = panel[panel["age_end"] > panel.groupby("client")["age_end"].transform("max") - 12]
    assert line["value"] == pytest.approx(15 * late["reactive_tickets"].sum() / late["exposure"].sum())


def test_less_and_less_written_down_reads_as_a_warning_in_the_finding():
    fit = fit_decay(simulate_world(replace(WORLDS["F"], clients=20), seed=1)[0])
    assert "Warning: hours per ticket change by -" in fit.text
    assert fit.recording.table["high"].item() < 0


def test_a_hump_is_only_claimed_before_a_decline():
    assert found(simulate_world("D", seed=6)[0], declines=False).found == ()


def test_without_tickets_nothing_is_known_of_hours_per_ticket():
    panel = simulate_panel(replace(SCENARIOS["S3"], clients=5), seed=1).drop(columns="reactive_tickets")
    assert found(panel).found == ()
