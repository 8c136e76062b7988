"""Hostile requests cause no 5xx, no row and no slow response, and WHOOP's deliveries are still stored."""

import errno
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from whoop_assets.web import WEBHOOK_PATH, server
from whoop_assets_tests.support.waiting import wait_until
from whoop_assets_tests.web.conftest import SECRET, Service, event, signed

MAX_RESPONSE_SECONDS = 60.0
"""Seconds, with room for a busy machine. The benchmark measures response times."""


class Attacker:
    """Raw requests from a seed; `kinds` lists all kinds."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._genuine = json.dumps(event(trace_id="genuine")).encode()
        self.replayed = self._request("POST", WEBHOOK_PATH, self._genuine, signed(self._genuine))
        self.kinds: dict[str, Callable[[], bytes]] = {
            name.removeprefix("_as_"): getattr(self, name) for name in dir(self) if name.startswith("_as_")
        }

    def requests(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Yield requests; each is made and signed immediately before it is sent."""
        names = sorted(self.kinds)
        for number in range(count):
            name = names[number % len(names)]
            yield name, self.kinds[name]()

    def _request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def _delivery(self, body: bytes, headers: dict[str, str]) -> bytes:
        return self._request("POST", WEBHOOK_PATH, body, headers)

    def _body(self) -> bytes:
        return json.dumps(event()).encode()

    def _noise(self, longest: int) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, longest))

    def _word(self) -> str:
        return self._rng.choice(
            (
                "",
                "0",
                "-1",
                "AAAA",
                "=" * 44,
                "é" * 5,
                "x" * 9000,
                "%00",
                "a\tb",
                "NaN",
                "9" * 30,
                "' or 1=1 --",
            )
        )

    def _as_wrong_signature(self) -> bytes:
        body = self._body()
        return self._delivery(body, signed(body, secret=self._rng.choice(("", "guess", SECRET + " "))))

    def _as_odd_headers(self) -> bytes:
        body = self._body()
        names = self._rng.sample(list(signed(body)), self._rng.randrange(1, 3))
        return self._delivery(body, signed(body) | {name: self._word() for name in names})

    def _as_unsigned(self) -> bytes:
        return self._delivery(self._rng.choice((self._body(), self._noise(400), b"")), {})

    def _as_truncated_signature(self) -> bytes:
        body = self._body()
        headers = signed(body)
        return self._delivery(
            body, headers | {"X-WHOOP-Signature": headers["X-WHOOP-Signature"][: self._rng.randrange(44)]}
        )

    def _as_stale(self) -> bytes:
        body = self._body()
        return self._delivery(body, signed(body, age=self._rng.choice((7300.0, 86_400.0, 1e9, -400.0, -1e6))))

    def _as_replay(self) -> bytes:
        return self.replayed

    def _as_replay_of_another_body(self) -> bytes:
        return self._delivery(self._body(), signed(self._genuine))

    def _as_huge(self) -> bytes:
        size = self._rng.choice((65_537, 200_000, 1_000_000))
        body = self._rng.choice((b" ", b"[", b'{"a":', b"\x00")) * size
        return self._delivery(body[:size], signed(body[:size]) if self._rng.random() < 0.5 else {})

    def _as_deep(self) -> bytes:
        depth = self._rng.choice((100, 5_000, 30_000))
        body = (b"[" * depth + b"]" * depth)[:60_000]
        return self._delivery(body, signed(body))

    def _as_signed_nonsense(self) -> bytes:
        anything: tuple[Any, ...] = (None, True, 1.5, -1, "", [], {}, "\u0000", 2**70, "x" * 999)
        bad = {
            "user_id": (*anything, "10129", 0),
            "id": (*anything, "../../v2/cycle", "x"),
            "type": anything,
            "trace_id": (*anything, 7, "a b"),
        }
        event_body = event()
        name = self._rng.choice(list(bad))
        event_body[name] = self._rng.choice(bad[name])
        if self._rng.random() < 0.2:
            del event_body[name]
        body = json.dumps(event_body).encode()
        return self._delivery(body, signed(body))

    def _as_signed_noise(self) -> bytes:
        body = self._rng.choice((self._noise(300), self._body()[:-3], b"\xef\xbb\xbf" + self._body()))
        return self._delivery(body, signed(body))

    def _as_wrong_method(self) -> bytes:
        body = self._body()
        method = self._rng.choice(
            ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW", "post")
        )
        return self._request(method, WEBHOOK_PATH, body, signed(body))

    def _as_wrong_path(self) -> bytes:
        body = self._body()
        path = self._rng.choice(
            (
                "/",
                WEBHOOK_PATH + "/",
                "//webhooks/whoop",
                "/webhooks/../webhooks/whoop",
                "/webhooks/whoop%00",
                "/" + "a" * 9000,
                "/%ff%fe",
                "*",
                "/.env",
                "/webhooks/whoop;x",
                "/_control/stats",
                "/docs",
            )
        )
        return self._request(self._rng.choice(("GET", "POST")), path, body, signed(body))

    def _as_callback(self) -> bytes:
        path = self._rng.choice(
            (
                "/callback",
                "/callback?code=a&state=b",
                "/callback?error=access_denied",
                "/callback?" + "a" * 9000,
                "/callback?state=%ff&code=%00",
                "/callback?code=a&code=b&state=c",
                "/callback?%",
                "/callback?code=<script>",
            )
        )
        cookie = self._rng.choice(
            ("", "whoop_connect=b", "whoop_connect=" + "b" * 5000, "whoop_connect=é", "=;;=", "whoop_connect")
        )
        return self._request("GET", path, headers={"Cookie": cookie})

    def _as_invitation(self) -> bytes:
        path = "/connect/" + self._rng.choice(
            ("", "x", "x" * 43, "x" * 9000, "%00", "a/b", "..%2f..", "%F0%9F%98%80")
        )
        return self._request(self._rng.choice(("GET", "HEAD", "POST")), path)

    def _as_garbage(self) -> bytes:
        return self._rng.choice(
            (
                self._noise(2000),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"GET\r\n\r\n",
                b"\r\n" * 50,
                b"GET / HTTP/9.9\r\n\r\n",
                b"POST " + WEBHOOK_PATH.encode() + b" HTTP/1.0\r\n\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            )
        )

    def _as_bad_framing(self) -> bytes:
        head = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
        return head + self._rng.choice(
            (b"Content-Length: -5\r\n\r\n", b"Content-Length: 1e3\r\n\r\n",
             b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
             b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             b"Transfer-Encoding: gzip\r\n\r\nabc",
             b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
             b"Transfer-Encoding: chunked\r\n\r\n" + b"4\r\nabcd\r\n" * 20_000 + b"0\r\n\r\n",
             b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", b"X: " + b"y" * 100_000 + b"\r\n\r\n",
             b"X: y\r\n" * 5_000 + b"\r\n",
             b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
             b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
        )  # fmt: skip

    def _as_cut_off(self) -> bytes:
        body = self._body()
        whole = self._delivery(body, signed(body))
        return whole[: self._rng.randrange(1, len(whole) - 1)]


HUNG_UP_ON = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


def status_of(port: int, request: bytes, *, stops_early: bool = False) -> int | None:
    """Return the response's status; None if the service closed the connection without one.

    With `stops_early`, send nothing more after the request.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=MAX_RESPONSE_SECONDS) as connection:
        answer = b""
        try:
            connection.sendall(request)
            if stops_early:
                connection.shutdown(socket.SHUT_WR)
        except OSError as error:  # the service closes the connection before the whole body is sent
            if error.errno not in HUNG_UP_ON:
                raise
        try:
            while b"\r\n" not in answer and (data := connection.recv(4096)):
                answer += data
        except ConnectionResetError:
            pass
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None


INCOMPLETE = ("bad_framing", "cut_off", "garbage")


def attack(service: Service, count: int, seed: int) -> None:
    attacker = Attacker(seed)
    assert status_of(service.port, attacker.replayed) == 204
    seen: dict[str, Counter[int | None]] = {name: Counter() for name in attacker.kinds}
    longest = 0.0
    for kind, request in attacker.requests(count):
        began = time.perf_counter()
        seen[kind][status_of(service.port, request, stops_early=kind in INCOMPLETE)] += 1
        longest = max(longest, time.perf_counter() - began)
    print(
        f"longest answer {longest * 1000:.0f} ms", {kind: dict(statuses) for kind, statuses in seen.items()}
    )
    answers = {status for statuses in seen.values() for status in statuses}
    assert not [status for status in answers if status is not None and status >= 500], seen
    assert {kind for kind, statuses in seen.items() if 204 in statuses} == {"replay"}, seen
    assert set(seen["replay"]) == {204}
    for kind in ("wrong_signature", "unsigned", "truncated_signature", "stale", "replay_of_another_body"):
        assert set(seen[kind]) == {401}, (kind, seen[kind])
    assert set(seen["signed_nonsense"]) | set(seen["signed_noise"]) | set(seen["deep"]) == {400}
    assert set(service.stored()) == {"genuine"}
    assert service.deliver(event()).status_code == 204
    wait_until(lambda: not service.server.server_state.tasks, "the service to be done with every request")


def test_hundreds_of_hostile_requests_leave_no_trace(sqlite_service: Service) -> None:
    attack(sqlite_service, 400, seed=1)


@pytest.mark.slow
def test_ten_thousand_hostile_requests_leave_no_trace(service: Service) -> None:
    attack(service, 10_000, seed=2)


@pytest.mark.slow
def test_the_service_closes_silent_and_slow_connections(sqlite_service: Service) -> None:
    half = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n".encode()
    slow = half + b"Content-Length: 10\r\n\r\nabc"
    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = {b"": b"", half: b"", slow: b"HTTP/1.1 408", health + half: b"HTTP/1.1 200"}
    with ThreadPoolExecutor(len(answers)) as clients:
        received = clients.map(lambda sent: heard(sqlite_service.port, sent), answers)
        for answer, begin in zip(received, answers.values(), strict=True):
            assert answer.startswith(begin)
            assert bool(answer) == bool(begin)
    assert sqlite_service.stored() == {}
    assert sqlite_service.count("too_slow") == 1


def heard(port: int, *pieces: bytes) -> bytes:
    """Send the pieces separately and return the response, until the service closes the connection or stops
    sending."""
    with socket.create_connection(("127.0.0.1", port), timeout=MAX_RESPONSE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer


@pytest.mark.parametrize(
    "path", ["/metrics%0a", "/healthz%0A", "/webhooks/whoop%0a", "/metrics%00", "/connect/a%0a"]
)
def test_an_address_with_a_control_character_is_not_found(sqlite_service: Service, path: str) -> None:
    assert sqlite_service.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/healthz", WEBHOOK_PATH, "/api/v1/whoop/days", "/nowhere"])
def test_a_request_with_two_lengths_is_rejected_and_ends_its_connection(
    sqlite_service: Service, path: str
) -> None:
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    answer = heard(sqlite_service.port, request.encode())
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("over", [0, 2])
@pytest.mark.parametrize("size", [1_000_000, 7_001, 1_000])
def test_the_limit_of_headers_does_not_depend_on_segmentation(
    sqlite_service: Service, over: int, size: int
) -> None:
    before, after = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ", b"\r\n\r\n"
    length = server.MAX_HEADER_BYTES + over
    request = before + b"a" * (length - len(before) - len(after)) + after
    pieces = [request[start : start + size] for start in range(0, len(request), size)]
    expected = b"HTTP/1.1 400" if over else b"HTTP/1.1 200"
    assert heard(sqlite_service.port, *pieces).startswith(expected)
