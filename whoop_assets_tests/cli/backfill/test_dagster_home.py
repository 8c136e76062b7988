"""Which Dagster instance a command works on."""

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


def test_the_environment_goes_before_dotenv_and_both_before_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home() == tmp_path / "data" / "dagster"
    Path("dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert home() == tmp_path
    in_file, in_environment = tmp_path / "file", tmp_path / "environment"
    in_file.mkdir()
    in_environment.mkdir()
    Path(".env").write_text(f"DAGSTER_HOME={in_file}\n")
    assert home() == in_file
    monkeypatch.setenv("DAGSTER_HOME", str(in_environment))
    assert home() == in_environment


def test_pwd_in_dotenv_is_the_working_folder_whatever_the_starter_left_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("DAGSTER_HOME=${PWD}\n")
    monkeypatch.setenv("PWD", "/")
    assert home_of_dotenv() == str(tmp_path)
    assert home() == tmp_path


@pytest.mark.parametrize("named", ["relative/folder", "/no/such/folder"])
def test_a_home_that_cannot_be_used_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", named)
    with pytest.raises(ConfigurationError, match=named):
        home()


@pytest.mark.parametrize(
    "config", [b"storage: {no_such_kind: {}}", b"storage: [1", b'storage: "', b"words", b"\xff\xfe"]
)
def test_a_configuration_that_cannot_be_used_is_one_sentence(tmp_path: Path, config: bytes) -> None:
    (tmp_path / "dagster.yaml").write_bytes(config)
    with pytest.raises(ConfigurationError, match=r"its dagster.yaml"), open_instance(tmp_path):
        pass


def test_a_home_of_our_own_stores_events_in_batches_also_after_it_was_moved(tmp_path: Path) -> None:
    made = make_home(tmp_path / "made")
    assert stores_batches(made)
    with open_instance(made) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == str(DEFAULT_EVENT_BATCH_SIZE)
        dg.materialize([anything], instance=instance)
    assert "DAGSTER_EVENT_BATCH_SIZE" not in os.environ
    moved = made.rename(tmp_path / "moved")
    with open_instance(moved) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("anything")) is not None
    assert not made.exists()


@dg.asset
def anything() -> None:
    """Something to store events of."""


def test_the_size_of_a_batch_is_the_environments_else_that_of_dotenv_else_the_default(
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


def test_a_home_that_an_earlier_version_made_gets_the_storage_unless_it_was_edited(tmp_path: Path) -> None:
    made = make_home(tmp_path / "made")
    former = (
        "telemetry: {enabled: false}\nnux: {enabled: false}\nrun_queue: {dequeue_interval_seconds: 1}\n"
        "concurrency: {runs: {max_concurrent_runs: 4}}\n"
    )
    for text, batches in ((former, True), (former + "# mine\n", False)):
        (made / "dagster.yaml").write_text(text)
        assert stores_batches(make_home(made)) == batches


@pytest.mark.parametrize("config", ["storage: {sqlite: {base_dir: .}}", "event_log_storage: 1", "[", ""])
def test_a_home_whose_configuration_names_dagsters_storage_or_none_stores_single_events(
    tmp_path: Path, config: str
) -> None:
    assert not stores_batches(tmp_path)
    (tmp_path / "dagster.yaml").write_text(config)
    assert not stores_batches(tmp_path)
