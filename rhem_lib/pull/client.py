"""One client for every system with an `[api]` in its profile: it signs in, keeps a pace, retries, and only reads.

Secrets are in memory alone: messages are masked, redirects and addresses of another host are not followed.
"""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import stamina

from rhem_lib.errors import SettingsError, SourceError
from rhem_lib.exports import Profile
from rhem_lib.interfaces import Api, SignIn, Zone, variable_of
from rhem_lib.settings import Source, masked, secret

MARK = re.compile(r"\{(\w+)\}")
ATTEMPTS = 8
LONGEST = 3600.0  # seconds that a system may ask to wait
TIMEOUT = httpx2.Timeout(60, connect=15)


class Passing(Exception):
    """A fault that may be gone at the next attempt, after `wait` seconds where the system says so."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class Clock:
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Pace:
    """At most `most` requests in any `per` seconds; `sent` has the times of those before."""

    def __init__(self, most: int, per: float, clock: Clock, sent: Iterable[float] = ()) -> None:
        self.most, self.per, self.clock, self.sent, self.until = most, per, clock, deque(sorted(sent)), 0.0
        self.count = 0

    def wait(self) -> None:
        """Wait until one more request is within the pace."""
        now = self.clock.now().timestamp()
        if len(self.sent) >= self.most:
            self.until = max(self.until, self.sent[-self.most] + self.per)
        if self.until > now:
            self.clock.sleep(self.until - now)
        self.sent.append(max(now, self.until))
        while len(self.sent) > self.most:
            self.sent.popleft()
        self.count += 1


@dataclass(frozen=True)
class Answer:
    """What a system answered: the bytes as received, what they hold, and the address of the next page."""

    content: bytes
    body: Any
    next_link: str


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a template with the values that there are.

    >>> fill("{page} of {pages}", {"page": "2"})
    '2 of {pages}'
    """
    return MARK.sub(lambda found: values.get(found[1], found[0]), text)


def dig(body: Any, path: str) -> Any:
    """Return the part of an answer that a path with dots leads to; None where there is none."""
    for part in path.split(".") if path else ():
        body = body.get(part) if isinstance(body, dict) else None
    return body


def secrets_of(source: Source, profile: Profile, api: Api) -> dict[str, str]:
    """Return what `source` refers to, by the names that the interface gives them.

    Raises
    ------
    SettingsError
        A name is unknown, or a secret is missing.
    """
    where = f"rhem.toml, [[sources]] system = '{source.system}'"
    for name in source.secrets:
        if name not in api.secrets:
            fix = f"{profile.title} needs {', '.join(api.secrets)}."
            raise SettingsError(f"'{name}' is no secret of it.", where=where, fix=fix)
    return {name: secret(reference(source, name)) for name in api.secrets}


def reference(source: Source, name: str) -> str:
    """Return where a secret is: as given, else the variable SYSTEM_NAME."""
    return source.secrets.get(name) or f"env:{variable_of(source.system, name)}"


class Client:
    """A signed-in connection to one system.

    Parameters
    ----------
    source, profile : Source, Profile
        What rhem.toml says of the system, and its interface.
    pace : Pace
        Of its requests.
    """

    def __init__(self, source: Source, profile: Profile, api: Api, pace: Pace) -> None:
        self.title, self.api, self.pace = profile.title, api, pace
        self.values = secrets_of(source, profile, api)
        self.refers = ", ".join(reference(source, name) for name in api.secrets)
        self.base, self.found, self.token = source.url or api.url, False, ""
        stamina.instrumentation.set_on_retry_hooks(())  # it would log each one, by name alone
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log addresses, which may hold a user
        self.http = httpx2.Client(timeout=TIMEOUT, follow_redirects=False, headers={"Accept": "application/json"})

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Return what is at a path of the system, or at an address of a next page, trying again where it may help.

        Raises
        ------
        SourceError
            The system refuses, does not answer, or answers something else than JSON.
        """
        again = stamina.retry_context(self._again, attempts=ATTEMPTS, timeout=None, wait_initial=1, wait_max=60)
        try:
            for attempt in again:
                with attempt:
                    return self._answer(path, params)
        except (Passing, httpx2.TransportError) as problem:
            fix = "Run the same command again: what was read is kept."
            reason = self._masked(str(problem)) or type(problem).__name__
            raise self._error(f"it does not answer after {ATTEMPTS} attempts: {reason}", path, fix) from None
        raise AssertionError  # the last attempt returns or raises

    def _again(self, problem: Exception) -> bool | float:
        """Whether to try again; where the system says when, the pace waits in place of the retries."""
        if isinstance(problem, Passing) and problem.wait is not None:
            self.pace.until = max(self.pace.until, self.pace.clock.now().timestamp() + problem.wait)
            return 0.0
        return isinstance(problem, Passing | httpx2.TransportError)

    def _answer(self, path: str, params: Mapping[str, str] | None) -> Answer:
        if self.api.zone and not self.found:
            self._find_zone(self.api.zone)
        sign_in, held = self.api.sign_in, self.token
        if sign_in and not held:
            self._sign_in(sign_in)
        response = self._send(path, params)
        if response.status_code == 401 and sign_in and held:  # it has run out
            self._sign_in(sign_in)
            response = self._send(path, params)
        body = self._checked(response, path)
        return Answer(response.content, body, response.links.get("next", {}).get("url", ""))

    def _send(self, path: str, params: Mapping[str, str] | None) -> httpx2.Response:
        values = {**self.values, "token": self.token}
        headers = {name: fill(text, values) for name, text in self.api.headers.items()}
        user, password = self.api.basic or ("", "")
        auth = httpx2.BasicAuth(fill(user, values), fill(password, values)) if user else None
        self.pace.wait()
        return self.http.get(self._address(path), params=params or None, headers=headers, auth=auth)

    def _sign_in(self, given: SignIn) -> None:
        """Exchange the secrets for a token."""
        fields = {name: fill(text, self.values) for name, text in given.fields.items()}
        sent: dict[str, Any] = {"form": {"data": fields}, "json": {"json": fields}}.get(given.sent_as) or {
            "files": {name: (None, text) for name, text in fields.items()}
        }
        self.pace.wait()
        if given.basic:
            sent["auth"] = httpx2.BasicAuth(*given.basic)
        response = self.http.post(self._address(given.path), **sent)
        self.token = str(dig(self._checked(response, given.path), given.token) or "")
        if not self.token:
            raise self._error("it gives no token for these secrets.", given.path, f"Look at {self.refers}.")

    def _find_zone(self, zone: Zone) -> None:
        """Ask which of the vendor's addresses is the customer's; secrets go to no other owner's."""
        self.pace.wait()
        params = {name: fill(text, self.values) for name, text in zone.params.items()}
        answer = self._checked(self.http.get(self._address(zone.path), params=params), zone.path)
        found = str(dig(answer, zone.field) or "").rstrip("/") + zone.suffix
        asked, given = httpx2.URL(self.base), httpx2.URL(found)
        owner = ".".join(asked.host.split(".")[-2:])
        if given.scheme != asked.scheme or not f".{given.host}".endswith(f".{owner}"):
            raise self._error(f"it names an address of another owner, {given.host}.", zone.path)
        self.base, self.found = found, True

    def _address(self, path: str) -> str:
        """Return the address of a path; a whole one only of the host that the secrets are for."""
        base = httpx2.URL(self.base)
        if "://" not in path:
            root = str(base.copy_with(path="/", query=None)) if path.startswith("/") else self.base
            return f"{root.rstrip('/')}/{path.lstrip('/')}"
        other = httpx2.URL(path)
        if (other.scheme, other.host, other.port) != (base.scheme, base.host, base.port):
            raise self._error(f"its next page is on another host, {other.host}.", "")
        return path

    def _checked(self, response: httpx2.Response, path: str) -> Any:
        """Return the JSON of an answer, or raise what it says instead."""
        code = response.status_code
        if code == 429 or code >= 500:
            raise Passing(f"status {code}", self._asked_wait(response, path))
        if code in (401, 403):
            right = "The API user may not read it; some systems also block an address for minutes" * (code == 403)
            fix = f"{right or 'The secrets are wrong or have run out'}: look at {self.refers}."
            raise self._error(f"it refuses (status {code}).", path, fix)
        if code >= 300:
            fix = "Correct the url of this source in rhem.toml."
            raise self._error(f"it answers with status {code}: {self._masked(response.text[:200])}", path, fix)
        self._check_clock(response)
        try:
            body = json.loads(response.content)
        except ValueError:
            web = response.content.lstrip()[:1] == b"<"
            raise Passing("a web page" if web else "an answer that is cut or no JSON") from None
        if self.api.success and dig(body, self.api.success) is False:
            raise Passing(self._masked(f"an error: {dig(body, self.api.error)}"))
        return body

    def _asked_wait(self, response: httpx2.Response, path: str) -> float | None:
        """Seconds that a system asks to wait, as a number or a date."""
        asked = response.headers.get("retry-after", "")
        if not asked:
            return None
        try:
            seconds = float(asked) if asked.isdecimal() else self._seconds_to(asked)
        except (ValueError, TypeError):
            return None
        if seconds > LONGEST:
            hours = timedelta(seconds=round(seconds))
            raise self._error(f"it asks to wait {hours} hours.", path, "Run the same command again then.")
        return max(seconds, 0.0)

    def _seconds_to(self, date: str) -> float:
        return (parsedate_to_datetime(date) - self.pace.clock.now()).total_seconds()

    def _check_clock(self, response: httpx2.Response) -> None:
        """Stop where this computer's clock is far off: what changed since the last pull would be lost."""
        off = 0.0
        with suppress(ValueError, TypeError):  # no date, or none with a zone
            off = abs(self._seconds_to(response.headers.get("date", "")))
        if off > 12 * 3600:
            fix = "Set the clock of this computer."
            raise self._error(f"its clock and this computer's are {off / 3600:.0f} hours apart.", "", fix)

    def _masked(self, text: str) -> str:
        return masked(text, *self.values.values(), self.token)

    def _error(self, what: str, path: str, fix: str = "") -> SourceError:
        where = self.title + (f", {self._masked(path.partition('?')[0])}" if path else "")
        return SourceError(self._masked(what), where=where, fix=fix)


def list_of(body: Any, path: str) -> list[dict[str, Any]]:
    """Return the records of an answer."""
    found = dig(body, path)
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


def keys_of(records: Iterable[dict[str, Any]], key: list[str]) -> Iterator[str]:
    """Yield the key of each record."""
    for record in records:
        yield "/".join(str(record.get(part)) for part in key)
