"""The cascade with scripted engines, and with leaves that write down when they are closed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.audio import FRAME_SAMPLES, SPOKEN_RATE, Pcm
from vivavoce.core.cascade import NOTHING_HEARD, Cascade
from vivavoce.core.engines import Hearing, Speaking, Transcript
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded, PublicError
from vivavoce.core.speaking import Phrased
from vivavoce.core.turn import (
    AudioDelta,
    InputTranscript,
    Message,
    Sampling,
    Speech,
    Stream,
    Text,
    TextDelta,
    ToolCallDelta,
    Turn,
    TurnDone,
    TurnEvent,
    Usage,
)
from vivavoce.testing import Calls, Hears, Says, Scripted, Speaks


@dataclass
class Client:
    """Serialises what several tasks send, as the edge does; each event takes `turns` of the event loop."""

    turns: list[int] = field(default_factory=lambda: [0])
    events: list[TurnEvent] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self, event: TurnEvent) -> None:
        async with self._lock:
            for _ in range(self.turns[len(self.events) % len(self.turns)]):
                await asyncio.sleep(0)
            self.events.append(event)
            self.some.set()

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def samples(self) -> int:
        return sum(event.pcm.samples for event in self.events if isinstance(event, AudioDelta))

    @property
    def done(self) -> TurnDone:
        last = self.events[-1]
        assert isinstance(last, TurnDone)
        assert sum(isinstance(event, TurnDone) for event in self.events) == 1
        return last


def recording(seconds: float) -> Speech:
    return Speech(Pcm(bytes(2 * int(16_000 * seconds)), 16_000), seconds=seconds)


def turn(*messages: Message, voice: str | None = None, max_tokens: int | None = None) -> Turn:
    asked = messages or (Message("user", (Text("Hello there"),)),)
    return Turn(asked, voice=voice, sampling=Sampling(max_tokens=max_tokens))


async def test_a_written_answer_is_passed_on_as_it_is_thought() -> None:
    client = Client()
    await Cascade(None, Says("One", " two."), None).respond(turn(), client.take)
    assert client.events == [TextDelta("One"), TextDelta(" two."), TurnDone("stop", Usage(text_in=9, text_out=2))]


async def test_a_spoken_answer_says_all_its_words_and_ends_with_turn_done() -> None:
    client, voice = Client(), Speaks()
    model = Says("Hello there, my friend.", " How are you?")
    await Cascade(None, model, Phrased(voice)).respond(turn(voice="alloy"), client.take)
    assert client.text == "Hello there, my friend. How are you?"
    assert " ".join(say.text for say in voice.asked) == client.text
    assert client.samples % FRAME_SAMPLES == 0
    assert client.done.reason == "stop"
    assert client.done.usage == Usage(text_in=9, text_out=7, audio_out=client.samples // FRAME_SAMPLES)


async def test_sound_comes_before_the_thinking_has_ended() -> None:
    client, sounding = Client(), asyncio.Event()

    class ThinksUntilHeard(Says):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            del turn
            yield TextDelta("Hello there. And", 3)
            await sounding.wait()
            yield TextDelta(" bye.", 2)

    async def take(event: TurnEvent) -> None:
        await client.take(event)
        if isinstance(event, AudioDelta):
            sounding.set()

    await Cascade(None, ThinksUntilHeard(), Phrased(Speaks())).respond(turn(voice="alloy"), take)
    kinds = [kind for kind, after in pairwise(map(type, client.events)) if kind is not after]
    assert kinds == [TextDelta, AudioDelta, TextDelta, AudioDelta]
    assert client.done.reason == "stop"


async def test_every_recording_is_heard_at_once_and_told_in_order() -> None:
    class HearsTogether(Hears):
        """Ends a transcription only when all have begun; the last first."""

        def __init__(self, expected: int) -> None:
            super().__init__("")
            self.turns = [asyncio.Event() for _ in range(expected)]

        async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
            self.asked.append(ask)
            place = len(self.asked) - 1
            (pcm,) = [pcm async for pcm in audio]
            if place + 1 == len(self.turns):
                self.turns[place].set()
            await self.turns[place].wait()
            yield Transcript(f"{pcm.seconds:g}")
            if place:
                self.turns[place - 1].set()

    client, model = Client(), Says("Yes.")
    known = Speech(transcript="known", seconds=1)
    messages = (
        Message("system", (Text("Be brief."),)),
        Message("user", (recording(1), Text("and"), recording(2))),
        Message("assistant", (known,)),
        Message("user", (recording(3),)),
    )
    await Cascade(HearsTogether(3), model, None).respond(turn(*messages), client.take)
    assert client.events[:3] == [InputTranscript(1, 0, "1"), InputTranscript(1, 2, "2"), InputTranscript(3, 0, "3")]
    assert model.asked[0].messages == (
        messages[0],
        Message("user", (Speech(None, "1", 1), Text("and"), Speech(None, "2", 2))),
        messages[2],
        Message("user", (Speech(None, "3", 3),)),
    )


async def test_only_what_was_finally_heard_counts() -> None:
    class Guesses(Hears):
        async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
            del audio
            self.asked.append(ask)
            for text, final in (("hell", False), ("hello", True), ("", True), ("world", True)):
                yield Transcript(text, final)

    client, ear = Client(), Guesses("")
    await Cascade(ear, Says("Yes."), None).respond(turn(Message("user", (recording(1),))), client.take)
    assert client.events[0] == InputTranscript(0, 0, "hello world")
    assert ear.asked == [Hearing()]


async def test_where_nothing_was_heard_the_model_is_told_so_and_the_client_nothing() -> None:
    client, model = Client(), Says("Pardon?")
    await Cascade(Hears(""), model, None).respond(turn(Message("user", (recording(1),))), client.take)
    assert client.events[0] == InputTranscript(0, 0, "")
    assert model.asked[0].messages[0].parts == (Speech(None, NOTHING_HEARD, 1),)


async def test_usage_of_an_audio_only_message_is_that_of_the_original() -> None:
    client = Client()
    cascade = Cascade(Hears("one two three"), Says("Yes."), Phrased(Speaks()))
    await cascade.respond(turn(Message("user", (recording(1.704),)), voice="alloy"), client.take)
    usage = client.done.usage
    assert (usage.text_in, usage.audio_in) == (11, 17)


async def test_what_the_model_found_in_its_cache_is_told() -> None:
    class Remembers(Says):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            del turn
            yield ToolCallDelta(0, "{}", "call_1", "f")
            yield TurnDone("tool_calls", Usage(cached=5))

    client = Client()
    await Cascade(None, Remembers(), None).respond(turn(), client.take)
    assert client.events[0] == ToolCallDelta(0, "{}", "call_1", "f")
    assert (client.done.reason, client.done.usage.cached) == ("tool_calls", 5)


@pytest.mark.parametrize(("hidden", "new", "told"), [(0, 0, 9), (30, 9, 0), (30, 3, 6), (30, 39, 0)])
async def test_of_what_was_cached_only_what_is_counted_is_told(hidden: int, new: int, told: int) -> None:
    counted = 9

    class Reads(Says):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            del turn
            yield TextDelta("Yes.")
            yield TurnDone("stop", Usage(text_in=hidden + counted, cached=hidden + counted - new))

    client = Client()
    await Cascade(None, Reads(), None).respond(turn(), client.take)
    assert (client.done.usage.text_in, client.done.usage.cached) == (counted, told)


async def test_a_model_that_just_ends_has_ended() -> None:
    class Ends(Says):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            del turn
            yield TextDelta("Yes.")

    client = Client()
    await Cascade(None, Ends(), Phrased(Speaks())).respond(turn(voice="alloy"), client.take)
    assert (client.text, client.done.reason) == ("Yes.", "stop")


@pytest.mark.parametrize("limit", [0, 1, 2, 5, 12, 40, 87])
async def test_a_spoken_answer_ends_at_its_budget(limit: int) -> None:
    client = Client()
    says = "One two three four. Five six seven eight. Nine ten eleven twelve."
    cascade = Cascade(None, Scripted(Scripted.Options(says=says)), Phrased(Scripted(Scripted.Options())))
    await cascade.respond(turn(voice="alloy", max_tokens=limit), client.take)
    usage = client.done.usage
    assert client.done.reason == "length"
    assert usage.text_out + usage.audio_out <= limit
    assert usage.audio_out * FRAME_SAMPLES == client.samples
    assert not client.text or f"{client.text} " in says or f"{client.text}." in says


@pytest.mark.parametrize("limit", [0, 1, 3])
async def test_a_written_answer_ends_at_its_budget_even_if_the_model_does_not(limit: int) -> None:
    client = Client()
    await Cascade(None, Says("One", " two", " three", " four"), None).respond(turn(max_tokens=limit), client.take)
    assert client.text == "".join(["One", " two", " three"][:limit])
    assert client.done == TurnDone("length", Usage(text_in=9, text_out=limit))


async def test_an_answer_of_pictures_alone_is_written_and_silent() -> None:
    client, voice = Client(), Speaks()
    await Cascade(None, Says("😀 😀"), Phrased(voice)).respond(turn(voice="alloy", max_tokens=9), client.take)
    assert (client.text, client.samples, voice.asked) == ("😀 😀", 0, [])
    assert client.done.reason == "stop"


async def test_an_empty_answer_is_an_answer() -> None:
    client = Client()
    await Cascade(None, Says(), Phrased(Speaks())).respond(turn(voice="alloy"), client.take)
    assert client.events == [TurnDone("stop", Usage(text_in=9))]


async def test_a_model_that_listens_is_given_the_sound_itself() -> None:
    client, model, said = Client(), Says("Hello."), recording(1.0)
    asked = turn(Message("user", (said,)))
    await Cascade(None, model, None, listens=True).respond(asked, client.take)
    assert model.asked == [asked]
    assert client.events == [TextDelta("Hello."), TurnDone("stop", Usage(text_in=11, audio_in=10, text_out=1))]


async def test_a_model_that_listens_reads_what_a_transcriber_hears() -> None:
    client, model = Client(), Says("Hello.")
    ears = Hears("hi")
    await Cascade(ears, model, None, listens=True).respond(turn(Message("user", (recording(1.0),))), client.take)
    (asked,) = model.asked
    assert asked.messages[0].parts == (Speech(None, "hi", 1.0),)


async def test_without_ears_a_recording_is_refused() -> None:
    with pytest.raises(BadRequest, match="does not hear") as refused:
        await Cascade(None, Says("Yes."), None).respond(turn(Message("user", (recording(1),))), Client().take)
    assert refused.value.param == "messages"


async def test_without_a_voice_a_spoken_answer_is_refused() -> None:
    with pytest.raises(BadRequest, match="does not speak") as refused:
        await Cascade(None, Says("Yes."), None).respond(turn(voice="alloy"), Client().take)
    assert refused.value.param == "modalities"


async def test_speech_of_which_nothing_is_known_cannot_be_answered() -> None:
    with pytest.raises(EngineFailed):
        await Cascade(Hears("x"), Says("Yes."), None).respond(turn(Message("user", (Speech(),))), Client().take)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=7), st.none() | st.integers(0, 200))
async def test_a_slow_client_gets_everything_in_order(turns: list[int], limit: int | None) -> None:
    says = ["Hello", " there,", " my", " friend.\n", "How", " are", " you", " today?\n", "Bye."]  # lines are said apart

    async def answer(client: Client) -> Client:
        cascade = Cascade(None, Says(*says), Phrased(Speaks(60)))
        await cascade.respond(turn(voice="alloy", max_tokens=limit), client.take)
        return client

    quick, slow = await answer(Client()), await answer(Client(turns))
    assert (slow.text, slow.samples, slow.done) == (quick.text, quick.samples, quick.done)
    ends = [event.text_end for event in slow.events if isinstance(event, AudioDelta)]
    assert ends == sorted(ends)
    written = 0
    for event in slow.events:
        written += len(event.text) if isinstance(event, TextDelta) else 0
        assert not isinstance(event, AudioDelta) or event.text_end <= written


class Watched:
    """Three leaves that write down when they begin and when they are closed; `faults`: where each one fails.

    A leaf without a fault gives its first item and then waits for ever.
    """

    def __init__(self, **faults: PublicError) -> None:
        self._faults = faults
        self.open: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.changed = asyncio.Event()

    def _begin(self, leaf: str) -> None:
        self.open[leaf] += 1
        self.begun[leaf] += 1
        self.changed.set()

    async def _go_on(self, leaf: str, after: str) -> None:
        """Fail once `after` has begun, or wait for ever."""
        while not self.begun[after]:
            self.changed.clear()
            await self.changed.wait()
        if leaf in self._faults:
            raise self._faults[leaf]
        await asyncio.Event().wait()

    async def until(self, *leaves: str) -> None:
        while not all(self.begun[leaf] for leaf in leaves):
            self.changed.clear()
            await self.changed.wait()

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        del ask
        self._begin("hear")
        try:
            async for _ in audio:
                await self._go_on("hear", "hear")
            yield Transcript("never")
        finally:
            self.open["hear"] -= 1

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        del turn
        self._begin("think")
        try:
            yield TextDelta("Hello there.")
            await self._go_on("think", "speak")
        finally:
            self.open["think"] -= 1

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [1 for _ in texts]

    async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
        del ask
        try:
            async for word in words:
                self._begin("speak")
                yield AudioDelta(Pcm(bytes(2400), SPOKEN_RATE), len(word))
                await self._go_on("speak", "think")
        finally:
            self.open["speak"] -= 1


@pytest.mark.parametrize("leaf", ["think", "speak"])
@pytest.mark.parametrize("error", [EngineFailed(), EngineTimeout(), Overloaded(3)])
async def test_a_leaf_that_fails_ends_the_turn_with_its_own_error_and_closes_the_others(
    leaf: str, error: PublicError
) -> None:
    leaves, client = Watched(**{leaf: error}), Client()
    with pytest.raises(PublicError) as failed:
        await Cascade(leaves, leaves, leaves).respond(turn(voice="alloy"), client.take)
    assert failed.value is error
    assert leaves.begun == {"think": 1, "speak": 1}
    assert not +leaves.open
    assert client.text == "Hello there."
    assert not any(isinstance(event, TurnDone) for event in client.events)


async def test_a_model_that_fails_a_written_answer_is_closed() -> None:
    leaves = Watched(think=EngineTimeout())
    leaves.begun["speak"] = 1
    with pytest.raises(EngineTimeout):
        await Cascade(None, leaves, None).respond(turn(), Client().take)
    assert not +leaves.open


async def test_an_ear_that_fails_ends_the_turn_and_closes_the_other_hearings() -> None:
    class FailsOnce(Watched):
        async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
            if self.begun["hear"] == 2:
                raise EngineTimeout
            async for heard in super().transcribe(audio, ask):
                yield heard

    leaves, client = FailsOnce(), Client()
    asked = turn(Message("user", (recording(1), recording(2), recording(3))), voice="alloy")
    with pytest.raises(EngineTimeout):
        await Cascade(leaves, leaves, leaves).respond(asked, client.take)
    assert leaves.begun == {"hear": 2}
    assert not +leaves.open
    assert client.events == []


async def test_a_client_that_fails_stops_every_leaf() -> None:
    leaves = Watched()

    async def gone(event: TurnEvent) -> None:
        if isinstance(event, AudioDelta):
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Cascade(leaves, leaves, leaves).respond(turn(voice="alloy"), gone)
    assert not +leaves.open


async def test_a_spent_budget_stops_a_model_that_would_go_on_writing() -> None:
    leaves, client = Watched(), Client()
    await Cascade(None, leaves, None).respond(turn(max_tokens=0), client.take)
    assert [type(event) for event in client.events] == [TurnDone]
    assert not +leaves.open


async def test_a_model_that_has_more_to_say_after_its_end_is_closed() -> None:
    class GoesOn(Watched):
        async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
            self.begun["think"] += 1
            self.open["think"] += 1
            try:
                yield TurnDone("stop")
                yield TextDelta("More.")
            finally:
                self.open["think"] -= 1

    leaves, client = GoesOn(), Client()
    await Cascade(None, leaves, None).respond(turn(), client.take)
    assert client.events == [TurnDone("stop", Usage(text_in=8))]
    assert not +leaves.open


async def test_a_spent_budget_stops_every_leaf() -> None:
    leaves, client = Watched(), Client()
    await Cascade(leaves, leaves, leaves).respond(turn(voice="alloy", max_tokens=1), client.take)
    assert client.done.reason == "length"
    assert leaves.begun == {"think": 1, "speak": 1}
    assert not +leaves.open


@pytest.mark.parametrize(
    ("parts", "voice", "until"),
    [
        ((recording(1), recording(2)), "alloy", ["hear"]),
        ((Text("Hi"),), None, ["think"]),
        ((Text("Hi"),), "alloy", ["think", "speak"]),
    ],
)
async def test_cancelling_closes_every_leaf_before_it_returns(
    parts: tuple[Speech | Text, ...], voice: str | None, until: list[str]
) -> None:
    leaves, client = Watched(), Client()
    answering = asyncio.create_task(
        Cascade(leaves, leaves, leaves).respond(turn(Message("user", parts), voice=voice), client.take)
    )
    await leaves.until(*until)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert set(leaves.begun) == set(until)
    assert not +leaves.open
    assert not any(isinstance(event, TurnDone) for event in client.events)


async def test_cancelling_before_anything_began_is_quiet() -> None:
    leaves = Watched()
    answering = asyncio.create_task(Cascade(leaves, leaves, leaves).respond(turn(voice="alloy"), Client().take))
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert not leaves.begun


async def test_calls_are_passed_on_without_a_sound_and_counted_by_the_model() -> None:
    client = Client()
    await Cascade(None, Calls(("get_weather", '{"city":"Osaka"}')), Phrased(Speaks())).respond(
        turn(voice="alloy"), client.take
    )
    calls = [event for event in client.events if isinstance(event, ToolCallDelta)]
    assert calls[0].name == "get_weather"
    assert "".join(call.arguments for call in calls) == '{"city":"Osaka"}'
    assert client.samples == 0
    assert client.done.reason == "tool_calls"
    assert (client.done.usage.text_out, client.done.usage.audio_out) == (2, 0)
