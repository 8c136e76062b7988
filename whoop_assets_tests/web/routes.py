"""All routes of the HTTP service, so that the tests of every route include a new one."""

import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route


def routes_of(app: Starlette, *methods: str) -> list[tuple[str, str]]:
    """Return method and path pattern of every route, also of the mounted daily API.

    Args:
        methods: Only these methods; default: all.
    """
    found = set()
    for route in app.routes:
        if isinstance(route, Route):
            found |= {(method, route.path) for method in route.methods or ()}
        else:
            assert isinstance(route, Mount) and isinstance(route.app, FastAPI), route
            for path, operations in route.app.openapi()["paths"].items():
                found |= {(method.upper(), route.path + path) for method in operations}
    return sorted((method, path) for method, path in found if method in methods or not methods)


def filled(path: str, values: Mapping[str, str]) -> str:
    """Return the path with the values of its parameters. A parameter without a value is a KeyError."""
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)
