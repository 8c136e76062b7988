"""Builds the wheel from a copy of this checkout, which stays unchanged."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Builds the wheel in the folder; returns its path."""
    source, wheels = folder / "source", folder / "wheels"
    copy_of_the_checkout(source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*build, "--disable-pip-version-check", "--wheel-dir", wheels, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.glob("*.whl")
    return wheel


def install_wheel(folder: Path) -> Path:
    """Builds the wheel and installs it without dependencies; returns the folder with its packages."""
    site = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run(
        [*install, "--disable-pip-version-check", "--target", site, build_wheel(folder)],
        check=True,
        capture_output=True,
    )
    return site


def copy_of_the_checkout(target: Path) -> None:
    """Copy the files that a build needs into a new folder."""
    target.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            (target / name).write_bytes((ROOT / name).read_bytes())
    for package in ("whoop_assets", "whoop_simulator", "whoop_assets_tests"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                copied = target / path.relative_to(ROOT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                copied.write_bytes(path.read_bytes())
