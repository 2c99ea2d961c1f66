"""What is asked of a database, so that two requests can be compared by their work."""

from typing import Any

import pytest

from vivavoce.store.database import Database


def noting_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by `read` or `write` from now on."""
    steps: list[str] = []
    for name in ("read", "write"):
        original: Any = getattr(database, name)

        async def noted(*arguments: Any, name: str = name, original: Any = original) -> Any:
            steps.append(name)
            return await original(*arguments)

        monkeypatch.setattr(database, name, noted)
    return steps
