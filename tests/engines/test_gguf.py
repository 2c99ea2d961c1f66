"""Any GGUF: the library itself loads models that these tests make, and the whole path answers."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ggufs import BROODING, CHATML, KNOWING, Tiny, said
from vivavoce.core.turn import (
    Message,
    Sampling,
    Schema,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    Turn,
    TurnDone,
)
from vivavoce.engines import llama, prompts
from vivavoce.engines.llama import Llama

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Tell the weather.", json.dumps(CITY))
PLAIN = [["\n", "Hello", ", you."], ["\n\n", "Hello", ", you."]]
CALL = ["<tool_call>", '\n{"name":', ' "get_weather"', ', "arguments": {"city":', ' "Rome"}}', "\n</tool_call>"]
THOUGHT = ["<think>", "they want", " a greeting", "</think>"]
ANSWER = ["Hello there.", " Bye.", " Really."]

Make = Callable[..., Llama]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Llama] = []

    def engine(model: Tiny, **options: Any) -> Llama:
        path = model.write(tmp_path / f"tiny-{len(made)}.gguf")
        made.append(Llama(Llama.Options(**{"model": str(path), "instruction": "Be kind.", **options})))
        return made[-1]

    yield engine
    for each in made:
        each.close()


def turn(words: str = "Hi", **more: Any) -> Turn:
    return Turn((Message("user", (Text(words),)),), **more)


def whole(brain: Llama, asked: Turn) -> tuple[list[Any], TurnDone]:
    """All that is told, and the end."""
    *events, done = [event for event in brain.generate(asked) if event is not None]
    assert isinstance(done, TurnDone)
    return events, done


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_it_is_loaded_and_answers(make: Make, architecture: str) -> None:
    events, done = whole(make(Tiny(PLAIN, architecture=architecture)), turn())
    assert (said(events), done.reason, done.usage.text_out) == ("Hello, you.", "stop", 3)


@pytest.mark.parametrize("layers", [-1, 0, 999])
def test_layers_for_a_gpu_are_no_matter_where_there_is_none(make: Make, layers: int) -> None:
    assert said(whole(make(Tiny(PLAIN), gpu_layers=layers), turn())[0]) == "Hello, you."


def test_its_own_chat_template_is_used_or_the_one_it_is_given(make: Make, tmp_path: Path) -> None:
    ends_otherwise = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}{% endfor %}>"
    says = [["\n", "Its own."], [">", "Another."]]
    (tmp_path / "other.jinja").write_text(ends_otherwise)
    assert said(whole(make(Tiny(says)), turn())[0]) == "Its own."
    assert said(whole(make(Tiny(says, ends_otherwise)), turn())[0]) == "Another."
    assert said(whole(make(Tiny(says), template=str(tmp_path / "other.jinja")), turn())[0]) == "Another."


def test_a_call_in_the_models_own_format_is_read(make: Make) -> None:
    brain = make(Tiny([["\n", *CALL], ["\n\n", *CALL]], KNOWING))
    events, done = whole(brain, turn("Is it nice in Rome?", tools=(WEATHER,)))
    assert all(isinstance(event, ToolCallDelta) for event in events)
    assert [(event.index, event.name) for event in events if event.id] == [(0, "get_weather")]
    assert json.loads("".join(event.arguments for event in events)) == {"city": "Rome"}
    assert done.reason == "tool_calls"
    assert done.usage.text_in > whole(brain, turn("Is it nice in Rome?"))[1].usage.text_in + 100  # it was told of it


def test_a_call_after_a_thought_is_read(make: Make) -> None:
    brain = make(Tiny([["\n", *THOUGHT, *CALL]], KNOWING), reasoning=True, max_answer=2)
    events, done = whole(brain, turn("Is it nice in Rome?", tools=(WEATHER,)))
    assert [event.name for event in events if isinstance(event, ToolCallDelta) and event.id] == ["get_weather"]
    assert (said(events), done.reason) == ("", "tool_calls")


def test_what_a_function_answered_reaches_a_model_that_knows_tools(make: Make) -> None:
    brain = make(Tiny(PLAIN, KNOWING))
    call = Message("assistant", (ToolCall("c1", "get_weather", '{"city": "Rome"}'),))
    result = Message("tool", (ToolResult("c1", "sunny"),))
    events, done = whole(brain, Turn((*turn().messages, call, result), tools=(WEATHER,)))
    assert said(events) == "Hello, you."
    without = whole(brain, Turn((*turn().messages, call), tools=(WEATHER,)))[1]
    assert done.usage.text_in > without.usage.text_in


@pytest.mark.parametrize("template", [CHATML, KNOWING])
def test_after_its_own_words_it_answers_anew(make: Make, template: str) -> None:
    brain = make(Tiny(PLAIN, template))
    assert said(whole(brain, Turn((*turn().messages, Message("assistant", (Text("Well"),)))))[0]) == "Hello, you."


@pytest.mark.parametrize("template", [CHATML, KNOWING, BROODING])
def test_a_call_that_must_be_made_is_made_whatever_the_template(make: Make, template: str) -> None:
    brain = make(Tiny([["\n", *THOUGHT, *ANSWER]], template))
    shape = {"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"]}
    tool = Tool("get_weather", "", json.dumps(shape), strict=True)
    events, done = whole(brain, turn("Rome", tools=(tool,), tool_choice=ToolChoice("required")))
    assert json.loads("".join(event.arguments for event in events))["city"] in {"Rome", "Paris"}
    assert done.reason == "tool_calls"


@pytest.mark.parametrize(
    ("trained", "asked", "has"),
    [(512, {}, 512), (16384, {}, 8192), (16384, {"context": 0}, 16384), (2048, {"context": 1024}, 1024)],
)
def test_the_context_is_the_files_where_no_less_was_asked_for(
    make: Make, trained: int, asked: dict[str, int], has: int
) -> None:
    card = make(Tiny(PLAIN, context=trained), **asked).card()
    assert (card.context, card.max_output) == (has, has)


def test_a_small_context_of_the_file_is_each_answers_own(make: Make) -> None:
    """Four prompts that fill 512 tokens each, with 2048 to share, are in work side by side."""
    brain = make(Tiny(PLAIN, context=512), context=2048)
    together, entered = threading.Barrier(4, timeout=10), []
    run = brain._llama.run

    def at_once(body: str) -> Any:
        together.wait()
        entered.append(1)
        return run(body)

    brain._llama.run = at_once  # pyright: ignore[reportAttributeAccessIssue]
    ends: list[TurnDone] = []
    threads = [threading.Thread(target=lambda: ends.append(whole(brain, turn("a" * 400))[1])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entered) == len(ends) == 4
    assert all(400 < end.usage.text_in < 512 for end in ends)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (lambda whole: b"", "is not a GGUF file"),
        (lambda whole: b"PK\x03\x04" + whole, "is not a GGUF file"),
        (lambda whole: whole[: len(whole) // 2], "cannot load .*: .*corrupted or incomplete"),
        (lambda whole: whole[:3000], "cannot load .*: .+"),
        (lambda whole: whole[:4] + b"\x63" + whole[5:], "cannot load .*: .*version 99"),
        (lambda whole: whole.replace(b"llama", b"lalma"), "cannot load .*: unknown model architecture: 'lalma'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], broken: Callable[[bytes], bytes], why: str
) -> None:
    path = Tiny().write(tmp_path / "tiny.gguf")
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"tiny\.gguf.*{why.removeprefix('cannot load .*')}|{why}") as refused:
        Llama(Llama.Options(model=str(path)))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


CLOSED_AT_ONCE = """
import sys
from vivavoce.engines.llamacpp import LlamaCpp, Loading
for _ in range(5):
    LlamaCpp(Loading(sys.argv[1], 512, 4, 0, 1)).close()
"""


def test_a_model_that_was_asked_nothing_is_freed(tmp_path: Path) -> None:
    """In a process of its own: one that waits for llama.cpp to begin what it was told to end stands still for ever."""
    model = Tiny().write(tmp_path / "tiny.gguf")
    subprocess.run([sys.executable, "-c", CLOSED_AT_ONCE, str(model)], timeout=60, check=True)


@pytest.mark.parametrize("template", [CHATML, KNOWING, BROODING])
def test_a_thought_is_counted_and_not_said(make: Make, template: str) -> None:
    opened = THOUGHT[1:] if template is BROODING else THOUGHT
    brain = make(Tiny([["\n", *opened, *ANSWER]], template), reasoning=True)
    events, done = whole(brain, turn())
    assert (said(events), done.reason) == ("".join(ANSWER), "stop")
    assert done.usage.text_out == len(opened) + len(ANSWER) + 1
    assert sum(event.tokens for event in events) == len(opened) + len(ANSWER)


def test_only_a_small_model_is_shown_how_to_be_short_and_made_to(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [f" {number} sheep." for number in range(20)]
    model = Tiny([["\n", *sentences]])
    monkeypatch.setattr(prompts, "SHORT", 5)
    short = whole(make(model, instruction=None), turn())
    assert (said(short[0]), short[1].reason) == ("".join(sentences[:5]).strip(), "stop")
    monkeypatch.setattr(llama, "SMALL", 0)
    larger = make(model, instruction=None)
    assert larger.card().note == ""
    long = whole(larger, turn())
    assert (said(long[0]), long[1].reason) == ("".join(sentences).strip(), "stop")
    assert short[1].usage.text_in > long[1].usage.text_in + 50


def test_a_template_is_told_whether_to_have_the_model_think(make: Make) -> None:
    model = Tiny([["\n", *THOUGHT, "Slowly."], ["\n\n", "At once."]], KNOWING)
    assert said(whole(make(model), turn())[0]) == "At once."
    assert said(whole(make(model, reasoning=True), turn())[0]) == "Slowly."


@pytest.mark.parametrize("template", [CHATML, KNOWING, BROODING])
def test_a_thought_takes_nothing_from_the_answer(make: Make, template: str) -> None:
    opened = [] if template is BROODING else ["<think>"]
    opened += [f" {number} sheep." for number in range(20)] + ["</think>"]
    brain = make(Tiny([["\n", *opened, *ANSWER]], template), reasoning=True, max_answer=6)
    events, done = whole(brain, turn())
    assert (said(events), done.reason) == ("".join(ANSWER), "stop")


@pytest.mark.parametrize("template", [CHATML, KNOWING])
def test_a_thought_without_end_says_nothing(make: Make, template: str) -> None:
    brain = make(Tiny([["\n", *THOUGHT[:-1]]], template), reasoning=True)
    events, done = whole(brain, turn(sampling=Sampling(logprobs=True)))
    assert (events, done.usage.text_out) == ([], 4)


@pytest.mark.parametrize("template", [CHATML, KNOWING])
def test_tokens_are_told_of_the_answer_alone(make: Make, template: str) -> None:
    brain = make(Tiny([["\n", *THOUGHT, *ANSWER]], template), reasoning=True)
    events, _ = whole(brain, turn(sampling=Sampling(logprobs=True, top_logprobs=2)))
    tokens = [token for event in events if isinstance(event, TextDelta) for token in event.logprobs]
    assert [token.token for token in tokens] == ANSWER
    assert all(len(token.top) == 2 for token in tokens)


@pytest.mark.parametrize("template", [CHATML, KNOWING, BROODING])
@pytest.mark.parametrize("reasoning", [False, True])
def test_an_answer_in_json_is_json_whether_it_thinks_or_not(make: Make, template: str, *, reasoning: bool) -> None:
    opened = THOUGHT[1:] if template is BROODING else THOUGHT
    brain = make(Tiny([["\n", *opened, *ANSWER]], template), reasoning=reasoning)
    events, done = whole(brain, turn(schema=Schema("it", json.dumps({"const": "yes"}))))
    assert (json.loads(said(events)), done.reason) == ("yes", "stop")
