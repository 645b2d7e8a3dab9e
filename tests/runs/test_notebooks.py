"""The notebooks: their anatomy, their parameters, and that each runs on the sample as it stands."""

import ast
import json

import nbformat
import pytest

from rhem_lib.errors import ParameterError
from rhem_lib.runs.notebooks import NOTEBOOKS, Parameter, check_parameters, names, parameters_of, title_of

NAMES = names()
STUDY = {"01_data_account", "02_rhem", "03_onboarding_decay", "04_fixed_fee", "05_known_truth", "06_portfolio",
         "10_client_review"}  # fmt: skip
DECKS = ("06_portfolio", "10_client_review")


def cells(name, kind=None):
    found = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    return [cell for cell in found if kind in (None, cell.cell_type)]


def test_all_notebooks_of_the_design_are_there():
    assert set(NAMES) == STUDY


@pytest.mark.parametrize("name", NAMES)
def test_anatomy(name):
    raw = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    nbformat.validate(nbformat.from_dict(raw))
    assert title_of(name).endswith("?"), "the title is the question"
    code = cells(name, "code")
    assert "parameters" in code[0].metadata["tags"]
    assert ".text" in code[2].source and len(code[2].source.splitlines()) == 1, "the answer comes first"
    assert all(len(cell.source.splitlines()) <= 8 for cell in code)
    lines = sum(len(cell.source.splitlines()) for cell in code)
    words = sum(len(cell.source.split()) for cell in cells(name, "markdown"))
    assert lines <= 60
    assert words >= 10 * lines
    for cell in code:
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not any(isinstance(n, ast.FunctionDef | ast.ClassDef | ast.For | ast.While) for n in nodes)
    assert any(cell.source.startswith("## What would change this answer") for cell in cells(name, "markdown"))


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_outputs(name):
    raw = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    assert "papermill" not in raw["metadata"]
    for cell in raw["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert set(cell["metadata"]) <= {"tags"}


@pytest.mark.parametrize("name", NAMES)
def test_prose_holds_no_results(name):
    """Numbers belong to results; prose may name the claim under test and round words like 95%."""
    allowed = {"1", "15", "12", "95", "19", "20", "0", "30", "4"}
    for cell in cells(name, "markdown"):
        numbers = {
            word.strip(".,;:()%")
            for word in cell.source.split()
            if word.strip(".,;:()%").replace(".", "").isdigit()
        }
        assert numbers <= allowed, numbers


@pytest.mark.parametrize(
    ("given", "wording"),
    [
        ({"workspce": "x"}, "'workspce' is not known here. Did you mean 'workspace'?"),
        ({}, "'workspace' is missing"),
        ({"workspace": 7}, "'workspace' takes str, not 7"),
    ],
)
def test_wrong_parameters_stop_before_the_notebook_runs(given, wording):
    with pytest.raises(ParameterError) as raised:
        check_parameters("02_rhem", given)
    assert "02_rhem.ipynb" in str(raised.value)
    assert wording in str(raised.value)


def test_types_are_held_to():
    check_parameters("05_known_truth", {"portfolios": 3, "dirt": "none"})
    for count in (2.5, True, "3"):
        with pytest.raises(ParameterError, match="'portfolios' takes int"):
            check_parameters("05_known_truth", {"portfolios": count, "dirt": "none"})


def test_parameters_are_typed_literals_that_point_at_the_sample():
    here = Parameter("str", "../data/sample", "folder with rhem.toml and exports/")
    assert parameters_of("02_rhem")["workspace"] == here
    assert all(p.help for name in NAMES for p in parameters_of(name).values())


def test_an_unknown_notebook_is_named():
    with pytest.raises(ParameterError, match="there is no notebook '99_magic'"):
        parameters_of("99_magic")


def run_all(given_of, target, cwd):
    """Execute every notebook in warm kernels; what it leaves is said by what it printed, not by warnings."""
    from papermill import execute_notebook

    from rhem_lib.runs import kernels

    with kernels.warm() as manager:
        for name in NAMES:
            out = target / f"{name}.ipynb"
            with_kernel = {"kernel_manager_class": manager, "shutdown_kernel": "immediate", "progress_bar": False}
            execute_notebook(NOTEBOOKS / f"{name}.ipynb", out, given_of(name), cwd=str(cwd), **with_kernel)
            outputs = [o for cell in nbformat.read(out, as_version=4).cells for o in cell.get("outputs", [])]
            assert not [o["text"] for o in outputs if o.get("name") == "stderr"], name
    for name in DECKS:
        assert all((target / f"{name}.{kind}").is_file() for kind in ("pptx", "xlsx", "csv"))


SMALL = {"portfolios": 1, "clients": 8, "months": 15}


@pytest.mark.slow
def test_every_notebook_runs_as_it_stands(tmp_path):
    """As a person would in JupyterLab: with its own defaults, from its own folder."""

    def given(name):
        found = {"deck": str(tmp_path / f"{name}.pptx")} if name in DECKS else {}
        return found | (SMALL if name == "05_known_truth" else {})

    run_all(given, tmp_path, NOTEBOOKS)


@pytest.mark.slow
def test_every_notebook_runs_on_the_los_alamos_log(lanl_folder, tmp_path):
    def given(name):
        if name == "05_known_truth":
            return SMALL
        found = {"quarter": "2005Q2", "deck": str(tmp_path / f"{name}.pptx")} if name in DECKS else {}
        if name == "10_client_review":
            return found | {"source": str(lanl_folder), "client": "System 18"}
        return found | {"workspace": str(lanl_folder)}

    run_all(given, tmp_path, tmp_path)


def shown(path):
    """Outputs of each cell but the knobs, whose widgets have random names."""
    cells = nbformat.read(path, as_version=4).cells
    return [
        cell.outputs
        for cell in cells
        if cell.cell_type == "code" and "explore" not in cell.metadata.get("tags", [])
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["03_onboarding_decay", "10_client_review"])
def test_outputs_are_those_of_plain_papermill_pictures_included(name, tmp_path):
    from papermill import execute_notebook

    from rhem_lib.runs import pool as jobs

    sample = str(NOTEBOOKS.parent / "data/sample")
    given = {"workspace": sample, "quarter": ""}
    if name == "10_client_review":
        given = {"source": sample, "client": "", "quarter": "2026Q2", "deck": "review.pptx"}
    plain = tmp_path / "plain"
    plain.mkdir()
    execute_notebook(NOTEBOOKS / f"{name}.ipynb", plain / "out.ipynb", given, cwd=str(plain), progress_bar=False)
    job = jobs.Job("study", "T", name, "ours", "out", given, ("ours/out.html", "ours/out.ipynb"))
    assert jobs.run_job(job, str(tmp_path)).error == ""
    left, right = shown(tmp_path / "ours/out.ipynb"), shown(plain / "out.ipynb")
    assert left == right
    pictures = [output for cell in left for output in cell if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3
    if name == "10_client_review":
        assert (tmp_path / "ours/review.pptx").read_bytes() == (plain / "review.pptx").read_bytes()
