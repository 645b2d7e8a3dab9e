"""What an analyst would do instead of `fit_decay`, one function per method: panel in, intervals out.

Every method returns log start, log floor, log half-life, log level at 12 months (estimate, low, high), or raises.
"""

import shutil
import subprocess
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pooled
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import binom, t

from rhem_lib.decay import curves, fit_decay, mixed_model, posterior
from rhem_lib.decay.client_months import client_order, fitted_months, lay_out

QUANTITIES = ("start", "floor", "half-life", "level at 12")
HAS_LMFIT = find_spec("lmfit") is not None
HAS_R = shutil.which("Rscript") is not None
MONTHS_TO_FIT = 4


class Failed(Exception):
    """The method gave no answer."""


def rows_of(panel: pd.DataFrame) -> pd.DataFrame:
    return fitted_months(panel).assign(rate=lambda r: r["reactive_hours"] / r["exposure"])


def _table(values: np.ndarray) -> pd.DataFrame:
    if not np.isfinite(values).all():
        raise Failed("not finite")
    return pd.DataFrame(values, QUANTITIES, ["estimate", "low", "high"])


def fitted(panel: pd.DataFrame) -> tuple[mixed_model.Fit, list[str]]:
    """Our fit, and its clients in their order."""
    rows = fitted_months(panel)
    names = client_order(rows)
    return mixed_model.fit(lay_out(rows, names)), names


def ours(panel: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The intervals, and the population table of `fit_decay` (both estimands, months to target)."""
    table = fit_decay(panel, seed=seed).population
    with np.errstate(divide="ignore"):
        logs = np.log(table.iloc[:4, :3].to_numpy(float))
    return _table(logs), table


def log_parameters(start: float, floor: float, tau: float) -> np.ndarray:
    level = float(curves.exponential(12.0, start, floor, tau))
    with np.errstate(all="ignore"):
        return np.log([start, floor, tau * np.log(2), level])


def _median(found: list[np.ndarray]) -> pd.DataFrame:
    """Median over clients, with the sign test's interval."""
    if len(found) < 2:
        raise Failed("no client could be fitted")
    ranked = np.sort(np.array(found), axis=0)
    rank = int(max(binom.ppf(0.025, len(ranked), 0.5), 1)) - 1
    return _table(np.column_stack([np.median(ranked, axis=0), ranked[rank], ranked[-1 - rank]]))


def curve_fit_clients(panel: pd.DataFrame) -> pd.DataFrame:
    """`scipy.optimize.curve_fit` for each client, then the median."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        for _, own in rows_of(panel).groupby("client"):
            if len(own) < MONTHS_TO_FIT:
                continue
            try:
                best = curve_fit(
                    lambda age, s, f, tau: f + (s - f) * np.exp(-age / tau),
                    own["age_months"], own["rate"], p0=[own["rate"].iloc[0], own["rate"].iloc[-1], 4.0],
                    bounds=([1e-6, 1e-6, 0.1], [np.inf, np.inf, 200]),
                )[0]  # fmt: skip
                found.append(log_parameters(*best))
            except (RuntimeError, ValueError):
                pass
    return _median(found)


def lmfit_clients(panel: pd.DataFrame) -> pd.DataFrame:
    """`lmfit.Model` for each client, then the median."""
    from lmfit import Model

    model = Model(lambda age, s, f, tau: f + (s - f) * np.exp(-age / tau), independent_vars=["age"])
    found = []
    for _, own in rows_of(panel).groupby("client"):
        if len(own) < MONTHS_TO_FIT:
            continue
        params = model.make_params(
            s={"value": max(own["rate"].iloc[0], 1e-3), "min": 1e-6},
            f={"value": max(own["rate"].iloc[-1], 1e-3), "min": 1e-6},
            tau={"value": 4.0, "min": 0.1, "max": 200},
        )
        result = model.fit(own["rate"].to_numpy(), params, age=own["age_months"].to_numpy())
        if result.success:
            found.append(log_parameters(*(result.params[k].value for k in ("s", "f", "tau"))))
    return _median(found)


def pooled_nls(panel: pd.DataFrame) -> pd.DataFrame:
    """One curve by least squares weighted with exposure, errors clustered by client, t(clients - 1)."""
    rows = rows_of(panel)
    columns = (rows[c].to_numpy(float) for c in ("age_start", "age_end", "rate", "exposure"))
    curve = pooled.fit_curve(*columns, (1.0, 0.3, 4.0))
    if not curve.converged:
        raise Failed("no convergence")
    names = rows["client"].to_numpy()
    covariance = curve.covariance(names)
    return _delta(curve.start, curve.floor, curve.tau, covariance, len(np.unique(names)) - 1)


def _delta(start: float, floor: float, tau: float, covariance: np.ndarray, df: float) -> pd.DataFrame:
    """Intervals on the log scale from the covariance of (start, floor, log tau)."""
    if min(start, floor) <= 0:
        raise Failed("a level is not above 0")
    jump = np.diag([1 / start, 1 / floor, 1.0])
    covariance = jump @ covariance @ jump
    _, slope = posterior.log_level(12.0, np.log([start, floor, tau]))
    error = np.sqrt(np.r_[np.diag(covariance), slope @ covariance @ slope])
    reach = t.ppf(0.975, df) * error
    estimate = log_parameters(start, floor, tau)
    return _table(np.column_stack([estimate, estimate - reach, estimate + reach]))


NLME = """
suppressMessages(library(nlme)); d <- groupedData(rate ~ age_months | client, read.csv("panel.csv"))
m <- nlme({model})
write.csv(cbind(fixef(m), vcov(m)), "out.csv")
"""
SSASYMP = """rate ~ SSasymp(age_months, Asym, R0, lrc), data = d, fixed = Asym + R0 + lrc ~ 1,
          random = pdDiag(Asym + R0 + lrc ~ 1)"""
LOG_SCALE = """rate ~ exp(f) + (exp(s) - exp(f)) * exp(-age_months * exp(-k)), data = d, fixed = f + s + k ~ 1,
          random = pdDiag(f + s + k ~ 1), start = c(f = log(0.25), s = 0, k = log(4)),
          weights = varComb(varFixed(~ I(1 / exposure)), varPower(0.75))"""


def _nlme(panel: pd.DataFrame, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Fixed effects and their covariance, from R."""
    with tempfile.TemporaryDirectory() as folder:
        rows_of(panel)[["client", "age_months", "rate", "exposure"]].to_csv(Path(folder) / "panel.csv")
        script = NLME.format(model=model)
        done = subprocess.run(["Rscript", "-e", script], cwd=folder, capture_output=True, timeout=120)
        if done.returncode:
            raise Failed(done.stderr.decode()[-200:])
        answer = pd.read_csv(Path(folder) / "out.csv").iloc[:, 1:].to_numpy()
    return answer[:, 0], answer[:, 1:]


def nlme(panel: pd.DataFrame) -> pd.DataFrame:
    """R: nlme with SSasymp and independent random effects, the textbook answer; Wald intervals."""
    (floor, start, rate), covariance = _nlme(panel, SSASYMP)
    covariance = covariance[np.ix_([1, 0, 2], [1, 0, 2])]
    return _delta(start, floor, np.exp(-rate), covariance * np.outer([1, 1, -1], [1, 1, -1]), np.inf)


def nlme_log(panel: pd.DataFrame) -> pd.DataFrame:
    """R: nlme of our curve and random effects on the log scale, with weights by exposure and mean."""
    (floor, start, tau), covariance = _nlme(panel, LOG_SCALE)
    jump = np.diag(np.exp([start, floor, 0.0]))  # _delta takes levels and log tau
    covariance = jump @ covariance[np.ix_([1, 0, 2], [1, 0, 2])] @ jump
    return _delta(np.exp(start), np.exp(floor), np.exp(tau), covariance, np.inf)


METHODS = {
    "curve_fit per client, median": curve_fit_clients,
    "pooled NLS, clustered errors": pooled_nls,
}
OPTIONAL = {
    "lmfit per client, median": (HAS_LMFIT, lmfit_clients),
    "R nlme, SSasymp": (HAS_R, nlme),
    "R nlme, log scale, weights": (HAS_R, nlme_log),
}
