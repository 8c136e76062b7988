"""Absence is a suspicion, not a deletion: a record that did not come is asked for by its own URL.

WHOOP says nowhere what was deleted. A record that is stored and did not come in a completely read span may be gone, may
have moved, or may have been lost on the way; only a 404 at its own URL says that it is gone.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.records.coverage import Span
from whoop_assets.records.quarantine import Rejected
from whoop_assets.sync.parsing import Taken, take
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import NotFound
from whoop_assets.whoop_api.streams import RECOVERIES, Stream

FEW, MOST = 10, 50
"""So many missing records are asked for in any case, and so many at most; in between only while they are the smaller
part of what is known."""


@dataclass(slots=True)
class Absences:
    """What became of the missing records: found after all, gone (key -> when it was asked), or not believed."""

    found: list[Taken | Rejected] = field(default_factory=list)
    gone: dict[Any, datetime] = field(default_factory=dict)
    warning: str | None = None


def confirm_absences(
    client: WhoopClient,
    database: Database,
    stream: Stream,
    user_id: int,
    span: Span,
    seen: set[Any],
    read_at: datetime,
    days: tuple[date, date] | None = None,
) -> Absences:
    """Ask for every stored record that starts within the span and was not seen, in a read that began at `read_at`.

    With `days`, first and last, for those of these days that start outside the span: as they are stored, they were not
    to be expected in it, but their cycle may have moved, and they with it, before they were deleted.

    When many are missing at once, or nothing came at all where there was something, WHOOP's answer is not believed:
    nothing is asked, and nothing deleted.
    """
    with database.read() as connection:
        if days is None:
            known = upsert.keys_within(connection, user_id, stream.name, span)
        else:
            known = upsert.keys_filed_outside(connection, user_id, stream.name, *days, span)
        # A rejected record is seen under its key as text.
        missing = sorted(key for key in known - seen if str(key) not in seen)
        cycle_of = upsert.cycle_of_recovery(connection, missing) if stream is RECOVERIES else {}
    result = Absences()
    nothing_came = not seen and len(missing) > 2
    too_many = len(missing) > MOST or (len(missing) > FEW and len(missing) * 2 > len(known))
    if nothing_came or too_many:
        result.warning = (
            f"{len(missing)} of {len(known)} known {stream.name} of member {user_id} between {span.start:%Y-%m-%d} and"
            f" {span.end:%Y-%m-%d} did not come back: that many at once is not believed, nothing was deleted."
        )
        return result
    for key in missing:
        with database.read() as connection:
            # Before the request: what somebody else confirms after it must not be deleted.
            asked_at = database.now(connection)
        try:
            answer = client.record(stream, cycle_of.get(key, key))
        except NotFound:
            result.gone[key] = asked_at
            continue
        one = take(stream, answer.payload, user_id, answer.requested_at, answer.endpoint)
        result.found.append(one)
        if stream is RECOVERIES and isinstance(one, Taken) and one.incoming.key != key:
            # The cycle has another recovery; this one is in neither place. The older of the two answers counts: what
            # somebody else has confirmed since the collection was read is not gone.
            result.gone[key] = read_at
    return result
