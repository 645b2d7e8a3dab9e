"""What may be said, and when: every kind of sentence with its condition, its range, and what is said otherwise.

Each claim is one function. It returns the sentence that the numbers carry, or nothing where they carry none;
sections of reviews and of the portfolio take their sentences from here. `tests/review/test_claims.py` has, for
each, data for which it is true, and data for which it would be false and is not made.
"""

from statistics import NormalDist

import numpy as np
import pandas as pd

from rhem_lib.language import count, mark, month, month_name, number, percent, signed, t
from rhem_lib.metric import NOT_RECORDED, cause_names, why_unmeasured
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import CLASSIFIED, Facts, Level, Range
from rhem_lib.schema import DAYS_PER_MONTH
from rhem_lib.settings import TECHNICIAN

WHY = {
    "unsorted": "Half of the hours or more could not be classified. `rhem check` suggests rules for rhem.toml.",
    "nothing": "No hours in any month. Export them; or write yes in the column confirmed_zero of clients.csv.",
}
NO_COMPUTERS = "Hours, but no computers. `rhem check` names the lists of computers that arrived, and for whom."
UNCHANGED = Difference(0.0, 0.0)
LOW = 0.5  # of the goal; at or under that support is low, whatever it did since the quarter before
MOST = 2 / 3  # of a change that one of two parts explains, to be named alone
LIKELY, UNLIKELY = 0.8, 0.2  # chance of a goal
DEFECT_SHARE, DEFECT_TICKETS = 0.5, 3  # by hardware: of a computer's hours, and tickets, to propose a repair
NOISY_SHARE, NOISY_TICKETS, NOISY_FLEET = 0.3, 3, 10  # three computers worth naming: their share, tickets, fleet
STARTS = {
    (2, True): mark("your first two months"),
    (3, True): mark("your first three months"),
    (2, False): mark("two of your first three months"),
}


def not_reviewed(panel: pd.DataFrame, clients: pd.DataFrame, quarter: str) -> dict[str, str]:
    """Return the clients of a quarter that have no figure, each with the reason and what to do.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
    clients : DataFrame
        Table clients.
    quarter : str
        For example '2026Q3'.

    Returns
    -------
    dict
        The reason by client.

    Examples
    --------
    >>> not_reviewed(study.panel, work.clients, "2026Q2")
    {}
    """
    rows = panel.assign(why=why_unmeasured(panel, clients))
    rows = rows[rows["month"].dt.to_period("Q").astype(str) == quarter]
    found = {name: WHY[why] for name, why in zip(rows["client"], rows["why"], strict=True) if why}
    served = rows.groupby("client")[["exposure", "reactive_hours", "outside_hours"]].sum()
    worked = served[["reactive_hours", "outside_hours"]].abs().sum(axis=1) > 0
    return dict.fromkeys(served.index[(served["exposure"] == 0) & worked], NO_COMPUTERS) | found


def level(
    now: Level,
    before: Level | None,
    moved: str,
    line: float,
    words: dict[str, str],
    back: bool = False,
    due: int = 0,
) -> str:
    """Title of a level, how it `moved`, and where that is against the goal.

    `back`: above a goal once reached. `due`: the month for which the goal is set, where that is ahead.
    """
    beyond = now.beyond(line)
    given = {**words, "minutes": now.minutes, "line": line, "n": due}
    if now.hours < 0:
        return t("Corrections of earlier quarters exceed the {what} time of this one, so it has no level", **words)
    if now.hours == 0:
        return t("No {what} time was needed this quarter", **words)
    if beyond.less and now.minutes <= LOW * line:
        stayed = mark("{What} stayed low: {minutes} per computer and month, well under our goal of {line}")
        low = mark("{What} was low: {minutes} per computer and month, well under our goal of {line}")
        return t(stayed if before and before.minutes <= LOW * line else low, **given)
    took = mark("{What} was {minutes} per computer and month, {change}") if moved else mark(
        "{What} was {minutes} per computer and month")  # fmt: skip
    first = t(took, change=moved, **given)
    if back:
        return t("{level}; we had reached our goal of {line} and are back above it", level=first, line=line)
    if due and beyond.more:
        return t("{level}; the goal of {line} is set for month {n} of our work", level=first, **given)
    return t("{level}; that is {goal}", level=first, goal=beyond.say("goal", line=line))


def moved(before: Level | None, change: Difference | None, missed: str = "") -> str:
    """How a level moved; by the forecast that it `missed` where a change is not clear."""
    if missed and (change is None or change.sure == "unclear"):
        return missed
    return change.say("change", before=number(before.minutes)) if before and change else ""


def level_of_all(
    now: Level,
    before: Level | None,
    both: tuple[Level, Level, Difference] | None,
    line: float,
    words: dict[str, str],
) -> str:
    """Title of all clients' level; where some came or left, its change is that of the clients in both quarters."""
    if before is None or both is None:
        return level(now, None, "", line, words)
    stayed, last, change = both
    if (stayed.exposure, last.exposure) == (now.exposure, before.exposure):
        return level(now, before, moved(before, change), line, words)
    return t("{What} was {minutes} per computer and month; for clients of both quarters {now}, {change}",
             **words, minutes=now.minutes, now=stayed.minutes, change=moved(last, change))  # fmt: skip


def at_least(f: Facts) -> str:
    """Title of a quarter of which too few hours could be classified for it to have a level."""
    return t("{What} was at least {minutes} per computer and month; {share} of the hours could not be classified",
             **f.words, minutes=f.now.minutes, share=1 - f.classified)  # fmt: skip


def forecast(came: float, expected: Range) -> tuple[str, str]:
    """Head and sentence of what was forecast before the quarter against what came."""
    if not expected.known:
        return t("No forecast was made for this quarter"), t("No forecast was made for this quarter.")
    heads = (mark("The forecast held"), mark("More came than we forecast"), mark("Less came than we forecast"))
    head = heads[expected.side(came)]
    sentence = t("We had forecast {value} ({low} to {high}); {came} came.",
                 value=expected.value, low=expected.low, high=expected.high, came=came)  # fmt: skip
    return t(head), sentence


def missed(f: Facts) -> str:
    """On which side of its forecast the quarter is; nothing where that held."""
    side = f.forecast.side(f.now.minutes)
    if not side or f.classified < CLASSIFIED:
        return ""
    missed = mark("above our forecast of {low} to {high}") if side > 0 else mark(
        "below our forecast of {low} to {high}")  # fmt: skip
    return t(missed, low=f.forecast.low, high=f.forecast.high)


def kept(made: pd.DataFrame) -> str:
    """How many of the promises that were due are kept, without a full stop."""
    due = made[made["state"] != "open"]
    if due.empty:
        return t("No promise was due yet")
    n = int((due["state"] == "kept").sum())
    return count(len(due), "We kept {kept} of {n} promise", "We kept {kept} of {n} promises", kept=number(n))


def outlook(f: Facts) -> str:
    """What the next quarter will be measured at."""
    if f.left:
        return t(
            "Service ended in {month}, so there is nothing to forecast.", month=month(f.served["month"].iloc[-1])
        )
    if not f.ahead.known:
        return t("There is not enough data yet for a forecast.")
    ahead = {"value": f.ahead.value, "low": f.ahead.low, "high": f.ahead.high}
    sentence = mark("For the next quarter we expect {value} minutes ({low} to {high}).")
    if f.classified < CLASSIFIED:
        sentence = mark(
            "For the next quarter we expect {value} minutes ({low} to {high}) of work that can be classified."
        )
    expected = t(sentence, **ahead)
    if not f.forecast.side(f.now.minutes):
        return expected
    return (
        expected
        + " "
        + t(
            "That takes what was unusual in this quarter for passing; if it stays, about {now} will come.",
            now=f.now.minutes,
        )
    )


def is_back(f: Facts) -> bool:
    """Whether the client is clearly above a goal that it had reached by its month."""
    above = f.beyond_target.more and f.beyond_target.sure == "firm"
    return above and f.at_goal is not None and f.at_goal.minutes <= f.target


def goal(f: Facts) -> str:
    """The one goal, its level and month, against where the client is and where its path goes."""
    line, n, now = f.target, f.settings.targets.months, f.beyond_target
    given = {"line": line, "n": n, "now": f.now.minutes, "age": f.age_month}
    if f.goal_path.known:
        width = np.log(f.goal_path.high / f.goal_path.low) / (2 * 1.96)
        chance = NormalDist(np.log(f.goal_path.value), max(width, 1e-9)).cdf(np.log(line))
        likely = mark("We are likely to reach {line} minutes by {month}, month {n} of our work.")
        early = mark("Whether we reach {line} minutes by {month}, month {n} of our work, cannot be told yet.")
        unlikely = mark(
            "We are not likely to reach {line} minutes by {month}, month {n} of our work, at this pace."
        )
        sentence = likely if chance >= LIKELY else unlikely if chance <= UNLIKELY else early
        return t(sentence, month=month(_month_at(f, n)), **given)
    if f.age < n:
        return t("The goal is {line} minutes by month {n} of our work; this was month {age}.", **given)
    if now.sure == "likely":
        met = mark("The goal of {line} minutes by month {n} is probably met; this was month {age}.")
        unmet = mark("The goal of {line} minutes by month {n} is probably not met; this was month {age}.")
        return t(met if now.less else unmet, **given)
    if now.less:
        return t("The goal of {line} minutes by month {n} is met; this was month {age}.", **given)
    if is_back(f):
        return t("We had reached {line} minutes by month {n}, but are back at {now}.", **given)
    if now.more:
        return t("The goal of {line} minutes by month {n} is not met; this was month {age}.", **given)
    return t("Whether the goal of {line} minutes by month {n} is met cannot be told.", **given)


def goal_mark(f: Facts) -> str:
    """The state of the goal by mark and word, for the card; it names the month that `goal` names."""
    n = f.settings.targets.months
    if f.age < n and f.beyond_target.more:
        return t(
            "○ The goal of {line} is for month {n}; this was month {age}", line=f.target, n=n, age=f.age_month
        )
    state = f.beyond_target.say("goal, mark", line=f.target)
    return t("{state} for month {n}; this was month {age}", state=state, n=n, age=f.age_month)


def _month_at(f: Facts, age_months: float) -> pd.Timestamp:
    """Calendar month in which the client reaches an age."""
    day = f.served["month"].iloc[-1] + pd.DateOffset(months=1)
    return day + pd.Timedelta(days=(age_months - f.age) * DAYS_PER_MONTH - 1)


def start(f: Facts) -> str:
    """The words for the first months, by how many of them are in the data; nothing where fewer than two are."""
    if f.first is None:
        return ""
    from_the_first = bool(f.months.loc[f.months["exposure"] > 0, "age_start"].iloc[0] < 0.5)
    return t(STARTS.get((min(f.first.months, 3), from_the_first), STARTS[3, True]))


def given_back(f: Facts) -> str:
    """Title of the time given back, a range; nothing unless the start was measured and the range leaves 0."""
    if f.first is None or f.classified < CLASSIFIED:
        return ""
    spared = f.now.hours_given_back(f.first).rounded
    given = {"start": start(f), "hours": _hours(f)}
    if spared.low > 0:
        return t("You needed {low} to {high} fewer {hours} this quarter than at the pace of {start}",
                 low=spared.low, high=spared.high, **given)  # fmt: skip
    if spared.high < 0:
        return t("You needed {low} to {high} more {hours} this quarter than at the pace of {start}",
                 low=-spared.high, high=-spared.low, **given)  # fmt: skip
    return ""


def _hours(f: Facts) -> str:
    support = f.settings.hours_are == TECHNICIAN
    return t("support hours") if support else t(f.settings.hours_are)


def fell(f: Facts) -> str:
    """Whether the client fell since its start; with age only where all clients show that, beside the calendar."""
    if f.first is None or f.classified < CLASSIFIED:
        return ""
    since = f.now.since(f.first)
    given = {"start": start(f), "before": f.first.minutes, "now": f.now.minutes}
    if since.sure != "firm":
        level = since.sure == "unclear" and f.follows == "flat"
        return (
            t("It has not fallen clearly since {start}: {before} minutes then, {now} now.", **given)
            if level
            else ""
        )
    if since.value > 0:
        return t("It rose from {before} minutes in {start} to {now}.", **given)
    if f.by_age and f.follows == "decaying":
        return t("It fell from {before} minutes in {start} to {now}; over all clients such a fall comes with the "
                 "months of our work.", **given)  # fmt: skip
    return t("It fell from {before} minutes in {start} to {now}; whether by our work or because everything fell "
             "cannot be told from one client.", **given)  # fmt: skip


def outside(f: Facts) -> tuple[str, pd.DataFrame]:
    """Title of the months, and the quarter's months outside their normal range; each with its largest cause."""
    served = f.served.dropna(subset=["normal_low"])
    above, below = (
        served[served["minutes"] > served["normal_high"]],
        served[served["minutes"] < served["normal_low"]],
    )
    if served.empty:
        return t("These are the months so far; there is no normal range yet"), above
    n = len(served)
    if above.empty and f.classified < CLASSIFIED:
        return t("These months may lie higher than shown: {share} of the hours could not be classified",
                 share=1 - f.classified), above  # fmt: skip
    if above.empty and below.empty:
        title = count(n, "The month was in its normal range", "All {n} months were in their normal range")
        title = t("Both months were in their normal range") if n == 2 else title
        if (served["normal_low"] > f.target).all() and f.age >= f.settings.targets.months:
            return t("{title}, and all of that is above our goal of {line}", title=title, line=f.target), above
        return _with_ahead(f, title), above
    inside = _months(served.drop(index=[*above.index, *below.index]))
    if above.empty:
        title = count(len(below), "{months} stayed below the normal range",
                      "{months} stayed below the normal range", months=_months(below))  # fmt: skip
        return _with_ahead(f, title), above
    title = count(len(above), "{months} went above the normal range", "{months} went above the normal range",
                  months=_months(above))  # fmt: skip
    if inside and below.empty:
        title = t("{title}, {others} did not", title=title, others=inside)
    return _with_cause(f, title, above.nlargest(1, "minutes")), above


def _with_ahead(f: Facts, title: str) -> str:
    if not f.ahead.known:
        return title
    return t("{title}; we expect {value} minutes next quarter ({low} to {high})",
             title=title, value=f.ahead.value, low=f.ahead.low, high=f.ahead.high)  # fmt: skip


def _months(rows: pd.DataFrame) -> str:
    """The names of one, two or all three months; nothing for none."""
    listed = [month_name(month) for month in rows["month"]]
    if len(listed) < 2:
        return "".join(listed)
    whole = t("All {n} months", n=len(listed))
    return whole if listed[2:] else t("{first} and {second}", first=listed[0], second=listed[1])


def _with_cause(f: Facts, title: str, rows: pd.DataFrame) -> str:
    found = peak_cause(f, rows["month"].iloc[0])
    if found is None:
        return title
    given = {
        "cause": f.cause(found[0], inside=True),
        "month": month_name(rows["month"].iloc[0]),
        "share": found[1],
    }
    return t("{title}; {cause} took {share} of {month}", title=title, **given)


def causes_of(f: Facts) -> pd.Series:
    """The cause of every entry of the quarter."""
    return cause_names(f.entries)


def peak_cause(f: Facts, when: pd.Timestamp) -> tuple[str, float, float] | None:
    """The largest named cause of a month of the quarter: name, share of the month, minutes per computer."""
    rows = f.entries[f.entries["worked_on"].dt.to_period("M") == when.to_period("M")]
    hours = rows.groupby(causes_of(f)[rows.index])["hours"].sum().drop(NOT_RECORDED, errors="ignore")
    total = rows["hours"].sum()
    if hours.empty or total <= 0 or hours.max() <= 0:
        return None
    exposure = float(f.served.loc[f.served["month"] == when, "exposure"].sum())
    return str(hours.idxmax()), float(hours.max() / total), float(60 * hours.max() / exposure)


def why(f: Facts, by_number: float, by_time: float) -> str:
    """Title of why the quarter moved: more tickets or longer fixes, and the cause that added most."""
    change, rows = f.change or UNCHANGED, moves(f)
    rose = f.causes[f.causes["rose"] & (f.causes["name"] != NOT_RECORDED)]
    if change.sure == "unclear":
        if len(rose):
            alone = mark("{cause} rose more than chance explains, while the whole stayed within its ups and downs")
            alone = (
                mark("{cause} rose more than chance explains, and took {share} of the time")
                if missed(f)
                else alone
            )
            cause, share = rose[["name", "share"]].iloc[0]
            return t(alone, cause=f.cause(cause), share=float(share))
        if missed(f):
            return t("{head}, and no single cause explains it; {top}",
                     head=forecast(f.now.minutes, f.forecast)[0], top=top_cause(f, inside=True))  # fmt: skip
        return t("Nothing moved beyond normal ups and downs; {top}", top=top_cause(f, inside=True))
    up = change.value > 0
    named = rows[rows["name"] != NOT_RECORDED].sort_values("change", ascending=not up)
    most = mark("{title}; {cause} added most") if up else mark("{title}; {cause} fell most")
    part = by_number / change.value
    if part > MOST:
        sentence = mark("Most of the rise is more tickets, not longer fixes") if up else mark(
            "Most of the fall is fewer tickets, not faster fixes")  # fmt: skip
    elif part < 1 - MOST:
        sentence = mark("Most of the rise is longer fixes, not more tickets") if up else mark(
            "Most of the fall is faster fixes, not fewer tickets")  # fmt: skip
    else:
        sentence = mark("More tickets and longer fixes share the rise") if up else mark(
            "Fewer tickets and faster fixes share the fall")  # fmt: skip
    title = t(sentence)
    return t(most, title=title, cause=f.cause(named["name"].iloc[0], inside=True)) if len(named) else title


def moves(f: Facts) -> pd.DataFrame:
    """The change of every cause from the quarter before, minutes per computer a month, most first; they add up."""
    rows = f.causes.assign(change=f.causes["minutes"] - f.causes["minutes_before"].fillna(0.0))
    return rows[["name", "minutes", "minutes_before", "change"]].sort_values("change", ascending=False)


def top_cause(f: Facts, inside: bool = False) -> str:
    """The largest named cause and its share."""
    known = f.causes[(f.causes["name"] != NOT_RECORDED) & (f.causes["hours"] > 0)]
    if known.empty:
        return t("the cause of the work was not recorded")
    cause, share = known[["name", "share"]].iloc[0]
    return t("{cause} took the most time, {share}", cause=f.cause(cause, inside), share=float(share))


def top_causes(f: Facts) -> str:
    """The three largest named causes and their share together."""
    known = f.causes[(f.causes["name"] != NOT_RECORDED) & (f.causes["hours"] > 0)].head(3)
    if len(known) < 2:
        return top_cause(f)
    *others, last = (f.cause(name, inside=True) for name in known["name"])
    took = mark("{first} and {second} took {share} of the time")
    if f.classified < CLASSIFIED:
        took = mark("{first} and {second} took {share} of the classified time")
    return t(took, first=", ".join(others), second=last, share=float(known["share"].sum()))


def together(f: Facts) -> str:
    """The change from the quarter before, with its range."""
    change = f.change or UNCHANGED
    shift = {"by": signed(change.value), "low": signed(change.low), "high": signed(change.high)}
    return t("{by} minutes ({low} to {high}), {sure}.", sure=change.say("together"), **shift)


def few_computers(f: Facts) -> str:
    """How much of the time three computers took, where that is much for so few, of those on the last list."""
    three = f.computers.head(3)
    usual = f.computers["problems"].sum() / max(f.computers_now, 1)
    enough = len(three) == 3 and three["share"].sum() >= NOISY_SHARE and f.computers_now >= NOISY_FLEET
    if not (enough and three["problems"].mean() >= max(NOISY_TICKETS * usual, NOISY_TICKETS)):
        return ""
    return t(
        "3 of your {n} computers took {share} of the time.", n=f.computers_now, share=float(three["share"].sum())
    )


def defects(f: Facts) -> list[str]:
    """The computers whose tickets a defect explains: half of their hours, on three such tickets or more."""
    bad = (f.computers["hardware"] >= DEFECT_SHARE) & (f.computers["defects"] >= DEFECT_TICKETS)
    return f.computers.loc[bad, "name"].head(3).tolist()


def level_range(f: Facts) -> Range:
    """The quarter's figure by the chance of tickets; up to all open hours where too few could be classified."""
    now, open_hours = f.now, float(f.in_quarter["unclassified_hours"].sum())
    wider = 60 * open_hours / now.exposure if f.classified < CLASSIFIED else 0.0
    return Range(now.minutes, now.low, now.high + wider)


def classified(f: Facts) -> tuple[str, float]:
    """Title of the data: the share of the hours that could be classified, and the months without a figure."""
    share, gaps = f.classified, int(f.in_quarter["minutes"].isna().sum())
    text = percent(np.floor(100 * share) / 100)
    if not (gaps or f.in_quarter[["reactive_hours", "unclassified_hours"]].any(axis=None)):
        return t("There were no hours to classify in this quarter, and no month is missing"), share
    if gaps:
        return count(gaps, "{share} of this quarter's hours could be classified; {n} month has no figure",
                     "{share} of this quarter's hours could be classified; {n} months have no figure",
                     share=text), share  # fmt: skip
    return t("{share} of this quarter's hours could be classified, and no month is missing", share=text), share


def missing(f: Facts) -> str:
    """The months without a figure, by name: of the quarter, and of the one before with which it is compared."""
    since = f.start - pd.DateOffset(months=3) if f.before else f.start
    lost = f.months.loc[(f.months["month"] >= since) & f.months["minutes"].isna(), "month"]
    names = [month_name(month) for month in lost]
    return count(len(names), "{months} has no figure.", "{months} have no figure.", months=", ".join(names)) if (
        names) else ""  # fmt: skip


def evidence(f: Facts, period: str) -> str:
    """What the headline rests on, for the speaker notes."""
    return t(
        "Evidence: {hours} {hours_are} and {tickets} tickets over {exposure} computer-months ({period}). By "
        "chance alone the figure could be {low} to {high} minutes.",
        hours=number(f.now.hours, 1), hours_are=t(f.settings.hours_are), tickets=f.now.tickets,
        exposure=number(f.now.exposure, 1), period=period, low=f.now.low, high=f.now.high,
    )  # fmt: skip
