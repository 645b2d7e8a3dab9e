"""Clients that changed from hourly to a fixed fee: their speed before and after, apart from what is written down.

A client is its own comparison, so that what differs between clients drops out. A true improvement
bends the path; it cannot jump. Work that is written down less from the day of the change jumps.
Both are estimated together: from the change on a client's clock runs 1 / ratio times as fast, and
its hours are multiplied by `jump`.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rhem_lib import decay
from rhem_lib.billing.groups import NOTHING, Array, Cohort, Values, ratio_interval

MIN_SIDE, MIN_SWITCHERS, PLACEBO_MONTHS = 3, 3, 3
ROUNDS, STEPS_END, LARGEST_STEP, MOST_LOG = 12, 1e-3, 0.4, 2.0
DIFFERENCE = 1e-3
AFTER_MONTHS, NEIGHBOURS = 6, 3
TRIGGER_MONTHS = (
    3  # before a change: clients change when they are tired of bills, and bad months pass by themselves
)


@dataclass(frozen=True)
class Change:
    """What a change of billing did: ratios with 95% intervals and p-values, (ratio, low, high, p_value).

    speed : half-life after / before; jump : hours after / before, at the change itself
    """

    speed: Values = NOTHING
    jump: Values = NOTHING


def until_switch(rows: pd.DataFrame) -> pd.DataFrame:
    """Months under each client's first billing model."""
    first = rows.groupby("client", observed=True)["billing"].transform("first")
    changed = (rows["billing"].notna() & (rows["billing"] != first)).astype(int)
    return rows[changed.groupby(rows["client"], observed=True).cummax() == 0]


def switch_ages(rows: pd.DataFrame) -> pd.Series:
    """Age in months at which clients that began hourly changed to a fixed fee, with 3 months on both sides.

    The month of the change itself counts on neither side.
    """
    began = rows.groupby("client", observed=True)["billing"].transform("first") == "hourly"
    fixed = rows[began & (rows["billing"] == "fixed-fee")]
    since = fixed.groupby("client", observed=True)["age_start"].first()
    own = rows.merge(since.rename("since"), left_on="client", right_index=True)
    clear = ~own["flags"].str.contains("billing-switch") & (own["age_start"] != own["since"])
    sides = own[clear].groupby(["client", own["age_start"] > own["since"]], observed=True).size().unstack()
    enough = (sides.reindex(columns=[False, True]) >= MIN_SIDE).all(axis=1)
    return since[enough.reindex(since.index, fill_value=False)]


def hourly_rows(rows: pd.DataFrame, since: pd.Series) -> pd.DataFrame:
    """Months of clients that began hourly: of switchers all but that of the change, of others until any."""
    first = rows.groupby("client", observed=True)["billing"].transform("first")
    switcher = rows["client"].isin(since.index)
    alone = until_switch(rows[(first == "hourly") & ~switcher])
    own = rows[switcher & rows["billing"].isin(["hourly", "fixed-fee"])]
    at_change = (own["age_start"] == own["client"].map(since)) | own["flags"].str.contains("billing-switch")
    back = (own["billing"] == "hourly") & (own["age_start"] > own["client"].map(since))
    out = pd.concat([alone, own[~at_change & ~back]])
    return out.sort_values(["client", "age_start"], kind="stable")


def without_trigger(cohort: Cohort, since: pd.Series) -> Cohort:
    """The same without the months just before each change, of which some may be why it was made."""
    until = cohort.rows["client"].map(since) - cohort.rows["age_start"]
    return replace(cohort, rows=cohort.rows[~until.between(0, TRIGGER_MONTHS + 0.5)])


def fit_change(cohort: Cohort, since: pd.Series) -> Change:
    """Speed and jump at the change, fitted together with every client's curve.

    The cohort is of clients that began hourly, from `hourly_rows`; those that never changed give the usual path.
    `since` is the age of the change, indexed by the clients that changed.
    """
    months = cohort.months(cohort.size)
    switch = since.reindex(cohort.clients.index).fillna(np.inf).to_numpy()[:, None]
    fit, found = decay.fit_mixed_model(months), np.zeros(2)
    for _ in range(ROUNDS):
        _, scored, modelled = decay.newton_step(fit.model, fit.point, _direction(fit, months, switch, found))
        step = modelled @ _gradient(fit, months, switch, found)
        found = np.clip(found + np.clip(step, -LARGEST_STEP, LARGEST_STEP), -MOST_LOG, MOST_LOG)
        if np.abs(step).max() < STEPS_END:
            break
        model = _as_if_never(fit.model, months, switch, found)
        fit = replace(fit, model=model, point=decay.maximise(model, fit.point.theta))
    # The larger of two errors: the one from scores of few clients is noisy, the model's own trusts the model.
    error = np.sqrt(np.maximum(np.diag(scored), fit.memory * np.diag(modelled)))
    return Change(*(ratio_interval(*pair, len(since) - 1) for pair in zip(found, error, strict=True)))


def _as_if_never(model: decay.Model, months: decay.Months, switch: Array, found: Array) -> decay.Model:
    """The model of hours with the clock and the jump taken out, (log speed ratio, log jump)."""
    start, end = (_clock(age, switch, found[0]) for age in (months.age_start, months.age_end))
    plain = months.divided(np.where(months.age_start >= switch, np.exp(found[1]), 1.0))
    moved = replace(model.months, age_start=start, age_end=end, rate=plain.rate, weight=plain.weight)
    return replace(model, months=moved)


def _clock(age: Array, switch: Array, log_ratio: float) -> Array:
    """Age as the decay feels it."""
    with np.errstate(invalid="ignore"):
        return np.where(age > switch, switch + (age - switch) * np.exp(-log_ratio), age)


def _gradient(fit: decay.Fit, months: decay.Months, switch: Array, found: Array) -> Array:
    """Derivatives of the marginal log likelihood of the hours as they are, in log speed ratio and log jump."""
    out = np.zeros(2)
    for j in range(2):
        for side in (DIFFERENCE, -DIFFERENCE):
            moved = _as_if_never(fit.model, months, switch, found + side * np.eye(2)[j])
            point = decay.evaluate(moved, fit.point.theta, fit.point.modes)
            out[j] += point.loglik * np.sign(side) / (2 * DIFFERENCE)
    divided = (months.age_start >= switch) & (months.rate > 0) & (months.used > 0)
    return out - np.array([0, divided.sum()])


def _direction(fit: decay.Fit, months: decay.Months, switch: Array, found: Array) -> Array:
    """Derivatives of the log rate in log speed ratio and log jump, (clients, months, 2)."""
    sides = []
    for shift in (DIFFERENCE, -DIFFERENCE):
        start, end = (_clock(age, switch, found[0] + shift) for age in (months.age_start, months.age_end))
        moved = replace(fit.model.months, age_start=start, age_end=end)
        sides.append(np.log(decay.expected_hours(replace(fit.model, months=moved), fit.point)))
    return np.stack([(sides[0] - sides[1]) / (2 * DIFFERENCE), months.age_start >= switch], axis=-1)


def placebo(cohort: Cohort, since: pd.Series) -> tuple[Cohort, pd.Series]:
    """The same clients as if the change had come 3 months earlier, without the months after the true one."""
    true = cohort.rows["client"].map(since)
    rows = cohort.rows[~(cohort.rows["age_start"] >= true)]
    pretended = since - PLACEBO_MONTHS
    own = rows[rows["client"].isin(since.index)]
    late = own["age_start"] >= own["client"].map(pretended)
    sides = own.groupby(["client", late], observed=True).size().unstack(fill_value=0)
    kept = sides.index[(sides.reindex(columns=[False, True], fill_value=0) >= 2).all(axis=1)]
    gone = since.index.difference(kept)
    clients = cohort.clients.drop(gone, errors="ignore")
    return Cohort(rows[~rows["client"].isin(gone)], clients), pretended[kept]


def against_like(cohort: Cohort, since: pd.Series, column: str) -> Values:
    """Change of hours (or tickets) over the six months after, against clients alike that had not changed yet.

    Each switcher is held against the three hourly clients whose level was nearest to its own in the three months
    that ended three months before the same age: the months of the trigger are left out. Returns ratio, low,
    high, p_value; NaN where fewer than 3 switchers have such company.
    """
    rows = cohort.rows.assign(since=cohort.rows["client"].map(since).fillna(np.inf))
    differences = []
    for client, age in since.items():
        own = rows[rows["client"] == client]
        others = rows[(rows["client"] != client) & (rows["since"] > age + AFTER_MONTHS)]
        levels = [_before_after(x, age, column) for x in (own, others)]
        if len(levels[0]) and len(levels[1]) >= NEIGHBOURS:
            before, change = levels[0].iloc[0]
            near = (levels[1]["before"] - before).abs().nsmallest(NEIGHBOURS).index
            differences.append(change - levels[1].loc[near, "change"].mean())
    count = len(differences)
    if count < MIN_SWITCHERS:
        return NOTHING
    error = float(np.std(differences, ddof=1) / np.sqrt(count))
    return ratio_interval(float(np.mean(differences)), error, count - 1)


def _before_after(rows: pd.DataFrame, age: float, column: str) -> pd.DataFrame:
    """Per client the log level in 3 months before the trigger of an age, and its change to the 6 months after."""
    ahead = age - rows["age_start"]
    before = ahead.between(TRIGGER_MONTHS + 0.5, TRIGGER_MONTHS + MIN_SIDE + 0.5)
    near = rows[before | ahead.between(-AFTER_MONTHS - 1, 0, inclusive="right")]
    sums = near.groupby(["client", near["age_start"] >= age], observed=True)
    table = sums.agg(amount=(column, "sum"), exposure=("exposure", "sum"), months=("exposure", "size")).unstack()
    table = table[table["months"].reindex(columns=[False, True]).ge(MIN_SIDE - 1).all(axis=1)]
    level = np.log((table["amount"] + 0.5) / (table["exposure"] + 0.5))
    return pd.DataFrame({"before": level.get(False), "change": level.get(True, np.nan) - level.get(False, np.nan)})
