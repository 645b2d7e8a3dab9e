"""Computers of the made-up MSP as other RMM systems than Automate list them, one file per month end."""

import pandas as pd

from rhem_lib.simulate.connectwise import SYSTEMS, by_day, rmm_names
from rhem_lib.simulate.export import utc
from rhem_lib.simulate.msp import Portfolio


def ninjaone_devices(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    """NinjaOne: devices with their organization, times in seconds since 1970."""
    listed = portfolio.computers
    classes = {"workstation": "WINDOWS_WORKSTATION", "server": "WINDOWS_SERVER", "network": "NMS_SWITCH"}
    number = listed["device_id"].astype("str")
    client = rmm_names(portfolio)
    table = pd.DataFrame(
        {
            "id": number,
            "organizationId": (1 + pd.Series(pd.factorize(client)[0], listed.index)).astype("str"),
            "references.organization.name": client,
            "systemName": listed["device"],
            "displayName": listed["device"],
            "nodeClass": listed["kind"].map(classes),
            "approvalStatus": "APPROVED",
            "offline": (~listed["counts"]).map({True: "true", False: "false"}),
            "created": _epoch(listed["added_on"], 1),
            "lastContact": _epoch(listed["last_seen"], 1) + ".25",
            "os.name": listed["kind"].map(SYSTEMS),
        }
    )
    return by_day("list", "json", table, listed["as_of"])


def datto_devices(portfolio: Portfolio) -> dict[str, pd.DataFrame]:
    """Datto RMM: devices by site, times in milliseconds since 1970."""
    listed = portfolio.computers
    number = listed["device_id"].astype("str")
    network = listed["kind"] == "network"
    kinds = {"workstation": "Desktop", "server": "Server", "network": "Network Device"}
    category = listed["kind"].map(kinds)
    table = pd.DataFrame(
        {
            "id": number,
            "uid": "d-" + number,
            "siteName": rmm_names(portfolio),
            "hostname": listed["device"],
            "deviceType.category": category.mask(
                (category == "Desktop") & (listed["device_id"] % 3 == 0), "Laptop"
            ),
            "deviceType.type": "Main System Chassis",
            "deviceClass": pd.Series("device", listed.index).mask(network, "rmmnetworkdevice"),
            "operatingSystem": listed["kind"].map(SYSTEMS),
            "online": listed["counts"].map({True: "true", False: "false"}),
            "suspended": "false",
            "deleted": "false",
            "creationDate": _epoch(listed["added_on"], 1000),
            "lastSeen": _epoch(listed["last_seen"], 1000),
        }
    )
    return by_day("devices", "json", table, listed["as_of"])


def _epoch(local: pd.Series, per_second: int) -> pd.Series:
    """Whole seconds or milliseconds since 1970 in UTC, as text."""
    seconds = (utc(local) - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    return (seconds * per_second).astype("str")
