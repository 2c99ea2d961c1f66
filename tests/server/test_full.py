"""A full server, with engines of known pace in processes: who is let in is served, who is not is told when."""

import asyncio
import base64
import os
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.paced import Paced
from tests.support.serving import MODEL, Served, Serving
from tests.support.waiting import until
from vivavoce.audio.wav import write_wav
from vivavoce.core.admission import Door
from vivavoce.core.audio import Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import Phrased
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled

PATIENT_S = 9.0
SAID = base64.b64encode(write_wav(Pcm(bytes(16_000), 16_000))).decode()


class Engines:
    """An ear that hears one recording at a time, a brain with two places, one voice."""

    def __init__(self, **pace: float) -> None:
        target, places = f"{Paced.__module__}:{Paced.__name__}", {"ear": 1, "brain": 2, "voice": 1}
        self.pools = {
            name: Pool(Spec(name, target, {"parallel": parallel, **pace}), wait_s=0.05)
            for name, parallel in places.items()
        }

    def model(self) -> Model:
        ear, brain, voice = (Pooled(pool) for pool in self.pools.values())
        loads: Any = {part: [self.pools[name].load] for part, name in zip(PARTS, self.pools, strict=True)}
        card = ModelCard(hears=True, speaks=True, voices=("alloy",))
        return Model(MODEL, MODEL, Cascade(ear, brain, Phrased(voice)), card, loads=loads)


PARTS = ("hear", "think", "speak")


@pytest.fixture
async def engines(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engines]:
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
    made = Engines()
    async with AsyncExitStack() as stack:
        for pool in made.pools.values():
            await pool.start()
            stack.push_async_callback(pool.stop)
        yield made


def question(served: Served, *, stream: bool = True) -> dict[str, Any]:
    asked = served.say(stream=stream)
    asked["messages"][0]["content"] = [{"type": "input_audio", "input_audio": {"data": SAID, "format": "wav"}}]
    return asked


async def ask(served: Served, *, stream: bool = True) -> httpx2.Response:
    return await served.http.post("/v1/chat/completions", json=question(served, stream=stream))


async def test_whoever_is_let_in_is_served_to_the_end(engines: Engines, serving: Serving, tmp_path: Path) -> None:
    """Though the ear has one place, and what is behind it two: nobody is heard and then refused."""
    served = await serving(tmp_path / "s", models={MODEL: engines.model()}, door=Door(PATIENT_S))
    answers = await asyncio.gather(*(ask(served, stream=number % 2 == 0) for number in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert all(answer.text.count('"error"') == 0 for answer in answers)
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers[::2])
    assert [pool.load.refused for pool in engines.pools.values()] == [0, 0, 0]


async def test_there_is_no_place_before_anything_is_done_or_there_is_one_to_the_end(
    engines: Engines, serving: Serving, tmp_path: Path
) -> None:
    served = await serving(tmp_path / "s", models={MODEL: engines.model()}, door=Door(0.05))
    for _ in range(3):
        answers = await asyncio.gather(*(ask(served) for _ in range(8)))
        whole = [answer for answer in answers if answer.status_code == 200]
        full = [answer for answer in answers if answer.status_code == 503]
        assert whole
        assert len(whole) + len(full) == 8
        assert all(answer.text.endswith("data: [DONE]\n\n") and '"error"' not in answer.text for answer in whole)
        for answer in full:
            told = re.search(r"in (\d+) seconds?\.$", answer.json()["error"]["message"])
            assert told
            assert answer.headers["retry-after"] == told[1]
    assert served.service.door.refused > 0
    assert all(not pool.load.turns and not pool.load.busy for pool in engines.pools.values())


async def test_a_client_that_leaves_while_it_is_full_frees_its_place(
    engines: Engines, serving: Serving, tmp_path: Path
) -> None:
    served = await serving(tmp_path / "s", models={MODEL: engines.model()}, door=Door(PATIENT_S))
    asked = [asyncio.create_task(ask(served)) for _ in range(6)]
    await until(lambda: served.service.door.waiting > 0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await until(lambda: all(not pool.load.turns and not pool.load.busy for pool in engines.pools.values()))
    assert served.service.door.waiting == 0
    assert (await ask(served)).status_code == 200


async def test_whoever_leaves_in_whatever_part_takes_nothing_from_those_who_stay(
    engines: Engines, serving: Serving, tmp_path: Path
) -> None:
    served = await serving(tmp_path / "s", models={MODEL: engines.model()}, door=Door(60))
    dice = random.Random(6)  # noqa: S311 - the same ones leave every time

    async def leave() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(dice.uniform(0.0, 0.6)):
                await ask(served)

    staying = [asyncio.create_task(ask(served)) for _ in range(6)]
    await asyncio.gather(*(leave() for _ in range(18)))
    for answer in await asyncio.gather(*staying):
        assert answer.status_code == 200
        assert answer.text.endswith("data: [DONE]\n\n")
        assert '"error"' not in answer.text
    await until(lambda: all(not pool.load.turns and not pool.load.busy for pool in engines.pools.values()))
    assert [(pool.load.waiting, pool.load.coming) for pool in engines.pools.values()] == [(0, set())] * 3
    assert [pool.restarts for pool in engines.pools.values()] == [0, 0, 0]
    assert (served.service.door.waiting, served.service.door.refused) == (0, 0)


async def test_it_is_told_for_how_long_as_measured(engines: Engines, serving: Serving, tmp_path: Path) -> None:
    served = await serving(tmp_path / "s", models={MODEL: engines.model()}, door=Door(0.0))
    ear = engines.pools["ear"].load
    ear.busy += 40  # as many before it; nothing was measured yet: a second each
    refused = await ask(served, stream=False)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "40")
    ear.busy -= 40
    assert (await ask(served, stream=False)).status_code == 200
    ear.busy += 40  # 20 ms each
    refused = await ask(served, stream=False)
    assert refused.status_code == 503
    assert 1 <= int(refused.headers["retry-after"]) < 40
    ear.busy -= 40
