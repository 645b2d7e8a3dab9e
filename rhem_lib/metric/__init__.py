"""RHEM per client and month, pooled, under other definitions, and what explains it."""

from rhem_lib.metric.business_hours import business_share
from rhem_lib.metric.causes import (
    Concentration,
    cause_months,
    cause_names,
    cause_table,
    computer_table,
    concentration,
)
from rhem_lib.metric.decomposition import Moved, last_periods, split, why_moved
from rhem_lib.metric.intervals import hour_limits, month_spread, pooled_rhem
from rhem_lib.metric.measured import why_unmeasured
from rhem_lib.metric.other_definitions import Definitions, definitions
from rhem_lib.metric.panel import NOT_RECORDED, measure, planned_hours, reactive_entries
from rhem_lib.metric.patch_windows import PatchEffect, patch_effect
from rhem_lib.metric.time_saved import staff_hours, time_given_back

__all__ = [
    "NOT_RECORDED",
    "Concentration",
    "Definitions",
    "Moved",
    "PatchEffect",
    "business_share",
    "cause_months",
    "cause_names",
    "cause_table",
    "computer_table",
    "concentration",
    "definitions",
    "hour_limits",
    "last_periods",
    "measure",
    "month_spread",
    "patch_effect",
    "planned_hours",
    "pooled_rhem",
    "reactive_entries",
    "split",
    "staff_hours",
    "time_given_back",
    "why_moved",
    "why_unmeasured",
]
