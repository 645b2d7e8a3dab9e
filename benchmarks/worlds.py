"""Panels of portfolios that the decay model does not know: calendar drift, old clients, two kinds of clients.

Every world is 40 clients seen over 36 calendar months unless it is otherwise by nature. Levels are h per
endpoint per month; the truth returned is that of each client at calendar month 0, the first of the data, where
there is a drift.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
FIRST_MONTH = np.datetime64("2022-01", "M")
FREE = 0.5  # level of clients that never improve
BAD = 1.5  # of a client's own usual level: a bad month


@dataclass(frozen=True)
class World:
    """A portfolio.

    Attributes
    ----------
    clients, months : int
        Clients, and calendar months of the data.
    onboarded : (float, float)
        Earliest and latest onboarding of new clients, in months after the first of the data.
    old_share, old_onboarded : float, (float, float)
        Share of clients onboarded long before, and when.
    drift, recorded : float
        Change of everyone's log hours per calendar month: of the work itself, and of what is written down.
    improving : float
        Share of clients that improve; the others stay at their start times `flat_level`.
    hump : float
        Share by which the first months are lower than the curve: load rises before it falls.
    growth : float
        Times the endpoints of the beginning at the end of the data; each new one starts anew.
    rounded : float
        Hours that every ticket is rounded up to a multiple of; 0 for none.
    outage : (float, float)
        Factor of one month, and share of the clients it hits.
    late_fee : bool
        Fixed fees are sold to clients that join late (their share goes from 10 to 90%).
    switch_when_bad : bool
        All begin hourly; a client changes to a fixed fee after three bad months. Tickets and hours are unchanged.
    """

    clients: int = 40
    months: int = 36
    start: float = 1.0
    sd: tuple[float, float, float] = (0.3, 0.3, 0.3)
    floor: float = 0.2
    shock_sd: float = 0.25
    tau: float = 4.328
    shock_memory: float = 0.2
    onboarded: tuple[float, float] = (0.0, 30.0)
    drift: float = 0.0
    old_share: float = 0.0
    recorded: float = 0.0
    old_onboarded: tuple[float, float] = (-84.0, -24.0)
    improving: float = 1.0
    hump: float = 0.0
    late_fee: bool = False
    growth: float = 1.0
    switch_when_bad: bool = False
    rounded: float = 0.0
    outage: tuple[float, float] = (1.0, 0.0)


NEVER = {"improving": 0.0}
WORLDS = {
    "A1": World(drift=-0.04, **NEVER),
    "A2": World(drift=-0.04, onboarded=(-60.0, 30.0), **NEVER),
    "A3": World(drift=-0.03),
    "A4": World(drift=0.03),
    "B1": World(old_share=0.8),
    "B1 flat": World(old_share=0.8, **NEVER),
    "B2": World(onboarded=(-84.0, -12.0)),
    "C30": World(improving=0.3),
    "C40": World(improving=0.4),
    "C50": World(improving=0.5),
    "C0": World(**NEVER),
    "C100": World(),
    "D": World(hump=0.8),
    "E": World(growth=3.0),
    "F": World(recorded=-0.02, **NEVER),
    "G": World(rounded=0.25),
    "H": World(outage=(8.0, 0.5)),
    "late fee": World(clients=60, drift=-0.03, late_fee=True, **NEVER),
    "late fee, decay": World(clients=60, drift=-0.03, late_fee=True),
    "bad months": World(clients=60, switch_when_bad=True),
}


def simulate_world(world: World | str, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A panel of client-months (schema.Panel) and its truth by client.

    start_h, floor_h, tau_months, improves, and level_12_h (of the whole client, new endpoints among its own).
    """
    world = WORLDS[world] if isinstance(world, str) else world
    rng = np.random.default_rng(seed)
    counts = round(world.old_share * world.clients), round(world.improving * world.clients)
    old, improves = (rng.permutation(np.arange(world.clients) < count) for count in counts)
    hit, when = (
        rng.permutation(world.clients) < world.outage[1] * world.clients,
        int(rng.integers(8, world.months - 4)),
    )
    parts, truths = [], []
    for i in range(world.clients):
        onboarded = rng.uniform(*(world.old_onboarded if old[i] else world.onboarded))
        part, truth = _client(world, onboarded, bool(improves[i]), when if hit[i] else -1, rng)
        parts.append(part.assign(client=f"client {i:03d}"))
        truths.append(truth)
    names = pd.Index([f"client {i:03d}" for i in range(world.clients)], name="client")
    return pd.concat(parts, ignore_index=True), pd.DataFrame(truths, names)


def _client(
    world: World, onboarded: float, improves: bool, outage: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict]:
    start, floor, tau = np.array([world.start, world.floor, world.tau]) * np.exp(
        np.array(world.sd) * rng.standard_normal(3)
    )
    if not improves:
        start = floor = FREE * start / world.start
    month = np.arange(max(int(np.floor(onboarded)), 0), world.months)
    age_start, age_end = np.maximum(month - onboarded, 0.0), month + 1 - onboarded
    size = np.clip(40 * np.exp(0.7 * rng.standard_normal()), 5, 200)
    count = size * world.growth ** ((month - month[0]) / world.months)
    level = _level(world, start, floor, tau, age_start, age_end, count)
    age = np.arange(13.0)
    grown = size * world.growth ** (age / world.months)
    at_12 = _level(world, start, floor, tau, np.maximum(age - 0.5, 0.0), age + 0.5, grown)[-1]
    log_shock = world.shock_sd * rng.standard_normal(len(month))
    for i in range(1, len(month)):
        log_shock[i] = world.shock_memory * log_shock[i - 1] + np.sqrt(1 - world.shock_memory**2) * log_shock[i]
    level = level * np.exp(world.drift * month + log_shock - world.shock_sd**2 / 2)
    level = np.where(month == outage, world.outage[0] * level, level)
    exposure = count * (age_end - age_start)
    tickets, hours, squares = _work(world, level, exposure, rng)
    hours = hours * np.exp(world.recorded * month)
    fee = _fee(world, onboarded, hours / exposure, rng)
    middle = (age_start + age_end) / 2
    return pd.DataFrame(
        {
            "billing": fee, "flags": "", "month": (FIRST_MONTH + month).astype("datetime64[us]"), "endpoints"
            "": count,
            "exposure": exposure, "age_start": age_start, "age_end": age_end, "age_months": middle,
            "reactive_hours": hours, "reactive_tickets": tickets, "unclassified_hours": 0.0,
            "rhem_h": hours / exposure, "rhem_high_h": hours / exposure, "outside_hours": 0.0,
            "squared_hours": squares,
        }
    ), dict(start_h=start, floor_h=floor, tau_months=tau, improves=improves, level_12_h=at_12)  # fmt: skip


def _level(
    world: World, start: float, floor: float, tau: float, age_start: Array, age_end: Array, count: Array
) -> Array:
    """Mean level over each month; with growth that of endpoints which each start at their own arrival."""

    def curve(first: Array, last: Array) -> Array:
        fall = tau * (np.exp(-first / tau) - np.exp(-last / tau)) / (last - first)
        hump = 1 - world.hump * np.exp(-(first + last) / 3.0)
        return (floor + (start - floor) * fall) * hump

    if world.growth == 1:
        return curve(age_start, age_end)
    total, new = np.zeros(len(count)), np.diff(count, prepend=0.0)
    for i in range(len(count)):  # endpoints that came in month i
        first = age_start[i:] - (age_start[i] if i else 0.0)
        total[i:] += new[i] * curve(first, first + age_end[i:] - age_start[i:])
    return total / count


def _work(world: World, level: Array, exposure: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Tickets, hours and squares: a Poisson number of exponential tickets, Tweedie of power 1.5."""
    tickets = rng.poisson(exposure * np.sqrt(level))
    place = np.repeat(np.arange(len(level)), tickets)
    each = rng.exponential(np.sqrt(level)[place])
    if world.rounded:
        each = world.rounded * np.ceil(each / world.rounded)
    sums = (np.bincount(place, values, len(level)) for values in (each, each**2))
    return (tickets.astype(float), *sums)


def _fee(world: World, onboarded: float, rate: Array, rng: np.random.Generator) -> NDArray[np.object_]:
    """Billing model of each month."""
    first, last = world.onboarded
    share = 0.1 + 0.8 * (onboarded - first) / (last - first) if world.late_fee else 0.5
    fixed = np.full(len(rate), rng.random() < share)
    if world.switch_when_bad:
        usual = np.array([np.median(rate[max(i - 12, 0) : i + 1]) for i in range(len(rate))])
        bad = np.convolve(rate, np.ones(3) / 3)[: len(rate)] > BAD**0.5 * usual
        since = np.flatnonzero(bad & (np.arange(len(rate)) >= 5))
        fixed = np.arange(len(rate)) > since[0] if len(since) else np.zeros(len(rate), bool)
    return np.where(fixed, "fixed-fee", "hourly").astype(object)


def large(clients: int) -> World:
    """World C100 with more clients, whose start and floor are drawn alike by `Scenario.correlation` elsewhere."""
    return replace(WORLDS["C100"], clients=clients)
