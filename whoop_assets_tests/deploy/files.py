"""Reads the files of `deploy/`."""

from pathlib import Path
from typing import Any

import yaml

from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, services

ROOT = DEPLOY.parent
COMPOSE, WITH_CELERY = ("compose.yaml",), ("compose.yaml", "compose.celery.yaml")
WITH_LOGIN = ("compose.yaml", "compose.auth.yaml")
WITH_SIMULATOR = ("compose.yaml", "compose.simulator.yaml")
THIRD_PARTY = {"postgres", "redis", "caddy", "oauth2-proxy"}
"""Services with third-party images, which have their own users and variables."""


def parsed(name: str) -> Any:
    """Returns the content of a YAML file."""
    return yaml.safe_load((DEPLOY / name).read_text())


def documents(name: str) -> list[Any]:
    """Returns the documents of a YAML file with several documents."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def own_services(files: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Returns the services that use this project's image."""
    return {name: service for name, service in services(files).items() if name not in THIRD_PARTY}


def dockerfile() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile, each with its arguments on one line."""
    text = "\n".join(
        line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    )
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines) if word]


__all__ = [
    "COMPOSE",
    "DEPLOY",
    "ROOT",
    "THIRD_PARTY",
    "WITH_CELERY",
    "WITH_LOGIN",
    "WITH_SIMULATOR",
    "Path",
    "dockerfile",
    "documents",
    "own_services",
    "parsed",
]
