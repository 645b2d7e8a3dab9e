"""What may be said, and when."""

import pandas as pd

from rhem_lib.metric import why_unmeasured

WHY = {
    "unsorted": "Half of the hours or more could not be classified. `rhem check` suggests rules for rhem.toml.",
    "nothing": "No hours in any month. Export them; or write yes in the column confirmed_zero of clients.csv.",
}
NO_COMPUTERS = "Hours, but no computers. `rhem check` names the lists of computers that arrived, and for whom."


def not_reviewed(panel: pd.DataFrame, clients: pd.DataFrame, quarter: str) -> dict[str, str]:
    """Return the clients of a quarter that have no figure, each with the reason and what to do.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
    clients : DataFrame
        Table clients.
    quarter : str
        For example '2026Q3'.

    Returns
    -------
    dict
        The reason by client.

    Examples
    --------
    >>> not_reviewed(study.panel, work.clients, "2026Q2")
    {}
    """
    rows = panel.assign(why=why_unmeasured(panel, clients))
    rows = rows[rows["month"].dt.to_period("Q").astype(str) == quarter]
    found = {name: WHY[why] for name, why in zip(rows["client"], rows["why"], strict=True) if why}
    served = rows.groupby("client")[["exposure", "reactive_hours", "outside_hours"]].sum()
    worked = served[["reactive_hours", "outside_hours"]].abs().sum(axis=1) > 0
    return dict.fromkeys(served.index[(served["exposure"] == 0) & worked], NO_COMPUTERS) | found
