"""What belongs to another is as what has never been."""

from base64 import b64encode
from typing import Any

import pytest

from tests.support.serving import MODEL, Served, Serving
from tests.support.steps import noting_steps
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.server.service import Access
from vivavoce.store.answers import SpokenAnswer

OTHERS = f"audio_{7:032x}"
NOBODYS = f"audio_{8:032x}"


@pytest.fixture
async def served(serving: Serving) -> Served:
    """A server that keeps a spoken answer of another project's."""
    served = await serving()
    answers = served.service.answers
    await answers.keep(SpokenAnswer(OTHERS, "another", "A secret.", Pcm(b"\1\0" * 99, SPOKEN_RATE), answers.expiry()))
    assert await answers.find(OTHERS, "another")
    return served


async def test_anothers_spoken_answer_is_not_found_in_the_same_words_and_steps(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = noting_steps(served.service.answers._database, monkeypatch)
    seen: list[tuple[Any, ...]] = []
    for answer_id in (OTHERS, NOBODYS):
        response = await served.post(messages=[{"role": "assistant", "audio": {"id": answer_id}}])
        kept = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
        kept.pop("openai-processing-ms")
        seen.append((response.status_code, response.text.replace(answer_id, "ID"), kept, tuple(steps)))
        steps.clear()
    assert seen[0] == seen[1]
    assert seen[0][0] == 400
    assert '"code":"audio_not_found"' in seen[0][1]


async def test_each_key_has_what_it_asked_for_and_nobody_elses(serving: Serving) -> None:
    """The keys of one server: answers, stored completions and their sound."""
    served = await serving(access=Access(("key-a", "key-b"), loopback=False))
    ours, theirs = {"authorization": "Bearer key-a"}, {"authorization": "Bearer key-b"}
    said = await served.http.post("/v1/chat/completions", json=served.say(store=True), headers=ours)
    completion = said.json()
    spoken = completion["choices"][0]["message"]["audio"]["id"]
    again = {"model": MODEL, "messages": [{"role": "assistant", "audio": {"id": spoken}}]}
    answers = [
        await served.http.post("/v1/chat/completions", json=again, headers=headers) for headers in (theirs, ours)
    ]
    assert [answer.status_code for answer in answers] == [400, 200]
    assert answers[0].json()["error"]["code"] == "audio_not_found"
    path = f"/v1/chat/completions/{completion['id']}"
    assert (await served.http.get("/v1/chat/completions", headers=theirs)).json()["data"] == []
    for method in ("GET", "DELETE"):
        assert (await served.http.request(method, path, headers=theirs)).status_code == 404
    basic = {"authorization": f"Basic {b64encode(b':key-a').decode()}"}
    assert (await served.http.get(path, headers=basic)).json()["id"] == completion["id"]
    assert (await served.http.delete(path, headers=ours)).json()["deleted"] is True
