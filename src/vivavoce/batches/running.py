"""Works on the lines of batches, as many at once as may be.

leased ─► asked ─► answered             ─► written down with its row in the ledger, both or neither
            ├► gave way to somebody     ─► asked again when it is quiet; that costs nothing
            ├► failed for our sake      ─► asked again after a while, `TRIES` times in all
            └► is not ours any more     ─► dropped: its batch was cancelled, or its time is over
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeAlias
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from vivavoce.account.lines import Line
from vivavoce.core.background import GaveWay
from vivavoce.core.errors import NotRecorded, RateLimited, TryLater
from vivavoce.store.batches import Batches, Leased

log = logging.getLogger("vivavoce.batches")

TRIES = 5
"""Of a line that failed for our sake; then that is what came of it."""
LONGEST_S = 60.0
"""The most that such a line waits before it is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking a line once."""

    status: int
    """As of HTTP."""
    body: bytes
    """JSON."""
    line: Line


Ask: TypeAlias = Callable[[Leased], Awaitable[Outcome]]
"""Asks a line; cancelling it cancels the work."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a runner does what. In seconds."""

    lease_s: float = 15.0
    """How long a line is its own; it asks for more time thrice as often."""
    look_s: float = 2.0
    """How often it looks for lines that it was not told of."""
    again_s: float = 1.0
    """Until a line is tried again that failed for our sake; four times as long each time after that."""
    disk_s: float = 5.0
    """Until the database is asked again that could not be used."""


class Seen(Protocol):
    """Is told what lines come to."""

    def line(self, outcome: str) -> None:
        """One was `done`, `failed`, `gave_way`, or is tried `again`."""
        ...

    def backlog(self, held: int, lines: int) -> None:
        """So many are held to be worked on, of so many that are not done."""
        ...


class Runner:
    """Works on lines for as long as `run` runs."""

    def __init__(
        self, batches: Batches, ask: Ask, at_once: Callable[[], int], seen: Seen, pace: Pace | None = None
    ) -> None:
        """`at_once`: how many lines it has at a time; how many of these are worked on says the door."""
        self._batches = batches
        self._ask = ask
        self._at_once = at_once
        self._seen = seen
        self._pace = pace or Pace()
        self._name = uuid4().hex
        self._works: dict[Leased, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._renew_at = 0.0

    def wake(self) -> None:
        """Look at once: there are lines, or some are not to be worked on any more."""
        self._renew_at = 0.0
        self._woken.set()

    async def run(self) -> None:
        """Work until this is cancelled; what is not done by then is given back."""
        await self._patiently(self._batches.forget_leases)
        try:
            while True:
                self._woken.clear()
                await self._patiently(self._step)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.look_s):
                        await self._woken.wait()
        finally:
            await self._end()

    async def _step(self) -> None:
        await self._renew()  # first: its own lines, whose time is over, would be given to it again
        await self._take()

    async def _renew(self) -> None:
        """Have more time for what is worked on, if it is time; drop what is not to be."""
        now = asyncio.get_running_loop().time()
        if now < self._renew_at:
            return
        self._renew_at = now + self._pace.lease_s / 3  # whoever wakes it from here on wants it again
        try:
            self._seen.backlog(len(self._works), await self._batches.left())
            held = set(await self._batches.renew([*self._works], self._pace.lease_s)) if self._works else set[Leased]()
        except BaseException:
            self._renew_at = 0.0
            raise
        dropped = [work for leased, work in self._works.items() if leased not in held]
        for work in dropped:
            work.cancel()
        await asyncio.gather(*dropped, return_exceptions=True)

    async def _take(self) -> None:
        room = self._at_once() - len(self._works)
        if room <= 0:
            return
        for leased in await self._batches.lease(self._name, room, self._pace.lease_s):
            work = self._works[leased] = asyncio.create_task(self._work(leased))
            work.add_done_callback(lambda _, leased=leased: self._done(leased))

    def _done(self, leased: Leased) -> None:
        del self._works[leased]
        self._woken.set()

    async def _work(self, leased: Leased) -> None:
        outcome = await self._asked(leased)
        done = HTTPStatus.OK <= outcome.status < HTTPStatus.MULTIPLE_CHOICES
        given = False

        async def finish() -> None:
            nonlocal given
            entry = outcome.line.entry
            given = await self._batches.finish(leased, outcome.status, leased.request_id, outcome.body, entry)

        try:
            await self._patiently(finish)
        finally:
            await outcome.line.settle(given=given)
        self._seen.line("done" if done else "failed")

    async def _asked(self, leased: Leased) -> Outcome:
        """What comes of a line in the end."""
        wait_s = self._pace.again_s
        tries = 1
        while True:
            outcome = await self._ask(leased)
            if isinstance(outcome.line.error, GaveWay):
                self._seen.line("gave_way")
            elif isinstance(outcome.line.error, NotRecorded):  # nor could what it comes to be written down
                self._seen.line("again")
                await asyncio.sleep(self._pace.disk_s)
            elif tries < TRIES and _ours(outcome):
                self._seen.line("again")
                await asyncio.sleep(min(max(wait_s, _retry_s(outcome)), LONGEST_S))
                wait_s, tries = 4 * wait_s, tries + 1
            else:
                return outcome

    async def _end(self) -> None:
        works = dict(self._works)
        for work in works.values():
            work.cancel()
        await asyncio.gather(*works.values(), return_exceptions=True)
        try:
            await self._batches.give_back([*works])
        except (SQLAlchemyError, NotRecorded) as error:
            log.error("lines of batches could not be given back: %s", type(error).__name__)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`, again and again where the database cannot be used."""
        while True:
            try:
                await work()
            except (SQLAlchemyError, OSError, NotRecorded) as error:
                log.error("batches cannot be worked on: %s", type(error).__name__)
                await asyncio.sleep(self._pace.disk_s)
            else:
                return


def _ours(outcome: Outcome) -> bool:
    """Whether it is nothing about the line that went wrong."""
    return outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(outcome.line.error, RateLimited)


def _retry_s(outcome: Outcome) -> float:
    """How long whoever was asked said to wait."""
    error = outcome.line.error
    return (error.retry_after_s or 0.0) if isinstance(error, TryLater) else 0.0
