"""Two kinds of clients: those that improve, and those that never do."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scenarios import SCENARIOS, simulate_panel
from worlds import WORLDS, simulate_world

from rhem_lib.decay import kinds
from rhem_lib.decay.fit import fit_decay
from rhem_lib.decay.posterior import draw_clients

NO_DRIFT = SimpleNamespace(drift=None, doubt=None)
RNG = np.random.default_rng(0)


def test_where_half_never_improve_the_headline_is_the_share_that_does():
    panel, truth = simulate_world("C50", seed=3)
    fit = fit_decay(panel)
    assert fit.kinds.two
    assert fit.kinds.low < truth["improves"].mean() < fit.kinds.high
    assert "typical client" not in fit.text
    assert "typical client" not in fit.claim.text
    few = replace(fit.claim, sight=replace(fit.claim.sight, declines=False))
    assert "No decline of their mean is detected." in few.text
    assert fit.calendar.of == "mean"
    known = fit.kinds.improves.dropna()
    assert ((known > 0.5) == truth.loc[known.index, "improves"]).mean() > 0.9
    levels = fit.kinds.table
    assert levels.loc["improving", "level_h"] < 0.5 * levels.loc["improving", "start_h"]
    assert levels.loc["not improving", "level_h"] > 0.8 * levels.loc["not improving", "start_h"]


def test_where_age_and_calendar_are_one_no_share_improves():
    together = replace(WORLDS["C50"], onboarded=(0.0, 1.0), clients=16, months=24)
    fit = fit_decay(simulate_world(together, seed=3)[0])
    assert fit.kinds.two
    assert fit.calendar.verdict == "open"
    assert "which share improves with age is unclear" in fit.text
    assert "0% to 100% may do so" in fit.text
    assert "improve, from" not in fit.text


def test_the_share_takes_in_the_drifts_that_the_data_allow_for():
    fit = fit_decay(simulate_world(replace(WORLDS["C50"], drift=-0.01, clients=24), seed=132200)[0])
    core = replace(fit.core, doubt=replace(fit.core.doubt, log=-0.01, error=0.005))
    sure, doubtful = (
        kinds.two_kinds(x, list(fit.names), fit.clients["follows"], draw_clients(core, 50, RNG), fit.target)
        for x in (replace(core, doubt=None), core)
    )
    assert sure.share == doubtful.share
    assert doubtful.low < sure.low - 0.01


@pytest.mark.many_cases
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_all_are_alike_there_is_one_kind(share):
    for seed in range(2):
        fit = fit_decay(simulate_world(replace(WORLDS["C50"], improving=share, clients=24), seed=seed)[0])
        assert not fit.kinds.two
        assert "two kinds" not in fit.text


def test_clients_not_seen_for_a_year_are_of_no_kind():
    fit = fit_decay(simulate_panel(replace(SCENARIOS["S3"], months=(5, 10)), seed=2))
    assert fit.kinds.improves.isna().all()
    assert not fit.kinds.two
    assert fit.kinds.text.startswith("Fewer than 8 clients were seen from the start for a year")


def test_limits_of_a_share_by_hand():
    """30 of 40 that surely improve have those of a binomial's likelihood; where nothing is known, any share is."""
    ratio = np.r_[np.full(30, -1.5), np.zeros(10)]
    shares = np.linspace(0.005, 0.995, 100)
    log = 30 * np.log(shares) + 10 * np.log(1 - shares)
    inside = shares[log.max() - log <= 1.921]
    assert kinds._limits(ratio, np.full(40, 1e-3), np.zeros(40), NO_DRIFT) == pytest.approx(
        (inside.min(), inside.max()), abs=0.011
    )
    assert kinds._limits(np.full(40, -0.05), np.ones(40), np.zeros(40), NO_DRIFT) == (0.005, 0.995)


def test_mixture_of_two_points_by_hand():
    ratio = np.r_[np.full(10, -1.5), np.zeros(10)] + 0.05 * (-1.0) ** np.arange(20)
    evidence, improves = kinds._mixture(ratio, np.full(20, 0.01))
    assert evidence > 10
    assert improves[:10].min() > 0.99 > 0.01 > improves[10:].max()
