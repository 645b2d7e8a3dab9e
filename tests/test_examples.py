"""Every example in a docstring of the rooms for results runs as it is written."""

import doctest
import importlib

import matplotlib.pyplot as plt
import pytest
from conftest import ROOT

import rhem_lib as rhem

MODULES = """
errors language settings exports.match_profile exports.skeleton review.section review.certainty
deck.presentation deck.workbook deck.pdf runs.notebooks simulate.sample simulate.recovery
""".split()
LONG = [pytest.param(name, marks=pytest.mark.slow) for name in ("review.review", "review.portfolio", "figures")]


@pytest.fixture(scope="module")
def given(sample_work, sample_study, tmp_path_factory):
    """What examples may name without making it."""
    study = sample_study
    review = rhem.build_review(sample_work, study.panel, study.fit, client="Birch Foods", quarter="2026Q2")
    return {"work": sample_work, "study": study, "review": review, "folder": tmp_path_factory.mktemp("examples")}


@pytest.mark.parametrize("name", [*MODULES, *LONG])
def test_examples_give_what_they_show(name, given, made_sample, monkeypatch):
    monkeypatch.chdir(ROOT)
    made = doctest.testmod(importlib.import_module(f"rhem_lib.{name}"), extraglobs=given)
    plt.close("all")
    assert made.attempted and not made.failed
