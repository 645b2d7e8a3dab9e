"""Canonical tables -> classified entries, with the account that reconciles to the last entry."""

from rhem_lib.workspace.data_warnings import COLLAPSE, USUAL_ENTRIES
from rhem_lib.workspace.frames import Tables, alongside, from_frames, open_spark, to_pandas
from rhem_lib.workspace.reconciliation import Account
from rhem_lib.workspace.workspace import Workspace, is_prepared, load, save

__all__ = [
    "COLLAPSE",
    "USUAL_ENTRIES",
    "Account",
    "Tables",
    "Workspace",
    "alongside",
    "from_frames",
    "is_prepared",
    "load",
    "open_spark",
    "save",
    "to_pandas",
]
