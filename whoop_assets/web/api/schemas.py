"""Response bodies of the daily API as types. A daily row has the columns of `daily_summary`."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import Column

from whoop_assets.summaries.tables import daily_summary
from whoop_assets.web.api.queries import (
    LOOKED_BACK,
    MIN_ASK_INTERVAL,
    NAMES,
    STALE_WITH,
    STALE_WITHOUT,
)

_STRICT = ConfigDict(extra="forbid")
ASK_MINUTES = MIN_ASK_INTERVAL.seconds // 60


def _field(column: Column[Any]) -> Any:
    kind = column.type.python_type
    return (kind | None if column.nullable else kind, Field(description=column.comment))


DailyRow: type[BaseModel] = create_model(
    "DailyRow",
    __config__=_STRICT,
    __doc__="One WHOOP day of one member. A value that WHOOP did not score is null, never 0.",
    **{column.name: _field(column) for column in daily_summary.columns},
)


class DailyPage(BaseModel):
    """A page of daily rows."""

    model_config = _STRICT

    data: list[DailyRow]
    next_cursor: str | None = Field(description="`cursor` of the next page; null: this is the last page")


class RecoveryStatusRow(BaseModel):
    """How fresh the stored recovery of one member is."""

    model_config = _STRICT

    user_id: int = Field(description="WHOOP user id, or a negative number of our own")
    today: date = Field(description="the member's local date")
    today_exists: bool = Field(description="whether today has a daily row")
    recovery_exists: bool = Field(description="whether that row has a recovery")
    is_stale: bool = Field(
        description=f"whether today's recovery was last requested {STALE_WITHOUT.seconds // 60} minutes ago "
        f"or longer, or {STALE_WITH.seconds // 3600} hours once it is stored"
    )
    recovery_changed_at: datetime | None = Field(
        description=f"when a stored recovery of the last {LOOKED_BACK.days} days last changed"
    )
    recovery_looked_at: datetime | None = Field(
        description="when WHOOP was last asked for today's recovery, or for its cycle"
    )
    reading_asked_at: datetime | None = Field(
        description="when a reader last requested a reading by opening today"
    )


class RecoveryStatuses(BaseModel):
    """The status of each member of the key."""

    model_config = _STRICT

    data: list[RecoveryStatusRow]


class ProblemBody(BaseModel):
    """An error as RFC 9457 defines it."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str
    title: str
    status: int
    detail: str


STATUS_FIELDS = tuple(RecoveryStatusRow.model_fields)

_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
_ERRORS: dict[int | str, tuple[str, dict[str, Any]]] = {
    400: ("A parameter is missing, unknown, given twice, or has an invalid value.", {}),
    401: ("The key is missing, wrong or revoked.", {}),
    404: ("The key may not read this member, or there is no such member.", {}),
    406: ("Neither application/json nor text/csv is accepted.", {}),
    429: ("The key has sent its requests of this minute.", _RETRY),
    503: ("The database does not answer.", _RETRY),
    # FastAPI adds its own 422 to an operation without a default.
    "default": ("Any other error.", {}),
}
NOT_MODIFIED = {"description": "The response that If-None-Match names has not changed."}


def described_responses(names: tuple[str, ...], *, links: bool) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of an operation whose CSV has these columns."""
    headers: dict[str, Any] = {
        "ETag": {"schema": {"type": "string"}, "description": "send it back as If-None-Match"}
    }
    if links:
        headers["Link"] = {"schema": {"type": "string"}, "description": 'the next page, rel="next"'}
    csv = {"schema": {"type": "string", "description": f"A line of names, then the rows: {', '.join(names)}"}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        200: {"description": "The rows.", "headers": headers, "content": {"text/csv": csv}},
        304: NOT_MODIFIED,
        **{
            status: {"description": meaning, "content": problem, **({"headers": extra} if extra else {})}
            for status, (meaning, extra) in _ERRORS.items()
        },
    }


DAILY_RESPONSES = described_responses(NAMES, links=True)
STATUS_RESPONSES = described_responses(STATUS_FIELDS, links=False)
