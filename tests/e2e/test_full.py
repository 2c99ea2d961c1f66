"""More people at once than the embedded engines have places for: each is answered, now or when it was told."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.conftest import Serve
from tests.e2e.sound import MODEL, recording

PEOPLE, MOST_TRIES, LIMIT_S = 7, 40, 240.0
CONFIG = "[limits]\nwait_ms = 50\n"
"""Nobody is kept at the door, so some are sent away for certain: the brain has places for four."""
QUESTIONS: list[Any] = ["What is the capital of France?", [recording("question.wav", "wav")]]


@dataclass
class Asked:
    """How one of them fared."""

    tries: int = 0
    answer: str = ""


async def ask(http: httpx2.AsyncClient, number: int) -> Asked:
    """Ask until let in, as often as told to come again."""
    one = Asked()
    body = {
        "model": MODEL,
        "stream": True,
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": QUESTIONS[number % 2]}],
        "max_completion_tokens": 60,
    }
    while one.tries < MOST_TRIES:
        one.tries += 1
        answer = await http.post("/v1/chat/completions", json=body)
        if answer.status_code == 200:
            one.answer = answer.text
            break
        assert answer.status_code == 503
        wait_s = int(answer.headers["retry-after"])
        told = re.search(r"in (\d+) seconds?\.$", answer.json()["error"]["message"])
        assert told
        assert int(told[1]) == wait_s
        assert 1 <= wait_s <= 60
        await asyncio.sleep(wait_s)
    return one


async def test_who_is_let_in_is_answered_and_who_is_not_comes_again(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "voice.toml"
    config.write_text(CONFIG)
    with serve("--config", str(config)) as address:
        async with httpx2.AsyncClient(base_url=address, timeout=LIMIT_S, trust_env=False) as http:
            all_of_them = await asyncio.gather(*(ask(http, number) for number in range(PEOPLE)))
    for one in all_of_them:
        assert one.answer.endswith("data: [DONE]\n\n")
        assert '"error"' not in one.answer
    assert max(one.tries for one in all_of_them) > 1
