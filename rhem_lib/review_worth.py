"""What the time given back is worth, with every input beside it."""

import numpy as np
import pandas as pd

from rhem_lib.given_back import TECHNICIAN, staff_hours
from rhem_lib.given_back import given_back as spared
from rhem_lib.review_facts import Facts
from rhem_lib.review_words import Section, minutes, noun, number

COLUMNS = ["item", "unit", "kind", "own_start", "reference"]


def worth(f: Facts) -> Section:
    """Time given back against the client's own start and against the reference start, with its inputs.

    Time given back = (starting minutes - minutes now) x computers x months in service. Staff time and money are
    shown only where the hours are technician hours: no assumption turns other hours into staff time.
    """
    own = f.path.start if np.isfinite(f.path.start) else f.first.minutes if f.first else np.nan
    reference = f.settings.targets.start_h * 60
    starts = np.array([own, reference])
    given_back = spared(starts / 60, np.full(2, f.now.hours), np.full(2, f.now.exposure))
    rows = [
        ("Minutes per computer a month at the start", "minutes per computer a month", "measured", starts),
        (
            "Minutes per computer a month now",
            "minutes per computer a month",
            "measured",
            np.full(2, f.now.minutes),
        ),
        ("Computers x months in service", "computer-months", "measured", np.full(2, f.now.exposure)),
        (f"{f.settings.hours_are.capitalize()} given back", "hours", "result", given_back),
    ]
    if f.settings.hours_are == TECHNICIAN:
        rows += _staff_rows(f, given_back)
    table = pd.DataFrame([(item, unit, kind, *pair) for item, unit, kind, pair in rows], columns=COLUMNS)
    notes = "Time given back = (level at the start - level this quarter) x computers x months. " + _basis(f)
    return Section("worth", _title(f, given_back), _sentences(f, given_back, table), table, notes)


def _staff_rows(f: Facts, given_back: np.ndarray) -> list[tuple[str, str, str, np.ndarray]]:
    value = f.settings.value
    staff = staff_hours(given_back, value)
    both = np.ones(2)
    rows = [
        (
            "Staff minutes per technician minute",
            "minutes",
            "assumption",
            value.user_minutes_per_technician_minute * both,
        ),
        ("Computers per employee", "computers", "assumption", value.devices_per_employee * both),
        ("Staff hours given back", "hours", "result", staff),
    ]
    if value.wage_per_hour:
        rows += [
            (
                f"Wage ({value.currency} per hour)",
                f"{value.currency} per hour",
                "assumption",
                value.wage_per_hour * both,
            ),
            (
                f"Worth of the staff hours ({value.currency})",
                value.currency,
                "result",
                value.wage_per_hour * staff,
            ),
        ]
    return rows


def _basis(f: Facts) -> str:
    if np.isfinite(f.path.start):
        return "The client's own start is the fitted level at onboarding."
    if f.first:
        return "The client's own start is the level of the first three months."
    return "The client's own start is not known yet."


def _title(f: Facts, given_back: np.ndarray) -> str:
    hours = given_back[0] if np.isfinite(given_back[0]) else given_back[1]
    against = (
        "your own start"
        if np.isfinite(given_back[0])
        else f"{number(f.settings.targets.start_h)} hour at the start"
    )
    if number(abs(hours)) == "0":
        return f"The quarter took as much time as {against}"
    if hours < 0:
        return f"The quarter took {number(-hours)} hours more than {against}"
    return f"The quarter gave back {number(hours)} {f.settings.hours_are} against {against}"


def _sentences(f: Facts, given_back: np.ndarray, table: pd.DataFrame) -> tuple[str, ...]:
    what, said = noun(f.settings.hours_are), []
    start = table["own_start"].iloc[0]
    if np.isfinite(start):
        said.append(
            f"At the start, {what} took about {minutes(start)} per computer a month; now {number(f.now.minutes)}."
        )
    else:
        said.append("Your own starting level is not known yet.")
    spared = number(abs(given_back[1]))
    effect = f"gave {spared} hours back" if given_back[1] >= 0 else f"took {spared} hours more"
    if spared == "0":
        effect = "took about as much time"
    said.append(f"Against {number(f.settings.targets.start_h)} hour at the start, the quarter {effect}.")
    if "Staff hours given back" in set(table["item"]):
        said.append("Staff hours rest on the two assumptions in the table; change them if yours differ.")
    return tuple(said)
