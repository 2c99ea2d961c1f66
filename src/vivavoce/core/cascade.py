"""Three engines that answer one turn together: hear, then think and speak at once."""

from contextlib import aclosing
from dataclasses import replace

from vivavoce.core.budget import Budget, BudgetSpent
from vivavoce.core.engines import Hearing, LanguageModel, Speaker, Speaking, Transcriber
from vivavoce.core.errors import BadRequest, EngineFailed
from vivavoce.core.streams import once
from vivavoce.core.tasks import together
from vivavoce.core.trimming import Reading
from vivavoce.core.turn import (
    AudioDelta,
    InputTranscript,
    Message,
    Reason,
    Send,
    Speech,
    Stream,
    TextDelta,
    ToolCallDelta,
    Turn,
    TurnDone,
    Usage,
)
from vivavoce.core.usage import audio_tokens_in, fixed_tokens_in, texts_in
from vivavoce.core.words import Words

NOTHING_HEARD = "(nothing was heard)"


class Cascade:
    """A `Responder` made of a transcriber, a language model and a speaker; any but the model may be missing.

    `ears` is how many recordings the transcriber hears at once: a turn of several does not wait in line behind itself.
    A model that `listens` is given the sound itself where there is no transcriber, and understands it.
    With `trim`, a conversation that is too long for the model is answered without its oldest turns.
    """

    def __init__(
        self,
        hear: Transcriber | None,
        think: LanguageModel,
        speak: Speaker | None,
        *,
        ears: int | None = None,
        trim: bool = False,
        listens: bool = False,
    ) -> None:
        self._hear = hear
        self._ears = ears
        self._think = think
        self._speak = speak
        self._trim = trim
        self._listens = listens and hear is None

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer `turn`; see `core.engines.Responder`."""
        heard = replace(await self._transcribe(turn, send), project="")
        budget = Budget(send, turn.sampling.max_tokens, spoken=turn.voice is not None)
        answer = _Answer(Reading(self._think, heard, trim=self._trim), budget)
        try:
            if heard.voice is None:
                await answer.write(None)
            else:
                await self._say(heard.voice, answer, live=heard.live)
            await budget.finish()
        except BudgetSpent:
            answer.reason = "length"
        await send(TurnDone(answer.reason, await answer.usage()))

    async def _say(self, voice: str, answer: "_Answer", *, live: bool) -> None:
        if self._speak is None:
            raise BadRequest("This model does not speak. Ask for modalities ['text'].", param="modalities")
        words = Words()
        spoken = self._speak.speak(words, Speaking(voice, live=live))
        await together([answer.write(words), _send_all(spoken, answer.budget)])

    async def _transcribe(self, turn: Turn, send: Send) -> Turn:
        places = [
            (m, p, part)
            for m, message in enumerate(turn.messages)
            for p, part in enumerate(message.parts)
            if isinstance(part, Speech) and part.transcript is None
        ]
        if not places or self._listens:
            return turn
        ask = Hearing(project=turn.project)
        texts = await together([self._listen(part, ask) for _, _, part in places], self._ears)
        messages = [list(message.parts) for message in turn.messages]
        for (m, p, part), text in zip(places, texts, strict=True):
            await send(InputTranscript(m, p, text))
            messages[m][p] = replace(part, pcm=None, transcript=text or NOTHING_HEARD)
        heard = tuple(
            Message(message.role, tuple(parts)) for message, parts in zip(turn.messages, messages, strict=True)
        )
        return replace(turn, messages=heard)

    async def _listen(self, part: Speech, ask: Hearing) -> str:
        if self._hear is None:
            raise BadRequest("This model does not hear. Send text.", param="messages")
        if part.pcm is None:
            raise EngineFailed
        async with (
            aclosing(once(part.pcm)) as sound,
            aclosing(self._hear.transcribe(sound, ask)) as heard,
        ):
            return " ".join([found.text async for found in heard if found.final and found.text])


class _Answer:
    """One answer in the making: what the language model has said of it so far."""

    def __init__(self, reading: Reading, budget: Budget) -> None:
        self._reading = reading
        self.budget = budget
        self.reason: Reason = "stop"
        self._cached = 0
        self._unknown = 0
        """Tokens of what the model read that it had not read before."""
        self._call_tokens = 0

    async def usage(self) -> Usage:
        """What the prompt, as it was read, and the answer so far have cost."""
        read = self._reading.turn
        text_in = sum(await self._reading.think.count(texts_in(read))) + fixed_tokens_in(read)
        return Usage(
            text_in=text_in,
            audio_in=audio_tokens_in(read),
            text_out=self.budget.text_tokens + self._call_tokens,
            audio_out=self.budget.audio_tokens,
            # the model read more than is counted, such as an instruction of ours: that comes first, and is cached first
            cached=max(0, min(self._cached, text_in - self._unknown)),
        )

    async def write(self, words: Words | None) -> None:
        """Have the model think, and pass its words on: to the client, and to the voice if there is one."""
        called = False
        async with aclosing(self._reading.answer()) as events:
            async for event in events:
                if isinstance(event, TurnDone):
                    self.reason, self._cached = event.reason, event.usage.cached
                    self._unknown = max(event.usage.text_in - self._cached, 0)
                    # Calls are counted by the model that made them: the client gets them as they are.
                    self._call_tokens = max(event.usage.text_out - self.budget.text_tokens, 0) if called else 0
                    break
                called = called or isinstance(event, ToolCallDelta)
                if words is not None and isinstance(event, TextDelta):
                    await words.put(event.text)
                await self.budget(event)
        if words is not None:
            words.end()


async def _send_all(sounds: Stream[AudioDelta], send: Send) -> None:
    async with aclosing(sounds):
        async for sound in sounds:
            await send(sound)
