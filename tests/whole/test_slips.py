"""A slip in an argument that takes one of a few words is an error that names the nearest word, in every room."""

import pytest

import rhem_lib as rhem
from rhem_lib import metric, runs, simulate
from rhem_lib.errors import ParameterError, one_of
from rhem_lib.runs.notebooks import check_parameters
from rhem_lib.workspace import from_frames


@pytest.fixture(scope="module")
def fit(sample_study):
    return sample_study.fit


SLIPS = {
    "preset": (lambda w, p, f: rhem.measure(w, preset="incident"), "preset: 'incident' .* 'incidents'"),
    "by": (lambda w, p, f: rhem.pooled_rhem(p, by="quater"), "by: 'quater' .* 'quarter'"),
    "dirt": (lambda w, p, f: simulate.recover([1], dirt="som"), "dirt: 'som' .* 'some'"),
    "client of a fit": (lambda w, p, f: f.predict("Harbor Acounting", age_months=1), "client: .* 'Harbor Acc"),
    "client that moved": (
        lambda w, p, f: metric.why_moved(p, p, before="2026Q1", after="2026Q2", client="Harbor Acounting"),
        "client: .* 'Harbor Acc",
    ),
    "client of a concentration": (
        lambda w, p, f: metric.concentration(w, p, client="Harbor Acounting"),
        "client: .* 'Harbor Acc",
    ),
    "frames": (lambda w, p, f: from_frames(w.settings, {"agreement": p}), "frames: .* 'agreements'"),
    "notebook": (lambda w, p, f: runs.title_of("02_rem"), "no notebook '02_rem'.* '02_rhem'"),
    "parameter": (lambda w, p, f: check_parameters("02_rhem", {"workspce": "x"}), "'workspce' .* 'workspace'"),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_a_word_names_the_nearest_word(name, sample_work, sample_panel, fit):
    call, message = SLIPS[name]
    with pytest.raises(ParameterError, match=message):
        call(sample_work, sample_panel, fit)


def test_every_preset_measures_another_total(sample_work, sample_panel):
    hours = {p: rhem.measure(sample_work, preset=p)["reactive_hours"].sum() for p in ("incidents", "all-support")}
    assert hours["incidents"] < sample_panel["reactive_hours"].sum() < hours["all-support"]


def test_a_word_like_no_other_gets_the_list_of_words():
    assert one_of("b", ("a", "b"), "x") == "b"
    with pytest.raises(ParameterError, match=r"x: 'zebra' is not known here\. Known: a, b\."):
        one_of("zebra", ("a", "b"), "x")
