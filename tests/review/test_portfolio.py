"""The book's deck: pooled numbers by hand, honest errors, the reasons for each decision, a valid file."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from deck_check import problems
from review_data import main_text, make_facts, make_fit, make_panel

import rhem_lib as rhem
from rhem_lib.deck import workbook
from rhem_lib.deck.presentation import write
from rhem_lib.errors import NotEnoughData
from rhem_lib.language import minutes, number
from rhem_lib.review import portfolio
from rhem_lib.review.facts import Fits
from rhem_lib.review.portfolio import build_portfolio
from rhem_lib.settings import Settings, Target

HOURS = ("reactive", "scheduled", "project", "onboarding", "internal", "excluded", "unclassified", "quarantined")


def make_book(clients=6, **changes):
    names = [f"Client {i}" for i in range(clients)]
    panel = pd.concat([make_panel(name, seed=i, endpoints=10.0 * (i + 1)) for i, name in enumerate(names)])
    fit = make_fit(names, **changes)
    test = SimpleNamespace(
        missing="12 clients are needed", text="Too early.", power=SimpleNamespace(clients_needed=73)
    )
    hours = (pd.Series([80.0, 5, 5, 5, 0, 0, 3], index=HOURS[:-1]), 2.0)
    return panel, fit, test, hours


def facts(panel, fit, test, hours, settings=None):
    return portfolio.gather_portfolio(settings or Settings(name="M"), panel, Fits(fit, fit), test, hours, "2026Q2")


@pytest.fixture(scope="module")
def sample_book(sample_work, sample_panel, sample_study):
    test, fit = sample_study.comparison, sample_study.fit
    return build_portfolio(sample_work, sample_panel, fit, test, quarter="2026Q2", earlier=sample_study.before)


def test_the_level_is_pooled_and_the_excess_is_by_hand():
    panel, fit, test, hours = make_book(2)
    late = panel["month"] >= "2026-04-01"
    panel.loc[late & (panel["client"] == "Client 0"), "reactive_hours"] = 5.0  # 30 minutes on 10 computers
    panel.loc[late & (panel["client"] == "Client 1"), "reactive_hours"] = 2.0  # 6 minutes on 20 computers
    b = facts(panel, fit, test, hours)
    assert b.now.minutes == pytest.approx(60 * 21 / 90)
    assert b.clients["excess"].tolist() == pytest.approx([15 / 60 * 30, 0.0])
    assert b.clients["client"].tolist() == ["Client 0", "Client 1"]


def test_standard_error_of_the_change_holds_its_level():
    """Control: two quarters of an unchanged book differ by more than two errors in few of 200."""
    rng = np.random.default_rng(5)
    far = 0
    for _ in range(200):
        size = rng.gamma(2, 20, 25)
        usual = rng.gamma(6, 3, 25)  # a client's own level stays; only the quarter's noise is drawn anew
        then, now = (
            pd.DataFrame({"reactive_hours": usual * size * rng.gamma(10, 0.1, 25) / 60, "exposure": size})
            for _ in "ab"
        )
        change = portfolio._minutes(now) - portfolio._minutes(then)
        far += abs(change) > 2 * portfolio._change_se(now, then)
    assert 1 <= far <= 24


def test_a_new_client_is_no_rise_of_the_others():
    panel, fit, test, hours = make_book(6)
    new = make_panel("New", months=2, endpoints=300.0, start_h=2.0, floor_h=1.0)
    b = facts(pd.concat([panel, new]), fit, test, hours)
    assert b.now.minutes > 2 * b.before.minutes and b.both[0].minutes < 1.5 * b.both[1].minutes
    title = portfolio.headline(b, "").title
    moved = f"clients of both quarters {number(b.both[0].minutes)}, down from {number(b.both[1].minutes)}"
    assert title == f"Support was {minutes(b.now.minutes)} per computer and month; for {moved}"
    same = portfolio.headline(facts(panel, fit, test, hours), "").title
    assert "both quarters" not in same and "our goal" in same


def test_a_client_that_stays_is_compared_with_itself():
    panel, fit, test, hours = make_book(2)
    newcomer = make_panel("New", months=2, start_h=9.0, floor_h=9.0, endpoints=500.0)
    b = facts(pd.concat([panel, newcomer]), fit, test, hours)
    alone = facts(panel, fit, test, hours)
    assert b.stayed == pytest.approx(alone.stayed)
    assert b.now.minutes > 3 * alone.now.minutes


def test_a_client_improves_only_if_it_falls_and_did_not_rise():
    panel, fit, test, hours = make_book(5)
    assert (
        portfolio.directions(facts(panel, fit, test, hours)).title
        == "5 of 5 clients improve; 0 rose or came in above their forecast"
    )
    late = (panel["month"] >= "2026-04-01") & (panel["client"] == "Client 4")
    panel.loc[late, ["reactive_hours", "rhem_h", "squared_hours", "reactive_tickets"]] *= 4
    b = facts(panel, fit, test, hours)
    assert portfolio.directions(b).title == "4 of 5 clients improve; 1 rose or came in above its forecast"
    assert b.clients["client"].iloc[0] == "Client 4"  # who needs attention comes first
    assert portfolio.directions(facts(*make_book(5, follows="flat"))).title.startswith("0 of 5 clients improve")


def test_a_client_moves_in_the_portfolio_as_in_its_own_review():
    panel, fit, test, hours = make_book(6)
    late = (panel["month"] >= "2026-04-01") & (panel["client"] == "Client 5")
    panel.loc[late, ["reactive_hours", "rhem_h", "squared_hours"]] *= 3.0
    table = facts(panel, fit, test, hours).clients.set_index("client")
    for name, row in table.iterrows():
        f = make_facts(panel, fit, client=name)
        assert (row["change"].value, row["change"].se) == pytest.approx((f.change.value, f.change.se))
        assert row["change"].sure == f.change.sure and row["before"] == pytest.approx(f.before.minutes)
    assert table["rose"]["Client 5"] and not table["rose"].all()


def test_rows_that_are_sums_are_not_hours_set_aside(sample_work):
    _, aside = portfolio.quarter_hours(sample_work, "2026Q2")
    rows = sample_work.quarantine[sample_work.quarantine["table"] == "time_entries"]
    assert aside == (~rows["reason"].isin(portfolio.NOT_WORK)).sum() == len(rows) - 71


def test_the_chart_is_of_the_clients_in_its_title():
    panel, *rest = make_book(2)
    newcomer = make_panel("New", months=2, start_h=9.0, floor_h=9.0, endpoints=500.0)
    both, alone = (portfolio.by_month(facts(p, *rest)) for p in (pd.concat([panel, newcomer]), panel))
    assert both.title == alone.title and both.table["minutes"].tolist() == alone.table["minutes"].tolist()


def test_no_client_in_the_quarter():
    panel, *rest = make_book(2)
    with pytest.raises(NotEnoughData, match="no client"):
        facts(panel[panel["month"] < "2026-04-01"], *rest)


def test_the_samples_book_is_told_and_drawn(sample_book, sample_work, tmp_path):
    keys = [s.key for s in sample_book.sections]
    assert keys == [
        "quarter", "minutes", "curve", "directions", "above", "billing", "data", "decisions", "method",
    ]  # fmt: skip
    assert not [text for text in main_text(sample_book) if "{" in text or "nan" in text]
    path = write(sample_book, tmp_path / "portfolio.pptx")
    assert problems(path) == []
    assert workbook.write_numbers(sample_book, path).is_file()
    entries = sample_work.time_entries.df()
    quarter = entries[entries["worked_on"].between("2026-04-01", "2026-06-30")]
    assert sample_book["data"].table["hours"].sum() == pytest.approx(float(quarter["hours"].sum()))


@pytest.mark.many_cases
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("usable", [True, False])
def test_a_small_book_is_told_too(tmp_path, language, usable):
    panel, fit, test, hours = make_book()
    known = {"usable": usable, "gate": SimpleNamespace(declines=usable), "two_kinds": None}
    known["calendar"] = SimpleNamespace(verdict="drift", drift=-0.03, reference=pd.Timestamp("2023-01-01"))
    fit = SimpleNamespace(**vars(fit) | known, predict=fit.predict, month_draws=fit.month_draws,
                          shape="exponential", text="The fit.",
                          new_client=lambda size: SimpleNamespace(low=3 * size, high=9 * size))  # fmt: skip
    review = portfolio.compose_portfolio(facts(panel, fit, test, hours, Settings(name="M", language=language)))
    assert problems(write(review, tmp_path / "p.pptx")) == []
    assert "{" not in review.story


@pytest.mark.slow
def test_decisions_ask_about_the_month_that_is_judged(sample_work, sample_panel):
    """The clients reach 30 minutes at some month, but 6 minutes never: asked of month 18, by the level there."""
    targets = {"start_h": 2.0, "months": 18}
    panel, _, test, hours = make_book()
    for target_h, asked in ((0.1, True), (9.0, False)):
        target = Target(target_h=target_h, **targets)
        settings = Settings(name="M", targets=target)
        fit = rhem.fit_decay(sample_panel, target=target)
        section = portfolio.decisions(facts(panel, fit, test, hours, settings))
        assert (
            any(f"Is {60 * target_h:.0f} minutes in month 18 still the goal" in p for p in section.paragraphs)
            == asked
        )


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"two_kinds": SimpleNamespace(share=0.4)}, "40% of clients improve after onboarding"),
        (
            {"calendar": SimpleNamespace(verdict="open")},
            "Whether clients improve, or all hours fall, cannot be told",
        ),
        ({"fades": True}, "Recorded hours fall, but less may be written down"),
        (
            {"calendar": SimpleNamespace(verdict="drift", drift=-0.03, reference=pd.Timestamp("2023-01-01"))},
            "A typical client goes from",
        ),
    ],
)
def test_the_curve_claims_no_more_than_the_fit(changes, title):
    panel, fit, test, account = make_book()
    known = {"usable": True, "gate": SimpleNamespace(declines=True), "two_kinds": None, "fades": False}
    known["calendar"] = SimpleNamespace(verdict="none")
    fit = SimpleNamespace(**vars(fit) | known | changes, predict=fit.predict,
                          month_draws=fit.month_draws, shape="exponential", text="The fit.",
                          new_client=lambda size: SimpleNamespace(low=60.0, high=210.0))  # fmt: skip
    section = portfolio.curve(facts(panel, fit, test, account))
    assert section.title.startswith(title)
    assert section.charts[0].startswith("The middle of two kinds") == ("two_kinds" in changes)
    assert "60 to 210 hours in its first year" in section.paragraphs[-1]
    drifts = "the hours of all clients fall by 3% a month; this curve is as of January 2023." in section.footnote
    assert drifts == (title == "A typical client goes from")


def test_who_came_in_above_its_forecast_needs_attention_and_questions_can_be_answered():
    panel, fit, test, hours = make_book(6)
    b = facts(panel, fit, test, hours)
    quiet = replace(b, clients=b.clients.assign(need=0))
    assert "No client rose or came in above its forecast" in portfolio.headline(quiet, "").paragraphs[2]
    one = replace(b, clients=b.clients.assign(need=[1, 0, 0, 0, 0, 0], client=["Acme Inc.", *"BCDEF"]))
    assert portfolio.headline(one, "").paragraphs[2] == "Needs attention: Acme Inc."
    assert portfolio.directions(one).title.endswith("; 1 rose or came in above its forecast")
    asked = portfolio.decisions(replace(b, inferred=2)).paragraphs
    assert len(asked) >= 3 and all(question.startswith(("Do ", "Is ")) for question in asked)
    assert not portfolio.billing(b).shown  # nothing to see but that it is too early
