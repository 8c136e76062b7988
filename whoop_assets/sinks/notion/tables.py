"""Tables of the Notion sink."""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table, Text

from whoop_assets.db.columns import metadata
from whoop_assets.db.types import UtcDateTime

notion_pages = Table(
    "notion_pages",
    metadata,
    Column("data_source_id", String(36), primary_key=True, comment="id of the Notion data source (UUID)"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    Column("day", Date, primary_key=True, comment="WHOOP day"),
    Column(
        "page_id",
        String(36),
        comment="id of the page (UUID); in the states creating and wanted the id of the replaced page",
    ),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="written, creating (requested, the response is missing), in_bin (in the trash), gone (deleted"
        " or moved), wanted (a new page is requested) or refused (Notion rejected the page)",
    ),
    Column("state_at", UtcDateTime(), nullable=False, comment="begin of this state or attempt"),
    Column("generation", BigInteger, nullable=False, comment="random number that changes with the entry"),
    Column("content_hash", String(64), comment="SHA-256 of the written values; NULL: unknown"),
    Column("mapping_hash", String(64), comment="SHA-256 of the mapping at that time"),
    Column(
        "summary_built_at",
        UtcDateTime(),
        comment="built_at of the written daily summary; NULL: none, or unknown",
    ),
    Column("written_at", UtcDateTime(), comment="time of the last write"),
    Column("failure", Text, comment="why Notion refused the last attempt; NULL: not refused"),
    comment="Ledger: the Notion page of each member and day.",
)

notion_sources = Table(
    "notion_sources",
    metadata,
    Column("data_source_id", String(36), primary_key=True, comment="id of the Notion data source (UUID)"),
    Column("next_request_at", UtcDateTime(), nullable=False, comment="earliest time of the next request"),
    Column("failures", Integer, nullable=False, comment="failed attempts in a row"),
    Column("failure", Text, comment="reason of the last failure; NULL: the last attempt succeeded"),
    Column("try_after", UtcDateTime(), comment="earliest time of the next attempt"),
    comment="State of each Notion data source: request slots and failures, shared by all processes.",
)
