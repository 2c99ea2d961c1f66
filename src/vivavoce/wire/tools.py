"""The tools of a request, in the newer form and in the older one of `functions`."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import Tool, ToolChoice

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+$(?!\n)", max_length=64)]
"""Python's `$` alone would let a line end through."""
Mode: TypeAlias = Literal["none", "auto", "required"]
_Path: TypeAlias = "tuple[_Path, tuple[str, ...]] | None"
"""The way to a schema within a schema: the way to the one around it, and from there."""
SHOWN_CHARACTERS = 64
SHOWN_STEPS = 8


class FunctionBody(Struct):
    """A function the model may call."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | UnsetType | None = UNSET
    """JSON Schema of its arguments; none: it takes none. A strict function may have null, but must not leave it out."""
    strict: bool | None = None


class FunctionTool(Struct, tag_field="type", tag="function"):
    """A tool that is a function."""

    function: FunctionBody


class CustomTool(Struct, tag_field="type", tag="custom"):
    """A tool that takes free text: known, and refused."""

    custom: Any = None


class NamedFunction(Struct):
    """A function, by its name."""

    name: str


class FunctionChoice(Struct, tag_field="type", tag="function"):
    """This function must be called."""

    function: NamedFunction


class AllowedBody(Struct):
    """Only some of the tools, in a mode."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[FunctionChoice], Meta(min_length=1, max_length=128)]


class AllowedChoice(Struct, tag_field="type", tag="allowed_tools"):
    """Only some of the tools may be called."""

    allowed_tools: AllowedBody


class CustomChoice(Struct, tag_field="type", tag="custom"):
    """A custom tool must be called: known, and refused."""

    custom: Any = None


Choice: TypeAlias = Mode | FunctionChoice | AllowedChoice | CustomChoice


class Tools(Struct, frozen=True):
    """What a request says of tools."""

    tools: list[FunctionTool | CustomTool] | None
    tool_choice: Choice | None
    parallel: bool
    functions: list[FunctionBody] | None
    function_call: Literal["none", "auto"] | NamedFunction | None

    @property
    def legacy(self) -> bool:
        """Whether calls are to be answered in the older form."""
        return not self.tools and bool(self.functions)

    @property
    def choice(self) -> Choice | NamedFunction | None:
        """The choice, in the form the functions have."""
        return self.function_call if self.legacy else self.tool_choice

    @property
    def named(self) -> bool:
        """Whether one tool must be called: the original then ends with `stop`."""
        return isinstance(self.choice, FunctionChoice | NamedFunction)


def check(asked: Tools) -> None:
    """Refuse tools that cannot be.

    Raises:
        BadRequest: a tool is no function, a strict one's schema is not strict, or the choice is of none of them.
    """
    functions = list(_functions(asked))
    for place, body in functions:
        problem = _not_strict(body.parameters or {}) if body.strict and body.parameters is not None else None
        if problem:
            raise BadRequest(
                f"Invalid schema for function '{body.name}': {problem}",
                param=f"{place}.parameters",
                code="invalid_function_parameters",
            )
    if not functions and isinstance(asked.function_call, NamedFunction):
        raise _not_alone("function_call", "functions")
    choice_of(asked, tuple(Tool(body.name) for _, body in functions))


def tools_of(asked: Tools) -> tuple[Tool, ...]:
    """The functions the model may call.

    Raises:
        BadRequest: a tool is no function, or its schema too deep.
    """
    return tuple(
        Tool(
            body.name,
            body.description or "",
            json_text(body.parameters or {}, f"{place}.parameters"),
            bool(body.strict),
        )
        for place, body in _functions(asked)
    )


def choice_of(asked: Tools, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Which of the functions may be called, and whether one must be.

    Raises:
        BadRequest: the choice names none of the functions, or none were given.
    """
    choice = asked.choice
    if isinstance(choice, CustomChoice):
        raise BadRequest("This model does not support custom tools.", param="tool_choice", code="unsupported_value")
    if not tools and choice not in (None, "auto", "none"):
        raise _not_alone("tool_choice", "tools")
    known = {tool.name: tool for tool in reversed(tools)}
    named = _names(choice)
    for name in named:
        if name not in known:
            field, kind = ("function_call", "functions") if asked.legacy else ("tool_choice", "tools")
            raise BadRequest(f"Invalid value for '{field}': '{name[:64]}' is not one of the {kind}.", param=field)
    if isinstance(choice, AllowedChoice):
        allowed = tuple({name: known[name] for name in named}.values())
        return allowed, ToolChoice(choice.allowed_tools.mode, parallel=asked.parallel)
    if isinstance(choice, FunctionChoice | NamedFunction):
        return tools, ToolChoice("required", named[0], parallel=False)
    return tools, ToolChoice(choice or "auto", parallel=asked.parallel and not asked.legacy)


def json_text(schema: dict[str, Any], param: str) -> str:
    """A JSON Schema as JSON text.

    Raises:
        BadRequest: it is too deep to be written.
    """
    try:
        return msgspec.json.encode(schema).decode()
    except RecursionError:
        raise BadRequest(f"Invalid '{param}': nested too deeply.", param=param, code="invalid_value") from None


def _functions(asked: Tools) -> Iterator[tuple[str, FunctionBody]]:
    for index, tool in enumerate(asked.tools or ()):
        if isinstance(tool, CustomTool):
            place = f"tools[{index}].type"
            raise BadRequest("This model does not support custom tools.", param=place, code="unsupported_value")
        yield f"tools[{index}].function", tool.function
    if not asked.tools:
        yield from ((f"functions[{index}]", body) for index, body in enumerate(asked.functions or ()))


def _names(choice: Choice | NamedFunction | None) -> list[str]:
    if isinstance(choice, NamedFunction):
        return [choice.name]
    if isinstance(choice, FunctionChoice):
        return [choice.function.name]
    return [each.function.name for each in choice.allowed_tools.tools] if isinstance(choice, AllowedChoice) else []


def _not_alone(choice: str, functions: str) -> BadRequest:
    words = f"Invalid value for '{choice}': '{choice}' is only allowed when '{functions}' are specified."
    return BadRequest(words, param=choice)


def _not_strict(schema: dict[str, Any]) -> str | None:
    """What keeps a schema from being strict, if anything does: every object closed, every property required.

    Whatever its size and depth, in a time that goes with its size.
    """
    found: list[tuple[_Path, dict[str, Any]]] = [(None, {"type": "object", **schema})]
    for path, each in found:
        problem = _open(each)
        if problem:
            return f"In context={_context(path)}, {problem}"
        found += [((path, steps), cast("dict[str, Any]", i)) for steps, i in _inner(each) if isinstance(i, dict)]
    return None


def _open(schema: dict[str, Any]) -> str | None:
    properties = schema.get("properties")
    kind: object = schema.get("type")
    kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
    if not isinstance(properties, dict) and "object" not in kinds:
        return None
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required: object = schema.get("required")
    listed = cast("list[object]", required) if isinstance(required, list) else []
    names = {name for name in listed if isinstance(name, str)}
    for name in cast("dict[str, Any]", properties) if isinstance(properties, dict) else ():
        if name not in names:
            return (
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{name[:SHOWN_CHARACTERS]}'."
            )
    return None


def _inner(schema: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """The schemas within a schema, each with the way to it."""
    for key in ("properties", "$defs", "definitions"):
        named: object = schema.get(key)
        if isinstance(named, dict):
            yield from (((key, name), inner) for name, inner in cast("dict[str, object]", named).items())
    yield ("items",), schema.get("items")
    either: object = schema.get("anyOf")
    if isinstance(either, list):
        yield from ((("anyOf", str(i)), inner) for i, inner in enumerate(cast("list[object]", either)))


def _context(path: "_Path") -> str:
    """The way to a schema, as the original writes it; a long one's end."""
    steps: list[str] = []
    while path is not None and len(steps) < SHOWN_STEPS:
        path, last = path
        steps[:0] = [step[:SHOWN_CHARACTERS] for step in last]
    return str(tuple(steps))
