"""What the recording, and the growth of clients, do to a decline: found, named, and what each means.

Hours are what technicians write down. If they write down less from month to month, or round every time up, or
begin to record only after some months, the curve shows that and not the work. None of it can be taken out with
hours alone; it can be seen beside tickets, in the times themselves, and in the first months.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from rhem_lib.decay.curves import Array

COLUMNS = ["finding", "value", "low", "high", "p_value"]
STEPS, LEAST_MONTHS, IN_STEPS = (0.5, 0.25), 30, 0.98
LAST_MONTHS = 12  # of the data, for the level that rounding adds to
FIRST_AGE, LATER_AGES = 1.5, (2.0, 5.0)  # months: before a hump, and on it
HUMP_MONTHS = 3.0  # left out where there is one
GROWTH, LEAST_TICKETS, LEAST_CLIENTS = 1.5, 5.0, 4
STEEP_MONTHS = 6.0
LEAST_CHANGE, LEAST_BEYOND = -0.003, -0.001  # of hours per ticket a month, and beyond that of tickets
LOG_VARIANCE = 0.1  # of a client's log ratios, beside chance


@dataclass(frozen=True)
class RecordingCheck:
    """Signs that hours are not what they seem.

    Attributes
    ----------
    table : DataFrame, one row per finding
        finding (hours per ticket, rounded times, hump, growth), value with low and high (95%), p_value.
        Values are the change of hours per ticket per month beyond that of tickets, the minutes per endpoint and
        month that rounding up adds (high: at most), and the ratios of hours in months 3 to 5 to those of the
        first, and of endpoints in the end to those of the beginning.
    least : float
        Share of the hours that was worked at least: under 1 where every ticket may have been rounded up.
    """

    table: pd.DataFrame
    least: float = 1.0

    @property
    def found(self) -> tuple[str, ...]:
        """Names of the findings."""
        return tuple(self.table["finding"])

    @property
    def fades(self) -> bool:
        """Whether less and less may be written down per ticket, so that a fall is one of recorded hours."""
        return "hours per ticket" in self.found

    @property
    def text(self) -> str:
        """What was found, and what it means for the answer; nothing where nothing was."""
        return " ".join(_WORDS[row.finding](row) for row in self.table.itertuples())


_WORDS = {
    "hours per ticket": lambda row: (
        f"Warning: hours per ticket change by {row.value:+.1%} a month (95% interval {row.low:+.1%} to "
        f"{row.high:+.1%}) beyond what tickets do. Less may be written down from month to month, or tickets are "
        "solved faster; hours alone cannot tell. All that is said is of recorded hours: part or all of a fall may "
        "be the recording, and none of it is shown to be an improvement."
    ),
    "rounded times": lambda row: (
        "All times are multiples of "
        f"{row.p_value:.0f} minutes. If every ticket was rounded up, levels are about {row.value:.1f} and at most "
        f"{row.high:.1f} minutes per endpoint and month too high, for which the lower limits allow; they cannot "
        "be too low for that."
    ),
    "hump": lambda row: (
        f"Hours rise before they fall: months 3 to 5 are at {row.value:.0%} of the first (95% interval "
        f"{row.low:.0%} to {row.high:.0%}). Perhaps the first months are not all written down. Those before "
        f"month {HUMP_MONTHS + 1:.0f} are left out of the fit, so that the curve is that of the fall."
    ),
    "growth": lambda row: (
        f"The typical client's endpoints grew to {row.value:.1f} times those of its beginning. All levels are "
        "of whole clients, with their new endpoints: where these start anew, a client falls more slowly than an "
        "endpoint does, and an endpoint of that age is lower."
    ),
}


def check_recording(rows: pd.DataFrame, *, declines: bool) -> RecordingCheck:
    """Look for signs in fitted months; for a hump only before a decline."""
    checks = (_per_ticket, _rounded, *([_hump] if declines else []), _growth)
    found = [line for line in (check(rows) for check in checks) if line is not None]
    table = pd.DataFrame(found, columns=COLUMNS)
    most = table.loc[table["finding"] == "rounded times", "high"].sum()
    late = _last_year(rows)
    level = 60 * late["reactive_hours"].sum() / late["exposure"].sum()
    return RecordingCheck(table, max(1 - most / level, 0.0) if level > 0 else 1.0)


def after_hump(rows: pd.DataFrame) -> pd.DataFrame:
    """The months after a hump; of clients that have none of them, all."""
    short = rows.groupby("client")["age_start"].transform("max") < HUMP_MONTHS
    return rows[short | (rows["age_start"] >= HUMP_MONTHS)]


def _last_year(rows: pd.DataFrame) -> pd.DataFrame:
    """Each client's last months."""
    return rows[rows["age_end"] > rows.groupby("client")["age_end"].transform("max") - LAST_MONTHS]


def _mean(values: Array, chance: Array) -> tuple[float, float, float, float]:
    """Mean of clients' values weighted by their precision: estimate, 95% limits, p-value."""
    weight = 1 / chance
    part, df = weight / weight.sum(), len(values) - 1
    mean = float(part @ values)
    error = float(np.sqrt((part**2 * (values - mean) ** 2 / (1 - part)).sum()))
    reach = float(student.ppf(0.975, df)) * error
    return mean, mean - reach, mean + reach, float(2 * student.sf(abs(mean) / max(error, 1e-12), df))


def _sums(rows: pd.DataFrame, *sides: pd.Series, columns: list[str]) -> list[pd.DataFrame]:
    """Sums per client over the months of two sides; clients with both alone."""
    first, second = (rows[side].groupby("client")[columns].sum() for side in sides)
    both = first.index.intersection(second.index)
    return [first.loc[both], second.loc[both]]


def _per_ticket(rows: pd.DataFrame) -> tuple | None:
    """Hours per ticket fall, and by more than tickets do: long tickets go first where load truly falls."""
    if "reactive_tickets" not in rows or not (rows["reactive_tickets"] > 0).any():
        return None
    rows = rows.assign(age=(rows["age_start"] + rows["age_end"]) / 2, hours=rows["reactive_hours"].clip(lower=0))
    # While load falls steeply, sums of hours and of tickets weigh the months of a half differently.
    rows = rows[rows["age"] > STEEP_MONTHS]
    middle = rows.groupby("client")["age"].transform("median")
    names = ["hours", "reactive_tickets", "exposure", "age", "one"]
    late = rows["age"] > middle
    before, after = _sums(rows.assign(one=1.0), ~late, late, columns=names)
    enough = (np.minimum(before["reactive_tickets"], after["reactive_tickets"]) >= LEAST_TICKETS) & (
        np.minimum(before["hours"], after["hours"]) > 0
    )
    if enough.sum() < LEAST_CLIENTS:
        return None
    before, after = before[enough], after[enough]
    months = (after["age"] / after["one"] - before["age"] / before["one"]).to_numpy()
    per_ticket, calls = (
        np.log((after[top] / after[bottom]) / (before[top] / before[bottom])).to_numpy() / months
        for top, bottom in (("hours", "reactive_tickets"), ("reactive_tickets", "exposure"))
    )
    counts = (1 / before["reactive_tickets"] + 1 / after["reactive_tickets"]).to_numpy()
    chance = (LOG_VARIANCE + 2 * counts) / months**2
    beyond = _mean(per_ticket - calls, chance)
    if beyond[2] < LEAST_BEYOND and _mean(per_ticket, chance)[2] < LEAST_CHANGE:
        return "hours per ticket", *np.expm1(beyond[:3]), beyond[3]
    return None


def _rounded(rows: pd.DataFrame) -> tuple | None:
    """Hours of all months are multiples of a step: at most a step a ticket, at the tickets of the last year."""
    hours = rows.loc[rows["reactive_hours"] > 0, "reactive_hours"].to_numpy(float)
    if len(hours) < LEAST_MONTHS or "reactive_tickets" not in rows or not rows["reactive_tickets"].sum() > 0:
        return None
    for step in STEPS:
        if np.isclose(hours / step, np.round(hours / step), atol=1e-6).mean() < IN_STEPS:
            continue
        late = _last_year(rows)
        tickets = max(late["reactive_tickets"].sum(), 1.0)
        each, most = late["reactive_hours"].sum() / tickets, 60 * step * tickets / late["exposure"].sum()
        # Exponential tickets of mean m, rounded up, have a mean of step / (1 - exp(-step / m)).
        usual = most * (each / step + 1 / np.log1p(-step / each)) if each > step else most
        return "rounded times", usual, 0.0, most, 60 * step
    return None


def _hump(rows: pd.DataFrame) -> tuple | None:
    """Months 3 to 5 have more hours than the first ones."""
    age = (rows["age_start"] + rows["age_end"]) / 2
    first, later = _sums(rows, age < FIRST_AGE, age.between(*LATER_AGES), columns=["reactive_hours", "exposure"])
    if len(first) < LEAST_CLIENTS:
        return None
    level = rows["reactive_hours"].sum() / rows["exposure"].sum()
    logs = [
        np.log((x["reactive_hours"].clip(lower=0) / level + 0.5) / (x["exposure"] + 0.5)) for x in (first, later)
    ]
    chance = LOG_VARIANCE + 2 / first["exposure"] + 2 / later["exposure"]
    found = _mean((logs[1] - logs[0]).to_numpy(), chance.to_numpy())
    return ("hump", *np.exp(found[:3]), found[3]) if found[1] > 0 else None


def _growth(rows: pd.DataFrame) -> tuple | None:
    """Endpoints of the typical client in its last three months over those in its first."""
    size = rows["exposure"] / (rows["age_end"] - rows["age_start"]).clip(lower=1e-3)
    clients = size.groupby(rows["client"])
    ratio = clients.apply(lambda own: own.tail(3).median() / own.head(3).median())[clients.size() >= LAST_MONTHS]
    if len(ratio) < LEAST_CLIENTS or ratio.median() < GROWTH:
        return None
    return "growth", ratio.median(), *ratio.quantile([0.25, 0.75]), np.nan
