"""The quarter's routine: a new workspace, what is due, alerts between quarters, decks approved and delivered.

The names load their module on first use: `rhem check` asks for what is missing alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rhem_lib.routine.approvals import Decks, approve, decks
    from rhem_lib.routine.delivery import Delivery, draft, send
    from rhem_lib.routine.due import Due, due
    from rhem_lib.routine.mail import notify
    from rhem_lib.routine.missing import Missing, still_missing
    from rhem_lib.routine.start import Started, local_zone, start

_MODULE = {
    "Decks": "approvals",
    "Delivery": "delivery",
    "Due": "due",
    "Missing": "missing",
    "Started": "start",
    "approve": "approvals",
    "decks": "approvals",
    "draft": "delivery",
    "due": "due",
    "local_zone": "start",
    "notify": "mail",
    "send": "delivery",
    "start": "start",
    "still_missing": "missing",
}

__all__ = [
    "Decks",
    "Delivery",
    "Due",
    "Missing",
    "Started",
    "approve",
    "decks",
    "draft",
    "due",
    "local_zone",
    "notify",
    "send",
    "start",
    "still_missing",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'rhem_lib.routine' has no attribute '{name}'")
    found = getattr(import_module(f"rhem_lib.routine.{_MODULE[name]}"), name)
    globals()[name] = found  # `due` and `start` are modules of this room as well
    return found
