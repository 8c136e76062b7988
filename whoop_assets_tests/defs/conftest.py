"""A home whose settings stand in the environment, as Dagster's runs find them, and a real Dagster
instance."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.cli.backfill.range_run import daily_assets
from whoop_assets.clock import SystemClock
from whoop_assets.definitions import defs
from whoop_assets.defs.partitions import range_tags
from whoop_assets.sync.session import MAX_RETRY_SECONDS
from whoop_assets_tests.support.dagster_instance import instance_in
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import Home, at_home
from whoop_assets_tests.support.plain_settings import plain
from whoop_simulator.world.world import World

_numbers = itertools.count(1)

_WITHOUT = dg.Definitions(
    assets=defs.assets,
    asset_checks=[check for check in defs.asset_checks or () if len(list(check.check_specs)) == 1],
    resources=defs.resources,
    executor=defs.executor,
)


def job_of_assets(*, checked: bool = False) -> dg.JobDefinition:
    """The job of all assets; the checks that look at everything, which sensors' runs leave out, only when
    asked for."""
    return (defs if checked else _WITHOUT).resolve_implicit_global_asset_job_def()


@dataclass
class Project:
    """The project as a user has it: connected members, and Dagster."""

    home: Home
    instance: dg.DagsterInstance

    @property
    def today(self) -> date:
        return TODAY

    def now(self) -> datetime:
        """The time of `SystemClock`, which Dagster's runs use."""
        return SystemClock().now()

    def catch_up(self) -> None:
        """Set the home's clock to the time of Dagster's runs."""
        self.home.clock.advance(self.now() - self.home.clock.now())

    def run(
        self,
        first: date,
        last: date,
        *assets: str,
        tags: dict[str, str] | None = None,
        members: list[int] | None = None,
        checked: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Materialize a range of days, as a backfill does; all assets of days unless some are named.

        With the checks that look at everything, and cost more than a short run itself, only if `checked`.
        """
        job = job_of_assets(checked=checked)
        config = {"resources": {"whoop": {"config": {"members": members or []}}}}
        return job.execute_in_process(
            instance=self.instance,
            tags=range_tags(first, last) | (tags or {}),
            asset_selection=[dg.AssetKey(["whoop", name]) for name in assets] or daily_assets(),
            run_config=config,
            raise_on_error=False,
        )

    def metadata(self, asset: str, day: date) -> dict[str, Any]:
        """The metadata of the day's newest materialization."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(["whoop", asset]), asset_partitions=[day.isoformat()]), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}


@pytest.fixture(autouse=True)
def _short_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound retries to a moment: Dagster's runs use the system's clock, so a fault that stays would take its
    real time."""
    monkeypatch.setattr("whoop_assets.retry.FIRST_BACKOFF_SECONDS", 0.001)
    for lane in MAX_RETRY_SECONDS:
        monkeypatch.setitem(MAX_RETRY_SECONDS, lane, 0.2)


@pytest.fixture(scope="session")
def dagster_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Dagster instance that has made its tables: a copy of it is there at once."""
    folder = tmp_path_factory.mktemp("dagster")
    with instance_in(folder) as instance:
        instance.get_runs(limit=1)
        instance.all_asset_keys()
        instance.all_instigator_state()
    return folder


@pytest.fixture
def project(
    new_database_url: Callable[..., str],
    dagster_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., AbstractContextManager[Project]]:
    """`with project(members=2, days=20) as p:`; Dagster's runs begin at the same moment as the home.

    `dagster_url`: the PostgreSQL database of Dagster's storages; by default they are files.
    """

    @contextmanager
    def make(kind: str = "sqlite", *, dagster_url: str | None = None, **world: Any) -> Iterator[Project]:
        still = {"now": NOW, "frozen": True, "limits": False}
        served = World(**{"members": 1, "days": 25, "seed": 7, **still, **world})
        folder = Path(shutil.copytree(dagster_template, tmp_path / f"dagster{next(_numbers)}"))
        with (
            at_home(new_database_url(kind), served, now=SystemClock().now()) as home,
            instance_in(folder, dagster_url) as instance,
        ):
            settings = home.connection.settings
            for name in ("client_id", "client_secret", "api_url", "oauth_url", "database_url", "token_key"):
                monkeypatch.setenv(f"WHOOP_{name.upper()}", plain(settings, name))
            monkeypatch.setenv(EVENT_BATCH_SIZE, str(DEFAULT_EVENT_BATCH_SIZE))
            monkeypatch.setenv("WHOOP_REQUESTS_PER_MINUTE", "1000000")
            monkeypatch.setenv("WHOOP_REQUESTS_PER_DAY", "10000000")
            yield Project(home, instance)

    return make
