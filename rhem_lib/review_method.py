"""The appendix of a review: what was counted, how good the data are, how the figures are made."""

import numpy as np
import pandas as pd

from rhem_lib.review_facts import Facts
from rhem_lib.review_words import Section, line, minutes, noun, number, percent
from rhem_lib.schema import FLAGS, METRIC_VERSION

PRESETS = {
    "unscheduled": "incidents, problems, worked alerts and user requests",
    "incidents": "incidents, problems and worked alerts; user requests are left out",
    "all-support": "all work that is not project, onboarding, internal or leave",
}
NEARLY = 0.05  # share of unsorted hours that leaves the picture as it is
PLAIN_FLAGS = {"zero-hours": "Computers in service and no unplanned work."}


def counted(f: Facts) -> Section:
    """The definition of the figure and what went into it."""
    what, s = noun(f.settings.hours_are), f.settings
    said = (
        f"The figure is {s.hours_are} of unplanned work, divided by the computers in service that month.",
        f"Unplanned work here means {PRESETS[s.preset]}.",
        "Planned maintenance, projects, onboarding and internal work are left out.",
        "Several months are added up first and divided once; months are not averaged.",
        f"In RHEM terms (hours per endpoint per month, definition {METRIC_VERSION}) "
        f"the quarter is {f.now.minutes / 60:.2f} h.",
    )
    rows = [
        (f"{s.hours_are.capitalize()} counted", f.now.hours),
        ("Time entries", float(f.entries)),
        ("Problems worked on", f.now.tickets),
        ("Computer-months in service", f.now.exposure),
        ("Months in service, of 3", float(f.now.months)),
    ]
    table = pd.DataFrame(rows, columns=["item", "value"])
    return Section(
        "counted", f"This is what counts as {what} time", said, table, f"Preset: {s.preset}.", appendix=True
    )


def quality(f: Facts) -> Section:
    """What to know about the data of the quarter; the bound from hours that could not be sorted."""
    unsorted, outside = (float(f.in_quarter[c].sum()) for c in ("unclassified_hours", "outside_hours"))
    upper = 60 * (f.now.hours + unsorted) / f.now.exposure
    said = []
    if unsorted > 0:
        said.append(
            f"{number(unsorted, 1)} hours could not be sorted ({percent(unsorted / (unsorted + f.now.hours))}). "
            f"If all were unplanned, the figure would be {minutes(upper)}."
        )
    else:
        said.append("Every hour could be sorted into planned or unplanned work.")
    if outside:
        said.append(f"{number(outside, 1)} hours fell outside the time in service; they are not in the figure.")
    rows = [(f"{row['month']:%B %Y}", remark) for _, row in f.in_quarter.iterrows() for remark in _remarks(row)]
    table = pd.DataFrame(rows, columns=["month", "remark"]) if rows else None
    said.append("The table lists what to know about single months." if rows else "No month needs a remark.")
    title = "These are the weak spots of the data"
    if not rows and unsorted <= NEARLY * f.now.hours:
        title = f"The data of this quarter are {'nearly ' if unsorted else ''}complete"
    return Section("quality", title, tuple(said), table, "", appendix=True)


def _remarks(month: pd.Series) -> list[str]:
    flags = str(month["flags"]).split()
    if not flags and not np.isfinite(month["minutes"]):
        return ["No figure: no computer in service, or no count."]
    return [PLAIN_FLAGS.get(flag, FLAGS.get(flag, flag)) for flag in flags]


def method(f: Facts) -> Section:
    """How the expected path, the band and the firm or likely words come about."""
    t = f.settings.targets
    path = (
        "The expected path falls from a starting level to a resting level. All clients inform it; "
        "each client has its own. This quarter's months are part of the fit."
    )
    if not np.isfinite(f.path.expected):
        path = "There is not enough data yet for an expected path, so none is shown."
    elif not f.path.own:
        path = "This client has no path of its own yet; any path shown is that of a typical client."
    said = (
        path,
        "The band holds the path with 95% certainty; single months scatter more widely.",
        "'Clearly' means a difference of two standard errors or more, 'likely' means one or more.",
        f"The {number(line(f))}-minute line is the goal for month {t.months}; "
        f"{minutes(60 * t.start_h)} is the reference at the start.",
    )
    return Section("method", "This is how the expected path is made", said, None, "", appendix=True)
