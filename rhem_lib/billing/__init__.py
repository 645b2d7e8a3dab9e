"""Panel -> comparison of groups of clients: fixed fee against hourly, or any client-level column."""

from rhem_lib.billing.analysis_plan import billing_plan, history, register
from rhem_lib.billing.comparison import BillingComparison, compare_billing
from rhem_lib.billing.groups import GroupComparison, compare_groups
from rhem_lib.billing.sensitivity import HALF_LIFE

__all__ = [
    "HALF_LIFE",
    "BillingComparison",
    "GroupComparison",
    "billing_plan",
    "compare_billing",
    "compare_groups",
    "history",
    "register",
]
