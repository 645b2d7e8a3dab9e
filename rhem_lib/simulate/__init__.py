"""A made-up MSP with known truth, and whether the truth is recovered."""

from rhem_lib.simulate.recovery import Recovery, recover
from rhem_lib.simulate.sample import portfolio, write_sample

__all__ = ["Recovery", "portfolio", "recover", "write_sample"]
