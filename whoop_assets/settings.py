"""Settings from environment variables and from a `.env` file in the working folder.

The environment wins over the file.

Nothing is read at import: `Settings.from_environment()` reads each time.
"""

import os
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from whoop_assets.errors import ConfigurationError

API_URL = "https://api.prod.whoop.com/developer"
OAUTH_URL = "https://api.prod.whoop.com/oauth/oauth2"
REDIRECT_URI = "http://localhost:8765/callback"
NOTION_URL = "https://api.notion.com"
DATA_FOLDER = "data"
MAX_NUMBER = 10**9
"""A number of minutes up to this can be subtracted from the current time."""

_PREFIX = "WHOOP_"
_NO_SECRET = SecretStr("")


def day_of(text: str) -> date:
    """Return the day written as YYYY-MM-DD. Raises ValueError for any other spelling, also ISO's."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError("not written as YYYY-MM-DD")
    return day


def _day(value: object) -> object:
    try:
        return day_of(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("which is not a date: write it as YYYY-MM-DD") from None


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("which is not a time zone: use an IANA name such as Europe/Berlin") from None
    return value


def _user_ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return frozenset(int(part) for part in value.replace(",", " ").split())
    except ValueError:
        raise ValueError("which is not a list of WHOOP user ids, separated by commas") from None


def _whole_number(minimum: int, unit: str) -> BeforeValidator:
    message = f"which is not a {'positive ' if minimum else ''}whole number of {unit}"

    def validate(value: object) -> int:
        if isinstance(value, str) and not (value.isascii() and value.isdigit()):
            raise ValueError(message)
        number = int(str(value))
        if number < minimum:
            raise ValueError(message)
        if number > MAX_NUMBER:
            raise ValueError(f"which is too large: the largest number is {MAX_NUMBER}")
        return number

    return BeforeValidator(validate)


def _share(value: object) -> float:
    try:
        share = float(str(value))
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ValueError("which is not a share: write a number from 0 to 1")
    return share


def _switch(value: object) -> object:
    if isinstance(value, str):
        if value.lower() not in ("true", "false", "1", "0"):
            raise ValueError("which is not a switch: write true or false")
        return value.lower() in ("true", "1")
    return value


def _identifier(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise ValueError("which is not a name: write it with letters, digits, dots, hyphens and underscores")
    return value


def _no_variable(value: object) -> object:
    """Ignore an environment variable of this name, which belongs to another program."""
    return () if isinstance(value, str) else value


def _url(*schemes: str) -> AfterValidator:
    def validate(value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not _is_url(text, schemes):
            raise ValueError(
                f"which is not a URL that begins with {'://, '.join(schemes)}:// and names a host"
            )
        return value

    return AfterValidator(validate)


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _default_database_url(values: dict[str, Any]) -> str:
    return f"sqlite:///{values['data_folder'] / 'whoop.db'}"


Requests = Annotated[int, _whole_number(1, "requests")]
Name = Annotated[str, AfterValidator(_identifier)]


class Settings(BaseSettings):
    """All settings of one process; docs/configuration.md describes the variables.

    An empty value means the default.

    The sinks check the values of their settings when they use them, so that a mistake there does not stop
    reading WHOOP.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data_folder: Annotated[Path, AfterValidator(Path.absolute)] = Field(
        default_factory=lambda: Path(DATA_FOLDER).absolute()
    )
    client_id: str = ""
    client_secret: SecretStr = _NO_SECRET
    redirect_uri: str = REDIRECT_URI
    api_url: str = API_URL
    oauth_url: str = OAUTH_URL
    database_url: str = Field(default_factory=_default_database_url, repr=False)
    token_key: SecretStr = Field(default=_NO_SECRET, repr=False)
    start_date: Annotated[date, BeforeValidator(_day)] = date(2020, 1, 1)
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    requests_per_minute: Requests = 100
    requests_per_day: Requests = 10_000
    reread_share: Annotated[float, BeforeValidator(_share)] = 0.5
    """Share of the free daily budget that re-reading may use, from 0 to 1."""
    open_cycle_minutes: Annotated[int, _whole_number(0, "minutes: 0 means never")] = 0
    webhook_max_age: Annotated[int, _whole_number(1, "seconds")] = 7200
    """Seconds."""
    open_event_minutes: Annotated[int, _whole_number(1, "minutes")] = 30
    charted_members: Annotated[int, _whole_number(0, "members: 0 means that no charts are stored")] = 1
    """Dagster's events hold charts only while the database holds at most this many members."""
    automatic: Annotated[bool, BeforeValidator(_switch)] = True
    """Whether the definitions contain sensors and schedules."""
    operators: Annotated[frozenset[int], NoDecode, BeforeValidator(_user_ids)] = frozenset()
    """WHOOP user ids of the members who may open the page of the whole team."""
    alert_url: Annotated[SecretStr, _url("http", "https")] = _NO_SECRET
    alert_smtp_url: Annotated[SecretStr, _url("smtp", "smtps")] = _NO_SECRET
    alert_from: str = Field(default="", repr=False)
    alert_to: str = Field(default="", repr=False)
    notion_token: SecretStr = Field(default=_NO_SECRET, validation_alias="NOTION_TOKEN")
    notion_data_source: str = ""
    notion_mapping: str = ""
    """Path of a YAML file."""
    notion_url: str = NOTION_URL
    iceberg_catalog: Name = ""
    """Name of a catalog; empty: Iceberg is off."""
    iceberg_namespace: Name = ""
    """Empty: the key prefix of the assets."""
    iceberg_properties: Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_no_variable)] = (
        Field(default=(), repr=False)
    )
    """pyiceberg's own variables of the catalog, PYICEBERG_CATALOG__NAME__..."""

    @classmethod
    def from_environment(cls, overrides: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Args:
            overrides: Values that win over the environment, by the names of the variables.

        Raises:
            ConfigurationError: A value is not usable.
        """
        overrides = overrides or {}
        fields: dict[str, Any] = {_field(name): value for name, value in overrides.items()}
        try:
            settings = cls(**fields)
        except UnicodeDecodeError:
            raise _unreadable_dotenv() from None
        except ValidationError as error:
            raise ConfigurationError(_sentence(error)) from None
        if settings.alert_smtp_url.get_secret_value() and not (settings.alert_from and settings.alert_to):
            raise ConfigurationError(
                "WHOOP_ALERT_SMTP_URL is set, WHOOP_ALERT_FROM or WHOOP_ALERT_TO is not: an e-mail needs"
                " both."
            )
        if not settings.iceberg_catalog:
            return settings
        variables = {**read_dotenv(), **os.environ, **overrides}
        return settings.replace(iceberg_properties=_iceberg_properties(settings.iceberg_catalog, variables))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values, by the names of the fields."""
        return type(self)(**(dict(self) | changes))

    def today(self, now: datetime) -> date:
        """Return the date at this time in WHOOP_TIMEZONE."""
        return now.astimezone(ZoneInfo(self.timezone)).date()

    def require_client(self) -> None:
        """Raise ConfigurationError if the credentials of the app in WHOOP's dashboard are not set."""
        missing = [name for name in ("client_id", "client_secret") if not getattr(self, name)]
        if missing:
            raise ConfigurationError(
                f"{' and '.join(_variable(name) for name in missing)} not set: take them from your app in the"
                " WHOOP Developer Dashboard and put them into the environment or the .env file."
            )

    @model_validator(mode="before")
    @classmethod
    def _without_empty_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Strip each value: a secret from a file often ends with the newline of the file."""
        stripped = {
            name: value.strip() if isinstance(value, str) else value for name, value in values.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}


def read_dotenv() -> dict[str, str | None]:
    """Return the variables of `.env` in the working folder; none if there is no such file.

    Raises:
        ConfigurationError: The file is not UTF-8.
    """
    try:
        return dotenv_values(".env")
    except UnicodeDecodeError:
        raise _unreadable_dotenv() from None


def _unreadable_dotenv() -> ConfigurationError:
    return ConfigurationError("The file .env cannot be read as text: save it as UTF-8.")


def _field(variable: str) -> str:
    return variable.removeprefix(_PREFIX).lower()


def _variable(field: str) -> str:
    return str(Settings.model_fields[field].validation_alias or _PREFIX + field.upper())


def _sentence(error: ValidationError) -> str:
    """Describe the first invalid value. A secret is not repeated."""
    problem = error.errors()[0]
    name = _variable(_field(str(problem["loc"][0])))
    reason = str(problem.get("ctx", {}).get("error") or problem["msg"])
    secret = Settings.model_fields[_field(name)].annotation is SecretStr
    return f"{name} is {'set to a value' if secret else repr(problem['input'])}, {reason}."


def _iceberg_properties(catalog: str, variables: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    prefix = f"PYICEBERG_CATALOG__{catalog}__".upper()
    return tuple(
        sorted(
            (name[len(prefix) :].lower().replace("__", ".").replace("_", "-"), value.strip())
            for name, value in variables.items()
            if value is not None and name.upper().startswith(prefix)
        )
    )
