"""The description of the API is served, and says of every route what it does. Every other test here checks answers."""

from typing import Any

import httpx2
import pytest
from jsonschema_rs import ValidationError
from starlette.routing import Router

from tests.support.schemas import as_described, document
from tests.support.serving import Serving
from vivavoce import __version__
from vivavoce.server.app import create_app
from vivavoce.server.service import Access
from vivavoce.wire.openapi import Ways
from vivavoce.wire.operation import PREFIXES


@pytest.mark.parametrize("keys", [(), ("secret",)])
async def test_it_is_served_to_everybody(serving: Serving, keys: tuple[str, ...]) -> None:
    served = await serving(access=Access(keys))
    for prefix in PREFIXES:
        answer = await served.http.get(f"{prefix}/openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == document(Ways(locked=bool(keys)))
        assert answer.json()["info"]["version"] == __version__
    assert (await served.http.get("/")).json()["openapi"] == "/v1/openapi.json"


async def test_every_route_is_described_and_everything_described_is_there(serving: Serving) -> None:
    served = await serving()
    router: Any = create_app(served.service)
    while not isinstance(router, Router):
        router = router._app
    found = {
        (method, route.path.replace(":path", ""))
        for route in router.routes
        for method in route.methods - {"HEAD"}
        if route.path not in ("/v1", "/playground/{name}")  # the root once more, and what is no operation
    }
    described = {
        (method.upper(), f"{server['url'].rstrip('/')}{path}")
        for server in document()["servers"]
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert found == described


async def test_answers_that_are_not_as_described_fail() -> None:
    def answer(status: int, body: object, path: str = "/v1/models") -> httpx2.Response:
        return httpx2.Response(status, json=body, request=httpx2.Request("GET", f"http://localhost{path}"))

    check = as_described()
    await check(answer(200, {"object": "list", "data": []}))
    await check(answer(404, {}, "/v1/nothing"))
    with pytest.raises(ValidationError):
        await check(answer(200, {"object": "list"}))
    with pytest.raises(AssertionError, match="GET /v1/models answers 418"):
        await check(answer(418, {}))
