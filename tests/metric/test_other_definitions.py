"""Other definitions and time given back, by hand."""

import pandas as pd
import pytest

from rhem_lib.metric.other_definitions import definitions
from rhem_lib.metric.time_saved import time_given_back
from rhem_lib.settings import Rule, Settings, Value
from rhem_lib.workspace.frames import from_frames

WORKED = [("incident", 8, "2026-01-02"), ("alert", 4, "2026-01-05"), ("request", 2, "2026-01-31"), (None, 1, None)]


def work_of():
    """One client, one month, 8 workstations, 2 servers and a printer; each kind of ticket once."""
    day = pd.Timestamp("2026-01-01")
    entries = pd.DataFrame({"client": "A", "worked_on": [day, day, day, pd.Timestamp("2026-01-31")],
                            "ticket_id": list("1234"), "hours": [float(w[1]) for w in WORKED],
                            "entered_at": pd.to_datetime(["2026-01-01", "2026-02-03", None, None])})  # fmt: skip
    tickets = pd.DataFrame({"ticket_id": list("1234"), "type": [w[0] for w in WORKED],
                            "board": ["Desk", "Desk", "Desk", "Roll-out"]})  # fmt: skip
    fleet = pd.DataFrame({"client": "A", "as_of": day, "kind": ["workstation", "server", "other"],
                          "count": [8.0, 2.0, 1.0]})  # fmt: skip
    rule = Rule(when={"board": "Roll-out"}, work_class="onboarding")
    frames = {"time_entries": entries, "tickets": tickets, "endpoints": fleet,
              "clients": pd.DataFrame({"client": ["A"]})}  # fmt: skip
    return from_frames(Settings(name="T", rules=[rule]), frames)


def test_every_definition_by_hand():
    found = definitions(work_of())
    hours = found.table.set_index("definition")["reactive_hours"].to_dict()
    exposure = found.table.set_index("definition")["exposure"].to_dict()
    assert hours == {
        "incidents": 12, "unscheduled": 14, "all-support": 14, "without user requests": 12, "without alerts": 10,
        "without requests and alerts": 8, "with onboarding hours": 15, "by the day entered": 10,
        "servers count twice": 14, "every listed device": 14,
    }  # fmt: skip
    assert exposure == dict.fromkeys(hours, 10) | {"servers count twice": 12, "every listed device": 11}
    assert "'without requests and alerts' gives least (48.0)" in found.text
    assert found.table.set_index("definition").loc["unscheduled", "ratio"] == 1


@pytest.mark.slow
def test_presets_of_the_sample_are_nested(sample_work):
    table = definitions(sample_work).table.set_index("definition")["rhem_h"]
    assert table["incidents"] < table["unscheduled"] < table["all-support"]


def panel():
    """10 endpoints, three months at 1 h, then twelve at 0.4 h; the other client's start is not in the data."""
    month = pd.date_range("2025-01-01", periods=15, freq="MS")
    new = pd.DataFrame({"client": "New", "month": month, "exposure": 10.0, "age_start": range(15),
                        "reactive_hours": [10.0] * 3 + [4.0] * 12})  # fmt: skip
    return pd.concat([new, new.assign(client="Old", age_start=new["age_start"] + 30)], ignore_index=True)


def test_time_given_back_by_hand():
    found = time_given_back(panel(), Settings(name="T", value=Value(user_minutes_per_technician_minute=2.0,
                                                                    wage_per_hour=30.0)))  # fmt: skip
    row = found.table.loc["New"]
    assert row[["start_h", "now_h", "exposure"]].tolist() == pytest.approx([1.0, 0.4, 120])
    assert (row["own_start_hours"], row["staff_own_start_hours"]) == pytest.approx((72, 144))
    old = found.table.loc["Old"]
    assert pd.isna(old["own_start_hours"])
    assert old["reference_hours"] == pytest.approx(72)
    assert "known for 1 of 2 clients" in found.text
    assert "worth 4,320" in found.text


def test_given_starts_are_used_and_outage_hours_are_never_staff_time():
    starts = pd.Series({"New": 0.9, "Old": 0.5})
    found = time_given_back(panel(), Settings(name="T", hours_are="outage hours"), starts=starts)
    assert found.table["own_start_hours"].to_dict() == pytest.approx({"New": 60, "Old": 12})
    assert not [name for name in found.table if name.startswith("staff")]
    assert "outage hours were given back" in found.text


def test_the_sum_over_months_is_the_same_as_for_the_whole(sample_work, sample_panel):
    """Conservation: hours given back and hours taken are the start times the exposure."""
    table = time_given_back(sample_panel, sample_work.settings).table
    taken = table["now_h"] * table["exposure"]
    pd.testing.assert_series_equal(table["reference_hours"] + taken, table["exposure"], check_names=False)
