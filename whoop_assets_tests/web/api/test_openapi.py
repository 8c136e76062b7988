"""Every response matches the OpenAPI document."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from whoop_assets.db.database import Database
from whoop_assets.web.api.endpoints import DAILY as DAILY_PATH
from whoop_assets.web.api.endpoints import PREFIX, DailyApi, router
from whoop_assets_tests.support.data.daily_rows import (
    DAILY,
    DAY,
    OPENAPI,
    RECOVERY_STATUS,
    daily_row,
    key_for,
    store,
)
from whoop_assets_tests.web.conftest import MEMBER, Service


def document() -> dict[str, Any]:
    """Build the document without using the database."""
    api = DailyApi(Database("sqlite://"))
    api.close()
    return api.openapi()


DOCUMENT = document()
REGISTRY = Registry().with_resource("doc", DRAFT202012.create_resource(DOCUMENT))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Resolve references within the document."""
    while "$ref" in part:
        assert part["$ref"].startswith("#/")
        reference, part = part["$ref"], DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
    return part


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def assert_described(answer: httpx.Response) -> None:
    """Assert that status, content type and body match the document."""
    path = httpx.URL(answer.request.url).path.removeprefix(PREFIX)
    described = resolved(DOCUMENT["paths"][path]["get"]["responses"][str(answer.status_code)])
    assert {name.lower() for name in described.get("headers", {}) if name != "Link"} <= set(answer.headers)
    if not answer.content:
        assert "content" not in described
        return
    media = answer.headers["content-type"].split(";")[0]
    schema = described["content"][media]["schema"]
    body = answer.text if media == "text/csv" else answer.json()
    within = {"$ref": "doc" + schema["$ref"]} if "$ref" in schema else schema
    Draft202012Validator(within, registry=REGISTRY, format_checker=FormatChecker()).validate(body)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_responses_match_the_document(service: Service, form: str) -> None:
    key = key_for(service.database, service.server.base_url, MEMBER)
    days = [daily_row(MEMBER, DAY), daily_row(MEMBER, DAY + timedelta(days=1), full=False)]
    store(service.database, days)
    good: dict[str, Any] = {"from": DAY, "to": DAY + timedelta(days=1), "format": form}
    for query in (good, {**good, "limit": 1}, {**good, "member": MEMBER}):
        answer = key.get(DAILY, **query)
        assert answer.status_code == 200
        assert_described(answer)
        assert_described(key.get(DAILY, **query, headers={"If-None-Match": answer.headers["etag"]}))
    assert_described(key.get(RECOVERY_STATUS, format=form))
    for path in (DAILY, RECOVERY_STATUS):
        assert_described(key.get(path, **(good if path == DAILY else {}), member=MEMBER + 9))
        assert_described(key.get(path, nonsense=1))
        assert_described(key.get(path, headers={"Accept": "text/html"}))
        assert_described(httpx.get(key.base_url + path, timeout=60))
    slow = key_for(service.database, service.server.base_url, MEMBER, rate=1)
    slow.get(RECOVERY_STATUS)
    assert_described(slow.get(RECOVERY_STATUS))


def test_the_document_needs_no_key_and_has_an_etag(sqlite_service: Service) -> None:
    answer = sqlite_service.get(OPENAPI)
    assert (answer.status_code, answer.json()) == (200, DOCUMENT)
    assert_described(answer)
    again = sqlite_service.get(OPENAPI, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_exactly_the_existing_addresses_are_described() -> None:
    methods: dict[str, set[str]] = {}
    for route in router.routes:
        assert isinstance(route, APIRoute)
        methods.setdefault(route.path, set()).update(route.methods or ())
    assert set(methods) == set(DOCUMENT["paths"])
    assert all(accepted == {"GET", "HEAD"} for accepted in methods.values())


def test_every_reference_resolves_and_every_schema_is_valid() -> None:
    for reference in references(DOCUMENT):
        assert resolved({"$ref": reference})
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_the_described_limits_are_enforced(sqlite_service: Service) -> None:
    schemas = {
        parameter["name"]: parameter["schema"]
        for parameter in DOCUMENT["paths"][DAILY_PATH]["get"]["parameters"]
    }
    limit, member = schemas["limit"], schemas["member"]["anyOf"][0]
    key = key_for(sqlite_service.database, sqlite_service.server.base_url, MEMBER)
    store(
        sqlite_service.database,
        [daily_row(MEMBER, DAY + timedelta(days=n), full=False) for n in range(limit["default"] + 1)],
    )
    last = DAY + timedelta(days=500)
    assert len(key.days(DAY, last).json()["data"]) == limit["default"]
    for requested, status in ((limit["minimum"], 200), (limit["maximum"], 200), (limit["maximum"] + 1, 400)):
        assert key.days(DAY, last, limit=requested).status_code == status
    for user_id, status in (
        (member["minimum"] - 1, 400),
        (member["minimum"], 404),  # no such member
        (member["not"]["const"], 400),
        (member["maximum"], 404),
        (member["maximum"] + 1, 400),
    ):
        assert key.days(DAY, last, member=user_id).status_code == status
