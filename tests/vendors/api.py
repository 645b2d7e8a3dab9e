"""Exports as files: CSV, or the JSON that an API answers with."""

import json
import re
from typing import Any

import pandas as pd

from rhem_lib.simulate.export import csv_text

PAGE_SIZES = {  # records an API gives at a time; other lists come whole
    "actions": 100, "contracts": 100, "departments": 100, "devices": 250, "issues": 50, "items": 500,
    "tickets": 100, "ticket_timers": 25, "time_entries": 100, "worklogs": 50,
}  # fmt: skip


def text(name: str, table: pd.DataFrame) -> str:
    """Text of a file, by the ending of its name."""
    return csv_text(name, table) if name.endswith(".csv") else _json_text(name, table)


def _json_text(name: str, table: pd.DataFrame) -> str:
    """Records of an API, in the pages it gives them in: what is listed is the first word of the file name."""
    listed = re.split(r"[-.]", name)[0]
    records = [_record(row) for row in table.to_dict("records")]
    size = PAGE_SIZES.get(listed)
    if size is None:
        return json.dumps(records)
    starts = range(0, max(len(records), 1), size)
    pages = [{listed: records[at : at + size], "page": at // size + 1, "total": len(records)} for at in starts]
    return json.dumps(pages)


def _record(row: dict[Any, str]) -> dict[str, Any]:
    """Cells as a nested record; numbers, true and false as such, and nothing as null."""
    record: dict[str, Any] = {}
    for path, text in row.items():
        *outer, last = path.split(".")
        place = record
        for part in outer:
            place = place.setdefault(part, {})
        plain = text in ("true", "false") or re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text)
        place[last] = json.loads(text) if plain else text or None
    return record
