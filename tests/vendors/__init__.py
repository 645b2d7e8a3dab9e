"""Writers of vendors' exports: the made-up MSP as each system would export it."""

from pathlib import Path

from rhem_lib.simulate.connectwise import connectwise
from rhem_lib.simulate.msp import Portfolio
from rhem_lib.simulate.sample import Truth, portfolio, write_workspace
from vendors.api import text
from vendors.autotask import autotask
from vendors.desk import whole_minutes
from vendors.halopsa_syncro import halopsa, syncro
from vendors.itsm import freshservice, servicenow
from vendors.jira import jira, tempo

WRITERS = {
    "connectwise": connectwise,
    "autotask": autotask,
    "halopsa": halopsa,
    "syncro": syncro,
    "freshservice": freshservice,
    "jira": jira,
    "tempo": tempo,
    "servicenow": servicenow,
}


def vendor_portfolio(source: str, **size: int) -> Portfolio:
    """The made-up MSP, with hours as fine as the system takes them."""
    made = portfolio(**size)
    return whole_minutes(made) if source == "freshservice" else made


def write_vendor_sample(folder: Path, source: str, *, dirt: str = "some", **size: int) -> Truth:
    """A sample workspace with the exports of one system."""
    seed = size.get("seed", 2026)
    return write_workspace(
        folder, vendor_portfolio(source, **size), WRITERS[source], seed=seed, dirt=dirt, text=text
    )
