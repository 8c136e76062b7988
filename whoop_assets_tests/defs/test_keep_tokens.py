"""The schedule and the job that refresh unused tokens."""

from datetime import timedelta

from sqlalchemy import true, update

from whoop_assets.definitions import defs
from whoop_assets.tokens import tables
from whoop_assets_tests.support.fixed_time import NOW


def set_token_age(p, days, user_id=None):
    """Sets the last refresh of a member's tokens, or of all tokens, to `days` ago."""
    refreshed_at = NOW - timedelta(days=days)
    selected = tables.tokens.c.user_id == user_id if user_id else true()
    with p.home.database.write() as connection:
        connection.execute(update(tables.tokens).where(selected).values(refreshed_at=refreshed_at))


def keep_tokens(p):
    job = defs.resolve_job_def("keep_tokens")
    return job.execute_in_process(instance=p.instance, raise_on_error=False)


def test_recently_refreshed_tokens_need_no_run(project):
    with project() as p:
        set_token_age(p, 2)
        tick = p.schedule_tick("keep_tokens_alive")
        assert tick.run_requests == []
        assert "3 days" in tick.skip_message


def test_unused_tokens_are_refreshed_and_a_revoked_grant_affects_only_its_member(project):
    with project(members=3) as p:
        revoked, unused, recent = p.home.members
        for user_id in (revoked, unused):
            set_token_age(p, 4, user_id)
        set_token_age(p, 1, recent)
        p.home.world.revoke_tokens(revoked)
        (request,) = p.schedule_tick("keep_tokens_alive").run_requests
        assert (request.tags["whoop/lane"], request.tags["dagster/max_runtime"]) == ("schedule", "7200")
        before = p.home.world.stats()
        result = keep_tokens(p)
        assert result.success
        after = p.home.world.stats()
        assert after["refreshes"] - before["refreshes"] == 1
        assert after["requests"] == before["requests"]
        assert p.home.rows("members")[revoked]["status"] == "reconnection_needed"
        assert p.schedule_tick("keep_tokens_alive").run_requests == []
        (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
        metadata = output.step_output_data.metadata
        assert metadata["members_to_reconnect"].value == f"{revoked}: run `whoop-assets connect`"
        assert metadata["renewed"].value == 1


def test_a_transient_error_fails_the_run_and_the_refresh_stays_due(project):
    with project(members=2) as p:
        set_token_age(p, 4)
        p.home.world.inject_fault("status", status=503, count=1, path_prefix="/oauth/oauth2/token")
        result = keep_tokens(p)
        assert not result.success
        assert p.home.world.stats()["refreshes"] == 1
        assert len(p.schedule_tick("keep_tokens_alive").run_requests) == 1
        assert keep_tokens(p).success
        assert p.schedule_tick("keep_tokens_alive").run_requests == []
