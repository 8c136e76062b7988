"""No log, file or table contains a token, secret, e-mail or name, at DEBUG level and with many errors.

Every command runs in its own process, Dagster with its instance and logs, over real connections. E-mail and
name are allowed only in the tables `members` and `profiles`.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.drills.secret_search import ForbiddenValues, in_bytes, in_database, in_folder
from whoop_assets_tests.support.fixed_time import SET_CLOCK, TODAY
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_simulator.http.grants import App
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

pytestmark = pytest.mark.slow

FROM, TO = str(TODAY - timedelta(days=12)), str(TODAY)
KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
ROOT = Path(__file__).parents[2]

# Turn all debug logs on, and write them into one file per process.
EVERYTHING_LOGGED = """\
import logging, os
logging.basicConfig(
    filename=os.path.join(os.environ["EVERYTHING_LOGGED"], f"{os.getpid()}.log"), level=logging.DEBUG,
     force=True
)
"""
# Let Dagster store all Python logs in its event log.
DAGSTER = """\
telemetry: {enabled: false}
nux: {enabled: false}
event_log_storage:
  module: whoop_assets.defs.event_log_storage
  class: BatchedSqliteEventLogStorage
  config: {base_dir: $DAGSTER_HOME/history/runs}
python_logs:
  managed_python_loggers: [root, httpx, httpcore, whoop_assets, alembic]
  python_log_level: DEBUG
"""


@dataclass
class SecretSearch:
    """A folder with all written data, a simulator, and the forbidden values."""

    folder: Path
    simulator: RunningSimulator
    database_url: str
    port: int
    wanted: ForbiddenValues = field(default_factory=ForbiddenValues)
    runs: int = 0

    def __post_init__(self) -> None:
        self.home, self.logs, self.site = (self.folder / name for name in ("dagster", "logs", "site"))
        for folder in (self.home, self.logs, self.site):
            folder.mkdir()
        (self.home / "dagster.yaml").write_text(DAGSTER)
        (self.site / "sitecustomize.py").write_text(SET_CLOCK.read_text() + EVERYTHING_LOGGED)
        world = self.simulator.world
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.site), str(ROOT)]),
            "EVERYTHING_LOGGED": str(self.logs),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_EVENT_BATCH_SIZE": "200",
            "WHOOP_CLIENT_ID": world.app.client_id,
            "WHOOP_CLIENT_SECRET": world.app.client_secret,
            "WHOOP_REDIRECT_URI": f"http://127.0.0.1:{self.port}/callback",
            "WHOOP_API_URL": self.simulator.api_url,
            "WHOOP_OAUTH_URL": self.simulator.oauth_url,
            "WHOOP_DATABASE_URL": self.database_url,
            "WHOOP_TOKEN_KEY": KEY,
            "WHOOP_REQUESTS_PER_MINUTE": "100000",
        }
        self.wanted.secrets["token key"] = KEY

    @property
    def members(self) -> list[int]:
        return self.simulator.world.user_ids

    def hide(self, what: str, secret: str) -> str:
        """Adds a user's secret that the simulator does not know."""
        self.wanted.secrets[what] = secret
        return secret

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        """Starts a process; `end` adds its output to the searched data."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, **environment},
        )

    def end(self, process: "subprocess.Popen[str]", typed: str = "", *, fails: bool | None = False) -> str:
        stdout, stderr = process.communicate(typed, timeout=300)
        self.runs += 1
        (self.logs / f"output{self.runs}.txt").write_text(stdout + stderr)
        assert fails is None or (process.returncode != 0) == fails, stdout[-3000:] + stderr[-3000:]
        return stdout + stderr

    def run(self, *command: str, typed: str = "", fails: bool | None = False, **environment: str) -> str:
        return self.end(self.start(*command, **environment), typed, fails=fails)

    def whoop(self, *arguments: str, typed: str = "", fails: bool | None = False, **environment: str) -> str:
        return self.run("whoop_assets.cli", *arguments, typed=typed, fails=fails, **environment)

    def connect_by_pasting(self, user_id: int, *, fails: bool | None = False, **environment: str) -> str:
        process = self.start("whoop_assets.cli", "connect", "--paste", **environment)
        assert process.stdout is not None
        redirect = self.simulator.consent(process.stdout.readline().strip(), user_id)
        return redirect if self.end(process, redirect + "\n", fails=fails) else ""

    def connect_by_redirect(self, user_id: int) -> None:
        process = self.start("whoop_assets.cli", "connect", "--no-browser")
        assert process.stdout is not None
        urllib.request.urlopen(self.simulator.consent(process.stdout.readline().strip(), user_id)).close()
        self.end(process)

    def connect_with_tokens(self, user_id: int) -> None:
        pair = self.simulator.world.issue_tokens(user_id)
        self.whoop("connect", "--tokens", typed=f"{pair['access_token']}\n{pair['refresh_token']}\n")

    def forbidden_values(self) -> ForbiddenValues:
        """All secrets of the simulator and of the user."""
        known = self.simulator.control.get("secrets")
        wanted = ForbiddenValues(dict(self.wanted.secrets), dict(self.wanted.personal))
        wanted.secrets["client secret"] = known["client_secret"]
        for number, token in enumerate(known["tokens"]):
            wanted.secrets[f"token {number}"] = token
        for number, code in enumerate(known["codes"]):
            wanted.secrets[f"code {number}"] = code
        for profile in known["profiles"]:
            for name in ("email", "first_name", "last_name"):
                if isinstance(profile[name], str):
                    wanted.personal[f"{name} of {profile['user_id']}"] = profile[name]
        return wanted

    def search(self) -> list[str]:
        wanted = self.forbidden_values()
        found = [*in_folder(self.folder, wanted, leave_out=[self.site / "sitecustomize.py"])]
        if not self.database_url.startswith("sqlite"):
            found += in_database(self.database_url, wanted)
        return sorted({f"{finding.what}: {finding.where}" for finding in found})


@pytest.fixture(params=["sqlite", "postgresql"])
def search_run(request: pytest.FixtureRequest, tmp_path: Path, new_database_url: Callable[..., str]):
    folder = tmp_path / "everything"
    folder.mkdir()
    url = f"sqlite:///{folder / 'whoop.db'}" if request.param == "sqlite" else new_database_url("postgresql")
    app = App(client_id="an-app-of-ours", client_secret="hush-hush-4711-client-secret")
    world = World(members=4, days=25, seed=3, limits=False, app=app)
    for number, user_id in enumerate(world.user_ids):
        # Names that do not occur by chance, one with letters that JSON escapes.
        name = {"first_name": f"Zwyx{number}oëlle", "last_name": f"Qvist-Nameofmember{number}"}
        world.edit(user_id, "profile", None, {**name, "email": f"zwyx{number}@mail-of-member.example"})
    with RunningSimulator(world=world) as simulator:
        yield SecretSearch(folder, simulator, url, free_port())


def test_no_token_secret_email_or_name_is_written(search_run: SecretSearch) -> None:
    connect_with_all_methods_and_errors(search_run)
    load_with_faults(search_run)
    fail_with_invalid_settings(search_run)
    # Search before and after: erasing a member would remove findings.
    assert search_run.search() == []
    disconnect_members(search_run)
    assert search_run.search() == []

    logs = "\n".join(path.read_text(errors="replace") for path in search_run.logs.iterdir())
    # The searched logs really contain the debug lines of the HTTP client, Dagster and this project.
    assert "httpcore.http11:receive_response_headers.complete" in logs
    assert "send_request_headers.started request=<Request [b'POST']>" in logs
    assert "answered 500" in logs
    assert any("STEP_" in str(row) for row in event_log(search_run.home))
    assert len(search_run.forbidden_values().secrets) > 20

    # The search finds planted values in every kind of place.
    wanted = search_run.forbidden_values()
    token = next(iter(search_run.simulator.world.grants.issued_tokens))
    first = wanted.personal[f"first_name of {search_run.members[0]}"]
    (search_run.logs / "planted.log").write_text(f"DEBUG Authorization: Bearer {token}\n")
    (search_run.home / "planted.json").write_text(json.dumps({"name": first}))
    with closing(sqlite3.connect(search_run.home / "planted.db")) as planted, planted:
        planted.execute("create table event_logs (event text)")
        planted.execute(
            "insert into event_logs values (?)",
            [f"of {wanted.personal[f'email of {search_run.members[1]}']}"],
        )
    found = search_run.search()
    assert any(line.startswith("token ") and "planted.log" in line for line in found)
    assert any(line.startswith("email of ") and "planted.db, table event_logs" in line for line in found)
    assert {line.split(": ")[1].split(",")[0] for line in found} == {
        "logs/planted.log",
        "dagster/planted.db",
        "dagster/planted.json",
    }


def connect_with_all_methods_and_errors(search_run: SecretSearch) -> None:
    one, two, three, four = search_run.members
    world = search_run.simulator.world
    search_run.connect_by_redirect(one)
    spent = search_run.connect_by_pasting(two)
    search_run.connect_with_tokens(three)
    search_run.connect_by_pasting(four)

    search_run.whoop("connect", "--paste", typed=spent + "\n", fails=True)
    wrong = search_run.hide("wrong client secret", "a-client-secret-of-yesterday")
    search_run.connect_by_pasting(two, fails=True, WHOOP_CLIENT_SECRET=wrong)
    garbage = search_run.hide("garbage token", "garbage-token-0815-typed-by-a-user")
    search_run.whoop("connect", "--tokens", typed=f"{garbage}\n{garbage}\n", fails=True)
    search_run.whoop("connect", "--tokens", typed=f"{garbage} with a blank\n{garbage}\n", fails=True)
    world.inject_fault("truncate", path_prefix="/oauth/oauth2/token")
    search_run.connect_by_pasting(one, fails=True)
    world.inject_fault("not_json", path_prefix="/v2/user/profile", count=None)
    search_run.connect_by_pasting(one, fails=True)
    world.clear_faults()
    profile = world.profile(one) or {}
    world.edit(one, "profile", None, {"last_name": 4711})
    search_run.connect_by_pasting(one, fails=True)
    world.edit(one, "profile", None, {"last_name": profile["last_name"]})


def load_with_faults(search_run: SecretSearch) -> None:
    """Loads with faults that quote secrets in responses, invalid records, and revoked grants."""
    one, two, three, four = search_run.members
    world = search_run.simulator.world
    quoting = " ".join(map(str, [*world.grants.issued_tokens, world.app.client_secret, world.profile(one)]))
    world.inject_fault("answer", status=500, body=quoting, probability=0.2)
    world.inject_fault("answer", body=quoting, probability=0.1)
    world.inject_fault("truncate", probability=0.1)
    world.inject_fault("reset", probability=0.1)
    # Whether every request succeeds in the end depends on the faults.
    search_run.whoop(
        "backfill", "--from", FROM, "--to", TO, "--member", str(one), "--member", str(two), fails=None
    )
    world.clear_faults()

    world.edit(two, "workouts", world.truth(two)["workouts"][1]["id"], {"sport_name": None})
    world.edit(four, "profile", None, {"first_name": 4711})
    world.revoke_tokens(three)
    world.expire_tokens(one)
    world.inject_fault("answer", status=400, body=quoting, path_prefix="/v2/recovery", count=None)
    output = search_run.whoop("backfill", "--from", FROM, "--to", TO, fails=True)
    assert str(three) in output
    materialize(search_run)
    world.clear_faults()
    # The response to a refresh is lost, and with it the grant.
    world.expire_tokens(four)
    world.inject_fault("reset", path_prefix="/oauth/oauth2/token", count=None)
    materialize(search_run)
    world.clear_faults()
    materialize(search_run)
    search_run.whoop("members")
    search_run.whoop("members", "--json")


def materialize(search_run: SecretSearch, **environment: str) -> None:
    """Materialize all assets of today with Dagster's own command; the run may fail."""
    search_run.run(
        "dagster", "asset", "materialize", "--select", "*", "-m", "whoop_assets.definitions",
        "--partition", TO,
        fails=None, **environment,
    )  # fmt: skip


def fail_with_invalid_settings(search_run: SecretSearch) -> None:
    """Runs commands with a missing database, an invalid key and a wrong key."""
    password = search_run.hide("database password", "p4ssw0rd-of-the-warehouse")
    url = f"postgresql://keeper:{password}@127.0.0.1:{REFUSING_PORT}/whoop"
    odd = f"postgresql://keeper:{password}@127.0.0.1:port/whoop"
    other = search_run.hide("another token key", "jQ0h6pX6kP2cWm3D8nYvJx8bH3yTQm0u4f6oWJ0r5pY=")
    none = search_run.hide("no token key", "this-is-no-fernet-key-at-all")
    for broken in (
        {"WHOOP_DATABASE_URL": url},
        {"WHOOP_DATABASE_URL": odd},
        {"WHOOP_TOKEN_KEY": other},
        {"WHOOP_TOKEN_KEY": none},
    ):
        search_run.whoop("backfill", "--from", FROM, "--to", TO, fails=True, **broken)
        materialize(search_run, **broken)


def disconnect_members(search_run: SecretSearch) -> None:
    _, two, _, four = search_run.members
    search_run.whoop("disconnect", str(two))
    # Whether the grant can be revoked depends on lost responses.
    search_run.whoop("disconnect", str(four), "--erase", "--yes", fails=None)


def event_log(home: Path) -> list[object]:
    rows: list[object] = []
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            names = [
                row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")
            ]
            if "event_logs" in names:
                rows += connection.execute("select event from event_logs").fetchall()
    return rows


def test_the_search_finds_all_encodings_of_a_secret() -> None:
    wanted = {"secret": "sécret/of a member+1"}
    for written in (
        "x sécret/of a member+1 y",
        '"s\\u00e9cret/of a member+1"',
        "state=s%C3%A9cret/of%20a%20member%2B1",
        "Basic b3VyLWFwcDpzw6ljcmV0L29mIGEgbWVtYmVyKzE=",
    ):
        assert [found.where for found in in_bytes(written.encode(), "here", wanted)] == ["here"]
    assert not [*in_bytes(re.sub("member", "reader", "sécret/of a member+1").encode(), "here", wanted)]
