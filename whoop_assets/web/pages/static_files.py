"""The pages' style sheets."""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from whoop_assets.report.rendering import stylesheet


@cache
def _sheets() -> dict[str, str]:
    own = (Path(__file__).with_name("static") / "pages.css").read_text(encoding="utf-8")
    return {"report.css": stylesheet(), "pages.css": own}


async def stylesheets(request: Request) -> Response:
    """Return one of the two style sheets."""
    sheet = _sheets().get(str(request.path_params["name"]))
    if sheet is None:
        return PlainTextResponse("There is nothing here.\n", 404)
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(sheet, media_type="text/css", headers=headers)


async def no_icon(request: Request) -> Response:
    """Tell browsers, which ask for it with every page, that there is no icon."""
    return Response(status_code=204, headers={"Cache-Control": "public, max-age=86400"})
