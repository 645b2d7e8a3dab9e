"""How long the decay fit takes and how much memory, beside what it replaces: one run, same data, same machine.

`python benchmarks/bench_decay.py [--most 20000]`. Every size runs in a process of its own, so that its peak memory
is its own. Seconds for 80 clients are means over the same eight portfolios for every method, whether it fails or
not: they differ, and a search that fails takes long. Per-client methods are timed on at most 80 and scaled,
since each client is fitted by itself.
"""

import argparse
import multiprocessing
import os
import resource
import time
from dataclasses import replace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import methods
import numpy as np
from scenarios import SCENARIOS, simulate_panel

from rhem_lib.decay import tables
from rhem_lib.decay.fit import fit_decay
from rhem_lib.settings import Target

SIZES = (12, 80, 200, 2000, 20000)
MOST_TIMED, PORTFOLIOS = 80, 8


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def all_intervals(panel) -> None:
    """The fit with the intervals of the portfolio and of every client: no other curves, no change points."""
    core, names = methods.fitted(panel)
    draws = tables.population(core, Target(), np.random.default_rng(0))[-1]
    tables.clients(core, names, [], Target(), draws)


def timed(call, panels) -> float:
    """Mean seconds per portfolio."""
    failures, began = [], time.perf_counter()
    for panel in panels:
        try:
            call(panel)
        except methods.Failed as problem:
            failures.append(str(problem))
    seconds = (time.perf_counter() - began) / len(panels)
    if failures:
        print(f"  failed in {len(failures)} of {len(panels)} portfolios: {failures[0]}")
    return seconds


def one_size(clients: int) -> dict[str, float]:
    scenario, portfolios = replace(SCENARIOS["S2"], clients=clients), PORTFOLIOS if clients == MOST_TIMED else 1
    panels = [simulate_panel(scenario, seed=seed) for seed in range(1, portfolios + 1)]
    before = megabytes()
    out = {"clients": clients, "fit_decay, all tables [s]": timed(fit_decay, panels)}
    out["fit with all intervals [s]"] = timed(all_intervals, panels)
    out["memory [kB per client]"] = 1024 * (megabytes() - before) / clients
    out["pooled NLS [s]"] = timed(methods.pooled_nls, panels)
    parts = [panel[panel["client"].isin(panel["client"].unique()[:MOST_TIMED])] for panel in panels]
    factor = max(clients / MOST_TIMED, 1)
    out["curve_fit per client [s]"] = timed(methods.curve_fit_clients, parts) * factor
    for name, (present, call) in methods.OPTIONAL.items():
        whole = "nlme" in name
        if present and not (whole and clients > MOST_TIMED):
            out[f"{name} [s]"] = timed(call, parts) * (1 if whole else factor)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=max(SIZES))
    args = parser.parse_args()
    lines = []
    for clients in (size for size in SIZES if size <= args.most):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            lines.append(pool.apply(one_size, (clients,)))
        print(", ".join(f"{name}: {value:.3g}" for name, value in lines[-1].items()), flush=True)
    for name, (present, _) in methods.OPTIONAL.items():
        if not present:
            print(f"not installed, not measured: {name}")
    sizes, seconds = (np.array([line[k] for line in lines]) for k in ("clients", "fit_decay, all tables [s]"))
    if len(lines) > 1:
        print(f"growth: seconds ~ clients^{np.polyfit(np.log(sizes[-3:]), np.log(seconds[-3:]), 1)[0]:.2f}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
