"""Every source system: records shaped like its API or grids, written by hand from field lists, through the import.

Each case is files in, entries out: client, day worked in the MSP's zone, hours worked (never billed), work class.
Stamps in UTC stand after midnight, so that a month cut in UTC would give another day.
"""

import json

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError, SettingsError
from rhem_lib.exports.match_profile import recognise
from rhem_lib.exports.profiles import Profile, read_profiles
from rhem_lib.settings import FileSettings

SETTINGS = 'name = "Test MSP"\ntime_zone = "America/New_York"\n'
PROFILES = read_profiles()
TABLES = [(profile.name, i) for profile in PROFILES.values() for i in range(len(profile.tables))]
DATED = "exports/list-2026-06-30.csv"


def written(files):
    """Records as JSON, text as it stands."""
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in files.items()}


def entries(work):
    """Client, day, hours and work class of each entry, in the order of the files."""
    frame = work.time_entries.df()
    assert (frame["worked_on"] == frame["worked_on"].dt.normalize()).all()
    rows = frame.assign(day=frame["worked_on"].dt.strftime("%Y-%m-%d"), hours=frame["hours"].round(6))
    return rows.sort_values("source_row")[["client", "day", "hours", "work_class"]].values.tolist()


def set_aside(work):
    return sorted(work.quarantine["reason"])


CW_TICKET = {
    "id": 501, "recordType": "ServiceTicket", "company": {"id": 7, "identifier": "NORD", "name": "Nord Dental"},
    "board": {"id": 1, "name": "Help Desk"}, "type": {"id": 3, "name": "Incident"}, "subType": {"name": "Printer"},
    "source": {"name": "Phone"}, "priority": {"name": "P3"}, "parentTicketId": 0, "closedFlag": False,
    "_info": {"dateEntered": "2026-03-30T13:00:00Z"},
}  # fmt: skip
CW_TIME = {
    "id": 9001, "chargeToType": "ServiceTicket", "chargeToId": 501, "company": CW_TICKET["company"],
    "timeStart": "2026-04-01T02:30:00Z", "timeEnd": "2026-04-01T03:15:00Z", "actualHours": 0.75,
    "hoursBilled": 1.0, "invoiceHours": 1.0, "agreementHours": 0.0, "billableOption": "DoNotBill",
    "workType": {"name": "Remote"}, "member": {"identifier": "asmith"}, "dateEntered": "2026-04-02T12:00:00Z",
}  # fmt: skip
OWN = {"company": {"identifier": "US", "name": "Test MSP"}}

CONNECTWISE_API = {
    "tickets.json": [CW_TICKET],
    "time.json": [
        CW_TIME,
        CW_TIME | {"id": 9002, "chargeToType": "ProjectTicket", "chargeToId": 77, "actualHours": 2},
        CW_TIME | OWN | {"id": 9003, "chargeToType": "ChargeCode", "chargeToId": 4, "workType": None},
        CW_TIME
        | OWN
        | {"id": 9004, "chargeToType": "ChargeCode", "chargeToId": 5, "workType": {"name": "Vacation"}},
    ],
}
CONNECTWISE_GRID = {
    "tickets.csv": "Ticket #,Priority,Age,Status,Company,Summary Description,Board,Type,Subtype,Resources\n"
    "501,P3,2,Closed,Nord Dental,x,Help Desk,Incident,Printer,asmith\n",
    "time.csv": "Member,Date,Bill,Rate,Overage Rate,Hours,WIP Amt,Inv Hours,Inv Amt,Location,Department,Ticket #,"
    "Ticket Status,Agreement,Work Role,Work Type,Site Name,Ticket Summary,Time RecId,Agreement Type\n"
    "asmith,3/31/2026,NB,100,0,0.75,0,1.00,0,Main,IT,501,Closed,MS,Engineer,Remote,Main,x,9001,MS\n"
    "asmith,3/31/2026,NB,100,0,(0.25),0,0,0,Main,IT,501,Closed,MS,Engineer,Remote,Main,x,9002,MS\n",
}
CONNECTWISE_VIEW = {
    "service.csv": "TicketNbr,SR_Service_RecID,company_name,Board_Name,ServiceType,date_entered\n"
    "501,501,Nord Dental,Help Desk,Incident,2026-03-30 09:00:00\n",
    "time.csv": "time_recid,SR_Service_RecID,Company_Name,member_id,Date_Start,time_start,time_end,Hours_Actual,"
    "Billable_Hrs,AgrHrsCovered,PM_Project_RecID,option_id\n"
    "9001,501,Nord Dental,asmith,2026-03-31,22:30:00,23:15:00,0.75,1,0,,NB\n"
    "9002,77,Nord Dental,asmith,2026-03-31,22:30:00,23:15:00,2,2,0,12,B\n",
}
AUTOTASK_API = {
    "companies.json": {"items": [{"id": 174, "companyName": "Nord Dental", "isActive": True}]},
    "tickets.json": {
        "items": [
            {"id": 11, "ticketNumber": "T20260301.0010", "companyID": 174, "queueID": 8, "ticketType": 2},
            {"id": 12, "ticketNumber": "T20260301.0011.009", "companyID": 174, "queueID": 8, "ticketType": 1},
            {"id": 13, "ticketNumber": "T20260301.0012", "companyID": 174, "queueID": 8, "ticketType": 1,
             "rmmAlertID": "a-1", "createDate": "2026-03-01T10:00:00Z"},
        ]
    },
    "time.json": {
        "items": [
            {"id": 1, "ticketID": 11, "taskID": None, "timeEntryType": 2, "dateWorked": "2026-03-31T00:00:00Z",
             "startDateTime": "2026-04-01T02:00:00Z", "hoursWorked": 0.4, "hoursToBill": 0.5, "resourceID": 3,
             "isNonBillable": False, "internalBillingCodeID": None},
            {"id": 2, "ticketID": 12, "dateWorked": "2026-03-31T00:00:00Z", "hoursWorked": 1, "resourceID": 3},
            {"id": 3, "ticketID": 13, "dateWorked": "2026-03-31T00:00:00Z", "hoursWorked": 0.2, "resourceID": 3},
            {"id": 4, "taskID": 99, "dateWorked": "2026-03-31T00:00:00Z", "hoursWorked": 3, "resourceID": 3},
            {"id": 5, "internalBillingCodeID": 6, "dateWorked": "2026-03-31T00:00:00Z", "hoursWorked": 8,
             "resourceID": 3},
        ]
    },
}  # fmt: skip
AUTOTASK_GRID = {
    "tickets.csv": "Ticket Number,Ticket Title,Organization,Queue,Issue Type,Sub-Issue Type,Ticket Type,Source,"
    "Priority,Status,Create Date\nT20260301.0010,x,Nord Dental,Desk,Mail,Outlook,Incident,Phone,High,New,"
    "03/30/2026 8:00 PM\nT20260301.0011.002,x,Nord Dental,Desk,Patch,,Service Request,Phone,High,New,"
    "03/30/2026 8:00 PM\n",
    "time.csv": "Ticket Number,Organization,Resource Name,Work Type,Date Worked,Hours Worked,Hours To Bill,"
    "Billable\n"
    "T20260301.0010,Nord Dental,Smith Ann,Remote,03/31/2026,0.4,0.5,Yes\n"
    "T20260301.0011.002,Nord Dental,Smith Ann,Remote,03/31/2026,1.25,0,No\n",
}
AUTOTASK_WAREHOUSE = {
    "time.csv": "time_item_id,task_id,task_type_name,account_name,user_id,hours_worked,date_worked,hours_billed\n"
    "1,11,Service Ticket,Nord Dental,3,0.4,2026-03-31,0.5\n1,12,Project Task,Nord Dental,3,2,2026-03-31,2\n",
    "tasks.csv": "task_id,task_number,account_name,queue_name,task_type_name,create_time\n"
    "11,T20260301.0010.001,Nord Dental,Desk,Service Ticket,2026-03-30 10:00:00\n",
}
HALO_ACTION = {"id": 1, "ticket_id": 40, "who": "Ann", "outcome": "Remote", "datetime": "2026-04-01T02:30:00.000Z",
               "timetaken": 0.4, "timetakenadjusted": 0.5, "actisbillable": 1}  # fmt: skip
HALO_TICKET = {"id": 40, "client_name": "Nord Dental", "dateoccurred": "2026-03-30T13:00:00Z",
               "itil_requesttype_id": 1, "tickettype_name": "Incident", "category_1": "Mail", "team": "Desk",
               "deleted": False, "merged_into_id": 0, "timetaken": 9.0}  # fmt: skip
HALOPSA_API = {
    "actions.json": {
        "record_count": 3,
        "actions": [
            HALO_ACTION, HALO_ACTION | {"id": 1, "ticket_id": 41, "timetaken": 2},
            HALO_ACTION | {"id": 1, "ticket_id": 42, "timetaken": 3},
        ],
    },
    "tickets.json": {
        "tickets": [
            HALO_TICKET, HALO_TICKET | {"id": 41, "tickettype_name": "Scheduled Maintenance"},
            HALO_TICKET | {"id": 42, "itil_requesttype_id": 22}, HALO_TICKET | {"id": 43, "merged_into_id": 40},
            HALO_TICKET | {"id": 44, "deleted": True},
        ]
    },
}  # fmt: skip
HALOPSA_REPORT = {
    "time.csv": "Ticket ID,Client,Action Date,Time Taken,Agent\n40,Nord Dental,2026-03-31,0.4,Ann\n",
    "tickets.csv": "Ticket ID,Client,Date Opened,Date Resolved,Ticket Type\n40,Nord Dental,2026-03-30,,Incident\n",
}
HALOPSA_TIMESHEET = {
    "tickets.json": [HALO_TICKET],
    "events.json": [
        {"start_date": "2026-04-01T02:30:00Z", "end_date": "2026-04-01T03:00:00Z", "timetaken": 0.4,
         "ticket_id": 40, "action_number": 1, "client_id": 5, "charge_type_name": "Remote", "break_type": 0,
         "holiday_id": -1, "event_type": 0, "agent_id": 3},
        {"start_date": "2026-04-01T02:30:00Z", "end_date": "2026-04-01T03:00:00Z", "timetaken": 0.5,
         "ticket_id": 0, "action_number": 0, "client_id": 0, "break_type": 2, "holiday_id": -1,
         "event_type": 1, "agent_id": 3},
    ],
}  # fmt: skip
SYNCRO_TIMER = {"id": 1, "ticket_id": 70, "user_id": 3, "start_time": "2026-04-01T02:00:00.000Z",
                "end_time": "2026-04-01T03:00:00.000Z", "active_duration": 1440, "billable_time": 3600,
                "billable": True, "product_id": 12}  # fmt: skip
SYNCRO_TICKET = {"id": 70, "number": 1001, "customer_id": 8, "customer_business_then_name": "Nord Dental",
                 "problem_type": "Virus", "ticket_type_name": "Incident", "recurring": False,
                 "created_at": "2026-03-30T13:00:00.000Z", "resolved_at": None}  # fmt: skip
SYNCRO = {
    "timers.json": {
        "ticket_timers": [
            SYNCRO_TIMER, SYNCRO_TIMER | {"id": 2, "active_duration": None},
            SYNCRO_TIMER | {"id": 3, "ticket_id": 71, "active_duration": 7200},
            SYNCRO_TIMER | {"id": 4, "end_time": None, "active_duration": None},
        ]
    },
    "tickets.json": {"tickets": [SYNCRO_TICKET, SYNCRO_TICKET | {"id": 71, "number": 1002, "recurring": True}]},
}  # fmt: skip
FRESHSERVICE_TIME = {"id": 1, "ticket_id": 30, "agent_id": 5, "time_spent": "00:24", "billable": True,
                     "executed_at": "2026-04-01T02:00:00Z", "created_at": "2026-04-05T02:00:00Z",
                     "timer_running": False, "note": "x"}  # fmt: skip
FRESHSERVICE_TICKET = {"id": 30, "subject": "x", "type": "Incident", "category": "Mail", "department_id": 2,
                       "created_at": "2026-03-30T02:00:00Z", "workspace_id": 1, "source": 2}  # fmt: skip
FRESHSERVICE = {
    "time.json": {
        "time_entries": [
            FRESHSERVICE_TIME, FRESHSERVICE_TIME | {"id": 2, "time_spent": "12:30", "ticket_id": 31},
            FRESHSERVICE_TIME | {"id": 3, "timer_running": True},
        ]
    },
    "tickets.json": [FRESHSERVICE_TICKET, FRESHSERVICE_TICKET | {"id": 31, "type": "Service Request"}],
    "departments.json": {"departments": [{"id": 2, "name": "Nord Dental", "head_user_id": None}]},
}  # fmt: skip
ZENDESK = {
    "updates.csv": "Update ID,Ticket ID,Update - Timestamp,Updater name,Time spent last update (sec)\n"
    "1,90,2026-04-01T02:00:00Z,Ann,1440\n",
    "tickets.csv": "id,created_at,type,status,organization_id,group_id,via_channel,problem_id,"
    "Total time spent (sec)\n"
    "90,2026-03-30T02:00:00Z,incident,open,4,1,email,,99999\n91,2026-03-30T02:00:00Z,,deleted,4,1,email,,10\n",
    "organizations.json": {"organizations": [{"id": 4, "name": "Nord Dental", "shared_tickets": False}]},
}
ZENDESK_API = {
    "updates.csv": ZENDESK["updates.csv"],
    "tickets.json": {
        "tickets": [
            {"id": 90, "created_at": "2026-03-30T02:00:00Z", "type": "incident", "status": "open", "group_id": 1,
             "organization_id": 4, "via": {"channel": "email", "source": {"from": {"address": "x@y.z"}}},
             "custom_fields": [{"id": 360, "value": 99999}], "problem_id": None},
        ],
        "next_page": None,
        "count": 1,
    },
    "organizations.json": ZENDESK["organizations.json"],
}  # fmt: skip
SERVICENOW_TASKS = "number,company,opened_at,assignment_group,contact_type,category,time_worked\n" \
                   "INC001,Nord Dental,2026-03-30 02:00:00,Desk,phone,Mail,1970-01-05 00:00:00\n" \
                   "INC002,Nord Dental,2026-03-30 02:00:00,Desk,event,Disk,\n" \
                   "CHG003,Nord Dental,2026-03-30 02:00:00,Desk,phone,Patch,\n"  # fmt: skip
GLPI = {
    "tasks.csv": "id,tickets_id,taskcategories_id,date,begin,end,actiontime,users_id_tech,is_private\n"
    "1,50,2,2026-03-31 23:10:00,2026-03-31 23:00:00,2026-03-31 23:24:00,1440,3,0\n",
    "tickets.csv": "id,entities_id,name,date,status,itilcategories_id,type,actiontime,is_deleted\n"
    "50,6,x,2026-03-30 10:00:00,5,4,1,9999,0\n51,6,x,2026-03-30 10:00:00,5,4,1,0,1\n",
    "entities.csv": "id,name,completename\n6,Nord,Nord Dental\n",
}
ITFLOW = {
    "replies.csv": "ticket_reply_id,ticket_reply_ticket_id,ticket_reply_time_worked,ticket_reply_created_at,"
    "ticket_reply_by,ticket_reply_type,ticket_reply_archived_at\n"
    "1,20,00:24:00,2026-03-31 23:00:00,3,Internal,\n2,21,01:30:00,2026-03-31 23:00:00,3,Public,\n"
    "3,20,00:10:00,2026-03-31 23:00:00,3,Internal,2026-04-01 00:00:00\n",
    "tickets.csv": "ticket_id,ticket_client_id,ticket_category,ticket_created_at,ticket_project_id,"
    "ticket_recurring_ticket_id,ticket_archived_at\n20,6,Incident,2026-03-30 10:00:00,0,0,\n"
    "21,6,Patch,2026-03-30 10:00:00,0,14,\n",
    "clients.csv.json": [{"client_id": 6, "client_name": "Nord Dental", "client_created_at": "2020-01-01"}],
}
ATERA = {
    "tickets.json": {
        "items": [
            {"TicketID": 1, "CustomerName": "Nord Dental", "TicketType": "Incident", "TicketStatus": "Closed",
             "TicketCreatedDate": "2026-03-30T02:00:00Z", "TicketResolvedDate": "2026-04-01T02:00:00Z",
             "OnSiteDurationSeconds": 1440, "OffSLADurationSeconds": 1440, "TotalDurationSeconds": 1440,
             "TotalDurationMinutes": 24},
        ],
        "page": 1,
    }
}  # fmt: skip
KAISER = {
    "logs.csv": "Ticket Number,Account,Date,Time Spent,Billable Hours,Work Type,Employee\n"
    "77,Nord Dental,03/31/2026,24,0.5,Remote,Ann\n",
    "tickets.json": {"result": [{"ticketNumber": "77", "accountName": "Nord Dental", "ticketTypeName": "Incident",
                                 "openDate": "2026-03-30T02:00:00.000Z", "queueName": "Desk"}]},
}  # fmt: skip
JIRA_ISSUE = {"id": "1", "key": "SD-1", "fields": {"project": {"key": "SD", "name": "Nord Dental"},
              "issuetype": {"name": "[System] Incident"}, "created": "2026-03-30T09:00:00.000+0000"}}  # fmt: skip
JIRA_LOG = {"id": "5", "issueId": "1", "author": {"accountId": "u", "displayName": "Ann"},
            "timeSpentSeconds": 1440, "started": "2026-04-01T02:00:00.000+0000", "timeSpent": "24m"}  # fmt: skip

NORD = ["Nord Dental", "2026-03-31", 0.4, "reactive"]
DAY = NORD[:2]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("files", "own", "expected", "aside"),
    [
        pytest.param(CONNECTWISE_API, 'own_company = ["Test MSP"]', [
            [*DAY, 0.75, "reactive"], [*DAY, 2, "project"], ["Test MSP", DAY[1], 0.75, "internal"],
            ["Test MSP", DAY[1], 0.75, "excluded"]], [], id="connectwise-api"),
        pytest.param(CONNECTWISE_GRID, "", [[*DAY, 0.75, "reactive"], [*DAY, -0.25, "reactive"]], [],
                     id="connectwise-grid"),
        pytest.param(CONNECTWISE_VIEW, "", [[*DAY, 0.75, "reactive"], [*DAY, 2, "project"]], [],
                     id="connectwise-view"),
        pytest.param(AUTOTASK_API, "", [
            NORD, [*DAY, 1, "scheduled"], [*DAY, 0.2, "reactive"], ["Project tasks", DAY[1], 3, "project"],
            ["Internal time", DAY[1], 8, "internal"]], [], id="autotask-api"),
        pytest.param(AUTOTASK_GRID, "", [NORD, [*DAY, 1.25, "scheduled"]], [], id="autotask-grid"),
        pytest.param(AUTOTASK_WAREHOUSE, "", [[*DAY, 0.4, "scheduled"], [*DAY, 2, "project"]], [],
                     id="autotask-warehouse"),
        pytest.param(HALOPSA_API, "", [NORD, [*DAY, 2, "scheduled"], [*DAY, 3, "project"]],
                     ["deleted-ticket", "merged-ticket"], id="halopsa-api"),
        pytest.param(HALOPSA_REPORT, "", [NORD], [], id="halopsa-report"),
        pytest.param(HALOPSA_TIMESHEET, "", [NORD, ["Breaks and holidays", DAY[1], 0.5, "excluded"]], [],
                     id="halopsa-timesheet"),
        pytest.param(SYNCRO, "", [NORD, [*DAY, 1, "reactive"], [*DAY, 2, "scheduled"]], ["running-timer"],
                     id="syncro"),
        pytest.param(FRESHSERVICE, "", [NORD, [*DAY, 12.5, "reactive"]], ["running-timer"], id="freshservice"),
        pytest.param(ZENDESK, "", [NORD], ["deleted-ticket"], id="zendesk"),
        pytest.param(ZENDESK_API, "", [NORD], [], id="zendesk-api"),
        pytest.param(GLPI, "", [NORD], ["deleted-ticket"], id="glpi"),
        pytest.param(ITFLOW, "", [NORD, [*DAY, 1.5, "scheduled"]], ["deleted-entry"], id="itflow"),
        pytest.param(ATERA, "", [NORD], [], id="atera"),
    ],
)  # fmt: skip
def test_records_of_a_psa_become_entries(workspace, files, own, expected, aside):
    work = rhem.load(workspace(written(files), SETTINGS + own))
    assert entries(work) == expected
    assert set_aside(work) == aside
    assert work.account.balanced


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("header", "cells", "day"),
    [
        ("time_worked", ["1970-01-01 00:30:00", "1970-01-01 12:00:00", "1970-01-02 00:00:00"], "2026-03-31"),
        ("time_worked", ["30 Minutes", "12 Hours", "1 Day"], "2026-04-01"),  # display values: the user's own zone
        ("time_worked", ["0 00:30:00", "0 12:00:00", "1 00:00:00"], "2026-03-31"),
        ("time_in_seconds", ["1800", "43200", "86400"], "2026-03-31"),
        ("time_worked", ["1800", "43200", "86400"], "2026-04-01"),  # seconds are those of a list export
    ],
)
def test_servicenow_durations_in_every_form(workspace, header, cells, day):
    times = "".join(
        f"s{i},{task},ann,{cell},2026-04-01 02:00:00\n"
        for i, (task, cell) in enumerate(zip(["INC001", "INC002", "CHG003"], cells, strict=True))
    )
    files = {"tasks.csv": SERVICENOW_TASKS, "time.csv": f"sys_id,task,user,{header},sys_created_on\n{times}"}
    made = [DAY[0], day]
    expected = [[*made, 0.5, "reactive"], [*made, 12, "reactive"], [*made, 24, "scheduled"]]
    assert entries(rhem.load(workspace(files, SETTINGS))) == expected


def test_servicenow_display_values_are_read_by_path(workspace):
    shown = {"display_value": "INC001", "link": "https://x/task/1"}
    time = {"sys_id": "s", "task": shown, "time_worked": "24 Minutes", "sys_created_on": "2026-03-31 22:00:00"}
    files = {"tasks.csv": SERVICENOW_TASKS, "time.json": {"result": [time]}}
    assert entries(rhem.load(workspace(written(files), SETTINGS))) == [NORD]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "files",
    [
        {"log.json": {"worklogs": [JIRA_LOG]}, "issues.json": {"issues": [JIRA_ISSUE]}},
        {"log.csv": "id,issueId,started,timeSpent\n5,1,2026-04-01T02:00:00.000+0000,24m\n",
         "issues.json": [JIRA_ISSUE]},
        {"tempo.csv": "Issue key,Issue summary,Date,Logged time (h),Work description,Project key,"
                      "Work author,Work ID\n"
                      "SD-1,x,2026-03-31,0.4,x,Nord Dental,Ann,5\n",
         "issues.csv": "Issue key,Issue id,Issue Type,Project name,Created\n"
                       "SD-1,1,[System] Incident,Nord Dental,30/Mar/26 9:00 AM\n"},
        {"tempo.csv": "Issue Key,Issue summary,Hours,Work date,Username,Full name,Billed Hours\n"
                      "SD-1,x,0.4,2026-03-31,ann,Ann,1\n",
         "issues.csv": "Issue key,Issue id,Issue Type,Project name,Created\n"
                       "SD-1,1,[System] Incident,Nord Dental,30/Mar/26 9:00 AM\n"},
        {"tempo.json": {"results": [{"tempoWorklogId": 5, "issue": {"id": 1}, "timeSpentSeconds": 1440,
                                     "billableSeconds": 3600, "startDate": "2026-03-31", "startTime": "22:00:00",
                                     "author": {"accountId": "u"}}]}, "issues.json": [JIRA_ISSUE]},
    ],
    ids=["worklogs-json", "worklogs-csv", "tempo-csv", "tempo-old-csv", "tempo-api"],
)  # fmt: skip
def test_jira_worklogs_and_tempo(workspace, files):
    assert entries(rhem.load(workspace(written(files), SETTINGS))) == [NORD]


def test_in_jira_a_day_has_eight_hours_and_a_week_five_days(workspace):
    rows = "5,1,2026-04-01T02:00:00.000+0000,2h 30m\n6,1,2026-04-01T02:00:00.000+0000,1d\n"
    files = {"log.csv": "id,issueId,started,timeSpent\n" + rows, "issues.json": [JIRA_ISSUE]}
    assert [hours for _, _, hours, _ in entries(rhem.load(workspace(written(files), SETTINGS)))] == [2.5, 8]


ZAMMAD_TICKETS = [{"id": 60, "number": "31001", "organization": "Nord Dental",
                   "created_at": "2026-03-30T02:00:00Z", "close_at": None, "type": "Incident",
                   "group": "Desk", "time_unit": 99}]  # fmt: skip
ZAMMAD_TIME = [{"id": 1, "ticket_id": 60, "ticket_article_id": 2, "time_unit": "24.0", "created_by_id": 3,
                "created_at": "2026-04-01T02:00:00.000Z"}]  # fmt: skip
UNIT_ASKED = {
    "zammad": ({"tickets.json": ZAMMAD_TICKETS, "time.json": ZAMMAD_TIME}, "exports/time.json", "Zammad"),
    "zammad-report": (
        {"t.csv": "Ticket#,Title,Customer - Name,Organization,Agent - Name,Agent - Login,Time Units,Created at\n"
                  "31001,x,Bo,Nord Dental,Ann,ann,24.0,2026-03-31 22:00\n"
                  "31002,x,Bo,-,Ann,ann,6,2026-03-31 22:00\n",
         "tickets.json": [ZAMMAD_TICKETS[0] | {"id": 31001}]}, "exports/t.csv", "Zammad"),
    "znuny": (
        {"t.csv": "id,ticket_id,article_id,time_unit,create_time,create_by\n1,60,2,24.00,2026-04-01 02:00:00,3\n",
         "tickets.csv": "id,tn,queue,type,customer_id,create_time\n60,2026,Desk,Incident,Nord Dental,"
                        "2026-03-30 02:00:00\n"}, "exports/t.csv", "Znuny / OTRS"),
    "kaseya-bms": (KAISER, "exports/logs.csv", "Kaseya BMS"),
}  # fmt: skip


@pytest.mark.many_cases
@pytest.mark.parametrize("name", UNIT_ASKED)
def test_a_unit_that_is_a_setting_is_asked_for(workspace, name):
    files, path, title = UNIT_ASKED[name]
    folder = workspace(written(files), SETTINGS)
    with pytest.raises(InputError) as raised:
        rhem.load(folder)
    assert f"{path}: {title} does not say in which unit time is written" in str(raised.value)
    assert f'[[files]]\npath = "{path}"\nhours_unit = "minutes"' in str(raised.value)
    (folder / "rhem.toml").write_text(SETTINGS + f'[[files]]\npath = "{path}"\nhours_unit = "minutes"\n')
    work = rhem.load(folder)
    assert entries(work) == [NORD]
    assert set_aside(work) == (["no-client"] if name == "zammad-report" else [])


def test_a_lifetime_total_is_no_time_entry(workspace):
    work = rhem.load(workspace({"tickets.csv": ZENDESK["tickets.csv"]}, SETTINGS))
    assert work.account.files["table"].tolist() == ["tickets"]
    assert work.time_entries.df().empty


def test_atera_counts_one_total_once_and_says_what_it_is():
    notes = [spec.note for spec in PROFILES["atera"].tables if spec.table == "time_entries"]
    assert all("total of each ticket over its life" in note for note in notes)


SEEN, LONG_AGO = 1782700000, 1750000000  # 2026-06-29 and 2025-06-15
RMM = {
    "automate": [
        {"Id": i, "Client": {"Id": 1, "Name": "Nord Dental"}, "ComputerName": f"pc{i}", "Type": kind,
         "OperatingSystemName": "x", "RemoteAgentLastContact": f"2026-06-{day}T10:00:00Z"}
        for i, (kind, day) in enumerate([("Workstation", 29), ("Server", 29), ("Probe", 29)])],
    "ninjaone": [
        {"id": i, "organizationId": 1, "systemName": f"pc{i}", "nodeClass": kind, "approvalStatus": state,
         "offline": False, "lastContact": seen}
        for i, (kind, seen, state) in enumerate([
            ("WINDOWS_WORKSTATION", SEEN + 0.25, "APPROVED"), ("WINDOWS_SERVER", SEEN + 0.5, "APPROVED"),
            ("MAC", LONG_AGO, "APPROVED"), ("NMS_SWITCH", SEEN, "APPROVED"), ("MAC", SEEN, "PENDING")])],
    "ninjaone-iso": [
        {"id": i, "organizationName": "Nord Dental", "nodeClass": kind, "lastContact": "2026-06-29T10:00:00Z"}
        for i, kind in enumerate(["WINDOWS_WORKSTATION", "LINUX_SERVER", "VMWARE_VM_HOST"])],
    "datto-rmm": [
        {"id": i, "uid": f"u{i}", "siteName": "Nord Dental", "hostname": f"pc{i}", "deviceClass": sort,
         "deviceType": {"category": kind, "type": "x"}, "deleted": gone, "lastSeen": seen}
        for i, (sort, kind, seen, gone) in enumerate([
            ("device", "Laptop", SEEN * 1000, False), ("device", "Server", SEEN * 1000, False),
            ("esxihost", "Server", SEEN * 1000, False), ("device", "Desktop", SEEN * 1000, True),
            ("device", "Desktop", -62135596800000, False), ("device", "Desktop", LONG_AGO * 1000, False)])],
    "n-central": {"data": [
        {"deviceId": i, "longName": f"pc{i}", "customerName": "Nord Dental", "deviceClass": kind, "isProbe": probe,
         "lastApplianceCheckinTime": seen}
        for i, (kind, seen, probe) in enumerate([
            ("Workstations - Windows", "2026-06-29T10:00:00Z", False),
            ("Servers - Windows", "2026-06-29T10:00:00Z", False),
            ("Servers - Windows", "2026-06-29T10:00:00Z", True), ("Switch", "2026-06-29T10:00:00Z", False),
            ("Servers - Windows", None, False)])]},
    "tactical-rmm": [
        {"agent_id": f"a{i}", "hostname": f"pc{i}", "client_name": "Nord Dental", "site_name": "Main",
         "monitoring_type": kind, "last_seen": seen}
        for i, (kind, seen) in enumerate([("workstation", "2026-06-29T10:00:00.123456Z"),
                                          ("server", "2026-06-29T10:00:00.5Z"), ("server", None)])],
    "syncro": {"assets": [
        {"id": i, "name": f"pc{i}", "customer_id": 8, "customer": {"business_then_name": "Nord Dental"},
         "asset_type": kind, "asset_serial": f"s{i}"} for i, kind in enumerate(["Laptop", "Server", "Printer"])]},
    "autotask": {"items": [
        {"id": i, "companyID": 174, "isActive": active, "rmmDeviceUid": uid, "referenceTitle": f"pc{i}",
         "rmmDeviceAuditOperatingSystem": system, "dattoLastCheckInDateTime": "2026-06-29T10:00:00Z"}
        for i, (active, uid, system) in enumerate([
            (True, "u1", "Windows 11"), (True, "u2", "Windows Server 2022"), (False, "u3", "Windows 11"),
            (True, None, None)])]},
    "connectwise": [
        {"id": i, "name": f"pc{i}", "company": {"name": "Nord Dental"}, "type": {"name": kind},
         "activeFlag": active, "deviceIdentifier": f"d{i}"}
        for i, (kind, active) in enumerate([
            ("Managed Workstation", True), ("Managed Server", True), ("Managed Server", False),
            ("Network Device", True)])],
    "halopsa": {"assets": [
        {"id": i, "client_name": "Nord Dental", "inventory_number": f"pc{i}", "assettype_name": kind,
         "inactive": gone}
        for i, (kind, gone) in enumerate([("Laptop", False), ("Server", False), ("Server", True)])]},
    "itflow": [
        {"asset_id": i, "asset_name": f"pc{i}", "asset_client_id": 6, "asset_type": kind,
         "asset_archived_at": gone}
        for i, (kind, gone) in enumerate([("Laptop", None), ("Server", None), ("Phone", None),
                                          ("Laptop", "2026-01-01 00:00:00")])],
}  # fmt: skip
RMM_NAMES = {
    "ninjaone": [{"id": 1, "name": "Nord Dental", "nodeApprovalMode": "AUTOMATIC"}],
    "autotask": AUTOTASK_API["companies.json"],
    "itflow": ITFLOW["clients.csv.json"],
}
RMM_ASIDE = {
    "ninjaone": ["unapproved-device"],
    "datto-rmm": ["deleted-device", "never-seen-device"],
    "n-central": ["never-seen-device", "probe-device"],
    "tactical-rmm": ["never-seen-device"],
    "autotask": ["no-rmm-agent", "retired-device"],
    "connectwise": ["retired-device"],
    "halopsa": ["retired-device"],
    "itflow": ["retired-device"],
}
DAY_LINE = "client,worked_on,hours\nNord Dental,2026-06-15,1\n"


@pytest.mark.many_cases
@pytest.mark.parametrize("name", RMM)
def test_every_rmm_list_gives_one_workstation_and_one_server(workspace, name):
    files = {"devices-2026-06-30.json": RMM[name], "time.csv": DAY_LINE, "clients.csv": CLIENT}
    files |= {"names.json": RMM_NAMES[name]} if name in RMM_NAMES else {}
    work = rhem.load(workspace(written(files), SETTINGS))
    assert work.account.files["profile"].tolist()[0] == name.removesuffix("-iso")
    devices = work.endpoints.df()
    assert set(devices["client"]) == {"Nord Dental"}
    assert sorted(work.quarantine["reason"]) == RMM_ASIDE.get(name, [])
    assert rhem.measure(work)["endpoints"].tolist() == [2]


CLIENT = "client,onboarded_on\nNord Dental,2026-06-01\n"
AGREEMENTS = {
    "connectwise": [
        {"company": {"name": "A"}, "type": {"name": "Managed Services Gold"}, "startDate": "2026-01-01T00:00:00Z"},
        {"company": {"name": "B"}, "type": {"name": "Time & Materials"}, "startDate": "2026-01-01T00:00:00Z"},
        {"company": {"name": "C"}, "type": {"name": "Bolti"}, "startDate": "2026-01-01T00:00:00Z",
         "applicationUnits": "Hours", "applicationLimit": 10, "applicationUnlimitedFlag": False},
        {"company": {"name": "D"}, "type": {"name": "Bolti"}, "startDate": "2026-01-01T00:00:00Z",
         "endDate": "2026-12-31T00:00:00Z", "cancelledFlag": True, "dateCancelled": "2026-03-31T00:00:00Z",
         "applicationUnits": "Amount", "applicationUnlimitedFlag": True},
        {"company": {"name": "E"}, "type": {"name": "Bolti"}, "startDate": "2026-01-01T00:00:00Z"},
    ],
    "autotask": [{"companyID": letter, "contractType": kind, "startDate": "2026-01-01T00:00:00Z"}
                 for letter, kind in [("A", 7), ("B", 1), ("C", 4), ("D", 7), ("E", 3)]],
    "halopsa": [{"client_name": letter, "start_date": "2026-01-01T00:00:00", "end_date": None,
                 "allowfixedprice": "F" in flags, "allowpyg": "H" in flags, "allowprepay": "B" in flags}
                for letter, flags in [("A", "F"), ("B", "H"), ("C", "B"), ("D", "F"), ("E", "FH")]],
    "kaseya-bms": [{"accountName": letter, "contractTypeName": kind, "startDate": "2026-01-01"}
                   for letter, kind in [("A", "Recurring Services"), ("B", "Time and Material"),
                                        ("C", "Retainer by Hours"), ("D", "Recurring Services"),
                                        ("E", "Fixed Price")]],
}  # fmt: skip


@pytest.mark.many_cases
@pytest.mark.parametrize("name", AGREEMENTS)
def test_agreements_say_who_pays_how(workspace, name):
    files = {"agreements.json": AGREEMENTS[name], "time.csv": DAY_LINE}
    work = rhem.load(workspace(written(files), SETTINGS))
    found = dict(work.agreements[["client", "billing"]].itertuples(index=False))
    expected = {"A": "fixed-fee", "B": "hourly", "C": "block-hours", "D": "fixed-fee"}
    assert found == expected | ({"E": "hybrid"} if name == "halopsa" else {})
    aside = {"connectwise": ["unknown-billing-model"], "halopsa": []}.get(name, ["project-contract"])
    assert set_aside(work) == aside
    assert {str(day.date()) for day in work.agreements["start"]} == {"2026-01-01"}
    if name == "connectwise":
        assert str(work.agreements.set_index("client").loc["D", "end"].date()) == "2026-03-31"


def first_header(spec):
    """Header of a file that has, of each column, what the profile names first."""
    firsts = spec.model_copy(update={"columns": {column: spec.specs(column)[0] for column in spec.columns}})
    return list(dict.fromkeys(header for column in spec.columns for header in firsts.headers(column)))


@pytest.mark.parametrize(("name", "number"), TABLES)
def test_the_first_headers_of_a_table_are_recognised_as_that_table(name, number):
    spec = PROFILES[name].tables[number]
    profile, found = recognise(first_header(spec), DATED, FileSettings(path=DATED), PROFILES)
    assert (profile.name, spec in found) == (name, True)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_says_first_what_it_reads_and_what_it_needs(name):
    folder = read_profiles.__globals__["__file__"].removesuffix("__init__.py")
    comment = []
    for line in open(f"{folder}{name}.toml", encoding="utf-8").read().splitlines():
        if not line.startswith("#"):
            break
        comment.append(line)
    assert "Needs: " in " ".join(comment) or "\n# Needs: " in "\n".join(comment)
    assert PROFILES[name].title


TWIN = """
name = "{name}"
title = "{title}"
[[tables]]
table = "time_entries"
requires = ["client", "hours"]
[tables.columns]
client = "Kunde"
worked_on = "Tag"
hours = "Stunden"
"""


def test_tickets_of_autotask_and_bms_may_look_the_same(workspace):
    header = "Ticket Number,Account,Queue,Issue Type,Sub Issue Type,Ticket Type,Source,Priority\n"
    folder = workspace({"tickets.csv": header + "1,Nord,Desk,,,Incident,,\n", "time.csv": DAY_LINE}, SETTINGS)
    with pytest.raises(InputError, match="these columns fit Autotask PSA and Kaseya BMS alike"):
        rhem.load(folder)


def test_two_systems_with_the_same_headers_are_asked_about(workspace):
    folder = workspace({"zeiten.csv": "Kunde,Tag,Stunden\nNord,2026-03-31,0.4\n"}, SETTINGS)
    (folder / "profiles").mkdir()
    for name in ("one", "two"):
        (folder / "profiles" / f"{name}.toml").write_text(TWIN.format(name=name, title=f"System {name}"))
    with pytest.raises(InputError) as raised:
        rhem.load(folder)
    assert "these columns fit System one and System two alike" in str(raised.value)
    assert 'path = "exports/zeiten.csv"\nprofile = "one"  # or "two"' in str(raised.value)
    (folder / "rhem.toml").write_text(SETTINGS + '[[files]]\npath = "exports/zeiten.csv"\nprofile = "two"\n')
    assert rhem.load(folder).account.files["profile"].tolist() == ["two"]


def test_a_profile_of_the_workspace_wins_where_another_fits_as_well(workspace):
    folder = workspace({"time.csv": "client,worked_on,hours\nNord,2026-03-31,0.4\n"}, SETTINGS)
    (folder / "profiles").mkdir()
    text = TWIN.format(name="own", title="Own").replace("Kunde", "client").replace("Tag", "worked_on")
    (folder / "profiles" / "own.toml").write_text(text.replace("Stunden", "hours"))
    assert rhem.load(folder).account.files["profile"].tolist() == ["own"]


def test_an_entry_whose_ticket_is_in_no_export_is_set_aside(workspace):
    files = {"timers.json": {"ticket_timers": [SYNCRO_TIMER | {"ticket_id": 12345}]}, "time.csv": DAY_LINE}
    work = rhem.load(workspace(written(files), SETTINGS))
    assert work.quarantine[["reason", "hours"]].values.tolist() == [["no-client", 0.4]]
    assert work.account.balanced


def test_a_profile_with_an_unknown_key_is_refused(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.toml").write_text('unit = "h"\n' + TWIN.format(name="x", title="X"))
    with pytest.raises(SettingsError, match="this profile cannot be used"):
        read_profiles(tmp_path)


def test_profiles_are_data_and_frozen():
    assert all(isinstance(profile, Profile) and not profile.own for profile in PROFILES.values())


FLAGS = (
    TWIN.format(name="own", title="Own")
    + """
work_type = ["planned{Serie?}", "alert{Titel?ALARM*|*disk full}", "{Titel} ({Art})", "Titel"]
[[tables.aside]]
reason = "void-entry"
header = "Storno"
"""
)


FLAGGED = [
    ("7,x,,", "planned"),
    ("yes,x,,", "planned"),
    *[(f"{nothing},x,a,", "x (a)") for nothing in ("", "0", "-1", "false", "FALSE", "No")],
    ("0,Alarm 7,a,", "alert"),
    ("0,C: Disk full,a,", "alert"),
    ("0,an alarm,,", "an alarm"),
    ("0,x,a,false", "x (a)"),
]


def test_conditions_in_a_template_and_flags_that_set_a_row_aside(workspace):
    cells = [cells for cells, _ in FLAGGED] + ["0,void,a,2026-01-01"]
    rows = "".join(f"Nord {i},2026-03-31,1,{row}\n" for i, row in enumerate(cells))
    folder = workspace({"zeiten.csv": "Kunde,Tag,Stunden,Serie,Titel,Art,Storno\n" + rows})
    (folder / "profiles").mkdir()
    (folder / "profiles" / "own.toml").write_text(FLAGS)
    work = rhem.load(folder)
    made = work.time_entries.df().sort_values("source_row")["work_type"].tolist()
    assert made == [expected for _, expected in FLAGGED]
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[len(cells) + 1, "void-entry"]]


def test_null_in_words_is_an_empty_cell(workspace):
    """As a database tool saves a view: no project, no merged ticket, and an entry of nobody."""
    time = CONNECTWISE_VIEW["time.csv"].replace("0.75,1,0,,NB", "0.75,1,0,NULL,NB")
    nobody = "9003,NULL,NULL,asmith,2026-03-31,22:30:00,23:15:00,4,2,0,NULL,B\n"
    halo = "Faultid,Client,Date Opened,Team,Requesttype,Fdeleted,Fmergedintofaultid\n"
    halo += "7,Nord,2026-03-01,Desk,1,False,NULL\n"
    work = rhem.load(workspace(CONNECTWISE_VIEW | {"time.csv": time + nobody, "halo.csv": halo}, SETTINGS))
    classes = work.time_entries.df().set_index("entry_id")["work_class"]
    assert classes.to_dict() == {"9001": "reactive", "9002": "project"}
    assert work.quarantine[["source_row", "reason"]].values.tolist() == [[4, "no-client"]]


def test_no_is_no_in_every_way_of_writing(workspace):
    words = [
        "FALSE",
        "FALSCH",
        "N",
        "NULL",
        "null",
        "0.0",
        "0",
        "No",
        "",
        "FALSO",
        "ONWAAR",
        "Não",
        "TRUE",
        "Y",
        "1",
        "WAHR",
    ]
    rows = "".join(f"Nord,pc{i},Workstation,{word}\n" for i, word in enumerate(words))
    files = {"list-2026-06-30.csv": "Company_Name,Config_Name,Config_Type,ClosedFlag\n" + rows}
    work = rhem.load(workspace(files, SETTINGS))
    assert work.endpoints.df()["device_id"].tolist() == [f"pc{i}" for i in range(12)]
    assert set_aside(work) == ["retired-device"] * 4


def test_the_client_of_a_ticket_is_the_one_it_was_last_exported_with(workspace):
    moved = SYNCRO_TICKET | {"customer_business_then_name": "Sued GmbH"}
    files = {"timers.json": [SYNCRO_TIMER], "tickets-1.json": [SYNCRO_TICKET], "tickets-2.json": [moved]}
    assert entries(rhem.load(workspace(written(files), SETTINGS)))[0][0] == "Sued GmbH"


CW_BOARD_TYPES = [
    {"id": 3, "name": "Printer", "category": "Reactive", "board": {"id": 1, "name": "Help Desk"}},
    {"id": 4, "name": "Check", "category": "Proactive", "board": {"id": 1, "name": "Help Desk"}},
    {"id": 5, "name": "Check", "category": "Reactive", "board": {"id": 2, "name": "NOC"}},
]
CW_BOARDS = [{"id": 9, "name": "Rollouts", "projectFlag": True}, {"id": 2, "name": "NOC", "projectFlag": False}]


def test_connectwise_type_categories_and_project_boards_class_the_work(workspace):
    made = [
        ("Printer", "Help Desk"),
        ("Check", "Help Desk"),
        ("Check", "NOC"),
        ("Printer", "Rollouts"),
        ("?", "NOC"),
    ]
    tickets = [CW_TICKET | {"id": i, "type": {"name": kind}, "board": {"name": board}}
               for i, (kind, board) in enumerate(made)]  # fmt: skip
    times = [CW_TIME | {"id": i, "chargeToId": i} for i in range(len(made))]
    files = {"tickets.json": tickets, "time.json": times, "types.json": CW_BOARD_TYPES, "boards.json": CW_BOARDS}
    found = [work_class for *_, work_class in entries(rhem.load(workspace(written(files), SETTINGS)))]
    assert found == ["reactive", "scheduled", "reactive", "project", "unclassified"]


def test_rejected_time_waits_in_quarantine(workspace):
    files = {"tickets.json": [CW_TICKET], "time.json": [CW_TIME | {"status": "Rejected"},
             CW_TIME | {"id": 2, "status": "ReadyToBill"}]}  # fmt: skip
    work = rhem.load(workspace(written(files), SETTINGS))
    assert work.quarantine[["reason", "hours"]].values.tolist() == [["rejected-entry", 0.75]]


def test_autotask_picklists_give_queues_and_issue_types_their_names(workspace):
    def field(name, **labels):
        options = [{"value": value[1:], "label": label} for value, label in labels.items()]
        return {"name": name, "isPickList": True, "picklistValues": options}

    fields = {"fields": [
        {"name": "id", "isPickList": False, "picklistValues": None}, field("queueID", _8="Desk", _9="Field"),
        field("issueType", _8="Mail"), field("ticketType", _2="Störung")]}  # fmt: skip
    tickets = AUTOTASK_API["tickets.json"]["items"]
    files = AUTOTASK_API | {"tickets.json": [t | {"issueType": 8} for t in tickets], "fields.json": fields}
    work = rhem.load(workspace(written(files), SETTINGS))
    shown = work.tickets.df()
    assert set(shown["board"]) == {"Desk"} and set(shown["category"]) == {"Mail"}
    assert shown["type"].tolist() == ["incident", "maintenance", "alert"]
    assert entries(work)[0] == NORD


def test_a_log_of_deleted_tickets_is_known_and_holds_no_ticket(workspace):
    log = [{"id": 1, "ticketID": 99, "ticketNumber": "T20260301.0099", "deletedDateTime": "2026-03-02T10:00:00Z"}]
    work = rhem.load(workspace(written(AUTOTASK_API | {"deleted.json": log}), SETTINGS))
    assert set_aside(work) == ["deleted-ticket"]
    assert entries(work)[0] == NORD


@pytest.mark.many_cases
@pytest.mark.parametrize(("code", "billable"), [(-1, "no"), (0, "yes"), (7, "yes")])
def test_halo_time_is_billable_by_its_charge_rate(workspace, code, billable):
    files = {"actions.json": [HALO_ACTION | {"actioncode": code}], "tickets.json": [HALO_TICKET]}
    assert rhem.load(workspace(written(files), SETTINGS)).time_entries.df()["billable"].tolist() == [billable]


def test_glpi_categories_are_no_clients(workspace):
    files = GLPI | {
        "categories.csv": "id,itilcategories_id,name,completename\n4,0,Mail,Mail\n6,0,Print,Print\n",
        "taskcategories.csv": "id,taskcategories_id,name,completename\n2,0,Remote,Remote\n6,0,Other,Other\n",
    }
    work = rhem.load(workspace(written(files), SETTINGS))
    assert entries(work) == [NORD]
    assert work.tickets.df()["category"].tolist() == ["Mail"]
    assert work.time_entries.df()["work_type"].tolist() == ["Remote"]


OSTICKET = {
    "thread.csv": "id,ticket_id,staff_id,created,time_spent,time_type\n1,5,3,2026-03-31 23:00:00,24,Phone\n",
    "tickets.csv": "ticket_id,number,organization,dept,topic,source,created,closed\n"
    "5,000005,Nord Dental,Desk,Mail,Phone,2026-03-30 10:00:00,\n",
}
BMS_API = {
    "logs.json": {"result": [{"id": 1, "ticketNumber": "77", "accountName": "Nord Dental", "duration": 24,
                              "billableHours": 0.5, "startTime": "2026-04-01T02:00:00.000Z", "isBillable": True,
                              "endTime": "2026-04-01T03:00:00.000Z", "employeeId": 3}], "totalRecords": 1},
    "tickets.json": KAISER["tickets.json"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [(OSTICKET, "exports/thread.csv", [*DAY, 0.4, "unclassified"]), (BMS_API, "exports/logs.json", NORD)],
    ids=["osticket", "kaseya-bms-api"],
)
def test_more_systems_whose_unit_is_asked(workspace, files, path, expected):
    with pytest.raises(InputError, match="does not say in which unit time is written"):
        rhem.load(workspace(written(files), SETTINGS))
    answer = f'[[files]]\npath = "{path}"\nhours_unit = "minutes"\n'
    assert entries(rhem.load(workspace({}, SETTINGS + answer))) == [expected]


@pytest.mark.parametrize(
    "header",
    [
        "Customer,Organization,Time Units\nBo,Nord,24\n",
        "Organization,Time Units\nNord,24\n",
        "#,Title,Customer,Organization,State,Created at,Time Units\n31001,x,Bo,Nord,open,2026-03-31,24\n",
    ],
    ids=["by_customer", "by_organization", "by_ticket"],
)
def test_totals_of_zammad_are_no_time_entries(workspace, header):
    with pytest.raises(InputError, match="no profile knows these columns"):
        rhem.load(workspace({"by.csv": header}, SETTINGS))


def test_hours_are_those_worked_and_never_billed_ones():
    """No profile reads hours from a column that is billed, charged, rounded, covered or adjusted."""
    read = {(p.name, h) for p in PROFILES.values() for t in p.tables if t.table == "time_entries"
            for h in t.headers("hours")}  # fmt: skip
    assert len(read) > 30
    apart = ("bill", "charg", "invoice", "adjust", "cover", "agr", "deduct", "budget", "wip", "prepay", "estimat")
    assert not {(name, header) for name, header in read if any(word in header.lower() for word in apart)}


@pytest.mark.parametrize(
    ("old", "new", "wording"),
    [
        ('table = "time_entries"', 'table = "time"', "there is no table 'time'; tables are time_entries, tickets"),
        ('worked_on = "Tag"', 'worked = "Tag"', "the table time_entries has no column 'worked'"),
        ('worked_on = "Tag"', "", "the table time_entries needs the column 'worked_on'"),
        ('"client", "hours"]', '"client", "technician"]', "the table time_entries needs the column 'technician'"),
    ],
)
def test_a_profile_is_held_to_the_columns_of_its_table(tmp_path, old, new, wording):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.toml").write_text(TWIN.format(name="x", title="X").replace(old, new))
    with pytest.raises(SettingsError) as raised:
        read_profiles(tmp_path)
    assert f"own.toml: this profile cannot be used: tables.1: {wording}" in str(raised.value)


@pytest.mark.parametrize(
    ("line", "wording"),
    [
        (
            'durations = ["hms"]',
            "durations: there is no way of writing 'hms'; known are number, clock, words, epoch.",
        ),
        (
            'dates = ["iso", "dd-mmm"]',
            "dates: there is no way of writing 'dd-mmm'; known are iso, epoch, month-first",
        ),
        ('dates = ["dd-mmm"]', "spreadsheet-month, or a format such as %d.%m.%Y."),
    ],
)
def test_ways_of_writing_that_nobody_reads_are_refused(tmp_path, line, wording):
    (tmp_path / "profiles").mkdir()
    path = tmp_path / "profiles" / "own.toml"
    own = TWIN.format(name="x", title="X")
    path.write_text(own.replace("[[tables]]", f"[[tables]]\n{line}"))
    with pytest.raises(SettingsError) as raised:
        read_profiles(tmp_path)
    assert wording in str(raised.value)
    path.write_text(own.replace("[[tables]]", '[[tables]]\ndates = ["named-month", "%d.%m.%Y"]'))
    assert read_profiles(tmp_path)["x"].own


def test_rows_of_one_file_find_their_ticket_by_the_row(workspace):
    """A log whose rows are entry and ticket at once, in two files that are read in one scan."""
    profile = """
name = "log"
title = "A log"
one_file = true
rules = [
    { when = { category = "Planned" }, work_class = "scheduled" },
    { when = { category = "*" }, work_class = "reactive" },
]
[[tables]]
table = "time_entries"
requires = ["client", "worked_on", "hours"]
columns = { entry_id = "@row", ticket_id = "@row", client = "System", worked_on = "Started", hours = "Down" }
[[tables]]
table = "tickets"
requires = ["client", "opened_at"]
columns = { ticket_id = "@row", client = "System", opened_at = "Started", category = "Cause" }
"""
    head = "System,Started,Down,Cause\n"
    folder = workspace(
        {"a.csv": head + "1,2026-05-04,2,Planned\n1,2026-05-05,1,Disk\n", "b.csv": head + "2,2026-05-04,3,Disk\n"}
    )
    (folder / "profiles").mkdir()
    (folder / "profiles/log.toml").write_text(profile)
    entries = rhem.load(folder).time_entries.df().sort_values("entry_id")
    assert entries["ticket_id"].tolist() == ["exports/a.csv:2", "exports/a.csv:3", "exports/b.csv:2"]
    assert entries["work_class"].tolist() == ["scheduled", "reactive", "reactive"]


ACTIONS = (
    "Ticket ID,Action Number,Client,Ticket Type,Category,Team,Date Opened,Date Resolved,{day},Time Taken,Who\n"
    "7,1,Nord,Incident,Mail,Service Desk,2026-05-29 09:00,2026-06-03 10:00,2026-05-29 09:30,0.50,A\n"
    "7,2,Nord,Incident,Mail,Service Desk,2026-05-29 09:00,2026-06-03 10:00,2026-06-02 09:30,1.25,B\n"
    "8,1,Nord,Scheduled Maintenance,Patch,Service Desk,2026-06-01 09:00,,2026-06-02 11:00,2.00,B\n"
)


@pytest.mark.parametrize("listed", [False, True])
def test_a_report_of_actions_with_the_fields_of_their_tickets_is_time_and_tickets(workspace, listed):
    """More of its columns are of tickets than of time. A list of tickets, if there is one, goes before it."""
    files = {"actions.csv": ACTIONS.format(day="Action Date")}
    if listed:
        files["a list.csv"] = "Ticket ID,Client,Ticket Type,Date Opened\n8,Nord,Problem,2026-06-01 09:00\n"
    work = rhem.load(workspace(files, 'name = "A"\ntime_zone = "Europe/Berlin"\n'))
    expected = {"reactive": 3.75, "scheduled": 0} if listed else {"reactive": 1.75, "scheduled": 2}
    assert {name: float(work.account.table.loc[name, "hours"]) for name in expected} == expected
    assert work.quarantine["reason"].tolist() == ["superseded"] * listed and work.tickets.df().shape[0] == 2


def test_a_report_of_tickets_with_their_total_time_is_no_time(workspace):
    """Negative control: hours without the day they were worked."""
    files = {"tickets.csv": ACTIONS.format(day="Updated"), "time.csv": CANONICAL_TIME}
    assert rhem.load(workspace(files)).account.files["table"].tolist() == ["tickets", "time_entries"]


CANONICAL_TIME = "client,worked_on,hours\nNord,2026-06-01,1\n"
