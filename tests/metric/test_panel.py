"""The panel by hand, the known effect of each change, and the sample against its truth."""

import json

import numpy as np
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import NotEnoughData, ParameterError, SettingsError
from rhem_lib.metric.panel import planned_hours, reactive_entries

TICKETS = "ticket_id,type,parent_id\n" + "".join(f"{n},incident,\n" for n in range(1, 9)) + "9,incident,1\n"
CLIENTS = "client,onboarded_on,ended_on,billing\nNord,2026-01-01,,hourly\n"
TIME = "entry_id,ticket_id,client,worked_on,hours\n"
DEVICES = "client,as_of,count\n"


def panel_of(workspace, time, devices, clients=CLIENTS, settings='name = "T"\n', tickets=TICKETS):
    files = {
        "time.csv": TIME + time,
        "tickets.csv": tickets,
        "devices.csv": DEVICES + devices,
        "clients.csv": clients,
    }
    return rhem.measure(rhem.load(workspace(files, settings))).set_index(["client", "month"])


def row(panel, month, client="Nord"):
    return panel.loc[(client, pd.Timestamp(month))]


def test_six_hours_over_twelve_endpoints_are_half_an_hour(workspace):
    time = "1,1,Nord,2026-01-01,4\n2,2,Nord,2026-01-31,2\n"
    january = row(panel_of(workspace, time, "Nord,2026-01-15,12\n"), "2026-01-01")
    assert (january["endpoints"], january["exposure"], january["reactive_hours"]) == (12, 12, 6)
    assert january["rhem_h"] == 0.5
    assert january["reactive_tickets"] == 2
    assert january["billing"] == "hourly"
    assert january["age_start"] == 0
    assert january["age_end"] == pytest.approx(31 / 30.4375)
    assert january["age_months"] == pytest.approx(15.5 / 30.4375)


def test_a_quarter_pools_hours_over_endpoint_months_and_never_sums_endpoints(workspace):
    """The published worked quarter: 452.08 h and 594 endpoints on average are 0.254, not 0.761."""
    days = [(m, d, 20) for m in (1, 2, 3) for d in range(1, 8)] + [(3, 30, 12.08), (3, 31, 20)]
    time = "".join(f"{n},1,Nord,2026-0{m}-{d:02d},{h}\n" for n, (m, d, h) in enumerate(days))
    panel = panel_of(workspace, time, "Nord,2026-01-31,597\nNord,2026-02-28,594\nNord,2026-03-31,591\n")
    assert panel["reactive_hours"].sum() == pytest.approx(452.08)
    quarter = rhem.pooled_rhem(panel.reset_index(), by="quarter")
    assert panel["endpoints"].mean() == 594
    assert quarter["rhem_h"].round(3).tolist() == [0.254]


def test_endpoints_are_the_mean_of_the_snapshots_then_carried_for_two_months(workspace):
    time = "1,1,Nord,2026-01-01,1\n2,1,Nord,2026-05-31,1\n"
    panel = panel_of(workspace, time, "Nord,2026-01-10,10\nNord,2026-01-20,20\n")
    found = [row(panel, f"2026-0{m}-01")["endpoints"] for m in range(1, 6)]
    assert found[:3] == [15, 15, 15]
    assert np.isnan(found[3:]).all()
    assert "carried-endpoints" in row(panel, "2026-03-01")["flags"]
    late = row(panel, "2026-05-01")
    assert "no-endpoints" in late["flags"]
    assert late["exposure"] == 0
    assert np.isnan(late["rhem_h"])
    assert late["reactive_hours"] == 1


def test_only_supported_kinds_seen_within_30_days_count_and_each_device_once(workspace):
    devices = (
        "client,as_of,device_id,kind,last_seen\n"
        "Nord,2026-01-31,a,workstation,2026-01-31\nNord,2026-01-31,a,workstation,2026-01-30\n"
        "Nord,2026-01-31,b,server,2026-01-01\nNord,2026-01-31,c,server,2025-12-31\n"
        "Nord,2026-01-31,d,other,2026-01-31\nNord,2026-01-31,e,workstation,\n"
    )
    files = {"t.csv": TIME + "1,1,Nord,2026-01-31,1\n", "d.csv": devices, "clients.csv": CLIENTS, "k.csv": TICKETS}
    panel = rhem.measure(rhem.load(workspace(files)))
    assert panel["endpoints"].tolist() == [3]


def test_exposure_is_the_share_of_days_in_service(workspace):
    clients = "client,onboarded_on,ended_on,billing\nNord,2024-02-15,2024-04-11,hourly\n"
    worked = ["02-14,3", "02-15,5", "04-10,7", "04-11,9", "04-30,1"]
    time = "".join(f"{n},{1 + n // 3},Nord,2024-{day}\n" for n, day in enumerate(worked))
    devices = "".join(f"Nord,2024-0{m}-20,10\n" for m in (2, 3, 4))
    panel = panel_of(workspace, time, devices, clients)
    february, april = row(panel, "2024-02-01"), row(panel, "2024-04-01")
    assert february["exposure"] == pytest.approx(10 * 15 / 29)
    assert (february["reactive_hours"], february["outside_hours"]) == (5, 3)
    assert february["age_start"] == 0
    assert april["exposure"] == pytest.approx(10 * 10 / 30)
    assert (april["reactive_hours"], april["outside_hours"]) == (7, 10)
    assert "outside-hours" in april["flags"]
    assert "partial-month" in april["flags"]


def test_the_last_month_ends_with_the_data(workspace):
    time = "1,1,Nord,2026-01-01,1\n2,1,Nord,2026-02-07,1\n"
    panel = panel_of(workspace, time, "Nord,2026-01-31,8\nNord,2026-02-07,8\n")
    assert row(panel, "2026-02-01")["exposure"] == pytest.approx(8 * 7 / 28)


def test_a_ticket_counts_once_in_the_month_of_its_first_hour_and_a_child_with_its_parent(workspace):
    time = "1,1,Nord,2026-01-31,1\n2,1,Nord,2026-02-01,1\n3,9,Nord,2026-02-02,1\n4,2,Nord,2026-02-28,1\n"
    panel = panel_of(workspace, time, "Nord,2026-01-31,8\nNord,2026-02-07,8\n")
    assert [row(panel, m)["reactive_tickets"] for m in ("2026-01-01", "2026-02-01")] == [1, 1]


def test_no_hours_is_nought_but_no_endpoints_is_no_number(workspace):
    clients = "client,onboarded_on,ended_on,billing\nNord,2026-01-01,,hourly\nIdle,2026-01-01,,hourly\n"
    panel = panel_of(workspace, "1,1,Nord,2026-01-31,1\n", "Idle,2026-01-31,5\n", clients)
    idle, nord = row(panel, "2026-01-01", "Idle"), row(panel, "2026-01-01")
    assert idle["rhem_h"] == 0
    assert "zero-hours" in idle["flags"]
    assert np.isnan(nord["rhem_h"])


def test_billing_is_the_model_with_more_days_and_switches_are_flagged(workspace):
    agreements = "client,billing,start,end\nNord,hourly,2026-01-01,2026-02-09\nNord,fixed-fee,2026-02-10,\n"
    files = {
        "t.csv": TIME + "1,1,Nord,2026-01-01,1\n2,1,Nord,2026-03-31,1\n",
        "a.csv": agreements,
        "k.csv": TICKETS,
    }
    files |= {"d.csv": DEVICES + "Nord,2026-01-31,8\n", "clients.csv": "client,onboarded_on\nNord,2026-01-01\n"}
    panel = rhem.measure(rhem.load(workspace(files)))
    assert panel["billing"].tolist() == ["hourly", "fixed-fee", "fixed-fee"]
    assert ["billing-switch" in flags for flags in panel["flags"]] == [False, True, False]


def test_onboarding_falls_back_to_agreement_then_snapshot_and_says_so(workspace):
    files = {
        "t.csv": TIME + "1,1,A,2026-03-31,1\n2,1,B,2026-03-31,1\n",
        "a.csv": "client,billing,start,end\nA,hourly,2026-02-01,\n",
        "d.csv": DEVICES + "A,2026-01-31,8\nB,2026-03-05,8\n",
        "k.csv": TICKETS,
    }
    work = rhem.load(workspace(files))
    found = work.clients.set_index("client")
    assert found["onboarding_source"].to_dict() == {"A": "agreement", "B": "first snapshot"}
    assert found["onboarded_on"].dt.strftime("%Y-%m-%d").to_dict() == {"A": "2026-02-01", "B": "2026-03-05"}
    assert rhem.measure(work)["flags"].str.contains("inferred-onboarding").all()


def test_weights_by_kind_and_contracted_counts_are_options(workspace):
    devices = "client,as_of,device_id,kind\nNord,2026-01-31,a,workstation\nNord,2026-01-31,b,server\n"
    clients = "client,onboarded_on,contracted_endpoints\nNord,2026-01-01,7\nNeu,2026-01-01,5\n"
    time = TIME + "1,1,Nord,2026-01-01,1\n2,1,Neu,2026-01-31,1\n"
    files = {"t.csv": time, "d.csv": devices, "k.csv": TICKETS, "clients.csv": clients}

    def endpoints(toml):
        panel = rhem.measure(rhem.load(workspace(files, f'name = "T"\n{toml}')))
        return panel.set_index("client")[["endpoints", "flags"]].T.to_dict("list")

    assert endpoints("[endpoint_weights]\nserver = 2")["Nord"][0] == 3
    plain, contracted = endpoints(""), endpoints("contracted_endpoints = true")
    assert plain["Nord"][0] == 2 and np.isnan(plain["Neu"][0]) and "no-endpoints" in plain["Neu"][1]
    assert contracted["Nord"][0] == 2
    assert contracted["Neu"][0] == 5 and "contracted-endpoints" in contracted["Neu"][1]
    files["clients.csv"] = CLIENTS
    with pytest.raises(SettingsError, match="contracted endpoints are asked for, but no client has any"):
        endpoints("contracted_endpoints = true")


def test_a_month_missing_from_the_export_has_no_rhem_and_a_thin_one_is_flagged(workspace):
    """50 entries on 25 days a month, but none in March and one a day on ten days of May."""
    per_month = {1: (25, 2), 2: (25, 2), 4: (25, 2), 5: (10, 1), 6: (25, 2)}
    time = "".join(
        f"{m}{n}{k},{1 + n % 8},Nord,2026-{m:02d}-{1 + n:02d},1\n"
        for m, (days, a_day) in per_month.items()
        for n in range(days)
        for k in range(a_day)
    )
    panel = panel_of(workspace, time, "".join(f"Nord,2026-{m:02d}-20,10\n" for m in range(1, 7)))
    march, may = row(panel, "2026-03-01"), row(panel, "2026-05-01")
    assert march["exposure"] == 0 and np.isnan(march["rhem_h"]) and "coverage-gap" in march["flags"]
    assert "zero-hours" not in march["flags"]
    assert may["rhem_h"] == 1.0 and "thin-month" in may["flags"]
    assert not panel["flags"].drop(index=[march.name, may.name]).str.contains("thin|gap").any()


def test_a_month_without_any_entry_of_a_busy_client_is_missing_and_of_a_quiet_one_zero(workspace):
    """Nord has 25 entries a month, and Sued 3; both have none in May, which clients.csv may confirm."""
    time = "".join(
        f"{client}{month}{n},{1 + n % 8},{client},2026-{month:02d}-{1 + n:02d},1\n"
        for client, a_month in (("Nord", 25), ("Sued", 3), ("West", 25))
        for month in range(1, 7)
        for n in range(a_month)
        if month != 5 or client == "West"
    )
    lists = "".join(f"{c},2026-{m:02d}-20,10\n" for c in ("Nord", "Sued", "West") for m in range(1, 7))
    clients = "client,onboarded_on,ended_on,billing{more}\n" + "".join(
        f"{c},2026-01-01,,hourly{{{c}}}\n" for c in ("Nord", "Sued", "West")
    )
    plain = clients.format(more="", Nord="", Sued="", West="")
    panel = panel_of(workspace, time, lists, plain)
    nord, sued = row(panel, "2026-05-01"), row(panel, "2026-05-01", "Sued")
    assert "coverage-gap" in nord["flags"] and nord["exposure"] == 0 and np.isnan(nord["rhem_h"])
    assert sued["rhem_h"] == 0 and "zero-hours" in sued["flags"]
    assert panel["flags"].str.contains("coverage-gap").sum() == 1
    stated = clients.format(more=",confirmed_zero", Nord=",2026Q2", Sued=",", West=",")
    assert row(panel_of(workspace, time, lists, stated), "2026-05-01")["rhem_h"] == 0


def test_hours_without_exposure_are_flagged_and_unclassified_hours_bound_rhem(workspace):
    tickets = TICKETS + "10,,\n"
    time = "1,1,Nord,2026-01-01,4\n2,10,Nord,2026-01-31,2\n3,1,Sued,2026-01-31,1\n"
    clients = CLIENTS + "Sued,2026-01-01,,hourly\n"
    panel = panel_of(workspace, time, "Nord,2026-01-31,8\n", clients, tickets=tickets)
    nord, sued = row(panel, "2026-01-01"), row(panel, "2026-01-01", "Sued")
    assert (nord["rhem_h"], nord["rhem_high_h"]) == (0.5, 0.75)
    assert "hours-without-exposure" in sued["flags"] and "hours-without-exposure" not in nord["flags"]


@pytest.mark.many_cases
@pytest.mark.parametrize(("zone", "months"), [("Pacific/Auckland", [3, 3, 4]), ("Pacific/Honolulu", [2, 2, 3])])
def test_the_month_of_an_hour_is_that_of_the_msp_however_far_from_utc(workspace, zone, months):
    """UTC stamps around the ends of two months; Auckland is 13 hours ahead (12 from April), Honolulu 10 behind."""
    stamps = ["2026-02-28T12:00:00Z", "2026-03-01T08:00:00Z", "2026-03-31T11:30:00Z"]
    head = "TicketID,CustomerName,TicketResolvedDate,TicketCreatedDate,TotalDurationSeconds,TicketType\n"
    lines = "".join(f"{n},Nord,{stamp},{stamp},{3600 * n},Incident\n" for n, stamp in enumerate(stamps, 1))
    files = {"atera.csv": head + lines, "clients.csv": "client,onboarded_on\nNord,2026-01-01\n",
             "d.csv": DEVICES + "Nord,2026-02-15,10\n"}  # fmt: skip
    panel = rhem.measure(rhem.load(workspace(files, f'name = "T"\ntime_zone = "{zone}"\n')))
    hours = panel.set_index(panel["month"].dt.month)["reactive_hours"]
    wanted = pd.Series([1.0, 2.0, 3.0]).groupby(months).sum()
    assert hours[hours != 0].to_dict() == wanted.to_dict()


def test_a_clock_change_leaves_days_and_exposure(workspace):
    """March has 31 days in service however many hours its days have: 10 endpoints from the 8th on are 24 / 31."""
    clients = "client,onboarded_on,ended_on,billing\nNord,2026-03-08,,hourly\n"
    time = "1,1,Nord,2026-03-01,1\n2,2,Nord,2026-03-08,1\n3,3,Nord,2026-03-31,1\n"
    settings = 'name = "T"\ntime_zone = "America/New_York"\n'
    march = row(panel_of(workspace, time, "Nord,2026-03-31,10\n", clients, settings), "2026-03-01")
    assert march["exposure"] == pytest.approx(10 * 24 / 31)
    assert (march["reactive_hours"], march["outside_hours"]) == (2, 1)


def test_names_differ_by_case_blanks_and_alias_only(workspace):
    settings = 'name = "T"\n[clients."Nord"]\naliases = ["N. Inc"]\n'
    time = "1,1,  NORD ,2026-01-05,1\n2,1,n. inc,2026-01-31,2\n3,1,Nord GmbH,2026-01-06,4\n"
    panel = panel_of(workspace, time, "nord,2026-01-31,8\n", settings=settings)
    assert row(panel, "2026-01-01")["reactive_hours"] == 3
    assert row(panel, "2026-01-01", "Nord GmbH")["exposure"] == 0


def test_no_usable_entry_says_where_to_look(workspace):
    with pytest.raises(NotEnoughData, match="`rhem check` lists what was set aside"):
        panel_of(workspace, "1,1,Nord,2026-01-05,n/a\n", "Nord,2026-01-31,8\n")


def test_the_sample_panel_equals_the_truth(sample_panel, sample_folder):
    truth = pd.DataFrame(json.loads((sample_folder / "truth.json").read_text())["panel"])
    truth["month"] = pd.to_datetime(truth["month"]).astype("datetime64[us]")
    both = sample_panel.merge(truth, on=["client", "month"], suffixes=("", "_true"), how="outer", indicator=True)
    assert (both["_merge"] == "both").all()
    for column in (
        "endpoints",
        "exposure",
        "age_start",
        "age_end",
        "reactive_hours",
        "reactive_tickets",
        "unclassified_hours",
    ):
        np.testing.assert_allclose(both[column], both[f"{column}_true"], atol=1e-6, err_msg=column)
    assert (both["billing"] == both["billing_true"]).all()


def test_pooling_weighs_by_exposure_and_names_the_mean_of_clients(sample_panel):
    exposed = sample_panel[sample_panel["exposure"] > 0]
    total = exposed["reactive_hours"].sum() / exposed["exposure"].sum()
    assert rhem.pooled_rhem(sample_panel) == pytest.approx(total)
    table = rhem.pooled_rhem(sample_panel, by=["quarter", "client"])
    assert (table["reactive_hours"].sum() / table["exposure"].sum()) == pytest.approx(total)
    by_client = rhem.pooled_rhem(sample_panel, by="client")
    np.testing.assert_allclose(by_client["rhem_h"], by_client["mean_client_rhem_h"])
    with pytest.raises(ParameterError, match="by: 'colour' is not known here"):
        rhem.pooled_rhem(sample_panel, by="colour")


def test_reactive_entries_of_a_client_sum_to_its_panel(sample_work, sample_panel):
    client = sample_panel["client"].iloc[0]
    hours = (
        sample_panel.loc[sample_panel["client"] == client, ["reactive_hours", "outside_hours"]].to_numpy().sum()
    )
    assert reactive_entries(sample_work, client)["hours"].sum() == pytest.approx(hours)


def test_planned_hours_are_those_of_a_client_on_days_in_service(workspace):
    rules = "".join(f'[[rules]]\nwhen = {{ work_type = "{name}" }}\nwork_class = "{name}"\n'
                    for name in ("scheduled", "project"))  # fmt: skip
    time = "entry_id,client,worked_on,hours,work_type\n1,Nord,2025-12-31,9,project\n2,Nord,2026-01-01,1,project\n"
    time += "3,Nord,2026-01-05,2,scheduled\n4,Nord,2026-03-05,4,scheduled\n5,Nord,2026-03-05,8,\n"
    time += "6,Sued,2026-01-05,16,project\n"
    clients = CLIENTS + "Sued,2026-01-01,,hourly\n"
    work = rhem.load(workspace({"time.csv": time, "clients.csv": clients}, 'name = "T"\n' + rules))
    table = planned_hours(work, "Nord").fillna(0)
    assert table.loc["2026-01-01"].to_dict() == {"scheduled": 2, "project": 1}
    assert table.loc["2026-03-01"].to_dict() == {"scheduled": 4, "project": 0} and len(table) == 2


def test_a_book_without_endpoint_lists_has_hours_and_no_rhem(workspace):
    files = {"time.csv": TIME + "1,1,Nord,2026-01-01,4\n", "tickets.csv": TICKETS, "clients.csv": CLIENTS}
    panel = rhem.measure(rhem.load(workspace(files)))
    assert panel[["reactive_hours", "exposure"]].values.tolist() == [[4, 0]]
    assert panel["rhem_h"].isna().all()
    assert "no-endpoints" in panel["flags"][0]
