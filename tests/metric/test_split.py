"""The panel by any column of clients or entries: parts that add up, and no exposure that counts twice."""

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import ParameterError, SettingsError

TICKETS = "ticket_id,client,opened_at,type,category,Site Name\n"
ROWS = "1,Nord,2026-01-05,incident,Email,Berlin\n2,Nord,2026-01-06,incident,Printing,Kiel\n"
ROWS += "3,Sued,2026-01-07,incident,Email,\n"
TIME = "entry_id,ticket_id,client,worked_on,hours\n"
HOURS = "a,1,Nord,2026-01-05,1.5\nb,2,Nord,2026-01-06,0.5\nc,1,Nord,2026-01-07,1\nd,3,Sued,2026-01-08,2\n"
DEVICES = "client,as_of,count\nNord,2026-01-31,10\nSued,2026-01-31,4\n"
CLIENTS = "client,onboarded_on,ended_on,team\nNord,2025-01-01,,Blue\nSued,2025-01-01,,Red\n"
FILES = {"t.csv": TICKETS + ROWS, "h.csv": TIME + HOURS, "d.csv": DEVICES, "clients.csv": CLIENTS}
KEEP = 'name = "Test MSP"\n[keep]\nsite = ["Site", "Site Name"]\n'


@pytest.fixture
def work(workspace):
    return rhem.load(workspace(FILES, KEEP))


def test_hours_by_site_have_their_clients_alone(work):
    sites = rhem.measure(work, by="site").set_index(["client", "site"])
    assert sites["reactive_hours"].to_dict() == {
        ("Nord", "Berlin"): 2.5, ("Nord", "Kiel"): 0.5, ("Sued", "Not recorded"): 2.0,
    }  # fmt: skip
    assert sites["reactive_tickets"].tolist() == [1, 1, 1]
    assert sites["rhem_h"].tolist() == pytest.approx((sites["reactive_hours"] / sites["exposure"]).tolist())


def test_a_category_that_clients_share_is_divided_by_all_endpoints(work):
    parts = rhem.measure(work, by="category")
    assert len(parts) == 4  # Sued has a row without printing
    panel = rhem.measure(work)
    pooled = rhem.pooled_rhem(parts, by="category").set_index("category")
    assert pooled["exposure"].tolist() == [panel["exposure"].sum()] * 2
    assert pooled["rhem_h"].sum() == pytest.approx(rhem.pooled_rhem(panel))


def test_a_column_of_the_clients_is_put_beside_the_panel(work):
    panel = rhem.measure(work, by="team")
    assert panel["team"].tolist() == ["Blue", "Red"]
    assert rhem.pooled_rhem(panel, by="team")["reactive_hours"].tolist() == [3.0, 2.0]


@pytest.mark.many_cases
@pytest.mark.parametrize("by", ["category", "technician", "type", "board", "work_type", "industry", "billing"])
def test_parts_add_up_to_the_panel_of_the_sample(by, sample_work, sample_panel):
    keys, sums = ["client", "month"], ["reactive_hours", "reactive_tickets", "unclassified_hours", "squared_hours"]
    parts = rhem.measure(sample_work, by=by).groupby(keys)[sums].sum()
    pd.testing.assert_frame_equal(parts, sample_panel.set_index(keys)[sums], check_dtype=False)


def test_another_preset_is_split_as_well(sample_work):
    by_type = rhem.measure(sample_work, preset="incidents", by="type")
    assert by_type["reactive_hours"].sum() == pytest.approx(
        rhem.measure(sample_work, preset="incidents")["reactive_hours"].sum()
    )
    assert by_type.loc[by_type["type"] == "request", "reactive_hours"].sum() == 0


@pytest.mark.many_cases
@pytest.mark.parametrize("by", [None, "month", ["client"]])
def test_a_split_panel_is_not_pooled_without_its_column(by, work):
    with pytest.raises(ParameterError, match="would count several times"):
        rhem.pooled_rhem(rhem.measure(work, by="category"), by=by)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("by", "text"), [("sites", "Did you mean 'site'"), ("hours", "not known"), ("ticket_id", "not known")]
)
def test_names_the_nearest_column(by, text, work):
    with pytest.raises(ParameterError, match=text):
        rhem.measure(work, by=by)


def test_columns_that_are_not_read_are_offered_until_kept(workspace):
    offered = rhem.load(workspace(FILES)).account.suggestions.iloc[-1]
    assert "Site Name" in offered["text"] and offered["toml"] == '[keep]\nsite_name = "Site Name"'
    folder = workspace(FILES, 'name = "Test MSP"\n' + offered["toml"])
    kept = rhem.load(folder)
    assert not kept.account.suggestions["toml"].str.contains("Site Name").any()
    assert "Berlin" in rhem.measure(kept, by="site_name")["site_name"].tolist()


def test_a_column_of_ours_is_not_kept_under_its_name(workspace):
    with pytest.raises(SettingsError, match="'board' is a column already"):
        rhem.load(workspace(FILES, 'name = "Test MSP"\n[keep]\nboard = "Site Name"\n'))


def test_flags_can_be_asked(sample_panel):
    carried = rhem.flagged(sample_panel, "partial-month")
    assert 0 < len(carried) < len(sample_panel)
    assert len(carried) == sample_panel["flags"].str.contains("partial-month").sum()
    with pytest.raises(ParameterError, match="Did you mean 'partial-month'"):
        rhem.flagged(sample_panel, "partial-months")
