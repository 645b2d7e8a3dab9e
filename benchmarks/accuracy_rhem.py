"""How often the 95% intervals of a plain RHEM hold the truth: a section of docs/accuracy.md."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from report import markdown
from scenarios import ticket_panel

from rhem_lib.metric.intervals import pooled_rhem

FIRST_SEED = 7000
ENDPOINTS = (5, 10, 20, 50, 100, 200)
RATES = (0.1, 0.25, 0.5, 1.0)
WORLDS = {
    "as the method assumes": {},
    "a tail twice as heavy": {"tail": "heavy"},
    "months that differ": {"shock_sd": 0.25},
}
SPANS = {
    "month": ["client", "month"],
    "quarter": ["client", "quarter"],
    "year": ["client", "year"],
    "portfolio": [],
}


def held(panel: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Per span: intervals, and those that hold the expected RHEM of the very months."""
    truth = panel.assign(reactive_hours=panel["true_h"] * panel["exposure"])
    for span, by in SPANS.items():
        found, true = pooled_rhem(panel, by=by), pooled_rhem(truth, by=by)["rhem_h"]
        yield span, len(found), int(((found["low"] <= true) & (true <= found["high"])).sum())


def coverage(portfolios: int) -> pd.DataFrame:
    """A row per world and size, a column per RHEM and span."""
    rows = []
    for world, options in WORLDS.items():
        for endpoints in ENDPOINTS:
            for rate_h in RATES:
                for portfolio in range(portfolios):
                    rng = np.random.default_rng([FIRST_SEED + portfolio, endpoints, round(100 * rate_h)])
                    panel = ticket_panel(rng, endpoints, rate_h, **options)
                    rows += [(world, endpoints, rate_h, *found) for found in held(panel)]
    return pd.DataFrame(rows, columns=["world", "endpoints", "rhem_h", "span", "intervals", "held"])


def section(replicates: int) -> list[str]:
    """Lines of the section; `replicates` of 200 stand for 20 portfolios a cell."""
    portfolios = max(replicates // 10, 1)
    counts = coverage(portfolios)
    keys = ["world", "endpoints", "span", "rhem_h"]
    sums = counts.groupby(keys, sort=False)[["held", "intervals"]].sum()
    percent = (100 * sums["held"] / sums["intervals"]).round(1).unstack(["span", "rhem_h"])
    percent = percent[[(span, rate) for span in ("month", "quarter") for rate in RATES]]
    percent.columns = [f"{span}, {rate:g} h" for span, rate in percent.columns]
    wide = counts.groupby(["world", "span"], sort=False)[["held", "intervals"]].sum()
    wide["held, percent"] = (100 * wide["held"] / wide["intervals"]).round(1)
    spans = wide.loc[(slice(None), ["year", "portfolio"]), ["intervals", "held, percent"]]
    return [
        "# Accuracy of RHEM intervals", "",
        f"Made by `make accuracy`; do not edit. Share of nominal 95% intervals of `pooled_rhem` that hold the "
        f"expected RHEM of the very months, in percent. {portfolios} portfolios a cell, each of 40 clients of one "
        "size over 24 months, made of single tickets (`scenarios.ticket_panel`; a ticket takes 0.6 h in the mean, "
        "which differs between clients by 30%). With 5 endpoints and 0.1 h, a month expects 0.8 tickets: an "
        "interval that must allow for none cannot be exact, and is wide rather than wrong.", "",
        markdown(percent), "",
        "## Longer and wider, all sizes and levels together", "",
        markdown(spans), "",
    ]  # fmt: skip
