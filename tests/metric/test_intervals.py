"""Intervals of RHEM: exact for no ticket, normal for many, holding the truth, wider for less exposure."""

import numpy as np
import pandas as pd
import pytest
from scenarios import ticket_panel
from scipy import stats

import rhem_lib as rhem
from rhem_lib.metric.intervals import hour_limits


def test_no_ticket_has_the_poisson_limit_in_tickets_of_the_usual_length():
    one = {"reactive_hours": 1.0, "reactive_tickets": 2.0, "squared_hours": 0.5}
    panel = pd.DataFrame([one | {"client": "A"}])
    none = pd.DataFrame([{"client": "A"} | dict.fromkeys(one, 0.0)])
    limits = hour_limits(none, panel, ["client"]).loc["A"]
    assert limits["low_hours"] == 0
    assert limits["high_hours"] == pytest.approx(-np.log(0.025) * 0.5)  # tickets of half an hour


def test_many_tickets_have_the_normal_limit():
    """10,000 tickets of half an hour, all equal: 5,000 h with a standard error of 50 h."""
    row = pd.DataFrame(
        [{"client": "A", "reactive_hours": 5000.0, "reactive_tickets": 1e4, "squared_hours": 2500.0}]
    )
    limits = hour_limits(row, row, ["client"]).loc["A"]
    assert limits.to_numpy() == pytest.approx(5000 + 50 * stats.norm.ppf([0.025, 0.975]), rel=1e-3)


@pytest.mark.parametrize(("endpoints", "rate_h"), [(20, 0.25), (50, 0.25), (200, 0.1)])
def test_intervals_hold_the_true_rate(endpoints, rate_h):
    """Of 960 client-months; 93 to 97.5% is nominal 95% within chance and the known reserve for few tickets."""
    panel = ticket_panel(np.random.default_rng(11), endpoints, rate_h)
    table = rhem.pooled_rhem(panel, by=["client", "month"])
    held = ((table["low"] <= rate_h) & (rate_h <= table["high"])).mean()
    assert 0.93 <= held <= 0.975
    quarters = rhem.pooled_rhem(panel, by=["client", "quarter"])
    assert ((quarters["low"] <= rate_h) & (rate_h <= quarters["high"])).mean() == pytest.approx(0.95, abs=0.03)


def test_more_exposure_means_a_narrower_interval_around_the_same_rate():
    panel = ticket_panel(np.random.default_rng(5), 30, 0.3)
    month, client, book = (rhem.pooled_rhem(panel, by=by) for by in (["client", "month"], "client", []))
    widths = [(t["high"] - t["low"]).mean() for t in (month, client, book)]
    assert widths[0] > 3 * widths[1] > 9 * widths[2]
    assert book["rhem_h"].iloc[0] == pytest.approx(rhem.pooled_rhem(panel))
    for table in (month, client, book):
        assert (table["low"] <= table["rhem_h"]).all() and (table["rhem_h"] <= table["high"]).all()


def test_the_sample_panel_carries_what_the_interval_needs(sample_panel):
    table = rhem.pooled_rhem(sample_panel, by=["client", "month"])
    assert table[["low", "high"]].notna().all(axis=None)
    assert (sample_panel["squared_hours"] >= 0).all()
