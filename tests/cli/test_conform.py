"""`vivavoce conform`, in a process of its own, against servers on this machine."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, Run, Serve
from tests.conform.serving import KEY, served

MODELS = {
    "/v1/models": (200, b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"x"}]}'),
    "/v1/models/m": (200, b'{"id":"m","object":"model","created":1,"owned_by":"x"}'),
}
"""Everything that must hold of the list of models, but not what should: its pages have no content type."""


async def conform(run: Run, folder: Path, *arguments: str, **variables: str) -> Ran:
    async with served(folder) as server:
        return await asyncio.to_thread(run, "conform", server.url, *arguments, **variables)


async def test_what_holds_exits_with_0(run: Run, tmp_path: Path) -> None:
    ran = await conform(run, tmp_path, "--only", "models", "--only", "text", "--strict", OPENAI_API_KEY=KEY)
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split("\t") for line in ran.text.splitlines()]
    assert ["models.listed", "must", "holds", ""] in lines
    assert {name.partition(".")[0] for name, *_ in lines} == {"models", "text"}


async def test_json_tells_everything(run: Run, tmp_path: Path) -> None:
    ran = await conform(run, tmp_path, "--only", "models", "--key", KEY, "--json", "-", "--voice", "echo")
    told = json.loads(ran.text)
    assert told["models"]["chat"] == "gpt-4o-mini-audio-preview"
    assert told["voice"] == "echo"
    assert told["summary"]["must"] == {"holds": 2, "fails": 0, "skipped": 0}
    assert told["checks"][0] == {
        "name": "models.listed",
        "weight": "must",
        "expected": "`GET /models` lists models with `id`, `object`, `created` and `owned_by`.",
        "outcome": "holds",
        "why": "",
    }
    assert KEY not in ran.text


async def test_json_goes_to_a_file_beside_the_lines(run: Run, tmp_path: Path) -> None:
    ran = await conform(run, tmp_path, "--only", "openapi", "--key", KEY, "--json", "out.json")
    assert ran.text.startswith("openapi.described\tmay\t")
    assert json.loads((tmp_path / "out.json").read_text())["requests"] == 2


def test_what_must_hold_and_does_not_exits_with_1(run: Run, answering: Serve) -> None:
    url = f"http://127.0.0.1:{answering(MODELS)}"
    ran = run("conform", url, "--model", "m", "--only", "models")
    assert ran.code == 1
    assert "models.listed\tmust\tfails\texpected Content-Type: application/json, came none" in ran.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["server"], "server: not an address"),
        (["http://127.0.0.1:1", "--only", "speach"], "did you mean 'speech'?"),
        (["http://127.0.0.1:1", "--audio", "vivavoce.toml"], "vivavoce.toml: expected a WAV"),
    ],
)
def test_what_cannot_be_looked_at_exits_with_2(run: Run, arguments: list[str], said: str) -> None:
    ran = run("conform", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, b"", 1)
    assert said in ran.err


def test_a_server_that_is_not_there_exits_with_2(run: Run) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        ran = run("conform", f"http://127.0.0.1:{held.getsockname()[1]}")
    assert (ran.code, ran.out) == (2, b"")
    assert "a broken connection (ConnectError)" in ran.err


async def test_a_wrong_key_exits_with_2_and_is_not_repeated(run: Run, tmp_path: Path) -> None:
    ran = await conform(run, tmp_path, "--key", "a-wrong-one")
    assert (ran.code, ran.out) == (2, b"")
    assert "does not take this key" in ran.err
    assert "a-wrong-one" not in ran.err
