"""What patch windows cost: reactive work in the two days after them, inside against outside business hours.

A client is compared with itself: the work after a window with what the same hours of the week bring
that client when no window went before. So neither a busy client nor a quiet weekend decides.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.errors import InputError
from rhem_lib.metric.business_hours import WorkingTime, calendars, instants, public_holidays, timed_work
from rhem_lib.metric.causes import DAYS
from rhem_lib.workspace import Workspace, to_pandas

AFTER_HOURS = 48
ONE_WINDOW_HOURS = 12  # entries closer than this belong to one window
FILE = "patch_windows.csv"
KINDS = ("category", "subcategory", "type")
FEWEST = 5  # windows on either side
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PatchEffect:
    """Reactive work in the 48 hours after patch windows.

    Attributes
    ----------
    table : DataFrame, indexed by window (in business hours, out of business hours)
        windows, hours, usual_hours (of the same hours of the week), ratio, low, high (95%).
    ratio, low, high : float
        Ratio of the two ratios; NaN with fewer than FEWEST windows on either side.
    windows : DataFrame, one row per window
        client, start [hours since 1970 UTC], inside (business hours).
    """

    table: pd.DataFrame
    ratio: float
    low: float
    high: float
    windows: pd.DataFrame

    def disturbing(self, client: str, start: pd.Timestamp, end: pd.Timestamp) -> int:
        """Windows of a client in business hours in a span of time; 0 unless these bring more work beyond doubt.

        One comparison speaks for all clients, so it must hold at three standard errors in place of two.
        """
        if not self.ratio > (self.ratio / self.low) ** 1.5:
            return 0
        at = pd.to_datetime(self.windows["start"], unit="h")
        mine = self.windows["inside"] & (self.windows["client"] == client)
        return int((mine & (at >= start) & (at < end)).sum())

    @property
    def text(self) -> str:
        """What windows in business hours cost against those outside."""
        if self.table.empty:
            return f"No patch window is known: give {FILE} (client, start, end), or patch_categories in rhem.toml."
        counts = "; ".join(
            f"{row.windows} windows {row.Index}, followed by {row.hours:,.1f} reactive hours where "
            f"{row.usual_hours:,.1f} are usual"
            for row in self.table.itertuples()
        )
        if not np.isfinite(self.ratio):
            return f"{counts}. Too few to compare."
        sure = "more" if self.low > 1 else "less" if self.high < 1 else "neither clearly more nor less"
        return (
            f"{counts}. In the {AFTER_HOURS} hours after them, windows in business hours bring {sure} reactive "
            f"work than the others: {self.ratio:.2f} times as much (95% interval {self.low:.2f} to "
            f"{self.high:.2f})."
        )

    def summary(self) -> pd.DataFrame:
        """The table, rounded."""
        return self.table.round({"hours": 1, "usual_hours": 1, "ratio": 2, "low": 2, "high": 2})


def patch_windows(work: Workspace) -> pd.DataFrame:
    """Patch windows: client, start and end [hours since 1970 UTC].

    From patch_windows.csv in the workspace (client, start and, if known, end in the MSP's time zone), else from
    scheduled entries whose category, subcategory or ticket type is one of the `patch_categories` of rhem.toml.
    """
    path = work.folder / FILE
    if path.is_file():
        table = _from_file(path)
        spelling = {name.lower(): name for name in work.clients["client"]}
        table["client"] = table["client"].str.strip().str.lower().map(spelling)
        table = table.dropna(subset=["client"])
    else:
        wanted = [name.lower() for name in work.settings.patch_categories]
        rows = nw.from_native(work.time_entries).filter(
            nw.col("work_class") == "scheduled",
            nw.any_horizontal(*(nw.col(c).str.to_lowercase().is_in(wanted) for c in KINDS), ignore_nulls=True),
        )
        rows = to_pandas(rows.select("client", "started_at", "hours")).dropna()
        ends = rows["started_at"] + pd.to_timedelta(rows["hours"], unit="h")
        table = pd.DataFrame({"client": rows["client"], "start": rows["started_at"], "end": ends})
    for name in ("start", "end"):
        table[name] = instants(table[name], work.settings.time_zone)
    return _joined(table)


def _from_file(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str).rename(columns=str.lower)
    missing = [name for name in ("client", "start") if name not in table]
    if missing:
        raise InputError("a column is missing.", where=FILE, examples=missing, fix="It needs client and start.")
    table["end"] = table["end"].fillna(table["start"]) if "end" in table else table["start"]
    for name in ("start", "end"):
        read = pd.to_datetime(table[name], errors="coerce", format="ISO8601")
        bad = table.loc[read.isna(), name]
        if len(bad):
            raise InputError("times cannot be read.", where=f"{FILE}, column '{name}'", count=len(bad),
                             examples=bad.fillna(""), fix="Write them as 2026-06-30 22:00.")  # fmt: skip
        table[name] = read
    return table[["client", "start", "end"]]


def _joined(table: pd.DataFrame) -> pd.DataFrame:
    """Windows of a client that follow within hours, as one."""
    table = table.sort_values(["client", "start"], ignore_index=True)
    latest = table.groupby("client")["end"].cummax()
    fresh = table["start"] - latest.groupby(table["client"]).shift() > ONE_WINDOW_HOURS
    number = (fresh | ~table.duplicated("client")).cumsum()
    return table.groupby(number).agg(client=("client", "first"), start=("start", "min"), end=("end", "max"))


def patch_effect(work: Workspace, panel: pd.DataFrame) -> PatchEffect:
    """Compare reactive work after patch windows inside business hours with that after those outside.

    Parameters
    ----------
    work : Workspace
        With patch_windows.csv in its folder, or patch_categories in rhem.toml.
    panel : DataFrame
        From `measure`.

    Raises
    ------
    InputError
        A column is missing from patch_windows.csv, or a time in it cannot be read.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> work = rhem.load("data/sample")
    >>> rhem.metric.patch_effect(work, rhem.measure(work)).table.index.tolist()
    ['in business hours', 'out of business hours']
    """
    windows, zone = patch_windows(work), work.settings.time_zone
    entries = timed_work(work).dropna(subset=["start"])
    spans = _service_spans(panel, zone)
    windows = windows[windows["client"].isin(spans.index)]
    if windows.empty or entries.empty:
        return PatchEffect(pd.DataFrame(), np.nan, np.nan, np.nan, windows)
    edges = pd.to_datetime(windows["start"].agg(["min", "max"]), unit="h")
    first, last = (edge.date() for edge in edges)
    day = dt.timedelta(days=2)
    times = calendars(work.settings, windows["client"].unique().tolist(), first - day, last + day)
    pairs = zip(windows["client"], windows["start"], strict=True)
    inside = [bool(times[client].between(start, start + 1e-3) > 0) for client, start in pairs]
    free = public_holidays(work.settings.business_hours, range(first.year - 1, last.year + 2))
    return compare(after_windows(windows.assign(inside=inside), entries, spans, zone, free))


def _service_spans(panel: pd.DataFrame, zone: str) -> pd.DataFrame:
    """First and last instant of each client with exposure; days in service are counted from month and share."""
    exposed = panel[panel["exposure"] > 0]
    whole = exposed["month"].dt.days_in_month
    days = whole * exposed["exposure"] / exposed["endpoints"]
    late = (whole - days).where(exposed["age_start"] == 0, 0)  # onboarded inside the month
    begin = exposed["month"] + pd.to_timedelta(late.round(), unit="D")
    bounds = exposed[["client"]].assign(begin=begin, end=begin + pd.to_timedelta(days.round(), unit="D"))
    spans = bounds.groupby("client").agg({"begin": "min", "end": "max"})
    return spans.assign(**{name: instants(spans[name], zone) for name in spans})


def after_windows(
    windows: pd.DataFrame, entries: pd.DataFrame, spans: pd.DataFrame, zone: str, free: Collection[dt.date] = ()
) -> pd.DataFrame:
    """Windows with the reactive hours that began in the two days after, and those usual in such hours.

    Two days end early where the next window of the client begins. A public holiday (`free`) is like a Sunday. All
    times are hours since 1970 UTC.
    """
    following = windows.groupby("client")["start"].shift(-1).fillna(np.inf)
    table = windows.assign(until=np.minimum(windows["end"] + AFTER_HOURS, following))
    table["until"] = np.minimum(table["until"], table["client"].map(spans["end"]))
    table["from"] = np.maximum(table["end"], table["client"].map(spans["begin"]))
    table = table[table["until"] > table["from"]]
    week, grid = _hours_of_week(spans, zone, free)
    at, hours = entries["start"].to_numpy(), entries["hours"].to_numpy()
    within = np.zeros(len(entries), dtype=bool)
    parts = []
    for client, own in table.groupby("client"):
        slot = np.searchsorted(own["from"].to_numpy(), at, side="right") - 1
        hit = (entries["client"] == client) & (slot >= 0) & (at < own["until"].to_numpy()[np.maximum(slot, 0)])
        within |= hit
        parts.append(own.assign(hours=np.bincount(slot[hit], hours[hit], minlength=len(own))))
    table = pd.concat(parts)
    # What an hour of the week usually brings, from entries after no window; each client then has its own level.
    place = np.clip(np.floor(at[~within] - grid[0]).astype(int), 0, len(grid) - 1)
    usual = np.bincount(week[place], hours[~within], minlength=168)
    # For each hour of the week per client and hour apart from windows, which take more of working days.
    apart_of = _clients_in(spans["begin"], spans["end"], grid) - _clients_in(table["from"], table["until"], grid)
    rates = np.maximum(usual, 0.0) / np.maximum(np.bincount(week, apart_of, minlength=168), 1.0)
    load = np.concatenate([[0.0], rates[week].cumsum()])  # up to each hour of the grid
    edges = np.append(grid, grid[-1] + 1)
    elapsed = WorkingTime(edges, load)
    apart = pd.Series(elapsed.between(spans["begin"], spans["end"]), spans.index)
    taken = pd.Series(elapsed.between(table["from"], table["until"]), table.index)
    apart = apart.sub(taken.groupby(table["client"]).sum(), fill_value=0.0)
    own_hours = entries["hours"][~within].groupby(entries["client"][~within]).sum()
    rate = (own_hours / apart.where(apart > 0)).reindex(table["client"]).fillna(0.0).to_numpy()
    return table.assign(usual_hours=taken * rate)


def _clients_in(begin: pd.Series, end: pd.Series, grid: Array) -> Array:
    """Return how many of some spans hold each hour of the grid."""
    edges = np.append(grid, grid[-1] + 1)
    starts, stops = (np.histogram(np.clip(at, grid[0], grid[-1] + 1), edges)[0].cumsum() for at in (begin, end))
    return np.asarray(starts - stops, dtype=float)


def _hours_of_week(spans: pd.DataFrame, zone: str, free: Collection[dt.date]) -> tuple[NDArray[np.int64], Array]:
    """Local hour of the week (0 to 167) of every hour of the data, and these hours."""
    grid = np.arange(np.floor(spans["begin"].min()), np.ceil(spans["end"].max()))
    local = pd.to_datetime(grid * 3600, unit="s", utc=True).tz_convert(zone)
    day = np.where(pd.Index(local.date).isin(list(free)), DAYS.index("Sun"), local.day_of_week)
    return day * 24 + local.hour.to_numpy(), grid


def compare(windows: pd.DataFrame) -> PatchEffect:
    """Hours over usual hours of windows inside and outside business hours, and the ratio of the two.

    The variance of a ratio is that of its windows, each a draw of its own (a robust interval on the log scale, t
    with the fewer windows' degrees of freedom).
    """
    from scipy import special  # as in causes

    rows, logs, variances = {}, [], []
    for name, inside in (("in business hours", True), ("out of business hours", False)):
        own = windows[windows["inside"] == inside]
        n, hours, usual = len(own), own["hours"].sum(), own["usual_hours"].sum()
        ratio = hours / usual if usual > 0 else np.nan
        spread = ((own["hours"] - ratio * own["usual_hours"]) ** 2).sum() * n / max(n - 1, 1)
        known = n >= FEWEST and hours > 0 and usual > 0
        logs.append(np.log(ratio) if known else np.nan)
        variances.append(spread / hours**2 if known else np.nan)
        half = special.stdtrit(max(n - 1, 1), 0.975) * np.sqrt(variances[-1])
        rows[name] = (n, hours, usual, ratio, np.exp(logs[-1] - half), np.exp(logs[-1] + half))
    columns = ["windows", "hours", "usual_hours", "ratio", "low", "high"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("window")
    half = special.stdtrit(max(int(table["windows"].min()) - 1, 1), 0.975) * np.sqrt(sum(variances))
    difference = logs[0] - logs[1]
    ratio, low, high = (float(np.exp(difference + side * half)) for side in (0, -1, 1))
    return PatchEffect(table, ratio, low, high, windows[["client", "start", "inside"]])
