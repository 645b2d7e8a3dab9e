"""Canonical tables: dtypes are coerced, and what a table does not allow is named."""

import pandas as pd
import pytest

from rhem_lib import schema
from rhem_lib.errors import InputError

CLIENTS = {
    "client": ["Nord", "Sued"],
    "onboarded_on": ["2026-01-01", None],
    "onboarding_source": ["clients", "unknown"],
    "ended_on": [None, None],
    "industry": [None, "law"],
    "tier": ["A", "B"],
}


def test_coerces_dtypes_and_leaves_other_columns_out():
    checked = schema.check(pd.DataFrame(CLIENTS), "clients")
    assert list(checked) == schema.columns("clients")
    assert checked["onboarded_on"].tolist() == [pd.Timestamp("2026-01-01"), pd.NaT]
    assert [str(kind) for kind in checked.dtypes] == ["str", "datetime64[ns]", "str", "datetime64[ns]", "str"]
    assert checked["industry"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("column", "values", "shown"),
    [
        ("client", ["Nord", "Nord"], "Nord"),
        ("client", ["Nord", None], "client"),
        ("onboarding_source", ["clients", "a guess"], "a guess"),
        ("onboarded_on", ["2026-01-01", "soon"], "soon"),
    ],
)
def test_names_the_column_and_the_value_that_do_not_fit(column, values, shown):
    with pytest.raises(InputError, match=shown):
        schema.check(pd.DataFrame({**CLIENTS, column: values}), "clients")


def test_names_a_missing_column():
    with pytest.raises(InputError, match="industry"):
        schema.check(pd.DataFrame(CLIENTS).drop(columns="industry"), "clients")


def test_refuses_a_negative_count_of_endpoints():
    row = {"client": "Nord", "as_of": "2026-01-31", "device_id": None, "kind": "server", "last_seen": None}
    frame = pd.DataFrame([{**row, "count": -1, "source_file": "a.csv", "source_row": 2}])
    with pytest.raises(InputError, match=r"'count'.*-1"):
        schema.check(frame, "endpoints")
