"""The wheel and the sdist work without the checkout: in an empty environment, with the working folder
empty."""

import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

import httpx
import pytest

from whoop_assets_tests.support.wheel import ROOT, copy_of_the_checkout

# Nothing but the project and its dependencies is installed there, so nothing that could set the tests' clock.
pytestmark = [pytest.mark.slow, pytest.mark.machine_time]

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and the wheel that was built from it; as `make build` makes them."""
    folder = tmp_path_factory.mktemp("distributions")
    copy_of_the_checkout(folder / "source")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        folder / "dist",
        folder / "source",
    ]
    subprocess.run(build, check=True, capture_output=True)
    return folder / "dist"


@pytest.fixture(scope="module")
def installed(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that has the wheel, its required dependencies and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    (wheel,) = distributions.glob("*.whl")
    subprocess.run(
        [BIN / "uv", "venv", "--quiet", "--python", sys.executable, "--clear", environment], check=True
    )
    install: list[str | Path] = [BIN / "uv", "pip", "install", "--quiet", "--python", environment, wheel]
    subprocess.run([*install, "--constraint", ROOT / "requirements.lock"], check=True)
    return environment / "bin"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The variables of a shell that has the system's programs on its path and nothing of this checkout."""
    return {"PATH": os.defpath, "HOME": str(tmp_path), "LANG": "C.UTF-8"}


def test_twine_accepts_the_distributions(distributions: Path) -> None:
    found = sorted(distributions.iterdir())
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *found], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == len(found) == 2


def test_the_wheel_has_the_license_type_markers_and_addresses(distributions: Path) -> None:
    (path,) = distributions.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        (license_file,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
        assert wheel.read(license_file) == (ROOT / "LICENSE").read_bytes()
        said = HeaderParser().parsestr(wheel.read(metadata).decode())
    assert {"whoop_assets/py.typed", "whoop_simulator/py.typed"} <= set(names)
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Author"]
    labels = {entry.split(",")[0] for entry in said.get_all("Project-URL", [])}
    assert {"Homepage", "Issues", "Changelog"} <= labels


def test_the_sdist_has_what_a_build_needs_and_no_data(distributions: Path) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "whoop_simulator/py.typed"} <= names
    allowed = {"LICENSE", "README.md", "PKG-INFO", "pyproject.toml", "setup.cfg"}
    folders = {"whoop_assets", "whoop_simulator", "whoop_assets.egg-info"}
    assert {name for name in names if name and name.split("/")[0] not in allowed | folders} == set()


def test_the_command_line_explains_itself(installed: Path, bare: dict[str, str], tmp_path: Path) -> None:
    for program in ("whoop-assets", "whoop-simulator"):
        run = subprocess.run(
            [installed / program, "--help"], cwd=tmp_path, env=bare, capture_output=True, text=True
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith("Usage:")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_works_in_an_empty_folder(installed: Path, bare: dict[str, str], tmp_path: Path) -> None:
    path = {"PATH": f"{installed}{os.pathsep}{bare['PATH']}"}
    run = subprocess.run(
        ["whoop-assets", "demo", "--days", "4", "--members", "1"],
        cwd=tmp_path,
        env={**bare, **path},
        executable=installed / "whoop-assets",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "has agreed and is connected" in run.stdout
    assert "daily_summary: 4 days done" in run.stderr
    # What the user is told to do next works without the checkout too.
    assert "whoop-assets --demo dev" in run.stdout
    assert not re.search(r"\bmake\b|\.venv", run.stdout)
    (report,) = [
        Path(line.split(": ", 1)[1]) for line in run.stdout.splitlines() if line.startswith("Report: ")
    ]
    assert report.is_relative_to(tmp_path)
    assert report.is_file()
    listed = subprocess.run(
        [installed / "whoop-assets", "--demo", "members"],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    assert "connected" in listed.stdout


@pytest.fixture
def simulator(installed: Path, bare: dict[str, str], tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command: list[str | Path] = [installed / "whoop-simulator", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=bare, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_simulator_serves_from_an_empty_folder(simulator: "subprocess.Popen[str]") -> None:
    assert simulator.stdout is not None
    url = next(
        found[1] for line in simulator.stdout if (found := re.search(r"listening on (http://\S+)", line))
    )
    # Nobody has agreed yet: the simulator answers as WHOOP does.
    assert httpx.get(f"{url}/developer/v2/user/profile/basic", timeout=60).status_code == 401
    simulator.send_signal(signal.SIGTERM)
    assert simulator.wait(60) in (0, -signal.SIGTERM)
