"""Every engine that comes with us keeps what `vivavoce.testing` checks."""

from pathlib import Path

import pytest

from tests.engines.conftest import Make
from tests.support.serving import MODEL, Serving, configured
from vivavoce.catalogue import embedded
from vivavoce.core.audio import Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Card
from vivavoce.core.speaking import Phrased
from vivavoce.engines import libflite
from vivavoce.engines.child import Spec
from vivavoce.engines.espeak import Espeak
from vivavoce.engines.flite import Flite
from vivavoce.engines.llama import Llama
from vivavoce.engines.pocketsphinx import PocketSphinx
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.testing import (
    Scripted,
    check_language_model,
    check_responder,
    check_synthesizer,
    check_transcriber,
)

QUESTION = Path(__file__).parents[1] / "fixtures" / "question.wav"


async def test_pocketsphinx() -> None:
    data = QUESTION.read_bytes()
    rate = int.from_bytes(data[24:28], "little")
    await check_transcriber(PocketSphinx(), Pcm(data[44 : 44 + 2 * rate], rate))  # a second of it


async def test_espeak() -> None:
    await check_synthesizer(Espeak())


@pytest.mark.skipif(not libflite.installed(), reason=libflite.MISSING)
async def test_flite() -> None:
    await check_synthesizer(Flite())


async def test_llama() -> None:
    weights = embedded.fetched()
    if weights is None:
        pytest.skip("the embedded model is not fetched here")
    brain = Llama(Llama.Options(model=str(weights)))
    await check_language_model(brain)
    brain.close()


async def test_one_in_a_process_of_its_own() -> None:
    pool = Pool(Spec("espeak", "vivavoce.engines.espeak:Espeak"))
    await pool.start()
    try:
        await check_synthesizer(Pooled(pool))
    finally:
        await pool.stop()


async def test_scripted() -> None:
    engine = Scripted(Scripted.Options())
    await check_transcriber(engine)
    await check_language_model(engine)
    await check_synthesizer(engine)


SECOND = """
[engines.one]
use = "scripted"
[models."gpt-4o-mini-audio-preview"]
hear = "one"
think = "one"
speak = "one"
"""


async def test_every_role_of_a_server_elsewhere(
    serving: Serving, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    async with configured(serving, tmp_path / "second", SECOND) as second:
        engine = make(base_url=f"{second.url}/v1", model=MODEL)
        await check_transcriber(engine)
        await check_language_model(engine)
        await check_synthesizer(engine)
        await check_responder(engine)


class Answering(Cascade):
    """A cascade with a card."""

    def card(self) -> Card:
        return Card("cascade", ("respond",))


async def test_a_cascade() -> None:
    engine = Scripted(Scripted.Options())
    await check_responder(Answering(engine, engine, Phrased(engine)))
