from rhem_lib.exports.clean import Cleaned, clean, drop_typed
from rhem_lib.exports.client_names import agreement_table, check_aliases, client_table, unify
from rhem_lib.exports.files import codes, connect, quote
from rhem_lib.exports.profiles import Profile, read_profiles
from rhem_lib.exports.text_tables import read_exports
from rhem_lib.exports.typed_tables import null_columns
