"""Plots: results in, axes out; nothing else of matplotlib changes."""

import warnings
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from review_data import make_entries, make_fit, make_panel, make_review

mpl.use("Agg")
import matplotlib.pyplot as plt

from rhem_lib import figures
from rhem_lib.decay.fit import fit_decay
from rhem_lib.figures import theme
from rhem_lib.metric.causes import cause_months, concentration
from rhem_lib.metric.decomposition import last_periods, why_moved
from rhem_lib.metric.other_definitions import definitions
from rhem_lib.settings import Settings, Target
from rhem_lib.simulate.recovery import Recovery


@pytest.fixture(scope="module")
def fit(sample_study):
    return sample_study.fit


@pytest.fixture(scope="module")
def comparison(sample_study):
    return sample_study.comparison


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def book(fit, sample_panel, sample_work, comparison):
    """Every figure of one axes, by name."""
    before, after = last_periods(sample_panel)
    moved = why_moved(sample_panel, cause_months(sample_work), before=before, after=after)
    review = make_review()
    return {
        "decay": lambda ax: figures.decay(fit, sample_panel, ax=ax),
        "half_lives": lambda ax: figures.half_lives(fit, ax=ax),
        "months_to_target": lambda ax: figures.months_to_target(fit, ax=ax),
        "rhem_by_month": lambda ax: figures.rhem_by_month(sample_panel, ax=ax),
        "definitions": lambda ax: figures.definitions(definitions(sample_work), ax=ax),
        "moved": lambda ax: figures.moved(moved, ax=ax),
        "concentration": lambda ax: figures.concentration(concentration(sample_work, sample_panel), ax=ax),
        "hours_of_week": lambda ax: figures.hours_of_week(concentration(sample_work, sample_panel), ax=ax),
        "account": lambda ax: figures.account(sample_work.account, ax=ax),
        "billing": lambda ax: figures.billing(comparison, ax=ax),
        "billing_ratios": lambda ax: figures.billing_ratios(comparison, ax=ax),
        "review_minutes": lambda ax: figures.review_minutes(review, ax=ax),
        "review_parts": lambda ax: figures.review_parts(review, ax=ax),
        "review_causes": lambda ax: figures.review_causes(review, ax=ax),
    }


@pytest.mark.slow
def test_every_figure_draws_on_the_axes_given_and_has_a_finding_as_title(book):
    for name, draw in book.items():
        given = plt.figure().subplots(1, 2)[1]
        settings = dict(mpl.rcParams)
        assert draw(given) is given, name
        assert dict(mpl.rcParams) == settings, name
        title = given.get_title(loc="left") or given.get_title()
        assert len(title.split()) > 4 and given.has_data(), name


def test_every_figure_makes_its_own_axes(book):
    for name, draw in book.items():
        ax = draw(None)
        assert isinstance(ax, Axes), name
        assert len(ax.figure.get_suptitle().split()) > 4, name
        ax.figure.canvas.draw()


def test_of_many_clients_the_largest_are_drawn_and_the_title_says_so(fit, sample_panel, monkeypatch):
    monkeypatch.setattr("rhem_lib.figures.plots.MOST_PANELS", 4)
    served = sample_panel[sample_panel["age_months"].notna()].groupby("client")["exposure"].sum()
    grid = figures.clients(fit, sample_panel)
    assert {ax.get_title("left") for ax in grid} == {theme.short(name, 22) for name in served.nlargest(4).index}
    text = " ".join(word.get_text() for word in grid[0].figure.findobj(plt.Text))
    assert "drawn: the 4 largest of" in " ".join(text.split())


def test_of_more_clients_than_can_be_named_every_one_is_drawn(fit, monkeypatch):
    known = fit.clients["half_life_months"].notna().sum()
    monkeypatch.setattr("rhem_lib.figures.theme.MOST_NAMES", 3)
    ax = figures.half_lives(fit)
    assert (ax.get_ylabel(), len(ax.get_yticks())) == (f"{known} clients, in this order", 0)
    assert len(ax.collections[1].get_offsets()) == known


def test_small_multiples_show_every_client(fit, sample_panel):
    grid = figures.clients(fit, sample_panel)
    served = sample_panel.loc[sample_panel["exposure"] > 0, "client"].unique()
    assert sum(ax.axison for ax in grid.flat) == len(served)


def line(ax, points):
    return next(one for one in ax.lines if len(one.get_xdata()) == points)


def test_decay_curve_is_the_fits(fit, sample_panel):
    ax = figures.decay(fit, sample_panel)
    drawn = line(ax, 200)
    ages = np.asarray(drawn.get_xdata())
    np.testing.assert_allclose(drawn.get_ydata(), 60 * fit.predict(age_months=ages.tolist())["estimate"])


def test_of_two_kinds_no_client_is_typical(fit, sample_panel):
    improves = pd.Series(np.arange(len(fit.names)) % 2.0, pd.Index(fit.names))
    table = pd.DataFrame({"clients": 15}, ["improving", "not improving"]).reindex(columns=fit.kinds.table.columns)
    kinds = replace(fit.kinds, evidence=9.0, followed=(9, 9), improves=improves, table=table)
    two = replace(fit, kinds=kinds, calendar=replace(fit.calendar, verdict="open"))
    ax = figures.decay(two, sample_panel)
    assert not [one for one in ax.lines if len(one.get_xdata()) == 200]
    assert len({one.get_color() for one in ax.lines if len(one.get_xdata()) == 40}) == 2
    heading = figures.half_lives(two).figure.get_suptitle()
    assert heading.startswith("If its hours fall by its age, a client that improves halves")


def test_missing_months_are_gaps():
    panel = make_panel().drop(index=[5, 16])
    review = make_review(panel)
    drawn = next(one for one in figures.review_minutes(review).lines if one.get_marker() == "o")
    assert np.isnan(drawn.get_ydata()).sum() == 2
    np.testing.assert_allclose(drawn.get_ydata(), review.table["minutes"])


def test_bars_hold_the_reviews_numbers():
    review = make_review()
    bridge = review["why"].table.query("kind == 'bridge'")["change"].tolist()
    assert [bar.get_height() for bar in figures.review_parts(review).patches] == bridge
    causes = review["causes"].table.query("kind == 'row'")["minutes"].tolist()
    assert [bar.get_width() for bar in figures.review_causes(review).patches][::-1] == causes
    german = make_review(settings=Settings(name="M", language="de"))
    for draw in (figures.review_parts, figures.review_causes):
        texts = [text.get_text() for text in draw(german).texts]
        assert any("," in text for text in texts) and not any("." in text for text in texts)


def test_without_numbers_the_axes_say_why(sample_panel):
    few = fit_decay(sample_panel[sample_panel["client"] == sample_panel["client"].iloc[0]])
    assert not few.usable
    ax = figures.decay(few, sample_panel)
    assert "cannot be estimated" in ax.texts[0].get_text().replace("\n", " ")
    assert not figures.months_to_target(few).axison
    quiet = make_panel()
    quiet[["reactive_hours", "reactive_tickets", "rhem_h"]] = 0.0
    review = make_review(quiet, entries=make_entries(quiet))
    assert not figures.review_causes(review).axison
    assert not figures.review_parts(review).axison
    assert figures.review_minutes(make_review(fit=replace(make_fit(), usable=False))).axison


def test_a_miss_is_drawn_heavier(sample_panel):
    rows = [(1, "start_h", 1.0, 1.0, 0.9, 1.1, True), (2, "start_h", 1.0, 0.5, 0.4, 0.6, False)]
    columns = ["seed", "quantity", "truth", "estimate", "low", "high", "inside"]
    ax = figures.recovery(Recovery(pd.DataFrame(rows, columns=columns)))[0]
    widths = ax.collections[0].get_linewidths()
    assert widths[1] > widths[0]


def test_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with figures.style():
        assert mpl.rcParams["axes.titlelocation"] == "left"
    assert dict(mpl.rcParams) == before


def test_a_backend_switched_on_inside_stays_on():
    """A notebook backend turns interactive with the first figure; were that reset, later ones would not show."""
    before = mpl.is_interactive()
    try:
        with figures.style():
            mpl.interactive(True)
        assert mpl.is_interactive()
    finally:
        mpl.interactive(before)


def test_takeaway_drops_intervals_and_later_sentences():
    text = "It goes from 54 (95% interval 46 to 64) to 14.2 minutes. Then it stays."
    assert theme.takeaway(text) == "It goes from 54 to 14.2 minutes"


def test_heat_map_has_the_share_of_every_hour(sample_work, sample_panel):
    held = concentration(sample_work, sample_panel)
    ax = figures.hours_of_week(held)
    shares = held.table.loc[held.table["kind"] == "hour of week", "share"]
    drawn = np.ma.masked_invalid(ax.collections[0].get_array()).compressed()
    assert drawn.sum() == pytest.approx(100 * shares.sum())
    assert len(drawn) == len(shares)
    none = replace(held, table=held.table[held.table["kind"] != "hour of week"])
    assert not figures.hours_of_week(none).axison


@pytest.mark.slow
def test_lines_of_the_decay_figure_follow_the_target(sample_panel):
    fit = fit_decay(sample_panel, target=Target(start_h=2.0, target_h=0.5, months=18))
    ax = figures.decay(fit, sample_panel)
    words = [text.get_text() for text in ax.texts]
    assert {"120 minutes", "30 minutes"} <= set(words)
    assert not {"1 hour", "60 minutes", "15 minutes"} & set(words)
    assert {60 * 2.0, 60 * 0.5} <= {float(line.get_ydata()[0]) for line in ax.lines}
    heading = figures.months_to_target(fit).figure.get_suptitle()
    assert "within 36 months" in " ".join(heading.split())


def test_names_in_other_scripts_are_drawn_where_a_face_is_there():
    if "Droid Sans Fallback" not in theme.families():
        pytest.skip("no face with Chinese letters is installed")

    @theme.styled
    def draw():
        ax = theme.axes(None)
        theme.title(ax, "東京都港区赤坂 & Søn")
        return theme.png(ax)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw().startswith(b"\x89PNG")


def test_months_above_the_axis_are_marked_and_counted():
    ax = theme.axes(None)
    ax.scatter([1, 2, 3, 9], [5.0, 50.0, 70.0, 80.0])
    ax.set_xlim(0, 5)
    assert theme.mark_above(ax, 60.0) == 1  # at age 3; the one at 9 is beside the axis
    assert ax.collections[-1].get_offsets().tolist() == [[3.0, 60.0]] and ax.get_ylim() == (0, 60)
    assert theme.mark_above(ax, 99.0) == 0


def test_letters_of_arabic_are_joined():
    lam, alef = "\u0644", "\u0627"
    figure = plt.figure()
    texts = (3 * (lam + alef), 3 * (lam + "\N{ZERO WIDTH NON-JOINER}" + alef))
    joined, apart = (figure.text(0, 0, text).get_window_extent().width for text in texts)
    plt.close(figure)
    assert joined < 0.9 * apart
