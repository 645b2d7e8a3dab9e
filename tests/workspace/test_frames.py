"""One panel from every engine, equal to a naive reference that loops over days, tickets and snapshots."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rhem_lib as rhem
from rhem_lib.errors import InputError, SettingsError
from rhem_lib.settings import Settings
from rhem_lib.workspace.frames import from_frames, open_spark

SETTINGS = Settings(name="T", endpoint_weights={"server": 2.0})
NUMBERS = ["endpoints", "exposure", "reactive_hours", "outside_hours", "unclassified_hours", "reactive_tickets",
           "squared_hours", "rhem_h", "rhem_high_h"]  # fmt: skip
TYPES = ["incident", "request", "alert", "maintenance", None]
KINDS = ["workstation", "server", "other"]


def made(seed=0, entries=400, clients=4):
    """Canonical tables of a small book, with what is easily got wrong: children, corrections, stale rows."""
    rng = np.random.default_rng(seed)
    names = [f"C{i}" for i in range(clients)]
    tickets = pd.DataFrame({"ticket_id": [f"T{i}" for i in range(120)]})
    tickets["client"] = rng.choice(names, 120)
    tickets["type"] = rng.choice(np.array(TYPES, dtype=object), 120)
    parent = rng.integers(0, 120, 120)
    tickets["parent_id"] = [f"T{p}" if i % 5 == 0 and p != i else None for i, p in enumerate(parent)]
    booked = rng.integers(0, 140, entries)  # beyond 119: entries without a ticket
    days = pd.Timestamp("2024-01-03") + pd.to_timedelta(rng.integers(0, 150, entries), unit="D")
    time = pd.DataFrame({"entry_id": [f"E{i}" for i in range(entries)], "worked_on": days})
    time["ticket_id"] = [f"T{b}" if b < 120 else None for b in booked]
    time["client"] = [tickets["client"][b] if b < 120 else str(rng.choice(names)) for b in booked]
    time["hours"] = np.round(rng.gamma(1, 1, entries) - 0.1, 2)
    devices = [
        (c, pd.Timestamp("2024-01-31") + pd.DateOffset(months=m), f"{c}-{d % 9}", KINDS[d % 3], 1.0,
         pd.Timestamp("2024-01-31") + pd.DateOffset(months=m) - pd.Timedelta(days=int(rng.integers(0, 45))))
        for c in names[1:] for m in (0, 1, 3) for d in range(12)
    ]  # fmt: skip
    endpoints = pd.DataFrame(devices, columns=["client", "as_of", "device_id", "kind", "count", "last_seen"])
    people = pd.DataFrame({"client": names, "onboarded_on": pd.NaT, "ended_on": pd.NaT})
    people["onboarded_on"] = pd.to_datetime(["2023-11-05", "2024-02-10", None, "2024-01-01"])[:clients]
    people["ended_on"] = pd.to_datetime([None, None, None, "2024-04-20"])[:clients]
    agreements = pd.DataFrame({"client": ["C1", "C1"], "billing": ["hourly", "fixed-fee"]})
    agreements["start"] = pd.to_datetime(["2024-01-01", "2024-03-20"])
    agreements["end"] = pd.to_datetime(["2024-03-19", None])
    frames = dict(time_entries=time, tickets=tickets, endpoints=endpoints, clients=people, agreements=agreements)
    return {n: f.astype({c: "datetime64[us]" for c in f.select_dtypes("datetime")}) for n, f in frames.items()}


def naive(frames):
    """The definitions once more, in loops."""
    time, tickets = frames["time_entries"], frames["tickets"].set_index("ticket_id")
    first, last = time["worked_on"].min(), time["worked_on"].max()
    rows = []
    for client in frames["clients"].itertuples():
        start = max(client.onboarded_on, first) if pd.notna(client.onboarded_on) else first
        stop = min(client.ended_on, last + pd.Timedelta(days=1)) if pd.notna(client.ended_on) else (
            last + pd.Timedelta(days=1))  # fmt: skip
        own = time[time["client"] == client.client]
        served, reactive, opened = {}, {}, {}
        for day in pd.date_range(start, stop - pd.Timedelta(days=1)):
            served[day.to_period("M")] = served.get(day.to_period("M"), 0) + 1
        outside, heads = {}, {}
        for entry in own.itertuples():
            month = entry.worked_on.to_period("M")
            kind = tickets["type"].get(entry.ticket_id) if entry.ticket_id in tickets.index else None
            inside = start <= entry.worked_on < stop
            if kind in ("incident", "request", "alert"):
                place = reactive if inside else outside
                place[month] = place.get(month, 0) + entry.hours
                if inside:
                    parent = tickets["parent_id"][entry.ticket_id]
                    head = parent if isinstance(parent, str) else entry.ticket_id
                    heads.setdefault(head, []).append((entry.worked_on, entry.hours))
            elif kind is None or pd.isna(kind):
                opened[month] = opened.get(month, 0) + entry.hours * inside
        counts, squares = {}, {}
        for visits in heads.values():
            days = [day for day, hours in visits if hours > 0]
            if days:
                month = min(days).to_period("M")
                counts[month] = counts.get(month, 0) + 1
                squares[month] = squares.get(month, 0) + sum(h for _, h in visits) ** 2
        fleet = counted(frames["endpoints"], client.client)
        for month in pd.period_range(first, last, freq="M"):
            near = [m for m in fleet if 0 <= (month - m).n <= 2]
            size = fleet[max(near)] if near else np.nan
            if month not in served and not any(month in x for x in (reactive, outside, opened)):
                continue
            exposure = np.nan_to_num(size * served.get(month, 0) / month.days_in_month)
            hours, open_ = reactive.get(month, 0), opened.get(month, 0)
            rhem_h, high = (hours / exposure, (hours + open_) / exposure) if exposure else (np.nan, np.nan)
            rows.append((client.client, month.to_timestamp(), size, exposure, hours, outside.get(month, 0), open_,
                         counts.get(month, 0), squares.get(month, 0), rhem_h, high))  # fmt: skip
    return pd.DataFrame(rows, columns=["client", "month", *NUMBERS])


def counted(endpoints, client):
    """Mean of the month's snapshots, each the sum of weights of devices seen within 30 days."""
    own, days = endpoints[endpoints["client"] == client], {}
    for as_of, rows in own.groupby("as_of"):
        weights = {}
        for row in rows.itertuples():
            fresh = row.last_seen >= row.as_of - pd.Timedelta(days=30)
            weight = {"workstation": 1, "server": 2, "other": 0}[row.kind] if fresh else 0
            weights[row.device_id] = max(weights.get(row.device_id, 0), weight)
        days.setdefault(as_of.to_period("M"), []).append(sum(weights.values()))
    return {month: float(np.mean(sizes)) for month, sizes in days.items()}


def panel_from(frames, **changes):
    return rhem.measure(from_frames(Settings(**(SETTINGS.model_dump() | changes)), frames))


def assert_same(found, wanted, columns=NUMBERS):
    found, wanted = (p.sort_values(["client", "month"], ignore_index=True) for p in (found, wanted))
    assert found["client"].tolist() == wanted["client"].tolist()
    assert found["month"].tolist() == wanted["month"].tolist()
    for column in columns:
        np.testing.assert_allclose(found[column].astype(float), wanted[column].astype(float), rtol=0, atol=1e-9,
                                   err_msg=column)  # fmt: skip


@pytest.mark.many_cases
@pytest.mark.parametrize("seed", range(3))
def test_the_panel_is_the_naive_reference(seed):
    frames = made(seed)
    assert_same(panel_from(frames), naive(frames))


def test_duckdb_and_polars_give_the_panel_of_pandas():
    frames = made(1)
    wanted = panel_from(frames)
    con = duckdb.connect()
    relations = {name: con.from_df(frame) for name, frame in frames.items()}
    eager = {name: pl.from_pandas(frame) for name, frame in frames.items()}
    lazy = {name: frame.lazy() for name, frame in eager.items()}
    for engine in (relations, eager, lazy):
        found = panel_from(engine)
        assert_same(found, wanted)
        assert found["flags"].tolist() == wanted["flags"].tolist()
        assert found["billing"].fillna("").tolist() == wanted["billing"].fillna("").tolist()


SPARK = """
import sys, pandas as pd, rhem_lib as rhem
from test_frames import made, assert_same, panel_from
from rhem_lib.workspace.frames import open_spark
from rhem_lib.settings import Settings
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).config(
    "spark.sql.shuffle.partitions", 2).config("spark.sql.session.timeZone", "Pacific/Auckland").getOrCreate()
frames = made(2)
wanted = panel_from(frames)
spark_frames = {name: spark.createDataFrame(frame) for name, frame in frames.items()}
found = panel_from(spark_frames)
assert_same(found, wanted)
assert found["flags"].tolist() == wanted["flags"].tolist()
for name, frame in spark_frames.items():
    frame.createOrReplaceTempView("lake_" + name)
tables = {name: "lake_" + name for name in frames}
given = Settings(name="T", endpoint_weights={"server": 2.0}, engine={"spark": "local[1]", "tables": tables})
assert_same(rhem.measure(open_spark(given)), wanted)
print("same panel")
"""


@pytest.mark.slow
def test_spark_gives_the_panel_of_pandas():
    """In a process of its own, so that the Java machine ends with it."""
    pytest.importorskip("pyspark", reason="Spark is optional: pip install 'rhem[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SPARK], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert done.stdout.endswith("same panel\n"), done.stderr[-3000:]


def test_classified_entries_need_no_tickets():
    frames = made(0)
    work = from_frames(SETTINGS, frames)
    bare = {"time_entries": work.time_entries, "endpoints": frames["endpoints"], "clients": frames["clients"]}
    assert_same(panel_from(bare), panel_from(frames))
    with pytest.raises(InputError, match="no presets"):
        rhem.measure(from_frames(SETTINGS, bare), preset="incidents")


def test_without_spark_the_engine_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    given = Settings(name="T", engine={"spark": "local[1]", "tables": {"time_entries": "lake.time"}})
    with pytest.raises(SettingsError, match=r"Spark is not installed. pip install 'rhem\[spark\]'"):
        open_spark(given)
    with pytest.raises(SettingsError, match=r"there is no \[engine\]"):
        open_spark(SETTINGS)


def test_a_missing_table_or_column_is_named():
    frames = made(0)
    with pytest.raises(InputError, match="the table endpoints is missing"):
        from_frames(SETTINGS, {"time_entries": frames["time_entries"], "tickets": frames["tickets"]})
    with pytest.raises(InputError, match=r"table time_entries: a column that is needed is missing.*worked_on"):
        from_frames(SETTINGS, frames | {"time_entries": frames["time_entries"].drop(columns="worked_on")})


def test_every_hour_of_frames_is_in_the_account():
    frames = made(0)
    account = from_frames(SETTINGS, frames).account
    hours = account.table["hours"].astype(float)
    assert account.balanced and hours["read"] == pytest.approx(frames["time_entries"]["hours"].sum(), abs=1e-6)
    assert account.table.loc["read", "rows"] == len(frames["time_entries"])
    assert dict(zip(account.files["table"], account.files["rows"], strict=True)) == {
        name: len(frame) for name, frame in frames.items()
    }
    assert "could not be classified" in account.text and account.advice == "No warning and no suggestion."
    assert account.funnel()["rows_out"].tolist() == [len(frame) for frame in frames.values()]


def test_warns_of_hours_whose_client_is_not_listed():
    frames = made(0)
    work = from_frames(SETTINGS, frames | {"clients": frames["clients"].iloc[:3]})
    assert "that the table clients does not list, so they are in no panel: C3." in work.account.advice


def test_the_account_of_frames_is_asked_for_when_it_is_read_and_days_end_with_the_quarter():
    work = from_frames(SETTINGS, made(0))
    assert "account" not in vars(work) and work.account is work.account
    cut = work.as_of("2024Q1")
    held = cut.time_entries["worked_on"].drop_duplicates()
    assert 0 < len(cut.days) < len(work.days) and set(cut.days["worked_on"]) == set(held)


def test_an_empty_cell_or_an_unknown_work_class_is_an_error():
    frames = made(0)
    time = frames["time_entries"]
    holed = time.assign(hours=time["hours"].where(time.index > 1))
    with pytest.raises(InputError, match=r"a cell that is needed is empty. \(2 times\)"):
        from_frames(SETTINGS, frames | {"time_entries": holed})
    with pytest.raises(InputError, match=r"a work class is unknown. For example: reactiv\."):
        from_frames(SETTINGS, frames | {"time_entries": time.assign(work_class="reactiv")})


seeds = st.integers(0, 10_000)
few = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(seeds)
def test_order_of_rows_and_of_monthly_files_does_not_matter(seed):
    frames = made(seed)
    time = frames["time_entries"]
    months = [rows for _, rows in time.groupby(time["worked_on"].dt.month)]
    shuffled = {name: frame.sample(frac=1, random_state=seed % 100) for name, frame in frames.items()}
    assert_same(panel_from(shuffled), panel_from(frames))
    assert_same(panel_from(frames | {"time_entries": pd.concat(months[::-1])}), panel_from(frames))


@pytest.mark.slow
@few
@given(seeds, st.floats(0.1, 0.9))
def test_splitting_an_entry_in_two_changes_nothing(seed, share):
    frames = made(seed)
    time = frames["time_entries"]
    time = time[time["ticket_id"].notna() & (time["hours"] > 0)]
    parts = [time.assign(hours=time["hours"] * part) for part in (share, 1 - share)]
    whole, halves = (panel_from(frames | {"time_entries": rows}) for rows in (time, pd.concat(parts)))
    assert_same(halves, whole)


@few
@given(seeds)
@pytest.mark.slow
def test_an_idle_client_adds_its_own_rows_of_nought_and_nothing_else(seed):
    frames = made(seed)
    idle = frames["clients"].iloc[:1].assign(client="Idle", onboarded_on=pd.Timestamp("2024-01-01"))
    fleet = frames["endpoints"][lambda e: e["client"] == "C1"].assign(client="Idle")
    more = {"clients": pd.concat([frames["clients"], idle]), "endpoints": pd.concat([frames["endpoints"], fleet])}
    before, after = panel_from(frames), panel_from(frames | more)
    assert_same(after[after["client"] != "Idle"], before)
    own = after[after["client"] == "Idle"]
    assert (own["reactive_hours"] == 0).all()
    assert (own.loc[own["exposure"] > 0, "rhem_h"] == 0).all()


@few
@given(seeds)
@pytest.mark.slow
def test_doubling_all_endpoints_halves_rhem_and_leaves_hours(seed):
    frames = made(seed)
    twin = frames["endpoints"].assign(device_id=frames["endpoints"]["device_id"] + "b")
    before = panel_from(frames)
    after = panel_from(frames | {"endpoints": pd.concat([frames["endpoints"], twin])})
    halved = before.assign(endpoints=2 * before["endpoints"], exposure=2 * before["exposure"])
    assert_same(after, halved.assign(rhem_h=before["rhem_h"] / 2, rhem_high_h=before["rhem_high_h"] / 2))


@few
@given(seeds)
@pytest.mark.slow
def test_renaming_clients_renames_their_rows(seed):
    frames = made(seed)
    names = {"C0": "C3", "C1": "C0", "C2": "C1", "C3": "C2"}
    renamed = {n: f.assign(client=f["client"].map(names)) for n, f in frames.items()}
    before = panel_from(frames)
    assert_same(panel_from(renamed), before.assign(client=before["client"].map(names)))
