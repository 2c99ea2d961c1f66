"""Answers that are paid for while they are made, and end with `length` where there is no money for more."""

from dataclasses import replace

from vivavoce.account.grants import Grant
from vivavoce.core.aside import aside
from vivavoce.core.audio import FRAME_SAMPLES, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.budget import BudgetSpent
from vivavoce.core.engines import Responder
from vivavoce.core.turn import AudioDelta, Send, TextDelta, ToolCallDelta, Turn, TurnDone, TurnEvent, Usage
from vivavoce.core.usage import estimated, texts_in


class Purse:
    """What pays for all that is made in answer to one request."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self.text = 0
        """Tokens made so far, or more."""
        self.frames = 0
        """Tokens of sound made so far."""

    async def pay(self, text: int, frames: int) -> bool:
        """Pay for so many tokens more; false, and nothing is counted, where there is no money for all of them."""
        if not await self._grant.afford(Usage(text_out=self.text + text, audio_out=self.frames + frames)):
            return False
        self.text, self.frames = self.text + text, self.frames + frames
        return True

    def pay_some(self, frames: int) -> int:
        """Pay for up to so many tokens of sound from what is left; how many that was."""
        while frames and not self._grant.affords(Usage(text_out=self.text, audio_out=self.frames + frames)):
            frames -= 1
        self.frames += frames
        return frames


class Voice:
    """The sound of one answer, paid for by the 50 ms."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self.samples = 0
        """Paid for."""

    @property
    def frames(self) -> int:
        """Tokens of that; one begun counts."""
        return -(-self.samples // FRAME_SAMPLES)

    async def pay(self, data: bytes) -> bytes | None:
        """Pay for a sound; where there is no money for all of it, what there is of it, to a whole 50 ms.

        None: it was paid for.
        """
        samples = self.samples + len(data) // SAMPLE_BYTES
        more = -(-samples // FRAME_SAMPLES) - self.frames
        if await self._purse.pay(0, more):
            self.samples = samples
            return None
        room = (self.frames + self._purse.pay_some(more)) * FRAME_SAMPLES - self.samples
        self.samples += room
        return data[: room * SAMPLE_BYTES].ljust(room * SAMPLE_BYTES, b"\0")

    def fill(self) -> bytes:
        """The silence that ends it on a whole 50 ms, which are paid for."""
        missing = -self.samples % FRAME_SAMPLES
        self.samples += missing
        return bytes(missing * SAMPLE_BYTES)


class Paid:
    """A `Responder` around another, for the answers to one request."""

    def __init__(self, responder: Responder, grant: Grant) -> None:
        self._responder = responder
        self._purse = Purse(grant)

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer; see `core.engines.Responder`."""
        answer = _Answer(self._purse, send)
        try:
            await self._responder.respond(turn, answer)
        except BudgetSpent:
            await answer.end(await aside(sum(map(len, texts_in(turn))), estimated, turn))


class _Answer:
    """A `Send` in front of another: passes on what is paid for."""

    def __init__(self, purse: Purse, send: Send) -> None:
        self._purse = purse
        self._send = send
        self._voice = Voice(purse)
        self._text = 0
        self._said = 0
        self._spent = False
        self._ended = False

    async def __call__(self, event: TurnEvent) -> None:
        """Pay for an event, and pass it on.

        Raises:
            BudgetSpent: there is no money for it.
        """
        if isinstance(event, TurnDone):
            self._ended = True
            await self._send(self._cut(event.usage) if self._spent else event)
        elif self._spent or not await self._paid(event):
            self._spent = True
            raise BudgetSpent
        else:
            await self._send(event)

    async def end(self, prompt: Usage) -> None:
        """End it here, unless whoever answers has done so."""
        if not self._ended:
            await self._send(self._cut(prompt))

    def _cut(self, usage: Usage) -> TurnDone:
        text = min(self._text, usage.text_out) if self._ended else self._text
        return TurnDone("length", replace(usage, text_out=text, audio_out=self._voice.frames))

    async def _paid(self, event: TurnEvent) -> bool:
        text = _tokens(event)
        data = event.pcm.data if isinstance(event, AudioDelta) else b""
        if text and not await self._purse.pay(text, 0):
            await self._finish(self._voice.fill())
            return False
        self._text += text
        rest = await self._voice.pay(data)
        if rest is not None:
            await self._finish(rest)
            return False
        self._said = event.text_end if isinstance(event, AudioDelta) else self._said
        return True

    async def _finish(self, data: bytes) -> None:
        if data:
            await self._send(AudioDelta(Pcm(data, SPOKEN_RATE), self._said))


def _tokens(event: TurnEvent) -> int:
    """Tokens of text in an event, or more: of a call's, none is less than a byte."""
    if isinstance(event, TextDelta):
        return event.tokens
    if isinstance(event, ToolCallDelta):
        return len((event.name or "").encode()) + len(event.arguments.encode())
    return 0
