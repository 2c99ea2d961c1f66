"""The systemd unit: what systemd says of it, and what the server makes of what it says."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.support.waiting import until
from vivavoce.server.ending import DRAIN_S
from vivavoce.server.listening import LAST_WORDS_S

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "vivavoce.service"
ANALYZE = shutil.which("systemd-analyze")
PROGRAM, CONFIGURATION, HOME = "/opt/vivavoce/bin/vivavoce", "/etc/vivavoce/vivavoce.toml", "/var/lib/vivavoce"
LIMIT_S = 60.0
ENGINES = """\
[server]
port = 0
[engines.all]
use = "scripted"
options = { says = "one two three four five six seven eight nine ten", token_ms = 100 }
[models."slow"]
think = "all"
"""


def said(name: str) -> list[str]:
    """What a key of the unit says, each time it is there."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
def test_systemd_understands_it_and_finds_little_exposed(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"))  # the program must be there
    for asked in (["verify", here], ["security", "--offline=yes", "--threshold=20", here]):
        done = subprocess.run([ANALYZE, *asked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert subprocess.run([ANALYZE, "verify", here], capture_output=True, text=True, check=False).stderr == ""


def test_it_waits_for_longer_than_the_server_does_and_leaves_the_engines_to_it() -> None:
    assert int(said("TimeoutStopSec")[0]) >= DRAIN_S + 2 * LAST_WORDS_S + 10
    assert (said("KillMode"), said("KillSignal")) == (["mixed"], ["SIGTERM"])
    assert said("Type") == ["exec"]  # the server tells systemd nothing


async def test_the_server_starts_reloads_and_ends_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text((ROOT / "deploy" / "vivavoce.toml").read_text() + ENGINES)
    program, *arguments = shlex.split(said("ExecStart")[0])
    assert program == PROGRAM
    arguments = [argument.replace(CONFIGURATION, str(tmp_path / "vivavoce.toml")) for argument in arguments]
    told = dict(each.replace(HOME, str(tmp_path / "home")).split("=") for each in said("Environment"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **told}
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-m", "vivavoce", *arguments], stdout=file, stderr=file, env=environment, umask=0o077
        ) as process,
    ):
        try:
            await until(lambda: b"http://" in log.read_bytes() or process.poll() is not None, LIMIT_S)
            found = re.search(r"http://[0-9.:]+", log.read_text())
            assert found, log.read_text()
            process.send_signal(signal.SIGHUP)
            assert said("ExecReload") == ["/bin/kill -HUP $MAINPID"]
            await until(lambda: b"was read again" in log.read_bytes(), LIMIT_S)
            async with httpx2.AsyncClient(base_url=found[0], trust_env=False, timeout=LIMIT_S) as http:
                body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
                async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                    lines = answer.aiter_lines()
                    while "content" not in await anext(lines):
                        pass
                    process.send_signal(signal.SIGTERM)
                    rest = [line async for line in lines]
            assert "data: [DONE]" in rest[-2:]
            assert await asyncio.to_thread(process.wait, LIMIT_S) == 0
        finally:
            process.kill()
    assert all(json.loads(line) for line in log.read_text().splitlines())
    kept = list((tmp_path / "home").rglob("*"))
    assert kept
    assert not [path for path in kept if path.stat().st_mode & 0o077]
