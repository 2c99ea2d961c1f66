"""The programs of the pages about the model, unchanged but for the address."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.e2e.sound import SHARED, loudest, wav_samples


def test_the_program_of_the_models_own_documentation(address: str, tmp_path: Path) -> None:
    for base_url in (address, f"{address}/v1"):
        client = OpenAI(base_url=base_url, api_key="anything")
        response = client.chat.completions.create(
            model="gpt-4o-mini-audio-preview",
            modalities=["text", "audio"],
            audio={"voice": "alloy", "format": "wav"},
            messages=[{"role": "system", "content": "Speak english"}, {"role": "user", "content": "Hello"}],
            max_tokens=6000,
        )
        audio = response.choices[0].message.audio
        assert audio is not None
        file = tmp_path / "audio.wav"
        file.write_bytes(base64.b64decode(audio.data))
        samples, seconds = wav_samples(file.read_bytes())
        assert audio.transcript
        assert seconds > 0.3
        assert loudest(samples) > 1000
        assert response.choices[0].message.content is None
        assert response.choices[0].finish_reason == "stop"
        client.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_the_curl_of_the_other_page(address: str) -> None:
    body = {
        "model": "gpt-4o-mini-audio-preview",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "messages": [{"role": "user", "content": "Tell me a short joke."}],
    }
    command = ["curl", "-sS", f"{address}/v1/chat/completions", "-H", "Content-Type: application/json"]
    command += ["-H", "Authorization: Bearer anything", "-d", json.dumps(body)]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    audio = answer["choices"][0]["message"]["audio"]
    assert audio["transcript"]
    wav_samples(base64.b64decode(audio["data"]))


def test_the_sample_body_of_the_aiml_api_byte_for_byte(http: httpx2.Client) -> None:
    sample = SHARED / "openai" / "aimlapi-sample-request.json"
    if not sample.exists():
        pytest.skip("../shared/openai is not here")
    answer = http.post("/chat/completions", content=sample.read_bytes(), headers={"content-type": "application/json"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= 1
    assert isinstance(body["choices"][0]["message"]["content"], str)
