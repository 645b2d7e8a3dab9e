"""Dirt in the exports of the made-up MSP, as real exports have it.

Damage adds rows, changes how a name is spelt, or overstates a row and takes it back, so that the hours kept are
those of the book.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.simulate_export import CATCH_ALL, OWN_COMPANY, Export

DIRT_SHARE = {"none": 0.0, "some": 0.0075, "much": 0.05}  # of the time rows
# kind of damage: share of it
_DAMAGE = {
    "duplicate": 0.24, "unreadable-hours": 0.12, "impossible-hours": 0.07, "impossible-date": 0.09,
    "no-date": 0.07, "no-client": 0.09, "catch-all": 0.10, "negative-correction": 0.08, "name-variant": 0.14,
}  # fmt: skip
KEPT = ("catch-all", "negative-correction", "name-variant")


@dataclass(frozen=True)
class Soiled:
    """Time rows with dirt: files to write, the list of what was planted, and aliases an analyst would add."""

    files: dict[str, pd.DataFrame]
    damage: pd.DataFrame
    aliases: dict[str, list[str]]


def soil(export: Export, clients: pd.DataFrame, rng: np.random.Generator, dirt: str) -> Soiled:
    """Plant the damage of `_DAMAGE`, repeated headers and total rows; say where each stands (header is row 1)."""
    role, files = export.roles, sorted(export.members.unique())
    rows = export.time.assign(_file=export.members, _at=np.arange(len(export.time)) * 1.0, _kind="", _reason="")
    total = round(len(rows) * DIRT_SHARE[dirt])
    if total:
        hours = pd.to_numeric(rows[role["hours"]])
        free = rng.permutation(np.flatnonzero((rows[role["client"]] != OWN_COMPANY) & (hours < 20)))
        many = {kind: max(1, round(total * share)) for kind, share in _DAMAGE.items()}
        chosen = dict(zip(many, np.split(free, np.cumsum(list(many.values())))[:-1], strict=True))
        # These rows read as one hour more; the correction below each takes it back.
        over = rows.index[chosen["negative-correction"]]
        rows.loc[over, role["hours"]] = (hours[over] + 1).map("{:.2f}".format)
        added = [
            _damaged(kind, rows.iloc[pick], role, rng) for kind, pick in chosen.items() if kind != "name-variant"
        ]
        variant = rows.index[chosen["name-variant"]]
        rows.loc[variant, role["client"]] = _respell(rows.loc[variant, role["client"]], rng)
        rows.loc[variant, "_kind"] = "name-variant"
        new = pd.concat(added)
        fresh = (new["_kind"] != "duplicate").to_numpy()
        number = int(pd.to_numeric(rows[role["entry"]]).max()) + new["_kind"].ne("duplicate").cumsum()
        new[role["entry"]] = new[role["entry"]].where(~fresh, number.astype("str"))
        lines = _headers_and_totals(rows, files, role, rng, len(files) if dirt == "much" else -(-len(files) // 4))
        rows = pd.concat([rows, new, lines]).sort_values(["_file", "_at"], kind="stable", ignore_index=True)
    rows["_row"] = rows.groupby("_file").cumcount() + 2
    damage = rows.loc[rows["_kind"] != "", ["_file", "_row", "_kind", role["hours"]]]
    damage = damage.set_axis(["file", "row", "reason", "hours"], axis=1).reset_index(drop=True)
    damage["hours"] = pd.to_numeric(damage["hours"], errors="coerce")
    damage.insert(0, "archive", export.time_archive)
    damage.insert(3, "kind", np.where(damage["reason"].isin(KEPT), "kept", "quarantine"))
    made = {name: rows.loc[rows["_file"] == name, list(export.time)] for name in files}
    return Soiled(made, damage, _aliases(clients, rows[role["client"]]))


def _damaged(kind: str, source: pd.DataFrame, role: dict[str, str], rng: np.random.Generator) -> pd.DataFrame:
    """Copies of the rows with one thing wrong, to stand below them in the same file."""
    new = source.assign(_kind=kind, _at=source["_at"] + 0.5 + rng.integers(0, 20, len(source)))
    values = {
        "unreadable-hours": ("hours", ["n/a", ""]),
        "impossible-hours": ("hours", ["25.50", "36.00", "130.25", "480.00"]),
        "impossible-date": ("date", ["1899-12-30", "2099-01-01"]),
        "no-date": ("date", [""]),
        "no-client": ("client", [""]),
        "catch-all": ("client", [CATCH_ALL]),
        "negative-correction": ("hours", ["-1.00"]),
    }
    if kind in values:
        column, choice = values[kind]
        new[role[column]] = np.resize(choice, len(new))
    if kind in ("no-client", "catch-all"):
        new[role["ticket"]] = ""
    return new


def _respell(names: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Other spellings of client names: capitals, blanks, and for up to three clients a comma and Inc."""
    formal = pd.Index(names.unique())[:3]
    way = pd.Series(rng.integers(0, 4, len(names)), names.index)
    out = names.str.upper().mask(way == 1, names.str.lower()).mask(way == 2, "  " + names + " ")
    out = out.mask(way == 3, names.str.replace(" ", "  "))
    return out.mask(names.isin(formal) & (way % 2 == 0), names + ", Inc.")


def _headers_and_totals(
    rows: pd.DataFrame, files: list[str], role: dict[str, str], rng: np.random.Generator, count: int
) -> pd.DataFrame:
    """A repeated header line in some files and a total row at the end of others."""
    lines = []
    data = [name for name in rows if not name.startswith("_")]
    for kind in ("repeated-header", "total-row"):
        for name in rng.permutation(files)[:count]:
            inside = rows[rows["_file"] == name]
            if kind == "total-row":
                total = pd.to_numeric(inside[role["hours"]]).sum()
                line = {data[0]: "Total", role["hours"]: f"{total:.2f}", "_at": len(rows) + 1000.0}
            else:
                line = dict(zip(data, data, strict=True)) | {"_at": rng.choice(inside["_at"]) + 0.25}
            lines.append(dict.fromkeys(data, "") | {"_file": name, "_kind": kind} | line)
    return pd.DataFrame(lines, columns=rows.columns)


def _aliases(clients: pd.DataFrame, spelt: pd.Series) -> dict[str, list[str]]:
    """Names that differ by more than case and blanks, per client."""
    found = set(spelt)
    aliases = {}
    for client, psa, rmm in clients[["client", "psa_name", "rmm_name"]].itertuples(index=False):
        names = [name for name in (psa, rmm) if name != client] + [f"{psa}, Inc."] * (f"{psa}, Inc." in found)
        if names:
            aliases[client] = names
    return aliases
