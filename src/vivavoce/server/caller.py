"""The key a request brings, and whom the edge found it to be from."""

import binascii
from base64 import b64decode

from starlette.types import Scope

from vivavoce.account.callers import Caller
from vivavoce.account.lines import LINE, Line
from vivavoce.wire.operation import ADMINISTRATION, PREFIXES


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


def administers(scope: Scope) -> bool:
    """Whether a request is for whoever has an admin key. What it is answered may be a key."""
    return any(scope["path"].startswith(prefix + ADMINISTRATION) for prefix in PREFIXES)


def line_of(scope: Scope) -> Line | None:
    """The line of a batch that a request is, if it is one."""
    return scope.get(LINE)


def caller_of(scope: Scope) -> Caller:
    """Who a request is from, as the edge found once."""
    return scope["caller"]
