"""Answers that are silent for longer than most programs between a server and its client would wait."""

import asyncio
import os
from pathlib import Path

import httpx2
import pytest

from tests.support.leaves import Stuck
from tests.support.nginx import in_front_of
from tests.support.serving import MODEL, model, run

SILENT_S = 75.0
"""nginx itself waits for 60 s, unless it is told otherwise."""


@pytest.mark.skipif(not os.environ.get("TORTURE_MINUTES"), reason="takes minutes: make torture")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_nginx_waits_for_an_answer_that_takes_long(tmp_path: Path, stream: bool) -> None:
    stuck = Stuck("think")
    async with (
        run(tmp_path, models={MODEL: model(think=stuck)}, ping_s=1000.0) as served,
        in_front_of(served.port) as (url, _),
        httpx2.AsyncClient(base_url=url, timeout=2 * SILENT_S, trust_env=False) as http,
    ):
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=served.say(stream=stream)))
        await stuck.begun.wait()
        await asyncio.sleep(SILENT_S)
        assert not asking.done()
        stuck.go.set()
        answer = await asking
    assert answer.status_code == 200
    assert answer.text.rstrip().endswith("data: [DONE]" if stream else "}")
