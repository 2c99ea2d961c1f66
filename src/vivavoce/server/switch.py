"""Changes the application under a server that runs: each request stays with the one it came to."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send


class Switch:
    """ASGI that hands requests to the newest application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._under_way: dict[ASGIApp, set[asyncio.Future[None]]] = {app: set()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way[app].add(ended)
        try:
            await app(scope, receive, send)
        finally:
            self._under_way[app].discard(ended)
            ended.set_result(None)

    async def to(self, app: ASGIApp, limit_s: float) -> None:
        """Give new requests to `app`; return once the application before has none left, or after `limit_s`."""
        before, self._app = self._app, app
        self._under_way[app] = set()
        left = self._under_way[before]
        if left:
            await asyncio.wait(left, timeout=limit_s)
        del self._under_way[before]
