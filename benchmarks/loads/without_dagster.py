"""Loads and summaries of a range of days without Dagster, on the warehouse WHOOP_DATABASE_URL.

python -m benchmarks.loads.without_dagster FIRST LAST
"""

import sys
from datetime import date

from whoop_assets.members import store as member_store
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.deployments.simulator_process import STREAMS


def load_and_summarise(settings: Settings, first: date, last: date) -> None:
    """Do the steps of a run of all assets in the same order; raises RuntimeError if a load is not
    complete.
    """
    database = open_database(settings, create=True)
    with WhoopSession(settings, database) as connection:
        with database.read() as transaction:
            until = database.now(transaction)
            everybody = [member.user_id for member in member_store.chosen(transaction, ())]
        for stream in STREAMS:
            done = load_members(connection, LoadRequest(stream, first, last, until.date(), until, until))
            if done.failures:
                raise RuntimeError(f"{stream}: {done.failures[0].cause}")
        rebuild_days(database, everybody, first, last)
        rebuild_trends(database, everybody, first, last)
    database.close()


if __name__ == "__main__":
    load_and_summarise(Settings.from_environment(), *map(date.fromisoformat, sys.argv[1:]))
