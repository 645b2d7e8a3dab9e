"""The claim under test, and what those who leave do to it; the season; unequal noise; real outages in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel, true_clients

from rhem_lib import figures
from rhem_lib.decay.curves import exponential
from rhem_lib.decay.fit import fit_decay
from rhem_lib.errors import ParameterError
from rhem_lib.settings import Target

BOOK = replace(SCENARIOS["S2"], clients=40, months=(18, 30), season=0.0, leaving=False)


@pytest.fixture(scope="module")
def claim():
    return fit_decay(simulate_panel(BOOK, seed=4)).claim


def test_three_averages_hold_the_truth_of_their_own(claim):
    """The mean and the portfolio are those of these very clients; 99.9% margins around 95% intervals."""
    truth, panel = true_clients(BOOK, seed=4), simulate_panel(BOOK, seed=4)
    size = panel.groupby("client")["exposure"].mean().loc[truth.index]
    level = exponential(12.0, *truth.to_numpy().T)
    expected = {
        ("level_h", "typical"): 0.25,
        ("level_h", "mean"): level.mean(),
        ("level_h", "portfolio"): np.average(level, weights=size),
        ("start_h", "mean"): truth["start_h"].mean(),
        ("start_h", "portfolio"): np.average(truth["start_h"], weights=size),
    }
    for key, value in expected.items():
        estimate, low, high = np.log(claim.table.loc[key, ["estimate", "low", "high"]].astype(float))
        assert abs(estimate - np.log(value)) < 1.75 * (high - low) / 2, key
    share = claim.table.loc[("share_at_target", "mean")]
    assert share["low"] <= (level <= 0.25).mean() <= share["high"]
    assert claim.table.loc[("level_h", "typical"), "estimate"] < claim.table.loc[("level_h", "mean"), "estimate"]


def test_the_claim_is_told_for_all_three(claim):
    for words in ("the typical client", "the mean of the clients", "the portfolio", "At or under 15 minutes"):
        assert words in claim.text
    assert set(claim.summary().index.get_level_values("of")) == {"typical", "mean", "portfolio"}


def test_leavers_are_set_against_stayers():
    """Ten clients leave after 6 months at twice the others' level, and would have stayed there."""
    panel = simulate_panel(replace(SCENARIOS["S1"], clients=30, months=(24, 24)), seed=2)
    panel["month"] = [pd.Timestamp("2023-01-01") + pd.DateOffset(months=int(a)) for a in panel["age_start"]]
    gone = panel["client"].isin(panel["client"].unique()[:10])
    panel.loc[gone, "reactive_hours"] *= 2
    fit = fit_decay(panel[~gone | (panel["age_start"] < 6)])
    leaving = fit.claim.leaving
    assert leaving["clients"].to_dict() == {"stayed": 20, "left": 10}
    assert leaving.loc["left", "low"] > leaving.loc["stayed", "high"]
    moved = fit.claim.table.loc[("level_h", "mean")]
    at_6 = np.mean([fit.predict(c, age_months=[6.0])["estimate"].iloc[0] for c in panel["client"].unique()[:10]])
    at_12 = np.mean([fit.predict(c, age_months=[12.0])["estimate"].iloc[0] for c in panel["client"].unique()[:10]])
    assert moved["if_stayed"] - moved["estimate"] == pytest.approx((at_6 - at_12) / 3, rel=0.15)
    assert "The 10 clients that left" in fit.claim.text
    assert fit.claim.table["if_stayed"].drop("typical", level="of").notna().all()


def test_without_a_calendar_nobody_is_known_to_have_left():
    fit = fit_decay(simulate_panel(BOOK, seed=4).drop(columns="month"))
    assert fit.claim.leaving.empty
    assert "It is not known who left" in fit.claim.text


def months_of(clients, months):
    """All onboarded on the same day and served for so many months each."""
    panel = simulate_panel(replace(SCENARIOS["S1"], clients=clients, months=(24, 24)), seed=2)
    panel["month"] = [pd.Timestamp("2023-01-01") + pd.DateOffset(months=int(a)) for a in panel["age_start"]]
    served = dict(zip(panel["client"].unique(), months, strict=True))
    return panel[panel["age_start"] < panel["client"].map(served)]


@pytest.mark.many_cases
@pytest.mark.parametrize(("left", "words"), [(0, "Nobody is known"), (1, "1 of 10"), (9, "9 of 10")])
def test_few_leavers_are_counted_and_not_compared(left, words):
    claim = fit_decay(months_of(10, [9] * left + [24] * (10 - left))).claim
    assert claim.leaving["clients"].to_dict() == {"stayed": 10 - left, "left": left}
    assert words in claim.text
    assert "would be" not in claim.text


def test_a_client_with_hours_has_not_left_when_its_endpoint_list_ends():
    panel = months_of(10, [24] * 10)
    panel.loc[panel["client"].isin(panel["client"].unique()[:4]) & (panel["age_start"] >= 20), "exposure"] = 0.0
    assert fit_decay(panel).claim.leaving.loc["left", "clients"] == 0


@pytest.mark.slow
def test_a_season_that_imitates_a_fall_is_told_apart():
    """All clients start in one month and are watched for half a year: the wave's fall looks like a decline."""
    book = replace(SCENARIOS["S4"], clients=60, months=(30, 30), start=0.5, floor=0.5, leaving=False, season=0.3)
    fit = fit_decay(simulate_panel(book, seed=3), season=True)
    a, b = fit.season.wave
    assert a == pytest.approx(0.3, abs=0.06)
    assert b == pytest.approx(0.0, abs=0.06)
    assert fit.season.p_value < 1e-6
    assert "most in April" in fit.season.text
    assert fit.season.factor([4, 10]) == pytest.approx([np.exp(a), np.exp(-a)], rel=0.05)
    quiet = fit_decay(simulate_panel(replace(book, season=0.0), seed=3), season=True)
    assert quiet.season.p_value > 0.01
    name = fit.clients.index[0]
    assert fit.forecast(name, months=12)["rhem_h"].max() > 1.4 * fit.forecast(name, months=12)["rhem_h"].min()
    with pytest.raises(ParameterError, match="column month"):
        fit_decay(simulate_panel(book, seed=3).drop(columns="month"), season=True)


def test_a_noisy_client_counts_less_and_is_called_irregular():
    panel = simulate_panel(replace(SCENARIOS["S1"], clients=12, months=(24, 24)), seed=5)
    rng = np.random.default_rng(0)
    wild = panel["client"] == "client 003"
    panel.loc[wild, "reactive_hours"] *= rng.gamma(0.25, 4.0, wild.sum())
    fit = fit_decay(panel)
    noise = dict(zip(fit.names, fit.core.model.months.noise[:, 0], strict=True))
    assert max(noise, key=noise.get) == "client 003"
    assert fit.clients.loc["client 003", "follows"] == "irregular"
    assert (fit.clients["follows"] == "decaying").sum() == 11
    calm = fit_decay(panel[~wild])
    assert (calm.core.model.months.noise == 1).all()
    assert fit.population.loc["rhem_12_h", "estimate"] == pytest.approx(
        calm.population.loc["rhem_12_h", "estimate"], rel=0.06
    )


def test_what_is_said_of_each_los_alamos_system(lanl_folder):
    """Read off the plot of months: 18 comes down from about 26 to 14 minutes; 3, 5 and 6 have no trend, and 19 has
    one or two bad months early and late; 9 and 10 jump between nothing and hours, so that no path can be seen; 21
    has four months. 17 has no node count, 22 no date of production.
    """
    import rhem_lib as rhem

    fit = fit_decay(rhem.measure(rhem.load(lanl_folder)))
    groups = fit.clients["follows"].groupby(fit.clients["follows"]).groups
    assert {word: {name.removeprefix("System ") for name in names} for word, names in groups.items()} == {
        "decaying": {"18"},
        "flat": {"3", "5", "6", "19"},
        "irregular": {"9", "10"},
        "too-early": {"21"},
    }
    assert fit.left_out == ("System 17", "System 22")
    assert fit.text.endswith("unknown: System 17, System 22.")
    assert not fit.gate.declines


def test_follows_another_target_in_numbers_names_and_words():
    """The level at month 18 is that of the same curve; 12 months, 15 and 60 minutes appear nowhere."""
    panel = simulate_panel(replace(SCENARIOS["S1"], clients=12, months=(24, 24)), seed=5)
    usual, fit = fit_decay(panel), fit_decay(panel, target=Target(start_h=2.0, target_h=0.5, months=18))
    at_18 = usual.predict(age_months=18.0).iloc[0]
    assert fit.population.loc["rhem_18_h", "estimate"] == pytest.approx(at_18["estimate"])
    assert fit.claim.table.loc[("level_h", "typical"), "low"] == pytest.approx(at_18["low"])
    assert {"rhem_18_h", "rhem_18_h_low", "p_target_36"} <= set(fit.clients)
    assert not {"rhem_12_h", "p_target_24"} & {*fit.clients, *fit.population.index}
    assert (fit.clients["p_target_36"] >= usual.clients["p_target_24"]).all()
    for text in (fit.text, fit.claim.text):
        assert "a fall from 120 to 30 minutes within 18 months" in text
        assert "month 12" not in text
        assert "12 months" not in text
    assert "At or under 30 minutes by then" in fit.claim.text


def test_a_figure_of_the_claim_shows_only_what_may_be_claimed(claim):
    """Without a typical client, and without a start that was seen."""
    sight = replace(claim.sight, who={"mean": "the mean of the clients", "portfolio": "the portfolio"}, seen=0)
    ax = figures.claim(replace(claim, sight=sight))
    assert "typical" not in ax.figure.get_suptitle()
    assert "onboarding" not in ax.get_xlabel()
    assert "onboarding" in figures.claim(claim).get_xlabel()
