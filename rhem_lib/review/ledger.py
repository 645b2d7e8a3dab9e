"""Promises from quarter to quarter: kept or open, and whether their cause fell; open ones are carried over."""

import datetime as dt

import numpy as np
import pandas as pd

from rhem_lib.language import day, number, t
from rhem_lib.review.certainty import Difference
from rhem_lib.review.facts import Facts
from rhem_lib.settings import Action

COLUMNS = ["promise", "owner", "due", "state", "said", "cause", "effect", "before", "now"]


def promises(f: Facts) -> pd.DataFrame:
    """Return the promises of the quarter before, and the older ones that were open when it began.

    Returns
    -------
    DataFrame
        promise, owner, due, state (kept, open or late), said (the state in words), cause (its minutes before and
        now), effect (what became of its cause), before, now.
    """
    last = pd.Period(f.start, "Q") - 1
    rows = []
    for name, edition in sorted(f.own.quarters.items()):
        if pd.Period(name, "Q") > last:
            continue
        for action in edition.actions:
            if pd.Period(name, "Q") == last or not _done(action, f.start):
                rows.append(_row(f, action))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"due": "datetime64[us]", "before": float, "now": float})


def _done(action: Action, by: pd.Timestamp) -> bool:
    """Whether it was done before a day; a promise that is done on no known day was done in its quarter."""
    return action.done < by.date() if isinstance(action.done, dt.date) else action.done


def _row(f: Facts, action: Action) -> list[object]:
    done = _done(action, f.end)
    late = not done and action.due < f.end.date()
    said = t("● Kept") if done else t("○ Open since {due}", due=day(action.due)) if late else t("○ On the way")
    state = "kept" if done else "late" if late else "open"
    cause, effect, before, now = _effect(f, action.cause)
    return [action.action, action.owner, pd.Timestamp(action.due), state, said, cause, effect, before, now]


def _effect(f: Facts, name: str) -> tuple[str, str, float, float]:
    """What became of a promise's cause: its minutes before and now, and how sure the change is."""
    plain = [f.cause(cause).casefold() for cause in f.causes["name"]]
    known = [
        name.casefold() in (cause.casefold(), words) for cause, words in zip(f.causes["name"], plain, strict=True)
    ]
    if not name or not any(known):
        return name or "–", t("Not measured"), np.nan, np.nan
    row = f.causes[known].iloc[0]
    before, now = float(row["minutes_before"]), float(row["minutes"])
    shown = f"{f.cause(row['name'])} {number(before)} → {number(now)}"
    return shown, Difference(now - before, float(row["change_se"])).say("cause"), before, now
