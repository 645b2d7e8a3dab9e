"""Which state of a record counts: the one changed last, whatever its file is called and wherever it stands."""

import datetime as dt
import io
import json
import os
import random
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rhem_lib as rhem
from rhem_lib import metric
from rhem_lib.exports import clean

HEAD = "entry_id,client,worked_on,hours,work_type,ticket_id"
RULES = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'


def hours_of(folder):
    entries = rhem.load(folder).time_entries.df()
    return dict(entries[["entry_id", "hours"]].sort_values("entry_id").itertuples(index=False))


def rows(*states, changed=False):
    """Entries as CSV: number, hours and, where asked for, the day of the last change."""
    lines = [
        f"{n},Nord,2026-05-04,{hours},Remote,{n}" + (f",{day}" if changed else "") for n, hours, day in states
    ]
    return "\n".join([HEAD + (",Last Updated" if changed else ""), *lines]) + "\n"


@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("b.csv", "a.csv")])
def test_the_state_changed_last_counts_whatever_the_file_is_called(workspace, names):
    old, new = (
        rows((1, 1, "2026-05-04"), (2, 2, "2026-05-05"), changed=True),
        rows((1, 3, "2026-06-01"), changed=True),
    )
    work = rhem.load(workspace(dict(zip(names, (old, new), strict=True))))
    assert work.time_entries.df().sort_values("entry_id")["hours"].tolist() == [3, 2]
    assert work.quarantine["reason"].tolist() == ["superseded"]


def test_a_delta_of_older_days_corrects_the_full_list(workspace):
    full = [{"id": n, "company": {"name": "Nord"}, "timeStart": f"2026-05-{n:02d}T09:00:00Z", "actualHours": 1.0,
             "chargeToType": "ServiceTicket", "chargeToId": n, "workType": {"name": "Remote"},
             "_info": {"lastUpdated": f"2026-05-{n:02d}T10:00:00Z"}} for n in (1, 20)]  # fmt: skip
    delta = [full[0] | {"actualHours": 4.0, "_info": {"lastUpdated": "2026-06-02T10:00:00Z"}}]
    folder = workspace({"delta.json": json.dumps(delta), "full.json": json.dumps(full)})
    assert hours_of(folder) == {"1": 4.0, "20": 1.0}


def test_without_a_time_of_change_the_day_in_the_names_decides(workspace):
    files = {"time-2026-06-01.csv": rows((1, 2, "")), "time-2026-05-01.csv": rows((1, 1, ""))}
    assert hours_of(workspace(files)) == {"1": 2.0}


def test_without_any_day_the_time_of_the_file_decides(workspace):
    folder = workspace({"a.csv": rows((1, 2, "")), "z.csv": rows((1, 1, ""))})
    os.utime(folder / "exports/a.csv", (2_000_000_000, 2_000_000_000))
    assert hours_of(folder) == {"1": 2.0}
    os.utime(folder / "exports/z.csv", (2_100_000_000, 2_100_000_000))
    assert hours_of(folder) == {"1": 1.0}


def test_of_two_downloads_the_second_counts(workspace):
    folder = workspace({"time (1).csv": rows((1, 3, "")), "time.csv": rows((1, 1, ""))})
    for path in (folder / "exports").iterdir():
        os.utime(path, (1_900_000_000, 1_900_000_000))
    assert hours_of(folder) == {"1": 3.0}


def test_asks_where_nothing_says_which_state_is_later(workspace):
    folder = workspace({"a.csv": rows((1, 3, "")), "b.csv": rows((1, 1, ""))})
    for path in (folder / "exports").iterdir():
        os.utime(path, (1_900_000_000, 1_900_000_000))
    wording = rhem.load(folder).account.warnings.set_index("code")["text"]
    assert "exports/a.csv and exports/b.csv in different states" in wording["undecided-state"]


def test_of_states_that_nothing_orders_one_counts_whatever_the_names(workspace):
    counted = []
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        folder = workspace({names[0]: rows((1, 3, "")), names[1]: rows((1, 1, ""))})
        for path in (folder / "exports").iterdir():
            os.utime(path, (1_900_000_000, 1_900_000_000))
        counted.append(hours_of(folder))
    assert counted[0] == counted[1]


def test_a_column_missing_in_one_file_is_named(workspace):
    head, row = "entry_id,client,worked_on,hours,work_type,category\n", "1,Nord,2026-0{0}-01,1,Remote,Mail\n"
    files = {f"time-2026-0{m}.csv": head + row.format(m).replace("1,Nord", f"{m},Nord") for m in (1, 2, 3)}
    files["time-2026-02.csv"] = "entry_id,client,worked_on,hours,work_type\n2,Nord,2026-02-01,1,Remote\n"
    wording = rhem.load(workspace(files)).account.warnings.query("code == 'missing-column'")["text"].tolist()
    assert len(wording) == 1 and wording[0].startswith(
        "exports/time-2026-02.csv is without 'category', which 2 other"
    )


def test_a_column_under_another_name_that_its_profile_knows_is_not_missing(workspace):
    head, row = "Ticket ID,Client,Date,Action Number,Time Taken,{0}\n", "7,Nord,2026-0{0}-04,{0},1,Travel\n"
    names = dict.fromkeys(range(1, 6), "Charge Type") | {2: "Charge Rate", 4: "Colour"}
    files = {f"t{m}.csv": head.format(name) + row.format(m) for m, name in names.items()}
    work = rhem.load(workspace(files))
    assert work.account.warnings.query("code == 'missing-column'")["text"].str[:14].tolist() == ["exports/t4.csv"]
    assert work.time_entries.df()["work_type"].notna().sum() == 4


def test_columns_that_nothing_asks_for_may_come_and_go(workspace):
    files = {
        "a.csv": HEAD + ",Colour\n1,Nord,2026-01-01,1,R,1,x\n",
        "b.csv": HEAD + ",Colour\n2,Nord,2026-01-01,1,R,2,x\n",
    }
    work = rhem.load(workspace(files | {"c.csv": HEAD + "\n3,Nord,2026-01-01,1,R,3\n"}))
    assert "missing-column" not in set(work.account.warnings["code"])


def written(states, kind, name, folder):
    """A list of states as a file of some kind: CSV, JSON, or either in a ZIP."""
    text = rows(*states, changed=True)
    if kind.startswith("json"):
        head, *lines = text.strip().splitlines()
        text = json.dumps([dict(zip(head.split(","), line.split(","), strict=True)) for line in lines])
    suffix = "json" if kind.startswith("json") else "csv"
    if not kind.endswith("zip"):
        (folder / f"{name}.{suffix}").write_text(text)
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.{suffix}", text)
    (folder / f"{name}.zip").write_bytes(packed.getvalue())


STATES = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 28)), min_size=1, max_size=14)


def check_any_order(tmp_path_factory, states, kinds, seed):
    """Whatever files hold the states, in any order, the last change of each entry counts."""
    rng = random.Random(seed)
    states = list({(n, day): (n, hours, f"2026-06-{day:02d}") for n, hours, day in states}.values())
    wanted = {str(n): float(h) for n, h, _ in sorted(states, key=lambda s: s[2])}
    folder = tmp_path_factory.mktemp("states")
    (folder / "exports").mkdir()
    (folder / "rhem.toml").write_text(RULES)
    shuffled = states + rng.sample(states, len(states) // 2)  # deltas overlap
    rng.shuffle(shuffled)
    parts = [shuffled[i :: len(kinds)] for i in range(len(kinds))]
    for number, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
        if part:
            written(part, kind, f"{rng.randrange(10**6)}-{number}", folder / "exports")
    assert hours_of(folder) == wanted


KINDS = st.lists(st.sampled_from(["csv", "json", "csv zip", "json zip"]), min_size=1, max_size=4)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES, kinds=KINDS, seed=st.integers(0, 10**6))
def test_any_split_in_any_order_gives_the_last_states(tmp_path_factory, states, kinds, seed):
    check_any_order(tmp_path_factory, states, kinds, seed)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=STATES, kinds=KINDS, seed=st.integers(0, 10**6))
def test_200_splits_in_any_order_give_the_last_states(tmp_path_factory, states, kinds, seed):
    check_any_order(tmp_path_factory, states, kinds, seed)


def test_a_credit_goes_back_to_the_month_of_its_ticket(workspace):
    lines = [
        "1,Nord,2026-03-04,5,R,7",
        "2,Nord,2026-03-09,2,R,7",
        "3,Nord,2026-05-04,-5,R,7",
        "4,Nord,2026-05-05,2,R,8",
    ]
    work = rhem.load(workspace({"time.csv": "\n".join([HEAD, *lines])}))
    assert work.time_entries.df().set_index("entry_id")["worked_on"].astype(str)["3"] == "2026-03-04"
    assert "1 corrections (-5.0 hours) are counted" in " ".join(work.account.warnings["text"])
    assert work.account.balanced


def test_a_credit_with_the_number_of_its_entry_is_no_later_state_of_it(workspace):
    lines = ["6,Nord,2026-04-05,3,R,", "6,Nord,2026-05-06,-3,R,", "7,Nord,2026-05-06,1,R,"]
    work = rhem.load(workspace({"time.csv": "\n".join([HEAD, *lines])}))
    entries = work.time_entries.df()
    assert entries.loc[entries["entry_id"] == "6", "hours"].tolist() == [3, -3]
    assert entries["worked_on"].dt.month.tolist() == [4, 4, 5]
    assert "shared-number" not in set(work.account.warnings["code"])


def test_a_credit_of_unknown_work_flags_its_month_and_shares_stay_shares(workspace):
    lines = [
        "1,Nord,2026-03-04,3,R,7",
        "2,Nord,2026-03-05,3,R,8",
        "3,Nord,2026-04-04,-5,R,99",
        "4,Nord,2026-04-05,2,R,9",
    ]
    head = "client,as_of,count,kind\n"
    devices = head + "".join(f"Nord,2026-0{m}-28,5,server\n" for m in (3, 4))
    folder = workspace(
        {
            "time.csv": "\n".join([HEAD, *lines]),
            "devices.csv": devices,
            "clients.csv": "client,onboarded_on\nNord,2026-03-01\n",
        },
        RULES,
    )
    work = rhem.load(folder)
    panel = rhem.measure(work)
    assert panel["reactive_hours"].sum() == 3
    assert ["negative-hours" in flags for flags in panel["flags"]] == [False, True]
    shares = metric.computer_table(metric.reactive_entries(work, "Nord").assign(device_id=["a", "b", "c", "d"]))
    assert shares["share"].between(-1, 1).all() and shares["share"].clip(lower=0).sum() == pytest.approx(1)


def test_the_future_begins_in_the_time_zone_of_the_msp(workspace, monkeypatch):
    """At 23:30 UTC of 4 May it is 5 May in Auckland and still 4 May in New York."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime(2026, 5, 4, 23, 30, tzinfo=dt.UTC).astimezone(tz)

    monkeypatch.setattr(clean.dt, "datetime", Clock)
    for zone, kept in (("Pacific/Auckland", 1), ("America/New_York", 0)):
        folder = workspace(
            {"time.csv": HEAD + "\n1,Nord,2026-05-05,1,R,1\n"}, f'name = "T"\ntime_zone = "{zone}"\n'
        )
        assert len(rhem.load(folder).time_entries.df()) == kept


DELETED = HEAD + ",isDeleted\n"


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("column", "cell", "kept"),
    [
        ("is_deleted", "true", ""),
        ("deleted_at", "2026-05-06 10:00", "0001-01-01T00:00:00"),
        ("Status", "Deleted", "Open"),
    ],
)
def test_sets_deleted_records_of_any_system_aside(workspace, column, cell, kept):
    rows = f"1,Nord,2026-05-04,1,Remote,1,{kept}\n2,Nord,2026-05-04,5,Remote,2,{cell}\n"
    work = rhem.load(workspace({"time.csv": f"{HEAD},{column}\n{rows}"}))
    assert work.time_entries.df()["hours"].tolist() == [1]
    assert work.quarantine[["reason", "hours"]].values.tolist() == [["deleted-entry", 5]]


def test_a_deletion_takes_earlier_states_along_and_a_restored_record_counts(workspace):
    row = "{0},Nord,2026-05-04,1,Remote,{0},{1}\n"
    files = {
        "t-2026-05-05.csv": DELETED + row.format(1, "false") + row.format(2, "true"),
        "t-2026-05-09.csv": DELETED + row.format(1, "true") + row.format(2, "false"),
    }
    assert hours_of(workspace(files)) == {"2": 1.0}


def test_deleted_logs_of_autotask_take_time_and_tickets_out(workspace):
    entry = {"dateWorked": "2026-05-04T00:00:00Z", "startDateTime": "2026-05-04T08:00:00Z", "resourceID": 3}
    hours = {1: (10, 1), 2: (11, 2), 3: (10, 4)}
    time = [entry | {"id": n, "ticketID": ticket, "hoursWorked": h} for n, (ticket, h) in hours.items()]
    tickets = [{"id": n, "companyID": 5, "createDate": "2026-05-04T08:00:00Z", "queueID": 1} for n in (10, 11)]
    log = {"id": 1, "deletedByResourceID": 2, "deletedDateTime": "2026-05-06T08:00:00Z"}
    activity = {
        "ticketID": 10,
        "startDateTime": entry["startDateTime"],
        "hoursWorked": 4,
        "createdByResourceID": 3,
    }
    files = {"TimeEntries": time, "Tickets": tickets, "DeletedTicketLogs": [log | {"ticketID": 11}],
             "DeletedTicketActivityLogs": [log | activity]}  # fmt: skip
    work = rhem.load(workspace({f"{name}.json": json.dumps(records) for name, records in files.items()}))
    assert work.time_entries.df()["hours"].tolist() == [1]
    assert work.tickets.df()["ticket_id"].tolist() == ["10"]
    assert sorted(work.quarantine.query("hours > 0")["hours"]) == [2, 4, 4] and work.account.balanced


@pytest.mark.parametrize(
    "flag",
    [
        "active\n{0},1\n{1},0\n",
        "status\n{0},In use\n{1},Retired\n",
        "Retired\n{0},\n{1},Yes\n",
        "Decommissioned On\n{0},\n{1},2026-01-15\n",
        "managed\n{0},Yes\n{1},No\n",
        "kind\n{0},laptop\n{1},Laptop (spare)\n",
        "kind\n{0},laptop\nNord,joe@nord.com,laptop\n",
    ],
)
def test_devices_out_of_use_are_no_endpoints(workspace, flag):
    text = "client,device_id," + flag.format("Nord,a", "Nord,b")
    assert rhem.load(workspace({"pcs-2026-05-31.csv": text})).endpoints.df()["device_id"].tolist() == ["a"]


ALIKE = "client,worked_on,hours,work_type,technician\n"
VISIT = "Nord,2026-05-04,0.25,Remote,Ann\n"


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("files", "counted", "code"),
    [
        ([ALIKE + 2 * VISIT], 0.5, "twins"),
        ([ALIKE + VISIT, ALIKE + VISIT], 0.25, "alike-rows"),
        ([ALIKE + VISIT, ALIKE + 2 * VISIT], 0.5, "alike-rows"),
        ([ALIKE.replace("tech", "entry_id,tech") + 2 * VISIT.replace("Ann", ",Ann")], 0.5, "twins"),
    ],
)
def test_rows_alike_in_one_file_count_each_and_in_two_files_once(workspace, files, counted, code):
    work = rhem.load(workspace({f"t{n}.csv": text for n, text in enumerate(files)}))
    assert work.time_entries.df()["hours"].sum() == counted
    warned = work.account.warnings.set_index("code")["text"]
    assert " hours)" in warned[code]


def test_computers_without_a_name_are_as_many_as_their_rows(workspace):
    pcs = {"pcs-2026-05-31.csv": "client,kind\nNord,workstation\nNord,workstation\n"}
    assert rhem.load(workspace(pcs)).endpoints.df()["count"].sum() == 2
