"""What is still missing in a workspace, most costly first: the hours that a gap keeps out of the answer."""

from dataclasses import dataclass

import pandas as pd

from rhem_lib.errors import NotEnoughData, first_of
from rhem_lib.metric import measure
from rhem_lib.schema import has_flag
from rhem_lib.workspace import Workspace

NAMED = 5
LACKS = {
    "no-endpoints": "have no computers beside them, so no RHEM: export a list of computers for each month",
    "carried-endpoints": "have an earlier month's computers beside them: better the list of their own month",
    "coverage-gap": "are in months that the export hardly covers, so they do not count: export these months again",
    "no-age": "are of clients without a start, so they are in no curve: give onboarded_on in clients.csv",
    "inferred-onboarding": "are of clients whose start is a guess (agreement or list): confirm it in clients.csv",
    "no-billing": "are of clients whose billing is unknown, so they are in no comparison: give it in clients.csv",
}
UNSORTED = "could not be classified, so only the upper bound has them: see the suggestions above"
ASIDE = "of work were set aside, deleted rows and rows said twice apart: the reasons are above"
AGAIN = [
    "duplicate",
    "superseded",
    "total-row",
    "repeated-header",
    "deleted-entry",
    "deleted-ticket",
    "merged-ticket",
    "spam-ticket",
]  # reasons by which no work is lost


@dataclass(frozen=True)
class Missing:
    """What is missing, most costly first; `table` has code, hours, clients (list) and text."""

    table: pd.DataFrame

    @property
    def text(self) -> str:
        """A line for each."""
        return "\n".join(self.table["text"]) or "Nothing is missing."

    def summary(self) -> pd.DataFrame:
        """Return code and hours, rounded."""
        return self.table[["code", "hours"]].round(1)


def still_missing(work: Workspace) -> Missing:
    """Return what is still missing in a workspace, with the hours that it costs, most first.

    Parameters
    ----------
    work : Workspace

    Examples
    --------
    >>> still_missing(rhem.load("data/sample")).summary()  # doctest: +SKIP
    """
    hours, quarantine = work.account.table["hours"].astype(float), work.account.quarantine
    lost = quarantine.loc[~quarantine["reason"].isin(AGAIN), "hours"].sum()
    aside = (("unclassified", float(hours["unclassified"]), UNSORTED), ("quarantined", float(lost), ASIDE))
    rows: list[tuple] = [(code, h, [], f"{h:,.1f} hours {text}.") for code, h, text in aside if h]
    try:
        panel = measure(work)
    except NotEnoughData as problem:
        return Missing(_ordered([("no-time", hours["read"], [], str(problem)), *rows]))
    worked = panel[panel["reactive_hours"] != 0]
    held = {code: has_flag(worked, code) for code in LACKS}
    held["no-age"] = worked["age_start"].isna() & (worked["exposure"] > 0)
    held["inferred-onboarding"] &= ~held["no-age"]
    held["no-billing"] = worked["billing"].isna()
    for code, which in held.items():
        lost = worked[which].groupby("client")["reactive_hours"].sum().sort_values(ascending=False)
        if len(lost):
            months = worked.loc[which, "month"].dt.strftime("%Y-%m").unique().tolist()
            names = months if code == "carried-endpoints" else lost.index
            text = f"{lost.sum():,.1f} reactive hours {LACKS[code]} ({first_of(names, NAMED)})."
            rows.append((code, float(lost.sum()), lost.index.tolist(), text))
    return Missing(_ordered(rows))


def _ordered(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["code", "hours", "clients", "text"])
    return table.sort_values("hours", ascending=False, kind="stable", ignore_index=True)
