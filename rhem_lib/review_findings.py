"""What went less well, what to do about it, and what the client should decide: all from the same findings."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rhem_lib.causes import NOT_RECORDED
from rhem_lib.review_facts import Z95, Facts
from rhem_lib.review_words import (
    Section,
    change,
    count,
    firmness,
    line,
    minutes,
    noun,
    number,
    percent,
)

NOISY_SHARE = 0.3  # share of the quarter's hours on three computers that makes them worth naming
NOISY_PROBLEMS = 3  # problems on each of the three, and times the usual number per computer
NOISY_FLEET = 10  # with fewer computers, three of them always hold much of the time
UNSORTED_SHARE = 0.05
UNKNOWN_CAUSE_SHARE = 0.2
MOST_FINDINGS = 4


@dataclass(frozen=True)
class Finding:
    """Something that went less well: the sentence, its evidence, and the action and decision that follow."""

    text: str
    evidence: str
    action: str
    decision: str = ""


def findings(f: Facts) -> list[Finding]:
    """At most four findings, the weightiest first."""
    found = [*_causes(f), *_level(f), *_computers(f), *_records(f)]
    return found[:MOST_FINDINGS]


def _causes(f: Facts) -> Iterator[Finding]:
    rose = f.causes[f.causes["rose"] & (f.causes["name"] != NOT_RECORDED)]
    for _, row in rose.head(2).iterrows():
        rate, rate_before = (number(10 * row[c]) for c in ("rate", "rate_before"))
        yield Finding(
            f"{row['name']} problems rose from {rate_before} to {rate} per 10 computers a month.",
            "more than chance explains",
            f"Find and remove the cause of the rise in {row['name']} problems",
            f"May we spend time next quarter on the cause of the {row['name']} problems?",
        )


def _level(f: Facts) -> Iterator[Finding]:
    what, p = noun(f.settings.hours_are), f.path
    gap = f.now.minutes - p.expected
    sure = firmness(gap, float(np.hypot(f.now.se, (p.high - p.low) / (2 * Z95))))
    look = f"Look through the {what} work of the quarter for avoidable problems"
    if gap > 0 and sure != "too early":
        hedge = "clearly" if sure == "firm" else "likely"
        yield Finding(
            f"The quarter was {hedge} above what we expected.",
            f"{number(f.now.minutes)} against {minutes(p.expected)} per computer a month",
            look,
        )
    elif f.before and change(f.now, f.before)[0] > 0 and change(f.now, f.before)[1] != "too early":
        yield Finding(
            f"{what.capitalize()} time rose from the quarter before.",
            f"{number(f.before.minutes)} to {minutes(f.now.minutes)} per computer a month",
            look,
        )
    over = f.now.minutes - line(f)
    if f.age > f.settings.targets.months and over > 0 and firmness(over, f.now.se) != "too early":
        yield Finding(
            f"We aimed for {minutes(line(f))} by month {f.settings.targets.months} and are not there.",
            f"{minutes(f.now.minutes)} per computer a month in month {f.age:.0f}",
            "Set a goal for the next two quarters and review it in each meeting",
            f"Is {minutes(line(f))} per computer a month still the goal you want?",
        )


def _computers(f: Facts) -> Iterator[Finding]:
    three, fleet = f.computers.head(3), f.now.exposure / f.now.months
    usual = f.computers["problems"].sum() / fleet
    noisy = len(three) == 3 and three["share"].sum() >= NOISY_SHARE
    if fleet >= NOISY_FLEET and noisy and three["problems"].mean() >= max(NOISY_PROBLEMS * usual, NOISY_PROBLEMS):
        names = ", ".join(three["name"])
        yield Finding(
            f"3 computers of about {fleet:.0f} took {percent(three['share'].sum())} of the time.",
            names,
            f"Check {names} and repair or replace them",
            "Should the three computers with the most problems be repaired or replaced?",
        )


def _records(f: Facts) -> Iterator[Finding]:
    """Weak spots in our own records, which limit what the review can say."""
    unknown = f.causes.loc[f.causes["name"] == NOT_RECORDED, "share"].sum()
    if unknown >= UNKNOWN_CAUSE_SHARE:
        yield Finding(
            f"We did not record the cause for {percent(unknown)} of the time.",
            "so part of the work cannot be explained",
            "Record a cause for every problem",
        )
    unsorted = f.in_quarter["unclassified_hours"].sum()
    if unsorted > UNSORTED_SHARE * (unsorted + f.now.hours):
        yield Finding(
            f"{number(unsorted, 1)} hours could not be sorted into planned and unplanned work.",
            f"beside {number(f.now.hours, 1)} hours that count",
            "Sort the open hours before the next review",
        )
    gaps = int(f.in_quarter["minutes"].isna().sum())
    if gaps and not f.left and f.age > gaps:
        yield Finding(
            f"{count(gaps, 'month')} of the quarter could not be measured.",
            "no computer count for the month",
            "Make sure the list of computers is taken every month",
        )


def less_well(f: Facts) -> Section:
    """What went less well, honestly; never empty."""
    found = findings(f)
    if not found:
        quiet = ["No measure got worse by more than chance this quarter."]
        known = f.causes[f.causes["name"] != NOT_RECORDED]
        if not known.empty:
            quiet.append(
                f"The largest remaining cause is {known['name'].iloc[0]}, with {percent(known['share'].iloc[0])}."
            )
        if f.now.months < 3:
            quiet.append(f"With {count(f.now.months, 'month')} of data, little can be said yet.")
        notes = "Checked: causes, level, computers, records."
        return Section("less_well", "Nothing stood out this quarter", tuple(quiet), notes=notes)
    title = found[0].text.removesuffix(".")
    table = pd.DataFrame([{"finding": x.text, "evidence": x.evidence} for x in found])
    said = tuple(f"{x.text.removesuffix('.')} ({x.evidence})." for x in found)
    notes = "Every line is from the data; see the appendix for how it is counted."
    return Section("less_well", title, said, table, notes)


def next_steps(f: Facts) -> Section:
    """Suggested actions with evidence; owner and date are placeholders to agree in the meeting."""
    due = f.end + pd.DateOffset(months=3) - pd.Timedelta(days=1)
    found = findings(f)
    rows = [{"action": x.action, "why": x.text, "owner": "to agree", "due": due} for x in found]
    if f.left:
        rows = [
            {
                "action": "Hand over the open problems",
                "why": "Service has ended.",
                "owner": "to agree",
                "due": due,
            }
        ]
    if not rows:
        known = f.causes[f.causes["name"] != NOT_RECORDED]["name"].head(1).tolist()
        cause = f"Look for what still causes {known[0]} problems" if known else "Keep measuring every month"
        rows = [{"action": cause, "why": "Nothing got worse this quarter.", "owner": "to agree", "due": due}]
    table = pd.DataFrame(rows).astype({"due": "datetime64[us]"})
    title = f"We suggest {count(len(rows), 'action')} for next quarter"
    return Section("next", title, ("Owner and date are to be agreed in the meeting.",), table,
                   "Suggestions follow from what went less well.")  # fmt: skip


def decisions(f: Facts) -> Section:
    """What the client should decide in the meeting."""
    asked = [x.decision for x in findings(f) if x.decision and not f.left][:2]
    fleet = f.now.exposure / f.now.months
    said = (
        *asked,
        "Who owns each action, and by when?" if not f.left else "Who takes over the open problems?",
        f"Is the count of about {count(round(fleet), 'computer')} right? Every figure here rests on it.",
    )
    table = pd.DataFrame({"decision": said, "answer": [""] * len(said)})
    title = f"We need {count(len(said), 'decision')} from you"
    return Section("decisions", title, said, table, "The answers are noted here in the meeting.")
