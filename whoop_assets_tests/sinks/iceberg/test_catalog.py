"""The catalog: configuration, file permissions and errors."""

import stat
from pathlib import Path

import pytest

from whoop_assets.errors import ConfigurationError, SinkUnavailable
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg.catalog import local_folder, open_catalog, reaching
from whoop_assets_tests.sinks.iceberg.conftest import IcebergHome, OpenHome
from whoop_assets_tests.support.servers.ports import REFUSING_PORT


def test_an_unreachable_catalog_gives_one_sentence_without_the_password(open_iceberg_home: OpenHome) -> None:

    with open_iceberg_home() as iceberg:
        iceberg.load()
        unreachable = iceberg.settings.replace(
            iceberg_catalog="prod",
            iceberg_properties=(
                ("type", "sql"),
                ("uri", f"postgresql+psycopg2://writer:hunter2@127.0.0.1:{REFUSING_PORT}/none"),
                ("warehouse", "file:///nowhere"),
            ),
        )
        with pytest.raises(SinkUnavailable) as error:
            IcebergHome(iceberg.home, unreachable).sync("cycles")
        assert "hunter2" not in str(error.value)
        assert "\n" not in str(error.value)
        assert error.value.__suppress_context__
        iceberg.sync("cycles")  # another catalog still works


@pytest.mark.parametrize("kind", [TypeError, KeyError, AttributeError, AssertionError])
def test_a_programming_error_is_not_reported_as_a_catalog_error(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="a bug"), reaching("lake"):
        raise kind("a bug")
    with pytest.raises(SinkUnavailable, match="OSError"), reaching("lake"):
        raise OSError("hunter2")


def test_without_a_configured_catalog_opening_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_ICEBERG_CATALOG"):
        open_catalog(Settings.from_environment({}))


def test_only_the_owner_can_read_the_local_catalogs_folder(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.catalog()
        folder = local_folder(iceberg.settings)
        assert folder.parent == Path(str(iceberg.home.database.url.database)).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_variables_of_pyiceberg_configure_the_catalog_too() -> None:
    settings = Settings.from_environment(
        {
            "WHOOP_ICEBERG_CATALOG": "prod",
            "PYICEBERG_CATALOG__PROD__TYPE": "rest",
            "PYICEBERG_CATALOG__PROD__S3__ACCESS_KEY_ID": "key",
            "PYICEBERG_CATALOG__OTHER__TYPE": "glue",
        }
    )
    assert settings.iceberg_properties == (("s3.access-key-id", "key"), ("type", "rest"))
    assert "key" not in repr(settings)
    with pytest.raises(ConfigurationError, match="WHOOP_ICEBERG_NAMESPACE"):
        Settings.from_environment({"WHOOP_ICEBERG_NAMESPACE": "no name"})
