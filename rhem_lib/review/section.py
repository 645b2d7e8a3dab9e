"""The sections of a review that tell how the quarter went: numbers become plain sentences here.

Words follow the evidence: a difference of two standard errors or more is said plainly, one or more is "likely",
anything less is "too early to tell". Every sentence is one whole message, so that it can be translated.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.language import mark, minutes, month, month_name, months, number, problems, sentence_case, t
from rhem_lib.review.facts import Z95, Facts, Span

DAYS_PER_MONTH = 30.4375
SUPPORT = mark("support")
FOLLOWS = {
    "decaying": mark("Since the start, the time needed has been falling."),
    "flat": mark("Since the start, the time needed has stayed level."),
    "rising": mark("Since the start, the time needed has been rising."),
    "irregular": mark("Since the start, the time needed has gone up and down without a clear direction."),
    "too-early": mark("It is too early to tell the long-run direction."),
}


@dataclass(frozen=True, eq=False)
class Section:
    """One topic of a review: a full-sentence title, paragraphs, an optional tidy table, notes for the speaker.

    A section that is not `shown` has no slide.
    In the table, columns named key, kind or measure are for programs; all other words are for the reader.
    """

    key: str
    title: str
    paragraphs: tuple[str, ...]
    table: pd.DataFrame | None = None
    notes: str = ""
    appendix: bool = False
    shown: bool = True


def noun(hours_are: str) -> str:
    """What the time is: 'support' for technician hours, else the settings' word ('outage hours': 'outage')."""
    if hours_are == mark("technician hours"):
        return t(SUPPORT)
    return hours_are.removesuffix("hours").strip() or hours_are


def named(f: Facts) -> dict[str, str]:
    """What the time is, as it stands within a sentence and at its start."""
    return names(f.settings.hours_are)


def names(hours_are: str) -> dict[str, str]:
    """The noun of some hours, as it stands within a sentence and at its start."""
    what = noun(hours_are)
    return {"what": what, "What": sentence_case(what)}


def firmness(difference: float, se: float) -> str:
    """'firm', 'likely' or 'too early', from a difference and its standard error."""
    if not np.isfinite(difference) or difference == 0 or se < 0:
        return "too early"
    if se == 0:
        return "likely"
    return "firm" if abs(difference) >= 2 * se else "likely" if abs(difference) >= se else "too early"


def change(now: Span, then: Span) -> tuple[float, str]:
    """Difference in minutes (now - then) and how firm it is."""
    difference = now.minutes - then.minutes
    return difference, firmness(difference, float(np.hypot(now.se, then.se)))


def spell(f: Facts) -> str:
    """The quarter's months in service, in words."""
    served = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].tolist()
    first, last, year = month_name(served[0]), month_name(served[-1]), f.start.year
    if len(served) == 3:
        return t("{first} to {last} {year}", first=first, last=last, year=year)
    return t("{first} and {last} {year}", first=first, last=last, year=year) if served[1:] else f"{first} {year}"


def when(f: Facts, age_months: float) -> str:
    """Calendar month in which the client reaches an age."""
    last = f.in_quarter[f.in_quarter["exposure"] > 0].iloc[-1]
    day = last["month"] + pd.DateOffset(months=1) + pd.Timedelta(days=(age_months - f.age) * DAYS_PER_MONTH)
    return month(day)


def line(f: Facts) -> float:
    """The target in minutes per computer a month."""
    return f.settings.targets.target_h * 60


def evidence(f: Facts) -> str:
    """What the headline rests on, for the speaker notes."""
    return t(
        "Evidence: {hours} {hours_are} and {problems} over {exposure} computer-months ({period}). "
        "By chance alone the figure moves by about {minutes} either way.",
        hours=number(f.now.hours, 1),
        hours_are=t(f.settings.hours_are),
        problems=problems(f.now.tickets),
        exposure=number(f.now.exposure, 1),
        period=spell(f),
        minutes=minutes(f.now.se),
    )


def quarter(f: Facts) -> Section:
    """The quarter in two short paragraphs and one number."""
    now = minutes(f.now.minutes)
    title = t("{What} took {minutes} per computer a month", minutes=now, **named(f))
    told = t("There is no earlier quarter to compare it with.")
    if f.before:
        title, told = trend(f.now.minutes, f.before.minutes, change(f.now, f.before)[1], named(f))
    if f.now.hours == 0:
        title = t("No {what} time was needed this quarter", **named(f))
    took = t(
        "This quarter ({period}), {what} took {minutes} per computer a month.",
        period=spell(f),
        minutes=now,
        **named(f),
    )
    notes = f"{evidence(f)} " + t("{n} of 3 months in service.", n=f.now.months)
    rows = [
        ("now", t("this quarter"), f.now.minutes, np.nan, np.nan),
        ("before", t("the quarter before"), f.before.minutes if f.before else np.nan, np.nan, np.nan),
        ("expected", t("expected"), f.path.expected, f.path.low, f.path.high),
        ("goal", t("goal for month {n}", n=f.settings.targets.months), line(f), np.nan, np.nan),
    ]
    table = pd.DataFrame(rows, columns=["key", "item", "minutes", "low", "high"])
    table = table[table["minutes"].notna()].reset_index(drop=True)
    return Section(
        "quarter",
        title,
        (f"{took} {told} {against_line(f.now.minutes, f.now.se, line(f))}", outlook(f)),
        table,
        notes,
    )


def trend(now: float, before: float, sure: str, names: dict[str, str]) -> tuple[str, str]:
    """Title and sentence on the change in minutes from the quarter before."""
    difference = now - before
    say = {**names, "minutes": minutes(now)}
    then, by = {"minutes": minutes(before)}, {"minutes": minutes(abs(difference))}
    if sure == "too early" and abs(difference) <= 0.25 * before:
        return (
            t("{What} stayed at about {minutes} per computer a month", **say),
            t("The quarter before took {minutes}: too small a change to tell from chance.", **then),
        )
    if sure == "too early":
        return (
            t("{What} took {minutes} per computer a month", **say),
            t("The quarter before took {minutes}; it is too early to call that a real change.", **then),
        )
    if difference < 0 and sure == "firm":
        return (
            t("{What} fell to {minutes} per computer a month", **say),
            t("That is {minutes} less than the quarter before, clearly a real change.", **by),
        )
    if difference < 0:
        return (
            t("{What} likely fell, to {minutes} per computer a month", **say),
            t("That is {minutes} less than the quarter before, likely a real change.", **by),
        )
    if sure == "firm":
        return (
            t("{What} rose to {minutes} per computer a month", **say),
            t("That is {minutes} more than the quarter before, clearly a real change.", **by),
        )
    return (
        t("{What} likely rose, to {minutes} per computer a month", **say),
        t("That is {minutes} more than the quarter before, likely a real change.", **by),
    )


def against_line(now: float, se: float, target: float) -> str:
    """Where the quarter's minutes stand beside the target line."""
    gap, goal = now - target, {"line": number(target)}
    sure = firmness(gap, se)
    if sure == "too early" and abs(gap) <= max(0.15 * target, 1):
        return t("That is close to our {line}-minute line.", **goal)
    if sure == "too early" and gap < 0:
        return t("It is too early to tell whether it is really under our {line}-minute line.", **goal)
    if sure == "too early":
        return t("It is too early to tell whether it is really above our {line}-minute line.", **goal)
    if gap < 0:
        likely = t("That is likely under our {line}-minute line.", **goal)
        return t("That is clearly under our {line}-minute line.", **goal) if sure == "firm" else likely
    likely = t("That is likely above our {line}-minute line.", **goal)
    return t("That is clearly above our {line}-minute line.", **goal) if sure == "firm" else likely


def outlook(f: Facts) -> str:
    """What to expect next, said as firmly as the fit allows."""
    last = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].max()
    p = f.path
    if f.left:
        return t("Service ended in {month}, so there is nothing to forecast.", month=month(last))
    if not np.isfinite(p.next_expected):
        return t("Looking ahead, there is not yet enough data to say what to expect.")
    ahead = t(
        "Looking ahead, we expect about {minutes} next quarter ({low} to {high}).",
        minutes=minutes(p.next_expected),
        low=number(p.next_low),
        high=number(p.next_high),
    )
    usual = t("That is what clients of this age usually need.")
    return f"{ahead} {_when_target(f) if p.own else usual}"


def _when_target(f: Facts) -> str:
    p, goal = f.path, {"line": number(line(f))}
    if f.now.minutes < line(f) and p.next_expected <= line(f):
        likely = t("We likely stay under the {line}-minute line.", **goal)
        return t("We expect to stay under the {line}-minute line.", **goal) if p.next_high <= line(f) else likely
    if f.age >= 24:
        soon = np.isfinite(p.months_to_target) and p.months_to_target <= f.age + 12
        likely = mark("We are likely to reach the {line}-minute line within a year at this pace.")
        not_likely = mark("We are not likely to reach the {line}-minute line within a year at this pace.")
        return t(likely if soon else not_likely, **goal)
    if p.p_target_24 >= 0.8:
        reach = p.months_to_target if np.isfinite(p.months_to_target) else 24.0
        by = when(f, min(max(reach, f.age + 1), 24.0))
        return t("We are likely to reach the {line}-minute line by {month}.", month=by, **goal)
    by = when(f, 24)
    if p.p_target_24 > 0.2:
        return t("It is too early to tell whether we reach the {line}-minute line by {month}.", month=by, **goal)
    return t("We are not likely to reach the {line}-minute line by {month} at this pace.", month=by, **goal)


def minutes_by_month(f: Facts) -> Section:
    """Minutes per computer by month, beside the expected path and the target line."""
    table = f.months[["month", "minutes", "expected", "expected_low", "expected_high"]].assign(target=line(f))
    p, gap = f.path, f.now.minutes - f.path.expected
    position = t("This was month {n} of our work together.", n=number(max(np.ceil(f.age), 1)))
    if not np.isfinite(p.expected):
        title = t("It is too early to say which path {what} time will follow", **named(f))
        return Section("minutes", title, (t("The chart shows every month so far."), position), table, evidence(f))
    sure = firmness(gap, float(np.hypot(f.now.se, (p.high - p.low) / (2 * Z95))))
    expected = t(
        "We expected about {minutes} per computer a month ({low} to {high}). It took {now}.",
        minutes=minutes(p.expected),
        low=number(p.low),
        high=number(p.high),
        now=number(f.now.minutes),
    )
    gaps = int((f.in_quarter["minutes"].isna()).sum())
    missing = t("{months} of the quarter had no computer in service or no count.", months=months(gaps))
    said = (expected, t(FOLLOWS[p.follows]), _against_book(f), position, missing if gaps else "")
    typical = t("The band is the path of a typical client, 95 % interval.")
    notes = t("The band is the path of this client, 95 % interval.") if p.own else typical
    return Section(
        "minutes", _path_title(f, gap, sure), tuple(s for s in said if s), table, f"{evidence(f)} {notes}"
    )


def _path_title(f: Facts, gap: float, sure: str) -> str:
    above = firmness(f.now.minutes - line(f), f.now.se) == "firm" and f.now.minutes > line(f)
    if sure == "too early" and above and f.path.follows in ("flat", "rising"):
        return t("The quarter was as expected, but the time needed is not falling")
    if sure == "too early":
        return t("The quarter was in line with the path we expected")
    if gap < 0:
        likely = t("The quarter was likely better than the path we expected")
        return t("The quarter was clearly better than the path we expected") if sure == "firm" else likely
    likely = t("The quarter was likely worse than the path we expected")
    return t("The quarter was clearly worse than the path we expected") if sure == "firm" else likely


def _against_book(f: Facts) -> str:
    """The client's own path beside that of a typical client of its age (small clients lean on it)."""
    p = f.path
    if not p.own or not np.isfinite(p.typical):
        return ""
    usual = {"usual": minutes(p.typical)}
    sure = firmness(p.expected - p.typical, (p.high - p.low) / (2 * Z95))
    if sure == "too early":
        return t("Other clients of this age usually need about {usual}: much the same.", **usual)
    if p.expected < p.typical:
        return t("Other clients of this age usually need more, about {usual}.", **usual)
    return t("Other clients of this age usually need less, about {usual}.", **usual)
