"""A study is made once per edition, kept with its tables, and opened from nowhere else."""

import os
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib import studies
from rhem_lib.metric import PatchEffect
from rhem_lib.runs import edition
from rhem_lib.simulate import write_sample
from rhem_lib.studies import FILE, store, study_panel
from rhem_lib.workspace import save

TARGETS = "[targets]\nstart_h = 2.0\ntarget_h = 0.5\nmonths = 18\n"
MARK = "a mark that no fit could make"
MADE = ("fit_decay", "compare_billing")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Six clients and a target of their own."""
    folder = tmp_path_factory.mktemp("study") / "data" / "small"
    write_sample(folder, clients=6, months=14, seed=11)
    settings = folder / "rhem.toml"
    settings.write_text(f"{settings.read_text()}\n{TARGETS}")
    return folder


@pytest.fixture(scope="module")
def kept(small, tmp_path_factory):
    """Study of the small workspace, and the folder where it and its tables are kept."""
    work, folder = rhem.load(small), tmp_path_factory.mktemp("kept")
    made = rhem.study(work)
    store(made, folder)
    save(work, folder, "key")
    return made, folder


def stop(*_, **__):
    raise AssertionError("this is made a second time")


def test_the_target_of_the_workspace_reaches_every_part(kept):
    made, _ = kept
    assert (made.target.start_h, made.target.target_h, made.target.months) == (2.0, 0.5, 18)
    assert made.fit.target == made.comparison.target == made.fit.claim.target == made.target
    assert (made.target.start_h, made.target.target_h, made.target.months) == (2.0, 0.5, 18)


def test_a_study_kept_with_its_tables_is_opened_not_made(kept, monkeypatch):
    made, folder = kept
    for name in (*MADE, "measure", "patch_effect"):
        monkeypatch.setattr(studies, name, stop)
    opened = rhem.study(rhem.load(folder))
    pd.testing.assert_frame_equal(opened.panel, made.panel)
    pd.testing.assert_frame_equal(opened.summary(), made.summary())
    assert opened.text == made.text and opened.target == made.target
    ages = {"age_months": [0, 6, 30]}
    pd.testing.assert_frame_equal(opened.fit.predict(**ages), made.fit.predict(**ages))


def test_tables_changed_by_hand_do_not_get_the_study_kept(kept, monkeypatch):
    work = rhem.load(kept[1])
    changed = replace(work, settings=work.settings.model_copy(update={"endpoint_weights": {"server": 2.0}}))
    made = []
    monkeypatch.setattr(studies, "study_panel", lambda *given: made.append(given))
    rhem.study(changed)
    assert len(made) == 1


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize(
    "content", [pickle.dumps(Harm()), b"", b"\x80\x05 no study"], ids=["harm", "empty", "damaged"]
)
def test_a_file_that_is_no_study_runs_no_code_and_the_study_is_made_again(content, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in kept[1].iterdir():
        (tmp_path / file.name).write_bytes(content if file.name == FILE else file.read_bytes())
    monkeypatch.setattr(studies, "study_panel", lambda *_: "made again")
    assert rhem.study(rhem.load(tmp_path)) == "made again"
    assert not Path("harmed").exists()


@pytest.mark.slow
def test_an_edition_fits_twice_compares_once_and_its_notebooks_take_what_was_made(small, monkeypatch):
    """Kernels are processes of their own: marks in the study that is kept show that they open it."""
    monkeypatch.chdir(small.parents[1])
    counts = Counter()
    for name in MADE:
        function = getattr(studies, name)
        monkeypatch.setattr(studies, name, lambda *a, n=name, f=function, **k: counts.update([n]) or f(*a, **k))

    def marked(work, panel):
        made = study_panel(work, panel)
        patches = PatchEffect(pd.DataFrame(), *(float("nan"),) * 3, made.patches.windows)
        comparison = replace(made.comparison, missing=MARK)
        return replace(made, fit=replace(made.fit, left_out=(MARK,)), comparison=comparison, patches=patches)

    marks = {"02_rhem": "No patch window is known", "03_onboarding_decay": MARK, "04_fixed_fee": MARK}
    monkeypatch.setattr(edition, "study_panel", marked)
    monkeypatch.setattr(edition, "STUDY", tuple(marks))
    client = rhem.measure(rhem.load(small))["client"].iloc[-1]
    run = edition.review(small, "2026Q2", clients=[client], tell=lambda *_: None)
    assert run.failed == ()
    assert counts == {"fit_decay": 2, "compare_billing": 1}  # up to the quarter and before it
    for name, mark in marks.items():
        cells = nbformat.read(run.folder / f"study/{name}.ipynb", as_version=4).cells
        assert any(mark in str(cell.get("outputs")) for cell in cells), name
    again = edition.review(small, "2026Q2", clients=[client], tell=lambda *_: None)
    assert set(again.table["status"]) == {"kept"}
    assert counts == {"fit_decay": 2, "compare_billing": 1}  # up to the quarter and before it


def test_a_workspace_without_any_list_of_computers_has_a_study(workspace):
    lines = "".join(f"Nord,2026-0{month}-05 10:00,1,x,incident\n" for month in range(1, 6))
    made = rhem.study(rhem.load(workspace({"t.csv": "client,worked_on,hours,ticket_id,type\n" + lines})))
    assert made.panel["exposure"].sum() == 0
    assert "cannot be estimated" in made.fit.text
    assert made.patches.windows.empty
