"""A model on another server: what it is called there, and what it calls the limit of an answer."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from vivavoce.core.errors import EngineFailed, PublicError
from vivavoce.engines.bodies import Answer
from vivavoce.engines.refusals import LIMIT, NEW_LIMIT, NoSuchModel, is_other_limit
from vivavoce.engines.upstream import Upstream

MOST_LESSONS = 2
"""So often one request is sent again: its name and its limit's may both be wrong."""


class Named(msgspec.Struct):
    """A model a server has."""

    id: str


class Listed(msgspec.Struct):
    """The models of a server, as `GET /models` answers."""

    data: list[Named]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the model."""

    name: str
    limit: str = LIMIT


class RemoteModel:
    """One model of a server. What is learned of it from a refusal is kept for the requests that follow."""

    def __init__(self, upstream: Upstream, name: str) -> None:
        """`name`: empty: the first one the server lists, for as long as it has that."""
        self._upstream = upstream
        self._chosen = bool(name)
        self._known = Known(name)

    @property
    def name(self) -> str:
        """What it is called there; empty while nobody has asked."""
        return self._known.name

    @asynccontextmanager
    async def post(
        self, path: str, body: dict[str, Any], recording: bytes | None = None
    ) -> AsyncGenerator[Answer, None]:
        """Post a request for it; see `Upstream.post`. One refused for its name, or for its limit's, is sent again.

        That costs nothing: a refusal comes before any answer.

        Raises:
            PublicError: as `Upstream.post`.
        """
        async with AsyncExitStack() as stack:
            known, lessons = await self._asked(), 0
            while True:
                try:
                    answer = await stack.enter_async_context(self._upstream.post(path, _for(known, body), recording))
                    break
                except PublicError as refused:
                    before, known = known, await self._learned(known, refused)
                    lessons += 1
                    if known == before or lessons > MOST_LESSONS:
                        raise
            yield answer

    async def _asked(self) -> Known:
        if not self.name:
            self._known = Known(await self._first())
        return self._known

    async def _learned(self, known: Known, refused: PublicError) -> Known:
        """What is known better now that a request was refused; others may have learned it meanwhile."""
        if self._known == known:
            if isinstance(refused, NoSuchModel) and not self._chosen:
                first = await self._first()
                self._known = known if first == known.name else Known(first)
            elif is_other_limit(refused) and known.limit == LIMIT:
                self._known = replace(known, limit=NEW_LIMIT)
        return self._known

    async def _first(self) -> str:
        listed = await self._upstream.get("/models", Listed)
        if not listed.data:
            raise EngineFailed("The server behind this one has no model.")
        return listed.data[0].id


def _for(known: Known, body: dict[str, Any]) -> dict[str, Any]:
    """The request, in the words that its model takes."""
    asked = {"model": known.name, **body}
    if known.limit != LIMIT and LIMIT in asked:
        asked[known.limit] = asked.pop(LIMIT)
    return asked
