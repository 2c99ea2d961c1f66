"""Engines that come with an extra. `make engines` runs these, and nothing else does: see `environments`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.support.upstream import Upstream, upstream
from vivavoce.core.audio import Pcm
from vivavoce.engines import registry
from vivavoce.engines.child import Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.testing.serving import serving

__all__ = ["upstream"]

Serve = Callable[[str], AbstractAsyncContextManager[AsyncOpenAI]]
HERE = Path(__file__).parent
RATE = 16_000


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect nothing of an extra unless its folder, or something in it, was named."""
    if collection_path.parent != HERE or not collection_path.is_dir():
        return None
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(collection_path) for path in named) else True


def noise(seconds: float) -> Pcm:
    """Noise whose loudness changes ten times a second."""
    generator = np.random.default_rng(1)
    loudness = np.repeat(generator.random(int(seconds * 10)), RATE // 10)
    samples = generator.normal(size=len(loudness), scale=8000) * loudness
    return Pcm(np.clip(samples, -32768, 32767).astype("<i2").tobytes(), RATE)


@pytest.fixture
def running() -> Callable[..., Any]:
    """Start engines in processes of their own, by their entry points."""

    @asynccontextmanager
    async def start(use: str, **options: Any) -> AsyncIterator[Pooled]:
        pool = Pool(Spec(use, registry.find(use).value, options))
        await pool.start()
        try:
            yield Pooled(pool)
        finally:
            await pool.stop()

    return start


@pytest.fixture
def serve(tmp_path: Path, upstream: Upstream) -> Serve:
    """Start `vivavoce serve` with what TOML says, and `upstream` as the engine `brain`; a client of it."""

    @asynccontextmanager
    async def start(toml: str) -> AsyncIterator[AsyncOpenAI]:
        brain = f'[engines.brain]\nuse = "openai"\noptions = {{ base_url = "{upstream.url}", model = "theirs" }}\n'
        (tmp_path / "vivavoce.toml").write_text(brain + toml)
        server = serving(tmp_path, "--config", "vivavoce.toml")
        running = await asyncio.to_thread(server.__enter__)  # the brain answers in this thread
        try:
            async with AsyncOpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0) as client:
                yield client
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)

    return start
