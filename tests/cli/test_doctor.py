import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED, Run, Serve
from vivavoce.catalogue import embedded
from vivavoce.cli import health
from vivavoce.cli.looking import Found, look
from vivavoce.config import Config, EngineConfig, ModelConfig, ServerConfig
from vivavoce.engines import libflite

OURS = {"/": (200, b'{"name": "vivavoce"}'), "/v1/models": (200, b'{"data": []}')}


def models(*names: str) -> dict[str, tuple[int, bytes]]:
    listed = json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
    return {"/": (200, b"Ollama is running"), "/v1/models": (200, listed.encode())}


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that is taken, and where nothing answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def doctor(run: Run, tmp_path: Path, look_at: int, port: int = 0, *more: str) -> tuple[int, list[list[str]]]:
    (tmp_path / "vivavoce.toml").write_text(f"[server]\nport = {port}\n{SCRIPTED}")
    ran = run("doctor", "--look", str(look_at), *more)
    assert ran.err == ""
    return ran.code, [line.split(maxsplit=2) for line in ran.text.splitlines()]


def said(lines: list[list[str]], what: str) -> list[tuple[str, str]]:
    return [(mark, text) for mark, name, text in lines if name == what]


def test_what_can_serve_exits_with_0(run: Run, tmp_path: Path, closed: int) -> None:
    code, lines = doctor(run, tmp_path, closed)
    assert code == 0
    assert "no" not in [line[0] for line in lines]
    assert said(lines, "config") == [("ok", "vivavoce.toml")]
    assert ["ok", "hears,", "thinks, speaks script: scripted"] in lines
    assert said(lines, "data") == [("ok", f"{tmp_path / 'home/data'} (not there yet)")]
    assert said(lines, "weights")[0][0] == "ok"
    assert said(lines, "brain")[0][1].startswith("no other one on this machine")
    assert not (tmp_path / "home").exists()


def test_a_server_on_this_machine_is_offered_with_its_flag(run: Run, tmp_path: Path, answering: Serve) -> None:
    port = answering(models("nomic-embed-text", "llama3.2:3b"))
    code, lines = doctor(run, tmp_path, port)
    assert code == 0
    ((mark, text),) = said(lines, "brain")
    assert mark == "tip"
    assert text.endswith(f"vivavoce serve --think http://localhost:{port}/v1#llama3.2:3b")


def test_our_own_server_is_told_from_others(run: Run, tmp_path: Path, answering: Serve) -> None:
    port = answering(OURS)
    code, lines = doctor(run, tmp_path, port, port)
    assert code == 0
    assert said(lines, "port") == [("ok", f"{port}: a Viva Voce listens there already")]
    assert said(lines, "brain")[0][1].startswith("no other one")


def test_a_port_taken_by_another_program_exits_with_1(run: Run, tmp_path: Path, answering: Serve) -> None:
    port = answering({})
    code, lines = doctor(run, tmp_path, port, port)
    assert code == 1
    assert said(lines, "port") == [("no", f"{port} is taken by another program: vivavoce serve --port {port + 1}")]


def test_an_engine_that_does_not_start_exits_with_1(run: Run, tmp_path: Path, closed: int) -> None:
    (tmp_path / "bad.toml").write_text('[engines.b]\nuse = "frob"\n[models.m]\nthink = "b"\n')
    code, lines = doctor(run, tmp_path, closed, 0, "--config", "bad.toml")
    assert code == 1
    assert said(lines, "engines")[0][1].startswith("bad.toml:2: there is no engine 'frob'")
    assert said(lines, "thinks") == [("no", "b: frob")]


def test_one_engine_that_does_not_start_says_nothing_of_the_others(run: Run, tmp_path: Path, closed: int) -> None:
    (tmp_path / "bad.toml").write_text(
        '[engines.b]\nuse = "frob"\n[engines.s]\nuse = "scripted"\n[models.m]\nthink = "b"\nhear = "s"\n'
    )
    code, lines = doctor(run, tmp_path, closed, 0, "--config", "bad.toml")
    assert code == 1
    assert said(lines, "thinks") == [("no", "b: frob")]
    assert said(lines, "hears") == [("ok", "s: scripted")]


def test_a_configuration_that_cannot_be_used_exits_with_1(run: Run, tmp_path: Path, closed: int) -> None:
    (tmp_path / "bad.toml").write_text("[servr]\n")
    code, lines = doctor(run, tmp_path, closed, 0, "--config", "bad.toml")
    assert code == 1
    assert "did you mean 'server'?" in said(lines, "config")[0][1]


@pytest.mark.parametrize(
    "page", [(200, b"[]"), (200, b"\xff"), (200, b'{"data": [{"name": 1}]}'), (500, b""), (302, b"")]
)
async def test_what_is_not_this_api_is_passed_over(answering: Serve, page: tuple[int, bytes]) -> None:
    assert await look([answering({"/": page, "/v1/models": page})]) == []


async def test_looking_keeps_the_order_and_asks_each_port_once(answering: Serve, closed: int) -> None:
    locked, ours = answering({"/v1/models": (401, b"{}")}), answering(OURS)
    empty = answering({"/v1/models": (200, b'{"data": []}')})
    found = await look([locked, closed, ours, locked, empty])
    assert found == [Found(locked, locked=True), Found(ours, ours=True), Found(empty)]


async def test_a_server_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert await look([silent.getsockname()[1]], limit_s=0.05) == []


async def test_an_answer_without_end_is_cut(answering: Serve) -> None:
    assert await look([answering({"/v1/models": (200, b" " * (2 << 20))})]) == []


def test_a_flag_is_safe_to_paste() -> None:
    assert Found(1234, models=("a b;c",)).flag == "--think 'http://localhost:1234/v1#a b;c'"
    assert Found(1234, locked=True).flag == "--think http://localhost:1234/v1#MODEL"


def embedded_default(home: Path) -> Config:
    weights = home / "weights" / embedded.SMOLLM2.file
    return Config(
        engines={"brain": EngineConfig("llama", options={"model": str(weights)})}, models={"m": ModelConfig("brain")}
    )


def test_missing_weights_matter_only_where_they_think(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    assert health.weights(embedded_default(tmp_path)).mark == "no"
    assert health.weights(Config()) == ("ok", "weights", "the embedded model is not here, and is not needed")


def test_flite_is_advised_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libflite, "installed", lambda: False)
    (line,) = [line for line in health.installed() if line.what == "flite"]
    assert line.mark == "tip"
    assert "apt install flite" in line.said


def test_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(bytes(1_500_000))
    assert health.data(Config()) == ("ok", "data", f"{tmp_path}/data (1.5 MB)")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "data" / "a"))
    assert health.data(Config()).mark == "no"


def test_a_port_that_may_not_be_used() -> None:
    line = health.port(Config(server=ServerConfig(host="192.0.2.1", port=8000)), ours=False)
    assert line.mark == "no"
    assert line.said.startswith("192.0.2.1:8000: ")
