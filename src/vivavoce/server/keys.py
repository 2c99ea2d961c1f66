"""`/v1/organization`: keys made, listed, rotated and revoked by whoever has an admin key. The edge lets no other in."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from vivavoce.account.keys import Made, Wish
from vivavoce.server.connection import read_body
from vivavoce.server.service import Endpoint, Service
from vivavoce.store.keys import Key
from vivavoce.wire import keys as wire
from vivavoce.wire import listing
from vivavoce.wire.keys import AdminKey, DeletedKey, KeyBody, NewAdminKey, NewProjectKey, Project, ProjectKey, Rotation
from vivavoce.wire.queries import query

BODY_BYTES = 64 * 1024


class AdminRoutes:
    """The endpoints. Each is there for admin keys, whose path names no project, and for a project's."""

    def __init__(self, service: Service) -> None:
        self._models = service.models
        self._tiers = service.limits.tiers
        self._ring = service.keys

    def by_operation(self) -> dict[str, Endpoint]:
        """What answers each operation."""
        return {
            "list-projects": self.projects,
            "admin-api-keys-list": self.list,
            "admin-api-keys-create": self.create,
            "admin-api-keys-get": self.retrieve,
            "admin-api-keys-delete": self.delete,
            "rotateAdminApiKey": self.rotate,
            "list-project-api-keys": self.list,
            "createProjectApiKey": self.create,
            "retrieve-project-api-key": self.retrieve,
            "delete-project-api-key": self.delete,
            "rotateProjectApiKey": self.rotate,
        }

    async def projects(self, request: Request) -> Response:
        """Part of the projects that ever had keys."""
        found = await self._ring.projects()
        shown = [(name, Project(id=name, name=name, created_at=created)) for name, created in found]
        return _part(request, shown, "projects")

    async def list(self, request: Request) -> Response:
        """Part of the keys."""
        found = await self._ring.of(_project(request))
        return _part(request, [(key.id, _shown(key)) for key in found], "keys")

    async def create(self, request: Request) -> Response:
        """Make a key, and tell it once."""
        project = _project(request)
        body = await _body(request)
        if project is None:
            asked = wire.decode(body, NewAdminKey)
            return _told(await self._ring.create(Wish(asked.name, None, lifetime_s=asked.expires_in_seconds)))
        wire.check_project(project)
        wanted = wire.decode(body, NewProjectKey)
        unknown = [name for name in wanted.models or () if name not in self._models]
        if unknown:
            raise wire.unknown_models(unknown)
        if wanted.tier is not None and wanted.tier not in self._tiers:
            raise wire.unknown_tier(wanted.tier, self._tiers)
        wish = Wish(wanted.name, project, wanted.tier, wanted.models, wanted.expires_in_seconds)
        return _told(await self._ring.create(wish))

    async def retrieve(self, request: Request) -> Response:
        """One key."""
        return _json(_shown(await self._key(request)))

    async def rotate(self, request: Request) -> Response:
        """Put another key in the place of one, and tell it once."""
        key = await self._key(request)
        asked = wire.decode(await _body(request) or b"{}", Rotation)
        made = await self._ring.rotate(key.id, asked.grace_seconds)
        if made is None:
            raise wire.no_such_key()
        return _told(made)

    async def delete(self, request: Request) -> Response:
        """Revoke a key."""
        key = await self._key(request)
        if not await self._ring.revoke(key.id):
            raise wire.no_such_key()
        kind = "organization.admin_api_key.deleted" if key.admin else "organization.project.api_key.deleted"
        return _json(DeletedKey(key.id, kind, deleted=True))

    async def _key(self, request: Request) -> Key:
        found = await self._ring.named(request.path_params["key_id"], _project(request))
        if found is None:
            raise wire.no_such_key()
        return found


def _project(request: Request) -> str | None:
    return request.path_params.get("project_id")


async def _body(request: Request) -> bytes:
    return await read_body(request.receive, dict(request.headers.raw), BODY_BYTES)


def _part(request: Request, found: Sequence[tuple[str, msgspec.Struct]], what: str) -> Response:
    asked = query(request.query_params.multi_items(), listing.Query)
    listed = [(each, msgspec.json.encode(body)) for each, body in found]
    return Response(listing.cut(listed, asked, what), media_type="application/json")


def _told(made: Made) -> Response:
    body = _shown(made.key)
    body.value = made.value
    return _json(body, {"cache-control": "no-store"})


def _shown(key: Key) -> AdminKey | ProjectKey:
    shown = KeyBody(
        id=key.id,
        name=key.name,
        redacted_value=key.shown,
        created_at=key.created_at,
        expires_at=key.ends_at,
        last_used_at=key.last_used_at,
        owner={},
    )
    if key.project is None:
        return AdminKey(**msgspec.structs.asdict(shown))
    return ProjectKey(**msgspec.structs.asdict(shown), project_id=key.project, tier=key.tier, models=key.models)


def _json(body: msgspec.Struct, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")
