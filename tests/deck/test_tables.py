"""Any table in a workbook by one call: values as they are, text only ever text."""

import datetime as dt
import zipfile

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

import rhem_lib as rhem


def test_frames_results_and_relations_are_sheets(tmp_path, sample_work, sample_study):
    path = rhem.write_tables(tmp_path / "new" / "mine", panel=sample_study.panel, fit=sample_study.fit,
                             tickets=sample_work.endpoints.limit(5))  # fmt: skip
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == ["panel", "fit", "tickets"]
    head, first, *_ = book.get_sheet_by_name("panel").to_python()
    assert head == [*sample_study.panel] and first[0] == sample_study.panel["client"].iloc[0]
    assert first[1] == sample_study.panel["month"].iloc[0].date() and isinstance(first[1], dt.date)
    assert book.get_sheet_by_name("fit").to_python()[1][0] == "start_h"  # the index comes along
    assert len(book.get_sheet_by_name("tickets").to_python()) == 6


def test_what_no_cell_holds_is_text_and_formulas_do_nothing(tmp_path):
    table = pd.DataFrame({"a": ["=1+1", "\x00b"], "b": [float("inf"), 1.5], "c": [pd.Period("2026Q1"), None]})
    path = rhem.write_tables(tmp_path / "t.xlsx", odd=table)
    rows = CalamineWorkbook.from_path(path).get_sheet_by_name("odd").to_python()
    assert rows[1:] == [["=1+1", "inf", "2026Q1"], ["b", 1.5, ""]]
    assert b"<f>" not in zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")


def test_a_folder_that_cannot_be_made_is_an_error_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(rhem.RhemError, match="cannot be written"):
        rhem.write_tables(tmp_path / "file" / "t.xlsx", a=pd.DataFrame({"a": [1]}))
