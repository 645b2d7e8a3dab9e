"""`rhem pull`: what changed in the systems that rhem.toml names, stored under exports/ as it was received."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from rhem_lib.errors import ParameterError, SettingsError, SourceError, nearest, one_of
from rhem_lib.exports import Profile, read_profiles
from rhem_lib.interfaces import Api, ApiList
from rhem_lib.pull.client import Client, Clock, Pace, list_of, secrets_of
from rhem_lib.pull.pages import Span, read_whole
from rhem_lib.pull.stage import STAGED, Read, Stage, drop_replaced, earlier_pulls
from rhem_lib.settings import Settings, Source, read_settings
from rhem_lib.storage import alone, writing

FIRST_MONTHS = 36  # that the first pull reads
OVERLAP = timedelta(days=1)  # before the last pull, from which changes are read again: clocks differ
LOST = 20  # records of a list that do not all vanish from one pull to the next
FIRST_LIST = (
    "this is the first list of its devices, and earlier months have no RHEM without one: put lists of theirs into "
    "exports/, or numbers by agreement into clients.csv (contracted_endpoints)."
)
NO_LIST = "No later pull can give it: the month takes the list before, up to 2 months; after that it has no RHEM."
COLUMNS = ["system", "list", "start", "records", "pages", "proof"]
Job = tuple[Source, Profile, Api, list[ApiList]]


@dataclass(frozen=True)
class Pulled:
    """What one run of `rhem pull` stored.

    Attributes
    ----------
    table : DataFrame
        Per system, list and span: records and pages stored, and the proof that they are all.
    requests : DataFrame
        Per system: requests, limit, seconds of the limit, share of it that a pull may use, whether it was resumed.
    failed : dict
        Why a system gave nothing, by its name.
    missing : list of tuple
        System and month without a list of its devices, between the first such list and now.
    first_lists : list
        Systems whose list of devices is the first.
    """

    table: pd.DataFrame
    requests: pd.DataFrame
    failed: dict[str, str]
    missing: list[tuple[str, str]]
    first_lists: list[str]

    @property
    def text(self) -> str:
        """What was stored, by system, and what is missing."""
        lines = []
        for row in self.requests.itertuples():
            own = self.table[self.table["system"] == row.system]
            sums = own.groupby("list", sort=False)["records"].sum()
            parts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in sums.items())
            limit = f"{'an assumed ' * row.assumed}{row.limit:,} in {row.per:,} s"
            share = f"{row.requests / row.limit:.1%} of {limit}"
            again = ", resumed" if row.resumed else ""
            lines.append(
                f"{row.system}: {parts}. All of it is proven; {row.requests:,} requests ({share}){again}."
            )
        lines += [f"{system} failed: {why}" for system, why in self.failed.items()]
        lines += [f"{system}: {FIRST_LIST}" for system in self.first_lists]
        lines += [
            f"{system}: no list of devices was pulled in {month}. {NO_LIST}" for system, month in self.missing
        ]
        return "\n".join(lines)

    def summary(self) -> pd.DataFrame:
        """Records and pages by system and list."""
        return self.table.groupby(["system", "list"], as_index=False, sort=False)[["records", "pages"]].sum()

    def as_json(self) -> dict[str, Any]:
        """The same as one JSON object."""
        tables = {name: getattr(self, name).to_dict("records") for name in ("requests", "table")}
        return {**tables, "failed": self.failed, "missing": [list(pair) for pair in self.missing]}


def pull_sources(
    folder: str | Path,
    *,
    only: str = "",
    full: bool = False,
    tell: Callable[[str, str, int, int], None] = lambda *_: None,
    clock: Clock | None = None,
) -> Pulled:
    """Fetch what changed since the last pull from every system in `[[sources]]` of rhem.toml.

    A system's records are stored when all its lists are proven whole, else none; a run that was stopped goes on.

    Parameters
    ----------
    folder : str or Path
        Workspace.
    only : str, optional
        A table, such as endpoints; lists of names come along.
    full : bool
        Read everything again, as the first time, in place of what is stored.
    tell : callable, optional
        Told system, list, records so far, and records in all (0 if unknown).
    clock : Clock, optional
        The time, and waiting.

    Returns
    -------
    Pulled
        Records, proofs and requests; systems that failed.

    Raises
    ------
    SettingsError
        rhem.toml names no source or one that cannot be read, or a secret is missing.
    OutputError
        The disk refuses, or another pull is running.

    Examples
    --------
    >>> pull_sources("data/mine").text  # doctest: +SKIP
    'ninjaone: endpoints-devices 412, names-organizations 31. All of it is proven; 5 requests (8.3% of 60 ...'
    """
    folder, clock = Path(folder), clock or Clock()
    settings = read_settings(folder)
    jobs = _jobs(settings, read_profiles(folder), only)
    reads: list[tuple[str, Read]] = []
    requests, failed = [], {}
    with writing(folder), alone(folder / STAGED, "another pull of this workspace is running."):
        for job in jobs:
            source = job[0]
            home = folder / "exports" / source.system
            try:
                stage, count = _pull_one(folder, settings, job, full, tell, clock)
            except SourceError as problem:
                failed[source.system] = str(problem)
                continue
            reads += [(source.system, read) for read in stage.done]
            requests.append(_usage(job, count, stage.resumed))
            drop_replaced(home, {one.name: one.read for one in job[2].lists})
    rows = [{"system": system, **vars(read)} for system, read in reads]
    used = pd.DataFrame(requests, columns=["system", "requests", "limit", "per", "assumed", "share", "resumed"])
    held = {job[0].system: _months_with_list(folder, job) for job in jobs}
    now = f"{clock.now():%Y-%m}"
    missing = [(system, month) for system, months in held.items() for month in _gaps(months, now)]
    first = [system for system, months in held.items() if len(months) == 1 and now in months]
    return Pulled(pd.DataFrame(rows, columns=COLUMNS), used, failed, missing, first)


def _jobs(settings: Settings, profiles: dict[str, Profile], only: str) -> list[Job]:
    """Each source with its interface and the lists to read; what cannot work is said before anything is sent."""
    if not settings.sources:
        fix = 'Add to rhem.toml:\n[[sources]]\nsystem = "connectwise"\nurl = "https://..."'
        raise SettingsError("no system to pull from is named.", where="rhem.toml, [[sources]]", fix=fix)
    live = {name: profile.api for name, profile in profiles.items() if profile.api}
    tables = sorted({one.table for api in live.values() for one in api.lists} - {"names"})
    only = only and one_of(only, tables, "--only")
    jobs: list[Job] = []
    for source in settings.sources:
        where = f"rhem.toml, [[sources]] system = '{source.system}'"
        api = live.get(source.system)
        if api is None:
            raise SettingsError("it cannot be pulled from.", where=where, fix=nearest(source.system, sorted(live)))
        if source.system in [job[0].system for job in jobs]:
            raise SettingsError("this system is there twice.", where=where)
        if not (source.url or api.url):
            raise SettingsError("its address is missing.", where=where, fix=f'Add: url = "{api.example}"')
        secrets_of(source, profiles[source.system], api)
        lists = [one for one in api.lists if one.table not in source.skip and only in ("", one.table, "names")]
        jobs.append((source, profiles[source.system], api, lists))
    listed = [job[0].system for job in jobs if any(one.read == "snapshot" and not one.mirror for one in job[3])]
    jobs = [(*job[:3], [one for one in job[3] if not (one.mirror and listed)]) for job in jobs]
    jobs = [job for job in jobs if any(one.table == only or not only for one in job[3])]
    if not jobs:
        raise ParameterError(f"no system of rhem.toml gives {only or 'a table'}.", where="--only")
    return jobs


def _pull_one(
    folder: Path,
    settings: Settings,
    job: Job,
    full: bool,
    tell: Callable[[str, str, int, int], None],
    clock: Clock,
) -> tuple[Stage, int]:
    """Read all lists of a system and publish them; return the stage and how many requests it took."""
    source, profile, api, lists = job
    home = folder / "exports" / source.system
    plan = json.dumps([[one.name for one in lists], full, str(source.first), source.url])
    stage = Stage(folder, source.system, plan, clock.now())
    now = clock.now().timestamp()
    pace = Pace(max(1, int(api.limit * source.share)), api.per, clock, (t for t in stage.times() if t <= now))
    pace.count = stage.state["requests"]
    client = Client(source, profile, api, pace)
    local = stage.started.astimezone(ZoneInfo(settings.time_zone))
    earlier = list(earlier_pulls(home).values())
    for one in lists:
        for span in _spans(one, stage, [] if full else earlier, source, f"{local:%Y-%m-%d}"):
            if (one.name, span.start) not in [(read.list, read.start) for read in stage.done]:
                read_whole(client, span, stage, lambda *at: tell(source.system, *at))
        _check_lost(one, stage, earlier, profile.title)
    stage.publish(home, local)
    return stage, pace.count


def _spans(one: ApiList, stage: Stage, earlier: list[dict[str, Any]], source: Source, day: str) -> Iterator[Span]:
    """Yield what of a list is to be read, given the records of earlier pulls."""
    held = [record["started"] for record in earlier if one.name in [read["list"] for read in record["done"]]]
    last = datetime.fromisoformat(max(held)) if held else None
    now = pd.Period(stage.started.replace(tzinfo=None), "M")
    first = (
        pd.Timestamp(source.first, tz="UTC")
        if source.first
        else (now - FIRST_MONTHS).start_time.tz_localize("UTC")
    )
    if one.each:
        for page in stage.pages(f"{one.each}-all"):
            for record in list_of(json.loads(page.read_bytes()), ""):
                yield Span(one, str(record["id"]), {"id": str(record["id"])})
    elif one.read == "changed":
        since = _stamp(last - OVERLAP if last else first)
        yield Span(one, since, {"since": since})
    elif one.read == "months":
        begin = pd.Period((last - timedelta(days=one.again_days) if last else first).replace(tzinfo=None), "M")
        for month in pd.period_range(begin, now):
            since, until = month.start_time - timedelta(seconds=2), (month + 1).start_time - timedelta(seconds=1)
            yield Span(one, str(month), {"since": _stamp(since), "until": _stamp(until)})  # of any kind of bounds
    else:
        yield Span(one, day if one.read == "snapshot" else "")


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _check_lost(one: ApiList, stage: Stage, earlier: list[dict[str, Any]], title: str) -> None:
    """Stop where a list that had many records is empty now: a right was lost, not the records."""
    before = [read["records"] for record in earlier for read in record["done"] if read["list"] == one.name]
    now = sum(read.records for read in stage.done if read.list == one.name)
    if one.read in ("whole", "snapshot") and not one.each and not now and before and before[-1] >= LOST:
        fix = "Look at the rights of the API user; if it is true, write skip in its entry of [[sources]]."
        raise SourceError(f"it has no records now, and had {before[-1]:,}.", where=f"{title}, {one.path}", fix=fix)


def _usage(job: Job, count: int, resumed: bool) -> tuple[Any, ...]:
    source, _, api, _ = job
    return source.system, count, api.limit, api.per, api.assumed, source.share, resumed


def _months_with_list(folder: Path, job: Job) -> set[str]:
    """Months in which a list of a system's devices was pulled."""
    names = [one.name for one in job[3] if one.read == "snapshot"]
    pulls = earlier_pulls(folder / "exports" / job[0].system).values()
    return {read["start"][:7] for pull in pulls for read in pull["done"] if read["list"] in names}


def _gaps(months: set[str], now: str) -> list[str]:
    """Months that are missing between the first and now.

    >>> _gaps({"2026-07", "2026-09"}, "2026-10")
    ['2026-08', '2026-10']
    """
    every = pd.period_range(min(months), now, freq="M") if months else []
    return [str(month) for month in every if str(month) not in months]
