"""The messages of a request, taken together: what a part may be, and what must follow what."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from vivavoce.core.errors import BadRequest
from vivavoce.wire.request import (
    AssistantMessage,
    FileBody,
    FilePart,
    ImagePart,
    RequestMessage,
    ToolMessage,
    UserMessage,
)

SHOWN_CALLS = 8


def check(messages: Sequence[RequestMessage]) -> None:
    """Refuse a conversation that cannot be.

    Raises:
        BadRequest: a part of a kind these models do not take, an answer of nothing, a tool call without its result, or
            a result without its call.
    """
    for index, message in enumerate(messages):
        if isinstance(message, UserMessage):
            _check_parts(index, message)
        elif isinstance(message, AssistantMessage):
            _check_assistant(index, message)
    _check_calls(messages)


def _check_parts(index: int, message: UserMessage) -> None:
    for place, part in enumerate(() if isinstance(message.content, str) else message.content):
        if isinstance(part, ImagePart):
            words = "This model does not support image_url content."
            raise BadRequest(words, param=f"messages[{index}].content", code="invalid_value")
        if isinstance(part, FilePart):
            _check_file(f"messages[{index}].content[{place}].file", part.file)


def _check_file(path: str, file: FileBody) -> None:
    if file.file_id is not None:
        words = f"Unsupported parameter: '{path}.file_id'. Chats read no kept files: send the PDF in 'file_data'."
        raise BadRequest(words, param=f"{path}.file_id", code="unsupported_parameter")
    if file.file_data is None:
        param = f"{path}.file_data"
        raise BadRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def _check_assistant(index: int, message: AssistantMessage) -> None:
    if message.content is None and not (message.audio or message.tool_calls or message.function_call):
        param = f"messages[{index}].content"
        raise BadRequest(
            f"Invalid value for 'content': expected a string, got null. (at '{param}')", param=param, code=None
        )


def _check_calls(messages: Sequence[RequestMessage]) -> None:
    """Every call is answered by the tool messages right after it, and every tool message answers a call."""
    waiting: Counter[str] = Counter()
    for index, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if not waiting[message.tool_call_id]:
                words = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'."
                )
                raise BadRequest(words, param=f"messages.[{index}].role")
            waiting[message.tool_call_id] -= 1
            continue
        _check_none(waiting)
        if isinstance(message, AssistantMessage):
            waiting = Counter(call.id for call in message.tool_calls or ())
    _check_none(waiting)


def _check_none(waiting: Counter[str]) -> None:
    unanswered = list(islice(waiting.elements(), SHOWN_CALLS))
    if unanswered:
        named = ", ".join(call[:64] for call in unanswered)
        words = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {named}"
        )
        raise BadRequest(words, param="messages")
