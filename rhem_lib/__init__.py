"""RHEM: reactive hours per endpoint per month, measured, modelled and told in plain words.

The public names load their room on first use, so that importing the package is quick and changes nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhem_lib import deck, figures, metric
    from rhem_lib.billing import compare_billing, compare_groups
    from rhem_lib.decay import fit_decay
    from rhem_lib.deck import write_tables
    from rhem_lib.errors import RhemError
    from rhem_lib.metric import measure, pooled_rhem
    from rhem_lib.review import build_review
    from rhem_lib.schema import flagged
    from rhem_lib.settings import Target
    from rhem_lib.studies import study
    from rhem_lib.workspace import load

__version__ = "0.1.0"

_ROOM = {
    "load": "workspace",
    "measure": "metric",
    "pooled_rhem": "metric",
    "fit_decay": "decay",
    "compare_billing": "billing",
    "compare_groups": "billing",
    "build_review": "review",
    "RhemError": "errors",
    "Target": "settings",
    "flagged": "schema",
    "study": "studies",
    "write_tables": "deck",
}

__all__ = [
    "RhemError",
    "Target",
    "build_review",
    "compare_billing",
    "compare_groups",
    "deck",
    "figures",
    "fit_decay",
    "flagged",
    "load",
    "measure",
    "metric",
    "pooled_rhem",
    "study",
    "write_tables",
]


def __getattr__(name: str) -> Any:
    if name in _ROOM:
        return getattr(import_module(f"rhem_lib.{_ROOM[name]}"), name)
    if name in __all__:
        return import_module(f"rhem_lib.{name}")
    raise AttributeError(f"module 'rhem_lib' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
