"""False alarms of journal effects where no effect exists.

    python -m benchmarks.summaries.journal_false_alarms [--members 40] [--days 700] [--rotations 10] [--export
    FOLDER_OR_ZIP ...]

Each member's outcomes are rotated against the answers by at least 45 days and by whole weeks. So both are
unrelated, but keep their weekdays, autocorrelation and drift. Each interval that excludes zero is a false
alarm; at most 7% may be. A plain comparison of two means (Welch's interval for independent days) is printed
for comparison.

By default the members are generated with properties of real days: an autocorrelation of 0.3, weekdays that
differ by 10 to 25 points of recovery, drift over months, and habits that depend on weekdays and change over
time. `--export` adds members from the app's exports.
"""

import argparse
import random
from pathlib import Path
from tempfile import TemporaryDirectory

from whoop_assets import schema
from whoop_assets.app_export.parsing.archive import read_files
from whoop_assets.db.database import Database
from whoop_assets.journal import rebuild as stored
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.support.models.rotated_journal import Answers, Days, Tally, generate_member, rotations


def exported(path: Path) -> tuple[Answers, Days]:
    """Answers and outcomes of a member's export, imported into a temporary database."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'export.db'}")
        schema.prepare(database)
        try:
            import_export(database, read_files(path), None)
            with database.read() as connection:
                return stored.answers(connection, -1), stored.outcomes(connection, -1)
        finally:
            database.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.summaries.journal_false_alarms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=40, help="Made-up members.")
    parser.add_argument("--days", type=int, default=700, help="Days of each of them.")
    parser.add_argument("--rotations", type=int, default=10, help="Rotations of each member.")
    parser.add_argument(
        "--export", type=Path, nargs="*", default=[], help="Exports of the app: zip or folder."
    )
    chosen = parser.parse_args()
    rng = random.Random(1)
    if chosen.members:
        tally = Tally()
        for seed in range(chosen.members):
            rotations(*generate_member(seed, chosen.days), chosen.rotations, rng, tally)
        print(f"{chosen.members} made-up members of {chosen.days} days: {tally}")
    for place, path in enumerate(chosen.export, start=1):
        tally = Tally()
        rotations(*exported(path), chosen.rotations, rng, tally)
        print(f"export {place}: {tally if tally.intervals else 'too few answers'}")


if __name__ == "__main__":
    main()
