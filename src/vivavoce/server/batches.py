"""`/v1/batches`: work left to be done later is asked for, looked at and cancelled. Who does it is elsewhere."""

from starlette.requests import Request
from starlette.responses import Response

from vivavoce.server.caller import caller_of
from vivavoce.server.connection import read_body
from vivavoce.server.service import Endpoint, Service
from vivavoce.store.batch_rows import Batch
from vivavoce.store.batch_states import TooMany
from vivavoce.store.paging import NoSuchPlace, Part
from vivavoce.wire import batches as wire
from vivavoce.wire import listing
from vivavoce.wire.batches import (
    BatchBody,
    BatchErrors,
    BatchQuery,
    BatchUsage,
    CachedTokens,
    ReasoningTokens,
    RequestCounts,
)
from vivavoce.wire.ids import batch_id
from vivavoce.wire.operation import JSON
from vivavoce.wire.queries import query

BODY_BYTES = 64 * 1024
DAY_S = 86_400
UNDER_WAY = 100
"""Batches of a project that have not ended, at most."""
PAST_CANCELLING = ("failed", "finalizing", "completed", "expired")


class BatchRoutes:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self._batches = service.batches
        self._uploads = service.uploads

    def by_operation(self) -> dict[str, Endpoint]:
        """What answers each operation."""
        return {
            "createBatch": self.create,
            "listBatches": self.list,
            "retrieveBatch": self.retrieve,
            "cancelBatch": self.cancel,
        }

    async def create(self, request: Request) -> Response:
        """Leave a batch to be worked on."""
        caller = caller_of(request.scope)
        asked = wire.decode(await read_body(request.receive, dict(request.headers.raw), BODY_BYTES))
        upload = await self._uploads.find(asked.input_file_id, caller.project)
        path = await self._uploads.path(asked.input_file_id, caller.project)
        if upload is None or path is None:
            raise wire.no_such_file(asked.input_file_id)
        if upload.purpose != wire.PURPOSE:
            raise wire.not_for_batches(upload.purpose)
        now = int(self._batches.now())
        made = Batch(
            batch_id(),
            caller.project,
            caller.key_id,
            asked.endpoint,
            upload.id,
            asked.output_expires_after.seconds if asked.output_expires_after else None,
            asked.metadata,
            "validating",
            now,
            now + DAY_S,
        )
        try:
            await self._batches.create(made, path, UNDER_WAY)
        except TooMany:
            raise wire.too_many(UNDER_WAY) from None
        except FileNotFoundError:  # it was deleted just now
            raise wire.no_such_file(asked.input_file_id) from None
        return _json(made)

    async def list(self, request: Request) -> Response:
        """Part of all batches."""
        asked = query(request.query_params.multi_items(), BatchQuery)
        part = Part(asked.limit, newest_first=True, after=asked.after)
        try:
            found, more = await self._batches.page(caller_of(request.scope).project, part)
        except NoSuchPlace:
            raise listing.nothing_after(asked.after or "", "batches") from None
        said = [(each.id, wire.encode(_body(each))) for each in found]
        return Response(listing.page(said, more=more), media_type=JSON)

    async def retrieve(self, request: Request) -> Response:
        """One batch."""
        found = await self._batches.find(_id(request), caller_of(request.scope).project)
        if found is None:
            raise wire.not_found(_id(request))
        return _json(found)

    async def cancel(self, request: Request) -> Response:
        """End a batch before all of it is done."""
        found = await self._batches.cancel(_id(request), caller_of(request.scope).project)
        if found is None:
            raise wire.not_found(_id(request))
        if found.status in PAST_CANCELLING:
            raise wire.not_to_be_cancelled(found.status)
        return _json(found)


def _id(request: Request) -> str:
    return request.path_params["batch_id"]


def _json(batch: Batch) -> Response:
    return Response(wire.encode(_body(batch)), media_type=JSON)


def _body(batch: Batch) -> BatchBody:
    errors = [wire.BatchError(**each) for each in batch.errors or ()]
    return BatchBody(
        id=batch.id,
        endpoint=batch.endpoint,
        model=batch.model,
        errors=BatchErrors("list", errors) if errors else None,
        input_file_id=batch.input_file,
        status=batch.status,
        output_file_id=batch.output_file,
        error_file_id=batch.error_file,
        created_at=batch.created_at,
        in_progress_at=batch.in_progress_at,
        expires_at=batch.expires_at,
        finalizing_at=batch.finalizing_at,
        completed_at=batch.completed_at,
        failed_at=batch.failed_at,
        expired_at=batch.expired_at,
        cancelling_at=batch.cancelling_at,
        cancelled_at=batch.cancelled_at,
        request_counts=RequestCounts(batch.total, batch.completed, batch.failed),
        usage=BatchUsage(
            batch.tokens_in,
            CachedTokens(batch.cached),
            batch.tokens_out,
            ReasoningTokens(batch.reasoning),
            batch.tokens_in + batch.tokens_out,
        ),
        metadata=batch.metadata,
    )
