"""The command `dev`: the Dagster UI with its daemon.

It uses the real account if WHOOP_CLIENT_ID is set, else the demo's data.

The HTTP service runs beside it and receives webhooks; the demo's simulator sends them. State is kept between
starts.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from whoop_assets.cli import opening
from whoop_assets.cli.processes.ports import LOOPBACK, SERVICE_PORT
from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.settings import Settings

HOST = LOOPBACK
LOCK = ".whoop-assets-dev.lock"
# `dagster dev` recommends `dg dev`, a development tool that may not be installed.
_KNOWN_WARNING = "ignore:Function `dev_command` is superseded"
_SINGLE_EVENTS = (
    "Note: Dagster does not store its events in batches, so a backfill can take ten times as long. Set"
    " DAGSTER_EVENT_BATCH_SIZE=200, and use the event log storage of docs/configuration.md in"
    " {}/dagster.yaml."
)
_WORKSPACE = """\
load_from:
  - python_module: {module_name: whoop_assets.definitions, location_name: whoop_assets}
"""


class UiEnded(WhoopError):
    """The Dagster UI or the HTTP service ended unexpectedly."""


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the UI."
)
@click.option(
    "--service-port",
    type=click.IntRange(1, 65535),
    default=SERVICE_PORT,
    show_default=True,
    help="Port of the HTTP service, which receives webhooks.",
)
@click.pass_obj
def dev(demo_chosen: bool, port: int, service_port: int) -> None:
    """Run the Dagster UI, its daemon and the HTTP service.

    Uses your account if WHOOP_CLIENT_ID is set, otherwise the demo's data. `whoop-assets --demo dev` always
    uses the demo's data.
    """
    from whoop_assets.cli.processes.processes import ended_by_signals

    settings = Settings.from_environment()
    ports = Ports(port, service_port)
    start = _real_account if settings.client_id and not demo_chosen else _demo
    with ended_by_signals(), start(settings, ports) as (environment, folder, lock):
        _serve(environment, folder, lock, ports)


class Ports(NamedTuple):
    """The ports of the Dagster UI and of the HTTP service."""

    ui: int
    service: int

    def require_free(self) -> None:
        """Raise ConfigurationError if one of them is in use."""
        from whoop_assets.cli.processes.ports import require_free

        require_free(self.ui, "choose another with --port, or end the program that uses it")
        require_free(self.service, "choose another with --service-port, or end the program that uses it")


Start = tuple[dict[str, str], Path, int]
"""Environment and folder of the children, and the lock that they hold."""


@contextmanager
def _real_account(settings: Settings, ports: Ports) -> Iterator[Start]:
    from whoop_assets.cli.backfill.dagster_home import HOME, dagster_home, home_of_dotenv
    from whoop_assets.cli.processes.processes import held

    home = dagster_home(settings)
    in_file = home_of_dotenv()
    if in_file and not (Path(in_file).exists() and home.samefile(in_file)):
        raise ConfigurationError(
            f"DAGSTER_HOME is {home} in the environment and {in_file} in .env, and Dagster would use the"
            " second: make them agree."
        )
    settings.require_client()
    # A second start on the same home names the process of the first, also if both want the same port.
    with held(home / LOCK, f"the Dagster home {home}") as lock:
        ports.require_free()
        settings.data_folder.mkdir(parents=True, exist_ok=True)
        with opening.warehouse(settings, create=True):  # before Dagster's sensors look for it
            pass
        click.echo(
            f"The Dagster UI on your account, with its state in {home}. (`whoop-assets --demo dev` shows"
            f" the demo's data.)"
        )
        yield {**os.environ, HOME: str(home)}, Path.cwd(), lock


@contextmanager
def _demo(settings: Settings, ports: Ports) -> Iterator[Start]:
    """The demo with its simulator running; the demo is made first if there is none."""
    from whoop_assets.cli.demo import folder as demo_folder
    from whoop_assets.cli.demo import simulator
    from whoop_assets.cli.demo.demo import make
    from whoop_assets.web import WEBHOOK_PATH

    folder = demo_folder.folder_of(settings.data_folder)
    with demo_folder.held(folder) as lock:
        ports.require_free()
        demo = demo_folder.saved(folder)
        if demo is None:
            click.echo("There is no demo yet: making it first.")
            demo = make(folder, lock)
        webhook_url = f"http://{HOST}:{ports.service}{WEBHOOK_PATH}"
        with simulator.running(demo.world, folder, demo.port, webhook_url, [lock]) as url:
            replace(demo, port=demo_folder.port_of(url)).save()
            click.echo(f"The Dagster UI on the demo's data; the simulator plays WHOOP at {url}.")
            # No .env lies in this folder: Dagster would let it win over the environment.
            yield {**os.environ, **demo.environment(url, ports.service)}, folder, lock


def _serve(environment: Mapping[str, str], folder: Path, lock: int, ports: Ports) -> None:
    from whoop_assets.cli.backfill.dagster_home import (
        EVENT_BATCH_SIZE,
        HOME,
        event_batch_size,
        stores_batches,
    )
    from whoop_assets.cli.processes.processes import child, end, first_to_end
    from whoop_assets.cli.processes.supervised import GRACE_SECONDS

    home, batch_size = Path(environment[HOME]), event_batch_size()
    workspace = home / "whoop-assets-workspace.yaml"
    workspace.write_text(_WORKSPACE)
    package = str(Path(__file__).resolve().parents[3])
    paths = [package, *filter(None, [environment.get("PYTHONPATH")])]
    module = [sys.executable, "-m"]
    dagster = [*module, "dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(ports.ui)]
    service = [*module, "whoop_assets.cli", "serve", "--host", HOST, "--port", str(ports.service)]
    if batch_size < 2 or not stores_batches(home):
        click.echo(_SINGLE_EVENTS.format(home))
    click.echo(f"Open http://{HOST}:{ports.ui} when it says that it serves; Ctrl-C ends everything.")
    click.echo(f"The web pages for members and operators are at http://{HOST}:{ports.service}/.")
    known = ",".join([*filter(None, [environment.get("PYTHONWARNINGS")]), _KNOWN_WARNING])
    environment = {
        **environment,
        EVENT_BATCH_SIZE: str(batch_size),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": known,
    }
    try:
        with (
            child(service, environment=environment, folder=folder, locks=[lock]) as receiving,
            child(dagster, environment=environment, folder=folder, locks=[lock]) as showing,
        ):
            names = {receiving.pid: "The HTTP service", showing.pid: "Dagster"}
            try:
                ended = first_to_end(receiving, showing)
            except KeyboardInterrupt:
                click.echo(
                    f"Stopping: waiting at most {GRACE_SECONDS:.0f} s for the HTTP service (process"
                    f" {receiving.pid}) and Dagster (process {showing.pid})."
                )
                raise
            finally:
                # Both at once, so that their waits do not add up.
                for process in end(receiving, showing):
                    click.echo(
                        f"{names[process.pid]} did not end within {GRACE_SECONDS:.0f} s and was killed."
                    )
    except KeyboardInterrupt:
        click.echo("Ended; the state is kept.")
        return
    raise UiEnded(
        f"{names[ended.pid]} ended unexpectedly (exit status {ended.returncode}): its last lines above"
        " give the reason."
    )
