"""Do fixed-fee clients improve faster than hourly ones? An answer that survives a sceptic.

Primary analysis: billing at onboarding as a group effect on start, floor and half-life in the mixed model,
adjusted for size (`groups`). Beside it stand all analyses that could disagree (`billing_checks`). What is found is
an association: clients choose how they pay, and hours that are not billed may be written down less.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from rhem_lib.billing import sensitivity as checks
from rhem_lib.billing import under_recording
from rhem_lib.billing.cohort import Cohort, cohort_of, without_season
from rhem_lib.billing.contract_changes import until_switch
from rhem_lib.billing.groups import (
    ERROR_PER_CLIENT,
    GROUP,
    LOG_TAU,
    MIN_GROUP,
    MIN_MONTHS,
    Effect,
    clients_needed,
    effect_of,
    no_decline,
    verdict,
)
from rhem_lib.billing.sensitivity import FIXED, GROUPS, Line
from rhem_lib.billing.text import Power, agreement, finding, notes, too_early
from rhem_lib.billing.under_recording import Recording
from rhem_lib.decay import (
    Fit,
    at_covariates,
    draw_population,
    fitted_months,
    half_life,
    level_interval,
    time_to_level,
)
from rhem_lib.settings import DEFAULT_TARGET, Target, as_target

Array = NDArray[np.float64]

DRAWS = 2000
LEVELS = [n + end for n in ("start_h", "floor_h", "half_life_months") for end in ("", "_low", "_high")]


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
        analysis, quantity, ratio, low, high, p_value, clients, verdict, note: the primary one first, then those
        that could disagree, then what is usually done. Rows without data say why in the note.
    groups : DataFrame, indexed by billing
        clients, months, endpoints (median), and start_h, floor_h, half_life_months of the typical client at the
        book's mean size, each with _low and _high.
    power : Power
    sooner : (float, float, float)
        Months by which a fixed-fee client comes down to the target before an hourly one of the same size, start
        and floor: estimate, low, high; NaN where the floor may not lie under the target.
    target : Target
    recording : Recording or None
        The control for hours that are no longer written down.
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
    sooner: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    target: Target = DEFAULT_TARGET
    recording: Recording | None = None
    missing: str = ""
    core: Fit | None = None

    @property
    def agreement(self) -> str:
        """Whether the analyses agree, in one sentence."""
        return agreement(self.table)

    @property
    def notes(self) -> str:
        """What to know of each analysis, and why some could not be made."""
        return notes(self.table)

    @property
    def text(self) -> str:
        """The finding, what this book could have shown, whether the analyses agree, and what could be wrong."""
        if self.missing or self.recording is None:
            return too_early(self.missing, self.power)
        warning = [self.recording.text] if self.recording.warns else []
        told = finding(self.verdict, (self.ratio, self.low, self.high, self.p_value), self.sooner, self.target)
        caution = (
            "This is an association, not a cause: clients choose how they pay, and hours that are not billed may "
            "be written down less."
        )
        return " ".join([told, self.power.text, self.agreement, *warning, caution])

    def summary(self) -> pd.DataFrame:
        """All analyses that could be made, rounded."""
        made = self.table.drop(columns="note").dropna(subset=["ratio", "p_value"], how="all").round(3)
        return made.astype(object).where(made.notna(), "").set_index("analysis")

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
            eta, covariance = at_covariates(self.core, np.array([1.0, fixed, 0.0]))
            level = level_interval(ages, eta, covariance, self.core.quantile)
            parts.append(pd.DataFrame(dict(zip(columns, (name, ages, *level), strict=True))))
        return pd.concat(parts, ignore_index=True)


def compare_billing(
    panel: pd.DataFrame, *, target: Target | float = DEFAULT_TARGET, min_group: int = MIN_GROUP, seed: int = 0
) -> BillingComparison:
    """Compare the decay of clients who paid a fixed fee at onboarding with those who paid by the hour.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
        Uses billing (the first known one of each client, until it changes), endpoints (mean of the first three
        months), reactive_tickets, flags, and what `fit_decay` uses. Other models appear in the table alone.
    target : Target or float
        As in `fit_decay`; only its level matters here.
    min_group : int
        Fewest clients with 4 months in either group.
    seed : int
        Of permutations and draws.

    Returns
    -------
    BillingComparison
        Also where there are too few clients: the verdict is then "too early to tell".
    """
    target, everyone = as_target(target), fitted_months(panel)
    cohort = billing_cohort(everyone)
    groups = _counts(cohort.clients)
    missing = _missing(cohort.clients, min_group) or no_decline(cohort)
    if missing:
        nan, power = np.nan, Power(np.nan, np.nan, len(cohort.clients), clients_needed(ERROR_PER_CLIENT, 1))
        table = pd.DataFrame(columns=checks.COLUMNS)
        return BillingComparison(
            nan, nan, nan, nan, "too early to tell", table, groups, power, target=target, missing=missing
        )
    book = without_season(cohort)
    core = primary_fit(book)
    effect = effect_of(core)
    shown = (effect.ratio, effect.low, effect.high, effect.p_value)
    found = BillingComparison(
        *shown, verdict(effect.low, effect.high), pd.DataFrame(), groups.join(_levels(core)), _power(core, effect),
        _sooner(core, target.target_h, np.random.default_rng(seed)), target, core=core,
    )  # fmt: skip
    table, control = _table(everyone, cohort, book, core, seed)
    return replace(found, table=table, recording=control)


def billing_cohort(rows: pd.DataFrame) -> Cohort:
    """Fixed-fee and hourly clients by their first billing model, with the months under it."""
    cohort = cohort_of(until_switch(rows), "billing")
    return cohort.keep(cohort.clients["group"].isin(GROUPS))


def primary_fit(cohort: Cohort) -> Fit:
    """Fixed fee and log size on start, floor and half-life."""
    return cohort.fit(cohort.of(FIXED), cohort.size)


def _counts(clients: pd.DataFrame) -> pd.DataFrame:
    grouped = clients.groupby("group").agg(
        clients=("months", "size"), months=("months", "sum"), endpoints=("endpoints", "median")
    )
    table = grouped.reindex(GROUPS).fillna({"clients": 0, "months": 0}).astype({"clients": int, "months": int})
    return table.rename_axis("billing")


def _missing(clients: pd.DataFrame, min_group: int) -> str:
    long = clients.loc[clients["months"] >= MIN_MONTHS, "group"].value_counts().reindex(GROUPS, fill_value=0)
    short = [f"{min_group - n} more {name}" for name, n in long.items() if n < min_group]
    return f"{' and '.join(short)} clients with {MIN_MONTHS} months of data are needed" if short else ""


def _table(
    rows: pd.DataFrame, cohort: Cohort, book: Cohort, core: Fit, seed: int
) -> tuple[pd.DataFrame, Recording]:
    """All analyses, with a progress bar for people who wait; `book` is the cohort without its season."""
    effect, count = effect_of(core), len(cohort.clients)
    steps: list[Callable[[], list[Line]]] = [
        lambda: checks.unadjusted(book, cohort),
        lambda: [checks.permuted(book, effect, seed), checks.trimmed(book), checks.by_year(book)],
        lambda: [checks.hyperbolic(book, core)],
        lambda: checks.block_hours(until_switch(rows)),
        lambda: checks.leavers(book, rows),
        lambda: checks.changed(rows),
        lambda: tipping(core, effect, count),
        *checks.others(cohort),
    ]
    watched = sys.stderr.isatty() or ("ipykernel" in sys.modules and "TQDM_DISABLE" not in os.environ)
    lines = [checks.line("adjusted for size and season (primary)", effect, count)]
    counted, control = checks.tickets(cohort)
    for step in tqdm(steps, "Analyses that could disagree", leave=False, disable=not watched):
        lines += step()
    return pd.DataFrame([lines[0], *counted, *lines[1:]], columns=checks.COLUMNS), control


def tipping(core: Fit, effect: Effect, clients: int) -> list[Line]:
    """What would make the result out of nothing: under-recording that grows, or something unmeasured."""
    names = ("tipping point: share of hours written down", "tipping point: unmeasured cause")
    quantities = ("share that erases the finding", "E-value of estimate, of the nearer limit")
    if effect.low <= 1 <= effect.high:
        return [checks.absent(*pair) for pair in zip(names, ["there is no finding to erase"] * 2, quantities,
                                                     strict=True)]  # fmt: skip
    limit, whole = under_recording.erasing_share(core, effect)
    told = "growing under-recording makes no slower path" if np.isnan(limit) else (
        f"the interval takes in 1 once fixed-fee hours are written down to {limit:.0%} or less"
        if limit else "not even half the hours unwritten would erase it"
    )  # fmt: skip
    share = checks.line(names[0], (whole, np.nan, limit, np.nan), clients, told, quantity=quantities[0])
    near = effect.high if effect.ratio < 1 else effect.low
    strength = under_recording.e_value(effect.ratio), under_recording.e_value(near), np.nan, np.nan
    told = "goes with the fee, and with the half-life, by this factor each"
    return [share, checks.line(names[1], strength, clients, told, quantity=quantities[1])]


def _power(core: Fit, effect: Effect) -> Power:
    """What the book could show, and at best with ever more months of the same clients."""
    design = core.model.months.design
    least = float(core.sd[LOG_TAU] * np.sqrt(np.linalg.inv(design.T @ design)[GROUP, GROUP]))
    bound = replace(effect, error=min(least, effect.error)).smallest
    return Power(effect.smallest, bound, len(design), clients_needed(effect.error, len(design)))


def _sooner(core: Fit, target_h: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Months between the two groups' arrivals at the target from the same start and floor."""
    columns = core.model.months.design.shape[1]
    shifts = np.vstack([np.zeros(3 * columns), draw_population(core, DRAWS, rng)])
    draws = core.coefficients + shifts.reshape(-1, 3, columns)
    start, floor = np.exp(draws[:, 0, 0]), np.exp(draws[:, 1, 0])
    arrival = [
        time_to_level(target_h, start, floor, np.exp(draws[:, LOG_TAU, 0] + side * draws[:, LOG_TAU, GROUP]))
        for side in (-0.5, 0.5)
    ]
    if not np.isfinite(arrival[0][0]):
        return np.nan, np.nan, np.nan
    finite = np.isfinite(arrival[0])
    sooner = np.subtract(*(x[finite] for x in arrival))
    low, high = np.quantile(sooner[1:], [0.025, 0.975]) if finite.mean() > 0.975 else (np.nan, np.nan)
    return float(sooner[0]), float(low), float(high)


def _levels(core: Fit) -> pd.DataFrame:
    """Start, floor and half-life of the typical client of each group, at mean size."""
    lines = []
    for fixed in (0.5, -0.5):
        eta, covariance = at_covariates(core, np.array([1.0, fixed, 0.0]))
        reach = core.quantile * np.sqrt(np.diag(covariance))
        values = np.exp(np.stack([eta, eta - reach, eta + reach], axis=-1))
        values[2] = half_life(values[2])
        lines.append(values.ravel())
    return pd.DataFrame(lines, pd.Index(GROUPS, name="billing"), LEVELS)
