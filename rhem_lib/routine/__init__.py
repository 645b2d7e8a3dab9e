"""The quarter's routine: a new workspace, what is due, alerts between quarters, decks approved and delivered.

The names load their module on first use: `rhem check` asks for what is missing alone.
"""

from typing import TYPE_CHECKING

from rhem_lib.doors import lazy

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

__getattr__ = lazy(__name__, _MODULE)
