"""A GGUF with an encoder of sound hears what was said by itself; the library loads both, and the sound matters."""

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tests.support.ggufs import CHATML, KNOWING, Tiny, said, write_ears
from vivavoce.config import Config, EngineConfig, ModelConfig
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Utterance
from vivavoce.core.errors import BadRequest
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import (
    AudioDelta,
    Message,
    Sampling,
    Speech,
    Stream,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
    ToolChoice,
    Turn,
    TurnDone,
    TurnEvent,
)
from vivavoce.engines import registry
from vivavoce.engines.child import EngineMissing, Spec
from vivavoce.engines.llama import Llama
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.starting import start_engines

EARS = 150
"""Tokens of each 30 s, begun or whole."""


def sound(seconds: float, seed: int = 1, rate: int = 16_000) -> Speech:
    noise = np.random.default_rng(seed).normal(size=int(seconds * rate), scale=3000)
    return Speech(Pcm(noise.astype("<i2").tobytes(), rate), seconds=seconds)


def turn(*parts: Text | Speech, **sampling: int | bool | None) -> Turn:
    return Turn((Message("user", parts),), sampling=Sampling(**sampling))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("ggufs")
    model = Tiny([["\n\n", "I", " hear", " you."]], KNOWING, context=512).write(folder / "tiny.gguf")
    return {"model": str(model), "mmproj": str(write_ears(folder / "ears.gguf")), "instruction": "Be kind."}


@pytest.fixture(scope="module")
def brain(options: dict[str, str]) -> Iterator[Llama]:
    brain = Llama(Llama.Options(**options))  # pyright: ignore[reportArgumentType]
    yield brain
    brain.close()


def whole(brain: Llama, asked: Turn) -> tuple[str, TurnDone, list[float]]:
    """The words, the end, and how likely what might have stood instead was."""
    *events, done = [event for event in brain.generate(asked) if event is not None]
    assert isinstance(done, TurnDone)
    logprobs = [token for event in events if isinstance(event, TextDelta) for token in event.logprobs]
    return said(events), done, [other.logprob for token in logprobs for other in token.top]


def test_it_says_that_it_listens(brain: Llama) -> None:
    assert brain.card().listens


def test_one_without_ears_does_not(options: dict[str, str]) -> None:
    deaf = Llama(Llama.Options(model=options["model"]))
    assert not deaf.card().listens
    deaf.close()


def test_sound_is_heard_in_its_place_and_each_sound_differs(brain: Llama) -> None:
    def heard(*parts: Text | Speech) -> tuple[str, int, list[float]]:
        text, done, likely = whole(brain, turn(*parts, logprobs=True, top_logprobs=4))
        return text, done.usage.text_in, likely

    words, one, again, other = heard(Text("Hi")), heard(sound(1)), heard(sound(1)), heard(sound(1, seed=2))
    assert words[0] == one[0] == "I hear you."
    assert one[1] == words[1] - len("Hi") + EARS
    assert one == again
    assert one[2] != other[2]
    assert heard(Text("a"), sound(1), Text("b"))[1] > one[1]
    assert heard(Text("a"), sound(1))[2] != heard(sound(1), Text("a"))[2]
    assert heard(sound(31))[1] == one[1] + EARS
    assert heard(sound(1, rate=48_000))[:2] == one[:2]


def test_words_of_a_sound_that_was_heard_before_stand_for_it(brain: Llama) -> None:
    known = Speech(sound(1).pcm, "Hi")
    assert whole(brain, turn(known))[1].usage.text_in == whole(brain, turn(Text("Hi")))[1].usage.text_in


@pytest.mark.parametrize("seconds", [0.001, 0.02])
def test_next_to_nothing_is_sound_too(brain: Llama, seconds: float) -> None:
    assert whole(brain, turn(sound(seconds)))[0] == "I hear you."


def test_sound_over_the_context_is_refused_with_its_size(brain: Llama) -> None:
    with pytest.raises(BadRequest) as refused:
        whole(brain, turn(sound(105)))
    assert refused.value.code == "context_length_exceeded"
    assert f"resulted in {whole(brain, turn(sound(1)))[1].usage.text_in + 3 * EARS} tokens" in refused.value.message


@pytest.mark.parametrize("template", [CHATML, KNOWING])
def test_arguments_of_a_call_are_filled_in_from_sound(options: dict[str, str], tmp_path: Path, template: str) -> None:
    model = Tiny(template=template).write(tmp_path / "tiny.gguf")
    brain = Llama(Llama.Options(model=str(model), mmproj=options["mmproj"]))
    shape = {"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"]}
    tools, choice = (Tool("weather", "", json.dumps(shape), strict=True),), ToolChoice("required")
    asked = {"tools": tools, "tool_choice": choice}
    *events, done = [
        event for event in brain.generate(Turn((Message("user", (sound(1),)),), **asked)) if event is not None
    ]
    *_, without = brain.generate(Turn((Message("user", (Text(""),)),), **asked))
    brain.close()
    written = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert json.loads(written)["city"] in {"Rome", "Paris"}
    assert isinstance(done, TurnDone)
    assert isinstance(without, TurnDone)
    assert done.usage.text_in >= without.usage.text_in + EARS


@pytest.mark.parametrize("kind", ["no such thing", "truncated", "missing", "a model of words"])
def test_ears_that_cannot_be_used_are_said(options: dict[str, str], tmp_path: Path, kind: str) -> None:
    ears = tmp_path / "ears.gguf"
    if kind == "a model of words":
        Tiny().write(ears)
    elif kind == "truncated":
        ears.write_bytes(Path(options["mmproj"]).read_bytes()[:-5000])
    elif kind != "missing":
        write_ears(ears, kind)
    with pytest.raises(ValueError, match=r"ears\.gguf|cannot load .*: .+") as refused:
        Llama(Llama.Options(model=options["model"], mmproj=str(ears)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("together", [10, 8])
async def test_ears_that_abort_are_said_before_anybody_speaks(
    options: dict[str, str], tmp_path: Path, together: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of 1500 frames each tenth or each eighth is kept; 1500 is no multiple of 8, and llama.cpp counts on one."""
    ears = write_ears(tmp_path / "ears.gguf", together=together)
    config = Config(
        engines={"brain": EngineConfig("llama", options={**options, "mmproj": str(ears)})},
        models={"any": ModelConfig(think="brain")},
    )
    what = "engine 'brain' answers what is written, but cannot hear; is its `mmproj` made for its model?"
    with pytest.raises(EngineMissing, match=re.escape(what)) if together == 8 else nullcontext():
        async with start_engines(config, {"brain"}) as running:
            assert running.engines["brain"].card.listens
    printed = capfd.readouterr().err
    assert ("Invalid number of output tokens" in printed) == (together == 8)
    assert "gdb" not in printed


class Hum:
    """Says a sample a letter."""

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        yield Pcm(b"\1\0" * len(say.text), SPOKEN_RATE)


async def test_speech_is_answered_with_speech_and_no_transcriber(options: dict[str, str]) -> None:
    """In a process of its own, as the server has it."""
    pool = Pool(Spec("llama", registry.find("llama").value, options))
    await pool.start()
    try:
        brain = Pooled(pool)
        events: list[TurnEvent] = []

        async def send(event: TurnEvent) -> None:
            events.append(event)

        answering = Cascade(None, brain, Phrased(Hum(), "en"), listens=brain.card().listens)
        await answering.respond(Turn((Message("user", (sound(1),)),), voice="any"), send)
    finally:
        await pool.stop()
    assert said(events) == "I hear you."
    assert any(event.pcm.samples for event in events if isinstance(event, AudioDelta))
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert (done.reason, done.usage.audio_in) == ("stop", 10)
