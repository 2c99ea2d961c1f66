"""LiteLLM's cost function agrees with every row of the ledger."""

import asyncio
import json
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from tests.compat.environments import Client, environment
from tests.compat.proxy import PACKAGES
from tests.support.entries import rows
from tests.support.serving import model, run
from vivavoce.account.prices import cost, plain, times, usd
from vivavoce.core.models import Model
from vivavoce.core.turn import Usage
from vivavoce.prices import PRICES, price_of
from vivavoce.testing import Calls

LIMIT_S = 120
TOOL = {"type": "function", "function": {"name": "weather"}}
EDGES = [
    Usage(text_in=1),
    Usage(text_out=1),
    Usage(audio_in=1),
    Usage(audio_out=1),
    Usage(text_in=128_000, audio_in=1, text_out=16_384),
    Usage(text_in=1, audio_in=127_999, text_out=1, audio_out=16_383),
    Usage(text_in=1000, text_out=500, cached=999),
    Usage(text_in=1000, audio_in=500, text_out=8 * 333, audio_out=8 * 777),
    Usage(text_in=77, text_out=99, reasoning=42),
]


def told(name: str, usage: Usage, dollars: Any) -> str:
    read = {"text_tokens": usage.text_in, "audio_tokens": usage.audio_in, "cached_tokens": usage.cached}
    made = {
        "text_tokens": usage.text_out - usage.reasoning,
        "audio_tokens": usage.audio_out,
        "reasoning_tokens": usage.reasoning,
    }
    tokens = {"prompt_tokens": usage.text_in + usage.audio_in, "completion_tokens": usage.text_out + usage.audio_out}
    tokens["total_tokens"] = sum(tokens.values())
    body = {**tokens, "prompt_tokens_details": read, "completion_tokens_details": made}
    return json.dumps({"model": name, "usage": body, "usd": plain(dollars)})


def of_row(row: Row[Any]) -> str:
    kinds = ("text_in", "audio_in", "text_out", "audio_out", "cached", "reasoning")
    return told(row.model, Usage(*(getattr(row, kind) for kind in kinds)), usd(row.cost_in + row.cost_out))


def priced(name: str, **engines: Any) -> Model:
    return replace(model(**engines), name=name, snapshot=name, price=price_of(PRICES[name]))


async def written(folder: Path) -> list[str]:
    """The rows of all kinds of answers, of every name that has a price."""
    known = {name: priced(name) for name in PRICES if name[-10:].replace("-", "").isdigit()}
    calling = {f"calls-{name}": priced(name, think=Calls(("weather", "{}"))) for name in known}
    found: list[str] = []
    async with run(folder, models=known | calling) as served:
        for name in known:
            said = await served.http.post("/v1/chat/completions", json=served.say() | {"model": name, "n": 8})
            first = said.json()["choices"][0]["message"]["audio"]["id"]
            again = served.say(stream=True) | {"model": name}
            again["messages"] += [{"role": "assistant", "audio": {"id": first}}, {"role": "user", "content": "More."}]
            text = {"model": name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
            tools = {"model": f"calls-{name}", "messages": text["messages"], "tools": [TOOL]}
            for body in (again, text, tools):
                assert (await served.http.post("/v1/chat/completions", json=body)).status_code == 200
        found = [of_row(row) for row in await rows(served)]
    assert len(found) == 4 * len(known)
    return found


def test_litellm_agrees_with_every_row(tmp_path: Path) -> None:
    dated = [name for name in PRICES if name[-10:].replace("-", "").isdigit()]
    edges = [told(name, usage, cost(price_of(PRICES[name]), usage).usd) for name in dated for usage in EDGES]
    half = Decimal("0.5")  # of a batch: LiteLLM knows the whole price
    batched = [
        told(name, usage, cost(times(price_of(PRICES[name]), half), usage).usd / half)
        for name in dated
        for usage in EDGES
    ]
    lines = [*edges, *batched, *asyncio.run(written(tmp_path))]
    done = subprocess.run(
        Client("litellm", "litellm_rows.py", PACKAGES).command(),
        input="\n".join(lines),
        env=environment(""),
        timeout=LIMIT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert int(done.stdout.split()[-1]) == len(lines)
