"""Starts the WHOOP simulator as a process. It is another program and is never imported."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whoop_assets.cli.processes.ports import require_free
from whoop_assets.cli.processes.processes import child
from whoop_assets.errors import WhoopError

MAX_START_SECONDS = 120.0
GRACE_SECONDS = 1.5
"""Time to stop. `dev` stops the simulator after Dagster, and must end within ten seconds in all."""
CLIENT_ID, CLIENT_SECRET = "whoop-assets-demo", "demo-secret"

_LISTENING = re.compile(r"listening on (http://\S+)")


class SimulatorFailed(WhoopError):
    """The simulator did not start."""


@dataclass(frozen=True, slots=True)
class SimulatedWorld:
    """The simulated members. The same seed and day give the same data."""

    members: int = 2
    days: int = 130
    seed: int = 20


@contextmanager
def running(
    world: SimulatedWorld, folder: Path, port: int, webhook_url: str = "", locks: Sequence[int] = ()
) -> Iterator[str]:
    """Run the simulator while the block lasts; gives its base URL.

    Args:
        world: The simulated members.
        folder: For its state and its log.
        port: Its port; 0 means any free one.
        webhook_url: Where it sends webhooks; nowhere if empty.
        locks: As for `child`.

    Raises:
        ConfigurationError: The port is in use.
        SimulatorFailed: It did not start.
    """
    if port:
        require_free(port, "it is the simulator's, so end the program that uses it, or make the demo again")
    log = folder / "simulator.log"
    command = [sys.executable, "-m", "whoop_simulator", "serve"]
    options = {
        "members": world.members,
        "days": world.days,
        "seed": world.seed,
        "port": port,
        "state": folder / "simulator.json",
        "client-id": CLIENT_ID,
        "client-secret": CLIENT_SECRET,
        # Higher than WHOOP's, so that no request waits. The client reads them from the responses.
        "requests-per-minute": 5000,
        "requests-per-day": 1_000_000,
    }
    if webhook_url:
        options["webhook-url"] = webhook_url
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with (
        log.open("wb") as output,
        child(command, output=output, locks=locks, grace_seconds=GRACE_SECONDS) as process,
    ):
        yield _listening(process, log)


def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    give_up = time.monotonic() + MAX_START_SECONDS
    while time.monotonic() < give_up:
        said = log.read_text(errors="replace")
        if (found := _LISTENING.search(said)) is not None:
            return found[1]
        if process.poll() is not None:
            reason = said.strip().splitlines()[-1] if said.strip() else f"exit status {process.returncode}"
            raise SimulatorFailed(f"The simulator did not start ({reason}): {log} may say more.")
        time.sleep(0.02)
    raise SimulatorFailed(f"The simulator did not start within {MAX_START_SECONDS:.0f} s: {log} may say why.")
