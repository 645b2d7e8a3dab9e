"""Many typed time entries in Parquet to the panel, beside the same sums in bare DuckDB, pandas and polars.

Every way runs in a process of its own, in turn, and is timed on its second call: the first, on a small portfolio,
imports what it needs. Peak memory is that of the whole process. `bare` is a SQL statement per result: hours by
client and month, tickets counted once in the month of their first hour, mean endpoints. It knows no service,
weights, old snapshots, children, flags or ages. `hours` is its first statement alone; `rhem` is `measure` on
DuckDB; `classify` adds work classes from the tickets.
Run: `python benchmarks/bench_measure.py [MILLIONS ...] [--rounds N]` (default 2 20, 3 rounds).
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("hours", "bare", "rhem", "classify", "pandas", "polars")
CLIENTS, MONTHS, FIRST = 2000, 36, "2023-01-01"
SMALL = 20_000
BIG = 20_000_000  # above it, pandas and polars are left out
HOURS = """SELECT client, date_trunc('month', worked_on) AS month,
    sum(hours) FILTER (work_class = 'reactive') AS hours FROM '{0}/entries.parquet' GROUP BY ALL"""
TICKETS = """SELECT client, month, count(*) AS tickets FROM (
    SELECT client, coalesce(parent_id, ticket_id) AS head, date_trunc('month', min(worked_on)) AS month
    FROM '{0}/entries.parquet' WHERE work_class = 'reactive' GROUP BY ALL) GROUP BY ALL"""
ENDPOINTS = """SELECT client, date_trunc('month', as_of) AS month, avg(devices) AS endpoints FROM (
    SELECT client, as_of, count(DISTINCT device_id) AS devices FROM '{0}/endpoints.parquet' GROUP BY ALL)
    GROUP BY ALL"""


def generate(folder: Path, rows: int) -> None:
    """Write entries (three a ticket, classified), the tickets, a monthly device list per client, and clients."""
    import duckdb

    con = duckdb.connect()
    days = f"DATE '{FIRST}' + (ticket * 1093 // {rows // 3} + i % 3)::INT"
    con.execute(f"""COPY (SELECT 'E' || i AS entry_id, 'T' || ticket AS ticket_id, 'Client ' || client AS client,
            ({days})::TIMESTAMP AS worked_on, (hash(i) % 400 / 100)::DOUBLE AS hours, 'Remote' AS work_type,
            NULL::VARCHAR AS parent_id, ['reactive', 'reactive', 'reactive', 'scheduled', 'project'][kind::INT + 1]
                AS work_class
        FROM (SELECT i, i // 3 AS ticket, hash(i // 3) % {CLIENTS} AS client, hash(i // 3 + 1) % 5 AS kind
              FROM range({rows}) t(i))) TO '{folder}/entries.parquet'""")
    con.execute(f"""COPY (SELECT 'T' || i AS ticket_id, 'Client ' || (hash(i) % {CLIENTS}) AS client,
            ['incident', 'request', 'alert', 'maintenance', 'change'][(hash(i + 1) % 5)::INT + 1] AS type,
            NULL::VARCHAR AS parent_id FROM range({rows // 3 + 1}) t(i)) TO '{folder}/tickets.parquet'""")
    con.execute(f"""COPY (SELECT 'Client ' || c AS client,
            (DATE '{FIRST}' + to_months(m::INT) + INTERVAL 14 DAY)::TIMESTAMP AS as_of,
            'D' || c || '-' || d AS device_id, 'workstation' AS kind, 1.0 AS count
        FROM range({CLIENTS}) a(c), range({MONTHS}) b(m), range(30) e(d)) TO '{folder}/endpoints.parquet'""")


def bare(folder: Path, statements: tuple[str, ...]) -> float:
    import duckdb

    con = duckdb.connect()
    tables = [con.sql(statement.format(folder)).df() for statement in statements]
    return float(tables[0]["hours"].sum())


def rhem(folder: Path, classified: bool) -> float:
    import duckdb
    import pandas as pd

    from rhem_lib.metric.panel import measure
    from rhem_lib.settings import Settings
    from rhem_lib.workspace.frames import from_frames

    con = duckdb.connect()
    frames = {name: con.read_parquet(f"{folder}/{name}.parquet") for name in ("entries", "tickets", "endpoints")}
    entries = frames.pop("entries")
    frames["time_entries"] = entries if classified else entries.select("* EXCLUDE (work_class, parent_id)")
    frames["clients"] = pd.DataFrame({"client": [f"Client {i}" for i in range(CLIENTS)]})
    panel = measure(from_frames(Settings(name="Bench"), frames))
    if len(panel) != CLIENTS * MONTHS or not (panel["rhem_h"] > 0).any():
        raise SystemExit("the panel is not whole")
    return float(panel["reactive_hours"].sum())


def in_pandas(folder: Path) -> float:
    import pandas as pd

    columns = ["client", "worked_on", "hours", "ticket_id", "parent_id"]
    rows = pd.read_parquet(folder / "entries.parquet", columns=columns, filters=[("work_class", "==", "reactive")])
    rows["month"] = rows["worked_on"].dt.to_period("M")
    hours = rows.groupby(["client", "month"])["hours"].sum()
    rows["head"] = rows["parent_id"].fillna(rows["ticket_id"])
    rows.groupby(["client", "head"])["month"].min().reset_index().groupby(["client", "month"]).size()
    fleet = pd.read_parquet(folder / "endpoints.parquet", columns=["client", "as_of", "count"])
    fleet.groupby(["client", fleet["as_of"].dt.to_period("M")])["count"].sum()
    return float(hours.sum())


def in_polars(folder: Path) -> float:
    import polars as pl

    rows = pl.scan_parquet(folder / "entries.parquet").filter(pl.col("work_class") == "reactive")
    rows = rows.with_columns(month=pl.col("worked_on").dt.truncate("1mo"))
    hours = rows.group_by("client", "month").agg(pl.col("hours").sum()).collect(engine="streaming")
    heads = rows.with_columns(head=pl.coalesce("parent_id", "ticket_id")).group_by("client", "head")
    heads.agg(pl.col("month").min()).group_by("client", "month").len().collect(engine="streaming")
    fleet = pl.scan_parquet(folder / "endpoints.parquet").with_columns(month=pl.col("as_of").dt.truncate("1mo"))
    fleet.group_by("client", "month").agg(pl.col("count").sum()).collect(engine="streaming")
    return float(hours["hours"].sum())


def run(way: str, folder: Path) -> None:
    """Do one way and print its seconds, the processor's seconds, peak memory and hours."""
    call = {
        "hours": lambda place: bare(place, (HOURS,)),
        "bare": lambda place: bare(place, (HOURS, TICKETS, ENDPOINTS)),
        "rhem": lambda place: rhem(place, True),
        "classify": lambda place: rhem(place, False),
        "pandas": in_pandas,
        "polars": in_polars,
    }[way]
    call(folder / "small")
    start, cpu = time.perf_counter(), time.process_time()
    found = {"hours": call(folder), "seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    print(json.dumps(found | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))


def compare(rows: int, rounds: int) -> None:
    """Generate, run every way in turn, and print medians and ratios to the bare sums."""
    ways = [way for way in WAYS if rows <= BIG or way not in ("pandas", "polars", "classify")]
    found: dict[str, list[dict]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), rows)
        (Path(name) / "small").mkdir()
        generate(Path(name) / "small", SMALL)
        size = sum(path.stat().st_size for path in Path(name).glob("*.parquet")) / 1e6
        for _ in range(rounds):
            for way in ways:
                done = subprocess.run(
                    [sys.executable, __file__, "--way", way, name], stdout=subprocess.PIPE, text=True, check=True
                )
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n{rows:,} entries, {CLIENTS:,} clients, {MONTHS} months, {size:,.0f} MB of Parquet, {rounds} rounds")
    print("medians of the rounds; ratios to bare, round by round")
    print("way           seconds    ratio processor s    ratio  peak GB")
    for way in ways:
        line = f"{way:9}"
        for key in ("seconds", "cpu"):
            ratios = [a[key] / b[key] for a, b in zip(found[way], found["bare"], strict=True)]
            line += f" {statistics.median(one[key] for one in found[way]):11.2f} {statistics.median(ratios):8.2f}"
        print(f"{line} {max(one['gb'] for one in found[way]):8.2f}", flush=True)
    hours = [found[way][0]["hours"] for way in ways if way != "classify"]
    if max(hours) - min(hours) > 1e-6 * max(hours):
        raise SystemExit(f"the ways disagree: {hours}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millions", nargs="*", type=float, default=[2, 20])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for millions in args.millions:
        compare(int(1_000_000 * millions), args.rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        run(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
