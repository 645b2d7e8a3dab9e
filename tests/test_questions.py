"""What deserves a look: planted oddities are asked about, a quiet portfolio is not, and every call runs."""

from dataclasses import replace

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib import metric

QUIET = "Juniper Family Clinic"


def changed(study, panel=None, causes=None):
    return replace(
        study, panel=study.panel if panel is None else panel, causes=study.causes if causes is None else causes
    )


def test_ranked_by_hours_with_calls_that_run(sample_work, sample_study):
    table = sample_study.questions()
    assert table["hours"].is_monotonic_decreasing and table.index.tolist() == [*range(1, len(table) + 1)]
    assert table["question"].str.contains("Summit Dental").any()  # planted: flat, far above the target
    names = {"rhem": rhem, "metric": metric, "work": sample_work, "study": sample_study}
    for call in table["call"]:
        shown = eval(call, names)
        assert shown is None or len(shown)


def test_a_month_out_of_line_is_asked_about(sample_study):
    panel = sample_study.panel.copy()
    row = panel.index[(panel["client"] == QUIET) & (panel["month"] == "2026-03-01")]
    assert not sample_study.questions()["question"].str.contains(f"2026-03 at {QUIET}").any()
    panel.loc[row, ["reactive_hours", "reactive_tickets"]] = [90.0, 200.0]
    panel.loc[row, "squared_hours"] = 90.0
    asked = changed(sample_study, panel).questions()
    found = asked[asked["question"].str.startswith(f"What was 2026-03 at {QUIET}?")]
    assert len(found) == 1 and found["hours"].iloc[0] > 70


def test_a_cause_that_rose_is_asked_about(sample_study):
    causes = sample_study.causes.copy()
    causes.loc[(causes["cause"] == "Email") & (causes["month"] >= "2026-04-01"), "tickets"] *= 4
    assert not sample_study.questions()["question"].str.contains("tickets of Email").any()
    assert changed(sample_study, causes=causes).questions()["question"].str.contains("tickets of Email rise").any()


@pytest.mark.parametrize("flag", ["coverage-gap", "thin-month", "hours-without-exposure"])
def test_thin_data_is_asked_about(flag, sample_study):
    panel = sample_study.panel.copy()
    last = panel.index[(panel["month"] == panel["month"].max()) & (panel["client"] == QUIET)]
    before = changed(sample_study, panel).questions()
    panel.loc[last, "flags"] = flag
    asked = changed(sample_study, panel).questions()
    assert len(asked) == len(before) + 1
    new = asked[~asked["question"].isin(before["question"])]
    assert flag in new["call"].iloc[0]


def test_a_shift_is_asked_about_with_its_month(sample_study):
    shift = pd.DataFrame({"client": [QUIET], "month": [pd.Timestamp("2026-02-01")], "age_months": [29.0],
                          "ratio": [2.0], "low": [1.5], "high": [2.6], "p_value": [0.001]})  # fmt: skip
    asked = replace(sample_study, fit=replace(sample_study.fit, changes=shift)).questions()
    assert (
        asked["question"]
        .str.startswith(f"What happened at {QUIET} in 2026-02? Since then it takes 2.0 times")
        .any()
    )
