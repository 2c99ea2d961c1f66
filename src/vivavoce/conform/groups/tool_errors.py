"""What is wrong with tools, and the older form of them."""

from typing import Any

from vivavoce.conform.asking import arguments, choice
from vivavoce.conform.groups.tools import CLOCK, GROUP, NAMED, QUESTION, asked
from vivavoce.conform.subject import Subject


@GROUP.must
async def legacy_functions(subject: Subject) -> None:
    """The older `functions` with a named `function_call` give a `function_call`."""
    more: dict[str, Any] = {"tools": None, "functions": [CLOCK], "function_call": {"name": "get_time"}}
    found = choice((await subject.chat(**await asked(subject, **more))).json())
    call = found["message"]["function_call"]
    call["name"].one_of("get_time")
    arguments(found["message"], "function_call")
    found["finish_reason"].one_of("function_call", "stop")


@GROUP.must
async def unanswered(subject: Subject) -> None:
    """A call without its result is 400, in the envelope."""
    function = {"name": "get_time", "arguments": "{}"}
    called = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    user = {"role": "user", "content": QUESTION}
    (await subject.chat(**await asked(subject, messages=[user, called, user]))).refused(400)


@GROUP.must
async def no_such_call(subject: Subject) -> None:
    """A result without its call is 400, in the envelope."""
    messages = [{"role": "user", "content": QUESTION}, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    (await subject.chat(**await asked(subject, messages=messages))).refused(400)


@GROUP.should
async def no_such_tool(subject: Subject) -> None:
    """A `tool_choice` of a function that is none of the tools is 400, `param` `tool_choice`."""
    tools = [{"type": "function", "function": CLOCK}]
    (await subject.chat(**await asked(subject, tools=tools, tool_choice=NAMED))).refused(400, param="tool_choice")


@GROUP.should
async def loose_strict_schema(subject: Subject) -> None:
    """A strict function whose schema is not is `invalid_function_parameters`."""
    tools = [{"type": "function", "function": CLOCK | {"strict": True}}]
    told = {"param": "tools[0].function.parameters", "code": "invalid_function_parameters"}
    (await subject.chat(**await asked(subject, tools=tools))).refused(400, **told)
