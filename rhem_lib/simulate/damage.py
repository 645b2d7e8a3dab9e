"""Dirt in the exports of the made-up MSP, as real exports have it.

Damage adds rows, changes how a name is spelt, or overstates a row and takes it back, so that the hours kept are
those of the portfolio.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.simulate.export import CATCH_ALL, OWN_COMPANY, Cells, Export

DIRT_SHARE = {"none": 0.0, "some": 0.0075, "much": 0.05}  # of the time rows
# kind of damage: share of it; what a system cannot have is left out
_DAMAGE = {
    "duplicate": 0.24, "unreadable-hours": 0.12, "impossible-hours": 0.07, "impossible-date": 0.09,
    "no-date": 0.07, "no-client": 0.09, "catch-all": 0.10, "negative-correction": 0.08, "name-variant": 0.14,
    "running-timer": 0.05,
}  # fmt: skip
_HOURS = {"impossible-hours": [25.5, 36.0, 130.25, 480.0], "negative-correction": [-1.0]}
KEPT = ("catch-all", "negative-correction", "name-variant")


@dataclass(frozen=True)
class Soiled:
    """Export files with dirt, by archive; what was planted; aliases an analyst would add."""

    archives: dict[str, dict[str, pd.DataFrame]]
    damage: pd.DataFrame
    aliases: dict[str, list[str]]


def soil(export: Export, clients: pd.DataFrame, rng: np.random.Generator, dirt: str) -> Soiled:
    """Plant `_DAMAGE`, repeated headers and total rows, and list where (header is row 1)."""
    files, archives = sorted(export.facts["file"].unique()), dict(export.archives)
    rows = export.time.assign(
        _hours=export.facts["hours"], _file=export.facts["file"], _at=np.arange(len(export.time)) * 1.0, _kind=""
    )
    lost = rows.iloc[:0]
    if total := round(len(rows) * DIRT_SHARE[dirt]):
        free = rng.permutation(np.flatnonzero(export.facts["of_clients"] & (rows["_hours"] < 20)))
        many = {kind: max(1, round(total * share)) for kind, share in _DAMAGE.items() if kind in export.damage}
        picked = np.split(free, np.cumsum(list(many.values())))
        chosen = dict(zip(many, picked, strict=False))
        # These rows read as one hour more; the correction below each takes it back.
        over = rows.index[chosen["negative-correction"]]
        rows.loc[over, "_hours"] = (rows.loc[over, "_hours"] + 1).round(6)
        rows.loc[over, export.hours_column] = export.write_hours(rows.loc[over, "_hours"])
        added = [
            _damaged(kind, rows.iloc[pick], export, rng) for kind, pick in chosen.items() if kind != "name-variant"
        ]
        if export.names:
            lost = _soil_tickets(export, archives, many.get("name-variant", 0), rng)
        else:
            variant = rows.index[chosen["name-variant"]]
            rows.loc[variant, export.client_column] = _respell(rows.loc[variant, export.client_column], rng)
            rows.loc[variant, "_kind"] = "name-variant"
        new = pd.concat(added)
        fresh = (new["_kind"] != "duplicate").to_numpy()
        number = int(pd.to_numeric(rows[export.entry_column]).max()) + new["_kind"].ne("duplicate").cumsum()
        new[export.entry_column] = new[export.entry_column].where(~fresh, number.astype("str"))
        lines = _headers_and_totals(rows, export, rng, len(files) if dirt == "much" else -(-len(files) // 4))
        rows = pd.concat([rows, new, lines]).sort_values(["_file", "_at"], kind="stable", ignore_index=True)
    made = {name: rows.loc[rows["_file"] == name, list(export.time)] for name in files}
    rows["_row"] = rows.groupby("_file").cumcount() + 2
    damage = pd.concat([rows.assign(_archive=export.time_archive), lost])
    damage = damage.loc[damage["_kind"] != "", ["_archive", "_file", "_row", "_kind", "_hours"]]
    damage = damage.set_axis(["archive", "file", "row", "reason", "hours"], axis=1).reset_index(drop=True)
    damage = damage.astype({"row": int})
    damage.insert(3, "kind", np.where(damage["reason"].isin(KEPT), "kept", "quarantine"))
    archives = {export.time_archive: made, **archives}
    return Soiled(archives, damage, _aliases(export, clients, archives))


def _damaged(kind: str, source: pd.DataFrame, export: Export, rng: np.random.Generator) -> pd.DataFrame:
    """Copies of the rows with one thing wrong, to go below them in the same file."""
    new = source.assign(_kind=kind, _at=source["_at"] + 0.5 + rng.integers(0, 20, len(source)))
    if kind in _HOURS:
        new["_hours"] = np.resize(_HOURS[kind], len(new))
        new[export.hours_column] = export.write_hours(new["_hours"])
    elif kind in ("unreadable-hours", "running-timer"):
        new["_hours"] = np.nan
    choice: list[Cells] = export.damage[kind] or [{}]
    for column in choice[0]:
        new[column] = np.resize([cells[column] for cells in choice], len(new))
    return new


def _soil_tickets(
    export: Export, archives: dict[str, dict[str, pd.DataFrame]], variants: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Respell clients where tickets name them; add deleted and merged tickets without work."""
    archive, file, client = export.names or ("", "", "")
    tickets = archives[archive][file].reset_index(drop=True).assign(_kind="")
    of_clients = np.flatnonzero(~tickets[client].isin([OWN_COMPANY, CATCH_ALL]))
    variant = rng.permutation(of_clients)[:variants]
    tickets.loc[variant, client] = _respell(tickets.loc[variant, client], rng)
    tickets.loc[variant, "_kind"] = "name-variant"
    for reason, cells in export.lost_tickets.items():
        copy = tickets.iloc[rng.permutation(of_clients)[:2]].assign(_kind=reason, **cells)
        last = pd.to_numeric(tickets[export.ticket_column]).max()
        copy[export.ticket_column] = [str(last + i) for i in range(1, len(copy) + 1)]
        tickets = pd.concat([tickets, copy], ignore_index=True)
    archives[archive] = archives[archive] | {file: tickets.drop(columns="_kind")}
    return tickets.assign(_archive=archive, _file=file, _row=np.arange(len(tickets)) + 2, _hours=np.nan)


def _respell(names: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Return other spellings of client names: capitals, blanks, for up to three a comma and Inc."""
    formal = pd.Index(names.unique())[:3]
    way = pd.Series(rng.integers(0, 4, len(names)), names.index)
    out = names.str.upper().mask(way == 1, names.str.lower()).mask(way == 2, "  " + names + " ")
    out = out.mask(way == 3, names.str.replace(" ", "  "))
    return out.mask(names.isin(formal) & (way % 2 == 0), names + ", Inc.")


def _headers_and_totals(rows: pd.DataFrame, export: Export, rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Return repeated headers for some files and total rows for others; APIs give neither."""
    lines = []
    data, files = list(export.time), sorted(name for name in rows["_file"].unique() if name.endswith(".csv"))
    for kind in ("repeated-header", "total-row"):
        for name in rng.permutation(files)[:count]:
            inside = rows[rows["_file"] == name]
            if kind == "total-row":
                total = pd.Series([inside["_hours"].sum().round(6)])
                line = {data[0]: "Total", export.hours_column: export.write_hours(total)[0], "_hours": total[0]}
                line |= {"_at": len(rows) + 1000.0}
            else:
                line = dict(zip(data, data, strict=True)) | {"_at": rng.choice(inside["_at"]) + 0.25}
            lines.append(dict.fromkeys(data, "") | {"_file": name, "_kind": kind} | line)
    return pd.DataFrame(lines, columns=rows.columns).astype({"_hours": float})


def _aliases(
    export: Export, clients: pd.DataFrame, archives: dict[str, dict[str, pd.DataFrame]]
) -> dict[str, list[str]]:
    """Names that differ by more than case and blanks, per client."""
    archive, file, column = export.names or (export.time_archive, "", export.client_column)
    found = {name for label, table in archives[archive].items() if file in ("", label) for name in table[column]}
    aliases = {}
    for client, psa, rmm in clients[["client", "psa_name", "rmm_name"]].itertuples(index=False):
        names = [name for name in (psa, rmm) if name != client] + [f"{psa}, Inc."] * (f"{psa}, Inc." in found)
        if names:
            aliases[client] = names
    return aliases
