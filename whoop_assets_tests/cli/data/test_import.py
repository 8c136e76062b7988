"""`import`: an export from the command line, also for somebody who has no access to WHOOP's API at all."""

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
from whoop_assets_tests.cli.conftest import is_one_error
from whoop_assets_tests.support import app_exports as exports
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.cli import main as simulator
from whoop_simulator.world.app_export import files_of, write_export


@pytest.fixture
def alone(sqlite_url, monkeypatch, tmp_path):
    """A command line without credentials, and an export of forty days in the working folder."""
    monkeypatch.setenv("WHOOP_DATABASE_URL", sqlite_url)
    world = frozen_world(days=40, seed=7)
    write_export(tmp_path / "export.zip", files_of(world.truth(world.user_ids[0]), "subfolder"))
    return sqlite_url


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_person_without_an_api_account_can_use_everything_on_their_export(alone, tmp_path):
    done = run("import", "export.zip")
    assert done.exit_code == 0, done.output
    assert "member -1, who is new" in done.stdout
    for name in ("physiological_cycles.csv", "sleeps.csv", "workouts.csv", "journal_entries.csv"):
        assert name in done.stdout
    (one,) = json.loads(run("members", "--json").stdout)
    assert (one["user_id"], one["status"], one["mended_by"], one["left_out"]) == (-1, "export_only", None, [])
    assert one["imported_cycles"] > 35 and one["stale_days"] == 0 and one["history"] is None
    assert "only from the app's export" in run("members").stdout
    assert run("report", "--member", "-1").exit_code == 0
    page = (tmp_path / "data" / "reports" / "export-1.html").read_text()
    assert "from the export" in page
    database = Database(alone)
    with database.read() as connection:
        rows = connection.execute(select(tables.trends)).all()
    assert len(rows) > 35
    # A second export of the only member needs no --member.
    again = run("import", "export.zip")
    assert again.exit_code == 0 and "0 daily summaries" in again.stdout
    database.close()


def test_nobody_plans_reads_renews_or_misses_a_member_from_an_export(alone):
    assert run("import", "export.zip").exit_code == 0
    settings = Settings.from_environment()
    database = Database(alone)
    assert current_plan.progress_of_members(database, settings) == {}
    assert keep_alive.due(database)[0] == []
    assert overdue.lateness(database, settings).members == 0
    with database.read() as connection:
        assert member_store.listed(connection, member_store.RECONNECTION_NEEDED) == []
    database.close()
    plan = run("plan")
    assert plan.exit_code == 0 and "-1" not in plan.stdout


def test_rows_that_were_not_understood_are_named_by_file_and_line_and_the_status_says_so(alone, tmp_path):
    world = frozen_world(days=10, seed=7)
    files = files_of(world.truth(world.user_ids[0]))
    files["workouts.csv"] += b"some,thing,else\n"
    write_export(tmp_path / "broken", files)
    line = len(files["workouts.csv"].splitlines())
    done = run("import", "broken", "--member", "new")
    assert done.exit_code == 1
    assert f"workouts.csv, line {line}: it has 3 cells" in done.stderr
    assert "export_quarantine" in done.stderr
    assert "Rebuilt: " in done.stdout


def written(folder, files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_days_with_the_recovery_of_a_nap_are_counted_and_one_csv_file_is_enough(alone, tmp_path):
    naps = [exports.cycle(4), exports.cycle(3, None, exports.nap(3)), exports.cycle(2)]
    (tmp_path / "physiological_cycles (1).csv").write_bytes(exports.csv_of("cycles", naps))
    done = run("import", "physiological_cycles (1).csv")
    assert done.exit_code == 0, done.output
    assert "physiological_cycles (1).csv" in done.stdout
    assert "On 1 days the export has the recovery of a nap" in done.stdout


def test_a_bad_cell_and_an_answer_without_a_cycle_are_told_and_fail_nothing(alone, tmp_path):
    cycles = [exports.cycle(3, 70, **{"Day Strain": "high"}), exports.cycle(2)]
    answers = [{"Question text": "Any alcohol?", "Answered yes": "true"}]
    written(tmp_path / "odd", exports.export(cycles=cycles, journal=answers))
    for member in ("new", "-1"):
        done = run("import", "odd", "--member", member)
        assert done.exit_code == 0, done.output
        assert "1 journal answers name no cycle: they are without a day" in done.stdout
        assert (
            "physiological_cycles.csv, line 2: Day Strain: a word of 4 characters is not a number"
            in done.stderr
        )
        assert "quarantine" not in done.stderr


def test_rejected_rows_are_listed_and_dismissed_and_are_no_warning_any_more(alone, tmp_path):
    cycles = [exports.cycle(4), exports.cycle(3, 70, **{"Cycle timezone": ""}), exports.cycle(2)]
    written(tmp_path / "broken", exports.export(cycles=cycles))
    assert run("import", "broken", "--member", "new").exit_code == 1
    (entry,) = json.loads(run("quarantine", "list", "--json").stdout)
    assert (entry["user_id"], entry["source"], entry["place"]) == (-1, "physiological_cycles.csv", "line 3")
    assert entry["id"] in run("quarantine", "list", "--member", "-1").stdout
    assert "0 open." in run("quarantine", "list", "--member", "7").stdout
    is_one_error(run("quarantine", "dismiss"), 2)
    is_one_error(run("quarantine", "dismiss", entry["id"], "--all"), 2)
    assert "quarantine list" in is_one_error(run("quarantine", "dismiss", "0123456789ab"))
    assert "Dismissed: 1." in run("quarantine", "dismiss", entry["id"]).stdout
    again = run("import", "broken", "--member", "-1")
    assert again.exit_code == 0, again.output
    assert "1 rows were dismissed before" in again.stdout
    assert "Dismissed: 0." in run("quarantine", "dismiss", "--all").stdout


def test_an_export_of_which_every_row_is_refused_makes_no_member(alone, tmp_path):
    cycles = [exports.cycle(3, 70, **{"Cycle timezone": ""})]
    written(tmp_path / "refused", exports.export(cycles=cycles))
    said = is_one_error(run("import", "refused", "--member", "new"))
    assert "physiological_cycles.csv, line 2: Cycle timezone: it is empty" in said
    assert json.loads(run("members", "--json").stdout) == []


def test_a_file_whose_headings_are_not_known_is_named_with_them_and_may_be_what_is_missing(alone, tmp_path):
    files = exports.export(cycles=exports.CYCLES_OF_THREE_DAYS, sleeps=exports.NIGHTS)
    written(tmp_path / "mixed", {**files, "allenamenti.csv": "Ora di inizio,Attività\n1,2\n".encode()})
    done = run("import", "mixed")
    assert done.exit_code == 1
    assert (
        "allenamenti.csv is not known, and was not read. Its headings are: Ora di inizio, Attività."
        in done.stderr
    )
    written(tmp_path / "whole", {**files, **exports.export(workouts=[], journal=[]), "other.csv": b"a,b\n"})
    assert run("import", "whole").exit_code == 0
    assert "Its headings are: a, b" not in run("import", "whole").stdout
    assert "a, b" in is_one_error(run("import", "whole/other.csv"))


def test_with_several_members_it_asks_whose_it_is_and_new_is_always_an_answer(alone):
    assert run("import", "export.zip").exit_code == 0
    assert run("import", "export.zip", "--member", "new").exit_code == 0
    assert "--member" in is_one_error(run("import", "export.zip"))
    assert "not known here" in is_one_error(run("import", "export.zip", "--member", "77"))
    is_one_error(run("import", "export.zip", "--member", "me"), 2)
    is_one_error(run("import", "nothing.zip"), 2)


def test_what_is_no_export_is_one_sentence_and_nothing_is_stored(alone, tmp_path):
    (tmp_path / "other.zip").write_text("no zip")
    assert "fetch the export again" in is_one_error(run("import", "other.zip"))
    assert json.loads(run("members", "--json").stdout) == []


def test_a_member_from_an_export_is_erased_without_any_credentials(alone):
    assert run("import", "export.zip").exit_code == 0
    assert "--erase" in is_one_error(run("disconnect", "-1"), 2)
    done = run("disconnect", "-1", "--erase", "--yes")
    assert done.exit_code == 0 and "rows were erased" in done.stdout
    assert json.loads(run("members", "--json").stdout) == []


@pytest.mark.parametrize(
    "way",
    [
        ["disconnect", "-2", "--erase", "--yes"],
        ["import", "export.zip", "--member", "-1", "--instead-of", "-2"],
    ],
)
def test_the_number_of_who_is_gone_is_not_given_to_anybody_else(alone, way):
    for _ in range(2):
        assert run("import", "export.zip", "--member", "new").exit_code == 0
    done = run(*way)
    assert done.exit_code == 0, done.output
    assert "member -3, who is new" in run("import", "export.zip", "--member", "new").stdout


def test_a_backfill_has_nobody_to_read_when_all_are_from_exports(alone, monkeypatch):
    monkeypatch.setenv("WHOOP_CLIENT_ID", "x")
    monkeypatch.setenv("WHOOP_CLIENT_SECRET", "y")
    assert run("import", "export.zip").exit_code == 0
    assert "No member is connected" in is_one_error(
        run("backfill", "--from", "2026-11-01", "--to", "2026-11-02")
    )


def test_the_simulator_writes_an_export_from_the_command_line(alone):
    written = CliRunner().invoke(simulator, ["export", "folder", "--days", "5", "--variant", "bom"])
    assert written.exit_code == 0, written.output
    done = run("import", "folder", "--member", "new")
    assert done.exit_code == 0, done.output
    refused = CliRunner().invoke(simulator, ["export", "other", "--member", "9"])
    assert refused.exit_code == 1
