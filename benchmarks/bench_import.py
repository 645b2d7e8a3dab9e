"""Import of many time entries, side by side with a bare DuckDB copy and pandas.read_csv of the same two files.

Each way runs in a process of its own, in turn; seconds and peak memory are the operating system's. Run:
`python benchmarks/bench_import.py [ROWS] [ROUNDS]` (default 5,000,000 and 3).
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


def run(way: str, folder: Path) -> None:
    """Do one way and print its seconds and peak memory."""
    start = time.perf_counter()
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
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))


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
                command = [sys.executable, __file__, "--way", way, name]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
    copies = [one["seconds"] for one in found["copy"]]
    print("way      seconds (median)  peak GB  ratio to the bare copy (median, round by round)")
    for way in WAYS:
        seconds = [one["seconds"] for one in found[way]]
        ratio = statistics.median(a / b for a, b in zip(seconds, copies, strict=True))
        print(
            f"{way:8} {statistics.median(seconds):16.2f} {max(one['gb'] for one in found[way]):8.2f} {ratio:8.2f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        run(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
