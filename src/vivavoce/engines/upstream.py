"""Another server with an OpenAI-compatible API: reached, read within bounds, its failures put into our words."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar, cast

import httpx2
import msgspec

from vivavoce.core.aside import aside
from vivavoce.core.errors import EngineFailed, EngineTimeout, PublicError
from vivavoce.engines.bodies import Answer, mapped
from vivavoce.engines.refusals import LIMIT, NEW_LIMIT, failure, wait_s

T = TypeVar("T")

ERROR_BYTES = 65_536
"""No error says more."""
LISTED_S = 30.0
"""A list of models comes in this time."""
LISTED_BYTES = 16 * 1024 * 1024
"""And is no larger: that of a hub with hundreds of models is under one."""
REFUSED_S = 5.0
"""So long the words of a refusal are waited for."""
AWAY = {502, 503, 504}
"""The statuses of one that is not there just now."""
PAUSE_S = 0.25
"""Before a request is sent again."""
UNANSWERED = (httpx2.ConnectError, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)
"""It was not there, or closed the connection before it answered, as a kept one may be at any time."""

log = logging.getLogger("vivavoce.upstream")


class Upstream:
    """Requests to one server. Times are in seconds."""

    def __init__(self, base_url: str, api_key: str, connect_s: float, retries: int) -> None:
        """Take its address, and how often a request may be sent again."""
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._retries = retries
        limits = httpx2.Timeout(None, connect=connect_s)
        self._client = httpx2.AsyncClient(
            base_url=base_url.rstrip("/"), headers=headers, timeout=limits, trust_env=False
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(self, path: str, kind: type[T]) -> T:
        """What it answers to a GET.

        Raises:
            PublicError: as `post`.
        """
        with mapped():
            async with asyncio.timeout(LISTED_S), self._answered(self._client.build_request("GET", path)) as answer:
                return await answer.read(kind, LISTED_BYTES)

    @asynccontextmanager
    async def post(
        self, path: str, body: dict[str, Any], recording: bytes | None = None
    ) -> AsyncGenerator[Answer, None]:
        """Post JSON, and read the answer as it comes; leaving closes the connection, which stops the other server.

        With a `recording`, a WAV file, the body is a form instead and the recording its file.

        Raises:
            EngineFailed: it refused the connection or the request, or broke off.
            EngineTimeout: it did not take the connection in time, or did not hear in time of one behind it.
            Overloaded: it said so.
            RateLimited: it takes no more of us for now.
            BadRequest: the request is not to its liking, or its messages are longer than the model's context.
        """
        if recording is not None:
            request = self._client.build_request("POST", path, data=body, files={"file": ("speech.wav", recording)})
        else:
            content = await aside(_letters(body), msgspec.json.encode, body)  # sound makes it large
            headers = {"content-type": "application/json"}
            request = self._client.build_request("POST", path, content=content, headers=headers)
        async with self._answered(request, int(body.get(LIMIT) or body.get(NEW_LIMIT) or 0)) as answer:
            yield answer

    @asynccontextmanager
    async def _answered(self, request: httpx2.Request, completion: int = 0) -> AsyncGenerator[Answer, None]:
        """`completion`: how many tokens it asks for; 0: it does not say."""
        with mapped():
            response = await self._sent(request)
        try:
            if not response.is_success:
                raise _failure(response, await self._beginning(response), completion)
            yield Answer(response)
        finally:
            await response.aclose()

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """The beginning of what is answered. A request of which nothing was answered is sent again, after a pause.

        That costs a generation at most; one that has begun to come, a refusal, and a server that says when to come back
        are what they are.
        """
        left = self._retries
        while True:
            try:
                response = await self._client.send(request, stream=True)
            except UNANSWERED:
                if not left:
                    raise
            else:
                if not left or response.status_code not in AWAY or wait_s(response.headers) is not None:
                    return response
                await response.aclose()
            left -= 1
            await asyncio.sleep(PAUSE_S)

    async def _beginning(self, response: httpx2.Response) -> bytes:
        """As much of an answer as an error needs, or as comes of it."""
        read = b""
        with contextlib.suppress(EngineFailed, EngineTimeout), mapped():
            async with asyncio.timeout(REFUSED_S), aclosing(response.aiter_bytes()) as pieces:
                while len(read) < ERROR_BYTES and (piece := await anext(pieces, b"")):
                    read += piece
        return read


def _letters(value: object) -> int:
    """How many characters the texts in a body have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_letters, cast("dict[str, object]", value).values()))
    return sum(map(_letters, cast("list[object]", value))) if isinstance(value, list) else 0


def _failure(response: httpx2.Response, body: bytes, completion: int) -> PublicError:
    error = failure(response.status_code, response.headers, body, completion)
    if isinstance(error, EngineFailed):
        log.warning("the server of a model answered %d", response.status_code)
    return error
