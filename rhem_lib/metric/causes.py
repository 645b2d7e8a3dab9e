"""Where the hours go: causes, whether one rose beyond chance, and how few computers, causes or hours hold them."""

from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.errors import one_of
from rhem_lib.metric.panel import NOT_RECORDED, counted_entries, hours_by
from rhem_lib.workspace import Workspace, to_pandas

ALARM = 0.05  # chance of calling any cause rising where none rose
MIN_RISE_PROBLEMS = 5
HARDWARE = (
    r"(?i)\b(?:hardware|dis[ck]s?|drives?|ssd|batter(?:y|ies)|screens?|displays?|power suppl|motherboard|fan)\b"
)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def cause_months(work: Workspace) -> pd.DataFrame:
    """Return reactive hours in service and tickets by client, month and cause: the panel, split by cause.

    Tickets are counted as in the panel: once, in the month of the first reactive hour, a child with its parent.

    Parameters
    ----------
    work : Workspace

    Returns
    -------
    DataFrame
        client, month, cause, hours, tickets.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.metric.cause_months(rhem.load("data/sample")).columns.tolist()
    ['client', 'month', 'cause', 'hours', 'tickets']
    """
    table = hours_by(work, "category", "type")
    table["cause"] = cause_names(table)
    table = table.rename(columns={"reactive_hours": "hours", "reactive_tickets": "tickets"})
    table = table[(table["hours"] != 0) | (table["tickets"] != 0)]
    return table.groupby(["client", "month", "cause"], as_index=False)[["hours", "tickets"]].sum()


def cause_names(rows: pd.DataFrame) -> pd.Series:
    """Category of each row; the ticket's type where no category was recorded at all."""
    column = "category" if rows["category"].notna().any() else "type"
    text = rows[column].astype("str").str.strip()
    text = text.str[:1].str.upper() + text.str[1:]
    return text.where(text.notna() & (text != ""), NOT_RECORDED).rename("name")


def chance_of_rise(
    after: pd.DataFrame, before: pd.DataFrame, exposure_after: float, exposure_before: float
) -> NDArray[np.float64]:
    """Chance of a rise as large as that seen in each cause if no rate rose, corrected for looking at many.

    Given both counts together, the later one is binomial with the share of exposure (the exact
    test of two Poisson rates); counts are divided by the dispersion of months within the two
    periods, so that a bad month is not taken for a rise. `after` and `before` are ticket
    counts, a row per cause (the same), a column per month; exposures are endpoint-months.
    """
    cells = [table.to_numpy(dtype=float) for table in (after, before)]
    sums = [cell.sum(axis=1) for cell in cells]
    squares = free = 0.0
    for cell, total in zip(cells, sums, strict=True):
        known, mean = total > 0, total[:, None] / max(cell.shape[1], 1)
        squares += ((cell - mean)[known] ** 2 / mean[known]).sum()
        free += known.sum() * (cell.shape[1] - 1)
    dispersion = max(1.0, squares / free) if free else 1.0
    share = exposure_after / (exposure_after + exposure_before)
    later, earlier = (total / dispersion for total in sums)
    # The tail of a binomial as an incomplete beta function, which takes counts that are no whole numbers.
    from scipy import special  # its import takes 0.15 s, which `rhem check` can do without

    single = np.where(later > 0, special.betainc(np.maximum(later, 1e-9), earlier + 1, share), 1.0)
    return holm(single)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct for many tests, so that the chance of any false alarm is held, however they depend on each other.

    As `multipletests` of statsmodels, which collects garbage on every call: 0.1 s in a notebook.
    """
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(corrected, 1.0)


def cause_table(
    entries: pd.DataFrame, before: pd.DataFrame, exposure: float, exposure_before: float
) -> pd.DataFrame:
    """Return one row per cause: minutes and problems per computer a month, share of the time, and what rose.

    Parameters
    ----------
    entries, before : DataFrame
        Reactive entries of the quarter and of the quarter before (`reactive_entries`); a ticket counts once, in
        the month of its first entry, as in the panel.
    exposure, exposure_before : float
        Endpoint-months of the two.

    Returns
    -------
    DataFrame
        name, hours, problems, problems_before, minutes, share, rate, rate_before (problems per computer a month),
        rise_p (chance_of_rise; NaN without an earlier quarter), rose; most hours first.
    """
    table = entries.groupby(cause_names(entries)).agg(hours=("hours", "sum"), problems=("first", "sum"))
    now, then = (_first_months(rows, table.index) for rows in (entries, before))
    table["problems_before"] = then.sum(axis=1)
    total = table["hours"].clip(lower=0).sum()  # of what was worked: credits may exceed the work on a cause
    table["minutes"] = 60 * table["hours"] / exposure
    table["share"] = table["hours"] / total if total > 0 else np.nan
    known = exposure_before if exposure_before > 0 else np.nan
    table["rate"], table["rate_before"] = table["problems"] / exposure, table["problems_before"] / known
    table["rise_p"] = chance_of_rise(now, then, exposure, exposure_before) if exposure_before > 0 else np.nan
    table["rose"] = (table["rise_p"] <= ALARM) & (table["problems"] >= MIN_RISE_PROBLEMS)
    return _ordered(table).astype({"problems_before": float})


def _first_months(entries: pd.DataFrame, causes: pd.Index) -> pd.DataFrame:
    """Tickets by cause and month of their first entry; a column per month that has any."""
    begun = entries[entries["first"]]
    month = begun["worked_on"].dt.year * 12 + begun["worked_on"].dt.month
    table = pd.DataFrame({"cause": cause_names(entries)[begun.index], "month": month})
    return table.value_counts().unstack(fill_value=0).reindex(causes, fill_value=0)


def computer_table(entries: pd.DataFrame) -> pd.DataFrame:
    """Return hours, problems and share of all hours per computer, noisiest first.

    Parameters
    ----------
    entries : DataFrame
        From `reactive_entries`; work without a computer is left out, but counts in the shares.

    Returns
    -------
    DataFrame
        name, hours, problems, hardware (share of the computer's hours that a defect of it can explain, by the name
        of the cause), defects (such problems), share.

    Examples
    --------
    >>> entries = pd.DataFrame({"device_id": ["PC-1", "PC-2", None], "hours": [3, 1, 4], "first": True,
    ...                         "category": ["Hardware", "Email", None], "type": None})
    >>> computer_table(entries)[["hardware", "share"]].to_numpy().tolist()
    [[1.0, 0.375], [0.0, 0.125]]
    """
    total = entries.groupby(entries["device_id"].fillna(""))["hours"].sum().clip(lower=0).sum()
    defect = cause_names(entries).str.contains(HARDWARE)
    groups = entries.assign(defect=defect & entries["first"], worn=entries["hours"].where(defect, 0.0)).groupby(
        "device_id"
    )
    table = groups.agg(
        hours=("hours", "sum"), problems=("first", "sum"), hardware=("worn", "sum"), defects=("defect", "sum")
    )
    table["hardware"] = (table["hardware"] / table["hours"].where(table["hours"] > 0)).fillna(0.0)
    table["share"] = table["hours"] / total if total > 0 else np.nan
    return _ordered(table)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    ordered = table.sort_values("hours", ascending=False, kind="stable").rename_axis("name").reset_index()
    return ordered.astype({"problems": float, "name": "str"})


@dataclass(frozen=True)
class Concentration:
    """Who and what holds the hours.

    Attributes
    ----------
    table : DataFrame
        kind (computer, cause, hour of week), name, hours, share, so_far (share of all hours held by the row and
        those above it of its kind).
    unknown : dict
        Share of the hours that say nothing of a kind.
    endpoints : float
    """

    table: pd.DataFrame
    unknown: dict[str, float]
    endpoints: float

    @property
    def text(self) -> str:
        """The largest cause, the noisiest computers and the busiest hours."""
        parts = []
        for kind, rows in self.table.groupby("kind", sort=False):
            top = rows.iloc[0]
            if kind == "cause":
                parts.append(f"{top['name']} takes {top['share']:.0%} of the reactive hours.")
            elif kind == "computer":
                tenth = max(int(self.endpoints) // 10, 1)
                share = rows["so_far"].iloc[min(tenth, len(rows)) - 1]
                parts.append(f"The {tenth:,} noisiest computers, a tenth of the endpoints, take {share:.0%}.")
            else:
                parts.append(f"The busiest hour of the week is {top['name']}, with {top['share']:.1%}.")
        missing = [f"{share:.0%} have no {kind}" for kind, share in self.unknown.items() if round(share, 2)]
        return " ".join(parts) + (f" Of all hours, {' and '.join(missing)}." if missing else "")

    def summary(self, rows: int = 5) -> pd.DataFrame:
        """The first rows of each kind, rounded."""
        return self.table.groupby("kind", sort=False).head(rows).round({"hours": 1, "share": 3, "so_far": 3})


def concentration(work: Workspace, panel: pd.DataFrame, *, client: str | None = None) -> Concentration:
    """Return shares of the reactive hours in service by cause, computer and hour of the week (MSP's time zone).

    Parameters
    ----------
    work : Workspace
    panel : DataFrame
        From `measure`; gives the number of endpoints.
    client : str, optional
        One client alone.

    Raises
    ------
    ParameterError
        The client is not in the panel.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> rhem.metric.concentration(work, rhem.measure(work)).table["kind"].unique().tolist()
    ['cause', 'computer', 'hour of week']
    """
    rows = counted_entries(work)
    own = panel if client is None else panel[panel["client"] == client]
    if client is not None:
        one_of(client, panel["client"].unique(), "client")
        rows = rows.filter(nw.col("client") == client)
    start = nw.col("started_at").dt
    keys = {
        "cause": rows.group_by("category", "type"),
        "computer": rows.group_by("client", "device_id"),
        "hour of week": rows.with_columns(day=start.weekday(), hour=start.hour()).group_by("day", "hour"),
    }
    tables, unknown = [], {}
    for kind, groups in keys.items():
        found = to_pandas(groups.agg(nw.col("hours").sum()))
        total = found["hours"].clip(lower=0).sum()
        found = found.assign(name=_names(kind, found, client is None)).dropna(subset=["name"])
        found = found.groupby("name", as_index=False)["hours"].sum()
        found = found.sort_values(["hours", "name"], ascending=[False, True], ignore_index=True)
        found["share"] = found["hours"].clip(lower=0) / total
        unknown[kind] = 1 - found["share"].sum() if total else 0.0
        tables.append(found.assign(kind=kind, so_far=found["share"].cumsum()))
    table = pd.concat(tables, ignore_index=True)[["kind", "name", "hours", "share", "so_far"]]
    last = own[own["exposure"] > 0].sort_values("month").groupby("client")["endpoints"].last()
    return Concentration(table, unknown, float(last.sum()))


def _names(kind: str, found: pd.DataFrame, several: bool) -> pd.Series:
    if kind == "cause":
        names = cause_names(found)
        return names.where(names != NOT_RECORDED)
    if kind == "computer":
        return found["client"] + ": " + found["device_id"] if several else found["device_id"]
    days = found["day"].map(dict(enumerate(DAYS, 1)))
    return days + " " + found["hour"].map("{:02.0f}:00".format, na_action="ignore").astype("str")
