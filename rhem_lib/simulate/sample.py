"""A sample workspace with known truth: exports of a made-up MSP at the same door as real ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from rhem_lib.errors import OutputError, ParameterError, one_of
from rhem_lib.simulate.connectwise import connectwise
from rhem_lib.simulate.damage import DIRT_SHARE, Soiled, soil
from rhem_lib.simulate.export import CATCH_ALL, OWN_COMPANY, TIME_ZONE, Export, csv_text, write_zip
from rhem_lib.simulate.msp import BILLING_RATIO, Portfolio, make_portfolio, streams
from rhem_lib.simulate.work import WINDOW_END
from rhem_lib.storage import writing

Dirt = Literal["none", "some", "much"]


@dataclass(frozen=True)
class Truth:
    """What was put into a sample, as kept in truth.json.

    Attributes
    ----------
    population : dict
        start_h, floor_h, half_life_months: geometric means over the population the clients are drawn from.
    billing_ratio : float
        Half-life under a fixed fee / half-life otherwise.
    clients, table : DataFrame
        Per client the true curve; per client and month the true rate, exposure and what was drawn.
    hours : dict
        Hours in the files by work class, and `quarantined` and `read`.
    damage : DataFrame
        Every planted damage: archive, file, row (header is row 1), kind (quarantine or kept), reason, hours.
    """

    population: dict[str, float]
    billing_ratio: float
    clients: pd.DataFrame
    table: pd.DataFrame
    hours: dict[str, float]
    damage: pd.DataFrame

    @property
    def text(self) -> str:
        """What the sample holds, in one sentence."""
        p = self.population
        return (
            f"{len(self.clients)} clients whose reactive load falls from {p['start_h']:.2f} h toward"
            f" {p['floor_h']:.2f} h per endpoint per month with a half-life of {p['half_life_months']:.1f} months;"
            f" {self.hours['read']:,.0f} h in the files, {len(self.damage)} rows damaged or odd."
        )

    def summary(self) -> pd.DataFrame:
        """The true curve of each client, rounded."""
        keep = "client billing onboarded_on ended_on start_h floor_h half_life_months follows".split()
        return self.clients[keep].round({"start_h": 2, "floor_h": 2, "half_life_months": 1})

    def to_json(self) -> str:
        """The same as JSON, one record a line."""
        parts = [f'"{key}": {json.dumps(getattr(self, key))}' for key in ("population", "billing_ratio", "hours")]
        for name, table in (("clients", self.clients), ("panel", self.table), ("damage", self.damage)):
            records = ",\n".join(json.dumps(record) for record in _records(table))
            parts.append(f'"{name}": [\n{records}\n]')
        return "{\n" + ",\n".join(parts) + "\n}\n"


def portfolio(*, clients: int = 30, months: int = 30, seed: int = 2026) -> Portfolio:
    """Return the made-up MSP in memory; its last month is June 2026.

    Raises
    ------
    ParameterError
        Fewer than 1 client or month, or a negative seed.

    Examples
    --------
    >>> len(portfolio(clients=5, months=12, seed=1).clients)
    5
    """
    for name, value, least in (("clients", clients, 1), ("months", months, 1), ("seed", seed, 0)):
        if value < least:
            raise ParameterError(f"{name} is {value}, and must be at least {least}.")
    return make_portfolio(clients, months, seed)


def write_sample(
    folder: Path, *, clients: int = 30, months: int = 30, seed: int = 2026, dirt: Dirt = "some"
) -> Truth:
    """Write a workspace: exports, clients.csv, rhem.toml; and truth.json, which is never read.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; an earlier sample in it is replaced.
    clients, months, seed : int
        Size of the MSP; the last month is June 2026. Same seed, same bytes.
    dirt : none, some or much
        Share of time rows touched: 0, about 0.75% or about 5%. The work behind them does not change.

    Raises
    ------
    ParameterError
        An unknown amount of dirt, or too small a size.
    OutputError
        The folder has something else than a sample, or cannot be written.

    Examples
    --------
    >>> truth = write_sample(folder / "sample", clients=5, months=6, seed=1)
    >>> sorted(path.name for path in (folder / "sample").iterdir())
    ['clients.csv', 'exports', 'rhem.toml', 'truth.json']
    """
    msp = portfolio(clients=clients, months=months, seed=seed)
    return write_workspace(folder, msp, connectwise, seed=seed, dirt=dirt)


def write_workspace(
    folder: Path,
    msp: Portfolio,
    writer: Callable[..., Export],
    *,
    seed: int,
    dirt: Dirt = "some",
    text: Callable[[str, pd.DataFrame], str] = csv_text,
) -> Truth:
    """Write a made-up MSP as exports of one system by `writer`, tables as `text`."""
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "truth.json").is_file():
        fix = "Choose a new folder: a sample has a rhem.toml and a clients.csv of its own."
        raise OutputError("this folder is not empty, and no earlier sample.", where=str(folder), fix=fix)
    one_of(dirt, DIRT_SHARE, "dirt")
    export = writer(msp, untyped=dirt != "none")
    soiled = soil(export, msp.clients, streams(seed)["dirt"], dirt)
    truth = _truth(msp, soiled, dirt)
    listed = msp.clients[["client", "onboarded_on", "ended_on", "billing", "industry"]]
    texts = {
        "clients.csv": listed.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n"),
        "rhem.toml": _settings(soiled.aliases, export.settings),
        "truth.json": truth.to_json(),
    }
    with writing(folder):
        (folder / "exports").mkdir(parents=True, exist_ok=True)
        for name, files in soiled.archives.items():
            write_zip(folder / "exports" / name, {file: text(file, table) for file, table in files.items()})
        for name, content in texts.items():
            (folder / name).write_bytes(content.encode())
    return truth


def _truth(msp: Portfolio, soiled: Soiled, dirt: str) -> Truth:
    """Truth about the files as written: work without a ticket type is only there with dirt."""
    by_class = msp.entries.groupby("work_class")["hours"].sum().round(6).to_dict()
    panel, damage = msp.panel, soiled.damage
    if dirt == "none":
        by_class["unclassified"] = 0.0
        panel = panel.assign(unclassified_hours=0.0)
    of = damage.groupby("kind")["hours"].sum()
    caught = damage.loc[damage["reason"] == "catch-all", "hours"].sum()
    hours = {name: 0.0 for name in ("reactive", "scheduled", "project", "onboarding", "internal")} | by_class
    hours["excluded"] = round(float(hours.get("excluded", 0.0) + caught), 6)
    hours["quarantined"] = round(float(of.get("quarantine", 0.0)), 6)
    hours["read"] = round(sum(hours.values()), 6)
    clients = msp.clients.drop(columns=["code", "endpoints"])
    return Truth(msp.population, BILLING_RATIO, clients, panel, hours, damage)


def _settings(aliases: dict[str, list[str]], more: str) -> str:
    last = WINDOW_END - pd.Timedelta(days=1)
    lines = [
        f'name = "{OWN_COMPANY}"',
        f'time_zone = "{TIME_ZONE}"',
        f'own_company = ["{OWN_COMPANY}"]',
        f'catch_all = ["{CATCH_ALL}"]',
        'patch_categories = ["Maintenance"]',
        "",
        "[limits]",
        f"data_until = {last:%Y-%m-%d}  # the exports were taken on the day after",
        *more.splitlines(),
    ]
    for client, names in aliases.items():
        lines += ["", f"[clients.{json.dumps(client)}]", f"aliases = {json.dumps(names)}"]
    return "\n".join(lines) + "\n"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values: dates as text, missing as None, numbers to six decimals."""
    out = table.copy()
    for name in out.select_dtypes("datetime"):
        out[name] = out[name].dt.strftime("%Y-%m-%d")
    out = out.round(6).astype(object)
    return out.where(out.notna(), None).to_dict("records")
