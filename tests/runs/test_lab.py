"""Working copies of the notebooks: filled in, refreshed, and never written over an analyst's edits."""

import nbformat
import pytest

from rhem_lib.errors import SettingsError
from rhem_lib.runs import working_copies
from rhem_lib.runs.notebooks import NOTEBOOKS, names


def parameters(path):
    cells = nbformat.read(path, as_version=4).cells
    return next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))


def edit(path, text):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source += text
    nbformat.write(notebook, path)


def test_every_copy_names_the_workspace_and_writes_beside_itself(workspace):
    copies = working_copies(workspace({}))
    assert sorted(path.stem for path in copies.glob("*.ipynb")) == names()
    for path in copies.glob("*.ipynb"):
        assert "data/sample" not in parameters(path)
        assert "../reports" not in parameters(path)
    assert 'workspace: str = ".."  # folder' in parameters(copies / "02_rhem.ipynb")
    assert 'deck: str = "portfolio.pptx"' in parameters(copies / "06_portfolio.ipynb")
    assert 'workspace: str = "../data/sample"' in parameters(NOTEBOOKS / "02_rhem.ipynb")


def test_keeps_an_edited_copy_and_refreshes_the_others(workspace):
    folder, lines = workspace({}), []
    copies = working_copies(folder, lines.append)
    edit(copies / "02_rhem.ipynb", "\nmine = 1")
    ran = nbformat.read(copies / "03_onboarding_decay.ipynb", as_version=4)
    ran.cells[2].execution_count = 5  # saved with outputs, not edited
    nbformat.write(ran, copies / "03_onboarding_decay.ipynb")
    working_copies(folder, lines.append)
    assert len(lines) == 1 and "02_rhem.ipynb was edited and is kept" in lines[0]
    assert "mine = 1" in (copies / "02_rhem.ipynb").read_text()
    fresh = nbformat.read(copies / "03_onboarding_decay.ipynb", as_version=4)
    assert fresh.cells[2].execution_count is None


def test_a_folder_without_settings_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"rhem\.toml"):
        working_copies(tmp_path)
    assert not (tmp_path / "notebooks").exists()
