"""The budget against voices that only guess how far they are: every promise under random answers, paces and limits."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivavoce.core.audio import FRAME_SAMPLES, SPOKEN_RATE, Pcm
from vivavoce.core.budget import LONGEST_PIECE, TOKENS_A_CHARACTER, UNSAID, Budget, BudgetSpent, inside_word
from vivavoce.core.turn import AudioDelta, TextDelta, TokenLogprob, ToolCallDelta, TurnEvent


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


def quiet(samples: int) -> Pcm:
    """Sound that is nowhere loud, and nowhere nothing."""
    return Pcm(b"\xff\xff" * samples, SPOKEN_RATE)


def over(text_end: int) -> AudioDelta:
    """The end of a piece."""
    return AudioDelta(sound(0), text_end)


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


@dataclass(frozen=True)
class Voice:
    """How a piece is said: silence, then every character for as long as any other, then silence; in some deltas."""

    pace: int
    """Samples a character."""
    before: int
    after: int
    cuts: tuple[float, ...]
    guess: float
    """It believes that it is this much further than it is."""

    def span(self, text: str) -> tuple[int, int]:
        """Which characters of a piece are said."""
        return len(text) - len(text.lstrip(UNSAID)), len(text.rstrip(UNSAID))

    def samples(self, text: str) -> int:
        return len(self.sound(text)) // 2

    def sound(self, text: str) -> bytes:
        first, last = self.span(text)
        if not self.pace or first >= last:
            return b""
        return quiet(self.before).data + sound(self.pace * (last - first)).data + quiet(self.after).data

    def say(self, text: str, start: int) -> list[AudioDelta]:
        """One piece that begins at `start`; only its end is certain."""
        whole, marks = self.sound(text), [0.0, *sorted(self.cuts), 1.0]
        events: list[AudioDelta] = []
        for begin, end in pairwise(int(part * self.samples(text)) for part in marks):
            if end > begin:
                told = min(int(self.guess * len(text) * end / self.samples(text)), len(text) - 1)
                events.append(AudioDelta(Pcm(whole[2 * begin : 2 * end], SPOKEN_RATE), start + told))
        return [*events, over(start + len(text))]

    def least_and_most(self, text: str, said: int) -> tuple[int, int]:
        """Samples when the first `said` characters have been heard, without and with the silence around them."""
        first, last = self.span(text)
        total = self.samples(text)
        if said <= 0 or not total:
            return 0, 0
        if said <= first:
            return 0, self.before
        end = self.before + self.pace * (min(said, last) - first)
        return end, end if said < last else total


# An answer: pieces of deltas, each said by a voice of its own.
words = st.text(st.sampled_from("ab é\n.你好ไม่😀"), min_size=1, max_size=8)
deltas = st.lists(st.tuples(words, st.integers(0, 4)), min_size=1, max_size=6)
PACES = st.just(0) | st.integers(FRAME_SAMPLES, FRAME_SAMPLES * 3)
SILENCES = st.just(0) | st.integers(0, FRAME_SAMPLES * TOKENS_A_CHARACTER // 5)
voices = st.builds(
    Voice, PACES, SILENCES, SILENCES, st.lists(st.floats(0, 1), max_size=3).map(tuple), st.floats(0.1, 10)
)
Plan = list[tuple[list[tuple[str, int]], Voice]]
pieces = st.lists(st.tuples(deltas, voices), max_size=5)
limits = st.none() | st.integers(0, 12) | st.integers(0, 3000)
AHEAD = st.booleans()


def token(text: str) -> TokenLogprob:
    return TokenLogprob(text, -1.0, text.encode())


def each_token_is_told_where_it_begins(events: list[TurnEvent]) -> None:
    said = spelled = 0
    for event in events:
        if isinstance(event, TextDelta):
            for told in event.logprobs:
                assert said <= spelled < said + len(event.text)
                spelled += len(told.token)
            said += len(event.text)
            assert spelled >= said


def script(plan: Plan, *, ahead: bool) -> list[TurnEvent]:
    """The whole answer in the order it comes: all text `ahead` of all sound, or piece by piece."""
    texts: list[list[TurnEvent]] = []
    sounds: list[list[TurnEvent]] = []
    start = 0
    for piece, voice in plan:
        text = "".join(text for text, _ in piece)
        texts.append([TextDelta(text, tokens, (token(text),)) for text, tokens in piece])
        sounds.append(list(voice.say(text, start)))
        start += len(text)
    if ahead:
        return [event for group in (*texts, *sounds) for event in group]
    return [event for both in zip(texts, sounds, strict=True) for group in both for event in group]


def heard_when(plan: Plan, said: int) -> tuple[int, int]:
    """Samples when the first `said` characters of the answer have been heard, without and with silence around them."""
    least = most = total = 0
    for piece, voice in plan:
        text = "".join(text for text, _ in piece)
        if said > 0:
            least, most = (total + samples for samples in voice.least_and_most(text, said))
        said, total = said - len(text), total + voice.samples(text)
    return least, most


def end_of_piece_in_word(plan: Plan, at: int) -> int | None:
    """Where a piece ends inside the word that begins at `at`; what comes after it, and how long, nobody knew then."""
    text = "".join(text for piece, _ in plan for text, _ in piece)
    word = next((end for end in range(at + 1, len(text)) if not inside_word(text, end)), len(text))
    ends = accumulate(sum(len(text) for text, _ in piece) for piece, _ in plan)
    return max((end for end in ends if at < end < word), default=None)


# A word that goes on in the next piece: its first piece is still as long as it is.
@example([([("a", 0), ("ม", 0), ("a", 0)], Voice(1200, 0, 0, (), 1.0)), ([("a", 0)], Voice(0, 0, 0, (), 1.0))], 2, True)
# Such a word that does not fit as a whole: none of its sound is passed on.
@example([([("a", 0), ("a", 0)], Voice(2401, 0, 0, (), 1.0)), ([("a", 1)], Voice(0, 0, 0, (), 1.0))], 5, True)
@example([([("a", 0), ("a", 1)], Voice(1200, 0, 0, (), 1.0)), ([("a", 0)], Voice(0, 0, 0, (), 1.0))], 2, True)
# One whose first piece fits with all its letters, and whose second no longer does: the first has been heard by then.
@example([([("a", 3)], Voice(1200, 0, 2401, (), 1.0)), ([("a", 3)], Voice(1200, 0, 0, (), 1.0))], 10, True)
@settings(deadline=None)
@given(pieces, limits, AHEAD)
async def test_a_spoken_answer_keeps_every_promise(plan: Plan, limit: int | None, ahead: bool) -> None:
    events = script(plan, ahead=ahead)
    client, budget = answer(limit)
    cut = await was_cut(*(budget(event) for event in events), budget.finish())

    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    whole = b"".join(event.pcm.data for event in events if isinstance(event, AudioDelta))
    assert limit is None or client.text_tokens + client.samples / FRAME_SAMPLES <= limit
    assert (budget.text_tokens, budget.audio_tokens) == (client.text_tokens, client.samples / FRAME_SAMPLES)
    assert text.startswith(client.text)
    each_token_is_told_where_it_begins(client.events)
    kept = client.sound.rstrip(b"\0")
    assert whole.startswith(kept)
    assert len(client.sound) - len(kept) < FRAME_SAMPLES * 2
    assert client.text_ends == sorted(client.text_ends)
    if not cut:
        assert (client.text, kept) == (text, whole)
        assert client.text_tokens == sum(event.tokens for event in events if isinstance(event, TextDelta))
    else:
        assert (client.text, kept) != (text, whole)
        least, most = heard_when(plan, len(client.text))
        if (end := end_of_piece_in_word(plan, len(client.text))) is not None:
            most = heard_when(plan, end)[1]
        assert least <= len(kept) // 2 < most + FRAME_SAMPLES  # all of the last word, and no character after it
        assert not client.text_ends or client.text_ends[-1] <= len(client.text)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), voices, st.integers(0, 1200), AHEAD)
async def test_the_words_are_all_those_that_fit_with_their_sound(
    lengths: list[int], voice: Voice, limit: int, ahead: bool
) -> None:
    plan: Plan = [([(" " * (n > 0) + "a" * length, 1) for n, length in enumerate(lengths)], voice)]
    text = "".join(text for text, _ in plan[0][0])
    fits, end = "", 0
    for count, (word, _) in enumerate(plan[0][0], 1):
        end += len(word)
        least, most = voice.least_and_most(text, end)
        if count - (-least // FRAME_SAMPLES) <= limit:
            fits = text[:end]
        if count == len(lengths) and count - (-most // FRAME_SAMPLES) <= limit:
            fits = text
    client, budget = answer(limit)
    await was_cut(*(budget(event) for event in script(plan, ahead=ahead)), budget.finish())
    assert client.text == fits


@settings(deadline=None)
@given(pieces, AHEAD)
async def test_what_costs_exactly_the_limit_is_not_cut(plan: Plan, ahead: bool) -> None:
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


async def test_far_from_the_end_sound_does_not_wait_for_the_end_of_its_piece() -> None:
    client, budget = answer(6000)
    await budget(TextDelta("Hello there."))
    await budget(AudioDelta(sound(700), 3))
    assert client.events[1:] == [AudioDelta(sound(700), 3)]


async def test_near_the_end_text_and_sound_wait_for_the_end_of_their_piece() -> None:
    client, budget = answer(40)
    await budget(TextDelta("Hello"))
    await budget(TextDelta(" there."))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 5))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 11))
    assert client.events == []
    await budget(over(12))
    await budget.finish()
    kinds = [type(event) for event in client.events]
    assert kinds == [TextDelta, AudioDelta, AudioDelta, TextDelta, AudioDelta]
    assert client.text == "Hello there."
    assert client.text_ends == [5, 5, 12]


async def test_a_cut_answer_ends_on_a_whole_word_and_a_whole_50_ms() -> None:
    client, budget = answer(3 + 9)
    for word in ("One", " two", " three", " four"):
        await budget(TextDelta(word))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 18 + 7), 1))
    with pytest.raises(BudgetSpent):
        await budget(over(18))
    assert client.text == "One two"
    assert client.samples == FRAME_SAMPLES * 8  # 7 of 18 characters, rounded up
    assert client.text_tokens == 2
    assert client.text_ends == [7]


async def test_silence_around_the_words_takes_no_part_in_where_they_are() -> None:
    client, budget = answer(2 + 5 + 7 + 1)
    for word in ("One", " two", " three."):
        await budget(TextDelta(word))
    await budget(AudioDelta(quiet(FRAME_SAMPLES * 5), 0))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 13), 12))
    await budget(AudioDelta(quiet(FRAME_SAMPLES * 9), 13))
    with pytest.raises(BudgetSpent):
        await budget(over(14))
    assert (client.text, client.samples) == ("One two", FRAME_SAMPLES * 12)


async def test_silence_after_the_last_word_is_cut_first() -> None:
    client, budget = answer(1 + 4)
    await budget(TextDelta("Sea."))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 3 + 5), 1))
    await budget(AudioDelta(quiet(FRAME_SAMPLES * 3), 2))
    with pytest.raises(BudgetSpent):
        await budget(over(4))
    assert (client.text, client.samples) == ("Sea.", FRAME_SAMPLES * 4)


async def test_a_piece_of_silence_alone_has_its_words_all_over_it() -> None:
    client, budget = answer(1 + 4)
    await budget(TextDelta("One"))
    await budget(TextDelta(" two"))
    await budget(AudioDelta(quiet(FRAME_SAMPLES * 7), 1))
    with pytest.raises(BudgetSpent):
        await budget(over(7))
    assert (client.text, client.samples) == ("One", FRAME_SAMPLES * 3)


async def test_a_piece_begun_far_from_the_end_may_be_cut_near_it() -> None:
    client, budget = answer(300)
    await budget(TextDelta("One two three four"))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 2), 17))
    assert client.samples == FRAME_SAMPLES * 2
    await budget(TextDelta(" five.", 200))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 228), 20))
    with pytest.raises(BudgetSpent):
        await budget(over(24))
    assert client.text == "One two three four"
    assert client.samples == FRAME_SAMPLES * 180  # 18 of 23 characters in 230 tokens


async def test_of_a_piece_of_which_no_word_fits_nothing_is_heard() -> None:
    client, budget = answer(10)
    await budget(TextDelta("Marvellous"))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 4), 4))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 6), 9))
    with pytest.raises(BudgetSpent):
        await budget(over(10))
    assert (client.text, client.sound) == ("", b"")


@pytest.mark.parametrize(("text", "whole"), [("你好世界你好世界", 4), ("สวัสดีครับสวัส", 4), ("mañana amanece", 0)])
async def test_scripts_without_spaces_are_cut_between_letters(text: str, whole: int) -> None:
    client, budget = answer(1 + 8)
    await budget(TextDelta(text))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 2 * len(text)), 2))
    with pytest.raises(BudgetSpent):
        await budget(over(len(text)))
    assert (client.text, client.samples) == (text[:whole], FRAME_SAMPLES * 2 * whole)


async def test_a_mark_is_not_cut_from_its_letter() -> None:
    client, budget = answer(4)
    await budget(TextDelta("กีกีกี"))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 6), 5))
    with pytest.raises(BudgetSpent):
        await budget(over(6))
    assert client.text == "กี"


async def test_a_piece_is_over_after_a_minute_if_its_voice_never_says_so() -> None:
    client, budget = answer(LONGEST_PIECE + 20)
    await budget(TextDelta("One two"))
    await budget(TextDelta(" three" * 20, 25))
    await budget(AudioDelta(sound(FRAME_SAMPLES * (LONGEST_PIECE - 1)), 3))
    assert client.events == [TextDelta("One two")]
    await budget(AudioDelta(sound(FRAME_SAMPLES), 7))
    assert (client.text, client.samples) == ("One two", FRAME_SAMPLES * LONGEST_PIECE)
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(FRAME_SAMPLES), 12))
    assert (client.text, client.samples) == ("One two", FRAME_SAMPLES * LONGEST_PIECE)


async def test_a_voice_that_never_ends_its_piece_is_heard_to_the_end_of_the_answer() -> None:
    client, budget = answer(20)
    await budget(TextDelta("One"))
    await budget(TextDelta(" two"))
    await budget(AudioDelta(sound(FRAME_SAMPLES * 5), 3))
    await budget(AudioDelta(sound(7), 7))
    assert client.sound == b""
    await budget.finish()
    assert (client.text, client.samples) == ("One two", FRAME_SAMPLES * 6)
    assert client.text_ends == [3, 7, 7]


async def test_a_cut_in_the_middle_of_50_ms_is_filled_with_silence() -> None:
    client, budget = answer(2 + 1)
    await budget(TextDelta("One"))
    await budget(AudioDelta(sound(FRAME_SAMPLES + 1), 0))
    await budget(over(3))
    await budget(TextDelta(" two"))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(5), 4))
    assert client.sound == sound(FRAME_SAMPLES + 1).data + bytes(2 * (FRAME_SAMPLES - 1))
    assert client.text == "One"


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
    await budget(AudioDelta(sound(FRAME_SAMPLES * 100), 1))
    assert client.sound == b""
    with pytest.raises(BudgetSpent):
        await budget(over(2))
    assert client.samples == FRAME_SAMPLES * 29
    await budget(TextDelta("!", 0))
    assert client.text == "No"


async def test_a_limit_of_one_gives_one_token() -> None:
    client, budget = answer(1)
    await budget(TextDelta("One"))
    with pytest.raises(BudgetSpent):
        await budget(AudioDelta(sound(5 * FRAME_SAMPLES), 0))
    assert (client.text, client.sound) == ("", b"")
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
