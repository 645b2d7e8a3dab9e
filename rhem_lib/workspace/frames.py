"""A workspace: canonical tables in frames of any engine (pandas, polars, DuckDB, Spark), which stay there."""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import InputError, SettingsError, one_of
from rhem_lib.exports import Profile, inline
from rhem_lib.settings import Preset, Settings, changed_settings, masked, secret
from rhem_lib.workspace.reconciliation import Account
from rhem_lib.workspace.time_sources import uncovered_months
from rhem_lib.workspace.work_classes import TICKET_COLUMNS, classify, rules_for

NEEDED = {
    "time_entries": ("client", "worked_on", "hours", "ticket_id"),
    "endpoints": ("client", "as_of", "count"),
    "clients": ("client",),
}
# Settings that no file is read by and no entry is classified by.
LATE = {
    *"name hours_are language endpoint_kinds endpoint_weights contracted_endpoints business_hours".split(),
    *"patch_categories actions targets brand value".split(),
}


@dataclass(frozen=True)
class Workspace:
    """Settings, canonical tables, quarantine and account of one workspace, whatever engine holds its tables.

    Attributes
    ----------
    folder : Path
        Where files that the settings name are looked for.
    settings : Settings
    time_entries, tickets, endpoints : frames of one engine
        DuckDB relations from `load` (`.df()` turns them into pandas), or pandas, polars or Spark frames. Time
        entries are classified: they have the columns of their ticket, `work_class` and `rule`. `tickets` is None
        where the entries came with a work class of their own.
    clients, agreements, quarantine : DataFrame
    reconciled : callable
        Of the account.
    profiles : tuple of Profile
        Of the files read; their rules classify as well.
    files : Path or None
        Folder of the tables that are kept as files, for as long as a relation is in use.
    prepared : Path or None
        Folder that `load` opened the tables from, where `save` wrote them; a changed copy (`replace`) has none.
    again : callable or None
        Makes the workspace anew with other settings; see `with_settings`.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> work.tickets.filter("priority IS NOT NULL").df().columns[:2].tolist()
    ['ticket_id', 'client']
    """

    folder: Path
    settings: Settings
    time_entries: Any = field(repr=False)
    tickets: Any = field(repr=False)
    endpoints: Any = field(repr=False)
    clients: pd.DataFrame = field(repr=False)
    agreements: pd.DataFrame = field(repr=False)
    quarantine: pd.DataFrame = field(repr=False)
    reconciled: Callable[[], Account] = field(repr=False)
    profiles: tuple[Profile, ...] = field(default=(), repr=False)
    files: Path | None = field(default=None, repr=False)
    prepared: Path | None = field(default=None, init=False, repr=False)
    again: Callable[[Settings], "Workspace"] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def account(self) -> Account:
        """Where every row and hour went."""
        return self.reconciled()

    @cached_property
    def days(self) -> pd.DataFrame:
        """Days with time entries (worked_on), each once."""
        return to_pandas(nw.from_native(self.time_entries).lazy().group_by("worked_on").agg(nw.len()))

    @cached_property
    def uncovered(self) -> pd.DataFrame:
        """Client-months whose files are missing; see `uncovered_months`."""
        return uncovered_months(self.time_entries)

    @property
    def note(self) -> str:
        """The definitions in force, to show beside every number."""
        given = self.settings
        weights = {kind: f" (each as {w:g})" for kind, w in given.endpoint_weights.items() if w != 1}
        kinds = " and ".join(f"{kind}s{weights.get(kind, '')}" for kind in given.endpoint_kinds)  # type: ignore[call-overload]
        return (
            f"Hours are {given.hours_are}, on the day worked in {given.time_zone}. Reactive is what the preset "
            f"'{given.preset}' and the rules of rhem.toml say. Endpoints are {kinds} seen within "
            f"{given.limits.seen_within_days} days of the snapshot. Metric version {schema.METRIC_VERSION}."
        )

    @property
    def last_day(self) -> pd.Timestamp:
        """The last day with a time entry that is used; NaT without any."""
        last = self.days["worked_on"].max()
        until = self.settings.limits.data_until
        return pd.Timestamp(last) if until is None else min(pd.Timestamp(last), pd.Timestamp(until))

    def as_of(self, quarter: str) -> "Workspace":
        """Return the workspace as it was at a quarter's end, without what was worked or listed later.

        Raises
        ------
        ParameterError
            The quarter is not one.
        """
        _, end = schema.quarter_bounds(quarter)
        limits = self.settings.limits
        last = (end - pd.Timedelta(days=1)).date()
        until = {"data_until": min(limits.data_until or last, last)}
        settings = self.settings.model_copy(update={"limits": limits.model_copy(update=until)})
        cut = _cut(replace(self, settings=settings), last)
        object.__setattr__(cut, "prepared", self.prepared)
        vars(cut)["days"] = self.days[self.days["worked_on"] < end]
        return cut

    def with_settings(self, **changes: Any) -> "Workspace":
        """Return the workspace under other settings, as if they were in rhem.toml, which is left as it is.

        Parameters
        ----------
        **changes
            Keys of rhem.toml: preset="incidents", endpoint_weights={"server": 2}, limits={"seen_within_days": 60}.
            A section keeps the keys that are not given. What the files are read or the entries classified by
            (rules, time_zone, files, ...) reads them again.

        Raises
        ------
        SettingsError
            A key is unknown (the nearest is named), or a value cannot be used.

        Examples
        --------
        >>> import rhem_lib as rhem
        >>> work = rhem.load("data/sample")
        >>> servers = work.with_settings(endpoint_weights={"server": 2.0})
        >>> rhem.pooled_rhem(rhem.measure(servers)) < rhem.pooled_rhem(rhem.measure(work))
        True
        """
        settings = changed_settings(self.settings, changes)
        if self.again is None or changes.keys() <= LATE:
            return replace(self, settings=settings)
        made, until = self.again(settings), settings.limits.data_until
        return _cut(made, until) if until else made

    def classified(self, preset: Preset) -> Any:
        """Return the time entries under another preset.

        Raises
        ------
        ParameterError
            There is no such preset.
        InputError
            The entries came with a work class of their own.
        """
        rules = rules_for(self.settings, self.profiles, preset)
        if self.tickets is None:
            raise InputError("entries with a work class of their own have no presets.", where="table tickets")
        entries = nw.from_native(self.time_entries).drop(*TICKET_COLUMNS, "work_class", "rule")
        return classify(entries.to_native(), self.tickets, rules, preset)


def _cut(work: Workspace, last: dt.date) -> Workspace:
    """Return the workspace without what was worked or listed after a day."""
    end = pd.Timestamp(last) + pd.Timedelta(days=1)
    entries, endpoints = _before(work.time_entries, "worked_on", end), _before(work.endpoints, "as_of", end)
    return replace(work, time_entries=entries, endpoints=endpoints)


def _before(frame: Any, column: str, end: pd.Timestamp) -> Any:
    """Return the rows before a day, in the frame's own engine."""
    return nw.from_native(frame).filter(nw.col(column) < end.to_pydatetime()).to_native()


def from_frames(settings: Settings, frames: dict[str, Any], folder: Path = Path()) -> Workspace:
    """Return a workspace of frames by canonical name (schema.py), which are taken as they are.

    Parameters
    ----------
    settings : Settings
        Its rules and preset classify the entries, unless these have a `work_class` already.
    frames : dict of frames
        time_entries, tickets and endpoints are of one engine and stay there. Without tickets the entries must be
        classified. Columns that a table may leave empty may be missing; agreements too.
    folder : Path
        Where files that the settings name are looked for; the current folder by default.

    Raises
    ------
    ParameterError
        A frame has the name of no canonical table.
    InputError
        A table, column or cell that is needed is missing, or a work class is unknown.
    """
    for name in frames:
        one_of(name, schema.TABLES, "frames")
    entries, tickets, endpoints = large_tables(settings, frames)
    clients = to_pandas(_completed("clients", frames.get("clients")))
    agreements = pd.DataFrame(columns=schema.columns("agreements"))
    if "agreements" in frames:
        agreements = to_pandas(_with_missing(frames["agreements"], _dtypes("agreements")))
    quarantine = pd.DataFrame(columns=schema.columns("quarantine"), dtype=str).astype({"hours": float})
    days = _days(_completed("time_entries", frames["time_entries"]))
    counted = {name: frame for name, frame in frames.items() if name != "quarantine"}
    work = Workspace(
        folder, settings, entries, tickets, endpoints, _served(clients, settings),
        schema.check(agreements, "agreements"), quarantine, lambda: _account(entries, counted, clients),
        again=lambda other: from_frames(other, frames, folder),
    )  # fmt: skip
    vars(work)["days"] = days
    return work


def large_tables(settings: Settings, frames: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return classified time entries, tickets (None if the entries came classified) and endpoints, completed."""
    entries, endpoints = (_completed(name, frames.get(name)) for name in ("time_entries", "endpoints"))
    if "work_class" in nw.from_native(entries).collect_schema().names():
        entries = _with_missing(entries, {c: "str" for c in (*TICKET_COLUMNS, "rule")})
        return entries, None, endpoints
    tickets = _completed("tickets", frames.get("tickets"))
    entries = classify(entries, tickets, rules_for(settings, (), settings.preset), settings.preset)
    if hasattr(entries, "persist"):  # Spark would read and classify again for every question asked of them
        entries = entries.persist()
    return entries, tickets, endpoints


def _days(entries: Any) -> pd.DataFrame:
    """Return the days with entries of a frame, once its cells are found to be there: nothing is set aside."""
    rows, needed = nw.from_native(entries).lazy(), NEEDED["time_entries"][:3]
    classed = [name for name in ("work_class",) if name in rows.collect_schema().names()]
    empty = nw.any_horizontal(*(nw.col(name).is_null() for name in needed), ignore_nulls=True)
    rows = rows.with_columns(empty=nw.when(empty).then(nw.lit(1)).otherwise(nw.lit(0)))
    found = to_pandas(rows.group_by("worked_on", *classed).agg(nw.col("empty").sum()))
    if found["empty"].any():
        raise InputError("a cell that is needed is empty.", where="table time_entries",
                         count=int(found["empty"].sum()), fix=f"Fill {', '.join(needed)}.")  # fmt: skip
    unknown = set(found["work_class"]) - {*schema.WORK_CLASSES} if classed else set()
    if unknown:
        where, fix = "table time_entries, column 'work_class'", f"Known: {', '.join(schema.WORK_CLASSES)}."
        raise InputError("a work class is unknown.", where=where, examples=sorted(map(str, unknown)), fix=fix)
    return found[["worked_on"]].drop_duplicates(ignore_index=True)


def _account(entries: Any, frames: dict[str, Any], clients: pd.DataFrame) -> Account:
    """Return where the hours of frames went."""
    sums = nw.col("hours").sum(), nw.len().alias("rows")
    found = to_pandas(nw.from_native(entries).lazy().group_by("client", "work_class").agg(*sums))
    table = found.groupby("work_class")[["hours", "rows"]].sum().reindex([*schema.WORK_CLASSES, "quarantined"])
    table = table.fillna(0).astype({"rows": int})
    table["hours"] = [Decimal(repr(round(hours, 9))) for hours in table["hours"].tolist()]
    table.loc["read"] = [sum(table["hours"]), int(found["rows"].sum())]
    counts = {name: len(clients) if name == "clients" else _length(frame) for name, frame in frames.items()}
    files = pd.DataFrame({"path": [*counts], "profile": "canonical", "table": [*counts], "rows": counts.values()})
    lost = found[~found["client"].isin(clients["client"])]
    text = (
        f"{lost['rows'].sum():,} time entries ({lost['hours'].sum():,.1f} hours) are of clients that the table "
        f"clients does not list, so they are in no panel: {', '.join(sorted(lost['client'].unique())[:5])}."
    )
    warnings = [("unknown-client", text, "", "")] if len(lost) else []
    quarantine = pd.DataFrame(columns=["table", "reason", "rows", "hours", "examples", "see"], dtype=str)
    return Account(
        table=table.rename_axis("work_class"),
        files=files,
        quarantine=quarantine.astype({"rows": int, "hours": float}),
        warnings=pd.DataFrame(warnings, columns=["code", "text", "client", "month"], dtype=str),
        suggestions=pd.DataFrame(columns=["text", "toml", "hours"], dtype=str).astype({"hours": float}),
    )


def _length(frame: Any) -> int:
    return int(to_pandas(nw.from_native(frame).lazy().select(nw.len().alias("rows")))["rows"].iloc[0])


def open_spark(settings: Settings, folder: Path = Path()) -> Workspace:
    """Return the workspace whose canonical tables live in Spark, by the names in rhem.toml; the large stay there.

    Raises
    ------
    SettingsError
        rhem.toml has no [engine], Spark is not installed, or cannot be reached there.
    """
    return from_frames(settings, spark_tables(settings), folder)


def spark_tables(settings: Settings) -> dict[str, Any]:
    """Return the tables named in [engine] as Spark frames; see `open_spark`."""
    engine = settings.engine
    if engine is None:
        raise SettingsError("there is no [engine] to read tables from.", where="rhem.toml")
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise SettingsError(
            "Spark is not installed.", where="rhem.toml, [engine]", fix="pip install 'rhem[spark]'; it needs Java."
        ) from None
    builder, token = SparkSession.builder, secret(engine.token)
    address = f"{engine.spark.rstrip('/;')}/;token={token}" if token else engine.spark
    remote = engine.spark.startswith("sc://")
    try:
        with _quiet():
            session = (builder.remote(address) if remote else builder.master(address)).getOrCreate()
        return {name: session.table(table) for name, table in engine.tables.items()}
    except PySparkException as problem:
        reason = masked(str(problem).splitlines()[0], token)
        raise SettingsError(
            f"Spark at '{masked(engine.spark)}' cannot be used: {reason}.", where="rhem.toml, [engine]"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log of a Java machine that starts here out of notebooks: it names this computer."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def spark_state(settings: Settings) -> list[str]:
    """Return rows and a hash of each table in Spark, which changes if a row does; nothing without an [engine]."""
    if settings.engine is None:
        return []
    from pyspark.sql import functions as f

    state = []
    for name, table in sorted(spark_tables(settings).items()):
        columns = sorted(table.columns)
        row = f.xxhash64(*columns).cast("decimal(38, 0)")  # a sum of them does not depend on the order of rows
        state.append(f"{name} {columns} {table.select(f.count('*'), f.sum(row)).first()}")
    return state


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
        return native.query("large", inline(small)).materialize().set_alias("small")
    if engine.is_spark_like():
        return native.sparkSession.createDataFrame(small)
    if engine.is_polars():
        polars = nw.from_native(small, eager_only=True).to_polars()
        return polars.lazy() if hasattr(native, "collect") else polars
    return small


def kept(frame: Any) -> Any:
    """Return the frame with its rows worked out now, where DuckDB would do so anew for every question."""
    native = nw.to_native(frame, pass_through=True)
    return native.materialize() if hasattr(native, "materialize") else native


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
