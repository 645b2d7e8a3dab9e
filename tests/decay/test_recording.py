"""Signs that hours are not what they seem, and none where they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
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


def test_a_month_that_stands_out_is_no_fault_of_the_record():
    small = replace(WORLDS["H"], clients=12, months=24, onboarded=(0.0, 12.0))
    panel = simulate_world(small, seed=14)[0]
    assert found(panel).found == ("hours per ticket",)  # with that month
    fit = fit_decay(panel)
    assert len(fit.calendar.standouts) == 1 and fit.recording.found == ()


@pytest.mark.parametrize("scenario", ["S1", "S2", "S3", "S6"])
def test_nothing_is_found_in_a_record_without_faults(scenario):
    for seed in range(4):
        assert found(simulate_panel(scenario, seed=seed)).text == ""


def test_the_bound_of_rounding_is_a_quarter_hour_a_ticket():
    panel = simulate_world("G", seed=2)[0]
    line = found(panel).table.set_index("finding").loc["rounded times"]
    late = panel[panel["age_end"] > panel.groupby("client")["age_end"].transform("max") - 12]
    assert line["high"] == pytest.approx(15 * late["reactive_tickets"].sum() / late["exposure"].sum())
    # What rounding up added is known here: the same work without it.
    worked = simulate_world(replace(WORLDS["G"], rounded=0.0), seed=2)[0].loc[late.index]
    added = 60 * (late["reactive_hours"].sum() - worked["reactive_hours"].sum()) / late["exposure"].sum()
    assert line["value"] == pytest.approx(added, rel=0.1)


def test_lower_limits_allow_for_rounding_up():
    world = replace(WORLDS["G"], clients=12, months=24, onboarded=(0.0, 12.0))
    panel, truth = simulate_world(world, seed=5)
    fit = fit_decay(panel)
    level = (truth["floor_h"] + (truth["start_h"] - truth["floor_h"]) * np.exp(-12 / truth["tau_months"])).mean()
    found = fit.population.loc["rhem_12_h"]
    assert found["mean_low"] < level < found["mean_high"]
    assert found["mean_low"] == pytest.approx(fit.claim.table.loc[("level_h", "mean"), "low"])
    plain = fit_decay(panel.assign(reactive_hours=panel["reactive_hours"] * (1 + 1e-3)))
    assert plain.recording.least == 1
    assert plain.population.loc["rhem_12_h", "mean_low"] > level


@pytest.mark.slow
def test_the_months_of_a_hump_are_left_out_of_the_fit():
    panel, truth = simulate_world(replace(WORLDS["D"], clients=24, hump=0.95), seed=6)
    short = panel[(panel["age_end"] <= 3) & (panel["client"] < "client 008")]  # all that is known of these
    panel = pd.concat([panel, short.assign(client=short["client"] + " again")], ignore_index=True)
    fit = fit_decay(panel)
    level = (truth["floor_h"] + (truth["start_h"] - truth["floor_h"]) * np.exp(-12 / truth["tau_months"])).mean()
    assert "Those before month 4 are left out of the fit" in fit.text
    assert "goes from" not in fit.claim.text
    assert fit.population.loc["rhem_12_h", "mean_low"] < level < fit.population.loc["rhem_12_h", "mean_high"]
    assert fit.misfit(panel).text


def test_less_and_less_written_down_reads_as_a_warning_in_the_finding():
    fit = fit_decay(simulate_world(replace(WORLDS["F"], clients=20), seed=1)[0])
    assert fit.text.startswith("Warning: hours per ticket change by -")
    assert "of recorded hours" in fit.claim.text
    assert "halves every" not in fit.text
    assert fit.recording.table["high"].item() < 0


@pytest.mark.parametrize(("less", "flagged"), [(0.002, False), (0.02, True)])
def test_tickets_that_become_more_are_no_hours_written_down_less(less, flagged):
    panel = simulate_world(replace(WORLDS["C0"], drift=0.03, clients=20), seed=5)[0]
    months = (panel["month"].dt.year - 2022) * 12 + panel["month"].dt.month
    panel["reactive_hours"] = panel["reactive_tickets"] * 0.6 * np.exp(-less * months)
    assert found(panel, declines=False).fades == flagged


def test_a_hump_is_only_claimed_before_a_decline():
    assert found(simulate_world("D", seed=6)[0], declines=False).found == ()


def test_without_tickets_nothing_is_known_of_hours_per_ticket():
    panel = simulate_panel(replace(SCENARIOS["S3"], clients=5), seed=1).drop(columns="reactive_tickets")
    assert found(panel).found == ()
