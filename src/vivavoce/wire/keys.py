"""Keys, as admin routes tell of them: in the shapes of OpenAI's administration API, and what ours say besides.

Source: the official client's types of `admin.organization`. There a key has a person for its owner; here it has none.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vivavoce.core.errors import BadRequest, Forbidden, NotFound
from vivavoce.wire import bodies
from vivavoce.wire.listing import Page

N = TypeVar("N", "NewAdminKey", "NewProjectKey", "Rotation")

SHOWN_CHARACTERS = 64
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
YEARS_S = 100 * 366 * 86_400
MAY_NOT = "You have insufficient permissions for this operation."


class NewAdminKey(Struct):
    """The body that makes an admin key."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    expires_in_seconds: Annotated[int, Meta(ge=1, le=YEARS_S)] | None = None


class NewProjectKey(NewAdminKey):
    """The body that makes a project's key."""

    tier: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    models: Annotated[list[str], Meta(min_length=1, max_length=256)] | None = None
    """The only ones it may use."""


class Rotation(Struct):
    """The body that puts another key in the place of one."""

    grace_seconds: Annotated[int, Meta(ge=0, le=YEARS_S)] = 0
    """How long the one before is good besides."""


class KeyBody(Struct, kw_only=True):
    """A key."""

    id: str
    name: str
    redacted_value: str
    created_at: int
    """Unix seconds, as all times here."""
    expires_at: int | None
    """Of one that another took the place of: when its grace is over."""
    last_used_at: int | None
    """Give or take ten minutes."""
    owner: dict[str, str]
    """Nobody."""
    value: str | UnsetType = UNSET
    """The key itself, where it was just made."""


class AdminKey(KeyBody, kw_only=True):
    """An admin key."""

    object: Literal["organization.admin_api_key"] = "organization.admin_api_key"


class ProjectKey(KeyBody, kw_only=True):
    """A project's key."""

    object: Literal["organization.project.api_key"] = "organization.project.api_key"
    owner_project_access: Literal["active"] = "active"
    project_id: str
    tier: str | None
    models: list[str] | None
    """The only ones it may use; null: all."""


class DeletedKey(Struct):
    """What is said of a key that is no more."""

    id: str
    object: Literal["organization.admin_api_key.deleted", "organization.project.api_key.deleted"]
    deleted: bool


class Project(Struct, kw_only=True):
    """A project: what keys were made for."""

    object: Literal["organization.project"] = "organization.project"
    id: str
    name: str
    created_at: int
    """When its first key was made."""
    archived_at: None = None
    status: Literal["active"] = "active"


class AdminKeyPage(Page):
    """Part of the admin keys."""

    data: list[AdminKey]


class ProjectKeyPage(Page):
    """Part of a project's keys."""

    data: list[ProjectKey]


class ProjectPage(Page):
    """Part of the projects."""

    data: list[Project]


def decode(body: bytes, kind: type[N]) -> N:
    """What a body asks for.

    Raises:
        BadRequest: it is not JSON, or not what is wanted.
    """
    return bodies.read(msgspec.json.Decoder(kind), body, {})


def check_project(name: str) -> None:
    """Refuse what cannot be a project's name.

    Raises:
        BadRequest: it is none.
    """
    if not PROJECT.fullmatch(name):
        words = f"Invalid project: '{name[:SHOWN_CHARACTERS]}'. Expected 1 to 64 letters, digits and any of '._-'."
        raise BadRequest(words, param="project_id", code="invalid_value")


def unknown_models(names: Sequence[str]) -> BadRequest:
    """The error for a key to models that are not there."""
    words = f"Invalid value for 'models': there is no model '{names[0][:SHOWN_CHARACTERS]}' here."
    return BadRequest(words, param="models", code="invalid_value")


def unknown_tier(name: str, known: Sequence[str]) -> BadRequest:
    """The error for a key of a tier that is not there."""
    listed = ", ".join(f"'{each}'" for each in known)
    words = f"Invalid value: '{name[:SHOWN_CHARACTERS]}'. Supported values are: {listed}."
    return BadRequest(words, param="tier", code="invalid_value")


def no_such_key() -> NotFound:
    """The error for an id that is no key's, or of one which has ended. It may be a key by mistake, and is not said."""
    return NotFound("There is no key of that id there.", code="api_key_not_found")


def needs_admin() -> Forbidden:
    """The error for administration with a key that is not for it."""
    words = "It takes an admin key, which whoever runs this server makes: vivavoce keys create --admin."
    return Forbidden(f"{MAY_NOT} {words}", code="insufficient_permissions")


def only_admin() -> Forbidden:
    """The error for anything else with an admin key."""
    words = "An admin key is for keys, usage and costs; anything else takes a project's key."
    return Forbidden(f"{MAY_NOT} {words}", code="insufficient_permissions")
