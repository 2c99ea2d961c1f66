"""A chat completion request, field by field. Source: OpenAI's schema, `CreateChatCompletionRequest`.

Unknown fields are let through: clients send what their provider understands.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from vivavoce.wire.ignored import (
    Amount,
    Effort,
    Moderation,
    Prediction,
    PromptCacheOptions,
    ServiceTier,
    WebSearch,
)
from vivavoce.wire.tools import Choice, CustomTool, FunctionBody, FunctionTool, Name, NamedFunction, Tools

Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)]
Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
SEEDS = 9_223_372_036_854_776_000
"""The original's limit on either side: 2 to the 63rd as its schema rounds it, which no constraint here can be."""
Seed: TypeAlias = Annotated[int, Meta(extra_json_schema={"minimum": -SEEDS, "maximum": SEEDS})]
Format: TypeAlias = Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]
Words: TypeAlias = Annotated[str, Meta(max_length=2**20)]
"""As much as the original takes in one text."""
Key: TypeAlias = Annotated[str, Meta(max_length=64)]
Value: TypeAlias = Annotated[str, Meta(max_length=512)]
Metadata: TypeAlias = Annotated[dict[Key, Value], Meta(max_length=16)]
LogitBias: TypeAlias = Annotated[dict[str, Annotated[int, Meta(ge=-100, le=100)]], Meta(max_length=1024)]
"""By the token's id, in the model's own vocabulary."""

MOST_CHOICES = 8
"""Answers to one request; the original takes up to 128."""


class TextPart(Struct, tag_field="type", tag="text"):
    """Written words."""

    text: Words


class RefusalPart(Struct, tag_field="type", tag="refusal"):
    """An earlier refusal of the model's."""

    refusal: Words


class InputAudio(Struct):
    """A recording."""

    data: str
    """Base64, or a `data:` URL."""
    format: str
    """`wav` or `mp3`; what the bytes say counts."""


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """Spoken words."""

    input_audio: InputAudio


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """A picture: known, and refused."""

    image_url: Any = None


class FileBody(Struct):
    """A PDF."""

    filename: str | None = None
    file_data: str | None = None
    """Base64, or a `data:` URL."""
    file_id: str | None = None
    """Of a file that was sent before: known, and refused."""


class FilePart(Struct, tag_field="type", tag="file"):
    """A file whose words are to be read."""

    file: FileBody


UserPart: TypeAlias = TextPart | AudioPart | ImagePart | FilePart
Texts: TypeAlias = Words | Annotated[list[TextPart], Meta(min_length=1)]


class SystemMessage(Struct, tag_field="role", tag="system"):
    """Instructions."""

    content: Texts
    name: str | None = None


class DeveloperMessage(Struct, tag_field="role", tag="developer"):
    """Instructions, by their newer name."""

    content: Texts
    name: str | None = None


class UserMessage(Struct, tag_field="role", tag="user"):
    """What a person wrote or said."""

    content: Words | Annotated[list[UserPart], Meta(min_length=1)]
    name: str | None = None


class FunctionCall(Struct):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: Words


class CallMessagePart(Struct):
    """One earlier tool call."""

    id: str
    function: FunctionCall
    type: str = "function"


class AudioRef(Struct):
    """An earlier spoken answer, by its id."""

    id: str


class AssistantMessage(Struct, tag_field="role", tag="assistant"):
    """What the model answered earlier: words, a spoken answer's id, calls."""

    content: Words | list[TextPart | RefusalPart] | None = None
    audio: AudioRef | None = None
    tool_calls: list[CallMessagePart] | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    name: str | None = None


class ToolMessage(Struct, tag_field="role", tag="tool"):
    """What a tool answered."""

    content: Texts
    tool_call_id: str


class FunctionMessage(Struct, tag_field="role", tag="function"):
    """What a function answered, in the older form."""

    name: str
    content: Words | None = None


RequestMessage: TypeAlias = (
    SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
)


class CustomVoice(Struct):
    """A voice by its id."""

    id: str


class AudioOut(Struct):
    """How the answer is to sound."""

    voice: str | CustomVoice
    format: Format


class StreamOptions(Struct):
    """What a stream carries beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextFormat(Struct, tag_field="type", tag="text"):
    """An answer of any words."""


class JsonObjectFormat(Struct, tag_field="type", tag="json_object"):
    """An answer that is a JSON object."""


class JsonSchemaBody(Struct):
    """A JSON Schema, and its name."""

    name: Name
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class JsonSchemaFormat(Struct, tag_field="type", tag="json_schema"):
    """An answer that is JSON of this shape."""

    json_schema: JsonSchemaBody


ResponseFormat: TypeAlias = TextFormat | JsonObjectFormat | JsonSchemaFormat


class ChatRequest(Struct):
    """The body of `POST /v1/chat/completions`."""

    model: str
    messages: Annotated[list[RequestMessage], Meta(min_length=1)]
    modalities: list[Literal["text", "audio"]] | None = None
    audio: AudioOut | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Words | Annotated[list[Words], Meta(min_length=1, max_length=4)] | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: Seed | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[FunctionTool | CustomTool], Meta(max_length=128)] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionBody], Meta(max_length=128)] | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    logit_bias: LogitBias | None = None
    prediction: Prediction | None = None
    web_search_options: WebSearch | None = None
    reasoning_effort: Effort | None = None
    verbosity: Amount | None = None
    service_tier: ServiceTier | None = None
    moderation: Moderation | None = None
    user: str | None = None
    safety_identifier: Annotated[str, Meta(max_length=64)] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    prompt_cache_options: PromptCacheOptions | None = None

    @property
    def speaks(self) -> bool:
        """Whether the answer is to be spoken."""
        return "audio" in (self.modalities or ())

    @property
    def about_tools(self) -> Tools:
        """What it says of tools."""
        parallel = self.parallel_tool_calls is not False
        return Tools(self.tools, self.tool_choice, parallel, self.functions, self.function_call)

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a usage chunk."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def budget(self) -> int | None:
        """Most tokens of the answer, text and audio together."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


DECODER = msgspec.json.Decoder(ChatRequest)
