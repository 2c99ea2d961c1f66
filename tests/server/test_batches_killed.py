"""`kill -9` of a server that works on a batch, at any moment: each line has one result, and one row in the ledger."""

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from openai import OpenAI
from openai.types import Batch
from sqlalchemy import select

from tests.support.talker import TALKER
from vivavoce.store.ledger import ledger
from vivavoce.store.looking import looking
from vivavoce.testing.serving import serving

KILLS, LINES = 3, 60
"""Of a batch of a thousand: `tests/torture/test_batches.py`."""
WRONG = 10
"""Of so many lines one asks for what is not there."""
LIMIT_S = 300.0


def line(number: int) -> dict[str, Any]:
    """Written and spoken in turn, some wrong."""
    asked: dict[str, Any] = {"model": "talker", "messages": [{"role": "user", "content": "word " * (number % 7 + 1)}]}
    if number % 2:
        asked |= {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    if number % WRONG == 0:
        asked |= {"modalities": ["text", "audio"], "audio": {"voice": "nobody", "format": "wav"}}
    return {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": asked}


def started(url: str, lines: int) -> str:
    """The id of a batch of all these lines."""
    client = OpenAI(base_url=f"{url}/v1", api_key="-")
    data = "\n".join(json.dumps(line(number)) for number in range(lines)).encode()
    file = client.files.create(file=("asked.jsonl", data), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h").id


def once(url: str, batch: str, done: int | None = None) -> Batch:
    """The batch once so many of its lines are done, or all of it is."""
    client, ends = OpenAI(base_url=f"{url}/v1", api_key="-"), time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        found = client.batches.retrieve(batch)
        counts = found.request_counts
        assert counts is not None
        if found.status == "completed" or (done is not None and counts.completed + counts.failed >= done):
            return found
        time.sleep(0.02)
    raise AssertionError("it takes too long")


def told(url: str, file: str | None) -> list[dict[str, Any]]:
    assert file is not None
    text = OpenAI(base_url=f"{url}/v1", api_key="-").files.content(file).text
    return [json.loads(each) for each in text.splitlines()]


def killed_again_and_again(folder: Path, lines: int, kills: int) -> None:
    """Have a batch of so many lines done by a server that is killed so often."""
    (folder / "vivavoce.toml").write_text(TALKER)
    chance = random.Random(45)  # noqa: S311 - the same moments each time, as far as that can be
    with serving(folder) as server:
        batch = started(server.url, lines)
    for done in sorted(chance.randrange(lines) for _ in range(kills)):
        with serving(folder) as server:
            once(server.url, batch, done)
            time.sleep(chance.random() / 50)
            os.kill(server.pid, signal.SIGKILL)
    with serving(folder) as server:
        ended = once(server.url, batch)
        good, bad = told(server.url, ended.output_file_id), told(server.url, ended.error_file_id)
    wrong = len(range(0, lines, WRONG))
    assert Counter(each["custom_id"] for each in [*good, *bad]) == {f"line-{number}": 1 for number in range(lines)}
    assert ended.request_counts is not None
    assert ended.request_counts.model_dump() == {"total": lines, "completed": lines - wrong, "failed": wrong}
    assert {each["response"]["status_code"] for each in good} == {200}
    with looking(folder / "data", ledger) as look:
        rows = {row.request: row for row in look(select(ledger))}
        assert len(look(select(ledger.c.request))) == len(rows)
    assert set(rows) == {each["response"]["request_id"] for each in [*good, *bad]}
    assert {row.batch for row in rows.values()} == {batch}
    for each in good:
        row, usage = rows[each["response"]["request_id"]], each["response"]["body"]["usage"]
        assert (row.text_in + row.audio_in, row.text_out + row.audio_out) == (
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )
        assert (row.price, row.status) == ("0.075/0.3/5/10", "completed")
        assert row.cost_in + row.cost_out > 0
    assert ended.usage is not None
    assert ended.usage.total_tokens == sum(each["response"]["body"]["usage"]["total_tokens"] for each in good)


def test_each_line_has_one_result_and_one_row_however_often_the_server_is_killed(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, LINES, KILLS)
