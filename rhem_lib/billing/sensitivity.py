"""Analyses of the billing question that can disagree with the primary one, each a line or two of a table."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.billing import contract_changes, naive_methods, under_recording
from rhem_lib.billing.cohort import Cohort, cohort_of, without_season
from rhem_lib.billing.groups import LOG_TAU, Effect, effect_of, verdict
from rhem_lib.billing.text import HALF_LIFE
from rhem_lib.decay import Fit, Model, lay_out, maximise, starting_values

Array = NDArray[np.float64]
Line = dict[str, object]

COLUMNS = ["analysis", "quantity", "ratio", "low", "high", "p_value", "clients", "verdict", "note"]
HOURS, CHECK = "hours, after / before", "hours per ticket, fixed fee / hourly"
FIXED = "fixed-fee"
GROUPS = (FIXED, "hourly")
PERMUTATIONS = 2000
LEAST_CLIENTS, EARLY_LEAVER, FIRST_YEAR = 4, 6, 12


def line(analysis: str, values: tuple[float, ...] | Effect, clients: int, note: str = "", **more: str) -> Line:
    """One row of the table; the verdict is that of its own interval where it is about half-lives."""
    if isinstance(values, Effect):
        values = (values.ratio, values.low, values.high, values.p_value)
    quantity = more.get("quantity", HALF_LIFE)
    told = verdict(*values[1:3]) if quantity == HALF_LIFE and np.isfinite(values[1:3]).all() else ""
    return dict(zip(COLUMNS, (analysis, quantity, *values, clients, more.get("verdict", told), note), strict=True))


def absent(analysis: str, reason: str, quantity: str = HALF_LIFE) -> Line:
    """A row that this book has no data for."""
    return line(analysis, (np.nan,) * 4, 0, reason, quantity=quantity)


def effect(cohort: Cohort, *more: Array) -> Effect:
    """Fixed fee against the others of a cohort at equal size (and whatever else is given)."""
    return effect_of(cohort.fit(cohort.of(FIXED), cohort.size, *more))


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
    months = lay_out(cohort.rows, cohort.clients.index.tolist(), np.column_stack([np.ones(len(size)), size]))
    model = Model(months)
    score = maximise(model, starting_values(model)).scores[:, LOG_TAU * 2]
    thirds = np.searchsorted(np.quantile(size, [1 / 3, 2 / 3]), size)
    rng = np.random.default_rng(seed)
    sums, observed = np.zeros(PERMUTATIONS), 0.0
    for third in range(3):
        mine, labels = score[thirds == third], fixed[thirds == third]
        if len(mine):
            centred = mine - mine.mean()
            observed += centred @ labels
            sums += rng.permuted(np.tile(labels, (PERMUTATIONS, 1)), axis=1) @ centred
    p_value = float((1 + (np.abs(sums) >= abs(observed) - 1e-12).sum()) / (1 + PERMUTATIONS))
    told = "no clear difference" if p_value >= 0.05 else "faster" if primary.ratio < 1 else "slower"
    note = "gives no ratio; cautious: finds less than the primary analysis"
    return line("labels permuted among clients of like size", (np.nan,) * 3 + (p_value,), len(size), note,
                verdict=told)  # fmt: skip


def trimmed(cohort: Cohort) -> Line:
    """Only sizes that both groups have, never chosen by how a client started (regression to the mean)."""
    name = "only sizes that both groups have"
    sizes = cohort.clients.groupby("group")["endpoints"]
    kept = cohort.keep(cohort.clients["endpoints"].between(sizes.min().max(), sizes.max().min()))
    if not _two_sided(kept):
        return absent(name, "the groups hardly share a size")
    return line(name, effect(kept), len(kept.clients))


def by_year(cohort: Cohort) -> Line:
    """Onboarding date as a further covariate: methods and staff change over the years."""
    name, year = "adjusted for the year of onboarding", cohort.clients["start_year"].to_numpy()
    if np.ptp(year) < 1:
        return absent(name, "all clients were onboarded within one year")
    return line(name, effect(cohort, year - year.mean()), len(year))


def block_hours(rows: pd.DataFrame) -> list[Line]:
    """Prepaid blocks as a third group: what it does to the answer, and the blocks themselves against hourly."""
    names = ("block-hours as a group of its own", "block-hours against hourly")
    cohort = cohort_of(rows, "billing")
    cohort = without_season(cohort.keep(cohort.clients["group"].isin([*GROUPS, "block-hours"])))
    count = int((cohort.clients["group"] == "block-hours").sum())
    if count < LEAST_CLIENTS:
        return [absent(name, f"{count} clients buy blocks of hours") for name in names]
    blocks = (cohort.clients["group"] == "block-hours").to_numpy(float)
    fixed = (cohort.clients["group"] == FIXED).to_numpy(float)
    fit = cohort.fit(fixed - fixed.mean(), blocks - blocks.mean(), cohort.size)
    shares = (len(blocks), count + int((cohort.clients["group"] == "hourly").sum()))
    second = line(names[1], effect_of(fit, 2), shares[1], "another question", quantity="half-life, block / hourly")
    return [line(names[0], effect_of(fit), shares[0]), second]


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
    """The book with months up to the first year added for leavers, at the level of their last three."""
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
    names = ("tickets in place of hours", "hours per ticket over the first year")
    if not cohort.rows["reactive_tickets"].gt(0).any():
        nothing = under_recording.Recording(*(np.nan,) * 4)
        return [absent(names[0], "no tickets"), absent(names[1], "no tickets", CHECK)], nothing
    twin = under_recording.twin_fit(cohort, FIXED)
    found = under_recording.hours_per_ticket(cohort, FIXED, twin)
    note = "under 1: less is written down, or tickets are solved faster"
    values = (found.ratio, found.low, found.high, found.p_value)
    shown = line(names[1], values, len(cohort.clients), note, quantity=CHECK,
                 verdict="warning" if found.warns else "no sign")  # fmt: skip
    counted = "calls, not typing: free of what is written down"
    return [line(names[0], effect_of(twin), len(cohort.clients), counted), shown], found


def changed(rows: pd.DataFrame) -> list[Line]:
    """Clients that changed from hourly to a fixed fee: speed and recording apart, placebo, company alike."""
    names = ("clients that changed: half-life", "clients that changed: jump at the change",
             "placebo change 3 months earlier: half-life", "placebo change 3 months earlier: jump",
             "changed against like clients that had not: hours",
             "changed against like clients that had not: tickets")  # fmt: skip
    quantities = ("half-life, after / before", HOURS) * 2 + (HOURS, "tickets, after / before")
    since = contract_changes.switch_ages(rows)
    if len(since) < contract_changes.MIN_SWITCHERS:
        reason = (
            f"{len(since)} clients changed with 3 months on both sides; it takes {contract_changes.MIN_SWITCHERS}"
        )
        return [absent(*pair) for pair in zip(names, [reason] * 6, quantities, strict=True)]
    cohort = without_season(cohort_of(contract_changes.hourly_rows(rows, since), "billing"))
    since = since[since.index.isin(cohort.clients.index)]
    true = contract_changes.fit_change(cohort, since)
    found = [true.speed, true.jump]
    told = ["", "a jump is a change in what is written down, not in speed"]
    before, pretended = contract_changes.placebo(cohort, since)
    if len(pretended) >= contract_changes.MIN_SWITCHERS:
        false = contract_changes.fit_change(before, pretended)
        found += [false.speed, false.jump]
    else:
        found += [(np.nan,) * 4] * 2
    told += ["should hold 1"] * 2 + ["speed and recording together", "free of what is written down"]
    found += [
        contract_changes.against_like(cohort, since, name) for name in ("reactive_hours", "reactive_tickets")
    ]
    columns = zip(names, found, [len(since)] * 6, told, quantities, strict=True)
    return [line(name, values, n, note, quantity=quantity) for name, values, n, note, quantity in columns]


def others(cohort: Cohort) -> Iterator[Callable[[], list[Line]]]:
    """What is usually done, with its known fault."""
    count = len(cohort.clients)
    for name, method in naive_methods.METHODS.items():
        yield lambda name=name, method=method: [  # type: ignore[misc]
            line(
                f"usual: {name}",
                method(cohort, FIXED),
                count,
                f"known fault: {naive_methods.FAULTS[name]}",
                verdict="",
            )
        ]
