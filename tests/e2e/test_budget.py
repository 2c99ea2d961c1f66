"""A spoken answer that its token budget cuts is heard to end at the last word of its transcript."""

import base64
import io

import pytest
from openai import OpenAI

from tests.e2e.sound import MODEL
from vivavoce.engines import libflite
from vivavoce.testing.wer import distance, words

pytestmark = pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)


def say(client: OpenAI, text: str) -> bytes:
    return client.audio.speech.create(model="tts-1", voice="cedar", input=text, response_format="wav").content


def hear(client: OpenAI, sound: bytes) -> str:
    return client.audio.transcriptions.create(model="whisper-1", file=("said.wav", io.BytesIO(sound))).text


@pytest.mark.parametrize("limit", [60, 80, 120])  # of half a dozen words the recogniser makes what it likes
def test_what_is_heard_ends_with_the_transcript(client: OpenAI, limit: int) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        modalities=["text", "audio"],
        audio={"voice": "cedar", "format": "wav"},
        messages=[{"role": "user", "content": "Tell me about the sea."}],
        max_completion_tokens=limit,
    )
    audio = answer.choices[0].message.audio
    assert audio is not None
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= limit
    heard = hear(client, base64.b64decode(audio.data))
    whole = hear(client, say(client, audio.transcript))
    print(f"{limit}: {audio.transcript!r} was heard as {heard!r}, and said by itself as {whole!r}")  # noqa: T201
    # The recogniser errs ("wonders" is "one person" to it), so what it hears when the words are not cut counts as well.
    told = words(heard)
    assert any(
        abs(len(meant) - len(told)) <= 1 and distance(meant, told) <= 0.3 * len(meant) + 1
        for meant in (words(audio.transcript), words(whole))
    ), (audio.transcript, heard, whole)
