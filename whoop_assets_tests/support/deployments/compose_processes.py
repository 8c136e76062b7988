"""The services of `deploy/compose.yaml` as processes of this machine, without a container engine.

Commands and environments come from the compose files, with addresses, ports and folders of this machine.
dagster.yaml, workspace.yaml and entrypoint.sh are those of the deployment. Images, networks, users, read-only
file systems and restarts are missing.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.fernet import Fernet

from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.cli.processes.ports import LOOPBACK, free_port
from whoop_assets.settings import Settings
from whoop_assets_tests.support.deployments.dagster_ui import CHECKOUT, Ui
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop
from whoop_assets_tests.support.servers.postgres import Server
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

DEPLOY = CHECKOUT / "deploy"
MAX_START_SECONDS = 300.0
DATABASES = ("dagster", "whoop")
STOP_SECONDS = 5.0
"""Seconds that a service has to stop before it is killed."""


@dataclass
class Deployment:
    """The services, on one PostgreSQL and one simulator. Start, kill and restart them by name."""

    folder: Path
    server: Server
    stage: SimulatedWhoop
    services: dict[str, dict[str, Any]]
    broker_url: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Values for the shell variables of the compose files."""

    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.token_key = Fernet.generate_key().decode()
        self.ports = {name: free_port() for name in ("code", "webserver", "webhooks")}
        self.secrets = self.folder / "secrets"
        self.secrets.mkdir()
        self._keep("database_password", self.server.password)
        self._keep("whoop_client_secret", self.stage.settings.client_secret.get_secret_value())
        self._keep("whoop_token_key", self.token_key)
        self._keep("broker_url", self.broker_url)
        self.ui = Ui(f"http://{LOOPBACK}:{self.ports['webserver']}", self.folder)

    def _keep(self, name: str, value: str) -> None:
        path = self.secrets / name
        path.write_text(f"{value}\n")
        path.chmod(0o600)

    @property
    def settings(self) -> Settings:
        """Settings to read the warehouse or connect members from outside."""
        url = self.server.url("whoop")
        return self.stage.settings.replace(database_url=url, token_key=self.token_key)

    @property
    def webhook_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['webhooks']}/webhooks/whoop"

    def environment(self, service: str) -> dict[str, str]:
        """The environment of the service's container, with addresses of this machine."""
        variables = dict(self.services[service].get("environment", {}))
        variables = {name: self._interpolated(str(value)) for name, value in variables.items()}
        for name, value in variables.items():
            if value.startswith("/run/secrets/"):
                variables[name] = str(self.secrets / Path(value).name)
        celery = "DAGSTER_CELERY_BROKER_URL_FILE" in variables
        here = {
            "DAGSTER_POSTGRES_HOST": LOOPBACK,
            "DAGSTER_POSTGRES_PORT": str(self.server.port),
            "DAGSTER_POSTGRES_USER": "postgres",
            "DAGSTER_CODE_HOST": LOOPBACK,
            "DAGSTER_CODE_PORT": str(self.ports["code"]),
            "WHOOP_DATABASE_URL": f"postgresql://postgres@{LOOPBACK}:{self.server.port}/whoop",
            "PYTHONPATH": str(DEPLOY / "celery"),
        }
        variables |= {name: value for name, value in here.items() if name in variables}
        if "WHOOP_DATABASE_URL" in variables:
            # The address of the simulator, which no compose file contains.
            settings = self.stage.settings
            variables |= {
                "WHOOP_API_URL": settings.api_url,
                "WHOOP_OAUTH_URL": settings.oauth_url,
                "WHOOP_REQUESTS_PER_MINUTE": str(settings.requests_per_minute),
                "WHOOP_REQUESTS_PER_DAY": str(settings.requests_per_day),
            }
        machine = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        # Variables that the image sets.
        image = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DAGSTER_HOME": str(DEPLOY / "celery" if celery else DEPLOY),
            "DAGSTER_STATE": str(self.folder / "state"),
            "DAGSTER_POSTGRES_PORT": str(self.server.port),
            EVENT_BATCH_SIZE: str(DEFAULT_EVENT_BATCH_SIZE),
        }
        variables.pop("DAGSTER_HOME", None)
        paths = [str(CHECKOUT), *filter(None, [variables.pop("PYTHONPATH", "")])]
        return machine | image | variables | {"PYTHONPATH": os.pathsep.join(paths)}

    def _interpolated(self, text: str) -> str:
        def value(found: "re.Match[str]") -> str:
            name, default = found["name"], found["default"]
            return self.defaults.get(name) or default or ""

        return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}", value, text)

    def command(self, service: str) -> list[str]:
        """The command of the container, run by the entrypoint of the image."""
        here = {
            "0.0.0.0": LOOPBACK,
            "3000": str(self.ports["webserver"]),
            "4000": str(self.ports["code"]),
            "8767": str(self.ports["webhooks"]),
            "/opt/dagster/workspace.yaml": str(DEPLOY / "workspace.yaml"),
        }
        words = [here.get(word, word) for word in map(str, self.services[service]["command"])]
        return ["sh", str(DEPLOY / "entrypoint.sh"), *words]

    def log(self, service: str) -> Path:
        """The log file of the service, over all its starts."""
        return self.folder / f"{service}.log"

    def output_of(self, service: str, characters: int = 3000) -> str:
        return self.log(service).read_text(errors="replace")[-characters:]

    def run_to_end(self, service: str) -> None:
        """Runs a service until it exits; raises RuntimeError with the end of its log if it fails."""
        process = self.start(service)
        if process.wait(MAX_START_SECONDS):
            raise RuntimeError(f"{service} ended with {process.returncode}:\n{self.output_of(service)}")
        del self.running[service]

    def start(self, service: str) -> "subprocess.Popen[bytes]":
        with self.log(service).open("ab") as output:
            process = subprocess.Popen(
                self.command(service),
                env=self.environment(service),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[service] = process
        return process

    def kill(self, service: str) -> None:
        """Kills all processes of the service with SIGKILL, as if its host were lost."""
        process = self.running.pop(service)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_all(self, *more: str) -> None:
        """Start all services in the order of their dependencies, with scheduled reads switched off.

        The switch comes before the daemon: a sensor that is stopped during its tick can be started again by
        the end of the tick, which writes the sensor's state.
        """
        self.run_to_end("upgrade")
        self.start("code")
        self.await_code()
        for service in ("webserver", "webhooks", *more):
            self.start(service)
        wait_until(self.ui.loaded, "the web server", MAX_START_SECONDS, SLOW_POLL_SECONDS)
        self.ui.stop_reading()
        self.start("daemon")
        self.await_ready("webserver", "daemon", "webhooks", *more)

    def await_code(self) -> None:
        """Wait until the healthcheck of the compose file accepts the code location."""
        check = [str(word) for word in self.services["code"]["healthcheck"]["test"][1:]]
        check = [str(DEPLOY / "healthcheck.py") if word == "/opt/healthcheck.py" else word for word in check]

        def healthy() -> bool:
            self._raise_if_ended("code")
            environment = self.environment("code")
            program = shutil.which(check[0], path=environment["PATH"]) or check[0]
            return (
                subprocess.run(
                    [program, *check[1:]], env=environment, capture_output=True, cwd=self.folder
                ).returncode
                == 0
            )

        wait_until(healthy, "the code location", MAX_START_SECONDS, SLOW_POLL_SECONDS)

    def await_ready(self, *services: str) -> None:
        """Wait until web server and daemon have loaded the definitions and the webhook service listens."""

        def ready() -> bool:
            self._raise_if_ended(*services)
            return self.ui.ready() and self.receives()

        wait_until(ready, "the services", MAX_START_SECONDS, SLOW_POLL_SECONDS)

    def receives(self) -> bool:
        """Whether the webhook service can store deliveries."""
        with suppress(httpx.TransportError):
            url = f"http://{LOOPBACK}:{self.ports['webhooks']}/healthz"
            return httpx.get(url, timeout=10).status_code == 200
        return False

    def _raise_if_ended(self, *services: str) -> None:
        for service in services:
            process = self.running[service]
            if process.poll() is not None:
                raise RuntimeError(
                    f"{service} ended unexpectedly with {process.returncode}:\n{self.output_of(service)}"
                )

    def end(self) -> None:
        """Terminate all services, and kill the remaining processes."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()


@contextmanager
def deployed(
    server: Server,
    stage: SimulatedWhoop,
    folder: Path,
    *,
    broker_url: str = "",
    values: Mapping[str, str] | None = None,
) -> Iterator[Deployment]:
    """Creates the deployment without starting a service; a broker URL adds compose.celery.yaml."""
    for name in DATABASES:
        server.create(name)
    files = ["compose.yaml", *(["compose.celery.yaml"] if broker_url else [])]
    given = {"WHOOP_CLIENT_ID": stage.settings.client_id, **(values or {})}
    (folder / "state").mkdir(parents=True)
    with ExitStack() as cleanup:
        deployment = Deployment(folder, server, stage, services(files), broker_url, given)
        cleanup.callback(deployment.end)
        yield deployment


def services(files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The services of the compose files, merged as compose does: later files override earlier ones."""
    merged: dict[str, dict[str, Any]] = {}
    for name in files:
        for service, definition in yaml.safe_load((DEPLOY / name).read_text())["services"].items():
            before = merged.setdefault(service, {})
            for key, value in definition.items():
                if key == "environment":
                    value = {**before.get(key, {}), **value}
                elif key in ("secrets", "networks"):
                    value = [*before.get(key, []), *value]
                before[key] = value
    return merged
