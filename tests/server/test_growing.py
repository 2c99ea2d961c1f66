"""Encoded sound sent while it is made."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.audio import OwnMedia
from vivavoce.audio.settled import endless
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import EngineFailed
from vivavoce.server.growing import encoded
from vivavoce.server.sound import Sounds
from vivavoce.testing.scripted import tone

FORMS = ["mp3", "aac", "flac", "opus"]


async def pieces(*seconds: float, made: list[float]) -> AsyncIterator[bytes]:
    for each in seconds:
        made.append(each)
        yield tone(each).data


@pytest.mark.parametrize("form", FORMS)
async def test_the_first_bytes_come_before_the_last_sound_is_made(form: str) -> None:
    made: list[float] = []
    parts = encoded(Sounds(OwnMedia()), pieces(0.5, 3, 1, 9, 0.5, made=made), form)
    found = [await anext(parts)]
    assert made == [0.5, 3]
    found += [part async for part in parts]
    assert len(found) == 3  # at 3.5 s, at 13.5 s, and the rest
    whole = Pcm(b"".join(tone(each).data for each in made), 24_000)
    assert b"".join(found) == endless(await Sounds(OwnMedia()).encode(whole, form), form)


@pytest.mark.parametrize("form", FORMS)
async def test_a_short_sound_is_encoded_once(form: str) -> None:
    assert len([part async for part in encoded(Sounds(OwnMedia()), pieces(0.5, made=[]), form)]) == 1


async def test_bytes_that_cannot_be_taken_back_end_the_answer() -> None:
    class Fickle(OwnMedia):
        times = 0

        async def call(self, method: str, *arguments: Any, wait_s: float | None = None) -> Any:
            self.times += 1
            return bytes([self.times]) * 10_000

    with pytest.raises(EngineFailed):
        [part async for part in encoded(Sounds(Fickle()), pieces(2, 2, made=[]), "aac")]
