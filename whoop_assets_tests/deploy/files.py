"""The files of `deploy/`, read as what they are."""

from pathlib import Path
from typing import Any

import yaml

from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, services

ROOT = DEPLOY.parent
COMPOSE, WITH_CELERY = ("compose.yaml",), ("compose.yaml", "compose.celery.yaml")
WITH_LOGIN = ("compose.yaml", "compose.auth.yaml")
WITH_SIMULATOR = ("compose.yaml", "compose.simulator.yaml")
OFFICIAL = {"postgres", "redis", "caddy", "oauth2-proxy"}
"""Services of others' images, which have their own users and variables."""


def parsed(name: str) -> Any:
    """The YAML file."""
    return yaml.safe_load((DEPLOY / name).read_text())


def documents(name: str) -> list[Any]:
    """The documents of a file of several."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def ours(files: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The services of our own image."""
    return {name: said for name, said in services(files).items() if name not in OFFICIAL}


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments on one line."""
    text = "\n".join(
        line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    )
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines) if word]


__all__ = [
    "COMPOSE",
    "DEPLOY",
    "OFFICIAL",
    "ROOT",
    "WITH_CELERY",
    "WITH_LOGIN",
    "WITH_SIMULATOR",
    "Path",
    "dockerfile",
    "documents",
    "ours",
    "parsed",
]
