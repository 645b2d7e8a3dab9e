"""The sections of a review that tell why: fewer problems or faster fixes, top causes, noisiest computers."""

import numpy as np
import pandas as pd

from rhem_lib.causes import NOT_RECORDED
from rhem_lib.moved import split
from rhem_lib.review_facts import Facts
from rhem_lib.review_words import Section, count, evidence, firmness, minutes, noun, number, percent

LITTLE = 0.15  # change on the log scale that nobody needs to discuss


def fewer_or_faster(f: Facts) -> Section:
    """Problems per computer x minutes per problem: which of the two changed."""
    base, now = f.base, f.now
    if base is None or not (base.tickets and now.tickets):
        said = [f"There were {count(10 * now.tickets_per_computer, 'problem')} per 10 computers a month."]
        title = "It is too early to tell fewer problems from faster fixes"
        if now.tickets == 0:
            title, said = "There was no problem to work on this quarter", []
        if base is None:
            said.append("There is no earlier period to compare it with.")
        else:
            said.append(f"In {base.label} there were {number(10 * base.tickets_per_computer)}.")
        return Section("fewer_or_faster", title, tuple(said), notes=evidence(f))
    table = pd.DataFrame(
        [
            {"measure": measure, "unit": unit, "period": s.label, "value": value}
            for s in (base, now)
            for measure, unit, value in (
                ("problems", "per 10 computers a month", 10 * s.tickets_per_computer),
                ("time", "minutes per problem", s.minutes_per_ticket),
            )
        ]
    )
    ratios = np.log([now.tickets_per_computer / base.tickets_per_computer,
                     now.minutes_per_ticket / base.minutes_per_ticket])  # fmt: skip
    se = np.sqrt(1 / now.tickets + 1 / base.tickets)
    sentences = (
        f"Problems: {number(10 * base.tickets_per_computer)} per 10 computers a month in {base.label}, "
        f"{number(10 * now.tickets_per_computer)} {now.label}.",
        f"Time per problem: {minutes(base.minutes_per_ticket)} then, {number(now.minutes_per_ticket)} now.",
        "Fewer problems mean less disturbance; faster fixes mean shorter ones.",
    )
    by_number, by_time = split(*(np.array([[getattr(s, name)] for s in (base, now)])
                                 for name in ("tickets_per_computer", "minutes")))  # fmt: skip
    notes = (
        f"{evidence(f)} Compared with {base.label}: {count(base.tickets, 'problem')}. Of the change of "
        f"{now.minutes - base.minutes:+.1f} minutes per computer a month, {by_number[0]:+.1f} is by the number of "
        f"problems and {by_time[0]:+.1f} by the time for each."
    )
    return Section("fewer_or_faster", _parts_title(ratios, float(se), base.label), sentences, table, notes)


def _parts_title(ratios: np.ndarray, se: float, than: str) -> str:
    """Which part moved beyond chance; time per problem varies more, so it needs a change twice as large."""
    fewer = firmness(float(ratios[0]), se) if abs(ratios[0]) > 0.05 else "too early"
    faster = firmness(float(ratios[1]), 2 * se) if abs(ratios[1]) > 0.05 else "too early"
    seen = [("fewer problems" if ratios[0] < 0 else "more problems", fewer),
            ("faster fixes" if ratios[1] < 0 else "slower fixes", faster)]  # fmt: skip
    seen = [(words, sure) for words, sure in seen if sure != "too early"]
    if not seen and np.abs(ratios).max() <= LITTLE:
        return "Neither the number of problems nor the time for each changed much"
    if not seen:
        return "It is too early to tell whether problems or fixes really changed"
    if seen[0][1] == "likely":
        return f"We likely saw {' and '.join(words for words, _ in seen)} than in {than}"
    said = [words if sure == "firm" else f"likely {words}" for words, sure in seen]
    return f"We saw {' and '.join(said)} than in {than}"


def causes(f: Facts) -> Section:
    """Top three causes of the time, in plain words, and the noisiest computers."""
    top, noisy = f.causes.head(3), f.computers.head(5)
    table = pd.concat(
        [
            top.assign(kind="cause")[["kind", "name", "minutes", "share", "problems", "problems_before"]],
            noisy.assign(kind="computer", minutes=60 * noisy["hours"])[
                ["kind", "name", "minutes", "share", "problems"]
            ],
        ],
        ignore_index=True,
    )
    if top.empty:
        return Section(
            "causes",
            f"No {noun(f.settings.hours_are)} time, so no causes to show",
            ("Nothing was recorded.",),
        )
    known = top[top["name"] != NOT_RECORDED]
    title = "The cause was not recorded for this quarter's work"
    if not known.empty:
        lead = known.iloc[0]
        title = f"{lead['name']} problems took the most time: {percent(lead['share'])}"
    said = [f"{row['name']}: {percent(row['share'])} of the time, {count(row['problems'], 'problem')}."
            for _, row in top.iterrows()]  # fmt: skip
    three, fleet = noisy.head(3), f.now.exposure / f.now.months
    if fleet > 2 * len(three) > 0:
        share = percent(three["share"].sum())
        said.append(f"{count(len(three), 'computer')} of about {fleet:.0f} took {share} of the time.")
    if noisy.empty:
        said.append("The work was not booked on computers, so we cannot name the noisiest ones.")
    return Section("causes", title, tuple(said), table, evidence(f))
