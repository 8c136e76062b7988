"""The resource of a run: database, tokens and request budget."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field, PrivateAttr

from whoop_assets.db.database import Database
from whoop_assets.defs.partitions import daily
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as members
from whoop_assets.members.store import Member
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.sync.session import WhoopSession

if TYPE_CHECKING:
    import pandas as pd

_NO_SETTINGS = ("data_folder", "members")
_URLS = ("database_url", "api_url", "oauth_url")
_SECRETS = ("client_secret", "token_key", "alert_url", *_URLS)
"""Fields that are secret. A URL is secret only if it contains a password, except the alert URL, which often
contains a token."""


class WhoopResource(dg.ConfigurableResource["WhoopResource"]):
    """Database and access to WHOOP. Empty fields fall back to environment variables (WHOOP_*).

    docs/configuration.md describes them. Secrets must be `dg.EnvVar`. `start_date` and `timezone` define the
    partitions, so they are read when definitions load. Other values are read by runs and ticks.
    """

    database_url: str = Field(default="", description="WHOOP_DATABASE_URL when empty.")
    client_id: str = Field(default="", description="WHOOP_CLIENT_ID when empty.")
    client_secret: str = Field(default="", description="WHOOP_CLIENT_SECRET when empty.")
    token_key: str = Field(default="", description="WHOOP_TOKEN_KEY when empty.")
    start_date: str = Field(default="", description="YYYY-MM-DD; WHOOP_START_DATE when empty.")
    timezone: str = Field(default="", description="WHOOP_TIMEZONE when empty.")
    requests_per_minute: int = Field(default=0, description="WHOOP_REQUESTS_PER_MINUTE when 0.")
    requests_per_day: int = Field(default=0, description="WHOOP_REQUESTS_PER_DAY when 0.")
    api_url: str = Field(default="", description="WHOOP_API_URL when empty.")
    oauth_url: str = Field(default="", description="WHOOP_OAUTH_URL when empty.")
    alert_url: str = Field(default="", description="WHOOP_ALERT_URL when empty.")
    notion_data_source: str = Field(default="", description="WHOOP_NOTION_DATA_SOURCE when empty.")
    data_folder: str = Field(default="", description="Where reports are written; `data` when empty.")
    members: list[int] = Field(default=[], description="WHOOP user ids to narrow the run to; none: all.")

    _database: Database | None = PrivateAttr(default=None)
    _connection: WhoopSession | None = PrivateAttr(default=None)
    _began: datetime | None = PrivateAttr(default=None)
    _used_by: str = PrivateAttr(default="")

    def settings(self) -> Settings:
        """Return the settings of the environment, with this resource's values in their place.

        Raises:
            ConfigurationError: A setting is not usable.
        """
        given = {name: getattr(self, name) for name in WhoopResource.model_fields if name not in _NO_SETTINGS}
        settings = Settings.from_environment(
            {f"WHOOP_{name.upper()}": str(value) for name, value in given.items() if value}
        )
        return settings.replace(data_folder=Path(self.data_folder or settings.data_folder))

    def settings_at_loading(self) -> Settings:
        """Return the settings that definitions depend on, also before Dagster has resolved a `dg.EnvVar`.

        Raises:
            ConfigurationError: A setting is not usable.
        """
        names = ("start_date", "timezone", "notion_data_source", "database_url", "api_url")
        given = {f"WHOOP_{name.upper()}": _resolved(getattr(self, name)) for name in names}
        return Settings.from_environment({name: value for name, value in given.items() if value})

    def require_hidden_secrets(self) -> None:
        """Reject secrets in plain text, which Dagster's UI would show.

        Call it before Dagster resolves the fields.

        Raises:
            ConfigurationError: A secret is not a `dg.EnvVar`.
        """
        for name in _SECRETS:
            value = getattr(self, name)
            if value and not isinstance(value, dg.EnvVar) and (name not in _URLS or _has_password(value)):
                raise ConfigurationError(
                    f"The {name} of WhoopResource is a plain"
                    f" text{' with a password' if name in _URLS else ''}, which Dagster's"
                    f' UI shows: write {name}=dg.EnvVar("WHOOP_{name.upper()}"), in defs.yaml'
                    f" env:WHOOP_{name.upper()}, or leave it empty and set that variable."
                )

    def days(self) -> dg.DailyPartitionsDefinition:
        """Return the partitions of the daily assets, for assets that follow them."""
        settings = self.settings_at_loading()
        return daily(settings.start_date, settings.timezone)

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
        """The database, opened and checked at first use."""
        if self._database is None:
            self._database = open_database(self.settings())
        return self._database

    @property
    def connection(self) -> WhoopSession:
        """The session with WHOOP, opened at first use.

        A run that only builds summaries needs no credentials.
        """
        if self._connection is None:
            self._connection = WhoopSession(self.settings(), self.database, self._used_by)
        return self._connection

    @property
    def began(self) -> datetime:
        """Start of this run by the database's clock. All steps read up to this time."""
        if self._began is None:
            with self.database.read() as connection:
                self._began = self.database.now(connection)
        return self._began

    @property
    def today(self) -> str:
        """Today's partition key."""
        return self.settings().today(self.began).isoformat()

    def frame(self, table: str, first: date | str, last: date | str) -> "pd.DataFrame":
        """Return a range of days of a table as a pandas data frame with typed columns.

        Args:
            table: A table of records or summaries, such as `daily_summary` (docs/data-dictionary.md).
            first: First day as a date or a partition key.
            last: Last day, included.

        Returns:
            One row per record or day of the members of the run. NULL is NaN, NaT or NA; it is never 0.

        Raises:
            UnknownTable: The table does not exist or has no days.
        """
        # pandas takes half a second to import, and only downstream assets need it here.
        from whoop_assets.defs.frames import read_frame

        days = [day if isinstance(day, date) else date.fromisoformat(day) for day in (first, last)]
        user_ids = [member.user_id for member in self.chosen_members()]
        with self.database.read() as connection:
            return read_frame(connection, table, days[0], days[1], user_ids)

    def member_count(self) -> int:
        """Return the number of members in the database, including disconnected ones."""
        with self.database.read() as connection:
            return len(members.listed(connection))

    def chosen_members(self) -> list[Member]:
        """Return the members of this run, including disconnected ones.

        Raises:
            UnknownMember: The database has no member with a given id.
        """
        with self.database.read() as connection:
            return members.chosen(connection, self.members, with_disconnected=True)


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password) or "password=" in urlsplit(url).query
    except ValueError:
        return True


def _resolved(value: str) -> str:
    return (value.get_value() or "") if isinstance(value, dg.EnvVar) else value
