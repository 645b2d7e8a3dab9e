"""Forecasts: they hold what came, they beat the obvious alternatives, and the score itself is right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from backtest import OURS, RIVALS, Backtest, backtest, crps
from scenarios import SCENARIOS, simulate_panel
from scipy.stats import norm

from rhem_lib import figures
from rhem_lib.decay import posterior
from rhem_lib.decay.fit import fit_decay
from rhem_lib.decay.forecast import forecast_months
from rhem_lib.decay.mixed_model import Drift
from rhem_lib.errors import ParameterError

BOOK = replace(SCENARIOS["S2"], clients=25, months=(8, 30))


@pytest.fixture(scope="module")
def panel():
    return simulate_panel(BOOK, seed=21)


def test_crps_of_a_normal_forecast_against_its_closed_form():
    """Gneiting & Raftery (2007), eq. 21: for N(0, 1), y (2 F(y) - 1) + 2 f(y) - 1 / sqrt(pi)."""
    draws = norm.ppf((np.arange(20000) + 0.5) / 20000)
    for y in (0.0, 0.7, -2.0):
        expected = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
        assert float(crps(draws, np.array(y))) == pytest.approx(expected, abs=1e-4)
    assert float(crps(np.array([2.0]), np.array(5.0))) == 3.0


def test_a_client_is_forecast_from_its_own_last_month(panel):
    fit = fit_decay(panel)
    name = fit.clients.index[2]
    own = panel[panel["client"] == name]
    table = fit.forecast(name, months=6)
    assert table["months_ahead"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["month"].iloc[0] == own["month"].max() + pd.DateOffset(months=1)
    assert table["age_months"].iloc[0] == pytest.approx(own["age_end"].max() + 0.5)
    assert table["exposure"].iloc[0] == pytest.approx(own["endpoints"].iloc[-1])
    path = fit.predict(name, age_months=table["age_months"])
    assert (table["low"] < path["estimate"]).all() and (path["estimate"] < table["high"]).all()
    assert (table["high"] - table["low"] > path["high"] - path["low"]).all(), "a month scatters around its curve"
    small = fit.forecast(name, exposure=2.0)
    assert (small["high"] > table["high"]).all(), "few endpoints scatter more"
    pd.testing.assert_frame_equal(fit.forecast(name), table)


def test_no_fit_no_forecast(panel):
    few = panel[panel["client"].isin(panel["client"].unique()[:2])]
    assert fit_decay(few).forecast(few["client"].iloc[0]).empty


def test_backtest_scores_every_method_on_the_same_months(panel):
    scores = backtest(panel, origins=2)
    cells = scores.table.groupby("method")[["origin", "client", "horizon", "observed"]].apply(
        lambda part: tuple(map(tuple, part.to_numpy()))
    )
    assert set(cells.index) == {OURS, *RIVALS}
    assert cells.nunique() == 1
    assert (scores.table["crps"] >= 0).all()
    assert "error score of this fit" in scores.text
    rows = panel.set_index(["client", "month"])["rhem_h"]
    one = scores.table.iloc[0]
    assert one["observed"] == pytest.approx(
        rows[one["client"], one["origin"] + pd.DateOffset(months=one["horizon"])]
    )


@pytest.mark.slow
def test_the_future_does_not_leak(panel):
    """Hours after the last origin that is scored may change nothing but what is observed."""
    cut = panel["month"].sort_values().unique()
    origin = cut[len(cut) // 3]
    changed = panel.copy()
    changed.loc[changed["month"] > origin, "reactive_hours"] *= 3
    first = [t[t["origin"] == origin]["point"] for t in (backtest(p, origins=2).table for p in (panel, changed))]
    assert len(first[0]) > 0
    np.testing.assert_array_equal(*first)


def test_too_short_a_book_says_so():
    short = simulate_panel(replace(BOOK, months=(2, 3)), seed=1)
    assert "No origin" in backtest(short[short["month"] <= short["month"].min()]).text


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "books"), [("S2", 5), ("S3", 25)])
def test_forecasts_beat_all_four_and_cover(scenario, books):
    table = pd.concat([backtest(simulate_panel(scenario, seed=300 + i)).table for i in range(books)])
    scores = Backtest(table).summary()
    for _, block in scores.groupby(level="horizon"):
        crps = block["crps"].droplevel("horizon")
        assert crps.idxmin() == OURS, crps
    assert scores.xs(OURS, level="method")["covered_percent"].between(86, 94).all()


@pytest.mark.slow
def test_forecasts_beat_all_four_on_real_outages(lanl_folder):
    import rhem_lib as rhem

    scores = backtest(rhem.measure(rhem.load(lanl_folder)), origins=99).summary()
    for _, block in scores.groupby(level="horizon"):
        assert block["crps"].droplevel("horizon").idxmin() == OURS
    assert scores.xs(OURS, level="method")["covered_percent"].between(86, 94).all()


@pytest.mark.slow
def test_a_client_that_left_has_no_coming_months(panel):
    """All are served to the same month but the first, who left half a year before."""
    ago = panel.groupby("client")["age_start"].transform("max") - panel["age_start"]
    month = [pd.Timestamp("2026-06-01") - pd.DateOffset(months=round(n)) for n in ago]
    dated = panel.assign(month=month, rhem_h=panel["reactive_hours"] / panel["exposure"])
    first, *others = sorted(panel["client"].unique())
    kept = dated[(dated["client"] != first) | (dated["month"] < "2026-01-01")]
    grid = figures.forecasts(fit_decay(kept), kept)
    assert {ax.get_title(loc="left") for ax in grid.flat} - {""} == set(others)


def test_the_next_client_is_as_uncertain_as_clients_differ(panel):
    fit = fit_decay(panel)
    small, large = fit.new_client(10), fit.new_client(100)
    assert small.table["month_of_service"].tolist() == list(range(1, 13))
    assert large.hours / small.hours == pytest.approx(10, rel=0.1)
    assert large.high / large.low < small.high / small.low, "tickets of few endpoints are more a matter of chance"
    assert fit.new_client(10).hours == small.hours
    spread = fit.core.sd[:2].max()
    assert np.log(large.high / large.low) > 2 * 1.2 * spread
    typical = fit.predict(age_months=np.arange(12) + 0.5)["estimate"].sum() * 100
    assert large.hours == pytest.approx(typical, rel=0.15)
    assert f"A new client of 100 endpoints takes {large.hours:.0f} reactive hours in its first year" in large.text


@pytest.mark.parametrize("correlation", [0.7, -0.7])
def test_start_and_floor_of_the_next_client_go_together_as_those_of_others_do(correlation):
    truth = replace(SCENARIOS["S2"], clients=40, months=(12, 30), correlation=correlation)
    fit = fit_decay(simulate_panel(truth, seed=21))
    eta, _ = posterior.draw_new(fit.core, 4000, np.random.default_rng(0))
    assert np.sign(correlation) * np.corrcoef(eta[:, 0], eta[:, 1])[0, 1] > 0.25


@pytest.mark.slow
def test_the_next_client_holds_clients_left_out(panel):
    """90% intervals: of 12 clients left out, 8 or more are inside with probability 0.996."""
    whole = panel.groupby("client").filter(lambda own: len(own) > 12)
    inside = 0
    for name in sorted(whole["client"].unique())[:12]:
        own = whole[whole["client"] == name].head(12)
        fit = fit_decay(panel[panel["client"] != name])
        predicted = fit.new_client(own["exposure"].mean(), months=12)
        inside += predicted.low <= own["reactive_hours"].sum() <= predicted.high
    assert inside >= 8


def test_a_client_of_no_endpoints_or_without_a_fit_is_refused(panel):
    with pytest.raises(ParameterError, match="must be above 0"):
        fit_decay(panel).new_client(0)
    with pytest.raises(ParameterError, match="there is no fit to predict from: 2 client"):
        fit_decay(panel[panel["client"].isin(panel["client"].unique()[:2])]).new_client(20)


def test_a_drift_that_may_be_none_bends_and_widens_what_is_far(panel):
    fit = fit_decay(panel)
    core = replace(fit.core, doubt=None)
    doubtful = replace(core, doubt=Drift(log=0.02, error=0.03))
    plain, bent = (forecast_months(x, 3, 12) for x in (core, doubtful))
    grown = (bent["rhem_h"] / plain["rhem_h"]).to_numpy()
    assert grown[0] == pytest.approx(np.exp(0.5 * 0.02 * 0.5), abs=0.03)
    assert grown[11] == pytest.approx(np.exp(0.5 * 0.02 * 11.5), abs=0.06), "half of it, as it is half in doubt"
    assert bent["high"].iloc[11] / bent["low"].iloc[11] > plain["high"].iloc[11] / plain["low"].iloc[11]
