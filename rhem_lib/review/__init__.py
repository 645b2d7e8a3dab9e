from rhem_lib.review.review import Review, build_review
from rhem_lib.review.section import Section
