"""Knobs move the figure, in a process without a browser, and no cell waits for one."""

import pytest

from rhem_lib.figures import plots, widgets
from rhem_lib.runs.notebooks import NOTEBOOKS


@pytest.fixture(scope="module")
def fit(sample_study):
    return sample_study.fit


def knobs_and_figure(made):
    box, figure = made.children
    return {knob.description: knob for knob in box.children}, figure


def title_of(ax):
    return " ".join(ax.figure.get_suptitle().split())


def test_client_and_target_move_the_figure(fit, sample_panel):
    knobs, figure = knobs_and_figure(widgets.explore_path(fit, sample_panel))
    assert list(knobs["client"].options) == list(fit.clients.index)
    assert knobs["target"].value == 15
    seen = [bytes(figure.value)]
    knobs["target"].value = 45
    seen.append(bytes(figure.value))
    knobs["client"].value = fit.clients.index[1]
    seen.append(bytes(figure.value))
    assert all(png.startswith(b"\x89PNG") for png in seen)
    assert len(set(seen)) == 3


@pytest.mark.slow
def test_every_knob_moves_the_figure(sample_work):
    knobs, figure = knobs_and_figure(widgets.explore_definition(sample_work))
    assert set(knobs["preset"].options) == {"unscheduled", "incidents", "all-support"}
    assert knobs["preset"].value == sample_work.settings.preset
    seen = [bytes(figure.value)]
    turns = {
        "preset": "all-support",
        "server": 3.0,
        "client": "Birch Foods",
        "category": "Email",
        "period": "2026",
    }
    for name, value in turns.items():
        knobs[name].value = value
        seen.append(bytes(figure.value))
    assert len(set(seen)) == len(turns) + 1 == len(knobs) + 1


def test_two_clients_are_drawn_side_by_side(fit, sample_panel):
    knobs, figure = knobs_and_figure(widgets.explore_pair(fit, sample_panel))
    before = bytes(figure.value)
    knobs["other"].value = fit.clients.index[3]
    assert bytes(figure.value) != before
    ax = plots.paths(fit, sample_panel, ["Birch Foods", "Summit Dental"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Birch Foods", "Summit Dental"]
    assert "Birch Foods" in title_of(ax) and "Summit Dental" in title_of(ax)


def test_the_title_says_when_the_target_is_reached(fit, sample_panel):
    name = fit.clients["months_to_target"].idxmin()
    months = fit.clients.loc[name, "months_to_target"]
    ax = plots.path(fit, sample_panel, name, target_h=fit.target.target_h)
    assert f"in month {months:.0f}" in title_of(ax)
    below = plots.path(fit, sample_panel, name, target_h=0.001)
    assert "does not come down to 0 minutes by month" in title_of(below)


def test_no_notebook_uses_an_output_widget():
    """nbclient answers its messages on a socket that it is waiting on, and now and then misses the reply."""
    for path in (*NOTEBOOKS.glob("*.ipynb"), widgets.__file__):
        text = open(path).read()
        assert "interactive" not in text and "widgets.Output" not in text, path
