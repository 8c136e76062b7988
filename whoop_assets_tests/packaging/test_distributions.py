"""The wheel and the sdist work without the checkout, in a new environment and an empty folder."""

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

# The new environment contains only the project's dependencies, so nothing in it can set the tests' clock.
pytestmark = [pytest.mark.slow, pytest.mark.machine_time]

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the sdist and the wheel as `make build` does; returns their folder."""
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
    """Installs the wheel and its dependencies in a new environment; returns its folder of programs."""
    environment = tmp_path_factory.mktemp("environment")
    (wheel,) = distributions.glob("*.whl")
    subprocess.run(
        [BIN / "uv", "venv", "--quiet", "--python", sys.executable, "--clear", environment], check=True
    )
    install: list[str | Path] = [BIN / "uv", "pip", "install", "--quiet", "--python", environment, wheel]
    subprocess.run([*install, "--constraint", ROOT / "requirements.lock"], check=True)
    return environment / "bin"


@pytest.fixture
def empty_environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a shell without this checkout on its paths."""
    return {"PATH": os.defpath, "HOME": str(tmp_path), "LANG": "C.UTF-8"}


def test_twine_accepts_the_distributions(distributions: Path) -> None:
    found = sorted(distributions.iterdir())
    result = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *found], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("PASSED") == len(found) == 2


def test_the_wheel_has_the_license_type_markers_and_project_urls(distributions: Path) -> None:
    (path,) = distributions.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        (license_file,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
        assert wheel.read(license_file) == (ROOT / "LICENSE").read_bytes()
        fields = HeaderParser().parsestr(wheel.read(metadata).decode())
    # The page of the package index. A test of the files checks that its links are absolute.
    assert fields["Description-Content-Type"] == "text/markdown"
    assert fields.get_payload() == (ROOT / "README.md").read_text()
    assert {"whoop_assets/py.typed", "whoop_simulator/py.typed"} <= set(names)
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["Author"]
    labels = {entry.split(",")[0] for entry in fields.get_all("Project-URL", [])}
    assert {"Homepage", "Issues", "Changelog"} <= labels


def test_the_sdist_contains_only_files_of_the_build(distributions: Path) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "whoop_simulator/py.typed"} <= names
    allowed = {"LICENSE", "README.md", "PKG-INFO", "pyproject.toml", "setup.cfg"}
    folders = {"whoop_assets", "whoop_simulator", "whoop_assets.egg-info"}
    assert {name for name in names if name and name.split("/")[0] not in allowed | folders} == set()


def test_help_works_in_an_empty_folder(
    installed: Path, empty_environment: dict[str, str], tmp_path: Path
) -> None:
    for program in ("whoop-assets", "whoop-simulator"):
        run = subprocess.run(
            [installed / program, "--help"],
            cwd=tmp_path,
            env=empty_environment,
            capture_output=True,
            text=True,
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout.startswith("Usage:")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_works_in_an_empty_folder(
    installed: Path, empty_environment: dict[str, str], tmp_path: Path
) -> None:
    path = {"PATH": f"{installed}{os.pathsep}{empty_environment['PATH']}"}
    run = subprocess.run(
        ["whoop-assets", "demo", "--days", "4", "--members", "1"],
        cwd=tmp_path,
        env={**empty_environment, **path},
        executable=installed / "whoop-assets",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "has agreed and is connected" in run.stdout
    assert "daily_summary: 4 days done" in run.stderr
    # The printed next steps work without the checkout.
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
        env=empty_environment,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    assert "connected" in listed.stdout


@pytest.fixture
def simulator(
    installed: Path, empty_environment: dict[str, str], tmp_path: Path
) -> Iterator["subprocess.Popen[str]"]:
    command: list[str | Path] = [installed / "whoop-simulator", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=empty_environment, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_the_simulator_serves_from_an_empty_folder(simulator: "subprocess.Popen[str]") -> None:
    assert simulator.stdout is not None
    url = next(
        found[1] for line in simulator.stdout if (found := re.search(r"listening on (http://\S+)", line))
    )
    # Without a consent the simulator returns 401, as WHOOP does.
    assert httpx.get(f"{url}/developer/v2/user/profile/basic", timeout=60).status_code == 401
    simulator.send_signal(signal.SIGTERM)
    assert simulator.wait(60) in (0, -signal.SIGTERM)
