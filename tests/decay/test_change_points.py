"""Change points: a planted merger is found where and as large as it is; books without one stay quiet."""

from dataclasses import replace

import pandas as pd
import pytest
from scenarios import SCENARIOS, simulate_panel

from rhem_lib.decay import mixed_model
from rhem_lib.decay.change_points import change_points
from rhem_lib.decay.client_months import client_order, fitted_months, lay_out


def found(panel):
    rows = fitted_months(panel)
    names = client_order(rows)
    return change_points(mixed_model.fit(lay_out(rows, names)), names)


@pytest.fixture(scope="module")
def merged():
    """Clients that triple from month 15 on, in a book that is otherwise quiet."""
    panel = simulate_panel(replace(SCENARIOS["S1"], clients=25, months=(30, 30)), seed=3)
    for client in ("client 004", "client 011"):
        panel.loc[(panel["client"] == client) & (panel["age_start"] >= 15), "reactive_hours"] *= 3
    return panel


def test_a_planted_shift_is_found_with_its_month_and_size(merged):
    table = found(merged).set_index("client")
    assert set(table.index) == {"client 004", "client 011"}
    assert (abs(table["age_months"] - 15) <= 1).all()
    assert ((table["low"] < 3) & (3 < table["high"])).all()
    assert ((table["low"] > 1.5) & (table["high"] < 6)).all()


@pytest.mark.slow
def test_quiet_books_give_few_alarms():
    """At a false-discovery rate of 5%, one portfolio in twenty may name a client; 3 of 12 happens to 2%."""
    books = [simulate_panel(replace(SCENARIOS["S2"], clients=20), seed=seed) for seed in range(12)]
    assert sum(len(found(book)) > 0 for book in books) < 3


def test_names_and_order_change_nothing(merged):
    renamed = merged.assign(client="x" + merged["client"].str[::-1]).sample(frac=1, random_state=0)
    again = found(renamed).assign(client=lambda t: t["client"].str[:0:-1])
    pd.testing.assert_frame_equal(again, found(merged), rtol=1e-6)


def test_short_histories_are_not_judged():
    assert found(simulate_panel(replace(SCENARIOS["S1"], clients=8, months=(8, 11)), seed=1)).empty
