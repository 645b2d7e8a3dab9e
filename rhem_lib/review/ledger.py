"""From quarter to quarter: promises and whether their cause fell, forecasts against what came, restatements."""

import datetime as dt

import numpy as np
import pandas as pd

from rhem_lib.language import first_line, month_span, number, t
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import Facts, Past
from rhem_lib.schema import quarter_bounds
from rhem_lib.settings import Action

COLUMNS = ["promise", "owner", "due", "state", "wording", "cause", "effect", "before", "now", "about"]
RESTATED = 0.05  # minutes; less is not seen in a deck
MOST_FORECASTS = 6


def pooled(months: pd.DataFrame, quarter: str) -> Past:
    """Return a quarter's hours and exposure as its months have them now."""
    start, end = quarter_bounds(quarter)
    inside = months[months["month"].between(start, end, inclusive="left")]
    return Past(quarter, *inside[["reactive_hours", "exposure"]].sum().tolist())


def moved(past: Past, months: pd.DataFrame) -> Past | None:
    """Return an earlier edition's quarter as it is now; None where its figure did not move."""
    now = pooled(months, past.quarter)
    return now if abs(round(now.minutes, 1) - round(past.minutes, 1)) >= RESTATED else None


def restated(f: Facts) -> str:
    """Say which figures that were printed are others now, and why."""
    pairs = [(old, now) for old in f.past if (now := moved(old, f.months))]
    figures = ", ".join(t("{quarter} is {now} now, was {before}", quarter=old.quarter, now=number(now.minutes, 1),
                          before=number(old.minutes, 1)) for old, now in pairs)  # fmt: skip
    if not figures:
        return t("Restated: No figure that you saw before has changed.") if f.past else ""
    return t("Restated: {figures}; records were added or corrected.", figures=figures)


def scored(f: Facts) -> pd.DataFrame:
    """Return the forecasts of earlier editions against what came: name, value, low, high, came; oldest first."""
    rows = []
    for old in f.past:
        quarter = str(pd.Period(old.quarter, "Q") + 1)
        came, (start, _) = pooled(f.months, quarter).minutes, quarter_bounds(quarter)
        if old.ahead.known and np.isfinite(came) and start <= f.start:
            name = f"{month_span(start, start + pd.DateOffset(months=2))} {start:%y}"
            rows.append((name, old.ahead.value, old.ahead.low, old.ahead.high, came))
    return pd.DataFrame(rows[-MOST_FORECASTS:], columns=["name", "value", "low", "high", "came"])


def promises(f: Facts) -> pd.DataFrame:
    """Return the promises of the quarter before, and the older ones that were open when it began, by due day.

    Returns
    -------
    DataFrame
        promise, owner, due, state (kept, open or late), wording (the state in words), cause (its minutes before
        and now), effect (what became of its cause), before, now, about (the cause as it was given).
    """
    last = pd.Period(f.start, "Q") - 1
    rows = []
    for name, edition in sorted(f.own.quarters.items()):
        if pd.Period(name, "Q") > last:
            continue
        for action in edition.actions:
            if pd.Period(name, "Q") == last or not _done(action, f.start):
                rows.append(_row(f, action))
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"due": "datetime64[us]", "before": float, "now": float})
    return table.sort_values("due", kind="stable", ignore_index=True)


def _done(action: Action, by: pd.Timestamp) -> bool:
    """Whether it was done before a day; a promise that is done on no known day was done in its quarter."""
    return action.done < by.date() if isinstance(action.done, dt.date) else action.done


def _row(f: Facts, action: Action) -> list[object]:
    done = _done(action, f.end)
    late = not done and action.due < f.end.date()
    words = t("● Kept") if done else t("▲ Overdue") if late else t("○ On the way")
    state = "kept" if done else "late" if late else "open"
    cause, effect, before, now = _effect(f, action.cause)
    name = first_line(action.action)
    return [name, action.owner, pd.Timestamp(action.due), state, words, cause, effect, before, now, action.cause]


def _effect(f: Facts, name: str) -> tuple[str, str, float, float]:
    """What became of a promise's cause: its minutes before and now, and how sure the change is."""
    row = f.cause_row(name)
    if row is None:
        return name or "–", t("Not measured"), np.nan, np.nan
    before, now = float(row["minutes_before"]), float(row["minutes"])
    shown = f"{f.cause(row['name'])} {number(before, 1)} → {number(now, 1)}"
    return shown, Difference(now - before, float(row["change_se"])).say("cause"), before, now
