"""Canonical tables -> classified entries, with the account that reconciles to the last entry."""

from rhem_lib.workspace.day_warnings import COLLAPSE
from rhem_lib.workspace.frames import Workspace, alongside, from_frames, kept, spark_state, to_pandas
from rhem_lib.workspace.months import first_days, month_number
from rhem_lib.workspace.reconciliation import Account
from rhem_lib.workspace.time_sources import COVERED, USUAL_ENTRIES
from rhem_lib.workspace.workspace import is_prepared, load, save

__all__ = [
    "COLLAPSE",
    "COVERED",
    "USUAL_ENTRIES",
    "Account",
    "Workspace",
    "alongside",
    "first_days",
    "from_frames",
    "is_prepared",
    "kept",
    "load",
    "month_number",
    "save",
    "spark_state",
    "to_pandas",
]
