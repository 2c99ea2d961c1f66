"""`POST /v1/audio/speech`: text to sound, sent as it is made."""

import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from starlette.types import Receive, Scope, Send

from vivavoce.audio.wav import wav_header
from vivavoce.core.aside import aside
from vivavoce.core.audio import FRAME_SAMPLES, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.engines import Speaker, Speaking
from vivavoce.core.errors import unknown_voice
from vivavoce.core.streams import once
from vivavoce.core.tokens import text_tokens
from vivavoce.core.turn import TurnDone, Usage
from vivavoce.core.watching import Watching
from vivavoce.server.billed import bill_of
from vivavoce.server.caller import caller_of
from vivavoce.server.connection import read_body, while_connected
from vivavoce.server.growing import encoded
from vivavoce.server.held import SLICE_SOUND, Held
from vivavoce.server.observed import watching_door, watching_turn
from vivavoce.server.outlet import Outlet
from vivavoce.server.paying import Purse, Voice
from vivavoce.server.service import Service
from vivavoce.wire import speech
from vivavoce.wire.models import no_access
from vivavoce.wire.speech import CONTENT_TYPES, DELTA_BYTES, DONE, SpeechRequest

EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
PLAIN = ("wav", "pcm")
"""Formats whose bytes are the samples, and are sent as these are made."""
ENDLESS = struct.pack("<I", 0xFFFFFFFF)
"""What a WAV that is sent while it is made has for its sizes, as the original's."""


class Speech:
    """The endpoint, as ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await read_body(receive, dict(scope["headers"]), self._service.body_bytes)
        request = await aside(len(body), speech.decode, body, strict=self._service.strict)
        caller = caller_of(scope)
        model = self._service.model(request.model, caller)
        bill = bill_of(scope)
        bill.of(request.model, model)
        if model.speaker is None:
            raise no_access(request.model)
        if model.card.voices and request.voice_name not in model.card.voices:
            raise unknown_voice(request.voice_name, model.card.voices, "voice")
        held = Held(self._service.limits, scope, model)
        await held.admit()
        read = Usage(text_in=text_tokens(request.input))
        await held.reserve(read.text_in, read, Usage(audio_out=SLICE_SOUND))
        work = self._read(model.speaker, request, held, send)
        with watching_door(self._service.watch, "speech", model.name):
            await while_connected(receive, self._service.door.within(caller.project, model.needs("speak"), work))

    async def _read(self, speaker: Speaker, request: SpeechRequest, held: Held, send: Send) -> None:
        plain = request.form in PLAIN
        with watching_turn(self._service.watch, "speech", held.model.name, streamed=plain) as work:
            reading = Reading(self._service, speaker, request, held, work)
            await (reading.events(send) if request.stream_format == "sse" else reading.sound(send))
            work.told(TurnDone(usage=reading.usage))


class Reading:
    """One text read aloud, and how much of it has been said."""

    def __init__(self, service: Service, speaker: Speaker, request: SpeechRequest, held: Held, work: Watching) -> None:
        """`work` is told of every sound."""
        self._service = service
        self._speaker = speaker
        self._request = request
        self._work = work
        self._bill = held.bill
        self._voice = Voice(Purse(held.grant))
        self._asked = Usage(text_in=text_tokens(request.input))
        (self._meter,) = self._bill.asked(self._asked, characters=len(request.input))
        self._samples = 0

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        return replace(self._asked, audio_out=-(-self._samples // FRAME_SAMPLES))

    async def sound(self, send: Send) -> None:
        """Send the bytes of the sound alone."""
        outlet = Outlet(send, [(b"content-type", CONTENT_TYPES[self._request.form].encode())])
        async with aclosing(self._bytes()) as parts:
            async for part in parts:
                await outlet.write(part)
        await self._settle()
        await outlet.finish()

    async def events(self, send: Send) -> None:
        """Send the sound in events, each but the last of `DELTA_BYTES`, then the usage."""
        outlet = Outlet(send, EVENTS)
        waiting = bytearray()
        async with outlet.pinging(self._service.patience_s, self._service.ping_s):
            async with aclosing(self._bytes()) as parts:
                async for part in parts:
                    waiting += part
                    while len(waiting) >= DELTA_BYTES:
                        await outlet.write(speech.audio_delta(bytes(waiting[:DELTA_BYTES])))
                        del waiting[:DELTA_BYTES]
            if waiting:
                await outlet.write(speech.audio_delta(bytes(waiting)))
            usage = self.usage
            await self._settle()
        await outlet.finish(speech.audio_done(usage.text_in, usage.audio_out) + DONE)

    async def _settle(self) -> None:
        """Write down what it has cost, before the last of it is sent."""
        self._meter.told(TurnDone(usage=self.usage))
        await self._bill.settle()

    async def _bytes(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the file in the format asked for, as they are made."""
        form = self._request.form
        plain = form in PLAIN
        header = streamed_wav_header() if form == "wav" else b""
        async with (
            aclosing(self._spoken()) as sounds,
            aclosing(sounds if plain else encoded(self._service.sounds, sounds, form)) as parts,
        ):
            async for part in parts:
                yield header + part  # not before there is sound: until then an error is an error's status
                header = b""

    async def _spoken(self) -> AsyncGenerator[bytes, None]:
        request = self._request
        style = request.instructions or None
        # All the text is there: whole sentences sound better, and are waited for no longer than their sound takes.
        speaking = Speaking(request.voice_name, speed=request.speed or 1.0, style=style, live=False)
        async with aclosing(self._speaker.speak(once(request.input), speaking)) as sounds:
            async for sound in sounds:
                rest = await self._voice.pay(sound.pcm.data)
                paid = sound if rest is None else replace(sound, pcm=Pcm(rest, SPOKEN_RATE))
                if paid.pcm.data:
                    self._samples += paid.pcm.samples
                    yield paid.pcm.data
                    self._work.told(paid)
                    self._meter.told(paid)
                if rest is not None:
                    break
        if not self._samples:  # of a text without words: players take a short silence, and not every one an empty file
            self._samples = FRAME_SAMPLES
            yield bytes(FRAME_SAMPLES * SAMPLE_BYTES)


def streamed_wav_header() -> bytes:
    """The 44 bytes before 16-bit mono samples at `SPOKEN_RATE` whose number nobody knows yet."""
    plain = wav_header(0, SPOKEN_RATE)
    return plain[:4] + ENDLESS + plain[8:40] + ENDLESS
