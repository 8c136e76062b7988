"""Tables of the Notion sink."""

from sqlalchemy import BigInteger, Date, Integer, String, Table, Text

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import UtcDateTime

notion_pages = Table(
    "notion_pages",
    metadata,
    key("data_source_id", String(36), "id of the Notion data source (UUID)"),
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day"),
    column(
        "page_id",
        String(36),
        "id of the page (UUID); in the states creating and wanted the id of the replaced page",
    ),
    column(
        "state",
        String(16),
        "written, creating (requested, the response is missing), in_bin (in the trash), gone (deleted"
        " or moved), wanted (a new page is requested) or refused (Notion rejected the page)",
        nullable=False,
    ),
    column("state_at", UtcDateTime(), "begin of this state or attempt", nullable=False),
    column("generation", BigInteger, "random number that changes with the entry", nullable=False),
    column("content_hash", String(64), "SHA-256 of the written values; NULL: unknown"),
    column("mapping_hash", String(64), "SHA-256 of the mapping at that time"),
    column(
        "summary_built_at", UtcDateTime(), "built_at of the written daily summary; NULL: none, or unknown"
    ),
    column("written_at", UtcDateTime(), "time of the last write"),
    column("failure", Text, "why Notion refused the last attempt; NULL: not refused"),
    comment="Ledger: the Notion page of each member and day.",
)

notion_sources = Table(
    "notion_sources",
    metadata,
    key("data_source_id", String(36), "id of the Notion data source (UUID)"),
    column("next_request_at", UtcDateTime(), "earliest time of the next request", nullable=False),
    column("failures", Integer, "failed attempts in a row", nullable=False),
    column("failure", Text, "reason of the last failure; NULL: the last attempt succeeded"),
    column("try_after", UtcDateTime(), "earliest time of the next attempt"),
    comment="State of each Notion data source: request slots and failures, shared by all processes.",
)
