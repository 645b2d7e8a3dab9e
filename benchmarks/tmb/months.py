"""Write the months of ten S3 portfolios as `fit.R` reads them, with the dispersions that our fit holds.

`python months.py FILE`, then, where R and TMB are, `Rscript fit.R FILE answers.csv`. The answers are those that
tests/decay/test_known_answers.py knows.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from methods import fitted
from scenarios import simulate_panel

SEEDS = range(71_000, 71_010)


def months(seed: int) -> pd.DataFrame:
    """Used months of one portfolio, in units of its pooled rate."""
    model, point = (core := fitted(simulate_panel("S3", seed=seed))[0]).slow, core.point
    used = model.months.used > 0
    columns = {name: getattr(model.months, name)[used] for name in ("age_start", "age_end", "rate")}
    dispersion = model.dispersion(point.theta)[0][used]
    return pd.DataFrame({"seed": seed, "client": np.nonzero(used)[0], **columns, "dispersion": dispersion})


if __name__ == "__main__":
    pd.concat([months(seed) for seed in SEEDS]).to_csv(sys.argv[1], index=False)
