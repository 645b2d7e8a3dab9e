"""The account: where every row and hour went."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from rhem_lib import schema
from rhem_lib.exports import Cleaned
from rhem_lib.settings import Settings
from rhem_lib.workspace.data_warnings import by_client, warnings
from rhem_lib.workspace.rule_suggestions import suggestions


@dataclass(frozen=True)
class Account:
    """Where every row and hour went; `table` has a row per work class plus quarantined and read.

    `files`: path, profile, table, rows. `quarantine`: table, reason, rows, hours, examples, see. `warnings`:
    code, text, client, month. `suggestions`: text, toml, hours.
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
            f"{rows['read']:,} time entries with {read:,.2f} hours were read from "
            f"{_count(len(self.files), 'table')}. {rows['quarantined']:,} entries "
            f"({aside:,.2f} hours{': ' + why if why else ''}) were set aside, each with its reason. Of the "
            f"{read - aside:,.2f} hours kept, {hours['reactive']:,.2f} "
            f"({_share(hours['reactive'], read - aside)}) are reactive and {open_:,.2f} "
            f"({_share(open_, read - aside)}) could not be classified. {verdict}."
        )

    @property
    def balance(self) -> str:
        """The sum that must come out: hours read = hours by work class + hours set aside."""
        hours = self.table["hours"]
        shown = {name: f"{hours[name]:,.6f}".rstrip("0").rstrip(".") for name in hours.index}
        parts = [f"{shown[name]} {name}" for name in hours.index if name != "read" and hours[name]]
        return f"{shown['read']} hours read = {' + '.join(parts) or '0'}"

    @property
    def set_aside(self) -> str:
        """Each reason in words, with three places to look and the line that shows its rows; most hours first."""
        lines = []
        for row in self.quarantine.itertuples():
            meaning = f" ({schema.REASONS[row.reason]})" if row.reason in schema.REASONS else ""
            hours = f", {row.hours:,.2f} hours" if row.table == "time_entries" else ""
            lines.append(f"{row.reason}: {_count(row.rows, 'row')} of {row.table}{hours}{meaning}")
            lines += [f"    for example {row.examples}", f"    all of them: {row.see}"]
        return "\n".join(lines) or "Nothing was set aside."

    @property
    def advice(self) -> str:
        """Warnings, then what would settle most hours, each with the lines for rhem.toml."""
        lines = [f"Warning ({row.code}): {row.text}" for row in self.warnings.itertuples()]
        if lines:
            lines.append(f"`rhem help {self.warnings['code'].iloc[0]}` says what to do, and so for each code.")
        lines += [f"\nSuggestion: {row.text} In rhem.toml:\n{row.toml}" for row in self.suggestions.itertuples()]
        return "\n".join(lines).strip() or "No warning and no suggestion."

    def summary(self) -> pd.DataFrame:
        """Hours and rows per work class, rounded, with shares."""
        hours = self.table["hours"].astype(float)
        share = (100 * hours / hours["read"]).round(1) if hours["read"] else hours * float("nan")
        return pd.DataFrame({"rows": self.table["rows"], "hours": hours.round(2), "share_percent": share})

    def received(self) -> pd.DataFrame:
        """Files and rows per archive, system that was pulled from, or file, by profile and table."""
        pulled = r"(^exports/[^/]+)/\d{4}-\d\d-\d\dT\d{6}/.*"
        container = self.files["path"].str.replace(rf"(?:(\.zip)/.*|{pulled})", r"\1\2", regex=True)
        groups = self.files.assign(received=container).groupby(["received", "profile", "table"], sort=False)
        return groups.agg(files=("path", "size"), rows=("rows", "sum")).reset_index()

    def funnel(self) -> pd.DataFrame:
        """From rows read to rows kept: table, step, rows_in, rows_out, hours_in, hours_out."""
        steps = []
        read_rows = self.files.groupby("table", sort=False)["rows"].sum()
        for table, rows in read_rows.items():
            hours = float(self.table.loc["read", "hours"]) if table == "time_entries" else float("nan")
            for step in self.quarantine[self.quarantine["table"] == table].itertuples():
                after = (rows - step.rows, hours - step.hours)
                steps.append((table, f"without {step.reason}", rows, after[0], hours, after[1]))
                rows, hours = after
            steps.append((table, "kept", rows, rows, hours, hours))
        return pd.DataFrame(steps, columns=["table", "step", "rows_in", "rows_out", "hours_in", "hours_out"])

    def as_json(self) -> dict[str, Any]:
        """One object for scripts: files, hours, rows, quarantine, warnings, suggestions."""
        tables = {n: getattr(self, n) for n in ("files", "quarantine", "warnings", "suggestions")}
        records = {name: frame.to_dict("records") for name, frame in tables.items()}
        hours = {name: float(value) for name, value in self.table["hours"].items()}
        rows = {name: int(value) for name, value in self.table["rows"].items()}
        return {"files": records.pop("files"), "hours": hours, "rows": rows, **records}


def reconcile(facts: Cleaned, clients: pd.DataFrame, settings: Settings) -> Account:
    """Return the account of the tables; hours are summed as decimals so that the balance is exact.

    Parameters
    ----------
    facts : Cleaned
        Its time entries are classified.
    clients : DataFrame
        Table clients.
    """
    sums = facts.time_entries.aggregate("work_class, sum(hours::DECIMAL(28, 9)), count(*)").fetchall()
    table = pd.DataFrame({"hours": Decimal(0), "rows": 0}, index=[*schema.WORK_CLASSES, "quarantined", "read"])
    for work_class, hours, rows in sums:
        table.loc[work_class] = [hours, rows]
    known = by_client(facts)
    aside = (facts.quarantine["table"] == "time_entries").sum()
    table.loc["quarantined"] = [facts.hours_aside, aside]
    table.loc["read"] = [facts.hours_read, facts.rows_read]
    return Account(
        table=table.astype({"rows": int}).rename_axis("work_class"),
        files=facts.files.drop(columns=["note", "hidden"]),
        quarantine=_reasons(facts.quarantine),
        warnings=warnings(facts, clients, known, settings),
        suggestions=suggestions(facts, clients, known, settings),
    )


def _reasons(quarantine: pd.DataFrame) -> pd.DataFrame:
    """Rows and hours per table and reason, with three places to look and the line that shows them all."""
    keys = ["table", "reason"]
    if quarantine.empty:
        return pd.DataFrame(columns=[*keys, "rows", "hours", "examples", "see"])
    found = quarantine.groupby(keys, as_index=False).agg(rows=("source_row", "size"), hours=("hours", "sum"))
    first = quarantine.groupby(keys).head(3)
    places = first["source_file"].str.rsplit("/", n=1).str[-1] + ":" + first["source_row"].astype(str)
    values = " '" + first["value"].fillna("").str.split().str.join(" ") + "'"
    shown = first.assign(examples=places + values.where(first["value"].fillna("") != "", ""))
    found = found.merge(shown.groupby(keys, as_index=False)["examples"].agg(", ".join), on=keys)
    found["see"] = [
        f"work.quarantine.query(\"reason == '{row.reason}' and table == '{row.table}'\")"
        for row in found.itertuples()
    ]
    return found.sort_values(["hours", "rows"], ascending=False, ignore_index=True)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "none"
