"""The shape of the library, as far as no linter holds it: `make lint` has the rule of imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rhem_lib as rhem

LIBRARY = Path(__file__).parent.parent / "rhem_lib"
MODULES = sorted(LIBRARY.rglob("*.py"))
MAX_FUNCTION, MAX_DOOR = 40, 25


def name_of(path):
    return path.relative_to(LIBRARY).with_suffix("").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_fit_on_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (len(doc.splitlines()) if doc else 0)
            assert lines <= MAX_FUNCTION, (node.name, lines)


def test_doors_are_narrow_and_list_what_they_hold():
    assert set(dir(rhem)) == set(rhem.__all__)
    assert set(dir(rhem.figures)) == set(rhem.figures.__all__)
    for door in sorted(LIBRARY.glob("*/__init__.py")):
        room = __import__(f"rhem_lib.{door.parent.name}", fromlist=["__all__"])
        assert len(room.__all__) <= MAX_DOOR, door
        for name in room.__all__:
            assert hasattr(room, name), (door, name)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_result_classes_of_the_doors_are_frozen(path):
    if path.name == "__init__.py" and path.parent.parent == LIBRARY:
        room = __import__(f"rhem_lib.{path.parent.name}", fromlist=["__all__"])
        for name in room.__all__:
            thing = getattr(room, name)
            if isinstance(thing, type) and hasattr(thing, "__dataclass_params__"):
                assert thing.__dataclass_params__.frozen, name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_figures_imports_matplotlib_and_nothing_asserts(path):
    tree = ast.parse(path.read_text())
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    if path.parent.name != "figures" and path.stem != "kernel_server":
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not any(name.split(".")[0] in ("matplotlib", "seaborn") for name in names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_randomness_comes_only_from_a_generator_that_is_handed_in(path):
    found = set(re.findall(r"np\.random\.(\w+)", path.read_text()))
    seeded = {"seed"} if path.stem == "kernel_server" else set()
    assert found <= {"default_rng", "Generator", "SeedSequence"} | seeded


def test_importing_every_module_changes_no_option_and_draws_no_window():
    names = [f"rhem_lib.{name_of(path)}".replace("/", ".").removesuffix(".__init__") for path in MODULES]
    code = (
        "import warnings, pandas as pd, importlib, matplotlib as mpl; before = list(warnings.filters); "
        "params = dict(mpl.rcParams); copies = pd.options.display.max_rows; "
        f"[importlib.import_module(n) for n in {[n for n in names if 'kernel_server' not in n]!r}]; "
        "assert dict(mpl.rcParams) == params; assert pd.options.display.max_rows == copies; "
        "ours = [f for f in warnings.filters if f not in before and 'rhem' in str(f)]; assert not ours"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
