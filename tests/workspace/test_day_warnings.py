"""Days that are in doubt: a few that cannot be read, wrong years, and days and months that were swapped."""

import pandas as pd
import pytest

import rhem_lib as rhem

DAYS = [day for day in pd.bdate_range("2025-10-01", "2026-03-31") for _ in range(3)]


def csv(days, hours="1"):
    rows = [f"{day}-{n},Nord,{day},{hours},Remote\n" for n, day in enumerate(days)]
    return "entry_id,client,worked_on,hours,work_type\n" + "".join(rows)


def warned(folder, code):
    found = rhem.load(folder).account.warnings
    return found["text"][found["code"] == code].tolist()


def iso(days):
    return [f"{day:%Y-%m-%d}" for day in days]


def swapped(days):
    return [f"{day:%Y-%d-%m}" if day.day <= 12 else f"{day:%Y-%m-%d}" for day in days]


@pytest.mark.parametrize("cell", ["2062-01-05", "31/02/2026", ""])
def test_a_day_that_cannot_be_used_is_named_however_few(workspace, cell):
    (text,) = warned(workspace({"time.csv": csv([*iso(DAYS), cell])}), "few-lost")
    assert text.startswith("exports/time.csv: 1 rows of time_entries (1.0 hours) could not be used: ")
    assert f"such as '{cell}' in row {len(DAYS) + 2}" in text


def test_days_and_months_that_a_spreadsheet_swapped_in_one_of_many_files_are_named(workspace):
    rows = pd.Series(DAYS)
    files = {f"time-{month}.csv": csv(iso(own)) for month, own in rows.groupby(rows.dt.strftime("%Y-%m"))}
    assert not warned(workspace(files), "swapped-days")
    files["time-2025-11.csv"] = csv(swapped(rows[rows.dt.month == 11]))
    (text,) = warned(workspace(files), "swapped-days")
    assert text.startswith("exports/time-2025-11.csv: day and month of its days up to the 12th seem to be swapped")


def test_swapped_days_of_whole_years_show_by_their_weekends(workspace):
    days = pd.Series(pd.bdate_range("2024-01-01", "2025-12-31"))
    assert not warned(workspace({"time.csv": csv(iso(days))}), "swapped-days")
    assert warned(workspace({"time.csv": csv(swapped(days))}), "swapped-days")


def test_work_at_weekends_and_a_month_of_few_days_are_not_swapped(workspace):
    days = [*pd.date_range("2025-10-01", "2026-03-04"), *pd.date_range("2026-05-01", "2026-05-09")]
    assert not warned(workspace({"time.csv": csv(iso(days))}), "swapped-days")


def test_entries_of_a_wrong_year_are_named(workspace):
    far = [*iso(DAYS), "2024-10-07", "2024-10-08"]
    (text,) = warned(workspace({"time.csv": csv(far)}), "far-days")
    assert text.startswith("2 time entries are of 2024-10, months apart from all others")
    assert not warned(workspace({"time.csv": csv([*iso(DAYS), "2025-08-07"])}), "far-days")


AGREEMENTS = "client,billing,start,end\nNord,fixed-fee,2025-01-01,{}\nNord,hourly,2025-06-01,\n"


@pytest.mark.parametrize(("end", "count"), [("", 1), ("2025-12-31", 1), ("2025-05-31", 0)])
def test_two_billing_models_at_one_time_are_named(workspace, end, count):
    files = {"time.csv": csv(iso(DAYS)), "agreements.csv": AGREEMENTS.format(end)}
    assert len(warned(workspace(files), "two-billings")) == count


@pytest.mark.parametrize(("billing", "count"), [("block-hours", 1), ("hourly", 0), ("", 0)])
def test_a_billing_model_that_no_agreement_has_is_named(workspace, billing, count):
    files = {"time.csv": csv(iso(DAYS)), "agreements.csv": AGREEMENTS.format("2025-05-31")}
    files["clients.csv"] = f"client,onboarded_on,billing\nNord,2025-01-01,{billing}\n"
    assert len(warned(workspace(files), "two-billings")) == count


@pytest.mark.parametrize(
    ("posted", "often"),
    [
        (lambda day: day + pd.offsets.Week(weekday=4, n=day.day_of_week != 4), "week"),
        (lambda day: day.replace(day=5), "month"),
    ],
)
def test_entries_that_are_all_on_one_day_of_the_week_or_month_are_named(workspace, posted, often):
    assert not warned(workspace({"time.csv": csv(iso(DAYS))}), "moved-days")
    (text,) = warned(workspace({"time.csv": csv(iso([posted(day) for day in DAYS]))}), "moved-days")
    assert f"all entries are on one day of each {often}" in text


@pytest.mark.parametrize(("many", "named"), [(60, True), (20, False)])
def test_a_day_with_most_of_all_entries_is_named(workspace, many, named):
    texts = warned(workspace({"time.csv": csv(iso([*DAYS[:200], *many * [DAYS[100]]]))}), "moved-days")
    assert [f"{many + 3} time entries are on " in text for text in texts] == [True] * named
