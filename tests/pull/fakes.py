"""Vendors on loopback, in their public shapes: sign-in, paging, filters, and faults that are asked for."""

import base64
import json
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from werkzeug import Response

from rhem_lib.pull import Clock

SECRET = "hun%ter2&Zq9"  # planted: in no file, log or message
SECRETS = {
    "connectwise": ["company", "public_key", "private_key", "client_id"],
    "autotask": ["user", "secret", "integration_code"],
    "halopsa": ["client_id", "client_secret"],
    "syncro": ["api_key"],
    "kaseya-bms": ["user", "password", "tenant"],
    "ninjaone": ["client_id", "client_secret"],
    "datto-rmm": ["api_key", "secret_key"],
    "automate": ["user", "password", "client_id"],
}
BASES = {
    "connectwise": "/v4_6_release/apis/3.0", "autotask": "/ATServicesRest/V1.0", "halopsa": "/api",
    "syncro": "/api/v1", "kaseya-bms": "/v2", "ninjaone": "/v2", "datto-rmm": "/api/v2", "automate": "/cwa/api/v1",
}  # fmt: skip


class FakeClock(Clock):
    """A clock that waits without waiting."""

    def __init__(self, now=datetime(2026, 10, 15, 12, tzinfo=UTC)):
        self.time, self.slept = now, []

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


@dataclass
class Row:
    """A record of the vendor, with what its filters look at."""

    record: dict
    changed: str = "2026-01-01T00:00:00Z"
    created: str = "2026-01-01T00:00:00Z"
    gone: bool = False


@dataclass
class Fake:
    """One vendor's server: lists of rows by path, and what was asked of it."""

    system: str
    lists: dict[str, list[Row]]
    clock: Clock
    cap: int = 0  # on the size of pages, below what is asked for
    faults: deque = field(default_factory=deque)  # each takes the place of one answer
    on_page: object = None  # called with path and how many of its pages were asked for
    asked: list = field(default_factory=list)  # time, method and path of each request
    token: str = "token-1"
    dated: bool = True
    signed_in: int = 0

    def serve(self, server):
        server.expect_request(re.compile(".*")).respond_with_handler(self.handle)
        self.url = server.url_for(BASES[self.system]).replace("localhost", "127.0.0.1")
        return self

    def handle(self, request):
        path = request.path.removeprefix(BASES[self.system]).strip("/")
        self.asked.append((self.clock.now().timestamp(), request.method, path))
        fault = self.faults.popleft() if self.faults else None
        response = fault(self, request) if fault else None
        if response is None:
            if self.on_page:
                self.on_page(path, sum(path == p for _, _, p in self.asked))
            response = ANSWERS[self.system](self, request, path)
        if self.dated:  # beside the server's own, so that neither counts
            response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return response

    def rows(self, path, since="", until="", by="changed"):
        kept = [row for row in self.lists.get(path, []) if not row.gone]
        return [r.record for r in kept if getattr(r, by) >= since and (not until or getattr(r, by) < until)]

    def size(self, wanted):
        return min(int(wanted), self.cap or 10**6)

    def signed(self, request):
        return request.headers.get("Authorization") == f"Bearer {self.token}"

    def expire(self):
        self.token = f"token-{len(self.asked)}"


def answer(body, status=200, **headers):
    return Response(json.dumps(body), status, headers, content_type="application/json")


def status(code, **headers):
    return lambda fake, request: Response(
        "nothing for you", code, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def cut(fake, request):
    """Half an answer."""
    return Response('{"items": [{"id": 1, ', 200, content_type="application/json")


def page_of(records, number, size):
    return records[(number - 1) * size : number * size]


def connectwise(fake, request, path):
    given = base64.b64encode(f"{SECRET}+{SECRET}:{SECRET}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {given}" or request.headers.get("clientId") != SECRET:
        return answer({"code": "Unauthorized"}, 401)
    since = re.search(r"lastUpdated >= \[([^\]]+)\]", request.args.get("conditions", ""))
    records = fake.rows(path.removesuffix("/count"), since[1] if since else "")
    if path.endswith("/count"):
        return answer({"count": len(records)})
    after, size = int(request.args.get("pageId", 0)), min(fake.size(request.args.get("pageSize", 25)), 1000)
    rest = sorted((r for r in records if r["id"] > after), key=lambda r: r["id"])
    fields = request.args["fields"].split(",")
    page = [{name: r[name] for name in fields if name in r} for r in rest[:size]]
    if len(rest) <= size:
        return answer(page)
    link = request.url.split("&pageId")[0] + f"&pageId={page[-1]['id']}"
    return answer(page, Link=f'<{link}>; rel="next"')


def autotask(fake, request, path):
    if path == "zoneInformation":
        return answer({"url": fake.url.removesuffix("/V1.0") + "/"})
    if [request.headers.get(name) for name in ("UserName", "Secret", "ApiIntegrationCode")] != [SECRET] * 3:
        return answer({"errors": ["not signed in"]}, 401)
    if path.endswith("entityInformation/fields"):
        return answer({"fields": fake.rows(path)})
    search = json.loads(request.args["search"])
    name = path.partition("/")[0]
    given = search["filter"][0]
    records = fake.rows(name, given["value"] if isinstance(given["value"], str) else "")
    if path.endswith("/count"):
        return answer({"queryCount": len(records)})
    after, size = int(request.args.get("after", 0)), min(fake.size(search["MaxRecords"]), 500)
    rest = sorted((r for r in records if r["id"] > after), key=lambda r: r["id"])
    page = [{n: r[n] for n in search.get("IncludeFields", r) if n in r} for r in rest[:size]]
    link = f"{request.url.split('&after')[0]}&after={page[-1]['id']}" if len(rest) > size else None
    return answer({"items": page, "pageDetails": {"count": len(page), "nextPageUrl": link, "prevPageUrl": None}})


def changed(fake, path, args, timed, since):
    """Records created between two days, of time entries, or changed since one."""
    if path in timed:
        return fake.rows(path, *(args[name] for name in timed[path]), by="created")
    return fake.rows(path, args.get(since, ""))


def halopsa(fake, request, path):
    if path == "auth/token":
        return signed(fake, request.form["client_secret"], "access_token")
    if not fake.signed(request):
        return answer({}, 401)
    args = request.args
    records = changed(fake, path, args, {"Actions": ("startdate", "enddate")}, "lastupdatefromdate")
    names = {"ClientContract": "contracts", "Client": "clients", "Asset": "assets"}
    page = page_of(records, int(args["page_no"]), fake.size(args["page_size"]))
    return answer({"record_count": len(records), names.get(path, path.lower()): page})


def syncro(fake, request, path):
    if request.headers.get("Authorization") != f"Bearer {SECRET}":
        return answer({}, 401)
    args = request.args
    records = changed(fake, path, args, {"ticket_timers": ("created_at_gt", "created_at_lt")}, "since_updated_at")
    size = fake.size(25)
    meta = {"total_pages": -(-len(records) // size), "total_entries": len(records), "page": int(args["page"])}
    return answer({path.removeprefix("customer_"): page_of(records, int(args["page"]), size), "meta": meta})


def kaseya(fake, request, path):
    if path == "security/authenticate":
        if request.form["Password"] != SECRET:
            return answer({"Success": False, "Error": {"Message": f"no such user {request.form['Password']}"}})
        fake.signed_in += 1
        return answer({"Success": True, "Result": {"AccessToken": fake.token}})
    if not fake.signed(request):
        return answer({}, 401)
    args = request.args
    timed = {"timelogs": ("Filter.StartDateFrom", "Filter.StartDateTo")}
    records = changed(fake, path, args, timed, "Filter.LastActivityUpdateFrom")
    page = page_of(records, int(args["PageNumber"]), fake.size(args["PageSize"]))
    return answer({"Success": True, "Error": None, "Result": page, "TotalRecords": len(records)})


def ninjaone(fake, request, path):
    if path == "ws/oauth/token":
        return signed(fake, request.form["client_secret"], "access_token")
    if not fake.signed(request):
        return answer({}, 401)
    rest = [r for r in fake.rows(path) if r["id"] > int(request.args.get("after", 0))]
    return answer(rest[: fake.size(request.args["pageSize"])])


def datto(fake, request, path):
    if path == "auth/oauth/token":
        public = request.headers["Authorization"] == "Basic " + base64.b64encode(b"public-client:public").decode()
        return signed(fake, request.form["password"] if public else "", "access_token")
    if not fake.signed(request):
        return answer({}, 401)
    number, size, records = int(request.args.get("page", 1)), fake.size(request.args["max"]), fake.rows(path)
    link = f"{fake.url}/{path}?max={size}&page={number + 1}" if number * size < len(records) else None
    details = {"count": size, "totalCount": len(records), "prevPageUrl": None, "nextPageUrl": link}
    return answer({"pageDetails": details, "devices": page_of(records, number, size)})


def automate(fake, request, path):
    if path == "apitoken":
        return signed(fake, request.json["Password"], "AccessToken")
    if not fake.signed(request) or request.headers["clientId"] != SECRET:
        return answer({}, 401)
    return answer(page_of(fake.rows(path), int(request.args["page"]), fake.size(request.args["pagesize"])))


def signed(fake, secret, name):
    if secret != SECRET:
        return answer({"error": f"wrong secret {secret}"}, 401)
    fake.signed_in += 1
    return answer({name: fake.token, "expires_in": 3600})


ANSWERS = {
    "connectwise": connectwise, "autotask": autotask, "halopsa": halopsa, "syncro": syncro, "kaseya-bms": kaseya,
    "ninjaone": ninjaone, "datto-rmm": datto, "automate": automate,
}  # fmt: skip
