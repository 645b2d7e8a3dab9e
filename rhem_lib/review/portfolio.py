"""The portfolio's quarter for the MSP's leadership, as a `Review` of all clients that the deck can write."""

from pathlib import Path

import numpy as np
import pandas as pd

from rhem_lib.billing import BillingComparison
from rhem_lib.decay import DecayFit
from rhem_lib.language import count, mark, minutes, month_name, number, percent, sentence_case, speaking, t
from rhem_lib.review import portfolio_study
from rhem_lib.review.facts import Z95, noun, words
from rhem_lib.review.portfolio_facts import PortfolioFacts, gather_portfolio
from rhem_lib.review.quarter import levels, trend
from rhem_lib.review.review import Review, brand_of
from rhem_lib.review.section import Section
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.studies import study
from rhem_lib.workspace import Workspace, load

IMPROVES, STUCK = "decaying", ("flat", "rising", "irregular")
DIRECTIONS = {
    "decaying": mark("falling"),
    "flat": mark("level"),
    "rising": mark("rising"),
    "irregular": mark("up and down"),
    "too-early": mark("too early to tell"),
}
MOST_NAMED = 6


def build_portfolio(
    work: Workspace, panel: pd.DataFrame, fit: DecayFit, test: BillingComparison, *, quarter: str
) -> Review:
    """Make every number and sentence of the portfolio's quarter; it names clients, so it is not for them.

    Parameters
    ----------
    work : Workspace
        Its settings and account are used.
    panel : DataFrame, one row per client and month (schema.Panel)
    fit, test
        May be unusable; the deck then says that it is too early.
    quarter : str
        For example '2026Q3'.

    Raises
    ------
    ParameterError
        The quarter is not one.
    NotEnoughData
        No client had a computer in service in the quarter.
    """
    made = compose_portfolio(gather_portfolio(work.settings, panel, fit, test, work.account, quarter))
    return brand_of(made, work.folder)


def open_portfolio(folder: str | Path, *, quarter: str) -> Review:
    """Make the portfolio's quarter from a workspace folder."""
    work = load(folder)
    made = study(work)
    return build_portfolio(work, made.panel, made.fit, made.comparison, quarter=quarter)


def compose_portfolio(b: PortfolioFacts) -> Review:
    """The review that the portfolio's facts make."""
    settings = b.settings
    with speaking(settings.language):
        last = b.start + pd.DateOffset(months=2)
        period = t("{first} to {last} {year}", first=month_name(b.start), last=month_name(last), year=b.start.year)
        sections = (
            headline(b, period),
            by_month(b),
            portfolio_study.curve(b),
            directions(b),
            above_the_line(b),
            portfolio_study.billing(b),
            portfolio_study.data(b),
            portfolio_study.decisions(b),
            portfolio_study.method(b),
        )
        return Review(
            client=t("All clients"),
            msp=settings.name,
            quarter=b.quarter,
            period=period,
            language=settings.language,
            hours_are=t(settings.hours_are),
            noun=noun(settings.hours_are),
            unit=words(settings.hours_are)["unit"],
            minutes=b.now.minutes,
            target_minutes=b.target,
            status=b.fit.shape if b.fit.usable else "too-early",
            metric_version=METRIC_VERSION,
            sections=sections,
            table=b.months,
            brand=settings.brand,
        )


def headline(b: PortfolioFacts, period: str) -> Section:
    """The quarter in two short paragraphs and one number."""
    now = b.now
    change = now.since(b.before, b.change_se) if b.before else None
    title, sentence = trend(now, b.before, change, words(b.settings.hours_are))
    scope = t(
        "In {period}, {clients} clients with about {computers} computers took {hours} {hours_are}.",
        period=period,
        clients=number(len(b.clients)),
        computers=number(now.fleet),
        hours=number(now.hours),
        hours_are=t(b.settings.hours_are),
    )
    over = int((b.clients["excess"] > 0).sum())
    above = count(
        over,
        "{n} client of {all} is above the {line}-minute line.",
        "{n} clients of {all} are above the {line}-minute line.",
        all=number(len(b.clients)),
        line=number(b.target),
    )
    limits = (now.minutes - Z95 * now.se, now.minutes + Z95 * now.se)
    table = levels(now.minutes, b.before, b.target, b.settings.targets.months, limits=limits)
    goal = now.beyond(b.target).say("target", line=number(b.target))
    notes = t(
        "All hours over all computers: large clients weigh more. The next slides look at clients one by one."
    )
    return Section("quarter", title, (f"{scope} {sentence} {goal}", above), table, notes, "headline")


def by_month(b: PortfolioFacts) -> Section:
    """The portfolio's minutes by month, and what clients that came or left do to it."""
    table = b.months[["month", "minutes"]].assign(expected=np.nan, target=b.target)
    now, then = b.stayed[1], b.stayed[0]
    sizes = b.months["clients"].dropna()
    title = t("This is the time of all clients by month")
    paragraphs = [
        t("The portfolio had {first} clients at the start of the chart and {last} at its end.",
          first=number(sizes.iloc[0]), last=number(sizes.iloc[-1])),
        t("New clients start high, so a growing portfolio falls more slowly than its clients do."),
    ]  # fmt: skip
    if np.isfinite(then):
        values = {"then": minutes(then), "now": minutes(now)}
        title = t("Clients that stayed took {then} a year ago and {now} now", **values)
        paragraphs.insert(0, t("This compares the same clients with themselves, so newcomers do not disturb it."))
    notes, unit = t("Months are pooled: sum of hours over sum of computers."), words(b.settings.hours_are)["unit"]
    return Section("minutes", title, tuple(paragraphs), table, notes, "lines", sentence_case(unit))


def directions(b: PortfolioFacts) -> Section:
    """Who improves and who does not: clients by direction, and those that are stuck, by name."""
    kinds = b.clients["follows"].value_counts().reindex(list(DIRECTIONS), fill_value=0)
    counts = pd.DataFrame(
        {"kind": "direction", "name": [t(DIRECTIONS[k]) for k in kinds.index], "clients": kinds.to_numpy(float)}
    )
    stuck = b.clients[b.clients["follows"].isin(STUCK)].sort_values("minutes", ascending=False)
    named = pd.DataFrame(
        {
            "kind": "client",
            "name": stuck["client"],
            "direction": [t(DIRECTIONS[k]) for k in stuck["follows"]],
            "minutes": stuck["minutes"],
        }
    )
    title = count(
        len(stuck),
        "{falling} of {all} clients improve; {n} does not",
        "{falling} of {all} clients improve; {n} do not",
        falling=number(kinds[IMPROVES]),
        all=number(len(b.clients)),
    )
    early = count(
        kinds["too-early"],
        "For {n} client it is too early to tell.",
        "For {n} clients it is too early to tell.",
    )
    paragraphs = (
        t("A client improves when its own path falls beyond what chance explains."),
        early if kinds["too-early"] else t("Every client has been here long enough to judge."),
        t("The table names those that do not improve.") if len(stuck) else t("No client is level or rising."),
    )
    table = pd.concat([counts, named.head(MOST_NAMED)], ignore_index=True)
    notes, chart = t("Judged on all months of a client since its onboarding."), t("Clients by direction")
    heads = {"name": t("Client"), "direction": t("Direction"), "minutes": t("Minutes")}
    return Section("directions", title, paragraphs, table, notes, "bars", chart, heads)


def above_the_line(b: PortfolioFacts) -> Section:
    """Where the hours above the target line go."""
    over = b.clients[b.clients["excess"] > 0]
    if over.empty:
        title = t("No client is above the {line}-minute line", line=number(b.target))
        return Section("above", title, (t("There is no excess to work on this quarter."),))
    top, total = over.head(3), over["excess"].sum()
    title = count(
        len(top),
        "{n} client takes {share} of the hours above the line",
        "{n} clients take {share} of the hours above the line",
        share=percent(top["excess"].sum() / total),
    )
    table = over.head(MOST_NAMED)[["client", "minutes", "expected", "excess"]].reset_index(drop=True)
    paragraphs = (
        t("Above the line: {hours} hours this quarter, {share} of all.",
          hours=number(total), share=percent(total / b.now.hours)),
        t("New clients usually start above the line; compare with the expected minutes."),
    )  # fmt: skip
    notes = t("Hours above the line = (minutes - line) x computers x months, over clients above it.")
    heads = {"client": t("Client"), "minutes": t("Minutes"), "expected": t("Expected"),
             "excess": t("Hours above the line")}  # fmt: skip
    return Section("above", title, paragraphs, table, notes, "table", heads=heads)
