"""Canonical tables in frames of any engine: pandas, polars, DuckDB, Spark; only the panel comes back to pandas."""

from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import InputError, SettingsError, one_of
from rhem_lib.settings import Preset, Settings
from rhem_lib.workspace.classify import TICKET_COLUMNS, classify, rules_for

NEEDED = {
    "time_entries": ("client", "worked_on", "hours", "ticket_id"),
    "endpoints": ("client", "as_of", "count"),
    "clients": ("client",),
}


@dataclass(frozen=True)
class Tables:
    """What `measure` needs where there is no workspace folder: large tables in one engine, small ones in pandas.

    `time_entries` are classified: they have the columns of their ticket, `work_class` and `rule`.
    """

    settings: Settings
    time_entries: Any = field(repr=False)
    tickets: Any = field(repr=False)
    endpoints: Any = field(repr=False)
    clients: pd.DataFrame = field(repr=False)
    agreements: pd.DataFrame = field(repr=False)

    def classified(self, preset: Preset) -> Any:
        """Time entries under another preset."""
        if self.tickets is None:
            raise InputError("entries with a work class of their own have no presets.", where="table tickets")
        entries = nw.from_native(self.time_entries).drop(*TICKET_COLUMNS, "work_class", "rule")
        return classify(entries.to_native(), self.tickets, rules_for(self.settings, (), preset), preset)


def from_frames(settings: Settings, frames: dict[str, Any]) -> Tables:
    """Tables from frames by canonical name (schema.py).

    Parameters
    ----------
    settings : Settings
        Its rules and preset classify the entries, unless these have a `work_class` already.
    frames : dict of frames
        time_entries, tickets and endpoints are of one engine and stay there. Without tickets the entries must be
        classified. Columns that a table may leave empty may be missing; agreements too.

    Raises
    ------
    InputError
        A table or column that is needed is missing.
    """
    for name in frames:
        one_of(name, schema.TABLES, "frames")
    entries, endpoints, clients = (_completed(name, frames.get(name)) for name in NEEDED)
    tickets = frames.get("tickets")
    names = nw.from_native(entries).collect_schema().names()
    if "work_class" in names:
        tickets = None
        entries = _with_missing(entries, {c: "str" for c in TICKET_COLUMNS})
    else:
        tickets = _completed("tickets", tickets)
        entries = classify(entries, tickets, rules_for(settings, (), settings.preset), settings.preset)
    agreements = pd.DataFrame(columns=schema.columns("agreements"))
    if "agreements" in frames:
        agreements = to_pandas(_with_missing(frames["agreements"], _dtypes("agreements")))
    people = _served(to_pandas(clients), settings)
    return Tables(settings, entries, tickets, endpoints, people, schema.check(agreements, "agreements"))


def open_spark(settings: Settings) -> Tables:
    """Canonical tables that live in Spark, by the names in rhem.toml; nothing but results leaves it.

    Raises
    ------
    SettingsError
        rhem.toml has no [engine], Spark is not installed, or cannot be reached there.
    """
    engine = settings.engine
    if engine is None:
        raise SettingsError("there is no [engine] to read tables from.", where="rhem.toml")
    try:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder
        remote = engine.spark.startswith("sc://")
        session = (builder.remote(engine.spark) if remote else builder.master(engine.spark)).getOrCreate()
        frames: dict[str, Any] = {name: session.table(table) for name, table in engine.tables.items()}
    except ImportError:
        raise SettingsError(
            "Spark is not installed.", where="rhem.toml, [engine]", fix="pip install 'rhem[spark]'; it needs Java."
        ) from None
    return from_frames(settings, frames)


def to_pandas(frame: Any) -> pd.DataFrame:
    """Collect a frame of any engine, dates in microseconds; a column without any value is text."""
    native = nw.to_native(frame, pass_through=True)
    table = native.df() if hasattr(native, "df") else nw.from_native(native).lazy().collect("pandas").to_native()
    kinds = {name: "datetime64[us]" for name in table.select_dtypes("datetime").columns}
    empty = [name for name in table if pd.api.types.is_object_dtype(table[name]) and table[name].isna().all()]
    return table.astype(kinds | dict.fromkeys(empty, "str"))


def alongside(frame: Any, small: pd.DataFrame) -> Any:
    """A small pandas table as a frame of the engine, and in the session, of a large one."""
    native = nw.to_native(frame, pass_through=True)
    engine = nw.from_native(native).implementation
    if engine.is_duckdb():
        return native.query("large", "SELECT * FROM small").set_alias("small")
    if engine.is_spark_like():
        return native.sparkSession.createDataFrame(small)
    if engine.is_polars():
        polars = nw.from_native(small, eager_only=True).to_polars()
        return polars.lazy() if hasattr(native, "collect") else polars
    return small


def _dtypes(table: str) -> dict[str, str]:
    """Columns of a table that say something of the row itself, not of the file it came from."""
    known = schema.TABLES[table].items()
    return {name: column.kind for name, column in known if not name.startswith("source_")}


def _completed(table: str, frame: Any) -> Any:
    """The frame with all canonical columns; those that may be empty are empty where they are missing."""
    if frame is None:
        raise InputError(f"the table {table} is missing.", where="frames")
    names = nw.from_native(frame).collect_schema().names()
    missing = [name for name in NEEDED.get(table, ("ticket_id",)) if name not in names]
    if missing:
        raise InputError("a column that is needed is missing.", where=f"table {table}", examples=missing)
    return _with_missing(frame, _dtypes(table))


def _with_missing(frame: Any, dtypes: dict[str, str]) -> Any:
    kinds: dict[str, Any] = {"datetime64": nw.Datetime("us"), "float64": nw.Float64}
    rows = nw.from_native(frame)
    names = rows.collect_schema().names()
    typed = {name: kinds.get(kind.split("[")[0], nw.String) for name, kind in dtypes.items()}
    made = [nw.lit("workstation" if name == "kind" else None).cast(kind).alias(name)
            for name, kind in typed.items() if name not in names]  # fmt: skip
    dated = [
        nw.col(name).cast(kind) for name, kind in typed.items() if name in names and "datetime" in dtypes[name]
    ]
    return rows.with_columns(*made, *dated).to_native()


def _served(clients: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Clients that count, with their extra columns; a date that is given is taken as stated."""
    apart = {*settings.own_company, *settings.catch_all}
    apart |= {name for name, given in settings.clients.items() if given.exclude}
    clients = clients[~clients["client"].isin(apart)].reset_index(drop=True)
    stated = clients["onboarded_on"].notna().map({True: "clients", False: "unknown"})
    clients["onboarding_source"] = clients["onboarding_source"].where(clients["onboarding_source"].notna(), stated)
    known = schema.check(clients.reindex(columns=schema.columns("clients")), "clients")
    return known.assign(**{name: clients[name] for name in clients.columns.difference(known.columns)})
