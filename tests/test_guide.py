"""The guide has a place for everything a user meets, and its tutorial is true word by word."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import make_guide
import pytest
from conftest import ROOT

import rhem_lib as rhem
from rhem_lib.errors import ParameterError
from rhem_lib.exports import text_tables, typed_tables
from rhem_lib.runs import help_on
from rhem_lib.workspace import data_warnings, day_warnings, frames, list_warnings

GUIDE = ROOT / "docs" / "guide"
LAST = "## 3."  # from where on the tutorial takes minutes


def test_every_key_of_settings_is_explained_and_the_page_is_that_of_the_code():
    keys = {path for path, _ in make_guide.keys()}
    assert {path[0] for path in keys} == set(make_guide.TEXTS) - {""}
    assert all(make_guide.text_of(path) for path in keys)
    wording = {(top, *key.split(".")) for top, table in make_guide.TEXTS.items() if isinstance(table, dict)
            for key in table if key}  # fmt: skip
    assert wording <= keys, "a text is of no key"
    assert (GUIDE / "reference/settings.md").read_text() == make_guide.settings_page(), "make guide"


def codes():
    """Return the codes of all warnings in the code."""
    found = {code for code, _ in data_warnings.REPEATS.values()}
    for module in (data_warnings, day_warnings, list_warnings, frames):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Tuple) and len(node.elts) == 4 and isinstance(node.elts[0], ast.Constant):
                if not all(isinstance(part, ast.Constant) for part in node.elts):
                    found.add(node.elts[0].value)
    for module in (text_tables, typed_tables):  # notes on files: code and text
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
                if re.fullmatch("[a-z]+-[a-z]+", str(node.elts[0].value)):
                    found.add(node.elts[0].value)
    return found


def test_every_warning_has_its_place_and_no_place_is_empty():
    sections = re.findall(
        r"^## (.+)\n\n(.+)\n\n\*\*What to do\.\*\* (.+)$", (GUIDE / "howto/warnings.md").read_text(), re.M
    )
    assert len(codes()) > 25
    assert {code for code, _, _ in sections} == codes()


def test_every_command_and_public_name_has_its_place():
    page = make_guide.cli_page()
    assert all(f"## rhem {name}\n" in page and command.help for name, command in make_guide.commands().items())
    api = (GUIDE / "reference/api.md").read_text()
    rooms = {"deck", "figures", "metric"}
    assert all(re.search(rf"rhem_lib\.(\w+\.)?{name}\b", api) for name in set(rhem.__all__) - rooms)
    assert all(f"rhem_lib.{room}" in api for room in rooms)


def test_every_profile_is_on_the_page_of_systems():
    from rhem_lib.exports import read_profiles

    text = make_guide.systems_section()
    assert all(f"### {profile.title}\n" in text for profile in read_profiles().values())


def test_links_between_pages_and_pictures_are_there():
    for page in [ROOT / "README.md", ROOT / "docs/index.md", *GUIDE.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            made = Path(link).name in ("cli.md", "codebook.md", "profiles.md")
            assert made or (page.parent / link).exists(), (page, link)


@pytest.mark.parametrize("topic", ["two-systems", "date_order", "hours_unit", "due", "spark", "Definitions"])
def test_help_finds_warnings_keys_and_pages(topic):
    assert len(help_on(topic)) > 40


def test_help_names_the_nearest_topic():
    with pytest.raises(ParameterError, match="Did you mean 'two-systems'"):
        help_on("two-system")


def steps(text):
    """Yield what a reader does: ("write" | "add", path, content) and ("run", command, output)."""
    pattern = r"(Write|Add to) `([^`]+)`:\n\n```\w+\n(.*?)```|```console\n(.*?)```"
    for kind, path, content, console in re.findall(pattern, text, re.S):
        if kind:
            yield kind, path, content
        for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield "run", command, output


def agrees(expected, seen):
    """Whether an output is what is printed, in which ... stands for anything, space around lines apart."""
    parts = [re.escape("\n".join(map(str.strip, part.strip().splitlines()))) for part in expected.split("...")]
    return re.fullmatch(r"[\s\S]*".join(parts), "\n".join(map(str.strip, seen.strip().splitlines()))) is not None


def follow(text, folder):
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "rhem"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rhem_lib.cli "$@"\n')
    command.chmod(0o755)
    environ = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for kind, target, content in steps(text):
        if kind == "run":
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            made = subprocess.run(target, shell=True, cwd=folder, env=environ, text=True, **pipes).stdout
            assert agrees(content, made), (target, made)
        else:
            path = folder / target
            path.write_text(("" if kind == "Write" else path.read_text()) + content)


@pytest.mark.skipif(os.name == "nt", reason="its commands are those of a shell")
def test_the_tutorial_begins_word_by_word(tmp_path):
    follow((GUIDE / "tutorial.md").read_text().partition(LAST)[0], tmp_path)


@pytest.mark.slow
def test_the_tutorial_to_its_end(tmp_path):
    follow((GUIDE / "tutorial.md").read_text(), tmp_path)
