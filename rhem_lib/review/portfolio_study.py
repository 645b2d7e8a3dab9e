"""The portfolio's slides on the study: decay curve, fixed fee against hourly, data quality, decisions, method."""

import numpy as np
import pandas as pd

from rhem_lib.language import count, mark, minutes, number, percent, sentence_case, t
from rhem_lib.review.appendix import PRESETS
from rhem_lib.review.facts import words
from rhem_lib.review.findings import asked_for
from rhem_lib.review.portfolio_facts import PortfolioFacts
from rhem_lib.review.section import Section
from rhem_lib.schema import METRIC_VERSION

SHOWN_MONTHS = 36
OPEN_SHARE = 0.02  # share of unsorted or set-aside hours that the leadership should hear of
GROUPS = {"fixed-fee": mark("Fixed fee"), "hourly": mark("Hourly")}
KINDS = {
    "reactive": mark("Unplanned work for clients"),
    "scheduled": mark("Planned maintenance"),
    "project": mark("Projects"),
    "onboarding": mark("Onboarding of new clients"),
    "internal": mark("Internal work"),
    "excluded": mark("Leave and other time that is no work"),
    "unclassified": mark("Not sorted"),
    "quarantined": mark("Set aside as unusable"),
}


def curve(b: PortfolioFacts) -> Section:
    """How a typical client's time falls after onboarding, with its band."""
    fit, goal = b.fit, b.settings.targets
    if not fit.usable:
        title = t("It is too early to say how fast a client's time falls")
        return Section("curve", title, (t("There are not enough clients and months for a curve."),))
    age = np.arange(max(SHOWN_MONTHS, goal.months) + 1, dtype=float)
    path = 60 * fit.predict(age_months=age.tolist())[["estimate", "low", "high"]]
    table = pd.DataFrame(
        {"age_months": age, "expected": path["estimate"], "expected_low": path["low"],
         "expected_high": path["high"], "target": b.target}
    )  # fmt: skip
    start, then = 60 * fit.population.loc["start_h"], table.set_index("age_months").loc[float(goal.months)]
    title = t(
        "A typical client goes from {start} to {minutes} in {n} months",
        start=number(start["estimate"]),
        minutes=minutes(then["expected"]),
        n=goal.months,
    )
    if not fit.gate.declines:
        title = t("Any fall after onboarding may be chance")
    reached = t("That is close to the goal of {line} minutes: the data allow either side.", line=number(b.target))
    if then["expected_high"] <= b.target:
        reached = t("That is at or under the goal of {line} minutes.", line=number(b.target))
    elif then["expected_low"] > b.target:
        reached = t("That misses the goal of {line} minutes.", line=number(b.target))
    paragraphs = (
        t("The range at the start is {low} to {high} minutes.",
          low=number(start["low"]), high=number(start["high"])),
        t("In month {n} it is {low} to {high}.", n=goal.months, low=number(then["expected_low"]),
          high=number(then["expected_high"])),
        reached,
    )  # fmt: skip
    unit = t("{unit}, by months since the start", unit=words(b.settings.hours_are)["unit"])
    return Section("curve", title, paragraphs, table, fit.text, "lines", sentence_case(unit))


def billing(b: PortfolioFacts) -> Section:
    """Whether fixed-fee clients improve faster, and how weak that evidence is."""
    test = b.test
    needed = t(
        "A sure answer takes about {n} clients with both kinds of contract.", n=number(test.power.clients_needed)
    )
    if test.missing:
        title = t("It is too early to tell whether fixed-fee clients improve faster")
        return Section("billing", title, (needed,), notes=test.text)
    title = {
        "faster": t("Fixed-fee clients improve faster than hourly ones"),
        "slower": t("Fixed-fee clients improve more slowly than hourly ones"),
    }.get(test.verdict, t("We see no clear difference between fixed-fee and hourly clients"))
    paragraphs = (
        t("To halve the excess, fixed-fee clients take {ratio} times as long as hourly ones of their size.",
          ratio=number(test.ratio, 2)),
        t("The data allow anything from {low} to {high} times.",
          low=number(test.low, 2), high=number(test.high, 2)),
        needed,
        t("Clients choose their contract, so this shows a link, not a cause."),
        t("Hours that nobody bills may be written down less carefully."),
    )  # fmt: skip
    groups = test.groups.loc[list(GROUPS)]
    table = pd.DataFrame(
        {
            "contract": [t(name) for name in GROUPS.values()],
            "clients": groups["clients"].to_numpy(float),
            "start": 60 * groups["start_h"].to_numpy(),
            "halving": groups["half_life_months"].to_numpy(),
        }
    )
    heads = {"contract": t("Contract"), "clients": t("Clients"), "start": t("Minutes at the start"),
             "halving": t("Months to halve")}  # fmt: skip
    return Section("billing", title, paragraphs, table, test.text, "table", heads=heads)


def _hours(b: PortfolioFacts) -> pd.Series:
    return b.account.table["hours"].astype(float)


def data(b: PortfolioFacts) -> Section:
    """Where all hours went, and what of them could not be used."""
    hours = _hours(b)
    read = hours["read"]
    share = hours / read if read else hours * np.nan
    title = t(
        "{share} of the hours could be used", share=percent(1 - share["unclassified"] - share["quarantined"])
    )
    paragraphs = [
        t("{share} could not be sorted into planned and unplanned work.", share=percent(share["unclassified"])),
        t("{share} was set aside: impossible, doubled or without a client.", share=percent(share["quarantined"])),
        t("Every hour read is in exactly one line of the table."),
    ]
    if b.inferred:
        paragraphs.append(
            count(
                b.inferred,
                "For {n} client the start of service is inferred, not given.",
                "For {n} clients the start of service is inferred, not given.",
            )
        )
    kinds = [kind for kind in KINDS if hours[kind] > 0]
    table = pd.DataFrame(
        {
            "item": [t(KINDS[kind]) for kind in kinds],
            "hours": hours[kinds].to_numpy(),
            "share": share[kinds].to_numpy(),
        }
    )
    heads = {"item": t("Item"), "hours": t("Hours"), "share": t("Share")}
    return Section("data", title, tuple(paragraphs), table, b.account.text, "table", heads=heads)


def decisions(b: PortfolioFacts) -> Section:
    """What the leadership should decide."""
    asked = []
    judged = b.clients[(b.clients["excess"] > 0) & (b.clients["follows"] != "too-early")]
    over = judged["client"].head(3).tolist()
    if over:
        asked.append(t("Who looks into the work for {clients}?", clients=", ".join(over)))
    if b.fit.usable and b.fit.population.loc[b.fit.target.level_column, "low"] > b.fit.target.target_h:
        asked.append(
            t("Is {line} minutes in month {n} still the goal, or do we change how we onboard?",
              line=number(b.target), n=b.fit.target.months)
        )  # fmt: skip
    hours = _hours(b)
    if hours["quarantined"] + hours["unclassified"] > OPEN_SHARE * hours["read"]:
        asked.append(t("Who corrects the records behind the hours that could not be used?"))
    if b.inferred:
        asked.append(t("Who supplies the missing dates at which service began?"))
    if b.test.missing or b.test.verdict == "no clear difference":
        asked.append(t("Do we leave prices as they are until the contract question has an answer?"))
    asked.append(t("Which client decks are sent as they are, and which does somebody edit?"))
    return asked_for(count(len(asked), "We have {n} decision to take", "We have {n} decisions to take"), asked)


def method(b: PortfolioFacts) -> Section:
    """What the figures are."""
    paragraphs = (
        t("The figure is {hours_are} of unplanned work, divided by the computers in service that month.",
          hours_are=t(b.settings.hours_are)),
        t(PRESETS[b.settings.preset]),
        t("In the study this is called RHEM: reactive hours per endpoint per month, definition {version}.",
          version=METRIC_VERSION),
        t("A typical client is the one in the middle; the average of all clients lies higher."),
        t("'Clearly' means a difference of two standard errors or more, 'likely' means one or more."),
    )  # fmt: skip
    title = t("This is what counts as {what} time", **words(b.settings.hours_are))
    return Section("method", title, paragraphs, appendix=True)
