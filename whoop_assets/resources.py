"""The WHOOP resource: one per run, it holds the database, the tokens and the request budget."""

import dataclasses
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field, PrivateAttr

from whoop_assets.ingest.connection import Connection
from whoop_assets.settings import Settings
from whoop_assets.warehouse import members
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.members import Member
from whoop_assets.warehouse.schema import open_database


class WhoopResource(dg.ConfigurableResource["WhoopResource"]):
    """WHOOP and the warehouse. What is left empty here comes from the environment (WHOOP_*)."""

    database_url: str = Field(default="", description="WHOOP_DATABASE_URL when empty.")
    api_url: str = Field(default="", description="WHOOP_API_URL when empty.")
    oauth_url: str = Field(default="", description="WHOOP_OAUTH_URL when empty.")
    members: list[int] = Field(default=[], description="WHOOP user ids to narrow the run to; none: all.")

    _database: Database | None = PrivateAttr(default=None)
    _connection: Connection | None = PrivateAttr(default=None)
    _began: datetime | None = PrivateAttr(default=None)
    _used_by: str = PrivateAttr(default="")

    def settings(self) -> Settings:
        """The environment's settings, with what is configured here in their place."""
        settings = Settings.from_environment()
        return dataclasses.replace(
            settings,
            database_url=self.database_url or settings.database_url,
            api_url=self.api_url or settings.api_url,
            oauth_url=self.oauth_url or settings.oauth_url,
        )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["WhoopResource", None, None]:
        if context.run is not None:
            self._used_by = f"run {context.run.run_id[:8]}"
        try:
            yield self
        finally:
            if self._connection is not None:
                self._connection.close()
            if self._database is not None:
                self._database.close()

    @property
    def database(self) -> Database:
        """The warehouse, opened and checked at first use."""
        if self._database is None:
            self._database = open_database(self.settings())
        return self._database

    @property
    def connection(self) -> Connection:
        """The way to WHOOP, opened at first use: a run that only builds summaries needs no credentials."""
        if self._connection is None:
            self._connection = Connection(self.settings(), self.database, self._used_by)
        return self._connection

    @property
    def began(self) -> datetime:
        """The present of this run by the database's clock: all its steps read up to here."""
        if self._began is None:
            with self.database.read() as connection:
                self._began = self.database.now(connection)
        return self._began

    @property
    def today(self) -> str:
        """Today's partition key."""
        return self.began.astimezone(ZoneInfo(self.settings().timezone)).date().isoformat()

    def chosen_members(self) -> list[Member]:
        """The members of this run, the disconnected too: their data stay, and so do their summaries.

        Raises UnknownMember.
        """
        with self.database.read() as connection:
            return members.chosen(connection, self.members, with_disconnected=True)
