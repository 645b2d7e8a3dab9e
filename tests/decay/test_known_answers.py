"""The fit against answers from elsewhere: NIST StRD, Loblolly's exact likelihood, Gauss-Hermite quadrature."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scenarios
from conftest import REAL_DATA
from numpy.polynomial.hermite import hermgauss
from pooled import fit_curve
from scenarios import simulate_panel
from scipy.optimize import minimize

from rhem_lib.decay import curves, laplace, mixed_model, tweedie
from rhem_lib.decay.client_months import client_order, fitted_months, lay_out


def real_file(name):
    path = REAL_DATA / name
    if not path.is_file():
        pytest.skip(f"real data not found: {path} (set RHEM_REAL_DATA)")
    return path


@pytest.mark.parametrize("begin", [0, 1])
@pytest.mark.parametrize(
    ("problem", "shape"), [("Misra1a", "exponential"), ("BoxBOD", "exponential"), ("Misra1d", "hyperbolic")]
)
def test_nist_certified_values_to_6_digits_from_both_starts(problem, shape, begin):
    """All three are b1 (1 - g(x; tau = 1 / b2)): a curve of ours from 0. Columns: two starts, certified value."""
    lines = real_file(f"nist-strd/{problem}.dat").read_text(errors="replace").splitlines()
    known = [re.match(r"\s*b\d\s*=\s*(.*)", line) for line in lines]
    level, speed = ([float(x) for x in found[1].split()] for found in known if found)
    data = max(i for i, line in enumerate(lines) if line.startswith("Data:")) + 1
    y, x = np.array([line.split() for line in lines[data:] if line.strip()], float).T
    narrow = 1e-5 / speed[2]  # our curves are averages over an interval; here it is a point
    found = fit_curve(
        x - narrow, x + narrow, y, np.ones(len(x)), (0.0, level[begin], 1 / speed[begin]), shape=shape,
        known_start=True,
    )  # fmt: skip
    assert found.converged
    assert [found.floor, 1 / found.tau] == pytest.approx([level[2], speed[2]], rel=1e-6)


TMB = pd.read_csv(Path(scenarios.__file__).parent / "tmb" / "answers.csv").query("converged").set_index("seed")


@pytest.mark.parametrize("seed", TMB.index.unique())
def test_an_independent_engine_gives_the_same_coefficients(seed):
    """TMB: automatic derivatives, its own Tweedie density; all but one are within 0.1 standard errors."""
    known, rows = TMB.loc[seed], fitted_months(simulate_panel("S3", seed=seed))
    fit = mixed_model.fit(lay_out(rows, client_order(rows)))
    ours = fit.coefficients[:, 0] - np.log([fit.model.months.scale, fit.model.months.scale, 1.0])
    assert (np.abs(ours - known["estimate"]) / known["error"]).max() < 0.3
    # Ours add what is unknown of the spreads of the clients, and the sandwich.
    assert (np.sqrt(np.diag(fit.coefficient_covariance)) / known["error"]).min() > 0.95


def test_loblolly_reaches_the_exact_marginal_optimum():
    """Gaussian special case: the random floor enters linearly, so that Laplace with our derivatives is exact.

    The reference maximises the exact marginal likelihood; R's nlme stops at a lower one, -114.742816.
    """
    trees = pd.read_csv(real_file("r-repeated-measures/datasets_Loblolly.csv"))
    age, height = trees["age"].to_numpy(float), trees["height"].to_numpy(float)
    groups = [np.flatnonzero(trees["Seed"] == seed) for seed in trees["Seed"].unique()]
    narrow = 1e-4

    def marginal(theta):
        floor, start, lrc, log_sigma, log_sd = theta
        share = curves.exponential_average(age - narrow, age + narrow, np.exp(-lrc))
        rate, jacobian, second = curves.derivatives(share, np.asarray(start), np.asarray(floor))
        slope, bend = jacobian[1] / floor, second[1, 1] - jacobian[1]  # along the floor itself, not its logarithm
        assert np.abs(bend).max() == 0
        precision, prior, total = np.exp(-2 * log_sigma), np.exp(-2 * log_sd), 0.0
        for rows in groups:
            residual, x = (height - rate)[rows], slope[rows]
            curvature = precision * x @ x + prior
            mode = precision * x @ residual / curvature
            left = residual - x * mode
            total -= precision * left @ left / 2 + prior * mode**2 / 2 + np.log(curvature) / 2 + log_sd
            total -= len(rows) * (log_sigma + np.log(2 * np.pi) / 2)
        return total

    begin = np.array([100.0, -8.0, -3.2, np.log(0.7), np.log(3.0)])
    unit = np.array([10.0, 1.0, 0.1, 1.0, 1.0])
    found = minimize(lambda x: -marginal(begin + unit * x), np.zeros(5), method="BFGS", options={"gtol": 1e-7})
    asym, r0, lrc, log_sigma, log_sd = begin + unit * found.x
    assert [asym, r0, lrc] == pytest.approx([102.11963, -8.549415, -3.243971], abs=1e-4)
    assert [np.exp(log_sigma), np.exp(log_sd)] == pytest.approx([0.718394, 3.675862], abs=1e-4)
    assert -found.fun == pytest.approx(-114.696799, abs=1e-4)


def quadrature(model, theta, point, nodes=7):
    """Marginal log likelihood by adaptive Gauss-Hermite, from the densities alone."""
    months = model.months
    coefficients, sd, phi, kappa = laplace.split(theta)
    precision = months.used / (months.noise * (phi / months.weight + kappa * months.shock))
    root = np.linalg.inv(np.linalg.cholesky(point.hessian)).transpose(0, 2, 1)
    x, weight = hermgauss(nodes)
    parts = []
    for at in product(range(nodes), repeat=3):
        move = point.modes + np.sqrt(2) * root @ x[list(at)]
        start, floor, tau = np.exp(coefficients[:, 0] + move).T[:, :, None]
        rate = floor + (start - floor) * curves.exponential_average(months.age_start, months.age_end, tau)[0]
        density = tweedie.fit_term(months.rate, rate, precision) + tweedie.norm_term(months.rate, precision)[0]
        prior = -((move / sd) ** 2).sum(1) / 2 - np.log(sd).sum() - 1.5 * np.log(2 * np.pi)
        parts.append(density.sum(1) + prior + np.log(weight[list(at)]).sum() + (x[list(at)] ** 2).sum())
    scale = np.linalg.slogdet(root)[1] + 1.5 * np.log(2)
    top = np.max(parts, axis=0)
    return (np.log(np.exp(parts - top).sum(0)) + top + scale).sum()


def shift_to_quadrature(scenario, seed):
    """How far our optimum is from that of the 7-point objective, in standard errors of start, floor and tau.

    The objective is maximised by differences of itself, over all coefficients and the spreads inside their bounds.
    """
    rows = fitted_months(simulate_panel(scenario, seed=seed))
    fit = mixed_model.fit(lay_out(rows, client_order(rows)))
    free, _ = mixed_model._with_hessian(fit.point.theta)
    unit = mixed_model._steps(fit.slow, fit.point)
    plain = laplace.Model(fit.slow.months, restricted=False)
    if fit.regular:
        root = np.linalg.cholesky(fit.covariance[np.ix_(free, free)])
    else:
        root = np.diag(unit[free])

    def objective(x):
        theta = fit.point.theta.copy()
        theta[free] += root @ x
        point = laplace.evaluate(fit.slow, theta, fit.point.modes)
        laplace_term = laplace.evaluate(plain, theta, fit.point.modes).loglik
        return -(point.value - laplace_term + quadrature(plain, theta, point))

    options = {"gtol": 5e-3, "maxiter": 20}
    found = minimize(objective, np.zeros(free.sum()), jac="3-point", method="BFGS", options=options)
    return float(np.abs((root @ found.x)[:3] / np.sqrt(np.diag(fit.covariance)[:3])).max())


@pytest.mark.slow
def test_the_fit_against_adaptive_gauss_hermite():
    """On 20 books every population parameter is within 0.1 SE of the optimum of the 7-point objective."""
    panels = [*(("S3", seed) for seed in range(14)), *(("S2", seed) for seed in range(6))]
    shifts = {panel: shift_to_quadrature(*panel) for panel in panels}
    assert max(shifts.values()) < 0.1, shifts
