"""Analyses of the billing question that can disagree with the primary one, each a line or two of a table."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from rhem_lib.billing import contract_changes, naive_methods, under_recording
from rhem_lib.billing.groups import LOG_TAU, NOTHING, Array, Cohort, Effect, Values, cohort_of, effect_of, verdict
from rhem_lib.decay import Fit, Model, maximise

Line = dict[str, object]

COLUMNS = ["analysis", "quantity", "ratio", "low", "high", "p_value", "clients", "verdict", "note"]
HALF_LIFE, HOURS = "half-life ratio", "hours, after / before"
PRIMARY = "adjusted for size and season (primary)"
BY_YEAR, NO_YEAR = "adjusted for the year of onboarding", "not adjusted for the year of onboarding"
YEARS_DIFFER = 0.1  # p-value
# Every analysis beside the primary one, in the order of plan and table, and what its ratio is of.
ANALYSES = {
    "tickets in place of hours": HALF_LIFE,
    "hours per ticket over the first year": "hours per ticket, fixed fee / hourly",
    "not adjusted for size": HALF_LIFE,
    "not adjusted for season": HALF_LIFE,
    "labels permuted among clients of like size": HALF_LIFE,
    "only sizes that both groups have": HALF_LIFE,
    BY_YEAR: HALF_LIFE,
    NO_YEAR: HALF_LIFE,
    "hyperbolic curve": HALF_LIFE,
    "block-hours as a group of its own": HALF_LIFE,
    "block-hours against hourly": "half-life, block / hourly",
    "without clients that left within 6 months": HALF_LIFE,
    "leavers of the first year never improve further": HALF_LIFE,
    "clients that changed: half-life": "half-life, after / before",
    "clients that changed: jump at the change": HOURS,
    "placebo change 3 months earlier: half-life": "half-life, after / before",
    "placebo change 3 months earlier: jump": HOURS,
    "changed against like clients that had not: hours": HOURS,
    "changed against like clients that had not: tickets": "tickets, after / before",
    "tipping point: share of hours written down": "share that erases the finding",
    "tipping point: unmeasured cause": "E-value of estimate, of the nearer limit",
    "usual: Welch t test of slopes": HALF_LIFE,
    "usual: MixedLM, age x group on log hours": HALF_LIFE,
    "usual: GEE, age x group, log link": HALF_LIFE,
}
FIXED = "fixed-fee"
GROUPS = (FIXED, "hourly")
PERMUTATIONS = 2000
PLACEBO_LEVEL = 0.05
LEAST_CLIENTS, EARLY_LEAVER, FIRST_YEAR = 4, 6, 12


def line(analysis: str, values: Values | Effect, clients: int, note: str = "", judged: str | None = None) -> Line:
    """One row of the table; the verdict is that of its own interval where it is about half-lives."""
    quantity = ANALYSES.get(analysis, HALF_LIFE)
    values = values.values if isinstance(values, Effect) else values
    if judged is None:
        judged = verdict(*values[1:3]) if quantity == HALF_LIFE and np.isfinite(values[1:3]).all() else ""
    return dict(zip(COLUMNS, (analysis, quantity, *values, clients, judged, note), strict=True))


def absent(analysis: str, reason: str) -> Line:
    """A row for which there are no data."""
    return line(analysis, NOTHING, 0, reason)


def primary_fit(cohort: Cohort, *more: Array) -> Fit:
    """Fixed fee and log size (and whatever else is given) on start, floor and half-life."""
    return cohort.fit(cohort.of(FIXED), cohort.size, *more)


def effect(cohort: Cohort, *more: Array) -> Effect:
    """Fixed fee against the others of a cohort at equal size (and whatever else is given)."""
    return effect_of(primary_fit(cohort, *more))


def _two_sided(cohort: Cohort) -> bool:
    """Whether both groups have enough clients for their coefficients."""
    counts = cohort.clients["group"].value_counts().reindex(GROUPS, fill_value=0)
    return bool((counts >= LEAST_CLIENTS).all())


def unadjusted(cohort: Cohort, seasonal: Cohort) -> list[Line]:
    """The primary model without size, and on hours with their season."""
    found, count = effect_of(cohort.fit(cohort.of(FIXED))), len(cohort.clients)
    first = line("not adjusted for size", found, count, "biased where one group has larger clients")
    return [first, line("not adjusted for season", effect(seasonal), count)]


def permuted(cohort: Cohort, primary: Effect, seed: int) -> Line:
    """Score of log tau under the null, labels exchanged within thirds by size: a p-value without a model of it."""
    size, fixed = cohort.size, cohort.of(FIXED)
    score = maximise(Model(cohort.months(size))).scores[:, LOG_TAU * 2]
    thirds = np.searchsorted(np.quantile(size, [1 / 3, 2 / 3]), size)
    rng = np.random.default_rng(seed)
    sums, observed = np.zeros(PERMUTATIONS), 0.0
    for third in np.unique(thirds):
        centred, labels = score[thirds == third], fixed[thirds == third]
        centred = centred - centred.mean()
        observed += centred @ labels
        sums += rng.permuted(np.tile(labels, (PERMUTATIONS, 1)), axis=1) @ centred
    p_value = float((1 + (np.abs(sums) >= abs(observed) - 1e-12).sum()) / (1 + PERMUTATIONS))
    found = "no clear difference" if p_value >= 0.05 else "faster" if primary.ratio < 1 else "slower"
    note = "gives no ratio; cautious: finds less than the primary analysis"
    return line("labels permuted among clients of like size", (*NOTHING[:3], p_value), len(size), note, found)


def trimmed(cohort: Cohort) -> Line:
    """Only sizes that both groups have, never chosen by how a client started (regression to the mean)."""
    name = "only sizes that both groups have"
    sizes = cohort.clients.groupby("group")["endpoints"]
    kept = cohort.keep(cohort.clients["endpoints"].between(sizes.min().max(), sizes.max().min()))
    if not _two_sided(kept):
        return absent(name, "the groups hardly share a size")
    return line(name, effect(kept), len(kept.clients))


def year_fit(cohort: Cohort) -> Fit | None:
    """The primary model with the onboarding date as a further covariate: methods and staff change over the years.

    None where all clients were onboarded within a year.
    """
    year = cohort.clients["start_year"].to_numpy()
    return None if np.ptp(year) < 1 else primary_fit(cohort, year - year.mean())


def years_differ(cohort: Cohort) -> bool:
    """Whether the groups joined at different times, so that their date belongs into the primary model."""
    fixed = (cohort.clients["group"] == FIXED).to_numpy()
    year = cohort.clients["start_year"].to_numpy()
    return bool(ttest_ind(year[fixed], year[~fixed], equal_var=False).pvalue < YEARS_DIFFER)


def years(cohort: Cohort, without: Fit, by_year: Fit | None) -> list[Line]:
    """The primary model with and without the year of onboarding."""
    if by_year is None:
        return [absent(name, "all clients were onboarded within one year") for name in (BY_YEAR, NO_YEAR)]
    note = "in the primary analysis, since the groups joined at different times" if years_differ(cohort) else ""
    found = ((BY_YEAR, by_year, note), (NO_YEAR, without, ""))
    return [line(name, effect_of(fit), len(cohort.clients), why) for name, fit, why in found]


def block_hours(rows: pd.DataFrame) -> list[Line]:
    """Prepaid blocks as a third group: what it does to the answer, and the blocks themselves against hourly."""
    names = ("block-hours as a group of its own", "block-hours against hourly")
    cohort = cohort_of(rows, "billing")
    cohort = cohort.keep(cohort.clients["group"].isin([*GROUPS, "block-hours"])).without_season()
    blocks, fixed, hourly = (cohort.clients["group"] == name for name in ("block-hours", *GROUPS))
    if blocks.sum() < LEAST_CLIENTS:
        return [absent(name, f"{blocks.sum()} clients buy blocks of hours") for name in names]
    fit = cohort.fit(*((group - group.mean()).to_numpy(float) for group in (fixed, blocks)), cohort.size)
    second = line(names[1], effect_of(fit, 2), int((blocks | hourly).sum()), "another question")
    return [line(names[0], effect_of(fit), len(blocks)), second]


def hyperbolic(cohort: Cohort, core: Fit) -> Line:
    """A curve with a long tail in place of the exponential."""
    fit = cohort.fit(cohort.of(FIXED), cohort.size, shape="hyperbolic")
    gain = fit.point.loglik - core.point.loglik
    note = f"log likelihood {gain:+.0f} against the exponential; a ratio of months to halfway"
    return line("hyperbolic curve", effect_of(fit), len(cohort.clients), note)


def leavers(cohort: Cohort, rows: pd.DataFrame) -> list[Line]:
    """Clients that left early: dropped, and, worst case, kept at the level they left at until a year is over.

    Who left is seen from all months, `rows`, of which the cohort's may end at a change of billing.
    """
    last = rows.groupby("client", observed=True)[["month", "age_end"]].last().loc[cohort.clients.index]
    left = last["month"] < rows["month"].max()
    early, year = left & (last["age_end"] < EARLY_LEAVER), left & (last["age_end"] < FIRST_YEAR)
    names = ("without clients that left within 6 months", "leavers of the first year never improve further")
    out = [absent(names[0], "nobody left within 6 months")]
    if early.any() and _two_sided(kept := cohort.keep(~early)):
        out = [line(names[0], effect(kept), len(kept.clients))]
    if not year.any():
        return [*out, absent(names[1], "nobody left within a year")]
    return [*out, line(names[1], effect(_stayed(cohort, year[year].index)), len(cohort.clients), "worst case")]


def _stayed(cohort: Cohort, names: pd.Index) -> Cohort:
    """The cohort with months up to the first year added for leavers, at the level of their last three."""
    added = []
    for name in names:
        own = cohort.rows[cohort.rows["client"] == name]
        final, recent = own.iloc[-1], own.tail(3)
        ages = np.arange(final["age_end"], FIRST_YEAR - 0.5)
        level = recent["reactive_hours"].sum() / recent["exposure"].sum()
        months = pd.DataFrame([final] * len(ages)).assign(age_start=ages, age_end=ages + 1, age_months=ages + 0.5)
        added.append(months.assign(exposure=final["endpoints"], reactive_hours=level * final["endpoints"]))
    rows = pd.concat([cohort.rows, *added]).sort_values(["client", "age_start"], kind="stable")
    return replace(cohort, rows=rows.astype({"exposure": float, "reactive_hours": float, "age_start": float}))


def tickets(cohort: Cohort) -> tuple[list[Line], under_recording.Recording]:
    """The ticket twin, and hours per ticket as the control for growing under-recording."""
    names, count = ("tickets in place of hours", "hours per ticket over the first year"), len(cohort.clients)
    if not cohort.rows["reactive_tickets"].gt(0).any():
        return [absent(name, "no tickets") for name in names], under_recording.Recording(*NOTHING)
    twin = primary_fit(replace(cohort, rows=cohort.rows.assign(reactive_hours=cohort.rows["reactive_tickets"])))
    found = under_recording.hours_per_ticket(cohort, FIXED, twin)
    values = (found.ratio, found.low, found.high, found.p_value)
    note = "under 1: less is written down, or tickets are solved faster"
    shown = line(names[1], values, count, note, "warning" if found.warns else "no sign")
    return [
        line(names[0], effect_of(twin), count, "calls, not typing: free of what is written down"),
        shown,
    ], found


def changed(rows: pd.DataFrame) -> list[Line]:
    """Clients that changed from hourly to a fixed fee: speed and recording apart, placebo, company alike."""
    notes = {
        "clients that changed: half-life": "",
        "clients that changed: jump at the change": "a jump is a change in what is written down, not in speed",
        "placebo change 3 months earlier: half-life": "should hold 1",
        "placebo change 3 months earlier: jump": "should hold 1",
        "changed against like clients that had not: hours": "speed and recording together",
        "changed against like clients that had not: tickets": "free of what is written down",
    }
    since, least = contract_changes.switch_ages(rows), contract_changes.MIN_SWITCHERS
    if len(since) < least:
        reason = f"{len(since)} clients changed with 3 months on both sides; it takes {least}"
        return [absent(name, reason) for name in notes]
    cohort = cohort_of(contract_changes.hourly_rows(rows, since), "billing").without_season()
    since = since[since.index.isin(cohort.clients.index)]
    before, pretended = contract_changes.placebo(cohort, since)
    kept = contract_changes.without_trigger(cohort, since)
    kept, false = (
        (kept if kept.rows["client"].nunique() == len(kept.clients) else cohort),
        contract_changes.Change(),
    )
    true = contract_changes.fit_change(kept, since)
    if len(pretended) >= least:
        false = contract_changes.fit_change(before, pretended)
    hours, calls = (contract_changes.against_like(cohort, since, f"reactive_{of}") for of in ("hours", "tickets"))
    found = (true.speed, true.jump, false.speed, false.jump, hours, calls)
    lines = [line(name, x, len(since), note) for (name, note), x in zip(notes.items(), found, strict=True)]
    if not min(false.speed[3], false.jump[3]) < PLACEBO_LEVEL:
        return lines
    reason = "withheld: a change that never was, 3 months earlier, shows an effect as well"
    return [x if str(x["analysis"]).startswith("placebo") else absent(str(x["analysis"]), reason) for x in lines]


def tipping(core: Fit, effect: Effect, clients: int) -> list[Line]:
    """What would make the result out of nothing: under-recording that grows, or something unmeasured."""
    names = ("tipping point: share of hours written down", "tipping point: unmeasured cause")
    if effect.low <= 1 <= effect.high:
        return [absent(name, "there is no finding to erase") for name in names]
    limit, whole = under_recording.erasing_share(core, effect)
    note = "not even half the hours unwritten would erase it"
    if np.isnan(limit):
        note = "growing under-recording makes no slower path"
    elif limit:
        note = f"the interval takes in 1 once fixed-fee hours are written down to {limit:.0%} or less"
    near = effect.high if effect.ratio < 1 else effect.low
    strength = under_recording.e_value(effect.ratio), under_recording.e_value(near), np.nan, np.nan
    cause = "goes with the fee, and with the half-life, by this factor each"
    share = line(names[0], (whole, np.nan, limit, np.nan), clients, note)
    return [share, line(names[1], strength, clients, cause)]


def usual(cohort: Cohort) -> list[Line]:
    """What is usually done, with its known fault; a method that did not converge gives no number."""
    lines = []
    for name, method in naive_methods.METHODS.items():
        found = method(cohort, FIXED)
        note = f"known fault: {naive_methods.FAULTS[name]}"
        note = note if np.isfinite(found[3]) else "did not converge, so it gives no number"
        lines.append(line(f"usual: {name}", found, len(cohort.clients), note, ""))
    return lines
