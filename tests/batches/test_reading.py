"""The input of a batch: as many lines and bytes as the original takes, and what each is counted as."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import MODEL, model
from vivavoce.batches.reading import SLOWLY_LINES, SLOWLY_S, read, tokens
from vivavoce.wire.batches import MOST_BYTES, MOST_LINES

CHAT = "/v1/chat/completions"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}


def written(path: Path, lines: int, ending: str = "\n") -> Path:
    line = json.dumps({"custom_id": "%d", "method": "POST", "url": CHAT, "body": BODY})
    path.write_bytes(ending.join(line % number for number in range(lines)).encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_lines_are_found_again_where_they_stand(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / "in", 3, ending)
    asked = read(path, CHAT, lambda _: model(), 1000)
    data = path.read_bytes()
    assert asked.errors == []
    assert [json.loads(data[each.offset :][: each.length])["custom_id"] for each in asked.lines] == ["0", "1", "2"]
    assert [each.number for each in asked.lines] == ([1, 3, 5] if ending == "\n\n" else [1, 2, 3])


def test_fifty_thousand_lines_are_taken_and_one_more_is_not(tmp_path: Path) -> None:
    asked = read(written(tmp_path / "in", MOST_LINES), CHAT, lambda _: model(), 1000)
    assert (len(asked.lines), asked.errors) == (50_000, [])
    asked = read(written(tmp_path / "in", MOST_LINES + 1), CHAT, lambda _: model(), 1000)
    assert [(each.code, each.line) for each in asked.errors] == [("too_many_tasks", 50_001)]


def test_it_is_read_slowly_while_somebody_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    here = iter([True, False, True])
    asked = read(written(tmp_path / "in", 3 * SLOWLY_LINES), CHAT, lambda _: model(), 1000, lambda: next(here))
    assert len(asked.lines) == 3 * SLOWLY_LINES
    assert slept == [SLOWLY_S, SLOWLY_S]


def test_two_hundred_megabytes_are_taken_and_a_byte_more_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "in", 2)
    with path.open("ab") as file:
        file.write(b"\n")
        file.truncate(MOST_BYTES)
    assert [each.line for each in read(path, CHAT, lambda _: model(), 1000).errors] == [3]
    with path.open("ab") as file:
        file.truncate(MOST_BYTES + 1)
    assert [(each.code, each.line) for each in read(path, CHAT, lambda _: model(), 1000).errors] == [
        ("file_too_large", None)
    ]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"input": "x" * 40}, 13),
        ({"messages": [{"role": "user", "content": "x" * 41}]}, 3 + 4 + 11),
        ({"messages": [{"content": [{"type": "text", "text": "音" * 4}, {"input_audio": {"data": "x" * 999}}]}]}, 10),
        ({"messages": "x" * 400, "prompt": 3, "instructions": None}, 3),
        ({"messages": [None, {"content": 1}, {"content": [None, {"text": 2}]}]}, 3 + 8),
    ],
)
def test_prompts_are_counted_without_being_read_word_by_word(body: dict[str, Any], count: int) -> None:
    assert tokens(body) == count
