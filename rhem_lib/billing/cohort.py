"""Clients to compare: their fitted months and who they are, by a client-level column; without the season."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay import Fit, client_order, find_wave, fit_mixed_model, lay_out
from rhem_lib.errors import ParameterError

Array = NDArray[np.float64]

SIZE_MONTHS, MONTHS_FOR_SEASON = 3, 24


@dataclass(frozen=True)
class Cohort:
    """Fitted months of clients, and who they are.

    rows : DataFrame from `fitted_months`, of these clients alone
    clients : DataFrame, indexed by client in the order of `client_order`
        group, endpoints (mean of the first three months), months, start_year (of onboarding, with fractions).
    """

    rows: pd.DataFrame
    clients: pd.DataFrame

    @property
    def size(self) -> Array:
        """Log endpoints at onboarding, centred."""
        log = np.log(self.clients["endpoints"].to_numpy())
        return log - log.mean()

    def of(self, name: str) -> Array:
        """1/2 for clients of a group, -1/2 for others, so that the priors favour neither."""
        return (self.clients["group"] == name).to_numpy(float) - 0.5

    def keep(self, which: pd.Series) -> "Cohort":
        """Only the clients for which the mask, indexed by client, holds."""
        clients = self.clients[which.reindex(self.clients.index).to_numpy(bool)]
        return Cohort(self.rows[self.rows["client"].isin(clients.index)], clients)

    def fit(self, *columns: Array, shape: str = "exponential") -> Fit:
        """Mixed model with these covariates on start, floor and half-life."""
        design = np.column_stack([np.ones(len(self.clients)), *columns])
        return fit_mixed_model(lay_out(self.rows, self.clients.index.tolist(), design), shape)


def cohort_of(rows: pd.DataFrame, by: str) -> Cohort:
    """Clients of fitted months with a known value of a column: the first known one of each.

    Raises
    ------
    ParameterError
        The rows have no such column.
    """
    if by not in rows:
        raise ParameterError(
            f"the panel has no column '{by}'.",
            examples=[name for name in rows if name not in ("client", "month")],
            fix="Join it first, e.g. panel.merge(work.clients[['client', 'industry']]).",
        )
    grouped = rows.groupby("client", observed=True)
    early = rows[grouped.cumcount() < SIZE_MONTHS].groupby("client", observed=True)
    first = grouped[["month", "age_start"]].first()
    onboarded = first["month"].dt.year + (first["month"].dt.month - 1 - first["age_start"]) / 12
    group = rows.dropna(subset=by).groupby("client", observed=True)[by].first()
    columns = {"group": group, "endpoints": early["endpoints"].mean(), "months": grouped.size()}
    clients = pd.DataFrame(columns | {"start_year": onboarded}).dropna()
    clients = clients[clients["endpoints"] > 0]
    rows = rows[rows["client"].isin(clients.index)]
    return Cohort(rows, clients.loc[client_order(rows)])


def without_season(cohort: Cohort) -> Cohort:
    """The book with its yearly wave taken out; as it is, where it spans less than two years.

    Hours with factor s are Tweedie with dispersion phi, so hours / s are so with dispersion phi / sqrt(s): rates
    are divided by s, and exposure counts sqrt(s) times. It makes half-life ratios surer by about a twentieth.
    """
    rows, month = cohort.rows, cohort.rows["month"]
    if month.dt.to_period("M").nunique() < MONTHS_FOR_SEASON:
        return cohort
    names = cohort.clients.index.tolist()
    months = lay_out(rows, names, np.column_stack([np.ones(len(names)), cohort.size]))
    calendar = np.ones(months.used.shape)
    place = rows.groupby("client", observed=True).cumcount().to_numpy()
    calendar[pd.Index(names).get_indexer(rows["client"]), place] = month.dt.month
    root = np.sqrt(find_wave(months, calendar).factor(month.dt.month))
    return replace(
        cohort, rows=rows.assign(reactive_hours=rows["reactive_hours"] / root, exposure=rows["exposure"] * root)
    )


def with_tickets(cohort: Cohort) -> Cohort:
    """The same book with tickets in place of hours."""
    return replace(cohort, rows=cohort.rows.assign(reactive_hours=cohort.rows["reactive_tickets"]))
