"""The sections of a review on how the quarter went: its level, and its months beside the expected path."""

import numpy as np
import pandas as pd

from rhem_lib.language import mark, minutes, month, months, number, sentence_case, t
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import Facts, Level
from rhem_lib.review.section import Section, evidence, spell

DAYS_PER_MONTH = 30.4375
FOLLOWS = {
    "decaying": mark("Since the start, the time needed has been falling."),
    "flat": mark("Since the start, the time needed has stayed level."),
    "rising": mark("Since the start, the time needed has been rising."),
    "irregular": mark("Since the start, the time needed has gone up and down without a clear direction."),
    "too-early": mark("It is too early to tell the long-run direction."),
}


def headline(f: Facts) -> Section:
    """The quarter in two short paragraphs and one number."""
    title, change = trend(f.now, f.before, f.change, f.words)
    if f.now.hours == 0:
        title = t("No {what} time was needed this quarter", **f.words)
    took = t(
        "This quarter ({period}), {what} took {minutes} per computer a month.",
        period=spell(f),
        minutes=minutes(f.now.minutes),
        **f.words,
    )
    goal = f.beyond_target.say("target", line=number(f.target))
    expected = (f.curve.expected, f.curve.low, f.curve.high)
    table = levels(f.now.minutes, f.before, f.target, f.settings.targets.months, expected=expected)
    notes = f"{evidence(f)} " + t("{n} of 3 months in service.", n=f.now.months)
    return Section("quarter", title, (f"{took} {change} {goal}", outlook(f)), table, notes, "headline")


def trend(now: Level, before: Level | None, change: Difference | None, words: dict[str, str]) -> tuple[str, str]:
    """Return title and sentence on the minutes of a quarter and their change from the quarter before."""
    took = {**words, "minutes": minutes(now.minutes)}
    if before is None or change is None:
        title = t("{What} took {minutes} per computer a month", **took)
        return title, t("There is no earlier quarter to compare it with.")
    then, by = minutes(before.minutes), minutes(abs(change.value))
    return change.say("change, title", **took), change.say("change", before=then, by=by)


def levels(
    now: float,
    before: Level | None,
    target: float,
    goal_month: int,
    *,
    expected: tuple[float, float, float] | None = None,
    limits: tuple[float, float] = (np.nan, np.nan),
) -> pd.DataFrame:
    """Return the quarter's minutes beside the quarter before, what was expected, and the goal."""
    none = (np.nan, np.nan)
    rows = [
        ("now", t("this quarter"), now, *limits),
        ("before", t("the quarter before"), before.minutes if before else np.nan, *none),
        ("expected", t("expected"), *(expected or (np.nan, *none))),
        ("goal", t("goal for month {n}", n=goal_month), target, *none),
    ]
    table = pd.DataFrame(rows, columns=["key", "item", "minutes", "low", "high"])
    return table[table["minutes"].notna()].reset_index(drop=True)


def outlook(f: Facts) -> str:
    """What to expect next, said as firmly as the fit allows."""
    last = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].max()
    c = f.curve
    if f.left:
        return t("Service ended in {month}, so there is nothing to forecast.", month=month(last))
    if not np.isfinite(c.next_expected):
        return t("Looking ahead, there is not yet enough data to say what to expect.")
    ahead = t(
        "Looking ahead, we expect about {minutes} next quarter ({low} to {high}).",
        minutes=minutes(c.next_expected),
        low=number(c.next_low),
        high=number(c.next_high),
    )
    usual = t("That is what clients of this age usually need.")
    return f"{ahead} {_when_target(f) if c.own else usual}"


def _when_target(f: Facts) -> str:
    c, goal = f.curve, {"line": number(f.target)}
    if f.now.minutes < f.target and c.next_expected <= f.target:
        likely = t("We likely stay under the {line}-minute line.", **goal)
        return t("We expect to stay under the {line}-minute line.", **goal) if c.next_high <= f.target else likely
    last = 2 * f.settings.targets.months
    if f.age >= last:
        soon = np.isfinite(c.months_to_target) and c.months_to_target <= f.age + 12
        likely = mark("We are likely to reach the {line}-minute line within a year at this pace.")
        not_likely = mark("We are not likely to reach the {line}-minute line within a year at this pace.")
        return t(likely if soon else not_likely, **goal)
    if c.p_target >= 0.8:
        reach = c.months_to_target if np.isfinite(c.months_to_target) else last
        by = _month_at(f, min(max(reach, f.age + 1), last))
        return t("We are likely to reach the {line}-minute line by {month}.", month=by, **goal)
    by = _month_at(f, last)
    if c.p_target > 0.2:
        return t("It is too early to tell whether we reach the {line}-minute line by {month}.", month=by, **goal)
    return t("We are not likely to reach the {line}-minute line by {month} at this pace.", month=by, **goal)


def _month_at(f: Facts, age_months: float) -> str:
    """Calendar month in which the client reaches an age."""
    last = f.in_quarter[f.in_quarter["exposure"] > 0].iloc[-1]
    day = last["month"] + pd.DateOffset(months=1) + pd.Timedelta(days=(age_months - f.age) * DAYS_PER_MONTH)
    return month(day)


def minutes_by_month(f: Facts) -> Section:
    """Minutes per computer by month, beside the expected path and the target line."""
    table = f.months[["month", "minutes", "expected", "expected_low", "expected_high"]].assign(target=f.target)
    c, unit = f.curve, sentence_case(f.words["unit"])
    position = t("This was month {n} of our work together.", n=number(max(np.ceil(f.age), 1)))
    if not np.isfinite(c.expected):
        title = t("It is too early to say which path {what} time will follow", **f.words)
        paragraphs = [t("The chart shows every month so far."), position]
        return Section("minutes", title, tuple(paragraphs), table, evidence(f), "lines", unit)
    expected = t(
        "We expected about {minutes} per computer a month ({low} to {high}). It took {now}.",
        minutes=minutes(c.expected),
        low=number(c.low),
        high=number(c.high),
        now=number(f.now.minutes),
    )
    gaps = int((f.in_quarter["minutes"].isna()).sum())
    missing = t("{months} of the quarter had no computer in service or no count.", months=months(gaps))
    paragraphs = [expected, t(FOLLOWS[c.follows]), _beside_others(f), position, missing if gaps else ""]
    typical = t("The band is the path of a typical client, 95 % interval.")
    notes = t("The band is the path of this client, 95 % interval.") if c.own else typical
    notes = f"{evidence(f)} {notes}"
    return Section("minutes", _path_title(f), tuple(filter(None, paragraphs)), table, notes, "lines", unit)


def _path_title(f: Facts) -> str:
    goal, gap = f.beyond_target, f.beyond_expected
    stuck = goal.more and goal.sure == "firm" and f.curve.follows in ("flat", "rising")
    if gap.sure == "too early" and stuck:
        return t("The quarter was as expected, but the time needed is not falling")
    return gap.say("expected, title")


def _beside_others(f: Facts) -> str:
    """The client's own path beside that of a typical client of its age (small clients lean on it)."""
    c = f.curve
    if not c.own or not np.isfinite(c.typical):
        return ""
    return Difference(c.expected - c.typical, c.se).say("typical client", usual=minutes(c.typical))
