"""OAuth grants: codes, access and refresh tokens, expiry and revocation, without HTTP.

A refresh creates a new pair and invalidates both old tokens at once, also if the response is lost.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from whoop_simulator.timestamps import MINUTE, SECOND

OFFLINE = "offline"
READ_SCOPES = {
    "read:recovery": "recovery: score, heart rate variability, resting heart rate",
    "read:cycles": "cycles: day strain, average heart rate",
    "read:workout": "workouts: activity strain, average heart rate",
    "read:sleep": "sleep: performance, time per sleep stage",
    "read:profile": "profile: name and e-mail",
    "read:body_measurement": "body measurements: height, weight, maximum heart rate",
}
ALL_SCOPES = (*READ_SCOPES, OFFLINE)
CODE_LIFETIME = 10 * MINUTE

INVALID_GRANT = (
    "The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh "
    "token is invalid, expired, revoked, does not match the redirection URI used in the authorization "
    "request, or was issued to another client."
)


class TokenRequestError(Exception):
    """An error response of the token endpoint: status and body."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description, "status_code": status}


def invalid_grant() -> TokenRequestError:
    return TokenRequestError(400, "invalid_grant", INVALID_GRANT)


@dataclass(frozen=True)
class App:
    """The registered application."""

    client_id: str = "whoop-simulator"
    client_secret: str = "simulator-secret"
    redirect_uris: tuple[str, ...] = ()
    """Registered URIs. Empty: any https or whoop URI, and http on this machine."""
    access_token_seconds: int = 3600
    refresh_token_seconds: int | None = None
    """None: a refresh token is valid until it is used or revoked."""

    def accepts_redirect(self, uri: str) -> bool:
        if self.redirect_uris:
            return uri in self.redirect_uris
        parts = urlsplit(uri)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        return local or (parts.scheme in ("https", "whoop") and bool(parts.netloc or parts.path))


@dataclass
class Grant:
    user_id: int
    scopes: list[str]
    access_token: str
    access_until: int
    refresh_token: str | None
    refresh_until: int | None = None
    """None: unlimited."""


@dataclass
class Code:
    user_id: int
    scopes: list[str]
    redirect_uri: str
    until: int


class Grants:
    def __init__(self, app: App) -> None:
        self.app = app
        self._codes: dict[str, Code] = {}
        self._grants: list[Grant] = []
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}
        self.issued_tokens: set[str] = set()
        """All tokens ever issued, including used and revoked ones."""
        self.issued_codes: set[str] = set()

    def new_code(self, user_id: int, scopes: Sequence[str], redirect_uri: str, now: int) -> str:
        code = secrets.token_urlsafe(32)
        self.issued_codes.add(code)
        self._codes[code] = Code(user_id, list(scopes), redirect_uri, now + CODE_LIFETIME)
        return code

    def exchange(self, code: str, redirect_uri: str, now: int) -> dict[str, Any]:
        """Exchange a code for a pair of tokens: once, within ten minutes, for the same redirect URI."""
        known = self._codes.pop(code, None)
        if known is None or now >= known.until or known.redirect_uri != redirect_uri:
            raise invalid_grant()
        return self.issue(known.user_id, known.scopes, now)

    def issue(self, user_id: int, scopes: Iterable[str], now: int) -> dict[str, Any]:
        grant = Grant(user_id, list(scopes), "", 0, None)
        self._grants.append(grant)
        return self._new_pair(grant, now)

    def refresh(self, refresh_token: str, now: int, scopes: Iterable[str] = ()) -> dict[str, Any]:
        """Return a new pair.

        The request may name granted scopes (RFC 6749, section 6); the pair keeps all of them.
        """
        grant = self._of_refresh_token(refresh_token, now)
        if grant is None:
            raise invalid_grant()
        for scope in scopes:
            if scope not in grant.scopes:
                raise TokenRequestError(
                    400,
                    "invalid_scope",
                    "The requested scope is invalid, unknown, or malformed. "
                    f"The requested scope '{scope}' was not granted by the resource owner.",
                )
        return self._new_pair(grant, now)

    def is_live(self, user_id: int, refresh_token: str, now: int) -> bool:
        grant = self._of_refresh_token(refresh_token, now)
        return grant is not None and grant.user_id == user_id

    def of_access_token(self, token: str, now: int) -> Grant | None:
        grant = self._by_access.get(token)
        return grant if grant is not None and now < grant.access_until else None

    def of_member(self, user_id: int) -> list[Grant]:
        return [grant for grant in self._grants if grant.user_id == user_id]

    def live(self, user_id: int, now: int) -> bool:
        """Whether the member has a grant with a valid access or refresh token."""
        return any(
            now < grant.access_until
            or (
                grant.refresh_token is not None and (grant.refresh_until is None or now < grant.refresh_until)
            )
            for grant in self.of_member(user_id)
        )

    def expire(self, user_id: int) -> int:
        """Expire the member's access tokens. Refresh tokens stay valid."""
        grants = self.of_member(user_id)
        for grant in grants:
            grant.access_until = 0
        return len(grants)

    def revoke(self, user_id: int) -> int:
        grants = self.of_member(user_id)
        for grant in grants:
            self._forget_pair(grant)
            self._grants.remove(grant)
        return len(grants)

    def to_json(self) -> dict[str, Any]:
        return {
            "codes": {code: asdict(known) for code, known in self._codes.items()},
            "grants": [asdict(grant) for grant in self._grants],
            "issued_tokens": sorted(self.issued_tokens),
            "issued_codes": sorted(self.issued_codes),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self._codes = {code: Code(**known) for code, known in saved["codes"].items()}
        self._grants = [Grant(**grant) for grant in saved["grants"]]
        self._by_access = {grant.access_token: grant for grant in self._grants}
        self._by_refresh = {grant.refresh_token: grant for grant in self._grants if grant.refresh_token}
        # State files of earlier versions do not list used tokens.
        self.issued_tokens = {*saved.get("issued_tokens", ()), *self._by_access, *self._by_refresh}
        self.issued_codes = {*saved.get("issued_codes", ()), *self._codes}

    def _new_pair(self, grant: Grant, now: int) -> dict[str, Any]:
        self._forget_pair(grant)
        grant.access_token = secrets.token_urlsafe(32)
        grant.access_until = now + self.app.access_token_seconds * SECOND
        self._by_access[grant.access_token] = grant
        self.issued_tokens.add(grant.access_token)
        answer: dict[str, Any] = {
            "access_token": grant.access_token,
            "expires_in": self.app.access_token_seconds,
            "scope": " ".join(grant.scopes),
            "token_type": "bearer",
        }
        if OFFLINE in grant.scopes:
            grant.refresh_token = secrets.token_urlsafe(32)
            lifetime = self.app.refresh_token_seconds
            grant.refresh_until = None if lifetime is None else now + lifetime * SECOND
            self._by_refresh[grant.refresh_token] = grant
            self.issued_tokens.add(grant.refresh_token)
            answer["refresh_token"] = grant.refresh_token
        return answer

    def _of_refresh_token(self, token: str, now: int) -> Grant | None:
        grant = self._by_refresh.get(token)
        ended = grant is None or (grant.refresh_until is not None and now >= grant.refresh_until)
        return None if ended else grant

    def _forget_pair(self, grant: Grant) -> None:
        self._by_access.pop(grant.access_token, None)
        if grant.refresh_token is not None:
            self._by_refresh.pop(grant.refresh_token, None)
