"""The appendix of a review: all causes; what was counted, how good the data are, how the figures are made."""

import numpy as np
import pandas as pd

from rhem_lib.language import mark, month_name, number, sentence_case, t
from rhem_lib.review import claims
from rhem_lib.review.facts import Facts
from rhem_lib.review.section import Section
from rhem_lib.schema import METRIC_VERSION

PRESETS = {
    "unscheduled": mark("Unplanned work: incidents, problems, worked alerts and user requests."),
    "incidents": mark("Unplanned work: incidents, problems and worked alerts, without user requests."),
    "all-support": mark("All work that is not project, onboarding, internal or leave."),
}
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
MOST_CAUSES = 10


def causes(f: Facts) -> Section | None:
    """Every cause with its tickets and minutes, before, now and usual; they add up to the whole."""
    rows = f.causes.sort_values("minutes", ascending=False)
    if not (rows["hours"] > 0).any():
        return None
    table = pd.DataFrame({
        "cause": [f.cause(name) for name in rows["name"]], "tickets_before": rows["problems_before"].to_numpy(),
        "tickets": rows["problems"].to_numpy(), "usual": rows["usual"].to_numpy(),
        "minutes_before": rows["minutes_before"].to_numpy(), "minutes": rows["minutes"].to_numpy(),
        "share": rows["share"].to_numpy(),
    })  # fmt: skip
    table.insert(6, "change", table["minutes"] - table["minutes_before"].fillna(0.0))
    rest = table.iloc[MOST_CAUSES:]
    if len(rest) > 1:
        other = rest.drop(columns="cause").sum(min_count=1)
        table = pd.concat([table.iloc[:MOST_CAUSES], pd.DataFrame([{"cause": t("All others"), **other}])])
    whole = table.drop(columns="cause").sum(min_count=1)
    table = pd.concat([table, pd.DataFrame([{"cause": t("All"), **whole}])], ignore_index=True)
    table["kind"] = ["row"] * (len(table) - 1) + ["result"]
    if f.before is None:
        table = table.drop(columns=["tickets_before", "usual", "minutes_before", "change"])
    names = {"cause": t("Cause"), "tickets_before": t("Tickets before"), "tickets": t("Tickets now"),
             "usual": t("Usual minutes"), "minutes_before": t("Minutes before"), "minutes": t("Minutes now"),
             "change": t("Change"), "share": t("Share")}  # fmt: skip
    heads = {column: head for column, head in names.items() if column in table}
    note = t(
        "Minutes per computer and month. Usual: the year before, pooled. A ticket counts once, a child with "
        "its parent."
    )
    return Section("causes", sentence_case(claims.top_causes(f)), _boxes(f), table, layout="table", heads=heads,
                   footnote=note, appendix=True)  # fmt: skip


def _boxes(f: Facts) -> tuple[str, ...]:
    now, hours_are = f.now, t(f.settings.hours_are)
    return (
        t("What is counted: {preset}", preset=t(PRESETS[f.settings.preset])),
        t("What is not: Planned maintenance ({scheduled} hours in the quarter), projects ({project} hours), "
          "onboarding and internal work.", **_planned(f).sum().to_dict()),
        t("How it is divided: {hours} {hours_are} over {exposure} computer-months: {minutes}. Months are added up "
          "first and divided once (RHEM {rhem} h, definition {version}).",
          hours=number(now.hours, 1), hours_are=hours_are, exposure=number(now.exposure), minutes=now.minutes,
          rhem=number(now.minutes / 60, 2), version=METRIC_VERSION),
    )  # fmt: skip


def counted(f: Facts) -> Section:
    """The months of the quarter, how good their data are, and how a forecast is made."""
    title, _ = claims.classified(f)
    rows = f.in_quarter
    names = [month_name(when) for when in rows["month"]]
    served = rows["exposure"] > 0
    days = f.entries.groupby(f.entries["worked_on"].dt.to_period("M"))["worked_on"].nunique()
    by_month = {
        t("Computers listed"): rows["endpoints"], t("Computer-months in service"): rows["exposure"],
        t("Days with work"): rows["month"].dt.to_period("M").map(days).astype(float),
        t("Tickets begun"): rows["reactive_tickets"], t("Hours counted"): rows["reactive_hours"],
        t("Hours not classified"): rows["unclassified_hours"],
        t("Planned maintenance hours"): _planned(f)["scheduled"], t("Project hours"): _planned(f)["project"],
    }  # fmt: skip
    table = pd.DataFrame([[item, *values.where(served, np.nan).tolist(), values.where(served).sum()]
                          for item, values in by_month.items()], columns=["item", *names, "quarter"])  # fmt: skip
    table.loc[0, "quarter"] = float(f.computers_now)
    table.loc[len(table)] = [t("Minutes per computer"), *rows["minutes"].tolist(), f.now.minutes]
    table["kind"] = ["row"] * (len(table) - 1) + ["result"]
    heads = {"item": "", **{name: name for name in names}, "quarter": t("Quarter")}
    upper = 60 * (f.now.hours + float(rows["unclassified_hours"].sum())) / f.now.exposure
    note = ""
    if rows["unclassified_hours"].any():
        note = t(
            "If all hours that could not be classified counted, the quarter would be {minutes}.", minutes=upper
        )
    return Section("counted", title, (*_methods(f), *_remarks(rows)), table, layout="table", heads=heads,
                   footnote=note, appendix=True)  # fmt: skip


def _planned(f: Facts) -> pd.DataFrame:
    """Hours of planned work in the months of the quarter, a row each as in `in_quarter`."""
    return f.planned.reindex(f.in_quarter["month"]).fillna(0.0).set_axis(f.in_quarter.index)


def _methods(f: Facts) -> tuple[str, ...]:
    how = t(
        "How a forecast is made: The time falls from a starting level to a resting level. Your own months and "
        "those of all clients inform it; a forecast uses only months before its quarter."
    )
    if not f.forecast.known and not f.ahead.known:
        how = t("How a forecast is made: There is not enough data yet for one.")
    sure = t(
        "How sure we are: A range says where the figure would lie if chance had sent other tickets. We say up or "
        "down only of a change three times its own error that left our forecast or "
        "goes on a fall."
    )
    return how, sure


def _remarks(rows: pd.DataFrame) -> list[str]:
    """What to know about single months; one paragraph for those with the same remarks."""
    by_flag: dict[str, list[str]] = {}
    by_months: dict[str, list[str]] = {}
    for _, row in rows.iterrows():
        flags = str(row["flags"]).split()
        if not flags and not np.isfinite(row["minutes"]):
            flags = ["no-endpoints"]
        for flag in flags:
            by_flag.setdefault(flag, []).append(month_name(row["month"]))
    for flag, names in by_flag.items():
        months = t("All months") if len(names) == len(rows) > 1 else ", ".join(names)
        by_months.setdefault(months, []).append(t(PLAIN_FLAGS[flag]))
    return [t("{months}: {remark}", months=m, remark=" ".join(each)) for m, each in by_months.items()]
