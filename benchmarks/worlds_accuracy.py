"""What does the fit say in worlds that it does not know? `accuracy.py` writes this section.

Seeds are not those the method was developed on. A share of 90% has a standard error of 30 / sqrt(portfolios).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from report import markdown
from scenarios import simulate_panel, true_clients
from worlds import WORLDS, simulate_world

from rhem_lib.decay.client_months import fitted_months
from rhem_lib.decay.fit import DecayFit, fit_decay
from rhem_lib.decay.recording import check_recording

FIRST_SEED = 90_000
MONTHS_AHEAD = 12
KNOWN = ("S1", "S2", "S3", "S4")  # scenarios that the model is made for: what must not be found


def portfolio(name: str, seed: int) -> dict[str, object]:
    """One portfolio: what is found, and whether intervals of the mean client hold the truth."""
    if name in WORLDS:
        panel, truth = simulate_world(name, seed=seed)
    else:
        panel, truth = simulate_panel(name, seed=seed), true_clients(name, seed=seed)
        level = truth["floor_h"] + (truth["start_h"] - truth["floor_h"]) * np.exp(-12 / truth["tau_months"])
        truth = truth.assign(improves=name != "S4", level_12_h=level)
    fit = fit_decay(panel)
    means = {"start_h": truth["start_h"].mean(), "rhem_12_h": truth["level_12_h"].mean()}
    half_life = np.log(2) * np.exp(np.log(truth["tau_months"]).mean())
    if fit.gate.declines:
        means["half_life_months"] = half_life
    held = {row: bool(_holds(fit, row, value)) for row, value in means.items()}
    width = fit.population.loc["rhem_12_h"]
    out: dict[str, object] = {
        "decline, not open": fit.gate.declines and fit.calendar.verdict != "open",
        "calendar": fit.calendar.verdict,
        **held,
    }
    out |= {"width of level": float(np.log(width["mean_high"] / width["mean_low"]))}
    out |= {"two kinds": fit.kinds.two, "change points": len(fit.changes) > 0}
    out |= {"month named": len(fit.calendar.standouts) > 0, "drift": fit.calendar.drift}
    out |= {finding: finding in fit.recording.found for finding in ("hours per ticket", "rounded times", "hump")}
    out |= {"growth": "growth" in fit.recording.found}
    if fit.kinds.two:
        out["share"] = bool(fit.kinds.low <= truth["improves"].mean() <= fit.kinds.high)
    return out


def _holds(fit: DecayFit, row: str, value: float) -> bool:
    low, high = fit.population.loc[row, ["mean_low", "mean_high"]]
    return low <= value <= high


def line(portfolios: list[dict]) -> dict[str, object]:
    """Shares in percent over portfolios, of those that have a number."""
    table = pd.DataFrame(portfolios)
    out: dict[str, object] = {"portfolios": len(table)}
    for verdict in ("drift", "open"):
        out[f"calendar: {verdict}"] = round(100 * float((table["calendar"] == verdict).mean()))
    for name in table.columns.drop("calendar"):
        known = table[name].dropna().astype(float)
        percent = name not in ("drift", "width of level")
        out[name] = round(100 * known.mean()) if percent else round(float(known.median()), 3)
    return out


def next_client(name: str, portfolios: int) -> tuple[int, float]:
    """Clients of other portfolios of a scenario, and the percent whose first year lies in the 90% prediction."""
    inside = []
    for i in range(portfolios):
        fit = fit_decay(simulate_panel(name, seed=FIRST_SEED + 1000 + i))
        for _, own in simulate_panel(name, seed=FIRST_SEED + 2000 + i).groupby("client"):
            if len(own) > MONTHS_AHEAD:
                year = own.head(MONTHS_AHEAD)
                new = fit.new_client(year["exposure"].mean(), months=MONTHS_AHEAD)
                inside.append(new.low <= year["reactive_hours"].sum() <= new.high)
    return len(inside), 100 * float(np.mean(inside))


def one_falls(portfolios: int) -> tuple[float, float]:
    """One client that decays among nine flat ones: percent that name it, and that name a flat one too."""
    named, false = 0, 0
    for i in range(portfolios):
        flat = simulate_world(replace(WORLDS["C0"], clients=9), seed=FIRST_SEED + 3000 + i)[0]
        alone = replace(WORLDS["C100"], clients=1, onboarded=(0.0, 6.0))
        falling = simulate_world(alone, seed=FIRST_SEED + 4000 + i)[0].assign(client="Falling")
        falls = fit_decay(pd.concat([flat, falling])).clients["falls"]
        named, false = named + bool(falls["Falling"]), false + bool(falls.drop("Falling").any())
    return 100 * named / portfolios, 100 * false / portfolios


def year_ahead(name: str, portfolios: int) -> tuple[int, float]:
    """Months a year after two years of data, and the percent of them inside the 90% forecast."""
    inside = []
    for i in range(portfolios):
        panel = simulate_world(name, seed=FIRST_SEED + 5000 + i)[0]
        cut = panel["month"].min() + pd.DateOffset(months=24)
        past, target = panel[panel["month"] < cut], cut + pd.DateOffset(months=MONTHS_AHEAD - 1)
        fit, came = fit_decay(past), panel[panel["month"] == target].set_index("client")["rhem_h"]
        months = past.groupby("client").size()
        for client in months.index[months >= 4].intersection(came.index):
            last = fit.forecast(client, months=MONTHS_AHEAD).iloc[-1]
            inside.append(last["low"] <= came[client] <= last["high"])
    return len(inside), 100 * float(np.mean(inside))


def records(portfolios: int) -> str:
    """How often the record alone is found at fault, in a sentence."""
    counts = []
    for name in ("S1", "S2", "S3", "S6", "D", "E", "F", "G"):
        found = 0
        for seed in range(FIRST_SEED, FIRST_SEED + portfolios):
            panel = simulate_world(name, seed=seed)[0] if name in WORLDS else simulate_panel(name, seed=seed)
            found += bool(check_recording(fitted_months(panel), declines=name != "F").found)
        counts.append(f"{name} {found}")
    return f"A fault of the record is found in, of {portfolios} portfolios: {', '.join(counts)}."


def section(count: int, run: Callable = map, worlds: tuple[str, ...] = (*KNOWN, *WORLDS)) -> list[str]:
    """Lines of the section."""
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    lines = {name: line(list(run(partial(portfolio, name), seeds))) for name in worlds if "fee" not in name}
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("world")
    return [
        "# Worlds that the model does not know", "",
        f"Made by `make accuracy`; do not edit. Seeds from {FIRST_SEED} on, {count} portfolios a world; one "
        f"standard error of a share of 90% is {30 / np.sqrt(count):.0f} points. Percent of portfolios, but for "
        "the median drift per month and the median width (log high / low) of the mean client's level at "
        "month 12. start_h, rhem_12_h and half_life_months: 95% intervals of the mean client that hold the "
        "truth; share: that of the clients that improve. The worlds are in `benchmarks/worlds.py`: A1, A2 "
        "all fall by 4% a month with the calendar and age does nothing; A3, A4 decay and a drift of -3 and "
        "+3% a month; B1 80% of the clients joined long before; B2 all did; C30 to C50 only that share "
        "improves; D a hump; E endpoints grow threefold; F 2% less is written down every month; G times "
        "rounded up to 15 minutes; H one month at eight times in half of the clients.", "",
        markdown(table.fillna("-")), "",
        records(12 * count), "",
        *beside(next_client("S3", count), year_ahead("A4", count), one_falls(2 * count), 2 * count),
    ]  # fmt: skip


def beside(
    new: tuple[int, float], ahead: tuple[int, float], falls: tuple[float, float], portfolios: int
) -> list[str]:
    """Lines on predictions, and on a client among flat ones."""
    return [
        f"The next client: of {new[0]} clients of other S3 portfolios {new[1]:.0f}% have the hours of "
        f"their first year inside the 90% prediction. A year ahead after two years of A4: "
        f"{ahead[1]:.0f}% of {ahead[0]} months are inside the 90% forecast. "
        "One client that decays among nine flat ones: named in "
        f"{falls[0]:.0f}% of {portfolios} portfolios; a flat one is named too in {falls[1]:.0f}%.", "",
    ]  # fmt: skip
