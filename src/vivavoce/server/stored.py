"""Stored completions: keeping them, and the endpoints that list, read, change and delete them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from vivavoce.core.aside import aside
from vivavoce.core.turn import Turn, Usage
from vivavoce.server.caller import caller_of
from vivavoce.server.connection import read_body, while_connected
from vivavoce.server.service import Service
from vivavoce.store.completions import KeptCompletion, Wanted
from vivavoce.store.paging import NoSuchPlace
from vivavoce.wire import listing, stored, stored_messages
from vivavoce.wire.completion import Choice, Head
from vivavoce.wire.queries import query
from vivavoce.wire.request import ChatRequest
from vivavoce.wire.stored_messages import Heard


class Keeping:
    """Keeps what is answered to one request."""

    def __init__(self, service: Service, request: ChatRequest, body: bytes, scope: Scope) -> None:
        self._completions = service.completions
        self._request = request
        self._size = len(body)
        self._sent = stored.sent(body)
        self._request_id: str = scope["request_id"]
        self._project = caller_of(scope).project

    async def keep(self, head: Head, turn: Turn, heard: Heard, choices: Sequence[Choice], usage: Usage) -> None:
        """Keep it; it can be found when this returns."""
        request = self._request
        completion = KeptCompletion(
            head.id,
            self._project,
            head.created,
            head.model,
            request.model,
            request.metadata or {},
            await aside(self._size, stored.completion, request, self._sent, head, self._request_id, choices, usage),
            request.audio.format if request.audio else None,
        )
        messages = await aside(self._size, stored_messages.messages, head.id, request, turn, heard)
        await self._completions.keep(completion, messages)


class StoredCompletions:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._completions = service.completions

    async def list(self, request: Request) -> Response:
        """Part of all completions, spoken ones without their sound."""
        asked = query(request.query_params.multi_items(), listing.CompletionsQuery)
        wanted = Wanted(asked.limit, asked.newest_first, asked.after, asked.model, asked.metadata)
        try:
            found, more = await self._completions.page(_project(request), wanted)
        except NoSuchPlace:
            raise listing.nothing_after(asked.after or "", "stored completions") from None
        return _Json(await aside(sum(len(each.body) for each in found), _page, found, more=more))

    async def retrieve(self, request: Request) -> Response:
        """One completion."""
        completion_id = _id(request)
        return await self._whole(request, await self._completions.find(completion_id, _project(request)))

    async def update(self, request: Request) -> Response:
        """Give one completion other metadata."""
        body = await read_body(request.receive, dict(request.headers.raw), self._service.body_bytes)
        metadata = await aside(len(body), stored.metadata, body)
        return await self._whole(request, await self._completions.update(_id(request), _project(request), metadata))

    async def delete(self, request: Request) -> Response:
        """Delete one completion."""
        if not await self._completions.delete(_id(request), _project(request)):
            raise stored.not_found(_id(request))
        return _Json(stored.deleted(_id(request)))

    async def messages(self, request: Request) -> Response:
        """Part of the messages that one completion answers."""
        asked = query(request.query_params.multi_items(), listing.Query)
        written = await self._completions.messages(_id(request), _project(request))
        if written is None:
            raise stored.not_found(_id(request))
        return _Json(await aside(len(written), _messages, _id(request), written, asked))

    async def _whole(self, request: Request, kept: KeptCompletion | None) -> Response:
        if kept is None:
            raise stored.not_found(_id(request))
        found = await aside(len(kept.body), stored.read, kept.body, kept.metadata)
        await while_connected(request.receive, self._fetch_sound(found, _project(request), kept.audio_format or ""))
        size = len(kept.body) + sum(len(audio.data) for audio in stored.spoken(found))
        return _Json(await aside(size, stored.encode, found))

    async def _fetch_sound(self, found: stored.StoredCompletion, project: str, form: str) -> None:
        """Spoken answers are kept for an hour; whoever asks for them later has their words."""
        for audio in stored.spoken(found):
            if await self._service.answers.find(audio.id, project):
                pcm = await self._service.answers.sound(audio.id)
                if pcm is not None:
                    data = await self._service.sounds.encode(pcm, form)
                    await aside(len(data), stored.sound, audio, data)


class _Json(Response):
    """JSON that is written already."""

    media_type = "application/json"


def _id(request: Request) -> str:
    return request.path_params["completion_id"]


def _project(request: Request) -> str:
    return caller_of(request.scope).project


def _page(found: Sequence[KeptCompletion], *, more: bool) -> bytes:
    bodies = [(each.id, stored.encode(stored.read(each.body, each.metadata))) for each in found]
    return listing.page(bodies, more=more)


def _messages(completion_id: str, written: bytes, asked: listing.Query) -> bytes:
    return listing.cut(stored_messages.listed(completion_id, written), asked, "messages")
