"""The guide: `make docs` builds it to docs/_build/html, and any warning is an error."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import make_guide  # noqa: E402

import rhem_lib as rhem  # noqa: E402
from rhem_lib import studies  # noqa: E402
from rhem_lib.workspace import save  # noqa: E402

project, author, release = "RHEM", "RHEM contributors", rhem.__version__
html_title = "RHEM guide"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "vendors.md", "guide/howto/systems-list.md"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_nav_level": 2,
}
html_sidebars = {"index": [], "guide/tutorial": []}
html_show_sourcelink = False
html_static_path = ["guide/static"]
html_css_files = ["guide.css"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
default_role = "code"
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
suppress_warnings = ["myst.header"]
nb_execution_mode = "force"
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "error"  # a warning of the product is one of the guide

# Pages run where data/sample is the sample as an edition has prepared it, so that each opens it in a moment.
LAB = HERE / "_build" / "lab"
KERNELS = HERE / "_build" / "ipython"
os.environ |= {"RHEM_GUIDE": str(LAB), "RHEM_TRUTH": str(HERE.parent / "data/sample/truth.json")}
os.environ["IPYTHONDIR"] = str(KERNELS)


def setup(app: object) -> None:
    """Write the pages that come from the code, and prepare the sample once."""
    make_guide.write_pages()
    quiet = KERNELS / "profile_default" / "ipython_kernel_config.py"
    quiet.parent.mkdir(parents=True, exist_ok=True)
    quiet.write_text("c.IPKernelApp.log_level = 40  # each warns that it talks to this computer unencrypted\n")
    prepared = LAB / "data" / "sample"
    work = rhem.load(HERE.parent / "data" / "sample")
    studies.store(rhem.study(work), prepared)
    save(work, prepared, "guide")
