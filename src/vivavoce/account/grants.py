"""What one request may use: reserved bit by bit, and settled once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vivavoce.account.counters import Counter, Counters, Full, Take
from vivavoce.account.prices import cost
from vivavoce.core.levels import Level
from vivavoce.core.models import Price
from vivavoce.core.turn import Usage


@dataclass(frozen=True, slots=True)
class Account:
    """The counters that a request is held to."""

    requests: Sequence[Counter] = ()
    """Of a minute, of a day."""
    tokens: Counter | None = None
    turns: Counter | None = None
    budgets: Sequence[Counter] = ()

    @property
    def entry(self) -> list[Take]:
        """What a request takes before anything is known of it: a little of the rest, so that there must be some."""
        counted = [*self.requests, *([self.turns] if self.turns else []), *([self.tokens] if self.tokens else [])]
        return [Take(counter) for counter in (*counted, *self.budgets)]


class Refused(Exception):
    """There is no room for a request."""

    def __init__(self, full: Full, levels: Sequence[Level] = ()) -> None:
        """`full`: what has no room for it; `levels`: how far everything is used."""
        super().__init__(str(full))
        self.full = full
        self.levels = levels


class Grant:
    """What one request may use."""

    def __init__(self, counters: Counters, account: Account, price: Price | None, done: Callable[[int], None]) -> None:
        """`done`: told in the end what it cost, if anything came of it."""
        self._done = done
        self._counters = counters
        self._account = account
        self._price = price
        self._tokens = 1 if account.tokens else 0
        """Reserved so far."""
        self._money = 1 if account.budgets else 0
        """Reserved so far, in `prices.UNIT`."""
        self._slice = 0
        self._taken = 0
        """When its requests and tokens were, by the clock of the counters."""
        self._open = False
        self.prompt = Usage()
        """More than what is read can cost."""
        self.levels: Sequence[Level] = ()
        """How far each limit was used when something was last taken."""

    @property
    def counts(self) -> bool:
        """Whether anybody looks at how much it uses."""
        return bool(self._account.tokens or self._account.budgets)

    @property
    def pays(self) -> bool:
        """Whether anybody looks at what it costs."""
        return bool(self._account.budgets)

    async def enter(self) -> None:
        """Take what every request takes.

        Raises:
            Refused: there is no room for it.
        """
        await self._take(self._account.entry)
        self._open = True

    async def reserve(self, tokens: int, prompt: Usage, piece: Usage) -> None:
        """Take what a prompt needs, and a first slice of what is made of it.

        Args:
            tokens: about as many as are read, and the most that were asked for in answer.
            prompt: more than what is read can cost.
            piece: how much of an answer, or of several at once, is paid for ahead each time.

        Raises:
            Refused: there is no room for it.
        """
        self.prompt, self._slice = prompt, cost(self._price, piece).all
        counter = self._account.tokens
        if counter is not None and tokens > counter.limit:
            raise Refused(Full(Take(counter, tokens), await self._counters.level(counter), None), self.levels)
        more = max(tokens - self._tokens, 0) if counter else 0
        money = max(cost(self._price, prompt).all + self._slice - self._money, 0) if self.pays else 0
        try:
            await self._take(self._of_tokens(more) + self._of_money(money))
        except Refused as refused:
            raise self._told_whole(refused) from None
        self._tokens += more
        self._money += money

    def affords(self, made: Usage) -> bool:
        """Whether so much, beside the prompt, is paid for already."""
        return self._missing(made) <= 0

    async def afford(self, made: Usage) -> bool:
        """Pay for so much, beside the prompt: with another slice, or if that is too much with what it takes.

        False where there is not enough for that either; what little is left has been taken then.
        """
        missing = self._missing(made)
        if missing <= 0 or await self._more_money(missing + self._slice) or await self._more_money(missing):
            return True
        left = min([(await self._counters.level(budget)).remaining for budget in self._account.budgets])
        if left:
            await self._more_money(left)
        return False

    async def settle(self, used: Usage, spent: int, *, ours: bool = False) -> None:
        """Give back what was not used, and count what was used beyond it; once.

        Args:
            used: what it used in all, and was charged.
            spent: what that cost, in `prices.UNIT`.
            ours: whether it ended by our own fault; if nothing came of it, it is as one that never was.
        """
        if not self._open:
            return
        self._open = False
        void = ours and used == Usage()
        takes = [Take(self._account.turns, -1)] if self._account.turns else []
        takes += [Take(counter, -1) for counter in self._account.requests] if void else []
        tokens = used.text_in + used.audio_in + used.text_out + used.audio_out - self._tokens
        takes += self._of_tokens(tokens) + self._of_money(spent - self._money)
        await self._counters.put(takes, self._taken)
        if used != Usage():
            self._done(spent)

    def _missing(self, made: Usage) -> int:
        """How much more so much costs than is reserved."""
        if not self.pays:
            return 0
        return cost(self._price, self.prompt).all + cost(self._price, made).all - self._money

    async def _more_money(self, amount: int) -> bool:
        try:
            await self._counters.take(self._of_money(amount))
        except Full:
            return False
        self._money += amount
        return True

    async def _take(self, takes: Sequence[Take]) -> None:
        try:
            self._taken = await self._counters.take(takes)
        except Full as full:
            raise Refused(full, await self._all_levels()) from None
        self.levels = await self._all_levels()

    def _told_whole(self, refused: Refused) -> Refused:
        """With the little it had of its tokens since its beginning among what it wanted, not among what was used."""
        full = refused.full
        if full.take.counter is not self._account.tokens:
            return refused
        level = replace(full.level, used=full.level.used - self._tokens)
        return Refused(
            Full(Take(full.take.counter, full.take.amount + self._tokens), level, full.wait_s), refused.levels
        )

    async def _all_levels(self) -> list[Level]:
        return [await self._counters.level(take.counter) for take in self._account.entry]

    def _of_tokens(self, amount: int) -> list[Take]:
        return [Take(self._account.tokens, amount)] if self._account.tokens and amount else []

    def _of_money(self, amount: int) -> list[Take]:
        return [Take(budget, amount) for budget in self._account.budgets if amount]
