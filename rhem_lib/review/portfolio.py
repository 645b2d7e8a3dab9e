"""The portfolio's quarter for the MSP's leadership, as a `Review` of all clients."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rhem_lib.billing import BillingComparison
from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData
from rhem_lib.language import count, mark, minutes, month_name, number, sentence_case, speaking, t
from rhem_lib.metric import why_unmeasured
from rhem_lib.review.appendix import PRESETS
from rhem_lib.review.facts import Z95, Level, words
from rhem_lib.review.findings import asked_for
from rhem_lib.review.quarter import levels, trend
from rhem_lib.review.review import Review, brand_of, of_settings
from rhem_lib.review.section import Section
from rhem_lib.schema import METRIC_VERSION, quarter_bounds
from rhem_lib.settings import Settings
from rhem_lib.studies import study
from rhem_lib.workspace import Account, Workspace, load

IMPROVES, STUCK = "decaying", ("flat", "rising", "irregular")
DIRECTIONS = {
    "decaying": mark("falling"),
    "flat": mark("level"),
    "rising": mark("rising"),
    "irregular": mark("up and down"),
    "too-early": mark("too early to tell"),
}
MOST_NAMED = 6
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


@dataclass(frozen=True)
class PortfolioFacts:
    """The numbers behind the portfolio.

    months : DataFrame, one row per calendar month: month, minutes, computers, clients
    clients : DataFrame, one row per client in service: client, minutes, expected, follows, excess (hours above the
        target line in the quarter), most excess first
    change_se : standard error of the change from the quarter before, over clients
    stayed : minutes a year ago and now of the clients in service at both times; NaN without any
    inferred : clients whose onboarding date is not given
    usual_size : computers of the client in the middle
    """

    settings: Settings
    quarter: str
    start: pd.Timestamp
    months: pd.DataFrame
    clients: pd.DataFrame
    now: Level
    before: Level | None
    change_se: float
    stayed: tuple[float, float]
    inferred: int
    usual_size: float
    fit: DecayFit
    test: BillingComparison
    account: Account

    @property
    def target(self) -> float:
        """The line, in minutes per computer a month."""
        return 60 * self.settings.targets.target_h


def gather_portfolio(
    settings: Settings, panel: pd.DataFrame, fit: DecayFit, test: BillingComparison, account: Account, quarter: str
) -> PortfolioFacts:
    """Gather the numbers of the portfolio."""
    start, end = quarter_bounds(quarter)
    served = panel[(panel["exposure"] > 0) & (panel["month"] < end)]
    now = _sums(served, start, end)
    before = _sums(served, start - pd.DateOffset(months=3), start)
    year = _sums(served, start - pd.DateOffset(months=12), end - pd.DateOffset(months=12))
    if now.empty:
        raise NotEnoughData("no client had a computer in service in the quarter.", where=quarter)
    both = now.index.intersection(year.index)
    stayed = (_minutes(year.loc[both]), _minutes(now.loc[both])) if len(both) else (np.nan, np.nan)
    flags = served.loc[served["month"] >= start].groupby("client")["flags"].agg(" ".join)
    return PortfolioFacts(
        settings=settings,
        quarter=str(quarter).upper(),
        start=start,
        months=_by_month(served, end),
        clients=_by_client(now, fit, 60 * settings.targets.target_h),
        now=_level("this quarter", now),
        before=_level("the quarter before", before) if len(before) else None,
        change_se=_change_se(now, before),
        stayed=stayed,
        inferred=int(flags.str.contains("inferred-onboarding").sum()),
        usual_size=float(max(round(now["exposure"].median() / 3), 1)),
        fit=fit,
        test=test,
        account=account,
    )


def _sums(served: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Hours and exposure per client between two days."""
    rows = served[(served["month"] >= start) & (served["month"] < end)]
    return rows.groupby("client")[["reactive_hours", "reactive_tickets", "exposure"]].sum()


def _minutes(sums: pd.DataFrame) -> float:
    return 60 * float(sums["reactive_hours"].sum() / sums["exposure"].sum())


def _level(label: str, sums: pd.DataFrame) -> Level:
    """Return a pooled quarter of all clients; its error is that of a ratio of two sums."""
    hours, exposure, tickets = (float(sums[c].sum()) for c in ("reactive_hours", "exposure", "reactive_tickets"))
    return Level(label, 3, exposure, hours, tickets, se=float(np.sqrt((_influence(sums) ** 2).sum())))


def _influence(sums: pd.DataFrame) -> pd.Series:
    """Return how far each client moves the pooled minutes: 60 (h - r e) / E, linearised."""
    hours, exposure = sums["reactive_hours"], sums["exposure"]
    return 60 * (hours - exposure * hours.sum() / exposure.sum()) / exposure.sum()


def _change_se(now: pd.DataFrame, before: pd.DataFrame) -> float:
    """Standard error of the change; a client in both quarters counts once, with its own change."""
    if before.empty:
        return float("nan")
    moved = _influence(now).sub(_influence(before), fill_value=0.0)
    return float(np.sqrt((moved**2).sum()))


def _by_month(served: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Return pooled minutes, computers and clients by month; one without service is empty."""
    groups = served.groupby("month")
    every = pd.date_range(served["month"].min(), end - pd.DateOffset(months=1), freq="MS", name="month")
    table = groups.agg(
        hours=("reactive_hours", "sum"), computers=("exposure", "sum"), clients=("client", "nunique")
    )
    table.insert(0, "minutes", 60 * table.pop("hours") / table["computers"])
    table["clients"] = table["clients"].astype(float)
    return table.reindex(every).reset_index()


def _by_client(now: pd.DataFrame, fit: DecayFit, target: float) -> pd.DataFrame:
    table = pd.DataFrame({"minutes": 60 * now["reactive_hours"] / now["exposure"]})
    table["excess"] = (table["minutes"] - target).clip(lower=0) / 60 * now["exposure"]
    known = fit.clients.reindex(now.index)
    table["expected"] = 60 * known["rhem_now_h"] if fit.usable else np.nan
    table["follows"] = known["follows"].fillna("too-early") if fit.usable else "too-early"
    ordered = table.sort_values("excess", ascending=False, kind="stable").rename_axis("client").reset_index()
    return ordered[["client", "minutes", "expected", "follows", "excess"]]


def build_portfolio(
    work: Workspace, panel: pd.DataFrame, fit: DecayFit, test: BillingComparison, *, quarter: str
) -> Review:
    """Return every number and sentence of the portfolio's quarter; it names clients.

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
    ParameterError, NotEnoughData
        The quarter is not one, or no client had a computer in service in it.

    Examples
    --------
    >>> made = build_portfolio(work, study.panel, study.fit, study.comparison, quarter="2026Q2")
    >>> len(made.sections)
    9
    """
    panel = panel[why_unmeasured(panel, work.clients) == ""]
    made = compose_portfolio(gather_portfolio(work.settings, panel, fit, test, work.account, quarter))
    return brand_of(made, work.folder)


def open_portfolio(folder: str | Path, *, quarter: str) -> Review:
    """Return the portfolio's quarter from a workspace folder.

    >>> open_portfolio("data/sample", quarter="2026Q2").client
    'All clients'
    """
    work = load(folder, until=quarter)
    made = study(work)
    return build_portfolio(work, made.panel, made.fit, made.comparison, quarter=quarter)


def compose_portfolio(b: PortfolioFacts) -> Review:
    """Return the review that the portfolio's facts make."""
    settings = b.settings
    with speaking(settings.language):
        last = b.start + pd.DateOffset(months=2)
        period = t("{first} to {last} {year}", first=month_name(b.start), last=month_name(last), year=b.start.year)
        sections = (
            headline(b, period),
            by_month(b),
            curve(b),
            directions(b),
            above_the_line(b),
            billing(b),
            data(b),
            decisions(b),
            method(b),
        )
        return Review(
            **of_settings(settings, settings.language),
            client=t("All clients"),
            quarter=b.quarter,
            period=period,
            minutes=b.now.minutes,
            status=b.fit.shape if b.fit.usable else "too-early",
            sections=sections,
            table=b.months,
        )


def headline(b: PortfolioFacts, period: str) -> Section:
    """The quarter in two short paragraphs and one number."""
    now = b.now
    change = now.since(b.before, b.change_se) if b.before else None
    title, sentence = trend(now, b.before, change, words(b.settings.hours_are))
    every, hours_are = float(len(b.clients)), t(b.settings.hours_are)
    scope = t("In {period}, {clients} clients with about {computers} computers took {hours} {hours_are}.",
              period=period, clients=every, computers=now.fleet, hours=now.hours, hours_are=hours_are)  # fmt: skip
    above = count((b.clients["excess"] > 0).sum(), "{n} client of {all} is above the {line}-minute line.",
                  "{n} clients of {all} are above the {line}-minute line.", all=every, line=b.target)  # fmt: skip
    limits = (now.minutes - Z95 * now.se, now.minutes + Z95 * now.se)
    table = levels(now, b.before, b.settings.targets, limits=limits)
    goal = now.beyond(b.target).say("target", line=b.target)
    notes = t(
        "All hours over all computers: large clients weigh more. The next slides look at clients one by one."
    )
    return Section("quarter", title, (f"{scope} {sentence} {goal}", above), table, notes, "headline")


def by_month(b: PortfolioFacts) -> Section:
    """The portfolio's minutes by month, and what clients that came or left do to it."""
    table = b.months[["month", "minutes"]].assign(expected=np.nan, target=b.target)
    sizes = b.months["clients"].dropna()
    title = t("This is the time of all clients by month")
    paragraphs = [
        t("The portfolio had {first} clients at the start of the chart and {last} at its end.",
          first=sizes.iloc[0], last=sizes.iloc[-1]),
        t("New clients start high, so a growing portfolio falls more slowly than its clients do."),
    ]  # fmt: skip
    if np.isfinite(b.stayed[0]):
        then, now = map(minutes, b.stayed)
        title = t("Clients that stayed took {then} a year ago and {now} now", then=then, now=now)
        paragraphs.insert(0, t("This compares the same clients with themselves, so newcomers do not disturb it."))
    notes, unit = t("Months are pooled: sum of hours over sum of computers."), words(b.settings.hours_are)["unit"]
    return Section("minutes", title, tuple(paragraphs), table, notes, "lines", sentence_case(unit))


def directions(b: PortfolioFacts) -> Section:
    """Who improves and who does not: clients by direction, and those that are stuck, by name."""
    kinds = b.clients["follows"].value_counts().reindex(list(DIRECTIONS), fill_value=0)
    names = kinds.index.map(DIRECTIONS).map(t)
    counts = pd.DataFrame({"kind": "direction", "name": names, "clients": kinds.to_numpy(float)})
    stuck = b.clients[b.clients["follows"].isin(STUCK)].sort_values("minutes", ascending=False)
    named = pd.DataFrame({"kind": "client", "name": stuck["client"]})
    named = named.assign(direction=[t(DIRECTIONS[k]) for k in stuck["follows"]], minutes=stuck["minutes"])
    title = count(
        len(stuck), "{falling} of {all} clients improve; {n} does not",
        "{falling} of {all} clients improve; {n} do not",
        falling=float(kinds[IMPROVES]), all=float(len(b.clients)),
    )  # fmt: skip
    early = count(kinds["too-early"], "For {n} client it is too early to tell.",
                  "For {n} clients it is too early to tell.")  # fmt: skip
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
        title = t("No client is above the {line}-minute line", line=b.target)
        return Section("above", title, (t("There is no excess to work on this quarter."),))
    top, total = over.head(3), over["excess"].sum()
    title = count(len(top), "{n} client takes {share} of the hours above the line",
                  "{n} clients take {share} of the hours above the line",
                  share=top["excess"].sum() / total)  # fmt: skip
    table = over.head(MOST_NAMED)[["client", "minutes", "expected", "excess"]].reset_index(drop=True)
    paragraphs = (
        t("Above the line: {hours} hours this quarter, {share} of all.",
          hours=total, share=total / b.now.hours),
        t("New clients usually start above the line; compare with the expected minutes."),
    )  # fmt: skip
    notes = t("Hours above the line = (minutes - line) x computers x months, over clients above it.")
    heads = {"client": t("Client"), "minutes": t("Minutes"), "expected": t("Expected"),
             "excess": t("Hours above the line")}  # fmt: skip
    return Section("above", title, paragraphs, table, notes, "table", heads=heads)


def curve(b: PortfolioFacts) -> Section:
    """How a typical client's time falls after onboarding, with its band."""
    fit, goal = b.fit, b.settings.targets
    if not fit.usable:
        title = t("It is too early to say how fast a client's time falls")
        return Section("curve", title, (t("There are not enough clients and months for a curve."),))
    age = np.arange(max(SHOWN_MONTHS, goal.months) + 1, dtype=float)
    path = 60 * fit.predict(age_months=age.tolist())[["estimate", "low", "high"]]
    path = path.set_axis(["expected", "expected_low", "expected_high"], axis=1)
    table = path.assign(age_months=age, target=b.target)[["age_months", *path, "target"]]
    start, then = 60 * fit.population.loc["start_h"], table.set_index("age_months").loc[float(goal.months)]
    title = t("A typical client goes from {start} to {minutes} in {n} months",
              start=start["estimate"], minutes=then["expected"], n=goal.months)  # fmt: skip
    if not fit.gate.declines:
        title = t("Any fall after onboarding may be chance")
    elif fit.kinds is not None and fit.kinds.two:
        title = t("{share} of clients improve after onboarding, the others do not", share=fit.kinds.share)
    elif fit.calendar.verdict == "open":
        title = t("Whether clients improve, or all hours fall, cannot be told")
    reached = mark("That is close to the goal of {line} minutes: the data allow either side.")
    if then["expected_high"] <= b.target:
        reached = mark("That is at or under the goal of {line} minutes.")
    elif then["expected_low"] > b.target:
        reached = mark("That misses the goal of {line} minutes.")
    low, high = then["expected_low"], then["expected_high"]
    paragraphs = (
        t("The range at the start is {low} to {high} minutes.", low=start["low"], high=start["high"]),
        t("In month {n} it is {low} to {high}.", n=goal.months, low=low, high=high),
        t(reached, line=b.target),
        _next_client(b),
    )
    unit = t("{unit}, by months since the start", unit=words(b.settings.hours_are)["unit"])
    return Section("curve", title, paragraphs, table, fit.text, "lines", sentence_case(unit))


def _next_client(b: PortfolioFacts) -> str:
    """What a new client of the usual size takes in its first year."""
    new = b.fit.new_client(b.usual_size)
    return t("A new client of {n} computers: {low} to {high} hours in its first year.",
             n=b.usual_size, low=new.low, high=new.high)  # fmt: skip


def billing(b: PortfolioFacts) -> Section:
    """Whether fixed-fee clients improve faster, and how weak that evidence is."""
    test = b.test
    needed = float(test.power.clients_needed)
    needs = t("A sure answer takes about {n} clients with both kinds of contract.", n=needed)
    if test.missing:
        title = t("It is too early to tell whether fixed-fee clients improve faster")
        return Section("billing", title, (needs,), notes=test.text)
    title = {
        "faster": t("Fixed-fee clients improve faster than hourly ones"),
        "slower": t("Fixed-fee clients improve more slowly than hourly ones"),
    }.get(test.verdict, t("We see no clear difference between fixed-fee and hourly clients"))
    paragraphs = (
        t("To halve the excess, fixed-fee clients take {ratio} times as long as hourly ones of their size.",
          ratio=number(test.ratio, 2)),
        t("The data allow anything from {low} to {high} times.",
          low=number(test.low, 2), high=number(test.high, 2)),
        needs,
        t("Clients choose their contract, so this shows a link, not a cause."),
        t("Hours that nobody bills may be written down less carefully."),
    )  # fmt: skip
    groups = test.groups.loc[list(GROUPS)]
    table = pd.DataFrame({"contract": map(t, GROUPS.values()), "clients": groups["clients"].to_numpy(float)})
    table["start"] = 60 * groups["start_h"].to_numpy()
    table["halving"] = groups["half_life_months"].to_numpy()
    heads = {"contract": t("Contract"), "clients": t("Clients"), "start": t("Minutes at the start"),
             "halving": t("Months to halve")}  # fmt: skip
    return Section("billing", title, paragraphs, table, test.text, "table", heads=heads)


def data(b: PortfolioFacts) -> Section:
    """Where all hours went, and what of them could not be used."""
    hours = b.account.table["hours"].astype(float)
    share = hours / hours["read"] if hours["read"] else hours * np.nan
    used = 1 - share["unclassified"] - share["quarantined"]
    paragraphs = [
        t("{share} could not be sorted into planned and unplanned work.", share=share["unclassified"]),
        t("{share} was set aside: impossible, doubled or without a client.", share=share["quarantined"]),
        t("Every hour read is in exactly one line of the table."),
    ]
    if b.inferred:
        paragraphs.append(count(b.inferred, "For {n} client the start of service is inferred, not given.",
                                "For {n} clients the start of service is inferred, not given."))  # fmt: skip
    rows = [(t(name), hours[kind], share[kind]) for kind, name in KINDS.items() if hours[kind] > 0]
    table = pd.DataFrame(rows, columns=["item", "hours", "share"])
    heads = {"item": t("Item"), "hours": t("Hours"), "share": t("Share")}
    title = t("{share} of the hours could be used", share=used)
    return Section("data", title, tuple(paragraphs), table, b.account.text, "table", heads=heads)


def decisions(b: PortfolioFacts) -> Section:
    """What the leadership should decide."""
    asked = []
    judged = b.clients[(b.clients["excess"] > 0) & (b.clients["follows"] != "too-early")]
    over = judged["client"].head(3).tolist()
    if over:
        asked.append(t("Who looks into the work for {clients}?", clients=", ".join(over)))
    if b.fit.usable and b.fit.population.loc[b.fit.target.level_column, "low"] > b.fit.target.target_h:
        asked.append(t("Is {line} minutes in month {n} still the goal, or do we change how we onboard?",
                       line=b.target, n=b.fit.target.months))  # fmt: skip
    hours = b.account.table["hours"].astype(float)
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
