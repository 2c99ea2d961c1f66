"""An engine for models elsewhere, and the server it asks."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.serving import serving
from tests.support.upstream import Upstream, upstream
from vivavoce.engines.openai import OpenAICompatible

__all__ = ["serving", "upstream"]

Make = Callable[..., OpenAICompatible]


@pytest.fixture
async def make(upstream: Upstream) -> AsyncIterator[Make]:
    made: list[OpenAICompatible] = []

    def engine(**options: Any) -> OpenAICompatible:
        given = {"base_url": upstream.url, "model": "theirs", **options}
        made.append(OpenAICompatible(OpenAICompatible.Options(**given)))
        return made[-1]

    yield engine
    for each in made:
        await each.close()
