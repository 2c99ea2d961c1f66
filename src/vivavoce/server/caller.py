"""Who asks: the key a request brings, and the project that what it leaves behind belongs to."""

import binascii
import hashlib
from base64 import b64decode

from starlette.types import Scope

from vivavoce.server.service import Access

ANYONE = "default"
"""The project of all callers where the server has no keys."""


def key_of(scope: Scope) -> str:
    """The API key a request brings: Bearer's, or the password of Basic; empty where there is none."""
    authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value.strip(), validate=True).decode("latin-1").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def project_of(scope: Scope, access: Access) -> str:
    """Whose a request is: each key has a project of its own, named by the key's digest."""
    if not access.keys:
        return ANYONE
    return f"key-{hashlib.sha256(key_of(scope).encode()).hexdigest()[:32]}"
