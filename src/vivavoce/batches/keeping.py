"""Takes every batch on its way: reads what it asks, ends it in time, and makes files of what came of it."""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from vivavoce.account.callers import Caller, NoKey, WrongKey
from vivavoce.account.grants import Refused
from vivavoce.account.limits import Limits
from vivavoce.batches.reading import Asked, read
from vivavoce.core.errors import TryLater, trail
from vivavoce.core.models import Model
from vivavoce.store import clock
from vivavoce.store.batch_files import Kind, LineError
from vivavoce.store.batch_remains import LOST
from vivavoce.store.batch_rows import Batch
from vivavoce.store.batch_states import BatchStates
from vivavoce.store.uploads import MADE, Upload, Uploads
from vivavoce.wire.batches import OUTPUT_S, bad_key, over_queue

log = logging.getLogger("vivavoce.batches")

T = TypeVar("T")

EVERY_S = 1.0
"""How often it is looked whether a batch's time is over, or its last line is done."""
WHY = {
    "expired": LineError("batch_expired", "This request was not executed before the completion window was over."),
    "cancelled": LineError("batch_cancelled", "The batch was cancelled before this request was executed."),
    "completed": LineError("server_error", "This request was not executed."),
}
"""What is said of lines that were not worked on. Of a completed batch there are none."""


@dataclass(frozen=True, slots=True)
class House:
    """What the server is like now."""

    model: Callable[[str, Caller], Model]
    """The model of a name that a caller may use; raises `PublicError` where there is none."""
    whose: Callable[[str | None], Awaitable[Caller]]
    """Who the key of an id belongs to by now; raises `NoKey`, `WrongKey`, `TryLater`."""
    limits: Limits
    line_bytes: int
    """As long as a line may be."""
    somebody: Callable[[], bool] = lambda: False
    """Whether somebody is there for whom reading and ending batches is to go slowly."""


class Keeper:
    """Keeps batches going, one step after another. What cannot be done now is tried again."""

    def __init__(
        self,
        states: BatchStates,
        uploads: Uploads,
        house: House,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._states = states
        self._files = states.files
        self._uploads = uploads
        self._now = now
        self.use(house)
        self._said = ""

    def use(self, house: House) -> None:
        """From now on the server is like this."""
        self._house = house

    async def run(self) -> None:
        """Keep them going, until it is cancelled."""
        counted = False
        while True:
            self._states.changed.clear()
            counted = counted or bool(await self._try(self.count_waiting()))
            if counted:
                await self.step()
            with suppress(TimeoutError):
                # not `wait_for`: that of 3.11 passes over the end where both come at once
                async with asyncio.timeout(EVERY_S):
                    await self._states.changed.wait()

    async def step(self) -> None:
        """Take every batch one step further, as far as it can be."""
        await self._try(self._states.expire())
        for batch in await self._try(self._states.in_state("validating")) or ():
            await self._try(self._begin(batch))
        for batch in await self._try(self._states.ending()) or ():
            await self._try(self._end(batch))

    async def count_waiting(self) -> bool:
        """Count what has waited since before the start, once."""
        for each in await self._states.waiting():
            await self._house.limits.requeue(Caller(each.project, each.key), each.counted, each.tokens)
        return True

    async def _try(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do what may be done later; None where it has to be."""
        try:
            found = await work
        except (OSError, SQLAlchemyError, TryLater) as error:
            said = f"a batch has to wait: {type(error).__name__}"
        except Exception as bug:  # noqa: BLE001 - of one batch, whatever it is; the others go on
            said = f"a batch has to wait, for a bug: {type(bug).__name__} in {trail(bug)}"
        else:
            return found
        if said != self._said:
            log.error("%s", said)
        self._said = said
        return None

    async def _begin(self, batch: Batch) -> None:
        """Have the lines of a batch worked on, or say what is wrong with them."""
        house = self._house
        try:
            caller = await house.whose(batch.key)
        except (NoKey, WrongKey) as wrong:
            await self._states.fail(batch.id, None, [msgspec.to_builtins(bad_key(str(wrong)))])
            return
        try:
            asked = await asyncio.to_thread(
                read,
                self._files.input(batch.id),
                batch.endpoint,
                lambda name: house.model(name, caller),
                house.line_bytes,
                house.somebody,
            )
        except FileNotFoundError:
            await self._states.fail(batch.id, None, [LOST])
            return
        model = asked.model
        if asked.errors or model is None:
            await self._fail(batch, asked)
            return
        counted, tokens = model.limited_as or model.name, sum(line.tokens for line in asked.lines)
        try:
            await house.limits.enqueue(caller, counted, tokens)
        except Refused as refused:
            limit = refused.full.take.counter.limit
            asked.errors.append(over_queue(model.name, batch.project, limit))
            await self._fail(batch, asked)
            return
        begun = False
        try:
            begun = await self._states.begin(batch.id, model.snapshot, counted, asked.lines)
        finally:
            if not begun:
                await house.limits.dequeue(caller, counted, tokens)

    async def _fail(self, batch: Batch, asked: Asked) -> None:
        errors = [msgspec.to_builtins(error) for error in asked.errors]
        await self._states.fail(batch.id, asked.model.snapshot if asked.model else None, errors)
        await self._states.remains.clean(batch.id)

    async def _end(self, batch: Batch) -> None:
        """Make files of what came of a batch, and end it. All of it may have been done before, and the end not."""
        await self._states.give_up(batch.id, WHY[batch.ending or "completed"])
        sizes = await self._states.results(batch.id)
        files: dict[Kind, str | None] = {kind: await self._made_file(batch, kind, size) for kind, size in sizes.items()}
        if await self._states.close(batch.id, files) and batch.counted is not None:
            whose = Caller(batch.project, batch.key)
            await self._house.limits.dequeue(whose, batch.counted, batch.tokens)
        await self._states.remains.clean(batch.id)

    async def _made_file(self, batch: Batch, kind: Kind, size: int) -> str | None:
        """The id of the file of one kind of results; None where there are none."""
        if not size:
            return None
        name = _file_id(batch.id, kind)
        if await self._uploads.find(name, batch.project) is not None:
            return name
        now = int(self._now())
        expires = now + (batch.kept_s or OUTPUT_S)
        upload = Upload(name, batch.project, f"{batch.id}_{kind}.jsonl", MADE, size, now, expires)
        path = await asyncio.to_thread(self._uploads.temporary)
        try:
            await asyncio.to_thread(_share, self._files.results(batch.id, kind), size, path)
            with suppress(IntegrityError):  # it was kept before, and deleted since
                await self._uploads.keep(upload, path)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return name


def _file_id(batch: str, kind: Kind) -> str:
    """The same each time: a file is made once, and nobody guesses it who does not know the batch."""
    return f"file-{sha256(f'{batch}/{kind}'.encode()).hexdigest()[:24]}"


def _share(results: Path, size: int, path: Path) -> None:
    """Give results another place, without what stands behind those that count; nothing is added to them any more."""
    os.truncate(results, size)
    path.unlink()
    try:
        path.hardlink_to(results)
    except OSError:
        shutil.copyfile(results, path)
