"""What went less well, what to do about it, what the client should decide: from one list."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from rhem_lib.language import count, number, t
from rhem_lib.metric import NOT_RECORDED
from rhem_lib.review.facts import Facts
from rhem_lib.review.quarter import few_computers
from rhem_lib.review.section import Section

NOISY_SHARE = 0.3  # share of the quarter's hours on three computers that makes them worth naming
NOISY_PROBLEMS = 3  # problems on each of the three, and times the usual number per computer
NOISY_FLEET = 10  # with fewer computers, three of them always hold much of the time
UNSORTED_SHARE, UNSORTED_HOURS = 0.05, 2.0  # of the quarter; less is not worth a slide
UNKNOWN_CAUSE_SHARE = 0.2
MOST_FINDINGS = 4


@dataclass(frozen=True)
class Finding:
    """Something that went less well: sentence, evidence, and the action and decision that follow."""

    text: str
    evidence: str
    action: str
    decision: str = ""


def findings(f: Facts) -> list[Finding]:
    """At most four findings, the weightiest first."""
    return [*_causes(f), *_level(f), *_computers(f), *_patches(f), *_records(f)][:MOST_FINDINGS]


def _causes(f: Facts) -> Iterator[Finding]:
    rose = f.causes[f.causes["rose"] & (f.causes["name"] != NOT_RECORDED)]
    for _, row in rose.head(2).iterrows():
        cause = {"cause": row["name"], "before": 10 * row["rate_before"], "now": 10 * row["rate"]}
        yield Finding(
            t("{cause} problems rose from {before} to {now} per 10 computers a month.", **cause),
            t("more than chance explains"),
            t("Find and remove the cause of the rise in {cause} problems", **cause),
            t("May we spend time next quarter on the cause of the {cause} problems?", **cause),
        )


def _level(f: Facts) -> Iterator[Finding]:
    goal = {"minutes": f.target, "n": f.settings.targets.months}
    look = t("Look through the {what} work of the quarter for avoidable problems", **f.words)
    if above := f.beyond_expected.say("above what was expected"):
        values = {"now": f.now.minutes, "minutes": f.curve.expected}
        evidence = t("{now} against {minutes} per computer a month", **values)
        yield Finding(above, evidence, look)
    elif f.before and f.change and f.change.more:
        values = {"before": f.before.minutes, "minutes": f.now.minutes}
        evidence = t("{before} to {minutes} per computer a month", **values)
        yield Finding(t("{What} time rose from the quarter before.", **f.words), evidence, look)
    if f.age > f.settings.targets.months and f.beyond_target.more:
        yield Finding(
            t("We aimed for {minutes} by month {n} and are not there.", **goal),
            t("{minutes} per computer a month in month {n}", minutes=f.now.minutes, n=f.age),
            t("Set a goal for the next two quarters and review it in each meeting"),
            t("Is {minutes} per computer a month still the goal you want?", **goal),
        )


def _computers(f: Facts) -> Iterator[Finding]:
    three, fleet = f.computers.head(3), f.now.fleet
    usual = f.computers["problems"].sum() / fleet
    noisy = len(three) == 3 and three["share"].sum() >= NOISY_SHARE
    if fleet >= NOISY_FLEET and noisy and three["problems"].mean() >= max(NOISY_PROBLEMS * usual, NOISY_PROBLEMS):
        names = ", ".join(three["name"])
        yield Finding(
            few_computers(3, fleet, three["share"].sum()),
            names,
            t("Check {computers} and repair or replace them", computers=names),
            t("Should the three computers with the most problems be repaired or replaced?"),
        )


def _patches(f: Facts) -> Iterator[Finding]:
    """Patches in working hours, if over all clients these bring more work; one has too few."""
    windows = f.patches.disturbing(f.client, f.start, f.end) if f.patches else 0
    if f.patches and windows:
        times = number(f.patches.ratio, 1)
        yield Finding(
            count(windows, "{n} round of updates ran in working hours.",
                  "{n} rounds of updates ran in working hours."),
            t("over all clients these bring {times} times the support of others", times=times),
            t("Move updates out of working hours"),
            t("May computers stay on at night for updates?"),
        )  # fmt: skip


def _records(f: Facts) -> Iterator[Finding]:
    """Weak spots in our own records, which limit what the review can say."""
    unknown = f.causes.loc[f.causes["name"] == NOT_RECORDED, "share"].sum()
    if unknown >= UNKNOWN_CAUSE_SHARE:
        yield Finding(
            t("We did not record the cause for {share} of the time.", share=unknown),
            t("so part of the work cannot be explained"),
            t("Record a cause for every problem"),
        )
    unsorted = f.in_quarter["unclassified_hours"].sum()
    if unsorted >= UNSORTED_HOURS and unsorted > UNSORTED_SHARE * (unsorted + f.now.hours):
        yield Finding(
            t("{hours} hours could not be sorted into planned and unplanned work.", hours=number(unsorted, 1)),
            t("beside {hours} hours that count", hours=number(f.now.hours, 1)),
            t("Sort the open hours before the next review"),
        )
    gaps = float(f.in_quarter["minutes"].isna().sum())
    if gaps and not f.left and f.age > gaps:
        yield Finding(
            t("{months} of the quarter could not be measured.", months=gaps),
            t("no computer count for the month"),
            t("Make sure the list of computers is taken every month"),
        )


def less_well(f: Facts) -> Section:
    """What went less well, honestly; never empty."""
    found = findings(f)
    if not found:
        quiet = [t("No measure got worse by more than chance this quarter.")]
        known = f.causes[f.causes["name"] != NOT_RECORDED]
        if not known.empty:
            cause, share = known[["name", "share"]].iloc[0]
            quiet.append(t("The largest remaining cause is {cause}, with {share}.", cause=cause, share=share))
        if f.now.months < 3:
            quiet.append(t("With {months} of data, little can be said yet.", months=float(f.now.months)))
        notes = t("Checked: causes, level, computers, records.")
        return Section("less_well", t("Nothing stood out this quarter"), tuple(quiet), notes=notes)
    title = found[0].text.removesuffix(".")
    table = pd.DataFrame([{"finding": x.text, "evidence": x.evidence} for x in found])
    paragraphs = tuple(f"{x.text.removesuffix('.')} ({x.evidence})." for x in found)
    notes = t("Every line is from the data; see the appendix for how it is counted.")
    heads = {"finding": t("Finding"), "evidence": t("Evidence")}
    return Section("less_well", title, paragraphs, table, notes, "list", heads=heads)


def proposed_actions(f: Facts) -> list[tuple[str, str]]:
    """What we would do, and why: from the findings."""
    if f.left:
        return [(t("Hand over the open problems"), t("Service has ended."))]
    found = [(x.action, x.text) for x in findings(f)]
    if found:
        return found
    known = f.causes[f.causes["name"] != NOT_RECORDED]["name"].head(1).tolist()
    look = t("Look for what still causes {cause} problems", cause=known[0]) if known else ""
    return [(look or t("Keep measuring every month"), t("Nothing got worse this quarter."))]


def next_steps(f: Facts) -> Section:
    """Actions agreed in the client's settings, else suggestions whose owner is to be agreed."""
    agreed = f.edition().actions
    due = (f.end + pd.DateOffset(months=3) - pd.Timedelta(days=1)).date()
    suggested = [{"action": x, "why": why, "owner": t("to agree"), "due": due} for x, why in proposed_actions(f)]
    rows = [{"action": x.action, "why": x.why, "owner": x.owner, "due": x.due} for x in agreed] or suggested
    table = pd.DataFrame(rows).astype({"due": "datetime64[us]"})
    title = count(len(rows), "We suggest {n} action for next quarter", "We suggest {n} actions for next quarter")
    who = t("Owner and date are to be agreed in the meeting.")
    if agreed:
        title = count(len(rows), "We plan {n} action for next quarter", "We plan {n} actions for next quarter")
        who = t("Every action has an owner and a date.")
    notes = t("The data suggest: {actions}.", actions="; ".join(str(x["action"]) for x in suggested))
    heads = {"action": t("Action"), "why": t("Why"), "owner": t("Owner"), "due": t("Due")}
    paragraphs = [who]
    if before := f.edition(back=1).actions:
        values = {"done": sum(x.done for x in before), "n": len(before)}
        paragraphs.insert(0, t("Done of the actions of the quarter before: {done} of {n}.", **values))
    return Section("next", title, tuple(paragraphs), table, notes, "plan", heads=heads)


def goals(f: Facts) -> Section | None:
    """What the client wants to achieve, in its own words; None where nothing is written down."""
    goals = f.own.goals
    if not goals:
        return None
    title = count(len(goals), "This is the goal that we work for", "These are the {n} goals that we work for")
    return Section("goals", title, tuple(goals), notes=t("Ask whether the goals still hold."))


def decisions(f: Facts) -> Section:
    """What the client should decide in the meeting."""
    asked = [x.decision for x in findings(f) if x.decision and not f.left][:2]
    if f.left:
        asked.append(t("Who takes over the open problems?"))
    elif not f.edition().actions:
        asked.append(t("Who owns each action, and by when?"))
    asked.append(count(round(f.now.fleet),
                       "Is the count of about {n} computer right? Every figure here rests on it.",
                       "Is the count of about {n} computers right? Every figure here rests on it."))  # fmt: skip
    title = count(len(asked), "We need {n} decision from you", "We need {n} decisions from you")
    return asked_for(title, asked)


def asked_for(title: str, asked: list[str]) -> Section:
    """The section of decisions, with room for the answers."""
    table = pd.DataFrame({"decision": asked, "answer": [""] * len(asked)})
    heads, notes = (
        {"decision": t("Decision"), "answer": t("Answer")},
        t("The answers are noted here in the meeting."),
    )
    return Section("decisions", title, tuple(asked), table, notes, "list", heads=heads)
