"""How fast does support load fall after onboarding, for the book and for every client?

Partially pooled fit: every client has its own start, floor and half-life, drawn from a population that is
estimated with them, so that a client with few months leans on the others. Method: `laplace` and `mixed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import decline_test, mixed_model, posterior, tables
from rhem_lib.decay.change_points import COLUMNS, change_points
from rhem_lib.decay.client_months import Months, client_order, fitted_months, lay_out, typed_panel
from rhem_lib.decay.decline_test import Gate
from rhem_lib.decay.forecast import forecast_months
from rhem_lib.decay.season import Season, fit_season
from rhem_lib.decay.target_check import Claim, check_claim, left_book
from rhem_lib.decay.text import tell, tell_clients, tell_season
from rhem_lib.errors import ParameterError, one_of
from rhem_lib.settings import DEFAULT_TARGET, Target, as_target

MIN_CLIENTS, MIN_MONTHS = 3, 4
ALLOTTED = 1e-9  # relative spread of rates
SHAPES = ("exponential", "hyperbolic", "linear", "step", "flat")


@dataclass(frozen=True)
class DecayFit:
    """Decay of a book of clients. Intervals are 95 %.

    Attributes
    ----------
    population : DataFrame
        Index start_h, floor_h, rhem_12_h (level at the target's month, which its name carries; h per endpoint per
        month), half_life_months, months_to_target. Columns
        estimate, low, high: the typical client (median log parameters); mean_estimate, mean_low, mean_high: the
        mean of this book's clients (mean of their levels, geometric mean of their half-lives, and the month at
        which the mean of their curves comes down to the target for good). Half-life and months are NaN where no
        decline was detected; inf means that the target is never reached.
    clients : DataFrame, indexed by client
        The same per client, each with _low and _high, rhem_now_h (fitted level at the last month), p_target_24
        (probability that the target is reached within twice its months), months (observed) and follows.
    shapes : DataFrame, indexed by shape
        aic by marginal maximum likelihood, delta_aic against the best.
    gate : Gate
        Is there any decline?
    target : Target
        The claim under test.
    usable : bool
        False where the data cannot carry a fit; `missing` then says why and all numbers are NaN.
    core : mixed.Fit or None
        Coefficients, covariance, modes, dispersions.
    claim : Claim or None
        The target's claim: start, level and share of clients there, for the typical
        client, the mean client and the portfolio, and what those who left do to it.
    changes : DataFrame
        Clients that left their path: client, month, age_months, ratio, low, high, p_value.
    season : Season or None
        The yearly wave, where one was asked for; all curves are then those of an average month.
    left_out : tuple of str
        Clients without a month of known age and exposure.
    calendar : DataFrame or None, indexed by client
        first and last fitted calendar month.
    """

    population: pd.DataFrame
    clients: pd.DataFrame
    shapes: pd.DataFrame
    gate: Gate
    target: Target
    missing: str = ""
    names: tuple[str, ...] = ()
    core: mixed_model.Fit | None = None
    claim: Claim | None = None
    changes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["month", *COLUMNS]))
    season: Season | None = None
    left_out: tuple[str, ...] = ()
    calendar: pd.DataFrame | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a fit."""
        return self.core is not None

    @property
    def shape(self) -> str:
        """The curve of lowest criterion; flat where no decline was detected, since no criterion holds there."""
        return str(self.shapes["aic"].idxmin()) if self.gate.declines else "flat"

    @property
    def table(self) -> pd.DataFrame:
        """One row per client."""
        return self.clients

    @property
    def text(self) -> str:
        """The finding for analysts: does load fall as the target claims?"""
        told = [f"The decay after onboarding cannot be estimated: {self.missing}."]
        if self.core is not None:
            months = self.core.model.months
            told = [
                tell(self.population, self.shapes, self.gate, self.target, months),
                tell_season(self.season, self.gate, self.calendar),
                tell_clients(self.names, self.clients["follows"], months),
            ]
        if self.left_out:
            told.append(f"Left out, because age or endpoints are unknown: {', '.join(self.left_out)}.")
        return " ".join(filter(None, told))

    def summary(self) -> pd.DataFrame:
        """Population table, rounded."""
        return self.population.round(3)

    def predict(self, client: str | None = None, *, age_months: float | Sequence[float]) -> pd.DataFrame:
        """Expected RHEM by age: of the typical client, or of a named one.

        Parameters
        ----------
        client : str, optional
        age_months : float or sequence of float
            Months since onboarding, at least 0.

        Returns
        -------
        DataFrame
            age_months, estimate, low, high in h per endpoint per month; NaN without a usable fit. The interval is
            that of the curve, not of a single month around it.

        Raises
        ------
        ParameterError
            The client is not in the fit, or an age is below 0.
        """
        ages = np.atleast_1d(np.asarray(age_months, float))
        self._check(client)
        if not (ages >= 0).all():
            raise ParameterError(f"an age is at least 0 months, not {ages.min()}.", where="age_months")
        if self.core is None:
            columns: tuple = (np.full(len(ages), np.nan),) * 3
        else:
            eta, covariance = tables.typical(self.core)
            if client is not None:
                place = self.names.index(client)
                eta, covariance = (x[place] for x in posterior.clients(self.core))
            columns = posterior.level_interval(ages, eta, covariance, self.core.quantile)
        return pd.DataFrame(dict(zip(["age_months", "estimate", "low", "high"], (ages, *columns), strict=True)))

    def forecast(self, client: str, *, months: int = 6, exposure: float | None = None) -> pd.DataFrame:
        """What the coming months of a client will be measured at, with 90 % prediction intervals.

        Parameters
        ----------
        client : str
        months : int
            How many.
        exposure : float, optional
            Endpoint-months in each; by default those of the client's last month, as if it had been a full one.

        Returns
        -------
        DataFrame
            months_ahead, month (where the calendar is known), age_months, exposure, and rhem_h (median), low,
            high in h per endpoint per month: of the month's own measurement, not of the curve. No rows without a
            usable fit.

        Raises
        ------
        ParameterError
            The client is not in the fit; months or exposure are not above 0.
        """
        self._check(client)
        if months < 1 or not (exposure is None or 0 < exposure < np.inf):
            raise ParameterError(
                "months and exposure must be above 0.", where="forecast", examples=[months, exposure]
            )
        if self.core is None:
            return pd.DataFrame(columns=["months_ahead", "age_months", "exposure", "rhem_h", "low", "high"])
        table = forecast_months(self.core, self.names.index(client), months, exposure)
        last = pd.NaT if self.calendar is None else self.calendar.loc[client, "last"]
        if not pd.isna(last):
            table.insert(1, "month", pd.date_range(last + pd.DateOffset(months=1), periods=months, freq="MS"))
            if self.season is not None:
                factor = self.season.factor(table["month"].dt.month)
                table[["rhem_h", "low", "high"]] = table[["rhem_h", "low", "high"]].mul(factor, axis=0)
        return table

    def _check(self, client: str | None) -> None:
        if client is not None:
            one_of(client, self.clients.index, "client")


def fit_decay(
    panel: pd.DataFrame, *, target: Target | float = DEFAULT_TARGET, season: bool = False, seed: int = 0
) -> DecayFit:
    """Fit the decay of RHEM with age to a panel of client-months.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
        Uses client, age_start, age_end [months since onboarding], exposure [endpoint-months], reactive_hours [h],
        and month where there is one. Months without exposure or age are left out.
    target : Target or float
        The claim under test; a float is the level to reach, in h per endpoint per month, from 1.0 h in 12 months.
    season : bool
        Take out a yearly wave as well. Worth it where onboarding falls into the same season every year.
    seed : int
        Of the draws behind months to target and the mean client.

    Returns
    -------
    DecayFit
        Also where the data are too few: see `usable` and `text`.

    Raises
    ------
    ParameterError
        The target is no Target and not above 0, or a season is asked of a panel without months.
    InputError
        A cell of the panel cannot be used; the message says which.
    """
    target = as_target(target)
    if season and ("month" not in panel or panel["month"].isna().any()):
        raise ParameterError("a season needs the column month.", where="season")
    panel = typed_panel(panel)
    rows = fitted_months(panel)
    left_out = tuple(sorted(set(panel["client"]) - set(rows["client"])))
    if missing := _missing(rows):
        return _refusal(rows, target, missing, left_out)
    names = client_order(rows)
    months = lay_out(rows, names)
    gate = decline_test.check_decline(months)
    wave = None
    if season:
        core, wave = fit_season(months, _by_month(rows, names, months, rows["month"].dt.month))
    else:
        core = mixed_model.fit(months)
    aic = pd.Series(mixed_model.compare_shapes(core, SHAPES), name="aic")
    shapes = pd.DataFrame({"aic": aic, "delta_aic": aic - aic.min()}).rename_axis("shape")
    population, typical, draws = tables.population(core, target, np.random.default_rng(seed))
    changes = _changes(core, rows, names)
    clients = tables.clients(core, names, changes["client"].tolist(), target, draws)
    calendar = left = None
    if "month" in panel:
        calendar = rows.groupby("client")["month"].agg(first="min", last="max")
        left = left_book(panel)[names].to_numpy()
    claim = check_claim(core, draws, typical, population, left, target)
    if not gate.declines:
        population.loc[["half_life_months", "months_to_target"]] = np.nan
        clients.loc[:, [c for c in clients if c.startswith(("half_life", "months_to"))]] = np.nan
    return DecayFit(
        population, clients.sort_index(), shapes, gate, target, "", tuple(names), core, claim, changes, wave,
        left_out, calendar,
    )  # fmt: skip


def _by_month(rows: pd.DataFrame, names: list[str], months: Months, values: pd.Series) -> NDArray[np.float64]:
    """Values of the rows laid out as the months are, 1 where padded."""
    out = np.ones(months.used.shape)
    place = rows.groupby("client").cumcount().to_numpy()
    out[pd.Index(names).get_indexer(rows["client"]), place] = values
    return out


def _changes(core: mixed_model.Fit, rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Change points, with the calendar month where the panel has one."""
    table = change_points(core, names)
    if "month" in rows:
        known = rows[["client", "age_start", "month"]].rename(columns={"age_start": "age_months"})
        table = table.merge(known.drop_duplicates(["client", "age_months"]), how="left")
    return table


def _missing(rows: pd.DataFrame) -> str:
    """What the data lack for a fit, or nothing."""
    counts = rows.groupby("client").size()
    rate = rows["reactive_hours"] / rows["exposure"]
    if len(counts) < MIN_CLIENTS:
        return f"{len(counts)} client(s) with exposure and age; at least {MIN_CLIENTS} are needed"
    if counts.max() < MIN_MONTHS:
        return f"no client has {MIN_MONTHS} months of data"
    if not (rows["reactive_hours"] > 0).any():
        return "there are no reactive hours at all"
    if np.ptp(rate) < ALLOTTED * rate.max():
        return "every month of every client has the same hours per endpoint, so they are allotted and not worked"
    return ""


def _refusal(rows: pd.DataFrame, target: Target, missing: str, left_out: tuple[str, ...]) -> DecayFit:
    clients = pd.DataFrame(
        np.nan,
        pd.Index(sorted(set(rows["client"])), name="client"),
        [*tables.with_limits(tables.client_numbers(target)), target.chance_column],
    )
    clients["months"] = rows.groupby("client").size().reindex(clients.index).astype(int)
    clients["follows"] = "too-early"
    population = pd.DataFrame(np.nan, tables.population_rows(target), tables.POPULATION_COLUMNS)
    shapes = pd.DataFrame(np.nan, pd.Index(SHAPES, name="shape"), ["aic", "delta_aic"])
    return DecayFit(population, clients, shapes, Gate(*[np.nan] * 4), target, missing, left_out=left_out)
