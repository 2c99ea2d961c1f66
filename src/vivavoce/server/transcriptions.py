"""`POST /v1/audio/transcriptions` and `/translations`: a recording to what was said in it, whole or streamed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from starlette.types import Message, Receive, Scope, Send

from vivavoce.audio.limits import MIN_SECONDS, Limits
from vivavoce.audio.sniff import sniff
from vivavoce.audio.wav import read_wav
from vivavoce.core.aside import LARGE_BYTES, aside
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Hearing, Transcriber, Transcript
from vivavoce.core.errors import BadAudio, BadRequest, PublicError, TryLater
from vivavoce.core.streams import once
from vivavoce.core.turn import TurnDone, Usage
from vivavoce.core.watching import Kind, Watching
from vivavoce.server.aiml import call_of
from vivavoce.server.billed import bill_of
from vivavoce.server.caller import caller_of
from vivavoce.server.connection import send_whole, while_connected
from vivavoce.server.forms import chunks, read_form
from vivavoce.server.held import Held
from vivavoce.server.observed import watching_door, watching_turn
from vivavoce.server.outlet import Outlet
from vivavoce.server.service import Service
from vivavoce.server.sound import HEARD_RATE
from vivavoce.wire import transcription, transcription_errors
from vivavoce.wire.models import no_access
from vivavoce.wire.transcript import DONE, Answer
from vivavoce.wire.transcription import TranscriptionRequest

UPLOAD_BYTES = 26_214_400
"""25 MiB: the most the original takes."""
SECONDS = 3600.0
DECODED_BYTES = 3 * 1024**3 // 2
"""Of samples as a codec gives them, never held at once: an hour of two channels at 48 kHz, as numbers of four bytes."""
WORD_TOKENS_A_SECOND = 20
"""More than anybody speaks in a second."""
JSON = b"application/json"
EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read and found good."""

    request: TranscriptionRequest
    ask: Hearing
    transcriber: Transcriber
    held: Held


class Transcriptions:
    """The endpoint, as ASGI; with `translate`, the one beside it, which gives English."""

    def __init__(self, service: Service, *, translate: bool = False, upload_bytes: int = UPLOAD_BYTES) -> None:
        """`upload_bytes`: the largest recording taken."""
        self._service = service
        self._translate = translate
        self._kind: Kind = "translation" if translate else "transcription"
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What is wrong with the request is said with the usage beside it."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._respond(scope, receive, noting)
        except PublicError as error:
            if started or error.status >= 500 or isinstance(error, TryLater):
                raise
            body = transcription_errors.failed(error, call_of(scope))
            await send_whole(send, error.status, [(b"content-type", JSON)], body)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, data = await self._read(receive, dict(scope["headers"]))
        strict = self._service.strict
        ask = transcription.hearing(request, translate=self._translate, strict=strict)
        caller = caller_of(scope)
        model = self._service.model(request.model, caller)
        bill = bill_of(scope)
        bill.of(request.model, model)
        if model.transcriber is None:
            raise no_access(request.model)
        held = Held(self._service.limits, scope, model, tokens=False)
        await held.admit()
        asked = Asked(request, replace(ask, project=caller.project), model.transcriber, held)
        work = self._hear_all(asked, data, send)
        with watching_door(self._service.watch, self._kind, model.name):
            await while_connected(receive, self._service.door.within(caller.project, model.needs("hear"), work))

    async def _hear_all(self, asked: Asked, data: bytes, send: Send) -> None:
        streams = asked.request.stream and asked.request.counts_tokens and not self._translate
        with watching_turn(self._service.watch, self._kind, asked.held.model.name) as work:
            await (self._stream if streams else self._answer)(asked, data, send, work)

    async def _read(self, receive: Receive, headers: dict[bytes, bytes]) -> tuple[TranscriptionRequest, bytes]:
        strict = self._service.strict
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind == JSON:
            body = await self._read_json(receive)
            return await asyncio.to_thread(transcription.decode_json, body, strict=strict)
        form = await read_form(receive, headers, self._upload_bytes)
        request = transcription.decode_form(form.fields, strict=strict)
        if form.file is None:
            raise transcription_errors.missing_file()
        return request, form.file

    async def _read_json(self, receive: Receive) -> bytes:
        body = bytearray()
        limit = self._upload_bytes * 4 // 3 + LARGE_BYTES  # base64, and the fields
        async with aclosing(chunks(receive)) as parts:
            async for part in parts:
                body += part
                if len(body) > limit:
                    raise transcription_errors.upload_too_large(self._upload_bytes, len(body))
        return bytes(body)

    async def _answer(self, asked: Asked, data: bytes, send: Send, work: Watching) -> None:
        pcm = await self._decode(data)
        work.told(pcm)
        answer = Answer(asked.request, pcm.seconds, translated=self._translate)
        async with aclosing(self._hear(asked, pcm, answer)) as heard:
            async for transcript in heard:
                answer.add(transcript)
        body, kind = answer.body()
        await asked.held.bill.settle()
        await send_whole(send, 200, [(b"content-type", kind.encode())], body)

    async def _stream(self, asked: Asked, data: bytes, send: Send, work: Watching) -> None:
        outlet = Outlet(send, EVENTS)
        async with outlet.pinging(self._service.patience_s, self._service.ping_s):
            pcm = await self._decode(data)
            work.told(pcm)
            answer = Answer(asked.request, pcm.seconds, translated=False)
            async with aclosing(self._hear(asked, pcm, answer)) as heard:
                async for transcript in heard:
                    await outlet.write(answer.add(transcript))
            await asked.held.bill.settle()
        await outlet.finish(answer.done() + DONE)

    async def _hear(self, asked: Asked, pcm: Pcm, answer: Answer) -> AsyncGenerator[Transcript, None]:
        """The words of a recording, stretch by stretch, each of which is taken into the `answer`."""
        heard = answer.usage  # with no words yet: what it is to hear
        words = Usage(text_out=heard.text_out + int(pcm.seconds * WORD_TOKENS_A_SECOND))
        await asked.held.reserve(heard.text_in + heard.audio_in, replace(heard, text_out=0), words)
        (meter,) = asked.held.bill.asked(heard)
        meter.told(pcm)
        async with aclosing(asked.transcriber.transcribe(once(pcm), asked.ask)) as transcripts:
            async for transcript in transcripts:
                # An engine that translates says that its text is English; one that cannot says what it heard.
                if self._translate and transcript.language not in (None, "en"):
                    raise transcription_errors.cannot_translate()
                if transcript.final:
                    yield transcript
                    meter.told(transcript)
        meter.told(TurnDone(usage=answer.usage))

    async def _decode(self, data: bytes) -> Pcm:
        """The sound of a recording, with this endpoint's own words for what is wrong with it."""
        plain = await aside(len(data), read_wav, data)
        if plain is None:
            return await self._ask_media(data)
        if plain.seconds < MIN_SECONDS:
            raise transcription_errors.too_short(MIN_SECONDS)
        if plain.seconds > SECONDS:
            raise transcription_errors.too_long(plain.seconds, SECONDS)
        return plain

    async def _ask_media(self, data: bytes) -> Pcm:
        if sniff(data) is None:
            raise transcription_errors.unknown_kind()
        try:
            return await self._service.sounds.media.call("decode", data, Limits(SECONDS, DECODED_BYTES), HEARD_RATE)
        except BadAudio:
            raise transcription_errors.undecodable() from None
        except BadRequest as error:
            if error.code == "audio_too_short":
                raise transcription_errors.too_short(MIN_SECONDS) from None
            if error.code == "audio_too_long":
                raise transcription_errors.too_long(None, SECONDS) from None
            raise
