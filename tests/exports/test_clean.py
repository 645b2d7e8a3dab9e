"""Typing and quarantine: each unusable row has one reason, and the first that applies decides."""

import datetime as dt
import os

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError, SettingsError

HEADER = "entry_id,ticket_id,client,worked_on,started_at,hours,technician\n"
PCS = "client,device_id\nTotal Wine,pc1\nTotal Wine,\nTotal: 2 devices,\n"


def quarantine(folder):
    frame = rhem.load(folder).quarantine
    return frame[["source_row", "column", "value", "reason"]].fillna("").values.tolist()


def test_each_reason_is_given_once_with_column_and_value(workspace):
    tomorrow = dt.date.today() + dt.timedelta(days=2)
    rows = [
        "1,,Nord,2026-01-05,,1.5,ann",
        "entry_id,ticket_id,client,worked_on,started_at,hours,technician",
        "Total,,,,,99,",
        "2,,Nord,,,1,ann",
        "3,,Nord,someday,,1,ann",
        "4,,Nord,1899-12-30,,1,ann",
        f"5,,Nord,{tomorrow},,1,ann",
        "6,,Nord,2026-01-05,,n/a,ann",
        "7,,Nord,2026-01-05,,,ann",
        "8,,Nord,2026-01-05,,25,ann",
        "9,,,2026-01-05,,1,ann",
        "1,,Nord,2026-01-05,,1.5,ann",
        "1,,Nord,2026-01-06,,2.5,ben",  # the number of another's entry: it counts, and is warned of
    ]
    assert quarantine(workspace({"time.csv": HEADER + "\n".join(rows) + "\n"})) == [
        [3, "", "client", "repeated-header"],
        [4, "", "Total", "total-row"],
        [5, "worked_on", "", "no-date"],
        [6, "worked_on", "someday", "unreadable-date"],
        [7, "worked_on", "1899-12-30", "impossible-date"],
        [8, "worked_on", str(tomorrow), "impossible-date"],
        [9, "hours", "n/a", "unreadable-hours"],
        [10, "hours", "", "unreadable-hours"],
        [11, "hours", "25", "impossible-hours"],
        [12, "client", "", "no-client"],
        [13, "", "", "duplicate"],
    ]


def test_sums_are_no_work_in_other_languages_and_with_more_words(workspace):
    """A client whose name starts with Total is a client, in its rows with a fact missing as well."""
    sums = ["Gesamt", "Summe:", "Gesamtsumme", "Total général", "Totale", "Subtotal Nord",
            "Total (2 entries)", "Total: 3 devices", "Summe (2 Einträge)"]  # fmt: skip
    real = ["Total Wine", "Gesamtschule Nord", "Summers & Sons", "Totally Fine"]
    rows = [f",,{name},,,9," for name in sums]
    rows += [f"{n},{n},{name},2026-01-05,,1,ann" for n, name in enumerate(real)]
    work = rhem.load(workspace({"time.csv": HEADER + "\n".join(rows) + "\n", "pcs-2026-01-31.csv": PCS}))
    assert set(work.quarantine["reason"]) == {"total-row"} and len(work.quarantine) == 10
    assert sorted(work.time_entries.df()["client"]) == sorted(real)
    assert work.endpoints.df()["client"].tolist() == ["Total Wine", "Total Wine"]


def test_two_technicians_on_one_visit_are_no_duplicates_and_corrections_are_kept(workspace):
    rows = "Nord,2026-01-05,2,ann\nNord,2026-01-05,2,ben\nNord,2026-01-06,-0.5,ann\n"
    text = "client,worked_on,hours,technician\n" + rows
    work = rhem.load(workspace({"time.csv": text}))
    assert work.time_entries.df()["hours"].sum() == 3.5
    assert work.quarantine.empty


def test_overlapping_monthly_files_count_an_entry_once(workspace):
    head, a, b, c = (
        HEADER,
        "1,,Nord,2026-01-30,,1,ann\n",
        "2,,Nord,2026-01-31,,2,ann\n",
        "3,,Nord,2026-02-01,,4,ann\n",
    )
    work = rhem.load(workspace({"jan.csv": head + a + b, "feb.csv": head + b + c}))
    assert work.time_entries.df()["hours"].sum() == 7
    assert work.account.table.loc["quarantined", "rows"] == 1


def test_of_two_states_of_an_entry_the_last_counts(workspace):
    """4 h corrected to 1 h in the file of the next month; its technician's name is written in another case."""
    may = "1,5,Nord,2026-05-01,,4,ann\n2,5,Nord,2026-05-02,,2,ann\n"
    june = "2,5,NORD,2026-05-02,,2,Ann\n1,5,Nord,2026-05-01,,1,ann\n1,5,Nord,2026-05-01,,1,ann\n"
    folder = workspace({"t-2026-05.csv": HEADER + may, "t-2026-06.csv": HEADER + june})
    work = rhem.load(folder)
    assert sorted(work.time_entries.df()["hours"]) == [1, 2]
    aside = work.quarantine[["source_file", "source_row", "reason", "hours"]].values.tolist()
    assert aside == [
        ["exports/t-2026-05.csv", 2, "superseded", 4],
        ["exports/t-2026-06.csv", 2, "duplicate", 2],
        ["exports/t-2026-06.csv", 4, "duplicate", 1],
    ]
    assert work.account.balanced and "shared-number" not in set(work.account.warnings["code"])


@pytest.mark.parametrize("names", [("t-2025-9.csv", "t-2025-10.csv"), ("t-jan.csv", "t-feb.csv")])
def test_the_last_state_is_that_of_the_file_saved_last_and_not_by_name(workspace, names):
    """By name, September comes after October."""
    first = "1,5,Nord,2025-09-30,,3,ann\n"
    then = "1,5,Nord,2025-09-30,,1,ann\n2,5,Nord,2025-10-01,,2,ann\n"
    folder = workspace({names[0]: HEADER + first, names[1]: HEADER + then})
    for saved, name in zip((1_900_000_000, 1_900_000_060), names, strict=True):
        os.utime(folder / "exports" / name, (saved, saved))
    assert sorted(rhem.load(folder).time_entries.df()["hours"]) == [1, 2]


@pytest.mark.parametrize("old", ["Contoso", "contoso  ltd"])
def test_an_entry_under_an_older_name_of_its_client_counts_once(workspace, old):
    files = {
        "t-01.csv": HEADER + f"1,5,{old},2026-01-31,,1,ann\n",
        "t-02.csv": HEADER + "1,5,Contoso Ltd,2026-01-31,,1,ann\n2,5,Contoso Ltd,2026-02-01,,2,ann\n",
    }
    settings = 'name = "T"\n[clients."Contoso Ltd"]\naliases = ["Contoso"]\n'
    work = rhem.load(workspace(files, settings))
    assert work.time_entries.df()["hours"].sum() == 3
    assert work.quarantine["reason"].tolist() == ["duplicate"]


HALO_TIME = "Ticket ID,Action Number,Client,Date,Time Taken,Agent\n"
HALO_TICKETS = "Faultid,Client,Date Opened,Team,Requesttype\n"
GRID = "Ticket #,Company,Board,Date Entered,Type\n"


@pytest.mark.parametrize(
    ("halo", "grid", "classes"),
    [
        ("10,A,2026-01-05,Desk,Incident\n", "10,B,Projects,2025-11-01,Incident\n", {"10": "reactive"}),
        ("11,A,2026-01-05,Desk,Incident\n", "10,B,Projects,2025-11-01,Incident\n", {"10": "unclassified"}),
    ],
)
def test_the_ticket_of_another_system_is_another_ticket(workspace, halo, grid, classes):
    """An MSP that went from one PSA to another has both exports, and both number from 1."""
    files = {
        "time.csv": HALO_TIME + "10,1,A,2026-01-05,1,ann\n",
        "halo.csv": HALO_TICKETS + halo,
        "cw.csv": GRID + grid,
    }
    work = rhem.load(workspace(files))
    found = work.time_entries.df()
    assert found["hours"].sum() == 1 and work.account.balanced
    assert found["work_class"].tolist() == list(classes.values())


def test_time_of_a_system_without_tickets_finds_those_of_the_one_that_has_its_number(workspace):
    files = {
        "t.csv": HEADER + "1,10,A,2026-01-05,,1,ann\n2,11,A,2026-01-05,,2,ann\n3,12,A,2026-01-05,,4,ann\n",
        "halo.csv": HALO_TICKETS + "10,A,2026-01-05,Desk,Incident\n12,A,2026-01-05,Desk,Incident\n",
        "cw.csv": GRID + "11,A,Projects,2025-11-01,Incident\n12,B,Projects,2025-11-01,Incident\n",
    }
    found = rhem.load(workspace(files)).time_entries.df().set_index("entry_id")["work_class"]
    assert found.to_dict() == {"1": "reactive", "2": "project", "3": "unclassified"}


VISITS = "client,worked_on,started_at,hours,ticket_id,technician,work_type\n"


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("rows", "hours"),
    [
        ([("2026-03-02 09:00", "Remote"), ("2026-03-02 09:00", "Remote")], 0.5),
        ([("2026-03-02 09:00", "Remote"), ("2026-03-02 09:00", "Onsite")], 1.0),
        ([("2026-03-02", "Remote"), ("2026-03-02", "Phone")], 1.0),
    ],
)
def test_a_visit_without_a_number_is_told_by_its_clock_and_its_kind(workspace, rows, hours):
    text = "".join(f"Nord,2026-03-02,{start},0.5,7,Ann,{kind},{n}\n" for n, (start, kind) in enumerate(rows))
    work = rhem.load(workspace({"t.csv": VISITS.replace("type", "type,colour") + text}))
    assert work.time_entries.df()["hours"].sum() == hours


def test_rows_without_a_number_in_two_files_count_and_are_named(workspace):
    """Invoiced in between; or another half hour on the same ticket: nobody can tell, so the user is asked to."""
    head = "client,worked_on,hours,ticket_id,technician,invoice\n"
    files = {
        "jan.csv": head + "Nord,2026-01-30,1,7,Ann,\nNord,2026-01-31,2,7,Ann,\nNord,2026-01-31,2,7,Ann,4\n",
        "feb.csv": head + "Nord,2026-01-31,2,7,Ann,9\nNord,2026-02-01,4,7,Ann,\n",
    }
    work = rhem.load(workspace(files))
    assert work.time_entries.df()["hours"].sum() == 11
    warned = work.account.warnings.set_index("code")["text"]
    assert "1 time entries (2.0 hours) have no number and are in two files" in warned["alike-rows"]


def test_lists_made_by_hand_that_all_number_from_one_lose_nothing_and_are_named(workspace):
    head = "entry_id,client,worked_on,hours,technician\n"
    ann, ben = (
        "1,Nord,2026-05-01,4,ann\n2,Sued,2026-05-02,2,ann\n",
        "1,Nord,2026-05-01,8,ben\n3,Nord,2026-05-02,1,ben\n",
    )
    work = rhem.load(workspace({"ann.csv": head + ann, "ben.csv": head + ben}))
    assert work.time_entries.df()["hours"].sum() == 15
    warned = work.account.warnings.set_index("code")["text"]
    assert "2 time entries (12.0 hours) have the number of an entry of another" in warned["shared-number"]


def test_the_same_device_in_two_snapshots_is_two_facts(workspace):
    row = "client,device_id,kind,last_seen\nNord,pc1,workstation,2026-01-31 08:00:00\n"
    time = "client,worked_on,hours\nNord,2026-02-03,1\n"
    work = rhem.load(workspace({"d-2026-01-31.csv": row, "d-2026-02-28.csv": row, "time.csv": time}))
    assert work.endpoints.df()["as_of"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-31", "2026-02-28"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["01/02/2026", "25/02/2026"], "2026-02-01"),
        (["01/02/2026", "02/25/2026"], "2026-01-02"),
        (["2026-02-01", "2026-02-25"], "2026-02-01"),
        (["1/2/2026 3:05 PM", "2/25/2026 4:00 PM"], "2026-01-02"),
        (["01-02-2026", "25-02-2026"], "2026-02-01"),
        (["01-02-2026", "02-25-2026"], "2026-01-02"),
        (["01.02.2026", "02.03.2026"], "2026-02-01"),
        (["1/2/26", "2/25/26"], "2026-01-02"),
        (["1/2/26 3:05 PM", "2/25/2026 4:00 PM"], "2026-01-02"),
        (["01/02/26", "25/02/26"], "2026-02-01"),
        (["01.02.26", "02.03.26 14:30"], "2026-02-01"),
        (["01-02-26", "25-02-26"], "2026-02-01"),
        (["01-02-26", "02-25-26"], "2026-01-02"),
        (["01-Feb-26", "25-Feb-2026"], "2026-02-01"),
        (["1 Feb 26", "2 March 2026 10:00"], "2026-02-01"),
        (["01/Feb/26 3:05 PM", "25. Feb 2026"], "2026-02-01"),
        (["Feb 1, 2026 3:05 PM", "Sept 3, 2026 at 10:00 AM", "May 2 2026"], "2026-02-01"),
        (["Sun, 1 Feb 2026 10:00:00", "Wednesday, February 25, 2026"], "2026-02-01"),
    ],
)
def test_day_and_month_are_told_apart_for_the_whole_column(workspace, dates, first):
    text = "client,worked_on,hours\n" + "".join(f'Nord,"{d}",1\n' for d in dates)
    work = rhem.load(workspace({"time.csv": text}))
    assert work.quarantine.empty
    assert str(work.time_entries.df()["worked_on"].iloc[0])[:10] == first


@pytest.mark.many_cases
@pytest.mark.parametrize("day", ["2026-03-14", "3/14/2026", "14.03.26", "14-Mar-26", "Mar 14, 2026 10:00 AM"])
def test_what_a_spreadsheet_saved_again_is_read_in_every_system(workspace, day):
    time = f'id,ticketID,dateWorked,hoursWorked,resourceID\n1,7,"{day}",1.5,3\n'
    tickets = f'id,companyID,queueID,createDate,ticketType\n7,Nord,5,"{day}",2\n'
    work = rhem.load(workspace({"time.csv": time, "tickets.csv": tickets}))
    assert str(work.time_entries.df()["worked_on"].iloc[0].date()) == "2026-03-14"
    assert work.quarantine.empty


@pytest.mark.parametrize("mark", ["/", "-"])
def test_undecidable_dates_are_refused_with_a_question_that_settings_answer(workspace, mark):
    text = "client,worked_on,hours\nNord,01/02/2026,1\nNord,03/02/2026,1\n".replace("/", mark)
    with pytest.raises(InputError, match="day and month cannot be told apart") as raised:
        rhem.load(workspace({"time.csv": text}))
    assert "exports/time.csv, column 'worked_on'" in str(raised.value)
    settings = 'name = "T"\n[[files]]\npath = "exports/time.csv"\ndate_order = "day-first"\n'
    assert str(rhem.load(workspace({}, settings)).time_entries.df()["worked_on"].min().date()) == "2026-02-01"


@pytest.mark.many_cases
@pytest.mark.parametrize("day", ["2026-06-01", "6/1/2026", "6/1/26"])
@pytest.mark.parametrize(
    ("clocks", "hours"),
    [(("11:30 AM", "1:00 PM"), 1.5), (("11:30:00 am", "1:15:00 pm"), 1.75), (("9:30", "13:00"), 3.5)],
)
def test_half_days_are_read_with_every_way_of_writing_the_day(workspace, day, clocks, hours):
    """The engine's own reader of ISO dates passes PM over, so that a visit would end before it starts."""
    start, end = (f'"{day} {clock}"' for clock in clocks)
    later = f'"{day.replace("-01", "-25").replace("/1/", "/25/")} 8:30 AM"'
    rows = f"Nord,2026-06-01,1,{start},{end}\nNord,2026-06-25,1,{later},{later}\n"
    text = f"client,worked_on,hours,started_at,ended_at\n{rows}"
    visit = rhem.load(workspace({"time.csv": text})).time_entries.df().iloc[0]
    assert (visit["ended_at"] - visit["started_at"]).total_seconds() / 3600 == hours
    assert str(visit["started_at"])[:10] == "2026-06-01"


def test_an_order_of_dates_that_was_given_holds_against_a_slip(workspace):
    """One 02/25/2026 made March to August of six days of February, although the settings said day-first."""
    days = ["03/02/2026", "04/02/2026", "02/25/2026"]
    settings = 'name = "T"\n[[files]]\npath = "exports/time.csv"\ndate_order = "day-first"\n'
    work = rhem.load(workspace({"time.csv": HEADER + "".join(f"{d},,Nord,{d},,1,ann\n" for d in days)}, settings))
    assert sorted(str(day.date()) for day in work.time_entries.df()["worked_on"]) == ["2026-02-03", "2026-02-04"]
    assert work.quarantine["value"].tolist() == ["02/25/2026"]


def test_help_for_a_file_that_is_not_there_is_an_error(workspace):
    settings = 'name = "T"\n[[files]]\npath = "time.csv"\ndate_order = "day-first"\n'
    with pytest.raises(
        SettingsError, match=r"\[\[files\]\] path = 'time.csv': .* Did you mean 'exports/time.csv'\?"
    ):
        rhem.load(workspace({"time.csv": HEADER + "1,,Nord,01/02/2026,,1,ann\n"}, settings))


def test_a_profile_that_is_not_there_is_an_error(workspace):
    settings = 'name = "T"\n[[files]]\npath = "exports/time.csv"\nprofile = "conectwise"\n'
    with pytest.raises(SettingsError, match=r"there is no profile 'conectwise'\. Did you mean 'connectwise'"):
        rhem.load(workspace({"time.csv": HEADER + "1,,Nord,2026-02-01,,1,ann\n"}, settings))


def test_dates_of_clients_are_asked_about_as_well(workspace):
    files = {
        "time.csv": HEADER + "1,,Nord,2026-05-05,,1,ann\n",
        "clients.csv": "client,onboarded_on\nNord,03-04-26\n",
    }
    with pytest.raises(InputError, match="column 'onboarded_on': day and month cannot be told apart"):
        rhem.load(workspace(files))
    settings = 'name = "T"\n[[files]]\npath = "clients.csv"\ndate_order = "day-first"\n'
    assert str(rhem.load(workspace({}, settings)).clients["onboarded_on"][0].date()) == "2026-04-03"


def test_spreadsheet_months_of_the_lanl_log(workspace):
    folder = workspace(
        {
            "inst.csv": "client,as_of,count\nA,2-Mar,5\nB,Nov-96,6\n",
            "t.csv": "client,worked_on,hours\nA,2026-01-01,1\n",
        }
    )
    (folder / "profiles").mkdir()
    (folder / "profiles" / "p.toml").write_text(
        'name = "p"\ntitle = "P"\n[[tables]]\ntable = "endpoints"\nrequires = ["client", "as_of", "count"]\n'
        'dates = ["spreadsheet-month"]\n[tables.columns]\nclient = "client"\nas_of = "as_of"\n'
        'count = "count"\nkind = "=server"\n'
    )
    (folder / "rhem.toml").write_text('name = "T"\n[[files]]\npath = "exports/inst.csv"\nprofile = "p"\n')
    as_of = rhem.load(folder).endpoints.df().set_index("client")["as_of"]
    assert {k: str(v.date()) for k, v in as_of.items()} == {"A": "2002-03-01", "B": "1996-11-01"}


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("word", "model"),
    [
        ("Fixed-Fee", "fixed-fee"),
        ("fixed fee", "fixed-fee"),
        ("FIXED-FEE", "fixed-fee"),
        ("Managed services", "fixed-fee"),
        ("T&M", "hourly"),
        ("Break/Fix", "hourly"),
        ("Pre-paid block", "block-hours"),
    ],
)
def test_a_billing_model_may_be_written_as_it_is_said(workspace, word, model):
    files = {"clients.csv": f"client,onboarded_on,billing\nNord,2026-01-01,{word}\n", "t.csv": HEADER}
    assert rhem.load(workspace(files)).agreements["billing"].tolist() == [model]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("row", "wording"),
    [
        (
            "Sued,2026-01-01,,barter",
            "clients.csv, row 3, column 'billing': 'barter' is no billing model. Known: fixed-fee",
        ),
        ("Sued,2026-01-01,soon,hourly", "clients.csv, row 3, column 'ended_on': 'soon' is no day. Write it like"),
        ("Sued,2026-02-01,2026-01-31,", "row 3, column 'ended_on': '2026-01-31' is before the onboarding."),
        ("NORD,2026-01-01,,", "clients.csv, row 2 and clients.csv, row 3: 'NORD' is listed more than once"),
    ],
)
def test_what_a_list_of_clients_cannot_mean_is_an_error(workspace, row, wording):
    text = f"client,onboarded_on,ended_on,billing\nNord,2026-01-01,,hourly\n{row}\n"
    with pytest.raises(InputError) as raised:
        rhem.load(workspace({"clients.csv": text, "t.csv": HEADER}))
    assert wording in str(raised.value)


def test_technicians_become_stable_pseudonyms(workspace):
    text = "client,worked_on,hours,technician\nNord,2026-01-05,1,Ann Example\nNord,2026-01-06,1,ann example\n"
    names = rhem.load(workspace({"t.csv": text})).time_entries.df()["technician"]
    assert names.nunique() == 1
    assert "ann" not in names[0].lower()


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        (["2026-01-30", "Never"], ["never-seen-device"]),
        (["2026-01-30 10:00:00", "0001-01-01 00:00:00"], ["never-seen-device"]),
        (["2026-01-30 10:00:00", "3 months ago"], ["unreadable-date"]),
        (["2026-01-30T10:00:00Z", "2026-01-29T10:00:00+00:00"], []),
        (["01/30/2026 02:05 PM", "01/29/2026 02:05 PM"], []),
        (["2026-01-30", ""], []),
        (["2026-01-30", "online"], []),
    ],
)
def test_a_last_contact_that_cannot_be_read_is_not_taken_for_a_recent_one(workspace, seen, reasons):
    rows = "".join(f"Nord,pc{n},workstation,{day}\n" for n, day in enumerate(seen))
    files = {"pcs-2026-01-31.csv": f"client,device_id,kind,last_seen\n{rows}", "t.csv": HEADER}
    work = rhem.load(workspace(files))
    assert work.quarantine["reason"].tolist() == reasons
    assert len(work.endpoints.df()) == len(seen) - len(reasons)


@pytest.mark.many_cases
@pytest.mark.parametrize("kind", ["Workstation", "Laptop", "PC", "SERVER", "Windows Server", "MacBook", "desktop"])
def test_kinds_of_endpoints_may_be_written_as_they_are_said(workspace, kind):
    files = {"pcs-2026-01-31.csv": f"client,device_id,kind\nNord,pc1,{kind}\n", "t.csv": HEADER}
    kinds = rhem.load(workspace(files)).endpoints.df()["kind"]
    assert kinds.tolist() == ["server" if "server" in kind.lower() else "workstation"]


def test_the_end_of_an_agreement_that_cannot_be_read_is_not_left_open(workspace):
    rows = "Nord,fixed-fee,2025-01-01,31.12.2025 (cancelled)\nSued,hourly,2025-01-01,open\n"
    work = rhem.load(workspace({"agreements.csv": f"client,billing,start,end\n{rows}", "t.csv": HEADER}))
    assert work.agreements["client"].tolist() == ["Sued"]
    assert work.quarantine[["column", "reason"]].values.tolist() == [["end", "unreadable-date"]]


@pytest.mark.many_cases
@pytest.mark.parametrize("zone", ["Z", "+00:00", " +0000", "+00"])
def test_a_time_that_names_its_zone_is_put_into_that_of_the_msp(workspace, zone):
    rows = f"1,,Nord,2026-04-01T02:00:00{zone},,1,ann\n2,,Nord,2026-04-01 02:00:00,,1,ann\n"
    settings = 'name = "T"\ntime_zone = "America/New_York"\n'
    days = rhem.load(workspace({"t.csv": HEADER + rows}, settings)).time_entries.df().set_index("entry_id")
    assert days["worked_on"].astype(str).to_dict() == {"1": "2026-03-31", "2": "2026-04-01"}


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
def test_days_as_midnights_of_a_zone_stay_the_same_days(workspace, zone):
    rows = "".join(f"{n},,Nord,2026-04-0{n}T00:00:00{zone},,1,ann\n" for n in (1, 2))
    settings = 'name = "T"\ntime_zone = "America/New_York"\n'
    days = rhem.load(workspace({"t.csv": HEADER + rows}, settings)).time_entries.df()["worked_on"]
    assert sorted(days.astype(str)) == ["2026-04-01", "2026-04-02"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("cells", "hours"),
    [
        (["1:30", "0:15"], [1.5, 0.25]),
        (["1:30:00", "0:15:00"], [1.5, 0.25]),
        (["1h 30m", "15 min"], [1.5, 0.25]),
        (["1,5 h", "0,25 h"], [1.5, 0.25]),
        (["1.5\u00a0", "0.25"], [1.5, 0.25]),
        (["1\u202f250,5", "0,25"], [None, 0.25]),
        (["1'250.5", "0.25"], [None, 0.25]),
        (["1 30", "0.25"], [None, 0.25]),
    ],
)
def test_hours_are_read_as_people_and_spreadsheets_write_them(workspace, cells, hours):
    """The column is settled as a whole; more hours than a day has are read, and set aside as impossible."""
    rows = "".join(f'{n},,Nord,2026-04-01,,"{cell}",ann\n' for n, cell in enumerate(cells))
    work = rhem.load(workspace({"t.csv": HEADER + rows}))
    assert sorted(work.time_entries.df()["hours"]) == sorted(h for h in hours if h is not None)
    read = work.quarantine["reason"].tolist()
    assert read == (
        [] if None not in hours else ["unreadable-hours" if cells[0] == "1 30" else "impossible-hours"]
    )


@pytest.mark.many_cases
@pytest.mark.parametrize("name", ["Totaal", "Totale", "Totales", "Gesamt", "TOTAL"])
def test_sums_of_many_languages_are_no_clients(workspace, name):
    files = {"pcs.csv": f"client,as_of,count\nNord,2026-01-31,4\n{name},2026-01-31,4\n", "t.csv": HEADER}
    work = rhem.load(workspace(files))
    assert work.quarantine["reason"].tolist() == ["total-row"]
    assert work.endpoints.df()["client"].tolist() == ["Nord"]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("dates", "day"),
    [
        (["2026-06-01 00:00:00", "2026-06-14 00:00:00"], "2026-06-01"),
        (["6/1/2026 12:00:00 AM", "6/14/2026 12:00:00 AM"], "2026-06-01"),
        (["2026-06-01", "2026-06-14"], "2026-06-01"),
        (["2026-06-01 00:00:00", "2026-06-14 09:15:00"], "2026-05-31"),
    ],
)
def test_days_written_as_midnight_are_not_moved_by_the_time_zone(workspace, dates, day):
    """HaloPSA writes in UTC: where a cell has a time of day, midnight in UTC is the evening before in New York."""
    rows = "".join(f"{n},{n},Nord,{date},0.5,ann\n" for n, date in enumerate(dates, 1))
    files = {"time.csv": f"Ticket ID,Action Number,Client,Date,Time Taken,Agent\n{rows}"}
    work = rhem.load(workspace(files, 'name = "T"\ntime_zone = "America/New_York"\n'))
    assert str(work.time_entries.df().sort_values("entry_id")["worked_on"].iloc[0].date()) == day


def test_days_beyond_the_calendar_are_no_end_and_no_start(workspace):
    files = {
        "t.csv": HEADER + "1,7,Nord,2026-01-05,9999-12-31 10:00,1,ann\n",
        "k.csv": "ticket_id,type,opened_at,closed_at\n7,incident,290000-01-01,9999-12-31\n",
        "d.csv": "client,as_of,count,last_seen\nNord,2026-01-31,4,9999-12-31\n",
        "a.csv": "client,billing,start,end\nNord,hourly,2020-01-01,9999-12-31\nNord,hourly,1753-01-01,\n"
        "Nord,fixed-fee,2025-01-01,2024-01-01\n",
        "clients.csv": "client,onboarded_on,ended_on\nNord,2025-01-01,2999-12-31\n",
    }
    work = rhem.load(workspace(files))
    assert rhem.measure(work)[["exposure", "billing"]].to_numpy().tolist() == [[pytest.approx(4 / 31), "hourly"]]
    assert rhem.study(work).patches.text
    set_aside = work.quarantine[["column", "value", "reason"]].to_numpy().tolist()
    assert set_aside == [["start", "1753-01-01", "unreadable-date"], ["end", "2024-01-01", "impossible-date"]]


def test_an_onboarding_beyond_the_calendar_is_an_error(workspace):
    clients = "client,onboarded_on\nNord,1700-01-01\n"
    with pytest.raises(InputError, match="row 2, column 'onboarded_on': '1700-01-01' is no day"):
        rhem.load(workspace({"t.csv": HEADER + "1,,Nord,2026-01-05,,1,ann\n", "clients.csv": clients}))
