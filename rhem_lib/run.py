"""A workspace -> study and client reviews on disk: notebooks through papermill, in parallel, resumable.

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
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib import page
from rhem_lib.batch import run_jobs
from rhem_lib.decay import fit_decay
from rhem_lib.disk import alone, digest, file_digest, sweep, write_whole, writing
from rhem_lib.errors import NotEnoughData, ParameterError, Stopped
from rhem_lib.jobs import Job, Record
from rhem_lib.measure import measure
from rhem_lib.notebooks import NOTEBOOKS, title_of
from rhem_lib.review import Review, build_review
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.settings import read_settings
from rhem_lib.workspace import Workspace, is_prepared, load, save

STUDY = ("01_data_account", "02_rhem", "03_onboarding_decay", "04_fixed_fee", "05_known_truth")
CLIENT_NOTEBOOK = "10_client_review"
QUARTER = re.compile(r"^\d{4}Q[1-4]$")
PACKAGES = (
    "duckdb",
    "matplotlib",
    "narwhals",
    "numpy",
    "pandas",
    "papermill",
    "python-pptx",
    "scipy",
    "statsmodels",
)


@dataclass(frozen=True)
class Run:
    """One edition of reports; `table` has a row per output."""

    folder: Path
    table: pd.DataFrame
    failed: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """What was made, what was kept, what failed, and which file to open."""
        counts = self.table["status"].value_counts()
        made, kept = counts.get("done", 0), counts.get("kept", 0)
        words = [f"{made} made", *([f"{kept} unchanged and kept"] if kept else [])]
        words += [f"{len(self.failed)} failed ({', '.join(self.failed)})"] if self.failed else []
        return f"{', '.join(words)}. Open {self.folder / 'index.html'}"

    def summary(self) -> pd.DataFrame:
        """Status and seconds per output."""
        return self.table[["kind", "name", "status", "seconds"]].round(1)


def study(
    folder: Path, *, workers: int = 2, cluster: str = "", force: bool = False, tell: Callable = print
) -> Run:
    """Run the portfolio notebooks of a workspace, filed under the last quarter of its data."""

    def choose(panel: pd.DataFrame) -> tuple[str, list[str]]:
        return str(panel["month"].max().to_period("Q")), []

    return _edition(Path(folder), choose, workers=workers, cluster=cluster, force=force, tell=tell)


def review(
    folder: Path,
    quarter: str,
    *,
    clients: Sequence[str] = (),
    workers: int = 2,
    cluster: str = "",
    force: bool = False,
    tell: Callable = print,
) -> Run:
    """Run the study and one notebook, page and deck per client with computers in service in the quarter.

    Parameters
    ----------
    folder : Path
        Workspace.
    quarter : str
        Such as 2026Q2.
    clients : sequence of str, optional
        Only these; all active ones by default.
    workers : int
        Worker processes.
    cluster : str
        Address of a Dask scheduler, to whose workers the notebooks go instead.
    force : bool
        Run everything again, changed or not.
    tell : callable
        Takes lines for people.

    Raises
    ------
    ParameterError
        The quarter is not written like 2026Q2 or holds no data, or a client is not in it.
    OutputError
        The reports cannot be written, or another run is writing them.
    Stopped
        By Ctrl-C.
    """
    if not QUARTER.match(quarter):
        raise ParameterError(f"'{quarter}' is not a quarter.", where="--quarter", fix="Write it like 2026Q2.")

    def choose(panel: pd.DataFrame) -> tuple[str, list[str]]:
        return quarter, _names(panel, quarter, clients)

    return _edition(Path(folder), choose, workers=workers, cluster=cluster, force=force, tell=tell)


def _names(panel: pd.DataFrame, quarter: str, only: Sequence[str]) -> list[str]:
    """Clients to review: those asked for, or all with computers in service."""
    active = panel[(panel["month"].dt.to_period("Q").astype(str) == quarter) & (panel["exposure"] > 0)]
    names = sorted(active["client"].unique())
    if not names:
        last = panel.loc[panel["exposure"] > 0, "month"].max().to_period("Q")
        raise ParameterError(f"no client has computers in service in {quarter}.", fix=f"The data end in {last}.")
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ParameterError(
            f"'{unknown[0]}' has no computers in service in {quarter}.", where="--client", examples=names
        )
    return list(only) or names


def _edition(folder: Path, choose: Callable, *, workers: int, cluster: str, force: bool, tell: Callable) -> Run:
    """Read the workspace once, run the jobs whose key has changed, and write run.json and index.html."""
    read_settings(folder)
    home = Path("reports") / folder.resolve().name
    prepared = home / "data"
    code = _code()
    key = digest([folder, code["code"]], without=Path("reports"))
    work = _read(folder, prepared, key, tell)
    panel = measure(work)
    quarter, names = choose(panel)
    target = home / quarter
    with writing(home), alone(home):
        sweep(home)
        if not is_prepared(prepared, key):
            save(work, prepared, key)
        jobs = chain(_study_jobs(key, target), _client_jobs(work, panel, names, quarter, target))
        target.mkdir(exist_ok=True)
        past = _past(target, tell)
        records: dict[str, Record] = {}
        todo = _changed(jobs, {} if force else past, target, code, records)
        stopped = False
        try:
            for record in run_jobs(todo, target, workers=workers, cluster=cluster, tell=tell):
                records[record.outputs[0]] = record
        except KeyboardInterrupt:
            stopped = True
        done = [record for record in records.values() if record.status != "waiting"]
        everything = list((past | {record.outputs[0]: record for record in done}).values())
        _save_run(target, quarter, folder, code, everything)
        page.index(_table(everything), target / "index.html", title=f"{folder.resolve().name}, {quarter}")
    if stopped:
        said = f"stopped; {len(done)} of {len(records)} notebooks are finished and kept."
        raise Stopped(said, fix="The same command goes on from here.")
    return Run(target, _table(done), tuple(record.name for record in done if record.status == "failed"))


def _read(folder: Path, prepared: Path, key: str, tell: Callable) -> Workspace:
    """Open the workspace as the last run prepared it, if nothing has changed since."""
    state = is_prepared(prepared, key)
    if state is None:
        tell(f"The prepared tables in {prepared} are damaged: they are made again")
    tell(f"Reading {prepared if state else folder}")
    return load(prepared if state else folder)


def _study_jobs(key: str, target: Path) -> Iterator[Job]:
    for name in STUDY:
        simulated = name == "05_known_truth"
        given = (
            {"dirt": "some"}
            if simulated
            else {"workspace": os.path.relpath(target.parent / "data", target / "study")}
        )
        outputs = (f"study/{name}.html", f"study/{name}.ipynb")
        data = {} if simulated else {"data": key}
        yield Job("study", title_of(name), name, "study", name, given, outputs, about=data)


def _client_jobs(
    work: Workspace, panel: pd.DataFrame, names: Sequence[str], quarter: str, target: Path
) -> Iterator[Job]:
    """Write each client's review, which holds no other client's data, and name the notebook that shows it."""
    if not names:
        return
    fit = fit_decay(panel, target_h=work.settings.targets.target_h)
    for name in names:
        try:
            made = build_review(work, panel, fit, client=name, quarter=quarter)
        except NotEnoughData:
            continue
        yield _client_job(made, name, target)


def _client_job(made: Review, name: str, target: Path) -> Job:
    folder = f"clients/{slug(name)}"
    path = target / folder / "review.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {key: getattr(made.brand, key) for key in ("logo", "template")}
    near = {key: os.path.relpath(file, path.parent) for key, file in files.items() if file}
    text = replace(made, brand=made.brand.model_copy(update=near)).to_json()
    write_whole(path, text)
    given = dict(source="review.json", client=name, quarter=made.quarter, deck="review.pptx")
    outputs = tuple(f"{folder}/review.{kind}" for kind in ("html", "pptx", "ipynb"))
    about = {"data": digest([text, *(file_digest(Path(file)) for file in files.values() if file)])}
    return Job("client", name, CLIENT_NOTEBOOK, folder, "review", given, outputs, about=about)


def _changed(
    jobs: Iterable[Job], past: dict[str, Record], target: Path, code: dict[str, Any], records: dict[str, Record]
) -> Iterator[Job]:
    """Jobs to run, with their keys; what is unchanged is noted as kept, in the order of the jobs."""
    for job in jobs:
        key = digest([job.parameters, job.about, code["code"]])
        before = past.get(job.outputs[0])
        finished = before is not None and before.status != "failed" and before.key == key
        kept = finished and all((target / output).is_file() for output in job.outputs)
        status = "kept" if kept else "waiting"
        records[job.outputs[0]] = Record(job.kind, job.name, status, list(job.outputs), key)
        if not kept:
            yield replace(job, key=key, about=job.about | code)


def _table(records: list[Record]) -> pd.DataFrame:
    return pd.DataFrame([asdict(record) for record in records])


def slug(name: str) -> str:
    """Folder name of a client: its words in lower case, with a mark where another name could give the same."""
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:48].strip("-") or "client"
    plain = words == "-".join(name.lower().split()) and "-" not in name
    return words if plain else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def _code() -> dict[str, Any]:
    """Key of the library, the notebooks and the packages that shape an output, and the versions themselves."""
    library = Path(__file__).parent
    sources = [p for p in sorted(library.rglob("*")) if p.suffix in {".py", ".toml", ".pptx", ".html"}]
    files = {p.relative_to(library).as_posix(): file_digest(p) for p in sources}
    files |= {p.name: file_digest(p) for p in sorted(NOTEBOOKS.glob("*.ipynb"))}
    packages = {name: version(name) for name in PACKAGES}
    return {
        "code": digest([files, packages, METRIC_VERSION]),
        "packages": packages,
        "metric_version": METRIC_VERSION,
    }


def _past(target: Path, tell: Callable) -> dict[str, Record]:
    """Records of all that was made here before, by first output."""
    found, known = {}, {field.name for field in fields(Record)}
    for path in sorted(target.rglob("*.run.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            record = Record(**{name: facts[name] for name in known})
            found[record.outputs[0]] = record
        except (ValueError, KeyError, TypeError, IndexError):
            tell(f"{path} is damaged: its output is made again")
    return found


def _save_run(target: Path, quarter: str, folder: Path, code: dict[str, Any], records: list[Record]) -> None:
    facts = {
        "quarter": quarter,
        "workspace": folder.resolve().name,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **code,
        "outputs": [asdict(record) for record in records],
    }
    write_whole(target / "run.json", json.dumps(facts, indent=1))
