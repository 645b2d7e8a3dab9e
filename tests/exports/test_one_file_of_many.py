"""A file that is written otherwise than the others of its kind: it is judged by itself, and named alone."""

import calendar
import datetime as dt

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError

HEAD = "entry_id,ticket_id,client,worked_on,hours,work_type\n"
FEB, MAR, APR = ([dt.date(2026, m, d) for d in range(1, calendar.monthrange(2026, m)[1] + 1)] for m in (2, 3, 4))


def month(days, form, hours=("1", "0.5")):
    rows = [
        f"{day:%m%d},T{day:%m%d},Nord,{form(day)},{hours[n % len(hours)]},Remote\n" for n, day in enumerate(days)
    ]
    return HEAD + "".join(rows)


def iso(day):
    return f"{day}"


def day_first(day):
    return f"{day:%d/%m/%Y}"


def month_first(day):
    return f"{day:%m/%d/%Y}"


def swapped(day):
    """As a spreadsheet of the other order saves what was day first."""
    return f"{day:%Y-%d-%m}" if day.day <= 12 else day_first(day)


FRACTIONS = [f"{minutes / 1440:.6f}" for minutes in (15, 20, 25, 35, 40)]
CLOCKS = ["0.15", "0.30", "0.45", "1.15", "1.30"]
DECIMALS = ["0.25", "0.4", "0.6", "1.1", "1.6"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("odd", "others", "problem"),
    [
        (month(FEB, swapped), month(MAR, day_first), "swapped day and month where it could"),
        (month(FEB, iso, FRACTIONS), month(MAR, iso, DECIMALS), "fractions of a day"),
        (month(FEB, iso, CLOCKS), month(MAR, iso, DECIMALS), r"end in \.15, \.30 or \.45"),
        (month(FEB[:12], day_first), month(MAR, month_first), "by the month-first dates of other files"),
    ],
)
def test_is_asked_about_alone(workspace, odd, others, problem):
    files = {"time-2026-02.csv": odd, "time-2026-03.csv": others, "time-2026-04.csv": others.replace("03", "04")}
    with pytest.raises(InputError, match=problem) as raised:
        rhem.load(workspace(files))
    text = str(raised.value)
    assert text.startswith("exports/time-2026-02.csv, column") and 'path = "exports/time-2026-02.csv"' in text
    assert "2026-03" not in text


def test_days_that_were_put_right_in_one_file_leave_the_others(workspace):
    files = {"time-2026-02.csv": month(FEB, swapped), "time-2026-03.csv": month(MAR, day_first)}
    answer = 'name = "T"\n[[files]]\npath = "exports/time-2026-02.csv"\ndate_order = "day-first"\n'
    entries = rhem.load(workspace(files, answer)).time_entries.df()
    assert sorted(entries["worked_on"].dt.date) == [*FEB, *MAR]


@pytest.mark.parametrize(("clock", "right"), [("19:00:00", False), ("23:00:00", True)])
def test_days_that_a_time_zone_moved_in_one_file(workspace, clock, right):
    def moved(day):
        return f"{day - dt.timedelta(days=1)} {clock}"

    files = {"time-2026-02.csv": month(FEB, moved), "time-2026-03.csv": month(MAR, lambda day: f"{day} 00:00:00")}
    work = rhem.load(workspace(files, 'name = "T"\ntime_zone = "Europe/Berlin"\n'))
    days = sorted(work.time_entries.df()["worked_on"].dt.date)
    assert days == ([*FEB, *MAR] if right else [FEB[0] - dt.timedelta(days=1), *FEB[:-1], *MAR])
    text = work.account.warnings.set_index("code").loc["moved-days", "text"]
    assert text.startswith("exports/time-2026-02.csv, column") and "2026-03" not in text


def test_files_that_are_written_alike_are_asked_about_at_once(workspace):
    head = "Date,Account,Ticket Number,Employee,Work Type,Time Spent\n"
    rows = head + "2026-05-04,Nord,T1,Ann,Remote,30\n"
    files = {f"Time Log Report 2025Q{quarter}.csv": rows.replace("T1", f"T{quarter}") for quarter in (1, 2, 3)}
    with pytest.raises(InputError) as raised:
        rhem.load(workspace(files))
    assert str(raised.value).startswith("exports/Time Log Report 2025Q1.csv and 2 more: Kaseya BMS does not say")
    lines = str(raised.value).partition("Add to rhem.toml:\n")[2]
    assert lines.splitlines()[1] == 'path = "exports/Time Log Report *.csv"'
    assert rhem.load(workspace(files, f'name = "T"\n{lines}\n')).time_entries.df()["hours"].sum() == 1.5


CLOCKED = "1.24 1.35 0.36 2.05 0.48 1.01 1.07 1.12 1.18 2.21 2.32 2.43 1.55 1.52 1.09"


@pytest.mark.parametrize(
    ("written", "asked"), [(CLOCKED, True), (CLOCKED.replace("0.48", "0.6"), False), ("2.05", False)]
)
def test_hours_that_never_end_in_sixty_or_more_are_asked_about(workspace, written, asked):
    files = {"time.csv": month([*FEB, *MAR], iso, written.split())}
    if asked:
        with pytest.raises(InputError, match=r"never in \.60 or more"):
            rhem.load(workspace(files))
    else:
        assert rhem.load(workspace(files)).time_entries.df()["hours"].max() < 2.5
