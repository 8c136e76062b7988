"""The WHOOP simulator as a process of ours. It is another program: started, never imported."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whoop_assets.cli.ports import is_free
from whoop_assets.cli.processes import child
from whoop_assets.errors import WhoopError

STARTS_WITHIN = 120.0  # seconds
CLIENT_ID, CLIENT_SECRET = "whoop-assets-demo", "demo-secret"

_LISTENING = re.compile(r"listening on (http://\S+)")


class SimulatorFailed(WhoopError):
    """The simulator did not start."""


@dataclass(frozen=True, slots=True)
class World:
    """What the simulator serves; the same seed and day give the same data."""

    members: int = 2
    days: int = 130
    seed: int = 20


@contextmanager
def running(world: World, folder: Path, port: int, webhook_url: str = "") -> Iterator[str]:
    """Run the simulator with its state and log in the folder; gives its base URL.

    On the given port if it is free, else on any: no address is kept in the state. What happens to the members is sent
    to the webhook URL, if there is one.
    """
    log = folder / "simulator.log"
    command = [sys.executable, "-m", "whoop_simulator", "serve"]
    options = {
        "members": world.members,
        "days": world.days,
        "seed": world.seed,
        "port": port if port and is_free(port) else 0,
        "state": folder / "simulator.json",
        "client-id": CLIENT_ID,
        "client-secret": CLIENT_SECRET,
        # Higher than WHOOP's, so that nobody waits; the client learns them from the answers.
        "requests-per-minute": 5000,
        "requests-per-day": 1_000_000,
    }
    if webhook_url:
        options["webhook-url"] = webhook_url
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with log.open("wb") as output, child(command, output=output) as process:
        yield _listening(process, log)


def _listening(process: "subprocess.Popen[bytes]", log: Path) -> str:
    give_up = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < give_up:
        said = log.read_text(errors="replace")
        if (found := _LISTENING.search(said)) is not None:
            return found[1]
        if process.poll() is not None:
            reason = said.strip().splitlines()[-1] if said.strip() else f"exit status {process.returncode}"
            raise SimulatorFailed(f"The simulator did not start ({reason}): {log} may say more.")
        time.sleep(0.02)
    raise SimulatorFailed(f"The simulator did not start within {STARTS_WITHIN:.0f} s: {log} may say why.")
