"""Requests held to the limits of their keys, whose headers say how far these are used."""

from starlette.types import Scope

from vivavoce.account.grants import Grant, Refused
from vivavoce.account.ledger import Bill
from vivavoce.account.limits import Limits
from vivavoce.core.aside import aside
from vivavoce.core.errors import LimitReached
from vivavoce.core.models import Model
from vivavoce.core.turn import Turn, Usage
from vivavoce.core.usage import estimated, most_in, texts_in
from vivavoce.server.billed import bill_of
from vivavoce.wire import limits as wire

SLICE_WORDS, SLICE_SOUND = 64, 100
"""Tokens of an answer that are paid for ahead: about five seconds of speech, 20 tokens each, and its words."""
HEADERS = "limit headers"
"""The name in a request's scope of what its answer's headers say of limits."""


class Held:
    """One request, and what it may use."""

    def __init__(self, limits: Limits, scope: Scope, model: Model, *, tokens: bool = True) -> None:
        """`tokens`: whether its headers tell of tokens."""
        self._limits = limits
        self._scope = scope
        self.model = model
        self._tells_tokens = tokens
        self._grant: Grant | None = None

    @property
    def grant(self) -> Grant:
        """What it may use, once it was let in."""
        if self._grant is None:
            raise RuntimeError("the request was not let in")
        return self._grant

    @property
    def bill(self) -> Bill:
        """Its bill."""
        return bill_of(self._scope)

    async def admit(self) -> None:
        """Let it in, until its bill is closed.

        Raises:
            LimitReached: there is no room for it.
            NotRecorded: it could not be billed.
        """
        bill, model = self.bill, self.model
        bill.check()
        try:
            self._grant = await self._limits.admit(
                bill.caller, model.limited_as or model.name, bill.price, in_batch=bill.line is not None
            )
        except Refused as refused:
            raise self._reached(refused) from None
        bill.held_to(self._grant)
        self._tell(self._grant)

    async def reserve(self, tokens: int, prompt: Usage, piece: Usage) -> None:
        """See `Grant.reserve`.

        Raises:
            LimitReached: there is no room for it.
        """
        try:
            await self.grant.reserve(tokens, prompt, piece)
        except Refused as refused:
            raise self._reached(refused) from None
        self._tell(self.grant)

    async def reserve_turn(self, turn: Turn, answers: int) -> None:
        """Reserve what a turn needs, of which so many answers are made at once.

        Raises:
            LimitReached: there is no room for it.
        """
        if not self.grant.counts:
            return
        size = sum(map(len, texts_in(turn)))
        about, most = await aside(size, estimated, turn), await aside(size, most_in, turn)
        asked = turn.sampling.max_tokens
        text, sound = SLICE_WORDS, SLICE_SOUND if turn.voice is not None else 0
        if asked is not None:
            text, sound = min(text, asked), min(sound, asked)
        tokens = about.text_in + about.audio_in + (asked or 0) * answers
        await self.reserve(tokens, most, Usage(text_out=text * answers, audio_out=sound * answers))

    def _reached(self, refused: Refused) -> LimitReached:
        full = refused.full
        self._scope[HEADERS] = wire.headers(refused.levels, tokens=self._tells_tokens)
        project = self.bill.caller.project
        return wire.reached(full.level, full.take.amount, full.wait_s, model=self.model.name, project=project)

    def _tell(self, grant: Grant) -> None:
        self._scope[HEADERS] = wire.headers(grant.levels, tokens=self._tells_tokens)
