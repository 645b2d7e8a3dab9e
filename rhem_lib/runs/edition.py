"""A workspace -> study and reviews on disk: notebooks through papermill, parallel, resumable.

Every output has a key made from all that it depends on (data, code, packages, parameters) and a record beside it
that holds the key; an output whose key has not changed is kept. The workspace is read once, into prepared tables
that the study's notebooks open; a client's notebook opens its own review and nothing else.
"""

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib.billing import billing_plan, register
from rhem_lib.deck import convert, is_current, open_template
from rhem_lib.errors import InputError, NotEnoughData, ParameterError, Stopped, nearest
from rhem_lib.exports import read_queries
from rhem_lib.metric import measure
from rhem_lib.review import Review, build_review, not_reviewed
from rhem_lib.runs import page
from rhem_lib.runs.ledger import editions
from rhem_lib.runs.notebooks import NOTEBOOKS, title_of
from rhem_lib.runs.pool import Job, Record, run_jobs
from rhem_lib.schema import METRIC_VERSION, QUARTER, last_whole
from rhem_lib.settings import Brand, Settings, check_names, normal_name, read_settings
from rhem_lib.storage import (
    alone,
    check_refusal,
    digest,
    file_digest,
    file_states,
    own_reports,
    reports_of,
    sweep,
    write_whole,
    writing,
)
from rhem_lib.studies import Study, store, stored, study_panel
from rhem_lib.workspace import Workspace, is_prepared, load, save, spark_state

Named = tuple[str, str]  # kind and name of an output
# Names that Windows keeps for devices.
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
PACKAGES = "duckdb matplotlib narwhals numpy pandas papermill python-pptx scipy statsmodels".split()
STUDY = ("01_data_account", "02_rhem", "03_onboarding_decay", "04_fixed_fee", "05_known_truth", "06_portfolio")
CLIENT = "10_client_review"
Asked = tuple[str, Sequence[str] | None, bool]  # quarter, clients, speaker notes


@dataclass(frozen=True)
class Run:
    """One edition of reports; `table` has a row per output."""

    folder: Path
    table: pd.DataFrame
    failed: tuple[str, ...] = field(default=())
    without_pdf: int = 0  # decks of which a PDF was asked for and not made

    @property
    def text(self) -> str:
        """What was made, what was kept, what failed, and which file to open."""
        counts = self.table["status"].value_counts()
        made, kept = counts.get("done", 0), counts.get("kept", 0)
        words = [f"{made} made", *([f"{kept} unchanged and kept"] if kept else [])]
        words += [f"{len(self.failed)} failed ({', '.join(self.failed)})"] if self.failed else []
        words += [f"{self.without_pdf} decks without the PDF that was asked for"] if self.without_pdf else []
        shown = "it leads to the study, the portfolio deck, and each client's page and deck"
        return f"{', '.join(words)}. Open {self.folder / 'index.html'}: {shown}."

    def summary(self) -> pd.DataFrame:
        """Status and seconds per output."""
        return self.table[["kind", "name", "status", "seconds"]].round(1)


def study(folder: Path, *, workers: int | str = 2, force: bool = False, tell: Callable = print) -> Run:
    """Run the portfolio notebooks of a workspace, filed under the last quarter of its data."""
    return _edition(Path(folder), ("", None, True), workers=workers, force=force, tell=tell)


def review(  # noqa: PLR0913  each is an option of the command
    folder: Path,
    quarter: str = "last",
    *,
    clients: Sequence[str] = (),
    workers: int | str = 2,
    force: bool = False,
    pdf: bool = False,
    notes: bool = True,
    tell: Callable = print,
) -> Run:
    """Run the study, the portfolio, and a notebook, page and deck per client of the quarter.

    Parameters
    ----------
    folder : Path
        Workspace.
    quarter : str
        Such as 2026Q2; 'last' is the last one that is over and that the time entries cover to its end.
    clients : sequence of str, optional
        Only these; all active ones by default.
    workers : int or str
        Worker processes; or the address of a Dask scheduler, to whose workers the notebooks go instead.
    force : bool
        Run everything again, changed or not.
    pdf : bool
        Write a PDF beside every deck, where LibreOffice is installed.
    notes : bool
        Speaker notes in the clients' decks; the copy that is sent has none.
    tell : callable
        Takes lines for people.

    Raises
    ------
    ParameterError
        The quarter is not written like 2026Q2 or holds no data, or a client is not in it.
    NotEnoughData
        No time entry could be used, or no client has an endpoint list.
    OutputError
        The reports cannot be written, or another run is writing them.
    Stopped
        By Ctrl-C.
    """
    quarter = quarter.strip().upper()
    if quarter != "LAST" and not QUARTER.match(quarter):
        raise ParameterError(f"'{quarter}' is not a quarter.", where="--quarter", fix="Write it like 2026Q2.")
    return _edition(Path(folder), (quarter, clients, notes), workers=workers, force=force, pdf=pdf, tell=tell)


def _edition(
    folder: Path, asked: Asked, *, workers: int | str, force: bool, tell: Callable, pdf: bool = False
) -> Run:
    """Read the workspace once, run the jobs that have changed, write run.json and index.html."""
    settings, home, code = read_settings(folder), reports_of(folder), _code()
    open_template(_brand(folder, settings))  # what cannot be used stops here, not in every client's notebook
    prepared, as_of = home / "data", dt.datetime.now(dt.UTC).isoformat(timespec="minutes")
    with writing(home), alone(home):
        sweep(home)
        work, key = _read(folder, settings, prepared, code, force=force, tell=tell)
        panel, quarter, names, aside = _choose(work, *asked[:2], tell)
        present = [name for name in clients_in(panel, quarter, []) if name not in aside]
        _check_folders(present)
        target = home / quarter
        own_reports(home, folder)
        made = _prepare(work, quarter, panel, prepared, key)
        jobs = chain(study_jobs(key, quarter, target), client_jobs(work, made, names, target, asked))
        target.mkdir(exist_ok=True)
        plans = register(billing_plan(settings), target / "run.json")
        past = _past(target, tell)
        records: dict[Named, Record] = {}
        todo = _changed(jobs, past, target, code, records, force=force, tell=tell)
        stopped = False
        try:
            for record in run_jobs(todo, target, workers=workers, tell=tell):
                records[record.kind, record.name] = record
                check_refusal(record.error)
        except KeyboardInterrupt:
            stopped = True
        done = [replace(r, edition=key, as_of=as_of) for r in records.values() if r.status != "waiting"]
        everything = list((past | {(record.kind, record.name): record for record in done}).values())
        facts = code | {"data": key, "plans": plans, "not_reviewed": aside}
        _save_run(target, quarter, folder, facts, everything)
        without_pdf = _pdfs(done, target, tell) if pdf and not stopped else 0
        title, shown = f"{settings.name}, {quarter}", target / "index.html"
        page.index(_table(everything), shown, title=title, not_reviewed=aside, edition=key, present=present)
    if stopped:
        what = f"stopped; {len(done)} of {len(records)} notebooks are finished and kept."
        raise Stopped(what, fix="The same command goes on from here.")
    failed = tuple(record.name for record in done if record.status == "failed")
    return Run(target, _table(done), failed, without_pdf)


def _pdfs(done: list[Record], target: Path, tell: Callable) -> int:
    """Write a PDF of every deck; return of how many there is none."""
    decks = [target / file for record in done for file in record.outputs if file.endswith(".pptx")]
    decks = [deck for deck in decks if deck.is_file()]
    convert(decks, tell)
    return sum(not is_current(deck) for deck in decks)


def _key(folder: Path, settings: Settings, code: dict[str, Any], answers: Sequence[Any]) -> str:
    """Return the key of all that tables and study depend on: workspace, brand, databases, Spark tables, code."""
    brand = _brand(folder, settings)
    files = [file_digest(Path(file)) for file in (brand.logo, brand.template) if file]
    return digest([folder, code["code"], files, *answers, *spark_state(settings)], without=_apart(folder))


def _brand(folder: Path, settings: Settings) -> Brand:
    """Return the brand with the paths of its files, which start at the workspace."""
    files = {key: str(folder / name) for key in ("logo", "template") if (name := getattr(settings.brand, key))}
    return settings.brand.model_copy(update=files)


def _apart(folder: Path) -> list[Path]:
    """Return the folders beside a workspace's inputs that hold what is made of them."""
    return [Path("reports"), folder / "reports", folder / "notebooks"]


def _read(
    folder: Path, settings: Settings, prepared: Path, code: dict[str, Any], *, force: bool, tell: Callable
) -> tuple[Workspace, str]:
    """Open the workspace as the last run prepared it, if nothing has changed since, and its key."""
    before = file_states(folder, without=_apart(folder))
    answers = read_queries(settings, folder)
    key = _key(folder, settings, code, answers)
    state = False if force else is_prepared(prepared, key)
    if state is None:
        tell(f"The prepared tables in {prepared} are damaged: they are made again")
    tell(f"Reading {prepared if state else folder}")
    if state:
        return load(prepared), key
    work = load(folder, answers=answers)
    if file_states(folder, without=_apart(folder)) != before:
        fix = "Wait until its files are written, and run the command again."
        raise InputError("the workspace changed while it was read.", where=str(folder), fix=fix)
    return work, key


def _choose(
    work: Workspace, quarter: str, clients: Sequence[str] | None, tell: Callable
) -> tuple[pd.DataFrame, str, list[str], dict[str, str]]:
    """Return the panel up to the quarter, the quarter, its clients to review, and the others with the reason.

    Without a quarter it is the last of the data; `clients` is empty for all of them, None for the study alone.
    """
    if quarter == "LAST":
        quarter = last_quarter(work, work.settings.today)
        tell(f"The last complete quarter is {quarter}")
    try:
        panel = measure(work.as_of(quarter) if quarter else work)
    except NotEnoughData:  # nothing came before it: the panel of all data says what there is
        panel = measure(work)
    quarter = quarter or str(with_computers(panel)["month"].max().to_period("Q"))
    if clients is None:
        return panel, quarter, [], {}
    aside = not_reviewed(panel, work.clients, quarter)
    names = [name for name in clients_in(panel, quarter, clients) if name not in aside]
    for name, why in aside.items():
        tell(f"Not reviewed: {name}: {why}")
    reviews = f"{len(names)} client review{'s' * (len(names) != 1)}"
    ahead = f"Making {len(STUDY)} notebooks about all clients, then {reviews} of {quarter}"
    tell(f"{ahead}. A run that is stopped goes on with the same command")
    return panel, quarter, names, aside


def last_quarter(work: Workspace, today: dt.date) -> str:
    """Return the last quarter that is over and that the time entries cover to its end, but for a few days.

    Raises
    ------
    NotEnoughData
        There is no time entry.
    """
    if pd.isna(work.last_day):
        raise NotEnoughData("no time entry could be used.", fix="`rhem check` lists what was set aside, and why.")
    return str(min(last_whole(work.last_day, "Q"), pd.Period(today, "Q") - 1))


def _prepare(work: Workspace, quarter: str, panel: pd.DataFrame, prepared: Path, key: str) -> Study:
    """Return the study of the edition, made or as kept with the tables for the notebooks."""
    cut = work.as_of(quarter)
    kept = stored(cut)
    made = kept or study_panel(cut, panel)
    if kept is None or not work.prepared:
        store(made, prepared)
        save(work, prepared, key)
    return made


def _changed(
    jobs: Iterable[Job],
    past: dict[Named, Record],
    target: Path,
    code: dict[str, Any],
    records: dict[Named, Record],
    *,
    force: bool,
    tell: Callable,
) -> Iterator[Job]:
    """Yield the jobs to run, with their keys; record what is unchanged, to the last byte, as kept, in order."""
    for job in jobs:
        key = digest([job.parameters, job.about, code["code"]])
        before = past.get((job.kind, job.name))
        finished = not force and before is not None and before.status != "failed" and before.key == key
        hashes = before.hashes if before else {}
        kept = finished and all(_is_as_made(target / output, hashes.get(output)) for output in job.outputs)
        status = "kept" if kept else "waiting"
        record = Record(job.kind, job.name, status, list(job.outputs), key, hashes=hashes)
        records[job.kind, job.name] = record
        if not kept:
            _keep_edited(job, hashes, target, tell)
            yield replace(job, key=key, about=job.about | code)


def _is_as_made(path: Path, made: str | None) -> bool:
    return path.is_file() and file_digest(path) == made


def _keep_edited(job: Job, made: dict[str, str], target: Path, tell: Callable) -> None:
    """Rename a deck that was edited since it was made, so that the new one is not written over it."""
    for output in set(job.outputs) & set(made):
        path = target / output
        if path.suffix == ".pptx" and path.is_file() and not _is_as_made(path, made[output]):
            names = (path.with_name(f"{path.stem} edited {number}.pptx") for number in count(1))
            other = next(name for name in names if not name.exists())
            path.rename(other)
            tell(f"{job.name}: its deck was edited since it was made, and is kept as {other.name}")


def _table(records: list[Record]) -> pd.DataFrame:
    return pd.DataFrame([asdict(record) for record in records])


def _code() -> dict[str, Any]:
    """Return the key of library, notebooks and packages that shape an output, and versions."""
    library = Path(__file__).parents[1]
    sources = [p for p in sorted(library.rglob("*")) if p.suffix in {".py", ".toml", ".pptx", ".html", ".po"}]
    files = {p.relative_to(library).as_posix(): file_digest(p) for p in sources}
    files |= {p.name: file_digest(p) for p in sorted(NOTEBOOKS.glob("*.ipynb"))}
    packages = {name: version(name) for name in PACKAGES}
    code = digest([files, packages, METRIC_VERSION])
    return {"code": code, "packages": packages, "metric_version": METRIC_VERSION}


def _past(target: Path, tell: Callable) -> dict[Named, Record]:
    """Records of all that was made here before, with the data that run.json found them to be made from."""
    found, checked, known = {}, {}, {field.name for field in fields(Record)}
    with suppress(OSError, ValueError):
        outputs = json.loads((target / "run.json").read_text(encoding="utf-8")).get("outputs", [])
        checked = {(one["kind"], one["name"]): one for one in outputs}
    for path in sorted(target.rglob("*.run.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            record = Record(**{name: facts[name] for name in known & facts.keys()})
            last = checked.get((record.kind, record.name), {})
            if last.get("key") == record.key:
                record = replace(record, edition=last.get("edition", ""), as_of=last.get("as_of", ""))
            found[record.kind, record.name] = record
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            tell(f"{path} is damaged: its output is made again")
    return found


def _save_run(target: Path, quarter: str, folder: Path, more: dict[str, Any], records: list[Record]) -> None:
    facts = {
        "quarter": quarter,
        "workspace": folder.resolve().name,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **more,
        "outputs": [asdict(record) for record in records],
    }
    write_whole(target / "run.json", json.dumps(facts, indent=1))


def study_jobs(key: str, quarter: str, target: Path) -> Iterator[Job]:
    """Yield the notebooks about all clients; they open the tables prepared under `key`."""
    workspace = os.path.relpath(target.parent / "data", target / "study")
    more = {
        "02_rhem": {"quarter": quarter, "tables": "02_rhem.xlsx"},
        "03_onboarding_decay": {"quarter": quarter, "tables": "03_onboarding_decay.xlsx"},
        "04_fixed_fee": {"quarter": quarter, "registered": "../run.json"},
        "06_portfolio": {"quarter": quarter, "deck": "portfolio.pptx"},
    }
    beside = {"06_portfolio": [f"study/portfolio.{kind}" for kind in ("pptx", "xlsx", "csv")]}
    beside |= {name: [f"study/{given['tables']}"] for name, given in more.items() if "tables" in given}
    for name in STUDY:
        simulated = name == "05_known_truth"
        given = {"dirt": "some"} if simulated else {"workspace": workspace, **more.get(name, {})}
        outputs = (f"study/{name}.html", *beside.get(name, []), f"study/{name}.ipynb")
        about = {} if simulated else {"data": key}
        yield Job("study", title_of(name), name, "study", name, given, outputs, about=about)


def clients_in(panel: pd.DataFrame, quarter: str, only: Sequence[str]) -> list[str]:
    """Return the clients to review: those asked for, or all in service in the quarter."""
    exposed = with_computers(panel)
    quarters = exposed["month"].dt.to_period("Q").astype(str)
    names = sorted(exposed.loc[quarters == quarter, "client"].unique())
    if not names:
        what = f"no client has computers in service in {quarter}."
        raise ParameterError(what, fix=f"The data reach from {quarters.min()} to {quarters.max()}.")
    known = {normal_name(name): name for name in names}
    unknown = [name for name in only if normal_name(name) not in known]
    if unknown:
        what = f"'{unknown[0]}' has no computers in service in {quarter}."
        raise ParameterError(what, where="--client", fix=nearest(unknown[0], names))
    return list(dict.fromkeys(known[normal_name(name)] for name in only)) or names


def with_computers(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the months with computers in service."""
    exposed = panel[panel["exposure"] > 0]
    if exposed.empty:
        what = "no client has computers in service in any month."
        raise NotEnoughData(what, fix="`rhem check` says which lists of computers arrived, and for which clients.")
    return exposed


def client_jobs(work: Workspace, made: Study, names: Sequence[str], target: Path, asked: Asked) -> Iterator[Job]:
    """Write each client's review, without other clients' data, and yield its notebook."""
    if not names:
        return
    check_names(work.settings, [*work.clients["client"], *made.panel["client"]])
    quarter, notes = target.name, asked[2]
    work = work.as_of(quarter)
    build = partial(
        build_review, work, made.panel, made.fit, quarter=quarter, patches=made.patches, earlier=made.before
    )
    before = editions(target.parent, work.settings)
    for name in names:
        try:
            review = build(client=name, past=list(before.get(name, {}).values()))
        except NotEnoughData:
            continue
        yield _client_job(review, name, target, notes)


def _client_job(made: Review, name: str, target: Path, notes: bool) -> Job:
    folder = f"clients/{slug(name)}"
    path = target / folder / "review.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = made.to_json(path.parent)
    write_whole(path, text)
    given = dict(source="review.json", client=name, quarter=made.quarter, deck="review.pptx", notes=notes)
    outputs = tuple(f"{folder}/review.{kind}" for kind in ("html", "pptx", "ipynb", "xlsx", "csv"))
    about = {"data": digest([text, *(file_digest(file) for file in made.files if file.is_file())])}
    return Job("client", name, CLIENT, folder, "review", given, outputs, about=about)


def slug(name: str) -> str:
    """Return a client's folder name: words in lower case, and a mark where these words are not all of the name."""
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:46].strip("-") or "client"
    plain = words == "-".join(name.lower().split()) and "-" not in name and words not in RESERVED
    return words if plain else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _check_folders(names: Iterable[str]) -> None:
    """Stop where two clients would share a folder: of one of them nothing would be left."""
    owners: dict[str, str] = {}
    for name in names:
        other = owners.setdefault(slug(name), name)
        if other != name:
            what = f"'{other}' and '{name}' would have the same folder, '{slug(name)}'."
            raise InputError(what, fix="Make one name of the two by aliases in rhem.toml, or rename one.")
