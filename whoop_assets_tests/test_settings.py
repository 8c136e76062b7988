"""Settings: the order of environment, .env and defaults, and errors for invalid values."""

from datetime import date
from pathlib import Path

import pytest

from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import API_URL, OAUTH_URL, REDIRECT_URI, Settings


def test_without_configuration_the_defaults_are_used():
    settings = Settings.from_environment()
    assert (settings.api_url, settings.oauth_url, settings.redirect_uri) == (API_URL, OAUTH_URL, REDIRECT_URI)
    assert (settings.start_date, settings.timezone) == (date(2020, 1, 1), "UTC")
    assert (settings.requests_per_minute, settings.requests_per_day) == (100, 10_000)
    assert settings.database_url == f"sqlite:///{Path.cwd() / 'data' / 'whoop.db'}"


def test_the_environment_overrides_the_env_file_and_an_empty_value_is_the_default(monkeypatch):
    Path(".env").write_text(
        "WHOOP_CLIENT_ID=from the file\nWHOOP_CLIENT_SECRET=from the"
        " file\nWHOOP_TIMEZONE=Asia/Tokyo\nWHOOP_START_DATE\n"
    )
    monkeypatch.setenv("WHOOP_CLIENT_ID", "from the environment")
    monkeypatch.setenv("WHOOP_TIMEZONE", "")
    settings = Settings.from_environment()
    assert settings.client_id == "from the environment"
    assert settings.client_secret.get_secret_value() == "from the file"
    assert settings.timezone == "UTC"


@pytest.mark.parametrize("name", ["ICEBERG_PROPERTIES", "WHOOP_ICEBERG_PROPERTIES"])
def test_a_variable_with_the_name_of_a_computed_setting_is_ignored(monkeypatch, name):
    monkeypatch.setenv(name, "of another program")
    assert Settings.from_environment().iceberg_properties == ()


def test_an_env_file_that_is_not_utf_8_is_an_error_that_names_it():
    Path(".env").write_bytes(b"\xff\xfeW\0")
    with pytest.raises(ConfigurationError, match=r"\.env .* UTF-8"):
        Settings.from_environment()


def test_every_variable_sets_its_setting():
    settings = Settings.from_environment(
        {
            "WHOOP_CLIENT_ID": "id",
            "WHOOP_CLIENT_SECRET": "secret",
            "WHOOP_REDIRECT_URI": "http://localhost:1/callback",
            "WHOOP_API_URL": "http://localhost:2",
            "WHOOP_OAUTH_URL": "http://localhost:3",
            "WHOOP_DATABASE_URL": "postgresql://db.example/whoop",
            "WHOOP_TOKEN_KEY": "key",
            "WHOOP_START_DATE": "2024-02-29",
            "WHOOP_TIMEZONE": "Pacific/Auckland",
            "WHOOP_REQUESTS_PER_MINUTE": "50",
            "WHOOP_REQUESTS_PER_DAY": "500",
            "WHOOP_REREAD_SHARE": "0.25",
            "WHOOP_OPEN_CYCLE_MINUTES": "20",
            "NOTION_TOKEN": "ntn_secret",
            "WHOOP_NOTION_DATA_SOURCE": "source",
            "WHOOP_NOTION_MAPPING": "notion.yaml",
            "WHOOP_NOTION_URL": "http://localhost:4",
        }
    )
    assert settings == Settings(
        client_id="id",
        client_secret="secret",
        redirect_uri="http://localhost:1/callback",
        api_url="http://localhost:2",
        oauth_url="http://localhost:3",
        database_url="postgresql://db.example/whoop",
        token_key="key",
        start_date=date(2024, 2, 29),
        timezone="Pacific/Auckland",
        requests_per_minute=50,
        requests_per_day=500,
        reread_share=0.25,
        open_cycle_minutes=20,
        notion_token="ntn_secret",
        notion_data_source="source",
        notion_mapping="notion.yaml",
        notion_url="http://localhost:4",
        data_folder=settings.data_folder,
    )


def test_white_space_around_a_value_is_removed():
    settings = Settings.from_environment(
        {
            "WHOOP_CLIENT_ID": "two words\n",
            "WHOOP_CLIENT_SECRET": "secret\n",
            "WHOOP_TOKEN_KEY": " key\r\n",
            "WHOOP_DATABASE_URL": "postgresql://db.example/whoop\n",
            "WHOOP_START_DATE": "2024-02-29\n",
            "WHOOP_REQUESTS_PER_DAY": "500\n",
            "WHOOP_TIMEZONE": "\n",
        },
    )
    assert (
        settings.client_id,
        settings.client_secret.get_secret_value(),
        settings.token_key.get_secret_value(),
    ) == ("two words", "secret", "key")
    assert settings.database_url == "postgresql://db.example/whoop"
    assert (settings.start_date, settings.requests_per_day) == (date(2024, 2, 29), 500)
    assert settings.timezone == "UTC"


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("WHOOP_START_DATE", "2024-02-30", "YYYY-MM-DD"),
        ("WHOOP_START_DATE", "yesterday", "YYYY-MM-DD"),
        ("WHOOP_START_DATE", "20261120", "YYYY-MM-DD"),
        ("WHOOP_START_DATE", "2026-W47-5", "YYYY-MM-DD"),
        ("WHOOP_TIMEZONE", "Berlin", "IANA name such as Europe/Berlin"),
        ("WHOOP_TIMEZONE", "../../etc/passwd", "IANA name"),
        ("WHOOP_REQUESTS_PER_MINUTE", "0", "positive whole number"),
        ("WHOOP_REQUESTS_PER_DAY", "-5", "positive whole number"),
        ("WHOOP_REQUESTS_PER_DAY", "ten", "positive whole number"),
        ("WHOOP_REQUESTS_PER_DAY", "²", "positive whole number"),
        ("WHOOP_OPEN_EVENT_MINUTES", "100000000000000", "the largest number is 1000000000"),
        ("WHOOP_REREAD_SHARE", "1.5", "a number from 0 to 1"),
        ("WHOOP_REREAD_SHARE", "half", "a number from 0 to 1"),
        ("WHOOP_OPEN_CYCLE_MINUTES", "-1", "0 means never"),
        ("WHOOP_AUTOMATIC", "sometimes", "true or false"),
    ],
)
def test_an_invalid_value_is_an_error_with_the_valid_form(name, value, way_out):
    with pytest.raises(ConfigurationError) as error:
        Settings.from_environment({name: value})
    assert name in str(error.value)
    assert value in str(error.value)
    assert way_out in str(error.value)


def test_no_secret_is_in_the_repr():
    settings = Settings(
        client_secret="s3cret",
        token_key="k3y",
        database_url="postgresql://ann:pa55@db/whoop",
        notion_token="n0tion",
        alert_url="https://hooks.example.org/h00k",
    )
    secrets = ("s3cret", "k3y", "pa55", "n0tion", "h00k")
    assert not any(secret in text for secret in secrets for text in (repr(settings), str(settings)))


def test_the_error_for_an_invalid_secret_does_not_quote_it():
    with pytest.raises(ConfigurationError, match="WHOOP_ALERT_URL") as error:
        Settings.from_environment({"WHOOP_ALERT_URL": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_environment_and_env_file_are_read_at_each_call(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("WHOOP_CLIENT_ID=elsewhere\n")
    Settings.from_environment()
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment()
    assert settings.client_id == "elsewhere"
    assert settings.data_folder == tmp_path / "data"


def test_the_error_for_missing_credentials_names_them():
    with pytest.raises(ConfigurationError, match="WHOOP_CLIENT_SECRET not set"):
        Settings(client_id="id").require_client()
    with pytest.raises(ConfigurationError, match="WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET not set"):
        Settings().require_client()
    Settings(client_id="id", client_secret="secret").require_client()
