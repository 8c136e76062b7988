"""The web application: member data under /developer, OAuth under /oauth/oauth2, control under /_control."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import Scope

from whoop_simulator.http.api import MemberDataApi
from whoop_simulator.http.control import control_routes
from whoop_simulator.http.oauth import TokenEndpoint, authorize
from whoop_simulator.world.world import World


def create_app(world: World, abort: Callable[[Scope], None]) -> Starlette:
    """Build the application.

    `abort` resets the connection of a request, for the `reset` and `truncate` faults.
    """
    app = Starlette(
        routes=[
            Mount("/developer", app=MemberDataApi(world, abort)),
            Route("/oauth/oauth2/auth", authorize, methods=["GET", "POST"]),
            Route("/oauth/oauth2/token", TokenEndpoint(world, abort)),
            Mount("/_control", routes=control_routes(world)),
        ]
    )
    app.state.world = world
    return app
