"""How honest is the answer on fixed fees, and the usual ones? `accuracy.py` writes this section.

Every portfolio is simulated with known truth; seeds are not those the method was developed on.
"""

import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from report import markdown
from scenarios import SCENARIOS, simulate_panel

from rhem_lib.billing import comparison, contract_changes, naive_methods, sensitivity
from rhem_lib.billing.groups import RATIO_TO_SHOW, clients_needed, cohort_of, effect_of
from rhem_lib.billing.sensitivity import FIXED
from rhem_lib.decay.client_months import fitted_months

FIRST_SEED = 60_000
OURS, UNADJUSTED = "this package (primary)", "mixed model, not adjusted for size"
PERMUTED = "labels permuted within size thirds"
# Scenario, clients, and the share of the replicates it gets; the slow ones fewer.
PORTFOLIOS = (
    ("S7", 120, 1.0), ("S6", 60, 1.0), ("S6", 24, 0.5), ("S8", 60, 0.3), ("S8", 24, 0.3), ("S7", 60, 0.3),
    ("S8r", 60, 0.3), ("S9", 60, 0.3), ("S9u", 60, 0.3),
)  # fmt: skip
SHARE_OF_USUAL, SHARE_OF_STATED = 0.2, 0.3


def answers(name: str, clients: int, full: int, seed: int) -> list[dict]:
    """All methods on one portfolio: log ratio, interval, p-value; what the portfolio says of itself."""
    rows = fitted_months(simulate_panel(replace(SCENARIOS[name], clients=clients), seed=seed))
    cohort = comparison.billing_cohort(rows)
    portfolio = cohort.without_season().without_drift()[0]
    core = comparison.primary_fit(portfolio)
    effect = effect_of(core)
    more = {"smallest": effect.smallest, "needed": clients_needed(effect.error, clients)}
    if seed - FIRST_SEED < 2 * full:
        more |= {"warns": float(sensitivity.tickets(cohort)[1].warns)}
    if SCENARIOS[name].switch_share:
        more |= after_the_change(rows)
    out = [{"method": OURS, **_values(effect.values), **more}]
    if seed - FIRST_SEED < full:
        plain = sensitivity.unadjusted(portfolio, cohort)[0]
        out.append({"method": UNADJUSTED, **_values([plain[k] for k in ("ratio", "low", "high", "p_value")])})
        p_value = sensitivity.permuted(portfolio, effect, seed)["p_value"]
        out.append({"method": PERMUTED, **_values((np.nan, np.nan, np.nan, p_value))})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out += [{"method": k, **_values(call(cohort, FIXED))} for k, call in naive_methods.METHODS.items()]
    return out


def _values(found: tuple | list) -> dict[str, float]:
    return dict(zip(("estimate", "low", "high"), np.log(found[:3]), strict=True)) | {"p_value": found[3]}


def after_the_change(rows: pd.DataFrame) -> dict[str, float]:
    """Speed and jump of the clients that changed."""
    since = contract_changes.switch_ages(rows)
    if len(since) < contract_changes.MIN_SWITCHERS:
        return {}
    cohort = cohort_of(contract_changes.hourly_rows(rows, since), "billing").without_season()
    change = contract_changes.fit_change(cohort, since)
    return {f"{k}_{side}": v for k in ("speed", "jump") for side, v in
            zip(("ratio", "low", "high"), getattr(change, k)[:3], strict=True)}  # fmt: skip


def found(ratio: float, clients: int, seed: int) -> bool:
    """Whether the primary analysis of one S7 portfolio with another ratio finds it."""
    truth = replace(SCENARIOS["S7"], clients=clients, fixed_tau_ratio=ratio)
    cohort = comparison.billing_cohort(fitted_months(simulate_panel(truth, seed=seed)))
    return effect_of(comparison.primary_fit(cohort.without_season().without_drift()[0])).high < 1


def line(name: str, table: pd.DataFrame) -> dict:
    """Shares and errors of one method in one scenario."""
    truth = np.log(SCENARIOS[name].fixed_tau_ratio)
    known = table[np.isfinite(table["p_value"])]
    error = (known["estimate"] - truth).dropna()
    out = {"portfolios": len(table), "failed": len(table) - len(known)}
    out["p < 0.05%"] = round(100 * float((known["p_value"] < 0.05).mean()), 1)
    out["bias of log ratio"] = round(float(error.mean()), 3) if len(error) else "-"
    out["SD"] = round(float(error.std()), 3) if len(error) else "-"
    inside = ((known["low"] <= truth) & (truth <= known["high"]))[known["low"].notna()]
    out["coverage %"] = round(100 * float(inside.mean()), 1) if len(inside) else "-"
    return out


def sides(table: pd.DataFrame) -> dict[str, str]:
    """How often the control warns, the verdict is faster, and what the change of contract shows."""
    out = {"verdict faster %": f"{100 * (table['high'] < 0).mean():.1f}", "control warns %":
           f"{100 * table['warns'].mean():.1f}"}  # fmt: skip
    if "speed_ratio" in table:
        known = table.dropna(subset="speed_ratio")
        out["portfolios with switchers"] = str(len(known))
        out["switchers faster %"] = f"{100 * (known['speed_high'] < 1).mean():.1f}"
        out["switchers' log speed, mean (SD)"] = _mean(np.log(known["speed_ratio"]))
        out["log jump, mean (SD)"] = _mean(np.log(known["jump_ratio"]))
        out["jump down found %"] = f"{100 * (known['jump_high'] < 1).mean():.1f}"
    return out


def _mean(values: pd.Series) -> str:
    return f"{values.mean():.2f} ({values.std():.2f})"


def section(replicates: int, workers: int) -> list[str]:
    """The section as lines of Markdown."""
    seeds = range(FIRST_SEED, FIRST_SEED + replicates)
    full = max(int(replicates * SHARE_OF_USUAL), 1)
    lines, beside, ours = {}, {}, {}
    with ProcessPoolExecutor(workers) as pool:
        for name, clients, share in PORTFOLIOS:
            some = seeds[: max(int(replicates * share), 1)]
            portfolios = list(pool.map(partial(answers, name, clients, full), some))
            table = pd.DataFrame([row for portfolio in portfolios for row in portfolio])
            for method, own in table.groupby("method", sort=False):
                lines[f"{name}, {clients}", method] = line(name, own)
            ours[name, clients] = table[table["method"] == OURS].dropna(axis=1, how="all")
            beside[f"{name}, {clients}"] = sides(ours[name, clients])
            print(name, clients, lines[f"{name}, {clients}", OURS], beside[f"{name}, {clients}"], flush=True)
        stated = statements(pool, ours["S6", 60], seeds[: max(int(replicates * SHARE_OF_STATED), 1)])
    tables = [
        pd.DataFrame.from_dict(lines, orient="index").rename_axis(["scenario, clients", "method"]),
        pd.DataFrame.from_dict(beside, orient="index").fillna("-").rename_axis("scenario, clients"),
        stated.rename_axis("statement"),
    ]
    return _written([markdown(table) for table in tables], replicates, full)


def statements(pool: ProcessPoolExecutor, null: pd.DataFrame, seeds: range) -> pd.DataFrame:
    """What portfolios without an effect say they could have found, and how often such an effect is found."""
    ratio, needed = round(float(null["smallest"].median()), 2), int(null["needed"].median())
    stated = {}
    for what, value, truth, count in (
        ("smallest ratio, 60 clients", ratio, ratio, 60),
        (f"clients needed for {RATIO_TO_SHOW}", needed, RATIO_TO_SHOW, needed),
    ):
        share = np.mean(list(pool.map(partial(found, truth, count), seeds)))
        stated[what] = {"median statement of S6": value, "portfolios": len(seeds), "found %": f"{100 * share:.1f}"}
        print(what, stated[what], flush=True)
    return pd.DataFrame.from_dict(stated, orient="index")


def _written(tables: list[str], replicates: int, full: int) -> list[str]:
    return [
        "# Do fixed-fee clients improve faster?", "",
        f"Made by `make accuracy`; do not edit. Seeds from {FIRST_SEED} on. Half of the clients pay a fixed "
        "fee, are 2.2 times as large and start 28% "
        "higher; half-lives fall with size. S6: no effect. S7: fixed-fee half-life x 0.7 (log -0.357). S8: no "
        "effect, 15% of fixed-fee hours not written down. S8r: no effect, a share not written down that grows to "
        "30% in a year. S9: 30% of hourly clients change to a fixed fee and have 0.7 times the half-life from "
        "then on. S9u: they change, and only write 15% less down. So p < 0.05 is an error but for S7. One "
        f"standard error of a share of 5% is {_error(replicates)} points in {replicates} portfolios and "
        f"{_error(full)} in {full}.", "",
        tables[0], "",
        "What the control for recording says, and the clients that changed (true log speed: S9 -0.36, S9u 0; true "
        "log jump: S9 0, S9u -0.16):", "",
        tables[1], "",
        "Is what a portfolio says of its power true? A statement of 80% should be found in 75 to 85%:", "",
        tables[2], "",
    ]  # fmt: skip


def _error(portfolios: int) -> str:
    return f"{100 * np.sqrt(0.05 * 0.95 / portfolios):.1f}"
