"""What `vivavoce selftest` tries of a model, one after the other: each ends with a finding, whatever happens."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from vivavoce import assembly
from vivavoce.cli.sentences import SENTENCES
from vivavoce.config import ModelConfig
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Hearing, Speaking
from vivavoce.core.errors import PublicError
from vivavoce.core.models import Model
from vivavoce.core.streams import once
from vivavoce.core.turn import (
    AudioDelta,
    Message,
    Part,
    Sampling,
    Speech,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
    Turn,
    TurnEvent,
)
from vivavoce.testing.wer import UNSPACED, cer, characters, wer

if TYPE_CHECKING:
    from vivavoce.starting import Running

LIMIT_S = 180.0
"""Longest one trial may take: a large model on a small machine is slow, and that is a finding too."""
UNDERSTOOD = 0.5
"""Rate of words, or characters, misheard above which what is said cannot be called heard."""
LOUD = 500
"""A sample of speech is somewhere louder than this."""
WEATHER = Tool(
    "get_weather",
    "Get the current weather of a city.",
    '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}',
)


class Finding(msgspec.Struct, omit_defaults=True):
    """What one trial found."""

    what: str
    ok: bool | None
    """None: it does not apply to this model."""
    said: str
    """In a few words."""
    language: str = ""
    figures: dict[str, Any] = {}


class Trials:
    """One model, tried in some languages."""

    def __init__(self, running: "Running", name: str, settings: ModelConfig, languages: list[str]) -> None:
        self._running, self._settings, self._languages = running, settings, languages
        self._model: Model = running.models[name]
        voices = self._model.card.voices
        self._voice = "alloy" if "alloy" in voices or not voices else voices[0]
        self._spoken: dict[str, Pcm] = {}
        """The first sentence of each language, as it was said."""

    async def run(self, begins: Callable[[str], None]) -> list[Finding]:
        """Try everything; `begins` is told what is tried next."""
        trials: list[tuple[str, str, Callable[[str], Awaitable[Finding]]]] = []
        trials += [("say and hear", language, self._say_and_hear) for language in self._languages]
        trials += [("first audio", "", self._first_audio), ("tool call", "", self._tool_call)]
        trials += [("answer", language, self._answer) for language in self._languages]
        found: list[Finding] = []
        for what, language, trial in trials:
            begins(f"{what} {language}".strip())
            found.append(await _told(what, language, trial))
        return found

    async def _say_and_hear(self, language: str) -> Finding:
        known = SENTENCES.get(language)
        if known is None or self._model.speaker is None:
            why = "no sentences of this language here" if known is None else "it does not speak alone"
            return Finding("", None, why)
        sounds = [await self._say(sentence, language) for sentence in known.said]
        self._spoken[language] = sounds[0]
        seconds = sum(sound.seconds for sound in sounds)
        if not all(_sounds(sound) for sound in sounds):
            return Finding("", ok=False, said="it says nothing")
        if not self._hears(language):
            return Finding("", None, f"{seconds:.1f} s said; nothing here hears this language")
        began = time.perf_counter()
        pairs = [
            (sentence, await self._hear(sound, language)) for sentence, sound in zip(known.said, sounds, strict=True)
        ]
        took = time.perf_counter() - began
        rate, short, what = (cer(pairs), "cer", "character") if language in UNSPACED else (wer(pairs), "wer", "word")
        said = f"{what} error rate {rate:.2f}"
        figures = {short: round(rate, 3), "said_s": round(seconds, 2), "hearing_s": round(took, 2)}
        return Finding("", rate <= UNDERSTOOD, said, figures=figures)

    async def _first_audio(self, language: str) -> Finding:
        del language
        if self._model.responder is None or not self._model.card.speaks:
            return Finding("", None, "it does not answer aloud")
        first = self._languages[0]
        asked = SENTENCES.get(first, SENTENCES["en"])
        recorded = self._spoken.get(first) if self._hears(first) else None
        part: Part = Speech(recorded, seconds=recorded.seconds) if recorded else Text(asked.said[0])
        times: list[float] = []
        for _ in range(3):
            heard = _Heard()
            await self._respond(Turn(_asking(part), voice=self._voice, sampling=Sampling(seed=1)), heard)
            if heard.first_s is None:
                return Finding("", ok=False, said="there was no sound")
            times.append(heard.first_s)
        how = "spoken" if recorded else "written"
        middle = statistics.median(times)
        figures = {"first_audio_s": round(middle, 3), "question": how}
        return Finding("", ok=True, said=f"{middle:.2f} s after a {how} question (median of 3)", figures=figures)

    async def _tool_call(self, language: str) -> Finding:
        del language
        if self._model.responder is None:
            return Finding("", None, "it does not answer")
        heard = _Heard()
        turn = Turn(_asking(Text("What is the weather in Paris?")), tools=(WEATHER,), sampling=Sampling(seed=1))
        await self._respond(turn, heard)
        if heard.tool != WEATHER.name:
            return Finding("", ok=False, said=f"it called {heard.tool}" if heard.tool else "it called nothing")
        try:
            arguments = json.loads(heard.arguments)
        except ValueError:
            return Finding("", ok=False, said="its arguments are no JSON")
        right = isinstance(arguments, dict) and "Paris" in str(arguments.get("city", ""))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        said = f"{heard.tool} {json.dumps(arguments, ensure_ascii=False)}"
        return Finding("", ok=right, said=said if right else f"{said}: not what was asked for")

    async def _answer(self, language: str) -> Finding:
        if self._model.responder is None:
            return Finding("", None, "it does not answer")
        asked = SENTENCES.get(language)
        if asked is None:
            return Finding("", None, "no question of this language here")
        voice = self._voice if self._model.card.speaks else None
        heard, began = _Heard(), time.perf_counter()
        await self._respond(Turn(_asking(Text(asked.asked)), voice=voice, sampling=Sampling(seed=1)), heard)
        took = time.perf_counter() - began
        sound = Pcm(bytes(heard.sound), SPOKEN_RATE)
        ok = bool(heard.text.strip()) and (voice is None or _sounds(sound))
        aloud = f", {sound.seconds:.1f} s of sound" if voice else ""
        figures = {"answer": heard.text.strip(), "sound_s": round(sound.seconds, 2), "took_s": round(took, 2)}
        long = (
            f"{len(characters(heard.text))} characters" if language in UNSPACED else f"{len(heard.text.split())} words"
        )
        said = f"{long}{aloud} in {took:.1f} s" if ok else "there was no answer"
        return Finding("", ok, said, figures=figures)

    async def _respond(self, turn: Turn, heard: "_Heard") -> None:
        assert self._model.responder is not None  # noqa: S101 - each caller has looked
        heard.began = time.perf_counter()
        await self._model.responder.respond(turn, heard.take)

    async def _say(self, text: str, language: str) -> Pcm:
        speaker = assembly.speaker(self._settings, self._running.engines)
        said = bytearray()
        async with aclosing(speaker.speak(once(text), Speaking(self._voice, language, live=False))) as sounds:
            async for sound in sounds:
                said += sound.pcm.data
        return Pcm(bytes(said), SPOKEN_RATE)

    async def _hear(self, sound: Pcm, language: str) -> str:
        hearer = assembly.hearer(self._settings, self._running.engines)
        async with aclosing(hearer.transcribe(once(sound), Hearing(language))) as heard:
            return " ".join([transcript.text async for transcript in heard if transcript.final])

    def _hears(self, language: str) -> bool:
        """Whether something hears this language, as far as it says."""
        cards = [self._running.engines[name].card for name in self._settings.engines("hear")]
        return any(not card.languages or language in card.languages for card in cards)


class _Heard:
    """What came of a turn."""

    def __init__(self) -> None:
        self.began = 0.0
        self.first_s: float | None = None
        self.text = ""
        self.sound = bytearray()
        self.tool = ""
        self.arguments = ""

    async def take(self, event: TurnEvent) -> None:
        if isinstance(event, TextDelta):
            self.text += event.text
        elif isinstance(event, AudioDelta):
            self.first_s = self.first_s or time.perf_counter() - self.began
            self.sound += event.pcm.data
        elif isinstance(event, ToolCallDelta) and event.index == 0:
            self.tool = event.name or self.tool
            self.arguments += event.arguments


async def _told(what: str, language: str, trial: Callable[[str], Awaitable[Finding]]) -> Finding:
    """A trial's finding, whatever becomes of it."""
    try:
        async with asyncio.timeout(LIMIT_S):
            found = await trial(language)
    except TimeoutError:
        found = Finding("", ok=False, said=f"not done within {LIMIT_S:.0f} s")
    except PublicError as error:
        found = Finding("", ok=False, said=error.message)
    return msgspec.structs.replace(found, what=what, language=language)


def _asking(part: Part) -> tuple[Message, ...]:
    return (Message("user", (part,)),)


def _sounds(pcm: Pcm) -> bool:
    """Whether there is anything to hear in it."""
    samples = memoryview(pcm.data).cast("h")
    return len(samples) > 0 and max(abs(sample) for sample in samples[::7]) > LOUD
