"""One table of facts in the records of each vendor: clients, tickets, time, agreements, computers."""

import random
from datetime import UTC, datetime, timedelta

from pull.fakes import Row

CLIENTS = ("Nord Dental", "Süd & Söhne", "Ost GmbH")
BILLING = ("fixed-fee", "hourly", "block-hours")
START = datetime(2026, 7, 1, 13, tzinfo=UTC)
SETTINGS = """name = "Test MSP"
time_zone = "UTC"
rules = [
    { when = { work_type = "Meeting*" }, work_class = "internal" },
    { when = { work_type = "*" }, work_class = "reactive" },
]
"""


def entries(number=240):
    """Number, ticket, client (0 to 2), moment, hours; in whole minutes, worked from July to mid-October 2026."""
    rng = random.Random(7)
    times = [START + timedelta(hours=10 * n) for n in range(number)]
    return [
        (n, 1000 + n // 3, n // 3 % 3, time, rng.choice((15, 20, 45, 90, 150)) / 60)
        for n, time in enumerate(times, 1)
    ]


def stamp(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def row(record, moment):
    return Row(record, stamp(moment + timedelta(hours=1)), stamp(moment))


def tickets(facts):
    """First moment and client of each ticket."""
    found = {}
    for _, ticket, client, moment, _ in facts:
        found.setdefault(ticket, (client, moment))
    return found.items()


def connectwise(facts):
    def ref(n, name):
        return {"id": n, "name": name, "_info": {}}

    def changed(moment):
        return {"lastUpdated": stamp(moment + timedelta(hours=1)), "dateEntered": stamp(moment)}

    time = [
        row(
            {
                "id": n,
                "chargeToType": "ServiceTicket",
                "chargeToId": t,
                "ticket": ref(t, "x"),
                "company": ref(c + 1, CLIENTS[c]),
                "timeStart": stamp(m),
                "timeEnd": stamp(m + timedelta(hours=h)),
                "actualHours": h,
                "hoursBilled": h + 1,
                "workType": ref(1, "Remote"),
                "member": {"identifier": "ann"},
                "billableOption": "Billable",
                "status": "Open",
                "dateEntered": stamp(m),
                "_info": changed(m),
                "notes": "her password is swordfish",
            },
            m,
        )
        for n, t, c, m, h in facts
    ]
    work = [
        row(
            {
                "id": t,
                "recordType": "ServiceTicket",
                "company": ref(c + 1, CLIENTS[c]),
                "board": ref(1, "Desk"),
                "type": ref(1, "Incident"),
                "_info": changed(m),
            },
            m,
        )
        for t, (c, m) in tickets(facts)
    ]
    kinds = ("Managed", "T&M", "Block")
    agreements = [
        Row(
            {
                "id": n,
                "company": ref(n, CLIENTS[n - 1]),
                "type": ref(n, kinds[n - 1]),
                "startDate": "2026-01-01T00:00:00Z",
                "endDate": None,
                "cancelledFlag": False,
                "applicationUnits": "Amount",
                "applicationUnlimitedFlag": False,
            }
        )
        for n in (1, 2, 3)
    ]
    boards = [
        Row({"id": 1, "name": "Desk", "projectFlag": False}),
        Row({"id": 2, "name": "Lab", "projectFlag": True}),
    ]
    types = [Row({"id": 1, "name": "Incident", "category": "Reactive", "board": ref(1, "Desk")})]
    pcs = [
        Row(
            {
                "id": n,
                "name": f"PC{n}",
                "company": ref(n % 3 + 1, CLIENTS[n % 3]),
                "type": ref(1, "Workstation"),
                "status": ref(1, "Active"),
                "activeFlag": True,
                "deviceIdentifier": f"PC{n}",
                "serialNumber": f"S{n}",
            }
        )
        for n in range(1, 31)
    ]
    companies = [
        Row({"id": n, "identifier": f"c{n}", "name": CLIENTS[n - 1], "deletedFlag": False}) for n in (1, 2, 3)
    ]
    return {
        "time/entries": time,
        "service/tickets": work,
        "finance/agreements": agreements,
        "service/boards": boards,
        "service/boards/1/types": types,
        "service/boards/2/types": [],
        "company/companies": companies,
        "company/configurations": pcs,
    }


def autotask(facts):
    time = [
        row(
            {
                "id": n,
                "ticketID": t,
                "taskID": None,
                "timeEntryType": 2,
                "dateWorked": f"{m:%Y-%m-%d}T00:00:00Z",
                "startDateTime": stamp(m),
                "endDateTime": stamp(m + timedelta(hours=h)),
                "hoursWorked": h,
                "hoursToBill": 9,
                "billingCodeID": 7,
                "internalBillingCodeID": None,
                "isNonBillable": False,
                "resourceID": 3,
                "createDateTime": stamp(m),
                "lastModifiedDateTime": stamp(m + timedelta(hours=1)),
                "summaryNotes": "private",
            },
            m,
        )
        for n, t, c, m, h in facts
    ]
    work = [
        row(
            {
                "id": t,
                "ticketNumber": f"T20260701.{t}",
                "companyID": c + 1,
                "createDate": stamp(m),
                "completedDate": None,
                "issueType": 4,
                "ticketType": 2,
                "queueID": 8,
                "source": 1,
                "priority": 2,
                "title": "x",
                "lastActivityDate": stamp(m + timedelta(hours=1)),
            },
            m,
        )
        for t, (c, m) in tickets(facts)
    ]
    contracts = [
        Row(
            {
                "id": n,
                "companyID": n,
                "contractType": (7, 1, 4)[n - 1],
                "startDate": "2026-01-01T00:00:00Z",
                "endDate": None,
                "status": 1,
            }
        )
        for n in (1, 2, 3)
    ]
    companies = [Row({"id": n, "companyName": CLIENTS[n - 1], "parentCompanyID": None}) for n in (1, 2, 3)]
    codes = [Row({"id": 7, "name": "Remote", "billingCodeType": 0})]
    labels = {"queueID": {"8": "Desk"}, "issueType": {"4": "Mail"}}
    fields = [
        Row({"name": name, "picklistValues": [{"value": v, "label": label} for v, label in values.items()]})
        for name, values in labels.items()
    ]
    items = [
        Row(
            {
                "id": n,
                "companyID": n % 3 + 1,
                "isActive": True,
                "rmmDeviceUid": f"uid{n}",
                "rmmDeviceAuditOperatingSystem": "Windows 11",
                "dattoLastCheckInDateTime": "2026-10-14T00:00:00Z",
            }
        )
        for n in range(1, 31)
    ]
    return {
        "TimeEntries": time,
        "Tickets": work,
        "Contracts": contracts,
        "Companies": companies,
        "BillingCodes": codes,
        "Tickets/entityInformation/fields": fields,
        "ConfigurationItems": items,
    }


def halopsa(facts):
    actions = [
        row(
            {
                "id": n,
                "ticket_id": t,
                "datetime": stamp(m),
                "actionarrivaldate": stamp(m),
                "timetaken": h,
                "actioncompletiondate": stamp(m + timedelta(hours=h)),
                "actiondatecreated": stamp(m),
                "who": "Ann",
                "outcome": "Remote",
                "timetakenadjusted": 9,
                "actisbillable": True,
            },
            m,
        )
        for n, t, c, m, h in facts
    ]
    work = [
        row(
            {
                "id": t,
                "client_name": CLIENTS[c],
                "client_id": c + 1,
                "dateoccurred": stamp(m),
                "team": "Desk",
                "tickettype_name": "Incident",
                "itil_requesttype_id": 1,
                "deleted": False,
                "merged_into_id": 0,
            },
            m,
        )
        for t, (c, m) in tickets(facts)
    ]
    contracts = [
        Row(
            {
                "id": n,
                "ref": f"C{n}",
                "client_name": CLIENTS[n - 1],
                "start_date": "2026-01-01T00:00:00",
                "end_date": None,
                "allowfixedprice": n == 1,
                "allowpyg": n == 2,
                "allowprepay": n == 3,
            }
        )
        for n in (1, 2, 3)
    ]
    clients = [Row({"id": n, "name": CLIENTS[n - 1], "toplevel_id": 1}) for n in (1, 2, 3)]
    assets = [
        Row(
            {
                "id": n,
                "inventory_number": f"PC{n}",
                "client_name": CLIENTS[n % 3],
                "inactive": False,
                "assettype_name": "Workstation",
                "key_field": f"PC{n}",
            }
        )
        for n in range(1, 31)
    ]
    return {"Actions": actions, "Tickets": work, "ClientContract": contracts, "Client": clients, "Asset": assets}


def syncro(facts):
    timers = [
        row(
            {
                "id": n,
                "ticket_id": t,
                "user_id": 2,
                "start_time": stamp(m),
                "active_duration": round(h * 3600),
                "end_time": stamp(m + timedelta(hours=h)),
                "created_at": stamp(m),
                "billable": True,
                "updated_at": stamp(m + timedelta(hours=1)),
                "product_id": 1,
                "billable_time": 9,
            },
            m,
        )
        for n, t, c, m, h in facts
    ]
    work = [
        row(
            {
                "id": t,
                "number": t - 900,
                "customer_id": c + 1,
                "customer_business_then_name": CLIENTS[c],
                "created_at": stamp(m),
                "problem_type": "Software",
                "ticket_type_name": "Incident",
                "recurring": False,
            },
            m,
        )
        for t, (c, m) in tickets(facts)
    ]
    customers = [Row({"id": n, "business_then_name": CLIENTS[n - 1], "city": "x"}) for n in (1, 2, 3)]
    products = [Row({"id": 1, "name": "Remote", "price_retail": 120})]
    assets = [
        Row(
            {
                "id": n,
                "name": f"PC{n}",
                "asset_serial": f"S{n}",
                "asset_type": "Syncro Device",
                "customer": {"business_then_name": CLIENTS[n % 3]},
            }
        )
        for n in range(1, 31)
    ]
    return {
        "ticket_timers": timers,
        "tickets": work,
        "customers": customers,
        "products": products,
        "customer_assets": assets,
    }


def kaseya(facts):
    logs = [
        row(
            {
                "Id": n,
                "TicketId": t,
                "AccountName": CLIENTS[c],
                "StartDate": f"{m:%Y-%m-%d}T00:00:00",
                "StartTime": "09:00:00",
                "EndTime": "10:00:00",
                "Timespent": h,
                "WorkType": "Remote",
                "UserId": 4,
                "IsBillable": True,
                "CreatedOn": stamp(m),
                "ModifiedOn": stamp(m + timedelta(hours=1)),
            },
            m,
        )
        for n, t, c, m, h in facts
    ]
    work = [
        row(
            {
                "Id": t,
                "TicketNumber": f"{t}-K",
                "AccountName": CLIENTS[c],
                "OpenDate": stamp(m),
                "QueueName": "Desk",
                "TypeName": "Incident",
                "IssueTypeName": "Mail",
                "LastActivityUpdate": stamp(m + timedelta(hours=1)),
            },
            m,
        )
        for t, (c, m) in tickets(facts)
    ]
    kinds = ("Recurring Services", "Time and Material", "Retainer by Hours")
    contracts = [
        Row(
            {
                "Id": n,
                "ContractName": "x",
                "AccountName": CLIENTS[n - 1],
                "ContractType": kinds[n - 1],
                "StartDate": "2026-01-01T00:00:00",
                "EndDate": None,
            }
        )
        for n in (1, 2, 3)
    ]
    return {"timelogs": logs, "servicedesk/tickets": work, "finance/contracts/summary": contracts}


def ninjaone(_):
    devices = [
        Row(
            {
                "id": n,
                "organizationId": n % 3 + 1,
                "systemName": f"PC{n}",
                "nodeClass": "WINDOWS_WORKSTATION",
                "lastContact": 1791936000.5,
                "approvalStatus": "APPROVED",
            }
        )
        for n in range(1, 31)
    ]
    return {
        "devices": devices,
        "organizations": [Row({"id": n, "name": CLIENTS[n - 1], "nodeApprovalMode": "MANUAL"}) for n in (1, 2, 3)],
    }


def datto(_):
    devices = [
        Row(
            {
                "id": n,
                "uid": f"uid{n}",
                "siteName": CLIENTS[n % 3],
                "hostname": f"PC{n}",
                "deleted": False,
                "deviceClass": "device",
                "deviceType": {"category": "Desktop", "type": "x"},
                "lastSeen": 1791936000000,
            }
        )
        for n in range(1, 31)
    ]
    return {"account/devices": devices}


def automate(_):
    pcs = [
        Row(
            {
                "Id": n,
                "Client": {"Id": n % 3, "Name": CLIENTS[n % 3]},
                "ComputerName": f"PC{n}",
                "Type": "Workstation",
                "RemoteAgentLastContact": "2026-10-14T00:00:00Z",
            }
        )
        for n in range(1, 31)
    ]
    return {"Computers": pcs}


ENCODE = {
    "connectwise": connectwise,
    "autotask": autotask,
    "halopsa": halopsa,
    "syncro": syncro,
    "kaseya-bms": kaseya,
    "ninjaone": ninjaone,
    "datto-rmm": datto,
    "automate": automate,
}
