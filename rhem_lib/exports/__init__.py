"""Any export file -> clean canonical tables."""

from rhem_lib.exports.clean import Cleaned, clean_tables, drop_typed, empty_columns
from rhem_lib.exports.client_names import agreement_table, check_aliases, client_table, unify
from rhem_lib.exports.files import codes, connect, export_files, identifier, inline, lock, quote, quote_path
from rhem_lib.exports.match_profile import day_of_name, source_of_files, source_stem
from rhem_lib.exports.profiles import Profile, read_profiles
from rhem_lib.exports.skeleton import profile_skeleton
from rhem_lib.exports.text_tables import read_exports, read_queries
from rhem_lib.exports.typed_tables import null_columns

__all__ = [
    "Cleaned",
    "Profile",
    "agreement_table",
    "check_aliases",
    "clean_tables",
    "client_table",
    "codes",
    "connect",
    "day_of_name",
    "drop_typed",
    "empty_columns",
    "export_files",
    "identifier",
    "inline",
    "lock",
    "null_columns",
    "profile_skeleton",
    "quote",
    "quote_path",
    "read_exports",
    "read_profiles",
    "read_queries",
    "source_of_files",
    "source_stem",
    "unify",
]
