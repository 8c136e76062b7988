"""A year of ten members into Iceberg tables, then changes and deletions, against plain Parquet files of
the same rows.

    python -m benchmarks.loads.iceberg [--days 365] [--members 10] [--changes 300] [--deletions 20] [--seed 7]
    [--upsert]

The simulator's records are validated and stored as a load does, without HTTP. All steps run in one process.
CPU seconds are the figure to read, because wall time depends on the machine's load. Finally DuckDB reads
every row and column, which are compared with the warehouse. With --upsert pyiceberg's own upsert also writes
the changed workouts, into a copy.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from pyiceberg.catalog import Catalog

from whoop_assets.db.database import Database
from whoop_assets.records import upsert as records
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.schema import prepare
from whoop_assets.settings import Settings
from whoop_assets.sinks import source
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.iceberg.iceberg_tables import arrow_table, kinds
from whoop_assets.sinks.iceberg.sync import Synced, sync
from whoop_assets.sinks.layout import lay_out
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.data.delivered import assert_delivered, by_duckdb, data_files
from whoop_simulator.world.world import World

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAMES = {"cycles": "cycles", "sleeps": "sleep", "recoveries": "recovery", "workouts": "workout"}


class Watch:
    """CPU seconds of this process, and wall time in seconds."""

    cpu = wall = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall

    def __str__(self) -> str:
        return f"{self.cpu:6.2f} s CPU {self.wall:7.1f} s by the clock"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--deletions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--upsert", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), chosen)


def run(folder: Path, chosen: argparse.Namespace) -> None:
    settings = Settings(database_url=f"sqlite:///{folder / 'whoop.db'}", iceberg_catalog="local")
    database = Database(settings.database_url)
    prepare(database)
    world = World(
        members=chosen.members, days=chosen.days, seed=chosen.seed, now=NOW, frozen=True, limits=False
    )
    store(database, world)
    catalog = open_catalog(settings)
    first = Watch()
    with first.on():
        done = [sync(database, catalog, "whoop", TABLES[name]) for name in NAMES.values()]
    files = {name: data_files(catalog.load_table(f"whoop.{name}")) for name in NAMES.values()}
    rows = sum(one.rows for one in done)
    print(
        f"{chosen.days} days of {chosen.members} members: {rows} rows, {sum(map(len, files.values()))} files"
    )
    print(f"into Iceberg             {first}   {sum(one.commits for one in done)} commits")
    bare = written_bare(folder / "bare", [path for paths in files.values() for path in paths])
    print(f"the same files bare      {bare}   ratio {first.cpu / bare.cpu:.2f} of CPU")
    reading = laid_out(database, catalog)
    print(f"reading and laying out   {reading}   of the first")
    compare(database, catalog)

    looking = Watch()
    with looking.on(), database.read() as connection:
        behind = [ledger.behind(connection, "whoop", table) for table in TABLES.values()]
    assert not any(behind)
    print(f"finding stale days   {looking}   11 tables, nothing is")

    change(database, world, chosen)
    with database.read() as connection:
        due = {name: ledger.behind(connection, "whoop", TABLES[name]) for name in NAMES.values()}
    print(
        f"\n{chosen.changes} changes, {chosen.deletions} deletions:"
        f" {sum(map(len, due.values()))} of {sum(map(len, files.values()))} days of tables are behind"
    )
    if chosen.upsert:
        upsert(database, catalog, settings, sorted(due["workout"]))
    second = Watch()
    with second.on():
        again = [sync(database, catalog, "whoop", TABLES[name]) for name in NAMES.values()]
    print(
        f"into Iceberg             {second}   {sum(one.commits for one in again)} commits,"
        f" {sum(one.rows for one in again)} rows written"
    )
    touched = [
        path for name in NAMES.values() for path in data_files(catalog.load_table(f"whoop.{name}"))
        if path not in files[name]
    ]  # fmt: skip
    bare = written_bare(folder / "bare again", touched)
    print(f"the same files bare      {bare}   ratio {second.cpu / bare.cpu:.2f} of CPU, {len(touched)} files")
    compare(database, catalog)
    add_a_field(database, catalog, world)
    for name in NAMES.values():
        table = catalog.load_table(f"whoop.{name}")
        print(f"{name:<12} {len(table.snapshots())} snapshots, {len(data_files(table))} files")


def store(database: Database, world: World, streams: Iterable[str] = NAMES) -> None:
    """Store the simulator's records of all members, as a load does."""
    for user_id in world.user_ids:
        truth = world.truth(user_id)
        with database.write([user_id]) as connection:
            at = database.now(connection)
            for stream in streams:
                taken = [
                    parse_record(STREAMS[stream], record, user_id, at, STREAMS[stream].path)
                    for record in truth[stream]
                ]
                answers = [one for one in taken if isinstance(one, ParsedRecord)]
                records.store(connection, user_id, stream, answers, at)


def change(database: Database, world: World, chosen: argparse.Namespace) -> None:
    """Edit and delete records of any stream and member in the simulator, and store the changes."""
    chance = random.Random(chosen.seed)
    share = -(-chosen.changes // chosen.members)
    for user_id in world.user_ids:
        world.random_edits(user_id, share, seed=chosen.seed)
    gone: dict[int, list[str]] = {}
    for number in range(chosen.deletions):
        user_id = world.user_ids[number % len(world.user_ids)]
        workout = chance.choice(world.truth(user_id)["workouts"])["id"]
        world.delete(user_id, "workouts", workout)
        gone.setdefault(user_id, []).append(workout)
    store(database, world)
    for user_id, keys in gone.items():
        with database.write([user_id]) as connection:
            at = database.now(connection)
            records.delete_confirmed(connection, user_id, "workouts", dict.fromkeys(keys, at), at)


def add_a_field(database: Database, catalog: Catalog, world: World) -> None:
    """Add a field to WHOOP's cycles; the next run adds a column."""
    user_id = world.user_ids[0]
    cycle = world.truth(user_id)["cycles"][3]
    world.edit(user_id, "cycles", cycle["id"], {"stress_minutes": 71}, follow=False)
    store(database, world, ["cycles"])
    done = sync(database, catalog, "whoop", TABLES["cycles"])
    rows = by_duckdb(catalog, "cycles")
    told = {key[0]: row["stress_minutes"] for key, row in rows.items() if row["stress_minutes"] is not None}
    assert told == {cycle["id"]: 71}, told
    print(
        f"\na field added upstream: column {', '.join(done.added)}, {done.days} day written; read by"
        f" DuckDB: {told}"
    )


def compare(database: Database, catalog: Catalog) -> None:
    """Raise an error unless every row and column equals the warehouse."""
    assert_delivered(database, catalog, NAMES.values())
    counts = [len(by_duckdb(catalog, name)) for name in NAMES.values()]
    print(f"rows equal the warehouse's, read by DuckDB and by pyiceberg: {sum(counts)}")


def written_bare(folder: Path, paths: list[str]) -> Watch:
    """Write tables in memory to the same number of files."""
    tables = [pa.parquet.read_table(path, partitioning=None) for path in paths]
    folder.mkdir()
    watch = Watch()
    with watch.on():
        for number, table in enumerate(tables):
            pa.parquet.write_table(table, folder / f"{number}.parquet", compression="zstd")
    return watch


def laid_out(database: Database, catalog: Catalog) -> Watch:
    """Read the rows and convert them to Arrow, the work before Iceberg."""
    watch = Watch()
    with watch.on():
        for name in NAMES.values():
            schema = catalog.load_table(f"whoop.{name}").schema()
            with database.read() as connection:
                days = list(source.marks(connection, TABLES[name]))
                rows = source.rows(connection, TABLES[name], days)
            arrow_table(schema, lay_out(TABLES[name], kinds(schema), rows), len(rows))
    return watch


def upsert(database: Database, catalog: Catalog, settings: Settings, days: list[Any]) -> Synced:
    """Compare pyiceberg's upsert with ours for the same days of workouts, on copies of the table."""
    old = catalog.load_table("whoop.workout").scan().to_arrow()
    catalog.create_namespace("copy")
    copy = catalog.create_table(
        "copy.workout",
        catalog.load_table("whoop.workout").schema(),
        partition_spec=catalog.load_table("whoop.workout").spec(),
    )
    copy.append(old)
    with database.read() as connection:
        rows = source.rows(connection, TABLES["workout"], days)
    changed = arrow_table(copy.schema(), lay_out(TABLES["workout"], kinds(copy.schema()), rows), len(rows))
    watch = Watch()
    with watch.on():
        result = copy.upsert(changed)
    print(
        f"pyiceberg's upsert       {watch}   workouts of {len(days)} days, {len(rows)} rows:"
        f" {result.rows_updated} updated"
    )
    ours = Watch()
    with ours.on():
        done = sync(database, catalog, "whoop", TABLES["workout"])
    print(f"ours, deletions too      {ours}   the same days, {done.rows} rows")
    return done


if __name__ == "__main__":
    main()
