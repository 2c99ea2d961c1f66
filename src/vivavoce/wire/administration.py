"""The operations that take an admin key: keys of projects, and admin keys. Theirs are the original's, but for two."""

from vivavoce.wire.errors import Envelope
from vivavoce.wire.keys import (
    AdminKey,
    AdminKeyPage,
    DeletedKey,
    NewAdminKey,
    NewProjectKey,
    ProjectKey,
    ProjectKeyPage,
    ProjectPage,
    Rotation,
)
from vivavoce.wire.listing import Query
from vivavoce.wire.operation import ADMINISTRATION, FOUND, JSON, LISTED, Operation

TAKES = {**FOUND, **LISTED, 413: (Envelope,)}
ADMIN_KEYS = f"{ADMINISTRATION}admin_api_keys"
PROJECTS = f"{ADMINISTRATION}projects"
PROJECT_KEYS = f"{PROJECTS}/{{project_id}}/api_keys"

ADMINISTERING = (
    Operation(
        "list-projects", "GET", PROJECTS, "Projects that have keys.", {JSON: (ProjectPage,)}, Query, fails=LISTED
    ),
    Operation("admin-api-keys-list", "GET", ADMIN_KEYS, "Admin keys.", {JSON: (AdminKeyPage,)}, Query, fails=LISTED),
    Operation(
        "admin-api-keys-create",
        "POST",
        ADMIN_KEYS,
        "Make an admin key; it is told once.",
        {JSON: (AdminKey,)},
        takes={JSON: (NewAdminKey,)},
        fails=TAKES,
    ),
    Operation(
        "admin-api-keys-get", "GET", f"{ADMIN_KEYS}/{{key_id}}", "One admin key.", {JSON: (AdminKey,)}, fails=FOUND
    ),
    Operation(
        "admin-api-keys-delete",
        "DELETE",
        f"{ADMIN_KEYS}/{{key_id}}",
        "Revoke an admin key.",
        {JSON: (DeletedKey,)},
        fails=FOUND,
    ),
    Operation(
        "rotateAdminApiKey",
        "POST",
        f"{ADMIN_KEYS}/{{key_id}}/rotate",
        "Put another admin key in the place of one; it is told once.",
        {JSON: (AdminKey,)},
        takes={JSON: (Rotation,)},
        fails=TAKES,
    ),
    Operation(
        "list-project-api-keys",
        "GET",
        PROJECT_KEYS,
        "A project's keys.",
        {JSON: (ProjectKeyPage,)},
        Query,
        fails=LISTED,
    ),
    Operation(
        "createProjectApiKey",
        "POST",
        PROJECT_KEYS,
        "Make a key for a project; it is told once.",
        {JSON: (ProjectKey,)},
        takes={JSON: (NewProjectKey,)},
        fails=TAKES,
    ),
    Operation(
        "retrieve-project-api-key",
        "GET",
        f"{PROJECT_KEYS}/{{key_id}}",
        "One key of a project.",
        {JSON: (ProjectKey,)},
        fails=FOUND,
    ),
    Operation(
        "delete-project-api-key",
        "DELETE",
        f"{PROJECT_KEYS}/{{key_id}}",
        "Revoke a key of a project.",
        {JSON: (DeletedKey,)},
        fails=FOUND,
    ),
    Operation(
        "rotateProjectApiKey",
        "POST",
        f"{PROJECT_KEYS}/{{key_id}}/rotate",
        "Put another key in the place of one; it is told once.",
        {JSON: (ProjectKey,)},
        takes={JSON: (Rotation,)},
        fails=TAKES,
    ),
)
