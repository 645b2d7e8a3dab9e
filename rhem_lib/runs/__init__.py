"""Notebooks in batch: an edition of study and reviews, resumable, in parallel.

The names load their module on first use: worker processes and the parent of the kernels need little of this room.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhem_lib.runs.edition import last_quarter, review, study
    from rhem_lib.runs.guide import GUIDE, help_on
    from rhem_lib.runs.ledger import Changes, changes
    from rhem_lib.runs.notebooks import NOTEBOOKS, names, parameters_of, title_of, working_copies

# Of a name; the others are in notebooks.
_MODULE = {
    "review": "edition",
    "study": "edition",
    "last_quarter": "edition",
    "changes": "ledger",
    "Changes": "ledger",
    "GUIDE": "guide",
    "help_on": "guide",
}

__all__ = [
    "GUIDE",
    "NOTEBOOKS",
    "Changes",
    "changes",
    "help_on",
    "last_quarter",
    "names",
    "parameters_of",
    "review",
    "study",
    "title_of",
    "working_copies",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'rhem_lib.runs' has no attribute '{name}'")
    return getattr(import_module(f"rhem_lib.runs.{_MODULE.get(name, 'notebooks')}"), name)
