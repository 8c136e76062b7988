"""The WHOOP API of one member: every endpoint that serves member data, and paging.

Raw answers (`get`, `page`, `pages`, `record`, ...) are what the loads use: they keep the JSON as received,
and each record is judged by itself. The typed iterators (`cycles`, `sleeps`, ...) are for use as a library.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.whoop_api.errors import CursorRepeated, UnreadableResponse
from whoop_assets.whoop_api.models import Cycle, Model, Recovery, Sleep, Workout
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, WORKOUTS, Key, Stream, valid_int64
from whoop_assets.whoop_api.transport import ApiResponse, Sender
from whoop_assets.whoop_api.validation import validation_reason

MOST_PER_PAGE = 25
MOST_IDLE_PAGES = 10
"""So many pages in a row may bring nothing new: what they held may have been deleted, or moved to a page before."""
PROFILE_PATH = "/v2/user/profile/basic"
BODY_MEASUREMENT_PATH = "/v2/user/measurement/body"
ACCESS_PATH = "/v2/user/access"

SomeModel = TypeVar("SomeModel", bound=Model)


@dataclass(frozen=True)
class Page:
    """One page of a collection, newest first. `next_token` is None on the last."""

    records: list[dict[str, Any]]
    next_token: str | None
    requested_at: datetime
    endpoint: str


class Cursor:
    """The way through the pages of a span by WHOOP's cursor, which must come to an end.

    `token` is the cursor to ask with, `followed` all there were.
    """

    def __init__(self, stream: Stream) -> None:
        self.token: str | None = None
        self.followed: set[str] = set()
        self._stream = stream
        self._idle = 0

    def follow(self, page: Page, *, new: int) -> str | None:
        """Go on to the page that this one names; None: it was the last. `new`: records not seen before.

        Raises CursorRepeated when page after page brings nothing new.
        """
        self._idle = 0 if new else self._idle + 1
        self.token = page.next_token
        if self.token is not None:
            if self._idle > MOST_IDLE_PAGES:
                raise CursorRepeated(
                    f"GET {self._stream.path} named one next page after the other and none brought anything new: the"
                    " read was stopped.",
                    path=self._stream.path,
                )
            self.followed.add(self.token)
        return self.token


class WhoopClient(Sender):
    """Reads one member's data. Every method raises ApiErrors, BudgetExhausted or ReconnectionNeeded."""

    def get(self, path: str, params: dict[str, str] | None = None) -> ApiResponse:
        """Any path below the base URL."""
        return self._send("GET", path, params)

    # Collections

    def page(
        self,
        stream: Stream,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        next_token: str | None = None,
        limit: int = MOST_PER_PAGE,
        followed: Collection[str] = (),
    ) -> Page:
        """One page of the records that overlap [start, end), both aware; None leaves a side open.

        `followed`: the cursors that led here. A page that names one of them again would be read for ever: it is a
        fault that may pass, and CursorRepeated when it does not.
        """
        if not 1 <= limit <= MOST_PER_PAGE:
            raise ValueError(f"limit must be 1 to {MOST_PER_PAGE}, not {limit}")
        params = {"limit": str(limit)}
        if start is not None:
            params["start"] = instant(start)
        if end is not None:
            params["end"] = instant(end, round_up=True)
        if next_token:
            params["nextToken"] = next_token  # the answer spells it next_token; that name would not page

        def check(payload: Any) -> None:
            if isinstance(payload, dict) and payload.get("next_token") in [*followed]:
                raise CursorRepeated(
                    f"GET {stream.path} named a next page that was already read: the read was stopped.",
                    path=stream.path,
                )

        return _page(self._send("GET", stream.path, params, check=check), stream)

    def pages(
        self,
        stream: Stream,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = MOST_PER_PAGE,
    ) -> Iterator[Page]:
        """All pages of [start, end). `end` is the same for every page (now, if not given), because WHOOP's
        cursor is an offset: new records would shift the pages otherwise. Raises CursorRepeated."""
        end = end or self._clock.now()
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
        """Cycles, newest first, each once."""
        return self._models(CYCLES, Cycle, start, end)

    def sleeps(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Sleep]:
        """Sleeps and naps, newest first, each once."""
        return self._models(SLEEPS, Sleep, start, end)

    def recoveries(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Recovery]:
        """Recoveries by their sleep, newest first, each once."""
        return self._models(RECOVERIES, Recovery, start, end)

    def workouts(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Workout]:
        """Workouts, newest first, each once."""
        return self._models(WORKOUTS, Workout, start, end)

    # Single records

    def record(self, stream: Stream, key: Key) -> ApiResponse:
        """One record by its own URL; a recovery by its cycle's id. Raises NotFound, InvalidIdentifier."""
        return self._object(stream.record_url_path(key))

    def cycle_sleep(self, cycle_id: Key) -> ApiResponse:
        """The main sleep of a cycle."""
        return self._object(f"/v2/cycle/{valid_int64(cycle_id)}/sleep")

    def cycle_recovery(self, cycle_id: Key) -> ApiResponse:
        """The recovery of a cycle. NotFound means that it has none."""
        return self.record(RECOVERIES, cycle_id)

    def activity_mapping(self, v1_id: Key) -> ApiResponse:
        """The v2 UUID (`v2_activity_id`) of a sleep or workout known by its v1 number."""
        return self._object(f"/v1/activity-mapping/{valid_int64(v1_id)}")

    # The member

    def profile(self) -> ApiResponse:
        """Id, e-mail and name."""
        return self._object(PROFILE_PATH)

    def body_measurement(self) -> ApiResponse:
        """Height, weight and maximum heart rate now; WHOOP keeps no history of them. NotFound: has none."""
        return self._object(BODY_MEASUREMENT_PATH)

    def revoke_access(self) -> None:
        """End this grant at WHOOP: tokens and webhooks of this member. Stored data are not touched."""
        retries = self.retries
        try:
            self._send("DELETE", ACCESS_PATH, status=204)
        except ReconnectionNeeded:
            # After a lost answer this is how success looks: the first attempt ended the grant.
            if self.retries == retries:
                raise

    def _object(self, path: str) -> ApiResponse:
        answer = self._send("GET", path)
        if not isinstance(answer.payload, dict):
            raise _unreadable(path, "is not a JSON object")
        return answer

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
                    raise _unreadable(stream.path, f"holds a bad record. {reason}") from None
                key = getattr(record, stream.key)
                if key not in seen:
                    seen.add(key)
                    yield record


def instant(moment: datetime, *, round_up: bool = False) -> str:
    """`2026-11-20T06:30:00.000Z`: how WHOOP writes times. An end is rounded up, to cut nothing off."""
    if moment.tzinfo is None:
        raise ValueError("start and end must be aware of their time zone")
    if round_up and moment.microsecond % 1000:
        moment += timedelta(microseconds=1000 - moment.microsecond % 1000)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _page(answer: ApiResponse, stream: Stream) -> Page:
    payload = answer.payload
    records = payload.get("records") if isinstance(payload, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _unreadable(stream.path, "is not a page {records: [...]} of objects")
    token = cast("dict[str, Any]", payload).get("next_token")
    if token and not isinstance(token, str):
        raise _unreadable(stream.path, "has a next_token that is not text")
    return Page(records, token or None, answer.requested_at, answer.endpoint)


def _unreadable(path: str, what: str) -> UnreadableResponse:
    sentence = what if what.endswith(".") else f"{what}: WHOOP may have changed its API."
    return UnreadableResponse(f"GET {path} brought an answer that {sentence}", path=path, status=200)
