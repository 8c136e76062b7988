"""`report`: writes one page per member, readable by the owner only."""

import stat
from pathlib import Path

import pytest

from whoop_assets.journal.tables import journal_effects
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_simulator.world.app_export import files_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "reports"


def test_one_page_per_member_is_written_and_only_the_owner_can_read_it(
    command_line: CommandLine, folder: Path
) -> None:
    for user_id in command_line.members:
        command_line.connect(user_id)
    for _ in range(2):  # The second run overwrites the pages.
        result = command_line.run("report")
        assert result.exit_code == 0, result.output
        assert {path.name for path in folder.iterdir()} == {
            f"{user_id}.html" for user_id in command_line.members
        }
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert str(path) in result.stdout
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_title_needs_a_single_member(command_line: CommandLine, folder: Path) -> None:
    for user_id in command_line.members:
        command_line.connect(user_id)
    member = command_line.members[0]
    assert command_line.run("report", "--member", str(member), "--title", "Season").exit_code == 0
    assert [path.name for path in folder.iterdir()] == [f"{member}.html"]
    assert "<h1>Season</h1>" in (folder / f"{member}.html").read_text()
    assert "one member" in error_of(command_line.run("report", "--title", "Season"), 2)


def test_the_report_builds_missing_journal_effects(command_line: CommandLine, folder: Path) -> None:
    database = command_line.database()
    truth = command_line.world.truth(command_line.members[0])
    user_id = import_export(database, files_of(truth), None).user_id
    with database.write() as connection:
        connection.execute(journal_effects.delete())
    database.close()
    assert command_line.run("report", "--member", str(user_id)).exit_code == 0
    assert "Your journal" in (folder / f"export{user_id}.html").read_text()


def test_open_starts_the_browser(
    command_line: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command_line.connect(command_line.members[0])
    opened = tmp_path / "opened"
    monkeypatch.setenv("BROWSER", f"sh -c 'echo \"$0\" > {opened}' %s")
    assert command_line.run("report", "--open").exit_code == 0
    assert opened.read_text().strip() == (folder / f"{command_line.members[0]}.html").as_uri()


def test_without_members_the_error_names_the_connect_command(command_line: CommandLine, folder: Path) -> None:
    result = command_line.run("report")
    assert result.exit_code == 1
    assert "whoop-assets connect" in result.stderr
    assert "not known" in error_of(command_line.run("report", "--member", "1"))
    assert not folder.exists()
