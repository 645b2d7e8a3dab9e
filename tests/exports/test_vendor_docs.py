"""The tables of docs/vendors.md are those of the profiles, and what they explain is what is read."""

import pytest
from conftest import ROOT
from make_vendors import WHY, document, headers

from rhem_lib.exports import read_profiles
from rhem_lib.exports.profiles import normal_header

PROFILES = read_profiles()
KEY_COLUMNS = {"time_entries": ["hours"], "endpoints": ["kind", "device_id", "last_seen"]}


def test_the_tables_are_those_of_the_profiles():
    assert (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8") == document()  # else: make vendors


def test_every_system_is_explained_and_no_other():
    assert set(WHY) == set(PROFILES)


@pytest.mark.parametrize("name", WHY)
def test_what_is_explained_is_read_and_what_is_not_read_is_not(name):
    read = {header for table in PROFILES[name].tables for header in headers(table)}
    assert WHY[name]["source"] and set(WHY[name]["fields"]) <= read
    normal = {normal_header(header) for header in read}
    assert not {field for field in WHY[name].get("not_read", {}) if normal_header(field) in normal}


@pytest.mark.parametrize(
    ("name", "number"),
    [(p.name, i) for p in PROFILES.values() for i, t in enumerate(p.tables) if t.table in KEY_COLUMNS],
)
def test_every_table_of_hours_or_devices_says_why_its_fields_are_read_so(name, number):
    table = PROFILES[name].tables[number]
    fields = {header for column in KEY_COLUMNS[table.table] for header in table.headers(column)}
    fields |= {rule.header for rule in table.aside}
    assert fields & set(WHY[name]["fields"])
