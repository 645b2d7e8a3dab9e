from rhem_lib.workspace.data_warnings import COLLAPSE, USUAL_ENTRIES
from rhem_lib.workspace.frames import Tables, alongside, open_spark, to_pandas
from rhem_lib.workspace.reconciliation import Account
from rhem_lib.workspace.workspace import Workspace, is_prepared, load, save
