"""Keys that were made: what they open, what they do not, and who makes them; with the official client."""

import logging
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.store.conftest import Clock, everything_in
from tests.support.serving import MODEL, Served, Serving, model
from vivavoce.account.keys import Wish
from vivavoce.server.service import Access

ADMIN_KEYS = "/v1/organization/admin_api_keys"
SHOP = "/v1/organization/projects/shop/api_keys"
USER: Any = [{"role": "user", "content": "Hi"}]


async def made(served: Served, project: str | None = "shop", **more: Any) -> str:
    return (await served.service.keys.create(Wish("a key", project, **more))).value


def with_key(served: Served, key: str) -> AsyncOpenAI:
    return served.openai.with_options(api_key=key, admin_api_key=key)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert "sk-vv-" not in caplog.text


async def test_the_first_key_locks_the_server_and_opens_it_to_whoever_has_it(
    serving: Serving, log: pytest.LogCaptureFixture
) -> None:
    served = await serving()
    assert (await served.http.get("/v1/models")).status_code == 200
    assert "403" in (await served.http.get("/openapi.json")).json()["paths"]["/models"]["get"]["responses"]
    key = await made(served)
    assert (await served.http.get("/v1/models")).status_code == 401
    described = (await served.http.get("/openapi.json")).json()
    assert described["security"] == [{"bearer": []}]
    answer = await with_key(served, key).chat.completions.create(model=MODEL, messages=USER)
    assert answer.choices[0].message.content
    assert (await served.http.get("/v1/models", auth=("", key))).status_code == 200
    for path in ("/", "/health/live", "/openapi.json"):
        assert (await served.http.get(path)).status_code == 200


async def test_a_host_that_is_not_this_machines_is_let_in_with_a_key_only(serving: Serving) -> None:
    served = await serving()
    elsewhere = {"host": "voice.example"}
    assert (await served.http.get("/v1/models", headers=elsewhere)).status_code == 403
    key = await made(served)
    assert (await served.http.get("/v1/models", headers=elsewhere)).status_code == 401
    assert (await served.http.get("/v1/models", headers=elsewhere | bearer(key))).status_code == 200


async def test_where_other_machines_can_call_a_key_is_needed_before_there_is_one(serving: Serving) -> None:
    served = await serving(access=Access(loopback=False))
    assert (await served.http.get("/v1/models")).status_code == 401
    assert (await served.http.get("/v1/models", headers=bearer(await made(served)))).status_code == 200


async def test_keys_that_are_none_or_have_ended_are_told_so_and_never_whole(
    serving: Serving, log: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    served = await serving(now=clock)
    expired, revoked = await made(served, lifetime_s=1), await made(served)
    found = await served.service.keys.find(revoked)
    assert found
    await served.service.keys.revoke(found.id)
    unknown = f"sk-vv-{'x' * 43}"
    for key, why in ((unknown, ""), (revoked, " It was revoked.")):
        with pytest.raises(openai.AuthenticationError) as error:
            await with_key(served, key).chat.completions.create(model=MODEL, messages=USER)
        assert error.value.body == {
            "message": f"Incorrect API key provided: sk-vv-{key[6:8]}{'*' * 37}{key[-4:]}.{why}",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_api_key",
        }
    assert expired not in str(error.value)


async def test_an_expired_key_is_told_so(serving: Serving) -> None:
    served = await serving()
    key = await made(served, lifetime_s=-1)
    with pytest.raises(openai.AuthenticationError, match=r"It has expired\.") as error:
        await with_key(served, key).models.list()
    assert error.value.code == "invalid_api_key"


async def test_a_key_revoked_over_http_is_good_for_nothing_from_then_on(serving: Serving) -> None:
    served = await serving()
    admin, key = with_key(served, await made(served, None)), await made(served)
    assert await with_key(served, key).models.list()
    (listed,) = [each async for each in admin.admin.organization.projects.api_keys.list("shop")]
    gone = await admin.admin.organization.projects.api_keys.delete(listed.id, project_id="shop")
    assert (gone.id, gone.deleted, gone.object) == (listed.id, True, "organization.project.api_key.deleted")
    with pytest.raises(openai.AuthenticationError):
        await with_key(served, key).models.list()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        response = await served.http.request(
            method, f"{SHOP}/{listed.id}{path}", headers=bearer(admin.api_key), **({"json": {}} if path else {})
        )
        assert (response.status_code, response.json()["error"]["code"]) == (404, "api_key_not_found")


async def test_a_model_that_a_key_may_not_use_is_as_one_that_is_not_there(serving: Serving) -> None:
    other, alias = model(), "my-voice"
    served = await serving(models={MODEL: model(), alias: model(), "other": other})
    object.__setattr__(other, "name", "other")
    client = with_key(served, await made(served, models=["other"]))
    assert [each.id async for each in client.models.list()] == ["other"]
    assert (await client.chat.completions.create(model="other", messages=USER)).choices
    for name in (MODEL, alias):
        with pytest.raises(openai.NotFoundError) as error:
            await client.chat.completions.create(model=name, messages=USER)
        assert error.value.body == {
            "message": f"The model `{name}` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve(name)
        for refused in (
            client.audio.speech.create(model=name, voice="alloy", input="Hi"),
            client.audio.transcriptions.create(model=name, file=("a.wav", b"RIFF")),
        ):
            with pytest.raises(openai.NotFoundError):
                await refused
    whole = with_key(served, await made(served, models=[MODEL]))
    assert {each.id async for each in whole.models.list()} == {MODEL, alias}  # an alias is the same model


async def test_what_one_project_stored_does_not_exist_for_another(serving: Serving) -> None:
    served = await serving()
    ours, same, theirs = [with_key(served, await made(served, project)) for project in ("shop", "shop", "bank")]
    said = await ours.chat.completions.create(**served.say(store=True))  # pyright: ignore[reportCallIssue]
    spoken = said.choices[0].message.audio
    assert spoken
    again: Any = [{"role": "assistant", "audio": {"id": spoken.id}}, *USER]
    for client in (ours, same):
        assert (await client.chat.completions.retrieve(said.id)).id == said.id
        assert (await client.chat.completions.create(model=MODEL, messages=again)).choices
    with pytest.raises(openai.NotFoundError):
        await theirs.chat.completions.retrieve(said.id)
    with pytest.raises(openai.BadRequestError) as error:
        await theirs.chat.completions.create(model=MODEL, messages=again)
    assert error.value.code == "audio_not_found"
    path = f"/v1/audio/answers/{spoken.id}?format=wav"
    assert (await served.http.get(path, headers=bearer(theirs.api_key))).status_code == 404
    assert (await served.http.get(path, headers=bearer(same.api_key))).status_code == 200


async def test_another_project_neither_lists_nor_changes_nor_is_given_again_what_was_stored(serving: Serving) -> None:
    served = await serving()
    ours, theirs = bearer(await made(served, "shop")), bearer(await made(served, "bank"))
    once, chats = {"idempotency-key": "once"}, "/v1/chat/completions"
    asked = served.say(store=True)
    said = (await served.http.post(chats, json=asked, headers=ours | once)).json()
    place = f"{chats}/{said['id']}"
    for method, path, body in (
        ("GET", place, None),
        ("GET", f"{place}/messages", None),
        ("POST", place, {"metadata": {"mine": "now"}}),
        ("DELETE", place, None),
    ):
        assert (await served.http.request(method, path, json=body, headers=theirs)).status_code == 404
    assert (await served.http.get(chats, headers=theirs)).json()["data"] == []
    theirs_said = await served.http.post(chats, json=asked, headers=theirs | once)
    assert "idempotent-replayed" not in theirs_said.headers
    assert theirs_said.json()["id"] != said["id"]
    assert (await served.http.get(place, headers=ours)).json()["metadata"] == said["metadata"]


async def test_configured_keys_go_on_beside_those_that_are_made(serving: Serving) -> None:
    served = await serving(access=Access(("sk-one",)))
    said = await with_key(served, "sk-one").chat.completions.create(model=MODEL, messages=USER, store=True)
    key = await made(served)
    assert (await with_key(served, "sk-one").chat.completions.retrieve(said.id)).id == said.id
    with pytest.raises(openai.NotFoundError):
        await with_key(served, key).chat.completions.retrieve(said.id)
    project = "key-456f1612bd25c6c8455039437bf441f4"
    assert (await with_key(served, await made(served, project)).chat.completions.retrieve(said.id)).id == said.id


async def test_the_official_client_administers_admin_keys(serving: Serving, log: pytest.LogCaptureFixture) -> None:
    served = await serving()
    keys = with_key(served, await made(served, None)).admin.organization.admin_api_keys
    new = await keys.create(name="second", expires_in_seconds=60)
    assert new.expires_at == new.created_at + 60
    assert new.value.startswith("sk-vv-admin-")
    assert new.redacted_value == f"sk-vv-admin-****{new.value[-4:]}"
    assert [each.name async for each in keys.list(limit=1)] == ["a key", "second"]
    assert [each.name async for each in keys.list(order="desc")] == ["second", "a key"]
    found = await keys.retrieve(new.id)
    assert found.model_dump() == {name: each for name, each in new.model_dump().items() if name != "value"}
    second = with_key(served, new.value).admin.organization.admin_api_keys
    assert (await second.delete(new.id)).object == "organization.admin_api_key.deleted"
    with pytest.raises(openai.AuthenticationError):
        await second.retrieve(new.id)


async def test_a_key_of_a_project_is_made_told_once_and_listed(serving: Serving) -> None:
    served = await serving()
    admin = await made(served, None)
    wanted = {"name": "phone", "tier": "1", "models": [MODEL], "expires_in_seconds": 60}
    response = await served.http.post(SHOP, json=wanted, headers=bearer(admin))
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    told = response.json()
    value = told.pop("value")
    assert (await with_key(served, value).chat.completions.create(model=MODEL, messages=USER)).choices
    client = with_key(served, admin).admin.organization
    (listed,) = [each async for each in client.projects.api_keys.list("shop")]
    shown = listed.model_dump(exclude_unset=True)
    assert shown | {"last_used_at": None} == told
    assert (told["project_id"], told["tier"], told["models"]) == ("shop", "1", [MODEL])
    assert (await client.projects.api_keys.retrieve(listed.id, project_id="shop")).redacted_value[-4:] == value[-4:]
    with pytest.raises(openai.NotFoundError):
        await client.projects.api_keys.retrieve(listed.id, project_id="bank")
    with pytest.raises(openai.NotFoundError):
        await client.admin_api_keys.retrieve(listed.id)
    assert [each.id async for each in client.projects.list()] == ["shop"]


async def test_a_key_is_put_in_the_place_of_another(serving: Serving) -> None:
    served = await serving()
    admin, old = bearer(await made(served, None)), await made(served)
    found = await served.service.keys.find(old)
    assert found
    new = await served.http.post(f"{SHOP}/{found.id}/rotate", json={"grace_seconds": 60}, headers=admin)
    assert new.status_code == 200
    before = (await served.http.get(f"{SHOP}/{found.id}", headers=admin)).json()
    assert 0 < before["expires_at"] - new.json()["created_at"] <= 61
    for key in (old, new.json()["value"]):
        assert (await served.http.get("/v1/models", headers=bearer(key))).status_code == 200
    newest = await served.http.post(f"{SHOP}/{new.json()['id']}/rotate", json={}, headers=admin)
    assert (await served.http.get("/v1/models", headers=bearer(new.json()["value"]))).status_code == 401
    assert (await served.http.get("/v1/models", headers=bearer(newest.json()["value"]))).status_code == 200
    late = await served.http.post(f"{SHOP}/{found.id}/rotate", json={"grace_seconds": 90}, headers=admin)
    assert (late.status_code, late.json()["error"]["code"]) == (404, "api_key_not_found")


async def test_only_an_admin_key_administers_and_it_does_nothing_else(serving: Serving) -> None:
    served = await serving(access=Access(("sk-one",)))
    admin, key = await made(served, None), await made(served)
    paths = [ADMIN_KEYS, SHOP, "/organization/projects", f"{SHOP}/key_1", "/v1/organization/nothing"]
    for path in paths:
        for method in ("GET", "POST", "DELETE"):
            for wrong in (key, "sk-one"):
                response = await served.http.request(method, path, headers=bearer(wrong))
                assert (response.status_code, response.json()["error"]["code"]) == (403, "insufficient_permissions")
            assert (await served.http.request(method, path)).status_code == 401
    for path in ("/v1/models", "/v1/nothing"):
        response = await served.http.get(path, headers=bearer(admin))
        assert (response.status_code, response.json()["error"]["code"]) == (403, "insufficient_permissions")
    with pytest.raises(openai.PermissionDeniedError, match="project's key"):
        await with_key(served, admin).chat.completions.create(model=MODEL, messages=USER)
    assert (
        await served.http.get("/metrics", headers=bearer(admin))
    ).status_code == 404  # it may, and nothing is measured


async def test_without_keys_nobody_makes_one_over_http(serving: Serving) -> None:
    served = await serving()
    response = await served.http.post(ADMIN_KEYS, json={"name": "mine"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "insufficient_permissions")
    assert (await served.http.get("/v1/models")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (ADMIN_KEYS, {}, "name"),
        (ADMIN_KEYS, {"name": ""}, "name"),
        (ADMIN_KEYS, {"name": "a", "expires_in_seconds": 0}, "expires_in_seconds"),
        (SHOP, {"name": "a", "models": []}, "models"),
        (SHOP, {"name": "a", "models": ["gpt-9"]}, "models"),
        (SHOP, {"name": "a", "tier": 5}, "tier"),
        (SHOP, {"name": "a", "tier": "gold"}, "tier"),
        (SHOP.replace("shop", "a%20b"), {"name": "a"}, "project_id"),
        (SHOP.replace("shop", "-"), {"name": "a"}, "project_id"),
        (SHOP, ["name"], None),
    ],
)
async def test_a_key_that_cannot_be_made_is_refused_by_its_field(
    serving: Serving, path: str, body: Any, param: str | None
) -> None:
    served = await serving()
    admin = bearer(await made(served, None))
    response = await served.http.post(path, json=body, headers=admin)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert len(await served.service.keys.all()) == 1


async def test_a_key_that_was_told_is_not_kept_for_a_repetition(serving: Serving, tmp_path: Any) -> None:
    served = await serving()
    headers = bearer(await made(served, None)) | {"idempotency-key": "once"}
    told = [(await served.http.post(SHOP, json={"name": "phone"}, headers=headers)).json() for _ in range(2)]
    assert told[0]["id"] != told[1]["id"]
    kept = everything_in(tmp_path)
    for each in told:
        assert each["id"].encode() in kept
        assert each["value"].encode() not in kept


async def test_a_key_that_is_taken_for_an_id_is_not_said_back(serving: Serving) -> None:
    served = await serving()
    admin, key = await made(served, None), await made(served)
    response = await served.http.delete(f"{SHOP}/{key}", headers=bearer(admin))
    assert (response.status_code, response.json()["error"]["code"]) == (404, "api_key_not_found")
    assert key[8:] not in response.text


async def test_nothing_that_a_browser_sends_by_itself_administers(serving: Serving) -> None:
    served = await serving()
    admin = await made(served, None)
    by_itself = {
        "cookie": f"key={admin}; session={admin}",
        "origin": "http://elsewhere.test",
        "referer": "http://x.test",
    }
    for method, path in (("POST", SHOP), ("POST", ADMIN_KEYS), ("GET", SHOP), ("DELETE", f"{SHOP}/key_1")):
        answer = await served.http.request(method, path, json={"name": "forged"}, headers=by_itself)
        assert answer.status_code == 401
        # Neither is the browser asked for a password, which it would then send by itself.
        assert not {"set-cookie", "www-authenticate", "access-control-allow-origin"} & set(answer.headers)
    assert await served.service.keys.of("shop") == []
