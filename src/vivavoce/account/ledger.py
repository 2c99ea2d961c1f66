"""What a request costs, metered from the events of its answers, and its one row in the ledger.

The row of an answer that is given whole is on disk before the last of that answer is sent. That of one that was broken
off is written when that happens, with what had been made of it by then. A request that was refused, or failed before
anything came of it, costs nothing.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError

from vivavoce.account.callers import Caller
from vivavoce.account.grants import Grant
from vivavoce.account.lines import Line
from vivavoce.account.prices import WHOLE, Cost, cost, times, written
from vivavoce.core.aside import aside
from vivavoce.core.audio import FRAME_SAMPLES, Pcm
from vivavoce.core.engines import Transcript
from vivavoce.core.errors import NotRecorded, PublicError
from vivavoce.core.models import Model, Price
from vivavoce.core.tokens import text_tokens
from vivavoce.core.turn import AudioDelta, InputTranscript, Speech, TextDelta, ToolCallDelta, Turn, TurnDone, Usage
from vivavoce.core.usage import estimated, texts_in
from vivavoce.store import clock
from vivavoce.store.ledger import Entry, Ledger, Status

log = logging.getLogger("vivavoce.account")

COMPLETED_HTTP = 200


@dataclass(slots=True)
class Meter:
    """One answer: what was asked, and what has come of it so far."""

    prompt: Turn | Usage
    characters: int = 0
    """Of a text that is to be read aloud."""
    begun: bool = False
    """Whether anything came."""
    done: Usage | None = None
    first_audio_s: float | None = None
    """When its first sound came, by the bill's clock."""
    said_s: float = 0.0
    heard_s: float = 0.0
    _tokens: int = 0
    _calls: str = ""
    _samples: int = 0
    _said_to: int = 0

    def told(self, item: object) -> None:
        """`item` came of it just now, and was passed on; of the end: is about to be."""
        if isinstance(item, Pcm):
            self.heard_s += item.seconds
            return
        if isinstance(item, InputTranscript):  # the client is not told
            return
        self.begun = True
        if isinstance(item, TurnDone):
            self.done = item.usage
        elif isinstance(item, TextDelta):
            self._tokens += item.tokens
        elif isinstance(item, Transcript):
            self._tokens += text_tokens(item.text)
        elif isinstance(item, ToolCallDelta):
            self._calls += (item.name or "") + item.arguments
        elif isinstance(item, AudioDelta):
            self._sounds(item)

    def read_so_far(self) -> int:
        """Characters read aloud."""
        return self._said_to if self.done is None else self.characters

    async def usage(self) -> Usage:
        """What it cost: as its end says, or else as what came adds up."""
        if self.done is not None:
            return self.done
        prompt = await _prompt(self.prompt)
        made = self._tokens + text_tokens(self._calls)
        return Usage(prompt.text_in, prompt.audio_in, made, -(-self._samples // FRAME_SAMPLES))

    def _sounds(self, sound: AudioDelta) -> None:
        self._said_to = max(self._said_to, sound.text_end)
        if sound.pcm.samples:
            self.first_audio_s = time.monotonic() if self.first_audio_s is None else self.first_audio_s
            self._samples += sound.pcm.samples
            self.said_s += sound.pcm.seconds


class Bill:
    """One request, from its beginning to its row."""

    def __init__(
        self,
        ledger: Ledger,
        caller: Caller,
        request: str,
        kind: str,
        line: Line | None = None,
        factor: Decimal = WHOLE,
    ) -> None:
        """`line`: of the batch it belongs to, which is given the row in the place of the ledger; `factor`: what it
        costs, of the price."""
        self._ledger = ledger
        self._line = line
        self._factor = factor
        self.caller = caller
        self._request = request
        self._kind = kind
        self._began = time.monotonic()
        self._model: Model | None = None
        self._meters: list[Meter] = []
        self._entered = False
        self._grant: Grant | None = None
        self.alias = ""
        """What the client calls the model, which is one of ours; empty until it is known."""
        self.usage = Usage()
        self.cost = Cost()
        """Once the row is made, as the usage."""

    def of(self, alias: str, model: Model) -> None:
        """It is about a model, by one of its names."""
        self.alias, self._model = alias, model

    def check(self) -> None:
        """Begin no work that could not be billed.

        Raises:
            NotRecorded: no row can be written at the moment, and so there will be none of this request.
        """
        if not self._ledger.writable:
            self._entered = True
            raise NotRecorded

    @property
    def line(self) -> Line | None:
        """The line of a batch that it is, if it is one."""
        return self._line

    @property
    def price(self) -> Price | None:
        """What its tokens cost; None: nothing."""
        return times(self._model.price, self._factor) if self._model else None

    def held_to(self, grant: Grant) -> None:
        """It may use so much, and gives back what it did not as soon as its row is written."""
        self._grant = grant

    def asked(self, prompt: Turn | Usage, answers: int = 1, characters: int = 0) -> list[Meter]:
        """The model is asked for so many answers to a prompt; each has a meter, which is told what comes of it."""
        self._meters = [Meter(prompt, characters) for _ in range(answers)]
        if isinstance(prompt, Turn):
            sounds = [part.pcm for message in prompt.messages for part in message.parts if isinstance(part, Speech)]
            self._meters[0].heard_s = sum(sound.seconds for sound in sounds if sound is not None)
        return self._meters

    async def settle(
        self, write: Callable[[Entry | None], Awaitable[None]] | None = None, *, last: bool = True
    ) -> None:
        """Write the row, if every answer has come to its end and it is not there yet.

        `write` is given the row, or None, and writes it with what else there is to be written. If that is not the
        `last` there is, it is given None.

        Raises:
            NotRecorded: it cannot be written.
        """
        over = last and all(meter.done is not None for meter in self._meters)
        ended = over and bool(self._meters) and not self._entered
        entry = await self._entry("completed", COMPLETED_HTTP) if ended else None
        if entry is None and write is None:
            return
        try:
            await self._write(entry, write or self._append)
        except (NotRecorded, SQLAlchemyError, OSError) as error:
            log.error("an answer could not be recorded: %s", type(error).__name__)
            raise NotRecorded from None
        if entry is not None:
            self._entered = True
            if self._line is None:
                await self._give_back(COMPLETED_HTTP)
            else:
                self._line.settles = self._settle_line

    async def close(self, status: Status, http: int, error: PublicError | None = None) -> None:
        """Write the row of a request that has ended some other way, by this error; nothing where it is there."""
        if self._line is not None:
            self._line.error = error
        if self._entered:
            return
        self._entered = True
        if status == "refused" and http == COMPLETED_HTTP and any(meter.begun for meter in self._meters):
            status = "failed"  # part of it has been given
        entry = await self._entry(status, http)
        await self._give_back(http)
        try:
            await self._write(entry, self._append)
        except (NotRecorded, SQLAlchemyError) as failure:
            log.error("a request that had ended could not be recorded: %s", type(failure).__name__)

    async def _write(self, entry: Entry | None, write: Callable[[Entry | None], Awaitable[None]]) -> None:
        if self._line is None:
            await write(entry)
            return
        await write(None)
        self._line.entry = entry or self._line.entry

    async def _append(self, entry: Entry | None) -> None:
        if entry is not None:
            await self._ledger.append(entry)

    async def _entry(self, status: Status, http: int) -> Entry:
        owed = self._owed(status)
        usage = self.usage = in_all([await meter.usage() for meter in owed])
        self.cost = cost(self.price, usage)
        firsts = [meter.first_audio_s for meter in self._meters if meter.first_audio_s is not None]
        return Entry(
            request=self._request,
            at=int(clock.now()),
            project=self.caller.project,
            key=self.caller.key_id,
            kind=self._kind,
            model=self._model.snapshot if self._model else "",
            alias=self.alias,
            text_in=usage.text_in,
            audio_in=usage.audio_in,
            cached=min(usage.cached, usage.text_in),
            text_out=usage.text_out,
            audio_out=usage.audio_out,
            reasoning=usage.reasoning,
            price=written(self.price),
            cost_in=self.cost.read,
            cost_out=self.cost.made,
            status=status,
            http=http,
            took_ms=self._ms(time.monotonic()),
            first_audio_ms=self._ms(min(firsts)) if firsts else None,
            characters=sum(meter.read_so_far() for meter in owed),
            heard_ms=round(1000 * sum(meter.heard_s for meter in owed)),
            said_ms=round(1000 * sum(meter.said_s for meter in owed)),
            batch=self._line.batch if self._line else None,
        )

    async def _give_back(self, http: int) -> None:
        """Settle what it was granted: once it is certain what is owed, and before the last of the answer is sent."""
        if self._grant is not None:
            ours = http >= HTTPStatus.INTERNAL_SERVER_ERROR
            await self._grant.settle(self.usage, self.cost.all, ours=ours)

    async def _settle_line(self, given: bool) -> None:
        if not given:
            self.usage, self.cost = Usage(), Cost()
        await self._give_back(COMPLETED_HTTP)

    def _owed(self, status: Status) -> Sequence[Meter]:
        """The answers that count: none where nothing is owed. What is left of a line's is given to nobody."""
        if self._line is not None:
            return self._meters if status == "completed" else ()
        owed = status != "refused" and (status != "failed" or any(meter.begun for meter in self._meters))
        return self._meters if owed else ()

    def _ms(self, moment: float) -> int:
        return round(1000 * (moment - self._began))


def in_all(answers: Sequence[Usage]) -> Usage:
    """What answers to one prompt cost: the prompt once, and every answer."""
    first = answers[0] if answers else Usage()
    return Usage(
        first.text_in,
        first.audio_in,
        sum(usage.text_out for usage in answers),
        sum(usage.audio_out for usage in answers),
        first.cached,
        sum(usage.reasoning for usage in answers),
    )


async def _prompt(prompt: Turn | Usage) -> Usage:
    if isinstance(prompt, Usage):
        return prompt
    return await aside(sum(map(len, texts_in(prompt))), estimated, prompt)
