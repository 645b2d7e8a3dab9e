"""The portfolio's quarter for the MSP's leadership, as a `Review` of all clients."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd

from rhem_lib.billing import BillingComparison
from rhem_lib.decay import DecayFit
from rhem_lib.errors import NotEnoughData
from rhem_lib.language import count, mark, minutes, month, month_name, number, speaking, t
from rhem_lib.metric import month_spread, why_unmeasured
from rhem_lib.review import claims
from rhem_lib.review.appendix import PRESETS
from rhem_lib.review.certainty import Z95, Difference
from rhem_lib.review.facts import Fits, Level, Range, change_of, forecast_of, levels_of, words
from rhem_lib.review.review import Review, brand_of, fits_of, of_settings
from rhem_lib.review.section import Section
from rhem_lib.review.story import levels, spread
from rhem_lib.schema import METRIC_VERSION, quarter_bounds
from rhem_lib.settings import Settings
from rhem_lib.studies import study
from rhem_lib.workspace import Workspace, load, to_pandas

IMPROVES = "decaying"
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
NOT_WORK = ("total-row", "duplicate", "superseded", "repeated-header")  # rows set aside that are counted elsewhere
STAYED_MONTHS = 15
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

    months : DataFrame, one row per calendar month: month, minutes, computers, clients; of all clients
    same : DataFrame, month and minutes of the clients that were in service a year ago and are now
    clients : DataFrame, one row per client in service, in order of need: client, minutes, before, forecast_low,
        forecast_high, follows, change (Difference), excess (hours above the goal in the quarter),
        need (0 to 2: it rose, it came in above its forecast)
    both : levels now and before of the clients in both quarters, and their change; None without any
    stayed : minutes a year ago and now of the clients in service at both times; NaN without any
    inferred : clients whose onboarding date is not given
    usual_size : computers of the client in the middle
    hours : Series, the quarter's hours by work class; aside: entries of work that were set aside, of all data
    """

    settings: Settings
    quarter: str
    start: pd.Timestamp
    months: pd.DataFrame
    same: pd.DataFrame
    clients: pd.DataFrame
    now: Level
    before: Level | None
    both: tuple[Level, Level, Difference] | None
    stayed: tuple[float, float]
    computers: float
    inferred: int
    usual_size: float
    fit: DecayFit
    test: BillingComparison
    hours: pd.Series
    aside: float

    @property
    def target(self) -> float:
        """The line, in minutes per computer a month."""
        return 60 * self.settings.targets.target_h

    @property
    def improving(self) -> pd.Series:
        """Clients whose path falls and that did not likely rise this quarter."""
        return (self.clients["follows"] == IMPROVES) & ~self.clients["rose"]


def gather_portfolio(
    settings: Settings, panel: pd.DataFrame, fits: Fits, test: BillingComparison, hours: tuple, quarter: str
) -> PortfolioFacts:
    """Gather the numbers of the portfolio; `hours` are those of the quarter by class, and entries set aside."""
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
    months = _by_month(served, end)
    same = _by_month(served[served["client"].isin(both)], end) if len(both) else months
    return PortfolioFacts(
        settings=settings,
        quarter=str(quarter).upper(),
        start=start,
        months=months,
        same=same.tail(STAYED_MONTHS).reset_index(drop=True) if len(both) else months,
        clients=_by_client(served, now, fits, 60 * settings.targets.target_h, start),
        now=_level(now),
        before=_level(before) if len(before) else None,
        both=_both(now, before),
        stayed=stayed,
        computers=float(served[served["month"] == served["month"].max()]["endpoints"].sum()),
        inferred=int(flags.str.contains("inferred-onboarding").sum()),
        usual_size=float(max(round(now["exposure"].median() / 3), 1)),
        fit=fits.fit,
        test=test,
        hours=hours[0],
        aside=hours[1],
    )


def _sums(served: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Hours and exposure per client between two days."""
    rows = served[(served["month"] >= start) & (served["month"] < end)]
    return rows.groupby("client")[["reactive_hours", "reactive_tickets", "exposure"]].sum()


def _minutes(sums: pd.DataFrame) -> float:
    return 60 * float(sums["reactive_hours"].sum() / sums["exposure"].sum())


def _level(sums: pd.DataFrame) -> Level:
    """Return a pooled quarter of all clients; its error is that of a ratio of two sums."""
    hours, exposure, tickets = (float(sums[c].sum()) for c in ("reactive_hours", "exposure", "reactive_tickets"))
    reach, middle = Z95 * float(np.sqrt((_influence(sums) ** 2).sum())), _minutes(sums)
    return Level("", 3, exposure, hours, tickets, middle - reach, middle + reach)


def _influence(sums: pd.DataFrame) -> pd.Series:
    """Return how far each client moves the pooled minutes: 60 (h - r e) / E, linearised."""
    hours, exposure = sums["reactive_hours"], sums["exposure"]
    return 60 * (hours - exposure * hours.sum() / exposure.sum()) / exposure.sum()


def _both(now: pd.DataFrame, before: pd.DataFrame) -> tuple[Level, Level, Difference] | None:
    """Return the levels of the clients in both quarters and their change: who came or left does not move it."""
    names = now.index.intersection(before.index)
    if names.empty:
        return None
    after, first = _level(now.loc[names]), _level(before.loc[names])
    return after, first, after.since(first, _change_se(now.loc[names], before.loc[names]))


def _change_se(now: pd.DataFrame, before: pd.DataFrame) -> float:
    """Standard error of the change; a client in both quarters counts once, with its own change."""
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


def _by_client(
    served: pd.DataFrame, now: pd.DataFrame, fits: Fits, target: float, start: pd.Timestamp
) -> pd.DataFrame:
    """Return the clients in order of need: risen first, then hours above the line; with their own forecasts."""
    table = pd.DataFrame({"minutes": 60 * now["reactive_hours"] / now["exposure"]})
    table["excess"] = (table["minutes"] - target).clip(lower=0) / 60 * now["exposure"]
    known = fits.fit.clients["follows"] if fits.fit.usable else pd.Series(dtype=str)
    table["follows"] = known.reindex(now.index).fillna("too-early")
    expected = [forecast_of(fits.earlier, name, served[(served["client"] == name) & (served["month"] >= start)])
            for name in table.index]  # fmt: skip
    table["forecast_low"], table["forecast_high"] = (
        [getattr(r, end) for r in expected] for end in ("low", "high")
    )
    owns, by_months = dict(list(served.groupby("client"))), month_spread(served)
    moved = [
        _moved(levels_of(served, name, owns[name], by_months), owns[name], start, forecast, follows)
        for name, forecast, follows in zip(now.index, expected, table["follows"], strict=True)
    ]
    table["before"], table["change"] = zip(*moved, strict=True)
    table["rose"] = [change.more for change in table["change"]]
    table["need"] = (table["minutes"] > table["forecast_high"]).astype(int) + table["rose"]
    ordered = table.sort_values(["need", "excess"], ascending=False, kind="stable")
    return ordered.rename_axis("client").reset_index()


def _moved(
    level: Callable, own: pd.DataFrame, start: pd.Timestamp, forecast: Range, follows: str
) -> tuple[float, Difference]:
    """Return a client's minutes in the quarter before, and its change as its own review has it."""
    last = own["month"].between(start - pd.DateOffset(months=3), start, inclusive="left")
    now, before = level("", own["month"] >= start), level("", last)
    change = change_of(now, before, own, start, forecast, follows) or claims.UNCHANGED
    return before.minutes if before else np.nan, change


def build_portfolio(
    work: Workspace,
    panel: pd.DataFrame,
    fit: DecayFit,
    test: BillingComparison,
    *,
    quarter: str,
    earlier: DecayFit | None = None,
) -> Review:
    """Return every number and sentence of the portfolio's quarter; it names clients.

    Parameters
    ----------
    work : Workspace
        Its settings, entries and quarantine are used.
    panel : DataFrame, one row per client and month (schema.Panel)
    fit, test
        May be unusable; the deck then says that it is too early.
    quarter : str
        For example '2026Q3'.
    earlier : DecayFit, optional
        The fit without the quarter (`Study.before`); made here if it is not given.

    Raises
    ------
    ParameterError, NotEnoughData
        The quarter is not one, or no client had a computer in service in it.

    Examples
    --------
    >>> made = build_portfolio(
    ...     work, study.panel, study.fit, study.comparison, quarter="2026Q2", earlier=study.before
    ... )
    >>> len(made.sections)
    9
    """
    panel = panel[why_unmeasured(panel, work.clients) == ""]
    fits = Fits(*fits_of(work, panel, fit, earlier, quarter))
    facts = gather_portfolio(work.settings, panel, fits, test, quarter_hours(work, quarter), quarter)
    return brand_of(compose_portfolio(facts), work.folder)


def quarter_hours(work: Workspace, quarter: str) -> tuple[pd.Series, float]:
    """Return the quarter's hours by work class, and how many entries of work were set aside, of all data."""
    start, end = (day.to_pydatetime() for day in quarter_bounds(quarter))
    rows = nw.from_native(work.time_entries).filter(nw.col("worked_on") >= start, nw.col("worked_on") < end)
    found = to_pandas(rows.group_by("work_class").agg(nw.col("hours").sum()))
    aside = work.quarantine[
        (work.quarantine["table"] == "time_entries") & ~work.quarantine["reason"].isin(NOT_WORK)
    ]
    return found.set_index(found["work_class"].astype(str))["hours"].astype(float), float(len(aside))


def open_portfolio(folder: str | Path, *, quarter: str) -> Review:
    """Return the portfolio's quarter from a workspace folder.

    >>> open_portfolio("data/sample", quarter="2026Q2").client
    'All clients'
    """
    work = load(folder, until=quarter)
    made = study(work)
    return build_portfolio(work, made.panel, made.fit, made.comparison, quarter=quarter, earlier=made.before)


def compose_portfolio(b: PortfolioFacts) -> Review:
    """Return the review that the portfolio's facts make."""
    settings = b.settings
    with speaking(settings.language):
        last = b.start + pd.DateOffset(months=2)
        period = t("{first} to {last} {year}", first=month_name(b.start), last=month_name(last), year=b.start.year)
        writers = (by_month, curve, directions, above_the_line, billing, data, decisions, method)
        return Review(
            **of_settings(settings, settings.language),
            client=t("All clients"),
            quarter=b.quarter,
            period=period,
            minutes=b.now.minutes,
            status=b.fit.shape if b.fit.usable else "too-early",
            sections=(headline(b, period), *(write(b) for write in writers)),
            table=b.months,
        )


def headline(b: PortfolioFacts, period: str) -> Section:
    """The quarter on one page: one number, who needs attention, what is to be decided."""
    now = b.now
    title = claims.level_of_all(now, b.before, b.both, b.target, words(b.settings.hours_are))
    every, hours_are = float(len(b.clients)), t(b.settings.hours_are)
    scope = t("Who: {clients} clients with {computers} computers took {hours} {hours_are} in {period}.",
              period=period, clients=every, computers=b.computers, hours=now.hours,
              hours_are=hours_are)  # fmt: skip
    above = count((b.clients["excess"] > 0).sum(), "Above the goal: {n} client of {all}.",
                  "Above the goal: {n} clients of {all}.", all=every)  # fmt: skip
    first = b.clients.loc[b.clients["need"] > 0, "client"].head(3).tolist()
    need = t("Needs attention: {clients}.", clients="; ".join(first)) if first else t(
        "Needs attention: No client rose or came in above its forecast.")  # fmt: skip
    rows = [("before", t("Before"), spread(b.before)), ("now", t("This quarter"), spread(now))]
    table = levels(rows, b.target, now.beyond(b.target).say("goal, mark", line=b.target))
    notes = t(
        "All hours over all computers: large clients weigh more. The next slides look at clients one by one."
    )
    unit = t("All clients: minutes per computer and month")
    note = t("Ranges: 95%, by the differences between clients.")
    boxes = (scope, above, need)
    return Section("quarter", title, boxes, table, notes, "quarter", (unit,), footnote=note)


def by_month(b: PortfolioFacts) -> Section:
    """The minutes by month of the same clients, so that those that came or left do not move them."""
    table = b.same[["month", "minutes"]].assign(kind="month", label="", normal_low=np.nan, normal_high=np.nan)
    table["quarter"], table["target"] = table["month"] >= b.start, b.target
    sizes = b.months["clients"].dropna()
    unit = words(b.settings.hours_are)["unit"]
    title, chart = t("This is the time of all clients by month"), t("All clients: {unit}", unit=unit)
    paragraphs = [
        t("The portfolio had {first} clients in its first month and {last} in its last.",
          first=sizes.iloc[0], last=sizes.iloc[-1]),
    ]  # fmt: skip
    if np.isfinite(b.stayed[0]):
        then, now = map(minutes, b.stayed)
        title = t("Clients that stayed took {then} a year ago and {now} now", then=then, now=now)
        chart = t("The same clients in every month: {unit}", unit=unit)
    notes = t("Months are pooled: sum of hours over sum of computers.")
    return Section("minutes", title, tuple(paragraphs), table, notes, "months", (chart,), footnote=paragraphs[0])


def directions(b: PortfolioFacts) -> Section:
    """Who improves and who does not; those that need attention first, by name."""
    improving, every = int(b.improving.sum()), float(len(b.clients))
    title = t("{falling} of {all} clients improve", falling=float(improving), all=every)
    title = count((b.clients["need"] > 0).sum(), "{title}; {n} rose or came in above its forecast",
                  "{title}; {n} rose or came in above their forecast", title=title)  # fmt: skip
    kinds = b.clients["follows"].value_counts()
    boxes = [
        t("Improving: Its path falls beyond what chance explains, and it did not rise this quarter."),
        t("Directions: {list}.", list=", ".join(
            f"{t(DIRECTIONS[kind])} {number(float(n))}" for kind, n in kinds.items())),
    ]  # fmt: skip
    table = b.clients.head(MOST_NAMED)[["client", "before", "minutes", "forecast_low", "forecast_high", "excess"]]
    table = table.assign(direction=[t(DIRECTIONS[k]) for k in b.clients["follows"].head(MOST_NAMED)])
    table["forecast"] = [_span(*pair) for pair in table[["forecast_low", "forecast_high"]].to_numpy()]
    heads = {"client": t("Client"), "before": t("Minutes before"), "minutes": t("Minutes now"),
             "forecast": t("Forecast"), "direction": t("Direction"),
             "excess": t("Hours above the goal")}  # fmt: skip
    more = len(b.clients) - len(table)
    note = t("Those that rose or came in above their forecast first.")
    if more > 0:
        note += " " + t("{n} more clients are in the index.", n=float(more))
    notes = t("Judged on all months of a client since its onboarding.")
    return Section("directions", title, tuple(boxes), table, notes, "table", heads=heads, footnote=note)


def _span(low: float, high: float) -> str:
    return t("{low} to {high}", low=low, high=high) if np.isfinite(low) else "–"


def above_the_line(b: PortfolioFacts) -> Section:
    """Where the hours above the goal go."""
    over = b.clients[b.clients["excess"] > 0].sort_values("excess", ascending=False)
    if over.empty:
        title = t("No client is above the goal of {line} minutes", line=b.target)
        return Section("above", title, (t("There is no excess to work on this quarter."),))
    top, whole = over.head(3), over["excess"].sum()
    title = count(len(top), "{n} client takes {share} of the hours above the goal",
                  "{n} clients take {share} of the hours above the goal",
                  share=top["excess"].sum() / whole)  # fmt: skip
    table = over.head(MOST_NAMED)[["client", "minutes", "excess"]].reset_index(drop=True)
    boxes = (
        t("Above the goal: {hours} hours this quarter, {share} of all.", hours=whole, share=whole / b.now.hours),
        t("New clients: They usually start above the goal; compare with their forecast."),
        t("Shown: {n} of {all} clients above the goal.", n=float(len(table)), all=float(len(over))),
    )
    notes = t("Hours above the goal = (minutes - goal) x computers x months, over clients above it.")
    heads = {"client": t("Client"), "minutes": t("Minutes"), "excess": t("Hours above the goal")}
    return Section("above", title, boxes, table, notes, "table", heads=heads)


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
    chart = t("Typical client: minutes per computer, by months since the start")
    if not fit.gate.declines:
        title = t("Any fall after onboarding may be chance")
    elif fit.fades:
        title = t("Recorded hours fall, but less may be written down for each problem")
    elif fit.calendar.verdict == "open":
        title = t("Whether clients improve, or all hours fall, cannot be told")
    elif (two := fit.two_kinds) is not None:
        title = t("{share} of clients improve after onboarding, the others do not", share=two.share)
        chart = t("The middle of two kinds of clients: minutes per computer, by months since the start")
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
        *_drift(fit),
        _next_client(b),
    )
    return Section("curve", title, paragraphs, table, fit.text, "ages", (chart,), footnote=" ".join(paragraphs))


def _drift(fit: DecayFit) -> list[str]:
    """What moves all hours besides, where it is taken out of the curve."""
    if fit.calendar.verdict != "drift":
        return []
    moves = mark("Besides, the hours of all clients rise by {share} a month; this curve is as of {month}.")
    if fit.calendar.drift < 0:
        moves = mark("Besides, the hours of all clients fall by {share} a month; this curve is as of {month}.")
    return [t(moves, share=abs(fit.calendar.drift), month=month(fit.calendar.reference))]  # type: ignore[arg-type]


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
        return Section("billing", title, (needs,), notes=test.text, shown=False)
    title = {
        "faster": t("Fixed-fee clients improve faster than hourly ones"),
        "slower": t("Fixed-fee clients improve more slowly than hourly ones"),
    }.get(test.verdict, t("We see no clear difference between fixed-fee and hourly clients"))
    paragraphs = (
        t("Pace: Fixed-fee clients take {ratio} times as long to halve their excess as hourly ones ({low} to "
          "{high}).",
          ratio=number(test.ratio, 2), low=number(test.low, 2), high=number(test.high, 2)),
        t("More data: {needs}", needs=needs),
        t("A link, not a cause: Clients choose their contract, and hours that nobody bills may be written down "
          "less carefully."),
    )  # fmt: skip
    groups = test.groups.loc[list(GROUPS)]
    table = pd.DataFrame({"contract": map(t, GROUPS.values()), "clients": groups["clients"].to_numpy(float)})
    table["start"] = 60 * groups["start_h"].to_numpy()
    table["halving"] = groups["half_life_months"].to_numpy()
    heads = {"contract": t("Contract"), "clients": t("Clients"), "start": t("Minutes at the start"),
             "halving": t("Months to halve")}  # fmt: skip
    return Section("billing", title, paragraphs, table, test.text, "table", heads=heads)


def data(b: PortfolioFacts) -> Section:
    """Where the quarter's hours went, and what of them could not be used."""
    hours = b.hours.reindex(list(KINDS)).fillna(0.0).drop("quarantined")
    share = hours / hours.sum() if hours.sum() else hours * np.nan
    boxes = [
        t("Not classified: {share} of the quarter's hours.", share=float(share["unclassified"])),
    ]
    if b.aside:
        boxes.append(t("Set aside: {n} entries of all data, impossible or without a client. Sums and copies of "
                       "rows are no work.", n=number(b.aside)))  # fmt: skip
    if b.inferred:
        boxes.append(count(b.inferred, "Start of service: inferred for {n} client.",
                           "Start of service: inferred for {n} clients."))  # fmt: skip
    rows = [(t(KINDS[kind]), h, share[kind]) for kind, h in hours.items() if h > 0]
    table = pd.DataFrame(rows, columns=["item", "hours", "share"])
    heads = {"item": t("Item"), "hours": t("Hours"), "share": t("Share")}
    title = t("{share} of the quarter's hours could be classified", share=1 - float(share["unclassified"]))
    return Section("data", title, tuple(boxes), table, layout="table", heads=heads)


def decisions(b: PortfolioFacts) -> Section:
    """What the leadership should decide."""
    asked = []
    judged = b.clients[(b.clients["excess"] > 0) & (b.clients["follows"] != "too-early")]
    over = judged["client"].head(3).tolist()
    if over:
        asked.append(t("Do we look into the work for {clients}?", clients="; ".join(over)))
    if b.fit.usable and b.fit.population.loc[b.fit.target.level_column, "low"] > b.fit.target.target_h:
        asked.append(t("Is {line} minutes in month {n} still the goal?",
                       line=b.target, n=b.fit.target.months))  # fmt: skip
    if b.hours.get("unclassified", 0.0) > OPEN_SHARE * b.hours.sum():
        asked.append(t("Do we write rules for the hours that could not be classified?"))
    if b.inferred:
        asked.append(t("Do we look up the missing dates at which service began?"))
    if b.test.missing or b.test.verdict == "no clear difference":
        asked.append(t("Do we leave prices as they are until the contract question has an answer?"))
    asked.append(t("Do we send the client decks as they are?"))
    title = count(len(asked), "We have {n} decision to take", "We have {n} decisions to take")
    table = pd.DataFrame({"question": asked, "decision": True})
    heads = {"question": t("Question"), "decision": t("Decision")}
    notes = t("The answers are noted here in the meeting.")
    return Section("decisions", title, tuple(asked), table, notes, "plan", heads=heads)


def method(b: PortfolioFacts) -> Section:
    """What the figures are."""
    paragraphs = (
        t("The figure is {hours_are} of unplanned work, divided by the computers in service that month.",
          hours_are=t(b.settings.hours_are)),
        t(PRESETS[b.settings.preset]),
        t("In the study this is called RHEM: reactive hours per endpoint per month, definition {version}.",
          version=METRIC_VERSION),
        t("A typical client is the one in the middle; the average of all clients lies higher."),
        t("Up and down are said of a change of two standard errors or more, probably of 1.6 or more; of one "
          "client only of 3 or more, and outside of its forecast."),
    )  # fmt: skip
    title = t("This is what counts as {what} time", **words(b.settings.hours_are))
    return Section("method", title, paragraphs, appendix=True)
