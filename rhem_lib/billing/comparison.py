"""Do fixed-fee clients improve faster than hourly ones? An answer that survives a sceptic.

Primary analysis: billing at onboarding as a group effect on start, floor and half-life in the mixed model,
adjusted for size (`groups`). Beside it are all analyses that could disagree (`sensitivity`). What is found is an
association: clients choose how they pay, and hours that are not billed may be written down less.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from rhem_lib import decay
from rhem_lib.billing import groups as cohorts
from rhem_lib.billing import sensitivity as checks
from rhem_lib.billing.contract_changes import until_switch
from rhem_lib.billing.groups import GROUP, LOG_TAU, MIN_GROUP, MIN_MONTHS, RATIO_TO_SHOW, Cohort, Effect
from rhem_lib.billing.sensitivity import GROUPS, HALF_LIFE, Line, primary_fit
from rhem_lib.billing.under_recording import Recording
from rhem_lib.settings import DEFAULT_TARGET, Target, as_target

DRAWS = 2000
MOVED = 0.25  # standard errors
LEVELS = [n + end for n in ("start_h", "floor_h", "half_life_months") for end in ("", "_low", "_high")]
OWNER = {
    "faster": "Fixed-fee clients improve faster than hourly clients of the same size",
    "slower": "Fixed-fee clients improve more slowly than hourly clients of the same size",
    "no clear difference": "There is no clear difference in how fast fixed-fee and hourly clients improve",
}
CAUTION = (
    "This is an association, not a cause: clients choose how they pay, and hours that are not billed may be "
    "written down less."
)


@dataclass(frozen=True)
class Power:
    """What these clients can show: at 80% power and a two-sided test at 5%.

    Attributes
    ----------
    smallest_ratio : float
        The half-life ratio nearest to 1 that would be found four times in five.
    bound : float
        The same if the same clients were watched for ever.
    clients, clients_needed : int
        Clients compared, and those it takes to show a ratio of 0.7 at the same mix.
    """

    smallest_ratio: float
    bound: float
    clients: int
    clients_needed: int

    @property
    def text(self) -> str:
        """What could have been seen, and how many clients another answer takes."""
        needed = f"to show a half-life ratio of {RATIO_TO_SHOW} takes about {self.clients_needed} clients"
        if not np.isfinite(self.smallest_ratio):
            return f"No comparison was possible; {needed}."
        return (
            f"With {self.clients} clients a half-life ratio of {self.smallest_ratio:.2f} or less is found four "
            f"times in five; {needed}. More months of the same clients bring that to {self.bound:.2f} at best."
        )


@dataclass(frozen=True)
class BillingComparison:
    """Fixed-fee against hourly clients. Intervals are 95%.

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
        mean size, each with _low and _high.
    power : Power
    sooner : (float, float, float)
        Months by which a fixed-fee client comes down to the target before an hourly one of the same size, start
        and floor: estimate, low, high; NaN where the floor may not lie under the target.
    target : Target
    recording : Recording or None
        The control for hours that are no longer written down.
    missing : str
        Why it is too early to tell.
    flips : str
        The analysis under which a finding is none; the verdict is then withheld.
    core : Fit or None
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
    core: decay.Fit | None = None
    flips: str = ""

    @property
    def agreement(self) -> str:
        """Whether the analyses of the half-life ratio agree with the primary one, in one sentence."""
        judged = self.table[(self.table["quantity"] == HALF_LIFE) & (self.table["verdict"] != "")]
        if judged.empty:
            return "There is no analysis to compare."
        first, rest = judged["verdict"].iloc[0], judged.iloc[1:]
        away = rest[rest["verdict"] != first]
        if away.empty:
            return f"All {len(judged)} analyses of the half-life agree: {first}."
        names = "; ".join(f"'{n}' says {', '.join(rows['analysis'])}" for n, rows in away.groupby("verdict"))
        opposed = {"faster", "slower"} <= set(judged["verdict"])
        return (
            f"Of {len(judged)} analyses of the half-life {len(judged) - len(away)} say '{first}', "
            f"{'and others say the opposite' if opposed else 'none says the opposite'}: {names}."
        )

    @property
    def notes(self) -> str:
        """What to know of each analysis, and why some could not be made."""
        noted = self.table[self.table["note"] != ""].groupby("note", sort=False)["analysis"].agg(", ".join)
        return "\n".join(f"{names}: {note}." for note, names in noted.items())

    @property
    def text(self) -> str:
        """The finding, what could have been shown, whether the analyses agree, and what could be wrong."""
        if self.missing or self.recording is None:
            return (
                f"Whether fixed-fee clients improve faster: too early to tell, because {self.missing}. To show a "
                f"half-life ratio of {RATIO_TO_SHOW} takes about {self.power.clients_needed} clients."
            )
        warning = [self.recording.text] if self.recording.warns else []
        return " ".join([self._finding(), self.power.text, self.agreement, *warning, CAUTION])

    def _finding(self) -> str:
        """The verdict for an owner, then the ratio, then months."""
        months, first, last = self.sooner
        goal = f"{60 * self.target.target_h:.0f} minutes"
        reach = f" ({first:+.1f} to {last:+.1f})" if np.isfinite(first) else " (how sure is open)"
        sooner = (
            f"Between a fixed-fee and an hourly client of the same start, floor and size that is a difference of "
            f"{abs(months):.1f} months to {goal}{reach}, {'less' if months >= 0 else 'more'} under a fixed "
            "fee; it is not what a change of contract would bring."
        )
        if not np.isfinite(months):
            sooner = f"Their floor may not lie under {goal}, so months to it are not compared."
        row = f"A finding is withheld, because the row '{self.flips}' makes it flip. "
        return (
            f"{row if self.flips else ''}{OWNER[self.verdict]}: under a fixed fee the distance to the floor "
            f"halves in {self.ratio:.2f} times the months (95% interval {self.low:.2f} to {self.high:.2f}, p = "
            f"{self.p_value:.2g}). {sooner}"
        )

    def summary(self) -> pd.DataFrame:
        """All analyses that could be made, rounded."""
        made = self.table.drop(columns="note").dropna(subset=["ratio", "p_value"], how="all").round(3)
        return made.astype(object).where(made.notna(), "").set_index("analysis")

    def predict(self, *, age_months: Sequence[float]) -> pd.DataFrame:
        """Return the curve of the typical client of each group at the mean size.

        Returns
        -------
        DataFrame
            billing, age_months, estimate, low, high (h per endpoint per month); no rows when it is too early.
        """
        parts = [pd.DataFrame(columns=["billing", "age_months", "estimate", "low", "high"])]
        if self.core is not None:
            ages = np.asarray(age_months, float)
            levels = (decay.level_interval(ages, *curve, self.core.quantile) for curve in _typical(self.core))
            parts = [
                pd.DataFrame(level, columns=["estimate", "low", "high"]).assign(billing=name, age_months=ages)
                for name, level in zip(GROUPS, levels, strict=True)
            ]
        return pd.concat(parts, ignore_index=True)[["billing", "age_months", "estimate", "low", "high"]]


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

    Raises
    ------
    ParameterError
        The target is no Target and not above 0, or the panel has no column billing.
    InputError
        A cell of the panel cannot be used; the message says which.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> panel = rhem.measure(rhem.load("data/sample"))
    >>> rhem.compare_billing(panel).verdict
    'no clear difference'
    """
    target, everyone = as_target(target), decay.fitted_months(panel)
    cohort = billing_cohort(everyone)
    groups, plain = _counts(cohort.clients), cohort
    missing = _missing(cohort.clients, min_group) or cohorts.no_decline(cohort)
    if not missing:
        plain, missing = cohort.without_season().without_drift()
    if missing:
        clients = len(cohort.clients)
        power = Power(np.nan, np.nan, clients, cohorts.clients_needed(cohorts.ERROR_PER_CLIENT, 1))
        table = pd.DataFrame(columns=checks.COLUMNS)
        return BillingComparison(
            *cohorts.NOTHING, "too early to tell", table, groups, power, target=target, missing=missing
        )
    cores = _Cores(plain, primary_fit(plain), checks.year_fit(plain))
    effect, core = cores.effect, cores.primary
    sooner = _sooner(core, target.target_h, np.random.default_rng(seed))
    table, recording = _table(everyone, cohort, cores, seed)
    return BillingComparison(
        *effect.values, cores.verdict, table, groups.join(_levels(core)),
        _power(core, effect), sooner, target, recording, core=core, flips=cores.flips,
    )  # fmt: skip


@dataclass(frozen=True)
class _Cores:
    """The cohort without season and drift, and its model without and with the year of onboarding."""

    cohort: Cohort
    without: decay.Fit
    by_year: decay.Fit | None

    @property
    def primary(self) -> decay.Fit:
        """With the year of onboarding wherever the groups differ in it."""
        return self.by_year if self.by_year is not None and checks.years_differ(self.cohort) else self.without

    @property
    def effect(self) -> Effect:
        """Of the primary model."""
        return cohorts.effect_of(self.primary)

    @property
    def verdict(self) -> str:
        """That of the primary model; withheld where the year of onboarding turns it."""
        return "no clear difference" if self.flips else cohorts.verdict(self.effect.low, self.effect.high)

    @property
    def flips(self) -> str:
        """The row that makes a finding flip, if one does."""
        if self.by_year is None:
            return ""
        fits = {checks.NO_YEAR: self.without, checks.BY_YEAR: self.by_year}
        found = {name: cohorts.effect_of(core) for name, core in fits.items()}
        answers = {name: cohorts.verdict(effect.low, effect.high) for name, effect in found.items()}
        # A limit that passes 1 while the estimate stays is chance: the year turns what it moves.
        moved = abs(np.log(found[checks.BY_YEAR].ratio / found[checks.NO_YEAR].ratio))
        if not checks.years_differ(self.cohort) and moved < MOVED * found[checks.NO_YEAR].error:
            return ""
        found_in = [name for name, answer in answers.items() if answer in ("faster", "slower")]
        turned = len(set(answers.values())) > 1 and bool(found_in)
        return next(name for name in answers if name not in found_in[:1]) if turned else ""


def billing_cohort(rows: pd.DataFrame) -> Cohort:
    """Fixed-fee and hourly clients by their first billing model, with the months under it."""
    cohort = cohorts.cohort_of(until_switch(rows), "billing")
    return cohort.keep(cohort.clients["group"].isin(GROUPS))


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


def _table(rows: pd.DataFrame, cohort: Cohort, cores: _Cores, seed: int) -> tuple[pd.DataFrame, Recording]:
    """All analyses, with a progress bar for people who wait."""
    plain, core, effect, count = cores.cohort, cores.primary, cores.effect, len(cohort.clients)
    steps: list[Callable[[], list[Line]]] = [
        lambda: checks.unadjusted(plain, cohort),
        lambda: [checks.permuted(plain, effect, seed), checks.trimmed(plain)],
        lambda: checks.years(plain, cores.without, cores.by_year),
        lambda: [checks.hyperbolic(plain, core)],
        lambda: checks.block_hours(until_switch(rows)),
        lambda: checks.leavers(plain, rows),
        lambda: checks.changed(rows),
        lambda: checks.tipping(core, effect, count),
        lambda: checks.usual(cohort),
    ]
    watched = sys.stderr.isatty() or (
        "ipykernel" in type(sys.stderr).__module__ and "TQDM_DISABLE" not in os.environ
    )
    counted, recording = checks.tickets(cohort)
    lines = [checks.line(checks.PRIMARY, effect, count), *counted]
    for step in tqdm(steps, "Analyses that could disagree", leave=False, disable=not watched):
        lines += step()
    return pd.DataFrame(lines, columns=checks.COLUMNS), recording


def _power(core: decay.Fit, effect: Effect) -> Power:
    """What can be shown, and at best with ever more months of the same clients."""
    design = core.model.months.design
    # However long they are watched, clients differ: that spread alone leaves this standard error. A column without
    # differences, as of sizes that are all equal, tells nothing.
    least = float(core.sd[LOG_TAU] * np.sqrt(np.linalg.pinv(design.T @ design)[GROUP, GROUP]))
    bound = replace(effect, error=min(least, effect.error)).smallest
    return Power(effect.smallest, bound, len(design), cohorts.clients_needed(effect.error, len(design)))


def _sooner(core: decay.Fit, target_h: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Months between the two groups' arrivals at the target from the same start and floor."""
    columns = core.model.months.design.shape[1]
    shifts = np.vstack([np.zeros(3 * columns), decay.draw_population(core, DRAWS, rng)])
    draws = core.coefficients + shifts.reshape(-1, 3, columns)
    start, floor = np.exp(draws[:, :2, 0]).T
    taus = (np.exp(draws[:, LOG_TAU, 0] + side * draws[:, LOG_TAU, GROUP]) for side in (-0.5, 0.5))
    hourly, fixed = (decay.time_to_level(target_h, start, floor, tau) for tau in taus)
    finite = np.isfinite(hourly)
    if not finite[0]:
        return np.nan, np.nan, np.nan
    sooner = hourly[finite] - fixed[finite]
    low, high = np.quantile(sooner[1:], [0.025, 0.975]) if finite.mean() > 0.975 else (np.nan, np.nan)
    return float(sooner[0]), float(low), float(high)


def _typical(core: decay.Fit) -> list[tuple[np.ndarray, np.ndarray]]:
    """Log parameters of the typical client of each group at the mean size, and their covariance."""
    rest = np.zeros(core.model.months.design.shape[1] - 2)
    return [decay.at_covariates(core, np.r_[1.0, fixed, rest]) for fixed in (0.5, -0.5)]


def _levels(core: decay.Fit) -> pd.DataFrame:
    """Start, floor and half-life of the typical client of each group."""
    lines = [decay.parameter_interval(*curve, core.quantile).ravel() for curve in _typical(core)]
    return pd.DataFrame(lines, pd.Index(GROUPS, name="billing"), LEVELS)
