"""`import`: an app export as the only source of a member's data, without access to WHOOP's API."""

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from whoop_assets.cli import main
from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.planner import current_plan, overdue
from whoop_assets.settings import Settings
from whoop_assets.summaries import tables
from whoop_assets.tokens import keep_alive
from whoop_assets_tests.cli.conftest import error_of
from whoop_assets_tests.support.data import app_exports as exports
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.cli import main as simulator
from whoop_simulator.world.app_export import files_of, write_export


@pytest.fixture
def export_database(sqlite_url, monkeypatch, tmp_path):
    """Writes an export of forty days to the working folder, and sets a database URL but no credentials."""
    monkeypatch.setenv("WHOOP_DATABASE_URL", sqlite_url)
    world = frozen_world(days=40, seed=7)
    write_export(tmp_path / "export.zip", files_of(world.truth(world.user_ids[0]), "subfolder"))
    return sqlite_url


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_member_without_api_access_gets_summaries_trends_and_reports(export_database, tmp_path):
    imported = run("import", "export.zip")
    assert imported.exit_code == 0, imported.output
    assert "member -1, who is new" in imported.stdout
    for name in ("physiological_cycles.csv", "sleeps.csv", "workouts.csv", "journal_entries.csv"):
        assert name in imported.stdout
    (member,) = json.loads(run("members", "--json").stdout)
    assert (member["user_id"], member["status"], member["mended_by"], member["left_out"]) == (
        -1,
        "export_only",
        None,
        [],
    )
    assert member["imported_cycles"] > 35 and member["stale_days"] == 0 and member["history"] is None
    assert "only from the app's export" in run("members").stdout
    assert run("report", "--member", "-1").exit_code == 0
    page = (tmp_path / "data" / "reports" / "export-1.html").read_text()
    assert "from the export" in page
    database = Database(export_database)
    with database.read() as connection:
        rows = connection.execute(select(tables.trends)).all()
    assert len(rows) > 35
    # The second export of the only member needs no --member.
    second = run("import", "export.zip")
    assert second.exit_code == 0 and "Rebuilt: 0 days, " in second.stdout
    database.close()


def test_names_of_files_are_printed_as_they_are(export_database, tmp_path):
    files = exports.export(cycles=exports.CYCLES_OF_THREE_DAYS, sleeps=exports.NIGHTS)
    write_export(tmp_path / "named.zip", {f"[whoop][/100]:100:/{name}": files[name] for name in files})
    imported = run("import", "named.zip")
    assert imported.exit_code == 0, imported.output
    assert "[whoop][/100]:100:/sleeps.csv" in imported.stdout


def test_a_member_from_an_export_is_not_planned_refreshed_or_reported_as_late(export_database):
    assert run("import", "export.zip").exit_code == 0
    settings = Settings.from_environment()
    database = Database(export_database)
    assert current_plan.progress_of_members(*current_plan.gather(database, settings)) == {}
    assert keep_alive.due(database)[0] == []
    assert overdue.lateness(database, settings).members == 0
    with database.read() as connection:
        assert member_store.listed(connection, member_store.RECONNECTION_NEEDED) == []
    database.close()
    plan = run("plan")
    assert plan.exit_code == 0 and "-1" not in plan.stdout


def test_rejected_rows_are_named_by_file_and_line_and_fail_the_command(export_database, tmp_path):
    world = frozen_world(days=10, seed=7)
    files = files_of(world.truth(world.user_ids[0]))
    files["workouts.csv"] += b"some,thing,else\n"
    write_export(tmp_path / "broken", files)
    line = len(files["workouts.csv"].splitlines())
    imported = run("import", "broken", "--member", "new")
    assert imported.exit_code == 1
    assert f"workouts.csv, line {line}: its number of cells is 3," in imported.stderr
    assert "export_quarantine" in imported.stderr
    assert "Rebuilt: " in imported.stdout


def write_files(folder, files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_a_single_csv_file_is_imported_and_recoveries_of_naps_are_counted(export_database, tmp_path):
    naps = [exports.cycle(4), exports.cycle(3, None, exports.nap(3)), exports.cycle(2)]
    (tmp_path / "physiological_cycles (1).csv").write_bytes(exports.csv_of("cycles", naps))
    imported = run("import", "physiological_cycles (1).csv")
    assert imported.exit_code == 0, imported.output
    assert "physiological_cycles (1).csv" in imported.stdout
    assert "On 1 day the export has the recovery of a nap" in imported.stdout


def test_an_invalid_cell_and_an_answer_without_a_cycle_are_reported_without_failure(
    export_database, tmp_path
):
    cycles = [exports.cycle(3, 70, **{"Day Strain": "high"}), exports.cycle(2)]
    answers = [{"Question text": "Any alcohol?", "Answered yes": "true"}]
    write_files(tmp_path / "odd", exports.export(cycles=cycles, journal=answers))
    for member in ("new", "-1"):
        imported = run("import", "odd", "--member", member)
        assert imported.exit_code == 0, imported.output
        assert "Not stored: 1 journal answer that no cycle gives a day." in imported.stdout
        assert (
            "physiological_cycles.csv, line 2: Day Strain: a word of length 4 is not a number"
            in imported.stderr
        )
        assert "quarantine" not in imported.stderr


def test_dismissed_rows_are_not_reported_again(export_database, tmp_path):
    cycles = [exports.cycle(4), exports.cycle(3, 70, **{"Cycle timezone": ""}), exports.cycle(2)]
    write_files(tmp_path / "broken", exports.export(cycles=cycles))
    assert run("import", "broken", "--member", "new").exit_code == 1
    (entry,) = json.loads(run("quarantine", "list", "--json").stdout)
    assert (entry["user_id"], entry["source"], entry["place"]) == (-1, "physiological_cycles.csv", "line 3")
    assert entry["id"] in run("quarantine", "list", "--member", "-1").stdout
    assert "0 open." in run("quarantine", "list", "--member", "7").stdout
    error_of(run("quarantine", "dismiss"), 2)
    error_of(run("quarantine", "dismiss", entry["id"], "--all"), 2)
    assert "quarantine list" in error_of(run("quarantine", "dismiss", "0123456789ab"))
    assert "Dismissed: 1." in run("quarantine", "dismiss", entry["id"]).stdout
    second = run("import", "broken", "--member", "-1")
    assert second.exit_code == 0, second.output
    assert "Passed over: 1 row that you dismissed before." in second.stdout
    assert "Dismissed: 0." in run("quarantine", "dismiss", "--all").stdout


def test_an_export_without_a_valid_row_creates_no_member(export_database, tmp_path):
    cycles = [exports.cycle(3, 70, **{"Cycle timezone": ""})]
    write_files(tmp_path / "refused", exports.export(cycles=cycles))
    error = error_of(run("import", "refused", "--member", "new"))
    assert "physiological_cycles.csv, line 2: Cycle timezone: it is empty" in error
    assert json.loads(run("members", "--json").stdout) == []


def test_an_unknown_file_is_reported_with_its_headings_unless_all_known_files_exist(
    export_database, tmp_path
):
    files = exports.export(cycles=exports.CYCLES_OF_THREE_DAYS, sleeps=exports.NIGHTS)
    write_files(tmp_path / "mixed", {**files, "allenamenti.csv": "Ora di inizio,Attività\n1,2\n".encode()})
    imported = run("import", "mixed")
    assert imported.exit_code == 1
    assert (
        "allenamenti.csv is not known, and was not read. Its headings are: Ora di inizio, Attività."
        in imported.stderr
    )
    write_files(
        tmp_path / "whole", {**files, **exports.export(workouts=[], journal=[]), "other.csv": b"a,b\n"}
    )
    assert run("import", "whole").exit_code == 0
    assert "Its headings are: a, b" not in run("import", "whole").stdout
    assert "a, b" in error_of(run("import", "whole/other.csv"))


def test_with_several_members_import_requires_the_member_option(export_database):
    assert run("import", "export.zip").exit_code == 0
    assert run("import", "export.zip", "--member", "new").exit_code == 0
    assert "--member" in error_of(run("import", "export.zip"))
    assert "not known here" in error_of(run("import", "export.zip", "--member", "77"))
    error_of(run("import", "export.zip", "--member", "me"), 2)
    error_of(run("import", "export.zip", "--member", str(10**20)), 2)
    error_of(run("import", "nothing.zip"), 2)


def test_a_file_that_is_no_export_is_one_error_and_stores_nothing(export_database, tmp_path):
    (tmp_path / "other.zip").write_text("no zip")
    assert "fetch the export again" in error_of(run("import", "other.zip"))
    assert json.loads(run("members", "--json").stdout) == []


def test_a_member_from_an_export_is_erased_without_credentials(export_database):
    assert run("import", "export.zip").exit_code == 0
    assert "--erase" in error_of(run("disconnect", "-1"), 2)
    imported = run("disconnect", "-1", "--erase", "--yes")
    assert imported.exit_code == 0 and "rows erased" in imported.stdout
    assert json.loads(run("members", "--json").stdout) == []


@pytest.mark.parametrize(
    "command",
    [
        ["disconnect", "-2", "--erase", "--yes"],
        ["import", "export.zip", "--member", "-1", "--instead-of", "-2"],
    ],
)
def test_the_id_of_a_removed_member_is_not_reused(export_database, command):
    for _ in range(2):
        assert run("import", "export.zip", "--member", "new").exit_code == 0
    removed = run(*command)
    assert removed.exit_code == 0, removed.output
    assert "member -3, who is new" in run("import", "export.zip", "--member", "new").stdout


def test_backfill_fails_without_a_connected_member(export_database, monkeypatch):
    monkeypatch.setenv("WHOOP_CLIENT_ID", "x")
    monkeypatch.setenv("WHOOP_CLIENT_SECRET", "y")
    assert run("import", "export.zip").exit_code == 0
    assert "No member is connected" in error_of(run("backfill", "--from", "2026-11-01", "--to", "2026-11-02"))


def test_import_reads_an_export_that_the_simulators_command_line_wrote(export_database):
    exported = CliRunner().invoke(simulator, ["export", "folder", "--days", "5", "--variant", "bom"])
    assert exported.exit_code == 0, exported.output
    imported = run("import", "folder", "--member", "new")
    assert imported.exit_code == 0, imported.output
    rejected = CliRunner().invoke(simulator, ["export", "other", "--member", "9"])
    assert rejected.exit_code == 1
