"""Incomplete, slow, endless and unexpected responses from a real socket."""

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from whoop_assets.whoop_api.errors import (
    ApiError,
    NetworkFault,
    RefreshResponseLost,
    Refused,
    UnreadableResponse,
)
from whoop_assets.whoop_api.http.response_body import MAX_RESPONSE_BYTES, receive
from whoop_assets.whoop_api.http.transport import MAX_RETRY_SECONDS, open_http
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_assets_tests.whoop_api.doubles import NOW, Bench

PATH = "/v2/cycle/93845"
BODY = b'{"id": 93845, "user_id": 10129}'
COMPRESSED = gzip.compress(BODY * 40)

Pieces = Iterator[bytes] | list[bytes]


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    # One response per connection, so that the server sees each request.
    return "\r\n".join([f"HTTP/{version} {status}", "Connection: close", *lines, "", ""]).encode()


VALID = head(f"Content-Length: {len(BODY)}") + BODY


@contextmanager
def server(*responses: Callable[[], Pieces]) -> Iterator[tuple[str, list[str]]]:
    """Serve the responses, one connection each, and repeat the last one. Yields the URL and the requests."""
    requests: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for number in itertools.count():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    requests.append(connection.recv(65536).decode().split("\r\n")[0])
                    try:
                        for piece in responses[min(number, len(responses) - 1)]():
                            connection.sendall(piece)
                    except OSError:
                        pass  # the client closed the connection

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def bench(url: str) -> Bench:
    return Bench(base_url=url, http=open_http())


def dripping() -> Pieces:
    yield head("Content-Length: 100000")
    while True:
        yield b" "
        time.sleep(0.01)


def endless() -> Pieces:
    yield head("Transfer-Encoding: chunked")
    while True:
        yield b"10000\r\n" + b" " * 0x10000 + b"\r\n"


INCOMPLETE = {
    "nothing": [],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "half a header": [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "fewer bytes than announced": [head("Content-Length: 500"), BODY],
    "an incomplete chunk": [head("Transfer-Encoding: chunked"), b"1f\r\n" + BODY[:10]],
    "no last chunk": [head("Transfer-Encoding: chunked"), b"1f\r\n" + BODY + b"\r\n"],
    "not compressed as stated": [head("Content-Encoding: gzip", f"Content-Length: {len(BODY)}"), BODY],
}
NOT_JSON = {
    "truncated without a content length": [head(version="1.0"), BODY[:20]],
    "compressed and truncated": [head("Content-Encoding: gzip", "Content-Length: 40"), COMPRESSED[:40]],
    "empty": [head("Content-Length: 0")],
    "no content": [head(status="204 No Content")],
    "a proxy's error page": [head("Content-Type: text/html", "Content-Length: 15"), b"<h1>Sorry.</h1>"],
    "not UTF-8": [head("Content-Length: 3"), b"\xff\xfe\xfd"],
    "nested too deeply": [head("Content-Length: 200000"), b"[" * 200_000],
}


@pytest.mark.parametrize("pieces", [*INCOMPLETE.values(), *NOT_JSON.values()], ids=[*INCOMPLETE, *NOT_JSON])
def test_an_unusable_response_is_requested_again(pieces: list[bytes]) -> None:
    with server(lambda: pieces, lambda: pieces, lambda: [VALID]) as (url, requests):
        client = bench(url).client
        assert client.get(PATH).payload == {"id": 93845, "user_id": 10129}
        assert len(requests) == 3
        assert client.retries == 2


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [(pieces, NetworkFault) for pieces in INCOMPLETE.values()]
    + [(pieces, UnreadableResponse) for pieces in NOT_JSON.values()],
    ids=[*INCOMPLETE, *NOT_JSON],
)
def test_a_response_that_stays_unusable_is_an_error_after_the_retry_time(
    pieces: list[bytes], kind: type[ApiError]
) -> None:
    with server(lambda: pieces) as (url, requests):
        client_bench = bench(url)
        with pytest.raises(kind) as caught:
            client_bench.client.get(PATH)
        assert len(requests) == len(client_bench.budget.lanes) > 5
        assert client_bench.slept == pytest.approx(MAX_RETRY_SECONDS)
        assert caught.value.transient
        assert PATH in str(caught.value)


def test_a_compressed_response_is_decompressed() -> None:
    compressed = gzip.compress(BODY)
    with server(
        lambda: [head("Content-Encoding: gzip", f"Content-Length: {len(compressed)}"), compressed]
    ) as (
        url,
        _,
    ):
        assert bench(url).client.get(PATH).payload == {"id": 93845, "user_id": 10129}


def test_a_response_that_takes_too_long_is_a_timeout() -> None:
    # Each byte arrives within the read timeout, but the response does not end.
    with (
        server(dripping) as (url, _),
        open_http() as http,
        pytest.raises(httpx.ReadTimeout, match="too slow"),
    ):
        receive(http, httpx.Request("GET", url + PATH), max_seconds=0.05)


@pytest.mark.parametrize("compressed", [False, True], ids=["endless", "compressed"])
def test_a_response_that_is_too_large_is_an_error(compressed: bool) -> None:
    small = gzip.compress(b" " * (MAX_RESPONSE_BYTES + 2**16))
    bomb = [head("Content-Encoding: gzip", f"Content-Length: {len(small)}"), small]
    with server((lambda: bomb) if compressed else endless) as (url, requests):
        with pytest.raises(UnreadableResponse, match="larger response than WHOOP's") as caught:
            bench(url).client.get(PATH)
        assert not caught.value.transient
        assert len(requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with (
        server(lambda: [VALID]) as (elsewhere, requests_elsewhere),
        server(lambda: [head(f"Location: {elsewhere}/", "Content-Length: 0", status="302 Found")]) as (
            url,
            requests,
        ),
    ):
        with pytest.raises(Refused):
            bench(url).client.get(PATH)
        assert (len(requests), len(requests_elsewhere)) == (1, 0)


@pytest.mark.parametrize(
    "url",
    ["http://whoop.invalid", f"http://127.0.0.1:{REFUSING_PORT}"],
    ids=["unknown host name", "refused connection"],
)
def test_an_unreachable_host_is_a_network_fault_after_the_retry_time(url: str) -> None:
    client_bench = bench(url)
    with pytest.raises(NetworkFault, match="check the network") as caught:
        client_bench.client.get(PATH)
    assert caught.value.transient
    assert len(client_bench.budget.lanes) > 5
    assert client_bench.slept == pytest.approx(MAX_RETRY_SECONDS)


def test_a_token_response_that_never_ends_counts_as_lost() -> None:
    # Other processes wait for this refresh, and the refresh token may be used up.
    with server(endless) as (url, requests):
        oauth_client = OAuth(url, "id", "secret", "http://localhost/callback", clock=ManualClock(NOW))
        with pytest.raises(RefreshResponseLost):
            oauth_client.refresh("refresh-token")
        assert len(requests) == 1
