"""Business hours by hand, across clock changes, holidays and zones; patch windows that cost and that do not."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError, SettingsError
from rhem_lib.metric.business_hours import business_share, instants, working_time
from rhem_lib.metric.patch_windows import after_windows, compare, patch_effect, patch_windows
from rhem_lib.settings import BusinessHours, Settings
from rhem_lib.workspace.frames import from_frames

ZONE = "America/New_York"
OFFICE = BusinessHours(country="US")


def inside(start, hours, office=OFFICE, zone=ZONE):
    """Business hours of work that begins at a local time."""
    day = pd.Timestamp(start).date()
    open_ = working_time(office, zone, day - dt.timedelta(days=3), day + dt.timedelta(days=10))
    begin = instants([pd.Timestamp(start)], zone)
    return float(open_.between(begin, begin + hours)[0])


@pytest.mark.parametrize(
    ("start", "hours", "wanted", "why"),
    [
        ("2026-03-05 09:00", 2.0, 2.0, "a Thursday morning"),
        ("2026-03-05 07:30", 2.0, 1.5, "before opening"),
        ("2026-03-05 16:00", 17.0, 2.0, "over night: an hour before closing and an hour after opening"),
        ("2026-03-06 16:00", 65.0, 3.0, "over a weekend with a clock change: Friday 16:00 + 65 h is Monday 10:00"),
        ("2026-03-07 10:00", 3.0, 0.0, "a Saturday"),
        ("2026-07-03 10:00", 3.0, 0.0, "Independence Day, observed on the Friday before"),
        ("2026-03-05 09:00", -1.0, -1.0, "a correction takes hours away"),
    ],
)
def test_hours_inside_business_hours(start, hours, wanted, why):
    assert inside(start, hours) == pytest.approx(wanted, abs=1e-9), why


def test_a_client_far_away_has_its_own_morning():
    """09:00 in New York is 23:00 in Tokyo, and 19:00 is 09:00 there on the next day."""
    tokyo = BusinessHours(time_zone="Asia/Tokyo")
    assert inside("2026-01-05 09:00", 1.0, tokyo) == 0
    assert inside("2026-01-05 19:00", 1.0, tokyo) == 1


def test_an_unknown_calendar_is_named():
    with pytest.raises(SettingsError, match="no calendar of public holidays"):
        inside("2026-01-05 09:00", 1.0, BusinessHours(country="XX"))


def work_of(entries, settings=None, endpoints=10.0):
    """One client whose entries are (local start, hours)."""
    start = pd.to_datetime([e[0] for e in entries])
    frame = pd.DataFrame({"client": "A", "started_at": start, "worked_on": start.normalize(), "ticket_id": None,
                          "hours": [e[1] for e in entries], "work_class": "reactive"})  # fmt: skip
    fleet = pd.DataFrame({"client": ["A"], "as_of": [start.min().normalize()], "count": [endpoints]})
    frames = {"time_entries": frame, "endpoints": fleet, "clients": pd.DataFrame({"client": ["A"]})}
    return from_frames(settings or Settings(name="T", time_zone=ZONE, business_hours=OFFICE), frames)


def test_share_and_minutes_of_the_working_day_by_hand():
    """4 of 6 timed hours are inside; 8 hours in one full month on 10 endpoints are 48 minutes, 32 of them lost."""
    entries = [("2026-04-01 09:00", 4), ("2026-04-01 20:00", 2), ("2026-04-30 00:00", 2)]
    work = work_of(entries)
    found = business_share(work, rhem.measure(work))
    assert found.table.loc["A"].to_dict() == pytest.approx(
        {"reactive_hours": 8, "timed_hours": 6, "business_hours": 4, "share": 4 / 6, "minutes_lost": 32}
    )
    assert "67% of the reactive hours" in found.text and "75% of the hours have a start" in found.text


def test_without_start_times_it_says_so():
    work = work_of([("2026-04-01", 4), ("2026-04-30", 2)])
    assert "No reactive entry says at what time" in business_share(work, rhem.measure(work)).text


def test_windows_come_from_the_file_or_from_scheduled_entries_and_join_when_close(workspace):
    time = "entry_id,ticket_id,client,worked_on,hours,started_at\n1,1,Nord,2026-01-01,1,2026-01-01 09:00\n"
    time += "2,2,Nord,2026-01-31,1,2026-01-31 20:00\n"
    tickets = "ticket_id,type,parent_id,category\n1,incident,,\n2,maintenance,,Patching\n"
    files = {"time.csv": time, "tickets.csv": tickets, "devices.csv": "client,as_of,count\nNord,2026-01-31,9\n"}
    folder = workspace(
        files | {"clients.csv": "client,onboarded_on,billing\nNord,2026-01-01,hourly\n"},
        'name = "T"\npatch_categories = ["patching"]\n',
    )
    work = rhem.load(folder)
    assert len(patch_windows(work)) == 1
    (folder / "patch_windows.csv").write_text(
        "client,start,end\n nord ,2026-01-05 12:00,2026-01-05 13:00\nNord,2026-01-05 15:00,\nOther,2026-01-06,\n"
    )
    found = patch_windows(work)
    assert found["client"].tolist() == ["Nord"]
    assert (found["end"] - found["start"]).tolist() == [3.0]
    (folder / "patch_windows.csv").write_text("client,start\nNord,soon\n")
    with pytest.raises(InputError, match=r"column 'start': times cannot be read. .* For example: soon"):
        patch_windows(work)


def simulated(rng, effect, windows=60):
    """Half a year of tickets, and windows by day and by night; those by day multiply what follows."""
    hours = np.arange(24 * 7 * 26, dtype=float) + 490_000 - 490_000 % 168
    week = (hours % 24 >= 13) & (hours % 24 < 22) & (hours % 168 < 120)
    rate = np.where(week, 0.4, 0.05)
    starts = np.sort(rng.choice(np.arange(100, len(hours) - 100, 60), windows, replace=False))
    inside_ = week[starts]
    for k in starts[inside_]:
        rate[k + 1 : k + 49] *= effect
    count = rng.poisson(rate)
    at = np.repeat(hours, count) + rng.random(count.sum())
    entries = pd.DataFrame({"client": "A", "start": at, "hours": rng.exponential(0.6, len(at))})
    table = pd.DataFrame({"client": "A", "start": hours[starts], "end": hours[starts] + 1, "inside": inside_})
    spans = pd.DataFrame({"begin": [hours[0]], "end": [hours[-1] + 1]}, index=["A"])
    return compare(after_windows(table, entries, spans, "UTC"))


@pytest.mark.slow
def test_windows_without_effect_are_called_neither_and_intervals_hold_one():
    rng = np.random.default_rng(4)
    found = [simulated(rng, 1.0) for _ in range(60)]
    held = sum(f.low <= 1 <= f.high for f in found)
    assert held >= 53
    assert any("neither clearly more nor less" in f.text for f in found)


def test_windows_that_double_the_work_are_found():
    rng = np.random.default_rng(5)
    found = [simulated(rng, 2.0) for _ in range(30)]
    assert np.median([f.ratio for f in found]) == pytest.approx(2.0, rel=0.2)
    assert sum(f.low > 1 for f in found) >= 24
    assert "bring more reactive work" in max(found, key=lambda f: f.low).text


def test_usual_hours_of_the_sample_are_those_that_came(sample_work, sample_panel):
    """In the sample patching causes nothing: what follows 1,200 windows is what these hours of the week bring."""
    table = patch_effect(sample_work, sample_panel).table
    assert table["windows"].min() >= 5
    assert table["hours"].sum() == pytest.approx(table["usual_hours"].sum(), rel=0.1)
