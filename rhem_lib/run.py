"""A workspace -> study and client reviews on disk: notebooks through papermill, in parallel, resumable.

The only module that knows notebooks and papermill. Every output has a key made from all that it depends on
(data, code, packages, parameters); an output whose key has not changed is kept.
"""

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib import kernels, page
from rhem_lib.decay import fit_decay
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.jobs import Job, Record, open_kernels, run_job, write_whole
from rhem_lib.measure import measure
from rhem_lib.notebooks import NOTEBOOKS, title_of
from rhem_lib.pdf import convert
from rhem_lib.plan import billing_plan, register
from rhem_lib.review import Review, build_review
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.settings import check_names, read_settings
from rhem_lib.workspace import Workspace, load

STUDY = ("01_data_account", "02_rhem", "03_onboarding_decay", "04_fixed_fee", "05_known_truth")
PORTFOLIO_NOTEBOOK = "06_portfolio"
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
        made, kept = ((self.table["status"] == status).sum() for status in ("done", "kept"))
        words = [f"{made} made", *([f"{kept} unchanged and kept"] if kept else [])]
        words += [f"{len(self.failed)} failed ({', '.join(self.failed)})"] if self.failed else []
        return f"{', '.join(words)}. Open {self.folder / 'index.html'}"

    def summary(self) -> pd.DataFrame:
        """Status and seconds per output."""
        return self.table[["kind", "name", "status", "seconds"]].round(1)


def study(folder: Path, *, workers: int = 2, force: bool = False, tell: Callable = print) -> Run:
    """Run the portfolio notebooks of a workspace, filed under the last quarter of its data."""
    quarter = str(_exposed(measure(load(folder)))["month"].max().to_period("Q"))
    return _edition(folder, quarter, lambda target: _study_jobs(folder, quarter, target), workers, force, tell)


def review(
    folder: Path,
    quarter: str,
    *,
    clients: Sequence[str] = (),
    workers: int = 2,
    force: bool = False,
    pdf: bool = False,
    tell: Callable = print,
) -> Run:
    """Run the study, the portfolio, and a notebook, page and deck per client in service in the quarter.

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
    force : bool
        Run everything again, changed or not.
    pdf : bool
        Write a PDF beside every deck, where LibreOffice is installed.
    tell : callable
        Takes lines for people.

    Raises
    ------
    ParameterError
        The quarter is not written like 2026Q2 or holds no data, or a client is not in it.
    NotEnoughData
        No time entry could be used, or no client has an endpoint list.
    """
    if not QUARTER.match(quarter):
        raise ParameterError(f"'{quarter}' is not a quarter.", where="--quarter", fix="Write it like 2026Q2.")

    def jobs(target: Path) -> list[Job]:
        return _study_jobs(folder, quarter, target) + list(_client_jobs(load(folder), quarter, clients, target))

    return _edition(folder, quarter, jobs, workers, force, tell, pdf)


def _study_jobs(folder: Path, quarter: str, target: Path) -> list[Job]:
    jobs = []
    for name in STUDY:
        simulated = name == "05_known_truth"
        given = {"dirt": "some"} if simulated else {"workspace": os.path.relpath(folder, target / "study")}
        if name == "04_fixed_fee":
            given["registered"] = "../run.json"
        outputs = (f"study/{name}.html", f"study/{name}.ipynb")
        jobs.append(
            Job("study", title_of(name), name, "study", name, given, outputs, key=_digest([folder, given]))
        )
    workspace = os.path.relpath(folder, target / "study")
    given = {"workspace": workspace, "quarter": quarter, "deck": "portfolio.pptx"}
    decks = [f"study/portfolio.{kind}" for kind in ("pptx", "xlsx", "csv")]
    made = ("study/06_portfolio.html", *decks, "study/06_portfolio.ipynb")
    name, key = title_of(PORTFOLIO_NOTEBOOK), _digest([folder, given])
    return [*jobs, Job("study", name, PORTFOLIO_NOTEBOOK, "study", PORTFOLIO_NOTEBOOK, given, made, key=key)]


def _active(panel: pd.DataFrame, quarter: str) -> list[str]:
    """Clients with computers in service in the quarter."""
    exposed = _exposed(panel)
    quarters = exposed["month"].dt.to_period("Q").astype(str)
    names = sorted(exposed.loc[quarters == quarter, "client"].unique())
    if not names:
        said = f"no client has computers in service in {quarter}."
        raise ParameterError(said, fix=f"The data reach from {quarters.min()} to {quarters.max()}.")
    return names


def _exposed(panel: pd.DataFrame) -> pd.DataFrame:
    """Months with computers in service."""
    exposed = panel[panel["exposure"] > 0]
    if exposed.empty:
        said = "no client has computers in service in any month."
        raise NotEnoughData(said, fix="`rhem check` says which lists of computers arrived, and for which clients.")
    return exposed


def _client_jobs(work: Workspace, quarter: str, only: Sequence[str], target: Path) -> Iterator[Job]:
    """Write each client's review, which holds no other client's data, and name the notebook that shows it."""
    panel = measure(work)
    names = _active(panel, quarter)
    check_names(work.settings, [*work.clients["client"], *panel["client"]])
    fit = fit_decay(panel, target_h=work.settings.targets.target_h)
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ParameterError(
            f"'{unknown[0]}' has no computers in service in {quarter}.", where="--client", examples=names
        )
    for name in only or names:
        try:
            made = build_review(work, panel, fit, client=name, quarter=quarter)
        except NotEnoughData:
            continue
        yield _client_job(made, name, target)


def _client_job(made: Review, name: str, target: Path) -> Job:
    folder = f"clients/{slug(name)}"
    path = target / folder / "review.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = made.to_json(path.parent)
    write_whole(path, text)
    given = dict(source="review.json", client=name, quarter=made.quarter, deck="review.pptx")
    outputs = tuple(f"{folder}/review.{kind}" for kind in ("html", "pptx", "ipynb", "xlsx", "csv"))
    return Job("client", name, CLIENT_NOTEBOOK, folder, "review", given, outputs, key=_digest([text, given]))


def _edition(
    folder: Path, quarter: str, plan: Callable, workers: int, force: bool, tell: Callable, pdf: bool = False
) -> Run:
    """Plan the jobs, run those whose key has changed, and write run.json and index.html."""
    target = Path("reports") / Path(folder).resolve().name / quarter
    target.mkdir(parents=True, exist_ok=True)
    code = _code_key()
    tell(f"Reading {folder} and planning {quarter}")
    jobs = [replace(job, key=_digest([job.key, code])) for job in plan(target)]
    past = _past(target)
    plans = register(billing_plan(read_settings(folder)), target / "run.json")
    kept = [] if force else [job for job in jobs if _unchanged(job, past, target)]
    todo = [job for job in jobs if job not in kept]
    records = {job.outputs[0]: Record(job.kind, job.name, "kept", list(job.outputs), job.key) for job in kept}
    tell(f"{len(todo)} notebooks to run, {len(kept)} unchanged")
    for record in _execute(todo, target, workers, tell):
        records[record.outputs[0]] = record
    done = [records[job.outputs[0]] for job in jobs]
    everything = [*done, *(record for output, record in past.items() if output not in records)]
    _save_run(target, quarter, folder, {"code": code, "plans": plans}, everything)
    if pdf:
        convert([target / file for record in done for file in record.outputs if file.endswith(".pptx")], tell)
    page.index(_table(everything), target / "index.html", title=f"{Path(folder).resolve().name}, {quarter}")
    return Run(target, _table(done), tuple(record.name for record in done if record.status == "failed"))


def _table(records: list[Record]) -> pd.DataFrame:
    return pd.DataFrame([asdict(record) for record in records])


def _execute(jobs: list[Job], target: Path, workers: int, tell: Callable) -> Iterator[Record]:
    """Run jobs in worker processes, each with its own warm kernels; yield records as they come."""
    if not jobs:
        return
    reason = kernels.unavailable()
    if reason:
        tell(reason)
    count = min(workers, len(jobs))
    with ProcessPoolExecutor(count, get_context("spawn"), open_kernels, (bool(reason),)) as pool:
        yield from _collect(pool, jobs, target, tell)


def _collect(pool: Executor, jobs: list[Job], target: Path, tell: Callable) -> Iterator[Record]:
    futures = {pool.submit(run_job, job, str(target)): job for job in jobs}
    for number, future in enumerate(as_completed(futures), 1):
        record = future.result()
        outcome = f"{record.status} in {record.seconds:.1f} s" + (f": {record.error}" if record.error else "")
        tell(f"[{number}/{len(jobs)}] {record.name}: {outcome}", number, len(jobs))
        yield record


def slug(name: str) -> str:
    """Folder name of a client: its words in lower case, with a mark where another name could give the same."""
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:48].strip("-") or "client"
    plain = words == "-".join(name.lower().split()) and "-" not in name
    return words if plain else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def _digest(parts: Sequence[Any]) -> str:
    """Key of texts, parameters and folders (by the bytes of their files)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            reports = Path("reports").resolve()
            for file in sorted(p for p in part.rglob("*") if p.is_file() and reports not in p.resolve().parents):
                total.update(file.relative_to(part).as_posix().encode() + b"\0" + file.read_bytes())
        else:
            total.update(json.dumps(part, sort_keys=True).encode() + b"\0")
    return total.hexdigest()


def _code_key() -> str:
    """Key of the library, the notebooks and the packages that shape an output."""
    library = Path(__file__).parent
    sources = [p for p in sorted(library.rglob("*")) if p.suffix in {".py", ".toml", ".pptx", ".html", ".po"}]
    sources += sorted(NOTEBOOKS.glob("*.ipynb"))
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sources}
    return _digest([files, {name: version(name) for name in PACKAGES}, METRIC_VERSION])


def _past(target: Path) -> dict[str, Record]:
    """Records of the last run here, by first output; none if there was none or its file is damaged."""
    try:
        listed = json.loads((target / "run.json").read_text(encoding="utf-8"))["outputs"]
        return {entry["outputs"][0]: Record(**entry) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}


def _unchanged(job: Job, before: dict[str, Record], target: Path) -> bool:
    past = before.get(job.outputs[0])
    finished = past is not None and past.status != "failed" and past.key == job.key
    return finished and all((target / output).is_file() for output in job.outputs)


def _save_run(target: Path, quarter: str, folder: Path, more: dict[str, Any], records: list[Record]) -> None:
    facts = {
        "quarter": quarter,
        "workspace": Path(folder).resolve().name,
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "metric_version": METRIC_VERSION,
        **more,
        "packages": {name: version(name) for name in PACKAGES},
        "outputs": [asdict(record) for record in records],
    }
    write_whole(target / "run.json", json.dumps(facts, indent=1))
