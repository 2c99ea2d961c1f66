"""The tools of a turn and the shape of its answer, as the chat API writes them, and what is told of a wrong schema."""

from typing import Any

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import ANY_OBJECT, Turn
from vivavoce.engines.schemas import Shape, parsed

NO_OBJECT = "it is not a JSON Schema object"


def tools_of(turn: Turn) -> list[dict[str, Any]]:
    """The tools of a turn.

    Raises:
        BadRequest: the parameters of one are no JSON Schema.
    """
    return [{"type": "function", "function": _function(turn, index)} for index in range(len(turn.tools))]


def answer_format(turn: Turn) -> dict[str, Any]:
    """`response_format`, or nothing where an answer may be any words.

    Raises:
        BadRequest: the schema of the answer is none.
    """
    if turn.schema is None:
        return {}
    if turn.schema == ANY_OBJECT:
        return {"response_format": {"type": "json_object"}}
    shape = parsed(turn.schema.json)
    if shape is None:
        raise bad_schema(turn.schema.name)
    schema = {"name": turn.schema.name, "strict": turn.schema.strict, "schema": shape}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def parameters_of(turn: Turn, index: int) -> Shape:
    """The JSON Schema of a tool's arguments; empty where it takes none.

    Raises:
        BadRequest: it is not JSON, or not an object.
    """
    shape = parsed(turn.tools[index].parameters)
    if shape is None:
        raise bad_parameters(turn, index, NO_OBJECT)
    return shape


def bad_parameters(turn: Turn, index: int, why: str) -> BadRequest:
    """The schema of a tool's arguments cannot be followed."""
    message = f"Invalid schema for function '{turn.tools[index].name}': {why}."
    return BadRequest(message, param=f"tools[{index}].function.parameters", code="invalid_function_parameters")


def bad_schema(name: str) -> BadRequest:
    """The schema of an answer cannot be followed."""
    message = f"Invalid schema for response_format '{name}': it is not JSON Schema that this model can follow."
    return BadRequest(message, param="response_format", code="invalid_json_schema")


def _function(turn: Turn, index: int) -> dict[str, Any]:
    tool = turn.tools[index]
    body: dict[str, Any] = {"name": tool.name}
    if tool.description:  # some servers refuse an empty one
        body["description"] = tool.description
    body["parameters"] = parameters_of(turn, index) or {"type": "object", "properties": {}}
    return body | {"strict": True} if tool.strict else body
