"""By simulation: how many clients, watched for how long, until the billing question can be answered?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scenarios import SCENARIOS, Scenario, simulate_panel
from scipy.stats import binomtest

from rhem_lib.billing.comparison import billing_cohort, primary_fit
from rhem_lib.billing.groups import RATIO_TO_SHOW, effect_of
from rhem_lib.decay.client_months import fitted_months
from rhem_lib.decay.fit import DecayFit
from rhem_lib.errors import NotEnoughData

__all__ = ["SCENARIOS", "PowerStudy", "Scenario", "billing_power", "scenario_of", "simulate_panel"]


@dataclass(frozen=True)
class PowerStudy:
    """How often the billing question is answered, by number of clients.

    table : clients, months, ratio, runs, answered (share of runs that find the true direction at 5%), low, high
    (95% interval of the share, from the number of runs).
    """

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        first = self.table.iloc[0]
        shares = ", ".join(
            f"{row.answered:.0%} of the time with {row.clients} clients" for row in self.table.itertuples()
        )
        return (
            f"If fixed-fee clients took {first['ratio']:.2f} times the half-life of hourly ones, this comparison "
            f"over {first['months']:.0f} months would show it {shares}."
        )

    def summary(self) -> pd.DataFrame:
        """Shares, rounded."""
        return self.table.round(2)


def billing_power(
    fit: DecayFit,
    *,
    clients: Sequence[int],
    ratio: float = RATIO_TO_SHOW,
    months: int | None = None,
    runs: int = 100,
    seed: int = 0,
) -> PowerStudy:
    """Share of simulated portfolios, like a fitted one and half fixed-fee, in which the question is answered.

    Parameters
    ----------
    fit : DecayFit
        Portfolio to imitate: levels, spreads, dispersions, size of clients.
    clients : sequence of int
        Numbers of clients to try.
    ratio : float
        True half-life of fixed-fee clients / that of hourly clients.
    months : int, optional
        Months observed of each client; by default the median of the portfolio.
    runs : int
        Simulated portfolios per number of clients.
    seed : int

    Raises
    ------
    NotEnoughData
        The fit is not usable, or found no decline.
    """
    if fit.core is None or not fit.gate.declines:
        raise NotEnoughData("there is no fitted decline to imitate.", fix="See fit.text.")
    truth = replace(scenario_of(fit), fixed_tau_ratio=ratio)
    length = months or truth.months[0]
    lines = []
    for n in clients:
        portfolio = replace(truth, clients=n, months=(length, length))
        hits = sum(_answers(portfolio, seed + 1000 * run) for run in range(runs))
        chance = binomtest(hits, runs).proportion_ci(method="wilson")
        lines.append((n, length, ratio, runs, hits / runs, chance.low, chance.high))
    return PowerStudy(
        pd.DataFrame(lines, columns=["clients", "months", "ratio", "runs", "answered", "low", "high"])
    )


def scenario_of(fit: DecayFit) -> Scenario:
    """Truth that a fitted portfolio suggests: levels, spreads, sizes; shocks independent from month to month."""
    if fit.core is None:
        raise NotEnoughData("there is no fit to imitate.", fix="See fit.text.")
    months = fit.core.model.months
    start, floor, tau = np.exp(fit.core.coefficients[:, 0])
    phi, kappa = np.exp(fit.core.point.theta[-2:])
    sizes = (months.weight * months.used).sum(axis=1) / ((months.age_end - months.age_start) * months.used).sum(
        axis=1
    )
    length = int(np.median(months.used.sum(axis=1)))
    return Scenario(
        len(sizes),
        (length, length),
        float(start),
        float(floor),
        float(tau),
        sd=(float(fit.core.sd[0]), float(fit.core.sd[1]), float(fit.core.sd[2])),
        phi=float(phi * np.sqrt(months.scale)),
        shock_sd=float(np.sqrt(np.log1p(kappa))),
        endpoints=(float(np.median(sizes)), float(np.log(sizes).std())),
        endpoint_limits=(float(sizes.min()), float(sizes.max())),
    )


def _answers(portfolio: Scenario, seed: int) -> bool:
    """Whether the primary analysis of one simulated portfolio finds the true direction."""
    cohort = billing_cohort(fitted_months(simulate_panel(portfolio, seed=seed)))
    effect = effect_of(primary_fit(cohort.without_season().without_drift()[0]))
    return effect.high < 1 if portfolio.fixed_tau_ratio < 1 else effect.low > 1
