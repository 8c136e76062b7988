"""Incomplete, slow, endless and foreign responses, byte by byte on a real socket."""

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from whoop_assets.clock import ManualClock
from whoop_assets.whoop_api import oauth
from whoop_assets.whoop_api.errors import (
    ApiError,
    NetworkFault,
    RefreshResponseLost,
    Refused,
    UnreadableResponse,
)
from whoop_assets.whoop_api.http import response_body
from whoop_assets.whoop_api.http.transport import MAX_RETRY_SECONDS, open_http
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets_tests.support.ports import REFUSING_PORT
from whoop_assets_tests.whoop_api.doubles import NOW, Bench

PATH = "/v2/cycle/93845"
BODY = b'{"id": 93845, "user_id": 10129}'
PACKED = gzip.compress(BODY * 40)

Pieces = Iterator[bytes] | list[bytes]


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    # Of each connection one answer, so that each request is heard.
    return "\r\n".join([f"HTTP/{version} {status}", "Connection: close", *lines, "", ""]).encode()


GOOD = head(f"Content-Length: {len(BODY)}") + BODY


@contextmanager
def server(*answers: Callable[[], Pieces]) -> Iterator[tuple[str, list[str]]]:
    """Start a server that uses one connection per response and repeats the last one. Yields URL and
    requests."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for number in itertools.count():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536).decode().split("\r\n")[0])
                    try:
                        for piece in answers[min(number, len(answers) - 1)]():
                            connection.sendall(piece)
                    except OSError:
                        pass  # the other side has had enough

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def bench(url: str) -> Bench:
    made = Bench(base_url=url)
    made.client._http = open_http()
    return made


def dripping() -> Pieces:
    yield head("Content-Length: 100000")
    while True:
        yield b" "
        time.sleep(0.01)


def endless() -> Pieces:
    yield head("Transfer-Encoding: chunked")
    while True:
        yield b"10000\r\n" + b" " * 0x10000 + b"\r\n"


BREAKS_OFF = {
    "nothing": [],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "half a header": [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "fewer bytes than announced": [head("Content-Length: 500"), BODY],
    "a chunk without its end": [head("Transfer-Encoding: chunked"), b"1f\r\n" + BODY[:10]],
    "chunks without a last one": [head("Transfer-Encoding: chunked"), b"1f\r\n" + BODY + b"\r\n"],
    "not packed as it says": [head("Content-Encoding: gzip", f"Content-Length: {len(BODY)}"), BODY],
}
NOT_JSON = {
    "cut off, of no announced length": [head(version="1.0"), BODY[:20]],
    "packed and cut off": [head("Content-Encoding: gzip", "Content-Length: 40"), PACKED[:40]],
    "empty": [head("Content-Length: 0")],
    "no content": [head(status="204 No Content")],
    "a page of a proxy": [head("Content-Type: text/html", "Content-Length: 15"), b"<h1>Sorry.</h1>"],
    "no text": [head("Content-Length: 3"), b"\xff\xfe\xfd"],
    "more than can be nested": [head("Content-Length: 200000"), b"[" * 200_000],
}


@pytest.mark.parametrize("pieces", [*BREAKS_OFF.values(), *NOT_JSON.values()], ids=[*BREAKS_OFF, *NOT_JSON])
def test_a_broken_answer_is_asked_for_again_until_it_comes_whole(pieces: list[bytes]) -> None:
    with server(lambda: pieces, lambda: pieces, lambda: [GOOD]) as (url, heard):
        client = bench(url).client
        assert client.get(PATH).payload == {"id": 93845, "user_id": 10129}
        assert len(heard) == 3
        assert client.retries == 2


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [(pieces, NetworkFault) for pieces in BREAKS_OFF.values()]
    + [(pieces, UnreadableResponse) for pieces in NOT_JSON.values()],
    ids=[*BREAKS_OFF, *NOT_JSON],
)
def test_an_answer_that_stays_broken_is_one_error_when_the_time_for_retries_has_passed(
    pieces: list[bytes], kind: type[ApiError]
) -> None:
    with server(lambda: pieces) as (url, heard):
        made = bench(url)
        with pytest.raises(kind) as caught:
            made.client.get(PATH)
        assert len(heard) == len(made.budget.lanes) > 5
        assert made.slept == pytest.approx(MAX_RETRY_SECONDS)
        assert caught.value.transient
        assert PATH in str(caught.value)


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(BODY)
    with server(lambda: [head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"), packed]) as (
        url,
        _,
    ):
        assert bench(url).client.get(PATH).payload == {"id": 93845, "user_id": 10129}


def test_an_answer_that_drips_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in good time; all of them never would."""
    monkeypatch.setattr(response_body, "MAX_RESPONSE_SECONDS", 0.5)
    with server(dripping, lambda: [GOOD]) as (url, heard):
        assert bench(url).client.get(PATH).payload == {"id": 93845, "user_id": 10129}
        assert len(heard) == 2


@pytest.mark.parametrize("packed", [False, True], ids=["endless", "packed small"])
def test_an_answer_larger_than_any_of_whoops_is_refused_and_not_held(
    monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(response_body, "MAX_RESPONSE_BYTES", 2**20)
    small = gzip.compress(b" " * 2**22)
    bomb = [head("Content-Encoding: gzip", f"Content-Length: {len(small)}"), small]
    with server((lambda: bomb) if packed else endless) as (url, heard):
        with pytest.raises(UnreadableResponse, match="larger response than WHOOP's") as caught:
            bench(url).client.get(PATH)
        assert not caught.value.transient
        assert len(heard) == 1


def test_a_redirect_is_not_followed_and_takes_no_token_anywhere() -> None:
    with (
        server(lambda: [GOOD]) as (elsewhere, heard_elsewhere),
        server(lambda: [head(f"Location: {elsewhere}/", "Content-Length: 0", status="302 Found")]) as (
            url,
            heard,
        ),
    ):
        with pytest.raises(Refused):
            bench(url).client.get(PATH)
        assert (len(heard), len(heard_elsewhere)) == (1, 0)


@pytest.mark.parametrize(
    "url", ["http://whoop.invalid", f"http://127.0.0.1:{REFUSING_PORT}"], ids=["no such name", "nobody there"]
)
def test_a_host_that_is_not_there_is_tried_again_and_then_told(url: str) -> None:
    made = bench(url)
    with pytest.raises(NetworkFault, match="check the network") as caught:
        made.client.get(PATH)
    assert caught.value.transient
    assert len(made.budget.lanes) > 5
    assert made.slept == pytest.approx(MAX_RETRY_SECONDS)


@pytest.mark.parametrize("answer", [dripping, endless], ids=["drips", "endless"])
def test_a_token_answer_that_never_ends_is_a_lost_one(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Pieces]
) -> None:
    """Others wait for it, and the refresh token may be spent: it is not sent again."""
    monkeypatch.setattr(response_body, "MAX_RESPONSE_BYTES", 2**20)
    monkeypatch.setattr(oauth, "MAX_TOKEN_RESPONSE_SECONDS", 0.05)
    with server(answer) as (url, heard):
        made = OAuth(url, "id", "secret", "http://localhost/callback", clock=ManualClock(NOW))
        with pytest.raises(RefreshResponseLost):
            made.refresh("refresh-token")
        assert len(heard) == 1
