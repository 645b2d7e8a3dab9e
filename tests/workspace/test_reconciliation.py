"""Conservation: hours and rows read = the work classes + quarantined, to the last entry."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import rhem_lib as rhem
from rhem_lib.errors import SettingsError
from rhem_lib.exports.profiles import read_profiles
from rhem_lib.schema import REASONS
from rhem_lib.simulate.sample import write_sample

FAST, BATCHES = 1, 40  # of 5 samples; the further ones are slow tests
LIBRARY = Path(rhem.__file__).parent


def test_the_sample_reconciles_with_the_truth_that_was_planted(sample_work, sample_folder):
    account = sample_work.account
    assert account.balanced
    truth = json.loads((sample_folder / "truth.json").read_text())
    for work_class, hours in truth["hours"].items():
        assert float(account.table.loc[work_class, "hours"]) == pytest.approx(hours, abs=0.005), work_class


def test_every_planted_damage_of_the_sample_is_set_aside_with_its_reason(sample_work, sample_folder):
    truth = json.loads((sample_folder / "truth.json").read_text())
    planted = {
        (f"exports/{d['archive']}/{d['file']}", d["row"]): d["reason"]
        for d in truth["damage"]
        if d["kind"] == "quarantine"
    }
    rows = sample_work.quarantine[["source_file", "source_row", "reason"]].itertuples(index=False)
    assert {(file, row): reason for file, row, reason in rows} == planted


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "batch", [*range(FAST), *(pytest.param(batch, marks=pytest.mark.slow) for batch in range(FAST, BATCHES))]
)
def test_200_random_dirty_samples_conserve_hours_and_rows(tmp_path, batch):
    rng = np.random.default_rng(batch)
    for number in range(200 // BATCHES):
        folder = tmp_path / str(number)
        seed = int(rng.integers(1_000_000))
        write_sample(folder, clients=int(rng.integers(1, 4)), months=3, seed=seed, dirt="much")
        account = rhem.load(folder).account
        parts = account.table.drop(index="read")
        assert parts["hours"].sum() == account.table.loc["read", "hours"], seed
        assert parts["rows"].sum() == account.table.loc["read", "rows"], seed


def test_a_lost_row_is_noticed(sample_work):
    """Negative control: the balance must be able to fail."""
    account = sample_work.account
    table = account.table.copy()
    table.loc["reactive", "rows"] -= 1
    broken = type(account)(table, account.files, account.quarantine, account.warnings, account.suggestions)
    assert not broken.balanced
    assert "DOES NOT BALANCE" in broken.text


def test_json_has_one_object_with_the_promised_keys(sample_work):
    made = json.loads(json.dumps(sample_work.account.as_json()))
    assert list(made) == ["files", "hours", "rows", "quarantine", "warnings", "suggestions"]
    assert set(made["files"][0]) == {"path", "profile", "table", "rows"}
    assert made["hours"].keys() == made["rows"].keys() == set(sample_work.account.table.index)
    assert {"text", "toml"} <= set(made["suggestions"][0])


def test_a_collapse_in_volume_is_warned_about(workspace):
    days = [f"2026-{m:02d}-{d:02d}" for m in range(1, 7) for d in range(1, 29)] + ["2026-07-01", "2026-07-02"]
    text = "client,worked_on,hours\n" + "".join(f"Nord,{day},1\n" for day in days)
    warnings = rhem.load(workspace({"time.csv": text})).account.warnings
    cut = warnings[warnings["code"] == "coverage"]
    assert cut["month"].tolist() == ["2026-07"]
    assert "2026-07 holds 2 time entries where 28 are usual" in cut["text"].iloc[0]


def test_unclassified_values_come_with_the_rule_that_settles_them(workspace):
    text = "client,worked_on,hours,work_type\nNord,2026-01-05,3,Remote\n"
    folder = workspace({"time.csv": text})
    suggestion = rhem.load(folder).account.suggestions.iloc[0]
    assert suggestion["text"].startswith(
        "3.0 hours with work_type 'Remote' match no rule. The rule moves them from"
    )
    (folder / "rhem.toml").write_text('name = "T"\n' + suggestion["toml"])
    with pytest.raises(SettingsError, match="work_class"):  # no class is filled in that nobody knows
        rhem.load(folder)
    (folder / "rhem.toml").write_text('name = "T"\n' + suggestion["toml"].replace('""', '"reactive"'))
    assert float(rhem.load(folder).account.table.loc["reactive", "hours"]) == 3


def test_a_suggested_rule_never_moves_what_is_classified_already(workspace):
    tickets = "ticket_id,type,category\n1,incident,Email\n2,,Quote\n"
    header = "entry_id,ticket_id,client,worked_on,hours,work_type\n"
    text = header + "1,1,Nord,2026-01-05,3,Remote\n2,2,Nord,2026-01-05,1,Remote\n"
    suggestion = rhem.load(workspace({"time.csv": text, "tickets.csv": tickets})).account.suggestions.iloc[0]
    assert suggestion["text"].startswith("1.0 hours with category 'Quote' match no rule.")


def test_suggests_few_rules_and_only_classes_that_words_tell(workspace):
    kinds = [
        "Onboarding",
        "Onboarding",
        "Sales Opportunity",
        "Team meeting",
        "Remote",
        "Patching",
        "Server project",
    ]
    time = "entry_id,client,worked_on,hours,work_type,ticket_id\n"
    time += "".join(f"{n},Nord,2026-05-04,1,{kind},{n}\n" for n, kind in enumerate(kinds))
    tickets = "ticket_id,type,client,board\n" + "".join(f"{n},Other,Nord,Board {n % 3}\n" for n in range(7))
    folder = workspace({"time.csv": time, "tickets.csv": tickets})
    made = rhem.load(folder).account.suggestions
    assert 'reactive"' not in "".join(made["toml"]) and len(made) == 6
    assert made["text"].iloc[-1].endswith("and no others; without the rules above it, 7.0 hours.")
    (folder / "rhem.toml").write_text('name = "T"\n' + "\n".join(made["toml"]).replace('""', '"reactive"'))
    hours = rhem.load(folder).account.table["hours"].astype(float)
    wanted = {"onboarding": 2, "internal": 1, "scheduled": 2, "project": 1, "reactive": 1, "unclassified": 0}
    assert hours[list(wanted)].to_dict() == wanted


@pytest.mark.many_cases
@pytest.mark.parametrize(("one", "other"), [("Nord Ltd", "Nord Limited"), ("Süd GmbH", "Süd G.m.b.H."),
                                            ("Ash & Co. Inc", "Ash and Company, Inc.")])  # fmt: skip
def test_two_spellings_of_one_company_are_suggested_as_one(workspace, one, other):
    text = f'client,worked_on,hours\n"{one}",2026-05-04,1\n"{other}",2026-05-04,2\nElse Ltd,2026-05-04,4\n'
    folder = workspace({"time.csv": text})
    made = rhem.load(folder).account.suggestions.query("text.str.contains('written differently')", engine="python")
    assert len(made) == 1
    (folder / "rhem.toml").write_text('name = "T"\n' + made["toml"].iloc[0])
    assert set(rhem.load(folder).clients["client"]) == {other, "Else Ltd"}


TIME = "entry_id,ticket_id,client,worked_on,hours\n"
TIMER = {"id": 1, "ticket_id": 70, "user_id": 3, "start_time": "2026-04-01T12:00:00Z",
         "end_time": "2026-04-01T13:00:00Z", "active_duration": 1440}  # fmt: skip
SYNCRO_TICKETS = {"id": 7, "number": 1, "customer_business_then_name": "Nord", "problem_type": "Virus"}
COMPUTER = "client,device_id\nNord,pc1\n"


def warned(folder, *without):
    """Code and text of the warnings, those about onboarding dates left out."""
    found = rhem.load(folder).account.warnings
    rows = found.loc[~found["code"].isin(["onboarding-date", *without]), ["code", "text"]]
    return [tuple(row) for row in rows.itertuples(index=False)]


def test_a_folder_of_endpoints_alone_is_told_outright(workspace):
    assert warned(workspace({"pcs-2026-01-31.csv": COMPUTER})) == [
        ("missing-table", "No file holds time entries: without hours worked there is nothing to measure."),
        ("missing-table", "No file holds tickets: the type, board and category of the work are unknown."),
    ]


def test_a_folder_of_tickets_alone_is_told_outright(workspace):
    text = "ticket_id,client,type,opened_at\n1,Nord,incident,2026-01-05\n"
    assert [text.split(":")[0] for _, text in warned(workspace({"tickets.csv": text}))] == [
        "No file holds time entries",
        "No file lists endpoints",
    ]


def test_a_file_of_a_header_alone_is_named(workspace):
    found = warned(workspace({"time.csv": TIME, "pcs-2026-01-31.csv": COMPUTER}), "missing-table")
    assert found == [("empty-file", "exports/time.csv has a header and no rows.")]


HOW = "Tell how that column is written in profiles/<name>.toml (keys dates and durations)."


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("files", "wording"),
    [
        (
            {"time.csv": TIME + "1,,Nord,soon,1\n2,,Nord,later,1\n3,,Nord,2026-01-05,99\n"},
            [f"exports/time.csv: none of its 3 rows of time_entries could be used; most: unreadable-date. {HOW}"],
        ),
        (
            {"time.csv": TIME + "1,,Nord,2026-01-05,one\n"},
            [f"exports/time.csv: none of its 1 row of time_entries could be used; most: unreadable-hours. {HOW}"],
        ),
        (
            {"time.csv": TIME + "1,,Nord,2026-01-05,1\n", "pcs-2026-01-31.csv": "client,device_id\n,pc1\n,pc2\n"},
            ["exports/pcs-2026-01-31.csv: none of its 2 rows of endpoints could be used; most: no-client."],
        ),
        ({"time.csv": TIME + "1,,Nord,2026-01-05,1\n2,,Nord,soon,1\n"}, []),
        ({name: TIME + "1,,Nord,2026-01-05,1\n" for name in ("time.csv", "time2.csv")}, []),
    ],
    ids=["dates", "hours", "endpoints", "one kept", "twice exported"],
)
def test_a_table_of_which_nothing_could_be_used_is_warned_about(workspace, files, wording):
    assert [text for code, text in warned(workspace(files)) if code == "none-kept"] == wording


def test_entries_whose_ticket_is_in_no_export_are_told_apart_from_a_missing_ticket_file(workspace):
    timers = json.dumps({"ticket_timers": [TIMER, TIMER | {"id": 2, "ticket_id": 71}]})
    folder = workspace({"timers.json": timers, "pcs-2026-01-31.csv": COMPUTER})
    wording = "2 entries (0.8 hours) name a ticket and no client"
    assert ("missing-table", "No file holds tickets: the type, board and category of the work are unknown, "
            f"and {wording}, so they are set aside.") in warned(folder)  # fmt: skip
    workspace({"tickets.json": json.dumps([SYNCRO_TICKETS])})
    assert ("no-ticket", f"{wording}, and no ticket file holds it: export older tickets as well.") in warned(
        folder
    )
    assert rhem.load(folder).quarantine["value"].tolist() == ["ticket 70", "ticket 71"]


@pytest.mark.slow
def test_a_month_told_by_two_systems_is_warned_about(workspace):
    day = "1,1,Nord,2026-03-30,1\n"
    files = {"time.csv": TIME + day, "tickets.json": json.dumps([SYNCRO_TICKETS]), "pcs-2026-01-31.csv": COMPUTER}
    march = TIMER | {"ticket_id": 7, "start_time": "2026-03-31T12:00:00Z", "end_time": "2026-03-31T13:00:00Z"}
    alone = workspace(files | {"timers.json": json.dumps([TIMER | {"ticket_id": 7}])})
    assert not [code for code, _ in warned(alone) if code == "two-systems"], "one system took over from the other"
    both = workspace({"timers.json": json.dumps([march])})
    wording = "Nord has time entries of 2026-03 from generic and syncro: what both hold counts twice."
    (text,) = [text for code, text in warned(both) if code == "two-systems"]
    assert text.startswith(wording)
    settled = workspace({}, 'name = "Test MSP"' + text.partition("rhem.toml:")[2])
    assert "two-systems" not in {code for code, _ in warned(settled)}, "each holds a part"
    other = workspace({}, 'name = "Test MSP"\n[[systems]]\nseparate = ["generic", "jira"]\n')
    assert "two-systems" in {code for code, _ in warned(other)}


AUTOMATE = "ComputerName,ClientName,Type,LastContact\npc9,Nord,Workstation,2026-01-30 10:00:00\n"
SYSTEMS = "Nord has endpoints of 2026-01 from automate and generic: "


@pytest.mark.many_cases
@pytest.mark.parametrize("name", ["a-2026-01-30.csv", "a-2026-01-31.csv"])
def test_warns_when_two_systems_list_endpoints_of_one_client(workspace, name):
    files = {"time.csv": TIME + "1,1,Nord,2026-01-05,1\n", "pcs-2026-01-31.csv": COMPUTER, name: AUTOMATE}
    folder = workspace(files | {"clients.csv": "client,onboarded_on\nNord,2025-01-01\n"})
    texts = [text for code, text in warned(folder) if code in ("two-systems", "parted-list")]
    assert len(texts) == 1
    assert texts[0].startswith(SYSTEMS + "what both hold counts twice, unless by the same id.")
    assert rhem.measure(rhem.load(folder))["endpoints"].tolist() == [2]


def parted(workspace, *lists):
    """What is said of lists of endpoints, each a day and its devices."""
    made = {
        f"pcs-{day}.csv": "client,device_id\n" + "".join(f"Nord,{device}\n" for device in devices.split("|"))
        for day, devices in lists
    }
    work = rhem.load(workspace(made | {"clients.csv": "client,onboarded_on\nNord,2025-01-01\n"}))
    return work.account.warnings.query("code == 'parted-list'")


def test_lists_of_one_month_that_share_no_device_may_be_parts_of_one(workspace):
    parts = [(f"2026-0{month}-{day}", name) for month in (1, 2) for day, name in ((27, "a|b"), (28, "s"))]
    found = parted(workspace, *parts)
    assert found[["client", "month"]].values.tolist() == [["Nord", "2026-01"]], "once, of the first month"
    text, lines = found["text"].iloc[0].split("Add to rhem.toml:")
    assert text.startswith("Nord: the endpoint lists of 2026-01-27 and 2026-01-28 share no device")
    folder = workspace({}, 'name = "T"' + lines)
    work = rhem.load(folder)
    assert lines.count("[[files]]") == 1, "one block for the parts of all months"
    assert work.endpoints.df().groupby("as_of")["count"].sum().tolist() == [3, 3]
    assert "parted-list" not in set(work.account.warnings["code"])


def test_parts_of_a_list_without_a_day_in_their_names_are_dated_one_by_one(workspace):
    head, row = "client,as_of,device_id\n", "Nord,2026-01-{0},{1}\n"
    parts = {"pcs.csv": head + row.format(27, "a"), "servers.csv": head + row.format(28, "s")}
    clients = {"clients.csv": "client,onboarded_on\nNord,2025-01-01\n"}
    (text,) = [text for code, text in warned(workspace(parts | clients)) if code == "parted-list"]
    assert text.endswith('path = "exports/pcs.csv"\nas_of = 2026-01-28')


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "lists",
    [
        [("2026-01-31", "a|b"), ("2026-02-28", "c|d")],
        [("2026-01-07", "a|b"), ("2026-01-14", "b|c"), ("2026-01-21", "c|d"), ("2026-01-28", "d|e")],
        [("2026-01-30", "|"), ("2026-01-31", "a")],
    ],
)
def test_usual_snapshots_are_no_parts_of_a_list(workspace, lists):
    assert parted(workspace, *lists).empty


def cut(workspace, *lists):
    """What is said of lists, each a name, its months of 2026 and its devices."""
    rows = {(name, m): "".join(f"Nord,{d}\n" for d in devices) for name, months, devices in lists for m in months}
    files = {f"{name}-2026-{m:02d}-28.csv": f"client,device_id\n{text}" for (name, m), text in rows.items()}
    return [text for code, text in warned(workspace(files)) if code == "cut-list"]


def test_a_list_that_ends_or_begins_within_the_others_is_named(workspace):
    (end,) = cut(workspace, ("pcs", range(1, 8), "abcd"), ("servers", range(1, 4), "st"))
    assert (
        end.startswith("the list of exports/servers-2026-03-28.csv ends there")
        and "its endpoints (2: Nord)" in end
    )
    assert "not counted from 2026-06. Export the later ones" in end


def test_a_list_that_begins_within_the_others_is_named(workspace):
    (begin,) = cut(workspace, ("pcs", range(1, 8), "abcd"), ("servers", range(3, 8), "st"))
    assert "exports/servers-2026-03-28.csv begins there" in begin and "up to 2026-02. Export the earlier" in begin


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "lists",
    [
        [("pcs", range(1, 8), "abcd"), ("servers", range(1, 6), "st")],
        [("old", range(1, 5), "abcd"), ("new", range(4, 9), "abcd")],
        [("old", range(1, 5), "abcd"), ("new", range(5, 9), "ef")],
        [("pcs", range(1, 8), "abcd"), ("servers", (1, 2, 6, 7), "st")],
    ],
    ids=["carried to the end", "replaced with a month of both", "renamed", "a gap, which has no number"],
)
def test_lists_that_are_carried_replaced_or_renamed_are_not_cut(workspace, lists):
    assert not cut(workspace, *lists)


def test_a_client_without_endpoints_of_a_kind_that_counts_is_named(workspace):
    rows = "Nord,p1,Printer\nNord,s1,Switch\nSued,pc1,Laptop\n"
    files = {
        "pcs-2026-01-31.csv": f"client,device_id,kind\n{rows}",
        "t.csv": "client,worked_on,hours\nNord,2026-01-05,1\n",
    }
    found = rhem.load(workspace(files)).account.warnings
    assert found.loc[found["code"] == "no-endpoints", "text"].tolist() == [
        "Nord has endpoints, but none of a kind that counts (workstation and server), so it has no RHEM."
    ]


def test_clients_without_hours_endpoints_or_both_are_listed(workspace):
    files = {
        "time.csv": TIME + "1,,Nord,2026-01-05,1\n2,,Ost,2026-01-05,1\n",
        "pcs-2026-01-31.csv": "client,device_id\nNord,pc1\nSued,pc2\n,pc3\n",
        "clients.csv": "client,onboarded_on\nNord,2026-01-01\nOst,2026-01-01\nSued,2026-01-01\nWest,2026-01-01\n",
    }
    work = rhem.load(workspace(files))
    found = work.account.warnings.set_index("client")["code"]
    assert found[["Ost", "Sued", "West"]].to_dict() == {
        "Ost": "no-endpoints",
        "Sued": "no-hours",
        "West": "no-data",
    }
    assert work.quarantine[["table", "reason"]].values.tolist() == [["endpoints", "no-client"]]


GROUP = {"id": 1, "name": "Nord Group"}
COMPANIES = [
    {"id": 1, "identifier": "NORD", "name": "Nord Group", "deletedFlag": False, "parentCompany": None},
    {"id": 2, "identifier": "NE", "name": "Nord East", "deletedFlag": False, "parentCompany": GROUP},
    {"id": 3, "identifier": "NW", "name": "Nord West", "deletedFlag": False, "parentCompany": GROUP},
    {"id": 4, "identifier": "X", "name": "Nobody", "deletedFlag": False, "parentCompany": GROUP},
]


@pytest.mark.many_cases
@pytest.mark.parametrize("system", ["connectwise", "autotask"])
def test_child_accounts_are_suggested_as_aliases_and_never_joined_unasked(workspace, system):
    parents = {c["id"]: (c["parentCompany"] or {}).get("id") for c in COMPANIES}
    autotask = [{"id": c["id"], "companyName": c["name"], "parentCompanyID": parents[c["id"]]} for c in COMPANIES]
    rows = "1,,Nord Group,2026-01-05,1\n2,,Nord East,2026-01-05,2\n3,,Nord West,2026-01-05,4\n"
    companies = COMPANIES if system == "connectwise" else {"items": autotask}
    folder = workspace({"time.csv": TIME + rows, "companies.json": json.dumps(companies)})
    work = rhem.load(folder)
    assert work.clients["client"].tolist() == ["Nord East", "Nord Group", "Nord West"]
    text, toml, _ = work.account.suggestions.iloc[-1]
    assert text == (
        "'Nord Group' is the parent account of 'Nord East', 'Nord West'; each is counted as a client of its own. "
        "If they are one client to you, join them."
    )
    (folder / "rhem.toml").write_text('name = "T"\n' + toml)
    joined = rhem.load(folder)
    assert joined.clients["client"].tolist() == ["Nord Group"]
    assert not joined.account.suggestions["text"].str.contains("parent account").any()
    assert joined.account.table.loc["read", "hours"] == 7


def test_every_reason_of_the_package_is_explained():
    profiles = read_profiles().values()
    given = {rule.reason for profile in profiles for table in profile.tables for rule in table.aside}
    sources = [path.read_text() for path in (LIBRARY / "exports").glob("*.py")]
    written = {word for text in sources for word in re.findall(r"""["']+([a-z]+(?:-[a-z]+)+)["']+""", text)}
    given |= {word for word in written if word.startswith(("no-", "un", "imp", "total-", "repeated-", "wrong-"))}
    assert given and given <= set(REASONS)


def test_what_was_set_aside_is_told_in_words_with_places_and_a_line_to_see_it(workspace):
    bad = "".join(f"{n},,Nord,2026-01-05,{h}\n" for n, h in enumerate((48, 36, 99, 30)))
    work = rhem.load(workspace({"time.csv": TIME + "9,,Nord,2026-01-05,1\n" + bad + "5,,Nord,soon,2\n"}))
    assert work.account.set_aside == (
        "impossible-hours: 4 rows of time_entries, 213.00 hours "
        "(more hours than one entry can have, see [limits])\n"
        "    for example time.csv:3 '48', time.csv:4 '36', time.csv:5 '99'\n"
        "    all of them: work.quarantine.query(\"reason == 'impossible-hours' and table == 'time_entries'\")\n"
        "unreadable-date: 1 row of time_entries, 2.00 hours "
        "(not a date, or not in the main format of its column)\n"
        "    for example time.csv:7 'soon'\n"
        "    all of them: work.quarantine.query(\"reason == 'unreadable-date' and table == 'time_entries'\")"
    )
    line = work.account.quarantine["see"][0].removeprefix("work.")
    assert eval(line, {"quarantine": work.quarantine})["value"].tolist() == ["48", "36", "99", "30"]
    assert work.account.balance == "216 hours read = 1 unclassified + 215 quarantined"
    assert "Of the 1.00 hours kept, 0.00 (0.0%) are reactive and 1.00 (100.0%) could not" in work.account.text


def pasted(folder):
    """Load a workspace after all that is suggested about its clients was pasted below its rhem.toml."""
    made = rhem.load(folder).account.suggestions["toml"]
    with (folder / "rhem.toml").open("a") as settings:
        settings.write("\n" + "\n".join(made[made.str.contains("[clients.", regex=False)]))
    return rhem.load(folder)


def test_a_name_of_the_rmm_is_proposed_for_one_client_the_most_like(workspace):
    rows = "1,,Contoso Dental Inc,2026-01-05,1\n2,,Contoso Dental Ltd Bern,2026-01-05,2\n"
    folder = workspace({"time.csv": TIME + rows, "pcs-2026-01-31.csv": "client,device_id\nContoso Dental,pc1\n"})
    wording = rhem.load(folder).account.suggestions
    wording = wording.loc[wording["toml"].str.contains("clients."), "toml"]
    assert wording.str.contains('aliases = ["Contoso Dental"]', regex=False).sum() == len(wording) == 1
    assert len(pasted(folder).clients) == 2


def parents_of(**above):
    """Export of accounts, each with the account above it."""
    ids = {name: number for number, name in enumerate(above, 1)}
    items = [{"id": ids[n], "companyName": n, "parentCompanyID": ids.get(p)} for n, p in above.items()]
    return json.dumps({"items": items})


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "above",
    [
        {"Nord": None, "Contoso": "Nord", "Kappa": "Contoso"},
        {"Nord": "Kappa", "Contoso": "Nord", "Kappa": "Contoso"},
        {"Contoso": None, "Nord": "Contoso", "Kappa": "Contoso"},
    ],
    ids=["chain", "ring", "same section"],
)
def test_all_that_is_suggested_of_clients_can_be_pasted_at_once(workspace, above):
    names = "Contoso", "Nord", "Kappa"
    rows = "".join(f"{i},,{name},2026-01-05,1\n" for i, name in enumerate(names))
    files = {"time.csv": TIME + rows, "companies.json": parents_of(**above),
             "pcs-2026-01-31.csv": "client,device_id\nContoso Ltd,pc1\n"}  # fmt: skip
    work = pasted(workspace(files))
    assert len(work.clients) == 1
    assert work.account.table.loc["read", "hours"] == 3


def test_a_section_that_is_there_already_is_told_what_to_hold(workspace):
    rows = "1,,Nord,2026-01-05,1\n2,,Contoso,2026-01-05,1\n"
    files = {"time.csv": TIME + rows, "companies.json": parents_of(Nord=None, Contoso="Nord")}
    folder = workspace(files, 'name = "T"\n[clients.Nord]\naliases = ["North"]\n')
    toml = rhem.load(folder).account.suggestions["toml"].iloc[-1]
    assert toml == (
        '# [clients."Nord"] is there already; all in one section:\n'
        '# [clients."Nord"]\n# aliases = ["North", "Contoso"]'
    )
    assert len(pasted(folder).clients) == 2, "a comment changes nothing"


@pytest.mark.many_cases
@pytest.mark.parametrize("value", ["ΤΕΧΝΙΚΟΣ", "ΟΔΟΣ ΑΕΒΕΣ", "İade", "*Triage*", 'tab\there \x0b "x" \\'])
def test_a_suggested_rule_places_its_hours_whatever_signs_are_in_it(workspace, value):
    others = "2,1,Nord,2026-01-05,5,Old Triage board\n3,2,Nord,2026-01-05,7,Triage\n"
    quoted = '"' + value.replace('"', '""') + '"'
    tickets = "ticket_id,type,category\n1,incident,Email\n2,,Quote\n3,,Odd\n"
    header = "entry_id,ticket_id,client,worked_on,hours,work_type\n"
    text = f"{header}1,3,Nord,2026-01-05,3,{quoted}\n{others}"
    folder = workspace({"time.csv": text, "tickets.csv": tickets})
    before = rhem.load(folder).account
    assert (before.table.loc["unclassified", "hours"], before.table.loc["reactive", "hours"]) == (10, 5)
    own = before.suggestions[before.suggestions["hours"] == 3].iloc[0]
    assert (value.replace("\x0b", "") in own["text"]) != ("*" in value), (
        "a wildcard that meets others is not suggested"
    )
    assert ("Odd" in own["text"]) == ("*" in value)
    (folder / "rhem.toml").write_text('name = "T"\n' + own["toml"].replace('""', '"project"'))
    after = rhem.load(folder).account.table["hours"]
    assert (after["project"], after["unclassified"], after["reactive"]) == (3, 7, 5)


@pytest.mark.many_cases
@pytest.mark.parametrize("name", ["ΤΕΧΝΙΚΟΣ", "ΟΔΟΣ ΑΕΒΕΣ", "İade Ltd"])
def test_the_own_company_is_known_in_every_script(workspace, name):
    files = {"time.csv": TIME + f"1,,{name},2026-01-05,3\n"}
    account = rhem.load(workspace(files, f'name = "T"\nown_company = ["{name}"]\n')).account
    assert account.table.loc["internal", "hours"] == 3


def test_hours_on_tickets_set_aside_are_told_from_those_on_tickets_not_exported(workspace):
    entry = "{0},A,{0},2026-01-05T15:00:00Z,,{0},ann\n"
    time = "id,company.name,ticket.id,timeStart,timeEnd,actualHours,member.identifier\n"
    tickets = (
        "id,company.name,board.name,type.name,_info.dateEntered,mergedParentTicket.id\n"
        "1,A,Help,Incident,2025-11-01T00:00:00Z,\n2,A,Help,Incident,2025-11-01T00:00:00Z,1\n"
    )
    folder = workspace({"time.csv": time + "".join(map(entry.format, (1, 2, 4))), "tickets.csv": tickets})
    assert [text for code, text in warned(folder) if code == "no-ticket"] == [
        "4.0 hours are on tickets that the ticket export does not hold.",
        "2.0 hours are on tickets that were set aside (merged-ticket), so their type is unknown.",
    ]


def test_settings_that_no_file_needs_are_named(workspace):
    settings = """
        name = "T"
        own_company = ["Acme"]
        [[systems]]
        separate = ["generic", "genric"]
        [[rules]]
        when = { work_type = "Remote" }
        work_class = "reactive"
        [[rules]]
        when = { board = "Nope*" }
        work_class = "internal"
        [clients.Nord]
        aliases = ["Nordd", "nord ltd"]
        [clients.Foo]
        goals = []
    """
    text = "client,worked_on,hours,work_type\nNord Ltd,2026-05-04,1,Remote\n"
    wording = [row for row in warned(workspace({"t.csv": text}, settings)) if row[0].startswith("idle")]
    assert wording == [
        (
            "idle-rule",
            'rule 2 of rhem.toml (board = "Nope*") places no entry: nothing matches, or a rule above it.',
        ),
        ("idle-alias", "no file has 'Nordd', named as aliases of 'Nord'."),
        ("idle-client", "'Foo' has settings, but no file names it."),
        ("idle-client", "'Acme' is in own_company of rhem.toml, but no file names it."),
        ("idle-system", "'genric' is in [[systems]] of rhem.toml, but no file is of that profile."),
    ]


def test_clients_without_an_onboarding_date_are_one_warning(workspace):
    text = "client,worked_on,hours\n" + "".join(f"C{n},2026-05-04,1\n" for n in range(9))
    found = (
        rhem.load(workspace({"t.csv": text})).account.warnings.query("code == 'onboarding-date'")["text"].tolist()
    )
    assert found == ["9 clients (C0, C1, C2, 6 more): onboarding date unknown, so their age is unknown."]


NEW = 'name = "T"\n[[rules]]\nwhen = {{ work_type = "{0}" }}\nwork_class = "reactive"\n'


def monthly(*labels):
    """A file of twelve entries for each month, all of one work type but two."""
    head, row = "entry_id,client,worked_on,hours,work_type\n", "{0}-{1},Nord,2026-{0:02d}-{1:02d},1,{2}\n"
    return {f"time-2026-{month:02d}.csv": head + "".join(row.format(month, n, label if n < 11 else "Visit")
            for n in range(1, 13)) for month, label in enumerate(labels, 1)}  # fmt: skip


def lists(*kinds):
    """A list of ten laptops and two devices of one more kind for each month."""
    return {f"pcs-2026-{month:02d}-28.csv": "client,device_id,kind\n" + "".join(
            f"Nord,D{n},{'Laptop' if n < 10 else kind}\n" for n in range(12))
            for month, kind in enumerate(kinds, 1)}  # fmt: skip


def test_a_kind_of_device_that_begins_in_the_newest_list_is_named(workspace):
    found = warned(workspace(lists("Laptop", "Laptop", "Laptop", "Portable")))
    assert [text for code, text in found if code == "new-value"] == [
        "the kind of device 'Portable' begins in exports/pcs-2026-04-28.csv and has 17% of the rows since. Its "
        "profile does not name it, so it does not count: name it there under [tables.values.kind] if it should."
    ]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    "kinds",
    [["Laptop"] * 3 + ["Server"], ["Laptop", "Printer"] * 2, ["Laptop", "Tablet"], ["Laptop"] * 4],
    ids=["named in the profile", "seen early", "too few lists", "none new"],
)
def test_kinds_of_device_that_are_known_or_never_compared_are_not_named_as_new(workspace, kinds):
    assert "new-value" not in {code for code, _ in warned(workspace(lists(*kinds)))}


def test_a_value_that_begins_in_the_newest_file_is_named(workspace):
    found = warned(workspace(monthly("A", "A", "A", "B"), NEW.format("*")))
    assert [text for code, text in found if code == "new-value"] == [
        "work_type 'B' begins in 2026-04 (exports/time-2026-04.csv) and has 83% of the hours since; 'A' ends "
        "before it. It counts as reactive: a rule that names it confirms or mends that."
    ]


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("labels", "rule"),
    [("AAAA", "*"), ("ABAA", "*"), ("AB", "*"), ("AAAB", "b"), (["", "", "", "B"], "*")],
    ids=["none new", "seen early", "too few months", "named in a rule", "column was empty"],
)
def test_values_that_are_known_or_never_compared_are_not_named_as_new(workspace, labels, rule):
    assert "new-value" not in {code for code, _ in warned(workspace(monthly(*labels), NEW.format(rule)))}


SORTED = 'name = "Test MSP"\n[[rules]]\nwhen = { work_type = "incident" }\nwork_class = "reactive"\n'
DAYS = ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30")


def months_of(**spans):
    """Return entries and lists of computers by name: the months, from 1, with time and with a list."""
    time = "".join(
        f"{c},{day},1,incident\n" for c, (t, _) in spans.items() for n, day in enumerate(DAYS, 1) if n in t
    )
    lists = "".join(f"{c},{day},5\n" for c, (_, k) in spans.items() for n, day in enumerate(DAYS, 1) if n in k)
    return {"time.csv": "client,worked_on,hours,work_type\n" + time, "lists.csv": "client,as_of,count\n" + lists}


def test_a_client_renamed_in_the_psa_is_suggested_as_one(workspace):
    files = months_of(Nord=(range(1, 7), range(1, 7)), Alt=({1, 2, 3}, range(1, 7)), Neu=({4, 5, 6}, ()))
    found = rhem.load(workspace(files, SORTED)).account.suggestions
    assert found["toml"].tolist() == ['[clients."Neu"]\naliases = ["Alt"]']
    assert "its time begins on 2026-04-30, where the other's ends (2026-03-31)" in found["text"].iloc[0]


def test_a_client_renamed_everywhere_is_suggested_by_its_name(workspace):
    old, new = {"Harbor Cafe": ({1, 2, 3}, {1, 2, 3})}, {"Harbour Café Group": ({4, 5, 6}, {4, 5, 6})}
    files = months_of(Nord=(range(1, 7), range(1, 7)), **old, **new)
    found = rhem.load(workspace(files, SORTED)).account.suggestions
    assert found["toml"].tolist() == ['[clients."Harbour Café Group"]\naliases = ["Harbor Cafe"]']


@pytest.mark.many_cases
@pytest.mark.parametrize("lists", [({1, 2, 3}, {4, 5, 6}), ({1, 2, 3}, ()), (range(1, 7), range(1, 7))])
def test_a_client_that_left_as_another_joined_is_not_suggested_as_renamed(workspace, lists):
    """The computers went with it, or each has its own."""
    files = months_of(Nord=(range(1, 7), range(1, 7)), Alt=({1, 2, 3}, lists[0]), Neu=({4, 5, 6}, lists[1]))
    assert rhem.load(workspace(files, SORTED)).account.suggestions.empty


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("time", "lists", "warned"),
    [({1, 2}, {1, 2}, 1), ({1, 2}, range(1, 7), 0), (range(1, 7), {1}, 0), ({5}, {5}, 0)],
)
def test_a_client_that_may_have_left_is_warned_about_until_its_end_is_given(workspace, time, lists, warned):
    files = months_of(Nord=(range(1, 7), range(1, 7)), Ost=(time, lists))
    found = rhem.load(workspace(files, SORTED)).account.warnings.query("code == 'left'")
    assert len(found) == warned and (
        not warned or "Ost has no list of computers after 2026-02-28" in found["text"].iloc[0]
    )
    files["clients.csv"] = "client,onboarded_on,ended_on\nOst,2025-12-01,2026-03-01\n"
    assert "left" not in {*rhem.load(workspace(files, SORTED)).account.warnings["code"]}


def test_the_msp_among_its_clients_is_suggested_as_own_company(workspace):
    files = months_of(**{"Test MSP": ({1}, ()), "Nord": ({1}, {1})})
    found = rhem.load(workspace(files, SORTED)).account.suggestions
    assert found["toml"].tolist() == ['own_company = ["Test MSP"]  # above all sections']
    settled = rhem.load(workspace(files, f"{found['toml'].iloc[0]}\n{SORTED}"))
    assert settled.account.suggestions.empty and settled.clients["client"].tolist() == ["Nord"]


@pytest.mark.parametrize(("psa", "rmm"), [("Sørensen Sons Ltd", "Sorensen Sons"), ("Łódź Optyka", "Lodz Optyka")])
def test_a_name_without_its_accents_in_the_rmm_is_suggested(workspace, psa, rmm):
    found = rhem.load(workspace(months_of(**{psa: ({1}, ()), rmm: ((), {1})}), SORTED)).account.suggestions
    assert found["toml"].tolist() == [f'[clients."{psa}"]\naliases = ["{rmm}"]']
