"""What every engine must keep, as checks that its author runs: `await check_synthesizer(MyVoice(MyVoice.Options()))`.

Each takes an engine, blocking (`vivavoce.engines.local`) or async (`vivavoce.core.engines`), calls it as the server
would, and raises an AssertionError whose one line says what it did not keep. They say nothing of how well it hears,
thinks or speaks.
"""

import inspect
import math
from collections.abc import Sequence
from typing import Any

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.engines import Card, Hearing, Speaking, Transcript, Utterance
from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import (
    AudioDelta,
    InputTranscript,
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
)
from vivavoce.testing.calling import Call, Kept, want
from vivavoce.testing.scripted import tokens, tone

TEXT = "Hello there, how are you? I am very well, thank you."
UNUSUAL = ("", "   ", "?!", "😀", "one\0two\ntwo\x1b", "<speak>&amp;</speak>", "word " * 300)
SLACK_S = 0.2
"""How far a time may be off the end of the sound."""
ROLES = {"hear", "think", "speak", "respond"}
REASONS = {"stop", "length", "tool_calls", "content_filter"}


async def check_transcriber(engine: Any, sound: Pcm | None = None, *, step_s: float = 10.0) -> None:
    """Check an engine that hears.

    Args:
        engine: the engine.
        sound: what it is given to hear; two seconds of a tone where there is nothing better.
        step_s: the longest it may be silent between two items, in seconds.

    Raises:
        AssertionError: what it does not keep.
    """
    card = _card(engine, "hear")
    rate = getattr(engine, "hears_at", 16_000)
    sound = sound or Pcm(tone(2.0).data[: 4 * rate], rate)
    if not Call.is_async(engine.transcribe):
        want(sound.rate == getattr(engine, "hears_at", sound.rate), "the sound must have the rate `hears_at`")

    async def hear(pcm: Pcm, ask: Hearing, *, leave: bool = False) -> Kept[Transcript]:
        return await Call("transcribe", engine.transcribe, step_s).sound(pcm, ask, leave=leave)

    for ask in (Hearing(), Hearing(words=True), Hearing(prompt="Hello.")):
        _check_heard((await hear(sound, ask)).items, sound, ask)
    await hear(sound, Hearing(), leave=True)
    _check_heard((await hear(sound, Hearing())).items, sound, Hearing())
    for short in (Pcm(b"", sound.rate), Pcm(b"\1\0", sound.rate), Pcm(bytes(2 * sound.rate), sound.rate)):
        _check_heard((await hear(short, Hearing(words=True))).items, short, Hearing(words=True))
    for language in (*card.languages[:1], "xx"):
        refused = (await hear(sound, Hearing(language=language))).refused
        want(refused is None or language == "xx", f"transcribe: it refuses '{language}', which its card has")
    await hear(sound, Hearing(translate=True))


def _check_heard(found: Sequence[Any], sound: Pcm, ask: Hearing) -> None:
    for item in found:
        want(isinstance(item, Transcript), f"transcribe: it yields {type(item).__name__}, not Transcript")
    finals = [item for item in found if item.final]
    if sound.data:
        want(bool(finals), "transcribe: no transcript is final")
        want(found[-1].final, "transcribe: the last transcript is not final")
    latest, start_s = sound.seconds + SLACK_S, 0.0
    for item in finals:
        want(item.text == item.text.strip(), "transcribe: a text has blanks around it")
        want(start_s <= item.start_s <= item.end_s <= latest, "transcribe: times are not in order, or after the sound")
        want(item.confidence is None or 0 <= item.confidence <= 1, "transcribe: a confidence is not from 0 to 1")
        want(ask.words or not item.words, "transcribe: there are words that nobody asked for")
        start_s, said_s = item.start_s, 0.0
        for word in item.words:
            want(word.text.strip() != "", "transcribe: a word is empty")
            want(
                said_s <= word.start_s <= word.end_s <= latest, "transcribe: words are not in order, or after the sound"
            )
            want(word.confidence is None or 0 <= word.confidence <= 1, "transcribe: a confidence is not from 0 to 1")
            said_s = word.start_s


async def check_synthesizer(engine: Any, text: str = TEXT, *, step_s: float = 10.0) -> None:
    """Check an engine that speaks.

    Args:
        engine: the engine.
        text: what it is given to say, in a language it speaks; two sentences are best.
        step_s: the longest it may be silent between two items, in seconds.

    Raises:
        AssertionError: what it does not keep.
    """
    card = _card(engine, "speak")
    want(len(set(card.voices)) == len(card.voices) and all(card.voices), "card: voices are empty or twice there")
    language = card.languages[0] if card.languages and "en" not in card.languages else "en"
    voices = card.voices or ("alloy",)

    async def say(words: str, *, voice: str = voices[0], speed: float = 1.0, leave: bool = False) -> Kept[Pcm]:
        asked = Utterance(words, voice, language, speed)
        kept = await Call("synthesize", engine.synthesize, step_s).items(asked, leave=leave)
        _check_sound(kept.items, "synthesize", spoken=Call.is_async(engine.synthesize))
        return kept

    def seconds(kept: Kept[Pcm]) -> float:
        return sum(pcm.seconds for pcm in kept.items)

    for voice in voices[:3]:
        want(seconds(await say(text, voice=voice)) > 0, f"synthesize: voice '{voice}' says nothing")
    normal = seconds(await say(text))
    want(seconds(await say(text, speed=2.0)) < seconds(await say(text, speed=0.5)), "synthesize: speed changes nothing")
    want(seconds(await say(f"{text} {text} {text}")) > normal, "synthesize: more text is not more sound")
    await say(text, leave=True)
    want(0.5 * normal < seconds(await say(text)) < 2 * normal, "synthesize: a call that was left spoils the next")
    for unusual in UNUSUAL:
        want((await say(unusual)).refused is None, "synthesize: it refuses a text for what is in it")
    refused = (await say(text, voice="no such voice")).refused
    want(refused is None or isinstance(refused, BadRequest), "synthesize: an unknown voice is not a BadRequest")


def _check_sound(found: Sequence[Any], method: str, *, spoken: bool) -> None:
    for item in found:
        want(isinstance(item, Pcm), f"{method}: it yields {type(item).__name__}, not Pcm")
        want(len(item.data) % 2 == 0, f"{method}: half a sample")
        want(item.rate > 0, f"{method}: a rate of {item.rate} Hz")
    rates = {item.rate for item in found}
    want(len(rates) <= 1, f"{method}: several rates in one call")
    want(not spoken or rates <= {SPOKEN_RATE}, f"{method}: an async engine's sound has {SPOKEN_RATE} Hz")


async def check_speaker(engine: Any, text: str = TEXT, *, step_s: float = 10.0) -> None:
    """Check an engine that speaks words as they come.

    Args:
        engine: the engine.
        text: what it is given to say, word by word, in a language it speaks.
        step_s: the longest it may be silent between two items, in seconds.

    Raises:
        AssertionError: what it does not keep.
    """
    card = _card(engine, "speak")
    ask = Speaking(next(iter(card.voices), "alloy"))

    async def speak(words: str, *, leave: bool = False) -> Sequence[Any]:
        kept = await Call("speak", engine.speak, step_s).items(_word_by_word(words), ask, leave=leave)
        want(kept.refused is None, "speak: it refuses plain words")
        for item in kept.items:
            want(isinstance(item, AudioDelta), f"speak: it yields {type(item).__name__}, not AudioDelta")
        _check_sound([item.pcm for item in kept.items], "speak", spoken=True)
        ends = [item.text_end for item in kept.items]
        want(ends == sorted(ends) and max(ends, default=0) <= len(words), "speak: text_end goes back, or too far")
        return kept.items

    said = await speak(text)
    want(any(item.pcm.samples for item in said), "speak: no sound")
    want(said[-1].text_end == len(text), "speak: its last delta has not all of the text said")
    await speak(text, leave=True)
    for unusual in UNUSUAL:
        await speak(unusual)


async def _word_by_word(text: str) -> Stream[str]:
    for word in tokens(text):
        yield word


async def check_language_model(engine: Any, *, step_s: float = 30.0) -> None:
    """Check an engine that thinks.

    Args:
        engine: the engine.
        step_s: the longest it may be silent between two items, in seconds.

    Raises:
        AssertionError: what it does not keep.
    """
    card = _card(engine, "think")
    want(card.context > 0 and card.max_output > 0, "card: no room for a prompt or an answer")
    hello = (Message("system", (Text("Answer in one sentence."),)), Message("user", (Text("Hello! Who are you?"),)))
    tool = Tool("get_weather", "Weather of a city", '{"type": "object", "properties": {"city": {"type": "string"}}}')
    short = Sampling(max_tokens=24)

    async def think(turn: Turn, *, leave: bool = False) -> Sequence[Any]:
        kept = await Call("generate", engine.generate, step_s).items(turn, leave=leave)
        want(kept.refused is None, "generate: it refuses a plain turn")
        if not leave:
            _check_answer(kept.items, "generate", (TextDelta, ToolCallDelta), turn)
        return kept.items

    said = await think(Turn(hello, sampling=short))
    want(any(isinstance(item, TextDelta) for item in said), "generate: no words")
    one = await think(Turn(hello, sampling=Sampling(max_tokens=1)))
    want(sum(item.tokens for item in one if isinstance(item, TextDelta)) <= 1, "generate: more than max_tokens")
    spoken = Message("user", (Speech(transcript="What is the weather in Paris?"),))
    await think(Turn((spoken,), tools=(tool,), sampling=short))
    await think(Turn((spoken,), tools=(tool,), tool_choice=ToolChoice("none"), sampling=short))
    await think(Turn(hello, sampling=short), leave=True)
    await think(Turn(hello, sampling=short))
    for texts in ([], ["one two three"], ["", "a longer text, of two parts", "b"]):
        counted: Any = engine.count(texts)
        counts: list[Any] = list(await counted if inspect.isawaitable(counted) else counted)
        want(len(counts) == len(texts), "count: not one number a text")
        want(all(isinstance(each, int) and each >= 0 for each in counts), "count: not a number of tokens")


async def check_responder(engine: Any, sound: Pcm | None = None, *, voice: str = "alloy", step_s: float = 60.0) -> None:
    """Check an engine that answers by itself, speech with speech.

    Args:
        engine: the engine.
        sound: what is said to it; a second of a tone where there is nothing better.
        voice: the voice it is to answer with.
        step_s: the longest it may be silent between two events, in seconds.

    Raises:
        AssertionError: what it does not keep.
    """
    spoken = sound or tone(1.0)
    heard = Message("user", (Speech(spoken, "Hello!", spoken.seconds), Text("Who are you?")))
    kinds = (TextDelta, AudioDelta, ToolCallDelta, InputTranscript)

    async def respond(turn: Turn, *, leave: bool = False) -> Sequence[Any]:
        kept = await Call("respond", engine.respond, step_s).events(turn, leave=leave)
        want(kept.refused is None, "respond: it refuses a plain turn")
        sounds = [item for item in kept.items if isinstance(item, AudioDelta)]
        _check_sound([item.pcm for item in sounds], "respond", spoken=Call.is_async(engine.respond))
        if not leave:
            _check_answer(kept.items, "respond", kinds, turn)
        ends = [item.text_end for item in sounds]
        said = sum(len(item.text) for item in kept.items if isinstance(item, TextDelta))
        want(
            ends == sorted(ends) and (leave or max(ends, default=0) <= said), "respond: text_end goes back, or too far"
        )
        return kept.items

    aloud = Turn((heard,), voice=voice)
    want(
        any(isinstance(item, AudioDelta) for item in await respond(aloud)),
        "respond: no sound where a voice is asked for",
    )
    silent = await respond(Turn((heard,)))
    want(not any(isinstance(item, AudioDelta) for item in silent), "respond: sound where no voice is asked for")
    await respond(aloud, leave=True)
    await respond(aloud)


def _card(engine: Any, role: str) -> Card:
    card = engine.card()
    want(isinstance(card, Card), "card: it is no Card")
    want(role in card.roles, f"card: its roles are without '{role}'")
    want(set(card.roles) <= ROLES, f"card: a role is none of {', '.join(sorted(ROLES))}")
    want(card.parallel >= 1, "card: it serves no call at once")
    want(all(len(code) == 2 and code.islower() for code in card.languages), "card: a language is not of ISO-639-1")
    return card


def _check_answer(found: Sequence[Any], method: str, kinds: tuple[type, ...], turn: Turn) -> None:
    """Its end, its kinds of events, its calls of tools."""
    want(bool(found) and isinstance(found[-1], TurnDone), f"{method}: TurnDone is not the last")
    done, before = found[-1], found[:-1]
    want(not any(isinstance(item, TurnDone) for item in before), f"{method}: TurnDone comes twice")
    for item in before:
        want(isinstance(item, kinds), f"{method}: it yields {type(item).__name__}")
        want(not isinstance(item, TextDelta) or item.tokens >= 0, f"{method}: fewer than no tokens")
    usage = done.usage
    counts = (usage.text_in, usage.audio_in, usage.text_out, usage.audio_out, usage.cached)
    want(all(isinstance(each, int) and each >= 0 and math.isfinite(each) for each in counts), f"{method}: usage is off")
    want(done.reason in REASONS, f"{method}: it ends for no reason that there is")
    calls = [item for item in before if isinstance(item, ToolCallDelta)]
    begun: set[int] = set()
    for call in calls:
        want(call.index in begun or bool(call.id and call.name), f"{method}: a tool's call begins without id or name")
        begun.add(call.index)
    want(not calls or (bool(turn.tools) and turn.tool_choice.mode != "none"), f"{method}: a tool nobody offered")
