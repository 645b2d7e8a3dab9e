"""The appendix of a review: what was counted, how good the data are, how the figures are made."""

import numpy as np
import pandas as pd

from rhem_lib.language import mark, month, number, sentence_case, t
from rhem_lib.review.facts import Facts
from rhem_lib.review.section import Section
from rhem_lib.schema import METRIC_VERSION

PRESETS = {
    "unscheduled": mark("Unplanned work here means incidents, problems, worked alerts and user requests."),
    "incidents": mark(
        "Unplanned work here means incidents, problems and worked alerts; user requests are left out."
    ),
    "all-support": mark("Unplanned work here means all work that is not project, onboarding, internal or leave."),
}
NEARLY = 0.05  # share of unsorted hours that leaves the picture as it is
PLAIN_FLAGS = {
    "partial-month": mark("In service, or measured, for a part of the month only."),
    "carried-endpoints": mark("No list of computers this month; the last one is used."),
    "contracted-endpoints": mark("No list of computers this month; the number of the agreement is used."),
    "no-endpoints": mark("No count of computers is known, so there is no figure."),
    "inferred-onboarding": mark("The start of our work is taken from the first agreement or computer list."),
    "outside-hours": mark("Hours before the start or after the end of service are not counted."),
    "hours-without-exposure": mark("Work in a month without computers in service is in no figure."),
    "coverage-gap": mark("The records of this month are not complete, so there is no figure."),
    "thin-month": mark("Far fewer records than usual; the figure may be too low."),
    "negative-hours": mark("Credits for earlier work exceed the work of this month; it is drawn as 0."),
    "zero-hours": mark("Computers in service and no unplanned work."),
    "billing-switch": mark("The agreement changed inside the month."),
}


def counted(f: Facts) -> Section:
    """The definition of the figure and what went into it."""
    s, hours_are = f.settings, t(f.settings.hours_are)
    paragraphs = (
        t("The figure is {hours_are} of unplanned work, divided by the computers in service that month.",
          hours_are=hours_are),
        t(PRESETS[s.preset]),
        t("Planned maintenance, projects, onboarding and internal work are left out."),
        t("Several months are added up first and divided once; months are not averaged."),
        t("In RHEM terms (hours per endpoint per month, definition {version}) the quarter is {hours} h.",
          version=METRIC_VERSION, hours=number(f.now.minutes / 60, 2)),
    )  # fmt: skip
    rows = [
        (t("{Hours_are} counted", Hours_are=sentence_case(hours_are)), f.now.hours),
        (t("Time entries"), float(f.entries)),
        (t("Problems worked on"), f.now.tickets),
        (t("Computer-months in service"), f.now.exposure),
        (t("Months in service, of 3"), float(f.now.months)),
    ]
    table = pd.DataFrame(rows, columns=["item", "value"])
    title = t("This is what counts as {what} time", **f.words)
    heads, notes = {"item": t("Item"), "value": t("Value")}, t("Preset: {preset}.", preset=s.preset)
    return Section("counted", title, paragraphs, table, notes, "table", heads=heads, appendix=True)


def quality(f: Facts) -> Section:
    """What to know about the data of the quarter; the bound from hours that could not be sorted."""
    unsorted, outside = (float(f.in_quarter[c].sum()) for c in ("unclassified_hours", "outside_hours"))
    upper = 60 * (f.now.hours + unsorted) / f.now.exposure
    paragraphs = [t("Every hour could be sorted into planned or unplanned work.")]
    if unsorted > 0:
        paragraphs = [
            t("{hours} hours could not be sorted ({share}). If all were unplanned, the figure would be {minutes}.",
              hours=number(unsorted, 1), share=unsorted / (unsorted + f.now.hours), minutes=upper)
        ]  # fmt: skip
    if outside:
        paragraphs.append(t("{hours} hours fell outside the time in service; they are not in the figure.",
                            hours=number(outside, 1)))  # fmt: skip
    rows = [(month(row["month"]), remark) for _, row in f.in_quarter.iterrows() for remark in _remarks(row)]
    table = pd.DataFrame(rows, columns=["month", "remark"]) if rows else None
    title = t("These are the weak spots of the data")
    if not rows and unsorted <= NEARLY * f.now.hours:
        title = t("The data of this quarter are nearly complete") if unsorted else t("The data are complete")
    remark = t("The table lists what to know about single months.") if rows else t("No month needs a remark.")
    heads = {"month": t("Month"), "remark": t("Remark")}
    return Section("quality", title, (*paragraphs, remark), table, "", "table", heads=heads, appendix=True)


def _remarks(row: pd.Series) -> list[str]:
    flags = str(row["flags"]).split()
    if not flags and not np.isfinite(row["minutes"]):
        return [t("No figure: no computer in service, or no count.")]
    return [t(PLAIN_FLAGS[flag]) for flag in flags]


def method(f: Facts) -> Section:
    """How the expected path, the band and the firm or likely words come about."""
    goal = f.settings.targets
    path = mark(
        "The expected path falls from a starting level to a resting level. All clients inform it; "
        "each client has its own. This quarter's months are part of the fit."
    )
    if not np.isfinite(f.curve.expected):
        path = mark("There is not enough data yet for an expected path, so none is shown.")
    elif not f.curve.own:
        path = mark("This client has no path of its own yet; any path shown is that of a typical client.")
    paragraphs = (
        t(path),
        t("The band contains the path with {share} certainty; single months scatter more widely.", share=0.95),
        t("'Clearly' means a difference of two standard errors or more, 'likely' means one or more."),
        t("The {line}-minute line is the goal for month {n}; {minutes} is the reference at the start.",
          line=f.target, n=goal.months, minutes=60 * goal.start_h),
    )  # fmt: skip
    return Section("method", t("This is how the expected path is made"), paragraphs, appendix=True)
