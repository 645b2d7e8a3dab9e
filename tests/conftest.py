"""Workspaces that tests share: the sample in the repository, small simulated ones, and hand-written exports."""

import os
from pathlib import Path

import pytest

import rhem_lib as rhem

ROOT = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("RHEM_REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark all cases but the first of a test with many cases as slow."""
    seen = set()
    for item in items:
        if item.get_closest_marker("many_cases"):
            test = (item.parent.nodeid, item.originalname)
            if test in seen:
                item.add_marker(pytest.mark.slow)
            seen.add(test)


@pytest.fixture(scope="session")
def sample_folder():
    return ROOT / "data" / "sample"


@pytest.fixture(scope="session")
def sample_work(sample_folder):
    return rhem.load(sample_folder)


@pytest.fixture(scope="session")
def sample_panel(sample_work):
    return rhem.measure(sample_work)


@pytest.fixture(scope="session")
def sample_study(sample_work):
    return rhem.study(sample_work)


@pytest.fixture
def made_sample(monkeypatch, sample_work, sample_study):
    """Give examples the sample and its study as the session has made them."""

    def serve(name, given, made):
        compute = getattr(rhem, name)

        def served(what, *args, **options):
            mine = (
                what.equals(given) if name in ("fit_decay", "compare_billing") else what in ("data/sample", given)
            )
            return made if mine and not args and not options else compute(what, *args, **options)

        monkeypatch.setattr(rhem, name, served)

    serve("load", None, sample_work)
    serve("study", sample_work, sample_study)
    serve("fit_decay", sample_study.panel, sample_study.fit)
    serve("compare_billing", sample_study.panel, sample_study.comparison)


@pytest.fixture
def workspace(tmp_path):
    """Function that writes a workspace: settings as TOML, files as {name: text or bytes}; returns its folder."""

    def write(files, settings='name = "Test MSP"\n'):
        (tmp_path / "exports").mkdir(exist_ok=True)
        (tmp_path / "rhem.toml").write_text(settings)
        for name, content in files.items():
            path = tmp_path / name if name == "clients.csv" else tmp_path / "exports" / name
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


@pytest.fixture(scope="session")
def lanl_folder(tmp_path_factory):
    """Give the LANL workspace of this repository, with the real file put in; skip where the data are not there."""
    data = REAL_DATA / "lanl-failures" / "node_failures_1995_2005.csv"
    if not data.is_file():
        pytest.skip(f"real data not found: {data} (set RHEM_REAL_DATA)")
    folder = tmp_path_factory.mktemp("lanl") / "lanl"
    (folder / "exports").mkdir(parents=True)
    (folder / "profiles").mkdir()
    (folder / "rhem.toml").write_bytes((ROOT / "data/lanl/rhem.toml").read_bytes())
    (folder / "profiles/lanl.toml").write_bytes((ROOT / "data/lanl/profiles/lanl.toml").read_bytes())
    (folder / "exports" / data.name).write_bytes(data.read_bytes())
    return folder
