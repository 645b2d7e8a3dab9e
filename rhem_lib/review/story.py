"""The pages of a client's review, in the order in which they are told: each answers one question."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rhem_lib.language import count, first_line, locale, mark, month_span, number, sentence_case, short_day, t
from rhem_lib.metric import NOT_RECORDED, split, staff_hours
from rhem_lib.review import actions, claims, ledger
from rhem_lib.review.facts import CLASSIFIED, Facts, Level, Range
from rhem_lib.review.section import Section, spell
from rhem_lib.settings import TECHNICIAN

NO_RANGE = Range(np.nan, np.nan, np.nan)
FEW_ACTIONS = 2  # leave room for the months of their causes
ROOM = 125  # characters of a box of the first page
TEN = 10  # computers, of which tickets are counted
STATES = {
    "reached": mark("● Reached"),
    "on-the-way": mark("○ On the way"),
    "at-risk": mark("▲ At risk"),
    "": mark("□ Holds   □ Changed"),
}


def quarter(f: Facts) -> Section:
    """The quarter on one page: one number, what was forecast, what changed, what we did and need."""
    due = f.settings.targets.months if f.age < f.settings.targets.months else 0
    moved = claims.moved(f.before, f.change, claims.missed(f))
    title = claims.level(f.now, f.before, moved, f.target, f.words, claims.is_back(f), due)
    title = claims.at_least(f) if f.classified < CLASSIFIED else title
    head, came = claims.forecast(f.now.minutes, f.forecast)
    rows = [
        ("before", _span(f, back=3), spread(f.before)),
        ("forecast", t("Our forecast"), f.forecast),
        ("now", _span(f), claims.level_range(f)),
        ("ahead", t("Next forecast"), f.ahead),
    ]
    table = levels(rows, f.target, claims.goal_mark(f))
    unit = t("{head}: minutes; hatched: forecasts", head=head)
    note = t(
        "Ranges: chance of tickets, 95% (what came); 90% prediction (forecasts, from data before their quarter)."
    )
    note = f"{claims.missing(f)} {note}".strip()
    notes = f"{claims.evidence(f, spell(f))} {came} {claims.outlook(f)} {claims.goal(f)}"
    boxes = (_people(f), _did(f), _need(f))
    return Section("quarter", title, boxes, table, notes, "quarter", (unit,), footnote=note)


def levels(rows: list[tuple[str, str, Range]], target: float, state: str) -> pd.DataFrame:
    """Return levels with their ranges, those that are known, and the goal with its state in words."""
    kept = [(key, item, r.value, r.low, r.high) for key, item, r in rows if r.known]
    kept.append(("goal", state, target, np.nan, np.nan))
    return pd.DataFrame(kept, columns=["key", "item", "minutes", "low", "high"])


def spread(level: Level | None) -> Range:
    """Return a level as a number with its limits."""
    return Range(level.minutes, level.low, level.high) if level else NO_RANGE


def _span(f: Facts, back: int = 0) -> str:
    """Return the months of the quarter, or of one some months back."""
    first = f.start - pd.DateOffset(months=back)
    return month_span(first, first + pd.DateOffset(months=2))


def _people(f: Facts) -> str:
    """What the quarter was for those who work there; tickets that monitoring opened are no one's."""
    alerts = float((f.entries["first"] & (f.entries["type"].str.casefold() == "alert")).sum())
    sentence = _tickets(f)
    return f"{sentence} " + t("Monitoring opened {n} of them.", n=alerts) if alerts else sentence


def _tickets(f: Facts) -> str:
    n, each = f.now.tickets, f.now.minutes_per_ticket
    if not n and f.now.hours > 0:
        return t("Your people: They had no new ticket; the time went into earlier ones.")
    if not n:
        return t("Your people: They needed no help with their computers.")
    sentence = count(n, "Your people: They had {n} ticket.", "Your people: They had {n} tickets.")
    if f.before is None or f.change is None or not f.before.tickets or f.before.months != f.now.months:
        return f"{sentence} " + t("Solving one took {minutes}.", minutes=each)
    more = n - f.before.tickets
    than = mark("Your people: {n} tickets, {by} more than in the quarter before.")
    if more < 0:
        than = mark("Your people: {n} tickets, {by} fewer than in the quarter before.")
    sentence = t(than, n=n, by=abs(more)) if more else sentence
    return f"{sentence} " + t("Solving one took {minutes}, before {before}.",
                          minutes=each, before=number(f.before.minutes_per_ticket))  # fmt: skip


def _did(f: Facts) -> str:
    """What became of our promises; where there were none, what took the time."""
    made = ledger.promises(f)
    if len(made):
        open_ones = made[made["state"] != "kept"]
        still = t("Still open: {action}.", action=open_ones["promise"].iloc[0]) if len(open_ones) else ""
        kept = claims.kept(made)
        named = "; ".join(_lower(name) for name in made.loc[made["state"] == "kept", "promise"])
        kept = f"{kept}: {named}" if named and len(kept + named + still) <= ROOM else kept
        return t("What we did: {kept}. {still}", kept=kept, still=still).strip()
    if f.now.hours < 0:
        return t("What we did: We corrected work of earlier quarters.")
    if f.now.hours == 0:
        return t("What we did: Nothing needed our help.")
    most = f.causes[(f.causes["name"] != NOT_RECORDED) & (f.causes["hours"] > 0)].head(3)
    if len(most) < 2:
        return t("What took the time: {top}.", top=sentence_case(claims.top_cause(f)))
    causes = [count(n, "{cause} {share} ({n} ticket)", "{cause} {share} ({n} tickets)",
                    cause=f.cause(name, inside=i > 0), share=float(share))
              for i, (name, share, n) in enumerate(most[["name", "share", "problems"]].to_numpy())]  # fmt: skip
    sentence = mark("What took the time: {causes}.")
    if f.classified < CLASSIFIED:
        sentence = mark("What took the classified time: {causes}.")
    return t(sentence, causes=", ".join(causes))


def _need(f: Facts) -> str:
    """Which decisions the last page asks for."""
    planned = actions.planned(f)
    asked, nobody = [a for a in planned if a.decision], sum(not a.owner for a in planned)
    if not asked:
        return count(nobody, "What we need: An owner for one action; no decision is open.",
                     "What we need: Owners for {word} actions; no decision is open.") if nobody else t(
            "What we need: Nothing today; no decision is open.")  # fmt: skip
    named = [(_lower(first_line(a.action)), _lower(first_line(a.found))) for a in asked]
    listed = "; ".join(f"{action} ({found})" if found else action for action, found in named)
    if len(listed) > ROOM:
        listed = "; ".join(action for action, _ in named)
    return count(len(asked), "What we need: One decision: {listed}.",
                 "What we need: {Word} decisions: {listed}.", listed=listed)  # fmt: skip


def _lower(text: str) -> str:
    return text if locale().language != "en" else text[:1].lower() + text[1:]


def minutes_by_month(f: Facts) -> Section:
    """Every month, beside its normal range and the forecast."""
    title, above = claims.outside(f)
    table = f.months[["month", "minutes", "normal_low", "normal_high"]].assign(kind="month", label="")
    for _, row in above.iterrows():
        cause = claims.peak_cause(f, row["month"])
        table.loc[table["month"] == row["month"], "label"] = _by_cause(f, *cause) if cause else ""
    ahead = t("{value} ({low} to {high})", value=f.ahead.value, low=f.ahead.low, high=f.ahead.high)
    table = pd.concat([table, f.ahead_months.assign(kind="ahead", label=ahead)], ignore_index=True)
    table["quarter"], table["target"] = table["month"].between(f.start, f.end - pd.Timedelta(days=1)), f.target
    known = f.months.dropna(subset=["minutes", "normal_low"])
    inside = int(known["minutes"].between(known["normal_low"], known["normal_high"]).sum())
    band = t("There is no normal range before a first forecast.")
    if len(known):
        band = t("Normal range: nine of ten months should fall inside; {inside} of {n} did. From data before this "
                 "quarter.", inside=inside, n=len(known))  # fmt: skip
    paragraphs, gaps = [claims.outlook(f), claims.goal(f), claims.fell(f)], claims.missing(f)
    if len(table) == 1:  # a lone dot is no chart
        title = t("There is one month so far, so there is no course to show yet")
        return Section("minutes", title, tuple(filter(None, paragraphs)), table, shown=False)
    unit = t("{What} by month: minutes per computer", **f.words)
    notes = f"{claims.evidence(f, spell(f))} {band}"
    return Section(
        "minutes",
        title,
        tuple(filter(None, paragraphs)),
        table,
        notes,
        "months",
        (unit,),
        footnote=f"{gaps} {band}".strip(),
    )


def _by_cause(f: Facts, name: str, _: float, minutes: float) -> str:
    """How much of a month a cause took, and usually takes."""
    usual = f.causes.set_index("name")["usual"].get(name, np.nan)
    sentence = mark("{n} by {cause},\nusually {usual}") if np.isfinite(usual) else mark("{n} by {cause}")
    return t(sentence, n=minutes, cause=f.cause(name, inside=True), usual=float(usual))


def why(f: Facts) -> Section | None:
    """Fewer or more tickets, shorter or longer fixes, and which causes; none in a first quarter."""
    base, now = f.before, f.now
    if f.short or base is None or f.change is None or not (base.tickets and now.tickets):
        return None
    pair = (base, now)
    pairs = (np.array([[getattr(s, name)] for s in pair]) for name in ("tickets_per_computer", "minutes"))
    by_number, by_time = (float(part[0]) for part in split(*pairs))
    bridge = pd.DataFrame([
        ("bridge", "before", _span(f, back=3), base.minutes),
        ("bridge", "number", t("More tickets") if by_number >= 0 else t("Fewer tickets"), by_number),
        ("bridge", "time", t("Longer fixes") if by_time >= 0 else t("Faster fixes"), by_time),
        ("bridge", "now", _span(f), now.minutes),
    ], columns=["kind", "key", "name", "change"])  # fmt: skip
    causes = claims.moves(f)
    causes = causes.assign(kind="cause", key=causes["name"], name=[f.cause(n) for n in causes["name"]])
    states = causes["key"].isin(f.causes.loc[f.causes["rose"], "name"]).map({True: "firm", False: f.change.sure})
    parts = [bridge.assign(state=f.change.sure), causes[bridge.columns].assign(state=states)]
    table = pd.concat(parts, ignore_index=True)
    rates = {"now": TEN * now.tickets_per_computer, "before": TEN * base.tickets_per_computer}
    rose = f.causes.loc[f.causes["rose"] & (f.causes["name"] != NOT_RECORDED), "name"].head(2)
    beyond = [t("{cause} rose more than chance explains.", cause=f.cause(name)) for name in rose]
    right = [_top(f), *(beyond or [t("No single cause rose more than chance explains.")]), claims.few_computers(f)]
    left = (
        t("Tickets: {now} per 10 computers and month, before {before}.", **rates),
        t("Time for each: {minutes}, before {before}.",
          minutes=now.minutes_per_ticket, before=base.minutes_per_ticket),
        t("Together: {change}", change=claims.together(f)),
    )  # fmt: skip
    charts = (t("Tickets and fixes: minutes per computer and month"),
              t("Where it came from: change in minutes"))  # fmt: skip
    note = t("Parts add up to the change in both charts. A ticket counts once, in the month of its first work.")
    return Section("why", claims.why(f, by_number, by_time), (*left, *filter(None, right)), table,
                   claims.evidence(f, spell(f)), "why", charts, footnote=note, left=len(left))  # fmt: skip


def _top(f: Facts) -> str:
    row = f.causes[f.causes["name"] != NOT_RECORDED].head(1)
    if row.empty:
        return sentence_case(claims.top_cause(f)) + "."
    name, share, n, before = row[["name", "share", "problems", "problems_before"]].iloc[0]
    alike = f.before is not None and f.before.months == f.now.months
    sentence = mark("{cause} took {share} of the time, with {n} tickets, before {before}.") if alike else mark(
        "{cause} took {share} of the time, with {n} tickets.")  # fmt: skip
    return t(sentence, cause=f.cause(name), share=float(share), n=float(n), before=float(before))


def promises(f: Facts) -> Section | None:
    """What was promised, done or open, and whether its cause fell; our forecasts scored; figures restated."""
    made, history, restated = ledger.promises(f), ledger.scored(f), ledger.restated(f)
    if made.empty:
        return None
    title, open_ones = claims.kept(made), made[made["state"] != "kept"]
    if len(open_ones):
        first = open_ones.iloc[0]
        title = t("{title}; still open: {action} ({owner}, due {due})", title=title, action=first["promise"],
                  owner=first["owner"], due=short_day(first["due"]))  # fmt: skip
    paragraphs = [t("This quarter: {came}", came=claims.forecast(f.now.minutes, f.forecast)[1]),
                  claims.outlook(f), restated]  # fmt: skip
    heads = {"promise": t("Promise"), "owner": t("Owner"), "due": t("Due"), "wording": t("State"),
             "cause": t("Its cause"), "effect": t("How that moved")}  # fmt: skip
    note = t("Its cause: minutes per computer and month in the quarter before and in this one.")
    notes = t("Open promises are carried over until they are closed.")
    head, left = _scores(history), 2 if restated else 1
    if head:
        note, left = note + " " + t("Ranges of forecasts: 90%."), 0
    months = actions.months_of(f, [] if head else made["about"], most=1)  # in the place of forecasts
    if len(months):
        head, left = actions.heads_of(months), 0
    table = [made.assign(kind="promise"), history.assign(kind="forecast"), months]
    table = _filled(pd.concat(table, ignore_index=True))
    return Section("promises", title, tuple(filter(None, paragraphs)), table, notes, "promises", head, heads,
                   footnote=note, left=left)  # fmt: skip


def _scores(history: pd.DataFrame) -> tuple[str, ...]:
    """Return the head of the chart of forecasts; a single one is no chart."""
    if len(history) < 2:
        return ()
    held, n = int(history["came"].between(history["low"], history["high"]).sum()), len(history)
    return (t("{held} of {n} forecasts held: hatched: forecast; dot: what came", held=held, n=n),)


def worth(f: Facts) -> Section | None:
    """Time given back against the measured start; none without one, or where the range holds 0."""
    title = "" if f.short else claims.given_back(f)
    if not title or f.first is None:
        return None
    started = claims.start(f)
    rows = [("pace", t("the first months"), spread(f.first)), ("pace", t("the quarter before"), spread(f.before)),
            ("pace", t("this quarter"), spread(f.now))]  # fmt: skip
    spans = [
        ("hours", t("this quarter"), f.now),
        ("hours", t("this year"), f.year),
        ("hours", t("since then"), f.since),
    ]
    less = 1.0 if f.now.minutes < f.first.minutes else -1.0
    rows += [
        (kind, item, s.hours_given_back(f.first).rounded.times(less)) for kind, item, s in spans if s is not None
    ]
    shown = [(kind, sentence_case(item), r.value, r.low, r.high) for kind, item, r in rows if r.known]
    table = pd.DataFrame(shown, columns=["kind", "item", "value", "low", "high"])
    now = f.now.hours_given_back(f.first).rounded.times(less)
    fewer = less > 0
    left = (
        t("Your start: measured, not assumed: {minutes} in {start}.", minutes=f.first.minutes, start=started),
        t("This quarter: at that pace it takes {would} hours; it took {hours}.",
          would=f.first.minutes * f.now.exposure / 60, hours=f.now.hours),
    )  # fmt: skip
    sentence = mark("Hours given back: {value} this quarter ({low} to {high}).") if fewer else mark(
        "More hours: {value} this quarter ({low} to {high}).")  # fmt: skip
    right = [t(sentence, value=now.value, low=now.low, high=now.high)]
    right.append(_staff(f, now) if fewer and f.settings.hours_are == TECHNICIAN else "")
    head = mark("Hours given back: {hours}") if fewer else mark("More hours than at that pace: {hours}")
    charts = (t("Your pace: minutes per computer and month"), t(head, hours=t(f.settings.hours_are)))
    note = t("Ranges: 95%. Since then: all months after {start}.", start=started)
    return Section("worth", title, (*left, *filter(None, right)), table, claims.evidence(f, spell(f)), "worth",
                   charts, footnote=note, left=len(left))  # fmt: skip


def _staff(f: Facts, spared: Range) -> str:
    """Hours of the client's own people and money, where the workspace says how to reckon them."""
    value = f.settings.value
    staff = staff_hours(np.array([spared.low, spared.high]), value)
    if staff is None or not value.devices_per_employee:
        return t("Whose: these are technicians' hours. What your own people gained by it was not measured.")
    low, high = staff.tolist()
    ratio = number(float(value.user_minutes_per_technician_minute or 0), 1)
    sentence = t(
        "Your people: {low} to {high} hours, at {ratio} minutes of theirs for each of ours (an assumption).",
        low=low,
        high=high,
        ratio=ratio,
    )
    if not value.wage_per_hour:
        return sentence
    money = {"low": value.wage_per_hour * low, "high": value.wage_per_hour * high, "currency": value.currency}
    return f"{sentence} " + t("That is {low} to {high} {currency}.", **money)


def next_steps(f: Facts) -> Section:
    """What we found, what we propose, what it saves, who does it, and what the client decides."""
    made = actions.planned(f)
    table = actions.table_of(made, f.end + pd.DateOffset(months=1) - pd.Timedelta(days=1))
    title = _next_title(made)
    notes = t("Saves: minutes of {what} a week above each cause's own usual level, 90% range.", **f.words)
    if f.edition().actions:
        suggested = "; ".join(a.action for a in actions.proposed(f)) or "–"
        notes += " " + t("The data suggest: {actions}.", actions=suggested)
    heads = {"found": t("What we found"), "action": t("What we propose"), "saves": t("Saves a week"),
             "owner": t("Owner"), "due": t("By"), "decision": t("Your decision")}  # fmt: skip
    if not len(table):
        return _nothing_to_do(f, notes)
    heads = {column: head for column, head in heads.items() if not table[column].isin(["", np.nan]).all()}
    note = t("Saves: minutes of {what} a week above the cause's own level of the year before, for {n} computers; "
             "90% ranges.", what=f.words["what"], n=f.computers_now)  # fmt: skip
    paragraphs = tuple(f"{action} ({found})." if found else f"{action}."
                       for action, found in table[["action", "found"]].map(first_line).to_numpy())  # fmt: skip
    section = Section("next", title, paragraphs, table.astype({"due": "datetime64[us]"}), notes, "plan",
                      heads=heads, footnote=note if "saves" in heads else "")  # fmt: skip
    months = actions.months_of(f, table["cause"])
    return _with_evidence(f, section, months) if len(table) <= FEW_ACTIONS else section


def _with_evidence(f: Facts, section: Section, months: pd.DataFrame) -> Section:
    """Return a page of few actions with the months of their causes; where fewer than two are known, what comes."""
    rows = [pd.DataFrame(section.table).assign(kind="action"), months]
    table, shown = _filled(pd.concat(rows, ignore_index=True)), section.paragraphs
    ahead = (claims.outlook(f), claims.goal(f))
    return replace(section, table=table, layout="evidence", charts=actions.heads_of(months),
                   paragraphs=(*shown, *ahead), left=len(shown))  # fmt: skip


def _filled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of rows of two kinds without gaps in its words."""
    return table.fillna(dict.fromkeys(table.select_dtypes("str"), ""))


def _nothing_to_do(f: Facts, notes: str) -> Section:
    """What was looked at, where nothing is proposed."""
    causes = t("None with {n} tickets or more took {least} minutes a week more than usual",
               n=actions.LEAST_TICKETS, least=actions.LEAST_MINUTES)  # fmt: skip
    usual = f.causes["usual"].notna().any() or not f.now.tickets
    found = {
        t("Causes of the work"): causes if usual else t("There are no earlier months to compare with"),
        t("Next quarter"): claims.outlook(f),
        t("Goal"): claims.goal(f),
    }
    table = pd.DataFrame({"question": list(found), "found": list(found.values()), "decision": False})
    heads = {"question": t("What we looked at"), "found": t("What we found")}
    high = len(claims.outside(f)[1]) or f.beyond_target.more or (f.change and f.change.more)
    title = t("We propose no action: no cause stands out that one could lower") if high else t(
        "No action is needed: nothing is above its usual level")  # fmt: skip
    title = title if usual else t(
        "It is too early to propose an action: there are no earlier months to compare with")  # fmt: skip
    return Section("next", title, (claims.outlook(f), claims.goal(f)), table, notes, "plan", heads=heads)


def _next_title(made: list[actions.Action]) -> str:
    middle, low, high = actions.total(made)
    asked = sum(a.decision for a in made)
    if np.isfinite(middle):
        n = sum(bool(np.isfinite(a.saves[0])) for a in made)
        title = count(n, "One fix could save about {middle} minutes a week ({low} to {high})",
                      "{Word} fixes could save about {middle} minutes a week ({low} to {high})",
                      middle=middle, low=low, high=high)  # fmt: skip
    elif made and asked == len(made):
        return count(asked, "One step for next quarter needs your decision: {first}",
                     "{Word} steps for next quarter need your decision: {first}, and more",
                     first=_lower(first_line(made[0].action)))  # fmt: skip
    elif made and made[0].owner:
        title = count(len(made), "We plan one action for next quarter, with owner and date",
                      "We plan {word} actions for next quarter, each with owner and date")  # fmt: skip
    else:
        title = step_title(len(made))
    if not asked:
        return t("{title}; nothing needs your decision", title=title)
    return count(asked, "{title}; one step needs your decision", "{title}; {word} steps need your decision",
                 title=title)  # fmt: skip


def step_title(steps: int) -> str:
    """Return a title that only counts the steps."""
    return count(steps, "We propose one step for next quarter", "We propose {word} steps for next quarter")


def goals(f: Facts) -> Section | None:
    """What the client wants to achieve, in its own words, and where that is; None where nothing is given."""
    given = f.own.goals
    if not given:
        return None
    title = count(len(given), "This is the goal that we work for; does it still hold?",
                  "These are the {n} goals that we work for; do they still hold?")  # fmt: skip
    by_state = {state: [first_line(g.goal) for g in given if g.state == state] for state in STATES}
    if any(g.state for g in given):
        title = count(len(given), "We reached {reached} of {n} goal", "We reached {reached} of {n} goals",
                      reached=len(by_state["reached"]))  # fmt: skip
        late, going = by_state["at-risk"], by_state["on-the-way"]
        if len(by_state["reached"]) == 1 < len(given):
            title = f"{title} ({by_state['reached'][0]})"
        if late or going:
            sentence = mark("{title}; at risk: {goal}") if late else mark("{title}; on the way: {goal}")
            title = t(sentence, title=title, goal=(late or going)[0])
    table = pd.DataFrame([{"goal": g.goal, "wording": t(STATES[g.state]), "helped": g.helped, "step": g.next,
                           "state": g.state} for g in given])  # fmt: skip
    heads = {
        "goal": t("Your goal"),
        "wording": t("State"),
        "helped": t("How support helped"),
        "step": t("Next step"),
    }
    heads = {column: head for column, head in heads.items() if (table[column] != "").any()}
    names = tuple(first_line(g.goal) for g in given)
    return Section("goals", title, names, table, t("Ask whether the goals still hold."), "plan", heads=heads)


def pages(f: Facts) -> list[Section]:
    """Pages of one's own."""
    return [Section(f"page {i}", page.title, tuple(page.paragraphs), picture=page.picture, edited=True)
            for i, page in enumerate(f.edition().pages, 1)]  # fmt: skip
