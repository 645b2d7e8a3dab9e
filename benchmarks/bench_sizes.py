"""Seconds and peak memory of `rhem check`, `study` and `review` of one client, for portfolios of unusual sizes.

    python benchmarks/bench_sizes.py [SIZE ...]

Without a size all are run. Each command runs as a user types it; memory is the sum over its processes, shared
pages counted once, every half second. Every size has a half as large one beside it, so that growth can be seen:
seconds should grow no faster than rows.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import psutil

QUARTER = "2025Q4"
LAST = "DATE '2025-12-31'"
# clients, computers of each, months, lists a month, entries of a client and month, files
SIZES = {
    "2,000 clients": (2000, 1, 36, 1, 1, 1),
    "1,000 clients": (1000, 1, 36, 1, 1, 1),
    "40 years": (5, 20, 480, 1, 10, 1),
    "20 years": (5, 20, 240, 1, 10, 1),
    "500 snapshots": (20, 20, 17, 30, 10, 1),
    "250 snapshots": (20, 20, 9, 30, 10, 1),
    "20,000 computers": (1, 20000, 24, 1, 4000, 1),
    "10,000 computers": (1, 10000, 24, 1, 2000, 1),
    "5,000 files": (40, 20, 36, 1, 70, 5000),
    "2,500 files": (40, 20, 36, 1, 70, 2500),
}


def generate(folder: Path, size: tuple[int, ...]) -> int:
    """Write a workspace; the reactive hours of each client fall from an hour to a quarter. Return its rows."""
    clients, computers, months, lists, entries, files = size
    (folder / "exports").mkdir(parents=True)
    (folder / "rhem.toml").write_text(
        'name = "Sizes"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'
    )
    con = duckdb.connect()
    first = f"(date_trunc('month', {LAST}) - to_months({months - 1}))::DATE"
    con.execute(f"""CREATE TABLE worked AS SELECT row_number() OVER () AS entry_id, 'Client ' || c AS client,
        ({first} + to_months(m::INT) + to_days((e % 28)::INT))::DATE AS worked_on, 'Remote' AS work_type,
        round({computers} * (0.25 + 0.75 * exp(-m / 6.0)) / {entries} * (0.5 + hash(c, m, e) % 1000 / 1000), 4)
        AS hours
        FROM range({clients}) a(c), range({months}) b(m), range({entries}) d(e)""")
    for number in range(files):
        con.execute(
            f"COPY (SELECT entry_id, client, worked_on, work_type, hours FROM worked "
            f"WHERE entry_id % {files} = {number}) TO '{folder}/exports/time-{number:04d}.csv' (HEADER)"
        )
    con.execute(f"""COPY (SELECT 'Client ' || c AS client, 'pc-' || c || '-' || p AS device_id,
        'workstation' AS kind, ({first} + to_months(m::INT) + to_days((l * 28 // {lists})::INT))::DATE AS as_of
        FROM range({clients}) a(c), range({months}) b(m), range({lists}) f(l), range({computers}) d(p))
        TO '{folder}/exports/computers.csv' (HEADER)""")
    con.execute(f"COPY (SELECT 'Client ' || c AS client, {first} AS onboarded_on, "
                f"CASE c % 2 WHEN 0 THEN 'fixed-fee' ELSE 'hourly' END AS billing FROM range({clients}) a(c)) "
                f"TO '{folder}/clients.csv' (HEADER)")  # fmt: skip
    return clients * months * (entries + lists * computers)


def peak(process: psutil.Process, most: list[float]) -> None:
    """Note the largest memory of a process and its children, in GB."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        total = 0.0
        for one in [process, *process.children(recursive=True)]:
            try:
                total += one.memory_full_info().pss / 1e9
            except psutil.Error:
                pass
        most[0] = max(most[0], total)
        time.sleep(0.5)


def timed(command: list[str], folder: Path) -> str:
    """Run one command; its seconds, peak memory and exit code where that is not 0."""
    start, most = time.perf_counter(), [0.0]
    with subprocess.Popen(
        [sys.executable, "-m", "rhem_lib.cli", *command], cwd=folder, stdout=-3, stderr=-3
    ) as run:
        watch = threading.Thread(target=peak, args=(psutil.Process(run.pid), most))
        watch.start()
        code = run.wait()
        watch.join()
    return f"{time.perf_counter() - start:8.1f} s {most[0]:5.2f} GB" + (f" (exit {code})" if code else "")


def main() -> None:
    """Print one line per size."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
    print(f"{'size':18} {'rows':>10} {'check':>18} {'study':>18} {'review of one client':>20}")
    for name in sys.argv[1:] or SIZES:
        with tempfile.TemporaryDirectory() as place:
            rows = generate(Path(place, "w"), SIZES[name])
            review = ["review", "w", "--quarter", QUARTER, "--client", "Client 0"]
            found = [timed(given, Path(place)) for given in (["check", "w"], ["study", "w"], review)]
        print(f"{name:18} {rows:10,} " + " ".join(found), flush=True)


if __name__ == "__main__":
    main()
