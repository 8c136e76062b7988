"""`dev`: the Dagster UI with its daemon, on the real account when WHOOP_CLIENT_ID is set, else on the demo's data.

Beside it runs the HTTP service that receives webhooks; the demo's simulator sends it what happens to its members.
State is kept between starts: the project's Dagster home, or the demo's with its simulator brought up again.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from whoop_assets.cli import opening
from whoop_assets.cli.ports import LOOPBACK, SERVICE_PORT
from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.settings import Settings

HOST = LOOPBACK
# `dagster dev` would have us use `dg dev`, which is a development tool that need not be installed.
_KNOWN_WARNING = "ignore:Function `dev_command` is superseded"
_SINGLE_EVENTS = (
    "Note: Dagster does not store its events in batches, so a backfill can take ten times as long. Set"
    " DAGSTER_EVENT_BATCH_SIZE=200, and use the event log storage of docs/configuration.md in {}/dagster.yaml."
)
_WORKSPACE = """\
load_from:
  - python_module: {module_name: whoop_assets.definitions, location_name: whoop_assets}
"""


class UiEnded(WhoopError):
    """The Dagster UI, or the service beside it, ended by itself."""


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
def dev(port: int, service_port: int) -> None:
    """Run the Dagster UI, its daemon and the HTTP service, on the demo's data or on a real account."""
    from whoop_assets.cli.ports import free_port, is_free, require_free
    from whoop_assets.cli.processes import ended_by_signals

    settings = Settings.from_environment()
    require_free(port, "choose another with --port, or end the program that uses it")
    with ended_by_signals():
        if settings.client_id:
            environment, folder = _real_account(settings)
            # Somebody leads WHOOP's webhooks to this port, so another one will not do.
            require_free(service_port, "choose another with --service-port, or end the program that uses it")
            _serve(environment, folder, port, service_port)
        else:
            service_port = service_port if is_free(service_port) else free_port()
            with _demo(settings, service_port) as (environment, folder):
                _serve(environment, folder, port, service_port)


def _real_account(settings: Settings) -> tuple[dict[str, str], Path]:
    from whoop_assets.cli.dagster_home import HOME, dagster_home, home_of_dotenv

    home = dagster_home(settings)
    in_file = home_of_dotenv()
    if in_file and not (Path(in_file).exists() and home.samefile(in_file)):
        raise ConfigurationError(
            f"DAGSTER_HOME is {home} in the environment and {in_file} in .env, and Dagster would use the second:"
            " make them agree."
        )
    settings.require_client()
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    with opening.warehouse(settings, create=True):  # before Dagster's sensors look for it
        pass
    click.echo(f"The Dagster UI on the real account, with its state in {home}.")
    return {**os.environ, HOME: str(home)}, Path.cwd()


@contextmanager
def _demo(settings: Settings, service_port: int) -> Iterator[tuple[dict[str, str], Path]]:
    """The demo's environment and folder, its simulator running; made first where there is none yet."""
    from whoop_assets.cli import demo_folder, simulator
    from whoop_assets.cli.demo import make
    from whoop_assets.service.app import WEBHOOK_PATH

    folder = demo_folder.folder_of(settings.data_folder)
    with demo_folder.held(folder):
        demo = demo_folder.saved(folder)
        if demo is None:
            click.echo("WHOOP_CLIENT_ID is not set, and there is no demo yet: making it first.")
            demo = make(folder)
        webhook_url = f"http://{HOST}:{service_port}{WEBHOOK_PATH}"
        with simulator.running(demo.world, folder, demo.port, webhook_url) as url:
            replace(demo, port=demo_folder.port_of(url)).save()
            click.echo(f"The Dagster UI on the demo's data; the simulator plays WHOOP at {url}.")
            # No .env lies in this folder: Dagster would let it win over the environment.
            yield {**os.environ, **demo.environment(url, service_port)}, folder


def _serve(environment: Mapping[str, str], folder: Path, port: int, service_port: int) -> None:
    from whoop_assets.cli.dagster_home import EVENT_BATCH_SIZE, HOME, event_batch_size, stores_batches
    from whoop_assets.cli.processes import child, first_to_end

    home, batch_size = Path(environment[HOME]), event_batch_size()
    workspace = home / "whoop-assets-workspace.yaml"
    workspace.write_text(_WORKSPACE)
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [environment.get("PYTHONPATH")])]
    dagster = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(port)]
    service = [sys.executable, "-m", "whoop_assets.cli", "serve", "--host", HOST, "--port", str(service_port)]
    if batch_size < 2 or not stores_batches(home):
        click.echo(_SINGLE_EVENTS.format(home))
    click.echo(f"Open http://{HOST}:{port} when it says that it serves; Ctrl-C ends everything.")
    known = ",".join([*filter(None, [environment.get("PYTHONWARNINGS")]), _KNOWN_WARNING])
    environment = {
        **environment,
        EVENT_BATCH_SIZE: str(batch_size),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": known,
    }
    try:
        with (
            child(service, environment=environment, folder=folder) as receiving,
            child(dagster, environment=environment, folder=folder) as showing,
        ):
            ended = first_to_end(receiving, showing)
    except KeyboardInterrupt:
        click.echo("Ended; the state is kept.")
        return
    what = "Dagster" if ended is showing else "The HTTP service"
    raise UiEnded(f"{what} ended by itself (exit status {ended.returncode}): its last lines above say why.")
