"""Documents that must tell the truth: environment, codebook, README, CHANGELOG, the locks."""

import doctest
import importlib
import inspect
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import ROOT

from rhem_lib import schema
from rhem_lib.cli import app

CONDA = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "jupyter-client": "jupyter_client"}


def bounds(requirements, rename=None):
    pairs = (re.match(r"([A-Za-z0-9_-]+)(.*)", r).groups() for r in requirements)
    return {(rename or {}).get(name, name): spec for name, spec in pairs}


def test_conda_environment_has_the_names_and_bounds_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "rhem"
    conda = bounds(item for item in environment["dependencies"] if isinstance(item, str))
    assert conda.pop("python") == project["requires-python"]
    conda.pop("pip")
    assert conda == bounds(project["dependencies"], CONDA)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_every_package_with_hashes_and_name_no_host(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==\S+", text, re.M)
    blocks = re.split(r"^(?=\S)", text, flags=re.M)
    assert len(pins) == len([b for b in blocks if "==" in b])
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(bounds(project["dependencies"])) <= set(pins)


def test_codebook_is_that_of_the_schema():
    made = subprocess.run([sys.executable, "-m", "rhem_lib.schema"], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "data" / "codebook.md").read_text()


def test_changelog_names_the_metric_version():
    assert f"METRIC_VERSION {schema.METRIC_VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    made = set(re.findall(r"(?:^|`)make ([a-z-]+)", readme, re.M))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {"review", "test"} <= made <= targets
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(re.findall(r"\brhem ([a-z]+)", readme)) <= commands
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme):
        assert (ROOT / picture).is_file()


def test_rooms_and_modules_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    library = ROOT / "rhem_lib"
    named = set(re.findall(r"`([a-z_]+/[a-z_]+\.py|[a-z_]+/|[a-z_]+\.py)`", text))
    assert [name for name in sorted(named) if not ((library / name).exists() or (ROOT / name).exists())] == []
    rooms = {f"{room.parent.name}/" for room in library.glob("*/__init__.py")}
    assert {*re.findall(r"^\| `([a-z]+/)`", text, re.M), "deck/"} == rooms


def test_the_sample_in_git_is_what_the_simulator_writes(tmp_path):
    from rhem_lib.simulate.sample import write_sample

    write_sample(tmp_path)
    for path in (ROOT / "data" / "sample").rglob("*"):
        if path.suffix in (".csv", ".toml", ".json"):
            assert (tmp_path / path.relative_to(ROOT / "data" / "sample")).read_bytes() == path.read_bytes(), path
    assert sum(p.stat().st_size for p in (ROOT / "data" / "sample").rglob("*")) <= 3_000_000


@pytest.mark.many_cases
@pytest.mark.parametrize("room", ["decay", "billing", "metric", pytest.param("studies", marks=pytest.mark.slow)])
def test_examples_of_the_doors_run(room, made_sample, sample_work, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("rhem_lib.workspace.load", lambda folder: sample_work)  # it is slow, and all start with it
    module = importlib.import_module(f"rhem_lib.{room}")
    names = getattr(module, "__all__", [room.removesuffix("ies") + "y"])
    runner, count = doctest.DocTestRunner(), 0
    for thing in (getattr(module, name) for name in names):
        if inspect.isfunction(thing):
            for example in doctest.DocTestFinder().find(thing, globs=dict(vars(inspect.getmodule(thing)))):
                count += runner.run(example).attempted
    assert count and not runner.summarize().failed
