"""`POST /v1/chat/completions`: a request to a turn, the turn's events to an answer, whole or streamed."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine
from typing import ParamSpec, TypeVar

from starlette.types import Receive, Scope, Send

from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed
from vivavoce.core.models import Model
from vivavoce.core.turn import AudioDelta, Speech, TextDelta, Turn, TurnDone, TurnEvent
from vivavoce.server.connection import ClientGone, Outlet, read_body, send_in_time, while_connected
from vivavoce.server.service import Service
from vivavoce.store.answers import SpokenAnswer
from vivavoce.wire import chat, completion
from vivavoce.wire.chunks import ChunkEncoder
from vivavoce.wire.completion import Head
from vivavoce.wire.ids import audio_id, completion_id
from vivavoce.wire.request import ChatRequest

P = ParamSpec("P")
T = TypeVar("T")

PROJECT = "default"
LARGE_BYTES = 256 * 1024
EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class ChatCompletions:
    """The endpoint, as ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await read_body(receive, dict(scope["headers"]), self._service.body_bytes)
        request = await _aside(len(body), chat.decode, body, strict=self._service.strict)
        model = self._service.model(request.model)
        voice = chat.voice_of(request)
        if voice is not None and model.card.voices and voice not in model.card.voices:
            raise chat.unknown_voice(voice, model.card.voices)
        answer = Answer(self._service, model, request)
        await while_connected(receive, answer.stream(send) if request.stream else answer.whole(send))


class Answer:
    """One answer to one request, and what it has said so far."""

    def __init__(self, service: Service, model: Model, request: ChatRequest) -> None:
        self._service = service
        self._model = model
        self._request = request
        self._id = audio_id() if chat.voice_of(request) else None
        self._expires_at = service.answers.expiry()
        fingerprint = hashlib.sha256(f"{model.name} {model.card}".encode()).hexdigest()[:10]
        self._head = Head(completion_id(), int(time.time()), model.snapshot, f"fp_{fingerprint}")
        self._text = ""
        self._said = 0
        self._sound: list[bytes] = []
        self._kept = False

    async def whole(self, send: Send) -> None:
        """Answer in one piece."""
        finished: list[TurnDone] = []

        async def take(event: TurnEvent) -> None:
            self._remember(event)
            if isinstance(event, TurnDone):
                finished.append(event)

        await self._respond(take)
        if not finished:
            raise EngineFailed
        body = await self._encode(finished[0])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send_in_time(send, {"type": "http.response.start", "status": 200, "headers": headers})
        await send_in_time(send, {"type": "http.response.body", "body": body})

    async def _encode(self, done: TurnDone) -> bytes:
        audio = None
        if self._id is not None and self._request.audio is not None:
            pcm = Pcm(b"".join(self._sound), SPOKEN_RATE)
            await self._keep(done)
            data = await self._service.sounds.encode(pcm, self._request.audio.format)
            audio = await _aside(len(data), completion.audio_body, self._id, data, self._expires_at, self._text)
        size = len(audio.data) if audio else 0
        return await _aside(size, completion.encode, self._head, self._text, audio, done.reason, done.usage)

    async def stream(self, send: Send) -> None:
        """Answer event by event. An error before the first is an HTTP error, a later one the last event."""
        outlet = Outlet(send, EVENTS)
        try:
            async with outlet.pinging(self._service.patience_s, self._service.ping_s):
                await self._events(outlet)
        except (asyncio.CancelledError, ClientGone):
            # Whoever interrupts a voice may still refer to what it had said.
            if self._id is not None and self._sound and not self._kept:
                said = self._text[: self._said]
                self._service.answers.keep_later(self._spoken(self._id, said, None))
            raise
        await outlet.finish()

    async def _events(self, outlet: Outlet) -> None:
        encoder = ChunkEncoder(self._head, include_usage=self._request.include_usage, audio_id=self._id)
        begun = False

        async def take(event: TurnEvent) -> None:
            nonlocal begun
            self._remember(event)
            data = b""
            if isinstance(event, TextDelta):
                data = encoder.text(event.text)
            elif isinstance(event, AudioDelta):
                data = encoder.sound(event.pcm.data)
            elif isinstance(event, TurnDone):
                await self._keep(event)
                data = encoder.end(event.reason, event.usage, self._expires_at)
            if data and not begun:
                begun = True
                data = encoder.begin() + data
            await outlet.write(data)

        await self._respond(take)

    async def _respond(self, take: Callable[[TurnEvent], Coroutine[None, None, None]]) -> None:
        await self._model.responder.respond(await self._turn(), take)

    async def _turn(self) -> Turn:
        # One after another: side by side they would wait for one another in the media process's line.
        heard = {recording.place: await self._listen(recording) for recording in chat.recordings(self._request)}
        said: dict[int, Speech] = {}
        for index, answer_id in chat.references(self._request):
            found = await self._service.answers.find(answer_id, PROJECT)
            if found is None:
                raise chat.not_found(index, answer_id)
            said[index] = found
        return chat.to_turn(self._request, heard, said)

    async def _listen(self, recording: chat.Recording) -> Speech:
        data = await _aside(len(recording.data), chat.sound_bytes, recording)
        pcm = await self._service.sounds.decode(data)
        return Speech(pcm, seconds=pcm.seconds)

    def _remember(self, event: TurnEvent) -> None:
        if isinstance(event, TextDelta):
            self._text += event.text
        elif isinstance(event, AudioDelta):
            self._sound.append(event.pcm.data)
            self._said = event.text_end

    async def _keep(self, done: TurnDone) -> None:
        if self._id is not None:
            self._kept = True
            await self._service.answers.keep(self._spoken(self._id, self._text, done.origin))

    def _spoken(self, answer_id: str, text: str, origin: str | None) -> SpokenAnswer:
        pcm = Pcm(b"".join(self._sound), SPOKEN_RATE)
        return SpokenAnswer(answer_id, PROJECT, text, pcm, self._expires_at, origin)


async def _aside(size: int, work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Do `work`, off the event loop where `size` bytes would hold it up."""
    if size > LARGE_BYTES:
        return await asyncio.to_thread(work, *arguments, **options)
    return work(*arguments, **options)
