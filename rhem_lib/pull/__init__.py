"""Records from the systems' own interfaces -> exports, as they were received."""

from rhem_lib.pull.client import Clock
from rhem_lib.pull.pull import Pulled, pull_sources
from rhem_lib.pull.stage import earlier_pulls

__all__ = ["Clock", "Pulled", "earlier_pulls", "pull_sources"]
