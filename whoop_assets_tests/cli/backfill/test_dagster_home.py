"""The Dagster instance that a command uses."""

import os
from pathlib import Path

import dagster as dg
import pytest

from whoop_assets.cli.backfill.dagster_home import (
    DEFAULT_EVENT_BATCH_SIZE,
    dagster_home,
    event_batch_size,
    home_of_dotenv,
    make_home,
    open_instance,
    stores_batches,
)
from whoop_assets.defs.event_log_storage import BatchedSqliteEventLogStorage
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings


def home() -> Path:
    return dagster_home(Settings.from_environment())


def test_the_home_comes_from_the_environment_else_dotenv_else_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home() == tmp_path / "data" / "dagster"
    Path("dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert home() == tmp_path
    in_dotenv, in_environment = tmp_path / "dotenv", tmp_path / "environment"
    in_dotenv.mkdir()
    in_environment.mkdir()
    Path(".env").write_text(f"DAGSTER_HOME={in_dotenv}\n")
    assert home() == in_dotenv
    monkeypatch.setenv("DAGSTER_HOME", str(in_environment))
    assert home() == in_environment


def test_pwd_in_dotenv_means_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("DAGSTER_HOME=${PWD}\n")
    monkeypatch.setenv("PWD", "/")
    assert home_of_dotenv() == str(tmp_path)
    assert home() == tmp_path


@pytest.mark.parametrize("home_path", ["relative/folder", "/no/such/folder"])
def test_an_invalid_home_is_named(home_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home_path)
    with pytest.raises(ConfigurationError, match=home_path):
        home()


@pytest.mark.parametrize(
    "config", [b"storage: {no_such_kind: {}}", b"storage: [1", b'storage: "', b"words", b"\xff\xfe"]
)
def test_an_invalid_dagster_configuration_is_one_error(tmp_path: Path, config: bytes) -> None:
    (tmp_path / "dagster.yaml").write_bytes(config)
    with pytest.raises(ConfigurationError, match=r"its dagster.yaml"), open_instance(tmp_path):
        pass


def test_a_created_home_stores_events_in_batches_also_after_a_move(tmp_path: Path) -> None:
    created = make_home(tmp_path / "made")
    assert stores_batches(created)
    with open_instance(created) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == str(DEFAULT_EVENT_BATCH_SIZE)
        dg.materialize([some_asset], instance=instance)
    assert "DAGSTER_EVENT_BATCH_SIZE" not in os.environ
    moved = created.rename(tmp_path / "moved")
    with open_instance(moved) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("some_asset")) is not None
    assert not created.exists()


@dg.asset
def some_asset() -> None:
    """An asset that causes events."""


def test_the_batch_size_comes_from_the_environment_else_dotenv_else_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert event_batch_size() == DEFAULT_EVENT_BATCH_SIZE
    Path(".env").write_text("DAGSTER_EVENT_BATCH_SIZE=50\n")
    assert event_batch_size() == 50
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    assert event_batch_size() == 0
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "many")
    with pytest.raises(
        ConfigurationError, match="DAGSTER_EVENT_BATCH_SIZE is 'many', which is not a whole number"
    ):
        event_batch_size()


def test_a_new_home_gets_the_storage_and_an_edited_one_stays_as_it_is(tmp_path: Path) -> None:
    made = make_home(tmp_path / "made")
    assert stores_batches(made)
    (made / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert not stores_batches(make_home(made))


@pytest.mark.parametrize("config", ["storage: {sqlite: {base_dir: .}}", "event_log_storage: 1", "[", ""])
def test_a_home_with_another_storage_or_an_invalid_configuration_stores_single_events(
    tmp_path: Path, config: str
) -> None:
    assert not stores_batches(tmp_path)
    (tmp_path / "dagster.yaml").write_text(config)
    assert not stores_batches(tmp_path)
