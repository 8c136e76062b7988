"""`migrate-v1`: a CSV file or a table in, the integrity report out, the exit status the truth."""

import csv
import json
import sqlite3
from pathlib import Path

import pytest

from whoop_assets.v1_migration.integrity import LOG_COLUMNS
from whoop_assets_tests.cli.conftest import CommandLine, is_one_error

UNKNOWN = 900_000_000


@pytest.fixture
def numbers(command_line: CommandLine) -> dict[int, str]:
    """What the mapping endpoint knows of the connected member: the simulator's newest days have none of their
    own."""
    member = command_line.members[0]
    command_line.connect(member)
    truth = command_line.world.truth(member)
    known = command_line.world.member(member).source.v1_ids
    known.update({600_000_000 + place: sleep["id"] for place, sleep in enumerate(truth["sleeps"])})
    return known


def old_store(path: Path, member: int, ids: list[int]) -> Path:
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["kind", "id", "user_id", "start"])
        writer.writerows(["sleep", number, member, ""] for number in ids)
    return path


def test_a_file_is_mapped_and_the_report_says_how(
    command_line: CommandLine, numbers: dict[int, str], tmp_path: Path
) -> None:
    source = old_store(tmp_path / "old.csv", command_line.members[0], list(numbers))
    result = command_line.run("migrate-v1", str(source), "--log", str(tmp_path / "log.csv"))
    assert result.exit_code == 0, result.output
    assert f"{len(numbers)} rows read, 0 rejected." in result.stdout
    lines = {line[:30].strip(): int(line[30:38]) for line in result.stdout.splitlines()[1:]}
    assert (lines["total"], lines["mapped"], lines["mapped_by_mapping"]) == (len(numbers),) * 3
    assert lines["not_stored"] == len(numbers)
    with (tmp_path / "log.csv").open() as written:
        rows = list(csv.DictReader(written))
    assert list(rows[0]) == list(LOG_COLUMNS)
    assert {int(row["v1_id"]): row["v2_id"] for row in rows} == numbers
    assert {row["source"] for row in rows} == {"old.csv"}


def test_what_is_left_to_look_at_is_told_by_the_exit_status(
    command_line: CommandLine, numbers: dict[int, str], tmp_path: Path
) -> None:
    source = old_store(tmp_path / "old.csv", command_line.members[0], [*numbers, UNKNOWN])
    result = command_line.run("migrate-v1", str(source), "--json")
    assert "1 ids are unmapped" in is_one_error(result)
    told = json.loads(result.stdout)
    assert (told["total"], told["unmapped"], told["answered_404"]) == (len(numbers) + 1, 1, 1)
    assert "1 ids are unmapped" in is_one_error(command_line.run("migrate-v1", "--retry"))
    source.write_text("kind,id,user_id\nsleep,x,1\n")
    assert "1 rows were rejected" in is_one_error(command_line.run("migrate-v1", str(source)))


def test_a_table_is_read_and_left_as_it_is(
    command_line: CommandLine, numbers: dict[int, str], tmp_path: Path
) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.execute("create table whoop_sleeps (id integer, start_time text)")
        old.executemany("insert into whoop_sleeps (id) values (?)", [(number,) for number in numbers])
    old.close()
    before = path.read_bytes()
    member = str(command_line.members[0])
    result = command_line.run(
        "migrate-v1", f"sqlite:///{path}", "--table", "whoop_sleeps", "--kind", "sleep", "--member", member
    )
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == before
    assert not path.with_name("old.db-wal").exists()


def test_what_cannot_be_read_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    assert "nowhere.csv" in is_one_error(command_line.run("migrate-v1", str(tmp_path / "nowhere.csv")))
    missing = f"sqlite:///{tmp_path}/nowhere.db"
    assert "nowhere.db" in is_one_error(command_line.run("migrate-v1", missing, "--table", "t"))
    assert not (tmp_path / "nowhere.db").exists()
    assert "--table" in is_one_error(command_line.run("migrate-v1", missing), 2)
    secret = "mysql://somebody:hunter2@host/db"
    said = is_one_error(command_line.run("migrate-v1", secret, "--table", "sleeps"))
    assert "hunter2" not in said
    assert "WHOOP_DATABASE_URL" not in said
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    empty = command_line.run("migrate-v1", f"sqlite:///{tmp_path}/empty.db", "--table", "sleeps")
    assert "empty.db:sleeps cannot be read" in is_one_error(empty)
