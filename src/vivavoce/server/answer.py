"""One answer in the making: what a turn's events have said so far, and how it is written down."""

import io
from collections.abc import Callable, Coroutine
from dataclasses import replace

from vivavoce.account.ledger import Bill
from vivavoce.core.aside import aside
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.errors import EngineFailed
from vivavoce.core.turn import (
    AudioDelta,
    InputTranscript,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    TurnDone,
    TurnEvent,
    Usage,
)
from vivavoce.server.outlet import Outlet
from vivavoce.server.service import Service
from vivavoce.store.answers import SpokenAnswer
from vivavoce.wire import chat, completion
from vivavoce.wire.chunks import ChunkEncoder
from vivavoce.wire.completion import AudioBody, Choice, Head
from vivavoce.wire.ids import audio_id
from vivavoce.wire.logprobs import ChosenToken, Logprobs, chosen_tokens
from vivavoce.wire.request import ChatRequest


class Answer:
    """One of a request's answers, after the one `before` it. Its id names the spoken answer, if it is to be spoken."""

    def __init__(
        self, service: Service, bill: Bill, request: ChatRequest, head: Head, before: "Answer | None" = None
    ) -> None:
        self._service = service
        self._bill = bill
        self._request = request
        self.index = before.index + 1 if before else 0
        self._id = audio_id() if chat.voice_of(request) else None
        self._expires_at = service.answers.expiry()
        self._legacy = request.about_tools.legacy
        self.encoder = ChunkEncoder(
            head,
            self.index,
            include_usage=request.include_usage,
            audio_id=self._id,
            legacy=self._legacy,
            before=before.encoder if before else None,
        )
        self._text = ""
        self._tokens: list[ChosenToken] = []
        self._said = 0
        self._sound = io.BytesIO()  # gives what it holds without a copy of it
        self._calls: list[ToolCall] = []
        self._done: TurnDone | None = None
        self._kept = False
        self.heard: dict[int, dict[int, str]] = {}
        """What was heard in the turn's recordings, by message and part."""

    @property
    def usage(self) -> Usage:
        """What it has cost.

        Raises:
            EngineFailed: it has not ended.
        """
        return self._end.usage

    async def take(self, event: TurnEvent) -> None:
        """Remember an event."""
        if isinstance(event, TextDelta):
            self._text += event.text
            self._tokens += chosen_tokens(event.logprobs)
        elif isinstance(event, AudioDelta):
            self._sound.write(event.pcm.data)
            self._said = event.text_end
        elif isinstance(event, ToolCallDelta):
            self._take_call(event)
        elif isinstance(event, InputTranscript):
            self.heard.setdefault(event.message, {})[event.part] = event.text
        else:
            self._done = event

    def streaming_to(self, outlet: Outlet) -> Callable[[TurnEvent], Coroutine[None, None, None]]:
        """A `Send` that remembers each event and writes it out: sound at once, all else soon."""

        async def send(event: TurnEvent) -> None:
            await self.take(event)
            if isinstance(event, TurnDone):
                await self._keep(event)
            out = outlet.write if isinstance(event, AudioDelta) else outlet.write_soon
            await out(self._encoded(event))

        return send

    async def choice(self) -> Choice:
        """The whole answer, encoded as asked.

        Raises:
            EngineFailed: it has not ended.
        """
        audio = None
        if self._id is not None and self._request.audio is not None and self._speaks:
            data = await self._service.sounds.encode(self._pcm(), self._request.audio.format)
            await self._keep(self._end)
            audio = await aside(len(data), completion.audio_body, self._id, data, self._expires_at, self._text)
        return self._choice(audio)

    def silent_choice(self) -> Choice:
        """The whole answer, where it was spoken without its sound.

        Raises:
            EngineFailed: it has not ended.
        """
        audio = None
        if self._id is not None and self._speaks:
            audio = completion.audio_body(self._id, b"", self._expires_at, self._text)
        return self._choice(audio)

    def keep_what_was_said(self) -> None:
        """Whoever interrupts a voice may still refer to what it had said."""
        if self._id is not None and self._sound.tell() and not self._kept:
            self._service.answers.keep_later(self._spoken(self._id, self._text[: self._said], None))

    @property
    def _speaks(self) -> bool:
        """Whether there is something said: a turn that only calls says nothing."""
        return bool(self._text or self._sound.tell() or not self._calls)

    @property
    def _end(self) -> TurnDone:
        if self._done is None:
            raise EngineFailed
        return self._done

    def _choice(self, audio: AudioBody | None) -> Choice:
        reason = chat.finish_reason(self._request, self._end.reason)
        made = completion.choice(self.index, self._text, reason, audio=audio, calls=self._calls, legacy=self._legacy)
        made.logprobs = Logprobs(self._tokens) if self._tokens else None
        return made

    def _encoded(self, event: TurnEvent) -> bytes:
        if isinstance(event, TextDelta):
            return self.encoder.text(event.text, chosen_tokens(event.logprobs))
        if isinstance(event, AudioDelta):
            return self.encoder.sound(event.pcm.data)
        if isinstance(event, ToolCallDelta):
            return self.encoder.call(event)
        if isinstance(event, TurnDone):
            reason = chat.finish_reason(self._request, event.reason)
            return self.encoder.end(reason, self._expires_at, calls=not self._speaks)
        return b""

    def _take_call(self, event: ToolCallDelta) -> None:
        while len(self._calls) <= event.index:
            self._calls.append(ToolCall("", "", ""))
        call = self._calls[event.index]
        self._calls[event.index] = replace(
            call, id=event.id or call.id, name=event.name or call.name, arguments=call.arguments + event.arguments
        )

    async def _keep(self, done: TurnDone) -> None:
        if self._id is not None and self._speaks:
            self._kept = True
            spoken = self._spoken(self._id, self._text, done.origin)
            stores = bool(self._request.store)  # then that may yet fail
            await self._bill.settle(lambda entry: self._service.answers.keep(spoken, entry), last=not stores)

    def _pcm(self) -> Pcm:
        return Pcm(self._sound.getvalue(), SPOKEN_RATE)

    def _spoken(self, answer_id: str, text: str, origin: str | None) -> SpokenAnswer:
        return SpokenAnswer(answer_id, self._bill.caller.project, text, self._pcm(), self._expires_at, origin)
