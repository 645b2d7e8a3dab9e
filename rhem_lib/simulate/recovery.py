"""Does the whole path, from exports to the fit, find the truth of simulated portfolios?"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from rhem_lib.decay import fit_decay
from rhem_lib.metric import measure
from rhem_lib.simulate.sample import Dirt, write_sample
from rhem_lib.storage import Scratch
from rhem_lib.workspace import load

QUANTITIES = {"start_h": "start", "floor_h": "floor", "half_life_months": "half-life"}


@dataclass(frozen=True)
class Recovery:
    """Truth and 95% interval of the typical client, one row per portfolio and quantity.

    `table`: seed, quantity, truth, estimate, low, high, inside.
    """

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """Return how often each interval held the truth."""
        counts = self.summary()
        words = [f"{QUANTITIES[str(row.Index)]} {row.inside} times" for row in counts.itertuples()]
        portfolios = self.table["seed"].nunique()
        return f"In {portfolios} simulated portfolios, the 95% interval held the true {', '.join(words)}."

    def summary(self) -> pd.DataFrame:
        """Return portfolios, intervals that held the truth, and the median error in percent, per quantity."""
        errors = self.table.assign(error_percent=100 * (self.table["estimate"] / self.table["truth"] - 1))
        groups = errors.groupby("quantity", sort=False)
        summary = groups.agg(
            portfolios=("seed", "size"), inside=("inside", "sum"), error_percent=("error_percent", "median")
        )
        return summary.round({"error_percent": 1})


def recover(seeds: Iterable[int], *, clients: int = 30, months: int = 30, dirt: Dirt = "some") -> Recovery:
    """Simulate a portfolio per seed, write its exports, and take them through the whole path.

    Parameters
    ----------
    seeds : iterable of int
        One portfolio each.
    clients, months, dirt
        As in `rhem sample`.

    Examples
    --------
    >>> recover([1], clients=8, months=12).table["quantity"].tolist()
    ['start_h', 'floor_h', 'half_life_months']
    """
    rows = []
    for seed in seeds:
        with Scratch() as scratch:
            folder = scratch / "sample"  # the scratch itself holds a lock
            truth = write_sample(folder, clients=clients, months=months, seed=seed, dirt=dirt)
            population = fit_decay(measure(load(folder))).population
        for quantity in QUANTITIES:
            estimate, low, high = population.loc[quantity, ["estimate", "low", "high"]]
            true = truth.population[quantity]
            rows.append((seed, quantity, true, estimate, low, high, bool(low <= true <= high)))
    columns = ["seed", "quantity", "truth", "estimate", "low", "high", "inside"]
    return Recovery(pd.DataFrame(rows, columns=columns))
