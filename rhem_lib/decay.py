"""How fast does support load fall after onboarding, for the book and for every client?

Partially pooled fit: every client has its own start, floor and half-life, drawn from a population that is
estimated with them, so that a client with few months leans on the others. Method: `laplace` and `mixed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib import curves, decline, mixed, posterior
from rhem_lib.book import client_order, fitted_months, lay_out
from rhem_lib.decay_words import TARGET_MONTHS, tell
from rhem_lib.decline import Gate
from rhem_lib.errors import ParameterError

MIN_CLIENTS, MIN_MONTHS, MONTHS_TO_FOLLOW = 3, 4, 6
POPULATION_DRAWS, CLIENT_DRAWS = 4000, 1000
LONGEST_MONTHS = 1200.0

POPULATION_ROWS = ["start_h", "floor_h", "half_life_months", "rhem_12_h", "months_to_target"]
POPULATION_COLUMNS = ["estimate", "low", "high", "mean_estimate", "mean_low", "mean_high"]
CLIENT_NUMBERS = [*POPULATION_ROWS, "rhem_now_h"]
SHAPES = ("exponential", "hyperbolic", "linear", "flat")


@dataclass(frozen=True)
class DecayFit:
    """Decay of a book of clients. Intervals are 95 %.

    Attributes
    ----------
    population : DataFrame
        Index start_h, floor_h, rhem_12_h (h per endpoint per month), half_life_months, months_to_target. Columns
        estimate, low, high: the typical client (median log parameters); mean_estimate, mean_low, mean_high: the
        mean of this book's clients (mean of their levels, geometric mean of their half-lives, and the month at
        which the mean of their curves comes down to the target for good). Half-life and months are NaN where no
        decline was detected; inf means that the target is never reached.
    clients : DataFrame, indexed by client
        The same per client, each with _low and _high, rhem_now_h (fitted level at the last month), p_target_24
        (probability that the target is reached within 24 months of onboarding), months (observed) and follows.
    shapes : DataFrame, indexed by shape
        aic by marginal maximum likelihood, delta_aic against the best.
    gate : Gate
        Is there any decline?
    target_h : float, h per endpoint per month
    usable : bool
        False where the data cannot carry a fit; `missing` then says why and all numbers are NaN.
    core : mixed.Fit or None
        Coefficients, covariance, modes, dispersions.
    """

    population: pd.DataFrame
    clients: pd.DataFrame
    shapes: pd.DataFrame
    gate: Gate
    target_h: float
    missing: str = ""
    names: tuple[str, ...] = ()
    core: mixed.Fit | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a fit."""
        return self.core is not None

    @property
    def table(self) -> pd.DataFrame:
        """One row per client."""
        return self.clients

    @property
    def text(self) -> str:
        """The finding for analysts: from 1 hour to 15 minutes in 12 months?"""
        if self.core is None:
            return f"The decay after onboarding cannot be estimated: {self.missing}."
        months = self.core.model.months
        followed = float((months.age_end * months.used).max())
        counts = f"{len(self.clients)} clients, {int(months.used.sum()):,} client-months"
        story = tell(self.population, self.shapes, self.gate, self.target_h, counts, followed)
        kinds = self.clients["follows"].value_counts()
        return f"{story} Client by client: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()) + "."

    def summary(self) -> pd.DataFrame:
        """Population table, rounded."""
        return self.population.round(3)

    def predict(self, client: str | None = None, *, age_months: Sequence[float]) -> pd.DataFrame:
        """Expected RHEM by age: of the typical client, or of a named one.

        Parameters
        ----------
        client : str, optional
        age_months : sequence of float
            Months since onboarding, at least 0.

        Returns
        -------
        DataFrame
            age_months, estimate, low, high in h per endpoint per month; NaN without a usable fit. The interval is
            that of the curve, not of a single month around it.

        Raises
        ------
        ParameterError
            The client is not in the fit.
        """
        ages = np.asarray(age_months, float)
        if client is not None and client not in self.clients.index:
            raise ParameterError(
                f"'{client}' is not among the fitted clients.", examples=self.clients.index, fix="See fit.clients."
            )
        if self.core is None:
            columns: tuple = (np.full(len(ages), np.nan),) * 3
        else:
            eta, covariance = _typical(self.core)
            if client is not None:
                place = self.names.index(client)
                eta, covariance = (x[place] for x in posterior.clients(self.core))
            columns = posterior.level_interval(ages, eta, covariance, self.core.quantile)
        return pd.DataFrame(dict(zip(["age_months", "estimate", "low", "high"], (ages, *columns), strict=True)))


def fit_decay(panel: pd.DataFrame, *, target_h: float = 0.25, seed: int = 0) -> DecayFit:
    """Fit the decay of RHEM with age to a panel of client-months.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
        Uses client, age_start, age_end [months since onboarding], exposure [endpoint-months], reactive_hours [h].
        Months without exposure or age are left out.
    target_h : float
        Level to reach, h per endpoint per month.
    seed : int
        Of the draws behind months to target and the mean client.

    Returns
    -------
    DecayFit
        Also where the data are too few: see `usable` and `text`.

    Raises
    ------
    ParameterError
        The target is not above 0.
    """
    if not target_h > 0:
        raise ParameterError(f"the target must be above 0 hours, not {target_h}.", where="target_h")
    rows = fitted_months(panel)
    missing = _missing(rows)
    if missing:
        return _refusal(rows, target_h, missing)
    names = client_order(rows)
    months = lay_out(rows, names)
    gate = decline.decline_test(months)
    core = mixed.fit(months)
    aic = pd.Series(mixed.compare_shapes(months, SHAPES), name="aic")
    shapes = pd.DataFrame({"aic": aic, "delta_aic": aic - aic.min()}).rename_axis("shape")
    rng = np.random.default_rng(seed)
    population, draws = _population(core, target_h, rng)
    clients = _clients(core, names, target_h, draws)
    if not gate.declines:
        population.loc[["half_life_months", "months_to_target"]] = np.nan
        clients.loc[:, [c for c in clients if c.startswith(("half_life", "months_to"))]] = np.nan
    return DecayFit(population, clients.sort_index(), shapes, gate, target_h, "", tuple(names), core)


def _missing(rows: pd.DataFrame) -> str:
    """What the data lack for a fit, or nothing."""
    counts = rows.groupby("client", observed=True).size()
    if len(counts) < MIN_CLIENTS:
        return f"{len(counts)} client(s) with exposure and age; at least {MIN_CLIENTS} are needed"
    if counts.max() < MIN_MONTHS:
        return f"no client has {MIN_MONTHS} months of data"
    if not (rows["reactive_hours"] > 0).any():
        return "there are no reactive hours at all"
    return ""


def _refusal(rows: pd.DataFrame, target_h: float, missing: str) -> DecayFit:
    clients = pd.DataFrame(
        np.nan, rows["client"].drop_duplicates().sort_values(), [*_with_limits(CLIENT_NUMBERS), "p_target_24"]
    ).rename_axis("client")
    clients["months"] = rows.groupby("client", observed=True).size().reindex(clients.index).astype(int)
    clients["follows"] = "too-early"
    population = pd.DataFrame(np.nan, POPULATION_ROWS, POPULATION_COLUMNS)
    shapes = pd.DataFrame(np.nan, pd.Index(SHAPES, name="shape"), ["aic", "delta_aic"])
    return DecayFit(population, clients, shapes, Gate(*[np.nan] * 4), target_h, missing)


def _with_limits(names: list[str]) -> list[str]:
    return [name + end for name in names for end in ("", "_low", "_high")]


def _limits(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """2.5 % and 97.5 % order statistics over the first axis; inf stays inf."""
    return np.quantile(draws, [0.025, 0.975], axis=0, method="inverted_cdf")


def _typical(core: mixed.Fit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log parameters of the typical client and their covariance."""
    return core.coefficients[:, 0], core.coefficient_covariance


def _population(
    core: mixed.Fit, target_h: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Population table, and the joint draws (draws, clients, 3) of log parameters behind its mean client."""
    eta, covariance = _typical(core)
    reach = core.quantile * np.sqrt(np.diag(covariance))
    typical = np.exp(np.stack([eta, eta - reach, eta + reach]))
    typical[:, 2] = curves.half_life(typical[:, 2])
    level = posterior.level_interval(TARGET_MONTHS, eta, covariance, core.quantile)
    arrival = np.exp(eta + posterior.draw_population(core, POPULATION_DRAWS, rng))
    times = curves.time_to_level(target_h, *arrival.T)
    months = [float(curves.time_to_level(target_h, *np.exp(eta))), *_limits(times)]
    draws = posterior.draw_clients(core, CLIENT_DRAWS, rng)
    means = np.column_stack(
        [
            np.exp(draws[:, :, :2]).mean(axis=1),
            curves.half_life(np.exp(draws[:, :, 2].mean(axis=1))),
            np.exp(posterior.log_level(TARGET_MONTHS, draws)[0]).mean(axis=1),
            _mean_arrival(draws, target_h),
        ]
    )
    middle = np.quantile(means, 0.5, axis=0, method="inverted_cdf")
    left = np.column_stack([typical, np.array(level), months])
    values = np.column_stack([left.T, middle, _limits(means).T])
    return pd.DataFrame(values, POPULATION_ROWS, POPULATION_COLUMNS), draws


def _mean_arrival(draws: NDArray[np.float64], target_h: float) -> NDArray[np.float64]:
    """Age at which the mean of all clients' curves comes down to the target, per draw, by bisection."""
    start, floor, tau = np.moveaxis(np.exp(draws), -1, 0)
    low, high = np.zeros(len(draws)), np.full(len(draws), LONGEST_MONTHS)
    for _ in range(30):
        middle = (low + high) / 2
        above = curves.exponential(middle[:, None], start, floor, tau).mean(axis=1) > target_h
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    never = floor.mean(axis=1) >= target_h
    return np.where(start.mean(axis=1) <= target_h, 0.0, np.where(never, np.inf, high))


def _clients(core: mixed.Fit, names: list[str], target_h: float, draws: NDArray[np.float64]) -> pd.DataFrame:
    """Per-client table."""
    months = core.model.months
    eta, covariance = posterior.clients(core)
    reach = core.quantile * np.sqrt(np.einsum("nii->ni", covariance))
    values = np.exp(np.stack([eta, eta - reach, eta + reach], axis=-1))
    values[:, 2] = curves.half_life(values[:, 2])
    last = (months.age_end * months.used).max(axis=1)
    times = curves.time_to_level(target_h, *np.moveaxis(np.exp(draws), -1, 0))
    arrival = curves.time_to_level(target_h, *np.exp(eta).T)
    parts = [
        *np.moveaxis(values, 1, 0),
        np.column_stack(posterior.level_interval(TARGET_MONTHS, eta, covariance, core.quantile)),
        np.column_stack([arrival, *_limits(times)]),
        np.column_stack(posterior.level_interval(last, eta, covariance, core.quantile)),
    ]
    table = pd.DataFrame(np.hstack(parts), pd.Index(names, name="client"), _with_limits(CLIENT_NUMBERS))
    table["p_target_24"] = (times <= 2 * TARGET_MONTHS).mean(axis=0)
    table["months"] = months.used.sum(axis=1).astype(int)
    table["follows"] = _follows(core, eta, covariance)
    return table


def _follows(core: mixed.Fit, eta: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.str_]:
    """What each client does: the sign of its change from first to last month where that is beyond doubt."""
    months = core.model.months
    first, last = months.age_start[:, 0], (months.age_end * months.used).max(axis=1)
    (at_first, slope_first), (at_last, slope_last) = (posterior.log_level(age, eta) for age in (first, last))
    change, slope = at_last - at_first, slope_last - slope_first
    reach = core.quantile * np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", slope, covariance, slope), 0.0))
    conditions = [
        months.used.sum(axis=1) < MONTHS_TO_FOLLOW,
        decline.irregular(core),
        change + reach < 0,
        change - reach > 0,
    ]
    return np.select(conditions, ["too-early", "irregular", "decaying", "rising"], "flat")
