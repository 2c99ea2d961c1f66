"""1, 2, 4, 8, … conversations at once, until the first audio passes the limit."""

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vivavoce.benchmark.asking import Asked, Turn
from vivavoce.benchmark.figures import Measured
from vivavoce.benchmark.machine import Machine
from vivavoce.benchmark.processes import Processes
from vivavoce.benchmark.questions import SYSTEM, TURNS, Question, Questions
from vivavoce.benchmark.watching import Generator, Used, Watch
from vivavoce.conform.examine import Unusable

LEAST_TRANSCRIPTS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard to try."""

    limit_s: float = 1.5
    """Of the first audio, which 19 of 20 turns have to keep."""
    most: int = 64
    """Conversations at once."""
    turns: int = 20
    """Of a step, at least."""
    pause_s: float = 1.0
    """Between the end of an answer's sound and the next question, on average."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came out at so many conversations."""

    measured: Measured
    generator: Generator
    used: Used | None
    seconds: float
    whole: bool
    """False: it was cut short."""

    @property
    def conversations(self) -> int:
        """How many at once."""
        return self.measured.conversations

    def holds(self, limit_s: float) -> bool:
        """Whether 19 of 20 turns began to sound within the limit; refused and failed ones did not."""
        first = self.measured.first_audio()
        return self.whole and first is not None and first.p95 <= limit_s


@dataclass(slots=True)
class Climb:
    """A measurement; what it holds so far can be told at any time."""

    base: str
    """The server's address."""
    asked: Asked
    questions: Questions
    plan: Plan
    processes: Processes | None
    tell: Callable[[str], None]
    machine: Machine
    """The load generator's."""
    own: bool = False
    """Whether the server was started for this alone, so that it is this machine that is measured."""
    steps: list[Step] = field(default_factory=list[Step])
    idle_mb: float | None = None
    """What the server's processes held before the first step."""
    named: list[str] = field(default_factory=list[str])
    """What these processes are called."""
    remarks: list[str] = field(default_factory=list[str])

    @property
    def on_one_machine(self) -> bool:
        """Whether the server runs on the load generator's machine, as far as that is to be seen."""
        return self.own or self.processes is not None

    async def run(self) -> None:
        """Warm up, then climb.

        Raises:
            Unusable: the server does not answer a question aloud.
        """
        self.tell("warming up…")
        await self._warm_up()
        if self.processes is not None:
            self.idle_mb = await asyncio.to_thread(self.processes.memory_mb)
            self.named = await asyncio.to_thread(self.processes.names)
        for conversations in _doubling(self.plan.most):
            await self._step(conversations)
            if not self.steps[-1].holds(self.plan.limit_s):
                return

    async def _warm_up(self) -> None:
        """A conversation that nobody times, which shows what the server takes."""
        messages = _opening()
        first = await self._try(messages, Question("Hello. How are you today?", 0))
        if not first.answered:
            raise Unusable(f"it does not answer aloud as this API does: {first.why}")
        self.asked.references = bool(first.audio_id)
        follow = Question("Tell me more.", 0)
        if self.asked.references and not (await self._try([*messages, *_said(first)], follow)).answered:
            self.asked.references = False
        if not self.asked.references:
            self.remarks.append("it takes no earlier answer by its id: the words were sent again")
        if self.questions.recordings:
            spoken = await self._try(_opening(), self.questions.spoken(0))
            if not spoken.answered:
                self.remarks.append(f"spoken questions were left out: {spoken.why}")
                self.questions = Questions([])
        await self._warm_up_hearing()

    async def _warm_up_hearing(self) -> None:
        if self.asked.hearing is not None and self.questions.recordings:
            end, _ = await self.asked.transcribe(self.questions.unheard(self.questions.recordings[0]))
            if end != "failed":
                return
        self.asked.hearing = None
        self.remarks.append("the time to the transcript was left out: there is no /audio/transcriptions to ask")

    async def _try(self, messages: list[Any], question: Question) -> Turn:
        return await self.asked.ask([*messages, _user(question)], spoken=question.spoken)

    async def _step(self, conversations: int) -> None:
        """Hold so many conversations at once; what was seen is kept even if it is broken off."""
        measured, whole = Measured(conversations), False
        watch = Watch(self.processes)
        try:
            async with watch:
                await self._talk(measured)
            if self.asked.hearing is not None:
                self.tell(f"{conversations} at once: transcripts…")
                await self._transcripts(measured)
            whole = True
        finally:
            if measured.turns:
                self.steps.append(Step(measured, watch.generator, watch.used, watch.seconds, whole))

    async def _talk(self, measured: Measured) -> None:
        rounds = math.ceil(self.plan.turns / (TURNS * measured.conversations))
        every = rounds * TURNS * measured.conversations

        async def one(place: int) -> None:
            chance = random.Random(place)  # noqa: S311 - paces a conversation
            await asyncio.sleep(self.plan.pause_s * place / measured.conversations)
            for number in range(rounds):
                await self._converse(place + number * measured.conversations, chance, measured)
                self.tell(f"{measured.conversations} at once: {len(measured.turns)} of {every} turns…")

        async with asyncio.TaskGroup() as group:
            for place in range(measured.conversations):
                group.create_task(one(place))

    async def _converse(self, number: int, chance: random.Random, measured: Measured) -> None:
        """Ask, listen to the end of the sound, think, and ask again."""
        messages = _opening()
        clock = asyncio.get_running_loop().time
        for question in self.questions.conversation(number):
            await asyncio.sleep(self.plan.pause_s * chance.uniform(0.5, 1.5) + question.said_s)
            began = clock()
            turn = await self._try(messages, question)
            measured.turns.append(turn)
            if turn.answered:
                messages += [_user(question), *_said(turn, by_id=self.asked.references)]
                player = turn.player
                ends_s = (turn.first_audio_s or 0) + player.sound_s + player.gap_s
                await asyncio.sleep(max(0.0, began + ends_s - clock()))

    async def _transcripts(self, measured: Measured) -> None:
        """Have as many recordings written down at once as there were conversations."""
        recordings = self.questions.recordings
        each = math.ceil(LEAST_TRANSCRIPTS / measured.conversations)

        async def one(place: int) -> None:
            for number in range(each):
                wav = self.questions.unheard(recordings[(place + number) % len(recordings)])
                measured.transcripts.append(await self.asked.transcribe(wav))

        async with asyncio.TaskGroup() as group:
            for place in range(measured.conversations):
                group.create_task(one(place))


def _doubling(most: int) -> list[int]:
    """1, 2, 4, 8, … and `most` itself."""
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def _opening() -> list[Any]:
    return [{"role": "system", "content": SYSTEM}]


def _user(question: Question) -> dict[str, Any]:
    return {"role": "user", "content": question.content}


def _said(turn: Turn, *, by_id: bool = True) -> list[Any]:
    if by_id and turn.audio_id:
        return [{"role": "assistant", "audio": {"id": turn.audio_id}}]
    return [{"role": "assistant", "content": turn.words}] if turn.words else []
