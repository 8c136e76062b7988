"""`migrate-v1`: reads a CSV file, prints the integrity report, and sets the exit status."""

import csv
import json
from pathlib import Path

import pytest

from whoop_assets.v1_migration.tables import v1_ids as log
from whoop_assets_tests.cli.conftest import CommandLine, error_of

UNKNOWN = 900_000_000


@pytest.fixture
def v1_ids(command_line: CommandLine) -> dict[int, str]:
    """Connects a member and gives their newest sleeps v1 ids; returns v1 id -> v2 id."""
    member = command_line.members[0]
    command_line.connect(member)
    truth = command_line.world.truth(member)
    known = command_line.world.member(member).source.v1_ids
    known.update({600_000_000 + index: sleep["id"] for index, sleep in enumerate(truth["sleeps"])})
    return known


def write_old_store(path: Path, member: int, ids: list[int]) -> Path:
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["kind", "v1_id", "user_id", "start_time"])
        writer.writerows(["sleep", number, member, ""] for number in ids)
    return path


def test_a_csv_file_is_mapped_and_reported(
    command_line: CommandLine, v1_ids: dict[int, str], tmp_path: Path
) -> None:
    source = write_old_store(tmp_path / "old.csv", command_line.members[0], list(v1_ids))
    result = command_line.run("migrate-v1", str(source), "--log", str(tmp_path / "log.csv"))
    assert result.exit_code == 0, result.output
    assert f"{len(v1_ids)} rows read, 0 rejected." in result.stdout
    lines = {line[:30].strip(): int(line[30:38]) for line in result.stdout.splitlines()[1:]}
    assert (lines["total"], lines["mapped"], lines["mapped_by_mapping"]) == (len(v1_ids),) * 3
    assert lines["not_stored"] == len(v1_ids)
    with (tmp_path / "log.csv").open() as written:
        rows = list(csv.DictReader(written))
    assert list(rows[0]) == [*log.columns.keys(), "contradiction"]
    assert {int(row["v1_id"]): row["v2_id"] for row in rows} == v1_ids
    assert {row["source"] for row in rows} == {"old.csv"}


def test_unmapped_ids_and_rejected_rows_fail_the_command(
    command_line: CommandLine, v1_ids: dict[int, str], tmp_path: Path
) -> None:
    source = write_old_store(tmp_path / "old.csv", command_line.members[0], [*v1_ids, UNKNOWN])
    result = command_line.run("migrate-v1", str(source), "--json")
    assert "Unmapped: 1 id; with a contradicting record: 0 ids;" in error_of(result)
    report = json.loads(result.stdout)
    assert (report["total"], report["unmapped"], report["answered_404"]) == (len(v1_ids) + 1, 1, 1)
    assert "Unmapped: 1 id; with a contradicting record: 0 ids;" in error_of(command_line.run("migrate-v1"))
    source.write_text("kind,v1_id,user_id\nsleep,x,1\n")
    assert "Rejected: 1 row." in error_of(command_line.run("migrate-v1", str(source)))


def test_an_unreadable_source_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    assert "nowhere.csv" in error_of(command_line.run("migrate-v1", str(tmp_path / "nowhere.csv")))
    (tmp_path / "old.db").write_bytes(b"\xff\x00")
    assert "old.db cannot be read as CSV" in error_of(
        command_line.run("migrate-v1", str(tmp_path / "old.db"))
    )
