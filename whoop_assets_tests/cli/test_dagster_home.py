"""Which Dagster instance a command works on."""

from pathlib import Path

import pytest

from whoop_assets.cli.dagster_home import dagster_home, home_of_dotenv, open_instance
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
    with pytest.raises(ConfigurationError, match=r"its dagster.yaml"):
        open_instance(tmp_path)
