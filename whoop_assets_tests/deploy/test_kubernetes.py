"""The Kubernetes manifests are valid, and the job of a run has the rights and resources of values.yaml."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext

from whoop_assets_tests.deploy.files import DEPLOY, dockerfile, documents, parsed

KUBERNETES = "1.34"
"""The Kubernetes release for the validation of manifests."""
MANIFESTS = [path.name for path in (DEPLOY / "kubernetes").glob("*.yaml") if "values" not in path.name]
IMAGE = "registry.example.org/whoop-assets:test"


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_object_of_a_manifest_is_valid(name: str) -> None:
    for found in documents(f"kubernetes/{name}"):
        kubernetes_validate.validate(found, KUBERNETES, strict=True)


def test_the_validation_notices_a_misspelt_field() -> None:
    (service, *_) = [found for found in documents("kubernetes/webhooks.yaml") if found["kind"] == "Service"]
    service["spec"]["selectors"] = service["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(service, KUBERNETES, strict=True)


def test_the_web_server_listens_on_an_unprivileged_port_that_the_probe_uses() -> None:
    server = parsed("kubernetes/values.yaml")["dagsterWebserver"]
    assert server["service"]["port"] >= 1024
    assert server["readinessProbe"]["httpGet"]["port"] == server["service"]["port"]


def test_the_workspace_names_the_location_and_its_service() -> None:
    values = parsed("kubernetes/values.yaml")
    (user_code,) = values["dagster-user-deployments"]["deployments"]
    arguments = user_code["dagsterApiGrpcArgs"]
    location = arguments[arguments.index("--location-name") + 1]
    workspace = values["dagsterWebserver"]["workspace"]
    assert workspace == {
        "enabled": True,
        "servers": [{"host": user_code["name"], "port": user_code["port"], "name": location}],
    }


# The login


def test_every_host_has_a_login_in_front_of_its_web_server() -> None:
    found = {
        (document["kind"], document["metadata"]["name"]): document
        for document in documents("kubernetes/auth.yaml")
    }
    rules = found["Ingress", "dagster-login"]["spec"]["rules"]
    port = str(parsed("kubernetes/values.yaml")["dagsterWebserver"]["service"]["port"])
    reached = {}
    for rule in rules:
        (path,) = rule["http"]["paths"]
        name = path["backend"]["service"]["name"]
        (container,) = found["Deployment", name]["spec"]["template"]["spec"]["containers"]
        variables = {variable["name"]: variable["value"] for variable in container["env"]}
        assert variables["OAUTH2_PROXY_REDIRECT_URL"] == f"https://{rule['host']}/oauth2/callback"
        reached[variables["OAUTH2_PROXY_UPSTREAMS"]] = variables["OAUTH2_PROXY_AUTHENTICATED_EMAILS_FILE"]
    assert reached == {
        f"http://dagster-dagster-webserver:{port}/": "/etc/login/operators",
        f"http://dagster-dagster-webserver-read-only:{port}/": "/etc/login/viewers",
    }
    assert parsed("kubernetes/values.auth.yaml") == {
        "dagsterWebserver": {"enableReadOnly": True},
        "ingress": {"enabled": False},
    }


def test_only_the_login_reaches_a_web_server() -> None:
    policies = [
        document["spec"]
        for document in documents("kubernetes/auth.yaml")
        if document["kind"] == "NetworkPolicy"
    ]
    allowed = {
        policy["podSelector"]["matchLabels"]["component"]: [
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            for rule in policy["ingress"]
            for peer in rule["from"]
        ]
        for policy in policies
    }
    assert allowed == {
        "dagster-webserver": ["dagster-login"],
        "dagster-webserver-read-only": ["dagster-login-read-only"],
    }
    assert all(policy["policyTypes"] == ["Ingress"] for policy in policies)


# The job of a run


def snake_case(value: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("([A-Z])", r"_\1", name).lower(): part for name, part in value.items()}


def launcher_config(kubeconfig: Path) -> dict[str, Any]:
    """Returns the run launcher's configuration, as the chart writes it to the instance's dagster.yaml."""
    given = dict(parsed("kubernetes/values.yaml")["runLauncher"]["config"]["k8sRunLauncher"])
    named = {key: [source["name"] for source in given.pop(key)] for key in ("envConfigMaps", "envSecrets")}
    runs = snake_case(given.pop("runK8sConfig"))
    return {
        **snake_case(given),
        **snake_case(named),
        "run_k8s_config": runs,
        "job_namespace": "whoop",
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": "whoop-assets-postgresql",
        "dagster_home": "/opt/dagster/dagster_home",
        # Outside of a cluster.
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
    }


class KubernetesApi(BaseHTTPRequestHandler):
    """A minimal Kubernetes API that accepts new jobs."""

    jobs: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.jobs.append(json.loads(body))
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Runs an API server; returns its kubeconfig and the list of accepted jobs."""
    jobs: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Api", (KubernetesApi,), {"jobs": jobs}))
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [
                    {"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}
                ],
                "users": [{"name": "test", "user": {}}],
            }
        )
    )
    yield kubeconfig, jobs
    server.shutdown()
    server.server_close()


@dg.op
def some_op() -> None:
    """Does nothing."""


@dg.job
def some_run() -> None:
    some_op()


@dg.repository
def some_repository() -> list[dg.JobDefinition]:
    return [some_run]


@pytest.fixture
def job(cluster: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> dict[str, Any]:
    """Launches a run with the run launcher of values.yaml; returns its Kubernetes job."""
    kubeconfig, jobs = cluster
    launcher = {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher_config(kubeconfig)}
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        yaml.safe_dump({"run_launcher": launcher, "telemetry": {"enabled": False}})
    )
    repository = ReconstructableRepository.for_module(
        __name__, "some_repository", working_directory=str(tmp_path), container_image=IMAGE
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(
            some_run, job_code_origin=repository.get_reconstructable_job("some_run").get_python_origin()
        )
        instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    (created,) = jobs
    return created


def test_the_job_of_a_run_is_valid_and_has_the_rights_and_resources_of_the_values(
    job: dict[str, Any],
) -> None:
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    user = dict(dockerfile())["USER"].split(":")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert [str(pod["securityContext"][name]) for name in ("runAsUser", "runAsGroup")] == user
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    stated = parsed("kubernetes/values.yaml")["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    assert container["resources"] == stated["containerConfig"]["resources"]
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400


def test_the_job_of_a_run_has_scratch_folders_and_its_configuration(job: dict[str, Any]) -> None:
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for path in ("/tmp", "/var/lib/whoop-assets"):
        assert "emptyDir" in volumes[mounted[path]], path
    sources = [source for part in container["envFrom"] for source in part.values()]
    assert [source["name"] for source in sources] == ["whoop-assets", "whoop-assets"]
    assert {"name": "DAGSTER_EVENT_BATCH_SIZE", "value": "200"} in container["env"]


def test_the_code_location_does_not_override_the_run_launcher() -> None:
    (user_code,) = parsed("kubernetes/values.yaml")["dagster-user-deployments"]["deployments"]
    assert user_code["includeConfigInLaunchedRuns"] == {"enabled": False}
