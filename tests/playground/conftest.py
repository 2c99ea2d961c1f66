"""The playground in Debian's Chromium, driven by Playwright: `make playground`.

They are collected only where this folder is named: Playwright is 45 MB that nobody else needs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.audio import OwnMedia, models
from tests.support.browser import LIMIT_MS, Visit, Visiting, chromium, need, visiting
from tests.support.serving import MODEL, Served, model, run
from tests.support.weights import link_weights
from vivavoce.server.sound import Sounds
from vivavoce.testing import Hears
from vivavoce.testing.serving import serving

HERE = Path(__file__).parent
Serve = Callable[..., Awaitable[Served]]
once = pytest_asyncio.fixture(loop_scope="session", scope="session")
each = pytest_asyncio.fixture(loop_scope="session")


def prepared(*, hear: Any = None, think: Any = None, speak: Any = None, **options: Any) -> dict[str, Any]:
    """What a server is made of that has these engines for everything, and every format of sound."""
    ear = hear or Hears("hello")
    known = {MODEL: model(hear=ear, think=think, speak=speak), **models(hear=ear, speak=speak)}
    return {"models": known, "sounds": Sounds(OwnMedia())} | options


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect nothing here unless this folder, or something in it, was named."""
    del collection_path
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All in one loop: the browser's, and that of the servers it visits."""
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@once
async def playwright() -> AsyncIterator[Any]:
    """The driver."""
    need()
    api = pytest.importorskip("playwright.async_api")  # `make test`, which reads this file too, has none
    api.expect.set_options(timeout=LIMIT_MS)
    async with api.async_playwright() as driver:
        yield driver


@once
async def browser(playwright: Any) -> AsyncIterator[Any]:
    """One that hears the recorded question."""
    async with chromium(playwright) as started:
        yield started


@each
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start servers that hear, think and speak as the test chooses."""
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> Served:
            return await stack.enter_async_context(run(tmp_path, **prepared(**options)))

        yield make


@each
async def visit(browser: Any, serve: Serve) -> AsyncIterator[Visiting]:
    """Visit servers; in the end no visit may have had a fault."""
    del serve  # its servers end after the visits to them
    visits: list[Visit] = []
    async with AsyncExitStack() as stack:

        async def make(url: str, path: str = "/", *, by: Any = None, **options: Any) -> Visit:
            visit = await stack.enter_async_context(visiting(by or browser, url, **options))
            visits.append(visit)
            await visit.open(path)
            return visit

        yield make
    assert [fault for visit in visits for fault in visit.complaints()] == []


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the embedded engines, as `make serve` starts it."""
    home = tmp_path_factory.mktemp("embedded")
    link_weights(home)
    with serving(home) as server:
        yield server.url
