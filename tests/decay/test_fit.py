"""Decay fit: density and gradient, known truth, properties, negative control, refusals."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel, true_clients
from scipy.integrate import quad
from worlds import simulate_world

from rhem_lib.decay import change_points, decline_test, laplace, mixed_model, posterior, quadrature, tweedie
from rhem_lib.decay.client_months import client_order, fitted_months, lay_out
from rhem_lib.decay.curves import half_life
from rhem_lib.decay.fit import fit_decay
from rhem_lib.errors import InputError, ParameterError

TRUTH = {
    "start_h": 1.0,
    "floor_h": 0.2,
    "half_life_months": float(half_life(4.328)),
    "rhem_12_h": 0.2 + 0.8 * np.exp(-12 / 4.328),
    "months_to_target": 12.0,
}
BOOK = replace(SCENARIOS["S2"], clients=25, months=(4, 30))


@pytest.fixture(scope="module")
def panel():
    return simulate_panel(BOOK, seed=11)


@pytest.fixture(scope="module")
def fit(panel):
    return fit_decay(panel)


def log_density(hours, rate, dispersion):
    return tweedie.fit_term(hours, rate, 1 / dispersion) + tweedie.norm_term(hours, 1 / dispersion)[0]


def one_client(name, levels, first_age=0.0, size=60.0):
    age = first_age + np.arange(len(levels), dtype=float)
    hours = np.asarray(levels) * size
    return pd.DataFrame(
        {"client": name, "exposure": size, "endpoints": size, "age_start": age, "age_end": age + 1}
        | {"reactive_hours": hours, "billing": "hourly"}
    )


@pytest.mark.parametrize("dispersion", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_density_integrates_to_one(rate, dispersion):
    reach = rate + 15 * np.sqrt(dispersion * rate**1.5) + 20 * dispersion * np.sqrt(rate)
    mass = quad(lambda y: np.exp(log_density(y, rate, dispersion)), 0, reach, limit=500, epsabs=1e-11)[0]
    nothing = np.exp(log_density(np.array(0.0), rate, dispersion))
    assert nothing == pytest.approx(np.exp(-2 * np.sqrt(rate) / dispersion))
    assert mass + nothing == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("shape", ["exponential", "hyperbolic", "linear"])
@pytest.mark.parametrize(("restricted", "lean"), [(True, 0.0), (True, 0.6), (False, -0.6)])
def test_gradient_of_the_objective_against_differences(panel, shape, restricted, lean):
    rows = fitted_months(panel)
    names = client_order(rows)
    model = laplace.Model(lay_out(rows, names, np.arange(len(names)) % 2), shape, restricted, lean)
    theta = np.r_[0.9, 0.1, -0.7, -0.1, 1.3, 0.05, np.log([0.3, 0.35, 0.4, 2.0, 0.08])]
    point = laplace.evaluate(model, theta, np.zeros((len(names), 3)))
    for j, step in enumerate(1e-5 * np.eye(len(theta))):
        up, down = (laplace.evaluate(model, theta + side * step, point.modes).value for side in (1, -1))
        assert point.gradient[j] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=2e-3), j


@pytest.mark.parametrize("lean", [0.0, 0.6])
def test_gradient_by_quadrature_against_differences(panel, lean):
    rows = fitted_months(panel)
    names = client_order(rows)
    model = laplace.Model(lay_out(rows, names), restricted=False, lean=lean)
    theta = np.r_[0.9, -0.7, 1.3, np.log([0.3, 0.35, 0.4, 2.0, 0.08])]
    point = laplace.evaluate(model, theta, np.zeros((len(names), 3)))
    gradient = quadrature.integrated(model, point).gradient
    for j, step in enumerate(1e-4 * np.eye(len(theta))):
        up, down = (
            quadrature.integrated(model, laplace.evaluate(model, theta + side * step, point.modes)).value
            for side in (1, -1)
        )
        assert gradient[j] == pytest.approx((up - down) / 2e-4, rel=0.0, abs=0.06), j


def test_the_mean_of_a_client_moves_with_coefficients_and_spreads_as_its_derivative_says(fit):
    core = fit.core
    for j, step in enumerate(1e-3 * np.eye(8)[:6]):
        up, down = (
            quadrature.moments(
                core.slow, laplace.evaluate(core.slow, core.point.theta + side * step, core.point.modes)
            )[0]
            + side * step[:3]
            for side in (1, -1)
        )
        gap = np.abs(core.by_theta[:, :, j] - (up - down) / 2e-3)
        assert gap.mean() < 0.01, j
        assert gap.max() < 0.1, j


def test_where_no_node_moves_the_gradient_is_the_likelihoods(fit):
    core, free = fit.core, replace(fit.core.slow, restricted=False)
    at = laplace.evaluate(free, core.point.theta, core.point.modes)
    expected = quadrature.integrated(free, at).gradient
    np.testing.assert_allclose(quadrature.steady_gradient(free, at, at.theta), expected, atol=1e-8)


def test_one_client_of_two_modes_widens_no_interval(monkeypatch):
    """One client's mode jumps as theta moves, so that differences of Laplace's gradient are not a Hessian."""
    rows = fitted_months(simulate_world("B1", seed=181004)[0])
    months = lay_out(rows, client_order(rows))
    error = [np.sqrt(mixed_model.fit(months).coefficient_covariance[2, 2])]
    monkeypatch.setattr(mixed_model, "MOST_ASYMMETRY", np.inf)
    error.append(np.sqrt(mixed_model.fit(months).coefficient_covariance[2, 2]))
    assert error[0] < 0.3 < 0.6 < error[1]


@pytest.mark.parametrize(("correlation", "inflation"), [(0.0, 1.0), (0.3, 1.3 / 0.7)])
def test_shocks_are_found_as_large_and_as_lasting_as_they_are(correlation, inflation):
    """A shock of log sd 0.25 has variance exp(0.0625) - 1; clients' curves follow some of what lasts."""
    calm = replace(SCENARIOS["S2"], season=0.0, leaving=False, shock_memory=correlation)
    rows = fitted_months(simulate_panel(replace(calm, months=(24, 36), endpoints=(150.0, 0.3)), seed=8))
    core = mixed_model.fit(lay_out(rows, client_order(rows)))
    assert np.exp(core.point.theta[-1]) == pytest.approx(np.expm1(0.0625), rel=0.1 if correlation == 0 else 0.3)
    assert (core.slow.months.shock / core.model.months.shock).mean() == pytest.approx(inflation, rel=0.2)


def test_laplace_is_exact_where_clients_do_not_differ(panel):
    """Every eigenvalue is 1 then, and the soft rule bends each to the same known number."""
    rows = fitted_months(panel)
    names = client_order(rows)
    months = lay_out(rows, names)
    theta = np.r_[0.9, -0.7, 1.3, np.log([1e-5] * 3 + [2.0, 0.08])]
    marginal = laplace.evaluate(laplace.Model(months, restricted=False), theta, np.zeros((len(names), 3))).loglik
    _, _, phi, kappa = laplace.split(theta)
    share = (np.exp(-months.age_start / np.exp(1.3)) - np.exp(-months.age_end / np.exp(1.3))) * np.exp(1.3)
    rate = np.exp(-0.7) + (np.exp(0.9) - np.exp(-0.7)) * share / (months.age_end - months.age_start)
    density = log_density(months.rate, rate, phi / months.weight + kappa)
    bent = (1 + laplace.SOFT + np.sqrt((1 - laplace.SOFT) ** 2 + laplace.SOFT_WIDTH)) / 2
    expected = (density * months.used).sum() - 1.5 * len(names) * np.log(bent)
    assert marginal == pytest.approx(expected, abs=1e-5)


@pytest.mark.many_cases
@pytest.mark.parametrize(("scenario", "seed"), [("S1", 1), ("S2", 2), ("S3", 3)])
def test_known_truth_is_inside_wide_intervals(scenario, seed):
    table = fit_decay(simulate_panel(scenario, seed=seed)).population
    for row in ("start_h", "floor_h", "half_life_months", "rhem_12_h"):
        estimate, low, high = np.log(table.loc[row, ["estimate", "low", "high"]].astype(float))
        assert abs(estimate - np.log(TRUTH[row])) < 1.75 * (high - low) / 2, row
        assert high - low < {"S1": 0.5, "S2": 0.6, "S3": 1.6}[scenario], row


def test_clients_are_told_apart(panel):
    fast = one_client("fast", 0.2 + 0.8 * np.exp(-np.arange(20) / 1.5))
    slow = one_client("slow", 0.2 + 0.8 * np.exp(-np.arange(20) / 9.0))
    rising = one_client("rising", np.linspace(0.3, 1.2, 20))
    never = one_client("never", np.full(20, 0.8) + 0.02 * (-1.0) ** np.arange(20))
    young = one_client("young", [0.9, 0.8, 0.7])
    table = fit_decay(pd.concat([panel, fast, slow, rising, never, young])).clients
    assert table.loc["fast", "half_life_months"] < table.loc["slow", "half_life_months"]
    assert table["follows"].loc[["fast", "slow", "young"]].tolist() == ["decaying", "decaying", "too-early"]
    assert table.loc["rising", "follows"] in ("rising", "irregular")
    assert table.loc["never", "follows"] in ("flat", "irregular")
    assert table.loc["never", "p_target_24"] < 0.05 < 0.95 < table.loc["fast", "p_target_24"]
    assert table.loc["never", "rhem_now_h"] == pytest.approx(0.8, abs=0.1)


def test_row_order_and_client_names_change_nothing(panel, fit):
    shuffled = panel.sample(frac=1, random_state=1)
    renamed = shuffled.assign(client="x" + shuffled["client"].str[::-1])
    again = fit_decay(renamed)
    pd.testing.assert_frame_equal(again.population, fit.population, rtol=1e-8)
    expected = fit.clients.rename(index=lambda name: "x" + name[::-1]).sort_index()
    pd.testing.assert_frame_equal(again.clients, expected, rtol=1e-8)


def test_unit_of_hours_scales_levels_and_nothing_else(panel, fit):
    minutes = fit_decay(panel.assign(reactive_hours=60 * panel["reactive_hours"]), target=15.0)
    for row, factor in [("start_h", 60), ("floor_h", 60), ("rhem_12_h", 60), ("half_life_months", 1)]:
        ratio = minutes.population.loc[row] / fit.population.loc[row]
        assert ratio.to_numpy() == pytest.approx(np.full(6, factor), rel=1e-6), row
    assert minutes.shapes["delta_aic"].to_numpy() == pytest.approx(fit.shapes["delta_aic"].to_numpy(), abs=0.5)


def test_months_without_exposure_or_age_are_left_out(panel, fit):
    empty = panel.head(3).assign(exposure=0.0, reactive_hours=5.0)
    unknown = panel.head(2).assign(age_start=np.nan, age_end=np.nan)
    again = fit_decay(pd.concat([panel, empty, unknown]))
    pd.testing.assert_frame_equal(again.population, fit.population, rtol=1e-10)


def test_late_entry_keeps_its_age_and_gaps_are_gaps(panel):
    level = 0.2 + 0.8 * np.exp(-(np.arange(24) + 0.5) / 4.0)
    late = one_client("late", level[5:], first_age=5.0)
    gaps = one_client("gaps", level).drop(index=[3, 4, 9, 10, 11])
    fit = fit_decay(pd.concat([panel, late, gaps]))
    for name in ("late", "gaps"):
        curve = fit.predict(name, age_months=[8.0, 16.0])
        truth = 0.2 + 0.8 * np.exp(-curve["age_months"] / 4.0)
        assert curve["estimate"].to_numpy() == pytest.approx(truth.to_numpy(), rel=0.12)
    assert fit.clients.loc[["late", "gaps"], "months"].tolist() == [19, 19]
    assert fit.clients.loc["late", "start_h"] > 0.6


def test_prediction_agrees_with_the_tables_and_survives_a_pickle(fit):
    copy = pickle.loads(pickle.dumps(fit))
    at_12 = copy.predict(age_months=[12.0]).iloc[0]
    assert at_12[["estimate", "low", "high"]].tolist() == pytest.approx(
        fit.population.loc["rhem_12_h", ["estimate", "low", "high"]].tolist()
    )
    name = fit.clients.index[3]
    own = copy.predict(name, age_months=[12.0]).iloc[0]
    assert own["estimate"] == pytest.approx(fit.clients.loc[name, "rhem_12_h"])
    assert (fit.summary()["low"] <= fit.summary()["high"]).all()
    with pytest.raises(ParameterError, match=r"client: .* is not known here"):
        fit.predict("nobody", age_months=[1.0])
    with pytest.raises(ParameterError, match="above 0"):
        fit_decay(simulate_panel("S3", seed=1), target=0.0)


def test_unreachable_target_is_never_and_said_so(panel):
    fit = fit_decay(panel, target=0.05)
    assert fit.population.loc["months_to_target", ["estimate", "low", "high", "mean_high"]].eq(np.inf).all()
    assert "never" in fit.text
    assert "has not come down to that by then" in fit.text
    assert "The target is never reached" in fit.text
    assert (fit.clients["p_target_24"] < 0.5).all()


def test_typical_client_is_below_the_mean_client(fit):
    """The exponential of a mean is under the mean of exponentials: two estimands, not one."""
    assert fit.population.loc["rhem_12_h", "estimate"] < fit.population.loc["rhem_12_h", "mean_estimate"]


@pytest.mark.many_cases
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_flat_book_has_no_decline_and_no_half_life(seed):
    fit = fit_decay(simulate_panel(replace(SCENARIOS["S4"], clients=30), seed=seed))
    assert not fit.gate.declines
    assert fit.text.startswith("No decline detected")
    assert fit.population.loc[["half_life_months", "months_to_target"]].isna().all(axis=None)
    assert fit.clients["half_life_months"].isna().all()
    assert fit.shapes["delta_aic"].loc["flat"] < 4
    assert fit.population.loc["rhem_12_h", ["low", "high"]].between(0.3, 0.8).all()


def test_gate_by_hand():
    """Six clients, each falling by half at the same size: the ratio is one half, and all agree."""
    panel = pd.concat([one_client(f"c{i}", [1.0] * 4 + [0.5] * 4, size=1e6) for i in range(6)])
    rows = fitted_months(panel)
    gate = decline_test.check_decline(lay_out(rows, client_order(rows)))
    assert gate.log_ratio == pytest.approx(np.log(0.5), abs=1e-5)
    assert gate.declines


def test_benjamini_hochberg_by_hand():
    p_values = np.array([0.01, 0.9, np.nan, 0.04, 0.2])
    assert change_points.discoveries(p_values, 0.1).tolist() == [True, False, False, True, False]
    assert not change_points.discoveries(np.array([0.5, np.nan]), 0.1).any()


def test_a_rebound_is_irregular(panel):
    level = 0.2 + 0.8 * np.exp(-np.arange(24) / 3.0)
    level[14:] += 0.6
    table = fit_decay(pd.concat([panel, one_client("rebound", level)])).clients
    assert table.loc["rebound", "follows"] == "irregular"
    assert (table["follows"] == "irregular").sum() <= 3


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        (pd.concat([one_client("a", [1.0] * 9), one_client("b", [1.0] * 9)]), "at least 3 are needed"),
        (pd.concat([one_client(c, [1.0] * 3) for c in "abcd"]), "4 months"),
        (pd.concat([one_client(c, [0.3] * 9) for c in "abcd"]), "allotted and not worked"),
        (pd.concat([one_client(c, [0.0] * 12) for c in "abcd"]), "no reactive hours"),
        (one_client("a", [1.0]).iloc[:0], "0 client"),
    ],
)
def test_refusals_are_results(panel, words):
    fit = fit_decay(panel)
    assert not fit.usable
    assert words in fit.text
    assert fit.population.isna().all(axis=None)
    assert fit.clients["follows"].eq("too-early").all()
    assert fit.predict(age_months=[0.0, 12.0])["estimate"].isna().all()


@pytest.mark.slow
def test_awkward_books_are_fitted_without_a_warning():
    books = [
        pd.concat([one_client(c, np.r_[1.0, np.zeros(11)]) for c in "abcd"]),
        pd.concat([one_client(c, [level] * 12) for c, level in zip("abc", (0.9, 1.0, 1.1), strict=True)]),
        pd.concat([one_client(c, np.linspace(0.1, 3, 12)) for c in "abc"]),
        pd.concat([one_client(c, 0.7 ** np.arange(12) * 50, size=5000.0) for c in "abc"]),
        pd.concat([one_client("a", [1.0, 0.5, 0.4, 0.3, 0.2]), one_client("b", [0.4]), one_client("c", [0.9])]),
    ]
    for panel in books:
        fit = fit_decay(panel)
        assert fit.usable
        assert np.isfinite(fit.population.loc["rhem_12_h"]).all()
        assert fit.text


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["S1", "S3"])
def test_coverage_of_95_percent_intervals(scenario):
    """40 panels: 34 hits or more have probability 0.98 at true coverage 0.92."""
    hits = dict.fromkeys(TRUTH, 0)
    for seed in range(40):
        table = fit_decay(simulate_panel(scenario, seed=100 + seed)).population
        for row, value in TRUTH.items():
            hits[row] += table.loc[row, "low"] <= value <= table.loc[row, "high"]
    assert min(hits.values()) >= 34, hits


@pytest.mark.slow
def test_shape_is_recognised():
    for scenario, shape in [("S2", "exponential"), ("S5-linear", "linear"), ("S4", "flat")]:
        best = [fit_decay(simulate_panel(scenario, seed=s)).shapes["aic"].idxmin() for s in range(10)]
        assert best.count(shape) >= 8, (scenario, best)


def test_a_client_told_by_the_population_is_as_uncertain_as_the_spread_is_wide(fit):
    """Twice the spread: twice the standard error without data; with data, precisions add up."""
    own = np.diag(fit.core.sd**2)
    shifts = np.r_[np.zeros(3), np.full(3, np.log(2.0))][None]
    without, half = posterior._widened(np.diag(fit.core.sd), np.stack([own, own / 2]), shifts)[0]
    assert without == pytest.approx(2.0)
    assert half == pytest.approx(np.sqrt(1 / (1 / 4 + 1) * 2))


def test_the_mean_is_centred_on_its_estimate_however_the_draws_lean():
    own, whole = np.full(1001, 2.0), np.exp(np.linspace(0, 4, 1001))
    middle, low, high = posterior.interval(whole, own)
    assert middle == 2.0
    assert np.log([low / 2, high / 2]) == pytest.approx([-1.9, 1.9], abs=0.01)


def test_covariance_from_the_scores_is_that_of_the_hessian_in_a_regular_book():
    core = mixed_model.fit(lay_out(rows := fitted_months(simulate_panel("S2", seed=3)), client_order(rows)))
    free = np.diag(core.covariance) > 0
    outer = mixed_model._outer(core.point, free)
    plain = np.diag(core.covariance)[free] / core.stretch[free] ** 2
    assert core.regular
    assert np.sqrt(np.diag(outer)[free] / plain) == pytest.approx(1.0, abs=0.35)
    assert (np.diag(outer)[~free] == 0).all()


@pytest.mark.slow
def test_a_client_that_rises_past_the_target_does_not_reach_it(panel):
    """It starts under the target, so that asking when the curve is first under it would say: at once."""
    risers = [one_client(f"riser {i}", np.linspace(0.1, 0.6, 24)) for i in range(4)]
    table = fit_decay(pd.concat([panel, *risers])).clients.filter(like="riser", axis=0)
    assert table["months_to_target"].eq(np.inf).all()
    assert (table["p_target_24"] < 0.05).all()
    upward = fit_decay(pd.concat([one_client(f"up {i}", np.linspace(0.1, 0.6, 24 + i)) for i in range(6)]))
    assert upward.population.loc["months_to_target"].isna().all()
    assert (upward.clients["p_target_24"] < 0.05).all()


@pytest.mark.slow
def test_a_start_that_nobody_was_seen_at_is_called_a_guess(panel):
    late = [one_client(f"c{i}", 0.1 + 0.5 * np.exp(-np.arange(20 + i) / 8), first_age=24.0) for i in range(8)]
    assert (
        "No client's first 24 months are in the fit, so the start is a guess." in fit_decay(pd.concat(late)).text
    )
    assert "guess" not in fit_decay(simulate_panel("S1", seed=1)).text


@pytest.mark.slow
def test_a_client_without_any_hours_is_named(panel):
    text = fit_decay(pd.concat([panel, one_client("Silent & Sons", np.zeros(12))])).text
    assert "No reactive hours at all, perhaps because they are kept elsewhere: Silent & Sons." in text


@pytest.mark.slow
def test_a_season_may_pass_for_a_decline_where_all_start_at_once():
    falling = [one_client(f"c{i}", 0.2 + 0.8 * np.exp(-np.arange(12 + i) / 4)) for i in range(8)]
    months = [pd.date_range("2024-03-01", periods=len(client), freq="MS") for client in falling]
    dated = [client.assign(month=when) for client, when in zip(falling, months, strict=True)]
    assert "All clients seen from the start began at one time of the year" in fit_decay(pd.concat(dated)).text
    spread = [
        client.assign(month=when + pd.DateOffset(months=i))
        for i, (client, when) in enumerate(zip(falling, months, strict=True))
    ]
    assert "one time of the year" not in fit_decay(pd.concat(spread)).text


@pytest.mark.slow
def test_a_panel_read_back_from_a_file_is_fitted_alike(panel, fit, tmp_path):
    panel.to_csv(tmp_path / "panel.csv", index=False)
    again = fit_decay(pd.read_csv(tmp_path / "panel.csv"))
    assert again.text == fit.text
    name = fit.names[0]
    pd.testing.assert_series_equal(again.forecast(name)["month"], fit.forecast(name)["month"], check_dtype=False)
    numbered = fit_decay(panel.assign(client=panel["client"].str[-3:].astype(int)))
    assert numbered.text == fit.text
    assert len(numbered.forecast(numbered.names[0])) == 6


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("client", None, "column 'client', row 7: a row has no client"),
        ("exposure", "many", "column 'exposure', row 7: this is not a number"),
        ("reactive_hours", np.inf, "column 'reactive_hours', row 7: this is not a number"),
        ("age_start", -2.0, "column 'age_start', row 7: a month before onboarding has no age"),
        ("age_end", 0.1, "column 'age_end', row 7: a month ends before it starts"),
        ("age_start", 1.0, "column 'age_start', row 7: two rows of a client cover the same time"),
        ("month", "soon", "column 'month', row 7: this is not a month"),
    ],
)
def test_a_cell_that_cannot_be_used_is_shown(panel, column, value, words):
    wrong = panel.reset_index(drop=True).astype({column: object})
    wrong.loc[7, column] = value
    with pytest.raises(InputError, match=words):
        fit_decay(wrong)


def test_a_missing_column_and_a_wrong_argument_are_said(panel, fit):
    with pytest.raises(InputError, match="there is no column 'exposure'"):
        fit_decay(panel.drop(columns="exposure"))
    assert fit.predict(age_months=12)["estimate"].item() == fit.predict(age_months=[12.0])["estimate"].item()
    with pytest.raises(ParameterError, match="at least 0 months, not -3"):
        fit.predict(age_months=[1.0, -3.0])
    for given in ({"months": 0}, {"exposure": 0.0}, {"exposure": np.nan}):
        with pytest.raises(ParameterError, match="must be above 0"):
            fit.forecast(fit.names[0], **given)


def test_a_correction_is_taken_off_the_months_before():
    panel = pd.concat([one_client(c, [0.5, 0.4, 0.3, 0.2], size=10.0) for c in "ab"], ignore_index=True)
    panel.loc[[1, 2, 3, 4], "reactive_hours"] = [6.0, 1.0, -3.0, -2.0]
    assert fitted_months(panel)["reactive_hours"].tolist() == [5.0, 4.0, 0.0, 0.0, -2.0, 4.0, 3.0, 2.0]


@pytest.mark.parametrize("correlation", [-0.6, pytest.param(0.0, marks=pytest.mark.slow), 0.6])
def test_floors_follow_starts_as_much_as_they_do(correlation):
    """Of many clients the correlation is found, and draws of the next client have it."""
    scenario = replace(SCENARIOS["S2"], clients=mixed_model.CORRELATED_CLIENTS, correlation=correlation)
    rows = fitted_months(simulate_panel(scenario, seed=7))
    core = mixed_model.fit(lay_out(rows, client_order(rows)))
    start, floor, _ = np.log(true_clients(scenario, seed=7).to_numpy().T)
    assert core.model.lean == pytest.approx(np.polyfit(start, floor, 1)[0], abs=0.25)
    drawn = posterior.draw_new(core, 4000, np.random.default_rng(0))[0]
    assert np.polyfit(drawn[:, 0], drawn[:, 1], 1)[0] == pytest.approx(core.model.lean, abs=0.1)


def test_few_clients_are_fitted_with_start_and_floor_apart(fit):
    assert fit.core.model.lean == 0
