"""Hears nothing twice: a client sends the whole conversation with every turn, its recordings too."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import astuple, replace
from typing import Any, Literal, Protocol, TypeAlias

from vivavoce.core.aside import aside
from vivavoce.core.audio import Pcm, join
from vivavoce.core.engines import Hearing, Transcriber, Transcript
from vivavoce.core.streams import once
from vivavoce.core.turn import Stream

How: TypeAlias = Literal["heard", "recalled", "joined"]
"""How a recording came to its words: by the ear, from memory, or from another who asked for the same just then."""


class Memory(Protocol):
    """Where transcripts are kept; see `store.heard`."""

    async def recall(self, name: str) -> list[Transcript] | None:
        """What was kept under a name; None where nothing is."""
        ...

    def remember(self, name: str, words: list[Transcript]) -> None:
        """Keep it from now on; never waits."""
        ...


class Recalling:
    """A `Transcriber` around another, which hears a sound once: later from memory, at the same moment together.

    Those who ask together for the same share one call of the ear. It ends with the last of them who leaves.
    """

    def __init__(
        self,
        ear: Transcriber,
        name: str,
        memory: Memory | None = None,
        told: Callable[[How], None] = lambda _: None,
    ) -> None:
        """Wrap `ear`.

        Args:
            ear: what hears.
            name: which engine and model it is; with another name nothing is recalled.
            memory: None: only those who ask at the same moment share what is heard.
            told: how each recording came to its words, for whoever counts.
        """
        self._ear = ear
        self._name = name
        self._memory = memory
        self._told = told
        self._flights: dict[str, _Flight] = {}

    async def transcribe(self, audio: AsyncIterable[Pcm], ask: Hearing) -> Stream[Transcript]:
        """Hear, or recall what was heard; see `core.engines.Transcriber`."""
        sounds = [pcm async for pcm in audio]
        if not sounds:
            return
        whole = join(sounds, sounds[0].rate)
        name = await aside(len(whole.data), _digest, self._name, whole, ask)
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = _Flight(lambda flight: self._forget(name, flight))
            flight.begin(self._hear(name, whole, ask, flight))
        else:
            self._told("joined")
        del sounds, whole
        async with aclosing(flight.transcripts()) as heard:
            async for transcript in heard:
                yield transcript

    async def _hear(self, name: str, whole: Pcm, ask: Hearing, flight: "_Flight") -> None:
        try:
            await self._recall_or_hear(name, whole, ask, flight)
        finally:
            self._forget(name, flight)

    async def _recall_or_hear(self, name: str, whole: Pcm, ask: Hearing, flight: "_Flight") -> None:
        known = None if self._memory is None else await self._memory.recall(name)
        self._told("heard" if known is None else "recalled")
        if known is not None:
            flight.add(*known)
            return
        async with aclosing(self._ear.transcribe(once(whole), replace(ask, project=""))) as heard:
            async for transcript in heard:
                flight.add(transcript)
        if self._memory is not None:
            self._memory.remember(name, [transcript for transcript in flight.came if transcript.final])

    def _forget(self, name: str, flight: "_Flight") -> None:
        """Let no one join it any more."""
        if self._flights.get(name) is flight:
            del self._flights[name]


class _Flight:
    """One hearing under way, for as many as ask for it."""

    def __init__(self, over: Callable[["_Flight"], None]) -> None:
        self.came: list[Transcript] = []
        self._over = over
        self._askers = 0
        self._changed = asyncio.Event()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._ended)

    def add(self, *heard: Transcript) -> None:
        self.came += heard
        self._changed.set()
        self._changed = asyncio.Event()

    async def transcripts(self) -> Stream[Transcript]:
        """What has been heard and what comes; the work's error, if it has one."""
        self._askers += 1
        given = 0
        try:
            while not self._task.done() or given < len(self.came):
                if given < len(self.came):
                    given += 1
                    yield self.came[given - 1]
                else:
                    await self._changed.wait()
            self._task.result()
        finally:
            self._askers -= 1
            if not self._askers:
                self._over(self)
                self._task.cancel()
                await asyncio.wait([self._task])
                del self._task  # its error holds this frame; were it to hold the task, the sound would be kept

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._changed.set()
        if not task.cancelled():
            task.exception()  # asked for: nobody need be left to hear of it


def _digest(ear: str, sound: Pcm, ask: Hearing) -> str:
    """What is asked, of which ear, about which sound, by whom: what one project heard does not exist for another."""
    asked = repr((ear, sound.rate, astuple(ask))).encode()
    return hashlib.sha256(asked + hashlib.sha256(sound.data).digest()).hexdigest()
