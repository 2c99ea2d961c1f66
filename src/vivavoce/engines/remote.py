"""A model on another server: what it is called there."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from vivavoce.core.errors import EngineFailed
from vivavoce.engines.bodies import Answer
from vivavoce.engines.upstream import Upstream


class Named(msgspec.Struct):
    """A model a server has."""

    id: str


class Listed(msgspec.Struct):
    """The models of a server, as `GET /models` answers."""

    data: list[Named]


class RemoteModel:
    """One model of a server."""

    def __init__(self, upstream: Upstream, name: str) -> None:
        """`name`: empty: the first one the server lists."""
        self._upstream = upstream
        self.name = name
        """What it is called there; empty while nobody has asked."""

    @asynccontextmanager
    async def post(
        self, path: str, body: dict[str, Any], recording: bytes | None = None
    ) -> AsyncGenerator[Answer, None]:
        """Post a request for it; see `Upstream.post`."""
        self.name = self.name or await self._first()
        async with self._upstream.post(path, {"model": self.name, **body}, recording) as answer:
            yield answer

    async def _first(self) -> str:
        listed = await self._upstream.get("/models", Listed)
        if not listed.data:
            raise EngineFailed("The server behind this one has no model.")
        return listed.data[0].id
