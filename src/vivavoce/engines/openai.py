"""Any server with an OpenAI-compatible API, as a language model or a voice."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

import httpx2
import msgspec

from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.engines import Card, Utterance
from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import Reason, Sampling, Stream, TextDelta, Tool, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.engines.chat_chunks import END, REASONS, Chunk, read_chunk
from vivavoce.engines.logprobs import Spelling, candidates
from vivavoce.engines.prompts import biases, chat_messages
from vivavoce.engines.upstream import Upstream, mapped, next_in_time

BYTES_A_TOKEN = 4
"""A usual figure for English; used only where the other server has no tokenizer to ask."""


class Named(msgspec.Struct):
    """A model the other server has."""

    id: str


class Listed(msgspec.Struct):
    """The other server's models."""

    data: list[Named]


class OpenAICompatible:
    """A language model behind `{base_url}/chat/completions`, a voice behind `{base_url}/audio/speech`, both streamed.

    Lives in the server.
    """

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Where it is and how long it may take, in seconds."""

        base_url: str
        model: str = ""
        """Empty: the first one the server lists."""
        api_key: str = ""
        connect_s: float = 5.0
        first_s: float = 60.0
        """Until the first event: a prompt is read, a model may be loaded."""
        between_s: float = 30.0
        """Between events."""
        voices: list[str] = msgspec.field(default_factory=list[str])
        """The voices it has; none: whatever a client asks for is passed on."""

    def __init__(self, options: Options) -> None:
        """Take its options.

        Raises:
            ValueError: `base_url` is no address.
        """
        self._options = options
        self._upstream = Upstream(options.base_url, options.api_key, options.connect_s, options.first_s)

    def card(self) -> Card:
        """Thinks and speaks, in any language."""
        return Card(
            self._options.model or "a remote model",
            ("think", "speak"),
            tuple(self._options.voices),
            parallel=1000,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._upstream.close()

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, estimated: this API has no tokenizer."""
        return [_tokens(text) if text else 0 for text in texts]

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it comes. Closing this closes the connection, which stops the other server.

        Raises:
            EngineFailed: it refused the connection, broke off, or answered what is not this API.
            EngineTimeout: it was silent for too long.
            Overloaded: it said so.
            BadRequest: it refused the request.
        """
        reason: Reason | None = None
        called = False
        usage, spelling = Usage(), Spelling(turn.sampling)
        async with (
            self._upstream.post("/chat/completions", await self._body(turn)) as response,
            aclosing(self._events(response)) as events,
        ):
            async for chunk in events:
                if chunk is END:
                    reason = reason or "stop"
                if chunk.usage is not None:
                    cached = chunk.usage.prompt_tokens_details
                    usage = Usage(
                        text_in=chunk.usage.prompt_tokens,
                        text_out=chunk.usage.completion_tokens,
                        cached=(cached.cached_tokens or 0) if cached else 0,
                    )
                for choice in chunk.choices:
                    text = (choice.delta and choice.delta.content) or ""
                    for piece, logprobs in spelling.pieces(text, choice.logprobs):
                        yield TextDelta(piece, len(logprobs) or _tokens(piece), logprobs)
                    for call in (choice.delta and choice.delta.tool_calls) or ():
                        called = True
                        yield call.told()
                    if choice.finish_reason:
                        reason = REASONS.get(choice.finish_reason, "stop")
        if reason is None:
            raise EngineFailed("The model behind this server broke off.")
        if called:
            reason = "tool_calls"  # some say `stop` where a function was named
        yield TurnDone(reason, usage)

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it comes, from `POST {base_url}/audio/speech`.

        That API's `pcm` is 24 kHz mono, 16 bit. Raises as `generate`.
        """
        body: dict[str, Any] = {
            "model": await self._model(),
            "input": say.text,
            "voice": say.voice,
            "response_format": "pcm",
        }
        if say.speed != 1.0:
            body["speed"] = say.speed
        if say.style:
            body["instructions"] = say.style
        rest, limit = b"", self._options.first_s
        async with (
            self._upstream.post("/audio/speech", body) as response,
            aclosing(response.aiter_bytes()) as pieces,
        ):
            while (piece := await next_in_time(pieces, limit)) is not None:
                data, limit = rest + piece, self._options.between_s
                whole = len(data) - len(data) % SAMPLE_BYTES
                rest = data[whole:]
                yield Pcm(data[:whole], SPOKEN_RATE)

    async def _body(self, turn: Turn) -> dict[str, Any]:
        sampling = {name: value for name, value in _sampling(turn.sampling).items() if value is not None}
        return {
            "model": await self._model(),
            "messages": chat_messages(turn, ""),
            "stream": True,
            "stream_options": {"include_usage": True},
            **sampling,
            **_tools(turn),
        }

    async def _model(self) -> str:
        if self._options.model:
            return self._options.model
        listed = await self._upstream.get("/models", Listed)
        if not listed.data:
            raise EngineFailed("The server behind this one has no model.")
        self._options.model = listed.data[0].id
        return self._options.model

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[Chunk, None]:
        limit = self._options.first_s
        async with aclosing(cast("AsyncGenerator[str]", response.aiter_lines())) as lines:
            while True:
                line = await next_in_time(lines, limit)
                with mapped():
                    chunk = read_chunk(line or "")
                if chunk is not None:
                    limit = self._options.between_s
                    yield chunk
                if line is None or chunk is END:
                    return


def _tokens(text: str) -> int:
    return max(1, round(len(text.encode()) / BYTES_A_TOKEN))


def _tools(turn: Turn) -> dict[str, Any]:
    """The tools of a request, and the shape its answer must have."""
    asked: dict[str, Any] = {}
    if turn.schema is not None:
        schema = {"name": turn.schema.name, "schema": json.loads(turn.schema.json), "strict": turn.schema.strict}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    if turn.tools:
        choice = turn.tool_choice
        asked["tools"] = [{"type": "function", "function": _function(tool)} for tool in turn.tools]
        named = {"type": "function", "function": {"name": choice.name}}
        asked["tool_choice"] = named if choice.name else choice.mode
        if not choice.parallel and not choice.name:
            asked["parallel_tool_calls"] = False
    return asked


def _function(tool: Tool) -> dict[str, Any]:
    body: dict[str, Any] = {"name": tool.name, "parameters": json.loads(tool.parameters)}
    if tool.description:
        body["description"] = tool.description
    return body | {"strict": True} if tool.strict else body


def _sampling(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "max_tokens": sampling.max_tokens,
        "logprobs": sampling.logprobs or None,
        "top_logprobs": candidates(sampling) or None,
        "logit_bias": biases(sampling) or None,
    }
