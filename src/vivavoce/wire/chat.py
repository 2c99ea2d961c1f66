"""A chat completion request, from bytes to a turn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vivavoce.core.errors import BadRequest
from vivavoce.core.turn import (
    ANY_OBJECT,
    Message,
    Part,
    Reason,
    Role,
    Schema,
    Speech,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from vivavoce.wire import conversation, sampling, strictness, tools
from vivavoce.wire.bodies import check_text, read
from vivavoce.wire.completion import FinishReason
from vivavoce.wire.request import (
    DECODER,
    AssistantMessage,
    AudioPart,
    ChatRequest,
    FilePart,
    FunctionMessage,
    InputAudio,
    JsonObjectFormat,
    JsonSchemaFormat,
    RefusalPart,
    RequestMessage,
    ResponseFormat,
    TextPart,
    ToolMessage,
    UserMessage,
)
from vivavoce.wire.supported import SUPPORTED


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands in the request."""

    message: int
    part: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in the request, still as it was sent."""

    place: Place
    sent: InputAudio

    @property
    def param(self) -> str:
        """The path of its data."""
        return f"messages[{self.place.message}].content[{self.place.part}].input_audio.data"

    def take(self) -> str:
        """Its data, once: the request lets them go."""
        data, self.sent.data = self.sent.data, ""
        return data


def decode(body: bytes, *, strict: bool = False) -> ChatRequest:
    """Read a request's body.

    Raises:
        BadRequest: not JSON, not a chat request, or one that contradicts itself; with `strict` also one that the
            original would have refused.
    """
    request = read(DECODER, body, SUPPORTED)
    conversation.check(request.messages)
    check_text(body, _encoded(request))
    tools.check(request.about_tools)
    _check_audio(request)
    sampling.check(request)
    if strict:
        strictness.check(request, body, hears=any(True for _ in recordings(request)))
    return request


def check_budget(request: ChatRequest, max_output: int) -> None:
    """Refuse a budget of more tokens than the model can answer in.

    Raises:
        BadRequest: the field that counts asks for more than `max_output`.
    """
    budget = request.budget
    if budget is not None and budget > max_output:
        raise BadRequest(
            f"max_tokens is too large: {budget}. This model supports at most {max_output} completion tokens, whereas "
            f"you provided {budget}.",
            param="max_tokens" if request.max_completion_tokens is None else "max_completion_tokens",
            code="invalid_value",
        )


def recordings(request: ChatRequest) -> Iterator[Recording]:
    """The recordings of a request, in order."""
    for m, message in enumerate(request.messages):
        if isinstance(message, UserMessage) and not isinstance(message.content, str):
            for p, part in enumerate(message.content):
                if isinstance(part, AudioPart):
                    yield Recording(Place(m, p), part.input_audio)


def hears(request: ChatRequest, *, recalls: bool) -> bool:
    """Whether it takes an ear: for recordings since the last answer, or for any where what was heard is not recalled.

    Whoever answered before has heard the others. One whose words are gone is heard all the same.
    """
    answered = [m for m, message in enumerate(request.messages) if isinstance(message, AssistantMessage)]
    first = answered[-1] if recalls and answered else 0
    return any(recording.place.message >= first for recording in recordings(request))


def _encoded(request: ChatRequest) -> int:
    """How long the files in a request are together, recordings and documents, as they were sent."""
    contents = [message.content for message in request.messages if isinstance(message, UserMessage)]
    parts = [part for content in contents if not isinstance(content, str) for part in content]
    sounds = sum(len(part.input_audio.data) for part in parts if isinstance(part, AudioPart))
    return sounds + sum(len(part.file.file_data or "") for part in parts if isinstance(part, FilePart))


def references(request: ChatRequest) -> Iterator[tuple[int, str]]:
    """The earlier spoken answers a request names: the message's index, and the answer's id."""
    for m, message in enumerate(request.messages):
        if isinstance(message, AssistantMessage) and message.audio is not None:
            yield m, message.audio.id


def not_found(message: int, answer: str) -> BadRequest:
    """The error for a spoken answer's id that is unknown or expired."""
    shown = answer if answer.isascii() and answer.isprintable() and len(answer) <= 64 else "audio"
    return BadRequest(
        f"Assistant audio {shown} not found.", param=f"content.messages[{message}].audio.id", code="audio_not_found"
    )


def to_turn(request: ChatRequest, taken: Mapping[Place, Speech | Text], said: Mapping[int, Speech]) -> Turn:
    """The turn a request asks for.

    Args:
        request: as decoded.
        taken: the sound of each recording, and the text of each file.
        said: the earlier spoken answer that each message names.

    Raises:
        BadRequest: a schema is too deep.
    """
    messages = tuple(
        Message(_role(message), tuple(_parts(m, message, taken, said))) for m, message in enumerate(request.messages)
    )
    callable_tools, choice = tools.choice_of(request.about_tools, tools.tools_of(request.about_tools))
    schema = schema_of(request.response_format)
    return Turn(
        messages,
        callable_tools,
        choice,
        voice=voice_of(request),
        live=bool(request.stream),
        schema=schema,
        sampling=sampling.chosen(request),
    )


def schema_of(form: ResponseFormat | None) -> Schema | None:
    """The shape of JSON an answer must have; None: any words."""
    if isinstance(form, JsonObjectFormat):
        return ANY_OBJECT
    if isinstance(form, JsonSchemaFormat):
        body = form.json_schema
        text = tools.json_text(body.schema or {}, "response_format.json_schema.schema")
        return Schema(body.name, text, bool(body.strict))
    return None


def finish_reason(request: ChatRequest, reason: Reason) -> FinishReason:
    """Why an answer ended, in the original's word for this request."""
    if reason != "tool_calls":
        return reason
    if request.about_tools.named:
        return "stop"
    return "function_call" if request.about_tools.legacy else "tool_calls"


def voice_of(request: ChatRequest) -> str | None:
    """The voice asked for; None: a text answer."""
    if not request.speaks or request.audio is None:
        return None
    voice = request.audio.voice
    return voice if isinstance(voice, str) else voice.id


def _check_audio(request: ChatRequest) -> None:
    if not request.speaks:
        return
    if request.audio is None:
        raise BadRequest("Missing required parameter: 'audio'.", param="audio", code="missing_required_parameter")
    if request.stream and request.audio.format != "pcm16":
        raise BadRequest(
            f"Unsupported value: 'audio.format' does not support '{request.audio.format}' when stream=true. "
            "Supported values are: 'pcm16'.",
            param="audio.format",
            code="unsupported_value",
        )


def _role(message: RequestMessage) -> Role:
    if isinstance(message, UserMessage):
        return "user"
    if isinstance(message, AssistantMessage):
        return "assistant"
    return "tool" if isinstance(message, ToolMessage | FunctionMessage) else "system"


def _parts(
    index: int, message: RequestMessage, taken: Mapping[Place, Speech | Text], said: Mapping[int, Speech]
) -> Iterator[Part]:
    if isinstance(message, ToolMessage):
        yield ToolResult(message.tool_call_id, "".join(part.text for part in _texts(message.content)))
    elif isinstance(message, FunctionMessage):
        yield ToolResult(message.name, message.content or "")
    elif isinstance(message, AssistantMessage):
        yield from _answered(index, message, said)
    elif isinstance(message.content, str):
        yield Text(message.content)
    else:
        for p, part in enumerate(message.content):
            yield Text(part.text) if isinstance(part, TextPart) else taken[Place(index, p)]


def _answered(index: int, message: AssistantMessage, said: Mapping[int, Speech]) -> Iterator[Part]:
    """An earlier answer. Where it was spoken, that says all: clients send an empty text beside it."""
    if index in said:
        yield said[index]
    elif isinstance(message.content, str):
        yield Text(message.content)
    else:
        for part in message.content or ():
            yield Text(part.refusal if isinstance(part, RefusalPart) else part.text)
    for call in message.tool_calls or ():
        yield ToolCall(call.id, call.function.name, call.function.arguments)
    if message.function_call is not None:
        yield ToolCall(message.function_call.name, message.function_call.name, message.function_call.arguments)


def _texts(content: str | list[TextPart]) -> list[TextPart]:
    return [TextPart(content)] if isinstance(content, str) else content
