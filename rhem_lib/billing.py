"""Do fixed-fee clients improve faster than hourly ones?

Primary analysis: billing at onboarding as a group effect on start, floor and half-life in the mixed model,
adjusted for size. Tests of slopes reject a true null in 12 to 25 % of books and are not offered. What is found is
an association: clients choose how they pay, and hours that are not billed may be written down less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from rhem_lib import curves, decline, mixed, posterior
from rhem_lib.book import client_order, fitted_months, lay_out
from rhem_lib.laplace import Model

Array = NDArray[np.float64]

GROUPS = ("fixed-fee", "hourly")
MIN_GROUP, MIN_MONTHS, SIZE_MONTHS = 6, 4, 3
POWER, RATIO_TO_SHOW = 0.8, 0.7
ERROR_PER_CLIENT = 1.45  # standard error of the log ratio is about this / sqrt(clients), half of them fixed-fee
PERMUTATIONS = 2000
LOG_TAU, GROUP = 2, 1


@dataclass(frozen=True)
class Power:
    """What a book can show: at 80 % power and a two-sided test at 5 %.

    smallest_ratio : the half-life ratio nearest to 1 that this book would find four times in five
    clients : clients compared; clients_needed : clients needed to show `ratio`, at this book's mix
    """

    smallest_ratio: float
    clients: int
    clients_needed: int
    ratio: float = RATIO_TO_SHOW

    @property
    def text(self) -> str:
        """What could have been seen, and how many clients another answer takes."""
        needed = f"to show a half-life ratio of {self.ratio} takes about {self.clients_needed} clients"
        if not self.clients:
            return f"No comparison was possible; {needed}."
        return (
            f"With {self.clients} clients this book shows a half-life ratio of {self.smallest_ratio:.2f} or less "
            f"four times in five; {needed}."
        )


@dataclass(frozen=True)
class BillingComparison:
    """Fixed-fee against hourly clients. Intervals are 95 %.

    Attributes
    ----------
    ratio, low, high, p_value : float
        Fixed-fee half-life / hourly half-life, at equal size; under 1 means that fixed-fee clients improve faster.
    verdict : str
        faster, slower, no clear difference, or too early to tell.
    table : DataFrame
        analysis, ratio, low, high, p_value, clients: the primary one first, then those that could disagree.
    groups : DataFrame, indexed by billing
        clients, months, endpoints (median), and start_h, floor_h, half_life_months of the typical client at the
        book's mean size, each with _low and _high.
    power : Power
    missing : str
        Why it is too early to tell.
    core : mixed.Fit or None
    """

    ratio: float
    low: float
    high: float
    p_value: float
    verdict: str
    table: pd.DataFrame
    groups: pd.DataFrame
    power: Power
    missing: str = ""
    core: mixed.Fit | None = None

    @property
    def text(self) -> str:
        """The finding, with what this book could have shown."""
        if self.missing:
            return (
                f"Whether fixed-fee clients improve faster: too early to tell, because {self.missing}. To show a "
                f"half-life ratio of {self.power.ratio} takes about {self.power.clients_needed} clients."
            )
        counts = self.groups["clients"]
        return (
            f"Fixed-fee clients halve their distance to the floor in {self.ratio:.2f} times the months that "
            f"hourly clients of the same size take (95 % interval {self.low:.2f} to {self.high:.2f}, "
            f"p = {self.p_value:.2g}): {self.verdict}. With {counts['fixed-fee']} fixed-fee and "
            f"{counts['hourly']} hourly clients, this book would show a ratio of {self.power.smallest_ratio:.2f} "
            f"or less four times in five; a ratio of {self.power.ratio} takes about "
            f"{self.power.clients_needed} clients. This is an association, not a cause: clients choose how they "
            "pay, and hours that are not billed may be written down less."
        )

    def summary(self) -> pd.DataFrame:
        """All analyses, rounded."""
        return self.table.round(3)

    def predict(self, *, age_months: Sequence[float]) -> pd.DataFrame:
        """Curve of the typical client of each group at the book's mean size.

        Returns
        -------
        DataFrame
            billing, age_months, estimate, low, high (h per endpoint per month); no rows when it is too early.
        """
        columns = ["billing", "age_months", "estimate", "low", "high"]
        if self.core is None:
            return pd.DataFrame(columns=columns)
        ages = np.asarray(age_months, float)
        parts = []
        for name, fixed in zip(GROUPS, (0.5, -0.5), strict=True):
            eta, covariance = posterior.at_covariates(self.core, np.array([1.0, fixed, 0.0]))
            level = posterior.level_interval(ages, eta, covariance, self.core.quantile)
            parts.append(pd.DataFrame(dict(zip(columns, (name, ages, *level), strict=True))))
        return pd.concat(parts, ignore_index=True)


def compare_billing(panel: pd.DataFrame, *, min_group: int = MIN_GROUP, seed: int = 0) -> BillingComparison:
    """Compare the decay of clients who paid a fixed fee at onboarding with those who paid by the hour.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
        Uses billing (the first known one of each client), endpoints (mean of the first three months), and what
        `fit_decay` uses. Clients with another billing model, or none, are left out.
    min_group : int
        Fewest clients with 4 months in either group.
    seed : int
        Of the permutations.

    Returns
    -------
    BillingComparison
        Also where there are too few clients: the verdict is then "too early to tell".
    """
    rows = fitted_months(panel)
    profile = client_profile(rows)
    rows = rows[rows["client"].isin(profile.index)]
    groups = _counts(profile)
    missing = _missing(profile, min_group)
    if not missing:
        names = [name for name in client_order(rows) if name in profile.index]
        profile = profile.loc[names]
        gate = decline.decline_test(lay_out(rows, names))
        missing = "" if gate.declines else "no decline is detected in this book, so there is no speed to compare"
    if missing:
        needed = _clients_needed(ERROR_PER_CLIENT, 1)
        table = pd.DataFrame(columns=["analysis", "ratio", "low", "high", "p_value", "clients"])
        nan = np.nan
        return BillingComparison(
            nan, nan, nan, nan, "too early to tell", table, groups, Power(nan, len(profile), needed), missing
        )
    return _compare(rows, names, profile, groups, seed)


def client_profile(rows: pd.DataFrame) -> pd.DataFrame:
    """Per client of either group: fixed (1 or 0), log size at onboarding, months."""
    first = rows.dropna(subset="billing").groupby("client", observed=True)["billing"].first()
    first = first[first.isin(GROUPS)]
    early = rows.groupby("client", observed=True).head(SIZE_MONTHS)
    size = early.groupby("client", observed=True)["endpoints"].mean()
    months = rows.groupby("client", observed=True).size()
    return pd.DataFrame(
        {"billing": first, "fixed": (first == "fixed-fee").astype(float), "endpoints": size, "months": months}
    ).dropna()


def _counts(profile: pd.DataFrame) -> pd.DataFrame:
    grouped = profile.groupby("billing").agg(
        clients=("months", "size"), months=("months", "sum"), endpoints=("endpoints", "median")
    )
    return grouped.reindex(GROUPS).fillna({"clients": 0, "months": 0}).astype({"clients": int, "months": int})


def _missing(profile: pd.DataFrame, min_group: int) -> str:
    long = profile.loc[profile["months"] >= MIN_MONTHS, "billing"].value_counts().reindex(GROUPS, fill_value=0)
    short = [f"{min_group - n} more {name}" for name, n in long.items() if n < min_group]
    return f"{' and '.join(short)} clients with {MIN_MONTHS} months of data are needed" if short else ""


def _compare(
    rows: pd.DataFrame, names: list[str], profile: pd.DataFrame, groups: pd.DataFrame, seed: int
) -> BillingComparison:
    """Primary analysis and those that could disagree."""
    fixed, size = _covariates(profile)
    core = fit_groups(rows, names, profile)
    plain = mixed.fit(lay_out(rows, names, np.column_stack([np.ones(len(names)), fixed])))
    permuted = _permutation(rows, names, fixed, size, seed)
    ratio, low, high, p_value = half_life_ratio(core)
    lines = [
        ("adjusted for size (primary)", ratio, low, high, p_value, len(names)),
        ("not adjusted", *half_life_ratio(plain), len(names)),
        ("labels permuted among clients of like size", np.nan, np.nan, np.nan, permuted, len(names)),
    ]
    table = pd.DataFrame(lines, columns=["analysis", "ratio", "low", "high", "p_value", "clients"])
    verdict = "faster" if high < 1 else "slower" if low > 1 else "no clear difference"
    error = posterior.effect(core, LOG_TAU, GROUP)[1]
    smallest = float(np.exp(-(core.quantile + student.ppf(POWER, core.df)) * error))
    power = Power(smallest, len(names), _clients_needed(error, len(names)))
    groups = groups.join(_levels(core))
    return BillingComparison(ratio, low, high, p_value, verdict, table, groups, power, "", core)


def _covariates(profile: pd.DataFrame) -> tuple[Array, Array]:
    """Fixed fee (1/2 or -1/2, so that the priors favour neither group) and log size, centred."""
    size = np.log(profile["endpoints"].to_numpy())
    return profile["fixed"].to_numpy() - 0.5, size - size.mean()


def fit_groups(rows: pd.DataFrame, names: list[str], profile: pd.DataFrame) -> mixed.Fit:
    """Primary model: fixed fee and log size on start, floor and half-life.

    Parameters
    ----------
    rows : DataFrame from `fitted_months`
    names : list of str
        Clients, in the order of `profile`.
    profile : DataFrame from `client_profile`
    """
    return mixed.fit(lay_out(rows, names, np.column_stack([np.ones(len(names)), *_covariates(profile)])))


def half_life_ratio(fit: mixed.Fit) -> tuple[float, float, float, float]:
    """Ratio of half-lives, its interval and p-value: t with clients - coefficients - 3 degrees of freedom."""
    estimate, error = posterior.effect(fit, LOG_TAU, GROUP)
    low, high = np.exp([estimate - fit.quantile * error, estimate + fit.quantile * error])
    return float(np.exp(estimate)), float(low), float(high), float(2 * student.sf(abs(estimate) / error, fit.df))


def _clients_needed(error: float, clients: int) -> int:
    """Clients at which the ratio to show is found at the stated power, the error falling as 1 / sqrt(clients)."""
    reach = norm.ppf(0.975) + norm.ppf(POWER)
    return int(np.ceil(clients * (reach * error / np.log(RATIO_TO_SHOW)) ** 2))


def _levels(core: mixed.Fit) -> pd.DataFrame:
    """Start, floor and half-life of the typical client of each group, at mean size."""
    lines = []
    for fixed in (0.5, -0.5):
        eta, covariance = posterior.at_covariates(core, np.array([1.0, fixed, 0.0]))
        reach = core.quantile * np.sqrt(np.diag(covariance))
        values = np.exp(np.stack([eta, eta - reach, eta + reach], axis=-1))
        values[2] = curves.half_life(values[2])
        lines.append(values.ravel())
    names = [n + end for n in ("start_h", "floor_h", "half_life_months") for end in ("", "_low", "_high")]
    return pd.DataFrame(lines, pd.Index(GROUPS, name="billing"), names)


def _permutation(rows: pd.DataFrame, names: list[str], fixed: Array, size: Array, seed: int) -> float:
    """Two-sided p-value of the score of log tau under the null, labels exchanged within thirds by size."""
    months = lay_out(rows, names, np.column_stack([np.ones(len(names)), size]))
    model = Model(months)
    score = mixed.maximise(model, mixed.starting_values(model)).scores[:, LOG_TAU * 2]
    thirds = np.searchsorted(np.quantile(size, [1 / 3, 2 / 3]), size)
    rng = np.random.default_rng(seed)
    sums = np.zeros(PERMUTATIONS)
    observed = 0.0
    for third in range(3):
        mine, labels = score[thirds == third], fixed[thirds == third]
        if len(mine):
            centred = mine - mine.mean()
            observed += centred @ labels
            sums += rng.permuted(np.tile(labels, (PERMUTATIONS, 1)), axis=1) @ centred
    return float((1 + (np.abs(sums) >= abs(observed) - 1e-12).sum()) / (1 + PERMUTATIONS))
