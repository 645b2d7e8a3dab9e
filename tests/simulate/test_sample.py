"""The sample must be what truth.json says it is, file by file and row by row."""

import csv
import io
import json
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rhem_lib.errors import ParameterError
from rhem_lib.simulate import sample as simulate
from rhem_lib.simulate.msp import BILLING_RATIO, FLOOR_H, HALF_LIFE_MONTHS, LOG_SD, PHI, SHOCK_SD, START_H

TIME = "connectwise-time.zip"
CLASS_OF_BOARD = {
    "Help Desk": "reactive",
    "RMM Alerts": "reactive",
    "Scheduled Maintenance": "scheduled",
    "Projects": "project",
    "Onboarding": "onboarding",
    "Triage": "unclassified",
}


def read_zip(path: Path) -> pd.DataFrame:
    """All CSV files of an archive as text, with file and row (the header is row 1)."""
    frames = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            head, *rows = csv.reader(io.TextIOWrapper(archive.open(name), "utf-8", newline=""))
            frame = pd.DataFrame(rows, columns=head)
            frames.append(frame.assign(file=name, row=np.arange(len(rows)) + 2))
    return pd.concat(frames, ignore_index=True)


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, simulate.write_sample(folder)


@pytest.fixture(scope="module", params=["none", "some", "much"])
def soiled(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("soiled")
    return folder, simulate.write_sample(folder, clients=12, months=14, seed=5, dirt=request.param)


def test_same_seed_same_bytes_and_another_seed_not(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate.write_sample(tmp_path / name, clients=6, months=8, seed=seed, dirt="much")
    a, b, c = (all_bytes(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert all(a[name] != c[name] for name in a)


def test_the_standard_sample_is_small_and_ends_in_june_2026(sample):
    folder, truth = sample
    assert sum(map(len, all_bytes(folder).values())) <= 3_000_000
    assert truth.table["month"].min() == pd.Timestamp("2024-01-01")
    assert truth.table["month"].max() == pd.Timestamp("2026-06-01")
    assert 0.005 < len(truth.damage) / len(read_zip(folder / "exports" / TIME)) < 0.01


def test_the_standard_sample_has_the_clients_it_should(sample):
    _, truth = sample
    clients, age = truth.clients, truth.table.groupby("client")["age_end"].max()
    assert clients["client"].is_unique and len(clients) == 30
    assert (clients["follows"] == "flat").sum() == 2
    assert clients["ended_on"].notna().sum() == 3
    assert clients["switched_on"].notna().sum() in (2, 3)
    assert clients["billing"].value_counts().to_dict() == {"fixed-fee": 16, "hourly": 9, "block-hours": 5}
    before = clients["onboarded_on"] < "2024-01-01"
    assert before.sum() == 10 and clients["onboarded_on"].min() >= pd.Timestamp("2023-07-01")
    assert (age < 2.5).sum() >= 2
    assert truth.table["endpoints"].between(5, 200).all()


def test_truth_totals_stand_in_the_files(soiled):
    folder, truth = soiled
    time = read_zip(folder / "exports" / TIME)
    tickets = read_zip(folder / "exports" / "connectwise-service.zip").set_index("SR_Service_RecID")
    time["hours"] = pd.to_numeric(time["hours_actual"], errors="coerce").fillna(0.0)
    bad = truth.damage.loc[truth.damage["kind"] == "quarantine", ["file", "row"]].assign(bad=True)
    time = time.merge(bad, on=["file", "row"], how="left")
    by_charge = time["Charge_Code"].map({"Internal": "internal", "Vacation": "excluded"})
    by_board = time["SR_Service_RecID"].map(tickets["Board_Name"]).map(CLASS_OF_BOARD)
    kind = by_charge.fillna(by_board).mask(time["company_name"] == "Catchall", "excluded")
    kind = kind.mask(time["bad"].notna(), "quarantined")
    found = time.groupby(kind)["hours"].sum()
    assert kind.notna().all()
    assert time["hours"].sum() == pytest.approx(truth.hours["read"], abs=0.005)
    for name, hours in truth.hours.items():
        if name != "read":
            assert found.get(name, 0.0) == pytest.approx(hours, abs=0.005), name


def test_every_damage_is_at_the_row_it_says_and_nowhere_else(soiled):
    folder, truth = soiled
    time = read_zip(folder / "exports" / TIME)
    data = list(time.columns.drop(["file", "row"]))
    hours = pd.to_numeric(time["hours_actual"], errors="coerce")
    header, total = time["Time_RecID"] == "Time_RecID", time["Time_RecID"] == "Total"
    entry = ~(header | total)
    exact = set(truth.clients["psa_name"]) | {"Northwind IT", "Catchall", "", "Unknown Company"}
    found = {
        "repeated-header": header,
        "total-row": total,
        "duplicate": entry & time.duplicated(data),
        "unreadable-hours": entry & hours.isna(),
        "impossible-hours": entry & (hours >= 25),
        "impossible-date": time["Date_Start"].isin(["1899-12-30", "2099-01-01"]),
        "no-date": entry & (time["Date_Start"] == ""),
        "no-client": entry & (time["company_name"] == ""),
        "catch-all": time["company_name"] == "Catchall",
        "negative-correction": hours < 0,
        "name-variant": entry & ~time["company_name"].isin(exact),
    }
    planted = {reason: rows for reason, rows in truth.damage.groupby("reason")}
    assert set(planted) in (set(), set(found))
    for reason, mask in found.items():
        rows = planted.get(reason, truth.damage.iloc[:0])
        assert set(zip(rows["file"], rows["row"], strict=True)) == set(
            time.loc[mask, ["file", "row"]].itertuples(index=False, name=None)
        ), reason
        there = rows.merge(time.assign(there=hours), on=["file", "row"], how="left")["there"]
        np.testing.assert_array_equal(there.to_numpy(), rows["hours"].to_numpy())


def test_name_variants_are_matched_or_listed_as_aliases(soiled):
    folder, truth = soiled
    settings = tomllib.loads((folder / "rhem.toml").read_text())
    names = {name: [name, *known["aliases"]] for name, known in settings["clients"].items()}
    names |= {name: [name] for name in truth.clients["client"] if name not in names}
    plain = {" ".join(spelt.split()).casefold(): name for name, many in names.items() for spelt in many}
    time = read_zip(folder / "exports" / TIME)
    variant = truth.damage[truth.damage["reason"] == "name-variant"].merge(time, on=["file", "row"])
    assert {" ".join(name.split()).casefold() for name in variant["company_name"]} <= set(plain)
    computers = read_zip(folder / "exports" / "automate-computers.zip")
    assert set(computers["ClientName"].str.casefold().map(plain)) == set(truth.clients["client"])


def test_dirt_does_not_change_the_book(tmp_path):
    clean, dirty = (
        simulate.write_sample(tmp_path / d, clients=5, months=6, seed=8, dirt=d) for d in ("none", "much")
    )
    left = clean.table.drop(columns="unclassified_hours")
    pd.testing.assert_frame_equal(left, dirty.table.drop(columns="unclassified_hours"))
    pd.testing.assert_frame_equal(clean.clients, dirty.clients)
    assert clean.hours["reactive"] == dirty.hours["reactive"]
    assert clean.hours["unclassified"] == 0 and len(clean.damage) == 0
    assert dirty.hours["unclassified"] > 0


def test_computers_that_count_are_the_endpoints_of_the_panel(soiled):
    folder, truth = soiled
    listed = read_zip(folder / "exports" / "automate-computers.zip")
    day = pd.to_datetime(listed["file"].str.extract(r"(\d{4}-\d\d-\d\d)")[0])
    recent = day - pd.to_datetime(listed["RemoteAgentLastContact"]) <= pd.Timedelta(days=30)
    counts = listed["Type"].isin(["Workstation", "Server"]) & recent
    name = truth.clients.set_index("rmm_name")["client"]
    key = {"client": listed["ClientName"].map(name), "month": day.dt.to_period("M").dt.to_timestamp()}
    found = listed.assign(**key)[counts].groupby(["client", "month"]).size()
    known = truth.table.set_index(["client", "month"])["endpoints"].sort_index()
    pd.testing.assert_series_equal(found, known, check_names=False, check_dtype=False)
    assert (~recent).any() and (listed["Type"] == "NetworkDevice").any()


def test_truth_json_holds_the_same_as_the_result(soiled):
    folder, truth = soiled
    kept = json.loads((folder / "truth.json").read_text())
    assert kept["population"] == truth.population and kept["hours"] == truth.hours
    assert len(kept["damage"]) == len(truth.damage) and len(kept["panel"]) == len(truth.table)
    panel_hours = sum(row["reactive_hours"] for row in kept["panel"])
    assert panel_hours == pytest.approx(truth.hours["reactive"], abs=0.005)


@pytest.mark.slow
def test_hours_of_each_age_agree_with_the_true_rates():
    """Sum of hours against its expectation, within 4 standard errors of the compound Poisson with shocks."""
    panel = simulate.portfolio(clients=150, months=30, seed=11).panel
    kappa = np.expm1(SHOCK_SD**2)
    for low, high in ((0, 1), (11, 13), (0, 40)):
        p = panel[(panel["age_start"] >= low) & (panel["age_end"] <= high)]
        expected = p["exposure"] * p["rate_h"]
        # E[shock^1.5] of a log-normal with mean 1 is exp(0.375 sd^2).
        sampling = PHI * p["exposure"] * p["rate_h"] ** 1.5 * np.exp(0.375 * SHOCK_SD**2)
        error = np.sqrt((sampling + kappa * expected**2).sum())
        assert abs(p["reactive_hours"].sum() - expected.sum()) < 4 * error
    first = panel[panel["age_end"] <= 2]
    later = panel[panel["age_start"].between(11, 13)]
    rate = [p["reactive_hours"].sum() / p["exposure"].sum() for p in (first, later)]
    assert rate[1] < 0.5 * rate[0]


@pytest.mark.slow
def test_clients_are_drawn_from_the_population():
    portfolio = simulate.portfolio(clients=400, months=6, seed=2)
    clients, n = portfolio.clients, 400
    assert clients["client"].nunique() == n
    decaying = clients["follows"] != "flat"
    assert abs(np.log(clients["start_h"]).mean() - np.log(START_H)) < 4 * LOG_SD["start"] / np.sqrt(n)
    floor = np.log(clients.loc[decaying, "floor_h"])
    assert abs(floor.mean() - np.log(FLOOR_H)) < 4 * LOG_SD["floor"] / np.sqrt(len(floor))
    flat = 1 - decaying.mean()
    assert portfolio.population["floor_h"] == pytest.approx(np.exp((1 - flat) * np.log(FLOOR_H)))
    for billing, half_life in (("fixed-fee", BILLING_RATIO * HALF_LIFE_MONTHS), ("hourly", HALF_LIFE_MONTHS)):
        found = np.log(clients.loc[decaying & (clients["billing"] == billing), "half_life_months"])
        assert abs(found.mean() - np.log(half_life)) < 4 * LOG_SD["tau"] / np.sqrt(len(found))


def test_agreements_follow_billing(sample):
    folder, truth = sample
    made = read_zip(folder / "exports" / "connectwise-agreements.zip")
    for client in truth.clients.itertuples():
        kinds = made.loc[made["Company_Name"] == client.psa_name, "agr_type_desc"].tolist()
        assert len(kinds) == (1 if pd.isna(client.switched_on) else 2)
        assert (kinds[-1] == "Managed Services - Fixed") == (
            client.billing == "fixed-fee" or pd.notna(client.switched_on)
        )


def test_the_smallest_msp_can_be_written(tmp_path):
    truth = simulate.write_sample(tmp_path, clients=1, months=1, seed=0, dirt="much")
    assert len(truth.table) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"dirt": "lots"}, "none, some, much"),
        ({"clients": 0}, "clients is 0"),
        ({"months": 0}, "months is 0"),
    ],
)
def test_what_cannot_be_made_is_said(tmp_path, wrong, says):
    with pytest.raises(ParameterError, match=says):
        simulate.write_sample(tmp_path / "x", **wrong)
    assert not (tmp_path / "x").exists()
