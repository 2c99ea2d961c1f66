"""What belongs to another is as what has never been."""

from typing import Any

import pytest

from tests.support.serving import Served, Serving
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.store.answers import SpokenAnswer

OTHERS = f"audio_{7:032x}"
NOBODYS = f"audio_{8:032x}"


@pytest.fixture
async def served(serving: Serving) -> Served:
    """A server that keeps a spoken answer of another project's."""
    served = await serving()
    answers = served.service.answers
    await answers.keep(SpokenAnswer(OTHERS, "another", "A secret.", Pcm(b"\1\0" * 99, SPOKEN_RATE), answers.expiry()))
    assert await answers.find(OTHERS, "another")
    return served


async def test_anothers_spoken_answer_is_not_found_in_the_same_words_and_steps(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = served.service.answers._database
    steps: list[str] = []
    for name in ("read", "write"):
        original: Any = getattr(database, name)

        async def noted(*arguments: Any, name: str = name, original: Any = original) -> Any:
            steps.append(name)
            return await original(*arguments)

        monkeypatch.setattr(database, name, noted)
    seen: list[tuple[Any, ...]] = []
    for answer_id in (OTHERS, NOBODYS):
        response = await served.post(messages=[{"role": "assistant", "audio": {"id": answer_id}}])
        kept = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "date")}
        kept.pop("openai-processing-ms")
        seen.append((response.status_code, response.text.replace(answer_id, "ID"), kept, tuple(steps)))
        steps.clear()
    assert seen[0] == seen[1]
    assert seen[0][0] == 400
    assert '"code":"audio_not_found"' in seen[0][1]
