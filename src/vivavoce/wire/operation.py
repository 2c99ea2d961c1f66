"""What can be asked of a server, and how that is said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from vivavoce.wire.errors import Envelope

PREFIXES = ("/v1", "")
"""Every path is there with each of them before it."""

JSON = "application/json"
FORM = "multipart/form-data"
PLAIN = "text/plain"
HTML = "text/html"
EVENTS = "text/event-stream"
OCTETS = "application/octet-stream"

Kinds: TypeAlias = tuple[type[Any], ...]
"""What a body may be: one of these structs, any JSON (`dict`), any text (`str`), any bytes."""
Content: TypeAlias = Mapping[str, Kinds]
"""By content type. Of `EVENTS` each event is one of the structs."""

PAGE: Mapping[int, Kinds] = {500: (Envelope,), 503: (Envelope,)}
FOUND: Mapping[int, Kinds] = {**PAGE, 404: (Envelope,)}
LISTED: Mapping[int, Kinds] = {**PAGE, 400: (Envelope,)}
POST: Mapping[int, Kinds] = {**PAGE, **dict.fromkeys((400, 404, 413, 429, 504), (Envelope,))}
ADMINISTRATION = "/organization/"
"""What every path begins with, after its prefix, that takes an admin key and no other."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of the server."""

    id: str
    """The original's name for it, where it has one."""
    method: Literal["GET", "POST", "DELETE"]
    path: str
    """After the prefix; `{name:path}` may hold slashes."""
    what: str
    gives: Content
    """With status 200; empty where that never comes."""
    query: type[Struct] | None = None
    takes: Content = field(default_factory=dict[str, Any])
    fails: Mapping[int, Kinds] = field(default_factory=lambda: PAGE)
    """By status. Who may come in is another matter: `openapi` knows what that fails with."""
    open: bool = False
    """Whether it is there for everybody, where others need a key."""

    @property
    def administers(self) -> bool:
        """Whether it takes an admin key and no other."""
        return self.path.startswith(ADMINISTRATION)
