"""Results -> matplotlib axes and, in JupyterLab, widgets.

>>> import rhem_lib as rhem
>>> from rhem_lib import figures, metric
>>> work = rhem.load("data/sample")
>>> study = rhem.study(work)
>>> panel, fit, comparison = study.panel, study.fit, study.comparison
>>> axes = [figures.account(work.account), figures.rhem_by_month(panel), figures.decay(fit, panel)]
>>> axes += [figures.half_lives(fit), figures.months_to_target(fit), figures.claim(fit.claim)]
>>> axes += [figures.billing(comparison), figures.billing_ratios(comparison)]
>>> axes += [figures.paths(fit, panel, ["Birch Foods", "River Insurance"])]
>>> axes += [*figures.clients(fit, panel), *figures.forecasts(fit, panel, months=3)]
>>> axes += [figures.definitions(metric.definitions(work))]
>>> busy = metric.concentration(work, panel)
>>> axes += [figures.concentration(busy), figures.hours_of_week(busy)]
>>> why = metric.why_moved(panel, metric.cause_months(work), before="2025", after="2026")
>>> axes += [figures.moved(why)]
>>> review = rhem.build_review(work, panel, fit, client="Birch Foods", quarter="2026Q2", earlier=study.before)
>>> axes += [figures.review_minutes(review), figures.review_parts(review), figures.review_causes(review)]
>>> figures.png(axes[0])[1:4]
b'PNG'
"""

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
    paths,
    recovery,
    review_causes,
    review_minutes,
    review_parts,
    rhem_by_month,
)  # fmt: skip
from rhem_lib.figures.theme import png, style
from rhem_lib.figures.widgets import explore_definition, explore_pair, explore_path

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
    "explore_pair",
    "explore_path",
    "forecasts",
    "half_lives",
    "hours_of_week",
    "months_to_target",
    "moved",
    "paths",
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
