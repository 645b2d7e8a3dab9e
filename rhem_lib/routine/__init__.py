"""The quarter's routine: a new workspace, what is due, alerts between quarters, decks approved and delivered."""

from rhem_lib.routine.approvals import Decks, approve, decks
from rhem_lib.routine.delivery import Delivery, draft, send

__all__ = ["Decks", "Delivery", "approve", "decks", "draft", "send"]
