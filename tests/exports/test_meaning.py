"""Fields that are filled where one would not think so, times in the user's own zone, labels that are nobody's."""

import pytest
from test_profiles import (
    AUTOTASK_API,
    CW_TICKET,
    DAY,
    HALOPSA_REPORT,
    NORD,
    SERVICENOW_TASKS,
    SETTINGS,
    entries,
    set_aside,
    written,
)

import rhem_lib as rhem
from rhem_lib.errors import InputError

AUTOTASK_NAMES = {name: AUTOTASK_API[name] for name in ("companies.json", "tickets.json")}
ENTRY = {"id": 1, "ticketID": 11, "taskID": None, "timeEntryType": 2, "dateWorked": "2026-03-31T00:00:00Z",
         "hoursWorked": 0.4, "hoursToBill": 0.5, "resourceID": 3, "billingCodeID": 501,
         "internalBillingCodeID": 501}  # fmt: skip


@pytest.mark.many_cases
@pytest.mark.parametrize("dropped", [[], ["taskID"], ["timeEntryType"], ["taskID", "timeEntryType"]])
def test_autotask_ticket_time_with_an_internal_billing_code_is_the_clients(workspace, dropped):
    made = [ENTRY, ENTRY | {"id": 2, "ticketID": None, "timeEntryType": 5, "hoursWorked": 8}]
    records = [{key: value for key, value in entry.items() if key not in dropped} for entry in made]
    work = rhem.load(workspace(written(AUTOTASK_NAMES | {"time.json": {"items": records}}), SETTINGS))
    assert entries(work) == [NORD, ["Internal time", DAY[1], 8, "internal"]]


def test_autotask_time_without_ticket_task_and_internal_code_is_nobodys(workspace):
    lost = ENTRY | {"id": 2, "ticketID": None, "internalBillingCodeID": None, "hoursWorked": 2}
    work = rhem.load(workspace(written(AUTOTASK_NAMES | {"time.json": [ENTRY, lost]}), SETTINGS))
    assert entries(work) == [NORD]
    assert work.quarantine[["reason", "hours"]].values.tolist() == [["no-client", 2.0]]


def test_autotask_project_time_with_an_internal_billing_code_is_project_work(workspace):
    task = ENTRY | {"ticketID": None, "taskID": 99, "timeEntryType": 6, "hoursWorked": 3}
    work = rhem.load(workspace(written(AUTOTASK_NAMES | {"time.json": [task, ENTRY | {"id": 2}]}), SETTINGS))
    assert entries(work) == [["Project tasks", DAY[1], 3, "project"], NORD]


def test_autotask_csv_with_empty_cells_is_read_like_json(workspace):
    csv = "id,ticketID,taskID,billingCodeID,internalBillingCodeID,dateWorked,hoursWorked,resourceID\n"
    csv += '1,11,,501,501,3/31/2026 12:00:00 AM,0.4,3\n2,"",,6,6,3/31/2026 12:00:00 AM,8,3\n'
    work = rhem.load(workspace(written(AUTOTASK_NAMES | {"time.csv": csv}), SETTINGS))
    assert entries(work) == [NORD, ["Internal time", DAY[1], 8, "internal"]]


def test_connectwise_actual_hours_come_before_hours(workspace):
    head = "Member,Date,Bill,Hours,Actual Hours,Inv Hours,Ticket #,Company,Work Type,Time RecId\n"
    rows = "asmith,3/31/2026,NB,0.5,0.4,0.5,501,Nord Dental,Remote,9001\n"
    work = rhem.load(workspace(written({"time.csv": head + rows, "tickets.json": [CW_TICKET]}), SETTINGS))
    assert entries(work) == [NORD]


CW_SHORT = {key: CW_TICKET[key] for key in ("id", "company", "board", "type", "recordType")}
CW_AGREEMENT = {"id": 31, "name": "Gold", "company": CW_TICKET["company"], "type": {"id": 5, "name": "Managed"}}


TIME_LINE = "client,worked_on,hours\nNord Dental,2026-03-31,1\n"


def test_connectwise_tickets_without_their_day_are_tickets(workspace):
    files = {"list-2026-03-31.json": [CW_SHORT], "time.csv": TIME_LINE}
    work = rhem.load(workspace(written(files), SETTINGS))
    assert work.account.files["table"].tolist() == ["tickets", "time_entries"]


@pytest.mark.parametrize("dropped", [[], ["cancelledFlag"]])
def test_connectwise_agreements_without_start_are_no_list_of_devices(workspace, dropped):
    record = {key: value for key, value in (CW_AGREEMENT | {"cancelledFlag": False}).items() if key not in dropped}
    folder = workspace(written({"list-2026-03-31.json": [record], "time.csv": TIME_LINE}), SETTINGS)
    with pytest.raises(InputError, match=r"list-2026-03-31\.json: (?!this is a list of endpoints)"):
        rhem.load(folder)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("time", "day"),
    [
        ({"task": {"link": "x", "value": "f" * 32}, "task.number": "INC001", "time_in_seconds": "1440"}, DAY[1]),
        ({"task": "INC001", "time_worked": "1970-01-01 00:24:00"}, DAY[1]),
        ({"task": {"display_value": "INC001", "link": "x"}, "time_worked": "24 Minutes"}, "2026-04-01"),
        ({"task": "INC001", "time_worked": "24 Minuten"}, "2026-04-01"),
        ({"task": "INC001", "time_worked": "24 Minutes", "time_in_seconds": "1440"}, "2026-04-01"),
    ],
    ids=["raw", "raw-duration", "display", "display-german", "display-with-seconds"],
)
def test_servicenow_raw_times_are_utc_and_display_values_local(workspace, time, day):
    record = {"sys_id": "s", "sys_created_on": "2026-04-01 02:00:00", **time}
    files = {"tasks.csv": SERVICENOW_TASKS, "time.json": {"result": [record]}}
    assert entries(rhem.load(workspace(written(files), SETTINGS))) == [[DAY[0], day, 0.4, "reactive"]]


def test_servicenow_with_both_values_takes_the_raw_time_and_the_shown_number(workspace):
    def both(shown, raw):
        return {"display_value": shown, "value": raw}

    time = {"sys_id": both("s", "s"), "task": both("INC001", "f" * 32) | {"link": "x"},
            "time_worked": both("24 Minutes", "1970-01-01 00:24:00"), "time_in_seconds": both("1,440", "1440"),
            "sys_created_on": both("31/03/2026 22:00:00", "2026-04-01 02:00:00")}  # fmt: skip
    task = {"number": both("INC001", "INC001"), "company": both("Nord Dental", "c" * 32) | {"link": "x"},
            "opened_at": both("29/03/2026 22:00:00", "2026-03-30 02:00:00"), "priority": both("3 - Moderate", "3"),
            "assignment_group": both("Desk", "d" * 32), "category": both("Mail", "mail")}  # fmt: skip
    files = {"time.json": {"result": [time]}, "incidents.json": {"result": [task]}}
    work = rhem.load(workspace(written(files), SETTINGS))
    assert entries(work) == [NORD]
    ticket = work.tickets.df().iloc[0]
    assert (ticket["type"], ticket["board"], str(ticket["opened_at"])[:16]) == (
        "incident",
        "Desk",
        "2026-03-29 22:00",
    )


EVERYDAY = [
    "Ticket ID,Customer,Date,Time Taken\n40,Nord Dental,2026-03-31,{}\n",
    "Ticket Number,Client,Date,Time Spent,Technician\n40,Nord Dental,2026-03-31,{},Ann\n",
    "Customer;Date;Duration;Ticket\nNord Dental;2026-03-31;{};40\n",
]


@pytest.mark.many_cases
@pytest.mark.parametrize("text", EVERYDAY)
def test_asks_for_the_unit_of_a_list_with_everyday_labels(workspace, text):
    files = {"list.csv": text.format(24), "tickets.csv": HALOPSA_REPORT["tickets.csv"]}
    folder = workspace(files, SETTINGS)
    with pytest.raises(InputError, match="does not say in which unit time is written") as raised:
        rhem.load(folder)
    assert "HaloPSA" not in str(raised.value)
    (folder / "rhem.toml").write_text(SETTINGS + '[[files]]\npath = "exports/list.csv"\nhours_unit = "minutes"\n')
    assert entries(rhem.load(folder)) == [NORD]


@pytest.mark.many_cases
@pytest.mark.parametrize("text", EVERYDAY)
@pytest.mark.parametrize("cell", ["0:24", "24 min", "24 Min."])
def test_a_duration_that_names_its_unit_needs_no_question(workspace, text, cell):
    files = {"list.csv": text.format(cell), "tickets.csv": HALOPSA_REPORT["tickets.csv"]}
    assert entries(rhem.load(workspace(files, SETTINGS))) == [NORD]


@pytest.mark.parametrize(
    "header",
    ["Id,Client,Type", "Client,Asset Name,Purchased", "id,company.name,type.name", "Organization,Id,Device Type"],
)
def test_labels_that_everyone_uses_make_no_list_of_devices(workspace, header):
    with pytest.raises(InputError, match="no profile knows these columns"):
        rhem.load(workspace({"list-2026-06-30.csv": f"{header}\n1,Nord,x\n"}, SETTINGS))


FRESHDESK_TICKET = {"id": 30, "company_id": 80, "group_id": 5, "type": "Incident", "subject": "x", "source": 2,
                    "spam": False, "created_at": "2026-03-30T02:00:00Z", "tags": []}  # fmt: skip
FRESHDESK_TIME = {"id": 1, "ticket_id": 30, "agent_id": 5, "time_spent": "00:24", "billable": True, "note": "x",
                  "executed_at": "2026-04-01T02:00:00Z", "start_time": "2026-04-01T02:00:00Z",
                  "timer_running": False}  # fmt: skip
FRESHDESK_COMPANY = {"id": 80, "name": "Nord Dental", "domains": ["nord.test"], "health_score": None}


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "files",
    [
        {"time.json": [FRESHDESK_TIME], "tickets.json": [FRESHDESK_TICKET], "companies.json": [FRESHDESK_COMPANY]},
        {"time.json": [FRESHDESK_TIME | {"company_id": 80}], "tickets.json": [FRESHDESK_TICKET],
         "companies.json": [FRESHDESK_COMPANY]},
        {"time.json": [FRESHDESK_TIME],
         "tickets.json": [FRESHDESK_TICKET | {"company": {"id": 80, "name": "Nord Dental"}}]},
    ],
    ids=["ticket", "entry", "include-company"],
)  # fmt: skip
def test_freshdesk_beside_freshservice(workspace, files):
    work = rhem.load(workspace(written(files), SETTINGS))
    assert entries(work) == [NORD]
    assert set_aside(work) == []


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("client,worked_on,Sum of hours,technician", [*DAY, 0.4, "unclassified"]),
        ("Client,Action Date,Sum of Time Taken,Ticket ID", NORD),
        ("account_name,date_worked,Sum of hours_worked,user_id", [*DAY, 0.4, "unclassified"]),
    ],
)
def test_sums_of_power_bi_are_hours(workspace, header, expected):
    files = {"t.csv": f"{header}\nNord Dental,2026-03-31,0.4,40\n", "tickets.csv": HALOPSA_REPORT["tickets.csv"]}
    assert entries(rhem.load(workspace(files, SETTINGS))) == [expected]


def test_a_sum_of_ticket_numbers_is_no_ticket_number(workspace):
    text = "Sum of Ticket ID,Client,Action Date,Time Taken\n40,Nord,2026-03-31,0.4\n"
    with pytest.raises(InputError, match="no profile knows these columns"):
        rhem.load(workspace({"t.csv": text}, SETTINGS))


TRACKERS = {
    "toggl": {"t.csv": "User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,"
              "End time,Duration,Tags,Amount ()\nAnn,a@x.test,Nord Dental,Support,,x,No,2026-03-31,22:00:00,"
              "2026-03-31,22:24:00,00:24:00,,\n"},
    "toggl-new": {"t.csv": "User,Email,Client,Project,Task,Description,Billable,Start date,Start time,End date,"
                  "End time,Duration,Tags\nAnn,a@x.test,Nord Dental,Support,,x,No,2026-03-31,22:00:00,2026-03-31,"
                  "22:24:00,24:00 min,\n"},
    "toggl-api": {"t.json": [
        {"id": 1, "workspace_id": 2, "start": "2026-04-01T02:00:00+00:00", "stop": "2026-04-01T02:24:00Z",
         "duration": 1440, "client_name": "Nord Dental", "project_name": "Support", "billable": False},
        {"id": 2, "workspace_id": 2, "start": "2026-04-01T02:00:00+00:00", "stop": None, "duration": -1774000000,
         "client_name": "Nord Dental", "project_name": "Support", "billable": False}]},
    "clockify": {"t.csv": "Project,Client,Description,Task,User,Group,Email,Tags,Billable,Start Date,Start Time,"
                 "End Date,End Time,Duration (h),Duration (decimal),Billable Rate (USD)\n"
                 "Support,Nord Dental,x,,Ann,,a@x.test,,No,03/31/2026,10:00:00 PM,03/31/2026,10:24:00 PM,"
                 "00:24:00,0.40,0\n"},
    "clockify-api": {"t.json": {"totals": [], "timeentries": [
        {"_id": "e1", "description": "x", "clientName": "Nord Dental", "projectName": "Support", "taskName": None,
         "userName": "Ann", "billable": False, "timeInterval": {"start": "2026-03-31T22:00:00-04:00",
         "end": "2026-03-31T22:24:00-04:00", "duration": 1440}}]}},
    "harvest": {"t.csv": "Date,Client,Project,Project Code,Task,Notes,Hours,Hours Rounded,Billable?,Invoiced?,"
                "First Name,Last Name,Roles\n2026-03-31,Nord Dental,Web,,Support,x,0.4,0.5,Yes,No,Ann,Lee,\n"},
    "harvest-api": {"t.json": {"time_entries": [
        {"id": 1, "spent_date": "2026-03-31", "hours": 0.4, "rounded_hours": 0.5, "is_running": running,
         "billable": True, "created_at": "2026-04-02T15:50:15Z", "client": {"id": 5, "name": "Nord Dental"},
         "project": {"name": "Web"}, "task": {"name": "Support"}, "user": {"id": 3, "name": "Ann"}}
        for running in (False, True)], "per_page": 100, "total_pages": 1}},
    "redmine": {"t.csv": "Project,Date,User,Activity,Issue,Comment,Hours\nNord Dental,03/31/2026,Ann Lee,Support,"
                "Bug #12: x,y,0.4\n"},
    "redmine-api": {"t.json": {"time_entries": [
        {"id": 1, "project": {"id": 2, "name": "Nord Dental"}, "issue": {"id": 12},
         "user": {"id": 3, "name": "Ann"}, "activity": {"id": 9, "name": "Support"},
         "hours": 0.4, "comments": "x", "spent_on": "2026-03-31",
         "created_on": "2026-04-02T10:00:00Z", "updated_on": "2026-04-02T10:00:00Z"}], "total_count": 1,
        "offset": 0, "limit": 100}},
    "kimai": {"t.csv": "Date,Begin,End,Duration,User,Customer,Project,Activity,Description,Exported,Billable\n"
              "2026-03-31,22:00,22:24,0:24,Ann,Nord Dental,Web,Support,x,No,Yes\n"},
    "kimai-api": {"t.json": [
        {"id": 1, "begin": "2026-03-31T22:00:00-0400", "end": end, "duration": seconds, "billable": True,
         "project": {"id": 1, "name": "Web", "customer": {"id": 5, "name": "Nord Dental"}},
         "activity": {"id": 2, "name": "Support"}, "user": {"id": 3, "username": "ann"}}
        for end, seconds in (("2026-03-31T22:24:00-0400", 1440), (None, 0))]},
}  # fmt: skip
ASIDE = {"toggl-api": ["running-timer"], "harvest-api": ["running-timer"], "kimai-api": ["running-timer"]}
SUPPORT = '[[rules]]\nwhen = { work_type = "Support" }\nwork_class = "reactive"\n'


@pytest.mark.many_cases
@pytest.mark.parametrize("name", TRACKERS)
def test_records_of_time_trackers_become_entries(workspace, name):
    work = rhem.load(workspace(written(TRACKERS[name]), SETTINGS + SUPPORT))
    assert work.account.files["profile"].tolist() == [name.partition("-")[0]]
    assert entries(work) == [NORD]
    assert set_aside(work) == ASIDE.get(name, [])


def test_kimai_asks_what_a_plain_number_means(workspace):
    text = TRACKERS["kimai"]["t.csv"].replace("0:24", "0.40")
    with pytest.raises(InputError, match="Kimai does not say in which unit"):
        rhem.load(workspace({"t.csv": text}, SETTINGS))


def test_ninjaone_console_csv(workspace):
    head = "Id,Organization,Display Name,Device Make,Device Model,Serial Number,OS Name,Last Contact\n"
    rows = [("Windows 11 Professional Edition", "29"), ("Windows Server 2022 Standard Edition", "29"),
            ("macOS 15", "29"), ("FortiOS", "29")]  # fmt: skip
    text = head + "".join(
        f"{i},Nord Dental,pc{i},Dell,X,S{i},{system},2026-06-{day} 10:00:00\n"
        for i, (system, day) in enumerate(rows)
    )
    files = {"devices-2026-06-30.csv": text, "time.csv": "client,worked_on,hours\nNord Dental,2026-06-15,1\n",
             "clients.csv": "client,onboarded_on\nNord Dental,2026-06-01\n"}  # fmt: skip
    work = rhem.load(workspace(files, SETTINGS))
    assert work.account.files["profile"].tolist()[0] == "ninjaone"
    assert rhem.measure(work)["endpoints"].tolist() == [3]
