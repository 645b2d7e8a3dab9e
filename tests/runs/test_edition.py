"""The batch: everything is made, nothing twice, failures are kept and named."""

import json
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pandas as pd
import pytest

from rhem_lib.errors import NotEnoughData, OutputError, ParameterError, Stopped
from rhem_lib.runs import edition as run
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.simulate.sample import write_sample
from rhem_lib.storage import alone

QUIET = {"tell": lambda *_: None}


class Links(HTMLParser):
    """Targets of all links and pictures of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """A small edition, made once; the tests below look at it."""
    folder = tmp_path_factory.mktemp("edition")
    before = Path.cwd()
    os.chdir(folder)
    write_sample(Path("data/small"), clients=3, months=14, seed=11)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "study_jobs", with_one_small_recovery(run.study_jobs))
        try:
            yield folder, run.review(Path("data/small"), "2026Q2", **QUIET)
        finally:
            os.chdir(before)


def with_one_small_recovery(study_jobs):
    """The study's notebooks, of which 05 recovers one small portfolio in place of two of 20 clients."""

    def jobs(*given):
        for job in study_jobs(*given):
            small = {"portfolios": 1, "clients": 6, "months": 14} if job.notebook == "05_known_truth" else {}
            yield replace(job, parameters=job.parameters | small)

    return jobs


def test_every_output_is_there_and_every_link_resolves(edition):
    folder, made = edition
    assert made.failed == ()
    target = folder / "reports/small/2026Q2"
    for outputs in made.table["outputs"]:
        assert all((target / output).stat().st_size > 1000 for output in outputs)
    assert {"study", "client"} == set(made.table["kind"])
    for page in [target / "index.html", *target.rglob("*/*.html")]:
        for link in Links(page.read_text()).found:
            assert link.startswith(("data:", "#")) or (page.parent / unquote(link)).exists(), (page, link)


def test_a_second_run_keeps_everything(edition):
    folder, _ = edition
    stamps = {p: p.stat().st_mtime_ns for p in folder.rglob("review.*") if p.name != "review.json"}
    again = run.review(Path("data/small"), "2026Q2", **QUIET)
    assert set(again.table["status"]) == {"kept"}
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps


@pytest.mark.slow
def test_force_runs_again(edition, monkeypatch):
    again = edition[1]
    name = again.table.loc[again.table["kind"] == "client", "name"].iloc[0]
    monkeypatch.setattr(run, "STUDY", ("01_data_account",))
    forced = run.review(Path("data/small"), "2026Q2", clients=[name], force=True, **QUIET)
    assert set(forced.table["status"]) == {"done"}


@pytest.mark.slow
def test_a_lost_output_is_made_again_and_only_that(edition):
    folder, _ = edition
    deck = next(folder.rglob("review.pptx"))
    deck.unlink()
    again = run.review(Path("data/small"), "2026Q2", **QUIET)
    assert (again.table["status"] == "done").sum() == 1
    assert deck.is_file()


def test_outputs_hold_no_path_of_the_machine(edition):
    folder, _ = edition
    for file in folder.rglob("review.*"):
        assert str(folder).encode() not in file.read_bytes(), file


def test_run_json_says_what_was_run_with_what(edition):
    folder, made = edition
    facts = json.loads((folder / "reports/small/2026Q2/run.json").read_text())
    assert facts["quarter"] == "2026Q2"
    assert facts["metric_version"] == METRIC_VERSION
    assert {"pandas", "papermill"} <= set(facts["packages"])
    assert len(facts["outputs"]) == len(made.table)
    record = json.loads(next(folder.rglob("review.run.json")).read_text())
    assert {"parameters", "data", "code", "packages", "metric_version", "seconds", "key"} <= set(record)
    assert record["parameters"]["client"] == record["name"]


@pytest.mark.slow
def test_a_failing_client_stops_nobody_is_kept_with_its_error_and_named(edition, monkeypatch):
    folder, _ = edition
    target = folder / "reports/small/2026Q2"
    plan = run.client_jobs

    def sabotaged(*args):
        planned = list(plan(*args))
        path = target / planned[0].folder / "review.json"
        path.write_text("{not json")
        yield from planned

    monkeypatch.setattr(run, "client_jobs", sabotaged)
    monkeypatch.setattr(run, "STUDY", ("01_data_account",))
    made = run.review(Path("data/small"), "2026Q2", force=True, **QUIET)
    assert len(made.failed) == 1
    assert made.failed[0] in made.text
    failed = made.table[made.table["status"] == "failed"].iloc[0]
    assert "JSON" in failed["error"] or "json" in failed["error"].lower()
    notebook = (target / failed["outputs"][2]).read_text()
    assert '"output_type": "error"' in notebook
    assert (made.table["status"] == "done").sum() == len(made.table) - 1


@pytest.mark.parametrize(
    ("quarter", "clients", "wording"),
    [
        ("2026-2", (), "'2026-2' is not a quarter"),
        ("2031q1", (), "no client has computers in service in 2031Q1. The data reach from 2025Q2 to 2026Q2"),
        ("2026Q2", ("Nobody Ltd",), "--client: 'Nobody Ltd' has no computers in service in 2026Q2"),
    ],
)
def test_wrong_quarters_and_clients_are_one_clear_message(edition, quarter, clients, wording):
    with pytest.raises(ParameterError) as raised:
        run.review(Path("data/small"), quarter, clients=clients, **QUIET)
    assert wording in str(raised.value)


def test_slugs_are_safe_and_distinct():
    names = ["Acme Works", "Acme-Works", "../../etc", "株式会社", "a" * 200, "Müller & Söhne", "Muller Sohne"]
    slugs = [run.slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert slugs[0] == "acme-works"
    assert all(len(s) <= 60 and "/" not in s and "." not in s for s in slugs)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("files", "wording"),
    [
        (
            {"time.csv": "client,worked_on,hours\nNord,2026-01-05,1\n"},
            "no client has computers in service in any month",
        ),
        (
            {"pcs-2026-01-31.csv": "client,device_id\nNord,pc1\n"},
            "no time entry could be used. `rhem check` lists",
        ),
        ({"tickets.csv": "ticket_id,type\n1,incident\n"}, "no time entry could be used"),
        ({"time.csv": "client,worked_on,hours\n"}, "no time entry could be used"),
    ],
    ids=["time-only", "endpoints-only", "tickets-only", "header-only"],
)
def test_a_book_without_hours_or_computers_is_one_clear_message(workspace, monkeypatch, files, wording):
    folder = workspace(files)
    monkeypatch.chdir(folder)
    for call in (lambda: run.study(folder, **QUIET), lambda: run.review(folder, "2026Q1", **QUIET)):
        with pytest.raises(NotEnoughData, match=wording):
            call()
    assert not any((folder / "reports").rglob("*.html"))


def said_by(lines):
    return lambda line, *_: lines.append(line)


@pytest.mark.slow
def test_damaged_prepared_tables_are_made_again_and_nothing_else(edition):
    folder, _ = edition
    run.review(Path("data/small"), "2026Q2", **QUIET)  # whole, whatever ran before
    table = folder / "reports/small/data/time_entries.parquet"
    content = bytearray(table.read_bytes())
    content[1000] ^= 1
    table.write_bytes(content)
    lines = []
    again = run.review(Path("data/small"), "2026Q2", tell=said_by(lines))
    assert "The prepared tables in reports/small/data are damaged: they are made again" in lines
    assert set(again.table["status"]) == {"kept"}
    lines.clear()
    run.review(Path("data/small"), "2026Q2", tell=said_by(lines))
    assert lines[0] == "Reading reports/small/data" and not any("damaged" in line for line in lines)


@pytest.mark.slow
def test_a_damaged_record_makes_its_output_again(edition):
    folder, _ = edition
    run.review(Path("data/small"), "2026Q2", **QUIET)
    record = next(folder.rglob("review.run.json"))
    record.write_text(record.read_text()[:50])
    lines = []
    again = run.review(Path("data/small"), "2026Q2", tell=said_by(lines))
    assert f"{record.relative_to(folder)} is damaged: its output is made again" in lines
    assert (again.table["status"] == "done").sum() == 1


def test_a_second_run_of_the_workspace_is_refused_while_the_first_is_at_work(edition):
    with alone(Path("reports/small")), pytest.raises(OutputError, match=r"reports/small: another run is writing"):
        run.review(Path("data/small"), "2026Q2", **QUIET)


@pytest.mark.slow
def test_stopping_keeps_what_is_finished_and_the_next_run_goes_on(edition):
    folder, made = edition

    def stop(_, number=0, total=0):
        if number == 1:
            raise KeyboardInterrupt

    deck = next(folder.rglob("review.pptx"))
    for lost in (deck, folder / "reports/small/2026Q2/study/01_data_account.html"):
        lost.unlink()
    with pytest.raises(
        Stopped, match=r"stopped; \d+ of \d+ notebooks are finished and kept. The same command goes on"
    ):
        run.review(Path("data/small"), "2026Q2", workers=1, tell=stop)
    again = run.review(Path("data/small"), "2026Q2", **QUIET)
    assert (again.table["status"] == "done").sum() <= 2
    assert deck.is_file()
    assert len(again.table) == len(made.table)


@pytest.mark.parametrize(
    ("last_day", "today", "quarter"),
    [
        ("2026-06-30", "2026-07-01", "2026Q2"),
        ("2026-06-26", "2026-07-01", "2026Q2"),  # the last days had no work
        ("2026-06-24", "2026-07-20", "2026Q1"),  # the quarter's end has not arrived
        ("2026-06-28", "2026-06-29", "2026Q1"),  # it is not over
        ("2026-12-31", "2026-07-20", "2026Q2"),  # entries dated ahead make no quarter
        ("2026-08-15", "2026-08-16", "2026Q2"),
    ],
)
def test_the_last_quarter_is_over_and_in_the_data(last_day, today, quarter):
    work = SimpleNamespace(last_day=pd.Timestamp(last_day))
    assert run.last_quarter(work, pd.Timestamp(today).date()) == quarter


def test_without_entries_there_is_no_last_quarter():
    with pytest.raises(NotEnoughData, match="no time entry could be used"):
        run.last_quarter(SimpleNamespace(last_day=pd.NaT), pd.Timestamp("2026-07-20").date())


def test_review_takes_the_last_quarter_by_default(sample_work):
    wording = []
    panel, quarter, names, _ = run._choose(sample_work, "LAST", ["Birch Foods"], wording.append)
    assert (quarter, names, panel["month"].max()) == ("2026Q2", ["Birch Foods"], pd.Timestamp("2026-06-01"))
    assert wording[0] == "The last complete quarter is 2026Q2"
