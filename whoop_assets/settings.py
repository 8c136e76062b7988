"""Settings: what the environment, and a `.env` file in the working folder below it, say.

The real environment wins over `.env`. Nothing is read at import: `Settings.from_environment()` reads when asked.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from whoop_assets.errors import ConfigurationError

API_URL = "https://api.prod.whoop.com/developer"
OAUTH_URL = "https://api.prod.whoop.com/oauth/oauth2"
REDIRECT_URI = "http://localhost:8765/callback"
NOTION_URL = "https://api.notion.com"
DATA_FOLDER = "data"


@dataclass(frozen=True)
class Settings:
    """All settings of one process; docs/configuration.md lists the variables and their defaults."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = REDIRECT_URI
    api_url: str = API_URL
    oauth_url: str = OAUTH_URL
    database_url: str = field(default="", repr=False)
    token_key: str = field(default="", repr=False)
    start_date: date = date(2020, 1, 1)
    timezone: str = "UTC"
    requests_per_minute: int = 100
    requests_per_day: int = 10_000
    reread_share: float = 0.5
    open_cycle_minutes: int = 0
    webhook_max_age: int = 7200
    """Seconds."""
    open_event_minutes: int = 30
    charted_members: int = 1
    """Charts are stored in Dagster's events only while the database holds at most so many members."""
    alert_url: str = field(default="", repr=False)
    alert_smtp_url: str = field(default="", repr=False)
    alert_from: str = field(default="", repr=False)
    alert_to: str = field(default="", repr=False)
    notion_token: str = field(default="", repr=False)
    notion_data_source: str = ""
    notion_mapping: str = ""
    """Path of a YAML file."""
    notion_url: str = NOTION_URL
    iceberg_catalog: str = ""
    """The name of a catalog; empty: Iceberg is off."""
    iceberg_namespace: str = ""
    """Empty: after the key prefix of the assets, `whoop`."""
    iceberg_properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    operators: frozenset[int] = frozenset()
    """WHOOP user ids of the members who may open the page of the whole team."""
    data_folder: Path = Path(DATA_FOLDER)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, instead: Mapping[str, str] | None = None
    ) -> "Settings":
        """Read the WHOOP_* variables, and `instead` of some these; raises ConfigurationError for what cannot be used.

        Space around a value is no part of it: a secret from a file often ends with the file's last newline.
        """
        given = {**(environment if environment is not None else _environment()), **(instead or {})}
        values = {name: value.strip() for name, value in given.items()}
        data_folder = Path(values.get("WHOOP_DATA_FOLDER") or DATA_FOLDER).absolute()
        return cls(
            client_id=values.get("WHOOP_CLIENT_ID", ""),
            client_secret=values.get("WHOOP_CLIENT_SECRET", ""),
            redirect_uri=values.get("WHOOP_REDIRECT_URI") or REDIRECT_URI,
            api_url=values.get("WHOOP_API_URL") or API_URL,
            oauth_url=values.get("WHOOP_OAUTH_URL") or OAUTH_URL,
            database_url=values.get("WHOOP_DATABASE_URL") or f"sqlite:///{data_folder / 'whoop.db'}",
            token_key=values.get("WHOOP_TOKEN_KEY", ""),
            start_date=_date(values, "WHOOP_START_DATE", cls.start_date),
            timezone=_timezone(values, "WHOOP_TIMEZONE", cls.timezone),
            requests_per_minute=_count(values, "WHOOP_REQUESTS_PER_MINUTE", cls.requests_per_minute),
            requests_per_day=_count(values, "WHOOP_REQUESTS_PER_DAY", cls.requests_per_day),
            reread_share=_share(values, "WHOOP_REREAD_SHARE", cls.reread_share),
            open_cycle_minutes=_whole(
                values, "WHOOP_OPEN_CYCLE_MINUTES", cls.open_cycle_minutes, "minutes: 0 means never"
            ),
            webhook_max_age=_count(values, "WHOOP_WEBHOOK_MAX_AGE", cls.webhook_max_age, "seconds"),
            open_event_minutes=_count(values, "WHOOP_OPEN_EVENT_MINUTES", cls.open_event_minutes, "minutes"),
            charted_members=_whole(
                values,
                "WHOOP_CHARTED_MEMBERS",
                cls.charted_members,
                "members: 0 means that no charts are stored",
            ),
            **_alerts(values),
            # Looked at where they are used: a mistake in a sink's settings must not stop the reading of WHOOP.
            notion_token=values.get("NOTION_TOKEN", ""),
            notion_data_source=values.get("WHOOP_NOTION_DATA_SOURCE", ""),
            notion_mapping=values.get("WHOOP_NOTION_MAPPING", ""),
            notion_url=values.get("WHOOP_NOTION_URL") or NOTION_URL,
            **_iceberg(values),
            operators=_operators(values),
            data_folder=data_folder,
        )

    def require_client(self) -> None:
        """Raise ConfigurationError when the app's WHOOP credentials are not set."""
        missing = [
            name
            for name, value in (
                ("WHOOP_CLIENT_ID", self.client_id),
                ("WHOOP_CLIENT_SECRET", self.client_secret),
            )
            if not value
        ]
        if missing:
            raise ConfigurationError(
                f"{' and '.join(missing)} not set: take them from your app in the WHOOP Developer Dashboard and put"
                " them into the environment or the .env file."
            )


def read_dotenv() -> dict[str, str | None]:
    """What `.env` in the working folder says, nothing when there is none; raises ConfigurationError."""
    try:
        return dotenv_values(".env")
    except UnicodeDecodeError:
        raise ConfigurationError("The file .env cannot be read as text: save it as UTF-8.") from None


def day_of(text: str) -> date:
    """The day written as YYYY-MM-DD, and in no other of ISO's ways; raises ValueError."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError("not written as YYYY-MM-DD")
    return day


def _environment() -> dict[str, str]:
    from_file = {name: value for name, value in read_dotenv().items() if value is not None}
    return from_file | dict(os.environ)


def _operators(values: Mapping[str, str]) -> frozenset[int]:
    text = values.get("WHOOP_OPERATORS", "")
    try:
        return frozenset(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ConfigurationError(
            f"WHOOP_OPERATORS is {text!r}: write WHOOP user ids, separated by commas."
        ) from None


def _date(values: Mapping[str, str], name: str, default: date) -> date:
    text = values.get(name)
    if not text:
        return default
    try:
        return day_of(text)
    except ValueError:
        raise ConfigurationError(
            f"{name} is {text!r}, which is not a date: write it as YYYY-MM-DD."
        ) from None


def _timezone(values: Mapping[str, str], name: str, default: str) -> str:
    text = values.get(name) or default
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"{name} is {text!r}, which is not a time zone: use an IANA name such as Europe/Berlin."
        ) from None
    return text


def _count(values: Mapping[str, str], name: str, default: int, of: str = "requests") -> int:
    text = values.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"{name} is {text!r}, which is not a positive whole number of {of}.")
    return int(text)


def _iceberg(values: Mapping[str, str]) -> dict[str, Any]:
    """Where Iceberg tables go, and pyiceberg's own variables of that catalog, which `.env` may hold too."""
    catalog = values.get("WHOOP_ICEBERG_CATALOG", "")
    namespace = values.get("WHOOP_ICEBERG_NAMESPACE", "")
    for name, text in (("WHOOP_ICEBERG_CATALOG", catalog), ("WHOOP_ICEBERG_NAMESPACE", namespace)):
        if text and not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
            raise ConfigurationError(
                f"{name} is {text!r}, which is not a name: write it with letters, digits, dots, hyphens and underscores."
            )
    before = f"PYICEBERG_CATALOG__{catalog}__".upper()
    properties = {
        name[len(before) :].lower().replace("__", ".").replace("_", "-"): value
        for name, value in values.items()
        if name.upper().startswith(before)
    }
    return {
        "iceberg_catalog": catalog,
        "iceberg_namespace": namespace,
        "iceberg_properties": tuple(sorted(properties.items())) if catalog else (),
    }


def _alerts(values: Mapping[str, str]) -> dict[str, Any]:
    """Where alerts go. What is wrong is named without its value: such an address can hold a password."""
    url, smtp_url = values.get("WHOOP_ALERT_URL", ""), values.get("WHOOP_ALERT_SMTP_URL", "")
    sender, receivers = values.get("WHOOP_ALERT_FROM", ""), values.get("WHOOP_ALERT_TO", "")
    for name, text, schemes in (
        ("WHOOP_ALERT_URL", url, ("http", "https")),
        ("WHOOP_ALERT_SMTP_URL", smtp_url, ("smtp", "smtps")),
    ):
        if text and not _is_url(text, schemes):
            raise ConfigurationError(
                f"{name} is not a URL that begins with {'://, '.join(schemes)}:// and names a host: correct it, or"
                " leave it out."
            )
    if smtp_url and not (sender and receivers):
        raise ConfigurationError(
            "WHOOP_ALERT_SMTP_URL is set, WHOOP_ALERT_FROM or WHOOP_ALERT_TO is not: an e-mail needs both."
        )
    return {"alert_url": url, "alert_smtp_url": smtp_url, "alert_from": sender, "alert_to": receivers}


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _share(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ConfigurationError(f"{name} is {text!r}, which is not a share: write a number from 0 to 1.")
    return share


def _whole(values: Mapping[str, str], name: str, default: int, of: str) -> int:
    """A whole number from 0 on."""
    text = values.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise ConfigurationError(f"{name} is {text!r}, which is not a whole number of {of}.")
    return int(text)
