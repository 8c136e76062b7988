"""What a request asks for: its parameters, each given once and none unknown, and the form of the answer."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from datetime import date

from starlette.datastructures import QueryParams

from whoop_assets.settings import day_of
from whoop_assets.web.api.problems import Problem
from whoop_assets.web.api.queries import Place

DEFAULT_LIMIT, MOST_ROWS = 200, 1000
JSON, CSV = "json", "csv"
MEDIA_TYPES = {JSON: "application/json", CSV: "text/csv"}
LARGEST_ID = 2**63 - 1
"""An id lies between this number and its negative, and is not 0."""
_ID = re.compile(r"-?[1-9][0-9]{0,18}", re.ASCII)


def given(query: QueryParams, known: Collection[str]) -> dict[str, str]:
    """The parameters; raises Problem for one that is unknown or comes twice, since a typing error is no wish for everything."""
    found: dict[str, str] = {}
    for name, value in query.multi_items():
        if name not in known:
            raise Problem(400, f"There is no such parameter here: known are {', '.join(sorted(known))}.")
        if name in found:
            raise Problem(400, f"The parameter {name} is given twice: give it once.")
        found[name] = value
    return found


def days(values: Mapping[str, str]) -> tuple[date, date]:
    """`from` and `to`; raises Problem."""
    first, last = _day(values, "from"), _day(values, "to")
    if first > last:
        raise Problem(400, "The day `from` is after the day `to`: exchange them.")
    return first, last


def member(values: Mapping[str, str]) -> int | None:
    """`member`, None when it is not given; raises Problem for what can be nobody's id."""
    text = values.get("member")
    if text is None:
        return None
    try:
        return _id(text)
    except ValueError:
        raise Problem(
            400,
            f"The parameter member is {_shown(text)}, which is no id: give a WHOOP user id, or the negative number of a member"
            " who is from an export.",
        ) from None


def limit(values: Mapping[str, str]) -> int:
    """`limit`: rows in a page; raises Problem."""
    text = values.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    return _whole(text, "limit", MOST_ROWS, f"a whole number from 1 to {MOST_ROWS}")


def cursor(values: Mapping[str, str]) -> Place | None:
    """`cursor`: where the page before ended; raises Problem for one that no answer gave."""
    text = values.get("cursor")
    if text is None:
        return None
    try:
        day, _, user_id = (
            base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode().partition(":")
        )
        place = day_of(day), _id(user_id)
    except (ValueError, binascii.Error):
        place = None
    if place is None or written(place) != text:
        raise Problem(400, "The parameter cursor is none that an answer gave: begin without it.")
    return place


def written(place: Place) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(f"{place[0].isoformat()}:{place[1]}".encode()).decode().rstrip("=")


def form(values: Mapping[str, str], accept: str | None) -> str:
    """JSON or CSV: what `format` says, else what Accept prefers, JSON where both are as good; raises Problem."""
    named = values.get("format")
    if named is not None:
        if named not in MEDIA_TYPES:
            raise Problem(400, f"The parameter format is json or csv, not {_shown(named)}.")
        return named
    weights = {name: _weight(accept or "*/*", media) for name, media in MEDIA_TYPES.items()}
    best = max((JSON, CSV), key=lambda name: weights[name])
    if weights[best] <= 0.0:
        raise Problem(406, "The answer is application/json or text/csv: accept one of them.")
    return best


def _weight(accept: str, media: str) -> float:
    """The quality that an Accept header gives the media type, by its most specific range (RFC 9110, 12.5.1)."""
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


def _day(values: Mapping[str, str], name: str) -> date:
    text = values.get(name)
    if text is None:
        raise Problem(400, f"The parameter {name} is missing: give a day as YYYY-MM-DD.")
    try:
        return day_of(text)
    except ValueError:
        raise Problem(
            400, f"The parameter {name} is {_shown(text)}, which is not a day: write it as YYYY-MM-DD."
        ) from None


def _id(text: str) -> int:
    """A member's id; members from an export have negative ones. Raises ValueError."""
    if not _ID.fullmatch(text) or abs(int(text)) > LARGEST_ID:
        raise ValueError("not an id")
    return int(text)


def _whole(text: str, name: str, most: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and 1 <= int(text) <= most):
        raise Problem(400, f"The parameter {name} is {_shown(text)}, which is not {what}.")
    return int(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
