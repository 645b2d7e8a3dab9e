"""Import of many time entries, side by side with a bare DuckDB copy and pandas.read_csv of the same two files.

Each way runs in a process of its own, in turn; seconds and peak memory are the operating system's. A second
table has the same for many files of 1,000 rows. Run: `python benchmarks/bench_import.py [ROWS] [ROUNDS]` (default
5,000,000 and 3), or with `--files N ...` for the second table alone.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("copy", "rhem", "pandas")
FILES = (1000, 5000)  # of ROWS_A_FILE rows
ROWS_A_FILE = 1000


def generate(folder: Path, rows: int) -> None:
    """Write a ConnectWise time export, a few rows damaged, and the tickets it is booked on."""
    import duckdb

    (folder / "exports").mkdir()
    (folder / "rhem.toml").write_text('name = "Bench"\ntime_zone = "America/New_York"\n')
    con = duckdb.connect()
    con.execute(f"""
        COPY (SELECT i AS Time_RecID, 100000 + i // 3 AS SR_Service_RecID,
            'Client ' || (i * 7919 % 2000) AS company_name, 'tech' || (i % 60) AS member_id,
            strftime(DATE '2023-01-01' + (i % 1095)::INT, '%Y-%m-%d') AS Date_Start,
            '09:00:00' AS time_start, '10:00:00' AS time_end,
            CASE WHEN i % 5000 = 0 THEN 'n/a' WHEN i % 7000 = 0 THEN '99.5'
                ELSE printf('%.2f', (i * 31 % 400) / 100.0) END AS hours_actual,
            'Remote' AS work_type, 'B' AS option_id, 'rebooted, "works" now' AS Notes
        FROM range({rows}) t(i)) TO '{folder}/exports/time.csv' (HEADER)""")
    con.execute(f"""
        COPY (SELECT 100000 + i AS SR_Service_RecID, 'Client ' || (i % 2000) AS company_name,
            'Help Desk' AS Board_Name, CASE i % 5 WHEN 0 THEN 'Maintenance' ELSE 'Incident' END AS ServiceType,
            'Email' AS ServiceSubType, '2023-01-01 09:00:00' AS date_entered FROM range({rows // 3 + 1}) t(i))
        TO '{folder}/exports/service.csv' (HEADER)""")


def generate_files(folder: Path, files: int, rows: int = ROWS_A_FILE) -> None:
    """Write time exports of so many rows each."""
    (folder / "exports").mkdir(parents=True)
    (folder / "rhem.toml").write_text('name = "Bench"\n')
    head = "Time_RecID,SR_Service_RecID,company_name,member_id,Date_Start,hours_actual,work_type,option_id\n"
    for number in range(files):
        day = f"202{number // 336 % 6}-{number // 28 % 12 + 1:02d}-{number % 28 + 1:02d}"
        lines = (
            f"{number * rows + i},{number * 400 + i // 3},Client {i % 200},tech{i % 20},{day},0.25,Remote,B\n"
            for i in range(rows)
        )
        (folder / "exports" / f"time-{number:05d}.csv").write_text(head + "".join(lines))


def run(way: str, folder: Path) -> None:
    """Do one way and print its seconds and peak memory."""
    start, cpu = time.perf_counter(), time.process_time()
    if way == "copy":
        import duckdb

        for name in ("time", "service"):
            duckdb.sql(f"COPY (FROM read_csv('{folder}/exports/{name}.csv')) TO '{folder}/copy-{name}.parquet'")
    elif way == "pandas":
        import pandas as pd

        pd.read_csv(folder / "exports" / "time.csv", parse_dates=["Date_Start"])
        pd.read_csv(folder / "exports" / "service.csv", parse_dates=["date_entered"])
    else:
        import rhem_lib as rhem
        from rhem_lib.workspace.workspace import save

        work = rhem.load(folder)
        save(work, folder / "prepared", "")
        if not work.account.balanced:
            raise SystemExit("the account does not balance")
    found = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    print(json.dumps(found | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))


def in_a_process(way: str, folder: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--way", way, folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def many_files(counts: tuple[int, ...]) -> None:
    """Print seconds and memory by number of files; MB a file is what the same rows in one file do not take."""
    print(
        f"\n   files seconds  processor s  ms a file  peak GB  one file  MB a file   ({ROWS_A_FILE:,} rows each)"
    )
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            generate_files(Path(name, "many"), count)
            generate_files(Path(name, "one"), 1, count * ROWS_A_FILE)
            many, one = (in_a_process("rhem", f"{name}/{folder}") for folder in ("many", "one"))
        more, each = 1000 * (many["gb"] - one["gb"]) / count, 1000 * many["seconds"] / count
        print(f"{count:8,} {many['seconds']:7.2f} {many['cpu']:12.2f} {each:10.1f} {many['gb']:8.2f} "
              f"{one['gb']:9.2f} {more:10.3f}")  # fmt: skip


def main() -> None:
    """Generate, run every way in turn, and print medians and ratios."""
    rows, rounds = (int(arg) for arg in (sys.argv[1:] + ["5000000", "3"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, rows)
        print(f"{rows:,} entries, {(folder / 'exports/time.csv').stat().st_size / 1e6:,.0f} MB, {rounds} rounds")
        found: dict[str, list[dict]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                found[way].append(in_a_process(way, name))
    copies = [one["seconds"] for one in found["copy"]]
    print("way      seconds (median)  processor s  peak GB  ratio to the bare copy (median, round by round)")
    for way in WAYS:
        seconds = [one["seconds"] for one in found[way]]
        ratio = statistics.median(a / b for a, b in zip(seconds, copies, strict=True))
        cpu, peak = statistics.median(one["cpu"] for one in found[way]), max(one["gb"] for one in found[way])
        print(f"{way:8} {statistics.median(seconds):16.2f} {cpu:12.2f} {peak:8.2f} {ratio:8.2f}")
    many_files(FILES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        run(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--files"]:
        many_files(tuple(int(number) for number in sys.argv[2:]) or FILES)
    else:
        main()
