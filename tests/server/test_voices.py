"""What there is to choose, as Open WebUI asks for it."""

from pathlib import Path

from tests.support.audio import NAMES, audio_server, models
from tests.support.serving import VOICES


async def test_voices_and_models_that_read_aloud(tmp_path: Path) -> None:
    async with audio_server(tmp_path, models()) as served:
        for prefix in ("/v1", ""):
            voices = await served.http.get(f"{prefix}/audio/voices")
            assert voices.json() == {"voices": [{"id": name, "name": name} for name in VOICES]}
            found = await served.http.get(f"{prefix}/audio/models")
            assert found.json() == {"models": [{"id": name, "name": name} for name in NAMES]}


async def test_other_methods_are_refused_in_the_envelope(tmp_path: Path) -> None:
    async with audio_server(tmp_path, models()) as served:
        response = await served.http.post("/v1/audio/voices", json={})
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_supported"
