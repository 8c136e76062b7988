"""Client for the part of Notion's API that the sink uses, built on `notion-client`.

Requests follow Notion's rate limit and transient errors are retried. The library's own retries are off: they
ignore the requests of other processes, and most transient errors.
"""

import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import ModuleType
from typing import Any, Protocol, Self

import tenacity

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError
from whoop_assets.retry import Backoff, parse_retry_after, retrying
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.errors import (
    NotionDenied,
    NotionError,
    NotionMissing,
    NotionNotInstalled,
    NotionRefused,
    NotionUnavailable,
    OutcomeUnknown,
)
from whoop_assets.whoop_api.http.transport import checked_base_url, open_http

log = logging.getLogger(__name__)

API_VERSION = "2025-09-03"
TIMEOUT_SECONDS = 30
MAX_ATTEMPTS = 5
MAX_WAIT_SECONDS = 60.0
"""Longest wait for a slot within a run. A later slot ends the run, and a later run continues."""

MAX_BACKOFF_SECONDS = 16.0
PAGE_SIZE = 100
MAX_PAGES = 1000

_SERVICE_OVERLOAD = 529
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"")


class RequestSlots(Protocol):
    """Spaces the requests to Notion."""

    def next_slot(self) -> tuple[datetime, datetime]:
        """Takes the next slot.

        Returns its time, which may be in the future, and the current time by the same clock.
        """
        ...

    def hold(self, seconds: float) -> None:
        """Delays all further requests by that time."""
        ...


class Notion:
    """Requests of one run or command. `requests`, `retries` and `limited` (429 responses) count attempts."""

    def __init__(self, settings: Settings, slots: RequestSlots, clock: Clock) -> None:
        """Opens the HTTP client.

        Raises:
            NotionNotInstalled: The optional extra is missing.
            ConfigurationError: The token or the URL is invalid.
        """
        token = settings.notion_token.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError(
                "NOTION_TOKEN contains invalid characters: copy the integration's secret again."
            )
        self.requests = self.retries = self.limited = 0
        self.waited_seconds = 0.0
        self._slots, self._clock = slots, clock
        self._backoff = Backoff(random.Random(), max_seconds=MAX_BACKOFF_SECONDS)
        self._library = _library()
        self._http = open_http()
        # The library's log contains Notion's error messages, which quote the request.
        silent = logging.getLogger(f"{__name__}.notion_client")
        self._client = self._library.Client(
            client=self._http,
            auth=token,
            base_url=checked_base_url(settings.notion_url, "WHOOP_NOTION_URL"),
            notion_version=API_VERSION,
            timeout_ms=TIMEOUT_SECONDS * 1000,
            retry=False,
            logger=silent,
            log_level=logging.CRITICAL + 1,
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def data_source(self, source: str) -> dict[str, Any]:
        """Returns the data source with its schema.

        Raises:
            NotionMissing: There is no such data source. If the id belongs to a database, the message names
                its data sources.
        """
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
                f" {' or '.join(ids) or 'but it has none'}."
            ) from None

    def pages(
        self, source: str, where: Mapping[str, Any], *, in_trash: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yields the pages that match the filter, oldest first: those in the trash, or all others."""
        query: dict[str, Any] = {
            "filter": dict(where),
            "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
            "page_size": PAGE_SIZE,
        }
        if in_trash:
            query["in_trash"] = True
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            answer = self._send("query", lambda: self._client.data_sources.query(source, **query))
            for page in answer.get("results") or ():
                if page.get("object") == "page" and _in_trash(page) == in_trash:
                    yield page
            cursor = answer.get("next_cursor")
            if not answer.get("has_more") or not cursor:
                return
            if cursor in seen:
                break
            seen.add(cursor)
            query["start_cursor"] = cursor
        raise NotionUnavailable("Notion's list of pages does not end: try again later.")

    def create(self, source: str, properties: Mapping[str, Any], *, until: datetime) -> str:
        """Creates a page and returns its id.

        Raises:
            OutcomeUnknown: The response is missing, so the page may exist.
            NotionUnavailable: There was no slot before `until`.
        """
        parent = {"type": "data_source_id", "data_source_id": source}
        page = self._send(
            "POST page",
            lambda: self._client.pages.create(parent=parent, properties=dict(properties)),
            repeatable=False,
            until=until,
        )
        return str(page["id"])

    def update(self, page: str, properties: Mapping[str, Any]) -> bool:
        """Sets these properties of the page. Returns False if the page is in the trash."""
        return not _in_trash(
            self._send("PATCH page", lambda: self._client.pages.update(page, properties=dict(properties)))
        )

    def trash(self, page: str) -> None:
        """Moves the page to the trash, if it is not there.

        Raises NotionMissing if the page does not exist.
        """
        try:
            self._send("PATCH page", lambda: self._client.pages.update(page, in_trash=True))
        except NotionRefused:
            # Notion refuses changes of a page in the trash.
            if not self.page(page).in_trash:
                raise

    def page(self, page: str) -> "PageLocation":
        """Returns where the page is. Raises NotionMissing."""
        found = self._send("GET page", lambda: self._client.pages.retrieve(page))
        parent = found.get("parent") or {}
        return PageLocation(
            in_trash=_in_trash(found), source=_canonical_id(str(parent.get("data_source_id")))
        )

    def create_database(self, parent: str, title: str, properties: Mapping[str, Any]) -> tuple[str, str]:
        """Creates a database with one data source on a page.

        Returns the data source's id and the database's URL.
        """
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
                "Notion created a database without naming its data source: look for it on the page."
            )
        return str(sources[0]["id"]), str(made.get("url") or "")

    def _send(
        self,
        what: str,
        call: Callable[[], Any],
        *,
        repeatable: bool = True,
        until: datetime | None = None,
    ) -> dict[str, Any]:
        caller = retrying(
            self._clock,
            wait=self._wait,
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            retry=lambda error: isinstance(error, NotionError) and error.retryable,
            before_sleep=self._count_retry,
        )
        response: dict[str, Any] = caller(self._attempt, what, call, repeatable, until)
        return response

    def _attempt(
        self, what: str, call: Callable[[], Any], repeatable: bool, until: datetime | None
    ) -> dict[str, Any]:
        self._wait_for_slot()
        if until is not None and self._clock.now() > until:
            raise NotionUnavailable(f"{what} was not sent: its slot was too late.")
        self.requests += 1
        try:
            response = call()
            if isinstance(response, dict) and (response.get("id") or response.get("object") == "list"):
                return response
            error: NotionError = NotionUnavailable(
                f"{what}: Notion's response cannot be read.", retryable=True
            )
            maybe_done = True
        except Exception as cause:  # noqa: BLE001 - errors of other libraries are raised again
            error, maybe_done = self._error(what, cause)
        if not repeatable and maybe_done:
            raise OutcomeUnknown(f"{error} Notion may have executed the request.") from None
        raise error from None

    def _wait_for_slot(self) -> None:
        slot, now = self._slots.next_slot()
        wait = (slot - now).total_seconds()
        if wait > MAX_WAIT_SECONDS:
            raise NotionUnavailable(
                f"Notion permits the next request at {slot:%Y-%m-%d %H:%M:%S} UTC.", retry_at=slot
            )
        if wait > 0:
            self.waited_seconds += wait
            self._clock.sleep(wait)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        # The slots already contain a wait that Notion stated.
        return 0.0 if _last_error(state).retry_after is not None else self._backoff(state)

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        self.retries += 1
        self.waited_seconds += state.upcoming_sleep
        log.info(
            "%s Attempt %d of %d in %.1f s.",
            _last_error(state),
            state.attempt_number + 1,
            MAX_ATTEMPTS,
            state.upcoming_sleep,
        )

    def _error(self, what: str, cause: Exception) -> tuple[NotionError, bool]:
        """Returns the error for a failed request, and whether Notion may have executed the request."""
        errors = self._library.errors
        if isinstance(cause, errors.HTTPResponseError):
            return self._response_error(what, cause)
        # Errors of the library's own transport pass through it.
        transport = self._library.client.httpx
        error = NotionUnavailable(
            f"{what}: no complete response from Notion ({type(cause).__name__}).", retryable=True
        )
        if isinstance(cause, transport.ConnectError | transport.ConnectTimeout):
            return error, False
        if isinstance(cause, errors.RequestTimeoutError | transport.RequestError | ValueError):
            return error, True
        raise cause

    def _response_error(self, what: str, cause: Any) -> tuple[NotionError, bool]:
        status, code = int(cause.status), str(getattr(cause.code, "value", cause.code))
        known = self._library.errors.APIResponseError.is_api_response_error(cause)
        details = f": {_QUOTED.sub('...', str(cause))[:300]}" if known else ""
        sentence = f"{what}: Notion answered {status} ({code}){details}"
        sentence = sentence if sentence.endswith(".") else f"{sentence}."
        if status in (HTTPStatus.TOO_MANY_REQUESTS, _SERVICE_OVERLOAD):
            self.limited += status == HTTPStatus.TOO_MANY_REQUESTS
            seconds = parse_retry_after(cause.headers.get("retry-after"), self._clock.now())
            if seconds is not None:
                self._slots.hold(seconds)
            error = NotionUnavailable(sentence, retryable=True, retry_after=seconds)
            return error, status != HTTPStatus.TOO_MANY_REQUESTS
        if status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT:
            return NotionUnavailable(sentence, retryable=True), True
        if status == HTTPStatus.CONFLICT:
            return NotionRefused(sentence, retryable=True), True
        return _refusal(sentence, status, known=known), False


def _last_error(state: tenacity.RetryCallState) -> NotionError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, NotionError)
    return error


@dataclass(frozen=True, slots=True)
class PageLocation:
    """Whether a page is in the trash, and its data source."""

    in_trash: bool
    source: str


def notion_id(text: str, name: str) -> str:
    """Returns the id in a text: an id with or without hyphens, or a URL that ends with one.

    Raises:
        ConfigurationError: There is no id; the message contains `name`, the setting or option.
    """
    found = _ID.findall(text.split("?")[0].split("#")[0])
    if not found:
        raise ConfigurationError(f"{name} is neither a Notion id nor a URL with one: copy it again.")
    return _canonical_id(found[-1])


def _canonical_id(text: str) -> str:
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
            "notion-client is not installed: install the optional extra, `pip install"
            " 'whoop-assets[notion]'`."
        ) from None
    return notion_client


def _in_trash(page: Mapping[str, Any]) -> bool:
    return bool(page.get("in_trash") or page.get("archived"))


def _refusal(sentence: str, status: int, *, known: bool) -> NotionError:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotionDenied(
            f"{sentence} Check NOTION_TOKEN, and that the integration may read, insert and update content."
        )
    if status == HTTPStatus.NOT_FOUND and known:
        return NotionMissing(
            f"{sentence} Check the id, and share the page or database with the integration (its menu,"
            " Connections)."
        )
    if not known:
        return NotionUnavailable(f"{sentence} This is not Notion: check WHOOP_NOTION_URL and the network.")
    return NotionRefused(sentence)
