"""Any GGUF: the library itself loads models that these tests make, and the whole path answers."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ggufs import CHATML, KNOWING, Tiny, said
from vivavoce.core.turn import (
    Message,
    Text,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    TurnDone,
)
from vivavoce.engines.llama import Llama

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Tell the weather.", json.dumps(CITY))
PLAIN = [["\n", "Hello", ", you."], ["\n\n", "Hello", ", you."]]
CALL = ["<tool_call>", '\n{"name":', ' "get_weather"', ', "arguments": {"city":', ' "Rome"}}', "\n</tool_call>"]

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
