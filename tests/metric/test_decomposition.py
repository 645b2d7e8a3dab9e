"""Parts of a change add up; a rise is seen where there is one and seldom where there is none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

import rhem_lib as rhem
from rhem_lib import figures
from rhem_lib.errors import NotEnoughData, ParameterError
from rhem_lib.metric.causes import cause_months, chance_of_rise, concentration, holm
from rhem_lib.metric.decomposition import split, why_moved
from rhem_lib.settings import Settings
from rhem_lib.workspace.frames import from_frames


def book(rows):
    """Panel and causes from rows of client, month, cause, exposure, hours, tickets."""
    frame = pd.DataFrame(rows, columns=["client", "month", "cause", "exposure", "hours", "tickets"])
    frame["month"] = pd.to_datetime(frame["month"])
    panel = frame.groupby(["client", "month"], as_index=False).agg(
        exposure=("exposure", "first"), reactive_hours=("hours", "sum"), reactive_tickets=("tickets", "sum")
    )
    return panel, frame[["client", "month", "cause", "hours", "tickets"]]


def test_half_the_tickets_each_twice_as_long_is_by_hand():
    rows = [("A", "2026-01-01", "Mail", 10, 10.0, 20), ("A", "2026-02-01", "Mail", 10, 20.0, 10)]
    moved = why_moved(*book(rows), before="2026-01", after="2026-02", client="A")
    # 2 -> 1 tickets at 1.25 h in the mean; 0.5 -> 2 h at 1.5 tickets
    assert moved.parts.to_dict() == pytest.approx(
        {"tickets_per_endpoint": -1.25, "hours_per_ticket": 2.25, "change": 1.0}
    )
    assert "went from 60.0 to 120.0 minutes" in moved.text


def test_mix_alone_moves_the_book_though_no_client_changed():
    rows = [("A", "2026-01-01", "Mail", 10, 10.0, 5), ("B", "2026-01-01", "Mail", 10, 2.0, 5),
            ("A", "2026-02-01", "Mail", 30, 30.0, 15), ("B", "2026-02-01", "Mail", 10, 2.0, 5)]  # fmt: skip
    moved = why_moved(*book(rows), before="2026-01", after="2026-02")
    assert moved.parts["within"] == pytest.approx(0, abs=1e-12)
    assert moved.parts["mix"] == pytest.approx(0.8 - 0.6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_parts_sum_to_the_whole(seed):
    """Clients that join and leave, causes that come and go, months without tickets, corrections below nought."""
    rng = np.random.default_rng(seed)
    rows = []
    for client in "ABCD":
        for month in ("2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"):
            if rng.random() < 0.8 or (client == "A"):
                size = rng.uniform(1, 50)
                for cause in ("Mail", "Print", "Net"):
                    if rng.random() < 0.7 or cause == "Mail":
                        rows.append((client, month, cause, size, rng.normal(5, 4), rng.poisson(1.5)))
    panel, causes = book(rows)
    moved = why_moved(panel, causes, before="2025Q4", after="2026Q1")
    change = moved.parts["change"]
    spans = [panel[panel["month"].dt.year == year] for year in (2025, 2026)]
    levels = [span["reactive_hours"].sum() / span["exposure"].sum() for span in spans]
    assert change == pytest.approx(levels[1] - levels[0], abs=1e-9)
    assert moved.parts[["tickets_per_endpoint", "hours_per_ticket"]].sum() == pytest.approx(change, abs=1e-9)
    assert moved.parts[["within", "mix"]].sum() == pytest.approx(change, abs=1e-9)
    assert moved.causes[["by_tickets", "by_hours_per_ticket"]].sum().sum() == pytest.approx(change, abs=1e-9)
    assert moved.causes["change"].sum() == pytest.approx(change, abs=1e-9)
    assert moved.clients["change"].sum() == pytest.approx(change, abs=1e-9)


def test_hours_without_a_ticket_are_a_change_of_hours():
    by_tickets, by_hours = split(np.array([[0.0], [0.0]]), np.array([[0.0], [0.7]]))
    assert (by_tickets.tolist(), by_hours.tolist()) == ([0.0], [0.7])
    by_tickets, by_hours = split(np.array([[0.0], [2.0]]), np.array([[0.0], [0.6]]))
    assert (by_tickets.tolist(), by_hours.tolist()) == ([0.6], [0.0])


def test_causes_of_the_sample_sum_to_its_panel(sample_work, sample_panel):
    causes = cause_months(sample_work).groupby(["client", "month"])[["hours", "tickets"]].sum()
    panel = sample_panel.set_index(["client", "month"])
    both = panel.join(causes).fillna({"hours": 0.0, "tickets": 0.0})
    np.testing.assert_allclose(both["hours"], both["reactive_hours"], atol=1e-9)
    assert (both["tickets"] == both["reactive_tickets"]).all()


def test_wrong_periods_and_clients_are_named(sample_work, sample_panel):
    causes = cause_months(sample_work)
    with pytest.raises(ParameterError, match="'2026Q9' is not a period"):
        why_moved(sample_panel, causes, before="2026Q9", after="2026Q1")
    with pytest.raises(ParameterError, match="client: 'Nobody' is not known here"):
        why_moved(sample_panel, causes, before="2025Q1", after="2026Q1", client="Nobody")
    with pytest.raises(NotEnoughData, match="no endpoint was in service in 1999"):
        why_moved(sample_panel, causes, before="1999", after="2026Q1")


def test_holm_by_hand():
    assert holm(np.array([0.03, 0.01, 0.5])).tolist() == pytest.approx([0.06, 0.03, 0.5])
    assert holm(np.array([])).tolist() == []


def test_holm_is_that_of_statsmodels():
    chances = np.random.default_rng(1).uniform(0, 0.2, 30)
    assert holm(chances) == pytest.approx(multipletests(chances, method="holm")[1])


def test_the_exact_test_is_the_binomial():
    """16 tickets after 4 at equal exposure: P(X >= 16 | 20, 1/2) = 0.0059 (scipy.stats.binomtest)."""
    after, before = (pd.DataFrame([[n / 2, n / 2]]) for n in (16, 4))
    assert chance_of_rise(after, before, 100, 100) == pytest.approx([0.005909], abs=1e-6)


def alarms(rng, scatter, books=400, causes=8, lift=1.0):
    """Share of books in which some cause is said to have risen; the first one did, by `lift`."""
    found = 0
    for _ in range(books):
        rate = rng.uniform(2, 30, causes)[:, None]
        before, after = (
            rng.poisson(rate * np.exp(rng.normal(-(scatter**2) / 2, scatter, (causes, 3)))) for _ in "12"
        )
        after[0] = rng.poisson(lift * after[0]) if lift > 1 else after[0]
        found += (chance_of_rise(pd.DataFrame(after), pd.DataFrame(before), 100, 100) <= 0.05).any()
    return found / books


def test_no_rise_is_seldom_called_one_also_where_months_scatter_by_more_than_chance():
    assert alarms(np.random.default_rng(1), scatter=0.0) <= 0.06
    assert alarms(np.random.default_rng(2), scatter=0.3) <= 0.08


def test_a_threefold_rise_is_found():
    assert alarms(np.random.default_rng(3), scatter=0.0, books=100, lift=3.0) >= 0.7


def test_concentration_by_hand():
    day = pd.Timestamp("2026-01-05")  # a Monday
    rows = [("1", "a", "Mail", 6.0, 9), ("2", "a", "Mail", 1.0, 9), ("3", "b", "Print", 2.0, 14),
            ("4", None, None, 1.0, None)]  # fmt: skip
    entries = pd.DataFrame({
        "client": "A", "worked_on": [day] * 4, "hours": [r[3] for r in rows], "ticket_id": [r[0] for r in rows],
        "started_at": [day + pd.Timedelta(hours=r[4]) if r[4] else pd.NaT for r in rows],
    })  # fmt: skip
    tickets = pd.DataFrame({"ticket_id": [r[0] for r in rows], "device_id": [r[1] for r in rows],
                            "category": [r[2] for r in rows], "type": "incident"})  # fmt: skip
    fleet = pd.DataFrame({"client": ["A"], "as_of": [pd.Timestamp("2026-01-31")], "count": [20.0]})
    frames = {"time_entries": entries, "tickets": tickets, "endpoints": fleet,
              "clients": pd.DataFrame({"client": ["A"]})}  # fmt: skip
    work = from_frames(Settings(name="T"), frames)
    found = concentration(work, rhem.measure(work))
    shares = found.table.set_index(["kind", "name"])["share"].to_dict()
    assert shares == pytest.approx({
        ("cause", "Mail"): 0.7, ("cause", "Print"): 0.2, ("computer", "A: a"): 0.7, ("computer", "A: b"): 0.2,
        ("hour of week", "Mon 09:00"): 0.7, ("hour of week", "Mon 14:00"): 0.2})  # fmt: skip
    assert found.unknown == pytest.approx(dict.fromkeys(("cause", "computer", "hour of week"), 0.1))
    assert "The 2 noisiest computers, a tenth of the endpoints, take 90%" in found.text
    assert concentration(work, rhem.measure(work), client="A").table["name"].tolist()[2] == "a"


@pytest.mark.many_cases
@pytest.mark.parametrize("extra", ["", "category", "started_at"])
def test_concentration_where_a_system_records_no_more(extra, workspace):
    """Many systems keep no computer, no start of the work or no category: missing for all hours, and said."""
    more = {"": ("", ""), "category": ("Mail", "Print"), "started_at": ("2026-01-05 09:00", "2026-01-06 14:00")}
    first, second = more[extra]
    lines = [f"client,worked_on,hours,ticket_id,type,{extra or 'nothing'}",
             f"A,2026-01-05,6,1,incident,{first}", f"A,2026-01-06,4,2,incident,{second}", ""]  # fmt: skip
    files = {"time.csv": "\n".join(lines), "endpoints.csv": "client,as_of,count\nA,2026-01-31,20\n",
             "clients.csv": "client,onboarded_on\nA,2025-06-01\n"}  # fmt: skip
    work = rhem.load(workspace(files))
    found = concentration(work, rhem.measure(work))
    assert found.unknown["computer"] == 1 and "100% have no computer" in found.text
    assert (found.unknown["hour of week"] == 0) == (extra == "started_at")
    assert ("Mail takes 60%" in found.text) == (extra == "category")
    assert figures.concentration(found).texts
