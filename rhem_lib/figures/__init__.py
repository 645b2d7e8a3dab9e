"""Results -> matplotlib axes and, in JupyterLab, widgets."""

from rhem_lib.figures.plots import (
    account,
    billing,
    billing_ratios,
    claim,
    clients,
    concentration,
    decay,
    definitions,
    forecasts,
    half_lives,
    hours_of_week,
    months_to_target,
    moved,
    recovery,
    review_causes,
    review_minutes,
    review_parts,
    rhem_by_month,
)  # fmt: skip
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
    "hours_of_week",
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
