"""The chat endpoint as clients see it: whole and streamed answers, and those of earlier turns."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Serving, model, run
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.core.turn import Speech, Text
from vivavoce.testing import Hears, Says, Speaks
from vivavoce.testing.scripted import tone

TEXT = "Hello there. Bye."
QUESTION = base64.b64encode(write_wav(tone(0.5))).decode()


def events(body: str) -> list[str]:
    return [line.removeprefix("data: ") for line in body.split("\n\n") if line.startswith("data: ")]


async def streamed(served: Any, **more: Any) -> tuple[str, str, bytes]:
    """The id, the transcript and the sound of a streamed answer."""
    stream = await served.openai.chat.completions.create(**served.say(stream=True, **more))
    answer_id, transcript, sound = "", "", ""
    async for chunk in stream:
        for choice in chunk.choices:
            audio = getattr(choice.delta, "audio", None) or {}
            audio = audio if isinstance(audio, dict) else audio.model_dump()
            answer_id += audio.get("id") or ""
            transcript += audio.get("transcript") or ""
            sound += audio.get("data") or ""
    return answer_id, transcript, base64.b64decode(sound)


async def test_a_written_answer(serving: Serving) -> None:
    served = await serving()
    answer = await served.openai.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == f"{MODEL}-2024-12-17"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_spoken_answer_says_its_transcript(serving: Serving) -> None:
    served = await serving()
    answer = await served.openai.chat.completions.create(**served.say())
    audio = answer.choices[0].message.audio
    assert audio
    assert audio.transcript == TEXT
    sound = read_wav(base64.b64decode(audio.data))
    assert sound
    assert sound.rate == 24_000
    assert round(sound.seconds, 3) == 0.4  # 16 characters, 10 ms each, and a pause of 240 between


async def test_a_streamed_written_answer(serving: Serving) -> None:
    served = await serving()
    stream = await served.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-1].usage
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]


async def test_a_streamed_spoken_answer_is_the_whole_one_in_pieces(serving: Serving) -> None:
    served = await serving()
    whole = await served.openai.chat.completions.create(**served.say())
    assert whole.choices[0].message.audio
    sound = read_wav(base64.b64decode(whole.choices[0].message.audio.data))
    answer_id, transcript, data = await streamed(served)
    assert answer_id.startswith("audio_")
    assert transcript == TEXT
    assert sound
    assert data == sound.data


async def test_a_stream_ends_with_done_and_nothing_after(serving: Serving) -> None:
    served = await serving()
    response = await served.http.post("/v1/chat/completions", json=served.say(stream=True))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = events(response.text)
    assert found[-1] == "[DONE]"
    assert all(json.loads(event)["object"] == "chat.completion.chunk" for event in found[:-1])


async def test_speech_is_heard_in_the_order_it_was_sent(serving: Serving) -> None:
    hears, says = Hears("one", "two"), Says("Yes.")
    served = await serving(models={MODEL: model(hear=hears, think=says)})
    part = {"type": "input_audio", "input_audio": {"data": QUESTION, "format": "wav"}}
    response = await served.post(
        messages=[{"role": "user", "content": [part, {"type": "text", "text": "and"}, part]}], modalities=["text"]
    )
    assert response.status_code == 200
    parts = says.asked[0].messages[0].parts
    assert [part.transcript if isinstance(part, Speech) else part.text for part in parts] == ["one", "and", "two"]  # type: ignore[union-attr]
    assert response.json()["usage"]["prompt_tokens_details"]["audio_tokens"] == 10


async def test_whole_and_streamed_answers_can_be_referred_to_and_so_they_can_after_a_restart(tmp_path: Path) -> None:
    says = Says("Blue.")
    models = {MODEL: model(think=says)}

    def asking(answer_id: str) -> list[dict[str, Any]]:
        named = {"role": "assistant", "audio": {"id": answer_id}}
        return [{"role": "user", "content": "Which?"}, named, {"role": "user", "content": "Again"}]

    async with run(tmp_path, models=models) as first:
        whole = (await first.post(**first.say())).json()["choices"][0]["message"]["audio"]["id"]
        streamed_id, _, _ = await streamed(first)
        for answer_id in (whole, streamed_id):
            response = await first.post(messages=asking(answer_id))
            assert response.status_code == 200, response.text
            assert says.asked[-1].messages[1].parts == (Speech(None, "Blue.", 0.05),)
    async with run(tmp_path, models=models) as second:
        for answer_id in (whole, streamed_id):
            assert (await second.post(messages=asking(answer_id))).status_code == 200
            assert says.asked[-1].messages[1].parts == (Speech(None, "Blue.", 0.05),)


async def test_an_expired_answer_is_not_found_and_its_bytes_are_deleted(serving: Serving, tmp_path: Path) -> None:
    clock = [1_000_000.0]
    served = await serving(now=lambda: clock[0])
    audio = (await served.post(**served.say())).json()["choices"][0]["message"]["audio"]
    assert audio["expires_at"] == 1_000_000 + 3600
    (sound,) = (tmp_path / "answers").rglob("*.pcm")
    named = [{"role": "user", "content": "?"}, {"role": "assistant", "audio": {"id": audio["id"]}}]
    clock[0] += 3599
    assert (await served.post(messages=named)).status_code == 200
    clock[0] += 1
    response = await served.post(messages=named)
    assert response.status_code == 400
    assert response.json()["error"] == {
        "message": f"Assistant audio {audio['id']} not found.",
        "type": "invalid_request_error",
        "param": "content.messages[1].audio.id",
        "code": "audio_not_found",
    }
    assert sound.exists()
    await served.service.answers.sweep()
    assert not sound.exists()


async def test_an_interrupted_answer_can_be_referred_to_as_far_as_it_was_said(serving: Serving) -> None:
    stuck, says = Stuck("speak"), Says("Hello there. ", "How are you?")
    served = await serving(models={MODEL: model(think=says, speak=stuck)})
    answer_id = ""
    async with served.http.stream("POST", "/v1/chat/completions", json=served.say(stream=True)) as response:
        async for line in response.aiter_lines():
            delta = json.loads(line[6:])["choices"][0]["delta"] if line.startswith("data: {") else {}
            answer_id = delta.get("audio", {}).get("id") or answer_id
            if "data" in delta.get("audio", {}):
                break
    await asyncio.wait_for(stuck.stopped.wait(), 5)
    stuck.go.set()
    response = await served.post(
        messages=[{"role": "assistant", "audio": {"id": answer_id}}, {"role": "user", "content": "Go on"}]
    )
    assert response.status_code == 200, response.text
    (spoken,) = says.asked[-1].messages[0].parts
    assert isinstance(spoken, Speech)
    assert spoken.transcript
    assert "Hello there. ".startswith(spoken.transcript)
    assert spoken.seconds == pytest.approx(0.5, abs=0.003)  # the end waits for what it is joined to


async def test_pings_keep_a_silent_stream_alive_once_patience_is_over(serving: Serving) -> None:
    stuck = Stuck("prompt")
    served = await serving(models={MODEL: model(think=stuck)}, patience_s=0.02, ping_s=0.01)
    async with served.http.stream("POST", "/v1/chat/completions", json=served.say(stream=True)) as response:
        assert response.status_code == 200
        seen = 0
        async for line in response.aiter_lines():
            seen += line == ": ping"
            if seen == 3:
                stuck.go.set()
            if line == "data: [DONE]":
                break
    assert seen >= 3


async def test_an_early_answer_needs_no_ping(serving: Serving) -> None:
    served = await serving(patience_s=5.0, ping_s=5.0)
    response = await served.http.post("/v1/chat/completions", json=served.say(stream=True))
    assert ": ping" not in response.text


async def test_an_answer_given_by_words_beside_its_id_is_taken_by_its_id(serving: Serving) -> None:
    says = Says("Blue.")
    served = await serving(models={MODEL: model(think=says, speak=Speaks())})
    audio_id = (await served.post(**served.say())).json()["choices"][0]["message"]["audio"]["id"]
    named = {"role": "assistant", "content": "", "audio": {"id": audio_id}}
    await served.post(messages=[named, {"role": "user", "content": "Again"}])
    assert says.asked[-1].messages[0].parts == (Speech(None, "Blue.", 0.05),)
    assert says.asked[-1].messages[1].parts == (Text("Again"),)


async def test_several_answers_are_sampled_to_be_several(serving: Serving) -> None:
    says = Says("Hello.")
    served = await serving(models={MODEL: model(think=says)})
    messages = [{"role": "user", "content": "Hi"}]
    await served.post(messages=messages, n=3, seed=7)
    assert [(turn.sampling.temperature, turn.sampling.seed) for turn in says.asked] == [(None, 7), (1.0, 6), (1.0, 5)]
    says.asked.clear()
    await served.post(messages=messages, n=2, temperature=0)
    assert [(turn.sampling.temperature, turn.sampling.seed) for turn in says.asked] == [(0, None), (0, None)]
