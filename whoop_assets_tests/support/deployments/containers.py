"""Checks the image and compose.yaml on a container engine, from build to removal: `make containers`.

The check builds the image, starts compose.yaml with the simulator, connects members through links, backfills
through GraphQL, receives webhooks, kills and restarts services, and compares stored rows with the
simulator's. Then it checks user rights and read-only file systems, and searches logs, containers and image
for secrets. Finally it removes everything that it created.

It needs Docker Engine with Compose 2 and the ports 3000, 8766 and 8767. Without them it prints the reason and
exits with status 0, or with 1 if CONTAINERS=required is set. WHOOP_PYTHON_IMAGE names another base image, for
machines without access to a public registry.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx
from cryptography.fernet import Fernet

from whoop_assets.cli.processes.ports import LOOPBACK
from whoop_assets_tests.support.deployments.dagster_ui import CHECKOUT, Ui
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

FILES = ("compose.yaml", "compose.simulator.yaml")
CLIENT_SECRET = "simulator-secret"
PORTS = (3000, 8766, 8767)
MEMBERS, DAYS = 2, 14
WITHIN_SECONDS = 900.0
MIN_SECRET_LENGTH = 8
"""Shorter values, such as a first name, occur by chance."""
OUR_SERVICES = ("code", "webserver", "daemon", "webhooks", "simulator")
CONTROL = """
import json, sys
from whoop_simulator.running import Control
control, order = Control("http://127.0.0.1:8766"), json.loads(sys.argv[2])
print(json.dumps(control.get(sys.argv[1]) if order is None else control.post(sys.argv[1], **order)))
"""


class CheckFailed(RuntimeError):
    """A check of the deployment failed."""


def today() -> date:
    """The day of the newest partition."""
    return datetime.now(UTC).date()


def missing() -> str:
    """The reason why the deployment cannot start on this machine; empty if it can."""
    if shutil.which("docker") is None:
        return "there is no program docker on the path"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "the container engine does not answer, or this user may not use it: run it as root"
    version = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True)
    if version.returncode or not version.stdout.lstrip("v").startswith(tuple("23456789")):
        return "docker compose is not version 2 or newer"
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return f"port {port} is in use"
    return ""


def leaked(texts: Mapping[str, str], values: Iterable[str]) -> list[str]:
    """The names of the texts that contain a secret value."""
    searched = [value for value in values if len(value) >= MIN_SECRET_LENGTH]
    return [name for name, text in texts.items() if any(value in text for value in searched)]


def consent(link: str, user_id: int, simulator: str) -> None:
    """Connect a member through a link, as a browser does.

    Args:
        link: The link that `whoop-assets connect --link` printed.
        user_id: The member who agrees.
        simulator: Where this machine reaches the simulator, `HOST:PORT`; the service knows it by another
            name.

    Raises:
        CheckFailed: The service did not connect the member.
    """
    opened = httpx.get(link, timeout=60)
    cookies = [value.partition(";")[0] for value in opened.headers.get_list("set-cookie")]
    authorize = urlsplit(opened.headers["location"])
    fields = {**dict(parse_qsl(authorize.query)), "member": str(user_id), "decision": "allow"}
    page = urlunsplit(("http", simulator, authorize.path, "", ""))
    agreed = httpx.post(page, data=fields, timeout=60)
    done = httpx.get(agreed.headers["location"], headers={"Cookie": "; ".join(cookies)}, timeout=60)
    if done.status_code != 200:
        raise CheckFailed(f"Member {user_id} was not connected: the service answered {done.status_code}.")


@dataclass
class Containers:
    """The deployment in its own folder, under its own project name."""

    folder: Path
    project: str = field(default_factory=lambda: f"whoop-check-{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_hex(24))
    token_key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        for name in ("whoop_assets", "whoop_simulator", "deploy"):
            ignored = shutil.ignore_patterns("__pycache__", "secrets", ".env")
            shutil.copytree(CHECKOUT / name, self.folder / name, ignore=ignored)
        for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
            shutil.copy(CHECKOUT / name, self.folder)
        for name in FILES:
            # Use a separate image, so that its removal affects no other deployment.
            path = self.folder / "deploy" / name
            path.write_text(re.sub(r"whoop-assets:[\d.]+", self.image, path.read_text()))
        secrets_folder = self.folder / "deploy" / "secrets"
        secrets_folder.mkdir(mode=0o700)
        for name, value in (
            ("database_password", self.password),
            ("whoop_client_secret", CLIENT_SECRET),
            ("whoop_token_key", self.token_key),
        ):
            (secrets_folder / name).write_text(value)
            (secrets_folder / name).chmod(0o444)
        first_day = today() - timedelta(days=60)
        (self.folder / "deploy" / ".env").write_text(
            "WHOOP_CLIENT_ID=whoop-simulator\n"
            f"WHOOP_REDIRECT_URI=http://{LOOPBACK}:8767/callback\n"
            f"WHOOP_START_DATE={first_day}\n"
        )

    @property
    def image(self) -> str:
        return f"whoop-assets:{self.project}"

    def log(self, line: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {line}", flush=True)

    def docker(self, *arguments: str) -> str:
        """Run docker and return its output; raises CheckFailed with the end of its error output."""
        result = subprocess.run(["docker", *arguments], capture_output=True, text=True, cwd=self.folder)
        if result.returncode:
            raise CheckFailed(
                f"docker {' '.join(arguments[:8])} ended with {result.returncode}: {result.stderr[-2000:]}"
            )
        return result.stdout

    def compose(self, *arguments: str) -> str:
        files = [word for name in FILES for word in ("--file", str(self.folder / "deploy" / name))]
        return self.docker("compose", "--project-name", self.project, *files, *arguments)

    def sql(self, query: str) -> str:
        psql = ["psql", "--username", "whoop", "--dbname", "whoop", "-At", "--command"]
        return self.compose("exec", "-T", "postgres", *psql, query).strip()

    def control(self, path: str, order: Mapping[str, Any] | None = None) -> Any:
        """Call the control API of the simulator inside its container, because it accepts only local
        requests.
        """
        return json.loads(
            self.compose("exec", "-T", "simulator", "python", "-c", CONTROL, path, json.dumps(order))
        )

    def container_ids(self) -> list[str]:
        return self.compose("ps", "--all", "--quiet").split()

    def remove(self) -> None:
        """Remove containers, volumes, networks and the image."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")
        self.docker("image", "rm", "--force", self.image)

    def start(self) -> None:
        """Start all stopped services, and wait until every health check passes."""
        self.compose("up", "--detach")
        wait_until(self.healthy, "the health checks", WITHIN_SECONDS, SLOW_POLL_SECONDS)

    def healthy(self) -> bool:
        states = [
            json.loads(self.docker("inspect", container_id))[0]["State"]
            for container_id in self.container_ids()
        ]
        if any(state["Status"] == "exited" and state["ExitCode"] for state in states):
            raise CheckFailed("A container ended with an error.")
        running = [state for state in states if state["Status"] != "exited"]
        return all(state.get("Health", {}).get("Status") == "healthy" for state in running)


def build_and_start(containers: Containers) -> None:
    image = os.environ.get("WHOOP_PYTHON_IMAGE")
    containers.compose("build", *(["--build-arg", f"PYTHON={image}"] if image else []), "upgrade")
    size = int(containers.docker("image", "inspect", "--format", "{{.Size}}", containers.image))
    containers.log(f"image built: {size / 1e6:.0f} MB")
    containers.start()
    containers.log("all services are healthy")


def connect(containers: Containers) -> list[int]:
    members = [int(member["user_id"]) for member in containers.control("members")][:MEMBERS]
    for user_id in members:
        printed = containers.compose(
            "run", "--rm", "-T", "webhooks", "whoop-assets", "connect", "--link", "--hours", "1"
        )
        consent(printed.split()[-1], user_id, f"{LOOPBACK}:8766")
    containers.log(f"members {members} connected through links")
    return members


def backfill(containers: Containers, ui: Ui) -> None:
    last = today() - timedelta(days=1)
    launched = ui.launch_backfill(last - timedelta(days=DAYS - 1), last)
    ended = ui.finished(launched, WITHIN_SECONDS)
    if ended["status"] != "COMPLETED_SUCCESS":
        raise CheckFailed(f"The backfill ended as {ended['status']}: {ended['error']}")
    rows = containers.sql("select count(*) from daily_summary")
    if int(rows) < MEMBERS * (DAYS - 1):
        raise CheckFailed(f"The backfill of {DAYS} days left {rows} daily rows.")
    containers.log(f"{DAYS} days backfilled through GraphQL: {rows} daily rows")


def receive(containers: Containers, members: list[int], seed: int) -> None:
    """Edit records in the simulator, and wait until every announced change is stored."""
    before = int(containers.sql("select count(*) from webhook_events"))
    for user_id in members:
        containers.control("random_edits", {"user_id": user_id, "count": 3, "seed": seed})
    containers.control("webhooks/deliver", {})

    def done() -> bool:
        counts = containers.sql(
            "select count(*), count(*) filter (where state <> 'done') from webhook_events"
        )
        received, waiting = map(int, counts.split("|"))
        return received > before and not waiting

    wait_until(done, "the end of every webhook event", WITHIN_SECONDS, SLOW_POLL_SECONDS)
    containers.log("webhook events received and loaded")


def compare(containers: Containers, members: list[int]) -> None:
    """Compare the stored workouts of the backfilled days with the simulator's."""
    first, last = today() - timedelta(days=DAYS - 2), today() - timedelta(days=1)
    wanted = {
        workout["id"]
        for user_id in members
        for workout in containers.control(f"truth/{user_id}")["workouts"]
        if str(first) <= workout["start"] < str(last)
    }
    absent = wanted - set(containers.sql("select id from workouts where deleted_at is null").split())
    if absent:
        raise CheckFailed(f"{len(absent)} of {len(wanted)} workouts are not stored.")
    containers.log("every workout of the simulator is stored")


def restart(containers: Containers, ui: Ui) -> None:
    containers.compose("kill", "--signal", "SIGKILL", "daemon", "webhooks")
    containers.compose("restart", "postgres")
    containers.compose("restart", "code", "webserver")
    containers.start()
    wait_until(ui.ready, "the definitions and the daemon", WITHIN_SECONDS, SLOW_POLL_SECONDS)
    containers.log("daemon and webhook service killed, all restarted")


def check_rights(containers: Containers) -> None:
    for container in containers.container_ids():
        (found,) = json.loads(containers.docker("inspect", container))
        service = found["Config"]["Labels"]["com.docker.compose.service"]
        if service not in OUR_SERVICES:
            continue
        host = found["HostConfig"]
        rights = (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"], found["Config"]["User"])
        if rights != (True, ["ALL"], False, "10001:10001"):
            raise CheckFailed(f"{service} runs with other rights: {rights}")
        # Try as root, the owner of the folder: only a read-only file system prevents the write.
        attempt = ["docker", "exec", "--user", "0", container, "touch", "/opt/attempt"]
        tried = subprocess.run(attempt, capture_output=True, text=True)
        if "Read-only file system" not in tried.stderr:
            raise CheckFailed(f"{service} can write to its root file system.")
    containers.log("read-only root file systems, user 10001, no capabilities")


def search_secrets(containers: Containers) -> None:
    values = [containers.password, containers.token_key]

    def collect(found: Any) -> None:
        if isinstance(found, str):
            values.append(found)
        elif isinstance(found, (list, dict)):
            for part in found.values() if isinstance(found, dict) else found:
                collect(part)

    collect(containers.control("secrets"))
    texts = {"the log": containers.compose("logs", "--no-color")}
    texts["the image's history"] = containers.docker("image", "history", "--no-trunc", containers.image)
    for container in containers.container_ids():
        texts[f"docker inspect {container[:12]}"] = containers.docker("inspect", container)
    texts["the dump of Dagster's database"] = containers.compose(
        "exec", "-T", "postgres", "pg_dump", "--username", "whoop", "dagster"
    )
    if found := leaked(texts, values):
        raise CheckFailed(f"A secret is in {', '.join(found)}.")
    containers.log(f"none of {len(values)} secrets, names and addresses in logs, inspect, history and dump")


def check(containers: Containers) -> None:
    """Run all steps in order; raises CheckFailed or UiError."""
    build_and_start(containers)
    ui = Ui(f"http://{LOOPBACK}:3000", containers.folder)
    wait_until(ui.ready, "the definitions and the daemon", WITHIN_SECONDS, SLOW_POLL_SECONDS)
    members = connect(containers)
    backfill(containers, ui)
    receive(containers, members, seed=1)
    restart(containers, ui)
    receive(containers, members, seed=2)
    compare(containers, members)
    check_rights(containers)
    search_secrets(containers)


def main(reason: Callable[[], str] = missing) -> int:
    """Run the check and return the exit status; see the module's docstring."""
    if missing_part := reason():
        print(f"Skipped: {missing_part}.")
        return 1 if os.environ.get("CONTAINERS") == "required" else 0
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="whoop-containers-")))
        containers = Containers(folder)
        cleanup.callback(containers.remove)
        try:
            check(containers)
        except BaseException:
            print(containers.compose("logs", "--no-color", "--tail", "50"), file=sys.stderr)
            raise
    containers.log("removed; passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
