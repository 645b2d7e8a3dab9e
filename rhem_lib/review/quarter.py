"""The sections of a client's review on its numbers: level, path, reasons, time given back."""

import numpy as np
import pandas as pd

from rhem_lib.language import count, mark, minutes, month, number, problems, sentence_case, t
from rhem_lib.metric import NOT_RECORDED, TECHNICIAN, given_back, split, staff_hours
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import Facts, Level
from rhem_lib.review.section import Section, evidence, spell
from rhem_lib.schema import DAYS_PER_MONTH
from rhem_lib.settings import Target

LITTLE = 0.15  # change on the log scale that nobody needs to discuss
UNKNOWN = (np.nan, np.nan, np.nan)
FOLLOWS = {
    "decaying": mark("Since the start, the time needed has been falling."),
    "flat": mark("Since the start, the time needed has stayed level."),
    "rising": mark("Since the start, the time needed has been rising."),
    "irregular": mark("Since the start, the time needed has gone up and down without a clear direction."),
    "too-early": mark("It is too early to tell the long-run direction."),
}
THEN = {
    "the quarter before": mark("in the quarter before"),
    "the first three months": mark("in the first three months"),
}
# Time given back, by its sign: against the client's own start (True) or the reference start, and in the text.
WORTH = {
    (True, 0): mark("The quarter took as much time as at your own start"),
    (True, 1): mark("The quarter gave back {n} {hours_are} against your own start"),
    (True, -1): mark("The quarter took {n} {hours_are} more than at your own start"),
    (False, 0): mark("The quarter took as much time as {start} at the start would"),
    (False, 1): mark("The quarter gave back {n} {hours_are} against {start} at the start"),
    (False, -1): mark("The quarter took {n} {hours_are} more than at {start} at the start"),
}
AGAINST = {
    0: mark("Against {start} at the start, the quarter took about as much time."),
    1: mark("Against {start} at the start, the quarter gave {n} hours back."),
    -1: mark("Against {start} at the start, the quarter took {n} hours more."),
}


def headline(f: Facts) -> Section:
    """The quarter in two short paragraphs and one number."""
    title, change = trend(f.now, f.before, f.change, f.words)
    if f.now.hours == 0:
        title = t("No {what} time was needed this quarter", **f.words)
    took = t("This quarter ({period}), {what} took {minutes} per computer a month.",
             period=spell(f), minutes=f.now.minutes, **f.words)  # fmt: skip
    goal = f.beyond_target.say("target", line=f.target)
    table = levels(f.now, f.before, f.settings.targets, expected=(f.curve.expected, f.curve.low, f.curve.high))
    notes = f"{evidence(f)} " + t("{n} of 3 months in service.", n=f.now.months)
    return Section("quarter", title, (f"{took} {change} {goal}", outlook(f)), table, notes, "headline")


def trend(now: Level, before: Level | None, change: Difference | None, words: dict[str, str]) -> tuple[str, str]:
    """Return title and sentence on a quarter's minutes and the change from the one before."""
    took = {**words, "minutes": now.minutes}
    if before is None or change is None:
        title = t("{What} took {minutes} per computer a month", **took)
        return title, t("There is no earlier quarter to compare it with.")
    by = minutes(abs(change.value))
    return change.say("change, title", **took), change.say("change", before=minutes(before.minutes), by=by)


def levels(
    now: Level, before: Level | None, goal: Target, *, expected: tuple = UNKNOWN, limits: tuple = UNKNOWN[1:]
) -> pd.DataFrame:
    """Return the quarter's minutes beside the quarter before, what was expected, and the goal."""
    rows = [
        ("now", t("this quarter"), now.minutes, *limits),
        ("before", t("the quarter before"), before.minutes if before else np.nan, *UNKNOWN[1:]),
        ("expected", t("expected"), *expected),
        ("goal", t("goal for month {n}", n=goal.months), 60 * goal.target_h, *UNKNOWN[1:]),
    ]
    table = pd.DataFrame(rows, columns=["key", "item", "minutes", "low", "high"])
    return table[table["minutes"].notna()].reset_index(drop=True)


def outlook(f: Facts) -> str:
    """What to expect next, said as firmly as the fit allows."""
    c = f.curve
    if f.left:
        last = f.in_quarter.loc[f.in_quarter["exposure"] > 0, "month"].max()
        return t("Service ended in {month}, so there is nothing to forecast.", month=month(last))
    if not np.isfinite(c.next_expected):
        return t("Looking ahead, there is not yet enough data to say what to expect.")
    ahead = t("Looking ahead, we expect about {minutes} next quarter ({low} to {high}).",
              minutes=c.next_expected, low=c.next_low, high=c.next_high)  # fmt: skip
    usual = t("That is what clients of this age usually need.")
    return f"{ahead} {_when_target(f) if c.own else usual}"


def _when_target(f: Facts) -> str:
    c, line, last = f.curve, f.target, 2 * f.settings.targets.months
    if f.now.minutes < line and c.next_expected <= line:
        likely = t("We likely stay under the {line}-minute line.", line=line)
        return t("We expect to stay under the {line}-minute line.", line=line) if c.next_high <= line else likely
    if f.age >= last:
        soon = np.isfinite(c.months_to_target) and c.months_to_target <= f.age + 12
        likely = mark("We are likely to reach the {line}-minute line within a year at this pace.")
        not_likely = mark("We are not likely to reach the {line}-minute line within a year at this pace.")
        return t(likely if soon else not_likely, line=line)
    if c.p_target >= 0.8:
        reach = c.months_to_target if np.isfinite(c.months_to_target) else last
        by = _month_at(f, min(max(reach, f.age + 1), last))
        return t("We are likely to reach the {line}-minute line by {month}.", month=by, line=line)
    early = mark("It is too early to tell whether we reach the {line}-minute line by {month}.")
    not_likely = mark("We are not likely to reach the {line}-minute line by {month} at this pace.")
    return t(early if c.p_target > 0.2 else not_likely, month=_month_at(f, last), line=line)


def _month_at(f: Facts, age_months: float) -> str:
    """Calendar month in which the client reaches an age."""
    last = f.in_quarter[f.in_quarter["exposure"] > 0].iloc[-1]
    day = last["month"] + pd.DateOffset(months=1) + pd.Timedelta(days=(age_months - f.age) * DAYS_PER_MONTH)
    return month(day)


def minutes_by_month(f: Facts) -> Section:
    """Minutes per computer by month, beside the expected path and the target line."""
    table = f.months[["month", "minutes", "expected", "expected_low", "expected_high"]].assign(target=f.target)
    c, unit = f.curve, sentence_case(f.words["unit"])
    position = t("This was month {n} of our work together.", n=float(max(np.ceil(f.age), 1)))
    if not np.isfinite(c.expected):
        title = t("It is too early to say which path {what} time will follow", **f.words)
        early = (t("The chart shows every month so far."), position)
        return Section("minutes", title, early, table, evidence(f), "lines", unit)
    expected = t("We expected about {minutes} per computer a month ({low} to {high}). It took {now}.",
                 minutes=c.expected, low=c.low, high=c.high, now=f.now.minutes)  # fmt: skip
    gaps = float(f.in_quarter["minutes"].isna().sum())
    missing = t("{months} of the quarter had no computer in service or no count.", months=gaps) if gaps else ""
    others = ""
    if c.own and np.isfinite(c.typical):  # small clients lean on the typical one
        others = Difference(c.expected - c.typical, c.se).say("typical client", usual=minutes(c.typical))
    paragraphs = tuple(filter(None, (expected, t(FOLLOWS[c.follows]), others, position, missing)))
    typical = t("The band is the path of a typical client, 95 % interval.")
    band = t("The band is the path of this client, 95 % interval.") if c.own else typical
    return Section("minutes", _path_title(f), paragraphs, table, f"{evidence(f)} {band}", "lines", unit)


def _path_title(f: Facts) -> str:
    goal, gap = f.beyond_target, f.beyond_expected
    stuck = goal.more and goal.sure == "firm" and f.curve.follows in ("flat", "rising")
    if gap.sure == "too early" and stuck:
        return t("The quarter was as expected, but the time needed is not falling")
    return gap.say("expected, title")


def fewer_or_faster(f: Facts) -> Section:
    """Problems per computer x minutes per problem: which of the two changed."""
    base, now = f.base, f.now
    if base is None or not (base.tickets and now.tickets):
        return _only_one_period(f, base)
    parts = (
        ("problems", t("Problems: per 10 computers a month"), lambda s: 10 * s.tickets_per_computer),
        ("time", t("Time: minutes per problem"), lambda s: s.minutes_per_ticket),
    )
    rows = [(key, unit, t(s.label), value(s)) for s in (base, now) for key, unit, value in parts]
    table = pd.DataFrame(rows, columns=["measure", "unit", "period", "value"])
    then, rates = t(THEN[base.label]), [10 * s.tickets_per_computer for s in (base, now)]
    sentences = (
        t("Problems: {before} per 10 computers a month {then}, {now} this quarter.",
          before=rates[0], then=then, now=rates[1]),
        t("Time per problem: {minutes} then, {now} now.",
          minutes=base.minutes_per_ticket, now=now.minutes_per_ticket),
        t("Fewer problems mean less disturbance; faster fixes mean shorter ones."),
    )  # fmt: skip
    # The change in two parts that add up to it.
    by_number, by_time = split(*(np.array([[getattr(s, name)] for s in (base, now)])
                                 for name in ("tickets_per_computer", "minutes")))  # fmt: skip
    compared = t(
        "Compared with {problems} {then}. Of the change of {change} minutes per computer a month, {by_number} is "
        "by the number of problems and {by_time} by the time for each.",
        problems=base.tickets, then=then, change=now.minutes - base.minutes, by_number=by_number[0],
        by_time=by_time[0],
    )  # fmt: skip
    title = _parts_title(base, now, then)
    return Section("fewer_or_faster", title, sentences, table, f"{evidence(f)} {compared}", "columns")


def _only_one_period(f: Facts, base: Level | None) -> Section:
    rate = count(10 * f.now.tickets_per_computer, "There was {n} problem per 10 computers a month.",
                 "There were {n} problems per 10 computers a month.")  # fmt: skip
    title, paragraphs = t("It is too early to tell fewer problems from faster fixes"), [rate]
    if f.now.tickets == 0:
        title, paragraphs = t("There was no problem to work on this quarter"), []
    if base is None:
        paragraphs.append(t("There is no earlier period to compare it with."))
    else:
        rate = t("{then} there were {n}.", then=t(THEN[base.label]), n=10 * base.tickets_per_computer)
        paragraphs.append(sentence_case(rate))
    return Section("fewer_or_faster", title, tuple(paragraphs), notes=evidence(f))


def _parts_title(base: Level, now: Level, then: str) -> str:
    """Return which part moved beyond chance; time per problem needs a change twice as large."""
    ratios = np.log([now.tickets_per_computer / base.tickets_per_computer,
                     now.minutes_per_ticket / base.minutes_per_ticket])  # fmt: skip
    se = float(np.sqrt(1 / now.tickets + 1 / base.tickets))
    named = ((t("fewer problems"), t("more problems")), (t("faster fixes"), t("slower fixes")))
    seen = [(less if ratio < 0 else more, Difference(ratio, error).sure)
            for (less, more), ratio, error in zip(named, ratios, (se, 2 * se), strict=True)
            if abs(ratio) > 0.05]  # fmt: skip
    seen = [(words, sure) for words, sure in seen if sure != "too early"]
    if not seen and np.abs(ratios).max() <= LITTLE:
        return t("Neither the number of problems nor the time for each changed much")
    if not seen:
        return t("It is too early to tell whether problems or fixes really changed")
    sentence = mark("We saw {changes} than {then}")
    changes = [words if sure == "firm" else t("likely {change}", change=words) for words, sure in seen]
    if all(sure == "likely" for _, sure in seen):
        sentence, changes = mark("We likely saw {changes} than {then}"), [words for words, _ in seen]
    joined = t("{first} and {second}", first=changes[0], second=changes[1]) if changes[1:] else changes[0]
    return t(sentence, changes=joined, then=then)


def causes(f: Facts) -> Section:
    """Top three causes of the time, in plain words, and the noisiest computers."""
    top, noisy = f.causes.head(3), f.computers.head(5)
    if top.empty:
        title = t("No {what} time, so no causes to show", **f.words)
        return Section("causes", title, (t("Nothing was recorded."),))
    shown = ["kind", "name", "minutes", "share", "problems"]
    parts = [top.assign(kind="cause")[[*shown, "problems_before"]],
             noisy.assign(kind="computer", minutes=60 * noisy["hours"])[shown]]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    table["name"] = table["name"].replace(NOT_RECORDED, t(NOT_RECORDED))
    known = top[top["name"] != NOT_RECORDED]
    title = t("The cause was not recorded for this quarter's work")
    if not known.empty:
        cause, share = known[["name", "share"]].iloc[0]
        title = t("{cause} problems took the most time: {share}", cause=cause, share=share)
    paragraphs = [
        t("{cause}: {share} of the time, {problems}.", cause=name, share=share, problems=problems(n))
        for name, share, n in zip(table["name"], top["share"], top["problems"], strict=False)
    ]
    three, fleet = noisy.head(3), f.now.fleet
    if fleet > 2 * len(three) > 0:
        paragraphs.append(few_computers(len(three), fleet, three["share"].sum()))
    if noisy.empty:
        paragraphs.append(t("The work was not booked on computers, so we cannot name the noisiest ones."))
    heads = {"name": t("Noisiest computers"), "minutes": t("Minutes"), "share": t("Share"),
             "problems": t("Problems")}  # fmt: skip
    chart = t("Top causes: {unit}", unit=f.words["unit"])
    return Section("causes", title, tuple(paragraphs), table, evidence(f), "bars", chart, heads)


def few_computers(few: float, fleet: float, share: float) -> str:
    """How much of the time a few computers took."""
    return count(few, "{n} computer of about {fleet} took {share} of the time.",
                 "{n} computers of about {fleet} took {share} of the time.", fleet=fleet, share=share)  # fmt: skip


def worth(f: Facts) -> Section:
    """Time given back against the client's own start and the reference start, with its inputs.

    Time given back = (starting minutes - minutes now) x computers x months in service. Staff time and money are
    shown only where the hours are technician hours: no assumption turns other hours into staff time.
    """
    own, basis = f.curve.start, t("The client's own start is the fitted level at onboarding.")
    if not np.isfinite(own):
        basis = t("The client's own start is not known yet.")
        if f.first:
            own, basis = f.first.minutes, t("The client's own start is the level of the first three months.")
    starts, both = np.array([own, f.settings.targets.start_h * 60]), np.ones(2)
    spared = given_back(starts / 60, np.full(2, f.now.hours), np.full(2, f.now.exposure))
    value, hours_are = f.settings.value, t(f.settings.hours_are)
    given = value.user_minutes_per_technician_minute and value.devices_per_employee
    staff = f.settings.hours_are == TECHNICIAN and given is not None
    rows = [
        ("start", t("Minutes per computer a month at the start"), "measured", starts),
        ("now", t("Minutes per computer a month now"), "measured", f.now.minutes * both),
        ("exposure", t("Computers x months in service"), "measured", f.now.exposure * both),
        ("given_back", t("{Hours_are} given back", Hours_are=sentence_case(hours_are)), "result", spared),
        *(_staff_rows(f, spared) if staff else ()),
    ]
    columns = ["key", "item", "kind", "own_start", "reference"]
    table = pd.DataFrame([(*words, *pair) for *words, pair in rows], columns=columns)
    notes = t("Time given back = (level at the start - level this quarter) x computers x months.")
    heads = {"item": "", "own_start": t("Your own start"), "reference": t("Reference start")}
    start, known = minutes(starts[1]), bool(np.isfinite(own))
    best, reference = float(spared[0 if known else 1]), float(spared[1])
    title = t(WORTH[known, _sign(best)], n=abs(best), hours_are=hours_are, start=start)
    against = t(AGAINST[_sign(reference)], n=abs(reference), start=start)
    if f.base is None:
        title = t("It is too early to say how much time is given back")
    began = t("Your own starting level is not known yet.")
    if known:
        began = t("At the start, {what} took about {minutes} per computer a month; now {now}.",
                  minutes=own, now=f.now.minutes, **f.words)  # fmt: skip
    rests = t("Staff hours rest on the two assumptions in the table; change them if yours differ.")
    paragraphs = (began, against, rests) if staff else (began, against)
    return Section("worth", title, paragraphs, table, f"{notes} {basis}", "table", heads=heads)


def _sign(hours: float) -> int:
    """Return 0 where so many hours are written as 0, else their sign."""
    return 0 if number(abs(hours)) == "0" else int(np.sign(hours))


def _staff_rows(f: Facts, spared: np.ndarray) -> list[tuple[str, str, str, np.ndarray]]:
    value, both = f.settings.value, np.ones(2)
    per_minute, devices = value.user_minutes_per_technician_minute or 0.0, value.devices_per_employee or 0.0
    staff = np.asarray(staff_hours(spared, value))
    rows = [
        ("staff_minutes", t("Staff minutes per technician minute"), "assumption", per_minute * both),
        ("devices", t("Computers per employee"), "assumption", devices * both),
        ("staff_hours", t("Staff hours given back"), "result", staff),
    ]
    if value.wage_per_hour:
        money = {"currency": value.currency}
        rows += [
            ("wage", t("Wage ({currency} per hour)", **money), "assumption", value.wage_per_hour * both),
            ("worth", t("Worth of the staff hours ({currency})", **money), "result", value.wage_per_hour * staff),
        ]
    return rows
