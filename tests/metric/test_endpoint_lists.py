"""Endpoints from several lists: sources are added and carried; months that did not arrive are not counted."""

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.exports import source_of_files
from rhem_lib.metric.endpoint_lists import carried_months

SETTINGS = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'
CLIENTS = "client,onboarded_on,billing\nNord,2026-01-01,hourly\n"


def time(months, days=range(1, 21)):
    rows = [f"{m}{d},Nord,2026-{m:02d}-{d:02d},1,Remote,{m}{d}" for m in months for d in days]
    return "entry_id,client,worked_on,hours,work_type,ticket_id\n" + "\n".join(rows) + "\n"


def devices(*names, kind="workstation"):
    return "client,device_id,kind\n" + "".join(f"Nord,{name},{kind}\n" for name in names)


def counts(*people):
    return "client,count\n" + "".join(f"Nord,{number}\n" for number in people)


def endpoints_of(folder):
    panel = rhem.measure(rhem.load(folder)).set_index("month")
    return panel, {month.month: value for month, value in panel["endpoints"].items()}


def lists(name, months, text):
    return {f"{name}-2026-{month:02d}-28.csv": text for month in months}


def test_adds_two_sources_and_carries_the_one_that_is_missing(workspace):
    files = {"time.csv": time(range(1, 6)), "clients.csv": CLIENTS}
    files |= lists("servers", range(1, 6), devices("S1", kind="server"))
    files |= lists("workstations", (1, 2, 4, 5), devices("W1", "W2"))
    panel, found = endpoints_of(workspace(files, SETTINGS))
    assert found == dict.fromkeys(range(1, 6), 3)
    carried = panel["flags"].str.contains("carried-endpoints")
    assert [month.month for month in panel.index[carried]] == [3]


def test_a_source_is_carried_when_the_last_month_is_missing_too(workspace):
    files = {"time.csv": time(range(1, 4)), "clients.csv": CLIENTS}
    files |= lists("servers", range(1, 4), devices("S1", kind="server"))
    files |= lists("workstations", (1, 2), devices("W1", "W2"))
    assert endpoints_of(workspace(files, SETTINGS))[1] == {1: 3, 2: 3, 3: 3}


def test_beyond_two_months_a_source_that_comes_back_leaves_no_number(workspace):
    files = {"time.csv": time(range(1, 7)), "clients.csv": CLIENTS}
    files |= lists("servers", range(1, 7), devices("S1", kind="server"))
    files |= lists("workstations", (1, 6), devices("W1", "W2"))
    panel, found = endpoints_of(workspace(files, SETTINGS))
    assert [found[month] for month in (1, 2, 3, 6)] == [3, 3, 3, 3]
    assert pd.isna(found[4]) and pd.isna(found[5])
    assert panel.loc["2026-04-01", "rhem_h"] != panel.loc["2026-04-01", "rhem_h"]


def test_a_client_that_comes_in_a_gap_of_a_source_has_no_number_there(workspace):
    text = devices("W1", "W2") + "Sued,V1,workstation\n"
    files = {"time.csv": time(range(1, 6)) + time(range(2, 6)).split("\n", 1)[1].replace("Nord", "Sued"),
             "clients.csv": CLIENTS + "Sued,2026-02-01,hourly\n"}  # fmt: skip
    files |= lists("servers", range(1, 6), devices("S1", kind="server") + "Sued,T1,server\n")
    files |= {
        name: text if "-01-" not in name else devices("W1", "W2") for name in lists("workstations", (1, 4, 5), "")
    }
    panel = rhem.measure(rhem.load(workspace(files, SETTINGS))).set_index(["client", "month"])
    sued, nord = (panel.loc[client, "endpoints"] for client in ("Sued", "Nord"))
    assert sued.isna().tolist() == [True, True, False, False] and sued.iloc[2] == 2
    assert panel.loc["Sued", "flags"].str.contains("no-endpoints").tolist() == [True, True, False, False]
    assert nord.tolist() == [3] * 5


def test_the_same_device_in_two_sources_counts_once(workspace):
    files = {"time.csv": time((1, 2)), "clients.csv": CLIENTS}
    files |= lists("old-rmm", (1,), devices("W1", "W2")) | lists("new-rmm", (1, 2), devices("W1", "W2", "W3"))
    assert endpoints_of(workspace(files, SETTINGS))[1] == {1: 3, 2: 3}


def test_lists_of_counts_under_changing_names_are_one_source(workspace):
    files = {"time.csv": time(range(1, 4)), "clients.csv": CLIENTS}
    files |= {
        "computers-2026-01-31.csv": counts(10),
        "pcs february-2026-02-28.csv": counts(12),
        "List (3) 2026-03-31.csv": counts(11),
    }
    assert endpoints_of(workspace(files, SETTINGS))[1] == {1: 10, 2: 12, 3: 11}


@pytest.mark.parametrize(
    ("months", "most", "rows"),
    [
        ([1, 2, 4], 2, [(1, 1, 0, 0), (2, 2, 0, 0), (3, 2, 1, 0), (4, 4, 0, 0)]),
        ([1, 5], 1, [(1, 1, 0, 0), (2, 1, 1, 0), (3, 1, 1, 1), (4, 1, 1, 1), (5, 5, 0, 0)]),
    ],
)
def test_months_that_a_snapshot_stands_in_for(months, most, rows):
    made = carried_months(pd.DataFrame({"source": 0, "month": months}), most)
    columns = ["month", "snapshot_month", "carried", "lost"]
    assert [tuple(row) for row in made[columns].itertuples(index=False)] == rows


def test_names_that_differ_by_days_alone_are_one_source():
    files = pd.DataFrame(
        [("e/A-2026-01-31.csv", 1), ("e/A 2026 02 28 (1).csv", 2), ("e/A_mar.csv", 3), ("e/B-2026-02-28.csv", 2)],
        columns=["source_file", "month"],
    )
    assert source_of_files(files)["source"].tolist() == [0, 0, 0, 1]


def test_a_month_of_which_one_day_arrived_is_not_counted(workspace):
    text = time((1, 2, 4, 5)) + time((3,), days=(9,)).split("\n", 1)[1]
    files = {"time.csv": text, "clients.csv": CLIENTS} | lists("pcs", range(1, 6), devices("W1", "W2"))
    panel, _ = endpoints_of(workspace(files, SETTINGS))
    assert panel.loc["2026-03-01", "exposure"] == 0 and pd.isna(panel.loc["2026-03-01", "rhem_h"])
    assert "coverage-gap" in panel.loc["2026-03-01", "flags"]
    assert (panel.drop(pd.Timestamp("2026-03-01"))["exposure"] > 0).all()


def test_a_month_of_which_only_a_second_system_arrived_is_not_counted(workspace):
    """One entry a day by hand, and ten in the PSA, of which March is missing."""
    hand = time(range(1, 6), days=range(1, 12))
    psa = [
        time((m,)).replace("\n", f"\n{k}", 20).replace("Remote,", f"Remote,{k}")
        for m in (1, 2, 4, 5)
        for k in "abcdefghij"
    ]
    files = {"hand.csv": hand, "clients.csv": CLIENTS} | lists("pcs", range(1, 6), devices("W1"))
    panel, _ = endpoints_of(workspace(files | {f"psa{n}.csv": text for n, text in enumerate(psa)}, SETTINGS))
    assert panel["flags"].str.contains("coverage-gap").tolist() == [False, False, True, False, False]


def test_a_month_with_a_third_of_the_usual_days_is_counted(workspace):
    text = time((1, 2, 4, 5)) + time((3,), days=range(1, 9)).split("\n", 1)[1]
    files = {"time.csv": text, "clients.csv": CLIENTS} | lists("pcs", range(1, 6), devices("W1", "W2"))
    panel, _ = endpoints_of(workspace(files, SETTINGS))
    assert panel.loc["2026-03-01", "rhem_h"] == pytest.approx(4)


def test_a_quiet_month_of_an_msp_with_few_entries_is_zero_not_a_gap(workspace):
    files = {"time.csv": time((1, 2, 4), days=(5, 12)), "clients.csv": CLIENTS}
    panel, _ = endpoints_of(workspace(files | lists("pcs", range(1, 5), devices("W1")), SETTINGS))
    assert panel.loc["2026-03-01", "rhem_h"] == 0
