"""Tables of the Notion sink."""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table, Text

from whoop_assets.db.metadata import metadata
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
        comment="id of the day's page (UUID); while creating or wanted: of the page that is given up, if any",
    ),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="written, creating (about to be created, or it was when a process ended), in_bin, gone (deleted"
        " for good, or moved elsewhere), wanted (a page is to be made although one is in the bin or gone) or refused (none is"
        " known, as Notion refused it)",
    ),
    Column("state_at", UtcDateTime(), nullable=False, comment="when this state, or this attempt, began"),
    Column("generation", BigInteger, nullable=False, comment="a number that every change renews"),
    Column("content_hash", String(64), comment="SHA-256 of the values that were written; NULL: not known"),
    Column("mapping_hash", String(64), comment="SHA-256 of the mapping that gave them"),
    Column(
        "summary_built_at",
        UtcDateTime(),
        comment="built_at of the daily summary that they are of; NULL: of none, or not known",
    ),
    Column("written_at", UtcDateTime(), comment="when the page was last written"),
    Column("failure", Text, comment="why Notion refused the last attempt; NULL: it did not"),
    comment="Ledger: the Notion page of each member and day.",
)

notion_sources = Table(
    "notion_sources",
    metadata,
    Column("data_source_id", String(36), primary_key=True, comment="id of the Notion data source (UUID)"),
    Column(
        "next_request_at", UtcDateTime(), nullable=False, comment="no request may be sent before this time"
    ),
    Column("failures", Integer, nullable=False, comment="attempts in a row that came to nothing"),
    Column("failure", Text, comment="why the last of them did; NULL: the last attempt did what it was to"),
    Column("try_after", UtcDateTime(), comment="the next attempt is not made before this time"),
    comment="One row per Notion data source: its pace, shared by all processes, and what is in the way.",
)
