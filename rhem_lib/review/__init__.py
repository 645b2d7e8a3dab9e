"""Numbers -> the sentences of a client's quarter and of the portfolio."""

from rhem_lib.review.claims import not_reviewed
from rhem_lib.review.ledger import moved
from rhem_lib.review.portfolio import build_portfolio, open_portfolio
from rhem_lib.review.review import Review, build_review, open_review
from rhem_lib.review.section import Section

__all__ = [
    "Review",
    "Section",
    "build_portfolio",
    "build_review",
    "moved",
    "not_reviewed",
    "open_portfolio",
    "open_review",
]
