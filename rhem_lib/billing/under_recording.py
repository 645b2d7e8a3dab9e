"""Could it be the recording? Hours that nobody bills may be written down less, and more so with the years.

Constant under-recording leaves the half-life as it is; growing under-recording looks like improvement, and hours
alone cannot tell. Tickets come from clients' calls and not from technicians' typing: they are the control.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib import decay
from rhem_lib.billing.groups import GROUP, LOG_TAU, NOTHING, Array, Cohort, Effect, Values, ratio_interval

RAMP_MONTHS = 12.0
TICKET_VARIANCE, SHOCK_VARIANCE = 1.0, 0.03
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class Recording:
    """Hours per ticket of a group after its first year / before, over the same of the others at equal tickets.

    Under 1: less is written down per ticket as time goes on, or tickets are solved faster; hours cannot say which.
    """

    ratio: float
    low: float
    high: float
    p_value: float

    @property
    def warns(self) -> bool:
        """Hours per ticket fall in the group beyond chance at 5%."""
        return self.high < 1

    @property
    def text(self) -> str:
        """What the control says."""
        if not np.isfinite(self.ratio):
            return "No tickets are counted, so that nothing speaks to what is written down."
        story = (
            f"ver the first year hours per ticket of fixed-fee clients went to {self.ratio:.2f} times what they "
            f"did for hourly clients (95% interval {self.low:.2f} to {self.high:.2f})"
        )
        if not self.warns:
            return f"O{story}: no sign that less and less is written down."
        return (
            f"Warning: o{story}. Part of a faster fall may be work that is no longer written down; or tickets are "
            "solved faster. Remote-session times of a sample would show which."
        )


def hours_per_ticket(cohort: Cohort, name: str, twin: decay.Fit) -> Recording:
    """Whether hours per ticket of a group fall with age, against the others with the same course of tickets.

    Log hours per ticket by month, weighted by tickets, on a client's own mean, its fitted log ticket rate (`twin`,
    the fit of the tickets, which smooths the chance in monthly counts), age up to a year, and age up to a year for
    the group; errors clustered by client.
    """
    rows = cohort.rows
    known = ((rows["reactive_tickets"] > 0) & (rows["reactive_hours"] > 0)).to_numpy()
    if known.sum() < 4 * len(cohort.clients):
        return Recording(*NOTHING)
    client = cohort.clients.index.get_indexer(rows["client"])
    place = rows.groupby("client", observed=True).cumcount().to_numpy()
    course = np.log(decay.expected_hours(twin.model, twin.point)[client, place][known])
    tickets = rows["reactive_tickets"].to_numpy(float)[known]
    progress = np.minimum(rows["age_months"].to_numpy()[known] / RAMP_MONTHS, 1.0)
    columns = np.column_stack([progress * cohort.of(name)[client[known]], progress, course])
    answer = np.log(rows["reactive_hours"].to_numpy()[known] / tickets)
    weight = 1 / (TICKET_VARIANCE / tickets + SHOCK_VARIANCE)
    return Recording(*_within(columns, answer, weight, client[known]))


def _within(columns: Array, answer: Array, weight: Array, client: NDArray[np.intp]) -> Values:
    """First coefficient of a weighted regression with a mean for each client, errors clustered by client."""
    from statsmodels.regression.linear_model import WLS

    means = pd.get_dummies(client).to_numpy(float)
    clusters = {"groups": client, "use_correction": False}
    found = WLS(answer, np.hstack([columns, means]), weight).fit(cov_type="cluster", cov_kwds=clusters)
    # t over clients: the means of the clients cost none of the degrees of freedom that clusters are counted by.
    df = max(means.shape[1] - columns.shape[1] - 1, 2)
    return ratio_interval(found.params[0], found.bse[0] * np.sqrt(means.shape[1] / df), df)


def erasing_share(core: decay.Fit, effect: Effect) -> tuple[float, float]:
    """Share of its hours that the group would have to write down after a year to erase a shorter half-life.

    Hours of the group are divided by a share that falls from 1 to c over a year, and the model is maximised again;
    the standard error is kept. First the share at which the interval comes to include 1, then that at which the
    ratio itself is 1; 0 where not even half the hours would do, NaN where the half-life is not clearly shorter.
    """
    if effect.high >= 1:
        return np.nan, np.nan
    months = core.model.months
    fixed = months.design[:, GROUP, None] > 0
    progress = np.minimum((months.age_start + months.age_end) / 2 / RAMP_MONTHS, 1.0)
    point, found = core.point, []
    for share in SHARES:
        factor = np.where(fixed, 1 / (1 - (1 - share) * progress), 1.0)
        model = replace(core.model, months=replace(months, rate=months.rate * factor))
        point = decay.maximise(model, point.theta, gain=1e-9)
        found.append(decay.covariate_effect(replace(core, model=model, point=point), LOG_TAU, GROUP)[0])
    upper = np.array(found) + np.log(effect.high / effect.ratio)
    return _crossing(upper), _crossing(np.array(found))


def _crossing(estimates: Array) -> float:
    """Share at which estimates along SHARES come up to 0; 0 if they never do."""
    rising = np.maximum.accumulate(estimates)
    return float(np.interp(0.0, rising, np.array(SHARES))) if rising[-1] >= 0 else 0.0


def e_value(ratio: float) -> float:
    """How strongly something unmeasured must go with both the group and its speed to make a ratio out of nothing.

    E = R + sqrt(R (R - 1)) with R the ratio or its inverse, whichever is above 1; 1 needs nothing. VanderWeele &
    Ding (2017), Sensitivity analysis in observational research.
    """
    strength = max(ratio, 1 / ratio)
    return float(strength + np.sqrt(strength * (strength - 1)))
