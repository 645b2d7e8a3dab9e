"""Which notebooks an edition has: the study's, the portfolio's, and one per client."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib.errors import NotEnoughData, ParameterError, nearest
from rhem_lib.review import Review, build_review
from rhem_lib.runs.job import Job
from rhem_lib.runs.parameters import title_of
from rhem_lib.settings import check_names
from rhem_lib.storage import digest, file_digest, write_whole
from rhem_lib.studies import Study
from rhem_lib.workspace import Workspace

STUDY = (
    "01_data_account",
    "02_rhem",
    "03_onboarding_decay",
    "04_fixed_fee",
    "05_known_truth",
    "06_portfolio",
)
CLIENT = "10_client_review"


def study_jobs(key: str, quarter: str, target: Path) -> Iterator[Job]:
    """Notebooks about the whole book; they open the tables prepared under `key`, beside the edition."""
    workspace = os.path.relpath(target.parent / "data", target / "study")
    more = {
        "04_fixed_fee": {"registered": "../run.json"},
        "06_portfolio": {"quarter": quarter, "deck": "portfolio.pptx"},
    }
    decks = {"06_portfolio": [f"study/portfolio.{kind}" for kind in ("pptx", "xlsx", "csv")]}
    for name in STUDY:
        simulated = name == "05_known_truth"
        given = {"dirt": "some"} if simulated else {"workspace": workspace, **more.get(name, {})}
        outputs = (f"study/{name}.html", *decks.get(name, []), f"study/{name}.ipynb")
        about = {} if simulated else {"data": key}
        yield Job("study", title_of(name), name, "study", name, given, outputs, about=about)


def clients_in(panel: pd.DataFrame, quarter: str, only: Sequence[str]) -> list[str]:
    """Clients to review: those asked for, or all with computers in service in the quarter."""
    exposed = with_computers(panel)
    quarters = exposed["month"].dt.to_period("Q").astype(str)
    names = sorted(exposed.loc[quarters == quarter, "client"].unique())
    if not names:
        said = f"no client has computers in service in {quarter}."
        raise ParameterError(said, fix=f"The data reach from {quarters.min()} to {quarters.max()}.")
    unknown = [name for name in only if name not in names]
    if unknown:
        said = f"'{unknown[0]}' has no computers in service in {quarter}."
        raise ParameterError(said, where="--client", fix=nearest(unknown[0], names))
    return list(only) or names


def with_computers(panel: pd.DataFrame) -> pd.DataFrame:
    """Months with computers in service."""
    exposed = panel[panel["exposure"] > 0]
    if exposed.empty:
        said = "no client has computers in service in any month."
        raise NotEnoughData(said, fix="`rhem check` says which lists of computers arrived, and for which clients.")
    return exposed


def client_jobs(work: Workspace, made: Study, names: Sequence[str], quarter: str, target: Path) -> Iterator[Job]:
    """Write each client's review, which holds no other client's data, and name the notebook that shows it."""
    if not names:
        return
    check_names(work.settings, [*work.clients["client"], *made.panel["client"]])
    given: dict[str, Any] = {"quarter": quarter, "patches": made.patches}
    for name in names:
        try:
            review = build_review(work, made.panel, made.fit, client=name, **given)
        except NotEnoughData:
            continue
        yield _client_job(review, name, target)


def _client_job(made: Review, name: str, target: Path) -> Job:
    folder = f"clients/{slug(name)}"
    path = target / folder / "review.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = made.to_json(path.parent)
    write_whole(path, text)
    given = dict(source="review.json", client=name, quarter=made.quarter, deck="review.pptx")
    outputs = tuple(f"{folder}/review.{kind}" for kind in ("html", "pptx", "ipynb", "xlsx", "csv"))
    brand = [Path(file) for file in (made.brand.logo, made.brand.template) if file]
    about = {"data": digest([text, *(file_digest(file) for file in brand if file.is_file())])}
    return Job("client", name, CLIENT, folder, "review", given, outputs, about=about)


def slug(name: str) -> str:
    """Folder name of a client: its words in lower case, with a mark where another name could give the same."""
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:48].strip("-") or "client"
    plain = words == "-".join(name.lower().split()) and "-" not in name
    return words if plain else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"
