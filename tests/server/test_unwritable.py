"""A database that cannot be written to: what is served all the same, what is refused and how, and how that ends."""

import json
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from tests.support.entries import rows
from tests.support.serving import MODEL, Serving, model
from tests.support.talker import TALKER
from tests.support.waiting import until
from vivavoce.account.keys import Wish
from vivavoce.store import database as databases
from vivavoce.store import upkeep
from vivavoce.store.answers import answers
from vivavoce.store.database import FILE, SETTINGS
from vivavoce.store.ledger import ledger
from vivavoce.store.looking import looking
from vivavoce.testing import Says
from vivavoce.testing.serving import serving as serving_apart

CHAT = "/v1/chat/completions"
ADMIN_KEYS = "/v1/organization/admin_api_keys"
SECRET = "a word that nobody else may read"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "SETTINGS", [*SETTINGS, "busy_timeout=50"])
    monkeypatch.setattr(upkeep, "AGAIN_S", 0.02)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process writes, for as long as it likes."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def refused(response: httpx2.Response) -> bool:
    return response.status_code == 503 and response.json()["error"]["code"] == "not_recorded"


async def test_while_it_is_locked_nothing_is_given_for_nothing_and_the_rest_is_served(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    brain = Says(SECRET)
    served = await serving(models={MODEL: model(think=brain)})
    again = {"idempotency-key": "once"}
    first = await served.http.post(CHAT, json=served.say(store=True), headers=again)
    await served.http.post(CHAT, json=served.say(store=True), headers=again)  # it is kept by now
    answer_id = first.json()["choices"][0]["message"]["audio"]["id"]
    before = await rows(served)
    with locked(tmp_path):
        assert refused(await served.http.post(CHAT, json=served.say()))
        assert len(brain.asked) == 2, "the first finds out"
        for body in (served.say(stream=True), served.say(), {"model": MODEL, "messages": served.say()["messages"]}):
            assert refused(await served.http.post(CHAT, json=body))
        assert len(brain.asked) == 2, "the others are asked for no work"
        assert (await served.http.post(CHAT, json=served.say(store=True), headers=again)).content == first.content
        ready = await served.http.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "read_only"})
        for path in ("/v1/models", CHAT, f"/v1/audio/answers/{answer_id}?format=wav", "/health/live"):
            assert (await served.http.get(path)).status_code == 200, path
        assert refused(await served.http.post(f"{CHAT}/{first.json()['id']}", json={"metadata": {"a": "b"}}))
        assert await rows(served) == before
    await until(lambda: served.service.ledger.writable)
    assert (await served.http.get("/health/ready")).status_code == 200
    assert (await served.http.post(CHAT, json=served.say())).status_code == 200
    assert len(await rows(served)) == len(before) + 1
    assert SECRET not in caplog.text


async def test_no_file_is_taken_that_is_not_kept(serving: Serving, tmp_path: Path) -> None:
    served = await serving()

    async def send() -> httpx2.Response:
        return await served.http.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a", SECRET.encode())})

    kept = (await send()).json()["id"]
    with locked(tmp_path):
        assert refused(await send()), "the first finds out"
        assert not served.service.uploads.writable
        assert refused(await send()), "the others need not send theirs"
        assert refused(await served.http.delete(f"/v1/files/{kept}"))
        assert (await served.http.get(f"/v1/files/{kept}/content")).text == SECRET
        assert [each["id"] for each in (await served.http.get("/v1/files")).json()["data"]] == [kept]
    assert len([path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]) == 1
    await until(lambda: served.service.uploads.writable)
    assert (await send()).status_code == 200
    assert (await served.http.delete(f"/v1/files/{kept}")).json()["deleted"] is True


async def test_no_key_is_made_that_is_not_kept(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    admin = (await served.service.keys.create(Wish("boss", None))).value
    headers = {"authorization": f"Bearer {admin}"}
    with locked(tmp_path):
        assert refused(await served.http.post(ADMIN_KEYS, json={"name": "more"}, headers=headers))
        listed = await served.http.get(ADMIN_KEYS, headers=headers)
        assert [key["name"] for key in listed.json()["data"]] == ["boss"]
    await until(lambda: served.service.ledger.writable)
    assert (await served.http.post(ADMIN_KEYS, json={"name": "more"}, headers=headers)).status_code == 200


async def test_a_stream_that_is_under_way_ends_with_the_error(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    with locked(tmp_path):
        response = await served.http.post(CHAT, json=served.say(stream=True))
    assert response.status_code == 200
    assert '"not_recorded"' in response.text
    assert "[DONE]" not in response.text


def test_a_full_disk_is_survived_by_a_server(tmp_path: Path) -> None:
    """No file may grow, which is how a full disk looks; then it may again."""
    (tmp_path / "vivavoce.toml").write_text(TALKER)
    spoken = {
        "model": "talker",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "messages": [{"role": "user", "content": "Hi"}],
    }
    given: list[str] = []
    with serving_apart(tmp_path) as server, httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as client:

        def ask(**more: object) -> httpx2.Response:
            response = client.post(CHAT, json=spoken | more)
            if response.status_code == 200 and "[DONE]" in response.text + "[DONE]" * ("stream" not in more):
                given.append(response.headers["x-request-id"])
            return response

        answer_id = ask().json()["choices"][0]["message"]["audio"]["id"]
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, most))
        assert refused(ask())
        assert refused(ask())
        assert client.get(f"/v1/audio/answers/{answer_id}?format=wav").status_code == 200
        assert client.get("/v1/models").status_code == 200
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        until_s = time.monotonic() + 30
        while refused(response := ask()):
            assert time.monotonic() < until_s, "it does not recover"
            time.sleep(0.1)
        assert response.status_code == 200
        assert json.loads(response.content)["choices"]
    with looking(tmp_path / "data", ledger) as look:
        assert set(given) <= {row.request for row in look(select(ledger.c.request))}
        assert look(select(func.count()).where(ledger.c.status == "completed")) == [(len(given),)]
        kept = look(select(answers.c.size))
    assert len(given) == len(kept) == 2
    there = sum(path.stat().st_size for path in (tmp_path / "data" / "answers").rglob("*.pcm"))
    assert there == sum(size for (size,) in kept), "of one that was not given there is a sound"
