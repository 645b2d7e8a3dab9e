"""First pull of a 200-client MSP and of a day's changes: requests, share of the hourly limit, time, hours.

`python benchmarks/bench_pull.py [--clients 200] [--months 36] [--systems connectwise autotask] [--load]`, with
`tests` on PYTHONPATH. Vendors are on loopback; waiting is simulated, so that the pace shows without its hours.
"""

import argparse
import logging
import os
import tempfile
import time
from datetime import UTC, timedelta
from pathlib import Path

from pull import facts as made
from pull.fakes import SECRET, SECRETS, Fake, FakeClock
from pytest_httpserver import HTTPServer

import rhem_lib as rhem
from rhem_lib.pull import pull_sources
from rhem_lib.simulate import portfolio

DEVICES = 40  # computers of a client
LISTS = {  # that the facts have three of: how many there are of each
    "company/companies": 1, "Companies": 1, "finance/agreements": 1.5, "Contracts": 1.5,
    "company/configurations": DEVICES, "ConfigurationItems": DEVICES,
}  # fmt: skip


def facts_of(msp, most, last):
    """At most so many entries of a made-up MSP as the tests' facts; the last is worked a day before `last`."""
    entries = msp.entries.sample(min(most, len(msp.entries)), random_state=1)
    entries = entries.sort_values("started_at").reset_index(drop=True)
    names = {name: n for n, name in enumerate(dict.fromkeys(msp.clients["client"]))}
    later = last - timedelta(days=1) - entries["started_at"].max().tz_localize(UTC).to_pydatetime()
    tickets = entries["ticket_id"].fillna(-1).astype(int)
    rows = zip(
        tickets, entries["client"].map(names).fillna(0), entries["started_at"], entries["hours"], strict=True
    )
    return [(n, t if t > 0 else 10**7 + n, int(c), at.tz_localize(UTC).to_pydatetime() + later, round(h, 2))
            for n, (t, c, at, h) in enumerate(rows, 1)]  # fmt: skip


def grown(lists, clients):
    """Lists of three or thirty records, as long as those of the MSP."""
    for path, each in LISTS.items():
        for row in lists.get(path, [])[:1]:
            lists[path] = [type(row)({**row.record, "id": n}) for n in range(1, round(clients * each) + 1)]
    return lists


def share(pulled):
    used = pulled.requests.iloc[0]
    return f"{used['requests']:,} requests, {used['requests'] / used['limit']:.2%} of {used['limit']:,} an hour"


def measure(system, msp, given):
    """Pull once, then a day later, and print what it took."""
    clock = FakeClock()
    facts = facts_of(msp, given.entries, clock.now())
    fake = Fake(system, grown(made.ENCODE[system](facts), given.clients), clock)
    for name in SECRETS[system]:
        os.environ[f"{system}_{name}".upper()] = SECRET
    with HTTPServer(host="127.0.0.1", threaded=True) as server, tempfile.TemporaryDirectory() as folder:
        fake.serve(server)
        first = f"{clock.now() - timedelta(days=31 * given.months + 60):%Y-%m-%d}"
        source = f'[[sources]]\nsystem = "{system}"\nurl = "{fake.url}"\nfirst = {first}\n'
        (Path(folder) / "rhem.toml").write_text(made.SETTINGS + source)
        began, start = time.perf_counter(), clock.now()
        pulled = pull_sources(folder, clock=clock)
        assert not pulled.failed, pulled.failed
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*.json"))
        print(f"{system}: {len(facts):,} entries; first pull {share(pulled)}; paced over "
              f"{(clock.now() - start).total_seconds() / 60:.0f} min, {time.perf_counter() - began:.0f} s here; "
              f"{stored / 1e6:.0f} MB")  # fmt: skip
        if given.load:
            began = time.perf_counter()
            hours = rhem.load(folder).time_entries.df()["hours"].sum()
            print(f"  hours {hours:,.2f} of {sum(h for *_, h in facts):,.2f}, {time.perf_counter() - began:.0f} s")
        clock.sleep(86400)
        day = len(facts) // (given.months * 21)
        for path in list(fake.lists)[:2]:
            for row in fake.lists[path][-day:]:
                row.changed = made.stamp(clock.now())
        print(f"  a day later ({day:,} entries and tickets changed): {share(pull_sources(folder, clock=clock))}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--entries", type=int, default=250_000, help="at most")
    parser.add_argument("--systems", nargs="*", default=["connectwise", "autotask"])
    parser.add_argument("--load", action="store_true", help="also read what was stored, and compare the hours")
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    msp = portfolio(clients=given.clients, months=given.months, seed=2026)
    made.CLIENTS = tuple(dict.fromkeys(msp.clients["client"]))
    for system in given.systems:
        measure(system, msp, given)
