"""The shape of the library: one-way layers, small modules, no side effects on import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parent.parent / "rhem_lib"
# A module imports only from lines above its own; within a line, only from its left.
LAYERS = """
errors schema words curves tweedie formats disk
settings
profiles sheets database damaged files
recognise read typed
simulate_work simulate_msp simulate_export simulate_rmm simulate_connectwise simulate_desk simulate_autotask
simulate_itsm simulate_jira simulate_sources simulate_dirt simulate
repeats
clean
clients classify
advice suggest account
workspace
frames panel interval
measure
causes moved definitions business patches given_back
book scenarios laplace quadrature noise mixed posterior decline season decay_words decay_tables changes
claim forecast pooled backtest decay
cohort groups usual switchers recording billing_words billing_checks billing power
recovery review_facts review_words review_why review_findings review_worth review_method review
portfolio_facts portfolio_study portfolio workbook
plots_style plots_measure plots_review plots_decay plots explore
deck_text deck_template deck_charts deck_table deck_slide deck pdf page
kernel_server kernels notebooks engine jobs batch plan tasks run
cli
""".split()
MAX_LINES, MAX_FUNCTION, MAX_EXPORTS = 300, 40, 20


def modules():
    return [*sorted(LIBRARY.glob("*.py")), LIBRARY / "profiles" / "__init__.py"]


def name_of(path):
    return path.parent.name if path.name == "__init__.py" and path.parent != LIBRARY else path.stem


def imports_of(path):
    """Names of the library's own modules that a module imports at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "rhem_lib":
            found |= {alias.name for alias in node.names} - {"__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rhem_lib."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("rhem_lib.")}
    return found


def test_every_module_has_its_place():
    assert {name_of(path) for path in modules()} - {"__init__"} == set(LAYERS)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_only_from_layers_above_it(path):
    if path.stem == "__init__" and path.parent == LIBRARY:
        return  # loads public names on first use
    allowed = LAYERS[: LAYERS.index(name_of(path))]
    assert imports_of(path) <= set(allowed), imports_of(path) - set(allowed)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_modules_and_functions_fit_in_a_head(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (len(doc.splitlines()) if doc else 0)
            assert lines <= MAX_FUNCTION, (node.name, lines)


def test_exports_are_few_and_results_are_frozen():
    import rhem_lib

    assert len(rhem_lib.__all__) <= MAX_EXPORTS
    for name in rhem_lib.__all__:
        thing = getattr(rhem_lib, name)
        if isinstance(thing, type) and not issubclass(thing, Exception):
            assert thing.__dataclass_params__.frozen, name


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_plots_imports_matplotlib_and_nothing_asserts(path):
    tree = ast.parse(path.read_text())
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    if not path.stem.startswith("plots") and path.stem != "kernel_server":
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not any(name.split(".")[0] in ("matplotlib", "seaborn") for name in names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_randomness_comes_only_from_a_generator_that_is_handed_in(path):
    found = set(re.findall(r"np\.random\.(\w+)", path.read_text()))
    assert found <= {"default_rng", "Generator", "SeedSequence"} | (
        {"seed"} if path.stem == "kernel_server" else set()
    )


def test_importing_every_module_changes_no_option_and_draws_no_window():
    code = (
        "import warnings, pandas as pd, importlib, matplotlib as mpl; before = list(warnings.filters); "
        "params = dict(mpl.rcParams); copies = pd.options.display.max_rows; "
        f"[importlib.import_module('rhem_lib.' + n) for n in {[n for n in LAYERS if n != 'kernel_server']!r}]; "
        "assert dict(mpl.rcParams) == params; assert pd.options.display.max_rows == copies; "
        "ours = [f for f in warnings.filters if f not in before and 'rhem' in str(f)]; assert not ours"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
