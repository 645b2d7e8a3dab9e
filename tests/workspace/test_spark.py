"""A workspace whose tables live in Spark: study and review give the numbers of the same tables read from files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.review import Review
from rhem_lib.workspace import to_pandas
from rhem_lib.workspace.work_classes import rules_for

ROOT = Path(__file__).parents[2]
LARGE = ("time_entries", "tickets", "endpoints")
RUN = """
import os, sys, json
import rhem_lib as rhem
from rhem_lib import metric
from rhem_lib.review import build_review
from rhem_lib.runs import edition

if __name__ == "__main__":
    folder = sys.argv[1]
    work = rhem.load(folder)
    assert type(work.time_entries).__module__.startswith("pyspark"), type(work.time_entries)
    study = rhem.study(work)
    study.panel.to_pickle("panel.pickle")
    study.fit.clients.to_pickle("clients.pickle")
    study.fit.population.to_pickle("population.pickle")
    study.comparison.table.to_pickle("comparison.pickle")
    study.patches.table.to_pickle("patches.pickle")
    metric.definitions(work).table.to_pickle("definitions.pickle")
    work.account.table.to_pickle("account.pickle")
    client = study.panel["client"].iloc[-1]
    with open("review.json", "w") as file:
        given = {"client": client, "quarter": "2026Q2", "patches": study.patches}
        file.write(build_review(work, study.panel, study.fit, **given).to_json())
    run = edition.review(folder, "2026Q2", clients=[client], tell=lambda *_: None)
    again = edition.review(folder, "2026Q2", clients=[client], tell=lambda *_: None)
    with open("run.json", "w") as file:
        json.dump({"failed": run.failed, "again": sorted(set(again.table["status"])), "folder": str(run.folder),
                   "errors": [str(e) for e in run.table["error"] if e]}, file)
"""


@pytest.fixture(scope="module")
def lake(sample_work, tmp_path_factory):
    """A workspace folder that names the sample's canonical tables, as Parquet that Spark reads."""
    home = tmp_path_factory.mktemp("spark")
    folder = home / "data" / "lake"
    folder.mkdir(parents=True)
    frames = {name: to_pandas(getattr(sample_work, name)) for name in LARGE}
    frames["time_entries"] = frames["time_entries"][sample_work.time_entries.columns[:13]]
    frames |= {name: getattr(sample_work, name) for name in ("clients", "agreements")}
    lines = ["[engine]", 'spark = "local[2]"', "[engine.tables]"]
    for name, frame in frames.items():
        frame.to_parquet(home / f"{name}.parquet", coerce_timestamps="us")
        lines.append(f'{name} = "parquet.`{home / name}.parquet`"')
    settings = (sample_work.folder / "rhem.toml").read_text()
    for label, rule in rules_for(sample_work.settings, sample_work.profiles, "unscheduled"):
        if label != "ticket type":  # rules of profiles, which a lake does not know, in the order they are tried
            when = ", ".join(f"{column} = {json.dumps(value)}" for column, value in rule.when.items())
            lines.append(f'[[rules]]\nwhen = {{ {when} }}\nwork_class = "{rule.work_class}"')
    (folder / "rhem.toml").write_text(f"{settings}\n" + "\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
def test_study_and_review_from_spark_are_those_of_the_files(lake, sample_work):
    """In a process of its own, so that the Java machine ends with it."""
    pytest.importorskip("pyspark", reason="Spark is optional: pip install 'rhem[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")
    home = lake.parents[1]
    (home / "once.py").write_text(RUN)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "once.py", "data/lake"],
        cwd=home, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    study = rhem.study(sample_work)
    wanted = {"panel": study.panel, "clients": study.fit.clients, "population": study.fit.population,
              "comparison": study.comparison.table, "patches": study.patches.table,
              "definitions": rhem.metric.definitions(sample_work).table}  # fmt: skip
    for name, table in wanted.items():
        found = pd.read_pickle(home / f"{name}.pickle")
        pd.testing.assert_frame_equal(found, table, rtol=0, atol=1e-9, check_dtype=False, obj=name)
    hours = pd.read_pickle(home / "account.pickle")["hours"].astype(float)
    kept = sample_work.account.table["hours"].astype(float).drop(["quarantined", "read"])
    np.testing.assert_allclose(hours[kept.index], kept, rtol=0, atol=1e-9)
    found = Review.from_json((home / "review.json").read_text())
    given = {"client": found.client, "quarter": "2026Q2", "patches": study.patches}
    wanted_review = rhem.build_review(sample_work, study.panel, study.fit, **given)
    assert found.story == wanted_review.story
    tables = [(s.table, wanted_review[s.key].table) for s in found.sections if s.table is not None]
    for left, right in [*tables, (found.table, wanted_review.table)]:
        pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-9, check_dtype=False)
    pages = "".join(page.read_text() for page in Path(home / "reports").rglob("*.html"))
    assert "SparkContext" not in pages and "log4j" not in pages, "the log of Java is in a page"
    run = json.loads((home / "run.json").read_text())
    assert run["failed"] == [] and run["again"] == ["kept"], run["errors"]
