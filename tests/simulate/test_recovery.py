"""Known truth through the whole path: from the export files of simulated portfolios to the fitted curve."""

import pytest

from rhem_lib.simulate.recovery import recover


@pytest.mark.slow
def test_a_small_book_goes_the_whole_way_and_is_counted():
    found = recover([3, 4], clients=15, months=20)
    assert len(found.table) == 6
    assert found.summary()["portfolios"].tolist() == [2, 2, 2]
    held = found.table.groupby("quantity", sort=False)["inside"].sum()
    assert f"start {held['start_h']} times" in found.text
    assert ((found.table["estimate"] / found.table["truth"]).between(0.4, 2.5)).all()


@pytest.mark.slow
def test_95_percent_intervals_hold_the_truth_in_at_least_17_of_20_books():
    found = recover(range(1, 21))
    assert (found.summary()["inside"] >= 17).all(), found.text
