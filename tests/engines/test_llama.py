"""The embedded brain answers, stops, counts and refuses as the contract of a local engine says."""

import json
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import pytest

from vivavoce.catalogue import embedded
from vivavoce.core.audio import Pcm
from vivavoce.core.errors import BadRequest
from vivavoce.core.trimming import Reading
from vivavoce.core.turn import (
    Message,
    Role,
    Sampling,
    Schema,
    Speech,
    Stream,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    TurnDone,
)
from vivavoce.engines import llama
from vivavoce.engines.llama import Llama
from vivavoce.engines.prompts import chat_messages

LONG = "The fox went over the river and into the wood. " * 545  # about 6000 tokens


@pytest.fixture(scope="module")
def brain() -> Iterator[Llama]:
    path = embedded.fetched()
    if path is None:
        pytest.skip(
            "the embedded model is not fetched here: python -c 'from vivavoce.catalogue.embedded import *; fetch()'"
        )
    brain = Llama(Llama.Options(model=str(path)))
    yield brain
    brain.close()


def turn(*words: str, **sampling: Any) -> Turn:
    """User and assistant in turn; the last word is the user's."""
    roles: list[Role] = ["user" if i % 2 == 0 else "assistant" for i in range(len(words))]
    messages = tuple(Message(role, (Text(said),)) for role, said in zip(roles, words, strict=True))
    return Turn(messages, sampling=Sampling(**sampling))


class Here:
    """The engine as the server sees it, without a process of its own."""

    def __init__(self, brain: Llama) -> None:
        self._brain = brain

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        for event in self._brain.generate(turn):
            if event is not None:
                yield event

    async def count(self, texts: Sequence[str]) -> list[int]:
        return self._brain.count(texts)


def whole(brain: Llama, asked: Turn) -> tuple[str, TurnDone, int]:
    """The answer, how it ended, and the tokens its pieces were said to be."""
    events = [event for event in brain.generate(asked) if event is not None]
    done = events.pop()
    assert isinstance(done, TurnDone)
    pieces = cast("list[TextDelta]", events)
    assert all(isinstance(piece, TextDelta) and piece.text for piece in pieces)
    return "".join(piece.text for piece in pieces), done, sum(piece.tokens for piece in pieces)


def token_ids(brain: Llama, text: str) -> list[int]:
    """The tokens of a text, in which signs of the model's own may stand."""
    body = json.dumps({"content": text, "parse_special": True})
    return brain._llama.ask("POST", [("/tokenize", body)])[0]["tokens"]


def test_it_answers(brain: Llama) -> None:
    text, done, tokens = whole(brain, turn("What is the tallest mountain in the world?", seed=1))
    assert "Everest" in text
    assert text == text.strip()
    assert done.reason == "stop"
    assert done.usage.text_in > 10
    assert 0 < tokens <= done.usage.text_out


def test_the_card_says_what_it_is(brain: Llama) -> None:
    card = brain.card()
    assert card.name.startswith("SmolLM2-135M-Instruct")
    assert (card.roles, card.context, card.parallel) == (("think",), 8192, 4)
    assert "--think" in card.note


def test_max_tokens_ends_it_by_length(brain: Llama) -> None:
    _, done, _ = whole(brain, turn("Tell me a long story.", max_tokens=7))
    assert (done.reason, done.usage.text_out) == ("length", 7)


@pytest.mark.parametrize("most", [None, 6000])
def test_a_long_answer_ends_with_a_sentence_whatever_the_client_allows(brain: Llama, most: int | None) -> None:
    text, done, tokens = whole(brain, turn("Tell me about the sea.", max_tokens=most))
    assert 96 <= tokens <= done.usage.text_out <= 2 * 96
    assert done.reason == "stop"
    assert text[-1] in ".!?…"
    assert done.usage.text_in > 10
    again = whole(brain, turn("Tell me about the sea.", max_tokens=most))[1]
    assert again.usage.text_in == done.usage.text_in  # of which more is cached now


def test_a_sentence_too_long_ends_by_length() -> None:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here")
    short = Llama(Llama.Options(model=str(path), max_answer=4))
    _, done, tokens = whole(short, turn("Tell me about the sea.", max_tokens=6000))
    short.close()
    assert (done.reason, done.usage.text_out, tokens) == ("length", 8, 8)


def test_an_answer_in_json_has_only_the_clients_limit(brain: Llama) -> None:
    shape = {"type": "array", "items": {"const": "the sea. "}, "minItems": 25, "maxItems": 25}
    schema = Schema("list", json.dumps(shape))
    text, done, _ = whole(brain, Turn(turn("Go on.").messages, schema=schema))
    assert len(json.loads(text)) == 25
    assert (done.reason, done.usage.text_out > 2 * 96) == ("stop", True)


def test_a_stop_string_ends_it_unsaid(brain: Llama) -> None:
    asked = "Count: one, two, three, four, five, six, seven, eight."
    text, done, _ = whole(brain, turn(asked, temperature=0, stop=(",", ".", "!", "?")))
    assert done.reason == "stop"
    assert not set(text) & set(",.!?")


def test_a_seed_gives_the_same_answer(brain: Llama) -> None:
    def once(seed: int) -> str:
        return whole(brain, turn("Tell me a story.", seed=seed, temperature=1.0, max_tokens=40))[0]

    once(1)  # so that all three find the same prompt read already
    first, second, other = once(1), once(1), once(2)
    assert first == second != other


def test_counting_agrees_with_usage(brain: Llama) -> None:
    texts = ["fox", "The quick brown fox jumps over the lazy dog.", "", "naïve 東京 🎉"]
    counts = brain.count(texts)
    assert counts[2] == 0
    asked = [whole(brain, turn(text, max_tokens=1))[1].usage.text_in for text in texts]
    assert [n - asked[2] for n in asked] == counts
    text, done, _ = whole(brain, turn("Say something nice.", seed=3))
    assert abs(brain.count([text])[0] - done.usage.text_out) <= 2  # the end-of-answer token, a trimmed newline


def test_a_conversation_is_read_once(brain: Llama) -> None:
    first = "Here is a fact to keep in mind: " + LONG[:1000]
    text, done, _ = whole(brain, turn(first, max_tokens=8))
    _, again, _ = whole(brain, turn(first, text, "Thanks!", max_tokens=1))
    assert again.usage.cached > done.usage.text_in * 0.9


def test_a_long_conversation_is_read_once_though_short_ones_come_between(brain: Llama) -> None:
    first = "Here is another fact to keep in mind: " + LONG[:1000]
    text, done, _ = whole(brain, turn(first, max_tokens=2))
    for number in range(2):
        whole(brain, turn(f"Hello, number {number}.", max_tokens=1))
        _, again, _ = whole(brain, turn(first, text, f"Thanks, {number}!", max_tokens=1))
        assert again.usage.cached > done.usage.text_in * 0.9


def test_conversations_that_take_turns_in_one_place_are_each_read_once() -> None:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here")
    one = Llama(Llama.Options(model=str(path), parallel=1, instruction=""))
    firsts = ["Rome is in Italy. " * 8, "The cat sat on a mat. " * 8]
    answers = [whole(one, turn(first, max_tokens=2)) for first in firsts]
    for first, (text, done, _) in zip(firsts, answers, strict=True):
        _, again, _ = whole(one, turn(first, text, "Thanks!", max_tokens=1))
        assert again.usage.cached > done.usage.text_in * 0.9
    one.close()


def test_unicode_comes_whole(brain: Llama) -> None:
    schema = Schema("word", json.dumps({"const": "東京 🎉 naïve"}))
    text, _, _ = whole(brain, Turn(turn("Say it.").messages, schema=schema))
    assert json.loads(text) == "東京 🎉 naïve"


def test_a_schema_is_kept_to(brain: Llama) -> None:
    shape = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    asked = Turn(turn("How old are you?").messages, schema=Schema("person", json.dumps(shape)))
    text, done, _ = whole(brain, asked)
    assert done.reason == "stop"
    assert isinstance(json.loads(text)["age"], int)


@pytest.mark.parametrize("schema", ["{", '{"type": "no such type"}'])
def test_a_schema_that_cannot_be_followed_is_refused(brain: Llama, schema: str) -> None:
    with pytest.raises(BadRequest) as refused:
        whole(brain, Turn(turn("Hi").messages, schema=Schema("mine", schema)))
    assert refused.value.param == "response_format"
    assert "mine" in refused.value.message


def test_closing_stops_an_answer(brain: Llama) -> None:
    answer = cast("Generator[object]", brain.generate(turn("Tell me a very long story.", max_tokens=4000)))
    assert any(isinstance(event, TextDelta) for event in islice(answer, 200))
    answer.close()
    assert whole(brain, turn("Hello!", max_tokens=3))[1].reason == "length"


def test_closing_stops_the_reading_of_a_long_prompt(brain: Llama) -> None:
    reading = cast("Generator[object]", brain.generate(turn(LONG)))
    assert list(islice(reading, 5)) == [None] * 5
    reading.close()
    # what had been read is kept: far less than the whole prompt
    _, done, _ = whole(brain, turn(LONG[:2200], max_tokens=1))
    assert done.usage.cached < 400


def test_four_at_once(brain: Llama) -> None:
    answers: dict[int, str] = {}

    def run(number: int) -> None:
        answers[number] = whole(brain, turn(f"Tell me about the number {number}.", max_tokens=30))[0]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers[number] for number in range(4))


def test_a_full_context_makes_them_wait_their_turn() -> None:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here")
    small = Llama(Llama.Options(model=str(path), context=256))
    ends: list[TurnDone] = []

    def run(number: int) -> None:
        ends.append(whole(small, turn(f"Number {number}. " + LONG[:400], max_tokens=40))[1])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    small.close()
    assert len(ends) == 4
    assert all(128 < end.usage.text_in < 256 for end in ends)  # no two fit


def test_answers_that_fill_the_context_end_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here")
    monkeypatch.setattr(llama, "RESERVED", 16)  # so that all are let in, whatever they come to
    small = Llama(Llama.Options(model=str(path), context=256, instruction="", max_answer=0))
    ends: list[tuple[str, TurnDone]] = []
    endless = tuple((each, -100) for sign in ("<|im_end|>", "<|endoftext|>") for each in token_ids(small, sign))

    def run(number: int) -> None:
        words, done, _ = whole(small, turn(f"Count from {number} to 1000.", max_tokens=200, logit_bias=endless))
        ends.append((words, done))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    small.close()
    assert len(ends) == 4
    assert all(words and done.reason == "length" for words, done in ends)
    made = [done.usage.text_out for _, done in ends]
    assert min(made) >= 8
    assert max(made) > min(made)  # what the first have left, the last are given
    assert sum(made) > 180


def test_a_prompt_over_the_context_is_refused_with_its_size(brain: Llama) -> None:
    words = LONG * 2
    empty = whole(brain, turn("", max_tokens=1))[1].usage.text_in
    with pytest.raises(BadRequest) as refused:
        whole(brain, turn(words))
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "messages")
    resulted = brain.count([words])[0] + empty
    assert refused.value.message == (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in "
        f"{resulted} tokens. Please reduce the length of the messages."
    )


def test_messages_and_an_answer_over_the_context_are_refused_with_both_sizes(brain: Llama) -> None:
    prompt = whole(brain, turn("Hi", max_tokens=1))[1].usage.text_in
    room = 8192 - prompt
    assert whole(brain, turn("Hi", max_tokens=room, stop=(" ",)))[1].reason == "stop"
    with pytest.raises(BadRequest) as refused:
        whole(brain, turn("Hi", max_tokens=room + 1))
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "messages")
    assert refused.value.message == (
        f"This model's maximum context length is 8192 tokens. However, you requested 8193 tokens ({prompt} in the "
        f"messages, {room + 1} in the completion). Please reduce the length of the messages or completion."
    )
    spoken = replace(turn("Hi", max_tokens=8192, stop=(" ",)), voice="alloy")  # most of which is sound
    assert whole(brain, spoken)[1].reason == "stop"


@pytest.fixture(scope="module")
def small() -> Iterator[Llama]:
    path = embedded.fetched()
    if path is None:
        pytest.skip("the embedded model is not fetched here")
    brain = Llama(Llama.Options(model=str(path), context=512, parallel=1))
    yield brain
    brain.close()


def test_room_for_an_answer_is_kept_where_it_is_asked_for(small: Llama) -> None:
    asked = turn(LONG[:1500], max_tokens=None, stop=(" ",))
    prompt = whole(small, asked)[1].usage.text_in
    assert 384 < prompt < 512
    with pytest.raises(BadRequest, match=rf"requested {prompt + 128} tokens \({prompt} in the messages, 128 in"):
        whole(small, replace(asked, room=1000))  # no more than a quarter of the context


async def test_a_conversation_over_the_context_is_answered_without_its_oldest_turns(small: Llama) -> None:
    reading = Reading(Here(small), turn(*[f"{n}. " + LONG[:300] for n in range(10)], "Hi"), trim=True)
    events = [event async for event in reading.answer()]
    done = events[-1]
    assert isinstance(done, TurnDone)
    assert len(events) > 1
    *left, last = [part.text for message in reading.turn.messages for part in message.parts if isinstance(part, Text)]
    assert (left, last) == ([f"{n}. " + LONG[:300] for n in range(10)][-len(left) :], "Hi")
    assert left[0][0] in "2468"
    # another turn would not have left room for an answer: they are of about 70 tokens a message
    assert 512 - 128 - 2 * 90 < done.usage.text_in <= 512 - 128


def logprobs(brain: Llama, asked: Turn) -> tuple[str, list[TokenLogprob]]:
    events = [event for event in brain.generate(asked) if isinstance(event, TextDelta)]
    return "".join(event.text for event in events), [token for event in events for token in event.logprobs]


def test_the_tokens_of_an_answer_are_told_with_their_likelihoods(brain: Llama) -> None:
    text, tokens = logprobs(brain, turn("Say one, two, three.", temperature=0.0, logprobs=True, top_logprobs=3))
    assert b"".join(token.data for token in tokens).strip() == text.encode()
    assert len(tokens) in {brain.count([text])[0], brain.count([text])[0] + 1}
    for token in tokens:
        assert len(token.top) == 3
        assert token.logprob == token.top[0].logprob <= 0  # the likeliest is taken
        assert [other.logprob for other in token.top] == sorted((other.logprob for other in token.top), reverse=True)
        assert sum(math.exp(other.logprob) for other in token.top) <= 1.001


def test_no_candidates_are_told_where_none_were_asked_for(brain: Llama) -> None:
    text, tokens = logprobs(brain, turn("Say one, two, three.", temperature=0.0, logprobs=True))
    assert b"".join(token.data for token in tokens).strip() == text.encode()
    assert not any(token.top for token in tokens)
    assert logprobs(brain, turn("Say one.", temperature=0.0))[1] == []


def test_a_character_of_several_tokens_is_told_as_one(brain: Llama) -> None:
    schema = Schema("word", json.dumps({"const": "東京 🎉 naïve"}))
    asked = Turn(turn("Say it.").messages, schema=schema, sampling=Sampling(logprobs=True))
    text, tokens = logprobs(brain, asked)
    assert "🎉" in json.loads(text)
    assert b"".join(token.data for token in tokens) == text.encode()
    assert "🎉" in [token.token.strip() for token in tokens]


def test_tokens_where_an_answer_in_json_is_held_to_a_schema(brain: Llama) -> None:
    shape = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    asked = Turn(turn("How old?").messages, schema=Schema("p", json.dumps(shape)), sampling=Sampling(logprobs=True))
    text, tokens = logprobs(brain, asked)
    assert b"".join(token.data for token in tokens) == text.encode()


def test_a_token_can_be_banned_and_forced_by_its_id(brain: Llama) -> None:
    asked = "What is the capital of Italy?"
    assert "Rome" in whole(brain, turn(asked, temperature=0.0))[0]
    rome = [token for text in ("Rome", " Rome") for token in token_ids(brain, text)]
    assert len(rome) == 2
    banned = tuple((token, -100) for token in rome)
    assert "Rome" not in whole(brain, turn(asked, temperature=0.0, logit_bias=banned))[0]
    forced = whole(brain, turn(asked, temperature=0.0, logit_bias=((rome[1], 100),), max_tokens=4))[0]
    assert forced == "Rome Rome Rome Rome"


def test_biases_of_nothing_change_nothing(brain: Llama) -> None:
    """Also of ids that the model has no token for: clients know those of other models."""
    plain = whole(brain, turn("Say something nice.", temperature=0.0))[0]
    for bias in [(), ((999_999, 100), (10**9 - 1, -100)), ((5, 0),)]:
        assert whole(brain, turn("Say something nice.", temperature=0.0, logit_bias=bias))[0] == plain


def test_speech_and_tools_reach_it_as_words(brain: Llama) -> None:
    messages = (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("Look:"), Speech(Pcm(b"", 16000), "what is the weather"))),
        Message("assistant", (ToolCall("c1", "weather", '{"city": "Rome"}'),)),
        Message("tool", (ToolResult("c1", "sunny"),)),
    )
    assert chat_messages(Turn(messages), "unused") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Look:\nwhat is the weather"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    assert whole(brain, Turn(messages, sampling=Sampling(max_tokens=3)))[1].usage.text_in > 20


def test_the_instruction_leads_only_where_there_is_none() -> None:
    assert chat_messages(turn("Hi"), "Be kind.")[0] == {"role": "system", "content": "Be kind."}
    assert len(chat_messages(turn("Hi"), "")) == 1


def test_nothing_is_printed(brain: Llama, capfd: pytest.CaptureFixture[str]) -> None:
    whole(brain, turn("A secret.", max_tokens=3))
    with pytest.raises(BadRequest):
        whole(brain, turn(LONG * 2))
    assert capfd.readouterr() == ("", "")


def test_a_missing_or_broken_file_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no model file"):
        Llama(Llama.Options(model=str(tmp_path / "none.gguf")))
    (tmp_path / "bad.gguf").write_bytes(b"GGUF, or not")
    with pytest.raises(ValueError, match="cannot load"):
        Llama(Llama.Options(model=str(tmp_path / "bad.gguf")))
    assert capfd.readouterr() == ("", "")


def test_options_refuse_what_they_do_not_know() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"model": "m", "ctx": 1}, Llama.Options)


def test_closing_leaves_nothing_behind(brain: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(prefix="vv") as short:  # a socket's path has 107 characters at most
        monkeypatch.setattr("tempfile.tempdir", short)
        other = Llama(Llama.Options(model=str(embedded.fetched()), context=512))
        assert len(list(Path(short).iterdir())) == 1
        assert other.card().context == 512
        other.close()
        assert list(Path(short).iterdir()) == []
