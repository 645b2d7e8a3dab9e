"""The quarter's routine: a new workspace, what is due, alerts between quarters, decks approved and delivered."""

from rhem_lib.routine.approvals import Decks, approve, decks
from rhem_lib.routine.delivery import Delivery, draft, send
from rhem_lib.routine.due import Due, due
from rhem_lib.routine.mail import notify
from rhem_lib.routine.missing import Missing, still_missing
from rhem_lib.routine.start import Started, local_zone, start

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
