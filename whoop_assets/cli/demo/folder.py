"""The demo's folder in the data folder.

It holds the database, the Dagster home, the simulator's state, and a marker that the demo made it.

The marker also holds what a later `dev` needs to bring the same demo up again.
"""

import json
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from whoop_assets.cli.backfill.dagster_home import HOME, make_home
from whoop_assets.cli.demo.simulator import CLIENT_ID, CLIENT_SECRET, SimulatedWorld
from whoop_assets.cli.processes import processes
from whoop_assets.errors import ConfigurationError

MARKER = "whoop-assets-demo.json"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that was made: the first day of its range, its simulator, and whether it came to its end."""

    folder: Path
    first_day: date
    world: SimulatedWorld
    port: int = 0
    complete: bool = False
    operator: int = 0
    """WHOOP user id of the member who may open the team's page; 0: not known yet."""
    timezone: str = "UTC"
    """Time zone of the partitions."""

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARKER).write_bytes(_DEMO.dump_json(self, indent=2, exclude={"folder"}) + b"\n")

    def environment(self, simulator: str, callback_port: int) -> dict[str, str]:
        """Return the environment of the demo. It wins over the real environment and `.env`."""
        return {
            "WHOOP_CLIENT_ID": CLIENT_ID,
            "WHOOP_CLIENT_SECRET": CLIENT_SECRET,
            "WHOOP_REDIRECT_URI": f"http://127.0.0.1:{callback_port}/callback",
            "WHOOP_API_URL": f"{simulator}/developer",
            "WHOOP_OAUTH_URL": f"{simulator}/oauth/oauth2",
            "WHOOP_DATABASE_URL": f"sqlite:///{self.folder / 'whoop.db'}",
            "WHOOP_TOKEN_KEY": "",
            "WHOOP_START_DATE": str(self.first_day),
            "WHOOP_TIMEZONE": self.timezone,
            "WHOOP_REQUESTS_PER_MINUTE": "",
            "WHOOP_REQUESTS_PER_DAY": "",
            "WHOOP_DATA_FOLDER": str(self.folder),
            "WHOOP_OPERATORS": str(self.operator or ""),
            "WHOOP_CHARTED_MEMBERS": str(self.world.members),
            # Invented days must not reach services outside this machine.
            "WHOOP_ALERT_URL": "",
            "WHOOP_ALERT_SMTP_URL": "",
            "NOTION_TOKEN": "",
            HOME: str(make_home(self.folder / "dagster")),
        }


_DEMO = TypeAdapter(Demo)


def folder_of(data_folder: Path) -> Path:
    return data_folder / "demo"


def saved(folder: Path) -> Demo | None:
    """The demo made in this folder, if it came to its end."""
    try:
        demo = _DEMO.validate_python(json.loads((folder / MARKER).read_text()) | {"folder": folder})
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return demo if demo.complete else None


def clear(folder: Path) -> None:
    """Remove an earlier demo; raises ConfigurationError for a folder that is none."""
    if not folder.exists():
        return
    if not (folder / MARKER).exists() and any(folder.iterdir()):
        raise ConfigurationError(
            f"{folder} is not a folder that the demo made: move it away, then start the demo again."
        )
    shutil.rmtree(folder)


def held(folder: Path) -> AbstractContextManager[int]:
    """Hold the demo's folder for this process and its children, as `processes.held` does."""
    return processes.held(folder.with_suffix(".lock"), "the demo data")


def port_of(url: str) -> int:
    return urlsplit(url).port or 80
