"""The sections of a review that tell how the quarter went: numbers become plain sentences here.

Words follow the evidence: a difference of two standard errors or more is said plainly, one or more is "likely",
anything less is "too early to tell".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.review_facts import Z95, Facts, Span

DAYS_PER_MONTH = 30.4375
FOLLOWS = {
    "decaying": "Since the start, the time needed has been falling.",
    "flat": "Since the start, the time needed has stayed level.",
    "rising": "Since the start, the time needed has been rising.",
    "irregular": "Since the start, the time needed has gone up and down without a clear direction.",
    "too-early": "It is too early to tell the long-run direction.",
}


@dataclass(frozen=True, eq=False)
class Section:
    """One topic of a review: a full-sentence title, paragraphs, an optional tidy table, notes for the speaker."""

    key: str
    title: str
    paragraphs: tuple[str, ...]
    table: pd.DataFrame | None = None
    notes: str = ""
    appendix: bool = False


def number(value: float, decimals: int = 0) -> str:
    """A number for people: one decimal below ten, none above, thousands separated; a dash for NaN."""
    if not np.isfinite(value):
        return "–"
    digits = max(decimals, 1) if abs(value) < 9.95 else decimals
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def minutes(value: float) -> str:
    """'1 minute', '3.5 minutes', '14 minutes'."""
    return f"{number(value)} minute{'' if number(value) == '1' else 's'}"


def count(value: float, thing: str) -> str:
    """'1 problem', '12 problems'."""
    return f"{number(value)} {thing}{'' if number(value) == '1' else 's'}"


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{100 * share:.0f}%" if np.isfinite(share) else "–"


def noun(hours_are: str) -> str:
    """What the time is: 'support' for technician hours, else the settings' word ('outage hours': 'outage')."""
    return "support" if hours_are == "technician hours" else hours_are.removesuffix("hours").strip() or hours_are


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
    served = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].dt.strftime("%B").tolist()
    if len(served) == 3:
        return f"{served[0]} to {served[2]} {f.start.year}"
    return f"{' and '.join(served)} {f.start.year}"


def when(f: Facts, age_months: float) -> str:
    """Calendar month in which the client reaches an age."""
    last = f.in_quarter[f.in_quarter["exposure"] > 0].iloc[-1]
    day = last["month"] + pd.DateOffset(months=1) + pd.Timedelta(days=(age_months - f.age) * DAYS_PER_MONTH)
    return f"{day:%B %Y}"


def line(f: Facts) -> float:
    """The target in minutes per computer a month."""
    return f.settings.targets.target_h * 60


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def evidence(f: Facts) -> str:
    """What the headline rests on, for the speaker notes."""
    what = f.settings.hours_are
    return (
        f"Evidence: {number(f.now.hours, 1)} {what} and {count(f.now.tickets, 'problem')} over "
        f"{number(f.now.exposure, 1)} computer-months ({spell(f)}). "
        f"By chance alone the figure moves by about {minutes(f.now.se)} either way."
    )


def quarter(f: Facts) -> Section:
    """The quarter in two short paragraphs and one number."""
    what = noun(f.settings.hours_are)
    took = f"{what.capitalize()} took {minutes(f.now.minutes)} per computer a month"
    title, trend = took, "There is no earlier quarter to compare it with."
    if f.before:
        difference, sure = change(f.now, f.before)
        title, trend = _trend(f, difference, sure)
    if f.now.hours == 0:
        title = f"No {what} time was needed this quarter"
    status = [f"This quarter ({spell(f)}), {_lower(took)}.", trend, _against_line(f)]
    notes = f"{evidence(f)} {f.now.months} of 3 months in service."
    rows = [
        ("this quarter", f.now.minutes, np.nan, np.nan),
        ("the quarter before", f.before.minutes if f.before else np.nan, np.nan, np.nan),
        ("expected", f.path.expected, f.path.low, f.path.high),
        (f"goal for month {f.settings.targets.months}", line(f), np.nan, np.nan),
    ]
    table = pd.DataFrame(rows, columns=["measure", "minutes", "low", "high"])
    table = table[table["minutes"].notna()].reset_index(drop=True)
    return Section("quarter", title, (" ".join(status), outlook(f)), table, notes)


def _trend(f: Facts, difference: float, sure: str) -> tuple[str, str]:
    """Title and sentence on the change from the quarter before."""
    what, now = noun(f.settings.hours_are).capitalize(), minutes(f.now.minutes)
    before = f.before.minutes if f.before else np.nan
    if sure == "too early" and abs(difference) <= 0.25 * before:
        title = f"{what} stayed at about {now} per computer a month"
        return title, f"The quarter before took {minutes(before)}: too small a change to tell from chance."
    if sure == "too early":
        title = f"{what} took {now} per computer a month"
        return (
            title,
            f"The quarter before took {minutes(before)}; it is too early to call that a real change.",
        )
    word, comparative = ("fell", "less") if difference < 0 else ("rose", "more")
    hedge = "clearly" if sure == "firm" else "likely"
    title = f"{what} {word} to {now} per computer a month"
    if sure == "likely":
        title = f"{what} likely {word}, to {now} per computer a month"
    return (
        title,
        f"That is {minutes(abs(difference))} {comparative} than the quarter before, {hedge} a real change.",
    )


def _against_line(f: Facts) -> str:
    gap, name = f.now.minutes - line(f), f"{number(line(f))}-minute line"
    side = "under" if gap < 0 else "above"
    sure = firmness(gap, f.now.se)
    if sure == "too early" and abs(gap) <= max(0.15 * line(f), 1):
        return f"That is close to our {name}."
    if sure == "too early":
        return f"It is too early to tell whether it is really {side} our {name}."
    return f"That is {'clearly' if sure == 'firm' else 'likely'} {side} our {name}."


def outlook(f: Facts) -> str:
    """What to expect next, said as firmly as the fit allows."""
    last = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].max()
    if f.left:
        return f"Service ended in {last:%B %Y}, so there is nothing to forecast."
    if not np.isfinite(f.path.next_expected):
        return "Looking ahead, there is not yet enough data to say what to expect."
    p = f.path
    ahead = (
        f"Looking ahead, we expect about {minutes(p.next_expected)} next quarter "
        f"({number(p.next_low)} to {number(p.next_high)})."
    )
    return f"{ahead} {_when_target(f)}" if p.own else f"{ahead} That is what clients of this age usually need."


def _when_target(f: Facts) -> str:
    name, p = f"{number(line(f))}-minute line", f.path
    under = f.now.minutes < line(f) and p.next_expected <= line(f)
    if under:
        return f"We {'' if p.next_high <= line(f) else 'likely '}stay under the {name}."
    if f.age >= 24:
        soon = np.isfinite(p.months_to_target) and p.months_to_target <= f.age + 12
        return f"We are {'likely' if soon else 'not likely'} to reach the {name} within a year at this pace."
    if p.p_target_24 >= 0.8:
        reach = p.months_to_target if np.isfinite(p.months_to_target) else 24.0
        return f"We are likely to reach the {name} by {when(f, min(max(reach, f.age + 1), 24.0))}."
    if p.p_target_24 > 0.2:
        return f"It is too early to tell whether we reach the {name} by {when(f, 24)}."
    return f"We are not likely to reach the {name} by {when(f, 24)} at this pace."


def minutes_by_month(f: Facts) -> Section:
    """Minutes per computer by month, beside the expected path and the target line."""
    table = f.months[["month", "minutes", "expected", "expected_low", "expected_high"]].assign(target=line(f))
    p, gap = f.path, f.now.minutes - f.path.expected
    position = f"This was month {number(max(np.ceil(f.age), 1))} of our work together."
    if not np.isfinite(p.expected):
        title = f"It is too early to say which path {noun(f.settings.hours_are)} time will follow"
        return Section("minutes", title, ("The chart shows every month so far.", position), table, evidence(f))
    sure = firmness(gap, float(np.hypot(f.now.se, (p.high - p.low) / (2 * Z95))))
    side = "better" if gap < 0 else "worse"
    title = {
        "firm": f"The quarter was clearly {side} than the path we expected",
        "likely": f"The quarter was likely {side} than the path we expected",
        "too early": "The quarter was in line with the path we expected",
    }[sure]
    whose = "the path of this client" if p.own else "the path of a typical client"
    expected = (
        f"We expected about {minutes(p.expected)} per computer a month ({number(p.low)} to {number(p.high)}). "
        f"It took {number(f.now.minutes)}."
    )
    gaps = int((f.in_quarter["minutes"].isna()).sum())
    missing = (f"{count(gaps, 'month')} of the quarter had no computer in service or no count.",) if gaps else ()
    said = (expected, FOLLOWS[p.follows], position, *missing)
    return Section("minutes", title, said, table, f"{evidence(f)} The band is {whose}, 95 % interval.")
