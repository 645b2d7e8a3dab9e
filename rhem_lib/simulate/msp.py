"""A made-up MSP: its clients, tickets, time entries and computers, with known truth.

The load of a client follows `r(t) = floor + (start - floor) exp(-t / tau)`, t in months since onboarding, times
a log-normal shock per month; its hours are compound Poisson-gamma with power 1.5. Generators are spawned per
part, so that one part can change without moving the draws of another.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.schema import DAYS_PER_MONTH
from rhem_lib.simulate.work import (
    Calendar,
    calendar,
    device_kinds,
    device_names,
    enter_time,
    plan_work,
    raise_tickets,
)

START_H, FLOOR_H, HALF_LIFE_MONTHS, BILLING_RATIO = 1.0, 0.20, 3.0, 0.7
LOG_SD = {"start": 0.35, "floor": 0.35, "tau": 0.40}
SHOCK_SD, PHI = 0.25, 1.0
MIX = {"fixed-fee": 0.55, "hourly": 0.30}  # the rest buys block hours

_PLACES = (
    "Harbor Pine Maple Cedar Summit Valley River Lakeside Meadow Granite Orchard Juniper Bayview Willow Prairie "
    "Canyon Foxhill Stonegate Birch Clover Eastgate Ridge Hollow Beacon Mill"
).split()
_TRADES = {
    "Dental": "health", "Family Clinic": "health", "Eye Care": "health", "Veterinary": "health",
    "Street Legal": "legal", "Title": "legal", "Accounting": "finance", "Credit Union": "finance",
    "Insurance": "finance", "Machine Works": "manufacturing", "Plastics": "manufacturing",
    "Foods": "manufacturing", "Builders": "construction", "Roofing": "construction", "Freight": "transport",
    "Logistics": "transport", "Academy": "education", "Community Church": "non-profit", "Realty": "property",
    "Outfitters": "retail",
}  # fmt: skip


@dataclass(frozen=True)
class Portfolio:
    """What really happened at the made-up MSP.

    Attributes
    ----------
    clients : DataFrame, one row per client
        Names in the PSA and the RMM, dates, billing at onboarding, and the true start_h, floor_h and tau.
    panel : DataFrame, one row per client and month in service
        Endpoints, exposure [endpoint-months], rate_h (true expected RHEM) and the hours drawn by work class.
    tickets, entries : DataFrame
        Every ticket, and every time entry with its true work_class.
    computers : DataFrame, one row per device and month end
        What the RMM lists; `counts` marks the endpoints.
    population : dict
        Geometric means of start_h and floor_h over all clients (those that never improve included) and of
        half_life_months over those that improve, at the expected billing mix.
    """

    clients: pd.DataFrame
    panel: pd.DataFrame
    tickets: pd.DataFrame
    entries: pd.DataFrame
    computers: pd.DataFrame
    population: dict[str, float]


def streams(seed: int) -> dict[str, np.random.Generator]:
    """One independent generator for each part of the simulation."""
    parts = ("clients", "load", "work", "computers", "dirt")
    return dict(zip(parts, np.random.default_rng(seed).spawn(len(parts)), strict=True))


def make_portfolio(clients: int, months: int, seed: int) -> Portfolio:
    """Return an MSP of so many clients over the months that end on 2026-06-30."""
    rng = streams(seed)
    time = calendar(months)
    people = _clients(rng["clients"], clients, time)
    panel = _panel(rng["load"], people, time)
    drawn = _draw_tickets(rng["load"], panel)
    people, panel, drawn = _let_some_leave(rng["load"], people, panel, drawn, time)
    jobs = plan_work(rng["work"], people, panel, drawn, time)
    entries = enter_time(rng["work"], jobs, people, time)
    entries, tickets = raise_tickets(rng["work"], jobs, entries, people, panel, time)
    fixed, flat = (people["billing"] == "fixed-fee").mean(), (people["follows"] == "flat").mean()
    population = {
        "start_h": START_H,
        "floor_h": float(FLOOR_H ** (1 - flat) * START_H**flat),
        "half_life_months": float(HALF_LIFE_MONTHS * BILLING_RATIO**fixed),
    }
    measured = _add_hours(panel, people, entries, tickets, time)
    computers = _computers(rng["computers"], people, panel, time)
    return Portfolio(
        people.drop(columns=["joined", "left", "switched"]), measured, tickets, entries, computers, population
    )


def _clients(rng: np.random.Generator, n: int, time: Calendar) -> pd.DataFrame:
    """One row per client; joined, switched and left are days since the start of the window."""
    last = time.edges[-1]
    early, late = n // 3, round(n / 15)
    joined = np.r_[
        -rng.integers(1, 182, early),
        last - rng.integers(50, 70, late),
        rng.beta(1, 2, n - early - late) * (last - 60),
    ]
    joined = rng.permutation(np.clip(joined, -182, max(last - 15, 0)).astype(int))
    counts = [round(share * n) for share in MIX.values()]
    billing = rng.permutation(np.repeat([*MIX, "block-hours"], [*counts, n - sum(counts)]))
    start = START_H * np.exp(rng.normal(0, LOG_SD["start"], n))
    floor = FLOOR_H * np.exp(rng.normal(0, LOG_SD["floor"], n))
    tau = HALF_LIFE_MONTHS / np.log(2) * np.exp(rng.normal(0, LOG_SD["tau"], n))
    tau *= np.where(billing == "fixed-fee", BILLING_RATIO, 1.0)
    by_length = np.argsort(joined + rng.integers(0, 365, n))
    flat = np.isin(np.arange(n), by_length[: round(n / 15)])
    floor = np.where(flat, start, floor)
    frame = _names(rng, n)
    frame["joined"], frame["left"], frame["billing"] = joined, last, billing
    frame["switched"] = _switches(rng, frame, time)
    frame["onboarded_on"] = time.day(joined)
    frame["switched_on"] = pd.Series(time.day(frame["switched"].to_numpy())).where(frame["switched"] < last)
    frame["start_h"], frame["floor_h"], frame["tau"] = start, floor, np.where(flat, np.nan, tau)
    frame["half_life_months"] = frame["tau"] * np.log(2)
    frame["follows"] = np.select([flat, floor > start], ["flat", "rising"], "decaying")
    frame["endpoints"] = np.clip(np.exp(rng.normal(np.log(30), 0.75, n)), 5, 200)
    return frame


def _names(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Client names, and how two systems write them; a few differ."""
    trades = list(_TRADES)
    most = len(_PLACES) * len(trades)
    order = np.concatenate([rng.permutation(most) for _ in range(-(-n // most))])[:n]
    rows = []
    for k, pair in enumerate(order):
        place, trade = _PLACES[pair // len(trades)], trades[pair % len(trades)]
        name = f"{place} {trade}" + (f" {k // most + 1}" if k >= most else "")
        rows.append((name, f"{place[0]}{trade[0]}{k + 1:02d}", _TRADES[trade]))
    frame = pd.DataFrame(rows, columns=["client", "code", "industry"])
    frame["psa_name"], frame["rmm_name"] = frame["client"], frame["client"]
    odd = rng.permutation(n)[:3]
    frame.loc[odd[:1], "psa_name"] += " LLC"
    frame.loc[odd[1:2], "rmm_name"] = frame["code"]
    frame.loc[odd[2:], "rmm_name"] = frame["client"].str.replace(" ", "") + "-HQ"
    return frame


def _switches(rng: np.random.Generator, people: pd.DataFrame, time: Calendar) -> np.ndarray:
    """Return the day of a switch to a fixed fee: first of a month at age 4 to 9 months."""
    age = (time.edges[None, :-3] - people["joined"].to_numpy()[:, None]) / DAYS_PER_MONTH
    fit = (
        (age >= 4) & (age <= 9) & (time.edges[None, :-3] > 0) & (people["billing"] == "hourly").to_numpy()[:, None]
    )
    day = np.full(len(people), time.edges[-1])
    for row in rng.permutation(np.flatnonzero(fit.any(axis=1)))[: round(len(people) / 12)]:
        day[row] = time.edges[rng.choice(np.flatnonzero(fit[row]))]
    return day


def _panel(rng: np.random.Generator, people: pd.DataFrame, time: Calendar) -> pd.DataFrame:
    """One row per client and month in service, with exposure and the true expected rate."""
    n, t = len(people), len(time.edges) - 1
    walk = rng.normal(0.003, 0.015, (n, t)).cumsum(axis=1)
    size = np.clip(np.rint(people["endpoints"].to_numpy()[:, None] * np.exp(walk)), 5, 200)
    row, month = (index.ravel() for index in np.indices((n, t)))
    joined = people["joined"].to_numpy()[row]
    low, high = np.maximum(joined, time.edges[month]), time.edges[month + 1]
    panel = pd.DataFrame({"row": row, "t": month, "low": low, "high": high, "endpoints": size.ravel()})
    panel["exposure"] = panel["endpoints"] * (high - low) / (high - time.edges[month])
    panel["age_start"], panel["age_end"] = (low - joined) / DAYS_PER_MONTH, (high - joined) / DAYS_PER_MONTH
    panel = panel[high > low].reset_index(drop=True)
    who = people.iloc[panel["row"]].reset_index(drop=True)
    switch_age = (who["switched"] - who["joined"]) / DAYS_PER_MONTH
    # A switch to a fixed fee makes the clock of the decay run faster from that day on.
    start, end = (
        (age + (1 / BILLING_RATIO - 1) * (age - switch_age).clip(lower=0)) / who["tau"].fillna(1.0)
        for age in (panel["age_start"], panel["age_end"])
    )
    remaining = np.exp(-start) * -np.expm1(start - end) / (end - start)
    panel["rate_h"] = who["floor_h"] + (who["start_h"] - who["floor_h"]) * remaining
    panel["shock"] = np.exp(rng.normal(-(SHOCK_SD**2) / 2, SHOCK_SD, len(panel)))
    switched = who["switched"] < panel["high"]
    panel["billing"] = who["billing"].where(~switched, "fixed-fee")
    return panel


def _draw_tickets(rng: np.random.Generator, panel: pd.DataFrame) -> pd.DataFrame:
    """Return reactive tickets (panel row, hours): Poisson many, exponential hours, power 1.5."""
    root = np.sqrt(panel["rate_h"] * panel["shock"]).to_numpy()
    count = rng.poisson(panel["exposure"] * 2 * root / PHI)
    row = np.repeat(np.arange(len(panel)), count)
    return pd.DataFrame({"panel_row": row, "hours": rng.exponential(PHI * root[row] / 2)})


def _let_some_leave(
    rng: np.random.Generator, people: pd.DataFrame, panel: pd.DataFrame, drawn: pd.DataFrame, time: Calendar
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Let one client in ten leave at a month's end, more likely after three months of high RHEM."""
    hours = np.bincount(drawn["panel_row"], weights=drawn["hours"], minlength=len(panel))
    by_client = panel.assign(hours=hours).groupby("row")[["hours", "exposure"]]
    recent = by_client.rolling(3).sum().droplevel(0)
    seen = panel.groupby("row").cumcount()
    stays = (people["switched"] < time.edges[-1]).to_numpy()[panel["row"]]
    chance = (
        (recent["hours"] / recent["exposure"])
        .pow(2)
        .where((seen >= 6) & (panel["t"] < panel["t"].max()) & ~stays, 0)
    )
    people = people.copy()
    for _ in range(round(len(people) / 10)):
        if chance.sum() <= 0:
            break
        out = panel.loc[rng.choice(panel.index, p=chance / chance.sum())]
        people.loc[out["row"], "left"] = out["high"]
        chance = chance.where(panel["row"] != out["row"], 0)
    people["ended_on"] = pd.Series(time.day(people["left"].to_numpy())).where(people["left"] < time.edges[-1])
    kept = (panel["low"] < people["left"].to_numpy()[panel["row"]]).to_numpy()
    drawn = drawn[kept[drawn["panel_row"]]]
    drawn = drawn.assign(panel_row=(np.cumsum(kept) - 1)[drawn["panel_row"]]).reset_index(drop=True)
    return people, panel[kept].reset_index(drop=True), drawn


def _add_hours(
    panel: pd.DataFrame, people: pd.DataFrame, entries: pd.DataFrame, tickets: pd.DataFrame, time: Calendar
) -> pd.DataFrame:
    """The panel with names, months and what was drawn: hours by work class and reactive tickets."""
    keys = {"client": people["client"].to_numpy()[panel["row"]], "month": time.starts[panel["t"]]}
    out = panel.drop(columns=["row", "t", "low", "high", "shock"]).assign(**keys)
    month = entries["worked_on"].dt.to_period("M").dt.to_timestamp()
    hours = entries.assign(month=month).pivot_table(
        index=["client", "month"], columns="work_class", values="hours", aggfunc="sum", fill_value=0
    )
    for work_class in ("reactive", "scheduled", "project", "onboarding", "unclassified"):
        drawn = hours[work_class] if work_class in hours else hours.sum(axis=1) * 0
        out = out.join(drawn.rename(f"{work_class}_hours").round(2), on=["client", "month"])
    worked = tickets[tickets["parent_id"].isna() & tickets["ticket_id"].isin(entries["ticket_id"])]
    worked = worked[worked["work_class"] == "reactive"]
    first = entries.assign(month=month).groupby("ticket_id")["month"].min()
    count = worked.join(first, on="ticket_id").groupby(["client", "month"]).size().rename("reactive_tickets")
    out = out.join(count, on=["client", "month"]).fillna({"reactive_tickets": 0})
    made = [name for name in out if name.endswith(("_hours", "_tickets"))]
    return out.fillna(dict.fromkeys(made, 0.0))[["client", "month", *out.columns.drop(["client", "month"])]]


def _computers(
    rng: np.random.Generator, people: pd.DataFrame, panel: pd.DataFrame, time: Calendar
) -> pd.DataFrame:
    """Return what the RMM lists at month ends: endpoints, and what must not count."""
    n, t = len(people), len(time.edges) - 1
    size = np.zeros((n, t), dtype=int)
    size[panel["row"], panel["t"]] = panel["endpoints"]
    active = np.arange(size.max()) < size[:, :, None]
    last = np.maximum.accumulate(np.where(active, np.arange(t)[None, :, None], -99), axis=1)
    listed = (np.arange(t)[None, :, None] - last <= 6) & (size > 0)[:, :, None]
    row, month, number = np.nonzero(listed)
    frame = pd.DataFrame({"row": row, "t": month, "number": number, "seen": last[listed]})
    frame["kind"] = device_kinds(number)
    extra = panel[["row", "t"]].loc[np.repeat(panel.index, 1 + panel["endpoints"].astype(int) // 15)]
    extra = extra.assign(number=500 + extra.groupby(["row", "t"]).cumcount(), kind="network", seen=extra["t"])
    stale = panel.loc[panel["row"] % 2 == 0, ["row", "t"]].assign(number=900, kind="workstation", seen=-1)
    frame = pd.concat([frame, extra, stale]).sort_values(["t", "row", "number"], ignore_index=True)
    ends = time.edges[1:] - 1
    # A machine that is gone was last seen 5 days or more before the last snapshot it counted in.
    gone = frame["seen"] < frame["t"]
    who = people.iloc[frame["row"]].reset_index(drop=True)
    left = 5 + (frame["number"] * 7 + frame["row"]) % 15
    age = np.where(gone, left, rng.geometric(0.6, len(frame)).clip(1, 20) - 1)
    seen = np.where(frame["seen"] >= 0, ends[frame["seen"].clip(lower=0)], who["joined"] - 40) - age
    added = np.where(frame["seen"] < 0, seen - 20, who["joined"] - frame["number"] % 14)
    hour = np.where(gone, 8 + left % 10, rng.integers(8, 18, len(frame)))
    serial = rng.integers(16**5, 16**6, (n, 1000))
    return pd.DataFrame(
        {
            "device_id": 1 + frame["row"] * 1000 + frame["number"],
            "as_of": time.day(ends[frame["t"]]),
            "client": who["client"],
            "device": device_names(who["code"], frame["number"], frame["kind"]),
            "kind": frame["kind"],
            "serial": pd.Series(serial[frame["row"], frame["number"]]).map("{:06X}".format),
            "added_on": time.day(added),
            "last_seen": time.day(seen) + pd.to_timedelta(hour, unit="h"),
            "counts": ~gone & (frame["kind"] != "network"),
        }
    )
