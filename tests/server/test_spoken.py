"""A spoken answer once more: `GET /v1/audio/answers/{audio_id}`."""

import base64
from typing import Any

import pytest

from tests.server.test_speech import KINDS
from tests.support.audio import OwnMedia
from tests.support.serving import Served, Serving
from vivavoce.audio.limits import Limits
from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import read_wav
from vivavoce.server.service import Access
from vivavoce.server.sound import Sounds
from vivavoce.store.answers import LIFETIME_S


async def spoken(served: Served, **headers: str) -> Any:
    """The audio of an answer."""
    answer = await served.http.post("/v1/chat/completions", json=served.say(), headers=headers)
    return answer.json()["choices"][0]["message"]["audio"]


@pytest.mark.parametrize("form", KINDS)
async def test_it_comes_in_each_format(serving: Serving, form: str) -> None:
    served = await serving(sounds=Sounds(OwnMedia()))
    audio = await spoken(served)
    said = read_wav(base64.b64decode(audio["data"]))
    assert said
    answer = await served.http.get(f"/v1/audio/answers/{audio['id']}?format={form}")
    kind, container = KINDS[form]
    assert (answer.status_code, answer.headers["content-type"], sniff(answer.content)) == (200, kind, container)
    if form == "pcm":
        assert answer.content == said.data
    elif form == "wav":
        assert read_wav(answer.content) == said
    else:
        pcm = await OwnMedia().call("decode", answer.content, Limits(10, 10**7), 0)
        assert pcm.seconds == pytest.approx(said.seconds, abs=0.1)


async def test_it_is_an_mp3_unless_something_else_is_wanted_and_the_short_path_is_there(serving: Serving) -> None:
    served = await serving(sounds=Sounds(OwnMedia()))
    audio = await spoken(served)
    answer = await served.http.get(f"/audio/answers/{audio['id']}")
    assert (answer.headers["content-type"], sniff(answer.content)) == ("audio/mpeg", "mp3")


async def test_a_format_there_is_not_is_refused(serving: Serving) -> None:
    served = await serving()
    answer = await served.http.get(f"/v1/audio/answers/{(await spoken(served))['id']}?format=m4a")
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "Invalid value: 'm4a'. Supported values are: 'mp3', 'opus', 'aac', 'flac', 'wav', and 'pcm'.",
        "type": "invalid_request_error",
        "param": "format",
        "code": "invalid_value",
    }


async def test_what_is_unknown_anothers_or_too_old_is_not_found(serving: Serving) -> None:
    now = 1e9
    served = await serving(access=Access(("key-a", "key-b"), loopback=False), now=lambda: now)
    ours, theirs = {"authorization": "Bearer key-a"}, {"authorization": "Bearer key-b"}
    answer_id: str = (await spoken(served, **ours))["id"]

    async def status(name: str, headers: dict[str, str]) -> int:
        answer = await served.http.get(f"/v1/audio/answers/{name}?format=wav", headers=headers)
        if answer.status_code == 404:
            assert answer.json()["error"] == {
                "message": f"Assistant audio {name[:64]} not found.",
                "type": "invalid_request_error",
                "param": "audio_id",
                "code": "audio_not_found",
            }
        return answer.status_code

    assert await status(answer_id, ours) == 200
    assert await status(answer_id, theirs) == 404
    for name in (f"audio_{7:032x}", "x" * 999, "%2e%2e", "é"):
        answer = await served.http.get(f"/v1/audio/answers/{name}", headers=ours)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "audio_not_found")
    assert (await served.http.get(f"/v1/audio/answers/{answer_id}")).status_code == 401
    now += LIFETIME_S
    assert await status(answer_id, ours) == 404
