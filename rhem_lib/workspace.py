"""A workspace folder -> canonical tables, classified, with the account that reconciles to the last entry."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.account import Account, reconcile
from rhem_lib.classify import LabelledRule, classify, rules_for
from rhem_lib.clean import clean
from rhem_lib.clients import agreement_table, client_table, unify
from rhem_lib.files import connect
from rhem_lib.profiles import Profile, read_profiles
from rhem_lib.read import read_exports
from rhem_lib.settings import Preset, Settings, read_settings


@dataclass(frozen=True)
class Workspace:
    """Settings, canonical tables, quarantine and account of one workspace.

    `time_entries` (classified: with the ticket's columns, `work_class` and `rule`), `tickets` and `endpoints` are
    DuckDB relations, which `.df()` turns into pandas; `clients`, `agreements` and `quarantine` are pandas frames.
    """

    folder: Path
    settings: Settings
    time_entries: duckdb.DuckDBPyRelation = field(repr=False)
    tickets: duckdb.DuckDBPyRelation = field(repr=False)
    endpoints: duckdb.DuckDBPyRelation = field(repr=False)
    clients: pd.DataFrame = field(repr=False)
    agreements: pd.DataFrame = field(repr=False)
    quarantine: pd.DataFrame = field(repr=False)
    account: Account = field(repr=False)
    profiles: tuple[Profile, ...] = field(repr=False)
    connection: duckdb.DuckDBPyConnection = field(repr=False)

    @property
    def note(self) -> str:
        """The definitions in force, to stand beside every number."""
        given = self.settings
        weights = {kind: f" (each as {w:g})" for kind, w in given.endpoint_weights.items() if w != 1}
        kinds = " and ".join(f"{kind}s{weights.get(kind, '')}" for kind in given.endpoint_kinds)  # type: ignore[call-overload]
        return (
            f"Hours are {given.hours_are}, on the day worked in {given.time_zone}. Reactive is what the preset "
            f"'{given.preset}' and the rules of rhem.toml say. Endpoints are {kinds} seen within "
            f"{given.limits.seen_within_days} days of the snapshot. Metric version {schema.METRIC_VERSION}."
        )

    def classified(self, preset: Preset) -> duckdb.DuckDBPyRelation:
        """Time entries under another preset."""
        rules = rules_for(self.settings, self.profiles, preset)
        entries = self.time_entries.select(", ".join(schema.columns("time_entries")))
        return classify(entries, self.tickets, rules, preset)


def load(folder: str | Path) -> Workspace:
    """Read, clean and classify everything in a workspace folder.

    Raises
    ------
    SettingsError
        rhem.toml is missing or says something that cannot be followed.
    InputError
        A file cannot be used; the message names it and what to do.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    con = connect()
    with tempfile.TemporaryDirectory(prefix="rhem-") as scratch:
        raws = read_exports(con, folder, settings, read_profiles(folder), Path(scratch))
        cleaned = clean(con, raws, settings)
    tables = unify(con, cleaned, settings)
    agreements = agreement_table(tables)
    clients = client_table(tables, agreements, settings)
    profiles = tuple({raw.profile.name: raw.profile for raw in raws}.values())
    work = _classified_table(con, tables, rules_for(settings, profiles, settings.preset), settings.preset)
    return Workspace(
        folder, settings, work, tables["tickets"], tables["endpoints"], clients, agreements, cleaned.quarantine,
        reconcile(con, cleaned, clients), profiles, con,
    )  # fmt: skip


def _classified_table(
    con: duckdb.DuckDBPyConnection,
    tables: dict[str, duckdb.DuckDBPyRelation],
    rules: Sequence[LabelledRule],
    preset: Preset,
) -> duckdb.DuckDBPyRelation:
    classify(tables["time_entries"], tables["tickets"], rules, preset).create("classified_entries")
    con.execute("DROP TABLE typed_time_entries")
    return con.table("classified_entries")
