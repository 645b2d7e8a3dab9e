"""Each claim is made where the numbers carry it, and is not made where they do not."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from review_data import make_entries, make_facts, make_fit, make_panel, make_review

from rhem_lib.language import number, speaking
from rhem_lib.metric import computer_table
from rhem_lib.review import actions, appendix, claims, story
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import UNKNOWN, Level, Past, Range, plain_cause
from rhem_lib.review.ledger import moved as moved_from
from rhem_lib.review.ledger import promises
from rhem_lib.review.review import compose
from rhem_lib.settings import Action, ClientSettings, QuarterSettings, Settings, Value

CLIENT = "Harbour Dental"


def with_level(panel, minutes, since="2026-04-01", until="2027-01-01"):
    """The panel with months at a level, tickets of half an hour."""
    rows = panel["month"].between(since, until, inclusive="left")
    hours = minutes / 60 * panel["exposure"]
    for name, value in (("reactive_hours", hours), ("reactive_tickets", 2 * hours), ("squared_hours", hours / 2),
                        ("rhem_h", hours / panel["exposure"])):  # fmt: skip
        panel.loc[rows, name] = value[rows]
    return panel


def steady(minutes=12.0, **given):
    return with_level(make_panel(start_h=0.3, floor_h=0.3, **given), minutes, "2020-01-01")


def test_change_is_named_only_beyond_chance():
    now = replace(make_facts(with_level(steady(endpoints=400.0), 20.0)), forecast=Range(12.0, 10.0, 14.0))
    assert ", up from 12;" in compose(now)["quarter"].title
    f = replace(make_facts(with_level(steady(endpoints=5.0), 13.0)), forecast=Range(12.0, 8.0, 16.0))
    assert "within normal ups and downs" in compose(f)["quarter"].title


def test_a_missed_forecast_is_not_called_normal_ups_and_downs():
    f = make_facts(with_level(steady(endpoints=5.0), 13.0))
    assert f.change.sure == "unclear"
    for low, high, side in (
        (7.0, 9.0, "above our forecast of 7 to 9"),
        (20.0, 30.0, "below our forecast of 20 to 30"),
    ):
        review = compose(replace(f, forecast=Range((low + high) / 2, low, high)))
        assert f"13 minutes per computer and month, {side}" in review["quarter"].title
        assert "normal ups and downs" not in review.text
    wide = replace(make_facts(steady(12.0)), forecast=Range(20.0, 15.0, 30.0))
    assert claims.why(wide, 0.1, 0.1).startswith("Less came than we forecast, and no single cause explains it; ")


def test_a_change_that_the_forecast_allowed_for_is_none():
    """The quarter before was an odd one: most changes from it go back to the usual level."""
    f = replace(make_facts(with_level(steady(endpoints=400.0), 20.0)), forecast=Range(17.0, 14.0, 21.0))
    assert f.change.value / f.change.se > 3 and f.change.sure == "unclear"
    assert "within normal ups and downs" in compose(f)["quarter"].title
    assert "Nothing moved beyond" in claims.why(
        replace(f, causes=f.causes.assign(rose=False)), f.change.value, 0.0
    )
    fall = make_facts(with_level(steady(20.0, endpoints=400.0), 12.0))
    held = replace(fall, forecast=Range(13.0, 10.0, 16.0))
    assert replace(held, follows="flat").change.sure == "unclear"
    assert replace(held, follows="decaying").change.sure == "firm"  # its path falls: that is a fall, too
    assert replace(held, follows="flat", forecast=UNKNOWN).change.sure == "firm"


def test_low_support_that_rose_a_little_stays_low():
    title = make_review(with_level(steady(4.0, endpoints=400.0), 4.9))["quarter"].title
    assert title == "Support stayed low: 4.9 minutes per computer and month, well under our goal of 15"
    assert " low" not in make_review(with_level(steady(4.0, endpoints=400.0), 12.0))["quarter"].title


def test_a_forecast_is_judged_by_its_own_range_and_never_made_up():
    assert claims.forecast(26.0, Range(20.0, 13.0, 28.0))[0] == "The forecast held"
    assert claims.forecast(29.0, Range(20.0, 13.0, 28.0))[0] == "More came than we forecast"
    assert claims.forecast(26.0, UNKNOWN)[1] == "No forecast was made for this quarter."
    assert "expect" not in claims.outlook(replace(make_facts(), ahead=UNKNOWN))


@pytest.mark.many_cases
@pytest.mark.parametrize(("first_age", "measured"), [(0, True), (1, True), (2, False), (30, False)])
def test_time_given_back_needs_a_start_that_was_measured(first_age, measured):
    """Two months before age 3; 'at the start' of a client that was onboarded before the data was a fit's guess."""
    panel = make_panel(endpoints=200.0)
    for name in ("age_start", "age_end", "age_months"):
        panel[name] += first_age
    f = make_facts(panel)
    assert (f.first is not None) == measured
    assert ("worth" in [s.key for s in make_review(panel).sections]) == measured
    if measured:
        assert claims.start(f) == (
            "your first three months" if first_age == 0 else "two of your first three months"
        )


def test_time_given_back_is_a_range_that_leaves_out_nothing():
    section = make_review()["worth"]
    spared = make_facts().now.hours_given_back(make_facts().first)
    assert f"{spared.low:.0f} to {spared.high:.0f} fewer support hours" in section.title
    assert spared.low < spared.value < spared.high
    assert claims.given_back(make_facts(steady(endpoints=12.0))) == ""  # no fall: the range holds 0


@pytest.mark.slow
def test_range_of_time_given_back_holds_the_truth():
    """40 clients at a true 60 then 20 minutes, by tickets of chance: the range holds the true hours in 9 of 10."""
    rng, inside = np.random.default_rng(4), 0
    for _ in range(40):
        panel = make_panel(months=12, endpoints=30.0)
        true = np.where(np.arange(12) < 3, 1.0, 1 / 3)
        hours = [rng.gamma(1.5, 0.4, rng.poisson(rate * 30 / 0.6)) for rate in true]
        panel["reactive_hours"], panel["squared_hours"] = ([f(h) for h in hours] for f in (np.sum, square))
        panel["reactive_tickets"] = [float(len(h)) for h in hours]
        panel["rhem_h"] = panel["reactive_hours"] / 30
        f = make_facts(panel)
        spared = f.now.hours_given_back(f.first)
        inside += spared.low <= (1.0 - 1 / 3) * f.now.exposure <= spared.high
    assert inside >= 36


def square(hours):
    return float((hours**2).sum())


def test_staff_hours_and_money_only_where_the_workspace_says_how():
    def text(**value):
        return " ".join(make_review(settings=Settings(name="M", value=Value(**value)))["worth"].paragraphs)

    assert "was not measured" in text()
    assert "was not measured" in text(wage_per_hour=40.0)
    given = {"user_minutes_per_technician_minute": 0.5, "devices_per_employee": 1.0}
    assert "at 0.5 minutes of theirs" in text(**given) and "USD" not in text(**given)
    assert "USD" in text(**given, wage_per_hour=40.0)
    assert text(**given) == text(**given | {"devices_per_employee": 2.0})  # it spreads a total, and changes none


def test_fell_since_the_start_says_what_cannot_be_told():
    assert "whether by our work or because everything fell cannot be told" in claims.fell(make_facts())
    known = replace(make_fit(), calendar=SimpleNamespace(verdict="none"))
    assert "comes with the months of our work" in claims.fell(make_facts(fit=known))
    flat = replace(known, clients=known.clients.assign(follows="flat"))
    assert "cannot be told" in claims.fell(make_facts(fit=flat))
    assert claims.fell(make_facts(steady())) == ""
    assert claims.fell(make_facts(make_panel(months=3))) == ""


@pytest.mark.slow
def test_back_above_a_goal_that_was_reached():
    panel = with_level(steady(14.0, endpoints=300.0), 30.0)
    assert claims.goal(make_facts(panel)) == "We had reached 15 minutes by month 12, but are back at 30."
    assert "back above it" in make_review(panel)["quarter"].title
    never = with_level(steady(25.0, endpoints=300.0), 30.0)
    assert claims.goal(make_facts(never)) == "The goal of 15 minutes by month 12 is not met; this was month 18."
    barely = with_level(steady(14.0, endpoints=4.0), 17.0)
    assert "back" not in claims.goal(make_facts(barely))


@pytest.mark.parametrize("months", [6, 18])
def test_card_and_sentence_name_one_month_of_the_goal(months):
    f = make_facts(make_panel(months=months))
    assert "month 12" in claims.goal(f) and "month 12" in claims.goal_mark(f)
    assert "24" not in claims.goal(f) + claims.goal_mark(f)
    assert f"month {months}" in claims.goal_mark(f)


def test_a_goal_ahead_is_as_likely_as_the_path_says():
    def goal(**fit):
        return claims.goal(make_facts(make_panel(months=6), make_fit(**fit)))

    assert "likely to reach" in goal(floor_h=0.05, half_life_months=2.0)
    assert "not likely to reach" in goal(floor_h=0.8)
    assert "cannot be told yet" in goal(floor_h=0.2, half_life_months=2.9)


def test_computers_are_those_of_the_last_list():
    panel = make_panel(months=2, endpoints=10.0)
    panel.loc[panel.index[-1], ["endpoints", "exposure"]] = [21.0, 9.0]
    f = make_facts(panel, make_fit(("other",)))
    assert f.computers_now == 21


def noisy(category, tickets=4):
    """Entries of a quarter of which three computers take most, by one cause."""
    entries = make_entries(steady())
    late = entries["worked_on"] >= "2026-04-01"
    rows = entries[late].index[: 3 * tickets]
    entries.loc[rows, "device_id"] = [f"BAD-{i % 3}" for i in range(len(rows))]
    entries.loc[rows, "category"] = category
    return entries[~late | entries.index.isin(rows)]


def test_repair_is_proposed_only_where_hardware_explains_the_hours():
    f = make_facts(steady(), entries=noisy("Hardware"))
    assert set(claims.defects(f)) == {"BAD-0", "BAD-1", "BAD-2"}
    assert any(a.action.startswith("Repair or replace") for a in actions.proposed(f))
    for entries in (noisy("Email"), noisy("Hardware", tickets=2)):
        other = make_facts(steady(), entries=entries)
        assert claims.defects(other) == []
        assert not any("epair or" in a.action for a in actions.proposed(other))


def test_hardware_is_known_by_the_name_of_the_cause():
    entries = pd.DataFrame({"device_id": "PC", "hours": [2.0, 1.0, 1.0], "first": True,
                            "category": ["Failed disk", "Email", "Software"], "type": None})  # fmt: skip
    assert computer_table(entries)["hardware"].tolist() == [0.5]


def test_an_action_names_its_cause_its_tickets_and_a_range_and_there_is_none_without():
    panel = with_level(steady(12.0), 20.0)
    f = make_facts(panel)
    for action in actions.proposed(f):
        assert "avoidable" not in action.action
        assert action.evidence or action.detail
        if np.isfinite(action.saves[0]):
            value, low, high = action.saves
            assert low <= value <= high and action.cause
    quiet = make_facts(with_level(steady(12.0), 0.0), entries=make_entries(with_level(steady(12.0), 0.0)))
    assert actions.proposed(quiet) == []
    assert make_review(with_level(steady(), 0.0), entries=make_entries(with_level(steady(), 0.0)))[
        "next"
    ].title == ("No action is needed: nothing is above its usual level")


def test_wording_of_an_action_is_the_workspaces_first():
    own = Settings(name="M", actions={"email": "Call about the {n} mail tickets"})
    f = make_facts(with_level(steady(), 30.0), settings=own)
    texts = {a.cause: a.action for a in actions.proposed(f)}
    assert all(text.startswith("Call about the") for cause, text in texts.items() if cause == "Email")
    assert actions._wording(f, "Email", 7.0) == "Call about the 7 mail tickets"
    assert actions._wording(f, "Printing", 7.0) == "Check the printers behind the 7 tickets"


def promised(done=False, cause="Email", quarter="2026Q1", due="2026-05-15"):
    action = Action(action="Move the mailboxes", owner="Ana", due=due, cause=cause, done=done)
    own = ClientSettings(quarters={quarter: QuarterSettings(actions=[action])})
    return Settings(name="M", clients={CLIENT: own})


def moved(category, hours):
    """Entries of a steady client whose quarter has other hours of one cause."""
    entries = make_entries(steady(endpoints=200.0))
    rows = (entries["worked_on"] >= "2026-04-01") & (entries["category"] == category)
    entries.loc[rows, "hours"] *= hours
    return entries


@pytest.mark.slow
def test_promises_are_kept_or_open_and_carried_over_until_they_are_done():
    state = lambda **given: promises(make_facts(settings=promised(**given)))["state"].tolist()  # noqa: E731
    assert state(done=True) == ["kept"] and state() == ["late"] and state(due="2026-09-30") == ["open"]
    assert state(quarter="2025Q3") == ["late"] and state(quarter="2025Q3", done=True) == []
    assert state(quarter="2026Q2") == []  # of this quarter: shown as what is next
    assert state(done="2026-08-01") == ["late"]  # done after the quarter
    title = make_review(settings=promised())["promises"].title
    assert title == "We kept 0 of 1 promise; still open: Move the mailboxes (Ana, due May 15)"


@pytest.mark.many_cases
@pytest.mark.parametrize(("hours", "wording"), [(0.1, "Fell"), (1.0, "Too early to tell"), (4.0, "Rose")])
def test_whether_the_cause_of_a_promise_fell_has_an_interval(hours, wording):
    f = make_facts(steady(endpoints=200.0), entries=moved("Email", hours), settings=promised(done=True))
    row = promises(f).iloc[0]
    assert row["effect"] == wording or (hours == 1.0 and "chance" in row["effect"])
    unknown = promises(make_facts(settings=promised(cause="Aliens"))).iloc[0]
    assert unknown["effect"] == "Not measured"


def test_classified_share_is_never_rounded_up_and_names_missing_months():
    panel = make_panel()
    panel.loc[panel.index[-3:], "unclassified_hours"] = 0.1
    assert (
        claims.classified(make_facts(panel))[0].startswith("98%")
        or "99%" in claims.classified(make_facts(panel))[0]
    )
    assert claims.classified(make_facts())[0].startswith("100%")
    gaps = make_panel().drop(index=[16])
    assert "1 month has no figure" in claims.classified(make_facts(gaps))[0]


def test_range_of_the_figure_reaches_to_all_open_hours_where_a_tenth_is_open():
    def high(share):
        panel = make_panel()
        panel.loc[panel.index[-3:], "unclassified_hours"] = share * panel["reactive_hours"]
        f = make_facts(panel)
        return claims.level_range(f).high - f.now.high, 60 * share * f.now.hours / f.now.exposure

    assert high(0.05)[0] == 0
    assert high(0.3)[0] == pytest.approx(high(0.3)[1])


def test_small_and_young_clients_get_the_short_deck():
    keys = lambda **given: [s.key for s in make_review(make_panel(**given)).sections]  # noqa: E731
    assert keys(endpoints=9.0) == keys(months=3) == ["quarter", "minutes", "next", "causes", "counted"]
    assert {"why", "worth"} <= set(keys())


def test_months_outside_their_range_are_named_with_their_cause():
    f = make_facts()
    rows = f.months["month"] == "2026-05-01"
    above = replace(f, months=f.months.assign(normal_low=0.0, normal_high=np.where(rows, 1.0, 99.0)))
    assert claims.outside(above)[0].startswith("May went above the normal range, April and June did not; ")
    usual = f.causes.set_index("name")["usual"]
    label = story.minutes_by_month(above).table.set_index("month")["label"]["2026-05-01"]
    assert label.endswith(f"usually {number(usual[claims.peak_cause(f, pd.Timestamp('2026-05-01'))[0]])}")
    normal = replace(f, months=f.months.assign(normal_low=0.0, normal_high=99.0), ahead=Range(12.0, 8.0, 16.0))
    assert claims.outside(normal)[0] == (
        "All 3 months were in their normal range; we expect 12 minutes next quarter (8 to 16)"
    )
    assert claims.outside(replace(normal, ahead=UNKNOWN))[0] == "All 3 months were in their normal range"


def test_no_page_of_why_without_an_earlier_quarter():
    assert story.why(make_facts(make_panel(months=3, endpoints=50.0))) is None


def test_parts_of_the_change_are_named_alone_only_where_they_explain_most():
    f = make_facts(with_level(steady(12.0, endpoints=200.0), 30.0))
    assert f.change is not None and f.change.sure == "firm"
    by = f.change.value
    assert claims.why(f, 0.9 * by, 0.1 * by).startswith("Most of the rise is more tickets")
    assert claims.why(f, 0.1 * by, 0.9 * by).startswith("Most of the rise is longer fixes")
    assert claims.why(f, 0.5 * by, 0.5 * by).startswith("More tickets and longer fixes share")
    same = replace(make_facts(steady(12.0)), forecast=Range(12.0, 10.0, 14.0))
    assert "Nothing moved beyond normal ups and downs" in claims.why(same, 0.1, 0.1)


def test_a_difference_without_spread_is_never_firm():
    assert Difference(1.0, 0.0).sure == "likely" and Difference(np.nan, 1.0).sure == "unclear"


def test_forecasts_are_scored_and_restated_figures_named():
    panel = steady()
    quarters = ("2025Q2", "2025Q3", "2025Q4", "2026Q1")
    past = [make_review(panel, quarter=quarter).printed for quarter in quarters]
    f = replace(make_facts(panel, settings=promised()), past=tuple(past))
    section = compose(f)["promises"]
    forecasts = section.table[section.table["kind"] == "forecast"]
    assert forecasts["name"].tolist() == ["Jul–Sep 25", "Oct–Dec 25", "Jan–Mar 26", "Apr–Jun 26"]
    assert forecasts["came"].iloc[-1] == pytest.approx(f.now.minutes)
    held = int(forecasts["came"].between(forecasts["low"], forecasts["high"]).sum())
    assert section.charts[0].startswith(f"{held} of 4 forecasts held")
    assert "Restated: No figure that you saw before has changed." in section.paragraphs
    wrong = replace(past[-1], hours=past[-1].hours * 1.5)
    wording = compose(replace(f, past=(*past[:-1], wrong)))["promises"].paragraphs[-1]
    assert re.match(r"Restated: 2026Q1 is [\d.]+ now, was [\d.]+; records were added or corrected", wording)
    nothing = compose(replace(f, past=()))["promises"]  # the negative control: nothing to score
    assert nothing.charts == ("Email by month: minutes per computer",) and nothing.table["came"].isna().all()
    assert make_review(settings=promised(cause=""))["promises"].charts == ()


def test_goals_with_a_state_have_it_in_the_title_and_a_question_without():
    def goals(*given):
        return make_review(settings=Settings(name="M", clients={"Harbour Dental": {"goals": list(given)}}))[
            "goals"
        ]

    late = {"goal": "Scanners by year end", "state": "at-risk"}
    assert goals({"goal": "Office", "state": "reached"}, late).title == (
        "We reached 1 of 2 goals (Office); at risk: Scanners by year end"
    )
    asked = goals("Office")
    assert asked.title.endswith("does it still hold?") and asked.table["wording"].tolist() == [
        "□ Holds   □ Changed"
    ]
    with pytest.raises(ValidationError):
        goals({"goal": "Office", "state": "done"})


def test_a_single_month_is_a_sentence_and_no_chart():
    review = make_review(make_panel(months=1), make_fit(("x",)))
    assert not review["minutes"].shown and review["minutes"].title.startswith("There is one month so far")
    assert make_review(make_panel(months=2), make_fit(("x",)))["minutes"].shown


def test_more_hours_than_at_the_start_are_said_and_drawn_as_more():
    panel = steady()
    panel["reactive_hours"] *= np.linspace(1, 6, len(panel))
    panel["rhem_h"] = panel["reactive_hours"] / panel["exposure"]
    worth = make_review(panel)["worth"]
    assert " more support hours" in worth.title and worth.charts[1].startswith("More hours")
    assert (worth.table.loc[worth.table["kind"] == "hours", "value"] > 0).all()


def with_open_hours(share, **given):
    """A client of which a share of the quarter's hours could not be classified."""
    panel = steady(**given)
    panel.loc[panel.index[-3:], "unclassified_hours"] = share / (1 - share) * panel["reactive_hours"]
    return panel


def test_too_few_classified_hours_give_the_least_it_can_be_and_no_change():
    f = make_facts(with_open_hours(0.4, minutes=12.0, endpoints=400.0))
    section = compose(f)["quarter"]
    assert section.title == (
        "Support was at least 12 minutes per computer and month; 40% of the hours could not be classified"
    )
    assert f.beyond_target.sure == "unclear" and f.change is None  # with all of them it would be 20
    assert "fewer than in the quarter before" not in section.paragraphs[0]
    assert {"why", "worth"}.isdisjoint(s.key for s in compose(f).sections)
    known = make_facts(with_open_hours(0.05, minutes=12.0, endpoints=400.0))
    assert known.beyond_target.less and known.change is not None
    assert "at least" not in compose(known)["quarter"].title
    near = make_facts(with_open_hours(0.3, minutes=10.0, endpoints=40.0))
    assert near.beyond_target.sure == "unclear"  # with all of them it would be 14 and by chance above 15
    low = make_facts(with_open_hours(0.4, minutes=6.0, endpoints=400.0))
    assert low.beyond_target.less  # with all of them it would be 10


def test_a_goal_whose_month_is_ahead_is_not_called_missed():
    young, old = (make_facts(with_level(make_panel(months=n), 40.0)) for n in (6, 18))
    assert claims.goal_mark(young) == "○ The goal of 15 is for month 12; this was month 6"
    assert compose(young)["quarter"].title.endswith("; the goal of 15 is set for month 12 of our work")
    assert claims.goal_mark(old).startswith("▲ Above the goal")
    assert compose(old)["quarter"].title.endswith("; that is above our goal of 15")


def test_a_quarter_is_never_called_probably_up():
    """Where one quarter in ten brings a change, four of ten that are under 3 errors are none."""
    f = replace(make_facts(with_level(steady(12.0, endpoints=40.0), 20.0)), forecast=Range(12.0, 8.0, 16.0))
    assert f.change is not None and 2.5 < f.change.value / f.change.se < 3 and f.change.sure == "unclear"
    assert "20 minutes per computer and month, above our forecast of 8 to 16" in compose(f)["quarter"].title
    calm = replace(f, causes=f.causes.assign(rose=False))
    assert claims.why(calm, 0.9 * f.change.value, 0.1).startswith("More came than we forecast, and no single")
    assert claims.together(f).endswith("may be chance.")
    sure = replace(make_facts(with_level(steady(12.0, endpoints=60.0), 20.0)), forecast=Range(12.0, 8.0, 16.0))
    assert sure.change is not None and sure.change.sure == "firm"


def test_every_month_outside_its_range_is_named():
    f = make_facts()
    for low, high, wording in ((0.0, 1.0, "All 3 months went above"), (98.0, 99.0, "All 3 months stayed below")):
        title, _ = claims.outside(replace(f, months=f.months.assign(normal_low=low, normal_high=high)))
        assert title.startswith(f"{wording} the normal range")
    two = f.months["month"] >= "2026-05-01"
    both = replace(f, months=f.months.assign(normal_low=0.0, normal_high=np.where(two, 1.0, 99.0)))
    assert claims.outside(both)[0].startswith("May and June went above the normal range")


def test_a_normal_range_above_the_goal_is_no_good_news():
    f = make_facts(steady(40.0))
    high = claims.outside(replace(f, months=f.months.assign(normal_low=20.0, normal_high=60.0)))[0]
    assert high == "All 3 months were in their normal range, and all of that is above our goal of 15"
    wide = claims.outside(replace(f, months=f.months.assign(normal_low=10.0, normal_high=60.0)))[0]
    assert "goal" not in wide


def test_months_after_the_end_of_service_are_not_missing_and_months_without_data_are_no_end():
    others = make_panel("Another")
    gone = make_facts(pd.concat([make_panel()[:-1], others]))
    assert gone.left and not gone.in_quarter["minutes"].isna().any()
    assert "no month is missing" in claims.classified(gone)[0]
    gap = make_panel()
    gap.loc[gap.index[-1], ["exposure", "rhem_h"]] = 0.0, np.nan
    there = make_facts(pd.concat([gap, others]))
    assert not there.left and "1 month has no figure" in claims.classified(there)[0]
    assert compose(there)["quarter"].footnote.startswith("June has no figure. ")
    assert "than in the quarter before" not in compose(there)["quarter"].paragraphs[0]  # two months against three
    earlier = make_panel()
    earlier.loc[earlier.index[-4], ["exposure", "rhem_h"]] = 0.0, np.nan  # of the quarter it is compared with
    assert compose(make_facts(earlier))["quarter"].footnote.startswith("March has no figure. ")
    assert "no figure" not in compose(make_facts())["quarter"].footnote


def test_a_forecast_after_a_quarter_outside_its_own_says_what_it_assumes():
    f = replace(make_facts(), ahead=Range(15.0, 9.0, 22.0))
    assert "passing" in claims.outlook(replace(f, forecast=Range(1.0, 0.5, 2.0)))
    assert "passing" not in claims.outlook(replace(f, forecast=Range(f.now.minutes, 1.0, 99.0)))
    assert "passing" not in claims.outlook(replace(f, forecast=UNKNOWN))


def test_a_client_that_never_improved_is_told_so():
    flat = replace(make_fit(), clients=make_fit().clients.assign(follows="flat"))
    f = make_facts(steady(40.0), fit=flat)
    assert claims.fell(f) == "It has not fallen clearly since your first three months: 40 minutes then, 40 now."
    assert claims.fell(make_facts(steady(40.0))) == ""  # its path is not known to be level


def test_tickets_that_monitoring_opened_are_not_those_of_people():
    entries = make_entries(make_panel())
    late = entries["worked_on"] >= "2026-04-01"
    entries.loc[late[late].index[:7], "type"] = "Alert"
    assert make_review(entries=entries)["quarter"].paragraphs[0].endswith(" Monitoring opened 7 of them.")
    assert "onitoring" not in make_review()["quarter"].paragraphs[0]


@pytest.mark.slow
def test_a_change_is_judged_by_how_much_months_differ_too():
    """Months of one level that differ by a quarter: tickets' chance alone called one in seven quarters changed."""
    rng, firm = np.random.default_rng(3), []
    for _ in range(40):
        panel = make_panel(months=24, endpoints=60.0, start_h=0.3, floor_h=0.3)
        hours = 0.3 * 60.0 * rng.lognormal(-0.03, 0.25, 24)
        panel["reactive_hours"], panel["rhem_h"], panel["squared_hours"] = hours, hours / 60.0, hours / 4
        panel["reactive_tickets"] = np.round(4 * hours)
        f = make_facts(panel)
        alone = Difference(f.change.value, float(np.hypot(f.now.se, f.before.se)))
        firm.append((f.change.sure == "firm", alone.sure == "firm"))
    ours, before = np.sum(firm, axis=0)
    assert ours <= 4 < before


def test_a_goal_that_is_probably_met_is_not_called_met():
    f = make_facts(steady(12.0))
    near, far = replace(f, now=level_of(13.0, 1.5)), replace(f, now=level_of(9.0, 1.0))
    assert claims.goal(near) == "The goal of 15 minutes by month 12 is probably met; this was month 18."
    assert claims.goal(far) == "The goal of 15 minutes by month 12 is met; this was month 18."


def test_months_are_not_called_low_where_the_hours_that_count_are_not_known():
    panel = make_panel()
    panel.loc[panel.index[-3:], "unclassified_hours"] = 0.3 * panel["reactive_hours"]
    low = {"normal_low": 98.0, "normal_high": 99.0}
    f, known = (make_facts(p) for p in (panel, make_panel()))
    doubtful, sure = (claims.outside(replace(x, months=x.months.assign(**low)))[0] for x in (f, known))
    assert doubtful == "These months may lie higher than shown: 23% of the hours could not be classified"
    assert sure.startswith("All 3 months stayed below the normal range; we expect ")
    assert claims.outlook(f).endswith(" of work that can be classified.")
    assert not claims.outlook(known).endswith("classified.")
    assert "classified time" in claims.top_causes(f) and "classified" not in claims.top_causes(known)


def test_a_quarter_without_hours_is_not_called_classified():
    panel = with_level(make_panel(), 0.0)
    assert claims.classified(make_facts(panel))[0].startswith("There were no hours to classify")
    assert claims.classified(make_facts())[0].startswith("100% of this quarter's hours could be classified")


def test_no_action_is_needed_only_where_nothing_is_high():
    calm = make_facts(steady(4.0))
    section = story.next_steps(replace(calm, causes=calm.causes.assign(excess=0.0), computers=calm.computers[:0]))
    assert section.title == "No action is needed: nothing is above its usual level"
    high = make_facts(steady(30.0), make_fit(("other",)))
    section = story.next_steps(replace(high, causes=high.causes.assign(excess=0.0), computers=high.computers[:0]))
    assert section.title == "We propose no action: no cause stands out that one could lower"


def test_agreed_actions_have_the_evidence_of_their_cause():
    agreed = [
        {"action": "Move the mailboxes\nto the new host", "owner": "Ana", "due": "2026-07-31", "cause": "email",
         "decision": True},
        {"action": "Call us first", "why": "We agreed so", "owner": "Ben", "due": "2026-08-14"},
    ]  # fmt: skip
    own = ClientSettings(quarters={"2026Q2": QuarterSettings(actions=agreed)})
    settings = Settings(name="M", clients={CLIENT: own})
    f = make_facts(steady(endpoints=200.0), entries=moved("Email", 4.0), settings=settings)
    section, row = story.next_steps(f), f.causes.set_index("name").loc["Email"]
    table = section.table.query("kind == 'action'")
    assert table["owner"].tolist() == ["Ana", "Ben"] and table["decision"].tolist() == [True, False]
    assert table["due"].tolist() == [pd.Timestamp("2026-07-31"), pd.Timestamp("2026-08-14")]
    assert table["saves"].iloc[0] == row["excess"] > 0 and np.isnan(table["saves"].iloc[1])
    found, action, saves, *_, decision = section.cells[0]
    assert found == ("Email", table["evidence"].iloc[0]) and action == ("Move the mailboxes", "to the new host")
    assert (
        saves[1] and decision[0].split() == ["□", "Yes", "□", "No"] and section.cells[1][0] == ("We agreed so", "")
    )
    assert section.title.startswith("One fix could save about") and section.title.endswith("needs your decision")
    assert "Move the mailboxes (Email)." in section.paragraphs
    assert "move the mailboxes" in story.quarter(f).paragraphs[2]
    few = f.causes.assign(excess=f.causes["excess"].clip(upper=4.9))
    assert story.next_steps(replace(f, causes=few)).title.startswith("We plan two actions")  # too little to name


def test_the_appendix_has_planned_hours_of_the_quarter_alone():
    months = pd.DatetimeIndex(["2026-03-01", "2026-04-01", "2026-06-01"], name="month")
    planned = pd.DataFrame({"scheduled": [9.0, 1.5, 2.0], "project": [9.0, np.nan, 4.0]}, months)
    review = compose(replace(make_facts(), planned=planned))
    rows = review["counted"].table.set_index("item")
    assert rows.loc["Planned maintenance hours"].tolist()[:4] == [1.5, 0.0, 2.0, 3.5]
    assert rows.loc["Project hours", "quarter"] == 4.0
    assert "(3.5 hours in the quarter), projects (4 hours)" in review["causes"].paragraphs[1]


def test_a_promise_finds_its_cause_by_any_of_its_names():
    entries = make_entries(steady(endpoints=200.0))
    entries["category"] = entries["category"].replace("Email", "Line of business app")
    f = make_facts(steady(endpoints=200.0), entries=entries)
    with speaking("de"):
        names = [
            f.cause_row(name)["name"] for name in ("line of BUSINESS app", "Business software", "Fachanwendung")
        ]
        assert names == ["Line of business app"] * 3 and f.cause_row("Email") is f.cause_row("") is None


def level_of(minutes, se):
    return Level("", 3, 60.0, minutes, 40.0, minutes - 1.96 * se, minutes + 1.96 * se)


def test_a_gap_of_records_asks_for_records_and_one_of_lists_for_lists():
    def asked(flag):
        panel = make_panel()
        panel.loc[panel.index[-2], ["exposure", "rhem_h", "flags"]] = [0.0, np.nan, flag]
        return [a.action for a in actions.proposed(make_facts(panel)) if "could not be measured" in a.found]

    assert asked("coverage-gap") == ["Complete our time entries"]
    assert asked("no-endpoints") == ["Take the list of computers every month"]


def test_changes_of_causes_add_up_where_a_cause_is_gone():
    panel = steady(endpoints=200.0)
    entries = make_entries(panel)
    now = entries["worked_on"] >= "2026-04-01"
    entries.loc[now & (entries["category"] == "Email"), "category"] = "Printing"
    f = make_facts(panel, entries=entries)
    moves = claims.moves(f)
    assert moves["change"].sum() == pytest.approx(f.now.minutes - f.before.minutes)
    gone = moves.set_index("name").loc["Email"]
    assert gone["minutes"] == 0 and gone["change"] == -gone["minutes_before"] < 0
    table = compose(f)["causes"].table
    assert table["minutes_before"].iloc[-1] == pytest.approx(f.before.minutes)
    assert table["tickets_before"].iloc[-1] == f.before.tickets
    same = make_facts(panel)
    assert len(claims.moves(same)) == len(same.entries["category"].unique())


def test_a_promise_that_is_not_due_is_not_counted_as_broken():
    made = lambda *states: pd.DataFrame({"state": list(states)})  # noqa: E731
    assert claims.kept(made("open", "open")) == "No promise was due yet"
    assert claims.kept(made("kept", "open")) == "We kept 1 of 1 promise"
    assert claims.kept(made("kept", "late", "open")) == "We kept 1 of 2 promises"


def test_savings_together_are_no_surer_than_their_parts():
    one = actions.Action("", "", "", saves=(9.0, 0.0, 30.0))  # its lower end is cut at 0
    assert actions.total([one]) == (9.0, 0.0, 30.0)
    middle, low, high = actions.total([one, one])
    assert middle == 18.0 and low == 0.0 and high == pytest.approx(18 + 21 * 2**0.5)


def test_a_first_quarter_is_compared_with_nothing():
    section = make_review(make_panel(months=3, endpoints=9.0))["next"]
    assert section.title == "It is too early to propose an action: there are no earlier months to compare with"
    assert "more than usual" not in " ".join(section.table["found"])
    later = make_review(steady(4.0, endpoints=9.0))["next"]
    assert "took 5 minutes a week more than usual" in " ".join(later.table["found"])


def test_one_long_hardware_ticket_is_no_defect():
    entries = pd.DataFrame({"device_id": "PC-1", "hours": [9.0, 1.0, 1.0], "first": True, "type": None})
    one = replace(make_facts(), computers=computer_table(entries.assign(category=["Hardware", "Email", "Email"])))
    assert one.computers["hardware"].iloc[0] > 0.8 and claims.defects(one) == []
    three = replace(one, computers=computer_table(entries.assign(category="Hardware")))
    assert claims.defects(three) == ["PC-1"]


def test_a_cause_is_written_small_only_where_it_is_one_word_of_a_sentence():
    assert plain_cause("Line of business app", inside=True) == "business software"
    assert plain_cause("Meeting Room Displays", inside=True) == "Meeting Room Displays"
    with speaking("de"):
        assert plain_cause("Email", inside=True) == "E\u2011Mail"


def test_a_figure_that_is_printed_alike_is_not_restated():
    months = pd.DataFrame({"month": pd.to_datetime(["2026-01-01"]), "reactive_hours": 20.04, "exposure": 60.0})
    assert moved_from(Past("2026Q1", 20.0, 60.0), months) is None
    assert moved_from(Past("2026Q1", 19.9, 60.0), months) is not None


def test_months_with_the_same_remarks_share_a_paragraph():
    rows = pd.DataFrame({"month": pd.to_datetime(["2026-01-01", "2026-02-01"]), "minutes": 5.0,
                         "flags": ["", "partial-month outside-hours"]})  # fmt: skip
    (wording,) = appendix._remarks(rows)
    assert wording.startswith("February: ") and "part of the month" in wording and "not counted" in wording


@pytest.mark.parametrize(("verdict", "declines", "by_age"),
                         [("none", True, True), ("none", False, False), ("open", True, False)])  # fmt: skip
def test_a_fall_comes_with_age_only_where_all_clients_fall(verdict, declines, by_age):
    known = {"calendar": SimpleNamespace(verdict=verdict), "gate": SimpleNamespace(declines=declines)}
    f = make_facts(with_level(make_panel(), 15.0), replace(make_fit(), **known))
    assert ("comes with the months of our work" in claims.fell(f)) == by_age
    assert claims.fell(f).startswith("It fell from")


def with_actions(*causes):
    given = [Action(action=f"Look at {cause}", owner="Ana", due="2026-08-01", cause=cause) for cause in causes]
    own = ClientSettings(quarters={"2026Q2": QuarterSettings(actions=given)})
    return Settings(name="M", clients={CLIENT: own})


def test_few_actions_show_the_months_of_their_causes():
    f = make_facts(settings=with_actions("Email"))
    section = story.next_steps(f)
    months = section.table[section.table["kind"] == "evidence"].set_index("month")
    email = f.entries[f.entries["category"] == "Email"]
    by_month = email.groupby(email["worked_on"].dt.to_period("M").dt.to_timestamp())["hours"].sum() * 60 / 40
    now = months.loc[months["quarter"] == True, "minutes"]  # noqa: E712  a column of objects
    np.testing.assert_allclose(now.astype(float), by_month[now.index])
    assert len(months) == 12 and section.charts == ("Email by month: minutes per computer",)
    assert section.paragraphs[section.left :] == (claims.outlook(f), claims.goal(f)) and len(section.cells) == 1
    assert len(story.next_steps(make_facts(settings=with_actions("Email", "Network"))).charts) == 2
    assert story.next_steps(make_facts(settings=with_actions(""))).charts == ()  # nothing to show
    assert story.next_steps(make_facts(settings=with_actions("Email", "Network", "Printing"))).layout == "plan"


def test_the_first_page_names_kept_promises_while_they_fit():
    def did(name):
        done = Action(action=name, owner="Ana", due="2026-05-01", done="2026-04-20")
        own = ClientSettings(quarters={"2026Q1": QuarterSettings(actions=[done])})
        return make_review(settings=Settings(name="M", clients={CLIENT: own}))["quarter"].paragraphs[1]

    assert did("Move the mailboxes") == "What we did: We kept 1 of 1 promise: move the mailboxes."
    assert did("Move the mailboxes " * 9) == "What we did: We kept 1 of 1 promise."


def test_an_outlook_names_what_comes_if_the_unusual_stays():
    f = replace(make_facts(with_level(steady(12.0), 30.0)), forecast=Range(12.0, 8.0, 16.0))
    assert claims.outlook(f).endswith("was unusual in this quarter for passing; if it stays, about 30 will come.")
    assert "if it stays" not in claims.outlook(replace(f, forecast=Range(28.0, 20.0, 36.0)))


def test_the_first_page_asks_for_owners_of_actions_without_one():
    def need(**given):
        action = {"action": "Move the mailboxes", "owner": "Ana", "due": "2026-08-01", **given}
        own = ClientSettings(quarters={"2026Q2": QuarterSettings(actions=[action])})
        return make_review(settings=Settings(name="M", clients={CLIENT: own}))["quarter"].paragraphs[2]

    assert need() == "What we need: Nothing today; no decision is open."
    assert need(decision=True) == "What we need: One decision: move the mailboxes."
    assert need(decision=True, why="Mail stood still").endswith("move the mailboxes (mail stood still).")
    assert need(decision=True, why="Mail stood still " * 9).endswith("move the mailboxes.")
    proposed = make_facts(steady(endpoints=200.0), entries=moved("Email", 4.0))
    proposed = replace(proposed, causes=proposed.causes.assign(rose=False))
    n = sum(not a.decision for a in actions.proposed(proposed))
    assert n and not any(a.decision for a in actions.proposed(proposed))
    words = {1: "An owner for one action", 2: "Owners for two actions", 3: "Owners for three actions"}
    assert story._need(proposed) == f"What we need: {words[n]}; no decision is open."


def test_a_range_says_on_which_side_a_value_is():
    sides = [Range(5.0, 4.0, 6.0).side(value) for value in (3.9, 4.0, 6.0, 6.1)]
    assert sides == [-1, 0, 0, 1] and UNKNOWN.side(3.0) == 0


def test_the_appendix_names_the_three_largest_causes():
    f = make_facts()
    named = f.causes.nlargest(3, "hours")
    first, second, third = (f.cause(name, inside=True) for name in named["name"])
    share = round(100 * named["share"].sum())
    assert claims.top_causes(f) == f"{first}, {second} and {third} took {share}% of the time"
    alone = replace(f, causes=f.causes.head(1))
    assert claims.top_causes(alone) == claims.top_cause(alone)
