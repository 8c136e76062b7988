"""WhoopComponent: its attributes, and its use by Dagster's command line from an installed wheel."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

import whoop_assets
from whoop_assets import WhoopComponent, WhoopResource
from whoop_assets.errors import ConfigurationError
from whoop_assets_tests.support.fixed_time import python_path
from whoop_assets_tests.support.wheel import ROOT, install_wheel

EXAMPLE = ROOT / "examples" / "component"


def load(**attributes):
    component = WhoopComponent.resolve_from_dict(attributes)
    return component.build_defs(dg.ComponentTree.for_test().load_context)


def test_the_attributes_equal_the_arguments_of_whoop_definitions(monkeypatch):
    defs = load(
        key_prefix=["health", "whoop"],
        group_name="health",
        automatic=False,
        owners=["team:sleep"],
        freshness_hours=36,
        resource={"timezone": "Asia/Tokyo", "start_date": "2025-05-01"},
    )
    spec = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}["health/whoop/cycles"]
    assert spec.group_name == "health"
    assert spec.owners == ["team:sleep"]
    assert spec.freshness_policy is not None
    assert spec.partitions_def.timezone == "Asia/Tokyo"
    assert not defs.sensors


def test_a_secret_given_as_env_stays_an_environment_variable():
    defs = load(resource={"client_secret": "env:TEAM_SECRET", "requests_per_day": "env:TEAM_REQUESTS"})
    resource = defs.resources["whoop"]
    assert isinstance(resource, WhoopResource)
    assert resource.client_secret == dg.EnvVar("TEAM_SECRET")
    assert resource.requests_per_day == dg.EnvVar.int("TEAM_REQUESTS")


def test_a_secret_in_plain_text_is_rejected_with_the_alternative():
    with pytest.raises(ConfigurationError, match=r"client_secret.*env:WHOOP_CLIENT_SECRET") as error:
        load(resource={"client_secret": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_an_unknown_field_is_rejected_with_the_closest_known_field():
    with pytest.raises(ConfigurationError, match=r"resource\.databse_url.*database_url"):
        load(resource={"databse_url": "sqlite:///x.db"})


def test_the_public_names_of_the_package_exist():
    assert set(whoop_assets.__all__) <= set(dir(whoop_assets))


@pytest.fixture(scope="module")
def dg_command(tmp_path_factory):
    """Returns a function that runs `dg` in a folder with the installed wheel and without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    site = install_wheel(folder)

    def run(project: Path, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WHOOP_")}
        home = folder / "home"
        home.mkdir(exist_ok=True)
        result = subprocess.run(
            [Path(sys.executable).parent / "dg", *arguments],
            cwd=project,
            env=environment
            | {
                "PYTHONPATH": python_path(site, project / "src"),
                "HOME": str(home),
                "DG_CLI_CONFIG": str(home / "dg.toml"),
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture
def example_project(tmp_path):
    """A copy of the example project, without components."""
    folder = tmp_path / "team"
    for path in EXAMPLE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = folder / path.relative_to(EXAMPLE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return folder


@pytest.mark.slow
def test_a_project_can_have_two_components_under_two_prefixes(dg_command, example_project):
    assert "whoop_assets.WhoopComponent" in dg_command(example_project, "list", "components")
    dg_command(example_project, "check", "defs")
    dg_command(
        example_project,
        "scaffold",
        "defs",
        "whoop_assets.WhoopComponent",
        "study",
        "--key-prefix",
        "study/whoop",
        "--group-name",
        "study",
        "--env-prefix",
        "STUDY_WHOOP_",
        "--automatic",
        "false",
    )
    written = yaml.safe_load(next(example_project.rglob("study/defs.yaml")).read_text())
    assert written == {
        "type": "whoop_assets.WhoopComponent",
        "attributes": {
            "key_prefix": ["study", "whoop"],
            "group_name": "study",
            "automatic": False,
            "resource": {
                name: f"env:STUDY_WHOOP_{name.upper()}"
                for name in ("database_url", "client_id", "client_secret", "token_key")
            },
        },
    }
    dg_command(example_project, "check", "yaml")
    dg_command(example_project, "check", "defs")
    listed = dg_command(example_project, "list", "defs", "--json")
    assert '"health/whoop/cycles"' in listed
    assert '"study/whoop/cycles"' in listed
