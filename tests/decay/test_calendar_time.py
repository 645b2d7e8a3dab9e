"""Worlds in which everyone's hours drift with the calendar, or most clients are old, or one month stands out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel
from worlds import WORLDS, simulate_world

from rhem_lib.decay import calendar_time, mixed_model
from rhem_lib.decay.client_months import client_order, fitted_months, lay_out, padded
from rhem_lib.decay.decline_test import Gate, check_decline, own_falls
from rhem_lib.decay.fit import fit_decay


@pytest.fixture(scope="module")
def drifting():
    return fit_decay(simulate_world("A1", seed=1)[0])


def test_a_fall_with_the_calendar_is_no_fall_with_age(drifting):
    found = drifting.calendar
    assert found.verdict == "drift"
    assert found.low < np.expm1(-0.04) < found.high < 0
    assert not drifting.gate.declines
    assert drifting.clients["half_life_months"].isna().all()
    assert found.table["with_estimate"]["start_h"]["typical"] > 1.2 * found.table["estimate"]["start_h"]["typical"]
    assert drifting.text.startswith("No decline detected for all together over 40 clients")
    assert "Whatever the age of a client, hours fall by" in drifting.text
    assert "No cohort effect is assumed" in drifting.text
    assert (
        "No decline is detected. Everyone's drift by calendar time is taken out, to the level"
        in drifting.claim.text
    )


def test_of_two_kinds_the_drift_is_worded_of_their_mean(drifting):
    found = drifting.calendar
    assert "the typical client seems to go" in found.text
    assert "the mean of the clients seems to go" in replace(found, of="mean").text
    unknown = found.table.assign(with_estimate=np.nan)
    assert "seems to go" not in replace(found, of="mean", verdict="open", table=unknown).text


@pytest.mark.parametrize(("world", "drift"), [("A1", -0.04), ("C0", 0.0)])
def test_clients_that_are_flat_share_no_drift_with_a_slow_fall(world, drift):
    """Curves of these seeds took up a third of the drift, and a drift that is not there."""
    fit = fit_decay(simulate_world(world, seed=132002 if drift else 131000)[0])
    assert fit.calendar.low < np.expm1(drift) < fit.calendar.high
    assert fit.calendar.verdict == ("drift" if drift else "none")
    assert not fit.gate.declines


def test_the_path_of_a_client_and_its_forecast_have_the_drift_in_them(drifting):
    name = drifting.names[-1]
    month = drifting.core.drift.month(drifting.core.model.months.age_end[-1, 0] - 0.5, len(drifting.names) - 1)
    path = drifting.predict(name, age_months=[12.0, 24.0])["estimate"]
    assert month == pytest.approx(0, abs=36)
    assert path[1] / path[0] == pytest.approx((1 + drifting.calendar.drift) ** 12, rel=0.15)
    own = drifting.clients.loc[name]
    ahead = drifting.forecast(name, months=2)
    assert ahead["rhem_h"].mean() == pytest.approx(own["rhem_now_h"], rel=0.25)
    assert own["rhem_now_h"] < 0.6 * own["rhem_12_h"]


@pytest.mark.many_cases
@pytest.mark.parametrize(("drift", "sign"), [(-0.03, -1), (0.03, 1)])
def test_decay_and_drift_are_told_apart(drift, sign):
    fit = fit_decay(simulate_world(replace(WORLDS["A3"], drift=drift), seed=2)[0])
    truth = 0.2 + 0.8 * np.exp(-12 / 4.328)
    level = fit.population.loc["rhem_12_h"]
    assert np.sign(fit.calendar.drift) == sign
    assert fit.gate.declines
    assert level["low"] < truth < level["high"]


@pytest.mark.slow
def test_no_drift_is_found_in_a_portfolio_without_one():
    fit = fit_decay(simulate_panel(replace(SCENARIOS["S2"], clients=30), seed=5))
    assert fit.calendar.verdict == "none"
    assert fit.calendar.low < 0 < fit.calendar.high
    assert "No drift of everyone's hours by calendar time is seen" in fit.text


def test_the_end_of_a_fall_that_was_not_seen_is_no_drift_beyond_doubt():
    fit = fit_decay(simulate_world("B2", seed=131002)[0])
    assert fit.calendar.verdict == "open"
    assert "seems to go to 13 minutes" in fit.text
    assert "halves every" not in fit.text


def test_clients_that_all_joined_at_once_cannot_tell_age_from_calendar():
    together = replace(WORLDS["A3"], onboarded=(0.0, 1.0), clients=12, months=20)
    fit = fit_decay(simulate_world(together, seed=3)[0])
    assert fit.calendar.verdict == "open"
    assert "cannot be told, since all clients joined at about the same time" in fit.text
    assert "halves every" not in fit.text
    assert "Whether hours fall with age or with the calendar cannot be told;" in fit.claim.text


def test_a_panel_without_months_says_nothing_of_the_calendar():
    panel = simulate_panel(replace(SCENARIOS["S3"], clients=6), seed=1).drop(columns="month")
    fit = fit_decay(panel)
    assert fit.calendar.verdict == "unknown"
    assert fit.calendar.text == ""


@pytest.mark.slow
def test_a_month_of_many_hours_for_half_the_clients_is_named_and_left_out():
    panel, _ = simulate_world("H", seed=4)
    usual = fit_decay(panel)
    odd = usual.calendar.standouts
    assert len(odd) == 1
    month = odd["month"].item()
    assert f"{month:%B %Y} is left out of the fit" in usual.text
    again = fit_decay(panel[panel["month"] != month])
    pd.testing.assert_frame_equal(again.population, usual.population, rtol=0.02)


def test_months_of_chance_do_not_stand_out():
    rows = fitted_months(simulate_panel("S3", seed=9)).reset_index(drop=True)
    assert fit_decay(rows).calendar.standouts.empty


@pytest.mark.parametrize(("world", "declines"), [("B1", True), ("B1 flat", False)])
def test_old_clients_do_not_hide_a_decline_of_new_ones(world, declines):
    for seed in range(4):
        rows = fitted_months(simulate_world(world, seed=seed)[0])
        gate = check_decline(lay_out(rows, client_order(rows)))
        assert gate.declines == declines
        assert gate.seen == 8


@pytest.mark.parametrize(("world", "declines"), [("B1", True), ("B1 flat", False)])
def test_most_of_few_young_clients_show_a_decline_by_their_own_months(world, declines):
    """Of 13 clients 3 were seen from the start, whose ratios scatter too much for an interval of their mean."""
    few = replace(WORLDS[world], clients=13, old_share=10 / 13)
    fit = fit_decay(simulate_world(few, seed=230001)[0])
    assert (fit.gate.seen, fit.gate.high > 0) == (3, True)
    assert fit.gate.declines == declines
    assert fit.calendar.verdict == "none"
    assert ("Most of the 3 clients seen from the start fall" in fit.gate.text) == declines
    assert ("No decline detected for all together" in fit.text) != declines


@pytest.mark.parametrize("world", ["C0", "C100"])
def test_a_clients_own_fall_allows_for_a_drift_in_doubt(world):
    """Flat clients whose hours drift by -3% a month fall by their own months, until the drift is allowed for."""
    rows = fitted_months(simulate_world(replace(WORLDS[world], drift=-0.03, clients=16), seed=7)[0])
    names = client_order(rows)
    fit = mixed_model.fit(lay_out(rows, names))
    doubtful = replace(fit, doubt=mixed_model.Drift(-0.03, 0.003))
    calendar = padded(rows, names, calendar_time.calendar_months(rows["month"]), 0.0)
    plain, allowed = own_falls(doubtful), own_falls(doubtful, calendar)
    assert np.median(plain) < 0.05
    assert (np.median(allowed) < 0.01) == (world == "C100")
    gate = check_decline(fit.model.months)
    assert gate.with_own(plain, fit.model.months).some
    assert gate.with_own(allowed, fit.model.months).some == (world == "C100")


@pytest.mark.parametrize(
    ("log", "some", "verdict"), [(-0.03, False, "open"), (-0.03, True, "none"), (-0.005, False, "none")]
)
def test_what_a_likely_drift_leaves_of_a_fall_must_be_shown_by_clients(log, some, verdict):
    falls, less = Gate(-1.0, -1.2, -0.8, 0.0, lag=20), Gate(-0.3, -0.55, -0.05, 0.02, lag=20, some=some)
    gates = calendar_time.Gates(plain=falls, doubted=less)
    month = pd.Series(pd.to_datetime(["2024-01-01"]))
    found = calendar_time.calendar_of(mixed_model.Drift(log, 0.004), gates, month, pd.DataFrame(), pd.DataFrame())
    assert found.verdict == verdict


def test_at_least_two_of_three_by_hand():
    months = lay_out(rows := fitted_months(simulate_panel("S3", seed=9)), client_order(rows)).part(np.arange(3))
    gate = replace(check_decline(months), high=1.0)
    for greatest, declines in ((0.03, True), (0.3, False)):  # Fisher: a = p q, a (1 - log a)
        found = gate.with_own(np.array([greatest, 1e-9, 0.02]), months)
        both = 0.02 * greatest
        assert found.most == pytest.approx(both * (1 - np.log(both)))
        assert found.declines == declines


def test_where_most_clients_are_old_the_text_says_whose_start_it_is():
    text = fit_decay(simulate_world(replace(WORLDS["B1"], clients=20), seed=1)[0]).text
    assert "4 of 20 clients were seen from the start" in text
    assert "Most clients were not seen young, so the start is that of those who were." in text
    assert "Not seen from the start, so that they may have fallen before: 16 of the flat ones." in text


def test_a_start_that_was_not_seen_is_claimed_nowhere():
    fit = fit_decay(simulate_world(replace(WORLDS["B2"], clients=12, months=18), seed=1)[0])
    assert "so the start is a guess" in fit.text
    assert "The start is not seen." in fit.claim.text
    assert "from onboarding" not in fit.claim.text


def test_one_client_that_falls_keeps_its_half_life_among_flat_ones():
    flat = simulate_world(replace(WORLDS["C0"], clients=9), seed=2)[0]
    falling, truth = simulate_world(replace(WORLDS["C100"], clients=1, onboarded=(0.0, 0.5)), seed=3)
    fit = fit_decay(pd.concat([flat, falling.assign(client="Falling Ltd")]))
    own = fit.clients.loc["Falling Ltd"]
    assert not fit.gate.declines
    assert fit.population["estimate"].isna()["half_life_months"]
    assert own["half_life_months_low"] < truth["tau_months"].item() * np.log(2) < own["half_life_months_high"]
    assert fit.clients["half_life_months"].notna().sum() == 1
    assert "Falling beyond doubt by their own months, with a half-life each: Falling Ltd." in fit.text


def test_a_small_flat_client_does_not_lean_on_large_falling_ones():
    """Its own months are all that counts: they are the same in both portfolios, and so is its evidence."""
    small = simulate_world(replace(WORLDS["C0"], clients=1), seed=12)[0].assign(client="Small")
    evidence = []
    for world in ("C0", "C100"):
        others = simulate_world(replace(WORLDS[world], clients=9), seed=4)[0]
        rows = fitted_months(pd.concat([others, small]))
        names = client_order(rows)
        p_values = own_falls(mixed_model.fit(lay_out(rows, names)))
        evidence.append(p_values[names.index("Small")])
        others_fall = np.median(np.delete(p_values, names.index("Small"))) < 0.01
        assert others_fall == (world == "C100")
    assert evidence[0] == pytest.approx(evidence[1], abs=0.1)
    assert min(evidence) > 0.05


@pytest.mark.slow
def test_a_yearly_wave_is_no_drift(monkeypatch):
    """A wave over 27 months, which alone looks like a trend, moves the drift only where it is left in."""
    rows = fitted_months(simulate_panel(replace(SCENARIOS["S4"], clients=20, season=0.0), seed=3))
    rows = rows[rows["month"] < rows["month"].min() + pd.DateOffset(months=27)]
    wave = 1 + 0.4 * np.cos(2 * np.pi * (rows["month"].dt.month - 1) / 12)
    names = client_order(rows)

    def drift(hours):
        months = rows.assign(reactive_hours=hours)
        return calendar_time.drift_of(mixed_model.fit(lay_out(months, names)), months, names)[0].log

    plain, waved = drift(rows["reactive_hours"]), drift(rows["reactive_hours"] * wave)
    monkeypatch.setattr(calendar_time, "MONTHS_FOR_WAVE", 100)
    left_in = drift(rows["reactive_hours"] * wave)
    assert abs(waved - plain) < abs(left_in - plain) / 3


def test_the_error_of_a_drift_covers_a_rival_that_is_not_ruled_out():
    found = mixed_model.Drift(log=0.0, error=0.005, evidence=4.0)
    assert calendar_time._covering(found, -0.02, gain=1.0).error == pytest.approx(0.02 / 1.96, rel=1e-3)
    assert calendar_time._covering(found, -0.02, gain=0.1).error == 0.005


def test_calendar_months_by_hand():
    months = pd.Series(pd.to_datetime(["2024-11-01", "2025-02-01", "2024-12-01"]))
    assert calendar_time.calendar_months(months).tolist() == [0.0, 3.0, 1.0]
