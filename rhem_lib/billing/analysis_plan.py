"""The plan of the billing analysis, written down before the answer is looked at, and any later change of it."""

import datetime as dt
import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhem_lib.billing.groups import FALSE_DISCOVERY, MIN_GROUP, MIN_MONTHS
from rhem_lib.billing.sensitivity import ANALYSES
from rhem_lib.settings import Settings
from rhem_lib.storage import write_whole


@dataclass(frozen=True)
class Plan:
    """What will be done, whatever comes out."""

    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def billing_plan(settings: Settings) -> Plan:
    """Plan for a workspace: it depends on definitions and method alone, never on the hours."""
    rules = hashlib.sha256(json.dumps([rule.model_dump() for rule in settings.rules]).encode()).hexdigest()
    lines = [
        "Question: do fixed-fee clients improve faster than hourly clients after onboarding?",
        "Groups: the billing model at onboarding, fixed-fee or hourly; months after a change of it are left out.",
        f"Reactive hours: preset '{settings.preset}', {settings.hours_are}; {len(settings.rules)} own rules "
        f"(SHA-256 {rules[:16]}); target {settings.targets.target_h} h per endpoint per month.",
        "Primary analysis: ratio of half-lives, fixed fee / hourly, from the mixed model with group and log "
        "endpoints on start, floor and half-life, after a yearly wave (two years of data or more) and a drift of "
        "everyone's hours by calendar month (beyond doubt) are taken out; the year of onboarding is in the "
        "model where the groups differ in it (p < 0.1).",
        "Test: two-sided at 5%, t with clients - coefficients - 3 degrees of freedom; one test answers the "
        "question.",
        "Words: 'faster' if the 95% interval lies under 1, 'slower' if over 1, else 'no clear difference', with "
        "the smallest ratio that could have been seen. A finding that the year of onboarding turns is withheld.",
        f"Too early to tell: fewer than {MIN_GROUP} clients with {MIN_MONTHS} months in a group, or no decline "
        f"beside a drift.",
        "Never: dropping clients by their first months, other covariates, other end dates, one-sided tests.",
        f"Further columns (industry, region): false-discovery rate {FALSE_DISCOVERY:.0%} over all of them.",
        f"Beside it, to find disagreement and not to choose from: {'; '.join(ANALYSES)}.",
    ]
    return Plan("\n".join(lines) + "\n")


def _editions(run_file: Path) -> list[dict[str, str]]:
    """Plans in the run files of all editions of a workspace, oldest first, each once."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path in sorted(Path(run_file).resolve().parent.parent.glob("*/run.json")):
        try:
            listed = json.loads(path.read_text(encoding="utf-8")).get("plans", [])
            found |= {(entry["registered"], entry["digest"]): entry for entry in listed}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return sorted(found.values(), key=lambda entry: entry["registered"])


def register(plan: Plan, run_file: Path) -> list[dict[str, str]]:
    """Write a plan into run.json before anything is run; one that is the same as the last one keeps its date.

    Parameters
    ----------
    plan : Plan
    run_file : Path
        The run.json of an edition; those of other editions lie beside its folder.

    Returns
    -------
    list of dict
        digest, registered and text of all plans of the workspace, this one last.
    """
    plans = _editions(run_file)
    if not plans or plans[-1]["digest"] != plan.digest:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        plans = [*plans, {"digest": plan.digest, "registered": now, "text": plan.text}]
    try:
        facts: dict[str, Any] = json.loads(run_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    write_whole(run_file, json.dumps({**facts, "plans": plans}, indent=1))
    return plans


def history(plan: Plan, run_file: str | Path) -> str:
    """Return since when a plan is registered, and what was changed in it before.

    Parameters
    ----------
    plan : Plan
    run_file : str or Path
        As in `register`; empty where there is none.
    """
    name = f"SHA-256 {plan.digest[:16]}"
    plans = _editions(Path(run_file)) if run_file else []
    place = max((i for i, entry in enumerate(plans) if entry["digest"] == plan.digest), default=-1)
    if place < 0:
        return f"This plan ({name}) is not registered; `rhem study` and `rhem review` do so before they run."
    date = plans[place]["registered"]
    since = f"This plan ({name}) is in run.json since {date}, before this answer was made."
    if place == 0:
        return f"{since} It has not been changed."
    old = plans[place - 1]
    compared = difflib.ndiff(old["text"].splitlines(), plan.text.splitlines())
    before = f"an earlier plan of {old['registered']} (SHA-256 {old['digest'][:16]}) was different:"
    return "\n".join([since, f"CHANGED: {before}", *(x for x in compared if x.startswith(("+ ", "- ")))])
