"""`make containers` without a container engine: when it is skipped, and the steps that need no engine."""

from pathlib import Path

import pytest

from whoop_assets.cli.processes.ports import LOOPBACK
from whoop_assets_tests.deploy.files import DEPLOY, WITH_SIMULATOR, own_services
from whoop_assets_tests.support.deployments import containers
from whoop_assets_tests.support.deployments.compose_processes import deployed
from whoop_assets_tests.support.deployments.simulator_process import simulator_process
from whoop_assets_tests.support.servers.postgres import running_server
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until


def test_without_an_engine_the_check_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert containers.main() == 0
    assert capsys.readouterr().out == "Skipped: there is no program docker on the path.\n"


def test_an_unreachable_engine_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "does not answer" in containers.missing()


def test_a_required_check_fails_instead_of_being_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS", "required")
    assert containers.main(lambda: "there is no engine") == 1


def test_leaked_secrets_are_found_and_short_values_are_ignored() -> None:
    texts = {"the log": "a line\nToken abcdefgh1234 refused\n", "docker inspect": "Ann"}
    assert containers.leaked(texts, ["abcdefgh1234", "Ann"]) == ["the log"]
    assert containers.leaked(texts, ["not-in-there"]) == []


def test_the_build_folder_has_all_copied_files_a_separate_image_and_new_secrets(tmp_path: Path) -> None:
    created = containers.Containers(tmp_path)
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in ignore:
        if line.startswith("!"):
            assert (created.folder / line[1:]).exists(), line
    compose = (created.folder / "deploy" / "compose.yaml").read_text()
    assert compose.count(f"image: {created.image}") == 1
    assert {path.read_text() for path in (created.folder / "deploy" / "secrets").iterdir()} == {
        created.password,
        created.token_key,
        containers.CLIENT_SECRET,
    }


def test_every_service_that_calls_whoop_uses_the_simulator() -> None:
    services = own_services(WITH_SIMULATOR)
    command = [str(word) for word in services["simulator"]["command"]]
    port = command[command.index("--port") + 1]
    for name in ("upgrade", "code", "webhooks"):
        assert services[name]["environment"]["WHOOP_API_URL"] == f"http://simulator:{port}/developer"
        assert services[name]["environment"]["WHOOP_OAUTH_URL"] == f"http://simulator:{port}/oauth/oauth2"
    # The services that call WHOOP share a network with the simulator, which sends webhooks to one of them.
    for name in ("code", "webhooks"):
        assert set(services["simulator"]["networks"]) & set(services[name]["networks"])
    assert services["simulator"]["read_only"] is True
    assert services["simulator"]["cap_drop"] == ["ALL"]


@pytest.mark.slow
@pytest.mark.machine_time
def test_a_member_connects_through_the_printed_link(tmp_path: Path) -> None:
    with (
        running_server(network=True) as server,
        simulator_process(members=2, days=20, seed=7) as stage,
        deployed(server, stage, tmp_path) as deployment,
    ):
        deployment.defaults = {
            **deployment.defaults,
            "WHOOP_REDIRECT_URI": f"http://{LOOPBACK}:{deployment.ports['webhooks']}/callback",
        }
        deployment.run_to_end("upgrade")
        deployment.start("webhooks")
        wait_until(deployment.receives, "the webhook service", containers.WITHIN_SECONDS, SLOW_POLL_SECONDS)
        deployment.services["link"] = {
            **deployment.services["webhooks"],
            "command": ["whoop-assets", "connect", "--link", "--hours", "1"],
        }
        deployment.run_to_end("link")
        link = deployment.output_of("link").split()[-1]
        user_id = stage.members[1]
        containers.consent(link, user_id, stage.base_url.removeprefix("http://"))
        deployment.services["members"] = {
            **deployment.services["webhooks"],
            "command": ["whoop-assets", "members"],
        }
        deployment.run_to_end("members")
        assert str(user_id) in deployment.output_of("members")
        assert str(stage.members[0]) not in deployment.output_of("members")
