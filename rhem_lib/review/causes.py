"""The sections of a review on the reasons: fewer problems or faster fixes, top causes, noisiest computers."""

import numpy as np
import pandas as pd

from rhem_lib.language import count, mark, minutes, number, percent, problems, sentence_case, t
from rhem_lib.metric import NOT_RECORDED, split
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import Facts, Level
from rhem_lib.review.section import Section, evidence

LITTLE = 0.15  # change on the log scale that nobody needs to discuss
THEN = {
    "the quarter before": mark("in the quarter before"),
    "the first three months": mark("in the first three months"),
}


def fewer_or_faster(f: Facts) -> Section:
    """Problems per computer x minutes per problem: which of the two changed."""
    base, now = f.base, f.now
    if base is None or not (base.tickets and now.tickets):
        return _only_one_period(f, base)
    table = pd.DataFrame(
        [
            {"measure": measure, "unit": unit, "period": t(s.label), "value": value}
            for s in (base, now)
            for measure, unit, value in (
                ("problems", t("Problems: per 10 computers a month"), 10 * s.tickets_per_computer),
                ("time", t("Time: minutes per problem"), s.minutes_per_ticket),
            )
        ]
    )
    ratios = np.log([now.tickets_per_computer / base.tickets_per_computer,
                     now.minutes_per_ticket / base.minutes_per_ticket])  # fmt: skip
    se = np.sqrt(1 / now.tickets + 1 / base.tickets)
    then = t(THEN[base.label])
    sentences = (
        t(
            "Problems: {before} per 10 computers a month {then}, {now} this quarter.",
            before=number(10 * base.tickets_per_computer),
            then=then,
            now=number(10 * now.tickets_per_computer),
        ),
        t(
            "Time per problem: {minutes} then, {now} now.",
            minutes=minutes(base.minutes_per_ticket),
            now=number(now.minutes_per_ticket),
        ),
        t("Fewer problems mean less disturbance; faster fixes mean shorter ones."),
    )
    title = _parts_title(ratios, float(se), then)
    notes = f"{evidence(f)} {_compared(now, base, then)}"
    return Section("fewer_or_faster", title, sentences, table, notes, "columns")


def _compared(now: Level, base: Level, then: str) -> str:
    """The change in two parts that add up to it."""
    by_number, by_time = split(*(np.array([[getattr(s, name)] for s in (base, now)])
                                 for name in ("tickets_per_computer", "minutes")))  # fmt: skip
    return t(
        "Compared with {problems} {then}. Of the change of {change} minutes per computer a month, {by_number} is "
        "by the number of problems and {by_time} by the time for each.",
        problems=problems(base.tickets),
        then=then,
        change=number(now.minutes - base.minutes),
        by_number=number(by_number[0]),
        by_time=number(by_time[0]),
    )


def _only_one_period(f: Facts, base: Level | None) -> Section:
    rate = count(
        10 * f.now.tickets_per_computer,
        "There was {n} problem per 10 computers a month.",
        "There were {n} problems per 10 computers a month.",
    )
    title, paragraphs = t("It is too early to tell fewer problems from faster fixes"), [rate]
    if f.now.tickets == 0:
        title, paragraphs = t("There was no problem to work on this quarter"), []
    if base is None:
        paragraphs.append(t("There is no earlier period to compare it with."))
    else:
        rate = number(10 * base.tickets_per_computer)
        paragraphs.append(sentence_case(t("{then} there were {n}.", then=t(THEN[base.label]), n=rate)))
    return Section("fewer_or_faster", title, tuple(paragraphs), notes=evidence(f))


def _parts_title(ratios: np.ndarray, se: float, then: str) -> str:
    """Which part moved beyond chance; time per problem varies more, so it needs a change twice as large."""
    fewer = Difference(ratios[0], se).sure if abs(ratios[0]) > 0.05 else "too early"
    faster = Difference(ratios[1], 2 * se).sure if abs(ratios[1]) > 0.05 else "too early"
    seen = [(t("fewer problems") if ratios[0] < 0 else t("more problems"), fewer),
            (t("faster fixes") if ratios[1] < 0 else t("slower fixes"), faster)]  # fmt: skip
    seen = [(words, sure) for words, sure in seen if sure != "too early"]
    if not seen and np.abs(ratios).max() <= LITTLE:
        return t("Neither the number of problems nor the time for each changed much")
    if not seen:
        return t("It is too early to tell whether problems or fixes really changed")
    both = mark("{first} and {second}")
    sentence = mark("We saw {changes} than {then}")
    changes = [words if sure == "firm" else t("likely {change}", change=words) for words, sure in seen]
    if all(sure == "likely" for _, sure in seen):
        sentence, changes = mark("We likely saw {changes} than {then}"), [words for words, _ in seen]
    joined = t(both, first=changes[0], second=changes[1]) if changes[1:] else changes[0]
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
        lead = known.iloc[0]
        title = t("{cause} problems took the most time: {share}", cause=lead["name"], share=percent(lead["share"]))
    paragraphs = [
        t("{cause}: {share} of the time, {problems}.", cause=name, share=percent(share), problems=problems(n))
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
    return count(
        few,
        "{n} computer of about {fleet} took {share} of the time.",
        "{n} computers of about {fleet} took {share} of the time.",
        fleet=number(fleet),
        share=percent(share),
    )
