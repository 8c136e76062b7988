"""Writes stale days to Notion pages. The ledger says which days are stale.

A page is found by its stored id, else by date and member; otherwise it is created. The ledger gets an entry
before the create request. If a process is killed before it stores the new page's id, the next process looks
for the page. It creates no other page while the first request may still arrive.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from whoop_assets.date_ranges import ONE_DAY, to_date_ranges
from whoop_assets.db.database import Database
from whoop_assets.errors import WhoopError
from whoop_assets.members.store import exists as is_member
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import sources
from whoop_assets.sinks.notion.client import Notion
from whoop_assets.sinks.notion.errors import NotionMissing, NotionRefused, NotionUnavailable, OutcomeUnknown
from whoop_assets.sinks.notion.pages import CREATING, GONE, IN_BIN, WANTED, WRITTEN, Day, NotionPage
from whoop_assets.sinks.notion.schema import checked_types, title_property
from whoop_assets.sinks.notion.target import Target, target

SETTLED_AFTER = timedelta(minutes=10)
"""After this time no create request can still arrive at Notion."""

SENT_WITHIN = timedelta(minutes=7)
"""A create request is sent within this time. Notion itself gives up after a minute."""

NEAR = timedelta(days=7)
"""Unknown days with smaller distances are looked for with one query."""

MAX_UNKNOWN_PAGES = 3
"""The run stops after this number of pages with an unknown outcome."""

Key = tuple[int, date]


@dataclass(slots=True)
class Done:
    """Result of a run: number of member-days by outcome, and the requests.

    Attributes:
        adopted: Pages that were found in Notion and taken over.
        emptied: The day has no summary any more.
        unchanged: The new summary has the same content, so nothing was sent.
        in_bin: The page is in the trash.
        gone: The page was deleted or moved.
        held: The page may have been requested by an earlier run or another process.
        lost: The page was requested, and may exist.
        twice: Days with more than one page in Notion. The oldest page is used.
        refused: Days that Notion rejected, with the reason.
        obstacle: Error that ended the run. The remaining days are still stale.
    """

    created: int = 0
    adopted: int = 0
    updated: int = 0
    emptied: int = 0
    unchanged: int = 0
    in_bin: int = 0
    gone: int = 0
    held: int = 0
    lost: int = 0
    twice: list[Key] = field(default_factory=list)
    refused: dict[Key, str] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    limited: int = 0
    waited_seconds: float = 0.0
    obstacle: WhoopError | None = None


def sync(
    settings: Settings, database: Database, members: Collection[int], first: date, last: date
) -> tuple[Target, Done]:
    """Writes the stale days first..last of these members.

    Returns:
        The target and the result. Other errors are in the result and in the ledger.

    Raises:
        ConfigurationError: The sink is not configured, or its mapping does not fit.
        NotionNotInstalled: The optional extra is missing.
    """
    to = target(settings)
    with Notion(settings, sources.SharedSlots(database, to.source), database.clock) as notion:
        done = Sync(database, notion, to).run(members, first, last)
    return to, done


@dataclass(frozen=True, slots=True)
class _Found:
    """Pages in Notion for days without a known page: the oldest of each day, and those in the trash."""

    alive: dict[Key, str]
    in_bin: dict[Key, set[str]]


class Sync:
    """One run over the stale days."""

    def __init__(self, database: Database, notion: Notion, to: Target) -> None:
        self._database, self._notion = database, notion
        self._source, self._mapping = to.source, to.mapping
        self._print = to.mapping.fingerprint
        self.done = Done()

    def run(self, members: Collection[int], first: date, last: date) -> Done:
        """Writes the stale days, newest first, until all are done or an error concerns all of them."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            behind = notion_pages.behind(
                connection, self._source, self._print, members=members, first=first, last=last
            )
        try:
            self._take(behind, now)
        except WhoopError as error:
            self.done.obstacle = error
        self._remember()
        for name in ("requests", "retries", "limited", "waited_seconds"):
            setattr(self.done, name, getattr(self._notion, name))
        return self.done

    def _remember(self) -> None:
        obstacle = self.done.obstacle
        if obstacle is None and self.done.lost:
            # A few pages without a response do not stop the others, but the run reports them and retries
            # later.
            obstacle = _no_answer(self.done.lost)
        if obstacle is not None:
            retry_at = obstacle.retry_at if isinstance(obstacle, NotionUnavailable) else None
            sources.failed(self._database, self._source, str(obstacle), retry_at)
        elif self._notion.requests:
            sources.worked(self._database, self._source)

    @cached_property
    def _types(self) -> dict[str, str]:
        """Property -> type in the data source. Read and checked before any other request."""
        return checked_types(self._mapping, self._require_source().get("properties") or {})

    def _require_source(self) -> dict[str, Any]:
        """Returns the data source.

        Raises NotionMissing if it is missing; its pages are then not marked as gone.
        """
        source = self._notion.data_source(self._source)
        if source.get("in_trash") or source.get("archived"):
            raise NotionMissing("The Notion data source is in the trash: restore it, or create another.")
        return source

    def _take(self, behind: list[Day], now: datetime) -> None:
        unknown = [entry for entry in behind if _page_of(entry) is None]
        found = self._look_for(unknown)
        settled = now - SETTLED_AFTER
        lost: list[Day] = []
        for entry in behind:
            try:
                self._write(entry, found, settled)
            except OutcomeUnknown:
                lost.append(entry)
                if len(lost) >= MAX_UNKNOWN_PAGES:
                    break
            except NotionRefused as error:
                self.done.refused[entry.user_id, entry.day] = str(error)
                with self._database.write([entry.user_id]) as connection:
                    at = self._database.now(connection)
                    notion_pages.refused(connection, self._source, entry, str(error), at)
        if lost:
            self._look_again(lost)

    def _look_again(self, lost: list[Day]) -> None:
        """Looks for pages whose create request got no response.

        Most exist by now; a later run looks for the others.
        """
        with self._database.read() as connection:
            now = self._database.now(connection)
            days = {(entry.user_id, entry.day) for entry in lost}
            behind = notion_pages.behind(connection, self._source, self._print)
            again = [entry for entry in behind if (entry.user_id, entry.day) in days]
        found = self._look_for(again)
        for entry in again:
            if (entry.user_id, entry.day) in found.alive:
                self._write(entry, found, now - SETTLED_AFTER)
            else:
                self.done.lost += 1
        if len(lost) >= MAX_UNKNOWN_PAGES:
            raise _no_answer(len(lost))

    def _write(self, entry: Day, found: _Found, settled: datetime) -> None:
        with self._database.read() as connection:
            here = is_member(connection, entry.user_id)
            row = notion_pages.summary(connection, entry.user_id, entry.day)
        if not here:  # erased in the meantime
            return
        values = self._mapping.values(row)
        content = _Content(values, self._mapping.content_hash(entry.user_id, values), row)
        page = _page_of(entry)
        if page is None:
            self._write_unknown(entry, content, found, settled)
        elif page.content_hash == content.hash:
            self.done.unchanged += 1
            self._record(entry, page.state, str(page.page_id), content, written=False)
        elif page.state == IN_BIN:
            self._update_from_trash(entry, str(page.page_id), content)
        else:
            self._update(entry, str(page.page_id), content)

    def _write_unknown(self, entry: Day, content: "_Content", found: _Found, settled: datetime) -> None:
        key = entry.user_id, entry.day
        state = None if entry.page is None else entry.page.state
        given_up = None if entry.page is None else entry.page.page_id
        binned = found.in_bin.get(key, set()) - {given_up}
        if content.row is None:  # the summary was removed in the meantime
            return
        if key in found.alive:
            self._update(entry, found.alive[key], content, counted="adopted")
        elif binned and state != WANTED:
            self.done.in_bin += 1
            self._record(entry, IN_BIN, min(binned), content, written=False)
        elif entry.page is not None and state == CREATING and entry.page.state_at > settled:
            self.done.held += 1
        else:
            self._create(entry, content)

    def _create(self, entry: Day, content: "_Content") -> None:
        properties = self._properties(entry, content)
        title = self._mapping.title_of(entry.user_id, entry.day, content.row)
        if title:
            properties = {title_property(self._types): title} | properties
        with self._database.write([entry.user_id]) as connection:
            claimed = notion_pages.claim(connection, self._source, entry, at=self._database.now(connection))
        until = self._database.clock.now() + SENT_WITHIN
        if claimed is None:  # another process creates it, or the member was erased
            self.done.held += 1
            return
        try:
            page = self._notion.create(self._source, properties, until=until)
        except OutcomeUnknown:
            raise
        except WhoopError as error:
            refused = isinstance(error, NotionRefused)
            with self._database.write() as connection:
                notion_pages.release(connection, self._source, claimed, entry.page, refused=refused)
            raise
        self.done.created += 1
        self._record(replace(entry, page=claimed), WRITTEN, page, content, written=True)

    def _update_from_trash(self, entry: Day, page: str, content: "_Content") -> None:
        """Writes the page if a person took it out of the trash. The sink never restores pages."""
        self._types  # noqa: B018 - checks that the data source exists
        if self._is_there(entry, page, content):
            self._update(entry, page, content)

    def _update(self, entry: Day, page: str, content: "_Content", *, counted: str = "updated") -> None:
        properties = self._properties(entry, content)
        try:
            alive = self._notion.update(page, properties)
        except NotionMissing:
            self._require_source()
            self.done.gone += 1
            self._record(entry, GONE, page, content, written=False)
            return
        except NotionRefused as refusal:
            # Notion refuses changes of a page in the trash, and of properties that a moved page does not
            # have.
            if self._is_there(entry, page, content):
                raise refusal
            return
        if not alive:
            self.done.in_bin += 1
            self._record(entry, IN_BIN, page, content, written=False)
            return
        if content.row is None:
            counted = "emptied"
        setattr(self.done, counted, getattr(self.done, counted) + 1)
        self._record(entry, WRITTEN, page, content, written=True)

    def _is_there(self, entry: Day, page: str, content: "_Content") -> bool:
        """Returns whether the page can be written. Otherwise records that it is in the trash, or gone."""
        try:
            at = self._notion.page(page)
        except NotionMissing:
            self._require_source()
            at = None
        if at is not None and not at.in_trash and at.source == self._source:
            return True
        state = IN_BIN if at is not None and at.in_trash else GONE
        setattr(self.done, state, getattr(self.done, state) + 1)
        self._record(entry, state, page, content, written=False)
        return False

    def _properties(self, entry: Day, content: "_Content") -> dict[str, Any]:
        return self._mapping.rendered(entry.user_id, entry.day, content.values, self._types)

    def _record(self, entry: Day, state: str, page: str, content: "_Content", *, written: bool) -> None:
        with self._database.write([entry.user_id]) as connection:
            notion_pages.record(
                connection,
                self._source,
                entry,
                state=state,
                page_id=page,
                at=self._database.now(connection),
                content=content.hash,
                mapping=self._print,
                built_at=None if content.row is None else content.row["built_at"],
                written=written,
            )

    def _look_for(self, unknown: Collection[Day]) -> _Found:
        found = _Found({}, {})
        for first, last in to_date_ranges((entry.day for entry in unknown), max_gap=NEAR):
            members = {entry.user_id for entry in unknown if first <= entry.day <= last}
            # `_key` compares the dates again, because Notion compares them in another time zone.
            where = [
                {
                    "property": self._mapping.date_property,
                    "date": {"on_or_after": (first - ONE_DAY).isoformat()},
                },
                {
                    "property": self._mapping.date_property,
                    "date": {"on_or_before": (last + ONE_DAY).isoformat()},
                },
            ]
            if len(members) == 1:
                kind = self._types[self._mapping.member_property]
                where.append(self._mapping.member_filter(min(members), kind))
            self._collect_pages({"and": where}, members, found)
        return found

    def _collect_pages(self, where: dict[str, Any], members: Collection[int], found: _Found) -> None:
        self._types  # noqa: B018 - the schema is checked before the filter names its properties
        for page in self._notion.pages(self._source, where):
            key = self._key(page, members)
            if key is None:
                continue
            if key in found.alive:
                self.done.twice.append(key)
            found.alive.setdefault(key, str(page["id"]))
        for page in self._notion.pages(self._source, where, in_trash=True):
            key = self._key(page, members)
            if key is not None:
                found.in_bin.setdefault(key, set()).add(str(page["id"]))

    def _key(self, page: dict[str, Any], members: Iterable[int]) -> Key | None:
        """Returns the member and day of a page; None if it belongs to none of the members."""
        properties = page.get("properties") or {}
        start = str(
            ((properties.get(self._mapping.date_property) or {}).get("date") or {}).get("start") or ""
        )
        value = properties.get(self._mapping.member_property) or {}
        try:
            day = date.fromisoformat(start[:10])
        except ValueError:
            return None
        return next(((user_id, day) for user_id in members if self._mapping.is_of(user_id, value)), None)


@dataclass(frozen=True, slots=True)
class _Content:
    """Values of a page, their hash, and the summary they come from."""

    values: dict[str, Any]
    hash: str
    row: dict[str, Any] | None


def _no_answer(pages: int) -> NotionUnavailable:
    asked = "a page" if pages == 1 else f"{pages} pages"
    return NotionUnavailable(f"Notion did not respond to the request for {asked}.")


def _page_of(entry: Day) -> NotionPage | None:
    """Returns the entry's page if it is known and in use."""
    return entry.page if entry.page is not None and entry.page.state in (WRITTEN, IN_BIN) else None
