"""Results -> matplotlib axes and, in JupyterLab, widgets."""

from rhem_lib.figures.measure import concentration, definitions, moved
from rhem_lib.figures.onboarding import claim, forecasts
from rhem_lib.figures.portfolio import (
    account,
    billing,
    billing_ratios,
    clients,
    decay,
    half_lives,
    months_to_target,
    recovery,
    rhem_by_month,
)
from rhem_lib.figures.review import review_causes, review_minutes, review_parts
from rhem_lib.figures.theme import png, style
from rhem_lib.figures.widgets import explore_definition, explore_path

__all__ = [
    "account",
    "billing",
    "billing_ratios",
    "claim",
    "clients",
    "concentration",
    "decay",
    "definitions",
    "explore_definition",
    "explore_path",
    "forecasts",
    "half_lives",
    "months_to_target",
    "moved",
    "png",
    "recovery",
    "review_causes",
    "review_minutes",
    "review_parts",
    "rhem_by_month",
    "style",
]


def __dir__() -> list[str]:
    return __all__
