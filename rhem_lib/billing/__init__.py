from rhem_lib.billing.analysis_plan import billing_plan, register
from rhem_lib.billing.cohort import without_season
from rhem_lib.billing.comparison import BillingComparison, billing_cohort, compare_billing, primary_fit
from rhem_lib.billing.groups import RATIO_TO_SHOW, effect_of
from rhem_lib.billing.text import HALF_LIFE
