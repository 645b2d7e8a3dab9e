"""The account: where every row and hour went, what to be wary of, and what to settle first."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.clean import Cleaned

SHOWN_SUGGESTIONS = 12
USUAL_ENTRIES = 20  # below so many entries a month, a low count says nothing
COLLAPSE = 0.3


@dataclass(frozen=True)
class Account:
    """Where every row and hour went; `table` has a row per work class plus quarantined and read.

    `files`: path, profile, table, rows. `quarantine`: table, reason, rows, hours. `warnings`: code, text,
    client, month. `suggestions`: text, toml, hours.
    """

    table: pd.DataFrame
    files: pd.DataFrame
    quarantine: pd.DataFrame
    warnings: pd.DataFrame
    suggestions: pd.DataFrame

    @property
    def balanced(self) -> bool:
        """Whether hours and rows read equal the sum of the work classes and the quarantine, exactly."""
        parts = self.table.drop(index="read").sum()
        return bool((parts == self.table.loc["read"]).all())

    @property
    def text(self) -> str:
        """The account in three sentences."""
        hours, rows = self.table["hours"].astype(float), self.table["rows"]
        read, aside, open_ = hours["read"], hours["quarantined"], hours["unclassified"]
        most = self.quarantine.loc[self.quarantine["hours"] > 0, ["reason", "hours"]].head(2)
        why = ", ".join(f"{h:,.2f} as {reason}" for reason, h in most.itertuples(index=False))
        verdict = "Every entry is accounted for" if self.balanced else "THE ACCOUNT DOES NOT BALANCE"
        return (
            f"{rows['read']:,} time entries with {read:,.2f} hours were read from {len(self.files)} tables; "
            f"{hours['reactive']:,.2f} hours ({_share(hours['reactive'], read)}) are reactive. "
            f"{rows['quarantined']:,} entries ({aside:,.2f} hours{': ' + why if why else ''}) were set aside, "
            f"each with its reason, and "
            f"{open_:,.2f} hours ({_share(open_, read)}) could not be classified. {verdict}."
        )

    def summary(self) -> pd.DataFrame:
        """Hours and rows per work class, rounded, with shares."""
        hours = self.table["hours"].astype(float)
        share = (100 * hours / hours["read"]).round(1) if hours["read"] else hours * float("nan")
        return pd.DataFrame({"rows": self.table["rows"], "hours": hours.round(2), "share_percent": share})

    def received(self) -> pd.DataFrame:
        """Files and rows per archive (or file), profile and table."""
        container = self.files["path"].str.replace(r"(\.zip)/.*", r"\1", regex=True)
        groups = self.files.assign(received=container).groupby(["received", "profile", "table"], sort=False)
        return groups.agg(files=("path", "size"), rows=("rows", "sum")).reset_index()

    def as_json(self) -> dict[str, Any]:
        """One object for scripts: files, hours, rows, quarantine, warnings, suggestions."""
        tables = {n: getattr(self, n) for n in ("files", "quarantine", "warnings", "suggestions")}
        records = {name: frame.to_dict("records") for name, frame in tables.items()}
        hours = {name: float(value) for name, value in self.table["hours"].items()}
        rows = {name: int(value) for name, value in self.table["rows"].items()}
        return {"files": records.pop("files"), "hours": hours, "rows": rows, **records}


def reconcile(con: duckdb.DuckDBPyConnection, cleaned: Cleaned, clients: pd.DataFrame) -> Account:
    """Account of the classified entries in `con`; hours are summed as decimals so that the balance is exact."""
    sums = con.execute(
        "SELECT work_class, sum(hours::DECIMAL(18, 9)), count(*) FROM classified_entries GROUP BY work_class"
    ).fetchall()
    table = pd.DataFrame({"hours": Decimal(0), "rows": 0}, index=[*schema.WORK_CLASSES, "quarantined", "read"])
    for work_class, hours, rows in sums:
        table.loc[work_class] = [hours, rows]
    aside = cleaned.quarantine[cleaned.quarantine["table"] == "time_entries"]
    table.loc["quarantined"] = [cleaned.hours_aside, len(aside)]
    table.loc["read"] = [cleaned.hours_read, cleaned.rows_read]
    reasons = cleaned.quarantine.groupby(["table", "reason"], as_index=False)
    quarantine = reasons.agg(rows=("source_row", "size"), hours=("hours", "sum"))
    return Account(
        table=table.astype({"rows": int}).rename_axis("work_class"),
        files=cleaned.files,
        quarantine=quarantine.sort_values(["hours", "rows"], ascending=False, ignore_index=True),
        warnings=_warnings(con, clients),
        suggestions=_suggestions(con),
    )


def _warnings(con: duckdb.DuckDBPyConnection, clients: pd.DataFrame) -> pd.DataFrame:
    """What an analyst must know before believing a number, by client and month where it applies."""
    found: list[tuple[str, str, str, str]] = []
    counted = {name for (name,) in con.execute("SELECT DISTINCT client FROM endpoints").fetchall()}
    worked = dict(con.execute("SELECT client, sum(hours) FROM classified_entries WHERE work_class = 'reactive' "
                              "GROUP BY client").fetchall())  # fmt: skip
    for row in clients.itertuples():
        if row.client not in counted:
            hours = worked.get(row.client, 0.0)
            found.append(("no-endpoints", f"{row.client} has {hours:,.1f} reactive hours but no endpoint list, "
                          "so it has no RHEM.", row.client, ""))  # fmt: skip
        if row.onboarding_source != "clients":
            source = {"agreement": "its first agreement", "first snapshot": "its first endpoint snapshot"}
            stand_in = source.get(row.onboarding_source)
            text = f"taken from {stand_in}" if stand_in else "unknown, so its age is unknown"
            found.append(("onboarding-date", f"{row.client}: onboarding date {text}.", row.client, ""))
    months = con.execute("SELECT strftime(worked_on, '%Y-%m') AS month, count(*) FROM classified_entries "
                         "GROUP BY 1 ORDER BY 1").fetchall()  # fmt: skip
    counts = pd.Series({month: n for month, n in months}, dtype=float)
    if len(counts) > 1:
        counts = counts.reindex(
            pd.period_range(counts.index[0], counts.index[-1], freq="M").astype(str), fill_value=0
        )
    typical = counts.rolling(6, min_periods=3).median().shift(1)
    for month in counts.index[(typical >= USUAL_ENTRIES) & (counts < COLLAPSE * typical)]:
        text = f"{month} holds {counts[month]:,.0f} entries where {typical[month]:,.0f} are usual"
        found.append(("coverage", f"{text}: an export cut off is not an improvement.", "", month))
    return pd.DataFrame(found, columns=["code", "text", "client", "month"], dtype=str)


def _suggestions(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The values behind unclassified hours, most hours first, each with the rule that would settle it."""
    rows = con.execute(
        "SELECT board, type, work_type, sum(hours) AS hours FROM classified_entries "
        "WHERE work_class = 'unclassified' GROUP BY ALL ORDER BY hours DESC, board, type, work_type LIMIT ?",
        [SHOWN_SUGGESTIONS],
    ).fetchall()
    found = []
    for board, kind, work_type, hours in rows:
        when = {"board": board, "type": kind, "work_type": work_type}
        named = {column: value for column, value in when.items() if value is not None}
        if named:
            pairs = ", ".join(f'{column} = "{_toml(value)}"' for column, value in named.items())
            words = ", ".join(f"{column} '{value}'" for column, value in named.items())
            toml = f'[[rules]]\nwhen = {{ {pairs} }}\nwork_class = "reactive"  # or scheduled, project, ...'
            found.append((f"{hours:,.1f} hours with {words} match no rule.", toml, hours))
    return pd.DataFrame(found, columns=["text", "toml", "hours"])


def _toml(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"
