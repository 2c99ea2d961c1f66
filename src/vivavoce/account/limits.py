"""Who may go on: what a key may ask for is reserved before, settled after, and given back where we failed.

    admit      a request of a minute and of a day, and a turn; tokens and money must be left   before any work
    reserve    the tokens of the prompt, its price, and a slice of the answer's                once the prompt is known
    afford     another slice                                                                   while the answer is made
    settle     what it really was                                                              whatever came of it

The counts are behind `Counters`, what was spent before behind `History`: with several server processes, those change
and nothing here does. Nothing here knows of HTTP.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from vivavoce.account.budgets import units
from vivavoce.account.callers import Caller
from vivavoce.account.counters import DAY_S, MINUTE_S, Counter, Counters, Full, Take
from vivavoce.account.grants import Account, Grant, Refused
from vivavoce.account.prices import usd
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import Earned, Tier, tier_of
from vivavoce.core.levels import Level
from vivavoce.core.models import Price


class History(Protocol):
    """What was done before: read where it is wanted first, and kept account of from there."""

    async def done(self, project: str) -> Earned:
        """How many requests of a project were answered, ever, and what they cost."""
        ...

    async def spent(self, whose: str, since: float) -> Decimal:
        """USD a key, by its id, or a project has spent since then, in Unix seconds."""
        ...


class NoHistory:
    """Of a server that keeps none: everything begins with its start."""

    async def done(self, project: str) -> Earned:
        """Nothing."""
        del project
        return Earned()

    async def spent(self, whose: str, since: float) -> Decimal:
        """Nothing."""
        del whose, since
        return Decimal(0)


class Limits:
    """The limits of every key."""

    def __init__(
        self,
        rules: Rules,
        counters: Counters,
        history: History,
        now: Callable[[], float],
    ) -> None:
        """`now`: Unix seconds; days and months begin by it."""
        self._rules = rules
        self._counters = counters
        self._history = history
        self._now = now
        self._done: dict[str, Earned] = {}
        self._begun: set[str] = set()

    @property
    def tiers(self) -> list[str]:
        """The name of every tier."""
        return [tier.name for tier in self._rules.tiers]

    async def admit(self, caller: Caller, model: str, price: Price | None = None, *, in_batch: bool = False) -> Grant:
        """Let a request in; its grant must be settled, whatever comes of it.

        Args:
            caller: who asks; whom nothing limits is let in.
            model: the name by which it is counted, the same for all its aliases.
            price: what its tokens cost; None: nothing.
            in_batch: whether it is a line of a batch: it waited in its queue, and is held to its money alone.

        Raises:
            Refused: there is no room for it.
        """
        if in_batch:
            account = Account(budgets=await self._budgets(caller) if price else ())
        else:
            account = await self._account(caller, model, price)
        grant = Grant(self._counters, account, price, lambda spent: self._did(caller.project, spent))
        await grant.enter()
        return grant

    async def enqueue(self, caller: Caller, model: str, tokens: int) -> None:
        """Have so many tokens of prompts wait in a batch.

        Raises:
            Refused: there is no room for them, or the tier has no batches.
        """
        tier = await self._tier(caller)
        if tier is None or tier.queue is None:
            await self._counters.put([Take(_queue(caller, model), tokens)])
            return
        take = Take(_queue(caller, model, tier.queue), tokens)
        if not tier.queue:
            raise Refused(Full(take, Level("queue", 0, 0), None))
        try:
            await self._counters.take([take])
        except Full as full:
            raise Refused(full) from None

    async def requeue(self, caller: Caller, model: str, tokens: int) -> None:
        """Of these, so many have waited since before the server started: whatever the tier says by now."""
        await self._counters.put([Take(_queue(caller, model), tokens)])

    async def dequeue(self, caller: Caller, model: str, tokens: int) -> None:
        """Of these, so many wait no longer: whatever the tier says by now."""
        await self._counters.put([Take(_queue(caller, model), -tokens)])

    async def _account(self, caller: Caller, model: str, price: Price | None) -> Account:
        tier, whose = await self._tier(caller), f"{caller.key_id} {model}"
        rates = Tier("") if tier is None else tier
        requests = [Counter("rpm", whose, rates.rpm, MINUTE_S)] if rates.rpm is not None else []
        requests += [Counter("rpd", whose, rates.rpd, DAY_S)] if rates.rpd is not None else []
        tokens = None if rates.tpm is None else Counter("tpm", whose, rates.tpm, MINUTE_S)
        turns = None if rates.turns is None else Counter("turns", str(caller.key_id), rates.turns)
        return Account(requests, tokens, turns, await self._budgets(caller) if price else ())

    async def _tier(self, caller: Caller) -> Tier | None:
        given = caller.tier or self._rules.otherwise
        if caller.key_id is None or given is None:
            return None
        tiers = self._rules.tiers
        if given != tiers[-1].name and caller.project not in self._done:
            self._done.setdefault(caller.project, await self._history.done(caller.project))
        return tier_of(given, self._done.get(caller.project, Earned()), tiers)

    async def _budgets(self, caller: Caller) -> list[Counter]:
        counters: list[Counter] = []
        if caller.key_id is None:
            return counters
        for whose in dict.fromkeys((caller.key_id, caller.project)):
            budget = self._rules.budgets.get(whose)
            if budget is None:
                continue
            period, since = budget.period(self._now())
            counter = Counter("usd", f"{whose} {period}", budget.units)
            if counter.name not in self._begun:
                spent = await self._history.spent(whose, since)
                await self._counters.begin(counter, units(spent))
                self._begun.add(counter.name)
            counters.append(counter)
        return counters

    def _did(self, project: str, spent: int) -> None:
        """One request more, which counts towards the next tier."""
        before = self._done.get(project)
        if before is not None:
            self._done[project] = Earned(before.requests + 1, before.usd + usd(spent))


def _queue(caller: Caller, model: str, most: int = 0) -> Counter:
    """What waits in batches; `most` is asked for only where something is taken."""
    return Counter("queue", f"{caller.key_id} {model}", most)
