"""Project files: names, version, lock file, make targets, and no path of one machine."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import click
import dagster as dg
import pytest
import yaml

from whoop_assets.cli import main as command_line
from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.defs.assets.loading import SINK_TAG
from whoop_assets.defs.definitions import SINKS
from whoop_assets.defs.event_log_storage import BatchedSqliteEventLogStorage
from whoop_assets.request_budget.lanes import LANES
from whoop_assets_tests.support.setting_variables import SETTING_VARIABLES
from whoop_simulator.cli import main as simulator_command_line

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def files():
    """Return all files that are in the repository, or would be."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listing = [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
            "\0"
        )
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    hidden = re.compile(
        r"/(\.(?!ci/|env\.example|gitignore)|__pycache__|build/|dist/|data/|[^/]*\.egg-info/)"
    )
    return [
        path for path in ROOT.rglob("*") if path.is_file() and not hidden.search(str(path)[len(str(ROOT)) :])
    ]


def normalised(name):
    """Return the normalised name of a package."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name).group()).lower()


def test_the_lock_file_pins_every_dependency_with_hashes():
    project = PYPROJECT["project"]
    required = [
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *PYPROJECT["build-system"]["requires"],
    ]
    pinned = {normalised(name) for name in re.findall(r"^([\w.-]+)==[\w.!+]+", LOCK, re.MULTILINE)}
    assert {normalised(name) for name in required} <= pinned
    entries = re.split(r"^(?=[\w])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) >= len(pinned)
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_all_dagster_packages_have_the_same_release():
    pins = dict(re.findall(r"^(dagster[\w-]*)==([\w.]+)", LOCK, re.MULTILINE))
    core, integrations = pins["dagster"], pins["dagster-postgres"]
    assert {number for name, number in pins.items()} == {core, integrations}
    assert core.split(".")[1:][-1] == integrations.split(".")[-1]


MACHINE_SPECIFIC = {
    "a package index": re.compile(
        r"--(?:extra-)?index-url|--find-links|https?://\S+/simple\b|pythonhosted\.", re.ASCII
    ),
    "a folder of one machine": re.compile(r"/(?:home|Users)/\w|[A-Z]:\\\\Users"),
}


def test_no_file_contains_a_package_index_or_a_path_of_this_machine():
    of_this_machine = {str(ROOT), f"{Path.home()}/", sys.base_prefix} - {"//", "/", "/usr", "/usr/local"}
    found = []
    for path in files():
        if path == Path(__file__):
            continue
        text = path.read_bytes().decode(errors="replace")
        found += [
            f"{path.relative_to(ROOT)}: {what}"
            for what, pattern in MACHINE_SPECIFIC.items()
            if pattern.search(text)
        ]
        found += [f"{path.relative_to(ROOT)}: {folder}" for folder in of_this_machine if folder in text]
    assert found == []


def test_no_file_is_too_large():
    assert [str(path) for path in files() if path.stat().st_size > 500_000] == []


def test_every_dagster_configuration_has_the_same_code_location():
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    dg_project, dagster = PYPROJECT["tool"]["dg"]["project"], PYPROJECT["tool"]["dagster"]
    names = {
        location["python_module"]["location_name"],
        dg_project["code_location_name"],
        dagster["code_location_name"],
    }
    modules = {
        location["python_module"]["module_name"],
        dg_project["code_location_target_module"],
        dagster["module_name"],
    }
    assert names == {"whoop_assets"}
    assert modules == {"whoop_assets.definitions"}


def test_package_pyproject_and_changelog_have_the_same_version():
    project_version = PYPROJECT["project"]["version"]
    assert version("whoop-assets") == project_version
    changelog = ROOT / "CHANGELOG.md"
    if changelog.exists():
        released = re.findall(r"^## \[?(\d[\w.]*)", changelog.read_text(), re.MULTILINE)
        assert released[:1] == [project_version]


def test_the_env_example_has_exactly_the_existing_settings():
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#? ?((?:WHOOP|NOTION)_[A-Z_]+)=", example, re.MULTILINE)) == SETTING_VARIABLES
    assert re.findall(r"^(\w+=.*)", example, re.MULTILINE) == [
        "DAGSTER_HOME=${PWD}",
        f"{EVENT_BATCH_SIZE}={DEFAULT_EVENT_BATCH_SIZE}",
    ]


def test_the_dagster_instance_keeps_its_state_below_dagster_home():
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert instance.run_retries_enabled
        assert not instance.run_retries_max_retries > 3
    assert Path(".dagster").is_dir()


def test_a_run_slot_is_reserved_for_webhook_runs():
    runs = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]["runs"]
    limits = runs["tag_concurrency_limits"]
    assert {limit["value"] for limit in limits if limit["key"] == "whoop/lane"} == set(LANES) - {"webhook"}
    of_each = {SINK_TAG: len(SINKS)}
    assert (
        sum(limit["limit"] * of_each.get(limit["key"], 1) for limit in limits) < runs["max_concurrent_runs"]
    )


def test_the_ci_script_is_executable():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


TARGETS = set(re.findall(r"^([.\w-]+):(?!=)", MAKEFILE, re.MULTILINE))
OTHER_PROGRAMS = {
    "cd",
    "git",
    "cp",
    "export",
    "install",
    "sqlite3",
    "psql",
    "curl",
    "source",
    "pg_dump",
    "pg_restore",
    "createdb",
}
"""Programs that are not part of the project."""
COMMANDS = {"whoop-assets": command_line, "whoop-simulator": simulator_command_line}


def test_make_help_describes_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE).group(1).split()
    described = set(re.findall(r"^([.\w-]+):.*##", MAKEFILE, re.MULTILINE))
    assert described == set(phony)
    assert described <= TARGETS


def shown_commands():
    """Return commands in console blocks, and this project's commands in sentences and tables."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text().replace("\\\n", " ")
        for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            lines = [line.strip() for line in block.splitlines() if line.strip()]
            prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            for line in prompted or lines:
                for command in re.split(r"\s(?:&&|\||;)\s", line):
                    yield f"{path.name}: {command}"
        for command in re.findall(r"`((?:make|whoop-assets) [^`]*)`", text):
            yield f"{path.name}: {command}"


@pytest.mark.parametrize("shown", sorted(set(shown_commands())))
def test_every_documented_command_exists(shown):
    words = shlex.split(shown.partition(": ")[2], comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    program, *arguments = words
    program = program.removeprefix(".venv/bin/")
    if program == "make":
        assert {word for word in arguments if "=" not in word} <= TARGETS
    elif program in COMMANDS:
        assert_command_exists(COMMANDS[program], arguments)
    else:
        assert program in OTHER_PROGRAMS or (Path(sys.executable).parent / program).exists()


def assert_command_exists(command, arguments):
    context = click.Context(command)
    for word in arguments:
        if word.startswith("-"):
            options = {
                name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            assert word.partition("=")[0] in options | {"--help"}
        elif isinstance(command, click.Group):
            command = command.get_command(context, word)
            assert command is not None, word


def test_the_reconnect_message_is_written_in_one_place():
    sources = [path for path in (ROOT / "whoop_assets").rglob("*.py") if path.name != "errors.py"]
    messages = [path.name for path in sources if "must be connected again, because" in path.read_text()]
    names = [path.name for path in sources if '= "whoop-assets connect"' in path.read_text()]
    assert (messages, names) == ([], [])
