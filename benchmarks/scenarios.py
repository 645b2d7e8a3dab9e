"""Panels of client-months with known truth: the scenarios of the accuracy tables.

A small simulator that makes the panel directly, for power studies and tests; `simulate` makes exports.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhem_lib.decay.curves import AVERAGES
from rhem_lib.errors import ParameterError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """Truth of a simulated portfolio. Levels in h per endpoint per month, tau in months.

    Attributes
    ----------
    clients : int
    months : (int, int)
        Fewest and most months observed.
    start, floor, tau : float
        Of the typical client.
    sd : (float, float, float)
        Spread of log start, log floor, log tau over clients; `correlation` is that of the first two.
    phi : float
        Tweedie dispersion: a month of w endpoint-months holds Poisson(2 w sqrt(r) / phi) tickets.
    shock_sd, shock_memory : float
        Spread of log monthly shocks, and their correlation from month to month.
    season : float
        Amplitude of a yearly wave.
    leaving : bool
        Clients with high recent RHEM leave sooner; the last month is partial.
    endpoints : (float, float)
        Median and log spread of the size of clients, kept within `endpoint_limits`.
    shape : str
        exponential, hyperbolic, linear, step or flat.
    fixed_share, fixed_tau_ratio, fixed_start_ratio, fixed_size_ratio : float
        Share of fixed-fee clients, and what multiplies their tau, start and size.
    size_slope : float
        Power of size (relative to its median) in tau.
    recorded, recorded_over : float
        Share of its hours that fixed-fee work is written down with in the end, and the months of service over
        which it falls there from 1 (0: from the first day). Tickets are counted in full.
    switch_share, switch_tau_ratio : float
        Share of hourly clients that change to a fixed fee at month 4 to 9, and what multiplies their tau from then
        on. `recorded` holds for them from the change on.
    """

    clients: int = 60
    months: tuple[int, int] = (18, 18)
    start: float = 1.0
    floor: float = 0.2
    tau: float = 4.328
    sd: tuple[float, float, float] = (0.0, 0.0, 0.0)
    correlation: float = 0.0
    phi: float = 2.0
    shock_sd: float = 0.25
    shock_memory: float = 0.0
    season: float = 0.0
    leaving: bool = False
    endpoints: tuple[float, float] = (40.0, 0.7)
    endpoint_limits: tuple[float, float] = (5.0, 200.0)
    shape: str = "exponential"
    fixed_share: float = 0.5
    fixed_tau_ratio: float = 1.0
    fixed_start_ratio: float = 1.0
    fixed_size_ratio: float = 1.0
    size_slope: float = 0.0
    recorded: float = 1.0
    recorded_over: float = 0.0
    switch_share: float = 0.0
    switch_tau_ratio: float = 1.0


_REAL = Scenario(80, (3, 36), sd=(0.35, 0.35, 0.4), correlation=0.4, shock_memory=0.3, season=0.1, leaving=True)
_GROUPS = replace(
    _REAL,
    clients=60,
    months=(12, 36),
    leaving=False,
    fixed_start_ratio=1.28,
    fixed_size_ratio=2.2,
    size_slope=-0.2,
)
SCENARIOS = {
    "S1": Scenario(),
    "S2": _REAL,
    "S2z": replace(_REAL, endpoints=(8.0, 0.5), phi=4.0),
    "S3": replace(_REAL, clients=12, months=(6, 30)),
    "S4": replace(_REAL, start=0.5, floor=0.5, shape="flat"),
    "S5-linear": replace(_REAL, shape="linear", tau=12.0),
    "S5-step": replace(_REAL, shape="step", tau=6.0),
    "S5-hyperbolic": replace(_REAL, shape="hyperbolic"),
    "S6": _GROUPS,
    "S7": replace(_GROUPS, fixed_tau_ratio=0.7),
    "S8": replace(_GROUPS, recorded=0.85),
    "S8r": replace(_GROUPS, recorded=0.7, recorded_over=12.0),
    "S9": replace(_GROUPS, switch_share=0.3, switch_tau_ratio=0.7),
    "S9u": replace(_GROUPS, switch_share=0.3, recorded=0.85),
}
SWITCH_MONTHS = (4, 9)


def simulate_panel(scenario: Scenario | str, *, seed: int) -> pd.DataFrame:
    """A panel of client-months with known truth.

    Parameters
    ----------
    scenario : Scenario, or the name of one in SCENARIOS
    seed : int

    Returns
    -------
    DataFrame, one row per client and month (columns of schema.Panel)

    Raises
    ------
    ParameterError
        The name is not that of a scenario.
    """
    parts = [columns for columns, _ in _portfolio(scenario, seed)]
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def true_clients(scenario: Scenario | str, *, seed: int) -> pd.DataFrame:
    """Start, floor and tau of every client of `simulate_panel` with the same arguments, indexed by client."""
    parts = _portfolio(scenario, seed)
    names = [columns["client"][0] for columns, _ in parts]
    truth = np.array([parameters for _, parameters in parts])
    return pd.DataFrame(truth, pd.Index(names, name="client"), ["start_h", "floor_h", "tau_months"])


def ticket_panel(
    rng: np.random.Generator,
    endpoints: float,
    rate_h: float,
    *,
    ticket_sd: float = 0.3,
    tail: str = "exponential",
    shock_sd: float = 0.0,
) -> pd.DataFrame:
    """Two years of 40 clients of one size and rate, made of single tickets, to test intervals of RHEM.

    A client's tickets take 0.6 h in the mean, which differs between clients by `ticket_sd` on the log scale; they
    are exponential or (`tail` = "heavy") log-normal with twice that variance. The columns are those that
    `pooled_rhem` reads, and true_h, the expected hours per endpoint of the month.
    """
    clients, months = 40, 24
    client, month = (index.ravel() for index in np.indices((clients, months)))
    true_h = rate_h * np.exp(shock_sd * rng.standard_normal(len(client)) - shock_sd**2 / 2)
    ticket_h = 0.6 * np.exp(ticket_sd * rng.standard_normal(clients) - ticket_sd**2 / 2)[client]
    tickets = rng.poisson(endpoints * true_h / ticket_h)
    row = np.repeat(np.arange(len(client)), tickets)
    spread = np.sqrt(np.log(3.0))
    each = np.exp(spread * rng.standard_normal(len(row)) - spread**2 / 2) if tail == "heavy" else (
        rng.exponential(size=len(row)))  # fmt: skip
    hours = each * ticket_h[row]
    sums = (np.bincount(row, weights, minlength=len(client)) for weights in (hours, hours**2))
    return pd.DataFrame({
        "client": np.char.add("client ", client.astype(str)), "true_h": true_h, "exposure": float(endpoints),
        "month": (np.datetime64("2024-01", "M") + month).astype("datetime64[us]"), "reactive_tickets": tickets,
        **dict(zip(("reactive_hours", "squared_hours"), sums, strict=True)), "unclassified_hours": 0.0,
    })  # fmt: skip


def _portfolio(scenario: Scenario | str, seed: int) -> list[tuple[dict[str, NDArray], Array]]:
    """Columns of the panel and true parameters of every client."""
    if isinstance(scenario, str):
        if scenario not in SCENARIOS:
            raise ParameterError(f"'{scenario}' is not a scenario.", fix="Known: " + ", ".join(SCENARIOS) + ".")
        scenario = SCENARIOS[scenario]
    rng = np.random.default_rng(seed)
    fixed = rng.permutation(np.arange(scenario.clients) < round(scenario.fixed_share * scenario.clients))
    return [_client(scenario, i, bool(fixed[i]), rng) for i in range(scenario.clients)]


def _client(
    truth: Scenario, number: int, fixed: bool, rng: np.random.Generator
) -> tuple[dict[str, NDArray], Array]:
    """All months of one client, by column of the panel, and its start, floor and tau."""
    size = _size(truth, fixed, rng)
    parameters = _parameters(truth, size / truth.endpoints[0], fixed, rng)
    count = int(rng.integers(truth.months[0], truth.months[1] + 1))
    age = np.arange(count, dtype=float)
    width = np.ones(count)
    if truth.leaving:
        width[-1] = rng.uniform(0.2, 1.0)
    switch = _switch(truth, fixed, rng)
    first_month = int(rng.integers(0, 24))
    wave = 1 + truth.season * np.sin(2 * np.pi * (first_month + age) / 12)
    level = _path(truth, age, age + width, parameters, switch) * wave * np.exp(_shocks(truth, count, rng))
    endpoints = size * np.exp(np.cumsum(0.02 * rng.standard_normal(count)))
    exposure = endpoints * width
    tickets, hours = _work(truth, level, exposure, rng)
    hours *= _recorded(truth, age + width / 2, 0.0 if fixed else switch)
    if truth.leaving:
        count = _stays(hours / exposure, rng)
    months = np.datetime64("2022-01", "M") + first_month + np.arange(len(age))
    columns = {
        "client": np.full(len(age), f"client {number:03d}", object),
        "billing": np.where(fixed | (age >= switch), "fixed-fee", "hourly").astype(object),
        "flags": np.full(len(age), "", object),
        "month": months.astype("datetime64[us]"),
        "endpoints": endpoints,
        "exposure": exposure,
        "age_start": age,
        "age_end": age + width,
        "age_months": age + width / 2,
        "reactive_hours": hours,
        "reactive_tickets": tickets,
        "unclassified_hours": np.zeros(len(age)),
        **dict.fromkeys(("rhem_h", "rhem_high_h"), hours / exposure),
        "outside_hours": np.zeros(len(age)),
        "squared_hours": 2 * hours**2 / (tickets + 1),  # what exponential tickets of this sum have on average
    }
    return {name: values[:count] for name, values in columns.items()}, parameters


def _path(truth: Scenario, begin: Array, end: Array, parameters: Array, switch: float) -> Array:
    """Mean level over each month; from a switch on the decay's clock runs 1 / switch_tau_ratio times as fast."""
    start, floor, tau = parameters
    first, last = (
        np.minimum(x, switch) + np.maximum(x - switch, 0.0) / truth.switch_tau_ratio for x in (begin, end)
    )
    return floor + (start - floor) * AVERAGES[truth.shape](first, last, tau)[0]


def _size(truth: Scenario, fixed: bool, rng: np.random.Generator) -> float:
    """Endpoints of a client at its beginning."""
    median, spread = truth.endpoints
    relative = np.exp(spread * rng.standard_normal()) * (truth.fixed_size_ratio if fixed else 1.0)
    return float(np.clip(median * relative, *truth.endpoint_limits))


def _work(truth: Scenario, level: Array, exposure: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Tickets and hours of months: a Poisson number of exponential tickets, Tweedie of power 1.5."""
    tickets = rng.poisson(2 * exposure * np.sqrt(level) / truth.phi).astype(float)
    return tickets, rng.gamma(np.maximum(tickets, 1), truth.phi * np.sqrt(level) / 2) * (tickets > 0)


def _parameters(truth: Scenario, relative_size: float, fixed: bool, rng: np.random.Generator) -> Array:
    """Start, floor and tau of one client."""
    z = rng.standard_normal(3)
    z[1] = truth.correlation * z[0] + np.sqrt(1 - truth.correlation**2) * z[1]
    out = np.array([truth.start, truth.floor, truth.tau]) * np.exp(np.array(truth.sd) * z)
    out[2] *= relative_size**truth.size_slope * (truth.fixed_tau_ratio if fixed else 1.0)
    out[0] *= truth.fixed_start_ratio if fixed else 1.0
    return out


def _switch(truth: Scenario, fixed: bool, rng: np.random.Generator) -> float:
    """Month of service in which an hourly client changes to a fixed fee; infinite for the others."""
    if truth.switch_share == 0 or fixed or rng.random() >= truth.switch_share:
        return np.inf
    return float(rng.integers(SWITCH_MONTHS[0], SWITCH_MONTHS[1] + 1))


def _recorded(truth: Scenario, age: Array, since: float) -> Array:
    """Share of the hours that is written down at an age, under a fixed fee since an age."""
    progress = np.clip((age - since) / truth.recorded_over, 0, 1) if truth.recorded_over else age >= since
    return 1.0 - (1 - truth.recorded) * np.asarray(progress, float)


def _shocks(truth: Scenario, count: int, rng: np.random.Generator) -> Array:
    """Log shocks of a client's months: mean of their exponential 1, autoregressive of order one."""
    out = truth.shock_sd * rng.standard_normal(count)
    fresh = np.sqrt(1 - truth.shock_memory**2)
    for i in range(1, count):
        out[i] = truth.shock_memory * out[i - 1] + fresh * out[i]
    return out - truth.shock_sd**2 / 2


def _stays(rate: Array, rng: np.random.Generator) -> int:
    """Months until a client leaves: the hazard is 1% a month at 0.25 h and rises with the last 3 months' RHEM."""
    recent = np.convolve(rate, np.ones(3) / 3)[: len(rate)]
    leaves = (rng.random(len(rate)) < np.minimum(0.04 * recent, 0.2)) & (np.arange(len(rate)) >= 5)
    return int(leaves.argmax()) + 1 if leaves.any() else len(rate)
