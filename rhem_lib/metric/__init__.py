from rhem_lib.metric.causes import NOT_RECORDED, Concentration, cause_table, computer_table
from rhem_lib.metric.decomposition import Moved, split
from rhem_lib.metric.definitions import PRESETS, Definitions
from rhem_lib.metric.panel import measure, pooled_rhem, reactive_entries
from rhem_lib.metric.patch_windows import PatchEffect, patch_effect
from rhem_lib.metric.time_saved import TECHNICIAN, given_back, staff_hours
