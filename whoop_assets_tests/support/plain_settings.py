"""Settings as values of environment variables."""

from pydantic import SecretStr

from whoop_assets.settings import Settings


def plain(settings: Settings, field: str) -> str:
    """Return the value of a field as text, also that of a secret."""
    value = getattr(settings, field)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
