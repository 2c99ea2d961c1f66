"""Any server with an OpenAI-compatible API, in any role: it hears, thinks, speaks, or answers speech with speech."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from typing import Annotated, Any

import msgspec

from vivavoce.core.aside import aside
from vivavoce.core.audio import Pcm, join
from vivavoce.core.context import CODE
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.turn import AudioDelta, Send, Stream, TextDelta, ToolCallDelta, Turn, TurnDone
from vivavoce.engines import chat_api, speech_api, transcription_api
from vivavoce.engines.chat_api import Dialect
from vivavoce.engines.options import Address, Seconds
from vivavoce.engines.remote import RemoteModel
from vivavoce.engines.telling import SILENT, Telling, Told, tokens
from vivavoce.engines.upstream import Upstream


class OpenAICompatible:
    """Whatever the server behind `base_url` can do: chat, audio chat, transcription, speech; streamed where it streams.

    Lives in the server. How long it may be silent is for those who use it to say: see `core.wrappers.Timed`.
    """

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Where it is and what it can do. Times are in seconds."""

        base_url: Address
        model: str = ""
        """Empty: the first one the server lists, for as long as it has that."""
        api_key: str = ""
        connect_s: Seconds = 5.0
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
        """Take its options."""
        self._options = options
        self._upstream = Upstream(options.base_url, options.api_key, options.connect_s, options.retries)
        self._model = RemoteModel(self._upstream, options.model)

    @staticmethod
    def foretold(options: Options) -> Card:
        """What its options tell of it."""
        return Card(roles=("hear", "think", "speak", "respond"), voices=tuple(options.voices))

    def card(self) -> Card:
        """Plays any role, in any language: which, the server behind it knows."""
        return Card(
            self._model.name or "a remote model",
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
        body = await aside(turn.size, chat_api.request, turn, dialect, by_id=by_id, stream=stream)
        body |= chat_api.spoken(turn, dialect, stream=stream)
        async with aclosing(self._answer(Telling(turn, responds=True), body)) as events:
            async for event in events:
                await send(event)

    async def generate(self, turn: Turn) -> Stream[TextDelta | ToolCallDelta | TurnDone]:
        """Yield the answer as it comes. Closing this closes the connection, which stops the other server.

        Raises:
            EngineFailed: it refused the connection, broke off, or answered what is not this API.
            EngineTimeout: it was silent for too long.
            Overloaded: it said so.
            BadRequest: it refused the request.
        """
        body = await aside(turn.size, chat_api.request, turn, self._options.dialect)
        async with aclosing(self._answer(Telling(turn, responds=False), body)) as events:
            async for event in events:
                if not isinstance(event, AudioDelta):
                    yield event

    async def _answer(self, told: Telling, body: dict[str, Any]) -> AsyncGenerator[Told | TurnDone, None]:
        async with (
            self._model.post(chat_api.PATH, body) as answer,
            aclosing(told.events(answer, streamed="stream" in body)) as events,
        ):
            async for event in events:
                yield event

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Yield what is heard, once the sound has ended. Raises as `generate`."""
        pieces = [pcm async for pcm in audio]
        if not any(pcm.data for pcm in pieces):
            return
        whole, form = join(pieces, pieces[0].rate), transcription_api.form(ask)
        recording = await aside(len(whole.data), transcription_api.recording, whole)
        async with self._model.post(transcription_api.path(ask), form, recording) as answer:
            heard = await answer.read(transcription_api.Heard)
        for transcript in transcription_api.transcripts(heard, whole.seconds):
            yield transcript

    async def synthesize(self, say: Utterance) -> Stream[Pcm]:
        """Yield the sound of one piece as it comes. Raises as `generate`, and:

        EngineFailed: what came is no such sound, or nothing came where there was something to say.
        """
        if not say.text.strip():  # nothing to say: OpenAI and others refuse it
            return
        came = False
        async with (
            self._model.post(speech_api.PATH, speech_api.request(say)) as answer,
            aclosing(speech_api.sounds(answer)) as sounds,
        ):
            async for pcm in sounds:
                came = True
                yield pcm
        if not came and any(map(str.isalnum, say.text)):
            raise EngineFailed(SILENT)
