"""Lists of what is kept, part by part: which part is asked for, and the answer. Source: OpenAI's schema."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from vivavoce.core.errors import BadRequest
from vivavoce.wire.request import Metadata

SHOWN_CHARACTERS = 64


class Query(Struct):
    """Which part of a list."""

    after: str | None = None
    """The id of the last one that is known already."""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    """How many at most."""
    order: Literal["asc", "desc"] = "asc"
    """By time."""

    @property
    def newest_first(self) -> bool:
        """Whether the list is wanted from its end."""
        return self.order == "desc"


class CompletionsQuery(Query):
    """Which part of which completions."""

    model: str | None = None
    metadata: Metadata | None = None
    """Pairs that each must have."""


class Page(Struct):
    """Part of a list, and the ids of the first and the last in it: empty where it is."""

    object: Literal["list"]
    data: list[Any]
    first_id: str
    last_id: str
    has_more: bool


def page(found: Sequence[tuple[str, bytes]], *, more: bool) -> bytes:
    """A part of a list, of things by their ids; `more` of them are left."""
    ids = [each for each, _ in found] or [""]
    return msgspec.json.encode(Page("list", [Raw(body) for _, body in found], ids[0], ids[-1], more))


def cut(found: Sequence[tuple[str, bytes]], asked: Query, what: str) -> bytes:
    """The part of a whole list that was asked for; `what` it is a list of.

    Raises:
        BadRequest: there is nothing to go on from.
    """
    listed = list(reversed(found)) if asked.newest_first else list(found)
    if asked.after is not None:
        ids = [each for each, _ in listed]
        if asked.after not in ids:
            raise nothing_after(asked.after, what)
        listed = listed[ids.index(asked.after) + 1 :]
    return page(listed[: asked.limit], more=len(listed) > asked.limit)


def nothing_after(after: str, what: str) -> BadRequest:
    """The error for going on from what is not in the list."""
    words = f"Invalid value for 'after': '{after[:SHOWN_CHARACTERS]}' is not one of the {what}."
    return BadRequest(words, param="after", code="invalid_value")
