"""A new workspace: rhem.toml, and clients.csv with what agreements and lists know; nothing is written over."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rhem_lib.deck import csv_text
from rhem_lib.errors import RhemError, one_of, toml_text
from rhem_lib.exports import Profile, export_files, read_profiles
from rhem_lib.interfaces import variable_of
from rhem_lib.settings import known_zone, normal_name
from rhem_lib.storage import write_whole, writing
from rhem_lib.workspace import Workspace, load

IGNORED = "# data of your clients, and what is made of it\nexports/\n.pull/\nnotebooks/\nreports/\n"


@dataclass(frozen=True)
class Started:
    """What `rhem new` wrote, what was there already, and what comes next."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    next: tuple[str, ...]

    @property
    def text(self) -> str:
        """A line for each of the three."""
        there = {"Wrote": ", ".join(self.written), "Kept as it was": ", ".join(self.kept)}
        return "\n".join(
            f"{head}: {what}" for head, what in (there | {"Next": " ".join(self.next)}).items() if what
        )


def local_zone() -> str:
    """Return the time zone of this computer, or UTC where its name is not known."""
    found = os.environ.get("TZ") or Path("/etc/localtime").resolve().as_posix().partition("zoneinfo/")[2]
    try:
        return known_zone(found or "UTC")
    except ValueError:
        return "UTC"


def start(folder: Path, name: str, time_zone: str = "UTC", systems: Sequence[str] = ()) -> Started:
    """Make a workspace, or complete one: called again when exports are there, it writes clients.csv.

    Parameters
    ----------
    folder : Path
    name : str
        Of the MSP.
    time_zone : str
        Such as America/New_York.
    systems : sequence of str
        Profiles of the systems in use (`rhem profiles`), with their addresses where they are pulled from:
        'connectwise=https://...'.

    Raises
    ------
    ParameterError
        A system is not known.
    OutputError
        The disk refuses.

    Examples
    --------
    >>> start(Path("data/mine"), "Acme MSP", "America/New_York", ["connectwise"]).written  # doctest: +SKIP
    ('exports/', 'rhem.toml', '.gitignore')
    """
    profiles = read_profiles(folder if folder.is_dir() else None)
    pairs = [system.partition("=")[::2] for system in systems]
    chosen = [profiles[one_of(system, profiles, "--system")] for system, _ in pairs]
    urls = [url for _, url in pairs]
    head = [f"name = {toml_text(name)}", f"time_zone = {toml_text(known_zone(time_zone))}"]
    tail = ["", *(line for profile, url in zip(chosen, urls, strict=True) for line in _source(profile, url))]
    own = f"own_company = [{toml_text(name)}]  # work for ourselves is no client's"
    written = [f"{place}/" for place in ("exports",) if not (folder / place).is_dir()]
    with writing(folder):
        (folder / "exports").mkdir(parents=True, exist_ok=True)
        files = {"rhem.toml": "\n".join([*head, f"# {own}", *tail]), ".gitignore": IGNORED}
        new = {file: text for file, text in files.items() if not (folder / file).exists()}
        for file, text in new.items():
            write_whole(folder / file, text)
        work, problem = _read(folder)
        if work is not None and "rhem.toml" in new and normal_name(name) in map(normal_name, _names(work)):
            write_whole(folder / "rhem.toml", "\n".join([*head, own, *tail]))
            work = load(folder)
        # Nothing was pulled of these yet; their agreements may know starts that lists do not.
        live = chosen if work is None else [profiles[source.system] for source in work.settings.sources]
        live = [profile for profile in live if profile.api and not (folder / "exports" / profile.name).is_dir()]
        if work is not None and not live and len(_clients(work)) and not (folder / "clients.csv").exists():
            new["clients.csv"] = csv_text(_clients(work))
            write_whole(folder / "clients.csv", new["clients.csv"])
    kept = [file for file in (*files, "clients.csv") if file not in new and (folder / file).exists()]
    return Started(folder, (*written, *new), tuple(kept), tuple(_next(folder, chosen, live, work, problem)))


def _source(profile: Profile, url: str) -> list[str]:
    """Return the lines of a system that can be pulled; an address is never guessed, for secrets go there."""
    if profile.api is None:
        return []
    address = (
        f"url = {toml_text(url)}" if url else f"# url = {toml_text(profile.api.example)}  # that of your account"
    )
    where = [address] if url or not profile.api.url else []
    secrets = f"# secrets: {', '.join(_variables(profile))}"
    return ["[[sources]]", f"system = {toml_text(profile.name)}", *where, secrets, ""]


def _variables(profile: Profile) -> list[str]:
    return [variable_of(profile.name, name) for name in (profile.api.secrets if profile.api else [])]


def _read(folder: Path) -> tuple[Workspace | None, str]:
    """Return the workspace if there is anything in it, and what is wrong with it."""
    if not export_files(folder):
        return None, ""
    try:
        return load(folder), ""
    except RhemError as problem:
        return None, str(problem)


def _names(work: Workspace) -> list[str]:
    return work.clients["client"].tolist()


def _clients(work: Workspace) -> pd.DataFrame:
    """Return clients with a known start, where it comes from, and their last billing model.

    One without a start is left out, so that a list that comes later can still tell it.
    """
    rows = work.clients[work.clients["onboarded_on"].notna()]
    table = rows[["client", "onboarded_on", "onboarding_source", "ended_on"]].copy()
    for column in ("onboarded_on", "ended_on"):
        table[column] = table[column].dt.strftime("%Y-%m-%d")
    billing = work.agreements.sort_values("start", kind="stable").groupby("client")["billing"].last()
    return table.assign(billing=table["client"].map(billing))


def _next(
    folder: Path, chosen: Sequence[Profile], live: Sequence[Profile], work: Workspace | None, problem: str
) -> list[str]:
    """What to do next, in order."""
    if problem:
        return [problem]
    if work is None or live:
        names = [name for profile in live for name in _variables(profile)]
        files = [f"{p.title}: {', '.join(dict.fromkeys(t.table for t in p.tables))}" for p in chosen if not p.api]
        again = f"then `rhem new {folder}` again for clients.csv."
        pull = [f"set the variables {', '.join(names)} and `rhem pull {folder}`,"] if live else []
        place = f"put exports into {folder / 'exports'}"
        put = [] if work else [f"{place} ({'; '.join(files)}),"] if files else [f"{place},"] if not live else []
        return [*pull, *put, again]
    unknown = int(work.clients["onboarded_on"].isna().sum())
    more = [f"{unknown} clients have no start: add them to clients.csv."] if unknown else []
    return [*more, f"`rhem check {folder}`."]
