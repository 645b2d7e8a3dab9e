"""The work of the made-up MSP: reactive tickets and all else as jobs, entries and tickets.

A job is one ticket, or a stretch of internal time: a client, a work class, the days on which it may be worked,
and its time in hundredths of an hour, so that splitting it over entries loses nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

WINDOW_END = pd.Timestamp("2026-07-01")
WEEKEND_WEIGHT = 0.12
CATEGORIES = (
    "Email", "Printing", "Network", "Hardware", "Line of business app", "Password",
    "Workstation", "Server", "Backup",
)  # fmt: skip
_MACHINE = ("Network", "Hardware", "Workstation", "Server", "Backup")
_SUMMARIES = {
    "Email": ("Cannot send mail", "Outlook keeps asking to sign in", "Spam got through"),
    "Printing": ("Printer offline", "Prints come out blank", "Add a printer"),
    "Network": ("Wi-Fi drops", "No internet in the meeting room", "VPN will not connect"),
    "Hardware": ("Screen flickers", "Laptop does not charge", "Disk errors"),
    "Line of business app": ("Program will not start", "Error on save", "Slow reports"),
    "Password": ("Locked out", "Password reset", "New phone for sign-in codes"),
    "Workstation": ("Computer is slow", "Restarts by itself", "Low disk space"),
    "Server": ("Shared drive not reachable", "Service stopped", "High memory use"),
    "Backup": ("Backup failed", "Backup missed its window", "Restore a file"),
    "": ("Quarterly plan", "Agreed work", "Call"),
}
_BOARDS = {
    "scheduled": ("Scheduled Maintenance", "Maintenance"),
    "project": ("Projects", "Project"),
    "onboarding": ("Onboarding", "Onboarding"),
    "unclassified": ("Triage", ""),
}


@dataclass(frozen=True)
class Calendar:
    """The window: first days of months, their day numbers (and the end), weight of days so far."""

    starts: pd.DatetimeIndex
    edges: np.ndarray
    weight: np.ndarray

    def day(self, number: np.ndarray | pd.Series) -> pd.DatetimeIndex:
        """Dates of day numbers."""
        return pd.DatetimeIndex(self.starts[0] + pd.to_timedelta(np.asarray(number), unit="D"))

    def month(self, number: np.ndarray | pd.Series) -> np.ndarray:
        """Index of the month in which a day lies."""
        return np.searchsorted(self.edges, number, side="right") - 1

    def pick(self, u: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Days in [low, high), mostly working days, for uniform draws u."""
        target = self.weight[low] + u * (self.weight[high] - self.weight[low])
        return np.clip(np.searchsorted(self.weight, target, side="right") - 1, low, np.maximum(high - 1, low))


def calendar(months: int) -> Calendar:
    """The window of so many months that ends on 2026-06-30."""
    starts = pd.date_range(end=WINDOW_END, periods=months + 1, freq="MS")
    edges = (starts - starts[0]).days.to_numpy()
    weekday = (starts[0] + pd.to_timedelta(np.arange(edges[-1]), unit="D")).day_of_week
    return Calendar(starts[:-1], edges, np.r_[0, np.cumsum(np.where(weekday < 5, 1.0, WEEKEND_WEIGHT))])


def device_kinds(number: np.ndarray | pd.Series) -> np.ndarray:
    """Every ninth machine of a client is a server."""
    return np.where(np.asarray(number) % 9 == 4, "server", "workstation")


def device_names(code: pd.Series, number: pd.Series, kind: pd.Series) -> pd.Series:
    """Names such as HD01-WS-012."""
    return (
        code + kind.map({"workstation": "-WS-", "server": "-SV-", "network": "-SW-"}) + number.map("{:03d}".format)
    )


def plan_work(
    rng: np.random.Generator, people: pd.DataFrame, panel: pd.DataFrame, drawn: pd.DataFrame, time: Calendar
) -> pd.DataFrame:
    """Return all jobs: client row (-1: the MSP itself), work_class, low, high, cents, pieces."""
    stretch = panel[["row", "low", "high"]]
    reactive = stretch.iloc[drawn["panel_row"]].assign(cents=_round(rng, drawn["hours"]), work_class="reactive")
    untyped = reactive.sample(frac=0.024, random_state=rng).assign(work_class="unclassified")
    storms = _storms(rng, stretch)
    for jobs in (reactive, untyped):
        first = time.pick(rng.random(len(jobs)), jobs["low"].to_numpy(), jobs["high"].to_numpy())
        jobs["low"], jobs["high"] = first, np.minimum(first + 3, jobs["high"])
        u = rng.random(len(jobs))
        jobs["pieces"] = 1 + (u > 0.87).astype(int) + (u > 0.97) + jobs["cents"] // 600
    upkeep = rng.gamma(4, 0.1 * panel["exposure"] / 4)
    scheduled = stretch.assign(cents=_round(rng, upkeep), work_class="scheduled")
    scheduled["pieces"] = 1 + scheduled["cents"] // 300
    planned = [scheduled, _projects(rng, people, panel), _onboarding(rng, people, panel)]
    jobs = pd.concat([reactive, storms, untyped, *planned, _own_time(rng, people, time)], ignore_index=True)
    jobs["pieces"] = np.minimum(jobs["pieces"], jobs["cents"]).astype(int)
    jobs["technician"] = np.floor(rng.random(len(jobs)) ** 1.3 * _staff(people)).astype(int)
    return jobs


def _staff(people: pd.DataFrame) -> int:
    return max(3, len(people) // 4)


def _round(rng: np.random.Generator, hours: np.ndarray | pd.Series) -> np.ndarray:
    """Hundredths of an hour, rounded up or down at random so that the sum stays unbiased."""
    hours = np.asarray(hours)
    return np.floor(hours * 100 + rng.random(len(hours))).astype(int)


def _storms(rng: np.random.Generator, stretch: pd.DataFrame) -> pd.DataFrame:
    """Alert storms: dozens of tickets on one day, closed by the RMM without any time."""
    hit = stretch.iloc[rng.integers(0, len(stretch), max(1, len(stretch) // 40))]
    day = rng.integers(hit["low"], hit["high"])
    hit = hit.assign(low=day, high=day + 1, cents=0, pieces=0, work_class="storm")
    return hit.loc[np.repeat(hit.index, rng.integers(15, 45, len(hit)))]


def _projects(rng: np.random.Generator, people: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """About one project per client and eight months, 10 to 60 h over one to two months."""
    begun = panel.iloc[np.flatnonzero(rng.random(len(panel)) < 1 / 8)]
    low = rng.integers(begun["low"], begun["high"])
    high = np.minimum(low + rng.integers(30, 61, len(low)), people["left"].to_numpy()[begun["row"]])
    cents = _round(rng, rng.uniform(10, 60, len(low)))
    return pd.DataFrame(
        {"row": begun["row"], "low": low, "high": high, "cents": cents, "pieces": 1 + cents // 250}
    ).assign(work_class="project")


def _onboarding(rng: np.random.Generator, people: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """The onboarding project: its part inside the window, in the first six weeks."""
    size = panel.drop_duplicates("row").set_index("row")["endpoints"].reindex(people.index)
    low, high = people["joined"].clip(lower=0), np.minimum(people["joined"] + 42, people["left"])
    share = ((high - low) / 42).clip(lower=0)
    cents = _round(rng, share * (8 + 0.5 * size) * rng.lognormal(0, 0.3, len(people)))
    jobs = pd.DataFrame(
        {"row": people.index, "low": low, "high": high, "cents": cents, "pieces": 1 + cents // 250}
    )
    return jobs[jobs["high"] > jobs["low"]].assign(work_class="onboarding")


def _own_time(rng: np.random.Generator, people: pd.DataFrame, time: Calendar) -> pd.DataFrame:
    """Internal time and leave of the staff, month by month."""
    month = np.repeat(np.arange(len(time.starts)), _staff(people))
    span = pd.DataFrame({"row": -1, "low": time.edges[month], "high": time.edges[month + 1]})
    internal = span.assign(cents=_round(rng, rng.uniform(6, 18, len(span))), work_class="internal")
    internal["pieces"] = 1 + internal["cents"] // 250
    leave = span[rng.random(len(span)) < 0.8].assign(cents=800, pieces=1, work_class="excluded")
    return pd.concat([internal, leave])


def enter_time(rng: np.random.Generator, jobs: pd.DataFrame, people: pd.DataFrame, time: Calendar) -> pd.DataFrame:
    """Return time entries: each job's hundredths of an hour split over its pieces, none lost."""
    job = np.repeat(np.arange(len(jobs)), jobs["pieces"])
    of = jobs.iloc[job].reset_index(drop=True)
    share = (of.assign(u=rng.uniform(0.5, 1.5, len(of))).groupby(job)["u"]).agg(["cumsum"])["cumsum"]
    upto = np.floor((of["cents"] - of["pieces"]) * share / share.groupby(job).transform("max"))
    cents = (1 + upto - upto.groupby(job).shift(fill_value=0)).astype(int).to_numpy()
    day = time.pick(rng.random(len(of)), of["low"].to_numpy(), of["high"].to_numpy())
    late = rng.random(len(of)) < np.where(of["work_class"] == "reactive", 0.12, 0.03)
    start = np.where(late, rng.integers(216, 264, len(of)), rng.integers(96, 204, len(of))) * 5
    minutes = np.maximum(1, np.rint(cents * 0.6)).astype(int)
    start = np.clip(np.minimum(start, 1439 - minutes), 0, None)
    other = rng.random(len(of)) < 0.12
    technician = np.where(other, rng.integers(0, _staff(people), len(of)), of["technician"])
    entries = pd.DataFrame({"job": job, "row": of["row"], "day": day, "work_class": of["work_class"]})
    entries["hours"] = cents / 100
    entries["technician"] = pd.Series(1 + technician).map("tech{:02d}".format)
    entries["worked_on"] = time.day(day)
    entries["started_at"] = entries["worked_on"] + pd.to_timedelta(start, unit="m")
    entries["ended_at"] = entries["started_at"] + pd.to_timedelta(minutes, unit="m")
    # A few entries are typed in days later, some of them in the next month.
    days = np.where(rng.random(len(of)) < 0.04, rng.integers(1, 12, len(of)), 0)
    entries["entered_at"] = entries["ended_at"] + pd.to_timedelta(days * 1440 + 2, unit="m")
    who = people.iloc[entries["row"].clip(lower=0)].reset_index(drop=True)
    own = entries["row"] < 0
    entries["client"] = who["client"].mask(own)
    fixed = who["switched"] <= day
    entries["billing"] = who["billing"].mask(fixed, "fixed-fee").mask(own)
    return entries.sort_values(["started_at", "job"], kind="stable", ignore_index=True)


def raise_tickets(
    rng: np.random.Generator,
    jobs: pd.DataFrame,
    entries: pd.DataFrame,
    people: pd.DataFrame,
    panel: pd.DataFrame,
    time: Calendar,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number jobs as they were opened; return entries with their ticket, and tickets."""
    tickets = jobs[jobs["row"] >= 0].copy()
    first, last = (entries.groupby("job")[c].agg(how) for c, how in (("started_at", "min"), ("ended_at", "max")))
    at = pd.Series(time.day(tickets["low"]), tickets.index) + pd.to_timedelta(
        rng.integers(60, 1380, len(tickets)), unit="m"
    )
    wait = pd.to_timedelta(np.ceil(rng.exponential(30, len(tickets))) * 5, unit="m")
    tickets["opened_at"] = (first.reindex(tickets.index) - wait).fillna(at)
    closed = last.reindex(tickets.index).fillna(tickets["opened_at"])
    closed += pd.to_timedelta(np.ceil(rng.exponential(12, len(tickets))) * 5, unit="m")
    tickets["closed_at"] = closed.where(closed < WINDOW_END)
    tickets = tickets.sort_values(["opened_at", "row"], kind="stable")
    tickets["ticket_id"] = 100001 + np.arange(len(tickets))
    tickets["client"] = people["client"].to_numpy()[tickets["row"]]
    tickets = _describe(rng, tickets, people, panel, time)
    tickets["parent_id"] = _parents(rng, tickets, time)
    entries = entries.assign(
        ticket_id=tickets["ticket_id"].reindex(entries["job"]).astype("Int64").array,
        entry_id=500001 + np.arange(len(entries)),
    )
    tickets["work_class"] = tickets["work_class"].replace("storm", "reactive")
    unused = ["row", "low", "high", "cents", "pieces", "technician"]
    return entries.drop(columns=["job", "row", "day"]), tickets.drop(columns=unused).reset_index(drop=True)


def _describe(
    rng: np.random.Generator, tickets: pd.DataFrame, people: pd.DataFrame, panel: pd.DataFrame, time: Calendar
) -> pd.DataFrame:
    """Board, type, category, source, priority, device and summary."""
    n, t, row = len(people), len(time.starts), tickets["row"].to_numpy()
    month = time.month(tickets["low"])
    shares = np.repeat(rng.dirichlet(np.full(len(CATEGORIES), 2.0), n)[:, None], t, axis=1)
    # One client's backups get worse over the last year.
    shares[rng.choice(panel.loc[panel["t"] == t - 1, "row"]), :, -1] += 0.6 * np.clip(
        1 - np.arange(t)[::-1] / 12, 0, 1
    )
    upto = (shares / shares.sum(axis=2, keepdims=True)).cumsum(axis=2)
    number = (rng.random(len(tickets))[:, None] > upto[row, month, :-1]).sum(axis=1)
    kind = tickets["work_class"]
    category = pd.Series(np.array(CATEGORIES, dtype=object)[number], tickets.index).astype("str")
    category = category.where(kind.isin(["reactive", "storm"]), "")
    alert = (kind == "storm") | ((kind == "reactive") & category.isin(_MACHINE) & (rng.random(len(tickets)) < 0.5))
    asked = rng.choice(["Incident", "Service Request", "Problem"], len(tickets), p=[0.62, 0.32, 0.06])
    board = {"reactive": "Help Desk", "storm": "Help Desk"} | {name: pair[0] for name, pair in _BOARDS.items()}
    out = tickets.assign(board=kind.map(board).mask(alert, "RMM Alerts"), category=category)
    typed = kind.map({name: pair[1] for name, pair in _BOARDS.items()})
    out["type"] = typed.where(typed.notna(), pd.Series(asked, tickets.index)).mask(alert, "Alert")
    channel = pd.Series(rng.choice(["Phone", "Email", "Portal"], len(tickets), p=[0.4, 0.4, 0.2]), tickets.index)
    out["source"] = channel.mask(alert, "RMM")
    urgency = ["Priority 2 - High", "Priority 3 - Medium", "Priority 4 - Low"]
    out["priority"] = rng.choice(urgency, len(tickets), p=[0.1, 0.75, 0.15])
    size = panel.set_index(["row", "t"])["endpoints"].reindex(pd.MultiIndex.from_arrays([row, month])).to_numpy()
    # A few noisy machines cause most tickets.
    rank = pd.Series(((rng.random(len(tickets)) ** 4 * size) + row) % size, tickets.index).astype(int)
    code = pd.Series(people["code"].to_numpy()[row], tickets.index)
    device = device_names(code, rank, pd.Series(device_kinds(rank), tickets.index))
    known = alert | ((kind == "reactive") & (rng.random(len(tickets)) < 0.7))
    out["device"] = device.where(known, "")
    which = rng.integers(0, 3, len(tickets))
    out["summary"] = [_SUMMARIES[c][k] for c, k in zip(category, which, strict=True)]
    return out


def _parents(rng: np.random.Generator, tickets: pd.DataFrame, time: Calendar) -> pd.Series:
    """Return parents of the few child tickets: the reactive ticket before in client and month."""
    worked = tickets[(tickets["work_class"] == "reactive") & (tickets["pieces"] > 0)]
    worked = worked.assign(month=time.month(worked["low"])).sort_values(["row", "month"], kind="stable")
    before = worked.groupby(["row", "month"])["ticket_id"].shift()
    child = before.notna() & (rng.random(len(worked)) < 0.02)
    child &= ~child.shift(fill_value=False)
    return before[child].reindex(tickets.index).astype("Int64")
