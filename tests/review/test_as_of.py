"""An edition of a quarter uses nothing after it, and a client without a figure is named with the reason."""

import shutil
import zipfile

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import NotEnoughData
from rhem_lib.metric import cause_table, reactive_entries, why_unmeasured
from rhem_lib.review import build_portfolio, build_review, not_reviewed
from rhem_lib.studies import study_panel

QUARTER, LATER = "2025Q2", ("2025Q3", "2025Q4", "2026")


@pytest.fixture(scope="module")
def editions(sample_folder, tmp_path_factory):
    """Study of 2025Q2, once from all files of the sample and once from those that there were by then."""
    folder = tmp_path_factory.mktemp("cut") / "sample"
    shutil.copytree(sample_folder, folder)
    for path in (folder / "exports").glob("*.zip"):
        with zipfile.ZipFile(path) as given:
            kept = {name: given.read(name) for name in given.namelist() if keep(name)}
        with zipfile.ZipFile(path, "w") as cut:
            for name, content in kept.items():
                cut.writestr(name, content)
    works = [rhem.load(source, until=QUARTER) for source in (sample_folder, folder)]
    return [(work, study_panel(work, rhem.measure(work))) for work in works]


def keep(name):
    """Whether a file of the sample, named by its quarter or day, was there at the end of June 2025."""
    when = name.removesuffix(".csv").split("-", 1)[-1].replace("-", "")
    return not when[:4].isdigit() or when <= ("20250630" if "Q" not in when else QUARTER)


@pytest.mark.slow
def test_an_old_quarter_made_today_is_what_it_was_then(editions):
    (now, made), (then, made_then) = editions
    pd.testing.assert_frame_equal(made.panel, made_then.panel)
    names = made.panel.loc[(made.panel["month"] >= "2025-04-01") & (made.panel["exposure"] > 0), "client"].unique()
    assert len(names) > 20
    for name in names:
        one, other = (
            build_review(work, s.panel, s.fit, client=name, quarter=QUARTER, earlier=s.before).to_json()
            for work, s in ((now, made), (then, made_then))
        )
        assert one == other, name
    one, other = (
        build_portfolio(work, s.panel, s.fit, s.comparison, quarter=QUARTER, earlier=s.before)
        for work, s in ((now, made), (then, made_then))
    )
    assert [(s.title, s.paragraphs) for s in one.sections if s.key != "data"] == [
        (s.title, s.paragraphs) for s in other.sections if s.key != "data"
    ]


def blurred(panel, client="Birch Foods"):
    """The panel with all hours of a client unclassified."""
    rows = panel["client"] == client
    panel = panel.assign(unclassified_hours=panel["unclassified_hours"] + panel["reactive_hours"].where(rows, 0.0))
    panel.loc[rows, ["reactive_hours", "reactive_tickets", "squared_hours", "rhem_h"]] = 0.0
    return panel


def test_a_client_whose_hours_are_unclassified_gets_no_review_and_is_in_no_average(sample_work, sample_panel):
    panel = blurred(sample_panel)
    aside = not_reviewed(panel, sample_work.clients, "2026Q2")
    assert list(aside) == ["Birch Foods"] and "could not be classified" in aside["Birch Foods"]
    with pytest.raises(NotEnoughData, match="could not be classified"):
        build_review(sample_work, panel, None, client="Birch Foods", quarter="2026Q2")
    assert "Birch Foods" not in panel.loc[why_unmeasured(panel, sample_work.clients) == "", "client"].unique()
    assert not_reviewed(sample_panel, sample_work.clients, "2026Q2") == {}  # control


def test_no_hours_at_all_count_as_none_only_where_that_is_confirmed(sample_work, sample_panel):
    rows = sample_panel["client"] == "Birch Foods"
    panel = sample_panel.copy()
    panel.loc[rows, ["reactive_hours", "unclassified_hours", "outside_hours"]] = 0.0
    assert "No hours in any month" in not_reviewed(panel, sample_work.clients, "2026Q2")["Birch Foods"]
    for given, asked in (("yes", {}), ("2026Q2", {}), ("2026Q1", {"Birch Foods"}), ("no", {"Birch Foods"})):
        clients = sample_work.clients.assign(confirmed_zero=given)
        assert set(not_reviewed(panel, clients, "2026Q2")) == set(asked), given
    quiet = sample_panel.copy()  # control: a quarter of 0 between others is a measurement
    quiet.loc[rows & (quiet["month"] >= "2026-04-01"), ["reactive_hours", "unclassified_hours"]] = 0.0
    assert not_reviewed(quiet, sample_work.clients, "2026Q2") == {}


def test_hours_without_computers_are_named(sample_work, sample_panel):
    panel = sample_panel.copy()
    panel.loc[panel["client"] == "Birch Foods", "exposure"] = 0.0
    assert "no computers" in not_reviewed(panel, sample_work.clients, "2026Q2")["Birch Foods"]


@pytest.mark.parametrize("client", ["Birch Foods", "Summit Dental", "Meadow Realty"])
def test_tickets_of_causes_add_up_to_those_of_the_client(sample_work, sample_panel, client):
    entries = reactive_entries(sample_work, client)
    quarter = entries[entries["worked_on"] >= "2026-04-01"]
    own = sample_panel[(sample_panel["client"] == client) & (sample_panel["month"] >= "2026-04-01")]
    table = cause_table(quarter, entries[:0], own["exposure"].sum(), 0.0)
    assert table["problems"].sum() == own["reactive_tickets"].sum() > 0
    assert table["hours"].sum() == pytest.approx(own["reactive_hours"].sum())
