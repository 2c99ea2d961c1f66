"""The audio endpoints' models, with engines that the test chooses, on the server of `serving`."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.support.serving import VOICES, NoMedia, Served, run
from vivavoce.audio.media import Media
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Transcriber
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import Phrased
from vivavoce.server.sound import Sounds
from vivavoce.testing import Says, Speaks

NAMES = ("whisper-1", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts", "tts-1")


class OwnMedia:
    """The media process's work, in a thread of this process."""

    async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
        del wait_s

        def work() -> Any:
            items: Iterator[Any] = getattr(Media(Media.Options(memory_mb=0)), method)(*arguments)
            return [item for item in items if item is not None][-1]

        return await asyncio.to_thread(work)


def models(*, hear: Transcriber | None = None, speak: Any = None) -> dict[str, Model]:
    """The same two engines under the names clients use."""
    card = ModelCard(hears=hear is not None, speaks=True, voices=VOICES)
    speaker = Phrased(speak or Speaks())
    brain = Cascade(None, Says("Hi."), speaker)
    return {name: Model(name, name, brain, card, transcriber=hear, speaker=speaker) for name in NAMES}


def audio_server(
    folder: Path, known: dict[str, Model], *, media: Any = None, **more: Any
) -> AbstractAsyncContextManager[Served]:
    """A server of those models; without `media` nothing but plain WAV and PCM passes."""
    return run(folder, models=known, sounds=Sounds(media or NoMedia()), **more)
