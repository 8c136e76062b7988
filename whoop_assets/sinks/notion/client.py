"""Notion's API as far as it is needed, through `notion-client`: at Notion's pace, with what passes tried again.

The library's own retries are off: they do not know that other processes send too, and leave out most of what passes.
"""

import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import ModuleType, TracebackType
from typing import Any, Protocol, Self

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError
from whoop_assets.sinks.notion.errors import (
    NotionDenied,
    NotionError,
    NotionMissing,
    NotionNotInstalled,
    NotionRefused,
    NotionUnavailable,
    OutcomeUnknown,
)
from whoop_assets.whoop_api.transport import checked_base_url, open_http

log = logging.getLogger(__name__)

API_VERSION = "2025-09-03"
TIMEOUT_SECONDS = 30
ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds. What Notion asks to wait for its limit of requests is at most that; for a longer wait a run is no place."""

BACKOFF_FIRST, BACKOFF_MOST = 0.5, 16.0
PAGE_SIZE = 100
MOST_PAGES = 1000

_SERVICE_OVERLOAD = 529
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"")


class Pace(Protocol):
    """Who says when a request may be sent."""

    def next_slot(self) -> tuple[datetime, datetime]:
        """Take the next slot: its time, which may lie ahead, and the present by the same clock."""
        ...

    def hold(self, seconds: float) -> None:
        """Nobody is to send a request for so long."""
        ...


class OwnPace:
    """The pace of a command that sends a few requests by itself."""

    def __init__(self, clock: Clock, apart: float = 0.34) -> None:
        self._clock, self._apart = clock, apart
        self._free = clock.now()

    def next_slot(self) -> tuple[datetime, datetime]:
        now = self._clock.now()
        slot = max(self._free, now)
        self._free = slot + timedelta(seconds=self._apart)
        return slot, now

    def hold(self, seconds: float) -> None:
        self._free = max(self._free, self._clock.now() + timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong, whether it passes by itself, and whether the request may have been carried out all the same."""

    error: NotionError
    passes: bool
    maybe_done: bool
    retry_after: float | None = None


class Notion:
    """The requests of one run or command. `requests`, `retries` and `limited` (429s) count attempts."""

    def __init__(
        self, token: str, url: str, pace: Pace, clock: Clock, *, jitter: random.Random | None = None
    ) -> None:
        """Raises NotionNotInstalled without the extra, and ConfigurationError for a URL that is none."""
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError("NOTION_TOKEN cannot be sent: copy the integration's secret again.")
        self.requests = self.retries = self.limited = 0
        self.waited_seconds = 0.0
        self._pace, self._clock = pace, clock
        self._jitter = jitter or random.Random()
        self._library = _library()
        self._http = open_http()
        # Its log would quote what Notion says, and Notion quotes what it was sent.
        silent = logging.getLogger(f"{__name__}.notion_client")
        self._client = self._library.Client(
            client=self._http,
            auth=token,
            base_url=checked_base_url(url, "WHOOP_NOTION_URL"),
            notion_version=API_VERSION,
            timeout_ms=TIMEOUT_SECONDS * 1000,
            retry=False,
            logger=silent,
            log_level=logging.CRITICAL + 1,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def data_source(self, source: str) -> dict[str, Any]:
        """The data source with its schema. Raises NotionMissing, which names the data sources of a database given
        in its place."""
        try:
            return self._send("GET data source", lambda: self._client.data_sources.retrieve(source))
        except NotionMissing as missing:
            try:
                database = self._send("GET database", lambda: self._client.databases.retrieve(source))
            except NotionError:
                raise missing from None
            ids = [str(one.get("id")) for one in database.get("data_sources") or ()]
            raise NotionMissing(
                f"WHOOP_NOTION_DATA_SOURCE is the id of a database: set it to that of its data source,"
                f" {' or '.join(ids) or 'of which it has none'}."
            ) from None

    def pages(
        self, source: str, where: Mapping[str, Any], *, in_bin: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The pages that the filter finds, oldest first; those in the bin, or those that are not."""
        query: dict[str, Any] = {
            "filter": dict(where),
            "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
            "page_size": PAGE_SIZE,
        }
        if in_bin:
            query["in_trash"] = True
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            answer = self._send("query", lambda: self._client.data_sources.query(source, **query))
            for page in answer.get("results") or ():
                if page.get("object") == "page" and _in_bin(page) == in_bin:
                    yield page
            cursor = answer.get("next_cursor")
            if not answer.get("has_more") or not cursor:
                return
            if cursor in seen:
                break
            seen.add(cursor)
            query["start_cursor"] = cursor
        raise NotionUnavailable("Notion's list of pages has no end: try again later.")

    def create(self, source: str, properties: Mapping[str, Any], *, until: datetime) -> str:
        """Make a page; returns its id. Raises OutcomeUnknown where it may have been made without an answer, and
        NotionUnavailable where its turn has not come until then."""
        parent = {"type": "data_source_id", "data_source_id": source}
        page = self._send(
            "POST page",
            lambda: self._client.pages.create(parent=parent, properties=dict(properties)),
            repeatable=False,
            until=until,
        )
        return str(page["id"])

    def update(self, page: str, properties: Mapping[str, Any]) -> bool:
        """Set these properties of the page, and no others; returns False when it is in the bin."""
        return not _in_bin(
            self._send("PATCH page", lambda: self._client.pages.update(page, properties=dict(properties)))
        )

    def trash(self, page: str) -> None:
        """Move the page to the trash; a page that is there already stays there. Raises NotionMissing if it is gone."""
        try:
            self._send("PATCH page", lambda: self._client.pages.update(page, in_trash=True))
        except NotionRefused:
            # Notion edits no page that is in the trash.
            if not self.page(page).in_bin:
                raise

    def page(self, page: str) -> "Whereabouts":
        """Where the page is. Raises NotionMissing."""
        found = self._send("GET page", lambda: self._client.pages.retrieve(page))
        parent = found.get("parent") or {}
        return Whereabouts(in_bin=_in_bin(found), source=_same_form(str(parent.get("data_source_id"))))

    def create_database(self, parent: str, title: str, properties: Mapping[str, Any]) -> tuple[str, str]:
        """Make a database with one data source on a page; returns the data source's id and the database's address."""
        made = self._send(
            "POST database",
            lambda: self._client.databases.create(
                parent={"type": "page_id", "page_id": parent},
                title=[{"type": "text", "text": {"content": title}}],
                initial_data_source={"properties": dict(properties)},
            ),
            repeatable=False,
        )
        sources = made.get("data_sources") or []
        if not sources:
            raise OutcomeUnknown(
                "Notion made a database and did not name its data source: look for it on the page."
            )
        return str(sources[0]["id"]), str(made.get("url") or "")

    # One path for every request

    def _send(
        self,
        what: str,
        call: Callable[[], Any],
        *,
        repeatable: bool = True,
        until: datetime | None = None,
    ) -> dict[str, Any]:
        faults = 0
        while True:
            self._wait_for_slot()
            if until is not None and self._clock.now() > until:
                raise NotionUnavailable(f"The turn of {what} came too late: it was not sent.")
            self.requests += 1
            try:
                answer = call()
                if isinstance(answer, dict) and (answer.get("id") or answer.get("object") == "list"):
                    return answer
                fault = _Fault(_unreadable(what), passes=True, maybe_done=True)
            except Exception as error:  # noqa: BLE001 - sorted out below; what is not the library's is raised again
                fault = self._fault(what, error)
            if not repeatable and fault.maybe_done:
                raise OutcomeUnknown(f"{fault.error} Whether it was carried out is not known.") from None
            faults += 1
            if not fault.passes or faults >= ATTEMPTS:
                raise fault.error from None
            self._pause(what, fault, faults)
            self.retries += 1

    def _wait_for_slot(self) -> None:
        slot, now = self._pace.next_slot()
        wait = (slot - now).total_seconds()
        if wait > LONGEST_WAIT:
            raise NotionUnavailable(
                f"Notion asks not to be asked before {slot:%Y-%m-%d %H:%M:%S} UTC.", retry_at=slot
            )
        if wait > 0:
            self.waited_seconds += wait
            self._clock.sleep(wait)

    def _pause(self, what: str, fault: _Fault, faults: int) -> None:
        if fault.retry_after is None:
            wait = self._jitter.uniform(0.0, min(BACKOFF_MOST, BACKOFF_FIRST * 2**faults))
            log.info("%s Attempt %d of %d in %.1f s.", fault.error, faults + 1, ATTEMPTS, wait)
            self.waited_seconds += wait
            self._clock.sleep(wait)

    def _fault(self, what: str, error: Exception) -> _Fault:
        errors = self._library.errors
        if isinstance(error, errors.HTTPResponseError):
            return self._answered(what, error)
        # What the library's own transport raises is let through by it.
        transport = self._library.client.httpx
        if isinstance(error, transport.ConnectError | transport.ConnectTimeout):
            return _Fault(_no_answer(what, error), passes=True, maybe_done=False)
        if isinstance(error, errors.RequestTimeoutError | transport.RequestError | ValueError):
            return _Fault(_no_answer(what, error), passes=True, maybe_done=True)
        raise error

    def _answered(self, what: str, error: Any) -> _Fault:
        status, code = int(error.status), str(getattr(error.code, "value", error.code))
        known = self._library.errors.APIResponseError.is_api_response_error(error)
        said = f": {_QUOTED.sub('...', str(error))[:300]}" if known else ""
        sentence = f"{what} was answered {status} ({code}) by Notion{said}"
        sentence = sentence if sentence.endswith(".") else f"{sentence}."
        if status in (HTTPStatus.TOO_MANY_REQUESTS, _SERVICE_OVERLOAD):
            self.limited += status == HTTPStatus.TOO_MANY_REQUESTS
            seconds = _seconds(error.headers.get("retry-after"), self._clock.now())
            if seconds is not None:
                self._pace.hold(seconds)
            return _Fault(
                NotionUnavailable(sentence), passes=True, maybe_done=status != 429, retry_after=seconds
            )
        if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            return _Fault(NotionUnavailable(sentence), passes=True, maybe_done=True)
        if status == HTTPStatus.CONFLICT:
            return _Fault(NotionRefused(sentence), passes=True, maybe_done=True)
        return _Fault(_refusal(sentence, status, known=known), passes=False, maybe_done=False)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a page is: in the bin, and in which data source."""

    in_bin: bool
    source: str


def notion_id(text: str, name: str) -> str:
    """The id in what was given: an id with or without hyphens, or an address that ends with one.

    Raises ConfigurationError, naming the setting or option it came from.
    """
    found = _ID.findall(text.split("?")[0].split("#")[0])
    if not found:
        raise ConfigurationError(f"{name} is not an id of Notion's, nor an address with one: copy it again.")
    return _same_form(found[-1])


def _same_form(text: str) -> str:
    digits = text.replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _library() -> ModuleType:
    try:
        import notion_client
        import notion_client.client
        import notion_client.errors
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("notion_client"):
            raise
        raise NotionNotInstalled(
            "notion-client is not installed: install the optional extra, `pip install 'whoop-assets[notion]'`."
        ) from None
    return notion_client


def _in_bin(page: Mapping[str, Any]) -> bool:
    return bool(page.get("in_trash") or page.get("archived"))


def _refusal(sentence: str, status: int, *, known: bool) -> NotionError:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotionDenied(
            f"{sentence} Check NOTION_TOKEN, and that the integration may read, insert and update content."
        )
    if status == HTTPStatus.NOT_FOUND and known:
        return NotionMissing(
            f"{sentence} Check the id, and share the page or database with the integration (its menu, Connections)."
        )
    if not known:
        return NotionUnavailable(f"{sentence} This is not Notion: check WHOOP_NOTION_URL and the network.")
    return NotionRefused(sentence)


def _no_answer(what: str, error: Exception) -> NotionUnavailable:
    return NotionUnavailable(f"{what} got no whole answer from Notion ({type(error).__name__}).")


def _unreadable(what: str) -> NotionUnavailable:
    return NotionUnavailable(f"{what} got an answer from Notion that cannot be read.")


def _seconds(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header: a number of seconds or a date; None when there is none to read."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
