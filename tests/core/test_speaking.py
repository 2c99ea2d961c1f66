import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.admitted import Admitted, working_for
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Speaking, Utterance
from vivavoce.core.pacing import CHARACTERS_A_SECOND
from vivavoce.core.speaking import ByLanguage, Phrased, Renamed
from vivavoce.core.turn import AudioDelta, Message, Send, Stream, Text, TextDelta, Turn, TurnEvent
from vivavoce.testing import Speaks
from vivavoce.testing.scripted import tone


async def each(*words: str) -> AsyncIterator[str]:
    for word in words:
        yield word


async def speak(synthesizer: Speaks, *words: str, ask: Speaking | None = None) -> list[AudioDelta]:
    return [sound async for sound in Phrased(synthesizer).speak(each(*words), ask or Speaking("alloy"))]


class Streams(Speaks):
    """Gives a piece in deltas of 0.1 s."""

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        async for pcm in super().synthesize(say):
            for at in range(0, len(pcm.data), 4800):
                yield Pcm(pcm.data[at : at + 4800], pcm.rate)


async def test_each_sentence_is_one_utterance_in_the_voice_asked_for() -> None:
    voice = Speaks()
    sounds = await speak(voice, "Hello, my dear", " friend. How", " are you?", ask=Speaking("echo", None, 1.5, "calm"))
    assert voice.asked == [
        Utterance("Hello, my dear friend.", "echo", "en", 1.5, "calm"),
        Utterance("How are you?", "echo", "en", 1.5, "calm"),
    ]
    assert sounds[-1].text_end == len("Hello, my dear friend. How are you?")


async def test_a_piece_ends_with_all_its_text_said() -> None:
    sounds = await speak(Speaks(), "One two three. Four five six.")
    assert list(dict.fromkeys(sound.text_end for sound in sounds if not sound.pcm.samples)) == [14, 29]


async def test_the_turn_is_told_how_much_there_is_to_hear() -> None:
    turn, voice = Admitted("", 0.0), Speaks(speech_ms=10_000)
    with working_for(turn):
        await speak(voice, "One. ", "Two.")
    ahead_s = turn.ahead_s(asyncio.get_running_loop().time())
    assert ahead_s is not None
    assert 40 < ahead_s < 120  # 8 characters


async def test_what_cannot_be_said_is_passed_over_in_silence() -> None:
    voice = Speaks()
    assert [(sound.pcm.samples, sound.text_end) for sound in await speak(voice, "😀")] == [(0, 1)]
    assert voice.asked == []


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab .,!\n😀好"), max_size=20), max_size=8), st.floats(1, 200))
async def test_what_has_been_said_only_grows_and_ends_with_the_text(words: list[str], speech_ms: float) -> None:
    sounds = await speak(Streams(speech_ms), *words)
    ends = [0, *(sound.text_end for sound in sounds)]
    assert ends == sorted(ends)
    assert ends[-1] == len("".join(words))


async def test_how_far_a_voice_is_follows_the_usual_pace_at_first_and_then_its_own() -> None:
    sounds = await speak(Streams(200), "One two three four five. Six seven eight nine ten.")
    ends = [sound.text_end for sound in sounds]
    first = ends.index(24)
    assert ends[4] == int(0.5 * CHARACTERS_A_SECOND)
    assert first > 40  # the slow voice was thought to be at the end long before it was
    middle = ends[first + (len(ends) - first) // 2]
    assert abs(middle - (24 + 26 / 2)) <= 2


async def test_the_pace_allows_for_the_speed_asked_for() -> None:
    sounds = await speak(Streams(60), "One two three four five.", ask=Speaking("alloy", speed=2))
    assert sounds[0].text_end == int(0.1 * 2 * CHARACTERS_A_SECOND)


async def test_long_text_said_in_few_words_is_all_said_when_they_end() -> None:
    code = "```\n" + "x = 1\n" * 40 + "```"
    sounds = await speak(Streams(60), code)
    halfway = sounds[len(sounds) // 2].text_end
    assert len(code) * 0.3 < halfway < len(code) * 0.7


async def test_the_language_asked_for_goes_before_that_of_the_script() -> None:
    voice = Speaks()
    await speak(voice, "Привет, как дела?")
    await speak(voice, "Привет, как дела?", ask=Speaking("alloy", "bg"))
    assert [say.language for say in voice.asked] == ["ru", "bg"]


async def test_a_piece_that_gives_no_sound_teaches_no_pace() -> None:
    class Mute(Speaks):
        async def synthesize(self, say: Utterance) -> Stream[Pcm]:
            self.asked.append(say)
            if len(self.asked) > 1:
                yield tone(0.1)

    sounds = await speak(Mute(), "One two three. Four five six seven.")
    assert list(dict.fromkeys(sound.text_end for sound in sounds)) == [14, 14 + int(0.1 * 15 * 22 / 21), 35]


async def test_silence_before_the_first_word_is_not_sent_by_itself() -> None:
    class Begins(Speaks):
        async def synthesize(self, say: Utterance) -> Stream[Pcm]:
            yield Pcm(bytes(4800), 24_000)
            yield tone(0.2)

    first, *_ = await speak(Begins(), "Hello.")
    assert 0.2 <= first.pcm.seconds < 0.25


async def test_a_voice_that_is_not_heard_to_its_end_is_closed() -> None:
    closed: list[str] = []

    class Closes(Speaks):
        async def synthesize(self, say: Utterance) -> Stream[Pcm]:
            try:
                yield tone(1)
                yield tone(1)
            finally:
                closed.append(say.text)

    speaking = Phrased(Closes()).speak(each("Hello there, you. More"), Speaking("alloy"))
    await anext(speaking)
    await speaking.aclose()
    assert closed == ["Hello there, you."]


async def test_each_piece_goes_to_the_voice_of_its_language() -> None:
    english, german = Speaks(), Speaks()
    both = ByLanguage({"de": german}, english)
    for language in ("en", "de", "fr"):
        assert [pcm async for pcm in both.synthesize(Utterance("Hallo", "alloy", language))]
    assert [len(voice.asked) for voice in (english, german)] == [2, 1]


async def test_a_voice_answers_to_another_name() -> None:
    voice = Speaks()
    renamed = Renamed(voice, {"alloy": "slt"}.__getitem__)
    assert [pcm async for pcm in renamed.synthesize(Utterance("Hi", "alloy", "de", 2.0, "calm"))]
    assert voice.asked == [Utterance("Hi", "slt", "de", 2.0, "calm")]


async def test_a_speaker_answers_to_another_name() -> None:
    class Reads:
        async def speak(self, words: AsyncIterable[str], ask: Speaking) -> Stream[AudioDelta]:
            assert ask == Speaking("slt", speed=2.0)
            async for word in words:
                yield AudioDelta(tone(0.1), len(word))

    renamed = Renamed(Reads(), {"alloy": "slt"}.__getitem__)
    assert [sound.text_end async for sound in renamed.speak(each("Hi"), Speaking("alloy", speed=2.0))] == [2]


@pytest.mark.parametrize(("asked", "told"), [("alloy", "slt"), (None, None)])
async def test_a_responder_answers_in_a_voice_of_another_name(asked: str | None, told: str | None) -> None:
    class Responds:
        async def respond(self, turn: Turn, send: Send) -> None:
            assert not turn.project
            await send(TextDelta(turn.voice or "in writing"))

    events: list[TurnEvent] = []

    async def send(event: TurnEvent) -> None:
        events.append(event)

    turn = Turn((Message("user", (Text("Hi"),)),), voice=asked, project="somebody's")
    await Renamed(Responds(), {"alloy": "slt"}.__getitem__).respond(turn, send)
    assert events == [TextDelta(told or "in writing")]
