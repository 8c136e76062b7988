"""Rendering of the pages. It runs in the service or in the process of `renderer_process`."""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from whoop_assets.db.database import Database
from whoop_assets.members import sessions
from whoop_assets.members.sessions import Session
from whoop_assets.report.rendering import template_environment
from whoop_assets.settings import Settings
from whoop_assets.web.pages import texts


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in browser. `token` is the cookie's value, from which the CSRF token is derived."""

    session: Session
    token: str
    is_operator: bool

    @property
    def user_id(self) -> int:
        return self.session.user_id


class PageRefused(Exception):
    """A request that gets a page with one sentence and this status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


class RenderingFailed(Exception):
    """Rendering failed with an exception of this kind. Its text can contain values of rows."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class PageRenderer:
    """Renders templates with rows of the database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        path = urlsplit(settings.redirect_uri).path
        self.root = path.removesuffix("callback") if path.endswith("/callback") else "/"
        self._templates = template_environment("whoop_assets.web.pages")

    def html(self, template: str, *, visitor: Visitor | None = None, **values: Any) -> str:
        return self._templates.get_template(template).render(
            t=texts, root=self.root, visitor=visitor, hidden=_hidden_fields(visitor), **values
        )


def _hidden_fields(visitor: Visitor | None) -> Markup:
    """Return the CSRF token and a random number for a form. The number makes a double click one action."""
    if visitor is None:
        return Markup()
    return Markup(
        '<input type="hidden" name="csrf" value="{}"><input type="hidden" name="form" value="{}">'
    ).format(sessions.form_token(visitor.token), secrets.token_urlsafe(16))
