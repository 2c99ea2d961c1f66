"""Functions that the model may call."""

from typing import Any

from vivavoce.conform.asking import Chunks, aloud, arguments, choice, message, streamed, user
from vivavoce.conform.check import Group
from vivavoce.conform.seen import Seen, fail
from vivavoce.conform.subject import Subject

GROUP = Group("tools")
UNITS = ["celsius", "fahrenheit"]
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather forecast for a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name."},
            "unit": {"type": "string", "enum": UNITS},
            "days": {"type": "integer", "description": "How many days ahead."},
        },
        "required": ["city", "unit", "days"],
        "additionalProperties": False,
    },
}
CLOCK: dict[str, Any] = {
    "name": "get_time",
    "description": "The time of day in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS = [{"type": "function", "function": function} for function in (WEATHER, CLOCK)]
NAMED = {"type": "function", "function": {"name": "get_weather"}}
QUESTION = "What is the weather in Paris for the next three days, in celsius?"


async def asked(subject: Subject, **more: Any) -> dict[str, Any]:
    """What asks with tools at hand."""
    return {"messages": [await user(subject, QUESTION)], "tools": TOOLS} | more


async def named(subject: Subject) -> Seen:
    """The answer where a function is named."""
    return (await subject.chat(**await asked(subject, tool_choice=NAMED))).json()


async def named_stream(subject: Subject) -> Chunks:
    """The same, streamed."""
    return await streamed(subject, **await asked(subject, tool_choice=NAMED))


def _call(call: Seen, *names: str) -> Seen:
    """A call of one of these functions; its arguments."""
    call["id"].text()
    call["type"].one_of("function")
    call["function"]["name"].one_of(*names)
    return arguments(call)


def _fits(found: Seen) -> None:
    """The arguments are as the strict schema of the weather says."""
    if set(found.fields()) != {"city", "unit", "days"}:
        fail("arguments city, unit and days", f"{len(found.fields())} others")
    found["city"].text(filled=False)
    found["unit"].one_of(*UNITS)
    if not isinstance(found["days"].value, int) or isinstance(found["days"].value, bool):
        found["days"].is_not("a whole number")


@GROUP.must
async def named_is_called(subject: Subject) -> None:
    """A function that `tool_choice` names is called, and no other."""
    for call in message(await subject.once(named))["tool_calls"].items(least=1):
        _call(call, "get_weather")


@GROUP.must
async def named_ends(subject: Subject) -> None:
    """An answer that calls ends with `tool_calls`, or with `stop` where the function was named."""
    choice(await subject.once(named))["finish_reason"].one_of("tool_calls", "stop")


@GROUP.should
async def content_is_null(subject: Subject) -> None:
    """An answer that only calls has `content: null`."""
    message(await subject.once(named))["content"].null()


@GROUP.must
async def strict_arguments(subject: Subject) -> None:
    """Arguments of a strict function are as its schema says."""
    _fits(_call(message(await subject.once(named))["tool_calls"].items(least=1)[0], "get_weather"))


@GROUP.must
async def required(subject: Subject) -> None:
    """With `tool_choice` `required` a function is called, and the answer ends with `tool_calls`."""
    answer = (await subject.chat(**await asked(subject, tool_choice="required"))).json()
    for call in message(answer)["tool_calls"].items(least=1):
        _call(call, "get_weather", "get_time")
    choice(answer)["finish_reason"].one_of("tool_calls", "stop")


@GROUP.must
async def none(subject: Subject) -> None:
    """With `tool_choice` `none` nothing is called, and there is an answer."""
    found = message((await subject.chat(**await asked(subject, tool_choice="none"))).json())
    if found.get("tool_calls") is not None:
        found["tool_calls"].is_not("nothing")
    found["content"].text()


@GROUP.must
async def auto(subject: Subject) -> None:
    """With `auto` the model calls and ends with `tool_calls`, or says something and ends otherwise."""
    found = choice((await subject.chat(**await asked(subject, tool_choice="auto"))).json())
    calls = found["message"].get("tool_calls")
    if calls is None:
        found["message"]["content"].text()
        found["finish_reason"].one_of("stop", "length")
        return
    found["finish_reason"].one_of("tool_calls")
    for call in calls.items(least=1):
        _call(call, "get_weather", "get_time")


@GROUP.should
async def allowed(subject: Subject) -> None:
    """`allowed_tools` with `required` has one of the allowed called."""
    allowed_tools = {"mode": "required", "tools": [NAMED]}
    choice_of = {"type": "allowed_tools", "allowed_tools": allowed_tools}
    found = message((await subject.chat(**await asked(subject, tool_choice=choice_of))).json())
    for call in found["tool_calls"].items(least=1):
        _call(call, "get_weather")


@GROUP.must
async def one_at_a_time(subject: Subject) -> None:
    """With `parallel_tool_calls` false there is one call."""
    more = {"tool_choice": "required", "parallel_tool_calls": False}
    calls = message((await subject.chat(**await asked(subject, **more))).json())["tool_calls"]
    if len(calls.items(least=1)) != 1:
        calls.is_not("a list of 1")


@GROUP.must
async def parallel(subject: Subject) -> None:
    """Calls side by side have ids of their own."""
    messages = [await user(subject, "What is the weather in Paris, and what time is it in Rome?")]
    more = {"messages": messages, "tool_choice": "required", "parallel_tool_calls": True}
    calls = message((await subject.chat(**await asked(subject, **more))).json())["tool_calls"].items(least=1)
    for call in calls:
        _call(call, "get_weather", "get_time")
    if len({call["id"].text() for call in calls}) != len(calls):
        fail("an id for each call", "the same twice")


def _pieces(stream: Chunks) -> list[Seen]:
    found = [calls for delta in stream.deltas() if (calls := delta.get("tool_calls")) is not None]
    return [piece for calls in found for piece in calls.items()]


@GROUP.must
async def streamed_once(subject: Subject) -> None:
    """In a stream every piece of a call has its `index`, and the first alone its `id` and name: helpers join them."""
    begun: set[int] = set()
    for piece in _pieces(await subject.once(named_stream)):
        index = piece["index"].whole()
        if index not in begun:
            piece["id"].text()
            piece["type"].one_of("function")
            piece["function"]["name"].one_of("get_weather")
            begun.add(index)
            continue
        function = piece.get("function")
        for again in (piece.get("id"), function and function.get("name")):
            if again is not None:
                again.is_not("nothing after the first piece")
    if not begun:
        fail("a call", "none")


@GROUP.must
async def streamed_arguments(subject: Subject) -> None:
    """The pieces of the arguments, joined, are as the strict schema says."""
    joined = ""
    for piece in _pieces(await subject.once(named_stream)):
        if not piece["index"].whole() and (function := piece.get("function")) is not None:
            joined += function["arguments"].text(filled=False) if function.get("arguments") else ""
    _fits(Seen.parsed(joined, "the joined arguments"))


@GROUP.must
async def streamed_end(subject: Subject) -> None:
    """A stream that calls ends with `tool_calls`, or with `stop` where the function was named, once."""
    reasons = (await subject.once(named_stream)).reasons()
    if len(reasons) != 1:
        fail("finish_reason once", str(len(reasons)))
    reasons[0].one_of("tool_calls", "stop")


async def _told(subject: Subject, content: Any) -> list[dict[str, Any]]:
    """The conversation with the result of every call in it."""
    called = message(await subject.once(named))
    calls = called["tool_calls"].items(least=1)
    results = [{"role": "tool", "tool_call_id": call["id"].text(), "content": content} for call in calls]
    return [await user(subject, QUESTION), called.fields(), *results]


@GROUP.must
async def result(subject: Subject) -> None:
    """The result of a call is taken, and answered."""
    messages = await _told(subject, '{"weather": "sunny", "degrees": 21}')
    more = {"messages": messages, "tool_choice": "none"}
    message((await subject.chat(**await asked(subject, **more))).json())["content"].text()


@GROUP.should
async def result_in_parts(subject: Subject) -> None:
    """The result of a call may be a list of text parts."""
    messages = await _told(subject, [{"type": "text", "text": "sunny"}])
    more = {"messages": messages, "tool_choice": "none"}
    message((await subject.chat(**await asked(subject, **more))).json())["content"].text()


@GROUP.must
async def called_aloud(subject: Subject) -> None:
    """With `modalities` of audio a call is a call, without sound."""
    found = message((await subject.chat(**aloud(subject, tools=TOOLS, tool_choice=NAMED))).json())
    _call(found["tool_calls"].items(least=1)[0], "get_weather")
    if found.get("audio") is not None:
        found["audio"].is_not("nothing beside calls")


@GROUP.must
async def result_aloud(subject: Subject) -> None:
    """The result of a call is answered aloud."""
    more: dict[str, Any] = {"messages": await _told(subject, "sunny"), "tools": TOOLS, "tool_choice": "none"}
    message((await subject.chat(**aloud(subject, **more))).json())["audio"]["transcript"].text()
