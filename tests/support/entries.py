"""Rows of a ledger: some made up, and those that a server wrote."""

from typing import Any

from sqlalchemy import Row, select

from tests.support.serving import Served
from vivavoce.store.ledger import Entry, ledger


def entry(number: int = 0, **more: Any) -> Entry:
    """A row of which a test says what matters to it."""
    plain: dict[str, Any] = {
        "request": f"req_{number:032x}",
        "at": 1_000_000,
        "project": "default",
        "key": None,
        "kind": "chat",
        "model": "a-model-2026-01-01",
        "alias": "a-model",
        **dict.fromkeys(("text_in", "audio_in", "cached", "text_out", "audio_out", "reasoning"), 0),
        "price": "",
        "cost_in": 0,
        "cost_out": 0,
        "status": "completed",
        "http": 200,
        "took_ms": 1,
    }
    return Entry(**(plain | more))


async def rows(served: Served) -> list[Row[Any]]:
    """What a server has written, in order."""
    return await served.service.ledger._database.read(select(ledger).order_by(ledger.c.number))
