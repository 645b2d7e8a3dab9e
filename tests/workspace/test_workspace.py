"""Prepared tables: opened, they are the workspace itself; damaged, they are noticed."""

import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.workspace.workspace import ACCOUNT, FRAMES, RELATIONS, is_prepared, save


@pytest.fixture(scope="module")
def prepared(sample_work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    save(sample_work, folder, "key")
    return folder


def test_prepared_tables_are_those_of_the_workspace(sample_work, sample_panel, prepared):
    opened = rhem.load(prepared)
    for name in RELATIONS:
        left, right = getattr(opened, name).df(), getattr(sample_work, name).df()
        pd.testing.assert_frame_equal(left, right, obj=name)
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(opened, name), getattr(sample_work, name), obj=name)
    for name in ACCOUNT:
        pd.testing.assert_frame_equal(getattr(opened.account, name), getattr(sample_work.account, name), obj=name)
    assert opened.account.balanced
    assert (opened.settings, opened.profiles) == (sample_work.settings, sample_work.profiles)
    assert opened.folder.resolve() == sample_work.folder.resolve()
    pd.testing.assert_frame_equal(rhem.measure(opened), sample_panel)
    exact = "work_class, sum(hours::DECIMAL(28, 9))"
    left, right = (work.classified("incidents").aggregate(exact).fetchall() for work in (opened, sample_work))
    assert sorted(left) == sorted(right)


def test_only_whole_tables_of_the_same_key_count_as_prepared(sample_work, tmp_path):
    assert is_prepared(tmp_path, "key") is False
    save(sample_work, tmp_path, "key")
    assert is_prepared(tmp_path, "key") is True
    assert is_prepared(tmp_path, "other") is False
    table = tmp_path / "tickets.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    assert is_prepared(tmp_path, "key") is None
    table.unlink()
    assert is_prepared(tmp_path, "key") is None
    (tmp_path / "prepared.json").write_text('{"key": ')
    assert is_prepared(tmp_path, "key") is None


def test_prepared_tables_inside_a_workspace_are_not_its_figures(sample_work, workspace):
    folder = workspace({"time.csv": "entry_id,client,worked_on,hours\n1,Nord,2026-05-04,1\n"})
    save(sample_work, folder, "key")
    assert list(rhem.load(folder).clients["client"]) == ["Nord"]
