"""Between quarters: who is above its path, which cause rose, what stopped; nothing where nothing changed."""

import json

import numpy as np
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.review import find_alerts
from rhem_lib.settings import Settings
from rhem_lib.workspace import from_frames

MONTHS = pd.date_range("2025-01-01", "2026-06-01", freq="MS")
CLIENTS = ["Nord", "Ost", "Süd", "West", "Mitte", "Berg", *(f"Client {n}" for n in range(9))]
CAUSES = ["Email", "Printing", "Network", "Accounts", "Hardware"]


def make_work(more=None, without_list=(), without_hours=(), without_entries=(), language="en"):
    """An MSP of 15 clients with 40 computers and 30 tickets a month of about 20 minutes; `more` adds tickets.

    A month without hours has an entry of planned work, and one without entries has none.
    """
    rng = np.random.default_rng(7)
    rows = []
    for client in CLIENTS:
        for month in MONTHS:
            causes = list(rng.choice(CAUSES, rng.poisson(30)))
            causes += [
                cause for cause, n in (more or {}).get((client, f"{month:%Y-%m}"), {}).items() for _ in range(n)
            ]
            if (client, f"{month:%Y-%m}") in (*without_hours, *without_entries):
                causes = ["Updates"] * ((client, f"{month:%Y-%m}") in without_hours)
            days = month + pd.to_timedelta(rng.integers(0, 28, len(causes)), unit="D")
            rows += [(client, day, cause) for day, cause in zip(days, causes, strict=True)]
    entries = pd.DataFrame(rows, columns=["client", "worked_on", "category"])
    entries["ticket_id"] = [f"T{n}" for n in range(len(entries))]
    entries["hours"] = rng.exponential(1 / 3, len(entries))
    entries["work_class"], entries["type"] = "reactive", "incident"
    entries.loc[entries["category"] == "Updates", "work_class"] = "scheduled"
    ends = MONTHS + pd.offsets.MonthEnd(0)
    lists = pd.DataFrame([(c, day, 40.0, "workstation") for c in CLIENTS for day in ends if (c, f"{day:%Y-%m}")
                          not in without_list], columns=["client", "as_of", "count", "kind"])  # fmt: skip
    clients = pd.DataFrame({"client": CLIENTS, "onboarded_on": pd.Timestamp("2024-01-01")})
    clients["onboarding_source"] = "clients"
    frames = {"time_entries": entries, "endpoints": lists, "clients": clients}
    return from_frames(Settings(name="M", language=language), frames)


@pytest.mark.slow
def test_nothing_is_named_where_nothing_changed():
    found = find_alerts(make_work())
    assert found.table.empty and found.watched == 15 and f"{found.month:%Y-%m}" == "2026-06"
    head = "June 2026: 0 alerts; 15 clients were looked at, which by chance gives one "
    assert found.text == head + "false alarm in 16 months or more."


def test_a_client_with_twice_the_tickets_is_named_and_nobody_else():
    doubled = {("Süd", month): dict.fromkeys(CAUSES, 6) for month in ("2026-05", "2026-06")}
    found = find_alerts(make_work(doubled)).table
    assert found["client"].tolist() == ["Süd"] and found["kind"].tolist() == ["above"]
    row = found.iloc[0]
    assert row["chance"] < 0.001 and row["value"] > row["high"] > row["expected"] > row["low"]
    assert row["text"].startswith(f"Süd: {row['value']:.0f} ") and row["text"].endswith("were expected.")


@pytest.mark.slow
def test_a_cause_that_rose_is_named_with_its_usual_number():
    found = find_alerts(make_work({("Ost", "2026-06"): {"Email": 14}})).table
    cause = found[found["client"] == "Ost"].iloc[0]
    assert "Email rose: " in cause["text"] and "tickets, usual " in cause["text"]
    assert set(found["client"]) == {"Ost"}


@pytest.mark.slow
def test_data_that_stopped_is_named():
    gone = {"without_hours": [("Berg", "2026-06")], "without_entries": [("Mitte", "2026-06")]}
    found = find_alerts(make_work(without_list=[("West", "2026-06")], **gone)).table.set_index("client")
    assert found["what"].to_dict() == {"West": "carried-endpoints", "Berg": "silent", "Mitte": "coverage-gap"}
    assert found.loc["West", "text"].startswith("West: no list of computers of June 2026")


@pytest.mark.slow
def test_an_earlier_month_uses_nothing_after_it():
    doubled = {("Süd", month): dict.fromkeys(CAUSES, 8) for month in ("2026-05", "2026-06")}
    assert find_alerts(make_work(doubled), "2026-04").table.empty


@pytest.mark.slow
def test_alerts_are_told_in_the_language_of_the_msp():
    found = find_alerts(make_work({("Ost", "2026-06"): dict.fromkeys(CAUSES, 14)}, language="de"))
    assert "erwartet waren" in found.text and "were expected" not in found.text
    assert found.text.startswith("Juni 2026: 1 Hinweis; 15 Kunden")
    made = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert made["month"] == "2026-06" and made["alerts"][0]["client"] == "Ost"
    assert "text" not in found.summary()


def test_a_month_that_is_none_or_not_in_the_data_is_said():
    with pytest.raises(ParameterError, match=r"'June' is not a month\. Write it like 2026-06"):
        find_alerts(make_work(), "June")
    with pytest.raises(NotEnoughData, match="no time entries in 2026-09"):
        find_alerts(make_work(), "2026-09")


def test_few_clients_have_no_expected_path(workspace):
    work = workspace({"time.csv": "client,worked_on,hours\nNord,2026-01-05,1\nNord,2026-01-29,1\n"})
    assert find_alerts(rhem.load(work)).watched == 0
