"""Notebooks in batch: an edition of study and reviews, resumable, in parallel.

The names load their module on first use: worker processes and the parent of the kernels need little of this room.
"""

from typing import TYPE_CHECKING

from rhem_lib.doors import lazy

if TYPE_CHECKING:
    from rhem_lib.runs.edition import last_quarter, review, study
    from rhem_lib.runs.guide import GUIDE, help_on
    from rhem_lib.runs.ledger import Changes, changes
    from rhem_lib.runs.notebooks import NOTEBOOKS, names, parameters_of, title_of, working_copies

_MODULE = {
    "review": "edition",
    "study": "edition",
    "last_quarter": "edition",
    "changes": "ledger",
    "Changes": "ledger",
    "GUIDE": "guide",
    "help_on": "guide",
    "NOTEBOOKS": "notebooks",
    "names": "notebooks",
    "parameters_of": "notebooks",
    "title_of": "notebooks",
    "working_copies": "notebooks",
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

__getattr__ = lazy(__name__, _MODULE)
