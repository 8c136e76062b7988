"""The login of the UI: Caddy with the deployment's Caddyfile, and real Dagster web servers.

oauth2-proxy itself is a stand-in here: it answers `/oauth2/auth` as its documentation states, for a user that
the cookie names.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from whoop_assets.cli.processes.ports import LOOPBACK, free_port
from whoop_assets.db.database import Database
from whoop_assets.settings import Settings
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web.app import create_app
from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, MAX_START_SECONDS
from whoop_assets_tests.support.servers.programs import MissingProgram, find_or_install
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until
from whoop_assets_tests.web.routes import filled, routes_of

pytestmark = [pytest.mark.slow, pytest.mark.machine_time]

OPERATOR, VIEWER = "operator@example.org", "viewer@example.org"
COOKIE = "_oauth2_proxy"
PAGE = {"Accept": "text/html"}
LAUNCH = "mutation { reloadWorkspace { __typename } }"


class OAuth2Proxy(BaseHTTPRequestHandler):
    """A minimal oauth2-proxy with the two routes that Caddy uses."""

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/oauth2/start":
            self.answer(302, Location="https://login.example.org/authorize")
            return
        assert path == "/oauth2/auth"
        user = self.headers.get("Cookie", "").partition(f"{COOKIE}=")[2]
        allowed = [email for part in query.get("allowed_emails", []) for email in part.split(",")]
        if not user:
            self.answer(401)
        elif "constraints_required" in query and user not in allowed:
            self.answer(403)
        else:
            self.answer(202)

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no access log."""


class Webhooks(OAuth2Proxy):
    """Responds to every request, so that a test sees that the request arrived."""

    def do_GET(self) -> None:
        self.answer(204)

    def do_POST(self) -> None:
        self.do_GET()


@dataclass(frozen=True)
class Sites:
    """The public URLs."""

    everything: str
    reading: str
    whoop: str


def caddy() -> str:
    """Returns the path of Caddy. Skips the test if Caddy does not exist and cannot be installed."""
    try:
        return find_or_install(("caddy",), "caddy", "WHOOP_TESTS_CADDY")
    except MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Caddy, both web servers and the stand-ins, on ports of this machine."""
    program, folder = caddy(), tmp_path_factory.mktemp("login")
    (folder / "some_definitions.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    ports = {name: free_port() for name in ("webserver", "webserver-read-only", "ui", "view", "whoop")}
    webserver = [str(Path(sys.executable).with_name("dagster-webserver")), "--host", LOOPBACK]
    webserver += ["--python-file", "some_definitions.py"]
    with ExitStack() as cleanup:
        processes = []

        def start(command: list[str], name: str, **variables: str) -> None:
            output = cleanup.enter_context((folder / f"{name}.log").open("wb"))
            # Separate homes: processes that create the same SQLite files at the same time can fail.
            home = folder / name
            home.mkdir()
            (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
            environment = {**os.environ, "DAGSTER_HOME": str(home), "HOME": str(home), **variables}
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
            processes.append(process)
            cleanup.callback(process.wait)
            cleanup.callback(process.terminate)

        upstreams = {}
        for name, handler in (("oauth2-proxy:4180", OAuth2Proxy), ("webhooks:8767", Webhooks)):
            server = ThreadingHTTPServer((LOOPBACK, 0), handler)
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            cleanup.callback(server.shutdown)
            upstreams[name] = server.server_address[1]
        start([*webserver, "--port", str(ports["webserver"])], "webserver")
        start([*webserver, "--port", str(ports["webserver-read-only"]), "--read-only"], "read-only")
        text = (DEPLOY / "auth" / "Caddyfile").read_text()
        for name in ("webserver-read-only", "webserver"):
            upstreams[f"{name}:3000"] = ports[name]
        for name, port in sorted(upstreams.items(), key=lambda item: -len(item[0])):
            assert name in text
            text = text.replace(name, f"{LOOPBACK}:{port}")
        (folder / "Caddyfile").write_text(text)
        found = Sites(*(f"http://{LOOPBACK}:{ports[name]}" for name in ("ui", "view", "whoop")))
        start(
            [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            "caddy",
            UI_HOST=found.everything,
            VIEW_HOST=found.reading,
            WHOOP_HOST=found.whoop,
            UI_OPERATORS=f"someone@example.org,{OPERATOR}",
        )

        def ready() -> bool:
            assert [process.args for process in processes if process.poll() is not None] == []
            with suppress(httpx.TransportError):
                return all(
                    httpx.get(f"{site}/server_info", headers=logged_in(OPERATOR)).status_code == 200
                    for site in (found.everything, found.reading)
                )
            return False

        wait_until(ready, "Caddy and the web servers", MAX_START_SECONDS, SLOW_POLL_SECONDS)
        yield found


@pytest.fixture
def paths(sqlite_url: str) -> Iterator[set[str]]:
    """The paths of all routes of the webhook service, with values for their parameters."""
    with WhoopSession(
        Settings(database_url=sqlite_url, client_id="app", client_secret="s"), Database(sqlite_url)
    ) as connection:
        values = {"secret": "abc", "user_id": "10129", "name": "pages.css"}
        yield {filled(path, values) for _, path in routes_of(create_app(connection, lambda user_id: False))}
        connection.database.close()


def logged_in(user: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={user}"}


def mutate(site: str, user: str) -> tuple[int, str]:
    """Requests a reload of the code location, which needs write permission; returns status and result."""
    response = httpx.post(f"{site}/graphql", json={"query": LAUNCH}, headers=logged_in(user), timeout=60)
    body: Any = (
        response.json() if response.status_code == 200 else {"data": {"reloadWorkspace": {"__typename": ""}}}
    )
    return response.status_code, body["data"]["reloadWorkspace"]["__typename"]


def subscribe(site: str, **headers: str) -> dict[str, Any]:
    """Opens the UI's WebSocket; returns the server's first message."""
    address = f"{site.replace('http', 'ws', 1)}/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-ws")], additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {}}))
        message: dict[str, Any] = json.loads(socket.recv(timeout=60))
        return message


def test_without_a_login_a_page_redirects_to_it_and_an_api_request_gets_401(sites: Sites) -> None:
    for site in (sites.everything, sites.reading):
        page = httpx.get(f"{site}/runs", headers=PAGE)
        assert (page.status_code, page.headers["Location"]) == (302, "/oauth2/start?rd=/runs")
        started = httpx.get(f"{site}{page.headers['Location']}")
        assert started.headers["Location"] == "https://login.example.org/authorize"
        assert httpx.post(f"{site}/graphql", json={"query": "{ version }"}).status_code == 401


def test_a_websocket_needs_a_login(sites: Sites) -> None:
    for site in (sites.everything, sites.reading):
        with pytest.raises(InvalidStatus) as refused:
            subscribe(site)
        assert refused.value.response.status_code == 401


def test_an_operator_can_read_and_write_and_open_websockets(sites: Sites) -> None:
    assert mutate(sites.everything, OPERATOR) == (200, "Workspace")
    assert subscribe(sites.everything, **logged_in(OPERATOR))["type"] == "connection_ack"
    assert httpx.get(f"{sites.everything}/runs", headers=PAGE | logged_in(OPERATOR)).status_code == 200


def test_a_viewer_can_only_read(sites: Sites) -> None:
    assert httpx.get(f"{sites.everything}/runs", headers=PAGE | logged_in(VIEWER)).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        subscribe(sites.everything, **logged_in(VIEWER))
    assert refused.value.response.status_code == 403
    assert httpx.get(f"{sites.reading}/runs", headers=PAGE | logged_in(VIEWER)).status_code == 200
    assert subscribe(sites.reading, **logged_in(VIEWER))["type"] == "connection_ack"
    assert mutate(sites.reading, VIEWER) == (200, "UnauthorizedError")
    assert mutate(sites.reading, OPERATOR) == (200, "UnauthorizedError")


def test_a_client_cannot_forge_the_response_of_the_login(sites: Sites) -> None:
    for forged in ("/graphql?allowed_emails=", "//oauth2/auth", "/oauth2/../graphql"):
        assert httpx.post(f"{sites.everything}{forged}", json={"query": "{ version }"}).status_code >= 400


def test_without_a_login_only_the_paths_of_whoop_and_members_are_reachable(
    sites: Sites, paths: set[str]
) -> None:
    assert httpx.post(f"{sites.whoop}/webhooks/whoop").status_code == 204
    inside = {"/healthz", "/metrics", *(path for path in paths if path.startswith("/api/"))}
    assert len(inside) >= 4
    for path in paths - inside:
        assert httpx.get(f"{sites.whoop}{path}").status_code == 204, path
    for path in {*inside, "/graphql", "/webhooks/other", "/mean", "/teams"}:
        assert httpx.get(f"{sites.whoop}{path}").status_code == 404
