"""Parameters of the daily API as types, their error sentences, and the choice between JSON and CSV."""

import base64
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from starlette.datastructures import QueryParams

from whoop_assets.settings import day_of
from whoop_assets.web.api.problems import Problem
from whoop_assets.web.api.queries import Place

DEFAULT_LIMIT, MAX_ROWS = 200, 1000
JSON, CSV = "json", "csv"
MEDIA_TYPES = {JSON: "application/json", CSV: "text/csv"}
MAX_ID = 2**63 - 1
MAX_SHOWN_CHARACTERS = 40
_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}", re.ASCII)

EXPECTED = {
    "from": "a day, written as YYYY-MM-DD",
    "to": "a day, written as YYYY-MM-DD",
    "member": "an id: give a WHOOP user id, or the negative number of a member from an export",
    "limit": f"a whole number from 1 to {MAX_ROWS}",
    "cursor": "a cursor of this API: begin without it",
    "format": "json or csv",
}
"""Parameter -> what its value must be, for the error sentence."""


def encode_cursor(place: Place) -> str:
    """Return the cursor of the page that begins after this place."""
    return base64.urlsafe_b64encode(f"{place[0].isoformat()}:{place[1]}".encode()).decode().rstrip("=")


def _integer(text: Any) -> int:
    # Pydantic alone would also accept "+1", "1_0" and "1.0".
    if not isinstance(text, str) or not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def decode_cursor(text: str) -> Place:
    """Return where the page of this cursor begins. Raises ValueError if no response gave this cursor."""
    day, _, user_id = (
        base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode().partition(":")
    )
    place = day_of(day), _integer(user_id)
    if abs(place[1]) > MAX_ID or encode_cursor(place) != text:
        raise ValueError
    return place


def _require_cursor(text: str) -> str:
    decode_cursor(text)
    return text


Day = Annotated[date, BeforeValidator(day_of)]
MemberId = Annotated[
    int,
    Field(ge=-MAX_ID, le=MAX_ID, json_schema_extra={"format": "int64", "not": {"const": 0}}),
    BeforeValidator(_integer),
]
Limit = Annotated[int, Field(ge=1, le=MAX_ROWS), BeforeValidator(_integer)]
# A string for FastAPI, which reads a tuple from repeated parameters.
Cursor = Annotated[str, AfterValidator(_require_cursor)]


class StatusParameters(BaseModel):
    """Parameters of /whoop/recovery-status."""

    model_config = ConfigDict(extra="forbid")

    member: MemberId | None = Field(
        None,
        description=(
            "WHOOP user id, or the negative number of a member from an export; default: all members "
            "of the key"
        ),
    )
    format: Literal["json", "csv"] | None = Field(
        None, description="default: what Accept prefers, JSON if it accepts both equally"
    )


class DailyParameters(StatusParameters):
    """Parameters of /whoop/daily."""

    first: Day = Field(alias="from", description="first WHOOP day")
    last: Day = Field(alias="to", description="last WHOOP day, included")
    limit: Limit = Field(DEFAULT_LIMIT, description="maximum number of rows in a page")
    cursor: Cursor | None = Field(None, description="`next_cursor` of the page before")

    @field_validator("last")
    @classmethod
    def _not_before_first(cls, last: date, info: ValidationInfo) -> date:
        first = info.data.get("first")
        if first is not None and first > last:
            raise Problem(400, "The day `from` is after the day `to`: exchange them.")
        return last


def problem_of(error: Mapping[str, Any], query: QueryParams) -> Problem:
    """Return the problem response for one validation error of pydantic."""
    name = str(error["loc"][1])
    if error["type"] == "extra_forbidden":
        return Problem(
            400, "There is no such parameter here: /api/v1/openapi.json lists the parameters of each address."
        )
    if error["type"] == "missing":
        return Problem(400, f"The parameter {name} is missing: give {EXPECTED[name]}.")
    return Problem(
        400, f"The parameter {name} is {_shown(query.get(name, ''))}, which is not {EXPECTED[name]}."
    )


def require_unique(query: QueryParams) -> None:
    """Raise Problem if a parameter is given twice."""
    names = [name for name, _ in query.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise Problem(400, f"The parameter {name} is given twice: give it once.")


def response_format(named: str | None, accept: str | None) -> str:
    """Choose JSON or CSV: the parameter, else what Accept prefers, else JSON.

    Raises Problem if neither is accepted.
    """
    if named is not None:
        return named
    weights = {name: _weight(accept or "*/*", media) for name, media in MEDIA_TYPES.items()}
    best = max((JSON, CSV), key=lambda name: weights[name])
    if weights[best] <= 0.0:
        raise Problem(406, "The response is application/json or text/csv: accept one of them.")
    return best


def _weight(accept: str, media: str) -> float:
    """Return the quality that an Accept header gives the media type.

    Its most specific range counts (RFC 9110, 12.5.1).
    """
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        precision = {media: 2, media.split("/")[0] + "/*": 1, "*/*": 0}.get(name)
        if precision is not None:
            found = max(found, (precision, _quality(parameters)))
    return found[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…")
