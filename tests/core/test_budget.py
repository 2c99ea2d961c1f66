"""The budget against a voice that says how far it is: every promise under random answers, voices and limits."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.core.audio import FRAME_SAMPLES, SPOKEN_RATE, Pcm
from vivavoce.core.budget import TOKENS_A_CHARACTER, Budget, BudgetSpent
from vivavoce.core.turn import AudioDelta, TextDelta, ToolCallDelta, TurnEvent


@dataclass
class Client:
    """What came through."""

    events: list[TurnEvent] = field(default_factory=list)

    async def take(self, event: TurnEvent) -> None:
        self.events.append(event)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def text_tokens(self) -> int:
        return sum(event.tokens for event in self.events if isinstance(event, TextDelta))

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm.data for event in self.events if isinstance(event, AudioDelta))

    @property
    def samples(self) -> int:
        return len(self.sound) // 2

    @property
    def text_ends(self) -> list[int]:
        return [event.text_end for event in self.events if isinstance(event, AudioDelta)]


def sound(samples: int) -> Pcm:
    """Sound that is nowhere silent."""
    return Pcm(b"\x01\x01" * samples, SPOKEN_RATE)


async def was_cut(*steps: Awaitable[None]) -> bool:
    cut = False
    for step in steps:
        if cut:
            step.close()  # type: ignore[attr-defined]
            continue
        try:
            await step
        except BudgetSpent:
            cut = True
    return cut


def answer(limit: int | None, *, spoken: bool = True) -> tuple[Client, Budget]:
    client = Client()
    return client, Budget(client.take, limit, spoken=spoken)


# An answer: pieces of deltas; each piece is then said in some deltas of sound, `pace` samples a character.
words = st.text(st.sampled_from("ab é\n.你好ไม่😀"), min_size=1, max_size=8)
deltas = st.lists(st.tuples(words, st.integers(0, 4)), min_size=1, max_size=6)
cuts = st.lists(st.floats(0, 1), max_size=3)
PACE = st.integers(0, FRAME_SAMPLES * TOKENS_A_CHARACTER * 9 // 10)
pieces = st.lists(st.tuples(deltas, PACE, cuts), max_size=5)
limits = st.none() | st.integers(0, 12) | st.integers(0, 1500)
AHEAD = st.booleans()


def said(piece: list[tuple[str, int]], start: int, pace: int, at: list[float]) -> list[AudioDelta]:
    """One piece, said by a voice that always knows how far it is."""
    length = sum(len(text) for text, _ in piece)
    marks = [0, *sorted(int(part * length) for part in at), length]
    return [AudioDelta(sound((after - before) * pace), start + after) for before, after in pairwise(marks)]


def script(plan: list[tuple[list[tuple[str, int]], int, list[float]]], *, ahead: bool) -> list[TurnEvent]:
    """The whole answer in the order it comes: all text `ahead` of all sound, or piece by piece."""
    texts: list[list[TurnEvent]] = []
    sounds: list[list[TurnEvent]] = []
    start = 0
    for piece, pace, at in plan:
        texts.append([TextDelta(text, tokens) for text, tokens in piece])
        sounds.append(list(said(piece, start, pace, at)))
        start += sum(len(text) for text, _ in piece)
    if ahead:
        return [event for group in (*texts, *sounds) for event in group]
    return [event for both in zip(texts, sounds, strict=True) for group in both for event in group]


def heard_at(events: list[TurnEvent], samples: int) -> float:
    """How many characters have been said after so many samples."""
    before, end = 0, 0
    for event in events:
        if isinstance(event, AudioDelta):
            new = event.pcm.samples
            if before + new > samples:
                return end + (event.text_end - end) * (samples - before) / new
            before, end = before + new, event.text_end
    return end


@settings(deadline=None)
@given(pieces, limits, AHEAD)
async def test_a_spoken_answer_keeps_every_promise(
    plan: list[tuple[list[tuple[str, int]], int, list[float]]], limit: int | None, ahead: bool
) -> None:
    events = script(plan, ahead=ahead)
    client, budget = answer(limit)
    cut = await was_cut(*(budget(event) for event in events), budget.finish())

    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    whole = b"".join(event.pcm.data for event in events if isinstance(event, AudioDelta))
    assert limit is None or client.text_tokens + client.samples / FRAME_SAMPLES <= limit
    assert (budget.text_tokens, budget.audio_tokens) == (client.text_tokens, client.samples / FRAME_SAMPLES)
    assert text.startswith(client.text)
    kept = client.sound.rstrip(b"\0")
    assert whole.startswith(kept)
    assert len(client.sound) - len(kept) < FRAME_SAMPLES * 2
    assert client.text_ends == sorted(client.text_ends)
    if not cut:
        assert (client.text, kept) == (text, whole)
        assert client.text_tokens == sum(event.tokens for event in events if isinstance(event, TextDelta))
    else:
        assert (client.text, kept) != (text, whole)
        assert len(client.text) <= heard_at(events, len(kept) // 2)
        assert client.text_ends[-1] == len(client.text)


@settings(deadline=None)
@given(pieces, AHEAD)
async def test_what_costs_exactly_the_limit_is_not_cut(
    plan: list[tuple[list[tuple[str, int]], int, list[float]]], ahead: bool
) -> None:
    events = script(plan, ahead=ahead)
    _, free = answer(None)
    assert not await was_cut(*(free(event) for event in events), free.finish())
    client, budget = answer(free.text_tokens + free.audio_tokens)
    assert not await was_cut(*(budget(event) for event in events), budget.finish())
    assert client.text == "".join(event.text for event in events if isinstance(event, TextDelta))


@settings(deadline=None)
@given(
    st.lists(
        st.builds(TextDelta, words, st.integers(0, 5))
        | st.builds(AudioDelta, st.integers(0, 9000).map(sound), st.integers(0, 60)),
        max_size=12,
    ),
    st.integers(0, 60),
)
async def test_the_limit_holds_whatever_a_voice_claims(events: list[TurnEvent], limit: int) -> None:
    client, budget = answer(limit)
    cut = await was_cut(*(budget(event) for event in events), budget.finish())
    assert client.text_tokens + client.samples / FRAME_SAMPLES <= limit
    assert client.samples % FRAME_SAMPLES == 0
    if not cut:
        assert client.text == "".join(event.text for event in events if isinstance(event, TextDelta))


@settings(deadline=None)
@given(deltas, st.none() | st.integers(0, 20))
async def test_a_written_answer_ends_before_the_delta_that_no_longer_fits(
    plan: list[tuple[str, int]], limit: int | None
) -> None:
    client, budget = answer(limit, spoken=False)
    cut = await was_cut(*(budget(TextDelta(*one)) for one in plan), budget.finish())
    total, expected = 0, ""
    for text, tokens in plan:
        total += tokens
        if limit is not None and total > limit:
            break
        expected += text
    assert client.text == expected
    assert client.sound == b""
    assert cut is (limit is not None and sum(tokens for _, tokens in plan) > limit)


async def test_a_written_answer_stops_at_the_limit_and_not_at_its_end() -> None:
    _, budget = answer(1, spoken=False)
    await budget(TextDelta("One"))
    with pytest.raises(BudgetSpent):
        await budget(TextDelta(" two"))


async def test_text_streams_ahead_of_its_sound_while_there_is_plenty_left() -> None:
    client, budget = answer(6000)
    await budget(TextDelta("Hello there."))
    assert client.events == [TextDelta("Hello there.")]


async def test_near_the_end_text_waits_for_its_sound() -> None:
    client, budget = answer(40)
    await budget(TextDelta("Hello"))
    await budget(TextDelta(" there."))
    assert client.events == []
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 5))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 12))
    await budget.finish()
    kinds = [type(event) for event in client.events]
    assert kinds == [TextDelta, AudioDelta, TextDelta, AudioDelta]
    assert client.text == "Hello there."


async def test_a_cut_answer_ends_on_a_whole_word_and_a_whole_50_ms() -> None:
    client, budget = answer(3 + 9)
    for word in ("One", " two", " three", " four"):
        await budget(TextDelta(word))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES * 18 + 7), 18))
    assert client.text == "One two"
    assert client.samples == FRAME_SAMPLES * 10
    assert client.text_tokens == 2
    assert client.text_ends == [7]


async def test_a_word_half_said_before_the_cut_is_not_half_written() -> None:
    client, budget = answer(10)
    await budget(TextDelta("Marvellous"))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 4))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES * 6), 10))
    assert client.text == ""
    assert client.samples == FRAME_SAMPLES * 9  # 10 with the word's own token would be 11


@pytest.mark.parametrize(("text", "whole"), [("你好世界你好世界", 4), ("สวัสดีครับสวัส", 4), ("mañana amanece", 0)])
async def test_scripts_without_spaces_are_cut_between_letters(text: str, whole: int) -> None:
    client, budget = answer(1 + 8)
    await budget(TextDelta(text))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES * 2 * len(text)), len(text)))
    assert client.text == text[:whole]
    assert client.samples == FRAME_SAMPLES * (8 if whole else 9)


async def test_a_mark_is_not_cut_from_its_letter() -> None:
    client, budget = answer(4)
    await budget(TextDelta("กีกีกี"))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES * 6), 6))
    assert client.text == "กี"


async def test_the_last_words_of_a_sound_already_sent_come_as_far_as_they_fit() -> None:
    client, budget = answer(5 + 2)
    for word in ("One", " two", " three"):
        await budget(TextDelta(word))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 5), 0))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(0), 13))
    assert client.text == "One two"
    assert client.text_ends == [0, 7]


async def test_a_cut_in_the_middle_of_50_ms_is_filled_with_silence() -> None:
    client, budget = answer(2)
    await budget(TextDelta("One"))
    await budget(AudioDelta(sound(FRAME_SAMPLES + 1), 0))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(5), 3))
    assert client.sound == sound(FRAME_SAMPLES + 1).data + bytes(2 * (FRAME_SAMPLES - 1))
    assert client.text == ""


async def test_text_with_no_sound_is_passed_on_at_the_end_as_far_as_it_fits() -> None:
    client, budget = answer(2)
    for word in ("😀", " 😀", " 😀"):
        await budget(TextDelta(word))
    assert client.text == ""
    with pytest.raises(BudgetSpent):
        await budget.finish()
    assert client.text == "😀 😀"
    assert client.sound == b""


async def test_a_voice_slower_than_any_is_still_held_to_the_limit() -> None:
    client, budget = answer(30)
    await budget(TextDelta("No"))
    assert client.text == "No"
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES * 100), 1))
    assert client.samples == FRAME_SAMPLES * 29
    await budget(TextDelta("!", 0))
    assert client.text == "No"


async def test_a_limit_of_one_gives_one_token() -> None:
    client, budget = answer(1)
    await budget(TextDelta("One"))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(5 * FRAME_SAMPLES), 0))
    assert (client.text, client.samples) == ("", FRAME_SAMPLES)
    client, budget = answer(1, spoken=False)
    await budget(TextDelta("One"))
    await budget.finish()
    assert client.text == "One"


async def test_a_limit_of_nothing_gives_nothing() -> None:
    client, budget = answer(0)
    await budget(TextDelta("One"))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(2 * FRAME_SAMPLES), 3))
    assert (client.text, client.sound) == ("", b"")


async def test_other_events_pass_untouched() -> None:
    client, budget = answer(0)
    call = ToolCallDelta(0, "{}", "call_1", "f")
    await budget(call)
    assert client.events == [call]
