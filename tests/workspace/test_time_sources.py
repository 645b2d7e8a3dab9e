"""A file of one team or system that did not arrive is no month without work."""

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.schema import has_flag
from rhem_lib.workspace.time_sources import uncovered_months

HEAD = "entry_id,client,worked_on,hours,work_type\n"
RULES = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'
MONTHS = [str(month) for month in pd.period_range("2025-07", "2026-06", freq="M")]
EAST, WEST = [f"East {n}" for n in range(5)], [f"West {n}" for n in range(5)]
LISTS = "client,as_of,count\n" + "".join(f"{c},{m}-28,10\n" for c in EAST + WEST for m in MONTHS)


def rows(clients, months, days=range(2, 29, 3)):
    made = [(client, f"{month}-{day:02}") for client in clients for month in months for day in days]
    return HEAD + "".join(f"{client} {day},{client},{day},0.5,Remote\n" for client, day in made)


def monthly(team, clients, months):
    return {f"time-{team}-{month}.csv": rows(clients, [month]) for month in months}


def gaps(work):
    panel = rhem.measure(work)
    lost = panel[has_flag(panel, "coverage-gap")]
    assert (lost["exposure"] == 0).all()
    return sorted({*zip(lost["client"], lost["month"].dt.strftime("%Y-%m"), strict=True)})


def pairs(clients, months):
    return sorted((client, month) for client in clients for month in months)


@pytest.mark.many_cases
@pytest.mark.parametrize("missing", [["2026-02"], ["2026-05", "2026-06"], ["2025-07", "2025-08"]])
def test_months_without_the_file_of_a_team_do_not_count_for_its_clients(workspace, missing):
    files = monthly("east", EAST, MONTHS) | monthly("west", WEST, [m for m in MONTHS if m not in missing])
    work = rhem.load(workspace({**files, "pcs.csv": LISTS}, RULES))
    assert gaps(work) == pairs(WEST, missing)
    text = work.account.warnings.set_index("code").loc["coverage", "text"]
    assert f"hardly any time entry of {', '.join(missing)}" in text and "5 of their clients (West 0," in text


def test_a_file_of_a_team_that_was_cut_off_does_not_count_either(workspace):
    files = monthly("east", EAST, MONTHS) | monthly("west", WEST, MONTHS)
    files["time-west-2026-03.csv"] = rows(WEST, ["2026-03"], days=[2, 3])
    assert gaps(rhem.load(workspace({**files, "pcs.csv": LISTS}, RULES))) == pairs(WEST, ["2026-03"])


def test_a_confirmed_zero_counts(workspace):
    files = monthly("east", EAST, MONTHS) | monthly("west", WEST, MONTHS[:-1])
    listed = "client,onboarded_on,confirmed_zero\n" + "".join(f"{c},,yes\n" for c in WEST[:1])
    work = rhem.load(workspace({**files, "pcs.csv": LISTS, "clients.csv": listed}, RULES))
    assert gaps(work) == pairs(WEST[1:], MONTHS[-1:])


def test_a_change_of_systems_leaves_no_gap_for_a_client_that_is_quiet(workspace):
    old, new = MONTHS[:7], MONTHS[6:]
    first = rows(EAST + WEST[:4], old) + rows(["West 4"], old[:1]).removeprefix(HEAD)
    second = rows(EAST + WEST[:4], new).replace(" 2026", " new 2026")
    work = rhem.load(workspace({"old.csv": first, "new system.csv": second, "pcs.csv": LISTS}, RULES))
    assert gaps(work) == [] and "coverage" not in {*work.account.warnings["code"]}


def test_files_of_technicians_of_whom_one_leaves_are_no_gap(workspace):
    ann, bob = rows(EAST + WEST, MONTHS[:6], days=[2, 9, 20]), rows(EAST + WEST, MONTHS, days=[5, 16, 27])
    quiet = bob.replace("West 4 2026-04", "West 3 2026-04").replace(",West 4,2026-04", ",West 3,2026-04")
    work = rhem.load(workspace({"ann.csv": ann, "bob.csv": quiet, "pcs.csv": LISTS}, RULES))
    assert gaps(work) == []


def test_few_entries_a_month_say_nothing():
    days = pd.to_datetime([f"{month}-05" for month in MONTHS])
    east, west = ({"client": name, "worked_on": days, "source_file": f"{name}.csv"} for name in ("east", "west"))
    entries = pd.concat([pd.DataFrame(east), pd.DataFrame(west)[:6]])
    assert uncovered_months(entries).empty
