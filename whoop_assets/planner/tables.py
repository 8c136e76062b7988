"""Table of the reads that readers of the daily API request."""

from sqlalchemy import BigInteger, Date, Table

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import UtcDateTime

asked_readings = Table(
    "asked_readings",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    column(
        "asked_at",
        UtcDateTime(),
        "time at which a reader last opened today while its recovery was stale",
        nullable=False,
    ),
    comment="Ledger: members whose last days a reader requested. A later read fulfils the request.",
)

forced_readings = Table(
    "forced_readings",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    column("asked_at", UtcDateTime(), "when the member last requested it", nullable=False),
    column("first_day", Date, "first day to read again; the last is today", nullable=False),
    comment="Ledger: who requested that months are read again. Spans that were read since then are done.",
)
