"""Which client-months are a measurement: no hours and nothing sorted is not the same as no work."""

import pandas as pd

UNSORTED, NOTHING = "unsorted", "nothing"
LEAST_SHARE = 0.5  # of the hours of a quarter that must be classified for it to have a level
LEAST_HOURS = 2.0  # unclassified; fewer decide nothing
CONFIRMED = "confirmed_zero"  # column of clients.csv: "yes", or the quarters without any work


def why_unmeasured(panel: pd.DataFrame, clients: pd.DataFrame) -> pd.Series:
    """Return why each client-month is not a measurement: 'unsorted', 'nothing', or '' where it is one.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
    clients : DataFrame
        Table clients; a column `confirmed_zero` says of whom no hours are true.

    Returns
    -------
    Series of str
        unsorted: half of the quarter's hours, or more, could not be classified. nothing: the client has no hour
        in any month, which is more often an export that leaves the client out than a client without work.

    Examples
    --------
    >>> month = pd.to_datetime(["2026-04-01", "2026-05-01"])
    >>> panel = pd.DataFrame({"client": ["A", "B"], "month": month, "reactive_hours": [1.0, 0.0],
    ...                       "unclassified_hours": [0.0, 9.0], "outside_hours": 0.0})
    >>> why_unmeasured(panel, pd.DataFrame({"client": ["A", "B"]})).tolist()
    ['', 'unsorted']
    """
    quarter = panel["month"].dt.to_period("Q").astype(str)
    hours = panel[["reactive_hours", "unclassified_hours"]].groupby([panel["client"], quarter]).transform("sum")
    open_hours = hours["unclassified_hours"]
    unsorted = (open_hours >= LEAST_HOURS) & (hours["reactive_hours"] < LEAST_SHARE * hours.sum(axis=1))
    worked = panel[["reactive_hours", "unclassified_hours", "outside_hours"]].abs().sum(axis=1)
    nothing = worked.groupby(panel["client"]).transform("sum") == 0
    nothing &= ~confirmed_zero(panel, clients)
    return pd.Series("", panel.index, dtype=object).mask(unsorted, UNSORTED).mask(nothing, NOTHING)


def confirmed_zero(panel: pd.DataFrame, clients: pd.DataFrame) -> pd.Series:
    """Return of which client-months clients.csv says that no hours are true, by client or by quarter."""
    if CONFIRMED not in clients:
        return pd.Series(False, panel.index)
    given = panel["client"].map(clients.set_index("client")[CONFIRMED].fillna("").astype(str).str.lower())
    quarters = panel["month"].dt.to_period("Q").astype(str).str.lower()
    named = [quarter in text for quarter, text in zip(quarters, given.fillna(""), strict=True)]
    return given.isin(["yes", "true", "1"]) | pd.Series(named, panel.index, dtype=bool)
