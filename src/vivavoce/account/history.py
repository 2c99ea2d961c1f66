"""What keys and projects did before this server started: the ledger has it."""

import logging
from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy.exc import SQLAlchemyError

from vivavoce.account.prices import usd
from vivavoce.account.tiers import Earned
from vivavoce.core.errors import TryLater
from vivavoce.store.ledger import Ledger, Sum, Wanted

log = logging.getLogger("vivavoce.account")


class FromLedger:
    """`limits.History` of what the ledger's rows add up to.

    Raises, from every call:
        TryLater: the ledger cannot be read. Nobody is let in on what is not known.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def done(self, project: str) -> Earned:
        """Requests of a project that were not refused, and what they cost."""
        found = await self._sums(Wanted(only={"project": [project]}))
        return Earned(sum(each.requests for each in found), _cost(found))

    async def spent(self, whose: str, since: float) -> Decimal:
        """USD a project, or a key by its id, has spent since then, in Unix seconds."""
        by_kind = [await self._sums(Wanted(int(since), only={kind: [whose]})) for kind in ("project", "key")]
        return max(map(_cost, by_kind))

    async def _sums(self, wanted: Wanted) -> list[Sum]:
        try:
            return await self._ledger.sums(wanted)
        except SQLAlchemyError as error:
            log.error("what was spent could not be read: %s", type(error).__name__)
            raise TryLater("Your limits cannot be looked up right now. You can retry your request.") from None


def _cost(found: Sequence[Sum]) -> Decimal:
    return usd(sum(each.cost_in + each.cost_out for each in found))
