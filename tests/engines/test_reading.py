"""What llama.cpp streams is read as words or calls, as they come."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Message, Sampling, Text, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines.reading import Unconstrained, first_delta, read_answer, read_arguments

TURN = Turn((Message("user", (Text("Hi"),)),))
USAGE = json.dumps({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4}})


def chunk(reason: str | None = None, **delta: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})


def call(index: int, **function: str) -> dict[str, Any]:
    return {"index": index, "id": "its own", "function": function}


def test_calls_in_the_models_own_format_are_ours() -> None:
    events = [
        chunk(tool_calls=[call(0, name="a", arguments="{")]),
        "",
        chunk(tool_calls=[call(0, arguments='"x": 1}')]),
        chunk(tool_calls=[call(1, name="b", arguments="{}")]),
        chunk("tool_calls"),
        USAGE,
    ]
    made = [event for event in read_answer(TURN, events) if event]
    heads = [event for event in made if isinstance(event, ToolCallDelta) and event.id]
    assert [(head.index, head.name, head.arguments) for head in heads] == [(0, "a", ""), (1, "b", "")]
    assert all(re.fullmatch(r"call_[A-Za-z0-9]{24}", head.id or "") for head in heads)
    pieces = [(event.index, event.arguments) for event in made if isinstance(event, ToolCallDelta) and not event.id]
    assert pieces == [(0, "{"), (0, '"x": 1}'), (1, "{}")]
    assert made[-1] == TurnDone("tool_calls", Usage(text_in=5, text_out=4))
    assert not any(isinstance(event, TextDelta) for event in made)


def answer(*tokens: str, soft: int, reason: str = "stop") -> tuple[str, TurnDone, int]:
    """What is read of an answer of one token after the other, how it ended, and how many were asked of the model."""
    asked = 0

    def events() -> Iterator[str]:
        nonlocal asked
        for asked, token in enumerate(tokens, 1):
            timings = {"cache_n": 2, "prompt_n": 3, "predicted_n": asked}
            yield json.dumps({"choices": [{"delta": {"content": token}}], "timings": timings})
        yield chunk(reason)
        yield USAGE

    *pieces, done = [event for event in read_answer(TURN, events(), soft) if event]
    assert isinstance(done, TurnDone)
    texts = [piece for piece in pieces if isinstance(piece, TextDelta)]
    assert texts == pieces
    assert sum(piece.tokens for piece in texts) <= asked
    return "".join(piece.text for piece in texts), done, asked


@pytest.mark.parametrize(
    ("tokens", "text", "asked"),
    [
        (["One", ".", " Two", " three", ".", " Four", " five", "."], "One. Two three.", 6),
        (["All", " is", " well", ".", " Next", " one", "."], "All is well.", 5),
        (["He", " said", ' "', "yes", '."', " And", " so"], 'He said "yes."', 6),
        (["We", " saw", " Mr", ".", " Fox", ".", " He", " ran"], "We saw Mr. Fox.", 7),
        (["Take", " 3", ".", "5", " of", " it", "!", " Then", " go"], "Take 3.5 of it!", 8),
        (["It", " goes", " on", "…", " and", " on", "."], "It goes on…", 5),
        (["-", " an", " item", "\n", "-", " another"], "- an item", 5),
        (["わ", "た", "し", "は", "。", "次", "は"], "わたしは。", 6),
    ],
)
def test_an_answer_long_enough_ends_with_its_sentence(tokens: list[str], text: str, asked: int) -> None:
    said, done, used = answer(*tokens, *[" more"] * 20, soft=4)
    assert (said, used) == (text, asked)
    assert done == TurnDone("stop", Usage(text_in=5, text_out=asked, cached=2))


def test_a_sentence_without_end_ends_at_twice_as_much() -> None:
    said, done, asked = answer(*[" on"] * 50, soft=4)
    assert (said, done.reason, asked) == ("on on on on on on on on", "length", 8)


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_what_waits_for_its_sentence_goes_out_where_the_model_ends(reason: str) -> None:
    said, done, _ = answer("It", " is", " an", " end", soft=3, reason=reason)
    assert (said, done) == ("It is an end", TurnDone(done.reason, Usage(text_in=5, text_out=4)))
    assert done.reason == reason


def test_without_a_limit_the_model_ends_it() -> None:
    assert answer(*["Yes.", " "] * 50, soft=0)[0] == " ".join(["Yes."] * 50)


def test_a_thought_takes_nothing_from_the_answer() -> None:
    thought = ["<think>", *["hm"] * 20, "</think>"]
    said, done, used = answer(*thought, "One", ".", " Two", " three", ".", " Four", *[" more"] * 20, soft=4)
    assert (said, used) == ("One. Two three.", len(thought) + 6)
    assert done == TurnDone("stop", Usage(text_in=5, text_out=used, cached=2))


def test_what_only_looks_like_a_thought_is_said_to_its_end() -> None:
    assert answer("<", "thi", soft=0)[0] == "<thi"


def taken(token: str) -> dict[str, Any]:
    """A chunk of one token, with its logarithm and one other that might have stood there."""
    entry = {"id": 1, "token": token, "bytes": list(token.encode()), "logprob": -0.5}
    other = {"id": 2, "token": "x", "bytes": [120], "logprob": -1.5}
    return {"delta": {"content": token}, "logprobs": {"content": [{**entry, "top_logprobs": [entry, other]}]}}


def deltas(*tokens: str, soft: int = 0) -> list[tuple[str, int, str]]:
    """Each piece of what is read, how many tokens it counts for, and the text of the tokens told with it."""
    turn = Turn(TURN.messages, sampling=Sampling(logprobs=True, top_logprobs=1))
    events = [
        json.dumps({"choices": [taken(token)], "timings": {"predicted_n": made}})
        for made, token in enumerate(tokens, 1)
    ]
    found = [event for event in read_answer(turn, [*events, USAGE], soft) if isinstance(event, TextDelta)]
    assert all(len(token.top) == 1 for piece in found for token in piece.logprobs)
    return [(piece.text, piece.tokens, "|".join(token.token for token in piece.logprobs)) for piece in found]


def test_tokens_go_with_their_words() -> None:
    assert deltas("One", " two", ".") == [("One", 1, "One"), (" two", 1, " two"), (".", 1, ".")]


def test_white_space_around_an_answer_takes_its_tokens_with_it() -> None:
    """A token that is partly white space is told whole."""
    assert deltas("\n", " One", ".", "\n\n", " two", ".\n", "\n") == [
        ("One", 2, " One"),
        (".", 1, "."),
        ("\n\n", 1, "\n\n"),
        (" two", 1, " two"),
        (".", 1, ".\n"),
    ]


def test_words_that_waited_come_token_by_token() -> None:
    assert deltas("It", " is", " an", " end", soft=3) == [
        ("It", 1, "It"),
        (" is", 1, " is"),
        (" an", 1, " an"),
        (" end", 1, " end"),
    ]


def test_a_token_that_is_told_in_two_parts_counts_once() -> None:
    assert deltas("Well", ".\n", "Now", "?", soft=0) == [
        ("Well", 1, "Well"),
        (".", 1, ".\n"),
        ("\n", 0, ""),
        ("Now", 1, "Now"),
        ("?", 1, "?"),
    ]


def test_tokens_after_the_last_sentence_are_dropped() -> None:
    assert deltas("One", ".", " Two", " three", ".", " Four", " five", ".", soft=4)[-1] == (".", 1, ".")


def timed(made: int, **delta: Any) -> str:
    return json.dumps({"choices": [{"delta": delta}], "timings": {"cache_n": 2, "prompt_n": 3, "predicted_n": made}})


def test_an_answer_ends_where_nothing_more_fits() -> None:
    events = (timed(made, content=word) for made, word in enumerate(["One", " two", " three", " four"], 1))
    made = [event for event in read_answer(TURN, events, fits=lambda made: made < 3) if event]
    assert "".join(event.text for event in made if isinstance(event, TextDelta)) == "One two three"
    assert made[-1] == TurnDone("length", Usage(text_in=5, text_out=3, cached=2))
    assert next(events)  # and no more was asked for


def test_an_answer_whose_end_is_told_is_over_whatever_fits() -> None:
    events = [timed(1, content="One"), chunk("stop"), USAGE]
    *_, done = read_answer(TURN, events, fits=lambda made: made < 2)
    assert done == TurnDone("stop", Usage(text_in=5, text_out=4))


@pytest.mark.parametrize(("words", "given"), [(("§!{", '"a"', ": 1}"), '{"a"'), (("§", "!{"), None)])
def test_arguments_end_where_nothing_more_fits(words: tuple[str, ...], given: str | None) -> None:
    events = (timed(made, content=word) for made, word in enumerate(words, 1))
    fits = 2 if given else 1
    *calls, done = (
        event for event in read_arguments(TURN, events, first_delta(0, "f"), "§!", lambda made: made < fits) if event
    )
    told = "".join(event.arguments for event in calls if isinstance(event, ToolCallDelta))
    assert (told or None, done) == (given, TurnDone("length", Usage(text_in=5, text_out=fits, cached=2)))


def arguments(*words: str) -> list[Any]:
    events = [*(chunk(content=word) for word in words), chunk("stop"), USAGE]
    return [event for event in read_arguments(TURN, events, first_delta(2, "f"), "§!") if event]


@pytest.mark.parametrize("words", [("§!{}",), ("§", "!", "{}"), ("§", "!{", "}")])
def test_the_mark_is_not_told(words: tuple[str, ...]) -> None:
    head, *rest, done = arguments(*words)
    assert (head.index, head.name, head.arguments) == (2, "f", "")
    assert "".join(piece.arguments for piece in rest) == "{}"
    assert isinstance(done, TurnDone)


def test_what_llama_cpp_takes_for_a_thought_is_read_where_the_model_was_held_to_arguments() -> None:
    events = [chunk(reasoning_content="§!{"), chunk(reasoning_content="}"), chunk("stop"), USAGE]
    made = [event for event in read_arguments(TURN, events, first_delta(0, "f"), "§!") if event]
    assert "".join(event.arguments for event in made if isinstance(event, ToolCallDelta)) == "{}"


@pytest.mark.parametrize("words", [("Hello",), ("§", "?"), (), ("§",)])
def test_an_answer_without_the_mark_is_no_call(words: tuple[str, ...]) -> None:
    with pytest.raises(Unconstrained):
        arguments(*words)


def test_a_stream_that_breaks_off_is_said() -> None:
    with pytest.raises(EngineFailed):
        list(read_arguments(TURN, [chunk(content="§!{")], first_delta(0, "f"), "§!"))
