"""Computers of the made-up MSP as the RMM systems list them, one file per month end."""

import pandas as pd

from rhem_lib.simulate.export import moments, utc
from rhem_lib.simulate.msp import Book

_SYSTEMS = {
    "workstation": "Microsoft Windows 11 Pro",
    "server": "Microsoft Windows Server 2022 Standard",
    "network": "",
}
Files = dict[str, pd.DataFrame]


def ninjaone_devices(book: Book) -> Files:
    """NinjaOne: devices with their organization, times in seconds since 1970."""
    listed = book.computers
    classes = {"workstation": "WINDOWS_WORKSTATION", "server": "WINDOWS_SERVER", "network": "NMS_SWITCH"}
    number = listed["device_id"].astype("str")
    client = _rmm_names(book)
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
            "os.name": listed["kind"].map(_SYSTEMS),
        }
    )
    return _by_day("list", "json", table, listed["as_of"])


def datto_devices(book: Book) -> Files:
    """Datto RMM: devices by site, times in milliseconds since 1970."""
    listed = book.computers
    number = listed["device_id"].astype("str")
    network = listed["kind"] == "network"
    kinds = {"workstation": "Desktop", "server": "Server", "network": "Network Device"}
    category = listed["kind"].map(kinds)
    table = pd.DataFrame(
        {
            "id": number,
            "uid": "d-" + number,
            "siteName": _rmm_names(book),
            "hostname": listed["device"],
            "deviceType.category": category.mask(
                (category == "Desktop") & (listed["device_id"] % 3 == 0), "Laptop"
            ),
            "deviceType.type": "Main System Chassis",
            "deviceClass": pd.Series("device", listed.index).mask(network, "rmmnetworkdevice"),
            "operatingSystem": listed["kind"].map(_SYSTEMS),
            "online": listed["counts"].map({True: "true", False: "false"}),
            "suspended": "false",
            "deleted": "false",
            "creationDate": _epoch(listed["added_on"], 1000),
            "lastSeen": _epoch(listed["last_seen"], 1000),
        }
    )
    return _by_day("devices", "json", table, listed["as_of"])


def automate_computers(book: Book) -> Files:
    """ConnectWise Automate: computers by client, local times."""
    listed = book.computers
    kinds = {"workstation": "Workstation", "server": "Server", "network": "NetworkDevice"}
    table = pd.DataFrame(
        {
            "Id": listed["device_id"].astype("str"),
            "ClientName": _rmm_names(book),
            "ComputerName": listed["device"],
            "Type": listed["kind"].map(kinds),
            "OperatingSystemName": listed["kind"].map(_SYSTEMS),
            "SerialNumber": listed["serial"],
            "DateAdded": moments(listed["added_on"]).str.slice(0, 10),
            "RemoteAgentLastContact": moments(listed["last_seen"]),
        }
    )
    return _by_day("computers", "csv", table, listed["as_of"])


def _rmm_names(book: Book) -> pd.Series:
    return book.computers["client"].map(book.clients.set_index("client")["rmm_name"])


def _epoch(local: pd.Series, per_second: int) -> pd.Series:
    """Whole seconds or milliseconds since 1970 in UTC, as text."""
    seconds = (utc(local) - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    return (seconds * per_second).astype("str")


def _by_day(stem: str, suffix: str, table: pd.DataFrame, day: pd.Series) -> Files:
    return {f"{stem}-{at:%Y-%m-%d}.{suffix}": rows for at, rows in table.groupby(day, sort=True)}
