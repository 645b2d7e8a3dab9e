"""RHEM: reactive hours per endpoint per month, measured, modelled and told in plain words.

The public names load their module on first use, so that importing the package is quick and changes nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load": "workspace",
    "Workspace": "workspace",
    "measure": "metric",
    "pooled_rhem": "metric",
    "fit_decay": "decay",
    "DecayFit": "decay",
    "compare_billing": "billing",
    "BillingComparison": "billing",
    "compare_groups": "billing",
    "build_review": "review",
    "Review": "review",
    "RhemError": "errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rhem_lib' has no attribute '{name}'")
    return getattr(import_module(f"rhem_lib.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps `rhem_lib.measure` the function, although a module of that name is loaded as well."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
