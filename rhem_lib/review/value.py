"""What the time given back is worth, with every input beside it."""

import numpy as np
import pandas as pd

from rhem_lib.language import minutes, number, sentence_case, t
from rhem_lib.metric import TECHNICIAN, staff_hours
from rhem_lib.metric import given_back as spared
from rhem_lib.review.facts import Facts
from rhem_lib.review.section import Section

COLUMNS = ["key", "item", "kind", "own_start", "reference"]


def worth(f: Facts) -> Section:
    """Time given back against the client's own start and against the reference start, with its inputs.

    Time given back = (starting minutes - minutes now) x computers x months in service. Staff time and money are
    shown only where the hours are technician hours: no assumption turns other hours into staff time.
    """
    own = f.curve.start if np.isfinite(f.curve.start) else f.first.minutes if f.first else np.nan
    reference = f.settings.targets.start_h * 60
    starts, both = np.array([own, reference]), np.ones(2)
    given_back = spared(starts / 60, np.full(2, f.now.hours), np.full(2, f.now.exposure))
    hours_are = sentence_case(t(f.settings.hours_are))
    rows = [
        ("start", t("Minutes per computer a month at the start"), "measured", starts),
        ("now", t("Minutes per computer a month now"), "measured", f.now.minutes * both),
        ("exposure", t("Computers x months in service"), "measured", f.now.exposure * both),
        ("given_back", t("{Hours_are} given back", Hours_are=hours_are), "result", given_back),
    ]
    staff = f.settings.hours_are == TECHNICIAN
    if staff:
        rows += _staff_rows(f, given_back)
    table = pd.DataFrame([(*words, *pair) for *words, pair in rows], columns=COLUMNS)
    notes = t("Time given back = (level at the start - level this quarter) x computers x months.")
    paragraphs = _sentences(f, own, given_back[1], staff)
    heads = {"item": "", "own_start": t("Your own start"), "reference": t("Reference start")}
    notes = f"{notes} {_basis(f)}"
    return Section("worth", _title(f, given_back), paragraphs, table, notes, "table", heads=heads)


def _staff_rows(f: Facts, given_back: np.ndarray) -> list[tuple[str, str, str, np.ndarray]]:
    value, both = f.settings.value, np.ones(2)
    per_minute, devices = value.user_minutes_per_technician_minute, value.devices_per_employee
    staff = staff_hours(given_back, value)
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


def _basis(f: Facts) -> str:
    if np.isfinite(f.curve.start):
        return t("The client's own start is the fitted level at onboarding.")
    if f.first:
        return t("The client's own start is the level of the first three months.")
    return t("The client's own start is not known yet.")


def _title(f: Facts, given_back: np.ndarray) -> str:
    own = bool(np.isfinite(given_back[0]))
    hours = float(given_back[0] if own else given_back[1])
    values = {"n": number(abs(hours)), "hours_are": t(f.settings.hours_are), "start": _start_hours(f)}
    if f.base is None:
        return t("It is too early to say how much time is given back")
    if values["n"] == "0" and own:
        return t("The quarter took as much time as at your own start")
    if values["n"] == "0":
        return t("The quarter took as much time as {start} at the start would", **values)
    if hours < 0 and own:
        return t("The quarter took {n} {hours_are} more than at your own start", **values)
    if hours < 0:
        return t("The quarter took {n} {hours_are} more than at {start} at the start", **values)
    if own:
        return t("The quarter gave back {n} {hours_are} against your own start", **values)
    return t("The quarter gave back {n} {hours_are} against {start} at the start", **values)


def _start_hours(f: Facts) -> str:
    return minutes(60 * f.settings.targets.start_h)


def _sentences(f: Facts, own: float, spared: float, staff: bool) -> tuple[str, ...]:
    paragraphs = [t("Your own starting level is not known yet.")]
    if np.isfinite(own):
        now = number(f.now.minutes)
        took = t("At the start, {what} took about {minutes} per computer a month; now {now}.",
                 minutes=minutes(own), now=now, **f.words)  # fmt: skip
        paragraphs = [took]
    values = {"n": number(abs(spared)), "start": _start_hours(f)}
    if values["n"] == "0":
        paragraphs.append(t("Against {start} at the start, the quarter took about as much time.", **values))
    elif spared >= 0:
        paragraphs.append(t("Against {start} at the start, the quarter gave {n} hours back.", **values))
    else:
        paragraphs.append(t("Against {start} at the start, the quarter took {n} hours more.", **values))
    if staff:
        paragraphs.append(t("Staff hours rest on the two assumptions in the table; change them if yours differ."))
    return tuple(paragraphs)
