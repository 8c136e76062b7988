"""Erasing a member removes their rows from the Iceberg tables of every namespace that was written."""

from whoop_assets.cli.members.erase import erase_outside_tables
from whoop_assets.sinks.iceberg.sync import sync
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.members.membership import erase_member
from whoop_assets_tests.sinks.iceberg.conftest import IcebergHome, OpenHome
from whoop_assets_tests.support.data.delivered import by_pyiceberg
from whoop_assets_tests.support.fixed_time import TODAY

NAMESPACE = "health_whoop"
"""The namespace of assets with the prefix health/whoop. The settings do not name it."""


def write_and_erase(iceberg: IcebergHome) -> None:
    """Write the cycles into NAMESPACE, then delete the first member's rows from the database."""
    iceberg.load(TODAY, TODAY)
    sync(iceberg.home.database, iceberg.catalog(), NAMESPACE, TABLES["cycles"])
    with iceberg.home.database.write([iceberg.home.member]) as connection:
        erase_member(connection, iceberg.home.member)


def test_an_erased_member_leaves_the_tables_of_another_namespace(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home(members=2) as iceberg:
        member, other = iceberg.home.members
        write_and_erase(iceberg)
        done = erase_outside_tables(iceberg.settings, iceberg.home.database, member, [])
        assert done.left == []
        assert any("Iceberg" in sentence for sentence in done.removed)
        rows = by_pyiceberg(iceberg.catalog(), "cycles", NAMESPACE)
        assert {row["user_id"] for row in rows.values()} == {other}
        assert len(iceberg.catalog().load_table((NAMESPACE, "cycles")).snapshots()) == 1


def test_a_written_table_that_the_catalog_lacks_is_named_as_left(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        write_and_erase(iceberg)
        iceberg.catalog().drop_table((NAMESPACE, "cycles"))
        done = erase_outside_tables(iceberg.settings, iceberg.home.database, iceberg.home.member, [])
        (left,) = done.left
        assert f"{NAMESPACE}.cycles" in left
        unset = iceberg.settings.replace(iceberg_catalog="")
        (left,) = erase_outside_tables(unset, iceberg.home.database, iceberg.home.member, []).left
        assert "WHOOP_ICEBERG_CATALOG is not set" in left
