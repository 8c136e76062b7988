"""Moves the Notion pages of an erased member to the trash."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from whoop_assets.db.database import Database
from whoop_assets.errors import WhoopError
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.client import Notion
from whoop_assets.sinks.notion.errors import NotionMissing
from whoop_assets.sinks.notion.schema import checked_types
from whoop_assets.sinks.notion.sources import SharedSlots
from whoop_assets.sinks.notion.target import is_configured, target


@dataclass(slots=True)
class Trashed:
    """Number of pages in the trash or gone; ids of the others, and the reason."""

    pages: int = 0
    left: list[str] = field(default_factory=list)
    reason: str = ""


def trash_pages(settings: Settings, database: Database, user_id: int, known: Sequence[str]) -> Trashed:
    """Moves the member's pages, from the ledger and from a search in Notion, to the trash."""
    done = Trashed()
    if not is_configured(settings):
        if known:
            done.left, done.reason = list(known), "NOTION_TOKEN or WHOOP_NOTION_DATA_SOURCE is not set"
        return done
    pages = dict.fromkeys(known)
    try:
        to = target(settings)
        with Notion(settings, SharedSlots(database, to.source), database.clock) as notion:
            types = checked_types(to.mapping, notion.data_source(to.source).get("properties") or {})
            kind = types[to.mapping.member_property]
            found = notion.pages(to.source, to.mapping.member_filter(user_id, kind))
            pages |= dict.fromkeys(str(page["id"]) for page in found)
            for page in list(pages):
                # A missing page is deleted in Notion, or no longer shared with the integration.
                with suppress(NotionMissing):
                    notion.trash(page)
                del pages[page]
                done.pages += 1
    except WhoopError as error:
        done.left, done.reason = list(pages), str(error).rstrip(".")
    return done
