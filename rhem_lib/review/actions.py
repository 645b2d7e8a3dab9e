"""What to do next, from the evidence: a cause above its own usual level, a defect, updates, records, the goal."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rhem_lib.language import count, mark, number, t
from rhem_lib.metric import NOT_RECORDED
from rhem_lib.review import claims
from rhem_lib.review.facts import Facts
from rhem_lib.schema import has_flag
from rhem_lib.settings import Action as AgreedAction

MOST, FIRST = 3, 2  # actions, beside the goal; causes that come before all else
LEAST_MINUTES = 5.0  # a week; less is not worth an action
LEAST_TICKETS = 3
UNSORTED_SHARE, UNSORTED_HOURS = 0.05, 2.0  # of the quarter; less is not worth an action
UNKNOWN_CAUSE_SHARE = 0.2
# Wording by the word that a cause's name holds; `[actions]` of rhem.toml comes first.
LIBRARY = {
    "print": mark("Check the printers behind the {n} tickets"),
    "mail": mark("Look at the mailboxes behind the {n} tickets"),
    "password": mark("Set up resets that people do themselves"),
    "account": mark("Set up resets that people do themselves"),
    "network": mark("Measure the network where the {n} tickets began"),
    "backup": mark("Go through the {n} backup alerts and fix their cause"),
    "hardware": mark("Repair what is broken behind the {n} tickets"),
    "security": mark("Go through the {n} security tickets one by one"),
    "server": mark("Find what the {n} server tickets have in common"),
    "": mark("Review the {n} tickets and propose one fix"),
}


@dataclass(frozen=True)
class Action:
    """What was found and what we propose; minutes of technicians a week that it saves at most, NaN if unknown."""

    found: str
    evidence: str
    action: str
    detail: str = ""
    cause: str = ""
    saves: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    decision: bool = False
    owner: str = ""
    due: dt.date | None = None


def proposed(f: Facts) -> list[Action]:
    """Return at most three actions, most minutes first, and the goal where it is out of reach."""
    if f.left:
        return [Action(t("Service has ended"), "", t("Hand over the open tickets"), decision=True)]
    causes = sorted(_causes(f), key=lambda a: -a.saves[0])
    others = [*_patches(f), *_computers(f), *_records(f)]
    return [*[*causes[:FIRST], *others, *causes[FIRST:]][:MOST], *_goal(f)]


def planned(f: Facts) -> list[Action]:
    """Return the actions agreed for next quarter, each with what the data say of its cause; else the proposed."""
    return [_agreed(f, given) for given in f.edition().actions] or proposed(f)


def _agreed(f: Facts, given: AgreedAction) -> Action:
    row = f.cause_row(given.cause)
    known = Action(given.why, "", given.action, cause=given.cause, decision=given.decision, owner=given.owner,
                   due=given.due)  # fmt: skip
    if row is None or not row["problems"]:
        return known
    found, saves = given.why or f.cause(row["name"]), (row["excess"], row["excess_low"], row["excess_high"])
    return replace(
        known, found=found, evidence=_evidence(row), saves=saves if row["excess"] >= LEAST_MINUTES else known.saves
    )


def _evidence(row: pd.Series) -> str:
    """The tickets of a cause, and its minutes now and usually, where there are earlier months."""
    sentence = mark("{n} tickets; {took} minutes, usual {usual}") if np.isfinite(row["usual"]) else mark(
        "{n} tickets; {took} minutes")  # fmt: skip
    return t(sentence, n=row["problems"], took=row["minutes"], usual=row["usual"])


def _causes(f: Facts) -> Iterator[Action]:
    """A cause above its own usual level, with tickets enough to look at."""
    rows = f.causes[(f.causes["name"] != NOT_RECORDED) & (f.causes["problems"] >= LEAST_TICKETS)]
    for _, row in rows[rows["excess"] >= LEAST_MINUTES].iterrows():
        given = {"cause": f.cause(row["name"]), "n": row["problems"]}
        rose = t("{cause} rose more than chance explains", **given)
        found = rose if row["rose"] else t("{cause} took more than usual", **given)
        saves = (row["excess"], row["excess_low"], row["excess_high"])
        yield Action(found, _evidence(row), _wording(f, row["name"], row["problems"]), _where(f, row["name"]),
                     row["name"], saves, decision=bool(row["rose"]))  # fmt: skip


def _wording(f: Facts, cause: str, n: float) -> str:
    name = cause.casefold()
    given = next((text for key, text in f.settings.actions.items() if key.casefold() in name), "")
    library = next(text for key, text in LIBRARY.items() if key in name)
    return given.replace("{n}", number(n)) if given else t(library, n=n)


def _where(f: Facts, cause: str) -> str:
    """Where the tickets of a cause are: the computer that most of them name, or the month of most."""
    rows = f.entries[f.entries["first"] & (claims.causes_of(f) == cause)]
    named = rows["device_id"].dropna().value_counts()
    if len(named) and named.iloc[0] >= max(LEAST_TICKETS, len(rows) / 4):
        return t("{n} of them name {computer}", n=float(named.iloc[0]), computer=str(named.index[0]))
    return ""


def _computers(f: Facts) -> Iterator[Action]:
    """A repair, only of computers whose work a defect explains; else what the noisiest have in common."""
    bad, three = claims.defects(f), claims.few_computers(f)
    if bad:
        yield Action(
            count(len(bad), "One computer needs us mostly for its hardware",
                  "{Word} computers need us mostly for their hardware"), ", ".join(bad),
            count(len(bad), "Repair or replace one computer", "Repair or replace {word} computers"), decision=True,
        )  # fmt: skip
    elif three:
        names = ", ".join(f.computers["name"].head(3))
        yield Action(three.removesuffix("."), names, t("See what these computers have in common"))


def _patches(f: Facts) -> Iterator[Action]:
    """Patches in working hours, if over all clients these bring more work; one has too few."""
    windows = f.patches.disturbing(f.client, f.start, f.end) if f.patches and f.now.hours > 0 else 0
    if f.patches and windows:
        times = number(f.patches.ratio, 1)
        yield Action(
            count(windows, "{n} round of updates ran in working hours",
                  "{n} rounds of updates ran in working hours"),
            t("over all clients these bring {times} times the support of others", times=times),
            t("Move updates out of working hours"), t("computers stay on at night"), decision=True,
        )  # fmt: skip


def _records(f: Facts) -> Iterator[Action]:
    """Weak spots in our own records, which limit what the review can say."""
    unknown = f.causes.loc[f.causes["name"] == NOT_RECORDED, "share"].sum()
    if unknown >= UNKNOWN_CAUSE_SHARE:
        found = t("We did not record the cause for {share} of the time", share=float(unknown))
        yield Action(found, t("that part cannot be explained"), t("Record a cause with every ticket"))
    unsorted = f.in_quarter["unclassified_hours"].sum()
    if unsorted >= UNSORTED_HOURS and unsorted > UNSORTED_SHARE * (unsorted + f.now.hours):
        found = t("{hours} hours could not be classified", hours=number(unsorted, 1))
        beside = t("beside {hours} hours that count", hours=number(f.now.hours, 1))
        yield Action(found, beside, t("Classify the open hours"))
    rows = f.in_quarter[f.in_quarter["minutes"].isna()]
    if len(rows):
        found = count(len(rows), "{n} month could not be measured", "{n} months could not be measured")
        records = has_flag(rows, "coverage-gap").any()
        why = t("the time entries are not complete") if records else t("there is no list of computers")
        yield Action(found, why, t("Complete our time entries") if records else t(
            "Take the list of computers every month"))  # fmt: skip


def _goal(f: Facts) -> Iterator[Action]:
    """A goal in reach, where the one that was set is due and neither met nor near."""
    if f.age < f.settings.targets.months or not (
        f.beyond_target.more and f.ahead.known and f.ahead.low > f.target
    ):
        return
    found = t("The goal of {line} is not in reach", line=f.target)
    evidence = t("forecast {value} ({low} to {high})", value=f.ahead.value, low=f.ahead.low, high=f.ahead.high)
    yield Action(
        found, evidence, t("Agree a goal in reach"), t("{line} stays the aim", line=f.target), decision=True
    )


def total(actions: list[Action]) -> tuple[float, float, float]:
    """Return the minutes a week that the actions save together; errors of separate causes add by squares."""
    known = np.array([a.saves for a in actions if np.isfinite(a.saves[0])]).reshape(-1, 3)
    if not len(known):
        return (np.nan, np.nan, np.nan)
    middle = known[:, 0].sum()
    reach = float(np.sqrt(((known[:, 2] - known[:, 0]) ** 2).sum()))  # the lower ends are cut at 0
    return float(middle), float(max(middle - reach, 0.0)), float(middle + reach)


def months_of(f: Facts, causes: Iterable[str], most: int = 2) -> pd.DataFrame:
    """Return the months of the first causes that are known: cause, month, minutes, usual, quarter."""
    rows = {row["name"]: row for cause in causes if (row := f.cause_row(cause)) is not None}
    parts = [f.cause_months[name].rename("minutes").reset_index().assign(cause=f.cause(name), usual=row["usual"])
             for name, row in rows.items() if name in f.cause_months][:most]  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=["cause"])
    months = pd.concat(parts, ignore_index=True)
    return months.assign(quarter=months["month"] >= f.start, kind="evidence", decision=False)


def heads_of(months: pd.DataFrame) -> tuple[str, ...]:
    """Return the heads of the charts of some causes' months."""
    return tuple(t("{cause} by month: minutes per computer", cause=cause) for cause in months["cause"].unique())


def table_of(actions: list[Action], due: pd.Timestamp) -> pd.DataFrame:
    """Return the rows of the page on what is next."""
    rows = [
        {"found": a.found, "evidence": a.evidence, "action": a.action, "detail": a.detail, "saves": a.saves[0],
         "saves_low": a.saves[1], "saves_high": a.saves[2], "owner": a.owner or t("to agree"), "due": a.due or due,
         "decision": a.decision, "cause": a.cause}
        for a in actions
    ]  # fmt: skip
    return pd.DataFrame(rows)
