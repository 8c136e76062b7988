"""Redaction of an erased member in Dagster's storages: ids in text, numbers and tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from whoop_assets.defs.event_log_redaction import redact_member
from whoop_assets_tests.support.dagster_instance import instance_in

OTHER = 62450
CAUSE = "a cause of this member only"


@dg.asset
def records() -> None:
    """An asset with a failing check."""


def failing_check(member: int) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=records)
    def complete() -> dg.AssetCheckResult:
        rows = [
            dg.TableRecord({"member": user_id, "cause": text})
            for user_id, text in ((member, CAUSE), (OTHER, "x"))
        ]
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Members {OTHER}, {member}: 3 records were not understood.",
            metadata={"member": member, "problems": dg.MetadataValue.table(rows), "requests": 12},
        )

    return complete


@contextmanager
def instance_with_a_failed_check(folder: Path, member: int) -> Iterator[dg.DagsterInstance]:
    with instance_in(folder) as instance:
        job = dg.Definitions(assets=[records], asset_checks=[failing_check(member)])
        job.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        yield instance


def evaluation(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """Returns the check's result as the Dagster UI reads it."""
    (run,) = instance.get_runs()
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    (found,) = [event for event in events if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    return found.asset_check_evaluation_data


@pytest.mark.parametrize("member", [10129, 7, -1])
def test_an_id_is_removed_from_the_text_numbers_and_tables_of_a_check(tmp_path: Path, member: int) -> None:
    with instance_with_a_failed_check(tmp_path, member) as instance:
        assert redact_member(instance, member).unreached == []
        found = evaluation(instance)
        assert str(member) not in (found.description or "")
        assert found.metadata["member"].value == 0
        table = found.metadata["problems"]
        assert isinstance(table, dg.TableMetadataValue)
        assert [record.data for record in table.records] == [
            {"member": 0, "cause": "(removed)"},
            {"member": OTHER, "cause": "x"},
        ]
        assert found.metadata["requests"].value == 12
        assert CAUSE not in str(instance.all_logs(instance.get_runs()[0].run_id))


def test_a_locked_database_is_reported_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise OperationalError("update event_logs", {"event": CAUSE}, Exception("database is locked"))

    with instance_with_a_failed_check(tmp_path, 10129) as instance:
        monkeypatch.setattr(instance.event_log_storage, "index_connection", locked)
        result = redact_member(instance, 10129)
        (sentence,) = result.unreached
        assert "end the processes that use it" in sentence
        assert CAUSE not in sentence
        assert result.values > 0  # The other databases are still redacted.
