"""Any server with an OpenAI-compatible API, in any role: it hears, thinks, speaks, or answers speech with speech."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import httpx2
import msgspec

from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import write_wav
from vivavoce.core.audio import SAMPLE_BYTES, SPOKEN_RATE, Pcm, join
from vivavoce.core.context import CODE
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.turn import AudioDelta, Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.engines import bodies, chat_api, transcription_api
from vivavoce.engines.chat_api import Dialect
from vivavoce.engines.chat_chunks import END, Chunk, read_chunk
from vivavoce.engines.telling import Telling, tokens, unreadable
from vivavoce.engines.upstream import Upstream, mapped, next_of

T = TypeVar("T")
FILES = ("wav", "flac", "ogg", "mp4", "webm")
"""What is not samples alone; MP3 can only be told from them when there is more of it."""
SILENT = "The model behind this server did not speak."


class Named(msgspec.Struct):
    """A model the other server has."""

    id: str


class Listed(msgspec.Struct):
    """The other server's models."""

    data: list[Named]


class OpenAICompatible:
    """Whatever the server behind `base_url` can do: chat, audio chat, transcription, speech; streamed where it streams.

    Lives in the server. How long it may be silent is for those who use it to say: see `core.wrappers.Timed`.
    """

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Where it is and what it can do. Times are in seconds."""

        base_url: str
        model: str = ""
        """Empty: the first one the server lists."""
        api_key: str = ""
        connect_s: float = 5.0
        """Until it takes a connection."""
        retries: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
        """How often a request is sent again of which nothing was answered."""
        voices: list[str] = msgspec.field(default_factory=list[str])
        """The voices it has; none: whatever a client asks for is passed on."""
        dialect: Dialect = "openai"
        """How it speaks of sound."""
        stream: bool = True
        """Whether it streams answers that are spoken."""

    def __init__(self, options: Options) -> None:
        """Take its options.

        Raises:
            ValueError: `base_url` is no address.
        """
        self._options = options
        self._upstream = Upstream(options.base_url, options.api_key, options.connect_s, options.retries)

    def card(self) -> Card:
        """Plays any role, in any language: which, the server behind it knows."""
        return Card(
            self._options.model or "a remote model",
            ("hear", "think", "speak", "respond"),
            tuple(self._options.voices),
            parallel=1000,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._upstream.close()

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, estimated: this API has no tokenizer."""
        return [tokens(text) for text in texts]

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer in words and sound. An earlier spoken answer goes by its id there while that server has it.

        Raises as `generate`, and:
            EngineFailed: it was to speak, and did not.
        """
        if chat_api.references(turn, self._options.dialect):
            try:
                await self._respond(turn, send, by_id=True)
            except BadRequest as refused:
                # servers between it and us have codes of their own, and those that keep no answers any words
                if refused.code == CODE:
                    raise
            else:
                return
        await self._respond(turn, send, by_id=False)

    async def _respond(self, turn: Turn, send: Send, *, by_id: bool) -> None:
        dialect, stream = self._options.dialect, self._options.stream or turn.voice is None
        told, text = Telling(turn.sampling), ""
        # a turn holds sound: writing it out would hold the event loop up
        body = await asyncio.to_thread(chat_api.request, turn, await self._model(), dialect, by_id=by_id, stream=stream)
        body |= chat_api.spoken(turn, dialect, stream=stream)
        async with (
            self._upstream.post("/chat/completions", body) as response,
            aclosing(self._events(response) if stream else self._whole(response)) as chunks,
        ):
            async for chunk in chunks:
                for event in told.read(chunk):
                    text += event.text if isinstance(event, TextDelta) else ""
                    await send(event)
        for event in told.end():
            if isinstance(event, TurnDone):
                if turn.voice is not None and told.owes_sound:
                    raise EngineFailed(SILENT)
                await send(event if told.usage else replace(event, usage=chat_api.estimated(turn, text, told.samples)))
            else:
                await send(event)

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it comes. Closing this closes the connection, which stops the other server.

        Raises:
            EngineFailed: it refused the connection, broke off, or answered what is not this API.
            EngineTimeout: it was silent for too long.
            Overloaded: it said so.
            BadRequest: it refused the request.
        """
        told = Telling(turn.sampling)
        body = await asyncio.to_thread(chat_api.request, turn, await self._model(), self._options.dialect)
        async with (
            self._upstream.post("/chat/completions", body) as response,
            aclosing(self._events(response)) as chunks,
        ):
            async for chunk in chunks:
                for event in told.read(chunk):
                    if not isinstance(event, AudioDelta):
                        yield event
        for event in told.end():
            if not isinstance(event, AudioDelta):
                yield event

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Yield what is heard, once the sound has ended. Raises as `generate`."""
        pieces = [pcm async for pcm in audio]
        if not pieces:
            return
        whole = join(pieces, pieces[0].rate)
        form = transcription_api.form(await self._model(), ask)
        recording = await asyncio.to_thread(write_wav, whole)  # minutes of sound would hold the event loop up
        async with self._upstream.post(transcription_api.path(ask), form, recording) as response:
            heard = await self._read(response, transcription_api.Heard)
        for transcript in transcription_api.transcripts(heard, whole.seconds):
            yield transcript

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it comes, from `POST {base_url}/audio/speech`.

        That API's `pcm` is 24 kHz mono, 16 bit. Raises as `generate`, and:
            EngineFailed: what came is no such sound, or nothing came where there was something to say.
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
        rest, came = b"", False
        async with (
            self._upstream.post("/audio/speech", body) as response,
            aclosing(response.aiter_bytes()) as pieces,
        ):
            written = response.headers.get("content-type", "").startswith(("text/", "application/json"))
            while (piece := await next_of(pieces)) is not None:
                data = rest + piece
                if written or (not came and sniff(data) in FILES):
                    raise unreadable()
                whole = len(data) - len(data) % SAMPLE_BYTES
                rest = data[whole:]
                if whole:
                    came = True
                    yield Pcm(data[:whole], SPOKEN_RATE)
        if not came and any(map(str.isalnum, say.text)):
            raise EngineFailed(SILENT)

    async def _model(self) -> str:
        if self._options.model:
            return self._options.model
        listed = await self._upstream.get("/models", Listed)
        if not listed.data:
            raise EngineFailed("The server behind this one has no model.")
        self._options.model = listed.data[0].id
        return self._options.model

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[Chunk, None]:
        async with aclosing(response.aiter_bytes()) as pieces, aclosing(bodies.lines(pieces)) as lines:
            while True:
                line = await next_of(lines)
                with mapped():
                    chunk = read_chunk(line or "")
                if chunk is not None:
                    yield chunk
                if line is None or chunk is END:
                    return

    async def _whole(self, response: httpx2.Response) -> AsyncGenerator[Chunk, None]:
        yield (await self._read(response, Chunk)).checked()

    async def _read(self, response: httpx2.Response, kind: type[T]) -> T:
        """An answer that comes in one piece."""
        with mapped():
            async with aclosing(response.aiter_bytes()) as pieces:
                data = await bodies.whole(pieces)
            return await asyncio.to_thread(msgspec.json.decode, data, type=kind)
