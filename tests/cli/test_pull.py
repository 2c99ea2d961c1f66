"""The commands around pulled models, as people run them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED, Run
from tests.support.hub import Hub, Repo, serving

GGUF = b"GGUF" + bytes(2000)
QWEN = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
FILE = "qwen2.5-0.5b-instruct-q4_k_m.gguf"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as running:
        running.repos[QWEN] = Repo({FILE: GGUF})
        yield running


@pytest.fixture
def at(hub: Hub) -> dict[str, str]:
    """The environment in which that hub is the hub."""
    return {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "HF_TOKEN": ""}


def test_pulling_prints_the_lines_that_use_it(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    ran = run("pull", "qwen2.5-0.5b", **at)
    assert (ran.code, ran.err) == (0, "")
    assert ran.text == '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n'
    assert (tmp_path / "home/weights/hf" / QWEN / FILE).read_bytes() == GGUF
    listed = run("models", "--pulled").text
    assert listed.split("\t")[:4] == ["qwen2.5-0.5b", "2 kB", "apache-2.0", "-"]
    names = [line.split("\t") for line in run("pull", "--list").text.splitlines()]
    assert [cells[3] for cells in names if cells[0] == "qwen2.5-0.5b"] == ["here"]
    assert run("pull", f"hf:{QWEN}/{FILE}", **at).text == ran.text


def test_a_model_whose_use_does_not_show_is_named_alone(run: Run, at: dict[str, str], hub: Hub) -> None:
    hub.repos["o/r"] = Repo({"mmproj.gguf": GGUF})
    assert run("pull", "hf:o/r/mmproj.gguf", **at).text == 'model = "hf:o/r/mmproj.gguf"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to pull"),
        (["qwen2.5-0.5"], "did you mean qwen2.5-0.5b?"),
        (["hf:o/none"], "the model hub has no o/none"),
        (["hf:o/r/x", "--include", "*"], "--include chooses files"),
    ],
)
def test_what_cannot_be_pulled_is_one_line(run: Run, at: dict[str, str], arguments: list[str], said: str) -> None:
    ran = run("pull", *arguments, **at)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
    assert said in ran.err


def test_a_model_that_is_used_is_only_removed_by_force(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    used = '[engines.brain]\nuse = "llama"\noptions = { model = "hf:%s/%s" }\n' % (QWEN, FILE)  # noqa: UP031 - it has braces
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED + used)
    assert run("models", "--pulled").text.split("\t")[3] == "brain"
    refused = run("remove", "qwen2.5-0.5b", "--yes")
    assert refused.code == 1
    assert "is used by engine 'brain'" in refused.err
    assert run("remove", "qwen2.5-0.5b", "--yes", "--force").code == 0
    assert run("models", "--pulled").text == ""
    assert "is not here; vivavoce models --pulled" in run("remove", "qwen2.5-0.5b", "--yes").err


def test_nobody_to_ask_is_no_consent(run: Run, at: dict[str, str]) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    ran = run("remove", "qwen2.5-0.5b")
    assert (ran.code, "--yes agrees to it" in ran.err) == (1, True)
    assert run("models", "--pulled").text != ""
    assert run("remove", "qwen2.5-0.5b", "--yes").code == 0


def test_a_model_that_was_not_pulled_is_one_line_at_the_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(
        '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n[models.m]\nthink = "brain"\n'
    )
    ran = run("ask", "Hello")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.err == "vivavoce: engine 'brain': qwen2.5-0.5b is not here yet: vivavoce pull qwen2.5-0.5b\n"


def test_a_pulled_model_reaches_its_engine_as_a_path(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    (tmp_path / "vivavoce.toml").write_text(
        '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n[models.m]\nthink = "brain"\n'
    )
    ran = run("ask", "Hello")  # llama.cpp finds the file, and that it is no model
    assert ran.code == 1
    assert f"home/weights/hf/{QWEN}/{FILE}" in ran.err


def test_records_hold_no_secret(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at | {"HF_TOKEN": "hf_secret"})
    records = list((tmp_path / "home/weights/pulled").glob("*.json"))
    assert [json.loads(record.read_text())["licence"] for record in records] == ["apache-2.0"]
    assert not any("hf_secret" in record.read_text() for record in records)
