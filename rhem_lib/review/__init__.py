"""Numbers -> the sentences of a client's quarter and of the portfolio."""

from rhem_lib.review.alerts import Alerts, find_alerts
from rhem_lib.review.claims import not_reviewed
from rhem_lib.review.ledger import moved
from rhem_lib.review.portfolio import build_portfolio, open_portfolio
from rhem_lib.review.review import Review, build_review, open_review
from rhem_lib.review.section import Section

__all__ = [
    "Alerts",
    "Review",
    "Section",
    "build_portfolio",
    "build_review",
    "find_alerts",
    "moved",
    "not_reviewed",
    "open_portfolio",
    "open_review",
]
