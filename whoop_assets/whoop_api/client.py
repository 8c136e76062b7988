"""Client of the WHOOP API for one member: all endpoints with member data, and pagination.

`get`, `page`, `pages` and `record` return the JSON as received; loads use them and validate each record
separately. The iterators `cycles`, `sleeps`, `recoveries` and `workouts` return models, for use as a library.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.whoop_api.errors import CursorRepeated, NotFound, UnreadableResponse
from whoop_assets.whoop_api.fields import validation_reason
from whoop_assets.whoop_api.http.transport import ApiResponse, RequestSender
from whoop_assets.whoop_api.models import Cycle, Model, Recovery, Sleep, Workout
from whoop_assets.whoop_api.streams import (
    BODY_MEASUREMENT,
    CYCLES,
    PROFILE,
    RECOVERIES,
    SLEEPS,
    WORKOUTS,
    Key,
    SnapshotStream,
    Stream,
    valid_int64,
)

MAX_PAGE_SIZE = 25
MAX_IDLE_PAGES = 10
"""Consecutive pages without a new record. A few can occur when records are deleted or move to an earlier
page."""
ACCESS_PATH = "/v2/user/access"

SomeModel = TypeVar("SomeModel", bound=Model)


@dataclass(frozen=True)
class Page:
    """One page of a collection.

    Attributes:
        records: The records as received, newest first.
        next_token: The cursor of the next page; None on the last page.
        requested_at: When the budget admitted the request, by the database clock.
        endpoint: The path without the base URL.
    """

    records: list[dict[str, Any]]
    next_token: str | None
    requested_at: datetime
    endpoint: str


class Cursor:
    """Follows WHOOP's cursor through the pages of a time range and detects a lack of progress.

    Attributes:
        token: The cursor of the next request; None at first.
        followed: All cursors so far.
    """

    def __init__(self, stream: Stream) -> None:
        self.token: str | None = None
        self.followed: set[str] = set()
        self._stream = stream
        self._idle_pages = 0

    def follow(self, page: Page, *, new: int) -> str | None:
        """Continue after this page.

        Args:
            page: The page that was read.
            new: Number of its records that no earlier page had.

        Returns:
            The cursor of the next page; None if this was the last.

        Raises:
            CursorRepeated: More than `MAX_IDLE_PAGES` consecutive pages brought nothing new.
        """
        self._idle_pages = 0 if new else self._idle_pages + 1
        self.token = page.next_token
        if self.token is not None:
            if self._idle_pages > MAX_IDLE_PAGES:
                raise CursorRepeated(
                    f"GET {self._stream.path} named one next page after the other and none brought"
                    " anything new: the read was stopped.",
                    path=self._stream.path,
                )
            self.followed.add(self.token)
        return self.token


class WhoopClient(RequestSender):
    """Reads one member's data. Every method may raise ApiError, BudgetExhausted or ReconnectionNeeded."""

    def get(self, path: str, params: dict[str, str] | None = None) -> ApiResponse:
        """Read any path below the base URL."""
        return self.send("GET", path, params)

    # Collections

    def page(
        self,
        stream: Stream,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        next_token: str | None = None,
        limit: int = MAX_PAGE_SIZE,
        followed: Collection[str] = (),
    ) -> Page:
        """Read one page of the records that overlap [start, end).

        Args:
            stream: Which collection.
            start: Begin of the range, aware; None for no limit.
            end: End of the range, aware; None for no limit.
            next_token: The cursor of the page; None for the first page.
            limit: Page size, at most `MAX_PAGE_SIZE`.
            followed: Earlier cursors of this range. A page that repeats one of them is a transient fault.

        Raises:
            CursorRepeated: The page still repeats a cursor after all retries.
        """
        if not 1 <= limit <= MAX_PAGE_SIZE:
            raise ValueError(f"limit must be 1 to {MAX_PAGE_SIZE}, not {limit}")
        params = {"limit": str(limit)}
        if start is not None:
            params["start"] = instant(start)
        if end is not None:
            params["end"] = instant(end, round_up=True)
        if next_token:
            # The response spells it next_token. WHOOP ignores that spelling in a request.
            params["nextToken"] = next_token

        def check(payload: Any) -> None:
            if isinstance(payload, dict) and payload.get("next_token") in [*followed]:
                raise CursorRepeated(
                    f"GET {stream.path} named a next page that was already read: the read was stopped.",
                    path=stream.path,
                )

        return _page(self.send("GET", stream.path, params, check=check), stream)

    def pages(
        self,
        stream: Stream,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = MAX_PAGE_SIZE,
    ) -> Iterator[Page]:
        """Read all pages of [start, end), newest first.

        All pages use the same `end` (by default now), because WHOOP's cursor is an offset: a new record would
        shift the pages. Raises CursorRepeated.
        """
        end = end or self.clock.now()
        cursor = Cursor(stream)
        keys: set[str] = set()
        while True:
            page = self.page(
                stream, start=start, end=end, next_token=cursor.token, limit=limit, followed=cursor.followed
            )
            yield page
            known = len(keys)
            keys |= {str(record.get(stream.key)) for record in page.records}
            if cursor.follow(page, new=len(keys) - known) is None:
                return

    def cycles(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Cycle]:
        """Read cycles, newest first, without duplicates."""
        return self._models(CYCLES, Cycle, start, end)

    def sleeps(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Sleep]:
        """Read sleeps and naps, newest first, without duplicates."""
        return self._models(SLEEPS, Sleep, start, end)

    def recoveries(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Recovery]:
        """Read recoveries, newest first, without duplicates.

        The range selects by the start of their sleeps.
        """
        return self._models(RECOVERIES, Recovery, start, end)

    def workouts(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Workout]:
        """Read workouts, newest first, without duplicates."""
        return self._models(WORKOUTS, Workout, start, end)

    # Single records

    def record(self, stream: Stream, key: Key) -> ApiResponse:
        """Read one record by its own URL; a recovery by the id of its cycle.

        Raises NotFound, InvalidIdentifier.
        """
        return self._object(stream.record_url_path(key))

    def cycle_sleep(self, cycle_id: Key) -> ApiResponse:
        """Read the main sleep of a cycle."""
        return self._object(f"/v2/cycle/{valid_int64(cycle_id)}/sleep")

    def activity_mapping(self, v1_id: Key) -> ApiResponse:
        """Read the v2 UUID (`v2_activity_id`) of a sleep or workout with this v1 id."""
        return self._object(f"/v1/activity-mapping/{valid_int64(v1_id)}")

    # The member

    def probe(self, stream: Stream | SnapshotStream) -> None:
        """Send the cheapest request that shows whether WHOOP lets the token read the stream.

        Raises:
            WhoopError: The request failed; Unauthorized or Refused if the token cannot read the stream.
        """
        with suppress(NotFound):  # readable, but without data
            if isinstance(stream, SnapshotStream):
                self.snapshot(stream)
            else:
                self.page(stream, limit=1)

    def snapshot(self, stream: SnapshotStream) -> ApiResponse:
        """Read present values of the member. Raises NotFound if the account has none."""
        return self._object(stream.path)

    def profile(self) -> ApiResponse:
        """Read the member's id, e-mail address and name."""
        return self.snapshot(PROFILE)

    def body_measurement(self) -> ApiResponse:
        """Read the current height, weight and maximum heart rate. Raises NotFound if the account has none."""
        return self.snapshot(BODY_MEASUREMENT)

    def revoke_access(self) -> None:
        """End the member's grant at WHOOP: tokens and webhooks. Stored data stay."""
        retries = self.retries
        try:
            self.send("DELETE", ACCESS_PATH, status=204)
        except ReconnectionNeeded:
            # If the response to the first attempt was lost, that attempt has ended the grant.
            if self.retries == retries:
                raise

    def _object(self, path: str) -> ApiResponse:
        response = self.send("GET", path)
        if not isinstance(response.payload, dict):
            raise _unreadable(path, "is not a JSON object")
        return response

    def _models(
        self, stream: Stream, model: type[SomeModel], start: datetime | None, end: datetime | None
    ) -> Iterator[SomeModel]:
        seen: set[object] = set()
        for page in self.pages(stream, start=start, end=end):
            for raw in page.records:
                try:
                    record = model.model_validate(raw)
                except ValidationError as error:
                    reason = validation_reason(error)  # the error itself quotes the record
                    raise _unreadable(stream.path, f"holds an invalid record. {reason}") from None
                key = getattr(record, stream.key)
                if key not in seen:
                    seen.add(key)
                    yield record


def instant(moment: datetime, *, round_up: bool = False) -> str:
    """Return the aware time in WHOOP's format, `2026-11-20T06:30:00.000Z`.

    `round_up` rounds up to the next millisecond instead of down, for the end of a range.
    """
    if moment.tzinfo is None:
        raise ValueError("start and end must be aware of their time zone")
    if round_up and moment.microsecond % 1000:
        moment += timedelta(microseconds=1000 - moment.microsecond % 1000)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _page(response: ApiResponse, stream: Stream) -> Page:
    payload = response.payload
    records = payload.get("records") if isinstance(payload, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _unreadable(stream.path, "is not a page {records: [...]} of objects")
    token = cast("dict[str, Any]", payload).get("next_token")
    if token and not isinstance(token, str):
        raise _unreadable(stream.path, "has a next_token that is not text")
    return Page(records, token or None, response.requested_at, response.endpoint)


def _unreadable(path: str, what: str) -> UnreadableResponse:
    sentence = what if what.endswith(".") else f"{what}: WHOOP may have changed its API."
    return UnreadableResponse(f"GET {path} returned a response that {sentence}", path=path, status=200)
