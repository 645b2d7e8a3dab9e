"""Two kinds of clients: those that improve, and those that never do."""

from dataclasses import replace

import numpy as np
import pytest
from scenarios import SCENARIOS, simulate_panel
from worlds import WORLDS, simulate_world

from rhem_lib.decay import kinds
from rhem_lib.decay.fit import fit_decay


def test_where_half_never_improve_the_headline_is_the_share_that_does():
    panel, truth = simulate_world("C50", seed=3)
    fit = fit_decay(panel)
    assert fit.kinds.two
    assert fit.kinds.low < truth["improves"].mean() < fit.kinds.high
    assert "typical client" not in fit.text
    assert "typical client" not in fit.claim.text
    known = fit.kinds.improves.dropna()
    assert ((known > 0.5) == truth.loc[known.index, "improves"]).mean() > 0.9
    levels = fit.kinds.table
    assert levels.loc["improving", "level_h"] < 0.5 * levels.loc["improving", "start_h"]
    assert levels.loc["not improving", "level_h"] > 0.8 * levels.loc["not improving", "start_h"]


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


def test_share_by_hand():
    """30 of 40 known for certain: Jeffreys' limits of 30 of 40."""
    share, low, high = kinds._share(np.repeat([1.0, 0.0], [30, 10]))
    assert share == 0.75
    assert (low, high) == pytest.approx((0.602, 0.864), abs=0.002)
    assert kinds._share(np.full(40, 0.75))[2] > high


def test_mixture_of_two_points_by_hand():
    ratio = np.r_[np.full(10, -1.5), np.zeros(10)] + 0.05 * (-1.0) ** np.arange(20)
    evidence, improves = kinds._mixture(ratio, np.full(20, 0.01))
    assert evidence > 10
    assert improves[:10].min() > 0.99 > 0.01 > improves[10:].max()
