"""`[api]` of a profile: how a system gives its records itself; read by the one client of `rhem pull`.

Texts are templates: `{name}` is a secret of that name, `{token}` what the sign-in gave, `{since}` and `{until}`
the span that is read, `{page}`, `{after}` (key of the last record) and `{id}` (of the list named in `each`). A
parameter with a mark that has no value yet is left out. Dots lead into nested answers: `pageDetails.nextPageUrl`.
"""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PULLED = re.compile(  # what `rhem pull` stored: the system, and the table after the time of the pull
    r"exports/(?P<profile>[^/]+)/(?P<at>20\d\d-\d\d-\d\dT\d{6})/(?P<table>[a-z_]+)-"
)


def is_pulled(label: str) -> bool:
    """Whether a file is a page that `rhem pull` stored, of a list that is proven whole.

    >>> is_pulled("exports/syncro/2026-11-28T051908/tickets-tickets-all-p00001.json")
    True
    """
    return PULLED.match(label) is not None


def variable_of(system: str, name: str) -> str:
    """Return the environment variable in which a secret of a system is looked for.

    >>> variable_of("datto-rmm", "api_key")
    'DATTO_RMM_API_KEY'
    """
    return f"{system}_{name}".upper().replace("-", "_")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Zone(_Data):
    """Where a vendor says which of its addresses is the customer's: `field` of the answer, `suffix` added."""

    path: str
    params: dict[str, str] = {}
    field: str
    suffix: str = ""


class SignIn(_Data):
    """A POST that gives a token; a path from / starts at the host."""

    path: str
    fields: dict[str, str]
    sent_as: Literal["form", "json", "multipart"] = "form"
    basic: tuple[str, str] | None = None
    token: str


class ApiList(_Data):
    """One list of records: its table, the path it has, and what of it is read again.

    `read`: `changed` since the last pull (and a day before it); `months`, of which the last `again_days` are
    read again, for edits are invisible; `whole`; `snapshot`, a list of devices that is dated with its day.
    `mirror` is a copy of an RMM's list, left out where a source gives that list itself. `each` reads it once per
    record of another list.
    """

    name: str = Field(pattern=r"^[a-z_]+(-[a-z]+)*$")
    path: str
    params: dict[str, str] = {}
    records: str = ""
    key: list[str] = ["id"]
    read: Literal["changed", "months", "whole", "snapshot"] = "whole"
    again_days: int = Field(60, ge=1)
    once: bool = False
    mirror: bool = False
    each: str = ""

    @property
    def table(self) -> str:
        """The canonical table, which is the first part of the name."""
        return self.name.partition("-")[0]


class Api(_Data):
    """A system's interface: address, secrets, sign-in, paging, limit, and lists.

    `paging`: `link` (header Link), `next` (`next_url` in the answer), `page` (numbers), `after` (key of the last).
    `steady`: pages go by key, so that none shifts while another is read. `limit` requests in `per` seconds are
    the vendor's, or `assumed` where none is published. `count` is a path and the field of its answer; `total` a
    field of each page; `records` leads to the records where a list does not say. `success` is a field that is
    false for an error inside a 200, whose text is in `error`.
    """

    url: str = ""
    example: str = ""
    secrets: list[str]
    zone: Zone | None = None
    sign_in: SignIn | None = None
    basic: tuple[str, str] | None = None
    headers: dict[str, str] = {}
    params: dict[str, str] = {}
    paging: Literal["link", "next", "page", "after"]
    next_url: str = ""
    steady: bool = False
    records: str = ""
    count: tuple[str, str] | None = None
    total: str = ""
    success: str = ""
    error: str = ""
    limit: int = Field(gt=0)
    per: int = Field(gt=0)
    assumed: bool = False
    lists: list[ApiList] = Field(min_length=1)
