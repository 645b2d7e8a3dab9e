"""Pulls against vendors on loopback: whole, resumed, paced, and equal to the same facts as files."""

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import stamina
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

import rhem_lib as rhem
from pull.facts import CLIENTS, ENCODE, SETTINGS, entries, stamp
from pull.fakes import BASES, SECRET, SECRETS, Fake, FakeClock, Row, answer, cut, status
from rhem_lib.cli import app
from rhem_lib.errors import OutputError, ParameterError, SettingsError
from rhem_lib.exports import read_profiles
from rhem_lib.exports.duplicates import file_ages
from rhem_lib.exports.workbooks import sheets
from rhem_lib.pull import client, earlier_pulls, pull_sources
from rhem_lib.pull.pull import _jobs
from rhem_lib.settings import read_settings
from rhem_lib.storage import alone
from rhem_lib.workspace import Workspace

PSA = ["connectwise", "autotask", "halopsa", "syncro", "kaseya-bms"]
RMM = ["ninjaone", "datto-rmm", "automate"]
UNIT = '[[files]]\npath = "exports/{0}"\nhours_unit = "hours"\n'


@pytest.fixture(autouse=True)
def _at_once():
    stamina.set_testing(True, attempts=8)
    yield
    stamina.set_testing(False)


@pytest.fixture(scope="module")
def vendor_server():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def msp(vendor_server, tmp_path, monkeypatch, clock):
    """Function that makes a workspace with live sources; returns its folder and the fake of the last."""

    def make(*systems, **given):
        vendor_server.clear()
        text, folder = SETTINGS, tmp_path / "msp"
        for system in systems:
            fake = Fake(system, ENCODE[system](entries()), clock, **given).serve(vendor_server)
            for name in SECRETS[system]:
                monkeypatch.setenv(f"{system}_{name}".upper().replace("-", "_"), SECRET)
            text += f'[[sources]]\nsystem = "{system}"\nurl = "{fake.url}"\nfirst = 2026-07-01\n'
            text += UNIT.format(system) * (system == "kaseya-bms")
        folder.mkdir(exist_ok=True)
        (folder / "rhem.toml").write_text(text)
        return folder, fake

    return make


def hours_of(work):
    """Hours by number of the entry, its client and class; the account must balance."""
    work = work if isinstance(work, Workspace) else rhem.load(work)
    assert work.account.balanced
    found = work.time_entries.df()
    return {(row.entry_id.split("-")[-1], row.client, row.work_class): row.hours for row in found.itertuples()}


def known(facts):
    return {(str(n), CLIENTS[c], "reactive"): pytest.approx(h) for n, _, c, _, h in facts}


def stored(folder, system, name):
    """Records of a list in all its pages that are exports now."""
    found = []
    for page in (folder / "exports" / system).glob(f"*/{name}-*.json"):
        body = json.loads(page.read_bytes())
        found += body if isinstance(body, list) else next(v for v in body.values() if isinstance(v, list))
    return found


def test_every_interface_has_a_fake_in_its_shape():
    live = {name: profile.api for name, profile in read_profiles().items() if profile.api}
    assert {name: api.secrets for name, api in live.items()} == SECRETS and live.keys() == BASES.keys()


@pytest.mark.many_cases
@pytest.mark.parametrize("system", PSA)
def test_a_pull_gives_the_hours_of_the_same_facts_as_files(msp, clock, tmp_path, system):
    folder, _ = msp(system, cap=40)
    pulled = pull_sources(folder, clock=clock)
    assert not pulled.failed and (pulled.table["proof"] != "").all()
    files = tmp_path / "files"
    (files / "exports").mkdir(parents=True)
    settings = SETTINGS
    for number, (path, rows) in enumerate(ENCODE[system](entries()).items()):
        devices = path in ("company/configurations", "ConfigurationItems", "Asset", "customer_assets")
        name = f"exports/list{number}{'-2026-10-15' * devices}.json"
        if rows:
            (files / name).write_text(json.dumps([one.record for one in rows]))
        settings += f'[[files]]\npath = "{name}"\nhours_unit = "hours"\n' * (path == "timelogs")
    (files / "rhem.toml").write_text(settings)
    live, dropped = rhem.load(folder), rhem.load(files)
    assert hours_of(live) == hours_of(dropped) == known(entries())
    for table in ("clients", "agreements"):
        assert getattr(live, table).to_csv() == getattr(dropped, table).to_csv()
    assert sorted(live.endpoints.df()["device_id"]) == sorted(dropped.endpoints.df()["device_id"])
    assert len(live.endpoints.df()) == (0 if system == "kaseya-bms" else 30)


@pytest.mark.many_cases
@pytest.mark.parametrize("system", RMM)
def test_a_list_of_devices_is_a_dated_snapshot(msp, clock, system):
    folder, fake = msp(system, cap=7)
    assert (
        "the first list of its devices, and earlier months have no RHEM" in pull_sources(folder, clock=clock).text
    )
    (folder / "exports" / "time.csv").write_text("client,worked_on,hours\nNord Dental,2026-10-01,1\n")
    found = rhem.load(folder).endpoints.df()
    assert len(found) == 30 and set(found["client"]) == set(CLIENTS)
    assert set(found["as_of"].astype(str)) == {"2026-10-15"}
    pull_sources(folder, clock=clock)  # the same day once more takes the place of the first
    assert len(stored(folder, system, "endpoints-*")) == 30
    clock.sleep(70 * 86400)
    fake.expire()
    later = pull_sources(folder, clock=clock, only="endpoints")
    assert later.missing == [(system, "2026-11")] and "No later pull can give it" in later.text
    assert len(stored(folder, system, "endpoints-*")) == 60


def test_of_daily_lists_of_devices_one_a_week_and_month_stays(msp, clock):
    folder, _ = msp("datto-rmm")
    for _ in range(24):  # from Thursday 15 October to Saturday 7 November
        pull_sources(folder, clock=clock)
        clock.sleep(86400)
    days = sorted(path.name[18:28] for path in (folder / "exports").rglob("endpoints-*.json"))
    assert days == ["2026-10-18", "2026-10-25", "2026-10-31", "2026-11-01", "2026-11-07"]


def test_a_copy_of_the_devices_is_left_out_where_an_rmm_gives_them(msp, clock):
    folder, _ = msp("connectwise", "ninjaone")
    jobs = _jobs(read_settings(folder), read_profiles(folder), "")
    lists = {job[0].system: [one.name for one in job[3]] for job in jobs}
    assert "endpoints-configurations" not in lists["connectwise"] and "endpoints-devices" in lists["ninjaone"]


@pytest.mark.many_cases
@pytest.mark.parametrize("system", PSA)
def test_a_second_pull_reads_what_changed_and_the_last_state_counts(msp, clock, system):
    folder, fake = msp(system, cap=40)
    pull_sources(folder, clock=clock)
    first, before = len(fake.asked), len(stored(folder, system, "time_entries-*"))
    clock.sleep(2 * 86400)
    facts = entries(246)
    facts[230] = (*facts[230][:4], 7.5)  # a record changed in between
    rows = next(iter(ENCODE[system](facts).values()))
    for one in (rows[230], *rows[240:]):
        one.changed = stamp(clock.now())
        for name in ("_info", "lastModifiedDateTime", "updated_at", "ModifiedOn"):
            if name in one.record:
                one.record[name] = {"lastUpdated": one.changed} if name == "_info" else one.changed
    path = next(iter(fake.lists))
    fake.lists[path][230] = rows[230]
    fake.lists[path] += rows[240:]
    newest = next(rows for name, rows in ENCODE[system](facts).items() if name.lower().endswith("tickets"))[80:]
    for one in newest:
        one.changed = stamp(clock.now())
    fake.lists[next(name for name in fake.lists if name.lower().endswith("tickets"))] += newest
    assert not pull_sources(folder, clock=clock).failed
    assert hours_of(folder) == known(facts)
    again = len(stored(folder, system, "time_entries-*")) - before
    assert again == (7 if system in ("connectwise", "autotask") else 6)  # months that are read again are replaced
    assert len(fake.asked) - first < first


def test_time_deleted_in_the_last_months_goes_where_edits_are_invisible(msp, clock):
    folder, fake = msp("syncro")
    pull_sources(folder, clock=clock)
    fake.lists["ticket_timers"][235].gone = True
    clock.sleep(86400)
    pull_sources(folder, clock=clock)
    assert ("236", CLIENTS[78 % 3], "reactive") not in hours_of(folder) and len(hours_of(folder)) == 239


def test_a_full_pull_takes_the_place_of_what_is_stored(msp, clock):
    folder, fake = msp("connectwise")
    pull_sources(folder, clock=clock)
    clock.sleep(86400)
    pull_sources(folder, clock=clock)
    fake.lists["time/entries"][3].gone = True
    pull_sources(folder, clock=clock, full=True)
    assert len(hours_of(folder)) == len(stored(folder, "connectwise", "time_entries-*")) == 239


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("system", "path"),
    [
        ("connectwise", "time/entries"),
        ("halopsa", "Actions"),
        ("syncro", "ticket_timers"),
        ("datto-rmm", "account/devices"),
    ],
)
def test_pages_that_shift_while_they_are_read_are_read_again(msp, clock, system, path):
    """A record goes and another comes while the second page is asked for: their number is the same."""
    folder, fake = msp(system, cap=10)
    rows = fake.lists[path]
    key = "uid" if system == "datto-rmm" else "id"
    late = Row({**rows[-1].record, key: 900}, rows[-1].changed, rows[-1].created)

    def shift(asked, times):
        if asked == path and late not in rows and times == (4 if system == "connectwise" else 3):
            rows[0].gone = True
            rows.append(late)

    fake.on_page = shift
    assert not pull_sources(folder, clock=clock).failed
    found = [one[key] for one in stored(folder, system, "endpoints-*" if key == "uid" else "time_entries-*")]
    there = [one.record[key] for one in rows if not one.gone]
    assert set(there) <= set(found) and len(found) == len(set(found)) and 900 in found


def test_records_that_the_system_counts_and_does_not_give_fail_the_pull(msp, clock):
    folder, fake = msp("halopsa")
    fake.faults.extend([None, *[lambda f, r: answer({"record_count": 300, "actions": []})] * 9])
    failed = pull_sources(folder, clock=clock).failed["halopsa"]
    assert "HaloPSA, Actions: its 5 passes do not agree: 0 records came in the last and 300 are counted" in failed
    assert not (folder / "exports").exists()


def test_a_system_that_ignores_the_page_is_named(msp, clock):
    folder, fake = msp("automate")
    fake.faults.extend([None, *[lambda f, r: answer([{"Id": 1}])] * 3])
    assert "the same page again and again" in pull_sources(folder, clock=clock).failed["automate"]


@pytest.mark.many_cases
@pytest.mark.parametrize("system", [*PSA, *RMM])
def test_throttling_faults_and_expired_tokens_change_nothing(msp, clock, system, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", client.httpx2.Timeout(0.3))
    folder, fake = msp(system, cap=7 if system in RMM else 40)

    def slow(fake, request):
        time.sleep(0.5)
        return status(500)(fake, request)

    def expired(fake, request):
        fake.expire()

    fake.faults.extend(
        [None, status(429, Retry_After="7"), None, cut, status(500), None, slow, expired, status(503)]
    )
    pulled = pull_sources(folder, clock=clock)
    assert not pulled.failed and clock.slept[0] == pytest.approx(7)
    if system in PSA:
        assert hours_of(folder) == known(entries())
    assert fake.signed_in == (2 if read_profiles()[system].api.sign_in else 0)


@pytest.mark.parametrize(
    ("system", "fault", "wording"),
    [
        (
            "datto-rmm",
            status(403),
            "it refuses (status 403). The API user may not read it; some systems also block",
        ),
        (
            "connectwise",
            status(401),
            "The secrets are wrong or have run out: look at env:CONNECTWISE_COMPANY, env:",
        ),
        ("syncro", status(404), "it answers with status 404: nothing for you Correct the url"),
        ("halopsa", status(302, Location="http://evil.example/"), "it answers with status 302"),
        ("ninjaone", status(429, Retry_After="86400"), "it asks to wait 1 day, 0:00:00"),
        (
            "autotask",
            lambda f, r: answer({"url": "http://evil.example/"}),
            "an address of another owner, evil.example",
        ),
    ],
)
def test_a_refusal_stops_the_source_at_once(msp, clock, system, fault, wording):
    folder, fake = msp(system)
    fake.faults.append(fault)
    pulled = pull_sources(folder, clock=clock)
    assert wording in pulled.failed[system] and len(fake.asked) == 1
    assert f"{system} failed: " in pulled.text and not (folder / "exports").exists()


def test_an_error_inside_a_200_is_an_error(msp, clock):
    folder, fake = msp("kaseya-bms")
    fail = answer({"Success": False, "Error": {"Message": f"limit of {SECRET} reached"}})
    fake.faults.extend([None, None, *[lambda f, r: fail] * 8])
    assert "attempts: an error: limit of *** reached" in pull_sources(folder, clock=clock).failed["kaseya-bms"]
    fake.faults.clear()
    assert not pull_sources(folder, clock=clock).failed
    assert hours_of(folder) == known(entries())


def test_a_next_page_on_another_host_gets_no_secrets(msp, clock):
    folder, fake = msp("connectwise")
    fake.faults.extend([None, lambda f, r: answer([{"id": 1}], Link='<http://evil.example/x>; rel="next"')])
    assert (
        "its next page is on another host, evil.example" in pull_sources(folder, clock=clock).failed["connectwise"]
    )


def test_a_clock_that_is_far_off_stops_the_pull(msp):
    folder, fake = msp("ninjaone")
    fake.dated = False  # the server's own date counts
    assert (
        "48 hours apart"
        in pull_sources(folder, clock=FakeClock(datetime.now(UTC) + timedelta(days=2))).failed["ninjaone"]
    )


def test_requests_stay_within_the_share_of_the_limit(msp, clock):
    folder, fake = msp("syncro", cap=3)
    pulled = pull_sources(folder, clock=clock)
    times = [at for at, _, _ in fake.asked]
    most = max(sum(start <= at < start + 60 for at in times) for start in times)
    assert len(times) > 120 and most == 45  # a quarter of 180 a minute
    assert pulled.requests.loc[0, "requests"] == len(times)
    assert f"{len(times):,} requests" in pulled.text


@pytest.mark.many_cases
@pytest.mark.parametrize("system", ["connectwise", "halopsa"])
def test_a_pull_that_failed_in_the_middle_goes_on_there(msp, clock, system):
    folder, fake = msp(system, cap=20)
    fake.faults.extend([None] * 8 + [status(403)])
    assert pull_sources(folder, clock=clock).failed and not (folder / "exports").exists()
    pulled = pull_sources(folder, clock=clock)
    assert not pulled.failed and pulled.requests.loc[0, "resumed"]
    assert hours_of(folder) == known(entries())
    both = len(fake.asked)
    pull_sources(folder, clock=clock, full=True)
    assert both <= len(fake.asked) - both + 4  # what was read is not read again
    assert not list((folder / ".pull").glob("*/*"))


def test_a_list_that_is_empty_all_at_once_is_not_believed(msp, clock):
    folder, fake = msp("datto-rmm")
    pull_sources(folder, clock=clock)
    fake.lists["account/devices"] = []
    clock.sleep(40 * 86400)
    assert "it has no records now, and had 30" in pull_sources(folder, clock=clock).failed["datto-rmm"]


def test_of_two_pulls_on_one_day_the_later_is_newer():
    at = "exports/halopsa/2026-10-15T{0}/tickets-tickets-2026-10-14T120000Z-p00001.json".format
    ages = file_ages({at("170000"): 5, at("080000"): 9, "exports/tickets-2026-10-14.json": 9}).to_pydict()["age"]
    assert ages == [2, 1, 0]


def test_pages_of_one_list_have_one_header_whatever_is_null_in_them(tmp_path):
    pages = [
        [{"id": 1, "ticket": None, "note": None}, {"id": 2, "ticket": {"id": 7, "name": "x"}, "note": "y"}],
        [{"note": None, "ticket": {"name": "x", "id": 8}, "id": 3}],
    ]
    headers = []
    for page in pages:
        (tmp_path / "page.json").write_text(json.dumps(page))
        label = "exports/connectwise/2026-10-15T120000/time_entries-time-all-p00001.json"
        headers += [header for _, header, _ in sheets(tmp_path / "page.json", label, lambda _: False, {})]
    assert headers == [["id", "note", "ticket.id", "ticket.name"]] * 2


def test_what_is_stored_is_what_was_received_and_no_free_text(msp, clock):
    folder, fake = msp("connectwise")
    pull_sources(folder, clock=clock)
    assert {one["id"] for one in stored(folder, "connectwise", "time_entries-*")} == {*range(1, 241)}
    assert not any("notes" in one for one in stored(folder, "connectwise", "time_entries-*"))
    record = next(iter(earlier_pulls(folder / "exports" / "connectwise").values()))
    assert record["requests"] == len(fake.asked)
    assert [read["records"] for read in record["done"] if read["list"] == "names-types"] == [1, 0]


@pytest.mark.many_cases
@pytest.mark.parametrize("system", [*PSA, *RMM])
def test_no_byte_that_is_written_or_shown_holds_a_secret(msp, clock, system, caplog):
    folder, fake = msp(system, cap=40)
    caplog.set_level(0)
    shown = []
    for faults in ([], [status(401)] * 2, [status(500)] * 9, [lambda f, r: answer({"error": SECRET}, 400)]):
        fake.faults.extend(faults)
        pulled = pull_sources(folder, clock=clock)
        shown += [pulled.text, json.dumps(pulled.as_json(), default=str)]
        fake.faults.clear()
    texts = [text.encode() for text in shown]
    texts += [f"{r.getMessage()} {vars(r)}".encode() for r in caplog.records if r.name != "werkzeug"]
    texts += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 10
    for written in (SECRET, quote(SECRET, safe=""), quote_plus(SECRET), json.dumps(SECRET)[1:-1], fake.token):
        assert not [text for text in texts if written.encode() in text], written


ACME = 'system = "syncro"\nurl = "https://acme.example"\n'


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("", "no system to pull from is named. Add to rhem.toml:\n[[sources]]\nsystem = "),
        ('system = "conectwise"', "cannot be pulled from. Did you mean 'connectwise'"),
        ('system = "connectwise"', 'its address is missing. Add: url = "https://api-na.myconnectwise.net'),
        ('system = "syncro"\nurl = "http://acme.example"', "an address starts with https://"),
        ('system = "syncro"\nurl = "https://ann:pw@acme.example"', "an address holds no secrets"),
        (f'{ACME}secrets = {{ api_key = "hunter2" }}', "write where the secret is"),
        (f'{ACME}secrets = {{ key = "env:X" }}', "Syncro needs api_key"),
        (ACME, "this secret is not there. Set it before the command: export SYNCRO_API_KEY="),
        ('system = "kaseya-bms"\n[[sources]]\nsystem = "kaseya-bms"', "this system is there twice"),
        (f"{ACME}share = 2", "sources.0.share"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(tmp_path, monkeypatch, text, wording):
    for name in SECRETS["kaseya-bms"]:
        monkeypatch.setenv(f"KASEYA_BMS_{name}".upper(), "x")
    (tmp_path / "rhem.toml").write_text(SETTINGS + (f"[[sources]]\n{text}\n" if text else ""))
    with pytest.raises(SettingsError) as raised:
        pull_sources(tmp_path)
    assert wording in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["rhem.toml"]


def test_the_command_says_what_it_did_and_exits_with_what_failed(msp):
    folder, fake = msp("ninjaone")
    fake.clock.time = datetime.now(UTC)
    run = CliRunner()
    done = run.invoke(app, ["pull", str(folder)])
    assert (
        done.exit_code == 0 and "endpoints-devices 30, names-organizations 3. All of it is proven" in done.output
    )
    assert "Reading ninjaone endpoints-devices" in done.output
    assert run.invoke(app, ["pull", str(folder), "-q"]).output == ""
    quiet = run.invoke(app, ["pull", str(folder), "--json", "-q", "--only", "endpoints"])
    assert json.loads(quiet.output)["requests"][0]["limit"] == 60
    fake.faults.append(status(403))
    assert run.invoke(app, ["pull", str(folder)]).exit_code == 1
    with pytest.raises(ParameterError, match="Did you mean 'endpoints'"):
        pull_sources(folder, only="endpoint")
    with pytest.raises(ParameterError, match=r"no system of rhem\.toml gives tickets"):
        pull_sources(folder, only="tickets")


def test_two_pulls_of_one_workspace_do_not_run_together(msp, clock):
    folder, _ = msp("ninjaone")
    with alone(folder / ".pull"), pytest.raises(OutputError, match="another pull of this workspace is running"):
        pull_sources(folder, clock=clock)


@pytest.mark.many_cases
@pytest.mark.parametrize("moment", ["os.fsync", "os.replace", "os.rename", "Path.unlink"])
def test_a_pull_that_dies_while_it_is_published_is_whole_or_not_there(msp, clock, moment, monkeypatch):
    """In turn at every call of the moment, from the first to the last of a pull that replaces another's pages."""
    folder, _ = msp("connectwise")
    pull_sources(folder, clock=clock)
    place = Path if moment == "Path.unlink" else os
    name, whole = moment.partition(".")[2], sorted(stored(folder, "connectwise", "*"), key=str)
    real, calls = getattr(place, name), itertools.count(1)
    for at in itertools.count(1):
        calls = itertools.count(1)

        def dies(*given, at=at, calls=calls, **more):
            if next(calls) == at:
                raise KeyboardInterrupt
            return real(*given, **more)

        monkeypatch.setattr(place, name, dies)
        try:
            pull_sources(folder, clock=clock, full=True)
            died = False
        except KeyboardInterrupt:
            died = True
        monkeypatch.setattr(place, name, real)
        found = stored(folder, "connectwise", "*")
        assert {str(one) for one in whole} == {str(one) for one in found}
        if not died:
            break
    assert at > 1 and sorted(found, key=str) == whole  # and nothing is there twice


@pytest.mark.slow
@pytest.mark.parametrize("system", ["connectwise", "syncro"])
def test_a_pull_killed_at_ten_moments_is_whole_when_it_is_run_again(msp, system):
    folder, fake = msp(system, cap=5)
    fake.clock = client.Clock()
    text = (folder / "rhem.toml").read_text().replace("first =", "share = 1.0\nfirst =")
    (folder / "rhem.toml").write_text(text)
    command = [sys.executable, "-m", "rhem_lib.cli", "pull", str(folder), "-q"]
    for moment in range(1, 11):
        at = len(fake.asked) + 4 * moment
        pulling = subprocess.Popen(command)
        while len(fake.asked) < at and pulling.poll() is None:
            time.sleep(0.002)
        pulling.send_signal(signal.SIGKILL)
        pulling.wait()
        if (folder / "exports").exists():
            assert hours_of(folder) == known(entries())
    assert subprocess.run(command, check=False).returncode == 0
    assert hours_of(folder) == known(entries())
    keys = [one["id"] for one in stored(folder, system, "time_entries-*")]
    assert len(keys) == len(set(keys)) and not list((folder / ".pull").glob("*/*"))
