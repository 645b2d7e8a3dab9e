"""What one client, technician, kind of work, file, month or list does is not hidden in the sum over all."""

import re

import pandas as pd
import pytest

import rhem_lib as rhem

MONTHS = [str(month) for month in pd.period_range("2025-10", "2026-03", freq="M")]
HOURS = [0.25, 0.5, 1.5, 0.4, 1, 2, 0.75, 1.75]


def entries():
    """Time of four clients, three technicians and two kinds of work: 8 entries a month of each of 12."""
    rows = [
        (f"Client {client}", f"{month}-{3 * n + 2:02}", HOURS[n], kind, who)
        for month in MONTHS
        for client in "ABCD"
        for who in ("Ann", "Bob", "Cat")
        for n, kind in enumerate(["Remote", "Onsite"] * 4)
    ]
    return pd.DataFrame(rows, columns=["client", "worked_on", "hours", "work_type", "technician"])


def at(rows, **values):
    """Which rows have these values; of a list, one of them; `since` a month."""
    since = values.pop("since", "")
    tests = [rows[name].isin(value if isinstance(value, list) else [value]) for name, value in values.items()]
    return pd.concat([rows["worked_on"] >= since, *tests], axis=1).all(axis=1)


def csv(rows):
    return rows.reset_index(names="entry_id").to_csv(index=False)


def warned(folder, code):
    found = rhem.load(folder).account.warnings
    return found["text"][found["code"] == code].tolist()


GAP = {"worked_on": [f"{month}-{day:02}" for month in MONTHS[2:4] for day in range(1, 29)]}


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (
            {"technician": "Bob", **GAP},
            "technician 'T9F9D51' has hardly any time entries of 2025-12, 2026-01, where 32",
        ),
        ({"technician": "Bob", "since": "2026-02"}, "has hardly any time entries of 2026-02, 2026-03, where 32"),
        ({"work_type": "Onsite", **GAP}, "work_type 'Onsite' has hardly any time entries of 2025-12, 2026-01"),
        (
            {"client": "Client C", **GAP},
            "client 'Client C' has hardly any time entries of 2025-12, 2026-01, where 24",
        ),
    ],
)
def test_names_what_one_part_of_a_file_is_without(workspace, lost, named):
    rows = entries()
    (text,) = warned(workspace({"time.csv": csv(rows[~at(rows, **lost)])}), "coverage")
    assert named in text and "others go on" in text


def test_a_technician_whose_work_others_take_over_is_not_missing(workspace):
    rows = entries()
    rows.loc[at(rows, technician="Bob", since="2026-01"), "technician"] = "Ann"
    assert not warned(workspace({"time.csv": csv(rows)}), "coverage")


@pytest.mark.parametrize(("since", "before"), [("", "2026-02"), ("2025-12", "9")])
def test_a_report_of_one_technician_that_ends_or_begins_within_the_others_is_named(workspace, since, before):
    rows = entries()
    files = {f"{who}.csv": csv(own) for who, own in rows.groupby("technician")}
    own = rows[at(rows, technician="Bob", since=since) & (rows["worked_on"] < before)]
    (text,) = warned(workspace(files | {"Bob.csv": csv(own)}), "coverage")
    assert "Bob.csv holds time entries of" in text or "no file like later ones holds" in text


@pytest.mark.parametrize(
    ("part", "factor", "named"),
    [
        (
            {"client": "Client C"},
            1 / 24,
            "client Client C: its entries are 0.04 hours long, those of other clients 1.02",
        ),
        ({"technician": "Bob"}, 1 / 24, "technician T9F9D51: its entries are 0.04 hours long"),
        (
            {"since": "2026-03"},
            1 / 24,
            "month 2026-03: its entries are 0.04 hours long, those of other months 1.02",
        ),
        ({"client": "Client C"}, 8, "client Client C: its entries are 8.15 hours long"),
    ],
)
def test_names_a_part_in_another_unit(workspace, part, factor, named):
    rows = entries()
    rows.loc[at(rows, **part), "hours"] *= factor
    text, *others = warned(workspace({"time.csv": csv(rows)}), "magnitude")
    assert named in text and not others


@pytest.mark.parametrize("part", [{"technician": "Bob"}, {"since": "2026-03"}])
def test_names_a_part_that_writes_hours_and_minutes_with_a_point(workspace, part):
    rows = entries()
    own = at(rows, **part)
    rows.loc[own, "hours"] = [int(hours) + 0.6 * (hours % 1) for hours in rows["hours"][own]]
    (text,) = warned(workspace({"time.csv": csv(rows)}), "magnitude")
    assert "never end in .60 or more" in text


def test_short_calls_of_one_technician_are_of_no_other_unit(workspace):
    rows = entries()
    rows.loc[at(rows, technician="Bob"), "hours"] = 0.2
    assert not warned(workspace({"time.csv": csv(rows)}), "magnitude")


def lists(change=None, seen=False):
    """A list of 20 computers of each client and month, but for the devices that `change` gives."""
    usual = {(client, month): range(20) for client in "ABCD" for month in MONTHS} | (change or {})
    rows = {month: "client,device_id,kind,last_seen\n" for month in MONTHS}
    for (client, month), devices in usual.items():
        day = f"{month}-20" if seen else ""
        rows[month] += "".join(f"Client {client},{client}{n},workstation,{day}\n" for n in devices)
    return {f"pcs-{month}-28.csv": text for month, text in rows.items()}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {("C", "2026-01"): range(10)},
            "pcs-2026-01-28.csv has 10 endpoints on 2026-01-28 where the list before has 20",
        ),
        (
            {(c, "2026-03"): range(14) for c in "ABCD"},
            "has 56 endpoints on 2026-03-28 where the list before has 80",
        ),
        (
            {(c, "2025-10"): range(14) for c in "ABCD"},
            "has 56 endpoints on 2025-10-28 where the list after has 80",
        ),
        (
            {("C", "2026-01"): range(40)},
            "has 40 endpoints on 2026-01-28 where the list before has 20 (Client C): are",
        ),
    ],
    ids=["half of one client", "a part of all at the end", "a part of all at the start", "twice"],
)
def test_a_list_that_has_too_few_or_too_many_computers_is_named(workspace, change, named):
    (text,) = warned(workspace({"time.csv": csv(entries()), **lists(change)}), "cut-list")
    assert named in text


@pytest.mark.parametrize(
    "change",
    [
        {("C", "2026-03"): range(14)},
        {("C", "2025-10"): range(4)},
        {("C", month): range(40) for month in MONTHS[3:]},
        {("C", "2026-01"): []},
    ],
    ids=["one client with a quarter less", "one that comes", "one that grows", "one that a list leaves out"],
)
def test_clients_that_change_are_no_odd_list(workspace, change):
    assert not warned(workspace({"time.csv": csv(entries()), **lists(change)}), "cut-list")


@pytest.mark.parametrize(("seen", "copies"), [(True, "2026-01"), (False, "2025-10")])
def test_a_list_that_is_another_one_under_its_day_is_named(workspace, seen, copies):
    grown = {(client, month): range(20 + n) for client in "ABCD" for n, month in enumerate(MONTHS)}
    files = {"time.csv": csv(entries()), **lists(grown, seen=seen)}
    assert not warned(workspace(files), "cut-list")
    files["pcs-2026-02-28.csv"] = files[f"pcs-{copies}-28.csv"]
    (text,) = warned(workspace(files), "cut-list")
    assert text.startswith("exports/pcs-2026-02-28.csv of 2026-02-28 is the same as exports/pcs-" + copies)


@pytest.mark.parametrize(("other", "count"), [("other ids", 1), ("the same ids", 0), ("other computers", 0)])
def test_two_lists_with_as_many_computers_of_each_client_and_none_in_common_are_named(workspace, other, count):
    first = lists()
    second = lists({(c, m): range(3 * n, 9 * n) for n, c in enumerate("ABCD", 1) for m in MONTHS})
    second = second if other == "other computers" else lists()
    if other == "other ids":
        second = {name: re.sub(",([A-D])", r",av\1", text) for name, text in second.items()}
    second = {name.replace("pcs", "av"): text for name, text in second.items()}
    texts = warned(workspace({"time.csv": csv(entries()), **first, **second}), "parted-list")
    assert sum("as many endpoints of each client" in text for text in texts) == count


@pytest.mark.parametrize("change", [0, 0.1])
def test_the_same_work_under_other_numbers_in_a_second_file_is_named(workspace, change):
    rows = entries()
    again = rows[rows["worked_on"] >= "2026-01"].assign(hours=lambda t: t["hours"] + change)
    again.index += 9000
    files = {"old psa.csv": csv(rows[rows["worked_on"] < "2026-03"]), "new psa.csv": csv(again)}
    texts = warned(workspace(files), "alike-rows")
    assert ["under other numbers" in text for text in texts] == [True] * (not change)


@pytest.mark.parametrize(("total", "named"), [(True, True), (False, False)])
def test_hours_of_the_whole_ticket_on_each_of_its_entries_are_named(workspace, total, named):
    rows = entries().assign(ticket_id=lambda t: t.index // 3)
    if total:
        rows["hours"] = rows.groupby("ticket_id")["hours"].transform("sum")
    texts = warned(workspace({"time.csv": csv(rows)}), "magnitude")
    assert any("those of the whole ticket" in text for text in texts) == named


@pytest.mark.parametrize(("factor", "named"), [(2, True), (1.2, False)])
def test_hours_far_longer_than_from_start_to_end_are_named(workspace, factor, named):
    rows = entries()
    rows["started_at"] = pd.to_datetime(rows["worked_on"]) + pd.Timedelta(hours=9)
    rows["ended_at"] = rows["started_at"] + pd.to_timedelta(rows["hours"], "h")
    rows["hours"] *= factor
    texts = warned(workspace({"time.csv": csv(rows)}), "magnitude")
    assert any("from their start to their end" in text for text in texts) == named


def test_time_without_any_hours_is_named(workspace):
    (text,) = warned(workspace({"time.csv": csv(entries().assign(hours=0))}), "magnitude")
    assert text.startswith("no entry has any hours")


def test_hours_of_a_quarter_by_one_technician_are_no_clock(workspace):
    rows = entries()
    rows.loc[at(rows, technician="Bob"), "hours"] = 1.25
    assert not warned(workspace({"time.csv": csv(rows)}), "magnitude")


@pytest.mark.parametrize(("shift", "named"), [(1, True), (0, False)])
def test_tickets_that_are_of_other_clients_than_their_time_are_named(workspace, shift, named):
    rows = entries().assign(ticket_id=lambda t: t.index)
    tickets = rows[["ticket_id", "client"]].assign(type="Incident")
    if shift:
        tickets["client"] = "Client " + tickets["client"].str[-1].map(dict(zip("ABCD", "BCDA", strict=True)))
    files = {"time.csv": csv(rows), "tickets.csv": tickets.to_csv(index=False)}
    texts = warned(workspace(files), "shared-number")
    assert any("on a ticket of another client" in text for text in texts) == named
