"""How accurate are the decay fit, what it replaces, the billing answer and RHEM intervals? Into docs/accuracy.md.

Every scenario is simulated with known truth; seeds are not those the method was developed on.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import accuracy_rhem
import billing_accuracy
import methods
import numpy as np
import pandas as pd
import worlds_accuracy
from backtest import backtest
from report import markdown, replace_section
from scenarios import SCENARIOS, simulate_panel, true_clients
from scipy.stats import norm

from rhem_lib.decay import curves, decline_test, mixed_model
from rhem_lib.decay.change_points import change_points
from rhem_lib.decay.fit import SHAPES

ROOT = Path(__file__).parent.parent
FIRST_SEED = 5000
TARGET_H = 0.25
OURS = "this package"
CURVES = ("S1", "S2", "S2z", "S3")
MORE_PORTFOLIOS = {"S3": 5}  # small and quick: more of them show whether a point or two is chance
LARGE = {"S2, 2,000 clients": 2_000, "S2, 20,000 clients": 20_000}
PORTFOLIOS = SCENARIOS | {name: replace(SCENARIOS["S2"], clients=n) for name, n in LARGE.items()}
SHAPE_OF = {"S1": "exponential", "S2": "exponential", "S4": "flat", "S5-linear": "linear", "S5-step": "step",
            "S5-hyperbolic": "hyperbolic"}  # fmt: skip
TENTHS = [f"{i} to {i + 10}%" for i in range(0, 100, 10)]
COLUMNS, MONTHS = methods.QUANTITIES, "months to 0.25 h"
METHODS = {OURS: methods.ours, **methods.METHODS, **{key: call for key, (_, call) in methods.OPTIONAL.items()}}


def truth_of(name: str) -> np.ndarray:
    s = PORTFOLIOS[name]
    return methods.log_parameters(s.start, s.floor, s.tau)


def trial(name: str, method: str, seed: int) -> dict:
    """One panel by one method; for ours also whether every interval of both estimands holds its truth."""
    panel = simulate_panel(PORTFOLIOS[name], seed=seed)
    began = time.perf_counter()
    out: dict = {"failed": ""}
    try:
        table = METHODS[method](panel)
    except Exception as problem:
        return {"failed": type(problem).__name__, "seconds": time.perf_counter() - began}
    out["seconds"] = time.perf_counter() - began
    if method == OURS:
        table, population = table
        out["estimands"] = estimands(name, seed, population)
    truth = truth_of(name)
    out["error"] = table["estimate"].to_numpy() - truth
    out["rank"] = norm.cdf(-2 * norm.ppf(0.975) * out["error"] / (table["high"] - table["low"]).to_numpy())
    out["inside"] = ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()
    return out


def estimands(name: str, seed: int, table: pd.DataFrame) -> np.ndarray:
    """Whether intervals hold, and how wide they are, log high / low: (2, 2, 5), typical client and mean client.

    The truth of the mean client is that of the very clients simulated.
    """
    s, own = PORTFOLIOS[name], true_clients(PORTFOLIOS[name], seed=seed)
    ages = np.arange(0, 600, 0.02)
    path = sum(curves.exponential(ages, *row) for row in own.to_numpy()) / len(own)
    arrival = ages[np.argmax(path <= TARGET_H)] if (path <= TARGET_H).any() else np.inf
    typical = [*np.exp(truth_of(name)), float(curves.time_to_level(TARGET_H, s.start, s.floor, s.tau))]
    half_life = curves.half_life(np.exp(np.log(own["tau_months"]).mean()))
    at_12 = curves.exponential(12.0, *own.to_numpy().T).mean()
    truth = np.array([typical, [own["start_h"].mean(), own["floor_h"].mean(), half_life, at_12, arrival]])
    low, high = table[["low", "mean_low"]].to_numpy().T, table[["high", "mean_high"]].to_numpy().T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([(low <= truth) & (truth <= high), np.log(high / low)])


def shape_and_gate(name: str, seed: int) -> tuple[str, bool, float, float]:
    """Best curve, whether a decline is detected, change points found, and judged."""
    core, names = methods.fitted(simulate_panel(name, seed=seed))
    found = change_points(core, names)
    aic = mixed_model.compare_shapes(core, SHAPES, 12.0)["aic"]
    declines = decline_test.check_decline(core.model.months).declines
    best = str(aic.idxmin()) if declines else "flat"
    return best, declines, len(found), len(names)


def compare(pool: ProcessPoolExecutor, counts: dict[str, int]) -> tuple[pd.DataFrame, ...]:
    """Coverage and ranks of our estimands, and all methods side by side; large portfolios by ours alone."""
    lines, inside, ranks = {}, {}, {}
    clients = 200 * counts[OURS]
    large = {name: {OURS: clients // size} for name, size in LARGE.items() if clients >= size}
    usual = {name: counts | {OURS: counts[OURS] * MORE_PORTFOLIOS.get(name, 1)} for name in CURVES}
    for name, portfolios in (usual | large).items():
        for method, count in portfolios.items():
            runs = list(pool.map(partial(trial, name, method), range(FIRST_SEED, FIRST_SEED + count)))
            good = [run for run in runs if not run["failed"]]
            lines[name, method] = _line(runs, good)
            if method == OURS:
                for column, rank in zip(COLUMNS, np.array([run["rank"] for run in good]).T, strict=True):
                    counts_in = np.histogram(rank, np.linspace(0, 1, 11))[0]
                    ranks[name, column] = dict(zip(TENTHS, counts_in.tolist(), strict=True))
                found = np.array([run["estimands"] for run in good])
                held, width = 100 * found[:, 0].mean(axis=0), np.median(found[:, 1], axis=0)
                for i, who in enumerate(("typical client", "mean of the clients")):
                    cells = [f"{share:.1f} / {log:.2f}" for share, log in zip(held[i], width[i], strict=True)]
                    inside[name, who] = {"portfolios": count, **dict(zip((*COLUMNS, MONTHS), cells, strict=True))}
    tables = [pd.DataFrame.from_dict(x, orient="index") for x in (inside, lines, ranks)]
    return tuple(t.rename_axis(["scenario", k]) for t, k in zip(tables, ("of", "method", "quantity"), strict=True))


def _line(runs: list[dict], good: list[dict]) -> dict:
    line: dict = {"portfolios": len(runs), "failed": len(runs) - len(good)}
    line["ms"] = round(1000 * float(np.median([run["seconds"] for run in runs])))
    if good:
        error, inside = (np.array([run[key] for run in good]) for key in ("error", "inside"))
        bias, rmse = 100 * np.expm1(np.median(error, axis=0)), 100 * np.sqrt((error**2).mean(axis=0))
        for j, column in enumerate(COLUMNS):
            line[column] = f"{bias[j]:+.0f} / {rmse[j]:.0f} / {100 * inside[:, j].mean():.1f}"
    return line


def choices(pool: ProcessPoolExecutor, replicates: int) -> pd.DataFrame:
    lines = {}
    for name, shape in SHAPE_OF.items():
        runs = list(pool.map(partial(shape_and_gate, name), range(FIRST_SEED, FIRST_SEED + replicates)))
        best = [run[0] for run in runs]
        lines[name] = {
            "true shape": shape,
            "chosen": f"{best.count(shape)} of {replicates}",
            "decline detected": f"{sum(run[1] for run in runs)} of {replicates}",
            "portfolios with a change point": f"{sum(run[2] > 0 for run in runs)} of {replicates}",
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("scenario")


def forecasts(replicates: int) -> dict[str, pd.DataFrame]:
    out = {}
    for name, portfolios in (("S2", max(replicates // 40, 1)), ("S3", max(replicates // 8, 1))):
        tables = [backtest(simulate_panel(name, seed=FIRST_SEED + i), origins=6).table for i in range(portfolios)]
        out[f"{name}, {portfolios} portfolios"] = _scores(pd.concat(tables))
    lanl = ROOT / "data" / "lanl"
    if (lanl / "exports" / "node_failures_1995_2005.csv").is_file():
        import rhem_lib as rhem

        out["Los Alamos node failures, every month an origin"] = _scores(
            backtest(rhem.measure(rhem.load(lanl)), origins=99).table
        )
    return out


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    from backtest import Backtest

    return Backtest(table).summary().sort_index(level="horizon", sort_remaining=False, kind="stable")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--small", action="store_true", help="one portfolio each: shows that it runs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accuracy.md")
    parser.add_argument(
        "--only", choices=("decay", "billing", "rhem", "worlds"), help="make one section again, leave the others"
    )
    args = parser.parse_args()
    replicates = 1 if args.small else args.replicates
    sections = {
        "decay": partial(decay_section, replicates, args.workers),
        "billing": partial(billing_accuracy.section, replicates, args.workers),
        "rhem": partial(accuracy_rhem.section, replicates),
        "worlds": partial(worlds_accuracy.section, max(replicates // 5, 1)),
    }
    for name in [args.only] if args.only else sections:
        began = time.perf_counter()
        lines = sections[name]()
        seconds = f"{time.perf_counter() - began:.0f} seconds with {args.workers} processes"
        replace_section(args.out, [*lines, f"Made in {seconds}, load average {os.getloadavg()[1]:.0f}.", ""])


def decay_section(replicates: int, workers: int) -> list[str]:
    absent = [method for method, (present, _) in methods.OPTIONAL.items() if not present]
    counts = {OURS: replicates} | dict.fromkeys(methods.METHODS, max(replicates // 8, 1))
    counts |= {method: max(replicates // 20, 1) for method in methods.OPTIONAL if method not in absent}
    with ProcessPoolExecutor(workers) as pool:
        inside, side, ranks = compare(pool, counts)
        chosen = choices(pool, max(replicates // 4, 1))
    parts = [
        "# Accuracy of the decay fit", "",
        "Made by `make accuracy`; do not edit. Portfolios are simulated with known truth by "
        f"`benchmarks/scenarios.py`, with seeds from {FIRST_SEED} on. "
        "S1: 60 clients that do not differ, 18 months. S2: 80 clients that "
        "differ, 3 to 36 months, with season, lasting shocks, leaving and partial months that the model does "
        "not know of. S2z: the same with small clients. S3: 12 clients. S4: flat. S5: other shapes.", "",
        "## Share of 95% intervals that hold the truth, in percent / median width, log(high / low)", "",
        markdown(inside), "",
        "The typical client's truth is the scenario's; the mean's is that of the very clients simulated. "
        f"One standard error is {100 * np.sqrt(0.05 * 0.95 / replicates):.1f} points for {replicates} portfolios, "
        "and less for S3: its portfolios are small, so there are more of them. "
        "Large portfolios have narrow intervals, which show what the model does not know of: the bias below.", "",
        "## Where the truth of the typical client lies in what the fit says, in portfolios", "",
        "Ranks are even where every interval is right, and not the 95% one alone; heaped in the middle where "
        "intervals are too wide, at both ends where too narrow, at one end where the estimate is off.", "",
        markdown(ranks), "",
        "## Against other methods, for the typical client", "",
        "Cells: bias % (median) / RMSE % / coverage % of the 95% interval. ms: median per portfolio.", "",
        markdown(side.fillna("-")), "",
        *([f"Not installed here, so not measured: {', '.join(absent)}.", ""] if absent else []),
        "## Which curve, is there a decline, does a client leave its path?", "", markdown(chosen), "",
        "## Forecasts, from rolling origins", "",
        "CRPS and absolute error in h per endpoint per month; every rival is given the scatter of its own past "
        "errors.", "",
    ]  # fmt: skip
    for name, table in forecasts(replicates).items():
        parts += [f"### {name}", "", markdown(table), ""]
    return parts


if __name__ == "__main__":
    main()
