"""Webhook signatures and events."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.whoop_api.webhooks import (
    KNOWN_TYPES,
    NotAnEvent,
    NotWhoops,
    StaleSignature,
    read_event,
    signature,
    verify,
)
from whoop_simulator.webhooks import delivery

SECRET = "simulator-secret"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TIMESTAMP = "1795262400000"
MAX_AGE = timedelta(hours=2)
SLEEP = "ecfc6a15-4661-442f-a9a4-f160dd7afae8"
EVENT = {
    "user_id": 10129,
    "id": SLEEP,
    "type": "sleep.updated",
    "trace_id": "e369c784-5100-49e8-8098-75d35c47b31b",
}
BODY = json.dumps(EVENT).encode()


def check(body: bytes = BODY, **given: Any) -> datetime:
    options = {"timestamp": TIMESTAMP, "given": signature(SECRET, TIMESTAMP, BODY), "secret": SECRET} | given
    return verify(
        options.pop("secret"), options.pop("timestamp"), options.pop("given"), body, now=NOW, max_age=MAX_AGE
    )


# Signatures


def test_the_signature_is_the_hmac_sha256_of_timestamp_and_body() -> None:
    # Computed with: printf '1640995200000{"id":1}' | openssl dgst -sha256 -hmac secret -binary | base64
    assert signature("secret", "1640995200000", b'{"id":1}') == "0zRJzLnyLUc+Sq6FnJCvADjrmlHIMD+I3TAOodjA1zs="


def test_the_simulators_own_implementation_gives_the_same_signature() -> None:
    assert delivery.signature(SECRET, TIMESTAMP, BODY) == signature(SECRET, TIMESTAMP, BODY)


def test_verifying_a_valid_signature_returns_its_time() -> None:
    assert int(NOW.timestamp() * 1000) == int(TIMESTAMP)
    assert check() == NOW


@pytest.mark.parametrize(
    "wrong",
    [
        {"given": None},
        {"timestamp": None},
        {"given": ""},
        {"given": signature(SECRET, TIMESTAMP, BODY)[:-1]},
        {"given": signature(SECRET, TIMESTAMP, BODY) + "="},
        {"given": signature(SECRET, TIMESTAMP, BODY).lower()},
        {"given": signature("another", TIMESTAMP, BODY)},
        {"given": signature(SECRET, f"{TIMESTAMP}.", BODY)},
        {"given": hmac.new(SECRET.encode(), TIMESTAMP.encode() + BODY, hashlib.sha256).hexdigest()},
        {"given": "\x80\xff ü"},
        {"timestamp": "1795262400001"},
        {"timestamp": "1795262400"},
        {"timestamp": ""},
        {"timestamp": "-1"},
        {"timestamp": "1.79e12"},
        {"timestamp": "１７９５２６２４０００００"},
        {"timestamp": "9" * 400},
        {"body": BODY + b" "},
        {"body": b""},
        {"secret": "another"},
    ],
)
def test_a_changed_signature_timestamp_body_or_secret_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotWhoops):
        check(**wrong)


def test_without_a_secret_every_signature_is_invalid() -> None:
    with pytest.raises(NotWhoops):
        check(secret="", given=signature("", TIMESTAMP, BODY))


@pytest.mark.parametrize(
    ("age", "valid"),
    [
        (timedelta(0), True),
        (timedelta(hours=1, minutes=5), True),
        (MAX_AGE, True),
        (MAX_AGE + timedelta(milliseconds=1), False),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-5, milliseconds=-1), False),
        (timedelta(days=-30000), False),
    ],
)
def test_a_signature_is_valid_for_two_hours_and_up_to_five_minutes_early(age: timedelta, valid: bool) -> None:
    timestamp = str(round((NOW - age).timestamp() * 1000))
    headers: dict[str, Any] = {"timestamp": timestamp, "given": signature(SECRET, timestamp, BODY)}
    if valid:
        assert check(**headers) == NOW - age
    else:
        with pytest.raises(StaleSignature):
            check(**headers)


def test_a_timestamp_outside_the_calendar_is_stale() -> None:
    timestamp = "9" * 15
    with pytest.raises(StaleSignature):
        check(timestamp=timestamp, given=signature(SECRET, timestamp, BODY))


@given(st.binary(max_size=300), st.text(max_size=40), st.text(max_size=80))
def test_any_input_without_a_valid_signature_gives_the_same_error(
    body: bytes, timestamp: str, given_signature: str
) -> None:
    with pytest.raises(NotWhoops):
        verify(SECRET, timestamp, given_signature, body, now=NOW, max_age=MAX_AGE)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def record_and_compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", record_and_compare)
    check()
    assert len(compared) == 1


# Events


def body(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


@pytest.mark.parametrize("kind", KNOWN_TYPES)
def test_each_event_type_has_its_stream_and_record_id(kind: str) -> None:
    event = read_event(body(type=kind, id=SLEEP.upper()))
    assert event.stream == {"s": "sleeps", "r": "recoveries", "w": "workouts"}[kind[0]]
    assert (event.record_id, event.refusal) == (SLEEP, None)
    assert (event.user_id, event.trace_id) == (EVENT["user_id"], EVENT["trace_id"])


def test_unknown_fields_are_accepted() -> None:
    assert read_event(body(version=2, more={"a": [1, None]})).refusal is None


@pytest.mark.parametrize("kind", ["sleep.updated", "recovery.deleted"])
def test_a_numeric_id_is_rejected_as_a_v1_id(kind: str) -> None:
    event = read_event(body(id=10235, type=kind))
    assert event.record_id == "10235"
    assert "v1" in (event.refusal or "")


@pytest.mark.parametrize("key", [10235, SLEEP, None, {"a": 1}, "x" * 500])
def test_an_event_of_an_unknown_type_is_parsed_with_any_id(key: Any) -> None:
    event = read_event(body(type="cycle.updated", id=key))
    assert event.stream is None
    assert "type" in (event.refusal or "")
    assert event.record_id == (str(key) if key in (10235, SLEEP) else None)
    assert read_event(json.dumps({k: v for k, v in EVENT.items() if k != "id"} | {"type": "a.b"}).encode())


NOT_EVENTS = [
    *[json.dumps({k: v for k, v in EVENT.items() if k != missing}).encode() for missing in EVENT],
    *[body(user_id=invalid) for invalid in (None, "10129", 1.0, True, 0, -1, 2**63, [1])],
    *[
        body(type=invalid)
        for invalid in (None, 1, "", "sleep updated", "x" * 65, "sleep\u0000", "schlaf.geändert")
    ],
    *[body(trace_id=invalid) for invalid in (None, 7, "", "a b", "x" * 129, "a\nb", "\ud800")],
    *[
        body(id=invalid)
        for invalid in (None, "", "../../v2/cycle", SLEEP + "/", SLEEP[:-1], "٣" * 36, -1, 2**63, True, 1.5)
    ],
    BODY[:-1],
    BODY + b"{}",
    BODY.replace(b"10129", b"NaN"),
    BODY.replace(b"10129", b"Infinity"),
    BODY.replace(b"10129", b"9" * 5000),
    BODY.replace(b"10129", b"1e400"),
    BODY.replace(b'"user_id"', b'"id": 1, "user_id"'),
    BODY.replace(b"}", b', "more": {"a": 1, "a": 2}}'),
    BODY.replace(b"}", b', "more": "\x01"}'),
    BODY.replace(b"sleep", b"sl\xff\xfeep"),
    b"\xef\xbb\xbf" + BODY,
    BODY.decode().encode("utf-16"),
    b"",
    b"null",
    b"[]",
    b"[" + BODY + b"]",
    b'"' + SLEEP.encode() + b'"',
    b"[" * 60_000,
    b"[" * 30_000 + b"]" * 30_000,
    BODY.replace(b"}", b', "more": ' + b'{"a":' * 90 + b"1" + b"}" * 91),
    b"user_id=1&id=2",
    b"\x00" * 100,
]


@pytest.mark.parametrize("raw", NOT_EVENTS, ids=range(len(NOT_EVENTS)))
def test_a_body_that_is_not_an_event_gives_one_sentence_without_its_content(raw: bytes) -> None:
    with pytest.raises(NotAnEvent) as error:
        read_event(raw)
    sentence = str(error.value)
    assert sentence.startswith("The body is not a WHOOP event: ")
    assert len(sentence) < 120
    assert SLEEP not in sentence
    assert error.value.__suppress_context__ or error.value.__context__ is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VALUES = JSON | st.sampled_from([*EVENT.values(), *KNOWN_TYPES, 10235, SLEEP.upper()])


@given(st.dictionaries(st.sampled_from([*EVENT, "more"]), VALUES, max_size=5), st.booleans())
def test_any_json_is_an_event_or_rejected(fields: dict[str, Any], add_to_event: bool) -> None:
    raw = json.dumps({**EVENT, **fields} if add_to_event else fields).encode()
    try:
        event = read_event(raw)
    except NotAnEvent:
        return
    assert 0 < event.user_id < 2**63
    assert len(event.trace_id) <= 128
    assert len(event.event_type) <= 64
    assert event.trace_id.isascii()
    assert event.trace_id.isprintable()
    if event.refusal is None:
        assert event.stream is not None
        assert str(uuid.UUID(event.record_id)) == event.record_id


@given(st.binary(max_size=400))
def test_random_bytes_are_rejected(raw: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read_event(raw)


@given(st.integers(0, len(BODY) - 1), st.integers(0, 255))
def test_an_event_with_a_changed_byte_is_valid_or_rejected(place: int, byte: int) -> None:
    try:
        event = read_event(BODY[:place] + bytes([byte]) + BODY[place + 1 :])
    except NotAnEvent:
        return
    assert event.trace_id.isprintable()


def test_signatures_use_the_standard_base64_alphabet() -> None:
    assert base64.b64decode(signature(SECRET, TIMESTAMP, BODY), validate=True)
