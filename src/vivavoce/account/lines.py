"""A line of a batch, as the request that it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vivavoce.core.errors import PublicError
from vivavoce.store.ledger import Entry

LINE = "line"
"""The name of it in the scope of a request. No client can put it there."""


@dataclass(slots=True)
class Line:
    """One line, worked on: who asked it stands in the batch, and its row is written with its result."""

    batch: str
    request: str
    """The id of the request, the same however often it is tried."""
    key_id: str | None
    """The id of the key that the batch came with; None: the server had no keys."""
    entry: Entry | None = None
    """Its row in the ledger, once it is made; whoever works on the line writes it."""
    error: PublicError | None = None
    """Why it was not answered, where it was not."""
    settles: Callable[[bool], Awaitable[None]] | None = None
    """Settles what was granted to it, where it was answered."""

    async def settle(self, *, given: bool) -> None:
        """Say whether its answer is its batch's now: only then does it cost anything. The first time counts."""
        settles, self.settles = self.settles, None
        if settles is not None:
            await settles(given)
