"""A conversation's recordings through the server: each heard once, by whichever endpoint, and for its own key only."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.heard import TEXT, Recogniser
from tests.support.leaves import Stuck
from tests.support.serving import MODEL, Served, Serving, model
from tests.support.together import Together
from vivavoce.audio.wav import write_wav
from vivavoce.core.admission import Door
from vivavoce.core.audio import Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Hearing
from vivavoce.core.listening import Piecewise
from vivavoce.core.load import Load
from vivavoce.core.models import Model
from vivavoce.core.recalling import Recalling
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.server.service import Access
from vivavoce.store.database import Database
from vivavoce.store.heard import Heard
from vivavoce.testing import Says
from vivavoce.testing.scripted import tone

CHAT, TRANSCRIPTIONS = "/v1/chat/completions", "/v1/audio/transcriptions"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Heard]:
    database = await Database.open(tmp_path / "heard")
    yield Heard(database, lifetime_s=60, most=100, room=1 << 20)
    await database.close()


def hearing(ear: Any, memory: Heard | None, think: Says | None = None) -> dict[str, Model]:
    recalling = Recalling(ear, "ear", memory)
    return {MODEL: replace(model(hear=recalling, think=think), transcriber=Piecewise(recalling))}


def said(*sounds: Pcm) -> dict[str, Any]:
    encoded = [base64.b64encode(write_wav(sound)).decode() for sound in sounds]
    parts = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}} for data in encoded]
    return {"role": "user", "content": parts}


def transcription(served: Served, sound: Pcm) -> Any:
    return served.http.post(TRANSCRIPTIONS, data={"model": MODEL}, files={"file": ("a.wav", write_wav(sound))})


async def test_a_later_turn_hears_only_what_is_new(serving: Serving, memory: Heard) -> None:
    ear, brain = Recogniser(), Says("Yes.")
    served = await serving(models=hearing(ear, memory, brain))
    sounds = [tone(0.2 + number / 10) for number in range(5)]
    conversation: list[dict[str, Any]] = []
    for sound in sounds:
        conversation += [said(sound), {"role": "assistant", "content": "Yes."}]
        assert (await served.post(messages=conversation[:-1])).status_code == 200
    assert [pcm.samples for pcm in ear.heard] == [sound.samples for sound in sounds]
    assert [turn.project for turn in brain.asked] == [""] * 5
    texts = [[part.transcript for m in turn.messages for part in m.parts if m.role == "user"] for turn in brain.asked]
    assert texts == [[TEXT] * (number + 1) for number in range(5)]


async def test_a_turn_is_not_refused_for_an_ear_that_has_heard_all_of_it(serving: Serving, memory: Heard) -> None:
    ear, line = Recogniser(), Load()
    recalls = replace(hearing(ear, memory)[MODEL], loads={"hear": [line]})
    forgets = replace(recalls, name="forgets", recalls=False)
    served = await serving(models={MODEL: recalls, "forgets": forgets}, door=Door(0.0))
    heard, written = said(tone(0.2)), {"role": "user", "content": "And?"}
    assert (await served.post(messages=[heard])).status_code == 200
    line.waiting = 40
    conversation = [heard, {"role": "assistant", "content": "Yes."}]
    assert (await served.post(messages=[*conversation, written])).status_code == 200
    assert (await served.post(messages=[*conversation, said(tone(0.3)), written])).status_code == 503
    assert (await served.post(model="forgets", messages=[*conversation, written])).status_code == 503
    assert len(ear.heard) == 1


async def test_several_answers_to_a_recording_hear_it_once(serving: Serving) -> None:
    ear = Recogniser()
    served = await serving(models=hearing(ear, None))
    assert len((await served.post(messages=[said(tone(0.2))], n=3)).json()["choices"]) == 3
    assert len(ear.heard) == 1


async def test_what_one_key_had_heard_does_not_exist_for_another(serving: Serving, memory: Heard) -> None:
    ear = Recogniser()
    served = await serving(models=hearing(ear, memory), access=Access(("one", "two")))
    for key, heard in (("one", 1), ("one", 1), ("two", 2), ("one", 2)):
        served.http.headers["authorization"] = f"Bearer {key}"
        assert (await served.post(messages=[said(tone(0.2))])).status_code == 200
        assert (await transcription(served, tone(0.2))).json()["text"] == TEXT
        assert len(ear.heard) == heard


async def test_a_chat_and_a_transcription_of_the_same_recording_hear_it_together(
    serving: Serving, memory: Heard
) -> None:
    ear = Stuck("hear")
    served = await serving(models=hearing(ear, memory))
    chat = asyncio.create_task(served.post(messages=[said(tone(0.2))]))
    await ear.begun.wait()
    words = asyncio.create_task(transcription(served, tone(0.2)))
    await asyncio.sleep(0.05)
    chat.cancel()  # who leaves takes nothing from the other
    await asyncio.wait([chat])
    await asyncio.sleep(0.05)
    assert not ear.stopped.is_set()
    ear.go.set()
    assert (await words).status_code == 200
    assert (await served.post(messages=[said(tone(0.2))])).status_code == 200


async def test_the_last_to_leave_stops_the_ear(serving: Serving, memory: Heard) -> None:
    ear = Stuck("hear")
    served = await serving(models=hearing(ear, memory))
    asking = [asyncio.create_task(served.post(messages=[said(tone(0.2))])) for _ in range(2)]
    await ear.begun.wait()
    for task in asking:
        task.cancel()
    await asyncio.wait_for(ear.stopped.wait(), 5)


async def test_two_recordings_of_a_turn_are_heard_in_two_processes_at_once(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(Path.cwd()), str(Path.cwd() / "src"))))
    (tmp_path / "there").mkdir()
    options = {"folder": str(tmp_path / "there")}
    pool = Pool(Spec("ear", f"{Together.__module__}:{Together.__name__}", options), workers=2)
    await pool.start()
    try:
        brain = Says("Yes.")
        cascade = Cascade(Recalling(Pooled(pool), "ear"), brain, None, ears=pool.places)
        served = await serving(models={MODEL: replace(model(), responder=cascade)})
        assert (await served.post(messages=[said(tone(0.2), tone(0.3))])).status_code == 200
        heard = [part.transcript for part in brain.asked[0].messages[0].parts]
        assert heard == ["together", "together"]
    finally:
        await pool.stop()


async def test_the_engine_is_not_told_whose_a_recording_is(serving: Serving) -> None:
    ear = Recogniser()
    served = await serving(models=hearing(ear, None))
    await served.post(messages=[said(tone(0.2))])
    await transcription(served, tone(0.2))
    assert ear.asked == [Hearing(), Hearing()]
