"""A server behind a server: every role through the `openai` engine, and what stands in when the first one fails."""

import asyncio
import socket
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import InternalServerError

from tests.support.serving import MODEL, Served, Serving, configured
from tests.support.upstream import DONE, Upstream, chunk
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.errors import BadRequest
from vivavoce.testing.scripted import tone

FIRST = """
[engines.one]
use = "scripted"
options = { says = "Hello there. It is a fine day.", hears = "good morning", speech_ms = 21.705 }
[models."gpt-4o-mini-audio-preview"]
hear = "one"
think = "one"
speak = "one"
aliases = ["whisper-1", "tts-1"]
"""
BEHIND = """
[engines.there]
use = "openai"
options = { base_url = "%(url)s/v1", model = "gpt-4o-mini-audio-preview" }
[engines.gone]
use = "openai"
options = { base_url = "http://127.0.0.1:%(closed)d/v1", model = "any" }
[engines.hangs]
use = "openai"
first_s = 0.2
options = { base_url = "http://127.0.0.1:%(silent)d/v1", model = "any" }
[engines.here]
use = "scripted"
options = { says = "I stand in.", hears = "i hear instead" }
[models."gpt-4o-mini-audio-preview"]
%(roles)s
aliases = ["whisper-1", "tts-1"]
"""
RECORDING = b64encode(write_wav(tone(1.0))).decode()
QUESTION = [{"type": "input_audio", "input_audio": {"data": RECORDING, "format": "wav"}}]


class Chain:
    """The first server, and others behind it."""

    def __init__(self, stack: AsyncExitStack, serving: Serving, folder: Path) -> None:
        self._stack = stack
        self._serving = serving
        self._folder = folder
        self.first: Served

    async def serve(self, name: str, text: str) -> Served:
        return await self._stack.enter_async_context(configured(self._serving, self._folder / name, text))

    async def behind(self, roles: str) -> Served:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            closed = listener.getsockname()[1]
        silent = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        places = {"url": self.first.url, "closed": closed, "silent": silent.getsockname()[1]}
        return await self.serve(f"behind{len(list(self._folder.iterdir()))}", BEHIND % {**places, "roles": roles})


@pytest.fixture
async def chain(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chain]:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    async with AsyncExitStack() as stack:
        made = Chain(stack, serving, tmp_path)
        made.first = await made.serve("first", FIRST)
        yield made


async def spoken(served: Served, *, stream: bool, **more: Any) -> tuple[str, bytes]:
    """What is said, in words and in samples."""
    messages = more.pop("messages", [{"role": "user", "content": QUESTION}])
    body = served.say(stream=stream, messages=messages, **more)
    if stream:
        text, sound = "", b""
        async for chunk in await served.openai.chat.completions.create(**body):
            for choice in chunk.choices:
                audio: Any = getattr(choice.delta, "audio", None)
                text += (audio and audio.transcript) or ""
                sound += b64decode((audio and audio.data) or "")
        return text, sound
    answer = await served.openai.chat.completions.create(**body)
    audio = answer.choices[0].message.audio
    assert audio is not None
    pcm = read_wav(b64decode(audio.data))
    assert pcm is not None
    return audio.transcript, pcm.data


@pytest.mark.parametrize("stream", [False, True])
async def test_speech_survives_two_hops_byte_for_byte(chain: Chain, stream: bool) -> None:
    second = await chain.behind('respond = "there"')
    words, sound = await spoken(second, stream=stream)
    assert words == "Hello there. It is a fine day."
    assert (words, sound) == await spoken(chain.first, stream=stream)


async def test_every_separator_of_lines_survives_two_hops(chain: Chain) -> None:
    chain.first = await chain.serve("lines", FIRST.replace("Hello there.", "One\\u2028two\\u0085three."))
    second = await chain.behind('think = "there"')
    answer = await second.openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "One\u2028two\u0085three. It is a fine day."


async def test_usage_and_the_id_of_an_answer_are_the_first_servers(chain: Chain) -> None:
    second = await chain.behind('respond = "there"')
    here, there = [
        await served.openai.chat.completions.create(**served.say(messages=[{"role": "user", "content": QUESTION}]))
        for served in (second, chain.first)
    ]
    assert here.usage == there.usage
    first = here.choices[0].message.audio
    assert first is not None
    again = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "audio": {"id": first.id}},
        {"role": "user", "content": "And now?"},
    ]
    assert (await spoken(second, stream=True, messages=again))[0] == "Hello there. It is a fine day."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("gone", [False, True], ids=["it still has", "it has forgotten"])
async def test_an_earlier_answer_goes_by_the_id_of_the_server_that_gave_it(
    chain: Chain, upstream: Upstream, stream: bool, gone: bool
) -> None:
    sound = {"id": "audio_theirs", "transcript": "Hello.", "data": b64encode(bytes(4800)).decode()}
    upstream.says = [chunk(choices=[{"index": 0, "delta": {"audio": sound}}]), chunk(finish="stop"), DONE]
    engine = f'[engines.up]\nuse = "openai"\noptions = {{ base_url = "{upstream.url}", model = "theirs" }}\n'
    served = await chain.serve("one", f'{engine}[models."gpt-4o-mini-audio-preview"]\nrespond = "up"\n')
    first = await served.openai.chat.completions.create(**served.say())
    assert first.choices[0].message.audio is not None
    ours = first.choices[0].message.audio.id
    assert ours != "audio_theirs"
    upstream.asked.clear()
    if gone:
        upstream.forgotten = BadRequest("Assistant audio audio_theirs not found.", code="audio_not_found")
    again = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "audio": {"id": ours}},
        {"role": "user", "content": "And now?"},
    ]
    assert (await spoken(served, stream=stream, messages=again))[0] == "Hello."
    by_id = {"role": "assistant", "audio": {"id": "audio_theirs"}}
    by_words = {"role": "assistant", "content": "Hello."}
    assert [asked["messages"][1] for asked in upstream.asked] == ([by_id, by_words] if gone else [by_id])


async def test_each_role_alone_is_the_first_servers(chain: Chain) -> None:
    second = await chain.behind('hear = "there"\nthink = "there"\nspeak = "there"')
    words, sound = await spoken(second, stream=True)
    assert words == "Hello there. It is a fine day."
    assert len(sound) > 24_000
    heard = await second.openai.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", write_wav(tone(1.0))), response_format="verbose_json"
    )
    assert heard.text == "good morning"
    said = await second.openai.audio.speech.create(model="tts-1", input="Hi.", voice="alloy", response_format="pcm")
    direct = await chain.first.openai.audio.speech.create(
        model="tts-1", input="Hi.", voice="alloy", response_format="pcm"
    )
    assert said.content == direct.content != b""


@pytest.mark.parametrize("broken", ["gone", "hangs"])
async def test_where_the_first_fails_the_next_answers(chain: Chain, broken: str) -> None:
    roles = [
        f'respond = ["{broken}", "there"]',
        f'respond = "{broken}"\nhear = "here"\nthink = "here"\nspeak = "here"',
        f'hear = ["{broken}", "here"]\nthink = ["{broken}", "here"]\nspeak = ["{broken}", "here"]',
    ]
    said = ["Hello there. It is a fine day.", "I stand in.", "I stand in."]
    for role, words in zip(roles, said, strict=True):
        second = await chain.behind(role)
        assert (await spoken(second, stream=True))[0] == words


@pytest.mark.parametrize("broken", ["gone", "hangs"])
async def test_without_another_its_failure_is_told_in_time(chain: Chain, broken: str) -> None:
    second = await chain.behind(f'respond = "{broken}"')
    async with asyncio.timeout(5):
        with pytest.raises(InternalServerError) as told:
            await spoken(second, stream=False)
    assert told.value.status_code == (500 if broken == "gone" else 504)


async def test_its_card_tells_that_it_hears_and_speaks(chain: Chain) -> None:
    second = await chain.behind('respond = "there"')
    card = second.service.models[MODEL].card
    assert (card.hears, card.speaks, card.voices) == (True, True, ())
    response: httpx2.Response = await second.http.post(
        "/v1/audio/speech", json={"model": "tts-1", "input": "Hi", "voice": "alloy"}
    )
    assert response.status_code == 404
